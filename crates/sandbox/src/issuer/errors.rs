//! Entra's numbered errors in their three forms: JSON, a page, and parameters of a redirect.

use http::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use super::{json, pages};
use crate::random::guid_of;
use crate::server::{Body, Inbound};

/// A request that the issuer refuses.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// The AADSTS number.
    pub(crate) number: u32,
    /// The OAuth error code.
    pub(crate) error: String,
    text: String,
    status: StatusCode,
}

impl Refusal {
    pub(crate) fn new(number: u32, error: &str, text: &str) -> Refusal {
        let status =
            if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        Refusal { number, error: error.to_owned(), text: text.to_owned(), status }
    }

    pub(crate) fn missing(parameter: &str) -> Refusal {
        Refusal::new(
            900_144,
            "invalid_request",
            &format!("The request body must contain the following parameter: '{parameter}'."),
        )
    }

    pub(crate) fn unknown_client(client_id: &str, tenant_name: &str) -> Refusal {
        Refusal::new(
            700_016,
            "unauthorized_client",
            &format!(
                "Application with identifier '{client_id}' was not found in the directory '{tenant_name}'. This can \
                 happen if the application has not been installed by the administrator of the tenant or consented to \
                 by any user in the tenant. You may have sent your authentication request to the wrong tenant."
            ),
        )
    }

    /// `AADSTSnnnnn: text`.
    pub(crate) fn headline(&self) -> String {
        format!("AADSTS{}: {}", self.number, self.text)
    }

    /// The form of the token endpoint.
    pub(crate) fn json(&self, inbound: &Inbound) -> Response<Body> {
        let marks = Marks::of(inbound);
        json(
            self.status,
            &json!({
                "error": self.error,
                "error_description": self.description(&marks),
                "error_codes": [self.number],
                "timestamp": marks.timestamp,
                "trace_id": marks.trace,
                "correlation_id": marks.correlation,
                "error_uri": format!("{}/error?code={}", inbound.origin(), self.number),
            }),
        )
    }

    /// The form for a person, when no redirect may be trusted.
    pub(crate) fn page(&self, inbound: &Inbound) -> Response<Body> {
        pages::error(
            StatusCode::OK,
            "Sorry, but we’re having trouble signing you in.",
            &self.headline(),
            Some(self),
            inbound,
        )
    }

    /// The parameters of a redirect back to the client.
    pub(crate) fn redirect_parameters(&self, inbound: &Inbound) -> Vec<(&'static str, String)> {
        vec![
            ("error", self.error.clone()),
            ("error_description", self.description(&Marks::of(inbound))),
            ("error_uri", format!("{}/error?code={}", inbound.origin(), self.number)),
        ]
    }

    fn description(&self, marks: &Marks) -> String {
        format!(
            "{}\r\nTrace ID: {}\r\nCorrelation ID: {}\r\nTimestamp: {}",
            self.headline(),
            marks.trace,
            marks.correlation,
            marks.timestamp
        )
    }
}

/// What support asks for: derived from the request, so that it costs no randomness.
pub(crate) struct Marks {
    pub(crate) trace: String,
    pub(crate) correlation: String,
    pub(crate) timestamp: String,
}

impl Marks {
    pub(crate) fn of(inbound: &Inbound) -> Marks {
        let trace = guid_of(&inbound.request_id);
        let correlation = inbound
            .header("client-request-id")
            .map_or_else(|| guid_of(&format!("correlation {}", inbound.request_id)), str::to_owned);
        Marks { trace, correlation, timestamp: entra_time(inbound.now) }
    }
}

fn entra_time(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

//! Graph's errors: a code, a message, and the marks that Microsoft's support asks for.

use http::{Response, StatusCode, header};
use serde_json::json;

use crate::issuer::errors::Marks;
use crate::server::{Body, Inbound};

/// A call that Graph refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GraphError {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    /// A finer code and what it is about.
    detail: Option<(String, String)>,
}

impl GraphError {
    pub(super) fn new(status: u16, code: &str, message: &str) -> GraphError {
        GraphError { status, code: code.to_owned(), message: message.to_owned(), detail: None }
    }

    pub(super) fn bad(message: &str) -> GraphError {
        GraphError::new(400, "Request_BadRequest", message)
    }

    /// A value that a property does not take.
    pub(super) fn value(property: &str, resource: &str) -> GraphError {
        GraphError::bad(&format!(
            "Invalid value specified for property '{property}' of resource '{resource}'."
        ))
        .detailed("InvalidValue", property)
    }

    /// The same, with the rule that was broken.
    pub(super) fn rule(property: &str, rule: &str) -> GraphError {
        GraphError::bad(&format!("{rule} (property '{property}')")).detailed("InvalidValue", property)
    }

    /// A property that has to be there.
    pub(super) fn required(property: &str, resource: &str) -> GraphError {
        GraphError::bad(&format!("A value is required for property '{property}' of resource '{resource}'."))
            .detailed("PropertyRequired", property)
    }

    pub(super) fn not_found(id: &str) -> GraphError {
        GraphError::new(
            404,
            "Request_ResourceNotFound",
            &format!(
                "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
            ),
        )
    }

    pub(super) fn denied() -> GraphError {
        GraphError::new(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    pub(super) fn detailed(self, code: &str, target: &str) -> GraphError {
        GraphError { detail: Some((code.to_owned(), target.to_owned())), ..self }
    }

    pub(super) fn answer(&self, inbound: &Inbound) -> Response<Body> {
        let mut error = json!({
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": inbound.now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                "request-id": request_id(inbound, "request-id"),
                "client-request-id": request_id(inbound, "client-request-id"),
            },
        });
        if let Some((code, target)) = &self.detail {
            error["details"] = json!([{"code": code, "message": self.message, "target": target}]);
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = super::super::json(status, &json!({ "error": error }));
        if status == StatusCode::UNAUTHORIZED {
            let challenge = format!(
                "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", client_id=\"{}\"",
                inbound.origin(),
                crate::world::tenant::GRAPH_APP
            );
            if let Ok(challenge) = challenge.parse() {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
        }
        response
    }
}

/// The request's own mark, and the client's, which repeats what the client sent.
pub(super) fn request_id(inbound: &Inbound, name: &str) -> String {
    let marks = Marks::of(inbound);
    if name == "request-id" || inbound.header("client-request-id").is_none() {
        return marks.trace;
    }
    marks.correlation
}

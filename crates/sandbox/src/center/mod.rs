//! IAM Identity Center: the sign-in that clients speak to (`sso-oidc`) and the access portal that gives role
//! credentials (`sso`), both in REST-JSON with AWS's exception names.
//!
//! People are those of the issuer's directory, as if it were the instance's identity source.

mod oidc;
mod pages;
mod portal;
mod visit;

use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::doors::{plain, unless};
use crate::server::{Body, Inbound, full};
use crate::world::Core;

/// A refusal by AWS's exception name.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    status: StatusCode,
    code: String,
    message: String,
}

impl Fault {
    pub(crate) fn new(status: StatusCode, code: &str, message: &str) -> Fault {
        Fault { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// A refusal of the sign-in, with the status that the model gives its exception.
    fn of(code: &str, message: &str) -> Fault {
        let status = match code {
            "InvalidClientException" => StatusCode::UNAUTHORIZED,
            "InternalServerException" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Fault::new(status, code, message)
    }

    /// The OAuth name: `InvalidGrantException` is `invalid_grant`.
    fn oauth(&self) -> String {
        if self.code == "InternalServerException" {
            return "server_error".to_owned();
        }
        let name = self.code.strip_suffix("Exception").unwrap_or(&self.code);
        name.chars().enumerate().fold(String::new(), |mut snake, (position, character)| {
            if character.is_ascii_uppercase() && position > 0 {
                snake.push('_');
            }
            snake.push(character.to_ascii_lowercase());
            snake
        })
    }

    /// The form of the sign-in's API.
    pub(crate) fn oidc(&self) -> Response<Body> {
        let body = json!({"error": self.oauth(), "error_description": self.message});
        self.respond(&body, "com.amazonaws.sso.oidc")
    }

    /// The form of the portal's API.
    pub(crate) fn portal(&self) -> Response<Body> {
        let kind = format!("com.amazonaws.switchboard.portal#{}", self.code);
        self.respond(&json!({"message": self.message, "__type": kind}), "com.amazonaws.switchboard.portal")
    }

    fn respond(&self, body: &Value, space: &str) -> Response<Body> {
        let mut response = json_answer(self.status, body);
        let kind = format!("{}:http://internal.amazon.com/coral/{space}/", self.code);
        if let Ok(kind) = HeaderValue::from_str(&kind) {
            response.headers_mut().insert("x-amzn-errortype", kind);
        }
        response
    }
}

fn json_answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Performs a request of the sign-in: of a client's, or of a person's browser.
pub(crate) fn sign_in(core: &Core, inbound: &Inbound, operation: &str) -> Response<Body> {
    let api = |perform: fn(&Core, &Inbound, &Value) -> Result<Value, Fault>| {
        if let Some(refused) = unless(&Method::POST, inbound) {
            return refused;
        }
        let performed = serde_json::from_slice::<Value>(&inbound.body)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| Fault::of("InvalidRequestException", "Invalid request"))
            .and_then(|input| perform(core, inbound, &input));
        match performed {
            Ok(output) => json_answer(StatusCode::OK, &output),
            Err(fault) => fault.oidc(),
        }
    };
    let mut response = match operation {
        "RegisterClient" => api(oidc::register),
        "StartDeviceAuthorization" => api(oidc::start_device),
        "CreateToken" => api(oidc::create_token),
        "authorize" => visit::authorize(core, inbound),
        "device" => visit::device(core, inbound),
        "login" => visit::login(core, inbound),
        "confirm" => visit::confirm(core, inbound),
        _ => plain(StatusCode::NOT_FOUND, "There is nothing at this address."),
    };
    stamp(&mut response, inbound);
    response
}

/// Performs a request of the access portal.
pub(crate) fn portal(core: &Core, inbound: &Inbound, operation: &str) -> Response<Body> {
    let method = if operation == "Logout" { Method::POST } else { Method::GET };
    let mut response = match unless(&method, inbound) {
        Some(refused) => refused,
        None => match portal::call(core, inbound, operation) {
            Ok(Some(output)) => json_answer(StatusCode::OK, &output),
            Ok(None) => Response::new(full("")),
            Err(fault) => fault.portal(),
        },
    };
    stamp(&mut response, inbound);
    response
}

fn stamp(response: &mut Response<Body>, inbound: &Inbound) {
    if let Ok(id) = HeaderValue::from_str(&inbound.request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_have_their_oauth_names() {
        for (code, name) in [
            ("InvalidGrantException", "invalid_grant"),
            ("AuthorizationPendingException", "authorization_pending"),
            ("InvalidRedirectUriException", "invalid_redirect_uri"),
            ("InternalServerException", "server_error"),
        ] {
            assert_eq!(Fault::of(code, "").oauth(), name);
        }
        assert_eq!(Fault::of("InvalidClientException", "").status, StatusCode::UNAUTHORIZED);
    }
}

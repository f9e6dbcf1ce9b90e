//! The token endpoint: the forms that go there and the answers that come back.
//!
//! Pure: it builds requests and reads answers. An answer is read leniently where issuers are careless (`expires_in`
//! as a text) and what it holds is believed only after [`token_check`](super::token_check). The access token is kept
//! to check `at_hash`, and handed on for those who asked for the scopes of a service: nothing here ever uses it.

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use pintail_core::name::ClientId;
use pintail_core::retry::Retry;
use pintail_core::seam::{HttpRequest, HttpResponse, Random};
use pintail_core::secret::Secret;
use serde_json::{Map, Value};
use url::Url;

use super::authority::Authority;
use super::authorize::Scopes;
use super::client_auth::ClientAuthentication;
use super::discovery::Metadata;
use super::oauth_error::{IssuerError, status_passes};
use super::pkce::{RequestId, Verifier};

/// Who asks for tokens, and where.
#[derive(Clone, Debug)]
pub struct Client {
    /// Who signs people in.
    pub authority: Authority,
    /// The client ID at that authority.
    pub client_id: ClientId,
    /// How the client proves itself.
    pub authentication: ClientAuthentication,
}

impl Client {
    /// Makes a public client, which is what a program on people's machines is.
    pub fn public(authority: Authority, client_id: ClientId) -> Self {
        Self { authority, client_id, authentication: ClientAuthentication::Public }
    }
}

/// What is handed to the token endpoint in exchange for tokens.
#[derive(Debug)]
pub(super) enum Grant<'a> {
    Code { code: &'a Secret, verifier: &'a Verifier, redirect_uri: &'a str, scopes: &'a Scopes },
    DeviceCode(&'a Secret),
    RefreshToken { token: &'a Secret, scopes: &'a Scopes },
}

/// What every request of one sign-in has in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender<'a> {
    pub(super) client: &'a Client,
    pub(super) metadata: &'a Metadata,
    pub(super) request_id: &'a RequestId,
    pub(super) random: &'a dyn Random,
    pub(super) now: Timestamp,
}

impl Sender<'_> {
    /// Builds the request that exchanges `grant` for tokens.
    pub(super) fn token_request(&self, grant: &Grant<'_>) -> HttpRequest {
        let scopes = match grant {
            Grant::Code { scopes, .. } | Grant::RefreshToken { scopes, .. } => scopes.to_string(),
            Grant::DeviceCode(_) => String::new(),
        };
        let fields = match grant {
            Grant::Code { code, verifier, redirect_uri, .. } => vec![
                ("grant_type", "authorization_code"),
                ("code", code.expose()),
                ("code_verifier", verifier.secret().expose()),
                ("redirect_uri", redirect_uri),
                ("scope", &scopes),
            ],
            Grant::DeviceCode(code) => vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("device_code", code.expose()),
            ],
            Grant::RefreshToken { token, .. } => {
                vec![("grant_type", "refresh_token"), ("refresh_token", token.expose()), ("scope", &scopes)]
            }
        };
        self.post(self.metadata.token_endpoint.clone(), fields)
    }

    /// Builds a form post with the client's proof, which is made anew for each request.
    pub(super) fn post(&self, endpoint: Url, fields: Vec<(&str, &str)>) -> HttpRequest {
        let id = RequestId::new(self.random);
        let client = self.client;
        let proof = client.authentication.prove(&client.client_id, self.metadata, id.as_str(), self.now);
        let proof_fields = proof.fields.iter().map(|(name, value)| (*name, value.expose()));
        let mut request = HttpRequest::post_form(endpoint, fields.into_iter().chain(proof_fields));
        if let Some(authorization) = proof.authorization {
            request.headers.insert(AUTHORIZATION, authorization);
        }
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let id = HeaderValue::from_str(self.request_id.as_str()).expect("a UUID is a header value");
        request.headers.insert(HeaderName::from_static("client-request-id"), id);
        request
    }
}

/// What the token endpoint gave, nothing of it believed.
#[derive(Debug)]
pub(super) struct TokenAnswer {
    pub(super) id_token: Option<Secret>,
    pub(super) refresh_token: Option<Secret>,
    pub(super) access_token: Option<Secret>,
}

/// Why an answer gave nothing.
#[derive(Debug)]
pub(super) enum Refused {
    /// The issuer said why.
    Issuer(Box<IssuerError>),
    /// The answer is none that an issuer gives.
    Unreadable { status: StatusCode },
}

/// Reads an answer of the token endpoint.
pub(super) fn read_token_answer(response: &HttpResponse) -> Result<TokenAnswer, Refused> {
    let document = read_document(response)?;
    let secret = |member: &str| {
        document.get(member).and_then(Value::as_str).filter(|text| !text.is_empty()).map(Secret::new)
    };
    Ok(TokenAnswer {
        id_token: secret("id_token"),
        refresh_token: secret("refresh_token"),
        access_token: secret("access_token"),
    })
}

/// Reads a JSON answer and takes out an error, whatever the status says.
pub(super) fn read_document(response: &HttpResponse) -> Result<Map<String, Value>, Refused> {
    let status = response.status;
    let Ok(Value::Object(document)) = serde_json::from_slice(&response.body) else {
        return Err(Refused::Unreadable { status });
    };
    match IssuerError::from_json(status, &document) {
        Some(error) => Err(Refused::Issuer(Box::new(error))),
        None if status.is_success() => Ok(document),
        None => Err(Refused::Unreadable { status }),
    }
}

/// Reads a number of seconds that may come as a number or as a text.
pub(crate) fn seconds(value: Option<&Value>) -> Option<Duration> {
    let seconds = match value? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // A year bounds what a careless issuer may ask us to wait.
    (0.0..=31_536_000.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// Tells whether an answer speaks of a fault that passes, so that the same request is worth another attempt.
pub fn passing_fault(response: &HttpResponse, now: Timestamp) -> Option<Retry> {
    let in_body = || match read_document(response) {
        Err(Refused::Issuer(error)) => {
            error.retry() == Retry::Backoff && error.error != "authorization_pending"
        }
        _ => false,
    };
    // "slow_down" and "authorization_pending" are the device flow's ordinary answers.
    if response.status.is_success() || !(status_passes(response.status) || in_body()) {
        return None;
    }
    if matches!(read_document(response), Err(Refused::Issuer(error)) if error.error == "slow_down") {
        return None;
    }
    Some(retry_after(response, now).map_or(Retry::Backoff, Retry::After))
}

/// Reads `Retry-After`, a number of seconds or a date.
fn retry_after(response: &HttpResponse, now: Timestamp) -> Option<Duration> {
    let text = response.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    http_date(text)?.duration_since(now).try_into().ok()
}

/// Reads a date as HTTP headers have it.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::testing::{CLIENT, ISSUER, NOON, metadata};
    use http::HeaderMap;
    use pintail_core::seam::SeededRandom;
    use serde_json::json;

    fn response(status: u16, body: &str) -> HttpResponse {
        let status = StatusCode::from_u16(status).unwrap();
        HttpResponse { status, headers: HeaderMap::new(), body: body.to_owned().into() }
    }

    fn form(grant: &Grant<'_>) -> Vec<(String, String)> {
        let random = SeededRandom::new(1);
        let client = Client::public(ISSUER.parse().unwrap(), CLIENT.parse().unwrap());
        let (metadata, request_id) = (metadata(), RequestId::new(&random));
        let sender = Sender {
            client: &client,
            metadata: &metadata,
            request_id: &request_id,
            random: &random,
            now: NOON.parse().unwrap(),
        };
        let request = sender.token_request(grant);
        assert_eq!(request.headers["client-request-id"], request_id.as_str());
        assert_eq!(request.headers[ACCEPT], "application/json");
        assert_eq!(request.url, metadata.token_endpoint);
        url::form_urlencoded::parse(&request.body).into_owned().collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_grant_has_its_form() {
        let verifier = Verifier::new(&SeededRandom::new(2));
        let (secret, scopes) = (Secret::new("the secret"), Scopes::default());
        let code = Grant::Code {
            code: &secret,
            verifier: &verifier,
            redirect_uri: "http://localhost:1/",
            scopes: &scopes,
        };
        assert_eq!(
            form(&code),
            pairs(&[
                ("grant_type", "authorization_code"),
                ("code", "the secret"),
                ("code_verifier", verifier.secret().expose()),
                ("redirect_uri", "http://localhost:1/"),
                ("scope", "openid profile offline_access"),
                ("client_id", CLIENT),
            ])
        );
        assert_eq!(
            form(&Grant::RefreshToken { token: &secret, scopes: &scopes }),
            pairs(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", "the secret"),
                ("scope", "openid profile offline_access"),
                ("client_id", CLIENT),
            ])
        );
        assert_eq!(
            form(&Grant::DeviceCode(&secret)),
            pairs(&[
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("device_code", "the secret"),
                ("client_id", CLIENT),
            ])
        );
        assert!(!format!("{code:?}").contains("the secret"));
    }

    #[test]
    fn answers_are_read_leniently_and_kept_secret() {
        let body = r#"{"token_type":"Bearer","expires_in":"3599","id_token":"i","refresh_token":"r","access_token":"a"}"#;
        let answer = read_token_answer(&response(200, body)).unwrap();
        assert!(answer.id_token.as_ref().is_some_and(|token| token.matches("i")));
        assert!(answer.refresh_token.is_some() && answer.access_token.is_some());
        assert!(!format!("{answer:?}").contains("\"i\""));
        assert!(read_token_answer(&response(200, r#"{"id_token":""}"#)).unwrap().id_token.is_none());
        for (value, read) in [
            (json!(5), Some(5)),
            (json!("5"), Some(5)),
            (json!("soon"), None),
            (json!(-1), None),
            (json!(1e300), None),
            (json!([]), None),
        ] {
            assert_eq!(seconds(Some(&value)), read.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn an_error_is_an_error_whatever_its_status() {
        for status in [200, 400, 500] {
            let refused = read_token_answer(&response(status, r#"{"error":"invalid_grant"}"#)).unwrap_err();
            assert!(matches!(refused, Refused::Issuer(error) if error.error == "invalid_grant"));
        }
        for (status, body) in [(200, "<html>"), (502, "<html>"), (404, "{}"), (200, "[]")] {
            let refused = read_token_answer(&response(status, body)).unwrap_err();
            assert!(matches!(refused, Refused::Unreadable { status: seen } if seen == status), "{body}");
        }
    }

    #[test]
    fn faults_that_pass_are_told_from_those_that_stay() {
        let now = NOON.parse().unwrap();
        let judge = |status, body: &str| passing_fault(&response(status, body), now);
        for (status, body, verdict) in [
            (200, "{}", None),
            (503, "", Some(Retry::Backoff)),
            (429, "{}", Some(Retry::Backoff)),
            (400, r#"{"error":"temporarily_unavailable"}"#, Some(Retry::Backoff)),
            (400, r#"{"error":"invalid_request","error_codes":[90033]}"#, Some(Retry::Backoff)),
            (400, r#"{"error":"invalid_grant"}"#, None),
            (400, r#"{"error":"authorization_pending"}"#, None),
            (400, r#"{"error":"slow_down"}"#, None),
            (429, r#"{"error":"slow_down"}"#, None),
            (404, "", None),
            (501, "", None),
        ] {
            assert_eq!(judge(status, body), verdict, "{status} {body}");
        }
        for (text, wait_seconds) in [("7", 7), ("Mon, 23 Nov 2026 12:00:30 GMT", 30)] {
            let mut answer = response(503, "");
            answer.headers.insert(RETRY_AFTER, text.parse().unwrap());
            assert_eq!(passing_fault(&answer, now), Some(Retry::After(Duration::from_secs(wait_seconds))));
        }
        let mut past = response(503, "");
        past.headers.insert(RETRY_AFTER, "Mon, 23 Nov 2026 11:00:00 GMT".parse().unwrap());
        assert_eq!(passing_fault(&past, now), Some(Retry::Backoff));
    }
}

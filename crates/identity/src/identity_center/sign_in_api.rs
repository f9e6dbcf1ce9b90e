//! The sign-in service (`sso-oidc`): what is sent there and what comes back.
//!
//! Pure: OAuth in all but its letters: bodies are JSON in camelCase, the client registers itself first, and the
//! authorization request calls its scopes `scopes`. The shapes are those of the service model `sso-oidc` of 2019-06-10 and of the AWS
//! CLI, whose requests are the ones the service is known to accept.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pintail_core::retry::Retry;
use pintail_core::seam::{HttpRequest, HttpResponse};
use pintail_core::secret::Secret;
use serde_json::{Map, Value, json};
use url::Url;

use super::answer::{
    ANSWER_BYTES_MAX, AnswerError, Document, SECRET_BYTES_MAX, exception, object, still_ahead,
};
use super::config::{Endpoints, IdentityCenterConfig};
use super::record::Client;
use crate::oidc::{DeviceError, IssuerError, Polling, Verifier, seconds};

/// What the consent page calls this program.
const CLIENT_NAME: &str = "Pintail";

/// What stays as it is in a query: RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The service's word for the grant of a device code.
const DEVICE_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Why the service gave nothing.
#[derive(Debug)]
pub(super) enum Refused {
    /// It said why.
    Issuer(Box<IssuerError>),
    /// Its answer is none that it should give.
    Answer(AnswerError),
}

impl From<AnswerError> for Refused {
    fn from(error: AnswerError) -> Self {
        Self::Answer(error)
    }
}

/// What is exchanged for an access token.
#[derive(Debug)]
pub(super) enum Grant<'a> {
    Code { code: &'a Secret, verifier: &'a Verifier, redirect_uri: &'a str },
    DeviceCode(&'a Secret),
    RefreshToken(&'a Secret),
}

/// What the service gave for a grant.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) access_token: Secret,
    pub(super) expires_at: Timestamp,
    pub(super) refresh_token: Option<Secret>,
}

/// Builds the request that registers this program; with a redirect address (without a port) for the browser flow.
pub(super) fn registration(
    endpoints: &Endpoints,
    config: &IdentityCenterConfig,
    redirect_uri: Option<&str>,
) -> HttpRequest {
    let mut body = json!({ "clientName": CLIENT_NAME, "clientType": "public", "scopes": config.scopes });
    if let Some(redirect_uri) = redirect_uri {
        body["grantTypes"] = json!(["authorization_code", "refresh_token"]);
        body["redirectUris"] = json!([redirect_uri]);
        body["issuerUrl"] = json!(config.start_url.as_str());
    }
    post(endpoints.oidc("/client/register"), &body)
}

/// Builds the request for a device code.
pub(super) fn device_authorization(
    endpoints: &Endpoints,
    config: &IdentityCenterConfig,
    client: &Client,
) -> HttpRequest {
    let body = json!({
        "clientId": client.id,
        "clientSecret": client.secret.expose(),
        "startUrl": config.start_url.as_str(),
    });
    post(endpoints.oidc("/device_authorization"), &body)
}

/// Builds the request that exchanges a grant for an access token.
pub(super) fn token(endpoints: &Endpoints, client: &Client, grant: &Grant<'_>) -> HttpRequest {
    let mut body = json!({ "clientId": client.id, "clientSecret": client.secret.expose() });
    match grant {
        Grant::Code { code, verifier, redirect_uri } => {
            body["grantType"] = json!("authorization_code");
            body["code"] = json!(code.expose());
            body["codeVerifier"] = json!(verifier.secret().expose());
            body["redirectUri"] = json!(redirect_uri);
        }
        Grant::DeviceCode(code) => {
            body["grantType"] = json!(DEVICE_CODE_GRANT);
            body["deviceCode"] = json!(code.expose());
        }
        Grant::RefreshToken(token) => {
            body["grantType"] = json!("refresh_token");
            body["refreshToken"] = json!(token.expose());
        }
    }
    post(endpoints.oidc("/token"), &body)
}

fn post(url: Url, body: &Value) -> HttpRequest {
    let mut request = HttpRequest::get(url);
    request.method = Method::POST;
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    request.body = body.to_string().into();
    request.response_limit_bytes = ANSWER_BYTES_MAX;
    request
}

/// Builds the address that the browser opens.
pub(super) fn authorization_url(
    endpoints: &Endpoints,
    config: &IdentityCenterConfig,
    client: &Client,
    redirect_uri: &str,
    state: &Secret,
    verifier: &Verifier,
) -> Secret {
    let (scopes, challenge) = (config.scopes.join(" "), verifier.challenge());
    let parameters = [
        ("response_type", "code"),
        ("client_id", &client.id),
        ("redirect_uri", redirect_uri),
        ("state", state.expose()),
        ("code_challenge_method", "S256"),
        ("code_challenge", &challenge),
        ("scopes", &scopes),
    ];
    let mut url = endpoints.oidc("/authorize");
    // By hand, because a form's `+` is not a space to everyone who reads addresses.
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, RESERVED)))
        .collect();
    url.set_query(Some(&pairs.join("&")));
    Secret::new(String::from(url))
}

/// Reads the answer to a registration.
pub(super) fn read_registration(response: &HttpResponse, now: Timestamp) -> Result<Client, Refused> {
    let object = read(response)?;
    let document = Document(&object);
    Ok(Client {
        id: document.word("clientId", SECRET_BYTES_MAX)?.to_owned(),
        secret: document.secret("clientSecret")?,
        expires_at: document.end(
            "clientSecretExpiresAt",
            "registration",
            SignedDuration::from_secs(1),
            now,
        )?,
    })
}

/// Reads the answer to a request for a device code.
pub(super) fn read_device_code(response: &HttpResponse, now: Timestamp) -> Result<Polling, Refused> {
    let object = read(response)?;
    // The same entries as in RFC 8628, written another way.
    let names = [
        ("deviceCode", "device_code"),
        ("userCode", "user_code"),
        ("verificationUri", "verification_uri"),
        ("verificationUriComplete", "verification_uri_complete"),
        ("expiresIn", "expires_in"),
        ("interval", "interval"),
    ];
    let entries =
        names.iter().filter_map(|(theirs, ours)| Some(((*ours).to_owned(), object.get(*theirs)?.clone())));
    let entries: Map<String, Value> = entries.collect();
    Polling::parse(&entries, now).map_err(|error| {
        let DeviceError::Malformed { entry } = error else {
            return AnswerError::Malformed { entry: "deviceCode" }.into();
        };
        let theirs = names.iter().find(|(_, ours)| *ours == entry).map_or(entry, |(theirs, _)| theirs);
        AnswerError::Malformed { entry: theirs }.into()
    })
}

/// Reads the answer to a grant.
pub(super) fn read_token(response: &HttpResponse, now: Timestamp) -> Result<Granted, Refused> {
    let object = read(response)?;
    let document = Document(&object);
    let kind = object.get("tokenType");
    // The portal takes the token as a bearer's. One that is bound to a key would be refused there without a word.
    if !kind.is_none_or(|kind| {
        kind.is_null() || kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"))
    }) {
        return Err(AnswerError::Malformed { entry: "tokenType" }.into());
    }
    let malformed = AnswerError::Malformed { entry: "expiresIn" };
    let life = seconds(object.get("expiresIn")).and_then(|life| SignedDuration::try_from(life).ok());
    let expires_at = life.and_then(|life| now.checked_add(life).ok()).ok_or(malformed)?;
    Ok(Granted {
        access_token: document.secret("accessToken")?,
        expires_at: still_ahead(expires_at, "access token", now)?,
        refresh_token: document.optional_secret("refreshToken")?,
    })
}

fn read(response: &HttpResponse) -> Result<Map<String, Value>, Refused> {
    let object = object(response);
    if let Some(error) = issuer_error(response, object.as_ref().ok()) {
        return Err(Refused::Issuer(Box::new(error)));
    }
    match object {
        Ok(object) if response.status.is_success() => Ok(object),
        _ => Err(AnswerError::Unreadable { status: response.status }.into()),
    }
}

/// Reads an error: OAuth's members as the service model has them, else the name of the exception.
fn issuer_error(response: &HttpResponse, object: Option<&Map<String, Value>>) -> Option<IssuerError> {
    if let Some(error) = object.and_then(|object| IssuerError::from_json(response.status, object)) {
        return Some(error);
    }
    if response.status.is_success() {
        return None;
    }
    let code = match exception(response, object)?.as_str() {
        "InternalServer" => "server_error".to_owned(),
        "InvalidRequestRegion" => "invalid_request".to_owned(),
        name => snake_case(name),
    };
    let message = object.and_then(|object| object.get("message")).and_then(Value::as_str);
    let mut error = IssuerError::new(&code, message);
    error.status = Some(response.status);
    Some(error)
}

/// Writes `InvalidGrant` as `invalid_grant`.
fn snake_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (at, c) in name.char_indices() {
        if at > 0 && c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

/// Tells what would have to change after an error of this service.
pub(super) fn retry(error: &IssuerError) -> Retry {
    match error.retry() {
        // What is said of a client or of a person's right to it is said anew at every sign-in.
        Retry::Never if is_over(error) => Retry::AfterSignIn,
        retry => retry,
    }
}

/// Tells whether the service will not renew this sign-in any more.
pub(super) fn is_over(error: &IssuerError) -> bool {
    matches!(
        error.error.as_str(),
        "access_denied" | "expired_token" | "invalid_client" | "invalid_grant" | "unauthorized_client"
    )
}

/// Tells whether the service does not know our registration (any more).
pub(super) fn is_client_unknown(error: &IssuerError) -> bool {
    matches!(error.error.as_str(), "invalid_client" | "unauthorized_client")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::Personal;
    use http::{HeaderMap, StatusCode};
    use pintail_core::seam::SeededRandom;
    use std::time::Duration;

    fn noon() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn config() -> IdentityCenterConfig {
        let start_url = "https://d-1.awsapps.com/start".parse().unwrap();
        IdentityCenterConfig::new(start_url, "eu-west-1".parse().unwrap())
    }

    fn client() -> Client {
        Client { id: "client-1".into(), secret: Secret::new("hunter2-client"), expires_at: noon() }
    }

    fn response(status: u16, body: &str) -> HttpResponse {
        let status = StatusCode::from_u16(status).unwrap();
        HttpResponse { status, headers: HeaderMap::new(), body: body.to_owned().into() }
    }

    fn sent(request: &HttpRequest) -> (String, Value) {
        assert_eq!(request.headers[CONTENT_TYPE], "application/json");
        (format!("{} {}", request.method, request.url), serde_json::from_slice(&request.body).unwrap())
    }

    #[test]
    fn requests_are_those_of_the_service_model() {
        let (config, client) = (config(), client());
        let endpoints = config.endpoints().unwrap();
        let base = "POST https://oidc.eu-west-1.amazonaws.com";
        assert_eq!(
            sent(&registration(&endpoints, &config, None)),
            (
                format!("{base}/client/register"),
                json!({ "clientName": "Pintail", "clientType": "public", "scopes": ["sso:account:access"] })
            )
        );
        assert_eq!(
            sent(&registration(&endpoints, &config, Some("http://127.0.0.1/oauth/callback"))).1,
            json!({ "clientName": "Pintail", "clientType": "public", "scopes": ["sso:account:access"],
                "grantTypes": ["authorization_code", "refresh_token"],
                "redirectUris": ["http://127.0.0.1/oauth/callback"], "issuerUrl": "https://d-1.awsapps.com/start" })
        );
        assert_eq!(
            sent(&device_authorization(&endpoints, &config, &client)),
            (
                format!("{base}/device_authorization"),
                json!({ "clientId": "client-1", "clientSecret": "hunter2-client", "startUrl": "https://d-1.awsapps.com/start" })
            )
        );
        let (secret, verifier) = (Secret::new("the-grant"), Verifier::new(&SeededRandom::new(1)));
        let code = Grant::Code {
            code: &secret,
            verifier: &verifier,
            redirect_uri: "http://127.0.0.1:1/oauth/callback",
        };
        for (grant, expected) in [
            (
                code,
                json!({ "grantType": "authorization_code", "code": "the-grant", "codeVerifier": verifier.secret().expose(),
                    "redirectUri": "http://127.0.0.1:1/oauth/callback" }),
            ),
            (
                Grant::DeviceCode(&secret),
                json!({ "grantType": "urn:ietf:params:oauth:grant-type:device_code", "deviceCode": "the-grant" }),
            ),
            (
                Grant::RefreshToken(&secret),
                json!({ "grantType": "refresh_token", "refreshToken": "the-grant" }),
            ),
        ] {
            let mut whole = json!({ "clientId": "client-1", "clientSecret": "hunter2-client" });
            whole.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
            assert_eq!(sent(&token(&endpoints, &client, &grant)), (format!("{base}/token"), whole));
        }
    }

    #[test]
    fn the_browser_goes_to_the_authorization_page_with_a_challenge() {
        let config =
            IdentityCenterConfig { scopes: vec!["sso:account:access".into(), "b".into()], ..config() };
        let verifier = Verifier::new(&SeededRandom::new(1));
        let url = authorization_url(
            &config.endpoints().unwrap(),
            &config,
            &client(),
            "http://127.0.0.1:4711/oauth/callback",
            &Secret::new("the-state"),
            &verifier,
        );
        let expected = format!(
            "https://oidc.eu-west-1.amazonaws.com/authorize?response_type=code&client_id=client-1\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Foauth%2Fcallback&state=the-state\
             &code_challenge_method=S256&code_challenge={}&scopes=sso%3Aaccount%3Aaccess%20b",
            verifier.challenge()
        );
        assert_eq!(url.expose(), expected);
    }

    #[test]
    fn a_registration_is_believed_when_it_can_be_used() {
        let whole = json!({ "clientId": "abc", "clientSecret": "hunter2", "clientIdIssuedAt": 1_795_435_200,
            "clientSecretExpiresAt": 1_803_211_200 });
        let client = read_registration(&response(200, &whole.to_string()), noon()).unwrap();
        assert_eq!(
            (client.id.as_str(), client.expires_at.to_string().as_str()),
            ("abc", "2027-02-21T12:00:00Z")
        );
        for (entry, value) in [
            ("clientId", json!("")),
            ("clientId", json!("a b")),
            ("clientSecret", json!(null)),
            ("clientSecretExpiresAt", json!("soon")),
        ] {
            let mut wrong = whole.clone();
            wrong[entry] = value;
            let refused = read_registration(&response(200, &wrong.to_string()), noon()).unwrap_err();
            assert!(
                matches!(refused, Refused::Answer(AnswerError::Malformed { entry: seen }) if seen == entry)
            );
        }
        let late = noon() + SignedDuration::from_hours(24 * 100);
        let over = read_registration(&response(200, &whole.to_string()), late).unwrap_err();
        assert!(matches!(over, Refused::Answer(AnswerError::AlreadyOver { .. })));
    }

    #[test]
    fn a_device_code_is_read_with_the_services_names() {
        let whole = json!({ "deviceCode": "hunter2", "userCode": "ABCD-EFGH", "expiresIn": 600, "interval": 1,
            "verificationUri": "https://device.sso.eu-west-1.amazonaws.com/",
            "verificationUriComplete": "https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH" });
        let polling = read_device_code(&response(200, &whole.to_string()), noon()).unwrap();
        assert_eq!(polling.prompt.user_code, "ABCD-EFGH");
        assert!(polling.prompt.verification_uri_complete.is_some());
        assert_eq!(polling.wait(noon()), Ok(Duration::from_secs(1)));
        for (entry, value) in [
            ("deviceCode", json!(7)),
            ("userCode", json!("\u{1b}[2J")),
            ("verificationUri", json!("http://evil.example/")),
        ] {
            let mut wrong = whole.clone();
            wrong[entry] = value;
            let refused = read_device_code(&response(200, &wrong.to_string()), noon()).unwrap_err();
            assert!(
                matches!(refused, Refused::Answer(AnswerError::Malformed { entry: seen }) if seen == entry)
            );
        }
    }

    #[test]
    fn a_token_is_believed_when_it_can_be_used() {
        let whole = json!({ "accessToken": "hunter2", "tokenType": "Bearer", "expiresIn": 28_800, "refreshToken": "hunter3", "idToken": null });
        let granted = read_token(&response(200, &whole.to_string()), noon()).unwrap();
        assert_eq!(granted.expires_at.to_string(), "2026-11-23T20:00:00Z");
        assert!(granted.refresh_token.is_some());
        assert!(!format!("{granted:?}").contains("hunter"));
        let mut sparse = whole.clone();
        for entry in ["tokenType", "refreshToken", "idToken"] {
            sparse.as_object_mut().unwrap().remove(entry);
        }
        assert!(read_token(&response(200, &sparse.to_string()), noon()).unwrap().refresh_token.is_none());
        for (entry, value) in [
            ("accessToken", json!("")),
            ("accessToken", json!("with\r\nheader: injected")),
            ("accessToken", json!("x".repeat(SECRET_BYTES_MAX + 1))),
            ("refreshToken", json!(["a"])),
            ("tokenType", json!("DPoP")),
            ("expiresIn", json!(-1)),
            ("expiresIn", json!(null)),
            ("expiresIn", json!(1e300)),
        ] {
            let mut wrong = whole.clone();
            wrong[entry] = value;
            let refused = read_token(&response(200, &wrong.to_string()), noon()).unwrap_err();
            assert!(
                matches!(refused, Refused::Answer(AnswerError::Malformed { entry: seen }) if seen == entry),
                "{entry}"
            );
        }
        let mut over = whole;
        over["expiresIn"] = json!(0);
        let refused = read_token(&response(200, &over.to_string()), noon()).unwrap_err();
        assert!(matches!(refused, Refused::Answer(AnswerError::AlreadyOver { what: "access token", .. })));
    }

    #[test]
    fn every_error_is_known_by_its_code_or_by_its_exception() {
        for (status, name, code, verdict, over) in [
            (400, "AccessDenied", "access_denied", Retry::AfterSignIn, true),
            (400, "AuthorizationPending", "authorization_pending", Retry::Backoff, false),
            (400, "ExpiredToken", "expired_token", Retry::AfterSignIn, true),
            (500, "InternalServer", "server_error", Retry::Backoff, false),
            (401, "InvalidClient", "invalid_client", Retry::AfterSignIn, true),
            (400, "InvalidClientMetadata", "invalid_client_metadata", Retry::Never, false),
            (400, "InvalidGrant", "invalid_grant", Retry::AfterSignIn, true),
            (400, "InvalidRedirectUri", "invalid_redirect_uri", Retry::Never, false),
            (400, "InvalidRequest", "invalid_request", Retry::Never, false),
            (400, "InvalidRequestRegion", "invalid_request", Retry::Never, false),
            (400, "InvalidScope", "invalid_scope", Retry::Never, false),
            (400, "SlowDown", "slow_down", Retry::Backoff, false),
            (400, "UnauthorizedClient", "unauthorized_client", Retry::AfterSignIn, true),
            (400, "UnsupportedGrantType", "unsupported_grant_type", Retry::Never, false),
        ] {
            let oauth = response(status, &json!({ "error": code, "error_description": "why" }).to_string());
            let mut bare = response(status, r#"{"message":"why"}"#);
            bare.headers.insert("x-amzn-ErrorType", format!("{name}Exception").parse().unwrap());
            for response in [oauth, bare] {
                let Err(Refused::Issuer(error)) = read_token(&response, noon()) else { panic!("{name}") };
                assert_eq!((error.error.as_str(), retry(&error), is_over(&error)), (code, verdict, over));
                assert_eq!(error.description.as_ref().map(Personal::expose), Some("why"));
            }
        }
        for (status, body) in [(200, "<html>"), (502, "<html>"), (403, "{}"), (302, "")] {
            let refused = read_token(&response(status, body), noon()).unwrap_err();
            assert!(matches!(refused, Refused::Answer(AnswerError::Unreadable { .. })), "{status} {body}");
        }
    }
}

//! Sign-in and exchange in plain requests: what a test uses to know what a server does, without the code under test.
//!
//! The PKCE pair, state and nonce are fixed texts, which is right for a test and wrong for anything else.
//! Every token is put on record as a secret.

use serde_json::Value;
use url::Url;

use crate::http::{self, Response};
use crate::person::Person;
use crate::record;

/// Where a raw sign-in says it listens. Nobody does: the redirect is read, not delivered.
pub const REDIRECT: &str = "http://localhost:49999/";
/// The `state` of a raw sign-in.
pub const STATE: &str = "a-state-that-is-the-same-in-every-raw-sign-in";
/// The `nonce` of a raw sign-in.
pub const NONCE: &str = "a-nonce-that-is-the-same-in-every-raw-sign-in";
/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const SCOPE: &str = "openid profile email offline_access";

/// What an issuer says about itself.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// The whole document.
    pub document: Value,
}

impl Discovery {
    /// Reads the document of an issuer.
    ///
    /// # Panics
    /// Where it cannot be read.
    #[must_use]
    pub fn read(issuer_url: &str) -> Self {
        let url = parse(&format!("{issuer_url}/.well-known/openid-configuration"));
        let response = http::get(&url, &[]).unwrap_or_else(|problem| panic!("{problem}"));
        Self { document: response.json() }
    }

    /// An address of the document, such as `token_endpoint`.
    ///
    /// # Panics
    /// Where the document does not have it.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> Url {
        parse(self.document[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.document)))
    }

    /// The address a person opens to sign in.
    #[must_use]
    pub fn authorize_url(&self, client_id: &str, redirect_uri: &str) -> Url {
        let mut url = self.endpoint("authorization_endpoint");
        url.query_pairs_mut().extend_pairs([
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("response_type", "code"),
            ("response_mode", "query"),
            ("scope", SCOPE),
            ("state", STATE),
            ("nonce", NONCE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        url
    }

    /// Redeems a code; the answer may be a refusal.
    ///
    /// # Panics
    /// Where the endpoint cannot be reached.
    #[must_use]
    pub fn redeem(&self, client_id: &str, redirect_uri: &str, code: &str) -> Response {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("code", code),
            ("code_verifier", VERIFIER),
        ])
    }

    /// Refreshes; the answer may be a refusal.
    ///
    /// # Panics
    /// Where the endpoint cannot be reached.
    #[must_use]
    pub fn refresh(&self, client_id: &str, refresh_token: &str) -> Response {
        self.token(&[
            ("grant_type", "refresh_token"),
            ("client_id", client_id),
            ("refresh_token", refresh_token),
            ("scope", SCOPE),
        ])
    }

    /// Asks for a device code.
    ///
    /// # Panics
    /// Where the endpoint cannot be reached.
    #[must_use]
    pub fn device_code(&self, client_id: &str) -> Value {
        let url = self.endpoint("device_authorization_endpoint");
        let fields = [("client_id", client_id), ("scope", SCOPE)];
        let response = http::post_form(&url, &[], &fields).unwrap_or_else(|problem| panic!("{problem}"));
        keep(&response);
        response.json()
    }

    /// Asks once whether a device has been approved; the answer may be a refusal.
    ///
    /// # Panics
    /// Where the endpoint cannot be reached.
    #[must_use]
    pub fn redeem_device(&self, client_id: &str, device_code: &str) -> Response {
        self.token(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", client_id),
            ("device_code", device_code),
        ])
    }

    /// Posts any form to the token endpoint.
    ///
    /// # Panics
    /// Where the endpoint cannot be reached.
    #[must_use]
    pub fn token(&self, fields: &[(&str, &str)]) -> Response {
        let url = self.endpoint("token_endpoint");
        let response = http::post_form(&url, &[], fields).unwrap_or_else(|problem| panic!("{problem}"));
        keep(&response);
        response
    }
}

/// Signs a person in and returns the answer of the token endpoint.
///
/// # Panics
/// Where any step fails.
#[must_use]
pub fn sign_in(issuer_url: &str, client_id: &str, person: &mut Person) -> Value {
    let discovery = Discovery::read(issuer_url);
    let url = discovery.authorize_url(client_id, REDIRECT);
    let redirect = person.authorize(url.as_str()).unwrap_or_else(|problem| panic!("{problem}"));
    let code = query(&redirect, "code").unwrap_or_else(|| panic!("no code in the redirect"));
    let response = discovery.redeem(client_id, REDIRECT, &code);
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

/// Exchanges an ID token at an STS; the answer may be a refusal.
///
/// # Panics
/// Where the STS cannot be reached.
#[must_use]
pub fn exchange(sts_url: &str, role_arn: &str, id_token: &str) -> Response {
    let fields = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role_arn),
        ("RoleSessionName", "raw"),
        ("WebIdentityToken", id_token),
    ];
    let response = http::post_form(&parse(&format!("{sts_url}/")), &[], &fields);
    let response = response.unwrap_or_else(|problem| panic!("{problem}"));
    let text = response.text();
    for name in ["SecretAccessKey", "SessionToken"] {
        if let Some(value) = element(&text, name) {
            record::secret(name, &value);
        }
    }
    response
}

/// Text of the first XML element of that name.
#[must_use]
pub fn element(xml: &str, name: &str) -> Option<String> {
    let after = xml.split_once(&format!("<{name}>"))?.1;
    Some(crate::markup::unescape(after.split_once(&format!("</{name}>"))?.0))
}

/// Claims of a token, unchecked.
///
/// # Panics
/// Where it is no JWT.
#[must_use]
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

/// Header of a token.
///
/// # Panics
/// Where it is no JWT.
#[must_use]
pub fn header(token: &str) -> Value {
    part(token, 0)
}

/// Value of a query member.
#[must_use]
pub fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

fn part(token: &str, index: usize) -> Value {
    use base64::Engine as _;
    let text = token.split('.').nth(index).unwrap_or_else(|| panic!("not a JWT"));
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text);
    let bytes = bytes.unwrap_or_else(|error| panic!("not a JWT: {error}"));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("not a JWT: {error}"))
}

fn keep(response: &Response) {
    for (name, value) in record::secrets_within(&response.text()) {
        record::secret(&name, &value);
    }
}

fn parse(url: &str) -> Url {
    Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

//! The discovery document: where an issuer's endpoints are and what it promises.
//!
//! Pure: a body in, [`Metadata`] out. What the document leaves out never weakens us: PKCE with S256 is always used,
//! because Entra supports it and does not say so.

use std::fmt;

use serde_json::Value;
use url::Url;

use super::authority::{Authority, AuthorityError, IssuerMismatch, IssuerRule, secure_url};

/// What a discovery document says, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Which issuer a token must name.
    pub issuer: IssuerRule,
    /// Where the browser goes.
    pub authorization_endpoint: Option<Url>,
    /// Where codes and refresh tokens are exchanged.
    pub token_endpoint: Url,
    /// Where a device code is asked for, if the issuer has device codes.
    pub device_authorization_endpoint: Option<Url>,
    /// Where the signing keys are.
    pub jwks_uri: Url,
    /// Where a browser session is ended, if the issuer tells.
    pub end_session_endpoint: Option<Url>,
    /// Where the issuer tells about a person. At Entra it belongs to Microsoft Graph.
    pub userinfo_endpoint: Option<Url>,
    /// The issuer promises to name itself in each authorization answer (RFC 9207).
    pub answers_name_issuer: bool,
    /// How clients may authenticate; `None` when the issuer does not tell.
    pub client_authentication_methods: Option<Vec<String>>,
    /// How client assertions may be signed; `None` when the issuer does not tell.
    pub client_assertion_algorithms: Option<Vec<String>>,
}

/// The endpoints that a sign-in talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The discovery document.
    Discovery,
    /// `authorization_endpoint`, the one a browser visits.
    Authorization,
    /// `token_endpoint`.
    Token,
    /// `device_authorization_endpoint`.
    DeviceAuthorization,
    /// `jwks_uri`.
    Keys,
    /// `end_session_endpoint`.
    EndSession,
    /// Where a client registers itself. Only IAM Identity Center is asked.
    Registration,
    /// The access portal of IAM Identity Center.
    AccessPortal,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discovery => "discovery document",
            Self::Authorization => "authorization endpoint",
            Self::Token => "token endpoint",
            Self::DeviceAuthorization => "device authorization endpoint",
            Self::Keys => "key set",
            Self::EndSession => "end session endpoint",
            Self::Registration => "client registration endpoint",
            Self::AccessPortal => "access portal",
        })
    }
}

/// Why a discovery document was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// It is not a JSON object.
    #[error("the discovery document is not a JSON object")]
    NotJson,
    /// An entry without which nobody can sign in is missing or of the wrong type.
    #[error("the discovery document has no usable \"{entry}\"")]
    Missing {
        /// The entry's name.
        entry: &'static str,
    },
    /// An endpoint's address is not one that tokens may travel to.
    #[error("the address of the {endpoint} is refused")]
    Endpoint {
        /// Which endpoint.
        endpoint: Endpoint,
        /// What is wrong with it.
        source: AuthorityError,
    },
    /// It is the document of another issuer.
    #[error("the discovery document is another issuer's")]
    Issuer(#[from] IssuerMismatch),
}

impl Metadata {
    /// Reads a discovery document that was fetched from `authority`.
    pub fn parse(authority: &Authority, body: &[u8]) -> Result<Self, DiscoveryError> {
        let Ok(Value::Object(document)) = serde_json::from_slice(body) else {
            return Err(DiscoveryError::NotJson);
        };
        let text = |entry: &str| document.get(entry).and_then(Value::as_str);
        let endpoint = |entry, endpoint| {
            text(entry)
                .map(|text| {
                    endpoint_url(text).map_err(|source| DiscoveryError::Endpoint { endpoint, source })
                })
                .transpose()
        };
        let required = |entry, which| endpoint(entry, which)?.ok_or(DiscoveryError::Missing { entry });
        let list = |entry: &str| {
            let items = document.get(entry)?.as_array()?;
            Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        };
        let issuer = text("issuer").ok_or(DiscoveryError::Missing { entry: "issuer" })?;
        Ok(Self {
            issuer: authority.resolve(issuer)?,
            authorization_endpoint: endpoint("authorization_endpoint", Endpoint::Authorization)?,
            token_endpoint: required("token_endpoint", Endpoint::Token)?,
            device_authorization_endpoint: endpoint(
                "device_authorization_endpoint",
                Endpoint::DeviceAuthorization,
            )?,
            jwks_uri: required("jwks_uri", Endpoint::Keys)?,
            end_session_endpoint: endpoint("end_session_endpoint", Endpoint::EndSession)?,
            userinfo_endpoint: text("userinfo_endpoint").and_then(|text| endpoint_url(text).ok()),
            answers_name_issuer: document
                .get("authorization_response_iss_parameter_supported")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            client_authentication_methods: list("token_endpoint_auth_methods_supported"),
            client_assertion_algorithms: list("token_endpoint_auth_signing_alg_values_supported"),
        })
    }
}

/// Endpoints follow the authority's rules but may have a query (Entra's custom policies put one there).
fn endpoint_url(text: &str) -> Result<Url, AuthorityError> {
    let (bare, query) = match text.split_once('?') {
        Some((bare, query)) if !query.contains('#') => (bare, Some(query)),
        _ => (text, None),
    };
    let mut url = secure_url(bare)?;
    url.set_query(query);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRA: &str = r#"{
        "token_endpoint": "https://login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": "https://login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "issuer": "https://login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/v2.0",
        "authorization_endpoint": "https://login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/oauth2/v2.0/authorize",
        "device_authorization_endpoint": "https://login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/oauth2/v2.0/devicecode",
        "end_session_endpoint": "https://login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/oauth2/v2.0/logout"
    }"#;

    fn entra() -> Authority {
        Authority::entra("5affffff-0000-4000-8000-00000000000a".parse().unwrap())
    }

    #[test]
    fn entras_document_is_read_without_promises_it_does_not_make() {
        let metadata = Metadata::parse(&entra(), ENTRA.as_bytes()).unwrap();
        assert_eq!(metadata.issuer.tenant(), Some("5affffff-0000-4000-8000-00000000000a"));
        assert!(metadata.token_endpoint.path().ends_with("/oauth2/v2.0/token"));
        assert!(metadata.device_authorization_endpoint.is_some() && metadata.end_session_endpoint.is_some());
        assert!(!metadata.answers_name_issuer);
        assert_eq!(metadata.client_authentication_methods.map(|methods| methods.len()), Some(3));
        assert_eq!(metadata.client_assertion_algorithms, None);
    }

    #[test]
    fn documents_that_would_mislead_are_refused_each_for_its_reason() {
        let parse = |body: &str| Metadata::parse(&entra(), body.as_bytes()).unwrap_err();
        assert_eq!(parse("<html>"), DiscoveryError::NotJson);
        assert_eq!(parse("[]"), DiscoveryError::NotJson);
        assert_eq!(parse("{}"), DiscoveryError::Missing { entry: "issuer" });
        assert_eq!(parse(&ENTRA.replace("jwks_uri", "x")), DiscoveryError::Missing { entry: "jwks_uri" });
        let other = ENTRA.replace("/v2.0\",", "/v2.0/\",");
        let DiscoveryError::Issuer(mismatch) = parse(&other) else { panic!("a slash was let through") };
        assert!(mismatch.seen.ends_with("/v2.0/") && mismatch.expected.ends_with("/v2.0"));
        for (from, to, endpoint) in [
            (
                "https://login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/oauth2/v2.0/token",
                "http://evil.example/token",
                Endpoint::Token,
            ),
            (
                "https://login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/discovery/v2.0/keys",
                "file:///etc/passwd",
                Endpoint::Keys,
            ),
            (
                "https://login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/oauth2/v2.0/authorize",
                "javascript:alert(1)",
                Endpoint::Authorization,
            ),
        ] {
            let refused = parse(&ENTRA.replace(from, to));
            assert!(
                matches!(refused, DiscoveryError::Endpoint { endpoint: seen, .. } if seen == endpoint),
                "{to}"
            );
        }
    }

    #[test]
    fn endpoints_may_carry_a_query_but_no_fragment() {
        assert_eq!(endpoint_url("https://a.example/t?p=1").unwrap().as_str(), "https://a.example/t?p=1");
        assert!(endpoint_url("https://a.example/t#x").is_err());
        assert!(endpoint_url("https://a.example/t?p=1#x").is_err());
    }
}

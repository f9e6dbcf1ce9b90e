//! How the client proves itself at the token endpoint.
//!
//! Nothing, as a public client should: PKCE protects the code. A secret or a certificate is the way out for companies
//! that forbid public clients; a secret that lies on every laptop is none, so the certificate is the lesser evil.
//! Pure: it adds fields and headers to a form and signs assertions; the keys are given.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderValue;
use jiff::Timestamp;
use pintail_core::name::ClientId;
use pintail_core::secret::Secret;
use serde_json::json;
use zeroize::Zeroizing;

use super::discovery::Metadata;
use super::jwks::Algorithm;

/// How the client proves itself.
#[derive(Clone, Debug, Default)]
pub enum ClientAuthentication {
    /// A certificate whose public half the issuer knows (`private_key_jwt`).
    Certificate(ClientCertificate),
    /// Not at all: a public client.
    #[default]
    Public,
    /// A shared secret.
    Secret(Secret),
}

/// A certificate and its RSA key.
#[derive(Clone)]
pub struct ClientCertificate {
    key: Arc<RsaKeyPair>,
    /// SHA-256 of the certificate's DER form, as `x5t#S256` has it.
    thumbprint: String,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

/// Why a certificate or its key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientCertificateError {
    /// There is no `CERTIFICATE` block.
    #[error("the certificate is not PEM with a \"CERTIFICATE\" block")]
    NoCertificate,
    /// There is no private key block that is not encrypted.
    #[error("the key is not PEM with an unencrypted \"PRIVATE KEY\" or \"RSA PRIVATE KEY\" block")]
    NoKey,
    /// The key is no RSA key of 2048 to 8192 bits.
    #[error("the key is not an RSA key of 2048 to 8192 bits")]
    KeyRefused,
}

impl ClientCertificate {
    /// Reads a certificate and its key from PEM texts, which may be the same text.
    ///
    /// Whether the two belong together is not checked: the issuer does.
    pub fn from_pem(certificate: &str, key: &Secret) -> Result<Self, ClientCertificateError> {
        let certificate =
            pem_block(certificate, "CERTIFICATE").ok_or(ClientCertificateError::NoCertificate)?;
        let thumbprint = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &certificate));
        let pair = match pem_block(key.expose(), "PRIVATE KEY") {
            Some(der) => RsaKeyPair::from_pkcs8(&der),
            None => {
                let der = pem_block(key.expose(), "RSA PRIVATE KEY").ok_or(ClientCertificateError::NoKey)?;
                RsaKeyPair::from_der(&der)
            }
        };
        let key = Arc::new(pair.map_err(|_| ClientCertificateError::KeyRefused)?);
        Ok(Self { key, thumbprint })
    }

    fn assertion(
        &self,
        algorithm: Algorithm,
        client_id: &ClientId,
        audience: &str,
        id: &str,
        now: Timestamp,
    ) -> Secret {
        let issued = now.as_second();
        let header = json!({ "alg": algorithm.name(), "typ": "JWT", "x5t#S256": self.thumbprint });
        let claims = json!({
            "aud": audience, "iss": client_id.as_str(), "sub": client_id.as_str(), "jti": id,
            "iat": issued, "nbf": issued, "exp": issued + ASSERTION_SECONDS,
        });
        let encode = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let padding: &'static dyn RsaEncoding =
            if algorithm == Algorithm::Rs256 { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(padding, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a key that was accepted signs, and the buffer has its size");
        Secret::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// An assertion is used at once; this leaves room for clocks that differ.
const ASSERTION_SECONDS: i64 = 300;

/// Returns the bytes of the first PEM block with this label.
fn pem_block(text: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

/// What an authentication adds to a request.
#[derive(Debug, Default)]
pub(super) struct Proof {
    pub(super) fields: Vec<(&'static str, Secret)>,
    pub(super) authorization: Option<HeaderValue>,
}

impl ClientAuthentication {
    /// Makes the proof for one request to the token or device endpoint. `id` must never have been used before.
    pub(super) fn prove(&self, client_id: &ClientId, metadata: &Metadata, id: &str, now: Timestamp) -> Proof {
        let client = ("client_id", Secret::new(client_id.as_str()));
        match self {
            Self::Public => Proof { fields: vec![client], authorization: None },
            Self::Secret(secret) if wants_basic(metadata) => {
                // RFC 6749 section 2.3.1: each half is form-encoded before the two are joined.
                let encoded =
                    |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair =
                    Zeroizing::new(format!("{}:{}", encoded(client_id.as_str()), encoded(secret.expose())));
                let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
                let mut value = HeaderValue::from_str(&text).expect("base64 is a header value");
                value.set_sensitive(true);
                Proof { fields: Vec::new(), authorization: Some(value) }
            }
            Self::Secret(secret) => {
                Proof { fields: vec![client, ("client_secret", secret.clone())], authorization: None }
            }
            Self::Certificate(certificate) => {
                const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                let audience = metadata.token_endpoint.as_str();
                let assertion =
                    certificate.assertion(assertion_algorithm(metadata), client_id, audience, id, now);
                let fields = vec![
                    client,
                    ("client_assertion_type", Secret::new(KIND)),
                    ("client_assertion", assertion),
                ];
                Proof { fields, authorization: None }
            }
        }
    }
}

/// `client_secret_basic` is what an issuer that says nothing supports; Entra prefers the form and takes both.
fn wants_basic(metadata: &Metadata) -> bool {
    let lists = |name: &str| {
        metadata
            .client_authentication_methods
            .as_ref()
            .map(|methods| methods.iter().any(|method| method == name))
    };
    let post = lists("client_secret_post").unwrap_or(false);
    let basic = lists("client_secret_basic").unwrap_or(true);
    if metadata.issuer.wants_tenant() { false } else { basic || !post }
}

/// RS256 where the issuer lists it, since that is what a client is registered for unless somebody chose otherwise; PSS,
/// which Microsoft recommends, at issuers that list only that or, as Entra, nothing.
fn assertion_algorithm(metadata: &Metadata) -> Algorithm {
    let lists = |name: &str| {
        metadata.client_assertion_algorithms.as_ref().is_some_and(|list| list.iter().any(|item| item == name))
    };
    if lists("RS256") { Algorithm::Rs256 } else { Algorithm::Ps256 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authority::Authority;
    use crate::oidc::jwks::KeySet;
    use crate::oidc::testing::{CLIENT, ISSUER, NOON, TestKey, key_set};
    use serde_json::Value;

    fn metadata(issuer: &str, extra: Value) -> Metadata {
        let mut document = json!({
            "issuer": issuer, "token_endpoint": "https://idp.example/token", "jwks_uri": "https://idp.example/keys",
        });
        document.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        Metadata::parse(&Authority::issuer(issuer).unwrap(), document.to_string().as_bytes()).unwrap()
    }

    fn prove(authentication: &ClientAuthentication, metadata: &Metadata) -> Proof {
        authentication.prove(&CLIENT.parse().unwrap(), metadata, "id-1", NOON.parse().unwrap())
    }

    #[test]
    fn a_public_client_sends_its_name_and_no_proof() {
        let proof = prove(&ClientAuthentication::Public, &metadata(ISSUER, json!({})));
        assert_eq!(proof.fields, [("client_id", Secret::new(CLIENT))]);
        assert!(proof.authorization.is_none());
    }

    #[test]
    fn a_secret_goes_where_the_issuer_wants_it() {
        let secret = ClientAuthentication::Secret(Secret::new("s:1 +"));
        let methods = |list: &[&str]| json!({ "token_endpoint_auth_methods_supported": list });
        let plain = "https://idp.example";
        for (issuer, extra, basic) in [
            (plain, json!({}), true),
            (plain, methods(&["client_secret_basic", "client_secret_post"]), true),
            (plain, methods(&["client_secret_post"]), false),
            (ISSUER, methods(&["client_secret_basic", "client_secret_post"]), false),
            (ISSUER, json!({}), false),
        ] {
            let proof = prove(&secret, &metadata(issuer, extra.clone()));
            assert_eq!(proof.authorization.is_some(), basic, "{issuer} {extra}");
            let posted =
                proof.fields.iter().any(|(name, value)| *name == "client_secret" && value.matches("s:1 +"));
            assert_eq!(posted, !basic);
            if let Some(header) = proof.authorization {
                assert!(header.is_sensitive());
                let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
                assert_eq!(STANDARD.decode(encoded).unwrap(), format!("{CLIENT}:s%3A1+%2B").as_bytes());
            }
        }
    }

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAQID\nBAUG\n-----END CERTIFICATE-----\n";

    #[test]
    fn a_certificate_signs_an_assertion_that_names_it() {
        let key = TestKey::rsa("k1");
        let certificate = ClientCertificate::from_pem(CERTIFICATE, &Secret::new(key.pem())).unwrap();
        for (extra, algorithm) in [
            (json!({}), Algorithm::Ps256),
            (json!({ "token_endpoint_auth_signing_alg_values_supported": ["RS256"] }), Algorithm::Rs256),
            (
                json!({ "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256"] }),
                Algorithm::Rs256,
            ),
        ] {
            let proof =
                prove(&ClientAuthentication::Certificate(certificate.clone()), &metadata(ISSUER, extra));
            let names: Vec<_> = proof.fields.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, ["client_id", "client_assertion_type", "client_assertion"]);
            let assertion = proof.fields[2].1.expose();
            let parts: Vec<&str> = assertion.split('.').collect();
            let part = |index: usize| -> Value {
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[index]).unwrap()).unwrap()
            };
            let thumbprint = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &[1, 2, 3, 4, 5, 6]));
            assert_eq!(part(0), json!({ "alg": algorithm.name(), "typ": "JWT", "x5t#S256": thumbprint }));
            assert_eq!(
                part(1),
                json!({ "aud": "https://idp.example/token", "iss": CLIENT, "sub": CLIENT, "jti": "id-1",
                    "iat": 1_795_435_200, "nbf": 1_795_435_200, "exp": 1_795_435_500 })
            );
            let keys = KeySet::parse(key_set(&[&key]).as_bytes()).unwrap();
            let message = format!("{}.{}", parts[0], parts[1]);
            let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
            assert!(keys.find(None).unwrap().verifies(algorithm, message.as_bytes(), &signature));
        }
    }

    #[test]
    fn pem_that_cannot_be_used_is_refused_and_never_shown() {
        let pem = TestKey::rsa("k1").pem();
        let read = |certificate: &str, key: &str| {
            ClientCertificate::from_pem(certificate, &Secret::new(key)).map(|_| ()).unwrap_err()
        };
        assert_eq!(read("", &pem), ClientCertificateError::NoCertificate);
        assert_eq!(read(CERTIFICATE, ""), ClientCertificateError::NoKey);
        let encrypted = pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        assert_eq!(read(CERTIFICATE, &encrypted), ClientCertificateError::NoKey);
        let broken = "-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----";
        assert_eq!(read(CERTIFICATE, broken), ClientCertificateError::KeyRefused);
        let certificate = ClientCertificate::from_pem(CERTIFICATE, &Secret::new(pem)).unwrap();
        let debug = format!("{:?}", ClientAuthentication::Certificate(certificate));
        assert!(debug.contains("thumbprint") && debug.len() < 120, "{debug}");
    }
}

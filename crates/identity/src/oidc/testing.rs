//! Keys and tokens for this module's tests: an issuer in a few lines that signs whatever it is told to.

use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::discovery::Metadata;
use super::jwks::Algorithm;

pub(super) const GUID: &str = "5affffff-0000-4000-8000-00000000000a";
pub(super) const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
pub(super) const ISSUER: &str = "https://login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/v2.0";

enum Pair {
    Rsa(&'static RsaKeyPair),
    Ec(EcdsaKeyPair, Algorithm),
}

/// A signing key of a test issuer.
pub(super) struct TestKey {
    pub(super) kid: String,
    pair: Pair,
}

/// RSA keys are slow to make: two serve all tests of a process.
fn rsa_pair(which: usize) -> &'static RsaKeyPair {
    static PAIRS: [OnceLock<RsaKeyPair>; 2] = [OnceLock::new(), OnceLock::new()];
    PAIRS[which].get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

impl TestKey {
    pub(super) fn rsa(kid: &str) -> Self {
        Self { kid: kid.into(), pair: Pair::Rsa(rsa_pair(0)) }
    }

    pub(super) fn other_rsa(kid: &str) -> Self {
        Self { kid: kid.into(), pair: Pair::Rsa(rsa_pair(1)) }
    }

    pub(super) fn p256(kid: &str) -> Self {
        Self::ec(kid, &signature::ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::Es256)
    }

    pub(super) fn p384(kid: &str) -> Self {
        Self::ec(kid, &signature::ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::Es384)
    }

    pub(super) fn p521(kid: &str) -> Self {
        Self::ec(kid, &signature::ECDSA_P521_SHA512_FIXED_SIGNING, Algorithm::Es512)
    }

    fn ec(kid: &str, of: &'static signature::EcdsaSigningAlgorithm, algorithm: Algorithm) -> Self {
        Self { kid: kid.into(), pair: Pair::Ec(EcdsaKeyPair::generate(of).unwrap(), algorithm) }
    }

    /// The public half as a JWK.
    pub(super) fn jwk(&self) -> Value {
        let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                json!({ "kty": "RSA", "use": "sig", "kid": self.kid,
                    "n": base64(n.big_endian_without_leading_zero()), "e": base64(e.big_endian_without_leading_zero()) })
            }
            Pair::Ec(pair, algorithm) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = match algorithm {
                    Algorithm::Es256 => "P-256",
                    Algorithm::Es384 => "P-384",
                    _ => "P-521",
                };
                json!({ "kty": "EC", "crv": curve, "kid": self.kid, "x": base64(x), "y": base64(y) })
            }
        }
    }

    /// The private half as PEM, RSA only.
    pub(super) fn pem(&self) -> String {
        let Pair::Rsa(pair) = &self.pair else { panic!("only RSA keys are written as PEM") };
        let der = pair.as_der().unwrap();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
    }

    /// Signs with the key's first algorithm, its `kid` in the header.
    pub(super) fn token(&self, claims: &Value) -> String {
        let algorithm = match &self.pair {
            Pair::Rsa(_) => Algorithm::Rs256,
            Pair::Ec(_, algorithm) => *algorithm,
        };
        self.token_with(&json!({ "alg": algorithm.name(), "typ": "JWT", "kid": self.kid }), claims)
    }

    /// Signs by the header's `alg`; a name that is no algorithm gets RS256's signature.
    pub(super) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let name = header["alg"].as_str().unwrap_or_default();
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Ec(pair, _) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let encoding: &'static dyn signature::RsaEncoding = match Algorithm::from_name(name) {
                    Some(Algorithm::Rs384) => &signature::RSA_PKCS1_SHA384,
                    Some(Algorithm::Rs512) => &signature::RSA_PKCS1_SHA512,
                    Some(Algorithm::Ps256) => &signature::RSA_PSS_SHA256,
                    Some(Algorithm::Ps384) => &signature::RSA_PSS_SHA384,
                    Some(Algorithm::Ps512) => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A key set document of these keys.
pub(super) fn key_set(keys: &[&TestKey]) -> String {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string()
}

/// The claims of an ordinary ID token of Entra, issued at noon of 23 November 2026 for one hour.
pub(super) fn entra_claims() -> Value {
    json!({
        "iss": ISSUER, "aud": CLIENT, "sub": "pairwise-subject", "tid": GUID, "oid": "object-1", "ver": "2.0",
        "iat": 1_795_435_200, "nbf": 1_795_435_200, "exp": 1_795_438_800, "nonce": "the-nonce", "uti": "uti-1",
        "preferred_username": "ada@contoso.com", "name": "Ada Lovelace",
    })
}

/// Noon of 23 November 2026, when [`entra_claims`] were issued.
pub(super) const NOON: &str = "2026-11-23T12:00:00Z";

/// Entra's discovery document for the test tenant.
pub(super) fn discovery_document() -> String {
    let base = ISSUER.strip_suffix("/v2.0").unwrap();
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
    })
    .to_string()
}

/// [`discovery_document`], read.
pub(super) fn metadata() -> Metadata {
    Metadata::parse(&ISSUER.parse().unwrap(), discovery_document().as_bytes()).unwrap()
}

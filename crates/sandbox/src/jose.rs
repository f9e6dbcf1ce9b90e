//! Compact JWTs as a verifier sees them: three parts, a public key, a yes or no.

use aws_lc_rs::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// A token taken apart, not yet believed.
pub(crate) struct Jwt {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    message: String,
    signature: Vec<u8>,
}

impl Jwt {
    /// Takes a token apart; `None` when it is no JWT with two JSON objects.
    pub(crate) fn parse(token: &str) -> Option<Jwt> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let object = |part: &str| {
            let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
            value.is_object().then_some(value)
        };
        Some(Jwt {
            header: object(header)?,
            claims: object(claims)?,
            message: message.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    pub(crate) fn algorithm(&self) -> &str {
        self.header["alg"].as_str().unwrap_or_default()
    }

    /// Whether a published key signed this token with the algorithm the token names.
    pub(crate) fn signed_by(&self, jwk: &Value) -> bool {
        let part = |name: &str| jwk[name].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        if let Some(parameters) = rsa_parameters(self.algorithm()) {
            let (Some(n), Some(e)) = (part("n"), part("e")) else { return false };
            return jwk["kty"] == "RSA"
                && RsaPublicKeyComponents { n, e }
                    .verify(parameters, self.message.as_bytes(), &self.signature)
                    .is_ok();
        }
        let (curve, algorithm) = match self.algorithm() {
            "ES256" => ("P-256", &signature::ECDSA_P256_SHA256_FIXED),
            "ES384" => ("P-384", &signature::ECDSA_P384_SHA384_FIXED),
            "ES512" => ("P-521", &signature::ECDSA_P521_SHA512_FIXED),
            _ => return false,
        };
        let (Some(x), Some(y)) = (part("x"), part("y")) else { return false };
        let point = [vec![4], x, y].concat();
        jwk["kty"] == "EC"
            && jwk["crv"] == curve
            && UnparsedPublicKey::new(algorithm, point)
                .verify(self.message.as_bytes(), &self.signature)
                .is_ok()
    }
}

/// Whether an RSA key in DER signed this token.
pub(crate) fn verify_rsa_der(jwt: &Jwt, der: &[u8]) -> bool {
    rsa_parameters(jwt.algorithm()).is_some_and(|parameters| {
        UnparsedPublicKey::new(parameters, der).verify(jwt.message.as_bytes(), &jwt.signature).is_ok()
    })
}

fn rsa_parameters(algorithm: &str) -> Option<&'static RsaParameters> {
    match algorithm {
        "RS256" => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        _ => None,
    }
}

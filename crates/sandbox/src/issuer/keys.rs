//! The issuer's RSA keys: made, published, signed with.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::options::StartError;
use crate::random::sha256;

/// One RSA 2048 key.
pub(crate) struct SigningKey {
    pair: RsaKeyPair,
    pub(crate) id: String,
    modulus: String,
    exponent: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SigningKey {
    pub(crate) fn generate() -> Result<SigningKey, StartError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| StartError::SigningKey)?;
        let (modulus, exponent) = integers(pair.public_key().as_ref()).ok_or(StartError::SigningKey)?;
        Ok(SigningKey {
            id: URL_SAFE_NO_PAD.encode(&sha256(&modulus)[..20]),
            modulus: URL_SAFE_NO_PAD.encode(modulus),
            exponent: URL_SAFE_NO_PAD.encode(exponent),
            pair,
        })
    }

    /// The key as published, with Entra's extra `issuer` member.
    pub(crate) fn jwk(&self, issuer: &str) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "kid": self.id, "x5t": self.id,
            "n": self.modulus, "e": self.exponent, "issuer": issuer,
        })
    }

    /// Signs claims as a compact JWT with RS256.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": self.id});
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a generated key of 2048 bits signs with SHA-256");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Reads modulus and exponent out of a PKCS#1 public key: a sequence of two integers.
fn integers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (sequence, _) = element(der, 0x30)?;
    let (modulus, rest) = element(sequence, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    let unsigned = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    Some((unsigned(modulus), unsigned(exponent)))
}

/// Splits one DER element with this tag off: its content and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        short @ 0..0x80 => (usize::from(short), rest),
        long => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

    #[test]
    fn a_published_key_verifies_what_it_signed() {
        let key = SigningKey::generate().unwrap();
        let token = key.sign(&json!({"sub": "x"}));
        let (message, signature) = token.rsplit_once('.').unwrap();
        let jwk = key.jwk("issuer");
        let decode = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        let public = RsaPublicKeyComponents { n: decode("n"), e: decode("e") };
        public
            .verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message.as_bytes(),
                &URL_SAFE_NO_PAD.decode(signature).unwrap(),
            )
            .unwrap();
    }
}

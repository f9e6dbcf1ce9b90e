//! The issuer's signing keys: reading a key set, picking the key of a token, and knowing when to ask again.
//!
//! Pure: [`KeyCache::need`] tells when to fetch, and the caller fetches. Only what verifies
//! signatures is kept. The `issuer` member that Entra adds to its keys is ignored: for work accounts it is a
//! template, and a key is trusted for where it was fetched.

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// The signature algorithms that are accepted: those with a public key. `none` and the HMACs do not exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA PKCS#1 v1.5 with SHA-256; Entra's.
    Rs256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS#1 v1.5 with SHA-512.
    Rs512,
    /// RSA-PSS with SHA-256.
    Ps256,
    /// RSA-PSS with SHA-384.
    Ps384,
    /// RSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
}

impl Algorithm {
    const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
    ];

    /// Returns the algorithm of a JOSE name, if it is an accepted one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Returns the JOSE name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
        }
    }

    /// Returns the digest that goes with the algorithm, which `at_hash` uses too.
    pub(super) fn digest(self) -> &'static aws_lc_rs::digest::Algorithm {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => &aws_lc_rs::digest::SHA256,
            Self::Rs384 | Self::Ps384 | Self::Es384 => &aws_lc_rs::digest::SHA384,
            Self::Rs512 | Self::Ps512 | Self::Es512 => &aws_lc_rs::digest::SHA512,
        }
    }
}

/// One public key of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    kid: Option<String>,
    /// The one algorithm the issuer publishes it for, if it says so. Unknown names match nothing.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { curve: Curve, point: Vec<u8> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "P-256" => Some(Self::P256),
            "P-384" => Some(Self::P384),
            "P-521" => Some(Self::P521),
            _ => None,
        }
    }

    fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl Key {
    /// Reads one key; `None` for keys of other kinds and other uses, which RFC 7517 section 5 says to ignore.
    fn parse(key: &Value) -> Option<Self> {
        let text = |member: &str| key.get(member).and_then(Value::as_str);
        let bytes = |member: &str| URL_SAFE_NO_PAD.decode(text(member)?.trim_end_matches('=')).ok();
        if text("use").is_some_and(|for_what| for_what != "sig") {
            return None;
        }
        let operations = key.get("key_ops").and_then(Value::as_array);
        if operations.is_some_and(|all| !all.iter().any(|operation| operation == "verify")) {
            return None;
        }
        let material = match text("kty")? {
            "RSA" => Material::Rsa { n: without_leading_zeros(bytes("n")?), e: bytes("e")? },
            "EC" => {
                let curve = Curve::from_name(text("crv")?)?;
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != curve.coordinate_bytes() || y.len() != curve.coordinate_bytes() {
                    return None;
                }
                // SEC 1 section 2.3.3: an uncompressed point starts with 4.
                let point = [4].into_iter().chain(x).chain(y).collect();
                Material::Ec { curve, point }
            }
            _ => return None,
        };
        Some(Self {
            kid: text("kid").map(str::to_owned),
            algorithm: text("alg").map(str::to_owned),
            material,
        })
    }

    /// Tells whether the key can belong to a signature of this algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let kind_fits = matches!(
            (&self.material, algorithm),
            (Material::Rsa { .. }, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512)
                | (Material::Ec { curve: Curve::P256, .. }, Es256)
                | (Material::Ec { curve: Curve::P384, .. }, Es384)
                | (Material::Ec { curve: Curve::P521, .. }, Es512)
        );
        kind_fits && self.algorithm.as_deref().is_none_or(|only| only == algorithm.name())
    }

    /// Tells whether `signature` over `message` was made with this key and algorithm.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        match &self.material {
            Material::Rsa { n, e } => {
                let parameters = match algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
                    Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => return false,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }
            Material::Ec { curve, point } => {
                let parameters = match curve {
                    Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED,
                    Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED,
                    Curve::P521 => &signature::ECDSA_P521_SHA512_FIXED,
                };
                UnparsedPublicKey::new(parameters, point).verify(message, signature).is_ok()
            }
        }
    }
}

/// RFC 7518 section 6.3.1.1 forbids leading zero bytes and some issuers write one; the verifier refuses it.
fn without_leading_zeros(bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes[zeros..].to_vec()
}

/// Why a key set was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is not a JSON object with an array `keys`.
    #[error("the key set is not a JSON object with \"keys\"")]
    NotAKeySet,
    /// It holds no key that verifies signatures.
    #[error("the key set holds no key that verifies signatures")]
    Empty,
}

/// The keys that an issuer publishes for signatures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a key set (RFC 7517).
    pub fn parse(body: &[u8]) -> Result<Self, KeySetError> {
        let document: Value = serde_json::from_slice(body).map_err(|_| KeySetError::NotAKeySet)?;
        let keys = document.get("keys").and_then(Value::as_array).ok_or(KeySetError::NotAKeySet)?;
        let keys: Vec<Key> = keys.iter().filter_map(Key::parse).collect();
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self(keys)) }
    }

    /// Picks the key of a token. Without a `kid` the set must leave no choice (OpenID Connect Core 10.1).
    pub fn find(&self, kid: Option<&str>) -> Result<&Key, KeyNotFound> {
        match kid {
            Some(kid) => {
                self.0.iter().find(|key| key.kid.as_deref() == Some(kid)).ok_or(KeyNotFound::Unknown)
            }
            None => match self.0.as_slice() {
                [only] => Ok(only),
                keys => Err(KeyNotFound::Ambiguous { keys: keys.len() }),
            },
        }
    }
}

/// Why no key was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNotFound {
    /// The token names no key and the set holds several.
    Ambiguous {
        /// How many.
        keys: usize,
    },
    /// The token names a key that the set does not hold.
    Unknown,
}

/// A key set with its age.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyCache {
    fetched: Option<(KeySet, Timestamp)>,
}

/// What to do for a token's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNeed {
    /// Fetch the set first.
    Fetch,
    /// Use the set at hand; asking again would bring nothing.
    Ready,
}

impl KeyCache {
    /// Microsoft asks for a fresh look at least this often.
    pub const AGE_MAX: SignedDuration = SignedDuration::from_hours(24);
    /// A token with an unknown `kid` costs the issuer at most one request in this time.
    pub const REFETCH_FLOOR: SignedDuration = SignedDuration::from_mins(1);

    /// Takes in a set that was just fetched.
    pub fn store(&mut self, keys: KeySet, now: Timestamp) {
        self.fetched = Some((keys, now));
    }

    /// Tells whether the set has to be fetched before the key named `kid` can be looked for.
    pub fn need(&self, kid: Option<&str>, now: Timestamp) -> KeyNeed {
        let Some((keys, fetched_at)) = &self.fetched else { return KeyNeed::Fetch };
        let age = now.duration_since(*fetched_at);
        // A clock that stepped back makes the age negative; such a set is as good as stale.
        if age.is_negative() || age >= Self::AGE_MAX {
            return KeyNeed::Fetch;
        }
        match keys.find(kid) {
            Err(KeyNotFound::Unknown) if age >= Self::REFETCH_FLOOR => KeyNeed::Fetch,
            _ => KeyNeed::Ready,
        }
    }

    /// Returns the set at hand, empty before the first fetch.
    pub fn keys(&self) -> &KeySet {
        static NONE: KeySet = KeySet(Vec::new());
        self.fetched.as_ref().map_or(&NONE, |(keys, _)| keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::testing::TestKey;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn keys_of_other_kinds_and_uses_are_ignored() {
        let mut signing = TestKey::rsa("a").jwk();
        signing["issuer"] = json!("https://login.microsoftonline.com/{tenantid}/v2.0");
        let mut encrypting = TestKey::rsa("b").jwk();
        encrypting["use"] = json!("enc");
        let document = json!({ "keys": [
            encrypting, { "kty": "oct", "k": "AAAA", "kid": "c" }, { "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" },
            { "kty": "OKP", "crv": "Ed25519", "x": "AA" }, "nonsense", signing,
        ]});
        let keys = KeySet::parse(document.to_string().as_bytes()).unwrap();
        assert_eq!(keys.0.len(), 1);
        assert!(keys.find(Some("a")).is_ok());
        assert_eq!(keys.find(Some("b")), Err(KeyNotFound::Unknown));
        assert!(keys.find(None).is_ok());
    }

    #[test]
    fn bodies_that_are_no_key_sets_are_refused() {
        for body in ["", "[]", "{}", "{\"keys\":{}}", "<html>"] {
            assert_eq!(KeySet::parse(body.as_bytes()), Err(KeySetError::NotAKeySet), "{body}");
        }
        assert_eq!(KeySet::parse(b"{\"keys\":[]}"), Err(KeySetError::Empty));
    }

    #[test]
    fn degenerate_keys_verify_nothing() {
        for (n, e) in [("", ""), ("AA", "AQAB"), ("AQ", "AQ"), ("AAAA", "AA"), ("gICA", "")] {
            let key = json!({ "kty": "RSA", "n": n, "e": e });
            let Some(key) = Key::parse(&key) else { continue };
            for signature in [&[][..], &[0; 256], &[1; 256]] {
                assert!(!key.verifies(Algorithm::Rs256, b"message", signature), "{n} {e}");
                assert!(!key.verifies(Algorithm::Ps256, b"message", signature), "{n} {e}");
            }
        }
        let off_curve = "AQ".repeat(21) + "A";
        let key = json!({ "kty": "EC", "crv": "P-256", "x": off_curve, "y": off_curve });
        let key = Key::parse(&key).unwrap();
        assert!(!key.verifies(Algorithm::Es256, b"message", &[1; 64]));
    }

    #[test]
    fn a_key_fits_its_own_algorithms_only() {
        let of = |jwk: Value| Key::parse(&jwk).unwrap();
        let rsa = of(TestKey::rsa("r").jwk());
        assert!(rsa.fits(Algorithm::Rs256) && rsa.fits(Algorithm::Ps512) && !rsa.fits(Algorithm::Es256));
        let mut pinned = TestKey::rsa("r").jwk();
        pinned["alg"] = json!("RS256");
        assert!(of(pinned.clone()).fits(Algorithm::Rs256) && !of(pinned).fits(Algorithm::Ps256));
        let ec = of(TestKey::p256("e").jwk());
        assert!(ec.fits(Algorithm::Es256) && !ec.fits(Algorithm::Es384) && !ec.fits(Algorithm::Rs256));
        for name in ["none", "HS256", "HS512", "rs256", "EdDSA", ""] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn the_set_is_fetched_when_missing_old_or_without_the_key() {
        let mut cache = KeyCache::default();
        let start = at("2026-11-23T12:00:00Z");
        assert_eq!(cache.need(Some("a"), start), KeyNeed::Fetch);
        let document = json!({ "keys": [TestKey::rsa("a").jwk()] });
        cache.store(KeySet::parse(document.to_string().as_bytes()).unwrap(), start);
        for (kid, now, need) in [
            ("a", "2026-11-23T12:00:00Z", KeyNeed::Ready),
            ("a", "2026-11-24T11:59:59Z", KeyNeed::Ready),
            ("a", "2026-11-24T12:00:00Z", KeyNeed::Fetch),
            ("a", "2026-11-23T11:00:00Z", KeyNeed::Fetch),
            ("new", "2026-11-23T12:00:59Z", KeyNeed::Ready),
            ("new", "2026-11-23T12:01:00Z", KeyNeed::Fetch),
        ] {
            assert_eq!(cache.need(Some(kid), at(now)), need, "{kid} at {now}");
        }
    }
}

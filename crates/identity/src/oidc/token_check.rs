//! The ID token check: nothing a token says is believed before it has passed here.
//!
//! Pure: a token, the issuer's keys, what is expected, and the time. The order is signature first, claims second,
//! so that a refusal about a claim is about something the issuer really said. Every refusal is its own variant and
//! carries the values that disagree; none carries the token, the nonce or a person's name.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use pintail_core::name::ClientId;
use pintail_core::secret::Secret;
use serde_json::{Map, Value};

use super::authority::{IssuerMismatch, IssuerRule};
use super::claims::{ClaimError, Claims};
use super::jwks::{Algorithm, KeyNotFound, KeySet};
use super::untrusted::{WORD_CHARS_MAX, printable};

/// How far the issuer's clock and ours may be apart.
pub const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// A token above this is refused unread; one with 200 groups has a thirtieth of it.
const TOKEN_BYTES_MAX: usize = 256 * 1024;

/// Who a person was at their first sign-in, so that a renewal cannot turn them into another.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The issuer, exactly.
    pub issuer: String,
    /// The subject, exactly.
    pub subject: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// What is expected of a token.
#[derive(Debug)]
pub struct Expectation<'a> {
    /// Which issuer it must name.
    pub issuer: &'a IssuerRule,
    /// Whom it must be for.
    pub client_id: &'a ClientId,
    /// Which nonce it must hold.
    pub nonce: Nonce<'a>,
    /// Whom it must be about, when it is a renewal.
    pub identity: Option<&'a Identity>,
    /// The access token it came with, which `at_hash` speaks of.
    pub access_token: Option<&'a Secret>,
}

/// What is expected of the nonce.
#[derive(Debug)]
pub enum Nonce<'a> {
    /// One was sent: it must come back.
    Required(&'a Secret),
    /// A renewal: none is needed, one that comes must be this (OpenID Connect Core 12.2).
    IfPresent(&'a Secret),
    /// None was sent, or it is not known any more.
    Unknown,
}

/// Why a token was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// It is not three parts of base64url with JSON in the first two.
    #[error("the ID token is malformed: {part}")]
    Malformed {
        /// Which part.
        part: &'static str,
    },
    /// It is larger than any token has reason to be.
    #[error("the ID token has {size_bytes} bytes")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// It is encrypted, which nobody asked for.
    #[error("the ID token is encrypted")]
    Encrypted,
    /// Its header demands an extension that we do not know.
    #[error("the ID token demands extensions: {names}")]
    CriticalHeader {
        /// The header's `crit`.
        names: String,
    },
    /// It is signed with nothing, with a shared secret, or in an unknown way.
    #[error("the ID token is signed with \"{algorithm}\"")]
    AlgorithmRefused {
        /// The header's `alg`.
        algorithm: String,
    },
    /// It names a key that the issuer does not publish.
    #[error("the ID token is signed with key \"{kid}\", which the issuer does not publish")]
    KeyUnknown {
        /// The header's `kid`.
        kid: String,
    },
    /// It names no key and the issuer publishes several.
    #[error("the ID token names no key and the issuer publishes {keys}")]
    KeyAmbiguous {
        /// How many keys the issuer publishes.
        keys: usize,
    },
    /// Its key is not one for its algorithm.
    #[error("the ID token is signed with {algorithm}, for which its key is not published")]
    KeyUnfit {
        /// The header's `alg`.
        algorithm: &'static str,
    },
    /// The signature is not the issuer's.
    #[error("the ID token's {algorithm} signature is wrong")]
    SignatureWrong {
        /// The header's `alg`.
        algorithm: &'static str,
    },
    /// A claim is missing or malformed.
    #[error("the ID token cannot be read")]
    Claim(#[from] ClaimError),
    /// It names another issuer.
    #[error("the ID token is another issuer's")]
    IssuerWrong(#[from] IssuerMismatch),
    /// It is for another client.
    #[error("the ID token is for {} and not for \"{expected}\"", list(.seen))]
    AudienceWrong {
        /// Our client ID.
        expected: String,
        /// Its audiences.
        seen: Vec<String>,
    },
    /// It is for several clients and does not say to which it was given.
    #[error("the ID token is for {} and has no \"azp\"", list(.audiences))]
    AuthorizedPartyMissing {
        /// Its audiences.
        audiences: Vec<String>,
    },
    /// It was given to another client.
    #[error("the ID token was issued to \"{seen}\" and not to \"{expected}\"")]
    AuthorizedPartyWrong {
        /// Our client ID.
        expected: String,
        /// Its `azp`.
        seen: String,
    },
    /// It has ended.
    #[error("the ID token ended at {expired_at}; it is {now}")]
    Expired {
        /// Its `exp`.
        expired_at: Timestamp,
        /// The time of the check.
        now: Timestamp,
    },
    /// It starts in the future.
    #[error("the ID token starts at {not_before}; it is {now}")]
    NotYetValid {
        /// Its `nbf`.
        not_before: Timestamp,
        /// The time of the check.
        now: Timestamp,
    },
    /// It was issued in the future.
    #[error("the ID token was issued at {issued_at}; it is {now}")]
    IssuedInFuture {
        /// Its `iat`.
        issued_at: Timestamp,
        /// The time of the check.
        now: Timestamp,
    },
    /// It does not hold the nonce that was sent.
    #[error("the ID token holds no nonce")]
    NonceMissing,
    /// It holds another nonce than the one that was sent: it belongs to another sign-in.
    #[error("the ID token holds another sign-in's nonce")]
    NonceWrong,
    /// It comes from Entra and does not name its tenant.
    #[error("the ID token names no tenant")]
    TenantMissing,
    /// It is of another tenant.
    #[error("the ID token is of tenant \"{seen}\" and not of \"{expected}\"")]
    TenantWrong {
        /// The tenant's GUID.
        expected: String,
        /// Its `tid`.
        seen: String,
    },
    /// Its `at_hash` is not the hash of the access token beside it.
    #[error("the ID token came with another access token than its own")]
    AccessTokenHashWrong,
    /// A renewal brought a token of another issuer.
    #[error("the renewed ID token is of issuer \"{seen}\" and the first one was of \"{expected}\"")]
    IssuerChanged {
        /// The issuer of the first sign-in.
        expected: String,
        /// The issuer now.
        seen: String,
    },
    /// A renewal brought a token of another person.
    #[error("the renewed ID token is about another person")]
    SubjectChanged,
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        return "nobody".to_owned();
    }
    items.iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ")
}

/// A token taken apart, nothing of it believed.
pub(super) struct Unchecked<'a> {
    message: &'a str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    kid: Option<String>,
    payload: Map<String, Value>,
}

impl std::fmt::Debug for Unchecked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unchecked").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl<'a> Unchecked<'a> {
    /// Takes a token apart and refuses what no key could mend.
    pub(super) fn parse(token: &'a str) -> Result<Self, TokenRefusal> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenRefusal::TooLarge { size_bytes: token.len() });
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = match parts[..] {
            [header, payload, signature] => [header, payload, signature],
            [_, _, _, _, _] => return Err(TokenRefusal::Encrypted),
            _ => return Err(TokenRefusal::Malformed { part: "it has not three parts" }),
        };
        let message = &token[..header.len() + 1 + payload.len()];
        let header = object(header).ok_or(TokenRefusal::Malformed { part: "header" })?;
        if let Some(critical) = header.get("crit") {
            let names = printable(&critical.to_string(), WORD_CHARS_MAX);
            return Err(TokenRefusal::CriticalHeader { names });
        }
        let name = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let algorithm = Algorithm::from_name(name)
            .ok_or_else(|| TokenRefusal::AlgorithmRefused { algorithm: printable(name, WORD_CHARS_MAX) })?;
        let kid = match header.get("kid") {
            None | Some(Value::Null) => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(TokenRefusal::Malformed { part: "key name" }),
        };
        let payload = object(payload).ok_or(TokenRefusal::Malformed { part: "payload" })?;
        let signature =
            URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenRefusal::Malformed { part: "signature" })?;
        Ok(Self { message, signature, algorithm, kid, payload })
    }

    /// Returns the name of the key it says it is signed with.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Gives what it says, unchecked: for the fuzzer, who cannot sign.
    pub(super) fn into_payload(self) -> Map<String, Value> {
        self.payload
    }

    /// Checks the signature, then every claim that decides.
    pub(super) fn check(
        self,
        keys: &KeySet,
        expectation: &Expectation<'_>,
        now: Timestamp,
    ) -> Result<Claims, TokenRefusal> {
        let algorithm = self.algorithm;
        let key = keys.find(self.kid()).map_err(|not_found| match not_found {
            KeyNotFound::Ambiguous { keys } => TokenRefusal::KeyAmbiguous { keys },
            KeyNotFound::Unknown => {
                TokenRefusal::KeyUnknown { kid: printable(self.kid().unwrap_or_default(), WORD_CHARS_MAX) }
            }
        })?;
        if !key.fits(algorithm) {
            return Err(TokenRefusal::KeyUnfit { algorithm: algorithm.name() });
        }
        if !key.verifies(algorithm, self.message.as_bytes(), &self.signature) {
            return Err(TokenRefusal::SignatureWrong { algorithm: algorithm.name() });
        }
        let claims = Claims::parse(self.payload)?;
        check_origin(&claims, expectation)?;
        check_audience(&claims, expectation.client_id)?;
        check_times(&claims, now)?;
        check_nonce(&claims, &expectation.nonce)?;
        if let (Some(hash), Some(access_token)) = (&claims.access_token_hash, expectation.access_token) {
            check_access_token(hash, access_token, algorithm)?;
        }
        Ok(claims)
    }
}

/// Checks an ID token against the keys at hand.
pub fn check_id_token(
    token: &Secret,
    keys: &KeySet,
    expectation: &Expectation<'_>,
    now: Timestamp,
) -> Result<Claims, TokenRefusal> {
    Unchecked::parse(token.expose())?.check(keys, expectation, now)
}

fn object(part: &str) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

fn check_origin(claims: &Claims, expectation: &Expectation<'_>) -> Result<(), TokenRefusal> {
    let rule = expectation.issuer;
    rule.check(&claims.issuer, claims.tenant.as_deref())?;
    if rule.wants_tenant() {
        let seen = claims.tenant.as_deref().ok_or(TokenRefusal::TenantMissing)?;
        if let Some(expected) = rule.tenant().filter(|expected| *expected != seen) {
            let seen = printable(seen, WORD_CHARS_MAX);
            return Err(TokenRefusal::TenantWrong { expected: expected.to_owned(), seen });
        }
    }
    if let Some(identity) = expectation.identity {
        if identity.issuer != claims.issuer {
            return Err(TokenRefusal::IssuerChanged {
                expected: identity.issuer.clone(),
                seen: printable(&claims.issuer, WORD_CHARS_MAX),
            });
        }
        if identity.subject != claims.subject.expose() {
            return Err(TokenRefusal::SubjectChanged);
        }
    }
    Ok(())
}

fn check_audience(claims: &Claims, client_id: &ClientId) -> Result<(), TokenRefusal> {
    let ours = client_id.as_str();
    let shown = || claims.audiences.iter().map(|one| printable(one, WORD_CHARS_MAX)).collect();
    if !claims.audiences.iter().any(|audience| audience == ours) {
        return Err(TokenRefusal::AudienceWrong { expected: ours.to_owned(), seen: shown() });
    }
    match &claims.authorized_party {
        Some(party) if party != ours => Err(TokenRefusal::AuthorizedPartyWrong {
            expected: ours.to_owned(),
            seen: printable(party, WORD_CHARS_MAX),
        }),
        None if claims.audiences.len() > 1 => {
            Err(TokenRefusal::AuthorizedPartyMissing { audiences: shown() })
        }
        _ => Ok(()),
    }
}

fn check_times(claims: &Claims, now: Timestamp) -> Result<(), TokenRefusal> {
    let past = |moment: Timestamp| now.duration_since(moment);
    if past(claims.expires_at) >= CLOCK_SLACK {
        return Err(TokenRefusal::Expired { expired_at: claims.expires_at, now });
    }
    if past(claims.issued_at) < -CLOCK_SLACK {
        return Err(TokenRefusal::IssuedInFuture { issued_at: claims.issued_at, now });
    }
    match claims.not_before {
        Some(not_before) if past(not_before) < -CLOCK_SLACK => {
            Err(TokenRefusal::NotYetValid { not_before, now })
        }
        _ => Ok(()),
    }
}

fn check_nonce(claims: &Claims, nonce: &Nonce<'_>) -> Result<(), TokenRefusal> {
    match (nonce, &claims.nonce) {
        (Nonce::Required(_), None) => Err(TokenRefusal::NonceMissing),
        (Nonce::Required(sent) | Nonce::IfPresent(sent), Some(seen)) if !sent.matches(seen) => {
            Err(TokenRefusal::NonceWrong)
        }
        _ => Ok(()),
    }
}

/// OpenID Connect Core 3.1.3.6: the left half of the access token's digest.
fn check_access_token(hash: &str, access_token: &Secret, algorithm: Algorithm) -> Result<(), TokenRefusal> {
    let digest = aws_lc_rs::digest::digest(algorithm.digest(), access_token.expose().as_bytes());
    let half = &digest.as_ref()[..digest.as_ref().len() / 2];
    if URL_SAFE_NO_PAD.encode(half) == hash { Ok(()) } else { Err(TokenRefusal::AccessTokenHashWrong) }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::oidc::authority::Authority;
    use crate::oidc::testing::{CLIENT, GUID, ISSUER, NOON, TestKey, entra_claims, key_set};
    use pintail_core::name::Tenant;
    use proptest::prelude::*;
    use serde_json::json;

    static RULE: LazyLock<IssuerRule> =
        LazyLock::new(|| Authority::issuer(ISSUER).unwrap().resolve(ISSUER).unwrap());
    static CLIENT_ID: LazyLock<ClientId> = LazyLock::new(|| CLIENT.parse().unwrap());
    static NONCE: LazyLock<Secret> = LazyLock::new(|| Secret::new("the-nonce"));

    fn first_sign_in() -> Expectation<'static> {
        Expectation {
            issuer: &RULE,
            client_id: &CLIENT_ID,
            nonce: Nonce::Required(&NONCE),
            identity: None,
            access_token: None,
        }
    }

    fn check_at(
        token: &str,
        keys: &[&TestKey],
        expectation: &Expectation<'_>,
        now: &str,
    ) -> Result<Claims, TokenRefusal> {
        let keys = KeySet::parse(key_set(keys).as_bytes()).unwrap();
        check_id_token(&Secret::new(token), &keys, expectation, now.parse().unwrap())
    }

    /// Signs ordinary claims after `change` and checks them as a first sign-in's.
    fn check(change: impl FnOnce(&mut Value)) -> Result<Claims, TokenRefusal> {
        let mut claims = entra_claims();
        change(&mut claims);
        let key = TestKey::rsa("k1");
        check_at(&key.token(&claims), &[&key], &first_sign_in(), NOON)
    }

    fn remove(claims: &mut Value, claim: &str) {
        claims.as_object_mut().unwrap().remove(claim);
    }

    #[test]
    fn an_ordinary_token_passes() {
        let claims = check(|_| {}).unwrap();
        assert_eq!(claims.tenant.as_deref(), Some(GUID));
        assert_eq!(claims.token_id.as_deref(), Some("uti-1"));
    }

    #[test]
    fn every_accepted_algorithm_passes_with_its_key_and_fails_when_touched() {
        let rsa = TestKey::rsa("k1");
        let (p256, p384, p521) = (TestKey::p256("k1"), TestKey::p384("k1"), TestKey::p521("k1"));
        for (key, name) in [
            (&rsa, "RS256"),
            (&rsa, "RS384"),
            (&rsa, "RS512"),
            (&rsa, "PS256"),
            (&rsa, "PS384"),
            (&rsa, "PS512"),
            (&p256, "ES256"),
            (&p384, "ES384"),
            (&p521, "ES512"),
        ] {
            let token = key.token_with(&json!({ "alg": name, "kid": "k1" }), &entra_claims());
            assert!(check_at(&token, &[key], &first_sign_in(), NOON).is_ok(), "{name}");
            let mut other = entra_claims();
            other["sub"] = json!("someone-else");
            let forged = key.token_with(&json!({ "alg": name, "kid": "k1" }), &other);
            let (message, _) = forged.rsplit_once('.').unwrap();
            let (_, signature) = token.rsplit_once('.').unwrap();
            let refusal = check_at(&format!("{message}.{signature}"), &[key], &first_sign_in(), NOON);
            assert!(
                matches!(refusal, Err(TokenRefusal::SignatureWrong { algorithm }) if algorithm == name),
                "{name}"
            );
        }
    }

    #[test]
    fn signatures_that_prove_nothing_are_refused() {
        let key = TestKey::rsa("k1");
        let with = |header: Value| {
            check_at(&key.token_with(&header, &entra_claims()), &[&key], &first_sign_in(), NOON).unwrap_err()
        };
        for name in ["none", "None", "nOnE", "HS256", "HS384", "HS512", "EdDSA", ""] {
            let refusal = with(json!({ "alg": name, "kid": "k1" }));
            assert_eq!(refusal, TokenRefusal::AlgorithmRefused { algorithm: name.into() });
        }
        assert!(matches!(with(json!({ "kid": "k1" })), TokenRefusal::AlgorithmRefused { .. }));
        assert!(matches!(with(json!({ "alg": 256 })), TokenRefusal::AlgorithmRefused { .. }));
        assert!(matches!(
            with(json!({ "alg": "RS256", "kid": "k1", "crit": ["b64"], "b64": false })),
            TokenRefusal::CriticalHeader { .. }
        ));

        // The classic: HMAC keyed with the public key, which everybody has.
        let message = {
            let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
            format!("{}.{}", encode(&json!({ "alg": "HS256", "kid": "k1" })), encode(&entra_claims()))
        };
        let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.jwk().to_string().as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&hmac, message.as_bytes()));
        let refusal = check_at(&format!("{message}.{signature}"), &[&key], &first_sign_in(), NOON);
        assert_eq!(refusal.unwrap_err(), TokenRefusal::AlgorithmRefused { algorithm: "HS256".into() });

        // No signature at all.
        let token = key.token(&entra_claims());
        let bare = token.rsplit_once('.').unwrap().0;
        let refusal = check_at(&format!("{bare}."), &[&key], &first_sign_in(), NOON);
        assert_eq!(refusal.unwrap_err(), TokenRefusal::SignatureWrong { algorithm: "RS256" });

        // Another key under the same name, and an EC token under an RSA key's name.
        let refusal =
            check_at(&TestKey::other_rsa("k1").token(&entra_claims()), &[&key], &first_sign_in(), NOON);
        assert_eq!(refusal.unwrap_err(), TokenRefusal::SignatureWrong { algorithm: "RS256" });
        let refusal = check_at(&TestKey::p256("k1").token(&entra_claims()), &[&key], &first_sign_in(), NOON);
        assert_eq!(refusal.unwrap_err(), TokenRefusal::KeyUnfit { algorithm: "ES256" });
        let p256 = TestKey::p256("k1");
        let refusal = check_at(&TestKey::p256("k1").token(&entra_claims()), &[&p256], &first_sign_in(), NOON);
        assert_eq!(refusal.unwrap_err(), TokenRefusal::SignatureWrong { algorithm: "ES256" });
    }

    #[test]
    fn a_token_without_a_key_name_needs_an_issuer_with_one_key() {
        let (one, two) = (TestKey::rsa("k1"), TestKey::other_rsa("k2"));
        let nameless = one.token_with(&json!({ "alg": "RS256" }), &entra_claims());
        assert!(check_at(&nameless, &[&one], &first_sign_in(), NOON).is_ok());
        let refusal = check_at(&nameless, &[&one, &two], &first_sign_in(), NOON).unwrap_err();
        assert_eq!(refusal, TokenRefusal::KeyAmbiguous { keys: 2 });
        let refusal = check_at(&one.token(&entra_claims()), &[&two], &first_sign_in(), NOON).unwrap_err();
        assert_eq!(refusal, TokenRefusal::KeyUnknown { kid: "k1".into() });
    }

    #[test]
    fn required_claims_are_required() {
        for claim in ["iss", "sub", "aud", "exp", "iat"] {
            let refusal = check(|claims| remove(claims, claim)).unwrap_err();
            assert_eq!(refusal, TokenRefusal::Claim(ClaimError::Missing { claim }));
        }
    }

    #[test]
    fn the_issuer_is_compared_byte_for_byte() {
        for wrong in [
            format!("{ISSUER}/"),
            "https://evil.example/v2.0".to_owned(),
            format!("https://sts.windows.net/{GUID}/"),
            "https://login.microsoftonline.com/{tenantid}/v2.0".to_owned(),
        ] {
            let refusal = check(|claims| claims["iss"] = json!(wrong)).unwrap_err();
            let mismatch = IssuerMismatch { expected: ISSUER.into(), seen: wrong };
            assert_eq!(refusal, TokenRefusal::IssuerWrong(mismatch));
        }
    }

    #[test]
    fn the_audience_must_be_us_and_nobody_beside_us_without_our_name_as_party() {
        let other = "99999999-2222-3333-4444-555555555555";
        for wrong in [json!(other), json!([]), json!([other, "x"]), json!(CLIENT.to_uppercase() + "x")] {
            let refusal = check(|claims| claims["aud"] = wrong.clone()).unwrap_err();
            assert!(matches!(refusal, TokenRefusal::AudienceWrong { .. }), "{wrong}");
        }
        assert!(check(|claims| claims["aud"] = json!([CLIENT])).is_ok());
        let both = |claims: &mut Value| claims["aud"] = json!([CLIENT, other]);
        assert!(matches!(check(both).unwrap_err(), TokenRefusal::AuthorizedPartyMissing { .. }));
        let party = |name: &'static str| {
            check(move |claims| {
                both(claims);
                claims["azp"] = json!(name);
            })
        };
        assert!(party(CLIENT).is_ok());
        let refusal = party("99999999-2222-3333-4444-555555555555").unwrap_err();
        assert_eq!(
            refusal,
            TokenRefusal::AuthorizedPartyWrong { expected: CLIENT.into(), seen: other.into() }
        );
        let refusal = check(|claims| claims["azp"] = json!("someone")).unwrap_err();
        assert!(matches!(refusal, TokenRefusal::AuthorizedPartyWrong { .. }));
    }

    #[test]
    fn times_have_five_minutes_of_slack_and_no_more() {
        let key = TestKey::rsa("k1");
        let token = key.token(&entra_claims());
        let at = |now: &str| check_at(&token, &[&key], &first_sign_in(), now);
        for good in ["2026-11-23T11:55:00Z", "2026-11-23T12:59:59Z", "2026-11-23T13:04:59Z"] {
            assert!(at(good).is_ok(), "{good}");
        }
        assert!(matches!(at("2026-11-23T13:05:00Z").unwrap_err(), TokenRefusal::Expired { .. }));
        assert!(matches!(at("2026-11-23T11:54:59Z").unwrap_err(), TokenRefusal::IssuedInFuture { .. }));
        let refusal = check(|claims| claims["nbf"] = json!(1_795_435_501)).unwrap_err();
        assert!(matches!(refusal, TokenRefusal::NotYetValid { .. }));
        assert!(check(|claims| remove(claims, "nbf")).is_ok());
    }

    #[test]
    fn the_nonce_must_come_back_when_one_was_sent() {
        assert_eq!(check(|claims| remove(claims, "nonce")).unwrap_err(), TokenRefusal::NonceMissing);
        assert_eq!(check(|claims| claims["nonce"] = json!("stolen")).unwrap_err(), TokenRefusal::NonceWrong);
        assert_eq!(check(|claims| claims["nonce"] = json!("")).unwrap_err(), TokenRefusal::NonceWrong);
    }

    #[test]
    fn the_tenant_of_an_entra_token_must_be_the_expected_one() {
        assert_eq!(check(|claims| remove(claims, "tid")).unwrap_err(), TokenRefusal::TenantMissing);
        let refusal = check(|claims| claims["tid"] = json!(Tenant::CONSUMERS_GUID)).unwrap_err();
        let wrong = TokenRefusal::TenantWrong { expected: GUID.into(), seen: Tenant::CONSUMERS_GUID.into() };
        assert_eq!(refusal, wrong);
    }

    #[test]
    fn the_access_token_beside_it_must_be_its_own() {
        let access_token = Secret::new("the access token");
        let half = |algorithm| {
            let digest = aws_lc_rs::digest::digest(algorithm, b"the access token");
            URL_SAFE_NO_PAD.encode(&digest.as_ref()[..digest.as_ref().len() / 2])
        };
        let key = TestKey::rsa("k1");
        let with = |algorithm: &str, hash: String| {
            let mut claims = entra_claims();
            claims["at_hash"] = json!(hash);
            let token = key.token_with(&json!({ "alg": algorithm, "kid": "k1" }), &claims);
            let expectation = Expectation { access_token: Some(&access_token), ..first_sign_in() };
            check_at(&token, &[&key], &expectation, NOON)
        };
        assert!(with("RS256", half(&aws_lc_rs::digest::SHA256)).is_ok());
        assert!(with("RS512", half(&aws_lc_rs::digest::SHA512)).is_ok());
        for wrong in [half(&aws_lc_rs::digest::SHA512), String::new(), "AAAA".into()] {
            assert_eq!(with("RS256", wrong).unwrap_err(), TokenRefusal::AccessTokenHashWrong);
        }
    }

    #[test]
    fn a_renewed_token_stays_with_its_issuer_and_person() {
        let key = TestKey::rsa("k1");
        let renewed = |nonce, issuer: &str, subject: &str, change: &dyn Fn(&mut Value)| {
            let mut claims = entra_claims();
            change(&mut claims);
            let identity = Identity { issuer: issuer.into(), subject: subject.into() };
            let expectation = Expectation { nonce, identity: Some(&identity), ..first_sign_in() };
            check_at(&key.token(&claims), &[&key], &expectation, NOON)
        };
        let same = |nonce, change: &dyn Fn(&mut Value)| renewed(nonce, ISSUER, "pairwise-subject", change);
        assert!(same(Nonce::IfPresent(&NONCE), &|_| {}).is_ok());
        assert!(same(Nonce::IfPresent(&NONCE), &|claims| remove(claims, "nonce")).is_ok());
        assert!(same(Nonce::Unknown, &|claims| claims["nonce"] = json!("whatever")).is_ok());
        let refusal = same(Nonce::IfPresent(&NONCE), &|claims| claims["nonce"] = json!("other")).unwrap_err();
        assert_eq!(refusal, TokenRefusal::NonceWrong);
        let refusal = same(Nonce::Unknown, &|claims| claims["sub"] = json!("other")).unwrap_err();
        assert_eq!(refusal, TokenRefusal::SubjectChanged);
        let refusal =
            renewed(Nonce::Unknown, "https://old.example", "pairwise-subject", &|_| {}).unwrap_err();
        assert!(matches!(refusal, TokenRefusal::IssuerChanged { .. }));
    }

    #[test]
    fn texts_that_are_no_tokens_are_refused_before_any_key_is_looked_at() {
        let parse = |text: &str| Unchecked::parse(text).unwrap_err();
        assert!(matches!(parse(""), TokenRefusal::Malformed { .. }));
        assert!(matches!(parse("a.b"), TokenRefusal::Malformed { .. }));
        assert_eq!(parse("!.e30.AA"), TokenRefusal::Malformed { part: "header" });
        assert_eq!(parse("W10.e30.AA"), TokenRefusal::Malformed { part: "header" });
        assert_eq!(parse("a.b.c.d.e"), TokenRefusal::Encrypted);
        assert!(matches!(parse(&"a".repeat(TOKEN_BYTES_MAX + 1)), TokenRefusal::TooLarge { .. }));
    }

    #[test]
    fn refusals_show_no_person_and_no_escape() {
        let refusal = check(|claims| claims["iss"] = json!("\u{1b}[31mred")).unwrap_err();
        let shown = format!("{refusal:?} {refusal}");
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        let refusal = check(|claims| claims["aud"] = json!("\u{202e}x")).unwrap_err();
        assert!(!refusal.to_string().contains('\u{202e}'));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,200}", parts in prop::collection::vec("[A-Za-z0-9_-]{0,40}", 0..6)) {
            let _ = Unchecked::parse(&text);
            let _ = Unchecked::parse(&parts.join("."));
        }

        #[test]
        fn no_json_in_a_token_makes_the_check_panic(header in any::<Vec<u8>>(), payload in any::<Vec<u8>>()) {
            let token = format!("{}.{}.AA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
            let _ = check_id_token(&Secret::new(token), &KeySet::default(), &first_sign_in(), NOON.parse().unwrap());
        }
    }
}

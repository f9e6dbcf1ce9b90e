//! AWS Signature Version 4: headers, presigned addresses, and bodies sent in chunks.
//!
//! Written after the "Signing AWS API requests" chapter of the IAM User Guide and "Authenticating requests (AWS
//! Signature Version 4)" of the S3 API Reference; checked against vectors made by botocore and the AWS Common
//! Runtime (`tests/vectors`). Pure: the time and the credential are given.
//!
//! The caller builds the address in its final, encoded form with [`encode_path`] and [`encode_query`]; what is signed is
//! what is sent.

mod canonical;
mod chunked;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::tz::Offset;

pub use canonical::{append_path, encode_path, encode_query};
pub use chunked::{ChunkedBody, Trailer};

use crate::credential::Credential;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// The SHA-256 of nothing, which every request without a body is signed with.
const EMPTY_SHA256: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];
const EMPTY_SHA256_HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// How many keys a signer keeps: a store signs for the regions of its buckets, and around midnight for two days.
const KEYS_MAX: usize = 8;

/// The longest life of a presigned address: seven days (S3 API Reference, `X-Amz-Expires`).
pub const PRESIGN_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a signature is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// The region the request is for. The legacy global STS endpoint signs as `us-east-1`.
    pub region: &'a str,
    /// The service's signing name: `s3`, `sts`, `iam`.
    pub service: &'a str,
}

/// A request's address and method, as they will be sent.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The `Host` header's value: the port stands in it unless it is the scheme's own.
    pub host: &'a str,
    /// The path, made by [`encode_path`].
    pub path: &'a str,
    /// The query without `?`, made by [`encode_query`]; empty for none.
    pub query: &'a str,
}

/// What is said of the body in the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The body's SHA-256 is signed: nothing on the way can change it.
    Sha256([u8; 32]),
    /// The body is not signed: TLS or a checksum protects it.
    Unsigned,
    /// The body comes in chunks that are each signed ([`ChunkedBody::signed`]).
    Chunks,
    /// As [`Payload::Chunks`], with a signed trailer.
    ChunksWithTrailer,
    /// The body comes in unsigned chunks with a checksum in the trailer ([`ChunkedBody::unsigned`]).
    UnsignedChunksWithTrailer,
}

impl Payload {
    /// Makes the payload of a body at hand.
    pub fn of(body: &[u8]) -> Self {
        if body.is_empty() {
            return Self::Sha256(EMPTY_SHA256);
        }
        let hash = digest::digest(&digest::SHA256, body);
        Self::Sha256(hash.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }

    fn text(self) -> PayloadText {
        PayloadText::Fixed(match self {
            Self::Sha256(EMPTY_SHA256) => EMPTY_SHA256_HEX,
            Self::Sha256(hash) => return PayloadText::Hex(Hex::of(&hash)),
            Self::Unsigned => "UNSIGNED-PAYLOAD",
            Self::Chunks => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            Self::ChunksWithTrailer => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            Self::UnsignedChunksWithTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        })
    }
}

/// What stands for the payload in a signature.
enum PayloadText {
    Fixed(&'static str),
    Hex(Hex),
}

impl PayloadText {
    fn as_str(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Hex(hex) => hex.as_str(),
        }
    }

    fn header_value(&self) -> HeaderValue {
        match self {
            Self::Fixed(text) => HeaderValue::from_static(text),
            Self::Hex(hex) => header_value(hex.as_str()),
        }
    }
}

/// Signs requests, keeping the keys of the day.
///
/// Deriving a key takes four HMACs, as much as the rest of the signature; one credential signs thousands of requests.
#[derive(Default)]
pub struct Signer {
    /// The one used last stands last.
    keys: Mutex<Vec<Arc<DayKey>>>,
}

/// A key, and what it is good for.
struct DayKey {
    /// Stands for the secret key: the two belong together, and it is no secret.
    access_key_id: String,
    region: String,
    service: String,
    /// `DATE/REGION/SERVICE/aws4_request`.
    scope: String,
    key: hmac::Key,
}

impl DayKey {
    fn derive(credential: &Credential, scope: Scope<'_>, date: &str) -> Self {
        let secret = zeroize::Zeroizing::new(format!("AWS4{}", credential.secret_access_key.expose()));
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        for step in [date, scope.region, scope.service, "aws4_request"] {
            key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref());
        }
        Self {
            access_key_id: credential.access_key_id.clone(),
            region: scope.region.to_owned(),
            service: scope.service.to_owned(),
            scope: format!("{date}/{}/{}/aws4_request", scope.region, scope.service),
            key,
        }
    }

    fn is_for(&self, credential: &Credential, scope: Scope<'_>, date: &str) -> bool {
        self.scope.starts_with(date)
            && self.region == scope.region
            && self.service == scope.service
            && self.access_key_id == credential.access_key_id
    }

    /// Signs the hash of a request or of what else is signed, told by its algorithm.
    fn sign(&self, algorithm: &str, time: &str, request: &str) -> Hex {
        let hash = Hex::sha256(request.as_bytes());
        let pieces = [algorithm, "\n", time, "\n", &self.scope, "\n", hash.as_str()];
        let mut text = String::with_capacity(pieces.iter().map(|piece| piece.len()).sum());
        text.extend(pieces);
        self.mac(&text)
    }

    fn mac(&self, text: &str) -> Hex {
        Hex::of(hmac::sign(&self.key, text.as_bytes()).as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// Starts without a key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Signs a request by headers: sets `x-amz-date`, `x-amz-content-sha256` (S3 only), `x-amz-security-token` and
    /// `authorization`, replacing those of an earlier attempt.
    ///
    /// Every header in `headers` is signed but those that hops may change (`user-agent`, `expect`, `content-length`, …).
    /// The result is what the chunks of a signed body continue from.
    pub fn sign(
        &self,
        credential: &Credential,
        scope: Scope<'_>,
        target: Target<'_>,
        headers: &mut HeaderMap,
        payload: Payload,
        now: Timestamp,
    ) -> Seed {
        let time = Moment::of(now);
        headers.insert(DATE, header_value(time.full()));
        let payload = payload.text();
        if scope.service == "s3" {
            headers.insert(CONTENT_SHA256, payload.header_value());
        }
        match &credential.session_token {
            Some(token) => {
                let mut value = header_value(token.expose());
                value.set_sensitive(true);
                headers.insert(SECURITY_TOKEN, value);
            }
            None => {
                headers.remove(SECURITY_TOKEN);
            }
        }
        let (request, names) = canonical::signed_headers(headers, |sorted| {
            canonical::request(target, scope.service, target.query, sorted, payload.as_str())
        });
        let day = self.key(credential, scope, time.date());
        let signature = day.sign(ALGORITHM, time.full(), &request);
        let pieces = [
            ALGORITHM,
            " Credential=",
            &credential.access_key_id,
            "/",
            &day.scope,
            ", SignedHeaders=",
            &request[names],
            ", Signature=",
            signature.as_str(),
        ];
        // Of exactly the right size, the text becomes the value as it is.
        let mut authorization = String::with_capacity(pieces.iter().map(|piece| piece.len()).sum());
        authorization.extend(pieces);
        let mut authorization =
            HeaderValue::try_from(authorization).unwrap_or_else(|_| HeaderValue::from_static(""));
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        Seed { day, time, signature }
    }

    /// Signs an address, so that whoever has it can send this one request until `life` is over.
    ///
    /// Returns the query to send. `headers` are those the user of the address must send with exactly these values;
    /// usually none. `life` is cut to [`PRESIGN_MAX`] and counted in whole seconds; the address dies with the credential if that
    /// ends earlier, which is for the caller to say.
    pub fn presign(
        &self,
        credential: &Credential,
        scope: Scope<'_>,
        target: Target<'_>,
        headers: &HeaderMap,
        life: Duration,
        now: Timestamp,
    ) -> String {
        let time = Moment::of(now);
        let day = self.key(credential, scope, time.date());
        let credential_text = format!("{}/{}", credential.access_key_id, day.scope);
        let life_s = life.min(PRESIGN_MAX).as_secs().max(1).to_string();
        let payload = if scope.service == "s3" { Payload::Unsigned } else { Payload::of(b"") };
        canonical::signed_headers(headers, |sorted| {
            let mut names = String::new();
            canonical::append_names(&mut names, sorted);
            let mut query = target.query.to_owned();
            let mut append = |pairs: &[(&str, &str)]| {
                if !query.is_empty() {
                    query.push('&');
                }
                query.push_str(&encode_query(pairs.iter().copied()));
            };
            append(&[
                ("X-Amz-Algorithm", ALGORITHM),
                ("X-Amz-Credential", &credential_text),
                ("X-Amz-Date", time.full()),
                ("X-Amz-Expires", &life_s),
                ("X-Amz-SignedHeaders", &names),
            ]);
            if let Some(token) = &credential.session_token {
                append(&[("X-Amz-Security-Token", token.expose())]);
            }
            let (request, _) =
                canonical::request(target, scope.service, &query, sorted, payload.text().as_str());
            let signature = day.sign(ALGORITHM, time.full(), &request);
            query.push_str("&X-Amz-Signature=");
            query.push_str(signature.as_str());
            query
        })
    }

    fn key(&self, credential: &Credential, scope: Scope<'_>, date: &str) -> Arc<DayKey> {
        let find = |keys: &[Arc<DayKey>]| keys.iter().rposition(|day| day.is_for(credential, scope, date));
        {
            let keys = self.keys.lock().expect("no holder of this lock panics");
            if let Some(at) = find(&keys) {
                return Arc::clone(&keys[at]);
            }
        }
        let day = Arc::new(DayKey::derive(credential, scope, date));
        let mut keys = self.keys.lock().expect("no holder of this lock panics");
        // Another caller may have derived it meanwhile.
        if let Some(at) = find(&keys) {
            return Arc::clone(&keys[at]);
        }
        if keys.len() >= KEYS_MAX {
            keys.remove(0);
        }
        keys.push(Arc::clone(&day));
        day
    }
}

/// The signature of a request's head, from which those of its chunks follow.
pub struct Seed {
    day: Arc<DayKey>,
    time: Moment,
    signature: Hex,
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed")
    }
}

/// A point in time as a signature has it: `20261127T120000Z`.
#[derive(Clone, Copy)]
struct Moment([u8; 16]);

impl Moment {
    fn of(now: Timestamp) -> Self {
        let time = Offset::UTC.to_datetime(now);
        let mut text = *b"00000000T000000Z";
        // No signature is made before the year 0.
        let numbers = [
            (0, 4, u16::try_from(time.year()).unwrap_or(0)),
            (4, 2, time.month().unsigned_abs().into()),
            (6, 2, time.day().unsigned_abs().into()),
            (9, 2, time.hour().unsigned_abs().into()),
            (11, 2, time.minute().unsigned_abs().into()),
            (13, 2, time.second().unsigned_abs().into()),
        ];
        for (start, digits, mut number) in numbers {
            for digit in text[start..start + digits].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        Self(text)
    }

    fn full(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are ASCII")
    }

    fn date(&self) -> &str {
        &self.full()[..8]
    }
}

/// 32 bytes in hexadecimal digits.
#[derive(Clone, Copy)]
struct Hex([u8; 64]);

impl Hex {
    fn of(bytes: &[u8; 32]) -> Self {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair[0] = digit(byte >> 4);
            pair[1] = digit(byte & 15);
        }
        Self(digits)
    }

    fn sha256(data: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, data);
        Self::of(hash.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

/// The digit of a number below 16. Computed, not looked up: the compiler makes many of them at once.
fn digit(number: u8) -> u8 {
    number + b'0' + if number > 9 { b'a' - b'9' - 1 } else { 0 }
}

/// Makes a header value of a text we composed or that came over HTTP before.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nothing_is_known() {
        assert_eq!(Hex::sha256(b"").as_str(), EMPTY_SHA256_HEX);
        assert_eq!(Hex::of(&EMPTY_SHA256).as_str(), EMPTY_SHA256_HEX);
    }

    #[test]
    fn times_are_written_as_signatures_have_them() {
        for time in [
            "2026-11-27T11:14:40.999Z",
            "1970-01-01T00:00:00Z",
            "9999-12-30T21:59:59Z",
            "0001-02-03T04:05:06Z",
        ] {
            let time: Timestamp = time.parse().unwrap();
            let expected = time.strftime("%Y%m%dT%H%M%SZ").to_string();
            assert_eq!(Moment::of(time).full(), expected);
        }
    }

    #[test]
    fn keys_are_kept_by_day_region_service_and_credential() {
        let credential = |id: &str| Credential {
            access_key_id: id.to_owned(),
            secret_access_key: crate::secret::Secret::new("secret"),
            session_token: None,
            expires_at: None,
        };
        let (one, other) = (credential("one"), credential("other"));
        let scope = Scope { region: "eu-central-1", service: "s3" };
        let signer = Signer::new();
        let first = signer.key(&one, scope, "20261127");
        assert!(Arc::ptr_eq(&first, &signer.key(&one, scope, "20261127")));
        for another in [
            signer.key(&other, scope, "20261127"),
            signer.key(&one, scope, "20261128"),
            signer.key(&one, Scope { region: "eu-central-2", ..scope }, "20261127"),
            signer.key(&one, Scope { service: "sts", ..scope }, "20261127"),
        ] {
            assert!(!Arc::ptr_eq(&first, &another), "{}", another.scope);
        }
        assert!(Arc::ptr_eq(&first, &signer.key(&one, scope, "20261127")));
        for day in 10..30 {
            signer.key(&one, scope, &format!("202612{day}"));
        }
        assert_eq!(signer.keys.lock().unwrap().len(), KEYS_MAX);
    }
}

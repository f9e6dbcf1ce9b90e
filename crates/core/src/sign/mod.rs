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

use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

pub use canonical::{encode_path, encode_query};
pub use chunked::{ChunkedBody, Trailer};

use crate::credential::Credential;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

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
        let hash = digest::digest(&digest::SHA256, body);
        Self::Sha256(hash.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }

    fn text(self) -> String {
        match self {
            Self::Sha256(hash) => hex(&hash),
            Self::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
            Self::Chunks => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned(),
            Self::ChunksWithTrailer => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER".to_owned(),
            Self::UnsignedChunksWithTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
        }
    }
}

/// Signs requests, keeping the key of the day.
///
/// Deriving the key takes four HMACs, as much as the rest of the signature; one credential signs thousands of requests.
#[derive(Default)]
pub struct Signer {
    key_of_the_day: Mutex<Option<(KeyId, hmac::Key)>>,
}

#[derive(PartialEq, Eq)]
struct KeyId {
    /// Stands for the secret key: the two belong together, and it is no secret.
    access_key_id: String,
    date: String,
    region: String,
    service: String,
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
        headers.remove(AUTHORIZATION);
        headers.insert(DATE, header_value(&time.full));
        let payload = payload.text();
        if scope.service == "s3" {
            headers.insert(CONTENT_SHA256, header_value(&payload));
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
        let host = headers.remove(HOST);
        let signed = canonical::signed_headers(headers, target.host);
        let request = canonical::request(target, scope.service, target.query, &signed, &payload);
        let key = self.key(credential, scope, &time.date);
        let scope_text = time.scope(scope);
        let signature = sign_text(&key, ALGORITHM, &time.full, &scope_text, &request);
        let mut authorization = header_value(&format!(
            "{ALGORITHM} Credential={}/{scope_text}, SignedHeaders={}, Signature={signature}",
            credential.access_key_id, signed.names
        ));
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        if let Some(host) = host {
            headers.insert(HOST, host);
        }
        Seed { key, time: time.full, scope: scope_text, signature }
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
        let signed = canonical::signed_headers(headers, target.host);
        let scope_text = time.scope(scope);
        let credential_text = format!("{}/{scope_text}", credential.access_key_id);
        let life_s = life.min(PRESIGN_MAX).as_secs().max(1).to_string();
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
            ("X-Amz-Date", &time.full),
            ("X-Amz-Expires", &life_s),
            ("X-Amz-SignedHeaders", &signed.names),
        ]);
        if let Some(token) = &credential.session_token {
            append(&[("X-Amz-Security-Token", token.expose())]);
        }
        let payload = if scope.service == "s3" { Payload::Unsigned } else { Payload::of(b"") };
        let request = canonical::request(target, scope.service, &query, &signed, &payload.text());
        let key = self.key(credential, scope, &time.date);
        let signature = sign_text(&key, ALGORITHM, &time.full, &scope_text, &request);
        let _ = write!(query, "&X-Amz-Signature={signature}");
        query
    }

    fn key(&self, credential: &Credential, scope: Scope<'_>, date: &str) -> hmac::Key {
        let mut cached = self.key_of_the_day.lock().expect("no holder of this lock panics");
        if let Some((id, key)) = &*cached
            && id.access_key_id == credential.access_key_id
            && id.date == date
            && id.region == scope.region
            && id.service == scope.service
        {
            return key.clone();
        }
        let secret = zeroize::Zeroizing::new(format!("AWS4{}", credential.secret_access_key.expose()));
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        for step in [date, scope.region, scope.service, "aws4_request"] {
            key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref());
        }
        let id = KeyId {
            access_key_id: credential.access_key_id.clone(),
            date: date.to_owned(),
            region: scope.region.to_owned(),
            service: scope.service.to_owned(),
        };
        *cached = Some((id, key.clone()));
        key
    }
}

/// The signature of a request's head, from which those of its chunks follow.
pub struct Seed {
    key: hmac::Key,
    time: String,
    scope: String,
    signature: String,
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed")
    }
}

/// A point in time in the two forms of a signature.
struct Moment {
    full: String,
    date: String,
}

impl Moment {
    fn of(now: Timestamp) -> Self {
        let full = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        Self { date: full[..8].to_owned(), full }
    }

    fn scope(&self, scope: Scope<'_>) -> String {
        format!("{}/{}/{}/aws4_request", self.date, scope.region, scope.service)
    }
}

fn sign_text(key: &hmac::Key, algorithm: &str, time: &str, scope: &str, canonical: &str) -> String {
    let hash = digest::digest(&digest::SHA256, canonical.as_bytes());
    let text = format!("{algorithm}\n{time}\n{scope}\n{}", hex(hash.as_ref()));
    hex(hmac::sign(key, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    text
}

/// Makes a header value of a text we composed or that came over HTTP before.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

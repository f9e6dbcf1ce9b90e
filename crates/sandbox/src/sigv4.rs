//! Signature Version 4 from the verifying side, written for this crate alone: IAM, STS and presigned
//! addresses are checked here, against the sandbox's clock. Plain S3 requests are checked by `s3s`.

use aws_lc_rs::hmac;
use http::HeaderMap;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::random::{hex, sha256};
use crate::server::Inbound;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const UNRESERVED_AND_SLASH: &AsciiSet = &UNRESERVED.remove(b'/');
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a signed request claims about its signature.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) access_key_id: String,
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) security_token: Option<String>,
    /// `20260901T020304Z`.
    pub(crate) date: String,
    scope_date: String,
    signed_headers: Vec<String>,
    signature: String,
    /// The lifetime of a presigned address; `None` for a signed header.
    pub(crate) expires_s: Option<i64>,
}

impl Claim {
    /// Reads the `Authorization` header or the query of a presigned address; `None` when there is neither
    /// or it does not hang together.
    pub(crate) fn read(inbound: &Inbound) -> Option<Claim> {
        Claim::from_header(inbound).or_else(|| Claim::from_query(inbound))
    }

    fn from_header(inbound: &Inbound) -> Option<Claim> {
        let rest = inbound.header("authorization")?.strip_prefix(ALGORITHM)?;
        let field =
            |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        Claim {
            date: inbound.header("x-amz-date")?.to_owned(),
            security_token: inbound.header("x-amz-security-token").map(str::to_owned),
            signed_headers: field("SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: field("Signature")?.to_owned(),
            expires_s: None,
            ..Claim::scoped(field("Credential")?)?
        }
        .into()
    }

    fn from_query(inbound: &Inbound) -> Option<Claim> {
        let query = inbound.query();
        Claim {
            date: query.get("X-Amz-Date")?.to_owned(),
            security_token: query.get("X-Amz-Security-Token").map(str::to_owned),
            signed_headers: query.get("X-Amz-SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: query.get("X-Amz-Signature")?.to_owned(),
            expires_s: Some(query.get("X-Amz-Expires")?.parse().ok()?),
            ..Claim::scoped(query.get("X-Amz-Credential")?)?
        }
        .into()
    }

    /// Reads `KEY/20260901/region/service/aws4_request`.
    fn scoped(credential: &str) -> Option<Claim> {
        let mut parts = credential.rsplitn(5, '/');
        let (end, service, region) = (parts.next()?, parts.next()?, parts.next()?);
        let (scope_date, access_key_id) = (parts.next()?, parts.next()?);
        (end == "aws4_request").then(|| Claim {
            access_key_id: access_key_id.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            security_token: None,
            date: String::new(),
            scope_date: scope_date.to_owned(),
            signed_headers: Vec::new(),
            signature: String::new(),
            expires_s: None,
        })
    }

    /// When the request was signed.
    pub(crate) fn signed_at(&self) -> Option<Timestamp> {
        let date = &self.date;
        if date.len() != 16 || !date.is_ascii() || date[..8] != self.scope_date {
            return None;
        }
        let text = format!(
            "{}-{}-{}T{}:{}:{}Z",
            &date[..4],
            &date[4..6],
            &date[6..8],
            &date[9..11],
            &date[11..13],
            &date[13..15]
        );
        text.parse().ok()
    }

    /// Whether `secret` made this signature over this request.
    pub(crate) fn holds(&self, inbound: &Inbound, secret: &str) -> bool {
        let payload = if self.expires_s.is_some() {
            inbound.header("x-amz-content-sha256").unwrap_or("UNSIGNED-PAYLOAD").to_owned()
        } else {
            hex(&sha256(&inbound.body))
        };
        let canonical = canonical_request(
            inbound,
            inbound.uri.query().unwrap_or_default(),
            &inbound.headers,
            &self.signed_headers,
            &payload,
        );
        let matches = |canonical: &str| {
            aws_lc_rs::constant_time::verify_slices_are_equal(
                self.sign(secret, canonical).as_bytes(),
                self.signature.as_bytes(),
            )
            .is_ok()
        };
        // Signers that leave an unsigned hash header out of the payload line sign this instead.
        matches(&canonical)
            || self.expires_s.is_some()
                && matches(&canonical_request(
                    inbound,
                    inbound.uri.query().unwrap_or_default(),
                    &inbound.headers,
                    &self.signed_headers,
                    "UNSIGNED-PAYLOAD",
                ))
    }

    fn sign(&self, secret: &str, canonical: &str) -> String {
        let scope = format!("{}/{}/{}/aws4_request", self.scope_date, self.region, self.service);
        let text = format!("{ALGORITHM}\n{}\n{scope}\n{}", self.date, hex(&sha256(canonical.as_bytes())));
        let mac = |key: &[u8], data: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data.as_bytes()).as_ref().to_vec()
        };
        let key = mac(format!("AWS4{secret}").as_bytes(), &self.scope_date);
        let key = [&self.region, &self.service, "aws4_request"].iter().fold(key, |key, part| mac(&key, part));
        hex(&mac(&key, &text))
    }

    /// Turns a verified presigned request into one signed by header, which `s3s` judges without a clock of
    /// its own: the query loses the signature, the headers gain it.
    pub(crate) fn into_headers(self, inbound: &Inbound, secret: &str) -> Option<(String, HeaderMap)> {
        let query = inbound
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| {
                let name = pair.split('=').next().unwrap_or_default();
                let is_signature = [
                    "X-Amz-Algorithm",
                    "X-Amz-Credential",
                    "X-Amz-Date",
                    "X-Amz-Expires",
                    "X-Amz-SignedHeaders",
                    "X-Amz-Signature",
                    "X-Amz-Security-Token",
                ]
                .contains(&name);
                !pair.is_empty() && !is_signature
            })
            .collect::<Vec<_>>()
            .join("&");
        let mut headers = inbound.headers.clone();
        let payload = inbound.header("x-amz-content-sha256").unwrap_or("UNSIGNED-PAYLOAD").to_owned();
        headers.insert("x-amz-date", self.date.parse().ok()?);
        headers.insert("x-amz-content-sha256", payload.parse().ok()?);
        if let Some(token) = &self.security_token {
            headers.insert("x-amz-security-token", token.parse().ok()?);
        }
        let signed: Vec<String> = ["host", "x-amz-content-sha256", "x-amz-date"].map(str::to_owned).to_vec();
        let canonical = canonical_request(inbound, &query, &headers, &signed, &payload);
        let authorization = format!(
            "{ALGORITHM} Credential={}/{}/{}/{}/aws4_request, SignedHeaders={}, Signature={}",
            self.access_key_id,
            self.scope_date,
            self.region,
            self.service,
            signed.join(";"),
            self.sign(secret, &canonical)
        );
        headers.insert(http::header::AUTHORIZATION, authorization.parse().ok()?);
        Some((query, headers))
    }
}

fn canonical_request(
    inbound: &Inbound,
    query: &str,
    headers: &HeaderMap,
    signed: &[String],
    payload: &str,
) -> String {
    let path = percent_decode_str(inbound.path()).collect::<Vec<u8>>();
    let path = percent_encoding::percent_encode(&path, UNRESERVED_AND_SLASH);
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (recoded(name), recoded(value)))
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort();
    let query = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let lines: String = signed
        .iter()
        .map(|name| {
            let values: Vec<String> = headers
                .get_all(name.as_str())
                .iter()
                .map(|value| {
                    String::from_utf8_lossy(value.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" ")
                })
                .collect();
            format!("{name}:{}\n", values.join(","))
        })
        .collect();
    format!("{}\n{path}\n{query}\n{lines}\n{}\n{payload}", inbound.method, signed.join(";"))
}

fn recoded(text: &str) -> String {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    utf8_percent_encode(&decoded, UNRESERVED).to_string()
}

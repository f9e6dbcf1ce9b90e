//! The place of s3cmd, from `.s3cfg`.
//!
//! A line is `key = value`, where the key is of letters, digits and `_`, and the value may stand in double quotes. Lines of
//! any other form are skipped, as s3cmd does; `#` begins a comment line. Sections do not matter.

use std::collections::BTreeMap;

use super::{Foreign, ImportError, Imported, Way, amazon, flag};
use crate::credential::Credential;
use crate::foreign_text::{decode, lines};
use crate::secret::Secret;

/// What the place is called: the file has no name for it.
const NAME: &str = "s3cmd";

/// Switches and settings whose loss somebody would notice, with what is lost.
const LOST: [(&str, &str); 9] = [
    ("encrypt", "encryption on this side with GPG was not carried over; such objects stay unreadable here"),
    ("proxy_host", "the proxy was not carried over; the environment variables for proxies are read"),
    ("ca_certs_file", "ca_certs_file was not carried over"),
    ("server_side_encryption", "server_side_encryption was not carried over"),
    ("kms_key", "kms_key was not carried over"),
    ("requester_pays", "requester_pays was not carried over"),
    ("ssl_client_cert_file", "the client certificate was not carried over"),
    ("limitrate", "limitrate was not carried over"),
    ("use_http_expect", "use_http_expect was not carried over"),
];

/// Reads a configuration file of s3cmd.
///
/// # Errors
/// When it is no text, or has none of the keys of an `.s3cfg`.
pub fn read(file: &[u8]) -> Result<Imported, ImportError> {
    let values = values(decode(file)?);
    const KNOWN: [&str; 4] = ["access_key", "secret_key", "host_base", "host_bucket"];
    if !KNOWN.iter().any(|key| values.contains_key(*key)) {
        let problem = "it has no access_key, secret_key, host_base or host_bucket";
        return Err(ImportError::Nothing { program: "s3cmd", problem });
    }
    Ok(Imported { found: vec![place(&values)], skipped: Vec::new() })
}

fn values(text: &str) -> BTreeMap<&str, Secret> {
    let mut values = BTreeMap::new();
    for line in lines(text) {
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = key.trim();
        if key.is_empty() || !key.chars().all(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        // s3cmd writes Python's word for nothing into keys without a value.
        values.insert(key, Secret::new(if bare == "None" { "" } else { bare }));
    }
    values
}

fn place(values: &BTreeMap<&str, Secret>) -> Foreign {
    let value = |key: &str| values.get(key).map(Secret::expose).filter(|text| !text.is_empty());
    let way = match (value("access_key"), value("secret_key")) {
        (Some(id), Some(secret)) => Way::Keys(Credential {
            access_key_id: id.to_owned(),
            secret_access_key: Secret::new(secret),
            session_token: value("access_token").map(Secret::new),
            expires_at: None,
        }),
        // Without keys s3cmd looks into the environment and asks the instance.
        _ => Way::Environment,
    };
    let mut place = Foreign::new(NAME, way);
    let scheme = if flag(value("use_https")) == Some(false) { "http" } else { "https" };
    let base = value("host_base").unwrap_or("s3.amazonaws.com");
    place.endpoint = place.address("host_base", base, scheme);
    let by_host = place.endpoint.as_ref().and_then(amazon);
    if by_host.is_some() {
        place.endpoint = None;
    }
    if scheme == "http" && place.endpoint.is_none() {
        place.note("use_https = False was not carried over: Amazon S3 is reached by https");
    }
    // Only a host with the bucket in it makes s3cmd put the bucket there.
    place.path_style =
        value("host_bucket").map(|host| !host.contains("%(bucket)") && !host.contains("$(bucket)"));
    // The old names of bucket_location.
    let location = match value("bucket_location") {
        Some("US") => Some("us-east-1"),
        Some("EU") => Some("eu-west-1"),
        other => other,
    };
    place.region = place.parsed("bucket_location", location).or_else(|| by_host.flatten());
    if flag(value("signature_v2")) == Some(true) {
        place.note("signature_v2 asks for signatures of version 2; only version 4 is there");
    }
    if flag(value("check_ssl_certificate")) == Some(false) {
        place.note("check_ssl_certificate = False was not carried over: certificates are always checked");
    }
    for (key, note) in LOST {
        if value(key).is_some_and(|text| flag(Some(text)) != Some(false)) {
            place.note(note);
        }
    }
    place
}

//! The answers of the credential endpoint, as the AWS SDKs read them.
//!
//! Pure: values in, bytes out. Success is the shape of a container's metadata service. A refusal is `code` and `message` in
//! JSON, which Go's and Rust's SDK read and botocore shows as it stands; all of them try again after a status from 500 on,
//! and Go and Rust only then.

use bytes::Bytes;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use pintail_core::credential::Credential;
use pintail_core::name::RoleArn;
use pintail_core::retry::Retry;
use serde::Serialize;
use zeroize::Zeroizing;

use super::Refusal;

/// When a client has to ask again for keys that do not end: every SDK insists on an end.
const NO_END: SignedDuration = SignedDuration::from_hours(1);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    /// As Amazon's agent for containers has it. s3fs takes no answer without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<&'a str>,
}

/// Writes a credential.
pub(super) fn credential(credential: &Credential, role: Option<&RoleArn>, now: Timestamp) -> Bytes {
    json(&Body {
        access_key_id: &credential.access_key_id,
        secret_access_key: credential.secret_access_key.expose(),
        // botocore insists on the field, and takes an empty one for none.
        token: credential.session_token.as_ref().map_or("", |token| token.expose()),
        expiration: rfc3339(credential.expires_at.unwrap_or_else(|| now + NO_END)),
        account_id: role.map(|role| role.account().as_str()),
        role_arn: role.map(RoleArn::as_str),
    })
}

#[derive(Serialize)]
struct RefusalBody<'a> {
    code: &'a str,
    message: &'a str,
}

/// Writes a refusal.
pub(super) fn refusal(refusal: &Refusal) -> Bytes {
    json(&RefusalBody { code: refusal.code, message: &refusal.message })
}

/// Returns the status for a credential that could not be had: whether trying again can help.
pub(super) fn status(retry: Retry) -> StatusCode {
    match retry {
        Retry::Backoff | Retry::After(_) | Retry::AfterRenewal => StatusCode::SERVICE_UNAVAILABLE,
        Retry::Never | Retry::AfterSignIn => StatusCode::FORBIDDEN,
    }
}

/// Writes a time in the form that every SDK reads: UTC, whole seconds, rounded down.
pub(super) fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Serialises into memory that is wiped when the answer has been sent.
fn json(value: &impl Serialize) -> Bytes {
    // Large enough for every token of today, so that no piece is left behind by a growing buffer.
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
    serde_json::to_writer(&mut *bytes, value).expect("texts can be written into memory");
    Bytes::from_owner(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pintail_core::secret::Secret;

    use super::*;

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_credential_is_in_the_shape_of_a_containers_metadata_service() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let mut given = Credential {
            access_key_id: "ASIAEXAMPLE".into(),
            secret_access_key: Secret::new("a\"key"),
            session_token: Some(Secret::new("token")),
            expires_at: Some("2026-11-23T12:59:59.999Z".parse().unwrap()),
        };
        assert_eq!(
            text(&credential(&given, Some(&"arn:aws:iam::123456789012:role/Data".parse().unwrap()), now)),
            r#"{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"a\"key","Token":"token","Expiration":"2026-11-23T12:59:59Z","AccountId":"123456789012","RoleArn":"arn:aws:iam::123456789012:role/Data"}"#
        );
        given.session_token = None;
        given.expires_at = None;
        let answer = credential(&given, Some(&"arn:aws:iam::123456789012:role/Data".parse().unwrap()), now);
        assert!(
            text(&answer).contains(r#""Token":"","Expiration":"2026-11-23T13:00:00Z""#),
            "{}",
            text(&answer)
        );
    }

    #[test]
    fn a_refusal_has_code_and_message_and_is_tried_again_where_that_helps() {
        let said = Refusal { code: "SignInNeeded", message: "sign in: `pintail login work`".into() };
        assert_eq!(
            text(&refusal(&said)),
            r#"{"code":"SignInNeeded","message":"sign in: `pintail login work`"}"#
        );
        for (retry, expected) in [
            (Retry::Never, 403),
            (Retry::AfterSignIn, 403),
            (Retry::Backoff, 503),
            (Retry::After(Duration::from_secs(1)), 503),
        ] {
            assert_eq!(status(retry).as_u16(), expected, "{retry:?}");
        }
    }
}

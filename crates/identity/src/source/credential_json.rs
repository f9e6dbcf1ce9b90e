//! The JSON in which programs and metadata services hand out credentials.
//!
//! Three parties write nearly the same object: `credential_process` programs (AWS SDK reference, "Process credential
//! provider"), the EC2 metadata service and container endpoints. What is wrong is named by field; values are never told.

use jiff::Timestamp;
use pintail_core::credential::Credential;
use pintail_core::secret::Secret;
use serde_json::{Map, Value};

use crate::oidc::untrusted::printable;
use crate::sts::answer::read_time;

/// What is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum JsonError {
    /// The answer says that there is no credential, and why.
    #[error("it says {code}{}", if message.is_empty() { String::new() } else { format!(": {message}") })]
    Code {
        /// The service's code, printable.
        code: String,
        /// Its words, printable.
        message: String,
    },
    #[error("it is not one JSON object")]
    NotAnObject,
    #[error("its {0} is missing or empty")]
    Missing(&'static str),
    #[error("its {0} is not a text without spaces and control characters")]
    NotAText(&'static str),
    #[error("its Expiration is not a time")]
    NotATime,
    #[error("its Version is {0}, not 1")]
    Version(String),
}

/// Reads what a `credential_process` wrote. Without an `Expiration` the credential does not end.
pub(super) fn of_process(body: &[u8]) -> Result<Credential, JsonError> {
    let object = object(body)?;
    match object.get("Version") {
        Some(Value::Number(version)) if version.as_u64() == Some(1) => {}
        Some(Value::Number(version)) => return Err(JsonError::Version(printable(&version.to_string(), 20))),
        Some(_) => return Err(JsonError::Version("no number".into())),
        None => return Err(JsonError::Missing("Version")),
    }
    credential(&object, "SessionToken")
}

/// Reads what a metadata service or container endpoint answered. Its credentials are always temporary.
pub(super) fn of_metadata(body: &[u8]) -> Result<Credential, JsonError> {
    let object = object(body)?;
    // EC2 says so even when there is nothing to give, with status 200.
    if let Some(code) = object.get("Code").and_then(Value::as_str).filter(|code| *code != "Success") {
        let message = ["Message", "message"].iter().find_map(|name| object.get(*name)?.as_str());
        return Err(JsonError::Code {
            code: printable(code, 100),
            message: printable(message.unwrap_or_default(), 300),
        });
    }
    let credential = credential(&object, "Token")?;
    if credential.session_token.is_none() {
        return Err(JsonError::Missing("Token"));
    }
    if credential.expires_at.is_none() {
        return Err(JsonError::Missing("Expiration"));
    }
    Ok(credential)
}

fn object(body: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let text = std::str::from_utf8(body).map_err(|_| JsonError::NotAnObject)?;
    match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(JsonError::NotAnObject),
    }
}

fn credential(object: &Map<String, Value>, token: &'static str) -> Result<Credential, JsonError> {
    let text = |name: &'static str| match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        // Keys and tokens travel in headers and signatures, where nothing else is possible.
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(text)),
        Some(_) => Err(JsonError::NotAText(name)),
    };
    let needed = |name| text(name)?.ok_or(JsonError::Missing(name));
    Ok(Credential {
        access_key_id: needed("AccessKeyId")?.to_owned(),
        secret_access_key: Secret::new(needed("SecretAccessKey")?),
        session_token: text(token)?.map(Secret::new),
        expires_at: end(object.get("Expiration"))?,
    })
}

fn end(value: Option<&Value>) -> Result<Option<Timestamp>, JsonError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        // RFC 3339 only: a bare number is a mistake here, though STS servers write it.
        Some(Value::String(text)) if text.contains('-') => {
            read_time(text).map(Some).ok_or(JsonError::NotATime)
        }
        Some(_) => Err(JsonError::NotATime),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_process_gives_keys_with_or_without_an_end() {
        let whole = br#"{"Version":1,"AccessKeyId":"ASIA","SecretAccessKey":"s/+=","SessionToken":"t","Expiration":"2026-11-23T13:00:00+01:00","AccountId":"123456789012"}"#;
        let credential = of_process(whole).unwrap();
        assert_eq!(credential.access_key_id, "ASIA");
        assert_eq!(credential.secret_access_key.expose(), "s/+=");
        assert_eq!(credential.session_token.unwrap().expose(), "t");
        assert_eq!(credential.expires_at.unwrap().to_string(), "2026-11-23T12:00:00Z");
        let keys = of_process(br#" {"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"s","SessionToken":"","Expiration":null} "#);
        let keys = keys.unwrap();
        assert_eq!((keys.session_token, keys.expires_at), (None, None));
    }

    #[test]
    fn every_fault_is_named_and_no_value_is_told() {
        for (body, expected) in [
            ("", "it is not one JSON object"),
            ("[1]", "it is not one JSON object"),
            (r#"{"Version":1}{"Version":1}"#, "it is not one JSON object"),
            (r#"{"AccessKeyId":"A","SecretAccessKey":"hunter2"}"#, "its Version is missing or empty"),
            (r#"{"Version":2,"SecretAccessKey":"hunter2"}"#, "its Version is 2, not 1"),
            (r#"{"Version":1.5}"#, "its Version is 1.5, not 1"),
            (r#"{"Version":"1"}"#, "its Version is no number, not 1"),
            (r#"{"Version":1,"SecretAccessKey":"hunter2"}"#, "its AccessKeyId is missing or empty"),
            (
                r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":""}"#,
                "its SecretAccessKey is missing or empty",
            ),
            (
                r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":["hunter2"]}"#,
                "its SecretAccessKey is not a text without spaces and control characters",
            ),
            (
                r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s","SessionToken":"hunter2\r\nX: y"}"#,
                "its SessionToken is not a text without spaces and control characters",
            ),
            (
                r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"hunter2","Expiration":"tomorrow"}"#,
                "its Expiration is not a time",
            ),
            (
                r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"hunter2","Expiration":1790000000}"#,
                "its Expiration is not a time",
            ),
        ] {
            let error = of_process(body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expected, "{body}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_metadata_service_says_when_it_has_nothing() {
        let yes = br#"{"Code":"Success","LastUpdated":"2026-11-23T12:00:00Z","Type":"AWS-HMAC","AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t","Expiration":"2026-11-23T18:00:00Z"}"#;
        assert_eq!(of_metadata(yes).unwrap().session_token.unwrap().expose(), "t");
        for (body, expected) in [
            (
                r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume \u001b[1m the role"}"#,
                "it says AssumeRoleUnauthorizedAccess: EC2 cannot assume \\u{1b}[1m the role",
            ),
            (r#"{"Code":"Failed"}"#, "it says Failed"),
            (
                r#"{"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"2026-11-23T18:00:00Z"}"#,
                "its Token is missing or empty",
            ),
            (
                r#"{"AccessKeyId":"A","SecretAccessKey":"s","Token":"t"}"#,
                "its Expiration is missing or empty",
            ),
        ] {
            assert_eq!(of_metadata(body.as_bytes()).unwrap_err().to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_by_the_contract_is_read_back(
            id in "[A-Z0-9]{16,128}", secret in "[!-~]{1,80}", token in proptest::option::of("[!-~]{1,3000}"),
            end in proptest::option::of(0_i64..4_000_000_000),
        ) {
            let end = end.map(|second| Timestamp::from_second(second).unwrap());
            let mut object = json!({ "Version": 1, "AccessKeyId": id, "SecretAccessKey": secret, "Other": [1] });
            if let Some(token) = &token { object["SessionToken"] = json!(token); }
            if let Some(end) = end { object["Expiration"] = json!(end.to_string()); }
            let credential = of_process(object.to_string().as_bytes()).unwrap();
            prop_assert_eq!(credential.access_key_id, id);
            prop_assert_eq!(credential.secret_access_key.expose(), secret);
            prop_assert_eq!(credential.session_token.map(|token| token.expose().to_owned()), token);
            prop_assert_eq!(credential.expires_at, end);
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = of_process(&bytes);
            let _ = of_metadata(&bytes);
        }
    }
}

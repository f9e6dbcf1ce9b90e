//! Keys that are simply known: access key and secret, with or without a session token; and no keys at all.
//!
//! Nothing renews them. Temporary ones are handed out without an end, because nobody said when it comes: the service will.

use std::sync::Arc;

use pintail_core::credential::{Credential, CredentialSource, StaticCredential};
use pintail_core::retry::Retry;
use pintail_core::secret::Secret;

use super::ProviderError;

/// Makes a source of keys.
///
/// White space around each part, as it comes with pasted keys, is dropped; an empty session token is none.
///
/// # Errors
/// When a key is missing or could not travel in a request. Only the key ID's own wrongness is told, never the secret's text.
pub fn keys(
    access_key_id: &str,
    secret_access_key: &Secret,
    session_token: Option<&Secret>,
) -> Result<Arc<dyn CredentialSource>, ProviderError> {
    let session_token = session_token.map(|token| Secret::new(token.expose().trim()));
    let credential = Credential {
        access_key_id: access_key_id.trim().to_owned(),
        secret_access_key: Secret::new(secret_access_key.expose().trim()),
        session_token: session_token.filter(|token| !token.is_empty()),
        expires_at: None,
    };
    for (name, text) in [
        ("access key ID", credential.access_key_id.as_str()),
        ("secret access key", credential.secret_access_key.expose()),
        ("session token", credential.session_token.as_ref().map_or("-", Secret::expose)),
    ] {
        if text.is_empty() {
            return Err(ProviderError::new(format!("the {name} is empty"), Retry::Never));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let what = format!("the {name} holds a character that no {name} has");
            return Err(ProviderError::new(what, Retry::Never));
        }
    }
    Ok(Arc::new(StaticCredential::new(credential)))
}

/// Makes the source that leaves every request unsigned.
pub fn anonymous() -> Arc<dyn CredentialSource> {
    Arc::new(StaticCredential::anonymous())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keys_are_given_as_they_are_and_never_end() {
        let secret = Secret::new(" wJalr/XUtnFEMI\n");
        for (token, expected) in [(None, None), (Some(""), None), (Some(" t0ken "), Some("t0ken"))] {
            let token = token.map(Secret::new);
            let source = keys(" AKIDEXAMPLE ", &secret, token.as_ref()).unwrap();
            let credential = source.credential().await.unwrap().unwrap();
            assert_eq!(credential.access_key_id, "AKIDEXAMPLE");
            assert_eq!(credential.secret_access_key.expose(), "wJalr/XUtnFEMI");
            assert_eq!(credential.session_token.as_ref().map(Secret::expose), expected);
            assert_eq!(credential.expires_at, None);
            source.refused(&credential);
            assert!(source.credential().await.unwrap().is_some());
        }
        assert_eq!(anonymous().credential().await.unwrap(), None);
    }

    #[test]
    fn what_is_no_key_is_refused_without_telling_it() {
        for (id, secret, token, expected) in [
            ("", "hunter2", None, "the access key ID is empty"),
            ("AKID", " ", None, "the secret access key is empty"),
            ("AK ID", "hunter2", None, "the access key ID holds a character that no access key ID has"),
            (
                "AKID",
                "hunter2\u{e9}",
                None,
                "the secret access key holds a character that no secret access key has",
            ),
            (
                "AKID",
                "hunter2",
                Some("hunter2\r\nX: y"),
                "the session token holds a character that no session token has",
            ),
        ] {
            let token = token.map(Secret::new);
            let error = keys(id, &Secret::new(secret), token.as_ref()).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.retry, Retry::Never);
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }
}

//! The AWS CLI's own sign-in, for people who have just run `aws sso login`.
//!
//! Pure: a file's bytes in, a token out; reading the file is the caller's. The CLI keeps `~/.aws/sso/cache/HASH.json`, `HASH` being
//! the SHA-1 of the `sso_session`'s name, or of the start URL for profiles without a session. Only the access token is
//! used: its refresh token belongs to the CLI, and renewing it here would leave the CLI with a spent one.

use std::fmt;

use aws_lc_rs::digest;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use pintail_core::secret::Secret;
use serde_json::Value;

use super::answer::{AnswerError, Document};
use super::config::IdentityCenterConfig;
use crate::keychain::SecretBytes;
use crate::oidc::{WORD_CHARS_MAX, printable};

/// The largest file that is looked at. The CLI's have three kilobytes.
const FILE_BYTES_MAX: usize = 64 << 10;

/// Gives the present content of the CLI's file.
///
/// It is asked anew each time a token is needed, because the CLI replaces the file whenever it renews its token.
pub trait CliCache: Send + Sync + fmt::Debug {
    /// Returns the bytes of the file, `None` when there is none that can be read.
    fn read(&self) -> Option<SecretBytes>;
}

/// A file that was read once.
impl CliCache for SecretBytes {
    fn read(&self) -> Option<SecretBytes> {
        Some(self.clone())
    }
}

/// An access token that the AWS CLI got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliToken {
    /// The token.
    pub access_token: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Why a file gave no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CliTokenProblem {
    /// The token is over.
    #[error("the AWS CLI's token ended at {expires_at}")]
    Over {
        /// Its end.
        expires_at: Timestamp,
    },
    /// It is of another portal, or of another region: a token goes only to those who gave it.
    #[error("the AWS CLI's token is for {start_url} in {region}")]
    OtherInstance {
        /// The file's start URL, made printable.
        start_url: String,
        /// The file's region, made printable.
        region: String,
    },
    /// It is not a file of the CLI, or lacks something.
    #[error("the AWS CLI's file cannot be used")]
    Unusable(#[source] AnswerError),
    /// It is too large or not JSON.
    #[error("the AWS CLI's file is not a JSON object of its size")]
    Unreadable,
}

/// Returns the name of the CLI's file below `~/.aws/sso/cache/`.
///
/// `session_or_start_url` is the name of the `sso_session` section, or the start URL of a profile without one, exactly as
/// it stands in the configuration.
pub fn cli_cache_file(session_or_start_url: &str) -> String {
    // Not our choice, and no secret hangs on it.
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, session_or_start_url.as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}.json")
}

/// Reads the token out of the CLI's file, if it is of this instance and not over.
///
/// # Errors
/// Says what is wrong with the file; none of it is worth more than a remark, because one can sign in here instead.
pub fn read_cli_token(
    bytes: &[u8],
    config: &IdentityCenterConfig,
    now: Timestamp,
) -> Result<CliToken, CliTokenProblem> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(CliTokenProblem::Unreadable);
    }
    let Ok(Value::Object(object)) = serde_json::from_slice(bytes) else {
        return Err(CliTokenProblem::Unreadable);
    };
    let text = |entry: &str| object.get(entry).and_then(Value::as_str).unwrap_or_default();
    let (start_url, region) = (text("startUrl"), text("region"));
    if !config.start_url.is_same_as(start_url) || config.region.as_str() != region {
        return Err(CliTokenProblem::OtherInstance {
            start_url: printable(start_url, WORD_CHARS_MAX),
            region: printable(region, WORD_CHARS_MAX),
        });
    }
    let access_token = Document(&object).secret("accessToken").map_err(CliTokenProblem::Unusable)?;
    let malformed = AnswerError::Malformed { entry: "expiresAt" };
    let expires_at = time(text("expiresAt")).ok_or(CliTokenProblem::Unusable(malformed))?;
    if expires_at <= now {
        return Err(CliTokenProblem::Over { expires_at });
    }
    Ok(CliToken { access_token, expires_at })
}

/// Reads a time as the CLI writes it: RFC 3339, in its first years with `UTC` at the end.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let civil: DateTime = text.strip_suffix("UTC")?.parse().ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn noon() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn config() -> IdentityCenterConfig {
        let start_url = "https://d-1234567890.awsapps.com/start".parse().unwrap();
        IdentityCenterConfig::new(start_url, "eu-central-1".parse().unwrap())
    }

    /// A file as AWS CLI 2 writes it for a profile with an `sso_session`.
    fn file() -> Value {
        json!({ "startUrl": "https://d-1234567890.awsapps.com/start", "region": "eu-central-1",
            "accessToken": "aoaAAAAA-hunter2:MGU", "expiresAt": "2026-11-23T13:00:00Z",
            "clientId": "client", "clientSecret": "hunter2-client", "registrationExpiresAt": "2027-02-21T12:00:00Z",
            "refreshToken": "aorAAAAA-hunter2" })
    }

    fn read(file: &Value) -> Result<CliToken, CliTokenProblem> {
        read_cli_token(file.to_string().as_bytes(), &config(), noon())
    }

    #[test]
    fn a_file_of_the_cli_is_read() {
        let token = read(&file()).unwrap();
        assert!(token.access_token.matches("aoaAAAAA-hunter2:MGU"));
        assert_eq!(token.expires_at.to_string(), "2026-11-23T13:00:00Z");
        assert!(!format!("{token:?}").contains("hunter2"));
        let mut old = file();
        old["expiresAt"] = json!("2026-11-23T13:00:00UTC");
        old["startUrl"] = json!("https://d-1234567890.awsapps.com/start/#");
        assert_eq!(read(&old).unwrap().expires_at, token.expires_at);
    }

    #[test]
    fn a_file_that_is_over_or_of_someone_else_gives_nothing() {
        for (entry, value) in [
            ("expiresAt", json!("2026-11-23T12:00:00Z")),
            ("expiresAt", json!("tomorrow")),
            ("expiresAt", json!(null)),
            ("startUrl", json!("https://evil.example/start")),
            ("region", json!("us-east-1")),
            ("region", json!(null)),
            ("accessToken", json!("")),
            ("accessToken", json!("a\r\nb")),
        ] {
            let mut wrong = file();
            wrong[entry] = value;
            let problem = read(&wrong).unwrap_err();
            let expected = match entry {
                "startUrl" | "region" => matches!(problem, CliTokenProblem::OtherInstance { .. }),
                "accessToken" => matches!(problem, CliTokenProblem::Unusable(_)),
                _ => matches!(problem, CliTokenProblem::Over { .. } | CliTokenProblem::Unusable(_)),
            };
            assert!(expected, "{entry}: {problem:?}");
            assert!(!format!("{problem:?} {problem}").contains("hunter2"));
        }
        for bytes in [&b""[..], b"[]", b"\xff", &[b' '; FILE_BYTES_MAX + 1]] {
            assert_eq!(read_cli_token(bytes, &config(), noon()), Err(CliTokenProblem::Unreadable));
        }
    }

    #[test]
    fn files_are_named_by_sha_1() {
        // `printf my-sso | sha1sum`
        assert_eq!(cli_cache_file("my-sso"), "0ad374308c5a4e22f723adf10145eafad7c4031c.json");
        assert_eq!(
            cli_cache_file("https://d-1234567890.awsapps.com/start"),
            "7487b5b67d5fa1132cf33fa93ae51ef38cc37752.json"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_cli_token(&bytes, &config(), noon());
        }
    }
}

//! The device code: signing in with a browser on another machine (RFC 8628).
//!
//! Pure: reading the grant, and [`Polling`], which says after each answer whether to ask again and when. Never the
//! first choice: companies block it, because people can be talked into entering a stranger's code.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pintail_core::secret::Secret;
use serde_json::{Map, Value};
use url::Url;

use super::authority::secure_url;
use super::oauth_error::IssuerError;
use super::token::seconds;
use super::untrusted::printable;

/// What a person must be told beside the code.
pub const WARNING: &str = "Enter this code only because you started this sign-in yourself, on the issuer's own page. \
    Never enter a code that somebody sent you: whoever holds it is signed in as you.";

/// What RFC 8628 section 3.2 says when the issuer says nothing.
const INTERVAL_DEFAULT: Duration = Duration::from_secs(5);
/// What RFC 8628 section 3.5 adds for each `slow_down`.
const SLOW_DOWN_STEP: Duration = Duration::from_secs(5);
/// However eager the issuer is to be asked.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// A person has no use for a code that is asked about less often than this.
const INTERVAL_MAX: Duration = Duration::from_secs(60);
/// Entra's code lives for a quarter of an hour; this holds when the issuer says nothing.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(900);
/// Nobody waits longer for a person than this, whatever the issuer says.
const LIFETIME_MAX: Duration = Duration::from_secs(3600);

/// What the person needs to finish the sign-in elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct DevicePrompt {
    /// The code to enter.
    pub user_code: String,
    /// Where to enter it.
    pub verification_uri: Url,
    /// The same with the code in it, if the issuer offers that.
    pub verification_uri_complete: Option<Url>,
    /// When the code stops working.
    pub expires_at: Timestamp,
    /// The issuer's own words, made printable.
    pub message: Option<String>,
}

impl fmt::Debug for DevicePrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevicePrompt").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Why a sign-in by device code ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The issuer does not recognise the code, which means that it or we mixed something up.
    #[error("the issuer does not know the device code")]
    CodeUnknown,
    /// The person said no.
    #[error("the sign-in was declined")]
    Declined,
    /// The code ran out before the person was done.
    #[error("the device code has expired")]
    Expired,
    /// The issuer's answer lacks a usable entry.
    #[error("the device code answer has no usable \"{entry}\"")]
    Malformed {
        /// The entry's name.
        entry: &'static str,
    },
    /// The issuer has no device codes.
    #[error("the issuer has no device code sign-in")]
    NotOffered,
}

/// A device code that waits for its person.
#[derive(Debug)]
pub(crate) struct Polling {
    pub(crate) device_code: Secret,
    pub(crate) prompt: DevicePrompt,
    interval: Duration,
}

/// What to do after an error answer to a poll.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Polled {
    /// Ask again after this time.
    Wait(Duration),
    /// It is over, for a reason of the device flow.
    Over(DeviceError),
    /// It is over, for a reason that only the issuer's error tells.
    Refused,
}

impl Polling {
    /// Reads the answer of the device authorization endpoint.
    pub(crate) fn parse(document: &Map<String, Value>, now: Timestamp) -> Result<Self, DeviceError> {
        const SHOWN_CHARS_MAX: usize = 600;
        let text = |entry: &'static str| {
            let text = document.get(entry).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.ok_or(DeviceError::Malformed { entry })
        };
        let user_code = text("user_code")?;
        // RFC 8628 section 6.1 wants codes that people can type.
        if user_code.len() > 64 || !user_code.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(DeviceError::Malformed { entry: "user_code" });
        }
        const URI: &str = "verification_uri";
        // `verification_url` is what drafts of the RFC called it, and some issuers still do.
        let uri = text(URI).or_else(|refused| text("verification_url").map_err(|_| refused))?;
        let verification_uri = shown_url(uri).ok_or(DeviceError::Malformed { entry: URI })?;
        let lifetime = seconds(document.get("expires_in")).unwrap_or(LIFETIME_DEFAULT).min(LIFETIME_MAX);
        let interval = seconds(document.get("interval")).unwrap_or(INTERVAL_DEFAULT);
        let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::ZERO);
        Ok(Self {
            device_code: Secret::new(text("device_code")?),
            interval: interval.clamp(INTERVAL_MIN, INTERVAL_MAX),
            prompt: DevicePrompt {
                user_code: user_code.to_owned(),
                verification_uri,
                verification_uri_complete: text("verification_uri_complete").ok().and_then(shown_url),
                expires_at: now.checked_add(lifetime).unwrap_or(now),
                message: text("message").ok().map(|text| printable(text, SHOWN_CHARS_MAX)),
            },
        })
    }

    /// Returns how long to wait before the next question, which is never longer than the code lives.
    pub(crate) fn wait(&self, now: Timestamp) -> Result<Duration, DeviceError> {
        let left = self.prompt.expires_at.duration_since(now);
        match Duration::try_from(left) {
            Ok(left) if !left.is_zero() => Ok(self.interval.min(left)),
            _ => Err(DeviceError::Expired),
        }
    }

    /// Judges an error answer.
    pub(crate) fn judge(&mut self, error: &IssuerError, now: Timestamp) -> Polled {
        match error.error.as_str() {
            "authorization_pending" => {}
            "slow_down" => self.interval = (self.interval + SLOW_DOWN_STEP).min(INTERVAL_MAX),
            "authorization_declined" => return Polled::Over(DeviceError::Declined),
            "expired_token" | "code_expired" => return Polled::Over(DeviceError::Expired),
            "bad_verification_code" => return Polled::Over(DeviceError::CodeUnknown),
            // RFC 8628 says "declined" with this; Entra's policies say more, by number.
            "access_denied" if error.aadsts.is_none() => return Polled::Over(DeviceError::Declined),
            _ => return Polled::Refused,
        }
        match self.wait(now) {
            Ok(wait) => Polled::Wait(wait),
            Err(over) => Polled::Over(over),
        }
    }
}

/// An address that a person is sent to: encrypted or on this machine, query allowed.
fn shown_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let mut bare = url.clone();
    bare.set_query(None);
    secure_url(bare.as_str()).ok().map(|_| url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn noon() -> Timestamp {
        crate::oidc::testing::NOON.parse().unwrap()
    }

    fn grant() -> Value {
        json!({
            "device_code": "hidden-device-code", "user_code": "ABCD-1234", "expires_in": "900", "interval": 5,
            "verification_uri": "https://microsoft.com/devicelogin", "message": "To sign in,\u{1b}[1m open …",
        })
    }

    fn parse(grant: &Value) -> Result<Polling, DeviceError> {
        Polling::parse(grant.as_object().unwrap(), noon())
    }

    #[test]
    fn a_grant_is_read_and_its_secrets_stay_out_of_debug() {
        let polling = parse(&grant()).unwrap();
        assert_eq!(polling.prompt.user_code, "ABCD-1234");
        assert_eq!(polling.prompt.expires_at.to_string(), "2026-11-23T12:15:00Z");
        assert_eq!(polling.prompt.message.as_deref(), Some("To sign in,\\u{1b}[1m open …"));
        assert_eq!(polling.wait(noon()), Ok(Duration::from_secs(5)));
        let debug = format!("{polling:?}");
        assert!(!debug.contains("hidden") && !debug.contains("ABCD"), "{debug}");
    }

    #[test]
    fn a_grant_that_would_mislead_the_person_is_refused() {
        for (entry, value) in [
            ("user_code", json!("\u{1b}[31m")),
            ("user_code", json!("")),
            ("verification_uri", json!("http://evil.example/device")),
            ("verification_uri", json!("javascript:alert(1)")),
            ("device_code", json!(1)),
        ] {
            let mut wrong = grant();
            wrong[entry] = value;
            assert_eq!(parse(&wrong).unwrap_err(), DeviceError::Malformed { entry });
        }
        let mut sparse = grant();
        for entry in ["expires_in", "interval", "message"] {
            sparse.as_object_mut().unwrap().remove(entry);
        }
        assert_eq!(parse(&sparse).unwrap().wait(noon()), Ok(INTERVAL_DEFAULT));
    }

    #[test]
    fn the_issuers_pace_and_patience_are_bounded() {
        for (interval, lifetime, wait, end) in [
            (json!(0), json!(31_536_000), 1, "2026-11-23T13:00:00Z"),
            (json!("0.001"), json!(3601), 1, "2026-11-23T13:00:00Z"),
            (json!(86_400), json!(600), 60, "2026-11-23T12:10:00Z"),
            (json!(-1), json!("never"), 5, "2026-11-23T12:15:00Z"),
        ] {
            let mut grant = grant();
            (grant["interval"], grant["expires_in"]) = (interval, lifetime);
            let mut polling = parse(&grant).unwrap();
            assert_eq!(polling.wait(noon()), Ok(Duration::from_secs(wait)));
            assert_eq!(polling.prompt.expires_at.to_string(), end);
            let pending = IssuerError::new("authorization_pending", None);
            assert_eq!(polling.judge(&pending, noon()), Polled::Wait(Duration::from_secs(wait)));
        }
    }

    #[test]
    fn every_answer_to_a_poll_has_its_consequence() {
        use DeviceError::{CodeUnknown, Declined, Expired};
        let wait = |seconds| Polled::Wait(Duration::from_secs(seconds));
        for (error, aadsts, expected) in [
            ("authorization_pending", Some(70016), wait(5)),
            ("slow_down", None, wait(10)),
            ("authorization_declined", None, Polled::Over(Declined)),
            ("access_denied", None, Polled::Over(Declined)),
            ("access_denied", Some(53003), Polled::Refused),
            ("bad_verification_code", Some(70018), Polled::Over(CodeUnknown)),
            ("expired_token", Some(70020), Polled::Over(Expired)),
            ("invalid_client", Some(7000218), Polled::Refused),
            ("invalid_grant", Some(50097), Polled::Refused),
            ("unheard_of", None, Polled::Refused),
        ] {
            let mut answer = IssuerError::new(error, None);
            answer.aadsts = aadsts;
            assert_eq!(parse(&grant()).unwrap().judge(&answer, noon()), expected, "{error} {aadsts:?}");
        }
    }

    #[test]
    fn each_slow_down_adds_five_seconds_for_good_and_the_end_of_the_code_ends_it() {
        let mut polling = parse(&grant()).unwrap();
        let slow_down = IssuerError::new("slow_down", None);
        polling.judge(&slow_down, noon());
        assert_eq!(polling.judge(&slow_down, noon()), Polled::Wait(Duration::from_secs(15)));
        let pending = IssuerError::new("authorization_pending", None);
        assert_eq!(polling.judge(&pending, noon()), Polled::Wait(Duration::from_secs(15)));
        let late = noon() + SignedDuration::from_secs(898);
        assert_eq!(polling.judge(&pending, late), Polled::Wait(Duration::from_secs(2)));
        let over = noon() + SignedDuration::from_secs(900);
        assert_eq!(polling.judge(&pending, over), Polled::Over(DeviceError::Expired));
    }
}

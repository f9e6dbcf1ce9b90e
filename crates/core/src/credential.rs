//! A credential: what signs requests, until when, and who gives it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::retry::Retry;
use crate::seam::BoxFuture;
use crate::secret::Secret;

/// An AWS credential: access key, secret key, and for temporary ones session token and end.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The access key ID. Not a secret, but shown only in part ([`Credential::masked_key_id`]).
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Secret,
    /// The session token of a temporary credential. AWS sets no upper bound on its length.
    pub session_token: Option<Secret>,
    /// When the credential stops working. `None` for keys that do not end.
    pub expires_at: Option<Timestamp>,
}

impl Credential {
    /// Returns how long the credential still works, zero when it is over, `None` when it does not end.
    pub fn remaining(&self, now: Timestamp) -> Option<Duration> {
        self.expires_at.map(|end| Duration::try_from(end.duration_since(now)).unwrap_or(Duration::ZERO))
    }

    /// Tells whether the credential works for at least `min_life` from now.
    ///
    /// One whose whole life is hardly longer than that never would for long: it lasts while a third of its life is left.
    pub fn lasts(&self, issued_at: Timestamp, min_life: Duration, now: Timestamp) -> bool {
        /// A life within a minute of what is asked would be renewed within a minute.
        const HARDLY: Duration = Duration::from_secs(60);
        let (Some(end), Some(left)) = (self.expires_at, self.remaining(now)) else { return true };
        let life = Duration::try_from(end.duration_since(issued_at)).unwrap_or(Duration::ZERO);
        let needed = if life <= min_life.saturating_add(HARDLY) { min_life.min(life / 3) } else { min_life };
        left >= needed
    }

    /// Returns the access key ID with all but the last four characters hidden.
    pub fn masked_key_id(&self) -> String {
        let tail = self.access_key_id.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
        format!("…{}", &self.access_key_id[tail..])
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("access_key_id", &self.masked_key_id())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Whether a credential is good to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Use it.
    Fresh,
    /// It still works, but a new one should be fetched now.
    RenewSoon,
    /// It is over or so near its end that a request may not arrive in time.
    Expired,
}

/// When a credential is renewed: some time before its end, and not by everyone at the same moment.
///
/// Both margins shrink for short credentials: a margin of fifteen minutes makes no sense for one that lives ten
/// seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RenewalRule {
    /// How long before the end renewal starts.
    pub margin: Duration,
    /// How long before the end the credential is no longer used at all.
    pub reserve: Duration,
    /// This process's share of the jitter, from 0 to 1: up to a fifth of the margin is added.
    pub jitter: f64,
}

impl RenewalRule {
    /// Renewal starts a quarter of an hour before the end, as botocore's own rule does, and use ends half a minute
    /// before it.
    pub const MARGIN: Duration = Duration::from_secs(15 * 60);
    /// See [`RenewalRule::reserve`].
    pub const RESERVE: Duration = Duration::from_secs(30);

    /// Makes the usual rule with this process's draw of the jitter.
    pub fn new(jitter: f64) -> Self {
        Self { margin: Self::MARGIN, reserve: Self::RESERVE, jitter: jitter.clamp(0.0, 1.0) }
    }

    /// Judges a credential that was issued at `issued_at`, as far as that is known.
    pub fn judge(&self, credential: &Credential, issued_at: Option<Timestamp>, now: Timestamp) -> Freshness {
        let Some(end) = credential.expires_at else { return Freshness::Fresh };
        let life = issued_at.map_or(Duration::MAX, |start| {
            Duration::try_from(end.duration_since(start)).unwrap_or(Duration::ZERO)
        });
        let reserve = self.reserve.min(life / 10);
        let margin = self.margin.min(life / 3).mul_f64(1.0 + self.jitter / 5.0);
        let left = end.duration_since(now);
        if left <= signed(reserve) {
            Freshness::Expired
        } else if left <= signed(margin) {
            Freshness::RenewSoon
        } else {
            Freshness::Fresh
        }
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Gives the credential of the moment.
///
/// Contract: safe to call for every request (a fresh credential is handed out without I/O), by any number of tasks
/// at once (one renewal serves them all), and never hands out a credential that is known to be over.
pub trait CredentialSource: Send + Sync + fmt::Debug {
    /// Returns a credential that works now. `None` means: send requests unsigned (anonymous access).
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>>;

    /// Says that the service refused this credential as expired or unknown, whatever its stated end.
    ///
    /// The next [`CredentialSource::credential`] gives another one if that is possible. Saying it of a credential
    /// that is no longer the current one has no effect.
    fn refused(&self, credential: &Credential);
}

/// No credential could be had.
#[derive(Debug, thiserror::Error)]
#[error("could not get a credential")]
pub struct CredentialError {
    /// What would have to change.
    pub retry: Retry,
    /// What the source said.
    #[source]
    pub source: Arc<dyn Error + Send + Sync>,
}

impl Clone for CredentialError {
    fn clone(&self) -> Self {
        Self { retry: self.retry, source: Arc::clone(&self.source) }
    }
}

/// A source that always gives the same credential, or none for anonymous access.
#[derive(Clone, Debug)]
pub struct StaticCredential(Option<Arc<Credential>>);

impl StaticCredential {
    /// Always gives `credential`.
    pub fn new(credential: Credential) -> Self {
        Self(Some(Arc::new(credential)))
    }

    /// Leaves every request unsigned.
    pub fn anonymous() -> Self {
        Self(None)
    }
}

impl CredentialSource for StaticCredential {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        Box::pin(async { Ok(self.0.clone()) })
    }

    fn refused(&self, _credential: &Credential) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn until(end: &str) -> Credential {
        Credential {
            access_key_id: "ASIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: Secret::new("wJalrXUtnFEMI"),
            session_token: Some(Secret::new("token")),
            expires_at: Some(at(end)),
        }
    }

    #[test]
    fn an_hour_is_renewed_a_quarter_before_its_end() {
        let rule = RenewalRule::new(0.0);
        let credential = until("2026-11-23T13:00:00Z");
        let issued = Some(at("2026-11-23T12:00:00Z"));
        let check = |now: &str| rule.judge(&credential, issued, at(now));
        assert_eq!(check("2026-11-23T12:44:59Z"), Freshness::Fresh);
        assert_eq!(check("2026-11-23T12:45:00Z"), Freshness::RenewSoon);
        assert_eq!(check("2026-11-23T12:59:29Z"), Freshness::RenewSoon);
        assert_eq!(check("2026-11-23T12:59:30Z"), Freshness::Expired);
        assert_eq!(check("2026-11-23T14:00:00Z"), Freshness::Expired);
    }

    #[test]
    fn ten_seconds_are_used_for_most_of_their_life() {
        let rule = RenewalRule::new(0.0);
        let credential = until("2026-11-23T12:00:10Z");
        let issued = Some(at("2026-11-23T12:00:00Z"));
        let check = |now: &str| rule.judge(&credential, issued, at(now));
        assert_eq!(check("2026-11-23T12:00:06Z"), Freshness::Fresh);
        assert_eq!(check("2026-11-23T12:00:07Z"), Freshness::RenewSoon);
        assert_eq!(check("2026-11-23T12:00:09Z"), Freshness::Expired);
    }

    #[test]
    fn a_credential_lasts_as_asked_or_for_a_third_of_a_short_life() {
        let quarter = Duration::from_secs(900);
        let issued = at("2026-11-23T12:00:00Z");
        for (end, now, asked, lasts) in [
            ("2026-11-23T13:00:00Z", "2026-11-23T12:45:00Z", quarter, true),
            ("2026-11-23T13:00:00Z", "2026-11-23T12:45:01Z", quarter, false),
            ("2026-11-23T13:00:00Z", "2026-11-23T12:59:59Z", Duration::ZERO, true),
            ("2026-11-23T12:15:00Z", "2026-11-23T12:10:00Z", quarter, true),
            ("2026-11-23T12:15:00Z", "2026-11-23T12:10:01Z", quarter, false),
            ("2026-11-23T12:15:30Z", "2026-11-23T12:01:00Z", quarter, true),
            ("2026-11-23T12:15:00Z", "2026-11-23T12:20:00Z", quarter, false),
        ] {
            assert_eq!(until(end).lasts(issued, asked, at(now)), lasts, "{end} at {now}");
        }
        let keys = Credential { expires_at: None, ..until("2026-11-23T13:00:00Z") };
        assert!(keys.lasts(issued, Duration::MAX, at("2030-01-01T00:00:00Z")));
    }

    #[test]
    fn jitter_moves_renewal_earlier_only() {
        let credential = until("2026-11-23T13:00:00Z");
        let issued = Some(at("2026-11-23T12:00:00Z"));
        let now = at("2026-11-23T12:42:30Z");
        assert_eq!(RenewalRule::new(0.0).judge(&credential, issued, now), Freshness::Fresh);
        assert_eq!(RenewalRule::new(1.0).judge(&credential, issued, now), Freshness::RenewSoon);
    }

    #[test]
    fn debug_masks_the_key_and_hides_the_secrets() {
        let shown = format!("{:?}", until("2026-11-23T13:00:00Z"));
        assert_eq!(
            shown,
            "Credential { access_key_id: \"…MPLE\", expires_at: Some(2026-11-23T13:00:00Z), .. }"
        );
    }
}

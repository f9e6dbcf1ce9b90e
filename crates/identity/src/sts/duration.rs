//! How long a session to ask for, when the role's own limit cannot be seen.
//!
//! Longer is better: a credential may outlive the ID token it was bought with, so one exchange can cover a working day.
//! STS refuses a request above the role's `MaxSessionDuration` without saying what that is; the plan then halves its
//! wish down to the hour that every role allows, and what was granted is remembered. Servers other than AWS may allow even
//! less: the last wish is none at all, which takes the server's own duration.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// What a role was found to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnedDuration {
    /// The longest duration that was granted after a longer one was refused; 0 for the server's own.
    pub granted_seconds: u64,
    /// When that was found out.
    pub learned_at: Timestamp,
}

/// The durations to ask for, longest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationPlan {
    asked: Option<Duration>,
    refused: bool,
}

impl DurationPlan {
    /// The longest that STS grants.
    pub const LONGEST: Duration = Duration::from_secs(12 * 3600);
    /// The shortest that STS grants.
    pub const SHORTEST: Duration = Duration::from_secs(900);
    /// What every role allows: the least value of `MaxSessionDuration`, and the cap of a chained role.
    pub const ALWAYS_ALLOWED: Duration = Duration::from_secs(3600);
    /// How long a refusal is remembered. An admin who raises a role's limit sees it taken up within this.
    pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

    /// Begins with the wish, within what STS and an earlier refusal allow. `None` wishes for the server's own duration.
    pub fn new(wish: Option<Duration>, learned: Option<LearnedDuration>, now: Timestamp) -> Self {
        let Some(wish) = wish else { return Self { asked: None, refused: false } };
        let wish = wish.clamp(Self::SHORTEST, Self::LONGEST);
        let learned = learned
            .filter(|learned| now.duration_since(learned.learned_at).abs() < Self::REMEMBERED)
            .map(|learned| Duration::from_secs(learned.granted_seconds));
        let asked = match learned {
            Some(Duration::ZERO) => None,
            Some(granted) => Some(granted.max(Self::SHORTEST).min(wish)),
            None => Some(wish),
        };
        Self { asked, refused: false }
    }

    /// Returns what to ask for now; `None` for the server's own duration.
    pub fn asked(&self) -> Option<Duration> {
        self.asked
    }

    /// Takes in that the duration was too long, and tells whether there is a shorter one to ask for.
    pub fn too_long(&mut self) -> bool {
        let Some(asked) = self.asked else { return false };
        self.refused = true;
        self.asked = (asked > Self::ALWAYS_ALLOWED).then(|| (asked / 2).max(Self::ALWAYS_ALLOWED));
        true
    }

    /// Returns what to remember when the present wish was granted: something only if a longer one was refused.
    pub fn granted(&self, now: Timestamp) -> Option<LearnedDuration> {
        self.refused.then_some(LearnedDuration {
            granted_seconds: self.asked.map_or(0, |asked| asked.as_secs()),
            learned_at: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_wish_halves_down_to_an_hour_then_to_the_servers_own_and_is_remembered() {
        let now = at("2026-11-23T12:00:00Z");
        let mut plan = DurationPlan::new(Some(Duration::from_secs(99_999)), None, now);
        let mut asked = vec![plan.asked().map(|asked| asked.as_secs())];
        assert_eq!(plan.granted(now), None);
        while plan.too_long() {
            asked.push(plan.asked().map(|asked| asked.as_secs()));
        }
        assert_eq!(asked, [Some(43_200), Some(21_600), Some(10_800), Some(5_400), Some(3_600), None]);
        assert_eq!(plan.granted(now), Some(LearnedDuration { granted_seconds: 0, learned_at: now }));
        let again = DurationPlan::new(Some(DurationPlan::LONGEST), plan.granted(now), now);
        assert_eq!(again.asked(), None);
    }

    #[test]
    fn what_was_learned_is_asked_first_and_forgotten_in_a_week() {
        let learned = Some(LearnedDuration { granted_seconds: 3600, learned_at: at("2026-11-23T12:00:00Z") });
        let asked = |wish, now| {
            let plan = DurationPlan::new(Some(Duration::from_secs(wish)), learned, at(now));
            plan.asked().map(|asked| asked.as_secs())
        };
        assert_eq!(asked(43_200, "2026-11-24T12:00:00Z"), Some(3600));
        assert_eq!(asked(1800, "2026-11-24T12:00:00Z"), Some(1800));
        assert_eq!(asked(43_200, "2026-12-01T12:00:00Z"), Some(43_200));
        assert_eq!(asked(1, "2026-12-01T12:00:00Z"), Some(900));
    }

    #[test]
    fn no_wish_stays_none() {
        let mut plan = DurationPlan::new(None, None, Timestamp::UNIX_EPOCH);
        assert_eq!(plan.asked(), None);
        assert!(!plan.too_long());
        assert_eq!(plan.granted(Timestamp::UNIX_EPOCH), None);
    }
}

//! How long a session to ask for, when the role's own limit cannot be seen.
//!
//! Longer is better: a credential may outlive the ID token it was bought with, so one exchange can cover a working day.
//! STS refuses a request above the role's `MaxSessionDuration` without saying what that is; the plan then halves its
//! wish down to the hour that every role allows, and what was granted is remembered.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// What a role was found to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnedDuration {
    /// The longest duration that was granted after a longer one was refused.
    pub granted_seconds: u64,
    /// When that was found out.
    pub learned_at: Timestamp,
}

/// The durations to ask for, longest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationPlan {
    asked: Duration,
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

    /// Begins with the wish, within what STS and an earlier refusal allow.
    pub fn new(wish: Duration, learned: Option<LearnedDuration>, now: Timestamp) -> Self {
        let wish = wish.clamp(Self::SHORTEST, Self::LONGEST);
        let learned = learned
            .filter(|learned| now.duration_since(learned.learned_at).abs() < Self::REMEMBERED)
            .map(|learned| Duration::from_secs(learned.granted_seconds).max(Self::SHORTEST));
        Self { asked: learned.map_or(wish, |granted| granted.min(wish)), refused: false }
    }

    /// Returns what to ask for now.
    pub fn asked(&self) -> Duration {
        self.asked
    }

    /// Takes in that the duration was too long, and tells whether there is a shorter one to ask for.
    pub fn too_long(&mut self) -> bool {
        if self.asked <= Self::ALWAYS_ALLOWED {
            return false;
        }
        self.refused = true;
        self.asked = (self.asked / 2).max(Self::ALWAYS_ALLOWED);
        true
    }

    /// Returns what to remember when the present wish was granted: something only if a longer one was refused.
    pub fn granted(&self, now: Timestamp) -> Option<LearnedDuration> {
        self.refused.then_some(LearnedDuration { granted_seconds: self.asked.as_secs(), learned_at: now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_wish_halves_down_to_an_hour_and_is_remembered() {
        let now = at("2026-11-23T12:00:00Z");
        let mut plan = DurationPlan::new(Duration::from_secs(99_999), None, now);
        let mut asked = vec![plan.asked().as_secs()];
        assert_eq!(plan.granted(now), None);
        while plan.too_long() {
            asked.push(plan.asked().as_secs());
        }
        assert_eq!(asked, [43_200, 21_600, 10_800, 5_400, 3_600]);
        assert_eq!(plan.granted(now), Some(LearnedDuration { granted_seconds: 3600, learned_at: now }));
    }

    #[test]
    fn what_was_learned_is_asked_first_and_forgotten_in_a_week() {
        let learned = Some(LearnedDuration { granted_seconds: 3600, learned_at: at("2026-11-23T12:00:00Z") });
        let asked =
            |wish, now| DurationPlan::new(Duration::from_secs(wish), learned, at(now)).asked().as_secs();
        assert_eq!(asked(43_200, "2026-11-24T12:00:00Z"), 3600);
        assert_eq!(asked(1800, "2026-11-24T12:00:00Z"), 1800);
        assert_eq!(asked(43_200, "2026-12-01T12:00:00Z"), 43_200);
        assert_eq!(asked(1, "2026-12-01T12:00:00Z"), 900);
    }

    #[test]
    fn a_short_wish_that_is_refused_has_nothing_below() {
        let mut plan = DurationPlan::new(Duration::from_secs(1800), None, Timestamp::UNIX_EPOCH);
        assert!(!plan.too_long());
    }
}

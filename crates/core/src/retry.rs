//! When to try again: the verdict every error gives, and the schedule that follows it.
//!
//! Pure: the caller sleeps. Delays follow "full jitter": a uniform draw from zero to a bound that doubles, because
//! many clients that failed together must not come back together.

use std::time::Duration;

use crate::seam::Random;

/// What would have to change before the same call can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Nothing that waiting brings: the same call fails again.
    Never,
    /// Time: try again after a back-off.
    Backoff,
    /// Time, and the other side said how much.
    After(Duration),
    /// The credential: get a new one, then try again at once.
    AfterRenewal,
    /// The person: they have to sign in again.
    AfterSignIn,
}

/// How often and how patiently to try again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The number of attempts in all, the first included. At least 1.
    pub attempts_max: u32,
    /// The bound of the first delay.
    pub base: Duration,
    /// The bound that no delay passes, nor any `Retry-After` that is obeyed.
    pub cap: Duration,
}

impl Schedule {
    /// For calls a person waits for: about ten seconds in all.
    pub const INTERACTIVE: Self =
        Self { attempts_max: 5, base: Duration::from_millis(200), cap: Duration::from_secs(5) };

    /// For the data path, where giving up costs a whole transfer: about a minute in all.
    pub const TRANSFER: Self =
        Self { attempts_max: 10, base: Duration::from_millis(100), cap: Duration::from_secs(20) };

    /// Returns how long to wait before the next attempt, or `None` when there is none.
    ///
    /// `failed` is the number of attempts that have failed so far, at least 1. [`Retry::AfterRenewal`] waits for
    /// nothing the first time and backs off after that, so that a credential that is refused again and again
    /// does not turn into a storm.
    pub fn delay(&self, verdict: Retry, failed: u32, random: &dyn Random) -> Option<Duration> {
        if failed >= self.attempts_max {
            return None;
        }
        match verdict {
            Retry::Never | Retry::AfterSignIn => None,
            Retry::AfterRenewal if failed == 1 => Some(Duration::ZERO),
            Retry::Backoff | Retry::AfterRenewal => Some(self.jittered(failed, random)),
            // Jitter on top: everyone who was told "after 2 s" was told at the same moment.
            Retry::After(asked) => Some(asked.min(self.cap) + self.jittered(1, random)),
        }
    }

    fn jittered(&self, failed: u32, random: &dyn Random) -> Duration {
        let doublings = failed.saturating_sub(1).min(31);
        let bound = self.base.saturating_mul(1 << doublings).min(self.cap);
        bound.mul_f64(random.fraction())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seam::SeededRandom;

    const SCHEDULE: Schedule =
        Schedule { attempts_max: 6, base: Duration::from_millis(100), cap: Duration::from_secs(1) };

    #[test]
    fn delays_stay_under_a_doubling_bound_and_end() {
        let random = SeededRandom::new(1);
        for failed in 1..6 {
            let bound = Duration::from_millis(100 << (failed - 1)).min(Duration::from_secs(1));
            let delay = SCHEDULE.delay(Retry::Backoff, failed, &random).unwrap();
            assert!(delay <= bound, "attempt {failed}: {delay:?} above {bound:?}");
        }
        assert_eq!(SCHEDULE.delay(Retry::Backoff, 6, &random), None);
    }

    #[test]
    fn verdicts_that_time_cannot_mend_end_at_once() {
        let random = SeededRandom::new(1);
        assert_eq!(SCHEDULE.delay(Retry::Never, 1, &random), None);
        assert_eq!(SCHEDULE.delay(Retry::AfterSignIn, 1, &random), None);
    }

    #[test]
    fn a_renewed_credential_is_tried_at_once_then_with_patience() {
        let random = SeededRandom::new(1);
        assert_eq!(SCHEDULE.delay(Retry::AfterRenewal, 1, &random), Some(Duration::ZERO));
        assert!(SCHEDULE.delay(Retry::AfterRenewal, 2, &random).unwrap() > Duration::ZERO);
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept_up_to_the_cap() {
        let random = SeededRandom::new(1);
        let short = SCHEDULE.delay(Retry::After(Duration::from_millis(700)), 1, &random).unwrap();
        assert!((Duration::from_millis(700)..=Duration::from_millis(800)).contains(&short));
        let long = SCHEDULE.delay(Retry::After(Duration::from_secs(3600)), 1, &random).unwrap();
        assert!((Duration::from_secs(1)..=Duration::from_millis(1100)).contains(&long));
    }
}

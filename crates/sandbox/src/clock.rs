//! The sandbox's time. Everything that expires, is signed or is dated asks one [`Clock`], so that a test
//! can move an hour forward without waiting and a fault can answer with a skewed `Date`.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::locked;

/// Tells what time it is in the sandbox.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one door to the machine's clock in this crate"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct SettableClock {
    now: Mutex<Timestamp>,
}

impl SettableClock {
    /// Returns a clock standing at `start`.
    pub fn new(start: Timestamp) -> SettableClock {
        SettableClock { now: Mutex::new(start) }
    }

    /// Moves the clock to `moment`, forwards or backwards.
    pub fn set(&self, moment: Timestamp) {
        *locked(&self.now) = moment;
    }

    /// Moves the clock forwards.
    pub fn advance(&self, by: Duration) {
        let mut now = locked(&self.now);
        *now = after(*now, i64::try_from(by.as_secs()).unwrap_or(i64::MAX));
    }
}

impl Clock for SettableClock {
    fn now(&self) -> Timestamp {
        *locked(&self.now)
    }
}

/// Returns the moment `seconds` after (or, negative, before) `moment`, held at the ends of the calendar.
pub(crate) fn after(moment: Timestamp, seconds: i64) -> Timestamp {
    moment.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(if seconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// Returns the form of HTTP's `Date` header.
pub(crate) fn http_date(moment: Timestamp) -> String {
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Returns the form of AWS's XML answers, to the second.
pub(crate) fn iso_seconds(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_moment() {
        let moment: Timestamp = "2026-09-01T02:03:04.5Z".parse().unwrap();
        assert_eq!(http_date(moment), "Tue, 01 Sep 2026 02:03:04 GMT");
        assert_eq!(iso_seconds(moment), "2026-09-01T02:03:04Z");
        assert_eq!(iso_seconds(after(moment, -5)), "2026-09-01T02:02:59Z");
    }

    #[test]
    fn a_settable_clock_moves_only_when_told() {
        let clock = SettableClock::new(Timestamp::UNIX_EPOCH);
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now().as_second(), 90);
        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now().as_second(), 0);
    }
}

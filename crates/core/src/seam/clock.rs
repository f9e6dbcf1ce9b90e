//! The clock seam.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Tells the time.
///
/// Time may step in both directions (a corrected clock): no caller may rely on it never going back.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Takes in a server's time (its `Date` header) as it was when its answer arrived. A clock that corrects itself
    /// learns from it; others ignore it.
    fn observe(&self, server_now: Timestamp) {
        let _ = server_now;
    }
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Starts the clock at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Mutex::new(start))
    }

    /// Moves the clock by `step`, which may be negative.
    ///
    /// # Panics
    /// When the result is outside the range of [`Timestamp`].
    pub fn advance(&self, step: SignedDuration) {
        let mut now = self.0.lock().expect("no holder of this lock panics");
        *now = now.checked_add(step).expect("the step stays within the years -9999 to 9999");
    }

    /// Sets the clock.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().expect("no holder of this lock panics") = now;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no holder of this lock panics")
    }
}

/// A time estimate shared by those who learn the true time and those who sign with it.
///
/// Servers state their time in every `Date` header; a local clock that is minutes off makes every signature and
/// every token check fail. The correction is the difference last seen, and zero while it is within the noise.
#[derive(Debug)]
pub struct CorrectedClock<C> {
    inner: C,
    correction_ms: AtomicI64,
}

impl<C: Clock> CorrectedClock<C> {
    /// A difference below this is latency and rounding, not a wrong clock.
    pub const NOISE: SignedDuration = SignedDuration::from_secs(5);

    /// Wraps a clock; no correction yet.
    pub fn new(inner: C) -> Self {
        Self { inner, correction_ms: AtomicI64::new(0) }
    }

    /// Returns how far the inner clock is behind the true time, as far as known.
    pub fn correction(&self) -> SignedDuration {
        SignedDuration::from_millis(self.correction_ms.load(Ordering::Relaxed))
    }
}

impl<C: Clock> Clock for CorrectedClock<C> {
    fn now(&self) -> Timestamp {
        let now = self.inner.now();
        now.checked_add(self.correction()).unwrap_or(now)
    }

    fn observe(&self, server_now: Timestamp) {
        let difference = server_now.duration_since(self.inner.now());
        let correction = if difference.abs() < Self::NOISE { SignedDuration::ZERO } else { difference };
        let correction_ms = i64::try_from(correction.as_millis()).unwrap_or(0);
        self.correction_ms.store(correction_ms, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_only_when_told() {
        let start: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let clock = ManualClock::new(start);
        assert_eq!(clock.now(), start);
        clock.advance(SignedDuration::from_secs(-30));
        assert_eq!(clock.now().to_string(), "2026-11-23T11:59:30Z");
    }

    fn utc(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_clock_is_corrected_by_what_servers_say_and_not_by_noise() {
        let clock = CorrectedClock::new(ManualClock::new(utc("2026-11-23T12:00:00Z")));
        clock.observe(utc("2026-11-23T12:00:03Z"));
        assert_eq!(clock.now(), utc("2026-11-23T12:00:00Z"));
        clock.observe(utc("2026-11-23T11:40:00Z"));
        assert_eq!(clock.now(), utc("2026-11-23T11:40:00Z"));
        clock.observe(utc("2026-11-23T12:00:01Z"));
        assert_eq!(clock.correction(), SignedDuration::ZERO);
    }
}

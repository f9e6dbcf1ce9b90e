//! What the wire is like: how many requests went out, how many were repeated or held off, and how long the first byte takes.
//!
//! A store repeats what a service puts off, so a call that succeeds says nothing of it. Who decides how much goes on at once
//! hears of it here, with the attempt it happened to and not at the end of the call. All of it is atomics: reading costs
//! nothing and waits for nobody, and a reading taken while requests are under way may be a request ahead in one figure.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::{ErrorKind, Operation};

/// By which part of its distance a new first-byte time moves the mean: eight answers make most of it.
const WEIGHT: u64 = 8;

/// A handle on the pressure of a store, shared by its clones and by the stores made with [`S3Store::on`](super::S3Store::on).
///
/// An engine keeps the last [`Pressure::counts`] and reacts to the difference.
#[derive(Clone, Default)]
pub struct Pressure(Arc<Gauges>);

#[derive(Default)]
struct Gauges {
    requests: [AtomicU64; Operation::ALL.len()],
    others: AtomicU64,
    retries: AtomicU64,
    throttled: AtomicU64,
    failures: AtomicU64,
    sent_bytes: AtomicU64,
    read_bytes: AtomicU64,
    /// 0 before the first answer.
    first_byte_us: AtomicU64,
}

/// What went over the wire so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireCounts {
    /// Requests that were sent: every attempt of every call.
    pub requests: u64,
    /// Those among them that repeated an earlier one of the same call, for whatever reason.
    pub retries: u64,
    /// Answers that asked for less: `SlowDown` and its like, 429, and every 503.
    pub throttled: u64,
    /// Attempts and bodies that the network ended: no connection, no answer, or one that broke off. A connection that the
    /// service had closed while it was idle is none.
    pub failures: u64,
    /// Bytes of request bodies that were sent, framing included.
    pub sent_bytes: u64,
    /// Bytes of answers that were read, heads aside.
    pub read_bytes: u64,
}

impl Pressure {
    /// Returns everything that is counted.
    pub fn counts(&self) -> WireCounts {
        let gauges = &*self.0;
        let load = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
        WireCounts {
            requests: gauges.requests.iter().map(load).sum::<u64>() + load(&gauges.others),
            retries: load(&gauges.retries),
            throttled: load(&gauges.throttled),
            failures: load(&gauges.failures),
            sent_bytes: load(&gauges.sent_bytes),
            read_bytes: load(&gauges.read_bytes),
        }
    }

    /// Returns how many requests were sent for one kind of call.
    pub fn requests_of(&self, operation: Operation) -> u64 {
        self.0.requests_of(operation).load(Ordering::Relaxed)
    }

    /// Returns how many answers asked for less. See [`WireCounts::throttled`].
    pub fn throttled(&self) -> u64 {
        self.0.throttled.load(Ordering::Relaxed)
    }

    /// Returns how often the network failed. See [`WireCounts::failures`].
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// Returns the moving mean of the time from a request to the first byte of its answer, in whole microseconds; `None`
    /// before the first one. Counted are successes of requests whose body is small enough to go out at once (256 KiB): how
    /// long the others take is a matter of their size.
    pub fn first_byte(&self) -> Option<Duration> {
        let mean_us = self.0.first_byte_us.load(Ordering::Relaxed);
        (mean_us > 0).then(|| Duration::from_micros(mean_us))
    }

    pub(super) fn count_request(&self, operation: Operation, is_retry: bool) {
        self.0.requests_of(operation).fetch_add(1, Ordering::Relaxed);
        if is_retry {
            self.0.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes in how an attempt failed, or the body of its answer. `status` is that of the answer, where there was one.
    pub(super) fn count_failure(&self, kind: &ErrorKind, status: Option<http::StatusCode>) {
        if matches!(kind, ErrorKind::Throttled { .. })
            || status == Some(http::StatusCode::SERVICE_UNAVAILABLE)
        {
            self.0.throttled.fetch_add(1, Ordering::Relaxed);
        } else if matches!(kind, ErrorKind::Transport(_)) {
            self.0.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_sent(&self, bytes: u64) {
        self.0.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn count_read(&self, bytes: u64) {
        self.0.read_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes in a first-byte time. Of two that meet, one may be lost: it is a mean.
    pub(super) fn take_first_byte(&self, waited: Duration) {
        let sample_us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX).max(1);
        let mean_us = self.0.first_byte_us.load(Ordering::Relaxed);
        let moved_us = match mean_us {
            0 => sample_us,
            mean_us => mean_us - mean_us / WEIGHT + sample_us / WEIGHT,
        };
        self.0.first_byte_us.store(moved_us.max(1), Ordering::Relaxed);
    }
}

impl Gauges {
    fn requests_of(&self, operation: Operation) -> &AtomicU64 {
        operation.place().map_or(&self.others, |place| &self.requests[place])
    }
}

impl fmt::Debug for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pressure").field(&self.counts()).finish()
    }
}

#[cfg(test)]
mod tests {
    use pintail_core::seam::HttpErrorKind;

    use super::*;

    #[test]
    fn failures_are_told_apart() {
        let pressure = Pressure::default();
        pressure.count_failure(&ErrorKind::Throttled { after: None }, Some(http::StatusCode::OK));
        pressure.count_failure(&ErrorKind::Unavailable, Some(http::StatusCode::SERVICE_UNAVAILABLE));
        pressure.count_failure(&ErrorKind::Unavailable, Some(http::StatusCode::INTERNAL_SERVER_ERROR));
        pressure.count_failure(&ErrorKind::Transport(HttpErrorKind::Timeout), None);
        pressure.count_failure(&ErrorKind::PermissionDenied, Some(http::StatusCode::FORBIDDEN));
        assert_eq!((pressure.throttled(), pressure.failures()), (2, 1));
    }

    #[test]
    fn requests_are_counted_by_call_and_in_all() {
        let pressure = Pressure::default();
        for operation in Operation::ALL.into_iter().chain([Operation::Presign, Operation::Get]) {
            pressure.count_request(operation, operation == Operation::Presign);
        }
        assert_eq!(pressure.requests_of(Operation::Get), 2);
        let counts = pressure.counts();
        assert_eq!((counts.requests, counts.retries), (Operation::ALL.len() as u64 + 2, 1));
    }

    #[test]
    fn the_mean_follows_what_is_new() {
        let pressure = Pressure::default();
        assert_eq!(pressure.first_byte(), None);
        pressure.take_first_byte(Duration::from_millis(80));
        assert_eq!(pressure.first_byte(), Some(Duration::from_millis(80)));
        pressure.take_first_byte(Duration::from_millis(160));
        assert_eq!(pressure.first_byte(), Some(Duration::from_millis(90)));
        for _ in 0..100 {
            pressure.take_first_byte(Duration::from_millis(160));
        }
        assert!(pressure.first_byte().unwrap() > Duration::from_millis(159));
        for _ in 0..200 {
            pressure.take_first_byte(Duration::ZERO);
        }
        assert!(pressure.first_byte().unwrap() < Duration::from_micros(10));
    }
}

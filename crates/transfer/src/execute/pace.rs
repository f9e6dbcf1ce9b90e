//! The limit on bandwidth: who may send when.
//!
//! Pure. Bytes are let through in the order they are asked for; each asks, and waits as long as it is told. What was not used a moment ago may
//! be used now, a tenth of a second's worth at the most.

use std::time::Duration;

/// So much of the past may be made up for.
const BURST: Duration = Duration::from_millis(100);

/// Hands out the right to move bytes. Times are counted from any fixed moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    /// When everything that was asked for so far has gone through.
    free_at: Duration,
}

impl Bucket {
    /// Takes the right to move some bytes at a limit in bytes a second; returns how long to wait before they are moved.
    pub(super) fn take(&mut self, now: Duration, bytes: u64, limit_bytes_per_s: u64) -> Duration {
        let earliest = now.saturating_sub(BURST);
        let start = self.free_at.max(earliest);
        let cost = Duration::try_from_secs_f64(bytes as f64 / limit_bytes_per_s.max(1) as f64);
        self.free_at = start.saturating_add(cost.unwrap_or(Duration::MAX));
        self.free_at.saturating_sub(now)
    }

    /// Forgets what was asked for: the limit is another one.
    pub(super) fn clear(&mut self) {
        self.free_at = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_waits_long_enough_is_let_through_at_once() {
        let mut bucket = Bucket::default();
        let now = Duration::from_secs(10);
        assert_eq!(bucket.take(now, 100, 1000), Duration::ZERO);
        assert_eq!(bucket.take(now, 100, 1000), Duration::from_millis(100));
        assert_eq!(bucket.take(now + Duration::from_millis(100), 0, 1000), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn never_more_goes_through_than_the_limit_and_one_burst(
            limit in 1_u64..1_000_000,
            asks in prop::collection::vec((0_u64..200, 1_u64..10_000), 1..50),
        ) {
            let mut bucket = Bucket::default();
            let start = Duration::from_secs(100);
            let (mut now, mut moved) = (start, 0);
            for (idle_ms, bytes) in asks {
                now += Duration::from_millis(idle_ms);
                now += bucket.take(now, bytes, limit);
                moved += bytes;
                let most = ((now - start) + BURST).as_secs_f64() * limit as f64;
                prop_assert!(moved as f64 <= most + 1.0, "{moved} bytes, {most} allowed");
            }
        }
    }
}

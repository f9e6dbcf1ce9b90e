//! Which changes are ripe: names wait until it is quiet around them.
//!
//! Pure: times are given, counted from any beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Changes, NAMES_MAX, Timing, Why};

/// What happened to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    /// It is being written, or made: more may come.
    Written,
    /// It is whole for now: closed, renamed or deleted.
    Whole,
}

/// Names that wait.
#[derive(Debug)]
pub(super) struct Settling {
    timing: Timing,
    /// Each name with the time from which on it is ripe.
    names: BTreeMap<String, Duration>,
    everything: Option<(Why, Duration)>,
    /// When changes were taken last.
    taken: Option<Duration>,
}

impl Settling {
    pub(super) fn new(timing: Timing) -> Self {
        Self { timing, names: BTreeMap::new(), everything: None, taken: None }
    }

    /// Takes in that something happened to a name. What happened last counts.
    pub(super) fn touch(&mut self, name: String, touch: Touch, now: Duration) {
        if self.everything.is_some() {
            return;
        }
        let wait = match touch {
            Touch::Written => self.timing.quiet,
            Touch::Whole => self.timing.settle,
        };
        self.names.insert(name, now + wait);
        if self.names.len() > NAMES_MAX {
            self.everything(Why::Many, now);
        }
    }

    /// Takes in that nobody knows what happened.
    pub(super) fn everything(&mut self, why: Why, now: Duration) {
        self.names.clear();
        let (_, due) = self.everything.unwrap_or((why, now + self.timing.quiet));
        self.everything = Some((why, due));
    }

    /// Returns when something is ripe next, `None` while nothing waits.
    pub(super) fn due(&self) -> Option<Duration> {
        let first = self.names.values().min().copied();
        let first = self.everything.map(|(_, due)| due).or(first)?;
        Some(first.max(self.taken.map_or(Duration::ZERO, |taken| taken + self.timing.apart)))
    }

    /// Tells whether something is ripe.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.due().is_some_and(|due| due <= now)
    }

    /// Takes what is ripe; the rest goes on waiting.
    pub(super) fn take(&mut self, now: Duration) -> Changes {
        self.taken = Some(now);
        if let Some((why, _)) = self.everything.take() {
            return Changes::Everything(why);
        }
        let mut ripe = BTreeSet::new();
        self.names.retain(|name, due| {
            let waits = *due > now;
            if !waits {
                ripe.insert(name.clone());
            }
            waits
        });
        Changes::Names(ripe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn settling() -> Settling {
        Settling::new(Timing { quiet: ms(500), settle: ms(100), apart: ms(1000), poll: ms(0) })
    }

    fn names(names: &[&str]) -> Changes {
        Changes::Names(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn what_is_written_to_waits_until_it_is_quiet_or_closed() {
        let mut waiting = settling();
        assert_eq!(waiting.due(), None);
        for at in [0, 400, 800, 1200] {
            waiting.touch("log".into(), Touch::Written, ms(at));
            assert!(!waiting.is_due(ms(at + 399)), "{at}");
        }
        waiting.touch("closed".into(), Touch::Written, ms(1200));
        waiting.touch("closed".into(), Touch::Whole, ms(1250));
        assert_eq!(waiting.due(), Some(ms(1350)));
        assert_eq!(waiting.take(ms(1350)), names(&["closed"]));
        // The other one would be ripe sooner than changes are told of again.
        assert_eq!(waiting.due(), Some(ms(2350)));
        assert_eq!(waiting.take(ms(2350)), names(&["log"]));
        assert_eq!(waiting.due(), None);
    }

    #[test]
    fn a_file_that_is_opened_again_waits_again() {
        let mut waiting = settling();
        waiting.touch("a".into(), Touch::Whole, ms(0));
        waiting.touch("a".into(), Touch::Written, ms(50));
        assert_eq!(waiting.due(), Some(ms(550)));
    }

    #[test]
    fn too_many_names_are_everything_and_names_are_nothing_beside_it() {
        let mut waiting = settling();
        for number in 0..=NAMES_MAX {
            waiting.touch(number.to_string(), Touch::Whole, ms(0));
        }
        waiting.touch("more".into(), Touch::Whole, ms(10));
        assert_eq!(waiting.take(ms(500)), Changes::Everything(Why::Many));
        waiting.touch("a".into(), Touch::Whole, ms(600));
        waiting.everything(Why::Missed, ms(700));
        // It does not get later by being said again.
        waiting.everything(Why::Missed, ms(1100));
        assert_eq!(waiting.due(), Some(ms(1500)));
        assert_eq!(waiting.take(ms(1500)), Changes::Everything(Why::Missed));
        assert_eq!(waiting.due(), None);
    }
}

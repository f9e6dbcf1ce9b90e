//! How many requests are under way at once: learned from what comes of them.
//!
//! Pure: a step machine. The caller measures over a while (a [`Sample`]) and sets the limit that comes back. The same machine serves small
//! objects, whose work is requests, and parts, whose work is bytes.
//!
//! ```text
//! Seek ──doubling no longer helps──► Hold ──every few samples──► Probe ──it helped──► Probe …
//!   │                                 ▲  ▲                         │
//!   │                                 │  └─────────it did not──────┘
//!   └──────────SlowDown──────► Rest ──┘        (from every state, SlowDown leads to Rest)
//! ```
//!
//! - **Seek** doubles as long as the work done grows by a quarter with it, and goes back to where it last helped. At a far
//!   service a doubling has a few samples to show what it brings: new connections take round trips before the first of their requests ends.
//! - **Probe** adds an eighth to the limit and stays there if the work grew, else takes it back; the next one takes an eighth off and stays there if
//!   nothing was lost by it. Every probe that brought nothing doubles the wait for the next one, so that a line that is full is left in peace.
//! - **Rest** follows `SlowDown`: the limit falls to seven tenths, and what it was when the service complained is remembered as a ceiling.
//!   Probes stop short of the ceiling; it rises after a long peace, and faster after every further one, since a prefix that S3 splits carries more afterwards.

use std::time::Duration;

/// What came of the requests of a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// How long the while was. Work is compared a second.
    pub took: Duration,
    /// The work that was done: requests of small objects, bytes of parts.
    pub work: u64,
    /// How many requests the service refused as too many (`SlowDown`, 503, 429).
    pub slow_downs: u64,
    /// How many requests failed otherwise in a way that fewer could mend: timeouts, resets.
    pub failures: u64,
    /// How many requests ended, however.
    pub requests: u64,
    /// The limit was reached during the whole while. Where there was not enough to do, or nothing was done, nothing is learned.
    pub saturated: bool,
}

/// Bounds of the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Where it begins.
    pub first: usize,
    /// The most: connections, memory, a person's wish.
    pub max: usize,
}

/// Learns how many requests may be under way at once.
#[derive(Clone, Debug)]
pub struct Controller {
    bounds: Bounds,
    limit: usize,
    state: State,
    /// Above this the service has complained.
    ceiling: Option<usize>,
    /// Samples without complaint since the ceiling was set or raised.
    peace: u32,
    /// How often the ceiling was raised since the last complaint.
    raises: u32,
    /// Samples to wait before the next probe, doubled by each that brought nothing.
    patience: u32,
    /// So many samples without the gain end the search.
    seek_samples: u32,
    /// The next probe goes up.
    upwards: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Doubling; the limit before with its rate, if there was one, and what the samples of this one came to that fell short.
    Seek { before: Option<(usize, f64)>, short: u32, most: f64 },
    /// Waiting for the next probe, with the rates of the samples so far.
    Hold { waited: u32, rate: f64 },
    /// Looking whether another limit is better than the one with this rate.
    Probe { from: usize, rate: f64, seen: u32, sum: f64 },
    /// Letting the requests end that were under way when the service complained.
    Rest { left: u32 },
}

/// Doubling goes on as long as it brings a quarter more.
const SEEK_GAIN: f64 = 1.25;
/// At a far service a doubling is given up after so many samples without the gain: a handshake of TCP and of TLS takes two round trips, and a sample lasts one
/// and a half. Nearby that is no time, and the first sample tells.
const SEEK_SAMPLES_FAR: u32 = 3;
/// A probe counts if it brings a third of what it adds: less is noise.
const PROBE_SHARE: f64 = 0.33;
/// A probe downwards counts if it loses less than this: the same work with fewer requests.
const PROBE_LOSS: f64 = 0.98;
/// A probe is judged after so many samples.
const PROBE_SAMPLES: u32 = 2;
const PATIENCE_MIN: u32 = 2;
const PATIENCE_MAX: u32 = 32;
/// What is left of the limit after a complaint.
const BACK_OFF: f64 = 0.7;
/// So many samples of peace raise the ceiling.
const PEACE: u32 = 40;
/// One request in so many may fail by chance.
const FAILURES_ONE_IN: u64 = 20;

impl Controller {
    /// Begins within bounds.
    pub fn new(bounds: Bounds) -> Self {
        let max = bounds.max.max(1);
        let bounds = Bounds { first: bounds.first.clamp(1, max), max };
        Self {
            bounds,
            limit: bounds.first,
            state: State::Seek { before: None, short: 0, most: 0.0 },
            ceiling: None,
            peace: 0,
            raises: 0,
            patience: PATIENCE_MIN,
            seek_samples: 1,
            upwards: true,
        }
    }

    /// Says that the service is far, and begins with so many. Once anything was learned it is too late for the latter.
    pub fn is_far(&mut self, limit: usize) {
        self.seek_samples = SEEK_SAMPLES_FAR;
        if let State::Seek { before: None, .. } = self.state {
            self.limit = limit.clamp(self.limit, self.most());
            self.state = State::Seek { before: None, short: 0, most: 0.0 };
        }
    }

    /// Returns how many requests may be under way.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Takes in what came of the last while and returns the limit for the next.
    pub fn observe(&mut self, sample: &Sample) -> usize {
        let refused = sample.slow_downs > 0;
        let failing = sample.failures * FAILURES_ONE_IN > sample.requests.max(1);
        if refused || failing {
            self.back_off();
        } else if sample.took.is_zero() {
            // Nothing was measured.
        } else {
            self.peace = self.peace.saturating_add(1);
            if self.peace >= PEACE && self.ceiling.is_some() {
                self.raise_ceiling();
            }
            if let State::Rest { left } = self.state {
                self.state = if left > 1 {
                    State::Rest { left: left - 1 }
                } else {
                    State::Hold { waited: 0, rate: 0.0 }
                };
            } else if sample.saturated && sample.work > 0 {
                self.learn(sample.work as f64 / sample.took.as_secs_f64());
            }
        }
        self.limit
    }

    fn learn(&mut self, rate: f64) {
        match self.state {
            State::Seek { before, short, most } => {
                if before.is_none() && short == 0 && self.seek_samples > 1 {
                    // In the first while connections are opened.
                    self.state = State::Seek { before, short: 1, most };
                    return;
                }
                let Some((from, before)) = before.filter(|(_, before)| rate < before * SEEK_GAIN) else {
                    if self.limit < self.most() {
                        self.state = State::Seek { before: Some((self.limit, rate)), short: 0, most: 0.0 };
                        self.limit = (self.limit * 2).min(self.most());
                    } else {
                        self.hold(rate);
                    }
                    return;
                };
                let (short, most) = (short + 1, rate.max(most));
                if short < self.seek_samples {
                    self.state = State::Seek { before: Some((from, before)), short, most };
                    return;
                }
                // Somewhere between the last two: as far as the work grew.
                let gain = (most / before).clamp(1.0, SEEK_GAIN);
                self.limit = (from as f64 * gain).ceil() as usize;
                self.hold(most.max(before));
            }
            State::Hold { waited, rate: before } => {
                // The rate is followed slowly; the first sample after a rest is all there is.
                let rate = if before == 0.0 { rate } else { before * 0.7 + rate * 0.3 };
                let next = self.next_limit();
                if waited + 1 >= self.patience && next != self.limit {
                    self.state = State::Probe { from: self.limit, rate, seen: 0, sum: 0.0 };
                    self.limit = next;
                } else {
                    // No room on this side.
                    self.upwards ^= next == self.limit;
                    self.state = State::Hold { waited: waited.saturating_add(1), rate };
                }
            }
            State::Probe { from, rate: before, seen, sum } => {
                let (seen, sum) = (seen + 1, sum + rate);
                // The first sample still holds requests of the lower limit.
                if seen < PROBE_SAMPLES {
                    self.state = State::Probe { from, rate: before, seen, sum: 0.0 };
                    return;
                }
                let reached = sum / f64::from(seen - (PROBE_SAMPLES - 1));
                let enough = if self.limit > from {
                    let added = (self.limit - from) as f64 / from as f64;
                    before * (1.0 + added * PROBE_SHARE)
                } else {
                    before * PROBE_LOSS
                };
                if reached >= enough {
                    self.patience = PATIENCE_MIN;
                    let next = self.next_limit();
                    if next == self.limit {
                        self.upwards = !self.upwards;
                        self.hold(reached);
                    } else {
                        self.state = State::Probe { from: self.limit, rate: reached, seen: 0, sum: 0.0 };
                        self.limit = next;
                    }
                } else {
                    self.limit = from;
                    self.patience = (self.patience * 2).min(PATIENCE_MAX);
                    self.upwards = !self.upwards;
                    self.hold(before);
                }
            }
            State::Rest { .. } => {}
        }
    }

    fn back_off(&mut self) {
        // Requests of before the fall still come back refused; one complaint is one complaint.
        if let State::Rest { left } = self.state
            && left > 1
        {
            self.state = State::Rest { left: left - 1 };
            return;
        }
        self.ceiling = Some(self.limit);
        (self.peace, self.raises) = (0, 0);
        self.patience = PATIENCE_MIN;
        self.limit = ((self.limit as f64 * BACK_OFF) as usize).max(1);
        self.state = State::Rest { left: 3 };
    }

    fn raise_ceiling(&mut self) {
        self.peace = 0;
        self.patience = PATIENCE_MIN;
        self.upwards = true;
        // An eighth, a quarter, a half, then twice as much: whatever complained is long gone.
        let eighths = 1 << self.raises.min(3);
        self.raises += 1;
        self.ceiling = self
            .ceiling
            .map(|ceiling| ceiling + (ceiling * eighths).div_ceil(8))
            .filter(|ceiling| *ceiling <= self.bounds.max);
    }

    fn hold(&mut self, rate: f64) {
        self.state = State::Hold { waited: 0, rate };
    }

    /// The limit that is tried next: an eighth more or less, by at least one; the same where there is none.
    fn next_limit(&self) -> usize {
        let step = self.limit.div_ceil(8);
        if self.upwards {
            if self.limit + step <= self.most() { self.limit + step } else { self.limit }
        } else {
            self.limit.saturating_sub(step).max(1)
        }
    }

    /// The highest limit that is tried: nine tenths of a ceiling.
    fn most(&self) -> usize {
        let ceiling = self.ceiling.map_or(usize::MAX, |ceiling| (ceiling * 9 / 10).max(1));
        self.bounds.max.min(ceiling)
    }
}

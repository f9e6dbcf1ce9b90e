//! How far something is, in one line at the foot of a terminal that is drawn over a few times a second.
//!
//! What a line says is a pure function of what is known ([`line()`]), so that every width is tested without a terminal.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::text::{count, size, span};

/// Work shorter than this shows nothing: it would only flicker.
const PATIENCE: Duration = Duration::from_millis(700);

/// A line is drawn no more often than this.
const EVERY: Duration = Duration::from_millis(190);

/// Rates are those of this long.
const WINDOW: Duration = Duration::from_secs(10);

/// The width of a terminal that does not tell its own.
const WIDTH: usize = 80;

/// What is known of a transfer at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Snapshot {
    /// Bytes that are at their place.
    pub(crate) done_bytes: u64,
    /// Bytes in all.
    pub(crate) total_bytes: u64,
    /// Files, objects and deletions that ended.
    pub(crate) done: u64,
    /// How many there are in all.
    pub(crate) total: u64,
    /// How many of them failed.
    pub(crate) failed: u64,
    /// Bytes a second, over the last seconds.
    pub(crate) rate: Option<u64>,
    /// Seconds that are left at this rate.
    pub(crate) left_seconds: Option<u64>,
    /// Requests under way.
    pub(crate) under_way: usize,
    /// What it waits for, if it does.
    pub(crate) waits_for: Option<&'static str>,
}

/// Says it in at most so many columns: what matters least goes first.
pub(crate) fn line(at: &Snapshot, width: usize) -> String {
    // Of files without bytes, and of deletions, the number is all there is.
    let (done, total) =
        if at.total_bytes > 0 { (at.done_bytes, at.total_bytes) } else { (at.done, at.total) };
    let percent = if total == 0 { 0 } else { u128::from(done.min(total)) * 100 / u128::from(total) };
    let moves_bytes = at.total_bytes > 0;
    let mut parts: Vec<(u8, String)> = vec![(0, format!("{percent:>3} %"))];
    if moves_bytes {
        parts.push((3, format!("{:>8} of {}", size(at.done_bytes), size(at.total_bytes))));
    }
    if at.total > 1 {
        let (done, total) = (count(at.done), count(at.total));
        parts.push((4, format!("{done:>width$} of {total}", width = total.len())));
    }
    if moves_bytes {
        parts.push((
            1,
            format!("{:>10}", at.rate.map_or_else(|| "–".to_owned(), |rate| format!("{}/s", size(rate)))),
        ));
    }
    parts.push((
        2,
        at.left_seconds.map_or_else(|| "– left".to_owned(), |left| format!("{} left", span(left))),
    ));
    if at.failed > 0 {
        parts.push((2, format!("{} failed", count(at.failed))));
    }
    if let Some(waits_for) = at.waits_for {
        parts.push((5, format!("waits for {waits_for}")));
    } else if at.under_way > 0 {
        parts.push((6, format!("{} under way", at.under_way)));
    }
    for most in (0..=6).rev() {
        let shown: Vec<&str> =
            parts.iter().filter(|(rank, _)| *rank <= most).map(|(_, text)| text.as_str()).collect();
        let text = shown.join("  ");
        if text.chars().count() <= width || most == 0 {
            return text.chars().take(width).collect();
        }
    }
    String::new()
}

/// Bytes a second over the last ten seconds.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    seen: VecDeque<(Duration, u64)>,
}

impl Rate {
    /// Takes in how much was done after so long.
    pub(crate) fn add(&mut self, at: Duration, done: u64) {
        self.seen.push_back((at, done));
        // One sample from before the window stays: between it and now lies the whole window.
        while self.seen.len() > 2 && at.saturating_sub(self.seen[1].0) >= WINDOW {
            self.seen.pop_front();
        }
    }

    /// Returns how much is done in a second. `None` before half a second passed.
    pub(crate) fn a_second(&self) -> Option<u64> {
        let ((from, before), (to, now)) = (self.seen.front()?, self.seen.back()?);
        let took = to.saturating_sub(*from);
        (took >= Duration::from_millis(500))
            .then(|| (now.saturating_sub(*before) as f64 / took.as_secs_f64()).round() as u64)
    }
}

/// The line itself.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    /// On a terminal, and not told to be quiet.
    wanted: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    started: Instant,
    drawn: Option<Instant>,
    /// It stands on the terminal.
    stands: bool,
}

impl ProgressLine {
    pub(super) fn new(wanted: bool) -> Self {
        let state = State { started: Instant::now(), drawn: None, stands: false };
        Self { wanted, state: Mutex::new(state) }
    }

    /// Tells whether anything is ever drawn.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Returns how long it has been.
    pub(crate) fn elapsed(&self) -> Duration {
        self.state().started.elapsed()
    }

    /// Draws the line that `text` makes for a width, if it is time to.
    pub(crate) fn draw(&self, text: impl FnOnce(usize) -> String) {
        let mut state = self.state();
        let early = state.started.elapsed() < PATIENCE || state.drawn.is_some_and(|at| at.elapsed() < EVERY);
        if !self.wanted || early {
            return;
        }
        // The last column stays free: some terminals go to the next line as soon as it is written.
        let text = text(width().saturating_sub(1));
        let _ = io::stderr().lock().write_all(format!("\r{text}\u{1b}[K").as_bytes());
        state.drawn = Some(Instant::now());
        state.stands = true;
    }

    /// Has something written without a tear: the line goes, and comes back with the next drawing.
    pub(crate) fn suspend(&self, write: impl FnOnce()) {
        let mut state = self.state();
        if state.stands {
            let _ = io::stderr().lock().write_all(b"\r\x1b[K");
            state.stands = false;
            state.drawn = None;
        }
        write();
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.suspend(|| {});
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(unix)]
fn width() -> usize {
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { WIDTH } else { columns }
}

#[cfg(not(unix))]
fn width() -> usize {
    WIDTH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some() -> Snapshot {
        Snapshot {
            done_bytes: 1_288_490_188,
            total_bytes: 3_060_164_198,
            done: 1234,
            total: 10_000,
            failed: 0,
            rate: Some(34_708_173),
            left_seconds: Some(51),
            under_way: 32,
            waits_for: None,
        }
    }

    #[test]
    fn what_matters_least_goes_first_when_it_is_narrow() {
        for (width, shown) in [
            (120, " 42 %  1.20 GiB of 2.85 GiB   1,234 of 10,000  33.1 MiB/s  51 s left  32 under way"),
            (80, " 42 %  1.20 GiB of 2.85 GiB   1,234 of 10,000  33.1 MiB/s  51 s left"),
            (60, " 42 %  1.20 GiB of 2.85 GiB  33.1 MiB/s  51 s left"),
            (40, " 42 %  33.1 MiB/s  51 s left"),
            (20, " 42 %  33.1 MiB/s"),
            (8, " 42 %"),
            (3, " 42"),
        ] {
            assert_eq!(line(&some(), width), shown, "{width}");
        }
    }

    #[test]
    fn it_says_what_is_waited_for_and_what_failed() {
        let waiting = Snapshot { waits_for: Some("the service"), failed: 2, ..some() };
        assert!(line(&waiting, 200).ends_with("51 s left  2 failed  waits for the service"));
        let unknown = Snapshot { rate: None, left_seconds: None, ..some() };
        assert!(line(&unknown, 200).contains("–  – left"), "{}", line(&unknown, 200));
    }

    #[test]
    fn deletions_and_empty_files_have_numbers_alone() {
        let gone = Snapshot { done: 50, total: 200, left_seconds: Some(3), ..Snapshot::default() };
        assert_eq!(line(&gone, 80), " 25 %   50 of 200  3 s left");
        assert_eq!(line(&Snapshot::default(), 80), "  0 %  – left");
    }

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        let at = |seconds: u64| Duration::from_secs(seconds);
        rate.add(at(0), 0);
        assert_eq!(rate.a_second(), None);
        // A hundred bytes a second, then nothing.
        for second in 1..=60 {
            rate.add(at(second), 100 * second.min(30));
        }
        assert_eq!(rate.a_second(), Some(0));
        // Ten seconds of a new rate, and the old one is forgotten.
        for second in 61..=71 {
            rate.add(at(second), 3000 + 500 * (second - 60));
        }
        assert_eq!(rate.a_second(), Some(500));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_its_terminal(
            done_bytes: u64, total_bytes: u64, done: u64, total: u64, failed: u64,
            rate: Option<u64>, left_seconds: Option<u64>, under_way in 0..5000_usize, waits: bool, width in 0..200_usize,
        ) {
            let waits_for = waits.then_some("the limit on bandwidth");
            let at = Snapshot { done_bytes, total_bytes, done, total, failed, rate, left_seconds, under_way, waits_for };
            prop_assert!(line(&at, width).chars().count() <= width);
        }
    }
}

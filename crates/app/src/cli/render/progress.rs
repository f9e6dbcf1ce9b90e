//! A bar for work that takes longer than a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work shorter than this shows no bar: it would only flicker.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows how far a transfer is. Cheap to feed: the bar is drawn a few times a second, whatever the number of steps.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    inner: Option<Arc<Inner>>,
}

#[derive(Debug)]
struct Inner {
    bar: ProgressBar,
    started: Instant,
    done: AtomicU64,
}

impl Progress {
    pub(super) fn new(shown: bool) -> Self {
        let inner = shown.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            let style =
                "{bar:24} {bytes:>10} of {total_bytes} {binary_bytes_per_sec:>12} {eta:>4} {wide_msg}";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            Arc::new(Inner { bar, started: Instant::now(), done: AtomicU64::new(0) })
        });
        Self { inner }
    }

    /// Says how much there is in all, and what it is.
    pub(crate) fn expect(&self, total_bytes: u64, what: &str) {
        if let Some(inner) = &self.inner {
            inner.bar.set_length(total_bytes);
            inner.bar.set_message(what.to_owned());
        }
    }

    /// Says that `bytes` more are done.
    pub(crate) fn advance(&self, bytes: u64) {
        let Some(inner) = &self.inner else { return };
        let done = inner.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if inner.bar.is_hidden() && inner.started.elapsed() >= PATIENCE {
            inner.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        }
        inner.bar.set_position(done);
    }

    /// Lets something else be written without a tear in the bar.
    pub(crate) fn suspend(&self, write: impl FnOnce()) {
        match &self.inner {
            Some(inner) => inner.bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(inner) = &self.inner {
            inner.bar.finish_and_clear();
        }
    }
}

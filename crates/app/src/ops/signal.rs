//! Interruption: the signals that end a run, and the work that has to be taken back before it ends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The signals that end a run. From the moment this exists they no longer end the process by themselves.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes SIGINT, SIGTERM and SIGHUP over. Must be called inside the runtime.
    pub(crate) fn take() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hang_up: signal(SignalKind::hangup())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for one of them.
    pub(crate) async fn wait(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Tells work that it should end, and whoever ends the run that some work has something to take back.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    set: AtomicBool,
    notify: Notify,
    guards: AtomicUsize,
    word: Mutex<Option<String>>,
}

/// While this lives, an interruption waits.
#[derive(Debug)]
pub(crate) struct Guard<'a>(&'a Interrupt);

impl Interrupt {
    /// Says that the run is to end.
    pub(crate) fn set(&self) {
        self.set.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    /// Tells whether the run is to end.
    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::SeqCst)
    }

    /// Waits until the run is to end.
    pub(crate) async fn wait(&self) {
        let mut notified = std::pin::pin!(self.notify.notified());
        // Registered before the look, so that no notification falls in between.
        notified.as_mut().enable();
        if !self.is_set() {
            notified.await;
        }
    }

    /// Makes an interruption wait until the guard is dropped.
    pub(crate) fn guard(&self) -> Guard<'_> {
        self.guards.fetch_add(1, Ordering::SeqCst);
        Guard(self)
    }

    /// Leaves word for the person of what to do after an interruption.
    pub(crate) fn leave_word(&self, word: String) {
        *self.word.lock().expect("no holder of this lock panics") = Some(word);
    }

    /// Takes the word back: there is nothing left to do.
    pub(crate) fn forget_word(&self) {
        *self.word.lock().expect("no holder of this lock panics") = None;
    }

    /// Returns the word that was left.
    pub(crate) fn word(&self) -> Option<String> {
        self.word.lock().expect("no holder of this lock panics").clone()
    }

    /// Tells whether some work has something to take back.
    pub(crate) fn is_guarded(&self) -> bool {
        self.guards.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.guards.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_woken_even_if_late() {
        let interrupt = Interrupt::default();
        {
            let _guard = interrupt.guard();
            assert!(interrupt.is_guarded());
        }
        assert!(!interrupt.is_guarded());
        tokio::join!(interrupt.wait(), async { interrupt.set() });
        interrupt.wait().await;
    }
}

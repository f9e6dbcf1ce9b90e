//! One renewal for all tasks of a process, and a short memory of its failure.
//!
//! Whoever needs a renewal joins the one under way or starts it. What is renewed, and what is handed out meanwhile, is
//! the business of those who use this: [`Session`](super::Session) and
//! [`RenewingSource`](crate::source::RenewingSource).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long a failed renewal is not repeated while the old credential still works.
pub(crate) const PAUSE_WHILE_VALID: Duration = Duration::from_secs(15);
/// How long everyone who asks is told of the same failure when there is nothing to hand out.
pub(crate) const PAUSE_WHEN_OVER: Duration = Duration::from_secs(1);

type Landed<T, E> = Result<Arc<T>, Arc<E>>;

/// A renewal under way, or just over.
#[derive(Debug)]
pub(crate) struct Flight<T, E> {
    /// The life it was asked to bring: enough for whoever wants no more.
    pub(crate) min_life: Duration,
    result: watch::Receiver<Option<Landed<T, E>>>,
}

impl<T, E> Clone for Flight<T, E> {
    fn clone(&self) -> Self {
        Self { min_life: self.min_life, result: self.result.clone() }
    }
}

impl<T, E> Flight<T, E> {
    /// Waits for the result. `None` when the runtime was shut down before there was one.
    pub(crate) async fn landed(mut self) -> Option<Landed<T, E>> {
        self.result.wait_for(Option::is_some).await.ok().and_then(|result| result.clone())
    }

    fn is_under_way(&self) -> bool {
        self.result.borrow().is_none() && self.result.has_changed().is_ok()
    }
}

/// The renewals of one source.
#[derive(Debug)]
pub(crate) struct Flights<T, E>(Mutex<State<T, E>>);

#[derive(Debug)]
struct State<T, E> {
    flight: Option<Flight<T, E>>,
    failure: Option<(Instant, Arc<E>)>,
}

impl<T, E> Default for Flights<T, E> {
    fn default() -> Self {
        Self(Mutex::new(State { flight: None, failure: None }))
    }
}

impl<T: Send + Sync + 'static, E: Send + Sync + 'static> Flights<T, E> {
    /// Joins the renewal under way, or starts `renewal` for a credential that lives for `min_life`.
    ///
    /// One that is under way is joined whatever it was asked to bring: two at once are never needed.
    pub(crate) fn join<F>(&self, min_life: Duration, renewal: impl FnOnce() -> F) -> Flight<T, E>
    where
        F: Future<Output = Landed<T, E>> + Send + 'static,
    {
        let mut state = self.state();
        if let Some(flight) = state.flight.as_ref().filter(|flight| flight.is_under_way()) {
            return flight.clone();
        }
        let (land, result) = watch::channel(None);
        let flight = Flight { min_life, result };
        state.flight = Some(flight.clone());
        let renewal = renewal();
        // A task of its own: whoever started it may lose interest while others wait.
        tokio::spawn(async move {
            let _ = land.send(Some(renewal.await));
        });
        flight
    }

    /// Keeps a failure, so that it is not looked for again at once.
    pub(crate) fn remember_failure(&self, failure: Arc<E>) {
        self.state().failure = Some((Instant::now(), failure));
    }

    /// Forgets the last failure: something has changed.
    pub(crate) fn forget_failure(&self) {
        self.state().failure = None;
    }

    /// Returns the last failure if it is younger than `within`.
    pub(crate) fn recent_failure(&self, within: Duration) -> Option<Arc<E>> {
        let state = self.state();
        let (when, failure) = state.failure.as_ref()?;
        (when.elapsed() < within).then(|| Arc::clone(failure))
    }

    fn state(&self) -> MutexGuard<'_, State<T, E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Moments of S3 that a test waits for: the n-th request, at one of the places where a client can die.
//!
//! At the [`Moment`] an action is done while S3 stands still: no other request begins, and none is answered, until it has returned. Then the
//! request's connection is cut, as if whoever sent it were gone. Which request is meant follows from its number alone, and no clock is asked.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::locked;

/// A place in the life of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its head has arrived. It is not performed.
    Begun,
    /// So many thousandths of its body have arrived and it is not performed; or, of a request without a body, of the answer's body have been
    /// sent. Where neither has one it is [`Phase::Performed`].
    InBody {
        /// Thousandths of the body.
        per_mille: u16,
    },
    /// It is performed and not answered.
    Performed,
}

/// A place in a sequence of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The number of the request to S3, counted from 1 since the moment was set.
    pub request: u64,
    /// The place in it.
    pub phase: Phase,
}

type Action = Box<dyn FnOnce() + Send>;

/// The requests to S3 as they are counted, and the moment that is waited for.
#[derive(Debug, Default)]
pub struct Moments {
    state: Mutex<State>,
    hung_up: Condvar,
}

#[derive(Default)]
struct State {
    begun: u64,
    under_way: usize,
    most: usize,
    awaited: Option<(Moment, Action)>,
    is_reached: bool,
    connections: usize,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let awaited = self.awaited.as_ref().map(|(moment, _)| moment);
        f.debug_struct("State").field("begun", &self.begun).field("awaited", &awaited).finish_non_exhaustive()
    }
}

impl State {
    fn count_anew(&mut self) {
        self.begun = 0;
        self.most = self.under_way;
        self.is_reached = false;
    }
}

impl Moments {
    /// Does `action` at `moment`, in place of any set before. Counting starts anew.
    ///
    /// The action runs on one of the sandbox's threads and must not ask the sandbox for anything.
    pub fn at(&self, moment: Moment, action: impl FnOnce() + Send + 'static) {
        let mut state = locked(&self.state);
        state.count_anew();
        state.awaited = Some((moment, Box::new(action)));
    }

    /// Counts anew and waits for nothing.
    pub fn clear(&self) {
        let mut state = locked(&self.state);
        state.count_anew();
        state.awaited = None;
    }

    /// Returns how many requests to S3 have begun since the count started.
    pub fn begun(&self) -> u64 {
        locked(&self.state).begun
    }

    /// Returns how many requests to S3 were under way at once at the most since the count started, each from its head to the head of its answer.
    pub fn most_at_once(&self) -> usize {
        locked(&self.state).most
    }

    /// Tells whether the moment has come.
    pub fn is_reached(&self) -> bool {
        locked(&self.state).is_reached
    }

    /// Waits until nobody is connected to S3 any more, so that nothing of a client that is gone is still on its way; false when
    /// that takes longer than `patience`.
    pub fn wait_until_unconnected(&self, patience: Duration) -> bool {
        let state = locked(&self.state);
        let waited = self.hung_up.wait_timeout_while(state, patience, |state| state.connections > 0);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.connections == 0
    }

    /// Counts a connection for as long as what is returned lives.
    pub(crate) fn connect(self: &Arc<Self>) -> Connected {
        locked(&self.state).connections += 1;
        Connected(Arc::clone(self))
    }

    /// Counts a request. Waits while an action is under way.
    pub(crate) fn begin(self: &Arc<Self>) -> Watch {
        let mut state = locked(&self.state);
        state.begun += 1;
        state.under_way += 1;
        state.most = state.most.max(state.under_way);
        let request = state.begun;
        let phase = state
            .awaited
            .as_ref()
            .and_then(|(moment, _)| (moment.request == request).then_some(moment.phase));
        Watch { moments: Arc::clone(self), phase }
    }

    fn reach(&self) {
        let mut state = locked(&self.state);
        if let Some((_, action)) = state.awaited.take() {
            action();
            state.is_reached = true;
        }
    }

    /// Waits while an action is under way.
    fn pause(&self) {
        drop(locked(&self.state));
    }
}

/// Counts a connection.
#[derive(Debug)]
pub(crate) struct Connected(Arc<Moments>);

impl Drop for Connected {
    fn drop(&mut self) {
        locked(&self.0.state).connections -= 1;
        self.0.hung_up.notify_all();
    }
}

/// Watches one request for the moment. A request that ends by itself before its place ends there.
#[derive(Debug)]
pub(crate) struct Watch {
    moments: Arc<Moments>,
    /// The place that is waited for in this request, until it has come.
    phase: Option<Phase>,
}

impl Watch {
    pub(crate) fn phase(&self) -> Option<Phase> {
        self.phase
    }

    /// The place has come.
    pub(crate) fn reach(&mut self) {
        if self.phase.take().is_some() {
            self.moments.reach();
        }
    }

    /// Every other request waits here for an action under way before it is answered.
    pub(crate) fn pause(&self) {
        self.moments.pause();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reach();
        locked(&self.moments.state).under_way -= 1;
    }
}

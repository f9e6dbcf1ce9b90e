//! What a function that carries out one step gives back, and when it tries again.
//!
//! Such a function gets what all share, the number of the step, the step and what was begun for it. It waits for a
//! [place](super::places::Places) for every request, and writes into the journal what has to be known to go on; the scheduler writes the end of the step.

use std::sync::Arc;
use std::time::Duration;

use pintail_core::retry::Retry;
use pintail_store::{ErrorKind, StoreError};

use super::running::Shared;
use super::{ExecuteError, StepError, Waiting};
use crate::journal::{JournalError, Proof};
use crate::local::{LocalError, PartialError, SourceError, TargetError};
use crate::name::NameRefusal;
use crate::parts::PartsError;

/// A step that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// Bytes are at their place.
    Moved {
        /// How many.
        size_bytes: u64,
        /// How they were proved.
        proof: Proof,
    },
    /// Something was done that moves no bytes.
    Changed,
    /// It turned out to need nothing.
    Skipped,
}

/// A step that did not.
#[derive(Debug)]
pub(super) enum StepFailure {
    /// It failed; the others go on.
    Failed(StepError),
    /// Nothing more can succeed.
    Fatal(ExecuteError),
    /// The work is to end. What was begun is in the journal, or was taken back where there is none.
    Stopped,
}

impl From<ExecuteError> for StepFailure {
    fn from(error: ExecuteError) -> Self {
        Self::Fatal(error)
    }
}

impl From<JournalError> for StepFailure {
    fn from(error: JournalError) -> Self {
        Self::Fatal(error.into())
    }
}

impl From<StepError> for StepFailure {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Store(error) => error.into(),
            error => Self::Failed(error),
        }
    }
}

impl From<StoreError> for StepFailure {
    /// Without a credential nothing more succeeds.
    fn from(error: StoreError) -> Self {
        let gone = error.retry() == Retry::AfterSignIn
            || matches!(error.kind(), ErrorKind::CredentialUnavailable { .. });
        if gone {
            Self::Fatal(ExecuteError::Step(Arc::new(StepError::Store(error))))
        } else {
            Self::Failed(StepError::Store(error))
        }
    }
}

macro_rules! failed {
    ($($error:ty),*) => {$(
        impl From<$error> for StepFailure {
            fn from(error: $error) -> Self {
                Self::Failed(error.into())
            }
        }
    )*};
}

failed!(SourceError, PartialError, TargetError, LocalError, PartsError, NameRefusal);

/// So often a call is made for one step, on top of the tries of the store itself.
const TRIES_MAX: u32 = 4;
const WAIT_FIRST: Duration = Duration::from_millis(200);
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Counts the tries of one call.
pub(super) struct Tries<'a, 's> {
    shared: &'a Shared<'s>,
    failed: u32,
}

impl<'a, 's> Tries<'a, 's> {
    pub(super) fn new(shared: &'a Shared<'s>) -> Self {
        Self { shared, failed: 0 }
    }

    /// Bytes arrived: what fails next is another failure.
    pub(super) fn begin_anew(&mut self) {
        self.failed = 0;
    }

    /// Decides whether a call that failed is made again, and waits before it is.
    pub(super) async fn again(&mut self, error: &StoreError) -> bool {
        self.failed += 1;
        let asked = match error.retry() {
            // Many share a credential. One that ended on its way is renewed, and the next may have ended as well when this call has its turn.
            Retry::Backoff | Retry::AfterRenewal => Duration::ZERO,
            Retry::After(asked) => asked,
            _ => return false,
        };
        if self.failed >= TRIES_MAX || self.shared.halt.is_asked() {
            return false;
        }
        let context = self.shared.context;
        let waiting = match error.kind() {
            ErrorKind::Throttled { .. } | ErrorKind::Unavailable => Waiting::Service,
            _ => Waiting::Connection,
        };
        context.progress.waits_for(waiting);
        self.shared.count_retry(error);
        let bound = WAIT_FIRST * 2_u32.saturating_pow(self.failed - 1);
        let wait = bound.min(WAIT_MAX).mul_f64(context.random.fraction()).max(asked.min(WAIT_MAX));
        let stopped = std::pin::pin!(self.shared.halt.wait());
        let slept = std::pin::pin!(tokio::time::sleep(wait));
        let goes_on = matches!(
            futures_util::future::select(slept, stopped).await,
            futures_util::future::Either::Left(_)
        );
        context.progress.waits_for(Waiting::Nothing);
        goes_on
    }
}

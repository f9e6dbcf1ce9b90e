//! What a failure means for what was begun, and a piece of work that is tried again as a whole.

use std::future::Future;

use pintail_store::ErrorKind;

use super::StepError;
use super::running::Shared;
use super::step::{StepFailure, Tries};
use crate::local::{PartialError, TargetError};

impl StepFailure {
    /// Returns the kind of the service's error, if it is one.
    pub(super) fn kind(&self) -> Option<&ErrorKind> {
        match self {
            Self::Failed(StepError::Store(error)) => Some(error.kind()),
            _ => None,
        }
    }

    /// Tells whether the service does not do what was asked for, whatever else it does.
    pub(super) fn is_not_offered(&self) -> bool {
        matches!(self.kind(), Some(ErrorKind::Unsupported | ErrorKind::WrongRegion { .. }))
    }

    /// Tells whether something is at the target where nothing was to be.
    pub(super) fn is_of_a_taken_target(&self) -> bool {
        matches!(
            self,
            Self::Failed(
                StepError::Taken(_)
                    | StepError::Target(TargetError::Taken(_))
                    | StepError::Partial(PartialError::Target(TargetError::Taken(_)))
            )
        )
    }

    /// Tells whether nothing that was begun for the step can be of use any more.
    pub(super) fn ends_what_was_begun(&self) -> bool {
        let is_other = matches!(
            self,
            Self::Failed(
                StepError::Different(_)
                    | StepError::Taken(_)
                    | StepError::Changed(_)
                    | StepError::SourceChanged(_)
            )
        );
        is_other || self.is_not_offered()
    }
}

/// Tries a piece of work again where that can help: a call, or a read and a write together.
pub(super) async fn again<T, F, Fut>(shared: &Shared<'_>, mut attempt: F) -> Result<T, StepFailure>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, StepFailure>>,
{
    let mut tries = Tries::new(shared);
    loop {
        match attempt().await {
            Err(StepFailure::Failed(StepError::Store(error))) => {
                if !tries.again(&error).await {
                    return Err(error.into());
                }
            }
            ended => return ended,
        }
    }
}

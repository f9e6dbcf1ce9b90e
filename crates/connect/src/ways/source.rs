//! What a way ends in: a source of credentials whose errors name the bookmark.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use pintail_core::connection::Connection;
use pintail_core::credential::{Credential, CredentialError, CredentialSource};
use pintail_core::name::BookmarkName;
use pintail_core::retry::Retry;
use pintail_core::seam::BoxFuture;
use pintail_identity::source::RenewingSource;

use crate::NoCredential;
use crate::identity::RoleSession;

/// A source that can be asked for a credential with some life left, to be lent to those who cannot come back soon.
pub trait LastingSource: CredentialSource {
    /// Returns a credential that works for at least `min_life` where renewal makes that possible, else what still works;
    /// `None` for anonymous access.
    fn lasting(&self, min_life: Duration) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>>;
}

/// A step of a way.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Something that knows its credential, or none.
    Fixed(Arc<dyn CredentialSource>),
    /// Something that fetches it.
    Renewing(RenewingSource),
}

impl Step {
    /// Returns the step as something to go on from.
    pub(super) fn source(&self) -> Arc<dyn CredentialSource> {
        match self {
            Self::Fixed(source) => Arc::clone(source),
            Self::Renewing(source) => Arc::new(source.clone()),
        }
    }
}

/// The last step of a bookmark's way.
#[derive(Debug)]
pub(super) struct WaySource {
    name: BookmarkName,
    connection: Arc<Connection>,
    step: Step,
}

impl WaySource {
    pub(super) fn new(name: BookmarkName, connection: Arc<Connection>, step: Step) -> Self {
        Self { name, connection, step }
    }

    /// Says why there is no credential, and for which bookmark.
    pub(super) fn missing(&self, source: Arc<dyn Error + Send + Sync>) -> NoCredential {
        NoCredential { name: self.name.clone(), connection: Arc::clone(&self.connection), source }
    }

    fn failed(&self, error: CredentialError) -> CredentialError {
        CredentialError { retry: error.retry, source: Arc::new(self.missing(error.source)) }
    }
}

impl CredentialSource for WaySource {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        self.lasting(Duration::ZERO)
    }

    fn refused(&self, credential: &Credential) {
        match &self.step {
            Step::Fixed(source) => source.refused(credential),
            Step::Renewing(source) => source.refused(credential),
        }
    }
}

impl LastingSource for WaySource {
    fn lasting(&self, min_life: Duration) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        Box::pin(async move {
            match &self.step {
                // Keys have no end that could be put off.
                Step::Fixed(source) => source.credential().await.map_err(|error| self.failed(error)),
                Step::Renewing(source) => source.current(min_life).await.map(Some).map_err(|error| {
                    let retry = error.retry;
                    self.failed(CredentialError { retry: not_at_once(retry), source: error })
                }),
            }
        })
    }
}

impl LastingSource for RoleSession {
    fn lasting(&self, min_life: Duration) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        Box::pin(async move { self.given(self.session.current_credential_for(min_life).await) })
    }
}

/// A renewal has just been tried: asking for another one at once would change nothing.
fn not_at_once(retry: Retry) -> Retry {
    match retry {
        Retry::AfterRenewal => Retry::Backoff,
        retry => retry,
    }
}

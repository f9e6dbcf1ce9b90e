//! Credentials that come from elsewhere than a web identity: keys, programs, metadata services, portals.
//!
//! A [`Provider`] knows how to fetch one credential, once. What makes it a source that renews itself, alone among any
//! number of tasks, is above it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use pintail_core::credential::Credential;
use pintail_core::retry::Retry;
use pintail_core::seam::BoxFuture;

/// Fetches a credential from the one place it knows.
///
/// Contract: each call asks anew, keeps nothing, waits for no person, and tells no secret in `Debug`.
pub trait Provider: Send + Sync + fmt::Debug {
    /// Fetches a credential.
    fn fetch(&self) -> BoxFuture<'_, Result<Credential, ProviderError>>;
}

/// A provider had no credential to give.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}")]
pub struct ProviderError {
    /// What happened, as a fragment: no secret, nothing unprintable. Names the value that was wrong.
    pub what: String,
    /// What to do about it, as a sentence in the imperative, where that is known here.
    pub next: Option<String>,
    /// What would have to change; [`Retry::AfterSignIn`] where a person has to act first.
    pub retry: Retry,
    /// What lies behind it.
    #[source]
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

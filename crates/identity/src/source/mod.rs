//! Credentials that come from elsewhere than a web identity: keys, programs, metadata services, portals.
//!
//! A [`Provider`] knows how to fetch one credential, once. What makes it a source that renews itself, alone among any
//! number of tasks and processes, is [`RenewingSource`] above it. Providers that need a credential to get another one
//! ([`AssumeRole`], [`SessionToken`]) take any source, so chains have any depth.

pub mod assume_role;
pub mod container;
mod credential_json;
#[doc(hidden)]
pub mod fuzzing;
pub mod instance;
pub mod keys;
mod metadata;
pub mod mfa;
pub mod process;
pub mod renewing;
pub mod session_token;
mod small_file;
pub mod web_identity_file;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pintail_core::credential::{Credential, CredentialError};
use pintail_core::retry::Retry;
use pintail_core::seam::{BoxFuture, Clock, HttpClient, Random};

pub use assume_role::{AssumeRole, AssumeRoleConfig};
pub use container::{ContainerAuthorization, ContainerCredentials, ContainerPlace};
pub use instance::{InstanceMetadata, InstanceRole};
pub use mfa::{Mfa, MfaCode, NoMfa};
pub use process::{CredentialProcess, ProcessLimits};
pub use renewing::{RenewingSource, entry_name};
pub use session_token::{SessionToken, SessionTokenConfig};
pub use web_identity_file::{WebIdentityFile, WebIdentityFileConfig};

use crate::sts::ExchangeSeams;

/// How long one call to STS may take in all, retries included. Other processes wait for their turn for half a minute
/// more ([`LockOptions`](crate::session::LockOptions)).
const STS_MAX: Duration = Duration::from_secs(60);

/// The doors to the outside that providers need.
#[derive(Clone, Debug)]
pub struct ProviderContext {
    /// The network.
    pub http: Arc<dyn HttpClient>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for the jitter of retries and renewals.
    pub random: Arc<dyn Random>,
}

impl ProviderContext {
    /// Returns the doors as calls to STS take them.
    pub fn sts(&self) -> ExchangeSeams<'_> {
        ExchangeSeams { http: &*self.http, clock: &*self.clock, random: &*self.random }
    }
}

/// Fetches a credential from the one place it knows.
///
/// Contract: each call asks anew, keeps nothing, waits for no person, and tells no secret in `Debug`.
pub trait Provider: Send + Sync + fmt::Debug {
    /// Fetches a credential.
    fn fetch(&self) -> BoxFuture<'_, Result<Credential, ProviderError>>;

    /// Tells whether fetching may ask a person for something. Such a credential is used until its end, and never
    /// renewed in the background.
    fn needs_person(&self) -> bool {
        false
    }
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

impl ProviderError {
    fn new(what: impl Into<String>, retry: Retry) -> Self {
        Self { what: what.into(), next: None, retry, source: None }
    }

    fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// The form in which sources of credentials report.
fn credential_error(error: Arc<ProviderError>) -> CredentialError {
    // A renewal has just been tried: asking for another one at once would change nothing.
    let retry = match error.retry {
        Retry::AfterRenewal => Retry::Backoff,
        retry => retry,
    };
    CredentialError { retry, source: error }
}

impl From<ProviderError> for CredentialError {
    fn from(error: ProviderError) -> Self {
        credential_error(Arc::new(error))
    }
}

#[cfg(test)]
mod testing;

//! Why a session has no credential to give.

use std::error::Error;
use std::sync::Arc;

use pintail_core::credential::CredentialError;
use pintail_core::retry::Retry;

use super::lock::LockError;
use super::record::RecordError;
use super::token_source::TokenSourceError;
use crate::keychain::KeychainError;
use crate::sts::{ExchangeError, PolicyError};

/// No credential could be had.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The exchange at STS failed.
    #[error("the sign-in could not be exchanged for a credential")]
    Exchange(#[source] ExchangeError),
    /// The renewal ended without a result: its runtime was shut down.
    #[error("the renewal was cut short")]
    Interrupted,
    /// The keychain failed.
    #[error("the stored sign-in could not be read or written")]
    Keychain(#[source] KeychainError),
    /// The lock shared with other processes could not be had.
    #[error("could not agree with other processes on who renews the credential")]
    Lock(#[source] LockError),
    /// Nobody has signed in here.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// The narrowed session cannot be asked for.
    #[error("the session cannot be narrowed as asked")]
    Policy(#[source] PolicyError),
    /// What was stored cannot be understood.
    #[error("the stored sign-in cannot be used")]
    Record(#[source] RecordError),
    /// The sign-in is over.
    #[error("the sign-in is over")]
    SignInAgain {
        /// Who said so.
        #[source]
        why: SignInOver,
    },
    /// The ID token could not be renewed for now.
    #[error("the sign-in could not be renewed")]
    Tokens(#[source] TokenSourceError),
}

/// Who says that the person has to sign in again.
#[derive(Debug, thiserror::Error)]
pub enum SignInOver {
    /// The issuer did not renew the sign-in.
    #[error("the issuer did not renew it")]
    Issuer(#[source] TokenSourceError),
    /// STS did not accept it any more.
    #[error("STS did not accept it")]
    Sts(#[source] ExchangeError),
}

impl SessionError {
    /// Tells what would have to change.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Exchange(error) => error.retry(),
            Self::Interrupted => Retry::Backoff,
            Self::Keychain(error) => error.retry(),
            Self::Lock(error) => error.retry(),
            Self::NotSignedIn | Self::Record(_) | Self::SignInAgain { .. } => Retry::AfterSignIn,
            Self::Policy(_) => Retry::Never,
            Self::Tokens(TokenSourceError::Failed { retry, .. }) => *retry,
            Self::Tokens(TokenSourceError::SignInAgain { .. }) => Retry::AfterSignIn,
        }
    }

    pub(super) fn of_exchange(error: ExchangeError) -> Self {
        match error.retry() {
            Retry::AfterSignIn => Self::SignInAgain { why: SignInOver::Sts(error) },
            _ => Self::Exchange(error),
        }
    }

    pub(super) fn of_tokens(error: TokenSourceError) -> Self {
        match error {
            TokenSourceError::SignInAgain { .. } => Self::SignInAgain { why: SignInOver::Issuer(error) },
            TokenSourceError::Failed { .. } => Self::Tokens(error),
        }
    }
}

/// The form in which sources of credentials report.
pub(super) fn credential_error(error: Arc<SessionError>) -> CredentialError {
    // A renewal has just been tried: asking for another one at once would change nothing.
    let retry = match error.retry() {
        Retry::AfterRenewal => Retry::Backoff,
        retry => retry,
    };
    let source: Arc<dyn Error + Send + Sync> = error;
    CredentialError { retry, source }
}

impl From<SessionError> for CredentialError {
    fn from(error: SessionError) -> Self {
        credential_error(Arc::new(error))
    }
}

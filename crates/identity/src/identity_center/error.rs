//! Why IAM Identity Center gave nothing.

use std::time::Duration;

use pintail_core::retry::Retry;
use pintail_core::seam::HttpError;

use super::answer::AnswerError;
use super::portal::{self, PortalError};
use super::sign_in_api;
use crate::keychain::KeychainError;
use crate::oidc::{AnswerRefusal, DeviceError, DriveError, Endpoint, IssuerError, RedirectError};
use crate::session::LockError;
use crate::session::record::{RecordError, StoreError};

/// A sign-in or a question failed.
#[derive(Debug, thiserror::Error)]
pub enum CenterError {
    /// An answer is none that the service should give.
    #[error("the answer of the {endpoint} cannot be used")]
    Answer {
        /// Who answered.
        endpoint: Endpoint,
        /// What is wrong with it.
        #[source]
        source: AnswerError,
    },
    /// The browser's answer was refused.
    #[error("the browser's answer cannot be used")]
    BrowserAnswer(#[source] AnswerRefusal),
    /// The sign-in by device code ended.
    #[error("the sign-in by device code ended")]
    Device(#[source] DeviceError),
    /// No answer came over the network.
    #[error("the {endpoint} could not be reached")]
    Http {
        /// Whom was asked.
        endpoint: Endpoint,
        /// Why.
        #[source]
        source: HttpError,
    },
    /// The sign-in service said no.
    #[error("the {endpoint} refused")]
    Issuer {
        /// Who refused.
        endpoint: Endpoint,
        /// What it said.
        #[source]
        source: Box<IssuerError>,
    },
    /// The keychain failed.
    #[error("the stored sign-in could not be read or written")]
    Keychain(#[source] KeychainError),
    /// The lock shared with other processes could not be had.
    #[error("could not agree with other processes on who renews the sign-in")]
    Lock(#[source] LockError),
    /// Nobody has signed in here.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// A renewal had no answer in time.
    #[error("the renewal had no answer within {} s", time_max.as_secs())]
    Overdue {
        /// How long it was given.
        time_max: Duration,
    },
    /// The portal said no.
    #[error(transparent)]
    Portal(Box<PortalError>),
    /// What was stored cannot be understood.
    #[error("the stored sign-in cannot be used")]
    Record(#[source] RecordError),
    /// The browser's answer could not be waited for.
    #[error("the browser's answer could not be received")]
    Redirect(#[source] RedirectError),
    /// The sign-in is over, and only the person can begin another.
    #[error("the sign-in is over")]
    SignInAgain {
        /// Who says so.
        #[source]
        why: SignInEnd,
    },
    /// The person did not finish in the browser.
    #[error("the sign-in was not finished within {} s", time_max.as_secs())]
    TimedOut {
        /// How long they were given.
        time_max: Duration,
    },
}

/// Why a sign-in is over.
#[derive(Debug, thiserror::Error)]
pub enum SignInEnd {
    /// The registration of this program is over, and with it what was given to it.
    #[error("the registration of this program has ended")]
    Client,
    /// The sign-in service does not renew it.
    #[error("it was not renewed")]
    Issuer(#[source] Box<IssuerError>),
    /// It came without a refresh token, and the access token is over.
    #[error("its access token has ended and there is no refresh token")]
    NoRefreshToken,
    /// The portal does not accept it any more.
    #[error("the access portal did not accept it")]
    Portal(#[source] Box<PortalError>),
}

impl CenterError {
    /// Tells what would have to change.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Answer { .. } | Self::BrowserAnswer(_) | Self::Redirect(_) => Retry::Never,
            Self::Device(_)
            | Self::NotSignedIn
            | Self::Record(_)
            | Self::SignInAgain { .. }
            | Self::TimedOut { .. } => Retry::AfterSignIn,
            Self::Http { source, .. } => source.retry(),
            Self::Issuer { source, .. } => sign_in_api::retry(source),
            Self::Keychain(error) => error.retry(),
            Self::Lock(error) => error.retry(),
            Self::Overdue { .. } => Retry::Backoff,
            Self::Portal(error) => error.retry(),
        }
    }

    pub(super) fn of_drive(error: DriveError, endpoint: Endpoint) -> Self {
        match error {
            DriveError::Http { endpoint, source } => Self::Http { endpoint, source },
            DriveError::Redirect(error) => Self::Redirect(error),
            // What a single question cannot bring about.
            DriveError::TimedOut { time_max, .. } => Self::TimedOut { time_max },
            DriveError::SignIn(_) => {
                Self::Answer { endpoint, source: AnswerError::Malformed { entry: "answer" } }
            }
        }
    }

    pub(super) fn of_store(error: StoreError) -> Self {
        match error {
            StoreError::Keychain(error) => Self::Keychain(error),
            StoreError::Record(error) => Self::Record(error),
        }
    }

    pub(super) fn of_sign_in(endpoint: Endpoint, refused: sign_in_api::Refused) -> Self {
        match refused {
            sign_in_api::Refused::Issuer(source) => Self::Issuer { endpoint, source },
            sign_in_api::Refused::Answer(source) => Self::Answer { endpoint, source },
        }
    }

    pub(super) fn of_portal(refused: portal::Refused) -> Self {
        match refused {
            portal::Refused::Portal(error) => Self::Portal(error),
            portal::Refused::Answer(source) => Self::Answer { endpoint: Endpoint::AccessPortal, source },
        }
    }
}

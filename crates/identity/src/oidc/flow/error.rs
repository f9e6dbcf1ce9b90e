//! Why a sign-in ends without tokens.
//!
//! Facts and a verdict, no advice: what a person should do is the app's to say.

use http::StatusCode;
use pintail_core::retry::Retry;

use super::super::device::DeviceError;
use super::super::discovery::{DiscoveryError, Endpoint};
use super::super::jwks::KeySetError;
use super::super::oauth_error::{IssuerError, status_passes};
use super::super::redirect::AnswerRefusal;
use super::super::token::Refused;
use super::super::token_check::TokenRefusal;

/// Why a sign-in ended without tokens.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The browser's answer was refused.
    #[error("the browser's answer was refused")]
    Answer(#[source] AnswerRefusal),
    /// The device code led nowhere.
    #[error("the sign-in by device code ended")]
    Device(#[from] DeviceError),
    /// The discovery document was refused.
    #[error("the issuer cannot be used")]
    Discovery(#[from] DiscoveryError),
    /// The issuer answered with an error.
    #[error("the {endpoint} refused")]
    Issuer {
        /// Which endpoint.
        endpoint: Endpoint,
        /// The error.
        source: Box<IssuerError>,
    },
    /// The key set was refused.
    #[error("the issuer's keys cannot be used")]
    Keys(#[from] KeySetError),
    /// The issuer gave tokens and no ID token among them. After a renewal that means: this issuer wants the person to
    /// sign in again each time.
    #[error("the issuer gave no ID token")]
    NoIdToken {
        /// It was a renewal.
        renewal: bool,
    },
    /// The caller handed in something that belongs to no step.
    #[error("the sign-in was driven out of order")]
    OutOfOrder,
    /// An answer was not what the endpoint is for.
    #[error("the {endpoint} answered with status {status} and nothing that could be read")]
    Status {
        /// Which endpoint.
        endpoint: Endpoint,
        /// The status.
        status: StatusCode,
    },
    /// The ID token was refused.
    #[error("the ID token was refused")]
    Token(#[source] Box<TokenRefusal>),
    /// Too many answers belonged to another sign-in.
    #[error("{count} answers arrived that belong to no sign-in")]
    TooManyForeign {
        /// How many.
        count: u32,
    },
}

impl SignInError {
    /// Tells what would have to change before this can succeed.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Issuer { source, .. } => source.retry(),
            Self::Status { status, .. } if status_passes(*status) => Retry::Backoff,
            Self::Device(DeviceError::Declined | DeviceError::Expired | DeviceError::CodeUnknown)
            | Self::NoIdToken { renewal: true }
            | Self::TooManyForeign { .. } => Retry::AfterSignIn,
            Self::Token(refusal) => match **refusal {
                TokenRefusal::NonceWrong
                | TokenRefusal::SubjectChanged
                | TokenRefusal::IssuerChanged { .. } => Retry::AfterSignIn,
                _ => Retry::Never,
            },
            Self::Answer(AnswerRefusal::IssuerWrong(_) | AnswerRefusal::IssuerMissing) => Retry::Never,
            Self::Answer(_) => Retry::AfterSignIn,
            Self::Device(_)
            | Self::Discovery(_)
            | Self::Keys(_)
            | Self::NoIdToken { renewal: false }
            | Self::OutOfOrder
            | Self::Status { .. } => Retry::Never,
        }
    }
}

impl From<TokenRefusal> for SignInError {
    fn from(refusal: TokenRefusal) -> Self {
        Self::Token(Box::new(refusal))
    }
}

/// Names the endpoint whose answer was refused.
pub(super) fn refused_by(endpoint: Endpoint) -> impl Fn(Refused) -> SignInError {
    move |refused| match refused {
        Refused::Issuer(source) => SignInError::Issuer { endpoint, source },
        Refused::Unreadable { status } => SignInError::Status { endpoint, status },
    }
}

//! The two clouds as an admin sees them: the calls that set up, look at and take down what a sign-in needs.
//!
//! Wire clients and nothing else: what is wanted, compared and changed with them is the business of `setup` and `doctor`.

pub(crate) mod analyzer;
pub(crate) mod aws;
pub(crate) mod aws_query;
pub(crate) mod graph;
pub(crate) mod graph_token;
pub(crate) mod iam;
pub(crate) mod xml;

use http::StatusCode;
use pintail_core::credential::CredentialError;
use pintail_core::retry::Retry;
use pintail_core::seam::HttpError;
use pintail_identity::sts::ExchangeError;

use crate::setup::aws::policies::TooLong;

/// A call of an admin failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    /// The account of the bookmark or the environment signs nothing.
    #[error("{service} takes signed requests only, and access here is anonymous")]
    Anonymous {
        /// The service.
        service: &'static str,
    },
    /// STS does not say whose the credential is.
    #[error("STS does not say whose the admin's credential is")]
    Caller(#[source] ExchangeError),
    /// The admin's bookmark, AWS profile or environment cannot be used.
    #[error(transparent)]
    Connect(#[from] pintail_connect::Error),
    /// There is no credential to sign with.
    #[error("no credential to ask {service} with")]
    Credential {
        /// The service.
        service: &'static str,
        /// What lies behind it.
        #[source]
        source: CredentialError,
    },
    /// No answer came: the call may or may not have been carried out.
    #[error("no answer from {service} to {operation}")]
    Http {
        /// The service.
        service: &'static str,
        /// The call.
        operation: String,
        /// What lies behind it.
        #[source]
        source: HttpError,
    },
    /// A change needs the client ID of an application that is not made yet.
    #[error("the application that the change needs has no client ID yet")]
    NoApplication,
    /// There is no token to ask Microsoft Graph with.
    #[error("no token for Microsoft Graph: {why}")]
    NoToken {
        /// Why, as a fragment. Holds no secret.
        why: String,
    },
    /// The credential belongs elsewhere.
    #[error("the credential of {caller} is of {actual}, not {expected}")]
    OtherAccount {
        /// The account or partition that is wanted.
        expected: String,
        /// The one it is.
        actual: String,
        /// Who it is, as an ARN.
        caller: String,
    },
    /// The service said no.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// IAM has no room for a document.
    #[error(transparent)]
    TooLong(TooLong),
    /// The answer is not one to that call.
    #[error("the answer of {service} to {operation} cannot be used: {why}")]
    Unusable {
        /// The service.
        service: &'static str,
        /// The call.
        operation: String,
        /// What is wrong with it, as a fragment.
        why: String,
    },
}

/// What a service said with its no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{service} refused {operation}: {code} ({})", .status.as_u16())]
pub(crate) struct Refusal {
    /// The service: `IAM`, `IAM Access Analyzer`, `Microsoft Graph`.
    pub(crate) service: &'static str,
    /// The call: `CreateRole`, `POST /applications`.
    pub(crate) operation: String,
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// The code as the service wrote it; empty if it wrote none.
    pub(crate) code: String,
    /// The service's own words, cut to a reasonable length. Data of strangers: escape before a terminal.
    pub(crate) message: String,
    /// For the service's support.
    pub(crate) request_id: Option<String>,
    /// How long the service asked to wait.
    pub(crate) retry_after: Option<std::time::Duration>,
}

impl Refusal {
    /// Tells what would have to change.
    pub(crate) fn retry(&self) -> Retry {
        if let Some(delay) = self.retry_after {
            return Retry::After(delay);
        }
        match self.code.as_str() {
            "ConcurrentModification"
            | "EntityTemporarilyUnmodifiable"
            | "InternalFailure"
            | "RequestLimitExceeded"
            | "ServiceFailure"
            | "ServiceUnavailable"
            | "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException" => Retry::Backoff,
            "ExpiredToken" | "ExpiredTokenException" | "InvalidClientTokenId" => Retry::AfterRenewal,
            _ if self.status == StatusCode::TOO_MANY_REQUESTS || self.status.is_server_error() => {
                Retry::Backoff
            }
            _ => Retry::Never,
        }
    }

    /// Tells whether the thing that was asked for does not exist.
    pub(crate) fn is_absent(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
            || matches!(
                self.code.as_str(),
                "NoSuchEntity" | "NoSuchEntityException" | "Request_ResourceNotFound"
            )
    }

    /// Tells whether the caller lacks a permission.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.status == StatusCode::FORBIDDEN
            && matches!(
                self.code.as_str(),
                "AccessDenied"
                    | "AccessDeniedException"
                    | "Authorization_RequestDenied"
                    | "UnauthorizedOperation"
            )
    }
}

impl AdminError {
    /// Tells what would have to change.
    pub(crate) fn retry(&self) -> Retry {
        match self {
            Self::Caller(error) => error.retry(),
            Self::Http { source, .. } => source.retry(),
            Self::Refused(refusal) => refusal.retry(),
            Self::Credential { source, .. } => source.retry,
            Self::NoToken { .. } => Retry::AfterSignIn,
            Self::Anonymous { .. }
            | Self::Connect(_)
            | Self::NoApplication
            | Self::OtherAccount { .. }
            | Self::TooLong(_)
            | Self::Unusable { .. } => Retry::Never,
        }
    }

    /// Returns what the service said, if it said no.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal.as_ref()),
            _ => None,
        }
    }
}

/// Turns the refusal "there is none" into `None`.
pub(crate) fn absent_is_none<T>(result: Result<T, AdminError>) -> Result<Option<T>, AdminError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(AdminError::Refused(refusal)) if refusal.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}

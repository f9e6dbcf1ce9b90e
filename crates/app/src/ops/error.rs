//! What can go wrong in an operation: facts, without advice. `explain` turns them into help.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pintail_connect::NoCredential;
use pintail_core::address::AddressError;
use pintail_core::aws_config::edit::EditError;
use pintail_core::credential::CredentialError;
use pintail_core::name::{BookmarkName, NameError};
use pintail_identity::oidc::DriveError;
use pintail_identity::oidc::handler::HandlerError;
use pintail_identity::oidc::scheme::DeliverError;
use pintail_store::StoreError;
use pintail_transfer::execute::orphans::OrphansError;
use pintail_transfer::execute::{ExecuteError, StepError};
use pintail_transfer::filter::{ListError, RuleError};
use pintail_transfer::journal::RegistryError;
use pintail_transfer::prepare::PrepareError;
use pintail_transfer::watch::WatchError;

use super::batch::BatchError;
use super::config::ConfigError;
use super::lend::LendError;
use super::policy::PolicyError;
use super::profiles::ProfilesError;
use super::transfer::request::KeptError;
use super::transfer::words::WordError;
use super::transfer::{PlaceError, VerifyError};
use crate::admin::AdminError;
use crate::setup::SetupError;

/// An operation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// An address cannot be read, or lacks a part.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A call of an admin failed.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The configuration of AWS's tools cannot be edited as asked.
    #[error(transparent)]
    AwsConfig(#[from] EditError),
    /// A batch job could not be made or followed.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A file changed between the plan and the deed.
    #[error("{} changed meanwhile", .0.display())]
    ChangedMeanwhile(PathBuf),
    /// A sign-in answer could not be handed over.
    #[error(transparent)]
    Deliver(#[from] DeliverError),
    /// A property cannot be read or set.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A bookmark could not be connected.
    #[error(transparent)]
    Connect(#[from] pintail_connect::Error),
    /// What came back is not what was sent.
    #[error("{what} came back different from what was sent")]
    Different {
        /// What was compared.
        what: String,
    },
    /// The address scheme handler could not be set up, or found nobody who waits.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// A signal ended the run.
    #[error("interrupted")]
    Interrupted,
    /// A sign-in could not be lent.
    #[error(transparent)]
    Lend(#[from] LendError),
    /// A file or folder of this machine failed.
    #[error("could not {action} {}", path.display())]
    Local {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A transfer was ended as a whole.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// What a run keeps of its request cannot be read.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// A list of names cannot be read.
    #[error(transparent)]
    NameList(#[from] ListError),
    /// Unfinished uploads cannot be looked for.
    #[error(transparent)]
    Orphans(#[from] OrphansError),
    /// The places of a transfer cannot be meant.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A transfer cannot be planned.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// Policies could not be asked.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Something about profiles did not work.
    #[error(transparent)]
    Profiles(#[from] ProfilesError),
    /// A run cannot be had.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A pattern of a filter cannot be read.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The sandbox could not start.
    #[error("the sandbox could not start")]
    Sandbox(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A setup cannot go on.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The sign-in failed.
    #[error(transparent)]
    SignIn(#[from] DriveError),
    /// The sign-in for a bookmark failed.
    #[error("{source}")]
    SignInTo {
        /// The bookmark.
        name: BookmarkName,
        /// Why.
        #[source]
        source: DriveError,
    },
    /// A step of a transfer failed.
    #[error(transparent)]
    Step(#[from] Arc<StepError>),
    /// Standard input or output failed.
    #[error("standard input or output failed")]
    Stdio(#[source] io::Error),
    /// S3 refused or could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target exists, and existing ones were to stay.
    #[error("{0} exists already")]
    TargetTaken(String),
    /// What was asked for cannot be meant.
    #[error("{0}")]
    Usage(String),
    /// Two places cannot be compared.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A sync that goes on cannot.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// A word of an option cannot be read.
    #[error(transparent)]
    Word(#[from] WordError),
}

impl Error {
    /// Makes an error of a file or folder.
    pub(crate) fn local(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Local { action, path: path.to_owned(), source }
    }

    /// Returns why there is no credential, where that is what the operation failed for.
    pub(crate) fn no_credential(&self) -> Option<&NoCredential> {
        if let Self::Connect(pintail_connect::Error::Session(error)) = self {
            return Some(error);
        }
        let mut cause = std::error::Error::source(self)?;
        loop {
            if let Some(error) = cause.downcast_ref::<NoCredential>() {
                return Some(error);
            }
            cause = match cause.downcast_ref::<CredentialError>() {
                Some(error) => error.source.as_ref(),
                None => cause.source()?,
            };
        }
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::Connect(error.into())
    }
}

impl From<NoCredential> for Error {
    fn from(error: NoCredential) -> Self {
        Self::Connect(error.into())
    }
}

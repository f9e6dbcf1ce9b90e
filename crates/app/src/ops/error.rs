//! What can go wrong in an operation: facts, without advice. `explain` turns them into help.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pintail_core::address::AddressError;
use pintail_core::bookmark::{BookmarkError, Connection, ConnectionError};
use pintail_core::credential::CredentialError;
use pintail_core::name::{BookmarkName, NameError};
use pintail_identity::keychain::KeychainError;
use pintail_identity::oidc::handler::HandlerError;
use pintail_identity::oidc::scheme::DeliverError;
use pintail_identity::oidc::{AuthorityError, ClientCertificateError, DriveError, ScopeError};
use pintail_identity::session::SessionError;
use pintail_identity::sts;
use pintail_store::StoreError;
use pintail_store::s3::EndpointError;
use pintail_store::transport::{ProxyError, TlsError};

use super::copy::PlanError;

/// An operation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// An address cannot be read, or lacks a part.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The issuer's address is not acceptable.
    #[error("the issuer of bookmark {name} cannot be used")]
    Authority {
        /// The bookmark.
        name: BookmarkName,
        /// What is wrong.
        #[source]
        source: AuthorityError,
    },
    /// A bookmark file cannot be read or written.
    #[error("could not read the bookmark {}", path.display())]
    Bookmark {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: BookmarkError,
    },
    /// A bookmark of this name is there already.
    #[error("the bookmark {0} exists already")]
    BookmarkExists(BookmarkName),
    /// The certificate of a confidential application cannot be used.
    #[error("the application's certificate cannot be used")]
    ClientCertificate(#[source] ClientCertificateError),
    /// A bookmark does not say enough.
    #[error("the bookmark {name} cannot be used")]
    Connection {
        /// The bookmark.
        name: BookmarkName,
        /// What is missing or wrong.
        #[source]
        source: ConnectionError,
    },
    /// A sign-in answer could not be handed over.
    #[error(transparent)]
    Deliver(#[from] DeliverError),
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
    /// The keychain failed.
    #[error(transparent)]
    Keychain(#[from] KeychainError),
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
    /// A name breaks its rule.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no bookmark of this name.
    #[error("there is no bookmark {name}")]
    NoBookmark {
        /// The name.
        name: BookmarkName,
        /// Those there are.
        known: Vec<BookmarkName>,
    },
    /// The application is confidential and its secret is not in the keychain.
    #[error("the keychain does not hold the application's secret")]
    NoClientSecret,
    /// A copy cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A proxy setting cannot be read.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The S3 endpoint cannot be used.
    #[error("the S3 endpoint cannot be used")]
    S3Endpoint(#[source] EndpointError),
    /// The sandbox could not start.
    #[error("the sandbox could not start")]
    Sandbox(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A scope cannot be asked for.
    #[error("a scope cannot be asked for")]
    Scope(#[source] ScopeError),
    /// There is no live credential.
    #[error(transparent)]
    Session(#[from] NoCredential),
    /// The sign-in failed.
    #[error(transparent)]
    SignIn(#[from] DriveError),
    /// A file changed while it was read.
    #[error("{} changed while it was copied", .0.display())]
    SourceChanged(PathBuf),
    /// Standard input or output failed.
    #[error("standard input or output failed")]
    Stdio(#[source] io::Error),
    /// S3 refused or could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The STS endpoint cannot be used.
    #[error("the STS endpoint cannot be used")]
    StsEndpoint(#[source] sts::EndpointError),
    /// The target exists, and existing ones were to stay.
    #[error("{0} exists already")]
    TargetTaken(String),
    /// The target exists and is no regular file, which a copy must not replace.
    #[error("{} exists and is not a regular file", .0.display())]
    TargetNotAFile(PathBuf),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What was asked for cannot be meant.
    #[error("{0}")]
    Usage(String),
    /// No bookmark was named, and it is not clear which one is meant.
    #[error("{}", if known.is_empty() { "there is no bookmark yet" } else { "several bookmarks exist and none was named" })]
    WhichBookmark {
        /// Those there are.
        known: Vec<BookmarkName>,
    },
}

impl Error {
    /// Makes an error of a file or folder.
    pub(crate) fn local(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Local { action, path: path.to_owned(), source }
    }

    /// Returns why there is no credential, where that is what the operation failed for.
    pub(crate) fn no_credential(&self) -> Option<&NoCredential> {
        if let Self::Session(error) = self {
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

/// There is no credential for a bookmark, and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("bookmark {name} has no credential")]
pub(crate) struct NoCredential {
    /// The bookmark.
    pub(crate) name: BookmarkName,
    /// What it connects.
    pub(crate) connection: Arc<Connection>,
    /// What the session said.
    #[source]
    pub(crate) source: Arc<SessionError>,
}

//! What can go wrong when a sign-in is lent.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use pintail_core::credential::CredentialError;
use pintail_core::name::{BookmarkName, Partition};
use pintail_core::seam::HttpError;
use pintail_identity::oidc::BrowserError;

/// A sign-in could not be lent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LendError {
    /// The bookmark reaches S3 without a credential.
    #[error("the bookmark {0} has no credential to lend: it works without one")]
    Anonymous(BookmarkName),
    /// The port of the credential endpoint cannot be had.
    #[error("could not listen on port {port} of this machine")]
    Bind {
        /// The port, 0 for any.
        port: u16,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The address that containers ask cannot be listened on.
    #[error("could not listen on 169.254.170.2, port 80")]
    BindLinkLocal(#[source] io::Error),
    /// No browser took the address of the console.
    #[error("the console did not open")]
    Browser(#[source] BrowserError),
    /// The browser was started and never came for the address.
    #[error("the browser did not ask for the console in {0} seconds")]
    BrowserSilent(u64),
    /// A console session of this length cannot be asked for after a second role.
    #[error("the bookmark {0} goes on to a second role, and AWS sets the length of the console session then")]
    ChainedDuration(BookmarkName),
    /// The credential could not be had, for a reason of its source.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The federation service did not give a token.
    #[error("the console's sign-in service answered {status} instead of a token")]
    Federation {
        /// The HTTP status.
        status: u16,
    },
    /// The federation service could not be asked.
    #[error("the console's sign-in service could not be asked")]
    FederationUnreachable(#[source] HttpError),
    /// Pintail knows no console of this partition.
    #[error("no console is known for the partition {0}")]
    NoConsole(Partition),
    /// A path that has to stand in a variable is not Unicode.
    #[error("the path {} is not Unicode, and cannot be told to other programs", .0.display())]
    NotUnicode(PathBuf),
    /// A service is no part of a console's address.
    #[error("{0:?} is no service of the console")]
    Service(String),
    /// A sign-in address is not one that a credential may be sent to.
    #[error("the console's sign-in address {0:?} is neither https nor on this machine")]
    SigninAddress(String),
    /// Signals could not be taken over.
    #[error("signals cannot be passed on")]
    Signals(#[source] io::Error),
    /// The command could not be started.
    #[error("could not start {}", program.display())]
    Start {
        /// The command.
        program: OsString,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The keys of an IAM user do not open the console.
    #[error("the bookmark {0} has keys of an IAM user, which do not open the console")]
    StaticKeys(BookmarkName),
    /// A token file cannot be used.
    #[error("the token file {} {problem}", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
}

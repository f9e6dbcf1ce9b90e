//! What can go wrong between a bookmark and a live connection: facts, without advice.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pintail_core::aws_config::{ConfigError, ResolveError};
use pintail_core::bookmark::BookmarkError;
use pintail_core::connection::{Connection, ConnectionError, WayName};
use pintail_core::java_properties::PropertiesError;
use pintail_core::name::{BookmarkName, NameError, RoleArn};
use pintail_core::profile::ProfileError;
use pintail_core::setting::SettingError;
use pintail_core::share::ShareError;
use pintail_identity::keychain::KeychainError;
use pintail_identity::oidc::{AuthorityError, ClientCertificateError, ScopeError};
use pintail_identity::sts;
use pintail_store::s3::EndpointError;
use pintail_store::transport::{ProxyError, TlsError};

use crate::{NoHome, PinChange};

/// A bookmark could not be connected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the AWS configuration cannot be read.
    #[error("the AWS configuration of bookmark {name} cannot be read")]
    AwsConfig {
        /// The bookmark.
        name: BookmarkName,
        /// What is wrong.
        #[source]
        source: ConfigError,
    },
    /// The AWS profile of a bookmark cannot be used.
    #[error("the AWS profile of bookmark {name} cannot be used")]
    AwsProfile {
        /// The bookmark.
        name: BookmarkName,
        /// What is wrong.
        #[source]
        source: ResolveError,
    },
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
    /// The bookmark says that a session is to be narrowed, and its way in has none that could be.
    #[error(
        "bookmark {name} narrows its session, and its way in ({way}) has no session that could be narrowed"
    )]
    CannotNarrow {
        /// The bookmark.
        name: BookmarkName,
        /// Its way.
        way: WayName,
    },
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
    /// The preferences cannot be read or written.
    #[error("could not use the preferences {}", path.display())]
    Preferences {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: PropertiesError,
    },
    /// The profile that a bookmark names is not installed.
    #[error("bookmark {name} needs the profile {vendor:?}, which is not installed")]
    NoProfile {
        /// The bookmark.
        name: BookmarkName,
        /// The vendor that its key `Provider` names.
        vendor: String,
    },
    /// A file is no profile.
    #[error("could not read the profile {}", path.display())]
    Profile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: ProfileError,
    },
    /// A property does not take its value.
    #[error(transparent)]
    Setting(SettingError),
    /// A proxy setting cannot be read.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The S3 endpoint cannot be used.
    #[error("the S3 endpoint cannot be used")]
    S3Endpoint(#[source] EndpointError),
    /// A key of a bookmark cannot be set or removed.
    #[error("the key {0:?} of a bookmark cannot be changed this way")]
    FixedKey(String),
    /// A file or address of others brings nothing.
    #[error("could not take anything from {from}")]
    Shared {
        /// The file or address, without what may be secret in it.
        from: String,
        /// What is wrong.
        #[source]
        source: ShareError,
    },
    /// A file at an address could not be fetched.
    #[error("could not fetch {from}: {problem}")]
    Fetch {
        /// The address, without what may be secret in it.
        from: String,
        /// Why.
        problem: String,
    },
    /// What came in is in the collection already, and differs.
    #[error("the bookmark {name} is the same one, and differs from this file")]
    Differs {
        /// The one that is there.
        name: BookmarkName,
    },
    /// A file of another program cannot be imported.
    #[error("could not import {}", path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A bookmark leads elsewhere than when it was taken.
    #[error("the bookmark {name} leads elsewhere than when it was taken: {}", in_words(changes))]
    Elsewhere {
        /// The bookmark.
        name: BookmarkName,
        /// What changed.
        changes: Vec<PinChange>,
    },
    /// What bookmarks led to cannot be read.
    #[error("could not read where the bookmarks led, in {}", path.display())]
    DamagedPins {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Nobody took this bookmark yet, and with a sign-in that is there it would send an ID token to an STS of its own.
    #[error("the bookmark {name} was never taken, and its STS is {sts:?}")]
    NotTaken {
        /// The bookmark.
        name: BookmarkName,
        /// The STS.
        sts: String,
    },
    /// The bookmark is read-only, and its credential can write.
    #[error("bookmark {name} is read-only, and its way in ({way}) gives a credential that can write")]
    Writable {
        /// The bookmark.
        name: BookmarkName,
        /// Its way.
        way: WayName,
    },
    /// A scope cannot be asked for.
    #[error("a scope cannot be asked for")]
    Scope(#[source] ScopeError),
    /// No folder for state is known.
    #[error(transparent)]
    NoHome(#[from] NoHome),
    /// There is no live credential.
    #[error(transparent)]
    Session(#[from] NoCredential),
    /// The STS endpoint cannot be used.
    #[error("the STS endpoint cannot be used")]
    StsEndpoint(#[source] sts::EndpointError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No bookmark was named, and it is not clear which one is meant.
    #[error("{}", if known.is_empty() { "there is no bookmark yet" } else { "several bookmarks exist and none was named" })]
    WhichBookmark {
        /// Those there are.
        known: Vec<BookmarkName>,
    },
    /// The bookmark names no role and the sign-in offers none.
    #[error("bookmark {name} names no role, and the sign-in offers none")]
    NoRole {
        /// The bookmark.
        name: BookmarkName,
    },
    /// The role asked for is not on offer.
    #[error("bookmark {name} has no role {wanted:?}")]
    NoSuchRole {
        /// The bookmark.
        name: BookmarkName,
        /// What was asked for.
        wanted: String,
        /// What there is.
        offered: Vec<RoleArn>,
    },
    /// The permission set asked for is not on offer.
    #[error("the portal of bookmark {name} offers no role {wanted:?}")]
    NoSuchCenterRole {
        /// The bookmark.
        name: BookmarkName,
        /// What was asked for.
        wanted: String,
        /// What there is, as `ACCOUNT/NAME`.
        offered: Vec<String>,
    },
    /// There are several permission sets, and it is not clear which one is meant.
    #[error("the portal of bookmark {name} offers several roles and none was chosen")]
    WhichCenterRole {
        /// The bookmark.
        name: BookmarkName,
        /// What there is, as `ACCOUNT/NAME`.
        offered: Vec<String>,
    },
    /// There are several roles, and it is not clear which one is meant.
    #[error("bookmark {name} has several roles and none was chosen")]
    WhichRole {
        /// The bookmark.
        name: BookmarkName,
        /// What there is.
        offered: Vec<RoleArn>,
    },
    /// What was asked for goes with a web sign-in, and the bookmark has another way in.
    #[error("bookmark {name} does not sign in at an issuer: its way in is {way}")]
    OtherWay {
        /// The bookmark.
        name: BookmarkName,
        /// Its way.
        way: WayName,
    },
    /// `PINTAIL_KEYCHAIN` names no keychain.
    #[error("PINTAIL_KEYCHAIN is {0:?}; it can be auto, secret-service, keyutils, file or plain")]
    UnknownKeychain(String),
}

impl Error {
    /// Makes an error of a file or folder.
    #[must_use]
    pub fn local(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Local { action, path: path.to_owned(), source }
    }
}

fn in_words(changes: &[PinChange]) -> String {
    let words = changes
        .iter()
        .map(|change| format!("{} is {:?} and was {:?}", change.what, change.now, change.pinned));
    words.collect::<Vec<_>>().join(", ")
}

/// There is no credential for a bookmark, and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("bookmark {name} has no credential")]
pub struct NoCredential {
    /// The bookmark.
    pub name: BookmarkName,
    /// What it connects.
    pub connection: Arc<Connection>,
    /// What the session or the provider said.
    #[source]
    pub source: Arc<dyn std::error::Error + Send + Sync>,
}

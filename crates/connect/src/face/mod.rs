//! A bookmark's sign-in for other Rust libraries: clients of the AWS SDK, and the S3 client of `object_store`.
//!
//! [`PintailCredentials`] is one type with two faces, each in a feature of its own:
//!
//! | feature | it implements | for |
//! |---|---|---|
//! | `aws-sdk` | `aws_credential_types::provider::ProvideCredentials` | any client of the AWS SDK for Rust |
//! | `object-store` | `object_store::CredentialProvider`, and prepares an `AmazonS3Builder` | `object_store`, and what is built on it |
//!
//! Nobody is asked for anything: a person signs in with `pintail login BOOKMARK` before, once for every program. The
//! credential renews itself for as long as that sign-in lasts, alone among any number of tasks and processes. It can be
//! asked for at every request: a fresh one is handed out without any I/O.
//!
//! A future of this module needs a Tokio runtime with its I/O and time drivers.
//!
//! What a credential may do is decided by its session. A bookmark that is read-only, or narrowed to some places, is so
//! for other libraries where its way in asks STS for the session; keys that stand in a bookmark can do what they can.

#[cfg(feature = "aws-sdk")]
mod aws_sdk;
#[cfg(feature = "object-store")]
mod object_store;

use std::sync::Arc;

use pintail_core::credential::Credential;
use pintail_core::name::BookmarkName;
use pintail_core::retry::Retry;

use crate::{Access, Connector, Environment, Error, LENT_LIFE_MIN, NoCredential};

/// Gives the credentials of a bookmark to other libraries.
///
/// Cheap to clone: clones share one credential and its renewal. See the head of this module for the features.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use pintail_connect::face::PintailCredentials;
///
/// let credentials = PintailCredentials::open("work").await?;
/// let now = credentials.credential().await?;
/// assert!(now.session_token.is_some(), "on this road every credential is temporary");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PintailCredentials {
    access: Access,
}

impl PintailCredentials {
    /// Opens a bookmark of the person who runs this program, as the command `pintail` would: with the folders, keychain,
    /// proxies and certificates that the environment names.
    ///
    /// Reads files and the keychain; no service is asked before the first credential is.
    ///
    /// # Errors
    /// When there is no such bookmark or it cannot be used, when it leaves open which role is meant, and when the keychain
    /// fails.
    pub async fn open(bookmark: &str) -> Result<Self, Error> {
        let connector = Connector::new(Environment::read()?);
        let access = connector.access(&bookmark.parse()?).await?;
        access.may_be_lent()?;
        Ok(access.into())
    }

    /// Returns what the credentials belong to: the bookmark, and what it says of region and service.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Returns a credential that works now, for a quarter of an hour at least where a renewal can give as much: SDKs fetch
    /// another one before that.
    ///
    /// # Errors
    /// When there is none and none can be had, and when the bookmark is for anonymous access.
    pub async fn credential(&self) -> Result<Arc<Credential>, CredentialUnavailable> {
        if self.access.may_be_lent().is_err() {
            return Err(CredentialUnavailable::Writable { name: self.access.name.clone() });
        }
        match self.access.lasting_source().lasting(LENT_LIFE_MIN).await {
            Ok(Some(credential)) => Ok(credential),
            Ok(None) => Err(CredentialUnavailable::Anonymous { name: self.access.name.clone() }),
            Err(error) => {
                Err(CredentialUnavailable::Missing { retry: error.retry, source: self.access.missing(error) })
            }
        }
    }
}

impl From<Access> for PintailCredentials {
    /// Takes what a [`Connector`] of the program's own prepared.
    fn from(access: Access) -> Self {
        Self { access }
    }
}

/// There is no credential to hand to a library.
///
/// It is the `source` of the error that the library's own interface asks for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialUnavailable {
    /// Requests of this bookmark go unsigned, and a library has to be told so in its own way: `no_credentials()` of
    /// `aws-config`, `with_skip_signature(true)` of `object_store`.
    #[error("bookmark {name} is for anonymous access and has no credential")]
    Anonymous {
        /// The bookmark.
        name: BookmarkName,
    },
    /// The bookmark is read-only, and its credential can write.
    #[error("bookmark {name} is read-only, and its credential can write")]
    Writable {
        /// The bookmark.
        name: BookmarkName,
    },
    /// There should be one.
    #[error("could not hand out a credential")]
    Missing {
        /// What would have to change; [`Retry::AfterSignIn`] where a person has to sign in first.
        retry: Retry,
        /// For which bookmark, and why.
        source: NoCredential,
    },
}

impl CredentialUnavailable {
    /// Tells whether a person has to sign in first (`pintail login BOOKMARK`).
    #[must_use]
    pub fn needs_sign_in(&self) -> bool {
        matches!(self, Self::Missing { retry: Retry::AfterSignIn, .. })
    }
}

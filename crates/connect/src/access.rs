//! The credentials of a bookmark, whatever its way in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pintail_core::connection::{Connection, Way};
use pintail_core::credential::{Credential, CredentialError, CredentialSource};
use pintail_core::name::BookmarkName;
use pintail_core::seam::BoxFuture;

use crate::{Connector, LastingSource, NoCredential};

/// How long a credential that is handed to another program has to live, wherever a renewal can give as much: botocore fetches
/// another one in the last quarter of an hour, and would call again for every request.
pub const LENT_LIFE_MIN: Duration = Duration::from_secs(15 * 60);

/// What a bookmark gives access with.
#[derive(Clone)]
pub struct Access {
    /// The bookmark.
    pub name: BookmarkName,
    /// What it says, with the role chosen.
    pub connection: Arc<Connection>,
    /// What signs requests.
    pub source: Arc<dyn CredentialSource>,
    /// The same, for those who want a credential with some life left.
    lasting: Arc<dyn LastingSource>,
    /// The credential can do no more than the bookmark says, whoever uses it.
    narrowed: bool,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("name", &self.name).field("way", &self.connection.way.name()).finish()
    }
}

/// A source whose credential lives as long as it lives.
#[derive(Debug)]
struct AsIs(Arc<dyn CredentialSource>);

impl CredentialSource for AsIs {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        self.0.credential()
    }

    fn refused(&self, credential: &Credential) {
        self.0.refused(credential);
    }
}

impl LastingSource for AsIs {
    fn lasting(&self, _: Duration) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        self.0.credential()
    }
}

impl Access {
    /// Puts an access together from a source of one's own, whose credential is taken as it comes.
    pub fn of_source(
        name: BookmarkName,
        connection: Arc<Connection>,
        source: Arc<dyn CredentialSource>,
    ) -> Self {
        Self::new(name, connection, Arc::new(AsIs(source)))
    }

    pub(crate) fn new(
        name: BookmarkName,
        connection: Arc<Connection>,
        lasting: Arc<dyn LastingSource>,
    ) -> Self {
        let source = Arc::clone(&lasting) as Arc<dyn CredentialSource>;
        Self { name, connection, source, lasting, narrowed: false }
    }

    pub(crate) fn narrowed(self, narrowed: bool) -> Self {
        Self { narrowed, ..self }
    }

    /// Makes sure that other programs may have the credential.
    ///
    /// # Errors
    /// When the bookmark is read-only and its way in has no session that a policy could narrow: other programs do not know
    /// that they should not write.
    pub fn may_be_lent(&self) -> Result<(), crate::Error> {
        if self.connection.read_only && !self.narrowed && self.connection.way != Way::Anonymous {
            return Err(crate::Error::Writable { name: self.name.clone(), way: self.connection.way.name() });
        }
        Ok(())
    }

    /// Returns the credential of the moment; `None` for anonymous access.
    ///
    /// # Errors
    /// When there is none and none can be had.
    pub async fn ready(&self) -> Result<Option<Arc<Credential>>, NoCredential> {
        self.source.credential().await.map_err(|error| self.missing(error))
    }

    /// Returns a credential that works for at least `min_life` where renewal makes that possible, else what still works;
    /// `None` for anonymous access.
    ///
    /// # Errors
    /// When there is none and none can be had.
    pub async fn lasting(&self, min_life: Duration) -> Result<Option<Arc<Credential>>, NoCredential> {
        self.lasting.lasting(min_life).await.map_err(|error| self.missing(error))
    }

    /// Returns what can be asked for a credential with some life left, for as long as somebody needs it.
    pub fn lasting_source(&self) -> Arc<dyn LastingSource> {
        Arc::clone(&self.lasting)
    }

    /// Says why there is no credential, and for which bookmark.
    pub(crate) fn missing(&self, error: CredentialError) -> NoCredential {
        match error.source.downcast_ref::<NoCredential>() {
            Some(missing) => missing.clone(),
            None => NoCredential {
                name: self.name.clone(),
                connection: Arc::clone(&self.connection),
                source: error.source,
            },
        }
    }
}

impl Connector {
    /// Prepares the credentials of a bookmark. Nobody is asked before they are used.
    ///
    /// # Errors
    /// When the bookmark cannot be used.
    pub async fn access(&self, name: &BookmarkName) -> Result<Access, crate::Error> {
        let connection = self.connection(name)?;
        match &connection.way {
            Way::WebIdentity(_) => {
                let session = self.role_session(name).await?;
                let connection = Arc::clone(&session.connection);
                Ok(Access::new(name.clone(), connection, Arc::new(session)).narrowed(true))
            }
            _ => Ok(self.way_in(name, None).await?.access()),
        }
    }
}

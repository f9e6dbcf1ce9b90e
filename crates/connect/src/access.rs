//! The credentials of a bookmark, whatever its way in.

use std::fmt;
use std::sync::Arc;

use pintail_core::connection::{Connection, Way};
use pintail_core::credential::{Credential, CredentialSource};
use pintail_core::name::BookmarkName;

use crate::{Connector, Error, NoCredential};

/// What a bookmark gives access with.
#[derive(Clone)]
pub struct Access {
    /// The bookmark.
    pub name: BookmarkName,
    /// What it says, with the role chosen.
    pub connection: Arc<Connection>,
    /// What signs requests.
    pub source: Arc<dyn CredentialSource>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("name", &self.name).field("way", &self.connection.way.name()).finish()
    }
}

impl Access {
    /// Returns the credential of the moment; `None` for anonymous access.
    ///
    /// # Errors
    /// When there is none and none can be had.
    pub async fn ready(&self) -> Result<Option<Arc<Credential>>, NoCredential> {
        self.source.credential().await.map_err(|error| match error.source.downcast_ref::<NoCredential>() {
            Some(missing) => missing.clone(),
            None => NoCredential {
                name: self.name.clone(),
                connection: Arc::clone(&self.connection),
                source: error.source,
            },
        })
    }
}

impl Connector {
    /// Prepares the credentials of a bookmark. Nobody is asked before they are used.
    ///
    /// # Errors
    /// When the bookmark cannot be used.
    pub async fn access(&self, name: &BookmarkName) -> Result<Access, Error> {
        let connection = self.connection(name)?;
        match &connection.way {
            Way::WebIdentity(_) => {
                let session = self.role_session(name).await?;
                let connection = Arc::clone(&session.connection);
                Ok(Access { name: name.clone(), connection, source: Arc::new(session) })
            }
            other => Err(Error::OtherWay { name: name.clone(), way: other.name() }),
        }
    }
}

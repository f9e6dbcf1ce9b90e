//! The credentials of a bookmark, whatever its way in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pintail_core::connection::{Connection, Way};
use pintail_core::credential::{Credential, CredentialError, CredentialSource};
use pintail_core::name::BookmarkName;
use pintail_core::seam::BoxFuture;

use crate::identity::RoleSession;
use crate::{Connector, NoCredential};

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
    lasting: Arc<dyn Lasting>,
}

/// Gives a credential that lives for a while, where a renewal can give as much.
trait Lasting: Send + Sync {
    fn lasting(&self, min_life: Duration) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>>;
}

impl Lasting for RoleSession {
    fn lasting(&self, min_life: Duration) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        Box::pin(async move { self.given(self.session.current_credential_for(min_life).await) })
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("name", &self.name).field("way", &self.connection.way.name()).finish()
    }
}

/// A source whose credential lives as long as it lives.
struct AsIs(Arc<dyn CredentialSource>);

impl Lasting for AsIs {
    fn lasting(&self, _: Duration) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        self.0.credential()
    }
}

impl Access {
    /// Puts an access together from a source of one's own, whose credential is taken as it comes.
    pub fn new(name: BookmarkName, connection: Arc<Connection>, source: Arc<dyn CredentialSource>) -> Self {
        Self { name, connection, lasting: Arc::new(AsIs(Arc::clone(&source))), source }
    }

    /// Returns the credential of the moment; `None` for anonymous access.
    ///
    /// # Errors
    /// When there is none and none can be had.
    pub async fn ready(&self) -> Result<Option<Arc<Credential>>, NoCredential> {
        self.source.credential().await.map_err(|error| self.missing(error))
    }

    /// As [`Access::ready`], with at least so much life left, where a renewal can give as much.
    ///
    /// # Errors
    /// When there is none and none can be had.
    pub async fn lasting(&self, min_life: Duration) -> Result<Option<Arc<Credential>>, NoCredential> {
        self.lasting.lasting(min_life).await.map_err(|error| self.missing(error))
    }

    /// Says why there is no credential, and for which bookmark.
    pub(crate) fn missing(&self, error: CredentialError) -> NoCredential {
        match error.source.downcast_ref::<NoCredential>() {
            Some(missing) => missing.clone(),
            None => NoCredential {
                name: self.name.clone(),
                connection: Arc::clone(&self.connection),
                source: error.source,
                retry: error.retry,
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
                let (connection, session) = (Arc::clone(&session.connection), Arc::new(session));
                let lasting = Arc::clone(&session) as Arc<dyn Lasting>;
                Ok(Access { name: name.clone(), connection, source: session, lasting })
            }
            other => Err(crate::Error::OtherWay { name: name.clone(), way: other.name() }),
        }
    }
}

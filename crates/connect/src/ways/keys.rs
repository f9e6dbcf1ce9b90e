//! Access keys: the ID stands in the bookmark, the secret half in the keychain.

use std::sync::Arc;

use pintail_core::connection::{Connection, LongTermKey};
use pintail_core::credential::{Credential, CredentialError, CredentialSource};
use pintail_core::name::BookmarkName;
use pintail_core::retry::Retry;
use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;
use pintail_identity::keychain::{EntryName, Keychain, SecretBytes};
use pintail_identity::session::config::SERVICE;
use pintail_identity::source::{ProviderError, keys};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::{because, refused};
use crate::{Connector, Error};

/// The version of the entries written here. One that is newer is not read.
const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    version: u64,
    secret_access_key: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_token: Option<&'a str>,
}

/// Names the entry of a key. Another service may give out the same ID with another secret.
fn entry_name(key: &LongTermKey, connection: &Connection) -> EntryName {
    let place = match &connection.s3_endpoint {
        Some(url) => url.origin().ascii_serialization(),
        None => "aws".to_owned(),
    };
    EntryName::new(SERVICE, format!("access-key/{}@{place}", key.id))
}

/// Keys whose secret half is read from the keychain when it is first needed.
#[derive(Debug)]
pub(super) struct KeptKeys {
    key: LongTermKey,
    entry: EntryName,
    keychain: Arc<dyn Keychain>,
    read: OnceCell<Arc<Credential>>,
}

impl KeptKeys {
    pub(super) fn new(key: &LongTermKey, connection: &Connection, keychain: Arc<dyn Keychain>) -> Self {
        Self { key: key.clone(), entry: entry_name(key, connection), keychain, read: OnceCell::new() }
    }

    async fn look(&self) -> Result<Arc<Credential>, ProviderError> {
        let id = printable(&self.key.id);
        let found = self.keychain.get(&self.entry).await.map_err(|error| {
            let retry = error.retry();
            because(refused(format!("the secret of access key {id} could not be read"), retry), error)
        })?;
        let found = found.ok_or_else(|| {
            refused(format!("the keychain does not hold the secret of access key {id}"), Retry::AfterSignIn)
        })?;
        let unusable = || {
            refused(format!("what the keychain holds for access key {id} cannot be read"), Retry::AfterSignIn)
        };
        let entry: Entry<'_> = serde_json::from_slice(found.expose()).map_err(|_| unusable())?;
        if entry.version > VERSION {
            return Err(unusable());
        }
        let secret = Secret::new(entry.secret_access_key);
        let token = entry.session_token.map(Secret::new);
        let source = keys::keys(&self.key.id, &secret, token.as_ref())?;
        let credential = source.credential().await.ok().flatten();
        credential.ok_or_else(unusable)
    }
}

impl CredentialSource for KeptKeys {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        Box::pin(async {
            let read = self.read.get_or_try_init(|| self.look()).await;
            read.cloned().map(Some).map_err(CredentialError::from)
        })
    }

    fn refused(&self, _credential: &Credential) {}
}

/// An ID that somebody else's file may have brought, for messages.
fn printable(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(128).collect()
}

impl Connector {
    /// Tells whether the keychain holds the secret half of a key.
    ///
    /// # Errors
    /// When the keychain fails.
    pub async fn has_key_secret(&self, key: &LongTermKey, connection: &Connection) -> Result<bool, Error> {
        Ok(self.keychain()?.get(&entry_name(key, connection)).await?.is_some())
    }

    /// Keeps the secret half of a key, with the session token where the key is temporary.
    ///
    /// # Errors
    /// When it is no secret of a key, or the keychain does not take it.
    pub async fn keep_key_secret(
        &self,
        key: &LongTermKey,
        connection: &Connection,
        secret: &Secret,
        token: Option<&Secret>,
    ) -> Result<(), Error> {
        let entry = Entry {
            version: VERSION,
            secret_access_key: secret.expose(),
            session_token: token.map(Secret::expose),
        };
        let text = Zeroizing::new(serde_json::to_vec(&entry).expect("texts can be written into memory"));
        Ok(self.keychain()?.set(&entry_name(key, connection), &SecretBytes::new(text.to_vec())).await?)
    }

    /// Removes the secret half of a bookmark's key unless another bookmark uses it, and tells whether there was one.
    ///
    /// # Errors
    /// When the keychain fails.
    pub async fn forget_key_secret(&self, name: &BookmarkName) -> Result<bool, Error> {
        // A bookmark that cannot be read has no key that could be found, and can still be removed.
        let Ok(connection) = self.connection(name) else { return Ok(false) };
        let Some(key) = connection.way.long_term_key() else { return Ok(false) };
        let entry = entry_name(key, &connection);
        for other in self.bookmarks().names()? {
            let shares = |other: Connection| {
                other.way.long_term_key().is_some_and(|key| entry_name(key, &other) == entry)
            };
            if other != *name && self.connection(&other).is_ok_and(shares) {
                return Ok(false);
            }
        }
        let keychain = self.keychain()?;
        let held = keychain.get(&entry).await.is_ok_and(|found| found.is_some());
        keychain.delete(&entry).await?;
        Ok(held)
    }
}

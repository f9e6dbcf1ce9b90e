//! The desktop's own store: GNOME Keyring, KWallet, KeePassXC and others behind the Secret Service interface of D-Bus.
//!
//! The bus address is given by the caller, who read the environment. Every call makes a connection of its own, so that a daemon that
//! was restarted is found again, and has a deadline. Without a bus, without a daemon or without a default collection the answer is
//! [`KeychainProblem::Unavailable`], at once; a locked collection is opened only if the person may be asked. Secrets travel in an
//! encrypted session and are stored as base64, because KWallet keeps texts only.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pintail_core::seam::BoxFuture;
use secret_service::{EncryptionType, Error, SecretService};
use zeroize::Zeroizing;

use super::{
    EntryName, Keychain, KeychainError, KeychainKind, KeychainProblem, SECRET_MAX_BYTES, SecretBytes,
};

const KIND: KeychainKind = KeychainKind::SecretService;
/// What marks our items among those of other programs.
const APPLICATION: (&str, &str) = ("application", "pintail");
/// A daemon on the same machine answers in milliseconds; one that is being started takes a second or two.
const DEADLINE: Duration = Duration::from_secs(5);
/// A person who is asked for a password needs time to type it.
const DEADLINE_WITH_PERSON: Duration = Duration::from_secs(120);

/// Whether the person may be asked to unlock the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unlock {
    /// The desktop may show its password window.
    Ask,
    /// A locked store is an error: for background work.
    #[default]
    Never,
}

/// Keeps entries in the desktop's Secret Service.
#[derive(Clone, Debug)]
pub struct SecretServiceKeychain {
    bus_address: Option<String>,
    unlock: Unlock,
}

impl SecretServiceKeychain {
    /// Names the session bus, as `DBUS_SESSION_BUS_ADDRESS` does. Only sockets (`unix:…`) are used: other forms start programs.
    pub fn new(bus_address: Option<String>, unlock: Unlock) -> Self {
        Self { bus_address, unlock }
    }

    async fn connect(&self) -> Result<SecretService<'static>, KeychainError> {
        let unavailable = || KeychainError::new(KIND, KeychainProblem::Unavailable);
        let address = self.bus_address.as_deref().filter(|address| address.starts_with("unix:"));
        let address = address.ok_or_else(unavailable)?;
        let builder =
            zbus::connection::Builder::address(address).map_err(|error| unavailable().because(error))?;
        let connection = builder.build().await.map_err(|error| unavailable().because(error))?;
        // A bus without such a service says so here.
        SecretService::connect_with_existing(EncryptionType::Dh, connection)
            .await
            .map_err(|error| unavailable().because(error))
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, KeychainError>> + Send,
    ) -> Result<T, KeychainError> {
        let deadline = match self.unlock {
            Unlock::Ask => DEADLINE_WITH_PERSON,
            Unlock::Never => DEADLINE,
        };
        match tokio::time::timeout(deadline, work).await {
            Ok(result) => result,
            Err(_) => Err(KeychainError::new(KIND, KeychainProblem::TimedOut)),
        }
    }

    /// Finds the items of an entry. There is one, unless another program copied it.
    async fn items<'a>(
        &self,
        service: &'a SecretService<'static>,
        attributes: HashMap<&str, &str>,
    ) -> Result<Vec<secret_service::Item<'a>>, KeychainError> {
        let mut found = service.search_items(attributes).await.map_err(failed)?;
        for item in found.locked {
            match self.unlock {
                Unlock::Never => return Err(KeychainError::new(KIND, KeychainProblem::Locked)),
                Unlock::Ask => item.unlock().await.map_err(failed)?,
            }
            found.unlocked.push(item);
        }
        Ok(found.unlocked)
    }
}

fn failed(error: Error) -> KeychainError {
    let problem = match &error {
        Error::Locked | Error::Prompt => KeychainProblem::Locked,
        Error::NoResult | Error::Unavailable => KeychainProblem::Unavailable,
        _ => KeychainProblem::Failed,
    };
    KeychainError::new(KIND, problem).because(error)
}

fn attributes(name: &EntryName) -> HashMap<&str, &str> {
    HashMap::from([APPLICATION, ("service", name.service()), ("account", name.account())])
}

impl Keychain for SecretServiceKeychain {
    fn kind(&self) -> KeychainKind {
        KIND
    }

    fn get<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<Option<SecretBytes>, KeychainError>> {
        Box::pin(self.within(async {
            let service = self.connect().await?;
            let Some(item) = self.items(&service, attributes(name)).await?.pop() else { return Ok(None) };
            let text = Zeroizing::new(item.get_secret().await.map_err(failed)?);
            let bytes =
                STANDARD.decode(&*text).map_err(|_| KeychainError::new(KIND, KeychainProblem::Damaged))?;
            Ok(Some(SecretBytes::new(bytes)))
        }))
    }

    fn set<'a>(
        &'a self,
        name: &'a EntryName,
        secret: &'a SecretBytes,
    ) -> BoxFuture<'a, Result<(), KeychainError>> {
        Box::pin(self.within(async {
            if secret.expose().len() > SECRET_MAX_BYTES {
                return Err(KeychainError::new(KIND, KeychainProblem::TooLarge));
            }
            let service = self.connect().await?;
            let collection = service.get_default_collection().await.map_err(failed)?;
            if collection.is_locked().await.map_err(failed)? {
                match self.unlock {
                    Unlock::Never => return Err(KeychainError::new(KIND, KeychainProblem::Locked)),
                    Unlock::Ask => collection.unlock().await.map_err(failed)?,
                }
            }
            let text = Zeroizing::new(STANDARD.encode(secret.expose()));
            let label = format!("Pintail: {}", name.account());
            // Replaces the item with the same attributes, in one step.
            collection
                .create_item(&label, attributes(name), text.as_bytes(), true, "text/plain")
                .await
                .map_err(failed)?;
            Ok(())
        }))
    }

    fn delete<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<(), KeychainError>> {
        Box::pin(self.within(async {
            let service = self.connect().await?;
            for item in self.items(&service, attributes(name)).await? {
                item.delete().await.map_err(failed)?;
            }
            Ok(())
        }))
    }

    fn list<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeychainError>> {
        Box::pin(self.within(async move {
            let connection = self.connect().await?;
            let found = connection
                .search_items(HashMap::from([APPLICATION, ("service", service)]))
                .await
                .map_err(failed)?;
            let mut accounts = Vec::new();
            // Names may be seen while the secrets are locked.
            for item in found.unlocked.iter().chain(&found.locked) {
                accounts.extend(item.get_attributes().await.map_err(failed)?.remove("account"));
            }
            accounts.sort();
            accounts.dedup();
            Ok(accounts)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_bus_is_said_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let dead = folder.path().join("bus");
        drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
        for address in [
            None,
            Some(String::new()),
            Some("autolaunch:".to_owned()),
            Some("unixexec:path=/bin/false".to_owned()),
            Some(format!("unix:path={}", folder.path().join("nothing").display())),
            Some(format!("unix:path={}", dead.display())),
            Some("unix:nonsense".to_owned()),
        ] {
            let keychain = SecretServiceKeychain::new(address.clone(), Unlock::Never);
            let error = keychain.get(&EntryName::new("pintail", "a")).await.unwrap_err();
            assert_eq!(error.problem, KeychainProblem::Unavailable, "{address:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_bus_that_never_answers_ends_at_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let mute = folder.path().join("bus");
        let _listener = std::os::unix::net::UnixListener::bind(&mute).unwrap();
        let address = Some(format!("unix:path={}", mute.display()));
        let keychain = SecretServiceKeychain::new(address, Unlock::Never);
        let error = keychain.get(&EntryName::new("pintail", "a")).await.unwrap_err();
        assert_eq!(error.problem, KeychainProblem::TimedOut);
    }
}

//! The desktop's own store: GNOME Keyring, KWallet, KeePassXC and others behind the Secret Service interface of D-Bus.
//!
//! The bus address is given by the caller, who read the environment. Every call makes a connection of its own, so that a daemon that
//! was restarted is found again, and has a deadline of 5 s; only while the person is asked to unlock the store it has 120 s. Without a bus, without a daemon or without a default collection the answer is
//! [`KeychainProblem::Unavailable`], at once; a locked collection is opened only if the person may be asked. Secrets travel in an
//! encrypted session and are stored as base64, because KWallet keeps texts only.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pintail_core::seam::BoxFuture;
use secret_service::{EncryptionType, Error, SecretService};
use tokio::time::Instant;
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

    /// Unlocks something, if the person may be asked.
    async fn unlock(
        &self,
        patience: &mut Patience,
        unlocking: impl Future<Output = Result<(), Error>> + Send,
    ) -> Result<(), KeychainError> {
        match self.unlock {
            Unlock::Never => Err(KeychainError::new(KIND, KeychainProblem::Locked)),
            Unlock::Ask => patience.person(unlocking).await,
        }
    }

    /// Finds the items of an entry. There is one, unless another program copied it.
    async fn items<'a>(
        &self,
        service: &'a SecretService<'static>,
        attributes: HashMap<&str, &str>,
        patience: &mut Patience,
    ) -> Result<Vec<secret_service::Item<'a>>, KeychainError> {
        let mut found = patience.daemon(service.search_items(attributes)).await?;
        for item in found.locked {
            self.unlock(patience, item.unlock()).await?;
            found.unlocked.push(item);
        }
        Ok(found.unlocked)
    }
}

/// How long one call may still take.
struct Patience {
    until: Instant,
}

impl Patience {
    fn new() -> Self {
        Self { until: Instant::now() + DEADLINE }
    }

    /// Waits for an answer of the daemon.
    async fn daemon<T, E: Into<CallError>>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, KeychainError> {
        match tokio::time::timeout_at(self.until, work).await {
            Ok(result) => result.map_err(|error| error.into().0),
            Err(_) => Err(KeychainError::new(KIND, KeychainProblem::TimedOut)),
        }
    }

    /// Waits for the person. What comes after that has all its time again.
    async fn person(
        &mut self,
        work: impl Future<Output = Result<(), Error>> + Send,
    ) -> Result<(), KeychainError> {
        self.until = Instant::now() + DEADLINE_WITH_PERSON;
        let unlocked = self.daemon(work).await;
        *self = Self::new();
        unlocked
    }
}

/// What stopped a step of a call.
struct CallError(KeychainError);

impl From<KeychainError> for CallError {
    fn from(error: KeychainError) -> Self {
        Self(error)
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self(failed(error))
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
        Box::pin(async {
            let mut patience = Patience::new();
            let service = patience.daemon(self.connect()).await?;
            let found = self.items(&service, attributes(name), &mut patience).await?.pop();
            let Some(item) = found else { return Ok(None) };
            let text = Zeroizing::new(patience.daemon(item.get_secret()).await?);
            let bytes =
                STANDARD.decode(&*text).map_err(|_| KeychainError::new(KIND, KeychainProblem::Damaged))?;
            Ok(Some(SecretBytes::new(bytes)))
        })
    }

    fn set<'a>(
        &'a self,
        name: &'a EntryName,
        secret: &'a SecretBytes,
    ) -> BoxFuture<'a, Result<(), KeychainError>> {
        Box::pin(async {
            if secret.expose().len() > SECRET_MAX_BYTES {
                return Err(KeychainError::new(KIND, KeychainProblem::TooLarge));
            }
            let mut patience = Patience::new();
            let service = patience.daemon(self.connect()).await?;
            let collection = patience.daemon(service.get_default_collection()).await?;
            if patience.daemon(collection.is_locked()).await? {
                self.unlock(&mut patience, collection.unlock()).await?;
            }
            let text = Zeroizing::new(STANDARD.encode(secret.expose()));
            let label = format!("Pintail: {}", name.account());
            // Replaces the item with the same attributes, in one step.
            let item = collection.create_item(&label, attributes(name), text.as_bytes(), true, "text/plain");
            patience.daemon(item).await?;
            Ok(())
        })
    }

    fn delete<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<(), KeychainError>> {
        Box::pin(async {
            let mut patience = Patience::new();
            let service = patience.daemon(self.connect()).await?;
            for item in self.items(&service, attributes(name), &mut patience).await? {
                patience.daemon(item.delete()).await?;
            }
            Ok(())
        })
    }

    fn list<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeychainError>> {
        Box::pin(async move {
            let patience = Patience::new();
            let connection = patience.daemon(self.connect()).await?;
            let wanted = HashMap::from([APPLICATION, ("service", service)]);
            let found = patience.daemon(connection.search_items(wanted)).await?;
            let mut accounts = Vec::new();
            // Names may be seen while the secrets are locked.
            for item in found.unlocked.iter().chain(&found.locked) {
                accounts.extend(patience.daemon(item.get_attributes()).await?.remove("account"));
            }
            accounts.sort();
            accounts.dedup();
            Ok(accounts)
        })
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
        // That the person may be asked is no reason to wait for a daemon.
        for unlock in [Unlock::Never, Unlock::Ask] {
            let keychain = SecretServiceKeychain::new(address.clone(), unlock);
            let begun = Instant::now();
            let error = keychain.get(&EntryName::new("pintail", "a")).await.unwrap_err();
            assert_eq!(error.problem, KeychainProblem::TimedOut);
            assert_eq!(begun.elapsed().as_secs(), 5, "{unlock:?}");
        }
    }
}

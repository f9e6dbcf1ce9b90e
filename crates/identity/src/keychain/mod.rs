//! Where a sign-in is kept between runs.
//!
//! A [`Keychain`] keeps small secrets by name. [`SecretServiceKeychain`] is the desktop's own store,
//! [`KernelKeychain`] the kernel's memory, [`FileKeychain`] an encrypted file for machines that have neither, and
//! [`ChainKeychain`] joins them in this order. Nothing is ever written in clear text but by [`PlainFileKeychain`], which no
//! code of ours makes unless the user asked for it by an explicit flag. [`conformance`] is what all of them must do.

pub mod chain;
pub mod conformance;
pub mod file;
pub mod kernel;
pub mod memory;
pub mod plain;
mod private_file;
pub mod secret_service;

use std::fmt;
use std::path::PathBuf;

use pintail_core::retry::Retry;
use pintail_core::seam::BoxFuture;
use zeroize::Zeroizing;

pub use chain::ChainKeychain;
pub use file::FileKeychain;
pub use kernel::KernelKeychain;
pub use memory::MemoryKeychain;
pub use plain::{PlainFileKeychain, Plaintext};
pub use secret_service::{SecretServiceKeychain, Unlock};

/// The largest secret that every keychain takes, in bytes. A sign-in with an Entra refresh token is half of it.
pub const SECRET_MAX_BYTES: usize = 64 << 10;

/// The name of an entry: which program's, and which of its entries.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName {
    service: String,
    account: String,
}

impl EntryName {
    /// Names an entry. Names are shown by the desktop's key managers and are no place for secrets.
    ///
    /// # Panics
    /// When a part is empty, longer than 200 bytes, or holds a control character: names are made by our code.
    pub fn new(service: impl Into<String>, account: impl Into<String>) -> Self {
        let (service, account) = (service.into(), account.into());
        for part in [&service, &account] {
            assert!(
                (1..=200).contains(&part.len()) && !part.contains(char::is_control),
                "no entry name: {part:?}"
            );
        }
        Self { service, account }
    }

    /// Returns which program's entry it is.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Returns which of the program's entries it is.
    pub fn account(&self) -> &str {
        &self.account
    }
}

/// A secret of any bytes, wiped on drop and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes ownership of the bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Returns the bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(…)")
    }
}

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeychainKind {
    /// Several stores as one.
    Chain,
    /// A file encrypted with a key kept in another folder.
    EncryptedFile,
    /// The kernel's keyring, lost with a reboot.
    Kernel,
    /// The process's own memory, for tests.
    Memory,
    /// A file in clear text, by explicit wish only.
    PlainFile,
    /// The desktop's Secret Service (GNOME Keyring, KWallet, KeePassXC).
    SecretService,
}

impl fmt::Display for KeychainKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chain => "the keychains",
            Self::EncryptedFile => "the encrypted file",
            Self::Kernel => "the kernel keyring",
            Self::Memory => "the memory keychain",
            Self::PlainFile => "the plain file",
            Self::SecretService => "the Secret Service",
        })
    }
}

/// What is wrong with a keychain or an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeychainProblem {
    /// The entry was changed, cut or swapped by somebody else.
    Damaged,
    /// The store failed.
    Failed,
    /// The store is locked and may not ask the person.
    Locked,
    /// A newer version of this program wrote the entry.
    NewerFormat,
    /// The entry was encrypted with a key that is gone.
    OtherKey,
    /// Other people may read a file that holds a secret.
    PermissionsTooWide,
    /// The store did not answer in time.
    TimedOut,
    /// The secret is larger than the store takes, or its space is used up.
    TooLarge,
    /// There is no such store here.
    Unavailable,
}

impl fmt::Display for KeychainProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "holds a damaged entry",
            Self::Failed => "failed",
            Self::Locked => "is locked",
            Self::NewerFormat => "holds an entry of a newer version",
            Self::OtherKey => "holds an entry whose key is gone",
            Self::PermissionsTooWide => "lies where other people may read it",
            Self::TimedOut => "did not answer in time",
            Self::TooLarge => "has no room for the entry",
            Self::Unavailable => "is not available",
        })
    }
}

/// A keychain could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {problem}{}", path.as_ref().map(|path| format!(": {}", path.display())).unwrap_or_default())]
pub struct KeychainError {
    /// Which store.
    pub kind: KeychainKind,
    /// What is wrong.
    pub problem: KeychainProblem,
    /// The file, for stores that are files.
    pub path: Option<PathBuf>,
    /// What the layer below said.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl KeychainError {
    pub(crate) fn new(kind: KeychainKind, problem: KeychainProblem) -> Self {
        Self { kind, problem, path: None, source: None }
    }

    pub(crate) fn at(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Tells what would have to change. Entries that cannot be read are replaced by signing in again.
    pub fn retry(&self) -> Retry {
        match self.problem {
            KeychainProblem::Damaged | KeychainProblem::OtherKey => Retry::AfterSignIn,
            KeychainProblem::Failed | KeychainProblem::TimedOut => Retry::Backoff,
            KeychainProblem::Locked
            | KeychainProblem::NewerFormat
            | KeychainProblem::PermissionsTooWide
            | KeychainProblem::TooLarge
            | KeychainProblem::Unavailable => Retry::Never,
        }
    }
}

/// Keeps small secrets by name.
///
/// Contract: `set` replaces the whole entry or leaves the old one; a reader sees the old or the new one, never a mixture;
/// secrets of any bytes up to [`SECRET_MAX_BYTES`] come back as they were, unless the store has said
/// [`KeychainProblem::TooLarge`]; deleting what is not there is no error; no method blocks the runtime's thread, and each one
/// ends within seconds. Calls may run at once; two `set`s of one entry end with one of the two.
pub trait Keychain: Send + Sync + fmt::Debug {
    /// Returns the kind of store.
    fn kind(&self) -> KeychainKind;

    /// Returns the kind of store that held the entry last read or written: another one than [`Keychain::kind`] where
    /// several stand behind one.
    fn holder(&self) -> KeychainKind {
        self.kind()
    }

    /// Returns the stores behind this one that could not be asked so far: after a sign-out they may still hold a copy.
    fn unreachable(&self) -> Vec<KeychainKind> {
        Vec::new()
    }

    /// Returns an entry, `None` if there is none.
    fn get<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<Option<SecretBytes>, KeychainError>>;

    /// Creates or replaces an entry.
    fn set<'a>(
        &'a self,
        name: &'a EntryName,
        secret: &'a SecretBytes,
    ) -> BoxFuture<'a, Result<(), KeychainError>>;

    /// Removes an entry.
    fn delete<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<(), KeychainError>>;

    /// Returns the accounts of a service's entries, sorted.
    fn list<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeychainError>>;
}

/// Runs file and kernel calls where they may wait.
async fn blocking<T: Send + 'static>(
    kind: KeychainKind,
    work: impl FnOnce() -> Result<T, KeychainError> + Send + 'static,
) -> Result<T, KeychainError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(KeychainError::new(kind, KeychainProblem::Failed).because(error)),
    }
}

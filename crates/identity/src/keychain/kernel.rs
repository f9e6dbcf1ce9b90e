//! The kernel's keyring, on Linux: memory that no other user sees and that never reaches the disk.
//!
//! How long it lasts: the user's *persistent* keyring outlives every login session, but is emptied when nobody
//! used it for `/proc/sys/kernel/keys/persistent_keyring_expiry` seconds (three days by default); where the
//! kernel has none, the *user* keyring lasts until the user's last process ends; a reboot empties both. An ordinary user has room for about 20 kB
//! (`/proc/sys/kernel/keys/maxbytes`), root for more; a full keyring answers [`KeychainProblem::TooLarge`].
//!
//! A container usually shares the keyrings of the host's user of the same number, or is denied the calls altogether; then
//! this store says [`KeychainProblem::Unavailable`].

use linux_keyutils::{Key, KeyError, KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, KeyType, Permission};
use pintail_core::seam::BoxFuture;

use super::{
    EntryName, Keychain, KeychainError, KeychainKind, KeychainProblem, SECRET_MAX_BYTES, SecretBytes,
    blocking,
};

const KIND: KeychainKind = KeychainKind::Kernel;
/// The kernel takes 32,767 bytes in a key of type `user` (keyrings(7)).
const PART_BYTES: usize = 30_000;
/// The keys of a user are counted: 200 for an ordinary one.
const LINKS_MAX: usize = 1024;
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 1 + 1 + 8;

/// Keeps entries in the kernel's keyring of the user.
#[derive(Clone, Debug)]
pub struct KernelKeychain {
    prefix: &'static str,
}

impl Default for KernelKeychain {
    fn default() -> Self {
        Self::new()
    }
}

impl KernelKeychain {
    /// Names the keyring of this user. Nothing is called before the first use.
    pub fn new() -> Self {
        Self { prefix: "pintail" }
    }

    /// Tells whether the kernel lets this process use keyrings, and why not if it does not.
    ///
    /// # Errors
    /// [`KeychainProblem::Unavailable`] with the kernel's word.
    pub fn check() -> Result<(), KeychainError> {
        ring().map(|_| ())
    }

    /// Returns how the keys of an entry are called; the first holds the header. The name's length keeps names apart.
    fn description(&self, name: &EntryName, part: usize) -> String {
        let service = name.service();
        format!("{}:{}:{service}:{}:{part}", self.prefix, service.len(), name.account())
    }
}

/// Finds the keyring that lasts longest.
fn ring() -> Result<KeyRing, KeychainError> {
    KeyRing::get_persistent(KeyRingIdentifier::Session)
        .or_else(|_| KeyRing::from_special_id(KeyRingIdentifier::User, true))
        .map_err(|error| KeychainError::new(KIND, KeychainProblem::Unavailable).because(Said(error)))
}

/// What the kernel said.
#[derive(Debug, thiserror::Error)]
#[error("the kernel said {0:?}")]
struct Said(KeyError);

fn failed(error: KeyError) -> KeychainError {
    let problem = match error {
        KeyError::QuotaExceeded => KeychainProblem::TooLarge,
        KeyError::OperationNotSupported | KeyError::PermissionDenied => KeychainProblem::Unavailable,
        _ => KeychainProblem::Failed,
    };
    KeychainError::new(KIND, problem).because(Said(error))
}

fn find(ring: KeyRing, description: &str) -> Result<Option<Key>, KeychainError> {
    match ring.search(description) {
        Ok(key) => Ok(Some(key)),
        Err(KeyError::KeyDoesNotExist | KeyError::KeyExpired | KeyError::KeyRevoked) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn read_part(ring: KeyRing, description: &str) -> Result<Option<Vec<u8>>, KeychainError> {
    let Some(key) = find(ring, description)? else { return Ok(None) };
    match key.read_to_vec() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(KeyError::KeyDoesNotExist | KeyError::KeyExpired | KeyError::KeyRevoked) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn write_part(ring: KeyRing, description: &str, bytes: &[u8]) -> Result<(), KeychainError> {
    let key = ring.add_key(description, bytes).map_err(failed)?;
    // By default only processes whose session holds the keyring may read; a service of the same user may not have
    // it linked.
    let own =
        Permission::VIEW | Permission::READ | Permission::WRITE | Permission::SEARCH | Permission::SETATTR;
    let permissions = KeyPermissionsBuilder::builder().posessor(Permission::ALL).user(own).build();
    key.set_perms(permissions).map_err(failed)
}

fn remove_part(ring: KeyRing, description: &str) -> Result<bool, KeychainError> {
    let Some(key) = find(ring, description)? else { return Ok(false) };
    match ring.unlink_key(key) {
        Ok(()) | Err(KeyError::KeyDoesNotExist | KeyError::KeyExpired | KeyError::KeyRevoked) => Ok(true),
        Err(error) => Err(failed(error)),
    }
}

/// A digest ties the parts together: parts of two writes are never taken for one secret.
fn tie(secret: &[u8]) -> [u8; 8] {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret);
    hash.as_ref()[..8].try_into().expect("SHA-256 has more than 8 bytes")
}

impl KernelKeychain {
    fn read(&self, name: &EntryName) -> Result<Option<SecretBytes>, KeychainError> {
        let ring = ring()?;
        let Some(first) = read_part(ring, &self.description(name, 0))? else { return Ok(None) };
        let damaged = || KeychainError::new(KIND, KeychainProblem::Damaged);
        let Some((header, part)) = first.split_at_checked(HEADER_BYTES) else { return Err(damaged()) };
        match header[0] {
            VERSION => {}
            version if version > VERSION => {
                return Err(KeychainError::new(KIND, KeychainProblem::NewerFormat));
            }
            _ => return Err(damaged()),
        }
        let mut secret = zeroize::Zeroizing::new(part.to_vec());
        for number in 1..usize::from(header[1]) {
            let part = read_part(ring, &self.description(name, number))?.ok_or_else(damaged)?;
            secret.extend_from_slice(&part);
        }
        if tie(&secret) != header[2..] {
            return Err(damaged());
        }
        Ok(Some(SecretBytes::new(secret.to_vec())))
    }

    fn write(&self, name: &EntryName, secret: &SecretBytes) -> Result<(), KeychainError> {
        let bytes = secret.expose();
        if bytes.len() > SECRET_MAX_BYTES {
            return Err(KeychainError::new(KIND, KeychainProblem::TooLarge));
        }
        let ring = ring()?;
        let (first, rest) = bytes.split_at(bytes.len().min(PART_BYTES));
        let parts: Vec<&[u8]> = rest.chunks(PART_BYTES).collect();
        let count = u8::try_from(parts.len() + 1).expect("64 KiB are three parts");
        // The header last: until then readers find the old entry, or a tie that does not hold.
        for (number, part) in (1..).zip(&parts) {
            write_part(ring, &self.description(name, number), part)?;
        }
        let head = zeroize::Zeroizing::new([&[VERSION, count], &tie(bytes)[..], first].concat());
        write_part(ring, &self.description(name, 0), &head)?;
        self.remove_from(ring, name, usize::from(count))
    }

    fn remove_from(&self, ring: KeyRing, name: &EntryName, mut number: usize) -> Result<(), KeychainError> {
        while remove_part(ring, &self.description(name, number))? {
            number += 1;
        }
        Ok(())
    }

    fn accounts(&self, service: &str) -> Result<Vec<String>, KeychainError> {
        let beginning = format!("{}:{}:{service}:", self.prefix, service.len());
        let links = ring()?.get_links(LINKS_MAX).map_err(failed)?;
        let mut accounts = Vec::new();
        for key in links.iter().filter_map(linux_keyutils::LinkNode::as_key) {
            // A key that ends between the two calls is none of the list's business.
            let Ok(metadata) = key.metadata() else { continue };
            if metadata.get_type() == KeyType::User
                && let Some(rest) = metadata.get_description().strip_prefix(&beginning)
                && let Some(account) = rest.strip_suffix(":0")
            {
                accounts.push(account.to_owned());
            }
        }
        accounts.sort();
        Ok(accounts)
    }
}

impl Keychain for KernelKeychain {
    fn kind(&self) -> KeychainKind {
        KIND
    }

    fn get<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<Option<SecretBytes>, KeychainError>> {
        let (this, name) = (self.clone(), name.clone());
        Box::pin(blocking(KIND, move || this.read(&name)))
    }

    fn set<'a>(
        &'a self,
        name: &'a EntryName,
        secret: &'a SecretBytes,
    ) -> BoxFuture<'a, Result<(), KeychainError>> {
        let (this, name, secret) = (self.clone(), name.clone(), secret.clone());
        Box::pin(blocking(KIND, move || this.write(&name, &secret)))
    }

    fn delete<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<(), KeychainError>> {
        let (this, name) = (self.clone(), name.clone());
        Box::pin(blocking(KIND, move || {
            let ring = ring()?;
            this.remove_from(ring, &name, 0)
        }))
    }

    fn list<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeychainError>> {
        let (this, service) = (self.clone(), service.to_owned());
        Box::pin(blocking(KIND, move || this.accounts(&service)))
    }
}

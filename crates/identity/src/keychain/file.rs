//! A keychain in encrypted files, for machines without a desktop and without a kernel keyring.
//!
//! Each entry is a file of its own, AES-256-GCM under a random key that is kept in a file in another folder: a backup,
//! a synchronised folder or a picture of one of the two is of no use without the other. This does not protect from a program that runs as
//! the same user, which nothing on such a machine does. The format is in `docs/formats.md`, "keychain file".

use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest;
use pintail_core::seam::BoxFuture;
use zeroize::Zeroizing;

use super::private_file::{PrivateFolder, WideFile};
use super::{
    EntryName, Keychain, KeychainError, KeychainKind, KeychainProblem, SECRET_MAX_BYTES, SecretBytes,
    blocking,
};

const KIND: KeychainKind = KeychainKind::EncryptedFile;
const ENTRY_MAGIC: &[u8; 4] = b"PTLE";
const KEY_MAGIC: &[u8; 4] = b"PTLK";
const VERSION: u8 = 1;
const KEY_FILE: &str = "keychain.key";
const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 12;
const HEADER_BYTES: usize = 4 + 1 + KEY_ID_BYTES + NONCE_BYTES;
/// Secret, two names of 200 bytes, their lengths, header and tag.
const FILE_MAX_BYTES: usize = SECRET_MAX_BYTES + 1024;
const ENDING: &str = ".entry";

/// Keeps entries in encrypted files.
#[derive(Clone, Debug)]
pub struct FileKeychain(Arc<Folders>);

#[derive(Debug)]
struct Folders {
    entries: PrivateFolder,
    key: PrivateFolder,
}

impl FileKeychain {
    /// Names the folder of the entries and the folder of the key. Neither is touched before the first call.
    ///
    /// # Panics
    /// When the two are the same folder: that would be the lock with its key in it.
    pub fn new(entries: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (entries, key) = (entries.into(), key.into());
        assert!(entries != key, "the key is kept apart from what it opens");
        Self(Arc::new(Folders {
            entries: PrivateFolder { kind: KIND, path: entries },
            key: PrivateFolder { kind: KIND, path: key },
        }))
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folders) -> Result<T, KeychainError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, KeychainError>> {
        let folders = Arc::clone(&self.0);
        Box::pin(blocking(KIND, move || work(&folders)))
    }
}

impl Keychain for FileKeychain {
    fn kind(&self) -> KeychainKind {
        KIND
    }

    fn get<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<Option<SecretBytes>, KeychainError>> {
        let name = name.clone();
        self.run(move |folders| {
            let file = file_name(&name);
            let Some(bytes) = folders.entries.read(&file, WideFile::Repair, FILE_MAX_BYTES)? else {
                return Ok(None);
            };
            let (found, secret) = folders.open(&file, bytes)?;
            if found == name { Ok(Some(secret)) } else { Err(folders.damaged(&file)) }
        })
    }

    fn set<'a>(
        &'a self,
        name: &'a EntryName,
        secret: &'a SecretBytes,
    ) -> BoxFuture<'a, Result<(), KeychainError>> {
        let (name, secret) = (name.clone(), secret.clone());
        self.run(move |folders| {
            if secret.expose().len() > SECRET_MAX_BYTES {
                return Err(KeychainError::new(KIND, KeychainProblem::TooLarge));
            }
            folders.entries.prepare()?;
            let key = folders.key_or_new()?;
            let file = file_name(&name);
            if let Some(old) = folders.entries.read(&file, WideFile::Repair, FILE_MAX_BYTES)? {
                folders.check_version(&file, &old)?;
            }
            let sealed = key.seal(&file, &name, &secret)?;
            folders.entries.replace(&file, &sealed)
        })
    }

    fn delete<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<(), KeychainError>> {
        let name = name.clone();
        self.run(move |folders| folders.entries.remove(&file_name(&name)))
    }

    fn list<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeychainError>> {
        let service = service.to_owned();
        self.run(move |folders| {
            let mut accounts = Vec::new();
            for file in folders.entries.names(ENDING)? {
                let Some(bytes) = folders.entries.read(&file, WideFile::Repair, FILE_MAX_BYTES)? else {
                    continue;
                };
                match folders.open(&file, bytes) {
                    Ok((name, _)) if name.service() == service => accounts.push(name.account().to_owned()),
                    Ok(_) => {}
                    // One bad entry does not hide the others: its reader is told.
                    Err(error) => tracing::warn!(%error, "left out of the list"),
                }
            }
            accounts.sort();
            Ok(accounts)
        })
    }
}

impl Folders {
    fn damaged(&self, file: &str) -> KeychainError {
        KeychainError::new(KIND, KeychainProblem::Damaged).at(self.entries.path.join(file))
    }

    fn check_version(&self, file: &str, bytes: &[u8]) -> Result<(), KeychainError> {
        match bytes.get(4) {
            Some(&version) if bytes.starts_with(ENTRY_MAGIC) && version > VERSION => {
                let path = self.entries.path.join(file);
                Err(KeychainError::new(KIND, KeychainProblem::NewerFormat).at(path))
            }
            _ => Ok(()),
        }
    }

    fn key(&self) -> Result<Option<Key>, KeychainError> {
        // The key opens everything: others must never have been able to read it.
        let Some(bytes) = self.key.read(KEY_FILE, WideFile::Refuse, 64)? else { return Ok(None) };
        let bytes = Zeroizing::new(bytes);
        let path = self.key.path.join(KEY_FILE);
        match bytes.split_at_checked(5) {
            Some((head, key)) if head[..4] == *KEY_MAGIC && head[4] == VERSION && key.len() == KEY_BYTES => {
                Key::new(key).map(Some)
            }
            Some((head, _)) if head[..4] == *KEY_MAGIC && head[4] > VERSION => {
                Err(KeychainError::new(KIND, KeychainProblem::NewerFormat).at(path))
            }
            _ => Err(KeychainError::new(KIND, KeychainProblem::Damaged).at(path)),
        }
    }

    fn key_or_new(&self) -> Result<Key, KeychainError> {
        self.key.prepare()?;
        if let Some(key) = self.key()? {
            return Ok(key);
        }
        let mut bytes = Zeroizing::new([&KEY_MAGIC[..], &[VERSION], &[0; KEY_BYTES]].concat());
        aws_lc_rs::rand::fill(&mut bytes[5..])
            .map_err(|_| KeychainError::new(KIND, KeychainProblem::Failed))?;
        // Whoever came first has made the key; it is the same file for all.
        self.key.create(KEY_FILE, &bytes)?;
        self.key()?.ok_or_else(|| KeychainError::new(KIND, KeychainProblem::Failed).at(&self.key.path))
    }

    fn open(&self, file: &str, bytes: Vec<u8>) -> Result<(EntryName, SecretBytes), KeychainError> {
        self.check_version(file, &bytes)?;
        let Some((header, sealed)) = bytes.split_at_checked(HEADER_BYTES) else {
            return Err(self.damaged(file));
        };
        if header[..4] != *ENTRY_MAGIC || header[4] != VERSION {
            return Err(self.damaged(file));
        }
        let other_key =
            || KeychainError::new(KIND, KeychainProblem::OtherKey).at(self.entries.path.join(file));
        let key = self.key()?.ok_or_else(other_key)?;
        if header[5..5 + KEY_ID_BYTES] != key.id {
            return Err(other_key());
        }
        let nonce = &header[5 + KEY_ID_BYTES..];
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| self.damaged(file))?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let aad = Aad::from(key.associated(file));
        let opened = key.key.open_in_place(nonce, aad, &mut plain).map_err(|_| self.damaged(file))?;
        unframe(opened).ok_or_else(|| self.damaged(file))
    }
}

/// The key with the name its entries know it by.
struct Key {
    key: RandomizedNonceKey,
    id: [u8; KEY_ID_BYTES],
}

impl Key {
    fn new(bytes: &[u8]) -> Result<Self, KeychainError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes)
            .map_err(|_| KeychainError::new(KIND, KeychainProblem::Failed))?;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"pintail keychain key id 1");
        context.update(bytes);
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&context.finish().as_ref()[..KEY_ID_BYTES]);
        Ok(Self { key, id })
    }

    /// What is authenticated beside the content: the header before the nonce, and the file's name, which is made from
    /// the entry's name, so that one entry cannot be put in place of another.
    fn associated(&self, file: &str) -> Vec<u8> {
        [&ENTRY_MAGIC[..], &[VERSION], &self.id, file.as_bytes()].concat()
    }

    fn seal(&self, file: &str, name: &EntryName, secret: &SecretBytes) -> Result<Vec<u8>, KeychainError> {
        let mut content = frame(name, secret);
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(self.associated(file)), &mut *content)
            .map_err(|_| KeychainError::new(KIND, KeychainProblem::Failed))?;
        Ok([&ENTRY_MAGIC[..], &[VERSION], &self.id, nonce.as_ref(), &content].concat())
    }
}

/// The file of an entry: names may hold any character, file names may not.
fn file_name(name: &EntryName) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(name.service().as_bytes());
    context.update(&[0]);
    context.update(name.account().as_bytes());
    let hash = context.finish();
    let mut text: String = hash.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    text.push_str(ENDING);
    text
}

/// Service, account and secret, the first two behind a byte of their length.
pub(super) fn frame(name: &EntryName, secret: &SecretBytes) -> Zeroizing<Vec<u8>> {
    // Room for the tag as well, so that no half-filled copy is left behind by growing.
    let mut content =
        Vec::with_capacity(secret.expose().len() + name.service().len() + name.account().len() + 32);
    for part in [name.service(), name.account()] {
        content.push(u8::try_from(part.len()).expect("entry names have at most 200 bytes"));
        content.extend_from_slice(part.as_bytes());
    }
    content.extend_from_slice(secret.expose());
    Zeroizing::new(content)
}

pub(super) fn unframe(content: &[u8]) -> Option<(EntryName, SecretBytes)> {
    let (&length, rest) = content.split_first()?;
    let (service, rest) = rest.split_at_checked(length.into())?;
    let (&length, rest) = rest.split_first()?;
    let (account, secret) = rest.split_at_checked(length.into())?;
    let text = |part| std::str::from_utf8(part).ok().filter(|part| (1..=200).contains(&part.len()));
    let (service, account) = (text(service)?, text(account)?);
    if service.contains(char::is_control) || account.contains(char::is_control) {
        return None;
    }
    Some((EntryName::new(service, account), SecretBytes::new(secret)))
}

pub(super) fn entry_file_name(name: &EntryName) -> String {
    file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    struct Bench {
        folder: tempfile::TempDir,
        keychain: FileKeychain,
    }

    fn bench() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let keychain = FileKeychain::new(folder.path().join("data/keychain"), folder.path().join("state"));
        Bench { folder, keychain }
    }

    impl Bench {
        fn entry(&self) -> PathBuf {
            self.folder.path().join("data/keychain").join(file_name(&name()))
        }

        fn key(&self) -> PathBuf {
            self.folder.path().join("state").join(KEY_FILE)
        }

        async fn problem(&self) -> KeychainProblem {
            self.keychain.get(&name()).await.unwrap_err().problem
        }
    }

    fn name() -> EntryName {
        EntryName::new("pintail", "sign-in")
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn conforms() {
        crate::keychain::conformance::all(&bench().keychain).await;
    }

    #[tokio::test]
    async fn nothing_readable_reaches_the_disk_and_nobody_else_may_read_it() {
        let bench = bench();
        bench.keychain.set(&name(), &SecretBytes::new("hunter2 hunter2")).await.unwrap();
        for path in [bench.entry(), bench.key()] {
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(path.parent().unwrap()), 0o700);
            let bytes = fs::read(path).unwrap();
            assert!(!bytes.windows(7).any(|part| part == b"hunter2" || part == b"pintail"));
        }
        let again = bench.entry();
        let before = fs::read(&again).unwrap();
        bench.keychain.set(&name(), &SecretBytes::new("hunter2 hunter2")).await.unwrap();
        assert_ne!(fs::read(&again).unwrap(), before, "every seal has a nonce of its own");
        assert_eq!(fs::read_dir(again.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[tokio::test]
    async fn every_changed_byte_is_noticed() {
        let bench = bench();
        bench.keychain.set(&name(), &SecretBytes::new("secret")).await.unwrap();
        let good = fs::read(bench.entry()).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(bench.entry(), bad).unwrap();
            let key_id = (5..13).contains(&at);
            let expected = if key_id { KeychainProblem::OtherKey } else { KeychainProblem::Damaged };
            assert_eq!(bench.problem().await, expected, "byte {at}");
        }
        for length in 0..good.len() {
            fs::write(bench.entry(), &good[..length]).unwrap();
            assert_eq!(bench.problem().await, KeychainProblem::Damaged, "cut to {length}");
        }
        fs::write(bench.entry(), good).unwrap();
        assert!(bench.keychain.get(&name()).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn one_entry_cannot_stand_in_for_another() {
        let bench = bench();
        let other = EntryName::new("pintail", "other");
        bench.keychain.set(&other, &SecretBytes::new("other")).await.unwrap();
        fs::rename(bench.entry().with_file_name(file_name(&other)), bench.entry()).unwrap();
        assert_eq!(bench.problem().await, KeychainProblem::Damaged);
    }

    #[tokio::test]
    async fn a_lost_key_is_said_and_a_new_entry_heals() {
        let bench = bench();
        bench.keychain.set(&name(), &SecretBytes::new("secret")).await.unwrap();
        fs::remove_file(bench.key()).unwrap();
        let error = bench.keychain.get(&name()).await.unwrap_err();
        assert_eq!(error.problem, KeychainProblem::OtherKey);
        assert_eq!(error.retry(), pintail_core::retry::Retry::AfterSignIn);
        bench.keychain.set(&name(), &SecretBytes::new("new")).await.unwrap();
        assert_eq!(bench.keychain.get(&name()).await.unwrap().unwrap().expose(), b"new");
    }

    #[tokio::test]
    async fn a_newer_format_is_left_alone() {
        let bench = bench();
        bench.keychain.set(&name(), &SecretBytes::new("secret")).await.unwrap();
        let mut newer = fs::read(bench.entry()).unwrap();
        newer[4] = VERSION + 1;
        fs::write(bench.entry(), &newer).unwrap();
        assert_eq!(bench.problem().await, KeychainProblem::NewerFormat);
        let error = bench.keychain.set(&name(), &SecretBytes::new("x")).await.unwrap_err();
        assert_eq!(error.problem, KeychainProblem::NewerFormat);
        assert_eq!(fs::read(bench.entry()).unwrap(), newer);
    }

    #[tokio::test]
    async fn wide_rights_are_repaired_or_refused() {
        let bench = bench();
        bench.keychain.set(&name(), &SecretBytes::new("secret")).await.unwrap();
        fs::set_permissions(bench.entry(), fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(bench.entry().parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
        bench.keychain.get(&name()).await.unwrap();
        assert_eq!(mode(&bench.entry()), 0o600);
        bench.keychain.set(&name(), &SecretBytes::new("secret")).await.unwrap();
        assert_eq!(mode(bench.entry().parent().unwrap()), 0o700);
        fs::set_permissions(bench.key(), fs::Permissions::from_mode(0o640)).unwrap();
        let error = bench.keychain.get(&name()).await.unwrap_err();
        assert_eq!(
            (error.problem, error.path.as_deref()),
            (KeychainProblem::PermissionsTooWide, Some(&*bench.key()))
        );
    }

    #[tokio::test]
    async fn links_are_not_followed() {
        let bench = bench();
        bench.keychain.set(&name(), &SecretBytes::new("secret")).await.unwrap();
        let elsewhere = bench.folder.path().join("elsewhere");
        fs::rename(bench.entry(), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, bench.entry()).unwrap();
        assert_eq!(bench.problem().await, KeychainProblem::Failed);
    }
}

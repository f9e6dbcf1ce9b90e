//! A keychain in clear text, for those who know why they want one (a RAM disk, a sealed container).
//!
//! Only an explicit wish makes one: the constructor takes a value that says so, and nothing falls back to it.

use std::path::PathBuf;

use pintail_core::seam::BoxFuture;

use super::file::{entry_file_name, frame, unframe};
use super::private_file::{PrivateFolder, WideFile};
use super::{
    EntryName, Keychain, KeychainError, KeychainKind, KeychainProblem, SECRET_MAX_BYTES, SecretBytes,
    blocking,
};

const KIND: KeychainKind = KeychainKind::PlainFile;
const MAGIC: &[u8; 4] = b"PTLP";
const VERSION: u8 = 1;
const FILE_MAX_BYTES: usize = SECRET_MAX_BYTES + 1024;

/// The user's word that secrets may lie in clear text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plaintext {
    /// An explicit flag of this very run asked for it.
    AskedForByFlag,
}

/// Keeps entries in files in clear text, readable by their owner only.
#[derive(Clone, Debug)]
pub struct PlainFileKeychain(PrivateFolder);

impl PlainFileKeychain {
    /// Names the folder of the entries.
    pub fn new(folder: impl Into<PathBuf>, wish: Plaintext) -> Self {
        let Plaintext::AskedForByFlag = wish;
        Self(PrivateFolder { kind: KIND, path: folder.into() })
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&PrivateFolder) -> Result<T, KeychainError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, KeychainError>> {
        let folder = self.0.clone();
        Box::pin(blocking(KIND, move || work(&folder)))
    }
}

fn read(folder: &PrivateFolder, file: &str) -> Result<Option<(EntryName, SecretBytes)>, KeychainError> {
    let Some(bytes) = folder.read(file, WideFile::Refuse, FILE_MAX_BYTES)? else { return Ok(None) };
    let fail = |problem| Err(KeychainError::new(KIND, problem).at(folder.path.join(file)));
    match bytes.split_at_checked(5) {
        Some((head, content)) if head[..4] == *MAGIC && head[4] == VERSION => match unframe(content) {
            Some(entry) => Ok(Some(entry)),
            None => fail(KeychainProblem::Damaged),
        },
        Some((head, _)) if head[..4] == *MAGIC && head[4] > VERSION => fail(KeychainProblem::NewerFormat),
        _ => fail(KeychainProblem::Damaged),
    }
}

/// Entry files lie beside those of an encrypted store without a clash.
fn file_name(name: &EntryName) -> String {
    entry_file_name(name).replace(".entry", ".plain")
}

impl Keychain for PlainFileKeychain {
    fn kind(&self) -> KeychainKind {
        KIND
    }

    fn get<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<Option<SecretBytes>, KeychainError>> {
        let name = name.clone();
        self.run(move |folder| match read(folder, &file_name(&name))? {
            Some((found, secret)) if found == name => Ok(Some(secret)),
            Some(_) => {
                let path = folder.path.join(file_name(&name));
                Err(KeychainError::new(KIND, KeychainProblem::Damaged).at(path))
            }
            None => Ok(None),
        })
    }

    fn set<'a>(
        &'a self,
        name: &'a EntryName,
        secret: &'a SecretBytes,
    ) -> BoxFuture<'a, Result<(), KeychainError>> {
        let (name, secret) = (name.clone(), secret.clone());
        self.run(move |folder| {
            if secret.expose().len() > SECRET_MAX_BYTES {
                return Err(KeychainError::new(KIND, KeychainProblem::TooLarge));
            }
            folder.prepare()?;
            let file = file_name(&name);
            if let Err(error) = read(folder, &file)
                && error.problem == KeychainProblem::NewerFormat
            {
                return Err(error);
            }
            let content = zeroize::Zeroizing::new([&MAGIC[..], &[VERSION], &frame(&name, &secret)].concat());
            folder.replace(&file, &content)
        })
    }

    fn delete<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<(), KeychainError>> {
        let name = name.clone();
        self.run(move |folder| folder.remove(&file_name(&name)))
    }

    fn list<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeychainError>> {
        let service = service.to_owned();
        self.run(move |folder| {
            let mut accounts = Vec::new();
            for file in folder.names(".plain")? {
                match read(folder, &file) {
                    Ok(Some((name, _))) if name.service() == service => {
                        accounts.push(name.account().to_owned());
                    }
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "left out of the list"),
                }
            }
            accounts.sort();
            Ok(accounts)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn conforms() {
        let folder = tempfile::tempdir().unwrap();
        let keychain = PlainFileKeychain::new(folder.path().join("plain"), Plaintext::AskedForByFlag);
        crate::keychain::conformance::all(&keychain).await;
    }

    #[tokio::test]
    async fn a_file_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let keychain = PlainFileKeychain::new(folder.path(), Plaintext::AskedForByFlag);
        let name = EntryName::new("pintail", "a");
        keychain.set(&name, &SecretBytes::new("secret")).await.unwrap();
        let file = folder.path().join(file_name(&name));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o604)).unwrap();
        let error = keychain.get(&name).await.unwrap_err();
        assert_eq!(error.problem, KeychainProblem::PermissionsTooWide);
    }
}

//! A keychain in the process's memory, for tests.

use std::collections::BTreeMap;
use std::sync::Mutex;

use pintail_core::seam::BoxFuture;

use super::{
    EntryName, Keychain, KeychainError, KeychainKind, KeychainProblem, SECRET_MAX_BYTES, SecretBytes,
};

/// Keeps entries in memory, and fails when told to.
#[derive(Debug, Default)]
pub struct MemoryKeychain {
    entries: Mutex<BTreeMap<EntryName, SecretBytes>>,
    trouble: Mutex<Option<KeychainProblem>>,
}

impl MemoryKeychain {
    /// Makes every call fail with `trouble`, until told otherwise.
    pub fn set_trouble(&self, trouble: Option<KeychainProblem>) {
        *self.trouble.lock().expect("no holder of this lock panics") = trouble;
    }

    fn entries(&self) -> Result<std::sync::MutexGuard<'_, BTreeMap<EntryName, SecretBytes>>, KeychainError> {
        match *self.trouble.lock().expect("no holder of this lock panics") {
            Some(problem) => Err(KeychainError::new(KeychainKind::Memory, problem)),
            None => Ok(self.entries.lock().expect("no holder of this lock panics")),
        }
    }
}

impl Keychain for MemoryKeychain {
    fn kind(&self) -> KeychainKind {
        KeychainKind::Memory
    }

    fn get<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<Option<SecretBytes>, KeychainError>> {
        Box::pin(async { Ok(self.entries()?.get(name).cloned()) })
    }

    fn set<'a>(
        &'a self,
        name: &'a EntryName,
        secret: &'a SecretBytes,
    ) -> BoxFuture<'a, Result<(), KeychainError>> {
        Box::pin(async {
            if secret.expose().len() > SECRET_MAX_BYTES {
                return Err(KeychainError::new(KeychainKind::Memory, KeychainProblem::TooLarge));
            }
            self.entries()?.insert(name.clone(), secret.clone());
            Ok(())
        })
    }

    fn delete<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<(), KeychainError>> {
        Box::pin(async {
            self.entries()?.remove(name);
            Ok(())
        })
    }

    fn list<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeychainError>> {
        Box::pin(async move {
            let entries = self.entries()?;
            let of_service = entries.keys().filter(|name| name.service() == service);
            Ok(of_service.map(|name| name.account().to_owned()).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn conforms() {
        crate::keychain::conformance::all(&MemoryKeychain::default()).await;
    }
}

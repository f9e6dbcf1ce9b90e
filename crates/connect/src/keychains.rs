//! Which keychain a run uses.

use std::sync::Arc;

use pintail_core::seam::Clock;
use pintail_identity::keychain::{
    ChainKeychain, FileKeychain, KernelKeychain, Keychain, PlainFileKeychain, Plaintext,
    SecretServiceKeychain, Unlock,
};

use crate::{Connector, Error};

impl Connector {
    /// Returns the keychain of this run: the Secret Service, then the kernel's keyring, then an encrypted file, unless one is
    /// named.
    ///
    /// # Errors
    /// When `PINTAIL_KEYCHAIN` names none.
    pub fn keychain(&self) -> Result<Arc<dyn Keychain>, Error> {
        let folders = &self.environment.folders;
        let bus = self.environment.session_bus.clone();
        let secret_service =
            || Arc::new(SecretServiceKeychain::new(bus.clone(), Unlock::Ask)) as Arc<dyn Keychain>;
        let kernel = || Arc::new(KernelKeychain::new()) as Arc<dyn Keychain>;
        let file = || {
            let (entries, key) = (folders.state.join("secrets"), folders.data.join("key"));
            Arc::new(FileKeychain::new(entries, key)) as Arc<dyn Keychain>
        };
        match self.environment.keychain.as_deref() {
            None | Some("auto") => {
                let mut stores = Vec::new();
                if bus.is_some() {
                    stores.push(secret_service());
                }
                stores.extend([kernel(), file()]);
                Ok(Arc::new(ChainKeychain::new(stores, Arc::clone(&self.clock) as Arc<dyn Clock>)))
            }
            Some("secret-service") => Ok(secret_service()),
            Some("keyutils") => Ok(kernel()),
            Some("file") => Ok(file()),
            Some("plain") => {
                Ok(Arc::new(PlainFileKeychain::new(folders.state.join("plain"), Plaintext::AskedForByFlag)))
            }
            Some(other) => Err(Error::UnknownKeychain(other.to_owned())),
        }
    }
}

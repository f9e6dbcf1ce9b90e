//! The one state behind all services: the directory that the issuer serves, the AWS account, the buckets.
//!
//! [`Core`] is what the services share; [`World`] is the handle for whoever holds the sandbox, who may look
//! at and change what an admin of either cloud could. Each part has its own lock, held only for plain
//! computation and never across an await.

pub(crate) mod account;
mod aws_doors;
pub(crate) mod center;
pub(crate) mod content;
pub(crate) mod directory;
mod doors;
pub(crate) mod initial;
mod jobs;
mod ledger;
pub(crate) mod machine;
pub(crate) mod samples;
pub(crate) mod sessions;
mod settling;
pub(crate) mod storage;
pub(crate) mod tenant;
mod tenant_doors;
pub(crate) mod users;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use jiff::Timestamp;

use crate::batch::Jobs;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::locked;
use crate::moments::Moments;
use crate::options::{Lifetimes, Options, StartError};
use crate::random::Ids;
use crate::recorder::Recorder;
use crate::sts::IssuerKeys;
pub use account::{AdminKey, Role};
pub use directory::{App, Certificate, Home, Platform, User};
pub use ledger::{HeldObject, HeldPart, HeldUpload, Ledger, Receipt};
pub(crate) use ledger::{Receipts, Receiving};
pub use tenant::{DirectoryRole, Group};
pub use tenant_doors::AZURE_CLI_SCOPES;

use account::Account;
use center::Center;
use directory::Directory;
use machine::Machine;
use storage::{Blob, Storage};

/// Everything the services of one sandbox share.
pub(crate) struct Core {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Ids,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) refresh_token_bytes: usize,
    /// `http://127.0.0.1:PORT`, the place of Entra's authority host.
    pub(crate) authority: String,
    /// The first is the default.
    pub(crate) regions: Vec<String>,
    pub(crate) directory: Mutex<Directory>,
    pub(crate) account: Mutex<Account>,
    pub(crate) storage: Mutex<Storage>,
    /// What arrived for objects and parts.
    pub(crate) receipts: Receipts,
    /// The moments that a test waits for.
    pub(crate) moments: Arc<Moments>,
    /// Batch jobs. Taken before the account and the storage.
    pub(crate) jobs: Mutex<Jobs>,
    /// IAM Identity Center. Taken before the directory and the account where both are needed.
    pub(crate) center: Mutex<Center>,
    /// Taken before the account.
    pub(crate) machine: Mutex<Machine>,
    /// `http://127.0.0.1:PORT` of Identity Center, the metadata services and the console's sign-in.
    pub(crate) doors: String,
    /// What STS has read of issuers' keys.
    pub(crate) issuer_keys: IssuerKeys,
    pub(crate) faults: Faults,
    pub(crate) recorder: Recorder,
}

/// Codes, tokens and passwords lie inside: nothing of it is shown.
impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Core {
    pub(crate) fn new(options: &Options, authority: String, doors: String) -> Result<Core, StartError> {
        let ids = Ids::new(Arc::clone(&options.random));
        let now = options.clock.now();
        let mut directory = initial::directory(options, &ids)?;
        let mut account = initial::account(options, &mut directory, &ids, &authority, now);
        let storage = initial::storage(options, now, &ids);
        let center = if options.empty { Center::default() } else { samples::center(&mut account, &ids, now) };
        let mut machine = Machine::new(&ids, options.metadata_v1);
        machine.has_role = !options.empty;
        let core = Core {
            clock: Arc::clone(&options.clock),
            ids,
            lifetimes: options.lifetimes,
            refresh_token_bytes: options.refresh_token_bytes,
            authority,
            regions: options.regions.clone(),
            directory: Mutex::new(directory),
            account: Mutex::new(account),
            storage: Mutex::new(storage),
            receipts: Receipts::default(),
            moments: Arc::default(),
            jobs: Mutex::default(),
            center: Mutex::new(center),
            machine: Mutex::new(machine),
            doors,
            issuer_keys: IssuerKeys::default(),
            faults: Faults::default(),
            recorder: Recorder::default(),
        };
        for user in &locked(&core.directory).users {
            core.recorder.secret(&user.password);
        }
        let account = locked(&core.account);
        core.recorder.secret(&account.admin.secret_access_key);
        account.keys.values().for_each(|key| core.recorder.secret(&key.secret_access_key));
        account.mfa_devices.values().for_each(|device| core.recorder.secret(&users::base32(&device.seed)));
        drop(account);
        core.recorder.secret(&locked(&core.machine).container_token);
        Ok(core)
    }

    pub(crate) fn region(&self) -> &str {
        &self.regions[0]
    }

    /// The v2 issuer of the tenant, as it stands in tokens and in the IAM provider.
    pub(crate) fn issuer(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.authority)
    }
}

/// A hand on the world of a running sandbox.
#[derive(Debug, Clone)]
pub struct World {
    core: Arc<Core>,
}

impl World {
    pub(crate) fn new(core: Arc<Core>) -> World {
        World { core }
    }

    /// Replaces the issuer's signing key; the old one leaves the published set when `retire` is given.
    ///
    /// # Errors
    /// When the crypto library makes no key.
    pub fn roll_signing_key(&self, retire: bool) -> Result<(), StartError> {
        let key = crate::issuer::keys::SigningKey::generate()?;
        let mut directory = locked(&self.core.directory);
        if retire {
            directory.keys.clear();
        }
        directory.keys.insert(0, key);
        Ok(())
    }

    /// Returns the user of that name.
    pub fn user(&self, username: &str) -> Option<User> {
        locked(&self.core.directory).user(username).cloned()
    }

    /// Adds a user, or replaces the one of that name.
    pub fn put_user(&self, user: User) {
        self.core.recorder.secret(&user.password);
        let mut directory = locked(&self.core.directory);
        directory.users.retain(|other| !other.username.eq_ignore_ascii_case(&user.username));
        directory.users.push(user);
    }

    /// Returns the pairwise `sub` that the app's tokens carry for a user.
    pub fn subject(&self, client_id: &str, username: &str) -> Option<String> {
        let directory = locked(&self.core.directory);
        directory.user(username).map(|user| directory.subject(client_id, user))
    }

    /// Ends all refresh tokens and browser sessions of a user, as "revoke sessions" does.
    pub fn revoke_sign_ins(&self, username: &str) {
        locked(&self.core.directory).revoke(username);
    }

    /// Returns the app registration with that client ID.
    pub fn app(&self, client_id: &str) -> Option<App> {
        locked(&self.core.directory).app(client_id).cloned()
    }

    /// Adds an app registration, or replaces the one with that client ID. Its consents and assignments stay; those
    /// for everybody follow [`App::admin_consent`].
    pub fn put_app(&self, app: App) {
        app.secrets.iter().for_each(|secret| self.core.recorder.secret(secret));
        let mut directory = locked(&self.core.directory);
        let client_id = app.client_id.clone();
        directory.apps.retain(|other| other.client_id != client_id);
        directory.apps.push(app);
        directory.settle_admin_consent(&client_id);
    }

    /// Returns the role of that name.
    pub fn role(&self, name: &str) -> Option<Role> {
        locked(&self.core.account).roles.get(name).cloned()
    }

    /// Adds a role, or replaces the one of that name. Its documents are taken as they are.
    pub fn put_role(&self, role: Role) {
        locked(&self.core.account).roles.insert(role.name.clone(), role);
    }

    /// Switches STS off in a region: `RegionDisabledException` from now on.
    pub fn disable_sts_region(&self, region: &str) {
        locked(&self.core.account).disabled_regions.insert(region.to_owned());
    }

    /// Makes every temporary credential expire now.
    pub fn expire_sessions(&self) {
        let now = self.core.clock.now();
        locked(&self.core.account).expire_sessions(now);
    }

    /// Forgets every temporary credential.
    pub fn forget_sessions(&self) {
        locked(&self.core.account).sessions.clear();
    }

    /// Creates a bucket in a region; does nothing when it exists.
    pub fn create_bucket(&self, name: &str, region: &str) {
        let now = self.core.clock.now();
        locked(&self.core.storage).create(name, region, now);
    }

    /// Stores an object without a request; returns whether the bucket exists.
    pub fn put_object(&self, bucket: &str, key: &str, data: impl Into<Bytes>) -> bool {
        let blob = Blob::plain(data.into());
        let now = self.core.clock.now();
        let version = self.core.ids.token(24);
        let mut storage = locked(&self.core.storage);
        storage.buckets.get_mut(bucket).map(|bucket| bucket.put(key, blob, now, version)).is_some()
    }

    /// Begins a multipart upload without a request, as another program would; returns its ID, `None` where there is no such bucket.
    pub fn begin_upload(&self, bucket: &str, key: &str) -> Option<String> {
        let id = self.core.ids.token(48);
        let upload = storage::Upload {
            initiated: self.core.clock.now(),
            headers: storage::Headers::default(),
            tags: Vec::new(),
            kms_key: None,
            checksum: None,
            parts: BTreeMap::new(),
            initiator: String::new(),
        };
        let mut storage = locked(&self.core.storage);
        storage.buckets.get_mut(bucket)?.uploads.insert((key.to_owned(), id.clone()), upload);
        Some(id)
    }

    /// Returns the current bytes of an object.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let storage = locked(&self.core.storage);
        let data = storage.buckets.get(bucket)?.current(key).map(|(_, blob)| blob.data.clone())?;
        drop(storage);
        Some(data.to_bytes())
    }

    /// Returns the keys of a bucket's current objects, in order.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let storage = locked(&self.core.storage);
        let Some(bucket) = storage.buckets.get(bucket) else { return Vec::new() };
        let current =
            |versions: &storage::Versions| versions.last().is_some_and(|last| last.object.is_some());
        bucket.keys.iter().filter(|(_, versions)| current(versions)).map(|(key, _)| key.clone()).collect()
    }

    /// Returns the names of all buckets, in order.
    pub fn buckets(&self) -> Vec<String> {
        locked(&self.core.storage).buckets.keys().cloned().collect()
    }

    /// Returns how many multipart uploads stand open in a bucket.
    pub fn open_uploads(&self, bucket: &str) -> usize {
        locked(&self.core.storage).buckets.get(bucket).map_or(0, |bucket| bucket.uploads.len())
    }

    /// Returns what the sandbox's clock says.
    pub fn now(&self) -> Timestamp {
        self.core.clock.now()
    }
}

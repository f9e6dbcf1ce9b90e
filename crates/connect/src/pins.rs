//! Pins: what a bookmark led to when the person first took it, so that a file that is changed behind their back is noticed.
//!
//! A bookmark from somebody else can send data to a stranger: their tenant, their role, their endpoint. What it says is shown
//! and kept at its first use; when the file says something else later, and it was not the person who changed it here, every
//! command warns, and nothing is signed in, renewed or bought where it leads elsewhere, until the change is accepted.

use std::collections::BTreeMap;

use pintail_core::bookmark::Bookmark;
use pintail_core::connection::{Connection, Issuer, StsEndpoint, Way};
use pintail_core::name::{BookmarkName, RoleArn};
use serde::{Deserialize, Serialize};

use crate::state_file::StateFile;
use crate::{Connector, Error};

/// What a bookmark leads to, as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pin {
    /// The bookmark's name then.
    pub name: String,
    /// How the credential is had.
    pub way: String,
    /// Who signs people in: the tenant with its authority, or the issuer.
    pub issuer: String,
    /// The application.
    pub client_id: String,
    /// The AWS accounts of the roles.
    pub accounts: Vec<String>,
    /// Where S3 is.
    pub s3_endpoint: String,
    /// Where STS is.
    pub sts_endpoint: String,
    /// The tenant that the sign-in named, where it was at Entra.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_seen: Option<String>,
    /// The account that the sign-in led to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_seen: Option<String>,
}

/// Changes with which tokens or data would go to somebody else.
const GRAVE: [&str; 4] = ["issuer", "client ID", "S3", "STS"];

/// Something that a bookmark says now and did not say when it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinChange {
    /// What.
    pub what: &'static str,
    /// What it was.
    pub pinned: String,
    /// What it is.
    pub now: String,
}

/// Is told when a bookmark is used that leads elsewhere than it did.
pub trait PinWatch: std::fmt::Debug + Send + Sync {
    /// Called at most once for a bookmark, before anything is asked of a service.
    fn changed(&self, name: &BookmarkName, changes: &[PinChange]);
}

impl Pin {
    /// Puts together what a bookmark leads to.
    pub fn of(name: &BookmarkName, connection: &Connection) -> Self {
        let web = connection.web_identity();
        let mut accounts: Vec<String> = web
            .map(|web| web.roles.as_slice())
            .unwrap_or_default()
            .iter()
            .chain(connection.first_role())
            .chain(connection.wish.second_role.as_ref())
            .map(|role: &RoleArn| role.account().to_string())
            .collect();
        accounts.sort();
        accounts.dedup();
        let issuer = match (web.map(|web| &web.issuer), &connection.way) {
            (Some(Issuer::Entra { tenant, authority: None }), _) => tenant.to_string(),
            (Some(Issuer::Entra { tenant, authority: Some(url) }), _) => format!("{url}{tenant}"),
            (Some(Issuer::Other(address)), _) => address.to_string(),
            (None, Way::IdentityCenter(center)) => center.start_url.to_string(),
            (None, _) => String::new(),
        };
        Self {
            name: name.to_string(),
            way: connection.way.name().to_string(),
            issuer,
            client_id: web.map(|web| web.client_id.to_string()).unwrap_or_default(),
            accounts,
            s3_endpoint: connection.s3_endpoint.as_ref().map_or_else(
                || format!("Amazon S3 ({})", connection.region.partition().name()),
                ToString::to_string,
            ),
            sts_endpoint: match &connection.sts_endpoint {
                StsEndpoint::Custom(url) => url.to_string(),
                _ => format!("AWS STS ({})", connection.region.partition().name()),
            },
            tenant_seen: None,
            account_seen: None,
        }
    }

    /// Returns what differs, in the order of importance.
    pub fn changes_to(&self, now: &Self) -> Vec<PinChange> {
        let accounts = |pin: &Self| pin.accounts.join(", ");
        let pairs = [
            ("way in", self.way.clone(), now.way.clone()),
            ("issuer", self.issuer.clone(), now.issuer.clone()),
            ("client ID", self.client_id.clone(), now.client_id.clone()),
            ("AWS account", accounts(self), accounts(now)),
            ("S3", self.s3_endpoint.clone(), now.s3_endpoint.clone()),
            ("STS", self.sts_endpoint.clone(), now.sts_endpoint.clone()),
        ];
        pairs
            .into_iter()
            .filter(|(_, pinned, now)| pinned != now)
            .map(|(what, pinned, now)| PinChange { what, pinned, now })
            .collect()
    }

    /// Takes over what sign-ins were seen to lead to, as far as they still lead there: the tenant while the issuer is the same,
    /// the account while the roles' accounts are the same as well.
    fn keep_seen(&mut self, old: &Self) {
        if (&self.way, &self.issuer) != (&old.way, &old.issuer) {
            return;
        }
        self.tenant_seen.clone_from(&old.tenant_seen);
        if self.accounts == old.accounts {
            self.account_seen.clone_from(&old.account_seen);
        }
    }
}

impl Connector {
    /// Takes what a bookmark leads to now as what the person wants. What its sign-ins were seen to lead to stays known while
    /// issuer and accounts are the same.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn pin(
        &self,
        name: &BookmarkName,
        bookmark: &Bookmark,
        connection: &Connection,
    ) -> Result<(), Error> {
        self.pins()?;
        let (key, now) = (key_of(name, bookmark), Pin::of(name, connection));
        self.pins_file().change(|pins| {
            if pins.get(&key).is_some_and(|old| old.name == now.name && old.changes_to(&now).is_empty()) {
                return;
            }
            let mut pin = now.clone();
            if let Some(old) = pins.get(&key).or_else(|| pins.values().find(|old| old.name == pin.name)) {
                pin.keep_seen(old);
            }
            // Whatever another file of this name led to is over.
            pins.retain(|_, old| old.name != pin.name);
            pins.insert(key.clone(), pin);
        })
    }

    /// Forgets what a bookmark led to.
    pub(crate) fn forget_pin(&self, name: &BookmarkName) -> Result<(), Error> {
        self.pins()?;
        self.pins_file().change(|pins| pins.retain(|_, pin| pin.name != name.as_str()))
    }

    /// As [`Connector::pin`], for a bookmark of the collection.
    ///
    /// # Errors
    /// When the bookmark cannot be used, or the file cannot be written.
    pub fn pin_bookmark(&self, name: &BookmarkName) -> Result<(), Error> {
        let bookmark = self.bookmarks().load(name)?;
        let connection = self.meaning(name, &bookmark)?;
        self.pin(name, &bookmark, &connection)
    }

    /// Tells how a sign-in leads elsewhere than the sign-ins before it. Nothing is kept.
    ///
    /// An account is no other one where the person chose a role of it, in this run or before.
    ///
    /// # Errors
    /// When the bookmark or the file of pins cannot be read.
    pub fn seen_changes(
        &self,
        name: &BookmarkName,
        tenant: Option<&str>,
        account: Option<&str>,
    ) -> Result<Vec<PinChange>, Error> {
        let bookmark = self.bookmarks().load(name)?;
        let pins = self.pins()?;
        let Some(pin) = find(&pins, name, &bookmark) else { return Ok(Vec::new()) };
        let is_chosen = |account: &str| {
            self.role.is_some()
                || pin.accounts.iter().any(|named| named == account)
                || self
                    .remembered_text(name)
                    .is_some_and(|role| account_of(&role) == Some(account.to_owned()))
        };
        let account = account.filter(|account| !is_chosen(account));
        let seen = [
            ("tenant", pin.tenant_seen.as_deref(), tenant),
            ("AWS account", pin.account_seen.as_deref(), account),
        ];
        let changes = seen.into_iter().filter_map(|(what, pinned, now)| {
            let (pinned, now) = (pinned?, now?);
            (pinned != now).then(|| PinChange { what, pinned: pinned.to_owned(), now: now.to_owned() })
        });
        Ok(changes.collect())
    }

    /// Keeps which tenant and account a sign-in led to: for one that leads where it did, or that the person trusts.
    ///
    /// # Errors
    /// When the bookmark cannot be read, or the file of pins cannot be read or written.
    pub fn pin_seen(
        &self,
        name: &BookmarkName,
        tenant: Option<&str>,
        account: Option<&str>,
    ) -> Result<(), Error> {
        let bookmark = self.bookmarks().load(name)?;
        self.pins()?;
        let (key, connection) = (key_of(name, &bookmark), self.meaning(name, &bookmark)?);
        self.pins_file().change(|pins| {
            let pin = pins.entry(key.clone()).or_insert_with(|| Pin::of(name, &connection));
            pin.tenant_seen = tenant.map(str::to_owned).or_else(|| pin.tenant_seen.take());
            pin.account_seen = account.map(str::to_owned).or_else(|| pin.account_seen.take());
        })
    }

    /// Tells what a bookmark says now and did not say when it was taken; `None` when it was never taken.
    ///
    /// # Errors
    /// When the bookmark cannot be used, or the file of pins cannot be read.
    pub fn pin_changes(&self, name: &BookmarkName) -> Result<Option<Vec<PinChange>>, Error> {
        let bookmark = self.bookmarks().load(name)?;
        let connection = self.meaning(name, &bookmark)?;
        self.changes(name, &bookmark, &connection)
    }

    /// Tells the watcher of this run, once for a bookmark, that it leads elsewhere than it did.
    ///
    /// # Errors
    /// When the file of pins cannot be read: without it nobody could tell.
    pub(crate) fn watch_pins(
        &self,
        name: &BookmarkName,
        bookmark: &Bookmark,
        connection: &Connection,
    ) -> Result<(), Error> {
        let Some(watch) = &self.watch else { return Ok(()) };
        let mut told = self.told.lock().expect("no holder of this lock panics");
        if told.contains(name) {
            return Ok(());
        }
        let changes = self.changes(name, bookmark, connection)?;
        if let Some(changes) = changes.filter(|changes| !changes.is_empty()) {
            told.insert(name.clone());
            watch.changed(name, &changes);
        }
        Ok(())
    }

    /// Refuses to go on where a bookmark leads to others than it did, and where one that nobody took yet would use a sign-in
    /// that is there: an ID token is for the STS that it was bought for.
    pub(crate) fn hold_to_pin(&self, name: &BookmarkName, connection: &Connection) -> Result<(), Error> {
        // Asked for outside the collection, there is nothing that could have changed.
        let Ok(bookmark) = self.bookmarks().load(name) else { return Ok(()) };
        match self.changes(name, &bookmark, connection)? {
            Some(mut changes) => {
                changes.retain(|change| GRAVE.contains(&change.what));
                if changes.is_empty() {
                    return Ok(());
                }
                Err(Error::Elsewhere { name: name.clone(), changes })
            }
            None => match (&connection.way, &connection.sts_endpoint) {
                (Way::WebIdentity(_), StsEndpoint::Custom(url)) => {
                    Err(Error::NotTaken { name: name.clone(), sts: url.to_string() })
                }
                _ => Ok(()),
            },
        }
    }

    /// By name and identifier; a file of the same name with another identifier took the place of the old one.
    fn changes(
        &self,
        name: &BookmarkName,
        bookmark: &Bookmark,
        connection: &Connection,
    ) -> Result<Option<Vec<PinChange>>, Error> {
        let pins = self.pins()?;
        Ok(find(&pins, name, bookmark).map(|pinned| pinned.changes_to(&Pin::of(name, connection))))
    }

    fn pins_file(&self) -> StateFile<BTreeMap<String, Pin>> {
        StateFile::at(&self.environment.folders.state, "pins.json")
    }

    /// A file that is missing pins nothing. One that is damaged is an error: as a first use, a change would go unnoticed.
    pub(crate) fn pins(&self) -> Result<BTreeMap<String, Pin>, Error> {
        self.pins_file().read_whole()
    }
}

fn key_of(name: &BookmarkName, bookmark: &Bookmark) -> String {
    // A copy of a bookmark has the identifier of the first one, and may lead elsewhere.
    format!("{name}/{}", bookmark.text("UUID").unwrap_or_default().to_lowercase())
}

/// Finds by the identifier; a file of the same name with another identifier took the place of the old one.
fn find<'a>(pins: &'a BTreeMap<String, Pin>, name: &BookmarkName, bookmark: &Bookmark) -> Option<&'a Pin> {
    let by_id = pins.get(&key_of(name, bookmark));
    by_id.or_else(|| pins.values().find(|pin| pin.name == name.as_str()))
}

/// Returns the account of a remembered role: an ARN, or `ACCOUNT/NAME` at a portal.
fn account_of(role: &str) -> Option<String> {
    match role.parse::<RoleArn>() {
        Ok(role) => Some(role.account().to_string()),
        Err(_) => role.split_once('/').map(|(account, _)| account.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use pintail_core::connection::property;

    use super::*;
    use crate::{Edit, Environment, Settings};

    #[test]
    fn a_file_changed_behind_ones_back_is_noticed_and_an_edit_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let connector = Connector::new(Environment::in_folder(folder.path()));
        let work: BookmarkName = "work".parse().unwrap();
        let settings = Settings {
            custom: vec![
                (property::TENANT, "contoso.com".into()),
                (property::CLIENT_ID, "11111111-2222-3333-4444-555555555555".into()),
                (property::ROLE, "arn:aws:iam::123456789012:role/R".into()),
            ],
            ..Settings::default()
        };
        connector.add_bookmark(&work, &settings, false).unwrap();
        let what = |connector: &Connector| -> Vec<&'static str> {
            connector.pin_changes(&work).unwrap().unwrap().iter().map(|change| change.what).collect()
        };
        assert!(what(&connector).is_empty());
        let mut file = connector.bookmarks().load(&work).unwrap();
        file.set_custom(property::ROLE, Some("arn:aws:iam::999999999999:role/R"));
        file.set_custom(property::S3_ENDPOINT, Some("https://s3.example.org/"));
        connector.bookmarks().save(&work, &file).unwrap();
        assert_eq!(what(&connector), ["AWS account", "S3"]);
        let held = |name: &BookmarkName| {
            let connection = connector.connection(name).unwrap();
            connector.hold_to_pin(name, &connection)
        };
        assert!(matches!(held(&work), Err(Error::Elsewhere { changes, .. }) if changes.len() == 1));
        // Another identifier does not help.
        file.set("UUID", "00000000-0000-4000-8000-000000000000");
        connector.bookmarks().save(&work, &file).unwrap();
        assert_eq!(what(&connector), ["AWS account", "S3"]);
        connector.edit_bookmark(&work, &Edit::default(), None).unwrap();
        assert!(what(&connector).is_empty(), "an edit of one's own is meant");
        assert!(held(&work).is_ok());
        // A copy beside it that leads to another STS is one of its own, and nobody took it.
        file.set_custom(property::STS_ENDPOINT, Some("https://sts.example.org/"));
        let copy: BookmarkName = "copy".parse().unwrap();
        connector.bookmarks().save(&copy, &file).unwrap();
        assert!(matches!(held(&copy), Err(Error::NotTaken { .. })));
        connector.pin_bookmark(&copy).unwrap();
        assert!(held(&copy).is_ok() && held(&work).is_ok());
    }

    fn without_roles(folder: &std::path::Path) -> (Connector, BookmarkName) {
        let connector = Connector::new(Environment::in_folder(folder));
        let work: BookmarkName = "work".parse().unwrap();
        let settings = Settings {
            custom: vec![
                (property::TENANT, "contoso.com".into()),
                (property::CLIENT_ID, "11111111-2222-3333-4444-555555555555".into()),
            ],
            ..Settings::default()
        };
        connector.add_bookmark(&work, &settings, false).unwrap();
        (connector, work)
    }

    #[test]
    fn a_sign_in_that_leads_elsewhere_is_told_and_kept_only_when_it_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let (connector, work) = without_roles(folder.path());
        let (one, two) = (Some("111111111111"), Some("222222222222"));
        let what = |tenant, account| -> Vec<&'static str> {
            let changes = connector.seen_changes(&work, tenant, account).unwrap();
            changes.iter().map(|change| change.what).collect()
        };
        assert!(what(Some("t1"), one).is_empty(), "nothing was seen yet");
        connector.pin_seen(&work, Some("t1"), one).unwrap();
        assert_eq!(what(Some("t2"), two), ["tenant", "AWS account"]);
        assert_eq!(what(Some("t2"), two), ["tenant", "AWS account"], "asking keeps nothing");
        assert!(what(None, None).is_empty(), "what is not known is not another one");
        connector.remember_role(&work, &"arn:aws:iam::222222222222:role/R".parse().unwrap()).unwrap();
        assert!(what(Some("t1"), two).is_empty(), "a role that the person chose");
        connector.pin_seen(&work, Some("t2"), two).unwrap();
        assert!(what(Some("t2"), two).is_empty());
    }

    #[test]
    fn an_edit_keeps_what_was_seen_while_issuer_and_accounts_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (connector, work) = without_roles(folder.path());
        connector.pin_seen(&work, Some("t1"), Some("111111111111")).unwrap();
        let edit = |key: &str, value: &str| {
            let edit = Edit { set: vec![(key.to_owned(), value.to_owned())], ..Edit::default() };
            connector.edit_bookmark(&work, &edit, None).unwrap();
            let pins = connector.pins().unwrap();
            let pin = pins.values().next().unwrap();
            (pin.tenant_seen.clone(), pin.account_seen.clone())
        };
        let (tenant, account) = (Some("t1".to_owned()), Some("111111111111".to_owned()));
        assert_eq!(edit(property::S3_ENDPOINT, "https://s3.example.org/"), (tenant.clone(), account));
        assert_eq!(edit(property::ROLE, "arn:aws:iam::222222222222:role/R"), (tenant, None));
        assert_eq!(edit(property::TENANT, "fabrikam.com"), (None, None));
    }

    #[test]
    fn a_damaged_file_is_no_first_use() {
        let folder = tempfile::tempdir().unwrap();
        let (connector, work) = without_roles(folder.path());
        std::fs::write(connector.pins_file().path(), "{").unwrap();
        for failed in [
            connector.pin_changes(&work).map(drop),
            connector.pin_bookmark(&work),
            connector.pin_seen(&work, None, None),
            connector.forget_bookmark(&work),
        ] {
            assert!(matches!(failed, Err(Error::DamagedPins { .. })), "{failed:?}");
        }
        assert_eq!(connector.bookmarks().names().unwrap(), [work], "and nothing was removed");
        assert_eq!(std::fs::read_to_string(connector.pins_file().path()).unwrap(), "{");
    }
}

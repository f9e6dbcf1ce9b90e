//! Pins: what a bookmark led to when the person first took it, so that a file that is changed behind their back is noticed.
//!
//! A bookmark from somebody else can send data to a stranger: their tenant, their role, their endpoint. What it says is shown
//! and kept at its first use; when the file says something else later, and it was not the person who changed it here, every
//! command warns and a sign-in is refused until the change is accepted.

use std::collections::BTreeMap;

use pintail_core::bookmark::Bookmark;
use pintail_core::connection::{Connection, Issuer, StsEndpoint, Way};
use pintail_core::name::{AccountId, BookmarkName, RoleArn};
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
}

impl Connector {
    /// Takes what a bookmark leads to now as what the person wants.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn pin(
        &self,
        name: &BookmarkName,
        bookmark: &Bookmark,
        connection: &Connection,
    ) -> Result<(), Error> {
        let (key, pin) = (key_of(name, bookmark), Pin::of(name, connection));
        self.pins().change(|pins| {
            if pins.get(&key).is_some_and(|old| old.name == pin.name && old.changes_to(&pin).is_empty()) {
                return;
            }
            // Whatever another file of this name led to is over.
            pins.retain(|_, old| old.name != pin.name);
            pins.insert(key.clone(), pin.clone());
        })
    }

    /// Forgets what a bookmark led to.
    pub(crate) fn forget_pin(&self, name: &BookmarkName) -> Result<(), Error> {
        self.pins().change(|pins| pins.retain(|_, pin| pin.name != name.as_str()))
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

    /// Keeps which tenant and account a sign-in led to, and returns what differs from the last time.
    ///
    /// # Errors
    /// When the bookmark cannot be read, or the file cannot be written.
    pub fn pin_seen(
        &self,
        name: &BookmarkName,
        tenant: Option<&str>,
        account: &AccountId,
    ) -> Result<Vec<PinChange>, Error> {
        let bookmark = self.bookmarks().load(name)?;
        let connection = self.meaning(name, &bookmark)?;
        self.pins().change(|pins| {
            let pin = || Pin::of(name, &connection);
            let entry = pins.entry(key_of(name, &bookmark)).or_insert_with(pin);
            let mut changes = Vec::new();
            if let (Some(pinned), Some(now)) = (&entry.tenant_seen, tenant)
                && pinned != now
            {
                changes.push(PinChange { what: "tenant", pinned: pinned.clone(), now: now.to_owned() });
            }
            entry.tenant_seen = tenant.map(str::to_owned).or_else(|| entry.tenant_seen.take());
            entry.account_seen = Some(account.to_string());
            changes
        })
    }

    /// Tells what a bookmark says now and did not say when it was taken; `None` when it was never taken.
    ///
    /// # Errors
    /// When the bookmark cannot be used.
    pub fn pin_changes(&self, name: &BookmarkName) -> Result<Option<Vec<PinChange>>, Error> {
        let bookmark = self.bookmarks().load(name)?;
        let connection = self.meaning(name, &bookmark)?;
        Ok(self.changes(name, &bookmark, &connection))
    }

    /// Tells the watcher of this run, once for a bookmark, that it leads elsewhere than it did.
    pub(crate) fn watch_pins(&self, name: &BookmarkName, bookmark: &Bookmark, connection: &Connection) {
        let Some(watch) = &self.watch else { return };
        let mut told = self.told.lock().expect("no holder of this lock panics");
        if told.contains(name) {
            return;
        }
        if let Some(changes) = self.changes(name, bookmark, connection).filter(|changes| !changes.is_empty())
        {
            told.insert(name.clone());
            watch.changed(name, &changes);
        }
    }

    /// By the identifier; a file of the same name with another identifier took the place of the old one.
    fn changes(
        &self,
        name: &BookmarkName,
        bookmark: &Bookmark,
        connection: &Connection,
    ) -> Option<Vec<PinChange>> {
        let pins = self.pins().read();
        let pinned = pins.get(&key_of(name, bookmark));
        let pinned = pinned.or_else(|| pins.values().find(|pin| pin.name == name.as_str()))?;
        Some(pinned.changes_to(&Pin::of(name, connection)))
    }

    /// A file that is missing or damaged pins nothing: the next use is a first use, and says so.
    fn pins(&self) -> StateFile<BTreeMap<String, Pin>> {
        StateFile::at(&self.environment.folders.state, "pins.json")
    }
}

fn key_of(name: &BookmarkName, bookmark: &Bookmark) -> String {
    bookmark.text("UUID").map_or_else(|| format!("name:{name}"), |uuid| uuid.to_lowercase())
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
        // Another identifier does not help.
        file.set("UUID", "00000000-0000-4000-8000-000000000000");
        connector.bookmarks().save(&work, &file).unwrap();
        assert_eq!(what(&connector), ["AWS account", "S3"]);
        connector.edit_bookmark(&work, &Edit::default(), None).unwrap();
        assert!(what(&connector).is_empty(), "an edit of one's own is meant");
        let account = "123456789012".parse().unwrap();
        assert!(connector.pin_seen(&work, Some("t1"), &account).unwrap().is_empty());
        let seen = connector.pin_seen(&work, Some("t2"), &account).unwrap();
        assert_eq!(seen[0].what, "tenant");
    }
}

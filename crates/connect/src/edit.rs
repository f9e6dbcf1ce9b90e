//! Changing a bookmark: only what is said changes, and everything else keeps its value and its place in the file.

use pintail_core::bookmark::Bookmark;
use pintail_core::connection::{Connection, Way, property};
use pintail_core::name::BookmarkName;
use pintail_core::setting;

use crate::bookmarks::{ANONYMOUS, Settings, complete};
use crate::{Connector, Error};

/// What to change in a bookmark.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// What `bookmark add` can be told as well.
    pub settings: Settings,
    /// Whether nothing may be written.
    pub read_only: Option<bool>,
    /// Keys or properties to remove.
    pub unset: Vec<String>,
    /// Keys or properties to set.
    pub set: Vec<(String, String)>,
    /// Labels to add.
    pub labels: Vec<String>,
    /// Labels to take away.
    pub without_labels: Vec<String>,
}

/// Keys of a bookmark that stand beside `Custom` and are texts that a person may set.
const TOP: [&str; 17] = [
    "Provider",
    "Hostname",
    "Port",
    "Username",
    "Path",
    "Comment",
    "Web URL",
    "Encoding",
    "Timezone",
    "Region",
    "Readonly",
    "Volume",
    "Download Folder",
    "Client Certificate",
    "Transfer Connection",
    "CDN Credentials",
    "Access Timestamp",
];

/// Keys that make the bookmark what it is.
const FIXED: [&str; 7] =
    ["Protocol", "Nickname", "UUID", "Labels", "Custom", "Workdir", "Workdir Dictionary"];

impl Edit {
    /// Makes the changes. What is not named keeps its value and its place.
    ///
    /// # Errors
    /// When a key cannot be changed this way, or a value is not one that the property takes.
    pub fn apply(&self, bookmark: &mut Bookmark) -> Result<(), Error> {
        for key in &self.unset {
            set_key(bookmark, key, None)?;
        }
        for (key, value) in &self.settings.custom {
            set_property(bookmark, key, Some(value));
        }
        for (key, value) in [("Username", &self.settings.username), ("Path", &self.settings.path)] {
            if let Some(value) = value {
                bookmark.set(key, value);
            }
        }
        match self.read_only {
            Some(true) => bookmark.set("Readonly", "true"),
            Some(false) => bookmark.remove("Readonly"),
            None => {}
        }
        for (key, value) in &self.set {
            set_key(bookmark, key, Some(value))?;
        }
        if !self.labels.is_empty() || !self.without_labels.is_empty() {
            let mut labels = bookmark.labels();
            labels.retain(|label| !self.without_labels.contains(label));
            for label in &self.labels {
                if !labels.contains(label) {
                    labels.push(label.clone());
                }
            }
            bookmark.set_labels(&labels);
        }
        Ok(())
    }
}

fn set_key(bookmark: &mut Bookmark, key: &str, value: Option<&str>) -> Result<(), Error> {
    if key.is_empty() || FIXED.contains(&key) {
        return Err(Error::FixedKey(key.to_owned()));
    }
    if TOP.contains(&key) {
        match value {
            Some(value) => bookmark.set(key, value),
            None => bookmark.remove(key),
        }
        return Ok(());
    }
    if let (Some(setting), Some(value)) = (setting::find(key), value) {
        setting.check(value).map_err(Error::Setting)?;
    }
    set_property(bookmark, key, value);
    Ok(())
}

/// Sets a property. Tenant and issuer stand for each other: the one that is set takes the other's place.
fn set_property(bookmark: &mut Bookmark, key: &str, value: Option<&str>) {
    if value.is_some() {
        let other: &[&str] = match key {
            property::TENANT => &[property::ISSUER],
            property::ISSUER => &[property::TENANT, property::AUTHORITY],
            _ => &[],
        };
        for other in other {
            bookmark.set_custom(other, None);
        }
    }
    if key == property::S3_ENDPOINT {
        // The host that the old endpoint left behind would be read as a place of its own; `complete` writes the new one.
        for key in ["Hostname", "Port"] {
            if bookmark.text(key).is_some() {
                bookmark.set(key, "");
            }
        }
    }
    bookmark.set_custom(key, value);
}

fn is_anonymous(bookmark: &Bookmark) -> bool {
    bookmark.text("Username").as_deref() == Some(ANONYMOUS)
}

impl Connector {
    /// Changes a bookmark, checked as a whole before anything is written, and gives it another name where one is told.
    /// The choice of a role and the person's default go with it; what it leads to is taken as intended.
    ///
    /// # Errors
    /// When there is no such bookmark, the new name is taken, or the bookmark would not say enough or something impossible.
    pub fn edit_bookmark(
        &self,
        name: &BookmarkName,
        edit: &Edit,
        new_name: Option<&BookmarkName>,
    ) -> Result<Connection, Error> {
        let bookmarks = self.bookmarks();
        let mut bookmark = bookmarks.load(name)?;
        let endpoint = bookmark.custom(property::S3_ENDPOINT);
        let was_anonymous = is_anonymous(&bookmark) && edit.settings.username.is_none();
        edit.apply(&mut bookmark)?;
        let target = new_name.unwrap_or(name);
        if target != name {
            if bookmarks.file(target).exists() {
                return Err(Error::BookmarkExists(target.clone()));
            }
            bookmark.set("Nickname", target.as_str());
        }
        let mut connection = self.meaning(target, &bookmark)?;
        if was_anonymous && connection.way != Way::Anonymous && is_anonymous(&bookmark) {
            // The name said that there is no credential, and is nobody's account.
            bookmark.remove("Username");
            connection = self.meaning(target, &bookmark)?;
        }
        if bookmark.custom(property::S3_ENDPOINT) != endpoint {
            complete(&mut bookmark, &connection);
        }
        bookmarks.save(target, &bookmark)?;
        if target != name {
            bookmarks.remove(name)?;
            self.forget_pin(name)?;
            self.rename_role(name, target)?;
            if self.preferred_bookmark()?.as_ref() == Some(name) {
                self.prefer_bookmark(Some(target))?;
            }
        }
        self.pin(target, &bookmark, &connection)?;
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Environment;

    fn home() -> (tempfile::TempDir, Connector, BookmarkName) {
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
        (folder, connector, work)
    }

    fn texts(bookmark: &Bookmark) -> Vec<(String, String)> {
        let mut all: Vec<_> =
            bookmark.entries().map(|(key, value)| (key.to_owned(), format!("{value:?}"))).collect();
        all.retain(|(key, _)| key != "Custom");
        all.extend(bookmark.customs());
        all
    }

    proptest! {
        #[test]
        fn only_what_is_named_changes(
            before in prop::collection::vec(("[a-z][a-z.]{0,6}", "[a-z]{1,5}"), 0..6),
            path in prop::option::of("/[a-z]{3,6}"),
            set in prop::collection::vec(("x[a-z.]{0,4}", "[a-z]{1,5}"), 0..3),
            unset in prop::collection::vec("[a-z][a-z.]{0,2}", 0..3),
        ) {
            let mut bookmark = Bookmark::new(&"work".parse().unwrap(), "u");
            bookmark.set("Volume", "/mnt");
            bookmark.set_labels(&["a".to_owned()]);
            for (key, value) in &before {
                bookmark.set_custom(key, Some(value));
            }
            let old = texts(&bookmark);
            let edit = Edit {
                settings: Settings { path: path.clone(), ..Settings::default() },
                set: set.clone(),
                unset: unset.clone(),
                ..Edit::default()
            };
            edit.apply(&mut bookmark).unwrap();
            let new = texts(&bookmark);
            let named = |key: &str| {
                key == "Path" || set.iter().any(|(name, _)| name == key) || unset.iter().any(|name| name == key)
            };
            let kept = |all: &[(String, String)]| -> Vec<(String, String)> {
                all.iter().filter(|(key, _)| !named(key)).cloned().collect()
            };
            prop_assert_eq!(kept(&old), kept(&new));
        }
    }

    #[test]
    fn a_bookmark_changes_its_name_with_all_that_hangs_on_it() {
        let (_folder, connector, work) = &home();
        let other: BookmarkName = "other".parse().unwrap();
        let role = "arn:aws:iam::123456789012:role/R".parse().unwrap();
        connector.remember_role(work, &role).unwrap();
        connector.prefer_bookmark(Some(work)).unwrap();
        connector.edit_bookmark(work, &Edit::default(), Some(&other)).unwrap();
        assert_eq!(connector.bookmarks().names().unwrap(), vec![other.clone()]);
        assert_eq!(connector.bookmarks().load(&other).unwrap().text("Nickname").as_deref(), Some("other"));
        assert_eq!(connector.preferred_bookmark().unwrap(), Some(other.clone()));
        connector
            .add_bookmark(
                work,
                &Settings {
                    custom: vec![
                        (property::TENANT, "contoso.com".into()),
                        (property::CLIENT_ID, "11111111-2222-3333-4444-555555555555".into()),
                    ],
                    ..Settings::default()
                },
                false,
            )
            .unwrap();
        let taken = connector.edit_bookmark(&other, &Edit::default(), Some(work));
        assert!(matches!(taken, Err(Error::BookmarkExists(_))));
    }

    #[test]
    fn an_endpoint_that_goes_takes_its_host_with_it() {
        let (_folder, connector, work) = &home();
        let at =
            |url: &str| Edit { set: vec![(property::S3_ENDPOINT.into(), url.into())], ..Edit::default() };
        connector.edit_bookmark(work, &at("http://127.0.0.1:9000/"), None).unwrap();
        assert_eq!(connector.bookmarks().load(work).unwrap().text("Hostname").as_deref(), Some("127.0.0.1"));
        let without = Edit { unset: vec![property::S3_ENDPOINT.into()], ..Edit::default() };
        let connection = connector.edit_bookmark(work, &without, None).unwrap();
        assert_eq!(connection.s3_endpoint, None);
        assert_eq!(
            connector.bookmarks().load(work).unwrap().text("Hostname").as_deref(),
            Some("s3.amazonaws.com")
        );
    }

    #[test]
    fn the_name_of_nobody_goes_with_anonymous_access() {
        let (_folder, connector, _) = &home();
        let public: BookmarkName = "public".parse().unwrap();
        let custom = vec![(property::WAY, "anonymous".into())];
        connector.add_bookmark(&public, &Settings { custom, ..Settings::default() }, false).unwrap();
        let set = vec![(property::WAY.into(), "instance-metadata".into())];
        connector.edit_bookmark(&public, &Edit { set, ..Edit::default() }, None).unwrap();
        assert_eq!(connector.bookmarks().load(&public).unwrap().text("Username"), None);
    }

    #[test]
    fn what_cannot_be_set_is_refused_and_nothing_is_written() {
        let (_folder, connector, work) = &home();
        let before = connector.bookmarks().load(work).unwrap();
        for (key, value) in [("UUID", "x"), (property::ROLE, "S3Reader"), ("", "x")] {
            let edit = Edit { set: vec![(key.into(), value.into())], ..Edit::default() };
            assert!(connector.edit_bookmark(work, &edit, None).is_err(), "{key}");
        }
        let unset = Edit { unset: vec![property::CLIENT_ID.into()], ..Edit::default() };
        let _ = connector.edit_bookmark(work, &unset, None);
        let tenant =
            Edit { unset: vec![property::TENANT.into(), property::CLIENT_ID.into()], ..Edit::default() };
        assert!(connector.edit_bookmark(work, &tenant, None).is_err());
        let _ = before;
    }
}

//! The collection of bookmarks: one `.duck` file each, in the configuration folder.

use std::fs;
use std::path::{Path, PathBuf};

use pintail_core::bookmark::Bookmark;
use pintail_core::connection::{Connection, Issuer, Way, property};
use pintail_core::name::{BookmarkName, NameError};
use pintail_core::seam::Random;

use crate::{Connector, Error};

/// The user name that means access without a credential, to Cyberduck as well.
pub(crate) const ANONYMOUS: &str = "anonymous";

/// What `bookmark add` was told, as texts: they are judged together with what stands in the bookmark already.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Values for the `Custom` dictionary, by property name.
    pub custom: Vec<(&'static str, String)>,
    /// The account to offer at sign-in.
    pub username: Option<String>,
    /// The place to start in.
    pub path: Option<String>,
    /// The session may only read.
    pub read_only: bool,
}

/// The bookmarks of one folder.
#[derive(Clone, Debug)]
pub struct Bookmarks {
    folder: PathBuf,
}

impl Bookmarks {
    /// Looks at the bookmarks under a configuration folder. Nothing is read or made yet.
    #[must_use]
    pub fn at(config: &Path) -> Self {
        Self { folder: config.join("bookmarks") }
    }

    /// Returns the names of all bookmarks, sorted.
    ///
    /// # Errors
    /// When the folder of bookmarks cannot be read.
    pub fn names(&self) -> Result<Vec<BookmarkName>, Error> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::local("read", &self.folder, error)),
        };
        let mut names: Vec<BookmarkName> = entries
            .filter_map(Result::ok)
            .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".duck")?.parse().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Reads one bookmark.
    ///
    /// # Errors
    /// When there is none of that name, or its file cannot be read.
    pub fn load(&self, name: &BookmarkName) -> Result<Bookmark, Error> {
        let path = self.file(name);
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NoBookmark { name: name.clone(), known: self.names()? });
            }
            Err(error) => return Err(Error::local("read", &path, error)),
        };
        Bookmark::read(&file).map_err(|source| Error::Bookmark { path, source })
    }

    /// Decides which bookmark is meant when none is named: the one that was chosen, or the only one there is.
    ///
    /// # Errors
    /// When the one chosen is no name, and when none is chosen and there is not exactly one.
    pub fn default(&self, chosen: Option<&str>) -> Result<BookmarkName, Error> {
        if let Some(chosen) = chosen {
            return chosen.parse().map_err(|e: NameError| Error::Name(e));
        }
        let mut names = self.names()?;
        match names.len() {
            1 => Ok(names.remove(0)),
            _ => Err(Error::WhichBookmark { known: names }),
        }
    }

    /// Puts a bookmark together from settings, without writing anything. An existing one is replaced only when `replace` says so.
    ///
    /// # Errors
    /// When there is one of that name and it is not to be replaced.
    pub fn draft(
        &self,
        name: &BookmarkName,
        settings: &Settings,
        replace: bool,
        random: &dyn Random,
    ) -> Result<Bookmark, Error> {
        let exists = self.file(name).exists();
        if exists && !replace {
            return Err(Error::BookmarkExists(name.clone()));
        }
        // What other programs keep in the file, its identifier and the order of all survive a replacement.
        let mut bookmark = match self.load(name) {
            Ok(bookmark) => cleared(bookmark),
            Err(_) => Bookmark::new(name, &uuid(random)),
        };
        for (key, value) in &settings.custom {
            bookmark.set_custom(key, Some(value));
        }
        if let Some(username) = &settings.username {
            bookmark.set("Username", username);
        }
        if let Some(path) = &settings.path {
            bookmark.set("Path", path);
        }
        if settings.read_only {
            bookmark.set("Readonly", "true");
        }
        Ok(bookmark)
    }

    /// Writes a bookmark in the place of one of the same name.
    ///
    /// # Errors
    /// When a text in it cannot be written, or the file cannot.
    pub fn save(&self, name: &BookmarkName, bookmark: &Bookmark) -> Result<(), Error> {
        let path = self.file(name);
        let file = bookmark.write().map_err(|source| Error::Bookmark { path: path.clone(), source })?;
        crate::file::replace(&path, &file)
    }

    /// Removes a bookmark's file.
    ///
    /// # Errors
    /// When there is none of that name, or its file cannot be removed.
    pub fn remove(&self, name: &BookmarkName) -> Result<(), Error> {
        let path = self.file(name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::NoBookmark { name: name.clone(), known: self.names()? })
            }
            Err(error) => Err(Error::local("remove", &path, error)),
        }
    }

    /// Returns the file of a bookmark, whether it exists or not.
    #[must_use]
    pub fn file(&self, name: &BookmarkName) -> PathBuf {
        self.folder.join(format!("{name}.duck"))
    }
}

/// Takes everything out of a bookmark that `add` may set.
fn cleared(mut bookmark: Bookmark) -> Bookmark {
    for key in property::ALL {
        bookmark.set_custom(key, None);
    }
    for key in ["Username", "Path", "Readonly", "Region"] {
        bookmark.remove(key);
    }
    bookmark
}

impl Connector {
    /// Adds a bookmark, checked as a whole before anything is written. An existing one is replaced only when `replace` says so.
    ///
    /// # Errors
    /// When it does not say enough or says something impossible, when there is one and it is not to be replaced, and when it
    /// cannot be written.
    pub fn add_bookmark(
        &self,
        name: &BookmarkName,
        settings: &Settings,
        replace: bool,
    ) -> Result<Connection, Error> {
        let mut bookmark = self.bookmarks().draft(name, settings, replace, self.random())?;
        self.add_drafted(name, &mut bookmark)
    }

    /// Writes into a draft what other programs need to read it, and tells what it means.
    ///
    /// # Errors
    /// When it does not say enough or says something impossible.
    pub fn finish_draft(&self, name: &BookmarkName, bookmark: &mut Bookmark) -> Result<Connection, Error> {
        let is_web = [property::TENANT, property::ISSUER].iter().any(|key| bookmark.custom(key).is_some());
        if is_web && bookmark.custom(property::REDIRECT).is_none() {
            // Said outright: what a profile would say is the redirect address of another program.
            bookmark.set_custom(property::REDIRECT, Some("http://localhost/"));
        }
        let connection = self.meaning(name, bookmark)?;
        complete(bookmark, &connection);
        Ok(connection)
    }

    /// Removes a bookmark with what is remembered of it: its role, what it led to, and that it is the default.
    ///
    /// # Errors
    /// When there is no such bookmark, or a file cannot be written.
    pub fn forget_bookmark(&self, name: &BookmarkName) -> Result<(), Error> {
        // Known before anything goes.
        self.pins()?;
        self.bookmarks().remove(name)?;
        self.forget_role(name)?;
        self.forget_pin(name)?;
        // Preferences that cannot be read do not hold up a removal.
        if self.preferred_bookmark().ok().flatten().as_ref() == Some(name) {
            self.prefer_bookmark(None)?;
        }
        Ok(())
    }

    /// Adds a bookmark that was put together elsewhere, as it stands, with what other programs need to read it.
    ///
    /// # Errors
    /// As [`Connector::add_bookmark`].
    pub fn add_drafted(&self, name: &BookmarkName, bookmark: &mut Bookmark) -> Result<Connection, Error> {
        let connection = self.finish_draft(name, bookmark)?;
        self.bookmarks().save(name, bookmark)?;
        self.pin(name, bookmark, &connection)?;
        Ok(connection)
    }
}

/// Fills in what Cyberduck and Mountain Duck need to read the bookmark: vendor, host and port.
pub(crate) fn complete(bookmark: &mut Bookmark, connection: &Connection) {
    if bookmark.text("Provider").is_none() {
        if let Some(vendor) = vendor(&connection.way) {
            bookmark.set("Provider", vendor);
        }
        if connection.way == Way::Anonymous {
            // The protocol itself with this user name: other programs show the bookmark without a profile of ours.
            bookmark.set("Username", ANONYMOUS);
        }
    }
    let (host, port) = match &connection.s3_endpoint {
        Some(url) => {
            (url.host_str().unwrap_or_default().to_owned(), url.port_or_known_default().unwrap_or(443))
        }
        None => (format!("s3.{}", connection.region.partition().dns_suffix()), 443),
    };
    bookmark.set("Hostname", &host);
    bookmark.set("Port", &port.to_string());
    // The region of an AWS profile is its own unless the bookmark says another.
    let by_profile = matches!(connection.way, Way::AwsProfile { .. }) && !connection.region_said;
    if bookmark.custom(property::REGION).is_none() && !by_profile {
        bookmark.set("Region", connection.region.as_str());
    }
}

/// Returns the profile that a bookmark of this way has where it names none; for keys and without any that is the protocol
/// itself. Only Pintail has those that begin with `pintail-`: for other programs they go along in an export.
fn vendor(way: &Way) -> Option<&'static str> {
    match way {
        Way::WebIdentity(web) => Some(match web.issuer {
            Issuer::Entra { .. } => "aws-s3-sts-entra-oidc",
            Issuer::Other(_) => "pintail-oidc",
        }),
        Way::Keys(_) | Way::Anonymous => None,
        Way::AwsProfile { .. } => Some("s3-cli"),
        Way::InstanceMetadata { .. } => Some("s3-role"),
        Way::ContainerMetadata { .. } => Some("pintail-container"),
        Way::AssumeRole { .. } => Some("aws-s3-sts-assumerole"),
        Way::SessionToken { .. } => Some("aws-s3-getsessiontoken"),
        Way::IdentityCenter(_) => Some("pintail-identity-center"),
    }
}

/// Makes an identifier of random bits (RFC 9562, version 4).
pub(crate) fn uuid(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use pintail_core::seam::SeededRandom;

    use super::*;
    use crate::Environment;

    fn settings() -> Settings {
        Settings {
            custom: vec![
                (property::TENANT, "contoso.com".into()),
                (property::CLIENT_ID, "11111111-2222-3333-4444-555555555555".into()),
                (property::ROLE, "arn:aws:iam::123456789012:role/R".into()),
            ],
            ..Settings::default()
        }
    }

    struct Home {
        _folder: tempfile::TempDir,
        connector: Connector,
        work: BookmarkName,
    }

    impl Home {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let connector = Connector::new(Environment::in_folder(folder.path()));
            Self { _folder: folder, connector, work: "work".parse().unwrap() }
        }
    }

    #[test]
    fn a_bookmark_is_added_found_and_removed() {
        let Home { connector, work, .. } = &Home::new();
        let bookmarks = connector.bookmarks();
        assert!(matches!(bookmarks.default(None), Err(Error::WhichBookmark { known }) if known.is_empty()));
        connector.add_bookmark(work, &settings(), false).unwrap();
        assert_eq!(bookmarks.default(None).unwrap(), *work);
        assert_eq!(bookmarks.load(work).unwrap().text("Hostname").as_deref(), Some("s3.amazonaws.com"));
        let again = connector.add_bookmark(work, &settings(), false);
        assert!(matches!(again, Err(Error::BookmarkExists(_))));
        bookmarks.remove(work).unwrap();
        assert!(matches!(bookmarks.load(work), Err(Error::NoBookmark { .. })));
    }

    #[test]
    fn anonymous_access_is_written_as_every_program_reads_it() {
        let Home { connector, work, .. } = &Home::new();
        let settings = Settings { custom: vec![(property::WAY, "anonymous".into())], ..Settings::default() };
        connector.add_bookmark(work, &settings, false).unwrap();
        let mut bookmark = connector.bookmarks().load(work).unwrap();
        assert_eq!((bookmark.text("Provider"), bookmark.text("Username")), (None, Some(ANONYMOUS.into())));
        bookmark.set_custom(property::WAY, None);
        assert_eq!(connector.meaning(work, &bookmark).unwrap().way, Way::Anonymous);
    }

    #[test]
    fn a_replacement_keeps_what_is_not_ours() {
        let Home { connector, work, .. } = &Home::new();
        let bookmarks = connector.bookmarks();
        let narrow = Settings { read_only: true, ..settings() };
        connector.add_bookmark(work, &narrow, false).unwrap();
        let mut file = bookmarks.load(work).unwrap();
        file.set("Volume", "/mnt/x");
        file.set_custom("unheard.of", Some("kept"));
        bookmarks.save(work, &file).unwrap();
        let connection = connector.add_bookmark(work, &settings(), true).unwrap();
        let replaced = bookmarks.load(work).unwrap();
        assert!(!connection.read_only, "what was set before and not now is gone");
        assert_eq!(replaced.text("Volume").as_deref(), Some("/mnt/x"));
        assert_eq!(replaced.custom("unheard.of").as_deref(), Some("kept"));
        assert_eq!(replaced.text("UUID"), file.text("UUID"));
    }

    #[test]
    fn nothing_is_written_when_a_value_is_wrong() {
        let Home { connector, work, .. } = &Home::new();
        let mut wrong = settings();
        wrong.custom[2].1 = "S3Reader".into();
        let error = connector.add_bookmark(work, &wrong, false);
        assert!(matches!(error, Err(Error::Connection { .. })));
        assert!(connector.bookmarks().names().unwrap().is_empty());
        assert!(!connector.environment().folders.config.exists());
    }

    #[test]
    fn identifiers_have_version_and_variant() {
        let id = uuid(&SeededRandom::new(3));
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]));
    }
}

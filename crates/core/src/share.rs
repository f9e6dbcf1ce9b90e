//! Bookmarks and profiles that go from one person to another: what such a file is, and what must not be in it.
//!
//! One bookmark is shared as a plain `.duck`, which Cyberduck opens as well. Several, or one with its profile, are a
//! [`Bundle`]: a property list with arrays of both. [`shareable`] keeps only what is known to be neither secret, nor
//! personal, nor of one machine; a key that nobody knows could be any of them, so it is left out and named.

use crate::bookmark::{Bookmark, BookmarkError};
use crate::connection::property;
use crate::name::BookmarkName;
use crate::profile::{Profile, ProfileError};
use crate::property_list::{self, Dictionary, PropertyListError, Value};
use crate::setting;

/// The largest shared file that is read, in bytes.
pub const FILE_SIZE_MAX: usize = 4 << 20;

/// The most bookmarks and profiles that one file may bring, each.
pub const ITEMS_MAX: usize = 100;

/// The key that tells a bundle from other property lists; its value is the version.
const VERSION_KEY: &str = "Pintail Bundle";
const VERSION: &str = "1";

/// Several bookmarks and profiles in one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle {
    /// The bookmarks.
    pub bookmarks: Vec<Bookmark>,
    /// The profiles.
    pub profiles: Vec<Profile>,
}

/// Why a file brings nothing.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// It is no property list.
    #[error("this is no bookmark, no bundle and no connection profile")]
    NotAPropertyList(#[source] PropertyListError),
    /// It cannot be written.
    #[error("the bundle cannot be written as a property list")]
    NotWritable(#[source] PropertyListError),
    /// A bookmark cannot be read or written.
    #[error("the bookmark in it cannot be used")]
    Bookmark(#[source] BookmarkError),
    /// A profile cannot be read or written.
    #[error("the connection profile in it cannot be used")]
    Profile(#[source] ProfileError),
    /// A newer program made it.
    #[error("the bundle has version {0:?}; this program reads version {VERSION}")]
    Version(String),
    /// It brings nothing, or far too much.
    #[error("the file brings {0} bookmarks and profiles; 1 to {ITEMS_MAX} of each can be read")]
    Count(usize),
}

impl Bundle {
    /// Reads what somebody shared: a bundle, one bookmark, or one connection profile.
    ///
    /// # Errors
    /// When it is none of them, or a part of it cannot be used.
    pub fn read(file: &[u8]) -> Result<Self, ShareError> {
        let document = property_list::read(file, FILE_SIZE_MAX).map_err(ShareError::NotAPropertyList)?;
        let Some(version) = document.get(VERSION_KEY) else { return Self::of_one(&document, file) };
        if version.scalar().as_deref() != Some(VERSION) {
            return Err(ShareError::Version(version.scalar().unwrap_or_default()));
        }
        let bundle = Self {
            bookmarks: files(&document, "Bookmarks")?
                .iter()
                .map(|file| Bookmark::read(file).map_err(ShareError::Bookmark))
                .collect::<Result<_, _>>()?,
            profiles: files(&document, "Profiles")?
                .iter()
                .map(|file| Profile::read(file).map_err(ShareError::Profile))
                .collect::<Result<_, _>>()?,
        };
        match bundle.bookmarks.len() + bundle.profiles.len() {
            0 => Err(ShareError::Count(0)),
            _ => Ok(bundle),
        }
    }

    /// A bookmark points to a vendor, a profile is one.
    fn of_one(document: &Dictionary, file: &[u8]) -> Result<Self, ShareError> {
        let has = |keys: &[&str]| keys.iter().any(|key| document.get(key).is_some());
        if has(&["Vendor"]) && !has(&["Nickname", "UUID", "Provider"]) {
            let profile = Profile::read(file).map_err(ShareError::Profile)?;
            return Ok(Self { profiles: vec![profile], ..Self::default() });
        }
        let bookmark = Bookmark::read(file).map_err(ShareError::Bookmark)?;
        Ok(Self { bookmarks: vec![bookmark], ..Self::default() })
    }

    /// Writes the bundle.
    ///
    /// # Errors
    /// When a text in it cannot stand in XML, or the file would be too large to be read.
    pub fn write(&self) -> Result<Vec<u8>, ShareError> {
        let array = |items: Vec<Dictionary>| Value::Array(items.into_iter().map(Value::Dictionary).collect());
        let bookmarks = self.bookmarks.iter().map(|bookmark| copied(bookmark.entries())).collect();
        let profiles = self.profiles.iter().map(|profile| copied(profile.entries())).collect();
        let mut document = Dictionary::new();
        document.insert(VERSION_KEY, VERSION.into());
        document.insert("Bookmarks", array(bookmarks));
        document.insert("Profiles", array(profiles));
        property_list::write(&document, FILE_SIZE_MAX).map_err(ShareError::NotWritable)
    }
}

fn copied<'a>(entries: impl Iterator<Item = (&'a str, &'a Value)>) -> Dictionary {
    let mut copy = Dictionary::new();
    for (key, value) in entries {
        copy.insert(key, value.clone());
    }
    copy
}

/// Returns the dictionaries of an array as files of their own, so that each is read by its own rules.
fn files(document: &Dictionary, key: &str) -> Result<Vec<Vec<u8>>, ShareError> {
    let items = match document.get(key) {
        Some(Value::Array(items)) => items.as_slice(),
        _ => &[],
    };
    if items.len() > ITEMS_MAX {
        return Err(ShareError::Count(items.len()));
    }
    let write = |item: &Value| match item {
        Value::Dictionary(item) => property_list::write(item, FILE_SIZE_MAX).map_err(ShareError::NotWritable),
        _ => Err(ShareError::NotAPropertyList(PropertyListError::NotADictionary)),
    };
    items.iter().map(write).collect()
}

/// What of a bookmark goes to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shareable {
    /// The bookmark without what stays.
    pub bookmark: Bookmark,
    /// The keys of what stays, in the order of the file.
    pub left_out: Vec<String>,
}

/// Keys of a bookmark that say nothing of a person or a machine.
const KEYS: [&str; 13] = [
    "Protocol", "Provider", "UUID", "Nickname", "Hostname", "Port", "Path", "Web URL", "Encoding",
    "Timezone", "Region", "Readonly", "Labels",
];

/// Properties that are secret, personal, or of one machine.
const STAY: [&str; 8] = [
    property::CLIENT_SECRET,
    property::CERTIFICATE,
    property::CERTIFICATE_KEY,
    property::SESSION_NAME,
    property::MFA_SERIAL,
    property::CONTAINER_TOKEN_FILE,
    property::CA_BUNDLE,
    property::TAGS,
];

/// Takes everything out of a bookmark that is secret, personal or of one machine, and everything that is not known.
///
/// The user name is kept where `keep_username` says so; the name `anonymous` always is, since it is the way in.
pub fn shareable(bookmark: &Bookmark, keep_username: bool) -> Shareable {
    let mut shared = bookmark.clone();
    let mut left_out = Vec::new();
    for (key, value) in bookmark.entries() {
        let stays = match key {
            "Custom" => continue,
            "Username" => !keep_username && value.scalar().as_deref() != Some("anonymous"),
            "Labels" => false,
            _ => !KEYS.contains(&key) || value.scalar().is_none_or(|text| has_a_user(&text)),
        };
        if stays {
            left_out.push(key.to_owned());
        }
    }
    for key in &left_out {
        shared.remove(key);
    }
    let custom =
        bookmark.entries().find(|(key, _)| *key == "Custom").and_then(|(_, value)| value.as_dictionary());
    for (key, value) in custom.into_iter().flat_map(Dictionary::iter) {
        let known = property::ALL.contains(&key) || setting::find(key).is_some();
        let ours = setting::find(key).map_or(key, |setting| setting.name);
        let stays = !known || [key, ours].iter().any(|name| STAY.contains(name));
        if stays || value.scalar().is_none_or(|text| has_a_user(&text)) {
            shared.set_custom(key, None);
            left_out.push(key.to_owned());
        }
    }
    Shareable { bookmark: shared, left_out }
}

/// Takes out of a bookmark of others what names files of this machine, which are read and perhaps sent, and what only the
/// person's own preferences may say. Returns the keys that went.
pub fn without_local_files(bookmark: &mut Bookmark) -> Vec<String> {
    let mut gone = Vec::new();
    for key in [
        "Download Folder",
        "Download Folder Dictionary",
        "Upload Folder Dictionary",
        "Volume",
        "Private Key File",
    ] {
        if bookmark.entries().any(|(name, _)| name == key) {
            bookmark.remove(key);
            gone.push(key.to_owned());
        }
    }
    let not_theirs = property::LOCAL_FILES.into_iter().chain(property::OWN).filter_map(setting::find);
    for key in not_theirs.flat_map(setting::Setting::names) {
        if bookmark.custom(key).is_some() {
            bookmark.set_custom(key, None);
            gone.push(key.to_owned());
        }
    }
    gone
}

/// Makes a name that can be typed of a nickname: what a name cannot have becomes a hyphen. `bookmark` where nothing is left.
pub fn typable(nickname: &str) -> BookmarkName {
    let mut name = String::new();
    for c in nickname.chars().take(60) {
        let good = c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        match good {
            true if !name.is_empty() || c.is_alphanumeric() => name.push(c),
            false if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let name = name.trim_end_matches('-');
    let longer = || format!("{name}-s3").parse();
    name.parse().or_else(|_| longer()).unwrap_or_else(|_| "bookmark".parse().expect("a good name"))
}

/// Tells whether an address in a text carries a user or a password.
fn has_a_user(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        authority.contains('@')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FULL: &str = r#"<plist version="1.0"><dict>
        <key>Protocol</key><string>s3</string>
        <key>Provider</key><string>aws-s3-sts-entra-oidc</string>
        <key>Nickname</key><string>work</string>
        <key>UUID</key><string>0c6f7d3e-0000-4000-8000-000000000000</string>
        <key>Hostname</key><string>s3.amazonaws.com</string>
        <key>Port</key><string>443</string>
        <key>Username</key><string>alice@contoso.com</string>
        <key>Path</key><string>/bucket/prefix</string>
        <key>Comment</key><string>ask alice</string>
        <key>Download Folder</key><string>/home/alice</string>
        <key>Volume</key><string>/mnt/alice</string>
        <key>Access Timestamp</key><string>1</string>
        <key>Labels</key><array><string>blue</string></array>
        <key>Custom</key><dict>
            <key>OAuth Client ID</key><string>abc</string>
            <key>OAuth Client Secret</key><string>hunter2</string>
            <key>role_arn</key><string>arn:aws:iam::123456789012:role/R</string>
            <key>mfa_serial</key><string>arn:aws:iam::123456789012:mfa/alice</string>
            <key>s3.assumerole.rolesessionname</key><string>alice</string>
            <key>pintail.tenant</key><string>contoso.com</string>
            <key>pintail.s3.endpoint</key><string>https://alice:hunter2@s3.example.org/</string>
            <key>pintail.ca_bundle</key><string>/home/alice/ca.pem</string>
            <key>unheard.of</key><string>hunter2</string>
        </dict>
    </dict></plist>"#;

    #[test]
    fn nothing_secret_personal_or_local_is_shared() {
        let bookmark = Bookmark::read(FULL.as_bytes()).unwrap();
        let shared = shareable(&bookmark, false);
        let text = String::from_utf8(shared.bookmark.write().unwrap()).unwrap();
        for word in ["alice", "hunter2"] {
            assert!(!text.contains(word), "{text}");
        }
        for word in ["contoso.com", "role/R", "abc", "/bucket/prefix", "blue", "work"] {
            assert!(text.contains(word), "{word}: {text}");
        }
        assert!(shared.left_out.iter().any(|key| key == "unheard.of"), "what is left out is named");
        let kept = shareable(&bookmark, true).bookmark;
        assert_eq!(kept.text("Username").as_deref(), Some("alice@contoso.com"));
    }

    #[test]
    fn nicknames_become_names_that_can_be_typed() {
        for (nickname, name) in [
            ("work", "work"),
            ("Contoso: Reports (EU)", "Contoso-Reports-EU"),
            ("…", "bookmark"),
            ("s3", "s3-s3"),
            ("x", "x-s3"),
            ("../../etc", "etc"),
            ("", "bookmark"),
        ] {
            assert_eq!(typable(nickname).as_str(), name, "{nickname}");
        }
    }

    #[test]
    fn a_shared_file_is_told_by_what_it_holds() {
        let one = Bundle::read(FULL.as_bytes()).unwrap();
        assert_eq!((one.bookmarks.len(), one.profiles.len()), (1, 0));
        let profile = crate::profile::builtin::all()[0].profile();
        let of_profile = Bundle::read(&profile.write().unwrap()).unwrap();
        assert_eq!((of_profile.bookmarks.len(), of_profile.profiles.len()), (0, 1));
        let both = Bundle { bookmarks: one.bookmarks, profiles: vec![profile] };
        assert_eq!(Bundle::read(&both.write().unwrap()).unwrap(), both);
        for (file, message) in [
            (
                "<plist version=\"1.0\"><dict><key>Pintail Bundle</key><string>2</string></dict></plist>",
                "version \"2\"",
            ),
            (
                "<plist version=\"1.0\"><dict><key>Pintail Bundle</key><string>1</string></dict></plist>",
                "brings 0",
            ),
            ("<html></html>", "no bookmark"),
        ] {
            let error = Bundle::read(file.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_nobody_knows_never_leaves(
            entries in prop::collection::vec(("[A-Za-z .]{1,20}", "[a-z]{0,9}"), 0..8),
            customs in prop::collection::vec(("[a-z.]{1,20}", "[a-z]{0,9}"), 0..8),
        ) {
            let mut bookmark = Bookmark::new(&"work".parse().unwrap(), "u");
            for (key, _) in &entries {
                bookmark.set(&format!("x{key}"), "MARK");
            }
            for (key, _) in &customs {
                bookmark.set_custom(&format!("x.{key}"), Some("MARK"));
            }
            for key in STAY {
                bookmark.set_custom(key, Some("MARK"));
            }
            bookmark.set("Username", "MARK");
            let shared = shareable(&bookmark, false).bookmark;
            let text = String::from_utf8(shared.write().unwrap()).unwrap();
            prop_assert!(!text.contains("MARK"), "{}", text);
        }

        #[test]
        fn reading_never_panics(file in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Bundle::read(&file);
        }
    }
}

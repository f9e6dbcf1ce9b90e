//! Bookmarks: one place of one person, in the `.duck` format that Cyberduck and Mountain Duck share.
//!
//! A bookmark file is an XML property list with one dictionary whose scalars are strings. Reading tolerates other scalar
//! types and a missing document type; writing keeps every key that is not ours, and the order of all. `docs/formats.md`
//! lists the keys. What the keys mean together is a
//! [`Connection`](crate::connection::Connection).

use crate::name::{BookmarkName, NameError};
use crate::property_list::{self, Dictionary, PropertyListError, Value};
use crate::setting;

/// The largest bookmark file that is read, in bytes. Real ones have one or two kilobytes.
pub const FILE_SIZE_MAX: usize = 1 << 20;

/// A bookmark as it stands in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    document: Dictionary,
}

/// Why a file is no bookmark.
#[derive(Debug, thiserror::Error)]
pub enum BookmarkError {
    /// Larger than any bookmark.
    #[error("the file has {size_bytes} bytes; a bookmark has at most {FILE_SIZE_MAX}")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// Not a property list, one that is damaged, or one that hides what only an attacker hides.
    #[error("not a readable property list")]
    NotAPropertyList(#[source] PropertyListError),
    /// The bookmark has something that cannot be written.
    #[error("the bookmark cannot be written as a property list")]
    NotWritable(#[source] PropertyListError),
    /// A property list of another shape.
    #[error("the property list is not a dictionary of moderate depth")]
    Shape,
    /// The key `Protocol` is missing, without which no program reads a bookmark.
    #[error("the key Protocol is missing")]
    NoProtocol,
    /// The bookmark is of another protocol.
    #[error("this is a bookmark for {0}, not for S3")]
    OtherProtocol(String),
    /// The nickname is not fit for typing.
    #[error("the nickname cannot be typed as a name")]
    Name(#[source] NameError),
}

impl Bookmark {
    /// Makes a bookmark with a name, an identifier (RFC 9562 text form) and nothing else.
    pub fn new(name: &BookmarkName, uuid: &str) -> Self {
        let mut bookmark = Self { document: Dictionary::new() };
        bookmark.set("Protocol", "s3");
        bookmark.set("Nickname", name.as_str());
        bookmark.set("UUID", uuid);
        bookmark
    }

    /// Reads a bookmark file.
    ///
    /// # Errors
    /// When it is no bookmark, or one of another protocol.
    pub fn read(file: &[u8]) -> Result<Self, BookmarkError> {
        let document = property_list::read(file, FILE_SIZE_MAX).map_err(|error| match error {
            PropertyListError::TooLarge { size_bytes, .. } => BookmarkError::TooLarge { size_bytes },
            PropertyListError::NotADictionary | PropertyListError::TooDeep => BookmarkError::Shape,
            error => BookmarkError::NotAPropertyList(error),
        })?;
        let bookmark = Self { document };
        match bookmark.text("Protocol").as_deref() {
            None | Some("") => Err(BookmarkError::NoProtocol),
            Some("s3") => Ok(bookmark),
            Some(other) => Err(BookmarkError::OtherProtocol(other.to_owned())),
        }
    }

    /// Writes the bookmark as an XML property list.
    ///
    /// # Errors
    /// When a text in it cannot stand in XML (a control character), or the file would be too large to be read.
    pub fn write(&self) -> Result<Vec<u8>, BookmarkError> {
        property_list::write(&self.document, FILE_SIZE_MAX).map_err(BookmarkError::NotWritable)
    }

    /// Returns the name, as far as the nickname can be typed.
    ///
    /// # Errors
    /// When the nickname is missing or breaks the rules of a [`BookmarkName`].
    pub fn name(&self) -> Result<BookmarkName, BookmarkError> {
        self.text("Nickname").unwrap_or_default().parse().map_err(BookmarkError::Name)
    }

    /// Returns a text of the dictionary. Numbers and booleans are given as texts; an empty text counts as absent.
    pub fn text(&self, key: &str) -> Option<String> {
        scalar(self.document.get(key)?)
    }

    /// Returns a switch of the dictionary: a boolean, or what [`setting::flag`] takes; nothing for an empty text.
    ///
    /// # Errors
    /// The word, where it is neither: a switch that keeps somebody safe is never taken for off.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, String> {
        match self.text(key) {
            None => Ok(None),
            Some(text) => setting::flag(&text).map(Some).ok_or(text),
        }
    }

    /// Sets a text of the dictionary.
    pub fn set(&mut self, key: &str, text: &str) {
        self.document.insert(key, text.into());
    }

    /// Removes an entry of the dictionary.
    pub fn remove(&mut self, key: &str) {
        self.document.remove(key);
    }

    /// Returns a text of the `Custom` dictionary, where properties of one bookmark live.
    pub fn custom(&self, key: &str) -> Option<String> {
        let custom = self.document.get("Custom")?.as_dictionary()?;
        scalar(custom.get(key)?)
    }

    /// Returns the texts of the `Custom` dictionary, in their order. What is no text there is left out.
    pub fn customs(&self) -> Vec<(String, String)> {
        let custom = self.document.get("Custom").and_then(Value::as_dictionary);
        let texts = custom.into_iter().flat_map(Dictionary::iter);
        texts.filter_map(|(key, value)| Some((key.to_owned(), scalar(value)?))).collect()
    }

    /// Returns the labels, in their order.
    pub fn labels(&self) -> Vec<String> {
        match self.document.get("Labels") {
            Some(Value::Array(items)) => items.iter().filter_map(scalar).collect(),
            _ => Vec::new(),
        }
    }

    /// Sets the labels; with none of them the entry goes.
    pub fn set_labels(&mut self, labels: &[String]) {
        if labels.is_empty() {
            self.document.remove("Labels");
        } else {
            let items = labels.iter().map(|label| label.as_str().into()).collect();
            self.document.insert("Labels", Value::Array(items));
        }
    }

    /// Returns keys and values as they stand, in their order, also those that are not ours.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.document.iter()
    }

    /// Sets a text of the `Custom` dictionary, or removes it.
    pub fn set_custom(&mut self, key: &str, text: Option<&str>) {
        if text.is_none() && self.document.get("Custom").and_then(Value::as_dictionary).is_none() {
            return;
        }
        if !matches!(self.document.get("Custom"), Some(Value::Dictionary(_))) {
            self.document.insert("Custom", Value::Dictionary(Dictionary::new()));
        }
        let Some(Value::Dictionary(custom)) = self.document.get_mut("Custom") else { return };
        match text {
            Some(text) => custom.insert(key, text.into()),
            None => custom.remove(key),
        }
    }
}

/// Returns the text of a scalar without blanks around it; nothing for an empty one.
fn scalar(value: &Value) -> Option<String> {
    value.scalar().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bookmark_is_read_as_it_was_written(mut document in property_list::any_dictionary()) {
            document.insert("Protocol", "s3".into());
            let bookmark = Bookmark { document };
            let file = bookmark.write().unwrap();
            prop_assert_eq!(Bookmark::read(&file).unwrap(), bookmark);
        }
    }

    const FOREIGN: &str = r#"<plist version="1.0"><dict>
        <key>Protocol</key><string>s3</string>
        <key>Volume</key><string>/mnt/x</string>
        <key>Port</key><integer>443</integer>
        <key>Nickname</key><string>work</string>
        <key>Custom</key><dict><key>role_arn</key><string>arn:aws:iam::123456789012:role/R</string>
            <key>unheard.of</key><string>kept</string></dict>
        <key>Labels</key><array><string>blue</string></array>
    </dict></plist>"#;

    #[test]
    fn foreign_keys_and_their_order_survive() {
        let mut bookmark = Bookmark::read(FOREIGN.as_bytes()).unwrap();
        assert_eq!(bookmark.text("Port").as_deref(), Some("443"));
        bookmark.set("Path", "/bucket");
        bookmark.set_custom("OAuth Client ID", Some("abc"));
        let written = String::from_utf8(bookmark.write().unwrap()).unwrap();
        let order: Vec<usize> = [
            "Protocol",
            "Volume",
            "Port",
            "Nickname",
            "role_arn",
            "unheard.of",
            "OAuth Client ID",
            "Labels",
            "Path",
        ]
        .iter()
        .map(|key| written.find(&format!("<key>{key}</key>")).unwrap())
        .collect();
        assert!(order.is_sorted(), "{written}");
        assert_eq!(Bookmark::read(written.as_bytes()).unwrap(), bookmark);
    }

    #[test]
    fn switches_have_several_spellings_and_no_other_word_is_one() {
        for (value, expected) in [
            ("<true/>", Ok(Some(true))),
            ("<false/>", Ok(Some(false))),
            ("<integer>1</integer>", Ok(Some(true))),
            ("<integer>0</integer>", Ok(Some(false))),
            ("<integer>2</integer>", Err("2".to_owned())),
            ("<string>1</string>", Ok(Some(true))),
            ("<string> TRUE </string>", Ok(Some(true))),
            ("<string>False</string>", Ok(Some(false))),
            ("<string>0</string>", Ok(Some(false))),
            ("<string> </string>", Ok(None)),
            ("<string>yes</string>", Err("yes".to_owned())),
        ] {
            let file = format!(
                "<plist><dict><key>Protocol</key><string>s3</string><key>Readonly</key>{value}</dict></plist>"
            );
            assert_eq!(Bookmark::read(file.as_bytes()).unwrap().flag("Readonly"), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_bookmark_is_named() {
        let plist = |body: &str| format!("<plist version=\"1.0\">{body}</plist>");
        for (file, message) in [
            ("", "not a readable property list"),
            ("hello", "not a readable property list"),
            (&plist("<array/>"), "not a dictionary"),
            (&plist("<dict/>"), "Protocol is missing"),
            (&plist("<dict><key>Protocol</key><string>sftp</string></dict>"), "for sftp"),
            (
                &plist(&format!(
                    "<dict><key>Protocol</key>{}{}</dict>",
                    "<array>".repeat(60),
                    "</array>".repeat(60)
                )),
                "moderate depth",
            ),
        ] {
            let error = Bookmark::read(file.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(message), "{file}: {error}");
        }
        assert!(matches!(Bookmark::read(&vec![b' '; 2 << 20]), Err(BookmarkError::TooLarge { .. })));
    }
}

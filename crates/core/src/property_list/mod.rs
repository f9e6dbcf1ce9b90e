//! Property lists in XML, the form of bookmarks and profiles: one guarded reader and one exact writer for both.
//!
//! Files come from other people, so reading is bounded: in size before anything is parsed, in depth before anything
//! nests, in the number of values before they are kept. What the format of Apple's `PropertyList-1.0.dtd` allows and
//! people really have is read (no XML declaration, a comment first, CRLF, a byte order mark, broken base64 lines); what
//! only an attacker has (entities, an internal document type) or another format is refused by name. What was read can
//! be written (unless escaping makes it larger than the limit), and reading that gives the same values in their order.

mod read;
mod write;

pub use read::read;
#[cfg(test)]
pub(crate) use write::tests::dictionary as any_dictionary;
pub use write::write;

/// How deeply arrays and dictionaries may nest.
pub const DEPTH_MAX: usize = 32;

/// How many values and keys one list may have. Real bookmarks and profiles have less than a hundred.
pub const VALUES_MAX: usize = 20_000;

/// One value of a property list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Values in their order.
    Array(Vec<Value>),
    /// A truth value.
    Boolean(bool),
    /// Bytes, such as an icon.
    Data(Vec<u8>),
    /// A point in time, as its text stands in the file: nothing of ours reads one.
    Date(String),
    /// Values by key, in their order.
    Dictionary(Dictionary),
    /// A whole number from `i64::MIN` to `u64::MAX`.
    Integer(i128),
    /// A number, as its text stands in the file, so that none is rounded.
    Real(String),
    /// A text.
    String(String),
}

impl Value {
    /// Returns the text of a scalar that a person could have typed: a text, a number or a truth value.
    pub fn scalar(&self) -> Option<String> {
        match self {
            Self::String(text) | Self::Real(text) => Some(text.clone()),
            Self::Boolean(value) => Some(value.to_string()),
            Self::Integer(value) => Some(value.to_string()),
            Self::Array(_) | Self::Data(_) | Self::Date(_) | Self::Dictionary(_) => None,
        }
    }

    /// Returns the dictionary, if it is one.
    pub fn as_dictionary(&self) -> Option<&Dictionary> {
        match self {
            Self::Dictionary(dictionary) => Some(dictionary),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

/// Values by key, in the order of the file. A key stands once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dictionary {
    entries: Vec<(String, Value)>,
}

impl Dictionary {
    /// Makes an empty dictionary.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Returns the value of a key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.entries.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Sets the value of a key: in its place if it is there already, else at the end.
    pub fn insert(&mut self, key: &str, value: Value) {
        match self.get_mut(key) {
            Some(old) => *old = value,
            None => self.entries.push((key.to_owned(), value)),
        }
    }

    /// Removes a key; the order of the others stays.
    pub fn remove(&mut self, key: &str) {
        self.entries.retain(|(name, _)| name != key);
    }

    /// Returns keys and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Tells whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Why a file is no property list that can be read, or a list none that can be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyListError {
    /// A binary property list, as macOS writes preferences.
    #[error(
        "this is a binary property list, not one in XML (on macOS `plutil -convert xml1 FILE` converts it)"
    )]
    Binary,
    /// A control character, which XML 1.0 section 2.2 does not allow even as a reference.
    #[error("the character U+{code:04X} cannot stand in XML")]
    Character {
        /// Its code point.
        code: u32,
    },
    /// Text in units of two or four bytes.
    #[error("the file is in UTF-16 or UTF-32, not in UTF-8: save it as UTF-8")]
    Encoding,
    /// An entity of the file's own, or a place to declare one.
    #[error("line {line}: the file declares or uses an entity of its own, which a property list never needs")]
    Entity {
        /// Where, counted from 1.
        line: usize,
    },
    /// The outermost value is no dictionary.
    #[error("the property list is not a dictionary")]
    NotADictionary,
    /// Something else than XML with a property list in it.
    #[error("the file is not a property list in XML")]
    NotAPropertyList,
    /// Bytes that are not UTF-8, whatever the declaration says.
    #[error("line {line}: the text is not UTF-8{}: save the file as UTF-8", called(.declared.as_deref()))]
    NotUtf8 {
        /// Where, counted from 1.
        line: usize,
        /// The encoding that the XML declaration names.
        declared: Option<String>,
    },
    /// XML that is damaged or no property list.
    #[error("line {line}: {problem}")]
    Syntax {
        /// Where, counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// Nested too deeply.
    #[error("the property list nests more than {DEPTH_MAX} levels")]
    TooDeep,
    /// Larger than any file of its kind.
    #[error("the file has {size_bytes} bytes, and {size_max_bytes} are the most")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
        /// The limit.
        size_max_bytes: usize,
    },
    /// Too many values.
    #[error("the property list has more than {VALUES_MAX} values")]
    TooMany,
}

fn called(encoding: Option<&str>) -> String {
    encoding.map_or_else(String::new, |name| format!(", though the file calls it {name:?}"))
}

/// Tells whether XML 1.0 allows a character (section 2.2, production Char).
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// Finds the first character that cannot stand in XML.
fn check_characters(text: &str) -> Result<(), PropertyListError> {
    match text.chars().find(|&c| !is_allowed(c)) {
        None => Ok(()),
        Some(c) => Err(PropertyListError::Character { code: c.into() }),
    }
}

//! Entries: what is known of one file, folder or object when two sides are compared.
//!
//! Pure. Entries are small (88 bytes and the name), since a queue between a listing and its reader holds thousands.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use pintail_core::checksum::Checksum;
use pintail_store::object_store::{ETag, ListedObject};

use crate::name::{Name, NameRefusal, Platform};

/// What one side has under a name.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name below the place where the transfer begins.
    pub name: Name,
    /// Its length; 0 for a folder, that of its target's text for a link.
    pub size_bytes: u64,
    /// When it was last changed, as far as the side knows.
    pub modified: Modified,
    /// Its entity tag, for an object.
    pub tag: Option<Tag>,
    /// The checksum of all its bytes, where somebody has it. Listings do not tell one.
    pub checksum: Option<Box<Checksum>>,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Bytes.
    File,
    /// A folder, or the object of no bytes that stands for one.
    Folder,
    /// A symbolic link that is taken as what it is.
    Link,
}

impl Entry {
    /// Makes the entry of a file.
    pub fn file(name: Name, size_bytes: u64, modified: Modified) -> Self {
        Self { name, size_bytes, modified, tag: None, checksum: None, kind: Kind::File }
    }

    /// Makes the entry of a folder.
    pub fn folder(name: Name) -> Self {
        let modified = Modified::UNKNOWN;
        Self { name, size_bytes: 0, modified, tag: None, checksum: None, kind: Kind::Folder }
    }

    /// Makes the entry of an object in a listing. One of no bytes whose key ends with a slash stands for a folder.
    pub fn listed(name: Name, object: &ListedObject) -> Self {
        let kind = if name.is_folder() && object.size_bytes == 0 { Kind::Folder } else { Kind::File };
        Self {
            name,
            size_bytes: object.size_bytes,
            modified: Modified::written(object.last_modified),
            tag: object.etag.as_ref().map(Tag::of),
            checksum: None,
            kind,
        }
    }

    /// Returns the path that it has as a file or folder.
    ///
    /// # Errors
    /// When its name makes none, or when an object with bytes has the name of a folder.
    pub fn path(&self, platform: Platform) -> Result<PathBuf, NameRefusal> {
        if self.name.is_folder() && self.kind != Kind::Folder {
            return Err(NameRefusal::EmptyPart);
        }
        self.name.path(platform)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {} bytes {:?}", self.kind, self.name, self.size_bytes, self.modified)?;
        match &self.tag {
            Some(tag) => write!(f, " {tag:?}"),
            None => Ok(()),
        }
    }
}

/// When an entry was last changed, and what that time is worth.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Modified {
    /// Nanoseconds since 1970, as far as 1677 and 2262.
    ns: i64,
    meaning: Meaning,
}

/// What a time tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// Nothing is known.
    Unknown,
    /// When the content was changed: the time of a file, or the one that was kept as the object's metadata.
    Content,
    /// When the object was written to its store, to the second. The content is not younger, but may be much older.
    Written,
}

impl Modified {
    /// No time.
    pub const UNKNOWN: Self = Self { ns: 0, meaning: Meaning::Unknown };

    /// The time when the content was changed.
    pub fn content(at: Timestamp) -> Self {
        Self { ns: saturated_ns(at), meaning: Meaning::Content }
    }

    /// The time when an object was written.
    pub fn written(at: Timestamp) -> Self {
        Self { ns: saturated_ns(at), meaning: Meaning::Written }
    }

    /// The same, from nanoseconds since 1970.
    pub fn from_ns(ns: i64, meaning: Meaning) -> Self {
        if meaning == Meaning::Unknown { Self::UNKNOWN } else { Self { ns, meaning } }
    }

    /// Reads the value of the metadata `mtime` that rclone and others keep: seconds since 1970, with a fraction of up to nine digits.
    /// `None` where it is no such number.
    pub fn parse_metadata(value: &str) -> Option<Self> {
        let (negative, digits) = value.strip_prefix('-').map_or((false, value), |digits| (true, digits));
        let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if seconds.is_empty() || !all_digits(seconds) || !all_digits(fraction) {
            return None;
        }
        let nine: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
        let ns = seconds.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nine.parse().ok()?)?;
        Some(Self { ns: if negative { -ns } else { ns }, meaning: Meaning::Content })
    }

    /// Returns the value for the metadata `mtime`, `None` for a time that says nothing about the content.
    pub fn metadata(self) -> Option<String> {
        (self.meaning == Meaning::Content).then(|| {
            let (sign, ns) = (if self.ns < 0 { "-" } else { "" }, self.ns.unsigned_abs());
            format!("{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
        })
    }

    /// Returns the time, `None` when it is unknown.
    pub fn timestamp(self) -> Option<Timestamp> {
        Timestamp::from_nanosecond(i128::from(self.ns()?)).ok()
    }

    /// Returns nanoseconds since 1970, `None` when it is unknown.
    pub fn ns(self) -> Option<i64> {
        (self.meaning != Meaning::Unknown).then_some(self.ns)
    }

    /// Returns what the time tells.
    pub fn meaning(self) -> Meaning {
        self.meaning
    }
}

impl fmt::Debug for Modified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timestamp() {
            Some(at) => write!(f, "{:?} {at}", self.meaning),
            None => f.write_str("Unknown"),
        }
    }
}

fn saturated_ns(at: Timestamp) -> i64 {
    let ns = at.as_nanosecond();
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN + 1 } else { i64::MAX })
}

/// An entity tag, small: those that are made of an MD5 take its 16 bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tag(Form);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    /// 32 lower-case hexadecimal digits, and the number of parts behind a hyphen if there is one.
    Digest([u8; 16], Option<u16>),
    Other(Box<str>),
}

impl Tag {
    /// Takes a tag.
    pub fn of(etag: &ETag) -> Self {
        let text = etag.as_str();
        let (digits, parts) = match text.split_once('-') {
            None => (text, None),
            Some((digits, parts)) => (digits, Some(parts)),
        };
        let small = || {
            let count = parts.map(str::parse::<u16>).transpose().ok()?;
            // `+1` and `007` are read as numbers and would not be written again as they were.
            if count.map(|count| count.to_string()).as_deref() != parts {
                return None;
            }
            Some(Form::Digest(digest(digits)?, count))
        };
        Self(small().unwrap_or_else(|| Form::Other(text.into())))
    }

    /// Returns the tag.
    pub fn etag(&self) -> ETag {
        ETag::new(&self.to_string())
    }

    /// Returns the MD5 that the tag is, if it can be one: of the whole content, unless the service encrypts with keys of KMS.
    pub fn md5(&self) -> Option<[u8; 16]> {
        match &self.0 {
            Form::Digest(digest, None) => Some(*digest),
            _ => None,
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Digest(digest, parts) => {
                digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                parts.map_or(Ok(()), |parts| write!(f, "-{parts}"))
            }
            Form::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

fn digest(digits: &str) -> Option<[u8; 16]> {
    let digits = digits.as_bytes();
    if digits.len() != 32 {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Entry>() <= 88, "{}", size_of::<Entry>());
    }

    #[test]
    fn times_are_those_of_rclones_metadata() {
        for (value, ns) in [
            ("1700000000.123456789", 1_700_000_000_123_456_789),
            ("1700000000", 1_700_000_000_000_000_000),
            ("1700000000.5", 1_700_000_000_500_000_000),
            ("0.0000000009", 0),
            ("-1.5", -1_500_000_000),
        ] {
            let read = Modified::parse_metadata(value).unwrap();
            assert_eq!((read.ns(), read.meaning()), (Some(ns), Meaning::Content), "{value}");
            assert_eq!(Modified::parse_metadata(&read.metadata().unwrap()), Some(read));
        }
        for bad in ["", ".", "-", ".5", "1e9", "2026-01-01", "1.2.3", "99999999999", "--1"] {
            assert_eq!(Modified::parse_metadata(bad), None, "{bad}");
        }
        assert_eq!(Modified::written("2026-01-01T00:00:00Z".parse().unwrap()).metadata(), None);
        assert_eq!(Modified::UNKNOWN.timestamp(), None);
        assert_eq!(Modified::content(Timestamp::MAX).ns(), Some(i64::MAX));
    }

    #[test]
    fn an_object_with_bytes_has_no_folders_path() {
        let object = |size_bytes| ListedObject {
            key: "p/a/".parse().unwrap(),
            size_bytes,
            last_modified: "2026-01-01T00:00:00Z".parse().unwrap(),
            etag: None,
            storage_class: None,
        };
        let name = Name::new("a/").unwrap();
        let folder = Entry::listed(name.clone(), &object(0));
        assert_eq!(folder.kind, Kind::Folder);
        assert_eq!(folder.path(Platform::Linux).unwrap(), PathBuf::from("a"));
        let file = Entry::listed(name, &object(1));
        assert_eq!(file.path(Platform::Linux), Err(NameRefusal::EmptyPart));
    }

    proptest! {
        #[test]
        fn tags_come_back_as_they_were(text in "([0-9a-f]{32}(-[0-9+]{1,6})?|[0-9a-fA-F]{31,33}|[a-z0-9-]{0,12})") {
            let etag = ETag::new(&text);
            prop_assert_eq!(Tag::of(&etag).etag(), etag);
        }
    }

    #[test]
    fn tags_of_one_part_are_a_digest() {
        let whole = Tag::of(&ETag::new("900150983cd24fb0d6963f7d28e17f72"));
        assert_eq!(whole.md5().map(|digest| digest[0]), Some(0x90));
        assert_eq!(Tag::of(&ETag::new("900150983cd24fb0d6963f7d28e17f72-2")).md5(), None);
        assert!(size_of::<Tag>() <= 24);
    }
}

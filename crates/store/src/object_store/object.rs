//! Parameters and answers of the calls about one object.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::{BucketName, ObjectKey};

use crate::error::StoreError;
use crate::payload::ObjectBody;

/// An entity tag: names one state of an object. It is a hash of the content in simple cases only.
#[derive(Clone)]
pub struct ETag(Text);

/// A listing brings a thousand tags at once, nearly all of them a hash and perhaps a number of parts: such a tag takes no
/// allocation, and less room than one.
#[derive(Clone)]
enum Text {
    /// ASCII.
    Short {
        length: u8,
        bytes: [u8; ETag::SHORT_MAX],
    },
    Long(Box<str>),
}

impl ETag {
    const SHORT_MAX: usize = 38;

    /// Takes a tag, with or without its quotes.
    pub fn new(text: &str) -> Self {
        Self::bare(text.trim().trim_start_matches("W/").trim_matches('"'))
    }

    /// Takes a tag that has no quotes around it.
    pub(crate) fn bare(text: &str) -> Self {
        let mut bytes = [0; Self::SHORT_MAX];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(short), Ok(length)) if text.is_ascii() => {
                short.copy_from_slice(text.as_bytes());
                Self(Text::Short { length, bytes })
            }
            _ => Self(Text::Long(text.into())),
        }
    }

    /// Takes a tag of exactly these characters, if they are hexadecimal digits.
    pub(crate) fn of_digits(digits: &[u8; 32]) -> Option<Self> {
        let mut bytes = [0; Self::SHORT_MAX];
        bytes[..digits.len()].copy_from_slice(digits);
        let all = digits.iter().fold(true, |all, digit| all & digit.is_ascii_hexdigit());
        all.then_some(Self(Text::Short { length: digits.len() as u8, bytes }))
    }

    /// Returns the tag without quotes.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Short { length, bytes } => {
                std::str::from_utf8(&bytes[..usize::from(*length)]).expect("a short tag is ASCII")
            }
            Text::Long(text) => text,
        }
    }

    /// Returns the number of parts that a multipart upload put together, as S3 writes it at the end of the tag.
    pub fn parts(&self) -> Option<u32> {
        self.as_str().rsplit_once('-')?.1.parse().ok()
    }
}

impl PartialEq for ETag {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ETag {}

impl Hash for ETag {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// Which bytes to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From an offset to the end.
    From(u64),
    /// From an offset, this many, fewer if the object ends before. The number is not 0.
    Slice {
        /// The first byte.
        offset: u64,
        /// How many.
        length_bytes: u64,
    },
    /// The last bytes, this many, fewer if the object is smaller. The number is not 0.
    Last(u64),
}

impl ByteRange {
    /// Returns offset and length within an object of a size, `None` when no byte of it is meant.
    pub fn within(self, size_bytes: u64) -> Option<(u64, u64)> {
        let (offset, length_bytes) = match self {
            Self::From(offset) => (offset, size_bytes.checked_sub(offset)?),
            Self::Slice { offset, length_bytes } => {
                (offset, length_bytes.min(size_bytes.checked_sub(offset)?))
            }
            Self::Last(length_bytes) => {
                let length_bytes = length_bytes.min(size_bytes);
                (size_bytes - length_bytes, length_bytes)
            }
        };
        (length_bytes > 0).then_some((offset, length_bytes))
    }
}

/// What must hold before an object is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadCondition {
    /// It is in this state. Else [`PreconditionFailed`](crate::ErrorKind::PreconditionFailed).
    pub if_match: Option<ETag>,
    /// It is not in this state. Else [`NotModified`](crate::ErrorKind::NotModified).
    pub if_none_match: Option<ETag>,
    /// It was written after. Else [`NotModified`](crate::ErrorKind::NotModified).
    pub if_modified_since: Option<Timestamp>,
    /// It was not written after. Else [`PreconditionFailed`](crate::ErrorKind::PreconditionFailed).
    pub if_unmodified_since: Option<Timestamp>,
}

/// What must hold before an object is written. Else [`PreconditionFailed`](crate::ErrorKind::PreconditionFailed).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WriteCondition {
    /// Nothing.
    #[default]
    None,
    /// No object has the key.
    IfAbsent,
    /// The object is in this state.
    IfMatch(ETag),
}

/// How [`head`](crate::ObjectStore::head) goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// What must hold.
    pub condition: ReadCondition,
    /// The version to look at, the newest without.
    pub version: Option<String>,
}

/// How [`get`](crate::ObjectStore::get) goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Get {
    /// What must hold.
    pub condition: ReadCondition,
    /// The version to read, the newest without.
    pub version: Option<String>,
    /// Which bytes, all without.
    pub range: Option<ByteRange>,
    /// Leaves the checksum unasked and unchecked. For bytes whose whole is checked by the caller.
    pub unchecked: bool,
}

/// An object that is being read.
#[derive(Debug)]
pub struct Got {
    /// What it is. The size is that of the whole object.
    pub info: ObjectInfo,
    /// Which bytes come: offset and length.
    pub range: (u64, u64),
    /// The bytes.
    pub body: ObjectBody,
}

/// What is known of an object besides its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The size of the whole object.
    pub size_bytes: u64,
    /// Its entity tag, as far as the store says.
    pub etag: Option<ETag>,
    /// When it was last written, as far as the store says.
    pub last_modified: Option<Timestamp>,
    /// Its version, in a bucket with versions.
    pub version: Option<String>,
    /// The checksum that the store keeps: of the whole object, or composed of its parts' checksums.
    pub checksum: Option<Checksum>,
    /// Its storage class, when it is not the standard one.
    pub storage_class: Option<String>,
    /// What was said of it when it was written.
    pub traits: Traits,
}

/// What is said of an object when it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// Names and values of the user's own, 2 KiB in all. Names are lower-case HTTP tokens; values may be any text.
    pub metadata: BTreeMap<String, String>,
}

/// Which checksum goes with an upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChecksumChoice {
    /// The best that the store takes, found out as needed.
    #[default]
    Default,
    /// This algorithm and no other.
    Algorithm(Algorithm),
    /// This value, computed before: the store refuses other bytes.
    Known(Checksum),
}

/// How [`put`](crate::ObjectStore::put) goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Put {
    /// What must hold.
    pub condition: WriteCondition,
    /// What is said of the object.
    pub traits: Traits,
    /// Which checksum is sent along.
    pub checksum: ChecksumChoice,
    /// The storage class, the standard one without.
    pub storage_class: Option<String>,
}

/// An object that was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Its entity tag, as far as the store says.
    pub etag: Option<ETag>,
    /// Its version, in a bucket with versions.
    pub version: Option<String>,
    /// The checksum that was sent with it or that the store computed, if either did.
    pub checksum: Option<Checksum>,
}

/// How [`delete`](crate::ObjectStore::delete) goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delete {
    /// The version to delete for good, else the newest is deleted or marked.
    pub version: Option<String>,
    /// Only in this state. Stores without conditional deletes refuse it or, worse, do not look at it.
    pub if_match: Option<ETag>,
}

/// What a deletion left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The version that was deleted, or that of the marker.
    pub version: Option<String>,
    /// A marker was set or removed.
    pub marker: bool,
}

/// One of the objects for [`delete_many`](crate::ObjectStore::delete_many).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteItem {
    /// Its key.
    pub key: ObjectKey,
    /// The version to delete for good.
    pub version: Option<String>,
    /// Only in this state, else it fails with [`ErrorKind::PreconditionFailed`](crate::ErrorKind::PreconditionFailed). Stores without
    /// conditional deletes refuse it or, worse, do not look at it.
    pub if_match: Option<ETag>,
}

impl From<ObjectKey> for DeleteItem {
    fn from(key: ObjectKey) -> Self {
        Self { key, version: None, if_match: None }
    }
}

/// What became of one item of [`delete_many`](crate::ObjectStore::delete_many).
pub type DeleteOutcome = Result<Deleted, StoreError>;

/// The object to copy from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopySource {
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// The version, the newest without.
    pub version: Option<String>,
    /// Only in this state.
    pub if_match: Option<ETag>,
}

impl CopySource {
    /// Names the newest version of an object, in whatever state.
    pub fn new(bucket: BucketName, key: ObjectKey) -> Self {
        Self { bucket, key, version: None, if_match: None }
    }
}

/// What a copy says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MetadataDirective {
    /// The same as its source.
    #[default]
    Copy,
    /// This instead. An object may be copied onto itself that way.
    Replace(Traits),
}

/// How [`copy`](crate::ObjectStore::copy) goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copy {
    /// What must hold of the target.
    pub condition: WriteCondition,
    /// What is said of the copy.
    pub metadata: MetadataDirective,
    /// The storage class, the standard one without.
    pub storage_class: Option<String>,
}

/// A copy that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Its entity tag, as far as the store says.
    pub etag: Option<ETag>,
    /// When it was written, as far as the store says.
    pub last_modified: Option<Timestamp>,
    /// Its version, in a bucket with versions.
    pub version: Option<String>,
    /// Its checksum, if the store says one.
    pub checksum: Option<Checksum>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn etags_lose_their_quotes_and_know_their_parts() {
        assert_eq!(ETag::new("\"abc-12\"").as_str(), "abc-12");
        assert_eq!(ETag::new("W/\"abc\""), ETag::new("abc"));
        assert_eq!(ETag::new("abc-12").parts(), Some(12));
        assert_eq!(ETag::new("abc").parts(), None);
    }

    proptest! {
        #[test]
        fn ranges_stay_inside_the_object(a in 0_u64..20, b in 1_u64..20, size in 0_u64..15) {
            let bytes: Vec<u64> = (0..size).collect();
            let slice = |from: u64, to: u64| bytes.get(from as usize..to.min(size) as usize).unwrap_or(&[]).to_vec();
            for (range, expected) in [
                (ByteRange::From(a), slice(a, size)),
                (ByteRange::Slice { offset: a, length_bytes: b }, slice(a, a + b)),
                (ByteRange::Last(b), slice(size.saturating_sub(b), size)),
            ] {
                let meant: Vec<u64> =
                    range.within(size).map_or_else(Vec::new, |(from, length)| (from..from + length).collect());
                prop_assert_eq!(meant, expected);
            }
        }
    }
}

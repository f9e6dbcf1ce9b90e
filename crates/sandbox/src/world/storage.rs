//! The buckets: keys in order, each with its versions, and the multipart uploads that stand open.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use smallvec::{SmallVec, smallvec};

use super::content::{Content, scrambled};
use crate::s3::checksums::{Algorithm, Checksum, Kind, md5};

/// The version ID of objects written while versioning was off or suspended.
pub(crate) const NULL_VERSION: &str = "null";

/// All buckets by name.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    pub(crate) buckets: BTreeMap<String, Bucket>,
}

/// Whether a bucket keeps old versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versioning {
    Enabled,
    Off,
    Suspended,
}

/// One bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) region: String,
    pub(crate) created: Timestamp,
    pub(crate) versioning: Versioning,
    /// The bucket's own policy as written.
    pub(crate) policy: Option<String>,
    /// The ARN of the key of KMS that new objects are encrypted with; without one it is S3's own.
    pub(crate) kms_key: Option<String>,
    /// "Bucket owner enforced": access control lists are switched off.
    pub(crate) owner_enforced: bool,
    /// Lifecycle rules as written.
    pub(crate) lifecycle: Vec<s3s::dto::LifecycleRule>,
    /// Each key's versions, oldest first; never empty.
    pub(crate) keys: BTreeMap<String, Versions>,
    /// By key, then upload ID: the order in which they are listed.
    pub(crate) uploads: BTreeMap<(String, String), Upload>,
    /// The keys that a conditional write is under way to, by its number, and whether they were deleted since it began.
    pub(crate) under_way: BTreeMap<u64, (String, bool)>,
}

/// The versions of a key. Most have one, which lies in the map itself.
pub(crate) type Versions = SmallVec<[Version; 1]>;

/// One version of a key: an object, or the mark that it was deleted.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) id: Cow<'static, str>,
    pub(crate) modified: Timestamp,
    /// `None` is a delete marker.
    pub(crate) object: Option<Held>,
}

/// How an object is held.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    Blob(Arc<Blob>),
    /// A pattern, which is described when somebody asks.
    Pattern {
        seed: u64,
        size_bytes: u64,
    },
}

impl Version {
    /// The object, unless this is a delete marker.
    pub(crate) fn blob(&self) -> Option<Arc<Blob>> {
        Some(match self.object.as_ref()? {
            Held::Blob(blob) => Arc::clone(blob),
            Held::Pattern { seed, size_bytes } => Arc::new(Blob::pattern(*seed, *size_bytes)),
        })
    }
}

/// The headers kept with an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers {
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) expires: Option<s3s::dto::Expires>,
    pub(crate) storage_class: Option<String>,
    pub(crate) website_redirect: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Until when an archived object can be read.
    pub(crate) restored_until: Option<Timestamp>,
}

/// An object's bytes and everything said about them.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) data: Content,
    /// Without quotes.
    pub(crate) etag: String,
    /// What the client chose; without it CRC64NVME of the whole, computed where it is asked for.
    pub(crate) chosen_checksum: Option<Checksum>,
    pub(crate) headers: Headers,
    pub(crate) tags: Vec<(String, String)>,
    /// The ARN of the key of KMS that it is encrypted with.
    pub(crate) kms_key: Option<String>,
    /// The sizes of the parts it was uploaded in; empty for a single upload.
    pub(crate) parts: Vec<PartSummary>,
}

/// What remains known about a part after completion.
#[derive(Clone, Debug)]
pub(crate) struct PartSummary {
    pub(crate) number: i32,
    pub(crate) size: u64,
    pub(crate) checksum: Option<String>,
}

impl Blob {
    /// An object as if uploaded by a client that sent nothing but bytes.
    pub(crate) fn plain(data: Bytes) -> Blob {
        let data = Content::from(data);
        Blob {
            etag: md5(&data),
            chosen_checksum: None,
            headers: Headers::default(),
            tags: Vec::new(),
            kms_key: None,
            parts: Vec::new(),
            data,
        }
    }

    /// An object of a pattern, as if uploaded in one part: its ETag is no digest of its bytes and costs nothing.
    fn pattern(seed: u64, size_bytes: u64) -> Blob {
        let (high, low) = (scrambled(seed), scrambled(seed ^ size_bytes));
        Blob {
            etag: format!("{high:016x}{low:016x}-1"),
            chosen_checksum: None,
            headers: Headers::default(),
            tags: Vec::new(),
            kms_key: None,
            parts: vec![PartSummary { number: 1, size: size_bytes, checksum: None }],
            data: Content::pattern(seed, size_bytes),
        }
    }

    /// S3 keeps a checksum of every object, asked or not.
    pub(crate) fn checksum(&self) -> Checksum {
        self.chosen_checksum.clone().unwrap_or_else(|| Checksum::of(Algorithm::Crc64Nvme, &self.data))
    }

    pub(crate) fn checksum_algorithm(&self) -> Algorithm {
        self.chosen_checksum.as_ref().map_or(Algorithm::Crc64Nvme, |checksum| checksum.algorithm)
    }

    pub(crate) fn checksum_kind(&self) -> Kind {
        self.chosen_checksum.as_ref().map_or(Kind::FullObject, |checksum| checksum.kind)
    }
}

/// A multipart upload under way.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) initiated: Timestamp,
    pub(crate) headers: Headers,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) kms_key: Option<String>,
    /// What the client chose; `None` leaves CRC64NVME for the whole.
    pub(crate) checksum: Option<(Algorithm, Kind)>,
    pub(crate) parts: BTreeMap<i32, Part>,
    /// The ARN of whoever began it.
    pub(crate) initiator: String,
}

/// A part that was uploaded.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) data: Content,
    pub(crate) etag: String,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) modified: Timestamp,
}

impl Storage {
    /// Creates a bucket; does nothing when it exists.
    pub(crate) fn create(&mut self, name: &str, region: &str, now: Timestamp) {
        self.buckets.entry(name.to_owned()).or_insert_with(|| Bucket {
            region: region.to_owned(),
            created: now,
            versioning: Versioning::Off,
            policy: None,
            kms_key: None,
            owner_enforced: false,
            lifecycle: Vec::new(),
            keys: BTreeMap::new(),
            uploads: BTreeMap::new(),
            under_way: BTreeMap::new(),
        });
    }
}

impl Bucket {
    /// The newest version of a key, if it is an object.
    pub(crate) fn current(&self, key: &str) -> Option<(&Version, Arc<Blob>)> {
        let version = self.keys.get(key)?.last()?;
        Some((version, version.blob()?))
    }

    /// Stores an object as the newest version and returns its version ID, if versions are kept.
    pub(crate) fn put(&mut self, key: &str, blob: Blob, now: Timestamp, fresh_id: String) -> Option<String> {
        self.push(key, Some(Held::Blob(Arc::new(blob))), now, fresh_id)
    }

    /// Adds objects of patterns, each with its own, in place of what stood at their keys.
    pub(crate) fn put_patterns(
        &mut self,
        objects: impl IntoIterator<Item = (String, u64)>,
        now: Timestamp,
        seed_of: impl Fn(&str) -> u64,
    ) {
        let mut fresh: BTreeMap<String, Versions> = objects
            .into_iter()
            .map(|(key, size_bytes)| {
                let object = Some(Held::Pattern { seed: seed_of(&key), size_bytes });
                (key, smallvec![Version { id: Cow::Borrowed(NULL_VERSION), modified: now, object }])
            })
            .collect();
        self.keys.append(&mut fresh);
    }

    /// Deletes the way a plain DELETE does: for good, or by a marker whose ID is returned.
    pub(crate) fn delete(&mut self, key: &str, now: Timestamp, fresh_id: String) -> Option<String> {
        for (_, deleted) in self.under_way.values_mut().filter(|(under_way, _)| under_way == key) {
            *deleted = true;
        }
        if self.versioning == Versioning::Off {
            self.keys.remove(key);
            return None;
        }
        self.push(key, None, now, fresh_id)
    }

    /// Removes one version for good; returns it if it was there.
    pub(crate) fn delete_version(&mut self, key: &str, id: &str) -> Option<Version> {
        let versions = self.keys.get_mut(key)?;
        let position = versions.iter().position(|version| version.id == id)?;
        let removed = versions.remove(position);
        if versions.is_empty() {
            self.keys.remove(key);
        }
        Some(removed)
    }

    /// Whether answers name version IDs.
    pub(crate) fn keeps_versions(&self) -> bool {
        self.versioning != Versioning::Off
    }

    fn push(&mut self, key: &str, object: Option<Held>, now: Timestamp, fresh_id: String) -> Option<String> {
        let versions = match self.keys.get_mut(key) {
            Some(versions) => versions,
            None => self.keys.entry(key.to_owned()).or_default(),
        };
        let id = if self.versioning == Versioning::Enabled {
            Cow::Owned(fresh_id)
        } else {
            versions.retain(|version| version.id != NULL_VERSION);
            Cow::Borrowed(NULL_VERSION)
        };
        let told = (self.versioning != Versioning::Off).then(|| id.clone().into_owned());
        versions.push(Version { id, modified: now, object });
        told
    }
}

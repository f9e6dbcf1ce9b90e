//! The buckets: keys in order, each with its versions, and the multipart uploads that stand open.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

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
    /// Each key's versions, oldest first; never empty.
    pub(crate) keys: BTreeMap<String, Vec<Version>>,
    /// By key, then upload ID: the order in which they are listed.
    pub(crate) uploads: BTreeMap<(String, String), Upload>,
}

/// One version of a key: an object, or the mark that it was deleted.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) modified: Timestamp,
    /// `None` is a delete marker.
    pub(crate) blob: Option<Arc<Blob>>,
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
}

/// An object's bytes and everything said about them.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) data: Bytes,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) checksum: Checksum,
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
    pub(crate) size: usize,
    pub(crate) checksum: Option<String>,
}

impl Blob {
    /// An object as if uploaded by a client that sent nothing but bytes.
    pub(crate) fn plain(data: Bytes) -> Blob {
        Blob {
            etag: md5(&data),
            checksum: Checksum::of(Algorithm::Crc64Nvme, &data),
            headers: Headers::default(),
            tags: Vec::new(),
            kms_key: None,
            parts: Vec::new(),
            data,
        }
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
    /// The answer already given, so that a repeated completion is answered alike.
    pub(crate) initiator: String,
}

/// A part that was uploaded.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) data: Bytes,
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
            keys: BTreeMap::new(),
            uploads: BTreeMap::new(),
        });
    }
}

impl Bucket {
    /// The newest version of a key, if it is an object.
    pub(crate) fn current(&self, key: &str) -> Option<(&Version, &Arc<Blob>)> {
        let version = self.keys.get(key)?.last()?;
        Some((version, version.blob.as_ref()?))
    }

    /// Stores an object as the newest version and returns its version ID, if versions are kept.
    pub(crate) fn put(&mut self, key: &str, blob: Blob, now: Timestamp, fresh_id: String) -> Option<String> {
        self.push(key, Some(Arc::new(blob)), now, fresh_id)
    }

    /// Deletes the way a plain DELETE does: for good, or by a marker whose ID is returned.
    pub(crate) fn delete(&mut self, key: &str, now: Timestamp, fresh_id: String) -> Option<String> {
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

    fn push(
        &mut self,
        key: &str,
        blob: Option<Arc<Blob>>,
        now: Timestamp,
        fresh_id: String,
    ) -> Option<String> {
        let versions = self.keys.entry(key.to_owned()).or_default();
        let id = if self.versioning == Versioning::Enabled {
            fresh_id
        } else {
            versions.retain(|version| version.id != NULL_VERSION);
            NULL_VERSION.to_owned()
        };
        versions.push(Version { id: id.clone(), modified: now, blob });
        (self.versioning != Versioning::Off).then_some(id)
    }
}

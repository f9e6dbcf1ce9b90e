//! One object in memory: how it is written, read and copied.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use jiff::Timestamp;
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::{BucketName, ObjectKey};

use super::{MemoryStore, at};
use crate::error::{ErrorKind, Missing, Operation, Result, StoreError};
use crate::object_store::{
    ByteRange, ChecksumChoice, Copied, Copy, CopySource, ETag, Got, MetadataDirective, ObjectInfo, Put,
    ReadCondition, Stored, Traits, WriteCondition,
};
use crate::payload::{ObjectBody, Payload};

/// The pieces in which bytes are read out: small enough that every object of interest has several.
const PIECE_BYTES: usize = 64 * 1024;

pub(super) struct Object {
    data: Bytes,
    info: ObjectInfo,
    etag: ETag,
    last_modified: Timestamp,
}

impl Object {
    pub(super) fn new(
        data: Bytes,
        etag: ETag,
        checksum: Option<Checksum>,
        traits: Traits,
        storage_class: Option<String>,
        last_modified: Timestamp,
    ) -> Self {
        let info = ObjectInfo {
            size_bytes: data.len() as u64,
            etag: Some(etag.clone()),
            last_modified: Some(last_modified),
            version: None,
            checksum,
            storage_class,
            traits: Traits {
                content_type: traits.content_type.or_else(|| Some("binary/octet-stream".into())),
                ..traits
            },
        };
        Self { data, info, etag, last_modified }
    }

    pub(super) fn info(&self) -> ObjectInfo {
        self.info.clone()
    }

    pub(super) fn etag(&self) -> &ETag {
        &self.etag
    }

    pub(super) fn last_modified(&self) -> Timestamp {
        self.last_modified
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.info.size_bytes
    }

    /// Returns the bytes of a range, `None` where it names none of a filled object.
    pub(super) fn slice(&self, range: Option<ByteRange>) -> Option<(u64, Bytes)> {
        let Some(range) = range else { return Some((0, self.data.clone())) };
        let (offset, length) = range.within(self.size_bytes())?;
        let (from, to) = (offset as usize, (offset + length) as usize);
        Some((offset, self.data.slice(from..to)))
    }

    pub(super) fn read(&self, range: Option<ByteRange>) -> Option<Got> {
        let (offset, mut data) = self.slice(range)?;
        let length = data.len() as u64;
        let pieces = std::iter::from_fn(move || {
            (!data.is_empty()).then(|| Ok(data.split_to(data.len().min(PIECE_BYTES))))
        });
        let body = ObjectBody::new(futures_util::stream::iter(pieces));
        Some(Got { info: self.info(), range: (offset, length), body })
    }

    /// Checks a condition in the order of RFC 9110, section 13.2.2.
    pub(super) fn check_read(
        &self,
        condition: &ReadCondition,
        error: impl Fn(ErrorKind) -> StoreError,
    ) -> Result<()> {
        // The wire has whole seconds.
        let modified_s = self.last_modified.as_second();
        let unmet = match (&condition.if_match, condition.if_unmodified_since) {
            (Some(tag), _) => *tag != self.etag,
            (None, Some(time)) => modified_s > time.as_second(),
            (None, None) => false,
        };
        if unmet {
            return Err(error(ErrorKind::PreconditionFailed).with_code("PreconditionFailed"));
        }
        let unchanged = match (&condition.if_none_match, condition.if_modified_since) {
            (Some(tag), _) => *tag == self.etag,
            (None, Some(time)) => modified_s <= time.as_second(),
            (None, None) => false,
        };
        if unchanged { Err(error(ErrorKind::NotModified)) } else { Ok(()) }
    }
}

/// Makes a tag that looks like S3's.
pub(super) fn etag_of(data: &[u8]) -> ETag {
    let hash = Checksum::of(Algorithm::Sha256, data);
    let hex: String = hash.as_bytes()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    ETag::new(&hex)
}

/// Reads a payload and checks it as the store at the other end would.
pub(super) async fn receive(
    payload: &Payload,
    choice: ChecksumChoice,
    fallback: Algorithm,
    error: impl Fn(ErrorKind) -> StoreError,
) -> Result<(Bytes, Checksum)> {
    let mut data = Vec::new();
    let mut stream = payload.open();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|source| error(ErrorKind::SourceFailed).because(source))?;
        data.extend_from_slice(&piece);
    }
    if data.len() as u64 != payload.length_bytes() {
        return Err(error(ErrorKind::SourceFailed).because("the source changed its length"));
    }
    let checksum = match choice {
        ChecksumChoice::Default => Checksum::of(fallback, &data),
        ChecksumChoice::Algorithm(algorithm) => Checksum::of(algorithm, &data),
        ChecksumChoice::Known(told) => {
            let seen = Checksum::of(told.algorithm(), &data);
            if seen != told {
                return Err(error(ErrorKind::ChecksumMismatch).with_code("BadDigest"));
            }
            seen
        }
    };
    Ok((data.into(), checksum))
}

/// Checks what must hold of the object that is about to be replaced.
pub(super) fn check_write(
    current: Option<&Arc<Object>>,
    condition: &WriteCondition,
    error: impl Fn(ErrorKind) -> StoreError,
) -> Result<()> {
    match (condition, current) {
        (WriteCondition::None, _) | (WriteCondition::IfAbsent, None) => Ok(()),
        (WriteCondition::IfMatch(tag), Some(object)) if *tag == object.etag => Ok(()),
        (WriteCondition::IfMatch(_), None) => {
            Err(error(ErrorKind::NotFound(Missing::Object)).with_code("NoSuchKey"))
        }
        _ => Err(error(ErrorKind::PreconditionFailed).with_code("PreconditionFailed")),
    }
}

impl MemoryStore {
    pub(super) fn object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Option<&str>,
        operation: Operation,
    ) -> Result<Arc<Object>> {
        let mut state = self.state();
        let content = state.content(bucket, operation)?;
        let known = version.is_none_or(|version| version == "null");
        content.objects.get(key).filter(|_| known).cloned().ok_or_else(|| {
            at(ErrorKind::NotFound(Missing::Object), operation, bucket, key).with_code("NoSuchKey")
        })
    }

    pub(super) async fn put_object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        payload: Payload,
        options: &Put,
    ) -> Result<Stored> {
        let error = |kind| at(kind, Operation::Put, bucket, key);
        self.state().content(bucket, Operation::Put)?;
        let (data, checksum) = receive(&payload, options.checksum, Algorithm::Crc64Nvme, error).await?;
        let etag = etag_of(&data);
        let object = Object::new(
            data,
            etag.clone(),
            Some(checksum),
            options.traits.clone(),
            options.storage_class.clone(),
            self.now(),
        );
        let mut state = self.state();
        let content = state.content(bucket, Operation::Put)?;
        check_write(content.objects.get(key), &options.condition, error)?;
        content.objects.insert(key.clone(), Arc::new(object));
        Ok(Stored { etag: Some(etag), version: None, checksum: Some(checksum) })
    }

    pub(super) fn copy_object(
        &self,
        source: &CopySource,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &Copy,
    ) -> Result<Copied> {
        let error = |kind| at(kind, Operation::Copy, bucket, key);
        let original = self.copy_source(source, Operation::Copy)?;
        let same = source.bucket == *bucket && source.key == *key;
        let traits = match &options.metadata {
            MetadataDirective::Copy if same && options.storage_class.is_none() => {
                return Err(error(ErrorKind::InvalidRequest).with_code("InvalidRequest"));
            }
            MetadataDirective::Copy => original.info.traits.clone(),
            MetadataDirective::Replace(traits) => traits.clone(),
        };
        let checksum = Checksum::of(Algorithm::Crc64Nvme, &original.data);
        let etag = etag_of(&original.data);
        let now = self.now();
        let object = Object::new(
            original.data.clone(),
            etag.clone(),
            Some(checksum),
            traits,
            options.storage_class.clone(),
            now,
        );
        let mut state = self.state();
        let content = state.content(bucket, Operation::Copy)?;
        check_write(content.objects.get(key), &options.condition, error)?;
        content.objects.insert(key.clone(), Arc::new(object));
        Ok(Copied { etag: Some(etag), last_modified: Some(now), version: None, checksum: Some(checksum) })
    }

    pub(super) fn copy_source(&self, source: &CopySource, operation: Operation) -> Result<Arc<Object>> {
        let object = self.object(&source.bucket, &source.key, source.version.as_deref(), operation)?;
        if source.if_match.as_ref().is_some_and(|tag| tag != object.etag()) {
            let error = at(ErrorKind::PreconditionFailed, operation, &source.bucket, &source.key);
            return Err(error.with_code("PreconditionFailed"));
        }
        Ok(object)
    }
}

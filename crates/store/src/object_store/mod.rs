//! The object store seam: what a store can do, in the words of S3's meaning and not of its wire.
//!
//! Every implementation passes the suite in `conformance` (the feature of that name). Parameters that may
//! default stand in one struct per call; what a call cannot do without are its arguments.

mod bucket;
mod listing;
mod multipart;
mod object;

use std::fmt;

use async_trait::async_trait;
use pintail_core::name::{BucketName, ObjectKey};

pub use bucket::{Bucket, BucketInfo, BucketPage, ListBuckets};
pub use listing::{List, ListPage, ListedObject, pages};
pub use multipart::{
    CompleteUpload, CreateUpload, ListParts, ListUploads, PartInfo, PartList, PartNumber, PartPage,
    PendingUpload, Upload, UploadMarker, UploadPage, UploadPart,
};
pub use object::{
    ByteRange, ChecksumChoice, Copied, Copy, CopySource, Delete, DeleteItem, DeleteOutcome, Deleted, ETag,
    Get, Got, Head, MetadataDirective, ObjectInfo, Put, ReadCondition, Stored, Traits, WriteCondition,
};

use crate::error::Result;
use crate::payload::Payload;

/// A store of objects in buckets.
///
/// Contract:
/// - A call that returns `Ok` has happened; one that returns an error may have happened if the error is a
///   [`Transport`](crate::ErrorKind::Transport) or [`Unavailable`](crate::ErrorKind::Unavailable) one.
/// - Reads see every write that returned before they began.
/// - Writes are whole or not at all, and checked by the store where a checksum is given.
/// - Dropping a call's future ends it; what it had begun may have happened.
#[async_trait]
pub trait ObjectStore: Send + Sync + fmt::Debug {
    /// Names the service: stores that name the same one reach the same buckets, whoever asks. `None` where that is not known.
    fn service(&self) -> Option<String> {
        None
    }

    /// Lists a page of the buckets of the account, by name.
    async fn list_buckets(&self, options: &ListBuckets) -> Result<BucketPage>;

    /// Creates a bucket in the store's region. [`AlreadyExists`](crate::ErrorKind::AlreadyExists) tells of anyone's.
    async fn create_bucket(&self, bucket: &BucketName) -> Result<()>;

    /// Deletes an empty bucket.
    async fn delete_bucket(&self, bucket: &BucketName) -> Result<()>;

    /// Looks up whether a bucket is there and may be listed, and where it lives.
    async fn head_bucket(&self, bucket: &BucketName) -> Result<BucketInfo>;

    /// Lists a page of the objects whose keys have a prefix, in the order of their keys' UTF-8 bytes.
    async fn list(&self, bucket: &BucketName, options: &List) -> Result<ListPage>;

    /// Looks up an object without its bytes.
    async fn head(&self, bucket: &BucketName, key: &ObjectKey, options: &Head) -> Result<ObjectInfo>;

    /// Reads an object or a part of it.
    async fn get(&self, bucket: &BucketName, key: &ObjectKey, options: &Get) -> Result<Got>;

    /// Writes an object.
    async fn put(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        payload: Payload,
        options: &Put,
    ) -> Result<Stored>;

    /// Deletes an object, or marks it deleted in a bucket with versions. A key without an object is no error.
    async fn delete(&self, bucket: &BucketName, key: &ObjectKey, options: &Delete) -> Result<Deleted>;

    /// Deletes up to 1,000 objects. The outcomes are in the order of the items, one for each.
    async fn delete_many(&self, bucket: &BucketName, items: &[DeleteItem]) -> Result<Vec<DeleteOutcome>>;

    /// Copies an object of at most 5 GiB within the store.
    async fn copy(
        &self,
        source: &CopySource,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &Copy,
    ) -> Result<Copied>;

    /// Begins a multipart upload.
    async fn create_upload(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &CreateUpload,
    ) -> Result<Upload>;

    /// Uploads a part: 5 MiB to 5 GiB, the last one may be shorter.
    async fn upload_part(
        &self,
        upload: &Upload,
        number: PartNumber,
        payload: Payload,
        options: &UploadPart,
    ) -> Result<PartInfo>;

    /// Copies a part, or a range of an object into a part.
    async fn upload_part_copy(
        &self,
        upload: &Upload,
        number: PartNumber,
        source: &CopySource,
        range: Option<ByteRange>,
    ) -> Result<PartInfo>;

    /// Lists a page of the parts of an upload, by number.
    async fn list_parts(&self, upload: &Upload, options: &ListParts) -> Result<PartPage>;

    /// Lists a page of the uploads of a bucket that are neither completed nor aborted, by key.
    async fn list_uploads(&self, bucket: &BucketName, options: &ListUploads) -> Result<UploadPage>;

    /// Makes the object of its parts. The parts must be in ascending order.
    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &PartList,
        options: &CompleteUpload,
    ) -> Result<Stored>;

    /// Forgets an upload and its parts. An upload that is not there is [`NotFound`](crate::ErrorKind::NotFound).
    async fn abort_upload(&self, upload: &Upload) -> Result<()>;
}

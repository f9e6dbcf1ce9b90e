//! Stores around a store, each adding one behaviour and passing everything else on: [`Limit`], [`ReadOnly`],
//! [`Trace`], [`Fault`].
//!
//! A wrapper says once what happens around a call (`Around`); the one forwarding of all calls below cannot leave one
//! out, since a missing method is a compile error for clippy and for us.

mod fault;
mod limit;
mod read_only;
mod trace;

use std::sync::Arc;

use async_trait::async_trait;
use pintail_core::checksum::Checksum;
use pintail_core::name::{BucketName, ObjectKey};

pub use fault::{Fault, FaultKind, Faults};
pub use limit::Limit;
pub use read_only::ReadOnly;
pub use trace::{Counts, Trace};

use crate::error::{Operation, Result};
use crate::object_store::{
    BucketInfo, BucketPage, ByteRange, CompleteUpload, Copied, Copy, CopySource, CreateUpload, Delete,
    DeleteItem, DeleteOutcome, Deleted, Get, Got, Head, List, ListBuckets, ListPage, ListParts, ListUploads,
    ObjectInfo, ObjectStore, PartInfo, PartList, PartNumber, PartPage, Put, Stored, Upload, UploadPage,
    UploadPart,
};
use crate::payload::{ObjectBody, Payload};

/// Which call is going through a wrapper.
#[derive(Clone, Copy, Debug)]
struct Passing<'a> {
    operation: Operation,
    bucket: Option<&'a BucketName>,
    key: Option<&'a ObjectKey>,
    /// How many bytes the call sends.
    sends_bytes: u64,
}

impl<'a> Passing<'a> {
    fn service(operation: Operation) -> Self {
        Self { operation, bucket: None, key: None, sends_bytes: 0 }
    }

    fn bucket(operation: Operation, bucket: &'a BucketName) -> Self {
        Self { operation, bucket: Some(bucket), key: None, sends_bytes: 0 }
    }

    fn object(operation: Operation, bucket: &'a BucketName, key: &'a ObjectKey) -> Self {
        Self { operation, bucket: Some(bucket), key: Some(key), sends_bytes: 0 }
    }

    fn upload(operation: Operation, upload: &'a Upload) -> Self {
        Self::object(operation, &upload.bucket, &upload.key)
    }

    fn sending(self, payload: &Payload) -> Self {
        Self { sends_bytes: payload.length_bytes(), ..self }
    }
}

/// What a wrapper does around every call.
trait Around: Send + Sync + std::fmt::Debug {
    /// Lives as long as the call, and for a read as long as its body.
    type Guard: Send;

    fn inner(&self) -> &Arc<dyn ObjectStore>;

    /// Makes the call, or does not.
    fn around<T: Send>(
        &self,
        passing: Passing<'_>,
        call: impl Future<Output = Result<T>> + Send,
    ) -> impl Future<Output = Result<(T, Self::Guard)>> + Send;

    /// Puts the wrapper around the bytes of a read. `promised` is what they are checked against.
    fn around_body(&self, guard: Self::Guard, promised: Option<Promised>, body: ObjectBody) -> ObjectBody;
}

/// The checksum of a read, where a store has one to hold its bytes against.
#[derive(Clone, Copy, Debug)]
struct Promised {
    checksum: Checksum,
    length_bytes: u64,
}

impl Promised {
    /// A slice has no checksum of its own, and one that is composed of parts says nothing of the bytes.
    fn of(got: &Got, options: &Get) -> Option<Self> {
        let whole = got.range == (0, got.info.size_bytes) && !options.unchecked;
        let checksum = got.info.checksum.filter(|checksum| whole && checksum.parts().is_none())?;
        Some(Self { checksum, length_bytes: got.range.1 })
    }
}

/// Makes one call with the wrapper around it.
macro_rules! pass {
    ($self:ident, $passing:expr, $call:expr) => {{ Ok($self.around($passing, $call).await?.0) }};
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<W: Around> ObjectStore for W {
    fn service(&self) -> Option<String> {
        self.inner().service()
    }

    async fn list_buckets(&self, options: &ListBuckets) -> Result<BucketPage> {
        pass!(self, Passing::service(Operation::ListBuckets), self.inner().list_buckets(options))
    }

    async fn create_bucket(&self, bucket: &BucketName) -> Result<()> {
        pass!(self, Passing::bucket(Operation::CreateBucket, bucket), self.inner().create_bucket(bucket))
    }

    async fn delete_bucket(&self, bucket: &BucketName) -> Result<()> {
        pass!(self, Passing::bucket(Operation::DeleteBucket, bucket), self.inner().delete_bucket(bucket))
    }

    async fn head_bucket(&self, bucket: &BucketName) -> Result<BucketInfo> {
        pass!(self, Passing::bucket(Operation::HeadBucket, bucket), self.inner().head_bucket(bucket))
    }

    async fn list(&self, bucket: &BucketName, options: &List) -> Result<ListPage> {
        pass!(self, Passing::bucket(Operation::List, bucket), self.inner().list(bucket, options))
    }

    async fn head(&self, bucket: &BucketName, key: &ObjectKey, options: &Head) -> Result<ObjectInfo> {
        let passing = Passing::object(Operation::Head, bucket, key);
        pass!(self, passing, self.inner().head(bucket, key, options))
    }

    async fn get(&self, bucket: &BucketName, key: &ObjectKey, options: &Get) -> Result<Got> {
        let passing = Passing::object(Operation::Get, bucket, key);
        let (got, guard) = self.around(passing, self.inner().get(bucket, key, options)).await?;
        let promised = Promised::of(&got, options);
        Ok(Got { body: self.around_body(guard, promised, got.body), ..got })
    }

    async fn put(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        payload: Payload,
        options: &Put,
    ) -> Result<Stored> {
        let passing = Passing::object(Operation::Put, bucket, key).sending(&payload);
        pass!(self, passing, self.inner().put(bucket, key, payload, options))
    }

    async fn delete(&self, bucket: &BucketName, key: &ObjectKey, options: &Delete) -> Result<Deleted> {
        let passing = Passing::object(Operation::Delete, bucket, key);
        pass!(self, passing, self.inner().delete(bucket, key, options))
    }

    async fn delete_many(&self, bucket: &BucketName, items: &[DeleteItem]) -> Result<Vec<DeleteOutcome>> {
        let passing = Passing::bucket(Operation::DeleteMany, bucket);
        pass!(self, passing, self.inner().delete_many(bucket, items))
    }

    async fn copy(
        &self,
        source: &CopySource,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &Copy,
    ) -> Result<Copied> {
        let passing = Passing::object(Operation::Copy, bucket, key);
        pass!(self, passing, self.inner().copy(source, bucket, key, options))
    }

    async fn create_upload(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &CreateUpload,
    ) -> Result<Upload> {
        let passing = Passing::object(Operation::CreateUpload, bucket, key);
        pass!(self, passing, self.inner().create_upload(bucket, key, options))
    }

    async fn upload_part(
        &self,
        upload: &Upload,
        number: PartNumber,
        payload: Payload,
        options: &UploadPart,
    ) -> Result<PartInfo> {
        let passing = Passing::upload(Operation::UploadPart, upload).sending(&payload);
        pass!(self, passing, self.inner().upload_part(upload, number, payload, options))
    }

    async fn upload_part_copy(
        &self,
        upload: &Upload,
        number: PartNumber,
        source: &CopySource,
        range: Option<ByteRange>,
    ) -> Result<PartInfo> {
        let passing = Passing::upload(Operation::UploadPartCopy, upload);
        pass!(self, passing, self.inner().upload_part_copy(upload, number, source, range))
    }

    async fn list_parts(&self, upload: &Upload, options: &ListParts) -> Result<PartPage> {
        let passing = Passing::upload(Operation::ListParts, upload);
        pass!(self, passing, self.inner().list_parts(upload, options))
    }

    async fn list_uploads(&self, bucket: &BucketName, options: &ListUploads) -> Result<UploadPage> {
        let passing = Passing::bucket(Operation::ListUploads, bucket);
        pass!(self, passing, self.inner().list_uploads(bucket, options))
    }

    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &PartList,
        options: &CompleteUpload,
    ) -> Result<Stored> {
        let passing = Passing::upload(Operation::CompleteUpload, upload);
        pass!(self, passing, self.inner().complete_upload(upload, parts, options))
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<()> {
        pass!(self, Passing::upload(Operation::AbortUpload, upload), self.inner().abort_upload(upload))
    }
}

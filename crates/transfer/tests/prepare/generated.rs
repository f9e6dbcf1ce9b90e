//! A store that has keys and nothing else: made on demand, each answer after a delay, so that a million of them cost nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use pintail_core::name::{BucketName, KeyPrefix, ObjectKey};
use pintail_store::error::Result;
use pintail_store::object_store::{
    BucketInfo, BucketPage, ByteRange, CompleteUpload, Copied, Copy, CopySource, CreateUpload, Delete,
    DeleteItem, DeleteOutcome, Deleted, ETag, Get, Got, Head, List, ListBuckets, ListPage, ListParts,
    ListUploads, ListedObject, ObjectInfo, PartInfo, PartList, PartNumber, PartPage, Put, Stored, Upload,
    UploadPage, UploadPart,
};
use pintail_store::{ErrorKind, ObjectStore, Operation, Payload, StoreError};
use pintail_transfer::site::Remote;

pub(crate) type Key = Box<dyn Fn(usize) -> String + Send + Sync>;

/// Keys by number, in ascending order.
pub(crate) struct Generated {
    pub(crate) count: usize,
    pub(crate) key: Key,
    pub(crate) delay: Duration,
    pub(crate) page: usize,
    pub(crate) lists: AtomicU64,
    pub(crate) under_way: AtomicUsize,
    pub(crate) at_once: AtomicUsize,
}

impl std::fmt::Debug for Generated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Generated")
    }
}

impl Generated {
    pub(crate) fn new(
        count: usize,
        delay_ms: u64,
        key: impl Fn(usize) -> String + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            count,
            key: Box::new(key),
            delay: Duration::from_millis(delay_ms),
            page: 1000,
            lists: AtomicU64::new(0),
            under_way: AtomicUsize::new(0),
            at_once: AtomicUsize::new(0),
        })
    }

    pub(crate) fn remote(self: &Arc<Self>, prefix: &str) -> Remote {
        let store = Arc::clone(self) as Arc<dyn ObjectStore>;
        Remote {
            store,
            bucket: "bucket".parse().unwrap(),
            prefix: prefix.parse::<KeyPrefix>().unwrap(),
            pressure: None,
        }
    }

    /// The number of keys before or with a text.
    fn position(&self, text: &str, with: bool) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = usize::midpoint(low, high);
            let key = (self.key)(middle);
            if *key < *text || with && key == text { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// Counts down also when a request is given up.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn no<T>(operation: Operation) -> Result<T> {
    Err(StoreError::new(ErrorKind::InvalidRequest, operation))
}

#[async_trait]
impl ObjectStore for Generated {
    async fn list(&self, _: &BucketName, options: &List) -> Result<ListPage> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.at_once.fetch_max(now, Ordering::SeqCst);
        let under_way = UnderWay(&self.under_way);
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        drop(under_way);
        let prefix = options.prefix.as_str();
        let after = options.continuation.as_deref().or(options.start_after.as_deref());
        let first = self.position(prefix, false).max(after.map_or(0, |after| self.position(after, true)));
        let page = options.max.map_or(self.page, |max| self.page.min(max as usize));
        let mut objects: Vec<ListedObject> = Vec::with_capacity(page);
        let mut number = first;
        while number < self.count && objects.len() < page {
            let key = (self.key)(number);
            if !key.starts_with(prefix) {
                break;
            }
            objects.push(ListedObject {
                key: key.parse::<ObjectKey>().unwrap(),
                size_bytes: number as u64 % 5_000_000,
                last_modified: Timestamp::from_second(1_790_000_000 + number as i64).unwrap(),
                etag: Some(ETag::new(&format!("{number:032x}"))),
                storage_class: None,
            });
            number += 1;
        }
        let more = number < self.count && (self.key)(number).starts_with(prefix);
        let next = objects.last().filter(|_| more).map(|last| last.key.to_string());
        Ok(ListPage { objects, prefixes: Vec::new(), next })
    }

    async fn list_buckets(&self, _: &ListBuckets) -> Result<BucketPage> {
        no(Operation::ListBuckets)
    }
    async fn create_bucket(&self, _: &BucketName) -> Result<()> {
        no(Operation::CreateBucket)
    }
    async fn delete_bucket(&self, _: &BucketName) -> Result<()> {
        no(Operation::DeleteBucket)
    }
    async fn head_bucket(&self, _: &BucketName) -> Result<BucketInfo> {
        no(Operation::HeadBucket)
    }
    async fn head(&self, _: &BucketName, _: &ObjectKey, _: &Head) -> Result<ObjectInfo> {
        no(Operation::Head)
    }
    async fn get(&self, _: &BucketName, _: &ObjectKey, _: &Get) -> Result<Got> {
        no(Operation::Get)
    }
    async fn put(&self, _: &BucketName, _: &ObjectKey, _: Payload, _: &Put) -> Result<Stored> {
        no(Operation::Put)
    }
    async fn delete(&self, _: &BucketName, _: &ObjectKey, _: &Delete) -> Result<Deleted> {
        no(Operation::Delete)
    }
    async fn delete_many(&self, _: &BucketName, _: &[DeleteItem]) -> Result<Vec<DeleteOutcome>> {
        no(Operation::DeleteMany)
    }
    async fn copy(&self, _: &CopySource, _: &BucketName, _: &ObjectKey, _: &Copy) -> Result<Copied> {
        no(Operation::Copy)
    }
    async fn create_upload(&self, _: &BucketName, _: &ObjectKey, _: &CreateUpload) -> Result<Upload> {
        no(Operation::CreateUpload)
    }
    async fn upload_part(&self, _: &Upload, _: PartNumber, _: Payload, _: &UploadPart) -> Result<PartInfo> {
        no(Operation::UploadPart)
    }
    async fn upload_part_copy(
        &self,
        _: &Upload,
        _: PartNumber,
        _: &CopySource,
        _: Option<ByteRange>,
    ) -> Result<PartInfo> {
        no(Operation::UploadPartCopy)
    }
    async fn list_parts(&self, _: &Upload, _: &ListParts) -> Result<PartPage> {
        no(Operation::ListParts)
    }
    async fn list_uploads(&self, _: &BucketName, _: &ListUploads) -> Result<UploadPage> {
        no(Operation::ListUploads)
    }
    async fn complete_upload(&self, _: &Upload, _: &PartList, _: &CompleteUpload) -> Result<Stored> {
        no(Operation::CompleteUpload)
    }
    async fn abort_upload(&self, _: &Upload) -> Result<()> {
        no(Operation::AbortUpload)
    }
}

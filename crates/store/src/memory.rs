//! A store in memory, honest enough to stand in for S3: the same conditions, ranges, orders, limits and errors.
//!
//! It keeps no versions and knows no permissions. Its entity tags are hashes of the content, as those of S3 look, but
//! not MD5. Time comes from the clock given, so that tests can pin it.

mod multipart;
mod object;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use jiff::Timestamp;
use pintail_core::name::{BucketName, KeyPrefix, ObjectKey, Region};
use pintail_core::seam::Clock;

use crate::error::{ErrorKind, Missing, Operation, Result, StoreError};
use crate::object_store::{
    Bucket, BucketInfo, BucketPage, ByteRange, CompleteUpload, Copied, Copy, CopySource, CreateUpload,
    Delete, DeleteItem, DeleteOutcome, Deleted, Get, Got, Head, List, ListBuckets, ListPage, ListParts,
    ListUploads, ListedObject, ObjectInfo, ObjectStore, PartInfo, PartList, PartNumber, PartPage, Put,
    Stored, Upload, UploadPage, UploadPart,
};
use crate::payload::Payload;
use multipart::Pending;
use object::Object;

/// The most that a page of a listing holds.
const PAGE_MAX: usize = 1000;

/// A store in memory. Clones share their content.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    region: Region,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    buckets: BTreeMap<BucketName, Content>,
    uploads_begun: u64,
}

struct Content {
    created: Timestamp,
    objects: BTreeMap<ObjectKey, Arc<Object>>,
    uploads: HashMap<String, Pending>,
}

impl MemoryStore {
    /// Makes an empty store in a region.
    pub fn new(region: Region, clock: Arc<dyn Clock>) -> Self {
        Self { shared: Arc::new(Shared { region, clock, state: Mutex::default() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no holder of this lock panics")
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }
}

impl State {
    fn content(&mut self, bucket: &BucketName, operation: Operation) -> Result<&mut Content> {
        self.buckets.get_mut(bucket).ok_or_else(|| {
            StoreError::new(ErrorKind::NotFound(Missing::Bucket), operation)
                .at(bucket, None)
                .with_code("NoSuchBucket")
        })
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("region", &self.shared.region).finish_non_exhaustive()
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn list_buckets(&self, options: &ListBuckets) -> Result<BucketPage> {
        let state = self.state();
        let prefix = options.prefix.as_deref().unwrap_or_default();
        let after = options.continuation.as_deref().unwrap_or_default();
        let mut found = state
            .buckets
            .iter()
            .filter(|(name, _)| name.as_str().starts_with(prefix) && name.as_str() > after)
            .map(|(name, content)| Bucket {
                name: name.clone(),
                created: Some(content.created),
                region: Some(self.shared.region.clone()),
            });
        let max = options.max.map_or(usize::MAX, |max| max as usize);
        let buckets: Vec<_> = found.by_ref().take(max).collect();
        let next = found.next().and_then(|_| Some(buckets.last()?.name.to_string()));
        Ok(BucketPage { buckets, next })
    }

    async fn create_bucket(&self, bucket: &BucketName) -> Result<()> {
        let error = |kind| StoreError::new(kind, Operation::CreateBucket).at(bucket, None);
        bucket.check_new().map_err(|rule| error(ErrorKind::InvalidRequest).because(rule))?;
        let created = self.now();
        let mut state = self.state();
        if state.buckets.contains_key(bucket) {
            return Err(error(ErrorKind::AlreadyExists).with_code("BucketAlreadyOwnedByYou"));
        }
        let content = Content { created, objects: BTreeMap::new(), uploads: HashMap::new() };
        state.buckets.insert(bucket.clone(), content);
        Ok(())
    }

    async fn delete_bucket(&self, bucket: &BucketName) -> Result<()> {
        let mut state = self.state();
        if !state.content(bucket, Operation::DeleteBucket)?.objects.is_empty() {
            return Err(StoreError::new(ErrorKind::NotEmpty, Operation::DeleteBucket)
                .at(bucket, None)
                .with_code("BucketNotEmpty"));
        }
        state.buckets.remove(bucket);
        Ok(())
    }

    async fn head_bucket(&self, bucket: &BucketName) -> Result<BucketInfo> {
        self.state().content(bucket, Operation::HeadBucket)?;
        Ok(BucketInfo { region: Some(self.shared.region.clone()) })
    }

    async fn list(&self, bucket: &BucketName, options: &List) -> Result<ListPage> {
        let mut state = self.state();
        let content = state.content(bucket, Operation::List)?;
        Ok(list_page(&content.objects, options))
    }

    async fn head(&self, bucket: &BucketName, key: &ObjectKey, options: &Head) -> Result<ObjectInfo> {
        let object = self.object(bucket, key, options.version.as_deref(), Operation::Head)?;
        object.check_read(&options.condition, |kind| at(kind, Operation::Head, bucket, key))?;
        Ok(object.info())
    }

    async fn get(&self, bucket: &BucketName, key: &ObjectKey, options: &Get) -> Result<Got> {
        let object = self.object(bucket, key, options.version.as_deref(), Operation::Get)?;
        let error = |kind| at(kind, Operation::Get, bucket, key);
        object.check_read(&options.condition, error)?;
        object.read(options.range).ok_or_else(|| error(ErrorKind::InvalidRange).with_code("InvalidRange"))
    }

    async fn put(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        payload: Payload,
        options: &Put,
    ) -> Result<Stored> {
        self.put_object(bucket, key, payload, options).await
    }

    async fn delete(&self, bucket: &BucketName, key: &ObjectKey, options: &Delete) -> Result<Deleted> {
        let mut state = self.state();
        let content = state.content(bucket, Operation::Delete)?;
        if let Some(tag) = &options.if_match {
            match content.objects.get(key) {
                Some(object) if object.etag() == tag => {}
                Some(_) => return Err(at(ErrorKind::PreconditionFailed, Operation::Delete, bucket, key)),
                None => {
                    return Err(at(ErrorKind::NotFound(Missing::Object), Operation::Delete, bucket, key));
                }
            }
        }
        if options.version.as_deref().is_none_or(|version| version == "null") {
            content.objects.remove(key);
        }
        Ok(Deleted::default())
    }

    async fn delete_many(&self, bucket: &BucketName, items: &[DeleteItem]) -> Result<Vec<DeleteOutcome>> {
        if items.len() > PAGE_MAX {
            let kind = ErrorKind::InvalidArgument("more than 1,000 objects in one deletion");
            return Err(StoreError::new(kind, Operation::DeleteMany).at(bucket, None));
        }
        self.state().content(bucket, Operation::DeleteMany)?;
        let mut outcomes = Vec::with_capacity(items.len());
        for item in items {
            let options = Delete { version: item.version.clone(), if_match: item.if_match.clone() };
            outcomes.push(match self.delete(bucket, &item.key, &options).await {
                Err(error) if *error.kind() == ErrorKind::NotFound(Missing::Object) => Ok(Deleted::default()),
                outcome => outcome,
            });
        }
        Ok(outcomes)
    }

    async fn copy(
        &self,
        source: &CopySource,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &Copy,
    ) -> Result<Copied> {
        self.copy_object(source, bucket, key, options)
    }

    async fn create_upload(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &CreateUpload,
    ) -> Result<Upload> {
        self.begin(bucket, key, options)
    }

    async fn upload_part(
        &self,
        upload: &Upload,
        number: PartNumber,
        payload: Payload,
        options: &UploadPart,
    ) -> Result<PartInfo> {
        self.add_part(upload, number, payload, options).await
    }

    async fn upload_part_copy(
        &self,
        upload: &Upload,
        number: PartNumber,
        source: &CopySource,
        range: Option<ByteRange>,
    ) -> Result<PartInfo> {
        self.copy_part(upload, number, source, range)
    }

    async fn list_parts(&self, upload: &Upload, options: &ListParts) -> Result<PartPage> {
        self.parts(upload, options)
    }

    async fn list_uploads(&self, bucket: &BucketName, options: &ListUploads) -> Result<UploadPage> {
        self.uploads(bucket, options)
    }

    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &PartList,
        options: &CompleteUpload,
    ) -> Result<Stored> {
        self.complete(upload, parts, options)
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<()> {
        self.abort(upload)
    }
}

/// Makes an error about an object.
fn at(kind: ErrorKind, operation: Operation, bucket: &BucketName, key: &ObjectKey) -> StoreError {
    StoreError::new(kind, operation).at(bucket, Some(key))
}

/// Walks the keys in order, rolling up those that share a prefix up to the delimiter.
fn list_page(objects: &BTreeMap<ObjectKey, Arc<Object>>, options: &List) -> ListPage {
    let max = options.max.map_or(PAGE_MAX, |max| (max as usize).min(PAGE_MAX));
    let prefix = options.prefix.as_str();
    let after = options.continuation.as_deref().or(options.start_after.as_deref()).unwrap_or_default();
    let mut page = ListPage::default();
    let mut last = String::new();
    let start = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
    for (key, object) in objects {
        let text = key.as_str();
        let before_start = match start {
            Bound::Included(start) => text < start,
            Bound::Excluded(start) => text <= start,
            Bound::Unbounded => false,
        };
        if before_start || !text.starts_with(prefix) {
            continue;
        }
        let rolled =
            options.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()).and_then(|delimiter| {
                Some(&text[..prefix.len() + text[prefix.len()..].find(delimiter)? + delimiter.len()])
            });
        // A prefix is listed once, and not again when the page before ended with it.
        if rolled.is_some_and(|rolled| rolled == last || after.starts_with(rolled)) {
            continue;
        }
        if page.objects.len() + page.prefixes.len() == max {
            page.next = (max > 0).then_some(last);
            return page;
        }
        match rolled {
            Some(rolled) => {
                rolled.clone_into(&mut last);
                page.prefixes.extend(rolled.parse::<KeyPrefix>());
            }
            None => {
                text.clone_into(&mut last);
                page.objects.push(ListedObject {
                    key: key.clone(),
                    size_bytes: object.size_bytes(),
                    last_modified: object.last_modified(),
                    etag: Some(object.etag().clone()),
                    storage_class: None,
                });
            }
        }
    }
    page
}

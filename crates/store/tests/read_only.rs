//! A read-only store refuses every write before it is made, and lets every read through.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::sync::Arc;

use pintail_core::name::{BucketName, ObjectKey};
use pintail_core::seam::ManualClock;
use pintail_store::error::Result;
use pintail_store::object_store::{
    CompleteUpload, Copy, CopySource, CreateUpload, Delete, Get, Head, List, ListBuckets, ListParts,
    ListUploads, PartList, PartNumber, Put, Upload, UploadPart,
};
use pintail_store::wrap::ReadOnly;
use pintail_store::{ErrorKind, MemoryStore, ObjectStore, Operation, Payload};

struct Stage {
    bucket: BucketName,
    key: ObjectKey,
    upload: Upload,
    parts: PartList,
}

async fn set_up(store: &dyn ObjectStore) -> Stage {
    let (bucket, key): (BucketName, ObjectKey) = ("bucket".parse().unwrap(), "key".parse().unwrap());
    store.create_bucket(&bucket).await.unwrap();
    store.put(&bucket, &key, Payload::from_bytes("0123456789"), &Put::default()).await.unwrap();
    let upload = store.create_upload(&bucket, &key, &CreateUpload::default()).await.unwrap();
    let one = PartNumber::new(1).unwrap();
    let part = store.upload_part(&upload, one, Payload::from_bytes("x"), &UploadPart::default()).await;
    let parts = PartList::new(vec![part.unwrap()]).unwrap();
    Stage { bucket, key, upload, parts }
}

async fn call(store: &dyn ObjectStore, on: &Stage, operation: Operation) -> Result<()> {
    let Stage { bucket, key, upload, parts } = on;
    let source = CopySource::new(bucket.clone(), key.clone());
    let two = PartNumber::new(2).unwrap();
    let bytes = Payload::from_bytes("y");
    match operation {
        Operation::AbortUpload => store.abort_upload(upload).await,
        Operation::CompleteUpload => {
            store.complete_upload(upload, parts, &CompleteUpload::default()).await.map(drop)
        }
        Operation::Copy => store.copy(&source, bucket, key, &Copy::default()).await.map(drop),
        Operation::CreateBucket => store.create_bucket(&"another".parse().unwrap()).await,
        Operation::CreateUpload => store.create_upload(bucket, key, &CreateUpload::default()).await.map(drop),
        Operation::Delete => store.delete(bucket, key, &Delete::default()).await.map(drop),
        Operation::DeleteBucket => store.delete_bucket(bucket).await,
        Operation::DeleteMany => store.delete_many(bucket, &[key.clone().into()]).await.map(drop),
        Operation::Get => store.get(bucket, key, &Get::default()).await.map(drop),
        Operation::Head => store.head(bucket, key, &Head::default()).await.map(drop),
        Operation::HeadBucket => store.head_bucket(bucket).await.map(drop),
        Operation::List => store.list(bucket, &List::default()).await.map(drop),
        Operation::ListBuckets => store.list_buckets(&ListBuckets::default()).await.map(drop),
        Operation::ListParts => store.list_parts(upload, &ListParts::default()).await.map(drop),
        Operation::ListUploads => store.list_uploads(bucket, &ListUploads::default()).await.map(drop),
        Operation::Put => store.put(bucket, key, bytes, &Put::default()).await.map(drop),
        Operation::UploadPart => {
            store.upload_part(upload, two, bytes, &UploadPart::default()).await.map(drop)
        }
        Operation::UploadPartCopy => store.upload_part_copy(upload, two, &source, None).await.map(drop),
        Operation::CreateJob
        | Operation::DescribeJob
        | Operation::GetLifecycle
        | Operation::ListJobs
        | Operation::Presign
        | Operation::PutLifecycle
        | Operation::UpdateJob => unreachable!("no call of a store"),
    }
}

#[tokio::test]
async fn no_write_passes_and_every_read_does() {
    let clock = ManualClock::new("2026-11-23T12:00:00Z".parse().unwrap());
    let inner: Arc<dyn ObjectStore> =
        Arc::new(MemoryStore::new("eu-central-1".parse().unwrap(), Arc::new(clock)));
    let on = set_up(inner.as_ref()).await;
    let guarded = ReadOnly::new(Arc::clone(&inner));
    for operation in Operation::ALL {
        match call(&guarded, &on, operation).await {
            Err(error) => {
                assert!(operation.writes(), "{operation:?}: {error}");
                assert_eq!((error.kind(), error.operation()), (&ErrorKind::ReadOnly, operation));
            }
            Ok(()) => assert!(!operation.writes(), "{operation:?} went through"),
        }
    }
    // Nothing of it had happened: each of them works on the store itself.
    for operation in [Operation::Put, Operation::CompleteUpload, Operation::CreateBucket, Operation::Delete] {
        call(inner.as_ref(), &on, operation).await.unwrap();
    }
}

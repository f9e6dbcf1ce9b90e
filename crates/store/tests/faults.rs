//! Every call can be broken, in every way, and the calls after it work.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use pintail_core::seam::{HttpErrorKind, ManualClock};
use pintail_store::object_store::{
    ByteRange, CompleteUpload, Copy, CopySource, CreateUpload, Delete, Get, Head, List, ListBuckets,
    ListParts, ListUploads, PartList, PartNumber, Put, UploadPart,
};
use pintail_store::wrap::{Fault, FaultKind, Faults, Limit, Trace};
use pintail_store::{ErrorKind, MemoryStore, ObjectStore, Operation, Payload, StoreError, error::Result};

fn memory() -> Arc<dyn ObjectStore> {
    let clock = ManualClock::new("2026-11-23T12:00:00Z".parse().unwrap());
    Arc::new(MemoryStore::new("eu-central-1".parse().unwrap(), Arc::new(clock)))
}

/// Makes every call once and returns the operation that failed, if one did.
async fn everything(store: &dyn ObjectStore) -> Result<()> {
    let bucket = "bucket".parse().unwrap();
    let (key, copy) = ("key".parse().unwrap(), "copy".parse().unwrap());
    let one = PartNumber::new(1).unwrap();
    store.create_bucket(&bucket).await?;
    store.list_buckets(&ListBuckets::default()).await?;
    store.head_bucket(&bucket).await?;
    store.put(&bucket, &key, Payload::from_bytes("0123456789"), &Put::default()).await?;
    store.head(&bucket, &key, &Head::default()).await?;
    store.get(&bucket, &key, &Get::default()).await?.body.collect(100).await?;
    store.list(&bucket, &List::default()).await?;
    let source = CopySource::new(bucket.clone(), key.clone());
    store.copy(&source, &bucket, &copy, &Copy::default()).await?;
    let upload = store.create_upload(&bucket, &key, &CreateUpload::default()).await?;
    let part = store.upload_part(&upload, one, Payload::from_bytes("x"), &UploadPart::default()).await?;
    let range = Some(ByteRange::Slice { offset: 0, length_bytes: 1 });
    store.upload_part_copy(&upload, PartNumber::MAX, &source, range).await?;
    store.list_parts(&upload, &ListParts::default()).await?;
    store.list_uploads(&bucket, &ListUploads::default()).await?;
    store.complete_upload(&upload, &PartList::new(vec![part]).unwrap(), &CompleteUpload::default()).await?;
    let upload = store.create_upload(&bucket, &key, &CreateUpload::default()).await?;
    store.abort_upload(&upload).await?;
    store.delete(&bucket, &key, &Delete::default()).await?;
    store.delete_many(&bucket, &[copy.into()]).await?;
    store.delete_bucket(&bucket).await
}

#[tokio::test(start_paused = true)]
async fn every_call_can_be_broken_in_every_way() {
    let cut = ErrorKind::Transport(HttpErrorKind::Interrupted);
    for operation in Operation::ALL {
        for (kind, expected) in [
            (FaultKind::Fail(ErrorKind::PermissionDenied), Some(ErrorKind::PermissionDenied)),
            (FaultKind::FailAfterwards(cut.clone()), Some(cut.clone())),
            (FaultKind::CutBody(4), Some(cut.clone())),
            (FaultKind::FlipByte(4), Some(ErrorKind::ChecksumMismatch)),
            (FaultKind::Slow(Duration::from_secs(60)), None),
        ] {
            let fault = Fault { operation: Some(operation), nth: 1, kind: kind.clone() };
            let faults = Faults::new(memory(), [fault]);
            let failed = everything(&faults).await.err();
            assert_eq!(failed.as_ref().map(StoreError::kind), expected.as_ref(), "{operation:?} {kind:?}");
            if let Some(error) = failed {
                assert_eq!(error.operation(), operation, "{kind:?}");
            }
            assert_eq!(faults.outstanding(), []);
        }
        let hang = Fault { operation: Some(operation), nth: 1, kind: FaultKind::Hang };
        let faults = Faults::new(memory(), [hang]);
        assert!(everything(&faults).now_or_never().is_none(), "{operation:?}");
    }
}

#[tokio::test]
async fn a_changed_byte_is_noticed_where_there_is_a_checksum_and_nowhere_else() {
    let (bucket, key) = ("bucket".parse().unwrap(), "key".parse().unwrap());
    let inner = memory();
    inner.create_bucket(&bucket).await.unwrap();
    inner.put(&bucket, &key, Payload::from_bytes("0123456789"), &Put::default()).await.unwrap();
    let slice = Some(ByteRange::Slice { offset: 0, length_bytes: 6 });
    for (at, options, expected) in [
        (4, Get::default(), Err(ErrorKind::ChecksumMismatch)),
        // No such byte: nothing is changed.
        (10, Get::default(), Ok("0123456789")),
        (4, Get { unchecked: true, ..Get::default() }, Ok("0123556789")),
        (4, Get { range: slice, ..Get::default() }, Ok("012355")),
    ] {
        let fault = Fault { operation: Some(Operation::Get), nth: 1, kind: FaultKind::FlipByte(at) };
        let faults = Faults::new(Arc::clone(&inner), [fault]);
        let read = faults.get(&bucket, &key, &options).await.unwrap().body.collect(100).await;
        let read = read.map_err(|error| error.kind().clone());
        assert_eq!(read, expected.map(bytes::Bytes::from), "{at} {options:?}");
        faults.get(&bucket, &key, &Get::default()).await.unwrap().body.collect(100).await.unwrap();
    }
}

#[tokio::test]
async fn calls_are_counted_through_all_operations() {
    let whole = Faults::new(memory(), []);
    everything(&whole).await.unwrap();
    for nth in 1..=whole.calls() {
        let kind = FaultKind::Fail(ErrorKind::Unavailable);
        let faults = Faults::new(memory(), [Fault { operation: None, nth, kind }]);
        assert!(everything(&faults).await.is_err(), "call {nth}");
        assert_eq!(faults.calls(), nth);
    }
}

#[tokio::test]
async fn traces_count_calls_and_bytes() {
    let fault =
        Fault { operation: Some(Operation::List), nth: 1, kind: FaultKind::Fail(ErrorKind::Unavailable) };
    let trace = Trace::new(Arc::new(Faults::new(memory(), [fault])));
    everything(&trace).await.unwrap_err();
    let counts = trace.counts();
    assert_eq!((counts.calls, counts.failed), (7, 1));
    assert_eq!((counts.sent_bytes, counts.read_bytes), (10, 10));
    assert_eq!(trace.counts_of(Operation::List).failed, 1);
}

#[tokio::test]
async fn a_read_holds_its_place_until_its_body_is_done() {
    let limit = Limit::new(memory(), 1);
    let (bucket, key) = ("bucket".parse().unwrap(), "key".parse().unwrap());
    limit.create_bucket(&bucket).await.unwrap();
    limit.put(&bucket, &key, Payload::from_bytes("x"), &Put::default()).await.unwrap();
    let got = limit.get(&bucket, &key, &Get::default()).await.unwrap();
    assert!(limit.head_bucket(&bucket).now_or_never().is_none());
    drop(got.body);
    limit.head_bucket(&bucket).await.unwrap();
}

//! Cases about buckets.

use pintail_core::name::BucketName;

use super::{Ground, assert_fails, key};
use crate::error::{ErrorKind, Missing};
use crate::object_store::{Get, List, ListBuckets, Put};
use crate::payload::Payload;

/// A bucket that was created is there, and one that was deleted is not.
pub async fn buckets_come_and_go(on: &Ground) {
    let bucket: BucketName = format!("{}-x", on.bucket).parse().expect("a bucket name");
    on.store.create_bucket(&bucket).await.expect("a bucket is created");
    on.store.head_bucket(&bucket).await.expect("a bucket is found");
    if on.can.refuses_second_bucket {
        assert_fails(on.store.create_bucket(&bucket).await, &ErrorKind::AlreadyExists);
    }
    let page = on.store.list_buckets(&ListBuckets::default()).await.expect("buckets are listed");
    assert!(page.buckets.iter().any(|listed| listed.name == bucket));
    on.store.delete_bucket(&bucket).await.expect("a bucket is deleted");
    assert_fails(on.store.head_bucket(&bucket).await, &ErrorKind::NotFound(Missing::Bucket));
}

/// Pages of buckets add up to all of them.
pub async fn buckets_are_listed_in_pages(on: &Ground) {
    let mut seen = Vec::new();
    let mut options = ListBuckets { max: Some(1), ..ListBuckets::default() };
    loop {
        let page = on.store.list_buckets(&options).await.expect("buckets are listed");
        seen.extend(page.buckets.into_iter().map(|bucket| bucket.name));
        match page.next {
            Some(next) => options.continuation = Some(next),
            None => break,
        }
    }
    assert!(seen.contains(&on.bucket));
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
}

/// A bucket is deleted only when it is empty.
pub async fn a_filled_bucket_stays(on: &Ground) {
    if !on.can.refuses_filled_buckets {
        return;
    }
    on.put("object", "x").await;
    assert_fails(on.store.delete_bucket(&on.bucket).await, &ErrorKind::NotEmpty);
    assert_eq!(on.read("object").await, "x");
}

/// Calls about a bucket that is not there say so.
pub async fn a_missing_bucket_is_told(on: &Ground) {
    let nowhere: BucketName = "conformance-nowhere".parse().expect("a bucket name");
    let missing = ErrorKind::NotFound(Missing::Bucket);
    assert_fails(on.store.list(&nowhere, &List::default()).await, &missing);
    assert_fails(on.store.delete_bucket(&nowhere).await, &missing);
    assert_fails(on.store.get(&nowhere, &key("k"), &Get::default()).await, &missing);
    if on.can.needs_bucket {
        let put = on.store.put(&nowhere, &key("k"), Payload::from_bytes("x"), &Put::default()).await;
        assert_fails(put, &missing);
    }
}

//! Listing buckets, folders and everything below.

use std::sync::Arc;

use futures_util::TryStreamExt;
use pintail_core::address::Address;
use pintail_core::name::{BucketName, KeyPrefix, ObjectKey};
use pintail_store::object_store::{Bucket, List, ListBuckets, ListedObject, ObjectStore, pages};
use pintail_transfer::listing;
use pintail_transfer::site::Remote;

use super::{App, Error};

/// The most buckets a page may have: S3 refuses to list more than 10,000 without pages, and answers pages of this size quickly.
const BUCKETS_A_PAGE: u32 = 1000;

/// One line of a listing.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A bucket.
    Bucket(Bucket),
    /// A folder: what keys have in common up to a slash.
    Prefix(BucketName, KeyPrefix),
    /// An object.
    Object(BucketName, ListedObject),
}

/// Gives every entry to `sink` as it arrives, in the order of the service.
pub(crate) async fn list(
    app: &App,
    address: &Address,
    recursive: bool,
    sink: &mut (dyn FnMut(Entry) -> std::io::Result<()> + Send),
) -> Result<(), Error> {
    let connected = app.connect(address).await?;
    let Some(bucket) = &address.bucket else { return list_buckets(&connected.store, sink).await };
    let mut found = false;
    if recursive {
        let remote = Remote {
            store: Arc::clone(&connected.store),
            bucket: bucket.clone(),
            prefix: address.key.clone(),
            pressure: None,
        };
        let options = listing::Options { page: connected.tuning.list_page, ..listing::Options::default() };
        let mut pages = listing::object_pages(&remote, &options);
        while let Some(page) = pages.try_next().await? {
            for object in page {
                found = true;
                sink(Entry::Object(bucket.clone(), object)).map_err(Error::Stdio)?;
            }
        }
        return nothing(&connected.store, bucket, address, found).await;
    }
    let options = List {
        prefix: address.key.clone(),
        delimiter: Some("/".into()),
        max: connected.tuning.list_page,
        ..List::default()
    };
    let mut pages = std::pin::pin!(pages(Arc::clone(&connected.store), bucket.clone(), options));
    while let Some(page) = pages.try_next().await? {
        for entry in merged(bucket, page.objects, page.prefixes) {
            found = true;
            sink(entry).map_err(Error::Stdio)?;
        }
    }
    nothing(&connected.store, bucket, address, found).await
}

/// `ls bucket/nothing` should not look like success of something: but an empty folder or bucket is none of it.
async fn nothing(
    store: &Arc<dyn ObjectStore>,
    bucket: &BucketName,
    address: &Address,
    found: bool,
) -> Result<(), Error> {
    if !found && !address.is_folder() {
        let key: ObjectKey = address.key.as_str().parse()?;
        store.head(bucket, &key, &pintail_store::object_store::Head::default()).await?;
    }
    Ok(())
}

async fn list_buckets(
    store: &Arc<dyn ObjectStore>,
    sink: &mut (dyn FnMut(Entry) -> std::io::Result<()> + Send),
) -> Result<(), Error> {
    let mut options = ListBuckets { max: Some(BUCKETS_A_PAGE), ..ListBuckets::default() };
    loop {
        let page = store.list_buckets(&options).await?;
        for bucket in page.buckets {
            sink(Entry::Bucket(bucket)).map_err(Error::Stdio)?;
        }
        match page.next {
            Some(next) => options.continuation = Some(next),
            None => return Ok(()),
        }
    }
}

/// Puts the objects and folders of a page into one order: by the bytes of their names.
fn merged(bucket: &BucketName, objects: Vec<ListedObject>, prefixes: Vec<KeyPrefix>) -> Vec<Entry> {
    let mut merged = Vec::with_capacity(objects.len() + prefixes.len());
    let mut prefixes = prefixes.into_iter().peekable();
    for object in objects {
        while let Some(prefix) = prefixes.next_if(|prefix| prefix.as_str() < object.key.as_str()) {
            merged.push(Entry::Prefix(bucket.clone(), prefix));
        }
        merged.push(Entry::Object(bucket.clone(), object));
    }
    merged.extend(prefixes.map(|prefix| Entry::Prefix(bucket.clone(), prefix)));
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_folders_come_in_one_order() {
        let object = |key: &str| ListedObject {
            key: key.parse().unwrap(),
            size_bytes: 0,
            last_modified: jiff::Timestamp::UNIX_EPOCH,
            etag: None,
            storage_class: None,
        };
        let bucket: BucketName = "bucket".parse().unwrap();
        let entries = merged(
            &bucket,
            vec![object("b"), object("d")],
            vec!["a/".parse().unwrap(), "c/".parse().unwrap(), "e/".parse().unwrap()],
        );
        let names: Vec<String> = entries
            .iter()
            .map(|entry| match entry {
                Entry::Prefix(_, prefix) => prefix.to_string(),
                Entry::Object(_, object) => object.key.to_string(),
                Entry::Bucket(bucket) => bucket.name.to_string(),
            })
            .collect();
        assert_eq!(names, ["a/", "b", "c/", "d", "e/"]);
    }
}

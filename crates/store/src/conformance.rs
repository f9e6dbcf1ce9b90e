//! What every object store must do, as functions that take any store.
//!
//! Each case works in a bucket of its own and panics when a promise is broken. [`conformance_cases!`](crate::conformance_cases)
//! makes one test of each. Where a service is known to deviate, its [`Capabilities`] say so, and the case checks what
//! is left of the promise.

mod buckets;
mod listing;
mod multipart;
mod objects;

use std::sync::Arc;

pub use buckets::*;
use bytes::Bytes;
pub use listing::*;
pub use multipart::*;
pub use objects::*;
use pintail_core::name::{BucketName, ObjectKey};

use crate::error::{ErrorKind, Result, StoreError};
use crate::object_store::{DeleteItem, Get, List, ListUploads, ObjectStore, Put, Stored};
use crate::payload::Payload;

/// What a store can do of what not every service can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Keys such as `a//b`, `/a` and `a/../b` are kept as they are.
    pub verbatim_keys: bool,
    /// Listings are in the order of the keys' bytes; else in that of a tree of folders.
    pub byte_order: bool,
    /// An object whose key ends with a slash holds bytes.
    pub filled_folders: bool,
    /// A part that was sent again is listed once.
    pub replaced_parts_vanish: bool,
    /// Keys may hold control characters.
    pub control_characters: bool,
    /// The store refuses bytes whose checksum is another than the one told.
    pub checks_checksums: bool,
    /// The store tells checksums on reading.
    pub tells_checksums: bool,
    /// Writes may be conditional on absence.
    pub conditional_put: bool,
    /// Writes may be conditional on a tag.
    pub conditional_put_by_tag: bool,
    /// Completing an upload may be conditional.
    pub conditional_complete: bool,
    /// Deletes may be conditional.
    pub conditional_delete: bool,
    /// Parts below 5 MiB are refused unless they are last.
    pub part_minimum: bool,
    /// A bucket with objects is not deleted.
    pub refuses_filled_buckets: bool,
    /// Creating a bucket twice is an error.
    pub refuses_second_bucket: bool,
    /// A write to a bucket that is not there is an error.
    pub needs_bucket: bool,
    /// Metadata values other than plain ASCII come back as they were.
    pub unicode_metadata: bool,
    /// Uploads that are under way are listed with their full keys and page by page.
    pub lists_uploads: bool,
}

impl Capabilities {
    /// Everything: what Amazon S3 does.
    pub const ALL: Self = Self {
        verbatim_keys: true,
        byte_order: true,
        filled_folders: true,
        replaced_parts_vanish: true,
        control_characters: true,
        checks_checksums: true,
        tells_checksums: true,
        conditional_put: true,
        conditional_put_by_tag: true,
        conditional_complete: true,
        conditional_delete: true,
        part_minimum: true,
        refuses_filled_buckets: true,
        refuses_second_bucket: true,
        needs_bucket: true,
        unicode_metadata: true,
        lists_uploads: true,
    };
}

/// Where a case takes place.
#[derive(Debug)]
pub struct Ground {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// A bucket that is the case's own. It is there and empty.
    pub bucket: BucketName,
    /// What the store can do.
    pub can: Capabilities,
}

impl Ground {
    /// Prepares the bucket of a case.
    ///
    /// # Panics
    /// When that fails.
    pub async fn new(store: Arc<dyn ObjectStore>, case: &str, can: Capabilities) -> Self {
        // Two runs may share a service.
        let name = format!("c-{}-{}", case.replace('_', "-"), std::process::id());
        let bucket: BucketName = name.parse().expect("a bucket name");
        let ground = Self { store, bucket, can };
        if let Err(error) = ground.store.create_bucket(&ground.bucket).await {
            assert_eq!(*error.kind(), ErrorKind::AlreadyExists, "{error:?}");
        }
        ground.clear().await;
        ground
    }

    /// Leaves nothing behind.
    ///
    /// # Panics
    /// When that fails.
    pub async fn end(self) {
        self.clear().await;
        self.store.delete_bucket(&self.bucket).await.expect("an empty bucket is deleted");
    }

    async fn clear(&self) {
        loop {
            let page = self.store.list(&self.bucket, &List::default()).await.expect("a bucket is listed");
            let items: Vec<DeleteItem> = page.objects.into_iter().map(|object| object.key.into()).collect();
            for outcome in self.store.delete_many(&self.bucket, &items).await.expect("objects are deleted") {
                outcome.expect("an object is deleted");
            }
            if page.next.is_none() {
                break;
            }
        }
        let uploads = self.store.list_uploads(&self.bucket, &ListUploads::default()).await;
        for pending in uploads.expect("uploads are listed").uploads {
            self.store.abort_upload(&pending.upload).await.expect("an upload is aborted");
        }
    }

    async fn put(&self, name: &str, data: impl Into<Bytes>) -> Stored {
        self.try_put(name, data, &Put::default()).await.expect("an object is written")
    }

    async fn try_put(&self, name: &str, data: impl Into<Bytes>, options: &Put) -> Result<Stored> {
        self.store.put(&self.bucket, &key(name), Payload::from_bytes(data), options).await
    }

    async fn read(&self, name: &str) -> Bytes {
        let got = self.store.get(&self.bucket, &key(name), &Get::default()).await.expect("an object is read");
        got.body.collect(usize::MAX).await.expect("the bytes arrive")
    }
}

fn key(text: &str) -> ObjectKey {
    text.parse().expect("a key")
}

/// Bytes that differ from place to place, so that a swap or a shift shows.
fn pattern(length: usize) -> Bytes {
    (0..length).map(|at| (at.wrapping_mul(31) ^ (at >> 8)) as u8).collect::<Vec<_>>().into()
}

/// A stream that can be opened again, in pieces of an odd size.
fn streamed(data: Bytes) -> Payload {
    Payload::from_fn(data.len() as u64, move || {
        let mut rest = data.clone();
        let pieces = std::iter::from_fn(move || {
            (!rest.is_empty()).then(|| Ok(rest.split_to(rest.len().min(100_003))))
        });
        Box::pin(futures_util::stream::iter(pieces))
    })
}

#[track_caller]
fn assert_fails<T: std::fmt::Debug>(outcome: std::result::Result<T, StoreError>, kind: &ErrorKind) {
    match outcome {
        Ok(answer) => panic!("it should fail with {kind:?}, and gave {answer:?}"),
        Err(error) => assert_eq!(error.kind(), kind, "{error:?}"),
    }
}

/// Makes a test of every case. `$store` is an async function or closure that gives the `Arc<dyn ObjectStore>`, `$can` its
/// [`Capabilities`].
#[macro_export]
macro_rules! conformance_cases {
    ($store:expr, $can:expr) => {
        $crate::conformance_cases! { @each $store, $can;
            buckets_come_and_go buckets_are_listed_in_pages a_filled_bucket_stays a_missing_bucket_is_told
            bytes_come_back_as_they_were streams_come_back_as_they_were ranges_are_cut_as_asked
            traits_and_metadata_come_back missing_objects_are_told reads_keep_their_conditions
            writes_keep_their_conditions checksums_are_kept_and_checked deletes_are_quiet_about_what_is_not_there
            many_are_deleted_with_an_outcome_each many_are_deleted_only_in_the_states_named copies_take_or_replace_what_is_said strange_keys_are_kept
            a_source_that_lies_about_its_length_writes_nothing
            pages_join_without_gap_or_overlap delimiters_roll_up_folders listings_are_in_the_order_of_bytes
            parts_make_the_whole parts_are_listed_and_replaced parts_are_copied uploads_are_listed_and_aborted
            completions_keep_their_conditions wrong_parts_are_refused
        }
    };
    (@each $store:expr, $can:expr; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let store = ($store)().await;
                let ground = $crate::conformance::Ground::new(store, stringify!($case), $can).await;
                $crate::conformance::$case(&ground).await;
                ground.end().await;
            }
        )*
    };
}

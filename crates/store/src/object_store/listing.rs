//! Parameters and answers of listing, and walking through all pages.

use std::sync::Arc;

use futures_core::Stream;
use jiff::Timestamp;
use pintail_core::name::{BucketName, KeyPrefix, ObjectKey};

use super::{ETag, ObjectStore};
use crate::error::{ErrorKind, Operation, Result, StoreError};

/// How [`list`](crate::ObjectStore::list) goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Only keys that begin with this.
    pub prefix: KeyPrefix,
    /// Rolls up the keys that go on after this text into [`ListPage::prefixes`]; `/` shows folders.
    pub delimiter: Option<String>,
    /// Only keys after this one. Has no effect with a continuation.
    pub start_after: Option<String>,
    /// Where the last page ended.
    pub continuation: Option<String>,
    /// The most objects and prefixes to return, 1,000 at the most and by default.
    pub max: Option<u32>,
}

impl Default for List {
    fn default() -> Self {
        Self { prefix: KeyPrefix::all(), delimiter: None, start_after: None, continuation: None, max: None }
    }
}

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The objects, by key.
    pub objects: Vec<ListedObject>,
    /// The prefixes that keys were rolled up into, in order, each ending with the delimiter.
    pub prefixes: Vec<KeyPrefix>,
    /// Where the next page begins, `None` after the last.
    pub next: Option<String>,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: ObjectKey,
    /// Its size.
    pub size_bytes: u64,
    /// When it was last written.
    pub last_modified: Timestamp,
    /// Its entity tag, as far as the store says.
    pub etag: Option<ETag>,
    /// Its storage class, when it is not the standard one.
    pub storage_class: Option<Box<str>>,
}

/// Returns all pages of a listing, one after another. After an error the stream ends; a page that leads to itself is one
/// ([`ErrorKind::BadAnswer`]).
pub fn pages(
    store: Arc<dyn ObjectStore>,
    bucket: BucketName,
    options: List,
) -> impl Stream<Item = Result<ListPage>> + Send {
    futures_util::stream::try_unfold(Some(options), move |options| {
        let (store, bucket) = (Arc::clone(&store), bucket.clone());
        async move {
            let Some(options) = options else { return Ok(None) };
            let page = store.list(&bucket, &options).await?;
            if page.next.is_some() && page.next == options.continuation {
                let error = StoreError::new(ErrorKind::BadAnswer, Operation::List).at(&bucket, None);
                return Err(error.because("the next page begins where this one began"));
            }
            let next = page.next.clone().map(|next| List { continuation: Some(next), ..options });
            Ok(Some((page, next)))
        }
    })
}

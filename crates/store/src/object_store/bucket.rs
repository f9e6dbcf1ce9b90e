//! Parameters and answers of the calls about buckets.

use jiff::Timestamp;
use pintail_core::name::{BucketName, Region};

/// How [`list_buckets`](crate::ObjectStore::list_buckets) goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListBuckets {
    /// Only names that begin with this.
    pub prefix: Option<String>,
    /// Where the last page ended.
    pub continuation: Option<String>,
    /// The most to return. Without it a store may return all at once, and S3 refuses accounts with more than 10,000.
    pub max: Option<u32>,
}

/// A page of buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketPage {
    /// The buckets, by name.
    pub buckets: Vec<Bucket>,
    /// Where the next page begins, `None` after the last.
    pub next: Option<String>,
}

/// A bucket in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: BucketName,
    /// When it was created, as far as the store says.
    pub created: Option<Timestamp>,
    /// Where it lives, as far as the store says.
    pub region: Option<Region>,
}

/// What [`head_bucket`](crate::ObjectStore::head_bucket) tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketInfo {
    /// Where the bucket lives, as far as the store says.
    pub region: Option<Region>,
}

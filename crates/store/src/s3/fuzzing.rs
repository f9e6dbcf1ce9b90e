//! Doors for the fuzzer, which sees what is public only: the documents that a service answers with. Not for use.

use http::{HeaderMap, StatusCode};
use pintail_core::name::BucketName;

use super::error::Refusal;
use super::lifecycle::Lifecycle;
use super::{control, document, listing, scan};

/// Reads any bytes as every document that S3 answers with, and tells how many of them they could be.
pub fn documents(bytes: &[u8]) -> usize {
    let bucket: Option<BucketName> = "bucket".parse().ok();
    let read = [
        listing::list_page(bytes).is_ok(),
        document::bucket_page(bytes).is_ok(),
        document::upload_id(bytes).is_ok(),
        document::stored(bytes).is_ok(),
        document::copied(bytes).is_ok(),
        document::part_page(bytes).is_ok(),
        bucket.is_some_and(|bucket| document::upload_page(bytes, &bucket).is_ok()),
        document::delete_reports(bytes).is_ok(),
        control::is_document(bytes),
        Lifecycle::parse(bytes).is_ok(),
        Refusal::read(StatusCode::BAD_REQUEST, &HeaderMap::new(), bytes).answer.code.is_some(),
    ];
    read.into_iter().filter(|&is_it| is_it).count()
}

/// Holds the two readers of a listing against each other: what the quick one reads is what the general one reads.
pub fn listings_agree(bytes: &[u8]) -> bool {
    scan::list_page(bytes)
        .is_none_or(|page| listing::list_page_of_any_xml(bytes).is_ok_and(|general| general == page))
}

//! Preconditions of reads, copies and writes.

use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp as Moment;
use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

use super::{Asked, no_such_key, timestamp};
use crate::clock::http_date;
use crate::locked;
use crate::world::Core;
use crate::world::storage::{Blob, Bucket};

/// The four conditions of a read.
pub(super) struct Conditions<'a> {
    pub(super) if_match: Option<&'a ETagCondition>,
    pub(super) if_none_match: Option<&'a ETagCondition>,
    pub(super) if_modified_since: Option<&'a Timestamp>,
    pub(super) if_unmodified_since: Option<&'a Timestamp>,
}

/// What a failed condition means for a read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// "Not modified" is an answer.
    Read,
    /// Every failure is one.
    Copy,
}

impl Conditions<'_> {
    /// Checks them in HTTP's order: a matching ETag outweighs dates.
    pub(super) fn check(&self, blob: &Blob, modified: Moment, purpose: Purpose) -> S3Result<()> {
        let modified_dto = timestamp(modified);
        match self.if_match {
            Some(condition) if !fits(condition, &blob.etag) => return Err(failed()),
            Some(_) => {}
            None if self.if_unmodified_since.is_some_and(|limit| modified_dto > *limit) => {
                return Err(failed());
            }
            None => {}
        }
        let unmodified = match self.if_none_match {
            Some(condition) => fits(condition, &blob.etag),
            None => self.if_modified_since.is_some_and(|limit| modified_dto <= *limit),
        };
        match (unmodified, purpose) {
            (false, _) => Ok(()),
            (true, Purpose::Copy) => Err(failed()),
            (true, Purpose::Read) => Err(not_modified(blob, modified)),
        }
    }
}

/// Checks the conditions of a write against what stands at the key now.
pub(super) fn check_write(
    bucket: &Bucket,
    key: &str,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    if (if_match, if_none_match) == (None, None) {
        return Ok(());
    }
    let current = bucket.current(key);
    match if_none_match {
        Some(ETagCondition::Any) if current.is_some() => return Err(failed()),
        Some(ETagCondition::ETag(_)) => {
            return Err(s3_error!(
                NotImplemented,
                "A header you provided implies functionality that is not implemented"
            ));
        }
        _ => {}
    }
    match (if_match, current) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(no_such_key()),
        (Some(condition), Some((_, blob))) if fits(condition, &blob.etag) => Ok(()),
        (Some(_), Some(_)) => Err(failed()),
    }
}

/// A conditional write under way. Its end, however it comes, is noticed.
pub(super) struct UnderWay<'a> {
    core: &'a Core,
    bucket: &'a str,
    number: u64,
}

impl<'a> UnderWay<'a> {
    pub(super) fn begin(asked: &Asked<'a>, bucket: &'a str, key: &str) -> UnderWay<'a> {
        let mut storage = locked(&asked.core.storage);
        let mut number = 0;
        if let Some(bucket) = storage.buckets.get_mut(bucket) {
            number = bucket.under_way.last_key_value().map_or(0, |(last, _)| last + 1);
            bucket.under_way.insert(number, (key.to_owned(), false));
        }
        UnderWay { core: asked.core, bucket, number }
    }

    /// Whoever deletes what a condition is about while the bytes arrive makes the two conflict: S3 cannot say which of
    /// them came first.
    pub(super) fn check(&self, bucket: &Bucket) -> S3Result<()> {
        if bucket.under_way.get(&self.number).is_some_and(|(_, deleted)| *deleted) {
            return Err(s3_error!(
                ConditionalRequestConflict,
                "The conditional request cannot succeed due to a conflicting operation against this resource."
            ));
        }
        Ok(())
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut storage = locked(&self.core.storage);
        if let Some(bucket) = storage.buckets.get_mut(self.bucket) {
            bucket.under_way.remove(&self.number);
        }
    }
}

/// Reads `If-Match` and `If-None-Match` of a copy, which `s3s` knows for other writes only.
pub(super) fn written_if(headers: &HeaderMap) -> S3Result<(Option<ETagCondition>, Option<ETagCondition>)> {
    let read = |name: header::HeaderName| {
        let Some(value) = headers.get(name) else { return Ok(None) };
        let invalid = || s3_error!(InvalidArgument, "The condition is no entity tag");
        ETagCondition::parse_http_header(value.as_bytes()).map(Some).map_err(|_| invalid())
    };
    Ok((read(header::IF_MATCH)?, read(header::IF_NONE_MATCH)?))
}

fn fits(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}

fn failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

fn not_modified(blob: &Blob, modified: Moment) -> S3Error {
    let mut error = s3_error!(NotModified, "Not Modified");
    let mut headers = HeaderMap::new();
    for (name, value) in
        [(header::ETAG, format!("\"{}\"", blob.etag)), (header::LAST_MODIFIED, http_date(modified))]
    {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    error.set_headers(headers);
    error
}

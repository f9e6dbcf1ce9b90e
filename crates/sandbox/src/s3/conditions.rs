//! Preconditions of reads, copies and writes.

use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp as Moment;
use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

use super::{no_such_key, timestamp};
use crate::clock::http_date;
use crate::world::storage::{Blob, Bucket, Version};

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
    let current: Option<(&Version, _)> = bucket.current(key);
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

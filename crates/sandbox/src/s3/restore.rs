//! Archived objects: they are listed and described, and read only after they have been restored. A restoration is there at once.

use http::StatusCode;
use jiff::Timestamp;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::objects::find;
use super::versions::replace_blob;
use super::{Asked, no_such_bucket};
use crate::clock::{after, http_date};
use crate::locked;
use crate::world::storage::Blob;

const DAY_S: i64 = 24 * 3600;

/// The status of an answer where `s3s` knows one only.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered(pub(super) StatusCode);

/// Whether an object lies in an archive.
pub(crate) fn is_archived(blob: &Blob) -> bool {
    matches!(blob.headers.storage_class.as_deref(), Some("GLACIER" | "DEEP_ARCHIVE"))
}

/// Refuses to read an object that lies in an archive.
pub(super) fn check_readable(blob: &Blob, now: Timestamp) -> S3Result<()> {
    if is_archived(blob) && blob.headers.restored_until.is_none_or(|until| until <= now) {
        return Err(s3_error!(
            InvalidObjectState,
            "The operation is not valid for the object's storage class"
        ));
    }
    Ok(())
}

/// What the header about restoration says of an object.
pub(super) fn told(blob: &Blob, now: Timestamp) -> Option<String> {
    let until = blob.headers.restored_until.filter(|until| *until > now)?;
    Some(format!("ongoing-request=\"false\", expiry-date=\"{}\"", http_date(until)))
}

/// Restores an object for so many days, or gives a restored one that many from now.
pub(crate) fn restored(blob: &Blob, days: i32, now: Timestamp) -> Blob {
    let mut restored = blob.clone();
    restored.headers.restored_until = Some(after(now, i64::from(days) * DAY_S));
    restored
}

pub(super) async fn restore(
    asked: &Asked<'_>,
    request: &mut S3Request<RestoreObjectInput>,
) -> S3Result<S3Response<RestoreObjectOutput>> {
    let input = &request.input;
    let days = input.restore_request.as_ref().and_then(|wish| wish.days).unwrap_or(0);
    if days < 1 {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    let mut storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get_mut(&input.bucket).ok_or_else(no_such_bucket)?;
    let found = find(bucket, &input.key, input.version_id.as_deref())?;
    if !is_archived(&found.blob) {
        return Err(s3_error!(
            InvalidObjectState,
            "Restore is not allowed for the object's current storage class"
        ));
    }
    let again = told(&found.blob, asked.now).is_some();
    replace_blob(bucket, &input.key, &found.blob, restored(&found.blob, days, asked.now));
    let mut response = S3Response::new(RestoreObjectOutput::default());
    if !again {
        response.extensions.insert(Answered(StatusCode::ACCEPTED));
    }
    Ok(response)
}

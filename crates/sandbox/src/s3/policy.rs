//! A bucket's own policy: how it is written, read and taken away. What it allows is decided at the gate.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Asked, done, no_such_bucket};
use crate::locked;
use crate::policy::Document;

const LONGEST_BYTES: usize = 20 * 1024;

pub(super) async fn get(
    asked: &Asked<'_>,
    request: &mut S3Request<GetBucketPolicyInput>,
) -> S3Result<S3Response<GetBucketPolicyOutput>> {
    let storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get(&request.input.bucket).ok_or_else(no_such_bucket)?;
    let policy = bucket
        .policy
        .clone()
        .ok_or_else(|| s3_error!(NoSuchBucketPolicy, "The bucket policy does not exist"))?;
    done(GetBucketPolicyOutput { policy: Some(policy) })
}

pub(super) async fn put(
    asked: &Asked<'_>,
    request: &mut S3Request<PutBucketPolicyInput>,
) -> S3Result<S3Response<PutBucketPolicyOutput>> {
    let text = request.input.policy.clone();
    if text.len() > LONGEST_BYTES {
        return Err(s3_error!(InvalidArgument, "The size of the policy is more than 20480 bytes"));
    }
    let document =
        Document::bucket(&text).map_err(|error| s3_error!(MalformedPolicy, "{}", error.to_string()))?;
    let whole = format!("arn:aws:s3:::{}", request.input.bucket);
    let inside = |pattern: &String| {
        pattern.strip_prefix(&whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let resources = document.statements.iter().filter_map(|statement| statement.resources.as_ref());
    if !resources.flat_map(|resources| &resources.patterns).all(inside) {
        return Err(s3_error!(MalformedPolicy, "Policy has invalid resource"));
    }
    let mut storage = locked(&asked.core.storage);
    storage.buckets.get_mut(&request.input.bucket).ok_or_else(no_such_bucket)?.policy = Some(text);
    done(PutBucketPolicyOutput::default())
}

pub(super) async fn delete(
    asked: &Asked<'_>,
    request: &mut S3Request<DeleteBucketPolicyInput>,
) -> S3Result<S3Response<DeleteBucketPolicyOutput>> {
    let mut storage = locked(&asked.core.storage);
    storage.buckets.get_mut(&request.input.bucket).ok_or_else(no_such_bucket)?.policy = None;
    done(DeleteBucketPolicyOutput::default())
}

//! Buckets: list, create, delete, and where they are.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Asked, done, no_such_bucket, timestamp};
use crate::locked;

const MOST_BUCKETS: usize = 10_000;

pub(super) async fn list(
    asked: &Asked<'_>,
    request: &mut S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let input = &request.input;
    let prefix = input.prefix.clone().unwrap_or_default();
    let limit = input.max_buckets.map_or(MOST_BUCKETS, |limit| usize::try_from(limit).unwrap_or(0));
    if !(1..=MOST_BUCKETS).contains(&limit) {
        return Err(s3_error!(InvalidArgument, "max-buckets must be between 1 and 10000"));
    }
    let storage = locked(&asked.core.storage);
    let mut fitting = storage
        .buckets
        .iter()
        .filter(|(name, _)| name.starts_with(&prefix))
        .filter(|(name, _)| input.continuation_token.as_ref().is_none_or(|token| *name > token))
        .filter(|(_, bucket)| input.bucket_region.as_ref().is_none_or(|region| *region == bucket.region));
    let buckets: Vec<Bucket> = fitting
        .by_ref()
        .take(limit)
        .map(|(name, bucket)| Bucket {
            bucket_region: Some(bucket.region.clone()),
            creation_date: Some(timestamp(bucket.created)),
            name: Some(name.clone()),
        })
        .collect();
    let continuation_token =
        fitting.next().and_then(|_| buckets.last().and_then(|bucket| bucket.name.clone()));
    done(ListBucketsOutput {
        buckets: Some(buckets),
        continuation_token,
        owner: Some(owner(asked)),
        prefix: input.prefix.clone(),
    })
}

pub(super) async fn create(
    asked: &Asked<'_>,
    request: &mut S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let name = request.input.bucket.clone();
    let endpoint =
        request.region.as_ref().map_or_else(|| asked.core.region(), |region| region.as_str()).to_owned();
    let constraint = request
        .input
        .create_bucket_configuration
        .as_ref()
        .and_then(|configuration| configuration.location_constraint.as_ref())
        .map(|constraint| constraint.as_str().to_owned());
    let region = match constraint {
        None if endpoint == "us-east-1" => endpoint,
        None => {
            return Err(s3_error!(
                IllegalLocationConstraintException,
                "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to."
            ));
        }
        Some(constraint) if !asked.core.regions.contains(&constraint) => {
            return Err(s3_error!(
                InvalidLocationConstraint,
                "The specified location-constraint is not valid"
            ));
        }
        Some(constraint) if constraint == endpoint || endpoint == "us-east-1" => constraint,
        Some(constraint) => {
            return Err(s3_error!(
                IllegalLocationConstraintException,
                "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
            ));
        }
    };
    let mut storage = locked(&asked.core.storage);
    if storage.buckets.contains_key(&name) {
        return Err(s3_error!(
            BucketAlreadyOwnedByYou,
            "Your previous request to create the named bucket succeeded and you already own it."
        ));
    }
    storage.create(&name, &region, asked.now);
    done(CreateBucketOutput { location: Some(format!("/{name}")) })
}

pub(super) async fn delete(
    asked: &Asked<'_>,
    request: &mut S3Request<DeleteBucketInput>,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    let mut storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get(&request.input.bucket).ok_or_else(no_such_bucket)?;
    if !bucket.keys.is_empty() {
        return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"));
    }
    storage.buckets.remove(&request.input.bucket);
    done(DeleteBucketOutput::default())
}

pub(super) async fn head(
    asked: &Asked<'_>,
    request: &mut S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    let storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get(&request.input.bucket).ok_or_else(no_such_bucket)?;
    done(HeadBucketOutput { bucket_region: Some(bucket.region.clone()), ..HeadBucketOutput::default() })
}

pub(super) async fn location(
    asked: &Asked<'_>,
    request: &mut S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    let storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get(&request.input.bucket).ok_or_else(no_such_bucket)?;
    // The first region is told by an empty element.
    let location_constraint =
        (bucket.region != "us-east-1").then(|| BucketLocationConstraint::from(bucket.region.clone()));
    done(GetBucketLocationOutput { location_constraint })
}

/// The one owner of everything.
pub(super) fn owner(asked: &Asked<'_>) -> Owner {
    let account = locked(&asked.core.account);
    Owner { display_name: None, id: Some(crate::random::hex(&crate::random::sha256(account.id.as_bytes()))) }
}

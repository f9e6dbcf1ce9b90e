//! S3: `s3s` turns HTTP into typed operations and checks signatures; what they mean is decided here.
//!
//! A request meets [`Front`] first: addressing, regions, presigned lifetimes, answers that `s3s` cannot
//! write. Then `s3s` verifies its signature with the key that [`auth`] finds, [`access`] checks session and
//! permissions, and only then one of the operations runs over the buckets.

mod access;
mod auth;
mod buckets;
pub(crate) mod checksums;
mod conditions;
mod encryption;
mod front;
pub(crate) mod lifecycle;
mod listing;
mod multipart;
mod objects;
mod operation;
mod policy;
pub(crate) mod restore;
mod upload;
mod versions;

use std::sync::Arc;

use jiff::Timestamp;
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};

pub(crate) use front::{Front, scripted, take_in};
pub(crate) use versions::replace_blob;

use crate::world::Core;
use access::Caller;

/// The operations over the buckets.
struct Store {
    core: Arc<Core>,
}

/// What an operation knows about its request besides the input.
struct Asked<'a> {
    core: &'a Core,
    caller: Caller,
    now: Timestamp,
}

impl Store {
    fn asked<T>(&self, request: &S3Request<T>) -> S3Result<Asked<'_>> {
        let caller = request
            .extensions
            .get::<Caller>()
            .cloned()
            .ok_or_else(|| s3_error!(AccessDenied, "Access Denied"))?;
        Ok(Asked { core: &self.core, now: caller.now, caller })
    }
}

fn done<T>(output: T) -> S3Result<S3Response<T>> {
    Ok(S3Response::new(output))
}

fn timestamp(moment: Timestamp) -> s3s::dto::Timestamp {
    // S3 keeps whole seconds: what a header can say again is what conditions compare.
    let seconds = u64::try_from(moment.as_second()).unwrap_or_default();
    (std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).into()
}

fn no_such_bucket() -> S3Error {
    s3_error!(NoSuchBucket, "The specified bucket does not exist")
}

fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}

/// Hands an operation on to the module that knows it.
macro_rules! operations {
    ($($name:ident($input:ident) -> $output:ident = $target:path;)*) => {
        #[async_trait::async_trait]
        impl S3 for Store {
            $(
                async fn $name(&self, mut request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    let asked = self.asked(&request)?;
                    $target(&asked, &mut request).await
                }
            )*
        }
    };
}

operations! {
    list_buckets(ListBucketsInput) -> ListBucketsOutput = buckets::list;
    create_bucket(CreateBucketInput) -> CreateBucketOutput = buckets::create;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput = buckets::delete;
    head_bucket(HeadBucketInput) -> HeadBucketOutput = buckets::head;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput = buckets::location;
    get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput = encryption::get;
    put_bucket_encryption(PutBucketEncryptionInput) -> PutBucketEncryptionOutput = encryption::put;
    delete_bucket_encryption(DeleteBucketEncryptionInput) -> DeleteBucketEncryptionOutput = encryption::delete;
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput = lifecycle::get;
    put_bucket_lifecycle_configuration(PutBucketLifecycleConfigurationInput) -> PutBucketLifecycleConfigurationOutput = lifecycle::put;
    delete_bucket_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput = lifecycle::delete;
    get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput = policy::get;
    put_bucket_policy(PutBucketPolicyInput) -> PutBucketPolicyOutput = policy::put;
    delete_bucket_policy(DeleteBucketPolicyInput) -> DeleteBucketPolicyOutput = policy::delete;
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput = versions::configuration;
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput = versions::configure;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput = versions::list;
    list_objects(ListObjectsInput) -> ListObjectsOutput = listing::first_edition;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output = listing::second_edition;
    head_object(HeadObjectInput) -> HeadObjectOutput = objects::head;
    get_object(GetObjectInput) -> GetObjectOutput = objects::get;
    get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput = objects::attributes;
    put_object(PutObjectInput) -> PutObjectOutput = objects::put;
    copy_object(CopyObjectInput) -> CopyObjectOutput = objects::copy;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput = versions::delete;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput = versions::delete_many;
    get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput = versions::tags;
    put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput = versions::put_tags;
    delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput = versions::delete_tags;
    restore_object(RestoreObjectInput) -> RestoreObjectOutput = restore::restore;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput = multipart::create;
    upload_part(UploadPartInput) -> UploadPartOutput = multipart::upload_part;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput = multipart::copy_part;
    list_parts(ListPartsInput) -> ListPartsOutput = multipart::list_parts;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput = multipart::list_uploads;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput = multipart::complete;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput = multipart::abort;
}

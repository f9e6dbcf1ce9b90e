//! Encryption at rest by a key of KMS: which key an object is written with, and whether whoever asks may use it.
//! Nothing is encrypted here; the permissions are what can go wrong.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Asked, done, no_such_bucket};
use crate::authority::{Asking, Verdict, verdict};
use crate::locked;
use crate::world::storage::Bucket as Stored;

/// The name of the key that AWS manages: everybody in the account who may use S3 may use it.
const AWS_MANAGED_ALIAS: &str = "alias/aws/s3";

/// The key that a new object is encrypted with: what the request says, else what the bucket does.
pub(super) fn key_for_write(
    asked: &Asked<'_>,
    bucket: &str,
    algorithm: Option<&ServerSideEncryption>,
    key_id: Option<&str>,
) -> S3Result<Option<String>> {
    let (usual, region) = {
        let storage = locked(&asked.core.storage);
        let bucket = storage.buckets.get(bucket).ok_or_else(no_such_bucket)?;
        (bucket.kms_key.clone(), bucket.region.clone())
    };
    let key = match algorithm.map(ServerSideEncryption::as_str) {
        None if key_id.is_some() => {
            return Err(s3_error!(
                InvalidArgument,
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
            ));
        }
        None => usual,
        Some(ServerSideEncryption::AES256) => None,
        Some(ServerSideEncryption::AWS_KMS) => {
            Some(key_id.map(str::to_owned).or(usual).unwrap_or_else(|| {
                format!("arn:aws:kms:{region}:{}:{AWS_MANAGED_ALIAS}", locked(&asked.core.account).id)
            }))
        }
        Some(_) => {
            return Err(s3_error!(InvalidArgument, "The encryption method specified is not supported"));
        }
    };
    check(asked, key.as_deref(), "kms:GenerateDataKey")?;
    Ok(key)
}

/// Whether whoever asks may use a key: to read what it encrypts, or to add to an upload under way.
pub(super) fn may_decrypt(asked: &Asked<'_>, key: Option<&str>) -> S3Result<()> {
    check(asked, key, "kms:Decrypt")
}

fn check(asked: &Asked<'_>, key: Option<&str>, action: &str) -> S3Result<()> {
    let Some(key) = key.filter(|key| !key.ends_with(AWS_MANAGED_ALIAS)) else { return Ok(()) };
    let denied = || s3_error!(AccessDenied, "Access Denied");
    let principal = asked.caller.principal.as_ref().ok_or_else(denied)?;
    let account = locked(&asked.core.account);
    let asking = Asking {
        principal,
        action,
        resource: key,
        now: asked.now,
        peer: asked.caller.peer,
        more: vec![("kms:ViaService".to_owned(), format!("s3.{}.amazonaws.com", region_of(key)))],
        resource_policy: None,
    };
    match verdict(&account, &asking) {
        Verdict::Allowed => Ok(()),
        Verdict::Denied(_) if matches!(principal, crate::world::account::Principal::Anonymous) => {
            Err(denied())
        }
        Verdict::Denied(reason) => Err(s3_error!(
            AccessDenied,
            "User: {} is not authorized to perform: {action} on resource: {key} {}",
            account.arn_of(principal),
            reason.about(action)
        )),
    }
}

fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}

/// What answers say about the encryption of an object.
pub(super) fn algorithm(key: Option<&String>) -> ServerSideEncryption {
    ServerSideEncryption::from_static(match key {
        Some(_) => ServerSideEncryption::AWS_KMS,
        None => ServerSideEncryption::AES256,
    })
}

fn rule(bucket: &Stored) -> ServerSideEncryptionRule {
    ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
            kms_master_key_id: bucket.kms_key.clone(),
            sse_algorithm: algorithm(bucket.kms_key.as_ref()),
        }),
        bucket_key_enabled: Some(bucket.kms_key.is_some()),
    }
}

pub(super) async fn get(
    asked: &Asked<'_>,
    request: &mut S3Request<GetBucketEncryptionInput>,
) -> S3Result<S3Response<GetBucketEncryptionOutput>> {
    let storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get(&request.input.bucket).ok_or_else(no_such_bucket)?;
    let configuration = ServerSideEncryptionConfiguration { rules: vec![rule(bucket)] };
    done(GetBucketEncryptionOutput { server_side_encryption_configuration: Some(configuration) })
}

pub(super) async fn put(
    asked: &Asked<'_>,
    request: &mut S3Request<PutBucketEncryptionInput>,
) -> S3Result<S3Response<PutBucketEncryptionOutput>> {
    let input = &request.input;
    let malformed = || {
        s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        )
    };
    let rules = &input.server_side_encryption_configuration.rules;
    let by_default = rules
        .first()
        .and_then(|rule| rule.apply_server_side_encryption_by_default.as_ref())
        .ok_or_else(malformed)?;
    let mut storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get_mut(&input.bucket).ok_or_else(no_such_bucket)?;
    bucket.kms_key = match by_default.sse_algorithm.as_str() {
        ServerSideEncryption::AES256 => None,
        ServerSideEncryption::AWS_KMS => Some(by_default.kms_master_key_id.clone().unwrap_or_else(|| {
            format!("arn:aws:kms:{}:{}:{AWS_MANAGED_ALIAS}", bucket.region, locked(&asked.core.account).id)
        })),
        _ => return Err(malformed()),
    };
    done(PutBucketEncryptionOutput::default())
}

pub(super) async fn delete(
    asked: &Asked<'_>,
    request: &mut S3Request<DeleteBucketEncryptionInput>,
) -> S3Result<S3Response<DeleteBucketEncryptionOutput>> {
    let mut storage = locked(&asked.core.storage);
    storage.buckets.get_mut(&request.input.bucket).ok_or_else(no_such_bucket)?.kms_key = None;
    done(DeleteBucketEncryptionOutput::default())
}

//! The gate inside `s3s`: every operation, signed or not, must pass; what comes without a signature lives by
//! the bucket's policy alone. `s3s` leaves session tokens and
//! permissions to this hook and calls it only when authentication is configured, which it always is here.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use s3s::access::{S3Access, S3AccessContext};
use s3s::dto::CopySource;
use s3s::{S3Error, S3Result, s3_error};

use crate::authority::{Asking, Verdict, verdict};
use crate::clock::after;
use crate::locked;
use crate::params::Params;
use crate::world::Core;
use crate::world::account::Principal;

/// The clocks of client and S3 may differ this much.
const SKEW_S: i64 = 900;

/// Who asks, put into the request's extensions before `s3s` sees it and completed by the gate.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) now: Timestamp,
    pub(super) peer: IpAddr,
    pub(super) signed_at: Option<Timestamp>,
    /// A presigned address was checked for time already.
    pub(super) presigned: bool,
    pub(super) principal: Option<Principal>,
}

pub(super) struct Gate {
    pub(super) core: Arc<Core>,
}

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let denied = || s3_error!(AccessDenied, "Access Denied");
        let access_key = context.credentials().map(|credentials| credentials.access_key.clone());
        let mut caller = context.extensions_mut().get::<Caller>().cloned().ok_or_else(denied)?;
        let token = context
            .headers()
            .get("x-amz-security-token")
            .and_then(|token| token.to_str().ok())
            .map(str::to_owned);
        let bucket = context.s3_path().get_bucket_name().unwrap_or_default().to_owned();
        let key = context.s3_path().get_object_key().unwrap_or_default().to_owned();
        let policies = Policies::of(&self.core, &bucket, context.headers());
        let mut account = locked(&self.core.account);
        account.settle();
        let principal = match &access_key {
            None => Principal::Anonymous,
            Some(access_key) => {
                let (principal, _) = account.key(access_key).ok_or_else(denied)?;
                check_time(&caller)?;
                check_session(&principal, token.as_deref(), caller.now)?;
                if !account.spend_call(access_key) {
                    return Err(expired_token());
                }
                principal
            }
        };

        let query = Params::parse(context.uri().query().unwrap_or_default().as_bytes());
        let operation = context.s3_op().name();
        if operation == "PostObject" {
            return Err(s3_error!(NotImplemented, "Browser-based uploads are not part of this sandbox"));
        }
        let mut needs = needs(operation, &bucket, &key, query.raw("versionId").is_some(), context);
        if let Some(source) =
            context.headers().get("x-amz-copy-source").and_then(|source| source.to_str().ok())
        {
            needs.push(("s3:GetObject", source_arn(source)));
        }
        let more: Vec<(String, String)> = [
            ("prefix", "s3:prefix"),
            ("delimiter", "s3:delimiter"),
            ("max-keys", "s3:max-keys"),
            ("versionId", "s3:versionid"),
        ]
        .iter()
        .filter_map(|(parameter, key)| Some(((*key).to_owned(), query.raw(parameter)?.to_owned())))
        .collect();
        for (action, resource) in needs {
            let asking = Asking {
                principal: &principal,
                action,
                resource: &resource,
                now: caller.now,
                peer: caller.peer,
                more: more.clone(),
                resource_policy: policies.for_resource(&resource),
            };
            if let Verdict::Denied(reason) = verdict(&account, &asking) {
                if matches!(principal, Principal::Anonymous) {
                    return Err(denied());
                }
                return Err(s3_error!(
                    AccessDenied,
                    "User: {} is not authorized to perform: {action} on resource: \"{resource}\" {}",
                    account.arn_of(&principal),
                    reason.about(action)
                ));
            }
        }
        drop(account);
        caller.principal = Some(principal);
        context.extensions_mut().insert(caller);
        Ok(())
    }
}

impl Caller {
    /// Asks for one more action inside an operation, as `DeleteObjects` must for each key.
    pub(super) fn may(&self, core: &Core, action: &str, resource: &str) -> bool {
        let bucket = bucket_of(resource);
        let policy = locked(&core.storage).buckets.get(bucket).and_then(|bucket| bucket.policy.clone());
        let account = locked(&core.account);
        self.principal.as_ref().is_some_and(|principal| {
            let asking = Asking {
                principal,
                action,
                resource,
                now: self.now,
                peer: self.peer,
                more: Vec::new(),
                resource_policy: policy.as_deref(),
            };
            verdict(&account, &asking) == Verdict::Allowed
        })
    }
}

/// The policies of the buckets that a request touches: its own and the one it copies from.
struct Policies(BTreeMap<String, String>);

impl Policies {
    fn of(core: &Core, bucket: &str, headers: &HeaderMap) -> Policies {
        let source = headers
            .get("x-amz-copy-source")
            .and_then(|source| source.to_str().ok())
            .map(|source| bucket_of(&source_arn(source)).to_owned());
        let storage = locked(&core.storage);
        let named = [Some(bucket.to_owned()), source].into_iter().flatten();
        let read = |name: String| {
            let policy = storage.buckets.get(&name)?.policy.clone()?;
            Some((name, policy))
        };
        Policies(named.filter_map(read).collect())
    }

    fn for_resource(&self, resource: &str) -> Option<&str> {
        self.0.get(bucket_of(resource)).map(String::as_str)
    }
}

/// The bucket inside a resource's ARN.
fn bucket_of(resource: &str) -> &str {
    let rest = resource.strip_prefix("arn:aws:s3:::").unwrap_or(resource);
    rest.split_once('/').map_or(rest, |(bucket, _)| bucket)
}

fn check_time(caller: &Caller) -> S3Result<()> {
    let signed_at = caller.signed_at.ok_or_else(|| s3_error!(AccessDenied, "Access Denied"))?;
    let near = after(caller.now, -SKEW_S)..=after(caller.now, SKEW_S);
    if !caller.presigned && !near.contains(&signed_at) {
        return Err(s3_error!(
            RequestTimeTooSkewed,
            "The difference between the request time and the current time is too large."
        ));
    }
    Ok(())
}

fn check_session(principal: &Principal, token: Option<&str>, now: Timestamp) -> S3Result<()> {
    let invalid = || s3_error!(InvalidToken, "The provided token is malformed or otherwise invalid.");
    match (principal, token) {
        (Principal::Admin | Principal::User(_) | Principal::Anonymous, None) => Ok(()),
        (Principal::Admin | Principal::User(_) | Principal::Anonymous, Some(_)) => Err(invalid()),
        // Without its token a temporary key does not exist for S3.
        (Principal::Session(_), None) => Err(s3_error!(
            InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records."
        )),
        (Principal::Session(session), Some(token)) if token != session.session_token => Err(invalid()),
        (Principal::Session(session), Some(_)) if session.expires <= now => Err(expired_token()),
        (Principal::Session(_), Some(_)) => Ok(()),
    }
}

fn expired_token() -> S3Error {
    s3_error!(ExpiredToken, "The provided token has expired.")
}

/// The actions and resources that an operation needs.
fn needs(
    operation: &str,
    bucket: &str,
    key: &str,
    version: bool,
    context: &S3AccessContext<'_>,
) -> Vec<(&'static str, String)> {
    let whole = format!("arn:aws:s3:::{bucket}");
    let object = format!("arn:aws:s3:::{bucket}/{key}");
    let by_version = |plain: &'static str, versioned: &'static str| if version { versioned } else { plain };
    let single = match operation {
        "ListBuckets" => return vec![("s3:ListAllMyBuckets", "arn:aws:s3:::*".to_owned())],
        // Each key is asked for on its own.
        "DeleteObjects" => return Vec::new(),
        "CreateBucket" => ("s3:CreateBucket", whole),
        "DeleteBucket" => ("s3:DeleteBucket", whole),
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => ("s3:ListBucket", whole),
        "GetBucketPolicy" => ("s3:GetBucketPolicy", whole),
        "PutBucketPolicy" => ("s3:PutBucketPolicy", whole),
        "DeleteBucketPolicy" => ("s3:DeleteBucketPolicy", whole),
        "GetBucketEncryption" => ("s3:GetEncryptionConfiguration", whole),
        "PutBucketEncryption" | "DeleteBucketEncryption" => ("s3:PutEncryptionConfiguration", whole),
        "GetBucketLifecycleConfiguration" => ("s3:GetLifecycleConfiguration", whole),
        "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => {
            ("s3:PutLifecycleConfiguration", whole)
        }
        "GetBucketLocation" => ("s3:GetBucketLocation", whole),
        "GetBucketVersioning" => ("s3:GetBucketVersioning", whole),
        "PutBucketVersioning" => ("s3:PutBucketVersioning", whole),
        "ListObjectVersions" => ("s3:ListBucketVersions", whole),
        "ListMultipartUploads" => ("s3:ListBucketMultipartUploads", whole),
        "GetObject" | "HeadObject" | "GetObjectAttributes" => {
            (by_version("s3:GetObject", "s3:GetObjectVersion"), object)
        }
        "PutObject"
        | "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CompleteMultipartUpload" => {
            let mut needs = vec![("s3:PutObject", object.clone())];
            if context.headers().contains_key("x-amz-tagging") {
                needs.push(("s3:PutObjectTagging", object));
            }
            return needs;
        }
        "DeleteObject" => (by_version("s3:DeleteObject", "s3:DeleteObjectVersion"), object),
        "RestoreObject" => ("s3:RestoreObject", object),
        "GetObjectTagging" => (by_version("s3:GetObjectTagging", "s3:GetObjectVersionTagging"), object),
        "PutObjectTagging" => (by_version("s3:PutObjectTagging", "s3:PutObjectVersionTagging"), object),
        "DeleteObjectTagging" => {
            (by_version("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"), object)
        }
        "AbortMultipartUpload" => ("s3:AbortMultipartUpload", object),
        "ListParts" => ("s3:ListMultipartUploadParts", object),
        // Whatever this sandbox does not serve is nobody's to do; the name only shows in the message.
        _ => ("s3:Unknown", object),
    };
    vec![single]
}

fn source_arn(source: &str) -> String {
    match CopySource::parse(source) {
        Ok(CopySource::Bucket { bucket, key, .. }) => format!("arn:aws:s3:::{bucket}/{key}"),
        _ => {
            format!("arn:aws:s3:::{}", percent_decode_str(source.trim_start_matches('/')).decode_utf8_lossy())
        }
    }
}

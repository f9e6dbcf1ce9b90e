//! Lifecycle rules of a bucket, kept as written. Of what they say only expiration is ever carried out, when the holder of the sandbox asks for it.

use jiff::Timestamp;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Asked, done, no_such_bucket};
use crate::clock::after;
use crate::locked;
use crate::random::Ids;
use crate::world::storage::{Blob, Bucket as Stored};

const MOST_RULES: usize = 1000;
const DAY_S: i64 = 24 * 3600;

pub(super) async fn get(
    asked: &Asked<'_>,
    request: &mut S3Request<GetBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
    let storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get(&request.input.bucket).ok_or_else(no_such_bucket)?;
    if bucket.lifecycle.is_empty() {
        return Err(s3_error!(NoSuchLifecycleConfiguration, "The lifecycle configuration does not exist"));
    }
    done(GetBucketLifecycleConfigurationOutput {
        rules: Some(bucket.lifecycle.clone()),
        ..GetBucketLifecycleConfigurationOutput::default()
    })
}

pub(super) async fn put(
    asked: &Asked<'_>,
    request: &mut S3Request<PutBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<PutBucketLifecycleConfigurationOutput>> {
    let rules = request.input.lifecycle_configuration.take().map(|given| given.rules).unwrap_or_default();
    check(&rules)?;
    let mut storage = locked(&asked.core.storage);
    storage.buckets.get_mut(&request.input.bucket).ok_or_else(no_such_bucket)?.lifecycle = rules;
    done(PutBucketLifecycleConfigurationOutput::default())
}

fn check(rules: &[LifecycleRule]) -> S3Result<()> {
    let malformed = || {
        s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        )
    };
    if rules.is_empty() || rules.len() > MOST_RULES {
        return Err(malformed());
    }
    for (position, rule) in rules.iter().enumerate() {
        let acts = rule.expiration.is_some()
            || rule.transitions.is_some()
            || rule.abort_incomplete_multipart_upload.is_some()
            || rule.noncurrent_version_expiration.is_some()
            || rule.noncurrent_version_transitions.is_some();
        if !acts {
            return Err(s3_error!(InvalidRequest, "At least one action needs to be specified in a rule"));
        }
        if rule.id.as_ref().is_some_and(|id| id.len() > 255) {
            return Err(s3_error!(InvalidArgument, "ID length should not exceed allowed limit of 255"));
        }
        if rule.id.is_some() && rules[..position].iter().any(|other| other.id == rule.id) {
            return Err(s3_error!(
                InvalidArgument,
                "Rule ID must be unique. Found same ID for more than one rule"
            ));
        }
        if rule.expiration.as_ref().and_then(|it| it.days).is_some_and(|days| days < 1) {
            return Err(s3_error!(
                InvalidArgument,
                "'Days' for Expiration action must be a positive integer"
            ));
        }
    }
    Ok(())
}

pub(super) async fn delete(
    asked: &Asked<'_>,
    request: &mut S3Request<DeleteBucketLifecycleInput>,
) -> S3Result<S3Response<DeleteBucketLifecycleOutput>> {
    let mut storage = locked(&asked.core.storage);
    storage.buckets.get_mut(&request.input.bucket).ok_or_else(no_such_bucket)?.lifecycle.clear();
    done(DeleteBucketLifecycleOutput::default())
}

/// Deletes what has expired by `now`, as S3 does once a day; returns how many objects that were.
pub(crate) fn expire(bucket: &mut Stored, now: Timestamp, ids: &Ids) -> usize {
    let expired: Vec<String> = bucket
        .keys
        .keys()
        .filter(|key| {
            let Some((version, blob)) = bucket.current(key) else { return false };
            bucket.lifecycle.iter().any(|rule| {
                let days = rule.expiration.as_ref().and_then(|it| it.days);
                let due = |days| after(version.modified, i64::from(days) * DAY_S) <= now;
                rule.status.as_str() == ExpirationStatus::ENABLED
                    && days.is_some_and(due)
                    && is_meant(rule, key, &blob)
            })
        })
        .cloned()
        .collect();
    for key in &expired {
        bucket.delete(key, now, ids.token(24));
    }
    expired.len()
}

/// A rule by which objects below a prefix expire.
pub(crate) fn expiring(id: &str, prefix: &str, days: i32) -> LifecycleRule {
    LifecycleRule {
        abort_incomplete_multipart_upload: None,
        expiration: Some(LifecycleExpiration { days: Some(days), ..LifecycleExpiration::default() }),
        filter: Some(LifecycleRuleFilter {
            prefix: Some(prefix.to_owned()),
            ..LifecycleRuleFilter::default()
        }),
        id: Some(id.to_owned()),
        noncurrent_version_expiration: None,
        noncurrent_version_transitions: None,
        prefix: None,
        status: ExpirationStatus::from_static(ExpirationStatus::ENABLED),
        transitions: None,
    }
}

fn is_meant(rule: &LifecycleRule, key: &str, blob: &Blob) -> bool {
    let tagged = |tag: &Tag| {
        blob.tags
            .iter()
            .any(|(name, value)| Some(name) == tag.key.as_ref() && Some(value) == tag.value.as_ref())
    };
    let below =
        |prefix: &Option<String>| prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix.as_str()));
    let Some(filter) = &rule.filter else { return below(&rule.prefix) };
    let both = filter
        .and
        .as_ref()
        .is_none_or(|and| below(&and.prefix) && and.tags.as_ref().is_none_or(|tags| tags.iter().all(tagged)));
    below(&filter.prefix) && filter.tag.as_ref().is_none_or(tagged) && both
}

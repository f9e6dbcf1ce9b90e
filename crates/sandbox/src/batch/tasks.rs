//! What a job does with one object, over the sandbox's own buckets.

use std::sync::Arc;

use super::job::{Job, What};
use super::lists::Item;
use super::rights::Runner;
use crate::locked;
use crate::s3::{replace_blob, restore};
use crate::world::storage::{Blob, Bucket, Headers, NULL_VERSION};

/// Larger objects are more than one copy request takes.
const COPY_MAX_BYTES: u64 = 5 << 30;

/// What came of a task.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) status: u16,
    /// Empty when it went well.
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Outcome {
    pub(super) fn is_good(&self) -> bool {
        self.code.is_empty()
    }

    fn good() -> Outcome {
        Outcome { status: 200, code: "", message: "Successful".to_owned() }
    }

    fn bad(status: u16, code: &'static str, message: impl Into<String>) -> Outcome {
        Outcome { status, code, message: message.into() }
    }
}

/// Carries out one task.
pub(super) fn perform(job: &Job, item: &Item, runner: &Runner<'_>) -> Outcome {
    let (bucket, key) = (item.bucket.as_str(), item.key.as_str());
    let versioned = item.version.is_some();
    // Copies run where their targets are, everything else where its objects are.
    let there = match &job.what {
        What::Copy { bucket, .. } => bucket.as_str(),
        _ => bucket,
    };
    let region = locked(&runner.core.storage).buckets.get(there).map(|bucket| bucket.region.clone());
    match region {
        None => return Outcome::bad(404, "NoSuchBucket", "The specified bucket does not exist"),
        Some(region) if region != job.region => {
            let text =
                "The bucket you are attempting to access must be addressed using the specified endpoint.";
            return Outcome::bad(301, "PermanentRedirect", text);
        }
        Some(_) => {}
    }
    let target = match &job.what {
        What::Copy { bucket: target, prefix, .. } => {
            let below = prefix.as_ref().map(|prefix| format!("{prefix}/{key}"));
            Some((target.as_str(), below.unwrap_or_else(|| key.to_owned())))
        }
        _ => None,
    };
    let mut needs = match &job.what {
        What::Copy { .. } => {
            vec![(if versioned { "s3:GetObjectVersion" } else { "s3:GetObject" }, bucket, key)]
        }
        What::Tag(_) if versioned => vec![("s3:PutObjectVersionTagging", bucket, key)],
        What::Tag(_) => vec![("s3:PutObjectTagging", bucket, key)],
        What::DeleteTags if versioned => vec![("s3:DeleteObjectVersionTagging", bucket, key)],
        What::DeleteTags => vec![("s3:DeleteObjectTagging", bucket, key)],
        What::Restore { .. } => vec![("s3:RestoreObject", bucket, key)],
    };
    if let Some((target, key)) = &target {
        needs.push(("s3:PutObject", target, key));
    }
    for (action, bucket, key) in needs {
        if !runner.may(action, bucket, key) {
            return Outcome::bad(
                403,
                "AccessDenied",
                format!("Access Denied: {action} on s3://{bucket}/{key}"),
            );
        }
    }
    let mut storage = locked(&runner.core.storage);
    let Some(source) = storage.buckets.get_mut(bucket) else {
        return Outcome::bad(404, "NoSuchBucket", "The specified bucket does not exist");
    };
    let Some(blob) = found(source, item) else {
        return match versioned {
            true => Outcome::bad(404, "NoSuchVersion", "The specified version does not exist."),
            false => Outcome::bad(404, "NoSuchKey", "The specified key does not exist."),
        };
    };
    match (&job.what, target) {
        (What::Tag(tags), _) => {
            replace_blob(source, key, &blob, Blob { tags: tags.clone(), ..Blob::clone(&blob) });
        }
        (What::DeleteTags, _) => {
            replace_blob(source, key, &blob, Blob { tags: Vec::new(), ..Blob::clone(&blob) });
        }
        (What::Restore { days }, _) => {
            if !restore::is_archived(&blob) {
                let text = "Restore is not allowed for the object's current storage class";
                return Outcome::bad(403, "InvalidObjectState", text);
            }
            replace_blob(source, key, &blob, restore::restored(&blob, *days, runner.now));
        }
        (What::Copy { class, replaces, .. }, Some((target, name))) => {
            if restore::is_archived(&blob)
                && blob.headers.restored_until.is_none_or(|until| until <= runner.now)
            {
                let text = "The operation is not valid for the object's storage class";
                return Outcome::bad(403, "InvalidObjectState", text);
            }
            if blob.data.len() > COPY_MAX_BYTES {
                let text = "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120";
                return Outcome::bad(400, "InvalidRequest", text);
            }
            let kept = if *replaces { Headers::default() } else { blob.headers.clone() };
            let copy = Blob {
                headers: Headers { storage_class: class.clone(), restored_until: None, ..kept },
                parts: Vec::new(),
                etag: crate::s3::checksums::md5(&blob.data),
                ..Blob::clone(&blob)
            };
            let Some(target) = storage.buckets.get_mut(target) else {
                return Outcome::bad(404, "NoSuchBucket", "The specified bucket does not exist");
            };
            target.put(&name, copy, runner.now, runner.core.ids.token(24));
        }
        (What::Copy { .. }, None) => return Outcome::bad(500, "InternalError", "there is no target"),
    }
    Outcome::good()
}

fn found(bucket: &Bucket, item: &Item) -> Option<Arc<Blob>> {
    match item.version.as_deref() {
        None => bucket.current(&item.key).map(|(_, blob)| blob),
        Some(id) => {
            let id = if id == "null" { NULL_VERSION } else { id };
            let mut versions = bucket.keys.get(&item.key)?.iter();
            versions.find(|version| version.id == id)?.blob()
        }
    }
}

//! Versions, deletions and tags: what happens to a key besides being written.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::buckets::owner;
use super::conditions::check_write;
use super::listing::{
    Line, Start, checksum_algorithm, encoded, marker, page, page_size, storage_class, wants_encoding,
};
use super::objects::find;
use super::upload::check_tags;
use super::{Asked, done, no_such_bucket, timestamp};
use crate::locked;
use crate::world::storage::{Blob, Bucket as Stored, Held, Versioning};

pub(super) async fn configuration(
    asked: &Asked<'_>,
    request: &mut S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    let storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get(&request.input.bucket).ok_or_else(no_such_bucket)?;
    let status = match bucket.versioning {
        Versioning::Off => None,
        Versioning::Enabled => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED)),
        Versioning::Suspended => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::SUSPENDED)),
    };
    done(GetBucketVersioningOutput { status, ..GetBucketVersioningOutput::default() })
}

pub(super) async fn configure(
    asked: &Asked<'_>,
    request: &mut S3Request<PutBucketVersioningInput>,
) -> S3Result<S3Response<PutBucketVersioningOutput>> {
    let versioning =
        match request.input.versioning_configuration.status.as_ref().map(BucketVersioningStatus::as_str) {
            Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
            Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
            _ => {
                return Err(s3_error!(
                    IllegalVersioningConfigurationException,
                    "The Versioning element must be specified"
                ));
            }
        };
    let mut storage = locked(&asked.core.storage);
    storage.buckets.get_mut(&request.input.bucket).ok_or_else(no_such_bucket)?.versioning = versioning;
    done(PutBucketVersioningOutput::default())
}

pub(super) async fn list(
    asked: &Asked<'_>,
    request: &mut S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let input = &request.input;
    let encode = wants_encoding(input.encoding_type.as_ref())?;
    let max_keys = page_size(input.max_keys)?;
    let limit = usize::try_from(max_keys).unwrap_or(0);
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = input.delimiter.as_deref();
    let owner = owner(asked);
    let storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get(&input.bucket).ok_or_else(no_such_bucket)?;
    let mut output = ListObjectVersionsOutput {
        name: Some(input.bucket.clone()),
        prefix: Some(encoded(&prefix, encode)),
        key_marker: Some(encoded(input.key_marker.as_deref().unwrap_or_default(), encode)),
        version_id_marker: input.version_id_marker.clone(),
        max_keys: Some(max_keys),
        delimiter: input.delimiter.as_ref().map(|delimiter| encoded(delimiter, encode)),
        encoding_type: input.encoding_type.clone(),
        is_truncated: Some(false),
        ..ListObjectVersionsOutput::default()
    };
    let mut rows = Rows { bucket, encode, owner, versions: Vec::new(), markers: Vec::new() };
    let mut groups = Vec::new();
    let mut last: Option<(String, Option<String>)> = None;

    // A page may have ended amid the versions of one key: those come first.
    let mut start = marker(input.key_marker.as_deref(), &prefix, delimiter);
    let mut room = limit;
    if let (Some(key), Some(version_id)) = (&input.key_marker, &input.version_id_marker) {
        start = Start::After(key.clone());
        for id in rows.ids_after(key, Some(version_id)) {
            if room == 0 {
                break;
            }
            rows.add(key, &id);
            room -= 1;
            last = Some((key.clone(), Some(id)));
        }
    }
    let (lines, mut truncated) = page(&bucket.keys, &prefix, delimiter, &start, room, |_| true);
    'lines: for line in lines {
        match line {
            Line::Group(group) => {
                if room == 0 {
                    truncated = true;
                    break;
                }
                room -= 1;
                groups.push(CommonPrefix { prefix: Some(encoded(&group, encode)) });
                last = Some((group, None));
            }
            Line::Key(key) => {
                for id in rows.ids_after(&key, None) {
                    if room == 0 {
                        truncated = true;
                        break 'lines;
                    }
                    room -= 1;
                    rows.add(&key, &id);
                    last = Some((key.clone(), Some(id)));
                }
            }
        }
    }
    let more_of_last = last
        .as_ref()
        .is_some_and(|(key, id)| id.as_ref().is_some_and(|id| !rows.ids_after(key, Some(id)).is_empty()));
    if (truncated || more_of_last)
        && limit > 0
        && let Some((key, version_id)) = last
    {
        output.is_truncated = Some(true);
        output.next_key_marker = Some(encoded(&key, encode));
        output.next_version_id_marker = version_id;
    }
    output.versions = Some(rows.versions);
    output.delete_markers = Some(rows.markers);
    output.common_prefixes = Some(groups);
    done(output)
}

/// The rows of a page of versions.
struct Rows<'a> {
    bucket: &'a Stored,
    encode: bool,
    owner: Owner,
    versions: Vec<ObjectVersion>,
    markers: Vec<DeleteMarkerEntry>,
}

impl Rows<'_> {
    /// The IDs of a key's versions, newest first, behind one of them.
    fn ids_after(&self, key: &str, after: Option<&str>) -> Vec<String> {
        let newest_first = self
            .bucket
            .keys
            .get(key)
            .into_iter()
            .flatten()
            .rev()
            .map(|version| version.id.clone().into_owned());
        match after {
            None => newest_first.collect(),
            Some(id) => newest_first.skip_while(|other| other != id).skip(1).collect(),
        }
    }

    fn add(&mut self, key: &str, id: &str) {
        let Some(versions) = self.bucket.keys.get(key) else { return };
        let Some(version) = versions.iter().find(|version| version.id == id) else { return };
        let is_latest = Some(versions.last().is_some_and(|last| last.id == id));
        let (key, last_modified) = (Some(encoded(key, self.encode)), Some(timestamp(version.modified)));
        let (owner, version_id) = (Some(self.owner.clone()), Some(id.to_owned()));
        match version.blob() {
            None => self.markers.push(DeleteMarkerEntry { is_latest, key, last_modified, owner, version_id }),
            Some(blob) => self.versions.push(ObjectVersion {
                checksum_algorithm: Some(vec![checksum_algorithm(&blob)]),
                checksum_type: Some(blob.checksum_kind().dto()),
                e_tag: Some(ETag::Strong(blob.etag.clone())),
                is_latest,
                key,
                last_modified,
                owner,
                restore_status: None,
                size: Some(blob.data.len() as i64),
                storage_class: Some(ObjectVersionStorageClass::from(storage_class(&blob))),
                version_id,
            }),
        }
    }
}

/// What one deletion did.
struct Deletion {
    /// Whether a delete marker was made or removed.
    marker: bool,
    version_id: Option<String>,
}

fn delete_one(asked: &Asked<'_>, bucket: &mut Stored, key: &str, version_id: Option<&str>) -> Deletion {
    match version_id {
        Some(id) => {
            let removed = bucket.delete_version(key, id);
            Deletion {
                marker: removed.is_some_and(|version| version.object.is_none()),
                version_id: Some(id.to_owned()),
            }
        }
        None => {
            let version_id = bucket.delete(key, asked.now, asked.core.ids.token(24));
            Deletion { marker: version_id.is_some(), version_id }
        }
    }
}

/// Who may not read may not delete under a condition (S3 User Guide, "How to perform conditional deletes").
fn may_read(asked: &Asked<'_>, bucket: &str, key: &str) -> bool {
    asked.caller.may(asked.core, "s3:GetObject", &format!("arn:aws:s3:::{bucket}/{key}"))
}

pub(super) async fn delete(
    asked: &Asked<'_>,
    request: &mut S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let input = &request.input;
    if input.if_match.is_some() && !may_read(asked, &input.bucket, &input.key) {
        return Err(s3_error!(AccessDenied, "Access Denied"));
    }
    let mut storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get_mut(&input.bucket).ok_or_else(no_such_bucket)?;
    if input.if_match.is_some() {
        check_write(bucket, &input.key, input.if_match.as_ref(), None)?;
    }
    let deletion = delete_one(asked, bucket, &input.key, input.version_id.as_deref());
    done(DeleteObjectOutput {
        delete_marker: deletion.marker.then_some(true),
        version_id: deletion.version_id,
        ..DeleteObjectOutput::default()
    })
}

pub(super) async fn delete_many(
    asked: &Asked<'_>,
    request: &mut S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let input = &request.input;
    if input.delete.objects.is_empty() || input.delete.objects.len() > 1000 {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for object in &input.delete.objects {
        let version_id = object.version_id.as_deref();
        let action = if version_id.is_some() { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" };
        let resource = format!("arn:aws:s3:::{}/{}", input.bucket, object.key);
        let reads = object.e_tag.is_none() || may_read(asked, &input.bucket, &object.key);
        if !asked.caller.may(asked.core, action, &resource) || !reads {
            errors.push(Error {
                code: Some("AccessDenied".into()),
                key: Some(object.key.clone()),
                message: Some("Access Denied".into()),
                version_id: object.version_id.clone(),
            });
            continue;
        }
        let mut storage = locked(&asked.core.storage);
        let bucket = storage.buckets.get_mut(&input.bucket).ok_or_else(no_such_bucket)?;
        if let Some(etag) = &object.e_tag {
            let condition = ETagCondition::ETag(etag.clone());
            if let Err(error) = check_write(bucket, &object.key, Some(&condition), None) {
                errors.push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    key: Some(object.key.clone()),
                    message: error.message().map(str::to_owned),
                    version_id: object.version_id.clone(),
                });
                continue;
            }
        }
        let deletion = delete_one(asked, bucket, &object.key, version_id);
        deleted.push(DeletedObject {
            delete_marker: deletion.marker.then_some(true),
            delete_marker_version_id: deletion.version_id.filter(|_| deletion.marker),
            key: Some(object.key.clone()),
            version_id: object.version_id.clone(),
        });
    }
    if !locked(&asked.core.storage).buckets.contains_key(&input.bucket) {
        return Err(no_such_bucket());
    }
    let quiet = input.delete.quiet == Some(true);
    done(DeleteObjectsOutput {
        deleted: Some(if quiet { Vec::new() } else { deleted }),
        errors: Some(errors),
        request_charged: None,
    })
}

pub(super) async fn tags(
    asked: &Asked<'_>,
    request: &mut S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = &request.input;
    let storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get(&input.bucket).ok_or_else(no_such_bucket)?;
    let found = find(bucket, &input.key, input.version_id.as_deref())?;
    let tag_set = found
        .blob
        .tags
        .iter()
        .map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) })
        .collect();
    done(GetObjectTaggingOutput { tag_set, version_id: found.version_id })
}

pub(super) async fn put_tags(
    asked: &Asked<'_>,
    request: &mut S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let input = &request.input;
    let tags = input
        .tagging
        .tag_set
        .iter()
        .map(|tag| (tag.key.clone().unwrap_or_default(), tag.value.clone().unwrap_or_default()));
    let tags = check_tags(tags.collect())?;
    let version_id = replace_tags(asked, &input.bucket, &input.key, input.version_id.as_deref(), tags)?;
    let mut response = S3Response::new(PutObjectTaggingOutput { version_id: version_id.clone() });
    response.headers = version_header(version_id.as_deref());
    Ok(response)
}

pub(super) async fn delete_tags(
    asked: &Asked<'_>,
    request: &mut S3Request<DeleteObjectTaggingInput>,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let input = &request.input;
    let version_id = replace_tags(asked, &input.bucket, &input.key, input.version_id.as_deref(), Vec::new())?;
    done(DeleteObjectTaggingOutput { version_id })
}

fn version_header(version_id: Option<&str>) -> HeaderMap {
    let value = version_id.and_then(|id| HeaderValue::from_str(id).ok());
    value.map(|value| (http::HeaderName::from_static("x-amz-version-id"), value)).into_iter().collect()
}

fn replace_tags(
    asked: &Asked<'_>,
    bucket: &str,
    key: &str,
    version_id: Option<&str>,
    tags: Vec<(String, String)>,
) -> S3Result<Option<String>> {
    let mut storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get_mut(bucket).ok_or_else(no_such_bucket)?;
    let found = find(bucket, key, version_id)?;
    let mut tagged = Blob::clone(&found.blob);
    tagged.tags = tags;
    replace_blob(bucket, key, &found.blob, tagged);
    Ok(found.version_id)
}

/// Changes what is said of a version, in its place.
pub(crate) fn replace_blob(bucket: &mut Stored, key: &str, old: &Arc<Blob>, new: Blob) {
    let new = Arc::new(new);
    for version in bucket.keys.get_mut(key).into_iter().flatten() {
        if let Some(Held::Blob(blob)) = &mut version.object
            && Arc::ptr_eq(blob, old)
        {
            *blob = Arc::clone(&new);
        }
    }
}

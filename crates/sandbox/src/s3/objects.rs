//! Single objects: read, describe, write, copy.

use std::ops::Range as Span;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::checksums::{Algorithm, Checksum as Sum, Claims, Kind, claims, md5, tell_checksum};
use super::conditions::{Conditions, Purpose, UnderWay, check_write, written_if};
use super::upload::{self, headers};
use super::{Asked, done, encryption, no_such_bucket, no_such_key, restore, timestamp};
use crate::locked;
use crate::world::storage::{Blob, Bucket as Stored, Headers, NULL_VERSION, Version};

/// What one request copies at most; more is copied in parts.
pub(super) const LARGEST_COPY_BYTES: u64 = 5 << 30;

/// A version that was found, ready to be told.
pub(super) struct Found {
    pub(super) blob: Arc<Blob>,
    pub(super) modified: jiff::Timestamp,
    /// Named in answers of buckets that keep versions.
    pub(super) version_id: Option<String>,
}

/// Finds an object, or says in S3's words why there is none.
pub(super) fn find(bucket: &Stored, key: &str, version_id: Option<&str>) -> S3Result<Found> {
    let versions = bucket.keys.get(key);
    let version: &Version = match version_id {
        None => versions.and_then(|versions| versions.last()).ok_or_else(no_such_key)?,
        Some(id) => versions
            .and_then(|versions| versions.iter().find(|version| version.id == id))
            .ok_or_else(|| s3_error!(NoSuchVersion, "The specified version does not exist."))?,
    };
    let told = bucket.keeps_versions() || version.id != NULL_VERSION;
    match version.blob() {
        Some(blob) => Ok(Found {
            blob,
            modified: version.modified,
            version_id: told.then(|| version.id.clone().into_owned()),
        }),
        None => {
            let mut error = if version_id.is_some() {
                s3_error!(MethodNotAllowed, "The specified method is not allowed against this resource.")
            } else {
                no_such_key()
            };
            let mut headers = HeaderMap::new();
            headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
            if let Ok(id) = HeaderValue::from_str(&version.id) {
                headers.insert("x-amz-version-id", id);
            }
            error.set_headers(headers);
            Err(error)
        }
    }
}

/// Finds an object in the storage. Whoever may not list a bucket is not told that a key is missing.
fn look_up(asked: &Asked<'_>, bucket: &str, key: &str, version_id: Option<&str>) -> S3Result<Found> {
    let found = {
        let storage = locked(&asked.core.storage);
        find(storage.buckets.get(bucket).ok_or_else(no_such_bucket)?, key, version_id)
    };
    let hidden = matches!(&found, Err(error) if *error.code() == S3ErrorCode::NoSuchKey)
        && !asked.caller.may(asked.core, "s3:ListBucket", &format!("arn:aws:s3:::{bucket}"));
    if hidden { Err(s3_error!(AccessDenied, "Access Denied")) } else { found }
}

/// The piece of an object that is asked for, if not all of it.
fn piece(blob: &Blob, range: Option<&Range>, part: Option<i32>) -> S3Result<Option<Span<u64>>> {
    let length = blob.data.len();
    match (range, part) {
        (Some(_), Some(_)) => {
            Err(s3_error!(InvalidRequest, "Cannot specify both Range header and partNumber query parameter"))
        }
        (None, None) => Ok(None),
        (Some(range), None) => range.check(length).map(Some).map_err(|_| unsatisfiable(length)),
        (None, Some(number)) if blob.parts.is_empty() => {
            if number == 1 {
                Ok(None)
            } else {
                Err(no_such_part())
            }
        }
        (None, Some(number)) => {
            let mut start = 0;
            for part in &blob.parts {
                let end = start + part.size;
                if part.number == number {
                    return Ok(Some(start..end));
                }
                start = end;
            }
            Err(no_such_part())
        }
    }
}

fn no_such_part() -> S3Error {
    let mut error = S3Error::with_message(
        S3ErrorCode::Custom("InvalidPartNumber".into()),
        "The requested partnumber is not satisfiable",
    );
    error.set_status_code(http::StatusCode::RANGE_NOT_SATISFIABLE);
    error
}

fn unsatisfiable(length: u64) -> S3Error {
    let mut error = s3_error!(InvalidRange, "The requested range is not satisfiable");
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{length}")) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    error.set_headers(headers);
    error
}

/// Fills the fields that the outputs of `GetObject` and `HeadObject` share.
macro_rules! describe {
    ($found:expr, $span:expr, $input:expr, $output:ident) => {{
        let blob = &$found.blob;
        let headers = &blob.headers;
        let input = &$input;
        let length = blob.data.len();
        let mut output = $output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: input.response_cache_control.clone().or_else(|| headers.cache_control.clone()),
            content_disposition: input
                .response_content_disposition
                .clone()
                .or_else(|| headers.content_disposition.clone()),
            content_encoding: input
                .response_content_encoding
                .clone()
                .or_else(|| headers.content_encoding.clone()),
            content_language: input
                .response_content_language
                .clone()
                .or_else(|| headers.content_language.clone()),
            content_length: Some(
                $span.as_ref().map_or(length, |span: &Span<u64>| span.end - span.start) as i64
            ),
            content_range: $span
                .as_ref()
                .map(|span: &Span<u64>| format!("bytes {}-{}/{length}", span.start, span.end - 1)),
            content_type: input
                .response_content_type
                .clone()
                .or_else(|| headers.content_type.clone())
                .or_else(|| Some("binary/octet-stream".to_owned())),
            e_tag: Some(ETag::Strong(blob.etag.clone())),
            expires: input.response_expires.clone().or_else(|| headers.expires.clone()),
            last_modified: Some(timestamp($found.modified)),
            metadata: Some(headers.metadata.clone().into_iter().collect()),
            parts_count: input
                .part_number
                .filter(|_| !blob.parts.is_empty())
                .map(|_| blob.parts.len() as i32),
            server_side_encryption: Some(encryption::algorithm(blob.kms_key.as_ref())),
            ssekms_key_id: blob.kms_key.clone(),
            storage_class: headers
                .storage_class
                .clone()
                .filter(|class| class != "STANDARD")
                .map(StorageClass::from),
            version_id: $found.version_id.clone(),
            website_redirect_location: headers.website_redirect.clone(),
            ..$output::default()
        };
        let wants_checksum =
            input.checksum_mode.as_ref().is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        if wants_checksum && $span.is_none() {
            let checksum = blob.checksum();
            tell_checksum!(output, checksum);
            output.checksum_type = Some(checksum.kind.dto());
        }
        output
    }};
}

/// Reads the conditions of a typed input.
macro_rules! conditions {
    ($input:expr) => {
        Conditions {
            if_match: $input.if_match.as_ref(),
            if_none_match: $input.if_none_match.as_ref(),
            if_modified_since: $input.if_modified_since.as_ref(),
            if_unmodified_since: $input.if_unmodified_since.as_ref(),
        }
    };
}

/// Reads the conditions on the source of a copy.
macro_rules! source_conditions {
    ($input:expr) => {
        Conditions {
            if_match: $input.copy_source_if_match.as_ref(),
            if_none_match: $input.copy_source_if_none_match.as_ref(),
            if_modified_since: $input.copy_source_if_modified_since.as_ref(),
            if_unmodified_since: $input.copy_source_if_unmodified_since.as_ref(),
        }
    };
}
pub(super) use source_conditions;

pub(super) async fn head(
    asked: &Asked<'_>,
    request: &mut S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = &request.input;
    let found = look_up(asked, &input.bucket, &input.key, input.version_id.as_deref())?;
    conditions!(input).check(&found.blob, found.modified, Purpose::Read)?;
    let span = piece(&found.blob, input.range.as_ref(), input.part_number)?;
    let mut output = describe!(found, span, input, HeadObjectOutput);
    output.restore = restore::told(&found.blob, asked.now);
    let status = if span.is_some() { http::StatusCode::PARTIAL_CONTENT } else { http::StatusCode::OK };
    Ok(S3Response::with_status(output, status))
}

pub(super) async fn get(
    asked: &Asked<'_>,
    request: &mut S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let input = &request.input;
    let found = look_up(asked, &input.bucket, &input.key, input.version_id.as_deref())?;
    conditions!(input).check(&found.blob, found.modified, Purpose::Read)?;
    let span = piece(&found.blob, input.range.as_ref(), input.part_number)?;
    restore::check_readable(&found.blob, asked.now)?;
    encryption::may_decrypt(asked, found.blob.kms_key.as_deref())?;
    let mut output = describe!(found, span, input, GetObjectOutput);
    output.restore = restore::told(&found.blob, asked.now);
    let data = match span {
        Some(span) => found.blob.data.slice(span.start, span.end),
        None => found.blob.data.clone(),
    };
    output.tag_count = Some(found.blob.tags.len() as i32).filter(|count| *count > 0);
    output.body = Some(StreamingBlob::new(data.read()));
    done(output)
}

pub(super) async fn attributes(
    asked: &Asked<'_>,
    request: &mut S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let input = &request.input;
    let found = look_up(asked, &input.bucket, &input.key, input.version_id.as_deref())?;
    let blob = &found.blob;
    // The header may come as one line with commas, which `s3s` leaves whole.
    let wants = |name: &str| {
        input
            .object_attributes
            .iter()
            .flat_map(|line| line.as_str().split(','))
            .any(|attribute| attribute.trim() == name)
    };
    let mut output = GetObjectAttributesOutput {
        last_modified: Some(timestamp(found.modified)),
        version_id: found.version_id.clone(),
        ..GetObjectAttributesOutput::default()
    };
    if wants(ObjectAttributes::ETAG) {
        output.e_tag = Some(ETag::Strong(blob.etag.clone()));
    }
    if wants(ObjectAttributes::OBJECT_SIZE) {
        output.object_size = Some(blob.data.len() as i64);
    }
    if wants(ObjectAttributes::STORAGE_CLASS) {
        output.storage_class = Some(StorageClass::from_static(StorageClass::STANDARD));
    }
    if wants(ObjectAttributes::CHECKSUM) {
        let sum = blob.checksum();
        let mut checksum = Checksum { checksum_type: Some(sum.kind.dto()), ..Checksum::default() };
        tell_checksum!(checksum, sum);
        output.checksum = Some(checksum);
    }
    if wants(ObjectAttributes::OBJECT_PARTS) && !blob.parts.is_empty() {
        let parts = blob.parts.iter().map(|part| {
            let mut told = ObjectPart {
                part_number: Some(part.number),
                size: Some(part.size as i64),
                ..ObjectPart::default()
            };
            if let Some(value) = &part.checksum {
                let sum = Sum {
                    algorithm: blob.checksum_algorithm(),
                    kind: Kind::FullObject,
                    value: value.clone(),
                };
                tell_checksum!(told, sum);
            }
            told
        });
        output.object_parts = Some(GetObjectAttributesParts {
            is_truncated: Some(false),
            max_parts: Some(1000),
            total_parts_count: Some(blob.parts.len() as i32),
            parts: Some(parts.collect()),
            ..GetObjectAttributesParts::default()
        });
    }
    done(output)
}

pub(super) async fn put(
    asked: &Asked<'_>,
    request: &mut S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let body = request.input.body.take();
    let input = &request.input;
    let chosen = input.checksum_algorithm.as_ref().map(|name| Algorithm::parse(name.as_str())).transpose()?;
    let claims: Claims = claims!(input, md5: input.content_md5.clone(), chosen: chosen);
    let headers = headers!(input);
    let tags = upload::tags(input.tagging.as_deref())?;
    if !locked(&asked.core.storage).buckets.contains_key(&input.bucket) {
        return Err(no_such_bucket());
    }
    let (algorithm, key_id) = (input.server_side_encryption.as_ref(), input.ssekms_key_id.as_deref());
    let kms_key = encryption::key_for_write(asked, &input.bucket, algorithm, key_id)?;
    let is_conditional = input.if_match.is_some() || input.if_none_match.is_some();
    let under_way = is_conditional.then(|| UnderWay::begin(asked, &input.bucket, &input.key));
    let arrived = upload::read(body, claims, request.trailing_headers.as_ref()).await?;
    let blob = Blob {
        data: arrived.data,
        etag: arrived.etag,
        chosen_checksum: arrived.checksum,
        headers,
        tags,
        kms_key,
        parts: Vec::new(),
    };

    let mut output = PutObjectOutput {
        e_tag: Some(ETag::Strong(blob.etag.clone())),
        checksum_type: Some(blob.checksum_kind().dto()),
        server_side_encryption: Some(encryption::algorithm(blob.kms_key.as_ref())),
        ssekms_key_id: blob.kms_key.clone(),
        ..PutObjectOutput::default()
    };
    let checksum = blob.checksum();
    tell_checksum!(output, checksum);
    let fresh = asked.core.ids.token(24);
    let mut storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get_mut(&input.bucket).ok_or_else(no_such_bucket)?;
    if let Some(under_way) = &under_way {
        under_way.check(bucket)?;
    }
    check_write(bucket, &input.key, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    output.version_id = bucket.put(&input.key, blob, asked.now, fresh);
    drop(storage);
    done(output)
}

/// Finds the source of a copy.
pub(super) fn source(asked: &Asked<'_>, source: &CopySource) -> S3Result<Found> {
    let CopySource::Bucket { bucket, key, version_id } = source else {
        return Err(s3_error!(NotImplemented, "Access points are not part of this sandbox"));
    };
    let found = look_up(asked, bucket, key, version_id.as_deref())?;
    restore::check_readable(&found.blob, asked.now)?;
    encryption::may_decrypt(asked, found.blob.kms_key.as_deref())?;
    Ok(found)
}

pub(super) async fn copy(
    asked: &Asked<'_>,
    request: &mut S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let input = &request.input;
    let found = source(asked, &input.copy_source)?;
    source_conditions!(input).check(&found.blob, found.modified, Purpose::Copy)?;
    if found.blob.data.len() > LARGEST_COPY_BYTES {
        return Err(s3_error!(
            InvalidRequest,
            "The specified copy source is larger than the maximum allowable size for a copy source: {LARGEST_COPY_BYTES}"
        ));
    }
    let replaces = |directive: Option<&str>| directive == Some("REPLACE");
    let replace_headers = replaces(input.metadata_directive.as_ref().map(MetadataDirective::as_str));
    let replace_tags = replaces(input.tagging_directive.as_ref().map(TaggingDirective::as_str));
    let onto_itself = matches!(&input.copy_source, CopySource::Bucket { bucket, key, version_id: None }
        if **bucket == input.bucket && **key == input.key);
    if onto_itself && !replace_headers && input.storage_class.is_none() {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    let (chosen, key_id) = (input.server_side_encryption.as_ref(), input.ssekms_key_id.as_deref());
    let kms_key = encryption::key_for_write(asked, &input.bucket, chosen, key_id)?;
    let data = found.blob.data.clone();
    let headers: Headers = if replace_headers {
        headers!(input)
    } else {
        Headers {
            storage_class: input.storage_class.as_ref().map(|class| class.as_str().to_owned()),
            restored_until: None,
            ..found.blob.headers.clone()
        }
    };
    let algorithm = match &input.checksum_algorithm {
        Some(name) => Algorithm::parse(name.as_str())?,
        None => found.blob.checksum_algorithm(),
    };
    // What is known of the very same bytes is not computed again.
    let (kind, known) = (found.blob.checksum_kind(), found.blob.checksum_algorithm());
    let same = (kind, known) == (Kind::FullObject, algorithm);
    let checksum = if same { found.blob.checksum() } else { Sum::of(algorithm, &data) };
    let blob = Blob {
        etag: if found.blob.parts.is_empty() { found.blob.etag.clone() } else { md5(&data) },
        chosen_checksum: Some(checksum.clone()),
        headers,
        tags: if replace_tags { upload::tags(input.tagging.as_deref())? } else { found.blob.tags.clone() },
        kms_key: kms_key.clone(),
        parts: Vec::new(),
        data,
    };
    let mut result = CopyObjectResult {
        e_tag: Some(ETag::Strong(blob.etag.clone())),
        last_modified: Some(timestamp(asked.now)),
        checksum_type: Some(checksum.kind.dto()),
        ..CopyObjectResult::default()
    };
    tell_checksum!(result, checksum);
    let fresh = asked.core.ids.token(24);
    let mut storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get_mut(&input.bucket).ok_or_else(no_such_bucket)?;
    let (if_match, if_none_match) = written_if(&request.headers)?;
    check_write(bucket, &input.key, if_match.as_ref(), if_none_match.as_ref())?;
    let version_id = bucket.put(&input.key, blob, asked.now, fresh);
    done(CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: found.version_id,
        server_side_encryption: Some(encryption::algorithm(kms_key.as_ref())),
        ssekms_key_id: kms_key,
        version_id,
        ..CopyObjectOutput::default()
    })
}

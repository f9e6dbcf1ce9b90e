//! Multipart uploads: parts arrive in any order, and completion holds the list against them.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::buckets::owner;
use super::checksums::{Algorithm, Checksum, Claims, Kind, claims, md5, tell_checksum};
use super::conditions::{Conditions, Purpose, check_write};
use super::listing::{Line, encoded, marker, page, page_size, wants_encoding};
use super::objects::{LARGEST_COPY_BYTES, source, source_conditions};
use super::upload::{self, headers};
use super::{Asked, done, encryption, no_such_bucket, timestamp};
use crate::locked;
use crate::world::content::Content;
use crate::world::storage::{Blob, Part as StoredPart, PartSummary, Storage, Upload};

const LAST_PART: i32 = 10_000;
/// Every part but the last must have this much.
const SMALLEST_PART_BYTES: u64 = 5 << 20;

fn no_such_upload() -> S3Error {
    s3_error!(
        NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )
}

fn upload_of<'a>(storage: &'a mut Storage, bucket: &str, key: &str, id: &str) -> S3Result<&'a mut Upload> {
    let bucket = storage.buckets.get_mut(bucket).ok_or_else(no_such_bucket)?;
    bucket.uploads.get_mut(&(key.to_owned(), id.to_owned())).ok_or_else(no_such_upload)
}

pub(super) async fn create(
    asked: &Asked<'_>,
    request: &mut S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let input = &request.input;
    let algorithm =
        input.checksum_algorithm.as_ref().map(|name| Algorithm::parse(name.as_str())).transpose()?;
    let kind = match input.checksum_type.as_ref().map(ChecksumType::as_str) {
        Some(ChecksumType::FULL_OBJECT) => Some(Kind::FullObject),
        Some(ChecksumType::COMPOSITE) => Some(Kind::Composite),
        _ => None,
    };
    let checksum = match (algorithm, kind) {
        (None, None) => None,
        (None, Some(_)) => {
            return Err(s3_error!(
                InvalidRequest,
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
            ));
        }
        (Some(Algorithm::Crc64Nvme), Some(Kind::Composite))
        | (Some(Algorithm::Sha1 | Algorithm::Sha256), Some(Kind::FullObject)) => {
            return Err(s3_error!(
                InvalidRequest,
                "The checksum type is not supported for this checksum algorithm."
            ));
        }
        (Some(algorithm), kind) => Some((algorithm, kind.unwrap_or_else(|| algorithm.default_kind()))),
    };
    let (chosen, key_id) = (input.server_side_encryption.as_ref(), input.ssekms_key_id.as_deref());
    let kms_key = encryption::key_for_write(asked, &input.bucket, chosen, key_id)?;
    let upload = Upload {
        kms_key: kms_key.clone(),
        initiated: asked.now,
        headers: headers!(input),
        tags: upload::tags(input.tagging.as_deref())?,
        checksum,
        parts: BTreeMap::new(),
        initiator: asked
            .caller
            .principal
            .as_ref()
            .map(|principal| locked(&asked.core.account).arn_of(principal))
            .unwrap_or_default(),
    };
    let id = asked.core.ids.token(48);
    let mut storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get_mut(&input.bucket).ok_or_else(no_such_bucket)?;
    bucket.uploads.insert((input.key.clone(), id.clone()), upload);
    done(CreateMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        upload_id: Some(id),
        checksum_algorithm: checksum.map(|(algorithm, _)| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: checksum.map(|(_, kind)| kind.dto()),
        server_side_encryption: Some(encryption::algorithm(kms_key.as_ref())),
        ssekms_key_id: kms_key,
        ..CreateMultipartUploadOutput::default()
    })
}

fn check_number(number: i32) -> S3Result<()> {
    if (1..=LAST_PART).contains(&number) {
        return Ok(());
    }
    Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"))
}

pub(super) async fn upload_part(
    asked: &Asked<'_>,
    request: &mut S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let body = request.input.body.take();
    let input = &request.input;
    check_number(input.part_number)?;
    let (wanted, kms_key) = {
        let mut storage = locked(&asked.core.storage);
        let upload = upload_of(&mut storage, &input.bucket, &input.key, &input.upload_id)?;
        (upload.checksum.map(|(algorithm, _)| algorithm), upload.kms_key.clone())
    };
    encryption::may_decrypt(asked, kms_key.as_deref())?;
    let claims: Claims = claims!(input, md5: input.content_md5.clone(), chosen: wanted);
    let arrived = upload::read(body, claims, request.trailing_headers.as_ref()).await?;
    if let (Some(wanted), Some(given)) = (wanted, &arrived.checksum)
        && given.algorithm != wanted
    {
        return Err(s3_error!(
            InvalidRequest,
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            wanted.name().to_lowercase(),
            given.algorithm.name().to_lowercase()
        ));
    }
    let part = StoredPart {
        etag: arrived.etag,
        data: arrived.data,
        checksum: arrived.checksum,
        modified: asked.now,
    };
    let mut output = UploadPartOutput {
        e_tag: Some(ETag::Strong(part.etag.clone())),
        server_side_encryption: Some(encryption::algorithm(kms_key.as_ref())),
        ssekms_key_id: kms_key,
        ..UploadPartOutput::default()
    };
    if let Some(checksum) = &part.checksum {
        tell_checksum!(output, checksum);
    }
    let mut storage = locked(&asked.core.storage);
    let upload = upload_of(&mut storage, &input.bucket, &input.key, &input.upload_id)?;
    upload.parts.insert(input.part_number, part);
    done(output)
}

pub(super) async fn copy_part(
    asked: &Asked<'_>,
    request: &mut S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let input = &request.input;
    check_number(input.part_number)?;
    let found = source(asked, &input.copy_source)?;
    source_conditions!(input).check(&found.blob, found.modified, Purpose::Copy)?;
    let length = found.blob.data.len();
    let data = match &input.copy_source_range {
        None => found.blob.data.clone(),
        Some(range) => {
            let invalid = || {
                s3_error!(
                    InvalidArgument,
                    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy"
                )
            };
            let Ok(Range::Int { first, last: Some(last) }) = Range::parse(range) else {
                return Err(invalid());
            };
            if first > last || last >= length {
                return Err(s3_error!(
                    InvalidArgument,
                    "Range specified is not valid for source object of size: {length}"
                ));
            }
            found.blob.data.slice(first, last + 1)
        }
    };
    if data.len() > LARGEST_COPY_BYTES {
        return Err(s3_error!(
            InvalidRequest,
            "The specified copy source is larger than the maximum allowable size for a copy source: {LARGEST_COPY_BYTES}"
        ));
    }
    let chosen = {
        let mut storage = locked(&asked.core.storage);
        upload_of(&mut storage, &input.bucket, &input.key, &input.upload_id)?.checksum
    };
    // Summing up large parts happens outside the lock.
    let checksum = chosen.map(|(algorithm, _)| Checksum::of(algorithm, &data));
    let part = StoredPart { etag: md5(&data), data, checksum, modified: asked.now };
    let mut result = CopyPartResult {
        e_tag: Some(ETag::Strong(part.etag.clone())),
        last_modified: Some(timestamp(asked.now)),
        ..CopyPartResult::default()
    };
    if let Some(checksum) = &part.checksum {
        tell_checksum!(result, checksum);
    }
    let mut storage = locked(&asked.core.storage);
    let upload = upload_of(&mut storage, &input.bucket, &input.key, &input.upload_id)?;
    upload.parts.insert(input.part_number, part);
    done(UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id: found.version_id,
        ..UploadPartCopyOutput::default()
    })
}

pub(super) async fn list_parts(
    asked: &Asked<'_>,
    request: &mut S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let input = &request.input;
    let limit = page_size(input.max_parts)?;
    let after = input.part_number_marker.unwrap_or(0);
    let owner = owner(asked);
    let mut storage = locked(&asked.core.storage);
    let upload = upload_of(&mut storage, &input.bucket, &input.key, &input.upload_id)?;
    let mut rest = upload.parts.range((Bound::Excluded(after), Bound::Unbounded));
    let parts: Vec<Part> = rest
        .by_ref()
        .take(usize::try_from(limit).unwrap_or(0))
        .map(|(number, part)| {
            let mut told = Part {
                e_tag: Some(ETag::Strong(part.etag.clone())),
                last_modified: Some(timestamp(part.modified)),
                part_number: Some(*number),
                size: Some(part.data.len() as i64),
                ..Part::default()
            };
            if let Some(checksum) = &part.checksum {
                tell_checksum!(told, checksum);
            }
            told
        })
        .collect();
    let truncated = rest.next().is_some() && limit > 0;
    done(ListPartsOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        upload_id: Some(input.upload_id.clone()),
        checksum_algorithm: upload
            .checksum
            .map(|(algorithm, _)| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: upload.checksum.map(|(_, kind)| kind.dto()),
        initiator: Some(Initiator { display_name: None, id: Some(upload.initiator.clone()) }),
        is_truncated: Some(truncated),
        max_parts: Some(limit),
        next_part_number_marker: parts.last().and_then(|part| part.part_number),
        owner: Some(owner),
        part_number_marker: Some(after),
        parts: Some(parts),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        ..ListPartsOutput::default()
    })
}

pub(super) async fn list_uploads(
    asked: &Asked<'_>,
    request: &mut S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = &request.input;
    let encode = wants_encoding(input.encoding_type.as_ref())?;
    let max_uploads = page_size(input.max_uploads)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = input.delimiter.as_deref();
    let owner = owner(asked);
    let storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get(&input.bucket).ok_or_else(no_such_bucket)?;
    // One line for each upload: a key with several is told apart by a character that no name may hold.
    let separator = '\0';
    let lines: BTreeMap<String, &Upload> =
        bucket.uploads.iter().map(|((key, id), upload)| (format!("{key}{separator}{id}"), upload)).collect();
    let start = match (&input.key_marker, &input.upload_id_marker) {
        (Some(key), Some(id)) => super::listing::Start::After(format!("{key}{separator}{id}")),
        (Some(key), None) => match marker(Some(key), &prefix, delimiter) {
            super::listing::Start::After(key) => {
                super::listing::Start::After(format!("{key}{separator}{}", char::MAX))
            }
            other => other,
        },
        _ => super::listing::Start::Beginning,
    };
    let limit = usize::try_from(max_uploads).unwrap_or(0);
    let (page, truncated) = page(&lines, &prefix, delimiter, &start, limit, |_| true);
    let (mut uploads, mut groups, mut next) = (Vec::new(), Vec::new(), (None, None));
    for line in page {
        match line {
            Line::Group(group) => {
                groups.push(CommonPrefix { prefix: Some(encoded(&group, encode)) });
                next = (Some(group), None);
            }
            Line::Key(line) => {
                let (key, id) = line.split_once(separator).unwrap_or((&line, ""));
                let upload = lines[&line];
                uploads.push(MultipartUpload {
                    checksum_algorithm: upload
                        .checksum
                        .map(|(algorithm, _)| ChecksumAlgorithm::from_static(algorithm.name())),
                    checksum_type: upload.checksum.map(|(_, kind)| kind.dto()),
                    initiated: Some(timestamp(upload.initiated)),
                    initiator: Some(Initiator { display_name: None, id: Some(upload.initiator.clone()) }),
                    key: Some(encoded(key, encode)),
                    owner: Some(owner.clone()),
                    storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                    upload_id: Some(id.to_owned()),
                });
                next = (Some(key.to_owned()), Some(id.to_owned()));
            }
        }
    }
    let truncated = truncated && limit > 0;
    done(ListMultipartUploadsOutput {
        bucket: Some(input.bucket.clone()),
        common_prefixes: Some(groups),
        delimiter: input.delimiter.as_ref().map(|delimiter| encoded(delimiter, encode)),
        encoding_type: input.encoding_type.clone(),
        is_truncated: Some(truncated),
        key_marker: Some(encoded(input.key_marker.as_deref().unwrap_or_default(), encode)),
        max_uploads: Some(max_uploads),
        next_key_marker: next.0.filter(|_| truncated).map(|key| encoded(&key, encode)),
        next_upload_id_marker: next.1.filter(|_| truncated),
        prefix: Some(encoded(&prefix, encode)),
        upload_id_marker: input.upload_id_marker.clone(),
        uploads: Some(uploads),
        ..ListMultipartUploadsOutput::default()
    })
}

pub(super) async fn complete(
    asked: &Asked<'_>,
    request: &mut S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let input = &request.input;
    let listed = input.multipart_upload.as_ref().and_then(|list| list.parts.clone()).unwrap_or_default();
    if listed.is_empty() {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    let (parts, chosen) = {
        let mut storage = locked(&asked.core.storage);
        let upload = upload_of(&mut storage, &input.bucket, &input.key, &input.upload_id)?;
        (chosen_parts(upload, &listed)?, upload.checksum)
    };
    // Summing up large objects happens outside the lock. Their bytes stay where they are.
    let data = Content::join(parts.iter().map(|(_, part)| &part.data));
    // The digest of the digests of the parts, not of their hexadecimal forms.
    let digests: Vec<u8> = parts.iter().flat_map(|(_, part)| unhex(&part.etag)).collect();
    let etag = format!("{}-{}", md5(&Content::from(Bytes::from(digests))), parts.len());
    let checksum = match chosen {
        None => Checksum::of(Algorithm::Crc64Nvme, &data),
        Some((algorithm, Kind::FullObject)) => Checksum::of(algorithm, &data),
        Some((algorithm, Kind::Composite)) => {
            Checksum::composite(algorithm, parts.iter().filter_map(|(_, part)| part.checksum.as_ref()))
        }
    };
    check_whole(input, &checksum, data.len())?;

    let fresh = asked.core.ids.token(24);
    let mut storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get_mut(&input.bucket).ok_or_else(no_such_bucket)?;
    check_write(bucket, &input.key, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let upload =
        bucket.uploads.remove(&(input.key.clone(), input.upload_id.clone())).ok_or_else(no_such_upload)?;
    let summaries = parts.iter().map(|(number, part)| PartSummary {
        number: *number,
        size: part.data.len(),
        checksum: part.checksum.as_ref().map(|checksum| checksum.value.clone()),
    });
    let blob = Blob {
        etag: etag.clone(),
        chosen_checksum: Some(checksum.clone()),
        headers: upload.headers,
        tags: upload.tags,
        kms_key: upload.kms_key,
        parts: summaries.collect(),
        data,
    };
    let version_id = bucket.put(&input.key, blob, asked.now, fresh);
    let mut output = CompleteMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        e_tag: Some(ETag::Strong(etag)),
        checksum_type: Some(checksum.kind.dto()),
        version_id,
        ..CompleteMultipartUploadOutput::default()
    };
    tell_checksum!(output, checksum);
    done(output)
}

/// The bytes behind hexadecimal digits.
fn unhex(digits: &str) -> impl Iterator<Item = u8> {
    digits.as_bytes().chunks_exact(2).filter_map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    })
}

/// Holds the client's list against the parts that arrived.
fn chosen_parts(upload: &Upload, listed: &[CompletedPart]) -> S3Result<Vec<(i32, StoredPart)>> {
    let mut chosen: Vec<(i32, StoredPart)> = Vec::with_capacity(listed.len());
    for wanted in listed {
        let number = wanted.part_number.unwrap_or_default();
        if chosen.last().is_some_and(|(last, _)| *last >= number) {
            return Err(s3_error!(
                InvalidPartOrder,
                "The list of parts was not in ascending order. Parts must be ordered by part number."
            ));
        }
        let invalid = || {
            s3_error!(
                InvalidPart,
                "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
            )
        };
        let part = upload.parts.get(&number).ok_or_else(invalid)?;
        if wanted.e_tag.as_ref().is_none_or(|etag| etag.value() != part.etag) {
            return Err(invalid());
        }
        let claims: Claims = claims!(wanted, md5: None, chosen: None);
        let claimed = claims.values.first();
        if let Some((algorithm, value)) = claimed
            && part.checksum.as_ref().is_none_or(|kept| kept.algorithm != *algorithm || kept.value != *value)
        {
            return Err(invalid());
        }
        let composite = matches!(upload.checksum, Some((_, Kind::Composite)));
        if composite && claimed.is_none() {
            return Err(s3_error!(
                InvalidRequest,
                "The upload was created using a checksum algorithm. The complete request must include the checksum for each part. It was missing for part {number} in the request."
            ));
        }
        chosen.push((number, part.clone()));
    }
    let all_but_last = chosen.split_last().map_or(&[][..], |(_, rest)| rest);
    if all_but_last.iter().any(|(_, part)| part.data.len() < SMALLEST_PART_BYTES) {
        return Err(s3_error!(
            EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size"
        ));
    }
    Ok(chosen)
}

/// Holds what the client says of the whole against it.
fn check_whole(input: &CompleteMultipartUploadInput, checksum: &Checksum, length: u64) -> S3Result<()> {
    let claims: Claims = claims!(input, md5: None, chosen: None);
    for (algorithm, value) in &claims.values {
        let bare = |text: &str| text.split('-').next().map(str::to_owned);
        if *algorithm == checksum.algorithm && bare(value) != bare(&checksum.value)
            || *algorithm != checksum.algorithm
        {
            return Err(s3_error!(
                BadDigest,
                "The {} you specified did not match the calculated checksum.",
                algorithm.name()
            ));
        }
    }
    if let Some(kind) = &input.checksum_type
        && kind.as_str() != checksum.kind.dto().as_str()
    {
        return Err(s3_error!(
            InvalidRequest,
            "The checksum type does not match the one the upload was created with."
        ));
    }
    if let Some(size) = input.mpu_object_size
        && u64::try_from(size) != Ok(length)
    {
        return Err(s3_error!(
            InvalidRequest,
            "The provided 'x-amz-mp-object-size' header does not match what was computed."
        ));
    }
    Ok(())
}

pub(super) async fn abort(
    asked: &Asked<'_>,
    request: &mut S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = &request.input;
    let mut storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get_mut(&input.bucket).ok_or_else(no_such_bucket)?;
    bucket.uploads.remove(&(input.key.clone(), input.upload_id.clone())).ok_or_else(no_such_upload)?;
    done(AbortMultipartUploadOutput::default())
}

//! Uploads in parts, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::{BucketName, ObjectKey};

use super::object::{Object, check_write, etag_of, receive};
use super::{Content, MemoryStore, PAGE_MAX, State, at};
use crate::error::{ErrorKind, Missing, Operation, Result, StoreError};
use crate::object_store::{
    ByteRange, ChecksumChoice, CompleteUpload, CopySource, CreateUpload, ETag, ListParts, ListUploads,
    PartInfo, PartList, PartNumber, PartPage, PendingUpload, Stored, Upload, UploadMarker, UploadPage,
    UploadPart,
};
use crate::payload::Payload;

/// The least size of a part that is not the last.
const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;

pub(super) struct Pending {
    upload: Upload,
    initiated: Timestamp,
    options: CreateUpload,
    parts: BTreeMap<PartNumber, (Bytes, PartInfo)>,
}

impl State {
    fn pending(&mut self, upload: &Upload, operation: Operation) -> Result<&mut Pending> {
        let content = self.content(&upload.bucket, operation)?;
        content
            .uploads
            .get_mut(&upload.id)
            .filter(|pending| pending.upload.key == upload.key)
            .ok_or_else(|| error(ErrorKind::NotFound(Missing::Upload), operation, upload, "NoSuchUpload"))
    }
}

fn error(kind: ErrorKind, operation: Operation, upload: &Upload, code: &str) -> StoreError {
    at(kind, operation, &upload.bucket, &upload.key).with_code(code)
}

impl MemoryStore {
    pub(super) fn begin(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &CreateUpload,
    ) -> Result<Upload> {
        let initiated = self.now();
        let mut state = self.state();
        state.uploads_begun += 1;
        let id = format!("upload-{}", state.uploads_begun);
        let checksum = Some(options.checksum.unwrap_or(Algorithm::Crc64Nvme));
        let upload = Upload { bucket: bucket.clone(), key: key.clone(), id: id.clone(), checksum };
        let pending =
            Pending { upload: upload.clone(), initiated, options: options.clone(), parts: BTreeMap::new() };
        state.content(bucket, Operation::CreateUpload)?.uploads.insert(id, pending);
        Ok(upload)
    }

    pub(super) async fn add_part(
        &self,
        upload: &Upload,
        number: PartNumber,
        payload: Payload,
        options: &UploadPart,
    ) -> Result<PartInfo> {
        let algorithm = self.algorithm_of(upload, Operation::UploadPart)?;
        let error = |kind| at(kind, Operation::UploadPart, &upload.bucket, &upload.key);
        let (data, checksum) = receive(&payload, options.checksum, algorithm, error).await?;
        if checksum.algorithm() != algorithm && options.checksum != ChecksumChoice::Default {
            return Err(error(ErrorKind::InvalidRequest).with_code("InvalidRequest"));
        }
        self.keep_part(upload, number, data, checksum, Operation::UploadPart)
    }

    pub(super) fn copy_part(
        &self,
        upload: &Upload,
        number: PartNumber,
        source: &CopySource,
        range: Option<ByteRange>,
    ) -> Result<PartInfo> {
        let operation = Operation::UploadPartCopy;
        let algorithm = self.algorithm_of(upload, operation)?;
        let original = self.copy_source(source, operation)?;
        // Unlike a read, a copy of a range beyond the end is refused whole.
        let whole = match range {
            Some(ByteRange::Slice { offset, length_bytes }) => {
                offset.checked_add(length_bytes).is_some_and(|end| end <= original.size_bytes())
            }
            _ => true,
        };
        let (_, data) = original
            .slice(range)
            .filter(|_| whole)
            .ok_or_else(|| error(ErrorKind::InvalidRange, operation, upload, "InvalidRange"))?;
        let checksum = Checksum::of(algorithm, &data);
        self.keep_part(upload, number, data, checksum, operation)
    }

    fn algorithm_of(&self, upload: &Upload, operation: Operation) -> Result<Algorithm> {
        let mut state = self.state();
        Ok(state.pending(upload, operation)?.upload.checksum.unwrap_or(Algorithm::Crc64Nvme))
    }

    fn keep_part(
        &self,
        upload: &Upload,
        number: PartNumber,
        data: Bytes,
        checksum: Checksum,
        operation: Operation,
    ) -> Result<PartInfo> {
        let info = PartInfo {
            number,
            etag: etag_of(&data),
            size_bytes: Some(data.len() as u64),
            checksum: Some(checksum),
            last_modified: Some(self.now()),
        };
        self.state().pending(upload, operation)?.parts.insert(number, (data, info.clone()));
        Ok(info)
    }

    pub(super) fn parts(&self, upload: &Upload, options: &ListParts) -> Result<PartPage> {
        let mut state = self.state();
        let pending = state.pending(upload, Operation::ListParts)?;
        let max = options.max.map_or(PAGE_MAX, |max| (max as usize).min(PAGE_MAX));
        let mut found = pending
            .parts
            .values()
            .map(|(_, info)| info.clone())
            .filter(|info| options.after.is_none_or(|after| info.number > after));
        let parts: Vec<_> = found.by_ref().take(max).collect();
        let next = found.next().and_then(|_| Some(parts.last()?.number));
        Ok(PartPage { parts, next })
    }

    pub(super) fn uploads(&self, bucket: &BucketName, options: &ListUploads) -> Result<UploadPage> {
        let mut state = self.state();
        let Content { uploads, .. } = state.content(bucket, Operation::ListUploads)?;
        let mut all: Vec<PendingUpload> = uploads
            .values()
            .filter(|pending| pending.upload.key.as_str().starts_with(options.prefix.as_str()))
            .map(|pending| PendingUpload {
                upload: pending.upload.clone(),
                initiated: Some(pending.initiated),
            })
            .collect();
        all.sort_by(|a, b| (&a.upload.key, &a.upload.id).cmp(&(&b.upload.key, &b.upload.id)));
        if let Some(UploadMarker { key, id }) = &options.after {
            all.retain(|pending| match id {
                Some(id) => (pending.upload.key.as_str(), &pending.upload.id) > (key, id),
                None => pending.upload.key.as_str() > key.as_str(),
            });
        }
        let max = options.max.map_or(PAGE_MAX, |max| (max as usize).min(PAGE_MAX));
        let more = all.len() > max;
        all.truncate(max);
        let next = all
            .last()
            .filter(|_| more)
            .map(|last| UploadMarker { key: last.upload.key.to_string(), id: Some(last.upload.id.clone()) });
        Ok(UploadPage { uploads: all, next })
    }

    pub(super) fn complete(
        &self,
        upload: &Upload,
        parts: &PartList,
        options: &CompleteUpload,
    ) -> Result<Stored> {
        let operation = Operation::CompleteUpload;
        let fail = |kind, code| error(kind, operation, upload, code);
        let now = self.now();
        let mut state = self.state();
        let pending = state.pending(upload, operation)?;
        let mut data = BytesMut::new();
        let mut sums = Vec::new();
        let last = parts.as_slice().last().map(|part| part.number);
        for part in parts.as_slice() {
            let Some((bytes, info)) = pending.parts.get(&part.number).filter(|(_, i)| i.etag == part.etag)
            else {
                return Err(fail(ErrorKind::InvalidRequest, "InvalidPart"));
            };
            if Some(part.number) != last && (bytes.len() as u64) < PART_BYTES_MIN {
                return Err(fail(ErrorKind::InvalidRequest, "EntityTooSmall"));
            }
            data.extend_from_slice(bytes);
            sums.extend(info.checksum);
        }
        let checksum = match pending.upload.checksum {
            Some(Algorithm::Sha256) => Checksum::composed_of(&sums),
            algorithm => Some(Checksum::of(algorithm.unwrap_or(Algorithm::Crc64Nvme), &data)),
        };
        if options.checksum.is_some_and(|told| Some(told) != checksum) {
            return Err(fail(ErrorKind::ChecksumMismatch, "BadDigest"));
        }
        let (traits, class) = (pending.options.traits.clone(), pending.options.storage_class.clone());
        let etag = ETag::new(&format!("{}-{}", etag_of(&data), parts.as_slice().len()));
        let object = Object::new(data.freeze(), etag.clone(), checksum, traits, class, now);
        let content = state.content(&upload.bucket, operation)?;
        check_write(content.objects.get(&upload.key), &options.condition, |kind| {
            at(kind, operation, &upload.bucket, &upload.key)
        })?;
        content.objects.insert(upload.key.clone(), Arc::new(object));
        content.uploads.remove(&upload.id);
        Ok(Stored { etag: Some(etag), version: None, checksum })
    }

    pub(super) fn abort(&self, upload: &Upload) -> Result<()> {
        let mut state = self.state();
        state.pending(upload, Operation::AbortUpload)?;
        state.content(&upload.bucket, Operation::AbortUpload)?.uploads.remove(&upload.id);
        Ok(())
    }
}

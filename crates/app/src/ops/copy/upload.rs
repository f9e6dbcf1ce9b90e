//! A file, or standard input, becomes an object.

use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use pintail_store::object_store::{
    CompleteUpload, CreateUpload, ObjectStore, PartInfo, PartList, PartNumber, Put, Stored, Traits, Upload,
    UploadPart, WriteCondition,
};
use pintail_store::{ErrorKind, Payload, StoreError};
use tokio::io::AsyncReadExt;

use super::source::Source;
use super::{Context, Copied, End, Object, Proof};
use crate::ops::Error;

/// The most parts of an upload, and the largest object (S3 User Guide, "Multipart upload limits").
const PARTS_MAX: u64 = 10_000;

/// Uploads a file.
pub(super) async fn file(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    to: &Object,
    condition: WriteCondition,
    context: Context<'_>,
) -> Result<Copied, Error> {
    let source = Source::open(path)?;
    let size_bytes = source.size_bytes();
    let traits = Traits { content_type: content_type(path), ..Traits::default() };
    let stored = if size_bytes <= context.tuning.one_request_max_bytes {
        let put = Put { condition, traits, storage_class: context.storage_class(), ..Put::default() };
        let stored = store.put(&to.bucket, &to.key, source.slice(0, size_bytes), &put).await;
        let stored = stored.map_err(|error| taken(error, &put.condition, to))?;
        context.talk.advance(size_bytes);
        stored
    } else {
        let part_bytes = part_size(size_bytes, context.tuning.part_bytes);
        let _guard = context.interrupt.guard();
        let upload = begin(store, to, traits, context).await?;
        let parts = ranges(size_bytes, part_bytes).map(|(number, offset, length_bytes)| {
            Ok::<_, Error>((number, source.slice(offset, length_bytes)))
        });
        finish(store, to, &upload, futures_util::stream::iter(parts), condition, context, || {
            source.check_unchanged()
        })
        .await?
    };
    Ok(Copied { size_bytes, proof: proof(&stored) })
}

/// Uploads standard input, whose length nobody knows.
pub(super) async fn stdin(
    store: &Arc<dyn ObjectStore>,
    to: &Object,
    condition: WriteCondition,
    context: Context<'_>,
) -> Result<Copied, Error> {
    let mut input = tokio::io::stdin();
    let part_bytes = context.tuning.part_bytes;
    let first = fill(&mut input, part_bytes).await?;
    if (first.len() as u64) < part_bytes {
        let size_bytes = first.len() as u64;
        let put = Put { condition, storage_class: context.storage_class(), ..Put::default() };
        let stored = store.put(&to.bucket, &to.key, Payload::from_bytes(first), &put).await;
        let stored = stored.map_err(|error| taken(error, &put.condition, to))?;
        context.talk.advance(size_bytes);
        return Ok(Copied { size_bytes, proof: proof(&stored) });
    }
    let _guard = context.interrupt.guard();
    let upload = begin(store, to, Traits::default(), context).await?;
    let mut total = 0;
    let parts = futures_util::stream::try_unfold(
        (Some(first), 1_u32, input),
        |(ready, number, mut input)| async move {
            let part = match ready {
                Some(part) => part,
                None => fill(&mut input, part_bytes).await?,
            };
            if part.is_empty() {
                return Ok(None);
            }
            let number_checked = PartNumber::new(number).ok_or_else(|| {
                Error::Usage("standard input is longer than 10,000 parts; write it to a file first".into())
            })?;
            Ok::<_, Error>(Some(((number_checked, part), (None, number + 1, input))))
        },
    )
    .inspect_ok(|(_, part)| total += part.len() as u64)
    .map_ok(|(number, part)| (number, Payload::from_bytes(part)));
    let stored = finish(store, to, &upload, Box::pin(parts), condition, context, || Ok(())).await?;
    Ok(Copied { size_bytes: total, proof: proof(&stored) })
}

/// Uploads an object's bytes that are read from elsewhere, range by range.
pub(super) async fn ranged(
    store: &Arc<dyn ObjectStore>,
    to: &Object,
    size_bytes: u64,
    traits: Traits,
    condition: WriteCondition,
    context: Context<'_>,
    slice: impl Fn(u64, u64) -> Payload + Send + Sync,
) -> Result<Stored, Error> {
    if size_bytes <= context.tuning.one_request_max_bytes {
        let put = Put { condition, traits, storage_class: context.storage_class(), ..Put::default() };
        let stored = store.put(&to.bucket, &to.key, slice(0, size_bytes), &put).await;
        let stored = stored.map_err(|error| taken(error, &put.condition, to))?;
        context.talk.advance(size_bytes);
        return Ok(stored);
    }
    let _guard = context.interrupt.guard();
    let upload = begin(store, to, traits, context).await?;
    let parts = ranges(size_bytes, part_size(size_bytes, context.tuning.part_bytes))
        .map(|(number, offset, length_bytes)| Ok::<_, Error>((number, slice(offset, length_bytes))));
    finish(store, to, &upload, futures_util::stream::iter(parts), condition, context, || Ok(())).await
}

async fn begin(
    store: &Arc<dyn ObjectStore>,
    to: &Object,
    traits: Traits,
    context: Context<'_>,
) -> Result<Upload, Error> {
    let storage_class = context.storage_class();
    let options = CreateUpload { traits, storage_class, ..CreateUpload::default() };
    Ok(store.create_upload(&to.bucket, &to.key, &options).await?)
}

/// Sends the parts, a few at a time, and makes the object of them. Whatever fails, the upload is taken back; the caller's guard,
/// held since before the upload began, makes an interruption wait for that.
async fn finish(
    store: &Arc<dyn ObjectStore>,
    to: &Object,
    upload: &Upload,
    parts: impl futures_util::Stream<Item = Result<(PartNumber, Payload), Error>> + Send,
    condition: WriteCondition,
    context: Context<'_>,
    check: impl FnOnce() -> Result<(), Error>,
) -> Result<Stored, Error> {
    let sending = parts
        .map_ok(|(number, payload)| async move {
            let size_bytes = payload.length_bytes();
            let mut part = store.upload_part(upload, number, payload, &UploadPart::default()).await?;
            part.size_bytes = Some(size_bytes);
            context.talk.advance(size_bytes);
            Ok(part)
        })
        .try_buffer_unordered(context.tuning.parts_at_once)
        .try_collect::<Vec<PartInfo>>();
    let complete = async {
        let mut parts = tokio::select! {
            sent = sending => sent?,
            () = context.interrupt.wait() => return Err(Error::Interrupted),
        };
        check()?;
        parts.sort_by_key(|part| part.number);
        let parts = PartList::new(parts).ok_or_else(|| Error::Usage("an upload without parts".into()))?;
        let checksum = parts.checksum();
        let options = CompleteUpload { condition, checksum };
        let completed = store.complete_upload(upload, &parts, &options).await;
        let mut stored = completed.map_err(|error| taken(error, &options.condition, to))?;
        stored.checksum = stored.checksum.or(checksum);
        Ok(stored)
    };
    let result: Result<Stored, Error> = complete.await;
    if result.is_err() {
        // The parts cost money until they are gone. The first error is the one that counts.
        let _ = store.abort_upload(upload).await;
    }
    result
}

/// Says that the target is taken where that is why a conditional write was refused.
pub(super) fn taken(error: StoreError, condition: &WriteCondition, to: &Object) -> Error {
    if *condition == WriteCondition::IfAbsent && *error.kind() == ErrorKind::PreconditionFailed {
        return Error::TargetTaken(End::Object(to.clone()).to_string());
    }
    error.into()
}

/// Returns the size of the parts of an object: the one wished for, or as much as 10,000 parts need.
pub(super) fn part_size(size_bytes: u64, wished_bytes: u64) -> u64 {
    // To whole mebibytes: odd sizes make odd ranges for whoever reads the object part by part.
    size_bytes.div_ceil(PARTS_MAX).next_multiple_of(1 << 20).max(wished_bytes)
}

/// Cuts an object into numbered ranges.
pub(super) fn ranges(
    size_bytes: u64,
    part_bytes: u64,
) -> impl Iterator<Item = (PartNumber, u64, u64)> + Send {
    (0..size_bytes.div_ceil(part_bytes)).filter_map(move |at| {
        let offset = at * part_bytes;
        let number = PartNumber::new(u32::try_from(at).ok()? + 1)?;
        Some((number, offset, part_bytes.min(size_bytes - offset)))
    })
}

fn proof(stored: &Stored) -> Proof {
    if stored.checksum.is_some() { Proof::Checksum } else { Proof::Length }
}

async fn fill(input: &mut tokio::io::Stdin, length_bytes: u64) -> Result<Bytes, Error> {
    let mut part = BytesMut::new();
    while (part.len() as u64) < length_bytes {
        let mut limited = (&mut *input).take(length_bytes - part.len() as u64);
        if limited.read_buf(&mut part).await.map_err(Error::Stdio)? == 0 {
            break;
        }
    }
    Ok(part.freeze())
}

/// Guesses the media type by the extension: what a browser needs to show the object instead of saving it.
fn content_type(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    let media_type = match extension.as_str() {
        "avif" => "image/avif",
        "css" => "text/css; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "gif" => "image/gif",
        "gz" => "application/gzip",
        "htm" | "html" => "text/html; charset=utf-8",
        "jpeg" | "jpg" => "image/jpeg",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "md" => "text/markdown; charset=utf-8",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "tar" => "application/x-tar",
        "txt" | "log" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        "webp" => "image/webp",
        "xml" => "application/xml",
        "zip" => "application/zip",
        _ => return None,
    };
    Some(media_type.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pintail_connect::{SystemClock, Tuning};
    use pintail_core::retry::Schedule;
    use pintail_store::MemoryStore;
    use pintail_store::object_store::Head;
    use pintail_store::transport::Timeouts;

    use super::super::{PART_BYTES, Skipped, Step, Talk};
    use super::*;
    use crate::ops::signal::Interrupt;

    struct Silent;

    impl Talk for Silent {
        fn expect(&self, _: usize, _: u64) {}
        fn bytes(&self, _: &[u8]) -> std::io::Result<()> {
            Ok(())
        }
        fn advance(&self, _: u64) {}
        fn copied(&self, _: &Step, _: &Copied) {}
        fn failed(&self, _: &Step, _: &Error) {}
        fn skipped(&self, _: &Skipped) {}
    }

    #[tokio::test]
    async fn new_objects_have_the_storage_class_that_the_properties_say() {
        let memory = MemoryStore::new("eu-west-1".parse().unwrap(), Arc::new(SystemClock));
        let store: Arc<dyn ObjectStore> = Arc::new(memory);
        let to = Object {
            bookmark: "work".parse().unwrap(),
            bucket: "bucket".parse().unwrap(),
            key: "key".parse().unwrap(),
            etag: None,
        };
        store.create_bucket(&to.bucket).await.unwrap();
        let tuning = Tuning {
            timeouts: Timeouts::default(),
            schedule: Schedule::TRANSFER,
            list_page: None,
            delete_batch: 1000,
            link_life: Duration::from_secs(60),
            one_request_max_bytes: 10,
            part_bytes: 5 << 20,
            parts_at_once: 2,
            storage_class: Some("STANDARD_IA".to_owned()),
        };
        let interrupt = Interrupt::default();
        let context = Context { talk: &Silent, interrupt: &interrupt, tuning: &tuning };
        // By one request, and in parts.
        for size in [5, 20] {
            let slice =
                |_, length: u64| Payload::from_bytes(Bytes::from(vec![0; usize::try_from(length).unwrap()]));
            ranged(&store, &to, size, Traits::default(), WriteCondition::None, context, slice).await.unwrap();
            let info = store.head(&to.bucket, &to.key, &Head::default()).await.unwrap();
            assert_eq!((info.size_bytes, info.storage_class.as_deref()), (size, Some("STANDARD_IA")));
        }
    }

    #[test]
    fn parts_cover_the_object_and_stay_within_the_limit() {
        for size in [1, PART_BYTES, PART_BYTES + 1, 100 << 20, 80_000 << 20, 50 << 40] {
            let part = part_size(size, PART_BYTES);
            assert!(part >= PART_BYTES && size.div_ceil(part) <= PARTS_MAX, "{size}");
            let (mut end, mut count) = (0, 0);
            for (number, offset, length) in ranges(size, part) {
                count += 1;
                assert_eq!((number.value(), offset), (count, end));
                end += length;
            }
            assert_eq!(end, size);
        }
        assert_eq!(ranges(0, PART_BYTES).count(), 0);
    }
}

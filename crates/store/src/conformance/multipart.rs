//! Cases about uploads in parts.

use pintail_core::checksum::{Algorithm, Checksum};

use super::{Ground, assert_fails, key, pattern, streamed};
use crate::error::{ErrorKind, Missing};
use crate::object_store::{
    ByteRange, CompleteUpload, CopySource, CreateUpload, Head, ListParts, ListUploads, PartInfo, PartList,
    PartNumber, Traits, Upload, UploadPart, WriteCondition,
};
use crate::payload::Payload;

const FULL_PART: usize = 5 * 1024 * 1024;

fn number(value: u32) -> PartNumber {
    PartNumber::new(value).expect("a part number")
}

async fn begun(on: &Ground, name: &str) -> Upload {
    let begun = on.store.create_upload(&on.bucket, &key(name), &CreateUpload::default()).await;
    begun.expect("an upload is begun")
}

async fn part(on: &Ground, upload: &Upload, value: u32, payload: Payload) -> PartInfo {
    let part = on.store.upload_part(upload, number(value), payload, &UploadPart::default()).await;
    part.expect("a part is uploaded")
}

fn list(parts: Vec<PartInfo>) -> PartList {
    PartList::new(parts).expect("parts in order")
}

/// Parts, streamed or at hand, make the object with the traits it was begun with.
pub async fn parts_make_the_whole(on: &Ground) {
    let traits = Traits { content_type: Some("text/plain".into()), ..Traits::default() };
    let options = CreateUpload { traits: traits.clone(), ..CreateUpload::default() };
    let upload = on.store.create_upload(&on.bucket, &key("a/whole"), &options).await.expect("begun");
    let (first, last) = (pattern(FULL_PART), pattern(1234));
    // Parts may arrive in any order.
    let end = part(on, &upload, 7, Payload::from_bytes(last.clone())).await;
    let start = part(on, &upload, 2, streamed(first.clone())).await;
    let parts = list(vec![start, end]);
    let stored = on.store.complete_upload(&upload, &parts, &CompleteUpload::default()).await;
    let stored = stored.expect("the upload is completed");
    let whole = [first, last].concat();
    assert_eq!(on.read("a/whole").await, whole);
    let info = on.store.head(&on.bucket, &key("a/whole"), &Head::default()).await.expect("found");
    assert_eq!(info.size_bytes, whole.len() as u64);
    assert_eq!(info.etag, stored.etag);
    assert_eq!(info.traits, traits);
    if upload.checksum == Some(Algorithm::Crc64Nvme) {
        assert_eq!(stored.checksum, Some(Checksum::of(Algorithm::Crc64Nvme, &whole)));
    }
    let again =
        on.store.upload_part(&upload, number(1), Payload::from_bytes("x"), &UploadPart::default()).await;
    assert_fails(again, &ErrorKind::NotFound(Missing::Upload));
}

/// Parts are listed in pages; a part sent again takes the place of the first.
pub async fn parts_are_listed_and_replaced(on: &Ground) {
    let upload = begun(on, "object").await;
    for value in [3, 1, 2, 1] {
        part(on, &upload, value, Payload::from_bytes(vec![value as u8; 10 + value as usize])).await;
    }
    let mut seen = Vec::new();
    let mut options = ListParts { max: Some(2), after: None };
    loop {
        let page = on.store.list_parts(&upload, &options).await.expect("parts are listed");
        seen.extend(page.parts);
        match page.next {
            Some(next) => options.after = Some(next),
            None => break,
        }
    }
    if !on.can.replaced_parts_vanish {
        seen.dedup_by_key(|part| part.number);
    }
    let sizes: Vec<_> = seen.iter().map(|part| (part.number.value(), part.size_bytes)).collect();
    assert_eq!(sizes, [(1, Some(11)), (2, Some(12)), (3, Some(13))]);
    on.store.abort_upload(&upload).await.expect("the upload is aborted");
    assert_fails(
        on.store.list_parts(&upload, &ListParts::default()).await,
        &ErrorKind::NotFound(Missing::Upload),
    );
}

/// A part may be a slice of an object that is there.
pub async fn parts_are_copied(on: &Ground) {
    let data = pattern(FULL_PART + 5000);
    on.put("source", data.clone()).await;
    let source = CopySource::new(on.bucket.clone(), key("source"));
    let upload = begun(on, "copy").await;
    let mut parts = Vec::new();
    for (value, offset, length) in [(1, 0, FULL_PART as u64), (2, FULL_PART as u64, 5000)] {
        let range = Some(ByteRange::Slice { offset, length_bytes: length });
        let part = on.store.upload_part_copy(&upload, number(value), &source, range).await;
        parts.push(part.expect("a part is copied"));
    }
    let completed = on.store.complete_upload(&upload, &list(parts), &CompleteUpload::default()).await;
    completed.expect("the upload is completed");
    assert_eq!(on.read("copy").await, data);
}

/// Uploads under way are listed, and gone once aborted.
pub async fn uploads_are_listed_and_aborted(on: &Ground) {
    let uploads = [begun(on, "docs/a").await, begun(on, "docs/b").await, begun(on, "other").await];
    if on.can.lists_uploads {
        let mut seen = Vec::new();
        let mut options = ListUploads {
            prefix: "docs/".parse().expect("a prefix"),
            max: Some(1),
            ..ListUploads::default()
        };
        loop {
            let page = on.store.list_uploads(&on.bucket, &options).await.expect("uploads are listed");
            seen.extend(page.uploads.into_iter().map(|pending| (pending.upload.key, pending.upload.id)));
            match page.next {
                Some(next) => options.after = Some(next),
                None => break,
            }
        }
        let expected: Vec<_> =
            uploads[..2].iter().map(|upload| (upload.key.clone(), upload.id.clone())).collect();
        assert_eq!(seen, expected);
    }
    for upload in &uploads {
        on.store.abort_upload(upload).await.expect("the upload is aborted");
    }
    let page = on.store.list_uploads(&on.bucket, &ListUploads::default()).await.expect("uploads are listed");
    assert!(page.uploads.is_empty(), "{page:?}");
}

/// Completing under a condition writes or says why not.
pub async fn completions_keep_their_conditions(on: &Ground) {
    if !on.can.conditional_complete {
        return;
    }
    let upload = begun(on, "object").await;
    let parts = list(vec![part(on, &upload, 1, Payload::from_bytes("new")).await]);
    on.put("object", "old").await;
    let absent = CompleteUpload { condition: WriteCondition::IfAbsent, ..CompleteUpload::default() };
    let late = on.store.complete_upload(&upload, &parts, &absent).await;
    assert_fails(late, &ErrorKind::PreconditionFailed);
    assert_eq!(on.read("object").await, "old");
}

/// Parts that are not there or too small make no object.
pub async fn wrong_parts_are_refused(on: &Ground) {
    let upload = begun(on, "object").await;
    let one = part(on, &upload, 1, Payload::from_bytes("small")).await;
    let two = part(on, &upload, 2, Payload::from_bytes("small too")).await;
    let never = PartInfo { number: number(3), ..two.clone() };
    let complete =
        async |parts| on.store.complete_upload(&upload, &list(parts), &CompleteUpload::default()).await;
    assert_fails(complete(vec![one.clone(), never]).await, &ErrorKind::InvalidRequest);
    if on.can.part_minimum {
        assert_fails(complete(vec![one, two]).await, &ErrorKind::InvalidRequest);
    }
    let head = on.store.head(&on.bucket, &key("object"), &Head::default()).await;
    assert_fails(head, &ErrorKind::NotFound(Missing::Object));
    on.store.abort_upload(&upload).await.expect("the upload is aborted");
}

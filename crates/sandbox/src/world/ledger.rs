//! What S3 holds and what it was sent, without a request: for tests that prove what a client left behind and what it sent twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{Context, SHA256};

use super::content::{Content, scrambled};
use super::{Core, World};
use crate::locked;
use crate::random::hex;

/// What a bucket holds: its current objects and the uploads that stand open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Objects by key.
    pub objects: BTreeMap<String, HeldObject>,
    /// Uploads by key, then ID.
    pub uploads: Vec<HeldUpload>,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldObject {
    /// Its length.
    pub size_bytes: u64,
    /// The SHA-256 of its bytes in hexadecimal.
    pub sha256: String,
    /// Its ETag without quotes.
    pub etag: String,
    /// The number of parts that it was uploaded in; 0 for a single upload.
    pub parts: usize,
    /// Its own metadata.
    pub metadata: BTreeMap<String, String>,
}

/// A multipart upload under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldUpload {
    /// The key that it is for.
    pub key: String,
    /// Its ID.
    pub id: String,
    /// Its parts by number.
    pub parts: BTreeMap<u32, HeldPart>,
}

/// A part that arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPart {
    /// Its length.
    pub size_bytes: u64,
    /// The SHA-256 of its bytes in hexadecimal.
    pub sha256: String,
}

/// What arrived of the body of one `PutObject` or `UploadPart`, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The upload, for a part.
    pub upload_id: Option<String>,
    /// The number of the part.
    pub part: Option<u32>,
    /// How many bytes of the object arrived. Of a framed body (`aws-chunked`) that broke off the frames count too.
    pub bytes: u64,
    /// Whether they were kept.
    pub is_kept: bool,
    /// Whether the part, or an object at the key, was held already when the request began.
    pub was_held: bool,
}

/// All receipts.
#[derive(Debug, Default)]
pub(crate) struct Receipts(Mutex<Vec<Receipt>>);

/// A body that is arriving. The receipt is written at its end, also where that is the end of the connection.
#[derive(Debug)]
pub(crate) struct Receiving<'a> {
    core: &'a Core,
    receipt: Receipt,
    /// The length without frames.
    length: Option<u64>,
    counter: Arc<AtomicU64>,
}

impl<'a> Receiving<'a> {
    /// Begins to count what comes for a key, or for a part of an upload; `length` is the length of the bytes within the frames.
    pub(crate) fn begin(
        core: &'a Core,
        bucket: &str,
        key: &str,
        part: Option<(u32, String)>,
        length: Option<u64>,
    ) -> Receiving<'a> {
        let storage = locked(&core.storage);
        let was_held = storage.buckets.get(bucket).is_some_and(|bucket| match &part {
            None => bucket.current(key).is_some(),
            Some((number, id)) => {
                let upload = bucket.uploads.get(&(key.to_owned(), id.clone()));
                let number = i32::try_from(*number).unwrap_or(i32::MAX);
                upload.is_some_and(|upload| upload.parts.contains_key(&number))
            }
        });
        let (number, upload_id) = part.unzip();
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let receipt = Receipt { bucket, key, upload_id, part: number, bytes: 0, is_kept: false, was_held };
        Receiving { core, receipt, length, counter: Arc::default() }
    }

    /// Where arriving bytes are counted.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.counter)
    }

    /// They were kept.
    pub(crate) fn keep(&mut self) {
        self.receipt.is_kept = true;
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        let arrived = self.counter.load(Ordering::Relaxed);
        let mut receipt = self.receipt.clone();
        receipt.bytes = self.length.map_or(arrived, |length| arrived.min(length));
        locked(&self.core.receipts.0).push(receipt);
    }
}

fn sha256(content: &Content) -> String {
    let mut context = Context::new(&SHA256);
    content.read().for_each(|bytes| context.update(&bytes));
    hex(context.finish().as_ref())
}

/// A number that belongs to a text.
fn number_of(text: &str) -> u64 {
    text.bytes().fold(text.len() as u64, |number, byte| scrambled(number ^ u64::from(byte)))
}

impl World {
    /// Returns what a bucket holds, an empty ledger for one that does not exist. Digests are computed for it: it costs as much as
    /// reading everything.
    pub fn ledger(&self, bucket: &str) -> Ledger {
        self.ledger_below(bucket, "")
    }

    /// Returns what a bucket holds of the keys that begin with `prefix`.
    pub fn ledger_below(&self, bucket: &str, prefix: &str) -> Ledger {
        let (objects, uploads) = {
            let storage = locked(&self.core.storage);
            let Some(bucket) = storage.buckets.get(bucket) else { return Ledger::default() };
            let objects: Vec<_> = bucket
                .keys
                .range(prefix.to_owned()..)
                .take_while(|(key, _)| key.starts_with(prefix))
                .filter_map(|(key, versions)| Some((key.clone(), versions.last()?.blob()?)))
                .collect();
            let uploads: Vec<_> = bucket
                .uploads
                .iter()
                .filter(|((key, _), _)| key.starts_with(prefix))
                .map(|((key, id), upload)| (key.clone(), id.clone(), upload.parts.clone()))
                .collect();
            (objects, uploads)
        };
        let objects = objects.into_iter().map(|(key, blob)| {
            let held = HeldObject {
                size_bytes: blob.data.len(),
                sha256: sha256(&blob.data),
                etag: blob.etag.clone(),
                parts: blob.parts.len(),
                metadata: blob.headers.metadata.clone(),
            };
            (key, held)
        });
        let uploads = uploads.into_iter().map(|(key, id, parts)| {
            let parts = parts.into_iter().filter_map(|(number, part)| {
                let held = HeldPart { size_bytes: part.data.len(), sha256: sha256(&part.data) };
                Some((u32::try_from(number).ok()?, held))
            });
            HeldUpload { key, id, parts: parts.collect() }
        });
        Ledger { objects: objects.collect(), uploads: uploads.collect() }
    }

    /// Returns what arrived for objects and parts so far, in the order in which it ended.
    pub fn receipts(&self) -> Vec<Receipt> {
        locked(&self.core.receipts.0).clone()
    }

    /// Forgets what arrived.
    pub fn clear_receipts(&self) {
        locked(&self.core.receipts.0).clear();
    }

    /// Deletes an object without a request, the way a plain DELETE does.
    pub fn delete_object(&self, bucket: &str, key: &str) {
        let (now, version) = (self.core.clock.now(), self.core.ids.token(24));
        if let Some(bucket) = locked(&self.core.storage).buckets.get_mut(bucket) {
            bucket.delete(key, now, version);
        }
    }

    /// Puts many objects into a bucket at once, in place of what stood at their keys; returns whether the bucket exists.
    ///
    /// The bytes follow from the key and are computed when they are read, so that a million objects of any size cost little more than their
    /// keys. Such an object is one of a single part: its ETag is no digest, its checksum is CRC64NVME.
    pub fn put_many(&self, bucket: &str, objects: impl IntoIterator<Item = (String, u64)>) -> bool {
        let now = self.core.clock.now();
        let objects: Vec<(String, u64)> = objects.into_iter().collect();
        let mut storage = locked(&self.core.storage);
        let found = storage.buckets.get_mut(bucket);
        found.map(|bucket| bucket.put_patterns(objects, now, number_of)).is_some()
    }

    /// Returns the bytes that [`World::put_many`] gives an object of this key and size.
    pub fn pattern(key: &str, size_bytes: u64) -> bytes::Bytes {
        Content::pattern(number_of(key), size_bytes).to_bytes()
    }
}

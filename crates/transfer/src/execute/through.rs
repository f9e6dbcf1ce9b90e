//! Copies through this machine: out of one store and into another one, without touching the disk.
//!
//! The body of a read is the payload of a write. A small object takes one of each; what is said of it comes with the read. A larger one goes in parts of ranges
//! ([`assembly`](super::assembly)), all read under the condition that the source is still in the state in which it was looked at. Bytes are hashed on their way: what the source keeps, what came by,
//! and what the target says it got have to agree.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;
use pintail_core::checksum::{Algorithm, Checksum, Hasher};
use pintail_store::object_store::{
    ByteRange, CreateUpload, ETag, Get, ObjectInfo, PartInfo, Put, ReadCondition, Stored, Upload, UploadPart,
    WriteCondition,
};
use pintail_store::payload::{ByteStream, PayloadSource};
use pintail_store::{ErrorKind, ObjectBody, Operation, Payload, StoreError};

use super::StepError;
use super::assembly::{Assembly, Piece, Pieces, is_upload, tag_of};
use super::failure::again;
use super::flow::Meter;
use super::object::{Located, ObjectCopy, is_gone_or_changed, same_bytes};
use super::places::Kind;
use super::step::{Done, StepFailure};
use crate::entry::Tag;
use crate::journal::{Begun, Proof};
use crate::parts::{Conditions, cut};

impl ObjectCopy<'_, '_> {
    /// Copies through this machine.
    pub(super) async fn through(&self, begun: Option<&Begun>) -> Result<Done, StepFailure> {
        let size_bytes = self.step.size_bytes;
        let one_request = size_bytes <= self.shared.options.one_request_max_bytes && !is_upload(begun);
        let proof = if one_request { self.by_one_request().await? } else { self.in_parts(begun).await? };
        Ok(Done::Moved { size_bytes, proof })
    }

    async fn by_one_request(&self) -> Result<Proof, StepFailure> {
        let condition = self.target.condition(&self.step.guard).await?;
        let place = self.shared.places.small().await;
        let meter = self.shared.flow.meter(Kind::Small);
        let written = again(self.shared, || self.read_and_write(condition.clone(), &meter)).await;
        drop(place);
        let (info, stored, sums) = match written {
            Ok(written) => written,
            Err(failure) => match failure.kind() {
                Some(ErrorKind::PreconditionFailed | ErrorKind::NotFound(pintail_store::Missing::Object)) => {
                    let tag = self.step.tag.as_ref().map(Tag::etag);
                    self.target.settle(&self.source, tag.as_ref(), &self.step.guard).await?;
                    return Ok(Proof::Checksum);
                }
                _ => return Err(failure),
            },
        };
        if self.shared.options.verify {
            return self.read_back(&info, stored.etag.as_ref()).await;
        }
        Ok(proof(&info, &stored, &sums))
    }

    async fn read_and_write(
        &self,
        condition: WriteCondition,
        meter: &Meter,
    ) -> Result<(ObjectInfo, Stored, Vec<Checksum>), StepFailure> {
        let Located { store, bucket, key } = &self.source;
        let get = reading(self.step.tag.as_ref().map(Tag::etag), None);
        let got = store.get(bucket, key, &get).await.map_err(|error| self.of_source(error))?;
        let info = got.info;
        self.shared.copied_from_object(self.number, self.step, &info);
        // Read again in the state in which it was read first.
        let get = reading(tag_of(self.step.tag.as_ref(), &info), None);
        let algorithms = info.checksum.map_or(Algorithm::Crc64Nvme, |checksum| checksum.algorithm());
        let passing = Arc::new(Passing::new(self.source.clone(), get, info.size_bytes, algorithms));
        passing.lend(got.body);
        let source: Arc<dyn PayloadSource> = Arc::clone(&passing) as _;
        let payload = Payload::from_source(info.size_bytes, source);
        let payload = self.shared.flow.metered(payload, meter);
        let put = Put {
            condition,
            traits: info.traits.clone(),
            storage_class: self.shared.options.storage_class.clone(),
            ..Put::default()
        };
        let Located { store, bucket, key } = &self.target;
        match store.put(bucket, key, payload, &put).await {
            Ok(stored) => Ok((info, stored, passing.checksum().into_iter().collect())),
            Err(error) => Err(self.cause(error, &passing)),
        }
    }

    /// Returns why a write failed: because its source did, where it did.
    fn cause(&self, error: StoreError, passing: &Passing) -> StepFailure {
        match passing.failure() {
            Some(of_source) if *error.kind() == ErrorKind::SourceFailed => self.of_source(of_source),
            _ => error.into(),
        }
    }

    fn of_source(&self, error: StoreError) -> StepFailure {
        if is_gone_or_changed(&error) {
            StepError::SourceChanged(self.source.words()).into()
        } else {
            error.into()
        }
    }

    async fn read_back(&self, info: &ObjectInfo, tag: Option<&ETag>) -> Result<Proof, StepFailure> {
        let is = self.target.look(tag).await?;
        let same = self.target.has_bytes_of(&is, &self.source, info).await?;
        if same { Ok(Proof::Checksum) } else { Err(StepError::Different(self.target.words()).into()) }
    }

    async fn in_parts(&self, begun: Option<&Begun>) -> Result<Proof, StepFailure> {
        let options = self.shared.options;
        let conditions = Conditions {
            one_request_max_bytes: 0,
            wished_part_bytes: options.part_bytes,
            memory_bytes: options.memory_bytes,
            streams_max: options.connections_max.max(1),
            ..Conditions::default()
        };
        let part_bytes = cut(self.step.size_bytes.max(1), &conditions)?.part_bytes;
        let condition = self.target.condition(&self.step.guard).await?;
        let tag = self.step.tag.as_ref().map(Tag::etag);
        let place = self.shared.places.small().await;
        let info = again(self.shared, || self.source.look_as_source(tag.as_ref())).await?;
        drop(place);
        self.shared.copied_from_object(self.number, self.step, &info);
        if info.size_bytes != self.step.size_bytes {
            return Err(StepError::SourceChanged(self.source.words()).into());
        }
        let create = CreateUpload {
            traits: info.traits.clone(),
            checksum: None,
            storage_class: options.storage_class.clone(),
        };
        let assembly = Assembly {
            shared: self.shared,
            number: self.number,
            source: &self.source,
            info: &info,
            is_told: self.step.tag.is_some(),
            target: &self.target,
            guard: &self.step.guard,
            condition,
            create,
            part_bytes,
        };
        let pieces = Ranges { copy: self, info: &info };
        let assembled = match assembly.carry_out(begun, &pieces).await {
            // A part was changed on the way where nobody could see it: ranges have no checksum of their own.
            Err(StepFailure::Failed(StepError::Different(_))) => assembly.carry_out(None, &pieces).await?,
            assembled => assembled?,
        };
        let Some(stored) = assembled.stored else { return Ok(Proof::Checksum) };
        if options.verify {
            return self.read_back(&info, stored.etag.as_ref()).await;
        }
        let sums: Vec<Checksum> = assembled.checksum.into_iter().collect();
        if sums.iter().any(|sum| differs(stored.checksum.as_ref(), sum)) {
            return Err(StepError::Different(self.target.words()).into());
        }
        Ok(proof(&info, &stored, &sums))
    }
}

/// Tells how a copy was proved: by a checksum if what the source keeps is what came by, and the target checked it too.
fn proof(info: &ObjectInfo, stored: &Stored, sums: &[Checksum]) -> Proof {
    let came_right = sums.iter().any(|sum| Some(*sum) == info.checksum);
    // Bytes that went out were hashed as they came in, so that a checksum of another kind is of the same bytes.
    if info.size_bytes == 0 || came_right && stored.checksum.is_some() {
        return Proof::Checksum;
    }
    let is = ObjectInfo {
        size_bytes: info.size_bytes,
        etag: stored.etag.clone(),
        checksum: stored.checksum,
        ..ObjectInfo::default()
    };
    if same_bytes(info, &is) == Some(true) { Proof::Checksum } else { Proof::Length }
}

fn differs(kept: Option<&Checksum>, sum: &Checksum) -> bool {
    kept.is_some_and(|kept| {
        kept.algorithm() == sum.algorithm() && kept.parts().is_none() && sum.parts().is_none() && kept != sum
    })
}

/// Pieces that are read at the source and written at the target.
struct Ranges<'a, 's> {
    copy: &'a ObjectCopy<'a, 's>,
    info: &'a ObjectInfo,
}

impl Pieces for Ranges<'_, '_> {
    async fn bring(&self, upload: &Upload, piece: Piece, meter: &Meter) -> Result<PartInfo, StepFailure> {
        let ObjectCopy { source, target, step, .. } = self.copy;
        let range = ByteRange::Slice { offset: piece.offset, length_bytes: piece.length_bytes };
        let get = reading(tag_of(step.tag.as_ref(), self.info), Some(range));
        let algorithm = upload.checksum.unwrap_or(Algorithm::Crc64Nvme);
        let passing = Arc::new(Passing::new(source.clone(), get, piece.length_bytes, algorithm));
        let payload = Payload::from_source(piece.length_bytes, Arc::clone(&passing) as _);
        let payload = self.copy.shared.flow.metered(payload, meter);
        match target.store.upload_part(upload, piece.number, payload, &UploadPart::default()).await {
            Err(error) => Err(self.copy.cause(error, &passing)),
            Ok(part) => {
                let came = passing.checksum();
                if came.as_ref().is_some_and(|came| differs(part.checksum.as_ref(), came)) {
                    let error = StoreError::new(ErrorKind::ChecksumMismatch, Operation::UploadPart);
                    return Err(error.at(&target.bucket, Some(&target.key)).into());
                }
                Ok(PartInfo { checksum: came.filter(|_| upload.checksum.is_some()), ..part })
            }
        }
    }
}

fn reading(tag: Option<ETag>, range: Option<ByteRange>) -> Get {
    let condition = ReadCondition { if_match: tag, ..ReadCondition::default() };
    Get { condition, range, ..Get::default() }
}

/// Bytes on their way from one store to another: opened anew for each attempt, hashed as they pass.
struct Passing {
    source: Located,
    get: Get,
    length_bytes: u64,
    algorithm: Algorithm,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// A body that was opened before and not read yet.
    lent: Option<ObjectBody>,
    /// The checksum of the bytes that passed last, once all did.
    checksum: Option<Checksum>,
    /// Why reading failed last.
    failure: Option<StoreError>,
}

impl Passing {
    fn new(source: Located, get: Get, length_bytes: u64, algorithm: Algorithm) -> Self {
        let empty = (length_bytes == 0).then(|| Checksum::of(algorithm, b""));
        let seen = Arc::new(Mutex::new(Seen { checksum: empty, ..Seen::default() }));
        Self { source, get, length_bytes, algorithm, seen }
    }

    fn lend(&self, body: ObjectBody) {
        self.seen().lent = Some(body);
    }

    fn checksum(&self) -> Option<Checksum> {
        self.seen().checksum
    }

    fn failure(&self) -> Option<StoreError> {
        self.seen().failure.take()
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().expect("no holder of this lock panics")
    }
}

impl std::fmt::Debug for Passing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passing").field("length_bytes", &self.length_bytes).finish_non_exhaustive()
    }
}

impl PayloadSource for Passing {
    fn open(&self) -> ByteStream {
        let lent = {
            let mut seen = self.seen();
            seen.failure = None;
            if self.length_bytes > 0 {
                seen.checksum = None;
            }
            seen.lent.take()
        };
        let (source, get) = (self.source.clone(), self.get.clone());
        let body = async move {
            match lent {
                Some(body) => Ok(body),
                None => Ok(source.store.get(&source.bucket, &source.key, &get).await?.body),
            }
        };
        let bytes = futures_util::stream::once(body)
            .map(|opened: Result<ObjectBody, StoreError>| match opened {
                Ok(body) => body.left_stream(),
                Err(error) => futures_util::stream::iter([Err(error)]).right_stream(),
            })
            .flatten();
        Box::pin(Tallied {
            bytes: Box::pin(bytes),
            left: self.length_bytes,
            last: None,
            hasher: Some(Hasher::new(self.algorithm)),
            seen: Arc::clone(&self.seen),
        })
    }
}

/// Hashes what passes, and keeps why it ended. The last piece is held back until the source says that all was right: whoever sends
/// a known number of bytes asks for no end.
struct Tallied {
    bytes: Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>,
    left: u64,
    last: Option<Bytes>,
    hasher: Option<Hasher>,
    seen: Arc<Mutex<Seen>>,
}

impl Stream for Tallied {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.bytes.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(piece))) => {
                    if let Some(hasher) = &mut self.hasher {
                        hasher.update(&piece);
                    }
                    let length = piece.len() as u64;
                    if length < self.left {
                        self.left -= length;
                        return Poll::Ready(Some(Ok(piece)));
                    }
                    if length > self.left {
                        self.hasher = None;
                        let longer = io::Error::new(io::ErrorKind::InvalidData, "more came than was told");
                        return Poll::Ready(Some(Err(longer)));
                    }
                    self.left = 0;
                    self.last = self.last.take().or(Some(piece));
                }
                Poll::Ready(None) => {
                    if self.left == 0
                        && let Some(hasher) = self.hasher.take()
                    {
                        let checksum = Some(hasher.finish());
                        self.seen.lock().expect("no holder of this lock panics").checksum = checksum;
                    }
                    return Poll::Ready(self.last.take().map(Ok));
                }
                Poll::Ready(Some(Err(error))) => {
                    let words = io::Error::other(error.to_string());
                    (self.hasher, self.last) = (None, None);
                    self.seen.lock().expect("no holder of this lock panics").failure = Some(error);
                    return Poll::Ready(Some(Err(words)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! A large file becomes an object in parts, and goes on where a former life was stopped.
//!
//! The journal has the upload before its first part is sent, and every part after it is at the service. A life that goes on relies on neither alone: a
//! part is kept if the service lists it and the file still has its checksum. What the service lists and the journal does not know was sent
//! just before the end of the former life; it is kept by the same rule.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pintail_core::checksum::{Algorithm, Checksum, Hasher};
use pintail_core::name::ObjectKey;
use pintail_store::object_store::{
    CompleteUpload, CreateUpload, ListParts, PartInfo, PartList, PartNumber, Upload, UploadPart,
};
use pintail_store::{ErrorKind, Missing, StoreError};

use super::origin::Origin;
use super::running::{Kind, Shared};
use super::step::{Done, StepFailure, Tries};
use super::upload::{condition, guarded, is_changed, proof, whole};
use super::{StepError, same, traits, verify};
use crate::entry::Tag;
use crate::journal::{Begun, Event, PartDone, Proof};
use crate::local::{Source, SourceError};
use crate::parts::{PART_MAX_BYTES, PARTS_MAX, cut};
use crate::plan::Step;
use crate::policy::Guard;
use crate::site::Remote;

/// One upload on its way.
struct Work<'a, 'b> {
    shared: &'a Shared<'b>,
    to: &'a Remote,
    key: &'a ObjectKey,
    number: u64,
    step: &'a Step,
    source: Source,
    upload: Upload,
    part_bytes: u64,
}

/// Uploads a file in parts. One that is small by now goes by one request.
pub(super) async fn file(
    shared: &Shared<'_>,
    origin: &Origin<'_>,
    to: &Remote,
    key: &ObjectKey,
    number: u64,
    step: &Step,
    begun: Option<Begun>,
) -> Result<Done, StepFailure> {
    let resumed = match begun {
        Some(Begun::Upload { upload, part_bytes, algorithm, source: Some(seen), parts })
            if makes_an_object(seen.size_bytes, part_bytes) =>
        {
            let upload =
                Upload { bucket: to.bucket.clone(), key: key.clone(), id: upload, checksum: algorithm };
            match origin.reopen(&seen) {
                Ok(source) => {
                    if step.takes {
                        shared.copied_from_file(number, *source.fingerprint());
                    }
                    let work = Work { shared, to, key, number, step, source, upload, part_bytes };
                    match work.kept(parts).await? {
                        Some(parts) => Some((work, parts)),
                        None if work.is_done().await? => return work.ended(Proof::Checksum).await,
                        None => {
                            shared.record.append(&Event::Dropped { step: number })?;
                            None
                        }
                    }
                }
                Err(SourceError::Changed(_)) => {
                    drop_upload(shared, to, &upload, number).await?;
                    None
                }
                Err(error) => return Err(error.into()),
            }
        }
        Some(Begun::Upload { upload, algorithm, .. }) => {
            let upload =
                Upload { bucket: to.bucket.clone(), key: key.clone(), id: upload, checksum: algorithm };
            drop_upload(shared, to, &upload, number).await?;
            None
        }
        _ => None,
    };
    let (work, parts) = match resumed {
        Some(resumed) => resumed,
        None => match begin(shared, origin, to, key, number, step).await? {
            Beginning::InParts(work) => (*work, Vec::new()),
            Beginning::Whole(done) => return Ok(done),
        },
    };
    match work.send(parts).await {
        Err(failure) if !shared.record.is_kept() => {
            // The parts cost money until they are gone. The first error is the one that counts.
            let _ = work.to.store.abort_upload(&work.upload).await;
            Err(failure)
        }
        ended => ended,
    }
}

/// How a file begins to become an object.
enum Beginning<'a, 'b> {
    /// In parts; none was sent yet.
    InParts(Box<Work<'a, 'b>>),
    /// It became short since it was looked at, and went by one request.
    Whole(Done),
}

/// Tells whether a file can become an object in parts of a size.
fn makes_an_object(size_bytes: u64, part_bytes: u64) -> bool {
    size_bytes > 0
        && (1..=PART_MAX_BYTES).contains(&part_bytes)
        && size_bytes.div_ceil(part_bytes) <= PARTS_MAX
}

/// Begins an upload, and has it in the journal before this returns.
async fn begin<'a, 'b>(
    shared: &'a Shared<'b>,
    origin: &Origin<'_>,
    to: &'a Remote,
    key: &'a ObjectKey,
    number: u64,
    step: &'a Step,
) -> Result<Beginning<'a, 'b>, StepFailure> {
    let _place = shared.places.small().await;
    if shared.halt.is_asked() {
        return Err(StepFailure::Stopped);
    }
    let source = origin.open()?;
    if source.size_bytes() <= shared.options.one_request_max_bytes {
        return Ok(Beginning::Whole(whole(shared, origin, to, key, number, step, &source).await?));
    }
    if step.takes {
        shared.copied_from_file(number, *source.fingerprint());
    }
    let cut = cut(source.size_bytes(), &shared.conditions())?;
    let modified = source.fingerprint().modified();
    let traits = traits::of_file(origin.path(), modified, source.mode(), shared.options);
    let storage_class = shared.options.storage_class.clone();
    let options = CreateUpload { traits, storage_class, ..CreateUpload::default() };
    let mut tries = Tries::new(shared);
    let upload = loop {
        match to.store.create_upload(&to.bucket, key, &options).await {
            Ok(upload) => break upload,
            Err(error) if tries.again(&error).await => {}
            Err(error) => return Err(error.into()),
        }
    };
    shared.record.append(&Event::UploadBegun {
        step: number,
        upload: upload.id.clone(),
        part_bytes: cut.part_bytes,
        algorithm: upload.checksum,
        source: Some(*source.fingerprint()),
    })?;
    shared.record.sync()?;
    let part_bytes = cut.part_bytes;
    let work = Work { shared, to, key, number, step, source, upload, part_bytes };
    Ok(Beginning::InParts(Box::new(work)))
}

impl Work<'_, '_> {
    fn parts(&self) -> u64 {
        self.source.size_bytes().div_ceil(self.part_bytes)
    }

    /// Returns where a part lies in the file, `None` for a number that the file has none for.
    fn range(&self, number: PartNumber) -> Option<(u64, u64)> {
        let offset = u64::from(number.value() - 1) * self.part_bytes;
        let left = self.source.size_bytes().checked_sub(offset)?;
        (left > 0).then(|| (offset, left.min(self.part_bytes)))
    }

    /// Returns the parts that are at the service and are what the file has, `None` where there is no such upload any more.
    async fn kept(
        &self,
        known: std::collections::BTreeMap<u32, PartDone>,
    ) -> Result<Option<Vec<PartInfo>>, StepFailure> {
        let _place = self.shared.places.small().await;
        let mut kept = Vec::new();
        let mut options = ListParts::default();
        loop {
            let mut tries = Tries::new(self.shared);
            let page = loop {
                match self.to.store.list_parts(&self.upload, &options).await {
                    Ok(page) => break page,
                    Err(error) if *error.kind() == ErrorKind::NotFound(Missing::Upload) => return Ok(None),
                    Err(error) if tries.again(&error).await => {}
                    Err(error) => return Err(error.into()),
                }
            };
            for listed in page.parts {
                if let Some(part) = self.keep(listed, &known).await? {
                    kept.push(part);
                }
            }
            match page.next {
                Some(next) => options.after = Some(next),
                None => return Ok(Some(kept)),
            }
        }
    }

    /// Keeps a part that the service lists if the file has its bytes.
    async fn keep(
        &self,
        listed: PartInfo,
        known: &std::collections::BTreeMap<u32, PartDone>,
    ) -> Result<Option<PartInfo>, StepFailure> {
        let Some((offset, length_bytes)) = self.range(listed.number) else { return Ok(None) };
        if listed.size_bytes.is_some_and(|size| size != length_bytes) {
            return Ok(None);
        }
        let known = known.get(&listed.number.value());
        let known =
            known.filter(|known| known.tag == Tag::of(&listed.etag) && known.size_bytes == length_bytes);
        let Some(expected) = listed.checksum.or_else(|| known?.checksum) else { return Ok(None) };
        if checksum(&self.source, offset, length_bytes, expected.algorithm()).await? != expected {
            return Ok(None);
        }
        self.shared.flow.kept(length_bytes);
        if known.is_none() {
            self.shared.record.append(&Event::PartDone {
                step: self.number,
                number: listed.number.value(),
                size_bytes: length_bytes,
                tag: Tag::of(&listed.etag),
                checksum: Some(expected),
            })?;
        }
        Ok(Some(PartInfo { size_bytes: Some(length_bytes), checksum: Some(expected), ..listed }))
    }

    /// Sends the parts that are missing, and makes the object of all.
    async fn send(&self, mut parts: Vec<PartInfo>) -> Result<Done, StepFailure> {
        let shared = self.shared;
        parts.sort_by_key(|part| part.number);
        let all = 1..=u32::try_from(self.parts()).unwrap_or(u32::MAX);
        let missing = all.filter_map(PartNumber::new);
        let missing: Vec<PartNumber> = missing
            .filter(|number| parts.binary_search_by_key(number, |part| part.number).is_err())
            .collect();
        let mut missing = missing.into_iter();
        let mut under_way = FuturesUnordered::new();
        let mut next = missing.next();
        let mut halted = std::pin::pin!(shared.halt.wait());
        let mut place = Box::pin(shared.places.large());
        loop {
            // One that waits for a place, and those that are sent: in the order in which anything happens.
            let event = std::future::poll_fn(|cx| {
                use std::task::Poll;
                if halted.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Moment::Halted);
                }
                // The next place first: there is always one that waits for it while there are parts.
                if next.is_some()
                    && let Poll::Ready(got) = place.as_mut().poll(cx)
                {
                    return Poll::Ready(Moment::Place(got));
                }
                match under_way.poll_next_unpin(cx) {
                    Poll::Ready(Some(sent)) => Poll::Ready(Moment::Sent(sent)),
                    Poll::Ready(None) if next.is_none() => Poll::Ready(Moment::AllSent),
                    _ => Poll::Pending,
                }
            });
            match event.await {
                Moment::Halted => return Err(StepFailure::Stopped),
                Moment::Sent(part) => parts.push(part?),
                Moment::AllSent => break,
                Moment::Place(got) => {
                    if let Some(number) = next.take() {
                        under_way.push(self.part(number, got));
                    }
                    next = missing.next();
                    place = Box::pin(shared.places.large());
                }
            }
        }
        drop(under_way);
        self.complete(parts).await
    }

    /// Sends one part.
    async fn part(&self, number: PartNumber, place: super::places::Place) -> Result<PartInfo, StepFailure> {
        let shared = self.shared;
        let (offset, length_bytes) = self.range(number).expect("the number is one of the file's");
        let meter = shared.flow.meter(Kind::Large);
        let mut tries = Tries::new(shared);
        let mut sent = loop {
            let (payload, tally) = match self.upload.checksum {
                Some(algorithm) => {
                    let (payload, tally) = self.source.tallied_slice(offset, length_bytes, algorithm);
                    (payload, Some(tally))
                }
                None => (self.source.slice(offset, length_bytes), None),
            };
            let payload = shared.flow.metered(payload, &meter);
            match self.to.store.upload_part(&self.upload, number, payload, &UploadPart::default()).await {
                Ok(part) => {
                    let read = tally.and_then(|tally| tally.checksum());
                    if part.checksum.zip(read).is_some_and(|(there, read)| there != read) {
                        return Err(StepError::Different(self.shown()).into());
                    }
                    break PartInfo { checksum: part.checksum.or(read), ..part };
                }
                Err(error) if *error.kind() == ErrorKind::SourceFailed => {
                    return Err(self.source_failed(error).await?);
                }
                Err(error) if tries.again(&error).await => {}
                Err(error) => return Err(error.into()),
            }
        };
        drop(place);
        meter.reached(length_bytes);
        sent.size_bytes = Some(length_bytes);
        shared.record.append(&Event::PartDone {
            step: self.number,
            number: number.value(),
            size_bytes: length_bytes,
            tag: Tag::of(&sent.etag),
            checksum: sent.checksum,
        })?;
        Ok(sent)
    }

    /// A file that changed makes no object: the upload is taken back.
    async fn source_failed(&self, error: StoreError) -> Result<StepFailure, StepFailure> {
        match self.source.check_unchanged() {
            Ok(()) => Ok(error.into()),
            Err(changed) => {
                self.take_back().await?;
                Ok(changed.into())
            }
        }
    }

    /// Makes the object of its parts.
    async fn complete(&self, mut parts: Vec<PartInfo>) -> Result<Done, StepFailure> {
        if let Err(changed) = self.source.check_unchanged() {
            self.take_back().await?;
            return Err(changed.into());
        }
        parts.sort_by_key(|part| part.number);
        let parts = PartList::new(parts).expect("every part was sent, in the order of their numbers");
        let checksum = parts.checksum();
        let place = self.shared.places.small().await;
        let condition = match condition(self.shared, self.to, self.key, &self.step.guard).await {
            Err(failure) if is_changed(&failure) => {
                drop(place);
                return self.settle().await;
            }
            condition => condition?,
        };
        let options = CompleteUpload { condition, checksum };
        let mut tries = Tries::new(self.shared);
        let completed = loop {
            match self.to.store.complete_upload(&self.upload, &parts, &options).await {
                Ok(stored) => break Ok(stored),
                Err(error) if tries.again(&error).await => {}
                Err(error) => break Err(error),
            }
        };
        drop(place);
        let stored = match completed {
            Ok(stored) => stored,
            Err(error) => return self.refused(error).await,
        };
        let told = stored.checksum.filter(|told| told.parts().is_none());
        if told.zip(checksum).is_some_and(|(told, sent)| told != sent && told.algorithm() == sent.algorithm())
        {
            return Err(StepError::Different(self.shown()).into());
        }
        let proof = if checksum.is_some() { Proof::Checksum } else { proof(&stored) };
        self.ended(proof).await
    }

    /// The end of an upload that is at its place.
    async fn ended(&self, proof: Proof) -> Result<Done, StepFailure> {
        let size_bytes = self.source.size_bytes();
        if self.shared.options.verify {
            let checksum = self.checksum(Algorithm::Crc64Nvme).await?;
            let _place = self.shared.places.small().await;
            verify::object(self.shared, self.to, self.key, size_bytes, checksum).await?;
        }
        Ok(Done::Moved { size_bytes, proof })
    }

    /// Decides what a refusal to complete means.
    async fn refused(&self, error: StoreError) -> Result<Done, StepFailure> {
        match error.kind() {
            // It was completed, and the answer was lost.
            ErrorKind::NotFound(Missing::Upload) => {
                if self.is_done().await? {
                    return self.ended(Proof::Checksum).await;
                }
                self.shared.record.append(&Event::Dropped { step: self.number })?;
                Err(error.into())
            }
            ErrorKind::PreconditionFailed | ErrorKind::NotFound(Missing::Object)
                if self.step.guard != Guard::None =>
            {
                self.settle().await
            }
            // These parts make no object, today or tomorrow.
            ErrorKind::ChecksumMismatch | ErrorKind::InvalidRequest => {
                self.take_back().await?;
                Err(error.into())
            }
            _ => Err(error.into()),
        }
    }

    /// Decides about a target that is not what it was: it may be what was to be written.
    async fn settle(&self) -> Result<Done, StepFailure> {
        let is_done = self.is_done().await?;
        self.take_back().await?;
        if is_done {
            return self.ended(Proof::Checksum).await;
        }
        Err(guarded(self.to, self.key, self.step).into())
    }

    /// Tells whether the object has the bytes of the file.
    async fn is_done(&self) -> Result<bool, StepFailure> {
        let checksum = async |algorithm: Algorithm| self.checksum(algorithm).await;
        same::object(self.shared, self.to, self.key, self.source.size_bytes(), checksum).await
    }

    /// Reads the whole file for its checksum.
    async fn checksum(&self, algorithm: Algorithm) -> Result<Checksum, StepFailure> {
        whole_checksum(&self.source, algorithm).await
    }

    async fn take_back(&self) -> Result<(), StepFailure> {
        drop_upload(self.shared, self.to, &self.upload, self.number).await
    }

    fn shown(&self) -> String {
        format!("s3://{}/{}", self.to.bucket, self.key)
    }
}

/// What happens next to an upload.
enum Moment {
    Halted,
    Sent(Result<PartInfo, StepFailure>),
    AllSent,
    Place(super::places::Place),
}

/// Reads a whole file for its checksum.
pub(super) async fn whole_checksum(source: &Source, algorithm: Algorithm) -> Result<Checksum, StepFailure> {
    checksum(source, 0, source.size_bytes(), algorithm).await
}

/// Reads bytes of a file for their checksum, on another thread: a part may have 5 GiB, and everything else would stand still meanwhile. In pieces, so that nothing
/// is read for long that is not waited for any more.
async fn checksum(
    source: &Source,
    offset: u64,
    length_bytes: u64,
    algorithm: Algorithm,
) -> Result<Checksum, StepFailure> {
    const PIECE_BYTES: u64 = 64 << 20;
    let mut hasher = Hasher::new(algorithm);
    let (mut at, end) = (offset, offset + length_bytes);
    while at < end {
        let (from, piece_bytes, source) = (at, PIECE_BYTES.min(end - at), source.clone());
        let read = tokio::task::spawn_blocking(move || {
            let mut hasher = hasher;
            source.hash(&mut hasher, from, piece_bytes).map(|()| hasher)
        });
        hasher = read.await.expect("reading a file does not panic")?;
        at += piece_bytes;
    }
    Ok(hasher.finish())
}

/// Aborts an upload that nobody will complete. One that is gone is no error.
pub(super) async fn drop_upload(
    shared: &Shared<'_>,
    to: &Remote,
    upload: &Upload,
    number: u64,
) -> Result<(), StepFailure> {
    abort(shared, to, upload).await?;
    shared.record.append(&Event::Dropped { step: number })?;
    Ok(())
}

async fn abort(shared: &Shared<'_>, to: &Remote, upload: &Upload) -> Result<(), StepFailure> {
    let mut tries = Tries::new(shared);
    loop {
        match to.store.abort_upload(upload).await {
            Ok(()) => return Ok(()),
            Err(error) if *error.kind() == ErrorKind::NotFound(Missing::Upload) => return Ok(()),
            Err(error) if tries.again(&error).await => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;

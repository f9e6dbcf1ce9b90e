//! A large object becomes a file in segments, and goes on where a former life was stopped.
//!
//! Segments are written to their place in the file beside the target, in any order, and hashed on the way; the checksum of the whole follows from
//! theirs, and is compared with the one that the service keeps. A life that goes on reads back what the journal says is there.

use std::collections::VecDeque;
use std::path::Path;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::ObjectKey;
use pintail_store::object_store::{ByteRange, Get, Head, ObjectInfo, ReadCondition};
use pintail_store::{ErrorKind, Missing, Operation, StoreError};

use super::behind::{Behind, Queue};
use super::download::{Place, file_checksum, unreadable};
use super::running::{Folder, Kind, Shared};
use super::step::{Done, StepFailure, Tries};
use super::{Durability, StepError, same};
use crate::entry::Tag;
use crate::journal::{Begun, Event, Proof};
use crate::local::{LocalError, Partial, PartialWriter, Segment, Target};
use crate::parts::cut;
use crate::plan::Step;
use crate::policy::Guard;
use crate::site::Remote;

/// So many pieces are taken before others get their turn.
const TURN_PIECES: u64 = 16;

struct Work<'a, 'b> {
    shared: &'a Shared<'b>,
    from: &'a Remote,
    key: &'a ObjectKey,
    number: u64,
    info: ObjectInfo,
    partial: Partial,
    algorithm: Algorithm,
    queue: Queue,
}

/// Downloads an object in segments.
#[expect(clippy::too_many_arguments, reason = "the two sides, the step, and what was begun for it")]
pub(super) async fn file(
    shared: &Shared<'_>,
    from: &Remote,
    to: &Folder,
    path: &Path,
    key: &ObjectKey,
    number: u64,
    step: &Step,
    begun: Option<Begun>,
) -> Result<Done, StepFailure> {
    let target = to.target()?;
    let (info, begun) = look(shared, from, target, path, key, number, step, begun).await?;
    // Where nothing was seen, and where a former life may have been.
    let may_be_there = step.guard == Guard::Absent || shared.record.life().is_some();
    if may_be_there
        && begun.is_none()
        && let Some(done) = already_there(shared, target, path, number, step, &info).await?
    {
        return Ok(done);
    }
    let segment_bytes = cut(info.size_bytes.max(1), &shared.conditions())?.part_bytes.max(1);
    let mut resumed = None;
    if let Some(Begun::Download { partial, size_bytes, segments, .. }) = begun
        && size_bytes == info.size_bytes
        && let Some(partial) = Partial::resume(target, path, &partial, size_bytes)?
    {
        let known = segments.into_iter().map(|(offset, done)| Segment {
            offset,
            length_bytes: done.length_bytes,
            checksum: done.checksum,
        });
        let mut right = Vec::new();
        for segment in known {
            right.extend(partial.verify([segment])?);
            tokio::task::yield_now().await;
        }
        shared.flow.kept(right.iter().map(|segment| segment.length_bytes).sum());
        resumed = Some((partial, right));
    }
    let (partial, segments) = match resumed {
        Some(resumed) => resumed,
        None => (begin(shared, target, path, number, step, &info).await?, Vec::new()),
    };
    if shared.record.is_kept() {
        partial.stay();
    }
    let whole = info.checksum.filter(|checksum| checksum.parts().is_none());
    let of_segments = segments.first().map(|segment| segment.checksum.algorithm());
    // Only a CRC of the whole follows from those of the segments.
    let wished =
        whole.map(|checksum| checksum.algorithm()).filter(|algorithm| *algorithm != Algorithm::Sha256);
    let algorithm = of_segments.or(wished).unwrap_or(Algorithm::Crc64Nvme);
    let work = Work { shared, from, key, number, info, partial, algorithm, queue: Queue::default() };
    let segments = match work.fetch(segments, segment_bytes).await {
        Ok(segments) => segments,
        Err(failure) => {
            if matches!(&failure, StepFailure::Failed(StepError::SourceChanged(_))) {
                work.give_up()?;
            }
            return Err(failure);
        }
    };
    let Some((proof, checksum)) = work.prove(segments).await? else {
        let shown = format!("s3://{}/{key}", from.bucket);
        work.give_up()?;
        return Err(StepError::Different(shown).into());
    };
    let Work { info, partial, .. } = work;
    if shared.options.sync == Durability::Batch {
        // The file has its length since it was begun: with its name it would be taken for whole after a power cut, whatever is in it.
        off_thread(partial.writer(), PartialWriter::sync).await?;
    }
    let place = Place { shared, folder: to, target, path, number, step };
    place.publish(partial, &info, Some(checksum), proof).await
}

/// Looks at the object. One that is not what a former life began with is begun with anew.
#[expect(clippy::too_many_arguments, reason = "the two sides, the step, and what was begun for it")]
async fn look(
    shared: &Shared<'_>,
    from: &Remote,
    target: &Target,
    path: &Path,
    key: &ObjectKey,
    number: u64,
    step: &Step,
    begun: Option<Begun>,
) -> Result<(ObjectInfo, Option<Begun>), StepFailure> {
    let _place = shared.places.small().await;
    if shared.halt.is_asked() {
        return Err(StepFailure::Stopped);
    }
    let condition = ReadCondition { if_match: step.tag.as_ref().map(Tag::etag), ..ReadCondition::default() };
    let head = Head { condition, ..Head::default() };
    let found = match same::look(shared, from, key, &head).await {
        Ok(found) => found,
        Err(error) => {
            // What was fetched of a state that is gone is of no use.
            if let (ErrorKind::PreconditionFailed, Some(Begun::Download { partial, .. })) =
                (error.kind(), &begun)
            {
                target.remove_unfinished(path, partial)?;
                shared.record.append(&Event::Dropped { step: number })?;
            }
            return Err(unreadable(error, from, key));
        }
    };
    let Some(info) = found else {
        let gone = StoreError::new(ErrorKind::NotFound(Missing::Object), Operation::Head);
        return Err(gone.at(&from.bucket, Some(key)).into());
    };
    match begun {
        Some(Begun::Download { partial, tag, .. }) if tag != info.etag.as_ref().map(Tag::of) => {
            target.remove_unfinished(path, &partial)?;
            shared.record.append(&Event::Dropped { step: number })?;
            Ok((info, None))
        }
        begun => Ok((info, begun)),
    }
}

/// Tells whether a file that is in the way has the object's bytes: a former life may have put it there.
async fn already_there(
    shared: &Shared<'_>,
    target: &Target,
    path: &Path,
    number: u64,
    step: &Step,
    info: &ObjectInfo,
) -> Result<Option<Done>, StepFailure> {
    let Some(whole) = info.checksum.filter(|checksum| checksum.parts().is_none()) else { return Ok(None) };
    let Some((size_bytes, _)) = target.look(path)? else { return Ok(None) };
    let Some(file) = target.open_file(path)?.filter(|_| size_bytes == info.size_bytes) else {
        return Ok(None);
    };
    let local = |error| LocalError::new("read", &target.path().join(path), error);
    if file_checksum(&file, size_bytes, whole.algorithm()).await.map_err(local)? != whole {
        return Ok(None);
    }
    shared.flow.kept(size_bytes);
    shared.copied_from_object(number, step, info);
    Ok(Some(Done::Moved { size_bytes, proof: Proof::Checksum }))
}

/// Asks the disk for something that may take long, while others have their turn.
async fn off_thread(
    writer: PartialWriter,
    ask: impl FnOnce(&PartialWriter) -> Result<(), LocalError> + Send + 'static,
) -> Result<(), LocalError> {
    let asked = tokio::task::spawn_blocking(move || ask(&writer)).await;
    asked.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

/// Makes the file beside the target, and has it in the journal before this returns.
async fn begin(
    shared: &Shared<'_>,
    target: &Target,
    path: &Path,
    number: u64,
    step: &Step,
    info: &ObjectInfo,
) -> Result<Partial, StepFailure> {
    let own = shared.record.partial_number(number);
    let partial = Partial::begin(target, path, &step.guard, own, shared.context.random)?;
    let size_bytes = info.size_bytes;
    off_thread(partial.writer(), move |writer| writer.reserve(size_bytes)).await?;
    shared.record.append(&Event::DownloadBegun {
        step: number,
        partial: partial.temporary_name().to_owned(),
        size_bytes: info.size_bytes,
        tag: info.etag.as_ref().map(Tag::of),
        version: info.version.clone(),
    })?;
    shared.record.sync()?;
    Ok(partial)
}

/// Returns what is missing between segments, cut into pieces.
fn gaps(segments: &[Segment], size_bytes: u64, segment_bytes: u64) -> VecDeque<(u64, u64)> {
    let mut missing = VecDeque::new();
    let mut at = 0;
    let ends = segments.iter().map(|segment| (segment.offset, segment.length_bytes));
    for (offset, length_bytes) in ends.chain([(size_bytes, 0)]) {
        while at < offset {
            let length = segment_bytes.min(offset - at);
            missing.push_back((at, length));
            at += length;
        }
        at = at.max(offset + length_bytes);
    }
    missing
}

impl Work<'_, '_> {
    /// Fetches the segments that are missing; returns all, in their order.
    async fn fetch(
        &self,
        mut segments: Vec<Segment>,
        segment_bytes: u64,
    ) -> Result<Vec<Segment>, StepFailure> {
        let shared = self.shared;
        segments.sort_by_key(|segment| segment.offset);
        let mut missing = gaps(&segments, self.info.size_bytes, segment_bytes);
        let mut halted = std::pin::pin!(shared.halt.wait());
        let mut under_way = FuturesUnordered::new();
        let mut place = Box::pin(shared.places.large());
        loop {
            let event = std::future::poll_fn(|cx| {
                use std::task::Poll;
                if halted.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Moment::Halted);
                }
                // The next place first: there is always one that waits for it while there are segments.
                if !missing.is_empty()
                    && let Poll::Ready(got) = place.as_mut().poll(cx)
                {
                    return Poll::Ready(Moment::Place(got));
                }
                match under_way.poll_next_unpin(cx) {
                    Poll::Ready(Some(segment)) => Poll::Ready(Moment::Fetched(segment)),
                    Poll::Ready(None) if missing.is_empty() => Poll::Ready(Moment::AllFetched),
                    _ => Poll::Pending,
                }
            });
            match event.await {
                Moment::Halted => return Err(StepFailure::Stopped),
                Moment::Fetched(segment) => segments.push(segment?),
                Moment::AllFetched => break,
                Moment::Place(got) => {
                    if let Some((offset, length_bytes)) = missing.pop_front() {
                        under_way.push(self.segment(offset, length_bytes, got));
                    }
                    place = Box::pin(shared.places.large());
                }
            }
        }
        segments.sort_by_key(|segment| segment.offset);
        Ok(segments)
    }

    /// Fetches one segment. Where its bytes break off, the rest is asked for.
    async fn segment(
        &self,
        offset: u64,
        length_bytes: u64,
        place: super::places::Place,
    ) -> Result<Segment, StepFailure> {
        let Self { shared, from, key, number, info, partial, algorithm, queue } = self;
        let meter = shared.flow.meter(Kind::Large);
        let mut behind = Behind::new(partial.writer(), queue, offset, *algorithm);
        let mut tries = Tries::new(shared);
        let mut done = 0;
        let condition = ReadCondition { if_match: info.etag.clone(), ..ReadCondition::default() };
        while done < length_bytes {
            let range = ByteRange::Slice { offset: offset + done, length_bytes: length_bytes - done };
            let get = Get {
                condition: condition.clone(),
                // What an ETag pins needs no version, which takes another permission (s3:GetObjectVersion).
                version: info.version.clone().filter(|_| info.etag.is_none()),
                range: Some(range),
                unchecked: true,
            };
            let failed = match from.store.get(&from.bucket, key, &get).await {
                Ok(mut got) => {
                    if got.range.0 != offset + done {
                        let wrong = StoreError::new(ErrorKind::BadAnswer, Operation::Get);
                        return Err(wrong.at(&from.bucket, Some(key)).into());
                    }
                    let mut failed = None;
                    let mut pieces = 0_u64;
                    while let Some(piece) = got.body.next().await {
                        let piece = match piece {
                            Ok(piece) => piece,
                            Err(error) => {
                                failed = Some(error);
                                break;
                            }
                        };
                        let room = usize::try_from(length_bytes - done).unwrap_or(usize::MAX);
                        let piece = piece.slice(..piece.len().min(room));
                        meter.pass(piece.len() as u64).await;
                        done += piece.len() as u64;
                        behind.push(piece).await?;
                        meter.reached(done);
                        tries.begin_anew();
                        pieces += 1;
                        if pieces.is_multiple_of(TURN_PIECES) {
                            tokio::task::yield_now().await;
                        }
                    }
                    failed
                }
                Err(error) => Some(error),
            };
            if done == length_bytes {
                break;
            }
            let failed = failed.unwrap_or_else(|| {
                let kind = ErrorKind::Transport(pintail_core::seam::HttpErrorKind::Interrupted);
                StoreError::new(kind, Operation::Get).at(&from.bucket, Some(key))
            });
            if !tries.again(&failed).await {
                return Err(unreadable(failed, from, key));
            }
        }
        let checksum = behind.finish().await?;
        drop(place);
        let segment = Segment { offset, length_bytes, checksum };
        shared.record.append(&Event::SegmentDone {
            step: *number,
            offset,
            length_bytes,
            checksum: segment.checksum,
        })?;
        Ok(segment)
    }

    /// Proves the file against what the service keeps of the object; `None` when it is another one. Returns the file's checksum too.
    async fn prove(&self, segments: Vec<Segment>) -> Result<Option<(Proof, Checksum)>, StepFailure> {
        let empty = Checksum::of(self.algorithm, b"");
        let combined = segments
            .iter()
            .try_fold(empty, |sum, segment| sum.followed_by(&segment.checksum, segment.length_bytes));
        let Some(combined) = combined else { return Ok(None) };
        match self.info.checksum.filter(|checksum| checksum.parts().is_none()) {
            None => Ok(Some((Proof::Length, combined))),
            Some(whole) if whole.algorithm() == self.algorithm => {
                Ok((whole == combined).then_some((Proof::Checksum, combined)))
            }
            Some(whole) => {
                let read = self.partial.checksum(whole.algorithm())?;
                Ok((whole == read).then_some((Proof::Checksum, combined)))
            }
        }
    }

    /// Removes the file: these bytes are of no use.
    fn give_up(self) -> Result<(), StepFailure> {
        self.partial.discard();
        self.shared.record.append(&Event::Dropped { step: self.number })?;
        Ok(())
    }
}

/// What happens next to a download.
enum Moment {
    Halted,
    Fetched(Result<Segment, StepFailure>),
    AllFetched,
    Place(super::places::Place),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_missing_is_fetched_once_and_nothing_else(
            size_bytes in 0_u64..500,
            segment_bytes in 1_u64..100,
            kept in prop::collection::vec((0_u64..500, 1_u64..80), 0..6),
        ) {
            let mut segments: Vec<Segment> = Vec::new();
            let mut free = 0;
            let mut kept = kept;
            kept.sort_unstable();
            for (offset, length_bytes) in kept {
                let (offset, end) = (offset.max(free), (offset + length_bytes).min(size_bytes));
                if offset < end {
                    let checksum = Checksum::of(Algorithm::Crc32, b"");
                    segments.push(Segment { offset, length_bytes: end - offset, checksum });
                    free = end;
                }
            }
            let mut covered = vec![0; usize::try_from(size_bytes).unwrap()];
            let known = segments.iter().map(|segment| (segment.offset, segment.length_bytes));
            let missing = gaps(&segments, size_bytes, segment_bytes);
            prop_assert!(missing.iter().all(|(_, length)| *length <= segment_bytes && *length > 0));
            for (offset, length) in known.chain(missing) {
                for byte in offset..offset + length {
                    covered[usize::try_from(byte).unwrap()] += 1;
                }
            }
            prop_assert!(covered.iter().all(|times| *times == 1));
        }
    }
}

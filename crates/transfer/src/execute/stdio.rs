//! Standard input becomes an object, and an object goes to standard output.
//!
//! What comes from a pipe cannot be read again: a part of it is held in memory until it is taken, and nothing of it goes on in another life. A pipe ends as well
//! where the program that writes it was stopped together with this one: nothing is made of it then. What goes to
//! standard output goes there in order; the segments of a large object are fetched ahead, as far as memory lets.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use pintail_core::checksum::{Algorithm, Checksum, Hasher};
use pintail_core::name::ObjectKey;
use pintail_store::object_store::{
    ByteRange, CompleteUpload, CreateUpload, Get, ObjectInfo, PartInfo, PartList, PartNumber, Put,
    ReadCondition, Upload, UploadPart,
};
use pintail_store::{ErrorKind, Missing, Operation, Payload, StoreError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::sleep;

use super::download::unreadable;
use super::failure::again;
use super::running::{Kind, Shared};
use super::step::{Done, StepFailure, Tries};
use super::upload::{condition, guarded, is_changed, proof};
use super::upload_parts::drop_upload;
use super::{ExecuteError, StepError, same, verify};
use crate::entry::Tag;
use crate::journal::{Begun, Event, Proof};
use crate::parts::{Growing, PART_BYTES, cut};
use crate::plan::Step;
use crate::policy::Guard;
use crate::site::Remote;

/// So often it is looked whether the end of the input was a stop, before an object is made of what came.
const LOOKS: u32 = 5;
/// So long after each other. What waits once for all of it learns nothing on a machine that stood still meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// So long the request that makes the object may still take after the work was told to end; what is left of the time is for taking the upload back.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Uploads standard input.
pub(super) async fn upload(
    shared: &Shared<'_>,
    to: &Remote,
    number: u64,
    step: &Step,
    begun: Option<Begun>,
) -> Result<Done, StepFailure> {
    let mut input = tokio::io::stdin();
    from_reader(shared, &mut input, to, number, step, begun).await
}

/// Uploads what a reader gives.
async fn from_reader(
    shared: &Shared<'_>,
    input: &mut (impl AsyncRead + Unpin),
    to: &Remote,
    number: u64,
    step: &Step,
    begun: Option<Begun>,
) -> Result<Done, StepFailure> {
    let key = step.target().key(&to.prefix)?;
    if let Some(Begun::Upload { upload, algorithm, .. }) = begun {
        let upload = Upload { bucket: to.bucket.clone(), key: key.clone(), id: upload, checksum: algorithm };
        drop_upload(shared, to, &upload, number).await?;
    }
    let sizes = Growing::new(shared.options.part_bytes.unwrap_or(PART_BYTES), shared.options.memory_bytes)?;
    let first_bytes = sizes.part_bytes(1);
    let first = fill(shared, input, first_bytes).await?;
    if (first.len() as u64) < first_bytes {
        ended_by_itself(shared).await?;
        return put(shared, to, &key, step, first).await;
    }
    let place = shared.places.small().await;
    let storage_class = shared.options.storage_class.clone();
    let options = CreateUpload { storage_class, ..CreateUpload::default() };
    let mut tries = Tries::new(shared);
    let upload = loop {
        match to.store.create_upload(&to.bucket, &key, &options).await {
            Ok(upload) => break upload,
            Err(error) if tries.again(&error).await => {}
            Err(error) => return Err(error.into()),
        }
    };
    drop(place);
    shared.record.append(&Event::UploadBegun {
        step: number,
        upload: upload.id.clone(),
        part_bytes: first_bytes,
        algorithm: upload.checksum,
        source: None,
    })?;
    shared.record.sync()?;
    let ended = send(shared, input, to, &key, step, &upload, sizes, first).await;
    if ended.is_err() {
        // Nothing can go on with it. The first error is the one that counts.
        let _ = drop_upload(shared, to, &upload, number).await;
    }
    ended
}

/// Makes sure that the input ended by itself. Ctrl-C goes to both ends of a pipe: the one that writes is gone at once and leaves less than all, while the stop
/// is still on its way here.
async fn ended_by_itself(shared: &Shared<'_>) -> Result<(), StepFailure> {
    for _ in 0..LOOKS {
        let said = std::pin::pin!(shared.halt.wait());
        select(std::pin::pin!(sleep(LOOK_EVERY)), said).await;
        if shared.halt.is_asked() || shared.context.stop.is_asked() {
            return Err(StepFailure::Stopped);
        }
    }
    Ok(())
}

/// Waits for the next part that is sent, as long as the work goes on.
async fn next_sent<F: Future<Output = Result<PartInfo, StepFailure>>>(
    shared: &Shared<'_>,
    under_way: &mut FuturesUnordered<F>,
) -> Result<Option<PartInfo>, StepFailure> {
    match select(under_way.next(), std::pin::pin!(shared.halt.wait())).await {
        Either::Left((sent, _)) => sent.transpose(),
        Either::Right(_) => Err(StepFailure::Stopped),
    }
}

/// Makes a last call, which gets a little time more when the work is told to end.
async fn last_call<T>(shared: &Shared<'_>, call: impl Future<Output = T>) -> Result<T, StepFailure> {
    let late = async {
        shared.halt.wait().await;
        sleep(LAST_CALL).await;
    };
    match select(std::pin::pin!(call), std::pin::pin!(late)).await {
        Either::Left((answer, _)) => Ok(answer),
        Either::Right(_) => Err(StepFailure::Stopped),
    }
}

/// Writes little by one request.
async fn put(
    shared: &Shared<'_>,
    to: &Remote,
    key: &ObjectKey,
    step: &Step,
    whole: Bytes,
) -> Result<Done, StepFailure> {
    let _place = shared.places.small().await;
    let size_bytes = whole.len() as u64;
    let meter = shared.flow.meter(Kind::Small);
    let storage_class = shared.options.storage_class.clone();
    let settle = async || {
        let checksum = async |algorithm| Ok::<_, StepError>(Checksum::of(algorithm, &whole));
        if same::object(shared, to, key, size_bytes, checksum).await? {
            meter.reached(size_bytes);
            return Ok(Done::Moved { size_bytes, proof: Proof::Checksum });
        }
        Err::<Done, StepFailure>(guarded(to, key, step).into())
    };
    let condition = match condition(shared, to, key, &step.guard).await {
        Err(failure) if is_changed(&failure) => return settle().await,
        condition => condition?,
    };
    let options = Put { condition, storage_class, ..Put::default() };
    let mut tries = Tries::new(shared);
    let stored = loop {
        meter.pass(size_bytes).await;
        match to.store.put(&to.bucket, key, Payload::from_bytes(whole.clone()), &options).await {
            Ok(stored) => break stored,
            Err(error) if tries.again(&error).await => {}
            Err(error) if is_guard(error.kind(), step) => return settle().await,
            Err(error) => return Err(error.into()),
        }
    };
    meter.reached(size_bytes);
    if shared.options.verify {
        let checksum = Checksum::of(Algorithm::Crc64Nvme, &whole);
        verify::object(shared, to, key, size_bytes, checksum).await?;
    }
    Ok(Done::Moved { size_bytes, proof: proof(&stored) })
}

fn is_guard(kind: &ErrorKind, step: &Step) -> bool {
    let refused = matches!(kind, ErrorKind::PreconditionFailed | ErrorKind::NotFound(Missing::Object));
    refused && step.guard != Guard::None
}

/// Sends part after part, as many at once as memory holds.
#[expect(clippy::too_many_arguments, reason = "the input, its target, and what was begun for it")]
async fn send(
    shared: &Shared<'_>,
    input: &mut (impl AsyncRead + Unpin),
    to: &Remote,
    key: &ObjectKey,
    step: &Step,
    upload: &Upload,
    sizes: Growing,
    first: Bytes,
) -> Result<Done, StepFailure> {
    let mut parts: Vec<PartInfo> = Vec::new();
    // What went by cannot be read again: its checksum tells later whether an object is made of it.
    let mut hasher = Hasher::new(Algorithm::Crc64Nvme);
    let mut under_way = FuturesUnordered::new();
    let mut held_bytes = 0;
    let mut size_bytes = 0;
    let mut number = 1;
    let mut part = first;
    while !part.is_empty() {
        let Some(checked) = PartNumber::new(number) else {
            let too_large = crate::parts::PartsError::ObjectTooLarge { size_bytes: sizes.object_max_bytes() };
            return Err(too_large.into());
        };
        hasher.update(&part);
        let length_bytes = part.len() as u64;
        let is_last = length_bytes < sizes.part_bytes(u64::from(number));
        (held_bytes, size_bytes) = (held_bytes + length_bytes, size_bytes + length_bytes);
        under_way.push(one_part(shared, to, upload, checked, part));
        number += 1;
        let next_bytes = sizes.part_bytes(u64::from(number));
        // The next one is filled while these are sent, if there is room for it.
        while held_bytes + next_bytes > shared.options.memory_bytes
            && let Some(sent) = next_sent(shared, &mut under_way).await?
        {
            held_bytes -= sent.size_bytes.unwrap_or(0);
            parts.push(sent);
        }
        part = if is_last {
            Bytes::new()
        } else {
            fill_while(shared, input, next_bytes, &mut under_way, &mut parts, &mut held_bytes).await?
        };
    }
    while let Some(sent) = next_sent(shared, &mut under_way).await? {
        parts.push(sent);
    }
    ended_by_itself(shared).await?;
    parts.sort_by_key(|part| part.number);
    let parts = PartList::new(parts).expect("there is a first part, and every number once");
    let checksum = parts.checksum();
    let completing = last_call(shared, async {
        let _place = shared.places.small().await;
        let condition = condition(shared, to, key, &step.guard).await?;
        let options = CompleteUpload { condition, checksum };
        again(shared, || async { Ok(to.store.complete_upload(upload, &parts, &options).await?) }).await
    });
    let whole = hasher.finish();
    let stored = match completing.await? {
        Ok(stored) => stored,
        Err(failure) => {
            let is_guard = is_changed(&failure) || failure.kind().is_some_and(|kind| is_guard(kind, step));
            let may_be_done = is_guard || failure.kind() == Some(&ErrorKind::NotFound(Missing::Upload));
            // It was completed, and the answer was lost.
            if may_be_done && is_there(shared, to, key, size_bytes, whole).await? {
                return Ok(Done::Moved { size_bytes, proof: Proof::Checksum });
            }
            return Err(if is_guard { guarded(to, key, step).into() } else { failure });
        }
    };
    if shared.options.verify {
        verify::object(shared, to, key, size_bytes, whole).await?;
    }
    let proof = if checksum.is_some() { Proof::Checksum } else { proof(&stored) };
    Ok(Done::Moved { size_bytes, proof })
}

/// Tells whether an object has the bytes that went by.
async fn is_there(
    shared: &Shared<'_>,
    to: &Remote,
    key: &ObjectKey,
    size_bytes: u64,
    whole: Checksum,
) -> Result<bool, StepFailure> {
    let checksum = async |_| Ok::<_, StepError>(whole);
    same::object(shared, to, key, size_bytes, checksum).await
}

/// Reads the next part while others are sent.
async fn fill_while<F: Future<Output = Result<PartInfo, StepFailure>>>(
    shared: &Shared<'_>,
    input: &mut (impl AsyncRead + Unpin),
    length_bytes: u64,
    under_way: &mut FuturesUnordered<F>,
    parts: &mut Vec<PartInfo>,
    held_bytes: &mut u64,
) -> Result<Bytes, StepFailure> {
    let mut filling = std::pin::pin!(fill(shared, input, length_bytes));
    loop {
        if under_way.is_empty() {
            return filling.await;
        }
        match select(filling, under_way.next()).await {
            Either::Left((part, _)) => return part,
            Either::Right((sent, still_filling)) => {
                filling = still_filling;
                if let Some(sent) = sent {
                    let sent = sent?;
                    *held_bytes -= sent.size_bytes.unwrap_or(0);
                    parts.push(sent);
                }
            }
        }
    }
}

async fn one_part(
    shared: &Shared<'_>,
    to: &Remote,
    upload: &Upload,
    number: PartNumber,
    part: Bytes,
) -> Result<PartInfo, StepFailure> {
    let _place = shared.places.large().await;
    let length_bytes = part.len() as u64;
    let meter = shared.flow.meter(Kind::Large);
    let mut tries = Tries::new(shared);
    loop {
        meter.pass(length_bytes).await;
        let payload = Payload::from_bytes(part.clone());
        match to.store.upload_part(upload, number, payload, &UploadPart::default()).await {
            Ok(sent) => {
                meter.reached(length_bytes);
                return Ok(PartInfo { size_bytes: Some(length_bytes), ..sent });
            }
            Err(error) if tries.again(&error).await => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads until there are so many bytes, or no more come.
async fn fill(
    shared: &Shared<'_>,
    input: &mut (impl AsyncRead + Unpin),
    length_bytes: u64,
) -> Result<Bytes, StepFailure> {
    let reading = async {
        let mut part = BytesMut::new();
        while (part.len() as u64) < length_bytes {
            let mut limited = (&mut *input).take(length_bytes - part.len() as u64);
            part.reserve(64 << 10);
            if limited.read_buf(&mut part).await? == 0 {
                break;
            }
        }
        Ok::<_, std::io::Error>(part.freeze())
    };
    match select(std::pin::pin!(reading), std::pin::pin!(shared.halt.wait())).await {
        Either::Left((part, _)) => Ok(part.map_err(StepError::Stdio)?),
        Either::Right(_) => Err(StepFailure::Stopped),
    }
}

/// Hands an object to whoever listens for bytes, in order.
pub(super) async fn download(shared: &Shared<'_>, from: &Remote, step: &Step) -> Result<Done, StepFailure> {
    let key = step.name.key(&from.prefix)?;
    let condition = ReadCondition { if_match: step.tag.as_ref().map(Tag::etag), ..ReadCondition::default() };
    if step.size_bytes > shared.options.one_request_max_bytes {
        return segments(shared, from, &key, condition).await;
    }
    let _place = shared.places.small().await;
    let meter = shared.flow.meter(Kind::Small);
    let mut tries = Tries::new(shared);
    let mut at = 0_u64;
    loop {
        // What was handed out cannot be taken back: after a break the rest is asked for, and proved with what came before.
        let range = (at > 0).then_some(ByteRange::From(at));
        let get = Get { condition: condition.clone(), range, ..Get::default() };
        let failed = match from.store.get(&from.bucket, &key, &get).await {
            Ok(mut got) => {
                let info = got.info.clone();
                let failed = loop {
                    match got.body.next().await {
                        Some(Ok(piece)) => {
                            meter.pass(piece.len() as u64).await;
                            hand_out(shared, &piece)?;
                            at += piece.len() as u64;
                            meter.reached(at);
                        }
                        Some(Err(error)) => break Some(error),
                        None => break None,
                    }
                };
                match failed {
                    None => {
                        let told = info.checksum.is_some_and(|told| told.parts().is_none());
                        let proof = if told && range.is_none() { Proof::Checksum } else { Proof::Length };
                        return Ok(Done::Moved { size_bytes: at, proof });
                    }
                    // All came, and it is not what was stored.
                    Some(error) if *error.kind() == ErrorKind::ChecksumMismatch => return Err(error.into()),
                    Some(error) => error,
                }
            }
            Err(error) => error,
        };
        if !tries.again(&failed).await {
            return Err(unreadable(failed, from, &key));
        }
    }
}

type Segments<'a> = FuturesOrdered<Pin<Box<dyn Future<Output = Result<Bytes, StepFailure>> + Send + 'a>>>;

/// Hands out a large object, whose segments are fetched ahead.
async fn segments(
    shared: &Shared<'_>,
    from: &Remote,
    key: &ObjectKey,
    condition: ReadCondition,
) -> Result<Done, StepFailure> {
    let head = pintail_store::object_store::Head { condition, ..Default::default() };
    let info = {
        let _place = shared.places.small().await;
        same::look(shared, from, key, &head).await.map_err(|error| unreadable(error, from, key))?
    };
    let Some(info) = info else {
        let gone = StoreError::new(ErrorKind::NotFound(Missing::Object), Operation::Head);
        return Err(gone.at(&from.bucket, Some(key)).into());
    };
    let segment_bytes = cut(info.size_bytes.max(1), &shared.conditions())?.part_bytes.max(1);
    let ahead = usize::try_from(shared.options.memory_bytes / segment_bytes).unwrap_or(usize::MAX).max(1);
    let mut missing: VecDeque<(u64, u64)> = (0..info.size_bytes.div_ceil(segment_bytes))
        .map(|index| (index * segment_bytes, segment_bytes.min(info.size_bytes - index * segment_bytes)))
        .collect();
    let whole = info.checksum.filter(|checksum| checksum.parts().is_none());
    let mut hasher = whole.map(|whole| Hasher::new(whole.algorithm()));
    let info = Arc::new(info);
    let mut under_way: Segments<'_> = FuturesOrdered::new();
    loop {
        while under_way.len() < ahead
            && let Some((offset, length_bytes)) = missing.pop_front()
        {
            under_way.push_back(Box::pin(segment(
                shared,
                from,
                key,
                Arc::clone(&info),
                offset,
                length_bytes,
            )));
        }
        let Some(bytes) = under_way.next().await else { break };
        let bytes = bytes?;
        if let Some(hasher) = &mut hasher {
            hasher.update(&bytes);
        }
        hand_out(shared, &bytes)?;
        if shared.halt.is_asked() {
            return Err(StepFailure::Stopped);
        }
    }
    let size_bytes = info.size_bytes;
    match hasher.map(Hasher::finish).zip(whole) {
        Some((came, there)) if came != there => {
            Err(StepError::Different(format!("s3://{}/{key}", from.bucket)).into())
        }
        Some(_) => Ok(Done::Moved { size_bytes, proof: Proof::Checksum }),
        None => Ok(Done::Moved { size_bytes, proof: Proof::Length }),
    }
}

async fn segment(
    shared: &Shared<'_>,
    from: &Remote,
    key: &ObjectKey,
    info: Arc<ObjectInfo>,
    offset: u64,
    length_bytes: u64,
) -> Result<Bytes, StepFailure> {
    let _place = shared.places.large().await;
    if shared.halt.is_asked() {
        return Err(StepFailure::Stopped);
    }
    let meter = shared.flow.meter(Kind::Large);
    let mut tries = Tries::new(shared);
    let mut bytes = BytesMut::new();
    loop {
        let done = bytes.len() as u64;
        if done == length_bytes {
            return Ok(bytes.freeze());
        }
        let condition = ReadCondition { if_match: info.etag.clone(), ..ReadCondition::default() };
        let range = ByteRange::Slice { offset: offset + done, length_bytes: length_bytes - done };
        // A version is named only where no tag tells the state: that takes a permission of its own (`s3:GetObjectVersion`).
        let version = info.version.clone().filter(|_| info.etag.is_none());
        let get = Get { condition, version, range: Some(range), unchecked: true };
        let mut failed = None;
        match from.store.get(&from.bucket, key, &get).await {
            Ok(mut got) => {
                bytes.reserve(usize::try_from(length_bytes - done).unwrap_or(0));
                while let Some(piece) = got.body.next().await {
                    match piece {
                        Ok(piece) => {
                            let room = usize::try_from(length_bytes).unwrap_or(usize::MAX) - bytes.len();
                            let piece = &piece[..piece.len().min(room)];
                            meter.pass(piece.len() as u64).await;
                            bytes.extend_from_slice(piece);
                            meter.reached(bytes.len() as u64);
                            tries.begin_anew();
                        }
                        Err(error) => {
                            failed = Some(error);
                            break;
                        }
                    }
                }
            }
            Err(error) => failed = Some(error),
        }
        if bytes.len() as u64 == length_bytes {
            continue;
        }
        let failed = failed.unwrap_or_else(|| {
            let kind = ErrorKind::Transport(pintail_core::seam::HttpErrorKind::Interrupted);
            StoreError::new(kind, Operation::Get).at(&from.bucket, Some(key))
        });
        if !tries.again(&failed).await {
            return Err(unreadable(failed, from, key));
        }
    }
}

/// Hands bytes out. Without a reader nothing more is worth doing.
fn hand_out(shared: &Shared<'_>, bytes: &[u8]) -> Result<(), StepFailure> {
    let handed = shared.context.listener.bytes(bytes);
    handed.map_err(|error| ExecuteError::Step(Arc::new(StepError::Stdio(error))).into())
}

#[cfg(test)]
mod endings;

#[cfg(test)]
mod tests {
    use pintail_store::wrap::{Fault, FaultKind, Faults};

    use super::super::testing::{Stage, content, name};
    use super::*;
    use crate::plan::Task;

    fn step() -> Step {
        Step::new(Task::Upload, name("from a pipe"), 0)
    }

    async fn pipe(stage: &Stage, faults: Vec<Fault>, mut input: &[u8]) -> Result<Done, StepFailure> {
        let store: Arc<dyn pintail_store::ObjectStore> =
            Arc::new(Faults::new(Arc::clone(&stage.store), faults));
        let ends = stage.ends(&store);
        let remote = stage.remote(&store, "b/");
        stage
            .once(&ends, async |shared| from_reader(shared, &mut input, &remote, 0, &step(), None).await)
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_from_a_pipe_becomes_an_object_whatever_its_length() {
        for size in [0, 1, (5 << 20) - 1, 5 << 20, (5 << 20) + 1, (15 << 20) + 77] {
            let mut stage = Stage::new().await;
            // Room for three parts.
            stage.options.memory_bytes = 15 << 20;
            stage.options.verify = true;
            let done = pipe(&stage, Vec::new(), &content(size)).await.unwrap();
            assert_eq!(done, Done::Moved { size_bytes: size, proof: Proof::Checksum });
            assert!(stage.get("b/from a pipe").await.unwrap().1 == content(size), "{size}");
            assert!(stage.uploads().await.is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pipe_that_cannot_be_sent_leaves_no_upload() {
        let refused = FaultKind::Fail(ErrorKind::PermissionDenied);
        let stage = Stage::new().await;
        let faults = vec![Fault { operation: Some(Operation::UploadPart), nth: 2, kind: refused }];
        let failed = pipe(&stage, faults, &content(12 << 20)).await;
        assert!(matches!(failed, Err(StepFailure::Failed(StepError::Store(_)))), "{failed:?}");
        assert!(stage.uploads().await.is_empty() && stage.get("b/from a pipe").await.is_none());

        // Somebody else was faster.
        for size in [100, 12 << 20] {
            let stage = Stage::new().await;
            stage.put("b/from a pipe", "theirs").await;
            let failed = pipe(&stage, Vec::new(), &content(size)).await;
            assert!(matches!(failed, Err(StepFailure::Failed(StepError::Taken(_)))), "{failed:?}");
            assert!(stage.uploads().await.is_empty());
            assert_eq!(stage.get("b/from a pipe").await.unwrap().1, "theirs");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn parts_of_a_pipe_that_fail_are_sent_again_from_memory() {
        let busy = FaultKind::Fail(ErrorKind::Unavailable);
        let stage = Stage::new().await;
        let faults =
            (1..4).map(|nth| Fault { operation: Some(Operation::UploadPart), nth, kind: busy.clone() });
        pipe(&stage, faults.collect(), &content(12 << 20)).await.unwrap();
        assert!(stage.get("b/from a pipe").await.unwrap().1 == content(12 << 20));
    }
}

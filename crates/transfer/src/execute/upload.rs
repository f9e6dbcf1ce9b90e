//! A file becomes an object: by one request here, in parts in [`super::upload_parts`].
//!
//! The state of the file that is sent is the one it has when it is opened; a file that changes while it is read makes no object.

use std::sync::Arc;

use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::ObjectKey;
use pintail_store::object_store::{Put, Stored, Traits, WriteCondition};
use pintail_store::{ErrorKind, Payload, StoreError};

use super::failure::again;
use super::object::Located;
use super::origin::Origin;
use super::running::{Folder, Kind, Shared};
use super::step::{Done, StepFailure, Tries};
use super::{StepError, same, traits, upload_parts, verify};
use crate::journal::{Begun, Proof};
use crate::local::{Source, SourceError};
use crate::plan::Step;
use crate::policy::Guard;
use crate::site::Remote;

/// Files up to this size are read at once.
const AT_ONCE_BYTES: u64 = 256 << 10;

/// Uploads one file.
pub(super) async fn file(
    shared: &Shared<'_>,
    from: &Folder,
    to: &Remote,
    number: u64,
    step: &Step,
    begun: Option<Begun>,
) -> Result<Done, StepFailure> {
    let origin = Origin::of(from, step)?;
    let key = step.target().key(&to.prefix)?;
    let begun = begun.filter(|begun| matches!(begun, Begun::Upload { .. }));
    if begun.is_none() {
        let place = shared.places.small().await;
        if shared.halt.is_asked() {
            return Err(StepFailure::Stopped);
        }
        let source = match origin.open() {
            Err(SourceError::Link(_)) if step.link => {
                let (text, seen) = origin.link()?;
                if step.takes {
                    shared.copied_from_file(number, seen);
                }
                let modified = seen.modified();
                let payload = Payload::from_bytes(text);
                let traits = traits::of_link(modified, shared.options);
                return put(shared, to, &key, step, payload, traits, None).await;
            }
            source => source?,
        };
        let size_bytes = source.size_bytes();
        if size_bytes <= shared.options.one_request_max_bytes {
            let done = whole(shared, &origin, to, &key, number, step, &source).await;
            drop(place);
            return done;
        }
    }
    Box::pin(upload_parts::file(shared, &origin, to, &key, number, step, begun)).await
}

/// Uploads a file by one request. It waits for no place: whoever calls has one.
pub(super) async fn whole(
    shared: &Shared<'_>,
    origin: &Origin<'_>,
    to: &Remote,
    key: &ObjectKey,
    number: u64,
    step: &Step,
    source: &Source,
) -> Result<Done, StepFailure> {
    if step.takes {
        shared.copied_from_file(number, *source.fingerprint());
    }
    let size_bytes = source.size_bytes();
    let modified = source.fingerprint().modified();
    let traits = traits::of_file(origin.path(), modified, source.mode(), shared.options);
    let payload = if size_bytes <= AT_ONCE_BYTES {
        Payload::from_bytes(source.read_whole()?)
    } else {
        source.slice(0, size_bytes)
    };
    put(shared, to, key, step, payload, traits, Some(source)).await
}

/// Writes an object by one request.
async fn put(
    shared: &Shared<'_>,
    to: &Remote,
    key: &ObjectKey,
    step: &Step,
    payload: Payload,
    traits: Traits,
    source: Option<&Source>,
) -> Result<Done, StepFailure> {
    let size_bytes = payload.length_bytes();
    let meter = shared.flow.meter(Kind::Small);
    let condition = match condition(shared, to, key, &step.guard).await {
        Err(failure) if is_changed(&failure) => return settle(shared, to, key, step, &payload).await,
        condition => condition?,
    };
    let storage_class = shared.options.storage_class.clone();
    let options = Put { condition, traits, storage_class, ..Put::default() };
    let mut tries = Tries::new(shared);
    let stored = loop {
        let sent = match payload.as_bytes() {
            Some(_) => {
                meter.pass(size_bytes).await;
                payload.clone()
            }
            None => shared.flow.metered(payload.clone(), &meter),
        };
        match to.store.put(&to.bucket, key, sent, &options).await {
            Ok(stored) => break stored,
            Err(error) if tries.again(&error).await => {}
            Err(error) => return refused(shared, error, to, key, step, &payload, source).await,
        }
    };
    meter.reached(size_bytes);
    if shared.options.verify {
        let checksum = match stored.checksum.filter(|checksum| checksum.parts().is_none()) {
            Some(checksum) => checksum,
            None => read(&payload).await?,
        };
        verify::object(shared, to, key, size_bytes, checksum).await?;
    }
    Ok(Done::Moved { size_bytes, proof: proof(&stored) })
}

/// Decides what a refusal means: a guard that does not hold may tell of what a former life wrote.
async fn refused(
    shared: &Shared<'_>,
    error: StoreError,
    to: &Remote,
    key: &ObjectKey,
    step: &Step,
    payload: &Payload,
    source: Option<&Source>,
) -> Result<Done, StepFailure> {
    match error.kind() {
        ErrorKind::SourceFailed => {
            if let Some(source) = source {
                source.check_unchanged()?;
            }
            Err(error.into())
        }
        ErrorKind::PreconditionFailed | ErrorKind::NotFound(pintail_store::Missing::Object)
            if step.guard != Guard::None =>
        {
            settle(shared, to, key, step, payload).await
        }
        _ => Err(error.into()),
    }
}

/// Decides about a target that is not what it was: it may be what was to be written.
async fn settle(
    shared: &Shared<'_>,
    to: &Remote,
    key: &ObjectKey,
    step: &Step,
    payload: &Payload,
) -> Result<Done, StepFailure> {
    let size_bytes = payload.length_bytes();
    let checksum = async |algorithm: Algorithm| payload.checksum(algorithm).await.map_err(StepError::Stdio);
    if same::object(shared, to, key, size_bytes, checksum).await? {
        shared.flow.meter(Kind::Small).reached(size_bytes);
        return Ok(Done::Moved { size_bytes, proof: Proof::Checksum });
    }
    Err(guarded(to, key, step).into())
}

/// The error of a guard that did not hold.
pub(super) fn guarded(to: &Remote, key: &ObjectKey, step: &Step) -> StepError {
    let shown = format!("s3://{}/{key}", to.bucket);
    if step.guard == Guard::Absent { StepError::Taken(shown) } else { StepError::Changed(shown) }
}

/// What must hold of the target when it is written. What was known by size and time alone is looked at for it.
///
/// # Errors
/// [`StepError::Changed`] when it is not what was seen.
pub(super) async fn condition(
    shared: &Shared<'_>,
    to: &Remote,
    key: &ObjectKey,
    guard: &Guard,
) -> Result<WriteCondition, StepFailure> {
    Ok(match guard {
        Guard::Absent => WriteCondition::IfAbsent,
        Guard::Match(tag) => WriteCondition::IfMatch(tag.etag()),
        Guard::None => WriteCondition::None,
        Guard::Unchanged { .. } => {
            let (store, bucket) = (Arc::clone(&to.store), to.bucket.clone());
            let target = Located { store, bucket, key: key.clone() };
            again(shared, || target.condition(guard)).await?
        }
    })
}

/// Tells whether the target was found to be another one before anything was written.
pub(super) fn is_changed(failure: &StepFailure) -> bool {
    matches!(failure, StepFailure::Failed(StepError::Changed(_)))
}

/// How an object that was written is proved: the store checks what a checksum was sent with.
pub(super) fn proof(stored: &Stored) -> Proof {
    if stored.checksum.is_some() { Proof::Checksum } else { Proof::Length }
}

async fn read(payload: &Payload) -> Result<Checksum, StepFailure> {
    Ok(payload.checksum(Algorithm::Crc64Nvme).await.map_err(StepError::Stdio)?)
}

#[cfg(test)]
mod tests;

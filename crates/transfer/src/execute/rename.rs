//! Names that change on one side: a rename in a file system, a copy and a deletion at a service.
//!
//! The new name must be free. At a service the old object goes only when its copy is proved, and only if it still is what was copied; a process that
//! dies in between leaves both, and the next life goes on from there.

use std::io;

use pintail_store::object_store::MetadataDirective;

use super::StepError;
use super::delete::delete_object;
use super::object::{Located, is_gone_or_changed, same_bytes};
use super::running::{Folder, Shared};
use super::step::{Done, StepFailure};
use super::within::{ONE_REQUEST_MAX_BYTES, Within};
use crate::entry::{Modified, Tag};
use crate::journal::Begun;
use crate::local::TargetError;
use crate::name::Platform;
use crate::plan::Step;
use crate::policy::Guard;
use crate::site::Remote;

/// Gives a file of a [`Task::Move`](crate::plan::Task::Move) its new name.
pub(super) fn local(at: &Folder, step: &Step) -> Result<Done, StepFailure> {
    let (from, to) = (step.name.path(Platform::HERE)?, step.target().path(Platform::HERE)?);
    let target = at.target()?;
    let error = match target.rename(&from, &to) {
        Ok(()) => return Ok(Done::Changed),
        Err(error) => error,
    };
    // A former life renamed it, and died before it could tell. By then the old name may have gone to what a later step brought.
    let is_it =
        |(size_bytes, modified): (u64, Modified)| size_bytes == step.size_bytes && modified == step.modified;
    let is_gone = match &error {
        TargetError::Local(local) => local.source.kind() == io::ErrorKind::NotFound,
        TargetError::Taken(_) => !target.look(&from)?.is_some_and(is_it),
        _ => false,
    };
    if is_gone && target.look(&to)?.is_some_and(is_it) { Ok(Done::Changed) } else { Err(error.into()) }
}

/// Gives an object of a [`Task::Move`](crate::plan::Task::Move) its new name.
pub(super) async fn remote(
    shared: &Shared<'_>,
    at: &Remote,
    number: u64,
    step: &Step,
    begun: Option<&Begun>,
) -> Result<Done, StepFailure> {
    let (source, target) = (&Located::at(at, &step.name)?, &Located::at(at, step.target())?);
    let tag = step.tag.as_ref().map(Tag::etag);
    let place = shared.places.small().await;
    let looked = source.look(tag.as_ref()).await;
    drop(place);
    let info = match looked {
        Ok(info) => info,
        Err(error) if is_gone_or_changed(&error) => {
            return if was_renamed(source, target, step).await? {
                Ok(Done::Changed)
            } else {
                Err(StepError::SourceChanged(source.words()).into())
            };
        }
        Err(error) => return Err(error.into()),
    };
    let seen = info.etag.as_ref().map(Tag::of);
    let within = Within {
        shared,
        number,
        source,
        target,
        size_bytes: info.size_bytes,
        tag: seen.as_ref(),
        is_told: step.tag.is_some(),
        guard: &Guard::Absent,
        metadata: MetadataDirective::Copy,
        storage_class: info.storage_class.clone(),
        one_request_max_bytes: ONE_REQUEST_MAX_BYTES,
    };
    within.carry_out(begun).await?;
    delete_object(shared, source, seen.as_ref()).await?;
    Ok(Done::Changed)
}

/// Tells whether a former life came to the end: the old object is gone or is what a later step brought, and at the new name is what can be it.
async fn was_renamed(source: &Located, target: &Located, step: &Step) -> Result<bool, StepFailure> {
    let is_there = |looked: Result<_, pintail_store::StoreError>| match looked {
        Err(error) if is_gone_or_changed(&error) => Ok(None),
        looked => looked.map(Some),
    };
    let is_gone = is_there(source.look(None).await)?.is_none();
    let Some(is) = is_there(target.look(None).await)? else { return Ok(false) };
    let was = pintail_store::object_store::ObjectInfo {
        size_bytes: step.size_bytes,
        etag: step.tag.as_ref().map(Tag::etag),
        ..Default::default()
    };
    // Unclear: the tag of a copy is another one where the object came in parts, or the service puts chance there.
    Ok(same_bytes(&is, &was).unwrap_or(is_gone))
}

#[cfg(test)]
mod tests;

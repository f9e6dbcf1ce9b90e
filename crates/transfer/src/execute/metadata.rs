//! Times and permissions that are set without moving bytes.
//!
//! At a service that is a copy of the object onto itself, with everything that was said of it but what is set; it keeps its storage class. It is made under the condition that
//! the object is what was looked at, as source and as target.

use std::collections::BTreeMap;

use pintail_store::object_store::MetadataDirective;

use super::StepError;
use super::object::{Located, is_gone_or_changed};
use super::running::{End, Folder, Shared};
use super::step::{Done, StepFailure};
use super::within::{ONE_REQUEST_MAX_BYTES, Within};
use crate::diff::Side;
use crate::entry::Tag;
use crate::journal::Begun;
use crate::local::TargetError;
use crate::name::{Name, Platform};
use crate::plan::Step;
use crate::policy::Guard;
use crate::site::Remote;

/// The metadata in which times are kept.
const TIME: &str = "mtime";
/// The metadata in which permissions are kept.
const MODE: &str = "mode";

/// Sets time and permissions of the file of a [`Task::SetMetadata`](crate::plan::Task::SetMetadata); permissions are those of the other end.
pub(super) async fn local(
    shared: &Shared<'_>,
    at: &Folder,
    other: &End,
    side: Side,
    step: &Step,
) -> Result<Done, StepFailure> {
    let (name, other_name) = names(step, side);
    let mode = mode_at(shared, other, other_name).await?;
    let path = name.path(Platform::HERE)?;
    let target = at.target()?;
    let changed = || TargetError::Changed(at.path().join(&path));
    let (size_bytes, modified) = target.look(&path)?.ok_or_else(changed)?;
    if let Guard::Unchanged { size_bytes: size, modified: time } = &step.guard {
        // A former life that died right after has set the time already.
        let is_same = modified == *time || modified == step.modified;
        if size_bytes != *size || !is_same {
            return Err(changed().into());
        }
    }
    target.set_metadata(&path, step.modified, mode)?;
    Ok(Done::Changed)
}

/// Sets time and permissions of the object of a [`Task::SetMetadata`](crate::plan::Task::SetMetadata); permissions are those of the other end.
pub(super) async fn remote(
    shared: &Shared<'_>,
    at: &Remote,
    other: &End,
    side: Side,
    number: u64,
    step: &Step,
    begun: Option<&Begun>,
) -> Result<Done, StepFailure> {
    let (name, other_name) = names(step, side);
    let mode = mode_at(shared, other, other_name).await?;
    let object = Located::at(at, name)?;
    let mut said = BTreeMap::new();
    said.extend(step.modified.metadata().map(|time| (TIME.to_owned(), time)));
    said.extend(mode.map(|mode| (MODE.to_owned(), (REGULAR_FILE | mode).to_string())));
    say(shared, &object, number, step, said, begun).await
}

/// Returns the name on a side, and on the other one.
fn names(step: &Step, side: Side) -> (&Name, &Name) {
    match side {
        Side::Left => (&step.name, step.target()),
        Side::Right => (step.target(), &step.name),
    }
}

/// What a mode says of a regular file besides its permissions (`S_IFREG`): it is kept as s3fs keeps it, the whole of `st_mode` in decimal digits.
const REGULAR_FILE: u32 = 0o100_000;

async fn say(
    shared: &Shared<'_>,
    object: &Located,
    number: u64,
    step: &Step,
    said: BTreeMap<String, String>,
    begun: Option<&Begun>,
) -> Result<Done, StepFailure> {
    let changed = || StepError::Changed(object.words());
    let place = shared.places.small().await;
    let looked = object.look(None).await;
    drop(place);
    let info = match looked {
        Err(error) if is_gone_or_changed(&error) => return Err(changed().into()),
        looked => looked?,
    };
    let mut traits = info.traits.clone();
    let is_said = said.iter().all(|(name, value)| traits.metadata.get(name) == Some(value));
    if is_said && begun.is_none() {
        return Ok(Done::Skipped);
    }
    let seen = info.etag.as_ref().map(Tag::of);
    // A copy onto itself leaves the tag of an object that one request wrote: what was looked at is told by it.
    if let Guard::Match(tag) = &step.guard
        && seen.as_ref() != Some(tag)
    {
        return Err(changed().into());
    }
    traits.metadata.extend(said);
    let guard = seen.clone().map_or(Guard::None, Guard::Match);
    let within = Within {
        shared,
        number,
        source: object,
        target: object,
        size_bytes: info.size_bytes,
        tag: seen.as_ref(),
        is_told: matches!(step.guard, Guard::Match(_)),
        guard: &guard,
        metadata: MetadataDirective::Replace(traits),
        storage_class: info.storage_class.clone(),
        one_request_max_bytes: ONE_REQUEST_MAX_BYTES,
    };
    within.carry_out(begun).await?;
    Ok(Done::Changed)
}

async fn mode_at(shared: &Shared<'_>, end: &End, name: &Name) -> Result<Option<u32>, StepFailure> {
    if !shared.options.permissions {
        return Ok(None);
    }
    match end {
        End::Stdio => Ok(None),
        End::Local(folder) => mode_of_file(folder, name),
        End::Remote(remote) => {
            let object = Located::at(remote, name)?;
            let _place = shared.places.small().await;
            let info = object.look_as_source(None).await?;
            Ok(info
                .traits
                .metadata
                .get(MODE)
                .and_then(|mode| mode.parse::<u32>().ok())
                .map(|mode| mode & 0o777))
        }
    }
}

#[cfg(unix)]
fn mode_of_file(folder: &Folder, name: &Name) -> Result<Option<u32>, StepFailure> {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.path().join(name.path(Platform::HERE)?);
    let metadata =
        std::fs::metadata(&path).map_err(|error| crate::local::LocalError::new("look at", &path, error))?;
    Ok(Some(metadata.permissions().mode() & 0o777))
}

#[cfg(not(unix))]
fn mode_of_file(_folder: &Folder, _name: &Name) -> Result<Option<u32>, StepFailure> {
    Ok(None)
}

#[cfg(test)]
mod tests;

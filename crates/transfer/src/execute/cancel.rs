//! Runs that are given up: what they had begun is taken back.
//!
//! That is what the journal tells of, uploads and unfinished files; and the unfinished files that a life which was killed could not write down any more, since their
//! names follow from run and step. An upload that it could not write down goes as [`strays`] says.

use std::path::Path;
use std::sync::Arc;

use pintail_store::object_store::{ObjectStore, Upload};
use pintail_store::{ErrorKind, StoreError};

use super::running::Record;
use super::strays::{self, Lost, written};
use super::{Cancelled, Context, ExecuteError, StepError, Work};
use crate::journal::{Begun, Event, Outcome, State, Status};
use crate::local::Target;
use crate::name::Platform;
use crate::name::rule::unfinished;
use crate::plan::{Plan, Step, Task};
use crate::site::{Ends, Site};

/// See [`super::cancel()`].
pub(super) async fn cancel(work: Work<'_>, context: Context<'_>) -> Result<Cancelled, ExecuteError> {
    let Work { plan, state, journal, ends } = work;
    let record = Record::new(journal, state);
    let mut taken_back = 0;
    let mut first_failure = None;
    let leftovers: Vec<(u64, Begun)> =
        record.with_state(|state| state.leftovers().map(|(step, begun)| (step, begun.clone())).collect());
    for (number, begun) in leftovers {
        let Some(step) = plan.step(number)? else { continue };
        let Some(ends) = ends.get(step.route as usize) else { continue };
        match take_back(ends, &step, &begun).await {
            Ok(was_there) => {
                record.append(&Event::Dropped { step: number })?;
                taken_back += u64::from(was_there);
            }
            Err(error) => first_failure = first_failure.or(Some(error)),
        }
    }
    taken_back += drop_partials(&record, plan, ends, &mut first_failure)?;
    // Whoever opens a run to give it up has said so to the journal as well.
    let lost = Lost { now: 0, lives: record.with_state(State::resumptions).max(1) };
    let strays = match strays::settle(&record, plan, ends, lost).await {
        Ok(strays) => strays,
        Err(ExecuteError::Step(error)) => {
            first_failure = first_failure.or_else(|| Arc::into_inner(error));
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    if let Some(error) = first_failure {
        record.sync()?;
        return Err(ExecuteError::Step(Arc::new(error)));
    }
    let at_ns = i64::try_from(context.clock.now().as_nanosecond()).unwrap_or(0);
    record.append(&Event::Ended { at_ns, outcome: Outcome::Cancelled })?;
    record.sync()?;
    Ok(Cancelled { taken_back, strays })
}

/// Takes back what was begun for a step; tells whether it still was there.
async fn take_back(ends: &Ends, step: &Step, begun: &Begun) -> Result<bool, StepError> {
    match begun {
        Begun::Upload { upload, algorithm, .. } => {
            let Some((_, remote, key)) = written(step, ends)? else { return Ok(false) };
            let (bucket, id) = (remote.bucket.clone(), upload.clone());
            let upload = Upload { bucket, key, id, checksum: *algorithm };
            Ok(abort(&*remote.store, &upload).await?)
        }
        Begun::Download { partial, .. } => {
            let Site::Local(folder) = &ends.to else { return Ok(false) };
            match opened(folder)? {
                Some(target) => remove_partial(&target, step, partial),
                None => Ok(false),
            }
        }
        Begun::Placed { .. } => Ok(false),
    }
}

/// Aborts an upload; tells whether it was there.
pub(super) async fn abort(store: &dyn ObjectStore, upload: &Upload) -> Result<bool, StoreError> {
    match store.abort_upload(upload).await {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes an unfinished file; tells whether it was there.
fn remove_partial(target: &Target, step: &Step, partial: &str) -> Result<bool, StepError> {
    // A name that makes no path was never begun.
    let Ok(path) = step.target().path(Platform::HERE) else { return Ok(false) };
    let is_there = target.look(&path.with_file_name(partial))?.is_some();
    if is_there {
        target.remove_unfinished(&path, partial)?;
    }
    Ok(is_there)
}

/// Opens a folder for removing what is in it; one that is not there is not made for that.
fn opened(folder: &Path) -> Result<Option<Target>, StepError> {
    if folder.is_dir() { Ok(Some(Target::open(folder)?)) } else { Ok(None) }
}

/// Removes the unfinished files of downloads that the journal does not tell of: small ones, and those that were begun in the last moment.
fn drop_partials(
    record: &Record<'_>,
    plan: &Plan,
    ends: &[Ends],
    first_failure: &mut Option<StepError>,
) -> Result<u64, ExecuteError> {
    let mut removed = 0;
    let mut folders: Vec<Option<Target>> = Vec::with_capacity(ends.len());
    for ends in ends {
        let Site::Local(folder) = &ends.to else {
            folders.push(None);
            continue;
        };
        folders.push(opened(folder).unwrap_or_else(|error| {
            first_failure.get_or_insert(error);
            None
        }));
    }
    if folders.iter().all(Option::is_none) {
        return Ok(0);
    }
    for step in plan.steps() {
        let (number, step) = step?;
        let is_open = matches!(record.status(number), Some(Status::Pending | Status::Failed));
        let Some(Some(folder)) = folders.get(step.route as usize) else { continue };
        if step.task != Task::Download || !is_open {
            continue;
        }
        let Some(partial) = record.partial_number(number) else { return Ok(removed) };
        match remove_partial(folder, &step, &unfinished(partial)) {
            Ok(was_there) => removed += u64::from(was_there),
            Err(error) => {
                first_failure.get_or_insert(error);
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests;

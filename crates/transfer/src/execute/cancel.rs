//! Runs that are given up: what they had begun is taken back.
//!
//! That is what the journal tells of: uploads and unfinished files. It is also what a life that was killed could not write down any more, and that
//! is little: an upload gets its first part only after the journal with it was made safe, and an unfinished file has a name that follows from its
//! run and step. So an upload is taken for ours if no run of this machine knows it, it is to a key that this run writes, was begun since the run was, and has no
//! part; whoever's it were, he would lose nothing that was sent. Uploads with parts that the journal does not know are left alone:
//! [`orphans`](super::orphans) lists them for a person to decide.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use pintail_core::name::{BucketName, ObjectKey};
use pintail_store::object_store::{ListParts, ListUploads, ObjectStore, PendingUpload, Upload};
use pintail_store::{ErrorKind, StoreError};

use super::running::Record;
use super::{Context, ExecuteError, StepError, Work};
use crate::diff::Side;
use crate::journal::{Begun, Event, Outcome, State, Status};
use crate::local::Target;
use crate::name::Platform;
use crate::name::rule::unfinished;
use crate::plan::{Plan, Step, Task};
use crate::site::{Ends, Remote, Site};

/// See [`super::cancel()`].
pub(super) async fn cancel(work: Work<'_>, context: Context<'_>) -> Result<u64, ExecuteError> {
    let Work { plan, state, journal, ends } = work;
    let created_ns = journal.as_ref().map(|journal| journal.origin().created_ns);
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
    if let Some(created_ns) = created_ns {
        match drop_strays(&record, plan, ends, created_ns).await {
            Ok(count) => taken_back += count,
            Err(ExecuteError::Step(error)) => {
                first_failure = first_failure.or_else(|| Arc::into_inner(error));
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = first_failure {
        record.sync()?;
        return Err(ExecuteError::Step(Arc::new(error)));
    }
    let at_ns = i64::try_from(context.clock.now().as_nanosecond()).unwrap_or(0);
    record.append(&Event::Ended { at_ns, outcome: Outcome::Cancelled })?;
    record.sync()?;
    Ok(taken_back)
}

/// Takes back what was begun for a step; tells whether it still was there.
async fn take_back(ends: &Ends, step: &Step, begun: &Begun) -> Result<bool, StepError> {
    match begun {
        Begun::Upload { upload, algorithm, .. } => {
            let Some((remote, key)) = written(step, ends)? else { return Ok(false) };
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

/// Returns the object that a step writes, `None` for steps that write none in parts.
fn written<'a>(step: &Step, ends: &'a Ends) -> Result<Option<(&'a Remote, ObjectKey)>, StepError> {
    let (site, name) = match step.task {
        Task::Upload | Task::CopyWithin | Task::CopyThrough | Task::Move(Side::Right) => {
            (&ends.to, step.target())
        }
        Task::Move(Side::Left) => (&ends.from, step.target()),
        Task::SetMetadata(Side::Right) => (&ends.to, step.target()),
        Task::SetMetadata(Side::Left) => (&ends.from, &step.name),
        _ => return Ok(None),
    };
    let Site::Remote(remote) = site else { return Ok(None) };
    Ok(Some((remote, name.key(&remote.prefix)?)))
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

/// Aborts the uploads of this run, or of one of its lives, that its journal does not tell of; returns how many. For the end of a life, too, in which
/// an answer may have been lost.
pub(super) async fn drop_strays(
    record: &Record<'_>,
    plan: &Plan,
    ends: &[Ends],
    created_ns: i64,
) -> Result<u64, ExecuteError> {
    let known: HashSet<String> = record.with_state(known_uploads);
    let created_s = Timestamp::from_nanosecond(i128::from(created_ns)).map_or(i64::MIN, Timestamp::as_second);
    let fail = |error: StoreError| ExecuteError::Step(Arc::new(StepError::Store(error)));
    let mut dropped = 0;
    for (remote, routes) in targets(ends) {
        let mut options = ListUploads { prefix: remote.prefix.clone(), ..ListUploads::default() };
        loop {
            let page = match remote.store.list_uploads(&remote.bucket, &options).await {
                // A service that lists no uploads, or a person who may not: what is not seen is not touched.
                Err(error)
                    if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) =>
                {
                    break;
                }
                page => page.map_err(fail)?,
            };
            // The service tells whole seconds.
            let since = |pending: &PendingUpload| {
                pending.initiated.is_some_and(|initiated| initiated.as_second() >= created_s)
            };
            let candidates: HashMap<ObjectKey, Vec<Upload>> = page
                .uploads
                .into_iter()
                .filter(|pending| since(pending) && !known.contains(&pending.upload.id))
                .fold(HashMap::new(), |mut found, pending| {
                    let Upload { key, .. } = &pending.upload;
                    found.entry(key.clone()).or_insert_with(Vec::new).push(pending.upload);
                    found
                });
            if !candidates.is_empty() {
                // Where another run cannot be read, nobody knows what it may go on with.
                let Some(elsewhere) = record.uploads_elsewhere() else { return Ok(dropped) };
                for upload in planned(plan, ends, &routes, candidates)? {
                    if elsewhere.contains(&upload.id) {
                        continue;
                    }
                    let has_parts = match remote.store.list_parts(&upload, &ListParts::default()).await {
                        Err(error) if matches!(error.kind(), ErrorKind::NotFound(_)) => continue,
                        page => !page.map_err(fail)?.parts.is_empty(),
                    };
                    if !has_parts && abort(&*remote.store, &upload).await.map_err(fail)? {
                        dropped += 1;
                    }
                }
            }
            match page.next {
                Some(next) if Some(&next) != options.after.as_ref() => options.after = Some(next),
                _ => break,
            }
        }
    }
    Ok(dropped)
}

/// Returns every upload that a journal tells of and that is not finished.
pub(super) fn known_uploads(state: &State) -> HashSet<String> {
    let uploads = state.leftovers().filter_map(|(_, begun)| match begun {
        Begun::Upload { upload, .. } => Some(upload.clone()),
        Begun::Download { .. } | Begun::Placed { .. } => None,
    });
    uploads.collect()
}

/// Returns the prefixes that are written to, each once, with the routes that do.
fn targets(ends: &[Ends]) -> Vec<(&Remote, Vec<usize>)> {
    let mut found: Vec<(&Remote, Vec<usize>)> = Vec::new();
    let place = |remote: &Remote| -> (BucketName, String, *const ()) {
        let store = Arc::as_ptr(&remote.store).cast::<()>();
        (remote.bucket.clone(), remote.prefix.to_string(), store)
    };
    for (route, Ends { from, to }) in ends.iter().enumerate() {
        for site in [from, to] {
            let Site::Remote(remote) = site else { continue };
            match found.iter_mut().find(|(other, _)| place(other) == place(remote)) {
                Some((_, routes)) => routes.push(route),
                None => found.push((remote, vec![route])),
            }
        }
    }
    found
}

/// Returns those of the uploads that are to keys which the plan writes.
fn planned(
    plan: &Plan,
    ends: &[Ends],
    routes: &[usize],
    mut candidates: HashMap<ObjectKey, Vec<Upload>>,
) -> Result<Vec<Upload>, ExecuteError> {
    let mut ours = Vec::new();
    for step in plan.steps() {
        let (_, step) = step?;
        let route = step.route as usize;
        if !routes.contains(&route) {
            continue;
        }
        if let Some(ends) = ends.get(route)
            && let Ok(Some((_, key))) = written(&step, ends)
            && let Some(found) = candidates.remove(&key)
        {
            ours.extend(found);
        }
    }
    Ok(ours)
}

#[cfg(test)]
mod tests;

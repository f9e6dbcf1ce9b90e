//! Uploads that a run may have begun without hearing of it: the answer with the ID of a new upload can be lost, with the line or with the process.
//!
//! A service lists the key, the time and the identity that began an upload, and another program may work on the same key at the same time under the same
//! identity; what could be written into an upload to know it by (metadata, tags) is not listed. What can be of the run is this: to a key that it writes, begun
//! since it was, known to no run of this machine, and without a part, since the first part is sent when the journal that has the ID is safe.
//!
//! How many the run has lost is known: as many beginnings as had no answer in this life, and one for each key and each former life, which may have ended in the middle of one. Where
//! there are no more than that they are the run's, and are aborted. Where there are more, somebody else's is among them, and nobody can tell which, as where a journal of this
//! machine is of a newer program: then all of them are told, and a person decides ([`orphans`](super::orphans)). Such an upload holds nothing, and costs nothing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use pintail_core::name::{BucketName, ObjectKey};
use pintail_store::object_store::{ListParts, ListUploads, Upload};
use pintail_store::{ErrorKind, StoreError};

use super::cancel::abort;
use super::running::Record;
use super::{ExecuteError, StepError};
use crate::diff::Side;
use crate::journal::{Begun, State};
use crate::plan::{Place, Plan, Step, Task};
use crate::site::{Ends, Remote, Site};

/// An unfinished upload that a run may have begun, or another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The bookmark by which the run reaches it.
    pub bookmark: String,
    /// The upload.
    pub upload: Upload,
}

/// How many uploads a run may have begun without hearing of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost {
    /// Beginnings of this life that had no answer.
    pub(super) now: u64,
    /// Lives that ended before: each may have been in the middle of one beginning for each key.
    pub(super) lives: u64,
}

/// Aborts the strays of a run if they are all its own, and returns those that are left: some are somebody else's, or they cannot be aborted.
pub(super) async fn settle(
    record: &Record<'_>,
    plan: &Plan,
    ends: &[Ends],
    lost: Lost,
) -> Result<Vec<Stray>, ExecuteError> {
    let (found, certain) = find(record, plan, ends).await?;
    let keys: BTreeSet<_> =
        found.iter().map(|(_, stray)| (&stray.upload.bucket, &stray.upload.key)).collect();
    let ours = lost.now + lost.lives * keys.len() as u64;
    if !certain || found.len() as u64 > ours {
        return Ok(found.into_iter().map(|(_, stray)| stray).collect());
    }
    let mut left = Vec::new();
    for (remote, stray) in found {
        if abort(&*remote.store, &stray.upload).await.is_err() {
            left.push(stray);
        }
    }
    Ok(left)
}

/// Finds the strays of a run, without a change to any; none where there is no journal, or where uploads cannot be listed. Tells as well whether it is certain
/// that no other run of this machine knows them.
async fn find<'e>(
    record: &Record<'_>,
    plan: &Plan,
    ends: &'e [Ends],
) -> Result<(Vec<(&'e Remote, Stray)>, bool), ExecuteError> {
    let Some(created) = record.created() else { return Ok((Vec::new(), true)) };
    let known: HashSet<String> = record.with_state(known_uploads);
    let fail = |error: StoreError| ExecuteError::Step(Arc::new(StepError::Store(error)));
    let (mut found, mut certain) = (Vec::new(), true);
    for (remote, routes) in targets(ends) {
        let mut unknown = begun_since(remote, created).await.map_err(fail)?;
        unknown.retain(|upload| !known.contains(&upload.id));
        if unknown.is_empty() {
            continue;
        }
        match record.uploads_elsewhere() {
            Some(elsewhere) => unknown.retain(|upload| !elsewhere.contains(&upload.id)),
            None => certain = false,
        }
        for stray in planned(plan, ends, &routes, unknown)? {
            if is_empty(remote, &stray.upload).await.map_err(fail)? {
                found.push((remote, stray));
            }
        }
    }
    Ok((found, certain))
}

/// Lists the unfinished uploads below a prefix that were begun since a moment.
async fn begun_since(remote: &Remote, since: Timestamp) -> Result<Vec<Upload>, StoreError> {
    let mut found = Vec::new();
    let mut options = ListUploads { prefix: remote.prefix.clone(), ..ListUploads::default() };
    loop {
        let page = match remote.store.list_uploads(&remote.bucket, &options).await {
            // A service that lists no uploads, or a person who may not.
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                return Ok(found);
            }
            page => page?,
        };
        let since =
            page.uploads.into_iter().filter(|pending| pending.initiated.is_some_and(|at| at >= since));
        found.extend(since.map(|pending| pending.upload));
        match page.next {
            Some(next) if Some(&next) != options.after.as_ref() => options.after = Some(next),
            _ => return Ok(found),
        }
    }
}

/// Tells whether an upload is there and has no part.
async fn is_empty(remote: &Remote, upload: &Upload) -> Result<bool, StoreError> {
    match remote.store.list_parts(upload, &ListParts::default()).await {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound(_)) => Ok(false),
        page => Ok(page?.parts.is_empty()),
    }
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
    uploads: Vec<Upload>,
) -> Result<Vec<Stray>, ExecuteError> {
    let mut by_key: HashMap<ObjectKey, Vec<Upload>> = HashMap::new();
    for upload in uploads {
        by_key.entry(upload.key.clone()).or_default().push(upload);
    }
    let mut found = Vec::new();
    for step in plan.steps() {
        let (_, step) = step?;
        let route = step.route as usize;
        if routes.contains(&route)
            && let Ok(Some((side, _, key))) = written(&step, &ends[route])
            && let Some(uploads) = by_key.remove(&key)
        {
            let route = &plan.routes()[route];
            let place = if side == Side::Left { &route.from } else { &route.to };
            let Place::Remote { bookmark, .. } = place else { continue };
            found.extend(uploads.into_iter().map(|upload| Stray { bookmark: bookmark.clone(), upload }));
        }
    }
    Ok(found)
}

/// Returns the object that a step writes and the side it is on, `None` for steps that write none in parts.
pub(super) fn written<'a>(
    step: &Step,
    ends: &'a Ends,
) -> Result<Option<(Side, &'a Remote, ObjectKey)>, StepError> {
    let (side, name) = match step.task {
        Task::Upload | Task::CopyWithin | Task::CopyThrough => (Side::Right, step.target()),
        Task::Move(side) => (side, step.target()),
        Task::SetMetadata(Side::Right) => (Side::Right, step.target()),
        Task::SetMetadata(Side::Left) => (Side::Left, &step.name),
        _ => return Ok(None),
    };
    let site = if side == Side::Left { &ends.from } else { &ends.to };
    let Site::Remote(remote) = site else { return Ok(None) };
    Ok(Some((side, remote, name.key(&remote.prefix)?)))
}

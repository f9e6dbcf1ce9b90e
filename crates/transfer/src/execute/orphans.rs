//! Uploads at a service that no run of this machine is going to finish: what they are, what they hold, and how they are taken away.
//!
//! The service keeps the parts of an upload, and counts them, until it is completed or aborted. Which uploads are ours is told by the journals
//! alone: a service lists nothing by which one could be told from another program's, which may be at work at this moment. So each is told with the run
//! that began it, or with none; nothing is aborted here that was not chosen.

use std::collections::HashMap;

use jiff::Timestamp;
use pintail_store::StoreError;
use pintail_store::object_store::{ListParts, ListUploads, ObjectStore, Upload};

use crate::journal::{Begun, Condition, Outcome, RegistryError, RunId, Runs};
use crate::site::Remote;

/// An upload that no run of this machine is going to finish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The upload.
    pub upload: Upload,
    /// When it was begun, as far as the service says.
    pub initiated: Option<Timestamp>,
    /// How many parts it has.
    pub parts: u64,
    /// The bytes of its parts, as far as the service says.
    pub size_bytes: u64,
    /// The run that began it, `None` where no journal of this machine knows it: then it is not ours, or its run was cleaned away.
    pub run: Option<RunId>,
}

/// Why uploads cannot be looked for.
#[derive(Debug, thiserror::Error)]
pub enum OrphansError {
    /// The service refused or could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The runs of this machine cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl OrphansError {
    /// Tells whether the same could succeed later.
    pub fn retry(&self) -> pintail_core::retry::Retry {
        match self {
            Self::Store(error) => error.retry(),
            Self::Registry(error) => error.retry(),
        }
    }
}

/// What a run is going to do about an upload.
enum Fate {
    /// It goes on with it, now or when it is resumed.
    Finished,
    /// Nothing.
    Left(RunId),
}

/// Lists the uploads below a prefix that no run of this machine is going to finish. Costs a request for a thousand of them, and one for each.
///
/// An upload of a run that is at work, or can be resumed, is none of them.
///
/// # Errors
/// When the uploads cannot be listed, or a run cannot be read.
pub async fn orphans(remote: &Remote, runs: &Runs) -> Result<Vec<Orphan>, OrphansError> {
    // Listed first: an upload that is begun afterwards is in no list, and one that was begun before is in its journal or has no part.
    let mut pending = Vec::new();
    let mut options = ListUploads { prefix: remote.prefix.clone(), ..ListUploads::default() };
    loop {
        let page = remote.store.list_uploads(&remote.bucket, &options).await?;
        pending.extend(page.uploads);
        match page.next {
            Some(next) if Some(&next) != options.after.as_ref() => options.after = Some(next),
            _ => break,
        }
    }
    let fates = if pending.is_empty() { HashMap::new() } else { fates(runs)? };
    let mut found = Vec::new();
    for pending in pending {
        let run = match fates.get(&pending.upload.id) {
            Some(Fate::Finished) => continue,
            Some(Fate::Left(run)) => Some(run.clone()),
            None => None,
        };
        let Some((parts, size_bytes)) = weigh(&*remote.store, &pending.upload).await? else { continue };
        found.push(Orphan { upload: pending.upload, initiated: pending.initiated, parts, size_bytes, run });
    }
    Ok(found)
}

/// Aborts uploads that were chosen. Returns what became of each: whether it still was there.
pub async fn abort(remote: &Remote, uploads: &[Upload]) -> Vec<Result<bool, StoreError>> {
    let mut outcomes = Vec::with_capacity(uploads.len());
    for upload in uploads {
        outcomes.push(super::cancel::abort(&*remote.store, upload).await);
    }
    outcomes
}

/// Reads from all journals what becomes of the uploads that they tell of.
fn fates(runs: &Runs) -> Result<HashMap<String, Fate>, OrphansError> {
    let mut fates = HashMap::new();
    for listed in runs.list()? {
        let goes_on = match &listed.condition {
            Condition::Running | Condition::Stopped => true,
            Condition::Ended(_, outcome) => matches!(outcome, Outcome::Failed | Outcome::Interrupted),
            // It had begun nothing, or nothing of it can be known: then its uploads are told as nobody's.
            Condition::NotBegun | Condition::Unreadable(_) => continue,
        };
        let recorded = match runs.show(&listed.id) {
            // Swept away since it was listed.
            Err(RegistryError::NoSuchRun(_)) => continue,
            recorded => recorded?,
        };
        for orphan in recorded.state.orphans() {
            if let Begun::Upload { upload, .. } = &orphan.begun {
                fates.entry(upload.clone()).or_insert_with(|| Fate::Left(listed.id.clone()));
            }
        }
        for (step, begun) in recorded.state.leftovers() {
            let Begun::Upload { upload, .. } = begun else { continue };
            let is_current = recorded.state.begun(step) == Some(begun);
            let fate = if goes_on && is_current { Fate::Finished } else { Fate::Left(listed.id.clone()) };
            fates.insert(upload.clone(), fate);
        }
    }
    Ok(fates)
}

/// Counts the parts of an upload and their bytes, `None` when it is gone.
async fn weigh(store: &dyn ObjectStore, upload: &Upload) -> Result<Option<(u64, u64)>, StoreError> {
    let (mut parts, mut size_bytes, mut options) = (0, 0, ListParts::default());
    loop {
        let page = match store.list_parts(upload, &options).await {
            Err(error) if matches!(error.kind(), pintail_store::ErrorKind::NotFound(_)) => return Ok(None),
            page => page?,
        };
        parts += page.parts.len() as u64;
        size_bytes += page.parts.iter().filter_map(|part| part.size_bytes).sum::<u64>();
        match page.next {
            Some(next) if Some(next) > options.after => options.after = Some(next),
            _ => return Ok(Some((parts, size_bytes))),
        }
    }
}

//! Moves: the deletion of a source whose copy is at its place, proved and safe.
//!
//! A source that is not what was copied any more stays, and its step fails: nobody's change is lost.

use pintail_core::name::ObjectKey;
use pintail_store::object_store::{Delete, ETag, Head};
use pintail_store::{ErrorKind, StoreError};

use super::running::{End, Shared};
use super::step::{Done, StepFailure, Tries};
use super::{StepError, same};
use crate::entry::Tag;
use crate::fingerprint::Fingerprint;
use crate::journal::Proof;
use crate::local::LocalError;
use crate::name::Platform;
use crate::plan::Step;
use crate::policy::Guard;
use crate::site::Remote;

/// What was copied.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) size_bytes: u64,
    pub(super) proof: Option<Proof>,
    pub(super) source: Option<Fingerprint>,
    pub(super) tag: Option<Tag>,
}

/// Deletes the source of a step. One that is gone is no error.
pub(super) async fn source(shared: &Shared<'_>, step: &Step, taken: &Taken) -> Result<Done, StepFailure> {
    match shared.ends(step).0 {
        End::Local(folder) => {
            let path = step.name.path(Platform::HERE)?;
            let full = folder.path().join(&path);
            let looked = if step.link { std::fs::symlink_metadata(&full) } else { std::fs::metadata(&full) };
            let now = match looked {
                Ok(metadata) => Fingerprint::of(&metadata),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Done::Changed),
                Err(error) => return Err(LocalError::new("look at", &full, error).into()),
            };
            if !taken.source.is_some_and(|copied| copied.is_same_content(&now)) {
                return Err(StepError::SourceChanged(full.display().to_string()).into());
            }
            folder.target()?.remove_file(&path, &Guard::None)?;
        }
        End::Remote(remote) => {
            let key = step.name.key(&remote.prefix)?;
            let _place = shared.places.small().await;
            object(shared, remote, &key, taken).await?;
        }
        End::Stdio => {}
    }
    Ok(Done::Changed)
}

async fn object(shared: &Shared<'_>, at: &Remote, key: &ObjectKey, taken: &Taken) -> Result<(), StepFailure> {
    let changed = || StepError::SourceChanged(format!("s3://{}/{key}", at.bucket));
    // Not every service looks at the condition of a deletion, and some refuse it: the state is asked right before.
    let Some(info) = same::look(shared, at, key, &Head::default()).await? else { return Ok(()) };
    let copied = taken.tag.as_ref().map(Tag::etag);
    let is_same = info.size_bytes == taken.size_bytes && (copied.is_none() || info.etag == copied);
    if !is_same {
        return Err(changed().into());
    }
    let mut if_match: Option<ETag> = copied;
    let mut tries = Tries::new(shared);
    loop {
        let delete = Delete { if_match: if_match.clone(), ..Delete::default() };
        match at.store.delete(&at.bucket, key, &delete).await {
            Ok(_) => return Ok(()),
            Err(error) if *error.kind() == ErrorKind::PreconditionFailed => return Err(changed().into()),
            Err(error) if if_match.is_some() && knows_no_condition(&error) => if_match = None,
            Err(error) if tries.again(&error).await => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn knows_no_condition(error: &StoreError) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidRequest)
}

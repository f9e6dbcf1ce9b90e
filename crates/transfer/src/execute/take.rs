//! Moves: the deletion of a source whose copy is at its place, proved and safe.
//!
//! A source that is not what was copied any more stays, and its step fails: nobody's change is lost. A life that goes on looks at the copy first: one that is gone
//! or is another one is made again, like any other.

use std::path::Path;

use pintail_core::checksum::Algorithm;
use pintail_core::name::ObjectKey;
use pintail_store::object_store::{Delete, ETag, Head};
use pintail_store::{ErrorKind, Missing, StoreError};

use super::download::file_checksum;
use super::failure::again;
use super::object::Located;
use super::origin::Origin;
use super::running::{End, Shared};
use super::step::{Done, StepFailure, Tries};
use super::upload_parts::whole_checksum;
use super::{StepError, same, traits, verify};
use crate::entry::Tag;
use crate::fingerprint::Fingerprint;
use crate::journal::Proof;
use crate::local::{LocalError, SourceError};
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
            let Some(now) = state_of(&full, step)? else { return Ok(Done::Changed) };
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

/// Returns the state of a file, `None` where there is none.
fn state_of(file: &Path, step: &Step) -> Result<Option<Fingerprint>, LocalError> {
    let looked = if step.link { std::fs::symlink_metadata(file) } else { std::fs::metadata(file) };
    match looked {
        Ok(metadata) => Ok(Some(Fingerprint::of(&metadata))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LocalError::new("look at", file, error)),
    }
}

/// Tells whether the copy that a former life made is still at its place, byte for byte. Where the source is gone or another one it says so as well, since
/// [`source`] decides about that. A link is never said to be there: it is made again as fast.
pub(super) async fn is_placed(shared: &Shared<'_>, step: &Step, taken: &Taken) -> Result<bool, StepFailure> {
    let _place = shared.places.small().await;
    let tag = taken.tag.as_ref().map(Tag::etag);
    match shared.ends(step) {
        (End::Local(from), End::Remote(to)) => {
            let full = from.path().join(step.name.path(Platform::HERE)?);
            let (Some(copied), Some(now)) = (taken.source, state_of(&full, step)?) else { return Ok(true) };
            if !copied.is_same_content(&now) {
                return Ok(true);
            }
            let source = match Origin::of(from, step)?.open() {
                Err(SourceError::Link(_)) if step.link => return Ok(false),
                source => source?,
            };
            let checksum = async |algorithm| whole_checksum(&source, algorithm).await;
            let key = step.target().key(&to.prefix)?;
            same::object(shared, to, &key, taken.size_bytes, checksum).await
        }
        (End::Remote(from), End::Local(to)) => {
            let source = Located::at(from, &step.name)?;
            let info = match again(shared, || async { Ok(source.look(tag.as_ref()).await?) }).await {
                Err(failure) if is_of_another(&failure) => return Ok(true),
                looked => looked?,
            };
            if step.link && traits::is_link(&info) {
                return Ok(false);
            }
            let path = step.target().path(Platform::HERE)?;
            let Some(file) = to.target()?.open_file(&path)? else { return Ok(false) };
            let error = |error| LocalError::new("read", &to.path().join(&path), error);
            let size_bytes = file.metadata().map_err(error)?.len();
            if size_bytes != info.size_bytes {
                return Ok(false);
            }
            let kept = match info.checksum.filter(|checksum| checksum.parts().is_none()) {
                Some(kept) => kept,
                None => verify::read(shared, from, &source.key, info.etag, Algorithm::Crc64Nvme).await?,
            };
            Ok(file_checksum(&file, size_bytes, kept.algorithm()).await.map_err(error)? == kept)
        }
        (End::Remote(from), End::Remote(to)) => {
            let (source, target) = (Located::at(from, &step.name)?, Located::at(to, step.target())?);
            let of = match again(shared, || async { Ok(source.look(tag.as_ref()).await?) }).await {
                Err(failure) if is_of_another(&failure) => return Ok(true),
                looked => looked?,
            };
            let is = match again(shared, || async { Ok(target.look(None).await?) }).await {
                Err(failure) if is_of_another(&failure) => return Ok(false),
                looked => looked?,
            };
            target.has_bytes_of(&is, &source, &of).await
        }
        _ => Ok(true),
    }
}

/// Tells whether what was looked for is gone, or not in the state that was named.
fn is_of_another(failure: &StepFailure) -> bool {
    matches!(failure.kind(), Some(ErrorKind::NotFound(_) | ErrorKind::PreconditionFailed))
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
    let mut may_be_done = false;
    loop {
        let delete = Delete { if_match: if_match.clone(), ..Delete::default() };
        match at.store.delete(&at.bucket, key, &delete).await {
            Ok(_) => return Ok(()),
            Err(error) if *error.kind() == ErrorKind::NotFound(Missing::Object) => return Ok(()),
            Err(error) if *error.kind() == ErrorKind::PreconditionFailed => {
                // The attempt before, whose answer was lost, may have deleted it.
                let is_gone = may_be_done && same::look(shared, at, key, &Head::default()).await?.is_none();
                return if is_gone { Ok(()) } else { Err(changed().into()) };
            }
            Err(error) if if_match.is_some() && knows_no_condition(&error) => if_match = None,
            Err(error) if tries.again(&error).await => may_be_done = true,
            Err(error) => return Err(error.into()),
        }
    }
}

fn knows_no_condition(error: &StoreError) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidRequest)
}

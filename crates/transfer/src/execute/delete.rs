//! Deletions: in batches at a service, one by one in a folder.
//!
//! A service deletes up to 1,000 objects with one request and tells of each; several batches are under way at once. **What is checked:** an object that a plan deletes is one that
//! the plan's listing had. A batch names keys and no states, so that what was written over such an object since the listing is deleted with it; who
//! must not lose that keeps versions in the bucket. Where one object is deleted because its copy is proved, its state is named ([`delete_object`]). A file is
//! deleted only if it still is what was looked at. What is gone already is no failure.
//!
//! A folder is removed only if nothing is in it; whoever calls lets what is in it go first.

use futures_util::StreamExt;
use pintail_core::name::ObjectKey;
use pintail_core::retry::Retry;
use pintail_store::object_store::{Delete, DeleteItem};
use pintail_store::{ErrorKind, Operation, StoreError};

use super::StepError;
use super::failure::again;
use super::object::Located;
use super::running::{Folder, Shared};
use super::step::{Done, StepFailure, Tries};
use crate::entry::Tag;
use crate::name::Platform;
use crate::plan::Step;
use crate::site::Remote;

/// Deletes the objects of up to 1,000 steps of one route and side. What became of each comes in their order.
pub(super) async fn remote(
    shared: &Shared<'_>,
    at: &Remote,
    batch: &[(u64, Step)],
) -> Vec<Result<Done, StepFailure>> {
    let mut outcomes: Vec<Option<Result<Done, StepFailure>>> = batch.iter().map(|_| None).collect();
    let mut left: Vec<(usize, ObjectKey)> = Vec::with_capacity(batch.len());
    for (index, (_, step)) in batch.iter().enumerate() {
        match step.name.key(&at.prefix) {
            Ok(key) => left.push((index, key)),
            Err(refusal) => outcomes[index] = Some(Err(refusal.into())),
        }
    }
    let mut tries = Tries::new(shared);
    while !left.is_empty() && !shared.halt.is_asked() {
        let items: Vec<DeleteItem> = left.iter().map(|(_, key)| key.clone().into()).collect();
        let place = shared.places.small().await;
        let answer = at.store.delete_many(&at.bucket, &items).await;
        drop(place);
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if *error.kind() == ErrorKind::Unsupported => {
                one_by_one(shared, at, &left, &mut outcomes).await;
                break;
            }
            Err(error) => {
                if !tries.again(&error).await {
                    for (index, key) in left.drain(..) {
                        let error = same_error(&error).at(&at.bucket, Some(&key));
                        outcomes[index] = Some(Err(error.into()));
                    }
                }
                continue;
            }
        };
        // One for each item, says the store; an item without one was not deleted for all that is known.
        let mut answer = answer.into_iter();
        let mut refused = Vec::new();
        for (index, key) in left.drain(..) {
            match answer.next() {
                Some(Ok(_)) => outcomes[index] = Some(Ok(Done::Changed)),
                Some(Err(error)) => refused.push((index, key, error)),
                None => {
                    let error = StoreError::new(ErrorKind::BadAnswer, Operation::DeleteMany);
                    outcomes[index] = Some(Err(error.at(&at.bucket, Some(&key)).into()));
                }
            }
        }
        // What could succeed a moment later is asked for again, together.
        let waited = match refused.iter().find(|(.., error)| passes(error)) {
            Some((.., error)) => tries.again(error).await,
            None => false,
        };
        for (index, key, error) in refused {
            if waited && passes(&error) {
                left.push((index, key));
            } else {
                outcomes[index] = Some(Err(error.into()));
            }
        }
    }
    outcomes.into_iter().map(|outcome| outcome.unwrap_or(Err(StepFailure::Stopped))).collect()
}

/// Deletes the file of a step if it still is what was looked at, or its folder if nothing is in it: one that holds something stays, and the step needs nothing.
pub(super) fn local(at: &Folder, step: &Step) -> Result<Done, StepFailure> {
    let path = step.name.path(Platform::HERE)?;
    if !step.name.is_folder() {
        at.target()?.remove_file(&path, &step.guard)?;
        return Ok(Done::Changed);
    }
    Ok(if at.target()?.remove_empty_folder(&path)? { Done::Changed } else { Done::Skipped })
}

fn passes(error: &StoreError) -> bool {
    matches!(error.retry(), Retry::Backoff | Retry::After(_))
}

/// Deletes an object if it is in a state.
pub(super) async fn delete_object(
    shared: &Shared<'_>,
    object: &Located,
    tag: Option<&Tag>,
) -> Result<(), StepFailure> {
    let Located { store, bucket, key } = object;
    let _place = shared.places.small().await;
    let options = Delete { if_match: tag.map(Tag::etag), version: None };
    let deleted = again(shared, || async { Ok(store.delete(bucket, key, &options).await?) }).await;
    match deleted {
        Ok(_) => Ok(()),
        Err(failure) => match failure.kind() {
            Some(ErrorKind::NotFound(pintail_store::Missing::Object)) => Ok(()),
            Some(ErrorKind::PreconditionFailed) => Err(StepError::SourceChanged(object.words()).into()),
            // It deletes under no condition: then the state is looked at right before.
            Some(ErrorKind::Unsupported | ErrorKind::InvalidRequest) if tag.is_some() => {
                match object.look(tag.map(Tag::etag).as_ref()).await {
                    Err(error) if matches!(error.kind(), ErrorKind::NotFound(_)) => return Ok(()),
                    Err(error) if *error.kind() == ErrorKind::PreconditionFailed => {
                        return Err(StepError::SourceChanged(object.words()).into());
                    }
                    looked => looked?,
                };
                again(shared, || async { Ok(store.delete(bucket, key, &Delete::default()).await?) }).await?;
                Ok(())
            }
            _ => Err(failure),
        },
    }
}

/// For services that know no deletion of many.
async fn one_by_one(
    shared: &Shared<'_>,
    at: &Remote,
    left: &[(usize, ObjectKey)],
    outcomes: &mut [Option<Result<Done, StepFailure>>],
) {
    let mut under_way = futures_util::stream::iter(left)
        .map(|(index, key)| async move {
            if shared.halt.is_asked() {
                return (*index, Err(StepFailure::Stopped));
            }
            let _place = shared.places.small().await;
            let deleted =
                again(shared, || async { Ok(at.store.delete(&at.bucket, key, &Delete::default()).await?) });
            (*index, deleted.await.map(|_| Done::Changed))
        })
        .buffer_unordered(shared.options.connections_max.max(1));
    while let Some((index, outcome)) = under_way.next().await {
        outcomes[index] = Some(outcome);
    }
}

/// Makes an error again: one answer was for many keys.
fn same_error(error: &StoreError) -> StoreError {
    let same = StoreError::new(error.kind().clone(), error.operation()).because(error.to_string());
    match error.code() {
        Some(code) => same.with_code(code),
        None => same,
    }
}

#[cfg(test)]
mod tests;

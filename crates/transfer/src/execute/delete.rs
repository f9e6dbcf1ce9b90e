//! Deletions: in batches at a service, one by one in a folder.
//!
//! A service deletes up to 1,000 objects with one request and tells of each; several batches are under way at once. **What is checked:** an object that the plan saw in a
//! state is deleted in that state alone. The batch names it (`ETag` of `DeleteObjects`), and the service compares. Not every service does: some refuse such a batch, and some
//! delete whatever is there. So where the plan is older than a minute, or a former life of the run was there, each object is looked at first as well; where the service
//! refuses the condition, or whoever asks may delete and list but not read, each is looked at and then deleted without one. A file is deleted only if it still is what was
//! looked at. What is gone already is no failure.
//!
//! A folder is removed only if nothing is in it; whoever calls lets what is in it go first.

use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use pintail_core::name::ObjectKey;
use pintail_core::retry::Retry;
use pintail_store::object_store::{Delete, DeleteItem, Head, List};
use pintail_store::{ErrorKind, Operation, StoreError};

use super::failure::again;
use super::object::Located;
use super::running::{Folder, Shared};
use super::step::{Done, StepFailure, Tries};
use super::{StepError, same};
use crate::entry::{Modified, Tag};
use crate::name::Platform;
use crate::plan::Step;
use crate::policy::Guard;
use crate::site::Remote;

/// A plan as old as this saw what may be another object by now.
const LATE: SignedDuration = SignedDuration::from_mins(1);

/// One object of a batch.
struct Doomed<'a> {
    index: usize,
    guard: &'a Guard,
    item: DeleteItem,
}

/// What became of the steps of a batch.
type Outcomes = [Option<Result<Done, StepFailure>>];

/// Deletes the objects of up to 1,000 steps of one route and side. What became of each comes in their order.
pub(super) async fn remote(
    shared: &Shared<'_>,
    at: &Remote,
    batch: &[(u64, Step)],
) -> Vec<Result<Done, StepFailure>> {
    let mut outcomes: Vec<Option<Result<Done, StepFailure>>> = batch.iter().map(|_| None).collect();
    let mut left: Vec<Doomed<'_>> = Vec::with_capacity(batch.len());
    for (index, (_, step)) in batch.iter().enumerate() {
        match step.name.key(&at.prefix) {
            Ok(key) => {
                let if_match = tag_of(&step.guard).map(Tag::etag);
                let item = DeleteItem { if_match, ..DeleteItem::from(key) };
                left.push(Doomed { index, guard: &step.guard, item });
            }
            Err(refusal) => outcomes[index] = Some(Err(refusal.into())),
        }
    }
    let is_late = shared.record.is_late(shared.context.clock.now(), LATE);
    // A state that is no tag can be looked at only.
    let (unsure, sure): (Vec<_>, Vec<_>) = left.into_iter().partition(|doomed| match doomed.guard {
        Guard::Match(_) => is_late,
        Guard::Unchanged { .. } => true,
        Guard::None | Guard::Absent => false,
    });
    left = sure;
    left.extend(looked_at(shared, at, unsure, &mut outcomes).await);
    let mut tries = Tries::new(shared);
    while !left.is_empty() && !shared.halt.is_asked() {
        let items: Vec<DeleteItem> = left.iter().map(|doomed| doomed.item.clone()).collect();
        let place = shared.places.small().await;
        let answer = at.store.delete_many(&at.bucket, &items).await;
        drop(place);
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if knows_no_condition(&error) && items.iter().any(|item| item.if_match.is_some()) => {
                left = without_condition(shared, at, left, &mut outcomes).await;
                continue;
            }
            Err(error) if *error.kind() == ErrorKind::Unsupported => {
                one_by_one(shared, at, &left, &mut outcomes).await;
                break;
            }
            Err(error) => {
                if !tries.again(&error).await {
                    for Doomed { index, item, .. } in left.drain(..) {
                        let error = same_error(&error).at(&at.bucket, Some(&item.key));
                        outcomes[index] = Some(Err(error.into()));
                    }
                }
                continue;
            }
        };
        // One for each item, says the store; an item without one was not deleted for all that is known.
        let mut answer = answer.into_iter();
        let (mut refused, mut unread) = (Vec::new(), Vec::new());
        for doomed in left.drain(..) {
            let is_conditional = doomed.item.if_match.is_some();
            match answer.next() {
                Some(Ok(_)) => outcomes[doomed.index] = Some(Ok(Done::Changed)),
                Some(Err(error)) if is_conditional && *error.kind() == ErrorKind::PreconditionFailed => {
                    outcomes[doomed.index] = Some(Err(changed(at, &doomed.item.key)));
                }
                Some(Err(error))
                    if is_conditional
                        && (knows_no_condition(&error) || *error.kind() == ErrorKind::PermissionDenied) =>
                {
                    unread.push(doomed);
                }
                Some(Err(error)) => refused.push((doomed, error)),
                None => {
                    let error = StoreError::new(ErrorKind::BadAnswer, Operation::DeleteMany);
                    outcomes[doomed.index] = Some(Err(error.at(&at.bucket, Some(&doomed.item.key)).into()));
                }
            }
        }
        left = without_condition(shared, at, unread, &mut outcomes).await;
        // What could succeed a moment later is asked for again, together.
        let waited = match refused.iter().find(|(.., error)| passes(error)) {
            Some((.., error)) => tries.again(error).await,
            None => false,
        };
        for (doomed, error) in refused {
            if waited && passes(&error) {
                left.push(doomed);
            } else {
                outcomes[doomed.index] = Some(Err(error.into()));
            }
        }
    }
    outcomes.into_iter().map(|outcome| outcome.unwrap_or(Err(StepFailure::Stopped))).collect()
}

fn tag_of(guard: &Guard) -> Option<&Tag> {
    match guard {
        Guard::Match(tag) => Some(tag),
        Guard::None | Guard::Absent | Guard::Unchanged { .. } => None,
    }
}

fn changed(at: &Remote, key: &ObjectKey) -> StepFailure {
    StepError::Changed(format!("s3://{}/{key}", at.bucket)).into()
}

/// Looks at objects, and leaves those that are what the plan saw.
async fn looked_at<'a>(
    shared: &Shared<'_>,
    at: &Remote,
    doomed: Vec<Doomed<'a>>,
    outcomes: &mut Outcomes,
) -> Vec<Doomed<'a>> {
    let looks = futures_util::stream::iter(doomed).map(|doomed| async move {
        if shared.halt.is_asked() {
            return (doomed, Err(StepFailure::Stopped));
        }
        let looked = look(shared, at, &doomed).await;
        (doomed, looked)
    });
    let mut looks = std::pin::pin!(looks.buffered(shared.options.connections_max.max(1)));
    let mut left = Vec::new();
    while let Some((doomed, looked)) = looks.next().await {
        match looked {
            Ok(true) => left.push(doomed),
            // It is gone already.
            Ok(false) => outcomes[doomed.index] = Some(Ok(Done::Changed)),
            Err(failure) => outcomes[doomed.index] = Some(Err(failure)),
        }
    }
    left
}

/// The same, for a deletion that then goes without a condition.
async fn without_condition<'a>(
    shared: &Shared<'_>,
    at: &Remote,
    doomed: Vec<Doomed<'a>>,
    outcomes: &mut Outcomes,
) -> Vec<Doomed<'a>> {
    let mut left = looked_at(shared, at, doomed, outcomes).await;
    left.iter_mut().for_each(|doomed| doomed.item.if_match = None);
    left
}

/// Tells whether an object is there, and fails where it is not the one that the plan saw.
async fn look(shared: &Shared<'_>, at: &Remote, doomed: &Doomed<'_>) -> Result<bool, StepFailure> {
    let key = &doomed.item.key;
    let (store, bucket) = (&at.store, &at.bucket);
    let _place = shared.places.small().await;
    let found = match same::look(shared, at, key, &Head::default()).await {
        // Who may list may not always read.
        Err(error) if *error.kind() == ErrorKind::PermissionDenied => {
            let prefix = key.as_str().parse().map_err(|_| error)?;
            let only = List { prefix, max: Some(1), ..List::default() };
            let page = again(shared, || async { Ok(store.list(bucket, &only).await?) }).await?;
            let found = page.objects.into_iter().find(|object| object.key == *key);
            found.map(|object| (object.etag, object.size_bytes, Some(object.last_modified)))
        }
        looked => looked?.map(|info| (info.etag, info.size_bytes, info.last_modified)),
    };
    let Some((etag, size_bytes, written)) = found else { return Ok(false) };
    let second = |time: Modified| time.timestamp().map(Timestamp::as_second);
    let is_same = match doomed.guard {
        Guard::Match(tag) => etag.is_none_or(|etag| Tag::of(&etag) == *tag),
        Guard::Unchanged { size_bytes: seen, modified } => {
            size_bytes == *seen && written.map(Timestamp::as_second) == second(*modified)
        }
        Guard::None | Guard::Absent => true,
    };
    if is_same { Ok(true) } else { Err(changed(at, key)) }
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

fn knows_no_condition(error: &StoreError) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidRequest)
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
async fn one_by_one(shared: &Shared<'_>, at: &Remote, left: &[Doomed<'_>], outcomes: &mut Outcomes) {
    let mut under_way = futures_util::stream::iter(left)
        .map(|doomed| async move {
            if shared.halt.is_asked() {
                return (doomed.index, Err(StepFailure::Stopped));
            }
            let key = &doomed.item.key;
            let _place = shared.places.small().await;
            let deleted =
                again(shared, || async { Ok(at.store.delete(&at.bucket, key, &Delete::default()).await?) });
            (doomed.index, deleted.await.map(|_| Done::Changed))
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

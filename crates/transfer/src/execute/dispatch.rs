//! From a step to the function that carries it out.

use super::object::ObjectCopy;
use super::running::{End, Shared};
use super::step::{Done, StepFailure};
use super::within::ONE_REQUEST_MAX_BYTES;
use super::{download, folder, metadata, rename, stdio, upload};
use crate::diff::Side;
use crate::journal::Begun;
use crate::plan::{Step, Task};

/// Carries out one step, but for deletions, which come in batches.
pub(super) async fn carry_out(
    shared: &Shared<'_>,
    number: u64,
    step: &Step,
    begun: Option<Begun>,
) -> Result<Done, StepFailure> {
    let (from, to) = shared.ends(step);
    let at = |side: Side| shared.side(step, side);
    match (&step.task, from, to) {
        (Task::Upload, End::Local(from), End::Remote(to)) => {
            upload::file(shared, from, to, number, step, begun).await
        }
        (Task::Upload, End::Stdio, End::Remote(to)) => {
            Box::pin(stdio::upload(shared, to, number, step, begun)).await
        }
        (Task::Download, End::Remote(from), End::Local(to)) => {
            download::file(shared, from, to, number, step, begun).await
        }
        (Task::Download, End::Remote(from), End::Stdio) => {
            Box::pin(stdio::download(shared, from, step)).await
        }
        (Task::CopyWithin, End::Remote(from), End::Remote(to)) => {
            let copy = ObjectCopy::of(shared, from, to, number, step)?;
            Box::pin(copy.within(ONE_REQUEST_MAX_BYTES, begun.as_ref())).await
        }
        (Task::CopyThrough, End::Remote(from), End::Remote(to)) => {
            let copy = ObjectCopy::of(shared, from, to, number, step)?;
            Box::pin(copy.through(begun.as_ref())).await
        }
        (Task::MakeFolder(side), ..) => match at(*side) {
            End::Local(at) => folder::make_local(at, step),
            End::Remote(at) => folder::make_remote(shared, at, step).await,
            End::Stdio => Ok(Done::Skipped),
        },
        (Task::Move(side), ..) => match at(*side) {
            End::Local(at) => rename::local(at, step),
            End::Remote(at) => Box::pin(rename::remote(shared, at, number, step, begun.as_ref())).await,
            End::Stdio => Ok(Done::Skipped),
        },
        (Task::SetMetadata(side), ..) => match at(*side) {
            End::Local(target) => metadata::local(shared, target, at(side.other()), *side, step).await,
            End::Remote(target) => {
                metadata::remote(shared, target, at(side.other()), *side, number, step, begun.as_ref()).await
            }
            End::Stdio => Ok(Done::Skipped),
        },
        // No plan has a copy between such ends.
        _ => Ok(Done::Skipped),
    }
}

//! The deletions of a plan, after everything else: in batches at a service, several at once; one by one in a folder, what is in a folder before it.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::delete;
use super::running::{End, Shared};
use super::schedule::Schedule;
use super::step::{Done, StepFailure};
use crate::diff::Side;
use crate::journal::Status;
use crate::plan::{Plan, PlanError, Step, Steps, Task};

/// The most that one request deletes.
const BATCH_MAX: usize = 1000;
/// So many batches at once, at the most: each may take a service a second.
const BATCHES_MAX: usize = 16;
/// So many files are removed before others get their turn.
const TURN_FILES: usize = 64;

type Batch = Vec<(u64, Step)>;

/// Deletes what the plan says.
pub(super) async fn run(
    schedule: &mut Schedule<'_, '_>,
    shared: &Shared<'_>,
    plan: &Plan,
) -> Result<(), PlanError> {
    if plan.totals().deletes == 0 {
        return Ok(());
    }
    let mut pending = Pending { steps: plan.steps(), ahead: None };
    let mut under_way = FuturesUnordered::new();
    // Folders whose content may still come, the innermost last.
    let mut folders: Batch = Vec::new();
    let mut turn = 0;
    loop {
        if under_way.len() >= BATCHES_MAX
            && let Some(outcomes) = under_way.next().await
        {
            take_in(schedule, outcomes);
        }
        shared.places.begun(under_way.len());
        schedule.tick();
        if shared.halt.is_asked() {
            break;
        }
        let Some((number, step)) = pending.next(shared)? else { break };
        let Task::Delete(side) = step.task else { continue };
        match shared.side(&step, side) {
            End::Remote(_) => {
                let mut batch = vec![(number, step)];
                let (route, side) = (batch[0].1.route, side);
                while batch.len() < shared.options.delete_batch_max.min(BATCH_MAX)
                    && let Some(next) = pending.next_of(shared, route, side)?
                {
                    batch.push(next);
                }
                under_way.push(remove(shared, side, batch));
            }
            End::Local(folder) => {
                let leaves = |(_, open): &(u64, Step)| {
                    open.route != step.route
                        || open.task != step.task
                        || !step.name.as_str().starts_with(open.name.as_str())
                };
                while folders.last().is_some_and(leaves) {
                    remove_folder(schedule, shared, folders.pop());
                }
                if step.name.is_folder() {
                    folders.push((number, step));
                } else {
                    schedule.ended(number, &step, delete::local(folder, &step));
                }
                turn += 1;
                if turn % TURN_FILES == 0 {
                    tokio::task::yield_now().await;
                }
            }
            End::Stdio => {}
        }
    }
    while let Some(folder) = folders.pop() {
        if !shared.halt.is_asked() {
            remove_folder(schedule, shared, Some(folder));
        }
    }
    while let Some(outcomes) = under_way.next().await {
        take_in(schedule, outcomes);
        schedule.tick();
    }
    Ok(())
}

async fn remove(shared: &Shared<'_>, side: Side, batch: Batch) -> (Batch, Vec<Result<Done, StepFailure>>) {
    let End::Remote(remote) = shared.side(&batch[0].1, side) else { return (batch, Vec::new()) };
    let outcomes = delete::remote(shared, remote, &batch).await;
    (batch, outcomes)
}

fn take_in(schedule: &mut Schedule<'_, '_>, (batch, outcomes): (Batch, Vec<Result<Done, StepFailure>>)) {
    for ((number, step), outcome) in batch.into_iter().zip(outcomes) {
        schedule.ended(number, &step, outcome);
    }
}

fn remove_folder(schedule: &mut Schedule<'_, '_>, shared: &Shared<'_>, folder: Option<(u64, Step)>) {
    let Some((number, step)) = folder else { return };
    let Task::Delete(side) = step.task else { return };
    if let End::Local(at) = shared.side(&step, side) {
        schedule.ended(number, &step, delete::local(at, &step));
    }
}

/// The deletions that are left, in the order of the plan.
struct Pending<'a> {
    steps: Steps<'a>,
    ahead: Option<(u64, Step)>,
}

impl Pending<'_> {
    fn next(&mut self, shared: &Shared<'_>) -> Result<Option<(u64, Step)>, PlanError> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(ahead));
        }
        for next in self.steps.by_ref() {
            let (number, step) = next?;
            let is_left = matches!(shared.record.status(number), Some(Status::Pending | Status::Failed));
            if is_left && matches!(step.task, Task::Delete(_)) {
                return Ok(Some((number, step)));
            }
        }
        Ok(None)
    }

    /// Returns the next one if it is of this route and side.
    fn next_of(
        &mut self,
        shared: &Shared<'_>,
        route: u32,
        side: Side,
    ) -> Result<Option<(u64, Step)>, PlanError> {
        match self.next(shared)? {
            Some((number, step)) if step.route == route && step.task == Task::Delete(side) => {
                Ok(Some((number, step)))
            }
            other => {
                self.ahead = other;
                Ok(None)
            }
        }
    }
}

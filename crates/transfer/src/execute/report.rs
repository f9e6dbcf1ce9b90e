//! One life of a run from its beginning to its report.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pintail_store::Operation;
use tokio::time::Instant;

use super::flow::Flow;
use super::running::{End, Halt, Places, Record, STREAM_BYTES, Shared};
use super::schedule::{Outcomes, Schedule};
use super::strays::{self, Lost};
use super::{Context, ExecuteError, Options, Report, Work, deletions};
use crate::journal::{Event, Outcome, State, Status};
use crate::plan::{Place, Plan, PlanError};

/// See [`super::execute`].
pub(super) async fn execute(
    work: Work<'_>,
    options: &Options,
    context: Context<'_>,
) -> Result<Report, ExecuteError> {
    let began = Instant::now();
    let Work { plan, state, journal, ends } = work;
    let parts_max = usize::try_from(options.memory_bytes / STREAM_BYTES).unwrap_or(usize::MAX).max(1);
    let places = Places::new(options.connections_max, parts_max);
    let flow = Flow::new(places.clone(), state.done_bytes());
    let ended = state.count(Status::Done) + state.count(Status::Skipped);
    let acting = ended + state.count(Status::Pending) + state.count(Status::Failed);
    let progress = context.progress;
    progress.total_bytes.store(total_bytes(plan)?, Ordering::Relaxed);
    progress.total_steps.store(acting, Ordering::Relaxed);
    progress.ended_steps.store(ended, Ordering::Relaxed);
    let shared = Shared {
        options,
        context,
        record: Record::new(journal, state),
        places,
        flow,
        routes: End::routes(ends),
        halt: Halt::default(),
        sources: Mutex::default(),
    };
    let begun_before = asked_beginnings(&shared);
    let mut schedule = Schedule::new(&shared, plan);
    let mut went = schedule.run().await;
    let may_delete = schedule.outcomes.failed == 0 || options.delete_despite_failures;
    if went.is_ok() && may_delete && !shared.halt.is_asked() {
        went = deletions::run(&mut schedule, &shared, plan).await;
    }
    let may_have_strays = shared.record.life().is_some() || has_retried(&shared);
    let strays = if may_have_strays && went.is_ok() && schedule.outcomes.fatal.is_none() {
        // Who may not look at them is told of none.
        let lives = shared.record.with_state(State::resumptions);
        let lost = Lost { now: lost_beginnings(&shared, begun_before), lives };
        strays::settle(&shared.record, plan, ends, lost).await.unwrap_or_default()
    } else {
        Vec::new()
    };
    let outcome = schedule.outcome();
    let outcomes = std::mem::take(&mut schedule.outcomes);
    drop(schedule);
    let report = end(&shared, plan, went, outcome, outcomes, began.elapsed())?;
    Ok(Report { strays, ..report })
}

/// Tells whether any request of this life was made again, by a step or by the store.
fn has_retried(shared: &Shared<'_>) -> bool {
    let by_store = |end: &End| match end {
        End::Remote(remote) => remote.pressure.as_ref().is_some_and(|pressure| pressure.counts().retries > 0),
        End::Local(_) | End::Stdio => false,
    };
    shared.context.progress.retries.load(Ordering::Relaxed) > 0
        || shared.routes.iter().any(|(from, to)| by_store(from) || by_store(to))
}

/// Returns how often the services were asked to begin an upload, where all of them count that.
fn asked_beginnings(shared: &Shared<'_>) -> Option<u64> {
    let mut stores: Vec<(*const (), u64)> = Vec::new();
    for end in shared.routes.iter().flat_map(|(from, to)| [from, to]) {
        let End::Remote(remote) = end else { continue };
        let asked = remote.pressure.as_ref()?.requests_of(Operation::CreateUpload);
        stores.push((Arc::as_ptr(&remote.store).cast(), asked));
    }
    stores.sort_unstable();
    stores.dedup_by_key(|(store, _)| *store);
    Some(stores.iter().map(|(_, asked)| asked).sum())
}

/// Returns how many beginnings of this life had no answer: at most as many as requests were made again, where the services do not count them.
fn lost_beginnings(shared: &Shared<'_>, before: Option<u64>) -> u64 {
    match (before, asked_beginnings(shared)) {
        (Some(before), Some(now)) => (now - before).saturating_sub(shared.record.uploads_begun()),
        _ => shared.context.progress.retries.load(Ordering::Relaxed),
    }
}

/// Writes down how it ended, and reports it.
fn end(
    shared: &Shared<'_>,
    plan: &Plan,
    went: Result<(), PlanError>,
    outcome: Outcome,
    outcomes: Outcomes,
    took: Duration,
) -> Result<Report, ExecuteError> {
    let Outcomes { failed, first_failure, fatal, .. } = outcomes;
    if let Some(error) = fatal {
        // What happened until then is worth keeping; the first error is the one that counts.
        let _ = shared.record.sync();
        return Err(error);
    }
    went?;
    let at_ns = i64::try_from(shared.context.clock.now().as_nanosecond()).unwrap_or(0);
    shared.record.append(&Event::Ended { at_ns, outcome })?;
    shared.record.sync()?;
    let (_, moved_bytes) = shared.flow.numbers();
    let totals = plan.totals();
    Ok(shared.record.with_state(|state| Report {
        outcome,
        done: state.count(Status::Done),
        done_bytes: state.done_bytes(),
        moved_bytes,
        proved: state.proved(),
        skipped: totals.skipped + state.count(Status::Skipped),
        refused: totals.refused,
        failed,
        not_tried: (state.count(Status::Pending) + state.count(Status::Failed)).saturating_sub(failed),
        retries: shared.context.progress.retries.load(Ordering::Relaxed),
        took,
        first_failure,
        strays: Vec::new(),
    }))
}

/// Counts the bytes of all copies once. Those that go through this machine are in the plan's totals twice.
fn total_bytes(plan: &Plan) -> Result<u64, PlanError> {
    let totals = plan.totals();
    let through = |place: &Place| matches!(place, Place::Remote { .. });
    let may_go_through = totals.up_bytes > 0
        && totals.down_bytes > 0
        && plan.routes().iter().any(|route| through(&route.from) && through(&route.to));
    if !may_go_through {
        return Ok(totals.moved_bytes());
    }
    let mut bytes: u64 = 0;
    for step in plan.steps() {
        let (_, step) = step?;
        if step.task.moves_bytes() {
            bytes = bytes.saturating_add(step.size_bytes);
        }
    }
    Ok(bytes)
}

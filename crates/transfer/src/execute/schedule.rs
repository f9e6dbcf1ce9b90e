//! Which step is begun when: everything on one task, as many steps at once as have places and a few that wait.
//!
//! The plan is read by two cursors, one for small steps and one for large ones, so that neither kind stands in the other's way; both stop where a step
//! has to be carried out alone. What is done is settled once a second: the data are made safe, then the journal says so, then
//! sources that were taken are deleted.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::cursor::{Cursor, Lane, Next};
use super::dispatch::carry_out;
use super::load::Loads;
use super::running::{End, Shared};
use super::step::{Done, StepFailure};
use super::take::{self, Taken};
use super::{Durability, ExecuteError, StepEnd, StepError, Waiting};
use crate::journal::{Begun, Event, Outcome, Proof};
use crate::local::LocalError;
use crate::plan::{Plan, PlanError, Step, Task};

/// How often it is looked whether the work is to end, and what the screen shows.
const TICK: Duration = Duration::from_millis(50);
/// How often what is done is made safe.
const SETTLE_EVERY: Duration = Duration::from_secs(1);
/// So many sources wait for their deletion before it is made safe that they were copied.
const TAKEN_MAX: usize = 512;
/// So many ends wait to be written down.
const HELD_MAX: usize = 8192;
/// So long requests that are under way may take after the work was told to end.
const GRACE: Duration = Duration::from_secs(2);
/// So many steps of the plan are passed over before others get their turn.
const TURN_STEPS: usize = 2000;
/// The most large objects at once: each has a file open.
const LARGE_MAX: usize = 32;

/// What came of all steps of this life.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) failed: u64,
    pub(super) proved: u64,
    pub(super) first_failure: Option<Arc<StepError>>,
    /// What ended everything.
    pub(super) fatal: Option<ExecuteError>,
    /// Too many steps failed, or the disk is full.
    pub(super) gave_up: bool,
}

/// One thing that is under way.
enum Job {
    /// A step.
    Step { number: u64, step: Step, begun: Option<Begun>, lane: Lane },
    /// The deletion of a source whose copy is safe.
    Take { number: u64, step: Step, taken: Taken },
}

struct Ended {
    number: u64,
    step: Step,
    lane: Option<Lane>,
    result: Result<Done, StepFailure>,
    /// The source was deleted.
    taken: Option<Taken>,
}

async fn run_job(shared: &Shared<'_>, job: Job) -> Ended {
    match job {
        Job::Step { number, step, begun, lane } => {
            let lane = Some(lane);
            let begun = match begun {
                // Others may have been there since the former life.
                Some(Begun::Placed { size_bytes, proof, source, tag }) => {
                    let taken = Taken { size_bytes, proof, source, tag };
                    match take::is_placed(shared, &step, &taken).await {
                        Ok(true) => {
                            let result = Ok(Done::Changed);
                            return Ended { number, step, lane, result, taken: Some(taken) };
                        }
                        Ok(false) => None,
                        Err(failure) => {
                            return Ended { number, step, lane, result: Err(failure), taken: None };
                        }
                    }
                }
                begun => begun,
            };
            let result = carry_out(shared, number, &step, begun).await;
            Ended { number, step, lane, result, taken: None }
        }
        Job::Take { number, step, taken } => {
            let result = take::source(shared, &step, &taken).await;
            Ended { number, step, lane: None, result, taken: Some(taken) }
        }
    }
}

/// What waits until the data are safe.
#[derive(Default)]
struct Held {
    events: Vec<Event>,
    taken: Vec<(u64, Step, Taken)>,
}

type Settling<'a> = Pin<Box<dyn Future<Output = Result<(), LocalError>> + Send + 'a>>;

/// Carries out everything of a plan but its deletions.
pub(super) struct Schedule<'a, 'b> {
    shared: &'a Shared<'b>,
    plan: &'a Plan,
    pub(super) outcomes: Outcomes,
    loads: Loads,
    held: Held,
    settled_at: Instant,
    limited_at: Option<Instant>,
    small: usize,
    large: usize,
    disk_full: bool,
}

impl<'a, 'b> Schedule<'a, 'b> {
    pub(super) fn new(shared: &'a Shared<'b>, plan: &'a Plan) -> Self {
        let loads = Loads::of(&shared.routes);
        let settled_at = Instant::now();
        Self {
            shared,
            plan,
            outcomes: Outcomes::default(),
            loads,
            held: Held::default(),
            settled_at,
            limited_at: None,
            small: 0,
            large: 0,
            disk_full: false,
        }
    }

    /// Goes through the plan. What ends everything is in the outcomes.
    pub(super) async fn run(&mut self) -> Result<(), PlanError> {
        let shared = self.shared;
        let mut jobs = FuturesUnordered::new();
        let mut settling: Option<(Settling<'a>, Held)> = None;
        let mut small = Cursor::new(self.plan, Lane::Small, shared.options.one_request_max_bytes);
        let mut large = Cursor::new(self.plan, Lane::Large, shared.options.one_request_max_bytes);
        let mut ending_since = None;
        let mut alarm = std::pin::pin!(tokio::time::sleep(TICK));
        self.tick();
        loop {
            let ending = shared.halt.is_asked();
            let mut more = false;
            let mut ahead = (Next::End, Next::End);
            if !ending {
                let waiting_for_safety =
                    self.held.taken.len() >= TAKEN_MAX || self.held.events.len() >= HELD_MAX;
                ahead = loop {
                    let room = !waiting_for_safety && self.small < shared.places.small_ahead();
                    match small.next(shared, TURN_STEPS, room)? {
                        Next::Step(number, step) => {
                            self.small += 1;
                            self.begin(number, step, Lane::Small, |job| jobs.push(run_job(shared, job)));
                        }
                        next => break (next, Next::End),
                    }
                };
                ahead.1 = loop {
                    let most = shared.places.large_ahead().min(LARGE_MAX);
                    let room = !waiting_for_safety && self.large < most;
                    match large.next(shared, TURN_STEPS, room)? {
                        Next::Step(number, step) => {
                            self.large += 1;
                            self.begin(number, step, Lane::Large, |job| jobs.push(run_job(shared, job)));
                        }
                        next => break next,
                    }
                };
                more = matches!(ahead.0, Next::Later) || matches!(ahead.1, Next::Later);
            }
            shared.places.begun(self.small);
            let idle = jobs.is_empty();
            let nothing_held = self.held.events.is_empty() && self.held.taken.is_empty();
            if idle && settling.is_none() && nothing_held {
                match ahead {
                    _ if ending => break,
                    (Next::End, Next::End) => break,
                    // Both cursors stand before the same step, and everything before it is done.
                    (Next::Alone(one), Next::Alone(other)) if one == other => {
                        small.pass_alone();
                        if let Some((number, step)) = large.pass_alone() {
                            self.small += 1;
                            self.begin(number, step, Lane::Small, |job| jobs.push(run_job(shared, job)));
                        }
                        continue;
                    }
                    _ => {}
                }
            }
            let due = self.settled_at.elapsed() >= SETTLE_EVERY
                || self.held.taken.len() >= TAKEN_MAX
                || self.held.events.len() >= HELD_MAX
                || (idle && !nothing_held);
            if settling.is_none() && due {
                let held = std::mem::take(&mut self.held);
                self.settled_at = Instant::now();
                let sync = self.makes_safe(&held);
                settling = Some((sync, held));
            }
            if ending && !idle {
                let since = *ending_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= GRACE {
                    // Dropping a request ends it. The journal knows what it had begun.
                    jobs.clear();
                    continue;
                }
            }
            let happened = {
                let job = std::pin::pin!(async {
                    match jobs.next().await {
                        Some(ended) => ended,
                        None => std::future::pending().await,
                    }
                });
                let safe = std::pin::pin!(async {
                    match &mut settling {
                        Some((sync, _)) => sync.await,
                        None => std::future::pending().await,
                    }
                });
                let tick = std::pin::pin!(async {
                    if more {
                        tokio::task::yield_now().await;
                    } else {
                        alarm.as_mut().await;
                    }
                });
                match select(job, select(safe, tick)).await {
                    Either::Left((ended, _)) => Happened::Ended(Box::new(ended)),
                    Either::Right((Either::Left((safe, _)), _)) => Happened::Safe(safe),
                    Either::Right((Either::Right(_), _)) => Happened::Tick,
                }
            };
            match happened {
                Happened::Ended(ended) => self.end(*ended),
                Happened::Safe(safe) => {
                    let (_, held) = settling.take().expect("it was settling just now");
                    for (number, step, taken) in self.settled(safe, held) {
                        jobs.push(run_job(shared, Job::Take { number, step, taken }));
                    }
                }
                Happened::Tick => alarm.as_mut().reset(Instant::now() + TICK),
            }
            self.tick();
        }
        self.tick();
        Ok(())
    }

    fn begin(&mut self, number: u64, step: Step, lane: Lane, push: impl FnOnce(Job)) {
        let begun = self.shared.record.begun(number);
        push(Job::Step { number, step, begun, lane });
    }

    /// Looks at the clock: measures, sets limits, shows numbers.
    pub(super) fn tick(&mut self) {
        let shared = self.shared;
        let now = Instant::now();
        if shared.context.stop.is_asked() {
            shared.halt.ask();
        }
        let (round_trip, loads) = (self.loads.round_trip(), &mut self.loads);
        shared.places.measure(now, round_trip, || loads.load());
        if let Some(bandwidth) = &shared.options.bandwidth {
            let due = self.limited_at.is_none_or(|at| now.duration_since(at) >= Duration::from_secs(1));
            if due {
                self.limited_at = Some(now);
                shared.flow.set_limit(bandwidth.at(shared.context.clock.now()));
            }
        }
        let progress = shared.context.progress;
        let (done, _) = shared.flow.numbers();
        progress.done_bytes.fetch_max(done, Ordering::Relaxed);
        let (under_way, limit) = shared.places.numbers();
        progress.under_way.store(under_way, Ordering::Relaxed);
        progress.limit.store(limit, Ordering::Relaxed);
        let (retries, slow_downs) = self.loads.counted();
        progress.retries.fetch_add(retries, Ordering::Relaxed);
        progress.slow_downs.fetch_add(slow_downs, Ordering::Relaxed);
        if shared.flow.is_held_back() {
            progress.waits_for(Waiting::Bandwidth);
        } else if slow_downs > 0 {
            progress.waits_for(Waiting::Service);
        } else if progress.waiting() == Waiting::Bandwidth {
            progress.waits_for(Waiting::Nothing);
        }
    }

    /// Takes in how something ended.
    fn end(&mut self, ended: Ended) {
        let Ended { number, step, lane, result, taken } = ended;
        match lane {
            Some(Lane::Small) | None => self.small -= 1,
            Some(Lane::Large) => self.large -= 1,
        }
        match (result, taken, lane) {
            // It was placed by a former life, or just now: its source waits until that is safe.
            (Ok(_), Some(taken), Some(_)) => self.held.taken.push((number, step, taken)),
            (Ok(Done::Moved { size_bytes, proof }), None, _) if step.takes => {
                let (source, tag) = self.shared.copied(number).unwrap_or_else(|| (None, step.tag.clone()));
                let taken = Taken { size_bytes, proof: Some(proof), source, tag };
                let Taken { size_bytes, proof, source, tag } = taken.clone();
                self.held.events.push(Event::Placed { step: number, size_bytes, proof, source, tag });
                self.held.taken.push((number, step, taken));
            }
            (Ok(_), Some(taken), None) => self.done(number, &step, taken.size_bytes, taken.proof),
            (result, ..) => self.ended(number, &step, result),
        }
    }

    /// Takes in how a step ended that this did not begin.
    pub(super) fn ended(&mut self, number: u64, step: &Step, result: Result<Done, StepFailure>) {
        match result {
            Ok(Done::Moved { size_bytes, proof }) => self.done(number, step, size_bytes, Some(proof)),
            Ok(Done::Changed) => self.done(number, step, 0, None),
            Ok(Done::Skipped) => self.skipped(number, step),
            Err(failure) => self.failed(number, step, failure),
        }
    }

    fn done(&mut self, number: u64, step: &Step, size_bytes: u64, proof: Option<Proof>) {
        let event = Event::Done { step: number, size_bytes, proof };
        self.outcomes.proved += u64::from(proof == Some(Proof::Checksum));
        let waits = step.task == Task::Download && self.shared.options.sync == Durability::Batch;
        if waits {
            self.held.events.push(event);
        } else {
            self.append(&event);
        }
        self.told(step, &StepEnd::Done { size_bytes, proof });
    }

    fn skipped(&mut self, number: u64, step: &Step) {
        self.append(&Event::Skipped { step: number });
        self.told(step, &StepEnd::Skipped);
    }

    fn failed(&mut self, number: u64, step: &Step, failure: StepFailure) {
        if self.shared.options.keep_taken && failure.is_of_a_taken_target() {
            return self.skipped(number, step);
        }
        let error = match failure {
            StepFailure::Stopped => return,
            StepFailure::Fatal(error) => return self.fatal(error),
            StepFailure::Failed(error) => Arc::new(error),
        };
        self.outcomes.failed += 1;
        self.append(&Event::Failed { step: number, reason: reason(&*error) });
        self.outcomes.first_failure.get_or_insert_with(|| Arc::clone(&error));
        self.shared.context.progress.failed_steps.fetch_add(1, Ordering::Relaxed);
        if is_disk_full(&error) && !self.disk_full {
            self.disk_full = true;
            self.give_up();
        }
        if self.shared.options.errors_max.is_some_and(|max| self.outcomes.failed >= max.max(1)) {
            self.give_up();
        }
        self.told(step, &StepEnd::Failed(error));
    }

    fn told(&self, step: &Step, end: &StepEnd) {
        self.shared.context.progress.ended_steps.fetch_add(1, Ordering::Relaxed);
        self.shared.context.listener.ended(step, end);
    }

    fn give_up(&mut self) {
        self.outcomes.gave_up = true;
        self.shared.halt.ask();
    }

    fn fatal(&mut self, error: ExecuteError) {
        self.outcomes.fatal.get_or_insert(error);
        self.shared.halt.ask();
    }

    fn append(&mut self, event: &Event) {
        if let Err(error) = self.shared.record.append(event) {
            self.fatal(error);
        }
    }

    /// Makes the data safe that the journal is to tell of.
    fn makes_safe(&self, held: &Held) -> Settling<'a> {
        let shared = self.shared;
        let matters = !held.events.is_empty() && shared.options.sync == Durability::Batch;
        Box::pin(async move {
            if !matters {
                return Ok(());
            }
            // Routes to one folder have one target.
            let mut synced: Vec<&crate::local::Target> = Vec::new();
            for (from, to) in &shared.routes {
                for end in [from, to] {
                    if let End::Local(folder) = end
                        && let Some(target) = folder.opened()
                        && !synced.iter().any(|one| std::ptr::eq(*one, target))
                    {
                        synced.push(target);
                        let sync = target.sync_later()?;
                        // Not on this thread where there is another one: the disk may take its time.
                        match tokio::runtime::Handle::try_current() {
                            Ok(runtime) => match runtime.spawn_blocking(sync).await {
                                Ok(synced) => synced?,
                                Err(_) => target.sync_later()?()?,
                            },
                            Err(_) => sync()?,
                        }
                    }
                }
            }
            Ok(())
        })
    }

    /// Writes down what is safe now; returns the sources that may be deleted.
    fn settled(&mut self, safe: Result<(), LocalError>, held: Held) -> Vec<(u64, Step, Taken)> {
        if let Err(error) = safe {
            self.fatal(error.into());
            return Vec::new();
        }
        for event in &held.events {
            self.append(event);
        }
        if let Err(error) = self.shared.record.sync() {
            self.fatal(error);
        }
        if self.outcomes.fatal.is_some() || self.shared.context.stop.is_asked() {
            return Vec::new();
        }
        self.small += held.taken.len();
        held.taken
    }

    /// Returns how everything ended, if it did not end with an error.
    pub(super) fn outcome(&self) -> Outcome {
        use crate::journal::Status;
        let left =
            self.shared.record.with_state(|state| state.count(Status::Pending) + state.count(Status::Failed));
        match left {
            0 => Outcome::Complete,
            _ if self.shared.context.stop.is_asked() => Outcome::Interrupted,
            _ => Outcome::Failed,
        }
    }
}

/// What happened next.
enum Happened {
    Ended(Box<Ended>),
    Safe(Result<(), LocalError>),
    Tick,
}

/// The whole reason of a failure, in one line.
fn reason(error: &dyn std::error::Error) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        cause = error.source();
    }
    reason
}

fn is_disk_full(error: &StepError) -> bool {
    use crate::local::{PartialError, TargetError};
    let (StepError::Local(local)
    | StepError::Partial(PartialError::Local(local) | PartialError::Target(TargetError::Local(local)))
    | StepError::Target(TargetError::Local(local))) = error
    else {
        return false;
    };
    matches!(local.source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

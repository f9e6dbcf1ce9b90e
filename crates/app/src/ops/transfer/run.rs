//! One transfer from its request to its end: a plan, a run that can go on, the work, and what came of it.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use pintail_connect::Tuning;
use pintail_transfer::entry::Entry;
use pintail_transfer::execute::{
    self, Bandwidth, Context, ExecuteError, Listener, Progress, Report, StepEnd, Stop, Work,
};
use pintail_transfer::filter::{Filter, NameList};
use pintail_transfer::journal::{Run, RunId, Runs, State, Status};
use pintail_transfer::name::Platform;
use pintail_transfer::plan::{Cutting, Place, Plan, Route, Step, Task};
use pintail_transfer::policy::Existing;
use pintail_transfer::policy::mirror::{DeleteLimit, DeleteRefusal};
use pintail_transfer::prepare::{self, Answer, PrepareError, Prepared, Rules, Seen, What};
use pintail_transfer::site::Ends;

use super::both_ways::{self, BothWays};
use super::options::{OnExisting, Options};
use super::request::{Request, Verb};
use super::sites::{self, Labels, Opened, PlaceError};
use super::words::Schedule;
use super::{Face, Told};
use crate::ops::prices::Estimate;
use crate::ops::{App, Error};

/// The largest object that S3 copies by one request: 5 GiB (S3 API Reference, `CopyObject`).
const ONE_COPY_MAX_BYTES: u64 = 5 << 30;

/// Objects up to this size go by one request where no property says otherwise.
const ONE_REQUEST_MAX_BYTES: u64 = 16 << 20;

/// The size of a part where nobody wishes another.
const PART_BYTES: u64 = 8 << 20;

/// The most requests at once without another wish: so many small objects fill a line with a tenth of a second. The engine stays below it as long as
/// more do not help.
const CONNECTIONS_MAX: usize = 1024;

/// The most requests at once of a listing or of looks at single objects: nothing measures there whether more help.
pub(super) const LOOKS_MAX: usize = 128;

/// The most memory for bytes on their way.
const MEMORY_BYTES: u64 = 32 << 20;

/// The most objects that one request deletes (S3 API Reference, `DeleteObjects`).
const DELETE_BATCH: usize = 1000;

/// How often a screen is drawn anew.
const TICK: Duration = Duration::from_millis(200);

/// Runs that ended this long ago are forgotten.
const KEPT_DAYS: i64 = 14;

/// A transfer that was planned and not begun.
#[derive(Debug)]
pub(crate) struct Planned {
    /// What was asked for.
    pub(crate) request: Request,
    /// What will be done.
    pub(crate) plan: Plan,
    /// What was seen while it was planned.
    pub(crate) seen: Seen,
    /// How the ends of each route are called.
    pub(crate) labels: Vec<Labels>,
    /// Why nothing of it may be done: more would be deleted than may be.
    pub(crate) refusal: Option<DeleteRefusal>,
    /// What it would cost, where that was asked for and can be told.
    pub(crate) estimate: Option<Estimate>,
    ends: Vec<Ends>,
    settings: execute::Options,
    /// What a sync both ways needs at its end.
    both: Option<BothWays>,
}

impl Planned {
    /// Returns the step with its places.
    pub(crate) fn told<'a>(&'a self, step: &'a Step) -> Told<'a> {
        told(self.plan.routes(), &self.labels, step)
    }
}

/// A transfer that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The run that keeps it, if one does.
    pub(crate) run: Option<RunId>,
    /// What came of it; the error is for what ended everything.
    pub(crate) report: Result<Report, ExecuteError>,
    /// What kinds of steps were done, those of former lives included.
    pub(crate) done: DoneKinds,
    /// After a sync both ways, how many copies each side got, by what it is called.
    pub(crate) ways: Option<[(String, u64); 2]>,
    /// Why what both sides have in common could not be kept, after a sync both ways.
    pub(crate) unremembered: Option<Error>,
}

/// How many steps of each kind were done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DoneKinds {
    /// Copies.
    pub(crate) copies: u64,
    /// Those of them that went from the right side to the left; `None` where that is not a sync both ways.
    pub(crate) copies_back: Option<u64>,
    /// Deletions.
    pub(crate) deletes: u64,
    /// Folders, names, times.
    pub(crate) others: u64,
}

impl DoneKinds {
    /// Counts them. Goes through the plan only where it has more than one kind.
    fn of(plan: &Plan, state: &State, two_way: bool) -> Self {
        let totals = plan.totals();
        let done = state.count(Status::Done);
        match (totals.copies, totals.deletes, totals.others) {
            (_, 0, 0) if !two_way => Self { copies: done, ..Self::default() },
            (0, _, 0) => Self { deletes: done, ..Self::default() },
            _ => {
                let mut kinds = Self { copies_back: two_way.then_some(0), ..Self::default() };
                // A step that cannot be read was told of while it was to be done.
                for (number, step) in plan.steps().map_while(Result::ok) {
                    if state.status(number) != Some(Status::Done) {
                        continue;
                    }
                    match step.task {
                        Task::Delete(_) => kinds.deletes += 1,
                        task if task.moves_bytes() => {
                            kinds.copies += 1;
                            if let Some(back) = &mut kinds.copies_back {
                                *back += u64::from(step.route == 1);
                            }
                        }
                        _ => kinds.others += 1,
                    }
                }
                kinds
            }
        }
    }
}

/// Returns the runs of this machine.
pub(super) fn runs_of(app: &App) -> Runs {
    Runs::new(app.environment().folders.state.join("transfers"))
}

/// Makes the plan. Nothing is changed on either side.
pub(crate) async fn plan(
    app: &App,
    request: Request,
    only: Option<NameList>,
    face: &dyn Face,
) -> Result<Planned, Error> {
    let mut opened = sites::open(app, &request).await?;
    if let Some(shard) = request.options.shard()? {
        opened.keep(|job| !matches!(&job.what, What::One { to, .. } if !shard.holds(to)));
    }
    let settings = settings(&request.options, opened.tuning.as_ref())?;
    let rules = rules(app, &request, only, opened.tuning.as_ref(), &settings)?;
    // Of the names of a round that watches nobody typed one.
    let talk = PlanTalk { face, labels: &opened.labels, tells_missing: request.options.from_list };
    let context = prepare::Context { clock: app.clock(), random: app.random(), talk: &talk };
    let (mut refusal, mut both) = (None, None);
    let Prepared { plan, mut seen, ends } = match request.verb {
        Verb::Rm => prepare::remove(&opened.jobs, &rules, context).await?,
        Verb::Cp | Verb::Mv => prepare::copy(&opened.jobs, &rules, context).await?,
        Verb::Sync if request.options.two_way => {
            let limit = request.options.delete_limit()?;
            let (prepared, kept, why) = both_ways::plan(app, &opened.jobs[0], limit, rules, context).await?;
            (both, refusal) = (Some(kept), why);
            prepared
        }
        Verb::Sync => {
            let limit = request.options.delete_limit()?;
            let mirror = request.options.mirror();
            match prepare::mirror(&opened.jobs[0], &mirror, limit, &rules, context).await {
                Err(PrepareError::Deletions(why)) => {
                    // The same without a limit, for a list of what would go. It is never carried out.
                    refusal = Some(why);
                    prepare::mirror(&opened.jobs[0], &mirror, DeleteLimit::default(), &rules, context).await?
                }
                planned => planned?,
            }
        }
    };
    if !request.options.from_list {
        seen.missing = 0;
    }
    let Opened { jobs, mut labels, .. } = opened;
    // Routes that the plan has added are called by what they are.
    labels.extend(sites::labels_of(&plan.routes()[labels.len()..]));
    if request.verb != Verb::Rm && targets_may_meet(&jobs) {
        check_targets(&plan, &labels)?;
    }
    Ok(Planned { request, plan, seen, labels, refusal, estimate: None, ends, settings, both })
}

/// Carries a plan out. What is more than one request becomes a run first, which can go on after anything.
///
/// An interruption ends it in order; the run keeps what was begun.
pub(crate) async fn carry_out(app: &App, planned: Planned, face: &dyn Face) -> Result<Ended, Error> {
    let Planned { request, plan, labels, ends, settings, refusal, both, .. } = planned;
    let two_way = request.options.two_way;
    if let Some(refusal) = refusal {
        return Err(PrepareError::Deletions(refusal).into());
    }
    // An interruption waits until what was done is remembered as well.
    let _guard = both.as_ref().map(|_| app.interrupt().guard());
    if !needs_run(&plan, &settings)? {
        let mut state = fresh(&plan)?;
        let work = Work { plan: &plan, state: &mut state, journal: None, ends: &ends };
        let report = work_through(app, work, &settings, &labels, None, face).await;
        let done = DoneKinds::of(&plan, &state, two_way);
        let unremembered = remember(app, both, &plan, &state, face).await;
        let ways = ways(done, &labels);
        return Ok(Ended { run: None, report, done, ways, unremembered });
    }
    let runs = runs_of(app);
    let tool = env!("CARGO_PKG_VERSION");
    let mut run = runs.create(&plan, &request.kept(), tool, app.clock(), app.random())?;
    drop(plan);
    let mut ended = go_on(app, &mut run, &request, &settings, &ends, &labels, face).await;
    ended.unremembered = remember(app, both, &run.plan, &run.state, face).await;
    drop(run);
    // Old runs are nobody's business any more; that they cannot be swept is none of this one's.
    if let Err(error) = super::registry::sweep(app, SignedDuration::from_hours(24 * KEPT_DAYS)) {
        tracing::warn!(%error, "old runs could not be swept");
    }
    Ok(ended)
}

/// Works on a run, new or taken up again.
pub(super) async fn go_on(
    app: &App,
    run: &mut Run,
    request: &Request,
    settings: &execute::Options,
    ends: &[Ends],
    labels: &[Labels],
    face: &dyn Face,
) -> Ended {
    let work = Work { plan: &run.plan, state: &mut run.state, journal: Some(&mut run.journal), ends };
    let report = work_through(app, work, settings, labels, Some(&run.id), face).await;
    let done = DoneKinds::of(&run.plan, &run.state, request.options.two_way);
    Ended { run: Some(run.id.clone()), report, done, ways: ways(done, labels), unremembered: None }
}

/// Returns how many copies each side got.
fn ways(done: DoneKinds, labels: &[Labels]) -> Option<[(String, u64); 2]> {
    let (back, labels) = (done.copies_back?, labels.first()?);
    Some([(labels.to.clone(), done.copies - back), (labels.from.clone(), back)])
}

/// Keeps what both sides have in common after a sync both ways. Returns why it could not.
pub(super) async fn remember(
    app: &App,
    both: Option<BothWays>,
    plan: &Plan,
    state: &State,
    face: &dyn Face,
) -> Option<Error> {
    let talk = PlanTalk { face, labels: &[], tells_missing: false };
    let context = prepare::Context { clock: app.clock(), random: app.random(), talk: &talk };
    both?.remember(plan, state, context).await.err()
}

async fn work_through(
    app: &App,
    work: Work<'_>,
    settings: &execute::Options,
    labels: &[Labels],
    run: Option<&RunId>,
    face: &dyn Face,
) -> Result<Report, ExecuteError> {
    let (progress, stop) = (Progress::default(), Stop::default());
    let routes = work.plan.routes();
    let listener = Heard { face, routes, labels };
    let context = Context {
        clock: app.clock(),
        random: app.random(),
        listener: &listener,
        progress: &progress,
        stop: &stop,
    };
    let interrupt = app.interrupt();
    // What is under way is left in order, which an interruption waits for.
    let _guard = interrupt.guard();
    if let Some(run) = run {
        interrupt.leave_word(format!("Go on with `pintail transfers resume {run}`."));
    }
    let work = execute::execute(work, settings, context);
    let mut work = std::pin::pin!(work);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let report = loop {
        tokio::select! {
            biased;
            report = &mut work => break report,
            () = interrupt.wait(), if !stop.is_asked() => stop.ask(),
            _ = ticks.tick() => face.tick(&progress),
        }
    };
    let ended_by_itself = report.as_ref().is_ok_and(|report| report.not_tried == 0 && report.failed == 0);
    if ended_by_itself {
        interrupt.forget_word();
    }
    report
}

/// Hears of steps, and passes them on with their places.
struct Heard<'a> {
    face: &'a dyn Face,
    routes: &'a [Route],
    labels: &'a [Labels],
}

impl Listener for Heard<'_> {
    fn ended(&self, step: &Step, end: &StepEnd) {
        self.face.ended(told(self.routes, self.labels, step), end);
    }

    fn bytes(&self, bytes: &[u8]) -> std::io::Result<()> {
        self.face.bytes(bytes)
    }
}

fn told<'a>(routes: &'a [Route], labels: &'a [Labels], step: &'a Step) -> Told<'a> {
    // A plan gives no step of a route that it does not have.
    let route = usize::try_from(step.route).unwrap_or(usize::MAX);
    Told { route: &routes[route], labels: &labels[route], step }
}

/// Hears how far a plan is.
struct PlanTalk<'a> {
    face: &'a dyn Face,
    labels: &'a [Labels],
    /// A person gave the list of names.
    tells_missing: bool,
}

impl prepare::Talk for PlanTalk<'_> {
    fn seen(&self, entries: u64) {
        self.face.seen(entries);
    }

    fn missing(&self, name: &str) {
        if self.tells_missing {
            self.face.missing(name);
        }
    }

    fn ask(&self, source: &Entry, target: &Entry) -> Answer {
        // Which job it is of is not told; where there are several, names alone are shown.
        let nameless = Labels { from: String::new(), to: String::new() };
        let labels = if let [labels] = self.labels { labels } else { &nameless };
        self.face.ask(labels, source, target)
    }
}

/// Returns how the engine works.
pub(super) fn settings(options: &Options, tuning: Option<&Tuning>) -> Result<execute::Options, Error> {
    let schedule = options.bandwidth.as_deref().map(str::parse::<Schedule>).transpose()?;
    let part_bytes = options.part_bytes.or_else(|| tuning.and_then(|tuning| tuning.part_bytes_wished));
    Ok(execute::Options {
        one_request_max_bytes: tuning.map_or(ONE_REQUEST_MAX_BYTES, |tuning| tuning.one_request_max_bytes),
        part_bytes,
        connections_max: options.connections.unwrap_or(CONNECTIONS_MAX),
        memory_bytes: MEMORY_BYTES,
        storage_class: options
            .storage_class
            .clone()
            .or_else(|| tuning.and_then(|tuning| tuning.storage_class.clone())),
        times: !options.no_times,
        permissions: options.permissions,
        sync: options.durability(),
        bandwidth: schedule.map(bandwidth),
        errors_max: options.errors_max,
        delete_batch_max: tuning.map_or(DELETE_BATCH, |tuning| tuning.delete_batch),
        delete_despite_failures: false,
        keep_taken: options.existing == OnExisting::Skip,
        verify: options.verify,
    })
}

/// A limit that follows this machine's clock.
fn bandwidth(schedule: Schedule) -> Bandwidth {
    let zone = TimeZone::system();
    Bandwidth::new(move |now| schedule.at(zone.to_datetime(now).time()))
}

/// Returns how a plan is made.
pub(super) fn rules(
    app: &App,
    request: &Request,
    only: Option<NameList>,
    tuning: Option<&Tuning>,
    settings: &execute::Options,
) -> Result<Rules, Error> {
    let options = &request.options;
    Ok(Rules {
        filter: Filter { shard: options.shard()?, ..options.filter(only)? },
        ignore_files: options.ignore_files.clone(),
        links: options.walk_links(),
        folders: options.walk_folders(),
        existing: if request.verb == Verb::Rm { Existing::Overwrite } else { options.existing.policy() },
        comparison: options.comparison(),
        takes: request.verb == Verb::Mv,
        platform: Platform::HERE,
        cutting: Cutting {
            one_request_max_bytes: settings.one_request_max_bytes,
            part_bytes: settings.part_bytes.unwrap_or(PART_BYTES),
            copy_max_bytes: ONE_COPY_MAX_BYTES,
        },
        spool: app.environment().folders.state.join("spool"),
        connections_max: settings.connections_max.min(LOOKS_MAX),
        page: tuning.and_then(|tuning| tuning.list_page),
    })
}

/// Tells whether a plan is worth a run: one step of one request is begun again as cheaply as it is gone on with, and standard input and
/// output cannot be read or written twice.
fn needs_run(plan: &Plan, settings: &execute::Options) -> Result<bool, Error> {
    let totals = plan.totals();
    let acting = totals.copies + totals.deletes + totals.others;
    let stdio = |place: &Place| *place == Place::Stdio;
    if plan.routes().iter().any(|route| stdio(&route.from) || stdio(&route.to)) || acting == 0 {
        return Ok(false);
    }
    if acting > 1 {
        return Ok(true);
    }
    Ok(totals.moved_bytes() > settings.one_request_max_bytes)
}

/// Returns the state of a plan of which nothing was done.
fn fresh(plan: &Plan) -> Result<State, Error> {
    let acts = plan.steps().map(|step| step.map(|(_, step)| step.task.acts()));
    let acts: Vec<bool> = acts.collect::<Result<_, _>>().map_err(PrepareError::Plan)?;
    Ok(State::new(acts))
}

/// Tells whether two jobs may have a target in common: one writes at or below where another writes.
fn targets_may_meet(jobs: &[prepare::Job]) -> bool {
    let trees: Vec<&Place> =
        jobs.iter().filter(|job| job.what == What::Tree).map(|job| &job.route.to).collect();
    // Single files were compared with each other already.
    jobs.len() > 1
        && trees.iter().enumerate().any(|(index, tree)| {
            let others = trees[..index].iter().copied();
            let ones = jobs.iter().filter(|job| job.what != What::Tree).map(|job| &job.route.to);
            others.chain(ones).any(|other| meets(tree, other))
        })
}

fn meets(one: &Place, other: &Place) -> bool {
    match (one, other) {
        (Place::Local(one), Place::Local(other)) => one.starts_with(other) || other.starts_with(one),
        (Place::Remote { bookmark, bucket, prefix }, Place::Remote { bookmark: b, bucket: c, prefix: p }) => {
            (bookmark, bucket) == (b, c) && (prefix.starts_with(p) || p.starts_with(prefix))
        }
        _ => false,
    }
}

/// Checks that no two steps write the same target. Holds all targets, which only the rare case needs.
fn check_targets(plan: &Plan, labels: &[Labels]) -> Result<(), Error> {
    let mut targets = std::collections::HashSet::new();
    for step in plan.steps() {
        let (_, step) = step.map_err(PrepareError::Plan)?;
        if !step.task.moves_bytes() {
            continue;
        }
        let target = told(plan.routes(), labels, &step).to();
        if !targets.insert(target.clone()) {
            return Err(PlaceError::SameTarget(target).into());
        }
    }
    Ok(())
}

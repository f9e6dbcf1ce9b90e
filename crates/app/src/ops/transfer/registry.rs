//! The transfers of this machine: which there are, what became of them, how one goes on, and what is cleared away.

use jiff::{SignedDuration, Timestamp};
use pintail_core::address::Address;
use pintail_transfer::execute::orphans::{self, Orphan};
use pintail_transfer::execute::{self, Cancelled, Context, Listener, Progress, StepEnd, Stop, Stray, Work};
use pintail_transfer::journal::{Condition, Listed, Outcome, Recorded, RunId, Status};
use pintail_transfer::plan::{Place, Route, Step};
use pintail_transfer::site::Remote;

use super::Face;
use super::both_ways;
use super::request::Request;
use super::run::{Ended, go_on, remember, rules, runs_of, settings};
use super::sites::{self, labels_of};
use crate::ops::{App, Error};

/// How a run is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// A process is at it.
    Running,
    /// Its process died, or somebody stopped it.
    Stopped,
    /// Everything was done.
    Complete,
    /// Some of it failed.
    Failed,
    /// It was given up.
    Cancelled,
    /// Nothing was done yet.
    NotBegun,
    /// Its journal cannot be read.
    Unreadable,
}

impl Word {
    /// Returns the word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NotBegun => "not_begun",
            Self::Unreadable => "unreadable",
        }
    }

    fn of(condition: &Condition) -> Self {
        match condition {
            Condition::Running => Self::Running,
            Condition::Stopped | Condition::Ended(_, Outcome::Interrupted) => Self::Stopped,
            Condition::Ended(_, Outcome::Complete) => Self::Complete,
            Condition::Ended(_, Outcome::Failed) => Self::Failed,
            Condition::Ended(_, Outcome::Cancelled) => Self::Cancelled,
            Condition::NotBegun => Self::NotBegun,
            Condition::Unreadable(_) => Self::Unreadable,
        }
    }

    /// Tells whether it can go on.
    pub(crate) fn goes_on(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed)
    }
}

/// One run in a list.
#[derive(Debug)]
pub(crate) struct Line {
    /// Its name.
    pub(crate) id: RunId,
    /// How it is.
    pub(crate) word: Word,
    /// When it began.
    pub(crate) created: Option<Timestamp>,
    /// When it ended.
    pub(crate) ended: Option<Timestamp>,
    /// What was asked for, in one line.
    pub(crate) request: Option<String>,
}

/// Lists the runs, the oldest first.
pub(crate) fn runs(app: &App) -> Result<Vec<Line>, Error> {
    let mut lines: Vec<Line> = runs_of(app).list()?.into_iter().map(line).collect();
    // Their names tell the second alone.
    lines.sort_by_key(|line| line.created);
    Ok(lines)
}

fn line(listed: Listed) -> Line {
    let Listed { id, header, condition } = listed;
    let at = |ns: i64| Timestamp::from_nanosecond(i128::from(ns)).ok();
    let ended = match &condition {
        Condition::Ended(ns, _) => at(*ns),
        _ => None,
    };
    // The name tells it as well where the head cannot be read.
    let created = header.as_ref().and_then(|header| at(header.created_ns)).or_else(|| id.created());
    let request = header.map(|header| match Request::read(&header.request) {
        Ok(request) => request.line(),
        // Of another version, or another program's.
        Err(_) => header.request,
    });
    Line { id, word: Word::of(&condition), created, ended, request }
}

/// A run, looked at closely.
#[derive(Debug)]
pub(crate) struct Shown {
    /// As in the list.
    pub(crate) line: Line,
    /// What its journal says.
    pub(crate) recorded: Recorded,
    /// What was asked for, as far as it can be read.
    pub(crate) request: Option<Request>,
}

impl Shown {
    /// Counts the steps with a status.
    pub(crate) fn count(&self, status: Status) -> u64 {
        self.recorded.state.count(status)
    }
}

/// Looks at a run without touching it.
pub(crate) fn show(app: &App, id: &RunId) -> Result<Shown, Error> {
    let runs = runs_of(app);
    let recorded = runs.show(id)?;
    let listed = runs.list()?.into_iter().find(|listed| listed.id == *id);
    let listed = listed.ok_or_else(|| pintail_transfer::journal::RegistryError::NoSuchRun(id.clone()))?;
    let request = Request::read(&recorded.header.request).ok();
    Ok(Shown { line: line(listed), recorded, request })
}

/// Returns the newest run that can go on.
pub(crate) fn newest_stopped(app: &App) -> Result<Option<RunId>, Error> {
    Ok(runs(app)?.into_iter().rev().find(|line| line.word.goes_on()).map(|line| line.id))
}

/// Goes on with a run where it was left.
pub(crate) async fn resume(app: &App, id: &RunId, face: &dyn Face) -> Result<(Request, Ended), Error> {
    let runs = runs_of(app);
    if runs
        .list()?
        .into_iter()
        .any(|listed| listed.id == *id && Word::of(&listed.condition) == Word::Cancelled)
    {
        return Err(Error::Usage(format!("the transfer {id} was cancelled and does not go on")));
    }
    let header = runs.show(id)?.header;
    let request = Request::read(&header.request)?;
    // Before the run is taken up: who has to sign in first has changed nothing yet.
    let (ends, tuning) = sites::reopen(app, &header.routes).await?;
    let settings = settings(&request.options, tuning.as_ref())?;
    let both = match header.routes.first().zip(ends.first()) {
        Some((route, ends)) if request.options.two_way => {
            let rules = rules(app, &request, None, tuning.as_ref(), &settings)?;
            Some(both_ways::take_up(app, route, ends, rules)?)
        }
        _ => None,
    };
    // An interruption waits until what was done is remembered as well.
    let _guard = both.as_ref().map(|_| app.interrupt().guard());
    let mut run = runs.resume(id, env!("CARGO_PKG_VERSION"), app.clock())?;
    let labels = labels_of(&header.routes);
    let mut ended = go_on(app, &mut run, &request, &settings, &ends, &labels, face).await;
    ended.unremembered = remember(app, both, &run.plan, &run.state, face).await;
    Ok((request, ended))
}

/// Takes back what a run had begun.
pub(crate) async fn cancel(app: &App, id: &RunId) -> Result<Cancelled, Error> {
    let runs = runs_of(app);
    let header = runs.show(id)?.header;
    let (ends, _) = sites::reopen(app, &header.routes).await?;
    let mut run = runs.resume(id, env!("CARGO_PKG_VERSION"), app.clock())?;
    let (progress, stop) = (Progress::default(), Stop::default());
    let context = Context {
        clock: app.clock(),
        random: app.random(),
        listener: &Deaf,
        progress: &progress,
        stop: &stop,
    };
    let work = Work { plan: &run.plan, state: &mut run.state, journal: Some(&mut run.journal), ends: &ends };
    let _guard = app.interrupt().guard();
    Ok(execute::cancel(work, context).await?)
}

/// Hears nothing: what is taken back is counted.
struct Deaf;

impl Listener for Deaf {
    fn ended(&self, _step: &Step, _end: &StepEnd) {}

    fn bytes(&self, _bytes: &[u8]) -> std::io::Result<()> {
        Ok(())
    }
}

/// What was cleared away.
#[derive(Debug, Default)]
pub(crate) struct Cleaned {
    /// Runs that are forgotten.
    pub(crate) removed: Vec<RunId>,
    /// Uploads and files that were taken back first.
    pub(crate) taken_back: u64,
    /// Uploads that they may have begun, or another program: they are left alone.
    pub(crate) strays: Vec<Stray>,
    /// Runs that could not be, and why.
    pub(crate) failed: Vec<(RunId, Error)>,
}

/// Forgets runs: those that ended, and with an age also those that could go on and are as old; what these had begun is taken back first.
pub(crate) async fn clean(app: &App, older_than: Option<SignedDuration>) -> Result<Cleaned, Error> {
    let runs = runs_of(app);
    let mut cleaned = Cleaned::default();
    let now = app.now();
    for listed in runs.list()? {
        let line = line(listed);
        let last = line.ended.or(line.created);
        let old = |age: SignedDuration| last.is_none_or(|at| now.duration_since(at) >= age);
        let goes = match line.word {
            Word::Running => false,
            Word::NotBegun => true,
            Word::Complete | Word::Cancelled => older_than.is_none_or(old),
            Word::Stopped | Word::Failed | Word::Unreadable => older_than.is_some_and(old),
        };
        if !goes {
            continue;
        }
        if line.word.goes_on() {
            match cancel(app, &line.id).await {
                Ok(cancelled) => {
                    cleaned.taken_back += cancelled.taken_back;
                    cleaned.strays.extend(cancelled.strays);
                }
                Err(error) => {
                    cleaned.failed.push((line.id, error));
                    continue;
                }
            }
        }
        match runs.remove(&line.id) {
            Ok(()) => cleaned.removed.push(line.id),
            Err(error) => cleaned.failed.push((line.id, error.into())),
        }
    }
    Ok(cleaned)
}

/// Forgets runs that ended well long ago, and those that failed and left nothing behind. Nobody is told: a run that cannot be forgotten is tried
/// again the next time.
pub(super) fn sweep(app: &App, age: SignedDuration) -> Result<(), Error> {
    let runs = runs_of(app);
    let now = app.now();
    for listed in runs.list()? {
        let goes = match &listed.condition {
            Condition::NotBegun => true,
            Condition::Ended(ns, outcome) => {
                let old =
                    Timestamp::from_nanosecond(i128::from(*ns)).is_ok_and(|at| now.duration_since(at) >= age);
                old && match outcome {
                    Outcome::Complete | Outcome::Cancelled => true,
                    // Its parts cost money at the service, and only it knows of them.
                    Outcome::Failed => runs.show(&listed.id)?.state.leftovers().next().is_none(),
                    Outcome::Interrupted => false,
                }
            }
            Condition::Running | Condition::Stopped | Condition::Unreadable(_) => false,
        };
        if goes {
            runs.remove(&listed.id)?;
        }
    }
    Ok(())
}

/// Unfinished uploads, and whoever reaches them.
#[derive(Debug)]
pub(crate) struct Orphans {
    /// The uploads.
    pub(crate) found: Vec<Orphan>,
    remote: Remote,
}

/// Finds unfinished uploads below an address that were begun long enough ago and that no run of this machine is going to finish.
pub(crate) async fn orphans(
    app: &App,
    address: &Address,
    older_than: SignedDuration,
) -> Result<Orphans, Error> {
    let remote = sites::remote(app, address).await?;
    let mut found = orphans::orphans(&remote, &runs_of(app)).await?;
    let now = app.now();
    found.retain(|orphan| orphan.initiated.is_none_or(|at| now.duration_since(at) >= older_than));
    Ok(Orphans { found, remote })
}

/// Aborts uploads. Returns how many were there, and the first failure.
pub(crate) async fn abort(orphans: &Orphans) -> (u64, Option<Error>) {
    let uploads: Vec<_> = orphans.found.iter().map(|orphan| orphan.upload.clone()).collect();
    let (mut aborted, mut failure) = (0, None);
    for outcome in orphans::abort(&orphans.remote, &uploads).await {
        match outcome {
            Ok(was_there) => aborted += u64::from(was_there),
            Err(error) => {
                failure.get_or_insert(Error::Store(error));
            }
        }
    }
    (aborted, failure)
}

/// Returns the routes of a run that were asked for. As many others come behind them, which a plan may need
/// ([`Prepared::ends`](pintail_transfer::prepare::Prepared)).
pub(crate) fn routes_asked_for(routes: &[Route]) -> &[Route] {
    &routes[..routes.len().div_ceil(2)]
}

/// Returns the bookmark and bucket of a place, for messages.
pub(crate) fn place_words(place: &Place) -> String {
    match place {
        Place::Local(path) => path.clone(),
        Place::Remote { bookmark, bucket, prefix } => format!("{bookmark}:{bucket}/{prefix}"),
        Place::Stdio => "-".to_owned(),
    }
}

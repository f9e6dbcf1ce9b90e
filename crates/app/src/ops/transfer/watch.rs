//! A sync that goes on: both sides are watched, and what changed is synced in rounds.
//!
//! Each round is an ordinary plan, of the names that changed where they are known and of everything otherwise: at the beginning, every hour, and
//! whenever something may have been missed. What failed is tried again. Decided here: what the next round is about and when it
//! comes; what is shown of it is `cli`'s.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pintail_connect::SystemRandom;
use pintail_core::seam::Random;
use pintail_transfer::entry::Entry;
use pintail_transfer::execute::{Progress, StepEnd};
use pintail_transfer::filter::NameList;
use pintail_transfer::journal::{Outcome, RunId};
use pintail_transfer::listing;
use pintail_transfer::local::WalkOptions;
use pintail_transfer::name::Platform;
use pintail_transfer::policy::mirror::DeleteRefusal;
use pintail_transfer::prepare::{Answer, Seen};
use pintail_transfer::site::Site;
use pintail_transfer::watch::{Changes, FolderOptions, Happened, NoEvents, Timing, Watch, WatchError, Why};
use tokio::time::Instant;

use super::request::Request;
use super::run::{Ended, LOOKS_MAX, Planned, carry_out, plan, settings};
use super::{Face, Labels, Told, registry, sites};
use crate::ops::{App, Error};

#[cfg(test)]
mod tests;

/// Everything is compared this often, whatever was told: a watch may miss what another machine does to a shared folder.
const FULL_EVERY: Duration = Duration::from_secs(3600);

/// The longest wait before what failed is tried again.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// The first and the longest wait for somebody to sign in.
const SIGN_IN_WAIT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// So many failed names are kept to be tried again; with more everything is.
const FAILED_MAX: usize = 1000;

/// A sync that goes on.
#[derive(Debug)]
pub(crate) struct Watching {
    request: Request,
    watches: Vec<Watch>,
    /// How both ends are called.
    labels: Labels,
    /// Why the folder is walked every so often, if it is.
    no_events: Option<NoEvents>,
    pending: Option<Changes>,
    /// No round before this: the last one failed as a whole.
    not_before: Option<Instant>,
    /// What failed, and when it is tried again.
    retry: Option<(Changes, Instant)>,
    failures: u32,
    full_at: Instant,
    /// What the target has, as far as is known since everything was compared last.
    target_entries: u64,
    /// How many were deleted since.
    deleted: u64,
    /// Runs that failed and are not gone on with, since everything is planned anew.
    given_up: Vec<RunId>,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Turn {
    /// A round of these changes.
    Round(Changes),
    /// Something to tell.
    Says(Notice),
}

/// Something to tell.
#[derive(Debug)]
pub(crate) enum Notice {
    /// From now on the folder is walked every so often.
    Walks(NoEvents),
    /// Everything will be compared, for a reason.
    Everything(Why),
    /// A look failed.
    LookFailed(Error),
}

/// A round that was planned.
#[derive(Debug)]
pub(crate) struct PlannedRound {
    /// What will be done.
    pub(crate) planned: Planned,
    /// Why nothing of it is a deletion, though there would be some.
    pub(crate) refusal: Option<DeleteRefusal>,
}

/// A round that was carried out.
#[derive(Debug)]
pub(crate) struct Round {
    /// What came of it; `None` where there was nothing to do.
    pub(crate) ended: Option<Ended>,
    /// What failed.
    failed: Vec<String>,
}

impl Watching {
    /// Begins to watch. When it returns, no change goes unseen any more; the first round is about everything.
    pub(crate) async fn start(app: &App, request: Request, poll: Duration) -> Result<Self, Error> {
        let mut opened = sites::open(app, &request).await?;
        let settings = settings(&request.options, opened.tuning.as_ref())?;
        let job = opened.jobs.swap_remove(0);
        let spool = app.environment().folders.state.join("spool");
        let timing = Timing::with_poll(poll);
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let watched =
            if request.options.two_way { vec![job.ends.from, job.ends.to] } else { vec![job.ends.from] };
        let (mut watches, mut no_events) = (Vec::new(), None);
        for site in watched {
            let random = Arc::clone(&random);
            let watch = match site {
                Site::Local(root) => {
                    let walk = WalkOptions {
                        links: request.options.walk_links(),
                        folders: request.options.walk_folders(),
                        platform: Platform::HERE,
                    };
                    let options = FolderOptions { walk, spool: spool.clone() };
                    Watch::folder(&root, options, timing, random).await?
                }
                Site::Remote(remote) => {
                    let page = opened.tuning.as_ref().and_then(|tuning| tuning.list_page);
                    let options =
                        listing::Options { connections_max: settings.connections_max.min(LOOKS_MAX), page };
                    Watch::prefix(remote, options, spool.clone(), timing, random).await?
                }
                // Nothing is synced with standard input.
                Site::Stdio => continue,
            };
            no_events = watch.no_events().cloned().or(no_events);
            watches.push(watch);
        }
        Ok(Self::of(request, watches, opened.labels.swap_remove(0), no_events))
    }

    fn of(request: Request, watches: Vec<Watch>, labels: Labels, no_events: Option<NoEvents>) -> Self {
        Self {
            request,
            watches,
            labels,
            no_events,
            pending: Some(Changes::Everything(Why::Gap)),
            not_before: None,
            retry: None,
            failures: 0,
            full_at: Instant::now() + FULL_EVERY,
            target_entries: 0,
            deleted: 0,
            given_up: Vec::new(),
        }
    }

    /// Returns how both ends are called.
    pub(crate) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Tells why the folder is walked every so often, if it is.
    pub(crate) fn no_events(&self) -> Option<&NoEvents> {
        self.no_events.as_ref()
    }

    /// Waits for what comes next.
    pub(crate) async fn next(&mut self) -> Result<Turn, Error> {
        loop {
            let now = Instant::now();
            if self.full_at <= now {
                // Said once: what waits to be tried again does not make the next hour come at once.
                self.full_at = now + FULL_EVERY;
                self.pending = Some(Changes::Everything(Why::Gap));
            }
            if let Some((changes, _)) = self.retry.take_if(|(_, at)| *at <= now) {
                self.add(changes);
            }
            if self.not_before.is_none_or(|at| at <= now)
                && let Some(changes) = self.pending.take()
            {
                self.not_before = None;
                return Ok(Turn::Round(changes));
            }
            // Whatever waits has its time; the hour comes in any case, but not before what is held back: until then nothing comes of it.
            let held = self.not_before.filter(|_| self.pending.is_some());
            let retry = self.retry.as_ref().map(|(_, at)| *at);
            let wake = retry.into_iter().fold(held.unwrap_or(self.full_at), Instant::min);
            let wake = wake.max(now + Duration::from_millis(1));
            tokio::select! {
                happened = any(&mut self.watches) => {
                    if let Some(notice) = self.heard(happened?) {
                        return Ok(Turn::Says(notice));
                    }
                }
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    fn heard(&mut self, happened: Happened) -> Option<Notice> {
        match happened {
            Happened::Changed(changes) => {
                let why = match &changes {
                    Changes::Everything(why) => Some(*why),
                    Changes::Names(_) => None,
                };
                self.add(changes);
                why.map(Notice::Everything)
            }
            Happened::Walks(why) => Some(Notice::Walks(why)),
            Happened::Failed(error) => Some(Notice::LookFailed(Error::Watch(WatchError::Look(error)))),
        }
    }

    fn add(&mut self, changes: Changes) {
        match &mut self.pending {
            Some(pending) => pending.add(changes),
            None => self.pending = Some(changes),
        }
    }

    /// Plans a round. Where it would delete more than may be, it deletes nothing.
    ///
    /// The limit is meant for the whole target and for all rounds since everything was compared: many small deletions come to as much as one large one.
    pub(crate) async fn plan(
        &self,
        app: &App,
        changes: &Changes,
        face: &dyn Face,
    ) -> Result<PlannedRound, Error> {
        let mut request = self.request.clone();
        let only = match changes {
            // What both sides had in common is known for all names only.
            Changes::Names(names) if !request.options.two_way => {
                let left =
                    request.options.delete_limit()?.most(self.target_entries).saturating_sub(self.deleted);
                request.options.delete_max = Some(left.to_string());
                Some(NameList::new(names.iter().map(String::as_str)).map_err(Error::NameList)?)
            }
            _ => None,
        };
        let planned = plan(app, request.clone(), only.clone(), face).await?;
        if request.options.two_way {
            // Deletions cannot be left out of it: they would come back. Where there are too many, nothing is done.
            return Ok(PlannedRound { planned, refusal: None });
        }
        let Some(refusal) = planned.refusal else { return Ok(PlannedRound { planned, refusal: None }) };
        request.options.delete = false;
        let planned = plan(app, request, only, face).await?;
        Ok(PlannedRound { planned, refusal: Some(refusal) })
    }

    /// Carries a round out. What has nothing to do begins no run.
    pub(crate) async fn carry_out(
        &mut self,
        app: &App,
        changes: &Changes,
        planned: Planned,
        face: &dyn Face,
    ) -> Result<Round, Error> {
        let totals = planned.plan.totals();
        let acting = totals.copies + totals.deletes + totals.others;
        self.saw(changes, planned.seen);
        // What both sides have alike is kept by carrying out a plan of nothing, too: without it the next deletion would come back.
        if acting == 0 && !self.request.options.two_way {
            return Ok(Round { ended: None, failed: Vec::new() });
        }
        let failures = Failures { face, names: Mutex::default() };
        let ended = carry_out(app, planned, &failures).await?;
        if let Some(error) = &ended.unremembered {
            tracing::warn!(%error, "what both sides have in common could not be kept");
        }
        if acting == 0 && ended.report.as_ref().is_ok_and(|report| report.outcome != Outcome::Interrupted) {
            return Ok(Round { ended: None, failed: Vec::new() });
        }
        self.deleted += ended.done.deletes;
        let failed = failures.names.into_inner().expect("no holder of this lock panics");
        Ok(Round { ended: Some(ended), failed })
    }

    /// Takes in what was seen for a round.
    fn saw(&mut self, changes: &Changes, seen: Seen) {
        if matches!(changes, Changes::Everything(_)) || self.request.options.two_way {
            self.full_at = Instant::now() + FULL_EVERY;
            // After it the target has what the source has, and perhaps more.
            (self.target_entries, self.deleted) = (seen.left.max(seen.right), 0);
        } else {
            self.target_entries += seen.left.saturating_sub(seen.right);
        }
    }

    /// Takes in how a round went. Returns how long it takes until what failed is tried again.
    pub(crate) async fn ended(&mut self, app: &App, changes: Changes, round: &Round) -> Option<Duration> {
        let report = round.ended.as_ref().and_then(|ended| ended.report.as_ref().ok());
        let all =
            round.ended.is_some() && report.is_none() || report.is_some_and(|report| report.not_tried > 0);
        let some = report.is_some_and(|report| report.failed > 0);
        if !all && !some {
            self.failures = 0;
            self.forget(app).await;
            return None;
        }
        self.gives_up(round);
        let again = if all || round.failed.is_empty() || round.failed.len() >= FAILED_MAX {
            changes
        } else {
            Changes::Names(round.failed.iter().cloned().collect::<BTreeSet<_>>())
        };
        let wait = self.back_off();
        let at = Instant::now() + wait;
        self.retry = Some(match self.retry.take() {
            Some((mut changes, _)) => {
                changes.add(again);
                (changes, at)
            }
            None => (again, at),
        });
        Some(wait)
    }

    /// Takes in that a round's run is not gone on with. What it had begun is taken back when a later round went well.
    pub(crate) fn gives_up(&mut self, round: &Round) {
        self.given_up.extend(round.ended.as_ref().and_then(|ended| ended.run.clone()));
    }

    /// Takes in that a round failed as a whole. Returns how long it takes until it is tried again.
    pub(crate) fn failed(&mut self, changes: Changes) -> Duration {
        let wait = self.back_off();
        self.wait(changes, wait)
    }

    /// Takes in that somebody has to sign in first. Returns how long it takes until it is tried again.
    pub(crate) fn waits_for_sign_in(&mut self, changes: Changes) -> Duration {
        let (first, most) = SIGN_IN_WAIT;
        let wait = first.saturating_mul(1 << self.failures.min(10)).min(most);
        self.failures = self.failures.saturating_add(1);
        self.wait(changes, wait)
    }

    fn wait(&mut self, changes: Changes, wait: Duration) -> Duration {
        self.add(changes);
        self.not_before = Some(Instant::now() + wait);
        wait
    }

    fn back_off(&mut self) -> Duration {
        let wait = Duration::from_secs(1 << self.failures.min(10)).min(RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
        wait
    }

    /// Takes back what failed runs had begun: rounds are planned anew and do not go on with them.
    async fn forget(&mut self, app: &App) {
        for run in std::mem::take(&mut self.given_up) {
            if let Err(error) = registry::cancel(app, &run).await {
                // It stays in the list of transfers, from where a person can do it.
                tracing::warn!(%run, %error, "a failed run could not be taken back");
            }
        }
        // There is nothing left to go on with.
        app.interrupt().forget_word();
    }
}

/// Waits for the first of them.
async fn any(watches: &mut [Watch]) -> Result<Happened, WatchError> {
    match watches {
        [] => std::future::pending().await,
        [one] => one.next().await,
        [one, rest @ ..] => {
            tokio::select! {
                happened = one.next() => happened,
                happened = Box::pin(any(rest)) => happened,
            }
        }
    }
}

/// Passes everything on, and keeps the names of steps that failed.
struct Failures<'a> {
    face: &'a dyn Face,
    names: Mutex<Vec<String>>,
}

impl Face for Failures<'_> {
    fn seen(&self, entries: u64) {
        self.face.seen(entries);
    }

    fn ask(&self, names: &Labels, source: &Entry, target: &Entry) -> Answer {
        self.face.ask(names, source, target)
    }

    fn ended(&self, told: Told<'_>, end: &StepEnd) {
        if let StepEnd::Failed(_) = end {
            let mut names = self.names.lock().expect("no holder of this lock panics");
            if names.len() < FAILED_MAX {
                names.push(told.step.name.as_str().to_owned());
            }
        }
        self.face.ended(told, end);
    }

    fn bytes(&self, bytes: &[u8]) -> std::io::Result<()> {
        self.face.bytes(bytes)
    }

    fn tick(&self, progress: &Progress) {
        self.face.tick(progress);
    }
}

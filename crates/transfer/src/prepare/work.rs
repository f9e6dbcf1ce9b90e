//! What a plan under way holds: its builder, what was seen, and which way bytes go.

use std::sync::Arc;

use pintail_core::seam::Random;

use super::apart::Reads;
use super::{Context, Job, PrepareError, Rules, Seen};
use crate::diff::{Pair, Side};
use crate::entry::Entry;
use crate::filter::Met;
use crate::name::Name;
use crate::plan::{MEMORY_MAX_BYTES, Place, Plan, PlanBuilder, Route, Step, Task, spool};
use crate::policy::Guard;
use crate::site::{Ends, Site};

/// So many entries are seen between two calls of [`Talk::seen`](super::Talk::seen).
const SEEN_STEP: u64 = 1000;

/// A plan under way.
pub(super) struct Making<'a> {
    pub(super) rules: &'a Rules,
    pub(super) context: Context<'a>,
    pub(super) seen: Seen,
    builder: PlanBuilder,
    routes: Vec<Route>,
    ends: Vec<Ends>,
    /// What copies must not write over.
    pub(super) reads: Reads,
    /// Folders that go because nothing stays in them.
    emptied: u64,
    /// How many routes jobs have; those after them are of prefixes that are keys themselves.
    jobs: u32,
    entries: u64,
    started: jiff::Timestamp,
    /// Which names of the list were met, and when one is missing; `None` where nobody asks.
    missing: Option<(Missing, Met<'a>)>,
}

/// When a name of the list of names is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// When no source has it.
    AtSource,
    /// When neither side has it: what one side lacks may be what has to be deleted on the other.
    OnBothSides,
}

impl<'a> Making<'a> {
    /// Begins a plan. Behind the routes of the jobs come as many others, for the keys that are the prefix of a source themselves and have no
    /// name below it.
    pub(super) fn new(jobs: &[Job], rules: &'a Rules, context: Context<'a>) -> Self {
        let (above, ends): (Vec<Route>, Vec<Ends>) = jobs.iter().map(above).unzip();
        let routes: Vec<Route> = jobs.iter().map(|job| job.route.clone()).chain(above).collect();
        let ends = jobs.iter().map(|job| job.ends.clone()).chain(ends).collect();
        let folder = rules.spool.clone();
        let mut number = [0; 8];
        context.random.fill(&mut number);
        let random = Arc::new(pintail_core::seam::SeededRandom::new(u64::from_le_bytes(number)));
        let builder = PlanBuilder::spooling(routes.clone(), rules.cutting, MEMORY_MAX_BYTES, move || {
            spool(&folder, &*random as &dyn Random)
        });
        Self {
            rules,
            context,
            seen: Seen::default(),
            builder,
            routes,
            ends,
            reads: Reads::default(),
            emptied: 0,
            jobs: u32::try_from(jobs.len()).expect("jobs were named one by one"),
            entries: 0,
            started: context.clock.now(),
            missing: None,
        }
    }

    /// From now on, names of the list of names that are met are remembered, and the others told at the end.
    pub(super) fn misses(&mut self, missing: Missing) {
        self.missing = Some((missing, Met::new(&self.rules.filter)));
    }

    fn meets(&self, name: &Name) {
        if let Some((_, met)) = &self.missing {
            met.meets(name.as_str());
        }
    }

    /// Tells the names of the list that were not met, and are not there unmet either.
    fn tell_missing(&mut self) {
        let Some((missing, met)) = self.missing.take() else { return };
        for name in met.others() {
            let there = |ends: &Ends| {
                ends.from.may_have(name) || missing == Missing::OnBothSides && ends.to.may_have(name)
            };
            if !self.ends.iter().any(there) {
                self.seen.missing += 1;
                self.context.talk.missing(name);
            }
        }
    }

    pub(super) fn push(&mut self, step: &Step) -> Result<(), PrepareError> {
        // What cannot be taken is there, and comes as no pair.
        if matches!(step.task, Task::Refuse(_) | Task::Skip(_)) {
            self.meets(&step.name);
        }
        if step.task.moves_bytes() {
            let (route, ends) = (&self.routes[step.route as usize], &self.ends[step.route as usize]);
            self.reads.check(&route.to, &ends.to, step.target())?;
        }
        Ok(self.builder.push(step)?)
    }

    /// Counts a pair, for whoever watches.
    pub(super) fn sees(&mut self, pair: &Pair) {
        match (pair, &self.missing) {
            (_, None) | (Pair::Right(_), Some((Missing::AtSource, _))) => {}
            (pair, Some((_, met))) => met.meets(pair.name().as_str()),
        }
        let before = self.entries / SEEN_STEP;
        self.entries += if matches!(pair, Pair::Both(..)) { 2 } else { 1 };
        if self.entries / SEEN_STEP > before {
            self.context.talk.seen(self.entries);
        }
    }

    /// Deletes folders that nothing stays in.
    pub(super) fn remove_folders(
        &mut self,
        route: u32,
        side: Side,
        folders: Vec<Name>,
    ) -> Result<(), PrepareError> {
        folders.into_iter().try_for_each(|folder| {
            self.emptied += 1;
            let step = Step::new(Task::Delete(side), folder, 0);
            self.push(&Step { route, guard: Guard::None, ..step })
        })
    }

    /// Deletes the key that is the prefix of a route itself.
    pub(super) fn itself(&self, route: u32, entry: &Entry) -> Vec<Step> {
        let step = Step::new(Task::Delete(Side::Left), entry.name.clone(), 0);
        vec![Step { route: self.jobs + route, guard: Guard::over(Some(entry)), ..step }]
    }

    /// Returns how many deletions of something that counts there are so far: a folder that goes because all in it goes is none.
    pub(super) fn deletions(&self) -> u64 {
        self.builder.totals().deletes - self.emptied
    }

    /// Returns the plan, its ends and what was seen.
    pub(super) fn finish(mut self) -> Result<(Plan, Vec<Ends>, Seen), PrepareError> {
        self.tell_missing();
        self.builder.add_listed_pages(self.seen.pages);
        let took = self.context.clock.now().duration_since(self.started);
        // A clock that was set back says nothing.
        self.seen.took = took.try_into().unwrap_or_default();
        self.context.talk.seen(self.entries);
        Ok((self.builder.finish()?, self.ends, self.seen))
    }
}

/// The route from one level above a source: what its prefix ends with is a name there.
fn above(job: &Job) -> (Route, Ends) {
    let (mut route, mut ends) = (job.route.clone(), job.ends.clone());
    if let (Place::Remote { prefix, .. }, Site::Remote(remote)) = (&mut route.from, &mut ends.from) {
        let end = prefix.trim_end_matches('/').rfind('/').map_or(0, |at| at + 1);
        prefix.truncate(end);
        let own = remote.prefix.as_str();
        let end = own.trim_end_matches('/').rfind('/').map_or(0, |at| at + 1);
        remote.prefix = own[..end].parse().expect("the beginning of a prefix is one");
    }
    (route, ends)
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
    Within,
    Through,
}

impl Way {
    /// # Errors
    /// When neither end is in a bucket.
    pub(super) fn of(job: &Job) -> Result<Self, PrepareError> {
        match (&job.ends.from, &job.ends.to) {
            (Site::Local(_) | Site::Stdio, Site::Remote(_)) => Ok(Self::Up),
            (Site::Remote(_), Site::Local(_) | Site::Stdio) => Ok(Self::Down),
            (Site::Remote(_), Site::Remote(_)) => match (&job.route.from, &job.route.to) {
                (Place::Remote { bookmark: from, .. }, Place::Remote { bookmark: to, .. }) if from == to => {
                    Ok(Self::Within)
                }
                _ => Ok(Self::Through),
            },
            (Site::Local(_) | Site::Stdio, Site::Local(_) | Site::Stdio) => Err(PrepareError::NothingRemote),
        }
    }

    pub(super) fn task(self) -> Task {
        match self {
            Self::Up => Task::Upload,
            Self::Down => Task::Download,
            Self::Within => Task::CopyWithin,
            Self::Through => Task::CopyThrough,
        }
    }

    pub(super) fn goes_up(self) -> bool {
        self == Self::Up
    }

    /// Tells whether both ends are in buckets.
    pub(super) fn is_remote(self) -> bool {
        matches!(self, Self::Within | Self::Through)
    }
}

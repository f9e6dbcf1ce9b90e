//! Two ways, name by name: both sides and what is remembered, side by side.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use super::look::{self, Effort};
use super::memory::{Memory, Writing};
use super::pairing::{self, Decided, Judge, Missed, Pairing, Sides, Verdict, What};
use super::side::{self, Feed, Part};
use super::work::{Making, Way};
use super::{Job, PrepareError, Rules};
use crate::base::{Base, BaseError, Lookup};
use crate::diff::{Pair, Side};
use crate::entry::{Entry, Kind};
use crate::local::Links;
use crate::local::walk::Folders;
use crate::name::Name;
use crate::plan::{Refusal, Step, Task};
use crate::policy::conflict::kept_as;
use crate::policy::two_way::{Action, Effect, Remembered, decide, keep_both};
use crate::policy::{Comparison, Guard, Means, Need};
use crate::site::Site;

/// The routes of a plan both ways.
const TO_RIGHT: u32 = 0;
const TO_LEFT: u32 = 1;

/// Plans a sync both ways. What is to be remembered of names that need no step is in the memory.
pub(super) async fn plan(
    making: &mut Making<'_>,
    job: &Job,
    back: &Job,
    base: &Path,
) -> Result<Memory, PrepareError> {
    let rules = making.rules;
    let mut known = Base::open(base, &job.route)?.peekable();
    let part = if known.peek().is_some() { Part::Peer } else { Part::NewPeer };
    let places = Arc::new(Semaphore::new(rules.connections_max.max(1)));
    let filter = Arc::new(rules.filter.clone());
    let left = Feed::open(&side::sharing(&job.ends.from, &places), part, rules, &filter);
    let right = Feed::open(&side::sharing(&job.ends.to, &places), part, rules, &filter);
    drop(filter);
    let is_local = |site: &Site| matches!(site, Site::Local(_));
    let local = match (&job.ends.from, &job.ends.to) {
        (Site::Local(_), _) => Some(Side::Left),
        (_, Site::Local(_)) => Some(Side::Right),
        _ => None,
    };
    let shared = Shared {
        job,
        rules,
        ways: [Way::of(job)?, Way::of(back)?],
        at: making.context.clock.now(),
        looks: AtomicU64::new(0),
        places,
    };
    let memory = Memory::new(&rules.spool, making.context.random);
    let twins = [&job.ends.from, &job.ends.to].into_iter().find_map(|site| super::twins::of(site, rules));
    let sides = Sides::new(job, rules, Pairing::new(left, right), twins);
    let mut both = BothWays {
        shared: &shared,
        base: Lookup::new(Box::new(known)),
        writing: memory.begin(&job.route, making.context.random)?,
        local,
    };
    let emptied = [is_local(&job.ends.from), is_local(&job.ends.to)];
    pairing::go_through(sides, &mut both, emptied, TO_RIGHT, making).await?;
    making.seen.looks += shared.looks.load(Ordering::Relaxed);
    both.writing.finish()?;
    Ok(memory)
}

struct Shared<'a> {
    job: &'a Job,
    rules: &'a Rules,
    ways: [Way; 2],
    at: jiff::Timestamp,
    looks: AtomicU64,
    places: Arc<Semaphore>,
}

type Known<'a> = Box<dyn Iterator<Item = Result<(Name, Remembered), BaseError>> + Send + 'a>;

struct BothWays<'a> {
    shared: &'a Shared<'a>,
    base: Lookup<Known<'a>>,
    writing: Writing,
    /// The side of the disk, if one is.
    local: Option<Side>,
}

/// A name that keeps what is remembered of it.
fn remembers(name: Name, remembered: Option<Remembered>) -> Decided {
    Decided { remembered, ..Decided::nothing(name) }
}

impl<'a> Judge<'a> for BothWays<'a> {
    fn missed(&mut self, sides: &Sides<'_>, making: &mut Making<'_>, missed: Missed) -> Decided {
        let Missed { side, name, what } = missed;
        let mut decided = Decided::stays(name.clone(), side);
        if let What::Unfit(why) = what {
            if pairing::name_takes_part(&sides.filter, &name) {
                decided.steps.push(step(TO_RIGHT, pairing::left_out(making, &why), name));
            } else {
                making.seen.left_out += 1;
            }
        }
        decided
    }

    /// Neither side has it: forgotten, but for what nobody could see.
    fn absent(&mut self, sides: &Sides<'_>, before: Option<&Name>) -> Result<Option<Decided>, PrepareError> {
        let Some((gone, remembered)) = self.base.before(before)? else { return Ok(None) };
        let unseen = [Side::Left, Side::Right].iter().any(|side| sides.pairing.is_shadowed(*side, &gone))
            || !pairing::name_takes_part(&sides.filter, &gone);
        Ok(Some(remembers(gone, unseen.then_some(remembered))))
    }

    fn decided(&mut self, decided: &Decided) -> Result<(), PrepareError> {
        if let Some(remembered) = &decided.remembered {
            self.writing.push(&decided.name, remembered)?;
        }
        Ok(())
    }

    fn pair(
        &mut self,
        sides: &mut Sides<'_>,
        making: &mut Making<'_>,
        pair: Pair,
    ) -> Result<Verdict<'a>, PrepareError> {
        let name = pair.name().clone();
        let remembered = self.base.at(&name)?;
        let (mut left, mut right) = pair.sides();
        if self.local.is_none() {
            [&mut left, &mut right].into_iter().flatten().for_each(pairing::as_object);
        }
        let stay = [left.as_ref().map(|_| false), right.as_ref().map(|_| false)];
        let shadowed = [Side::Left, Side::Right].iter().any(|side| sides.pairing.is_shadowed(*side, &name));
        let takes_part = [&left, &right]
            .into_iter()
            .flatten()
            .all(|entry| pairing::takes_part(&sides.filter, Some(entry), None));
        // Of the disk every name counts, also those that stay as they are.
        let on_disk = match self.local {
            Some(Side::Left) => left.is_some(),
            Some(Side::Right) => right.is_some(),
            None => false,
        };
        if let Some(twins) = sides.twins.as_mut().filter(|_| on_disk) {
            let _ = twins.check(&name);
        }
        if !takes_part || shadowed {
            making.seen.left_out += u64::from(!takes_part);
            return Ok(Verdict::Made(Decided { goes: stay, ..remembers(name, remembered) }));
        }
        making.seen.left += u64::from(left.is_some());
        making.seen.right += u64::from(right.is_some());
        let is_folder = [&left, &right].into_iter().flatten().any(|entry| entry.kind == Kind::Folder);
        if is_folder && self.shared.rules.folders == Folders::None {
            return Ok(Verdict::Made(Decided { goes: stay, ..remembers(name, remembered) }));
        }
        if is_folder && remembered.is_none() && left.is_some() != right.is_some() {
            let side = if left.is_some() { Side::Left } else { Side::Right };
            let filled = self.local == Some(side) && sides.pairing.is_filled(side, &name);
            if filled && self.shared.rules.folders != Folders::All {
                // A folder that is there for what is in it goes with it.
                let goes = stay.map(|stays| stays.map(|_| true));
                return Ok(Verdict::Made(Decided { goes, ..Decided::nothing(name) }));
            }
        }
        let comparison = Comparison { means: Means::Checksum, ..self.shared.rules.comparison() };
        let action = decide(remembered.as_ref(), left.as_ref(), right.as_ref(), |left, right| {
            comparison.same(left, right)
        });
        if let Action::Copy { to, .. } = &action {
            let source = if *to == Side::Right { &left } else { &right };
            let source = source.as_ref().expect("what is copied is there").clone();
            let exists = left.is_some() && right.is_some();
            if let Some(refusal) = sides.refusal(&source, *to, exists, !exists) {
                let refused = step(TO_RIGHT, Task::Refuse(refusal), name.clone());
                let steps = vec![Step { size_bytes: source.size_bytes, ..refused }];
                return Ok(Verdict::Made(Decided { goes: stay, steps, ..remembers(name, remembered) }));
            }
        }
        Ok(match action {
            Action::Need(Need::Content | Need::Metadata) | Action::KeepBoth => {
                let unclear = matches!(action, Action::Need(_));
                let (left, right) = left.zip(right).expect("both have what is compared");
                Verdict::Waits(Box::pin(settle(self.shared, left, right, unclear)))
            }
            action => Verdict::Made(self.shared.act(action, left, right, remembered)),
        })
    }
}

fn step(route: u32, task: Task, name: Name) -> Step {
    Step { route, guard: Guard::None, ..Step::new(task, name, 0) }
}

impl Shared<'_> {
    fn copy(&self, to: Side, source: &Entry, guard: Guard) -> Step {
        let route = if to == Side::Right { TO_RIGHT } else { TO_LEFT };
        let task = match source.kind {
            Kind::Folder => return step(TO_RIGHT, Task::MakeFolder(to), source.name.clone()),
            Kind::File | Kind::Link => self.ways[route as usize].task(),
        };
        Step {
            size_bytes: source.size_bytes,
            modified: source.modified,
            tag: source.tag.clone(),
            guard,
            link: self.rules.links == Links::Keep,
            follows: self.rules.links == Links::Follow,
            ..step(route, task, source.name.clone())
        }
    }

    fn act(
        &self,
        action: Action,
        left: Option<Entry>,
        right: Option<Entry>,
        remembered: Option<Remembered>,
    ) -> Decided {
        let name = left.as_ref().or(right.as_ref()).expect("a pair has a side").name.clone();
        let both = [Some(false), Some(false)];
        match action {
            Action::Copy { to, guard } => {
                let source = if to == Side::Right { &left } else { &right };
                let source = source.as_ref().expect("what is copied is there");
                let steps = vec![self.copy(to, source, guard)];
                Decided { steps, goes: both, ..Decided::nothing(name) }
            }
            Action::Delete { on, guard } => {
                let entry = if on == Side::Left { &left } else { &right };
                let is_folder = entry.as_ref().is_some_and(|entry| entry.kind == Kind::Folder);
                let site = if on == Side::Left { &self.job.ends.from } else { &self.job.ends.to };
                // Folders of the disk go when everything in them went.
                let steps = if is_folder && matches!(site, Site::Local(_)) {
                    Vec::new()
                } else {
                    vec![Step { guard, ..step(TO_RIGHT, Task::Delete(on), name.clone()) }]
                };
                let goes = [on == Side::Left, on == Side::Right].map(|goes| goes.then_some(true));
                Decided { steps, goes, ..Decided::nothing(name) }
            }
            Action::Remember => {
                let now = left.zip(right).map(|(left, right)| Remembered::of(&left, &right));
                Decided { goes: both, same: true, ..remembers(name, now) }
            }
            Action::Nothing | Action::Forget | Action::KeepBoth | Action::Need(_) => {
                let goes = [left, right].map(|side| side.map(|_| false));
                Decided { goes, same: true, ..remembers(name, remembered) }
            }
        }
    }
}

/// Compares what both sides wrote, if that is unclear, and keeps both where they differ.
async fn settle(
    shared: &Shared<'_>,
    left: Entry,
    right: Entry,
    unclear: bool,
) -> Result<Decided, PrepareError> {
    let _place = shared.places.acquire().await.expect("the semaphore is never closed");
    let platform = shared.rules.platform;
    let ends = &shared.job.ends;
    if unclear {
        let mut one = look::Place { site: ends.from.clone(), entry: left.clone() };
        let mut other = look::Place { site: ends.to.clone(), entry: right.clone() };
        let mut looks = 0;
        let same = look::same_bytes(&mut one, &mut other, platform, Effort::Reading, &mut looks).await?;
        shared.looks.fetch_add(looks, Ordering::Relaxed);
        if same == Some(true) {
            return Ok(shared.act(Action::Remember, Some(left), Some(right), None));
        }
        if same.is_none() {
            // A file that cannot be read or changes at this moment: the next run sees it anew.
            let reason = Refusal::Unreadable("it changes while it is compared".into());
            let steps = vec![step(TO_RIGHT, Task::Refuse(reason), left.name.clone())];
            let goes = [Some(false), Some(false)];
            return Ok(Decided { steps, goes, ..Decided::nothing(left.name) });
        }
    }
    let prefix_bytes = [&ends.from, &ends.to].into_iter().map(|site| match site {
        Site::Remote(remote) => remote.prefix.as_str().len(),
        Site::Local(_) | Site::Stdio => 0,
    });
    let prefix_bytes = prefix_bytes.max().unwrap_or_default();
    let mut taken: Vec<Name> = Vec::new();
    let kept = loop {
        let candidate = kept_as(&left.name, shared.at, prefix_bytes, |name| taken.contains(name));
        let mut is_taken = false;
        for site in [&ends.from, &ends.to] {
            if !is_taken {
                shared.looks.fetch_add(u64::from(matches!(site, Site::Remote(_))), Ordering::Relaxed);
                is_taken = look::is_taken(site, &candidate, platform).await?;
            }
        }
        if !is_taken {
            break candidate;
        }
        taken.push(candidate);
    };
    let steps = keep_both(&left.name, &kept).map(|effect| match effect {
        Effect::MoveLeft { from, to } => Step {
            to: Some(to),
            guard: Guard::Absent,
            size_bytes: left.size_bytes,
            modified: left.modified,
            tag: left.tag.clone(),
            ..step(TO_RIGHT, Task::Move(Side::Left), from)
        },
        Effect::Copy { to: Side::Left, .. } => shared.copy(Side::Left, &right, Guard::Absent),
        Effect::Copy { to: Side::Right, name } => {
            // An object that moves is written anew: it has another tag and time.
            let moved = matches!(ends.from, Site::Remote(_));
            let modified = if moved { crate::entry::Modified::UNKNOWN } else { left.modified };
            let source = Entry { name, tag: None, modified, ..left.clone() };
            shared.copy(Side::Right, &source, Guard::Absent)
        }
    });
    let goes = [Some(false), Some(false)];
    Ok(Decided { steps: steps.into(), goes, ..Decided::nothing(left.name) })
}

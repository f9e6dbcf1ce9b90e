//! What is remembered of a sync both ways: written beside the plan, and made true when it was carried out.
//!
//! While the plan is made, a file of its own gets what stays or becomes known of names that need no step. Afterwards it is joined with the steps that were done
//! and with what was remembered before, and replaces the base as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use pintail_core::seam::Random;

use super::look::{self, Effort, Place};
use super::{Context, Job, PrepareError, Rules};
use crate::base::{Base, BaseError, BaseWriter, Lookup};
use crate::diff::Side;
use crate::entry::{Entry, Kind, Modified};
use crate::name::Name;
use crate::plan::{Plan, PlanError, Route, Step, Task};
use crate::policy::two_way::{Remembered, Seen};
use crate::site::Site;

/// What is known of names that need no step, in a file that is removed with this value.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The same while it is written.
#[derive(Debug)]
pub(super) struct Writing(BaseWriter);

impl Memory {
    pub(super) fn new(folder: &Path, random: &dyn Random) -> Self {
        let mut number = [0; 8];
        random.fill(&mut number);
        Self { path: folder.join(format!("known-{:016x}.base", u64::from_le_bytes(number))) }
    }

    pub(super) fn begin(&self, route: &Route, random: &dyn Random) -> Result<Writing, PrepareError> {
        Ok(Writing(BaseWriter::create(&self.path, route, random)?))
    }
}

impl Writing {
    pub(super) fn push(&mut self, name: &Name, remembered: &Remembered) -> Result<(), PrepareError> {
        Ok(self.0.push(name, remembered)?)
    }

    pub(super) fn finish(self) -> Result<(), PrepareError> {
        Ok(self.0.finish()?)
    }
}

/// What is to be written of one name.
enum Fact {
    Known(Remembered),
    /// A step was done: what it made is looked at.
    Made(Step),
}

/// The facts in the order of names.
struct Facts<'a, K: Iterator, S: Iterator> {
    known: std::iter::Peekable<K>,
    steps: std::iter::Peekable<S>,
    /// Steps of names that have their place elsewhere: the second versions of conflicts.
    odd: std::iter::Peekable<std::collections::btree_map::IntoIter<Name, (u64, Step)>>,
    before: Lookup<Base>,
    done: &'a (dyn Fn(u64) -> bool + Sync),
}

impl<K, S> Facts<'_, K, S>
where
    K: Iterator<Item = Result<(Name, Remembered), BaseError>>,
    S: Iterator<Item = Result<(u64, Step), PlanError>>,
{
    fn advance(&mut self) -> Result<Option<(Name, Fact)>, PrepareError> {
        loop {
            let known = match self.known.peek() {
                Some(Ok((name, _))) => Some(name.clone()),
                Some(Err(_)) => return Err(self.failure()),
                None => None,
            };
            let step = match self.steps.peek() {
                Some(Ok((_, step))) => Some(step.name.clone()),
                Some(Err(_)) => return Err(self.failure()),
                None => None,
            };
            let odd = self.odd.peek().map(|(name, _)| name.clone());
            let Some(first) = [&known, &step, &odd].into_iter().flatten().min().cloned() else {
                return Ok(None);
            };
            // What was before and stands in between is forgotten.
            while self.before.before(Some(&first))?.is_some() {}
            if known.as_ref() == Some(&first) {
                let Some(Ok((name, remembered))) = self.known.next() else {
                    unreachable!("it was peeked at")
                };
                // A refusal of what nobody could see says nothing more.
                while self.steps.next_if(|step| matches!(step, Ok((_, step)) if step.name == name)).is_some()
                {
                }
                return Ok(Some((name, Fact::Known(remembered))));
            }
            let (number, step) = if step.as_ref() == Some(&first) {
                let Some(Ok(step)) = self.steps.next() else { unreachable!("it was peeked at") };
                step
            } else {
                let Some((_, step)) = self.odd.next() else { unreachable!("it was peeked at") };
                step
            };
            let before = self.before.at(&first)?;
            match (&step.task, (self.done)(number)) {
                (Task::Delete(_), true) => {}
                (task, true) if task.moves_bytes() || matches!(task, Task::MakeFolder(_)) => {
                    return Ok(Some((first, Fact::Made(step))));
                }
                _ => {
                    if let Some(before) = before {
                        return Ok(Some((first, Fact::Known(before))));
                    }
                }
            }
        }
    }

    fn failure(&mut self) -> PrepareError {
        match (self.known.next_if(Result::is_err), self.steps.next_if(Result::is_err)) {
            (Some(Err(error)), _) => error.into(),
            (_, Some(Err(error))) => error.into(),
            _ => unreachable!("one of them failed"),
        }
    }
}

/// Steps whose names have their place elsewhere: the second versions of conflicts, which come with the first.
type Odd = BTreeMap<Name, (u64, Step)>;

fn odd(plan: &Plan) -> Result<Odd, PrepareError> {
    let mut odd = Odd::new();
    let mut moved: Option<Name> = None;
    for step in plan.steps() {
        let (number, step) = step?;
        match (&step.task, &step.to) {
            (Task::Move(_), Some(to)) => moved = Some(to.clone()),
            (task, _) if task.moves_bytes() && moved.as_ref() == Some(&step.name) => {
                odd.insert(step.name.clone(), (number, step));
            }
            _ => {}
        }
    }
    Ok(odd)
}

/// Returns the steps of which something is to be remembered, in the order of their names, but for the odd ones.
fn in_order<'a>(plan: &'a Plan, odd: &Odd) -> impl Iterator<Item = Result<(u64, Step), PlanError>> + 'a {
    let odd: std::collections::HashSet<u64> = odd.values().map(|(number, _)| *number).collect();
    let mut last: Option<Name> = None;
    plan.steps().filter(move |step| match step {
        Err(_) => true,
        Ok((number, step)) => {
            let acts = step.task.moves_bytes()
                || matches!(step.task, Task::MakeFolder(_) | Task::Delete(_) | Task::Refuse(_));
            let rises = last.as_ref().is_none_or(|last| *last < step.name);
            let takes = acts && rises && !odd.contains(number);
            if takes {
                last = Some(step.name.clone());
            }
            takes
        }
    })
}

/// Returns what was remembered before of the names that a plan has no step for.
pub(super) fn of_before(
    job: &Job,
    base: &Path,
    plan: &Plan,
    rules: &Rules,
    context: Context<'_>,
) -> Result<Memory, PrepareError> {
    let odd = odd(plan)?;
    let mut steps = in_order(plan, &odd).peekable();
    let memory = Memory::new(&rules.spool, context.random);
    let mut writing = memory.begin(&job.route, context.random)?;
    for known in Base::open(base, &job.route)? {
        let (name, remembered) = known?;
        while let Some(step) = steps.next_if(|step| step.as_ref().is_ok_and(|(_, step)| step.name < name)) {
            step?;
        }
        let has_step = match steps.peek() {
            Some(Ok((_, step))) => step.name == name,
            Some(Err(_)) => return Err(steps.next().and_then(Result::err).expect("it was peeked at").into()),
            None => false,
        };
        if !has_step && !odd.contains_key(&name) {
            writing.push(&name, &remembered)?;
        }
    }
    writing.finish()?;
    Ok(memory)
}

pub(super) async fn remember(
    job: &Job,
    base: &Path,
    memory: &Memory,
    plan: &Plan,
    done: &(dyn Fn(u64) -> bool + Sync),
    rules: &Rules,
    context: Context<'_>,
) -> Result<(), PrepareError> {
    let odd = odd(plan)?;
    let in_order = in_order(plan, &odd);
    let mut facts = Facts {
        known: Base::open(&memory.path, &job.route)?.peekable(),
        steps: in_order.peekable(),
        odd: odd.into_iter().peekable(),
        before: Lookup::new(Base::open(base, &job.route)?),
        done,
    };
    let mut writer = BaseWriter::create(base, &job.route, context.random)?;
    let facts = std::iter::from_fn(|| facts.advance().transpose());
    let looked = futures_util::stream::iter(facts).map(|fact| async move {
        let (name, fact) = fact?;
        Ok::<_, PrepareError>(match fact {
            Fact::Known(remembered) => Some((name, remembered)),
            Fact::Made(step) => made(job, &step, rules).await?.map(|remembered| (name, remembered)),
        })
    });
    let mut looked = std::pin::pin!(looked.buffered(rules.connections_max.max(1)));
    while let Some(fact) = looked.next().await {
        if let Some((name, remembered)) = fact? {
            writer.push(&name, &remembered)?;
        }
    }
    writer.finish()?;
    Ok(())
}

/// Looks at what a step made. `None` where it cannot be told to be what was copied: the next run compares it then.
async fn made(job: &Job, step: &Step, rules: &Rules) -> Result<Option<Remembered>, PrepareError> {
    let to = match step.task {
        Task::MakeFolder(side) => side,
        _ if step.route == 0 => Side::Right,
        _ => Side::Left,
    };
    let site = |side: Side| if side == Side::Left { &job.ends.from } else { &job.ends.to };
    let Some((source, _)) = state(site(to.other()), &step.name, rules).await? else { return Ok(None) };
    let Some((target, kept)) = state(site(to), &step.name, rules).await? else { return Ok(None) };
    let remembered = |source: &Entry, target: &Entry| {
        let (left, right) = if to == Side::Right { (source, target) } else { (target, source) };
        Remembered { left: Seen::of(left), right: Seen::of(right) }
    };
    if matches!(step.task, Task::MakeFolder(_)) {
        let folders = source.kind == Kind::Folder && target.kind == Kind::Folder;
        return Ok(folders.then(|| remembered(&source, &target)));
    }
    // The source is still what was copied. A version that was moved out of the way has no tag in its step.
    let unchanged = match (&step.tag, &source.tag) {
        (Some(copied), Some(now)) => copied == now,
        (None, Some(_)) => true,
        _ => step.modified == source.modified,
    };
    if !unchanged || source.size_bytes != step.size_bytes || target.size_bytes != step.size_bytes {
        return Ok(None);
    }
    // The time that goes along with a copy is as good as its content: nobody else writes the same to the nanosecond.
    let by_time = match (site(to.other()), site(to)) {
        (Site::Local(_), Site::Remote(_)) => {
            kept.is_some() && kept.and_then(Modified::ns) == source.modified.ns()
        }
        (Site::Remote(_), Site::Local(_)) => step.modified.ns() == target.modified.ns(),
        _ => source.tag.is_some() && source.tag == target.tag,
    };
    if by_time {
        return Ok(Some(remembered(&source, &target)));
    }
    let mut one = Place { site: site(to.other()).clone(), entry: source.clone() };
    let mut other = Place { site: site(to).clone(), entry: target.clone() };
    let same = look::same_bytes(&mut one, &mut other, rules.platform, Effort::Checksums, &mut 0).await?;
    Ok((same == Some(true)).then(|| remembered(&source, &target)))
}

/// What a side has now, as its listing would tell, and the time that is kept with an object.
async fn state(
    site: &Site,
    name: &Name,
    rules: &Rules,
) -> Result<Option<(Entry, Option<Modified>)>, PrepareError> {
    match site {
        Site::Stdio => Ok(None),
        Site::Remote(remote) => Ok(look::object_and_time(remote, name).await?),
        Site::Local(root) => {
            let follow = rules.links == crate::local::Links::Follow;
            match look::file(root, name, rules.platform, follow) {
                Ok(entry) => Ok(entry.map(|entry| (entry, None))),
                Err(PrepareError::NotAFile(_)) => Ok(None),
                Err(error) => Err(error),
            }
        }
    }
}

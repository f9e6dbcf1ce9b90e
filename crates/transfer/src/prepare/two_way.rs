//! Two ways, name by name: both sides and what is remembered, side by side.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use super::emptied::Emptied;
use super::in_order::{InOrder, Turn};
use super::look::{self, Effort};
use super::memory::{Memory, Writing};
use super::pairing::{self, Missed, Pairing, What};
use super::side::{Feed, Part};
use super::work::{Making, Way};
use super::{Job, PrepareError, Rules};
use crate::base::{Base, BaseError, Lookup};
use crate::diff::{Pair, Side};
use crate::entry::{Entry, Kind};
use crate::filter::Filter;
use crate::local::walk::Folders;
use crate::local::{Links, Unfit};
use crate::name::{Name, NameRefusal, Twins};
use crate::parts::OBJECT_MAX_BYTES;
use crate::plan::{Refusal, Skip, Step, Task};
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
    let filter = Arc::new(rules.filter.clone());
    let left = Feed::open(&job.ends.from, part, rules, &filter);
    let right = Feed::open(&job.ends.to, part, rules, &filter);
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
        places: Semaphore::new(rules.connections_max.max(1)),
    };
    let memory = Memory::new(&rules.spool, making.context.random);
    let mut both = BothWays {
        shared: &shared,
        base: Lookup::new(Box::new(known)),
        writing: memory.begin(&job.route, making.context.random)?,
        pairing: Pairing::new(left, right),
        filter: pairing::live_filter(rules),
        twins: local.map(|_| Twins::new(rules.platform)),
        local,
        emptied: [is_local(&job.ends.from), is_local(&job.ends.to)].map(|local| local.then(Emptied::default)),
        order: InOrder::new(),
    };
    both.run(making).await?;
    let (pages, looks) = both.pairing.cost();
    making.seen.pages += pages;
    making.seen.looks += looks + shared.looks.load(Ordering::Relaxed);
    both.writing.finish()?;
    Ok(memory)
}

struct Shared<'a> {
    job: &'a Job,
    rules: &'a Rules,
    ways: [Way; 2],
    at: jiff::Timestamp,
    looks: AtomicU64,
    places: Semaphore,
}

/// What becomes of one name.
struct Decided {
    name: Name,
    steps: Vec<Step>,
    /// What is remembered of it without a step.
    remembered: Option<Remembered>,
    /// Whether it goes from each side; `None` where it neither is nor comes there.
    goes: [Option<bool>; 2],
    same: bool,
}

impl Decided {
    fn nothing(name: Name, remembered: Option<Remembered>) -> Self {
        Self { name, steps: Vec::new(), remembered, goes: [None, None], same: false }
    }
}

type Known<'a> = Box<dyn Iterator<Item = Result<(Name, Remembered), BaseError>> + Send + 'a>;

struct BothWays<'a> {
    shared: &'a Shared<'a>,
    base: Lookup<Known<'a>>,
    writing: Writing,
    pairing: Pairing,
    filter: Filter,
    /// The side of the disk, if one is, and the names there.
    local: Option<Side>,
    twins: Option<Twins>,
    emptied: [Option<Emptied>; 2],
    order: InOrder<'a, Decided>,
}

impl<'a> BothWays<'a> {
    async fn run(&mut self, making: &mut Making<'_>) -> Result<(), PrepareError> {
        loop {
            let next = match self.order.turn(&mut self.pairing).await? {
                Turn::Decided(decided) => {
                    self.finish(making, decided)?;
                    continue;
                }
                Turn::Pair(next) => next,
            };
            let name = next.as_ref().map(Pair::name);
            let missed = self.pairing.missed(name, &mut self.filter)?;
            for missed in missed {
                self.missed(making, missed)?;
            }
            while let Some((gone, remembered)) = self.base.before(name)? {
                // Neither side has it: forgotten, but for what nobody could see.
                let unseen =
                    [Side::Left, Side::Right].iter().any(|side| self.pairing.is_shadowed(*side, &gone))
                        || !pairing::name_takes_part(&self.filter, &gone);
                let decided = Decided::nothing(gone, unseen.then_some(remembered));
                self.put_made(making, decided)?;
            }
            let Some(pair) = next else { break };
            self.pair(making, pair)?;
        }
        while let Some(decided) = self.order.settled().await {
            self.finish(making, decided?)?;
        }
        for (emptied, side) in self.emptied.iter_mut().zip([Side::Left, Side::Right]) {
            let left = emptied.as_mut().map(Emptied::end).unwrap_or_default();
            making.remove_folders(TO_RIGHT, side, left)?;
        }
        Ok(())
    }

    fn put_made(&mut self, making: &mut Making<'_>, decided: Decided) -> Result<(), PrepareError> {
        match self.order.put_made(decided) {
            Some(decided) => self.finish(making, decided),
            None => Ok(()),
        }
    }

    fn finish(&mut self, making: &mut Making<'_>, decided: Decided) -> Result<(), PrepareError> {
        let sides = self.emptied.iter_mut().zip(decided.goes).zip([Side::Left, Side::Right]);
        for ((emptied, goes), side) in sides {
            if let (Some(emptied), Some(goes)) = (emptied, goes) {
                let left = emptied.pass(&decided.name, goes);
                making.remove_folders(TO_RIGHT, side, left)?;
            }
        }
        making.seen.same += u64::from(decided.same);
        if let Some(remembered) = &decided.remembered {
            self.writing.push(&decided.name, remembered)?;
        }
        decided.steps.iter().try_for_each(|step| making.push(step))
    }

    fn missed(&mut self, making: &mut Making<'_>, missed: Missed) -> Result<(), PrepareError> {
        let Missed { side, name, what } = missed;
        let mut decided = Decided::nothing(name.clone(), None);
        decided.goes[usize::from(side == Side::Right)] = Some(false);
        if let What::Unfit(why) = what {
            if pairing::name_takes_part(&self.filter, &name) {
                let task = match why {
                    Unfit::Name(refusal) => Task::Refuse(Refusal::Name(refusal)),
                    Unfit::Link => Task::Skip(Skip::Link),
                    Unfit::Special => Task::Skip(Skip::Special),
                    Unfit::Loop => Task::Refuse(Refusal::Unreadable(why.to_string().into())),
                    Unfit::Unreadable(error) => {
                        making.seen.unread += 1;
                        Task::Refuse(Refusal::Unreadable(error.to_string().into()))
                    }
                };
                decided.steps.push(step(TO_RIGHT, task, name));
            } else {
                making.seen.left_out += 1;
            }
        }
        self.put_made(making, decided)
    }

    fn pair(&mut self, making: &mut Making<'_>, pair: Pair) -> Result<(), PrepareError> {
        making.sees(&pair);
        self.pairing.pass(pair.name());
        let name = pair.name().clone();
        let remembered = self.base.at(&name)?;
        let (mut left, mut right) = pair.sides();
        if self.local.is_none() {
            [&mut left, &mut right].into_iter().flatten().for_each(pairing::as_object);
        }
        let stay = [left.as_ref().map(|_| false), right.as_ref().map(|_| false)];
        let shadowed = [Side::Left, Side::Right].iter().any(|side| self.pairing.is_shadowed(*side, &name));
        let takes_part = [&left, &right]
            .into_iter()
            .flatten()
            .all(|entry| pairing::takes_part(&self.filter, Some(entry), None));
        // Of the disk every name counts, also those that stay as they are.
        let on_disk = match self.local {
            Some(Side::Left) => left.is_some(),
            Some(Side::Right) => right.is_some(),
            None => false,
        };
        if let Some(twins) = self.twins.as_mut().filter(|_| on_disk) {
            let _ = twins.check(&name);
        }
        if !takes_part || shadowed {
            making.seen.left_out += u64::from(!takes_part);
            let decided = Decided { goes: stay, ..Decided::nothing(name, remembered) };
            return self.put_made(making, decided);
        }
        making.seen.left += u64::from(left.is_some());
        making.seen.right += u64::from(right.is_some());
        let is_folder = [&left, &right].into_iter().flatten().any(|entry| entry.kind == Kind::Folder);
        if is_folder && self.shared.rules.folders == Folders::None {
            let decided = Decided { goes: stay, ..Decided::nothing(name, remembered) };
            return self.put_made(making, decided);
        }
        if is_folder && remembered.is_none() && left.is_some() != right.is_some() {
            let side = if left.is_some() { Side::Left } else { Side::Right };
            let filled = self.local == Some(side) && self.pairing.is_filled(side, &name);
            if filled && self.shared.rules.folders != Folders::All {
                // A folder that is there for what is in it goes with it.
                let goes = stay.map(|stays| stays.map(|_| true));
                return self.put_made(making, Decided { goes, ..Decided::nothing(name, None) });
            }
        }
        let comparison = Comparison { means: Means::Checksum, ..self.shared.rules.comparison };
        let action = decide(remembered.as_ref(), left.as_ref(), right.as_ref(), |left, right| {
            comparison.same(left, right)
        });
        if let Action::Copy { to, .. } = &action {
            let source = if *to == Side::Right { &left } else { &right };
            let source = source.as_ref().expect("what is copied is there").clone();
            let exists = left.is_some() && right.is_some();
            if let Some(refusal) = self.refusal(&source, *to, exists) {
                let refused = step(TO_RIGHT, Task::Refuse(refusal), name.clone());
                let steps = vec![Step { size_bytes: source.size_bytes, ..refused }];
                let decided = Decided { goes: stay, steps, ..Decided::nothing(name, remembered) };
                return self.put_made(making, decided);
            }
        }
        let shared = self.shared;
        match action {
            Action::Need(Need::Content | Need::Metadata) | Action::KeepBoth => {
                let unclear = matches!(action, Action::Need(_));
                let (left, right) = left.zip(right).expect("both have what is compared");
                let settled = settle(shared, left, right, unclear);
                match self.order.put(settled) {
                    Some(decided) => self.finish(making, decided?),
                    None => Ok(()),
                }
            }
            action => {
                let decided = shared.act(action, left, right, remembered);
                self.put_made(making, decided)
            }
        }
    }

    /// Why something cannot be on a side.
    fn refusal(&mut self, source: &Entry, to: Side, exists: bool) -> Option<Refusal> {
        let ends = &self.shared.job.ends;
        match if to == Side::Right { &ends.to } else { &ends.from } {
            Site::Remote(remote) => {
                if source.name.key(&remote.prefix).is_err() {
                    let length_bytes = remote.prefix.as_str().len() + source.name.as_str().len();
                    return Some(Refusal::Name(NameRefusal::KeyTooLong { length_bytes }));
                }
                (source.size_bytes > OBJECT_MAX_BYTES).then_some(Refusal::TooLarge)
            }
            Site::Local(root) => {
                let path = match source.path(self.shared.rules.platform) {
                    Ok(path) => path,
                    Err(refusal) => return Some(Refusal::Name(refusal)),
                };
                let twins = self.twins.as_mut().expect("they are watched where a side is a folder");
                if !exists && let Err(refusal) = twins.check(&source.name) {
                    return Some(Refusal::Name(refusal));
                }
                let looks = !exists && source.kind != Kind::Folder && !self.pairing.has_ended(to);
                let is_folder = || root.join(path).symlink_metadata().is_ok_and(|found| found.is_dir());
                let file = || Refusal::Name(NameRefusal::FileAndFolder { file: source.name.clone() });
                (looks && is_folder()).then(file)
            }
            Site::Stdio => None,
        }
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
                Decided { steps, goes: both, ..Decided::nothing(name, None) }
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
                Decided { steps, goes, ..Decided::nothing(name, None) }
            }
            Action::Remember => {
                let now = left.zip(right).map(|(left, right)| Remembered::of(&left, &right));
                Decided { goes: both, same: true, ..Decided::nothing(name, now) }
            }
            Action::Nothing | Action::Forget | Action::KeepBoth | Action::Need(_) => {
                let goes = [left, right].map(|side| side.map(|_| false));
                Decided { goes, same: true, ..Decided::nothing(name, remembered) }
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
            return Ok(Decided { steps, goes, ..Decided::nothing(left.name, None) });
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
    Ok(Decided { steps: steps.into(), goes, ..Decided::nothing(left.name, None) })
}

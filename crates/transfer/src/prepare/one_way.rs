//! One way, entry by entry: what becomes of each pair of a tree when it is copied, mirrored or moved.
//!
//! Most pairs are decided at once. Those that need a look are looked at side by side and still come out in order.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use super::emptied::Emptied;
use super::in_order::{InOrder, Turn};
use super::look::{self, Effort};
use super::pairing::{self, Missed, Pairing, What};
use super::side::{Feed, Part};
use super::work::{Making, Way};
use super::{Answer, Context, Job, PrepareError, Rules};
use crate::diff::{Pair, Side};
use crate::entry::{Entry, Kind};
use crate::filter::Filter;
use crate::local::walk::Folders;
use crate::local::{Links, Unfit};
use crate::name::{Name, NameRefusal, Twins};
use crate::parts::OBJECT_MAX_BYTES;
use crate::plan::{Refusal, Skip, Step, Task};
use crate::policy::conflict::numbered;
use crate::policy::mirror::{Action, Extra, Mirror};
use crate::policy::{Decision, Existing, Guard, Kept, Need};
use crate::site::Site;

/// By what pairs are decided.
#[derive(Clone, Copy, Debug)]
pub(super) enum Policy {
    /// A copy. What only the target has is none of it.
    Copy(Existing),
    /// A mirror.
    Mirror(Mirror),
}

impl Policy {
    /// Tells whether the target has to be known.
    fn looks_at_target(self) -> bool {
        !matches!(self, Self::Copy(Existing::Overwrite))
    }

    fn deletes(self) -> bool {
        matches!(self, Self::Mirror(Mirror { extra: Extra::Delete, .. }))
    }
}

/// What becomes of one name.
#[derive(Debug)]
struct Done {
    name: Name,
    /// Whether it goes from the source; `None` where the source does not have it.
    left_goes: Option<bool>,
    /// Whether it goes from the target; `None` where it neither is there nor comes there.
    right_goes: Option<bool>,
    steps: Vec<Step>,
    same: bool,
    extra: bool,
    aborts: bool,
}

impl Done {
    fn nothing(name: Name) -> Self {
        let (left_goes, right_goes) = (None, None);
        Self { name, left_goes, right_goes, steps: Vec::new(), same: false, extra: false, aborts: false }
    }
}

/// A decision, or what it waits for.
enum Judged {
    Done(Done),
    Need(Need, Entry, Entry),
    Rename(Entry),
}

/// Plans one tree.
pub(super) async fn tree(
    making: &mut Making<'_>,
    route: u32,
    job: &Job,
    policy: Policy,
) -> Result<(), PrepareError> {
    let (rules, context) = (making.rules, making.context);
    let filter = Arc::new(rules.filter.clone());
    let left = Feed::open(&job.ends.from, Part::Source, rules, &filter);
    let right = if policy.looks_at_target() {
        Feed::open(&job.ends.to, Part::Target, rules, &filter)
    } else {
        Feed::nothing()
    };
    drop(filter);
    let way = Way::of(job)?;
    let local_target = matches!(job.ends.to, Site::Local(_));
    let shared = Shared {
        route,
        to: None,
        job,
        policy,
        way,
        rules,
        looks: AtomicU64::new(0),
        places: Semaphore::new(rules.connections_max.max(1)),
        chosen: Mutex::default(),
    };
    let mut tree = Tree {
        shared: &shared,
        context,
        pairing: Pairing::new(left, right),
        filter: pairing::live_filter(rules),
        twins: local_target.then(|| Twins::new(rules.platform)),
        left_emptied: (rules.takes && matches!(job.ends.from, Site::Local(_))).then(Emptied::default),
        right_emptied: (policy.deletes() && local_target).then(Emptied::default),
        order: InOrder::new(),
    };
    tree.run(making).await?;
    let (pages, looks) = tree.pairing.cost();
    making.seen.pages += pages;
    making.seen.looks += looks + shared.looks.load(Ordering::Relaxed);
    Ok(())
}

/// What decisions share that wait beside one another.
pub(super) struct Shared<'a> {
    route: u32,
    /// The name at the target, where it is another one and there is only one.
    to: Option<Name>,
    job: &'a Job,
    policy: Policy,
    way: Way,
    rules: &'a Rules,
    looks: AtomicU64,
    places: Semaphore,
    /// Names that copies got which were to have another one.
    chosen: Mutex<HashSet<Name>>,
}

struct Tree<'a> {
    shared: &'a Shared<'a>,
    context: Context<'a>,
    pairing: Pairing,
    filter: Filter,
    twins: Option<Twins>,
    left_emptied: Option<Emptied>,
    right_emptied: Option<Emptied>,
    order: InOrder<'a, Done>,
}

impl<'a> Tree<'a> {
    async fn run(&mut self, making: &mut Making<'_>) -> Result<(), PrepareError> {
        loop {
            let next = match self.order.turn(&mut self.pairing).await? {
                Turn::Decided(done) => {
                    self.finish(making, done)?;
                    continue;
                }
                Turn::Pair(next) => next,
            };
            let missed = self.pairing.missed(next.as_ref().map(Pair::name), &mut self.filter)?;
            for missed in missed {
                let done = self.missed(making, missed);
                self.put_made(making, done)?;
            }
            let Some(pair) = next else { break };
            self.pair(making, pair)?;
        }
        while let Some(done) = self.order.settled().await {
            self.finish(making, done?)?;
        }
        let ends = [(&mut self.left_emptied, Side::Left), (&mut self.right_emptied, Side::Right)];
        for (emptied, side) in ends {
            let left = emptied.as_mut().map(Emptied::end).unwrap_or_default();
            making.remove_folders(self.shared.route, side, left)?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        making: &mut Making<'_>,
        done: impl Future<Output = Result<Done, PrepareError>> + Send + 'a,
    ) -> Result<(), PrepareError> {
        match self.order.put(done) {
            Some(done) => self.finish(making, done?),
            None => Ok(()),
        }
    }

    fn put_made(&mut self, making: &mut Making<'_>, done: Done) -> Result<(), PrepareError> {
        match self.order.put_made(done) {
            Some(done) => self.finish(making, done),
            None => Ok(()),
        }
    }

    fn finish(&mut self, making: &mut Making<'_>, done: Done) -> Result<(), PrepareError> {
        if done.aborts {
            return Err(PrepareError::Aborted);
        }
        let route = self.shared.route;
        for (emptied, side, goes) in [
            (&mut self.left_emptied, Side::Left, done.left_goes),
            (&mut self.right_emptied, Side::Right, done.right_goes),
        ] {
            if let (Some(emptied), Some(goes)) = (emptied, goes) {
                let left = emptied.pass(&done.name, goes);
                making.remove_folders(route, side, left)?;
            }
        }
        making.seen.same += u64::from(done.same);
        making.seen.extra += u64::from(done.extra);
        done.steps.iter().try_for_each(|step| making.push(step))
    }

    fn pair(&mut self, making: &mut Making<'_>, pair: Pair) -> Result<(), PrepareError> {
        making.sees(&pair);
        self.pairing.pass(pair.name());
        let (mut left, mut right) = pair.sides();
        if self.shared.way.is_remote() {
            [&mut left, &mut right].into_iter().flatten().for_each(pairing::as_object);
        }
        if !pairing::takes_part(&self.filter, left.as_ref(), right.as_ref()) {
            making.seen.left_out += 1;
            let name = left.as_ref().or(right.as_ref()).expect("a pair has a side").name.clone();
            if let (Some(_), Some(twins)) = (&right, &mut self.twins) {
                let _ = twins.check(&name);
            }
            let done = Done {
                left_goes: left.map(|_| false),
                right_goes: right.map(|_| false),
                ..Done::nothing(name)
            };
            return self.put_made(making, done);
        }
        making.seen.left += u64::from(left.is_some());
        making.seen.right += u64::from(right.is_some());
        match self.judge(left, right) {
            Judged::Done(done) => self.put_made(making, done),
            Judged::Need(need, source, target) => {
                let shared = self.shared;
                self.put(making, settle(shared, need, source, target))
            }
            Judged::Rename(source) => {
                let shared = self.shared;
                self.put(making, rename(shared, source))
            }
        }
    }

    fn judge(&mut self, left: Option<Entry>, right: Option<Entry>) -> Judged {
        let shared = self.shared;
        let (source, target) = match (left, right) {
            (None, None) => unreachable!("a pair has a side"),
            (None, Some(target)) => return Judged::Done(self.extra(target)),
            (Some(source), target) => (source, target),
        };
        if let Some(refusal) = self.refusal(&source, target.is_some()) {
            return Judged::Done(shared.refused(source, refusal));
        }
        if source.kind == Kind::Folder || target.as_ref().is_some_and(|target| target.kind == Kind::Folder) {
            let filled = self.pairing.is_filled(Side::Left, &source.name);
            return Judged::Done(shared.folder(source, target.is_some(), filled));
        }
        match shared.policy {
            Policy::Copy(Existing::Overwrite) => Judged::Done(shared.copied(source, None, Guard::None)),
            Policy::Copy(existing) => {
                match existing.decide(&source, target.as_ref(), &shared.rules.comparison) {
                    Decision::Write(guard) => Judged::Done(shared.copied(source, None, guard)),
                    Decision::Keep(kept) => Judged::Done(shared.kept(source, kept)),
                    Decision::Need(need) => {
                        Judged::Need(need, source, target.expect("nothing is unclear about nothing"))
                    }
                    Decision::Rename => Judged::Rename(source),
                    Decision::Ask => self.ask(source, &target.expect("only what exists is asked about")),
                }
            }
            Policy::Mirror(mirror) => {
                let pair = match target {
                    Some(target) => Pair::Both(source, target),
                    None => Pair::Left(source),
                };
                let action = mirror.decide(&pair);
                let (source, target) = pair.sides();
                let source = source.expect("the source was put in above");
                match action {
                    Action::Copy(guard) => Judged::Done(shared.copied(source, None, guard)),
                    Action::Keep(kept) => Judged::Done(shared.kept(source, kept)),
                    Action::Need(need) => {
                        Judged::Need(need, source, target.expect("nothing is unclear about nothing"))
                    }
                    Action::Delete(_) | Action::Extra => unreachable!("the source has it"),
                }
            }
        }
    }

    fn ask(&self, source: Entry, target: &Entry) -> Judged {
        let shared = self.shared;
        match self.context.talk.ask(&source, target) {
            Answer::Overwrite => Judged::Done(shared.copied(source, None, Guard::over(Some(target)))),
            Answer::Skip => Judged::Done(shared.kept(source, Kept::Exists)),
            Answer::Rename => Judged::Rename(source),
            Answer::Abort => Judged::Done(Done { aborts: true, ..Done::nothing(source.name) }),
        }
    }

    /// Why a source cannot be at the target.
    fn refusal(&mut self, source: &Entry, exists: bool) -> Option<Refusal> {
        let shared = self.shared;
        let platform = shared.rules.platform;
        match &shared.job.ends.to {
            Site::Remote(remote) => {
                if source.name.key(&remote.prefix).is_err() {
                    let length_bytes = remote.prefix.as_str().len() + source.name.as_str().len();
                    return Some(Refusal::Name(NameRefusal::KeyTooLong { length_bytes }));
                }
                (source.size_bytes > OBJECT_MAX_BYTES).then_some(Refusal::TooLarge)
            }
            Site::Local(root) => {
                let path = match source.path(platform) {
                    Ok(path) => path,
                    Err(refusal) => return Some(Refusal::Name(refusal)),
                };
                let twins = self.twins.as_mut().expect("they are watched where the target is a folder");
                if let Err(refusal) = twins.check(&source.name) {
                    return Some(Refusal::Name(refusal));
                }
                // Folders come after the files that want their name; only the disk tells at once.
                let looks = !exists && source.kind != Kind::Folder && !self.pairing.has_ended(Side::Right);
                let is_folder = || root.join(path).symlink_metadata().is_ok_and(|found| found.is_dir());
                let file = || Refusal::Name(NameRefusal::FileAndFolder { file: source.name.clone() });
                (looks && is_folder()).then(file)
            }
            Site::Stdio => None,
        }
    }

    /// What only the target has.
    fn extra(&mut self, target: Entry) -> Done {
        let shared = self.shared;
        let stays = |target: Entry, extra| {
            let right_goes = Some(false);
            Done { right_goes, extra, ..Done::nothing(target.name) }
        };
        let twin =
            self.twins.as_mut().is_some_and(|twins| twins.check(&target.name) == Err(NameRefusal::Twin));
        // A link that is passed over at the source is passed over here.
        let is_link = target.kind == Kind::Link && shared.rules.links == Links::Skip;
        let folder = target.kind == Kind::Folder && shared.rules.folders == Folders::None;
        let Policy::Mirror(mirror) = shared.policy else { return stays(target, false) };
        if twin || is_link || folder || self.pairing.is_shadowed(Side::Left, &target.name) {
            return stays(target, false);
        }
        let pair = Pair::Right(target);
        let action = mirror.decide(&pair);
        let Pair::Right(target) = pair else { unreachable!("it was made above") };
        match action {
            // Folders of the disk go when everything in them went.
            Action::Delete(_) if target.kind == Kind::Folder && self.right_emptied.is_some() => {
                Done { right_goes: Some(true), ..Done::nothing(target.name) }
            }
            Action::Delete(guard) => {
                let step = shared.step(Task::Delete(Side::Right), target.name.clone());
                let steps = vec![Step { guard, ..step }];
                Done { right_goes: Some(true), steps, ..Done::nothing(target.name) }
            }
            _ => stays(target, true),
        }
    }

    fn missed(&self, making: &mut Making<'_>, missed: Missed) -> Done {
        let shared = self.shared;
        let Missed { side, name, what } = missed;
        let stays = match side {
            Side::Left => Done { left_goes: Some(false), ..Done::nothing(name.clone()) },
            Side::Right => Done { right_goes: Some(false), ..Done::nothing(name.clone()) },
        };
        let why = match what {
            What::Pruned => return stays,
            What::Itself(entry) => {
                // A folder that moves takes the object along that stands for it.
                let goes = side == Side::Left && shared.rules.takes && entry.kind == Kind::Folder;
                let steps = if goes { making.itself(shared.route, &entry) } else { Vec::new() };
                return Done { steps, ..Done::nothing(name) };
            }
            What::Unfit(_) if side == Side::Right => return stays,
            What::Unfit(why) => why,
        };
        if !pairing::name_takes_part(&self.filter, &name) {
            making.seen.left_out += 1;
            return stays;
        }
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
        Done { steps: vec![shared.step(task, name)], ..stays }
    }
}

impl<'a> Shared<'a> {
    /// For one thing that was named.
    pub(super) fn of_one(
        route: u32,
        job: &'a Job,
        rules: &'a Rules,
        to: Option<Name>,
    ) -> Result<Self, PrepareError> {
        Ok(Self {
            route,
            to,
            job,
            policy: Policy::Copy(rules.existing),
            way: Way::of(job)?,
            rules,
            looks: AtomicU64::new(0),
            places: Semaphore::new(1),
            chosen: Mutex::default(),
        })
    }

    /// Decides about one thing that was named, and whose target was looked at where that matters. Returns the steps.
    pub(super) async fn one(
        &self,
        making: &mut Making<'_>,
        source: Entry,
        target: Option<Entry>,
    ) -> Result<(), PrepareError> {
        let done = match self.rules.existing {
            Existing::Overwrite => self.copied(source, None, Guard::None),
            existing => match existing.decide(&source, target.as_ref(), &self.rules.comparison) {
                Decision::Write(guard) => self.copied(source, None, guard),
                Decision::Keep(kept) => self.kept(source, kept),
                Decision::Need(need) => {
                    let target = target.expect("nothing is unclear about nothing");
                    settle(self, need, source, target).await?
                }
                Decision::Rename => rename(self, source).await?,
                Decision::Ask => {
                    let target = target.expect("only what exists is asked about");
                    match making.context.talk.ask(&source, &target) {
                        Answer::Overwrite => self.copied(source, None, Guard::over(Some(&target))),
                        Answer::Skip => self.kept(source, Kept::Exists),
                        Answer::Rename => rename(self, source).await?,
                        Answer::Abort => return Err(PrepareError::Aborted),
                    }
                }
            },
        };
        making.seen.same += u64::from(done.same);
        making.seen.looks += self.looks.load(Ordering::Relaxed);
        done.steps.iter().try_for_each(|step| making.push(step))
    }

    /// Pushes the refusal of one thing that was named.
    pub(super) fn refuse_one(
        &self,
        making: &mut Making<'_>,
        source: Entry,
        refusal: Refusal,
    ) -> Result<(), PrepareError> {
        self.refused(source, refusal).steps.iter().try_for_each(|step| making.push(step))
    }

    fn step(&self, task: Task, name: Name) -> Step {
        Step { route: self.route, guard: Guard::None, ..Step::new(task, name, 0) }
    }

    /// The source goes without a copy, where it is a move and the target has it.
    fn taken(&self, source: &Entry) -> Option<Step> {
        let guard = Guard::over(Some(source));
        let delete = || Step { guard, ..self.step(Task::Delete(Side::Left), source.name.clone()) };
        self.rules.takes.then(delete)
    }

    fn copied(&self, source: Entry, to: Option<Name>, guard: Guard) -> Done {
        let left_goes = Some(self.rules.takes);
        let step = Step {
            takes: self.rules.takes,
            link: self.rules.links == Links::Keep,
            to: to.or_else(|| self.to.clone()),
            size_bytes: source.size_bytes,
            modified: source.modified,
            tag: source.tag,
            guard,
            ..self.step(self.way.task(), source.name.clone())
        };
        let steps = vec![step];
        Done { left_goes, right_goes: Some(false), steps, ..Done::nothing(source.name) }
    }

    fn kept(&self, source: Entry, kept: Kept) -> Done {
        let (taken, skip) = match kept {
            Kept::Same => (self.taken(&source), None),
            Kept::Exists => (None, Some(Skip::Exists)),
            Kept::NotNewer => (None, Some(Skip::NotNewer)),
        };
        let left_goes = Some(taken.is_some());
        let skip = skip.map(|skip| Step {
            size_bytes: source.size_bytes,
            ..self.step(Task::Skip(skip), source.name.clone())
        });
        let steps = skip.into_iter().chain(taken).collect();
        let same = kept == Kept::Same;
        Done { left_goes, right_goes: Some(false), steps, same, ..Done::nothing(source.name) }
    }

    fn refused(&self, source: Entry, refusal: Refusal) -> Done {
        let step = self.step(Task::Refuse(refusal), source.name.clone());
        let steps = vec![Step { size_bytes: source.size_bytes, ..step }];
        // It keeps the folder at the target that it would be in.
        Done { left_goes: Some(false), right_goes: Some(false), steps, ..Done::nothing(source.name) }
    }

    /// A folder at the source, or something there whose name is a folder at the target.
    fn folder(&self, source: Entry, exists: bool, filled: bool) -> Done {
        let local = self.way.goes_up();
        let folders = self.rules.folders;
        let wanted = match folders {
            Folders::None => false,
            Folders::Empty => !local || !filled,
            Folders::All => true,
        };
        let task = if wanted && !exists {
            Some(Task::MakeFolder(Side::Right))
        } else if folders == Folders::None && !local && matches!(self.policy, Policy::Copy(_)) {
            Some(Task::Skip(Skip::Placeholder))
        } else {
            None
        };
        let mut steps: Vec<Step> =
            task.map(|task| self.step(task, source.name.clone())).into_iter().collect();
        let goes = self.rules.takes;
        // Folders of the disk go when everything in them went.
        if !local {
            steps.extend(self.taken(&source));
        }
        Done { left_goes: Some(goes), right_goes: Some(false), steps, ..Done::nothing(source.name) }
    }

    fn place(&self, side: Side, entry: Entry) -> look::Place {
        let ends = &self.job.ends;
        look::Place { site: if side == Side::Left { ends.from.clone() } else { ends.to.clone() }, entry }
    }
}

/// Looks at what was unclear, and decides.
async fn settle(shared: &Shared<'_>, need: Need, source: Entry, target: Entry) -> Result<Done, PrepareError> {
    let _place = shared.places.acquire().await.expect("the semaphore is never closed");
    let (mut left, mut right) = (shared.place(Side::Left, source), shared.place(Side::Right, target));
    let mut looks = 0;
    let same = match need {
        Need::Metadata => {
            looks += look::learn(&mut left, true).await?;
            looks += look::learn(&mut right, false).await?;
            None
        }
        Need::Content => {
            let platform = shared.rules.platform;
            look::same_bytes(&mut left, &mut right, platform, Effort::Checksums, &mut looks).await?
        }
    };
    shared.looks.fetch_add(looks, Ordering::Relaxed);
    let (source, target) = (left.entry, right.entry);
    if same == Some(true) {
        return Ok(shared.kept(source, Kept::Same));
    }
    let write = Guard::over(Some(&target));
    let kept = if need == Need::Content {
        None
    } else {
        match shared.policy {
            Policy::Copy(existing) => {
                match existing.decide(&source, Some(&target), &shared.rules.comparison) {
                    Decision::Keep(kept) => Some(kept),
                    _ => None,
                }
            }
            Policy::Mirror(mirror) => {
                let pair = Pair::Both(source.clone(), target);
                match mirror.decide(&pair) {
                    Action::Keep(kept) => Some(kept),
                    _ => None,
                }
            }
        }
    };
    // What stays unclear is copied: that is right in any case.
    Ok(match kept {
        Some(kept) => shared.kept(source, kept),
        None => shared.copied(source, None, write),
    })
}

/// Finds the first free name. One that the source has as well is none, since its own copy will want it.
async fn rename(shared: &Shared<'_>, source: Entry) -> Result<Done, PrepareError> {
    let _place = shared.places.acquire().await.expect("the semaphore is never closed");
    let platform = shared.rules.platform;
    let prefix_bytes = match &shared.job.ends.to {
        Site::Remote(remote) => remote.prefix.as_str().len(),
        Site::Local(_) | Site::Stdio => 0,
    };
    let wanted = shared.to.as_ref().unwrap_or(&source.name);
    let mut taken: HashSet<Name> = HashSet::new();
    loop {
        let candidate = numbered(wanted, prefix_bytes, |name| taken.contains(name));
        let free = {
            let mut chosen = shared.chosen.lock().expect("no holder of this lock panics");
            chosen.insert(candidate.clone())
        };
        let mut is_free = free;
        for (site, asks) in [(&shared.job.ends.to, true), (&shared.job.ends.from, shared.to.is_none())] {
            if is_free && asks {
                let remote = matches!(site, Site::Remote(_));
                shared.looks.fetch_add(u64::from(remote), Ordering::Relaxed);
                is_free = !look::is_taken(site, &candidate, platform).await?;
            }
        }
        if is_free {
            return Ok(shared.copied(source, Some(candidate), Guard::Absent));
        }
        taken.insert(candidate);
    }
}

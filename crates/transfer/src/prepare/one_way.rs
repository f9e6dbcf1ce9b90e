//! One way, entry by entry: what becomes of each pair of a tree when it is copied, mirrored or moved.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use super::apart;
use super::look::{self, Effort};
use super::pairing::{self, Decided, Judge, Missed, Pairing, Sides, Verdict, What};
use super::side::{self, Feed, Part};
use super::work::{Making, Way};
use super::{Answer, Context, Job, PrepareError, Rules, Talk};
use crate::diff::{Pair, Side};
use crate::entry::{Entry, Kind};
use crate::local::Links;
use crate::local::walk::Folders;
use crate::name::{Name, NameRefusal};
use crate::plan::{Refusal, Skip, Step, Task};
use crate::policy::conflict::numbered;
use crate::policy::mirror::{Action, Extra, Mirror};
use crate::policy::{Decision, Existing, Guard, Kept, Means, Need, Sameness};
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

/// Plans one tree.
pub(super) async fn tree(
    making: &mut Making<'_>,
    route: u32,
    job: &Job,
    policy: Policy,
) -> Result<(), PrepareError> {
    let (rules, context) = (making.rules, making.context);
    let mut shared = Shared::new(route, job, rules, policy, None)?;
    shared.follows = rules.links == Links::Follow;
    let places = &shared.places;
    let filter = Arc::new(rules.filter.clone());
    let left = Feed::open(&side::sharing(&job.ends.from, places), Part::Source, rules, &filter);
    let right = if policy.looks_at_target() {
        Feed::open(&side::sharing(&job.ends.to, places), Part::Target, rules, &filter)
    } else {
        Feed::nothing()
    };
    drop(filter);
    let local_target = matches!(job.ends.to, Site::Local(_));
    let sides = Sides::new(job, rules, Pairing::new(left, right), super::twins::of(&job.ends.to, rules));
    let mut judge = OneWay { shared: &shared, context, own_target: apart::own_target(job) };
    let emptied = [rules.takes && matches!(job.ends.from, Site::Local(_)), policy.deletes() && local_target];
    pairing::go_through(sides, &mut judge, emptied, route, making).await?;
    making.seen.looks += shared.looks.load(Ordering::Relaxed);
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
    /// Links at the source are followed.
    follows: bool,
    looks: AtomicU64,
    places: Arc<Semaphore>,
    /// Names that copies got which were to have another one.
    chosen: Mutex<HashSet<Name>>,
}

struct OneWay<'a> {
    shared: &'a Shared<'a>,
    context: Context<'a>,
    /// With what names begin that lie at the target, where it is in the source.
    own_target: Option<String>,
}

impl<'a> Judge<'a> for OneWay<'a> {
    fn missed(&mut self, sides: &Sides<'_>, making: &mut Making<'_>, missed: Missed) -> Decided {
        let shared = self.shared;
        let Missed { side, name, what } = missed;
        let stays = Decided::stays(name.clone(), side);
        match what {
            What::Itself(entry) => {
                // A folder that moves takes the object along that stands for it. Where a filter leaves things in it, it stays for them.
                let takes = shared.rules.takes && sides.filter.is_open();
                let goes = side == Side::Left && takes && entry.kind == Kind::Folder;
                let steps = if goes { making.itself(shared.route, &entry) } else { Vec::new() };
                Decided { steps, ..Decided::nothing(name) }
            }
            What::Unfit(why) if side == Side::Left => {
                if !pairing::name_takes_part(&sides.filter, &name) {
                    making.seen.left_out += 1;
                    return stays;
                }
                Decided { steps: vec![shared.step(pairing::left_out(making, &why), name)], ..stays }
            }
            What::Pruned | What::Unfit(_) => stays,
        }
    }

    fn pair(
        &mut self,
        sides: &mut Sides<'_>,
        making: &mut Making<'_>,
        pair: Pair,
    ) -> Result<Verdict<'a>, PrepareError> {
        let (mut left, mut right) = pair.sides();
        if self.shared.way.is_remote() {
            [&mut left, &mut right].into_iter().flatten().for_each(pairing::as_object);
        }
        let at_target = self.own_target.as_ref().is_some_and(|own| {
            left.as_ref().is_some_and(|left| left.name.as_str().starts_with(own.as_str()))
        });
        if at_target || !pairing::takes_part(&sides.filter, left.as_ref(), right.as_ref()) {
            making.seen.left_out += 1;
            let name = left.as_ref().or(right.as_ref()).expect("a pair has a side").name.clone();
            if let (Some(_), Some(twins)) = (&right, &mut sides.twins) {
                let _ = twins.check(&name);
            }
            let goes = [left.map(|_| false), right.map(|_| false)];
            return Ok(Verdict::Made(Decided { goes, ..Decided::nothing(name) }));
        }
        making.seen.left += u64::from(left.is_some());
        making.seen.right += u64::from(right.is_some());
        Ok(self.judge(sides, left, right))
    }
}

impl<'a> OneWay<'a> {
    fn judge(&self, sides: &mut Sides<'_>, left: Option<Entry>, right: Option<Entry>) -> Verdict<'a> {
        let shared = self.shared;
        let (source, target) = match (left, right) {
            (None, None) => unreachable!("a pair has a side"),
            (None, Some(target)) => return Verdict::Made(self.extra(sides, target)),
            (Some(source), target) => (source, target),
        };
        if let Some(refusal) = sides.refusal(&source, Side::Right, target.is_some(), true) {
            return Verdict::Made(shared.refused(source, refusal));
        }
        if source.kind == Kind::Folder || target.as_ref().is_some_and(|target| target.kind == Kind::Folder) {
            let filled = sides.pairing.is_filled(Side::Left, &source.name);
            return Verdict::Made(shared.folder(source, target.is_some(), filled));
        }
        let mirror = match shared.policy {
            Policy::Copy(existing) => return shared.copy(existing, self.context.talk, source, target),
            Policy::Mirror(mirror) => mirror,
        };
        let pair = match target {
            Some(target) => Pair::Both(source, target),
            None => Pair::Left(source),
        };
        let action = mirror.decide(&pair);
        let (source, target) = pair.sides();
        let source = source.expect("the source was put in above");
        Verdict::Made(match action {
            Action::Copy(guard) => shared.copied(source, None, guard),
            Action::Keep(kept) => shared.kept(source, kept),
            Action::Need(need) => return shared.settles(need, source, target),
            Action::Delete(_) | Action::Extra => unreachable!("the source has it"),
        })
    }

    /// What only the target has.
    fn extra(&self, sides: &mut Sides<'_>, target: Entry) -> Decided {
        let shared = self.shared;
        let stays = |target: Entry, extra| Decided { extra, ..Decided::stays(target.name, Side::Right) };
        let goes = [None, Some(true)];
        let twin =
            sides.twins.as_mut().is_some_and(|twins| twins.check(&target.name) == Err(NameRefusal::Twin));
        // A link that is passed over at the source is passed over here.
        let is_link = target.kind == Kind::Link && shared.rules.links == Links::Skip;
        let folder = target.kind == Kind::Folder && shared.rules.folders == Folders::None;
        let Policy::Mirror(mirror) = shared.policy else { return stays(target, false) };
        if twin || is_link || folder || sides.pairing.is_shadowed(Side::Left, &target.name) {
            return stays(target, false);
        }
        let pair = Pair::Right(target);
        let action = mirror.decide(&pair);
        let Pair::Right(target) = pair else { unreachable!("it was made above") };
        match action {
            // Folders of the disk go when everything in them went.
            Action::Delete(_)
                if target.kind == Kind::Folder && matches!(shared.job.ends.to, Site::Local(_)) =>
            {
                Decided { goes, ..Decided::nothing(target.name) }
            }
            Action::Delete(guard) => {
                let step = shared.step(Task::Delete(Side::Right), target.name.clone());
                let steps = vec![Step { guard, ..step }];
                Decided { goes, steps, ..Decided::nothing(target.name) }
            }
            _ => stays(target, true),
        }
    }
}

impl<'a> Shared<'a> {
    /// Returns what decisions share; `to` is the name at the target of one thing that was named.
    pub(super) fn new(
        route: u32,
        job: &'a Job,
        rules: &'a Rules,
        policy: Policy,
        to: Option<Name>,
    ) -> Result<Self, PrepareError> {
        Ok(Self {
            route,
            to,
            job,
            policy,
            way: Way::of(job)?,
            rules,
            // A thing that was named may be a link.
            follows: rules.links != Links::Keep,
            looks: AtomicU64::new(0),
            places: Arc::new(Semaphore::new(rules.connections_max.max(1))),
            chosen: Mutex::default(),
        })
    }

    /// Plans one thing that was named, and whose target was looked at where that matters.
    pub(super) async fn one(
        &self,
        making: &mut Making<'_>,
        source: Entry,
        target: Option<Entry>,
    ) -> Result<(), PrepareError> {
        let decided = match self.copy(self.rules.existing, making.context.talk, source, target) {
            Verdict::Made(decided) => decided,
            Verdict::Waits(decision) => decision.await?,
        };
        if decided.aborts {
            return Err(PrepareError::Aborted);
        }
        making.seen.same += u64::from(decided.same);
        making.seen.looks += self.looks.load(Ordering::Relaxed);
        decided.steps.iter().try_for_each(|step| making.push(step))
    }

    /// Decides about a copy by what happens where the target exists.
    fn copy(&self, existing: Existing, talk: &dyn Talk, source: Entry, target: Option<Entry>) -> Verdict<'_> {
        if existing == Existing::Overwrite {
            return Verdict::Made(self.copied(source, None, Guard::None));
        }
        Verdict::Made(match existing.decide(&source, target.as_ref(), &self.rules.comparison()) {
            Decision::Write(guard) => self.copied(source, None, guard),
            Decision::Keep(kept) => self.kept(source, kept),
            Decision::Need(need) => return self.settles(need, source, target),
            Decision::Rename => return Verdict::Waits(Box::pin(rename(self, source))),
            Decision::Ask => {
                let target = target.expect("only what exists is asked about");
                match talk.ask(&source, &target) {
                    Answer::Overwrite => self.copied(source, None, Guard::over(Some(&target))),
                    Answer::Skip => self.kept(source, Kept::Exists),
                    Answer::Rename => return Verdict::Waits(Box::pin(rename(self, source))),
                    Answer::Abort => Decided { aborts: true, ..Decided::nothing(source.name) },
                }
            }
        })
    }

    fn settles(&self, need: Need, source: Entry, target: Option<Entry>) -> Verdict<'_> {
        let target = target.expect("nothing is unclear about nothing");
        Verdict::Waits(Box::pin(settle(self, need, source, target)))
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

    fn copied(&self, source: Entry, to: Option<Name>, guard: Guard) -> Decided {
        let goes = [Some(self.rules.takes), Some(false)];
        let step = Step {
            takes: self.rules.takes,
            link: self.rules.links == Links::Keep,
            follows: self.follows,
            to: to.or_else(|| self.to.clone()),
            size_bytes: source.size_bytes,
            modified: source.modified,
            tag: source.tag,
            guard,
            ..self.step(self.way.task(), source.name.clone())
        };
        Decided { goes, steps: vec![step], ..Decided::nothing(source.name) }
    }

    fn kept(&self, source: Entry, kept: Kept) -> Decided {
        // Sizes and times are no proof that a source may go.
        let by_content = match self.policy {
            Policy::Copy(existing) => existing == Existing::Checksum,
            Policy::Mirror(mirror) => mirror.comparison.means == Means::Checksum,
        };
        let unproved = kept == Kept::Same && self.rules.takes && !by_content;
        let kept = if unproved { Kept::Exists } else { kept };
        let (taken, skip) = match kept {
            Kept::Same => (self.taken(&source), None),
            Kept::Exists => (None, Some(Skip::Exists)),
            Kept::NotNewer => (None, Some(Skip::NotNewer)),
        };
        let goes = [Some(taken.is_some()), Some(false)];
        let skip = skip.map(|skip| Step {
            size_bytes: source.size_bytes,
            ..self.step(Task::Skip(skip), source.name.clone())
        });
        let steps = skip.into_iter().chain(taken).collect();
        let same = kept == Kept::Same;
        Decided { goes, steps, same, ..Decided::nothing(source.name) }
    }

    fn refused(&self, source: Entry, refusal: Refusal) -> Decided {
        let step = self.step(Task::Refuse(refusal), source.name.clone());
        let steps = vec![Step { size_bytes: source.size_bytes, ..step }];
        // It keeps the folder at the target that it would be in.
        Decided { goes: [Some(false), Some(false)], steps, ..Decided::nothing(source.name) }
    }

    /// A folder at the source, or something there whose name is a folder at the target.
    fn folder(&self, source: Entry, exists: bool, filled: bool) -> Decided {
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
        let is_skipped = matches!(task, Some(Task::Skip(_)));
        let mut steps: Vec<Step> =
            task.map(|task| self.step(task, source.name.clone())).into_iter().collect();
        let goes = [Some(self.rules.takes && !is_skipped), Some(false)];
        // Folders of the disk go when everything in them went; one that nothing is made for stays.
        if !local && !is_skipped {
            steps.extend(self.taken(&source));
        }
        Decided { goes, steps, ..Decided::nothing(source.name) }
    }

    fn place(&self, side: Side, entry: Entry) -> look::Place {
        let ends = &self.job.ends;
        look::Place { site: if side == Side::Left { ends.from.clone() } else { ends.to.clone() }, entry }
    }
}

/// Looks at what was unclear, and decides.
async fn settle(
    shared: &Shared<'_>,
    need: Need,
    source: Entry,
    target: Entry,
) -> Result<Decided, PrepareError> {
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
    if same == Some(true) {
        return Ok(shared.kept(left.entry, Kept::Same));
    }
    if let (Need::Content, Policy::Mirror(Mirror { newer_stays: true, .. })) = (need, shared.policy) {
        // Which of the two is newer is asked of what both keep.
        looks = look::learn(&mut left, true).await? + look::learn(&mut right, false).await?;
        shared.looks.fetch_add(looks, Ordering::Relaxed);
    }
    let (source, target) = (left.entry, right.entry);
    let write = Guard::over(Some(&target));
    let comparison = &shared.rules.comparison();
    let kept = match shared.policy {
        Policy::Copy(Existing::Newer) => {
            let newer = comparison.is_newer_as_far_as_known(&source, &target);
            (newer == Some(false)).then_some(Kept::NotNewer)
        }
        Policy::Copy(_) => None,
        Policy::Mirror(mirror) if mirror.keeps_newer(&source, &target) => Some(Kept::NotNewer),
        Policy::Mirror(_) if need == Need::Content => None,
        Policy::Mirror(mirror) => {
            let same = mirror.comparison.same(&source, &target) == Sameness::Same;
            same.then_some(Kept::Same)
        }
    };
    // What stays unclear is copied: that is right in any case.
    Ok(match kept {
        Some(kept) => shared.kept(source, kept),
        None => shared.copied(source, None, write),
    })
}

/// Finds the first free name. One that the source has as well is none, since its own copy will want it.
async fn rename(shared: &Shared<'_>, source: Entry) -> Result<Decided, PrepareError> {
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

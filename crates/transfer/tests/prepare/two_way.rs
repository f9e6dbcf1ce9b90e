//! Syncs against a model: random changes, crashes between any two steps, and nothing that anybody wrote is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use pintail_core::seam::SeededRandom;
use pintail_store::object_store::{Delete, ETag, Get, Head, Put, Traits, WriteCondition};
use pintail_store::{Operation, Payload};
use pintail_transfer::diff::Side;
use pintail_transfer::entry::Modified;
use pintail_transfer::plan::{Step, Task};
use pintail_transfer::policy::Guard;
use pintail_transfer::policy::mirror::{DeleteLimit, DeleteRefusal, Extra};
use pintail_transfer::prepare::{self, Job, PrepareError, Prepared, What};
use pintail_transfer::site::Site;
use proptest::prelude::*;

use crate::stage::{NOW, Stage, lines, name};

/// Two sides of a stage, and what is remembered of them.
struct Pair {
    stage: Stage,
    job: Job,
    base: PathBuf,
    ticks: i64,
}

impl Pair {
    fn new(local: bool) -> Self {
        let stage = Stage::new();
        let left = if local { stage.local() } else { stage.remote("l/") };
        let job = Stage::job(left, stage.remote("r/"), What::Tree);
        let base = stage.folder.path().join("state/base");
        Self { stage, job, base, ticks: 0 }
    }

    /// Moves the clock: no two writes have one time.
    fn tick(&mut self) -> i64 {
        self.ticks += 3;
        self.stage.at(self.ticks);
        self.ticks
    }

    fn site(&self, side: Side) -> &Site {
        if side == Side::Left { &self.job.ends.from } else { &self.job.ends.to }
    }

    fn read(&self, side: Side, file: &str) -> Option<(String, i64)> {
        match self.site(side) {
            Site::Local(root) => {
                let path = root.join(file);
                let content = fs::read_to_string(&path).ok()?;
                let at = crate::stage::time_of(&path).duration_since(std::time::UNIX_EPOCH).unwrap();
                Some((content, at.as_secs() as i64 - NOW))
            }
            Site::Remote(remote) => self.stage.runtime.block_on(async {
                let key = remote.key(&name(file)).unwrap();
                let got = remote.store.get(&remote.bucket, &key, &Get::default()).await.ok()?;
                let kept = got.info.traits.metadata.get("mtime").map(|at| at.parse::<i64>().unwrap());
                let at = kept.unwrap_or_else(|| got.info.last_modified.unwrap().as_second());
                let content = got.body.collect(1 << 20).await.unwrap();
                Some((String::from_utf8(content.to_vec()).unwrap(), at - NOW))
            }),
            Site::Stdio => None,
        }
    }

    /// Writes something; `false` where the guard does not hold.
    fn write(&mut self, side: Side, file: &str, content: &str, at: Option<i64>, guard: &Guard) -> bool {
        let now = self.tick();
        match self.site(side).clone() {
            Site::Local(_) => {
                if !self.holds(side, file, guard) {
                    return false;
                }
                self.stage.file(file, content, at.unwrap_or(now));
                true
            }
            Site::Remote(remote) => {
                let condition = match guard {
                    Guard::Absent => WriteCondition::IfAbsent,
                    Guard::Match(tag) => WriteCondition::IfMatch(ETag::new(&tag.to_string())),
                    Guard::None | Guard::Unchanged { .. } => WriteCondition::None,
                };
                let metadata =
                    at.map(|at| ("mtime".to_owned(), (NOW + at).to_string())).into_iter().collect();
                let put =
                    Put { condition, traits: Traits { metadata, ..Traits::default() }, ..Put::default() };
                let payload = Payload::from_bytes(content.to_owned());
                let key = remote.key(&name(file)).unwrap();
                self.stage.runtime.block_on(remote.store.put(&remote.bucket, &key, payload, &put)).is_ok()
            }
            Site::Stdio => false,
        }
    }

    fn holds(&self, side: Side, file: &str, guard: &Guard) -> bool {
        match (self.site(side), guard) {
            (_, Guard::None) => true,
            (_, Guard::Absent) => self.read(side, file).is_none(),
            (Site::Local(root), Guard::Unchanged { size_bytes, modified }) => fs::metadata(root.join(file))
                .is_ok_and(|found| {
                    let at = found.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
                    found.len() == *size_bytes && modified.ns() == Some(at.as_nanos() as i64)
                }),
            (Site::Remote(remote), Guard::Match(tag)) => self.stage.runtime.block_on(async {
                let key = remote.key(&name(file)).unwrap();
                let found = remote.store.head(&remote.bucket, &key, &Head::default()).await;
                found.is_ok_and(|info| info.etag == Some(tag.etag()))
            }),
            _ => false,
        }
    }

    fn delete(&mut self, side: Side, file: &str, guard: &Guard) -> bool {
        self.tick();
        if !self.holds(side, file, guard) {
            return false;
        }
        match self.site(side).clone() {
            Site::Local(root) if file.ends_with('/') => drop(fs::remove_dir(root.join(file))),
            Site::Local(root) => drop(fs::remove_file(root.join(file))),
            Site::Remote(remote) => {
                let key = remote.key(&name(file)).unwrap();
                let options = Delete::default();
                let deleted = remote.store.delete(&remote.bucket, &key, &options);
                self.stage.runtime.block_on(deleted).unwrap();
            }
            Site::Stdio => {}
        }
        true
    }

    fn carry_out(&mut self, step: &Step) -> bool {
        let (from, to) = if step.route == 0 { (Side::Left, Side::Right) } else { (Side::Right, Side::Left) };
        let file = step.name.as_str();
        match &step.task {
            task if task.moves_bytes() => {
                let Some((content, at)) = self.read(from, file) else { return false };
                self.write(to, step.target().as_str(), &content, Some(at), &step.guard)
            }
            Task::Delete(side) => self.delete(*side, file, &step.guard),
            Task::Move(side) => {
                let Some((content, at)) = self.read(*side, file) else { return false };
                self.write(*side, step.target().as_str(), &content, Some(at), &step.guard)
                    && self.delete(*side, file, &Guard::None)
            }
            _ => true,
        }
    }

    fn plan(&self) -> (Prepared, prepare::Memory) {
        self.try_plan(DeleteLimit::default()).unwrap()
    }

    fn try_plan(&self, limit: DeleteLimit) -> Result<(Prepared, prepare::Memory), PrepareError> {
        let random = SeededRandom::new(self.ticks as u64);
        let context = self.stage.context(&random);
        self.stage.runtime.block_on(prepare::two_way(
            &self.job,
            &self.base,
            limit,
            &self.stage.rules,
            context,
        ))
    }

    /// Syncs, with a crash after so many steps; tells whether it came to its end and remembered.
    fn sync(&mut self, steps_max: usize) -> bool {
        let (prepared, memory) = self.plan();
        let steps: Vec<(u64, Step)> = prepared.plan.steps().map(Result::unwrap).collect();
        // Deletions come last.
        let (deletions, others): (Vec<_>, Vec<_>) =
            steps.into_iter().partition(|(_, step)| matches!(step.task, Task::Delete(_)));
        let mut done = BTreeSet::new();
        for (ran, (number, step)) in others.iter().chain(&deletions).enumerate() {
            if ran == steps_max {
                return false;
            }
            if self.carry_out(step) {
                done.insert(*number);
            }
        }
        self.tick();
        let random = SeededRandom::new(7);
        let done = |number: u64| done.contains(&number);
        let remembered = prepare::remember(
            &self.job,
            &self.base,
            memory,
            &prepared.plan,
            &done,
            &self.stage.rules,
            self.stage.context(&random),
        );
        self.stage.runtime.block_on(remembered).unwrap();
        true
    }

    /// Syncs with a crash after so many steps, goes on in another process, and remembers. Returns the names that were copied.
    fn sync_in_two_lives(&mut self, steps_max: usize) -> Vec<String> {
        let (prepared, _) = self.plan();
        let steps: Vec<(u64, Step)> = prepared.plan.steps().map(Result::unwrap).collect();
        let (deletions, others): (Vec<_>, Vec<_>) =
            steps.into_iter().partition(|(_, step)| matches!(step.task, Task::Delete(_)));
        let mut done = BTreeSet::new();
        let mut copied = Vec::new();
        for (ran, (number, step)) in others.iter().chain(&deletions).enumerate() {
            if ran == steps_max {
                self.tick();
            }
            if self.carry_out(step) {
                done.insert(*number);
                copied.extend(step.task.moves_bytes().then(|| step.name.to_string()));
            }
        }
        self.tick();
        let random = SeededRandom::new(8);
        let done = |number: u64| done.contains(&number);
        let remembered = prepare::remember_resumed(
            &self.job,
            &self.base,
            &prepared.plan,
            &done,
            &self.stage.rules,
            self.stage.context(&random),
        );
        self.stage.runtime.block_on(remembered).unwrap();
        copied
    }

    fn tree(&self, side: Side) -> BTreeMap<String, String> {
        let mut tree = BTreeMap::new();
        match self.site(side) {
            Site::Local(root) => walk(root, "", &mut tree),
            Site::Remote(remote) => {
                for key in self.stage.keys().into_keys() {
                    if let Some(file) = key.strip_prefix(remote.prefix.as_str()) {
                        tree.insert(file.to_owned(), self.read(side, file).unwrap().0);
                    }
                }
            }
            Site::Stdio => {}
        }
        tree
    }

    fn people_change(&mut self, changes: &[(bool, &str, bool)]) {
        for (left, file, written) in changes {
            let side = if *left { Side::Left } else { Side::Right };
            if *written {
                // The moment is the content: no two are the same, and all are equally long.
                let content = format!("{:06}", self.ticks);
                self.write(side, file, &content, None, &Guard::None);
            } else {
                self.delete(side, file, &Guard::None);
            }
        }
    }
}

fn walk(root: &std::path::Path, below: &str, tree: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let file = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            walk(root, &format!("{file}/"), tree);
        } else {
            tree.insert(file, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

#[test]
fn what_either_side_changed_reaches_the_other_and_then_both_rest() {
    for local in [true, false] {
        let mut pair = Pair::new(local);
        pair.people_change(&[(true, "a", true), (true, "b/c", true), (false, "d", true), (false, "e", true)]);
        assert!(pair.sync(usize::MAX));
        assert_eq!(pair.tree(Side::Left), pair.tree(Side::Right));
        assert_eq!(pair.tree(Side::Left).len(), 4);
        let (gets, heads) = (pair.stage.calls(Operation::Get), pair.stage.calls(Operation::Head));
        let (rest, _memory) = pair.plan();
        assert!(rest.plan.is_empty(), "{:?}", lines(&rest.plan));
        assert_eq!((rest.seen.same, rest.seen.looks), (4, 0));
        assert_eq!((pair.stage.calls(Operation::Get), pair.stage.calls(Operation::Head)), (gets, heads));
        // Changed here, deleted there, and both on one name.
        pair.people_change(&[
            (true, "a", true),
            (false, "b/c", false),
            (true, "d", false),
            (false, "d", true),
        ]);
        pair.people_change(&[(true, "e", true), (false, "e", true)]);
        let (plan, _memory) = pair.plan();
        let at = "1970";
        assert!(!lines(&plan.plan).iter().any(|line| line.contains(at)));
        let (up, down) = if local { ("upload", "download") } else { ("copywithin", "copywithin") };
        let steps = lines(&plan.plan);
        let folder = if local { 1 } else { 0 };
        assert_eq!(steps.len(), 6 + folder, "{steps:?}");
        assert_eq!(steps[0], format!("{up} a"));
        assert_eq!(steps[1], "delete(left) b/c");
        assert!(steps.contains(&format!("{down} d")) && steps.contains(&format!("{down} e")), "{steps:?}");
        assert!(pair.sync(usize::MAX));
        let tree = pair.tree(Side::Left);
        assert_eq!(tree, pair.tree(Side::Right));
        assert_eq!(tree.len(), 4, "{tree:?}");
        assert!(tree.keys().any(|file| file.starts_with("e (conflict 2026-")));
        assert!(pair.plan().0.plan.is_empty());
    }
}

#[test]
fn a_side_that_is_gone_is_not_taken_for_an_empty_one() {
    let mut pair = Pair::new(true);
    pair.people_change(&[(true, "a", true), (true, "b", true), (true, "c", true)]);
    assert!(pair.sync(usize::MAX));
    for file in ["a", "b"] {
        pair.delete(Side::Left, file, &Guard::None);
    }
    let refused = pair.try_plan(DeleteLimit { count: Some(1), percent: None });
    assert!(matches!(
        refused,
        Err(PrepareError::Deletions(DeleteRefusal::TooMany { deletions: 2, of: 3, limit: 1 }))
    ));
    fs::remove_dir_all(pair.stage.root()).unwrap();
    assert!(matches!(pair.try_plan(DeleteLimit::default()), Err(PrepareError::Missing(_))));
}

#[test]
fn the_same_on_both_sides_is_remembered_without_a_copy() {
    let mut pair = Pair::new(true);
    pair.write(Side::Left, "same", "content", None, &Guard::None);
    pair.write(Side::Right, "same", "content", None, &Guard::None);
    pair.write(Side::Left, "other", "content", None, &Guard::None);
    pair.write(Side::Right, "other", "CONTENT", None, &Guard::None);
    let (plan, _memory) = pair.plan();
    assert_eq!(plan.seen.same, 1);
    let steps = lines(&plan.plan);
    assert!(
        steps[0].starts_with("move(left) other > other (conflict ") && steps[1] == "download other",
        "{steps:?}"
    );
    assert!(pair.sync(usize::MAX));
    pair.delete(Side::Right, "same", &Guard::None);
    assert_eq!(lines(&pair.plan().0.plan), ["delete(left) same"]);
}

fn changes() -> impl Strategy<Value = Vec<(bool, &'static str, bool)>> {
    let file = prop::sample::select(vec!["a", "b.txt", "c/d", "c/e", "f/g/h", "a-b"]);
    prop::collection::vec((any::<bool>(), file, prop::bool::weighted(0.7)), 0..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    // behaviour: sync-both-ways
    /// Random trees, random changes on both sides, a crash between any two steps, changes after that, and syncs until one ends: nothing that anybody
    /// wrote is lost, both sides meet, and one more sync plans nothing.
    #[test]
    fn nothing_is_lost_both_ways(
        local in any::<bool>(),
        before in changes(),
        after in changes(),
        crash in 0..12_usize,
        second_crash in 0..6_usize,
    ) {
        let mut pair = Pair::new(local);
        pair.people_change(&before);
        prop_assert!(pair.sync(usize::MAX));
        let synced = pair.tree(Side::Left);
        prop_assert_eq!(&synced, &pair.tree(Side::Right));
        pair.people_change(&after);
        let (left, right) = (pair.tree(Side::Left), pair.tree(Side::Right));
        let written: BTreeSet<String> = [&left, &right]
            .into_iter()
            .flat_map(|tree| tree.iter().filter(|(file, content)| synced.get(*file) != Some(content)))
            .map(|(_, content)| content.clone())
            .collect();
        let kept: BTreeSet<String> = synced
            .iter()
            .filter(|(file, content)| left.get(*file) == Some(content) && right.get(*file) == Some(content))
            .map(|(_, content)| content.clone())
            .collect();
        pair.sync(crash);
        pair.sync(second_crash);
        prop_assert!(pair.sync(usize::MAX));
        let (left, right) = (pair.tree(Side::Left), pair.tree(Side::Right));
        prop_assert_eq!(&left, &right);
        let there: BTreeSet<String> = left.into_values().collect();
        prop_assert!(written.is_subset(&there), "lost {:?}", written.difference(&there));
        prop_assert!(kept.is_subset(&there), "lost {:?}", kept.difference(&there));
        let (rest, _memory) = pair.plan();
        prop_assert!(rest.plan.is_empty(), "{:?}", lines(&rest.plan));
        prop_assert_eq!(rest.seen.looks, 0);
    }

    // behaviour: sync-both-ways
    /// A run that another process went on with has remembered what it copied: nothing is left to do, and what is deleted afterwards on one side goes on
    /// the other.
    #[test]
    fn a_run_in_two_lives_remembers_what_it_copied(
        local in any::<bool>(),
        is_first in any::<bool>(),
        before in changes(),
        after in changes(),
        crash in 0..12_usize,
    ) {
        let mut pair = Pair::new(local);
        pair.people_change(&before);
        if !is_first {
            prop_assert!(pair.sync(usize::MAX));
        }
        pair.people_change(&after);
        let copied = pair.sync_in_two_lives(crash);
        let (left, right) = (pair.tree(Side::Left), pair.tree(Side::Right));
        prop_assert_eq!(&left, &right);
        let (rest, _memory) = pair.plan();
        prop_assert!(rest.plan.is_empty(), "{:?}", lines(&rest.plan));
        for file in &copied {
            pair.delete(Side::Left, file, &Guard::None);
        }
        let planned = lines(&pair.plan().0.plan);
        for file in &copied {
            prop_assert!(planned.contains(&format!("delete(right) {file}")), "{file}: {planned:?}");
        }
        prop_assert!(planned.iter().all(|line| line.starts_with("delete(")), "{planned:?}");
        prop_assert!(pair.sync(usize::MAX));
        prop_assert_eq!(pair.tree(Side::Left), pair.tree(Side::Right));
        prop_assert!(copied.iter().all(|file| !pair.tree(Side::Right).contains_key(file)));
    }

    /// A mirror with a crash between any two steps makes the target the source all the same, and then has nothing to do.
    #[test]
    fn a_mirror_makes_the_target_the_source(
        down in any::<bool>(),
        before in changes(),
        crash in 0..12_usize,
    ) {
        let mut pair = Pair::new(true);
        if down {
            pair.job = Stage::job(pair.stage.remote("r/"), pair.stage.local(), What::Tree);
        }
        pair.people_change(&before);
        let source = pair.tree(Side::Left);
        for steps_max in [crash, usize::MAX] {
            let plan = pair.stage.mirror(&pair.job, Extra::Delete).unwrap();
            let steps: Vec<Step> = plan.plan.steps().map(|step| step.unwrap().1).collect();
            for step in steps.iter().take(steps_max) {
                prop_assert!(pair.carry_out(step), "{:?}", step);
            }
        }
        // Contents that differ in nothing that a listing tells are not told apart: a target written after its source's change counts as its copy.
        prop_assert!(pair.tree(Side::Right).keys().eq(source.keys()));
        prop_assert_eq!(&pair.tree(Side::Left), &source);
        let rest = pair.stage.mirror(&pair.job, Extra::Delete).unwrap();
        prop_assert!(rest.plan.is_empty(), "{:?}", lines(&rest.plan));
    }
}

#[test]
fn a_time_that_goes_along_is_read_to_the_nanosecond() {
    assert_eq!(
        Modified::parse_metadata("1790000000.000000001").and_then(Modified::ns),
        Some(1_790_000_000_000_000_001)
    );
}

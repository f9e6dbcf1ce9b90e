//! Two ways: both sides may change, and what either changed reaches the other.
//!
//! Pure: one name at a time, from what is remembered of the last run and what each side has now.
//!
//! | left \ right | as it was | changed or new | gone | never there |
//! |---|---|---|---|---|
//! | as it was | – | copy to the left | delete on the left | |
//! | changed or new | copy to the right | same: remember; else keep both | copy to the right | copy to the right |
//! | gone | delete on the right | copy to the left | forget | |
//! | never there | | copy to the left | | – |
//!
//! What was changed on one side and deleted on the other is kept. What was changed on both is kept twice: the left version moves to a
//! name with a time in it ([`conflict`](super::conflict)), the right version takes its place. Nothing is merged, nothing a person wrote is lost.
//!
//! **Crashes.** What is remembered is written after what it tells of. Between any two effects a new run finds its way: a copy that was made
//! but not remembered is a change of both sides to the same content; a deletion is one that both sides made; a moved file is new.

use super::{Guard, Need, Sameness};
use crate::diff::Side;
use crate::entry::{Entry, Kind, Modified, Tag};
use crate::name::Name;

/// One state of an entry on one side: whatever changes when it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it was.
    pub kind: Kind,
    /// Its size.
    pub size_bytes: u64,
    /// Its time.
    pub modified: Modified,
    /// Its entity tag, for an object.
    pub tag: Option<Tag>,
}

impl Seen {
    /// Remembers an entry as it is. The time of a folder changes with what is in it and does not count.
    pub fn of(entry: &Entry) -> Self {
        let modified = if entry.kind == Kind::Folder { Modified::UNKNOWN } else { entry.modified };
        Self { kind: entry.kind, size_bytes: entry.size_bytes, modified, tag: entry.tag.clone() }
    }

    /// Tells whether another state is this one. An object is known by its tag; its time is told to the second by one call and finer by another.
    pub fn is(&self, other: &Self) -> bool {
        let times = match (&self.tag, &other.tag) {
            (Some(_), Some(_)) => true,
            _ => self.modified == other.modified,
        };
        self.kind == other.kind && self.size_bytes == other.size_bytes && self.tag == other.tag && times
    }
}

/// What both sides had under a name when they were last the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// On the left.
    pub left: Seen,
    /// On the right.
    pub right: Seen,
}

impl Remembered {
    /// Remembers two entries that are the same.
    pub fn of(left: &Entry, right: &Entry) -> Self {
        Self { left: Seen::of(left), right: Seen::of(right) }
    }
}

/// What becomes of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Both sides have the same, which is to be remembered.
    Remember,
    /// Neither side has it any more, which is to be forgotten.
    Forget,
    /// It is copied to this side, and remembered.
    Copy {
        /// Where to.
        to: Side,
        /// What must hold there.
        guard: Guard,
    },
    /// It is deleted on this side, and forgotten.
    Delete {
        /// Where.
        on: Side,
        /// What must hold there.
        guard: Guard,
    },
    /// Both are kept: see [`keep_both`].
    KeepBoth,
    /// It cannot be decided before more is known; [`decide`] is asked again then.
    Need(Need),
}

/// What a side did since the last run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Nothing: it is there as it was.
    Unchanged,
    /// It is there, and was not or was otherwise.
    Written,
    /// It was there.
    Deleted,
    /// It was not there either.
    Absent,
}

fn change(before: Option<&Seen>, now: Option<&Entry>) -> Change {
    match (before, now) {
        (None, None) => Change::Absent,
        (Some(_), None) => Change::Deleted,
        (Some(before), Some(now)) if before.is(&Seen::of(now)) => Change::Unchanged,
        (_, Some(_)) => Change::Written,
    }
}

/// Decides about one name.
///
/// `same` compares what both sides have; it is asked only where both wrote it. Sizes and times cannot tell there whether two people
/// wrote the same: it should compare contents, and may answer [`Sameness::Unclear`] until it knows them.
pub fn decide(
    base: Option<&Remembered>,
    left: Option<&Entry>,
    right: Option<&Entry>,
    same: impl FnOnce(&Entry, &Entry) -> Sameness,
) -> Action {
    use Change::{Absent, Deleted, Unchanged, Written};
    let to_left = || Action::Copy { to: Side::Left, guard: Guard::over(left) };
    let to_right = || Action::Copy { to: Side::Right, guard: Guard::over(right) };
    let changes = (change(base.map(|base| &base.left), left), change(base.map(|base| &base.right), right));
    match changes {
        (Unchanged, Unchanged) | (Absent, Absent) => Action::Nothing,
        (Written, Unchanged | Deleted | Absent) => to_right(),
        (Unchanged | Deleted | Absent, Written) => to_left(),
        (Deleted, Unchanged) => Action::Delete { on: Side::Right, guard: Guard::over(right) },
        (Unchanged, Deleted) => Action::Delete { on: Side::Left, guard: Guard::over(left) },
        (Deleted, Deleted) => Action::Forget,
        (Written, Written) => match left.zip(right).map(|(left, right)| same(left, right)) {
            Some(Sameness::Same) => Action::Remember,
            Some(Sameness::Unclear(need)) => Action::Need(need),
            Some(Sameness::Different(_)) | None => Action::KeepBoth,
        },
        // A side that was there was so on both.
        (Unchanged | Deleted, Absent) | (Absent, Unchanged | Deleted) => Action::Nothing,
    }
}

/// One effect on the way to keeping both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The left version moves to another name, which nobody may have.
    MoveLeft {
        /// Its name.
        from: Name,
        /// Its new name.
        to: Name,
    },
    /// The version of one side is copied to the other, where there is nothing, and remembered.
    Copy {
        /// Where to.
        to: Side,
        /// Under which name.
        name: Name,
    },
}

/// Returns the effects that keep both versions, in their order.
pub fn keep_both(name: &Name, kept_as: &Name) -> [Effect; 3] {
    [
        Effect::MoveLeft { from: name.clone(), to: kept_as.clone() },
        Effect::Copy { to: Side::Left, name: name.clone() },
        Effect::Copy { to: Side::Right, name: kept_as.clone() },
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::{Difference, conflict};
    use super::*;
    use crate::entry::Meaning;

    #[test]
    fn every_cell_of_the_table_has_its_action() {
        let entry =
            |size, ns| Entry::file(Name::new("a").unwrap(), size, Modified::from_ns(ns, Meaning::Content));
        let (old, new) = (entry(1, 1), entry(2, 2));
        let base = Remembered::of(&old, &old);
        let guard = |entry: &Entry| Guard::over(Some(entry));
        let copy = |to, guard| Action::Copy { to, guard };
        let delete = |on| Action::Delete { on, guard: guard(&old) };
        let (none, was, is) = (None, Some(&old), Some(&new));
        use Side::{Left, Right};
        for (base, left, right, expected) in [
            (Some(&base), was, was, Action::Nothing),
            (Some(&base), is, was, copy(Right, guard(&old))),
            (Some(&base), was, is, copy(Left, guard(&old))),
            (Some(&base), is, is, Action::KeepBoth),
            (Some(&base), none, was, delete(Right)),
            (Some(&base), was, none, delete(Left)),
            (Some(&base), none, none, Action::Forget),
            (Some(&base), is, none, copy(Right, Guard::Absent)),
            (Some(&base), none, is, copy(Left, Guard::Absent)),
            (None, none, none, Action::Nothing),
            (None, is, none, copy(Right, Guard::Absent)),
            (None, none, is, copy(Left, Guard::Absent)),
            (None, is, is, Action::KeepBoth),
        ] {
            let decided = decide(base, left, right, |_, _| Sameness::Different(Difference::Checksum));
            assert_eq!(decided, expected, "{base:?} {left:?} {right:?}");
        }
        assert_eq!(decide(None, is, is, |_, _| Sameness::Same), Action::Remember);
        let unclear = |_: &Entry, _: &Entry| Sameness::Unclear(Need::Content);
        assert_eq!(decide(Some(&base), is, is, unclear), Action::Need(Need::Content));
    }

    /// Two sides and what is remembered. A file is its content and the time it was written; contents that people write are all different.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct World {
        left: BTreeMap<Name, (u64, i64)>,
        right: BTreeMap<Name, (u64, i64)>,
        base: BTreeMap<Name, Remembered>,
        now: i64,
    }

    /// What a run does, one after another; a crash may come between any two.
    #[derive(Clone, Debug)]
    enum Do {
        Effect(Effect),
        Write { to: Side, name: Name, guard: Guard },
        Delete { on: Side, name: Name, guard: Guard },
        Remember(Name),
        Forget(Name),
    }

    impl World {
        fn side(&mut self, side: Side) -> &mut BTreeMap<Name, (u64, i64)> {
            if side == Side::Left { &mut self.left } else { &mut self.right }
        }

        fn entry(tree: &BTreeMap<Name, (u64, i64)>, name: &Name) -> Option<Entry> {
            let (content, time) = tree.get(name)?;
            Some(Entry::file(name.clone(), *content, Modified::from_ns(*time, Meaning::Content)))
        }

        fn plan(&self) -> Vec<Do> {
            let names: BTreeSet<&Name> =
                self.left.keys().chain(self.right.keys()).chain(self.base.keys()).collect();
            let mut plan = Vec::new();
            for name in &names {
                let name = (*name).clone();
                let (left, right) = (Self::entry(&self.left, &name), Self::entry(&self.right, &name));
                let same = |left: &Entry, right: &Entry| match left.size_bytes == right.size_bytes {
                    true => Sameness::Same,
                    false => Sameness::Different(Difference::Checksum),
                };
                match decide(self.base.get(&name), left.as_ref(), right.as_ref(), same) {
                    Action::Nothing => {}
                    Action::Remember => plan.push(Do::Remember(name)),
                    Action::Forget => plan.push(Do::Forget(name)),
                    Action::Copy { to, guard } => {
                        plan.push(Do::Write { to, name: name.clone(), guard });
                        plan.push(Do::Remember(name));
                    }
                    Action::Delete { on, guard } => {
                        plan.push(Do::Delete { on, name: name.clone(), guard });
                        plan.push(Do::Forget(name));
                    }
                    Action::KeepBoth => {
                        let at = jiff::Timestamp::UNIX_EPOCH;
                        let kept = conflict::kept_as(&name, at, 0, |candidate| names.contains(candidate));
                        for effect in keep_both(&name, &kept) {
                            let copied = match &effect {
                                Effect::Copy { name, .. } => Some(name.clone()),
                                Effect::MoveLeft { .. } => None,
                            };
                            plan.push(Do::Effect(effect));
                            plan.extend(copied.map(Do::Remember));
                        }
                    }
                    Action::Need(need) => panic!("{need:?} is not needed here"),
                }
            }
            plan
        }

        fn apply(&mut self, step: &Do) {
            self.now += 1;
            let now = self.now;
            let check = |target: Option<Entry>, guard: &Guard| match guard {
                Guard::None | Guard::Match(_) => panic!("files are guarded by size and time"),
                Guard::Absent => assert!(target.is_none()),
                Guard::Unchanged { .. } => assert_eq!(Guard::over(target.as_ref()), *guard),
            };
            match step {
                Do::Effect(Effect::MoveLeft { from, to }) => {
                    let moved = self.left.remove(from).unwrap();
                    assert!(self.left.insert(to.clone(), moved).is_none() && !self.right.contains_key(to));
                }
                Do::Effect(Effect::Copy { to, name }) => {
                    let content = self.side(to.other())[name].0;
                    assert!(self.side(*to).insert(name.clone(), (content, now)).is_none());
                }
                Do::Write { to, name, guard } => {
                    let content = self.side(to.other())[name].0;
                    check(Self::entry(self.side(*to), name), guard);
                    self.side(*to).insert(name.clone(), (content, now));
                }
                Do::Delete { on, name, guard } => {
                    check(Self::entry(self.side(*on), name), guard);
                    self.side(*on).remove(name);
                }
                Do::Remember(name) => {
                    let (left, right) = (Self::entry(&self.left, name), Self::entry(&self.right, name));
                    self.base.insert(name.clone(), Remembered::of(&left.unwrap(), &right.unwrap()));
                }
                Do::Forget(name) => drop(self.base.remove(name)),
            }
        }

        /// Runs, with a crash after so many steps; tells whether it came to its end.
        fn run(&mut self, steps_max: usize) -> bool {
            let plan = self.plan();
            plan.iter().take(steps_max).for_each(|step| self.apply(step));
            plan.len() <= steps_max
        }
    }

    /// A person's change: which side, which name, and whether it is written or deleted.
    fn changes() -> impl Strategy<Value = Vec<(bool, &'static str, bool)>> {
        let name =
            prop::sample::select(vec!["a", "a.txt", "a/b", "b", "c/d", "a (conflict 1970-01-01 00.00.00)"]);
        prop::collection::vec((any::<bool>(), name, prop::bool::weighted(0.7)), 0..10)
    }

    fn change_by_people(world: &mut World, changes: &[(bool, &str, bool)]) {
        for (left, name, written) in changes {
            world.now += 1;
            let (now, name) = (world.now, Name::new(name).unwrap());
            let side = world.side(if *left { Side::Left } else { Side::Right });
            if *written {
                // The moment is the content: no two are the same.
                side.insert(name, (now as u64, now));
            } else {
                side.remove(&name);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Random trees, random changes on both sides, a crash at every place, then again until it ends: nothing that anybody wrote is
        /// lost, both sides are the same, and one more run has nothing to do.
        #[test]
        fn nothing_is_lost_and_both_sides_meet(before in changes(), after in changes(), second_crash in 0..6_usize) {
            let mut start = World::default();
            change_by_people(&mut start, &before);
            prop_assert!(start.run(usize::MAX));
            let synced = start.clone();
            change_by_people(&mut start, &after);
            let written: BTreeSet<u64> = [(&start.left, &synced.left), (&start.right, &synced.right)]
                .into_iter()
                .flat_map(|(now, then)| now.iter().filter(|(name, file)| then.get(*name) != Some(file)))
                .map(|(_, (content, _))| *content)
                .collect();
            let kept: BTreeSet<u64> = synced
                .left
                .keys()
                .filter(|name| start.left.contains_key(*name) && start.right.contains_key(*name))
                .filter(|name| start.left.get(*name) == synced.left.get(*name) && start.right.get(*name) == synced.right.get(*name))
                .map(|name| synced.left[name].0)
                .collect();
            for crash in 0..=start.plan().len() {
                let mut world = start.clone();
                world.run(crash);
                world.run(second_crash);
                prop_assert!(world.run(usize::MAX));
                let contents = |tree: &BTreeMap<Name, (u64, i64)>| -> BTreeMap<Name, u64> {
                    tree.iter().map(|(name, (content, _))| (name.clone(), *content)).collect()
                };
                prop_assert_eq!(contents(&world.left), contents(&world.right));
                let there: BTreeSet<u64> = contents(&world.left).into_values().collect();
                prop_assert!(written.is_subset(&there), "lost {:?}", written.difference(&there));
                prop_assert!(kept.is_subset(&there));
                prop_assert!(world.plan().is_empty(), "{:?}", world.plan());
                prop_assert_eq!(world.base.keys().collect::<Vec<_>>(), world.left.keys().collect::<Vec<_>>());
            }
        }
    }
}

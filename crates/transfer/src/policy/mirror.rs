//! One way: the target becomes what the source is.
//!
//! Pure. What the source does not have is deleted only if that was asked for, never more than a limit, and never on the word
//! of a listing that was not whole.

use super::{Comparison, Guard, Kept, Need, Sameness};
use crate::diff::Pair;
use crate::entry::Entry;

/// How a mirror treats what only the target has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extra {
    /// It stays.
    #[default]
    Keep,
    /// It is deleted.
    Delete,
}

/// What becomes of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The source is copied.
    Copy(Guard),
    /// Nothing: the target is the same, or newer targets were to stay.
    Keep(Kept),
    /// The target is deleted, if it still is what was looked at.
    Delete(Guard),
    /// The target stays though the source does not have it.
    Extra,
    /// It cannot be decided before more is known.
    Need(Need),
}

/// The rules of one mirror.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// How the two sides are compared.
    pub comparison: Comparison,
    /// What happens to what only the target has.
    pub extra: Extra,
    /// A target that is newer than its source stays.
    pub newer_stays: bool,
}

impl Mirror {
    /// Decides about one name. Names that a filter leaves out must not come here from either side: they stay as they are.
    pub fn decide(&self, pair: &Pair) -> Action {
        match pair {
            Pair::Left(_) => Action::Copy(Guard::Absent),
            Pair::Right(target) => self.extra(target),
            Pair::Both(source, target) => self.both(source, target),
        }
    }

    fn both(&self, source: &Entry, target: &Entry) -> Action {
        // Nothing, where it makes no difference.
        let newer = if self.newer_stays { self.comparison.is_newer(target, source) } else { Some(false) };
        if newer == Some(true) {
            return Action::Keep(Kept::NotNewer);
        }
        match self.comparison.same(source, target) {
            Sameness::Same => Action::Keep(Kept::Same),
            Sameness::Different(_) if newer.is_none() => Action::Need(Need::Metadata),
            Sameness::Different(_) => Action::Copy(Guard::over(Some(target))),
            Sameness::Unclear(need) => Action::Need(need),
        }
    }

    /// Decides about two whose metadata were asked for, and which are not the same: whether the target stays because it is newer.
    pub fn keeps_newer(&self, source: &Entry, target: &Entry) -> bool {
        self.newer_stays && self.comparison.is_newer_as_far_as_known(target, source) == Some(true)
    }

    fn extra(&self, target: &Entry) -> Action {
        match self.extra {
            Extra::Keep => Action::Extra,
            Extra::Delete => Action::Delete(Guard::over(Some(target))),
        }
    }
}

/// The most that a mirror may delete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeleteLimit {
    /// So many entries.
    pub count: Option<u64>,
    /// Such a part of what the target has, in percent, rounded up: half of a single object is that object.
    pub percent: Option<u8>,
}

/// Why a mirror deletes nothing at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeleteRefusal {
    /// It would be more than the limit.
    #[error("{deletions} of {of} would be deleted; the limit is {limit}")]
    TooMany {
        /// How many would be deleted.
        deletions: u64,
        /// How many the target has.
        of: u64,
        /// How many may be.
        limit: u64,
    },
    /// Parts of the source could not be read, so that what is missing may be there.
    #[error("{unread} parts of the source could not be read")]
    SourceNotWhole {
        /// How many.
        unread: u64,
    },
}

impl DeleteLimit {
    /// Returns how many may be deleted of so many.
    pub fn most(self, of: u64) -> u64 {
        // 128 bits: a percentage of 64 bits overflows them.
        let part = |percent: u8| {
            u64::try_from((u128::from(of) * u128::from(percent)).div_ceil(100)).unwrap_or(u64::MAX)
        };
        self.count.unwrap_or(u64::MAX).min(self.percent.map_or(u64::MAX, part))
    }

    /// Checks a plan's deletions before any of them happens.
    ///
    /// `of` is how many entries the target had, `unread` how many folders, files or pages of the source could not be read.
    ///
    /// # Errors
    /// When nothing may be deleted.
    pub fn check(self, deletions: u64, of: u64, unread: u64) -> Result<(), DeleteRefusal> {
        if deletions == 0 {
            return Ok(());
        }
        if unread > 0 {
            return Err(DeleteRefusal::SourceNotWhole { unread });
        }
        let limit = self.most(of);
        if deletions > limit { Err(DeleteRefusal::TooMany { deletions, of, limit }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pintail_store::object_store::ETag;
    use proptest::prelude::*;

    use super::super::{Difference, Means};
    use super::*;
    use crate::diff::pairs;
    use crate::entry::{Meaning, Modified, Tag};
    use crate::name::Name;

    fn file(name: &str, size_bytes: u64, seconds: i64, meaning: Meaning) -> Entry {
        let modified = Modified::from_ns(seconds * 1_000_000_000, meaning);
        Entry::file(Name::new(name).unwrap(), size_bytes, modified)
    }

    #[test]
    fn each_pair_has_its_action() {
        let tag = Tag::of(&ETag::new("t"));
        let source = |seconds| file("a", 5, seconds, Meaning::Content);
        let sized = |seconds| file("a", 6, seconds, Meaning::Content);
        let target = Entry { tag: Some(tag.clone()), ..file("a", 5, 100, Meaning::Written) };
        let delete = Mirror { extra: Extra::Delete, ..Mirror::default() };
        let keep = Mirror { newer_stays: true, ..Mirror::default() };
        for (mirror, pair, expected) in [
            (delete, Pair::Left(source(1)), Action::Copy(Guard::Absent)),
            (delete, Pair::Right(target.clone()), Action::Delete(Guard::Match(tag.clone()))),
            (keep, Pair::Right(target.clone()), Action::Extra),
            // Written later, and its content may be older.
            (keep, Pair::Both(source(50), target.clone()), Action::Keep(Kept::Same)),
            (keep, Pair::Both(sized(50), target.clone()), Action::Need(Need::Metadata)),
            (keep, Pair::Both(sized(150), target.clone()), Action::Copy(Guard::Match(tag.clone()))),
            (keep, Pair::Both(sized(50), source(100)), Action::Keep(Kept::NotNewer)),
            (delete, Pair::Both(source(50), target.clone()), Action::Keep(Kept::Same)),
            (delete, Pair::Both(source(500), target.clone()), Action::Copy(Guard::Match(tag.clone()))),
            (delete, Pair::Both(target.clone(), source(50)), Action::Need(Need::Metadata)),
        ] {
            assert_eq!(mirror.decide(&pair), expected, "{pair:?}");
        }
        assert_eq!(Comparison::default().same(&source(500), &target), Sameness::Different(Difference::Time));
    }

    #[test]
    fn deletions_stay_within_their_limit_and_need_a_whole_source() {
        let limit = |count, percent| DeleteLimit { count, percent };
        for (limit, deletions, of, unread, allowed) in [
            (limit(None, None), 1_000, 1_000, 0, true),
            (limit(None, None), 1, 1_000, 1, false),
            (limit(None, None), 0, 1_000, 1, true),
            (limit(Some(10), None), 10, 1_000, 0, true),
            (limit(Some(10), None), 11, 1_000, 0, false),
            (limit(None, Some(50)), 500, 1_000, 0, true),
            (limit(None, Some(50)), 501, 1_000, 0, false),
            (limit(None, Some(50)), 1, 1, 0, true),
            (limit(None, Some(50)), 2, 3, 0, true),
            (limit(None, Some(50)), 3, 4, 0, false),
            (limit(None, Some(0)), 1, 1_000, 0, false),
            (limit(Some(900), Some(50)), 600, 1_000, 0, false),
            (limit(None, Some(100)), u64::MAX, u64::MAX, 0, true),
            (limit(Some(0), None), 1, 1, 0, false),
        ] {
            assert_eq!(limit.check(deletions, of, unread).is_ok(), allowed, "{limit:?} {deletions} of {of}");
        }
    }

    proptest! {
        /// Carrying the actions out makes the target the source, and a second run finds nothing to do.
        #[test]
        fn a_mirror_makes_the_target_the_source_and_then_rests(
            source in proptest::collection::btree_map("[ab](/[ab])?", (0..3_u64, 0..50_i64), 0..8),
            target in proptest::collection::btree_map("[ab](/[ab])?", (0..3_u64, 0..50_i64), 0..8),
        ) {
            let mirror = Mirror { extra: Extra::Delete, comparison: Comparison { means: Means::SizeAndTime, ..Comparison::default() }, newer_stays: false };
            let side = |tree: &BTreeMap<String, (u64, i64)>, meaning| -> Vec<Result<Entry, ()>> {
                tree.iter().map(|(name, (size, time))| Ok(file(name, *size, time * 10, meaning))).collect()
            };
            let mut mirrored = target.clone();
            for pair in pairs(side(&source, Meaning::Content), side(&target, Meaning::Written)) {
                let pair = pair.unwrap();
                let name = pair.name().to_string();
                match mirror.decide(&pair) {
                    // Written now, after everything that the source has.
                    Action::Copy(_) => drop(mirrored.insert(name.clone(), (source[&name].0, 100))),
                    Action::Delete(_) => drop(mirrored.remove(&name)),
                    Action::Keep(_) => {}
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            let sizes = |tree: &BTreeMap<String, (u64, i64)>| -> Vec<(String, u64)> {
                tree.iter().map(|(name, (size, _))| (name.clone(), *size)).collect()
            };
            prop_assert_eq!(sizes(&mirrored), sizes(&source));
            for pair in pairs(side(&source, Meaning::Content), side(&mirrored, Meaning::Written)) {
                prop_assert_eq!(mirror.decide(&pair.unwrap()), Action::Keep(Kept::Same));
            }
        }
    }
}

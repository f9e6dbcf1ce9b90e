//! What becomes of an entry: whether two are the same, and what happens to a target that exists.
//!
//! Pure: entries in, decisions out. Copying is here, a mirror with deletions in [`mirror`], two sides that both change in [`two_way`].

pub mod compare;
pub mod conflict;
pub mod mirror;
pub mod two_way;

pub use compare::{Comparison, Difference, Means, Need, Sameness};

use crate::entry::{Entry, Kind, Modified, Tag};

/// What happens where the target exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced.
    Overwrite,
    /// It stays.
    Skip,
    /// It is replaced if the source was modified later.
    Newer,
    /// It is replaced if its size differs.
    Size,
    /// It is replaced if its checksum differs.
    Checksum,
    /// It stays, and the copy gets another name.
    Rename,
    /// Somebody is asked.
    Ask,
}

/// What must still hold when the target is written, so that nobody's file is lost unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing: what is there was never looked at.
    None,
    /// There is nothing.
    Absent,
    /// It is the object that was looked at.
    Match(Tag),
    /// It is the file that was looked at, by its size and time.
    Unchanged {
        /// Its size.
        size_bytes: u64,
        /// Its time.
        modified: Modified,
    },
}

impl Guard {
    /// The guard for writing over an entry, or where nothing was seen.
    pub fn over(target: Option<&Entry>) -> Self {
        match target {
            None => Self::Absent,
            Some(Entry { tag: Some(tag), .. }) => Self::Match(tag.clone()),
            Some(Entry { size_bytes, modified, kind: Kind::File, .. }) if *modified != Modified::UNKNOWN => {
                Self::Unchanged { size_bytes: *size_bytes, modified: *modified }
            }
            Some(_) => Self::None,
        }
    }
}

/// Why an existing target stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Existing ones stay.
    Exists,
    /// It is the same.
    Same,
    /// The source is not newer.
    NotNewer,
}

/// What becomes of one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The source is copied; the guard is asked when the target is written.
    Write(Guard),
    /// The target stays.
    Keep(Kept),
    /// The source is copied to another name ([`conflict::numbered`]).
    Rename,
    /// Somebody decides.
    Ask,
    /// It cannot be decided before more is known.
    Need(Need),
}

impl Existing {
    /// Decides about a copy whose target may exist.
    pub fn decide(self, source: &Entry, target: Option<&Entry>, comparison: &Comparison) -> Decision {
        let Some(target) = target else { return Decision::Write(Guard::Absent) };
        let write = || Decision::Write(Guard::over(Some(target)));
        let by = |means: Means| match (Comparison { means, ..*comparison }).same(source, target) {
            Sameness::Same => Decision::Keep(Kept::Same),
            Sameness::Different(_) => write(),
            Sameness::Unclear(need) => Decision::Need(need),
        };
        match self {
            Self::Overwrite => write(),
            Self::Skip => Decision::Keep(Kept::Exists),
            Self::Newer => match comparison.is_newer(source, target) {
                Some(true) => write(),
                Some(false) => Decision::Keep(Kept::NotNewer),
                None => Decision::Need(Need::Metadata),
            },
            Self::Size => by(Means::Size),
            Self::Checksum => by(Means::Checksum),
            Self::Rename => Decision::Rename,
            Self::Ask => Decision::Ask,
        }
    }
}

#[cfg(test)]
mod tests {
    use pintail_core::checksum::{Algorithm, Checksum};
    use pintail_store::object_store::ETag;

    use super::*;
    use crate::entry::Meaning;
    use crate::name::Name;

    fn file(size_bytes: u64, seconds: i64) -> Entry {
        let modified = Modified::from_ns(seconds * 1_000_000_000, Meaning::Content);
        Entry::file(Name::new("a").unwrap(), size_bytes, modified)
    }

    #[test]
    fn an_absent_target_is_written_and_stays_guarded() {
        for existing in
            [Existing::Overwrite, Existing::Skip, Existing::Newer, Existing::Rename, Existing::Ask]
        {
            let decision = existing.decide(&file(1, 0), None, &Comparison::default());
            assert_eq!(decision, Decision::Write(Guard::Absent));
        }
    }

    #[test]
    fn what_exists_is_treated_as_was_asked() {
        let tag = Tag::of(&ETag::new("x"));
        let sum = |data: &[u8]| Some(Box::new(Checksum::of(Algorithm::Crc64Nvme, data)));
        let with = |entry: Entry, data: &[u8]| Entry { checksum: sum(data), ..entry };
        let target = Entry { tag: Some(tag.clone()), ..file(5, 100) };
        let write = || Decision::Write(Guard::Match(tag.clone()));
        for (existing, source, target, expected) in [
            (Existing::Overwrite, file(5, 100), target.clone(), write()),
            (Existing::Skip, file(6, 200), target.clone(), Decision::Keep(Kept::Exists)),
            (Existing::Newer, file(5, 102), target.clone(), write()),
            (Existing::Newer, file(5, 101), target.clone(), Decision::Keep(Kept::NotNewer)),
            (Existing::Newer, file(6, 100), target.clone(), Decision::Keep(Kept::NotNewer)),
            (Existing::Size, file(5, 900), target.clone(), Decision::Keep(Kept::Same)),
            (Existing::Size, file(6, 0), target.clone(), write()),
            (Existing::Checksum, file(6, 0), target.clone(), write()),
            (Existing::Checksum, file(5, 100), target.clone(), Decision::Need(Need::Content)),
            (
                Existing::Checksum,
                with(file(5, 0), b"12345"),
                with(target.clone(), b"12345"),
                Decision::Keep(Kept::Same),
            ),
            (Existing::Checksum, with(file(5, 100), b"12345"), with(target.clone(), b"54321"), write()),
            (Existing::Rename, file(5, 0), target.clone(), Decision::Rename),
            (Existing::Ask, file(5, 0), target.clone(), Decision::Ask),
        ] {
            let decision = existing.decide(&source, Some(&target), &Comparison::default());
            assert_eq!(decision, expected, "{existing:?} {source:?} {target:?}");
        }
        let local = file(5, 7);
        let seen = Guard::Unchanged { size_bytes: 5, modified: local.modified };
        let decision = Existing::Overwrite.decide(&file(6, 8), Some(&local), &Comparison::default());
        assert_eq!(decision, Decision::Write(seen));
        let unknown = Entry { modified: Modified::UNKNOWN, ..file(5, 0) };
        assert_eq!(
            Existing::Newer.decide(&unknown, Some(&target), &Comparison::default()),
            Decision::Need(Need::Metadata)
        );
    }
}

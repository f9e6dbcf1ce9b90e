//! Which entries take part: globs, ignore files, size, age and lists.
//!
//! Pure: texts and facts in, verdicts out; reading ignore files and lists is the caller's.
//!
//! **Rules** ([`rule`]) are ordered and the last one that matches wins; what no rule matches takes part. So everything but pictures is
//! left out by `exclude *` followed by `include *.jpg`, in this order. Ignore files are rules at the place where they are added, those of
//! deeper folders after those of the folders above.
//!
//! **Limits** (size, age, lists) are asked besides, and leave out whatever the rules say. Size and age are asked of files only.
//!
//! A folder that nothing below can take part in need not be entered: [`Filter::may_hold`].

mod list;
mod met;
pub mod rule;

use jiff::Timestamp;

pub use list::{ListError, NameList, Separator};
pub use met::Met;
pub use rule::{Glob, RuleError, Rules, Sense};

use crate::entry::{Entry, Kind};
use crate::name::Name;
use crate::plan::Shard;

/// Decides which entries take part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// What is in and out by name.
    pub rules: Rules,
    /// Files below this size are left out.
    pub size_min_bytes: Option<u64>,
    /// Files above this size are left out.
    pub size_max_bytes: Option<u64>,
    /// Files last modified before are left out.
    pub modified_since: Option<Timestamp>,
    /// Files last modified at this time or later are left out.
    pub modified_before: Option<Timestamp>,
    /// Only these names, and what is below the folders among them.
    pub only: Option<NameList>,
    /// Only the names of this part of the work.
    pub shard: Option<Shard>,
}

/// Why an entry takes no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// By a rule, the one with this number, from 0 in the order they were added.
    Rule(usize),
    /// It is smaller than the least.
    TooSmall,
    /// It is larger than the largest.
    TooLarge,
    /// It was modified too long ago.
    TooOld,
    /// It was modified too recently.
    TooNew,
    /// It is not on the list.
    NotListed,
    /// It belongs to another part of the work.
    OtherShard,
}

impl Filter {
    /// Tells why an entry takes no part, `None` when it does.
    ///
    /// A file whose time nobody knows passes the limits on age.
    pub fn leaves_out(&self, entry: &Entry) -> Option<LeftOut> {
        if self.only.as_ref().is_some_and(|only| !only.holds(entry.name.as_str())) {
            return Some(LeftOut::NotListed);
        }
        if !self.shard.is_none_or(|shard| shard.holds(&entry.name)) {
            return Some(LeftOut::OtherShard);
        }
        if let Some(rule) = self.rules.excluded_by(&entry.name) {
            return Some(LeftOut::Rule(rule));
        }
        if entry.kind == Kind::Folder {
            return None;
        }
        if self.size_min_bytes.is_some_and(|min| entry.size_bytes < min) {
            return Some(LeftOut::TooSmall);
        }
        if self.size_max_bytes.is_some_and(|max| entry.size_bytes > max) {
            return Some(LeftOut::TooLarge);
        }
        let modified = entry.modified.timestamp()?;
        if self.modified_since.is_some_and(|since| modified < since) {
            return Some(LeftOut::TooOld);
        }
        if self.modified_before.is_some_and(|before| modified >= before) {
            return Some(LeftOut::TooNew);
        }
        None
    }

    /// Tells whether anything below a folder could take part. False means that it need not be looked at; true promises nothing.
    pub fn may_hold(&self, folder: &Name) -> bool {
        self.only.as_ref().is_none_or(|only| only.may_hold(folder.as_str()))
            && self.rules.may_include_below(folder)
    }

    /// Tells whether it asks for sizes or times, so that names alone do not tell what takes part.
    pub fn asks_beyond_names(&self) -> bool {
        let limits = self.size_min_bytes.is_some() || self.size_max_bytes.is_some();
        limits || self.modified_since.is_some() || self.modified_before.is_some()
    }

    /// Tells whether it leaves everything in.
    pub fn is_open(&self) -> bool {
        self.rules.is_empty() && !self.asks_beyond_names() && self.only.is_none() && self.shard.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Modified;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn file(name: &str, size_bytes: u64, modified: Modified) -> Entry {
        Entry::file(Name::new(name).unwrap(), size_bytes, modified)
    }

    #[test]
    fn sizes_and_ages_are_asked_of_files_only() {
        let filter = Filter {
            size_min_bytes: Some(10),
            size_max_bytes: Some(20),
            modified_since: Some(at("2026-01-01T00:00:00Z")),
            modified_before: Some(at("2026-02-01T00:00:00Z")),
            ..Filter::default()
        };
        let inside = Modified::content(at("2026-01-15T00:00:00Z"));
        for (size, modified, expected) in [
            (10, inside, None),
            (20, inside, None),
            (9, inside, Some(LeftOut::TooSmall)),
            (21, inside, Some(LeftOut::TooLarge)),
            (15, Modified::content(at("2025-12-31T23:59:59Z")), Some(LeftOut::TooOld)),
            (15, Modified::written(at("2026-01-01T00:00:00Z")), None),
            (15, Modified::content(at("2026-02-01T00:00:00Z")), Some(LeftOut::TooNew)),
            (15, Modified::UNKNOWN, None),
        ] {
            assert_eq!(filter.leaves_out(&file("a", size, modified)), expected, "{size} {modified:?}");
        }
        assert_eq!(filter.leaves_out(&Entry::folder(Name::new("a/").unwrap())), None);
        assert!(!filter.is_open() && Filter::default().is_open());
    }

    #[test]
    fn a_list_is_asked_before_the_rules() {
        let mut filter = Filter { only: Some(NameList::new(["a/", "b/c"]).unwrap()), ..Filter::default() };
        filter.rules.exclude("*.tmp").unwrap();
        for (name, expected) in [
            ("a/x", None),
            ("a/x.tmp", Some(LeftOut::Rule(0))),
            ("b/c", None),
            ("b/d", Some(LeftOut::NotListed)),
            ("a", Some(LeftOut::NotListed)),
        ] {
            assert_eq!(filter.leaves_out(&file(name, 1, Modified::UNKNOWN)), expected, "{name}");
        }
        for (folder, expected) in [("a/", true), ("a/b/", true), ("b/", true), ("c/", false)] {
            assert_eq!(filter.may_hold(&Name::new(folder).unwrap()), expected, "{folder}");
        }
    }
}

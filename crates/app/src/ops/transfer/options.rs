//! How things are transferred: the options of all commands, as they are kept with a run.
//!
//! Pure. The form is JSON inside the run's journal (`docs/formats.md`, "request"); what is not said there is as without the option, so that a
//! run of an older version goes on.

use jiff::Timestamp;
use pintail_transfer::execute::Durability;
use pintail_transfer::filter::{Filter, NameList, RuleError};
use pintail_transfer::local::Links;
use pintail_transfer::local::walk::Folders;
use pintail_transfer::plan::Shard;
use pintail_transfer::policy::mirror::{DeleteLimit, Extra, Mirror};
use pintail_transfer::policy::{Comparison, Existing, Means};
use serde::{Deserialize, Serialize};

/// What happens where a target exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnExisting {
    /// It is replaced
    #[default]
    Overwrite,
    /// It stays
    Skip,
    /// It is replaced by a source that is newer
    Newer,
    /// It is replaced by a source of another size
    Size,
    /// It is replaced by a source of other content
    Checksum,
    /// It stays, and the copy gets a name of its own
    Rename,
    /// A person is asked
    Ask,
}

impl OnExisting {
    pub(super) fn policy(self) -> Existing {
        match self {
            Self::Overwrite => Existing::Overwrite,
            Self::Skip => Existing::Skip,
            Self::Newer => Existing::Newer,
            Self::Size => Existing::Size,
            Self::Checksum => Existing::Checksum,
            Self::Rename => Existing::Rename,
            Self::Ask => Existing::Ask,
        }
    }
}

/// What is done about symbolic links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnLinks {
    /// They are left out, and told of
    #[default]
    Skip,
    /// What they lead to is copied
    Follow,
    /// They are kept as links
    Keep,
}

/// What is made safe on the disk before a download counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SyncDisk {
    /// Each file before it gets its name
    Each,
    /// All files of a second together
    #[default]
    Batch,
    /// Nothing: the system writes when it likes
    None,
}

/// By what a sync tells whether two are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CompareBy {
    /// Size and time.
    #[default]
    SizeAndTime,
    /// Size alone.
    Size,
    /// Checksums.
    Checksum,
}

/// One glob, in its place among the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pattern {
    /// It takes in.
    Include(String),
    /// It leaves out.
    Exclude(String),
}

/// How to transfer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// What happens where a target exists; not for `sync`.
    pub(crate) existing: OnExisting,
    /// Globs in and out, in their order; the last that matches wins.
    pub(crate) patterns: Vec<Pattern>,
    /// Names of ignore files in local folders.
    pub(crate) ignore_files: Vec<String>,
    /// The smallest size that takes part, in bytes.
    pub(crate) size_min_bytes: Option<u64>,
    /// The largest.
    pub(crate) size_max_bytes: Option<u64>,
    /// Only what was modified since.
    pub(crate) modified_since: Option<Timestamp>,
    /// Only what was modified before.
    pub(crate) modified_before: Option<Timestamp>,
    /// Only names of a list, which is not kept.
    pub(crate) from_list: bool,
    /// What is done about symbolic links.
    pub(crate) links: OnLinks,
    /// Empty folders are copied as well.
    pub(crate) empty_folders: bool,
    /// Times are neither kept nor set.
    pub(crate) no_times: bool,
    /// Permissions are kept.
    pub(crate) permissions: bool,
    /// The storage class of new objects.
    pub(crate) storage_class: Option<String>,
    /// The limit on bandwidth, or a schedule of limits.
    pub(crate) bandwidth: Option<String>,
    /// The most requests at once.
    pub(crate) connections: Option<usize>,
    /// The size of parts, in bytes.
    pub(crate) part_bytes: Option<u64>,
    /// After so many failures nothing more is begun.
    pub(crate) errors_max: Option<u64>,
    /// What was copied is read back.
    pub(crate) verify: bool,
    /// What is made safe on the disk.
    pub(crate) sync_disk: SyncDisk,
    /// `sync`: what only the target has is deleted.
    pub(crate) delete: bool,
    /// `sync`: the most that is deleted, a number or a percentage.
    pub(crate) delete_max: Option<String>,
    /// `sync`: by what two are compared.
    pub(crate) compare: CompareBy,
    /// `sync`: targets that are newer stay.
    pub(crate) newer_stays: bool,
    /// Only this part of the names, `K/N`.
    pub(crate) shard: Option<String>,
    /// `sync`: both sides may have changed.
    pub(crate) two_way: bool,
}

/// At most this part of the target is deleted by a sync that says nothing else, in percent. More than half of a target is rarely what is
/// meant, and a source that was not mounted looks like that.
pub(crate) const DELETE_MAX_PERCENT: u8 = 50;

impl Options {
    /// Returns what decides which entries take part.
    pub(super) fn filter(&self, only: Option<NameList>) -> Result<Filter, RuleError> {
        let mut filter = Filter {
            size_min_bytes: self.size_min_bytes,
            size_max_bytes: self.size_max_bytes,
            modified_since: self.modified_since,
            modified_before: self.modified_before,
            only,
            ..Filter::default()
        };
        // What only takes in would take everything in otherwise.
        if !self.patterns.is_empty() && self.patterns.iter().all(|it| matches!(it, Pattern::Include(_))) {
            filter.rules.exclude("*")?;
        }
        for pattern in &self.patterns {
            match pattern {
                Pattern::Include(glob) => filter.rules.include(glob)?,
                Pattern::Exclude(glob) => filter.rules.exclude(glob)?,
            }
        }
        Ok(filter)
    }

    /// Returns the part of the names that is meant, all of them without.
    pub(super) fn shard(&self) -> Result<Option<Shard>, super::words::WordError> {
        let error = |text: &String| super::words::WordError::Shard(text.clone());
        self.shard.as_ref().map(|text| text.parse().map_err(|_| error(text))).transpose()
    }

    pub(super) fn walk_links(&self) -> Links {
        match self.links {
            OnLinks::Skip => Links::Skip,
            OnLinks::Follow => Links::Follow,
            OnLinks::Keep => Links::Keep,
        }
    }

    pub(super) fn walk_folders(&self) -> Folders {
        if self.empty_folders { Folders::Empty } else { Folders::None }
    }

    pub(super) fn durability(&self) -> Durability {
        match self.sync_disk {
            SyncDisk::Each => Durability::Each,
            SyncDisk::Batch => Durability::Batch,
            SyncDisk::None => Durability::None,
        }
    }

    pub(super) fn comparison(&self) -> Comparison {
        let means = match self.compare {
            CompareBy::SizeAndTime => Means::SizeAndTime,
            CompareBy::Size => Means::Size,
            CompareBy::Checksum => Means::Checksum,
        };
        Comparison { means, ..Comparison::default() }
    }

    pub(super) fn mirror(&self) -> Mirror {
        let extra = if self.delete { Extra::Delete } else { Extra::Keep };
        Mirror { comparison: self.comparison(), extra, newer_stays: self.newer_stays }
    }

    pub(super) fn delete_limit(&self) -> Result<DeleteLimit, super::words::WordError> {
        match &self.delete_max {
            Some(text) => super::words::delete_limit(text),
            None => Ok(DeleteLimit { count: None, percent: Some(DELETE_MAX_PERCENT) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use pintail_transfer::entry::{Entry, Modified};
    use pintail_transfer::name::Name;

    use super::*;

    fn takes(options: &Options, name: &str) -> bool {
        let entry = Entry::file(Name::new(name).unwrap(), 1, Modified::UNKNOWN);
        options.filter(None).unwrap().leaves_out(&entry).is_none()
    }

    #[test]
    fn the_last_pattern_wins_and_what_only_takes_in_leaves_the_rest_out() {
        let with = |patterns: Vec<Pattern>| Options { patterns, ..Options::default() };
        let include = |glob: &str| Pattern::Include(glob.into());
        let exclude = |glob: &str| Pattern::Exclude(glob.into());
        let pictures = with(vec![include("*.jpg")]);
        assert!(takes(&pictures, "a/b.jpg") && !takes(&pictures, "a/b.txt"));
        let drafts = with(vec![exclude("*.txt"), include("kept.txt")]);
        assert!(takes(&drafts, "kept.txt") && !takes(&drafts, "a.txt") && takes(&drafts, "b"));
        let none = with(vec![include("kept.txt"), exclude("*.txt")]);
        assert!(!takes(&none, "kept.txt"));
    }

    #[test]
    fn what_is_kept_is_read_again_and_what_is_missing_is_as_without_the_option() {
        let options = Options {
            patterns: vec![Pattern::Exclude("*.tmp".into())],
            modified_since: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            storage_class: Some("GLACIER".into()),
            connections: Some(3),
            ..Options::default()
        };
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<Options>(&text).unwrap(), options);
        assert_eq!(serde_json::from_str::<Options>("{}").unwrap(), Options::default());
    }
}

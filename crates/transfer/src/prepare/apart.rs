//! Places that meet: what is its own target, two sources with one target, and sources that somebody writes into.
//!
//! Places are compared by what they are: the service and the bucket, whichever bookmark leads there, and the folder of this machine. A mirror and a move
//! need places that lie apart, since what is written would be deleted or what is deleted would be read. A copy may go into its own source (a
//! backup beside what it is of): what lies at its target already is then no part of the source. No copy writes what the same plan still reads.

use std::collections::HashMap;

use super::{Job, PrepareError, What, full};
use crate::name::Name;
use crate::plan::Place;
use crate::site::{Remote, Site};

/// What a job reads or writes in a bucket.
#[derive(Clone, Debug)]
struct Area {
    /// Service and bucket.
    bucket: String,
    reach: Reach,
    /// In words.
    words: String,
}

#[derive(Clone, Debug)]
enum Reach {
    /// Every key that begins with it.
    Below(String),
    /// One key.
    Key(String),
}

impl Area {
    fn of(place: &Place, site: &Site, name: Option<&Name>) -> Option<Self> {
        let Site::Remote(remote) = site else { return None };
        let words = full(place, name.map_or("", Name::as_str));
        let reach = match name {
            Some(name) => Reach::Key(format!("{}{name}", remote.prefix)),
            None => Reach::Below(remote.prefix.to_string()),
        };
        Some(Self { bucket: bucket(place, remote), reach, words })
    }

    fn source(job: &Job) -> Option<Self> {
        Self::of(&job.route.from, &job.ends.from, names(job).map(|names| names.0))
    }

    fn target(job: &Job) -> Option<Self> {
        Self::of(&job.route.to, &job.ends.to, names(job).map(|names| names.1))
    }

    fn meets(&self, other: &Self) -> bool {
        self.bucket == other.bucket
            && match (&self.reach, &other.reach) {
                (Reach::Below(one), Reach::Below(other)) => one.starts_with(other) || other.starts_with(one),
                (Reach::Below(prefix), Reach::Key(key)) | (Reach::Key(key), Reach::Below(prefix)) => {
                    key.starts_with(prefix)
                }
                (Reach::Key(one), Reach::Key(other)) => one == other,
            }
    }

    fn holds(&self, bucket: &str, key: &str) -> bool {
        self.bucket == bucket
            && match &self.reach {
                Reach::Below(prefix) => key.starts_with(prefix),
                Reach::Key(own) => key == own,
            }
    }
}

fn names(job: &Job) -> Option<(&Name, &Name)> {
    match &job.what {
        What::One { name, to } => Some((name, to)),
        What::Tree | What::Beginning(_) => None,
    }
}

/// Service and bucket, in a text that nothing else has.
fn bucket(place: &Place, remote: &Remote) -> String {
    let Place::Remote { bookmark, bucket, .. } = place else { return String::new() };
    let service = remote.store.service().unwrap_or_else(|| format!("{bookmark}:"));
    format!("{service}\0{bucket}")
}

/// What a place is, with a name in it: the same text for the same, whoever leads there.
fn identity(place: &Place, site: &Site, name: &str) -> String {
    match site {
        Site::Remote(remote) => format!("{}\0{}{name}", bucket(place, remote), remote.prefix),
        Site::Local(_) | Site::Stdio => full(place, name),
    }
}

/// Two sources must not meet in one target, and none may be its own. What a move takes, nobody writes.
pub(super) fn check_targets(jobs: &[Job], takes: bool) -> Result<(), PrepareError> {
    let mut targets: HashMap<String, String> = HashMap::new();
    for job in jobs {
        let (name, to) = names(job).map_or(("", ""), |(name, to)| (name.as_str(), to.as_str()));
        let source = full(&job.route.from, name);
        let target = identity(&job.route.to, &job.ends.to, to);
        if identity(&job.route.from, &job.ends.from, name) == target {
            return Err(PrepareError::OntoItself(source));
        }
        if job.route.to == Place::Stdio {
            continue;
        }
        if let Some(one) = targets.insert(target, source.clone()) {
            let target = full(&job.route.to, to);
            return Err(PrepareError::SameTarget { one, other: source, target });
        }
    }
    if takes && let Some((target, source)) = meeting(jobs).next() {
        return Err(PrepareError::Overlap { target: target.words, of: source.words });
    }
    Ok(())
}

/// Targets and the sources that they meet.
fn meeting(jobs: &[Job]) -> impl Iterator<Item = (Area, Area)> + '_ {
    let sources: Vec<Area> = jobs.iter().filter_map(Area::source).collect();
    jobs.iter().filter_map(Area::target).flat_map(move |target| {
        let met: Vec<Area> = sources.iter().filter(|source| source.meets(&target)).cloned().collect();
        met.into_iter().map(move |source| (target.clone(), source))
    })
}

/// Sides that are synchronised lie apart.
pub(super) fn check_apart(job: &Job) -> Result<(), PrepareError> {
    if identity(&job.route.from, &job.ends.from, "") == identity(&job.route.to, &job.ends.to, "") {
        return Err(PrepareError::OntoItself(full(&job.route.from, "")));
    }
    let (Some(from), Some(to)) = (Area::source(job), Area::target(job)) else { return Ok(()) };
    for (inner, outer) in [(&from, &to), (&to, &from)] {
        if let (Reach::Below(below), true) = (&inner.reach, inner.bucket == outer.bucket)
            && outer.holds(&inner.bucket, below)
        {
            return Err(PrepareError::Within { inner: inner.words.clone(), outer: outer.words.clone() });
        }
    }
    Ok(())
}

/// Returns with what the names of a source begin that lie at its own target.
pub(super) fn own_target(job: &Job) -> Option<String> {
    let (from, to) = (Area::source(job)?, Area::target(job)?);
    let (Reach::Below(source), Reach::Below(target)) = (&from.reach, &to.reach) else { return None };
    let below = target.strip_prefix(source.as_str())?;
    (from.bucket == to.bucket && !below.is_empty()).then(|| below.to_owned())
}

/// What a plan reads in buckets, as far as it writes there too.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// Sources, each with the part of it that is no part of it: its own target.
    sources: Vec<(Area, Option<Area>)>,
}

impl Reads {
    /// Finds the sources that a target meets; mostly there are none.
    pub(super) fn of(jobs: &[Job]) -> Self {
        if meeting(jobs).next().is_none() {
            return Self::default();
        }
        let own = |job: &Job| Some((Area::source(job)?, own_target(job).and_then(|_| Area::target(job))));
        Self { sources: jobs.iter().filter_map(own).collect() }
    }

    /// Checks that a name that is written is none that is read.
    pub(super) fn check(&self, place: &Place, site: &Site, name: &Name) -> Result<(), PrepareError> {
        let Site::Remote(remote) = site else { return Ok(()) };
        if self.sources.is_empty() {
            return Ok(());
        }
        let (bucket, key) = (bucket(place, remote), format!("{}{name}", remote.prefix));
        let reads = |(source, but): &&(Area, Option<Area>)| {
            source.holds(&bucket, &key) && !but.as_ref().is_some_and(|but| but.holds(&bucket, &key))
        };
        match self.sources.iter().find(reads) {
            None => Ok(()),
            Some((source, _)) => {
                Err(PrepareError::Overlap { target: full(place, name.as_str()), of: source.words.clone() })
            }
        }
    }
}

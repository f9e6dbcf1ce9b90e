//! Making a plan: both sides are listed, compared entry by entry, judged by the rules, and written down as steps. Nothing is changed on either side.
//!
//! ```text
//! Job ─► listing (walk │ pages, split over the key space) ─► pairs ─► filter ─► twins ─► policy ─► PlanBuilder
//!                                                                        ask what is unclear ─┘
//! ```
//!
//! Memory does not grow with the number of names: sides come as sorted streams, and a large plan lies in a file.

mod apart;
mod emptied;
mod ignored;
mod in_order;
mod look;
mod memory;
mod one;
mod one_way;
mod pairing;
mod remove;
mod side;
mod twins;
mod two_way;
mod work;

use std::path::{Path, PathBuf};
use std::time::Duration;

use pintail_core::seam::{Clock, Random};
use pintail_store::StoreError;

use crate::base::BaseError;
use crate::entry::Entry;
use crate::filter::{Filter, RuleError};
use crate::local::walk::Folders;
use crate::local::{Links, LocalError};
use crate::name::{Name, NameRefusal, Platform};
use crate::plan::{Cutting, Place, Plan, PlanError, Route};
use crate::policy::mirror::{DeleteLimit, DeleteRefusal, Mirror};
use crate::policy::{Comparison, Existing};
use crate::site::Ends;
pub use ignored::ignore_files;
pub use memory::Memory;
use one_way::Policy;
use work::{Making, Missing};

/// One thing that is asked for: a route and where it begins.
#[derive(Clone, Debug)]
pub struct Job {
    /// From where to where, in words.
    pub route: Route,
    /// The same, opened.
    pub ends: Ends,
    /// What of it is meant.
    pub what: What,
}

/// What of a route is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Everything below.
    Tree,
    /// One file or object, under the same or another name.
    One {
        /// Its name at the source.
        name: Name,
        /// Its name at the target.
        to: Name,
    },
    /// Everything whose name at `from` begins with a text, which is no folder: for deletions.
    Beginning(String),
}

/// What goes for all jobs of a plan.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Which entries take part.
    pub filter: Filter,
    /// The name of ignore files that are read in every local folder (`.gitignore`, `.pintailignore`), in their order.
    pub ignore_files: Vec<String>,
    /// What is done about symbolic links.
    pub links: Links,
    /// Which folders come as entries of their own.
    pub folders: Folders,
    /// What happens where the target exists.
    pub existing: Existing,
    /// How two entries are compared.
    pub comparison: Comparison,
    /// Sources are deleted once their copies are proved: a move.
    pub takes: bool,
    /// By whose rules local names are refused.
    pub platform: Platform,
    /// How bytes are cut, for the totals.
    pub cutting: Cutting,
    /// Where a large plan lies until it is carried out.
    pub spool: PathBuf,
    /// The most requests for lists and looks under way at once.
    pub connections_max: usize,
    /// How many keys a page may have; `None` for what the service gives.
    pub page: Option<u32>,
}

impl Rules {
    /// How two entries are compared, with what is done about links.
    fn comparison(&self) -> Comparison {
        Comparison { keeps_links: self.links == Links::Keep, ..self.comparison }
    }
}

/// What a plan is made with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The time.
    pub clock: &'a dyn Clock,
    /// Chance, for the name of the plan's file.
    pub random: &'a dyn Random,
    /// Hears how far it is, and answers questions.
    pub talk: &'a dyn Talk,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// Hears how far a plan is, and answers questions.
pub trait Talk: Send + Sync {
    /// So many entries were seen so far on both sides together. Called now and then.
    fn seen(&self, entries: u64);
    /// A name of the list of names ([`Filter::only`]) is nowhere: not at a source, and where two sides are made alike on neither. Deletions do not
    /// look for it.
    fn missing(&self, _name: &str) {}
    /// Decides about a target that exists ([`Existing::Ask`]). May wait for a person.
    fn ask(&self, source: &Entry, target: &Entry) -> Answer;
}

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The target is replaced.
    Overwrite,
    /// The target stays.
    Skip,
    /// The copy gets another name.
    Rename,
    /// Nothing at all is done.
    Abort,
}

/// A plan, and what was seen while it was made.
#[derive(Debug)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// The opened ends of the plan's routes, one for each. The first are those of the jobs; behind them come others that the plan may need.
    pub ends: Vec<Ends>,
    /// What was seen.
    pub seen: Seen,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Entries at the source that take part.
    pub left: u64,
    /// Entries at the target that take part.
    pub right: u64,
    /// Entries that filters left out.
    pub left_out: u64,
    /// Entries that both sides have alike. They are no steps.
    pub same: u64,
    /// Entries that only the target has, and that stay. They are no steps.
    pub extra: u64,
    /// Folders, files and pages of the source that could not be read.
    pub unread: u64,
    /// Names of the list of names that are nowhere ([`Talk::missing`]).
    pub missing: u64,
    /// Requests for lists.
    pub pages: u64,
    /// Requests that asked about single entries.
    pub looks: u64,
    /// How long it took.
    pub took: Duration,
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The service refused or could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system refused.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The plan's file cannot be written.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// What is remembered of the last run cannot be read.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// More would be deleted than may be. The plan that would have done it, for a list.
    #[error(transparent)]
    Deletions(#[from] DeleteRefusal),
    /// A side does not list in order, so that nothing can be told of what it lacks.
    #[error("the listing is out of order: {0}")]
    Unsorted(String),
    /// The one thing that was named cannot be copied.
    #[error("{what} cannot be copied")]
    Refused {
        /// What.
        what: String,
        /// Why.
        #[source]
        why: NameRefusal,
    },
    /// There is nothing of that name.
    #[error("{0} does not exist")]
    Missing(String),
    /// It is no file, or no folder.
    #[error("{0} is not a regular file")]
    NotAFile(String),
    /// An ignore file cannot be read.
    #[error("{path} cannot be read as an ignore file")]
    IgnoreFile {
        /// Which file.
        path: String,
        /// Which line, and why.
        #[source]
        source: RuleError,
    },
    /// Neither end is in a bucket.
    #[error("neither end is in a bucket")]
    NothingRemote,
    /// Two sources would have the same target.
    #[error("{one} and {other} would both become {target}")]
    SameTarget {
        /// The first source.
        one: String,
        /// The second source.
        other: String,
        /// What both would become.
        target: String,
    },
    /// A source is its own target.
    #[error("{0} would be copied onto itself")]
    OntoItself(String),
    /// One side lies within the other, so that a mirror would never come to an end.
    #[error("{inner} lies within {outer}")]
    Within {
        /// The one that lies within.
        inner: String,
        /// The other.
        outer: String,
    },
    /// What is written would lie where something is read from that is to be copied or taken.
    #[error("{target} would be written, and {of} is read")]
    Overlap {
        /// What would be written.
        target: String,
        /// What is read.
        of: String,
    },
    /// A person gave it up.
    #[error("given up")]
    Aborted,
}

/// Plans copies.
///
/// With [`Existing::Overwrite`] the target is not listed, and nothing is known of what is there ([`Guard::None`](crate::policy::Guard)).
///
/// # Errors
/// When a side cannot be listed, or one thing that was named cannot be copied.
pub async fn copy(jobs: &[Job], rules: &Rules, context: Context<'_>) -> Result<Prepared, PrepareError> {
    apart::check_targets(jobs, rules.takes)?;
    let mut making = Making::new(jobs, rules, context);
    // What is named one by one is looked for under its own name.
    if jobs.iter().all(|job| job.what == What::Tree) {
        making.misses(Missing::AtSource);
    }
    making.reads = apart::Reads::of(jobs);
    for (route, job) in (0..).zip(jobs) {
        match &job.what {
            What::One { name, to } => one::copy(&mut making, route, job, name, to, jobs.len() == 1).await?,
            What::Tree | What::Beginning(_) => {
                one_way::tree(&mut making, route, job, Policy::Copy(rules.existing)).await?;
            }
        }
    }
    prepared(making)
}

/// Plans a mirror: the target becomes what the source is. With [`PrepareError::Deletions`] nothing may be done; the plan is given with `limit` set to nothing for a list.
///
/// A mirror that only copies is one of [`Extra::Keep`](crate::policy::mirror::Extra). What both have alike is counted and is no step, so that the plan
/// of a mirror that has nothing to do is empty.
///
/// # Errors
/// When a side cannot be listed, or more would be deleted than may be.
pub async fn mirror(
    job: &Job,
    mirror: &Mirror,
    limit: DeleteLimit,
    rules: &Rules,
    context: Context<'_>,
) -> Result<Prepared, PrepareError> {
    apart::check_apart(job)?;
    let mirror = Mirror { comparison: rules.comparison(), ..*mirror };
    let mut making = Making::new(std::slice::from_ref(job), rules, context);
    making.misses(Missing::OnBothSides);
    one_way::tree(&mut making, 0, job, Policy::Mirror(mirror)).await?;
    let moved = if rules.takes { making.seen.left } else { 0 };
    limit.check(making.deletions().saturating_sub(moved), making.seen.right, making.seen.unread)?;
    prepared(making)
}

/// Plans deletions of what is at `from` of each job.
///
/// # Errors
/// When a side cannot be listed.
pub async fn remove(jobs: &[Job], rules: &Rules, context: Context<'_>) -> Result<Prepared, PrepareError> {
    let mut making = Making::new(jobs, rules, context);
    for (route, job) in (0..).zip(jobs) {
        match &job.what {
            What::One { name, .. } => remove::one(&mut making, route, job, name).await?,
            What::Tree | What::Beginning(_) => remove::tree(&mut making, route, job).await?,
        }
    }
    prepared(making)
}

/// Plans a sync both ways: what either side changed since the last run reaches the other, and what both changed is kept twice.
///
/// `base` is the file in which [`remember()`] keeps what both sides had in common; without one nothing is deleted. The plan has the routes from left to right and
/// back, and each copy goes from `from` to `to` of its own. Deletions of both sides together stay within `limit`.
///
/// # Errors
/// When a side cannot be listed, when a folder is gone that there was at the last run, or when more would be deleted than may be.
pub async fn two_way(
    job: &Job,
    base: &Path,
    limit: DeleteLimit,
    rules: &Rules,
    context: Context<'_>,
) -> Result<(Prepared, Memory), PrepareError> {
    apart::check_apart(job)?;
    let back = Job {
        route: Route { from: job.route.to.clone(), to: job.route.from.clone() },
        ends: Ends { from: job.ends.to.clone(), to: job.ends.from.clone() },
        what: What::Tree,
    };
    let mut making = Making::new(&[job.clone(), back.clone()], rules, context);
    making.misses(Missing::OnBothSides);
    let memory = two_way::plan(&mut making, job, &back, base).await?;
    limit.check(making.deletions(), making.seen.left.max(making.seen.right), 0)?;
    Ok((prepared(making)?, memory))
}

/// Keeps in `base` what both sides have in common after the plan of [`two_way()`] was carried out. `done` tells of a step, by its number, whether it is done.
///
/// Names whose steps are not done keep what was remembered of them before. What was copied is looked at once more, and remembered only as what it was copied
/// from: a file that somebody changed in the meantime stays a change. A run that dies before this loses nothing, since the next one compares contents
/// where it remembers none.
///
/// # Errors
/// When something that was copied cannot be looked at, or the file cannot be replaced; the old one stays.
pub async fn remember(
    job: &Job,
    base: &Path,
    memory: Memory,
    plan: &Plan,
    done: &(dyn Fn(u64) -> bool + Sync),
    rules: &Rules,
    context: Context<'_>,
) -> Result<(), PrepareError> {
    memory::remember(job, base, &memory, plan, done, rules, context).await
}

/// The same for a run that goes on in another process than the one that planned it: names without a step keep what `base` says of them. Where both
/// sides had come to the same by themselves nothing is remembered, and the next run compares it.
///
/// # Errors
/// As [`remember()`].
pub async fn remember_resumed(
    job: &Job,
    base: &Path,
    plan: &Plan,
    done: &(dyn Fn(u64) -> bool + Sync),
    rules: &Rules,
    context: Context<'_>,
) -> Result<(), PrepareError> {
    let memory = memory::of_before(job, base, plan, rules, context)?;
    memory::remember(job, base, &memory, plan, done, rules, context).await
}

fn prepared(making: Making<'_>) -> Result<Prepared, PrepareError> {
    let (plan, ends, seen) = making.finish()?;
    Ok(Prepared { plan, ends, seen })
}

/// A place in words.
fn full(place: &Place, name: &str) -> String {
    match place {
        Place::Local(path) if name.is_empty() => path.clone(),
        Place::Local(path) => format!("{}/{name}", path.trim_end_matches('/')),
        Place::Remote { bookmark, bucket, prefix } => format!("{bookmark}:{bucket}/{prefix}{name}"),
        Place::Stdio => "-".to_owned(),
    }
}

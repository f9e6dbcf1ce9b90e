//! Carrying out a plan: every step to its proven end, or to an error that leaves its target alone.
//!
//! ```text
//! Plan ─► small: objects of one request ─┐                         ┌─► journal (what happened)
//!      ─► large: parts and segments ─────┼─► places, by Controller ┼─► Progress (numbers, for a screen)
//!      ─► deletions, in batches ─────────┘                         └─► Listener (one call a step)
//! ```
//!
//! Steps are begun in the order of the plan and end in any. A [`Task::Move`](crate::plan::Task) is carried out alone: what stands after one waits for it. Deletions
//! come last, and not at all where copies of the same run failed that they would follow ([`Options::delete_despite_failures`]).
//!
//! **Targets that somebody wrote meanwhile.** Where a guard does not hold, the target is compared with the source: has it the same bytes, then the step is done
//! (a former life of the run may have written it); else the step fails with [`StepError::Changed`] or [`StepError::Taken`].

mod assembly;
mod behind;
mod cancel;
mod cursor;
mod delete;
mod deletions;
mod dispatch;
mod download;
mod download_parts;
mod failure;
mod flow;
mod folder;
mod load;
pub mod media_type;
mod metadata;
mod object;
mod origin;
pub mod orphans;
mod pace;
mod places;
mod rename;
mod report;
mod running;
mod same;
mod schedule;
mod stdio;
mod step;
mod strays;
mod take;
#[cfg(test)]
mod testing;
mod through;
mod traits;
mod upload;
mod upload_parts;
mod verify;
mod within;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use pintail_core::seam::{Clock, Random};
use pintail_store::StoreError;

use crate::journal::{Journal, Outcome, Proof, State};
use crate::local::{LocalError, PartialError, SourceError, TargetError};
use crate::parts::PartsError;
use crate::plan::{Plan, PlanError, Step};
use crate::site::Ends;

pub(crate) use object::{is_of_content, same_bytes};
pub use strays::Stray;

/// What is carried out: a plan, what became of it before, and where it is written down.
#[derive(Debug)]
pub struct Work<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What became of its steps before.
    pub state: &'a mut State,
    /// Where is written what happens; `None` for work that cannot go on later: what it begins is taken back when it is stopped.
    pub journal: Option<&'a mut Journal>,
    /// The opened ends, one for each route of the plan.
    pub ends: &'a [Ends],
}

/// How files and objects are written.
#[derive(Clone, Debug)]
pub struct Options {
    /// Objects up to this size go by one request.
    pub one_request_max_bytes: u64,
    /// The wished size of a part, `None` to choose by what is measured.
    pub part_bytes: Option<u64>,
    /// The most requests under way at once.
    pub connections_max: usize,
    /// The most memory for bytes on their way.
    pub memory_bytes: u64,
    /// The storage class of new objects.
    pub storage_class: Option<String>,
    /// The metadata `mtime` is written with uploads, and read with downloads; downloads without get the time of the object.
    pub times: bool,
    /// Permissions are kept: as the metadata `mode` of s3fs and others.
    pub permissions: bool,
    /// What is made safe on the disk before a download counts as done.
    pub sync: Durability,
    /// Bytes a second, both ways together; looked up again every second, so that it may follow the clock.
    pub bandwidth: Option<Bandwidth>,
    /// After so many failed steps nothing more is begun.
    pub errors_max: Option<u64>,
    /// The most objects that one request deletes; 1,000 is the most that S3 takes.
    pub delete_batch_max: usize,
    /// Deletions happen also where copies of the same run failed.
    pub delete_despite_failures: bool,
    /// What stands where the plan saw nothing was to stay: its step needs nothing and has not failed.
    pub keep_taken: bool,
    /// What is copied is read back and compared: from the service, and from the disk.
    pub verify: bool,
}

/// What is made safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// All of a second's files together, before the journal says that they are done.
    #[default]
    Batch,
    /// Each file before it gets its name.
    Each,
    /// Nothing.
    None,
}

/// A limit that may depend on the time of day.
#[derive(Clone)]
pub struct Bandwidth(Arc<dyn Fn(jiff::Timestamp) -> Option<u64> + Send + Sync>);

impl Bandwidth {
    /// Takes a rule: bytes a second at a time, `None` for no limit.
    pub fn new(rule: impl Fn(jiff::Timestamp) -> Option<u64> + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }

    /// Returns the limit at a time.
    pub fn at(&self, now: jiff::Timestamp) -> Option<u64> {
        (self.0)(now)
    }
}

impl std::fmt::Debug for Bandwidth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bandwidth")
    }
}

/// What the work is done with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The time.
    pub clock: &'a dyn Clock,
    /// Chance, for the names of files that are not finished.
    pub random: &'a dyn Random,
    /// Hears of every step.
    pub listener: &'a dyn Listener,
    /// Numbers for a screen.
    pub progress: &'a Progress,
    /// Ends the work early.
    pub stop: &'a Stop,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// Hears of every step that ends. Called from where the work is done: it must not wait.
pub trait Listener: Send + Sync {
    /// A step ended.
    fn ended(&self, step: &Step, end: &StepEnd);
    /// Takes bytes of an object that goes to standard output, in their order.
    ///
    /// # Errors
    /// When nobody reads them any more, which ends the work.
    fn bytes(&self, bytes: &[u8]) -> std::io::Result<()>;
}

/// How a step ended.
#[derive(Debug)]
pub enum StepEnd {
    /// It is done.
    Done {
        /// How many bytes moved.
        size_bytes: u64,
        /// How they were proved, `None` for steps that move none.
        proof: Option<Proof>,
    },
    /// It turned out to need nothing.
    Skipped,
    /// It failed.
    Failed(Arc<StepError>),
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The service refused or could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be read, or changed meanwhile.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The file cannot be written.
    #[error(transparent)]
    Partial(#[from] PartialError),
    /// The way to the file is barred.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The system refused.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// S3 takes no such object.
    #[error(transparent)]
    Parts(#[from] PartsError),
    /// The name makes no path or key there.
    #[error(transparent)]
    Name(#[from] crate::name::NameRefusal),
    /// What arrived is not what was sent.
    #[error("{0} came out different from its source")]
    Different(String),
    /// Something is where nothing was.
    #[error("{0} exists already")]
    Taken(String),
    /// The target is not what was looked at.
    #[error("{0} was changed by somebody else meanwhile")]
    Changed(String),
    /// The source is not what was looked at.
    #[error("{0} changed since it was planned")]
    SourceChanged(String),
    /// Standard input or output failed.
    #[error("standard input or output failed")]
    Stdio(#[source] std::io::Error),
}

/// Ends work early: nothing new is begun, what is under way is left in order. May be asked for from anywhere.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
}

impl Stop {
    /// Asks for the end.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    /// Tells whether the end was asked for.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Numbers for a screen, written by the work and read whenever somebody likes.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes that are to be moved in all.
    pub total_bytes: AtomicU64,
    /// Bytes that are at their place. Never falls: bytes that are sent again do not count twice.
    pub done_bytes: AtomicU64,
    /// Steps that act.
    pub total_steps: AtomicU64,
    /// Steps that ended, however.
    pub ended_steps: AtomicU64,
    /// Steps that failed.
    pub failed_steps: AtomicU64,
    /// Requests under way.
    pub under_way: AtomicUsize,
    /// The most that may be under way at this moment.
    pub limit: AtomicUsize,
    /// Requests that were tried again.
    pub retries: AtomicU64,
    /// Times that the service asked for fewer requests.
    pub slow_downs: AtomicU64,
    /// What the work waits for, as a number of [`Waiting`].
    waiting: AtomicUsize,
}

/// What the work waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing: it moves.
    Nothing,
    /// The limit on bandwidth.
    Bandwidth,
    /// The service, which asked for fewer requests.
    Service,
    /// A connection that failed.
    Connection,
}

impl Progress {
    /// Returns what the work waits for.
    pub fn waiting(&self) -> Waiting {
        match self.waiting.load(Ordering::Relaxed) {
            1 => Waiting::Bandwidth,
            2 => Waiting::Service,
            3 => Waiting::Connection,
            _ => Waiting::Nothing,
        }
    }

    /// Says what the work waits for.
    pub fn waits_for(&self, waiting: Waiting) {
        let number = match waiting {
            Waiting::Nothing => 0,
            Waiting::Bandwidth => 1,
            Waiting::Service => 2,
            Waiting::Connection => 3,
        };
        self.waiting.store(number, Ordering::Relaxed);
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// Steps that are done, those of former lives included.
    pub done: u64,
    /// The bytes that they moved.
    pub done_bytes: u64,
    /// Bytes that this life moved.
    pub moved_bytes: u64,
    /// Copies that were proved by a checksum over all bytes.
    pub proved: u64,
    /// Steps that needed nothing.
    pub skipped: u64,
    /// Steps that the plan refused.
    pub refused: u64,
    /// Steps that failed.
    pub failed: u64,
    /// Steps that were not begun or not ended.
    pub not_tried: u64,
    /// Requests that were tried again.
    pub retries: u64,
    /// How long this life took.
    pub took: Duration,
    /// The first failure.
    pub first_failure: Option<Arc<StepError>>,
    /// Uploads that the run may have begun without hearing of it, or another program. They are left alone.
    pub strays: Vec<Stray>,
}

/// What came of a run that was given up.
#[derive(Debug, PartialEq, Eq)]
pub struct Cancelled {
    /// How many uploads and unfinished files were taken back.
    pub taken_back: u64,
    /// Uploads that the run may have begun without hearing of it, or another program. They are left alone.
    pub strays: Vec<Stray>,
}

/// What ends everything.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The plan cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
    /// A site cannot be opened.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// There is no credential any more, or nobody reads standard output.
    #[error(transparent)]
    Step(Arc<StepError>),
}

/// Carries out what is left of a plan. Single failures are in the report and with the listener; the error is for what ends everything.
///
/// The end of the run is written into the journal, but for an error.
///
/// # Errors
/// When plan or journal fail, or nothing more can succeed.
pub async fn execute(
    work: Work<'_>,
    options: &Options,
    context: Context<'_>,
) -> Result<Report, ExecuteError> {
    report::execute(work, options, context).await
}

/// Takes back what a run had begun: uploads are aborted, unfinished files removed, and the run ends as cancelled.
///
/// # Errors
/// When something could not be taken back; the journal still knows it, and the same can be tried again.
pub async fn cancel(work: Work<'_>, context: Context<'_>) -> Result<Cancelled, ExecuteError> {
    cancel::cancel(work, context).await
}

//! Proving that two trees are equal, and that what a run copied is still at its place.
//!
//! ```text
//! two listings ─► pairs ─► size ─► what the service keeps (tags, checksums) ─► local bytes, hashed the same way ─► both read
//!                          └──────────── as far down as it takes to be sure, or as far as was asked for ───────────────┘
//! ```
//!
//! Nothing is changed on either side. Several pairs are compared at once; of each only pieces are held, and of the trees nothing.

pub(crate) mod content;
mod pair;
mod parts;
mod run;
mod sides;

use std::num::NonZeroUsize;
use std::path::Path;

use futures_core::Stream;
use futures_util::StreamExt;
use pintail_core::seam::Random;
use pintail_store::StoreError;
use tokio::sync::Semaphore;

use crate::diff::{DiffError, Pair, Side, pair_stream};
use crate::entry::{Entry, Kind};
use crate::execute::Stop;
use crate::local::{LocalError, SourceError, Unfit};
use crate::name::{Name, NameRefusal};
use crate::site::Site;

pub use run::{RunError, run};
pub use sides::{Rules, SideError, sites};

/// How far is looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Names and sizes. Costs nothing beyond the listings, and proves nothing about bytes.
    Size,
    /// Checksums: what the service keeps of an object is compared with the local bytes, hashed in the same way. An object is read only where that
    /// cannot tell.
    #[default]
    Checksum,
    /// All bytes of both sides are read and compared.
    Download,
}

/// How it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How far is looked.
    pub level: Level,
    /// The most pairs that are compared at once.
    pub connections_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { level: Level::default(), connections_max: 32 }
    }
}

/// What it is done with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Chance, for waits between tries.
    pub random: &'a dyn Random,
    /// Hears of every pair.
    pub listener: &'a dyn Listener,
    /// Ends it early.
    pub stop: &'a Stop,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("stop", &self.stop).finish_non_exhaustive()
    }
}

/// Hears of every pair. Called from where the work is done: it must not wait.
pub trait Listener: Send + Sync {
    /// A name turned out to be the same on both sides.
    fn same(&self, name: &Name, by: Means);
    /// A name is not the same on both sides, or nobody can say.
    fn differs(&self, difference: &Difference);
    /// A name of the list of names is on neither side.
    fn nowhere(&self, _name: &str) {}
    /// Something in a folder is not looked at: it makes no name, cannot be read, or is a link that is passed over.
    fn unfit(&self, path: &Path, why: &Unfit);
}

/// By what a pair was found to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// By its size alone, as was asked for; or it is a folder.
    Size,
    /// By checksums or hashes of all bytes.
    Checksum,
    /// By reading both sides.
    Reading,
}

/// A name that is not the same on both sides.
#[derive(Debug)]
pub struct Difference {
    /// The name.
    pub name: Name,
    /// What is not the same.
    pub what: What,
}

/// What is not the same.
#[derive(Debug)]
pub enum What {
    /// Only the other side has it.
    Missing(Side),
    /// One is a folder or a link, and the other is not.
    Kind {
        /// What the left one is.
        left: Kind,
        /// What the right one is.
        right: Kind,
    },
    /// The sizes differ.
    Size {
        /// Of the left one.
        left_bytes: u64,
        /// Of the right one.
        right_bytes: u64,
    },
    /// The bytes differ.
    Content {
        /// Where the first different byte is, where both were read.
        at: Option<u64>,
    },
    /// It could not be compared.
    Unclear(Unclear),
}

/// Why a pair could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum Unclear {
    /// The service refused or could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read, or changed meanwhile.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The system refused.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The name makes no path or key there.
    #[error(transparent)]
    Name(#[from] NameRefusal),
    /// A side is not what it was when it was listed, or when it was copied.
    #[error("the {} side changed meanwhile", side_word(*.0))]
    Changed(Side),
    /// A side is standard input or output, which cannot be read again.
    #[error("standard input and output cannot be read again")]
    Stdio,
}

impl Unclear {
    /// Tells whether the same could succeed later.
    pub fn retry(&self) -> pintail_core::retry::Retry {
        match self {
            Self::Store(error) => error.retry(),
            Self::Source(error) => error.retry(),
            Self::Local(_) | Self::Name(_) | Self::Changed(_) | Self::Stdio => {
                pintail_core::retry::Retry::Never
            }
        }
    }
}

fn side_word(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Pairs that are the same by their size alone, and folders.
    pub same_by_size: u64,
    /// Pairs that are the same by checksums of all bytes.
    pub same_by_checksum: u64,
    /// Pairs that are the same by reading both.
    pub same_by_reading: u64,
    /// Names that the left side lacks.
    pub missing_left: u64,
    /// Names that the right side lacks.
    pub missing_right: u64,
    /// Pairs of different kinds.
    pub kind: u64,
    /// Pairs of different sizes.
    pub size: u64,
    /// Pairs of different bytes.
    pub content: u64,
    /// Pairs that could not be compared.
    pub unclear: u64,
    /// Names of the list of names that neither side has.
    pub nowhere: u64,
    /// Bytes that were read at a service.
    pub downloaded_bytes: u64,
    /// Bytes that were read from the disk.
    pub read_bytes: u64,
    /// It was ended early: names that come after were not looked at.
    pub stopped: bool,
}

impl Summary {
    /// Tells whether everything is the same, as far as was looked.
    pub fn is_equal(&self) -> bool {
        self.differences() + self.unclear + self.nowhere == 0 && !self.stopped
    }

    /// Counts what is the same.
    pub fn same(&self) -> u64 {
        self.same_by_size + self.same_by_checksum + self.same_by_reading
    }

    /// Counts what differs, without what could not be compared.
    pub fn differences(&self) -> u64 {
        self.missing_left + self.missing_right + self.kind + self.size + self.content
    }

    /// Gathers verdicts, several of which are found at once, until there are no more or a stop is asked for.
    async fn gather<E>(
        verdicts: impl Stream<Item = impl Future<Output = Result<(Name, pair::Verdict), E>>>,
        options: &Options,
        context: Context<'_>,
    ) -> Result<Self, E> {
        let mut summary = Self::default();
        let mut verdicts = std::pin::pin!(verdicts.buffer_unordered(options.connections_max.max(1)));
        while let Some(verdict) = verdicts.next().await {
            let (name, verdict) = verdict?;
            summary.add(name, verdict, context.listener);
            if context.stop.is_asked() {
                summary.stopped = true;
                break;
            }
        }
        Ok(summary)
    }

    fn add(&mut self, name: Name, verdict: pair::Verdict, listener: &dyn Listener) {
        self.downloaded_bytes += verdict.downloaded_bytes;
        self.read_bytes += verdict.read_bytes;
        let what = match verdict.outcome {
            pair::Outcome::Same(by) => {
                match by {
                    Means::Size => self.same_by_size += 1,
                    Means::Checksum => self.same_by_checksum += 1,
                    Means::Reading => self.same_by_reading += 1,
                }
                return listener.same(&name, by);
            }
            pair::Outcome::Differs(what) => what,
        };
        match &what {
            What::Missing(Side::Left) => self.missing_left += 1,
            What::Missing(Side::Right) => self.missing_right += 1,
            What::Kind { .. } => self.kind += 1,
            What::Size { .. } => self.size += 1,
            What::Content { .. } => self.content += 1,
            What::Unclear(_) => self.unclear += 1,
        }
        listener.differs(&Difference { name, what });
    }
}

/// What goes for all pairs.
struct Comparing<'a> {
    options: &'a Options,
    context: Context<'a>,
    /// Files are hashed by as many threads as there are processors.
    hashing: Semaphore,
}

impl<'a> Comparing<'a> {
    fn new(options: &'a Options, context: Context<'a>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { options, context, hashing: Semaphore::new(processors) }
    }
}

/// Compares two trees, which come as their listings: in ascending order, each with every name once.
///
/// Names that cannot be compared are told, and the rest goes on.
///
/// # Errors
/// When a listing fails or is out of order.
pub async fn trees<E: Send>(
    left: &Site,
    right: &Site,
    left_entries: impl Stream<Item = Result<Entry, E>> + Send,
    right_entries: impl Stream<Item = Result<Entry, E>> + Send,
    options: &Options,
    context: Context<'_>,
) -> Result<Summary, DiffError<E>> {
    let comparing = &Comparing::new(options, context);
    let verdicts = pair_stream(left_entries, right_entries).map(|pair| async move {
        let pair = pair?;
        let name = pair.name().clone();
        let verdict = match &pair {
            Pair::Left(_) => pair::Verdict::differs(What::Missing(Side::Right)),
            Pair::Right(_) => pair::Verdict::differs(What::Missing(Side::Left)),
            Pair::Both(one, other) => {
                let (one, other) = (pair::Thing::of(left, one), pair::Thing::of(right, other));
                comparing.compare(&one, &other).await
            }
        };
        Ok((name, verdict))
    });
    Summary::gather(verdicts, options, context).await
}

#[cfg(test)]
mod tests;

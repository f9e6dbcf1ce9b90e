//! Copying: a plan first, then its execution, then a report.
//!
//! ```text
//! Request ─► plan (looks, writes nothing) ─► Plan ─► execute ─► upload | download | copy within S3 ─► Report
//! ```
//!
//! Nothing counts as copied before it is proved: S3 checks what is uploaded against a checksum sent along, a download is compared
//! with the checksum that S3 holds before it takes the place of its target.

mod download;
mod execute;
mod plan;
mod remote;
mod source;
mod target;
mod upload;

use std::path::PathBuf;

use pintail_connect::Tuning;
use pintail_core::address::Place;
use pintail_core::name::{BookmarkName, BucketName, ObjectKey};

pub(crate) use execute::execute;
pub(crate) use plan::{PlanError, plan};
pub(crate) use target::KeyRefusal;

use super::Error;
use super::signal::Interrupt;

/// Objects up to this size are downloaded by one request, as uploads are unless properties say otherwise; larger ones in parts. Two parts' worth: below that, parts cost more round trips than
/// they save.
pub(crate) const ONE_REQUEST_MAX_BYTES: u64 = 16 << 20;

/// The size of a part, unless the object needs larger ones to stay within 10,000.
pub(crate) const PART_BYTES: u64 = 8 << 20;

/// How many parts of one object are under way at once.
const PARTS_AT_ONCE: usize = 4;

/// How many objects are under way at once.
const COPIES_AT_ONCE: usize = 4;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// What to copy.
    pub(crate) sources: Vec<Place>,
    /// Where to.
    pub(crate) target: Place,
    /// Folders with everything below them.
    pub(crate) recursive: bool,
    /// Targets that exist stay.
    pub(crate) keep_existing: bool,
}

/// What will be done, in order.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The copies.
    pub(crate) steps: Vec<Step>,
    /// What is left out, and why.
    pub(crate) skipped: Vec<Skipped>,
    /// Targets that exist stay: checked again when each is written.
    pub(crate) keep_existing: bool,
}

impl Plan {
    /// Returns the bytes of all copies, as far as they are known.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.steps.iter().filter_map(|step| step.size_bytes).sum()
    }
}

/// One copy.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Where from.
    pub(crate) from: End,
    /// Where to.
    pub(crate) to: End,
    /// How much, `None` for standard input.
    pub(crate) size_bytes: Option<u64>,
}

/// One end of one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A file: the folder that was named, which nothing may leave, and the path below it.
    File {
        /// The folder.
        root: PathBuf,
        /// The path below it.
        path: PathBuf,
    },
    /// An object.
    Object(Object),
    /// Standard input or output.
    Stdio,
}

/// An object, by the bookmark that reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// The bookmark.
    pub(crate) bookmark: BookmarkName,
    /// The bucket.
    pub(crate) bucket: BucketName,
    /// The key.
    pub(crate) key: ObjectKey,
    /// The state it was planned in, for a source.
    pub(crate) etag: Option<String>,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { root, path } => root.join(path).display().fmt(f),
            Self::Object(object) => write!(f, "{}:{}/{}", object.bookmark, object.bucket, object.key),
            Self::Stdio => f.write_str("-"),
        }
    }
}

/// Something that is not copied.
#[derive(Clone, Debug)]
pub(crate) struct Skipped {
    /// What.
    pub(crate) what: String,
    /// Why.
    pub(crate) why: SkipReason,
}

/// Why something is not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SkipReason {
    /// Its target exists, and existing ones stay.
    Exists,
    /// Its key makes no file name.
    Key(KeyRefusal),
    /// It is no regular file: a symbolic link, a socket, a device.
    NotAFile,
    /// Its name is not Unicode, and keys are.
    NotUnicode,
    /// It is a placeholder for a folder, which needs none here.
    Placeholder,
    /// Its key would be too long.
    TooLong,
    /// It cannot be read, for the reason the system gives.
    Unreadable(String),
}

impl SkipReason {
    /// Tells whether something that was asked for is not done, as opposed to something that need not be.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Key(_) | Self::NotUnicode | Self::TooLong | Self::Unreadable(_) => true,
            Self::Exists | Self::NotAFile | Self::Placeholder => false,
        }
    }
}

/// How the copied bytes were proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Proof {
    /// By a checksum over all bytes that both sides computed.
    Checksum,
    /// By the length and the entity tag alone: the service holds no checksum of the whole.
    Length,
}

/// What one copy did.
#[derive(Debug)]
pub(crate) struct Copied {
    /// How many bytes.
    pub(crate) size_bytes: u64,
    /// How they were proved.
    pub(crate) proof: Proof,
}

/// What all copies did.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// How many were copied.
    pub(crate) copied: u64,
    /// How many bytes.
    pub(crate) size_bytes: u64,
    /// How many were left out on purpose.
    pub(crate) skipped: u64,
    /// How many were refused: for their keys or names, or because they cannot be read.
    pub(crate) refused: u64,
    /// How many failed.
    pub(crate) failed: u64,
    /// How many were not begun, because nothing more could succeed.
    pub(crate) not_tried: u64,
    /// The first failure.
    pub(crate) first_failure: Option<Error>,
}

/// What every copy of an execution shares.
#[derive(Clone, Copy)]
struct Context<'a> {
    talk: &'a dyn Talk,
    interrupt: &'a Interrupt,
    /// How the connection to the target behaves.
    tuning: &'a Tuning,
}

impl Context<'_> {
    fn storage_class(&self) -> Option<String> {
        self.tuning.storage_class.clone()
    }
}

/// Listens to an execution.
pub(crate) trait Talk: Send + Sync {
    /// The whole is known.
    fn expect(&self, copies: usize, size_bytes: u64);
    /// Takes bytes of an object that goes to standard output.
    fn bytes(&self, bytes: &[u8]) -> std::io::Result<()>;
    /// Some more bytes are done.
    fn advance(&self, size_bytes: u64);
    /// A copy is done.
    fn copied(&self, step: &Step, copied: &Copied);
    /// A copy failed.
    fn failed(&self, step: &Step, error: &Error);
    /// Something is left out.
    fn skipped(&self, skipped: &Skipped);
}

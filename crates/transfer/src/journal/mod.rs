//! The journal of a run: what it will do, and what happened, so that it can go on after anything.
//!
//! A run has a folder ([`registry`]) with one file of records ([`record`]): the head, the plan in blocks, what the plan comes to, and then an
//! [`Event`] for everything that happened. It is only ever appended to. What is left to do is a pure function of it ([`state`]).
//!
//! **When it is on the disk.** Events are buffered; the caller says when they have to be safe: before the first effect
//! ([`Journal::create`] does that), once a second while parts come home ([`Journal::sync_if_due`]), and at the end. An event that is lost with the power
//! costs work that is done twice and never tells of something that did not happen, if it is appended *after* what it tells of, and what it
//! tells of was made safe first.

pub mod event;
pub mod fuzzing;
mod read;
pub mod record;
pub mod registry;
pub mod state;
mod write;

use std::io;

pub use event::{Event, Header, Outcome, Proof};
pub use read::{Recorded, read, read_events};
pub use record::RecordError;
pub use registry::{Condition, Listed, RegistryError, Run, RunId, Runs, Sweep};
pub use state::{Begun, NoSuchStep, Orphan, PartDone, Remaining, SegmentDone, State, Status, outstanding};
pub use write::{Journal, Origin, SYNC_EVERY};

use crate::codec::CodecError;

/// How every journal begins: six letters, then the version.
const MAGIC: &[u8; 6] = b"PTJRNL";

/// The version that this program writes. Another first number cannot be read; a higher second one can, and is not written.
pub const VERSION: (u8, u8) = (1, 0);

/// The length of what comes before the first record.
const HEAD_BYTES: usize = 8;

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system refused.
    #[error("the journal cannot be {action}")]
    Io {
        /// "read", "written" or "made safe".
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file does not begin like a journal.
    #[error("the file is no journal")]
    NotAJournal,
    /// The journal is of a version that cannot be read.
    #[error("the journal is of version {0}.{1}, which this program cannot read")]
    Version(u8, u8),
    /// The journal is of a version that can be read but not gone on with.
    #[error("the journal is of version {0}.{1}, which this program cannot write")]
    ReadOnly(u8, u8),
    /// Bytes in the middle are not what was written.
    #[error("the journal is damaged from byte {from} to byte {to}")]
    Damaged {
        /// Where the damage begins.
        from: u64,
        /// Where it can be read again.
        to: u64,
    },
    /// A whole record does not say what it should.
    #[error("the record at byte {at} cannot be read")]
    Record {
        /// Where it begins.
        at: u64,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// A record stands where none of its kind can.
    #[error("the record at byte {at} is out of place")]
    OutOfPlace {
        /// Where it begins.
        at: u64,
    },
    /// The journal ends before its plan does: nothing was done yet.
    #[error("the journal ends before its plan does")]
    NoPlan,
    /// The plan cannot be read.
    #[error("the plan in the journal cannot be read")]
    Plan(#[source] crate::plan::PlanError),
    /// An event is about a step that the plan does not have.
    #[error("the journal does not fit its plan")]
    Step(#[source] NoSuchStep),
    /// The request is longer than a record can be.
    #[error("the request has {size_bytes} bytes; at most {} are kept", record::BODY_MAX_BYTES)]
    RequestTooLong {
        /// Its length, with everything that goes with it.
        size_bytes: usize,
    },
}

impl From<RecordError> for JournalError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Io(source) => Self::Io { action: "read", source },
            RecordError::Damaged { from, to } => Self::Damaged { from, to },
        }
    }
}

impl JournalError {
    /// Tells whether the same could succeed later: never for a journal that is there, since no one mends it; a full disk may be emptied by a
    /// person, but not by waiting.
    pub fn retry(&self) -> pintail_core::retry::Retry {
        pintail_core::retry::Retry::Never
    }
}

#[cfg(test)]
mod tests;

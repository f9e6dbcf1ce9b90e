//! The side of the file system: walking a folder, reading files while they are watched, and writing files that appear whole or not at all.
//!
//! A person chooses a folder; nothing below it is trusted. Reading follows links only where that was asked for; writing goes through
//! the folder's own handle, step by step, and follows none ([`target`]).

pub(crate) mod folding;
pub mod partial;
mod reading;
pub mod source;
pub mod target;
pub mod walk;

use std::io;
use std::path::{Path, PathBuf};

pub use partial::{Creation, Partial, PartialError, PartialWriter, Publish, Segment, SyncPolicy};
pub use source::{Source, SourceError, Tally};
pub use target::{Target, TargetError};
pub use walk::{Found, Links, Unfit, Walk, WalkOptions};

/// A call to the file system that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", .path.display())]
pub struct LocalError {
    /// What was tried, as a verb.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

impl LocalError {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }
}

//! Where an upload reads from: a file below a folder, behind symbolic links only where a person chose that.
//!
//! Between the plan and this, whoever may write below the folder may have put a link in the place of a file or of a folder on the way to it.

use std::path::{Path, PathBuf};

use super::running::Folder;
use super::step::StepFailure;
use crate::fingerprint::Fingerprint;
use crate::local::{Source, SourceError};
use crate::name::Platform;
use crate::plan::Step;

/// The file of a step.
pub(super) struct Origin<'a> {
    folder: &'a Folder,
    below: PathBuf,
    path: PathBuf,
    follows: bool,
}

impl<'a> Origin<'a> {
    pub(super) fn of(folder: &'a Folder, step: &Step) -> Result<Self, StepFailure> {
        let below = step.name.path(Platform::HERE)?;
        Ok(Self { folder, path: folder.path().join(&below), below, follows: step.follows })
    }

    /// Returns the path, for its extension and for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file.
    pub(super) fn open(&self) -> Result<Source, SourceError> {
        if self.follows {
            Source::open(&self.path)
        } else {
            Source::below(&*self.folder.reading()?, &self.below)
        }
    }

    /// Opens the file if it still is what it was.
    pub(super) fn reopen(&self, before: &Fingerprint) -> Result<Source, SourceError> {
        self.open()?.still(before)
    }

    /// Reads the link that is in the place of a file.
    pub(super) fn link(&self) -> Result<(Vec<u8>, Fingerprint), SourceError> {
        let (text, seen) = self.folder.reading()?.link_below(&self.below)?;
        Ok((text.into_encoded_bytes(), seen))
    }
}

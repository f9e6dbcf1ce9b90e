//! Watching two sides for changes: a folder by what the system tells of it, a prefix by listing it now and then.
//!
//! ```text
//! folder ─► inotify ─► tree (which folders, which names) ─► settle (is it quiet?) ─┐
//! folder ─► walk every so often ─┐                                                  ├─► Happened
//! prefix ─► list every so often ─┴─► seen (what is new since the last time?) ──────┘
//! ```
//!
//! A watch only says which names to look at again: what became of them is found out by whoever plans, so a name too many costs a look and no
//! harm. What a watch cannot be sure of it calls [`Changes::Everything`]. It works in a task of its own, holds the names
//! that wait (some thousands at the most), and what it saw last lies in a file.

mod poll;
mod seen;
mod settle;
#[cfg(target_os = "linux")]
mod system;
#[cfg(target_os = "linux")]
mod tree;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pintail_core::seam::Random;
use pintail_store::StoreError;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::listing;
use crate::local::LocalError;
use crate::local::walk::WalkOptions;
use crate::site::Remote;

/// More names than these are not held: everything is looked at instead.
pub const NAMES_MAX: usize = 10_000;

/// How long things have to be quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A file that is written to is told of when nobody has written for so long.
    pub quiet: Duration,
    /// One that was closed, renamed or deleted is told of after this time, in which whatever belongs to it may follow.
    pub settle: Duration,
    /// Changes are told of at most so often.
    pub apart: Duration,
    /// So often is looked at what does not tell of itself.
    pub poll: Duration,
}

impl Timing {
    /// Returns the usual times, and this one between two looks.
    pub fn with_poll(poll: Duration) -> Self {
        Self {
            quiet: Duration::from_millis(500),
            settle: Duration::from_millis(100),
            apart: Duration::from_secs(1),
            poll,
        }
    }
}

/// What changed since the last time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// What these names mean; one with a slash at its end means everything below.
    Names(BTreeSet<String>),
    /// Nobody knows what: everything has to be looked at.
    Everything(Why),
}

impl Changes {
    /// Adds changes that came later.
    pub fn add(&mut self, later: Self) {
        match (&mut *self, later) {
            (Self::Names(names), Self::Names(later)) => {
                names.extend(later);
                if names.len() > NAMES_MAX {
                    *self = Self::Everything(Why::Many);
                }
            }
            (Self::Everything(_), Self::Names(_)) => {}
            (_, everything) => *self = everything,
        }
    }

    /// Tells whether nothing changed.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Names(names) if names.is_empty())
    }
}

/// Why everything has to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// More changed than is held.
    Many,
    /// The system dropped some of what it had to tell.
    Missed,
    /// It was not watched for a moment.
    Gap,
}

/// Why a folder is walked every so often instead of being watched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEvents {
    /// The system watches no more folders for this user.
    #[error("the limit on watched folders is reached{}", limit_text(*limit))]
    Limit {
        /// How many it watches (`fs.inotify.max_user_watches`), where it says.
        limit: Option<u64>,
    },
    /// The system gives this user no more of what folders are watched with.
    #[error("the limit on watches of this user is reached")]
    Instances,
    /// This system, or this file system, tells of no changes.
    #[error("the system tells of no changes here")]
    NotHere,
}

fn limit_text(limit: Option<u64>) -> String {
    limit.map(|limit| format!(" ({limit})")).unwrap_or_default()
}

/// What a watch tells.
#[derive(Debug)]
pub enum Happened {
    /// Something changed.
    Changed(Changes),
    /// From now on the folder is walked every so often.
    Walks(NoEvents),
    /// A look failed. The next one comes by itself.
    Failed(LookError),
}

/// Why a look failed.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The service refused or could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was seen cannot be kept.
    #[error("what was seen cannot be kept")]
    Spool(#[source] io::Error),
}

/// Why a watch ends.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The folder is no longer where it was.
    #[error("{} {how}", .path.display())]
    Gone {
        /// Which folder.
        path: PathBuf,
        /// What became of it.
        how: Gone,
    },
    /// The system refused.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The first look failed.
    #[error(transparent)]
    Look(#[from] LookError),
}

/// What became of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// It was deleted.
    #[error("was deleted")]
    Deleted,
    /// It was renamed or moved.
    #[error("was moved away")]
    Moved,
    /// Its file system was taken away.
    #[error("was unmounted")]
    Unmounted,
    /// Another one, or none, is in its place.
    #[error("is no longer the folder that it was")]
    Replaced,
}

/// One side that is watched. The watch ends when this is dropped.
#[derive(Debug)]
pub struct Watch {
    receiver: mpsc::Receiver<Result<Happened, WatchError>>,
    task: AbortHandle,
    no_events: Option<NoEvents>,
}

/// What is seen in a folder.
#[derive(Clone, Debug)]
pub struct FolderOptions {
    /// How it is walked.
    pub walk: WalkOptions,
    /// Where what was seen lies, when it has to be walked.
    pub spool: PathBuf,
}

impl Watch {
    /// Begins to watch a folder with everything below it. When it returns, no change goes unseen any more.
    ///
    /// Where the system cannot watch it, the folder is walked every so often: [`Watch::no_events`].
    ///
    /// # Errors
    /// When the folder is not there or cannot be read.
    pub async fn folder(
        root: &Path,
        options: FolderOptions,
        timing: Timing,
        random: Arc<dyn Random>,
    ) -> Result<Self, WatchError> {
        #[cfg(target_os = "linux")]
        {
            match system::open(root, &options, usize::MAX).await? {
                Ok(opened) => {
                    let (sender, receiver) = mpsc::channel(1);
                    let begun = system::Begun { opened, options, timing, random };
                    let task = tokio::spawn(system::watch(begun, sender)).abort_handle();
                    Ok(Self { receiver, task, no_events: None })
                }
                Err(why) => Self::walked(root, options, timing, random, why).await,
            }
        }
        #[cfg(not(target_os = "linux"))]
        Self::walked(root, options, timing, random, NoEvents::NotHere).await
    }

    async fn walked(
        root: &Path,
        options: FolderOptions,
        timing: Timing,
        random: Arc<dyn Random>,
        why: NoEvents,
    ) -> Result<Self, WatchError> {
        let (sender, receiver) = mpsc::channel(1);
        let walked = poll::Walked::begin(root, options, random).await?;
        let task = tokio::spawn(walked.watch(timing.poll, sender)).abort_handle();
        Ok(Self { receiver, task, no_events: Some(why) })
    }

    /// Begins to watch a prefix by listing it every so often. When it returns it was listed once.
    ///
    /// A look at a prefix that did not change costs the requests of its list.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub async fn prefix(
        remote: Remote,
        options: listing::Options,
        spool: PathBuf,
        timing: Timing,
        random: Arc<dyn Random>,
    ) -> Result<Self, WatchError> {
        let (sender, receiver) = mpsc::channel(1);
        let listed = poll::Listed::begin(remote, options, spool, random).await?;
        let task = tokio::spawn(listed.watch(timing.poll, sender)).abort_handle();
        Ok(Self { receiver, task, no_events: None })
    }

    /// Tells why the folder is walked every so often, if it is from the beginning.
    pub fn no_events(&self) -> Option<&NoEvents> {
        self.no_events.as_ref()
    }

    /// Waits for what happens next. May be dropped while it waits; after an error nothing more comes.
    ///
    /// # Errors
    /// When it cannot be watched any longer.
    pub async fn next(&mut self) -> Result<Happened, WatchError> {
        match self.receiver.recv().await {
            Some(happened) => happened,
            // The task tells of its end before it ends.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;

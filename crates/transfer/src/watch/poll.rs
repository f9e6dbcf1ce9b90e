//! Watching by looking every so often: a prefix is listed, a folder is walked, and what is seen is compared with the time before.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use pintail_core::seam::Random;
use tokio::sync::mpsc;

use super::seen::{Look, Seen};
use super::{Changes, FolderOptions, Gone, Happened, LookError, WatchError};
use crate::listing::{self, entries};
use crate::local::LocalError;
use crate::local::walk::{Found, Walk};
use crate::site::Remote;

type Sender = mpsc::Sender<Result<Happened, WatchError>>;

/// A prefix that was listed.
#[derive(Debug)]
pub(super) struct Listed {
    remote: Remote,
    options: listing::Options,
    spool: PathBuf,
    random: Arc<dyn Random>,
    seen: Seen,
}

impl Listed {
    pub(super) async fn begin(
        remote: Remote,
        options: listing::Options,
        spool: PathBuf,
        random: Arc<dyn Random>,
    ) -> Result<Self, LookError> {
        let (seen, _) = list(&remote, &options, None, &spool, &*random).await?;
        Ok(Self { remote, options, spool, random, seen })
    }

    /// Lists until nobody listens any more.
    pub(super) async fn watch(mut self, every: Duration, sender: Sender) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = sender.closed() => return,
            }
            let looked = list(&self.remote, &self.options, Some(&self.seen), &self.spool, &*self.random);
            let happened = match looked.await {
                Ok((seen, changes)) => {
                    self.seen = seen;
                    if changes.is_empty() {
                        continue;
                    }
                    Happened::Changed(changes)
                }
                Err(error) => Happened::Failed(error),
            };
            if sender.send(Ok(happened)).await.is_err() {
                return;
            }
        }
    }
}

async fn list(
    remote: &Remote,
    options: &listing::Options,
    before: Option<&Seen>,
    spool: &Path,
    random: &dyn Random,
) -> Result<(Seen, Changes), LookError> {
    let mut look = Look::begin(before, spool, random).map_err(LookError::Spool)?;
    let mut entries = std::pin::pin!(entries(remote, options));
    while let Some(entry) = entries.next().await {
        look.push(&entry?).map_err(LookError::Spool)?;
    }
    look.finish().map_err(LookError::Spool)
}

/// A folder that was walked.
#[derive(Debug)]
pub(super) struct Walked {
    root: PathBuf,
    options: FolderOptions,
    random: Arc<dyn Random>,
    seen: Seen,
    identity: Identity,
}

impl Walked {
    pub(super) async fn begin(
        root: &Path,
        options: FolderOptions,
        random: Arc<dyn Random>,
    ) -> Result<Self, WatchError> {
        let (root, identity) = (root.to_owned(), Identity::of(root)?);
        let (looked, root, options, random) = apart(move || {
            let looked = walk(&root, &options, None, &*random);
            (looked, root, options, random)
        })
        .await;
        let (seen, _) = looked?;
        Ok(Self { root, options, random, seen, identity })
    }

    /// Walks until nobody listens any more, or the folder is gone.
    pub(super) async fn watch(mut self, every: Duration, sender: Sender) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = sender.closed() => return,
            }
            let (looked, itself) = apart(move || {
                let looked = self.look();
                (looked, self)
            })
            .await;
            self = itself;
            let happened = match looked {
                Ok(changes) if changes.is_empty() => continue,
                Ok(changes) => Ok(Happened::Changed(changes)),
                Err(WatchError::Look(error)) => Ok(Happened::Failed(error)),
                Err(error) => Err(error),
            };
            let ends = happened.is_err();
            if sender.send(happened).await.is_err() || ends {
                return;
            }
        }
    }

    fn look(&mut self) -> Result<Changes, WatchError> {
        self.identity.check(&self.root)?;
        let (seen, changes) = walk(&self.root, &self.options, Some(&self.seen), &*self.random)?;
        // A folder that went while it was walked looks like an empty one.
        self.identity.check(&self.root)?;
        self.seen = seen;
        Ok(changes)
    }
}

fn walk(
    root: &Path,
    options: &FolderOptions,
    before: Option<&Seen>,
    random: &dyn Random,
) -> Result<(Seen, Changes), WatchError> {
    let mut look = Look::begin(before, &options.spool, random).map_err(LookError::Spool)?;
    for found in Walk::new(root, options.walk, |_| true)? {
        // What cannot be taken is told by whoever plans.
        if let Found::Entry(entry) = found {
            look.push(&entry).map_err(LookError::Spool)?;
        }
    }
    Ok(look.finish().map_err(LookError::Spool)?)
}

/// Does work that waits for the disk where nothing else waits for it.
pub(super) async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("looking at a folder does not panic")
}

/// Which folder it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(Option<(u64, u64)>);

impl Identity {
    pub(super) fn of(root: &Path) -> Result<Self, LocalError> {
        let metadata = std::fs::metadata(root).map_err(|source| LocalError::new("read", root, source))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Ok(Self(metadata.is_dir().then(|| (metadata.dev(), metadata.ino()))))
        }
        #[cfg(not(unix))]
        Ok(Self(metadata.is_dir().then_some((0, 0))))
    }

    /// Tells whether the same folder still has its name. A parent that was renamed, and a file system that was mounted over it, are told by nobody else.
    pub(super) fn check(self, root: &Path) -> Result<(), WatchError> {
        match Self::of(root) {
            Ok(now) if now == self && now.0.is_some() => Ok(()),
            Err(error) if error.source.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            Ok(_) | Err(_) => Err(WatchError::Gone { path: root.to_owned(), how: Gone::Replaced }),
        }
    }
}

//! A folder that the system tells of: a thread waits for what it tells, a task gathers it until it is quiet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pintail_core::seam::Random;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::poll::{Identity, Walked, apart};
use super::settle::Settling;
use super::tree::{Told, Tree, Trouble};
use super::{Changes, FolderOptions, Happened, NoEvents, Timing, WatchError, Why};
use crate::local::LocalError;

/// So long nobody listens after something was told: who writes without a pause is heard in gulps.
const PAUSE: Duration = Duration::from_millis(20);

type Sender = mpsc::Sender<Result<Happened, WatchError>>;

/// A watch that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) opened: Opened,
    pub(super) options: FolderOptions,
    pub(super) timing: Timing,
    pub(super) random: Arc<dyn Random>,
}

/// A tree, and which folder it is of.
#[derive(Debug)]
pub(super) struct Opened {
    tree: Tree,
    identity: Identity,
}

/// Watches a folder, by so many watches at the most. The inner error says why there are no events.
pub(super) async fn open(
    root: &Path,
    options: &FolderOptions,
    watches_max: usize,
) -> Result<Result<Opened, NoEvents>, WatchError> {
    let (root, options) = (root.to_owned(), options.clone());
    apart(move || {
        let identity = Identity::of(&root)?;
        match Tree::open(&root, &options, watches_max) {
            Ok(tree) => Ok(Ok(Opened { tree, identity })),
            Err(Trouble::NoEvents(why)) => Ok(Err(why)),
            Err(Trouble::Ends(error)) => Err(error),
        }
    })
    .await
}

/// Watches until nobody listens any more or the folder is gone. Where the system stops to tell, it goes on by walking.
pub(super) async fn watch(begun: Begun, sender: Sender) {
    let Begun { opened, options, timing, random } = begun;
    let root = opened.tree.root().to_owned();
    let why = match listen(opened, timing, &sender).await {
        Ok(()) => return,
        Err(Trouble::Ends(error)) => {
            let _ = sender.send(Err(error)).await;
            return;
        }
        Err(Trouble::NoEvents(why)) => why,
    };
    if sender.send(Ok(Happened::Walks(why))).await.is_err() {
        return;
    }
    match Walked::begin(&root, options, random).await {
        Ok(walked) => {
            // Whatever happened before this first walk was seen by nobody.
            let all = Happened::Changed(Changes::Everything(Why::Gap));
            if sender.send(Ok(all)).await.is_ok() {
                walked.watch(timing.poll, sender).await;
            }
        }
        Err(error) => {
            let _ = sender.send(Err(error)).await;
        }
    }
}

async fn listen(opened: Opened, timing: Timing, sender: &Sender) -> Result<(), Trouble> {
    let Opened { tree, identity } = opened;
    let root: PathBuf = tree.root().to_owned();
    // Dropped with this task, it ends the thread.
    let _waker = tree.waker();
    let (hearing, mut heard) = mpsc::channel(1);
    let thread = std::thread::Builder::new().name("watch".into()).spawn(move || hear(tree, &hearing));
    thread.map_err(|source| Trouble::Ends(LocalError::new("watch", &root, source).into()))?;
    let begun = Instant::now();
    let mut settling = Settling::new(timing);
    loop {
        let (due, is_due) = (settling.due(), settling.is_due(begun.elapsed()));
        tokio::select! {
            biased;
            () = sender.closed() => return Ok(()),
            permit = sender.reserve(), if is_due => {
                let Ok(permit) = permit else { return Ok(()) };
                let root = root.clone();
                apart(move || identity.check(&root)).await.map_err(Trouble::Ends)?;
                permit.send(Ok(Happened::Changed(settling.take(begun.elapsed()))));
            }
            told = heard.recv() => {
                // The thread tells of its end before it ends.
                let Some(told) = told else { return Ok(()) };
                let now = begun.elapsed();
                for told in told? {
                    match told {
                        Told::Touched(name, touch) => settling.touch(name, touch, now),
                        Told::Missed => settling.everything(Why::Missed, now),
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
            () = tokio::time::sleep_until(begun + due.unwrap_or_default()), if due.is_some() && !is_due => {}
        }
    }
}

/// Passes on what the system tells until nobody wants it or there is trouble.
fn hear(mut tree: Tree, sender: &mpsc::Sender<Result<Vec<Told>, Trouble>>) {
    loop {
        let mut told = Vec::new();
        let trouble = tree.hear(&mut told).err();
        if sender.blocking_send(Ok(told)).is_err() {
            return;
        }
        if let Some(trouble) = trouble {
            let _ = sender.blocking_send(Err(trouble));
            return;
        }
    }
}

//! One side as a stream in the order of names: a walk on a thread of its own, a listing, or single looks where a short list names all that is meant.
//!
//! What goes beside the entries (ignore files, what cannot be taken, folders with something in them) comes as notes at their place in
//! the order, so that whoever reads judges every name by what stands above it, on both sides alike.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use pintail_store::object_store::ListedObject;
use pintail_store::wrap::Limit;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::look;
use super::{PrepareError, Rules};
use crate::entry::{Entry, Kind};
use crate::filter::Filter;
use crate::listing::{self, Counters};
use crate::local::walk::Folders;
use crate::local::{Found, Links, LocalError, Unfit, Walk, WalkOptions};
use crate::name::{KEY_MAX_BYTES, Name};
use crate::site::{Remote, Site};

/// So many entries go from thread to thread at once: few enough to be seen soon, enough to cost nothing.
const BATCH: usize = 256;

/// So many batches wait for their reader.
const BATCHES_AHEAD: usize = 8;

/// Lists of names up to this length are looked at one by one, where the alternative is listing a bucket.
const LOOKS_MAX: usize = 1000;

/// What comes from a side.
#[derive(Debug)]
pub(super) enum Item {
    /// An entry, in ascending order of names.
    Entry(Entry),
    /// Something beside the entries.
    Note(Note),
}

/// Something beside the entries. It holds from a place in the order on.
#[derive(Debug)]
pub(super) struct Note {
    /// The name from which on it holds; a folder has its slash, the top is empty.
    pub(super) at: Box<str>,
    /// What it says.
    pub(super) says: Says,
}

/// What a note says.
#[derive(Debug)]
pub(super) enum Says {
    /// The folder has an ignore file: its path and text.
    Ignore(PathBuf, String),
    /// Something cannot be taken.
    Unfit(Name, Unfit),
    /// The folder has something in it.
    Filled,
    /// The folder was not entered, since nothing in it can take part.
    Pruned,
    /// The prefix itself is a key.
    Itself(Entry),
}

/// For what a side is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It is copied from, and has to be there.
    Source,
    /// It is copied to, and may be missing.
    Target,
    /// It is one of two that both change, and has to be there.
    Peer,
    /// The same for the first time, when it may be missing.
    NewPeer,
}

impl Part {
    fn may_miss(self) -> bool {
        matches!(self, Self::Target | Self::NewPeer)
    }
}

/// A side that is being read.
#[derive(Debug)]
pub(super) struct Feed {
    receiver: Option<mpsc::Receiver<Result<Batch, PrepareError>>>,
    batch: std::vec::IntoIter<Item>,
    counts: Counts,
    task: Option<AbortHandle>,
}

#[derive(Debug)]
enum Batch {
    Items(Vec<Item>),
    /// Told in a message of its own: a side that breaks off must never look like one that has ended.
    End,
}

/// What reading a side cost.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pages: Counters,
    looks: Arc<AtomicU64>,
}

impl Counts {
    pub(super) fn pages(&self) -> u64 {
        self.pages.pages()
    }

    pub(super) fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // One that has ended may still wait for answers that nobody needs: their connections are worth it.
        if let Some(task) = self.task.as_ref().filter(|_| self.receiver.is_some()) {
            task.abort();
        }
    }
}

/// Returns a site whose requests count together with those of others: no more than there are places are under way.
pub(super) fn sharing(site: &Site, places: &Arc<Semaphore>) -> Site {
    match site {
        Site::Remote(remote) => {
            let store = Arc::new(Limit::sharing(Arc::clone(&remote.store), Arc::clone(places)));
            Site::Remote(Remote { store, ..remote.clone() })
        }
        Site::Local(_) | Site::Stdio => site.clone(),
    }
}

impl Feed {
    /// A side of which nothing has to be known.
    pub(super) fn nothing() -> Self {
        Self { receiver: None, batch: Vec::new().into_iter(), counts: Counts::default(), task: None }
    }

    /// Begins to read a side.
    pub(super) fn open(site: &Site, part: Part, rules: &Rules, filter: &Arc<Filter>) -> Self {
        Self::beginning(site, "", part, rules, filter)
    }

    /// Begins to read of a bucket what has names that begin with a text.
    pub(super) fn beginning(
        site: &Site,
        beginning: &str,
        part: Part,
        rules: &Rules,
        filter: &Arc<Filter>,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let mut counts = Counts::default();
        let task = match site {
            Site::Stdio => return Self::nothing(),
            Site::Local(root) => {
                let walking = Walking::new(root, part, rules, filter);
                tokio::task::spawn_blocking(move || walking.run(&sender)).abort_handle()
            }
            Site::Remote(remote) => {
                let short = filter.only.as_ref().filter(|only| only.len() <= LOOKS_MAX);
                let names = short.filter(|only| only.iter().all(|name| !name.ends_with('/')));
                let (remote, most) = (remote.clone(), rules.connections_max.max(1));
                if let Some(names) = names {
                    let names = names.iter().filter(|name| name.starts_with(beginning));
                    let names: Vec<Name> = names.filter_map(|name| Name::new(name).ok()).collect();
                    let looks = Arc::clone(&counts.looks);
                    tokio::spawn(look_at(remote, names, most, looks, sender)).abort_handle()
                } else {
                    let options = listing::Options { connections_max: most, page: rules.page };
                    let listed = format!("{}{beginning}", remote.prefix).parse();
                    let listed = listed.expect("a key begins with it, which is longer");
                    let pages = listing::object_pages(&Remote { prefix: listed, ..remote.clone() }, &options);
                    counts.pages = pages.counters();
                    tokio::spawn(list(remote, pages, sender)).abort_handle()
                }
            }
        };
        Self { receiver: Some(receiver), batch: Vec::new().into_iter(), counts, task: Some(task) }
    }

    /// Returns what comes next, `None` at the end. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Result<Option<Item>, PrepareError> {
        loop {
            if let Some(item) = self.batch.next() {
                return Ok(Some(item));
            }
            let Some(receiver) = &mut self.receiver else { return Ok(None) };
            match receiver.recv().await.expect("a side that is read tells its end or its error") {
                Ok(Batch::Items(items)) => self.batch = items.into_iter(),
                Ok(Batch::End) => self.receiver = None,
                Err(error) => {
                    self.receiver = None;
                    return Err(error);
                }
            }
        }
    }

    /// Tells whether everything was read.
    pub(super) fn has_ended(&self) -> bool {
        self.receiver.is_none() && self.batch.as_slice().is_empty()
    }

    /// Returns what reading cost so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts.clone()
    }
}

async fn list(remote: Remote, mut pages: listing::Pages, sender: mpsc::Sender<Result<Batch, PrepareError>>) {
    while let Some(page) = pages.next().await {
        let batch = page.map_err(PrepareError::from).map(|page| {
            let item = |object: ListedObject| match Name::below(&remote.prefix, &object.key) {
                Some(name) => Item::Entry(Entry::listed(name, &object)),
                None => {
                    let last = remote.prefix.as_str();
                    let last = last.trim_end_matches('/').rfind('/').map_or(last, |at| &last[at + 1..]);
                    let name = Name::new(last).expect("the key of an object is not empty");
                    Item::Note(Note { at: "".into(), says: Says::Itself(Entry::listed(name, &object)) })
                }
            };
            Batch::Items(page.into_iter().map(item).collect())
        });
        let failed = batch.is_err();
        if sender.send(batch).await.is_err() || failed {
            return;
        }
    }
    // Nobody waits for it when the reader is gone.
    let _ = sender.send(Ok(Batch::End)).await;
    drop(sender);
    pages.settle().await;
}

async fn look_at(
    remote: Remote,
    names: Vec<Name>,
    most: usize,
    looks: Arc<AtomicU64>,
    sender: mpsc::Sender<Result<Batch, PrepareError>>,
) {
    let found = futures_util::stream::iter(names).map(|name| {
        let (remote, looks) = (&remote, &looks);
        async move {
            looks.fetch_add(1, Ordering::Relaxed);
            // As a listing would tell it: its time is when it was written, whatever time it keeps.
            look::object_and_time(remote, &name).await.map(|found| found.map(|(entry, _)| entry))
        }
    });
    let mut found = std::pin::pin!(found.buffered(most));
    while let Some(entry) = found.next().await {
        let batch = entry
            .map_err(PrepareError::from)
            .map(|entry| Batch::Items(entry.map(Item::Entry).into_iter().collect()));
        let failed = batch.is_err();
        if sender.send(batch).await.is_err() || failed {
            return;
        }
    }
    let _ = sender.send(Ok(Batch::End)).await;
}

/// A walk with its ignore files, for a thread of its own.
struct Walking {
    root: PathBuf,
    options: WalkOptions,
    part: Part,
    filter: Arc<Filter>,
    ignore_files: Vec<String>,
}

/// What entering folders found beside the walk.
#[derive(Default)]
struct Beside {
    notes: Vec<Note>,
    error: Option<PrepareError>,
}

impl Walking {
    fn new(root: &Path, part: Part, rules: &Rules, filter: &Arc<Filter>) -> Self {
        let links = match (part, rules.links) {
            (Part::Source | Part::Peer | Part::NewPeer, links) => links,
            // A link at the target is something that is there: it is replaced or deleted, and what it leads to stays.
            (Part::Target, _) => Links::Keep,
        };
        let folders = if rules.folders == Folders::None { Folders::None } else { Folders::All };
        let options = WalkOptions { links, folders, platform: rules.platform };
        Self {
            root: root.to_owned(),
            options,
            part,
            filter: Arc::clone(filter),
            ignore_files: rules.ignore_files.clone(),
        }
    }

    fn run(self, sender: &mpsc::Sender<Result<Batch, PrepareError>>) {
        let end = match self.walk(sender) {
            Ok(true) => Ok(Batch::End),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        let _ = sender.blocking_send(end);
    }

    /// Walks; `false` when nobody reads any more.
    fn walk(&self, sender: &mpsc::Sender<Result<Batch, PrepareError>>) -> Result<bool, PrepareError> {
        let missing = |error: &LocalError| error.source.kind() == std::io::ErrorKind::NotFound;
        let beside = Mutex::new(Beside::default());
        let mut sieve = Sieve { walking: self, rules: self.filter.rules.clone(), beside: &beside };
        let mut walk = match fs::metadata(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return if self.part.may_miss() {
                    Ok(true)
                } else {
                    Err(PrepareError::Missing(self.root.display().to_string()))
                };
            }
            _ => {
                sieve.read_ignore_files("");
                match Walk::new(&self.root, self.options, |folder| sieve.enters(folder)) {
                    Err(error) if missing(&error) && self.part.may_miss() => return Ok(true),
                    walk => walk?,
                }
            }
        };
        let mut batch: Vec<Item> = Vec::with_capacity(BATCH);
        // A folder whose next neighbour has not been seen yet.
        let mut held: Option<Entry> = None;
        loop {
            let found = walk.next();
            let entered = std::mem::take(&mut *beside.lock().expect("no holder of this lock panics"));
            if let Some(error) = entered.error {
                return Err(error);
            }
            batch.extend(entered.notes.into_iter().map(Item::Note));
            let item = match found {
                None => None,
                Some(Found::Entry(entry)) => Some((entry.name.clone(), Ok(entry))),
                Some(Found::Unfit(path, why)) => Some((self.name_of(&path), Err(why))),
            };
            if let Some(folder) = held.take() {
                if item.as_ref().is_some_and(|(name, _)| name.as_str().starts_with(folder.name.as_str())) {
                    batch.push(Item::Note(Note { at: folder.name.as_str().into(), says: Says::Filled }));
                }
                batch.push(Item::Entry(folder));
            }
            let ended = item.is_none();
            match item {
                None => {}
                Some((_, Ok(entry))) if entry.kind == Kind::Folder => held = Some(entry),
                Some((_, Ok(entry))) => batch.push(Item::Entry(entry)),
                Some((name, Err(why))) => {
                    batch.push(Item::Note(Note { at: name.as_str().into(), says: Says::Unfit(name, why) }));
                }
            }
            if batch.len() >= BATCH || ended {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                if sender.blocking_send(Ok(Batch::Items(full))).is_err() {
                    return Ok(false);
                }
            }
            if ended {
                return Ok(true);
            }
        }
    }

    /// What something is called that may make no name: as near as can be shown.
    fn name_of(&self, path: &Path) -> Name {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        let mut text = below.to_string_lossy().into_owned();
        if std::path::MAIN_SEPARATOR != '/' {
            text = text.replace(std::path::MAIN_SEPARATOR, "/");
        }
        let text = &text[..text.floor_char_boundary(KEY_MAX_BYTES)];
        Name::new(if text.is_empty() { "." } else { text }).expect("it has from 1 to 1,024 bytes")
    }
}

/// Decides which folders are entered, by the filter and by the ignore files above.
struct Sieve<'a> {
    walking: &'a Walking,
    rules: crate::filter::Rules,
    beside: &'a Mutex<Beside>,
}

impl Sieve<'_> {
    fn enters(&mut self, folder: &Name) -> bool {
        if !self.walking.ignore_files.is_empty() {
            self.rules.forget_ignore_files_outside(folder.as_str());
        }
        let listed = self.walking.filter.only.as_ref().is_none_or(|only| only.may_hold(folder.as_str()));
        if listed && self.rules.may_include_below(folder) {
            self.read_ignore_files(folder.as_str());
            return true;
        }
        let mut beside = self.beside.lock().expect("no holder of this lock panics");
        beside.notes.push(Note { at: folder.folder().into(), says: Says::Filled });
        beside.notes.push(Note { at: folder.as_str().into(), says: Says::Pruned });
        false
    }

    fn read_ignore_files(&mut self, folder: &str) {
        for name in &self.walking.ignore_files {
            let path = self.walking.root.join(folder).join(name);
            let outcome = match ignore_file(&path) {
                Ok(None) => continue,
                Ok(Some(text)) => {
                    self.rules.ignore_file(folder, &text).map(|()| text).map_err(|source| {
                        PrepareError::IgnoreFile { path: path.display().to_string(), source }
                    })
                }
                Err(error) => Err(error.into()),
            };
            let mut beside = self.beside.lock().expect("no holder of this lock panics");
            match outcome {
                Ok(text) => beside.notes.push(Note { at: folder.into(), says: Says::Ignore(path, text) }),
                Err(error) => beside.error = Some(error),
            }
        }
    }
}

/// Reads an ignore file, if there is one. What is no file is none.
pub(super) fn ignore_file(path: &Path) -> Result<Option<String>, LocalError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        _ => return Ok(None),
    }
    fs::read_to_string(path).map(Some).map_err(|source| LocalError::new("read", path, source))
}

//! What every step of one execution shares: the journal behind a lock, places for requests, the bytes that flow, and who listens.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use jiff::Timestamp;
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_store::object_store::ObjectInfo;
use pintail_store::{ErrorKind, StoreError};

use super::flow::Flow;
pub(super) use super::places::{Kind, Places};
use super::{Context, ExecuteError, Options};
use crate::diff::Side;
use crate::entry::Tag;
use crate::fingerprint::Fingerprint;
use crate::journal::registry::uploads_elsewhere;
use crate::journal::{Begun, Event, Journal, State, Status};
use crate::local::{LocalError, Target};
use crate::parts::Conditions;
use crate::plan::Step;
use crate::site::{Remote, Site};

/// What every step shares.
pub(super) struct Shared<'a> {
    /// How things are written.
    pub(super) options: &'a Options,
    /// Clock, chance, listener, progress, stop.
    pub(super) context: Context<'a>,
    /// The journal.
    pub(super) record: Record<'a>,
    /// Places for requests.
    pub(super) places: Places,
    /// The bytes on their way.
    pub(super) flow: Arc<Flow>,
    /// The opened ends, one for each route of the plan.
    pub(super) routes: Vec<(End, End)>,
    /// Says that the work ends early, for whatever reason.
    pub(super) halt: Halt,
    /// What the steps that take their sources have copied.
    pub(super) sources: Mutex<HashMap<u64, Copied>>,
}

/// What was copied: the state of a file, or of an object.
pub(super) type Copied = (Option<Fingerprint>, Option<Tag>);

impl Shared<'_> {
    /// Counts a call that is made again.
    pub(super) fn count_retry(&self, error: &StoreError) {
        self.context.progress.retries.fetch_add(1, Ordering::Relaxed);
        if matches!(error.kind(), ErrorKind::Throttled { .. }) {
            self.context.progress.slow_downs.fetch_add(1, Ordering::Relaxed);
        }
        let counts = |end: &End| matches!(end, End::Remote(remote) if remote.pressure.is_some());
        if !self.routes.iter().any(|(from, to)| counts(from) || counts(to)) {
            self.places.failed(Kind::Small);
        }
    }
}

impl Shared<'_> {
    /// Remembers which state of a file was copied.
    pub(super) fn copied_from_file(&self, number: u64, source: Fingerprint) {
        self.sources.lock().expect("no holder of this lock panics").insert(number, (Some(source), None));
    }

    /// Remembers which state of an object was copied, for a step that takes its source.
    pub(super) fn copied_from_object(&self, number: u64, step: &Step, info: &ObjectInfo) {
        if step.takes {
            let tag = info.etag.as_ref().map(Tag::of);
            self.sources.lock().expect("no holder of this lock panics").insert(number, (None, tag));
        }
    }

    /// Returns what a step has copied, once.
    pub(super) fn copied(&self, number: u64) -> Option<Copied> {
        self.sources.lock().expect("no holder of this lock panics").remove(&number)
    }

    /// Returns what is known for cutting an object.
    pub(super) fn conditions(&self) -> Conditions {
        Conditions {
            one_request_max_bytes: 0,
            wished_part_bytes: self.options.part_bytes,
            memory_bytes: self.options.memory_bytes.max(STREAM_BYTES),
            stream_bytes: STREAM_BYTES,
            streams_max: self.options.connections_max.max(1),
            bandwidth_bytes_per_s: None,
            round_trip: None,
        }
    }

    /// Returns the two ends of a step.
    pub(super) fn ends(&self, step: &Step) -> (&End, &End) {
        let (from, to) = &self.routes[step.route as usize];
        (from, to)
    }

    /// Returns the end of a step on a side.
    pub(super) fn side(&self, step: &Step, side: Side) -> &End {
        let (from, to) = self.ends(step);
        if side == Side::Left { from } else { to }
    }
}

/// So much memory a part takes that is under way: what is read, what is sent, and what the kernel holds of either.
pub(super) const STREAM_BYTES: u64 = 1 << 20;

/// One end of a route.
pub(super) enum End {
    /// A folder.
    Local(Folder),
    /// A prefix in a bucket.
    Remote(Remote),
    /// Standard input or output.
    Stdio,
}

impl End {
    pub(super) fn of(site: &Site) -> Self {
        match site {
            Site::Local(path) => Self::Local(Folder { path: path.clone(), target: OnceLock::new() }),
            Site::Remote(remote) => Self::Remote(remote.clone()),
            Site::Stdio => Self::Stdio,
        }
    }
}

/// A folder that is read from, or written below.
pub(super) struct Folder {
    path: PathBuf,
    target: OnceLock<Target>,
}

impl Folder {
    /// Returns its path, as it was named.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns it for writing below. It is made with the first call.
    pub(super) fn target(&self) -> Result<&Target, LocalError> {
        if let Some(target) = self.target.get() {
            return Ok(target);
        }
        let target = Target::open(&self.path)?;
        Ok(self.target.get_or_init(|| target))
    }

    /// Returns it for writing below, if that was ever asked for.
    pub(super) fn opened(&self) -> Option<&Target> {
        self.target.get()
    }
}

/// The journal, or nothing where the work cannot go on later; and what is known of the steps.
pub(super) struct Record<'a> {
    written: Mutex<Written<'a>>,
    /// When the run and when this life began, for a life that goes on.
    life: Option<(Timestamp, Timestamp)>,
}

struct Written<'a> {
    journal: Option<&'a mut Journal>,
    state: &'a mut State,
}

impl<'a> Record<'a> {
    pub(super) fn new(journal: Option<&'a mut Journal>, state: &'a mut State) -> Self {
        Self { written: Mutex::new(Written { journal, state }), life: None }
    }

    /// Says when this life began.
    pub(super) fn alive_since(mut self, now: Timestamp) -> Self {
        let origin = self.written().journal.as_ref().map(|journal| journal.origin().clone());
        // Services tell the time of an upload in whole seconds.
        let second = |ns: i64| Timestamp::from_second(ns.div_euclid(1_000_000_000)).ok();
        let resumed = origin.filter(|origin| origin.resumed);
        self.life = resumed.and_then(|origin| Some((second(origin.created_ns)?, now)));
        self
    }

    /// Returns when the run and when this life began, `None` for a first life.
    pub(super) fn life(&self) -> Option<(Timestamp, Timestamp)> {
        self.life
    }

    /// Returns the uploads that other runs may go on with, `None` where that cannot be told.
    pub(super) fn uploads_elsewhere(&self) -> Option<BTreeSet<String>> {
        let origin = self.written().journal.as_ref()?.origin().clone();
        uploads_elsewhere(&origin)
    }

    /// Tells whether there is a journal: without one, what was begun is taken back where a step fails or the work is stopped.
    pub(super) fn is_kept(&self) -> bool {
        self.written().journal.is_some()
    }

    /// Writes down what happened, after it did.
    pub(super) fn append(&self, event: &Event) -> Result<(), ExecuteError> {
        let Written { journal, state } = &mut *self.written();
        if let Some(journal) = journal {
            journal.append(event)?;
        }
        state.apply(event).expect("the steps are those of the plan");
        Ok(())
    }

    /// Makes safe what was written down: before a first part is sent.
    pub(super) fn sync(&self) -> Result<(), ExecuteError> {
        match &mut self.written().journal {
            Some(journal) => Ok(journal.sync()?),
            None => Ok(()),
        }
    }

    /// Returns what is known of a step.
    pub(super) fn status(&self, step: u64) -> Option<Status> {
        self.written().state.status(step)
    }

    /// Returns what was begun for a step and is not finished.
    pub(super) fn begun(&self, step: u64) -> Option<Begun> {
        self.written().state.begun(step).cloned()
    }

    /// Looks at what is known of the steps.
    pub(super) fn with_state<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(self.written().state)
    }

    /// Returns a number for the unfinished file of a step that is the same in every life of the run, so that what one leaves the next one finds.
    pub(super) fn partial_number(&self, step: u64) -> Option<u64> {
        let written = self.written();
        let name = format!("{}/{step}", written.journal.as_ref()?.origin().run);
        let hash = Checksum::of(Algorithm::Crc64Nvme, name.as_bytes());
        Some(hash.as_bytes().iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    fn written(&self) -> MutexGuard<'_, Written<'a>> {
        self.written.lock().expect("no holder of this lock panics")
    }
}

/// Says that the work ends early, and wakes whoever waits meanwhile.
#[derive(Default)]
pub(super) struct Halt {
    asked: AtomicBool,
    said: tokio::sync::Notify,
}

impl Halt {
    /// Says it.
    pub(super) fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
        self.said.notify_waiters();
    }

    /// Tells whether it was said.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until it is said.
    pub(super) async fn wait(&self) {
        let said = self.said.notified();
        if !self.is_asked() {
            said.await;
        }
    }
}

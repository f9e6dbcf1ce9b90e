//! What every step of one execution shares: the journal behind a lock, places for requests, the bytes that flow, and who listens.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use jiff::{SignedDuration, Timestamp};
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
use crate::site::{Ends, Remote, Site};

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
    /// Returns the ends of all routes. Those of one folder share what is known of it.
    pub(super) fn routes(ends: &[Ends]) -> Vec<(Self, Self)> {
        type Targets = (Arc<OnceLock<Target>>, Option<Arc<OnceLock<Arc<Target>>>>);
        let mut targets: HashMap<PathBuf, Targets> = HashMap::new();
        let keeps = ends.len() <= KEPT_OPEN_MAX;
        let mut of = |site: &Site| match site {
            Site::Local(path) => {
                let new = || (Arc::default(), keeps.then(Arc::default));
                let (target, reading) = targets.entry(path.clone()).or_insert_with(new).clone();
                Self::Local(Folder { path: path.clone(), target, reading })
            }
            Site::Remote(remote) => Self::Remote(remote.clone()),
            Site::Stdio => Self::Stdio,
        };
        ends.iter().map(|ends| (of(&ends.from), of(&ends.to))).collect()
    }
}

/// A folder that is read from, or written below.
pub(super) struct Folder {
    path: PathBuf,
    target: Arc<OnceLock<Target>>,
    /// For reading below, where it is kept open.
    reading: Option<Arc<OnceLock<Arc<Target>>>>,
}

/// With more routes the folders that are read are opened for each file: a process may not have many files open.
const KEPT_OPEN_MAX: usize = 64;

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

    /// Returns it for reading below. It has to be there.
    pub(super) fn reading(&self) -> Result<Arc<Target>, LocalError> {
        let open = || Target::existing(&self.path).map(Arc::new);
        let Some(kept) = &self.reading else { return open() };
        if let Some(kept) = kept.get() {
            return Ok(Arc::clone(kept));
        }
        let opened = open()?;
        Ok(Arc::clone(kept.get_or_init(|| opened)))
    }

    /// Returns it for writing below, if that was ever asked for.
    pub(super) fn opened(&self) -> Option<&Target> {
        self.target.get()
    }
}

/// The journal, or nothing where the work cannot go on later; and what is known of the steps.
pub(super) struct Record<'a> {
    written: Mutex<Written<'a>>,
}

struct Written<'a> {
    journal: Option<&'a mut Journal>,
    state: &'a mut State,
    /// Uploads that this life began and heard of.
    uploads_begun: u64,
}

impl<'a> Record<'a> {
    pub(super) fn new(journal: Option<&'a mut Journal>, state: &'a mut State) -> Self {
        Self { written: Mutex::new(Written { journal, state, uploads_begun: 0 }) }
    }

    /// Returns the second in which the run began, as services tell it of uploads; `None` without a journal.
    pub(super) fn created(&self) -> Option<Timestamp> {
        let created_ns = self.written().journal.as_ref()?.origin().created_ns;
        Timestamp::from_second(created_ns.div_euclid(1_000_000_000)).ok()
    }

    /// Returns when the run began, `None` for a first life.
    pub(super) fn life(&self) -> Option<Timestamp> {
        self.written().journal.as_ref().filter(|journal| journal.origin().resumed)?;
        self.created()
    }

    /// Tells whether what the plan saw may be long ago: a former life was there, or the run is that old.
    pub(super) fn is_late(&self, now: Timestamp, after: SignedDuration) -> bool {
        let written = self.written();
        written.journal.as_ref().is_some_and(|journal| {
            let origin = journal.origin();
            let created = Timestamp::from_nanosecond(i128::from(origin.created_ns));
            origin.resumed || created.is_ok_and(|created| now.duration_since(created) >= after)
        })
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
        let Written { journal, state, uploads_begun } = &mut *self.written();
        *uploads_begun += u64::from(matches!(event, Event::UploadBegun { .. }));
        if let Some(journal) = journal {
            journal.append(event)?;
        }
        state.apply(event).expect("the steps are those of the plan");
        Ok(())
    }

    /// Returns how many uploads this life began and heard of.
    pub(super) fn uploads_begun(&self) -> u64 {
        self.written().uploads_begun
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_to_one_folder_know_of_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let site = |name: &str| Site::Local(folder.path().join(name));
        let ends = ["a", "a", "b"].map(|to| Ends { from: Site::Stdio, to: site(to) });
        let routes = End::routes(&ends);
        let target = |route: usize| match &routes[route].1 {
            End::Local(folder) => folder.target().unwrap(),
            End::Remote(_) | End::Stdio => panic!("it is a folder"),
        };
        assert!(std::ptr::eq(target(0), target(1)));
        assert!(!std::ptr::eq(target(0), target(2)));
    }
}

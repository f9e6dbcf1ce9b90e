//! The runs of a machine: each has a folder of its own, so that a damaged one harms no other.
//!
//! ```text
//! FOLDER/20261127-111440-3f9a1c07/journal   what it will do and what happened
//!                                 lock      held by the process that is at it; its content means nothing
//! ```
//!
//! A run whose lock nobody holds is at rest: it ended, or its process died. The lock is the system's (`flock`), and is gone with the process. No lock
//! is held over all runs; listing them only looks.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pintail_core::retry::Retry;
use pintail_core::seam::{Clock, Random};

use super::event::{Event, Header, Outcome};
use super::read::read_header;
use super::record::{FRAME_BYTES, unframe};
use super::write::sync_folder;
use super::{Begun, Journal, JournalError, Origin, Recorded, State, read};
use crate::codec::Decoder;
use crate::plan::Plan;

const JOURNAL: &str = "journal";
const LOCK: &str = "lock";

/// The name of a run: when it began, to the second, and eight digits of chance.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

impl RunId {
    fn new(now: Timestamp, random: &dyn Random) -> Self {
        let mut bytes = [0; 4];
        random.fill(&mut bytes);
        Self(format!("{}-{:08x}", now.strftime("%Y%m%d-%H%M%S"), u32::from_le_bytes(bytes)))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns when it began, to the second; `None` where the digits are no time.
    pub fn created(&self) -> Option<Timestamp> {
        let time = self.0.rsplit_once('-')?.0;
        let time = DateTime::strptime("%Y%m%d-%H%M%S", time).ok()?;
        TimeZone::UTC.to_timestamp(time).ok()
    }
}

impl FromStr for RunId {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let part = |part: Option<&str>, length: usize, digit: fn(&u8) -> bool| {
            part.is_some_and(|part| part.len() == length && part.as_bytes().iter().all(digit))
        };
        let mut parts = text.split('-');
        let hexadecimal: fn(&u8) -> bool = |digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        let fits = part(parts.next(), 8, u8::is_ascii_digit)
            && part(parts.next(), 6, u8::is_ascii_digit)
            && part(parts.next(), 8, hexadecimal)
            && parts.next().is_none();
        if fits { Ok(Self(text.to_owned())) } else { Err(RegistryError::NotARun(text.to_owned())) }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a run cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A text that is no run's name.
    #[error("{0:?} is not the name of a run")]
    NotARun(String),
    /// No run has this name.
    #[error("there is no run {0}")]
    NoSuchRun(RunId),
    /// Another process is at it.
    #[error("run {0} is at work")]
    Running(RunId),
    /// A folder or file cannot be made, read or removed.
    #[error("{} cannot be used", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its journal cannot be read or written.
    #[error("the journal of run {run} cannot be used")]
    Journal {
        /// The run.
        run: RunId,
        /// Why.
        #[source]
        source: JournalError,
    },
}

impl RegistryError {
    /// Tells whether the same could succeed later.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Running(_) => Retry::Backoff,
            Self::NotARun(_) | Self::NoSuchRun(_) | Self::Io { .. } | Self::Journal { .. } => Retry::Never,
        }
    }
}

/// A run that this process is at.
#[derive(Debug)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// What it is.
    pub header: Header,
    /// What it will do.
    pub plan: Plan,
    /// What became of the plan's steps before this process came.
    pub state: State,
    /// Where it writes what happens.
    pub journal: Journal,
    /// Held as long as the run is.
    _lock: File,
}

/// A run in a list.
#[derive(Debug)]
pub struct Listed {
    /// Its name.
    pub id: RunId,
    /// What it is, as far as its journal can be read.
    pub header: Option<Header>,
    /// How it is.
    pub condition: Condition,
}

/// How a run is.
#[derive(Debug)]
pub enum Condition {
    /// A process is at it.
    Running,
    /// No process is at it, and it did not end: it can go on.
    Stopped,
    /// It ended at a time (nanoseconds since 1970).
    Ended(i64, Outcome),
    /// Nothing was done yet: its process died while the plan was being written.
    NotBegun,
    /// Its journal cannot be read.
    Unreadable(JournalError),
}

/// Which runs are swept away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Runs that ended, but for interrupted ones, this long ago.
    pub ended_before: SignedDuration,
    /// Runs that could go on, and were begun this long ago. What they had begun at the service stays there: cancel them first. `None`
    /// leaves them all.
    pub stopped_before: Option<SignedDuration>,
}

/// The runs in a folder.
#[derive(Clone, Debug)]
pub struct Runs {
    folder: PathBuf,
}

impl Runs {
    /// Names the folder, which is made with the first run.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Begins a run: its plan is safe on the disk when this returns.
    ///
    /// # Errors
    /// When its folder or journal cannot be written.
    pub fn create(
        &self,
        plan: &Plan,
        request: &str,
        tool: &str,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Run, RegistryError> {
        make_private(&self.folder).map_err(io_error(&self.folder))?;
        let now = clock.now();
        let (id, lock) = loop {
            let id = RunId::new(now, random);
            match make_folder(&self.folder.join(id.as_str())) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(io_error(&self.folder)(error)),
            }
            match self.lock(&id) {
                Ok(lock) => break (id, lock),
                // Somebody who sweeps took the empty folder for one that was left behind.
                Err(RegistryError::NoSuchRun(_) | RegistryError::Running(_)) => {}
                Err(error) => return Err(error),
            }
        };
        let header = Header {
            run: id.to_string(),
            tool: tool.to_owned(),
            created_ns: i64::try_from(now.as_nanosecond()).unwrap_or(0),
            request: request.to_owned(),
            routes: plan.routes().to_vec(),
        };
        let state = State::new(
            plan.steps()
                .map(|step| step.map(|(_, step)| step.task.acts()))
                .collect::<Result<Vec<_>, _>>()
                .map_err(JournalError::Plan)
                .map_err(self.journal_error(&id))?,
        );
        let path = self.folder.join(id.as_str()).join(JOURNAL);
        let (journal, plan) = Journal::create(&path, &header, plan).map_err(self.journal_error(&id))?;
        sync_folder(&self.folder.join(id.as_str())).map_err(io_error(&self.folder))?;
        Ok(Run { id, header, plan, state, journal, _lock: lock })
    }

    /// Takes up a run where it was left. That it goes on is in its journal when this returns.
    ///
    /// # Errors
    /// When there is no such run, a process is at it, or its journal cannot be read or written.
    pub fn resume(&self, id: &RunId, tool: &str, clock: &dyn Clock) -> Result<Run, RegistryError> {
        let lock = self.lock(id)?;
        let path = self.folder.join(id.as_str()).join(JOURNAL);
        let error = self.journal_error(id);
        let (mut journal, recorded) = Journal::resume(&path).map_err(&error)?;
        let Recorded { header, plan, mut state, .. } = recorded;
        let at_ns = i64::try_from(clock.now().as_nanosecond()).unwrap_or(0);
        let resumed = Event::Resumed { at_ns, tool: tool.to_owned() };
        journal.append(&resumed).and_then(|()| journal.sync()).map_err(&error)?;
        state.apply(&resumed).map_err(JournalError::Step).map_err(&error)?;
        Ok(Run { id: id.clone(), header, plan, state, journal, _lock: lock })
    }

    /// Reads a run without touching it, also while a process is at it.
    ///
    /// # Errors
    /// When there is no such run or its journal cannot be read.
    pub fn show(&self, id: &RunId) -> Result<Recorded, RegistryError> {
        let path = self.folder.join(id.as_str()).join(JOURNAL);
        if !path.exists() {
            return Err(RegistryError::NoSuchRun(id.clone()));
        }
        read(&path).map_err(self.journal_error(id))
    }

    /// Lists all runs, the oldest first. Reads the head and the end of each journal and nothing between.
    ///
    /// # Errors
    /// When the folder cannot be read. A run that cannot is in the list.
    pub fn list(&self) -> Result<Vec<Listed>, RegistryError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io_error(&self.folder))?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(io_error(&self.folder))?;
            ids.extend(entry.file_name().to_str().and_then(|name| name.parse::<RunId>().ok()));
        }
        ids.sort();
        Ok(ids.into_iter().map(|id| self.look(id)).collect())
    }

    /// Removes a run, and with it every memory of what it had begun.
    ///
    /// # Errors
    /// When there is no such run, a process is at it, or its files cannot be removed.
    pub fn remove(&self, id: &RunId) -> Result<(), RegistryError> {
        let lock = self.lock(id)?;
        let folder = self.folder.join(id.as_str());
        // The journal first: a run without one was never begun.
        for name in [JOURNAL, LOCK] {
            if name == LOCK && cfg!(windows) {
                // An open file cannot be removed there; another process that takes the lock finds no journal.
                let _ = lock.unlock();
            }
            match fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error(&folder)(error));
                }
                _ => {}
            }
        }
        drop(lock);
        fs::remove_dir(&folder).map_err(io_error(&folder))
    }

    /// Removes the runs that nobody needs any more: old ones that ended, those that were never begun, and with the wish for it old ones
    /// that could go on. Returns which.
    ///
    /// # Errors
    /// When the folder cannot be read or a run cannot be removed.
    pub fn sweep(&self, sweep: Sweep, now: Timestamp) -> Result<Vec<RunId>, RegistryError> {
        let old = |ns: i64, age: SignedDuration| {
            Timestamp::from_nanosecond(i128::from(ns)).is_ok_and(|at| now.duration_since(at) >= age)
        };
        let mut removed = Vec::new();
        for Listed { id, header, condition } in self.list()? {
            let named = || id.created().and_then(|at| i64::try_from(at.as_nanosecond()).ok());
            let created_ns = header.map(|header| header.created_ns).or_else(named).unwrap_or(0);
            let goes = match condition {
                Condition::Running => false,
                Condition::NotBegun => true,
                Condition::Ended(at, Outcome::Complete | Outcome::Failed | Outcome::Cancelled) => {
                    old(at, sweep.ended_before)
                }
                Condition::Stopped | Condition::Ended(_, Outcome::Interrupted) | Condition::Unreadable(_) => {
                    sweep.stopped_before.is_some_and(|age| old(created_ns, age))
                }
            };
            if !goes {
                continue;
            }
            match self.remove(&id) {
                Ok(()) => removed.push(id),
                // Somebody else took it or removed it meanwhile.
                Err(RegistryError::Running(_) | RegistryError::NoSuchRun(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }

    fn look(&self, id: RunId) -> Listed {
        let folder = self.folder.join(id.as_str());
        let held = File::open(folder.join(LOCK)).is_ok_and(|lock| {
            // Looking holds the lock for a moment; shared, so that two who look do not see each other.
            matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
        });
        let journal = File::open(folder.join(JOURNAL));
        let header = match journal {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(JournalError::NoPlan),
            Err(source) => Err(JournalError::Io { action: "read", source }),
            Ok(file) => read_header(file),
        };
        let condition = match &header {
            _ if held => Condition::Running,
            Ok(_) => condition(&folder.join(JOURNAL)),
            Err(_) => Condition::NotBegun,
        };
        let (header, condition) = match (header, condition) {
            (Ok(header), condition) => (Some(header), condition),
            (Err(JournalError::NoPlan), condition) => (None, condition),
            (Err(_), Condition::Running) => (None, Condition::Running),
            (Err(error), _) => (None, Condition::Unreadable(error)),
        };
        Listed { id, header, condition }
    }

    fn lock(&self, id: &RunId) -> Result<File, RegistryError> {
        let folder = self.folder.join(id.as_str());
        if !folder.is_dir() {
            return Err(RegistryError::NoSuchRun(id.clone()));
        }
        let path = folder.join(LOCK);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(&path).map_err(io_error(&path))?;
        let mut tries = 0;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                // Whoever lists the runs holds it for a moment.
                Err(TryLockError::WouldBlock) if tries < 100 => std::thread::yield_now(),
                Err(TryLockError::WouldBlock) => return Err(RegistryError::Running(id.clone())),
                Err(TryLockError::Error(error)) => return Err(io_error(&path)(error)),
            }
            tries += 1;
        }
        // A lock on a file that was removed meanwhile is none.
        if path.exists() { Ok(lock) } else { Err(RegistryError::NoSuchRun(id.clone())) }
    }

    fn journal_error(&self, id: &RunId) -> impl Fn(JournalError) -> RegistryError + use<> {
        let run = id.clone();
        move |source| RegistryError::Journal { run: run.clone(), source }
    }
}

/// Returns the uploads that the journals beside one know and may go on with, `None` where there is no telling: a journal of a newer program, or one that
/// cannot be opened now, may have more.
pub(crate) fn uploads_elsewhere(origin: &Origin) -> Option<BTreeSet<String>> {
    let runs = Runs::new(origin.path.parent()?.parent()?);
    let mut uploads = BTreeSet::new();
    for listed in runs.list().ok()? {
        let over = matches!(
            listed.condition,
            Condition::NotBegun | Condition::Ended(_, Outcome::Complete | Outcome::Cancelled)
        );
        if over || listed.id.as_str() == origin.run {
            continue;
        }
        let recorded = match runs.show(&listed.id) {
            Ok(recorded) => recorded,
            Err(
                RegistryError::Io { .. }
                | RegistryError::Journal {
                    source: JournalError::Io { .. } | JournalError::Version(..), ..
                },
            ) => return None,
            // Nobody goes on with what is damaged, and nothing was begun where there is no plan.
            Err(_) => continue,
        };
        uploads.extend(recorded.state.leftovers().filter_map(|(_, begun)| match begun {
            Begun::Upload { upload, .. } => Some(upload.clone()),
            _ => None,
        }));
    }
    Some(uploads)
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> RegistryError + use<> {
    let path = path.to_owned();
    move |source| RegistryError::Io { path: path.clone(), source }
}

/// How a run is that no process is at: by the last record, which is read alone; by all of them where that does not tell.
fn condition(path: &Path) -> Condition {
    match last_outcome(path) {
        Ok(Some((at, outcome))) => Condition::Ended(at, outcome),
        Ok(None) => match read(path) {
            Ok(recorded) => match recorded.state.ended() {
                Some((at, outcome)) => Condition::Ended(at, outcome),
                None => Condition::Stopped,
            },
            Err(JournalError::NoPlan) => Condition::NotBegun,
            Err(error) => Condition::Unreadable(error),
        },
        Err(source) => Condition::Unreadable(JournalError::Io { action: "read", source }),
    }
}

/// Returns how the run ended, if its end is the last record of its journal.
fn last_outcome(path: &Path) -> io::Result<Option<(i64, Outcome)>> {
    /// An end has at most 12 bytes.
    const TAIL_BYTES: u64 = 12 + FRAME_BYTES as u64;
    let file = File::open(path)?;
    let end = file.metadata()?.len();
    let start = end.saturating_sub(TAIL_BYTES);
    let mut tail = vec![0; usize::try_from(end - start).unwrap_or(0)];
    crate::positioned::read_exact_at(&file, &mut tail, start)?;
    for from in 0..tail.len() {
        let Some(body) = unframe(start + from as u64, &tail[from..]) else { continue };
        if from + FRAME_BYTES + body.len() != tail.len() {
            continue;
        }
        let mut decoder = Decoder::new(body);
        let event = decoder.byte("a kind").and_then(|kind| Event::decode(kind, &mut decoder));
        if let Ok(Some(Event::Ended { at_ns, outcome })) = event {
            return Ok(Some((at_ns, outcome)));
        }
    }
    Ok(None)
}

/// Makes a folder for the owner's eyes: a journal names files.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

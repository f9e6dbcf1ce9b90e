//! A lock for processes on one or many machines that share a folder, NFS included.
//!
//! `flock` is not kept across NFS clients by every server, and a lock file that is deleted to take it over can be deleted twice, the
//! second time under its new owner. Here nothing that is fought for is ever deleted: a lock is a folder of numbered files,
//! the highest number is the lock, and taking it is creating the next number, which the file system grants
//! to one process only (`link` to a name that must not exist). The highest file is free when it says that it was
//! released, or when its owner is dead: a process of this machine that is gone, or any whose heartbeat (the file's
//! modification time) stands still. Times are compared only with times the same file system gave, never with a clock of
//! ours: hosts disagree on the time. Lower numbers are rubbish, removed a few generations later.
//!
//! An owner that was stopped for longer than [`LockOptions::stale_after`] and wakes up finds a higher number:
//! [`Lease::still_held`] says so, and is asked before anything is stored. The format is in `docs/formats.md`, "lock file".

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use pintail_core::retry::Retry;
use pintail_core::seam::Random;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use tokio::time::Instant;

use super::owner::{Life, Owner};

const VERSION: u32 = 1;
/// A lock file is a few hundred bytes.
const FILE_MAX_BYTES: u64 = 4096;
/// How many generations stay: a reader of the folder may be this far behind.
const KEPT_GENERATIONS: u64 = 8;
/// Temporary files of processes that died are older than this.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

/// How patiently the lock is sought and how its owner shows that it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockOptions {
    /// How long to wait for the lock in all.
    pub deadline: Duration,
    /// How often the owner shows that it lives.
    pub heartbeat: Duration,
    /// How old the last sign of life is when the owner counts as dead.
    pub stale_after: Duration,
    /// How long that must have been watched: a machine that wakes from sleep gets the time to show that it lives.
    pub watched_for: Duration,
    /// The longest pause between two looks.
    pub poll_max: Duration,
}

impl Default for LockOptions {
    fn default() -> Self {
        Self {
            // A renewal asks issuer and STS for a minute at most; the rest is for slow keychains.
            deadline: Duration::from_secs(90),
            heartbeat: Duration::from_secs(3),
            // Ten heartbeats: NFS clients write times back late.
            stale_after: Duration::from_secs(30),
            watched_for: Duration::from_secs(8),
            poll_max: Duration::from_millis(250),
        }
    }
}

/// The lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The folder cannot be used.
    #[error("could not use the lock {}", path.display())]
    Io {
        /// The folder of the lock.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process held it all the time.
    #[error("process {pid} on {host} holds the lock {}", path.display())]
    TimedOut {
        /// The folder of the lock.
        path: PathBuf,
        /// The owner's process number, 0 if unknown.
        pid: u32,
        /// The owner's machine.
        host: String,
    },
}

impl LockError {
    /// Tells whether it may be had later.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Io { .. } => Retry::Never,
            Self::TimedOut { .. } => Retry::Backoff,
        }
    }
}

/// A lock by its folder.
#[derive(Clone, Debug)]
pub struct LockFolder {
    path: Arc<Path>,
    options: LockOptions,
}

/// What a lock file says.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Claim {
    version: u32,
    nonce: String,
    #[serde(flatten)]
    owner: Owner,
    released: bool,
}

/// The highest file, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sight {
    generation: u64,
    inode: u64,
    modified: Option<SystemTime>,
    owner: Owner,
}

#[derive(Debug)]
enum Attempt {
    Busy(Sight),
    Taken(Grip),
    /// Somebody else was faster: look again at once.
    TooLate,
}

/// What is needed to keep and to release a lock.
#[derive(Debug)]
struct Grip {
    path: Arc<Path>,
    generation: u64,
    nonce: String,
    file: Arc<File>,
}

impl LockFolder {
    /// Names the lock by the folder it lives in. Nothing is made before it is sought.
    pub fn new(path: impl Into<PathBuf>, options: LockOptions) -> Self {
        Self { path: path.into().into(), options }
    }

    /// Waits for the lock.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process held the lock until the deadline.
    pub async fn acquire(&self, random: &dyn Random) -> Result<Lease, LockError> {
        let started = Instant::now();
        let mut watched: Option<(Sight, Instant)> = None;
        let mut pause = Duration::from_millis(10);
        loop {
            let mut nonce = [0; 16];
            random.fill(&mut nonce);
            let nonce: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
            // Only a sight that has stood still long enough is compared with the file system's time.
            let still = watched
                .as_ref()
                .filter(|(_, since)| since.elapsed() >= self.options.watched_for)
                .map(|(sight, _)| sight.clone());
            let (path, stale_after) = (Arc::clone(&self.path), self.options.stale_after);
            let work = move || attempt(&path, &nonce, still.as_ref(), stale_after);
            match tokio::task::spawn_blocking(work).await {
                Ok(Ok(Attempt::Taken(grip))) => return Ok(Lease::hold(grip, self.options.heartbeat)),
                Ok(Ok(Attempt::TooLate)) => {}
                Ok(Ok(Attempt::Busy(sight))) => {
                    if started.elapsed() >= self.options.deadline {
                        let Owner { pid, host, .. } = sight.owner;
                        return Err(LockError::TimedOut { path: self.path.to_path_buf(), pid, host });
                    }
                    if watched.as_ref().is_none_or(|(seen, _)| *seen != sight) {
                        watched = Some((sight, Instant::now()));
                    }
                }
                // The server of a network folder forgets a file that is replaced while it is read.
                Ok(Err(error))
                    if error.raw_os_error() == Some(rustix::io::Errno::STALE.raw_os_error())
                        && started.elapsed() < self.options.deadline => {}
                Ok(Err(source)) => return Err(LockError::Io { path: self.path.to_path_buf(), source }),
                Err(error) => {
                    let source = io::Error::other(error);
                    return Err(LockError::Io { path: self.path.to_path_buf(), source });
                }
            }
            tokio::time::sleep(pause.mul_f64(0.5 + random.fraction())).await;
            pause = (pause * 2).min(self.options.poll_max);
        }
    }
}

/// A lock that is held. Dropping it releases it.
#[derive(Debug)]
pub struct Lease {
    grip: Option<Grip>,
    heartbeat: tokio::task::JoinHandle<()>,
}

impl Lease {
    fn hold(grip: Grip, every: Duration) -> Self {
        let file = Arc::clone(&grip.file);
        let heartbeat = tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let file = Arc::clone(&file);
                let touched = tokio::task::spawn_blocking(move || touch(&file)).await;
                if !matches!(touched, Ok(Ok(()))) {
                    tracing::warn!(
                        "the lock file could not be touched; another process may take the lock over"
                    );
                }
            }
        });
        Self { grip: Some(grip), heartbeat }
    }

    /// Returns the number of this holding: every later one has a higher number.
    pub fn generation(&self) -> u64 {
        self.grip.as_ref().map_or(0, |grip| grip.generation)
    }

    /// Tells whether nobody took the lock over. Ask before storing what the lock protects.
    pub async fn still_held(&self) -> bool {
        let Some(grip) = &self.grip else { return false };
        let (path, generation) = (Arc::clone(&grip.path), grip.generation);
        let highest = tokio::task::spawn_blocking(move || highest(&path)).await;
        matches!(highest, Ok(Ok(Some(highest))) if highest == generation)
    }

    /// Gives the lock back, without blocking the runtime's thread.
    pub async fn release(mut self) {
        if let Some(grip) = self.grip.take() {
            let released = tokio::task::spawn_blocking(move || grip.release()).await;
            if !matches!(released, Ok(Ok(()))) {
                tracing::warn!("the lock could not be released; it will be taken over");
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.heartbeat.abort();
        // A cancelled renewal comes here; the next process need not wait for this one to die.
        if let Some(grip) = self.grip.take() {
            let _ = grip.release();
        }
    }
}

impl Grip {
    fn release(&self) -> io::Result<()> {
        if highest(&self.path)? != Some(self.generation) {
            return Ok(());
        }
        // Replaces our own number only. Whoever took the lock over meanwhile has a higher one.
        let temporary = write_claim(&self.path, &self.nonce, true)?;
        fs::rename(&temporary, self.path.join(file_name(self.generation)))
    }
}

/// Looks at the lock once and takes it if it is free.
fn attempt(
    path: &Arc<Path>,
    nonce: &str,
    still: Option<&Sight>,
    stale_after: Duration,
) -> io::Result<Attempt> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let here = Owner::this_process();
    let generation = match highest(path)? {
        None => 1,
        Some(generation) => {
            let Some((claim, sight)) = look(path, generation)? else { return Ok(Attempt::TooLate) };
            let life = claim.owner.life(&here);
            let free = claim.released
                || life == Life::Dead
                || (still == Some(&sight) && age(path, nonce, &sight)? > stale_after);
            if !free {
                return Ok(Attempt::Busy(sight));
            }
            generation + 1
        }
    };
    take(path, nonce, generation)
}

/// Takes the lock under a number that was free when the folder was looked at.
fn take(path: &Arc<Path>, nonce: &str, generation: u64) -> io::Result<Attempt> {
    let name = path.join(file_name(generation));
    if !create(path, nonce, &name)? {
        return Ok(Attempt::TooLate);
    }
    if highest(path)? != Some(generation) {
        // The view of the folder was old: this number had been used and removed before.
        fs::remove_file(&name)?;
        return Ok(Attempt::TooLate);
    }
    let file = Arc::new(File::options().read(true).write(true).open(&name)?);
    sweep(path, generation, &file);
    Ok(Attempt::Taken(Grip { path: Arc::clone(path), generation, nonce: nonce.to_owned(), file }))
}

/// Creates the lock file with its content, and tells whether it was us.
fn create(path: &Path, nonce: &str, name: &Path) -> io::Result<bool> {
    let temporary = match write_claim(path, nonce, false) {
        Ok(temporary) => temporary,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    };
    let linked = fs::hard_link(&temporary, name);
    // A network server may have carried the link out and its answer been lost: then the file has two names.
    let ours = linked.is_ok() || fs::metadata(&temporary).is_ok_and(|metadata| metadata.nlink() == 2);
    let _ = fs::remove_file(&temporary);
    match linked {
        _ if ours => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // File systems without links (FAT, some FUSE ones): exclusive creation is all there is.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) =>
        {
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(name) {
                Ok(mut file) => file.write_all(&claim_text(nonce, false)).map(|()| true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
        Ok(()) => Ok(true),
    }
}

fn claim_text(nonce: &str, released: bool) -> Vec<u8> {
    let claim = Claim { version: VERSION, nonce: nonce.to_owned(), owner: Owner::this_process(), released };
    serde_json::to_vec(&claim).expect("a claim is texts and numbers")
}

fn write_claim(path: &Path, nonce: &str, released: bool) -> io::Result<PathBuf> {
    /// Tells apart the temporary files of one process, whatever its randomness is worth.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.join(format!(".{nonce}.{}.{number}.new", std::process::id()));
    // Exclusive: the count of its names tells whether *we* have the lock, so nobody else may ever write to it.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(&claim_text(nonce, released))?;
    Ok(temporary)
}

/// Reads the lock file of a generation. One that cannot be understood has an unknown owner, and its heartbeat counts.
fn look(path: &Path, generation: u64) -> io::Result<Option<(Claim, Sight)>> {
    use std::io::Read;
    let file = match File::open(path.join(file_name(generation))) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    let mut text = Vec::new();
    file.take(FILE_MAX_BYTES).read_to_end(&mut text)?;
    let claim: Claim = serde_json::from_slice(&text).unwrap_or_default();
    let sight = Sight {
        generation,
        inode: metadata.ino(),
        modified: metadata.modified().ok(),
        owner: claim.owner.clone(),
    };
    Ok(Some((claim, sight)))
}

/// Returns how old the last sign of life is, by the time the file system gives to a file written now.
fn age(path: &Path, nonce: &str, sight: &Sight) -> io::Result<Duration> {
    let probe = write_claim(path, nonce, false)?;
    let now = fs::metadata(&probe).and_then(|metadata| metadata.modified());
    let _ = fs::remove_file(&probe);
    let modified = sight.modified.ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
    Ok(now?.duration_since(modified).unwrap_or(Duration::ZERO))
}

/// Shows that the owner lives. The file system's own time is set, not this host's.
fn touch(file: &File) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    Ok(futimens(file, &Timestamps { last_access: now, last_modification: now })?)
}

fn highest(path: &Path) -> io::Result<Option<u64>> {
    let mut highest = None;
    for entry in fs::read_dir(path)? {
        highest = highest.max(generation_of(&entry?.file_name().to_string_lossy()));
    }
    Ok(highest)
}

/// Removes what nobody looks at any more. What cannot be removed stays.
fn sweep(path: &Path, generation: u64, file: &File) {
    let now = file.metadata().and_then(|metadata| metadata.modified());
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let old = match generation_of(&name) {
            Some(other) => other + KEPT_GENERATIONS < generation,
            None => {
                let modified = entry.metadata().and_then(|metadata| metadata.modified());
                let age = now
                    .as_ref()
                    .ok()
                    .zip(modified.ok())
                    .and_then(|(now, then)| now.duration_since(then).ok());
                name.ends_with(".new") && age.is_some_and(|age| age > LEFTOVER_AGE)
            }
        };
        if old {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn file_name(generation: u64) -> String {
    format!("{generation:020}")
}

fn generation_of(name: &str) -> Option<u64> {
    (name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit())).then(|| name.parse().ok())?
}

#[cfg(test)]
mod tests;

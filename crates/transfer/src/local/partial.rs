//! A file on its way to its place: written beside it, in any order and by several hands, proved, made safe, then renamed.
//!
//! It is removed again unless it is published or kept for another run. Its name is one that no key makes and no walk sees
//! ([`unfinished`]); the journal has it, and with it a later run goes on.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::fs::{Dir, Metadata};
use pintail_core::checksum::{Algorithm, Checksum, Hasher};
use pintail_core::retry::Retry;
use pintail_core::seam::Random;

use super::LocalError;
use super::target::{Access, Missing, Target, TargetError, open_file, rename_to_free, set_mode, set_time};
use crate::entry::Modified;
use crate::name::rule::{is_unfinished, unfinished};
use crate::policy::Guard;
use crate::positioned::{read_exact_at, write_all_at};

/// Read at once when a file is proved.
const PIECE_BYTES: u64 = 256 << 10;

/// Why a file cannot be written or put in its place.
#[derive(Debug, thiserror::Error)]
pub enum PartialError {
    /// The way to its place is barred, or its place is taken.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The system refused.
    #[error(transparent)]
    Local(#[from] LocalError),
}

impl PartialError {
    /// Tells whether the same could succeed later: never without somebody's doing.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// How a file was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It was created, with nothing in it.
    New,
    /// It was there from a former run.
    Resumed,
}

/// A piece of a file whose checksum is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub length_bytes: u64,
    /// Its checksum.
    pub checksum: Checksum,
}

/// What is made safe before a file counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Its content and its name: it is there after a power cut.
    #[default]
    Full,
    /// Its content: after a power cut it is there whole, or not at all.
    Content,
    /// Nothing: fastest, and up to the system.
    None,
}

/// How a file is put in its place.
#[derive(Clone, Debug, Default)]
pub struct Publish {
    /// Its time.
    pub modified: Option<Modified>,
    /// Its permissions on Unix, without set-user-ID and the like; those of the file that it replaces without.
    pub mode: Option<u32>,
    /// What is made safe.
    pub sync: SyncPolicy,
}

/// A file on its way to its place.
#[derive(Debug)]
pub struct Partial {
    folder: Arc<Dir>,
    shown: PathBuf,
    name: OsString,
    temporary: String,
    file: Arc<File>,
    creation: Creation,
    /// The permissions of the file that was at its place when it was begun.
    replaced: Option<u32>,
    /// It stays when this is dropped.
    stays: AtomicBool,
}

impl Partial {
    /// Creates the file in the folder of its place, which is made if it is not there.
    ///
    /// # Errors
    /// When the way is barred, or something else than a file or a link is at its place.
    pub fn create(target: &Target, path: &Path, random: &dyn Random) -> Result<Self, PartialError> {
        Self::begin(target, path, &Guard::None, None, random)
    }

    /// The same, for whoever knows what is at its place, and under a number of his own. A file of that number that a former life left is written anew.
    ///
    /// # Errors
    /// As [`create`](Self::create); where nothing should be at the place, what is there is found when the file is put there.
    pub fn begin(
        target: &Target,
        path: &Path,
        guard: &Guard,
        number: Option<u64>,
        random: &dyn Random,
    ) -> Result<Self, PartialError> {
        match Self::begin_below(target, path, guard, number, random) {
            Err(PartialError::Local(error)) if error.source.kind() == io::ErrorKind::NotFound => {
                // The folder was removed since it was walked to.
                target.walk_anew();
                Self::begin_below(target, path, guard, number, random)
            }
            begun => begun,
        }
    }

    fn begin_below(
        target: &Target,
        path: &Path,
        guard: &Guard,
        number: Option<u64>,
        random: &dyn Random,
    ) -> Result<Self, PartialError> {
        let (folder, name) = target.place(path)?;
        let there = if *guard == Guard::Absent { None } else { Some(folder.symlink_metadata(&name)) };
        let replaced = match there {
            Some(Ok(there)) if there.is_file() => Some(mode_of(&there)),
            Some(Ok(there)) if !there.is_symlink() => {
                return Err(TargetError::NotAFile(target.path().join(path)).into());
            }
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                return Err(target.local("look at", path, error).into());
            }
            _ => None,
        };
        let (temporary, file) = loop {
            let temporary = unfinished(number.unwrap_or_else(|| {
                let mut number = [0; 8];
                random.fill(&mut number);
                u64::from_le_bytes(number)
            }));
            let created = match create_new(&folder, &temporary, replaced.is_some()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number.is_some() => {
                    empty(&folder, &temporary)
                }
                created => created,
            };
            match created {
                Ok(file) => break (temporary, file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number.is_none() => {}
                Err(error) => return Err(target.local("write beside", path, error).into()),
            }
        };
        let shown = target.path().join(path);
        Ok(Self {
            folder,
            shown,
            name,
            temporary,
            file: Arc::new(file),
            creation: Creation::New,
            replaced: replaced.flatten(),
            stays: AtomicBool::new(false),
        })
    }

    /// Opens the file of a former run. `None` when it is not there any more, or is not what it was: then one begins anew, and leaves
    /// alone what is there.
    ///
    /// # Errors
    /// When the way is barred, or the system refuses.
    pub fn resume(
        target: &Target,
        path: &Path,
        temporary: &str,
        size_bytes: u64,
    ) -> Result<Option<Self>, PartialError> {
        if !is_unfinished(temporary) {
            return Err(TargetError::NotBelow(PathBuf::from(temporary)).into());
        }
        let (folder, name) = match target.parent(path, Missing::Fail) {
            Err(TargetError::Local(error)) if error.source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            found => found?,
        };
        let file = match open_file(&folder, OsStr::new(temporary), Access::ReadAndWrite) {
            Ok(file) => file,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput => {
                        Ok(None)
                    }
                    _ => Err(target.local("write beside", path, error).into()),
                };
            }
        };
        let metadata = file.metadata().map_err(|error| target.local("look at", path, error))?;
        if !metadata.is_file() || metadata.len() != size_bytes {
            return Ok(None);
        }
        let folder = Arc::new(folder);
        target.writes_to(&folder);
        Ok(Some(Self {
            replaced: None,
            folder,
            shown: target.path().join(path),
            name,
            temporary: temporary.to_owned(),
            file: Arc::new(file),
            creation: Creation::Resumed,
            stays: AtomicBool::new(false),
        }))
    }

    /// Returns the name it has until it is published, for the journal.
    pub fn temporary_name(&self) -> &str {
        &self.temporary
    }

    /// Returns how it was come by.
    pub fn creation(&self) -> Creation {
        self.creation
    }

    /// Writes bytes to their place. Several may write at once.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), LocalError> {
        write_all_at(&self.file, bytes, offset).map_err(|error| self.local("write", error))
    }

    /// Returns what other threads write to the file with.
    pub fn writer(&self) -> PartialWriter {
        PartialWriter { file: Arc::clone(&self.file), shown: self.shown.clone() }
    }

    /// Reads the whole file for its checksum.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn checksum(&self, algorithm: Algorithm) -> Result<Checksum, LocalError> {
        let length = self.file.metadata().map_err(|error| self.local("look at", error))?.len();
        self.checksum_of(0, length, algorithm)
    }

    /// Reads pieces back and returns those that are what they should be: a former run's, before it is relied on them.
    ///
    /// # Errors
    /// When the file cannot be read. One that ends before a piece does is no error.
    pub fn verify(&self, segments: impl IntoIterator<Item = Segment>) -> Result<Vec<Segment>, LocalError> {
        let mut right = Vec::new();
        for segment in segments {
            match self.checksum_of(segment.offset, segment.length_bytes, segment.checksum.algorithm()) {
                Ok(checksum) if checksum == segment.checksum => right.push(segment),
                Ok(_) => {}
                Err(error) if error.source.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(error),
            }
        }
        Ok(right)
    }

    /// Leaves the file for another run.
    pub fn keep(self) {
        self.stays.store(true, Ordering::Relaxed);
    }

    /// Leaves the file for another run from now on, whatever becomes of this.
    pub fn stay(&self) {
        self.stays.store(true, Ordering::Relaxed);
    }

    /// Removes the file, also one that was to stay.
    pub fn discard(self) {
        self.stays.store(false, Ordering::Relaxed);
    }

    /// Puts the file in its place, if what is there still is what the guard says. That nothing is there is asked by the same call that gives the name; that a
    /// file is unchanged is asked a moment before, since no system has a call for both.
    ///
    /// # Errors
    /// [`TargetError::Taken`] and [`TargetError::Changed`] when it is not; then nothing has changed, and the file is removed unless it is kept.
    pub fn publish(
        &self,
        target: &Target,
        path: &Path,
        guard: &Guard,
        publish: &Publish,
    ) -> Result<(), PartialError> {
        let error = |error| self.local("put in place", error);
        let replaces = *guard != Guard::Absent;
        let mut there = if replaces { target.check(&self.folder, &self.name, path, guard)? } else { None };
        // What a run has gone on with, or another may go on with, has taken its time.
        let took_long = self.creation == Creation::Resumed || self.stays.load(Ordering::Relaxed);
        if replaces && there.is_none() && took_long {
            there = self.folder.symlink_metadata(&self.name).ok();
        }
        let replaced = there.filter(Metadata::is_file).and_then(|there| mode_of(&there));
        let mode = publish.mode.or_else(|| replaced.or_else(|| self.replaced.filter(|_| replaces)));
        set_mode(&self.file, mode).map_err(error)?;
        if let Some(modified) = publish.modified {
            // A file system that keeps no times is no reason to fail.
            let _ = set_time(&self.file, modified);
        }
        if publish.sync != SyncPolicy::None {
            self.file.sync_all().map_err(error)?;
        }
        let claim = target.claim(&self.folder, path, &self.temporary)?;
        let temporary = OsStr::new(&self.temporary);
        if *guard == Guard::Absent {
            match rename_to_free(&self.folder, temporary, &self.folder, &self.name) {
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(TargetError::Taken(self.shown.clone()).into());
                }
                renamed => renamed.map_err(error)?,
            }
        } else {
            self.folder.rename(temporary, &self.folder, &self.name).map_err(error)?;
        }
        claim.keep();
        self.stays.store(true, Ordering::Relaxed);
        if publish.sync == SyncPolicy::Full {
            sync_folder(&self.folder).map_err(error)?;
        }
        Ok(())
    }

    fn checksum_of(
        &self,
        offset: u64,
        length_bytes: u64,
        algorithm: Algorithm,
    ) -> Result<Checksum, LocalError> {
        let mut hasher = Hasher::new(algorithm);
        let mut piece = vec![0; usize::try_from(length_bytes.min(PIECE_BYTES)).unwrap_or(0)];
        let (mut at, mut left) = (offset, length_bytes);
        while left > 0 {
            let piece = &mut piece[..usize::try_from(left.min(PIECE_BYTES)).unwrap_or(0)];
            read_exact_at(&self.file, piece, at).map_err(|error| self.local("read back", error))?;
            hasher.update(piece);
            at += piece.len() as u64;
            left -= piece.len() as u64;
        }
        Ok(hasher.finish())
    }

    fn local(&self, action: &'static str, source: io::Error) -> LocalError {
        LocalError::new(action, &self.shown, source)
    }
}

/// The file of a [`Partial`], for other threads.
#[derive(Clone, Debug)]
pub struct PartialWriter {
    file: Arc<File>,
    shown: PathBuf,
}

impl PartialWriter {
    /// Takes the space at once and gives the file its length: a full disk is known before the first byte, and the file is not scattered. A file system in
    /// memory is asked only whether there is space: nothing is scattered there, and to take a page and to fill it later costs as much as to copy it twice
    /// (a third of the time of a download of 4 GiB).
    ///
    /// # Errors
    /// When there is no space.
    pub fn reserve(&self, size_bytes: u64) -> Result<(), LocalError> {
        reserve(&self.file, size_bytes).map_err(|error| self.local("reserve space for", error))
    }

    /// Writes bytes to their place.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), LocalError> {
        write_all_at(&self.file, bytes, offset).map_err(|error| self.local("write", error))
    }

    /// Makes what was written safe.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sync(&self) -> Result<(), LocalError> {
        self.file.sync_data().map_err(|error| self.local("make safe", error))
    }

    fn local(&self, action: &'static str, source: io::Error) -> LocalError {
        LocalError::new(action, &self.shown, source)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.stays.load(Ordering::Relaxed) {
            let _ = self.folder.remove_file(&self.temporary);
        }
    }
}

#[cfg(unix)]
fn mode_of(metadata: &Metadata) -> Option<u32> {
    use cap_std::fs::PermissionsExt;
    Some(metadata.permissions().mode())
}

#[cfg(not(unix))]
fn mode_of(_metadata: &Metadata) -> Option<u32> {
    None
}

/// Creates a file that must not be there. One that replaces another is not wider than that, not even for the time of the copy.
#[cfg(unix)]
fn create_new(folder: &Dir, name: &str, replaces: bool) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, openat};
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(if replaces { 0o600 } else { 0o666 });
    Ok(File::from(openat(folder, name, flags, mode)?))
}

#[cfg(not(unix))]
fn create_new(folder: &Dir, name: &str, _replaces: bool) -> io::Result<File> {
    let mut options = cap_std::fs::OpenOptions::new();
    options.read(true).write(true).create_new(true);
    Ok(folder.open_with(name, &options)?.into_std())
}

/// Opens a file that was left, to write it anew.
fn empty(folder: &Dir, name: &str) -> io::Result<File> {
    let file = open_file(folder, OsStr::new(name), Access::ReadAndWrite)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    file.set_len(0)?;
    Ok(file)
}

#[cfg(target_os = "linux")]
fn reserve(file: &File, size_bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    if size_bytes == 0 {
        return file.set_len(0);
    }
    if let Some(free_bytes) = free_in_memory(file)? {
        if free_bytes < size_bytes {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        return file.set_len(size_bytes);
    }
    match fallocate(file, FallocateFlags::empty(), 0, size_bytes) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(size_bytes),
        reserved => Ok(reserved?),
    }
}

/// Returns the space that is left where files are kept in memory (tmpfs), `None` elsewhere. One without a limit has as much as there can be.
#[cfg(target_os = "linux")]
fn free_in_memory(file: &File) -> io::Result<Option<u64>> {
    // TMPFS_MAGIC of linux/magic.h
    const TMPFS: u64 = 0x0102_1994;
    let system = rustix::fs::fstatfs(file)?;
    if u64::try_from(system.f_type).ok() != Some(TMPFS) {
        return Ok(None);
    }
    let block_bytes = u64::try_from(system.f_bsize).unwrap_or(0);
    let is_limited = system.f_blocks > 0;
    Ok(Some(if is_limited { system.f_bavail.saturating_mul(block_bytes) } else { u64::MAX }))
}

#[cfg(not(target_os = "linux"))]
fn reserve(file: &File, size_bytes: u64) -> io::Result<()> {
    file.set_len(size_bytes)
}

/// Makes the names in a folder safe.
#[cfg(unix)]
fn sync_folder(folder: &Dir) -> io::Result<()> {
    use rustix::fs::{Mode, OFlags, openat};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    File::from(openat(folder, ".", flags, Mode::empty())?).sync_all()
}

/// Elsewhere the system makes names safe itself.
#[cfg(not(unix))]
fn sync_folder(_folder: &Dir) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use pintail_core::seam::SeededRandom;
    use proptest::prelude::*;

    use super::*;
    use crate::entry::Meaning;

    fn target() -> (tempfile::TempDir, Target) {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::open(folder.path()).unwrap();
        (folder, target)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let (folder, target) = target();
        let path = Path::new("a/b/file");
        let random = SeededRandom::new(1);
        let partial = Partial::create(&target, path, &random).unwrap();
        partial.writer().reserve(10).unwrap();
        partial.write_at(b"world", 5).unwrap();
        partial.write_at(b"hello", 0).unwrap();
        assert!(!folder.path().join(path).exists());
        assert_eq!(
            partial.checksum(Algorithm::Crc32c).unwrap(),
            Checksum::of(Algorithm::Crc32c, b"helloworld")
        );
        let modified = Modified::from_ns(1_600_000_000_000_000_000, Meaning::Written);
        let publish = Publish { modified: Some(modified), mode: Some(0o640), ..Publish::default() };
        partial.publish(&target, path, &Guard::Absent, &publish).unwrap();
        drop(partial);
        assert_eq!(names(&folder.path().join("a/b")), ["file"]);
        assert_eq!(fs::read(folder.path().join(path)).unwrap(), b"helloworld");
        let metadata = fs::metadata(folder.path().join(path)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
        let (_, seen) = target.look(path).unwrap().unwrap();
        assert_eq!(seen.ns(), modified.ns());
        // One that is dropped leaves nothing.
        drop(Partial::create(&target, Path::new("a/other"), &random).unwrap());
        assert_eq!(names(&folder.path().join("a")), ["b"]);
    }

    #[test]
    fn nobodys_file_is_lost_unseen() {
        let (folder, target) = target();
        let path = Path::new("file");
        let full = folder.path().join("file");
        let random = SeededRandom::new(2);
        let create = || {
            let partial = Partial::create(&target, path, &random).unwrap();
            partial.write_at(b"new", 0).unwrap();
            partial
        };
        let partial = create();
        fs::write(&full, "theirs").unwrap();
        let taken = partial.publish(&target, path, &Guard::Absent, &Publish::default());
        assert!(matches!(taken, Err(PartialError::Target(TargetError::Taken(_)))));
        drop(partial);
        assert_eq!(fs::read_to_string(&full).unwrap(), "theirs");

        let (size_bytes, modified) = target.look(path).unwrap().unwrap();
        let seen = Guard::Unchanged { size_bytes, modified };
        fs::set_permissions(&full, fs::Permissions::from_mode(0o604)).unwrap();
        let partial = create();
        fs::write(&full, "changed").unwrap();
        let changed = partial.publish(&target, path, &seen, &Publish::default());
        assert!(matches!(changed, Err(PartialError::Target(TargetError::Changed(_)))));
        let (size_bytes, modified) = target.look(path).unwrap().unwrap();
        let seen = Guard::Unchanged { size_bytes, modified };
        let publish = Publish { sync: SyncPolicy::None, ..Publish::default() };
        partial.publish(&target, path, &seen, &publish).unwrap();
        assert_eq!(fs::read_to_string(&full).unwrap(), "new");
        // The permissions of the one before.
        assert_eq!(fs::metadata(&full).unwrap().permissions().mode() & 0o777, 0o604);
        drop(partial);
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn permissions_that_changed_while_a_file_came_are_kept_as_well() {
        let (folder, target) = target();
        let full = folder.path().join("file");
        let random = SeededRandom::new(2);
        let mode = || fs::metadata(&full).unwrap().permissions().mode() & 0o777;
        let publish = Publish { sync: SyncPolicy::None, ..Publish::default() };
        fs::write(&full, "old").unwrap();
        // It is looked at whether it is unchanged; or the file comes for long, and another run may go on with it.
        for (guarded, stays, from, to) in [(true, false, 0o644, 0o600), (false, true, 0o604, 0o640)] {
            fs::set_permissions(&full, fs::Permissions::from_mode(from)).unwrap();
            let (size_bytes, modified) = target.look(Path::new("file")).unwrap().unwrap();
            let guard = if guarded { Guard::Unchanged { size_bytes, modified } } else { Guard::None };
            let partial = Partial::begin(&target, Path::new("file"), &guard, None, &random).unwrap();
            if stays {
                partial.stay();
            }
            fs::set_permissions(&full, fs::Permissions::from_mode(to)).unwrap();
            partial.publish(&target, Path::new("file"), &guard, &publish).unwrap();
            assert_eq!(mode(), to, "{guard:?}");
        }
        let left = Partial::create(&target, Path::new("file"), &random).unwrap();
        let (name, size_bytes) = (left.temporary_name().to_owned(), 0);
        left.keep();
        let resumed = Partial::resume(&target, Path::new("file"), &name, size_bytes).unwrap().unwrap();
        resumed.publish(&target, Path::new("file"), &Guard::None, &publish).unwrap();
        assert_eq!(mode(), 0o640);
    }

    #[test]
    fn links_are_replaced_and_never_followed_and_folders_stay() {
        let (folder, target) = target();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("file"), "theirs").unwrap();
        symlink(outside.path().join("file"), folder.path().join("link")).unwrap();
        symlink(outside.path(), folder.path().join("folder link")).unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        let random = SeededRandom::new(3);
        let partial = Partial::create(&target, Path::new("link"), &random).unwrap();
        partial.write_at(b"new", 0).unwrap();
        partial.publish(&target, Path::new("link"), &Guard::None, &Publish::default()).unwrap();
        assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), "theirs");
        assert!(fs::symlink_metadata(folder.path().join("link")).unwrap().is_file());
        for path in ["folder", "folder link/x", "link/x"] {
            assert!(
                matches!(Partial::create(&target, Path::new(path), &random), Err(PartialError::Target(_))),
                "{path}"
            );
        }
        assert_eq!(names(outside.path()), ["file"]);
    }

    #[test]
    fn a_former_runs_file_is_taken_up_with_what_is_right_of_it() {
        let (folder, target) = target();
        let path = Path::new("sub/file");
        let partial = Partial::create(&target, path, &SeededRandom::new(4)).unwrap();
        let name = partial.temporary_name().to_owned();
        partial.writer().reserve(30).unwrap();
        partial.write_at(b"0123456789", 0).unwrap();
        partial.write_at(b"abcdefghij", 20).unwrap();
        partial.writer().sync().unwrap();
        partial.keep();
        let segment = |offset, data: &[u8]| Segment {
            offset,
            length_bytes: data.len() as u64,
            checksum: Checksum::of(Algorithm::Crc64Nvme, data),
        };
        let (first, wrong, last) =
            (segment(0, b"0123456789"), segment(10, b"never came"), segment(20, b"abcdefghij"));
        let beyond = segment(25, b"fghijk");
        assert!(Partial::resume(&target, path, &name, 31).unwrap().is_none(), "another size");
        let resumed = Partial::resume(&target, path, &name, 30).unwrap().unwrap();
        assert_eq!(resumed.creation(), Creation::Resumed);
        assert_eq!(resumed.verify([first, wrong, last, beyond]).unwrap(), [first, last]);
        resumed.write_at(b"now it did", 10).unwrap();
        resumed.publish(&target, path, &Guard::Absent, &Publish::default()).unwrap();
        assert_eq!(fs::read(folder.path().join(path)).unwrap(), b"0123456789now it didabcdefghij");
        assert!(Partial::resume(&target, path, &name, 30).unwrap().is_none());
        assert!(Partial::resume(&target, Path::new("no/where"), &name, 30).unwrap().is_none());
        assert!(Partial::resume(&target, path, "file", 30).is_err(), "it is none of ours");
        // A link with the name is not what it was.
        symlink("file", folder.path().join("sub").join(&name)).unwrap();
        assert!(Partial::resume(&target, path, &name, 30).unwrap().is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn pieces_in_any_order_make_the_file(content in prop::collection::vec(any::<u8>(), 1..600), piece in 1..100_usize, seed: u64) {
            let (folder, target) = target();
            let path = Path::new("file");
            let partial = Partial::create(&target, path, &SeededRandom::new(seed)).unwrap();
            partial.writer().reserve(content.len() as u64).unwrap();
            let mut pieces: Vec<(usize, &[u8])> = content.chunks(piece).enumerate().collect();
            pieces.sort_by_key(|(index, _)| (*index as u64 ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            for (index, bytes) in pieces {
                partial.write_at(bytes, (index * piece) as u64).unwrap();
            }
            partial.publish(&target, path, &Guard::Absent, &Publish { sync: SyncPolicy::None, ..Publish::default() }).unwrap();
            prop_assert_eq!(fs::read(folder.path().join(path)).unwrap(), content);
        }
    }
}

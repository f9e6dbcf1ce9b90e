//! A folder that is written below, and never beside.
//!
//! Every path is walked from the folder's own handle, one name after another, and no symbolic link below it is followed: two names would meet in one
//! file, or a link that somebody planted would lead out. What a path may be made of is decided before ([`Name::path`](crate::name::Name::path)); here the
//! file system is held to it a second time.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};
use pintail_core::retry::Retry;

use super::LocalError;
use crate::entry::{Meaning, Modified};
use crate::fingerprint::{Fingerprint, ns_of};
use crate::name::rule::is_unfinished;
use crate::name::{exact_path, folded_path};
use crate::policy::Guard;

/// Why something below a folder cannot be made, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The system refused.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The path is absolute, leads upwards, or is empty.
    #[error("{} does not lie below the folder", .0.display())]
    NotBelow(PathBuf),
    /// A link or a file stands where a folder is needed.
    #[error("something else than a folder is in the way of {}", .0.display())]
    InTheWay(PathBuf),
    /// A folder, or something stranger, stands where a file is to be.
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    /// Something has the name that was to be free.
    #[error("{} exists", .0.display())]
    Taken(PathBuf),
    /// What is there is not what was looked at.
    #[error("{} changed since it was looked at", .0.display())]
    Changed(PathBuf),
    /// The file system takes the name for that of another file which was put there before.
    #[error("the file system takes {} for another file that was just put there", .0.display())]
    Twin(PathBuf),
}

impl TargetError {
    /// Tells whether the same could succeed later: never without somebody's doing.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// A folder that is written below.
#[derive(Debug)]
pub struct Target {
    pub(super) root: Dir,
    path: PathBuf,
    /// Folders that were walked to a moment ago: files come folder by folder.
    walked: Mutex<Vec<Walked>>,
    /// What was put in folders that take names in other letter case for the same: what all those names have in common, and a number for the one it was.
    claimed: Mutex<HashMap<u64, u64>>,
    /// The file systems that files are written to, by a folder on each.
    disks: Mutex<Vec<(u64, Arc<Dir>)>>,
}

/// A folder that was walked to.
#[derive(Debug)]
struct Walked {
    path: PathBuf,
    folder: Arc<Dir>,
    at: Instant,
    /// Whether names in it are one that differ in letter case alone, once that was asked.
    folds: Option<bool>,
}

impl Walked {
    /// Tells whether it is the folder of a path: by its bytes, since all are written in the same way, and one that is not found is walked to.
    fn leads_to(&self, path: &Path) -> bool {
        self.path.as_os_str() == path.as_os_str()
    }
}

/// The place of a file that is about to be put there.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    claimed: &'a Mutex<HashMap<u64, u64>>,
    /// What is taken back when the file is not put there.
    taken: Option<u64>,
}

impl Claim<'_> {
    /// Says that the file is there.
    pub(super) fn keep(mut self) {
        self.taken = None;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(taken) = self.taken {
            self.claimed.lock().expect("no holder of this lock panics").remove(&taken);
        }
    }
}

/// So many files of folders that fold are remembered, some 24 MB; the plan has looked at more.
const CLAIMED_MAX: usize = 1 << 20;

/// So many folders are remembered.
const WALKED_MAX: usize = 16;

/// For so long: a folder that is moved or replaced meanwhile still takes files where it is, and no link is followed for it.
const WALKED_FOR: Duration = Duration::from_secs(1);

impl Target {
    /// Opens the folder that a person named, links included, and makes it if it is not there.
    ///
    /// # Errors
    /// When it cannot be made or opened.
    pub fn open(path: &Path) -> Result<Self, LocalError> {
        std::fs::create_dir_all(path).map_err(|error| LocalError::new("make the folder", path, error))?;
        Self::existing(path)
    }

    /// Opens a folder that a person named, links included, and that has to be there.
    ///
    /// # Errors
    /// When it is not, or cannot be opened.
    pub fn existing(path: &Path) -> Result<Self, LocalError> {
        let root = Dir::open_ambient_dir(path, ambient_authority());
        let root = root.map_err(|error| LocalError::new("open the folder", path, error))?;
        Ok(Self {
            root,
            path: path.to_owned(),
            walked: Mutex::default(),
            claimed: Mutex::default(),
            disks: Mutex::default(),
        })
    }

    /// Returns the folder's path, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder and those above it. One that is there is no error.
    ///
    /// # Errors
    /// When something else is in the way.
    pub fn make_folder(&self, path: &Path) -> Result<(), TargetError> {
        self.walk(path.components(), path, Missing::Make).map(drop)
    }

    /// Returns size and time of what is at a path, `None` when nothing is, or when something else than a folder is in the way.
    ///
    /// # Errors
    /// When the path is none, or the system refuses.
    pub fn look(&self, path: &Path) -> Result<Option<(u64, Modified)>, TargetError> {
        let found = self.parent(path, Missing::Fail).and_then(|(folder, name)| {
            let metadata = folder.symlink_metadata(&name);
            metadata.map_err(|error| self.local("look at", path, error).into())
        });
        match found {
            Ok(metadata) => Ok(Some((metadata.len(), modified(&metadata)))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(TargetError::InTheWay(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a file, or a link and not what it leads to. One that is not there is no error.
    ///
    /// # Errors
    /// [`TargetError::Changed`] when it is not what the guard says, [`TargetError::NotAFile`] for a folder.
    pub fn remove_file(&self, path: &Path, guard: &Guard) -> Result<(), TargetError> {
        let (folder, name) = match self.parent(path, Missing::Fail) {
            Err(error) if is_missing(&error) => return Ok(()),
            found => found?,
        };
        self.check(&folder, &name, path, guard)?;
        match folder.symlink_metadata(&name) {
            Ok(metadata) if metadata.is_dir() => return Err(TargetError::NotAFile(self.path.join(path))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            _ => {}
        }
        folder.remove_file(&name).map_err(|error| self.local("remove", path, error).into())
    }

    /// Removes a folder if nothing is in it; tells whether it is gone.
    ///
    /// # Errors
    /// When the system refuses for another reason.
    pub fn remove_empty_folder(&self, path: &Path) -> Result<bool, TargetError> {
        let (folder, name) = match self.parent(path, Missing::Fail) {
            Err(error) if is_missing(&error) => return Ok(true),
            found => found?,
        };
        match folder.remove_dir(&name) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            Err(error) => Err(self.local("remove", path, error).into()),
        }
    }

    /// Gives a file another name, which nobody may have.
    ///
    /// # Errors
    /// [`TargetError::Taken`] when somebody has it.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), TargetError> {
        let (from_folder, from_name) = self.parent(from, Missing::Fail)?;
        let (to_folder, to_name) = self.parent(to, Missing::Make)?;
        match rename_to_free(&from_folder, &from_name, &to_folder, &to_name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(TargetError::Taken(self.path.join(to)))
            }
            renamed => renamed.map_err(|error| self.local("rename", from, error).into()),
        }
    }

    /// Sets time and, on Unix, permissions of a file.
    ///
    /// # Errors
    /// When it is no file, or the system refuses.
    pub fn set_metadata(&self, path: &Path, time: Modified, mode: Option<u32>) -> Result<(), TargetError> {
        let (folder, name) = self.parent(path, Missing::Fail)?;
        let file =
            open_file(&folder, &name, Access::Read).map_err(|error| self.local("open", path, error))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(TargetError::NotAFile(self.path.join(path)));
        }
        set_mode(&file, mode)
            .and_then(|()| set_time(&file, time))
            .map_err(|error| self.local("set time and permissions of", path, error).into())
    }

    /// Removes the file of a download that is given up, in the folder of the path it was for. One that is not there is no error.
    ///
    /// # Errors
    /// When the name is none of ours, or the system refuses.
    pub fn remove_unfinished(&self, path: &Path, partial: &str) -> Result<(), TargetError> {
        if !is_unfinished(partial) {
            return Err(TargetError::NotBelow(PathBuf::from(partial)));
        }
        self.remove_file(&path.with_file_name(partial), &Guard::None)
    }

    /// Opens the folder that a path lies in; returns it with the path's last name.
    pub(super) fn parent(&self, path: &Path, missing: Missing) -> Result<(Dir, OsString), TargetError> {
        let mut components = path.components();
        let Some(Component::Normal(name)) = components.next_back() else {
            return Err(TargetError::NotBelow(path.to_owned()));
        };
        Ok((self.walk(components, path, missing)?, name.to_owned()))
    }

    /// Opens the folder that a path lies in, and makes it if it is not there. One that was walked to a moment ago is not walked to again.
    pub(super) fn place(&self, path: &Path) -> Result<(Arc<Dir>, OsString), TargetError> {
        self.folder_of(path, Missing::Make)
    }

    /// Opens the folder that a path lies in, or takes the one that was walked to a moment ago.
    pub(super) fn folder_of(
        &self,
        path: &Path,
        missing: Missing,
    ) -> Result<(Arc<Dir>, OsString), TargetError> {
        let mut components = path.components();
        let Some(Component::Normal(name)) = components.next_back() else {
            return Err(TargetError::NotBelow(path.to_owned()));
        };
        let above = components.as_path();
        let mut walked = self.walked.lock().expect("no holder of this lock panics");
        if let Some(found) =
            walked.iter().rev().find(|walked| walked.leads_to(above) && walked.at.elapsed() < WALKED_FOR)
        {
            return Ok((Arc::clone(&found.folder), name.to_owned()));
        }
        let folder = Arc::new(self.walk(above.components(), path, missing)?);
        if missing == Missing::Make {
            self.writes_to(&folder);
        }
        walked.retain(|walked| !walked.leads_to(above) && walked.at.elapsed() < WALKED_FOR);
        if walked.len() == WALKED_MAX {
            walked.remove(0);
        }
        walked.push(Walked {
            path: above.to_owned(),
            folder: Arc::clone(&folder),
            at: Instant::now(),
            folds: None,
        });
        Ok((folder, name.to_owned()))
    }

    /// Claims the place of a file in a folder where `temporary` of ours is. A folder that takes names in other letter case for the same would replace one file of
    /// a run by another; there a second name is refused.
    ///
    /// # Errors
    /// [`TargetError::Twin`].
    pub(super) fn claim(&self, folder: &Dir, path: &Path, temporary: &str) -> Result<Claim<'_>, TargetError> {
        let mut claim = Claim { claimed: &self.claimed, taken: None };
        if self.folds(folder, path, temporary) {
            let common = folded_path(path);
            let mut claimed = self.claimed.lock().expect("no holder of this lock panics");
            let exact = exact_path(path);
            match claimed.get(&common) {
                None if claimed.len() == CLAIMED_MAX => {}
                None => {
                    claimed.insert(common, exact);
                    claim.taken = Some(common);
                }
                // The same one, put there anew.
                Some(before) if *before == exact => {}
                Some(_) => return Err(TargetError::Twin(self.path.join(path))),
            }
        }
        Ok(claim)
    }

    /// Tells whether the folder of a path takes names in other letter case for the same: whether it finds a file of ours by its name in upper case.
    fn folds(&self, folder: &Dir, path: &Path, temporary: &str) -> bool {
        let above = path.parent().unwrap_or_else(|| Path::new(""));
        let mut walked = self.walked.lock().expect("no holder of this lock panics");
        let mut walked = walked.iter_mut().rev().find(|walked| walked.leads_to(above));
        if let Some(folds) = walked.as_ref().and_then(|walked| walked.folds) {
            return folds;
        }
        let folds = folder.symlink_metadata(temporary.to_ascii_uppercase()).is_ok();
        if let Some(walked) = &mut walked {
            walked.folds = Some(folds);
        }
        folds
    }

    /// Remembers the file system of a folder that is written to: another one may be mounted below.
    pub(super) fn writes_to(&self, folder: &Arc<Dir>) {
        let Some(device) = device(folder) else { return };
        let mut disks = self.disks.lock().expect("no holder of this lock panics");
        if !disks.iter().any(|(known, _)| *known == device) {
            disks.push((device, Arc::clone(folder)));
        }
    }

    /// Forgets which folders were walked to: one of them is gone.
    pub(super) fn walk_anew(&self) {
        self.walked.lock().expect("no holder of this lock panics").clear();
    }

    /// Returns what makes everything safe that was written to the file systems of the folder and of those below that files were put in, by whomever; for another thread, since the disk may take its
    /// time. Where the system has no such call it does nothing.
    ///
    /// # Errors
    /// When the folder's handle cannot be had; what is returned fails when something could not be made safe.
    pub fn sync_later(&self) -> Result<impl FnOnce() -> Result<(), LocalError> + Send + use<>, LocalError> {
        let error = |path: &Path, source| LocalError::new("make safe what is in", path, source);
        let root = self.root.try_clone().map_err(|source| error(&self.path, source))?;
        let path = self.path.clone();
        let own = device(&root);
        let disks = self.disks.lock().expect("no holder of this lock panics");
        let others = disks.iter().filter(|(device, _)| Some(*device) != own);
        let others: Vec<Arc<Dir>> = others.map(|(_, folder)| Arc::clone(folder)).collect();
        drop(disks);
        Ok(move || {
            let mut all = std::iter::once(&root).chain(others.iter().map(|folder| &**folder));
            all.try_for_each(sync_all).map_err(|source| error(&path, source))
        })
    }

    /// Makes a symbolic link with a time of its own, which is not followed. What it leads to is up to its text, and may lie anywhere or nowhere.
    ///
    /// # Errors
    /// [`TargetError::Taken`] and [`TargetError::Changed`] when the guard does not hold; when the system refuses, or has no such links.
    pub fn make_link(
        &self,
        path: &Path,
        text: &OsStr,
        modified: Modified,
        guard: &Guard,
        number: u64,
    ) -> Result<(), TargetError> {
        let (folder, name) = self.place(path)?;
        self.check(&folder, &name, path, guard)?;
        if folder.symlink_metadata(&name).is_ok_and(|there| there.is_dir()) {
            return Err(TargetError::NotAFile(self.path.join(path)));
        }
        let unfinished = crate::name::rule::unfinished(number);
        let temporary = OsStr::new(&unfinished);
        let error = |error| self.local("make the link", path, error);
        // Left by a former life: the number is the run's own.
        let _ = folder.remove_file(temporary);
        make_link(&folder, text, temporary).map_err(error)?;
        // A file system that keeps no times is no reason to fail.
        let _ = set_link_time(&folder, temporary, modified);
        let claim = self.claim(&folder, path, &unfinished).inspect_err(|_| {
            let _ = folder.remove_file(temporary);
        })?;
        let renamed = if *guard == Guard::Absent {
            rename_to_free(&folder, temporary, &folder, &name)
        } else {
            folder.rename(temporary, &folder, &name)
        };
        renamed.map_err(|refused| {
            let _ = folder.remove_file(temporary);
            if *guard == Guard::Absent && refused.kind() == io::ErrorKind::AlreadyExists {
                TargetError::Taken(self.path.join(path))
            } else {
                TargetError::from(error(refused))
            }
        })?;
        claim.keep();
        Ok(())
    }

    /// Returns the text of a symbolic link, `None` where there is none.
    ///
    /// # Errors
    /// When the path is none, or the system refuses.
    pub fn link_text(&self, path: &Path) -> Result<Option<OsString>, TargetError> {
        let (folder, name) = match self.parent(path, Missing::Fail) {
            Err(error) if is_missing(&error) => return Ok(None),
            found => found?,
        };
        match folder.read_link_contents(&name) {
            Ok(text) => Ok(Some(text.into_os_string())),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {
                Ok(None)
            }
            Err(error) => Err(self.local("read the link", path, error).into()),
        }
    }

    /// Opens a file for reading, `None` where there is none. A link is not followed.
    ///
    /// # Errors
    /// When the path is none, or the system refuses.
    pub fn open_file(&self, path: &Path) -> Result<Option<File>, TargetError> {
        let (folder, name) = match self.parent(path, Missing::Fail) {
            Err(error) if is_missing(&error) => return Ok(None),
            found => found?,
        };
        match open_file(&folder, &name, Access::Read) {
            Ok(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => Ok(Some(file)),
            Ok(_) => Ok(None),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {
                Ok(None)
            }
            Err(error) => Err(self.local("read", path, error).into()),
        }
    }

    /// Checks that what is at a path is what was looked at. Returns what is there, as far as it had to look.
    pub(super) fn check(
        &self,
        folder: &Dir,
        name: &OsStr,
        path: &Path,
        guard: &Guard,
    ) -> Result<Option<Metadata>, TargetError> {
        let look = || match folder.symlink_metadata(name) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.local("look at", path, error)),
        };
        match guard {
            Guard::None | Guard::Match(_) => Ok(None),
            Guard::Absent => match look()? {
                Some(_) => Err(TargetError::Taken(self.path.join(path))),
                None => Ok(None),
            },
            Guard::Unchanged { size_bytes, modified: seen } => {
                let there = look()?;
                let is_same = there.as_ref().is_some_and(|metadata| {
                    if metadata.is_symlink() {
                        // Two ways with links that are followed: it was looked at through the link, and the link is what goes.
                        std::fs::metadata(self.path.join(path)).is_ok_and(|there| {
                            let state = Fingerprint::of(&there);
                            there.is_file() && state.size_bytes == *size_bytes && state.modified() == *seen
                        })
                    } else {
                        metadata.is_file() && metadata.len() == *size_bytes && modified(metadata) == *seen
                    }
                });
                if is_same { Ok(there) } else { Err(TargetError::Changed(self.path.join(path))) }
            }
        }
    }

    pub(super) fn local(&self, action: &'static str, path: &Path, source: io::Error) -> LocalError {
        LocalError::new(action, &self.path.join(path), source)
    }

    fn walk<'a>(
        &self,
        components: impl Iterator<Item = Component<'a>>,
        path: &Path,
        missing: Missing,
    ) -> Result<Dir, TargetError> {
        let mut folder = self.root.try_clone().map_err(|error| self.local("open", Path::new(""), error))?;
        for component in components {
            let Component::Normal(name) = component else {
                return Err(TargetError::NotBelow(path.to_owned()));
            };
            if missing == Missing::Make {
                match folder.create_dir(name) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    made => made.map_err(|error| self.local("make the folder of", path, error))?,
                }
            }
            folder = open_folder(&folder, name).map_err(|error| match error.kind() {
                io::ErrorKind::NotADirectory => TargetError::InTheWay(self.path.join(path)),
                _ => self.local("open the folder of", path, error).into(),
            })?;
        }
        Ok(folder)
    }
}

/// What is done about folders on the way that are not there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// They are made.
    Make,
    /// They are an error.
    Fail,
}

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    ReadAndWrite,
}

fn is_missing(error: &TargetError) -> bool {
    matches!(error, TargetError::Local(local) if local.source.kind() == io::ErrorKind::NotFound)
}

fn modified(metadata: &Metadata) -> Modified {
    let ns = metadata.modified().ok().and_then(|time| ns_of(time.into_std()));
    ns.map_or(Modified::UNKNOWN, |ns| Modified::from_ns(ns, Meaning::Content))
}

/// Opens a folder by its name in another one. A link is not followed.
#[cfg(unix)]
fn open_folder(folder: &Dir, name: &OsStr) -> io::Result<Dir> {
    use rustix::fs::{Mode, OFlags, openat};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(folder, name, flags, Mode::empty()) {
        // What a link is called depends on the system.
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::MLINK) => Err(io::ErrorKind::NotADirectory.into()),
        opened => Ok(Dir::from_std_file(File::from(opened?))),
    }
}

#[cfg(not(unix))]
fn open_folder(folder: &Dir, name: &OsStr) -> io::Result<Dir> {
    if !folder.symlink_metadata(name)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    folder.open_dir(name)
}

/// Opens a file that is there by its name in a folder. A link is not followed, and a pipe not waited for.
#[cfg(unix)]
pub(super) fn open_file(folder: &Dir, name: &OsStr, access: Access) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, openat};
    let access = if access == Access::Read { OFlags::RDONLY } else { OFlags::RDWR };
    let flags = access | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match openat(folder, name, flags, Mode::empty()) {
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::MLINK) => Err(io::ErrorKind::InvalidInput.into()),
        opened => Ok(File::from(opened?)),
    }
}

#[cfg(not(unix))]
pub(super) fn open_file(folder: &Dir, name: &OsStr, access: Access) -> io::Result<File> {
    if !folder.symlink_metadata(name)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut options = cap_std::fs::OpenOptions::new();
    // Times are set through a handle that may write.
    options.read(true).write(access == Access::ReadAndWrite || cfg!(windows));
    Ok(folder.open_with(name, &options)?.into_std())
}

/// Returns a number for the file system of a folder.
#[cfg(unix)]
fn device(folder: &Dir) -> Option<u64> {
    use cap_std::fs::MetadataExt;
    folder.dir_metadata().ok().map(|metadata| metadata.dev())
}

#[cfg(not(unix))]
fn device(_folder: &Dir) -> Option<u64> {
    None
}

#[cfg(target_os = "linux")]
fn sync_all(folder: &Dir) -> io::Result<()> {
    use rustix::fs::{Mode, OFlags, openat, syncfs};
    // The folder's own handle is only good for finding what is in it.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(syncfs(openat(folder, ".", flags, Mode::empty())?)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_all(_folder: &Dir) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn make_link(folder: &Dir, text: &OsStr, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::symlinkat(text, folder, name)?)
}

#[cfg(not(unix))]
fn make_link(_folder: &Dir, _text: &OsStr, _name: &OsStr) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Sets the time of a link, and not of what it leads to.
#[cfg(unix)]
fn set_link_time(folder: &Dir, name: &OsStr, time: Modified) -> io::Result<()> {
    use rustix::fs::{AtFlags, Timespec, Timestamps, UTIME_OMIT, utimensat};
    let Some(at) = time.timestamp() else { return Ok(()) };
    let ns = at.as_nanosecond();
    let whole = |ns: i128| i64::try_from(ns).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
    let last_modification = Timespec {
        tv_sec: whole(ns.div_euclid(1_000_000_000))?,
        tv_nsec: whole(ns.rem_euclid(1_000_000_000))?,
    };
    let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let times = Timestamps { last_access, last_modification };
    Ok(utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(not(unix))]
fn set_link_time(_folder: &Dir, _name: &OsStr, _time: Modified) -> io::Result<()> {
    Ok(())
}

/// Gives a file a name that nobody has, even if since a moment ago.
pub(super) fn rename_to_free(from_folder: &Dir, from: &OsStr, to_folder: &Dir, to: &OsStr) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{RenameFlags, renameat_with};
        match renameat_with(from_folder, from, to_folder, to, RenameFlags::NOREPLACE) {
            // The file system does not know the flag.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {}
            renamed => return Ok(renamed?),
        }
    }
    // A hard link fails if the name is taken.
    rename_as_linked(from_folder.hard_link(from, to_folder, to), from_folder, from, to_folder, to)
}

/// Ends a change of name after a hard link was tried. A file system without such links, as some that are mounted over a network have none, leaves to look
/// whether the name is free and to take it then; no call does both there.
fn rename_as_linked(
    linked: io::Result<()>,
    from_folder: &Dir,
    from: &OsStr,
    to_folder: &Dir,
    to: &OsStr,
) -> io::Result<()> {
    match linked {
        Ok(()) => from_folder.remove_file(from),
        Err(error) if knows_no_links(&error) => match to_folder.symlink_metadata(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => from_folder.rename(from, to_folder, to),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// Tells whether a hard link was refused since there are none: link(2) has EPERM for it, and servers of file systems have others.
fn knows_no_links(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let none = [Errno::PERM, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP, Errno::MLINK];
        if none.iter().any(|none| error.raw_os_error() == Some(none.raw_os_error())) {
            return true;
        }
    }
    error.kind() == io::ErrorKind::Unsupported
}

#[cfg(unix)]
pub(super) fn set_mode(file: &File, mode: Option<u32>) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // No more than permissions: whoever wrote an object does not decide about set-user-ID.
    mode.map_or(Ok(()), |mode| file.set_permissions(std::fs::Permissions::from_mode(mode & 0o777)))
}

#[cfg(not(unix))]
pub(super) fn set_mode(_file: &File, _mode: Option<u32>) -> io::Result<()> {
    Ok(())
}

pub(super) fn set_time(file: &File, time: Modified) -> io::Result<()> {
    let time = time.timestamp().and_then(|time| std::time::SystemTime::try_from(time).ok());
    time.map_or(Ok(()), |time| file.set_modified(time))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn target() -> (tempfile::TempDir, Target) {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::open(&folder.path().join("made/target")).unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        fs::write(folder.path().join("outside/file"), "theirs").unwrap();
        symlink("../../outside", target.path().join("link")).unwrap();
        symlink("../../outside/file", target.path().join("file link")).unwrap();
        fs::write(target.path().join("file"), "mine").unwrap();
        (folder, target)
    }

    #[test]
    fn no_way_leads_out() {
        let (folder, target) = target();
        for path in ["../x", "/etc/x", "a/../../x", "", ".", "a/.."] {
            let path = Path::new(path);
            assert!(
                target.make_folder(path).is_err() || path == Path::new("") || path == Path::new("."),
                "{path:?}"
            );
            assert!(target.remove_file(path, &Guard::None).is_err(), "{path:?}");
        }
        for path in ["link/x", "link", "link/deep/er", "file/x", "file link/x"] {
            assert!(matches!(target.make_folder(Path::new(path)), Err(TargetError::InTheWay(_))), "{path}");
        }
        assert!(matches!(
            target.remove_file(Path::new("link/file"), &Guard::None),
            Err(TargetError::InTheWay(_))
        ));
        assert!(matches!(
            target.rename(Path::new("file"), Path::new("link/file 2")),
            Err(TargetError::InTheWay(_))
        ));
        assert!(target.set_metadata(Path::new("file link"), Modified::UNKNOWN, Some(0o777)).is_err());
        assert_eq!(target.look(Path::new("link/file")).unwrap(), None);
        // The link itself goes, and nothing else.
        target.remove_file(Path::new("file link"), &Guard::None).unwrap();
        assert!(!target.path().join("file link").exists());
        assert_eq!(fs::read_to_string(folder.path().join("outside/file")).unwrap(), "theirs");
        assert_eq!(fs::read_dir(folder.path().join("outside")).unwrap().count(), 1);
    }

    #[test]
    fn guards_are_asked() {
        let (_folder, target) = target();
        let path = Path::new("file");
        let (size_bytes, modified) = target.look(path).unwrap().unwrap();
        let other = Guard::Unchanged { size_bytes: 5, modified };
        assert!(matches!(target.remove_file(path, &other), Err(TargetError::Changed(_))));
        let earlier = Modified::from_ns(modified.ns().unwrap() - 1, Meaning::Content);
        let other = Guard::Unchanged { size_bytes, modified: earlier };
        assert!(matches!(target.remove_file(path, &other), Err(TargetError::Changed(_))));
        assert!(matches!(target.remove_file(path, &Guard::Absent), Err(TargetError::Taken(_))));
        target.remove_file(path, &Guard::Unchanged { size_bytes, modified }).unwrap();
        target.remove_file(path, &Guard::None).unwrap();
        target.remove_file(Path::new("not/there"), &Guard::None).unwrap();
        assert_eq!(target.look(path).unwrap(), None);
    }

    #[test]
    fn a_link_that_was_looked_through_is_what_it_leads_to_until_that_changes() {
        let (folder, target) = target();
        let theirs = folder.path().join("outside/file");
        let path = Path::new("file link");
        let state = Fingerprint::of(&fs::metadata(&theirs).unwrap());
        let guard = Guard::Unchanged { size_bytes: state.size_bytes, modified: state.modified() };
        fs::write(&theirs, "changed").unwrap();
        assert!(matches!(target.remove_file(path, &guard), Err(TargetError::Changed(_))));
        let state = Fingerprint::of(&fs::metadata(&theirs).unwrap());
        let guard = Guard::Unchanged { size_bytes: state.size_bytes, modified: state.modified() };
        target.remove_file(path, &guard).unwrap();
        assert!(!target.path().join(path).is_symlink());
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "changed");
        assert!(matches!(target.remove_file(path, &guard), Err(TargetError::Changed(_))));
    }

    #[test]
    fn folders_are_made_and_removed_when_empty() {
        let (_folder, target) = target();
        target.make_folder(Path::new("a/b/c")).unwrap();
        target.make_folder(Path::new("a/b/c")).unwrap();
        assert!(!target.remove_empty_folder(Path::new("a/b")).unwrap());
        assert!(target.remove_empty_folder(Path::new("a/b/c")).unwrap());
        assert!(target.remove_empty_folder(Path::new("a/b/c")).unwrap());
        assert!(matches!(target.remove_file(Path::new("a/b"), &Guard::None), Err(TargetError::NotAFile(_))));
        assert!(target.remove_empty_folder(Path::new("file")).is_err());
    }

    #[test]
    fn a_name_that_is_taken_is_not_taken_away() {
        let (_folder, target) = target();
        fs::write(target.path().join("other"), "other").unwrap();
        assert!(matches!(target.rename(Path::new("file"), Path::new("other")), Err(TargetError::Taken(_))));
        target.rename(Path::new("file"), Path::new("new/folder/name")).unwrap();
        assert_eq!(fs::read_to_string(target.path().join("new/folder/name")).unwrap(), "mine");
        assert!(target.rename(Path::new("file"), Path::new("x")).is_err());
    }

    #[test]
    fn where_there_are_no_hard_links_a_free_name_is_taken_and_no_other() {
        use rustix::io::Errno;
        let (_folder, target) = target();
        let root = &target.root;
        let rename = |error: Errno, to: &str| {
            rename_as_linked(Err(error.into()), root, OsStr::new("file"), root, OsStr::new(to))
        };
        fs::write(target.path().join("other"), "other").unwrap();
        for error in [Errno::PERM, Errno::NOSYS, Errno::OPNOTSUPP] {
            for taken in ["other", "link"] {
                assert_eq!(rename(error, taken).unwrap_err().kind(), io::ErrorKind::AlreadyExists, "{error}");
            }
            rename(error, "free").unwrap();
            assert_eq!(fs::read_to_string(target.path().join("free")).unwrap(), "mine");
            fs::rename(target.path().join("free"), target.path().join("file")).unwrap();
        }
        assert_eq!(fs::read_to_string(target.path().join("other")).unwrap(), "other");
        // What else is refused stays so.
        for error in [Errno::EXIST, Errno::NOSPC, Errno::ACCESS] {
            assert_eq!(rename(error, "free").unwrap_err().raw_os_error(), Some(error.raw_os_error()));
        }
        assert!(target.path().join("file").exists());
    }

    #[test]
    fn time_and_permissions_are_set_without_those_that_are_not_an_objects_to_say() {
        let (_folder, target) = target();
        let time = Modified::from_ns(1_700_000_000_123_456_789, Meaning::Content);
        target.set_metadata(Path::new("file"), time, Some(0o104_640)).unwrap();
        let metadata = fs::metadata(target.path().join("file")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o640);
        assert_eq!(target.look(Path::new("file")).unwrap(), Some((4, time)));
        target.set_metadata(Path::new("file"), Modified::UNKNOWN, None).unwrap();
        assert_eq!(target.look(Path::new("file")).unwrap(), Some((4, time)));
        assert!(target.set_metadata(Path::new("link"), time, None).is_err());
    }

    /// Below the root is at least one other file system on every Linux.
    #[cfg(target_os = "linux")]
    #[test]
    fn file_systems_below_are_made_safe_too() {
        let target = Target::existing(Path::new("/")).unwrap();
        let disks = || target.disks.lock().unwrap().len();
        target.place(Path::new("proc/sys/file")).unwrap();
        assert_eq!(disks(), 1);
        assert_ne!(target.disks.lock().unwrap()[0].0, device(&target.root).unwrap());
        target.place(Path::new("proc/file")).unwrap();
        target.place(Path::new("proc/sys/other")).unwrap();
        assert_eq!(disks(), 1);
        // One that is looked at is not written to.
        target.folder_of(Path::new("sys/kernel/file"), Missing::Fail).unwrap();
        assert_eq!(disks(), 1);
        target.place(Path::new("file")).unwrap();
        assert_eq!(disks(), 2);
        target.sync_later().unwrap()().unwrap();
    }

    #[test]
    fn only_our_own_unfinished_files_are_removed_as_such() {
        let (_folder, target) = target();
        assert!(target.remove_unfinished(Path::new("x"), "file").is_err());
        let partial = ".pintail-0000000000000001.part";
        fs::write(target.path().join(partial), "").unwrap();
        target.remove_unfinished(Path::new("x"), partial).unwrap();
        target.remove_unfinished(Path::new("x"), partial).unwrap();
        assert!(!target.path().join(partial).exists());
    }
}

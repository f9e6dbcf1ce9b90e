//! Which folders are watched, and what the system tells of the names in them: inotify (Linux, `inotify(7)`), one watch a folder.
//!
//! A folder is watched first and read afterwards, so that nothing in it goes unseen: what was there before is read, what comes after is told. A
//! watch belongs to a folder and not to its name; folders that go elsewhere lose theirs and are taken in anew where they
//! arrive.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::settle::Touch;
use super::{FolderOptions, Gone, NoEvents, WatchError};
use crate::local::walk::Folders;
use crate::local::{Links, LocalError};
use crate::name::rule::is_unfinished;

/// So much is read at once: some hundreds of events.
const BUFFER_BYTES: usize = 64 << 10;

/// What is asked of every folder.
const ASKED: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ONLYDIR)
    .union(WatchFlags::EXCL_UNLINK);

/// What is asked of the topmost one besides.
const ASKED_OF_ROOT: WatchFlags = WatchFlags::DELETE_SELF.union(WatchFlags::MOVE_SELF);

/// Folders that are watched.
#[derive(Debug)]
pub(super) struct Tree {
    handle: Arc<OwnedFd>,
    root: PathBuf,
    root_watch: i32,
    follows: bool,
    tells_folders: bool,
    /// Each folder by its watch.
    folders: HashMap<i32, Folder>,
    /// At most so many watches; for tests, the system has a limit of its own.
    watches_max: usize,
}

#[derive(Debug)]
struct Folder {
    /// The watch of the folder above; `None` for the topmost.
    above: Option<i32>,
    name: OsString,
    below: HashMap<OsString, i32>,
}

/// What the system told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Something happened to a name; one with a slash at its end means everything below.
    Touched(String, Touch),
    /// Some of it was dropped.
    Missed,
}

/// Ends the waiting of a tree when it is dropped.
#[derive(Debug)]
pub(super) struct Waker {
    handle: Arc<OwnedFd>,
    root_watch: i32,
}

impl Drop for Waker {
    fn drop(&mut self) {
        // The system tells of a watch that is taken away, which wakes whoever waits.
        let _ = inotify::remove_watch(&self.handle, self.root_watch);
    }
}

/// Why folders cannot be watched.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The system has no events for it, or no more.
    NoEvents(NoEvents),
    /// It is over.
    Ends(WatchError),
}

impl Tree {
    /// Watches a folder and everything below it.
    pub(super) fn open(root: &Path, options: &FolderOptions, watches_max: usize) -> Result<Self, Trouble> {
        let refused = |error: Errno| match error {
            Errno::MFILE => Trouble::NoEvents(NoEvents::Instances),
            Errno::NOSYS => Trouble::NoEvents(NoEvents::NotHere),
            error => Trouble::Ends(LocalError::new("watch", root, error.into()).into()),
        };
        let handle = inotify::init(CreateFlags::CLOEXEC).map_err(refused)?;
        let mut tree = Self {
            handle: Arc::new(handle),
            root: root.to_owned(),
            root_watch: -1,
            follows: options.walk.links == Links::Follow,
            tells_folders: options.walk.folders != Folders::None,
            folders: HashMap::new(),
            watches_max,
        };
        // The person chose this one: a link is followed.
        let watch = match inotify::add_watch(&tree.handle, root, ASKED | ASKED_OF_ROOT) {
            Ok(watch) => watch,
            Err(Errno::NOSPC) => return Err(limit()),
            Err(error) => return Err(refused(error)),
        };
        tree.root_watch = watch;
        tree.folders.insert(watch, Folder { above: None, name: OsString::new(), below: HashMap::new() });
        let mut inside = Vec::new();
        tree.read(watch, root, &mut inside, None)
            .map_err(|source| Trouble::Ends(LocalError::new("read", root, source).into()))?;
        tree.take_in(inside, None)?;
        Ok(tree)
    }

    /// Returns the topmost folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns what ends the waiting of [`Tree::hear`] when it is dropped.
    pub(super) fn waker(&self) -> Waker {
        Waker { handle: Arc::clone(&self.handle), root_watch: self.root_watch }
    }

    /// Waits until the system has something to tell, and takes it.
    pub(super) fn hear(&mut self, told: &mut Vec<Told>) -> Result<(), Trouble> {
        let handle = Arc::clone(&self.handle);
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER_BYTES];
        let mut reader = Reader::new(&handle, &mut buffer);
        let mut missed = false;
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(error) => {
                    return Err(Trouble::Ends(LocalError::new("watch", &self.root, error.into()).into()));
                }
            };
            missed |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
            self.heard(event.wd(), event.events(), name, told)?;
            if reader.is_buffer_empty() {
                break;
            }
        }
        if missed {
            // Folders that were made or moved meanwhile are not known: all of them are taken in anew.
            self.again()?;
            told.push(Told::Missed);
        }
        Ok(())
    }

    /// Takes everything below the topmost folder in anew.
    fn again(&mut self) -> Result<(), Trouble> {
        let below = self.folders.get_mut(&self.root_watch).map(|root| std::mem::take(&mut root.below));
        for watch in below.unwrap_or_default().into_values() {
            self.give_up(watch);
        }
        let mut inside = Vec::new();
        self.read(self.root_watch, &self.root, &mut inside, None)
            .map_err(|source| Trouble::Ends(LocalError::new("read", &self.root, source).into()))?;
        self.take_in(inside, None)
    }

    fn heard(
        &mut self,
        watch: i32,
        flags: ReadFlags,
        name: Option<&OsStr>,
        told: &mut Vec<Told>,
    ) -> Result<(), Trouble> {
        if watch == self.root_watch {
            for (flag, how) in [
                (ReadFlags::UNMOUNT, Gone::Unmounted),
                (ReadFlags::DELETE_SELF, Gone::Deleted),
                (ReadFlags::MOVE_SELF, Gone::Moved),
                (ReadFlags::IGNORED, Gone::Deleted),
            ] {
                if flags.contains(flag) {
                    return Err(Trouble::Ends(WatchError::Gone { path: self.root.clone(), how }));
                }
            }
        }
        if flags.contains(ReadFlags::IGNORED) {
            self.forget(watch);
            return Ok(());
        }
        // A folder tells of itself without a name; the one above it has told already.
        let Some(name) = name.filter(|_| self.folders.contains_key(&watch)) else { return Ok(()) };
        if flags.contains(ReadFlags::ISDIR) {
            return self.heard_of_folder(watch, flags, name, told);
        }
        if name.to_str().is_some_and(is_unfinished) {
            return Ok(());
        }
        let whole = ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_FROM | ReadFlags::MOVED_TO | ReadFlags::DELETE;
        let touch = if flags.intersects(whole) { Touch::Whole } else { Touch::Written };
        let arrived = flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
        if self.follows && arrived && self.path(watch).join(name).is_dir() {
            return self.take_in(vec![(watch, name.to_owned())], Some(told));
        }
        if let Some(name) = self.name(watch, name) {
            told.push(Told::Touched(name, touch));
        }
        Ok(())
    }

    fn heard_of_folder(
        &mut self,
        watch: i32,
        flags: ReadFlags,
        name: &OsStr,
        told: &mut Vec<Told>,
    ) -> Result<(), Trouble> {
        let all = self.name(watch, name).map(|name| format!("{name}/"));
        if flags.contains(ReadFlags::MOVED_FROM) {
            // Its watches go with it, wherever that is: they are given up, and taken anew where it arrives.
            if let Some(child) = self.folders.get(&watch).and_then(|folder| folder.below.get(name)).copied() {
                self.give_up(child);
            }
            told.extend(all.map(|all| Told::Touched(all, Touch::Whole)));
            return Ok(());
        }
        if flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
            return self.take_in(vec![(watch, name.to_owned())], Some(told));
        }
        // What was in it was told of by its own watch.
        if flags.contains(ReadFlags::DELETE) && self.tells_folders {
            told.extend(all.map(|all| Told::Touched(all, Touch::Whole)));
        }
        Ok(())
    }

    /// Watches folders with everything below them and tells of the files in them.
    fn take_in(
        &mut self,
        mut open: Vec<(i32, OsString)>,
        mut told: Option<&mut Vec<Told>>,
    ) -> Result<(), Trouble> {
        while let Some((above, name)) = open.pop() {
            if !self.folders.contains_key(&above) {
                continue;
            }
            let path = self.path(above).join(&name);
            let links = if self.follows { WatchFlags::empty() } else { WatchFlags::DONT_FOLLOW };
            if self.folders.len() >= self.watches_max {
                return Err(limit());
            }
            let watch = match inotify::add_watch(&self.handle, &path, ASKED | links) {
                Ok(watch) => watch,
                Err(Errno::NOSPC | Errno::NOMEM) => return Err(limit()),
                // It is gone again, or no folder any more; or it may not be read, which whoever plans tells of.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS | Errno::PERM) => continue,
                Err(error) => {
                    return Err(Trouble::Ends(LocalError::new("watch", &path, error.into()).into()));
                }
            };
            if self.folders.contains_key(&watch) {
                if self.follows || self.lies_in(above, watch) {
                    // Another way to a folder that is watched already, perhaps to one that it lies in: a link, or a mount.
                    continue;
                }
                // It was renamed since its old name was read, which will be told yet.
                self.detach(watch);
            }
            let below = self.folders.remove(&watch).map(|folder| folder.below).unwrap_or_default();
            self.folders.insert(watch, Folder { above: Some(above), name: name.clone(), below });
            let parent = self.folders.get_mut(&above).expect("it was there above");
            parent.below.insert(name.clone(), watch);
            let files = told.as_deref_mut();
            let mut any = false;
            // A folder that cannot be read is told by whoever plans.
            if let Ok(found) = self.read(watch, &path, &mut open, files) {
                any = found;
            }
            if !any
                && self.tells_folders
                && let (Some(told), Some(name)) = (told.as_deref_mut(), self.name(above, &name))
            {
                told.push(Told::Touched(format!("{name}/"), Touch::Whole));
            }
        }
        Ok(())
    }

    /// Reads a folder: the folders in it are put with those that are open, files are told of. Returns whether there was anything.
    fn read(
        &self,
        watch: i32,
        path: &Path,
        open: &mut Vec<(i32, OsString)>,
        mut told: Option<&mut Vec<Told>>,
    ) -> io::Result<bool> {
        let mut any = false;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            any = true;
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            let is_folder = kind.is_dir() || self.follows && kind.is_symlink() && entry.path().is_dir();
            if is_folder {
                open.push((watch, name));
            } else if let Some(told) = told.as_deref_mut()
                && !name.to_str().is_some_and(is_unfinished)
                && let Some(name) = self.name(watch, &name)
            {
                // Somebody may be at it still.
                told.push(Told::Touched(name, Touch::Written));
            }
        }
        Ok(any)
    }

    /// Takes away a folder and all below it, whose watches the system still has.
    fn give_up(&mut self, watch: i32) {
        self.detach(watch);
        let mut open = vec![watch];
        while let Some(watch) = open.pop() {
            if let Some(folder) = self.folders.remove(&watch) {
                open.extend(folder.below.into_values());
            }
            // One that the system took away already is told of as well.
            let _ = inotify::remove_watch(&self.handle, watch);
        }
    }

    /// Takes away a folder whose watch the system took away.
    fn forget(&mut self, watch: i32) {
        self.detach(watch);
        self.folders.remove(&watch);
    }

    /// Takes a folder's name from the folder above it.
    fn detach(&mut self, watch: i32) {
        let Some(folder) = self.folders.get(&watch) else { return };
        let (above, name) = (folder.above, folder.name.clone());
        let Some(above) = above.and_then(|above| self.folders.get_mut(&above)) else { return };
        if above.below.get(&name) == Some(&watch) {
            above.below.remove(&name);
        }
    }

    /// Tells whether a folder is another one or lies in it.
    fn lies_in(&self, folder: i32, other: i32) -> bool {
        let mut next = Some(folder);
        while let Some(watch) = next {
            if watch == other {
                return true;
            }
            next = self.folders.get(&watch).and_then(|folder| folder.above);
        }
        false
    }

    /// The parts of a folder's name below the topmost, the last one first.
    fn parts(&self, watch: i32) -> Vec<&OsStr> {
        let mut parts = Vec::new();
        let mut next = Some(watch);
        while let Some(folder) = next.and_then(|watch| self.folders.get(&watch)) {
            if folder.above.is_some() {
                parts.push(folder.name.as_os_str());
            }
            next = folder.above;
        }
        parts
    }

    fn path(&self, watch: i32) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(self.parts(watch).into_iter().rev());
        path
    }

    /// The name of something in a folder, as keys have it; `None` where it is not Unicode and can be no key.
    fn name(&self, watch: i32, last: &OsStr) -> Option<String> {
        let parts = self.parts(watch).into_iter().rev().chain([last]);
        let parts: Option<Vec<&str>> = parts.map(OsStr::to_str).collect();
        Some(parts?.join("/"))
    }
}

fn limit() -> Trouble {
    let text = fs::read_to_string("/proc/sys/fs/inotify/max_user_watches");
    let limit = text.ok().and_then(|text| text.trim().parse().ok());
    Trouble::NoEvents(NoEvents::Limit { limit })
}

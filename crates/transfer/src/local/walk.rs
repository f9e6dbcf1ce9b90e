//! Walking through a folder in the order of keys.
//!
//! Each folder is read whole and sorted by itself, the folders in it counted as `name/`; so what is held is the children of the folders on the way
//! from the top, some thirty bytes for each, and never the tree. What cannot be taken is told in its place, and the rest goes on.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::LocalError;
use crate::entry::{Entry, Kind, Meaning, Modified};
use crate::fingerprint::Fingerprint;
use crate::name::rule::is_unfinished;
use crate::name::{Name, NameRefusal, Platform};

/// What is done about symbolic links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// They are passed over, and told of.
    #[default]
    Skip,
    /// What they lead to is taken in their place. A folder that leads into itself is told of.
    Follow,
    /// They are taken as links.
    Keep,
}

/// How a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkOptions {
    /// What is done about symbolic links.
    pub links: Links,
    /// Which folders come as entries of their own.
    pub folders: Folders,
    /// By whose rules names are refused.
    pub platform: Platform,
}

/// Which folders come as entries of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Folders {
    /// None: S3 knows no folders.
    #[default]
    None,
    /// Those with nothing in them, which would be lost otherwise.
    Empty,
    /// All.
    All,
}

impl Default for WalkOptions {
    fn default() -> Self {
        Self { links: Links::Skip, folders: Folders::None, platform: Platform::HERE }
    }
}

/// What a walk finds.
#[derive(Debug)]
pub enum Found {
    /// A file, a folder or a link, in the order of names.
    Entry(Entry),
    /// Something that cannot be taken.
    Unfit(PathBuf, Unfit),
}

/// Why something cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Its name makes no key.
    #[error("the name cannot be kept")]
    Name(#[source] NameRefusal),
    /// It is a symbolic link, and these are passed over.
    #[error("it is a symbolic link")]
    Link,
    /// It is a link to a folder that it lies in.
    #[error("it leads back to a folder above")]
    Loop,
    /// It is a pipe, a socket or a device.
    #[error("it is neither a file nor a folder")]
    Special,
    /// It is called as our own unfinished downloads are: one that is under way, or that was left by a run that died.
    #[error("it is named like an unfinished download")]
    Unfinished,
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
}

/// A walk through a folder. The names of its entries are in strictly ascending order.
pub struct Walk<'a> {
    root: PathBuf,
    options: WalkOptions,
    /// Asked before a folder is entered.
    enters: Box<dyn FnMut(&Name) -> bool + Send + 'a>,
    open: Vec<OpenFolder>,
    ready: VecDeque<Found>,
}

impl std::fmt::Debug for Walk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk")
            .field("root", &self.root)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A folder on the way.
struct OpenFolder {
    /// Below the root.
    path: PathBuf,
    /// Which folder it is, to see a loop.
    identity: Option<(u64, u64)>,
    children: Children,
    next: usize,
    /// Its files are looked at from here, which spares the system the way from the root: half of what looking costs. Not everywhere, and not without bound.
    #[cfg(unix)]
    handle: Option<fs::File>,
}

/// So many folders, one in another, are kept open.
#[cfg(unix)]
const HANDLES_MAX: usize = 64;

/// Sorted names of one folder: the text of all of them, and where each begins.
#[derive(Default)]
struct Children {
    text: String,
    list: Vec<Child>,
    /// Names that are not Unicode, and what could not be read.
    unfit: Vec<(OsString, Unfit)>,
}

#[derive(Clone, Copy)]
struct Child {
    start: u32,
    length: u16,
    kind: ChildKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ChildKind {
    File,
    Folder,
    Link,
    Special,
}

impl<'a> Walk<'a> {
    /// Begins at a folder, which may be a link to one. `enters` is asked for every folder below, by its name with the slash, and is free to
    /// look at the folder's ignore file when it is asked.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn new(
        root: &Path,
        options: WalkOptions,
        enters: impl FnMut(&Name) -> bool + Send + 'a,
    ) -> Result<Self, LocalError> {
        let error = |source| LocalError::new("read", root, source);
        let metadata = fs::metadata(root).map_err(error)?;
        let mut walk = Self {
            root: root.to_owned(),
            options,
            enters: Box::new(enters),
            open: Vec::new(),
            ready: VecDeque::new(),
        };
        let children = walk.children(Path::new("")).map_err(error)?;
        walk.push(PathBuf::new(), identity(&metadata), children);
        Ok(walk)
    }

    fn push(&mut self, path: PathBuf, identity: Option<(u64, u64)>, mut children: Children) {
        for (name, unfit) in children.unfit.drain(..) {
            self.ready.push_back(Found::Unfit(self.root.join(&path).join(name), unfit));
        }
        #[cfg(unix)]
        let handle = (self.open.len() < HANDLES_MAX && !children.list.is_empty())
            .then(|| fs::File::open(self.root.join(&path)).ok())
            .flatten();
        self.open.push(OpenFolder {
            path,
            identity,
            children,
            next: 0,
            #[cfg(unix)]
            handle,
        });
    }

    /// Reads a folder's names and sorts them.
    fn children(&self, below: &Path) -> io::Result<Children> {
        let mut children = Children::default();
        for entry in fs::read_dir(self.root.join(below))? {
            let entry = entry?;
            let name = entry.file_name();
            let kind = match entry.file_type() {
                Ok(file_type) if file_type.is_symlink() && self.options.links == Links::Follow => {
                    // Where it leads decides about its place: a folder stands elsewhere than a file.
                    match fs::metadata(self.root.join(below).join(&name)) {
                        Ok(target) => kind_of(target.file_type()),
                        Err(error) => {
                            children.unfit.push((name, Unfit::Unreadable(error)));
                            continue;
                        }
                    }
                }
                Ok(file_type) => kind_of(file_type),
                Err(error) => {
                    children.unfit.push((name, Unfit::Unreadable(error)));
                    continue;
                }
            };
            match name.to_str() {
                Some(text) => {
                    if !children.push(text, kind) {
                        children
                            .unfit
                            .push((name, Unfit::Name(NameRefusal::PartTooLong { length: usize::MAX })));
                    }
                }
                None => children.unfit.push((name, Unfit::Name(NameRefusal::NotUnicode))),
            }
        }
        children.sort();
        Ok(children)
    }

    /// Looks at the next child of the innermost folder; `false` when everything was seen.
    fn advance(&mut self) -> bool {
        let Some(folder) = self.open.last_mut() else { return false };
        let Some(child) = folder.children.list.get(folder.next).copied() else {
            self.open.pop();
            return true;
        };
        folder.next += 1;
        let Some(folder) = self.open.last() else { return false };
        let part = folder.children.name(child);
        // Downloads make files and links; a folder of such a name is none of ours.
        let is_ours = matches!(child.kind, ChildKind::File | ChildKind::Link) && is_unfinished(part);
        let path = folder.path.join(part);
        let shown = || self.root.join(&path);
        let unfit = |unfit| Found::Unfit(shown(), unfit);
        if is_ours {
            // One that has ended since its folder was read has another name by now.
            if shown().symlink_metadata().is_ok() {
                let found = unfit(Unfit::Unfinished);
                self.ready.push_back(found);
            }
            return true;
        }
        let name = match Name::of_path(&path, child.kind == ChildKind::Folder, self.options.platform) {
            Ok(name) => name,
            Err(refusal) => {
                let found = unfit(Unfit::Name(refusal));
                self.ready.push_back(found);
                return true;
            }
        };
        let found = match child.kind {
            ChildKind::Special => unfit(Unfit::Special),
            ChildKind::Link if self.options.links != Links::Keep => unfit(Unfit::Link),
            ChildKind::Link => match fs::read_link(shown()) {
                Ok(target) => {
                    let size_bytes = target.as_os_str().len() as u64;
                    let modified =
                        fs::symlink_metadata(shown()).map(|metadata| Fingerprint::of(&metadata).modified());
                    let modified = modified.unwrap_or(Modified::UNKNOWN);
                    Found::Entry(Entry { kind: Kind::Link, ..Entry::file(name, size_bytes, modified) })
                }
                Err(error) => unfit(Unfit::Unreadable(error)),
            },
            ChildKind::File => match self.file(folder, part) {
                Ok(Some((size_bytes, modified))) => Found::Entry(Entry::file(name, size_bytes, modified)),
                // It became something else since its folder was read.
                Ok(None) => unfit(Unfit::Special),
                // It is gone, as if it had never been there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
                Err(error) => unfit(Unfit::Unreadable(error)),
            },
            ChildKind::Folder => {
                self.enter(path, name);
                return true;
            }
        };
        self.ready.push_back(found);
        true
    }

    fn enter(&mut self, path: PathBuf, name: Name) {
        if !(self.enters)(&name) {
            return;
        }
        let shown = self.root.join(&path);
        let read = self.look(&shown).and_then(|metadata| {
            let identity = identity(&metadata);
            // A folder that was replaced by a link since its parent was read is not entered.
            if !metadata.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            if identity.is_some() && self.open.iter().any(|folder| folder.identity == identity) {
                return Ok(None);
            }
            Ok(Some((identity, self.children(&path)?)))
        });
        match read {
            Ok(Some((identity, children))) => {
                let is_empty = children.list.is_empty() && children.unfit.is_empty();
                let comes = match self.options.folders {
                    Folders::None => false,
                    Folders::Empty => is_empty,
                    Folders::All => true,
                };
                if comes {
                    self.ready.push_back(Found::Entry(Entry::folder(name)));
                }
                self.push(path, identity, children);
            }
            Ok(None) => self.ready.push_back(Found::Unfit(shown, Unfit::Loop)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.ready.push_back(Found::Unfit(shown, Unfit::Unreadable(error))),
        }
    }

    /// Returns size and time of a child, `None` where it is no file.
    fn file(&self, folder: &OpenFolder, part: &str) -> io::Result<Option<(u64, Modified)>> {
        #[cfg(unix)]
        if let Some(handle) = &folder.handle {
            use rustix::fs::{AtFlags, FileType, statat};
            let follows = self.options.links == Links::Follow;
            let flags = if follows { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
            let seen = statat(handle, part, flags)?;
            let ns = i128::from(seen.st_mtime) * 1_000_000_000 + i128::from(seen.st_mtime_nsec);
            let modified =
                i64::try_from(ns).map_or(Modified::UNKNOWN, |ns| Modified::from_ns(ns, Meaning::Content));
            let is_file = FileType::from_raw_mode(seen.st_mode) == FileType::RegularFile;
            return Ok(is_file.then(|| (u64::try_from(seen.st_size).unwrap_or(0), modified)));
        }
        let metadata = self.look(&self.root.join(&folder.path).join(part))?;
        let seen = Fingerprint::of(&metadata);
        Ok(metadata.is_file().then(|| (seen.size_bytes, seen.modified())))
    }

    fn look(&self, path: &Path) -> io::Result<Metadata> {
        if self.options.links == Links::Follow { fs::metadata(path) } else { fs::symlink_metadata(path) }
    }
}

impl Iterator for Walk<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while self.ready.is_empty() && self.advance() {}
        self.ready.pop_front()
    }
}

impl Children {
    /// Adds a name; `false` when it is longer than any name can be, or all names of the folder are longer than 4 GiB.
    fn push(&mut self, name: &str, kind: ChildKind) -> bool {
        let (Ok(start), Ok(length)) = (u32::try_from(self.text.len()), u16::try_from(name.len())) else {
            return false;
        };
        self.text.push_str(name);
        self.list.push(Child { start, length, kind });
        true
    }

    fn name(&self, child: Child) -> &str {
        name_in(&self.text, child)
    }

    fn sort(&mut self) {
        let text = &self.text;
        let key = |child: &Child| {
            let slash = if child.kind == ChildKind::Folder { &b"/"[..] } else { &[] };
            name_in(text, *child).bytes().chain(slash.iter().copied())
        };
        self.list.sort_unstable_by(|one, other| key(one).cmp(key(other)));
        self.list.shrink_to_fit();
        self.text.shrink_to_fit();
    }
}

fn name_in(text: &str, child: Child) -> &str {
    let start = child.start as usize;
    &text[start..start + usize::from(child.length)]
}

fn kind_of(file_type: FileType) -> ChildKind {
    if file_type.is_dir() {
        ChildKind::Folder
    } else if file_type.is_file() {
        ChildKind::File
    } else if file_type.is_symlink() {
        ChildKind::Link
    } else {
        ChildKind::Special
    }
}

/// What makes a folder one and the same, whatever way leads to it.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> Option<(u64, u64)> {
    None
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use proptest::prelude::*;

    use super::*;

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in names {
            let path = root.path().join(name);
            if name.ends_with('/') {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, name).unwrap();
            }
        }
        root
    }

    fn options(links: Links, folders: Folders) -> WalkOptions {
        WalkOptions { links, folders, platform: Platform::Linux }
    }

    /// Names as they come; `!` marks what cannot be taken, with the reason.
    fn walked(root: &Path, options: WalkOptions, enters: impl FnMut(&Name) -> bool + Send) -> Vec<String> {
        let found = Walk::new(root, options, enters).unwrap().map(|found| match found {
            Found::Entry(entry) => entry.name.to_string(),
            Found::Unfit(path, why) => {
                let path = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                let why = match why {
                    Unfit::Name(refusal) => refusal.code().to_owned(),
                    Unfit::Link => "link".into(),
                    Unfit::Loop => "loop".into(),
                    Unfit::Special => "special".into(),
                    Unfit::Unfinished => "ours".into(),
                    Unfit::Unreadable(error) => format!("{:?}", error.kind()),
                };
                format!("!{path} {why}")
            }
        });
        found.collect()
    }

    #[test]
    fn names_come_in_the_order_of_keys() {
        let root = tree(&["a/x", "a-b", "a.txt", "ab/c/d", "b", "empty/", "a/y/z", "full/empty/"]);
        let all = |_: &Name| true;
        let plain = walked(root.path(), options(Links::Skip, Folders::None), all);
        assert_eq!(plain, ["a-b", "a.txt", "a/x", "a/y/z", "ab/c/d", "b"]);
        let empty = walked(root.path(), options(Links::Skip, Folders::Empty), all);
        assert_eq!(empty, ["a-b", "a.txt", "a/x", "a/y/z", "ab/c/d", "b", "empty/", "full/empty/"]);
        let every = walked(root.path(), options(Links::Skip, Folders::All), all);
        assert!(every.is_sorted() && every.len() == 13, "{every:?}");
        let pruned = walked(root.path(), options(Links::Skip, Folders::All), |name| {
            name.as_str() != "a/y/" && name.as_str() != "ab/"
        });
        assert_eq!(pruned, ["a-b", "a.txt", "a/", "a/x", "b", "empty/", "full/", "full/empty/"]);
    }

    #[test]
    fn sizes_and_times_are_told() {
        let root = tree(&["a"]);
        let Some(Found::Entry(entry)) =
            Walk::new(root.path(), WalkOptions::default(), |_| true).unwrap().next()
        else {
            panic!("there is a file")
        };
        let metadata = fs::metadata(root.path().join("a")).unwrap();
        assert_eq!((entry.size_bytes, entry.kind), (1, Kind::File));
        assert_eq!(entry.modified, Fingerprint::of(&metadata).modified());
    }

    #[test]
    fn links_are_passed_over_followed_or_kept() {
        let root = tree(&["real/file", "z"]);
        symlink("real", root.path().join("folder")).unwrap();
        symlink("z", root.path().join("file")).unwrap();
        symlink("nowhere", root.path().join("broken")).unwrap();
        symlink("..", root.path().join("real/up")).unwrap();
        let all = |_: &Name| true;
        let skip = walked(root.path(), options(Links::Skip, Folders::None), all);
        assert_eq!(skip, ["!broken link", "!file link", "!folder link", "real/file", "!real/up link", "z"]);
        let follow = walked(root.path(), options(Links::Follow, Folders::None), all);
        assert_eq!(
            follow,
            ["!broken NotFound", "file", "folder/file", "!folder/up loop", "real/file", "!real/up loop", "z"]
        );
        let keep = walked(root.path(), options(Links::Keep, Folders::None), all);
        assert_eq!(keep, ["broken", "file", "folder", "real/file", "real/up", "z"]);
    }

    #[test]
    fn what_cannot_be_taken_is_told_and_the_rest_goes_on() {
        use std::os::unix::ffi::OsStrExt;
        let ours = ".pintail-0123456789abcdef.part";
        let folder = ".pintail-0123456789abcde0.part/";
        let root = tree(&["a", "b/c", "new\nline", "z", ours, &format!("b/{ours}"), folder, "\\\\share"]);
        symlink("a", root.path().join(".pintail-0123456789abcdee.part")).unwrap();
        fs::write(root.path().join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
        let socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
        let found = walked(root.path(), options(Links::Skip, Folders::None), |_| true);
        assert_eq!(
            found,
            [
                "!\u{fffd} not-unicode",
                "!.pintail-0123456789abcde0.part unfinished",
                "!.pintail-0123456789abcdee.part ours",
                "!.pintail-0123456789abcdef.part ours",
                "\\\\share",
                "a",
                "!b/.pintail-0123456789abcdef.part ours",
                "b/c",
                "!new\nline control",
                "!socket special",
                "z"
            ]
        );
        drop(socket);
        assert!(Walk::new(&root.path().join("not there"), WalkOptions::default(), |_| true).is_err());
    }

    #[test]
    fn a_folder_that_may_not_be_read_is_told() {
        let root = tree(&["a/x", "closed/x", "z"]);
        let closed = root.path().join("closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        let found = walked(root.path(), options(Links::Skip, Folders::None), |_| true);
        let readable = fs::read_dir(&closed).is_ok();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        // Root reads everything.
        let expected = if readable { "closed/x" } else { "!closed PermissionDenied" };
        assert_eq!(found, ["a/x", expected, "z"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_walk_is_sorted_and_finds_every_file(names in prop::collection::btree_set("[ab.!é]{1,2}(/[ab.!é]{1,2}){0,3}", 1..30)) {
            let root = tempfile::tempdir().unwrap();
            let mut made = Vec::new();
            for name in &names {
                let path = root.path().join(name);
                let is_odd = name.split('/').any(|part| part == "." || part == "..");
                if is_odd || fs::create_dir_all(path.parent().unwrap()).is_err() || path.is_dir() {
                    continue;
                }
                fs::write(&path, "").unwrap();
                made.push(name.clone());
            }
            made.sort();
            prop_assert_eq!(walked(root.path(), options(Links::Skip, Folders::None), |_| true), made);
        }
    }
}

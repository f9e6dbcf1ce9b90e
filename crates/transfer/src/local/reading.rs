//! Files and links below a folder, read without following a link: whoever may write below it must not choose what is sent from elsewhere.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;

use super::target::{Missing, Target, TargetError};
use super::{LocalError, SourceError};
use crate::fingerprint::Fingerprint;

impl Target {
    /// Opens a file for reading. Where the system has a call for it (`openat2` of Linux 5.6) that takes no other, whatever the depth.
    ///
    /// # Errors
    /// [`SourceError::Link`] when a link stands there or on the way.
    pub(super) fn open_below(&self, path: &Path) -> Result<File, SourceError> {
        let opened = match self.open_at_once(path) {
            Some(opened) => opened,
            None => match self.folder_of(path, Missing::Fail) {
                Ok((folder, name)) => open_to_read(&folder, &name),
                Err(TargetError::Local(error)) => return Err(error.into()),
                Err(_) => return Err(SourceError::Link(self.path().join(path))),
            },
        };
        opened.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => SourceError::Link(self.path().join(path)),
            _ => self.local("read", path, error).into(),
        })
    }

    /// Returns the outcome of the one call, with links as invalid input; `None` where it cannot be made.
    #[cfg(target_os = "linux")]
    fn open_at_once(&self, path: &Path) -> Option<io::Result<File>> {
        use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
        use rustix::io::Errno;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match openat2(&self.root, path, flags, Mode::empty(), resolve) {
            Ok(file) => Some(Ok(File::from(file))),
            // An old kernel, a filter that does not know the call, a name that was moved at this moment.
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => None,
            Err(Errno::LOOP | Errno::XDEV) => Some(Err(io::ErrorKind::InvalidInput.into())),
            Err(error) => Some(Err(error.into())),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_at_once(&self, _path: &Path) -> Option<io::Result<File>> {
        None
    }

    /// Returns the text of a symbolic link and its state.
    ///
    /// # Errors
    /// [`SourceError::Changed`] when there is none any more, [`SourceError::Link`] when another one stands on the way.
    pub(crate) fn link_below(&self, path: &Path) -> Result<(OsString, Fingerprint), SourceError> {
        let (folder, name) = match self.folder_of(path, Missing::Fail) {
            Ok(found) => found,
            Err(TargetError::Local(error)) => return Err(error.into()),
            Err(_) => return Err(SourceError::Link(self.path().join(path))),
        };
        let shown = self.path().join(path);
        read_link(&folder, &name, &shown).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::NotFound => SourceError::Changed(shown),
            _ => LocalError::new("read the link", &shown, error).into(),
        })
    }
}

/// Opens a file by its name in a folder. A link is not followed.
#[cfg(unix)]
fn open_to_read(folder: &cap_std::fs::Dir, name: &std::ffi::OsStr) -> io::Result<File> {
    super::target::open_file(folder, name, super::target::Access::Read)
}

/// The same, with no more than reading: a file may be one that nobody can write to.
#[cfg(not(unix))]
fn open_to_read(folder: &cap_std::fs::Dir, name: &std::ffi::OsStr) -> io::Result<File> {
    if folder.symlink_metadata(name)?.is_symlink() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut options = cap_std::fs::OpenOptions::new();
    options.read(true);
    Ok(folder.open_with(name, &options)?.into_std())
}

/// Reads text and state of one and the same link.
#[cfg(target_os = "linux")]
fn read_link(
    folder: &cap_std::fs::Dir,
    name: &std::ffi::OsStr,
    _shown: &Path,
) -> io::Result<(OsString, Fingerprint)> {
    use std::os::unix::ffi::OsStringExt;

    use rustix::fs::{Mode, OFlags, openat, readlinkat};
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let link = File::from(openat(folder, name, flags, Mode::empty())?);
    let metadata = link.metadata()?;
    if !metadata.is_symlink() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let text = readlinkat(&link, "", Vec::new())?;
    Ok((OsString::from_vec(text.into_bytes()), Fingerprint::of(&metadata)))
}

#[cfg(not(target_os = "linux"))]
fn read_link(
    folder: &cap_std::fs::Dir,
    name: &std::ffi::OsStr,
    shown: &Path,
) -> io::Result<(OsString, Fingerprint)> {
    let text = folder.read_link_contents(name)?;
    Ok((text.into_os_string(), Fingerprint::of(&std::fs::symlink_metadata(shown)?)))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::super::Source;
    use super::*;

    #[test]
    fn files_are_opened_and_nothing_behind_a_link_is() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        fs::write(folder.path().join("outside/file"), "theirs").unwrap();
        fs::write(root.join("a/b/file"), "mine").unwrap();
        symlink("a/b/file", root.join("link")).unwrap();
        symlink("a", root.join("folder")).unwrap();
        symlink("../outside", root.join("out")).unwrap();
        // A link that a person named is followed, since it is the way to the folder.
        symlink("root", folder.path().join("named")).unwrap();
        let target = Target::existing(&folder.path().join("named")).unwrap();
        let source = Source::below(&target, Path::new("a/b/file")).unwrap();
        assert_eq!(&source.read_whole().unwrap()[..], b"mine");
        source.check_unchanged().unwrap();
        for path in ["link", "folder/b/file", "out/file", "../outside/file"] {
            let opened = Source::below(&target, Path::new(path));
            assert!(matches!(opened, Err(SourceError::Link(_))), "{path} {opened:?}");
        }
        for path in ["none", "a/none/file", "a/b/file/x"] {
            let opened = Source::below(&target, Path::new(path));
            assert!(matches!(opened, Err(SourceError::Local(_))), "{path} {opened:?}");
        }
        assert!(matches!(Source::below(&target, Path::new("a")), Err(SourceError::NotAFile(_))));
        // Step by step it is the same.
        for (path, is_link) in [("a/b/file", false), ("link", true), ("a/b", false)] {
            let (above, name) = target.folder_of(Path::new(path), Missing::Fail).unwrap();
            let opened = open_to_read(&above, &name);
            assert_eq!(opened.is_err(), is_link, "{path}");
        }
        assert!(target.folder_of(Path::new("folder/b/file"), Missing::Fail).is_err());
        assert!(Target::existing(&folder.path().join("missing")).is_err());
        assert!(!folder.path().join("missing").exists());
    }

    #[test]
    fn links_are_read_with_their_state() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        symlink("to nowhere", folder.path().join("a/link")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let target = Target::existing(folder.path()).unwrap();
        let (text, state) = target.link_below(Path::new("a/link")).unwrap();
        assert_eq!(text, "to nowhere");
        assert_eq!(state, Fingerprint::of(&fs::symlink_metadata(folder.path().join("a/link")).unwrap()));
        assert!(matches!(target.link_below(Path::new("b/link")), Err(SourceError::Link(_))));
        assert!(matches!(target.link_below(Path::new("file")), Err(SourceError::Changed(_))));
        assert!(matches!(target.link_below(Path::new("none")), Err(SourceError::Changed(_))));
    }
}

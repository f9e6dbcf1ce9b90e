//! Files that only their owner may read: made with the right mode from the start, replaced as a whole.
//!
//! A folder of ours that others may enter is repaired; a secret in clear text that others may read is refused, because it may
//! have been read already.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{KeychainError, KeychainKind, KeychainProblem};

/// What happens to a file that others may read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WideFile {
    /// Its content is encrypted: take the rights away and go on.
    Repair,
    /// Its content is a secret in clear text: say so and stop.
    Refuse,
}

/// The files of one store.
#[derive(Clone, Debug)]
pub(super) struct PrivateFolder {
    pub(super) kind: KeychainKind,
    pub(super) path: PathBuf,
}

impl PrivateFolder {
    /// Makes the folder and its parents, for the owner only, and repairs the rights of one that is there.
    pub(super) fn prepare(&self) -> Result<(), KeychainError> {
        let failed = |error| self.failed(&self.path, error);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(failed)?;
        let metadata = fs::metadata(&self.path).map_err(failed)?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(KeychainError::new(self.kind, KeychainProblem::PermissionsTooWide).at(&self.path));
        }
        if metadata.mode() & 0o077 != 0 {
            tracing::warn!(folder = %self.path.display(), "others could enter this folder; taking the right away");
            fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
            let mode = fs::metadata(&self.path).map_err(failed)?.mode();
            if mode & 0o077 != 0 {
                // File systems without rights (FAT, some network mounts) take the change and ignore it.
                return Err(KeychainError::new(self.kind, KeychainProblem::PermissionsTooWide).at(&self.path));
            }
        }
        Ok(())
    }

    /// Reads a file, `None` if there is none.
    pub(super) fn read(
        &self,
        name: &str,
        wide: WideFile,
        limit_bytes: usize,
    ) -> Result<Option<Vec<u8>>, KeychainError> {
        let path = self.path.join(name);
        let failed = |error| self.failed(&path, error);
        let mut options = OpenOptions::new();
        let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).expect("open flags fit a C int");
        let file = match options.read(true).custom_flags(nofollow).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        let foreign = metadata.uid() != rustix::process::geteuid().as_raw();
        if foreign || metadata.mode() & 0o077 != 0 {
            if foreign || wide == WideFile::Refuse {
                return Err(KeychainError::new(self.kind, KeychainProblem::PermissionsTooWide).at(path));
            }
            tracing::warn!(file = %path.display(), "others could read this file; taking the right away");
            file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(failed)?;
        }
        let mut bytes = Vec::new();
        file.take(limit_bytes as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > limit_bytes {
            return Err(KeychainError::new(self.kind, KeychainProblem::Damaged).at(path));
        }
        Ok(Some(bytes))
    }

    /// Creates or replaces a file as a whole: after a crash it holds the old content or the new one.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), KeychainError> {
        let path = self.path.join(name);
        let (temporary, _) = self.write_temporary(name, bytes)?;
        fs::rename(&temporary, &path).map_err(|error| {
            let _ = fs::remove_file(&temporary);
            self.failed(&path, error)
        })?;
        self.sync()
    }

    /// Creates a file unless there is one already, and tells whether it did.
    pub(super) fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, KeychainError> {
        let path = self.path.join(name);
        let (temporary, _) = self.write_temporary(name, bytes)?;
        let mut made = fs::hard_link(&temporary, &path);
        let _ = fs::remove_file(&temporary);
        if made.as_ref().is_err_and(|error| {
            matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
        }) {
            // File systems without links (FAT, some FUSE ones): exclusive creation is all there is.
            made = create_in_place(&path, bytes);
        }
        match made {
            Ok(()) => self.sync().map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(self.failed(&path, error)),
        }
    }

    /// Removes a file if it is there.
    pub(super) fn remove(&self, name: &str) -> Result<(), KeychainError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Ok(()) => self.sync(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.failed(&path, error)),
        }
    }

    /// Returns the names of the files with this ending.
    pub(super) fn names(&self, ending: &str) -> Result<Vec<String>, KeychainError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(&self.path, error)),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter(|name| name.ends_with(ending)).collect())
    }

    pub(super) fn failed(&self, path: &Path, error: io::Error) -> KeychainError {
        KeychainError::new(self.kind, KeychainProblem::Failed).at(path).because(error)
    }

    /// Writes a new file beside `name` and brings it to the disk.
    fn write_temporary(&self, name: &str, bytes: &[u8]) -> Result<(PathBuf, File), KeychainError> {
        let mut random = [0; 8];
        aws_lc_rs::rand::fill(&mut random)
            .map_err(|_| KeychainError::new(self.kind, KeychainProblem::Failed).at(&self.path))?;
        let temporary = self.path.join(format!(".{name}.{:016x}.new", u64::from_le_bytes(random)));
        let written = open_new(&temporary).and_then(|file| fill(file, bytes));
        match written {
            Ok(file) => Ok((temporary, file)),
            Err(error) => {
                let _ = fs::remove_file(&temporary);
                Err(self.failed(&temporary, error))
            }
        }
    }

    /// Brings the folder's names to the disk.
    fn sync(&self) -> Result<(), KeychainError> {
        let synced = File::open(&self.path).and_then(|folder| folder.sync_all());
        match synced {
            Ok(()) => Ok(()),
            // Some network file systems cannot: the rename itself has been answered by the server then.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            Err(error) => Err(self.failed(&self.path, error)),
        }
    }
}

fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn fill(mut file: File, bytes: &[u8]) -> io::Result<File> {
    // The mode given to open is cut by the umask only, never widened; a default ACL can widen it.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(file)
}

/// Creates a file under its own name, unless there is one already. A crash can leave a part of it.
fn create_in_place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fill(open_new(path)?, bytes).map(drop).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_links_the_first_one_still_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create_in_place(&path, b"first").unwrap();
        assert_eq!(create_in_place(&path, b"second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}

//! A small JSON file of the state folder: read by everybody, changed by one process at a time.
//!
//! What stands in such a file is a convenience or can be had again, so one that is missing or damaged holds nothing. Two
//! commands at once must not lose what the other one wrote, so a change reads, changes and replaces the file under a lock.

use std::fs::{File, OpenOptions};
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::file::{private_folder, replace};

/// One file, and what is in it.
#[derive(Debug)]
pub(crate) struct StateFile<T> {
    path: PathBuf,
    content: PhantomData<T>,
}

impl<T: Clone + Default + PartialEq + Serialize + DeserializeOwned> StateFile<T> {
    /// Names the file. Nothing is read or made yet.
    pub(crate) fn at(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(name), content: PhantomData }
    }

    /// Returns the file's path.
    #[cfg(test)]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what is in the file; nothing where it is missing or damaged.
    pub(crate) fn read(&self) -> T {
        let text = std::fs::read(&self.path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// As [`StateFile::read`], where damage must not pass for nothing.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or is damaged.
    pub(crate) fn read_whole(&self) -> Result<T, Error> {
        match std::fs::read(&self.path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|source| Error::DamagedPins { path: self.path.clone(), source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
            Err(error) => Err(Error::local("read", &self.path, error)),
        }
    }

    /// Changes what is in the file, and returns what the change says. Nothing is written, made or locked where nothing
    /// changes. The change may be made twice, to what was there before the lock was had and to what is there then.
    ///
    /// # Errors
    /// When the file, or the one of its lock, cannot be written.
    pub(crate) fn change<R>(&self, change: impl Fn(&mut T) -> R) -> Result<R, Error> {
        let mut content = self.read();
        let before = content.clone();
        let said = change(&mut content);
        if content == before {
            return Ok(said);
        }
        let _lock = self.lock()?;
        let mut content = self.read();
        let before = content.clone();
        let said = change(&mut content);
        if content != before {
            let text = serde_json::to_vec_pretty(&content).expect("texts and numbers");
            replace(&self.path, &text)?;
        }
        Ok(said)
    }

    /// Removes the file.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        if !self.path.exists() {
            return Ok(());
        }
        let _lock = self.lock()?;
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::local("remove", &self.path, error))
            }
            _ => Ok(()),
        }
    }

    /// Waits for the lock, which ends with the file that is returned or with its process. It is a file of its own, beside
    /// the one that is replaced, and stays.
    fn lock(&self) -> Result<File, Error> {
        let path = self.path.with_extension("lock");
        private_folder(path.parent().unwrap_or_else(|| Path::new(".")))?;
        let failed = |error| Error::local("write", &path, error);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(failed)?;
        if let Err(error) = file.lock() {
            // A file system without locks: two at once are rare, and nothing is worth failing for.
            tracing::debug!(path = %path.display(), %error, "the file cannot be locked");
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Numbers = BTreeMap<String, u32>;

    #[test]
    fn changes_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = || StateFile::<Numbers>::at(folder.path(), "numbers.json");
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                scope.spawn(move || {
                    for number in 1..=25 {
                        file().change(|all| all.insert(format!("{name}{number}"), number)).unwrap();
                        file().change(|all| *all.entry("all".into()).or_default() += 1).unwrap();
                    }
                });
            }
        });
        let all = file().read();
        assert_eq!((all.len(), all["all"]), (101, 100));
    }

    #[test]
    fn nothing_is_made_where_nothing_changes_and_damage_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::<Numbers>::at(&folder.path().join("state"), "numbers.json");
        assert_eq!(file.change(|all| all.remove("a")).unwrap(), None);
        file.remove().unwrap();
        assert!(!folder.path().join("state").exists());
        file.change(|all| all.insert("a".into(), 1)).unwrap();
        std::fs::write(folder.path().join("state/numbers.json"), "{").unwrap();
        assert!(file.read().is_empty());
        file.change(|all| all.insert("b".into(), 2)).unwrap();
        assert_eq!(file.read().len(), 1);
        file.remove().unwrap();
        assert!(file.read().is_empty());
    }
}

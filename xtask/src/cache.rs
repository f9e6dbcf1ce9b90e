//! The folder that outlives a checkout: tools are fetched once per machine, not once per clone.
//!
//! An item is keyed by its name and a hash of everything that decides its content, so a changed pin makes a new
//! folder and an old one is never changed. It is built in place under a lock, because virtual environments cannot be
//! moved, and it counts as there only once its marker is: an interrupted build leaves no marker and is begun again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

const MARKER: &str = ".complete";

/// The cache of this user.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens `PINTAIL_CACHE`, else `XDG_CACHE_HOME/pintail`, else `~/.cache/pintail`.
    pub(crate) fn open() -> Result<Self, String> {
        #[expect(clippy::disallowed_methods, reason = "the cache is where the user's environment says")]
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = variable("PINTAIL_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("pintail")))
            .or_else(|| variable("HOME").map(|folder| folder.join(".cache/pintail")))
            .ok_or("no cache folder: set PINTAIL_CACHE or HOME")?;
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        // The folder ends up in scripts and environments, so it must not depend on where a command is run.
        let folder = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Returns the folder of an item, built first where it is not there yet.
    pub(crate) fn item(
        &self,
        name: &str,
        decides: &[&str],
        build: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<PathBuf, String> {
        let folder = self.folder.join(format!("{name}-{:016x}", fingerprint(decides)));
        let marker = folder.join(MARKER);
        if marker.exists() {
            return Ok(folder);
        }
        let _lock = self.lock(name)?;
        if marker.exists() {
            return Ok(folder);
        }
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed)?;
        }
        fs::create_dir_all(&folder).map_err(failed)?;
        build(&folder)?;
        File::create(&marker).map_err(failed)?;
        Ok(folder)
    }

    /// Holds a named lock of this machine until the file is dropped; waits for another run that holds it.
    pub(crate) fn lock(&self, name: &str) -> Result<File, String> {
        let path = self.folder.join(format!("{name}.lock"));
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        if file.try_lock().is_err() {
            println!("  waiting for another run that holds {}", path.display());
            file.lock().map_err(failed)?;
        }
        Ok(file)
    }
}

/// FNV-1a: stable between versions of Rust, which the hasher of the standard library does not promise.
fn fingerprint(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Cache;

    #[test]
    fn an_item_is_built_once_and_again_after_a_failure() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache { folder: folder.path().to_owned() };
        let failed = cache.item("thing", &["1"], |folder| {
            fs::write(folder.join("half"), "").expect("a file");
            Err("broken".to_owned())
        });
        assert_eq!(failed, Err("broken".to_owned()));
        let built = cache.item("thing", &["1"], |folder| {
            assert!(!folder.join("half").exists(), "what a failed build left is gone");
            fs::write(folder.join("whole"), "").map_err(|error| error.to_string())
        });
        let again = cache.item("thing", &["1"], |_| panic!("it is there already"));
        assert_eq!(built, again);
        let other = cache.item("thing", &["2"], |_| Ok(()));
        assert_ne!(built, other, "a changed pin is another folder");
    }
}

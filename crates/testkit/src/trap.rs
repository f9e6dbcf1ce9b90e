//! A target folder in which somebody planted links, and what must not be touched around it.
//!
//! The target holds `out`, a link to a folder outside; `deep/er/out`, the same further down and absolute; `file-out`, a link to a file outside;
//! `dangling`, a link to a file outside that is not there; `here`, a link to the target itself; `plain`, a file; `folder`, a folder.
//! [`crate::names`] has the keys that meet them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The target and its surroundings.
#[derive(Debug)]
pub struct Trap {
    all: TempDir,
    before: BTreeMap<PathBuf, String>,
}

impl Trap {
    /// Sets a trap in a temporary folder.
    ///
    /// # Panics
    /// Where it cannot be set.
    #[must_use]
    pub fn set() -> Self {
        Self::try_set().unwrap_or_else(|error| panic!("no trap: {error}"))
    }

    fn try_set() -> io::Result<Self> {
        let all = tempfile::Builder::new().prefix("pintail-trap-").tempdir()?;
        let at = |path: &str| all.path().join(path);
        fs::create_dir_all(at("around/outside/folder"))?;
        fs::write(at("around/outside/file"), "theirs")?;
        fs::write(at("around/x"), "theirs")?;
        fs::create_dir_all(at("around/target/deep/er"))?;
        fs::create_dir(at("around/target/folder"))?;
        fs::write(at("around/target/plain"), "mine")?;
        symlink("../outside", at("around/target/out"))?;
        symlink(at("around/outside"), at("around/target/deep/er/out"))?;
        symlink("../outside/file", at("around/target/file-out"))?;
        symlink("../outside/dangling", at("around/target/dangling"))?;
        symlink(".", at("around/target/here"))?;
        let mut trap = Self { all, before: BTreeMap::new() };
        trap.before = trap.outside();
        Ok(trap)
    }

    /// The folder that things are downloaded to.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        self.all.path().join("around/target")
    }

    /// The folder beside it that the links lead to.
    #[must_use]
    pub fn outside_folder(&self) -> PathBuf {
        self.all.path().join("around/outside")
    }

    /// Everything around the target.
    #[must_use]
    pub fn outside(&self) -> BTreeMap<PathBuf, String> {
        let target = self.target();
        contents(self.all.path()).into_iter().filter(|(path, _)| !path.starts_with(&target)).collect()
    }

    /// Checks that nothing around the target was made, changed or removed.
    ///
    /// # Panics
    /// Where something was; `what` says by whom.
    #[track_caller]
    pub fn is_untouched(&self, what: &str) {
        assert_eq!(self.outside(), self.before, "{what} touched what is outside");
    }
}

/// Everything below a folder, by path: `folder`, what a file says, where a link leads.
///
/// # Panics
/// Where it cannot be read.
#[must_use]
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        for entry in entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.path();
            let shown = describe(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            if shown == FOLDER {
                open.push(path.clone());
            }
            found.insert(path, shown);
        }
    }
    found
}

const FOLDER: &str = "folder";

fn describe(path: &Path) -> io::Result<String> {
    let kind = fs::symlink_metadata(path)?.file_type();
    Ok(if kind.is_dir() {
        FOLDER.to_owned()
    } else if kind.is_symlink() {
        format!("link to {}", fs::read_link(path)?.display())
    } else {
        format!("file: {}", String::from_utf8_lossy(&fs::read(path)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_through_a_link_is_seen() {
        let trap = Trap::set();
        trap.is_untouched("nobody");
        fs::write(trap.target().join("mine"), "mine").expect("a file");
        trap.is_untouched("a file inside");
        fs::write(trap.target().join("out/escaped"), "evil").expect("a file");
        assert!(trap.outside().contains_key(&trap.outside_folder().join("escaped")));
        let caught = std::panic::catch_unwind(|| trap.is_untouched("a file through the link"));
        assert!(caught.is_err());
    }
}

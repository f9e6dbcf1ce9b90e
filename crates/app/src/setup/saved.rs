//! What was wanted last time, kept per bookmark in the configuration folder, for the commands that come after a setup.

use std::fs;
use std::path::{Path, PathBuf};

use pintail_core::name::BookmarkName;

use super::SetupError;
use super::desired::{Desired, Draft};
use crate::ops::{App, Error};

/// Returns where the wish of a bookmark is kept.
pub(crate) fn path(app: &App, name: &BookmarkName) -> PathBuf {
    folder(app).join(format!("{name}.toml"))
}

fn folder(app: &App) -> PathBuf {
    app.environment().folders.config.join("setup")
}

/// Reads a wish from a file that a person named.
///
/// # Errors
/// When it cannot be read, or is none.
pub(crate) fn draft_of(file: &Path) -> Result<Draft, Error> {
    let text = fs::read_to_string(file).map_err(|error| Error::local("read", file, error))?;
    let faults = |faults| SetupError::Faults { file: Some(file.to_owned()), faults };
    Ok(Draft::parse(&text).map_err(faults)?)
}

/// Reads the wish of a file, or of a setup that is kept, or of the only one there is.
///
/// # Errors
/// When there is none, or not exactly one, or it cannot be read.
pub(crate) fn load(app: &App, file: Option<&Path>, name: Option<&BookmarkName>) -> Result<Desired, Error> {
    let path = match (file, name) {
        (Some(file), _) => file.to_owned(),
        (None, Some(name)) if path(app, name).exists() => path(app, name),
        (None, Some(name)) => {
            return Err(SetupError::NoSetup { name: name.clone(), known: names(app)? }.into());
        }
        (None, None) => match &names(app)?[..] {
            [only] => folder(app).join(format!("{only}.toml")),
            known => return Err(SetupError::WhichSetup { known: known.to_vec() }.into()),
        },
    };
    let faults = |faults| SetupError::Faults { file: Some(path.clone()), faults };
    Ok(draft_of(&path)?.read().map_err(faults)?)
}

/// Keeps a wish. Returns whether that was news.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn keep(app: &App, desired: &Desired) -> Result<bool, Error> {
    let path = path(app, &desired.bookmark.name);
    let text = desired.to_toml();
    if fs::read_to_string(&path).is_ok_and(|known| known == text) {
        return Ok(false);
    }
    write(&path, text.as_bytes())?;
    Ok(true)
}

/// Forgets the wish of a bookmark.
///
/// # Errors
/// When the file cannot be removed.
pub(crate) fn forget(app: &App, name: &BookmarkName) -> Result<(), Error> {
    let path = path(app, name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::local("remove", &path, error))
        }
        _ => Ok(()),
    }
}

/// Lists the setups that are kept.
fn names(app: &App) -> Result<Vec<String>, Error> {
    let folder = folder(app);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::local("read", &folder, error)),
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            entry.ok()?.file_name().into_string().ok()?.strip_suffix(".toml").map(str::to_owned)
        })
        .collect();
    names.sort();
    Ok(names)
}

/// Replaces a file of ours as a whole.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    pintail_connect::private_folder(folder)?;
    let replace = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    replace().map_err(|error| Error::local("write", path, error))
}

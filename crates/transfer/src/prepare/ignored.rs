//! The ignore files of a folder and of those below it, read at once, for those who judge names without walking themselves.

use std::path::Path;

use super::PrepareError;
use super::side::ignore_file;
use crate::filter::Filter;
use crate::local::walk::Folders;
use crate::local::{Links, Walk, WalkOptions};
use crate::name::{Name, Platform};

/// Adds the rules of the files of these names in a folder and in those below it to a filter. Folders that are left out are not entered, as
/// when they are copied. Without a name nothing is read.
///
/// # Errors
/// When the folder or an ignore file cannot be read, or a line of one.
pub fn ignore_files(
    root: &Path,
    names: &[String],
    links: Links,
    filter: &mut Filter,
) -> Result<(), PrepareError> {
    if names.is_empty() {
        return Ok(());
    }
    let mut first_error = read(root, "", names, filter).err();
    let options = WalkOptions { links, folders: Folders::None, platform: Platform::HERE };
    let enters = |folder: &Name| {
        let enters = first_error.is_none() && filter.may_hold(folder);
        if enters {
            first_error = read(root, folder.as_str(), names, filter).err();
        }
        enters
    };
    // Only the folders on the way matter, which are told to `enters`.
    Walk::new(root, options, enters)?.for_each(drop);
    first_error.map_or(Ok(()), Err)
}

fn read(root: &Path, folder: &str, names: &[String], filter: &mut Filter) -> Result<(), PrepareError> {
    for name in names {
        let path = root.join(folder).join(name);
        if let Some(text) = ignore_file(&path)? {
            let wrong = |source| PrepareError::IgnoreFile { path: path.display().to_string(), source };
            filter.rules.ignore_file(folder, &text).map_err(wrong)?;
        }
    }
    Ok(())
}

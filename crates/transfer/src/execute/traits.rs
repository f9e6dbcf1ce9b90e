//! What is said of objects and files besides their bytes: media type, time, permissions, and whether an object is a symbolic link.
//!
//! Pure. The metadata is what others write and read too: `mtime` as rclone (seconds since 1970 with nine digits of fraction), `mode` as s3fs (the
//! number of the file's kind and permissions, decimal). Owners are not kept: their numbers mean nothing on another machine.

use std::path::Path;

use pintail_store::object_store::{ObjectInfo, Traits};

use super::Options;
use super::media_type::media_type;
use crate::entry::Modified;

const MTIME: &str = "mtime";
const MODE: &str = "mode";

/// The bits of a mode that say which kind of file it is, and the value for symbolic links (inode(7)).
const KIND: u32 = 0o170_000;
const LINK: u32 = 0o120_000;

/// Returns what is said of a file's object.
pub(super) fn of_file(path: &Path, modified: Modified, mode: Option<u32>, options: &Options) -> Traits {
    let mut traits = Traits { content_type: media_type(path).map(str::to_owned), ..Traits::default() };
    if options.times
        && let Some(time) = modified.metadata()
    {
        traits.metadata.insert(MTIME.to_owned(), time);
    }
    if options.permissions
        && let Some(mode) = mode
    {
        traits.metadata.insert(MODE.to_owned(), mode.to_string());
    }
    traits
}

/// Returns what is said of the object of a symbolic link, whose content is the link's text.
pub(super) fn of_link(modified: Modified, options: &Options) -> Traits {
    let mut traits = Traits::default();
    if options.times
        && let Some(time) = modified.metadata()
    {
        traits.metadata.insert(MTIME.to_owned(), time);
    }
    traits.metadata.insert(MODE.to_owned(), (LINK | 0o777).to_string());
    traits
}

/// Returns the time of an object's file: the one that was kept with it, else when the object was written.
pub(super) fn modified(info: &ObjectInfo, options: &Options) -> Modified {
    let kept = options.times.then(|| info.traits.metadata.get(MTIME)).flatten();
    let kept = kept.and_then(|kept| Modified::parse_metadata(kept));
    kept.or_else(|| info.last_modified.map(Modified::written)).unwrap_or(Modified::UNKNOWN)
}

/// Returns the permissions of an object's file, where they are kept.
pub(super) fn permissions(info: &ObjectInfo, options: &Options) -> Option<u32> {
    if options.permissions { mode(info).map(|mode| mode & 0o777) } else { None }
}

/// Tells whether an object is a symbolic link.
pub(super) fn is_link(info: &ObjectInfo) -> bool {
    mode(info).is_some_and(|mode| mode & KIND == LINK)
}

fn mode(info: &ObjectInfo) -> Option<u32> {
    info.traits.metadata.get(MODE)?.parse().ok()
}

//! What tells one state of a file from another without reading it.
//!
//! Pure, but for [`Fingerprint::of`], which takes what the system said of a file.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::entry::{Meaning, Modified};

/// One state of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Its size.
    pub size_bytes: u64,
    /// When its content was last changed, in nanoseconds since 1970.
    pub modified_ns: Option<i64>,
    /// Its inode, where files have one.
    pub inode: Option<u64>,
    /// When anything about it was last changed, in nanoseconds since 1970, where that is known. Nobody can set it back.
    pub changed_ns: Option<i64>,
}

impl Fingerprint {
    /// Takes what the system said of a file.
    pub fn of(metadata: &Metadata) -> Self {
        let (inode, changed_ns) = identity(metadata);
        let modified_ns = metadata.modified().ok().and_then(ns_of);
        Self { size_bytes: metadata.len(), modified_ns, inode, changed_ns }
    }

    /// Tells whether the file is as it was a run ago: the same file with the same size and time.
    ///
    /// Whatever else was changed, such as its permissions or the number of its names, does not count.
    pub fn is_same_content(&self, other: &Self) -> bool {
        self.size_bytes == other.size_bytes
            && self.modified_ns == other.modified_ns
            && (self.inode == other.inode || self.inode.is_none() || other.inode.is_none())
    }

    /// Returns the time of its content.
    pub fn modified(&self) -> Modified {
        self.modified_ns.map_or(Modified::UNKNOWN, |ns| Modified::from_ns(ns, Meaning::Content))
    }
}

/// Returns a time of the system in nanoseconds since 1970, `None` outside the years 1677 to 2262.
pub(crate) fn ns_of(time: SystemTime) -> Option<i64> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos()).ok().map(|ns| -ns),
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (Option<u64>, Option<i64>) {
    use std::os::unix::fs::MetadataExt;
    let changed =
        metadata.ctime().checked_mul(1_000_000_000).and_then(|ns| ns.checked_add(metadata.ctime_nsec()));
    (Some(metadata.ino()), changed)
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> (Option<u64>, Option<i64>) {
    (None, None)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn another_content_is_told_and_another_permission_is_not() {
        let was = Fingerprint { size_bytes: 5, modified_ns: Some(7), inode: Some(1), changed_ns: Some(8) };
        for (is, same) in [
            (was, true),
            (Fingerprint { changed_ns: Some(9), ..was }, true),
            (Fingerprint { inode: None, ..was }, true),
            (Fingerprint { inode: Some(2), ..was }, false),
            (Fingerprint { size_bytes: 6, ..was }, false),
            (Fingerprint { modified_ns: Some(8), ..was }, false),
            (Fingerprint { modified_ns: None, ..was }, false),
        ] {
            assert_eq!(was.is_same_content(&is), same, "{is:?}");
        }
    }

    #[test]
    fn a_file_is_known_again_until_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"one").unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789)).unwrap();
        let was = Fingerprint::of(&file.metadata().unwrap());
        assert_eq!(was.modified().ns(), Some(1_700_000_000_123_456_789));
        assert_eq!(Fingerprint::of(&std::fs::metadata(&path).unwrap()), was);
        file.set_modified(UNIX_EPOCH - Duration::from_secs(1)).unwrap();
        let is = Fingerprint::of(&std::fs::metadata(&path).unwrap());
        assert!(!was.is_same_content(&is));
        assert_eq!(is.modified_ns, Some(-1_000_000_000));
    }
}

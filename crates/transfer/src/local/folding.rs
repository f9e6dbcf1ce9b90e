//! Whether a folder takes names that differ in letter case for one, whatever the file systems of this platform do otherwise: FAT and exFAT on a stick, SMB
//! shares, and folders of ext4 and F2FS that were made so.
//!
//! It is asked without writing anything, since a plan may be a dry run: a name that is there is looked up in the other case. Where nothing is there
//! to be looked up, the kind of the file system tells, and what that does not tell is noticed while files are put in their places
//! ([`Target`](super::Target)).

use std::path::Path;

/// So many names of a folder are looked at to find one with a letter.
#[cfg(unix)]
const LOOKED_AT: usize = 256;

/// Tells whether names below a folder are one file where they differ in letter case alone. Of a folder that is not there yet, the one tells that it will be made
/// in. What cannot be found out is told as `false`.
#[cfg(unix)]
pub(crate) fn folds(folder: &Path) -> bool {
    #[cfg(test)]
    if pretended::is(folder) {
        return true;
    }
    let mut there = folder;
    while !there.as_os_str().is_empty() && !there.exists() {
        let Some(above) = there.parent() else { return false };
        there = above;
    }
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let Ok(entries) = std::fs::read_dir(there) else { return false };
    let names = entries.flatten().take(LOOKED_AT).map(|entry| entry.file_name());
    let told = tell(names, |name| identity(&there.join(name)), || own_names(there));
    told.unwrap_or_else(|| is_of_a_kind_that_folds(there))
}

/// On other systems the platform's own rules are all there is.
#[cfg(not(unix))]
pub(crate) fn folds(_folder: &Path) -> bool {
    false
}

/// Tells by the names of a folder, `None` where none of them tells. `look` returns which file a name leads to; `own` returns all names again.
#[cfg(unix)]
fn tell<I>(
    names: impl IntoIterator<Item = std::ffi::OsString>,
    look: impl Fn(&std::ffi::OsStr) -> Option<(u64, u64)>,
    own: impl Fn() -> I,
) -> Option<bool>
where
    I: IntoIterator<Item = std::ffi::OsString>,
{
    for name in names {
        let Some(other) = other_case(&name) else { continue };
        // One that is gone meanwhile tells nothing.
        let Some(file) = look(&name) else { continue };
        match look(&other) {
            // A file may have both names.
            Some(same) if same == file => {
                if !own().into_iter().any(|name| name == other) {
                    return Some(true);
                }
            }
            _ => return Some(false),
        }
    }
    None
}

/// Returns a name with every plain letter in the other case, `None` where it has none.
#[cfg(unix)]
fn other_case(name: &std::ffi::OsStr) -> Option<std::ffi::OsString> {
    let text = name.to_str()?;
    let swapped = |letter: char| match letter {
        'a'..='z' => letter.to_ascii_uppercase(),
        _ => letter.to_ascii_lowercase(),
    };
    let other: String = text.chars().map(swapped).collect();
    (other != text).then(|| other.into())
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(unix)]
fn own_names(folder: &Path) -> Vec<std::ffi::OsString> {
    std::fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.file_name()).collect())
        .unwrap_or_default()
}

/// Tells whether an empty folder is of a kind that folds.
#[cfg(target_os = "linux")]
fn is_of_a_kind_that_folds(folder: &Path) -> bool {
    use rustix::fs::{Mode, OFlags, fstatfs, ioctl_getflags, open};
    /// statfs(2): FAT, exFAT, SMB in its three forms, HFS and HFS+, the shared folders of VirtualBox.
    const KINDS: [u64; 8] =
        [0x4d44, 0x2011_bab0, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x4244, 0x482b, 0x786f_4256];
    /// `FS_CASEFOLD_FL` of `linux/fs.h`: a folder that was made so.
    const FOLDER_FOLDS: u32 = 0x4000_0000;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(opened) = open(folder, flags, Mode::empty()) else { return false };
    // The number is signed or not, and long or not, as the processor is.
    let kind = |found: rustix::fs::StatFs| found.f_type as u64 & 0xffff_ffff;
    fstatfs(&opened).is_ok_and(|found| KINDS.contains(&kind(found)))
        || ioctl_getflags(&opened).is_ok_and(|flags| flags.bits() & FOLDER_FOLDS != 0)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn is_of_a_kind_that_folds(_folder: &Path) -> bool {
    false
}

/// Folders that are taken for ones that fold: file systems that do cannot be had in a test.
#[cfg(all(test, unix))]
pub(crate) mod pretended {
    use std::cell::RefCell;
    use std::path::{Path, PathBuf};

    thread_local! {
        static FOLDERS: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }

    pub(crate) fn add(folder: &Path) {
        FOLDERS.with_borrow_mut(|folders| folders.push(folder.to_owned()));
    }

    pub(super) fn is(folder: &Path) -> bool {
        FOLDERS.with_borrow(|folders| folders.iter().any(|one| one == folder))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::{OsStr, OsString};
    use std::fs;

    use super::*;

    /// Asks about names of a folder that takes some for one.
    fn told(names: &[&str], file: impl Fn(&str) -> Option<u64>) -> Option<bool> {
        let own = || names.iter().map(OsString::from).collect::<Vec<_>>();
        tell(own(), |name: &OsStr| name.to_str().and_then(&file).map(|inode| (1, inode)), own)
    }

    #[test]
    fn a_name_in_the_other_case_tells() {
        let folding = |name: &str| ["1", "readme"].iter().position(|one| *one == name.to_lowercase());
        let folding = |name: &str| folding(name).map(|at| at as u64);
        assert_eq!(told(&["1", "README"], folding), Some(true));
        assert_eq!(told(&["1"], folding), None);
        assert_eq!(told(&[], folding), None);
        let exact = |name: &str| ["1", "README", "other"].iter().position(|one| *one == name);
        assert_eq!(told(&["1", "README"], |name| exact(name).map(|at| at as u64)), Some(false));
        // Two files, and one file of two names.
        let both = |name: &str| ["a", "A"].iter().position(|one| *one == name).map(|at| at as u64);
        assert_eq!(told(&["a", "A"], both), Some(false));
        assert_eq!(told(&["a", "A"], |name| both(name).map(|_| 7)), None);
        // It was removed since its folder was read.
        assert_eq!(told(&["gone"], |_| None), None);
    }

    #[test]
    fn a_folder_of_this_system_is_told_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let before = fs::metadata(folder.path()).unwrap().modified().unwrap();
        let _ = folds(folder.path());
        assert_eq!(fs::metadata(folder.path()).unwrap().modified().unwrap(), before);
        fs::write(folder.path().join("readme"), "").unwrap();
        let twin = folder.path().join("README").exists();
        assert_eq!(folds(folder.path()), twin);
        // One that is to be made is as the one it will be made in.
        assert_eq!(folds(&folder.path().join("not/yet")), twin);
    }

    /// A folder folds as far as can be seen if it finds a file of ours by its name in upper case; here that is another one.
    #[test]
    fn where_names_fold_one_file_of_a_run_does_not_replace_another() {
        use pintail_core::seam::SeededRandom;

        use crate::entry::Modified;
        use crate::local::{Partial, PartialError, Publish, Target, TargetError};
        use crate::policy::Guard;

        let folder = tempfile::tempdir().unwrap();
        let target = Target::open(folder.path()).unwrap();
        let random = SeededRandom::new(1);
        let write = |path: &str, content: &[u8], number, folds: bool, guard: &Guard| {
            let path = Path::new(path);
            let partial = Partial::begin(&target, path, guard, Some(number), &random)?;
            partial.write_at(content, 0).unwrap();
            let other = partial.temporary_name().to_uppercase();
            let other = folder.path().join(path).with_file_name(other);
            if folds {
                fs::write(&other, "").unwrap();
            }
            let published = partial.publish(&target, path, guard, &Publish::default());
            if folds {
                fs::remove_file(other).unwrap();
            }
            published
        };
        let is_twin = |outcome: Result<(), PartialError>| {
            matches!(outcome, Err(PartialError::Target(TargetError::Twin(_))))
        };
        write("stick/A", b"one", 1, true, &Guard::None).unwrap();
        for guard in [Guard::None, Guard::Absent] {
            assert!(is_twin(write("stick/a", b"two", 2, true, &guard)));
            assert!(is_twin(write("stick/a.", b"two", 2, true, &guard)));
        }
        let link =
            target.make_link(Path::new("stick/a"), OsStr::new("text"), Modified::UNKNOWN, &Guard::None, 3);
        assert!(matches!(link, Err(TargetError::Twin(_))));
        // The same one anew is no twin, and neither is one of another folder.
        write("stick/A", b"three", 4, true, &Guard::None).unwrap();
        write("a", b"four", 5, true, &Guard::None).unwrap();
        assert_eq!(fs::read(folder.path().join("stick/A")).unwrap(), b"three");
        let left: Vec<_> = own_names(&folder.path().join("stick"));
        assert_eq!(left, ["A"]);
        // One that was not put there takes no name away.
        write("B", b"theirs", 6, true, &Guard::Absent).unwrap();
        fs::rename(folder.path().join("B"), folder.path().join("elsewhere")).unwrap();
        fs::write(folder.path().join("c"), "theirs").unwrap();
        assert!(!is_twin(write("c", b"five", 7, true, &Guard::Absent)));
        fs::remove_file(folder.path().join("c")).unwrap();
        write("C", b"six", 8, true, &Guard::Absent).unwrap();
        // Where names do not fold, all are different.
        write("exact/x", b"", 9, false, &Guard::None).unwrap();
        if !target.path().join("EXACT").exists() {
            write("exact/X", b"", 10, false, &Guard::None).unwrap();
        }
    }
}

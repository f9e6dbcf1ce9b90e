//! Hostile keys: whatever a key says and whatever was planted in the target, nothing is written outside of it.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails where its ground gives way")]

use std::fs;
use std::path::{Path, PathBuf};

use pintail_core::name::{KeyPrefix, ObjectKey};
use pintail_core::seam::SeededRandom;
use pintail_testkit::names::Fate::{self, Barred, Refused, Written};
use pintail_testkit::names::{FILE_AND_FOLDER, hostile};
use pintail_testkit::trap::{Trap, contents};
use pintail_transfer::local::{Partial, Publish, SyncPolicy, Target};
use pintail_transfer::name::{Name, NameRefusal, Platform, Twins};
use pintail_transfer::policy::Guard;

/// Downloads a key as the engine does, and tells what became of it.
fn download(target: &Target, key: &str) -> Result<PathBuf, Fate> {
    let key: ObjectKey = key.parse().unwrap();
    let name = Name::below(&KeyPrefix::all(), &key).unwrap();
    let path = name.path(Platform::Linux).map_err(|refusal: NameRefusal| Refused(refusal.code()))?;
    let partial = Partial::create(target, &path, &SeededRandom::new(9)).map_err(|_| Barred)?;
    partial.write_at(b"hostile", 0).unwrap();
    let publish = Publish { sync: SyncPolicy::None, ..Publish::default() };
    partial.publish(target, &path, &Guard::None, &publish).map_err(|_| Barred)?;
    Ok(path)
}

/// behaviour: hostile-keys
#[test]
fn no_key_writes_outside_the_target() {
    for (key, expected) in hostile() {
        let key = key.as_str();
        let trap = Trap::set();
        let target = Target::open(&trap.target()).unwrap();
        let fate = download(&target, key);
        trap.is_untouched(&format!("{key:?}"));
        match fate {
            Ok(path) => {
                assert_eq!(expected, Written, "{key:?}");
                let written = trap.target().join(&path);
                assert!(fs::symlink_metadata(&written).unwrap().is_file(), "{key:?}");
                assert_eq!(fs::read_to_string(&written).unwrap(), "hostile", "{key:?}");
                // It is what the key says, and comes back as the same key.
                assert_eq!(Name::of_path(&path, false, Platform::Linux).unwrap().as_str(), key);
            }
            Err(fate) => assert_eq!(fate, expected, "{key:?}"),
        }
        let left = contents(&trap.target()).into_keys().filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".pintail-"))
        });
        assert_eq!(left.count(), 0, "{key:?} left an unfinished file");
    }
}

/// The same keys in one run into one target, in the order of a listing: what one of them made is no way out for the next.
#[test]
fn no_keys_together_write_outside_the_target() {
    let trap = Trap::set();
    let target = Target::open(&trap.target()).unwrap();
    let mut keys: Vec<String> = hostile().map(|(key, _)| key).collect();
    keys.extend(FILE_AND_FOLDER.iter().flat_map(|(file, below)| [(*file).to_owned(), (*below).to_owned()]));
    keys.sort_unstable();
    keys.dedup();
    let mut twins = Twins::new(Platform::Linux);
    let mut written = 0;
    for key in keys {
        let name = Name::new(&key).unwrap();
        if name.path(Platform::Linux).is_ok() && twins.check(&name).is_ok() && download(&target, &key).is_ok()
        {
            written += 1;
        }
    }
    assert!(written >= 70, "{written}");
    trap.is_untouched("all of them");
}

/// Deleting, renaming and setting times find no way out either.
#[test]
fn no_key_removes_or_changes_anything_outside_the_target() {
    for (key, _) in hostile() {
        let trap = Trap::set();
        let target = Target::open(&trap.target()).unwrap();
        let paths = [
            Some(PathBuf::from(key.replace('\0', "0"))),
            Name::new(&key).unwrap().path(Platform::Linux).ok(),
        ];
        for path in paths.into_iter().flatten() {
            let _ = target.remove_file(&path, &Guard::None);
            let _ = target.remove_empty_folder(&path);
            let _ = target.make_folder(&path);
            let _ = target.rename(Path::new("plain"), &path);
            let _ = target.rename(&path, Path::new("taken away"));
            let time = pintail_transfer::entry::Modified::parse_metadata("1").unwrap();
            let _ = target.set_metadata(&path, time, Some(0o777));
            let _ = target.remove_unfinished(&path, ".pintail-0123456789abcdef.part");
        }
        trap.is_untouched(&format!("{key:?}"));
    }
}

/// Windows' rules refuse what would mean something there, whatever machine they are asked on.
#[test]
fn what_means_something_on_windows_is_refused_there() {
    for key in [
        "..\\x",
        "..\\..\\x",
        "C:\\x",
        "C:x",
        "\\\\server\\share\\x",
        "x:stream",
        "x::$DATA",
        "x ",
        "x.",
        "nul",
        "aux.txt",
        "COM1",
        "com1.log",
        "LPT9",
        "CONIN$",
        "file*",
        "what?",
        "a<b",
        "a>b",
        "a|b",
        "a\"b",
        "\\",
        "a/\\b",
        "con .txt",
        "\\\\?\\C:\\x",
        "\\\\.\\pipe\\x",
        "folder./x",
        "a/ /b",
    ] {
        assert!(Name::new(key).unwrap().path(Platform::Windows).is_err(), "{key:?}");
    }
}

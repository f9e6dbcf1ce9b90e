//! Hostile keys: whatever a key says and whatever was planted in the target, nothing is written outside of it.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails where its ground gives way")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use pintail_core::name::{KeyPrefix, ObjectKey};
use pintail_core::seam::SeededRandom;
use pintail_transfer::local::{Partial, Publish, SyncPolicy, Target};
use pintail_transfer::name::{Name, NameRefusal, Platform, Twins};
use pintail_transfer::policy::Guard;

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is written where it says.
    Written,
    /// The name is refused, by this rule.
    Refused(&'static str),
    /// The name would do, but something planted is in the way.
    Barred,
}

use Fate::{Barred, Refused, Written};

/// Keys of a stranger. The target holds `out`, a link to a folder outside; `deep/er/out`, the same further down; `file-out`, a link to a file outside;
/// `dangling`, a link to a file outside that is not there; `here`, a link to the target itself; `plain`, a file; `folder`, a folder.
const KEYS: &[(&str, Fate)] = &[
    // Upwards.
    ("..", Refused("dots")),
    ("../x", Refused("dots")),
    ("../../x", Refused("dots")),
    ("../outside/file", Refused("dots")),
    ("a/..", Refused("dots")),
    ("a/../x", Refused("dots")),
    ("a/../../outside/file", Refused("dots")),
    ("a/b/../../../outside/x", Refused("dots")),
    ("./x", Refused("dots")),
    (".", Refused("dots")),
    ("a/./b", Refused("dots")),
    ("a/.", Refused("dots")),
    ("../", Refused("dots")),
    ("./../x", Refused("dots")),
    // From the top.
    ("/", Refused("empty-part")),
    ("//", Refused("empty-part")),
    ("/x", Refused("empty-part")),
    ("/etc/passwd", Refused("empty-part")),
    ("//server/share", Refused("empty-part")),
    ("/../x", Refused("empty-part")),
    ("a//b", Refused("empty-part")),
    ("a//../../x", Refused("empty-part")),
    ("a///", Refused("empty-part")),
    // What ends names, breaks lines or speaks to terminals.
    ("a\0b", Refused("control")),
    ("../x\0.txt", Refused("dots")),
    ("x\0/../../y", Refused("control")),
    ("a\nb", Refused("control")),
    ("a\r", Refused("control")),
    ("\t", Refused("control")),
    ("\u{1b}[2J", Refused("control")),
    ("\u{7f}", Refused("control")),
    ("\u{85}", Refused("control")),
    ("\u{9b}31m", Refused("control")),
    // Through what was planted.
    ("out/x", Barred),
    ("out/file", Barred),
    ("out/new/x", Barred),
    ("deep/er/out/x", Barred),
    ("deep/er/out/new/x", Barred),
    ("here/x", Barred),
    ("here/out/x", Barred),
    ("file-out/x", Barred),
    ("plain/x", Barred),
    ("plain/deep/er/x", Barred),
    ("dangling/x", Barred),
    ("folder", Barred),
    // Over what was planted: the link goes, and what it leads to stays.
    ("out", Written),
    ("file-out", Written),
    ("dangling", Written),
    ("here", Written),
    ("deep/er/out", Written),
    ("plain", Written),
    // Odd, and harmless here.
    ("...", Written),
    ("....//x", Refused("empty-part")),
    ("..x", Written),
    ("x..", Written),
    ("a/...", Written),
    ("..\\x", Written),
    ("..\\..\\x", Written),
    ("C:\\x", Written),
    ("C:x", Written),
    ("\\\\server\\share\\x", Written),
    ("~/x", Written),
    ("~root/.ssh/authorized_keys", Written),
    ("$HOME/x", Written),
    ("${HOME}/x", Written),
    ("$(touch x)", Written),
    ("`touch x`", Written),
    ("; rm -rf x", Written),
    ("-rf", Written),
    ("--help", Written),
    ("%2e%2e/x", Written),
    ("%2e%2e%2fx", Written),
    ("..%2fx", Written),
    ("%00", Written),
    ("\u{2024}\u{2024}/x", Written),
    ("\u{ff0e}\u{ff0e}\u{ff0f}x", Written),
    ("\u{202e}gpj.exe", Written),
    ("a\u{2215}b", Written),
    ("nul", Written),
    ("aux.txt", Written),
    ("x:stream", Written),
    ("x ", Written),
    (" ", Written),
    ("file*?<>|\"", Written),
    (".git/hooks/post-checkout", Written),
    (".pintail-0123456789abcdef.part", Refused("unfinished")),
    ("a/.pintail-0123456789ABCDEF.part", Refused("unfinished")),
];

/// Everything below a folder: what files and links say.
fn contents(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_dir() {
                found.insert(path.clone(), "folder".into());
                open.push(path);
            } else if kind.is_symlink() {
                found.insert(path.clone(), format!("link to {}", fs::read_link(&path).unwrap().display()));
            } else {
                found.insert(path.clone(), fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// A target in which somebody planted links, with what must not be touched around it.
struct Trap {
    all: tempfile::TempDir,
    before: BTreeMap<PathBuf, String>,
}

impl Trap {
    fn new() -> Self {
        let all = tempfile::tempdir().unwrap();
        let at = |path: &str| all.path().join(path);
        fs::create_dir_all(at("around/outside/folder")).unwrap();
        fs::write(at("around/outside/file"), "theirs").unwrap();
        fs::write(at("around/x"), "theirs").unwrap();
        fs::create_dir_all(at("around/target/deep/er")).unwrap();
        fs::create_dir(at("around/target/folder")).unwrap();
        fs::write(at("around/target/plain"), "mine").unwrap();
        symlink("../outside", at("around/target/out")).unwrap();
        symlink(at("around/outside"), at("around/target/deep/er/out")).unwrap();
        symlink("../outside/file", at("around/target/file-out")).unwrap();
        symlink("../outside/dangling", at("around/target/dangling")).unwrap();
        symlink(".", at("around/target/here")).unwrap();
        let mut trap = Self { all, before: BTreeMap::new() };
        trap.before = trap.outside();
        trap
    }

    fn target(&self) -> PathBuf {
        self.all.path().join("around/target")
    }

    fn outside(&self) -> BTreeMap<PathBuf, String> {
        let target = self.target();
        contents(self.all.path()).into_iter().filter(|(path, _)| !path.starts_with(&target)).collect()
    }
}

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
    assert!(KEYS.len() >= 60, "{}", KEYS.len());
    for (key, expected) in KEYS {
        let trap = Trap::new();
        let target = Target::open(&trap.target()).unwrap();
        let fate = download(&target, key);
        assert_eq!(trap.outside(), trap.before, "{key:?} touched what is outside");
        match fate {
            Ok(path) => {
                assert_eq!(*expected, Written, "{key:?}");
                let written = trap.target().join(&path);
                assert!(fs::symlink_metadata(&written).unwrap().is_file(), "{key:?}");
                assert_eq!(fs::read_to_string(&written).unwrap(), "hostile", "{key:?}");
                // It is what the key says, and comes back as the same key.
                assert_eq!(Name::of_path(&path, false, Platform::Linux).unwrap().as_str(), *key);
            }
            Err(fate) => assert_eq!(fate, *expected, "{key:?}"),
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
    let trap = Trap::new();
    let target = Target::open(&trap.target()).unwrap();
    let mut keys: Vec<&str> = KEYS.iter().map(|(key, _)| *key).collect();
    keys.sort_unstable();
    let mut twins = Twins::new(Platform::Linux);
    let mut written = 0;
    for key in keys {
        let name = Name::new(key).unwrap();
        if name.path(Platform::Linux).is_ok() && twins.check(&name).is_ok() && download(&target, key).is_ok()
        {
            written += 1;
        }
    }
    assert!(written >= 35, "{written}");
    assert_eq!(trap.outside(), trap.before);
}

/// Deleting, renaming and setting times find no way out either.
#[test]
fn no_key_removes_or_changes_anything_outside_the_target() {
    for (key, _) in KEYS {
        let trap = Trap::new();
        let target = Target::open(&trap.target()).unwrap();
        let paths =
            [Some(PathBuf::from(key.replace('\0', "0"))), Name::new(key).unwrap().path(Platform::Linux).ok()];
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
        assert_eq!(trap.outside(), trap.before, "{key:?}");
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

//! A kill -9 at 200 random moments of transfers of every kind: `docs/behaviour.md`, section resume.
//!
//! The moments are drawn from seeds, and which request a moment is in is counted by the sandbox: no clock decides. After every kill the transfer is gone on with,
//! now and then it is killed once more, and then nothing must be missing, left over or sent twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pintail_sandbox::Moment;
use pintail_testkit::killing::{run_until, seeded_moments};
use pintail_testkit::output::Output;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::copying::bytes;

/// So many kills of each of the ten kinds of transfer.
const KILLS: usize = 20;
/// From this size on a file goes in parts of [`PART_BYTES`].
const THRESHOLD: &str = "5242880";
const PART_BYTES: u64 = 5 << 20;

/// The files of a mixed tree: large ones in parts, small ones, empty ones, odd names.
pub(crate) fn mixed() -> BTreeMap<String, Vec<u8>> {
    let sizes = [
        ("large", (11 << 20) + 3),
        ("sub/larger", 12 << 20),
        ("sub/two parts", (5 << 20) + 1),
        ("one request", (5 << 20) - 1),
        ("a", 1),
        ("sub/b", 70_000),
        ("sub/deep/er/c", 4096),
        ("empty", 0),
        ("sub/empty \u{e9}", 0),
        (" odd %2F+name?&=#", 300),
        ("...", 17),
        ("\u{6f22}\u{5b57}/e\u{301}", 2000),
        ("-rf", 5),
        ("back\\slash 'quoted\" `", 6),
    ];
    sizes.into_iter().map(|(name, size)| (name.to_owned(), bytes(size))).collect()
}

/// Folders with nothing in them.
const EMPTY_FOLDERS: [&str; 2] = ["nothing", "sub/nothing at all"];

/// Writes the mixed tree into a folder.
pub(crate) fn plant(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, content).expect("a file");
    }
    for name in EMPTY_FOLDERS {
        fs::create_dir_all(folder.join(name)).expect("a folder");
    }
}

/// A cloud, the tree that is transferred, and both sides of it.
struct Stage {
    cloud: Cloud,
    files: BTreeMap<String, Vec<u8>>,
}

/// One kind of transfer. `{}` in the words stands for the number of the try, `{b}` for the bucket.
struct Kind {
    words: &'static [&'static str],
    /// What has to be there before each try.
    before: &'static [Before],
    /// Where everything must be in the end.
    target: End,
    /// Where nothing may be left, for moves.
    emptied: Option<End>,
}

/// A place of one try.
#[derive(Clone, Copy)]
enum End {
    Here(&'static str),
    There(&'static str),
}

enum Before {
    /// The tree.
    Tree(End),
    /// What a sync has to change and delete, and one file that stays.
    Stale(End),
}

impl Stage {
    fn new() -> Self {
        let stage = Self { cloud: Cloud::signed_in(), files: mixed() };
        stage.cloud.env.run(["config", "set", "s3.upload.multipart.threshold", THRESHOLD]).succeeded();
        stage.cloud.env.run(["config", "set", "s3.upload.multipart.size", THRESHOLD]).succeeded();
        stage
    }

    fn here(&self, name: &str, number: usize) -> PathBuf {
        self.cloud.env.work().join(name.replace("{}", &number.to_string()))
    }

    fn words(&self, kind: &Kind, number: usize) -> Vec<String> {
        let bucket = self.cloud.bucket();
        let word = |word: &&str| word.replace("{}", &number.to_string()).replace("{b}", &bucket);
        kind.words.iter().map(word).chain(["--json".to_owned()]).collect()
    }

    fn put(&self, end: End, number: usize, name: &str, content: &[u8]) {
        match end {
            End::Here(folder) => {
                let path = self.here(folder, number).join(name);
                fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
                fs::write(path, content).expect("a file");
            }
            End::There(prefix) => {
                let prefix = prefix.replace("{}", &number.to_string());
                let world = self.cloud.sandbox().world();
                assert!(world.put_object(&self.cloud.bucket(), &format!("{prefix}{name}"), content.to_vec()));
            }
        }
    }

    fn prepare(&self, kind: &Kind, number: usize) {
        for before in kind.before {
            match before {
                Before::Tree(end) => {
                    for (name, content) in &self.files {
                        self.put(*end, number, name, content);
                    }
                    for name in EMPTY_FOLDERS {
                        match end {
                            End::Here(folder) => {
                                fs::create_dir_all(self.here(folder, number).join(name)).expect("a folder");
                            }
                            End::There(_) => self.put(*end, number, &format!("{name}/"), b""),
                        }
                    }
                }
                Before::Stale(end) => {
                    for name in ["old", "sub/old", "gone/gone/gone", "\u{6f22}\u{5b57}/old"] {
                        self.put(*end, number, name, b"to be deleted");
                    }
                    for name in ["large", "a", "empty", "sub/b"] {
                        self.put(*end, number, name, b"to be replaced");
                    }
                }
            }
        }
    }

    /// What is at a place: files by name; folders that are empty end in a slash.
    fn found(&self, end: End, number: usize) -> BTreeMap<String, Vec<u8>> {
        match end {
            End::Here(folder) => {
                let folder = self.here(folder, number);
                if !folder.exists() {
                    return BTreeMap::new();
                }
                let all = contents_of(&folder);
                let is_empty = |name: &String| {
                    let below = format!("{name}/");
                    !all.keys().any(|other| other.starts_with(&below))
                };
                all.iter()
                    .filter_map(|(name, content)| match content {
                        Some(content) => Some((name.clone(), content.clone())),
                        None => is_empty(name).then(|| (format!("{name}/"), Vec::new())),
                    })
                    .collect()
            }
            End::There(prefix) => {
                let prefix = prefix.replace("{}", &number.to_string());
                let (bucket, world) = (self.cloud.bucket(), self.cloud.sandbox().world());
                let keys = world.keys(&bucket).into_iter();
                keys.filter_map(|key| {
                    let name = key.strip_prefix(&prefix)?.to_owned();
                    Some((name, world.object(&bucket, &key).expect("it is listed").to_vec()))
                })
                .collect()
            }
        }
    }

    fn runs(&self) -> Vec<Value> {
        self.cloud.env.run(["transfers", "ls", "--json"]).succeeded().json_lines()
    }

    /// Kills one try at a moment, and goes on until it is done.
    fn try_to_kill(&self, kind: &Kind, number: usize, moment: Moment, again: Option<Moment>) -> bool {
        let (env, sandbox) = (&self.cloud.env, self.cloud.sandbox());
        let what = format!("{:?} at {moment:?}, then {again:?}", self.words(kind, number));
        self.prepare(kind, number);
        sandbox.world().clear_receipts();
        let first = run_until(sandbox, env.pintail(self.words(kind, number)), moment);
        let is_killed = first.is_killed();
        if !is_killed {
            assert_eq!(first.output().code(), Some(0), "{what}: {}", first.output().block());
        }
        if let Some(again) = again {
            run_until(sandbox, env.pintail(["transfers", "resume", "--json"]), again);
        }
        let resumed = env.run(["transfers", "resume", "--json"]);
        let done = done_line(&resumed);
        assert_eq!(resumed.code(), Some(0), "{what}: {}", resumed.block());
        if done.is_none() {
            let rerun = env.run(self.words(kind, number));
            assert_eq!(rerun.code(), Some(0), "{what}: {}", rerun.block());
        }
        self.check(kind, number, &what);
        is_killed
    }

    /// Checks that everything is where it belongs, and nothing else is anywhere.
    fn check(&self, kind: &Kind, number: usize, what: &str) {
        let mut expected = self.files.clone();
        let found = self.found(kind.target, number);
        let has_folders = kind.words.contains(&"--empty-folders");
        if has_folders {
            expected.extend(EMPTY_FOLDERS.iter().map(|name| (format!("{name}/"), Vec::new())));
        }
        let names = |all: &BTreeMap<String, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected), "{what}");
        for (name, content) in &expected {
            assert!(found[name] == *content, "{what}: {name} is not what it was");
        }
        if let Some(emptied) = kind.emptied {
            let left = names(&self.found(emptied, number));
            let left: Vec<_> = left.into_iter().filter(|name| !name.ends_with('/')).collect();
            assert_eq!(left, Vec::<String>::new(), "{what}: sources are left");
        }
        let (bucket, world) = (self.cloud.bucket(), self.cloud.sandbox().world());
        assert_eq!(world.ledger_below(&bucket, "none/").uploads, []);
        assert_eq!(world.open_uploads(&bucket), 0, "{what}: an upload is left");
        for receipt in world.receipts() {
            let is_part = receipt.part.is_some();
            assert!(!(is_part && receipt.was_held), "{what}: sent again: {receipt:?}");
            assert!(!is_part || receipt.bytes <= PART_BYTES, "{what}: {receipt:?}");
        }
        for run in self.runs() {
            assert_eq!(run["state"], "complete", "{what}: {run}");
        }
        let left = contents_of(&self.cloud.env.work());
        let left: Vec<_> = left.keys().filter(|name| name.contains(".pintail-")).collect();
        assert!(left.is_empty(), "{what}: unfinished files are left: {left:?}");
        self.clear(kind, number);
    }

    /// Takes one try away.
    fn clear(&self, kind: &Kind, number: usize) {
        let ends = kind.before.iter().map(|before| match before {
            Before::Tree(end) | Before::Stale(end) => *end,
        });
        for end in ends.chain([kind.target]) {
            match end {
                End::Here(folder) => {
                    let _ = fs::remove_dir_all(self.here(folder, number));
                }
                End::There(prefix) => {
                    let prefix = prefix.replace("{}", &number.to_string());
                    let (bucket, world) = (self.cloud.bucket(), self.cloud.sandbox().world());
                    for key in world.keys(&bucket).iter().filter(|key| key.starts_with(&prefix)) {
                        world.delete_object(&bucket, key);
                    }
                }
            }
        }
        self.cloud.env.run(["transfers", "clean"]).succeeded();
    }
}

/// Everything below a folder by its name from there; `None` for folders.
pub(crate) fn contents_of(folder: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(folder).expect("it is below").to_str().expect("Unicode").to_owned();
            if entry.file_type().expect("a type").is_dir() {
                found.insert(name, None);
                open.push(path);
            } else {
                found.insert(name, Some(fs::read(&path).expect("a file")));
            }
        }
    }
    found
}

fn done_line(output: &Output) -> Option<Value> {
    output.json_lines().into_iter().rfind(|line| line["event"] == "done")
}

/// Kills a kind of transfer at moments of a seed.
fn sweep(kind: &Kind, seed: u64) {
    let stage = Stage::new();
    let sandbox = stage.cloud.sandbox();
    stage.prepare(kind, 0);
    sandbox.moments().clear();
    stage.cloud.env.run(stage.words(kind, 0)).succeeded();
    let requests = sandbox.moments().begun();
    stage.check(kind, 0, "undisturbed");
    let mut seconds = seeded_moments(seed + 1000, KILLS, requests.div_ceil(2));
    let mut killed = 0;
    for (number, moment) in seeded_moments(seed, KILLS, requests).enumerate() {
        // Every third is killed once more while it goes on.
        let again = seconds.next().filter(|_| number % 3 == 2);
        killed += usize::from(stage.try_to_kill(kind, number + 1, moment, again));
    }
    // Not every run makes as many requests.
    assert!(killed >= KILLS - 2, "{killed} were killed");
}

const UP: Kind = Kind {
    words: &["cp", "-r", "--empty-folders", "up-{}/", "lab:{b}/up-{}/"],
    before: &[Before::Tree(End::Here("up-{}"))],
    target: End::There("up-{}/"),
    emptied: None,
};

const DOWN: Kind = Kind {
    words: &["cp", "-r", "--empty-folders", "lab:{b}/down-{}/", "down-{}/"],
    before: &[Before::Tree(End::There("down-{}/"))],
    target: End::Here("down-{}"),
    emptied: None,
};

/// behaviour: resume
#[test]
fn killed_while_it_uploads() {
    sweep(&UP, 1);
}

/// behaviour: resume
#[test]
fn killed_while_it_uploads_without_replacing() {
    let words = &["cp", "-r", "--empty-folders", "--existing", "skip", "up-{}/", "lab:{b}/up-{}/"];
    sweep(&Kind { words, ..UP }, 2);
}

/// behaviour: resume
#[test]
fn killed_while_it_downloads() {
    sweep(&DOWN, 3);
}

/// behaviour: resume
#[test]
fn killed_while_it_downloads_without_replacing() {
    let words = &["cp", "-r", "--empty-folders", "--existing", "skip", "lab:{b}/down-{}/", "down-{}/"];
    sweep(&Kind { words, ..DOWN }, 4);
}

/// behaviour: resume
#[test]
fn killed_while_it_copies_at_the_service() {
    let kind = Kind {
        words: &["cp", "-r", "--empty-folders", "lab:{b}/from-{}/", "lab:{b}/to-{}/"],
        before: &[Before::Tree(End::There("from-{}/"))],
        target: End::There("to-{}/"),
        emptied: None,
    };
    sweep(&kind, 5);
}

/// behaviour: resume
#[test]
fn killed_while_it_moves_up() {
    let words = &["mv", "-r", "--empty-folders", "up-{}/", "lab:{b}/up-{}/"];
    sweep(&Kind { words, emptied: Some(End::Here("up-{}")), ..UP }, 6);
}

/// behaviour: resume
#[test]
fn killed_while_it_moves_down() {
    let words = &["mv", "-r", "--empty-folders", "lab:{b}/down-{}/", "down-{}/"];
    sweep(&Kind { words, emptied: Some(End::There("down-{}/")), ..DOWN }, 7);
}

/// behaviour: resume
#[test]
fn killed_while_it_moves_at_the_service() {
    let kind = Kind {
        words: &["mv", "-r", "--empty-folders", "lab:{b}/from-{}/", "lab:{b}/to-{}/"],
        before: &[Before::Tree(End::There("from-{}/"))],
        target: End::There("to-{}/"),
        emptied: Some(End::There("from-{}/")),
    };
    sweep(&kind, 8);
}

/// behaviour: resume
#[test]
fn killed_while_it_syncs_up() {
    let kind = Kind {
        words: &["sync", "up-{}", "lab:{b}/up-{}/", "--delete", "--max-delete", "100%", "--yes"],
        before: &[Before::Tree(End::Here("up-{}")), Before::Stale(End::There("up-{}/"))],
        ..UP
    };
    sweep(&kind, 9);
}

/// behaviour: resume
#[test]
fn killed_while_it_syncs_down() {
    let kind = Kind {
        words: &["sync", "lab:{b}/down-{}/", "down-{}", "--delete", "--max-delete", "100%", "--yes"],
        before: &[Before::Tree(End::There("down-{}/")), Before::Stale(End::Here("down-{}"))],
        ..DOWN
    };
    sweep(&kind, 10);
}

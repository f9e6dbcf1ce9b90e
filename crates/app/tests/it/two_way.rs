//! Syncs both ways: `docs/behaviour.md`, section sync-both-ways.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pintail_sandbox::Service;
use pintail_testkit::killing::{run_until, seeded_moments};
use serde_json::Value;

use crate::cloud::Cloud;

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// Both sides: the folder `here`, and `there/` in the first bucket.
struct Pair {
    cloud: Cloud,
}

type Contents = BTreeMap<String, String>;

impl Pair {
    fn new() -> Self {
        Self { cloud: Cloud::signed_in() }
    }

    fn address(&self) -> String {
        format!("lab:{}/there", self.cloud.bucket())
    }

    fn lines(&self, options: &[&str]) -> Vec<Value> {
        let address = self.address();
        let all = ["sync", "--two-way", "here", &address, "--json"];
        self.cloud.env.run(all.iter().chain(options)).succeeded().json_lines()
    }

    fn sync(&self) -> Value {
        self.lines(&[]).pop().expect("a line")
    }

    fn write_here(&self, name: &str, text: &str) {
        write(&self.cloud.env.work().join("here").join(name), text);
    }

    fn write_there(&self, name: &str, text: &str) {
        self.cloud.sandbox().world().put_object(
            &self.cloud.bucket(),
            &format!("there/{name}"),
            text.to_owned(),
        );
    }

    fn delete_here(&self, name: &str) {
        fs::remove_file(self.cloud.env.work().join("here").join(name)).expect("it was there");
    }

    fn delete_there(&self, name: &str) {
        self.cloud.sandbox().world().delete_object(&self.cloud.bucket(), &format!("there/{name}"));
    }

    fn here(&self) -> Contents {
        let root = self.cloud.env.work().join("here");
        let (mut contents, mut folders) = (Contents::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(&root).expect("it lies there").to_str().expect("a name");
                contents.insert(name.to_owned(), fs::read_to_string(&path).expect("a file"));
            }
        }
        contents
    }

    fn there(&self) -> Contents {
        let bucket = self.cloud.bucket();
        let keys = self.cloud.sandbox().world().keys(&bucket);
        let named = keys.iter().filter_map(|key| Some((key, key.strip_prefix("there/")?.to_owned())));
        named
            .map(|(key, name)| {
                let bytes = self.cloud.object(&bucket, key).expect("an object");
                (name, String::from_utf8(bytes.to_vec()).expect("a text"))
            })
            .collect()
    }

    /// Both sides have this.
    #[track_caller]
    fn have(&self, expected: &[(&str, &str)]) {
        let expected: Contents =
            expected.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        assert_eq!(self.here(), expected, "here");
        assert_eq!(self.there(), expected, "there");
    }
}

/// behaviour: sync-both-ways
#[test]
fn changes_of_either_side_reach_the_other_and_a_second_run_only_lists() {
    let pair = Pair::new();
    pair.write_here("same", "same");
    pair.write_there("same", "same");
    pair.write_here("deep/down/here", "1");
    pair.write_there("deep/up", "2");
    let dry = pair.lines(&["--dry-run"]);
    let would: Vec<&Value> = dry.iter().filter(|line| line["event"] == "would_copy").collect();
    let (here, there) = ("here/".to_owned(), format!("{}/", pair.address()));
    for (from, to, name) in [(&here, &there, "deep/down/here"), (&there, &here, "deep/up")] {
        let is_it =
            |line: &&&Value| line["from"] == format!("{from}{name}") && line["to"] == format!("{to}{name}");
        assert_eq!(would.iter().filter(is_it).count(), 1, "{name}: {dry:?}");
    }
    assert_eq!((pair.here().len(), pair.there().len()), (2, 2), "a dry run changes nothing");
    let first = pair.sync();
    assert_eq!((&first["copied"], &first["deleted"]), (&2.into(), &0.into()), "{first}");
    let ways = serde_json::json!([{ "to": there, "copied": 1 }, { "to": here, "copied": 1 }]);
    assert_eq!(first["ways"], ways, "{first}");
    pair.have(&[("deep/down/here", "1"), ("deep/up", "2"), ("same", "same")]);
    // Whichever is named first, and however its name ends.
    let address = pair.address();
    for places in [["here", &address], ["here/", &there], [&address, "./here"]] {
        pair.cloud.sandbox().recorder().clear();
        let env = &pair.cloud.env;
        let again = env.run(["sync", "--two-way", places[0], places[1], "--json"]).succeeded().json_lines();
        let again = again.last().expect("a line");
        assert_eq!((&again["copied"], &again["unchanged"]), (&0.into(), &3.into()), "{again}");
        let calls = pair.cloud.sandbox().recorder().calls();
        let s3: Vec<&str> = calls
            .iter()
            .filter(|call| call.service == Service::S3)
            .map(|call| call.operation.as_str())
            .collect();
        assert_eq!(s3, ["ListObjectsV2"], "{places:?}");
    }
    // Then changes and deletions of both sides.
    pair.write_here("deep/up", "changed here");
    pair.write_there("deep/down/here", "changed there");
    pair.write_here("new", "3");
    pair.delete_there("same");
    let second = pair.sync();
    assert_eq!((&second["copied"], &second["deleted"]), (&3.into(), &1.into()), "{second}");
    pair.have(&[("deep/down/here", "changed there"), ("deep/up", "changed here"), ("new", "3")]);
    pair.delete_here("new");
    assert_eq!(pair.sync()["deleted"], 1);
    pair.have(&[("deep/down/here", "changed there"), ("deep/up", "changed here")]);
}

/// behaviour: sync-both-ways
#[test]
fn what_both_changed_is_kept_twice_on_both_sides() {
    let pair = Pair::new();
    pair.write_here("notes.txt", "before");
    pair.write_here("alike", "before");
    pair.sync();
    pair.write_here("notes.txt", "changed here");
    pair.write_there("notes.txt", "there it is otherwise");
    pair.write_here("alike", "after");
    pair.write_there("alike", "after");
    let ended = pair.sync();
    assert_eq!(ended["failed"], 0, "{ended}");
    let (here, there) = (pair.here(), pair.there());
    assert_eq!(here, there);
    assert_eq!(here.len(), 3, "{here:?}");
    assert_eq!(here["notes.txt"], "there it is otherwise");
    assert_eq!(here["alike"], "after");
    let kept = here.iter().find(|(name, _)| name.starts_with("notes (conflict ")).expect("the other version");
    assert!(kept.0.ends_with(").txt") && kept.1 == "changed here", "{kept:?}");
    let again = pair.sync();
    assert_eq!((&again["copied"], &again["unchanged"]), (&0.into(), &3.into()), "{again}");
}

/// behaviour: sync-both-ways
#[test]
fn a_change_is_worth_more_than_a_deletion() {
    let pair = Pair::new();
    for name in ["one", "other", "stays"] {
        pair.write_here(name, "before");
    }
    pair.sync();
    pair.delete_here("one");
    pair.write_there("one", "changed there");
    pair.write_here("other", "changed here");
    pair.delete_there("other");
    let ended = pair.sync();
    assert_eq!((&ended["copied"], &ended["deleted"]), (&2.into(), &0.into()), "{ended}");
    pair.have(&[("one", "changed there"), ("other", "changed here"), ("stays", "before")]);
}

/// behaviour: sync-both-ways
#[test]
fn deletions_of_both_sides_stay_within_the_limit() {
    let pair = Pair::new();
    for name in ["a", "b", "c", "d"] {
        pair.write_here(name, name);
    }
    pair.sync();
    pair.delete_here("a");
    pair.delete_here("b");
    pair.delete_there("c");
    let (env, address) = (&pair.cloud.env, pair.address());
    let refused = env.run(["sync", "--two-way", "here", &address]).exited(1);
    for text in ["there/a", "there/b", "here/c", "--max-delete"] {
        assert!(refused.stderr.contains(text), "{text}: {}", refused.stderr);
    }
    assert_eq!((pair.here().len(), pair.there().len()), (2, 3), "nothing was deleted");
    let mut asked =
        env.pintail(["sync", "--two-way", "here", &address, "--max-delete", "3"]).start_on_terminal();
    asked.wait_for_question("[y/N]");
    asked.type_in("n\n");
    asked.finish().exited(130);
    assert_eq!((pair.here().len(), pair.there().len()), (2, 3), "nothing was deleted");
    let ended = pair.lines(&["--max-delete", "3"]).pop().expect("a line");
    assert_eq!(ended["deleted"], 3, "{ended}");
    pair.have(&[("d", "d")]);
    // A folder that is gone is not an empty one.
    pair.delete_here("d");
    fs::remove_dir(env.work().join("here")).expect("it was empty");
    let gone = env.run(["sync", "--two-way", "here", &address, "--max-delete", "100%"]);
    assert_ne!(gone.status.code(), Some(0), "{}", gone.block());
    assert_eq!(pair.there().len(), 1, "nothing was deleted");
    // What is compared cannot be chosen, and what means the other way is refused.
    for option in ["--delete", "--size-only", "--checksum", "--update"] {
        env.run(["sync", "--two-way", "here", &address, option]).exited(2);
    }
    env.run(["sync", "here", &address, "--max-delete", "3"]).exited(2);
}

/// behaviour: sync-both-ways
#[test]
fn one_process_at_a_time_works_on_a_pair() {
    let pair = Pair::new();
    pair.write_here("file", "x");
    pair.sync();
    pair.delete_here("file");
    let (env, address) = (&pair.cloud.env, pair.address());
    let mut first =
        env.pintail(["sync", "--two-way", "here", &address, "--max-delete", "100%"]).start_on_terminal();
    first.wait_for_question("[y/N]");
    let second = env.run(["sync", "--two-way", &address, "here"]).exited(1);
    assert!(second.stderr.contains("another process"), "{}", second.stderr);
    first.type_in("y\n");
    first.finish().succeeded();
    pair.have(&[]);
    let folder = env.home().join("state/sync");
    let files: Vec<_> =
        fs::read_dir(&folder).expect("a folder").map(|it| it.expect("a file").path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    #[cfg(unix)]
    for (path, expected) in files.iter().map(|path| (path, 0o600)).chain([(&folder, 0o700)]) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{path:?}");
    }
}

/// behaviour: sync-both-ways
///
/// Wherever a run dies, no version of anything is lost, and the next one comes to the same end.
#[test]
fn a_run_that_dies_anywhere_loses_nothing() {
    let pair = Pair::new();
    for (number, moment) in seeded_moments(7, 10, 14).enumerate() {
        let name = |text: &str| format!("{number}/{text}");
        pair.write_here(&name("both.txt"), "before");
        pair.write_here(&name("gone"), "before");
        pair.write_here(&name("kept"), "before");
        pair.sync();
        pair.write_here(&name("both.txt"), "changed here");
        pair.write_there(&name("both.txt"), "otherwise there");
        pair.write_here(&name("here"), "1");
        pair.write_there(&name("there"), "2");
        pair.delete_there(&name("gone"));
        let address = pair.address();
        let run = pair.cloud.env.pintail(["sync", "--two-way", "here", &address]);
        let ending = run_until(pair.cloud.sandbox(), run, moment);
        let killed = ending.output().status.code().is_none();
        assert!(!killed || ending.is_killed(), "{}", ending.output().block());
        pair.sync();
        let (here, there) = (pair.here(), pair.there());
        assert_eq!(here, there, "{moment:?}");
        let prefix = format!("{number}/");
        let mut texts: Vec<&str> = here
            .iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(_, text)| text.as_str())
            .collect();
        texts.sort_unstable();
        texts.dedup();
        // The deletion may have been forgotten with the run; no version was.
        for text in ["1", "2", "before", "changed here", "otherwise there"] {
            assert!(texts.contains(&text), "{moment:?}: {text} is lost: {here:?}");
        }
        let again = pair.sync();
        assert_eq!((&again["copied"], &again["deleted"]), (&0.into(), &0.into()), "{moment:?}: {again}");
    }
}

/// What a listing of both sides alone takes.
#[track_caller]
fn only_lists(pair: &Pair, unchanged: u64, when: &str) {
    pair.cloud.sandbox().recorder().clear();
    let again = pair.sync();
    assert_eq!(
        (&again["copied"], &again["deleted"], &again["unchanged"]),
        (&0.into(), &0.into(), &unchanged.into()),
        "{when}: {again}"
    );
    let calls = pair.cloud.sandbox().recorder().calls();
    let s3: Vec<&str> =
        calls.iter().filter(|call| call.service == Service::S3).map(|call| call.operation.as_str()).collect();
    assert_eq!(s3, ["ListObjectsV2"], "{when}");
}

/// behaviour: sync-both-ways
///
/// A run that died and went on has remembered what it did, as if it had not died: the next one has nothing to do, and a deletion after it is
/// a deletion, of what it copied as well.
#[test]
fn a_run_that_goes_on_remembers_what_it_made_alike() {
    let pair = Pair::new();
    let mut resumed = 0;
    let mut unchanged = 0;
    for (number, moment) in seeded_moments(11, 12, 14).enumerate() {
        let name = |text: &str| format!("{number:02}/{text}");
        for text in ["both.txt", "gone", "gone there", "kept"] {
            pair.write_here(&name(text), "before");
        }
        pair.sync();
        pair.write_here(&name("both.txt"), "changed here");
        pair.write_there(&name("both.txt"), "otherwise there");
        pair.write_here(&name("here"), "1");
        pair.write_there(&name("there"), "2");
        pair.write_here(&name("kept"), "longer than before");
        pair.delete_here(&name("gone"));
        pair.delete_there(&name("gone there"));
        let address = pair.address();
        let run = pair.cloud.env.pintail(["sync", "--two-way", "here", &address]);
        let ending = run_until(pair.cloud.sandbox(), run, moment);
        let stopped = pair.cloud.env.run(["transfers", "ls", "--json"]).succeeded().json_lines();
        let is_stopped = stopped.iter().any(|run| run["state"] == "stopped");
        if is_stopped {
            pair.cloud.env.run(["transfers", "resume"]).succeeded();
            resumed += 1;
        } else if ending.is_killed() {
            // It died before there was anything to go on with.
            pair.sync();
        }
        assert_eq!(pair.here(), pair.there(), "{moment:?}");
        // both.txt with its second version, here, there, kept.
        unchanged += 5;
        only_lists(&pair, unchanged, &format!("{moment:?}, stopped: {is_stopped}"));
        pair.delete_here(&name("there"));
        pair.delete_there(&name("here"));
        let deleted = pair.sync();
        assert_eq!(
            (&deleted["copied"], &deleted["deleted"]),
            (&0.into(), &2.into()),
            "{moment:?}: {deleted}"
        );
        unchanged -= 2;
        pair.cloud.env.run(["transfers", "clean"]).succeeded();
    }
    assert!(resumed >= 4, "the seed draws moments of the work itself: {resumed}");
}

//! Syncs both ways that go on: `docs/behaviour.md`, sections watch and sync-both-ways.

use std::fs;
use std::time::{Duration, Instant};

use pintail_testkit::process::{Running, Signal};
use serde_json::Value;

use crate::cloud::Cloud;

/// Both sides: the folder `here`, and `there/` in the first bucket.
struct Pair {
    cloud: Cloud,
}

impl Pair {
    fn new() -> Self {
        let cloud = Cloud::signed_in();
        fs::create_dir(cloud.env.work().join("here")).expect("a folder");
        Self { cloud }
    }

    /// Starts to watch both sides, the bucket every second, and waits until everything was compared once.
    fn watch(&self, more: &[&str]) -> (Running, Value) {
        let address = format!("lab:{}/there/", self.cloud.bucket());
        let all = ["sync", "--two-way", "here", &address, "--watch", "--poll", "1", "--json"];
        let mut watch = self.cloud.env.pintail(all.iter().chain(more).copied()).start();
        watch.next_event("watching");
        let first = watch.next_event("round");
        assert_eq!((&first["everything"], &first["failed"]), (&true.into(), &0.into()), "{first}");
        (watch, first)
    }

    fn write_here(&self, name: &str, text: &str) {
        let path = self.cloud.env.work().join("here").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, text).expect("a file");
    }

    fn write_there(&self, name: &str, text: &str) {
        let (world, key) = (self.cloud.sandbox().world(), format!("there/{name}"));
        world.put_object(&self.cloud.bucket(), &key, text.to_owned());
    }

    fn here(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.cloud.env.work().join("here").join(name)).ok()
    }

    fn there(&self, name: &str) -> Option<String> {
        let object = self.cloud.object(&self.cloud.bucket(), &format!("there/{name}"))?;
        Some(String::from_utf8(object.to_vec()).expect("a text"))
    }

    fn delete_here(&self, name: &str) {
        fs::remove_file(self.cloud.env.work().join("here").join(name)).expect("it was there");
    }

    fn delete_there(&self, name: &str) {
        self.cloud.sandbox().world().delete_object(&self.cloud.bucket(), &format!("there/{name}"));
    }

    fn names_here(&self) -> Vec<String> {
        let names = fs::read_dir(self.cloud.env.work().join("here")).expect("a folder").flatten();
        let mut names: Vec<String> =
            names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| !name.ends_with(".part"));
        names.sort();
        names
    }
}

fn until(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::yield_now();
    }
}

fn end(watch: Running) -> Vec<Value> {
    watch.signal(Signal::INT);
    watch.finish().exited(130).json_lines()
}

/// behaviour: watch
/// behaviour: sync-both-ways
#[test]
fn what_changes_on_either_side_reaches_the_other_while_it_is_watched() {
    let pair = Pair::new();
    for name in ["a", "b", "c", "d"] {
        pair.write_here(name, "before");
    }
    pair.write_there("e", "before");
    let (watch, first) = pair.watch(&[]);
    assert_eq!(first["copied"], 5, "{first}");
    // From here, from there, and both again.
    pair.write_here("new/here", "1");
    until("a new file goes there", || pair.there("new/here").as_deref() == Some("1"));
    pair.write_there("new/there", "2");
    until("a new object comes here", || pair.here("new/there").as_deref() == Some("2"));
    pair.write_here("a", "changed here");
    pair.write_there("b", "changed there");
    until("both changes arrive", || {
        pair.there("a").as_deref() == Some("changed here")
            && pair.here("b").as_deref() == Some("changed there")
    });
    pair.delete_here("c");
    until("it is gone there as well", || pair.there("c").is_none());
    pair.delete_there("d");
    until("it is gone here as well", || pair.here("d").is_none());
    let lines = end(watch);
    let rounds: Vec<&Value> = lines.iter().filter(|line| line["event"] == "round").collect();
    assert!(rounds.iter().all(|round| round["failed"] == 0 && round["refused"] == 0), "{rounds:?}");
    // What the watch did itself is no change that anybody made: all is at rest, and known to be.
    let address = format!("lab:{}/there/", pair.cloud.bucket());
    let again = pair.cloud.env.run(["sync", "--two-way", "here", &address, "--json"]).succeeded();
    let again = again.json_lines().pop().expect("a line");
    assert_eq!((&again["copied"], &again["deleted"]), (&0.into(), &0.into()), "{again}");
    assert_eq!(pair.names_here(), ["a", "b", "e", "new"]);
}

/// behaviour: watch
/// behaviour: sync-both-ways
#[test]
fn what_both_change_is_kept_twice_while_it_is_watched() {
    let pair = Pair::new();
    pair.write_here("notes.txt", "before");
    let (watch, _) = pair.watch(&[]);
    // Both before it looks at either.
    watch.signal(Signal::STOP);
    pair.write_there("notes.txt", "changed there");
    pair.write_here("notes.txt", "changed here, and longer");
    watch.signal(Signal::CONT);
    let texts = || {
        let names = pair.names_here();
        let mut texts: Vec<String> = names.iter().filter_map(|name| pair.here(name)).collect();
        texts.sort();
        texts
    };
    let both = ["changed here, and longer", "changed there"];
    until("both versions are here", || texts() == both);
    until("and there", || pair.names_here().iter().all(|name| pair.there(name) == pair.here(name)));
    let kept = pair.names_here();
    assert_eq!(kept.len(), 2, "{kept:?}");
    end(watch);
    let address = format!("lab:{}/there/", pair.cloud.bucket());
    let again = pair.cloud.env.run(["sync", "--two-way", "here", &address, "--json"]).succeeded();
    let again = again.json_lines().pop().expect("a line");
    assert_eq!((&again["copied"], &again["unchanged"]), (&0.into(), &2.into()), "{again}");
}

/// behaviour: sync-both-ways
#[test]
fn a_round_that_would_delete_too_much_does_nothing_and_the_watch_goes_on() {
    let pair = Pair::new();
    for name in ["a", "b", "c", "d"] {
        pair.write_here(name, name);
    }
    let (mut watch, _) = pair.watch(&["--max-delete", "1"]);
    // Away with all of them in one go.
    let here = pair.cloud.env.work().join("here");
    fs::create_dir(pair.cloud.env.work().join("elsewhere")).expect("a folder");
    watch.signal(Signal::STOP);
    for name in ["a", "b", "c"] {
        fs::rename(here.join(name), pair.cloud.env.work().join("elsewhere").join(name)).expect("a rename");
    }
    watch.signal(Signal::CONT);
    let failed = watch.next_event("round_failed");
    assert!(failed["message"].as_str().expect("a text").contains("would be deleted"), "{failed}");
    assert_eq!(["a", "b", "c", "d"].map(|name| pair.there(name).is_some()), [true; 4], "nothing was deleted");
    watch.signal(Signal::STOP);
    for name in ["a", "b", "c"] {
        fs::rename(pair.cloud.env.work().join("elsewhere").join(name), here.join(name)).expect("a rename");
    }
    pair.write_here("e", "e");
    watch.signal(Signal::CONT);
    until("it goes on", || pair.there("e").is_some());
    end(watch);
}

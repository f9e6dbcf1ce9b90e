//! Symbolic links on the disk: whether steps may follow them, and what is the same as they are.
#![cfg(unix)]

use std::os::unix::fs::symlink;
use std::path::Path;

use pintail_core::seam::SeededRandom;
use pintail_store::Payload;
use pintail_store::object_store::{Put, Traits};
use pintail_transfer::local::{Links, Target};
use pintail_transfer::plan::Plan;
use pintail_transfer::policy::mirror::{DeleteLimit, Extra};
use pintail_transfer::policy::{Comparison, Means};
use pintail_transfer::prepare::{self, What};

use crate::stage::*;

fn follows(plan: &Plan) -> Vec<(String, bool)> {
    plan.steps()
        .map(Result::unwrap)
        .filter(|(_, step)| step.task.moves_bytes())
        .map(|(_, step)| (step.name.to_string(), step.follows))
        .collect()
}

#[test]
fn steps_follow_links_where_a_person_chose_that() {
    let mut stage = Stage::new();
    stage.file("file", "x", 0);
    symlink("file", stage.root().join("link")).unwrap();
    let told = |stage: &Stage| follows(&stage.copy(&[stage.up()]).unwrap().plan);
    assert_eq!(told(&stage), [("file".to_owned(), false)]);
    stage.rules.links = Links::Keep;
    assert_eq!(told(&stage), [("file".to_owned(), false), ("link".to_owned(), false)]);
    stage.rules.links = Links::Follow;
    assert_eq!(told(&stage), [("file".to_owned(), true), ("link".to_owned(), true)]);
    // A link that is named is meant.
    let one = What::One { name: name("link"), to: name("to") };
    let named = [Stage::job(stage.local(), stage.remote("p/"), one)];
    for (links, expected) in [(Links::Skip, true), (Links::Follow, true), (Links::Keep, false)] {
        stage.rules.links = links;
        assert_eq!(follows(&stage.copy(&named).unwrap().plan), [("link".to_owned(), expected)]);
    }
}

impl Stage {
    /// Writes the object of a link, as an upload does.
    fn link_object(&self, key: &str, text: &str, mtime: Option<&str>) {
        let mut traits = Traits::default();
        traits.metadata.insert("mode".to_owned(), 0o120_777.to_string());
        traits.metadata.extend(mtime.map(|time| ("mtime".to_owned(), time.to_owned())));
        let put = Put { traits, ..Put::default() };
        let payload = Payload::from_bytes(text.to_owned());
        self.runtime.block_on(self.store.put(&self.bucket, &key.parse().unwrap(), payload, &put)).unwrap();
    }
}

#[test]
fn a_kept_link_that_is_at_the_target_is_not_sent_again() {
    // behaviour: transfer-links
    let mut stage = Stage::new();
    stage.rules.links = Links::Keep;
    symlink("text", stage.root().join("link")).unwrap();
    // The clock of the store is ahead of this machine's.
    stage.at(1_000_000_000);
    stage.link_object("p/link", "text", None);
    let mirrored = stage.mirror(&stage.up(), Extra::Keep).unwrap();
    assert_eq!((lines(&mirrored.plan), mirrored.seen.same), (Vec::new(), 1));
    stage.rules.comparison = Comparison { means: Means::Checksum, ..Comparison::default() };
    let mirrored = stage.mirror(&stage.up(), Extra::Keep).unwrap();
    assert_eq!((lines(&mirrored.plan), mirrored.seen.same), (Vec::new(), 1));
    // Another text of that length is another link.
    stage.link_object("p/link", "next", None);
    assert_eq!(lines(&stage.mirror(&stage.up(), Extra::Keep).unwrap().plan), ["upload link"]);
}

#[test]
fn a_link_that_is_not_kept_is_no_copy_of_an_object() {
    let mut stage = Stage::new();
    symlink("text", stage.root().join("link")).unwrap();
    stage.at(1_000_000_000);
    stage.object("p/link", "text");
    for links in [Links::Skip, Links::Follow] {
        stage.rules.links = links;
        stage.rules.comparison = Comparison { means: Means::Size, ..Comparison::default() };
        assert_eq!(lines(&stage.mirror(&stage.down(), Extra::Keep).unwrap().plan), ["download link"]);
    }
}

#[test]
fn a_first_sync_both_ways_of_equal_links_keeps_them_as_they_are() {
    let mut stage = Stage::new();
    stage.rules.links = Links::Keep;
    for (link, text) in [("same", "text"), ("other", "here")] {
        symlink(text, stage.root().join(link)).unwrap();
    }
    stage.link_object("p/same", "text", None);
    stage.link_object("p/other", "else", None);
    let random = SeededRandom::new(1);
    let (job, base) = (stage.up(), stage.folder.path().join("base"));
    let both = prepare::two_way(&job, &base, DeleteLimit::default(), &stage.rules, stage.context(&random));
    let (prepared, _) = stage.runtime.block_on(both).unwrap();
    let lines = lines(&prepared.plan);
    assert_eq!((lines.len(), prepared.seen.same), (3, 1), "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("other")), "{lines:?}");
}

#[test]
fn a_link_at_the_target_is_replaced_and_deleted_as_what_it_is() {
    let mut stage = Stage::new();
    let theirs = stage.folder.path().join("theirs");
    std::fs::write(&theirs, "theirs").unwrap();
    for link in ["gone", "replaced"] {
        symlink(&theirs, stage.root().join(link)).unwrap();
    }
    stage.object("p/replaced", "new");
    for links in [Links::Follow, Links::Keep] {
        stage.rules.links = links;
        let plan = stage.mirror(&stage.down(), Extra::Delete).unwrap().plan;
        let mut told = lines(&plan);
        told.sort();
        assert_eq!(told, ["delete(right) gone", "download replaced"], "{links:?}");
        // The guard is one that the link itself keeps.
        let target = Target::open(&stage.root()).unwrap();
        for step in plan.steps() {
            let (_, step) = step.unwrap();
            let path = Path::new(step.name.as_str());
            target.remove_file(path, &step.guard).unwrap();
            assert!(!stage.root().join(path).is_symlink());
            symlink(&theirs, stage.root().join(path)).unwrap();
        }
    }
    assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs");
}

//! Syncs that go on: `docs/behaviour.md`, section watch.

use std::fs;
use std::time::{Duration, Instant};

use pintail_sandbox::{Effect, Fault, Service};
use pintail_testkit::output::Output;
use pintail_testkit::process::{Running, Signal};
use serde_json::Value;

use crate::cloud::Cloud;

/// Waits until something is as it should be on the other side.
fn until(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::yield_now();
    }
}

/// Starts to watch, and waits until everything was compared once.
fn start(cloud: &Cloud, arguments: &[&str]) -> (Running, Value) {
    let all = ["sync"].iter().chain(arguments).chain(&["--watch", "--json"]);
    let mut watch = cloud.env.pintail(all.copied()).start();
    watch.next_event("watching");
    let first = watch.next_event("round");
    assert_eq!(first["everything"], true, "{first}");
    (watch, first)
}

fn end(watch: Running) -> Output {
    watch.signal(Signal::INT);
    watch.finish().exited(130)
}

fn keys(cloud: &Cloud, prefix: &str) -> Vec<String> {
    let keys = cloud.sandbox().world().keys(&cloud.bucket());
    keys.iter().filter_map(|key| key.strip_prefix(prefix).map(str::to_owned)).collect()
}

/// behaviour: watch
#[test]
fn what_happens_in_a_folder_happens_in_the_bucket() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    let tree = cloud.env.work().join("tree");
    fs::create_dir_all(tree.join("kept")).expect("a folder");
    for number in 0..20 {
        fs::write(tree.join(format!("kept/{number}")), "kept").expect("a file");
    }
    let target = format!("lab:{bucket}/watched/");
    let object = |name: &str| cloud.object(&bucket, &format!("watched/{name}"));
    let (watch, first) = start(&cloud, &["tree", &target, "--delete"]);
    assert_eq!((&first["copied"], &first["unchanged"]), (&20.into(), &0.into()), "{first}");
    cloud.sandbox().recorder().clear();

    fs::write(tree.join("made"), "1").expect("a file");
    until("it is made", || object("made").is_some_and(|object| object == "1"));
    fs::write(tree.join("made"), "changed").expect("a file");
    until("it is changed", || object("made").is_some_and(|object| object == "changed"));
    fs::create_dir_all(tree.join("new/deep")).expect("a folder");
    fs::write(tree.join("new/deep/file"), "deep").expect("a file");
    until("a new folder is watched", || object("new/deep/file").is_some());
    fs::write(tree.join("new/deep/file.tmp"), "saved").expect("a file");
    fs::rename(tree.join("new/deep/file.tmp"), tree.join("new/deep/file")).expect("a rename");
    until("it is saved as editors do", || object("new/deep/file").is_some_and(|object| object == "saved"));
    fs::rename(tree.join("made"), tree.join("renamed")).expect("a rename");
    until("it has another name", || object("renamed").is_some() && object("made").is_none());
    fs::remove_file(tree.join("renamed")).expect("it was there");
    until("it is gone", || object("renamed").is_none());
    // Up to here nothing was listed: what changed was looked at, and nothing else.
    assert_eq!(cloud.sandbox().recorder().count(Service::S3, "ListObjectsV2"), 0);
    fs::rename(tree.join("new"), tree.join("old")).expect("a rename");
    until("the folder has another name", || {
        object("old/deep/file").is_some() && object("new/deep/file").is_none()
    });
    let output = end(watch);
    let rounds: Vec<Value> =
        output.json_lines().into_iter().filter(|line| line["event"] == "round").collect();
    assert!(rounds[1..].iter().all(|round| round["everything"] == false), "{rounds:?}");
    let sum = |field: &str| rounds.iter().map(|round| round[field].as_u64().expect("a number")).sum::<u64>();
    assert_eq!(sum("failed"), 0, "{rounds:?}");
    assert_eq!(keys(&cloud, "watched/").len(), 21);
}

/// behaviour: watch
#[test]
fn what_changes_in_the_bucket_comes_into_the_folder() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let world = cloud.sandbox().world();
    for name in ["one", "two", "three/four"] {
        world.put_object(&bucket, &format!("source/{name}"), name);
    }
    let source = format!("lab:{bucket}/source/");
    let (watch, first) = start(&cloud, &[&source, "down", "--delete", "--poll", "1"]);
    assert_eq!(first["copied"], 3, "{first}");
    let down = env.work().join("down");
    let read = |name: &str| fs::read_to_string(down.join(name)).ok();
    // A look at what did not change costs its list.
    cloud.sandbox().recorder().clear();
    cloud.wait_for(Service::S3, "ListObjectsV2", 2);
    assert_eq!(cloud.sandbox().recorder().count(Service::S3, "HeadObject"), 0);
    world.put_object(&bucket, "source/one", "changed");
    world.put_object(&bucket, "source/five", "new");
    until("it is changed", || read("one").is_some_and(|text| text == "changed"));
    until("it is new", || read("five").is_some_and(|text| text == "new"));
    env.run(["rm", &format!("{source}two")]).succeeded();
    until("it is gone", || read("two").is_none());
    end(watch);
    // Nothing that had nothing to do became a transfer.
    let runs = env.run(["transfers", "ls", "--json"]).succeeded().json_lines();
    assert!(runs.len() <= 3, "{runs:?}");
}

/// behaviour: watch
#[test]
fn a_round_that_would_delete_too_much_deletes_nothing_and_the_watch_goes_on() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    let tree = cloud.env.work().join("tree");
    fs::create_dir_all(&tree).expect("a folder");
    for name in ["a", "b", "c", "d"] {
        fs::write(tree.join(name), name).expect("a file");
    }
    let target = format!("lab:{bucket}/limited/");
    let (mut watch, first) = start(&cloud, &["tree", &target, "--delete"]);
    assert_eq!((&first["copied"], &first["unchanged"]), (&4.into(), &0.into()), "{first}");
    fs::remove_file(tree.join("a")).expect("it was there");
    until("one of four may go", || keys(&cloud, "limited/").len() == 3);
    for name in ["b", "c", "d"] {
        fs::remove_file(tree.join(name)).expect("it was there");
    }
    let refused = watch.next_event("deletions_refused");
    assert!(refused["message"].as_str().expect("a text").contains("would be deleted"), "{refused}");
    fs::write(tree.join("e"), "e").expect("a file");
    until("it goes on", || cloud.object(&bucket, "limited/e").is_some());
    assert!(keys(&cloud, "limited/").len() >= 3, "{:?}", keys(&cloud, "limited/"));
    end(watch);
}

/// behaviour: watch
#[test]
fn what_failed_is_said_and_tried_again() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    let tree = cloud.env.work().join("tree");
    fs::create_dir_all(&tree).expect("a folder");
    let (mut watch, _) = start(&cloud, &["tree", &format!("lab:{bucket}/again/")]);
    let refused = Effect::status(403, "AccessDenied", "Access Denied");
    cloud.sandbox().faults().add(Fault::new(Service::S3, "PutObject", refused).times(2));
    fs::write(tree.join("stubborn"), "x").expect("a file");
    let round = watch.next_event("round");
    assert_eq!((&round["failed"], &round["again_seconds"]), (&1.into(), &1.into()), "{round}");
    until("it is there in the end", || cloud.object(&bucket, "again/stubborn").is_some());
    end(watch);
}

/// behaviour: watch
#[test]
fn a_sign_in_that_ended_is_waited_for() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    let tree = cloud.env.work().join("tree");
    fs::create_dir_all(&tree).expect("a folder");
    let (mut watch, _) = start(&cloud, &["tree", &format!("lab:{bucket}/waits/")]);
    cloud.sandbox().world().revoke_sign_ins(&cloud.summary().users[0].username);
    cloud.sandbox().world().expire_sessions();
    fs::write(tree.join("patient"), "x").expect("a file");
    let waits = watch.next_event("waits_for_sign_in");
    assert!(waits["next"].to_string().contains("pintail login lab"), "{waits}");
    cloud.sign_in("lab", 0).succeeded();
    until("it goes on by itself", || cloud.object(&bucket, "waits/patient").is_some());
    end(watch);
}

/// behaviour: watch
#[test]
fn a_folder_that_goes_ends_the_watch_and_nothing_is_deleted() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    let tree = cloud.env.work().join("tree");
    fs::create_dir_all(&tree).expect("a folder");
    fs::write(tree.join("file"), "x").expect("a file");
    let target = format!("lab:{bucket}/kept/");
    let (watch, _) = start(&cloud, &["tree", &target, "--delete", "--max-delete", "100%"]);
    fs::rename(&tree, cloud.env.work().join("elsewhere")).expect("a rename");
    let output = watch.finish().exited(6);
    assert!(output.stderr.contains("was moved away"), "{}", output.stderr);
    assert_eq!(keys(&cloud, "kept/"), ["file"]);
    let cases = [&["--dry-run"][..], &["--files-from", "list"]];
    for wrong in cases {
        cloud.env.run(["sync", "elsewhere", &target, "--watch"].iter().chain(wrong).copied()).exited(2);
    }
    cloud.env.run(["sync", "elsewhere", &target, "--poll", "5"]).exited(2);
}

/// behaviour: watch
#[test]
fn people_read_what_it_does() {
    let cloud = Cloud::signed_in();
    let tree = cloud.env.work().join("tree");
    fs::create_dir_all(&tree).expect("a folder");
    fs::write(tree.join("file"), "x").expect("a file");
    let target = format!("lab:{}/read/", cloud.bucket());
    let mut watch = cloud.env.pintail(["sync", "tree", &target, "--watch"]).start();
    watch.wait_for_stderr("watching tree/; Ctrl-C ends it");
    watch.wait_for_stderr("copied 1 file");
    fs::write(tree.join("other"), "y").expect("a file");
    watch.wait_for_stderr("tree/other -> ");
    let output = end(watch);
    assert!(output.stderr.ends_with("interrupted\n"), "{}", output.stderr);
}

//! Syncs both ways that go on: `docs/behaviour.md`, sections sync-both-ways and watch.

use std::fs;
use std::time::{Duration, Instant};

use pintail_testkit::process::Signal;

use crate::cloud::Cloud;

/// behaviour: sync-both-ways, watch
#[test]
fn what_both_sides_have_alike_at_the_start_is_remembered() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let here = env.work().join("here");
    fs::create_dir_all(&here).expect("a folder");
    for name in ["a", "b", "c"] {
        fs::write(here.join(name), name).expect("a file");
        cloud.sandbox().world().put_object(&bucket, &format!("there/{name}"), name);
    }
    let there = format!("lab:{bucket}/there/");
    let arguments = ["sync", "--two-way", "here", &there, "--watch", "--poll", "1", "--json"];
    let mut watch = env.pintail(arguments).start();
    watch.next_event("watching");
    let first = watch.next_event("round");
    assert_eq!((&first["copied"], &first["unchanged"]), (&0.into(), &3.into()), "{first}");
    fs::remove_file(here.join("a")).expect("it was there");
    let end = Instant::now() + Duration::from_secs(60);
    while cloud.object(&bucket, "there/a").is_some() {
        assert!(!here.join("a").exists(), "what was deleted came back");
        assert!(Instant::now() < end, "it is never deleted on the other side");
        std::thread::yield_now();
    }
    cloud.sandbox().world().delete_object(&bucket, "there/b");
    while here.join("b").exists() {
        assert!(Instant::now() < end, "it is never deleted here");
        std::thread::yield_now();
    }
    watch.signal(Signal::INT);
    watch.finish().exited(130);
    assert!(!here.join("a").exists() && here.join("c").exists());
    // Nothing that had nothing to do became a transfer.
    let runs = env.run(["transfers", "ls", "--json"]).succeeded().json_lines();
    assert!(runs.len() <= 2, "{runs:?}");
}

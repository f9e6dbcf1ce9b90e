//! What is done before a copy counts: it is read back with `--verify`, and made safe on the disk as `--sync-disk` says. `docs/behaviour.md`,
//! sections transfer-verify and transfer-durability.

use std::fs;

use pintail_sandbox::{Effect, Fault, Service};
use pintail_testkit::output::Output;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::copying::{bytes, partials};

/// By one request, in parts, and empty.
const FILES: [(&str, usize); 4] = [("a", 1000), ("b", 0), ("c", 70_000), ("large", (16 << 20) + 1)];

fn last(output: &Output) -> Value {
    output.json_lines().pop().expect("a line")
}

fn tree(cloud: &Cloud) {
    fs::create_dir_all(cloud.env.work().join("tree")).expect("a folder");
    for (name, size) in FILES {
        fs::write(cloud.env.work().join("tree").join(name), bytes(size)).expect("a file");
    }
}

#[track_caller]
fn is_whole(cloud: &Cloud, folder: &str) {
    for (name, size) in FILES {
        let found = fs::read(cloud.env.work().join(folder).join(name)).expect("a file");
        assert!(found == bytes(size), "{folder}/{name}");
    }
    assert_eq!(partials(&cloud.env.work().join(folder)), Vec::<String>::new());
}

/// behaviour: transfer-proof
#[test]
fn with_verify_every_copy_is_looked_at_once_more_before_it_counts() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&cloud);
    let looks = || cloud.sandbox().recorder().count(Service::S3, "HeadObject");
    let (up, within) = (format!("lab:{bucket}/up/"), format!("lab:{bucket}/within/"));
    let ways: [(&[&str], &str); 3] = [
        (&["cp", "-r", "tree/"], &up),
        (&["sync", "tree"], &format!("lab:{bucket}/synced/")),
        (&["cp", "-r", &up], &within),
    ];
    for (words, to) in ways {
        let run = |more: &[&str]| {
            env.run(["rm", "-r", to]).succeeded();
            cloud.sandbox().recorder().clear();
            let all = words.iter().copied().chain([to, "--json"]).chain(more.iter().copied());
            let done = last(&env.run(all).succeeded());
            assert_eq!((&done["copied"], &done["failed"]), (&4.into(), &0.into()), "{words:?}: {done}");
            // Within the service an object of many parts tells its length alone, unless it is looked at.
            assert!(done["verified"] == 4 || to == within, "{words:?}: {done}");
            looks()
        };
        let (without, with) = (run(&[]), run(&["--verify"]));
        assert!(with >= without + FILES.len(), "{words:?}: {with} looks, and {without} without --verify");
    }
    // A copy that cannot be looked at is none that counts, whatever the answer to the upload was.
    let gone = Effect::status(404, "NoSuchKey", "The specified key does not exist.");
    cloud.sandbox().faults().add(Fault::new(Service::S3, "HeadObject", gone).path_containing("/c").always());
    let target = format!("lab:{bucket}/unseen/");
    let ended = last(&env.run(["cp", "-r", "tree/", &target, "--verify", "--json"]).exited(3));
    assert_eq!((&ended["copied"], &ended["failed"]), (&3.into(), &1.into()), "{ended}");
    let kept = last(&env.run(["mv", "tree/c", &target, "--verify", "--json"]).exited(6));
    assert_eq!((&kept["copied"], &kept["failed"]), (&0.into(), &1.into()), "{kept}");
    assert_eq!(fs::read(env.work().join("tree/c")).expect("the source stayed"), bytes(70_000));
    cloud.sandbox().faults().clear();
    let run = ended["run"].as_str().expect("a run");
    let shown = env.run(["transfers", "show", run, "--json"]).succeeded().json();
    assert_eq!(shown["options"]["verify"], true);
    assert_eq!(last(&env.run(["transfers", "resume", run, "--json"]).succeeded())["copied"], 4);
}

/// behaviour: transfer-proof
#[test]
fn downloads_are_read_back_from_the_disk_and_come_out_whole() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&cloud);
    let there = format!("lab:{bucket}/there/");
    env.run(["cp", "-r", "tree/", &there]).succeeded();
    for words in [&["cp", "-r"][..], &["sync"], &["mv", "-r"]] {
        let to = format!("down-{}", words[0]);
        let all = words.iter().copied().chain([there.as_str(), &to, "--verify", "--json"]);
        let done = last(&env.run(all).succeeded());
        assert_eq!((&done["verified"], &done["failed"]), (&4.into(), &0.into()), "{words:?}: {done}");
        is_whole(&cloud, &to);
    }
    // What arrives wrong does not even get so far.
    env.run(["cp", "-r", "tree/", &there]).succeeded();
    cloud
        .sandbox()
        .faults()
        .add(Fault::new(Service::S3, "GetObject", Effect::FlipByte(5)).path_containing("/c").always());
    let done = last(&env.run(["cp", "-r", &there, "flipped/", "--verify", "--json"]).exited(3));
    assert_eq!((&done["copied"], &done["failed"]), (&3.into(), &1.into()), "{done}");
    assert!(!env.work().join("flipped/c").exists());
}

/// behaviour: transfer-durability
#[test]
fn however_safe_files_are_made_they_come_out_whole() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&cloud);
    let there = format!("lab:{bucket}/there/");
    env.run(["cp", "-r", "tree/", &there]).succeeded();
    for when in ["each", "batch", "none"] {
        for words in [&["cp", "-r"][..], &["sync"], &["sync", "--two-way"]] {
            let to = format!("{when}-{}-{}", words[0], words.len());
            let all = words.iter().copied().chain([there.as_str(), &to, "--sync-disk", when, "--json"]);
            let done = last(&env.run(all).succeeded());
            assert_eq!((&done["copied"], &done["verified"]), (&4.into(), &4.into()), "{when}: {done}");
            is_whole(&cloud, &to);
            let run = done["run"].as_str().expect("a run");
            let shown = env.run(["transfers", "show", run, "--json"]).succeeded().json();
            assert_eq!(shown["options"]["sync_disk"], when);
        }
        // One file alone, over one that is there.
        let one = format!("one-{when}");
        fs::write(env.work().join(&one), "before").expect("a file");
        env.run(["cp", &format!("{there}c"), &one, "--sync-disk", when]).succeeded();
        assert_eq!(fs::read(env.work().join(&one)).expect("a file"), bytes(70_000));
    }
    // And a failure leaves what was there, however it is made safe.
    cloud.sandbox().faults().add(Fault::new(Service::S3, "GetObject", Effect::FlipByte(5)).always());
    for when in ["each", "batch", "none"] {
        env.run(["cp", &format!("{there}a"), &format!("one-{when}"), "--sync-disk", when]).exited(1);
        assert_eq!(fs::read(env.work().join(format!("one-{when}"))).expect("a file"), bytes(70_000));
    }
    for wrong in ["always", "", "Each", "0"] {
        env.run(["cp", "-r", &there, "wrong/", "--sync-disk", wrong]).exited(2);
    }
    assert!(!env.work().join("wrong").exists());
}

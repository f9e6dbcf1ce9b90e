//! Proofs that two places hold the same: `docs/behaviour.md`, section verify.

use std::fs;

use pintail_sandbox::Service;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::copying::bytes;

fn events(lines: &[Value], event: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let wanted = lines.iter().filter(|line| line["event"] == event);
    wanted.map(|line| (text(&line["name"]), text(&line["what"]))).collect()
}

/// behaviour: verify
#[test]
fn equal_trees_are_proved_and_every_difference_is_named() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::create_dir_all(env.work().join("tree/sub")).expect("folders");
    for (name, size) in [("a", 10), ("sub/b", 1000), ("sub/large", 20 << 20), ("c", 7)] {
        fs::write(env.work().join("tree").join(name), bytes(size)).expect("a file");
    }
    let there = format!("lab:{bucket}/proved/");
    env.run(["cp", "-r", "tree/", &there]).succeeded();
    cloud.sandbox().recorder().clear();
    for (left, right) in [("tree", there.as_str()), (there.as_str(), "tree")] {
        let done = env.run(["verify", left, right, "--json"]).succeeded().json_lines().pop().expect("a line");
        assert_eq!((&done["equal"], &done["same_by_checksum"]), (&true.into(), &4.into()), "{done}");
    }
    assert_eq!(cloud.sandbox().recorder().count(Service::S3, "GetObject"), 0, "checksums say it all");
    let read = env.run(["verify", "tree", &there, "--download", "--json"]).succeeded().json_lines();
    assert_eq!(read.last().expect("a line")["same_by_reading"], 4);

    let world = cloud.sandbox().world();
    world.put_object(&bucket, "proved/a", vec![0; 10]);
    world.put_object(&bucket, "proved/sub/b", vec![0; 999]);
    world.put_object(&bucket, "proved/more", "x");
    fs::write(env.work().join("tree/only-here"), "x").expect("a file");
    let lines = env.run(["verify", "tree", &there, "--json"]).exited(1).json_lines();
    let mut found = events(&lines, "differs");
    found.sort();
    let expected =
        [("a", "content"), ("more", "missing_left"), ("only-here", "missing_right"), ("sub/b", "size")];
    assert_eq!(found, expected.map(|(name, what)| (name.to_owned(), what.to_owned())));
    assert_eq!(lines.last().expect("a line")["equal"], false);
    let said = env.run(["verify", "tree", &there]).exited(1);
    assert!(said.stderr.contains("not equal: 2 files the same"), "{}", said.stderr);
    assert_eq!(said.stdout.lines().count(), 4, "{}", said.stdout);
    // By size alone another content is not seen, and is not called proved.
    let by_size = env.run(["verify", "tree", &there, "--size-only", "--include", "a", "--json"]).succeeded();
    assert_eq!(by_size.json_lines().pop().expect("a line")["same_by_size"], 1);
    // A list may name what is nowhere: what was meant to be proved is not.
    fs::write(env.work().join("names"), "c\nsub/large\nsub/lagre\n").expect("a list");
    let lines = env.run(["verify", "tree", &there, "--files-from", "names", "--json"]).exited(1).json_lines();
    assert_eq!(events(&lines, "differs"), [("sub/lagre".to_owned(), "nowhere".to_owned())]);
    let last = lines.last().expect("a line");
    assert_eq!((&last["equal"], &last["nowhere"]), (&false.into(), &1.into()), "{last}");
    env.run(["verify", "tree"]).exited(2);
    env.run(["verify", "tree/a", &there]).exited(2);
    env.run(["verify", "nowhere", &there]).exited(6);
}

/// behaviour: verify
#[test]
fn what_a_transfer_copied_is_looked_at_again() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::create_dir_all(env.work().join("tree")).expect("a folder");
    for name in ["a", "b"] {
        fs::write(env.work().join("tree").join(name), name).expect("a file");
    }
    let copied = env.run(["cp", "-r", "tree/", &format!("lab:{bucket}/again/"), "--json"]).succeeded();
    let run = copied.json_lines().pop().expect("a line")["run"].as_str().expect("a run").to_owned();
    let done = env.run(["verify", "--run", &run, "--json"]).succeeded().json_lines().pop().expect("a line");
    assert_eq!(done["equal"], true, "{done}");
    cloud.sandbox().world().put_object(&bucket, "again/b", "x");
    let lines = env.run(["verify", "--run", &run, "--json"]).exited(1).json_lines();
    assert_eq!(events(&lines, "differs").len() + events(&lines, "unclear").len(), 1, "{lines:?}");
    env.run(["verify", "--run", "20260101-000000-00000000"]).exited(6);
}

//! Files that are named like unfinished downloads of ours: `docs/behaviour.md`, section hostile-keys. They are named and stay, and are no failure.

use std::fs;
use std::path::Path;

use pintail_testkit::output::Output;
use serde_json::Value;

use crate::cloud::Cloud;

const OURS: &str = ".pintail-0123456789abcdef.part";

/// A folder `tree` with two of them, one beside an ordinary file and one that is alone.
fn tree(work: &Path) {
    fs::create_dir_all(work.join("tree/sub")).expect("folders");
    for name in ["a", OURS, &format!("sub/{OURS}")] {
        fs::write(work.join("tree").join(name), "half").expect("a file");
    }
}

/// What was skipped, by name.
fn skipped(output: &Output) -> Vec<String> {
    let lines = output.json_lines();
    let skipped = lines.iter().filter(|line| line["event"] == "skipped");
    skipped
        .map(|line| {
            assert_eq!(line["why"], "it is named like an unfinished download", "{line}");
            line["what"].as_str().expect("a place").to_owned()
        })
        .collect()
}

fn last(output: &Output) -> Value {
    output.json_lines().pop().expect("a line")
}

fn keys(cloud: &Cloud, prefix: &str) -> Vec<String> {
    let keys = cloud.sandbox().world().keys(&cloud.bucket());
    keys.iter().filter_map(|key| key.strip_prefix(prefix).map(str::to_owned)).collect()
}

/// behaviour: hostile-keys
#[test]
fn they_are_named_by_every_command_and_are_no_failure() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&env.work());
    let named = [format!("tree/{OURS}"), format!("tree/sub/{OURS}")];
    for words in [&["cp", "-r"][..], &["sync"], &["sync", "--two-way"]] {
        let prefix = format!("{}-{}/", words[0], words.len());
        let target = format!("lab:{bucket}/{prefix}");
        let places = ["tree/", &target];
        let run = |more: &[&str]| env.run(words.iter().chain(&places).chain(more).copied()).succeeded();
        let dry = run(&["--dry-run"]);
        for name in &named {
            assert!(dry.stdout.contains(name), "{words:?}: {}", dry.stdout);
        }
        let first = run(&["--json"]);
        assert_eq!(skipped(&first), named, "{words:?}");
        let done = last(&first);
        assert_eq!(
            (&done["copied"], &done["skipped"], &done["failed"]),
            (&1.into(), &2.into(), &0.into()),
            "{words:?}"
        );
        assert_eq!(keys(&cloud, &prefix), ["a"], "{words:?}");
        // Again and again, and for people too.
        let said = run(&[]).stderr;
        for name in &named {
            let line = format!("skipped: {name} (it is named like an unfinished download)");
            assert!(said.contains(&line), "{words:?}: {said}");
        }
        // Whoever knows of them leaves them out.
        assert_eq!(skipped(&run(&["--exclude", ".pintail-*", "--json"])), Vec::<String>::new());
        assert_eq!(run(&["--quiet"]).stderr, "");
    }
    // They are told, and equal is what is left.
    let there = format!("lab:{bucket}/cp-2/");
    let verified = env.run(["verify", "tree", &there, "--json"]).succeeded();
    let told: Vec<Value> = verified.json_lines().into_iter().filter(|line| line["what"] == "unfit").collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((&last(&verified)["equal"], &last(&verified)["unclear"]), (&true.into(), &0.into()));
    assert!(env.run(["verify", "tree", &there]).succeeded().stdout.contains(OURS));
}

/// behaviour: hostile-keys
#[test]
fn nothing_is_moved_or_deleted_for_them_on_either_side() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let world = cloud.sandbox().world();
    tree(&env.work());
    for key in [OURS, &format!("sub/{OURS}"), "gone"] {
        world.put_object(&bucket, &format!("mirror/{key}"), "theirs");
        world.put_object(&bucket, &format!("both/{key}"), "theirs");
    }
    let target = format!("lab:{bucket}/mirror/");
    let synced = env.run(["sync", "tree", &target, "--delete", "--max-delete", "100%", "--json"]).succeeded();
    assert_eq!(last(&synced)["deleted"], 1, "{:?}", last(&synced));
    assert_eq!(keys(&cloud, "mirror/"), [OURS, "a", &format!("sub/{OURS}")]);
    // Both ways as well: neither side's is touched.
    let both = format!("lab:{bucket}/both/");
    for _ in 0..2 {
        let synced = env.run(["sync", "--two-way", "tree", &both, "--json"]).succeeded();
        assert_eq!((&last(&synced)["deleted"], &last(&synced)["refused"]), (&0.into(), &0.into()));
        assert_eq!(skipped(&synced).len(), 2);
    }
    assert_eq!(cloud.object(&bucket, &format!("both/{OURS}")).expect("it"), "theirs");
    // A folder that gets a bucket's content keeps what lies in it under such a name, and the key is refused.
    fs::create_dir_all(env.work().join("down/old")).expect("folders");
    fs::write(env.work().join("down/old").join(OURS), "half").expect("a file");
    fs::write(env.work().join("down/old/file"), "old").expect("a file");
    let down = env.run(["sync", &target, "down", "--delete", "--max-delete", "100%", "--json"]).exited(3);
    assert_eq!((&last(&down)["deleted"], &last(&down)["refused"]), (&1.into(), &2.into()), "{}", last(&down));
    assert_eq!(fs::read(env.work().join("down/old").join(OURS)).expect("it stayed"), b"half");
    // A move leaves them where they are.
    let moved = env.run(["mv", "-r", "tree/", &format!("lab:{bucket}/moved/"), "--json"]).succeeded();
    assert_eq!((&last(&moved)["copied"], skipped(&moved).len()), (&2.into(), 2));
    assert!(!env.work().join("tree/a").exists());
    for name in [OURS, &format!("sub/{OURS}")] {
        assert_eq!(fs::read(env.work().join("tree").join(name)).expect("it stayed"), b"half");
    }
    assert_eq!(keys(&cloud, "moved/"), ["a", "gone"]);
}

/// behaviour: hostile-keys
#[test]
fn one_is_seen_among_many_that_are_skipped() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::create_dir(env.work().join("many")).expect("a folder");
    for number in 0..101 {
        fs::write(env.work().join(format!("many/{number:03}")), "x").expect("a file");
    }
    let target = format!("lab:{bucket}/many/");
    env.run(["cp", "-r", "many/", &target]).succeeded();
    fs::write(env.work().join("many").join(OURS), "half").expect("a file");
    let said = env.run(["cp", "-r", "-n", "many/", &target]).succeeded().stderr;
    let skips: Vec<&str> = said.lines().filter(|line| line.starts_with("skipped: ")).collect();
    assert_eq!(skips, [format!("skipped: many/{OURS} (it is named like an unfinished download)")]);
    // Named by itself it is refused.
    let refused = env.run(["cp", &format!("many/{OURS}"), &target]).exited(1);
    assert!(refused.stderr.contains("kept for unfinished downloads"), "{}", refused.stderr);
    // Folders of such a name are none of ours, and are refused as before.
    fs::create_dir(env.work().join("many/.pintail-0123456789abcdee.part")).expect("a folder");
    env.run(["cp", "-r", "-n", "many/", &target]).exited(3);
}

//! Syncs and filters: `docs/behaviour.md`, sections sync and filters.

use std::fs;
use std::path::Path;
use std::time::Duration;

use pintail_sandbox::Service;
use serde_json::Value;

use crate::cloud::Cloud;

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn tree(folder: &Path) {
    for (name, text) in [("a.txt", "a"), ("b/c.txt", "cc"), ("b/d.jpg", "ddd"), ("e/f/g", "gggg")] {
        write(&folder.join(name), text);
    }
}

fn below(cloud: &Cloud, prefix: &str) -> Vec<String> {
    let keys = cloud.sandbox().world().keys(&cloud.bucket());
    keys.iter().filter_map(|key| key.strip_prefix(prefix).map(str::to_owned)).collect()
}

fn done(cloud: &Cloud, arguments: &[&str]) -> Value {
    let all = arguments.iter().copied().chain(["--json"]);
    cloud.env.run(all).succeeded().json_lines().pop().expect("a line")
}

fn age(path: &Path, by: Duration) {
    let file = fs::File::options().write(true).open(path).expect("a file");
    let now = file.metadata().and_then(|it| it.modified()).expect("its time");
    file.set_modified(now - by).expect("its time");
}

/// behaviour: sync
#[test]
fn a_second_sync_lists_and_does_nothing_else() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&env.work().join("tree"));
    let target = format!("lab:{bucket}/synced");
    let first = done(&cloud, &["sync", "tree", &target]);
    assert_eq!((&first["copied"], &first["deleted"]), (&4.into(), &0.into()), "{first}");
    assert_eq!(below(&cloud, "synced/"), ["a.txt", "b/c.txt", "b/d.jpg", "e/f/g"]);
    for (from, to) in [("tree", target.as_str()), (target.as_str(), "tree")] {
        cloud.sandbox().recorder().clear();
        let again = done(&cloud, &["sync", from, to]);
        assert_eq!((&again["copied"], &again["unchanged"]), (&0.into(), &4.into()), "{again}");
        let recorder = cloud.sandbox().recorder();
        assert_eq!(recorder.count(Service::S3, "ListObjectsV2"), 1);
        for operation in ["PutObject", "GetObject", "HeadObject", "DeleteObjects", "CopyObject"] {
            assert_eq!(recorder.count(Service::S3, operation), 0, "{operation}");
        }
    }
    // Nothing to do needs no run.
    assert_eq!(env.run(["transfers", "ls", "--json"]).succeeded().json_lines().len(), 1);
    write(&env.work().join("tree/b/c.txt"), "changed");
    let changed = done(&cloud, &["sync", "tree", &target]);
    assert_eq!((&changed["copied"], &changed["unchanged"]), (&1.into(), &3.into()), "{changed}");
    assert_eq!(cloud.object(&bucket, "synced/b/c.txt").expect("it"), "changed");
}

/// behaviour: progress
#[test]
fn a_sync_without_a_copy_says_what_it_did() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&env.work().join("tree"));
    let target = format!("lab:{bucket}/told/");
    done(&cloud, &["sync", "tree", &target]);
    let words = ["sync", "tree", &target, "--delete", "--yes", "--max-delete", "100%"];
    let last = |said: &str| said.lines().last().unwrap_or_default().to_owned();
    assert_eq!(last(&env.run(words).succeeded().stderr), "nothing to do: 4 files are the same");
    let words_of_copy = ["cp", "-r", "tree/", &target, "--existing", "skip", "--quiet"];
    assert_eq!(env.run(words_of_copy).succeeded().stderr, "");
    assert_eq!(last(&env.run(&words_of_copy[..6]).succeeded().stderr), "nothing to do, 4 skipped");
    for name in ["a.txt", "b/c.txt", "b/d.jpg"] {
        fs::remove_file(env.work().join("tree").join(name)).expect("it is there");
    }
    let would = last(&env.run(words.into_iter().chain(["--dry-run"])).succeeded().stderr);
    assert!(would.starts_with("would delete 3 files, 1 unchanged; about "), "{would}");
    let said = last(&env.run(words).succeeded().stderr);
    assert!(said.starts_with("deleted 3 files in ") && said.ends_with(", 1 unchanged"), "{said}");
    assert_eq!(below(&cloud, "told/"), ["e/f/g"]);
}

/// behaviour: sync
#[test]
fn deletions_have_a_limit_and_a_list_first() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&env.work().join("tree"));
    let target = format!("lab:{bucket}/mirror/");
    done(&cloud, &["sync", "tree", &target]);
    for name in ["a.txt", "b/c.txt", "b/d.jpg"] {
        fs::remove_file(env.work().join("tree").join(name)).expect("it was there");
    }
    // Without --delete nothing goes.
    assert_eq!(done(&cloud, &["sync", "tree", &target])["deleted"], 0);
    let refused = env.run(["sync", "tree", &target, "--delete"]).exited(1);
    for text in ["a.txt", "b/c.txt", "b/d.jpg", "the limit is 2", "--max-delete"] {
        assert!(refused.stderr.contains(text), "{text}: {}", refused.stderr);
    }
    assert_eq!(below(&cloud, "mirror/").len(), 4, "nothing was deleted");
    env.run(["sync", "tree", &target, "--delete", "--max-delete", "2"]).exited(1);
    let dry = env.run(["sync", "tree", &target, "--delete", "--max-delete", "3", "--dry-run", "--json"]);
    let dry = dry.succeeded().json_lines();
    assert_eq!(dry.iter().filter(|line| line["event"] == "would_delete").count(), 3, "{dry:?}");
    assert_eq!(below(&cloud, "mirror/").len(), 4, "nothing was deleted");
    let gone = done(&cloud, &["sync", "tree", &target, "--delete", "--max-delete", "80%"]);
    assert_eq!((&gone["deleted"], &gone["copied"]), (&3.into(), &0.into()), "{gone}");
    assert_eq!(below(&cloud, "mirror/"), ["e/f/g"]);
}

/// behaviour: sync
#[test]
fn a_person_is_asked_before_anything_is_deleted() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&env.work().join("tree"));
    cloud.sandbox().world().put_object(&bucket, "asked/old", "x");
    let target = format!("lab:{bucket}/asked/");
    for (answer, left, code) in [("n", 1, 130), ("y", 0, 0)] {
        let arguments = ["sync", "tree", &target, "--delete", "--max-delete", "100%"];
        let mut sync = env.pintail(arguments).set("NO_COLOR", "1").start_on_terminal();
        sync.wait_for_question("asked/old");
        sync.wait_for_question("[y/N]");
        sync.type_in(&format!("{answer}\n"));
        sync.finish().exited(code);
        assert_eq!(below(&cloud, "asked/old").len(), left, "{answer}");
    }
    assert_eq!(below(&cloud, "asked/").len(), 4);
}

/// behaviour: sync
#[test]
fn a_source_that_is_not_there_is_no_empty_one() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    cloud.sandbox().world().put_object(&bucket, "kept/x", "x");
    let target = format!("lab:{bucket}/kept/");
    env.run(["sync", "not-mounted", &target, "--delete", "--max-delete", "100%"]).exited(6);
    write(&env.work().join("file"), "x");
    env.run(["sync", "file", &target]).exited(2);
    env.run(["sync", &target, &format!("lab:{bucket}/kept/inside/")]).exited(2);
    env.run(["sync", "one", "other"]).exited(2);
    assert_eq!(below(&cloud, "kept/"), ["x"]);
}

/// behaviour: sync
#[test]
fn what_counts_as_changed_can_be_chosen() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let file = env.work().join("tree/file");
    write(&file, "one");
    let target = format!("lab:{bucket}/chosen/");
    done(&cloud, &["sync", "tree", &target]);
    // Another content of the same size, and a time long before.
    write(&file, "two");
    age(&file, Duration::from_secs(86_400));
    assert_eq!(done(&cloud, &["sync", "tree", &target, "--size-only"])["copied"], 0);
    assert_eq!(done(&cloud, &["sync", "tree", &target, "--checksum"])["copied"], 1);
    assert_eq!(cloud.object(&bucket, "chosen/file").expect("it"), "two");
    // A target that is newer stays with --update, by the time that is kept with it.
    write(&file, "three");
    age(&file, Duration::from_secs(2 * 86_400));
    assert_eq!(done(&cloud, &["sync", "tree", &target, "--update"])["copied"], 0);
    assert_eq!(done(&cloud, &["sync", "tree", &target])["copied"], 1);
}

/// behaviour: filters
#[test]
fn filters_decide_what_takes_part() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let work = env.work();
    tree(&work.join("tree"));
    age(&work.join("tree/a.txt"), Duration::from_secs(10 * 86_400));
    write(&work.join("tree/.gitignore"), "*.jpg\n");
    fs::write(work.join("list"), "# a list\nb/\ne/f/g\n").expect("a file");
    fs::write(work.join("list0"), "a.txt\0b/c.txt\0").expect("a file");
    let cases: [(&[&str], &[&str]); 9] = [
        (&["--include", "*.txt"], &["a.txt", "b/c.txt"]),
        (&["--exclude", "*.txt", "--include", "a.txt"], &[".gitignore", "a.txt", "b/d.jpg", "e/f/g"]),
        (&["--include", "a.txt", "--exclude", "*"], &[]),
        (&["--gitignore", "--exclude", ".gitignore"], &["a.txt", "b/c.txt", "e/f/g"]),
        (&["--min-size", "2", "--max-size", "3"], &["b/c.txt", "b/d.jpg"]),
        (&["--older-than", "7d"], &["a.txt"]),
        (&["--newer-than", "7d", "--exclude", ".gitignore"], &["b/c.txt", "b/d.jpg", "e/f/g"]),
        (&["--files-from", "list"], &["b/c.txt", "b/d.jpg", "e/f/g"]),
        (&["--files-from", "list0", "-0"], &["a.txt", "b/c.txt"]),
    ];
    for (number, (options, expected)) in cases.into_iter().enumerate() {
        for command in [&["cp", "-r"][..], &["sync"]] {
            let prefix = format!("filtered/{}{number}/", command[0]);
            let target = format!("lab:{bucket}/{prefix}");
            let all = command.iter().copied().chain(["tree/", &target]).chain(options.iter().copied());
            env.run(all).succeeded();
            assert_eq!(below(&cloud, &prefix), expected, "{command:?} {options:?}");
        }
    }
    // From standard input, and for deletions.
    let target = format!("lab:{bucket}/filtered/piped/");
    env.pintail(["cp", "-r", "tree/", &target, "--files-from", "-"]).stdin("a.txt\n").output().succeeded();
    assert_eq!(below(&cloud, "filtered/piped/"), ["a.txt"]);
    env.run(["rm", "-r", &format!("lab:{bucket}/filtered/sync1/"), "--include", "*.jpg"]).succeeded();
    assert_eq!(below(&cloud, "filtered/sync1/"), [".gitignore", "a.txt", "e/f/g"]);
    // What cannot be meant is said before anything happens.
    for wrong in [
        &["--include", "[a"][..],
        &["--min-size", "lots"],
        &["--newer-than", "yesterday"],
        &["--bandwidth", "fast"],
        &["--part-size", "1M"],
        &["-0"],
    ] {
        env.run(["cp", "-r", "tree/", &target].into_iter().chain(wrong.iter().copied())).exited(2);
    }
}

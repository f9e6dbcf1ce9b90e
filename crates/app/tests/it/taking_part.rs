//! What takes part, where it is named, listed or asked about: `docs/behaviour.md`, sections filters, rm, existing, sync and mv.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::cloud::Cloud;

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn age(path: &Path, hours: u64) {
    let file = fs::File::options().write(true).open(path).expect("a file");
    // It was written just now.
    let now = file.metadata().and_then(|it| it.modified()).expect("its time");
    file.set_modified(now - Duration::from_secs(hours * 3600)).expect("its time");
}

fn put(cloud: &Cloud, keys: &[(&str, &str)]) {
    let bucket = cloud.bucket();
    for (key, text) in keys {
        cloud.sandbox().world().put_object(&bucket, key, (*text).to_owned());
    }
}

fn below(cloud: &Cloud, prefix: &str) -> Vec<String> {
    let keys = cloud.sandbox().world().keys(&cloud.bucket());
    keys.iter().filter_map(|key| key.strip_prefix(prefix).map(str::to_owned)).collect()
}

/// behaviour: filters
/// behaviour: rm
#[test]
fn filters_are_asked_of_what_is_named_too() {
    let cloud = Cloud::signed_in();
    let (env, bucket, work) = (&cloud.env, cloud.bucket(), cloud.env.work());
    put(&cloud, &[("n/big", "123456789"), ("n/open", "1"), ("n/secret", "1")]);
    let place = |key: &str| format!("lab:{bucket}/n/{key}");
    let all = [place("big"), place("open"), place("secret"), place("missing")];
    for (filter, left) in [
        (&["--older-than", "30d"][..], &["big", "open", "secret"][..]),
        (&["--exclude", "secret", "--max-size", "5"], &["big", "secret"]),
        (&["--min-size", "5"], &["secret"]),
        (&[], &[]),
    ] {
        let line = ["rm"].into_iter().chain(all.iter().map(String::as_str)).chain(filter.iter().copied());
        env.run(line).succeeded();
        assert_eq!(below(&cloud, "n/"), left, "{filter:?}");
    }
    for name in ["a.txt", "secret.txt", "old.txt"] {
        write(&work.join(name), name);
    }
    age(&work.join("old.txt"), 24 * 90);
    let named = ["a.txt", "secret.txt", "old.txt"];
    for (verb, prefix) in [("cp", "up/"), ("mv", "moved/")] {
        let target = format!("lab:{bucket}/{prefix}");
        let more = [target.as_str(), "--exclude", "secret.txt", "--newer-than", "30d"];
        env.run([verb].into_iter().chain(named).chain(more)).succeeded();
        assert_eq!(below(&cloud, prefix), ["a.txt"], "{verb}");
    }
    assert!(
        work.join("secret.txt").exists() && work.join("old.txt").exists() && !work.join("a.txt").exists()
    );
    // The other way, by when the object was written.
    put(&cloud, &[("down/a", "a"), ("down/b", "b")]);
    let (a, b) = (format!("lab:{bucket}/down/a"), format!("lab:{bucket}/down/b"));
    env.run(["cp", &a, &b, "here/", "--exclude", "b"]).succeeded();
    env.run(["cp", &a, &b, "here/", "--older-than", "30d"]).succeeded();
    assert!(work.join("here/a").exists() && !work.join("here/b").exists());
}

/// behaviour: filters
/// behaviour: rm
#[test]
fn a_beginning_is_filtered_by_whole_names() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let keys = [("w/log/a", "1"), ("w/log/b", "1"), ("w/logo.png", "1"), ("w/lag", "1"), ("w/o.png", "1")];
    put(&cloud, &keys);
    let beginning = format!("lab:{bucket}/w/log");
    fs::write(env.work().join("list"), "log/a\nlag\n").expect("a file");
    env.run(["rm", "-r", &beginning, "--files-from", "list"]).succeeded();
    assert_eq!(below(&cloud, "w/"), ["lag", "log/b", "logo.png", "o.png"]);
    put(&cloud, &keys);
    fs::write(env.work().join("list"), "log/\nlag\n").expect("a file");
    env.run(["rm", "-r", &beginning, "--files-from", "list"]).succeeded();
    assert_eq!(below(&cloud, "w/"), ["lag", "logo.png", "o.png"]);
    put(&cloud, &keys);
    env.run(["rm", "-r", &beginning, "--exclude", "logo.png"]).succeeded();
    assert_eq!(below(&cloud, "w/"), ["lag", "logo.png", "o.png"]);
    env.run(["rm", "-r", &beginning]).succeeded();
    assert_eq!(below(&cloud, "w/"), ["lag", "o.png"]);
}

/// behaviour: filters
#[test]
fn ages_are_those_of_the_listing_however_names_are_found() {
    let cloud = Cloud::signed_in();
    let (env, bucket, work) = (&cloud.env, cloud.bucket(), cloud.env.work());
    write(&work.join("old"), "old");
    age(&work.join("old"), 24 * 90);
    let target = format!("lab:{bucket}/ages/");
    env.run(["cp", "old", &target]).succeeded();
    fs::write(work.join("list"), "old\n").expect("a file");
    // The object is new, whatever it is made of.
    for more in [&[][..], &["--files-from", "list"]] {
        let line = ["rm", "-r", &target, "--older-than", "30d"].into_iter().chain(more.iter().copied());
        env.run(line).succeeded();
        assert_eq!(below(&cloud, "ages/"), ["old"], "{more:?}");
        let line = ["cp", "-r", &target, "here/", "--newer-than", "1d"].into_iter();
        env.run(line.chain(more.iter().copied())).succeeded();
        fs::remove_file(work.join("here/old")).expect("it was copied");
    }
}

/// behaviour: mv
#[test]
fn what_a_move_leaves_out_or_skips_keeps_its_source() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    put(&cloud, &[("d/", ""), ("d/a.txt", "a"), ("d/b.jpg", "b"), ("d/e/", "")]);
    let (from, to) = (format!("lab:{bucket}/d/"), format!("lab:{bucket}/t/"));
    env.run(["mv", "-r", &from, &to, "--include", "*.txt"]).succeeded();
    assert_eq!(
        (below(&cloud, "d/"), below(&cloud, "t/")),
        (vec!["".into(), "b.jpg".into(), "e/".into()], vec!["a.txt".into()])
    );
    // What stands for an empty folder is not taken where no folder is made for it.
    let said = env.run(["mv", "-r", &from, "down/", "--json"]).succeeded().json_lines();
    assert!(said.iter().any(|line| line["event"] == "skipped"), "{said:?}");
    assert_eq!(below(&cloud, "d/"), ["e/"]);
    env.run(["mv", "-r", &from, "down/", "--empty-folders"]).succeeded();
    assert!(env.work().join("down/e").is_dir() && below(&cloud, "d/").is_empty());
}

/// behaviour: existing
/// behaviour: sync
#[test]
fn newer_is_asked_of_the_time_that_was_kept() {
    let cloud = Cloud::signed_in();
    let (env, bucket, work) = (&cloud.env, cloud.bucket(), cloud.env.work());
    let target = format!("lab:{bucket}/kept/");
    let file = work.join("tree/f");
    let remote = |text: &str| {
        // Uploaded now, and changed three hours ago.
        write(&work.join("theirs/f"), text);
        age(&work.join("theirs/f"), 3);
        env.run(["cp", "-r", "theirs/", &target]).succeeded();
    };
    let local = |text: &str, hours: u64| {
        write(&file, text);
        age(&file, hours);
    };
    let here = || fs::read_to_string(&file).expect("a file");
    let there = || cloud.object(&bucket, "kept/f").expect("an object");
    remote("theirs");
    for (command, more) in [(&["cp", "-r"][..], &["--existing", "newer"][..]), (&["sync"], &["--update"])] {
        let run = |from: &str, to: &str| {
            let all = command.iter().copied().chain([from, to]).chain(more.iter().copied());
            env.run(all).succeeded();
        };
        // Changed here an hour ago: that is newer than what was changed three hours ago and uploaded since.
        local("mine, longer", 1);
        run(&target, "tree/");
        assert_eq!(here(), "mine, longer", "{command:?}");
        run("tree/", &target);
        assert_eq!(there(), "mine, longer", "{command:?}");
        remote("theirs");
        // And older than it.
        local("mine, longer", 5);
        run("tree/", &target);
        assert_eq!(there(), "theirs", "{command:?}");
        run(&target, "tree/");
        assert_eq!(here(), "theirs", "{command:?}");
    }
    // Where no time was kept, that of the upload counts.
    cloud.sandbox().world().put_object(&bucket, "kept/f", "uploaded");
    local("mine", 1);
    env.run(["cp", "-r", "tree/", &target, "--existing", "newer"]).succeeded();
    assert_eq!(there(), "uploaded");
    env.run(["sync", "tree/", &target, "--update"]).succeeded();
    assert_eq!(there(), "uploaded");
    env.run(["sync", &target, "tree/", "--update"]).succeeded();
    assert_eq!(here(), "uploaded");
}

/// behaviour: sync
#[test]
fn folders_that_empty_count_for_no_limit() {
    let cloud = Cloud::signed_in();
    let (env, bucket, work) = (&cloud.env, cloud.bucket(), cloud.env.work());
    for number in 0..9 {
        cloud.sandbox().world().put_object(&bucket, &format!("flat/{number}"), "x");
        write(&work.join(format!("tree/{number}")), "x");
    }
    let source = format!("lab:{bucket}/flat/");
    let nested = work.join("tree/a/b/c/d/e/f");
    for more in [&[][..], &["--max-delete", "1"]] {
        write(&nested, "extra");
        let line = ["sync", &source, "tree", "--delete", "--json"].into_iter().chain(more.iter().copied());
        env.run(line).succeeded();
        assert!(!work.join("tree/a").exists(), "{more:?}");
    }
    write(&nested, "extra");
    env.run(["sync", &source, "tree", "--delete", "--max-delete", "0"]).exited(1);
    assert!(nested.exists());
}

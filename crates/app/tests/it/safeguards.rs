//! Nothing is lost: deletions that come late, one bucket by two bookmarks, places that overlap, sources that were never proved.
//! `docs/behaviour.md`, sections sync-rules, transfer-deletions, overlapping, mv and rm.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pintail_sandbox::{Effect, Fault, Service};
use pintail_testkit::process::Signal;

use crate::cloud::Cloud;

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn put(cloud: &Cloud, keys: &[(&str, &str)]) {
    let bucket = cloud.bucket();
    for (key, text) in keys {
        cloud.sandbox().world().put_object(&bucket, key, (*text).to_owned());
    }
}

/// Everything below a prefix: keys and contents.
fn below(cloud: &Cloud, prefix: &str) -> Vec<(String, String)> {
    let bucket = cloud.bucket();
    let keys = cloud.sandbox().world().keys(&bucket);
    let text = |key: &str| {
        let bytes = cloud.object(&bucket, key).expect("it was listed");
        String::from_utf8(bytes.to_vec()).expect("a text")
    };
    keys.iter().filter(|key| key.starts_with(prefix)).map(|key| (key.clone(), text(key))).collect()
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
}

/// behaviour: sync
#[test]
fn a_deletion_that_comes_late_spares_what_was_written_anew() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    write(&env.work().join("tree/a"), "a");
    write(&env.work().join("tree/b"), "b");
    put(&cloud, &[("late/doomed", "old"), ("late/gone", "old"), ("late/gone already", "old")]);
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let faults = cloud.sandbox().faults();
    faults.add(Fault::new(Service::S3, "PutObject", denied).path_containing("/late/b").always());
    let target = format!("lab:{bucket}/late/");
    // A copy fails, so that the deletions wait.
    env.run(["sync", "tree", &target, "--delete", "--max-delete", "100%"]).exited(3);
    assert_eq!(cloud.object(&bucket, "late/doomed").expect("it waits"), "old");
    faults.clear();
    put(&cloud, &[("late/doomed", "a new life")]);
    cloud.sandbox().world().delete_object(&bucket, "late/gone already");
    let resumed = env.run(["transfers", "resume", "--json"]).exited(3);
    let failed: Vec<_> =
        resumed.json_lines().into_iter().filter(|line| line["event"] == "delete_failed").collect();
    assert!(failed.len() == 1 && failed[0].to_string().contains("late/doomed"), "{failed:?}");
    let left = owned(&[("late/a", "a"), ("late/b", "b"), ("late/doomed", "a new life")]);
    assert_eq!(below(&cloud, "late/"), left);
}

/// behaviour: sync
#[test]
fn a_sync_deletes_in_batches_and_names_each_state() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::create_dir_all(env.work().join("empty")).expect("a folder");
    let world = cloud.sandbox().world();
    world.put_many(&bucket, (0..2500).map(|number| (format!("many/{number:04}"), 10)));
    cloud.sandbox().recorder().clear();
    let target = format!("lab:{bucket}/many/");
    env.run(["sync", "empty", &target, "--delete", "--max-delete", "100%"]).succeeded();
    assert!(below(&cloud, "many/").is_empty());
    let recorder = cloud.sandbox().recorder();
    assert_eq!(recorder.count(Service::S3, "DeleteObjects"), 3);
    assert_eq!(recorder.count(Service::S3, "HeadObject") + recorder.count(Service::S3, "DeleteObject"), 0);
}

/// behaviour: overlapping
#[test]
fn one_bucket_by_two_bookmarks_is_one_place() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    cloud.bookmark("rw", &[]);
    cloud.sign_in("rw", 0);
    let all = [("two/in/y", "y"), ("two/x", "x")];
    put(&cloud, &all);
    let place = |bookmark: &str, key: &str| format!("{bookmark}:{bucket}/two/{key}");
    for arguments in [
        &["mv", "x", "x"][..],
        &["cp", "x", "x"],
        &["mv", "x", ""],
        &["mv", "-r", "", ""],
        &["mv", "-r", "", "in/"],
        &["mv", "-r", "in/", ""],
        &["sync", "", ""],
        &["sync", "", "in/"],
        &["sync", "in/", ""],
        &["sync", "--two-way", "in/", ""],
    ] {
        let (options, ends) = arguments.split_at(arguments.len() - 2);
        let (from, to) = (place("lab", ends[0]), place("rw", ends[1]));
        let more = if options[0] == "sync" && options.len() == 1 { &["--delete"][..] } else { &[] };
        let line: Vec<&str> =
            options.iter().copied().chain([from.as_str(), to.as_str()]).chain(more.iter().copied()).collect();
        env.run(line).exited(2);
        assert_eq!(below(&cloud, "two/"), owned(&all), "{arguments:?}");
    }
    // Elsewhere in the bucket is another place.
    env.run(["mv", &place("lab", "x"), &place("rw", "z")]).succeeded();
    assert_eq!(below(&cloud, "two/"), owned(&[("two/in/y", "y"), ("two/z", "x")]));
}

/// behaviour: overlapping
/// behaviour: mv
#[test]
fn a_move_between_places_that_overlap_is_refused() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let all = [("o/a/1", "one"), ("o/a/a/1", "two"), ("o/b/2", "three")];
    put(&cloud, &all);
    let place = |key: &str| format!("lab:{bucket}/o/{key}");
    for (from, to) in [("a/", ""), ("a/", "a/x/"), ("a", "a/"), ("", "a/"), ("a/", "a/")] {
        let refused = env.run(["mv", "-r", &place(from), &place(to)]).exited(2);
        assert!(refused.stderr.contains("o/"), "{}", refused.stderr);
        assert_eq!(below(&cloud, "o/"), owned(&all), "{from} {to}");
    }
    // One job's target is what another one takes.
    env.run(["mv", "-r", &place("b/"), &place("a/"), &place("a/a/")]).exited(2);
    assert_eq!(below(&cloud, "o/"), owned(&all));
    // A prefix that only begins alike lies apart, and so does a single object.
    env.run(["mv", "-r", &place("a/"), &place("aa/")]).succeeded();
    env.run(["mv", &place("b/2"), &place("")]).succeeded();
    assert_eq!(below(&cloud, "o/"), owned(&[("o/2", "three"), ("o/aa/1", "one"), ("o/aa/a/1", "two")]));
}

/// behaviour: overlapping
/// behaviour: cp
#[test]
fn a_copy_into_its_source_takes_what_was_there_and_loses_nothing() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    put(&cloud, &[("c/1", "one"), ("c/d/2", "two")]);
    let place = |key: &str| format!("lab:{bucket}/c/{key}");
    for text in ["one", "changed"] {
        put(&cloud, &[("c/1", text)]);
        env.run(["cp", "-r", &place(""), &place("backup/")]).succeeded();
        let expected = [("c/1", text), ("c/backup/1", text), ("c/backup/d/2", "two"), ("c/d/2", "two")];
        assert_eq!(below(&cloud, "c/"), owned(&expected));
    }
    // Upwards it is fine as long as nothing is written over that is still to be read.
    env.run(["cp", "-r", &place("d/"), &place("")]).succeeded();
    assert_eq!(cloud.object(&bucket, "c/2").expect("it"), "two");
    put(&cloud, &[("c/d/d/2", "three")]);
    let before = below(&cloud, "c/");
    env.run(["cp", "-r", &place("d/"), &place("")]).exited(2);
    assert_eq!(below(&cloud, "c/"), before);
    env.run(["cp", "-r", &place("d/"), &place(""), "--exclude", "d/"]).succeeded();
}

/// behaviour: mv
#[test]
fn a_source_goes_only_where_its_content_was_proved() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    put(&cloud, &[("kept/x", "54321")]);
    let target = format!("lab:{bucket}/kept/");
    for arguments in [&["mv", "tree/x"][..], &["mv", "-r", "tree/"]] {
        write(&env.work().join("tree/x"), "12345");
        let line = arguments.iter().copied().chain([target.as_str(), "--existing", "size", "--json"]);
        let said = env.run(line).succeeded().json_lines();
        assert!(said.iter().any(|line| line["event"] == "skipped"), "{said:?}");
        assert_eq!(fs::read(env.work().join("tree/x")).expect("it stays"), b"12345");
        assert_eq!(cloud.object(&bucket, "kept/x").expect("it stays"), "54321");
    }
    // The same content is proof.
    write(&env.work().join("tree/x"), "54321");
    env.run(["mv", "-r", "tree/", &target, "--existing", "checksum"]).succeeded();
    assert!(!env.work().join("tree/x").exists());
}

/// behaviour: rm
#[test]
fn an_interrupted_deletion_begins_no_further_address() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let world = cloud.sandbox().world();
    for folder in ["first", "second", "third"] {
        world.put_many(&bucket, (0..3).map(|number| (format!("{folder}/{number}"), 1)));
    }
    let slow = Effect::Delay(Duration::from_secs(2));
    cloud.sandbox().faults().add(Fault::new(Service::S3, "DeleteObjects", slow));
    let place = |key: &str| format!("lab:{bucket}/{key}");
    let removal = env.pintail(["rm", "-r", &place("first/"), &place("second/"), &place("third/")]).start();
    // The request is there, and its answer comes later.
    let end = Instant::now() + Duration::from_secs(30);
    while cloud.sandbox().faults().fired() == 0 {
        assert!(Instant::now() < end, "no deletion came");
        std::thread::yield_now();
    }
    removal.signal(Signal::INT);
    removal.finish().exited(130);
    let left = |folder: &str| world.keys(&bucket).iter().filter(|key| key.starts_with(folder)).count();
    assert_eq!((left("second/"), left("third/")), (3, 3));
}

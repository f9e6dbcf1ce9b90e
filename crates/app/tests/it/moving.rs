//! Moves and existing targets: `docs/behaviour.md`, sections mv and existing.

use std::fs;

use pintail_sandbox::{Effect, Fault, Service};

use crate::cloud::Cloud;

/// behaviour: mv
#[test]
fn a_move_leaves_nothing_behind() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let (work, world) = (env.work(), cloud.sandbox().world());
    fs::create_dir_all(work.join("tree/sub")).expect("folders");
    fs::write(work.join("tree/a"), "a").expect("a file");
    fs::write(work.join("tree/sub/b"), "b").expect("a file");
    let moved = env.run(["mv", "-r", "tree", &format!("lab:{bucket}/moved/"), "--json"]).succeeded();
    let moved = moved.json_lines();
    assert_eq!(moved.iter().filter(|line| line["event"] == "moved").count(), 2, "{moved:?}");
    assert_eq!(cloud.object(&bucket, "moved/tree/sub/b").expect("it"), "b");
    assert!(!work.join("tree/a").exists() && !work.join("tree/sub/b").exists());
    // Within the service.
    env.run(["mv", "-r", &format!("lab:{bucket}/moved/tree/"), &format!("lab:{bucket}/other/")]).succeeded();
    assert_eq!(cloud.object(&bucket, "other/sub/b").expect("it"), "b");
    assert!(world.keys(&bucket).iter().all(|key| !key.starts_with("moved/")), "{:?}", world.keys(&bucket));
    // And down.
    env.run(["mv", &format!("lab:{bucket}/other/a"), "down"]).succeeded();
    assert_eq!(fs::read(work.join("down")).expect("a file"), b"a");
    assert!(cloud.object(&bucket, "other/a").is_none());
    env.run(["mv", "-", &format!("lab:{bucket}/x")]).exited(2);
    env.run(["mv", &format!("lab:{bucket}/other/sub/b"), &format!("lab:{bucket}/other/sub/b")]).exited(2);
    assert!(cloud.object(&bucket, "other/sub/b").is_some());
}

/// behaviour: mv
#[test]
fn a_move_that_fails_leaves_its_source() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    for name in ["one", "two"] {
        fs::write(env.work().join(name), name).expect("a file");
    }
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    cloud
        .sandbox()
        .faults()
        .add(Fault::new(Service::S3, "PutObject", denied).path_containing("/two").always());
    env.run(["mv", "one", "two", &format!("lab:{bucket}/in/")]).exited(3);
    assert!(!env.work().join("one").exists());
    assert_eq!(fs::read(env.work().join("two")).expect("it stayed"), b"two");
    // What --no-clobber leaves is not deleted either.
    cloud.sandbox().faults().clear();
    cloud.sandbox().world().put_object(&bucket, "in/two", "theirs");
    env.run(["mv", "-n", "two", &format!("lab:{bucket}/in/")]).succeeded();
    assert_eq!(fs::read(env.work().join("two")).expect("it stayed"), b"two");
    assert_eq!(cloud.object(&bucket, "in/two").expect("it"), "theirs");
}

/// behaviour: existing
#[test]
fn existing_targets_are_treated_as_asked() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let (work, world) = (env.work(), cloud.sandbox().world());
    fs::write(work.join("same"), "12345").expect("a file");
    fs::write(work.join("other"), "123").expect("a file");
    fs::write(work.join("likewise"), "abcde").expect("a file");
    let target = |key: &str| format!("lab:{bucket}/existing/{key}");
    for (what, expected) in [
        ("overwrite", ["12345", "123", "abcde"]),
        ("skip", ["12345", "54321", "54321"]),
        ("size", ["12345", "123", "54321"]),
        ("checksum", ["12345", "123", "abcde"]),
        // The objects were written after the files.
        ("newer", ["12345", "54321", "54321"]),
    ] {
        for (key, text) in [("same", "12345"), ("other", "54321"), ("likewise", "54321")] {
            world.put_object(&bucket, &format!("existing/{key}"), text);
        }
        let arguments = ["cp", "same", "other", "likewise", &target(""), "--existing", what];
        env.run(arguments).succeeded();
        for (key, text) in ["same", "other", "likewise"].into_iter().zip(expected) {
            assert_eq!(cloud.object(&bucket, &format!("existing/{key}")).expect("it"), text, "{what} {key}");
        }
    }
    env.run(["cp", "other", &target("same"), "--existing", "rename"]).succeeded();
    assert_eq!(cloud.object(&bucket, "existing/same (2)").expect("it"), "123");
    assert_eq!(cloud.object(&bucket, "existing/same").expect("it"), "12345");
    // Nobody is there to be asked.
    env.run(["cp", "other", &target("same"), "--existing", "ask"]).exited(2);
}

/// behaviour: existing
#[test]
fn a_person_decides_one_by_one_or_for_all() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let world = cloud.sandbox().world();
    let names = ["a", "b", "c"];
    for name in names {
        fs::write(env.work().join(name), "mine").expect("a file");
    }
    for (answers, expected) in [
        (&["o", "S"][..], ["mine", "theirs", "theirs"]),
        (&["O"], ["mine", "mine", "mine"]),
        (&["s", "what?", "o", "s"], ["theirs", "mine", "theirs"]),
        (&["q"], ["theirs", "theirs", "theirs"]),
    ] {
        for name in names {
            world.put_object(&bucket, &format!("asked/{name}"), "theirs");
        }
        let target = format!("lab:{bucket}/asked/");
        let arguments = ["cp", "a", "b", "c", &target, "--existing", "ask"];
        let mut copy = env.pintail(arguments).set("NO_COLOR", "1").start_on_terminal();
        for answer in answers {
            copy.wait_for_question("goes for all:");
            copy.type_in(&format!("{answer}\n"));
        }
        let code = if answers == ["q"] { 130 } else { 0 };
        copy.finish().exited(code);
        for (name, text) in names.into_iter().zip(expected) {
            assert_eq!(
                cloud.object(&bucket, &format!("asked/{name}")).expect("it"),
                text,
                "{answers:?} {name}"
            );
        }
    }
}

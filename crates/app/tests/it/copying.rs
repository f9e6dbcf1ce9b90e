//! Copying: `docs/behaviour.md`, sections cp and hostile-keys.

use std::fs;
use std::path::Path;

use pintail_sandbox::{Effect, Fault, Service};
use pintail_testkit::output::Output;
use pintail_testkit::process::Signal;
use serde_json::Value;

use crate::cloud::Cloud;

/// Sizes on both sides of every border: empty, one byte, a chunk, one request, parts, the last part short.
const SIZES: [usize; 7] = [0, 1, 256 << 10, (5 << 20) + 7, 16 << 20, (16 << 20) + 1, 40 << 20];

/// Returns bytes that no two places share.
pub(crate) fn bytes(size: usize) -> Vec<u8> {
    let mut state = size as u64 ^ 0x9E37_79B9_7F4A_7C15;
    (0..size)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

pub(crate) fn partials(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(".part"))
        .collect()
}

/// Returns what is said of the one copy.
fn copied(output: &Output) -> Value {
    let lines = output.json_lines();
    lines.into_iter().find(|line| line["event"] == "copied").expect("a copy")
}

/// behaviour: cp
#[test]
fn every_size_comes_back_as_it_was() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    for size in SIZES {
        let content = bytes(size);
        fs::write(env.work().join("up"), &content).expect("a file");
        let up = env.run(["cp", "up", &format!("lab:{bucket}/sizes/{size}"), "--json"]).succeeded();
        assert_eq!(copied(&up)["proof"], "checksum", "{size}");
        assert_eq!(cloud.object(&bucket, &format!("sizes/{size}")).expect("the object"), content, "{size}");
        let down = env.run(["cp", &format!("lab:{bucket}/sizes/{size}"), "down", "--json"]).succeeded();
        assert_eq!(copied(&down)["proof"], "checksum", "{size}");
        assert_eq!(fs::read(env.work().join("down")).expect("a file"), content, "{size}");
        env.run(["cp", &format!("lab:{bucket}/sizes/{size}"), &format!("lab:{bucket}/copies/{size}")])
            .succeeded();
        assert_eq!(cloud.object(&bucket, &format!("copies/{size}")).expect("the copy"), content, "{size}");
    }
    assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 0);
    assert_eq!(partials(&env.work()), Vec::<String>::new());
}

/// behaviour: cp
#[test]
fn folders_keep_their_shape_and_a_dry_run_copies_nothing() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let work = env.work();
    fs::create_dir_all(work.join("tree/sub/empty")).expect("folders");
    fs::write(work.join("tree/a.txt"), "a").expect("a file");
    fs::write(work.join("tree/sub/b"), "b").expect("a file");
    std::os::unix::fs::symlink("/etc/hostname", work.join("tree/link")).expect("a link");
    let target = format!("lab:{bucket}/up/");
    let dry = env.run(["cp", "-r", "tree", &target, "--dry-run", "--json"]).succeeded();
    assert_eq!(dry.json_lines().iter().filter(|line| line["event"] == "would_copy").count(), 2);
    assert!(cloud.sandbox().world().keys(&bucket).iter().all(|key| !key.starts_with("up/")));
    env.run(["cp", "tree", &target]).exited(2);
    let copied = env.run(["cp", "-r", "tree", &target]).succeeded();
    assert!(copied.stderr.contains("tree/link"), "the link is named: {}", copied.stderr);
    let keys: Vec<String> =
        cloud.sandbox().world().keys(&bucket).into_iter().filter(|key| key.starts_with("up/")).collect();
    assert_eq!(keys, ["up/tree/a.txt", "up/tree/sub/b"]);
    env.run(["cp", "-r", &format!("lab:{bucket}/up/"), "down"]).succeeded();
    assert_eq!(fs::read(work.join("down/tree/sub/b")).expect("a file"), b"b");
    env.run(["cp", "-r", &format!("lab:{bucket}/up/tree"), "named"]).succeeded();
    assert_eq!(fs::read(work.join("named/tree/a.txt")).expect("a file"), b"a");
}

/// behaviour: cp
#[test]
fn no_clobber_leaves_every_target() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::write(env.work().join("here"), "mine").expect("a file");
    cloud.sandbox().world().put_object(&bucket, "there", "theirs");
    let there = format!("lab:{bucket}/there");
    let up = env.run(["cp", "-n", "here", &there, "--json"]).succeeded();
    assert_eq!(up.json_lines().pop().expect("a line")["skipped"], 1);
    assert_eq!(cloud.object(&bucket, "there").expect("it"), "theirs");
    env.run(["cp", "-n", &there, "here"]).succeeded();
    assert_eq!(fs::read(env.work().join("here")).expect("a file"), b"mine");
    // A source that changed since the plan is a failure, not a target that exists.
    cloud.sandbox().world().put_object(&bucket, "moving", bytes(1000));
    let moved = Effect::status(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    );
    cloud.sandbox().faults().add(Fault::new(Service::S3, "GetObject", moved));
    env.run(["cp", "-n", &format!("lab:{bucket}/moving"), "moved"]).exited(1);
    assert!(!env.work().join("moved").exists());
    // So is a file where a folder is needed.
    fs::write(env.work().join("afile"), "x").expect("a file");
    env.run(["cp", "-n", "-r", &format!("lab:{bucket}/moving"), "afile/"]).exited(1);
    // A target that appears after the plan was made is left as well: S3 says so, and that is no failure.
    let refused = Effect::status(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    );
    cloud.sandbox().faults().add(Fault::new(Service::S3, "PutObject", refused));
    let late = env.run(["cp", "-n", "here", &format!("lab:{bucket}/late"), "--json"]).succeeded();
    assert_eq!(late.json_lines().pop().expect("a line")["skipped"], 1);
    // A transfer that is kept says the same: there is nothing in it to try again.
    fs::create_dir(env.work().join("several")).expect("a folder");
    for name in ["one", "other"] {
        fs::write(env.work().join("several").join(name), "mine").expect("a file");
    }
    let refused =
        Effect::status(412, "PreconditionFailed", "At least one of the pre-conditions did not hold");
    cloud.sandbox().faults().add(Fault::new(Service::S3, "PutObject", refused));
    let target = format!("lab:{bucket}/several/");
    let ended = env.run(["cp", "-n", "-r", "several/", &target, "--json"]).succeeded().json_lines();
    let ended = ended.last().expect("a line");
    assert_eq!((&ended["copied"], &ended["skipped"], &ended["failed"]), (&1.into(), &1.into(), &0.into()));
    let run = ended["run"].as_str().expect("a run");
    let shown = env.run(["transfers", "show", run, "--json"]).succeeded().json_lines().pop().expect("a line");
    assert_eq!((&shown["skipped"], &shown["failed"]), (&1.into(), &0.into()), "{shown}");
}

/// behaviour: cp
#[test]
fn wrong_bytes_never_take_the_place_of_a_target() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    for size in [1000, 20 << 20] {
        fs::write(env.work().join("up"), bytes(size)).expect("a file");
        env.run(["cp", "up", &format!("lab:{bucket}/flipped")]).succeeded();
        fs::write(env.work().join("down"), "before").expect("a file");
        cloud.sandbox().faults().add(Fault::new(Service::S3, "GetObject", Effect::FlipByte(500)).times(100));
        let output = env.run(["cp", &format!("lab:{bucket}/flipped"), "down"]);
        cloud.sandbox().faults().clear();
        assert_eq!(output.code(), Some(1), "{size}: {}", output.stderr);
        assert_eq!(fs::read(env.work().join("down")).expect("a file"), b"before", "{size}");
        assert_eq!(partials(&env.work()), Vec::<String>::new(), "{size}");
    }
}

/// behaviour: cp
#[test]
fn bytes_that_change_on_the_way_up_are_refused_or_sent_again() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::write(env.work().join("up"), bytes(100_000)).expect("a file");
    cloud.sandbox().faults().add(Fault::new(Service::S3, "PutObject", Effect::FlipRequestByte(50_000)));
    let target = format!("lab:{bucket}/changed-on-the-way");
    let output = env.run(["cp", "up", &target]);
    match cloud.object(&bucket, "changed-on-the-way") {
        Some(object) => {
            assert_eq!(object, bytes(100_000));
            assert_eq!(output.code(), Some(0));
        }
        None => assert_eq!(output.code(), Some(1)),
    }
}

/// behaviour: cp
#[test]
fn an_interrupted_copy_leaves_its_target_and_nothing_once_it_is_given_up() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let forever = || Effect::Delay(std::time::Duration::from_secs(600));
    let give_up = || {
        let runs = env.run(["transfers", "ls", "--json"]).succeeded().json_lines();
        let stopped = runs.iter().find(|run| run["state"] == "stopped").expect("a run that can go on");
        env.run(["transfers", "cancel", stopped["run"].as_str().expect("a name")]).succeeded();
    };
    fs::write(env.work().join("large"), bytes(24 << 20)).expect("a file");
    cloud.sandbox().faults().add(Fault::new(Service::S3, "UploadPart", forever()).nth(2).times(100));
    let up = env.pintail(["cp", "large", &format!("lab:{bucket}/interrupted")]).start();
    cloud.wait_for(Service::S3, "UploadPart", 1);
    up.signal(Signal::INT);
    up.finish().exited(130);
    assert!(cloud.object(&bucket, "interrupted").is_none());
    cloud.sandbox().faults().clear();
    give_up();
    assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 0, "the parts are taken back");

    // Several at once: each of them is taken back.
    for name in ["one", "two", "three"] {
        fs::copy(env.work().join("large"), env.work().join(name)).expect("a copy");
    }
    cloud.sandbox().recorder().clear();
    cloud.sandbox().faults().add(Fault::new(Service::S3, "UploadPart", forever()).times(1000));
    let up = env.pintail(["cp", "one", "two", "three", &format!("lab:{bucket}/several/")]).start();
    cloud.wait_for(Service::S3, "CreateMultipartUpload", 3);
    up.signal(Signal::INT);
    up.finish().exited(130);
    cloud.sandbox().faults().clear();
    give_up();
    assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 0, "the parts of all are taken back");

    env.run(["cp", "large", &format!("lab:{bucket}/large")]).succeeded();
    fs::write(env.work().join("down"), "before").expect("a file");
    cloud.sandbox().recorder().clear();
    cloud.sandbox().faults().add(Fault::new(Service::S3, "GetObject", forever()).nth(2).times(100));
    let down = env.pintail(["cp", &format!("lab:{bucket}/large"), "down"]).start();
    cloud.wait_for(Service::S3, "GetObject", 1);
    down.signal(Signal::TERM);
    down.finish().exited(130);
    cloud.sandbox().faults().clear();
    assert_eq!(fs::read(env.work().join("down")).expect("a file"), b"before");
    give_up();
    assert_eq!(partials(&env.work()), Vec::<String>::new());
}

/// behaviour: hostile-keys
#[test]
fn no_key_writes_outside_the_target_folder() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let world = cloud.sandbox().world();
    for key in
        ["h/../escaped", "h/..", "h/a/../../escaped", "h//absolute", "h/./dot", "h/new\nline", "h/good"]
    {
        world.put_object(&bucket, key, "evil");
    }
    world.put_object(&bucket, "h/link/through", "evil");
    let outside = env.folder().join("outside");
    fs::create_dir_all(&outside).expect("a folder");
    fs::create_dir_all(env.work().join("out")).expect("a folder");
    std::os::unix::fs::symlink(&outside, env.work().join("out/link")).expect("a link");
    let output = env.run(["cp", "-r", &format!("lab:{bucket}/h/"), "out/", "--json"]).exited(3);
    let done = output.json_lines().pop().expect("a line");
    assert_eq!(done["copied"], 1, "{done}");
    assert_eq!(fs::read(env.work().join("out/good")).expect("a file"), b"evil");
    assert_eq!(fs::read_dir(&outside).expect("a folder").count(), 0, "nothing went through the link");
    assert!(!env.work().join("escaped").exists() && !env.folder().join("escaped").exists());
}

/// behaviour: cp
#[test]
fn standard_input_and_output_carry_objects() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let address = format!("lab:{bucket}/from-stdin");
    for size in [0, 5, 9 << 20, 16 << 20] {
        let text = "x".repeat(size);
        env.pintail(["cp", "-", &address]).stdin(&text).output().succeeded();
        assert_eq!(cloud.object(&bucket, "from-stdin").expect("the object").len(), size);
        assert_eq!(env.run(["cp", &address, "-"]).succeeded().stdout.len(), size);
    }
    env.run(["cp", "-", &format!("lab:{bucket}/folder/")]).exited(2);
    env.run(["cp", "a", "b"]).exited(2);
}

/// behaviour: cp
#[test]
fn a_copy_goes_from_one_cloud_to_another() {
    let (one, other) = (Cloud::signed_in(), Cloud::start());
    let env = &one.env;
    let summary = other.summary();
    let authority = other.authority();
    env.run([
        "bookmark",
        "add",
        "far",
        "--tenant",
        &summary.tenant,
        "--authority",
        &authority,
        "--client-id",
        &summary.client_id,
        "--role-arn",
        &summary.role_arn,
        "--region",
        &summary.region,
        "--endpoint",
        &summary.s3_endpoint,
        "--sts-endpoint",
        &summary.sts_endpoint,
    ])
    .succeeded();
    crate::cloud::sign_in(env, "far", &mut other.person(0)).succeeded();
    for size in [1000, 20 << 20] {
        let content = bytes(size);
        one.sandbox().world().put_object(&one.bucket(), "traveller", content.clone());
        let (from, to) =
            (format!("lab:{}/traveller", one.bucket()), format!("far:{}/arrived", other.bucket()));
        env.run(["cp", &from, &to]).succeeded();
        assert_eq!(other.object(&other.bucket(), "arrived").expect("it"), content);
    }
}

/// behaviour: cp
#[test]
fn what_is_no_file_is_neither_read_nor_replaced() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    cloud.sandbox().world().put_object(&bucket, "k", "object");
    let fifo = env.work().join("fifo");
    let made = env.program("mkfifo".as_ref(), [fifo.to_string_lossy()]).output();
    made.succeeded();
    let there = format!("lab:{bucket}/from-a-pipe");
    let refused = env.run(["cp", "fifo", &there]).exited(2);
    assert!(refused.stderr.contains("cp - "), "{}", refused.stderr);
    env.run(["cp", "/proc/self/status", &there]).exited(2);
    assert!(cloud.object(&bucket, "from-a-pipe").is_none());
    env.run(["cp", &format!("lab:{bucket}/k"), "fifo"]).exited(1);
    assert!(!fs::metadata(&fifo).expect("it is there").is_file(), "the pipe is still a pipe");
    // Links below the target are not followed, wherever they lead; the target itself is replaced with its permissions.
    fs::create_dir_all(env.work().join("out/real")).expect("folders");
    std::os::unix::fs::symlink("real", env.work().join("out/sub")).expect("a link");
    cloud.sandbox().world().put_object(&bucket, "tree/sub/file", "object");
    env.run(["cp", "-r", &format!("lab:{bucket}/tree/"), "out/"]).exited(1);
    assert_eq!(fs::read_dir(env.work().join("out/real")).expect("a folder").count(), 0);
    use std::os::unix::fs::PermissionsExt;
    let private = env.work().join("private");
    fs::write(&private, "old").expect("a file");
    fs::set_permissions(&private, fs::Permissions::from_mode(0o600)).expect("permissions");
    env.run(["cp", &format!("lab:{bucket}/k"), "private"]).succeeded();
    assert_eq!(fs::metadata(&private).expect("it").permissions().mode() & 0o777, 0o600);
}

/// behaviour: cp
#[test]
fn one_name_that_is_no_text_does_not_stop_the_others() {
    use std::os::unix::ffi::OsStrExt;
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::create_dir_all(env.work().join("odd")).expect("a folder");
    fs::write(env.work().join("odd").join(std::ffi::OsStr::from_bytes(b"b\xff")), "x").expect("a file");
    fs::write(env.work().join("odd/good"), "x").expect("a file");
    let done = env.run(["cp", "-r", "odd", &format!("lab:{bucket}/"), "--json"]).exited(3).json_lines();
    let done = done.last().expect("a line");
    assert_eq!((&done["copied"], &done["refused"]), (&1.into(), &1.into()), "{done}");
}

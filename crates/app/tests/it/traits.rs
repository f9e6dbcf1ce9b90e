//! What goes along with the bytes: storage class, permissions, time, type. `docs/behaviour.md`, section transfer-metadata.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use pintail_sandbox::{Effect, Fault, Service};
use pintail_testkit::process::Signal;

use crate::cloud::Cloud;
use crate::copying::bytes;

/// More than goes by one request.
const PARTS_BYTES: usize = (16 << 20) + 1;
const THEN: Duration = Duration::new(1_600_000_000, 123_456_789);

fn file(path: &Path, size: usize, mode: u32) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    fs::write(path, bytes(size)).expect("a file");
    File::options()
        .write(true)
        .open(path)
        .and_then(|it| it.set_modified(UNIX_EPOCH + THEN))
        .expect("its time");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode");
}

fn metadata(cloud: &Cloud, key: &str) -> BTreeMap<String, String> {
    cloud.sandbox().world().ledger_below(&cloud.bucket(), key).objects[key].metadata.clone()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").mode() & 0o7777
}

/// Sizes that go by one request and in parts.
fn tree(folder: &Path, mode: u32) {
    file(&folder.join("small"), 1000, mode);
    file(&folder.join("large"), PARTS_BYTES, mode);
}

fn second_bookmark(cloud: &Cloud) {
    cloud.bookmark("second", &[]);
    cloud.sign_in("second", 0).succeeded();
}

/// behaviour: transfer-metadata
#[test]
fn new_objects_have_the_storage_class_that_was_said_however_they_come() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    second_bookmark(&cloud);
    tree(&env.work().join("tree"), 0o644);
    let class = |key: &str| cloud.sandbox().world().storage_class(&bucket, key);
    let up = format!("lab:{bucket}/plain/");
    env.run(["cp", "-r", "tree/", &up, "--part-size", "5M"]).succeeded();
    let ways: [(&str, &[&str]); 6] = [
        ("cp", &["cp", "-r", "tree/"]),
        ("sync", &["sync", "tree/"]),
        ("within", &["cp", "-r", &up]),
        ("through", &["cp", "-r", &format!("second:{bucket}/plain/")]),
        ("mv", &["mv", "-r", &format!("lab:{bucket}/cp/")]),
        ("both", &["sync", "--two-way", "tree/"]),
    ];
    for (name, words) in ways {
        let target = format!("lab:{bucket}/{name}/");
        let all = words.iter().copied().chain([target.as_str(), "--storage-class", "STANDARD_IA"]);
        env.run(all.chain(["--part-size", "5M"])).succeeded();
        for key in ["small", "large"] {
            let key = format!("{name}/{key}");
            assert_eq!(class(&key).as_deref(), Some("STANDARD_IA"), "{key}");
        }
    }
    for key in ["small", "large"] {
        assert_eq!(class(&format!("plain/{key}")).as_deref(), Some("STANDARD"), "{key}");
    }
    env.pintail(["cp", "-", &format!("lab:{bucket}/piped"), "--storage-class", "GLACIER_IR"])
        .stdin("text")
        .output()
        .succeeded();
    assert_eq!(class("piped").as_deref(), Some("GLACIER_IR"));
}

/// behaviour: transfer-metadata
#[test]
fn what_was_said_holds_for_a_transfer_that_goes_on() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&env.work().join("tree"), 0o640);
    cloud.sandbox().moments().clear();
    let forever = Effect::Delay(Duration::from_secs(600));
    cloud.sandbox().faults().add(Fault::new(Service::S3, "PutObject", forever).always());
    let target = format!("lab:{bucket}/later/");
    let up = env
        .pintail([
            "cp",
            "-r",
            "tree/",
            &target,
            "--storage-class",
            "ONEZONE_IA",
            "--permissions",
            "--no-times",
        ])
        .start();
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while cloud.sandbox().moments().begun() < 2 {
        assert!(std::time::Instant::now() < end, "no upload was begun");
        std::thread::yield_now();
    }
    up.signal(Signal::KILL);
    let _ = up.finish();
    cloud.sandbox().faults().clear();
    env.run(["transfers", "resume"]).succeeded();
    for key in ["later/small", "later/large"] {
        assert_eq!(cloud.sandbox().world().storage_class(&bucket, key).as_deref(), Some("ONEZONE_IA"));
        let expected = BTreeMap::from([("mode".to_owned(), 0o100_640.to_string())]);
        assert_eq!(metadata(&cloud, key), expected, "{key}");
    }
}

/// behaviour: transfer-metadata
#[test]
fn permissions_go_there_and_back_where_they_are_asked_for() {
    let cloud = Cloud::signed_in();
    let (env, bucket, work) = (&cloud.env, cloud.bucket(), cloud.env.work());
    second_bookmark(&cloud);
    for (number, bits) in [0o600, 0o4751, 0o2777].into_iter().enumerate() {
        let (from, prefix) = (format!("from-{number}/"), format!("modes-{number}/"));
        tree(&work.join(&from), bits);
        let there = format!("lab:{bucket}/{prefix}");
        env.run(["cp", "-r", &from, &there, "--permissions", "--part-size", "5M"]).succeeded();
        for name in ["small", "large"] {
            let kept = metadata(&cloud, &format!("{prefix}{name}"));
            assert_eq!(kept["mode"], (0o100_000 | bits).to_string(), "{bits:o}");
        }
        // They stay with the object, also on its way to another bookmark and through this machine.
        let copies = [
            ("cp", there.clone(), format!("lab:{bucket}/within-{number}/")),
            ("mv", format!("lab:{bucket}/within-{number}/"), format!("second:{bucket}/through-{number}/")),
        ];
        for (command, from, to) in copies {
            env.run([command, "-r", &from, &to, "--part-size", "5M"]).succeeded();
        }
        let kept = metadata(&cloud, &format!("through-{number}/large"));
        assert_eq!(kept["mode"], (0o100_000 | bits).to_string(), "{kept:?}");
        assert_eq!(kept["mtime"], "1600000000.123456789");
        let there = format!("lab:{bucket}/through-{number}/");
        for (command, to) in
            [(&["cp", "-r"][..], format!("cp-{number}")), (&["sync"], format!("sync-{number}"))]
        {
            let all = command.iter().copied().chain([there.as_str(), &to, "--permissions"]);
            env.run(all).succeeded();
            for name in ["small", "large"] {
                let made = mode(&work.join(&to).join(name));
                assert_eq!(made, bits & 0o777, "set-user-ID and the like do not come back");
            }
        }
        // Without the option: as any new file, and one that is there keeps its own.
        fs::create_dir(work.join(format!("plain-{number}"))).expect("a folder");
        file(&work.join(format!("plain-{number}/small")), 1, 0o604);
        env.run(["cp", "-r", &there, &format!("plain-{number}/")]).succeeded();
        assert_eq!(mode(&work.join(format!("plain-{number}/small"))), 0o604);
        let fresh = work.join(format!("fresh-{number}"));
        fs::write(&fresh, "").expect("a file");
        assert_eq!(mode(&work.join(format!("plain-{number}/large"))), mode(&fresh));
    }
    tree(&work.join("unsaid"), 0o700);
    env.run(["cp", "-r", "unsaid/", &format!("lab:{bucket}/unsaid/")]).succeeded();
    assert!(!metadata(&cloud, "unsaid/small").contains_key("mode"));
}

/// behaviour: transfer-metadata
#[test]
fn times_go_along_to_the_nanosecond_unless_they_are_left_out() {
    let cloud = Cloud::signed_in();
    let (env, bucket, work) = (&cloud.env, cloud.bucket(), cloud.env.work());
    tree(&work.join("tree"), 0o644);
    let (kept, bare) = (format!("lab:{bucket}/kept/"), format!("lab:{bucket}/bare/"));
    env.run(["cp", "-r", "tree/", &kept, "--part-size", "5M"]).succeeded();
    env.run(["cp", "-r", "tree/", &bare, "--no-times", "--part-size", "5M"]).succeeded();
    for name in ["small", "large"] {
        assert_eq!(metadata(&cloud, &format!("kept/{name}"))["mtime"], "1600000000.123456789");
        assert_eq!(metadata(&cloud, &format!("bare/{name}")), BTreeMap::new());
    }
    let time = |path: &str| {
        let metadata = fs::metadata(work.join(path)).expect("a file");
        metadata.modified().expect("its time").duration_since(UNIX_EPOCH).expect("later")
    };
    env.run(["cp", "-r", &kept, "with/"]).succeeded();
    env.run(["cp", "-r", &kept, "without/", "--no-times"]).succeeded();
    env.run(["sync", &bare, "plain"]).succeeded();
    for name in ["small", "large"] {
        assert_eq!(time(&format!("with/{name}")), THEN);
        // When the object was written, to the second as the service tells it.
        for folder in ["without", "plain"] {
            let at = time(&format!("{folder}/{name}"));
            assert!(at > THEN && at.subsec_nanos() == 0, "{folder}/{name}: {at:?}");
        }
    }
    // A file's media type is that of its extension.
    file(&work.join("page.html"), 10, 0o644);
    env.run(["cp", "page.html", &format!("lab:{bucket}/page.html")]).succeeded();
    let told = env.run(["stat", &format!("lab:{bucket}/page.html"), "--json"]).succeeded().json();
    assert_eq!(told["content_type"], "text/html; charset=utf-8", "{told}");
}

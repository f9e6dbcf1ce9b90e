//! Transfers of every kind while a share of all requests fails and credentials end: they come to their end as if nothing had been, and count what was tried again.
//! `docs/behaviour.md`, sections cp, resume and renewal.

use std::collections::BTreeMap;
use std::fs;

use pintail_sandbox::{Effect, Fault, FaultRate, Options, Service};
use pintail_testkit::killing::{run_until, seeded_moments};
use pintail_testkit::output::Output;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::copying::bytes;
use crate::sweep::{mixed, plant};

/// A tree of so many requests that one in a hundred is several of every kind.
fn many() -> BTreeMap<String, Vec<u8>> {
    let small = (0..500).map(|number| (format!("many/{:02}/{number}", number % 20), bytes(100 + number)));
    mixed().into_iter().chain(small).collect()
}

/// A cloud at which a request that stalls is given up soon, and files go in parts of the smallest size.
fn impatient(options: Options) -> Cloud {
    let cloud = Cloud::start_with(options);
    cloud.sign_in("lab", 0).succeeded();
    for (name, value) in [
        ("connection.timeout.seconds", "2"),
        ("s3.upload.multipart.threshold", "5242880"),
        ("s3.upload.multipart.size", "5242880"),
    ] {
        cloud.env.run(["config", "set", name, value]).succeeded();
    }
    cloud
}

fn done(output: &Output) -> Value {
    let lines = output.json_lines();
    let done = lines.into_iter().rfind(|line| line["event"] == "done");
    done.unwrap_or_else(|| panic!("it did not end: {}", output.block()))
}

/// What a transfer did, checked against the tree.
struct Storm<'a> {
    cloud: &'a Cloud,
    files: &'a BTreeMap<String, Vec<u8>>,
}

impl Storm<'_> {
    fn run(&self, words: &[&str]) -> Value {
        let bucket = self.cloud.bucket();
        let words: Vec<String> = words.iter().map(|word| word.replace("{b}", &bucket)).collect();
        let output = self.cloud.env.run(words.iter().map(String::as_str).chain(["--json"]));
        assert_eq!(output.code(), Some(0), "{}", output.block());
        let done = done(&output);
        assert_eq!(done["outcome"], "complete", "{done}");
        done
    }

    fn is_there(&self, prefix: &str) {
        let (bucket, world) = (self.cloud.bucket(), self.cloud.sandbox().world());
        let keys: Vec<String> = world
            .keys(&bucket)
            .into_iter()
            .filter_map(|key| Some(key.strip_prefix(prefix)?.to_owned()))
            .filter(|name| !name.ends_with('/'))
            .collect();
        assert_eq!(keys, self.files.keys().cloned().collect::<Vec<_>>(), "{prefix}");
        for (name, content) in self.files {
            let held = world.object(&bucket, &format!("{prefix}{name}")).expect("it is listed");
            assert!(held == *content, "{prefix}{name}");
        }
        assert_eq!(world.open_uploads(&bucket), 0, "{prefix}: uploads are left");
    }

    fn is_here(&self, folder: &str) {
        let found = super::sweep::contents_of(&self.cloud.env.work().join(folder));
        let found: BTreeMap<String, Vec<u8>> =
            found.into_iter().filter_map(|(name, content)| Some((name, content?))).collect();
        assert_eq!(found.keys().collect::<Vec<_>>(), self.files.keys().collect::<Vec<_>>(), "{folder}");
        assert!(found == *self.files, "{folder}: other bytes");
    }

    /// Every kind of transfer in turn; returns how much was tried again.
    fn every_kind(&self) -> u64 {
        let work = self.cloud.env.work();
        plant(&work.join("tree"), self.files);
        let mut retries = 0;
        let mut run = |words: &[&str]| retries += self.run(words)["retries"].as_u64().expect("a number");
        run(&["cp", "-r", "tree/", "lab:{b}/up/"]);
        self.is_there("up/");
        run(&["cp", "-r", "lab:{b}/up/", "down/"]);
        self.is_here("down");
        run(&["cp", "-r", "lab:{b}/up/", "lab:{b}/copy/"]);
        self.is_there("copy/");
        run(&["mv", "-r", "lab:{b}/copy/", "lab:{b}/moved/"]);
        self.is_there("moved/");
        assert!(
            self.cloud
                .sandbox()
                .world()
                .keys(&self.cloud.bucket())
                .iter()
                .all(|key| !key.starts_with("copy/"))
        );
        run(&["mv", "-r", "down/", "lab:{b}/risen/"]);
        self.is_there("risen/");
        let left = super::sweep::contents_of(&work.join("down"));
        assert!(left.values().all(Option::is_none), "{:?}", left.keys());
        self.cloud.sandbox().world().put_object(&self.cloud.bucket(), "risen/old", "old");
        self.cloud.sandbox().world().put_object(&self.cloud.bucket(), "risen/large", "stale");
        run(&["sync", "tree", "lab:{b}/risen/", "--delete", "--max-delete", "50%", "--yes"]);
        self.is_there("risen/");
        plant(&work.join("back"), &BTreeMap::from([("old".to_owned(), b"old".to_vec())]));
        run(&["sync", "lab:{b}/risen/", "back", "--delete", "--max-delete", "100%", "--yes"]);
        self.is_here("back");
        retries
    }
}

/// behaviour: resume
#[test]
fn one_request_in_a_hundred_fails_in_every_way() {
    let cloud = impatient(Options::default());
    cloud.sandbox().faults().add_rate(FaultRate::new(Service::S3, 10, 5));
    let storm = Storm { cloud: &cloud, files: &many() };
    let retries = storm.every_kind();
    let struck = cloud.sandbox().faults().struck();
    assert_eq!(struck.len(), 7, "every kind of fault: {struck:?}");
    assert!(retries > 0, "the summary counts what was tried again");
}

/// behaviour: resume
#[test]
fn one_request_in_eight_fails() {
    let cloud = impatient(Options::default());
    cloud.sandbox().faults().add_rate(FaultRate::new(Service::S3, 125, 8));
    let retries = Storm { cloud: &cloud, files: &mixed() }.every_kind();
    assert!(retries > 0, "the summary counts what was tried again");
}

/// Every credential is good for a few calls only, and every call may fail besides.
///
/// behaviour: renewal
#[test]
fn credentials_end_every_few_calls_of_every_kind() {
    let cloud = impatient(Options::default());
    // More than are under way at once: of fewer, some call would always come too late.
    cloud.sandbox().world().limit_session_calls(Some(100));
    cloud.sandbox().faults().add_rate(FaultRate::new(Service::S3, 10, 11));
    cloud.sandbox().recorder().clear();
    Storm { cloud: &cloud, files: &many() }.every_kind();
    let exchanges = cloud.sandbox().recorder().count(Service::Sts, "AssumeRoleWithWebIdentity");
    assert!(exchanges >= 20, "{exchanges} exchanges");
}

/// Sessions of ten seconds, and a transfer that takes longer.
///
/// behaviour: renewal
#[test]
fn a_transfer_is_longer_than_its_credentials_live() {
    let mut options = Options::default();
    options.lifetimes.role_session_max_s = 10;
    let cloud = impatient(options);
    let files = mixed();
    let storm = Storm { cloud: &cloud, files: &files };
    plant(&cloud.env.work().join("tree"), &files);
    cloud.sandbox().recorder().clear();
    let total: usize = files.values().map(Vec::len).sum();
    // So slow that it takes thirteen seconds.
    let rate = (total / 13).to_string();
    let up = storm.run(&["cp", "-r", "tree/", "lab:{b}/slow/", "--bandwidth", &rate]);
    storm.is_there("slow/");
    assert!(up["seconds"].as_f64().expect("a number") >= 10.0, "{up}");
    let exchanges = cloud.sandbox().recorder().count(Service::Sts, "AssumeRoleWithWebIdentity");
    // The one that the sign-in left lives on for some seconds.
    assert!(exchanges >= 1, "{exchanges} exchanges");
}

/// Faults, short-lived credentials and kills together.
///
/// behaviour: resume
#[test]
fn killed_in_a_storm() {
    let cloud = impatient(Options::default());
    let (env, bucket, sandbox) = (&cloud.env, cloud.bucket(), cloud.sandbox());
    let files = mixed();
    let storm = Storm { cloud: &cloud, files: &files };
    plant(&env.work().join("tree"), &files);
    sandbox.world().limit_session_calls(Some(12));
    sandbox.faults().add_rate(FaultRate::new(Service::S3, 50, 23));
    for (number, moment) in seeded_moments(12, 8, 30).enumerate() {
        let (there, here) = (format!("lab:{bucket}/storm-{number}/"), format!("here-{number}/"));
        for words in [["cp", "-r", "tree/", &there], ["cp", "-r", &there, &here]] {
            sandbox.world().clear_receipts();
            run_until(sandbox, env.pintail(words), moment);
            let mut resumed = env.run(["transfers", "resume", "--json"]);
            // Where nothing was written down yet, it is done anew.
            if resumed.json_lines().is_empty() {
                resumed = env.run(words.into_iter().chain(["--json"]));
            }
            assert_eq!(resumed.code(), Some(0), "{words:?} {moment:?}: {}", resumed.block());
            assert_eq!(sandbox.world().open_uploads(&bucket), 0, "{words:?} {moment:?}");
            let receipts = sandbox.world().receipts();
            let twice: Vec<_> = receipts.iter().filter(|it| it.part.is_some() && it.was_held).collect();
            // Where an answer is lost or cut off, nobody can know that the part is there.
            let lost = sandbox.faults().fired();
            assert!(twice.len() <= lost, "{twice:?}");
        }
        storm.is_there(&format!("storm-{number}/"));
        storm.is_here(&format!("here-{number}"));
    }
}

/// The answer that would have told the upload's ID is lost: what began it tries again, and nobody completes the first one.
///
/// behaviour: unknown-uploads
#[test]
fn an_upload_whose_beginning_was_not_told_is_taken_back() {
    let cloud = impatient(Options::default());
    let files = mixed();
    plant(&cloud.env.work().join("tree"), &files);
    let storm = Storm { cloud: &cloud, files: &files };
    for (number, effect) in
        [Effect::DropAnswer, Effect::ResetAnswer, Effect::CutBodyMidway, Effect::StallBodyMidway]
            .into_iter()
            .enumerate()
    {
        let name = effect.name().to_owned();
        let lost = Fault::new(Service::S3, "CreateMultipartUpload", effect);
        cloud.sandbox().faults().add(lost.times(2));
        let before = cloud.sandbox().recorder().count(Service::S3, "CreateMultipartUpload");
        let done = storm.run(&["cp", "-r", "tree/", &format!("lab:{{b}}/lost-{number}/")]);
        let begun = cloud.sandbox().recorder().count(Service::S3, "CreateMultipartUpload") - before;
        assert!(begun >= 5, "{name}: {begun} were begun for three files");
        assert_eq!(done["unknown_uploads"].as_array().map_or(0, Vec::len), 0, "{name}: {done}");
        assert_eq!(cloud.sandbox().world().open_uploads(&cloud.bucket()), 0, "{name}");
        storm.is_there(&format!("lost-{number}/"));
        cloud.sandbox().faults().clear();
    }
}

/// The credential has ended, and the answer that says so breaks off: what is left of it is no reason to give up.
///
/// behaviour: renewal
#[test]
fn a_refusal_that_breaks_off_is_no_refusal() {
    let cloud = impatient(Options::default());
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::write(env.work().join("file"), bytes(1000)).expect("a file");
    for effect in [Effect::CutBody(0), Effect::CutBodyMidway, Effect::StallBodyMidway] {
        let name = effect.name().to_owned();
        for broken in [Effect::ExpireSessions, effect] {
            cloud.sandbox().faults().add(Fault::new(Service::S3, "PutObject", broken));
        }
        let output = env.run(["cp", "file", &format!("lab:{bucket}/refused/{name}")]);
        assert_eq!(output.code(), Some(0), "{name}: {}", output.block());
        assert!(cloud.object(&bucket, &format!("refused/{name}")).is_some(), "{name}");
    }
}

/// What cannot be written is named, the rest goes on, and when the way is free again so does this.
///
/// behaviour: resume
#[test]
fn a_full_disk_is_named_and_gone_on_with() {
    let cloud = impatient(Options::default());
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let files = mixed();
    for (name, content) in &files {
        assert!(cloud.sandbox().world().put_object(&bucket, &format!("full/{name}"), content.clone()));
    }
    // No file may be larger than 8 MiB, which is what a quota looks like from here.
    let command = format!("trap '' XFSZ; ulimit -f 16384; exec \"$0\" cp -r lab:{bucket}/full/ here/ --json");
    let binary = env!("CARGO_BIN_EXE_pintail");
    let first = env.program(std::path::Path::new("/bin/sh"), ["-c", &command, binary]).output();
    assert_eq!(first.code(), Some(3), "{}", first.block());
    let failed: Vec<String> = first
        .json_lines()
        .iter()
        .filter(|line| line["event"] == "copy_failed")
        .map(|line| line["from"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(failed.iter().any(|name| name.ends_with("/large")), "{}", first.block());
    assert!(failed.iter().any(|name| name.ends_with("/sub/larger")), "{}", first.block());
    assert_eq!(failed.len(), 2, "{}", first.block());
    assert_eq!(fs::read(env.work().join("here/sub/b")).expect("the rest went on"), files["sub/b"]);
    let storm = Storm { cloud: &cloud, files: &files };
    storm.run(&["transfers", "resume"]);
    storm.is_here("here");
}

/// A disk without room, which is a small one of this test's own; it gets larger, and the transfer goes on. Needs no root, but a system that lends a user mounts of his own.
///
/// behaviour: resume
#[test]
fn a_disk_without_room_is_named_and_gone_on_with() {
    let cloud = impatient(Options::default());
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let files = mixed();
    for (name, content) in &files {
        assert!(cloud.sandbox().world().put_object(&bucket, &format!("room/{name}"), content.clone()));
    }
    let script = "mkdir here kept && mount -t tmpfs -o size=9m none here || exit 99
        \"$0\" cp -r \"$1\" here/ --json > first; echo $? > code; df here > full
        mount -o remount,size=256m here || exit 99
        \"$0\" transfers resume --json > second || exit $?
        cp -r here/. kept/";
    let address = format!("lab:{bucket}/room/");
    let own = ["--user", "--map-root-user", "--mount", "sh", "-c", script];
    let words = own.into_iter().chain([env!("CARGO_BIN_EXE_pintail"), &address]);
    let output = env.program(std::path::Path::new("/usr/bin/unshare"), words).output();
    let read = |name: &str| fs::read_to_string(env.work().join(name)).unwrap_or_default();
    assert_eq!(output.code(), Some(0), "{} {} {}", output.block(), read("first"), read("second"));
    // Nothing more is tried; something may have been done before.
    assert!(["1\n", "3\n"].contains(&read("code").as_str()), "{}", read("first"));
    assert!(read("first").contains("No space left on device"), "{}", read("first"));
    let storm = Storm { cloud: &cloud, files: &files };
    storm.is_here("kept");
}

/// A folder of the target goes while it is written into.
///
/// behaviour: resume
#[test]
fn a_target_that_is_barred_midway_is_gone_on_with() {
    let cloud = impatient(Options::default());
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let files = mixed();
    for (name, content) in &files {
        assert!(cloud.sandbox().world().put_object(&bucket, &format!("barred/{name}"), content.clone()));
    }
    let storm = Storm { cloud: &cloud, files: &files };
    for (number, moment) in seeded_moments(31, 6, 20).enumerate() {
        let here = format!("barred-{number}");
        let sub = env.work().join(&here).join("sub");
        let aside = env.work().join(format!("aside-{number}"));
        let (from, to) = (sub.clone(), aside.clone());
        cloud.sandbox().moments().at(moment, move || {
            let _ = fs::rename(&from, &to);
            fs::create_dir_all(from.parent().expect("a folder")).expect("a folder");
            fs::write(&from, "in the way").expect("a file");
        });
        let words = ["cp", "-r", &format!("lab:{bucket}/barred/"), &format!("{here}/"), "--json"];
        let first = env.run(words);
        cloud.sandbox().moments().clear();
        assert!([Some(0), Some(3)].contains(&first.code()), "{moment:?}: {}", first.block());
        let is_failed = first.json_lines().iter().any(|line| line["event"] == "copy_failed");
        assert_eq!(is_failed, first.code() == Some(3), "{moment:?}: {}", first.block());
        // Mended: what was written before is back in its place.
        if sub.is_file() {
            fs::remove_file(&sub).expect("it is there");
        }
        if aside.exists() {
            let _ = fs::remove_dir_all(&sub);
            fs::rename(&aside, &sub).expect("it is there");
        }
        if first.code() == Some(3) {
            storm.run(&["transfers", "resume"]);
        }
        storm.is_here(&here);
    }
}

//! Transfers that go on: `docs/behaviour.md`, sections resume, transfers and progress.

use std::fs;
use std::time::{Duration, Instant};

use pintail_sandbox::{Effect, Fault, Service};
use pintail_testkit::environment::TestEnv;
use pintail_testkit::process::Signal;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::copying::{bytes, partials};

/// Large enough for several parts, whichever size they are given.
const LARGE: usize = 48 << 20;

fn forever() -> Effect {
    Effect::Delay(Duration::from_secs(600))
}

fn runs(env: &TestEnv) -> Vec<Value> {
    env.run(["transfers", "ls", "--json"]).succeeded().json_lines()
}

fn only_run(env: &TestEnv) -> (String, String) {
    let runs = runs(env);
    assert_eq!(runs.len(), 1, "{runs:?}");
    let text = |name: &str| runs[0][name].as_str().expect("a text").to_owned();
    (text("run"), text("state"))
}

fn last(lines: Vec<Value>) -> Value {
    lines.into_iter().next_back().expect("a line")
}

/// Begins an upload of `large` whose parts come to a halt after the first, and interrupts it.
fn interrupted_upload(cloud: &Cloud, key: &str, signal: Signal) -> String {
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::write(env.work().join("large"), bytes(LARGE)).expect("a file");
    cloud.sandbox().recorder().clear();
    cloud.sandbox().faults().add(Fault::new(Service::S3, "UploadPart", forever()).nth(2).times(1000));
    let up = env.pintail(["cp", "large", &format!("lab:{bucket}/{key}"), "--part-size", "5M"]).start();
    cloud.wait_for(Service::S3, "UploadPart", 1);
    // The first part is answered; the journal has it within a second.
    let end = Instant::now() + Duration::from_secs(30);
    let (run, _) = only_run(env);
    while env.run(["transfers", "show", &run, "--json"]).succeeded().json()["begun_bytes"] == 0 {
        assert!(Instant::now() < end, "the part does not come into the journal");
    }
    up.signal(signal);
    let ended = up.finish();
    cloud.sandbox().faults().clear();
    ended.stderr
}

/// behaviour: resume
#[test]
fn an_interrupted_upload_goes_on_and_sends_no_proved_part_again() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let said = interrupted_upload(&cloud, "one", Signal::INT);
    let (run, state) = only_run(env);
    assert!(said.contains(&format!("pintail transfers resume {run}")), "{said}");
    assert_eq!(state, "stopped");
    assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 1, "what was begun is kept");
    let shown = env.run(["transfers", "show", &run, "--json"]).succeeded().json();
    assert_eq!(
        (&shown["left"], &shown["done"], &shown["begun"]),
        (&1.into(), &0.into(), &1.into()),
        "{shown}"
    );
    assert_eq!(shown["options"]["part_bytes"], 5 << 20);
    env.run(["transfers", "show", &run]).succeeded();

    cloud.sandbox().recorder().clear();
    let done = last(env.run(["transfers", "resume", "--json"]).succeeded().json_lines());
    assert_eq!(
        (&done["event"], &done["copied"], &done["outcome"]),
        (&"done".into(), &1.into(), &"complete".into())
    );
    assert_eq!(cloud.object(&bucket, "one").expect("it is there"), bytes(LARGE));
    let parts = cloud.sandbox().recorder().count(Service::S3, "UploadPart");
    assert!(parts < LARGE.div_ceil(5 << 20), "{parts} parts were sent, and one was there");
    assert_eq!(cloud.sandbox().recorder().count(Service::S3, "CreateMultipartUpload"), 0);
    assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 0);
    assert_eq!(only_run(env).1, "complete");
    // Nothing is left, and that is no error.
    let nothing = env.run(["transfers", "resume"]).succeeded();
    assert!(nothing.stderr.contains("no transfer is left"), "{}", nothing.stderr);
    assert_eq!(last(env.run(["transfers", "clean", "--json"]).succeeded().json_lines())["removed"], 1);
    assert!(runs(env).is_empty());
}

/// behaviour: resume
#[test]
fn an_upload_whose_process_was_killed_goes_on() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    interrupted_upload(&cloud, "killed", Signal::KILL);
    assert_eq!(only_run(env).1, "stopped");
    cloud.sandbox().recorder().clear();
    env.run(["transfers", "resume"]).succeeded();
    assert_eq!(cloud.object(&bucket, "killed").expect("it is there"), bytes(LARGE));
    let parts = cloud.sandbox().recorder().count(Service::S3, "UploadPart");
    assert!(parts < LARGE.div_ceil(5 << 20), "{parts} parts were sent, and one was there");
    assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 0);
}

/// behaviour: resume
#[test]
fn an_interrupted_download_goes_on() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    cloud.sandbox().world().put_object(&bucket, "large", bytes(LARGE));
    fs::write(env.work().join("down"), "before").expect("a file");
    cloud.sandbox().faults().add(Fault::new(Service::S3, "GetObject", forever()).nth(2).times(1000));
    let down = env.pintail(["cp", &format!("lab:{bucket}/large"), "down"]).start();
    cloud.wait_for(Service::S3, "GetObject", 1);
    down.signal(Signal::TERM);
    down.finish().exited(130);
    cloud.sandbox().faults().clear();
    assert_eq!(fs::read(env.work().join("down")).expect("a file"), b"before");
    env.run(["transfers", "resume"]).succeeded();
    assert_eq!(fs::read(env.work().join("down")).expect("a file"), bytes(LARGE));
    assert_eq!(partials(&env.work()), Vec::<String>::new());
}

/// behaviour: transfers
#[test]
fn what_is_given_up_is_taken_back() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    interrupted_upload(&cloud, "given-up", Signal::INT);
    let (run, _) = only_run(env);
    let cancelled = env.run(["transfers", "cancel", &run, "--json"]).succeeded().json();
    assert_eq!((&cancelled["event"], &cancelled["taken_back"]), (&"cancelled".into(), &1.into()));
    assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 0);
    assert!(cloud.object(&bucket, "given-up").is_none());
    assert_eq!(only_run(env).1, "cancelled");
    env.run(["transfers", "clean"]).succeeded();
    assert!(runs(env).is_empty());
}

/// behaviour: transfers
#[test]
fn uploads_that_nobody_will_complete_are_found_and_aborted() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    interrupted_upload(&cloud, "left/behind", Signal::KILL);
    let orphans = |more: &[&str]| {
        let address = format!("lab:{bucket}/left/");
        let all = ["transfers", "clean", "--orphans", &address, "--older-than", "0s"];
        env.run(all.into_iter().chain(more.iter().copied()))
    };
    // A transfer of this machine can still go on with it.
    assert!(orphans(&["--dry-run", "--json"]).succeeded().json_lines().is_empty());
    fs::remove_dir_all(env.home().join("state/transfers")).expect("the runs");
    let found = orphans(&["--dry-run", "--json"]).succeeded().json_lines();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["key"], "left/behind");
    // Nobody is there to be asked.
    orphans(&[]).exited(2);
    assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 1);
    orphans(&["--yes"]).succeeded();
    assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 0);
}

/// The answer to the beginning of an upload is lost with the process, and another program begins one of the same key: nobody can tell the two apart.
///
/// behaviour: unknown-uploads
#[test]
fn an_upload_that_may_be_another_programs_is_named_and_left_alone() {
    for (command, number) in [("resume", "one"), ("cancel", "two")] {
        let cloud = Cloud::signed_in();
        let (env, bucket, world) = (&cloud.env, cloud.bucket(), cloud.sandbox().world());
        let address = format!("lab:{bucket}/{number}");
        fs::write(env.work().join("large"), bytes(LARGE)).expect("a file");
        let stalls = Fault::new(Service::S3, "CreateMultipartUpload", Effect::StallBodyMidway);
        cloud.sandbox().faults().add(stalls.times(1000));
        let up = env.pintail(["cp", "large", &address, "--part-size", "5M"]).start();
        cloud.wait_for(Service::S3, "CreateMultipartUpload", 1);
        up.signal(Signal::KILL);
        let _ = up.finish();
        cloud.sandbox().faults().clear();
        let theirs = world.begin_upload(&bucket, number).expect("the bucket is there");
        assert_eq!(world.open_uploads(&bucket), 2);
        let (run, state) = only_run(env);
        assert_eq!(state, "stopped");
        let output = env.run(["transfers", command, &run, "--json"]);
        let told = last(output.succeeded().json_lines());
        assert_eq!(world.open_uploads(&bucket), 2, "{command}: {told}");
        let named = told["unknown_uploads"].as_array().expect("they are named");
        assert_eq!(named.len(), 2, "{command}: {told}");
        assert!(named.iter().all(|upload| upload["address"] == address), "{command}: {told}");
        assert!(named.iter().any(|upload| upload["upload"] == theirs), "{command}: {told}");
        assert_eq!(cloud.object(&bucket, number).is_some(), command == "resume");
        // The command that is said does what is said of it.
        let asked = ["transfers", "clean", "--orphans", &address, "--older-than", "0s"];
        let listed = env.run(asked.into_iter().chain(["--dry-run", "--json"])).succeeded().json_lines();
        assert_eq!(listed.len(), 2, "{listed:?}");
        env.run(asked.into_iter().chain(["--yes"])).succeeded();
        assert_eq!(world.open_uploads(&bucket), 0);
    }
}

/// behaviour: transfers
#[test]
fn stopped_transfers_are_forgotten_by_age_only_and_give_up_what_they_began() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    interrupted_upload(&cloud, "old", Signal::INT);
    assert_eq!(last(env.run(["transfers", "clean", "--json"]).succeeded().json_lines())["removed"], 0);
    assert_eq!(only_run(env).1, "stopped");
    let done = last(env.run(["transfers", "clean", "--older-than", "0s", "--json"]).succeeded().json_lines());
    assert_eq!((&done["removed"], &done["taken_back"]), (&1.into(), &1.into()), "{done}");
    assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 0);
    assert!(runs(env).is_empty());
}

/// behaviour: transfers
#[test]
fn one_request_needs_no_journal_and_names_of_runs_are_checked() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::write(env.work().join("small"), "x").expect("a file");
    env.run(["cp", "small", &format!("lab:{bucket}/small")]).succeeded();
    env.pintail(["cp", "-", &format!("lab:{bucket}/in")]).stdin("x").output().succeeded();
    env.run(["cp", &format!("lab:{bucket}/in"), "-"]).succeeded();
    assert!(runs(env).is_empty());
    env.run(["transfers", "show", "yesterday"]).exited(2);
    env.run(["transfers", "resume", "20260101-000000-00000000"]).exited(6);
    env.run(["transfers", "cancel", "20260101-000000-00000000"]).exited(6);
}

/// behaviour: resume
#[test]
fn what_failed_is_tried_again_by_the_same_run() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::create_dir(env.work().join("tree")).expect("a folder");
    for name in ["a", "b", "c"] {
        fs::write(env.work().join("tree").join(name), name).expect("a file");
    }
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    cloud.sandbox().faults().add(Fault::new(Service::S3, "PutObject", denied).path_containing("/b").always());
    let target = format!("lab:{bucket}/again/");
    let first = env.run(["cp", "-r", "tree/", &target, "--json"]).exited(3).json_lines();
    let failed: Vec<&Value> = first.iter().filter(|line| line["event"] == "copy_failed").collect();
    assert_eq!(failed.len(), 1, "{first:?}");
    assert_eq!(failed[0]["code"], 5);
    let done = last(first.clone());
    assert_eq!((&done["copied"], &done["failed"]), (&2.into(), &1.into()), "{done}");
    cloud.sandbox().faults().clear();
    cloud.sandbox().recorder().clear();
    let run = done["run"].as_str().expect("a run").to_owned();
    let done = last(env.run(["transfers", "resume", &run, "--json"]).succeeded().json_lines());
    assert_eq!((&done["copied"], &done["failed"]), (&3.into(), &0.into()), "{done}");
    assert_eq!(cloud.sandbox().recorder().count(Service::S3, "PutObject"), 1, "only what failed is sent");
    assert_eq!(cloud.object(&bucket, "again/b").expect("it"), "b");
}

/// behaviour: progress
#[test]
fn progress_is_one_line_on_a_terminal_and_events_for_programs() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::write(env.work().join("large"), bytes(LARGE)).expect("a file");
    let slow =
        || Fault::new(Service::S3, "UploadPart", Effect::Delay(Duration::from_millis(2500))).nth(3).times(2);
    cloud.sandbox().faults().add(slow());
    let target = format!("lab:{bucket}/seen");
    let up =
        env.pintail(["cp", "large", &target, "--part-size", "5M"]).set("NO_COLOR", "1").start_on_terminal();
    let seen = up.finish().succeeded().stderr;
    assert!(seen.contains(" of 48.0 MiB"), "{seen:?}");
    assert!(seen.contains("\r\u{1b}[K"), "the line is taken away at the end: {seen:?}");
    cloud.sandbox().faults().clear();
    cloud.sandbox().faults().add(slow());
    let events = env.run(["cp", "large", &target, "--part-size", "5M", "--json"]).succeeded().json_lines();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().expect("a name")).collect();
    assert_eq!((names[0], names[names.len() - 1]), ("planned", "done"));
    assert!(names.contains(&"progress") && names.contains(&"copied"), "{names:?}");
    let progress = events.iter().find(|event| event["event"] == "progress").expect("it was looked for");
    assert_eq!(progress["total_bytes"], LARGE);
    // Nobody wants to hear of it with --quiet.
    let quiet = env.run(["cp", "large", &target, "--quiet"]).succeeded();
    assert_eq!(quiet.stderr, "");
}

/// behaviour: progress
#[test]
fn many_files_are_one_line_and_few_are_a_line_each() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::create_dir(env.work().join("many")).expect("a folder");
    for number in 0..101 {
        fs::write(env.work().join(format!("many/{number:03}")), "x").expect("a file");
    }
    let target = format!("lab:{bucket}/many/");
    let said = env.run(["cp", "-r", "many/", &target]).succeeded().stderr;
    assert!(said.starts_with("copied 101 files (101 B) in "), "{said}");
    assert!(said.contains("101 verified"), "{said}");
    let said = env.run(["cp", "-r", "many/", &target, "--verbose"]).succeeded().stderr;
    assert!(said.lines().filter(|line| line.contains(" -> ")).count() >= 101, "{said}");
    let said = env.run(["cp", "-r", "many/", &target, "--include", "00*"]).succeeded().stderr;
    assert_eq!(said.lines().filter(|line| line.contains(" -> ")).count(), 10, "{said}");
}

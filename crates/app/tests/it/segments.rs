//! Downloads in segments that go on: what was proved is not fetched again. `docs/behaviour.md`, sections resume and transfer-resume.

use std::fs;
use std::time::{Duration, Instant};

use pintail_sandbox::{Effect, Fault, Service};
use pintail_testkit::process::Signal;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::copying::{bytes, partials};

const LARGE: u64 = 48 << 20;

/// The bytes that were asked for of a key, by the ranges that the service saw, each once.
fn fetched(cloud: &Cloud, key: &str) -> u64 {
    let calls = cloud.sandbox().recorder().calls();
    let gets = calls.iter().filter(|call| call.operation == "GetObject" && call.path.ends_with(key));
    let mut ranges: Vec<(u64, u64)> = gets
        .map(|call| {
            let range = call.range.as_deref().expect("a segment");
            let (first, last) = range.trim_start_matches("bytes=").split_once('-').expect("a range");
            (first.parse().expect("a number"), last.parse().expect("a number"))
        })
        .collect();
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0), "asked for twice: {ranges:?}");
    ranges.into_iter().map(|(first, last)| last + 1 - first).sum()
}

fn shown(cloud: &Cloud) -> Value {
    let runs = cloud.env.run(["transfers", "ls", "--json"]).succeeded().json_lines();
    assert_eq!(runs.len(), 1, "{runs:?}");
    let run = runs[0]["run"].as_str().expect("a run");
    cloud.env.run(["transfers", "show", run, "--json"]).succeeded().json()
}

/// Lets so many segments through, waits until the journal tells of more than it did, and ends the process.
fn cut_off(cloud: &Cloud, arguments: &[&str], through: u32, signal: Signal) {
    let told =
        if arguments[0] == "transfers" { shown(cloud)["begun_bytes"].as_u64().expect("a number") } else { 0 };
    let forever = Effect::Delay(Duration::from_secs(600));
    cloud.sandbox().faults().add(Fault::new(Service::S3, "GetObject", forever).nth(through + 1).times(1000));
    cloud.sandbox().recorder().clear();
    let down = cloud.env.pintail(arguments.iter().copied()).start();
    cloud.wait_for(Service::S3, "GetObject", through as usize);
    let end = Instant::now() + Duration::from_secs(30);
    while shown(cloud)["begun_bytes"].as_u64().expect("a number") <= told {
        assert!(Instant::now() < end, "no segment comes into the journal");
    }
    down.signal(signal);
    let _ = down.finish();
    cloud.sandbox().faults().clear();
}

/// behaviour: resume
/// behaviour: resume
#[test]
fn segments_that_were_proved_are_not_fetched_again() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    cloud.sandbox().world().put_object(&bucket, "large", bytes(LARGE as usize));
    let from = format!("lab:{bucket}/large");
    for (signal, name) in [(Signal::KILL, "killed"), (Signal::TERM, "ended")] {
        fs::write(env.work().join(name), "before").expect("a file");
        cut_off(&cloud, &["cp", &from, name, "--part-size", "5M"], 3, signal);
        let first = shown(&cloud)["begun_bytes"].as_u64().expect("a number");
        assert!(first > 0 && first < LARGE, "{first}");
        // It is cut off once more on its way.
        cut_off(&cloud, &["transfers", "resume"], 2, signal);
        let second = shown(&cloud)["begun_bytes"].as_u64().expect("a number");
        assert!(second > first && second < LARGE, "{second} after {first}");
        assert_eq!(fs::read(env.work().join(name)).expect("a file"), b"before");
        cloud.sandbox().recorder().clear();
        let done = env.run(["transfers", "resume", "--json"]).succeeded().json_lines().pop().expect("a line");
        assert_eq!(fetched(&cloud, "/large"), LARGE - second, "what was proved is not asked for again");
        assert_eq!(
            (&done["moved_bytes"], &done["size"]),
            (&(LARGE - second).into(), &LARGE.into()),
            "{done}"
        );
        assert_eq!(done["verified"], 1, "{done}");
        assert!(fs::read(env.work().join(name)).expect("a file") == bytes(LARGE as usize));
        assert_eq!(partials(&env.work()), Vec::<String>::new());
        env.run(["transfers", "clean"]).succeeded();
    }
}

/// behaviour: resume
#[test]
fn segments_on_the_disk_that_are_not_what_they_were_are_fetched_again() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    cloud.sandbox().world().put_object(&bucket, "large", bytes(LARGE as usize));
    let from = format!("lab:{bucket}/large");
    cut_off(&cloud, &["cp", &from, "down", "--part-size", "5M"], 3, Signal::KILL);
    let proved = shown(&cloud)["begun_bytes"].as_u64().expect("a number");
    // Somebody, or a disk, has changed every byte of it.
    let partial = partials(&env.work()).pop().expect("an unfinished file");
    let size = fs::metadata(env.work().join(&partial)).expect("it is there").len();
    fs::write(env.work().join(&partial), vec![0x5A; size as usize]).expect("a file");
    cloud.sandbox().recorder().clear();
    env.run(["transfers", "resume"]).succeeded();
    assert_eq!(fetched(&cloud, "/large"), LARGE, "none of {proved} bytes was right any more");
    assert!(fs::read(env.work().join("down")).expect("a file") == bytes(LARGE as usize));
    // An object that was changed is fetched anew.
    env.run(["transfers", "clean"]).succeeded();
    cut_off(&cloud, &["cp", &from, "other", "--part-size", "5M"], 3, Signal::KILL);
    let mut changed = bytes(LARGE as usize);
    changed[7] ^= 1;
    cloud.sandbox().world().put_object(&bucket, "large", changed.clone());
    cloud.sandbox().recorder().clear();
    let resumed = env.run(["transfers", "resume"]);
    match resumed.code() {
        Some(0) => {
            assert_eq!(fetched(&cloud, "/large"), LARGE);
            assert!(fs::read(env.work().join("other")).expect("a file") == changed);
        }
        code => {
            assert_eq!(code, Some(1), "{}", resumed.block());
            assert!(!env.work().join("other").exists(), "half of each is in no file");
        }
    }
}

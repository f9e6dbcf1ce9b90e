//! How much at once, how fast, and after how many failures it is enough: `docs/behaviour.md`, sections limits and transfer-bandwidth.

use std::fs;
use std::path::Path;
use std::time::Duration;

use pintail_sandbox::{Effect, Fault, Service};
use pintail_testkit::output::Output;
use pintail_testkit::process::Signal;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::copying::bytes;

/// Small files, and one of five parts.
const SMALL: usize = 40;
const LARGE_BYTES: usize = 24 << 20;

fn tree(folder: &Path) {
    fs::create_dir_all(folder.join("sub")).expect("folders");
    for number in 0..SMALL {
        fs::write(folder.join(format!("sub/{number:02}")), bytes(1000 + number)).expect("a file");
    }
    fs::write(folder.join("large"), bytes(LARGE_BYTES)).expect("a file");
}

#[track_caller]
fn same(one: &Path, other: &Path) {
    let names = (0..SMALL).map(|number| format!("sub/{number:02}")).chain(["large".to_owned()]);
    for name in names {
        let [one, other] = [one, other].map(|folder| fs::read(folder.join(&name)).expect("a file"));
        assert!(one == other, "{name}");
    }
}

fn last(output: &Output) -> Value {
    output.json_lines().pop().expect("a line")
}

/// Every command under a limit keeps to it: the service never sees more requests together.
///
/// behaviour: limits
#[test]
fn no_more_requests_are_under_way_than_was_said() {
    let cloud = Cloud::signed_in();
    let (env, bucket, moments) = (&cloud.env, cloud.bucket(), cloud.sandbox().moments());
    tree(&env.work().join("tree"));
    cloud.bookmark("second", &[]);
    cloud.sign_in("second", 0).succeeded();
    // Answers that take a moment, so that whoever has many requests is seen with them.
    let slowly = Effect::Delay(Duration::from_millis(10));
    cloud.sandbox().faults().add(Fault::new(Service::S3, "*", slowly).always());
    let (up, within) = (format!("lab:{bucket}/up/"), format!("lab:{bucket}/within/"));
    let (moved, gone) = (format!("lab:{bucket}/moved/"), format!("lab:{bucket}/gone/"));
    let commands: [(&[&str], bool); 8] = [
        (&["cp", "-r", "tree/", &up, "--part-size", "5M"], true),
        (&["cp", "-r", "tree/", &up, "--existing", "checksum"], false),
        (&["sync", &up, &within], true),
        (&["sync", &up, &within, "--checksum"], false),
        (&["cp", "-r", &within, "down/", "--part-size", "5M"], true),
        (&["mv", "-r", &within, &moved], true),
        (&["sync", "--two-way", "tree", &moved], false),
        (&["sync", "down/", &gone, "--delete", "--verify"], true),
    ];
    for (number, most) in ["1", "3"].into_iter().enumerate() {
        for (command, _) in commands {
            moments.clear();
            env.run(command.iter().copied().chain(["--connections", most])).succeeded();
            let seen = moments.most_at_once();
            assert!(
                (1..=[1, 3][number]).contains(&seen),
                "{command:?}: {seen} requests at once, and {most} were said"
            );
        }
        same(&env.work().join("tree"), &env.work().join("down"));
        // Through this machine each of them is a read and a write.
        moments.clear();
        let far = up.replace("lab:", "second:");
        env.run(["cp", "-r", &far, &gone, "--connections", most, "--part-size", "5M"]).succeeded();
        assert!((2..=[2, 6][number]).contains(&moments.most_at_once()), "{}", moments.most_at_once());
        fs::remove_dir_all(env.work().join("down")).expect("it was made");
        for there in [&up, &within, &moved, &gone] {
            env.run(["rm", "-r", there]).succeeded();
        }
    }
    // Without a limit more help, and that is seen.
    for (command, many) in commands {
        moments.clear();
        env.run(command.iter().copied()).succeeded();
        assert!(!many || moments.most_at_once() > 3, "{command:?}: {}", moments.most_at_once());
    }
    for wrong in ["0", "1025", "many", ""] {
        env.run(["cp", "tree/large", &up, "--connections", wrong]).exited(2);
    }
}

/// behaviour: transfer-bandwidth
#[test]
fn a_limit_changes_nothing_of_what_arrives_and_is_kept_with_the_transfer() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&env.work().join("tree"));
    for (number, limit) in ["1G", "off", "00:00,off 12:00,900M"].into_iter().enumerate() {
        let (there, here) = (format!("lab:{bucket}/{number}/"), format!("down-{number}"));
        let up = env.run(["cp", "-r", "tree/", &there, "--bandwidth", limit, "--json"]).succeeded();
        assert_eq!(last(&up)["verified"], SMALL + 1, "{limit}");
        let run = last(&up)["run"].as_str().expect("a run").to_owned();
        let shown = env.run(["transfers", "show", &run, "--json"]).succeeded().json();
        assert_eq!(shown["options"]["bandwidth"], limit);
        env.run(["sync", &there, &here, "--bandwidth", limit]).succeeded();
        same(&env.work().join("tree"), &env.work().join(&here));
        let dry = ["cp", "-r", "tree/", &there, "--bandwidth", limit, "--dry-run", "--json"];
        assert_eq!(
            last(&env.run(dry).succeeded())["size"],
            LARGE_BYTES + (0..SMALL).map(|n| 1000 + n).sum::<usize>()
        );
    }
}

/// behaviour: transfer-bandwidth
#[test]
fn what_is_no_bandwidth_is_said_before_anything_happens() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&env.work().join("tree"));
    let there = format!("lab:{bucket}/none/");
    cloud.sandbox().recorder().clear();
    for wrong in ["", "fast", "0", "8,1M", "25:00,1M", "08:00,1M 08:00,2M", "08:00 1M", "1M 2M", "08:00,fast"]
    {
        for command in [&["cp", "-r"][..], &["mv", "-r"], &["sync"]] {
            let all = command.iter().copied().chain(["tree/", &there, "--bandwidth", wrong]);
            let said = env.run(all).exited(2).stderr;
            assert!(said.contains("is no bandwidth: write 10M, off"), "{wrong:?}: {said}");
        }
    }
    assert_eq!(cloud.sandbox().recorder().calls().len(), 0);
}

/// behaviour: transfer-bandwidth
#[test]
fn a_transfer_that_the_limit_holds_back_says_so_and_ends_in_order() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&env.work().join("tree"));
    let there = format!("lab:{bucket}/slow/");
    // A byte a second, whatever time of day it is.
    let arguments = ["cp", "-r", "tree/sub/", &there, "--bandwidth", "00:00,1 12:00,1", "--json"];
    let mut copy = env.pintail(arguments).start();
    loop {
        let progress = copy.next_event("progress");
        if progress["waits_for"] == "the limit on bandwidth" {
            break;
        }
    }
    copy.signal(Signal::INT);
    let done = last(&copy.finish().exited(130));
    assert_eq!((&done["outcome"], &done["copied"]), (&"interrupted".into(), &0.into()), "{done}");
    assert!(cloud.sandbox().world().keys(&bucket).iter().all(|key| !key.starts_with("slow/")));
    let run = done["run"].as_str().expect("a run");
    env.run(["transfers", "cancel", run]).succeeded();
}

/// A tree of which every name that begins with `bad` is refused by the service.
fn half_refused(cloud: &Cloud) {
    fs::create_dir(cloud.env.work().join("mixed")).expect("a folder");
    for number in 0..20 {
        fs::write(cloud.env.work().join(format!("mixed/bad-{number:02}")), "bad").expect("a file");
        fs::write(cloud.env.work().join(format!("mixed/good-{number:02}")), "good").expect("a file");
    }
    let denied = || Effect::status(403, "AccessDenied", "Access Denied");
    for operation in ["PutObject", "CopyObject"] {
        cloud
            .sandbox()
            .faults()
            .add(Fault::new(Service::S3, operation, denied()).path_containing("bad-").always());
    }
}

/// behaviour: limits
#[test]
fn after_so_many_failures_nothing_more_is_begun_and_the_transfer_goes_on_later() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    half_refused(&cloud);
    let there = format!("lab:{bucket}/few/");
    let limited = ["cp", "-r", "mixed/", &there, "--max-errors", "3", "--connections", "1", "--json"];
    // The names that fail come first.
    cloud.sandbox().recorder().clear();
    let stopped = env.run(limited).exited(5);
    let done = last(&stopped);
    let tried = cloud.sandbox().recorder().count(Service::S3, "PutObject");
    assert_eq!((&done["failed"], &done["copied"]), (&3.into(), &0.into()), "{done}");
    assert_eq!((&done["outcome"], &done["not_tried"]), (&"failed".into(), &37.into()), "{done}");
    assert_eq!(tried, 3);
    assert!(stopped.stderr.contains("pintail transfers resume"), "{}", stopped.stderr);
    let run = done["run"].as_str().expect("a run").to_owned();
    let state = |run: &str| env.run(["transfers", "show", run, "--json"]).succeeded().json();
    let shown = state(&run);
    assert_eq!((&shown["state"], &shown["left"]), (&"failed".into(), &40.into()), "{shown}");
    assert_eq!((&shown["resumable"], &shown["options"]["errors_max"]), (&true.into(), &3.into()));
    // It stops again as long as nothing is better, and goes on to its end when it is.
    assert_eq!(last(&env.run(["transfers", "resume", &run, "--json"]).exited(5))["failed"], 3);
    cloud.sandbox().faults().clear();
    let done = last(&env.run(["transfers", "resume", &run, "--json"]).succeeded());
    assert_eq!((&done["copied"], &done["failed"], &done["not_tried"]), (&40.into(), &0.into(), &0.into()));
    assert_eq!(state(&run)["state"], "complete");
}

/// behaviour: limits
#[test]
fn some_done_and_enough_failed_is_neither_success_nor_failure() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    half_refused(&cloud);
    let there = format!("lab:{bucket}/some/");
    // Up to the limit the rest goes on; with it reached nothing is deleted.
    cloud.sandbox().world().put_object(&bucket, "some/old", "old");
    let all = ["sync", "mixed", &there, "--delete", "--max-delete", "100%", "--json", "--max-errors"];
    let done = last(&env.run(all.iter().copied().chain(["21"])).exited(3));
    assert_eq!((&done["failed"], &done["copied"], &done["not_tried"]), (&20.into(), &20.into(), &1.into()));
    assert!(cloud.object(&bucket, "some/old").is_some());
    let moved = ["mv", "-r", "mixed/", &there, "--max-errors", "1", "--connections", "1", "--json"];
    env.run(moved).exited(5);
    let left = fs::read_dir(env.work().join("mixed")).expect("a folder").count();
    assert_eq!(left, 40, "a move that was not made leaves its source");
    for wrong in ["0", "few", ""] {
        env.run(["cp", "-r", "mixed/", &there, "--max-errors", wrong]).exited(2);
    }
}

/// Failures of one address count for those after it.
///
/// behaviour: limits
#[test]
fn deletions_at_several_addresses_stop_together() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let addresses = ["x", "y", "z"].map(|folder| format!("lab:{bucket}/{folder}/"));
    for folder in ["x", "y", "z"] {
        for number in 0..3 {
            cloud.sandbox().world().put_object(&bucket, &format!("{folder}/{number}"), "x");
        }
    }
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let fault = || Fault::new(Service::S3, "DeleteObjects", denied.clone()).always();
    cloud.sandbox().faults().add(fault());
    let run = |most: &str| {
        let all = ["rm", "-r", &addresses[0], &addresses[1], &addresses[2], "--json", "--max-errors", most];
        cloud.sandbox().recorder().clear();
        let done = last(&env.run(all).exited(5));
        let asked = cloud.sandbox().recorder().count(Service::S3, "DeleteObjects");
        (asked, done["failed"].as_u64().expect("a number"), done["not_tried"].as_u64().unwrap_or_default())
    };
    assert_eq!(run("3"), (1, 3, 2), "the other two addresses are not begun");
    assert_eq!(run("4"), (2, 6, 1));
    assert_eq!(run("100"), (3, 9, 0));
    cloud.sandbox().faults().clear();
    let done =
        last(&env.run(["rm", "-r", &addresses[0], &addresses[1], "--json", "--max-errors", "1"]).succeeded());
    assert_eq!(done["deleted"], 6, "{done}");
}

//! Kills at chosen moments of S3: the moment is the asked one, whatever the machine is doing, and what is left is what S3 and the disk
//! had at that moment.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;

use pintail_sandbox::{Moment, Phase, Service};
use pintail_testkit::killing::{Ending, run_until, seeded_moments};
use pintail_testkit::process::Signal;

use crate::cloud::Cloud;
use crate::copying::bytes;

const MIDDLE: Phase = Phase::InBody { per_mille: 500 };
const SMALL_BYTES: usize = 100_000;

fn was_killed(ending: &Ending) {
    assert!(ending.is_killed(), "{}", ending.output().block());
    assert_eq!(ending.output().status.signal(), Some(Signal::KILL.as_raw()));
}

#[test]
fn an_upload_dies_before_within_and_after_its_request() {
    let cloud = Cloud::signed_in();
    let (env, bucket, sandbox) = (&cloud.env, cloud.bucket(), cloud.sandbox());
    fs::write(env.work().join("small"), bytes(SMALL_BYTES)).expect("a file");
    let target = format!("lab:{bucket}/small");
    // The n-th request of an undisturbed run is the upload.
    sandbox.moments().clear();
    sandbox.recorder().clear();
    env.run(["cp", "small", &target]).succeeded();
    let calls = sandbox.recorder().calls();
    let of_s3 = calls.iter().filter(|call| call.service == Service::S3);
    let request = 1 + of_s3.clone().position(|call| call.operation == "PutObject").expect("an upload") as u64;
    assert_eq!(sandbox.moments().begun(), of_s3.count() as u64);
    let whole = sandbox.world().ledger(&bucket).objects["small"].clone();

    for _ in 0..3 {
        for (phase, is_there) in [(Phase::Begun, false), (MIDDLE, false), (Phase::Performed, true)] {
            sandbox.world().delete_object(&bucket, "small");
            sandbox.world().clear_receipts();
            sandbox.recorder().clear();
            was_killed(&run_until(sandbox, env.pintail(["cp", "small", &target]), Moment { request, phase }));
            let ledger = sandbox.world().ledger(&bucket);
            assert_eq!(ledger.objects.get("small"), Some(&whole).filter(|_| is_there), "{phase:?}");
            let last = sandbox.recorder().calls().pop().expect("a call");
            assert_eq!(
                (last.operation.as_str(), last.status),
                ("PutObject", None),
                "{phase:?}: nothing after it"
            );
            let receipts = sandbox.world().receipts();
            match (phase, receipts.as_slice()) {
                (Phase::Begun, []) => {}
                (Phase::InBody { .. }, [receipt]) => {
                    assert!(!receipt.is_kept && receipt.bytes >= SMALL_BYTES as u64 / 2, "{receipt:?}");
                }
                (Phase::Performed, [receipt]) => {
                    assert_eq!((receipt.is_kept, receipt.bytes), (true, SMALL_BYTES as u64));
                }
                (phase, receipts) => panic!("{phase:?} {receipts:?}"),
            }
        }
    }
}

#[test]
fn a_download_dies_and_the_file_before_it_stays() {
    let cloud = Cloud::signed_in();
    let (env, bucket, sandbox) = (&cloud.env, cloud.bucket(), cloud.sandbox());
    sandbox.world().put_object(&bucket, "down", bytes(SMALL_BYTES));
    let download = || env.pintail(["cp", &format!("lab:{bucket}/down"), "down"]);
    sandbox.moments().clear();
    download().output().succeeded();
    let requests = sandbox.moments().begun();
    for request in 1..=requests {
        for phase in [Phase::Begun, MIDDLE, Phase::Performed] {
            fs::write(env.work().join("down"), "before").expect("a file");
            was_killed(&run_until(sandbox, download(), Moment { request, phase }));
            assert_eq!(fs::read(env.work().join("down")).expect("a file"), b"before", "{request} {phase:?}");
        }
    }
    let late = run_until(sandbox, download(), Moment { request: requests + 1, phase: Phase::Begun });
    assert!(!late.is_killed(), "it made {requests} requests");
    assert_eq!(fs::read(env.work().join("down")).expect("a file"), bytes(SMALL_BYTES));
}

/// Wherever a copy of several files dies, every object is whole or not there, and copying again brings all of it.
#[test]
fn a_mixed_copy_dies_anywhere_and_is_done_again() {
    let cloud = Cloud::signed_in();
    let (env, bucket, sandbox) = (&cloud.env, cloud.bucket(), cloud.sandbox());
    fs::create_dir_all(env.work().join("tree/sub")).expect("folders");
    let files = [("a", 10), ("empty", 0), ("large", 20 << 20), ("sub/b", 70_000), ("sub/c", 4096)];
    for (name, size) in files {
        fs::write(env.work().join("tree").join(name), bytes(size)).expect("a file");
    }
    let upload = |prefix: &str| env.pintail(["cp", "-r", "tree/", &format!("lab:{bucket}/{prefix}/")]);
    sandbox.moments().clear();
    upload("whole").output().succeeded();
    let requests = sandbox.moments().begun();
    let held = sandbox.world().ledger(&bucket).objects;
    let mut kinds = BTreeSet::new();
    for (number, moment) in seeded_moments(42, 12, requests).enumerate() {
        let prefix = format!("run-{number}");
        was_killed(&run_until(sandbox, upload(&prefix), moment));
        kinds.insert(format!("{:?}", moment.phase).chars().take(3).collect::<String>());
        let compare = |whole: bool| {
            let ledger = sandbox.world().ledger(&bucket);
            for (name, _) in files {
                let (expected, found) =
                    (&held[&format!("whole/{name}")], ledger.objects.get(&format!("{prefix}/{name}")));
                assert!(!whole || found.is_some(), "{moment:?}: {name} is missing");
                let same = found.is_none_or(|found| found.sha256 == expected.sha256);
                assert!(same, "{moment:?}: {name} is not what was sent");
            }
        };
        compare(false);
        upload(&prefix).output().succeeded();
        compare(true);
    }
    assert_eq!(kinds.len(), 3, "the seed draws every phase");
}

//! Renewal: `docs/behaviour.md`, section renewal.

use std::fs;

use pintail_sandbox::{Effect, Fault, Service};

use crate::cloud::Cloud;
use crate::copying::bytes;

/// behaviour: renewal
#[test]
fn twenty_processes_cause_one_refresh_and_one_exchange() {
    let cloud = Cloud::signed_in();
    // S3 refuses the credential that all of them hold: each one needs another.
    cloud.sandbox().world().expire_sessions();
    cloud.sandbox().recorder().clear();
    let runs: Vec<_> = (0..20).map(|_| cloud.env.pintail(["ls", "lab:", "--json"]).start()).collect();
    for run in runs {
        run.finish().succeeded();
    }
    let recorder = cloud.sandbox().recorder();
    assert_eq!(recorder.count(Service::Sts, "AssumeRoleWithWebIdentity"), 1, "one exchange");
    assert_eq!(recorder.count(Service::Issuer, "token"), 1, "one refresh");
    assert!(recorder.count(Service::S3, "ListBuckets") >= 20);
}

/// behaviour: renewal
#[test]
fn a_credential_that_ends_in_the_middle_is_replaced_without_a_word() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let content = bytes(64 << 20);
    fs::write(env.work().join("large"), &content).expect("a file");
    for operation in ["UploadPart", "CompleteMultipartUpload"] {
        cloud.sandbox().faults().add(Fault::new(Service::S3, operation, Effect::ExpireSessions).nth(2));
    }
    cloud.sandbox().faults().add(Fault::new(Service::S3, "UploadPart", Effect::ForgetSessions).nth(5));
    env.run(["cp", "large", &format!("lab:{bucket}/large")]).succeeded();
    assert_eq!(cloud.object(&bucket, "large").expect("the object"), content);
    cloud.sandbox().faults().clear();
    cloud.sandbox().faults().add(Fault::new(Service::S3, "GetObject", Effect::ExpireSessions).nth(3));
    env.run(["cp", &format!("lab:{bucket}/large"), "again"]).succeeded();
    assert_eq!(fs::read(env.work().join("again")).expect("a file"), content);
}

/// behaviour: renewal
#[test]
fn a_sign_in_that_the_issuer_took_back_asks_for_a_new_one() {
    let cloud = Cloud::signed_in();
    cloud.sandbox().world().revoke_sign_ins(&cloud.summary().users[0].username);
    cloud.sandbox().world().expire_sessions();
    let output = cloud.env.run(["ls", "lab:"]).exited(4);
    assert!(output.stderr.contains("pintail login lab"), "{}", output.stderr);
}

/// A session as long as the role allows: found out once, remembered after that.
#[test]
fn the_session_is_as_long_as_the_role_allows() {
    let cloud = Cloud::start();
    let hours = |line: &serde_json::Value| {
        let until: jiff::Timestamp = line["until"].as_str().expect("a time").parse().expect("a time");
        until.duration_since(cloud.sandbox().world().now()).as_secs_f64() / 3600.0
    };
    let long = cloud.sign_in("lab", 0).succeeded().json_lines().pop().expect("a line");
    assert!((11.9..=12.0).contains(&hours(&long)), "{long}");
    cloud.bookmark("short", &["--role-arn", &cloud.summary().read_only_role_arn.clone()]);
    let short = cloud.sign_in("short", 0).succeeded().json_lines().pop().expect("a line");
    assert!((0.9..=1.0).contains(&hours(&short)), "{short}");
    cloud.sandbox().recorder().clear();
    cloud.sandbox().world().expire_sessions();
    cloud.env.run(["ls", "short:"]).succeeded();
    assert_eq!(cloud.sandbox().recorder().count(Service::Sts, "AssumeRoleWithWebIdentity"), 1, "remembered");
    cloud.bookmark("asked", &["--duration", "900"]);
    let asked = cloud.sign_in("asked", 0).succeeded().json_lines().pop().expect("a line");
    assert!((0.2..=0.25).contains(&hours(&asked)), "{asked}");
}

/// Sessions that S3 ends long before the end they were told: each is good for a dozen calls.
///
/// behaviour: renewal
#[test]
fn a_copy_outlives_any_number_of_sessions() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::create_dir_all(env.work().join("tree")).expect("a folder");
    for number in 0..40 {
        fs::write(env.work().join(format!("tree/{number}")), bytes(1000 + number)).expect("a file");
    }
    fs::write(env.work().join("tree/large"), bytes(40 << 20)).expect("a file");
    cloud.sandbox().world().limit_session_calls(Some(12));
    cloud.sandbox().recorder().clear();
    env.run(["cp", "-r", "tree/", &format!("lab:{bucket}/outlived/")]).succeeded();
    env.run(["cp", "-r", &format!("lab:{bucket}/outlived/"), "back/"]).succeeded();
    let exchanges = cloud.sandbox().recorder().count(Service::Sts, "AssumeRoleWithWebIdentity");
    assert!(exchanges >= 6, "{exchanges} exchanges");
    for number in 0..40 {
        let back = fs::read(env.work().join(format!("back/{number}"))).expect("a file");
        assert_eq!(back, bytes(1000 + number), "{number}");
    }
    assert_eq!(fs::read(env.work().join("back/large")).expect("a file"), bytes(40 << 20));
}

/// Sessions that truly live for ten seconds are used and renewed like long ones.
///
/// behaviour: renewal
#[test]
fn a_session_of_seconds_is_a_session() {
    let mut options = pintail_sandbox::Options::default();
    options.lifetimes.role_session_max_s = 10;
    let cloud = Cloud::start_with(options);
    let line = cloud.sign_in("lab", 0).succeeded().json_lines().pop().expect("a line");
    let until: jiff::Timestamp = line["until"].as_str().expect("a time").parse().expect("a time");
    let left_s = until.duration_since(cloud.sandbox().world().now()).as_secs();
    assert!((0..=10).contains(&left_s), "{line}");
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::write(env.work().join("file"), bytes(20 << 20)).expect("a file");
    for _ in 0..3 {
        env.run(["cp", "file", &format!("lab:{bucket}/of-seconds")]).succeeded();
        // As if the ten seconds had gone by.
        cloud.sandbox().world().expire_sessions();
    }
    assert_eq!(cloud.object(&bucket, "of-seconds").expect("the object"), bytes(20 << 20));
}

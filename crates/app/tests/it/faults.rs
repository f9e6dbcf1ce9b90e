//! The sweep: every call of the chain is broken once in each way, and the outcome is success after a retry or a clear error; never a
//! hang, a panic or a wrong byte.

use std::fs;

use bytes::Bytes;
use pintail_sandbox::{Effect, Fault, Service};
use pintail_testkit::output::Output;

use crate::cloud::Cloud;
use crate::copying::bytes;

fn effects() -> Vec<(&'static str, Effect)> {
    vec![
        ("500", Effect::status(500, "InternalError", "We encountered an internal error. Please try again.")),
        ("503", Effect::slow_down()),
        ("403", Effect::status(403, "AccessDenied", "Access Denied")),
        ("404", Effect::status(404, "NotFound", "Not Found")),
        ("dropped request", Effect::DropRequest),
        ("dropped answer", Effect::DropAnswer),
        ("cut body", Effect::CutBody(10)),
        ("garbage", Effect::ReplaceBody(Bytes::from_static(b"\x1b[2J<html>not what you asked for"))),
        ("empty", Effect::ReplaceBody(Bytes::new())),
        ("flipped byte", Effect::FlipByte(30)),
        ("skewed clock", Effect::SkewClock(3600)),
        ("expired", Effect::ExpireSessions),
        ("forgotten", Effect::ForgetSessions),
    ]
}

/// Checks that a run either did its work or says why not.
fn clear_outcome(what: &str, output: &Output) -> bool {
    let code = output.code().unwrap_or_else(|| panic!("{what}: ended by a signal"));
    assert!([0, 1, 3, 4, 5, 6].contains(&code), "{what}: {code}: {}", output.stderr);
    assert!(!output.stderr.contains("panicked"), "{what}: {}", output.stderr);
    assert!(!output.stderr.contains('\u{1b}'), "{what}: {:?}", output.stderr);
    if code != 0 {
        assert!(
            output.stderr.contains("error:") || output.stderr.contains("failed:"),
            "{what}: {}",
            output.stderr
        );
    }
    code == 0
}

#[test]
fn every_identity_call_may_break_once() {
    let cloud = Cloud::start();
    let calls = [
        (Service::Issuer, "discovery"),
        (Service::Issuer, "token"),
        (Service::Issuer, "keys"),
        (Service::Sts, "AssumeRoleWithWebIdentity"),
    ];
    let mut survived = 0;
    for (service, operation) in calls {
        for (name, effect) in effects() {
            let what = format!("{operation} {name}");
            cloud.sandbox().faults().clear();
            cloud.sandbox().faults().add(Fault::new(service, operation, effect));
            survived += usize::from(clear_outcome(&what, &cloud.sign_in("lab", 0)));
            cloud.sandbox().faults().clear();
            // Whatever broke, the next try works.
            let mended = clear_outcome(&what, &cloud.sign_in("lab", 0));
            assert!(mended, "{what}: not mended");
        }
    }
    assert!(survived >= 4 * 4, "faults that pass are survived: {survived}");
}

#[test]
fn every_renewal_call_may_break_once() {
    let cloud = Cloud::signed_in();
    for (service, operation) in [
        (Service::Issuer, "discovery"),
        (Service::Issuer, "token"),
        (Service::Issuer, "keys"),
        (Service::Sts, "AssumeRoleWithWebIdentity"),
    ] {
        for (name, effect) in effects() {
            let what = format!("renewal, {operation} {name}");
            cloud.sandbox().world().expire_sessions();
            cloud.sandbox().faults().clear();
            cloud.sandbox().faults().add(Fault::new(service, operation, effect));
            clear_outcome(&what, &cloud.env.run(["ls", "lab:"]));
            cloud.sandbox().faults().clear();
            if cloud.env.run(["whoami", "lab"]).code() != Some(0) {
                cloud.sign_in("lab", 0).succeeded();
            }
        }
    }
}

#[test]
fn every_store_call_may_break_once() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let large = bytes((16 << 20) + 5);
    fs::write(env.work().join("large"), &large).expect("a file");
    fs::write(env.work().join("small"), b"small").expect("a file");
    let at = |key: &str| format!("lab:{bucket}/{key}");
    let world = cloud.sandbox().world();
    let mut survived = 0;
    let mut runs = 0;
    for (name, effect) in effects() {
        world.put_object(&bucket, "there", large.clone());
        let scripts: Vec<(&str, Vec<String>)> = vec![
            ("ListBuckets", vec!["ls".into(), "lab:".into()]),
            ("ListObjectsV2", vec!["ls".into(), at("")]),
            ("HeadObject", vec!["stat".into(), at("there")]),
            ("HeadBucket", vec!["stat".into(), format!("lab:{bucket}")]),
            ("GetObject", vec!["cp".into(), at("there"), "down".into()]),
            ("PutObject", vec!["cp".into(), "small".into(), at("put")]),
            ("CreateMultipartUpload", vec!["cp".into(), "large".into(), at("parts")]),
            ("UploadPart", vec!["cp".into(), "large".into(), at("parts")]),
            ("CompleteMultipartUpload", vec!["cp".into(), "large".into(), at("parts")]),
            ("CopyObject", vec!["cp".into(), at("there"), at("copied")]),
            ("DeleteObject", vec!["rm".into(), at("put")]),
            ("DeleteObjects", vec!["rm".into(), "-r".into(), at("copied")]),
            ("CreateBucket", vec!["mb".into(), "lab:swept-bucket".into()]),
            ("DeleteBucket", vec!["rb".into(), "lab:swept-bucket".into()]),
        ];
        for (operation, arguments) in scripts {
            let what = format!("{operation} {name}");
            let _ = fs::remove_file(env.work().join("down"));
            cloud.sandbox().faults().clear();
            cloud.sandbox().faults().add(Fault::new(Service::S3, operation, effect.clone()));
            let output = env.run(&arguments);
            let done = clear_outcome(&what, &output);
            cloud.sandbox().faults().clear();
            runs += 1;
            survived += usize::from(done);
            match operation {
                "GetObject" => {
                    let down = fs::read(env.work().join("down"));
                    assert_eq!(done, down.is_ok(), "{what}: done means there");
                    assert!(
                        down.is_err() || down.is_ok_and(|down| down == large),
                        "{what}: the right bytes or none"
                    );
                }
                "PutObject" if done => {
                    assert_eq!(world.object(&bucket, "put").expect(&what), &b"small"[..], "{what}");
                }
                "UploadPart" | "CreateMultipartUpload" | "CompleteMultipartUpload" if done => {
                    assert_eq!(world.object(&bucket, "parts").expect(&what), large, "{what}");
                }
                "CopyObject" if done => {
                    assert_eq!(world.object(&bucket, "copied").expect(&what), large, "{what}");
                }
                _ => {}
            }
            if env.run(["whoami", "lab"]).code() != Some(0) {
                cloud.sign_in("lab", 0).succeeded();
            }
        }
    }
    assert!(survived * 2 > runs, "most faults pass: {survived} of {runs}");
}

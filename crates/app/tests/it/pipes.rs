//! Uploads of standard input that are stopped: `docs/behaviour.md`, section resume.

use pintail_sandbox::{Effect, Fault, Service};
use pintail_testkit::process::Signal;

use crate::cloud::Cloud;

/// behaviour: resume
#[test]
fn a_pipe_that_ends_because_everything_was_stopped_writes_nothing() {
    for mebibytes in [9, 20] {
        let cloud = Cloud::signed_in();
        let (env, bucket) = (&cloud.env, cloud.bucket());
        cloud.sandbox().world().put_object(&bucket, "dump", "the last good one");
        let mut copy = env.pintail(["cp", "-", &format!("lab:{bucket}/dump")]).start();
        copy.type_in(&"x".repeat(mebibytes << 20));
        cloud.wait_for(Service::S3, "UploadPart", 1);
        // Ctrl-C goes to all programs of a pipe: the one that writes is gone as soon as it comes here.
        copy.signal(Signal::INT);
        copy.close_stdin();
        copy.finish().exited(130);
        let is_left = cloud.object(&bucket, "dump").expect("it") == "the last good one";
        assert!(is_left, "{mebibytes} MiB");
        assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 0, "{mebibytes} MiB");
    }
}

/// behaviour: resume
#[test]
fn a_pipe_that_is_stopped_on_a_slow_line_leaves_no_upload() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    // The parts arrive, and no answer comes.
    let slow = Fault::new(Service::S3, "UploadPart", Effect::StallBodyMidway);
    cloud.sandbox().faults().add(slow.times(100));
    let mut copy = env.pintail(["cp", "-", &format!("lab:{bucket}/dump")]).start();
    copy.type_in(&"x".repeat(9 << 20));
    // Everything was read: what is waited for are the answers alone.
    copy.close_stdin();
    cloud.wait_for(Service::S3, "UploadPart", 1);
    copy.signal(Signal::INT);
    copy.finish().exited(130);
    assert!(cloud.object(&bucket, "dump").is_none());
    assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 0);
}

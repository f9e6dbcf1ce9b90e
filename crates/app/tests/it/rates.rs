//! A share of all requests fails, in every way a request can: copies end as if nothing had been.

use std::fs;

use pintail_sandbox::{FaultRate, Service};

use crate::cloud::Cloud;
use crate::copying::bytes;

/// behaviour: cp
#[test]
fn a_copy_survives_one_request_in_twenty_failing() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    // An answer that stalls is given up after this.
    env.run(["config", "set", "connection.timeout.seconds", "2"]).succeeded();
    fs::create_dir_all(env.work().join("tree")).expect("a folder");
    let files: Vec<(String, Vec<u8>)> = (0..100)
        .map(|number| (format!("small-{number}"), bytes(2000 + number)))
        .chain([("large".to_owned(), bytes(40 << 20))])
        .collect();
    for (name, content) in &files {
        fs::write(env.work().join("tree").join(name), content).expect("a file");
    }
    let faults = cloud.sandbox().faults();
    faults.add_rate(FaultRate::new(Service::S3, 50, 20_261_127));
    env.run(["cp", "-r", "tree/", &format!("lab:{bucket}/rates/")]).succeeded();
    env.run(["cp", "-r", "-n", &format!("lab:{bucket}/rates/"), "back/"]).succeeded();
    for (name, content) in &files {
        assert_eq!(fs::read(env.work().join("back").join(name)).expect(name), *content, "{name}");
    }
    let struck = faults.struck();
    assert_eq!(struck.len(), 7, "every kind of fault: {struck:?}");
    faults.clear();
    let ledger = cloud.sandbox().world().ledger_below(&bucket, "rates/");
    assert_eq!(ledger.objects.len(), files.len());
    for (name, content) in &files {
        assert_eq!(cloud.object(&bucket, &format!("rates/{name}")).expect(name), *content, "{name}");
    }
}

//! Which objects a batch job goes through: `docs/behaviour.md`, sections batch and batch-delete.

use std::fs;
use std::io::Write as _;

use pintail_testkit::output::Output;
use serde_json::{Value, json};

use crate::cloud::Cloud;

fn run(cloud: &Cloud, command: &[&str], more: &[&str]) -> Output {
    cloud.env.run(["batch"].iter().chain(command).chain(more).chain(&["--json"]).copied())
}

fn put(cloud: &Cloud, keys: &[&str]) {
    for key in keys {
        assert!(cloud.sandbox().world().put_object(&cloud.bucket(), key, format!("about {key}")));
    }
}

/// Puts an inventory of the first bucket into it, and returns the address of its `manifest.json`.
fn inventory(cloud: &Cloud, schema: &str, rows: &[&str]) -> String {
    let (bucket, world) = (cloud.bucket(), cloud.sandbox().world());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    for row in rows {
        writeln!(packed, "\"{bucket}\",{row}").expect("bytes");
    }
    let packed = packed.finish().expect("bytes");
    let manifest = json!({
        "sourceBucket": bucket, "destinationBucket": format!("arn:aws:s3:::{bucket}"), "fileFormat": "CSV",
        "fileSchema": format!("Bucket, {schema}"), "files": [{"key": "stock/1.csv.gz", "size": packed.len(), "MD5checksum": "x"}],
    });
    world.put_object(&bucket, "stock/1.csv.gz", packed);
    world.put_object(&bucket, "stock/manifest.json", manifest.to_string());
    format!("lab:{bucket}/stock/manifest.json")
}

/// behaviour: batch
#[test]
fn the_beginning_of_a_name_is_no_folder() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    put(&cloud, &["photos/a", "photos-keep/b", "photosynthesis"]);
    let (beginning, jobs) = (format!("lab:{bucket}/photos"), format!("lab:{bucket}/jobs/"));
    fs::write(cloud.env.work().join("names"), "-keep/b\n").expect("a file");
    for command in [
        &["tag", &beginning, "--tag", "a=b"][..],
        &["delete", &beginning],
        &["delete-tags", &beginning, "--files-from", "names"],
    ] {
        for how in ["--dry-run", "--print-role"] {
            let refused = run(&cloud, command, &["--manifest", &jobs, how]).exited(2);
            assert!(refused.stderr.contains("End the address with a slash"), "{}", refused.stderr);
        }
    }
    let (folder, whole) = (format!("{beginning}/"), format!("lab:{bucket}/"));
    let all = cloud.sandbox().world().keys(&bucket).len();
    for (source, objects) in [(&folder, 1), (&whole, all)] {
        let plan = run(&cloud, &["delete", source, "--manifest", &jobs], &["--dry-run"]).succeeded().json();
        assert_eq!(plan["objects"], objects, "{plan}");
        run(&cloud, &["delete", source, "--manifest", &jobs], &["--print-role"]).succeeded();
    }
}

/// behaviour: batch
#[test]
fn an_inventory_that_does_not_tell_a_time_is_not_cut_by_age() {
    let cloud = Cloud::signed_in();
    let jobs = format!("lab:{}/jobs/", cloud.bucket());
    let planned = |manifest: &str, limit: [&str; 2]| {
        let delete = ["delete", "--inventory", manifest, "--manifest", &jobs, "--dry-run"];
        run(&cloud, &delete, &limit)
    };
    let ages = [["--older-than", "90d"], ["--newer-than", "90d"]];
    let sizes = [["--min-size", "1"], ["--max-size", "1G"]];
    let untold = inventory(&cloud, "Key, Size", &["\"old/a\",\"7\""]);
    for age in ages {
        let refused = planned(&untold, age).exited(2);
        assert!(refused.stderr.contains("with that column"), "{}", refused.stderr);
    }
    let counted = |output: Output| -> Value { output.succeeded().json()["objects"].clone() };
    assert_eq!(counted(planned(&untold, sizes[0])), 1);
    // A row that lacks what the others have.
    let told = "\"old/a\",\"7\",\"2020-01-02T03:04:05.000Z\"";
    let schema = "Key, Size, LastModifiedDate";
    let whole = inventory(&cloud, schema, &[told]);
    assert_eq!(counted(planned(&whole, ages[0])), 1);
    assert_eq!(counted(planned(&whole, ages[1])), 0);
    for (row, limits, code) in [
        ("\"new/b\",\"7\",\"\"", ages, 2),
        ("\"new/b\",\"\",\"2026-01-02T03:04:05.000Z\"", sizes, 2),
        ("\"new/b\",\"7\",\"yesterday\"", ages, 1),
        ("\"new/b\",\"many\",\"2026-01-02T03:04:05.000Z\"", sizes, 1),
    ] {
        let holed = inventory(&cloud, schema, &[told, row]);
        for limit in limits {
            planned(&holed, limit).exited(code);
        }
    }
}

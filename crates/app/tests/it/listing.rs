//! Listing: `docs/behaviour.md`, section ls.

use crate::cloud::Cloud;

fn keys(cloud: &Cloud, arguments: &[&str]) -> Vec<(String, String)> {
    let mut all = vec!["ls", "--json"];
    all.extend(arguments);
    let lines = cloud.env.run(all).succeeded().json_lines();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    lines.iter().map(|line| (text(&line["type"]), text(&line["key"]))).collect()
}

fn pair(kind: &str, key: &str) -> (String, String) {
    (kind.to_owned(), key.to_owned())
}

/// behaviour: ls
#[test]
fn folders_prefixes_and_everything_below_are_told_apart() {
    let cloud = Cloud::signed_in();
    let world = cloud.sandbox().world();
    world.create_bucket("listing", &cloud.summary().region);
    for key in ["a/1", "a/b/2", "a.txt", "z"] {
        world.put_object("listing", key, "x");
    }
    assert_eq!(
        keys(&cloud, &["lab:listing/"]),
        [pair("object", "a.txt"), pair("prefix", "a/"), pair("object", "z")]
    );
    assert_eq!(keys(&cloud, &["lab:listing/a/"]), [pair("object", "a/1"), pair("prefix", "a/b/")]);
    assert_eq!(keys(&cloud, &["lab:listing/a"]), [pair("object", "a.txt"), pair("prefix", "a/")]);
    let below = keys(&cloud, &["-r", "lab:listing/"]);
    assert_eq!(below, ["a.txt", "a/1", "a/b/2", "z"].map(|key| pair("object", key)));
    assert_eq!(keys(&cloud, &["lab:listing/empty/"]), []);
    cloud.env.run(["ls", "lab:listing/nothing"]).exited(6);
}

/// behaviour: ls
#[test]
fn buckets_and_objects_come_with_their_facts() {
    let cloud = Cloud::signed_in();
    let world = cloud.sandbox().world();
    let buckets = cloud.env.run(["ls", "lab:", "--json"]).succeeded().json_lines();
    let names: Vec<String> =
        buckets.iter().map(|line| line["bucket"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(names, world.buckets());
    world.put_object(&names[0], "facts", "12345");
    let line = cloud.env.run(["ls", &format!("lab:{}/facts", names[0]), "--json"]).succeeded().json();
    assert_eq!((&line["type"], &line["size"]), (&"object".into(), &5.into()));
    assert!(line["modified"].is_string() && line["etag"].is_string(), "{line}");
}

/// behaviour: ls
#[test]
fn many_pages_are_one_listing() {
    let cloud = Cloud::signed_in();
    let world = cloud.sandbox().world();
    world.create_bucket("many-keys", &cloud.summary().region);
    for number in 0..2345 {
        world.put_object("many-keys", &format!("k{number:05}"), "");
    }
    let output = cloud.env.run(["ls", "lab:many-keys/"]).succeeded();
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(lines.len(), 2345);
    assert!(lines.is_sorted());
}

/// behaviour: output
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let cloud = Cloud::signed_in();
    let world = cloud.sandbox().world();
    world.create_bucket("many-keys", &cloud.summary().region);
    for number in 0..3000 {
        world.put_object("many-keys", &format!("a-rather-long-key-to-fill-the-pipe-{number:05}"), "");
    }
    let script = "\"$0\" ls lab:many-keys/ | head -n 1; exit ${PIPESTATUS[0]}";
    let binary = env!("CARGO_BIN_EXE_pintail");
    let output = cloud.env.program("bash".as_ref(), ["-c", script, binary]).output();
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
    assert_eq!(output.stdout.lines().count(), 1);
}

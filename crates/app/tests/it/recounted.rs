//! What is told of transfers afterwards: `docs/behaviour.md`, sections transfers and sync.

use std::fs;
use std::path::PathBuf;

use pintail_testkit::output::Output;
use serde_json::Value;

use crate::cloud::Cloud;

/// A cloud with the folder `tree` of two files in the home's folder.
fn stage() -> Cloud {
    let cloud = Cloud::signed_in();
    let tree = cloud.env.work().join("tree");
    fs::create_dir_all(&tree).expect("a folder");
    for name in ["a", "b"] {
        fs::write(tree.join(name), name).expect("a file");
    }
    cloud
}

fn runs(cloud: &Cloud) -> Vec<String> {
    let lines = cloud.env.run(["transfers", "ls", "--json"]).succeeded().json_lines();
    lines.iter().map(|line| line["run"].as_str().expect("a run").to_owned()).collect()
}

fn last(output: &Output) -> Value {
    output.json_lines().pop().expect("a line")
}

/// behaviour: transfers
#[test]
fn a_run_is_shown_with_the_places_that_were_named() {
    let cloud = stage();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let there = format!("lab:{bucket}/deep/er/");
    env.run(["cp", "-r", "tree/", &there]).succeeded();
    env.run(["cp", "-r", &there, "down/"]).succeeded();
    let tree = env.work().join("tree");
    let ways = [(tree.to_str().expect("a path"), there.as_str()), (there.as_str(), "down")];
    for (run, (from, to)) in runs(&cloud).iter().zip(ways) {
        let shown = env.run(["transfers", "show", run, "--json"]).succeeded().json();
        let places = shown["places"].as_array().expect("places");
        assert_eq!(places.len(), 1, "{shown}");
        let told = |name: &str| places[0][name].as_str().expect("a place").trim_end_matches('/');
        assert!(told("from").ends_with(from.trim_end_matches('/')), "{shown}");
        assert!(told("to").ends_with(to.trim_end_matches('/')), "{shown}");
        let text = env.run(["transfers", "show", run]).succeeded().stdout;
        let line = |word: &str| text.lines().find(|line| line.trim_start().starts_with(word)).is_some();
        assert!(line("from") && line("to"), "{text}");
    }
}

/// behaviour: transfers
#[test]
fn a_run_that_cannot_be_read_is_as_old_as_its_name_says() {
    let cloud = stage();
    let env = &cloud.env;
    env.run(["cp", "-r", "tree/", &format!("lab:{}/x/", cloud.bucket())]).succeeded();
    let run = runs(&cloud).remove(0);
    let folder = find(env.home(), &run).expect("the folder of the run");
    let journal = folder.join("journal");
    let mut bytes = fs::read(&journal).expect("a journal");
    // Behind the magic stands the version: this one is of a program that is yet to come.
    bytes["PTJRNL".len()] = 99;
    fs::write(&journal, bytes).expect("a journal");
    let state = |env: &pintail_testkit::environment::TestEnv| {
        let lines = env.run(["transfers", "ls", "--json"]).succeeded().json_lines();
        lines.first().map(|line| (line["state"].clone(), line["created"].clone()))
    };
    let (word, created) = state(env).expect("it is listed");
    assert_eq!(word, "unreadable");
    // The name has the second, without fractions.
    let digits: String = created.as_str().expect("a time").chars().filter(char::is_ascii_digit).collect();
    assert_eq!(digits, run[..15].replace('-', ""));
    env.run(["transfers", "clean", "--older-than", "365d"]).succeeded();
    assert!(state(env).is_some(), "it is not a year old");
    let old = folder.with_file_name("20200101-000000-00000000");
    fs::rename(&folder, old).expect("another name");
    env.run(["transfers", "clean"]).succeeded();
    assert!(state(env).is_some(), "without an age it stays");
    env.run(["transfers", "clean", "--older-than", "365d"]).succeeded();
    assert!(state(env).is_none());
}

fn find(folder: PathBuf, name: &str) -> Option<PathBuf> {
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.file_name().is_some_and(|own| own == name) {
                return Some(path);
            }
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    None
}

/// behaviour: sync
#[test]
fn a_sync_with_refused_names_ends_the_same_way_each_time() {
    let cloud = stage();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let there = format!("lab:{bucket}/odd/");
    for key in ["odd/plain", "odd/../out"] {
        cloud.sandbox().world().put_object(&bucket, key, "x");
    }
    for (copied, unchanged) in [(1, 0), (0, 1), (0, 1)] {
        let done = last(&env.run(["sync", &there, "down", "--json"]).exited(3));
        assert_eq!((&done["copied"], &done["unchanged"]), (&copied.into(), &unchanged.into()), "{done}");
        assert_eq!(done["refused"], 1, "{done}");
    }
    // Where nothing at all is as it should be, nothing was done in part.
    cloud.sandbox().world().delete_object(&bucket, "odd/plain");
    env.run(["sync", &there, "other"]).exited(1);
}

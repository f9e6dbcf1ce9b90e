//! What a transfer had begun is taken back wherever it died: `docs/behaviour.md`, section transfers.

use std::fs;

use pintail_testkit::killing::{run_until, seeded_moments};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::sweep::{contents_of, mixed, plant};

fn cloud() -> Cloud {
    let cloud = Cloud::signed_in();
    for name in ["s3.upload.multipart.threshold", "s3.upload.multipart.size"] {
        cloud.env.run(["config", "set", name, "5242880"]).succeeded();
    }
    cloud
}

fn runs(cloud: &Cloud) -> Vec<Value> {
    cloud.env.run(["transfers", "ls", "--json"]).succeeded().json_lines()
}

/// Kills transfers and gives each up, by its name or by its age in turns; nothing unfinished may be left on either side, and nothing else may go.
fn give_up(cloud: &Cloud, words: &[&str], seed: u64) {
    let (env, bucket, sandbox) = (&cloud.env, cloud.bucket(), cloud.sandbox());
    let words_of = |number: usize| -> Vec<String> {
        words.iter().map(|word| word.replace("{b}", &bucket).replace("{}", &number.to_string())).collect()
    };
    sandbox.moments().clear();
    env.run(words_of(0)).succeeded();
    let requests = sandbox.moments().begun();
    env.run(["transfers", "clean"]).succeeded();
    let mut given_up = 0;
    for (number, moment) in seeded_moments(seed, 20, requests).enumerate() {
        let ending = run_until(sandbox, env.pintail(words_of(number + 1)), moment);
        let what = format!("{words:?} {moment:?}");
        let before = sandbox.world().keys(&bucket);
        match runs(cloud).last() {
            Some(run) if run["state"] == "stopped" => {
                given_up += 1;
                let name = run["run"].as_str().expect("a name");
                if number % 2 == 0 {
                    let cancelled = env.run(["transfers", "cancel", name, "--json"]);
                    assert_eq!(cancelled.code(), Some(0), "{what}: {}", cancelled.block());
                    assert_eq!(runs(cloud).last().expect("it")["state"], "cancelled", "{what}");
                    env.run(["transfers", "resume", name]).exited(2);
                } else {
                    let cleaned = env.run(["transfers", "clean", "--older-than", "0s", "--json"]);
                    assert_eq!(cleaned.code(), Some(0), "{what}: {}", cleaned.block());
                }
            }
            Some(run) => {
                assert_eq!((&run["state"], ending.is_killed()), (&"complete".into(), false), "{what}");
            }
            None => {}
        }
        env.run(["transfers", "clean"]).succeeded();
        assert_eq!(runs(cloud), Vec::<Value>::new(), "{what}");
        assert_eq!(sandbox.world().open_uploads(&bucket), 0, "{what}: an upload is left");
        assert_eq!(sandbox.world().keys(&bucket), before, "{what}: what was done stays");
        let here = contents_of(&env.work());
        let left: Vec<_> = here.keys().filter(|name| name.contains(".pintail-")).collect();
        assert!(left.is_empty(), "{what}: unfinished files are left: {left:?}");
    }
    assert!(given_up >= 10, "{given_up} were given up");
}

/// behaviour: transfers
#[test]
fn an_upload_that_was_killed_anywhere_is_taken_back() {
    let cloud = cloud();
    plant(&cloud.env.work().join("tree"), &mixed());
    give_up(&cloud, &["cp", "-r", "tree/", "lab:{b}/given-up-{}/"], 51);
}

/// behaviour: transfers
#[test]
fn a_download_that_was_killed_anywhere_is_taken_back() {
    let cloud = cloud();
    for (name, content) in mixed() {
        cloud.sandbox().world().put_object(&cloud.bucket(), &format!("tree/{name}"), content);
    }
    give_up(&cloud, &["cp", "-r", "lab:{b}/tree/", "given-up-{}/"], 52);
    // What was finished is whole.
    let files = mixed();
    for (name, content) in contents_of(&cloud.env.work()) {
        let (Some(content), Some((_, name))) = (content, name.split_once('/')) else { continue };
        assert!(files[name] == content, "{name}");
    }
    fs::remove_dir_all(cloud.env.work().join("given-up-0")).expect("it was copied");
}

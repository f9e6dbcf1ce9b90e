//! Two writers of the same keys: nobody's file is lost unseen. `docs/behaviour.md`, section existing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use pintail_sandbox::{Moment, Phase, Service};
use pintail_testkit::killing::run_until;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::copying::bytes;

/// Large enough for parts with the threshold that is set here.
const LARGE: usize = (5 << 20) + 100;

fn texts<'a>(lines: &'a [Value], event: &str, field: &str) -> BTreeSet<&'a str> {
    let wanted = lines.iter().filter(|line| line["event"] == event);
    wanted.map(|line| line[field].as_str().unwrap_or_default()).collect()
}

/// A tree of one writer: every file says whose it is.
fn write(folder: &Path, whose: &str, names: &[String]) {
    fs::create_dir_all(folder).expect("a folder");
    for name in names {
        let mut content = whose.as_bytes().to_vec();
        if name == "large" {
            content.extend(bytes(LARGE));
        }
        fs::write(folder.join(name), content).expect("a file");
    }
}

fn names() -> Vec<String> {
    (0..60).map(|number| format!("file-{number:02}")).chain(["large".to_owned()]).collect()
}

fn cloud() -> Cloud {
    let cloud = Cloud::signed_in();
    for name in ["s3.upload.multipart.threshold", "s3.upload.multipart.size"] {
        cloud.env.run(["config", "set", name, "5242880"]).succeeded();
    }
    cloud
}

/// Whose content stands at each name.
fn owners(cloud: &Cloud, prefix: &str) -> BTreeMap<String, String> {
    let (bucket, names) = (cloud.bucket(), names());
    let owner = |name: &String| {
        let held = cloud.object(&bucket, &format!("{prefix}{name}")).unwrap_or_default();
        (name.clone(), String::from_utf8_lossy(&held[..held.len().min(3)]).into_owned())
    };
    names.iter().map(owner).collect()
}

/// behaviour: existing
#[test]
fn of_two_that_copy_to_the_same_keys_each_is_told_what_the_other_wrote() {
    let cloud = cloud();
    let (env, bucket, names) = (&cloud.env, cloud.bucket(), names());
    for whose in ["one", "two"] {
        write(&env.work().join(whose), whose, &names);
    }
    let target = format!("lab:{bucket}/race/");
    let both: Vec<_> = ["one/", "two/"]
        .into_iter()
        .map(|from| env.pintail(["cp", "-r", from, &target, "--existing", "skip", "--json"]).start())
        .collect();
    let both: Vec<_> = both.into_iter().map(pintail_testkit::process::Running::finish).collect();
    let owners = owners(&cloud, "race/");
    let told: Vec<Vec<Value>> = both.iter().map(pintail_testkit::output::Output::json_lines).collect();
    for (name, owner) in &owners {
        let to = format!("{target}{name}");
        let by: Vec<usize> =
            (0..2).filter(|who| texts(&told[*who], "copied", "to").contains(to.as_str())).collect();
        assert_eq!(by.len(), 1, "{name} is {owner}'s, and {by:?} copied it");
        assert_eq!(owner, ["one", "two"][by[0]], "{name}");
        // The other one says that it did not.
        let other = &told[1 - by[0]];
        let is_told = [("skipped", "what"), ("skipped", "to"), ("copy_failed", "to")];
        let is_told =
            is_told.into_iter().any(|(event, field)| texts(other, event, field).contains(to.as_str()));
        assert!(is_told, "{name}: {}", both[1 - by[0]].block());
    }
    for output in &both {
        let has_failed = output.json_lines().iter().any(|line| line["event"] == "copy_failed");
        assert_eq!(output.code(), Some(if has_failed { 3 } else { 0 }), "{}", output.block());
    }
    assert_eq!(cloud.sandbox().world().open_uploads(&bucket), 0);
}

/// One stops after it has looked, the other one writes, the first goes on: what it saw is not what is there.
///
/// behaviour: existing
#[test]
fn what_somebody_wrote_meanwhile_stays_and_is_told() {
    let cloud = cloud();
    let (env, bucket, sandbox) = (&cloud.env, cloud.bucket(), cloud.sandbox());
    let names = names();
    for whose in ["old", "one", "two"] {
        write(&env.work().join(whose), whose, &names);
    }
    for (number, (words, was_there)) in [
        (&["cp", "-r", "one/", "{}", "--existing", "skip"][..], false),
        (&["sync", "one/", "{}"], false),
        (&["sync", "one/", "{}", "--checksum"], true),
        (&["cp", "-r", "one/", "{}", "--existing", "checksum"], true),
    ]
    .into_iter()
    .enumerate()
    {
        let prefix = format!("meanwhile-{number}/");
        let target = format!("lab:{bucket}/{prefix}");
        if was_there {
            for target in [&target, &target.replace("meanwhile-", "rehearsal-")] {
                env.run(["cp", "-r", "old/", target]).succeeded();
            }
        }
        let words: Vec<String> = words.iter().map(|word| word.replace("{}", &target)).collect();
        // How many requests it makes before it writes.
        sandbox.recorder().clear();
        env.run(words.iter().map(|word| word.replace("meanwhile-", "rehearsal-"))).succeeded();
        let calls = sandbox.recorder().calls();
        let of_s3: Vec<_> = calls.iter().filter(|call| call.service == Service::S3).collect();
        let is_write = |operation: &str| operation.starts_with("Put") || operation.starts_with("Create");
        let first_write = of_s3.iter().position(|call| is_write(&call.operation)).expect("it writes") as u64;
        let moment = Moment { request: first_write + 1, phase: Phase::Begun };
        let killed = run_until(sandbox, env.pintail(&words), moment);
        assert!(killed.is_killed(), "{}", killed.output().block());
        let seen: Vec<(String, String)> =
            owners(&cloud, &prefix).into_iter().filter(|(_, owner)| owner == "one").collect();
        env.run(["cp", "-r", "two/", &target]).succeeded();
        let resumed = env.run(["transfers", "resume", "--json"]);
        let told = resumed.json_lines();
        assert!(
            told.iter().any(|line| line["event"] == "done"),
            "{words:?}: there was a plan already: {}",
            resumed.block()
        );
        // Who asked to skip what exists is told what was skipped; who asked to replace what he saw has failed.
        let (event, codes) =
            if words.contains(&"skip".to_owned()) { ("skipped", [0, 0]) } else { ("copy_failed", [1, 3]) };
        let code = resumed.code().expect("it ended");
        assert!(codes.contains(&code), "{words:?}: {}", resumed.block());
        let count = told.iter().filter(|line| line["event"] == event).count();
        // What was written before the kill may have come into the journal, or not.
        assert!((names.len() - seen.len()..=names.len()).contains(&count), "{words:?}: {}", resumed.block());
        assert_eq!(texts(&told, "copied", "to"), BTreeSet::new(), "{words:?}");
        for (name, owner) in owners(&cloud, &prefix) {
            assert_eq!(owner, "two", "{words:?}: {name}");
        }
        assert_eq!(sandbox.world().open_uploads(&bucket), 0, "{words:?}");
        let run = resumed.json_lines().pop().expect("a line")["run"].as_str().expect("a run").to_owned();
        if code != 0 {
            env.run(["transfers", "cancel", &run]).succeeded();
        }
        env.run(["transfers", "clean"]).succeeded();
        let left = env.run(["transfers", "ls", "--json"]).succeeded().json_lines();
        assert_eq!(left, Vec::<Value>::new(), "{words:?}: {}", resumed.block());
    }
}

/// Here as there: a file that appears in the target while the object is fetched is not written over.
///
/// behaviour: existing
#[test]
fn a_file_that_appears_meanwhile_stays() {
    let cloud = cloud();
    let (env, bucket, sandbox) = (&cloud.env, cloud.bucket(), cloud.sandbox());
    for (number, (size, phase)) in [
        (1000, Phase::Begun),
        (1000, Phase::Performed),
        (LARGE, Phase::InBody { per_mille: 500 }),
        (LARGE, Phase::Performed),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("appears-{number}");
        sandbox.world().put_object(&bucket, &key, bytes(size));
        let file = env.work().join(&key);
        let words = ["cp", &format!("lab:{bucket}/{key}"), &key, "--existing", "skip", "--json"];
        sandbox.moments().clear();
        env.run(words).succeeded();
        let requests = sandbox.moments().begun();
        fs::remove_file(&file).expect("it was copied");
        let appearing = file.clone();
        sandbox.moments().at(Moment { request: requests, phase }, move || {
            fs::write(appearing, "somebody's").expect("a file");
        });
        let output = env.run(words);
        assert!(sandbox.moments().is_reached(), "{size} {phase:?}");
        sandbox.moments().clear();
        assert_eq!(
            fs::read(&file).expect("it is there"),
            b"somebody's",
            "{size} {phase:?}: {}",
            output.block()
        );
        let copied = output.json_lines().iter().any(|line| line["event"] == "copied");
        assert!(!copied, "{size} {phase:?}: {}", output.block());
        let left: Vec<_> = crate::copying::partials(&env.work());
        if output.code() != Some(0) {
            let _ = env.run(["transfers", "ls"]).succeeded();
        }
        assert_eq!(left, Vec::<String>::new(), "{size} {phase:?}");
    }
}

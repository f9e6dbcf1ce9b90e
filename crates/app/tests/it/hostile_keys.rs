//! Hostile keys, black box: whatever a key says and whatever was planted in the target folder, nothing is written outside of it, each refusal
//! is told, and the rest goes on. `docs/behaviour.md`, section hostile-keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use pintail_sandbox::{Moment, Phase};
use pintail_testkit::names::Fate::{Barred, Refused, Written};
use pintail_testkit::names::{self, EMPTY_FOLDERS, FILE_AND_FOLDER, Trip};
use pintail_testkit::output::Output;
use pintail_testkit::trap::{Trap, contents};

use crate::cloud::Cloud;

fn evil(key: &str) -> String {
    format!("evil {key:?}")
}

/// Puts keys below a prefix and copies all of it into a folder.
fn copy_down(cloud: &Cloud, prefix: &str, keys: &[&str], target: &Path) -> Output {
    let bucket = cloud.bucket();
    for key in keys {
        assert!(cloud.sandbox().world().put_object(&bucket, &format!("{prefix}/{key}"), evil(key)));
    }
    let target = format!("{}/", target.display());
    cloud.env.run(["cp", "-r", &format!("lab:{bucket}/{prefix}/"), &target, "--json"])
}

fn refused_events(output: &Output) -> usize {
    output.json_lines().pop().map_or(0, |done| done["refused"].as_u64().unwrap_or_default() as usize)
}

/// behaviour: hostile-keys
#[test]
fn plain_hostile_keys_stay_in_the_target_or_are_refused() {
    let cloud = Cloud::signed_in();
    let trap = Trap::set();
    let target = trap.target().join("fresh");
    // A key has 1,024 bytes at most, the prefix among them.
    let all: Vec<(String, names::Fate)> = names::HOSTILE
        .iter()
        .map(|(key, fate)| ((*key).to_owned(), *fate))
        .chain(names::long())
        .filter(|(key, fate)| *fate != Barred && key.len() <= 1000)
        .collect();
    assert!(all.len() >= 100, "{}", all.len());
    let keys: Vec<&str> = all.iter().map(|(key, _)| key.as_str()).collect();
    let output = copy_down(&cloud, "plain", &keys, &target).exited(3);
    trap.is_untouched("a plain key");
    let mut refused = 0;
    let mut expected = BTreeMap::new();
    for (key, fate) in &all {
        match fate {
            Written => {
                expected.insert(target.join(key), evil(key));
            }
            // A key that ends in a slash stands for a folder.
            Refused(_) if key.ends_with('/') => {}
            Refused(_) | Barred => refused += 1,
        }
    }
    let found: BTreeMap<_, _> = contents(&target)
        .into_iter()
        .filter_map(|(path, shown)| Some((path, shown.strip_prefix("file: ")?.to_owned())))
        .collect();
    assert_eq!(found, expected);
    assert!(refused_events(&output) >= refused, "{refused} refusals are told: {}", output.block());
    // No key speaks to the terminal, neither told to a person nor in JSON.
    speaks_to_no_terminal(&output);
    let there = format!("lab:{}/plain/", cloud.bucket());
    speaks_to_no_terminal(&cloud.env.run(["cp", "-r", &there, "again/"]).exited(3));
    for listing in [&["ls", "-r", &there][..], &["ls", "-r", &there, "--json"]] {
        speaks_to_no_terminal(&cloud.env.run(listing).succeeded());
    }
}

/// Checks that nothing in the output acts on a terminal: no control character, none that turns the direction of text around or is not seen.
#[track_caller]
fn speaks_to_no_terminal(output: &Output) {
    let acts = |c: char| {
        (c.is_control() && !"\n\r\t".contains(c))
            || matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    for text in [&output.stdout, &output.stderr] {
        assert!(!text.chars().any(acts), "{text:?}");
    }
}

/// behaviour: hostile-keys
/// behaviour: output
#[test]
fn hostile_keys_are_synced_no_further_than_the_target() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    let all: Vec<(String, names::Fate)> = names::hostile().filter(|(key, _)| key.len() <= 1000).collect();
    assert!(all.len() >= 100, "{}", all.len());
    for (key, _) in &all {
        assert!(cloud.sandbox().world().put_object(&bucket, &format!("synced/{key}"), evil(key)));
    }
    let there = format!("lab:{bucket}/synced/");
    for more in [&[][..], &["--delete", "--max-delete", "100%", "--yes"], &["--checksum"]] {
        let trap = Trap::set();
        let target = trap.target();
        let words = ["sync", &there, target.to_str().expect("Unicode"), "--json"];
        let output = cloud.env.run(words.into_iter().chain(more.iter().copied()));
        trap.is_untouched(&format!("a sync with {more:?}"));
        assert_eq!(output.code(), Some(3), "{more:?}: {}", output.block());
        speaks_to_no_terminal(&output);
        let refused: BTreeSet<String> = output
            .json_lines()
            .iter()
            .filter(|line| line["event"] == "refused" || line["event"] == "copy_failed")
            .map(|line| {
                line["what"].as_str().or_else(|| line["from"].as_str()).expect("an address").to_owned()
            })
            .collect();
        for (key, fate) in &all {
            let is_told = refused.contains(&format!("{there}{key}"));
            let there = target.join(key);
            match fate {
                Written => {
                    let found = fs::read_to_string(&there).ok();
                    let is_written =
                        found == Some(evil(key)) && fs::symlink_metadata(&there).is_ok_and(|it| it.is_file());
                    // Of a file and a folder of one name only one can be there.
                    assert!(is_written || is_told, "{more:?} {key:?}: {found:?}");
                }
                Refused(_) if key.ends_with('/') => {}
                Refused(_) => assert!(is_told, "{more:?}: {key:?} is refused without a word"),
                Barred => {}
            }
        }
    }
}

/// What is refused is not deleted from where it was to be moved from.
///
/// behaviour: hostile-keys
#[test]
fn hostile_keys_are_moved_no_further_than_the_target() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    let all: Vec<(String, names::Fate)> =
        names::hostile().filter(|(key, fate)| key.len() <= 1000 && *fate != Barred).collect();
    for (key, _) in &all {
        assert!(cloud.sandbox().world().put_object(&bucket, &format!("moved/{key}"), evil(key)));
    }
    let trap = Trap::set();
    let target = format!("{}/", trap.target().display());
    let output = cloud.env.run(["mv", "-r", &format!("lab:{bucket}/moved/"), &target, "--json"]).exited(3);
    trap.is_untouched("a move");
    speaks_to_no_terminal(&output);
    let left = cloud.sandbox().world().keys(&bucket);
    for (key, fate) in &all {
        let is_left = left.contains(&format!("moved/{key}"));
        let is_here = fs::read_to_string(trap.target().join(key)).is_ok_and(|text| text == evil(key));
        match fate {
            Written => assert!(is_here && !is_left, "{key:?}: here {is_here}, there {is_left}"),
            Refused(_) | Barred => assert!(is_left, "{key:?} was refused and is gone"),
        }
    }
}

/// behaviour: hostile-keys
/// behaviour: verify
#[test]
fn nothing_is_proved_through_a_planted_link() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    // The same bytes as behind the links.
    for (number, key) in
        ["out/file", "deep/er/out/file", "file-out", "../outside/file", "here/plain"].into_iter().enumerate()
    {
        let text = if key == "here/plain" { "mine" } else { "theirs" };
        assert!(cloud.sandbox().world().put_object(&bucket, &format!("proof-{number}/{key}"), text));
        let trap = Trap::set();
        let there = format!("lab:{bucket}/proof-{number}/");
        let target = trap.target();
        let words = ["verify", &there, target.to_str().expect("Unicode"), "--json"];
        let output = cloud.env.run(words).exited(1);
        trap.is_untouched(key);
        let done = output.json_lines().pop().expect("a line");
        assert_eq!(done["equal"], false, "{key}: {done}");
        for proof in ["same_by_checksum", "same_by_reading", "same_by_size"] {
            assert_eq!(done[proof], 0, "{key}: {done}");
        }
    }
    for (key, _) in names::hostile().filter(|(key, _)| key.len() <= 1000) {
        assert!(cloud.sandbox().world().put_object(&bucket, &format!("proof/{key}"), evil(&key)));
    }
    let trap = Trap::set();
    let there = format!("lab:{bucket}/proof/");
    let target = trap.target();
    for more in [&[][..], &["--json"], &["--download", "--json"]] {
        let words = ["verify", &there, target.to_str().expect("Unicode")];
        let output = cloud.env.run(words.into_iter().chain(more.iter().copied())).exited(1);
        trap.is_untouched("a proof");
        speaks_to_no_terminal(&output);
    }
}

/// behaviour: hostile-keys
#[test]
fn planted_links_are_neither_followed_nor_obeyed() {
    let cloud = Cloud::signed_in();
    let barred = names::HOSTILE.iter().filter(|(_, fate)| *fate == Barred).map(|(key, _)| (*key, Barred));
    let over = names::OVER_LINKS.iter().map(|key| (*key, Written));
    for (number, (key, fate)) in barred.chain(over).enumerate() {
        let trap = Trap::set();
        let output = copy_down(&cloud, &format!("planted-{number}"), &[key, "good"], &trap.target());
        trap.is_untouched(&format!("{key:?}"));
        let good = fs::read_to_string(trap.target().join("good"));
        assert_eq!(good.ok(), Some(evil("good")), "{key:?}: the rest goes on: {}", output.block());
        let there = trap.target().join(key);
        let is_file = fs::symlink_metadata(&there).is_ok_and(|data| data.is_file());
        let is_written = is_file && fs::read_to_string(&there).is_ok_and(|text| text == evil(key));
        assert_eq!(is_written, fate == Written, "{key:?}: {}", output.block());
        assert_eq!(output.code() == Some(0), fate == Written, "{key:?}: {}", output.block());
    }
    // All in one run.
    let trap = Trap::set();
    let keys: Vec<String> = names::hostile().map(|(key, _)| key).filter(|key| key.len() <= 1000).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let output = copy_down(&cloud, "together", &keys, &trap.target());
    assert!([Some(1), Some(3)].contains(&output.code()), "{}", output.block());
    trap.is_untouched("all of them");
}

/// behaviour: hostile-keys
#[test]
fn of_a_file_and_a_folder_of_one_name_nothing_escapes() {
    let cloud = Cloud::signed_in();
    for (number, (file, below)) in FILE_AND_FOLDER.iter().enumerate() {
        let trap = Trap::set();
        let target = trap.target().join("fresh");
        let output = copy_down(&cloud, &format!("pair-{number}"), &[file, below, "good"], &target);
        trap.is_untouched(&format!("{file:?} and {below:?}"));
        assert_ne!(output.code(), Some(0), "{file:?} and {below:?} cannot both be there");
        assert_eq!(fs::read_to_string(target.join("good")).ok(), Some(evil("good")));
        let one = fs::read_to_string(target.join(file)).ok();
        let other = fs::read_to_string(target.join(below)).ok();
        assert!(one.is_some() != other.is_some(), "one of {file:?} and {below:?}: {one:?} {other:?}");
    }
}

/// A folder that was checked is exchanged for a link while the bytes arrive.
///
/// behaviour: hostile-keys
#[test]
fn a_link_that_is_swapped_in_meanwhile_leads_nowhere() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    let world = cloud.sandbox().world();
    for (number, size_bytes) in [100_000, 20 << 20].into_iter().enumerate() {
        world.put_many(&bucket, [(format!("swap-{number}/sub/deep/file"), size_bytes)]);
        let download = |target: &Path| {
            let target = format!("{}/", target.display());
            cloud.env.run(["cp", "-r", &format!("lab:{bucket}/swap-{number}/"), &target])
        };
        let undisturbed = Trap::set();
        cloud.sandbox().moments().clear();
        download(&undisturbed.target()).succeeded();
        let requests = cloud.sandbox().moments().begun();
        for request in 1..=requests {
            for phase in [Phase::Begun, Phase::InBody { per_mille: 500 }, Phase::Performed] {
                let trap = Trap::set();
                fs::create_dir_all(trap.target().join("sub/deep")).expect("folders");
                let (target, outside) = (trap.target(), trap.outside_folder());
                cloud.sandbox().moments().at(Moment { request, phase }, move || {
                    fs::rename(target.join("sub"), target.join("sub-before")).expect("it is there");
                    symlink(outside, target.join("sub")).expect("a link");
                });
                let output = download(&trap.target());
                assert!(cloud.sandbox().moments().is_reached(), "{request} {phase:?}");
                trap.is_untouched(&format!("a download with a swap at {request} {phase:?}"));
                assert!([Some(0), Some(1), Some(3)].contains(&output.code()), "{}", output.block());
            }
        }
    }
    cloud.sandbox().moments().clear();
}

/// Odd names of somebody who means no harm: they come back as they were, empty ones too, or are refused by name.
///
/// behaviour: hostile-keys
#[test]
fn odd_names_make_the_round_trip_or_are_refused() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let odd = names::odd();
    for (number, (path, _)) in odd.iter().enumerate() {
        let file = env.work().join("odd").join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
        fs::write(file, names::odd_content(number, path)).expect("a file");
    }
    for path in EMPTY_FOLDERS {
        fs::create_dir_all(env.work().join("odd").join(path)).expect("folders");
    }
    let told = |output: &Output, event: &str| -> BTreeSet<String> {
        let lines = output.json_lines();
        let told = lines.iter().filter(|line| line["event"] == event);
        told.map(|line| line["what"].as_str().expect("a place").to_owned()).collect()
    };
    let refusals = |output: &Output| told(output, "refused");
    for words in [&["cp", "-r", "--empty-folders"][..], &["sync", "--empty-folders"]] {
        let (prefix, back) = (format!("odd-{}/", words[0]), format!("back-{}/", words[0]));
        let there = format!("lab:{bucket}/{prefix}");
        let run = |from: &str, to: &str| env.run(words.iter().copied().chain([from, to, "--json"]));
        let up = run("odd/", &there).exited(3);
        let (refused, skipped) = (refusals(&up), told(&up, "skipped"));
        speaks_to_no_terminal(&up);
        let keys = cloud.sandbox().world().keys(&bucket);
        let down = run(&there, &back).succeeded();
        assert_eq!(refusals(&down), BTreeSet::new());
        let mut files = 0;
        for (number, (path, trip)) in odd.iter().enumerate() {
            let found = fs::read_to_string(env.work().join(&back).join(path)).ok();
            let is_there = keys.contains(&format!("{prefix}{path}"));
            let is_told = refused.contains(&format!("odd/{path}"));
            match trip {
                // As our own, from a run that is at work or was stopped: named, and no failure.
                Trip::Refused("unfinished") => {
                    let is_told = skipped.contains(&format!("odd/{path}"));
                    assert!(!is_there && found.is_none() && is_told, "{path:?}: {skipped:?}");
                }
                Trip::Round => {
                    files += 1;
                    assert!(is_there, "{path:?} is its own key");
                    assert_eq!(found, Some(names::odd_content(number, path)), "{path:?}");
                }
                Trip::Refused(_) => assert!(!is_there && found.is_none() && is_told, "{path:?}: {refused:?}"),
            }
        }
        for path in EMPTY_FOLDERS {
            assert!(env.work().join(&back).join(path).is_dir(), "{path:?}");
        }
        let found = contents(&env.work().join(&back));
        assert_eq!(found.values().filter(|shown| shown.starts_with("file: ")).count(), files, "and no other");
    }
}

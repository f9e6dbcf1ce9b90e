//! Symbolic links and empty folders: `docs/behaviour.md`, sections transfer-links and cp.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use pintail_testkit::output::Output;
use serde_json::Value;

use crate::cloud::Cloud;

/// A folder with a link of every kind, and the folder that one of them leads out to.
fn tree(work: &Path) {
    fs::create_dir_all(work.join("tree/sub")).expect("folders");
    fs::create_dir_all(work.join("outside")).expect("a folder");
    fs::write(work.join("outside/secret"), "secret").expect("a file");
    fs::write(work.join("tree/real"), "real").expect("a file");
    fs::write(work.join("tree/sub/deep"), "deep").expect("a file");
    for (link, to) in LINKS {
        symlink(to, work.join("tree").join(link)).expect("a link");
    }
}

/// Links of a file, a folder, nothing, a folder above, and out of the tree.
const LINKS: [(&str, &str); 5] =
    [("broken", "nowhere"), ("file", "real"), ("folder", "sub"), ("out", "../outside"), ("sub/loop", "..")];

fn keys(cloud: &Cloud, prefix: &str) -> BTreeSet<String> {
    let keys = cloud.sandbox().world().keys(&cloud.bucket());
    keys.iter().filter_map(|key| key.strip_prefix(prefix).map(str::to_owned)).collect()
}

fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// What is told by an event, by its names below the tree.
fn told(output: &Output, event: &str) -> BTreeMap<String, String> {
    let lines = output.json_lines();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let told = lines.iter().filter(|line| line["event"] == event);
    told.map(|line| (text(&line["what"]).trim_start_matches("tree/").to_owned(), text(&line["why"])))
        .collect()
}

fn last(output: &Output) -> Value {
    output.json_lines().pop().expect("a line")
}

const COMMANDS: [&[&str]; 3] = [&["cp", "-r"], &["sync"], &["sync", "--two-way"]];

/// behaviour: transfer-links
#[test]
fn links_are_left_out_and_named() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&env.work());
    for (number, words) in COMMANDS.into_iter().enumerate() {
        for explicit in [&[][..], &["--links", "skip"]] {
            let prefix = format!("skip-{number}-{}/", explicit.len());
            let target = format!("lab:{bucket}/{prefix}");
            let all =
                words.iter().copied().chain(["tree/", &target, "--json"]).chain(explicit.iter().copied());
            let up = env.run(all).succeeded();
            assert_eq!(keys(&cloud, &prefix), named(["real", "sub/deep"]), "{words:?}");
            let skipped = told(&up, "skipped");
            assert_eq!(skipped.keys().cloned().collect::<BTreeSet<_>>(), named(LINKS.map(|(link, _)| link)));
            assert!(skipped.values().all(|why| why == "it is a symbolic link"), "{skipped:?}");
        }
    }
    // What the target has under the name of a link is not missing at the source.
    cloud.sandbox().world().put_object(&bucket, "skip-1-0/folder/kept", "kept");
    cloud.sandbox().world().put_object(&bucket, "skip-1-0/gone", "gone");
    let target = format!("lab:{bucket}/skip-1-0/");
    env.run(["sync", "tree", &target, "--delete"]).succeeded();
    assert_eq!(keys(&cloud, "skip-1-0/"), named(["folder/kept", "real", "sub/deep"]));
    // A link that is moved over stays.
    env.run(["mv", "-r", "tree/", &format!("lab:{bucket}/moved/")]).succeeded();
    assert_eq!(fs::read_link(env.work().join("tree/file")).expect("it stayed"), Path::new("real"));
}

/// behaviour: transfer-links
#[test]
fn what_links_lead_to_is_taken_and_loops_are_refused_by_name() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    tree(&env.work());
    for (number, words) in COMMANDS.into_iter().enumerate() {
        let prefix = format!("follow-{number}/");
        let target = format!("lab:{bucket}/{prefix}");
        let all = words.iter().copied().chain(["tree/", &target, "--json", "--links", "follow"]);
        let up = env.run(all).exited(3);
        let expected = named(["file", "folder/deep", "out/secret", "real", "sub/deep"]);
        assert_eq!(keys(&cloud, &prefix), expected, "{words:?}");
        assert_eq!(cloud.object(&bucket, &format!("{prefix}file")).expect("it"), "real");
        let refused = told(&up, "refused");
        assert_eq!(
            refused.keys().cloned().collect::<BTreeSet<_>>(),
            named(["broken", "folder/loop", "sub/loop"]),
            "{words:?}"
        );
        assert_eq!(refused["sub/loop"], "it leads back to a folder above");
        assert_eq!(last(&up)["refused"], 3);
    }
    // What cannot be read says nothing about what is gone: nothing is deleted then.
    cloud.sandbox().world().put_object(&bucket, "follow-1/old", "old");
    let target = format!("lab:{bucket}/follow-1/");
    let again = ["sync", "tree", &target, "--links", "follow", "--delete"];
    env.run(again).exited(1);
    fs::remove_file(env.work().join("tree/broken")).expect("it was there");
    let done = last(&env.run(again.into_iter().chain(["--json"])).exited(3));
    assert_eq!(
        (&done["copied"], &done["deleted"], &done["unchanged"]),
        (&0.into(), &1.into(), &5.into()),
        "{done}"
    );
}

/// behaviour: transfer-links
#[test]
fn links_go_up_and_come_down_as_links() {
    let cloud = Cloud::signed_in();
    let (env, bucket, work) = (&cloud.env, cloud.bucket(), cloud.env.work());
    tree(&work);
    let ways: [(&str, &[&str], &[&str]); 3] = [
        ("cp", &["cp", "-r"], &["cp", "-r"]),
        ("sync", &["sync"], &["sync"]),
        ("both", &["sync", "--two-way"], &["sync", "--two-way"]),
    ];
    for (name, up, down) in ways {
        let there = format!("lab:{bucket}/keep-{name}/");
        let run = |words: &[&str], from: &str, to: &str| {
            let all = words.iter().copied().chain([from, to, "--links", "keep", "--json"]);
            last(&env.run(all).succeeded())
        };
        assert_eq!(run(up, "tree/", &there)["copied"], 7, "{name}");
        for (link, to) in LINKS {
            let object = cloud.sandbox().world().ledger_below(&bucket, &format!("keep-{name}/{link}"));
            let object = &object.objects[&format!("keep-{name}/{link}")];
            assert_eq!(object.size_bytes, to.len() as u64, "{link}");
            assert_eq!(object.metadata["mode"], 0o120_777.to_string(), "{link}");
        }
        let back = format!("back-{name}");
        assert_eq!(run(down, &there, &back)["copied"], 7, "{name}");
        for (link, to) in LINKS {
            assert_eq!(fs::read_link(work.join(&back).join(link)).expect("a link"), Path::new(to), "{name}");
        }
        assert_eq!(fs::read(work.join(&back).join("sub/deep")).expect("a file"), b"deep");
        // Again nothing has to be done, either way.
        if name != "cp" {
            for (from, to) in [("tree", there.as_str()), (&there, &back)] {
                let again = run(up, from, to);
                assert_eq!((&again["copied"], &again["deleted"]), (&0.into(), &0.into()), "{from}: {again}");
            }
        }
        // Whoever does not ask for links gets files with what they say.
        let plain = format!("plain-{name}");
        env.run(["cp", "-r", &there, &plain]).succeeded();
        assert_eq!(fs::read_to_string(work.join(&plain).join("out")).expect("a file"), "../outside");
        assert!(!fs::symlink_metadata(work.join(&plain).join("out")).expect("it").is_symlink());
    }
    // One that is changed is sent again and comes down again, and one that is gone goes.
    fs::remove_file(work.join("tree/file")).expect("it was there");
    symlink("sub/deep", work.join("tree/file")).expect("a link");
    fs::remove_file(work.join("tree/broken")).expect("it was there");
    let there = format!("lab:{bucket}/keep-sync/");
    for (from, to) in [("tree", there.as_str()), (&there, "back-sync")] {
        let all = ["sync", from, to, "--links", "keep", "--delete", "--json"];
        let changed = last(&env.run(all).succeeded());
        assert_eq!((&changed["copied"], &changed["deleted"]), (&1.into(), &1.into()), "{changed}");
    }
    assert_eq!(cloud.object(&bucket, "keep-sync/file").expect("it"), "sub/deep");
    assert_eq!(fs::read_link(work.join("back-sync/file")).expect("a link"), Path::new("sub/deep"));
    assert!(fs::symlink_metadata(work.join("back-sync/broken")).is_err());
    env.run(["mv", "-r", "tree/", &format!("lab:{bucket}/moved/"), "--links", "keep"]).succeeded();
    assert!(fs::symlink_metadata(work.join("tree/out")).is_err());
    assert_eq!(fs::read(work.join("outside/secret")).expect("nobody followed it"), b"secret");
    env.run(["mv", "-r", &format!("lab:{bucket}/moved/"), "tree", "--links", "keep"]).succeeded();
    assert_eq!(fs::read_link(work.join("tree/out")).expect("a link"), Path::new("../outside"));
}

/// behaviour: transfer-links
/// behaviour: sync-both-ways
#[test]
fn a_link_and_its_object_are_no_conflict_where_nothing_is_remembered() {
    let cloud = Cloud::signed_in();
    let (env, bucket, work) = (&cloud.env, cloud.bucket(), cloud.env.work());
    tree(&work);
    let there = format!("lab:{bucket}/known/");
    env.run(["cp", "-r", "tree/", &there, "--links", "keep"]).succeeded();
    // What both have is the same, whoever brought it there.
    let both = ["sync", "--two-way", "tree", &there, "--links", "keep", "--json"];
    let first = last(&env.run(both).succeeded());
    assert_eq!(
        (&first["copied"], &first["others"], &first["unchanged"]),
        (&0.into(), &0.into(), &7.into()),
        "{first}"
    );
    // A link that both changed otherwise is kept twice, as a file is.
    fs::remove_file(work.join("tree/file")).expect("it was there");
    symlink("here", work.join("tree/file")).expect("a link");
    fs::create_dir(work.join("other")).expect("a folder");
    symlink("over there", work.join("other/file")).expect("a link");
    env.run(["cp", "-r", "other/", &there, "--links", "keep"]).succeeded();
    env.run(both).succeeded();
    let mut found: Vec<String> = fs::read_dir(work.join("tree"))
        .expect("a folder")
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("file"))
        .map(|entry| fs::read_link(entry.path()).expect("a link").to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, ["here", "over there"]);
    let again = last(&env.run(both).succeeded());
    assert_eq!((&again["copied"], &again["unchanged"]), (&0.into(), &8.into()), "{again}");
}

/// behaviour: transfer-links
#[test]
fn a_link_that_is_named_is_taken_as_was_asked() {
    let cloud = Cloud::signed_in();
    let (env, bucket, work) = (&cloud.env, cloud.bucket(), cloud.env.work());
    tree(&work);
    let there = format!("lab:{bucket}/one/");
    for (link, to) in LINKS {
        let name = link.trim_start_matches("sub/");
        env.run(["cp", &format!("tree/{link}"), &there, "--links", "keep"]).succeeded();
        assert_eq!(cloud.object(&bucket, &format!("one/{name}")).expect("it"), to, "{link}");
    }
    // Without it, what the link leads to is meant.
    env.run(["cp", "tree/file", &there]).succeeded();
    assert_eq!(cloud.object(&bucket, "one/file").expect("it"), "real");
    env.run(["cp", "tree/folder", &there]).exited(2);
    env.run(["cp", "tree/broken", &there]).exited(6);
    // With a slash at its end the folder.
    env.run(["cp", "-r", "tree/folder/", &there, "--links", "keep"]).succeeded();
    assert_eq!(cloud.object(&bucket, "one/deep").expect("it"), "deep");
    env.run(["mv", "tree/out", &there, "--links", "keep"]).succeeded();
    assert!(fs::symlink_metadata(work.join("tree/out")).is_err() && work.join("outside/secret").exists());
}

/// behaviour: transfer-links
#[test]
fn nothing_is_written_through_a_link_that_came_down() {
    let cloud = Cloud::signed_in();
    let (env, bucket, work) = (&cloud.env, cloud.bucket(), cloud.env.work());
    tree(&work);
    let there = format!("lab:{bucket}/trap/");
    // A link to the outside, and a file that is to be written below it, in either order of their names.
    env.run(["cp", "tree/out", &format!("{there}a"), "--links", "keep"]).succeeded();
    env.run(["cp", "tree/out", &format!("{there}b"), "--links", "keep"]).succeeded();
    for key in ["a/secret", "b/secret", "b/new"] {
        cloud.sandbox().world().put_object(&bucket, &format!("trap/{key}"), "evil");
    }
    for (number, words) in [&["cp", "-r"][..], &["sync"], &["sync", "--delete"]].into_iter().enumerate() {
        for _ in 0..2 {
            let to = format!("trapped-{number}");
            let all = words.iter().copied().chain([there.as_str(), &to, "--links", "keep"]);
            let down = env.run(all);
            assert!([Some(1), Some(3)].contains(&down.code()), "{}", down.block());
            assert_eq!(fs::read_dir(work.join("outside")).expect("a folder").count(), 1);
            assert_eq!(fs::read(work.join("outside/secret")).expect("a file"), b"secret");
        }
    }
}

/// Folders with nothing in them, at each depth.
fn folders(work: &Path) {
    for folder in ["hollow/empty", "hollow/deep/er/empty", "hollow/full"] {
        fs::create_dir_all(work.join(folder)).expect("folders");
    }
    fs::write(work.join("hollow/full/file"), "x").expect("a file");
}

/// behaviour: cp
#[test]
fn empty_folders_go_along_where_they_are_asked_for() {
    let cloud = Cloud::signed_in();
    let (env, bucket, work) = (&cloud.env, cloud.bucket(), cloud.env.work());
    folders(&work);
    let with = ["deep/er/empty/", "empty/", "full/file"];
    for (number, words) in COMMANDS.into_iter().enumerate() {
        let bare = format!("bare-{number}/");
        let target = format!("lab:{bucket}/{bare}");
        env.run(words.iter().copied().chain(["hollow/", &target])).succeeded();
        assert_eq!(keys(&cloud, &bare), named(["full/file"]), "{words:?}");
        let prefix = format!("with-{number}/");
        let target = format!("lab:{bucket}/{prefix}");
        let run = |from: &str, to: &str| {
            let all = words.iter().copied().chain([from, to, "--empty-folders", "--json"]);
            last(&env.run(all).succeeded())
        };
        let first = run("hollow/", &target);
        assert_eq!((&first["copied"], &first["others"]), (&1.into(), &2.into()), "{words:?}: {first}");
        assert_eq!(keys(&cloud, &prefix), named(with), "{words:?}");
        let back = format!("back-{number}");
        run(&target, &back);
        for folder in ["empty", "deep/er/empty", "full"] {
            assert!(work.join(&back).join(folder).is_dir(), "{words:?}: {folder}");
        }
        if words[0] == "sync" {
            for (from, to) in [("hollow", target.as_str()), (&target, &back)] {
                let again = run(from, to);
                assert_eq!((&again["copied"], &again["others"]), (&0.into(), &0.into()), "{from}: {again}");
            }
        }
    }
}

/// behaviour: cp
#[test]
fn a_mirror_follows_empty_folders_that_come_and_go() {
    let cloud = Cloud::signed_in();
    let (env, bucket, work) = (&cloud.env, cloud.bucket(), cloud.env.work());
    folders(&work);
    let target = format!("lab:{bucket}/mirror/");
    let up = ["sync", "hollow", &target, "--empty-folders", "--delete", "--max-delete", "100%", "--json"];
    let down = ["sync", &target, "back", "--empty-folders", "--delete", "--max-delete", "100%", "--json"];
    env.run(up).succeeded();
    env.run(down).succeeded();
    // One goes, one is filled, one is emptied.
    fs::remove_dir(work.join("hollow/empty")).expect("it was empty");
    fs::write(work.join("hollow/deep/er/empty/now"), "x").expect("a file");
    fs::remove_file(work.join("hollow/full/file")).expect("it was there");
    env.run(up).succeeded();
    let there = keys(&cloud, "mirror/");
    assert!(there.contains("deep/er/empty/now") && there.contains("full/"), "{there:?}");
    assert!(!there.contains("empty/") && !there.contains("full/file"), "{there:?}");
    env.run(down).succeeded();
    assert!(!work.join("back/empty").exists());
    assert!(
        work.join("back/full").is_dir() && fs::read_dir(work.join("back/full")).expect("it").next().is_none()
    );
    assert_eq!(fs::read(work.join("back/deep/er/empty/now")).expect("a file"), b"x");
    for again in [up, down] {
        let done = last(&env.run(again).succeeded());
        let nothing = (&done["copied"], &done["deleted"], &done["others"]);
        assert_eq!(nothing, (&0.into(), &0.into(), &0.into()), "{done}");
    }
}

//! What a list of names and ignore files leave in, and what is told of it: `docs/behaviour.md`, sections filters and verify.

use std::fs;
use std::path::Path;

use pintail_testkit::output::Output;
use serde_json::Value;

use crate::cloud::Cloud;

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn last(output: &Output) -> Value {
    output.json_lines().pop().expect("a line")
}

fn missing(output: &Output) -> Vec<String> {
    let lines = output.json_lines();
    let missing = lines.iter().filter(|line| line["event"] == "missing");
    missing.map(|line| line["name"].as_str().expect("a name").to_owned()).collect()
}

fn below(cloud: &Cloud, prefix: &str) -> Vec<String> {
    let keys = cloud.sandbox().world().keys(&cloud.bucket());
    keys.iter().filter_map(|key| key.strip_prefix(prefix).map(str::to_owned)).collect()
}

/// behaviour: filters
#[test]
fn names_of_a_list_that_are_nowhere_are_told() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let work = env.work();
    for name in ["a", "sub/b", "#c"] {
        write(&work.join("tree").join(name), name);
    }
    let there = |name: &str| format!("lab:{bucket}/{name}/");
    for (list, text) in [
        ("names", "# a line for people\na\n./#c\ngone\nsub/gone too\n"),
        ("folders", "a\nsub/\nno-such-folder/\ngone\n"),
        ("wrong", "gone\nlost\n"),
        ("right", "a\nsub/\n"),
    ] {
        fs::write(work.join(list), text).expect("a list");
    }
    let list = |command: &[&str], name: &str| {
        env.run(command.iter().chain(&["--files-from", name, "--json"]).copied())
    };
    // Out of a folder.
    let some = list(&["cp", "-r", "tree/", &there("up")], "names").exited(3);
    assert_eq!(missing(&some), ["gone", "sub/gone too"]);
    assert_eq!((&last(&some)["copied"], &last(&some)["missing"]), (&2.into(), &2.into()));
    assert_eq!(below(&cloud, "up/"), ["#c", "a"]);
    let said = env.run(["cp", "-r", "tree/", &there("up"), "--files-from", "names"]).exited(3).stderr;
    assert!(said.contains("missing: gone") && said.contains("2 missing"), "{said}");
    // Out of a bucket, by single looks and by a list.
    list(&["cp", "-r", "tree/", &there("from")], "right").succeeded();
    let looked = list(&["cp", "-r", &there("from"), "looked/"], "names").exited(3);
    assert_eq!(missing(&looked), ["#c", "gone", "sub/gone too"]);
    let listed = list(&["cp", "-r", &there("from"), "listed/"], "folders").exited(3);
    assert_eq!(missing(&listed), ["gone", "no-such-folder/"]);
    // A folder that only the target has is no source.
    fs::create_dir_all(work.join("listed/no-such-folder")).expect("a folder");
    let listed = list(&["cp", "-r", &there("from"), "listed/"], "folders").exited(3);
    assert_eq!(missing(&listed), ["gone", "no-such-folder/"]);
    // What an ignore file leaves out with its folder is not missing.
    write(&work.join("built/.gitignore"), "out/\n");
    write(&work.join("built/out/b"), "b");
    write(&work.join("built/a"), "a");
    fs::write(work.join("ignored"), "a\nout/b\n").expect("a list");
    let ignored = list(&["cp", "-r", "built/", &there("built"), "--gitignore"], "ignored").succeeded();
    assert_eq!((missing(&ignored), below(&cloud, "built/")), (Vec::new(), vec!["a".to_owned()]));
    // A second time it is there already, and what is missing still is.
    list(&["cp", "-r", &there("from"), "listed/", "--existing", "skip"], "folders").exited(3);
    let nothing = list(&["cp", "-r", "tree/", &there("up")], "wrong").exited(6);
    assert_eq!(missing(&nothing), ["gone", "lost"]);
    let dry = list(&["cp", "-r", "tree/", &there("up"), "--dry-run"], "names");
    assert_eq!(missing(&dry.succeeded()), ["gone", "sub/gone too"]);
    let moved = list(&["mv", &there("from"), &there("to"), "-r"], "folders").exited(3);
    assert_eq!((missing(&moved).len(), below(&cloud, "to/")), (2, vec!["a".to_owned(), "sub/b".to_owned()]));
    // A sync asks for names that are on neither side: one that is gone at the source is deleted.
    write(&work.join("tree/lost"), "x");
    list(&["sync", "tree", &there("both")], "wrong").exited(3);
    fs::remove_file(work.join("tree/lost")).expect("it was there");
    let gone = list(&["sync", "tree", &there("both"), "--delete", "--max-delete", "100%"], "wrong").exited(3);
    assert_eq!((missing(&gone), below(&cloud, "both/").len()), (vec!["gone".to_owned()], 0));
    // A part of the work tells of its own names.
    let shards = ["1/2", "2/2"]
        .map(|shard| missing(&list(&["cp", "-r", "tree/", &there("parts"), "--shard", shard], "names")));
    assert_eq!(shards.iter().map(Vec::len).sum::<usize>(), 2, "{shards:?}");
    // What a filter leaves out is not missing, and what is to be deleted may be gone.
    assert_eq!(
        missing(&list(&["cp", "-r", "tree/", &there("less"), "--exclude", "a"], "right").succeeded()).len(),
        0
    );
    list(&["rm", "-r", &there("up")], "names").succeeded();
}

/// behaviour: verify
#[test]
fn what_ignore_files_leave_out_is_not_compared() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let work = env.work();
    for (name, text) in [
        ("tree/.gitignore", "*.log\nbuilt/\n"),
        ("tree/a", "a"),
        ("tree/a.log", "left out"),
        ("tree/built/b", "left out"),
        ("tree/sub/.gitignore", "!kept.log\nscratch\n"),
        ("tree/sub/kept.log", "kept"),
        ("tree/sub/other.log", "left out"),
        ("tree/sub/scratch", "left out"),
        ("tree/scratch", "kept"),
    ] {
        write(&work.join(name), text);
    }
    let there = format!("lab:{bucket}/there");
    env.run(["sync", "tree", &there, "--gitignore"]).succeeded();
    // What was left out here does not count there either.
    cloud.sandbox().world().put_object(&bucket, "there/sub/elsewhere.log", "x");
    for (left, right) in [("tree", there.as_str()), (there.as_str(), "tree")] {
        for how in [&["--gitignore"][..], &["--ignore-file", ".gitignore"]] {
            let same = env.run(["verify", left, right, "--json"].iter().chain(how).copied()).succeeded();
            assert_eq!(last(&same)["same_by_checksum"], 5, "{}", same.stdout);
        }
        env.run(["verify", left, right]).exited(1);
    }
    write(&work.join("tree/scratch"), "changed");
    env.run(["verify", "tree", &there, "--gitignore"]).exited(1);
    write(&work.join("tree/.gitignore"), "[z-a]\n");
    env.run(["verify", "tree", &there, "--gitignore"]).exited(2);
}

//! Copies, mirrors and deletions.

use std::fs;

use pintail_store::Operation;
use pintail_transfer::filter::NameList;
use pintail_transfer::local::Links;
use pintail_transfer::local::walk::Folders;
use pintail_transfer::name::Platform;
use pintail_transfer::plan::Place;
use pintail_transfer::policy::mirror::{DeleteLimit, DeleteRefusal, Extra};
use pintail_transfer::policy::{Comparison, Existing, Guard, Means};
use pintail_transfer::prepare::{Answer, PrepareError, What};
use pintail_transfer::site::Site;

use crate::stage::{Stage, lines, name};

fn one(from: &str, to: &str) -> What {
    What::One { name: name(from), to: name(to) }
}

#[test]
fn a_copy_over_whatever_is_there_lists_the_source_alone() {
    let stage = Stage::new();
    stage.file("a", "1", 0);
    stage.file("b/c", "22", 0);
    let up = stage.copy(&[stage.up()]).unwrap();
    assert_eq!(lines(&up.plan), ["upload a", "upload b/c"]);
    assert_eq!((up.seen.left, up.plan.totals().up_bytes, stage.calls(Operation::List)), (2, 3, 0));
    stage.object("p/x", "1");
    stage.object("p/y/", "");
    stage.object("q", "1");
    let down = stage.copy(&[stage.down()]).unwrap();
    assert_eq!(lines(&down.plan), ["download x", "skip placeholder y/"]);
    assert_eq!((down.seen.pages, down.plan.totals().requests.writes), (1, 1));
    let within = Stage::job(stage.remote("p/"), stage.remote("r/"), What::Tree);
    assert_eq!(lines(&stage.copy(&[within]).unwrap().plan), ["copywithin x", "copywithin y/"]);
    let (mut place, site) = stage.remote("r/");
    if let Place::Remote { bookmark, .. } = &mut place {
        *bookmark = "other".into();
    }
    let through = Stage::job(stage.remote("p/"), (place, site), What::Tree);
    assert_eq!(lines(&stage.copy(&[through]).unwrap().plan), ["copythrough x", "copythrough y/"]);
}

#[test]
fn what_exists_is_treated_as_was_asked() {
    for (existing, expected) in [
        (Existing::Overwrite, &["upload new", "upload older", "upload same", "upload sized"][..]),
        (Existing::Skip, &["upload new", "skip exists older", "skip exists same", "skip exists sized"]),
        (Existing::Newer, &["upload new", "upload older", "skip notnewer same", "upload sized"]),
        (Existing::Size, &["upload new", "upload sized"]),
        (Existing::Checksum, &["upload new", "upload older", "upload sized"]),
        (
            Existing::Rename,
            &["upload new", "upload older > older (3)", "upload same > same (2)", "upload sized > sized (2)"],
        ),
        (Existing::Ask, &["upload new", "upload older", "skip exists same", "upload sized > sized (2)"]),
    ] {
        let mut stage = Stage::new();
        stage.at(-100);
        for (key, content) in [("older", "abc"), ("same", "abc"), ("sized", "abc"), ("older (2)", "x")] {
            stage.object(&format!("p/{key}"), content);
        }
        for (file, content, seconds) in
            [("new", "abc", 0), ("older", "xyz", 0), ("same", "abc", -200), ("sized", "abcd", 0)]
        {
            stage.file(file, content, seconds);
        }
        stage.rules.existing = existing;
        *stage.answers.get_mut().unwrap() = vec![Answer::Rename, Answer::Skip, Answer::Overwrite];
        let plan = stage.copy(&[stage.up()]).unwrap();
        assert_eq!(lines(&plan.plan), expected, "{existing:?}");
        let same = u64::from(existing == Existing::Size) * 2 + u64::from(existing == Existing::Checksum);
        assert_eq!(plan.seen.same, same, "{existing:?}");
        if existing == Existing::Ask {
            stage.answers = std::sync::Mutex::new(vec![Answer::Abort]);
            assert!(matches!(stage.copy(&[stage.up()]), Err(PrepareError::Aborted)));
        }
    }
}

// behaviour: sync
#[test]
fn a_second_sync_of_an_unchanged_tree_lists_and_does_nothing_else() {
    let stage = Stage::new();
    for number in 0..50 {
        stage.file(&format!("d{}/f{number}", number % 7), "content", -1000);
        stage.object(&format!("p/d{}/f{number}", number % 7), "content");
    }
    let up = stage.mirror(&stage.up(), Extra::Delete).unwrap();
    assert!(up.plan.is_empty() && up.seen.same == 50);
    // Downloads have the time of the object, or the one that was kept with it.
    for number in 0..50 {
        stage.file(&format!("d{}/f{number}", number % 7), "content", 0);
    }
    let down = stage.mirror(&stage.down(), Extra::Delete).unwrap();
    assert!(down.plan.is_empty() && down.seen.same == 50);
    assert_eq!((stage.calls(Operation::List), stage.calls(Operation::Head)), (2, 0));
}

#[test]
fn a_kept_time_is_asked_for_where_the_listing_cannot_tell() {
    let stage = Stage::new();
    stage.object_with("p/copied", "content", Some(-500));
    stage.object_with("p/newer", "content", Some(-400));
    stage.object("p/plain", "content");
    for file in ["copied", "newer", "plain"] {
        stage.file(file, "content", -500);
    }
    let down = stage.mirror(&stage.down(), Extra::Keep).unwrap();
    assert_eq!(lines(&down.plan), ["download newer", "download plain"]);
    assert_eq!((down.seen.looks, stage.calls(Operation::Head)), (3, 3));
}

#[test]
fn a_mirror_deletes_what_the_source_lacks_within_its_limit() {
    let stage = Stage::new();
    for key in ["p/a", "p/b", "p/c", "p/d/e", "q"] {
        stage.object(key, "x");
    }
    stage.file("a", "x", -10);
    let keep = stage.mirror(&stage.up(), Extra::Keep).unwrap();
    assert!(keep.plan.is_empty());
    assert_eq!((keep.seen.same, keep.seen.extra), (1, 3));
    let plan = stage.mirror(&stage.up(), Extra::Delete).unwrap();
    assert_eq!(lines(&plan.plan), ["delete(right) b", "delete(right) c", "delete(right) d/e"]);
    for (_, step) in plan.plan.steps().map(Result::unwrap) {
        assert!(matches!(step.guard, Guard::Match(_)));
    }
    let limit = |count, percent| DeleteLimit { count, percent };
    assert!(stage.mirror_within(&stage.up(), Extra::Delete, limit(Some(3), Some(75))).is_ok());
    for (limit, most) in [(limit(Some(2), None), 2), (limit(None, Some(50)), 2)] {
        let refused = stage.mirror_within(&stage.up(), Extra::Delete, limit);
        let Err(PrepareError::Deletions(refused)) = refused else { panic!("{refused:?}") };
        assert_eq!(refused, DeleteRefusal::TooMany { deletions: 3, of: 4, limit: most });
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_deleted_on_the_word_of_a_source_that_is_not_whole() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let stage = Stage::new();
    for key in ["p/link", "p/linked/x", "p/pipe", "p/gone"] {
        stage.object(key, "x");
    }
    symlink("nowhere", stage.root().join("link")).unwrap();
    fs::create_dir(stage.root().join("real")).unwrap();
    symlink("real", stage.root().join("linked")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(stage.root().join("pipe")).unwrap();
    let plan = stage.mirror(&stage.up(), Extra::Delete).unwrap();
    // What was passed over may be there all the same.
    assert_eq!(
        lines(&plan.plan),
        ["delete(right) gone", "skip link link", "skip link linked", "skip special pipe"]
    );
    drop(socket);
    fs::create_dir(stage.root().join("locked")).unwrap();
    stage.file("locked/x", "x", 0);
    fs::set_permissions(stage.root().join("locked"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(stage.root().join("locked")).is_err() {
        let refused = stage.mirror(&stage.up(), Extra::Delete);
        assert!(matches!(refused, Err(PrepareError::Deletions(DeleteRefusal::SourceNotWhole { unread: 1 }))));
    }
    fs::set_permissions(stage.root().join("locked"), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn what_is_named_like_an_unfinished_download_is_told_and_stays_on_both_sides() {
    // behaviour: hostile-keys
    let mut stage = Stage::new();
    let ours = ".pintail-0123456789abcdef.part";
    for key in [&format!("p/{ours}"), "p/gone", "p/only/there"] {
        stage.object(key, "x");
    }
    for file in [ours.to_owned(), "a".into(), format!("sub/{ours}"), format!("out/{ours}")] {
        stage.file(&file, "half", -10);
    }
    stage.rules.filter.rules.exclude("out/").unwrap();
    let skips = [format!("skip unfinished {ours}"), format!("skip unfinished sub/{ours}")];
    let plan = stage.mirror(&stage.up(), Extra::Delete).unwrap();
    let expected = [&skips[0], "upload a", "delete(right) gone", "delete(right) only/there", &skips[1]];
    assert_eq!(lines(&plan.plan), expected);
    stage.rules.takes = true;
    let moved = stage.copy(&[stage.up()]).unwrap();
    assert_eq!(lines(&moved.plan), [&skips[0], "upload a, taken", &skips[1]]);
    // At a target it is in nobody's way, and its key is refused there.
    stage.rules.takes = false;
    let down = lines(&stage.mirror(&stage.down(), Extra::Delete).unwrap().plan);
    let refused = format!("name(unfinished) {ours}");
    assert_eq!(down, [&refused, "delete(right) a", "download gone", "download only/there"]);
}

#[test]
fn what_a_filter_leaves_out_stays_on_both_sides() {
    let mut stage = Stage::new();
    for key in ["p/a.log", "p/a.txt", "p/keep/x", "p/old.txt", "p/sub/b.log", "p/sub/c.tmp"] {
        stage.object(key, "x");
    }
    for file in ["a.log", "a.txt", "keep/y", "sub/c.tmp", "sub/d"] {
        stage.file(file, "xx", -10);
    }
    stage.rules.filter.rules.exclude("*.log").unwrap();
    stage.rules.filter.rules.exclude("keep/").unwrap();
    stage.rules.ignore_files = vec![".ignored".into()];
    stage.file("sub/.ignored", "*.tmp\n", -10);
    let plan = stage.mirror(&stage.up(), Extra::Delete).unwrap();
    assert_eq!(
        lines(&plan.plan),
        ["upload a.txt", "delete(right) old.txt", "upload sub/.ignored", "upload sub/d"]
    );
    stage.file("sub/.ignored", "[", -10);
    stage.file("sub/deeper/.ignored", "{a", -10);
    let broken = stage.mirror(&stage.up(), Extra::Delete);
    assert!(broken.is_ok() || matches!(broken, Err(PrepareError::IgnoreFile { .. })), "{broken:?}");
}

#[test]
fn a_short_list_of_names_is_looked_at_and_a_bucket_is_not_listed() {
    let mut stage = Stage::new();
    for key in ["p/a", "p/b", "p/c/d"] {
        stage.object(key, "x");
    }
    stage.rules.filter.only = Some(NameList::new(["c/d", "a", "not there"]).unwrap());
    let down = stage.copy(&[stage.down()]).unwrap();
    assert_eq!(lines(&down.plan), ["download a", "download c/d"]);
    assert_eq!((down.seen.looks, stage.calls(Operation::List)), (3, 0));
    stage.file("a", "x", 0);
    stage.file("b", "x", 0);
    assert_eq!(lines(&stage.copy(&[stage.up()]).unwrap().plan), ["upload a"]);
    stage.rules.filter.only = Some(NameList::new(["c/"]).unwrap());
    assert_eq!(lines(&stage.copy(&[stage.down()]).unwrap().plan), ["download c/d"]);
}

#[test]
fn names_that_cannot_be_files_are_refused_one_by_one() {
    let mut stage = Stage::new();
    for key in ["p/../x", "p/a", "p/a/b", "p/c//d", "p/e\u{1}", "p/f", "p/F", "p/g"] {
        stage.object(key, "x");
    }
    let lines_of = |stage: &Stage| lines(&stage.copy(&[stage.down()]).unwrap().plan);
    assert_eq!(
        lines_of(&stage),
        [
            "name(dots) ../x",
            "download F",
            "download a",
            "name(fileandfolder { file: \"a\" }) a/b",
            "name(emptypart) c//d",
            "name(control('\\u{1}')) e\u{1}",
            "download f",
            "download g",
        ]
    );
    stage.rules.platform = Platform::MacOs;
    assert!(lines_of(&stage).contains(&"name(twin) f".to_owned()));
    stage.rules.platform = Platform::Linux;
    // A folder at the target where a file is to be, and a file where a folder is to be.
    stage.file("g/below", "x", 0);
    stage.file("h", "x", 0);
    stage.object("p/h/i", "x");
    let plan = lines(&stage.mirror(&stage.down(), Extra::Keep).unwrap().plan);
    for line in ["name(fileandfolder { file: \"g\" }) g", "name(fileandfolder { file: \"h\" }) h/i"] {
        assert!(plan.contains(&line.to_owned()), "{plan:?}");
    }
    let long = Stage::job(stage.local(), stage.remote(&"x".repeat(1020)), What::Tree);
    assert_eq!(
        lines(&stage.copy(&[long]).unwrap().plan)[0],
        "name(keytoolong { length_bytes: 1027 }) g/below"
    );
}

#[test]
fn folders_come_along_as_the_rules_say() {
    for (folders, up, down) in [
        (Folders::None, &["upload full/x"][..], &[][..]),
        (Folders::Empty, &["makefolder(right) empty/", "upload full/x"], &["makefolder(right) remote/"]),
        (
            Folders::All,
            &["makefolder(right) empty/", "makefolder(right) full/", "upload full/x"],
            &["makefolder(right) remote/"],
        ),
    ] {
        let mut stage = Stage::new();
        stage.rules.folders = folders;
        stage.file("full/x", "x", -10);
        fs::create_dir(stage.root().join("empty")).unwrap();
        let plan = stage.mirror(&stage.up(), Extra::Delete).unwrap();
        assert_eq!(lines(&plan.plan), up, "{folders:?}");
        stage.object("p/remote/", "");
        stage.object("p/full/x", "x");
        let plan = stage.mirror(&stage.down(), Extra::Keep).unwrap();
        let steps = lines(&plan.plan);
        assert_eq!(steps.iter().filter(|line| !line.starts_with("download")).collect::<Vec<_>>(), down);
    }
}

#[test]
fn folders_that_become_empty_go_from_the_inside_out() {
    let mut stage = Stage::new();
    for file in ["a/b/x", "a/b/y", "a/c", "d/e/f", "d/g", "h/i.log", "h/j", "k/l"] {
        stage.file(file, "x", 0);
    }
    stage.object("p/d/g", "x");
    stage.object("p/k/m", "x");
    stage.rules.filter.rules.exclude("*.log").unwrap();
    let plan = stage.mirror(&stage.down(), Extra::Delete).unwrap();
    assert_eq!(
        lines(&plan.plan),
        [
            "delete(right) a/b/x",
            "delete(right) a/b/y",
            "delete(right) a/b/",
            "delete(right) a/c",
            "delete(right) a/",
            "delete(right) d/e/f",
            "delete(right) d/e/",
            "delete(right) h/j",
            "delete(right) k/l",
            "download k/m",
        ]
    );
}

#[test]
fn a_move_takes_its_sources_along() {
    let mut stage = Stage::new();
    stage.rules.takes = true;
    stage.file("a/x", "x", 0);
    stage.file("b", "x", 0);
    assert_eq!(
        lines(&stage.copy(&[stage.up()]).unwrap().plan),
        ["upload a/x, taken", "delete(left) a/", "upload b, taken"]
    );
    stage.object("p/", "");
    stage.object("p/x", "x");
    let within = Stage::job(stage.remote("p/"), stage.remote("r/"), What::Tree);
    let moved = stage.copy(&[within]).unwrap();
    assert_eq!(lines(&moved.plan), ["delete(left) p/", "copywithin x, taken"]);
    // The key that is the prefix itself is named from above.
    let (_, step) = moved.plan.steps().next().unwrap().unwrap();
    let Site::Remote(above) = &moved.ends[step.route as usize].from else { panic!() };
    assert_eq!(above.key(&step.name).unwrap().as_str(), "p/");
    // A source whose target stays is not taken.
    stage.object("p/b", "y");
    stage.rules.existing = Existing::Skip;
    assert_eq!(
        lines(&stage.copy(&[stage.up()]).unwrap().plan),
        ["upload a/x, taken", "delete(left) a/", "skip exists b"]
    );
    // One that the target has alike goes without a copy.
    stage.object("p/b", "x");
    stage.rules.existing = Existing::Checksum;
    assert_eq!(
        lines(&stage.copy(&[stage.up()]).unwrap().plan),
        ["upload a/x, taken", "delete(left) a/", "delete(left) b"]
    );
}

#[test]
fn one_thing_that_is_named_gets_its_name() {
    let mut stage = Stage::new();
    stage.file("a", "abc", 0);
    stage.object("p/b", "x");
    let up = |from: &str, to: &str| Stage::job(stage.local(), stage.remote("p/"), one(from, to));
    let down = |from: &str, to: &str| Stage::job(stage.remote("p/"), stage.local(), one(from, to));
    assert_eq!(
        lines(&stage.copy(&[up("a", "c"), down("b", "b")]).unwrap().plan),
        ["upload a > c", "download b"]
    );
    let stdin = Stage::job((Place::Stdio, Site::Stdio), stage.remote("p/"), one("stdin", "x"));
    let stdout = Stage::job(stage.remote("p/"), (Place::Stdio, Site::Stdio), one("b", "b"));
    assert_eq!(lines(&stage.copy(&[stdin, stdout]).unwrap().plan), ["upload stdin > x", "download b"]);
    assert!(
        matches!(stage.copy(&[up("none", "x")]), Err(PrepareError::Missing(what)) if what.ends_with("/none"))
    );
    assert!(
        matches!(stage.copy(&[down("none", "x")]), Err(PrepareError::Missing(what)) if what == "work:bucket/p/none")
    );
    assert!(matches!(stage.copy(&[down("b", "../x")]), Err(PrepareError::Refused { .. })));
    assert_eq!(
        lines(&stage.copy(&[down("b", "../x"), up("a", "a")]).unwrap().plan),
        ["name(dots) b", "upload a"]
    );
    let again =
        stage.copy(&[up("a", "x"), Stage::job(stage.remote("q/"), stage.remote("p/"), one("y", "x"))]);
    assert!(matches!(again, Err(PrepareError::SameTarget { .. })), "{again:?}");
    let itself = Stage::job(stage.remote(""), stage.remote("p/"), one("p/b", "b"));
    assert!(matches!(stage.copy(&[itself]), Err(PrepareError::OntoItself(_))));
    let within = Stage::job(stage.remote("p/"), stage.remote("p/q/"), What::Tree);
    assert!(matches!(stage.mirror(&within, Extra::Keep), Err(PrepareError::Within { .. })));
    let local = Stage::job(stage.local(), (Place::Local("/x".into()), Site::Local("/x".into())), What::Tree);
    assert!(matches!(stage.copy(&[local]), Err(PrepareError::NothingRemote)));
    fs::create_dir(stage.root().join("folder")).unwrap();
    assert!(matches!(stage.copy(&[up("folder", "x")]), Err(PrepareError::NotAFile(_))));
    for (existing, expected) in [
        (Existing::Skip, "skip exists a"),
        (Existing::Rename, "upload a > b (2)"),
        (Existing::Checksum, "upload a > b"),
        (Existing::Size, "upload a > b"),
    ] {
        let job = Stage::job(stage.local(), stage.remote("p/"), one("a", "b"));
        stage.rules.existing = existing;
        assert_eq!(lines(&stage.copy(&[job]).unwrap().plan), [expected], "{existing:?}");
    }
}

#[test]
fn contents_are_compared_where_that_was_asked_for() {
    let mut stage = Stage::new();
    stage.rules.comparison = Comparison { means: Means::Checksum, ..Comparison::default() };
    for number in 0..40 {
        stage.file(&format!("f{number:02}"), &format!("content {}", number % 10), 100);
        stage.object(
            &format!("p/f{number:02}"),
            &format!("content {}", if number == 17 { 8 } else { number % 10 }),
        );
    }
    let plan = stage.mirror(&stage.up(), Extra::Keep).unwrap();
    assert_eq!(lines(&plan.plan), ["upload f17"]);
    assert_eq!((plan.seen.same, plan.seen.looks), (39, 40));
    let within = Stage::job(stage.remote("p/"), stage.remote("r/"), What::Tree);
    stage.object("r/f00", "content 0");
    stage.object("r/f01", "content 9");
    let plan = stage.mirror(&within, Extra::Keep).unwrap();
    assert_eq!(plan.seen.same, 1);
}

#[test]
fn deletions_reach_everything_below_and_the_prefix_itself() {
    let mut stage = Stage::new();
    for key in ["photos", "photos/", "photos/a", "photos/b/", "photos/b/c", "photosynthesis", "x"] {
        stage.object(key, "");
    }
    let job =
        |stage: &Stage, prefix: &str, what| Stage::job(stage.remote(prefix), stage.remote(prefix), what);
    let keys = |stage: &Stage, job| -> Vec<String> {
        let removal = stage.remove(&[job]).unwrap();
        let key = |step: &pintail_transfer::plan::Step| {
            let Site::Remote(remote) = &removal.ends[step.route as usize].from else { panic!() };
            assert_eq!(step.guard, Guard::None);
            remote.key(&step.name).unwrap().to_string()
        };
        removal.plan.steps().map(|step| key(&step.unwrap().1)).collect()
    };
    let tree = keys(&stage, job(&stage, "photos/", What::Tree));
    assert_eq!(tree, ["photos/", "photos/a", "photos/b/", "photos/b/c"]);
    let beginning = keys(&stage, job(&stage, "", What::Beginning("photos".into())));
    assert_eq!(beginning, ["photos", "photos/", "photos/a", "photos/b/", "photos/b/c", "photosynthesis"]);
    assert_eq!(keys(&stage, job(&stage, "", one("x", "x"))), ["x"]);
    stage.rules.filter.rules.exclude("b/").unwrap();
    assert_eq!(keys(&stage, job(&stage, "photos/", What::Tree)), ["photos/a"]);
}

#[cfg(unix)]
#[test]
fn links_are_passed_over_followed_or_kept() {
    use std::os::unix::fs::symlink;
    for (links, up) in [
        (Links::Skip, &["skip link link", "upload real", "skip link to-folder", "upload zz/x"][..]),
        (Links::Follow, &["upload link", "upload real", "upload to-folder/x", "upload zz/x"]),
        (Links::Keep, &["upload link", "upload real", "upload to-folder", "upload zz/x"]),
    ] {
        let mut stage = Stage::new();
        stage.rules.links = links;
        stage.file("real", "content", -10);
        stage.file("zz/x", "x", -10);
        symlink("real", stage.root().join("link")).unwrap();
        symlink("zz", stage.root().join("to-folder")).unwrap();
        assert_eq!(lines(&stage.copy(&[stage.up()]).unwrap().plan), up, "{links:?}");
    }
}

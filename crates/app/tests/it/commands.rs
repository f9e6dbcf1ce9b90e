//! The smaller commands: `docs/behaviour.md`, sections rm and presign; help, completions, manual pages.

use std::fs;

use crate::cloud::{Cloud, home};

/// behaviour: rm
#[test]
fn deletions_do_what_the_dry_run_says() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let world = cloud.sandbox().world();
    for key in ["gone/1", "gone/2/3", "gone.txt", "stays"] {
        world.put_object(&bucket, key, "x");
    }
    let address = format!("lab:{bucket}/gone/");
    env.run(["rm", &address]).exited(2);
    let dry = env.run(["rm", "-r", "--dry-run", &address]).succeeded();
    assert_eq!(dry.stdout.lines().count(), 2, "{}", dry.stdout);
    assert!(world.object(&bucket, "gone/1").is_some());
    let done = env.run(["rm", "-r", &address, "--json"]).succeeded().json_lines();
    assert_eq!(done.last().expect("a line")["deleted"], 2);
    assert!(world.object(&bucket, "gone/2/3").is_none() && world.object(&bucket, "gone.txt").is_some());
    env.run(["rm", &format!("lab:{bucket}/gone.txt"), &format!("lab:{bucket}/never-was")]).succeeded();
    assert!(world.object(&bucket, "gone.txt").is_none() && world.object(&bucket, "stays").is_some());
    env.run(["rm", "-r", "lab:"]).exited(2);
    // A whole bucket is emptied only by who ends its name with a slash.
    env.run(["rm", "-r", "--dry-run", &format!("lab:{bucket}")]).exited(2);
    let all = env.run(["rm", "-r", "--dry-run", &format!("lab:{bucket}/")]).succeeded();
    assert!(all.stdout.contains("stays"), "{}", all.stdout);
}

/// behaviour: rm
#[test]
fn deletions_go_on_when_nobody_reads_and_when_one_address_fails() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let world = cloud.sandbox().world();
    for number in 0..1500 {
        world.put_object(&bucket, &format!("many/{number}"), "x");
    }
    let script = "\"$0\" rm -r \"$1\" --json | head -n 1 >/dev/null; exit ${PIPESTATUS[0]}";
    let address = format!("lab:{bucket}/many/");
    let piped =
        env.program("bash".as_ref(), ["-c", script, env!("CARGO_BIN_EXE_pintail"), &address]).output();
    assert_eq!(piped.code(), Some(0), "{}", piped.stderr);
    assert!(world.keys(&bucket).iter().all(|key| !key.starts_with("many/")), "all of them are gone");
    world.put_object(&bucket, "last/1", "x");
    let some = ["rm", "-r", "lab:no-such-bucket-here/", &format!("lab:{bucket}/last/"), "--json"];
    let done = env.run(some).exited(3).json_lines().pop().expect("a line");
    assert_eq!((&done["deleted"], &done["failed"]), (&1.into(), &1.into()), "{done}");
}

#[test]
fn what_cannot_be_written_is_no_success() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    cloud.sandbox().world().put_object(&bucket, "short", "no line end");
    let address = format!("lab:{bucket}/short");
    for command in ["\"$0\" cat \"$1\" > /dev/full", "\"$0\" cp \"$1\" - > /dev/full"] {
        let full =
            env.program("bash".as_ref(), ["-c", command, env!("CARGO_BIN_EXE_pintail"), &address]).output();
        assert_eq!(full.code(), Some(1), "{command}: {}", full.stderr);
    }
    let head = "\"$0\" cp \"$1\" - | true; exit ${PIPESTATUS[0]}";
    cloud.sandbox().world().put_object(&bucket, "short", vec![7; 4 << 20]);
    let closed = env.program("bash".as_ref(), ["-c", head, env!("CARGO_BIN_EXE_pintail"), &address]).output();
    assert_eq!(closed.code(), Some(0), "{}", closed.stderr);
}

/// behaviour: output
#[test]
fn a_wrong_command_line_is_told_to_programs_too() {
    let env = home();
    let line = env.run(["ls", "--json", "--no-such-option"]).exited(2).json();
    assert_eq!((&line["event"], &line["code"]), (&"error".into(), &2.into()));
    let cloud = Cloud::signed_in();
    cloud.env.run(["cat", "--json", "lab:bucket/key"]).exited(2);
    let mut plain = cloud.env.pintail(["ls", "lab:"]);
    plain = plain.set("NO_COLOR", "1").set("CLICOLOR_FORCE", "1");
    assert!(!plain.output().succeeded().stdout.contains('\u{1b}'), "NO_COLOR wins");
}

/// behaviour: presign
#[test]
fn a_presigned_address_works_without_a_sign_in_and_ends_with_the_session() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    cloud.sandbox().world().put_object(&bucket, "shared é", "for you");
    let presign = |arguments: &[&str]| {
        let address = format!("lab:{bucket}/shared é");
        let mut all = vec!["presign", &address, "--json"];
        all.extend(arguments);
        // The one output that grants access: it is not put on record.
        env.pintail(all).stdout_is_secret().output().succeeded().json()
    };
    let made = presign(&["--expires", "15m"]);
    let url = made["url"].as_str().expect("an address").parse().expect("an address");
    let answer = pintail_testkit::http::get(&url, &[]).expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "for you"));
    let until = |made: &serde_json::Value| {
        made["until"].as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time")
    };
    let session = env.run(["whoami", "lab", "--json"]).succeeded().json();
    assert_eq!(until(&presign(&["--expires", "7d"])), until(&session), "never longer than the session");
    let put = presign(&["--put"]);
    let url = put["url"].as_str().expect("an address").parse().expect("an address");
    assert_eq!(pintail_testkit::http::send("PUT", &url, &[], b"new").expect("an answer").status, 200);
    assert_eq!(cloud.object(&bucket, "shared é").expect("it"), "new");
}

#[test]
fn buckets_are_made_and_removed() {
    let cloud = Cloud::signed_in();
    let env = &cloud.env;
    env.run(["mb", "lab:made-for-a-test"]).succeeded();
    assert!(cloud.sandbox().world().buckets().contains(&"made-for-a-test".to_owned()));
    cloud.sandbox().world().put_object("made-for-a-test", "k", "x");
    let full = env.run(["rb", "lab:made-for-a-test"]).exited(1);
    assert!(full.stderr.contains("rm --recursive"), "{}", full.stderr);
    env.run(["rb", "lab:made-for-a-test/k"]).exited(2);
    env.run(["rm", "lab:made-for-a-test/k"]).succeeded();
    env.run(["rb", "lab:made-for-a-test"]).succeeded();
    env.run(["mb", "lab:Not_A_Name"]).exited(2);
    env.run(["rb", "lab:made-for-a-test"]).exited(6);
}

#[test]
fn stat_shows_what_s3_knows() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::write(env.work().join("page.html"), "<p>").expect("a file");
    env.run(["cp", "page.html", &format!("lab:{bucket}/")]).succeeded();
    let object = env.run(["stat", &format!("lab:{bucket}/page.html"), "--json"]).succeeded().json();
    assert_eq!((&object["size"], &object["content_type"]), (&3.into(), &"text/html; charset=utf-8".into()));
    assert!(object["checksum"].is_string() && object["etag"].is_string(), "{object}");
    let told = env.run(["stat", &format!("lab:{bucket}"), "--json"]).succeeded().json();
    assert_eq!(told["region"], cloud.summary().region.as_str());
}

#[test]
fn the_demo_shows_the_whole_chain_and_leaves_nothing() {
    let env = home();
    let steps = env.run(["demo", "--json"]).succeeded().json_lines();
    assert!(steps.len() >= 7, "{steps:?}");
    assert!(steps[..steps.len() - 1].iter().all(|step| step["proves"].is_string()));
    let text = env.run(["demo"]).succeeded().stdout;
    assert!(text.contains("pintail sandbox") && text.contains("pintail login"), "{text}");
    let left: Vec<_> =
        fs::read_dir(env.home()).expect("a folder").flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn completions_and_manual_pages_are_there() {
    let env = home();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = env.run(["completions", shell]).succeeded().stdout;
        assert!(script.contains("bookmark"), "{shell}");
    }
    env.run(["man", "pages"]).succeeded();
    let page = fs::read_to_string(env.work().join("pages/pintail-cp.1")).expect("a page");
    assert!(page.contains("no\\-clobber"), "{page}");
}

#[test]
fn the_help_is_what_it_was() {
    let env = home();
    let mut help = String::new();
    for command in [
        "",
        "demo",
        "sandbox",
        "login",
        "logout",
        "whoami",
        "bookmark",
        "bookmark add",
        "ls",
        "stat",
        "cat",
        "cp",
        "mv",
        "sync",
        "rm",
        "transfers",
        "transfers resume",
        "transfers clean",
        "verify",
        "mb",
        "rb",
        "presign",
        "batch",
        "batch copy",
        "batch tag",
        "batch restore",
        "batch delete",
        "batch ls",
        "batch watch",
        "batch report",
        "batch k8s",
        "exec",
        "serve-credentials",
        "env",
        "setup",
        "setup show",
        "setup grant",
        "doctor",
        "explain",
        "policy",
        "policy trust",
        "policy test",
        "console",
        "scheme",
        "scheme install",
        "completions",
        "man",
    ] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        help.push_str(&format!("## pintail {command}\n\n{}\n", env.run(arguments).succeeded().stdout));
    }
    insta::assert_snapshot!(help);
}

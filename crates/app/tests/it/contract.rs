//! The contract for scripts: `docs/behaviour.md`, sections state, exit-codes, output, sandbox, secrets, addresses.

use std::fs;
use std::path::Path;

use pintail_testkit::person::Person;
use pintail_testkit::process::Signal;

use crate::cloud::{Cloud, home, sign_in};

/// behaviour: sandbox
#[test]
fn an_empty_sandbox_tells_who_may_set_it_up_and_installs_nothing() {
    let env = home();
    let mut sandbox = env.pintail(["sandbox", "--empty", "--json"]).stdout_is_secret().start();
    let ready = sandbox.next_json();
    for field in ["issuer", "tenant", "graph_endpoint", "iam_endpoint", "s3_endpoint"] {
        assert!(ready[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {ready}");
    }
    assert_eq!((&ready["client_id"], &ready["role_arn"]), (&"".into(), &"".into()));
    let empty = &ready["empty"];
    for field in ["account_id", "aws_access_key_id", "aws_secret_access_key"] {
        assert!(empty[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {ready}");
    }
    for field in ["admin_person", "developer_person"] {
        assert!(empty[field]["password"].is_string(), "{field} in {ready}");
    }
    env.run(["bookmark", "show", "sandbox"]).exited(6);
    sandbox.signal(Signal::TERM);
    sandbox.finish().exited(0);
}

/// behaviour: sandbox
#[test]
fn the_sandbox_tells_where_it_is_installs_a_bookmark_and_ends_cleanly() {
    let env = home();
    for signal in [Signal::TERM, Signal::INT] {
        // The passwords of its people are on standard output by contract.
        let mut sandbox = env.pintail(["sandbox", "--port", "0", "--json"]).stdout_is_secret().start();
        let ready = sandbox.next_json();
        for field in [
            "issuer",
            "tenant",
            "client_id",
            "role_arn",
            "region",
            "s3_endpoint",
            "sts_endpoint",
            "iam_endpoint",
            "graph_endpoint",
            "sso_oidc_endpoint",
            "sso_portal_endpoint",
            "sso_start_url",
            "metadata_endpoint",
            "federation_endpoint",
            "public_bucket",
        ] {
            assert!(ready[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {ready}");
        }
        for field in ["name", "arn", "access_key_id", "secret_access_key", "mfa_serial", "mfa_seed"] {
            assert!(ready["key_user"][field].is_string(), "{field} in {ready}");
        }
        assert!(ready.get("empty").is_none());
        assert!(ready["container"]["endpoint"].is_string() && ready["container"]["token"].is_string());
        let user = &ready["users"][0];
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let mut alice = Person::new(&text(&user["username"])).with_password(&text(&user["password"]));
        let signed_in = sign_in(&env, "sandbox", &mut alice).succeeded();
        assert_eq!(signed_in.json_lines().pop().expect("a line")["event"], "signed_in");
        assert!(!env.run(["ls", "sandbox:", "--json"]).succeeded().json_lines().is_empty());
        sandbox.signal(signal);
        sandbox.finish().exited(0);
        env.run(["bookmark", "show", "sandbox"]).exited(6);
    }
}

/// behaviour: sandbox
#[test]
fn sessions_of_the_sandbox_end_after_as_many_seconds_as_one_likes() {
    let env = home();
    let run = env.pintail(["sandbox", "--session-seconds", "10", "--json"]);
    let mut sandbox = run.stdout_is_secret().start();
    let ready = sandbox.next_json();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let user = &ready["users"][0];
    let mut alice = Person::new(&text(&user["username"])).with_password(&text(&user["password"]));
    let signed_in = sign_in(&env, "sandbox", &mut alice).succeeded().json_lines().pop().expect("a line");
    let until: jiff::Timestamp = text(&signed_in["until"]).parse().expect("a time");
    // What the sign-in logged last was written after its session began.
    let log = fs::metadata(env.log_file()).and_then(|data| data.modified()).expect("a log");
    let signed_in_at = jiff::Timestamp::try_from(log).expect("a time");
    assert!(until.duration_since(signed_in_at).as_secs() <= 10, "{signed_in}");
    sandbox.signal(Signal::TERM);
    sandbox.finish().exited(0);
    env.run(["sandbox", "--session-seconds", "0"]).exited(2);
}

/// behaviour: sandbox
#[test]
fn the_sandbox_leaves_other_peoples_bookmarks_alone() {
    let env = home();
    env.run([
        "bookmark",
        "add",
        "sandbox",
        "--tenant",
        "contoso.com",
        "--client-id",
        "11111111-2222-3333-4444-555555555555",
        "--role-arn",
        "arn:aws:iam::123456789012:role/Mine",
    ])
    .succeeded();
    env.pintail(["sandbox", "--port", "0"]).output().exited(1);
    let mut sandbox =
        env.pintail(["sandbox", "--port", "0", "--json", "--no-bookmark"]).stdout_is_secret().start();
    sandbox.next_json();
    sandbox.signal(Signal::TERM);
    sandbox.finish().exited(0);
    let shown = env.run(["bookmark", "show", "sandbox", "--json"]).succeeded().json();
    assert_eq!(shown["role"], "arn:aws:iam::123456789012:role/Mine");
}

/// behaviour: state
#[test]
fn all_state_of_a_run_is_under_pintail_home() {
    let cloud = Cloud::signed_in();
    cloud.env.run(["ls", "lab:"]).succeeded();
    let home = cloud.env.folder().join("home");
    assert_eq!(files(&home), Vec::<String>::new(), "nothing is written into the person's own folders");
    let state = files(&cloud.env.home());
    assert!(state.iter().any(|file| file.contains("bookmarks")), "{state:?}");
    // Another home knows nothing of this one.
    let other = crate::cloud::home();
    other.run(["whoami", "lab"]).exited(6);
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

/// behaviour: exit-codes
#[test]
fn every_exit_code_means_what_is_written() {
    let cloud = Cloud::start();
    let env = &cloud.env;
    env.run(["--version"]).exited(0);
    env.run(["ls", "--no-such-option"]).exited(2);
    env.run(["ls", "not an address"]).exited(2);
    env.run(["presign", "lab:bucket/key", "--expires", "8d"]).exited(2);
    env.run(["ls", "lab:"]).exited(4);
    env.run(["whoami", "lab"]).exited(4);
    env.run(["bookmark", "show", "nowhere"]).exited(6);
    cloud.sign_in("lab", 0).succeeded();
    let bucket = cloud.bucket();
    env.run(["ls", "lab:no-such-bucket-here/"]).exited(6);
    env.run(["stat", &format!("lab:{bucket}/no/such/key")]).exited(6);
    env.run(["mb", &format!("lab:{bucket}")]).exited(1);
    cloud.bookmark("narrow", &["--read-only"]);
    cloud.sign_in("narrow", 0).succeeded();
    fs::write(env.work().join("one"), "1").expect("a file");
    env.run(["cp", "one", &format!("narrow:{bucket}/one")]).exited(5);
    let missing = format!("lab:{bucket}/nothing-of-that-name");
    env.run(["cp", &missing, "./"]).exited(6);
    let mut waiting = env.pintail(["login", "lab", "--no-browser", "--json"]).start();
    waiting.next_event("open");
    waiting.signal(Signal::INT);
    waiting.finish().exited(130);
}

/// behaviour: exit-codes
#[test]
fn a_copy_of_which_some_fails_ends_with_three() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    let world = cloud.sandbox().world();
    world.put_object(&bucket, "mixed/good", "good");
    world.put_object(&bucket, "mixed/../../evil", "evil");
    let output = cloud.env.run(["cp", "-r", &format!("lab:{bucket}/mixed/"), "out", "--json"]).exited(3);
    let done = output.json_lines().pop().expect("a line");
    assert_eq!((&done["copied"], &done["refused"]), (&1.into(), &1.into()), "{done}");
    assert!(cloud.env.work().join("out/good").exists());
}

/// behaviour: output
#[test]
fn hostile_names_do_not_reach_the_terminal_and_json_has_a_version() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    cloud.sandbox().world().put_object(&bucket, "hostile/\u{1b}[2J\u{202e}x", "1");
    let address = format!("lab:{bucket}/hostile/");
    let text = cloud.env.run(["ls", &address]).succeeded().stdout;
    assert_eq!(text, "hostile/\\u{1b}[2J\\u{202e}x\n");
    let long = cloud.env.run(["ls", "--long", &address]).succeeded().stdout;
    assert!(!long.contains('\u{1b}') && !long.contains('\u{202e}'), "{long:?}");
    for line in cloud.env.run(["ls", &address, "--json"]).succeeded().stdout.lines() {
        assert!(line.starts_with("{\"version\":1,"), "{line}");
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["key"], "hostile/\u{1b}[2J\u{202e}x", "programs get the key as it is");
    }
    let failure = cloud.env.run(["stat", &format!("lab:{bucket}/\u{1b}[2J"), "--json"]).exited(6);
    let line = failure.json();
    assert_eq!((&line["event"], &line["code"]), (&"error".into(), &6.into()));
    assert!(!failure.stderr.contains('\u{1b}'), "{:?}", failure.stderr);
}

/// behaviour: addresses
#[test]
fn addresses_reach_the_default_bookmark_or_the_one_named() {
    let cloud = Cloud::signed_in();
    let bucket = cloud.bucket();
    cloud.sandbox().world().put_object(&bucket, "100%25 literally", "x");
    for address in [
        format!("s3://{bucket}/100%25 literally"),
        format!("s3:/{bucket}/100%25 literally"),
        format!("lab:{bucket}/100%25 literally"),
        format!("lab:/{bucket}/100%25 literally"),
    ] {
        assert_eq!(cloud.env.run(["cat", &address]).succeeded().stdout, "x", "{address}");
    }
    cloud.bookmark("second", &[]);
    let unclear = cloud.env.run(["cat", &format!("s3://{bucket}/100%25 literally")]).exited(2);
    assert!(unclear.stderr.contains("lab, second"), "{}", unclear.stderr);
    let mut chosen = cloud.env.pintail(["cat", &format!("s3://{bucket}/100%25 literally")]);
    chosen = chosen.set("PINTAIL_BOOKMARK", "lab");
    assert_eq!(chosen.output().succeeded().stdout, "x");
}

/// behaviour: secrets
#[test]
fn no_state_file_holds_a_secret_in_plain_text() {
    let cloud = Cloud::signed_in();
    cloud.env.run(["ls", "lab:"]).succeeded();
    let secrets = cloud.sandbox().recorder().secrets();
    assert!(secrets.len() > 5, "the sandbox knows what was in play");
    for file in files(&cloud.env.home()) {
        let content = fs::read(&file).expect("a file");
        for secret in secrets.iter().filter(|secret| secret.len() >= 8) {
            let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{file} holds a secret");
        }
    }
}

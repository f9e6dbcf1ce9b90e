//! Profiles for AWS's tools: `docs/behaviour.md`, section aws-config.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use pintail_testkit::environment::TestEnv;

use crate::cloud::home;

const THEIRS: &str = "; mine\r\n[default]\r\nregion = us-east-1\r\n\r\n[profile theirs]\r\nrole_arn=x\r\n";

/// A home with two bookmarks: one at Amazon, one at a service of one's own.
fn with_bookmarks() -> TestEnv {
    let env = home();
    let add = |name: &str, more: &[&str]| {
        let usual = [
            "bookmark",
            "add",
            name,
            "--tenant",
            "contoso.com",
            "--client-id",
            "11111111-2222-3333-4444-555555555555",
            "--role-arn",
            "arn:aws:iam::123456789012:role/Mine",
            "--region",
            "eu-west-1",
        ];
        env.run(usual.iter().chain(more)).succeeded();
    };
    add("work", &[]);
    add("own", &["--endpoint", "http://127.0.0.1:8333", "--sts-endpoint", "http://127.0.0.1:8333"]);
    add("theirs", &[]);
    env
}

fn config(env: &TestEnv) -> PathBuf {
    env.folder().join("home/.aws/config")
}

/// behaviour: aws-config
#[test]
fn a_profile_goes_in_once_and_comes_out_without_a_trace() {
    let env = with_bookmarks();
    let (file, folder) = (config(&env), env.folder().join("home/.aws"));
    // Shown, and not written.
    let dry = env.run(["aws-config", "work", "own", "--dry-run"]).succeeded();
    assert!(
        dry.stdout.contains("+ [profile work]") && dry.stdout.contains("+ region = eu-west-1"),
        "{}",
        dry.stdout
    );
    env.run(["aws-config", "work"]).exited(2);
    assert!(!folder.exists(), "nobody agreed");
    env.run(["aws-config", "work", "own", "--yes"]).succeeded();
    let mode = |path: &PathBuf| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&folder)), (0o600, 0o700));
    let text = fs::read_to_string(&file).expect("a file");
    let command = format!(
        "credential_process = {} credentials --home {} --keychain file own\n",
        env!("CARGO_BIN_EXE_pintail"),
        env.home().display()
    );
    assert!(text.contains(&command), "{text}");
    assert!(
        text.contains("endpoint_url = http://127.0.0.1:8333\ns3 =\n    addressing_style = path\n"),
        "{text}"
    );
    let again = env.run(["aws-config", "work", "own", "--yes"]).succeeded();
    assert!(again.stdout.is_empty() && again.stderr.contains("nothing to change"), "{}", again.stderr);
    let line = env.run(["aws-config", "work", "--json"]).succeeded().json();
    assert_eq!((&line["changed"], &line["written"]), (&false.into(), &false.into()));
    env.run(["aws-config", "own", "work", "--remove", "--yes"]).succeeded();
    assert_eq!(fs::read_to_string(&file).expect("a file"), "");
}

/// behaviour: aws-config
#[test]
fn what_others_wrote_stays_byte_for_byte() {
    let env = with_bookmarks();
    let (file, real) = (config(&env), env.folder().join("home/dotfiles"));
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    fs::write(&real, THEIRS).expect("a file");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).expect("a file");
    std::os::unix::fs::symlink("../dotfiles", &file).expect("a link");
    let refused = env.run(["aws-config", "theirs", "--yes"]).exited(1);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    env.run(["aws-config", "theirs", "--remove", "--yes"]).exited(1);
    env.run(["aws-config", "work", "--profile", "job", "--yes"]).succeeded();
    let text = fs::read_to_string(&real).expect("a file");
    assert!(text.starts_with(THEIRS) && text.contains("\r\n[profile job]\r\n"), "{text:?}");
    assert!(fs::symlink_metadata(&file).expect("a link").is_symlink());
    assert_eq!(fs::metadata(&real).expect("a file").permissions().mode() & 0o777, 0o644);
    // The bookmark may be gone when its profile goes.
    env.run(["bookmark", "rm", "work"]).succeeded();
    env.run(["aws-config", "work", "--profile", "job", "--remove", "--yes"]).succeeded();
    assert_eq!(fs::read_to_string(&real).expect("a file"), THEIRS);
    env.run(["aws-config", "theirs", "--force", "--yes"]).succeeded();
    let text = fs::read_to_string(&real).expect("a file");
    assert!(text.starts_with("; mine\r\n[default]\r\nregion = us-east-1\r\n") && !text.contains("role_arn"));
    assert_eq!(text.matches("[profile theirs]").count(), 1);
}

/// behaviour: aws-config
#[test]
fn the_file_is_where_the_variable_says() {
    let mut env = with_bookmarks();
    let elsewhere = env.work().join("its config");
    env.set("AWS_CONFIG_FILE", &elsewhere);
    env.run(["aws-config", "work", "--profile", "default", "--yes"]).succeeded();
    assert!(fs::read_to_string(&elsewhere).expect("a file").starts_with("[default]\n"));
    assert!(!config(&env).exists());
    env.run(["aws-config", "work", "own", "--profile", "one"]).exited(2);
    env.run(["aws-config", "work", "--profile", "two words"]).exited(2);
    env.run(["aws-config", "nothing", "--yes"]).exited(6);
}

//! What a person at a terminal is asked: `docs/behaviour.md`, section questions.

use std::fs;

use pintail_testkit::environment::TestEnv;
use pintail_testkit::process::Running;

use crate::cloud::{Cloud, home};

/// Starts a command in front of a person, without colours.
fn at_terminal(env: &TestEnv, arguments: &[&str]) -> Running {
    env.pintail(arguments).set("NO_COLOR", "1").start_on_terminal()
}

/// behaviour: questions
#[test]
fn what_a_bookmark_lacks_is_asked_for_and_a_wrong_answer_is_refused_at_once() {
    let cloud = Cloud::start();
    let (env, summary) = (&cloud.env, cloud.summary());
    env.run(["config", "set", "pintail.authority", &cloud.authority()]).succeeded();
    let (s3, sts) = (&summary.s3_endpoint, &summary.sts_endpoint);
    let add =
        ["bookmark", "add", "asked", "--region", &summary.region, "--endpoint", s3, "--sts-endpoint", sts];
    let mut adding = at_terminal(env, &add);
    for (question, wrong, right) in [
        ("Tenant", "two words", &summary.tenant),
        ("client) ID:", "not an id", &summary.client_id),
        ("Role ARN", "S3Reader", &summary.role_arn),
    ] {
        adding.wait_for_question(question);
        adding.type_in(&format!("{wrong}\n"));
        adding.wait_for_question("no:");
        adding.wait_for_question(question);
        adding.type_in(&format!("{right}\n"));
    }
    adding.finish().succeeded();
    cloud.sign_in("asked", 0).succeeded();
    env.run(["ls", "asked:"]).succeeded();
}

/// behaviour: questions
#[test]
fn a_shared_file_is_added_only_when_the_person_says_yes() {
    let cloud = Cloud::start();
    let other = home();
    let file = other.work().join("shared.duck");
    cloud.env.run(["bookmark", "export", "lab", "--output", &file.to_string_lossy()]).succeeded();
    for (answer, code, count) in [("n", 130, 0), ("", 130, 0), ("y", 0, 1)] {
        let mut adding = at_terminal(&other, &["add", "shared.duck"]);
        adding.wait_for_question("AWS account");
        adding.wait_for_question("Add it? [y/N]");
        adding.type_in(&format!("{answer}\n"));
        adding.finish().exited(code);
        assert_eq!(
            other.run(["bookmark", "ls", "--json"]).succeeded().json_lines().len(),
            count,
            "{answer:?}"
        );
    }
}

/// behaviour: questions
#[test]
fn the_aws_configuration_is_written_only_when_the_person_says_yes() {
    let cloud = Cloud::start();
    let file = cloud.env.folder().join("home/.aws/config");
    for (answer, written) in [("n", false), ("yes", true)] {
        let mut writing = at_terminal(&cloud.env, &["aws-config", "lab"]);
        writing.wait_for_question("+ [profile lab]");
        writing.wait_for_question("[y/N]");
        writing.type_in(&format!("{answer}\n"));
        writing.finish().succeeded();
        assert_eq!(fs::read_to_string(&file).is_ok_and(|text| text.contains("[profile lab]")), written);
    }
}

/// behaviour: questions
#[test]
fn account_and_role_of_a_portal_are_chosen_by_number() {
    let cloud = Cloud::start();
    let (env, summary) = (&cloud.env, cloud.summary());
    let (s3, sts) = (&summary.s3_endpoint, &summary.sts_endpoint);
    let (start, oidc) = (&summary.sso_start_url, &summary.sso_oidc_endpoint);
    let portal = &summary.sso_portal_endpoint;
    env.run([
        "bookmark",
        "add",
        "sso",
        "--sso-start-url",
        start,
        "--sso-region",
        &summary.region,
        "--sso-oidc-endpoint",
        oidc,
        "--sso-portal-endpoint",
        portal,
        "--region",
        &summary.region,
        "--endpoint",
        s3,
        "--sts-endpoint",
        sts,
    ])
    .succeeded();
    let mut login = at_terminal(env, &["login", "sso", "--no-browser"]);
    let address = login.wait_for_address();
    cloud.person(0).sign_in(&address).expect("a sign-in");
    let offered = login.wait_for_question("which account and role? (1-");
    let line = offered.lines().find(|line| line.contains("/PintailFull")).expect("the role is on offer");
    let number = line.split_whitespace().next().expect("a number").to_owned();
    login.type_in(&format!("{number}\n"));
    login.finish().succeeded();
    env.run(["ls", "sso:"]).succeeded();
    let who = env.run(["whoami", "sso", "--json"]).succeeded().json();
    assert!(who["role"].as_str().is_some_and(|role| role.ends_with("PintailFull")), "{who}");
}

/// behaviour: questions
#[test]
fn a_secret_that_is_typed_is_not_shown() {
    let cloud = Cloud::start();
    let (env, summary) = (&cloud.env, cloud.summary());
    let user = &summary.key_user;
    env.secret("key", &user.secret_access_key);
    let (s3, sts) = (&summary.s3_endpoint, &summary.sts_endpoint);
    let place = ["--region", &summary.region, "--endpoint", s3, "--sts-endpoint", sts];
    let add = ["bookmark", "add", "keys", "--access-key-id", &user.access_key_id];
    env.run(add.iter().chain(&place)).succeeded();
    let mut login = at_terminal(env, &["login", "keys"]);
    login.wait_for_question("secret access key of");
    login.type_in(&format!("{}\n", user.secret_access_key));
    let output = login.finish().succeeded();
    assert!(!output.stderr.contains(&user.secret_access_key), "it was shown");
    env.run(["ls", "keys:"]).succeeded();
}

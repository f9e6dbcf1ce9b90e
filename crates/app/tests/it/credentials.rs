//! Lending the credential: `docs/behaviour.md`, section credentials.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pintail_sandbox::{Clock as _, Effect, Fault, Options, Service, SettableClock, SystemClock};
use pintail_testkit::http;
use pintail_testkit::output::Output;
use serde_json::Value;

use crate::cloud::{Cloud, home};

/// Runs `pintail credentials` with these arguments.
fn credentials(cloud: &Cloud, arguments: &[&str]) -> Output {
    let all = ["credentials"].into_iter().chain(arguments.iter().copied());
    cloud.env.pintail(all).stdout_is_secret().output()
}

fn left(cloud: &Cloud, document: &Value) -> SignedDuration {
    let end: Timestamp = document["Expiration"].as_str().expect("a time").parse().expect("a time");
    end.duration_since(cloud.sandbox().world().now())
}

/// Asserts that a failure is one line on standard error and nothing else.
fn one_line(output: &Output, text: &str) {
    assert_eq!(output.stdout, "");
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains(text) && !output.stderr.contains('\u{1b}'), "{}", output.stderr);
}

/// A cloud whose clock was so far behind when the credential was bought, and is right now: the credential is older by that.
fn bought_before(age: SignedDuration, duration: &str) -> Cloud {
    let clock = Arc::new(SettableClock::new(SystemClock.now() - age));
    let cloud = Cloud::start_with(Options { clock: Arc::clone(&clock) as _, ..Options::default() });
    cloud.bookmark("lab", &["--duration", duration]);
    cloud.sign_in("lab", 0).succeeded();
    clock.set(SystemClock.now());
    cloud.sandbox().recorder().clear();
    cloud
}

fn exchanges(cloud: &Cloud) -> usize {
    cloud.sandbox().recorder().count(Service::Sts, "AssumeRoleWithWebIdentity")
}

/// behaviour: credentials
#[test]
fn the_credential_is_one_document_and_costs_no_question() {
    let cloud = Cloud::signed_in();
    cloud.sandbox().recorder().clear();
    let output = credentials(&cloud, &["lab"]).succeeded();
    assert_eq!((output.stdout.lines().count(), output.stderr.as_str()), (1, ""));
    let document = output.json();
    let names: Vec<&str> = document.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut expected =
        ["Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "AccountId"];
    expected.sort_unstable();
    let mut found = names.clone();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(document["Version"], 1);
    assert!(cloud.summary().role_arn.contains(document["AccountId"].as_str().expect("an account")));
    let expiration = document["Expiration"].as_str().expect("a time");
    assert!(expiration.len() == 20 && expiration.ends_with('Z'), "{expiration}");
    assert_eq!(credentials(&cloud, &["lab", "--json"]).succeeded().stdout, output.stdout);
    assert!(cloud.sandbox().recorder().calls().is_empty(), "nobody was asked");
}

/// behaviour: credentials
#[test]
fn a_failure_is_one_line_that_helps() {
    let cloud = Cloud::start();
    let run = cloud.env.pintail(["credentials", "lab", "--color", "always"]).set("CLICOLOR_FORCE", "1");
    one_line(&run.output().exited(4), "pintail login lab");
    one_line(&credentials(&cloud, &["nothing"]).exited(6), "there is no bookmark nothing");
    one_line(&credentials(&cloud, &["lab", "--keychain", "paper"]).exited(2), "paper");
    cloud.sign_in("lab", 0).succeeded();
    let user = cloud.summary().users[0].username.clone();
    cloud.sandbox().world().revoke_sign_ins(&user);
    cloud.bookmark("lab", &["--session-name", "other"]);
    one_line(&credentials(&cloud, &["lab"]).exited(4), "pintail login lab");
}

/// What other programs do not pass on can be said on the command line.
///
/// behaviour: credentials
#[test]
fn options_stand_in_for_variables() {
    let cloud = Cloud::signed_in();
    let home = cloud.env.home().to_string_lossy().into_owned();
    let arguments = ["credentials", "--home", &home, "--keychain", "file", "lab"];
    let run = cloud.env.pintail(arguments).unset("PINTAIL_HOME").unset("PINTAIL_KEYCHAIN").unset("HOME");
    run.stdout_is_secret().output().succeeded();
    let run = cloud.env.pintail(["credentials", "lab"]).unset("PINTAIL_HOME").stdout_is_secret();
    run.output().exited(6);
}

/// behaviour: credentials
#[test]
fn an_interactive_call_signs_in_and_talks_on_standard_error() {
    let mut cloud = Cloud::start();
    let (script, pipe) = (cloud.env.work().join("browser"), cloud.env.work().join("address"));
    let made = cloud.env.program("mkfifo".as_ref(), [pipe.to_string_lossy()]).output();
    made.succeeded();
    fs::write(&script, format!("#!/bin/sh\necho \"$1\" > '{}'\n", pipe.display())).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).expect("a script");
    cloud.env.set("BROWSER", script);
    let run = cloud.env.pintail(["credentials", "lab", "--interactive", "--json"]).stdout_is_secret().start();
    // Opens once the script has the address to write.
    let address = fs::read_to_string(&pipe).expect("an address");
    cloud.person(0).sign_in(address.trim()).expect("a sign-in");
    let output = run.finish().succeeded();
    assert_eq!(output.json()["Version"], 1);
    assert!(output.stderr.contains("sign-in page"), "{}", output.stderr);
    // From now on it is warm.
    assert_eq!(credentials(&cloud, &["lab", "--interactive"]).succeeded().stdout, output.stdout);
}

/// behaviour: credentials, renewal
#[test]
fn fifty_at_once_cause_one_exchange_when_renewal_is_due() {
    // Ten minutes are left of an hour.
    let cloud = bought_before(SignedDuration::from_mins(50), "3600");
    let runs: Vec<_> =
        (0..50).map(|_| cloud.env.pintail(["credentials", "lab"]).stdout_is_secret().start()).collect();
    let mut documents: Vec<String> = runs.into_iter().map(|run| run.finish().succeeded().stdout).collect();
    assert_eq!(exchanges(&cloud), 1);
    assert_eq!(cloud.sandbox().recorder().count(Service::Issuer, "token"), 1, "one refresh");
    documents.dedup();
    assert_eq!(documents.len(), 1, "all were given the same one");
    let document: Value = serde_json::from_str(&documents[0]).expect("JSON");
    assert!(left(&cloud, &document) > SignedDuration::from_mins(55));
}

/// behaviour: credentials
#[test]
fn less_than_a_quarter_of_an_hour_is_renewed_and_lent_only_where_that_fails() {
    // Of half an hour 13 minutes are left: the session itself would renew in the last third only.
    for (age, duration) in [(50, "3600"), (17, "1800")] {
        let cloud = bought_before(SignedDuration::from_mins(age), duration);
        let refused = Fault::new(
            Service::Sts,
            "AssumeRoleWithWebIdentity",
            Effect::status(403, "AccessDenied", "not now"),
        );
        cloud.sandbox().faults().add(refused.always());
        let document = credentials(&cloud, &["lab"]).succeeded().json();
        assert!(left(&cloud, &document) < SignedDuration::from_mins(15), "the old one is lent");
        cloud.sandbox().faults().clear();
        cloud.sandbox().recorder().clear();
        let document = credentials(&cloud, &["lab"]).succeeded().json();
        assert!(left(&cloud, &document) > SignedDuration::from_mins(25), "{age}: a new one is lent");
        assert_eq!(exchanges(&cloud), 1);
    }
    // A quarter of an hour in all: no renewal gives more, and not every call causes one.
    let cloud = bought_before(SignedDuration::from_mins(5), "900");
    let documents = [(); 2].map(|()| credentials(&cloud, &["lab"]).succeeded().stdout);
    assert_eq!(documents[0], documents[1]);
    assert!(exchanges(&cloud) <= 1);
}

/// The endpoint keeps the same rule as the command.
///
/// behaviour: credentials, exec
#[test]
fn the_endpoint_renews_what_has_fourteen_minutes_left() {
    for (age, asked) in [(46, 1), (40, 0)] {
        let cloud = bought_before(SignedDuration::from_mins(age), "3600");
        let script =
            "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; echo $AWS_CONTAINER_AUTHORIZATION_TOKEN; read end";
        let run = cloud.env.pintail(["exec", "lab", "--", "sh", "-c", script]).stdout_is_secret();
        let mut running = run.start();
        let (uri, token) = (running.next_line().expect("a line"), running.next_line().expect("a line"));
        let uri = uri.parse().expect("an address");
        let answer = http::get(&uri, &[("authorization", &token)]).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(exchanges(&cloud), asked, "{age} minutes old");
        let fresh = left(&cloud, &answer.json()) > SignedDuration::from_mins(55);
        assert_eq!(fresh, asked == 1, "{age} minutes old");
        running.type_in("\n");
        running.finish().succeeded();
    }
}

/// A home without anything says what to do first.
#[test]
fn an_empty_home_is_told_so() {
    one_line(&home().run(["credentials"]).exited(2), "there is no bookmark yet");
}

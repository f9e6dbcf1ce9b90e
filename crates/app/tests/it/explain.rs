//! `pintail explain`: `docs/behaviour.md`, section explain.

use pintail_testkit::environment::TestEnv;

use crate::cloud::home;

const PAGE: &str = "Sign in\nSorry, but we’re having trouble signing you in.\n\nAADSTS50011: The redirect URI 'http://127.0.0.1:8400/' specified in the request does not match the redirect URIs configured for the application '11111111-2222-4333-8444-555555555555'.\nRequest Id: aaaaaaaa-0000-4000-8000-000000000001\nCorrelation Id: bbbbbbbb-0000-4000-8000-000000000002\nTimestamp: 2026-11-27T10:11:12Z\n";

fn explained(env: &TestEnv, pasted: &str) -> Vec<serde_json::Value> {
    env.pintail(["explain", "-", "--json"]).stdin(pasted).output().succeeded().json_lines()
}

/// behaviour: explain
#[test]
fn a_number_a_code_and_a_whole_page_are_answered() {
    let env = home();
    for typed in [vec!["explain", "50011"], vec!["explain", "AADSTS50011"], vec!["explain", "error", "50011"]]
    {
        let said = env.run(typed).succeeded();
        assert!(
            said.stdout.contains("AADSTS50011") && said.stdout.contains("Mobile and desktop"),
            "{}",
            said.stdout
        );
        assert!(said.stdout.contains("the admin of Entra"), "{}", said.stdout);
        assert!(
            said.stdout.contains("https://login.microsoftonline.com/error?code=50011"),
            "{}",
            said.stdout
        );
        assert!(said.stderr.is_empty(), "{}", said.stderr);
    }
    // Without words, what is piped in is read.
    let said = env.pintail(["explain"]).stdin(PAGE).output().succeeded();
    for part in [
        "redirect http://127.0.0.1:8400/",
        "client ID 11111111-2222-4333-8444-555555555555",
        "correlation ID bbbbbbbb-0000-4000-8000-000000000002",
        "trace ID aaaaaaaa-0000-4000-8000-000000000001",
        "time 2026-11-27T10:11:12Z",
        "--only redirect",
    ] {
        assert!(said.stdout.contains(part), "{part} in {}", said.stdout);
    }
    let lines = explained(&env, PAGE);
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!(line["version"], 1);
    assert_eq!((line["event"].as_str(), line["id"].as_str()), (Some("answer"), Some("AADSTS50011")));
    assert_eq!((line["known"].as_bool(), line["who"].as_str()), (Some(true), Some("entra-admin")));
    assert_eq!(line["checks"], serde_json::json!(["redirect"]));
    assert_eq!(line["ids"]["correlation_id"], "bbbbbbbb-0000-4000-8000-000000000002");
    assert_eq!(line["named"]["redirect"], "http://127.0.0.1:8400/");
}

/// The three lines of troubleshooting that people find elsewhere, with the true causes, and others.
///
/// behaviour: explain
#[test]
fn the_same_code_is_told_apart_by_its_words_and_its_call() {
    let env = home();
    for (pasted, id, part) in [
        ("Not authorized to perform sts:AssumeRoleWithWebIdentity", "sts-access-denied", "letter by letter"),
        ("Request ARN is invalid", "sts-role-arn-invalid", "Correct the role ARN"),
        ("The security token included in the request is invalid", "sts-unknown-key", "AWS_SESSION_TOKEN"),
        (
            "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: Incorrect token audience",
            "sts-wrong-audience",
            "audiences of the provider",
        ),
        (
            "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: No OpenIDConnect provider found in your account for https://login.microsoftonline.com/8cf9b537-8553-4ece-a7a8-020492cb0174/v2.0",
            "sts-no-provider",
            "exactly this URL: https://login.microsoftonline.com/8cf9b537-8553-4ece-a7a8-020492cb0174/v2.0",
        ),
        (
            "An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied",
            "s3-access-denied",
            "pintail whoami",
        ),
        (
            "AccessDenied: User: x is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::data/a\" with an explicit deny in a service control policy",
            "denied-scp",
            "organization",
        ),
    ] {
        let lines = explained(&env, pasted);
        assert_eq!(lines.len(), 1, "{pasted}: {lines:?}");
        assert_eq!(lines[0]["id"], id, "{pasted}");
        assert!(lines[0]["next"].to_string().contains(part), "{pasted}: {}", lines[0]["next"]);
    }
}

/// behaviour: explain
#[test]
fn a_log_is_answered_in_order_and_what_is_unknown_is_said_to_be() {
    let env = home();
    let log = "10:00 AADSTS50105: not assigned\n10:01 all is well\n10:02 AccessDenied: Access Denied for s3://data/a\n10:03 AADSTS50105: not assigned\n10:04 AADSTS999999: news\n";
    let lines = explained(&env, log);
    let ids: Vec<_> =
        lines.iter().map(|line| (line["id"].as_str().unwrap(), line["times"].as_u64().unwrap())).collect();
    assert_eq!(ids, [("AADSTS50105", 2), ("s3-access-denied", 1), ("AADSTS999999", 1)]);
    assert_eq!(lines[2]["known"], false);
    let said = env.run(["explain", "AADSTS999999"]).succeeded();
    for part in ["not known here", "pintail doctor", "https://login.microsoftonline.com/error?code=999999"] {
        assert!(said.stdout.contains(part), "{part} in {}", said.stdout);
    }
    let nothing = env.run(["explain", "hello", "world"]).exited(6);
    assert!(nothing.stderr.contains("recognised") && nothing.stdout.is_empty(), "{}", nothing.stderr);
    let nothing = env.pintail(["explain", "--json"]).stdin("").output().exited(6);
    assert_eq!(nothing.json()["code"], 6);
}

/// behaviour: explain
#[test]
fn what_our_own_failures_say_is_explained_by_the_same_words() {
    let env = home();
    // What a failed command of ours printed, texts and JSON line alike.
    let failed = env.run(["ls", "nowhere:", "--json"]);
    assert_ne!(failed.code(), Some(0));
    let ours = "error: bookmark lab has no credential\n  because: the sign-in could not be exchanged for a credential\n  because: STS refused AssumeRoleWithWebIdentity: InvalidIdentityToken (400)\n  because: STS says: Incorrect token audience\n  because: request cccccccc-0000-4000-8000-000000000003";
    let lines = explained(&env, ours);
    assert_eq!((lines.len(), lines[0]["id"].as_str()), (1, Some("sts-wrong-audience")));
    assert_eq!(lines[0]["ids"]["request_id"], "cccccccc-0000-4000-8000-000000000003");
    let line = serde_json::json!({ "version": 1, "event": "error", "code": 5, "message": "could not list s3://data: permission is denied (AccessDenied)", "causes": ["S3 says: Access Denied", "request 4442587FB7D0A2F9"], "next": [] });
    let lines = explained(&env, &line.to_string());
    assert_eq!((lines.len(), lines[0]["id"].as_str()), (1, Some("s3-access-denied")));
    assert_eq!(lines[0]["named"]["bucket"], "data");
}

/// behaviour: explain, secrets
#[test]
fn secrets_that_are_pasted_are_never_shown() {
    let env = home();
    let secrets = [
        "0.AXoAvaN9YtZ5p0KZqwerty1234567890AbCdEfGhIjKl",
        "state-4f1c0dbb7f1e9a2b",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ];
    for (index, secret) in secrets.iter().enumerate() {
        env.secret(&format!("pasted {index}"), secret);
    }
    let [code, state, key] = secrets;
    let pasted = format!(
        "http://localhost:4711/?error=access_denied&error_description=AADSTS65004%3a+declined&code={code}&state={state}\naws_secret_access_key = {key}\nAn error occurred (BrandNew) when calling the PutObject operation: refused {key}\n"
    );
    for json in [None, Some("--json")] {
        let said = env.pintail(["explain", "-"].into_iter().chain(json)).stdin(&pasted).output().succeeded();
        assert!(said.stdout.contains("AADSTS65004") && said.stdout.contains("BrandNew"), "{}", said.stdout);
        for secret in secrets {
            assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret), "{}", said.stdout);
        }
    }
    // Nor does anything that acts on a terminal come back.
    let said = env
        .pintail(["explain"])
        .stdin("AADSTS90002: Tenant 'a\u{1b}[2J.b' not found\u{202e}")
        .output()
        .succeeded();
    assert!(!said.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", said.stdout);
}

/// behaviour: explain, questions
#[test]
fn a_person_at_a_terminal_is_asked_to_paste() {
    let env = home();
    let mut asking = env.pintail(["explain"]).set("NO_COLOR", "1").start_on_terminal();
    asking.wait_for_question("Paste the error");
    asking.type_in("AADSTS50105: not assigned\n\u{4}");
    let said = asking.finish().succeeded();
    assert!(format!("{}{}", said.stdout, said.stderr).contains("Enterprise applications"), "{}", said.stdout);
}

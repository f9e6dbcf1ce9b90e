//! Policies tried out before they are in force: `docs/behaviour.md`, section policy.

use std::fs;

use pintail_testkit::environment::TestEnv;
use serde_json::{Value, json};

use crate::cloud::home;

const PREFIX: &str = "login.microsoftonline.com/8cf9b537-8553-4ece-a7a8-020492cb0174/v2.0";
const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
const SUBJECT: &str = "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ";

fn write(env: &TestEnv, name: &str, text: &str) {
    fs::write(env.work().join(name), text).expect("written");
}

/// A home with a trust policy that tests the client ID and the subject, and the claims of a token that it admits.
fn with_trust() -> TestEnv {
    let env = home();
    write(&env, "trust.json", &trust(r#""sts:AssumeRoleWithWebIdentity""#));
    write(&env, "claims.json", &claims(json!({})).to_string());
    env
}

fn trust(actions: &str) -> String {
    let provider = format!("arn:aws:iam::123456789012:oidc-provider/{PREFIX}");
    let text = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Web","Effect":"Allow","Principal":{"Federated":"PROVIDER"},
        "Action":ACTIONS,"Condition":{"StringEquals":{"P:aud":"CLIENT","P:sub":"SUBJECT"}}}]}"#;
    text.replace("PROVIDER", &provider)
        .replace("ACTIONS", actions)
        .replace("P:", &format!("{PREFIX}:"))
        .replace("CLIENT", CLIENT)
        .replace("SUBJECT", SUBJECT)
}

fn claims(more: Value) -> Value {
    let mut claims = json!({"iss": format!("https://{PREFIX}"), "aud": CLIENT, "sub": SUBJECT});
    claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    claims
}

const READ: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]},
    {"Sid":"Tls","Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#;

/// behaviour: policy
#[test]
fn a_trust_policy_admits_a_token_or_says_which_line_does_not() {
    let env = with_trust();
    let admitted = env.run(["policy", "trust", "trust.json", "--token-claims", "claims.json"]).succeeded();
    assert!(
        admitted.stdout.contains("admitted") && admitted.stdout.contains("statement \"Web\""),
        "{}",
        admitted.stdout
    );
    assert!(admitted.stderr.contains("not looked at:"), "{}", admitted.stderr);

    write(&env, "other.json", &claims(json!({"aud": "99999999-2222-3333-4444-555555555555"})).to_string());
    let refused = env.run(["policy", "trust", "trust.json", "--token-claims", "other.json"]).exited(5);
    let line = refused.stdout.find("no   StringEquals").expect("the line that does not hold");
    let after = &refused.stdout[line..];
    assert!(
        after.contains(":aud") && after.contains(CLIENT) && after.contains("99999999-"),
        "{}",
        refused.stdout
    );
    assert!(refused.stderr.contains("next:"), "{}", refused.stderr);

    let json =
        env.run(["policy", "trust", "trust.json", "--claims", "other.json", "--json"]).exited(5).json();
    assert_eq!((&json["admitted"], &json["reason"]), (&false.into(), &"nothing_admits".into()));
    let lines = &json["actions"][0]["policies"][0]["statements"][0]["conditions"];
    assert_eq!((&lines[0]["holds"], &lines[1]["holds"]), (&false.into(), &true.into()));
    assert_eq!(lines[0]["actual"], json!(["99999999-2222-3333-4444-555555555555"]));
    assert_eq!(lines[0]["expected"], json!([{"value": CLIENT}]));
}

/// behaviour: policy
#[test]
fn nobody_is_shown_whole_and_a_token_never() {
    let env = with_trust();
    let mail = "alice.admin@contoso.example";
    write(&env, "mail.json", &claims(json!({"email": mail, "amr": ["pwd"]})).to_string());
    let policy = trust(r#""sts:AssumeRoleWithWebIdentity""#)
        .replace(":sub\"", ":email\"")
        .replace(SUBJECT, "bob.builder@contoso.example");
    write(&env, "mail-trust.json", &policy);
    let with_name = |policy: &str, claims: &str| {
        let name = format!("--session-name={SUBJECT}");
        let text = env.run(["policy", "trust", policy, "--claims", claims, &name, "--all"]);
        let json = env.run(["policy", "trust", policy, "--claims", claims, &name, "--all", "--json"]);
        format!("{}{}{}{}", text.stdout, text.stderr, json.stdout, json.stderr)
    };
    let all = with_name("trust.json", "claims.json") + &with_name("mail-trust.json", "mail.json");
    for hidden in [SUBJECT, mail, "bob.builder@contoso.example"] {
        assert!(!all.contains(hidden), "{all}");
    }
    assert!(all.contains("…btaQ") && all.contains("…mple"), "{all}");

    let token = token_of(&claims(json!({})));
    env.secret("ID token", &token);
    write(&env, "token.jwt", &format!("{token}\n"));
    let decoded = env.run(["policy", "trust", "trust.json", "--token", "token.jwt"]).succeeded();
    assert!(decoded.stderr.contains("not verified"), "{}", decoded.stderr);
    let piped =
        env.pintail(["policy", "trust", "trust.json", "--token", "-", "--json"]).stdin(&token).output();
    assert_eq!(piped.succeeded().json()["verified"], false);
    // Of its own and nobody's secret: what was typed stands in the record of the run.
    let typed_token = token_of(&claims(json!({ "jti": "typed" })));
    let typed = env.run(["policy", "trust", "trust.json", "--token", &typed_token]).exited(2);
    assert!(
        !typed.stderr.contains(&typed_token) && typed.stderr.contains("command line"),
        "{}",
        typed.stderr
    );
    write(&env, "broken.jwt", "eyJ-no-token-at-all");
    let broken = env.run(["policy", "trust", "trust.json", "--token", "broken.jwt"]).exited(1);
    assert!(!broken.stderr.contains("no-token-at-all"), "{}", broken.stderr);
}

/// An unsigned token with these claims.
fn token_of(claims: &Value) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        encode(r#"{"alg":"RS256"}"#),
        encode(&claims.to_string()),
        encode("no signature at all")
    )
}

/// behaviour: policy
#[test]
fn what_a_token_carries_and_what_sts_refuses_by_itself() {
    let env = with_trust();
    let tagged = claims(json!({"https://aws.amazon.com/tags/principal_tags/team": "birds"}));
    write(&env, "tagged.json", &tagged.to_string());
    let refused =
        env.run(["policy", "trust", "trust.json", "--claims", "tagged.json", "--json"]).exited(5).json();
    assert_eq!((&refused["reason"], &refused["action"]), (&"carries_tags".into(), &"sts:TagSession".into()));
    let refused = env.run(["policy", "trust", "trust.json", "--claims", "tagged.json"]).exited(5);
    assert!(refused.stderr.contains("\"sts:TagSession\""), "{}", refused.stderr);
    write(&env, "tags.json", &trust(r#"["sts:AssumeRoleWithWebIdentity","sts:TagSession"]"#));
    env.run(["policy", "trust", "tags.json", "--claims", "tagged.json"]).succeeded();

    let slash = claims(json!({"iss": format!("https://{PREFIX}/")}));
    write(&env, "slash.json", &slash.to_string());
    let refused = env.run(["policy", "trust", "trust.json", "--claims", "slash.json"]).exited(5);
    assert!(refused.stdout.contains("STS itself refuses"), "{}", refused.stdout);

    write(&env, "groups.json", &trust(r#""sts:AssumeRoleWithWebIdentity""#).replace(":sub\"", ":groups\""));
    let refused =
        env.run(["policy", "trust", "groups.json", "--claims", "claims.json", "--json"]).exited(5).json();
    let line = &refused["actions"][0]["policies"][0]["statements"][0]["conditions"][1];
    assert_eq!((&line["absence"], &line["actual"]), (&"never_for_this_issuer".into(), &Value::Null));
}

/// behaviour: policy
#[test]
fn permission_policies_allow_or_say_what_is_missing() {
    let env = home();
    write(&env, "read.json", READ);
    let get = ["policy", "test", "--policy", "read.json", "--action", "s3:GetObject"];
    let ask = |more: &[&str]| env.run(get.iter().chain(more));
    let allowed = ask(&["--resource", "s3://photos/a/b.jpg"]).succeeded();
    assert!(
        allowed.stdout.starts_with("allowed") && allowed.stdout.contains("\"Read\""),
        "{}",
        allowed.stdout
    );
    assert!(
        allowed.stderr.contains("service control policies")
            && allowed.stderr.contains("the permissions boundary")
    );
    let denied = ask(&["--resource", "s3://films/a"]).exited(5);
    assert!(denied.stdout.contains("no permission policy allows it"), "{}", denied.stdout);
    assert!(denied.stdout.contains("arn:aws:s3:::photos or arn:aws:s3:::photos/*"), "{}", denied.stdout);
    let denied = ask(&["--resource", "s3://photos/a", "--context", "aws:SecureTransport=false"]).exited(5);
    assert!(denied.stdout.contains("statement \"Tls\" denies it"), "{}", denied.stdout);

    // Several at once.
    let some = ask(&[
        "--action",
        "s3:PutObject",
        "--resource",
        "s3://photos/a",
        "--resource",
        "s3://films/a",
        "--json",
    ]);
    let lines = some.exited(3).json_lines();
    let decisions: Vec<_> = lines.iter().map(|line| line["decision"].as_str().expect("a text")).collect();
    assert_eq!(decisions, ["allow", "implicit_deny", "implicit_deny", "implicit_deny"]);
    assert_eq!(
        lines[0]["decided_by"],
        json!({"kind": "identity", "policy": "read.json", "index": 0, "sid": "Read"})
    );
    assert_eq!(lines[1]["nothing_allows"], "identity");

    // What narrows.
    write(&env, "put.json", r#"{"Statement":{"Effect":"Allow","Action":"s3:Put*","Resource":"*"}}"#);
    write(&env, "no-put.json", r#"{"Statement":{"Effect":"Deny","Action":"s3:Put*","Resource":"*"}}"#);
    for (option, kind) in [("--session-policy", "session"), ("--boundary", "boundary"), ("--scp", "scp")] {
        let denied = ask(&["--resource", "s3://photos/a", option, "put.json", "--json"]).exited(5).json();
        assert_eq!(denied["nothing_allows"], kind);
    }
    let assumed = ask(&["--resource", "s3://photos/a", "--scp", "no-put.json"]).succeeded();
    assert!(assumed.stderr.contains("FullAWSAccess"), "{}", assumed.stderr);

    // The policy of the bucket, and who asks.
    let role = "arn:aws:iam::123456789012:role/Reader";
    let bucket = format!(
        r#"{{"Statement":{{"Sid":"Role only","Effect":"Allow","Principal":{{"AWS":"{role}"}},"Action":"s3:GetObject","Resource":"arn:aws:s3:::films/*"}}}}"#
    );
    write(&env, "bucket.json", &bucket);
    env.run([
        "policy",
        "test",
        "--resource-policy",
        "bucket.json",
        "--action",
        "s3:GetObject",
        "--resource",
        "s3://films/a",
    ])
    .exited(2);
    let named = ["--resource", "s3://films/a", "--resource-policy", "bucket.json", "--principal", role];
    let allowed = ask(&named).succeeded();
    assert!(allowed.stdout.contains("\"Role only\""), "{}", allowed.stdout);
    let elsewhere = [&named[..], &["--resource-account", "999999999999"]].concat();
    ask(&elsewhere).exited(5);
    write(
        &env,
        "rcp.json",
        r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}}"#,
    );
    ask(&[&named[..], &["--rcp", "rcp.json"]].concat()).exited(5);
}

/// behaviour: policy
#[test]
fn a_session_keeps_what_its_token_said() {
    let env = with_trust();
    let own = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::home/${P:sub}/*"}}"#;
    write(&env, "own.json", &own.replace("P:", &format!("{PREFIX}:")));
    let provider = format!("arn:aws:iam::123456789012:oidc-provider/{PREFIX}");
    let ask = |resource: &str| {
        let arguments = ["--action", "s3:GetObject", "--resource", resource, "--claims", "claims.json"];
        env.run(["policy", "test", "--policy", "own.json", "--provider", &provider].iter().chain(&arguments))
    };
    let allowed = ask(&format!("s3://home/{SUBJECT}/x")).succeeded();
    assert!(allowed.stdout.contains("arn:aws:s3:::home/…btaQ/x") && !allowed.stdout.contains(SUBJECT));
    ask("s3://home/somebody-else/x").exited(5);
}

/// behaviour: policy
#[test]
fn cases_of_a_file_are_compared_with_what_is_expected() {
    let env = with_trust();
    fs::create_dir(env.work().join("ci")).expect("a folder");
    write(&env, "ci/read.json", READ);
    write(&env, "ci/trust.json", &trust(r#""sts:AssumeRoleWithWebIdentity""#));
    let head = "version = 1\n[defaults]\npolicies = \"read.json\"\nresource = \"s3://photos/x\"\n";
    let good = format!(
        r#"{head}
[[case]]
name = "reads"
expect = "allow"
action = ["s3:GetObject"]
[[case]]
name = "plain http"
expect = "explicit_deny"
action = "s3:GetObject"
context = {{ "aws:SecureTransport" = false }}
[[case]]
name = "the right person"
expect = "allow"
trust = "trust.json"
claims = {{ aud = "{CLIENT}", sub = "{SUBJECT}" }}
"#
    );
    write(&env, "ci/good.toml", &good);
    let done = env.run(["policy", "run", "ci/good.toml"]).succeeded();
    assert_eq!(done.stdout.lines().filter(|line| line.starts_with("ok")).count(), 3, "{}", done.stdout);
    assert!(done.stderr.contains("3 of 3 cases as expected"), "{}", done.stderr);

    let wrong = "[[case]]\nname = \"writes\"\nexpect = \"allow\"\naction = \"s3:PutObject\"\n";
    write(&env, "ci/some.toml", &format!("{good}{wrong}"));
    let some = env.run(["policy", "run", "ci/some.toml", "--json"]).exited(3).json_lines();
    assert_eq!((&some[0]["met"], &some[3]["met"]), (&true.into(), &false.into()));
    assert_eq!(some[3]["outcome"][0]["nothing_allows"], "identity");
    write(&env, "ci/none.toml", &format!("{head}{wrong}"));
    let none = env.run(["policy", "run", "ci/none.toml"]).exited(1);
    assert!(none.stdout.contains("came out  implicit_deny"), "{}", none.stdout);
    // A policy that cannot be read is no denial.
    write(
        &env,
        "ci/gone.toml",
        "version = 1\n[[case]]\nexpect = \"deny\"\npolicies = \"no.json\"\naction = \"s3:GetObject\"\nresource = \"*\"\n",
    );
    let gone = env.run(["policy", "run", "ci/gone.toml"]).exited(1);
    assert!(gone.stdout.contains("not asked") && gone.stdout.contains("no.json"), "{}", gone.stdout);
    write(&env, "ci/bad.toml", "version = 1\n[[case]]\nexpect = \"perhaps\"\n");
    let bad = env.run(["policy", "run", "ci/bad.toml"]).exited(2);
    assert!(bad.stderr.contains("expect is none of allow, deny"), "{}", bad.stderr);
}

/// behaviour: policy
#[test]
fn what_nobody_should_write_is_found() {
    let env = with_trust();
    let clean = env.run(["policy", "lint", "trust.json"]).succeeded();
    assert!(clean.stdout.is_empty() && clean.stderr.contains("nothing found"), "{}", clean.stdout);
    write(&env, "open.json", &trust(r#""sts:AssumeRoleWithWebIdentity""#).replace(":aud\"", ":oid\""));
    let found = env.run(["policy", "lint", "open.json", "--json"]).exited(1).json_lines();
    let names: Vec<_> = found.iter().map(|line| line["finding"].as_str().expect("a text")).collect();
    assert_eq!(names, ["never-filled", "no-audience"]);
    assert!(found[0]["at"].as_str().is_some_and(|at| at.starts_with("/Statement/0/Condition/StringEquals/")));
    let other =
        env.run(["policy", "lint", "trust.json", "--account", "999999999999", "--json"]).exited(1).json();
    assert_eq!(other["finding"], "other-account");

    write(
        &env,
        "wide.json",
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#,
    );
    let wide = env.run(["policy", "lint", "wide.json"]).succeeded();
    assert!(wide.stdout.contains("warning") && wide.stdout.contains("s3:* on *"), "{}", wide.stdout);
    env.run(["policy", "lint", "wide.json", "--strict"]).exited(1);
    env.run(["policy", "lint", "wide.json", "--strict", "--kind", "boundary"]).succeeded();

    let document =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"allow","Action":"s3:*","Resource":"*"}]}"#;
    let broken = env.pintail(["policy", "lint", "-"]).stdin(document).output().exited(1);
    assert!(broken.stderr.contains("/Statement/0/Effect: \"allow\" is neither"), "{}", broken.stderr);
    assert!(broken.stderr.contains("MalformedPolicyDocument"), "{}", broken.stderr);
}

/// behaviour: policy
#[test]
fn what_cannot_be_asked_is_a_usage_error() {
    let env = with_trust();
    write(&env, "read.json", READ);
    let two = trust(r#""sts:AssumeRoleWithWebIdentity""#).replace(
        &format!("{{\"Federated\":\"arn:aws:iam::123456789012:oidc-provider/{PREFIX}\"}}"),
        r#"{"Federated":["arn:aws:iam::1:oidc-provider/a.example","arn:aws:iam::1:oidc-provider/b.example"]}"#,
    );
    write(&env, "two.json", &two);
    for arguments in [
        &["policy", "trust", "trust.json"][..],
        &["policy", "trust", "two.json", "--claims", "claims.json"],
        &["policy", "test", "--policy", "read.json", "--action", "s3:Get*", "--resource", "*"],
        &["policy", "test", "--policy", "read.json", "--action", "GetObject", "--resource", "*"],
        &["policy", "test", "--policy", "read.json", "--action", "s3:GetObject", "--resource", "photos/x"],
        &[
            "policy",
            "test",
            "--policy",
            "read.json",
            "--action",
            "s3:GetObject",
            "--resource",
            "*",
            "--principal",
            "ann",
        ],
        &[
            "policy",
            "test",
            "--policy",
            "read.json",
            "--action",
            "s3:GetObject",
            "--resource",
            "*",
            "--context",
            "x",
        ],
        &["policy", "test", "--action", "s3:GetObject", "--resource", "*"],
    ] {
        env.run(arguments).exited(2);
    }
    let policy = trust(r#""sts:AssumeRoleWithWebIdentity""#);
    let twice = env.pintail(["policy", "trust", "-", "--claims", "-"]).stdin(&policy).output().exited(2);
    assert!(twice.stderr.contains("once"), "{}", twice.stderr);
    env.run(["policy", "lint", "no-such-file.json"]).exited(6);
    write(&env, "list.json", "[1]");
    env.run(["policy", "trust", "trust.json", "--claims", "list.json"]).exited(1);
}

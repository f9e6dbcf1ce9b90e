//! The exchange: what STS checks, in which words it refuses, and what a session may do.

use serde_json::{Value, json};

use super::bench::Bench;
use crate::locked;
use crate::{Effect, Fault, Service};

/// Signs a variation of a token's claims with the issuer's own key.
fn reissued(bench: &Bench, token: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = super::bench::claims(token);
    change(&mut claims);
    locked(&bench.sandbox.core.directory).keys[0].sign(&claims)
}

#[tokio::test]
async fn a_token_is_judged_in_awss_words() {
    let bench = Bench::start().await;
    let token = bench.id_token("alice").await;
    let issuer = bench.sandbox.summary().issuer.clone();
    type Change = fn(&mut Value);
    let cases: [(&str, Change, u16, &str, &str); 8] = [
        (
            "other audience",
            |claims| claims["aud"] = json!("other"),
            400,
            "InvalidIdentityToken",
            "Incorrect token audience",
        ),
        (
            "azp counts",
            |claims| claims["azp"] = json!("other"),
            400,
            "InvalidIdentityToken",
            "Incorrect token audience",
        ),
        ("two audiences", |claims| claims["aud"] = json!(["a", "b"]), 400, "InvalidIdentityToken", "azp"),
        ("no subject", |claims| claims["sub"] = Value::Null, 400, "InvalidIdentityToken", "sub"),
        (
            "expired",
            |claims| claims["exp"] = json!(1),
            400,
            "ExpiredTokenException",
            "Token expired: current date/time",
        ),
        (
            "from the future",
            |claims| claims["iat"] = json!(4_000_000_000_i64),
            400,
            "InvalidIdentityToken",
            "not yet valid",
        ),
        (
            "slash",
            |claims| claims["iss"] = json!(format!("{}/", claims["iss"].as_str().unwrap())),
            400,
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for",
        ),
        (
            "roles",
            |claims| claims["https://aws.amazon.com/roles"] = json!("arn:aws:iam::1:role/x"),
            400,
            "InvalidIdentityToken",
            "roles",
        ),
    ];
    for (name, change, status, code, message) in cases {
        let answer = bench.exchange(&reissued(&bench, &token, change), &[]).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{name}: {}", answer.text);
        assert!(answer.element("Message").contains(message), "{name}: {}", answer.text);
    }
    let answer = bench.exchange(&token, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.element("Provider").ends_with(issuer.trim_start_matches("http://")));
    assert_eq!(answer.element("Expiration"), "2026-09-01T13:00:00Z");

    // Five minutes of slack after the end, not more.
    bench.advance(3600 + 299);
    assert_eq!(bench.exchange(&token, &[]).await.status, 200);
    bench.advance(1);
    assert_eq!(bench.exchange(&token, &[]).await.refusal(), (400, "ExpiredTokenException".into()));
}

#[tokio::test]
async fn parameters_are_judged_first() {
    let bench = Bench::start().await;
    let long = "x".repeat(20_001);
    for (name, value) in [
        ("RoleSessionName", "x"),
        ("RoleSessionName", "with space"),
        ("DurationSeconds", "899"),
        ("DurationSeconds", "43201"),
        ("RoleArn", "arn:aws:iam::123456789012:user/u"),
        ("WebIdentityToken", long.as_str()),
    ] {
        assert_eq!(
            bench.exchange("a.b.c", &[(name, value)]).await.refusal(),
            (400, "ValidationError".into()),
            "{name}"
        );
    }
    assert_eq!(bench.exchange("a.b.c", &[("ProviderId", "www.amazon.com")]).await.refusal().0, 403);
    assert_eq!(bench.exchange("abcdef", &[]).await.refusal(), (400, "InvalidIdentityToken".into()));
    let token = bench.id_token("bob").await;
    let read_only = bench.sandbox.summary().read_only_role_arn.clone();
    let answer = bench.exchange(&token, &[("RoleArn", &read_only), ("DurationSeconds", "3601")]).await;
    assert_eq!(
        answer.element("Message"),
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    );
}

#[tokio::test]
async fn trust_policies_decide_over_claims() {
    let bench = Bench::start().await;
    let token = bench.id_token("alice").await;
    let world = bench.sandbox.world();
    let role = world.role("PintailSandbox").unwrap();
    let issuer = bench.sandbox.summary().issuer.trim_start_matches("http://").to_owned();
    let statement: Value = serde_json::from_str::<Value>(&role.trust_policy).unwrap()["Statement"][0].clone();
    let trust = |condition: Value, actions: Value| {
        let mut statement = statement.clone();
        statement["Condition"] = condition;
        statement["Action"] = actions;
        let mut changed = role.clone();
        changed.trust_policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        world.put_role(changed);
    };
    let only = json!("sts:AssumeRoleWithWebIdentity");
    let key = |name: &str| format!("{issuer}:{name}");
    type Change = fn(&mut Value);
    let same: Change = |_| {};
    let with_mfa: Change = |claims| claims["amr"] = json!(["pwd", "mfa"]);
    let with_role: Change = |claims| claims["https://aws.amazon.com/roles"] = claims["role-for-test"].clone();
    let with_tag: Change = |claims| claims["https://aws.amazon.com/tags/principal_tags/team"] = json!("red");
    let cases = [
        (json!({"StringEquals": {key("email"): "alice@sandbox.example"}}), only.clone(), same, 200),
        (json!({"StringEquals": {key("email"): "bob@sandbox.example"}}), only.clone(), same, 403),
        (json!({"StringEquals": {key("oid"): "anything"}}), only.clone(), same, 403),
        (json!({"StringEquals": {"sts:RoleSessionName": "test"}}), only.clone(), same, 200),
        (
            json!({"StringEquals": {"sts:RoleSessionName": format!("${{{}}}", key("sub"))}}),
            only.clone(),
            same,
            403,
        ),
        (json!({"ForAnyValue:StringEquals": {key("amr"): "mfa"}}), only.clone(), same, 403),
        (json!({"ForAnyValue:StringEquals": {key("amr"): "mfa"}}), only.clone(), with_mfa, 200),
        (json!({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}), only.clone(), same, 200),
        (json!({"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}), only.clone(), same, 403),
        (json!({"Bool": {"sts:RoleAuthorizedByIdp": "true"}}), only.clone(), same, 403),
        (json!({"Bool": {"sts:RoleAuthorizedByIdp": "true"}}), only.clone(), with_role, 200),
        (json!({}), only.clone(), with_tag, 403),
        (json!({"StringEquals": {"aws:RequestTag/team": "red"}}), json!(["sts:*"]), with_tag, 200),
    ];
    for (condition, actions, change, status) in cases {
        trust(condition.clone(), actions);
        let arn = role.arn.clone();
        let changed = reissued(&bench, &token, |claims| {
            claims["role-for-test"] = json!([arn]);
            change(claims);
        });
        let answer = bench.exchange(&changed, &[]).await;
        assert_eq!(answer.status, status, "{condition} {}", answer.text);
    }
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_for_an_unknown_one() {
    let bench = Bench::start().await;
    let token = bench.id_token("alice").await;
    for _ in 0..3 {
        assert_eq!(bench.exchange(&token, &[]).await.status, 200);
    }
    let fetched = || bench.sandbox.recorder().count(Service::Issuer, "keys");
    assert_eq!(fetched(), 1);
    bench.sandbox.world().roll_signing_key(true).unwrap();
    let rolled = bench.id_token("alice").await;
    assert_eq!(bench.exchange(&rolled, &[]).await.status, 200);
    assert_eq!(fetched(), 2);
    assert_eq!(bench.exchange(&token, &[]).await.refusal(), (400, "InvalidIdentityToken".into()));
}

#[tokio::test]
async fn an_issuer_that_does_not_answer() {
    let bench = Bench::start().await;
    let token = bench.id_token("alice").await;
    bench.sandbox.faults().add(Fault::new(Service::Issuer, "discovery", Effect::DropRequest));
    assert_eq!(bench.exchange(&token, &[]).await.refusal(), (400, "IDPCommunicationError".into()));
    bench.sandbox.faults().add(Fault::new(
        Service::Issuer,
        "keys",
        Effect::status(500, "server_error", "down"),
    ));
    let answer = bench.exchange(&token, &[]).await;
    assert_eq!(answer.refusal(), (400, "InvalidIdentityToken".into()));
    assert!(
        answer
            .element("Message")
            .starts_with("Couldn't retrieve verification key from your identity provider")
    );
    bench.sandbox.world().disable_sts_region(&bench.sandbox.summary().region);
    assert_eq!(bench.exchange(&token, &[]).await.refusal(), (403, "RegionDisabledException".into()));
}

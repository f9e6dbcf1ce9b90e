//! Worlds in which nothing is set up: what is there, what takes its time, and a second account beside the first.

use serde_json::{Value, json};
use url::Url;

use super::bench::{Bench, CHALLENGE, VERIFIER, value};
use super::graph::{NOBODY, admin, empty, graph, install, refused, registration, sign_in, text};
use crate::Options;
use crate::visitor::{VisitError, Visitor};

#[tokio::test]
async fn new_objects_take_their_time() {
    let bench = empty().await;
    let token = admin(&bench);
    bench.sandbox.world().delay_replication(2);
    let app = graph(&bench, &token, "POST", "/applications", registration()).await.json();
    let body = json!({"appId": app["appId"], "appRoleAssignmentRequired": false});
    for _ in 0..2 {
        let early = graph(&bench, &token, "POST", "/servicePrincipals", body.clone()).await;
        assert_eq!(early.status, 400);
        assert!(early.text.contains("NoBackingApplicationObject"));
    }
    let principal = graph(&bench, &token, "POST", "/servicePrincipals", body).await;
    assert_eq!(principal.status, 201);
    let path = format!("/servicePrincipals/{}", text(&principal.json(), "id"));
    assert_eq!(graph(&bench, &token, "GET", &path, Value::Null).await.status, 404);
    let client_id = text(&app, "appId");
    assert_eq!(refused(&bench, &client_id, "alice").await, Some(700_016));
    assert!(sign_in(&bench, &client_id, "alice").await.is_ok());
    assert_eq!(graph(&bench, &token, "GET", &path, Value::Null).await.status, 200);
}

/// Two accounts are two sandboxes: the second one's STS reads the keys of the first one's issuer.
#[tokio::test]
async fn a_second_account_trusts_the_first_ones_issuer() {
    let first = empty().await;
    let second =
        Bench::with(Options { empty: true, account_id: Some("210987654321".into()), ..Options::default() })
            .await;
    let token = admin(&first);
    let (_, client_id, principal) = install(&first, &token, registration()).await;
    let open = json!({"appRoleAssignmentRequired": false});
    let path = format!("/servicePrincipals/{principal}");
    assert_eq!(graph(&first, &token, "PATCH", &path, open).await.status, 204);

    let (key, issuer) = (second.admin_key(), first.sandbox.summary().issuer.clone());
    let made = second
        .call(
            "iam",
            &key,
            &[
                ("Action", "CreateOpenIDConnectProvider"),
                ("Url", &issuer),
                ("ClientIDList.member.1", &client_id),
            ],
        )
        .await;
    assert_eq!(made.status, 200, "{}", made.text);
    let provider = made.element("OpenIDConnectProviderArn");
    assert!(provider.starts_with("arn:aws:iam::210987654321:oidc-provider/127.0.0.1:"), "{provider}");
    let name = issuer.trim_start_matches("http://");
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {format!("{name}:aud"): client_id}}}]});
    let role = second
        .call(
            "iam",
            &key,
            &[
                ("Action", "CreateRole"),
                ("RoleName", "PintailS3"),
                ("AssumeRolePolicyDocument", &trust.to_string()),
            ],
        )
        .await;
    let role_arn = role.element("Arn");
    let bob = value(&sign_in(&first, &client_id, "bob").await.unwrap(), "code");
    let form = [
        ("client_id", client_id.as_str()),
        ("grant_type", "authorization_code"),
        ("code", &bob),
        ("redirect_uri", "pintail://oauth"),
        ("code_verifier", VERIFIER),
    ];
    let id_token = text(&first.token(&form).await.json(), "id_token");
    let exchanged = second.exchange(&id_token, &[("RoleArn", &role_arn)]).await;
    assert_eq!(exchanged.status, 200, "{}", exchanged.text);
    let identity = second.call("sts", &exchanged.key(), &[("Action", "GetCallerIdentity")]).await;
    assert_eq!(identity.element("Account"), "210987654321");
}

#[tokio::test]
async fn an_empty_world_has_people_and_buckets_and_nothing_else() {
    let bench = empty().await;
    let key = bench.admin_key();
    let roles = bench.call("iam", &key, &[("Action", "ListRoles")]).await;
    assert!(!roles.text.contains("<Arn>"), "{}", roles.text);
    let providers = bench.call("iam", &key, &[("Action", "ListOpenIDConnectProviders")]).await;
    assert!(!providers.text.contains("<Arn>"), "{}", providers.text);
    assert!(bench.sandbox.world().buckets().contains(&"pintail-demo".to_owned()));
    let summary = bench.sandbox.summary();
    for name in [&summary.admin_person, &summary.developer_person] {
        assert!(summary.users.iter().any(|user| user.username == *name));
    }
    let unknown = Visitor::new("alice@sandbox.example", "x");
    let url = Url::parse_with_params(
        &format!("{}/oauth2/v2.0/authorize", bench.tenant_base()),
        [("client_id", NOBODY), ("code_challenge", CHALLENGE)],
    )
    .unwrap();
    let error = unknown.sign_in(url.as_str()).await.unwrap_err();
    assert!(matches!(error, VisitError::Refused { number: Some(700_016), .. }), "{error:?}");
    let wrong = Options { account_id: Some("123".into()), ..Options::default() };
    assert!(crate::Sandbox::start(wrong).await.is_err());
}

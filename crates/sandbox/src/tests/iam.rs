//! IAM as an administrator uses it: pages, tags, policy versions, boundaries, patience; and Access Analyzer.

use serde_json::{Value, json};

use super::bench::{Answer, Bench, Key};
use crate::{Options, Role};

async fn iam(bench: &Bench, pairs: &[(&str, &str)]) -> Answer {
    bench.call("iam", &bench.admin_key(), pairs).await
}

async fn good(bench: &Bench, pairs: &[(&str, &str)]) -> Answer {
    let answer = iam(bench, pairs).await;
    assert_eq!(answer.status, 200, "{pairs:?}: {}", answer.text);
    answer
}

async fn code(bench: &Bench, pairs: &[(&str, &str)]) -> String {
    iam(bench, pairs).await.element("Code")
}

fn texts(answer: &Answer, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = answer.text.split(&open).skip(1);
    parts.map(|part| part.split(&close).next().unwrap().to_owned()).collect()
}

fn allow(action: &str, resource: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})
        .to_string()
}

#[tokio::test]
async fn lists_come_in_pages() {
    let bench = Bench::start().await;
    let all = texts(&good(&bench, &[("Action", "ListRoles")]).await, "RoleName");
    assert!(all.len() > 5);
    let mut paged = Vec::new();
    let mut marker = String::new();
    loop {
        let mut pairs = vec![("Action", "ListRoles"), ("MaxItems", "2")];
        if !marker.is_empty() {
            pairs.push(("Marker", &marker));
        }
        let page = good(&bench, &pairs).await;
        let names = texts(&page, "RoleName");
        assert!(names.len() <= 2);
        paged.extend(names);
        if page.element("IsTruncated") == "false" {
            break;
        }
        marker = page.element("Marker");
    }
    assert_eq!(paged, all);
    assert_eq!(code(&bench, &[("Action", "ListRoles"), ("Marker", "x")]).await, "ValidationError");
    assert_eq!(code(&bench, &[("Action", "ListRoles"), ("MaxItems", "0")]).await, "ValidationError");
    let policies = good(&bench, &[("Action", "ListPolicies"), ("Scope", "AWS")]).await;
    assert!(texts(&policies, "PolicyName").contains(&"AmazonS3FullAccess".to_owned()));
    let aliases = good(&bench, &[("Action", "ListAccountAliases")]).await;
    assert!(texts(&aliases, "member").is_empty());
    bench.sandbox.world().set_account_alias(Some("the-sandbox"));
    assert_eq!(good(&bench, &[("Action", "ListAccountAliases")]).await.element("member"), "the-sandbox");
}

#[tokio::test]
async fn roles_and_providers_carry_tags() {
    let bench = Bench::start().await;
    let provider = bench.sandbox.world().providers().remove(0);
    for (kind, name, value) in [
        ("Role", "RoleName", "PintailSandbox"),
        ("OpenIDConnectProvider", "OpenIDConnectProviderArn", &*provider),
    ] {
        let (tag, untag, list) = (format!("Tag{kind}"), format!("Untag{kind}"), format!("List{kind}Tags"));
        let put = |key: &'static str, text: &'static str| {
            [("Tags.member.1.Key", key), ("Tags.member.1.Value", text), (name, value), ("Action", &*tag)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        for (key, text) in [("pintail:setup", "work"), ("Team", "a"), ("team", "b")] {
            let owned = put(key, text);
            let pairs: Vec<(&str, &str)> = owned.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            good(&bench, &pairs).await;
        }
        let listed = good(&bench, &[("Action", &list), (name, value)]).await;
        assert_eq!(texts(&listed, "Key"), ["pintail:setup", "team"], "keys are one whatever their case");
        for (key, expected) in
            [("aws:x", "InvalidInput"), ("", "ValidationError"), ("a?b", "ValidationError")]
        {
            let pairs = [
                ("Action", tag.as_str()),
                (name, value),
                ("Tags.member.1.Key", key),
                ("Tags.member.1.Value", "v"),
            ];
            assert_eq!(code(&bench, &pairs).await, expected, "{key}");
        }
        good(&bench, &[("Action", &untag), (name, value), ("TagKeys.member.1", "TEAM")]).await;
        assert_eq!(
            bench.sandbox.world().iam_tags(value).unwrap(),
            [("pintail:setup".to_owned(), "work".to_owned())]
        );
    }
    let prints = "a".repeat(40);
    let pairs = [
        ("Action", "UpdateOpenIDConnectProviderThumbprint"),
        ("OpenIDConnectProviderArn", provider.as_str()),
        ("ThumbprintList.member.1", prints.as_str()),
    ];
    good(&bench, &pairs).await;
    let shown =
        good(&bench, &[("Action", "GetOpenIDConnectProvider"), ("OpenIDConnectProviderArn", &provider)])
            .await;
    assert!(shown.text.contains(&prints));
}

#[tokio::test]
async fn managed_policies_have_versions() {
    let bench = Bench::with(Options { empty: true, ..Options::default() }).await;
    let made = good(
        &bench,
        &[
            ("Action", "CreatePolicy"),
            ("PolicyName", "Data"),
            ("Path", "/pintail/"),
            ("PolicyDocument", &allow("s3:GetObject", "*")),
            ("Tags.member.1.Key", "pintail:setup"),
            ("Tags.member.1.Value", "work"),
        ],
    )
    .await;
    let arn = made.element("Arn");
    assert!(arn.ends_with(":policy/pintail/Data"), "{arn}");
    for n in 2..=5 {
        let pairs = [
            ("Action", "CreatePolicyVersion"),
            ("PolicyArn", arn.as_str()),
            ("PolicyDocument", &allow("s3:PutObject", "*")),
            ("SetAsDefault", if n == 3 { "true" } else { "false" }),
        ];
        assert_eq!(good(&bench, &pairs).await.element("VersionId"), format!("v{n}"));
    }
    let sixth = [
        ("Action", "CreatePolicyVersion"),
        ("PolicyArn", arn.as_str()),
        ("PolicyDocument", &allow("s3:PutObject", "*")),
    ];
    assert_eq!(code(&bench, &sixth).await, "LimitExceeded");
    assert_eq!(
        good(&bench, &[("Action", "GetPolicy"), ("PolicyArn", &arn)]).await.element("DefaultVersionId"),
        "v3"
    );
    let third =
        good(&bench, &[("Action", "GetPolicyVersion"), ("PolicyArn", &arn), ("VersionId", "v3")]).await;
    assert!(third.text.contains("PutObject") && third.element("IsDefaultVersion") == "true");
    let listed = good(&bench, &[("Action", "ListPolicyVersions"), ("PolicyArn", &arn)]).await;
    assert_eq!(texts(&listed, "VersionId"), ["v1", "v2", "v3", "v4", "v5"]);
    let delete = async |id: &str| {
        iam(&bench, &[("Action", "DeletePolicyVersion"), ("PolicyArn", &arn), ("VersionId", id)]).await
    };
    assert_eq!(delete("v3").await.element("Code"), "DeleteConflict");
    assert_eq!(code(&bench, &[("Action", "DeletePolicy"), ("PolicyArn", &arn)]).await, "DeleteConflict");
    for id in ["v1", "v2", "v4", "v5"] {
        assert_eq!(delete(id).await.status, 200);
    }
    good(&bench, &[("Action", "DeletePolicy"), ("PolicyArn", &arn)]).await;
    assert_eq!(code(&bench, &[("Action", "GetPolicy"), ("PolicyArn", &arn)]).await, "NoSuchEntity");
}

/// A role that Alice may have, with these permissions.
async fn alices_role(bench: &Bench, name: &str, more: &[(&str, &str)]) -> Role {
    let trust = bench.sandbox.world().role("PintailReadOnly").unwrap().trust_policy;
    let mut pairs = vec![("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", &trust)];
    pairs.extend(more);
    good(bench, &pairs).await;
    let put = [
        ("Action", "PutRolePolicy"),
        ("RoleName", name),
        ("PolicyName", "p"),
        ("PolicyDocument", &allow("s3:*", "*")),
    ];
    good(bench, &put).await;
    bench.sandbox.world().role(name).unwrap()
}

#[tokio::test]
async fn a_boundary_bounds_and_paths_count() {
    let bench = Bench::start().await;
    let world = bench.sandbox.world();
    let boundary = world.put_policy("OnlyRead", &allow("s3:GetObject", "*")).unwrap();
    let role =
        alices_role(&bench, "Bounded", &[("Path", "/pintail/"), ("PermissionsBoundary", &boundary)]).await;
    assert!(role.arn.ends_with(":role/pintail/Bounded"), "{}", role.arn);
    let shown = good(&bench, &[("Action", "GetRole"), ("RoleName", "Bounded")]).await;
    assert_eq!(shown.element("PermissionsBoundaryArn"), boundary);
    let key = bench.session("alice", &[("RoleArn", &role.arn)]).await;
    assert_eq!(bench.s3(&key, "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 200);
    let refused = bench.s3(&key, "PUT", "/pintail-demo/x", &[], b"x").await;
    assert_eq!(refused.refusal(), (403, "AccessDenied".into()));
    assert!(
        refused.text.contains("because no permissions boundary allows the s3:PutObject action"),
        "{}",
        refused.text
    );
    let in_use = [("Action", "DeletePolicy"), ("PolicyArn", boundary.as_str())];
    assert_eq!(code(&bench, &in_use).await, "DeleteConflict");
    good(&bench, &[("Action", "DeleteRolePermissionsBoundary"), ("RoleName", "Bounded")]).await;
    assert_eq!(bench.s3(&key, "PUT", "/pintail-demo/x", &[], b"x").await.status, 200);
    let missing = [
        ("Action", "PutRolePermissionsBoundary"),
        ("RoleName", "Bounded"),
        ("PermissionsBoundary", "arn:aws:iam::aws:policy/Nothing"),
    ];
    assert_eq!(code(&bench, &missing).await, "NoSuchEntity");
    let long = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"},
        "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:PrincipalTag/x": vec!["a".repeat(40); 60]}}}]});
    let pairs = [
        ("Action", "UpdateAssumeRolePolicy"),
        ("RoleName", "Bounded"),
        ("PolicyDocument", &long.to_string()),
    ];
    assert_eq!(code(&bench, &pairs).await, "LimitExceeded");
}

#[tokio::test]
async fn changes_take_their_time_when_they_are_told_to() {
    let bench = Bench::start().await;
    let world = bench.sandbox.world();
    let token = bench.id_token("alice").await;
    world.delay_iam(2);
    let role = alices_role(&bench, "Fresh", &[]).await;
    assert_eq!(
        good(&bench, &[("Action", "GetRole"), ("RoleName", "Fresh")]).await.element("RoleName"),
        "Fresh"
    );
    for _ in 0..2 {
        let early = bench.exchange(&token, &[("RoleArn", &role.arn)]).await;
        assert_eq!(early.refusal(), (403, "AccessDenied".into()));
    }
    let key: Key = bench.exchange(&token, &[("RoleArn", &role.arn)]).await.key();
    // A narrower policy counts after as many calls.
    let put = [
        ("Action", "PutRolePolicy"),
        ("RoleName", "Fresh"),
        ("PolicyName", "p"),
        ("PolicyDocument", &allow("s3:ListBucket", "*")),
    ];
    good(&bench, &put).await;
    let read = async || bench.s3(&key, "GET", "/pintail-demo/readme.txt", &[], b"").await.status;
    assert_eq!([read().await, read().await, read().await], [200, 200, 403]);
    // So does a provider's client list.
    let provider = world.providers().remove(0);
    let client_id = bench.sandbox.summary().client_id.clone();
    let remove = [
        ("Action", "RemoveClientIDFromOpenIDConnectProvider"),
        ("OpenIDConnectProviderArn", provider.as_str()),
        ("ClientID", client_id.as_str()),
    ];
    good(&bench, &remove).await;
    let statuses = [
        bench.exchange(&token, &[]).await.status,
        bench.exchange(&token, &[]).await.status,
        bench.exchange(&token, &[]).await.status,
    ];
    assert_eq!(statuses, [200, 200, 400]);
}

#[tokio::test]
async fn access_analyzer_validates() {
    let bench = Bench::start().await;
    let ask = async |key: &Key, query: &str, input: Value| {
        bench.rest(key, "access-analyzer", &format!("/policy/validation{query}"), &input).await
    };
    let admin = bench.admin_key();
    let wrong = json!({"Statement": [{"Effect": "Allow", "Action": ["s3:GetObjects", "iam:PassRole"], "Resource": "*"}]});
    let input = json!({"policyDocument": wrong.to_string(), "policyType": "IDENTITY_POLICY"});
    let answer = ask(&admin, "", input.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let findings = answer.json()["findings"].clone();
    let codes: Vec<&str> =
        findings.as_array().unwrap().iter().map(|one| one["issueCode"].as_str().unwrap()).collect();
    assert_eq!(codes, ["MISSING_VERSION", "INVALID_ACTION", "PASS_ROLE_WITH_STAR_IN_RESOURCE"]);
    assert_eq!(findings[1]["findingDetails"], "The action s3:GetObjects does not exist.");
    assert_eq!(
        findings[1]["locations"][0]["path"],
        json!([{"value": "Statement"}, {"index": 0}, {"value": "Action"}, {"index": 0}])
    );
    let first = ask(&admin, "?maxResults=2", input.clone()).await.json();
    assert_eq!(first["findings"].as_array().unwrap().len(), 2);
    let next = first["nextToken"].as_str().unwrap().replace('=', "%3D");
    let second = ask(&admin, &format!("?maxResults=2&nextToken={next}"), input).await.json();
    assert_eq!(second["findings"][0]["issueCode"], "PASS_ROLE_WITH_STAR_IN_RESOURCE");
    let trust = bench.sandbox.world().role("PintailReadOnly").unwrap().trust_policy;
    let input = json!({"policyDocument": trust, "policyType": "RESOURCE_POLICY",
        "validatePolicyResourceType": "AWS::IAM::AssumeRolePolicyDocument"});
    assert_eq!(ask(&admin, "", input.clone()).await.json()["findings"], json!([]));

    let user = ask(&bench.user_key(), "", input.clone()).await;
    assert_eq!(user.exception(), (403, "AccessDeniedException".into()));
    assert!(user.json()["message"].as_str().unwrap().contains("access-analyzer:ValidatePolicy"));
    let stranger = Key { secret: "wrong".into(), ..admin.clone() };
    assert_eq!(ask(&stranger, "", input).await.exception(), (403, "InvalidSignatureException".into()));
    assert_eq!(ask(&admin, "", json!({})).await.exception(), (400, "ValidationException".into()));
}

//! One policy for each finding, and policies that nothing is found in.

use super::*;

const PREFIX: &str = "login.microsoftonline.com/8cf9b537-8553-4ece-a7a8-020492cb0174/v2.0";
const ACCOUNT: &str = "111111111111";

fn names(text: &str, kind: Kind) -> Vec<&'static str> {
    let policy = Policy::parse(text, kind).unwrap();
    let home = Home { account: Some(ACCOUNT), provider: None };
    lint(&policy, &home).iter().map(|one| one.finding.name()).collect()
}

/// A trust policy with these parts in place of the good ones. `P:` stands for the provider's prefix.
fn trust(principal: &str, action: &str, condition: &str) -> String {
    let principal = if principal.is_empty() { r#"{"Federated":"A/P"}"# } else { principal };
    let action = if action.is_empty() { r#""sts:AssumeRoleWithWebIdentity""# } else { action };
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":{action},"Condition":{condition}}}]}}"#
    );
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{PREFIX}");
    text.replace("A/P", &provider).replace("P:", &format!("{PREFIX}:"))
}

const AUD: &str = r#"{"StringEquals":{"P:aud":"client"}}"#;

#[test]
fn trust_policies() {
    let upper = PREFIX.to_uppercase();
    for (principal, action, condition, expected) in [
        ("", "", AUD, &[][..]),
        ("", r#"["sts:AssumeRoleWithWebIdentity","sts:TagSession"]"#, AUD, &[]),
        ("", r#""sts:TagSession""#, AUD, &[]),
        ("", "", "{}", &["no-audience"]),
        ("", "", r#"{"StringNotEquals":{"P:aud":"x"}}"#, &["no-audience"]),
        ("", "", r#"{"StringLike":{"P:aud":"*"}}"#, &["no-audience"]),
        ("", "", r#"{"StringEquals":{"P:aud":"c","P:groups":"g"}}"#, &["never-filled"]),
        ("", "", r#"{"StringEquals":{"P:aud":"c","P:sub":"A*"}}"#, &["plain-wildcard"]),
        ("", "", r#"{"StringEquals":{"P:aud":"c","P:sub":"A${*}"}}"#, &[]),
        ("", "", r#"{"StringEquals":{"P:aud":"c","P:amr":"mfa"}}"#, &["needs-quantifier"]),
        ("", "", r#"{"StringEquals":{"P:aud":"c"},"ForAnyValue:StringEquals":{"P:amr":"mfa"}}"#, &[]),
        (
            "",
            "",
            r#"{"StringEquals":{"P:aud":"c"},"ForAllValues:StringEquals":{"P:amr":"mfa"}}"#,
            &["for-all-values-allows"],
        ),
        (
            "",
            "",
            r#"{"StringEquals":{"P:aud":"c"},"ForAllValues:StringEquals":{"P:amr":"mfa"},"Null":{"P:amr":"false"}}"#,
            &[],
        ),
        ("", "", r#"{"StringEquals":{"https://P:aud":"c"}}"#, &["key-address", "no-audience"]),
        (
            "",
            "",
            r#"{"StringEquals":{"login.microsoftonline.com/other/v2.0:aud":"c"}}"#,
            &["key-provider", "no-audience"],
        ),
        ("", "", &format!(r#"{{"StringEquals":{{"{upper}:aud":"c"}}}}"#), &["key-case"]),
        ("", "", &format!(r#"{{"StringEquals":{{"{PREFIX}/:aud":"c"}}}}"#), &["key-address", "no-audience"]),
        ("", r#""sts:AssumeRole""#, AUD, &["not-web-identity"]),
        ("", r#"["sts:AssumeRoleWithWebIdentity","s3:GetObject"]"#, AUD, &["not-sts"]),
        (r#"{"Federated":"A/P/"}"#, "", AUD, &["provider-arn"]),
        (
            r#"{"Federated":"arn:aws:iam::222222222222:oidc-provider/x.example"}"#,
            "",
            r#"{"StringEquals":{"x.example:aud":"c"}}"#,
            &["other-account"],
        ),
        (r#""*""#, "", AUD, &["every-principal"]),
        (
            r#"{"AWS":"arn:aws:iam::111111111111:role/*"}"#,
            r#""sts:AssumeRole""#,
            "{}",
            &["partly-wild-principal"],
        ),
        (
            "",
            "",
            r#"{"StringEquals":{"P:aud":"c"},"IpAddress":{"aws:SourceIp":"10.0.0.*"}}"#,
            &["other-kind"],
        ),
        ("", "", r#"{"StringEquals":{"P:aud":[]}}"#, &["empty"]),
        ("", "", r#"{"StringEquals":{"P:aud":"c","aws:RequestTag/a.b":"x"}}"#, &[]),
    ] {
        let text = trust(principal, action, condition);
        assert_eq!(names(&text, Kind::Trust), expected, "{text}");
    }
}

#[test]
fn permission_policies() {
    let one = |statement: &str| format!(r#"{{"Version":"2012-10-17","Statement":{{{statement}}}}}"#);
    let allow = |action: &str, resource: &str| {
        one(&format!(r#""Effect":"Allow","Action":{action},"Resource":{resource}"#))
    };
    for (text, expected) in [
        (allow(r#""s3:GetObject""#, r#""arn:aws:s3:::b/*""#), &[][..]),
        (allow(r#"["s3:ListBucket","s3:GetObject"]"#, r#"["arn:aws:s3:::b","arn:aws:s3:::b/*"]"#), &[]),
        (allow(r#"["s3:ListBucket","s3:GetObject"]"#, r#""arn:aws:s3:::b*""#), &[]),
        (allow(r#""s3:ListBucket""#, r#""arn:aws:s3:::b/*""#), &["bucket-action"]),
        (allow(r#""s3:GetObject""#, r#""arn:aws:s3:::b""#), &["object-action"]),
        (allow(r#""s3:ListAllMyBuckets""#, r#""arn:aws:s3:::b""#), &["no-resource"]),
        (allow(r#""s3:ListAllMyBuckets""#, r#""*""#), &[]),
        (allow(r#""s3:HeadObject""#, r#""arn:aws:s3:::b/*""#), &["unknown-action"]),
        (allow(r#""s3:*""#, r#""*""#), &["everything"]),
        (allow(r#""s3:*""#, r#""arn:aws:s3:::*""#), &["everything"]),
        (allow(r#""s3:*""#, r#""arn:aws:s3:::b/*""#), &[]),
        (one(r#""Effect":"Deny","Action":"s3:*","Resource":"*""#), &[]),
        (one(r#""Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws:s3:::b""#), &["allows-the-rest", "allows-the-rest"]),
        (allow(r#""s3:GetObject""#, "[]"), &["empty"]),
        (r#"{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:username}/*"}}"#.to_owned(), &["plain-variable"]),
        (r#"{"Statement":[]}"#.to_owned(), &["empty"]),
    ] {
        assert_eq!(names(&text, Kind::Identity), expected, "{text}");
    }
    let public =
        one(r#""Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*""#);
    assert_eq!(names(&public, Kind::Resource), ["every-principal"]);
    assert!(
        names(&allow(r#""s3:*""#, r#""*""#), Kind::Boundary).is_empty(),
        "a boundary may begin from everything"
    );
}

#[test]
fn a_finding_names_its_place_and_long_documents_are_found_by_their_kind() {
    let text = trust("", "", r#"{"StringEquals":{"P:aud":"c","P:tid":"t"}}"#);
    let found = lint(&Policy::parse(&text, Kind::Trust).unwrap(), &Home::default());
    assert_eq!(found[0].at, format!("/Statement/0/Condition/StringEquals/{}:tid", PREFIX.replace('/', "~1")));
    assert_eq!(found[0].finding.level(), Level::Error);
    let long = |characters: usize, kind: Kind| {
        let sid = "a".repeat(characters);
        let principal = if kind.names_principals() { r#""Principal":"*","# } else { "" };
        let resource = if kind == Kind::Trust { "" } else { r#","Resource":"arn:aws:s3:::b/*""# };
        let action = if kind == Kind::Trust { "sts:AssumeRole" } else { "s3:GetObject" };
        let text = format!(
            r#"{{"Statement":{{"Sid":"{sid}",{principal}"Effect":"Deny","Action":"{action}"{resource}}}}}"#
        );
        let policy = Policy::parse(&text, kind).unwrap();
        lint(&policy, &Home::default()).first().map(|one| one.finding.to_string())
    };
    assert_eq!(long(1000, Kind::Trust), None);
    assert!(long(2048, Kind::Trust).unwrap().contains("at most 2048 fit; 4096 after a quota increase"));
    assert!(long(4096, Kind::Trust).unwrap().contains("at most 4096 fit, after a quota increase"));
    assert!(long(6144, Kind::Identity).unwrap().contains("at most 6144 fit in a managed policy; 10240"));
    assert!(long(10_240, Kind::Identity).unwrap().contains("at most 10240 fit"));
    assert!(long(2048, Kind::Session).unwrap().contains("at most 2048 fit"));
    assert_eq!(long(6000, Kind::Boundary), None);
}

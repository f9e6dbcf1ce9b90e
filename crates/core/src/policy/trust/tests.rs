//! Trust policies of people who sign in with Entra ID, right and nearly right.

use serde_json::json;

use super::super::{Absence, Policy, Why};
use super::*;

const PREFIX: &str = "login.microsoftonline.com/8cf9b537-8553-4ece-a7a8-020492cb0174/v2.0";
const PROVIDER: &str = "arn:aws:iam::111111111111:oidc-provider/login.microsoftonline.com/8cf9b537-8553-4ece-a7a8-020492cb0174/v2.0";
const ROLE: &str = "arn:aws:iam::111111111111:role/S3";

fn claims(more: Value) -> Claims {
    let mut claims = json!({"iss": format!("https://{PREFIX}"), "aud": "client", "sub": "AAA"});
    let all = claims.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    all.clone()
}

fn trust(actions: &str, condition: &str) -> Named {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Web","Effect":"Allow",
            "Principal":{{"Federated":"{PROVIDER}"}},"Action":{actions},"Condition":{condition}}}]}}"#
    );
    Named::new("trust", Policy::parse(&text.replace("P:", &format!("{PREFIX}:")), Kind::Trust).unwrap())
}

fn ask(policy: &Named, claims: &Claims) -> TrustVerdict {
    let now = Timestamp::from_second(1_795_773_600).unwrap();
    let (role, session_name) = (Some(ROLE), "ann@example.com");
    let source_ip = Some("203.0.113.9".parse().unwrap());
    evaluate(
        policy,
        &TrustRequest { claims, provider: PROVIDER, role, session_name, now, source_ip, more: None },
    )
}

const WEB: &str = r#""sts:AssumeRoleWithWebIdentity""#;

#[test]
fn conditions_see_what_sts_sees() {
    for (condition, more, admitted) in [
        (r#"{"StringEquals":{"P:aud":"client"}}"#, json!({}), true),
        (r#"{"StringEquals":{"P:aud":"other"}}"#, json!({}), false),
        (r#"{"StringEquals":{"P:aud":"party"}}"#, json!({"azp": "party"}), true),
        (r#"{"StringEquals":{"P:aud":"client"}}"#, json!({"azp": "party"}), false),
        (r#"{"StringEquals":{"P:oaud":"client"}}"#, json!({"azp": "party"}), true),
        (r#"{"StringEquals":{"P:aud":"client"}}"#, json!({"aud": ["client"]}), true),
        (r#"{"StringLike":{"P:sub":"A*"}}"#, json!({}), true),
        (r#"{"StringEquals":{"P:sub":"A*"}}"#, json!({}), false),
        (r#"{"ForAnyValue:StringEquals":{"P:amr":"mfa"}}"#, json!({"amr": ["pwd", "mfa"]}), true),
        (r#"{"ForAnyValue:StringEquals":{"P:amr":"mfa"}}"#, json!({"amr": ["pwd"]}), false),
        (r#"{"ForAnyValue:StringEquals":{"P:amr":"mfa"}}"#, json!({}), false),
        (r#"{"StringEquals":{"P:amr":"mfa"}}"#, json!({"amr": ["mfa"]}), false),
        (r#"{"StringEquals":{"P:email":"a@b"}}"#, json!({"email": "a@b"}), true),
        (r#"{"ForAnyValue:StringEquals":{"P:groups":"g"}}"#, json!({"groups": ["g"]}), false),
        (r#"{"ForAllValues:StringEquals":{"P:groups":"g"}}"#, json!({}), true),
        (r#"{"StringEquals":{"sts:RoleSessionName":"ann@example.com"}}"#, json!({}), true),
        (r#"{"StringEquals":{"sts:RoleSessionName":"${P:sub}"}}"#, json!({"sub": "ann@example.com"}), true),
        (r#"{"StringEquals":{"sts:RoleSessionName":"${P:sub}"}}"#, json!({}), false),
        (
            r#"{"Bool":{"sts:RoleAuthorizedByIdp":"true"}}"#,
            json!({"https://aws.amazon.com/roles": format!("x; {ROLE} ")}),
            true,
        ),
        (
            r#"{"Bool":{"sts:RoleAuthorizedByIdp":"true"}}"#,
            json!({"https://aws.amazon.com/roles": [ROLE]}),
            true,
        ),
        (
            r#"{"Bool":{"sts:RoleAuthorizedByIdp":"true"}}"#,
            json!({"https://aws.amazon.com/roles": ["x"]}),
            false,
        ),
        (r#"{"Bool":{"sts:RoleAuthorizedByIdp":"true"}}"#, json!({}), false),
        (
            r#"{"Bool":{"sts:RoleAuthorizedByIdp":"true"}}"#,
            json!({"https://aws.amazon.com/roles": null}),
            false,
        ),
        (r#"{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#, json!({}), true),
        (r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-27T10:00:01Z"}}"#, json!({}), true),
        (r#"{"NumericEquals":{"aws:EpochTime":1795773600}}"#, json!({}), true),
        (
            r#"{"StringEquals":{"aws:PrincipalType":"User","aws:PrincipalAccount":"111111111111"}}"#,
            json!({}),
            true,
        ),
        (r#"{"ArnLike":{"aws:PrincipalArn":"arn:*:*:*:*:*"}}"#, json!({}), false),
        (r#"{"StringEquals":{"P/:aud":"client"}}"#, json!({}), false),
        ("{}", json!({}), true),
    ] {
        let verdict = ask(&trust(WEB, condition), &claims(more.clone()));
        assert_eq!(
            verdict.decision.is_allow(),
            admitted,
            "{condition} {more}: {:#?}",
            verdict.actions[0].1.policies
        );
    }
}

#[test]
fn what_a_token_carries_needs_actions_of_its_own() {
    let nested = json!({"https://aws.amazon.com/tags": {"principal_tags": {"team": ["birds"]}, "transitive_tag_keys": ["team"]}});
    let flat = json!({
        "https://aws.amazon.com/tags/principal_tags/team": "birds",
        "https://aws.amazon.com/tags/transitive_tag_keys": ["team"],
    });
    let all = r#"["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]"#;
    for tags in [nested, flat] {
        let token = claims(tags);
        let verdict = ask(&trust(WEB, "{}"), &token);
        assert_eq!(verdict.decision, Decision::ImplicitDeny);
        assert_eq!(verdict.reason, TrustReason::Carries { action: TAG, cargo: Cargo::Tags });
        let condition = r#"{"StringEquals":{"aws:RequestTag/team":"birds"},
            "ForAllValues:StringEquals":{"aws:TagKeys":"team","sts:TransitiveTagKeys":"team"},"Null":{"sts:TransitiveTagKeys":"false"}}"#;
        let verdict = ask(&trust(all, condition), &token);
        assert!(verdict.is_admitted(), "{verdict:#?}");
        assert_eq!(verdict.actions.len(), 2);
    }
    let token = claims(json!({"https://aws.amazon.com/source_identity": "ann"}));
    let verdict = ask(&trust(WEB, "{}"), &token);
    let (action, cargo) = (SET_SOURCE_IDENTITY, Cargo::SourceIdentity);
    assert_eq!(verdict.reason, TrustReason::Carries { action, cargo });
    assert!(ask(&trust(all, r#"{"StringEquals":{"sts:SourceIdentity":"ann"}}"#), &token).is_admitted());
    assert!(ask(&trust(r#""sts:*""#, "{}"), &token).is_admitted());
}

#[test]
fn the_trace_says_what_can_never_be_there() {
    let condition = r#"{"StringEquals":{"P:groups":"g","P:email":"a@b","Q/v2.0:aud":"x"}}"#;
    let condition = condition.replace("Q/", "login.microsoftonline.com/other/");
    let verdict = ask(&trust(WEB, &condition), &claims(json!({})));
    assert_eq!(verdict.reason, TrustReason::NotAdmitted);
    let lines = &verdict.actions[0].1.policies[0].statements[0].conditions;
    let absences: Vec<_> = lines.iter().map(|line| line.absence.clone().unwrap()).collect();
    let other = Absence::OtherProvider("login.microsoftonline.com/other/v2.0".into());
    assert_eq!(absences, [Absence::NeverForIssuer, Absence::NotInRequest, other]);
    assert!(lines.iter().all(|line| line.why == Why::Absent));
}

#[test]
fn a_deny_and_the_wrong_principal() {
    let everyone =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*"}]}"#;
    let named = |text: &str| Named::new("trust", Policy::parse(text, Kind::Trust).unwrap());
    assert_eq!(ask(&named(everyone), &claims(json!({}))).reason, TrustReason::NotAdmitted);
    let denied = everyone.replace(
        "[{",
        &format!(
            r#"[{{"Sid":"No","Effect":"Deny","Principal":{{"Federated":"{PROVIDER}"}},"Action":"sts:*"}},{{"#
        ),
    );
    let verdict = ask(&named(&denied), &claims(json!({})));
    assert_eq!(verdict.decision, Decision::ExplicitDeny);
    assert!(
        matches!(verdict.reason, TrustReason::Denied { action: ASSUME, ref statement } if statement.index == 0)
    );
}

#[test]
fn what_sts_refuses_by_itself_is_said_beside() {
    let policy = trust(WEB, "{}");
    let fault = |more: Value| {
        let verdict = ask(&policy, &claims(more));
        assert!(verdict.decision.is_allow() && !verdict.is_admitted());
        verdict.faults[0].clone()
    };
    let issuer = format!("https://{PREFIX}/");
    assert_eq!(fault(json!({"iss": issuer})), TokenFault::OtherIssuer { issuer, provider: PREFIX.into() });
    assert_eq!(fault(json!({"aud": ["a", "b"]})), TokenFault::SeveralAudiences);
    let roles = json!({"https://aws.amazon.com/roles": []});
    assert_eq!(fault(roles), TokenFault::RoleNotListed { role: ROLE.into() });
    assert!(ask(&policy, &claims(json!({"aud": ["a", "b"], "azp": "a"}))).is_admitted());
}

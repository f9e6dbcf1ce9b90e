//! What a trust policy sees in an ID token: the keys that claims fill, as our evaluator makes them, under the conditions that people write.
//!
//! The other evaluator knows no keys of an issuer that AWS does not know by name. It is given the keys as those of any request, and the
//! conditions in a permission policy, where they mean the same.

use jiff::Timestamp;
use pintail_core::policy::trust::{self, Claims, TrustRequest};
use pintail_core::policy::{Kind, Named, Policy};
use serde_json::{Value, json};

use super::oracle::{Case, policy};

const PREFIX: &str = "login.microsoftonline.com/8cf9b537-8553-4ece-a7a8-020492cb0174/v2.0";
const PROVIDER: &str = "arn:aws:iam::111111111111:oidc-provider/login.microsoftonline.com/8cf9b537-8553-4ece-a7a8-020492cb0174/v2.0";
const ROLE: &str = "arn:aws:iam::111111111111:role/S3";

/// Condition with `P:` for the provider's prefix, claims beside `aud` = `client` and `sub` = `AAA`, whether the token is admitted.
const ROWS: &[(&str, &str, bool)] = &[
    (r#"{"StringEquals":{"P:aud":"client"}}"#, "{}", true),
    (r#"{"StringEquals":{"P:aud":"other"}}"#, "{}", false),
    (r#"{"StringEquals":{"P:aud":"party"}}"#, r#"{"azp":"party"}"#, true),
    (r#"{"StringEquals":{"P:oaud":"client"}}"#, r#"{"azp":"party"}"#, true),
    (r#"{"StringEquals":{"P:aud":"client","P:sub":["BBB","AAA"]}}"#, "{}", true),
    (r#"{"StringEquals":{"P:aud":"client","P:sub":["BBB","CCC"]}}"#, "{}", false),
    (r#"{"StringLike":{"P:sub":"A*"}}"#, "{}", true),
    (r#"{"StringEquals":{"P:email":"a@b"}}"#, r#"{"email":"a@b"}"#, true),
    (r#"{"StringEquals":{"P:email":"a@b"}}"#, "{}", false),
    (r#"{"StringNotEquals":{"P:email":"a@b"}}"#, "{}", true),
    (r#"{"ForAnyValue:StringEquals":{"P:amr":"mfa"}}"#, r#"{"amr":["pwd","mfa"]}"#, true),
    (r#"{"ForAnyValue:StringEquals":{"P:amr":"mfa"}}"#, r#"{"amr":["pwd"]}"#, false),
    (r#"{"ForAnyValue:StringEquals":{"P:amr":"mfa"}}"#, "{}", false),
    (r#"{"ForAllValues:StringEquals":{"P:amr":"mfa"}}"#, "{}", true),
    (r#"{"StringEquals":{"P:amr":"mfa"}}"#, r#"{"amr":["mfa"]}"#, false),
    (r#"{"ForAnyValue:StringEquals":{"P:groups":"g"}}"#, r#"{"groups":["g"]}"#, false),
    (r#"{"StringEquals":{"P:tid":"t"}}"#, r#"{"tid":"t"}"#, false),
    (r#"{"StringEqualsIfExists":{"P:tid":"t"}}"#, r#"{"tid":"u"}"#, true),
    (r#"{"StringEquals":{"https://P:aud":"client"}}"#, "{}", false),
    (r#"{"StringEquals":{"sts:RoleSessionName":"ann"}}"#, "{}", true),
    (r#"{"StringEquals":{"sts:RoleSessionName":"${P:sub}"}}"#, r#"{"sub":"ann"}"#, true),
    (r#"{"StringEquals":{"sts:RoleSessionName":"${P:sub}"}}"#, "{}", false),
    (
        r#"{"Bool":{"sts:RoleAuthorizedByIdp":"true"}}"#,
        r#"{"https://aws.amazon.com/roles":["arn:aws:iam::111111111111:role/S3"]}"#,
        true,
    ),
    (
        r#"{"Bool":{"sts:RoleAuthorizedByIdp":"true"}}"#,
        r#"{"https://aws.amazon.com/roles":["arn:aws:iam::111111111111:role/T"]}"#,
        false,
    ),
    (r#"{"Bool":{"sts:RoleAuthorizedByIdp":"true"}}"#, "{}", false),
    (
        r#"{"StringEquals":{"aws:RequestTag/team":"birds"}}"#,
        r#"{"https://aws.amazon.com/tags/principal_tags/team":"birds"}"#,
        true,
    ),
    (
        r#"{"StringEquals":{"aws:RequestTag/team":"birds"}}"#,
        r#"{"https://aws.amazon.com/tags":{"principal_tags":{"team":["fish"]}}}"#,
        false,
    ),
    (
        r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]},"Null":{"aws:TagKeys":"false"}}"#,
        r#"{"https://aws.amazon.com/tags":{"principal_tags":{"team":["x"],"more":["y"]}}}"#,
        false,
    ),
    (
        r#"{"ForAnyValue:StringEquals":{"sts:TransitiveTagKeys":"team"}}"#,
        r#"{"https://aws.amazon.com/tags":{"principal_tags":{"team":["x"]},"transitive_tag_keys":["team"]}}"#,
        true,
    ),
    (
        r#"{"StringLike":{"sts:SourceIdentity":"a*"}}"#,
        r#"{"https://aws.amazon.com/source_identity":"ann"}"#,
        true,
    ),
    (r#"{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#, "{}", true),
    (r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-27T10:00:00Z"}}"#, "{}", false),
    (r#"{"StringEquals":{"aws:PrincipalType":"User"}}"#, "{}", true),
    (r#"{"Null":{"aws:PrincipalArn":"true"}}"#, "{}", true),
];

/// The cases, each of which our trust evaluator has answered as expected.
pub(crate) fn cases() -> Vec<Case> {
    ROWS.iter().map(|(condition, more, admitted)| case(condition, more, *admitted)).collect()
}

fn case(condition: &str, more: &str, admitted: bool) -> Case {
    let more: Claims = serde_json::from_str(more).expect("claims");
    let mut claims = json!({"aud": "client", "sub": "AAA"}).as_object().expect("an object").clone();
    claims.extend(more.clone());
    let request = TrustRequest {
        claims: &claims,
        provider: PROVIDER,
        role: Some(ROLE),
        session_name: "ann",
        now: Timestamp::from_second(1_795_773_600).expect("a time"),
        source_ip: Some("203.0.113.9".parse().expect("an address")),
        more: None,
    };
    let condition = condition.replace("P:", &format!("{PREFIX}:"));
    let document = policy(&format!(
        r#"{{"Effect":"Allow","Principal":{{"Federated":"{PROVIDER}"}},"Action":"sts:*","Condition":{condition}}}"#
    ));
    let trusting = Policy::parse(&document.to_string(), Kind::Trust).expect("a trust policy");
    let verdict = trust::evaluate(&Named::new("trust", trusting), &request);
    assert_eq!(verdict.decision.is_allow(), admitted, "{condition} {claims:?}");
    let mut case = Case::new(format!("trust {condition} {more:?}"));
    case.identity.push(policy(&format!(
        r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}}}"#
    )));
    case.context = verdict
        .context
        .entries()
        .map(|entry| {
            let value =
                if entry.several { json!(entry.values) } else { Value::from(entry.values[0].as_str()) };
            (entry.key.clone(), value)
        })
        .collect();
    case.expect(if admitted { "allow" } else { "implicit_deny" })
}

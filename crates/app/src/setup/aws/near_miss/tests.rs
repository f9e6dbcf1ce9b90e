//! Providers and roles that look right and are not.

use serde_json::json;

use super::super::policies::testing::{CLIENT, TENANT, facts, wish};
use super::super::policies::{provider_arn, trust};
use super::*;
use crate::admin::iam::{AttachedPolicy, Provider, Role, Tags};

#[test]
fn providers_that_look_like_the_wanted_one_are_named() {
    let host = "login.microsoftonline.com";
    let wanted = format!("{host}/{TENANT}/v2.0");
    for (name, why) in [
        (format!("{wanted}/"), "slash at the end"),
        (format!("sts.windows.net/{TENANT}/"), "version 1"),
        (format!("sts.windows.net/{TENANT}"), "version 1"),
        (wanted.replace("login", "LOGIN"), "case differs"),
        (wanted.replace("v2.0", "V2.0"), "case differs"),
        (format!("{host}/{TENANT}"), "has to end with /v2.0"),
        (format!("{host}/{TENANT}/"), "has to end with /v2.0"),
        (format!("{host}/common/v2.0"), "by its GUID"),
        (format!("{host}/contoso.com/v2.0"), "by its GUID"),
        (format!("login.microsoftonline.us/{TENANT}/v2.0"), "another cloud"),
        (format!("{wanted}/.well-known/openid-configuration"), "discovery document"),
    ] {
        let told = of_provider(&name, &wanted, &facts());
        assert!(told.as_ref().is_some_and(|told| told.contains(why)), "{name}: {told:?}");
    }
    for name in [
        wanted.clone(),
        format!("{host}/99999999-2222-3333-4444-555555555555/v2.0"),
        "token.actions.githubusercontent.com".into(),
        "accounts.example/contoso.com".into(),
    ] {
        assert_eq!(of_provider(&name, &wanted, &facts()), None, "{name}");
    }
}

fn found(change: impl FnOnce(&mut AwsCurrent)) -> Vec<NearMiss> {
    let (wish, facts) = (wish(), facts());
    let mut current = AwsCurrent::empty("123456789012".parse().unwrap());
    let arn = provider_arn(wish.partition, "123456789012", &facts.issuer);
    current.providers.push(Provider {
        name: issuer_name(&facts.issuer).into(),
        client_ids: vec![CLIENT.into()],
        thumbprints: Vec::new(),
        tags: Tags::new(),
        arn: arn.clone(),
    });
    current.role = Some(Role {
        name: wish.role.clone(),
        path: "/".into(),
        arn: "arn:aws:iam::123456789012:role/PintailS3".into(),
        trust: String::new(),
        max_session_s: 43_200,
        description: None,
        boundary: None,
        tags: Tags::new(),
    });
    current.trust = trust(&wish, &facts.issuer, &arn, CLIENT);
    change(&mut current);
    all(&wish, &facts, &current)
}

#[test]
fn what_is_right_is_no_near_miss() {
    assert_eq!(found(|_| {}), []);
    let tags = AccountWish { session_tags: true, honest_session_names: true, ..wish() };
    let arn = provider_arn(tags.partition, "123456789012", &facts().issuer);
    assert_eq!(found(|now| now.trust = trust(&tags, &facts().issuer, &arn, CLIENT)), []);
}

/// behaviour: setup-policies
#[test]
fn what_is_nearly_right_in_an_account_is_named() {
    type Break = fn(&mut AwsCurrent);
    let key = |claim: &str| format!("login.microsoftonline.com/{TENANT}/v2.0:{claim}");
    let cases: [(&str, Break, &str); 12] = [
        ("client ID", |now| now.providers[0].client_ids = vec!["other".into()], "takes other"),
        ("client IDs", |now| now.providers[0].client_ids.clear(), "takes no client ID"),
        (
            "v1",
            |now| now.providers[0].name = format!("sts.windows.net/{TENANT}/"),
            "https://sts.windows.net/",
        ),
        (
            "wide",
            |now| {
                now.attached.push(AttachedPolicy {
                    name: "AmazonS3FullAccess".into(),
                    arn: "arn:aws:iam::aws:policy/AmazonS3FullAccess".into(),
                });
            },
            "AmazonS3FullAccess is attached",
        ),
        ("path", |now| now.role.as_mut().unwrap().path = "/x/".into(), "has the path /x/"),
        ("boundary", |now| now.role.as_mut().unwrap().boundary = Some("arn:b".into()), "is bounded by arn:b"),
        (
            "action",
            |now| now.trust["Statement"][0]["Action"] = json!("sts:AssumeRole"),
            "allows sts:AssumeRole to the provider",
        ),
        ("no audience", |now| now.trust["Statement"][0]["Condition"] = json!({}), "does not test"),
        (
            "another account",
            |now| {
                let text = now.trust.to_string().replace("iam::123456789012:", "iam::210987654321:");
                now.trust = serde_json::from_str(&text).unwrap();
            },
            "the role trusts arn:aws:iam::210987654321:oidc-provider",
        ),
        (
            "another partition",
            |now| {
                let text = now.trust.to_string().replace("arn:aws:iam", "arn:aws-cn:iam");
                now.trust = serde_json::from_str(&text).unwrap();
            },
            "the role trusts arn:aws-cn:iam::",
        ),
        (
            "keys with the scheme",
            |now| {
                let text = now.trust.to_string().replace("\"login.", "\"https://login.");
                now.trust = serde_json::from_str(&text).unwrap();
            },
            "tests https://login.",
        ),
        (
            "somebody else's role",
            |now| {
                now.trust = json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
                    "Principal": { "Service": "ec2.amazonaws.com" } } });
            },
            "does not name the provider",
        ),
    ];
    for (case, change, said) in cases {
        let found = found(change);
        assert!(found.iter().any(|miss| miss.seen.contains(said)), "{case}: {found:?}");
    }
    for claim in ["groups", "roles", "tid", "upn", "acr"] {
        let found = found(|now| {
            now.trust["Statement"][0]["Condition"]["StringEquals"][key(claim)] = json!("x");
        });
        assert!(found.iter().any(|miss| miss.means.contains("never holds")), "{claim}: {found:?}");
    }
    let all_values = found(|now| {
        now.trust["Statement"][0]["Condition"]["ForAllValues:StringEquals"] = json!({ key("amr"): "mfa" });
    });
    assert!(all_values.iter().any(|miss| miss.means.contains("lack the claim")), "{all_values:?}");
}

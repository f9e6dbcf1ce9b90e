//! Plans of accounts that hold nothing, everything, or something else; each played, and planned again.

use serde_json::json;

use super::super::policies::testing::{CLIENT, facts, place, wish};
use super::*;
use crate::admin::iam::{AttachedPolicy, Provider, Role};
use crate::setup::desired::Access;

fn empty() -> AwsCurrent {
    AwsCurrent::empty("123456789012".parse().unwrap())
}

/// Plays a plan on what is there, as IAM would.
fn played(plan: &Plan, mut now: AwsCurrent, facts: &Facts) -> AwsCurrent {
    for step in &plan.steps {
        let shared::Change::Aws(change) = &step.change else { panic!("{step:?}") };
        match change.clone() {
            Change::CreateProvider { arn, issuer, client_id, tags } => now.providers.push(Provider {
                arn,
                name: policies::issuer_name(&issuer).into(),
                client_ids: vec![client_id],
                thumbprints: Vec::new(),
                tags,
            }),
            Change::AddClientId { arn, client_id } => {
                let provider = now.providers.iter_mut().find(|provider| provider.arn == arn).unwrap();
                provider.client_ids.push(client_id);
            }
            Change::CreateRole { role, path, trust, max_session_s, description, tags } => {
                now.trust = trust;
                now.role = Some(Role {
                    arn: format!("arn:aws:iam::123456789012:role{path}{role}"),
                    name: role,
                    path,
                    trust: String::new(),
                    max_session_s,
                    description: Some(description),
                    boundary: None,
                    tags,
                });
            }
            Change::SetTrust { to, .. } => now.trust = to,
            Change::SetSession { to, .. } => now.role.as_mut().unwrap().max_session_s = to,
            Change::PutPolicy { policy, to, .. } => drop(now.inline.insert(policy, to)),
            Change::DropPolicy { policy, .. } => drop(now.inline.remove(&policy)),
            Change::AddManaged(managed) => {
                now.attached.push(AttachedPolicy { name: managed.name, arn: managed.arn.clone() });
                now.managed.insert(managed.arn, managed.document);
            }
            Change::DropManaged(managed) => {
                now.attached.retain(|policy| policy.arn != managed.arn);
                now.managed.remove(&managed.arn);
            }
        }
        let json = serde_json::to_string(&step.change).unwrap();
        assert_eq!(serde_json::from_str::<shared::Change>(&json).unwrap(), step.change);
        assert!(facts.client_id.is_none() || !json.contains(policies::CLIENT_ID_TO_COME));
    }
    now
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn an_empty_account_needs_everything_and_then_nothing() {
    let (wish, facts) = (wish(), facts());
    let first = plan(&wish, &facts, &empty(), "contoso");
    assert_eq!(
        ids(&first),
        ["aws.123456789012.provider", "aws.123456789012.role", "aws.123456789012.permissions"]
    );
    let now = played(&first, empty(), &facts);
    let again = plan(&wish, &facts, &now, "contoso");
    assert_eq!((again.steps, again.near_misses), (vec![], vec![]));
    assert_eq!(again.kept.len(), 4);
}

#[test]
fn an_application_that_comes_later_leaves_its_place_open() {
    let later = Facts { client_id: None, ..facts() };
    let plan = plan(&wish(), &later, &empty(), "contoso");
    let json = serde_json::to_string(&plan.steps).unwrap();
    assert_eq!(json.matches(policies::CLIENT_ID_TO_COME).count(), 2, "{json}");
    assert!(!json.contains(CLIENT));
}

/// behaviour: setup-policies
#[test]
fn a_role_of_somebody_else_keeps_what_others_need() {
    let (wish, facts) = (wish(), facts());
    let mut now = played(&plan(&wish, &facts, &empty(), "contoso"), empty(), &facts);
    let service = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "ec2.amazonaws.com" } });
    now.trust = json!({ "Version": "2012-10-17", "Statement": [service, {
        "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": { "Federated": provider_arn(wish.partition, "123456789012", &facts.issuer) } }] });
    now.role.as_mut().unwrap().tags.clear();
    let change = plan(&wish, &facts, &now, "contoso");
    assert_eq!(ids(&change), ["aws.123456789012.trust"]);
    assert!(change.steps[0].what.contains("not made by a setup"));
    let shared::Change::Aws(set @ Change::SetTrust { to, .. }) = &change.steps[0].change else { panic!() };
    assert_eq!(to["Statement"].as_array().unwrap().len(), 2);
    assert_eq!(to["Statement"][1], service);
    assert!(set.lines().iter().any(|line| line.starts_with('+') && line.contains(":aud")));
    assert!(change.near_misses.iter().any(|miss| miss.seen.contains("does not test")));
    let now = played(&change, now, &facts);
    assert_eq!(plan(&wish, &facts, &now, "contoso").steps, []);
}

#[test]
fn each_difference_is_one_step() {
    let (wish, facts) = (wish(), facts());
    let now = played(&plan(&wish, &facts, &empty(), "contoso"), empty(), &facts);
    let change = |change: fn(&mut AwsCurrent)| {
        let mut now = now.clone();
        change(&mut now);
        let plan = plan(&wish, &facts, &now, "contoso");
        let ids = ids(&plan).join(" ");
        let now = played(&plan, now, &facts);
        assert_eq!(super::plan(&wish, &facts, &now, "contoso").steps, [], "{ids}");
        ids.replace("aws.123456789012.", "")
    };
    assert_eq!(change(|now| now.providers[0].client_ids = vec!["x".into()]), "client-id");
    assert_eq!(change(|now| now.role.as_mut().unwrap().max_session_s = 3600), "session");
    assert_eq!(change(|now| now.trust["Statement"][0]["Condition"] = json!({})), "trust");
    assert_eq!(
        change(|now| now.trust["Statement"][0]["Action"] = json!(["sts:AssumeRoleWithWebIdentity"])),
        ""
    );
    assert_eq!(change(|now| drop(now.inline.remove(INLINE_POLICY))), "permissions");
    assert_eq!(
        change(|now| drop(now.inline.insert(INLINE_POLICY.into(), json!({ "Statement": [] })))),
        "permissions"
    );
}

#[test]
fn permissions_move_between_inline_and_managed() {
    let facts = facts();
    let few = wish();
    let many = AccountWish {
        places: (0..100)
            .map(|n| place("data", &format!("team-{n:04}/{}/", "x".repeat(40)), Access::Read))
            .collect(),
        ..wish()
    };
    let now = played(&plan(&few, &facts, &empty(), "contoso"), empty(), &facts);
    let to_many = plan(&many, &facts, &now, "contoso");
    assert!(
        ids(&to_many)[0].starts_with("aws.123456789012.policy.PintailS3-places-1-"),
        "{:?}",
        ids(&to_many)
    );
    assert_eq!(ids(&to_many).last(), Some(&"aws.123456789012.permissions"));
    let now = played(&to_many, now, &facts);
    assert!(now.inline.is_empty());
    assert_eq!(plan(&many, &facts, &now, "contoso").steps, []);
    let back = played(&plan(&few, &facts, &now, "contoso"), now, &facts);
    assert!(back.attached.is_empty());
    assert_eq!(plan(&few, &facts, &back, "contoso").steps, []);
}

//! Plans of tenants that hold nothing, everything, or something nearly right.

use super::super::current::{Unfound, choose};
use super::*;
use crate::admin::graph::{Grant, MappingPolicy, Organization};
use crate::setup::desired::{Draft, ME};

const APP: &str = "11111111-2222-3333-4444-555555555555";

fn bookmark() -> BookmarkName {
    "contoso".parse().unwrap()
}

fn wish(edit: impl Fn(&mut Draft)) -> EntraWish {
    let mut draft = Draft::default();
    draft.say("entra.tenant", "contoso.com");
    draft.say_list("aws.buckets", ["data"]);
    edit(&mut draft);
    draft.read().unwrap().issuer.entra().unwrap().clone()
}

fn alice() -> Principal {
    Principal { id: "alice-id".into(), name: "alice@contoso.com".into(), kind: PrincipalKind::User }
}

fn empty() -> EntraCurrent {
    EntraCurrent {
        organization: Some(Organization { id: "t".into(), name: "Contoso".into(), domains: Vec::new() }),
        app: None,
        same_name: Vec::new(),
        principal: None,
        graph: ServicePrincipal(json!({
            "id": "graph", "appId": GRAPH_APP_ID,
            "oauth2PermissionScopes": [{ "value": "openid", "id": "openid-of-this-cloud" }],
        })),
        grant: None,
        assignments: Vec::new(),
        people: vec![alice()],
        unfound: Vec::new(),
        linked_policies: Vec::new(),
        own_policy: None,
    }
}

/// An application as the first plan makes it.
fn made(wish: &EntraWish) -> Value {
    let plan = plan(wish, &bookmark(), &empty());
    let plan::Change::Entra(Change::CreateApp { body }) = &plan.steps[0].change else {
        panic!("an application")
    };
    let mut app = body.clone();
    app["id"] = "app-object".into();
    app["appId"] = APP.into();
    app
}

/// A tenant that holds everything a wish asks for.
fn complete(wish: &EntraWish) -> EntraCurrent {
    let scopes = ["openid", "profile", "offline_access"].map(str::to_owned).into();
    EntraCurrent {
        app: Some((Application(made(wish)), FoundBy::Mark)),
        principal: Some(ServicePrincipal(json!({
            "id": "principal", "appId": APP, "accountEnabled": true,
            "appRoleAssignmentRequired": wish.assignment_required,
        }))),
        grant: Some(Grant { id: "grant".into(), scopes }),
        assignments: vec![Assignment {
            id: "a".into(),
            principal_id: "alice-id".into(),
            principal_name: "alice".into(),
            principal_type: "User".into(),
            role_id: DEFAULT_ROLE.into(),
        }],
        ..empty()
    }
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

fn change_of<'a>(plan: &'a Plan, id: &str) -> &'a Change {
    let step =
        plan.steps.iter().find(|step| step.id == id).unwrap_or_else(|| panic!("{id} in {:?}", ids(plan)));
    let plan::Change::Entra(change) = &step.change else { panic!("a change of the tenant") };
    change
}

fn seen(plan: &Plan) -> Vec<&str> {
    plan.near_misses.iter().map(|miss| miss.seen.as_str()).collect()
}

#[test]
fn an_empty_tenant_gets_everything_in_order() {
    let wish = wish(|draft| {
        draft.say_list("entra.claims", ["email", "groups"]);
        draft.say_table("entra.aws-claims", &[("team", "user.department")]);
    });
    let plan = plan(&wish, &bookmark(), &empty());
    assert_eq!(
        ids(&plan),
        [
            "entra.app",
            "entra.principal",
            "entra.consent",
            "entra.claims",
            "entra.claims.link",
            "entra.assign.alice-id"
        ]
    );
    let Change::CreateApp { body } = change_of(&plan, "entra.app") else { panic!() };
    assert_eq!(body["signInAudience"], "AzureADMyOrg");
    assert_eq!(body["publicClient"]["redirectUris"], json!(["http://localhost"]));
    assert_eq!(body["isFallbackPublicClient"], false);
    assert_eq!(body["api"], json!({ "requestedAccessTokenVersion": 2, "acceptMappedClaims": true }));
    assert_eq!(body["optionalClaims"]["idToken"][0]["name"], "email");
    assert_eq!(body["groupMembershipClaims"], "ApplicationGroup");
    assert_eq!(body["tags"], json!([TAG]));
    assert!(body.get("web").is_none() && body.get("spa").is_none());
    let access = body["requiredResourceAccess"][0]["resourceAccess"].as_array().unwrap();
    assert_eq!(access[0]["id"], "openid-of-this-cloud", "the cloud's own list wins over what is usual");
    assert_eq!(access[1]["id"], "14dad69e-099b-42c9-810b-d002981feec1");
    let Change::Consent { scope } = change_of(&plan, "entra.consent") else { panic!() };
    assert_eq!(scope, "openid profile offline_access email");
    let Change::CreateClaims { definition, .. } = change_of(&plan, "entra.claims") else { panic!() };
    let definition: Value = serde_json::from_str(definition).unwrap();
    let claim = &definition["ClaimsMappingPolicy"]["ClaimsSchema"][0];
    assert_eq!(claim["JwtClaimType"], "https://aws.amazon.com/tags/principal_tags/team");
    assert_eq!((&claim["Source"], &claim["ID"]), (&"user".into(), &"department".into()));
    assert!(plan.steps.iter().all(|step| !step.why.is_empty() && !step.undo.is_empty()));
}

#[test]
fn a_complete_tenant_keeps_everything() {
    for wish in [wish(|_| {}), wish(|draft| draft.say_flag("entra.assignment-required", false))] {
        let plan = plan(&wish, &bookmark(), &complete(&wish));
        assert!(plan.steps.is_empty() && plan.near_misses.is_empty(), "{:?} {:?}", ids(&plan), seen(&plan));
        assert_eq!(plan.kept.len(), 4);
    }
}

#[test]
fn an_address_under_another_platform_is_moved_and_named() {
    let wish = wish(|_| {});
    let mut current = complete(&wish);
    let mut app = made(&wish);
    app["publicClient"]["redirectUris"] = json!(["http://127.0.0.1:8400/"]);
    app["web"] = json!({ "redirectUris": ["http://localhost", "https://app.contoso.com"] });
    current.app = Some((Application(app), FoundBy::Name));
    let plan = plan(&wish, &bookmark(), &current);
    let Change::UpdateApp { patch, before, .. } = change_of(&plan, "entra.app") else { panic!() };
    assert_eq!(patch["web"]["redirectUris"], json!(["https://app.contoso.com"]));
    assert_eq!(patch["publicClient"]["redirectUris"], json!(["http://127.0.0.1:8400/", "http://localhost"]));
    assert_eq!(before["web"]["redirectUris"], json!(["http://localhost", "https://app.contoso.com"]));
    assert_eq!(before["publicClient"]["redirectUris"], json!(["http://127.0.0.1:8400/"]));
    let seen = seen(&plan);
    assert!(seen.iter().any(|seen| seen.contains("registered under Web")), "{seen:?}");
    assert!(seen.iter().any(|seen| seen.contains("http://127.0.0.1")), "{seen:?}");
}

#[test]
fn what_looks_nearly_right_is_named() {
    let usual = wish(|_| {});
    for (edit, said) in [
        (json!({ "signInAudience": "AzureADMultipleOrgs" }), "for every tenant"),
        (json!({ "api": { "requestedAccessTokenVersion": null } }), "access tokens of version 1"),
        (json!({ "passwordCredentials": [{ "keyId": "k" }] }), "has a secret"),
        (
            json!({ "spa": { "redirectUris": ["http://localhost"] }, "publicClient": { "redirectUris": [] } }),
            "Single-page application",
        ),
    ] {
        let mut current = complete(&usual);
        let mut app = made(&usual);
        for (key, value) in edit.as_object().unwrap() {
            app[key] = value.clone();
        }
        current.app = Some((Application(app), FoundBy::Name));
        let plan = plan(&usual, &bookmark(), &current);
        assert!(seen(&plan).iter().any(|seen| seen.contains(said)), "{said}: {:?}", seen(&plan));
    }
    let mut current = complete(&usual);
    current.same_name = vec![Application(json!({ "id": "x", "appId": "other", "displayName": "Pintail" }))];
    current.unfound = vec![
        Unfound { name: "S3 usres".into(), kind: PrincipalKind::Group, several: Vec::new() },
        Unfound { name: "twins".into(), kind: PrincipalKind::Group, several: vec![alice(), alice()] },
    ];
    current.principal.as_mut().unwrap().0["preferredTokenSigningKeyThumbprint"] = "AB".into();
    current.linked_policies =
        vec![MappingPolicy { id: "p".into(), name: "other".into(), definition: "{}".into() }];
    let plan = plan(&usual, &bookmark(), &current);
    for said in
        ["another application", "S3 usres", "2 groups", "a key of its own", "does not accept mapped claims"]
    {
        assert!(seen(&plan).iter().any(|seen| seen.contains(said)), "{said}: {:?}", seen(&plan));
    }
}

#[test]
fn the_enterprise_application_is_switched_on_and_closed() {
    let wish = wish(|_| {});
    let mut current = complete(&wish);
    let principal = json!({ "id": "principal", "appId": APP, "accountEnabled": false, "appRoleAssignmentRequired": false });
    current.principal = Some(ServicePrincipal(principal));
    let plan = plan(&wish, &bookmark(), &current);
    let Change::UpdatePrincipal { patch, before, .. } = change_of(&plan, "entra.principal") else { panic!() };
    assert_eq!(patch, &json!({ "accountEnabled": true, "appRoleAssignmentRequired": true }));
    assert_eq!(before, &json!({ "accountEnabled": false, "appRoleAssignmentRequired": false }));
}

#[test]
fn consent_is_widened_and_never_narrowed() {
    let usual = wish(|draft| draft.say_list("entra.claims", ["email"]));
    let mut current = complete(&usual);
    current.grant = Some(Grant { id: "grant".into(), scopes: vec!["openid".into(), "User.Read".into()] });
    let plan = plan(&usual, &bookmark(), &current);
    let Change::WidenConsent { scope, before, .. } = change_of(&plan, "entra.consent") else { panic!() };
    assert_eq!(scope, "openid User.Read profile offline_access email");
    assert_eq!(before, "openid User.Read");
}

#[test]
fn only_what_is_ours_is_brought_in_line_as_a_whole() {
    let usual = wish(|_| {});
    let mut app = made(&usual);
    app["displayName"] = "Renamed".into();
    app["isFallbackPublicClient"] = true.into();
    for (found, changes) in [(FoundBy::Mark, true), (FoundBy::Name, false)] {
        let mut current = complete(&usual);
        current.app = Some((Application(app.clone()), found));
        assert_eq!(!plan(&usual, &bookmark(), &current).steps.is_empty(), changes);
    }
}

#[test]
fn the_application_is_told_by_mark_then_name_then_address() {
    let wish = wish(|_| {});
    let app = |id: &str, edit: Value| {
        let mut app = json!({ "id": id, "appId": id, "displayName": "Pintail" });
        for (key, value) in edit.as_object().unwrap() {
            app[key] = value.clone();
        }
        Application(app)
    };
    let ours = notes(&bookmark());
    let marked = app("marked", json!({ "tags": [TAG], "notes": ours, "createdDateTime": "2026-02-01" }));
    let older = app("older", json!({ "tags": [TAG], "notes": ours, "createdDateTime": "2026-01-01" }));
    let of_others = app("of-others", json!({ "tags": [TAG], "notes": "another bookmark's" }));
    let plain = app("plain", json!({}));
    let fitting = app("fitting", json!({ "publicClient": { "redirectUris": ["http://localhost"] } }));
    let all = |apps: &[&Application]| apps.iter().map(|app| (*app).clone()).collect::<Vec<_>>();
    for (tagged, named, chosen, others) in [
        (all(&[]), all(&[]), None, 0),
        (all(&[&marked, &older]), all(&[&marked, &older, &plain]), Some("older"), 1),
        (all(&[&of_others]), all(&[&of_others]), None, 0),
        (all(&[&of_others]), all(&[&of_others, &plain]), Some("plain"), 0),
        (all(&[]), all(&[&plain, &fitting]), Some("fitting"), 1),
        (all(&[]), all(&[&plain, &plain]), None, 2),
    ] {
        let (found, rest) = choose(tagged, named, &wish, &ours);
        assert_eq!(found.map(|(app, _)| app.id()).as_deref(), chosen);
        assert_eq!(rest.len(), others);
    }
}

#[test]
fn a_removal_takes_what_bears_the_mark_and_tells_what_stays() {
    let usual = wish(|_| {});
    let mut current = complete(&usual);
    let policy = MappingPolicy { id: "p".into(), name: policy_name(&bookmark()), definition: "{}".into() };
    current.own_policy = Some(policy);
    let (reversals, kept) = removal(&bookmark(), &current);
    let ids: Vec<_> = reversals.iter().map(|reversal| reversal.id.as_str()).collect();
    assert_eq!((ids, kept.len()), (vec!["entra.claims.link", "entra.claims", "entra.app"], 0));
    current.app.as_mut().unwrap().1 = FoundBy::Name;
    let (reversals, kept) = removal(&bookmark(), &current);
    assert_eq!((reversals.len(), kept.len()), (2, 1));
}

#[test]
fn somebody_is_let_in_once_and_out_by_any_name() {
    let current = complete(&wish(|_| {}));
    assert!(grant(&current, &alice()).is_none());
    let bob = Principal { id: "bob-id".into(), ..alice() };
    assert_eq!(grant(&current, &bob).unwrap().id, "entra.assign.bob-id");
    assert_eq!(revoke(&current, |assignment| assignment.principal_name == "alice").len(), 1);
    assert!(revoke(&current, |assignment| assignment.principal_id == "bob-id").is_empty());
    assert_eq!(wish(|_| {}).users, [ME]);
}

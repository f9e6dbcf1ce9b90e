//! Claims that a token carries because the app is set up for them: optional ones, groups, roles, and those of a
//! claims mapping policy.

use serde_json::{Map, Value, json};

use crate::random::guid_of;
use crate::world::directory::{App, Directory, Home, User};
use crate::world::tenant::DEFAULT_ACCESS;

/// A JWT names this many groups at most; beyond it tells where they can be read.
const MOST_GROUPS: usize = 200;

/// The claims that an app's configuration adds to tokens of a kind: `idToken` or `accessToken`.
pub(super) fn configured(directory: &Directory, app: &App, user: &User, kind: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    let optional = app.registration.get("optionalClaims").and_then(|all| all[kind].as_array());
    for name in optional.into_iter().flatten().filter_map(|claim| claim["name"].as_str()) {
        if let Some(value) = optional_claim(directory, user, name) {
            claims.insert(name.to_owned(), value);
        }
    }
    claims.extend(groups(directory, app, user));
    let roles = roles(directory, app, user);
    if !roles.is_empty() {
        claims.insert("roles".to_owned(), json!(roles));
    }
    claims.extend(mapped(directory, app, user));
    claims
}

fn optional_claim(directory: &Directory, user: &User, name: &str) -> Option<Value> {
    let opaque = |purpose: &str| guid_of(&format!("{purpose} {} {}", directory.tenant, user.object_id));
    Some(match name {
        "acct" => json!(u8::from(user.home != Home::Member)),
        "amr" if user.mfa => json!(["pwd", "mfa"]),
        "amr" => json!(["pwd"]),
        "email" => json!(user.email.as_ref()?),
        "family_name" => json!(user.name.split_once(' ')?.1),
        "given_name" => json!(user.name.split(' ').next()?),
        "login_hint" => json!(format!("O.{}", opaque("login hint").replace('-', ""))),
        "sid" => json!(opaque("session")),
        "upn" if user.home == Home::Member => json!(user.username),
        "verified_primary_email" => json!([user.email.as_ref()?]),
        _ => return None,
    })
}

fn groups(directory: &Directory, app: &App, user: &User) -> Map<String, Value> {
    let wanted = app.registration.get("groupMembershipClaims").and_then(Value::as_str).unwrap_or_default();
    let wants = |kind: &str| wanted.split(',').any(|one| one.trim() == kind);
    let mut claims = Map::new();
    if !wants("SecurityGroup") && !wants("All") && !wants("ApplicationGroup") {
        return claims;
    }
    let assigned = |id: &str| {
        directory
            .assignments
            .iter()
            .any(|one| one.principal == id && Some(&one.resource) == app.service_principal_id.as_ref())
    };
    let groups: Vec<&str> = directory
        .groups
        .iter()
        .filter(|group| group.members.contains(&user.object_id))
        .filter(|group| {
            wants("All") || group.security_enabled && !wants("ApplicationGroup") || assigned(&group.object_id)
        })
        .map(|group| group.object_id.as_str())
        .collect();
    if groups.len() > MOST_GROUPS {
        let endpoint = format!(
            "https://graph.windows.net/{}/users/{}/getMemberObjects",
            directory.tenant, user.object_id
        );
        claims.insert("_claim_names".to_owned(), json!({"groups": "src1"}));
        claims.insert("_claim_sources".to_owned(), json!({"src1": {"endpoint": endpoint}}));
    } else if !groups.is_empty() {
        claims.insert("groups".to_owned(), json!(groups));
    }
    claims
}

fn roles(directory: &Directory, app: &App, user: &User) -> Vec<String> {
    let defined = app.registration.get("appRoles").and_then(Value::as_array);
    directory
        .assignments_of(app, user)
        .filter(|one| one.role != DEFAULT_ACCESS)
        .filter_map(|one| defined?.iter().find(|role| role["id"] == one.role.as_str()))
        .filter_map(|role| role["value"].as_str().map(str::to_owned))
        .collect()
}

/// What a claims mapping policy says: a constant, or an attribute of the person.
fn mapped(directory: &Directory, app: &App, user: &User) -> Map<String, Value> {
    let mut claims = Map::new();
    let Some(policy) = directory.claims_policy(app) else { return claims };
    for text in &policy.definition {
        let definition: Value = serde_json::from_str(text).unwrap_or_default();
        let schema = definition["ClaimsMappingPolicy"]["ClaimsSchema"].as_array();
        for claim in schema.into_iter().flatten() {
            let Some(name) = claim["JwtClaimType"].as_str() else { continue };
            let constant = claim["Value"].as_str().map(str::to_owned);
            let value = constant.or_else(|| attribute(user, claim["ID"].as_str()?));
            claims.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
    }
    claims
}

fn attribute(user: &User, id: &str) -> Option<String> {
    let id = id.to_ascii_lowercase();
    match id.as_str() {
        "displayname" => Some(user.name.clone()),
        "givenname" => user.name.split(' ').next().map(str::to_owned),
        "mail" => user.email.clone(),
        "objectid" => Some(user.object_id.clone()),
        "surname" => user.name.split_once(' ').map(|(_, family)| family.to_owned()),
        "userprincipalname" => Some(user.username.clone()),
        other => {
            let found = user.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(other));
            found.map(|(_, value)| value.clone())
        }
    }
}

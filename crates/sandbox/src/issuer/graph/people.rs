//! Who is signed in, and the people and groups of the tenant.

use serde_json::{Value, json};

use super::errors::GraphError;
use super::listing::{self, Kind};
use super::{Answer, Call, Caller, Reply};
use crate::world::directory::{Directory, Home, User};
use crate::world::tenant::Group;

const USERS: Kind = Kind {
    resource: "User",
    set: "users",
    filterable: &["id", "displayName", "userPrincipalName", "mail", "accountEnabled", "userType"],
    usual: &[
        "businessPhones",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
        "id",
    ],
    example: |_| user_json(&User::member("", "", "", "")),
};

const GROUPS: Kind = Kind {
    resource: "Group",
    set: "groups",
    filterable: &[
        "id",
        "displayName",
        "mail",
        "mailNickname",
        "securityEnabled",
        "mailEnabled",
        "groupTypes",
    ],
    usual: &[],
    example: |_| group_json(&Group::security("", "")),
};

const OBJECTS: Kind = Kind {
    resource: "DirectoryObject",
    set: "directoryObjects",
    filterable: &["id"],
    usual: &[],
    example: |_| json!({"id": null, "deletedDateTime": null, "displayName": null}),
};

pub(super) fn me(call: &mut Call<'_>) -> Answer {
    listing::one(call, &USERS, user_json(&call.caller.user))
}

pub(super) fn userinfo(directory: &Directory, caller: &Caller) -> Answer {
    if !caller.scopes.iter().any(|scope| scope == "openid") {
        return Err(GraphError::new(
            401,
            "InvalidAuthenticationToken",
            "Access token validation failure. The token has no openid scope.",
        ));
    }
    let user = &caller.user;
    let (given, family) = names(user);
    Ok(Reply::ok(json!({
        "sub": directory.subject(&caller.client_id, user),
        "name": user.name,
        "given_name": given,
        "family_name": family,
        "email": user.email,
    })))
}

/// The groups and the directory roles of who is signed in.
pub(super) fn member_of(call: &mut Call<'_>) -> Answer {
    let user = &call.caller.user;
    let groups = call.directory.groups.iter().filter(|group| group.members.contains(&user.object_id));
    let mut objects: Vec<Value> = groups.map(|group| typed("group", group_json(group))).collect();
    objects.extend(user.directory_roles.iter().map(|role| {
        let (name, template) = role.named();
        typed(
            "directoryRole",
            json!({
                "id": crate::random::guid_of(&format!("{} {template}", call.directory.tenant)),
                "deletedDateTime": null,
                "description": name,
                "displayName": name,
                "roleTemplateId": template,
            }),
        )
    }));
    listing::list(call, &OBJECTS, objects)
}

fn typed(kind: &str, mut object: Value) -> Value {
    object["@odata.type"] = json!(format!("#microsoft.graph.{kind}"));
    object
}

pub(super) fn organization(call: &mut Call<'_>) -> Answer {
    let directory = &call.directory;
    Ok(Reply::ok(json!({
        "@odata.context": call.context("organization"),
        "value": [{
            "id": directory.tenant,
            "deletedDateTime": null,
            "displayName": directory.tenant_name,
            "tenantType": "AAD",
            "countryLetterCode": "DE",
            "createdDateTime": "2020-01-01T00:00:00Z",
            "assignedPlans": [],
            "verifiedDomains": [{
                "name": directory.domain,
                "type": "Managed",
                "capabilities": "Email",
                "isDefault": true,
                "isInitial": true,
            }],
        }],
    })))
}

pub(super) fn list_users(call: &mut Call<'_>) -> Answer {
    let here = call.directory.users.iter().filter(|user| is_here(user));
    let users = here.map(user_json).collect();
    listing::list(call, &USERS, users)
}

pub(super) fn user(call: &mut Call<'_>) -> Answer {
    let key = call.part(1).to_owned();
    let found = call.directory.users.iter().filter(|user| is_here(user)).find(|user| {
        user.object_id.eq_ignore_ascii_case(&key)
            || user.username.eq_ignore_ascii_case(&key)
            || principal_name(user).eq_ignore_ascii_case(&key)
    });
    let user = found.map(user_json).ok_or_else(|| GraphError::not_found(&key))?;
    listing::one(call, &USERS, user)
}

pub(super) fn list_groups(call: &mut Call<'_>) -> Answer {
    let groups = call.directory.groups.iter().map(group_json).collect();
    listing::list(call, &GROUPS, groups)
}

pub(super) fn group(call: &mut Call<'_>) -> Answer {
    let key = call.part(1);
    let group = call.directory.group(key).map(group_json).ok_or_else(|| GraphError::not_found(key))?;
    listing::one(call, &GROUPS, group)
}

pub(super) fn members(call: &mut Call<'_>) -> Answer {
    let key = call.part(1);
    let group = call.directory.group(key).ok_or_else(|| GraphError::not_found(key))?;
    let members = group.members.iter().filter_map(|id| call.directory.person(id));
    let members = members.map(|user| typed("user", user_json(user))).collect();
    listing::list(call, &OBJECTS, members)
}

/// Whether somebody has an account in the tenant, as member or guest.
pub(super) fn is_here(user: &User) -> bool {
    !matches!(user.home, Home::Elsewhere { .. })
}

/// A guest's principal name says where the guest comes from.
fn principal_name(user: &User) -> String {
    match &user.home {
        Home::Guest { .. } => format!("{}#EXT#@sandbox.example", user.username.replace('@', "_")),
        Home::Member | Home::Elsewhere { .. } => user.username.clone(),
    }
}

fn names(user: &User) -> (String, Option<String>) {
    match user.name.split_once(' ') {
        Some((given, family)) => (given.to_owned(), Some(family.to_owned())),
        None => (user.name.clone(), None),
    }
}

fn user_json(user: &User) -> Value {
    let (given, family) = names(user);
    json!({
        "id": user.object_id,
        "accountEnabled": user.enabled,
        "businessPhones": [],
        "displayName": user.name,
        "givenName": given,
        "jobTitle": null,
        "mail": user.email,
        "mobilePhone": null,
        "officeLocation": null,
        "preferredLanguage": null,
        "surname": family,
        "userPrincipalName": principal_name(user),
        "userType": if user.home == Home::Member { "Member" } else { "Guest" },
    })
}

fn group_json(group: &Group) -> Value {
    json!({
        "id": group.object_id,
        "deletedDateTime": null,
        "createdDateTime": "2025-01-01T00:00:00Z",
        "description": null,
        "displayName": group.name,
        "groupTypes": if group.security_enabled { json!([]) } else { json!(["Unified"]) },
        "mail": null,
        "mailEnabled": !group.security_enabled,
        "mailNickname": group.name.replace(' ', "-").to_ascii_lowercase(),
        "membershipRule": null,
        "onPremisesSyncEnabled": null,
        "securityEnabled": group.security_enabled,
        "visibility": null,
    })
}

//! Claims mapping policies and their links to service principals, and the tenant's authorization policy.

use serde_json::{Value, json};

use super::errors::GraphError;
use super::listing::{self, Kind};
use super::{Answer, Call, Reply, service_principals};
use crate::world::tenant::ClaimsPolicy;

const RESOURCE: &str = "ClaimsMappingPolicy";

const KIND: Kind = Kind {
    resource: RESOURCE,
    set: "policies/claimsMappingPolicies",
    filterable: &["id", "displayName", "isOrganizationDefault"],
    usual: &[],
    example: |_| to_json(&ClaimsPolicy::new("")),
};

/// Claims of a JWT that no policy may write: those that the issuer itself answers for.
const RESTRICTED: [&str; 24] = [
    "acr",
    "actor",
    "aio",
    "amr",
    "appid",
    "aud",
    "azp",
    "c_hash",
    "at_hash",
    "exp",
    "groups",
    "hasgroups",
    "iat",
    "idp",
    "iss",
    "nbf",
    "nonce",
    "oid",
    "platf",
    "rh",
    "roles",
    "scp",
    "sub",
    "tid",
];

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let policies = call.directory.claims_policies.iter().map(to_json).collect();
    listing::list(call, &KIND, policies)
}

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    let at = find(call, call.part(2))?;
    listing::one(call, &KIND, to_json(&call.directory.claims_policies[at]))
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let body = call.body()?;
    let mut policy = ClaimsPolicy::new(&call.core.ids.guid());
    for name in ["definition", "displayName"] {
        if !body.contains_key(name) {
            return Err(GraphError::required(name, RESOURCE));
        }
    }
    write(&mut policy, &body)?;
    check_admin(call)?;
    let object = to_json(&policy);
    call.directory.claims_policies.push(policy);
    Ok(Reply::created(call.entity(KIND.set, object)))
}

pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let at = find(call, call.part(2))?;
    let body = call.body()?;
    check_admin(call)?;
    let mut changed = call.directory.claims_policies[at].clone();
    write(&mut changed, &body)?;
    call.directory.claims_policies[at] = changed;
    Ok(Reply::nothing())
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let at = find(call, call.part(2))?;
    check_admin(call)?;
    call.directory.claims_policies.remove(at);
    Ok(Reply::nothing())
}

pub(super) fn list_assigned(call: &mut Call<'_>) -> Answer {
    let at = service_principals::find(call)?;
    let id = service_principals::id_at(call, at);
    let policies = call.directory.claims_policies.iter().filter(|policy| policy.applies_to.contains(&id));
    let policies = policies.map(to_json).collect();
    listing::list(call, &KIND, policies)
}

/// Links a policy to a service principal, which takes one at most.
pub(super) fn assign(call: &mut Call<'_>) -> Answer {
    let at = service_principals::find(call)?;
    let id = service_principals::id_at(call, at);
    let body = call.body()?;
    let link = body.get("@odata.id").and_then(Value::as_str);
    let link = link.ok_or_else(|| GraphError::required("@odata.id", RESOURCE))?;
    let wanted = link.rsplit('/').next().unwrap_or_default().to_owned();
    let policy = find(call, &wanted)?;
    check_admin(call)?;
    if call.directory.claims_policies.iter().any(|policy| policy.applies_to.contains(&id)) {
        return Err(GraphError::bad(
            "One or more added object references already exist for the following modified properties: \
             'claimsMappingPolicies'.",
        ));
    }
    call.directory.claims_policies[policy].applies_to.insert(id);
    Ok(Reply::nothing())
}

pub(super) fn remove(call: &mut Call<'_>) -> Answer {
    let at = service_principals::find(call)?;
    let id = service_principals::id_at(call, at);
    let wanted = call.part(3).to_owned();
    let policy = find(call, &wanted)?;
    check_admin(call)?;
    if call.directory.claims_policies[policy].applies_to.remove(&id) {
        return Ok(Reply::nothing());
    }
    Err(GraphError::not_found(&wanted))
}

pub(super) fn authorization(call: &mut Call<'_>) -> Answer {
    let settings = &call.directory.settings;
    let consent = if settings.users_consent {
        json!(["ManagePermissionGrantsForSelf.microsoft-user-default-legacy"])
    } else {
        json!([])
    };
    Ok(Reply::ok(json!({
        "@odata.context": call.context("policies/authorizationPolicy/$entity"),
        "id": "authorizationPolicy",
        "allowInvitesFrom": "everyone",
        "allowedToSignUpEmailBasedSubscriptions": true,
        "allowedToUseSSPR": true,
        "allowEmailVerifiedUsersToJoinOrganization": false,
        "allowUserConsentForRiskyApps": null,
        "blockMsolPowerShell": false,
        "displayName": "Authorization Policy",
        "description": "Used to manage authorization related settings across the company.",
        "guestUserRoleId": "10dae51f-b6af-4016-8d66-8c2a99b929b3",
        "defaultUserRolePermissions": {
            "allowedToCreateApps": settings.users_create_apps,
            "allowedToCreateSecurityGroups": true,
            "allowedToCreateTenants": true,
            "allowedToReadBitlockerKeysForOwnedDevice": true,
            "allowedToReadOtherUsers": true,
            "permissionGrantPoliciesAssigned": consent,
        },
    })))
}

fn check_admin(call: &Call<'_>) -> Result<(), GraphError> {
    if call.caller.administers_apps() { Ok(()) } else { Err(GraphError::denied()) }
}

fn find(call: &Call<'_>, id: &str) -> Result<usize, GraphError> {
    let at = call.directory.claims_policies.iter().position(|policy| policy.id == id);
    at.ok_or_else(|| GraphError::not_found(id))
}

fn write(policy: &mut ClaimsPolicy, body: &serde_json::Map<String, Value>) -> Result<(), GraphError> {
    for (name, value) in body {
        let wrong = || GraphError::value(name, RESOURCE);
        match name.as_str() {
            "displayName" => value.as_str().ok_or_else(wrong)?.clone_into(&mut policy.name),
            "isOrganizationDefault" => policy.organization_default = value.as_bool().ok_or_else(wrong)?,
            "definition" => {
                let texts = value.as_array().ok_or_else(wrong)?;
                let texts: Option<Vec<String>> =
                    texts.iter().map(|text| text.as_str().map(str::to_owned)).collect();
                let texts = texts.filter(|texts| !texts.is_empty()).ok_or_else(wrong)?;
                texts.iter().try_for_each(|text| check_definition(text))?;
                policy.definition = texts;
            }
            "id" | "deletedDateTime" => {
                return Err(GraphError::bad(&format!("Property '{name}' is read-only and cannot be set.")));
            }
            _ => return Err(GraphError::bad(&format!("Invalid property '{name}'."))),
        }
    }
    Ok(())
}

/// A definition is JSON within a text: where each claim comes from and how it is called.
fn check_definition(text: &str) -> Result<(), GraphError> {
    let wrong = || {
        GraphError::bad("Property definition has an invalid value.").detailed("InvalidValue", "definition")
    };
    let parsed: Value = serde_json::from_str(text).map_err(|_| wrong())?;
    let policy = &parsed[RESOURCE];
    if policy["Version"] != 1 {
        return Err(wrong());
    }
    let Some(schema) = policy.get("ClaimsSchema") else { return Ok(()) };
    for claim in schema.as_array().ok_or_else(wrong)? {
        let sourced =
            claim["Source"].is_string() && (claim["ID"].is_string() || claim["TransformationId"].is_string());
        let named = claim["JwtClaimType"].is_string() || claim["SamlClaimType"].is_string();
        if !(sourced || claim["Value"].is_string()) || !named {
            return Err(wrong());
        }
        if claim["JwtClaimType"].as_str().is_some_and(|name| RESTRICTED.contains(&name)) {
            return Err(wrong());
        }
    }
    Ok(())
}

fn to_json(policy: &ClaimsPolicy) -> Value {
    json!({
        "id": policy.id,
        "deletedDateTime": null,
        "definition": policy.definition,
        "displayName": policy.name,
        "isOrganizationDefault": policy.organization_default,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_json_that_names_claims() {
        let schema = |schema: &str| {
            format!(
                r#"{{"ClaimsMappingPolicy":{{"Version":1,"IncludeBasicClaimSet":"true","ClaimsSchema":[{schema}]}}}}"#
            )
        };
        for (text, good) in [
            (
                schema(
                    r#"{"Source":"user","ID":"department","JwtClaimType":"https://aws.amazon.com/tags/principal_tags/Department"}"#,
                ),
                true,
            ),
            (schema(r#"{"Value":"x","JwtClaimType":"plant"}"#), true),
            (schema(r#"{"Source":"user","JwtClaimType":"plant"}"#), false),
            (schema(r#"{"Source":"user","ID":"department"}"#), false),
            (schema(r#"{"Source":"user","ID":"department","JwtClaimType":"sub"}"#), false),
            (r#"{"ClaimsMappingPolicy":{}}"#.to_owned(), false),
            ("no JSON".to_owned(), false),
        ] {
            assert_eq!(check_definition(&text).is_ok(), good, "{text}");
        }
    }
}

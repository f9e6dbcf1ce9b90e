//! Delegated permission grants: consents, by an admin for everybody or by one person.

use serde_json::{Map, Value, json};

use super::errors::GraphError;
use super::listing::{self, Kind};
use super::{Answer, Call, Reply, service_principals};
use crate::world::tenant::Grant;

const RESOURCE: &str = "OAuth2PermissionGrant";

const KIND: Kind = Kind {
    resource: RESOURCE,
    set: "oauth2PermissionGrants",
    filterable: &["id", "clientId", "consentType", "principalId", "resourceId"],
    usual: &[],
    example: |_| to_json(&Grant::new("", None, "", "")),
};

/// The longest scope text that is taken.
const LONGEST_SCOPE: usize = 3850;

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let grants = call.directory.grants.iter().map(to_json).collect();
    listing::list(call, &KIND, grants)
}

pub(super) fn list_of_client(call: &mut Call<'_>) -> Answer {
    let at = service_principals::find(call)?;
    let client = service_principals::id_at(call, at);
    let grants = call.directory.grants.iter().filter(|grant| grant.client == client).map(to_json).collect();
    listing::list(call, &KIND, grants)
}

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    let at = find(call)?;
    listing::one(call, &KIND, to_json(&call.directory.grants[at]))
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let body = call.body()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let required = |name: &str| text(name).ok_or_else(|| GraphError::required(name, RESOURCE));
    let (client, resource) = (required("clientId")?, required("resourceId")?);
    let principal = match required("consentType")? {
        "AllPrincipals" if text("principalId").is_some() => {
            return Err(GraphError::value("principalId", RESOURCE));
        }
        "AllPrincipals" => None,
        "Principal" => Some(required("principalId")?),
        _ => return Err(GraphError::value("consentType", RESOURCE)),
    };
    let scope = checked_scope(&body)?;
    may_grant(call)?;
    for id in [client, resource] {
        if call.directory.service_principal(id).is_none() || !call.directory.arrived(id) {
            return Err(GraphError::not_found(id));
        }
    }
    if let Some(id) = principal
        && call.directory.person(id).is_none()
    {
        return Err(GraphError::not_found(id));
    }
    let grant = Grant::new(client, principal, resource, &scope);
    if call.directory.grants.iter().any(|known| known.id == grant.id) {
        return Err(GraphError::new(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "Permission entry already exists.",
        ));
    }
    let object = to_json(&grant);
    call.directory.grants.push(grant);
    Ok(Reply::created(call.entity(KIND.set, object)))
}

/// Replaces the scopes of a grant; nothing else of it can be changed.
pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let at = find(call)?;
    let body = call.body()?;
    if let Some(name) = body.keys().find(|name| *name != "scope") {
        return Err(GraphError::bad(&format!("Property '{name}' is read-only and cannot be set.")));
    }
    let scope = checked_scope(&body)?;
    may_grant(call)?;
    call.directory.grants[at].scope = scope;
    by_hand(call, at);
    Ok(Reply::nothing())
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let at = find(call)?;
    may_grant(call)?;
    by_hand(call, at);
    call.directory.grants.remove(at);
    Ok(Reply::nothing())
}

/// From here on the grants alone say what the client was granted.
fn by_hand(call: &mut Call<'_>, at: usize) {
    let client = call.directory.grants[at].client.clone();
    for app in &mut call.directory.apps {
        if app.service_principal_id.as_ref() == Some(&client) {
            app.admin_consent = false;
        }
    }
}

fn may_grant(call: &Call<'_>) -> Result<(), GraphError> {
    if call.caller.grants() { Ok(()) } else { Err(GraphError::denied()) }
}

fn find(call: &Call<'_>) -> Result<usize, GraphError> {
    let key = call.part(1);
    let at = call.directory.grants.iter().position(|grant| grant.id == key);
    at.ok_or_else(|| GraphError::not_found(key))
}

fn checked_scope(body: &Map<String, Value>) -> Result<String, GraphError> {
    let scope = body.get("scope").ok_or_else(|| GraphError::required("scope", RESOURCE))?;
    let scope = scope.as_str().filter(|scope| scope.len() <= LONGEST_SCOPE);
    Ok(scope.ok_or_else(|| GraphError::value("scope", RESOURCE))?.trim().to_owned())
}

fn to_json(grant: &Grant) -> Value {
    json!({
        "id": grant.id,
        "clientId": grant.client,
        "consentType": if grant.principal.is_some() { "Principal" } else { "AllPrincipals" },
        "principalId": grant.principal,
        "resourceId": grant.resource,
        "scope": grant.scope,
    })
}

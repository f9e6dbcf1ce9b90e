//! Service principals: the apps as the tenant uses them, its own and those of others.

use serde_json::{Map, Value, json};

use super::applications::check_owner;
use super::errors::GraphError;
use super::listing::{self, Kind};
use super::{Answer, Call, Reply, registration, scopes};
use crate::clock::iso_seconds;
use crate::world::directory::{App, Directory};
use crate::world::tenant::{DirectoryRole, GRAPH_APP};

const RESOURCE: &str = "ServicePrincipal";

/// The tenant in which Microsoft registers its own apps.
const MICROSOFT: &str = "f8cdef31-a31e-4b4a-93e4-5f571e91255a";

const KIND: Kind = Kind {
    resource: RESOURCE,
    set: "servicePrincipals",
    filterable: &[
        "id",
        "accountEnabled",
        "appId",
        "appOwnerOrganizationId",
        "displayName",
        "servicePrincipalNames",
        "servicePrincipalType",
        "tags",
    ],
    usual: &[],
    example: |directory| to_json(directory, &App::new("", "")),
};

/// Finds the service principal that the path names, by its object ID or as `appId=…`.
pub(super) fn find(call: &mut Call<'_>) -> Result<usize, GraphError> {
    let key = call.part(1).to_owned();
    let by_app_id = key.strip_prefix("appId=");
    let at = call.directory.apps.iter().position(|app| {
        app.service_principal_id.as_ref().is_some_and(|id| match by_app_id {
            Some(wanted) => app.client_id.eq_ignore_ascii_case(wanted),
            None => id.eq_ignore_ascii_case(&key),
        })
    });
    let gone = || GraphError::not_found(by_app_id.unwrap_or(&key));
    let at = at.ok_or_else(gone)?;
    let id = call.directory.apps[at].service_principal_id.clone().unwrap_or_default();
    if call.directory.arrived(&id) { Ok(at) } else { Err(gone()) }
}

/// The ID of the service principal that [`find`] found.
pub(super) fn id_at(call: &Call<'_>, at: usize) -> String {
    call.directory.apps[at].service_principal_id.clone().unwrap_or_default()
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let ids: Vec<String> =
        call.directory.apps.iter().filter_map(|app| app.service_principal_id.clone()).collect();
    let arrived: Vec<String> = ids.into_iter().filter(|id| call.directory.arrived(id)).collect();
    let apps = call.directory.apps.iter();
    let apps = apps.filter(|app| app.service_principal_id.as_ref().is_some_and(|id| arrived.contains(id)));
    let objects = apps.map(|app| to_json(call.directory, app)).collect();
    listing::list(call, &KIND, objects)
}

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    let at = find(call)?;
    listing::one(call, &KIND, to_json(call.directory, &call.directory.apps[at]))
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let body = call.body()?;
    let client_id = body
        .get("appId")
        .and_then(Value::as_str)
        .ok_or_else(|| GraphError::required("appId", RESOURCE))?
        .to_owned();
    let unbacked = || {
        GraphError::bad(&format!(
            "The appId '{client_id}' of the service principal does not reference a valid application object."
        ))
        .detailed("NoBackingApplicationObject", "appId")
    };
    let at = call.directory.apps.iter().position(|app| app.client_id.eq_ignore_ascii_case(&client_id));
    let at = at.ok_or_else(unbacked)?;
    let app = &call.directory.apps[at];
    if let Some(id) = app.object_id.clone()
        && !call.directory.arrived(&id)
    {
        return Err(unbacked());
    }
    let app = &call.directory.apps[at];
    let owner = app.owners.contains(&call.caller.user.object_id)
        && call.caller.has_role(DirectoryRole::ApplicationDeveloper);
    if !call.caller.administers_apps() && !owner {
        return Err(GraphError::denied());
    }
    if app.service_principal_id.is_some() {
        return Err(GraphError::new(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            &format!(
                "The service principal cannot be created, updated, or restored because the service principal name \
                 {client_id} is already in use."
            ),
        )
        .detailed("ObjectConflict", "servicePrincipalNames"));
    }
    let mut changed = app.clone();
    write(&mut changed, &body)?;
    let id = call.core.ids.guid();
    changed.service_principal_id = Some(id.clone());
    changed.enterprise.insert("createdDateTime".into(), json!(iso_seconds(call.inbound.now)));
    let object = to_json(call.directory, &changed);
    call.directory.apps[at] = changed;
    call.directory.depart(&id);
    Ok(Reply::created(call.entity(KIND.set, object)))
}

pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let at = find(call)?;
    check_owner(call, &call.directory.apps[at])?;
    let body = call.body()?;
    let mut changed = call.directory.apps[at].clone();
    write(&mut changed, &body)?;
    call.directory.apps[at] = changed;
    Ok(Reply::nothing())
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let at = find(call)?;
    check_owner(call, &call.directory.apps[at])?;
    let id = id_at(call, at);
    call.directory.forget_service_principal(&id);
    Ok(Reply::nothing())
}

fn write(app: &mut App, body: &Map<String, Value>) -> Result<(), GraphError> {
    for (name, value) in body {
        let wrong = || GraphError::value(name, RESOURCE);
        match name.as_str() {
            "appId" if value.as_str().is_some_and(|id| id.eq_ignore_ascii_case(&app.client_id)) => continue,
            "appRoleAssignmentRequired" => {
                app.assignment_required = value.as_bool().ok_or_else(wrong)?;
                continue;
            }
            "accountEnabled" => {
                app.enabled = value.as_bool().ok_or_else(wrong)?;
                continue;
            }
            "tags" | "alternativeNames" | "notificationEmailAddresses" => {
                let texts = value.as_array().ok_or_else(wrong)?;
                if !texts.iter().all(Value::is_string) {
                    return Err(wrong());
                }
            }
            "notes" | "description" | "homepage" | "loginUrl" | "logoutUrl" | "preferredSingleSignOnMode" => {
                if !value.is_null() && value.as_str().is_none_or(|text| text.chars().count() > 1024) {
                    return Err(wrong());
                }
            }
            "servicePrincipalType" | "displayName" | "info" | "samlSingleSignOnSettings" => {}
            "id"
            | "appId"
            | "appDisplayName"
            | "appOwnerOrganizationId"
            | "createdDateTime"
            | "signInAudience"
            | "replyUrls"
            | "oauth2PermissionScopes" => {
                return Err(GraphError::bad(&format!("Property '{name}' is read-only and cannot be set."))
                    .detailed("ReadOnlyProperty", name));
            }
            _ => {
                return Err(
                    GraphError::bad(&format!("Invalid property '{name}'.")).detailed("InvalidProperty", name)
                );
            }
        }
        app.enterprise.insert(name.clone(), value.clone());
    }
    Ok(())
}

fn to_json(directory: &Directory, app: &App) -> Value {
    let registered = registration::json(directory, app);
    let own = app.object_id.is_some();
    let mut object = json!({
        "id": app.service_principal_id,
        "deletedDateTime": null,
        "accountEnabled": app.enabled,
        "addIns": [],
        "alternativeNames": [],
        "appDescription": null,
        "appDisplayName": app.name,
        "appId": app.client_id,
        "applicationTemplateId": null,
        "appOwnerOrganizationId": if own { directory.tenant.as_str() } else { MICROSOFT },
        "appRoleAssignmentRequired": app.assignment_required,
        "appRoles": registered["appRoles"],
        "createdDateTime": null,
        "description": null,
        "disabledByMicrosoftStatus": null,
        "displayName": app.name,
        "homepage": null,
        "info": registered["info"],
        "keyCredentials": [],
        "loginUrl": null,
        "logoutUrl": null,
        "notes": null,
        "notificationEmailAddresses": [],
        "oauth2PermissionScopes": registered["api"]["oauth2PermissionScopes"],
        "passwordCredentials": [],
        "preferredSingleSignOnMode": null,
        "preferredTokenSigningKeyThumbprint": null,
        "replyUrls": app.redirect_uris.iter().map(|(_, uri)| uri.as_str()).collect::<Vec<_>>(),
        "resourceSpecificApplicationPermissions": [],
        "samlSingleSignOnSettings": null,
        "servicePrincipalNames": [app.client_id],
        "servicePrincipalType": "Application",
        "signInAudience": registered["signInAudience"],
        "tags": [],
        "tokenEncryptionKeyId": null,
        "verifiedPublisher": registered["verifiedPublisher"],
    });
    if app.client_id == GRAPH_APP {
        object["oauth2PermissionScopes"] = scopes::published();
        object["servicePrincipalNames"] = json!([GRAPH_APP, "https://graph.microsoft.com"]);
    }
    for (name, value) in &app.enterprise {
        object[name.as_str()] = value.clone();
    }
    object
}

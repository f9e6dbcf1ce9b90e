//! Applications: the registrations of the tenant.

use serde_json::{Value, json};

use super::errors::GraphError;
use super::listing::{self, Kind};
use super::registration::{self, RESOURCE};
use super::{Answer, Call, Reply};
use crate::clock::iso_seconds;
use crate::world::directory::App;
use crate::world::tenant::DirectoryRole;

const KIND: Kind = Kind {
    resource: RESOURCE,
    set: "applications",
    filterable: &[
        "id",
        "appId",
        "createdDateTime",
        "displayName",
        "identifierUris",
        "publisherDomain",
        "signInAudience",
        "tags",
    ],
    usual: &[],
    example: |directory| registration::json(directory, &App::new("", "")),
};

const OWNERS: Kind = Kind {
    resource: "DirectoryObject",
    set: "directoryObjects",
    filterable: &["id"],
    usual: &[],
    example: |_| json!({"id": null, "displayName": null, "userPrincipalName": null}),
};

/// Finds the registration that the path names, by its object ID or as `appId=…`.
fn find(call: &mut Call<'_>) -> Result<usize, GraphError> {
    let key = call.part(1).to_owned();
    let by_app_id = key.strip_prefix("appId=");
    let at = call.directory.apps.iter().position(|app| {
        app.object_id.as_ref().is_some_and(|id| match by_app_id {
            Some(wanted) => app.client_id.eq_ignore_ascii_case(wanted),
            None => id.eq_ignore_ascii_case(&key),
        })
    });
    let gone = || GraphError::not_found(by_app_id.unwrap_or(&key));
    let at = at.ok_or_else(gone)?;
    let id = call.directory.apps[at].object_id.clone().unwrap_or_default();
    if call.directory.arrived(&id) { Ok(at) } else { Err(gone()) }
}

/// Refuses whoever neither administers all apps nor owns this one.
pub(super) fn check_owner(call: &Call<'_>, app: &App) -> Result<(), GraphError> {
    if call.caller.administers_apps() || app.owners.contains(&call.caller.user.object_id) {
        return Ok(());
    }
    Err(GraphError::denied())
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let ids: Vec<String> = call.directory.apps.iter().filter_map(|app| app.object_id.clone()).collect();
    let arrived: Vec<String> = ids.into_iter().filter(|id| call.directory.arrived(id)).collect();
    let apps = call.directory.apps.iter();
    let apps = apps.filter(|app| app.object_id.as_ref().is_some_and(|id| arrived.contains(id)));
    let objects = apps.map(|app| registration::json(call.directory, app)).collect();
    listing::list(call, &KIND, objects)
}

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    let at = find(call)?;
    listing::one(call, &KIND, registration::json(call.directory, &call.directory.apps[at]))
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let may = call.caller.administers_apps()
        || call.caller.has_role(DirectoryRole::ApplicationDeveloper)
        || call.directory.settings.users_create_apps && call.caller.user.home == crate::world::Home::Member;
    if !may {
        return Err(GraphError::denied());
    }
    let body = call.body()?;
    if body.get("displayName").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(GraphError::required("displayName", RESOURCE));
    }
    let id = call.core.ids.guid();
    let mut app = App::new(&call.core.ids.guid(), "");
    app.object_id = Some(id.clone());
    app.service_principal_id = None;
    app.admin_consent = false;
    app.owners = vec![call.caller.user.object_id.clone()];
    // Graph's own default lets personal accounts in; the portal's does not.
    app.multi_tenant = true;
    app.registration.insert("signInAudience".into(), json!("AzureADandPersonalMicrosoftAccount"));
    registration::write(&mut app, &body)?;
    app.registration.insert("createdDateTime".into(), json!(iso_seconds(call.inbound.now)));
    let object = registration::json(call.directory, &app);
    call.directory.apps.push(app);
    call.directory.depart(&id);
    Ok(Reply::created(call.entity(KIND.set, object)))
}

pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let at = find(call)?;
    check_owner(call, &call.directory.apps[at])?;
    let body = call.body()?;
    registration::write(&mut call.directory.apps[at], &body)?;
    Ok(Reply::nothing())
}

/// Deletes a registration, and with it the service principal in its own tenant.
pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let at = find(call)?;
    check_owner(call, &call.directory.apps[at])?;
    if let Some(id) = call.directory.apps[at].service_principal_id.clone() {
        call.directory.forget_service_principal(&id);
    }
    let app = call.directory.apps.remove(at);
    call.directory.deleted.push(app);
    Ok(Reply::nothing())
}

pub(super) fn owners(call: &mut Call<'_>) -> Answer {
    let at = find(call)?;
    let owners = call.directory.apps[at].owners.iter().filter_map(|id| call.directory.person(id));
    let owners = owners
        .map(|user| {
            json!({
                "@odata.type": "#microsoft.graph.user",
                "id": user.object_id,
                "displayName": user.name,
                "userPrincipalName": user.username,
            })
        })
        .collect();
    listing::list(call, &OWNERS, owners)
}

pub(super) fn list_deleted(call: &mut Call<'_>) -> Answer {
    let objects = call.directory.deleted.iter().map(|app| registration::json(call.directory, app)).collect();
    listing::list(call, &KIND, objects)
}

pub(super) fn delete_for_good(call: &mut Call<'_>) -> Answer {
    let key = call.part(2).to_owned();
    let at = call.directory.deleted.iter().position(|app| app.object_id.as_ref() == Some(&key));
    let at = at.ok_or_else(|| GraphError::not_found(&key))?;
    check_owner(call, &call.directory.deleted[at])?;
    call.directory.deleted.remove(at);
    Ok(Reply::nothing())
}

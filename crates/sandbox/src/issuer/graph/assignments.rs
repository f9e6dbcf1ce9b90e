//! Assignments: which people and groups may use an app that demands it, and with which of its roles.

use serde_json::{Value, json};

use super::errors::GraphError;
use super::listing::{self, Kind};
use super::people::is_here;
use super::{Answer, Call, Reply, service_principals};
use crate::clock::iso_seconds;
use crate::world::directory::{App, Directory};
use crate::world::tenant::{Assignment, DEFAULT_ACCESS};

const RESOURCE: &str = "AppRoleAssignment";

const KIND: Kind = Kind {
    resource: RESOURCE,
    set: "appRoleAssignments",
    filterable: &["principalDisplayName", "principalId", "resourceId"],
    usual: &[],
    example: |directory| {
        let id = String::new;
        let none = Assignment {
            id: id(),
            principal: id(),
            resource: id(),
            role: id(),
            created: jiff::Timestamp::UNIX_EPOCH,
        };
        to_json(directory, &none)
    },
};

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let at = service_principals::find(call)?;
    let resource = service_principals::id_at(call, at);
    let assignments = call.directory.assignments.iter().filter(|one| one.resource == resource);
    let assignments = assignments.map(|one| to_json(call.directory, one)).collect();
    listing::list(call, &KIND, assignments)
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let at = service_principals::find(call)?;
    let body = call.body()?;
    let required = |name: &str| {
        body.get(name).and_then(Value::as_str).ok_or_else(|| GraphError::required(name, RESOURCE))
    };
    let (principal, resource, role) =
        (required("principalId")?, required("resourceId")?, required("appRoleId")?);
    may_assign(call)?;
    if !resource.eq_ignore_ascii_case(&service_principals::id_at(call, at)) {
        return Err(GraphError::value("resourceId", RESOURCE));
    }
    check_principal(call.directory, principal)?;
    check_role(&call.directory.apps[at], role)?;
    let same = |one: &&Assignment| {
        one.resource == resource && one.role == role && one.principal.eq_ignore_ascii_case(principal)
    };
    if call.directory.assignments.iter().find(same).is_some() {
        return Err(GraphError::bad("Permission being assigned already exists on the object")
            .detailed("InvalidUpdate", "appRoleId"));
    }
    let assignment = Assignment {
        id: call.core.ids.token(32),
        principal: principal.to_owned(),
        resource: resource.to_owned(),
        role: role.to_owned(),
        created: call.inbound.now,
    };
    let object = to_json(call.directory, &assignment);
    call.directory.assignments.push(assignment);
    Ok(Reply::created(call.entity(KIND.set, object)))
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let at = service_principals::find(call)?;
    let resource = service_principals::id_at(call, at);
    let id = call.part(3).to_owned();
    let at = call.directory.assignments.iter().position(|one| one.id == id && one.resource == resource);
    let at = at.ok_or_else(|| GraphError::not_found(&id))?;
    may_assign(call)?;
    call.directory.assignments.remove(at);
    Ok(Reply::nothing())
}

fn may_assign(call: &Call<'_>) -> Result<(), GraphError> {
    if call.caller.grants() { Ok(()) } else { Err(GraphError::denied()) }
}

fn check_principal(directory: &Directory, id: &str) -> Result<(), GraphError> {
    if let Some(group) = directory.group(id) {
        if group.security_enabled {
            return Ok(());
        }
        return Err(GraphError::bad(
            "Only groups that are security-enabled can be assigned to an application (property 'principalId').",
        ));
    }
    if directory.person(id).is_some_and(is_here) || directory.service_principal(id).is_some() {
        return Ok(());
    }
    Err(GraphError::not_found(id))
}

/// An app with roles of its own is assigned by one of them, any other by the default access alone.
fn check_role(app: &App, role: &str) -> Result<(), GraphError> {
    let roles = app.registration.get("appRoles").and_then(Value::as_array);
    let mut enabled = roles.into_iter().flatten().filter(|role| role["isEnabled"] != false).peekable();
    let known =
        if enabled.peek().is_none() { role == DEFAULT_ACCESS } else { enabled.any(|one| one["id"] == role) };
    if known {
        return Ok(());
    }
    Err(GraphError::bad(&format!(
        "Permission being assigned was not found on application '{}'",
        app.client_id
    ))
    .detailed("InvalidUpdate", "appRoleId"))
}

fn to_json(directory: &Directory, assignment: &Assignment) -> Value {
    let id = &assignment.principal;
    let (kind, name) = match (directory.person(id), directory.group(id)) {
        (Some(user), _) => ("User", Some(user.name.as_str())),
        (None, Some(group)) => ("Group", Some(group.name.as_str())),
        (None, None) => ("ServicePrincipal", directory.service_principal(id).map(|app| app.name.as_str())),
    };
    json!({
        "id": assignment.id,
        "deletedDateTime": null,
        "appRoleId": assignment.role,
        "createdDateTime": iso_seconds(assignment.created),
        "principalDisplayName": name,
        "principalId": assignment.principal,
        "principalType": kind,
        "resourceDisplayName": directory.service_principal(&assignment.resource).map(|app| app.name.as_str()),
        "resourceId": assignment.resource,
    })
}

//! Roles and their trust policies.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::paging::page;
use super::{limit_exceeded, named, no_such_entity, required, tags};
use crate::clock::iso_seconds;
use crate::params::Params;
use crate::policy::Document;
use crate::query::{Refused, element};
use crate::random::Ids;
use crate::world::account::{Account, Role};

/// IAM's default quota for the length of a trust policy, white space not counted.
const TRUST_LIMIT: usize = 2048;

pub(super) fn create(
    account: &mut Account,
    params: &Params,
    now: Timestamp,
    ids: &Ids,
) -> Result<String, Refused> {
    let name = named(params, "RoleName", 64)?;
    let path = params.get("Path").unwrap_or("/");
    if !path.starts_with('/') || !path.ends_with('/') || path.len() > 512 {
        return Err(Refused::validation(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
        ));
    }
    let trust_policy = checked_trust(required(params, "AssumeRolePolicyDocument", 131_072)?)?;
    if account.roles.contains_key(name) {
        return Err(Refused::new(
            409,
            "EntityAlreadyExists",
            format!("Role with name {name} already exists."),
        ));
    }
    let role = Role {
        name: name.to_owned(),
        path: path.to_owned(),
        id: ids.aws_id("AROA", 17),
        arn: format!("arn:aws:iam::{}:role{path}{name}", account.id),
        description: params.get("Description").map(str::to_owned),
        trust_policy,
        inline_policies: BTreeMap::new(),
        attached_policies: BTreeSet::new(),
        max_session_s: session_length(params)?.unwrap_or(3600),
        tags: tags::read(params)?,
        permissions_boundary: boundary(account, params)?,
        created: now,
    };
    let told = role_xml(&role);
    account.roles.insert(name.to_owned(), role);
    Ok(format!("<CreateRoleResult>{told}</CreateRoleResult>"))
}

fn checked_trust(document: &str) -> Result<String, Refused> {
    Document::trust(document).map_err(|error| Refused::malformed_policy(&error))?;
    if document.chars().filter(|c| !c.is_whitespace()).count() > TRUST_LIMIT {
        return Err(limit_exceeded("Cannot exceed quota for ACLSizePerRole: 2048"));
    }
    Ok(document.to_owned())
}

fn session_length(params: &Params) -> Result<Option<u32>, Refused> {
    let Some(text) = params.get("MaxSessionDuration") else { return Ok(None) };
    let bound = |relation: &str| {
        Refused::constraint("maxSessionDuration", Some(text), &format!("have value {relation}"))
    };
    match text.parse::<u32>() {
        Ok(seconds) if seconds < 3600 => Err(bound("greater than or equal to 3600")),
        Ok(seconds) if seconds > 43_200 => Err(bound("less than or equal to 43200")),
        Ok(seconds) => Ok(Some(seconds)),
        Err(_) => Err(bound("greater than or equal to 3600")),
    }
}

pub(super) fn find<'a>(account: &'a mut Account, params: &Params) -> Result<&'a mut Role, Refused> {
    let name = named(params, "RoleName", 64)?;
    account
        .roles
        .get_mut(name)
        .ok_or_else(|| no_such_entity(&format!("The role with name {name} cannot be found.")))
}

pub(super) fn get(account: &mut Account, params: &Params) -> Result<String, Refused> {
    Ok(format!("<GetRoleResult>{}</GetRoleResult>", role_xml(find(account, params)?)))
}

pub(super) fn list(account: &Account, params: &Params) -> Result<String, Refused> {
    let prefix = params.get("PathPrefix").unwrap_or("/");
    let fitting = account.roles.values().filter(|role| role.path.starts_with(prefix));
    let items = fitting.map(|role| (role.name.clone(), format!("<member>{}</member>", fields(role))));
    let page = page(params, items.collect())?;
    Ok(format!("<ListRolesResult>{}<Roles>{}</Roles></ListRolesResult>", page.end, page.members))
}

pub(super) fn update(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let length = session_length(params)?;
    let role = find(account, params)?;
    role.max_session_s = length.unwrap_or(role.max_session_s);
    if let Some(description) = params.raw("Description") {
        role.description = Some(description.to_owned());
    }
    Ok("<UpdateRoleResult/>".to_owned())
}

pub(super) fn update_trust(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let document = checked_trust(required(params, "PolicyDocument", 131_072)?)?;
    find(account, params)?.trust_policy = document;
    Ok(String::new())
}

pub(super) fn delete(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let role = find(account, params)?;
    if !role.inline_policies.is_empty() || !role.attached_policies.is_empty() {
        return Err(Refused::new(
            409,
            "DeleteConflict",
            "Cannot delete entity, must detach all policies first.",
        ));
    }
    let name = role.name.clone();
    account.roles.remove(&name);
    Ok(String::new())
}

/// The boundary that a call gives, which must be a managed policy.
fn boundary(account: &Account, params: &Params) -> Result<Option<String>, Refused> {
    let Some(arn) = params.get("PermissionsBoundary") else { return Ok(None) };
    if account.managed_document(arn).is_none() {
        let text = format!("Scope ARN: {arn} does not exist or is not attachable.");
        return Err(no_such_entity(&text));
    }
    Ok(Some(arn.to_owned()))
}

pub(super) fn put_boundary(account: &mut Account, params: &Params) -> Result<String, Refused> {
    required(params, "PermissionsBoundary", 2048)?;
    let boundary = boundary(account, params)?;
    find(account, params)?.permissions_boundary = boundary;
    Ok(String::new())
}

pub(super) fn delete_boundary(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let role = find(account, params)?;
    let name = role.name.clone();
    role.permissions_boundary
        .take()
        .map(|_| String::new())
        .ok_or_else(|| no_such_entity(&format!("Role {name} does not have a permissions boundary.")))
}

pub(super) fn update_description(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let text = params.raw("Description").unwrap_or_default().to_owned();
    let role = find(account, params)?;
    role.description = Some(text);
    Ok(format!("<UpdateRoleDescriptionResult>{}</UpdateRoleDescriptionResult>", role_xml(role)))
}

fn role_xml(role: &Role) -> String {
    let tags = tags::xml(&role.tags);
    let boundary = role.permissions_boundary.as_deref().map(|arn| {
        let kind = element("PermissionsBoundaryType", "Policy");
        format!("<PermissionsBoundary>{kind}{}</PermissionsBoundary>", element("PermissionsBoundaryArn", arn))
    });
    format!("<Role>{}{tags}{}</Role>", fields(role), boundary.unwrap_or_default())
}

fn fields(role: &Role) -> String {
    let description =
        role.description.as_deref().map(|text| element("Description", text)).unwrap_or_default();
    [
        element("Path", &role.path),
        element("RoleName", &role.name),
        element("RoleId", &role.id),
        element("Arn", &role.arn),
        element("CreateDate", &iso_seconds(role.created)),
        element("AssumeRolePolicyDocument", &encoded_document(&role.trust_policy)),
        description,
        element("MaxSessionDuration", &role.max_session_s.to_string()),
    ]
    .concat()
}

/// IAM hands documents out URL-encoded.
pub(super) fn encoded_document(document: &str) -> String {
    utf8_percent_encode(document, NON_ALPHANUMERIC).to_string()
}

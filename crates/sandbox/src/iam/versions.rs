//! Managed policies as a whole: what there is, and the five versions that each may have.

use jiff::Timestamp;

use super::paging::page;
use super::policies::{checked_managed, no_such_managed};
use super::roles::encoded_document;
use super::{limit_exceeded, no_such_entity, required};
use crate::clock::iso_seconds;
use crate::params::Params;
use crate::query::{Refused, element};
use crate::world::account::{AWS_MANAGED, Account, ManagedPolicy, PolicyVersion};

const MOST_VERSIONS: usize = 5;

/// When AWS's own policies were made, as far as this sandbox tells.
const AWS_CREATED: &str = "2015-02-06T18:40:58Z";

/// How often a policy is attached, or set as a boundary.
fn uses(account: &Account, arn: &str) -> (usize, usize) {
    let attached = account.roles.values().filter(|role| role.attached_policies.contains(arn)).count()
        + account.users.values().filter(|user| user.attached_policies.contains(arn)).count();
    let bounding =
        account.roles.values().filter(|role| role.permissions_boundary.as_deref() == Some(arn)).count();
    (attached, bounding)
}

/// The elements of a policy of the account.
pub(super) fn fields(account: &Account, arn: &str, policy: &ManagedPolicy) -> String {
    let (attached, bounding) = uses(account, arn);
    [
        element("PolicyName", &policy.name),
        element("PolicyId", &policy.id),
        element("Arn", arn),
        element("Path", &policy.path),
        element("DefaultVersionId", &format!("v{}", policy.default)),
        element("AttachmentCount", &attached.to_string()),
        element("PermissionsBoundaryUsageCount", &bounding.to_string()),
        element("IsAttachable", "true"),
        policy.description.as_deref().map(|text| element("Description", text)).unwrap_or_default(),
        element("CreateDate", &iso_seconds(policy.created)),
        element("UpdateDate", &iso_seconds(policy.updated)),
    ]
    .concat()
}

/// The elements of one of AWS's policies.
fn aws_fields(account: &Account, name: &str) -> String {
    let arn = format!("arn:aws:iam::aws:policy/{name}");
    let (attached, bounding) = uses(account, &arn);
    [
        element("PolicyName", name),
        element(
            "PolicyId",
            &format!("ANPA{:A<17}", name.to_ascii_uppercase().chars().take(17).collect::<String>()),
        ),
        element("Arn", &arn),
        element("Path", "/"),
        element("DefaultVersionId", "v1"),
        element("AttachmentCount", &attached.to_string()),
        element("PermissionsBoundaryUsageCount", &bounding.to_string()),
        element("IsAttachable", "true"),
        element("CreateDate", AWS_CREATED),
        element("UpdateDate", AWS_CREATED),
    ]
    .concat()
}

fn aws_name(arn: &str) -> Option<&str> {
    let name = arn.strip_prefix("arn:aws:iam::aws:policy/")?;
    AWS_MANAGED.iter().any(|(known, _)| *known == name).then_some(name)
}

pub(super) fn get(account: &Account, params: &Params) -> Result<String, Refused> {
    let arn = required(params, "PolicyArn", 2048)?;
    let told = match (aws_name(arn), account.policies.get(arn)) {
        (Some(name), _) => aws_fields(account, name),
        (None, Some(policy)) => {
            format!("{}{}", fields(account, arn, policy), super::tags::xml(&policy.tags))
        }
        (None, None) => return Err(missing(arn)),
    };
    Ok(format!("<GetPolicyResult><Policy>{told}</Policy></GetPolicyResult>"))
}

fn missing(arn: &str) -> Refused {
    no_such_entity(&format!("Policy {arn} was not found."))
}

pub(super) fn list(account: &Account, params: &Params) -> Result<String, Refused> {
    let scope = params.get("Scope").unwrap_or("All");
    let prefix = params.get("PathPrefix").unwrap_or("/");
    let only_attached = params.get("OnlyAttached") == Some("true");
    let mut items = Vec::new();
    if scope != "AWS" {
        let own = account.policies.iter().filter(|(_, policy)| policy.path.starts_with(prefix));
        items.extend(own.map(|(arn, policy)| (arn.clone(), fields(account, arn, policy))));
    }
    if scope != "Local" && prefix == "/" {
        items.extend(
            AWS_MANAGED
                .iter()
                .map(|(name, _)| (format!("arn:aws:iam::aws:policy/{name}"), aws_fields(account, name))),
        );
    }
    items.retain(|(arn, _)| !only_attached || uses(account, arn).0 > 0);
    items.sort();
    let members =
        items.into_iter().map(|(arn, fields)| (arn, format!("<member>{fields}</member>"))).collect();
    let page = page(params, members)?;
    Ok(format!("<ListPoliciesResult><Policies>{}</Policies>{}</ListPoliciesResult>", page.members, page.end))
}

fn version_fields(policy: &ManagedPolicy, version: &PolicyVersion, with_document: bool) -> String {
    let document =
        if with_document { element("Document", &encoded_document(&version.document)) } else { String::new() };
    [
        document,
        element("VersionId", &format!("v{}", version.number)),
        element("IsDefaultVersion", if version.number == policy.default { "true" } else { "false" }),
        element("CreateDate", &iso_seconds(version.created)),
    ]
    .concat()
}

fn no_such_version(arn: &str, id: &str) -> Refused {
    no_such_entity(&format!("Policy {arn} version {id} does not exist or is not attachable."))
}

pub(super) fn get_version(account: &Account, params: &Params) -> Result<String, Refused> {
    let arn = required(params, "PolicyArn", 2048)?;
    let id = required(params, "VersionId", 64)?;
    let told = if aws_name(arn).is_some() {
        let document = account.managed_document(arn).filter(|_| id == "v1");
        let document = document.ok_or_else(|| no_such_version(arn, id))?;
        [
            element("Document", &encoded_document(&document)),
            element("VersionId", id),
            element("IsDefaultVersion", "true"),
            element("CreateDate", AWS_CREATED),
        ]
        .concat()
    } else {
        let policy = account.policies.get(arn).ok_or_else(|| missing(arn))?;
        let version = policy.versions.iter().find(|version| format!("v{}", version.number) == id);
        version_fields(policy, version.ok_or_else(|| no_such_version(arn, id))?, true)
    };
    Ok(format!("<GetPolicyVersionResult><PolicyVersion>{told}</PolicyVersion></GetPolicyVersionResult>"))
}

pub(super) fn list_versions(account: &Account, params: &Params) -> Result<String, Refused> {
    let arn = required(params, "PolicyArn", 2048)?;
    let policy = account.policies.get(arn).ok_or_else(|| missing(arn))?;
    let items = policy.versions.iter().map(|version| {
        let xml = format!("<member>{}</member>", version_fields(policy, version, false));
        (format!("{:06}", version.number), xml)
    });
    let page = page(params, items.collect())?;
    Ok(format!(
        "<ListPolicyVersionsResult><Versions>{}</Versions>{}</ListPolicyVersionsResult>",
        page.members, page.end
    ))
}

pub(super) fn create_version(
    account: &mut Account,
    params: &Params,
    now: Timestamp,
) -> Result<String, Refused> {
    let arn = required(params, "PolicyArn", 2048)?;
    let document = checked_managed(required(params, "PolicyDocument", 131_072)?)?.to_owned();
    let policy = account.policies.get_mut(arn).ok_or_else(|| no_such_managed(arn))?;
    if policy.versions.len() >= MOST_VERSIONS {
        return Err(limit_exceeded(
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
        ));
    }
    let number = policy.last_number + 1;
    policy.last_number = number;
    policy.versions.push(PolicyVersion { number, document, created: now });
    if params.get("SetAsDefault") == Some("true") {
        policy.default = number;
        policy.updated = now;
    }
    let version = policy.versions.last().map(|version| version_fields(policy, version, false));
    Ok(format!(
        "<CreatePolicyVersionResult><PolicyVersion>{}</PolicyVersion></CreatePolicyVersionResult>",
        version.unwrap_or_default()
    ))
}

pub(super) fn set_default(account: &mut Account, params: &Params, now: Timestamp) -> Result<String, Refused> {
    let (policy, number) = find_version(account, params)?;
    policy.default = number;
    policy.updated = now;
    Ok(String::new())
}

pub(super) fn delete_version(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let (policy, number) = find_version(account, params)?;
    if policy.default == number {
        return Err(Refused::new(409, "DeleteConflict", "Cannot delete the default version of a policy."));
    }
    policy.versions.retain(|version| version.number != number);
    Ok(String::new())
}

fn find_version<'a>(
    account: &'a mut Account,
    params: &Params,
) -> Result<(&'a mut ManagedPolicy, u32), Refused> {
    let arn = required(params, "PolicyArn", 2048)?;
    let id = required(params, "VersionId", 64)?;
    let policy = account.policies.get_mut(arn).ok_or_else(|| no_such_managed(arn))?;
    let version = policy.versions.iter().find(|version| format!("v{}", version.number) == id);
    let number = version.map(|version| version.number).ok_or_else(|| no_such_version(arn, id))?;
    Ok((policy, number))
}

/// Who a policy is attached to.
pub(super) fn entities(account: &Account, params: &Params) -> Result<String, Refused> {
    let arn = required(params, "PolicyArn", 2048)?;
    if account.managed_document(arn).is_none() {
        return Err(missing(arn));
    }
    let roles = account.roles.values().filter(|role| role.attached_policies.contains(arn));
    let members = roles.map(|role| {
        let xml =
            format!("<member>{}{}</member>", element("RoleName", &role.name), element("RoleId", &role.id));
        (role.name.clone(), xml)
    });
    let page = page(params, members.collect())?;
    Ok(format!(
        "<ListEntitiesForPolicyResult><PolicyRoles>{}</PolicyRoles><PolicyUsers/><PolicyGroups/>{}</ListEntitiesForPolicyResult>",
        page.members, page.end
    ))
}

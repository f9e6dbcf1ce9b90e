//! Permission policies: inline ones of a role, managed ones of the account.

use jiff::Timestamp;

use super::roles::{encoded_document, find};
use super::{limit_exceeded, named, no_such_entity, required};
use crate::clock::iso_seconds;
use crate::params::Params;
use crate::policy::Document;
use crate::query::{Refused, element};
use crate::random::Ids;
use crate::world::account::{Account, ManagedPolicy};

/// Quotas on lengths, white space not counted.
const INLINE_LIMIT: usize = 10_240;
const MANAGED_LIMIT: usize = 6144;
const ATTACHED_LIMIT: usize = 10;

fn checked(document: &str) -> Result<&str, Refused> {
    Document::permission(document).map_err(|error| Refused::malformed_policy(&error))?;
    Ok(document)
}

fn size(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

pub(super) fn put_inline(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let name = named(params, "PolicyName", 128)?;
    let document = checked(required(params, "PolicyDocument", 131_072)?)?;
    let role = find(account, params)?;
    let others: usize =
        role.inline_policies.iter().filter(|(other, _)| *other != name).map(|(_, text)| size(text)).sum();
    if others + size(document) > INLINE_LIMIT {
        return Err(limit_exceeded(&format!(
            "Maximum policy size of {INLINE_LIMIT} bytes exceeded for role {}",
            role.name
        )));
    }
    role.inline_policies.insert(name.to_owned(), document.to_owned());
    Ok(String::new())
}

fn no_such_policy(name: &str) -> Refused {
    no_such_entity(&format!("The role policy with name {name} cannot be found."))
}

pub(super) fn get_inline(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let name = named(params, "PolicyName", 128)?;
    let role = find(account, params)?;
    let document = role.inline_policies.get(name).ok_or_else(|| no_such_policy(name))?;
    Ok(format!(
        "<GetRolePolicyResult>{}{}{}</GetRolePolicyResult>",
        element("RoleName", &role.name),
        element("PolicyName", name),
        element("PolicyDocument", &encoded_document(document))
    ))
}

pub(super) fn list_inline(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let members: String =
        find(account, params)?.inline_policies.keys().map(|name| element("member", name)).collect();
    Ok(format!(
        "<ListRolePoliciesResult><PolicyNames>{members}</PolicyNames><IsTruncated>false</IsTruncated></ListRolePoliciesResult>"
    ))
}

pub(super) fn delete_inline(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let name = named(params, "PolicyName", 128)?;
    find(account, params)?.inline_policies.remove(name).ok_or_else(|| no_such_policy(name))?;
    Ok(String::new())
}

pub(super) fn create(
    account: &mut Account,
    params: &Params,
    now: Timestamp,
    ids: &Ids,
) -> Result<String, Refused> {
    let name = named(params, "PolicyName", 128)?;
    let path = params.get("Path").unwrap_or("/");
    let document = checked(required(params, "PolicyDocument", 131_072)?)?;
    if size(document) > MANAGED_LIMIT {
        return Err(limit_exceeded("Cannot exceed quota for PolicySize: 6144"));
    }
    let arn = format!("arn:aws:iam::{}:policy{path}{name}", account.id);
    if account.policies.contains_key(&arn) {
        return Err(Refused::new(
            409,
            "EntityAlreadyExists",
            format!("A policy called {name} already exists. Duplicate names are not allowed."),
        ));
    }
    let policy = ManagedPolicy {
        name: name.to_owned(),
        id: ids.aws_id("ANPA", 17),
        path: path.to_owned(),
        document: document.to_owned(),
        description: params.get("Description").map(str::to_owned),
        created: now,
    };
    let told = [
        element("PolicyName", &policy.name),
        element("PolicyId", &policy.id),
        element("Arn", &arn),
        element("Path", &policy.path),
        element("DefaultVersionId", "v1"),
        element("AttachmentCount", "0"),
        element("IsAttachable", "true"),
        policy.description.as_deref().map(|text| element("Description", text)).unwrap_or_default(),
        element("CreateDate", &iso_seconds(policy.created)),
        element("UpdateDate", &iso_seconds(policy.created)),
    ]
    .concat();
    account.policies.insert(arn, policy);
    Ok(format!("<CreatePolicyResult><Policy>{told}</Policy></CreatePolicyResult>"))
}

pub(super) fn delete(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let arn = required(params, "PolicyArn", 2048)?;
    if account.roles.values().any(|role| role.attached_policies.contains(arn)) {
        return Err(Refused::new(409, "DeleteConflict", "Cannot delete a policy attached to entities."));
    }
    account.policies.remove(arn).map(|_| String::new()).ok_or_else(|| no_such_managed(arn))
}

fn no_such_managed(arn: &str) -> Refused {
    no_such_entity(&format!("Policy {arn} does not exist or is not attachable."))
}

pub(super) fn attach(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let arn = required(params, "PolicyArn", 2048)?;
    if account.managed_document(arn).is_none() {
        return Err(no_such_managed(arn));
    }
    let role = find(account, params)?;
    if role.attached_policies.len() >= ATTACHED_LIMIT && !role.attached_policies.contains(arn) {
        return Err(limit_exceeded("Cannot exceed quota for PoliciesPerRole: 10"));
    }
    role.attached_policies.insert(arn.to_owned());
    Ok(String::new())
}

pub(super) fn detach(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let arn = required(params, "PolicyArn", 2048)?;
    if find(account, params)?.attached_policies.remove(arn) {
        return Ok(String::new());
    }
    Err(no_such_entity(&format!("Policy {arn} was not found.")))
}

pub(super) fn list_attached(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let members: String = find(account, params)?
        .attached_policies
        .iter()
        .map(|arn| {
            let name = arn.rsplit('/').next().unwrap_or(arn);
            format!("<member>{}{}</member>", element("PolicyName", name), element("PolicyArn", arn))
        })
        .collect();
    Ok(format!(
        "<ListAttachedRolePoliciesResult><AttachedPolicies>{members}</AttachedPolicies><IsTruncated>false</IsTruncated></ListAttachedRolePoliciesResult>"
    ))
}

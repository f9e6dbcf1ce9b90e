//! Permission policies: inline ones of a role, managed ones of the account.

use jiff::Timestamp;

use super::paging::page;
use super::roles::{encoded_document, find};
use super::{limit_exceeded, named, no_such_entity, required, tags, versions};
use crate::params::Params;
use crate::policy::Document;
use crate::query::{Refused, element};
use crate::random::Ids;
use crate::world::account::{Account, ManagedPolicy, PolicyVersion};

/// Quotas on lengths, white space not counted.
const INLINE_LIMIT: usize = 10_240;
const MANAGED_LIMIT: usize = 6144;
const ATTACHED_LIMIT: usize = 10;

fn checked(document: &str) -> Result<&str, Refused> {
    Document::permission(document).map_err(|error| Refused::malformed_policy(&error))?;
    Ok(document)
}

/// A document that a managed policy may have.
pub(super) fn checked_managed(document: &str) -> Result<&str, Refused> {
    if size(checked(document)?) > MANAGED_LIMIT {
        return Err(limit_exceeded("Cannot exceed quota for PolicySize: 6144"));
    }
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
    let names = find(account, params)?.inline_policies.keys();
    let page = page(params, names.map(|name| (name.clone(), element("member", name))).collect())?;
    Ok(format!(
        "<ListRolePoliciesResult><PolicyNames>{}</PolicyNames>{}</ListRolePoliciesResult>",
        page.members, page.end
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
    let document = checked_managed(required(params, "PolicyDocument", 131_072)?)?;
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
        versions: vec![PolicyVersion { number: 1, document: document.to_owned(), created: now }],
        default: 1,
        last_number: 1,
        description: params.get("Description").map(str::to_owned),
        tags: tags::read(params)?,
        created: now,
        updated: now,
    };
    let told = format!("{}{}", versions::fields(account, &arn, &policy), tags::xml(&policy.tags));
    account.policies.insert(arn, policy);
    Ok(format!("<CreatePolicyResult><Policy>{told}</Policy></CreatePolicyResult>"))
}

pub(super) fn delete(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let arn = required(params, "PolicyArn", 2048)?;
    if account.roles.values().any(|role| role.attached_policies.contains(arn)) {
        return Err(Refused::new(409, "DeleteConflict", "Cannot delete a policy attached to entities."));
    }
    if account.roles.values().any(|role| role.permissions_boundary.as_deref() == Some(arn)) {
        return Err(Refused::new(
            409,
            "DeleteConflict",
            "Cannot delete a policy that is in use as a permissions boundary.",
        ));
    }
    if account.policies.get(arn).is_some_and(|policy| policy.versions.len() > 1) {
        return Err(Refused::new(
            409,
            "DeleteConflict",
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
        ));
    }
    account.policies.remove(arn).map(|_| String::new()).ok_or_else(|| no_such_managed(arn))
}

pub(super) fn no_such_managed(arn: &str) -> Refused {
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
    let attached = find(account, params)?.attached_policies.iter().map(|arn| {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        let xml = format!("<member>{}{}</member>", element("PolicyName", name), element("PolicyArn", arn));
        (arn.clone(), xml)
    });
    let page = page(params, attached.collect())?;
    Ok(format!(
        "<ListAttachedRolePoliciesResult><AttachedPolicies>{}</AttachedPolicies>{}</ListAttachedRolePoliciesResult>",
        page.members, page.end
    ))
}

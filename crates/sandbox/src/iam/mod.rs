//! IAM: identity providers, roles, users and policies, with their limits.

mod paging;
mod policies;
mod providers;
mod roles;
mod tags;
mod users;
mod versions;

use crate::faults::Service;
use crate::locked;
use crate::params::Params;
use crate::query::{Refused, authenticate, authorize};
use crate::server::Inbound;
use crate::world::Core;
use crate::world::account::{Actor, Principal};

/// Performs one action and gives the XML inside its response element.
pub(crate) fn call(core: &Core, inbound: &Inbound, action: &str, params: &Params) -> Result<String, Refused> {
    let principal = authenticate(core, inbound, Service::Iam)?;
    // A session that a user bought without a one-time code is no credential for IAM at all.
    if let Principal::Session(session) = &principal
        && matches!(session.of, Actor::User { .. })
        && session.mfa_at.is_none()
    {
        return Err(Refused::new(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid",
        ));
    }
    let resource =
        match (params.get("OpenIDConnectProviderArn"), params.get("RoleName"), params.get("PolicyArn")) {
            (Some(arn), _, _) => arn.to_owned(),
            (_, Some(name), _) => {
                let account = locked(&core.account);
                account.roles.get(name).map_or_else(
                    || {
                        let path = params.get("Path").unwrap_or("/");
                        format!("arn:aws:iam::{}:role{path}{name}", account.id)
                    },
                    |role| role.arn.clone(),
                )
            }
            (_, _, Some(arn)) => arn.to_owned(),
            _ => users::resource(core, &principal, action, params),
        };
    authorize(core, inbound, &principal, &format!("iam:{action}"), &resource)?;
    let account = &mut *locked(&core.account);
    let now = inbound.now;
    if !["Get", "List", "Simulate"].iter().any(|reading| action.starts_with(reading)) {
        params.get("RoleName").into_iter().for_each(|name| account.remember_role(name));
        params.get("OpenIDConnectProviderArn").into_iter().for_each(|arn| account.remember_provider(arn));
    }
    match action {
        "CreateOpenIDConnectProvider" => providers::create(account, params, now),
        "GetOpenIDConnectProvider" => providers::get(account, params),
        "ListOpenIDConnectProviders" => providers::list(account),
        "AddClientIDToOpenIDConnectProvider" => providers::add_client_id(account, params),
        "RemoveClientIDFromOpenIDConnectProvider" => providers::remove_client_id(account, params),
        "DeleteOpenIDConnectProvider" => providers::delete(account, params),
        "UpdateOpenIDConnectProviderThumbprint" => providers::update_thumbprints(account, params),
        "TagRole" | "TagOpenIDConnectProvider" | "TagPolicy" => tags::put(account, params),
        "UntagRole" | "UntagOpenIDConnectProvider" | "UntagPolicy" => tags::remove(account, params),
        "ListRoleTags" | "ListOpenIDConnectProviderTags" | "ListPolicyTags" => {
            tags::list(account, params, action)
        }
        "CreateRole" => roles::create(account, params, now, &core.ids),
        "GetRole" => roles::get(account, params),
        "ListRoles" => roles::list(account, params),
        "UpdateRole" => roles::update(account, params),
        "UpdateAssumeRolePolicy" => roles::update_trust(account, params),
        "UpdateRoleDescription" => roles::update_description(account, params),
        "DeleteRole" => roles::delete(account, params),
        "PutRolePermissionsBoundary" => roles::put_boundary(account, params),
        "DeleteRolePermissionsBoundary" => roles::delete_boundary(account, params),
        "PutRolePolicy" => policies::put_inline(account, params),
        "GetRolePolicy" => policies::get_inline(account, params),
        "ListRolePolicies" => policies::list_inline(account, params),
        "DeleteRolePolicy" => policies::delete_inline(account, params),
        "CreatePolicy" => policies::create(account, params, now, &core.ids),
        "DeletePolicy" => policies::delete(account, params),
        "AttachRolePolicy" => policies::attach(account, params),
        "DetachRolePolicy" => policies::detach(account, params),
        "ListAttachedRolePolicies" => policies::list_attached(account, params),
        "GetPolicy" => versions::get(account, params),
        "ListPolicies" => versions::list(account, params),
        "GetPolicyVersion" => versions::get_version(account, params),
        "ListPolicyVersions" => versions::list_versions(account, params),
        "CreatePolicyVersion" => versions::create_version(account, params, now),
        "DeletePolicyVersion" => versions::delete_version(account, params),
        "SetDefaultPolicyVersion" => versions::set_default(account, params, now),
        "ListEntitiesForPolicy" => versions::entities(account, params),
        "ListAccountAliases" => aliases(account, params),
        "CreateUser" => users::create(account, params, now, &core.ids),
        "GetUser" => users::get(account, &principal, params),
        "ListUsers" => users::list(account, params),
        "DeleteUser" => users::delete(account, params),
        "CreateAccessKey" => users::create_key(core, account, &principal, params, now),
        "ListAccessKeys" => users::list_keys(account, &principal, params),
        "DeleteAccessKey" => users::delete_key(account, &principal, params),
        "PutUserPolicy" => users::put_policy(account, params),
        "DeleteUserPolicy" => users::delete_policy(account, params),
        "CreateVirtualMFADevice" => users::create_device(core, account, params),
        "EnableMFADevice" => users::enable_device(account, params, now),
        "ListMFADevices" => users::list_devices(account, &principal, params),
        other => Err(Refused::new(
            400,
            "InvalidAction",
            format!("Could not find operation {other} for version 2010-05-08"),
        )),
    }
}

/// A required text of at most so many characters.
fn required<'a>(params: &'a Params, name: &str, longest: usize) -> Result<&'a str, Refused> {
    let mut field = name.to_owned();
    field[..1].make_ascii_lowercase();
    let value = params.raw(name).ok_or_else(|| Refused::constraint(&field, None, "not be null"))?;
    if value.is_empty() {
        return Err(Refused::constraint(&field, Some(value), "have length greater than or equal to 1"));
    }
    if value.chars().count() > longest {
        return Err(Refused::constraint(
            &field,
            Some("..."),
            &format!("have length less than or equal to {longest}"),
        ));
    }
    Ok(value)
}

/// A name in IAM's alphabet.
fn named<'a>(params: &'a Params, name: &str, longest: usize) -> Result<&'a str, Refused> {
    let value = required(params, name, longest)?;
    if value.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)) {
        return Ok(value);
    }
    Err(Refused::validation(format!(
        "The specified value for {} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
        {
            let mut field = name.to_owned();
            field[..1].make_ascii_lowercase();
            field
        }
    )))
}

fn aliases(account: &crate::world::account::Account, params: &Params) -> Result<String, Refused> {
    let items = account.alias.iter().map(|alias| (alias.clone(), crate::query::element("member", alias)));
    let page = paging::page(params, items.collect())?;
    Ok(format!(
        "<ListAccountAliasesResult><AccountAliases>{}</AccountAliases>{}</ListAccountAliasesResult>",
        page.members, page.end
    ))
}

fn no_such_entity(what: &str) -> Refused {
    Refused::new(404, "NoSuchEntity", what)
}

fn limit_exceeded(what: &str) -> Refused {
    Refused::new(409, "LimitExceeded", what)
}

//! Users, their access keys, inline policies and virtual MFA devices.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::paging::page;
use super::{limit_exceeded, named, no_such_entity, required};
use crate::clock::iso_seconds;
use crate::locked;
use crate::params::Params;
use crate::policy::Document;
use crate::query::{Refused, element};
use crate::random::Ids;
use crate::world::Core;
use crate::world::account::{Account, Actor, Principal};
use crate::world::users::{AccessKey, IamUser, MfaDevice, SEED_BYTES, base32};

const LONGEST_NAME: usize = 64;
const MOST_KEYS: usize = 2;
const MOST_DEVICES: usize = 8;
const INLINE_LIMIT: usize = 2048;

/// The ARN that a call is about, for the permission check.
pub(super) fn resource(core: &Core, principal: &Principal, action: &str, params: &Params) -> String {
    let account = locked(&core.account);
    match (params.get("UserName"), action) {
        (Some(name), _) => account
            .users
            .get(name)
            .map_or_else(|| format!("arn:aws:iam::{}:user/{name}", account.id), |user| user.arn.clone()),
        (None, "CreateVirtualMFADevice") => {
            let name = params.get("VirtualMFADeviceName").unwrap_or_default();
            format!("arn:aws:iam::{}:mfa/{name}", account.id)
        }
        (None, "GetUser" | "CreateAccessKey" | "ListAccessKeys" | "DeleteAccessKey" | "ListMFADevices") => {
            account.arn_of(principal)
        }
        _ => "*".to_owned(),
    }
}

pub(super) fn create(
    account: &mut Account,
    params: &Params,
    now: Timestamp,
    ids: &Ids,
) -> Result<String, Refused> {
    let name = named(params, "UserName", LONGEST_NAME)?;
    let path = params.get("Path").unwrap_or("/");
    if account.users.contains_key(name) {
        return Err(exists(&format!("User with name {name} already exists.")));
    }
    let user = IamUser {
        name: name.to_owned(),
        path: path.to_owned(),
        id: ids.aws_id("AIDA", 17),
        arn: format!("arn:aws:iam::{}:user{path}{name}", account.id),
        inline_policies: BTreeMap::new(),
        attached_policies: BTreeSet::new(),
        created: now,
    };
    let told = user_xml(&user);
    account.users.insert(name.to_owned(), user);
    Ok(format!("<CreateUserResult><User>{told}</User></CreateUserResult>"))
}

pub(super) fn get(account: &mut Account, principal: &Principal, params: &Params) -> Result<String, Refused> {
    let name = named_or_own(principal, params)?;
    let told = user_xml(find(account, &name)?);
    Ok(format!("<GetUserResult><User>{told}</User></GetUserResult>"))
}

pub(super) fn list(account: &Account, params: &Params) -> Result<String, Refused> {
    let users = account.users.values();
    let items = users.map(|user| (user.name.clone(), format!("<member>{}</member>", user_xml(user))));
    let page = page(params, items.collect())?;
    Ok(format!("<ListUsersResult><Users>{}</Users>{}</ListUsersResult>", page.members, page.end))
}

pub(super) fn delete(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let name = named(params, "UserName", LONGEST_NAME)?.to_owned();
    let user = find(account, &name)?;
    if !user.inline_policies.is_empty() || !user.attached_policies.is_empty() {
        return Err(conflict("Cannot delete entity, must delete policies first."));
    }
    if account.keys.values().any(|key| key.user_name == name) {
        return Err(conflict("Cannot delete entity, must delete access keys first."));
    }
    if account.mfa_devices.values().any(|device| owns(device, &name)) {
        return Err(conflict("Cannot delete entity, must delete MFA device first."));
    }
    account.users.remove(&name);
    Ok(String::new())
}

pub(super) fn create_key(
    core: &Core,
    account: &mut Account,
    principal: &Principal,
    params: &Params,
    now: Timestamp,
) -> Result<String, Refused> {
    let name = named_or_own(principal, params)?;
    find(account, &name)?;
    if account.keys.values().filter(|key| key.user_name == name).count() >= MOST_KEYS {
        return Err(limit_exceeded(&format!("Cannot exceed quota for AccessKeysPerUser: {MOST_KEYS}")));
    }
    let id = core.ids.aws_id("AKIA", 16);
    let secret = core.ids.secret(30);
    core.recorder.secret(&secret);
    let told = [
        element("UserName", &name),
        element("AccessKeyId", &id),
        element("Status", "Active"),
        element("SecretAccessKey", &secret),
        element("CreateDate", &iso_seconds(now)),
    ]
    .concat();
    account.keys.insert(id, AccessKey { user_name: name, secret_access_key: secret, created: now });
    Ok(format!("<CreateAccessKeyResult><AccessKey>{told}</AccessKey></CreateAccessKeyResult>"))
}

pub(super) fn list_keys(
    account: &mut Account,
    principal: &Principal,
    params: &Params,
) -> Result<String, Refused> {
    let name = named_or_own(principal, params)?;
    find(account, &name)?;
    let own = account.keys.iter().filter(|(_, key)| key.user_name == name).map(|(id, key)| {
        let xml = format!(
            "<member>{}{}{}{}</member>",
            element("UserName", &name),
            element("AccessKeyId", id),
            element("Status", "Active"),
            element("CreateDate", &iso_seconds(key.created))
        );
        (id.clone(), xml)
    });
    let mut items: Vec<(String, String)> = own.collect();
    items.sort();
    let page = page(params, items)?;
    Ok(format!(
        "<ListAccessKeysResult><AccessKeyMetadata>{}</AccessKeyMetadata>{}</ListAccessKeysResult>",
        page.members, page.end
    ))
}

pub(super) fn delete_key(
    account: &mut Account,
    principal: &Principal,
    params: &Params,
) -> Result<String, Refused> {
    let name = named_or_own(principal, params)?;
    let id = required(params, "AccessKeyId", 128)?;
    if account.keys.get(id).is_none_or(|key| key.user_name != name) {
        return Err(no_such_entity(&format!("The Access Key with id {id} cannot be found.")));
    }
    account.keys.remove(id);
    Ok(String::new())
}

pub(super) fn put_policy(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let name = named(params, "UserName", LONGEST_NAME)?;
    let policy = named(params, "PolicyName", 128)?;
    let document = required(params, "PolicyDocument", 131_072)?;
    Document::permission(document).map_err(|error| Refused::malformed_policy(&error))?;
    let user = find(account, name)?;
    let size = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let others: usize =
        user.inline_policies.iter().filter(|(other, _)| *other != policy).map(|(_, text)| size(text)).sum();
    if others + size(document) > INLINE_LIMIT {
        return Err(limit_exceeded(&format!(
            "Maximum policy size of {INLINE_LIMIT} bytes exceeded for user {name}"
        )));
    }
    user.inline_policies.insert(policy.to_owned(), document.to_owned());
    Ok(String::new())
}

pub(super) fn delete_policy(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let policy = named(params, "PolicyName", 128)?;
    find(account, named(params, "UserName", LONGEST_NAME)?)?
        .inline_policies
        .remove(policy)
        .map(|_| String::new())
        .ok_or_else(|| no_such_entity(&format!("The user policy with name {policy} cannot be found.")))
}

pub(super) fn create_device(core: &Core, account: &mut Account, params: &Params) -> Result<String, Refused> {
    let name = named(params, "VirtualMFADeviceName", 226)?;
    let path = params.get("Path").unwrap_or("/");
    let serial = format!("arn:aws:iam::{}:mfa{path}{name}", account.id);
    if account.mfa_devices.contains_key(&serial) {
        return Err(exists("MFADevice entity at the same path and name already exists."));
    }
    let seed = core.ids.bytes(SEED_BYTES);
    let spelled = base32(&seed);
    core.recorder.secret(&spelled);
    account.mfa_devices.insert(serial.clone(), MfaDevice::new(seed));
    // The model makes the seed a blob, so base64 lies around the base32. There is no picture of it here.
    let encoded = STANDARD.encode(&spelled);
    core.recorder.secret(&encoded);
    Ok(format!(
        "<CreateVirtualMFADeviceResult><VirtualMFADevice>{}{}</VirtualMFADevice></CreateVirtualMFADeviceResult>",
        element("SerialNumber", &serial),
        element("Base32StringSeed", &encoded)
    ))
}

pub(super) fn enable_device(
    account: &mut Account,
    params: &Params,
    now: Timestamp,
) -> Result<String, Refused> {
    let name = named(params, "UserName", LONGEST_NAME)?.to_owned();
    let serial = required(params, "SerialNumber", 256)?;
    let (first, second) =
        (required(params, "AuthenticationCode1", 6)?, required(params, "AuthenticationCode2", 6)?);
    find(account, &name)?;
    if account.mfa_devices.values().filter(|device| owns(device, &name)).count() >= MOST_DEVICES {
        return Err(limit_exceeded(&format!("Cannot exceed quota for MFADevicesPerUser: {MOST_DEVICES}")));
    }
    let device = account.mfa_devices.get_mut(serial).ok_or_else(|| {
        no_such_entity(&format!("VirtualMFADevice with serial number {serial} does not exist."))
    })?;
    if device.owner.is_some() {
        return Err(exists("MFA Device is already in use."));
    }
    if !device.accept_pair(first, second, now) {
        return Err(Refused::new(
            403,
            "InvalidAuthenticationCode",
            format!("Authentication code for device is not valid. ({serial})"),
        ));
    }
    device.owner = Some((name, now));
    Ok(String::new())
}

pub(super) fn list_devices(
    account: &mut Account,
    principal: &Principal,
    params: &Params,
) -> Result<String, Refused> {
    let name = named_or_own(principal, params)?;
    find(account, &name)?;
    let devices = account.mfa_devices.iter().filter_map(|(serial, device)| {
        let (_, since) = device.owner.as_ref().filter(|(owner, _)| *owner == name)?;
        let xml = format!(
            "<member>{}{}{}</member>",
            element("UserName", &name),
            element("SerialNumber", serial),
            element("EnableDate", &iso_seconds(*since))
        );
        Some((serial.clone(), xml))
    });
    let page = page(params, devices.collect())?;
    Ok(format!(
        "<ListMFADevicesResult><MFADevices>{}</MFADevices>{}</ListMFADevicesResult>",
        page.members, page.end
    ))
}

fn find<'a>(account: &'a mut Account, name: &str) -> Result<&'a mut IamUser, Refused> {
    account
        .users
        .get_mut(name)
        .ok_or_else(|| no_such_entity(&format!("The user with name {name} cannot be found.")))
}

/// The user a call names, or else the one who calls.
fn named_or_own(principal: &Principal, params: &Params) -> Result<String, Refused> {
    if params.raw("UserName").is_some() {
        return named(params, "UserName", LONGEST_NAME).map(str::to_owned);
    }
    match principal {
        Principal::User(user) => Ok(user.name.clone()),
        Principal::Session(session) => match &session.of {
            Actor::User { name } => Ok(name.clone()),
            Actor::Role { .. } => {
                Err(Refused::validation("Must specify userName when calling with non-User credentials"))
            }
        },
        Principal::Admin | Principal::Anonymous => {
            Err(Refused::validation("Must specify userName when calling with non-User credentials"))
        }
    }
}

fn owns(device: &MfaDevice, name: &str) -> bool {
    device.owner.as_ref().is_some_and(|(owner, _)| owner == name)
}

fn exists(message: &str) -> Refused {
    Refused::new(409, "EntityAlreadyExists", message)
}

fn conflict(message: &str) -> Refused {
    Refused::new(409, "DeleteConflict", message)
}

fn user_xml(user: &IamUser) -> String {
    [
        element("Path", &user.path),
        element("UserName", &user.name),
        element("UserId", &user.id),
        element("Arn", &user.arn),
        element("CreateDate", &iso_seconds(user.created)),
    ]
    .concat()
}

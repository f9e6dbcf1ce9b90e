//! `SerialNumber` and `TokenCode`: the one-time code beside a call, in AWS's order and words.

use crate::locked;
use crate::params::Params;
use crate::query::Refused;
use crate::server::Inbound;
use crate::world::Core;
use crate::world::account::{Actor, Principal};

const CODE_LENGTH: usize = 6;

/// Checks the code, if one came. Says whether the caller has proved to hold the device.
pub(super) fn check(
    core: &Core,
    inbound: &Inbound,
    principal: &Principal,
    params: &Params,
) -> Result<bool, Refused> {
    let (serial, code) = match (params.raw("SerialNumber"), params.raw("TokenCode")) {
        (None, None) => return Ok(false),
        (Some(serial), Some(code)) => (serial, code),
        _ => {
            return Err(denied(
                "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code. ",
            ));
        }
    };
    if code.len() != CODE_LENGTH {
        let relation = if code.len() < CODE_LENGTH { "greater" } else { "less" };
        return Err(Refused::constraint(
            "tokenCode",
            Some(code),
            &format!("have length {relation} than or equal to {CODE_LENGTH}"),
        ));
    }
    if !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refused::constraint(
            "tokenCode",
            Some(code),
            r"satisfy regular expression pattern: [\d]*",
        ));
    }
    let name = match principal {
        Principal::User(user) => user.name.as_str(),
        Principal::Session(session) => match &session.of {
            Actor::User { name } => name.as_str(),
            Actor::Role { .. } => "",
        },
        Principal::Admin | Principal::Anonymous => "",
    };
    let mut account = locked(&core.account);
    let device = account
        .mfa_devices
        .get_mut(serial)
        .filter(|device| device.owner.as_ref().is_some_and(|(owner, _)| owner == name))
        .ok_or_else(|| {
            denied(
                "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
            )
        })?;
    if device.accept(code, inbound.now) {
        Ok(true)
    } else {
        Err(denied("MultiFactorAuthentication failed with invalid MFA one time pass code. "))
    }
}

fn denied(message: &str) -> Refused {
    Refused::new(403, "AccessDenied", message)
}

//! `GetSessionToken`: a user's long-term key buys a temporary one, rather with a one-time code.

use std::collections::BTreeMap;

use super::mfa;
use super::session::credentials;
use crate::faults::Service;
use crate::locked;
use crate::params::Params;
use crate::query::{Refused, authenticate};
use crate::server::Inbound;
use crate::world::Core;
use crate::world::account::{ADMIN_NAME, Actor, Principal};
use crate::world::sessions::{Grant, grant};

const DEFAULT_DURATION_S: i64 = 43_200;
const SHORTEST_S: i64 = 900;
const LONGEST_S: i64 = 129_600;

pub(super) fn get(core: &Core, inbound: &Inbound, params: &Params) -> Result<String, Refused> {
    let principal = authenticate(core, inbound, Service::Sts)?;
    super::check_region(core, inbound)?;
    let seconds = duration(params)?;
    let (name, user_id) = match &principal {
        Principal::User(user) => (user.name.clone(), user.id.clone()),
        Principal::Admin => (ADMIN_NAME.to_owned(), "AIDASANDBOXADMIN00000".to_owned()),
        Principal::Session(_) | Principal::Anonymous => {
            return Err(Refused::new(
                403,
                "AccessDenied",
                "Cannot call GetSessionToken with session credentials",
            ));
        }
    };
    let with_code = mfa::check(core, inbound, &principal, params)?;
    let mut account = locked(&core.account);
    let arn = account.arn_of(&principal);
    let (access_key_id, session) = grant(
        core,
        &mut account,
        inbound.now,
        Grant {
            of: Actor::User { name },
            user_id,
            arn,
            seconds,
            mfa_at: with_code.then_some(inbound.now),
            session_policies: Vec::new(),
            context: BTreeMap::new(),
            source_identity: None,
        },
    );
    Ok(format!("<GetSessionTokenResult>{}</GetSessionTokenResult>", credentials(&access_key_id, &session)))
}

fn duration(params: &Params) -> Result<i64, Refused> {
    let Some(text) = params.get("DurationSeconds") else { return Ok(DEFAULT_DURATION_S) };
    let bound = |relation: String| {
        Refused::constraint("durationSeconds", Some(text), &format!("have value {relation}"))
    };
    match text.parse::<i64>() {
        Ok(seconds) if seconds < SHORTEST_S => Err(bound(format!("greater than or equal to {SHORTEST_S}"))),
        Ok(seconds) if seconds > LONGEST_S => Err(bound(format!("less than or equal to {LONGEST_S}"))),
        Ok(seconds) => Ok(seconds),
        Err(_) => Err(Refused::new(400, "MalformedInput", "The DurationSeconds is not a number")),
    }
}

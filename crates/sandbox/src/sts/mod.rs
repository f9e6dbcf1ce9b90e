//! STS: temporary credentials for web identities, for users with and without a one-time code, and for
//! chained roles.

mod assume_role;
mod issuer_keys;
mod mfa;
mod session;
mod session_token;
mod token;
mod web_identity;

pub(crate) use issuer_keys::IssuerKeys;

use crate::authority::account_of;
use crate::faults::Service;
use crate::locked;
use crate::params::Params;
use crate::query::{Refused, authenticate, element};
use crate::server::Inbound;
use crate::world::Core;
use crate::world::account::Principal;

/// Performs one action and gives the XML inside its response element.
pub(crate) async fn call(
    core: &Core,
    inbound: &Inbound,
    action: &str,
    params: &Params,
) -> Result<String, Refused> {
    locked(&core.account).settle();
    match action {
        "AssumeRoleWithWebIdentity" => web_identity::assume(core, inbound, params).await,
        "AssumeRole" => assume_role::assume(core, inbound, params),
        "GetSessionToken" => session_token::get(core, inbound, params),
        "GetCallerIdentity" => caller_identity(core, inbound),
        other => Err(Refused::new(
            400,
            "InvalidAction",
            format!("Could not find operation {other} for version 2011-06-15"),
        )),
    }
}

fn caller_identity(core: &Core, inbound: &Inbound) -> Result<String, Refused> {
    let principal = authenticate(core, inbound, Service::Sts)?;
    check_region(core, inbound)?;
    let account = locked(&core.account);
    let user_id = match &principal {
        Principal::Admin | Principal::Anonymous => "AIDASANDBOXADMIN00000",
        Principal::Session(session) => &session.user_id,
        Principal::User(user) => &user.id,
    };
    Ok(format!(
        "<GetCallerIdentityResult>{}{}{}</GetCallerIdentityResult>",
        element("Arn", &account.arn_of(&principal)),
        element("UserId", user_id),
        element("Account", account_of(&account.arn_of(&principal)))
    ))
}

/// Refuses regions where STS was switched off. An unsigned call names its region only by its host.
fn check_region(core: &Core, inbound: &Inbound) -> Result<(), Refused> {
    let by_host = inbound
        .header("host")
        .and_then(|host| host.strip_prefix("sts.")?.split('.').next().map(str::to_owned));
    let region = crate::query::signed_region(inbound).or(by_host).unwrap_or_else(|| core.region().to_owned());
    let account = locked(&core.account);
    if account.disabled_regions.contains(&region) {
        return Err(Refused::new(
            403,
            "RegionDisabledException",
            format!(
                "STS is not activated in this region for account:{}. Your account administrator can activate STS in this region using the IAM Console.",
                account.id
            ),
        ));
    }
    Ok(())
}

//! The device-code flow: a client without a browser shows a code, a person enters it elsewhere.

use http::{Method, Response, StatusCode};
use serde_json::json;

use super::authorize::{check_authority, checked_scope, client};
use super::errors::Refusal;
use super::token::Worth;
use super::{Authority, json, pages};
use crate::clock::after;
use crate::locked;
use crate::params::Params;
use crate::server::{Body, Inbound};
use crate::world::Core;
use crate::world::directory::{App, DeviceCode, DeviceState, Directory, Flow, PendingSignIn};

const USER_CODE_LENGTH: usize = 9;

/// `POST` on the devicecode endpoint.
pub(super) fn start(core: &Core, inbound: &Inbound, authority: &Authority) -> Response<Body> {
    let form = inbound.form();
    let mut directory = locked(&core.directory);
    let (client_id, scope) = match checked(&mut directory, &form, authority, &core.authority) {
        Ok(checked) => checked,
        Err(refusal) => return refusal.json(inbound),
    };
    let device_code = format!("{}A{}", client_id.chars().take(1).collect::<String>(), core.ids.token(120));
    let user_code = core.ids.user_code(USER_CODE_LENGTH);
    core.recorder.secret(&device_code);
    core.recorder.secret(&user_code);
    let address = format!("{}/{}/oauth2/deviceauth", core.authority, directory.tenant);
    directory.device_codes.insert(
        device_code.clone(),
        DeviceCode {
            user_code: user_code.clone(),
            client_id,
            scope,
            expires: after(inbound.now, core.lifetimes.device_code_s),
            last_poll: None,
            state: DeviceState::Pending,
        },
    );
    json(
        StatusCode::OK,
        &json!({
            "user_code": user_code,
            "device_code": device_code,
            "verification_uri": address,
            "expires_in": core.lifetimes.device_code_s,
            "interval": core.lifetimes.device_interval_s,
            "message": format!(
                "To sign in, use a web browser to open the page {address} and enter the code {user_code} to authenticate."
            ),
        }),
    )
}

fn checked(
    directory: &mut Directory,
    form: &Params,
    authority: &Authority,
    base: &str,
) -> Result<(String, String), Refusal> {
    let client_id = form.get("client_id").ok_or_else(|| Refusal::missing("client_id"))?;
    let app = client(directory, client_id)?;
    check_authority(app, authority)?;
    let scope = form.get("scope").ok_or_else(|| Refusal::missing("scope"))?;
    Ok((app.client_id.clone(), checked_scope(scope, &app.client_id, base)?))
}

/// The page for people: first the code, then the ordinary sign-in.
pub(super) fn enter_code(core: &Core, inbound: &Inbound) -> Response<Body> {
    if inbound.method != Method::POST {
        return pages::device_code(inbound.path(), None);
    }
    let typed = inbound.form().get("otc").unwrap_or_default().trim().to_ascii_uppercase();
    let mut directory = locked(&core.directory);
    let found = directory
        .device_codes
        .iter()
        .find(|(_, code)| {
            code.user_code == typed && code.state == DeviceState::Pending && code.expires > inbound.now
        })
        .map(|(device_code, code)| (device_code.clone(), code.client_id.clone()));
    let Some((device_code, client_id)) = found else {
        let refusal =
            Refusal::new(90_119, "bad_verification_code", "The user code is null, empty, wrong or expired.");
        return pages::device_code(inbound.path(), Some(&refusal));
    };
    let flow = core.ids.token(24);
    directory
        .pending
        .insert(flow.clone(), PendingSignIn { flow: Flow::Device { device_code }, username: None });
    let name = directory.app(&client_id).map(|app| app.name.clone()).unwrap_or_default();
    pages::sign_in(&directory.tenant, &flow, &name, "", None)
}

/// A poll at the token endpoint.
pub(super) fn redeem(
    core: &Core,
    directory: &mut Directory,
    inbound: &Inbound,
    form: &Params,
    app: &App,
) -> Result<Worth, Refusal> {
    let value = form.get("device_code").ok_or_else(|| Refusal::missing("device_code"))?;
    let code = directory
        .device_codes
        .get_mut(value)
        .filter(|code| code.client_id == app.client_id)
        .ok_or_else(|| Refusal::new(70_018, "bad_verification_code", "Bad verification code."))?;
    let too_fast =
        code.last_poll.is_some_and(|last| after(last, core.lifetimes.device_interval_s) > inbound.now);
    code.last_poll = Some(inbound.now);
    match code.state.clone() {
        DeviceState::Approved { username } => {
            code.state = DeviceState::Redeemed;
            Ok(Worth {
                username,
                scope: code.scope.clone(),
                nonce: None,
                platform: None,
                signed_in: inbound.now,
            })
        }
        DeviceState::Declined => Err(Refusal::new(
            65_004,
            "authorization_declined",
            "The end user denied the authorization request.",
        )),
        DeviceState::Redeemed => {
            Err(Refusal::new(70_000, "invalid_grant", "The device code was already redeemed."))
        }
        DeviceState::Pending if code.expires <= inbound.now => Err(Refusal::new(
            70_020,
            "expired_token",
            "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
        )),
        DeviceState::Pending if core.lifetimes.enforce_device_interval && too_fast => {
            Err(Refusal::new(90_055, "slow_down", "The device is polling too frequently."))
        }
        DeviceState::Pending => Err(Refusal::new(
            70_016,
            "authorization_pending",
            "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
        )),
    }
}

//! The browser's side of a sign-in: `/authorize` with its redirect, and the page where a device's code is
//! entered. Faults go back to the client only once client and redirect URI are known to belong together.

use http::{Method, Response, StatusCode, header};
use url::Url;

use super::oidc::same_redirect;
use super::pages;
use crate::clock::after;
use crate::issuer::pages::notice;
use crate::locked;
use crate::params::Params;
use crate::server::{Body, Inbound, full};
use crate::world::Core;
use crate::world::center::{Center, CodeGrant, CodeRequest, Errand, PendingPage, Progress};
use crate::world::directory::Home;

const LOST: &str = "Your session has expired. Start over from your application.";

/// `GET /authorize`.
pub(super) fn authorize(core: &Core, inbound: &Inbound) -> Response<Body> {
    let params = inbound.query();
    if let Some(state) = params.get("state") {
        core.recorder.secret(state);
    }
    let mut center = locked(&core.center);
    let (client_id, redirect_uri) = match trusted_redirect(&center, inbound, &params) {
        Ok(trusted) => trusted,
        Err(text) => return pages::error(text),
    };
    let mut request = CodeRequest {
        client_id,
        redirect_uri,
        state: params.get("state").map(str::to_owned),
        challenge: String::new(),
    };
    if params.get("response_type") != Some("code") {
        return refuse(&request, "unsupported_response_type", "Only response type code is supported");
    }
    match (params.get("code_challenge"), params.get("code_challenge_method")) {
        (Some(challenge), Some("S256")) if challenge.len() == 43 => {
            challenge.clone_into(&mut request.challenge);
        }
        _ => return refuse(&request, "invalid_request", "A code challenge by method S256 is required"),
    }
    open(core, &mut center, Errand::Code(request))
}

fn trusted_redirect(
    center: &Center,
    inbound: &Inbound,
    params: &Params,
) -> Result<(String, String), &'static str> {
    let (id, client) = params
        .get("client_id")
        .and_then(|id| center.clients.get_key_value(id))
        .filter(|(_, client)| client.expires > inbound.now)
        .ok_or("Invalid client")?;
    if !client.grant_types.iter().any(|grant| grant == "authorization_code") {
        return Err("The client is not registered for the authorization code grant");
    }
    let wanted = params.get("redirect_uri").ok_or("Missing redirect URI")?;
    if !client.redirect_uris.iter().any(|registered| same_redirect(registered, wanted)) {
        return Err("Invalid redirect URI");
    }
    Ok((id.clone(), wanted.to_owned()))
}

/// `/device`: the code is typed, or stands in the address already.
pub(super) fn device(core: &Core, inbound: &Inbound) -> Response<Body> {
    if inbound.method != Method::POST {
        let query = inbound.query();
        return pages::code(query.get("user_code").unwrap_or_default(), None);
    }
    let form = inbound.form();
    let typed = form.get("user_code").unwrap_or_default().trim().to_ascii_uppercase();
    let mut center = locked(&core.center);
    let found = center
        .devices
        .iter()
        .find(|(_, device)| {
            device.user_code == typed && device.progress == Progress::Pending && device.expires > inbound.now
        })
        .map(|(device_code, _)| device_code.clone());
    match found {
        Some(device_code) => open(core, &mut center, Errand::Device { device_code }),
        None => pages::code(&typed, Some("Invalid code. Check the code and try again.")),
    }
}

fn open(core: &Core, center: &mut Center, errand: Errand) -> Response<Body> {
    let flow = core.ids.token(24);
    center.pending.insert(flow.clone(), PendingPage { errand, username: None });
    pages::sign_in(&flow, "", None)
}

/// The sign-in form came back.
pub(super) fn login(core: &Core, inbound: &Inbound) -> Response<Body> {
    let form = inbound.form();
    let (flow, username) = (form.get("flow").unwrap_or_default(), form.get("username").unwrap_or_default());
    let password = form.get("password").unwrap_or_default();
    core.recorder.secret(password);
    let mut center = locked(&core.center);
    let Some(name) = center.pending.get(flow).and_then(|pending| client_name(&center, &pending.errand))
    else {
        return pages::error(LOST);
    };
    let known = {
        let directory = locked(&core.directory);
        let fits = directory.user(username).filter(|user| {
            user.password == password
                && user.enabled
                && user.blocked_by.is_none()
                && !matches!(user.home, Home::Elsewhere { .. })
        });
        fits.map(|user| user.username.clone())
    };
    let Some(known) = known else {
        let text = "We couldn't verify your sign-in credentials. Please try again.";
        return pages::sign_in(flow, username, Some(text));
    };
    inbound.name_caller(&known);
    if let Some(pending) = center.pending.get_mut(flow) {
        pending.username = Some(known);
    }
    pages::confirm(flow, &name)
}

fn client_name(center: &Center, errand: &Errand) -> Option<String> {
    let client_id = match errand {
        Errand::Code(request) => &request.client_id,
        Errand::Device { device_code } => &center.devices.get(device_code)?.client_id,
    };
    Some(center.clients.get(client_id)?.name.clone())
}

/// The person allows or denies.
pub(super) fn confirm(core: &Core, inbound: &Inbound) -> Response<Body> {
    let form = inbound.form();
    let mut center = locked(&core.center);
    let pending = form.get("flow").and_then(|flow| center.pending.remove(flow));
    let Some(PendingPage { errand, username: Some(username) }) = pending else {
        return pages::error(LOST);
    };
    inbound.name_caller(&username);
    let allowed = form.get("do") == Some("accept");
    match errand {
        Errand::Code(request) if !allowed => {
            refuse(&request, "access_denied", "The request was denied by the user")
        }
        Errand::Code(request) => {
            let code = core.ids.token(120);
            core.recorder.secret(&code);
            let expires = after(inbound.now, core.lifetimes.sso_code_s);
            let sent = send_back(&request, &[("code", code.as_str())]);
            center.codes.insert(code, CodeGrant { request, username, expires, redeemed: false });
            sent
        }
        Errand::Device { device_code } => {
            let Some(device) = center.devices.get_mut(&device_code) else { return pages::error(LOST) };
            if allowed {
                device.progress = Progress::Approved { username };
                notice("Request approved", "You can close this window and return to your application.")
            } else {
                device.progress = Progress::Declined;
                notice("Request denied", "You can close this window.")
            }
        }
    }
}

fn refuse(request: &CodeRequest, error: &str, description: &str) -> Response<Body> {
    send_back(request, &[("error", error), ("error_description", description)])
}

fn send_back(request: &CodeRequest, parameters: &[(&str, &str)]) -> Response<Body> {
    let target = Url::parse(&request.redirect_uri).ok().and_then(|mut url| {
        url.query_pairs_mut().extend_pairs(parameters);
        if let Some(state) = &request.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        header::HeaderValue::from_str(url.as_str()).ok()
    });
    let Some(target) = target else { return pages::error("Invalid redirect URI") };
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, target);
    response
}

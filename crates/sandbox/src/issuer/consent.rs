//! Consent: what a person, or an admin, still has to agree to, and what is done when they do.

use http::Response;

use super::authorize::{finish, lost, send_back};
use super::errors::Refusal;
use super::{pages, scopes};
use crate::locked;
use crate::server::{Body, Inbound};
use crate::world::Core;
use crate::world::directory::{App, DeviceState, Directory, Flow, PendingSignIn};

/// The consent form came back.
pub(super) fn consent(core: &Core, inbound: &Inbound) -> Response<Body> {
    let form = inbound.form();
    let mut directory = locked(&core.directory);
    let pending = form.get("flow").and_then(|flow| directory.pending.remove(flow));
    let Some(PendingSignIn { flow, username: Some(username) }) = pending else { return lost(inbound) };
    inbound.name_caller(&username);
    if form.get("do") == Some("accept") {
        if let Some(client_id) = app_of(&directory, &flow).map(|app| app.client_id.clone()) {
            let scope = scope_of(&directory, &flow).to_owned();
            if needs_admin(&directory, &flow, &username) {
                return admin_needed(inbound);
            }
            if gives_consent(&directory, &flow, &username) {
                directory.consent(&client_id, &username, &scope);
            }
        }
        return finish(core, &mut directory, inbound, flow, username);
    }
    match flow {
        Flow::Authorize(request) => {
            let refusal =
                Refusal::new(65_004, "access_denied", "User declined to consent to access the app.");
            send_back(&request, refusal.redirect_parameters(inbound))
        }
        Flow::Device { device_code } => {
            if let Some(device) = directory.device_codes.get_mut(&device_code) {
                device.state = DeviceState::Declined;
            }
            pages::notice("Sign-in cancelled", "You may close this window.")
        }
    }
}

/// What a person must still be asked.
pub(super) fn question(directory: &Directory, flow: &Flow, username: &str) -> Option<&'static str> {
    let app = app_of(directory, flow)?;
    let consented = directory
        .user(username)
        .is_some_and(|user| directory.missing_consent(app, user, scope_of(directory, flow)).is_empty());
    match flow {
        Flow::Authorize(request) if request.ask_consent => Some("Permissions requested"),
        _ if !consented => Some("Permissions requested"),
        Flow::Authorize(request) if !request.redirect_uri.starts_with("http") => {
            Some("Did you mean to sign in to this app?")
        }
        Flow::Device { .. } => Some("Did you mean to sign in to this app?"),
        Flow::Authorize(_) => None,
    }
}

/// Whether the page asked for permissions, and not only whether this app was meant.
fn gives_consent(directory: &Directory, flow: &Flow, username: &str) -> bool {
    let (Some(app), Some(user)) = (app_of(directory, flow), directory.user(username)) else { return false };
    matches!(flow, Flow::Authorize(request) if request.ask_consent)
        || !directory.missing_consent(app, user, scope_of(directory, flow)).is_empty()
}

/// Whether what is still to be consented to is not this person's to give.
pub(super) fn needs_admin(directory: &Directory, flow: &Flow, username: &str) -> bool {
    let (Some(app), Some(user)) = (app_of(directory, flow), directory.user(username)) else { return false };
    let missing = directory.missing_consent(app, user, scope_of(directory, flow));
    let reserved = |name: &String| scopes::named(name).is_some_and(|scope| scope.admin);
    !missing.is_empty()
        && !user.directory_roles.iter().any(|role| role.grants())
        && (!directory.settings.users_consent || missing.iter().any(reserved))
}

pub(super) fn admin_needed(inbound: &Inbound) -> Response<Body> {
    let text = "Need admin approval: the application needs permission to access resources in your organization \
                that only an admin can grant.";
    Refusal::new(90_094, "consent_required", text).page(inbound)
}

pub(super) fn scope_of<'a>(directory: &'a Directory, flow: &'a Flow) -> &'a str {
    match flow {
        Flow::Authorize(request) => &request.scope,
        Flow::Device { device_code } => {
            directory.device_codes.get(device_code).map_or("", |code| code.scope.as_str())
        }
    }
}

pub(super) fn app_of<'a>(directory: &'a Directory, flow: &Flow) -> Option<&'a App> {
    match flow {
        Flow::Authorize(request) => directory.app(&request.client_id),
        Flow::Device { device_code } => directory.app(&directory.device_codes.get(device_code)?.client_id),
    }
}

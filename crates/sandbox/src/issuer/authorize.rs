//! The browser's side of a sign-in: check the request, show the pages, send the person back.
//!
//! The order of checks is the point. Until client and redirect URI are both known to belong together,
//! every fault ends on a page; only after that may a fault travel back to the client.

use http::{Response, StatusCode, header};
use url::Url;

use super::consent::{admin_needed, app_of, needs_admin, question, scope_of};
use super::errors::Refusal;
use super::{Authority, pages, scopes};
use crate::clock::after;
use crate::locked;
use crate::params::Params;
use crate::server::{Body, Inbound, full};
use crate::world::Core;
use crate::world::directory::{
    App, AuthorizeRequest, Challenge, DeviceState, Directory, Flow, Home, IssuedCode, PendingSignIn,
    Platform, ResponseMode, User,
};
use crate::world::tenant::GRAPH_APP;

const COOKIE: &str = "SBXAUTH";

/// `GET` or `POST` on the authorize endpoint.
pub(super) fn authorize(core: &Core, inbound: &Inbound, authority: &Authority) -> Response<Body> {
    let params = if inbound.method == http::Method::POST { inbound.form() } else { inbound.query() };
    let mut directory = locked(&core.directory);
    let (client_id, redirect_uri, platform, app_name) =
        match trusted_redirect(&mut directory, &params, authority) {
            Ok(app) => app,
            Err(refusal) => return refusal.page(inbound),
        };
    if let Some(state) = params.get("state") {
        core.recorder.secret(state);
    }
    let mut request = AuthorizeRequest {
        client_id,
        redirect_uri,
        platform,
        response_mode: ResponseMode::Query,
        scope: String::new(),
        state: params.get("state").map(str::to_owned),
        nonce: params.get("nonce").map(str::to_owned),
        challenge: None,
        login_hint: params.get("login_hint").map(str::to_owned),
        ask_consent: params.get("prompt") == Some("consent"),
    };
    if let Err(refusal) = complete(&mut request, &params, &core.authority) {
        return send_back(&request, refusal.redirect_parameters(inbound));
    }

    let prompt = params.get("prompt").unwrap_or_default();
    let session = signed_in(&directory, inbound).filter(|username| {
        request.login_hint.as_deref().is_none_or(|hint| hint.eq_ignore_ascii_case(username))
    });
    let flow = Flow::Authorize(request.clone());
    match session {
        Some(username) if prompt != "login" && prompt != "select_account" => {
            if prompt == "none" && question(&directory, &flow, &username).is_some() {
                let refusal = Refusal::new(
                    65_001,
                    "consent_required",
                    "The user or administrator has not consented to use the application.",
                );
                return send_back(&request, refusal.redirect_parameters(inbound));
            }
            let pending = core.ids.token(24);
            directory.pending.insert(pending.clone(), PendingSignIn { flow, username: Some(username) });
            proceed(core, &mut directory, inbound, &pending)
        }
        _ if prompt == "none" => {
            let refusal = Refusal::new(
                50_058,
                "login_required",
                "A silent sign-in request was sent but no user is signed in.",
            );
            send_back(&request, refusal.redirect_parameters(inbound))
        }
        _ => {
            let pending = core.ids.token(24);
            directory.pending.insert(pending.clone(), PendingSignIn { flow, username: None });
            let hint = request.login_hint.as_deref().unwrap_or_default();
            pages::sign_in(&directory.tenant, &pending, &app_name, hint, None)
        }
    }
}

/// The sign-in form came back.
pub(super) fn login(core: &Core, inbound: &Inbound) -> Response<Body> {
    let form = inbound.form();
    let (flow, username) = (form.get("flow").unwrap_or_default(), form.get("username").unwrap_or_default());
    let password = form.get("password").unwrap_or_default();
    core.recorder.secret(password);
    let mut directory = locked(&core.directory);
    let Some(pending) = directory.pending.get(flow).cloned() else { return lost(inbound) };
    let Some(app) = app_of(&directory, &pending.flow).cloned() else { return lost(inbound) };
    match check_person(&directory, &app, username, password) {
        Err(refusal) if matches!(refusal.number, 50_034 | 50_056 | 50_126) => {
            pages::sign_in(&directory.tenant, flow, &app.name, username, Some(&refusal))
        }
        Err(refusal) => refusal.page(inbound),
        Ok(user) => {
            let username = user.username.clone();
            inbound.name_caller(&username);
            if let Some(pending) = directory.pending.get_mut(flow) {
                pending.username = Some(username.clone());
            }
            let cookie = core.ids.token(32);
            core.recorder.secret(&cookie);
            directory.browser_sessions.insert(cookie.clone(), username);
            let mut response = proceed(core, &mut directory, inbound, flow);
            if let Ok(value) = format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax").parse() {
                response.headers_mut().insert(header::SET_COOKIE, value);
            }
            response
        }
    }
}

/// Ends the browser's session; refresh tokens live on, as at Entra.
pub(super) fn logout(core: &Core, inbound: &Inbound) -> Response<Body> {
    if let Some(cookie) = inbound.cookie(COOKIE) {
        locked(&core.directory).browser_sessions.remove(cookie);
    }
    pages::notice("You signed out of your account", "It is a good idea to close all browser windows.")
}

/// Goes on after the person is known: asks what is still open, or finishes.
fn proceed(core: &Core, directory: &mut Directory, inbound: &Inbound, pending_id: &str) -> Response<Body> {
    let Some(PendingSignIn { flow, username: Some(username) }) = directory.pending.get(pending_id).cloned()
    else {
        return lost(inbound);
    };
    if needs_admin(directory, &flow, &username) {
        return admin_needed(inbound);
    }
    if let (Some(question), Some(app)) = (question(directory, &flow, &username), app_of(directory, &flow)) {
        return pages::consent(
            &directory.tenant,
            pending_id,
            &app.name,
            question,
            scope_of(directory, &flow),
        );
    }
    directory.pending.remove(pending_id);
    finish(core, directory, inbound, flow, username)
}

pub(super) fn finish(
    core: &Core,
    directory: &mut Directory,
    inbound: &Inbound,
    flow: Flow,
    username: String,
) -> Response<Body> {
    match flow {
        Flow::Authorize(request) => {
            let code = format!("1.A{}", core.ids.token(400));
            core.recorder.secret(&code);
            let expires = after(inbound.now, core.lifetimes.code_s);
            let answer = vec![("code", code.clone()), ("session_state", core.ids.guid())];
            let issued = IssuedCode { request: request.clone(), username, expires, redeemed: false };
            directory.codes.insert(code, issued);
            send_back(&request, answer)
        }
        Flow::Device { device_code } => {
            if let Some(device) = directory.device_codes.get_mut(&device_code) {
                device.state = DeviceState::Approved { username };
            }
            pages::notice("You have signed in on your device", "You may now close this window.")
        }
    }
}

/// Finds the client and the platform of its redirect URI; every fault here stays on a page.
fn trusted_redirect(
    directory: &mut Directory,
    params: &Params,
    authority: &Authority,
) -> Result<(String, String, Platform, String), Refusal> {
    let client_id = params.get("client_id").ok_or_else(|| Refusal::missing("client_id"))?;
    let app = client(directory, client_id)?;
    check_authority(app, authority)?;
    if app.redirect_uris.is_empty() {
        return Err(Refusal::new(
            500_113,
            "invalid_request",
            "No reply address is registered for the application.",
        ));
    }
    let wanted = params
        .get("redirect_uri")
        .ok_or_else(|| Refusal::new(900_971, "invalid_request", "No reply address provided."))?;
    let platform = app
        .redirect_uris
        .iter()
        .find(|(_, registered)| same_redirect(registered, wanted))
        .map(|(platform, _)| *platform)
        .ok_or_else(|| {
            Refusal::new(
                50_011,
                "invalid_request",
                &format!(
                    "The redirect URI '{wanted}' specified in the request does not match the redirect URIs configured \
                     for the application '{client_id}'. Make sure the redirect URI sent in the request matches one \
                     added to your application in the Azure portal."
                ),
            )
        })?;
    Ok((app.client_id.clone(), wanted.to_owned(), platform, app.name.clone()))
}

/// Finds the app that may sign people in: it has a service principal, which arrived everywhere and is switched on.
pub(super) fn client<'a>(directory: &'a mut Directory, client_id: &str) -> Result<&'a App, Refusal> {
    let unknown = Refusal::unknown_client(client_id, &directory.tenant_name);
    let principal = directory.app(client_id).and_then(|app| app.service_principal_id.clone());
    if !principal.is_some_and(|id| directory.arrived(&id)) {
        return Err(unknown);
    }
    let app = directory.app(client_id).ok_or(unknown)?;
    if app.enabled {
        return Ok(app);
    }
    let text = format!("Application '{}'({}) is disabled.", app.client_id, app.name);
    Err(Refusal::new(7_000_112, "unauthorized_client", &text))
}

/// A single-tenant app has no business on the authorities that belong to no tenant.
pub(super) fn check_authority(app: &App, authority: &Authority) -> Result<(), Refusal> {
    if app.multi_tenant || *authority == Authority::Tenant {
        return Ok(());
    }
    Err(Refusal::new(
        50_194,
        "invalid_request",
        &format!(
            "Application '{}'({}) is not configured as a multi-tenant application. Usage of the /common endpoint is \
             not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the \
             application to be multi-tenant.",
            app.client_id, app.name
        ),
    ))
}

/// Entra's comparison: equal texts, or `localhost` with any port and the same path.
pub(super) fn same_redirect(registered: &str, wanted: &str) -> bool {
    if registered == wanted {
        return true;
    }
    let (Ok(registered), Ok(wanted)) = (Url::parse(registered), Url::parse(wanted)) else { return false };
    let is_local =
        |url: &Url| matches!(url.scheme(), "http" | "https") && url.host_str() == Some("localhost");
    is_local(&registered)
        && is_local(&wanted)
        && registered.scheme() == wanted.scheme()
        && registered.path() == wanted.path()
        && registered.query() == wanted.query()
}

/// Checks the rest of the request; faults here may be redirected.
fn complete(request: &mut AuthorizeRequest, params: &Params, authority: &str) -> Result<(), Refusal> {
    let invalid = |number, text: &str| Refusal::new(number, "invalid_request", text);
    request.response_mode = match params.get("response_mode") {
        None | Some("query") => ResponseMode::Query,
        Some("fragment") => ResponseMode::Fragment,
        Some("form_post") => ResponseMode::FormPost,
        Some(other) => {
            let text =
                format!("'{other}' is not a supported value of 'response_mode' when requesting a token.");
            return Err(Refusal::new(70_007, "unsupported_response_mode", &text));
        }
    };
    match params.get("response_type") {
        None => return Err(Refusal::missing("response_type")),
        Some("code") => {}
        Some(other) => {
            let text = format!("response_type '{other}' is not enabled for the application.");
            return Err(Refusal::new(700_054, "unsupported_response_type", &text));
        }
    }
    let scope = params.get("scope").ok_or_else(|| Refusal::missing("scope"))?;
    request.scope = checked_scope(scope, &request.client_id, authority)?;
    match params.get("prompt") {
        None | Some("login" | "none" | "consent") => {}
        Some("select_account") if request.login_hint.is_none() => {}
        Some("select_account") => {
            return Err(invalid(90_023, "'login_hint' and 'prompt=select_account' cannot be combined."));
        }
        Some(other) => return Err(invalid(90_023, &format!("Unsupported 'prompt' value '{other}'."))),
    }
    request.challenge = match (params.get("code_challenge"), params.get("code_challenge_method")) {
        (None, None) => None,
        (None, Some(_)) => return Err(invalid(50_147, "Missing code challenge parameter.")),
        (Some(value), _) if !(43..=128).contains(&value.len()) => {
            return Err(invalid(501_491, "Invalid size of Code_Challenge parameter."));
        }
        (Some(value), Some("S256")) => Some(Challenge { value: value.to_owned(), sha256: true }),
        (Some(value), None | Some("plain")) => Some(Challenge { value: value.to_owned(), sha256: false }),
        (Some(_), Some(_)) => return Err(invalid(501_471, "The code challenge method is not supported.")),
    };
    if request.platform == Platform::Spa && request.challenge.is_none() {
        return Err(invalid(
            9_002_325,
            "Proof Key for Code Exchange is required for cross-origin authorization code redemption.",
        ));
    }
    Ok(())
}

/// Accepts OpenID scopes, Graph's, and the app's own; anything else is an API nobody knows. Graph goes by its
/// public name and by its place in this sandbox, which lies below `authority`.
pub(super) fn checked_scope(scope: &str, client_id: &str, authority: &str) -> Result<String, Refusal> {
    let graph = format!("{authority}/graph");
    let mut of_graph = Vec::new();
    for one in scope.split_whitespace() {
        let own = one.starts_with(client_id) || one.starts_with(&format!("api://{client_id}/"));
        let (resource, name) = one.rsplit_once('/').map_or((None, one), |(head, tail)| (Some(head), tail));
        match resource {
            _ if own => continue,
            None | Some("https://graph.microsoft.com") => {}
            Some(other) if other == graph => {}
            Some(other) => {
                let text = format!("The resource principal named {other} was not found in the tenant.");
                return Err(Refusal::new(500_011, "invalid_resource", &text));
            }
        }
        if name != ".default" && scopes::named(name).is_none() {
            let text = format!(
                "The application '{client_id}' asked for scope '{name}' that doesn't exist on the resource \
                 '{GRAPH_APP}'. Contact the app vendor."
            );
            return Err(Refusal::new(650_053, "invalid_client", &text));
        }
        if !matches!(name, "openid" | "profile" | "email" | "offline_access") {
            of_graph.push(name);
        }
    }
    if of_graph.len() > 1 && of_graph.contains(&".default") {
        let text = format!(
            "The provided value for the input parameter 'scope' is not valid. The scope '{scope}' is not valid: \
             .default can't be combined with resource-specific scopes."
        );
        return Err(Refusal::new(70_011, "invalid_scope", &text));
    }
    Ok(scope.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Checks who signs in, and whether this app lets them.
fn check_person<'a>(
    directory: &'a Directory,
    app: &App,
    username: &str,
    password: &str,
) -> Result<&'a User, Refusal> {
    let user = directory.user(username).ok_or_else(|| {
        let text = format!(
            "The user account {username} does not exist in the {} directory. To sign into this application, the \
             account must be added to the directory.",
            directory.tenant
        );
        Refusal::new(50_034, "invalid_grant", &text)
    })?;
    if password.is_empty() {
        return Err(Refusal::new(50_056, "invalid_grant", "Invalid or null password."));
    }
    if password != user.password {
        return Err(Refusal::new(
            50_126,
            "invalid_grant",
            "Error validating credentials due to invalid username or password.",
        ));
    }
    check_policy(directory, app, user)?;
    Ok(user)
}

/// Checks everything about a person but the password; also asked on refresh.
pub(super) fn check_policy(directory: &Directory, app: &App, user: &User) -> Result<(), Refusal> {
    if !user.enabled {
        return Err(Refusal::new(50_057, "invalid_grant", "The user account is disabled."));
    }
    if let Home::Elsewhere { identity_provider } = &user.home
        && !app.multi_tenant
    {
        let text = format!(
            "User account '{}' from identity provider '{identity_provider}' does not exist in tenant '{}' and cannot \
             access the application '{}'({}) in that tenant. The account needs to be added as an external user in \
             the tenant first. Sign out and sign in again with a different Azure Active Directory user account.",
            user.username, directory.tenant_name, app.client_id, app.name
        );
        return Err(Refusal::new(50_020, "invalid_grant", &text));
    }
    if app.assignment_required && directory.assignments_of(app, user).next().is_none() {
        let text = format!(
            "Your administrator has configured the application {} ('{}') to block users unless they are specifically \
             granted ('assigned') access to the application. The signed in user '{}' is blocked because they are not \
             a direct member of a group with access, nor had access directly assigned by an administrator.",
            app.name, app.client_id, user.username
        );
        return Err(Refusal::new(50_105, "invalid_grant", &text));
    }
    let accepts = app.registration.get("api").is_some_and(|api| api["acceptMappedClaims"] == true);
    let own_key = directory.app_keys.contains_key(&app.client_id.to_ascii_lowercase());
    if directory.claims_policy(app).is_some() && !accepts && !own_key {
        let text = "This application is required to be configured with an application-specific signing key. It is \
                    either not configured with one, or the key has expired or is not yet valid. Please contact the \
                    application's administrator.";
        return Err(Refusal::new(50_146, "invalid_request", text));
    }
    if let Some(number) = user.blocked_by {
        let error = if matches!(number, 50_072 | 50_074 | 50_076 | 50_078 | 50_079) {
            "interaction_required"
        } else {
            "invalid_grant"
        };
        return Err(Refusal::new(number, error, "Access has been blocked by Conditional Access policies."));
    }
    Ok(())
}

fn signed_in(directory: &Directory, inbound: &Inbound) -> Option<String> {
    directory.browser_sessions.get(inbound.cookie(COOKIE)?).cloned()
}

pub(super) fn lost(inbound: &Inbound) -> Response<Body> {
    Refusal::new(50_089, "invalid_request", "Authentication failed due to flow token expired.").page(inbound)
}

/// Sends the person back to the client with these parameters and the state.
pub(super) fn send_back(
    request: &AuthorizeRequest,
    mut parameters: Vec<(&'static str, String)>,
) -> Response<Body> {
    if let Some(state) = &request.state {
        parameters.push(("state", state.clone()));
    }
    if request.response_mode == ResponseMode::FormPost {
        return pages::form_post(&request.redirect_uri, &parameters);
    }
    let target = Url::parse(&request.redirect_uri).ok().and_then(|mut url| {
        let encoded = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters.iter().map(|(n, v)| (*n, v)))
            .finish();
        match request.response_mode {
            ResponseMode::Fragment => url.set_fragment(Some(&encoded)),
            _ => {
                let query = url.query().map_or_else(|| encoded.clone(), |query| format!("{query}&{encoded}"));
                url.set_query(Some(&query));
            }
        }
        header::HeaderValue::from_str(url.as_str()).ok()
    });
    let mut response = Response::new(full(""));
    match target {
        Some(target) => {
            *response.status_mut() = StatusCode::FOUND;
            response.headers_mut().insert(header::LOCATION, target);
        }
        None => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_compare_as_entra_compares_them() {
        let cases = [
            ("http://localhost", "http://localhost:49152/", true),
            ("http://localhost", "http://localhost:49152", true),
            ("http://localhost", "http://localhost", true),
            ("http://localhost", "http://localhost:49152/callback", false),
            ("http://localhost/Callback", "http://localhost:1/Callback", true),
            ("http://localhost/Callback", "http://localhost:1/callback", false),
            ("http://localhost", "https://localhost:1/", false),
            ("http://localhost", "http://127.0.0.1:1/", false),
            ("http://127.0.0.1:7777/", "http://127.0.0.1:7777/", true),
            ("http://127.0.0.1:7777/", "http://127.0.0.1:7778/", false),
            ("pintail://oauth", "pintail://oauth", true),
            ("pintail://oauth", "pintail://oauth/", false),
            ("https://app.example/cb", "https://app.example/cb?x=1", false),
        ];
        for (registered, wanted, same) in cases {
            assert_eq!(same_redirect(registered, wanted), same, "{registered} against {wanted}");
        }
    }
}

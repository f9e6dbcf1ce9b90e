//! What clients ask of the sign-in: to be known, to start a device's sign-in, to get and renew tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::Fault;
use crate::clock::after;
use crate::locked;
use crate::random::sha256;
use crate::server::Inbound;
use crate::world::Core;
use crate::world::center::{ACCESS_SCOPE, Center, CenterToken, DeviceGrant, Progress, Registration};

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const GRANT_TYPES: [&str; 3] = ["authorization_code", "refresh_token", DEVICE];

fn text<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input[name].as_str().filter(|text| !text.is_empty())
}

fn required<'a>(input: &'a Value, name: &str) -> Result<&'a str, Fault> {
    text(input, name)
        .ok_or_else(|| Fault::of("InvalidRequestException", &format!("Missing parameter: {name}")))
}

fn texts(input: &Value, name: &str) -> Vec<String> {
    let items = input[name].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// `RegisterClient`.
pub(super) fn register(core: &Core, inbound: &Inbound, input: &Value) -> Result<Value, Fault> {
    let name = required(input, "clientName")?.to_owned();
    if required(input, "clientType")? != "public" {
        return Err(Fault::of("InvalidClientMetadataException", "Invalid client type"));
    }
    let scopes = texts(input, "scopes");
    if scopes.iter().any(|scope| !scope.contains(':') && scope != "openid" && scope != "aws") {
        return Err(Fault::of("InvalidScopeException", "Invalid scope provided"));
    }
    let grant_types = texts(input, "grantTypes");
    if grant_types.iter().any(|grant| !GRANT_TYPES.contains(&grant.as_str())) {
        return Err(Fault::of("UnsupportedGrantTypeException", "Unsupported grant type"));
    }
    let redirect_uris = texts(input, "redirectUris");
    let wants_code = grant_types.iter().any(|grant| grant == "authorization_code");
    if !redirect_uris.iter().all(|uri| may_redirect(uri)) || wants_code && redirect_uris.is_empty() {
        return Err(Fault::of("InvalidRedirectUriException", "Invalid redirect URI"));
    }
    let client_id = core.ids.token(22);
    let secret = format!("eyJraWQiOiJrZXkt{}", core.ids.token(180));
    core.recorder.secret(&secret);
    let expires = after(inbound.now, core.lifetimes.sso_registration_s);
    let registration =
        Registration { name, secret: secret.clone(), expires, scopes, grant_types, redirect_uris };
    locked(&core.center).clients.insert(client_id.clone(), registration);
    Ok(json!({
        "authorizationEndpoint": null,
        "clientId": client_id,
        "clientIdIssuedAt": inbound.now.as_second(),
        "clientSecret": secret,
        "clientSecretExpiresAt": expires.as_second(),
        "tokenEndpoint": null,
    }))
}

/// Loopback by address without TLS, anything else with it.
fn may_redirect(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    match url.scheme() {
        "https" => true,
        "http" => matches!(url.host_str(), Some("127.0.0.1" | "[::1]")),
        _ => false,
    }
}

/// Compares a redirect URI with a registered one: on loopback the port may be any.
pub(super) fn same_redirect(registered: &str, wanted: &str) -> bool {
    let (Ok(mut registered), Ok(mut wanted)) = (Url::parse(registered), Url::parse(wanted)) else {
        return false;
    };
    if registered.scheme() == "http" && may_redirect(wanted.as_str()) {
        let cleared = registered.set_port(None).and_then(|()| wanted.set_port(None));
        return cleared.is_ok() && registered == wanted;
    }
    registered == wanted
}

/// Finds the client that a request claims to come from.
fn client<'a>(
    center: &'a Center,
    inbound: &Inbound,
    input: &Value,
) -> Result<(&'a str, &'a Registration), Fault> {
    let (id, secret) = (required(input, "clientId")?, required(input, "clientSecret")?);
    center
        .clients
        .get_key_value(id)
        .filter(|(_, client)| client.secret == secret && client.expires > inbound.now)
        .map(|(id, client)| (id.as_str(), client))
        .ok_or_else(|| Fault::of("InvalidClientException", "Invalid client provided"))
}

/// `StartDeviceAuthorization`.
pub(super) fn start_device(core: &Core, inbound: &Inbound, input: &Value) -> Result<Value, Fault> {
    let mut center = locked(&core.center);
    let (client_id, registration) = client(&center, inbound, input)?;
    if !allows(registration, DEVICE) {
        return Err(not_for_client());
    }
    let start = required(input, "startUrl")?;
    let start = start.trim_end_matches(['#', '/']);
    if start != format!("{}/start", core.doors) {
        return Err(Fault::of("InvalidRequestException", "Invalid start URL"));
    }
    let client_id = client_id.to_owned();
    let device_code = core.ids.token(64);
    let typed = core.ids.user_code(8);
    let user_code = format!("{}-{}", &typed[..4], &typed[4..]);
    core.recorder.secret(&device_code);
    core.recorder.secret(&user_code);
    center.devices.insert(
        device_code.clone(),
        DeviceGrant {
            client_id,
            user_code: user_code.clone(),
            expires: after(inbound.now, core.lifetimes.sso_device_code_s),
            last_poll: None,
            progress: Progress::Pending,
        },
    );
    let page = format!("{}/device", core.doors);
    Ok(json!({
        "deviceCode": device_code,
        "expiresIn": core.lifetimes.sso_device_code_s,
        "interval": core.lifetimes.sso_interval_s,
        "userCode": user_code,
        "verificationUri": page,
        "verificationUriComplete": format!("{page}?user_code={user_code}"),
    }))
}

/// Whether a client registered for a grant type; one that named none is a device that may renew.
fn allows(registration: &Registration, grant_type: &str) -> bool {
    if registration.grant_types.is_empty() {
        return grant_type != "authorization_code";
    }
    registration.grant_types.iter().any(|one| one == grant_type)
}

fn not_for_client() -> Fault {
    Fault::of("UnauthorizedClientException", "Client is not authorized to use this grant type")
}

fn bad_grant(message: &str) -> Fault {
    Fault::of("InvalidGrantException", message)
}

/// What a proof is worth: whose tokens, and in which sign-in.
struct Worth {
    username: String,
    session: String,
    session_ends: Timestamp,
}

/// `CreateToken`.
pub(super) fn create_token(core: &Core, inbound: &Inbound, input: &Value) -> Result<Value, Fault> {
    for name in ["clientSecret", "deviceCode", "code", "codeVerifier", "refreshToken"] {
        text(input, name).into_iter().for_each(|value| core.recorder.secret(value));
    }
    let mut center = locked(&core.center);
    let grant_type = required(input, "grantType")?;
    let (client_id, registration) = client(&center, inbound, input)?;
    if !GRANT_TYPES.contains(&grant_type) {
        return Err(Fault::of("UnsupportedGrantTypeException", "Unsupported grant type"));
    }
    if !allows(registration, grant_type) {
        return Err(not_for_client());
    }
    let client_id = client_id.to_owned();
    let renews = registration.scopes.iter().any(|scope| scope == ACCESS_SCOPE)
        && allows(registration, "refresh_token");
    let fresh = |username: String| Worth {
        username,
        session: core.ids.guid(),
        session_ends: after(inbound.now, core.lifetimes.sso_session_s),
    };
    let worth = match grant_type {
        DEVICE => fresh(by_device(core, &mut center, inbound, input, &client_id)?),
        "authorization_code" => fresh(by_code(&mut center, inbound, input, &client_id)?),
        _ => by_refresh_token(&mut center, inbound, input, &client_id)?,
    };
    check_person(core, &worth.username)?;
    inbound.name_caller(&worth.username);
    let expires = after(inbound.now, core.lifetimes.sso_token_s).min(worth.session_ends);
    let token = |expires: Timestamp| CenterToken {
        client_id: client_id.clone(),
        username: worth.username.clone(),
        expires,
        session: worth.session.clone(),
        session_ends: worth.session_ends,
    };
    let access_token = format!("aoaAAAAAG{}", core.ids.token(150));
    core.recorder.secret(&access_token);
    center.access_tokens.insert(access_token.clone(), token(expires));
    let refresh_token = renews.then(|| format!("aorAAAAAG{}", core.ids.token(300)));
    if let Some(refresh_token) = &refresh_token {
        core.recorder.secret(refresh_token);
        center.refresh_tokens.insert(refresh_token.clone(), token(worth.session_ends));
    }
    Ok(json!({
        "accessToken": access_token,
        "expiresIn": expires.as_second() - inbound.now.as_second(),
        "idToken": null,
        "refreshToken": refresh_token,
        "tokenType": "Bearer",
    }))
}

fn check_person(core: &Core, username: &str) -> Result<(), Fault> {
    let directory = locked(&core.directory);
    if directory.user(username).is_some_and(|user| user.enabled) {
        Ok(())
    } else {
        Err(bad_grant("Invalid grant provided"))
    }
}

fn by_device(
    core: &Core,
    center: &mut Center,
    inbound: &Inbound,
    input: &Value,
    client_id: &str,
) -> Result<String, Fault> {
    let code = required(input, "deviceCode")?;
    let device = center
        .devices
        .get_mut(code)
        .filter(|device| device.client_id == client_id)
        .ok_or_else(|| bad_grant("Invalid device code provided"))?;
    let too_fast =
        device.last_poll.is_some_and(|last| after(last, core.lifetimes.sso_interval_s) > inbound.now);
    device.last_poll = Some(inbound.now);
    match device.progress.clone() {
        Progress::Redeemed => Err(bad_grant("Invalid device code provided")),
        Progress::Declined => Err(Fault::of("AccessDeniedException", "The request was declined")),
        _ if device.expires <= inbound.now => {
            Err(Fault::of("ExpiredTokenException", "Device code has expired"))
        }
        Progress::Approved { username } => {
            device.progress = Progress::Redeemed;
            Ok(username)
        }
        Progress::Pending if core.lifetimes.enforce_device_interval && too_fast => {
            Err(Fault::of("SlowDownException", "Polling too frequently"))
        }
        Progress::Pending => {
            Err(Fault::of("AuthorizationPendingException", "Authorization has not been completed"))
        }
    }
}

fn by_code(center: &mut Center, inbound: &Inbound, input: &Value, client_id: &str) -> Result<String, Fault> {
    let code = required(input, "code")?;
    let grant = center
        .codes
        .get_mut(code)
        .filter(|grant| grant.request.client_id == client_id && !grant.redeemed)
        .ok_or_else(|| bad_grant("Invalid grant provided"))?;
    if grant.expires <= inbound.now || required(input, "redirectUri")? != grant.request.redirect_uri {
        return Err(bad_grant("Invalid grant provided"));
    }
    let verifier = required(input, "codeVerifier")?;
    if URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes())) != grant.request.challenge {
        return Err(bad_grant("Invalid grant provided"));
    }
    grant.redeemed = true;
    Ok(grant.username.clone())
}

/// A refresh token works once: its successor comes with the answer.
fn by_refresh_token(
    center: &mut Center,
    inbound: &Inbound,
    input: &Value,
    client_id: &str,
) -> Result<Worth, Fault> {
    let token = required(input, "refreshToken")?;
    let known = center
        .refresh_tokens
        .get(token)
        .filter(|known| known.client_id == client_id && known.expires > inbound.now)
        .cloned()
        .ok_or_else(|| bad_grant("Invalid refresh token provided"))?;
    center.refresh_tokens.remove(token);
    Ok(Worth { username: known.username, session: known.session, session_ends: known.session_ends })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_compare_without_the_port_on_loopback_only() {
        let cases = [
            ("http://127.0.0.1/oauth/callback", "http://127.0.0.1:40123/oauth/callback", true),
            ("http://127.0.0.1/oauth/callback", "http://127.0.0.1:40123/other", false),
            ("http://127.0.0.1/oauth/callback", "http://localhost:40123/oauth/callback", false),
            ("http://127.0.0.1/oauth/callback", "https://evil.example/oauth/callback", false),
            ("https://app.example/back", "https://app.example/back", true),
            ("https://app.example/back", "https://app.example:8443/back", false),
        ];
        for (registered, wanted, same) in cases {
            assert_eq!(same_redirect(registered, wanted), same, "{registered} against {wanted}");
        }
        assert!(!may_redirect("pintail://oauth") && !may_redirect("http://localhost/x"));
    }
}

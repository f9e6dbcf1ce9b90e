//! The token endpoint: codes, refresh tokens and device codes become tokens.
//!
//! Whether a client must prove itself follows the platform of the redirect URI that was used to sign in;
//! only flows without one ask the "Allow public client flows" switch.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::authorize::{check_authority, check_policy, checked_scope, same_redirect};
use super::claims::{self, Grant};
use super::errors::Refusal;
use super::{Authority, assertion, device, json};
use crate::clock::after;
use crate::locked;
use crate::params::Params;
use crate::random::sha256;
use crate::server::{Body, Inbound, full};
use crate::world::Core;
use crate::world::directory::{App, Challenge, Directory, Platform, RefreshToken};

/// What a grant turned out to be worth.
pub(super) struct Worth {
    pub(super) username: String,
    pub(super) scope: String,
    pub(super) nonce: Option<String>,
    pub(super) platform: Option<Platform>,
    /// When the person last signed in, for refresh tokens that end at a fixed time after it.
    pub(super) signed_in: jiff::Timestamp,
}

/// `POST` on the token endpoint.
pub(super) fn token(core: &Core, inbound: &Inbound, authority: &Authority) -> Response<Body> {
    let form = inbound.form();
    for name in [
        "code",
        "code_verifier",
        "refresh_token",
        "client_secret",
        "client_assertion",
        "device_code",
        "password",
    ] {
        form.get(name).into_iter().for_each(|value| core.recorder.secret(value));
    }
    let mut response = match redeem(core, inbound, authority, &form) {
        Ok(answer) => json(StatusCode::OK, &answer),
        Err(refusal) => refusal.json(inbound),
    };
    allow_origin(inbound, &mut response);
    response
}

/// `OPTIONS`, asked by browsers for single-page apps.
pub(super) fn preflight(inbound: &Inbound) -> Response<Body> {
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    allow_origin(inbound, &mut response);
    response
}

fn allow_origin(inbound: &Inbound, response: &mut Response<Body>) {
    if let Some(origin) = inbound.headers.get(header::ORIGIN) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}

fn redeem(core: &Core, inbound: &Inbound, authority: &Authority, form: &Params) -> Result<Value, Refusal> {
    let grant_type = form.get("grant_type").ok_or_else(|| Refusal::missing("grant_type"))?;
    let client = ClientProof::read(inbound, form);
    let client_id = client.id.clone().ok_or_else(|| Refusal::missing("client_id"))?;
    let mut directory = locked(&core.directory);
    let app = super::authorize::client(&mut directory, &client_id)?.clone();
    check_authority(&app, authority)?;
    let worth = match grant_type {
        "authorization_code" => by_code(core, &mut directory, inbound, form, &app, &client)?,
        "refresh_token" => by_refresh_token(core, &mut directory, inbound, form, &app, &client)?,
        "urn:ietf:params:oauth:grant-type:device_code" => {
            client.check(core, &app, None, inbound)?;
            device::redeem(core, &mut directory, inbound, form, &app)?
        }
        other => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            return Err(Refusal::new(70_003, "unsupported_grant_type", &text));
        }
    };
    answer(core, &mut directory, inbound, &app, worth)
}

fn by_code(
    core: &Core,
    directory: &mut Directory,
    inbound: &Inbound,
    form: &Params,
    app: &App,
    client: &ClientProof,
) -> Result<Worth, Refusal> {
    let code = form.get("code").ok_or_else(|| Refusal::missing("code"))?;
    let issued = directory
        .codes
        .get(code)
        .cloned()
        .filter(|issued| issued.request.client_id == app.client_id)
        .map_or_else(|| Err(unknown_code(core, inbound, form, app, client)), Ok)?;
    let request = issued.request;
    client.check(core, app, Some(request.platform), inbound)?;
    let given = form.get("redirect_uri").unwrap_or_default();
    if given.trim_end_matches('/') != request.redirect_uri.trim_end_matches('/') {
        let text = format!(
            "The reply address '{given}' does not match the reply address '{}' provided when requesting Authorization code.",
            request.redirect_uri
        );
        return Err(Refusal::new(500_112, "invalid_client", &text));
    }
    if issued.redeemed {
        let text = "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.";
        return Err(Refusal::new(54_005, "invalid_grant", text));
    }
    if issued.expires <= inbound.now {
        let text = "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.";
        return Err(Refusal::new(70_008, "invalid_grant", text));
    }
    check_verifier(request.challenge.as_ref(), form.get("code_verifier"))?;
    if let Some(kept) = directory.codes.get_mut(code) {
        kept.redeemed = true;
    }
    Ok(Worth {
        username: issued.username,
        scope: request.scope,
        nonce: request.nonce,
        platform: Some(request.platform),
        signed_in: inbound.now,
    })
}

/// What is said of a code that was never handed out: first whether the client may redeem any, by the platform that the
/// redirect URI stands under.
fn unknown_code(core: &Core, inbound: &Inbound, form: &Params, app: &App, client: &ClientProof) -> Refusal {
    let given = form.get("redirect_uri").unwrap_or_default();
    let by_uri = app.redirect_uris.iter().find(|(_, uri)| same_redirect(uri, given));
    let platform = by_uri.or_else(|| app.redirect_uris.first()).map(|(platform, _)| *platform);
    let malformed =
        Refusal::new(9_002_313, "invalid_grant", "Invalid request. Request is malformed or invalid.");
    client.check(core, app, platform, inbound).err().unwrap_or(malformed)
}

fn check_verifier(challenge: Option<&Challenge>, verifier: Option<&str>) -> Result<(), Refusal> {
    let mismatch = || {
        let text =
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
        Refusal::new(501_481, "invalid_grant", text)
    };
    let (challenge, verifier) = match (challenge, verifier) {
        (None, None) => return Ok(()),
        (Some(challenge), Some(verifier)) => (challenge, verifier),
        _ => return Err(mismatch()),
    };
    if !(43..=128).contains(&verifier.len()) {
        return Err(Refusal::new(501_491, "invalid_grant", "Invalid size of Code_Verifier parameter."));
    }
    let computed = if challenge.sha256 {
        URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
    } else {
        verifier.to_owned()
    };
    if computed == challenge.value { Ok(()) } else { Err(mismatch()) }
}

fn by_refresh_token(
    core: &Core,
    directory: &mut Directory,
    inbound: &Inbound,
    form: &Params,
    app: &App,
    client: &ClientProof,
) -> Result<Worth, Refusal> {
    let value = form.get("refresh_token").ok_or_else(|| Refusal::missing("refresh_token"))?;
    let known = directory
        .refresh_tokens
        .get(value)
        .cloned()
        .filter(|token| token.client_id == app.client_id)
        .ok_or_else(|| {
            Refusal::new(9_002_313, "invalid_grant", "Invalid request. Request is malformed or invalid.")
        })?;
    client.check(core, app, known.platform, inbound)?;
    if known.revoked {
        let text = "The provided grant has expired due to it being revoked, a fresh auth token is needed.";
        return Err(Refusal::new(50_173, "invalid_grant", text));
    }
    if known.platform == Some(Platform::Spa)
        && after(known.signed_in, core.lifetimes.spa_refresh_token_s) <= inbound.now
    {
        let text = "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended.";
        return Err(Refusal::new(700_084, "invalid_grant", text));
    }
    if after(known.used, core.lifetimes.refresh_token_s) <= inbound.now {
        let text = "The refresh token has expired due to inactivity.";
        return Err(Refusal::new(700_082, "invalid_grant", text));
    }
    let user = directory.user(&known.username).ok_or_else(|| {
        Refusal::new(50_034, "invalid_grant", "The user account does not exist in the directory.")
    })?;
    check_policy(directory, app, user)?;
    let scope = form
        .get("scope")
        .map_or(Ok(known.scope), |scope| checked_scope(scope, &app.client_id, &core.authority))?;
    if !directory.missing_consent(app, user, &scope).is_empty() {
        let text = format!(
            "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an \
             interactive authorization request for this user and resource.",
            app.client_id, app.name
        );
        return Err(Refusal::new(65_001, "invalid_grant", &text));
    }
    if let Some(kept) = directory.refresh_tokens.get_mut(value) {
        kept.used = inbound.now;
    }
    Ok(Worth {
        username: known.username,
        scope,
        nonce: None,
        platform: known.platform,
        signed_in: known.signed_in,
    })
}

fn answer(
    core: &Core,
    directory: &mut Directory,
    inbound: &Inbound,
    app: &App,
    worth: Worth,
) -> Result<Value, Refusal> {
    let user = directory.user(&worth.username).cloned().ok_or_else(|| {
        Refusal::new(50_034, "invalid_grant", "The user account does not exist in the directory.")
    })?;
    inbound.name_caller(&user.username);
    let grant = Grant {
        user: &user,
        client_id: &app.client_id,
        scope: &worth.scope,
        nonce: worth.nonce.as_deref(),
        now: inbound.now,
    };
    let mut answer = Map::new();
    answer.insert("token_type".into(), json!("Bearer"));
    answer.insert("scope".into(), json!(worth.scope));
    answer.insert("expires_in".into(), json!(core.lifetimes.token_s));
    answer.insert("ext_expires_in".into(), json!(core.lifetimes.token_s));
    let own = |one: &str| one.starts_with(&app.client_id) || one.starts_with("api://");
    let access_token = if worth.scope.split_whitespace().any(own) {
        claims::own_access_token(core, directory, &grant)
    } else {
        claims::access_token(core, directory, &grant)
    };
    answer.insert("access_token".into(), json!(access_token));
    if worth.scope.split_whitespace().any(|scope| scope == "offline_access") {
        let token = format!("1.A{}", core.ids.token(core.refresh_token_bytes));
        core.recorder.secret(&token);
        directory.refresh_tokens.insert(
            token.clone(),
            RefreshToken {
                client_id: app.client_id.clone(),
                username: user.username.clone(),
                scope: worth.scope.clone(),
                platform: worth.platform,
                signed_in: worth.signed_in,
                used: inbound.now,
                revoked: false,
            },
        );
        answer.insert("refresh_token".into(), json!(token));
    }
    if let Some(id_token) = claims::id_token(core, directory, &grant) {
        core.recorder.secret(&id_token);
        answer.insert("id_token".into(), json!(id_token));
    }
    Ok(Value::Object(answer))
}

/// How a client says who it is.
struct ClientProof {
    id: Option<String>,
    secret: Option<String>,
    assertion: Option<String>,
}

impl ClientProof {
    fn read(inbound: &Inbound, form: &Params) -> ClientProof {
        let basic = inbound
            .header("authorization")
            .and_then(|value| value.strip_prefix("Basic "))
            .and_then(|value| String::from_utf8(STANDARD.decode(value).ok()?).ok());
        let (basic_id, basic_secret) = basic
            .as_deref()
            .and_then(|pair| pair.split_once(':'))
            .map_or((None, None), |(id, secret)| (Some(id), Some(secret)));
        ClientProof {
            id: form.get("client_id").or(basic_id).map(str::to_owned),
            secret: form.get("client_secret").or(basic_secret).map(str::to_owned),
            assertion: form.get("client_assertion").map(str::to_owned),
        }
    }

    /// Holds the proof against what the platform demands; no platform means a flow without redirect URI.
    fn check(
        &self,
        core: &Core,
        app: &App,
        platform: Option<Platform>,
        inbound: &Inbound,
    ) -> Result<(), Refusal> {
        let public = match platform {
            Some(platform) => platform != Platform::Web,
            None => app.public_client_flows,
        };
        if platform == Some(Platform::Spa) && inbound.header("origin").is_none() {
            let text = "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.";
            return Err(Refusal::new(9_002_327, "invalid_request", text));
        }
        match (&self.secret, &self.assertion) {
            (None, None) if public => Ok(()),
            (None, None) => {
                let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
                Err(Refusal::new(7_000_218, "invalid_client", text))
            }
            _ if public => {
                let text =
                    "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
                Err(Refusal::new(700_025, "invalid_client", text))
            }
            (Some(secret), _) if app.secrets.contains(secret) => Ok(()),
            (Some(_), None) => {
                let text = format!(
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                     value, not the client secret ID, for a secret added to app '{}'.",
                    app.client_id
                );
                Err(Refusal::new(7_000_215, "invalid_client", &text))
            }
            (_, Some(token)) => assertion::check(token, app, &core.authority, inbound.now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_must_fit_its_challenge() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let s256 = Challenge { value: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(), sha256: true };
        let plain = Challenge { value: verifier.into(), sha256: false };
        let number =
            |challenge, verifier| check_verifier(challenge, verifier).err().map(|refusal| refusal.number);
        assert_eq!(number(Some(&s256), Some(verifier)), None);
        assert_eq!(number(Some(&plain), Some(verifier)), None);
        assert_eq!(number(None, None), None);
        assert_eq!(number(Some(&s256), None), Some(501_481));
        assert_eq!(number(None, Some(verifier)), Some(501_481));
        assert_eq!(number(Some(&s256), Some("short")), Some(501_491));
        assert_eq!(number(Some(&s256), Some(&verifier.replace('d', "e"))), Some(501_481));
    }
}

//! The console's federation endpoint: a temporary credential buys a token, the token opens the console once.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use url::Url;

use crate::clock::after;
use crate::doors::plain;
use crate::locked;
use crate::params::Params;
use crate::server::{Body, Inbound, full};
use crate::world::Core;
use crate::world::account::Actor;

const SHORTEST_S: i64 = 900;
const LONGEST_S: i64 = 43_200;

/// Names the action in the query; a posted form asks for a token, which is all that forms are for.
pub(crate) fn operation(inbound: &Inbound) -> String {
    inbound.query().get("Action").unwrap_or("getSigninToken").to_owned()
}

/// Performs a request.
pub(crate) fn answer(core: &Core, inbound: &Inbound, operation: &str) -> Response<Body> {
    let mut params = inbound.query();
    if params.get("Action").is_none() {
        params = inbound.form();
    }
    match operation {
        "getSigninToken" => token(core, inbound, &params),
        "login" => login(core, inbound, &params),
        _ => plain(StatusCode::BAD_REQUEST, "Invalid Action"),
    }
}

fn token(core: &Core, inbound: &Inbound, params: &Params) -> Response<Body> {
    let bad = |text: &str| plain(StatusCode::BAD_REQUEST, text);
    let Some(session) = params.get("Session").and_then(|text| serde_json::from_str::<Value>(text).ok())
    else {
        return bad("Missing or malformed Session");
    };
    let part = |name: &str| session[name].as_str().unwrap_or_default();
    core.recorder.secret(part("sessionKey"));
    core.recorder.secret(part("sessionToken"));
    let account = locked(&core.account);
    let known = account.sessions.get(part("sessionId")).filter(|known| {
        known.secret_access_key == part("sessionKey")
            && known.session_token == part("sessionToken")
            && known.expires > inbound.now
    });
    let Some(known) = known.cloned() else { return bad("Token Invalid") };
    drop(account);
    inbound.name_caller(&known.arn);
    // A user's own session is none that can be federated: only roles and federated users are.
    if matches!(known.of, Actor::User { .. }) {
        return bad("Token Invalid");
    }
    match params.get("SessionDuration").map(str::parse::<i64>) {
        None => {}
        Some(Ok(seconds)) if (SHORTEST_S..=LONGEST_S).contains(&seconds) => {}
        Some(_) => return bad("Invalid SessionDuration"),
    }
    let token = core.ids.token(300);
    core.recorder.secret(&token);
    let expires = after(inbound.now, core.lifetimes.signin_token_s);
    locked(&core.machine).signin_tokens.insert(token.clone(), (expires, known.arn.clone()));
    let mut response = Response::new(full(json!({"SigninToken": token}).to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn login(core: &Core, inbound: &Inbound, params: &Params) -> Response<Body> {
    let bad = |text: &str| plain(StatusCode::BAD_REQUEST, text);
    let destination = params.get("Destination").and_then(|text| Url::parse(text).ok());
    let destination = destination.filter(|url| {
        let host = url.host_str().unwrap_or_default();
        url.scheme() == "https" && (host == "aws.amazon.com" || host.ends_with(".aws.amazon.com"))
    });
    let Some(destination) = destination else { return bad("Invalid Destination") };
    let token = params.get("SigninToken").unwrap_or_default();
    let spent = locked(&core.machine).signin_tokens.remove(token);
    let Some((_, arn)) = spent.filter(|(expires, _)| *expires > inbound.now) else {
        return bad("Token Invalid");
    };
    inbound.name_caller(&arn);
    let cookie = core.ids.token(48);
    core.recorder.secret(&cookie);
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(target) = HeaderValue::from_str(destination.as_str()) {
        response.headers_mut().insert(header::LOCATION, target);
    }
    if let Ok(cookie) = HeaderValue::from_str(&format!("aws-creds={cookie}; Path=/; HttpOnly")) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

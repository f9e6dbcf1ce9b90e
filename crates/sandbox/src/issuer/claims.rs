//! Tokens: which claims an ID token carries for whom, and the access token that only Graph reads.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{more_claims, scopes};
use crate::clock::after;
use crate::world::Core;
use crate::world::directory::{AccessToken, Directory, Home, User};
use crate::world::tenant::GRAPH_APP;

/// Tokens are dated five minutes back, as Entra does, against clocks that run late.
const BACKDATED_S: i64 = 300;

/// What one token answer is made for.
pub(crate) struct Grant<'a> {
    pub(crate) user: &'a User,
    pub(crate) client_id: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) now: Timestamp,
}

impl Grant<'_> {
    fn has(&self, scope: &str) -> bool {
        self.scope.split_whitespace().any(|asked| asked == scope)
    }
}

/// Makes the ID token; `None` without the `openid` scope.
pub(crate) fn id_token(core: &Core, directory: &Directory, grant: &Grant<'_>) -> Option<String> {
    grant.has("openid").then(|| {
        directory.signing_key(grant.client_id).sign(&Value::Object(id_claims(core, directory, grant)))
    })
}

fn id_claims(core: &Core, directory: &Directory, grant: &Grant<'_>) -> Map<String, Value> {
    let user = grant.user;
    let issued = grant.now.as_second();
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| {
        claims.insert(name.to_owned(), value);
    };
    put("aud", json!(grant.client_id));
    put("iss", json!(core.issuer(&directory.tenant)));
    put("iat", json!(issued - BACKDATED_S));
    put("nbf", json!(issued - BACKDATED_S));
    put("exp", json!(issued + core.lifetimes.token_s));
    put("aio", json!(core.ids.token(48)));
    if let Home::Guest { identity_provider } | Home::Elsewhere { identity_provider } = &user.home {
        put("idp", json!(identity_provider));
    }
    if let Some(email) = &user.email
        && (grant.has("email") || user.home != Home::Member)
    {
        put("email", json!(email));
    }
    if grant.has("profile") {
        put("name", json!(user.name));
        put("oid", json!(user.object_id));
        put("preferred_username", json!(user.username));
    }
    if let Some(nonce) = grant.nonce {
        put("nonce", json!(nonce));
    }
    put("rh", json!(format!("1.A{}.", core.ids.token(30))));
    put("sub", json!(directory.subject(grant.client_id, user)));
    put("tid", json!(directory.tenant));
    put("uti", json!(core.ids.token(16)));
    put("ver", json!("2.0"));
    if let Some(app) = directory.app(grant.client_id) {
        claims.extend(more_claims::configured(directory, app, user, "idToken"));
    }
    for (name, value) in &user.claims {
        claims.insert(name.clone(), value.clone());
    }
    claims
}

/// Makes an access token for the app's own API, in the version that the API asks for: the resource decides that, not
/// the endpoint.
pub(crate) fn own_access_token(core: &Core, directory: &Directory, grant: &Grant<'_>) -> String {
    let issued = grant.now.as_second();
    let app = directory.app(grant.client_id);
    let version = app.and_then(|app| app.registration.get("api")?["requestedAccessTokenVersion"].as_i64());
    let own = |one: &&str| one.starts_with(grant.client_id) || one.starts_with("api://");
    let scopes: Vec<&str> = grant.scope.split_whitespace().filter(own).collect();
    let names: Vec<&str> = scopes.iter().map(|one| one.rsplit('/').next().unwrap_or(one)).collect();
    let mut claims = json!({
        "iat": issued - BACKDATED_S,
        "nbf": issued - BACKDATED_S,
        "exp": issued + core.lifetimes.token_s,
        "oid": grant.user.object_id,
        "scp": names.join(" "),
        "sub": directory.subject(grant.client_id, grant.user),
        "tid": directory.tenant,
        "uti": core.ids.token(16),
    });
    let more = if version == Some(2) {
        json!({"aud": grant.client_id, "azp": grant.client_id, "azpacr": "0", "ver": "2.0",
            "iss": core.issuer(&directory.tenant)})
    } else {
        let audience =
            scopes.first().and_then(|one| one.rsplit_once('/')).map_or(grant.client_id, |(head, _)| head);
        json!({"aud": audience, "appid": grant.client_id, "appidacr": "0", "ver": "1.0",
            "iss": format!("https://sts.windows.net/{}/", directory.tenant)})
    };
    if let (Some(claims), Value::Object(more)) = (claims.as_object_mut(), more) {
        claims.extend(more);
    }
    let token = directory.signing_key(grant.client_id).sign(&claims);
    core.recorder.secret(&token);
    token
}

/// Makes an access token for Graph and remembers it. It carries what was asked for and whatever else of Graph the
/// client was granted before.
pub(crate) fn access_token(core: &Core, directory: &mut Directory, grant: &Grant<'_>) -> String {
    let mut scopes: BTreeSet<String> = BTreeSet::new();
    if let Some(app) = directory.app(grant.client_id) {
        let asked = grant.scope.split_whitespace().map(|one| one.rsplit('/').next().unwrap_or(one));
        let granted = directory.granted(app, grant.user);
        let known = asked.chain(granted.iter().map(String::as_str)).filter_map(scopes::named);
        scopes.extend(known.map(|scope| scope.value.to_owned()).filter(|value| value != "offline_access"));
    }
    mint(core, directory, grant, scopes.into_iter().collect())
}

/// Signs a Graph token with exactly these scopes and remembers it.
pub(crate) fn mint(core: &Core, directory: &mut Directory, grant: &Grant<'_>, scopes: Vec<String>) -> String {
    let issued = grant.now.as_second();
    let token = directory.keys[0].sign(&json!({
        "aud": GRAPH_APP,
        "iss": format!("https://sts.windows.net/{}/", directory.tenant),
        "iat": issued - BACKDATED_S,
        "nbf": issued - BACKDATED_S,
        "exp": issued + core.lifetimes.token_s,
        "app_displayname": directory.app(grant.client_id).map(|app| app.name.clone()),
        "appid": grant.client_id,
        "appidacr": "0",
        "idtyp": "user",
        "name": grant.user.name,
        "oid": grant.user.object_id,
        "scp": scopes.join(" "),
        "tid": directory.tenant,
        "unique_name": grant.user.username,
        "upn": grant.user.username,
        "uti": core.ids.token(16),
        "ver": "1.0",
        "wids": grant.user.directory_roles.iter().map(|role| role.named().1).collect::<Vec<_>>(),
    }));
    core.recorder.secret(&token);
    directory.access_tokens.insert(
        token.clone(),
        AccessToken {
            username: grant.user.username.clone(),
            client_id: grant.client_id.to_owned(),
            expires: after(grant.now, core.lifetimes.token_s),
            scopes,
        },
    );
    token
}

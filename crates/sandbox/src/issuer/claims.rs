//! Tokens: which claims an ID token carries for whom, and the access token that only Graph reads.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::clock::after;
use crate::world::Core;
use crate::world::directory::{Directory, Home, User};

/// Graph's own application ID, the audience of its tokens.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

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
    grant.has("openid").then(|| directory.keys[0].sign(&Value::Object(id_claims(core, directory, grant))))
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
    for (name, value) in &user.claims {
        put(name, value.clone());
    }
    claims
}

/// Makes an access token for Graph and remembers it.
pub(crate) fn access_token(core: &Core, directory: &mut Directory, grant: &Grant<'_>) -> String {
    let issued = grant.now.as_second();
    let token = directory.keys[0].sign(&json!({
        "aud": GRAPH,
        "iss": format!("https://sts.windows.net/{}/", directory.tenant),
        "iat": issued - BACKDATED_S,
        "exp": issued + core.lifetimes.token_s,
        "appid": grant.client_id,
        "oid": grant.user.object_id,
        "scp": grant.scope,
        "tid": directory.tenant,
        "uti": core.ids.token(16),
        "ver": "1.0",
    }));
    let expires = after(grant.now, core.lifetimes.token_s);
    directory.access_tokens.insert(token.clone(), (grant.user.username.clone(), expires));
    token
}

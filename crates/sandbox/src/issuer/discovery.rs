//! What the issuer says about itself, with Entra's omissions: no PKCE methods, no `none` among the
//! client authentication methods, a template instead of an issuer on the tenant-less authorities.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{Authority, json};
use crate::locked;
use crate::server::{Body, Inbound};
use crate::world::Core;

/// With `appid` in the query the keys that are told of include those of that app alone.
pub(super) fn configuration(core: &Core, inbound: &Inbound, authority: &Authority) -> Response<Body> {
    let (segment, issuer) = names(core, authority);
    let app = inbound.query().get("appid").map(|id| format!("?appid={id}")).unwrap_or_default();
    let base = format!("{}/{segment}", core.authority);
    json(
        StatusCode::OK,
        &json!({
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{base}/discovery/v2.0/keys{app}"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer,
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": format!("{}/graph/oidc/userinfo", core.authority),
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
            "http_logout_supported": true,
            "frontchannel_logout_supported": true,
            "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
            "claims_supported": [
                "sub", "iss", "cloud_instance_name", "aud", "exp", "iat", "auth_time", "acr", "nonce",
                "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"
            ],
            "tenant_region_scope": if *authority == Authority::Tenant { json!("EU") } else { Value::Null },
            "cloud_graph_host_name": "graph.windows.net",
            "rbac_url": "https://pas.windows.net",
            "cloud_instance_name": "microsoftonline.com",
            "msgraph_host": core.authority.trim_start_matches("http://"),
        }),
    )
}

pub(super) fn keys(core: &Core, inbound: &Inbound, authority: &Authority) -> Response<Body> {
    let (_, issuer) = names(core, authority);
    let directory = locked(&core.directory);
    let query = inbound.query();
    let own = query.get("appid").and_then(|id| directory.app_keys.get(&id.to_ascii_lowercase()));
    let keys: Vec<Value> = own.into_iter().chain(&directory.keys).map(|key| key.jwk(&issuer)).collect();
    json(StatusCode::OK, &json!({ "keys": keys }))
}

/// The path segment used in addresses and the issuer that is told.
fn names(core: &Core, authority: &Authority) -> (String, String) {
    match authority {
        Authority::Common => ("common".into(), core.issuer("{tenantid}")),
        Authority::Organizations => ("organizations".into(), core.issuer("{tenantid}")),
        Authority::Tenant => {
            let tenant = locked(&core.directory).tenant.clone();
            let issuer = core.issuer(&tenant);
            (tenant, issuer)
        }
    }
}

//! The corner of Microsoft Graph that tells who is signed in and where.

use http::{Response, StatusCode};
use serde_json::json;

use super::json;
use crate::locked;
use crate::server::{Body, Inbound};
use crate::world::Core;

/// Answers a Graph request; `None` when the path is not Graph's.
pub(super) fn answer(core: &Core, inbound: &Inbound, operation: &str) -> Option<Response<Body>> {
    if !inbound.path().starts_with("/graph/") {
        return None;
    }
    let token =
        inbound.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let directory = locked(&core.directory);
    let owner = directory.access_tokens.get(token).filter(|(_, expires)| *expires > inbound.now);
    let Some(user) = owner.and_then(|(username, _)| directory.user(username)) else {
        return Some(error(
            StatusCode::UNAUTHORIZED,
            "InvalidAuthenticationToken",
            "Access token is empty, unknown or expired.",
        ));
    };
    inbound.name_caller(&user.username);
    Some(match operation {
        "me" => json(
            StatusCode::OK,
            &json!({
                "@odata.context": format!("{}/graph/v1.0/$metadata#users/$entity", core.authority),
                "id": user.object_id,
                "displayName": user.name,
                "userPrincipalName": user.username,
                "mail": user.email,
            }),
        ),
        "organization" => json(
            StatusCode::OK,
            &json!({
                "@odata.context": format!("{}/graph/v1.0/$metadata#organization", core.authority),
                "value": [{
                    "id": directory.tenant,
                    "displayName": directory.tenant_name,
                    "verifiedDomains": [{"name": directory.domain, "isDefault": true, "isInitial": true}],
                }],
            }),
        ),
        _ => error(StatusCode::NOT_FOUND, "Request_ResourceNotFound", "Resource not found for the segment."),
    })
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    json(status, &json!({"error": {"code": code, "message": message}}))
}

//! Microsoft Graph v1.0 as far as setting up and looking after an app needs it: applications and service principals,
//! consents, assignments, claims mapping policies, and the people and groups they are about.
//!
//! The objects are the ones the issuer signs in with: an app made here can be used at once, and one deleted here
//! cannot any more. A call needs a token for Graph, a delegated permission that covers it, and, where something is
//! written, a directory role or ownership; all three are checked as Microsoft documents them.

mod applications;
mod assignments;
mod errors;
mod filter;
mod grants;
mod listing;
mod people;
mod permissions;
mod policies;
mod registration;
pub(crate) mod scopes;
mod service_principals;

use http::{Method, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::locked;
use crate::server::{Body, Inbound, full};
use crate::world::Core;
use crate::world::directory::{Directory, User};
use crate::world::tenant::DirectoryRole;
use errors::GraphError;

/// Names an operation by what follows `graph` in the path.
pub(super) fn operation(method: &Method, segments: &[&str]) -> &'static str {
    let parts = parts(segments);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let method = method.as_str();
    match (method, parts.as_slice()) {
        ("GET" | "POST", ["oidc", "userinfo"]) => "userinfo",
        (_, ["v1.0", rest @ ..]) => match (method, rest) {
            ("GET", ["me"]) => "me",
            ("GET", ["me", "memberOf" | "transitiveMemberOf"]) => "memberOf",
            ("GET", ["organization"]) => "organization",
            ("GET", ["applications"]) => "listApplications",
            ("POST", ["applications"]) => "createApplication",
            ("GET", ["applications", _]) => "getApplication",
            ("PATCH", ["applications", _]) => "updateApplication",
            ("DELETE", ["applications", _]) => "deleteApplication",
            ("GET", ["applications", _, "owners"]) => "listOwners",
            ("GET", ["directory", "deletedItems", "microsoft.graph.application"]) => "listDeletedItems",
            ("DELETE", ["directory", "deletedItems", _]) => "deleteDeletedItem",
            ("GET", ["servicePrincipals"]) => "listServicePrincipals",
            ("POST", ["servicePrincipals"]) => "createServicePrincipal",
            ("GET", ["servicePrincipals", _]) => "getServicePrincipal",
            ("PATCH", ["servicePrincipals", _]) => "updateServicePrincipal",
            ("DELETE", ["servicePrincipals", _]) => "deleteServicePrincipal",
            ("GET", ["servicePrincipals", _, "appRoleAssignedTo"]) => "listAppRoleAssignedTo",
            ("POST", ["servicePrincipals", _, "appRoleAssignedTo"]) => "createAppRoleAssignedTo",
            ("DELETE", ["servicePrincipals", _, "appRoleAssignedTo", _]) => "deleteAppRoleAssignedTo",
            ("GET", ["servicePrincipals", _, "oauth2PermissionGrants"]) => "listClientGrants",
            ("GET", ["servicePrincipals", _, "claimsMappingPolicies"]) => "listAssignedClaimsMappingPolicies",
            ("POST", ["servicePrincipals", _, "claimsMappingPolicies", "$ref"]) => {
                "assignClaimsMappingPolicy"
            }
            ("DELETE", ["servicePrincipals", _, "claimsMappingPolicies", _, "$ref"]) => {
                "removeClaimsMappingPolicy"
            }
            ("GET", ["oauth2PermissionGrants"]) => "listOauth2PermissionGrants",
            ("POST", ["oauth2PermissionGrants"]) => "createOauth2PermissionGrant",
            ("GET", ["oauth2PermissionGrants", _]) => "getOauth2PermissionGrant",
            ("PATCH", ["oauth2PermissionGrants", _]) => "updateOauth2PermissionGrant",
            ("DELETE", ["oauth2PermissionGrants", _]) => "deleteOauth2PermissionGrant",
            ("GET", ["groups"]) => "listGroups",
            ("GET", ["groups", _]) => "getGroup",
            ("GET", ["groups", _, "members"]) => "listMembers",
            ("GET", ["users"]) => "listUsers",
            ("GET", ["users", _]) => "getUser",
            ("GET", ["policies", "claimsMappingPolicies"]) => "listClaimsMappingPolicies",
            ("POST", ["policies", "claimsMappingPolicies"]) => "createClaimsMappingPolicy",
            ("GET", ["policies", "claimsMappingPolicies", _]) => "getClaimsMappingPolicy",
            ("PATCH", ["policies", "claimsMappingPolicies", _]) => "updateClaimsMappingPolicy",
            ("DELETE", ["policies", "claimsMappingPolicies", _]) => "deleteClaimsMappingPolicy",
            ("GET", ["policies", "authorizationPolicy"]) => "getAuthorizationPolicy",
            _ => "unknown",
        },
        _ => "unknown",
    }
}

/// Performs a request.
pub(super) fn answer(core: &Core, inbound: &Inbound, operation: &str) -> Response<Body> {
    let result = perform(core, inbound, operation);
    let mut response = match result {
        Ok(Reply { status, body: Some(body) }) => super::json(status, &body),
        Ok(Reply { status, body: None }) => {
            let mut response = Response::new(full(""));
            *response.status_mut() = status;
            response
        }
        Err(error) => error.answer(inbound),
    };
    for name in ["request-id", "client-request-id"] {
        if let Ok(id) = errors::request_id(inbound, name).parse() {
            response.headers_mut().insert(header::HeaderName::from_static(name), id);
        }
    }
    response
}

/// The answer of a scripted fault.
pub(super) fn scripted(status: u16, code: &str, message: &str, inbound: &Inbound) -> Response<Body> {
    GraphError::new(status, code, message).answer(inbound)
}

/// What a call answers.
struct Reply {
    status: StatusCode,
    body: Option<Value>,
}

impl Reply {
    fn ok(body: Value) -> Reply {
        Reply { status: StatusCode::OK, body: Some(body) }
    }

    fn created(body: Value) -> Reply {
        Reply { status: StatusCode::CREATED, body: Some(body) }
    }

    fn nothing() -> Reply {
        Reply { status: StatusCode::NO_CONTENT, body: None }
    }
}

type Answer = Result<Reply, GraphError>;

/// Who calls, and what their token lets them ask for.
struct Caller {
    user: User,
    client_id: String,
    scopes: Vec<String>,
}

impl Caller {
    fn administers_apps(&self) -> bool {
        self.user.directory_roles.iter().any(|role| role.administers_apps())
    }

    fn grants(&self) -> bool {
        self.user.directory_roles.iter().any(|role| role.grants())
    }

    fn has_role(&self, role: DirectoryRole) -> bool {
        self.user.directory_roles.contains(&role)
    }
}

/// One call under way.
struct Call<'a> {
    core: &'a Core,
    inbound: &'a Inbound,
    directory: &'a mut Directory,
    caller: Caller,
    /// The path below the version, keys taken out of their brackets: `appId=…` where one is named.
    parts: Vec<String>,
}

impl Call<'_> {
    fn part(&self, at: usize) -> &str {
        self.parts.get(at).map_or("", String::as_str)
    }

    /// The object that was sent, without its annotations.
    fn body(&self) -> Result<Map<String, Value>, GraphError> {
        let unreadable = || {
            GraphError::new(
                400,
                "BadRequest",
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of \
                 valid JSON format.",
            )
        };
        let typed = self.inbound.header("content-type").is_some_and(|kind| kind.contains("json"));
        let parsed: Option<Value> = serde_json::from_slice(&self.inbound.body).ok().filter(|_| typed);
        let Some(Value::Object(mut body)) = parsed else { return Err(unreadable()) };
        body.retain(|name, _| !name.starts_with("@odata.") || name == "@odata.id");
        Ok(body)
    }

    fn context(&self, set: &str) -> Value {
        json!(format!("{}/graph/v1.0/$metadata#{set}", self.core.authority))
    }

    fn entity(&self, set: &str, mut value: Value) -> Value {
        if let Some(object) = value.as_object_mut() {
            object.insert("@odata.context".into(), self.context(&format!("{set}/$entity")));
        }
        value
    }
}

fn perform(core: &Core, inbound: &Inbound, operation: &str) -> Answer {
    let mut directory = locked(&core.directory);
    let caller = authenticate(&directory, inbound)?;
    inbound.name_caller(&caller.user.username);
    if operation == "userinfo" {
        return people::userinfo(&directory, &caller);
    }
    permissions::check(operation, &caller)?;
    let segments: Vec<&str> = inbound.path().split('/').skip(2).collect();
    let mut parts = parts(&segments);
    if !parts.is_empty() {
        parts.remove(0);
    }
    let mut call = Call { core, inbound, directory: &mut directory, caller, parts };
    let call = &mut call;
    match operation {
        "me" => people::me(call),
        "memberOf" => people::member_of(call),
        "organization" => people::organization(call),
        "listUsers" => people::list_users(call),
        "getUser" => people::user(call),
        "listGroups" => people::list_groups(call),
        "getGroup" => people::group(call),
        "listMembers" => people::members(call),
        "listApplications" => applications::list(call),
        "createApplication" => applications::create(call),
        "getApplication" => applications::get(call),
        "updateApplication" => applications::update(call),
        "deleteApplication" => applications::delete(call),
        "listOwners" => applications::owners(call),
        "listDeletedItems" => applications::list_deleted(call),
        "deleteDeletedItem" => applications::delete_for_good(call),
        "listServicePrincipals" => service_principals::list(call),
        "createServicePrincipal" => service_principals::create(call),
        "getServicePrincipal" => service_principals::get(call),
        "updateServicePrincipal" => service_principals::update(call),
        "deleteServicePrincipal" => service_principals::delete(call),
        "listAppRoleAssignedTo" => assignments::list(call),
        "createAppRoleAssignedTo" => assignments::create(call),
        "deleteAppRoleAssignedTo" => assignments::delete(call),
        "listClientGrants" => grants::list_of_client(call),
        "listOauth2PermissionGrants" => grants::list(call),
        "createOauth2PermissionGrant" => grants::create(call),
        "getOauth2PermissionGrant" => grants::get(call),
        "updateOauth2PermissionGrant" => grants::update(call),
        "deleteOauth2PermissionGrant" => grants::delete(call),
        "listClaimsMappingPolicies" => policies::list(call),
        "createClaimsMappingPolicy" => policies::create(call),
        "getClaimsMappingPolicy" => policies::get(call),
        "updateClaimsMappingPolicy" => policies::update(call),
        "deleteClaimsMappingPolicy" => policies::delete(call),
        "listAssignedClaimsMappingPolicies" => policies::list_assigned(call),
        "assignClaimsMappingPolicy" => policies::assign(call),
        "removeClaimsMappingPolicy" => policies::remove(call),
        "getAuthorizationPolicy" => policies::authorization(call),
        _ => Err(GraphError::new(
            400,
            "BadRequest",
            &format!("Resource not found for the segment '{}'.", call.part(0)),
        )),
    }
}

/// Finds the owner of the token that a call carries.
fn authenticate(directory: &Directory, inbound: &Inbound) -> Result<Caller, GraphError> {
    let token = inbound.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let invalid = |message: &str| GraphError::new(401, "InvalidAuthenticationToken", message);
    let token = token.filter(|token| !token.is_empty()).ok_or_else(|| invalid("Access token is empty."))?;
    let Some(known) = directory.access_tokens.get(token) else {
        return Err(match crate::jose::Jwt::parse(token) {
            None => invalid("IDX14100: JWT is not well formed, there are no dots (.)."),
            Some(jwt) if jwt.claims["aud"] != crate::world::tenant::GRAPH_APP => {
                invalid("Access token validation failure. Invalid audience.")
            }
            Some(_) => invalid("Access token validation failure. Invalid signature."),
        });
    };
    if known.expires <= inbound.now {
        return Err(invalid("Lifetime validation failed, the token is expired."));
    }
    let user = directory.user(&known.username).filter(|user| user.enabled);
    let user = user.ok_or_else(|| invalid("The user account in the token is gone or disabled."))?;
    Ok(Caller { user: user.clone(), client_id: known.client_id.clone(), scopes: known.scopes.clone() })
}

/// The segments, decoded, with `name(key='value')` in two parts.
fn parts(segments: &[&str]) -> Vec<String> {
    let mut parts = Vec::new();
    for segment in segments {
        let segment = percent_decode_str(segment).decode_utf8_lossy();
        match segment.strip_suffix(')').and_then(|text| text.split_once('(')) {
            Some((name, key)) => {
                parts.push(name.to_owned());
                parts.push(key.replace('\'', ""));
            }
            None if segment.is_empty() => {}
            None => parts.push(segment.into_owned()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_named_by_method_and_path() {
        let name = |method: Method, path: &str| operation(&method, &path.split('/').collect::<Vec<_>>());
        for (method, path, expected) in [
            (Method::GET, "v1.0/me", "me"),
            (Method::POST, "v1.0/applications", "createApplication"),
            (Method::GET, "v1.0/applications(appId='x')", "getApplication"),
            (Method::PATCH, "v1.0/servicePrincipals(appId=%27x%27)", "updateServicePrincipal"),
            (
                Method::DELETE,
                "v1.0/servicePrincipals/a/claimsMappingPolicies/b/$ref",
                "removeClaimsMappingPolicy",
            ),
            (Method::PUT, "v1.0/me", "unknown"),
            (Method::GET, "beta/me", "unknown"),
            (Method::GET, "oidc/userinfo", "userinfo"),
        ] {
            assert_eq!(name(method.clone(), path), expected, "{method} {path}");
        }
    }
}

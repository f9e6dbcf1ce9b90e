//! The identity provider, in Entra ID's shape: the same paths below an authority, the same quirks, the
//! same numbered errors. Pages are for people; everything else speaks JSON.
//!
//! [`operation`] names a request from its method and path alone, [`answer`] performs it.

mod assertion;
mod authorize;
pub(crate) mod claims;
mod consent;
mod device;
mod discovery;
mod errors;
mod graph;
pub(crate) mod keys;
mod more_claims;
pub(crate) mod pages;
mod token;

use http::{Method, Response, StatusCode, header};

use crate::faults::{Effect, Service};
use crate::locked;
use crate::server::{Body, Inbound, full};
use crate::world::Core;
use crate::world::directory::Directory;
pub(crate) use errors::Refusal;
pub(crate) use graph::scopes;

/// Names the operation behind a path; at Graph the method decides as well.
pub(crate) fn operation(method: &Method, path: &str) -> (Service, &'static str) {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        ["graph", rest @ ..] => (Service::Graph, graph::operation(method, rest)),
        [_, "v2.0", ".well-known", "openid-configuration"] => (Service::Issuer, "discovery"),
        [_, "discovery", "v2.0", "keys"] => (Service::Issuer, "keys"),
        [_, "oauth2", "v2.0", "authorize"] => (Service::Issuer, "authorize"),
        [_, "oauth2", "v2.0", "token"] => (Service::Issuer, "token"),
        [_, "oauth2", "v2.0", "devicecode"] => (Service::Issuer, "devicecode"),
        [_, "oauth2", "v2.0", "logout"] => (Service::Issuer, "logout"),
        [_, "oauth2", "deviceauth"] => (Service::Issuer, "deviceauth"),
        [_, "login"] => (Service::Issuer, "login"),
        [_, "consent"] => (Service::Issuer, "consent"),
        _ => (Service::Issuer, "unknown"),
    }
}

/// Performs a request.
pub(crate) fn answer(core: &Core, inbound: &Inbound, operation: &str) -> Response<Body> {
    let segment = inbound.path().split('/').nth(1).unwrap_or_default();
    let authority = match Authority::find(&locked(&core.directory), segment) {
        Ok(authority) => authority,
        Err(refusal) => return unknown_tenant(&refusal, inbound, operation),
    };
    let post = inbound.method == Method::POST;
    match operation {
        "discovery" => discovery::configuration(core, inbound, &authority),
        "keys" => discovery::keys(core, inbound, &authority),
        "authorize" => authorize::authorize(core, inbound, &authority),
        "login" if post => authorize::login(core, inbound),
        "consent" if post => consent::consent(core, inbound),
        "token" if post => token::token(core, inbound, &authority),
        "token" if inbound.method == Method::OPTIONS => token::preflight(inbound),
        "devicecode" if post => device::start(core, inbound, &authority),
        "deviceauth" => device::enter_code(core, inbound),
        "logout" => authorize::logout(core, inbound),
        "token" | "devicecode" | "login" | "consent" => Refusal::new(
            900_561,
            "invalid_request",
            "The endpoint only accepts POST requests. Received a GET request.",
        )
        .json(inbound),
        _ => pages::error(
            StatusCode::NOT_FOUND,
            "Not found",
            "There is nothing at this address.",
            None,
            inbound,
        ),
    }
}

/// Performs a request at Graph.
pub(crate) fn answer_graph(core: &Core, inbound: &Inbound, operation: &str) -> Response<Body> {
    graph::answer(core, inbound, operation)
}

/// The answer of a scripted `Status` fault, in Graph's form or the issuer's.
pub(crate) fn scripted(effect: &Effect, inbound: &Inbound, service: Service) -> Option<Response<Body>> {
    let Effect::Status { status, code, message, .. } = effect else { return None };
    if service == Service::Graph {
        return Some(graph::scripted(*status, code, message, inbound));
    }
    let mut response = Refusal::new(90_033, code, message).json(inbound);
    *response.status_mut() = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Some(response)
}

fn unknown_tenant(refusal: &Refusal, inbound: &Inbound, operation: &str) -> Response<Body> {
    match operation {
        "discovery" | "token" | "devicecode" | "keys" => refusal.json(inbound),
        _ => refusal.page(inbound),
    }
}

/// What stands in the tenant's place of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// `common`.
    Common,
    /// `organizations`.
    Organizations,
    /// The tenant, by GUID or by a verified domain.
    Tenant,
}

impl Authority {
    fn find(directory: &Directory, segment: &str) -> Result<Authority, Refusal> {
        match segment {
            "common" => Ok(Authority::Common),
            "organizations" => Ok(Authority::Organizations),
            other
                if other.eq_ignore_ascii_case(&directory.tenant)
                    || other.eq_ignore_ascii_case(&directory.domain) =>
            {
                Ok(Authority::Tenant)
            }
            other => Err(Refusal::new(
                90_002,
                "invalid_tenant",
                &format!(
                    "Tenant '{other}' not found. Check to make sure you have the correct tenant ID and are signing \
                     into the correct cloud. Check with your subscription administrator, this may happen if there \
                     are no active subscriptions for the tenant."
                ),
            )),
        }
    }
}

/// A JSON answer that no cache may keep.
pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store, no-cache"));
    response
}

//! The third port: everything that leads to a credential and is neither the issuer's nor signed. Each service
//! keeps to the paths of its original, and no two of them meet.

use http::{Method, Response, StatusCode};

use crate::faults::{Effect, Service};
use crate::server::{Body, Inbound, full};
use crate::world::Core;
use crate::{center, metadata, signin};

/// Names service and operation.
pub(crate) fn operation(inbound: &Inbound) -> (Service, String) {
    let path = inbound.path();
    let (service, operation) = match (inbound.method.as_str(), path) {
        (_, "/client/register") => (Service::SsoOidc, "RegisterClient"),
        (_, "/device_authorization") => (Service::SsoOidc, "StartDeviceAuthorization"),
        (_, "/token") => (Service::SsoOidc, "CreateToken"),
        (_, "/authorize") => (Service::SsoOidc, "authorize"),
        (_, "/device") => (Service::SsoOidc, "device"),
        (_, "/login") => (Service::SsoOidc, "login"),
        (_, "/confirm") => (Service::SsoOidc, "confirm"),
        (_, "/federation/credentials") => (Service::Sso, "GetRoleCredentials"),
        (_, "/assignment/accounts") => (Service::Sso, "ListAccounts"),
        (_, "/assignment/roles") => (Service::Sso, "ListAccountRoles"),
        (_, "/logout") => (Service::Sso, "Logout"),
        (_, "/federation") => return (Service::Signin, signin::operation(inbound)),
        (_, path) if path.starts_with("/latest/") => (Service::Metadata, metadata::operation(path)),
        (_, path) if path.starts_with("/v1/") => (Service::Container, "credentials"),
        _ => (Service::SsoOidc, "unknown"),
    };
    (service, operation.to_owned())
}

/// Performs a request.
pub(crate) fn answer(core: &Core, inbound: &Inbound, service: Service, operation: &str) -> Response<Body> {
    match service {
        Service::SsoOidc => center::sign_in(core, inbound, operation),
        Service::Sso => center::portal(core, inbound, operation),
        Service::Metadata => metadata::instance(core, inbound, operation),
        Service::Container => metadata::container(core, inbound),
        Service::Signin => signin::answer(core, inbound, operation),
        _ => plain(StatusCode::NOT_FOUND, "Not Found"),
    }
}

/// The answer of a scripted `Status` fault, in the service's own form.
pub(crate) fn scripted(effect: &Effect, service: Service) -> Option<Response<Body>> {
    let Effect::Status { status, code, message, .. } = effect else { return None };
    let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Some(match service {
        Service::SsoOidc => center::Fault::new(status, code, message).oidc(),
        Service::Sso => center::Fault::new(status, code, message).portal(),
        Service::Container => metadata::container_error(status, code, message),
        _ => plain(status, message),
    })
}

/// A short answer in plain text.
pub(crate) fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(full(text.to_owned()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The answer to a request that came by any other method than this.
pub(crate) fn unless(method: &Method, inbound: &Inbound) -> Option<Response<Body>> {
    (inbound.method != *method).then(|| plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
}

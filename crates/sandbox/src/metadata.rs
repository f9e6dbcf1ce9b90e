//! What a machine is told without signing in: EC2's instance metadata, version 2 of its protocol unless the
//! world says otherwise, and the credentials that a container fetches with a token of its own.

use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::clock::{after, iso_seconds};
use crate::doors::plain;
use crate::locked;
use crate::server::{Body, Inbound, full};
use crate::world::Core;
use crate::world::machine::Kept;
use crate::world::samples::{INSTANCE_ROLE, TASK_ROLE};

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";
const LONGEST_TTL_S: i64 = 21_600;
const ROLES: &str = "/latest/meta-data/iam/security-credentials";

/// Names what a path of the instance's metadata asks for.
pub(crate) fn operation(path: &str) -> &'static str {
    match path {
        "/latest/api/token" => "token",
        "/latest/dynamic/instance-identity/document" => "document",
        "/latest/meta-data/placement/region" => "region",
        path => match path.strip_prefix(ROLES) {
            Some("" | "/") => "roles",
            Some(_) => "credentials",
            None => "other",
        },
    }
}

/// Performs a request to the instance's metadata.
pub(crate) fn instance(core: &Core, inbound: &Inbound, operation: &str) -> Response<Body> {
    // What came through a proxy did not come from the machine itself.
    if operation == "token" && inbound.headers.contains_key("x-forwarded-for") {
        return page(StatusCode::FORBIDDEN);
    }
    if operation == "token" {
        return if inbound.method == Method::PUT {
            token(core, inbound)
        } else {
            page(StatusCode::METHOD_NOT_ALLOWED)
        };
    }
    if inbound.method != Method::GET && inbound.method != Method::HEAD {
        return page(StatusCode::METHOD_NOT_ALLOWED);
    }
    if !may_ask(core, inbound) {
        return page(StatusCode::UNAUTHORIZED);
    }
    let region = core.region();
    let (has_role, instance_id) = {
        let machine = locked(&core.machine);
        (machine.has_role, machine.instance_id.clone())
    };
    match (operation, inbound.path()) {
        ("region", _) => plain(StatusCode::OK, region),
        ("document", _) => text(&document(core, inbound, &instance_id).to_string(), "text/plain"),
        ("roles", _) if has_role => plain(StatusCode::OK, INSTANCE_ROLE),
        ("credentials", path) if has_role && path == format!("{ROLES}/{INSTANCE_ROLE}") => {
            credentials(core, inbound, &instance_id)
        }
        (_, "/latest/meta-data/") => plain(StatusCode::OK, "iam/\ninstance-id\nplacement/"),
        (_, "/latest/meta-data/instance-id") => plain(StatusCode::OK, &instance_id),
        (_, "/latest/meta-data/placement/") => plain(StatusCode::OK, "availability-zone\nregion"),
        (_, "/latest/meta-data/placement/availability-zone") => plain(StatusCode::OK, &format!("{region}a")),
        _ => page(StatusCode::NOT_FOUND),
    }
}

fn token(core: &Core, inbound: &Inbound) -> Response<Body> {
    let ttl = inbound.header(TTL).and_then(|text| text.parse::<i64>().ok());
    let Some(ttl) = ttl.filter(|ttl| (1..=LONGEST_TTL_S).contains(ttl)) else {
        return page(StatusCode::BAD_REQUEST);
    };
    let token = format!("AQAEA{}==", core.ids.token(37));
    core.recorder.secret(&token);
    locked(&core.machine).tokens.insert(token.clone(), after(inbound.now, ttl));
    let mut response = plain(StatusCode::OK, &token);
    response.headers_mut().insert(TTL, HeaderValue::from(ttl));
    response
}

/// A token that is given must be good, even where none is needed.
fn may_ask(core: &Core, inbound: &Inbound) -> bool {
    let machine = locked(&core.machine);
    match inbound.header(TOKEN) {
        Some(token) => machine.tokens.get(token).is_some_and(|expires| *expires > inbound.now),
        None => machine.metadata_v1,
    }
}

fn credentials(core: &Core, inbound: &Inbound, instance_id: &str) -> Response<Body> {
    let mut machine = locked(&core.machine);
    let seconds = core.lifetimes.instance_credential_s;
    let kept =
        core.machine_credentials(machine.instance.as_ref(), INSTANCE_ROLE, instance_id, seconds, inbound.now);
    machine.instance.clone_from(&kept);
    let Some(kept) = kept else { return page(StatusCode::NOT_FOUND) };
    inbound.name_caller(&kept.session.arn);
    let mut told = fields(&kept);
    told["Code"] = json!("Success");
    told["LastUpdated"] = json!(iso_seconds(kept.since));
    told["Type"] = json!("AWS-HMAC");
    text(&told.to_string(), "text/plain")
}

fn fields(kept: &Kept) -> Value {
    json!({
        "AccessKeyId": kept.access_key_id,
        "SecretAccessKey": kept.session.secret_access_key,
        "Token": kept.session.session_token,
        "Expiration": iso_seconds(kept.session.expires),
    })
}

fn document(core: &Core, inbound: &Inbound, instance_id: &str) -> Value {
    let region = core.region();
    json!({
        "accountId": locked(&core.account).id,
        "architecture": "x86_64",
        "availabilityZone": format!("{region}a"),
        "imageId": "ami-00000000000000000",
        "instanceId": instance_id,
        "instanceType": "t3.micro",
        "pendingTime": iso_seconds(after(inbound.now, -3600)),
        "privateIp": "127.0.0.1",
        "region": region,
        "version": "2017-09-30",
    })
}

/// The service's answer to what it refuses: a page in HTML that no program reads.
fn page(status: StatusCode) -> Response<Body> {
    let title = format!("{} - {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let mut response = text(
        &format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"),
        "text/html",
    );
    *response.status_mut() = status;
    response
}

fn text(body: &str, kind: &'static str) -> Response<Body> {
    let mut response = Response::new(full(body.to_owned()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Performs a request to the container's endpoint.
pub(crate) fn container(core: &Core, inbound: &Inbound) -> Response<Body> {
    if inbound.method != Method::GET {
        return container_error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "Method not allowed");
    }
    if inbound.path() != "/v1/credentials" {
        return container_error(StatusCode::NOT_FOUND, "NotFound", "There is nothing at this path");
    }
    let mut machine = locked(&core.machine);
    match inbound.header("authorization") {
        None => {
            let text = "Service account token cannot be empty";
            return container_error(StatusCode::UNAUTHORIZED, "MissingAuthenticationToken", text);
        }
        Some(token) if token != machine.container_token => {
            let text = "Service account token is not valid";
            return container_error(StatusCode::UNAUTHORIZED, "InvalidTokenException", text);
        }
        Some(_) => {}
    }
    let seconds = core.lifetimes.container_credential_s;
    let kept =
        core.machine_credentials(machine.task.as_ref(), TASK_ROLE, "sandbox-task", seconds, inbound.now);
    machine.task.clone_from(&kept);
    let Some(kept) = kept else {
        let text = "The role is gone";
        return container_error(StatusCode::NOT_FOUND, "ResourceNotFoundException", text);
    };
    inbound.name_caller(&kept.session.arn);
    let mut told = fields(&kept);
    told["AccountId"] = json!(locked(&core.account).id);
    text(&told.to_string(), "application/json")
}

/// A refusal of the container's endpoint.
pub(crate) fn container_error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let mut response = text(&json!({"code": code, "message": message}).to_string(), "application/json");
    *response.status_mut() = status;
    response
}

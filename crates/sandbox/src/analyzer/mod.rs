//! IAM Access Analyzer's `ValidatePolicy`: a policy in, findings out. It speaks REST with JSON on the same port as
//! the other signed services, and a request's signature says that it is meant.

mod actions;
mod checks;
mod place;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::faults::{Effect, Service};
use crate::query::{Refused, authenticate, authorize};
use crate::server::{Body, Inbound, full};
use crate::sigv4::Claim;
use crate::world::Core;

const LARGEST_PAGE: usize = 1000;

/// Whether a request on the port of AWS's signed services is meant for this one.
pub(crate) fn is_meant(inbound: &Inbound) -> bool {
    inbound.path() == "/policy/validation"
        && Claim::read(inbound).is_some_and(|claim| claim.service == Service::AccessAnalyzer.name())
}

/// Performs a request.
pub(crate) fn answer(core: &Core, inbound: &Inbound) -> Response<Body> {
    match validate(core, inbound) {
        Ok(body) => respond(StatusCode::OK, &body, None),
        Err(refused) => error(&refused),
    }
}

/// The answer of a scripted `Status` fault.
pub(crate) fn scripted(effect: &Effect) -> Option<Response<Body>> {
    let Effect::Status { status, code, message, .. } = effect else { return None };
    Some(error(&Refused::new(*status, code, message.as_str())))
}

fn validate(core: &Core, inbound: &Inbound) -> Result<Value, Refused> {
    let principal = authenticate(core, inbound, Service::AccessAnalyzer)?;
    authorize(core, inbound, &principal, "access-analyzer:ValidatePolicy", "*")?;
    let invalid = |message: &str| Refused::new(400, "ValidationException", message);
    if inbound.method != Method::POST {
        return Err(Refused::new(
            403,
            "AccessDeniedException",
            "Unable to determine service/operation name to be authorized",
        ));
    }
    let input: Value =
        serde_json::from_slice(&inbound.body).map_err(|_| invalid("The request body is no valid JSON."))?;
    let document =
        input["policyDocument"].as_str().ok_or_else(|| invalid("policyDocument must not be null"))?;
    let resource_type = input["validatePolicyResourceType"].as_str();
    let kind = match (input["policyType"].as_str(), resource_type) {
        (Some("IDENTITY_POLICY"), None) => checks::Kind::Identity,
        (Some("RESOURCE_POLICY"), Some("AWS::IAM::AssumeRolePolicyDocument")) => checks::Kind::Trust,
        (Some("RESOURCE_POLICY"), _) => checks::Kind::Resource,
        (Some("SERVICE_CONTROL_POLICY" | "RESOURCE_CONTROL_POLICY"), _) => {
            return Err(invalid("This sandbox validates identity and resource policies."));
        }
        (Some("IDENTITY_POLICY"), Some(_)) => {
            return Err(invalid("validatePolicyResourceType is valid for RESOURCE_POLICY only"));
        }
        _ => {
            return Err(invalid(
                "1 validation error detected: Value at 'policyType' failed to satisfy constraint: Member must satisfy enum value set: [IDENTITY_POLICY, RESOURCE_POLICY, SERVICE_CONTROL_POLICY, RESOURCE_CONTROL_POLICY]",
            ));
        }
    };
    let query = inbound.query();
    let size = match query.get("maxResults").map(str::parse::<usize>) {
        None => LARGEST_PAGE,
        Some(Ok(size)) if (1..=LARGEST_PAGE).contains(&size) => size,
        Some(_) => return Err(invalid("maxResults must be between 1 and 1000")),
    };
    let start = match query.get("nextToken") {
        None => 0,
        Some(token) => position(token).ok_or_else(|| invalid("The nextToken is invalid"))?,
    };
    let findings = checks::findings(document, kind);
    let shown: Vec<Value> = findings.iter().skip(start).take(size).cloned().collect();
    let mut answer = json!({ "findings": shown });
    if start + size < findings.len() {
        answer["nextToken"] = json!(STANDARD.encode(format!("finding {}", start + size)));
    }
    Ok(answer)
}

fn position(token: &str) -> Option<usize> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    text.strip_prefix("finding ")?.parse().ok()
}

/// REST services call the same refusals by other names than the query protocol does.
fn error(refused: &Refused) -> Response<Body> {
    let (status, code) = match refused.code.as_str() {
        "InvalidClientTokenId" => (403, "UnrecognizedClientException"),
        "SignatureDoesNotMatch" => (403, "InvalidSignatureException"),
        "IncompleteSignature" => (403, "IncompleteSignatureException"),
        "MissingAuthenticationToken" => (403, "MissingAuthenticationTokenException"),
        "ExpiredToken" => (403, "ExpiredTokenException"),
        "AccessDenied" => (403, "AccessDeniedException"),
        other => (refused.status, other),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    respond(status, &json!({ "message": refused.message }), Some(code))
}

fn respond(status: StatusCode, body: &Value, error: Option<&str>) -> Response<Body> {
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(kind) = error.and_then(|kind| HeaderValue::from_str(kind).ok()) {
        headers.insert("x-amzn-errortype", kind);
    }
    response
}

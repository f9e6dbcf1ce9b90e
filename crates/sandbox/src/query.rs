//! AWS's query protocol, which IAM and STS speak: a form (or a query string) with `Action` and `Version`
//! in, XML out. Here are the envelope, the errors and the proof of who asks.

use http::{Method, Response, StatusCode, header};

use crate::authority::{Asking, Verdict, verdict};
use crate::clock::{after, iso_seconds};
use crate::faults::{Effect, Service};
use crate::locked;
use crate::params::Params;
use crate::server::{Body, Inbound, full};
use crate::sigv4::Claim;
use crate::world::Core;
use crate::world::account::Principal;
use crate::{iam, sts};

const SKEW_S: i64 = 900;

/// A refusal: an HTTP status, AWS's code, a message.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refused {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Refused {
        Refused { status, code: code.to_owned(), message: message.into() }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Refused {
        Refused::new(400, "ValidationError", message)
    }

    /// A parameter breaks its constraint.
    pub(crate) fn constraint(parameter: &str, value: Option<&str>, constraint: &str) -> Refused {
        let value = value.map_or_else(|| "null".to_owned(), |value| format!("'{value}'"));
        Refused::validation(format!(
            "1 validation error detected: Value {value} at '{parameter}' failed to satisfy constraint: Member must {constraint}"
        ))
    }

    pub(crate) fn malformed_policy(error: &crate::policy::Malformed) -> Refused {
        Refused::new(400, "MalformedPolicyDocument", error.to_string())
    }
}

/// Whether a request on the AWS port is meant for IAM or STS.
pub(crate) fn is_query(inbound: &Inbound) -> bool {
    let form = inbound
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    // `POST /?delete` on a bucket's own host is S3's, whatever type its body claims.
    inbound.path() == "/"
        && inbound.query().raw("delete").is_none()
        && (inbound.method == Method::POST && form || inbound.query().get("Action").is_some())
}

/// Names service and action.
pub(crate) fn operation(inbound: &Inbound) -> (Service, String) {
    let params = parameters(inbound);
    let scope = Claim::read(inbound).map(|claim| claim.service);
    let service = match (params.get("Version"), scope.as_deref()) {
        (Some("2010-05-08"), _) | (None, Some("iam")) => Service::Iam,
        _ => Service::Sts,
    };
    (service, params.get("Action").unwrap_or("unknown").to_owned())
}

/// The region a request was signed for.
pub(crate) fn signed_region(inbound: &Inbound) -> Option<String> {
    Claim::read(inbound).map(|claim| claim.region)
}

/// Performs a call.
pub(crate) async fn answer(core: &Core, inbound: &Inbound, service: Service, action: &str) -> Response<Body> {
    let params = parameters(inbound);
    let result = match service {
        Service::Iam => iam::call(core, inbound, action, &params),
        _ => sts::call(core, inbound, action, &params).await,
    };
    let namespace = namespace(service);
    let id = &inbound.request_id;
    match result {
        Ok(result) => xml(
            StatusCode::OK,
            &format!(
                "<{action}Response xmlns=\"{namespace}\">{result}<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{action}Response>"
            ),
            inbound,
        ),
        Err(refused) => error(&refused, service, inbound),
    }
}

/// The answer of a scripted `Status` fault.
pub(crate) fn scripted(effect: &Effect, inbound: &Inbound, service: Service) -> Option<Response<Body>> {
    let Effect::Status { status, code, message, .. } = effect else { return None };
    Some(error(&Refused::new(*status, code, message.as_str()), service, inbound))
}

/// Finds out who signed a call, as AWS does it, and in AWS's words when it cannot.
pub(crate) fn authenticate(core: &Core, inbound: &Inbound, service: Service) -> Result<Principal, Refused> {
    let claim = Claim::read(inbound).ok_or_else(|| {
        Refused::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    })?;
    let mismatch = |message: String| Refused::new(403, "SignatureDoesNotMatch", message);
    if claim.service != service.name() {
        return Err(mismatch(format!(
            "Credential should be scoped to correct service: '{}'. ",
            service.name()
        )));
    }
    if claim.region != "us-east-1" && !core.regions.contains(&claim.region) {
        return Err(mismatch("Credential should be scoped to a valid region. ".to_owned()));
    }
    let invalid = || {
        Refused::new(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    };
    let account = locked(&core.account);
    let (principal, secret) = account.key(&claim.access_key_id).ok_or_else(invalid)?;
    inbound.name_caller(&account.arn_of(&principal));
    if let Principal::Session(session) = &principal
        && claim.security_token.as_deref() != Some(session.session_token.as_str())
    {
        return Err(invalid());
    }
    let signed_at = claim.signed_at().ok_or_else(|| {
        Refused::new(
            400,
            "IncompleteSignature",
            "Date must be in ISO-8601 'basic format' and match the credential scope.",
        )
    })?;
    if signed_at < after(inbound.now, -SKEW_S) {
        return Err(mismatch(format!(
            "Signature expired: {} is now earlier than {} ({} - 15 min.)",
            claim.date,
            iso_seconds(after(inbound.now, -SKEW_S)),
            iso_seconds(inbound.now)
        )));
    }
    if signed_at > after(inbound.now, SKEW_S) {
        return Err(mismatch(format!(
            "Signature not yet current: {} is still later than {} ({} + 15 min.)",
            claim.date,
            iso_seconds(after(inbound.now, SKEW_S)),
            iso_seconds(inbound.now)
        )));
    }
    if !claim.holds(inbound, &secret) {
        return Err(mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
                .to_owned(),
        ));
    }
    if let Principal::Session(session) = &principal
        && session.expires <= inbound.now
    {
        return Err(Refused::new(
            403,
            "ExpiredToken",
            "The security token included in the request is expired",
        ));
    }
    Ok(principal)
}

/// Asks the caller's policies for an action.
pub(crate) fn authorize(
    core: &Core,
    inbound: &Inbound,
    principal: &Principal,
    action: &str,
    resource: &str,
) -> Result<(), Refused> {
    let account = locked(&core.account);
    let asking = Asking {
        principal,
        action,
        resource,
        now: inbound.now,
        peer: inbound.peer,
        more: Vec::new(),
        resource_policy: None,
    };
    match verdict(&account, &asking) {
        Verdict::Allowed => Ok(()),
        Verdict::Denied(reason) => Err(Refused::new(
            403,
            "AccessDenied",
            format!(
                "User: {} is not authorized to perform: {action} on resource: {resource} {}",
                account.arn_of(principal),
                reason.about(action)
            ),
        )),
    }
}

/// `<Name>escaped text</Name>`.
pub(crate) fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

/// Escapes text for XML; characters that XML cannot hold at all are dropped.
pub(crate) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#13;"),
            control if control.is_ascii_control() && !matches!(control, '\n' | '\t') => {}
            other => escaped.push(other),
        }
        escaped
    })
}

fn parameters(inbound: &Inbound) -> Params {
    if inbound.method == Method::POST { inbound.form() } else { inbound.query() }
}

fn namespace(service: Service) -> &'static str {
    if service == Service::Iam {
        "https://iam.amazonaws.com/doc/2010-05-08/"
    } else {
        "https://sts.amazonaws.com/doc/2011-06-15/"
    }
}

fn error(refused: &Refused, service: Service, inbound: &Inbound) -> Response<Body> {
    let fault = if refused.status >= 500 { "Receiver" } else { "Sender" };
    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    xml(
        status,
        &format!(
            "<ErrorResponse xmlns=\"{}\"><Error><Type>{fault}</Type>{}{}</Error><RequestId>{}</RequestId></ErrorResponse>",
            namespace(service),
            element("Code", &refused.code),
            element("Message", &refused.message),
            inbound.request_id
        ),
        inbound,
    )
}

fn xml(status: StatusCode, text: &str, inbound: &Inbound) -> Response<Body> {
    let mut response = Response::new(full(text.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/xml"));
    if let Ok(id) = inbound.request_id.parse() {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

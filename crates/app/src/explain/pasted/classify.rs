//! From an error that was read to the text that is about it: by service, code, words and call.
//!
//! Pure: data in, data out.

use std::collections::HashMap;
use std::sync::OnceLock;

use http::StatusCode;
use pintail_core::pasted::{PastedError, Service, client as said};
use pintail_identity::sts::{StsCall, StsErrorKind};

use crate::explain::texts::{Text, client, denial, entra, graph, iam, oauth, own, s3, sts};

/// Codes that STS has to itself, and those that all of AWS has in the same sense.
const STS_CODES: &[&str] = &[
    "ExpiredTokenException",
    "IDPCommunicationError",
    "IDPCommunicationErrorException",
    "IDPRejectedClaim",
    "IDPRejectedClaimException",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "InvalidIdentityTokenException",
    "MalformedPolicyDocument",
    "MalformedPolicyDocumentException",
    "PackedPolicyTooLarge",
    "PackedPolicyTooLargeException",
    "RegionDisabledException",
    "RequestLimitExceeded",
    "STSNotInitialized",
    "Throttling",
    "ThrottlingException",
    "UnrecognizedClientException",
    "ValidationError",
    "ValidationException",
];

/// Words that are codes in a document and in a line of a tool, but too common to be taken for one in running text.
const COMMON_WORDS: &[&str] = &[
    "AuthenticationError",
    "BadRequest",
    "Forbidden",
    "InvalidArgument",
    "InvalidRequest",
    "NotFound",
    "Redirect",
    "ResourceNotFound",
    "ServiceUnavailable",
    "TooManyRequests",
    "UnknownError",
    "accessDenied",
    "itemNotFound",
];

/// Returns a code that has a text as it is written, whatever the case of the word; numbers of Entra come as `AADSTS50011`.
pub(crate) fn known_code(word: &str) -> Option<&'static str> {
    static CODES: OnceLock<HashMap<String, &'static str>> = OnceLock::new();
    if let Some(number) = word.strip_prefix("AADSTS") {
        return entra::text(number.parse().ok()?).map(|_| "AADSTS");
    }
    let codes = CODES.get_or_init(|| {
        let of_oauth = oauth::ALL.iter().flat_map(|(codes, _)| codes.iter().copied());
        let of_iam = iam::ALL.iter().flat_map(|(codes, ..)| codes.iter().copied());
        let of_graph = graph::ALL.iter().flat_map(|(codes, ..)| codes.iter().copied());
        let all = STS_CODES.iter().copied().chain(s3::codes()).chain(of_oauth).chain(of_iam).chain(of_graph);
        all.filter(|code| !COMMON_WORDS.contains(code))
            .map(|code| (code.to_ascii_lowercase(), code))
            .collect()
    });
    codes.get(&word.to_ascii_lowercase()).copied()
}

/// Returns the text about an error, if there is one.
pub(super) fn text(error: &PastedError) -> Option<Text> {
    let message = error.message.as_deref().unwrap_or_default();
    let by_number = error.aadsts.and_then(|number| entra::text_of(number, message));
    if by_number.is_some() {
        return by_number;
    }
    let by_status = || (error.service? == Service::S3).then(|| s3::code_of_status(error.status?)).flatten();
    let code = error.code.as_deref().or_else(by_status);
    let Some(code) = code else { return denial::of(message).copied() };
    let found = match error.service {
        Some(Service::Entra | Service::Issuer) => oauth::of(code),
        Some(Service::Graph) => graph::of(code, message),
        Some(Service::Client) => client::of(code),
        Some(Service::Pintail) => own::of(code),
        Some(Service::IdentityCenter) => of_portal(code),
        Some(Service::Kms) => s3::of_code(&format!("KMS.{code}"), message).or_else(|| of_kms(code)),
        Some(Service::S3) => s3::of_code(code, message).or_else(|| of_sts(error, code, message)),
        Some(Service::Iam) => iam::of(code, message).or_else(|| of_sts(error, code, message)),
        Some(Service::Sts) => of_sts(error, code, message).or_else(|| s3::of_code(code, message)),
        None => of_anyone(error, code, message),
    };
    found.copied()
}

/// The text of a code that came without its service.
fn of_anyone(error: &PastedError, code: &str, message: &str) -> Option<&'static Text> {
    if code == "AccessDenied" || code == "AccessDeniedException" {
        // These two words are S3's.
        let is_s3 = message.starts_with("Access Denied") || error.named.bucket.is_some();
        return denial::of(message).or(Some(if is_s3 { &s3::ACCESS_DENIED } else { &denial::UNTOLD }));
    }
    let is_trust_policy = code.starts_with("MalformedPolicyDocument")
        && ["principal", "federated", "assumerole", "prohibited field"]
            .iter()
            .any(|word| message.to_ascii_lowercase().contains(word));
    if is_trust_policy {
        return iam::of(code, message);
    }
    oauth::of(code)
        .or_else(|| STS_CODES.contains(&code).then(|| of_sts(error, code, message)).flatten())
        .or_else(|| s3::of_code(code, message))
        .or_else(|| iam::of(code, message))
        .or_else(|| graph::of(code, message))
        .or_else(|| of_kms(code))
}

fn of_sts(error: &PastedError, code: &str, message: &str) -> Option<&'static Text> {
    let call = match error.operation.as_deref() {
        Some("AssumeRole") => StsCall::AssumeRole,
        Some("GetCallerIdentity") => StsCall::GetCallerIdentity,
        Some("GetSessionToken") => StsCall::GetSessionToken,
        // At S3 and IAM an expired token is the session's.
        _ if matches!(error.service, Some(Service::S3 | Service::Iam)) => StsCall::GetCallerIdentity,
        _ => StsCall::AssumeRoleWithWebIdentity,
    };
    let status =
        error.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::BAD_REQUEST);
    match StsErrorKind::of(call, status, code, message) {
        StsErrorKind::Unknown => None,
        kind => Some(sts::of(kind, call, message)),
    }
}

fn of_kms(code: &str) -> Option<&'static Text> {
    match code {
        "AccessDeniedException" => Some(&denial::KMS),
        _ => s3::of_code(&format!("KMS.{code}"), ""),
    }
}

/// What the portal of IAM Identity Center and its sign-in say.
fn of_portal(code: &str) -> Option<&'static Text> {
    match code {
        "UnauthorizedException" | "ExpiredTokenException" | "InvalidGrantException" => {
            client::of(said::SSO_OVER)
        }
        "ForbiddenException" | "AccessDeniedException" | "ResourceNotFoundException" => {
            client::of(client::SSO_NO_ACCESS)
        }
        "TooManyRequestsException" | "SlowDownException" => Some(&sts::THROTTLED),
        _ => None,
    }
}

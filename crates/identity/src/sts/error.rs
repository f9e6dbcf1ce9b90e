//! Why STS refused: one kind for each cause that has a cure of its own.
//!
//! The code alone does not tell (`InvalidIdentityToken` stands for six causes), so the kind is chosen by code and message.
//! Codes nobody knows stay visible in the error. What to do about each kind is said by the app, not here.

use http::StatusCode;
use pintail_core::retry::Retry;

use super::answer::Fields;
use super::facts::{MaskedTokenFacts, TokenFacts};

/// The most of a server's message that is kept, in characters.
const MESSAGE_MAX_CHARS: usize = 600;

/// The call that was refused: some codes mean different things for different calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StsCall {
    /// `AssumeRole`, signed.
    AssumeRole,
    /// `AssumeRoleWithWebIdentity`, unsigned.
    AssumeRoleWithWebIdentity,
    /// `GetCallerIdentity`, signed.
    GetCallerIdentity,
    /// `GetSessionToken`, signed with keys that do not end.
    GetSessionToken,
}

impl StsCall {
    /// Returns the action's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AssumeRole => "AssumeRole",
            Self::AssumeRoleWithWebIdentity => "AssumeRoleWithWebIdentity",
            Self::GetCallerIdentity => "GetCallerIdentity",
            Self::GetSessionToken => "GetSessionToken",
        }
    }
}

/// A cause of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StsErrorKind {
    /// The role's trust policy does not admit this token, or there is no such role. AWS does not tell which.
    AccessDenied,
    /// The local clock is too far off for a signature.
    ClockSkew,
    /// The credential that signed the request is over.
    CredentialExpired,
    /// The duration asked is above what the role allows.
    DurationTooLong,
    /// The token is not one STS can use: bad signature, missing claim, not a JWT.
    InvalidToken,
    /// STS could not fetch the issuer's keys: passing trouble, or keys where STS does not look.
    KeysUnreachable,
    /// The session policy is not valid.
    MalformedPolicy,
    /// Policies and tags do not fit together.
    PolicyTooLarge,
    /// The certificate of the issuer does not match the thumbprint registered with the provider.
    ProviderCertificate,
    /// STS could not reach the issuer.
    ProviderUnreachable,
    /// STS is not active in this region for this account.
    RegionDisabled,
    /// A request value is not valid, of those that have no kind of their own.
    RequestInvalid,
    /// The role's name is not one.
    RoleArnInvalid,
    /// The token lists the roles it is good for, and this one is not among them.
    RoleNotInToken,
    /// The server failed.
    ServerFailure,
    /// The session's name has characters or a length that STS does not take.
    SessionNameInvalid,
    /// The signature does not match.
    SignatureMismatch,
    /// The issuer says that the sign-in was revoked or is over.
    SignInRejected,
    /// Too many requests.
    Throttled,
    /// The ID token is over.
    TokenExpired,
    /// The ID token is longer than STS takes.
    TokenTooLong,
    /// A code nobody knows.
    Unknown,
    /// The key of the signed request is not known here: other partition, deleted session.
    UnknownKey,
    /// The account has no OIDC provider for this issuer.
    UnknownProvider,
    /// The client ID is not registered with the provider.
    WrongAudience,
}

impl StsErrorKind {
    /// Chooses the cause by what a refusal said, wherever it was read.
    pub fn of(call: StsCall, status: StatusCode, code: &str, message: &str) -> Self {
        classify(call, status, code, message)
    }
}

/// STS answered, and said no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("STS refused {}: {code} ({})", .call.name(), .status.as_u16())]
pub struct StsError {
    /// What was asked.
    pub call: StsCall,
    /// The cause.
    pub kind: StsErrorKind,
    /// The code as the server wrote it; empty if it wrote none.
    pub code: String,
    /// The server's own words, cut to a reasonable length. Data of strangers: escape before a terminal.
    pub message: String,
    /// The HTTP status.
    pub status: StatusCode,
    /// For AWS support.
    pub request_id: Option<String>,
    /// What the token said, for calls that sent one.
    pub facts: Option<Box<MaskedTokenFacts>>,
}

impl StsError {
    /// Reads a refusal: any answer whose status is not 200.
    pub fn read(call: StsCall, status: StatusCode, body: &[u8], facts: Option<&TokenFacts>) -> Self {
        let fields = Fields::read(body).ok();
        let find = |names: &[&[&str]]| {
            names
                .iter()
                .find_map(|end| fields.as_ref().and_then(|fields| fields.find(end)))
                .unwrap_or_default()
        };
        let code = find(&[&["Error", "Code"], &["Code"], &["__type"], &["code"]]);
        // JSON protocols write `prefix#Code`.
        let code = code.rsplit('#').next().unwrap_or(code);
        let message = find(&[&["Error", "Message"], &["Message"], &["message"]]);
        let request_id = find(&[&["RequestId"], &["RequestID"], &["requestId"]]);
        Self {
            call,
            kind: classify(call, status, code, message),
            code: code.chars().take(100).collect(),
            message: message.chars().take(MESSAGE_MAX_CHARS).collect(),
            status,
            request_id: (!request_id.is_empty()).then(|| request_id.chars().take(100).collect()),
            facts: facts.map(|facts| Box::new(facts.masked())),
        }
    }

    /// Tells what would have to change.
    pub fn retry(&self) -> Retry {
        use StsErrorKind as K;
        match self.kind {
            K::KeysUnreachable | K::ProviderUnreachable | K::ServerFailure | K::Throttled => Retry::Backoff,
            K::CredentialExpired | K::TokenExpired | K::UnknownKey => Retry::AfterRenewal,
            K::SignInRejected => Retry::AfterSignIn,
            K::AccessDenied
            | K::ClockSkew
            | K::DurationTooLong
            | K::InvalidToken
            | K::MalformedPolicy
            | K::PolicyTooLarge
            | K::ProviderCertificate
            | K::RegionDisabled
            | K::RequestInvalid
            | K::RoleArnInvalid
            | K::RoleNotInToken
            | K::SessionNameInvalid
            | K::SignatureMismatch
            | K::TokenTooLong
            | K::Unknown
            | K::UnknownProvider
            | K::WrongAudience => Retry::Never,
        }
    }
}

/// Chooses the kind. Messages are compared without regard to case, and by their telling words only: servers change them.
fn classify(call: StsCall, status: StatusCode, code: &str, message: &str) -> StsErrorKind {
    use StsErrorKind as K;
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let web_identity = call == StsCall::AssumeRoleWithWebIdentity;
    match code {
        "AccessDenied" | "AccessDeniedException" => K::AccessDenied,
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" if web_identity => K::TokenExpired,
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => K::CredentialExpired,
        "IDPCommunicationError" | "IDPCommunicationErrorException" => K::ProviderUnreachable,
        "IDPRejectedClaim" | "IDPRejectedClaimException" => K::SignInRejected,
        "InvalidIdentityToken" | "InvalidIdentityTokenException" => token_kind(&says),
        "InvalidClientTokenId" | "InvalidAccessKeyId" | "UnrecognizedClientException" => K::UnknownKey,
        "MalformedPolicyDocument" | "MalformedPolicyDocumentException" | "MalformedPolicy" => {
            K::MalformedPolicy
        }
        "PackedPolicyTooLarge" | "PackedPolicyTooLargeException" => K::PolicyTooLarge,
        "RegionDisabledException" | "RegionDisabled" => K::RegionDisabled,
        "RequestExpired" | "RequestTimeTooSkewed" => K::ClockSkew,
        "SignatureDoesNotMatch" if says(&["expired", "skew", "not yet current"]) => K::ClockSkew,
        "SignatureDoesNotMatch" => K::SignatureMismatch,
        "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "TooManyRequestsException" => K::Throttled,
        "ValidationError"
        | "InvalidParameterValue"
        | "InvalidParameterCombination"
        | "MissingParameter"
        | "InvalidRequest"
        | "ValidationException" => value_kind(web_identity, &says),
        "InternalFailure" | "InternalError" | "ServiceUnavailable" | "NotInitialized"
        | "STSNotInitialized" => K::ServerFailure,
        _ if status == StatusCode::TOO_MANY_REQUESTS => K::Throttled,
        _ if status.is_server_error() => K::ServerFailure,
        _ => K::Unknown,
    }
}

/// The causes behind `InvalidIdentityToken`.
fn token_kind(says: &impl Fn(&[&str]) -> bool) -> StsErrorKind {
    use StsErrorKind as K;
    if says(&["no openidconnect provider", "no openid connect provider", "provider not found"]) {
        K::UnknownProvider
    } else if says(&["audience"]) {
        K::WrongAudience
    } else if says(&["retrieve verification key", "retrieve verification keys"]) {
        K::KeysUnreachable
    } else if says(&["thumbprint"]) {
        K::ProviderCertificate
    } else if says(&["role"]) {
        K::RoleNotInToken
    } else if says(&["expired"]) {
        K::TokenExpired
    } else {
        K::InvalidToken
    }
}

/// The causes behind codes that say no more than "a value is wrong".
fn value_kind(web_identity: bool, says: &impl Fn(&[&str]) -> bool) -> StsErrorKind {
    use StsErrorKind as K;
    if says(&["maxsessionduration", "durationseconds"]) {
        K::DurationTooLong
    } else if says(&["request arn is invalid", "rolearn", "role arn"]) {
        K::RoleArnInvalid
    } else if says(&["rolesessionname", "session name"]) {
        K::SessionNameInvalid
    } else if says(&["webidentitytoken"]) && says(&["length", "20000"]) {
        K::TokenTooLong
    } else if web_identity && says(&["audience", "client id", "clientid"]) {
        K::WrongAudience
    } else if web_identity && says(&["expired"]) {
        K::TokenExpired
    } else if web_identity && says(&["signature", "token format", "malformed", "jwt", "claim"]) {
        // Before the next line: SeaweedFS writes "provider:" into every refusal of a token.
        K::InvalidToken
    } else if web_identity && says(&["no provider", "unknown provider", "provider not found", "issuer"]) {
        K::UnknownProvider
    } else if web_identity && says(&["token"]) {
        K::InvalidToken
    } else if says(&["policy"]) {
        K::MalformedPolicy
    } else {
        K::RequestInvalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn xml(code: &str, message: &str) -> String {
        let message = message.replace('&', "&amp;").replace('<', "&lt;");
        format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
        )
    }

    fn read(call: StsCall, status: u16, body: &str) -> StsError {
        StsError::read(call, StatusCode::from_u16(status).unwrap(), body.as_bytes(), None)
    }

    #[test]
    fn every_row_of_the_table_has_its_kind_and_verdict() {
        use Retry::{AfterRenewal, AfterSignIn, Backoff, Never};
        use StsErrorKind as K;
        for (status, code, message, kind, retry) in [
            (
                400,
                "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for https://login.microsoftonline.com/x/v2.0",
                K::UnknownProvider,
                Never,
            ),
            (400, "InvalidIdentityToken", "Incorrect token audience", K::WrongAudience, Never),
            (
                400,
                "InvalidIdentityToken",
                "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
                K::KeysUnreachable,
                Backoff,
            ),
            (
                400,
                "InvalidIdentityToken",
                "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
                K::ProviderCertificate,
                Never,
            ),
            (
                400,
                "InvalidIdentityToken",
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
                K::InvalidToken,
                Never,
            ),
            (400, "InvalidIdentityToken", "Token signature invalid", K::InvalidToken, Never),
            (400, "InvalidIdentityToken", "Missing a required claim: sub", K::InvalidToken, Never),
            (
                400,
                "InvalidIdentityToken",
                "Requested role is not listed in the token",
                K::RoleNotInToken,
                Never,
            ),
            (
                400,
                "ExpiredTokenException",
                "Token expired: current date/time 1 must be before the expiration date/time 0",
                K::TokenExpired,
                AfterRenewal,
            ),
            (
                403,
                "IDPRejectedClaim",
                "The identity provider (IdP) reported that authentication failed",
                K::SignInRejected,
                AfterSignIn,
            ),
            (
                400,
                "IDPCommunicationError",
                "The identity provider could not be reached",
                K::ProviderUnreachable,
                Backoff,
            ),
            (
                403,
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
                K::AccessDenied,
                Never,
            ),
            (400, "ValidationError", "Request ARN is invalid", K::RoleArnInvalid, Never),
            (
                400,
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
                K::DurationTooLong,
                Never,
            ),
            (
                400,
                "ValidationError",
                "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
                K::SessionNameInvalid,
                Never,
            ),
            (
                400,
                "ValidationError",
                "1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: Member must have length less than or equal to 20000",
                K::TokenTooLong,
                Never,
            ),
            (400, "ValidationError", "1 validation error detected: something else", K::RequestInvalid, Never),
            (400, "MalformedPolicyDocument", "Syntax errors in policy.", K::MalformedPolicy, Never),
            (
                400,
                "PackedPolicyTooLarge",
                "Packed size of session tags consumes 112% of allotted space.",
                K::PolicyTooLarge,
                Never,
            ),
            (
                403,
                "RegionDisabledException",
                "STS is not activated in this region for account:123456789012.",
                K::RegionDisabled,
                Never,
            ),
            (
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid",
                K::UnknownKey,
                AfterRenewal,
            ),
            (
                403,
                "SignatureDoesNotMatch",
                "Signature expired: 20261123T120000Z is now earlier than 20261123T121500Z",
                K::ClockSkew,
                Never,
            ),
            (
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match",
                K::SignatureMismatch,
                Never,
            ),
            (
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
                K::ClockSkew,
                Never,
            ),
            (400, "Throttling", "Rate exceeded", K::Throttled, Backoff),
            (503, "ServiceUnavailable", "", K::ServerFailure, Backoff),
        ] {
            let error = read(StsCall::AssumeRoleWithWebIdentity, status, &xml(code, message));
            assert_eq!((error.kind, error.retry()), (kind, retry), "{code}: {message}");
            assert_eq!((error.code.as_str(), error.message.as_str()), (code, message));
            assert_eq!(error.request_id.as_deref(), Some("r-1"));
        }
    }

    #[test]
    fn other_servers_say_it_differently() {
        use StsErrorKind as K;
        for (server, status, body, kind) in [
            // SeaweedFS: as version 4.48 answers.
            (
                "SeaweedFS, wrong audience",
                400,
                xml(
                    "InvalidParameterValue",
                    "failed to validate web identity token: invalid token audience: provider: invalid token audience: token audience matches none of the configured client IDs",
                ),
                K::WrongAudience,
            ),
            (
                "SeaweedFS, bad signature",
                400,
                xml(
                    "InvalidParameterValue",
                    "failed to validate web identity token: invalid token format: provider: invalid token format: token signature is invalid: crypto/rsa: verification error",
                ),
                K::InvalidToken,
            ),
            (
                "SeaweedFS, expired",
                400,
                xml(
                    "ExpiredTokenException",
                    "failed to validate web identity token: token has expired: provider: token has expired: token has invalid claims: token is expired",
                ),
                K::TokenExpired,
            ),
            (
                "SeaweedFS, duration",
                400,
                xml("InvalidParameterValue", "DurationSeconds must be between 900 and 7200 seconds"),
                K::DurationTooLong,
            ),
            (
                "SeaweedFS, session name",
                400,
                xml(
                    "InvalidParameterValue",
                    "RoleSessionName contains invalid characters; allowed: [\\w+=,.@-]",
                ),
                K::SessionNameInvalid,
            ),
            (
                "SeaweedFS, policy",
                400,
                xml(
                    "MalformedPolicyDocument",
                    "invalid Policy document: invalid session policy JSON: unexpected end of JSON input",
                ),
                K::MalformedPolicy,
            ),
            (
                "SeaweedFS, role",
                400,
                xml("InvalidParameterValue", "RoleArn \"x\" is not an IAM role ARN"),
                K::RoleArnInvalid,
            ),
            ("SeaweedFS, unknown role", 403, xml("AccessDenied", "role not found: Nope"), K::AccessDenied),
            (
                "SeaweedFS, trust",
                403,
                xml(
                    "AccessDenied",
                    "trust policy validation failed: trust policy denies web identity assumption",
                ),
                K::AccessDenied,
            ),
            (
                "MinIO, expired",
                400,
                xml("ExpiredToken", "The web identity token that was passed is expired or is not valid."),
                K::TokenExpired,
            ),
            (
                "MinIO, not ready",
                503,
                xml("STSNotInitialized", "STS API not initialized, please try again."),
                K::ServerFailure,
            ),
            (
                "Ceph, no namespace",
                403,
                "<Error><Code>AccessDenied</Code><RequestId>tx1</RequestId></Error>".to_owned(),
                K::AccessDenied,
            ),
            (
                "JSON",
                400,
                r#"{"Error":{"Code":"ExpiredTokenException","Message":"m"},"RequestId":"r"}"#.to_owned(),
                K::TokenExpired,
            ),
            (
                "JSON 1.0",
                400,
                r#"{"__type":"com.amazon#ThrottlingException","message":"m"}"#.to_owned(),
                K::Throttled,
            ),
            ("a proxy", 502, "<html><h1>Bad gateway</h1></html>".to_owned(), K::ServerFailure),
            ("nothing", 418, String::new(), K::Unknown),
        ] {
            assert_eq!(read(StsCall::AssumeRoleWithWebIdentity, status, &body).kind, kind, "{server}");
        }
    }

    #[test]
    fn an_expired_key_is_not_an_expired_id_token() {
        let body = xml("ExpiredToken", "The security token included in the request is expired");
        assert_eq!(read(StsCall::AssumeRole, 403, &body).kind, StsErrorKind::CredentialExpired);
        assert_eq!(read(StsCall::AssumeRoleWithWebIdentity, 400, &body).kind, StsErrorKind::TokenExpired);
    }

    #[test]
    fn unknown_codes_stay_visible_and_facts_are_masked() {
        let facts = TokenFacts {
            issuer: "https://issuer".into(),
            audience: vec!["client".into()],
            authorized_party: None,
            subject: "subject-of-a-person".into(),
            expires_at: Timestamp::UNIX_EPOCH,
        };
        let body = xml("BrandNewException", "never seen");
        let call = StsCall::AssumeRoleWithWebIdentity;
        let error = StsError::read(call, StatusCode::BAD_REQUEST, body.as_bytes(), Some(&facts));
        assert_eq!(error.kind, StsErrorKind::Unknown);
        assert_eq!(error.to_string(), "STS refused AssumeRoleWithWebIdentity: BrandNewException (400)");
        assert_eq!(error.facts.as_ref().unwrap().subject, "…rson");
        assert!(!format!("{error:?}").contains("subject-of"));
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(status in 100_u16..1000, body in ".{0,300}") {
            read(StsCall::AssumeRoleWithWebIdentity, status, &body);
        }
    }
}

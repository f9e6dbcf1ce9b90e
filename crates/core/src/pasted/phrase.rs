//! Errors known by their words alone: what services say without their code beside it, what tools say before any service was
//! asked, and what this program says.
//!
//! Words are compared without regard to case. A code that no service has (those in [`client`] and [`own`]) stands for what a
//! program says of itself.

use super::{Form, Found, PastedError, Service, line_from, line_start};

/// What tools say when no service answered.
pub mod client {
    /// No credential was found anywhere.
    pub const NO_CREDENTIALS: &str = "NoCredentials";
    /// A profile of AWS's configuration is not there.
    pub const NO_PROFILE: &str = "NoProfile";
    /// No region is set.
    pub const NO_REGION: &str = "NoRegion";
    /// The name of a host could not be resolved.
    pub const NAME_NOT_RESOLVED: &str = "NameNotResolved";
    /// Nothing could be reached at an address.
    pub const NOT_REACHED: &str = "NotReached";
    /// The proxy refused.
    pub const PROXY: &str = "ProxyRefused";
    /// A certificate is not trusted.
    pub const CERTIFICATE: &str = "CertificateNotTrusted";
    /// The sign-in of `aws sso login` is over.
    pub const SSO_OVER: &str = "SsoSignInOver";
    /// `credential_process` failed or gave something else than a credential.
    pub const PROCESS: &str = "CredentialProcessFailed";
    /// Cyberduck's word for a sign-in whose answer carried an error.
    pub const LOGIN_CANCELED: &str = "LoginCanceled";
    /// The checksums of a download or upload differ, as a tool sees it.
    pub const CHECKSUM: &str = "ChecksumDiffers";
}

/// What this program says.
pub mod own {
    /// Nothing came back from the browser.
    pub const TIMED_OUT: &str = "SignInTimedOut";
    /// Nobody is signed in, or the sign-in is over.
    pub const NOT_SIGNED_IN: &str = "NotSignedIn";
    /// The ID token's times and this machine's do not fit.
    pub const TOKEN_TIME: &str = "TokenTime";
    /// The ID token is for another client.
    pub const TOKEN_AUDIENCE: &str = "TokenAudience";
    /// The ID token is of another issuer or tenant.
    pub const TOKEN_ISSUER: &str = "TokenIssuer";
    /// The nonce is not the one that was sent.
    pub const TOKEN_NONCE: &str = "TokenNonce";
    /// The ID token's signature cannot be believed.
    pub const TOKEN_SIGNATURE: &str = "TokenSignature";
    /// The bookmark is read-only.
    pub const READ_ONLY: &str = "ReadOnlyBookmark";
    /// The bookmark leads elsewhere than it did.
    pub const LED_ELSEWHERE: &str = "BookmarkLeadsElsewhere";
    /// The keychain failed.
    pub const KEYCHAIN: &str = "KeychainFailed";
    /// The loopback address could not be listened on.
    pub const LISTEN: &str = "CannotListen";
    /// There is no browser.
    pub const BROWSER: &str = "NoBrowser";
}

/// Words, who says them, the code they go with, and the call where there is only one.
type Phrase = (&'static str, Option<Service>, &'static str, Option<&'static str>);

const WEB_IDENTITY: Option<&str> = Some("AssumeRoleWithWebIdentity");

const PHRASES: &[Phrase] = &[
    // STS.
    (
        "not authorized to perform sts:assumerolewithwebidentity",
        Some(Service::Sts),
        "AccessDenied",
        WEB_IDENTITY,
    ),
    ("not authorized to perform: sts:", Some(Service::Sts), "AccessDenied", None),
    ("request arn is invalid", Some(Service::Sts), "ValidationError", None),
    ("the security token included in the request is invalid", None, "InvalidClientTokenId", None),
    ("no openidconnect provider found", Some(Service::Sts), "InvalidIdentityToken", WEB_IDENTITY),
    ("incorrect token audience", Some(Service::Sts), "InvalidIdentityToken", WEB_IDENTITY),
    (
        "retrieve verification key from your identity provider",
        Some(Service::Sts),
        "InvalidIdentityToken",
        WEB_IDENTITY,
    ),
    (
        "https certificate doesn't match configured thumbprint",
        Some(Service::Sts),
        "InvalidIdentityToken",
        WEB_IDENTITY,
    ),
    ("the id token provided is not a valid jwt", Some(Service::Sts), "InvalidIdentityToken", WEB_IDENTITY),
    ("token expired: current date/time", Some(Service::Sts), "ExpiredTokenException", WEB_IDENTITY),
    (
        "the web identity token that was passed is expired",
        Some(Service::Sts),
        "ExpiredTokenException",
        WEB_IDENTITY,
    ),
    ("exceeds the maxsessionduration set for this role", Some(Service::Sts), "ValidationError", None),
    (
        "exceeds the 1 hour session limit for roles assumed by role chaining",
        Some(Service::Sts),
        "ValidationError",
        Some("AssumeRole"),
    ),
    ("at 'rolesessionname' failed to satisfy", Some(Service::Sts), "ValidationError", None),
    ("at 'webidentitytoken' failed to satisfy", Some(Service::Sts), "ValidationError", WEB_IDENTITY),
    ("sts is not activated in this region", Some(Service::Sts), "RegionDisabledException", None),
    (
        "the identity provider (idp) reported that authentication failed",
        Some(Service::Sts),
        "IDPRejectedClaim",
        WEB_IDENTITY,
    ),
    ("packed size of session tags consumes", Some(Service::Sts), "PackedPolicyTooLarge", None),
    ("signature expired: ", Some(Service::Sts), "SignatureDoesNotMatch", None),
    (
        "cannot call getsessiontoken with session credentials",
        Some(Service::Sts),
        "AccessDenied",
        Some("GetSessionToken"),
    ),
    // S3, and whoever says the same.
    ("is not authorized to perform: s3:", Some(Service::S3), "AccessDenied", None),
    ("is not authorized to perform: kms:", Some(Service::S3), "AccessDenied", None),
    ("is not authorized to perform: iam:", Some(Service::Iam), "AccessDenied", None),
    ("the specified bucket does not exist", Some(Service::S3), "NoSuchBucket", None),
    ("the specified key does not exist", Some(Service::S3), "NoSuchKey", None),
    ("the specified upload does not exist", Some(Service::S3), "NoSuchUpload", None),
    ("the specified multipart upload does not exist", Some(Service::S3), "NoSuchUpload", None),
    (
        "the aws access key id you provided does not exist in our records",
        Some(Service::S3),
        "InvalidAccessKeyId",
        None,
    ),
    ("the request signature we calculated does not match", None, "SignatureDoesNotMatch", None),
    (
        "difference between the request time and the current time is too large",
        Some(Service::S3),
        "RequestTimeTooSkewed",
        None,
    ),
    ("the provided token has expired", Some(Service::S3), "ExpiredToken", None),
    ("the security token included in the request is expired", None, "ExpiredToken", None),
    ("the provided token is malformed or otherwise invalid", Some(Service::S3), "InvalidToken", None),
    ("the provided token must be refreshed", Some(Service::S3), "TokenRefreshRequired", None),
    ("the authorization header is malformed", Some(Service::S3), "AuthorizationHeaderMalformed", None),
    ("must be addressed using the specified endpoint", Some(Service::S3), "PermanentRedirect", None),
    ("please reduce your request rate", Some(Service::S3), "SlowDown", None),
    ("the bucket does not allow acls", Some(Service::S3), "AccessControlListNotSupported", None),
    ("did not match what we received", Some(Service::S3), "BadDigest", None),
    (
        "at least one of the pre-conditions you specified did not hold",
        Some(Service::S3),
        "PreconditionFailed",
        None,
    ),
    (
        "the operation is not valid for the object's storage class",
        Some(Service::S3),
        "InvalidObjectState",
        None,
    ),
    ("your proposed upload exceeds the maximum allowed", Some(Service::S3), "EntityTooLarge", None),
    ("smaller than the minimum allowed", Some(Service::S3), "EntityTooSmall", None),
    ("one or more of the specified parts could not be found", Some(Service::S3), "InvalidPart", None),
    ("the bucket you tried to delete is not empty", Some(Service::S3), "BucketNotEmpty", None),
    ("the requested bucket name is not available", Some(Service::S3), "BucketAlreadyExists", None),
    // Graph.
    (
        "insufficient privileges to complete the operation",
        Some(Service::Graph),
        "Authorization_RequestDenied",
        None,
    ),
    // Tools.
    ("unable to locate credentials", Some(Service::Client), client::NO_CREDENTIALS, None),
    ("nocredentialproviders", Some(Service::Client), client::NO_CREDENTIALS, None),
    ("no valid credential sources found", Some(Service::Client), client::NO_CREDENTIALS, None),
    (
        "unable to load credentials from any of the providers",
        Some(Service::Client),
        client::NO_CREDENTIALS,
        None,
    ),
    ("could not load credentials from any providers", Some(Service::Client), client::NO_CREDENTIALS, None),
    ("failed to refresh cached credentials", Some(Service::Client), client::NO_CREDENTIALS, None),
    ("the credential provider was not enabled", Some(Service::Client), client::NO_CREDENTIALS, None),
    ("could not be found", Some(Service::Client), client::NO_PROFILE, None),
    ("failed to get shared config profile", Some(Service::Client), client::NO_PROFILE, None),
    ("you must specify a region", Some(Service::Client), client::NO_REGION, None),
    ("missing region", Some(Service::Client), client::NO_REGION, None),
    ("region is missing", Some(Service::Client), client::NO_REGION, None),
    ("no such host", Some(Service::Client), client::NAME_NOT_RESOLVED, None),
    ("getaddrinfo", Some(Service::Client), client::NAME_NOT_RESOLVED, None),
    ("name or service not known", Some(Service::Client), client::NAME_NOT_RESOLVED, None),
    ("nodename nor servname provided", Some(Service::Client), client::NAME_NOT_RESOLVED, None),
    ("temporary failure in name resolution", Some(Service::Client), client::NAME_NOT_RESOLVED, None),
    ("could not connect to the endpoint url", Some(Service::Client), client::NOT_REACHED, None),
    ("connect timeout on endpoint url", Some(Service::Client), client::NOT_REACHED, None),
    ("connection refused", Some(Service::Client), client::NOT_REACHED, None),
    ("i/o timeout", Some(Service::Client), client::NOT_REACHED, None),
    ("failed to connect to proxy", Some(Service::Client), client::PROXY, None),
    ("407 proxy authentication required", Some(Service::Client), client::PROXY, None),
    ("certificate_verify_failed", Some(Service::Client), client::CERTIFICATE, None),
    ("certificate signed by unknown authority", Some(Service::Client), client::CERTIFICATE, None),
    ("unable to find valid certification path", Some(Service::Client), client::CERTIFICATE, None),
    ("self signed certificate", Some(Service::Client), client::CERTIFICATE, None),
    ("self-signed certificate", Some(Service::Client), client::CERTIFICATE, None),
    ("unable to get local issuer certificate", Some(Service::Client), client::CERTIFICATE, None),
    ("error loading sso token", Some(Service::Client), client::SSO_OVER, None),
    ("token has expired and refresh failed", Some(Service::Client), client::SSO_OVER, None),
    ("error when retrieving credentials from custom-process", Some(Service::Client), client::PROCESS, None),
    ("error in credential_process", Some(Service::Client), client::PROCESS, None),
    ("login canceled", Some(Service::Client), client::LOGIN_CANCELED, None),
    ("login cancelled", Some(Service::Client), client::LOGIN_CANCELED, None),
    ("mismatch between md5 hash", Some(Service::Client), client::CHECKSUM, None),
    ("corrupted on transfer", Some(Service::Client), client::CHECKSUM, None),
    // This program.
    ("the sign-in was not finished within", Some(Service::Pintail), own::TIMED_OUT, None),
    ("nobody is signed in", Some(Service::Pintail), own::NOT_SIGNED_IN, None),
    ("the id token ended at", Some(Service::Pintail), own::TOKEN_TIME, None),
    ("the id token starts at", Some(Service::Pintail), own::TOKEN_TIME, None),
    ("the id token was issued at", Some(Service::Pintail), own::TOKEN_TIME, None),
    ("the id token is for ", Some(Service::Pintail), own::TOKEN_AUDIENCE, None),
    ("the id token was issued to", Some(Service::Pintail), own::TOKEN_AUDIENCE, None),
    ("the id token is another issuer's", Some(Service::Pintail), own::TOKEN_ISSUER, None),
    ("the id token is of tenant", Some(Service::Pintail), own::TOKEN_ISSUER, None),
    ("the id token names no tenant", Some(Service::Pintail), own::TOKEN_ISSUER, None),
    ("the id token holds another sign-in's nonce", Some(Service::Pintail), own::TOKEN_NONCE, None),
    ("the id token holds no nonce", Some(Service::Pintail), own::TOKEN_NONCE, None),
    ("signature is wrong", Some(Service::Pintail), own::TOKEN_SIGNATURE, None),
    ("which the issuer does not publish", Some(Service::Pintail), own::TOKEN_SIGNATURE, None),
    ("the clock is too far off", Some(Service::S3), "RequestTimeTooSkewed", None),
    ("the bucket is in another region", Some(Service::S3), "PermanentRedirect", None),
    ("the credential is refused", Some(Service::S3), "ExpiredToken", None),
    ("the bookmark is read-only", Some(Service::Pintail), own::READ_ONLY, None),
    ("leads elsewhere than when it was taken", Some(Service::Pintail), own::LED_ELSEWHERE, None),
    ("the stored sign-in could not be read or written", Some(Service::Pintail), own::KEYCHAIN, None),
    ("could not listen on", Some(Service::Pintail), own::LISTEN, None),
    ("there is no browser here", Some(Service::Pintail), own::BROWSER, None),
];

/// Finds known words. What belongs to one line belongs to one error.
pub(super) fn find(text: &str) -> Vec<Found> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for (phrase, service, code, operation) in PHRASES {
        for (at, _) in lower.match_indices(phrase) {
            let line_end = at + line_from(text, at).len();
            let line = &text[line_start(text, at)..line_end];
            if *code == client::NO_PROFILE && !line.to_ascii_lowercase().contains("profile") {
                continue;
            }
            let error = PastedError {
                service: *service,
                operation: operation.map(str::to_owned),
                code: Some((*code).to_owned()),
                message: Some(line.trim().to_owned()),
                ..PastedError::default()
            };
            // To the end of the line: the same words are often said twice, by the service and by the tool around it.
            found.push(Found { range: at..line_end.max(at + phrase.len()), form: Form::Phrase, error });
        }
    }
    found
}

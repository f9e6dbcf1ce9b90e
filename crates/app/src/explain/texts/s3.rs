//! What S3's codes mean: by code, and by kind where a service gives no code of its own.

use pintail_store::{ErrorKind, Missing, Operation};

use super::s3_objects::OBJECTS;
use super::{Check, Text, Who, denial, text};

/// Returns the text of a code of S3, or of a service that speaks like it; the message tells apart what shares a code.
pub(crate) fn of_code(code: &str, message: &str) -> Option<&'static Text> {
    match code {
        "AccessDenied" | "AccessDeniedException" => return Some(denied(message)),
        "AuthorizationHeaderMalformed" if !message.to_ascii_lowercase().contains("region") => {
            return Some(&HEADER);
        }
        "InvalidRequest" if message.to_ascii_lowercase().contains("aws4-hmac-sha256") => {
            return Some(&OLD_SIGNATURE);
        }
        _ => {}
    }
    let of = |table: &'static [(&[&str], Text)]| table.iter().find(|(codes, _)| codes.contains(&code));
    of(CODES).or_else(|| of(OBJECTS)).map(|(_, text)| text)
}

/// Returns the text of a refusal of permission.
fn denied(message: &str) -> &'static Text {
    denial::of(message).unwrap_or(&ACCESS_DENIED)
}

/// Returns the text of an error by its kind, for answers without a code that is known.
pub(crate) fn of_kind(kind: &ErrorKind, operation: Operation) -> Option<&'static Text> {
    let code = match kind {
        ErrorKind::NotFound(Missing::Bucket) => "NoSuchBucket",
        ErrorKind::NotFound(Missing::Job) => "NoSuchJob",
        ErrorKind::NotFound(Missing::Object) => "NoSuchKey",
        ErrorKind::NotFound(Missing::Upload) => "NoSuchUpload",
        ErrorKind::PermissionDenied => return Some(&ACCESS_DENIED),
        ErrorKind::CredentialRefused => "ExpiredToken",
        ErrorKind::Unauthenticated => "MissingAuthenticationToken",
        ErrorKind::ClockSkew => "RequestTimeTooSkewed",
        ErrorKind::WrongRegion { .. } => "PermanentRedirect",
        ErrorKind::AlreadyExists if operation == Operation::CreateBucket => "BucketAlreadyExists",
        ErrorKind::NotEmpty => "BucketNotEmpty",
        ErrorKind::PreconditionFailed => "PreconditionFailed",
        ErrorKind::ChecksumMismatch => "BadDigest",
        ErrorKind::Throttled { .. } => "SlowDown",
        ErrorKind::Unavailable => "InternalError",
        ErrorKind::Conflict => "OperationAborted",
        ErrorKind::Archived => "InvalidObjectState",
        ErrorKind::Unsupported => "NotImplemented",
        _ => return None,
    };
    of_code(code, "region")
}

/// Returns the code that stands for a status, where the answer had no body: that of a HEAD.
pub(crate) fn code_of_status(status: u16) -> Option<&'static str> {
    Some(match status {
        301 | 307 => "PermanentRedirect",
        400 => "BadRequest",
        403 => "AccessDenied",
        404 => "NoSuchKey",
        409 => "OperationAborted",
        412 => "PreconditionFailed",
        416 => "InvalidRange",
        429 | 503 => "SlowDown",
        500 | 502 | 504 => "InternalError",
        501 => "NotImplemented",
        _ => return None,
    })
}

/// Returns every text.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static Text> {
    let tables = CODES.iter().chain(OBJECTS).map(|(_, text)| text);
    tables.chain([&ACCESS_DENIED, &HEADER, &OLD_SIGNATURE])
}

/// Returns every code.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    CODES
        .iter()
        .chain(OBJECTS)
        .flat_map(|(codes, _)| codes.iter().copied())
        .chain(["AccessDenied", "AccessDeniedException"])
}

pub(crate) const ACCESS_DENIED: Text = text(
    "s3-access-denied",
    "the role (or user) may not do this here",
    "the permission is missing, names another bucket or prefix, or the bucket's policy forbids it; a missing object looks the same to whoever may not list",
    &[
        "Ask for the permission {action} on {bucket}; `pintail whoami` shows the role that was refused.",
        "A bookmark with --read-only or --only is narrower than its role.",
    ],
    Who::AwsAdmin,
    &[Check::Permissions, Check::List, Check::Get],
);

const HEADER: Text = text(
    "s3-header-malformed",
    "S3 cannot read the request's signature",
    "the key ID is empty or holds a slash, or a proxy changed the header",
    &[
        "Look at the credential that the tool uses: its key ID has letters and digits only.",
        "Look at proxies between here and S3.",
    ],
    Who::You,
    &[Check::Environment, Check::Proxy],
);

const OLD_SIGNATURE: Text = text(
    "s3-old-signature",
    "the tool signs in a way that this region or key does not take",
    "an old signature (version 2), where S3 wants version 4",
    &["Set the tool to signature version 4, or take a newer one."],
    Who::You,
    &[Check::Region],
);

const CODES: &[(&[&str], Text)] = &[
    (
        &["AllAccessDisabled", "AccountProblem", "NotSignedUp"],
        text(
            "s3-account-disabled",
            "the account or the bucket is switched off",
            "a problem with the account of AWS (payment, closing), or AWS locked the bucket",
            &["Ask the admin of the account; AWS's support tells the reason."],
            Who::AwsAdmin,
            &[Check::Identity],
        ),
    ),
    (
        &[
            "AuthorizationHeaderMalformed",
            "PermanentRedirect",
            "Redirect",
            "TemporaryRedirect",
            "IllegalLocationConstraintException",
            "IncorrectEndpoint",
        ],
        text(
            "s3-wrong-region",
            "the bucket is in another region than the request was made for",
            "the region of the bookmark or tool is not that of the bucket; a bucket that was made a moment ago needs a while",
            &[
                "Give the bookmark the region {region}, or an endpoint there: `pintail bookmark edit NAME --region REGION`.",
            ],
            Who::You,
            &[Check::Region],
        ),
    ),
    (
        &["SignatureDoesNotMatch"],
        text(
            "s3-signature",
            "the request's signature does not fit its key",
            "the secret is not that of the key ID, the clock is off, or something on the way changes the request (a proxy, a wrong endpoint)",
            &[
                "Sign in again: `pintail login`; with keys of your own, give ID and secret of one key.",
                "If that does not help, compare the region and the endpoints of the bookmark with your service's.",
            ],
            Who::You,
            &[Check::Clock, Check::Environment, Check::Proxy],
        ),
    ),
    (
        &["AuthorizationQueryParametersError"],
        text(
            "s3-presigned-query",
            "the presigned address is not one that S3 takes",
            "it was cut off or changed, is made for longer than seven days, or for another region",
            &["Make a new one and copy all of it: `pintail presign`."],
            Who::You,
            &[Check::Region],
        ),
    ),
    (
        &["RequestTimeTooSkewed", "RequestExpired"],
        text(
            "s3-clock",
            "the time in the request and S3's differ by more than fifteen minutes",
            "this machine's clock is off, or the request waited for long",
            &["Set this machine's clock: it is more than fifteen minutes off."],
            Who::You,
            &[Check::Clock],
        ),
    ),
    (
        &["InvalidAccessKeyId"],
        text(
            "s3-unknown-key",
            "S3 does not know the access key",
            "the key was deleted or is of another service or partition; or a temporary key is used without its session token",
            &[
                "Sign in again: `pintail login`.",
                "If that does not help, compare the region and the endpoints of the bookmark with your service's.",
                "A key that begins with ASIA needs its session token beside it.",
            ],
            Who::You,
            &[Check::Identity, Check::Environment],
        ),
    ),
    (
        &["ExpiredToken", "TokenRefreshRequired", "RequestExpiredToken"],
        text(
            "s3-expired-token",
            "the credential is over",
            "sessions end; the tool did not renew its own",
            &[
                "Sign in again: `pintail login`.",
                "For other tools, lend them one that renews itself: `pintail exec NAME -- COMMAND`, or `pintail aws-config NAME`.",
            ],
            Who::You,
            &[Check::Identity, Check::Environment],
        ),
    ),
    (
        &["InvalidToken"],
        text(
            "s3-invalid-token",
            "the session token is not one that S3 takes",
            "it is cut off, belongs to another key, is of another partition, or of the global STS in a region that takes regional ones only",
            &[
                "Sign in again: `pintail login`.",
                "Clear AWS_SESSION_TOKEN where it is set beside other keys, and use the STS of the region, not the global one.",
            ],
            Who::You,
            &[Check::Environment, Check::Identity, Check::Region],
        ),
    ),
    (
        &[
            "MissingAuthenticationToken",
            "MissingSecurityHeader",
            "InvalidSecurity",
            "CredentialsNotSupported",
        ],
        text(
            "s3-not-signed",
            "the request was not signed, or its signature is not one that the service takes",
            "no credential was found by the tool, or what answers is another service",
            &[
                "Sign in again: `pintail login`.",
                "If that does not help, compare the region and the endpoints of the bookmark with your service's.",
            ],
            Who::You,
            &[Check::Identity, Check::Environment],
        ),
    ),
    (
        &[
            "SlowDown",
            "SlowDownRead",
            "SlowDownWrite",
            "BandwidthLimitExceeded",
            "TooManyRequests",
            "ThrottledException",
        ],
        text(
            "s3-slow-down",
            "S3 asks for fewer requests",
            "too many requests a second for one prefix, or for a service with a limit",
            &["Wait a little, then try again: S3 asks for fewer requests."],
            Who::You,
            &[],
        ),
    ),
    (
        &["NoSuchBucket", "InvalidBucketName"],
        text(
            "s3-no-such-bucket",
            "there is no such bucket",
            "its name is misspelt, it was deleted, or it is at another service or in another partition",
            &[
                "Look at the spelling of {bucket}; `pintail ls BOOKMARK:` lists the buckets your role may see.",
            ],
            Who::You,
            &[Check::List, Check::Region],
        ),
    ),
    (
        &["NoSuchAccessPoint", "NoSuchMultiRegionAccessPoint", "InvalidAccessPoint"],
        text(
            "s3-no-such-access-point",
            "there is no such access point",
            "its name, account or region is wrong",
            &[
                "Compare the access point's ARN or alias with the console's; it is bound to one region and account.",
            ],
            Who::You,
            &[Check::Region],
        ),
    ),
    (
        &["BucketAlreadyExists"],
        text(
            "s3-bucket-taken",
            "somebody has a bucket of this name",
            "names are shared by all accounts",
            &["Choose another name: bucket names are shared by all accounts of a partition."],
            Who::You,
            &[],
        ),
    ),
    (
        &["BucketAlreadyOwnedByYou"],
        text(
            "s3-bucket-yours",
            "the account has this bucket already",
            "it was made before",
            &["Use it as it is, or choose another name."],
            Who::You,
            &[],
        ),
    ),
    (
        &["BucketNotEmpty"],
        text(
            "s3-bucket-not-empty",
            "the bucket still holds something",
            "objects, older versions of them, or uploads that were not finished",
            &["Delete what is in it first: `pintail rm --recursive BOOKMARK:{bucket}/`."],
            Who::You,
            &[Check::List],
        ),
    ),
    (
        &[
            "TooManyBuckets",
            "QuotaExceeded",
            "XMinioStorageFull",
            "XMinioAdminBucketQuotaExceeded",
            "InsufficientStorage",
            "ServiceQuotaExceededException",
            "StorageLimitExceeded",
        ],
        text(
            "s3-quota",
            "a limit of the account, the bucket or the service is reached",
            "the space or the number that is allowed is used up",
            &["Make room, or ask the admin to raise the limit."],
            Who::AwsAdmin,
            &[Check::Put],
        ),
    ),
    (
        &["InternalError", "InternalServerError", "ServiceUnavailable", "RequestTimeout", "ServiceFailure"],
        text(
            "s3-passing-fault",
            "the service could not do it at the moment",
            "its side, or a slow connection",
            &["Try again in a moment."],
            Who::Nobody,
            &[],
        ),
    ),
    (
        &["MethodNotAllowed", "NotImplemented"],
        text(
            "s3-not-offered",
            "the service does not offer this",
            "a service other than Amazon's, or a call that is not allowed on this kind of object",
            &["This service does not offer it."],
            Who::You,
            &[],
        ),
    ),
    (
        &["UnauthorizedAccess"],
        text(
            "s3-china-icp",
            "the account may not use S3 in China",
            "accounts there need a registration of their own (ICP), and one of the global partition is not one of them",
            &["Use an account of AWS China, with its ICP registration."],
            Who::AwsAdmin,
            &[Check::Region],
        ),
    ),
    (
        &[
            "MalformedXML",
            "InvalidURI",
            "InvalidArgument",
            "InvalidRequest",
            "MissingContentLength",
            "RequestHeaderSectionTooLarge",
            "BadRequest",
        ],
        text(
            "s3-request-invalid",
            "S3 does not take the request as it is",
            "a value that the message names; to a question without a body (HEAD) it is S3's answer to an expired token or another region",
            &[
                "Look at the message for the value. Without one: sign in again, and compare the region of the bookmark with the bucket's.",
            ],
            Who::You,
            &[Check::Region, Check::Identity],
        ),
    ),
];

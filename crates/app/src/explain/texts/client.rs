//! What tools say when no service answered at all, and how connections fail.

use pintail_core::pasted::client as said;
use pintail_core::seam::HttpErrorKind;

use super::{Check, Text, Who, text};

/// Returns the text of one of [`pintail_core::pasted::client`].
pub(crate) fn of(code: &str) -> Option<&'static Text> {
    ALL.iter().find(|(listed, _)| *listed == code).map(|(_, text)| text)
}

/// Returns the text of a connection that failed.
pub(crate) fn network(kind: HttpErrorKind) -> &'static Text {
    match kind {
        HttpErrorKind::Resolve => &RESOLVE,
        HttpErrorKind::Connect => &CONNECT,
        HttpErrorKind::Tls => &TLS,
        HttpErrorKind::Proxy => &PROXY,
        HttpErrorKind::Interrupted | HttpErrorKind::Timeout => &INTERRUPTED,
        HttpErrorKind::BadResponse => &BAD_RESPONSE,
    }
}

const RESOLVE: Text = text(
    "network-name",
    "the name of the host could not be resolved",
    "a misspelt endpoint or region, or no connection to the network",
    &["Look at the spelling of {whom}, and at your connection to the network."],
    Who::You,
    &[Check::Proxy, Check::Discovery],
);

const CONNECT: Text = text(
    "network-connect",
    "nothing could be reached at the address",
    "a firewall, a VPN that is off, a proxy that is not set or away, or a wrong port",
    &[
        "Look at your connection to the network, and whether {whom} can be reached from here (VPN, firewall; or HTTPS_PROXY names a proxy that is away).",
    ],
    Who::You,
    &[Check::Proxy],
);

const TLS: Text = text(
    "network-tls",
    "the certificate of whoever answered is not trusted",
    "a company's proxy opens TLS and shows a certificate of its own, a private authority, or a wrong clock",
    &[
        "If your company's proxy opens TLS, give its certificate: PINTAIL_CA_BUNDLE=FILE.",
        "Look at this machine's clock: certificates have times.",
    ],
    Who::You,
    &[Check::Proxy, Check::Clock],
);

const PROXY: Text = text(
    "network-proxy",
    "the proxy refused",
    "it wants a user and password, or does not let the host through",
    &["Look at HTTPS_PROXY, http_proxy and NO_PROXY, and at the proxy's user and password."],
    Who::You,
    &[Check::Proxy],
);

const INTERRUPTED: Text = text(
    "network-interrupted",
    "the connection broke or was too slow",
    "the network, or a service that is overloaded",
    &["Try again; the connection broke or was too slow."],
    Who::You,
    &[Check::Proxy],
);

const BAD_RESPONSE: Text = text(
    "network-bad-answer",
    "what answered does not speak HTTP",
    "a wrong address or port",
    &["Look at the address: what answers there is not {whom}."],
    Who::You,
    &[Check::Proxy],
);

/// What the portal of IAM Identity Center says to whoever lacks an assignment.
pub(crate) const SSO_NO_ACCESS: &str = "SsoNoAccess";

pub(crate) const ALL: &[(&str, Text)] = &[
    (said::NAME_NOT_RESOLVED, RESOLVE),
    (said::NOT_REACHED, CONNECT),
    (said::CERTIFICATE, TLS),
    (said::PROXY, PROXY),
    ("Interrupted", INTERRUPTED),
    ("BadResponse", BAD_RESPONSE),
    (
        said::NO_CREDENTIALS,
        text(
            "client-no-credentials",
            "the tool found no credential anywhere",
            "no variables, no profile, or a profile that names none",
            &[
                "Lend it your sign-in: `pintail exec NAME -- COMMAND`, or a profile for all tools: `pintail aws-config NAME`.",
            ],
            Who::You,
            &[Check::Environment, Check::Identity],
        ),
    ),
    (
        said::NO_PROFILE,
        text(
            "client-no-profile",
            "the profile that the tool was told to use is not in the AWS configuration",
            "a misspelt name, or AWS_PROFILE or AWS_CONFIG_FILE lead elsewhere",
            &["Write it: `pintail aws-config NAME`; or unset AWS_PROFILE."],
            Who::You,
            &[Check::Environment],
        ),
    ),
    (
        said::NO_REGION,
        text(
            "client-no-region",
            "the tool does not know which region is meant",
            "neither AWS_REGION nor the profile names one",
            &["Set AWS_REGION, or let `pintail aws-config NAME` write a profile with the bookmark's region."],
            Who::You,
            &[Check::Environment, Check::Region],
        ),
    ),
    (
        said::SSO_OVER,
        text(
            "client-sso-over",
            "the sign-in at IAM Identity Center is over",
            "it lasts some hours, and its token in ~/.aws/sso/cache has ended or is not there",
            &["Sign in again: `aws sso login --profile PROFILE`; for a bookmark `pintail login NAME`."],
            Who::You,
            &[Check::Identity, Check::Environment],
        ),
    ),
    (
        SSO_NO_ACCESS,
        text(
            "sso-no-access",
            "the portal gives no credential for this account and permission set",
            "it is not assigned to the person, or the assignment was made seconds ago",
            &[
                "See what is assigned to you: `pintail roles NAME`; then ask the admin to assign it in IAM Identity Center.",
            ],
            Who::AwsAdmin,
            &[Check::Identity],
        ),
    ),
    (
        said::PROCESS,
        text(
            "client-process",
            "the program that the profile names gave no credential",
            "the sign-in behind it is over, or its path is wrong",
            &[
                "Run the command of `credential_process` by hand to see what it says; for ours: `pintail credentials NAME`, then `pintail login NAME`.",
            ],
            Who::You,
            &[Check::Environment, Check::Identity],
        ),
    ),
    (
        said::LOGIN_CANCELED,
        text(
            "client-login-canceled",
            "the sign-in came back without a code, which Cyberduck shows as cancelled",
            "the issuer sent an error, which Cyberduck does not show: often consent, assignment or a policy",
            &[
                "Look at the address that the browser ended on: what stands behind `error_description=` is the cause.",
                "Paste that address here: `pintail explain`.",
            ],
            Who::You,
            &[Check::Redirect, Check::Client],
        ),
    ),
    (
        said::CHECKSUM,
        text(
            "client-checksum",
            "the tool found other bytes than it expected",
            "an ETag is no checksum for objects in parts or encrypted with KMS, or something on the way changes bytes",
            &["Copy it with `pintail cp`, which compares S3's own checksums."],
            Who::You,
            &[Check::Checksum],
        ),
    ),
];

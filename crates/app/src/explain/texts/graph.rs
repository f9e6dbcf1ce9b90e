//! What Microsoft Graph's refusals mean to whoever sets up the app registration.

use super::{Check, Text, Who, text};

/// Returns the text of a code of Graph; the message tells apart what shares a code.
pub(crate) fn of(code: &str, message: &str) -> Option<&'static Text> {
    let message = message.to_ascii_lowercase();
    let fits = |words: &str| words.is_empty() || words.split('|').any(|word| message.contains(word));
    ALL.iter().find(|(codes, words, _)| codes.contains(&code) && fits(words)).map(|(_, _, text)| text)
}

/// Codes, words of the message (one of those between bars, or any where there are none), and the text.
pub(crate) const ALL: &[(&[&str], &str, Text)] = &[
    (
        &["Authorization_RequestDenied", "AccessDenied", "accessDenied", "Forbidden"],
        "",
        text(
            "graph-denied",
            "whoever asked may not do this in the tenant",
            "the account lacks the directory role, or the token the permission: apps need Application Developer (or members may register them), consent and assignments Cloud Application Administrator",
            &[
                "Have it done by an account with the role Cloud Application Administrator, or ask for that role.",
                "For a token of one's own: Application.ReadWrite.All, DelegatedPermissionGrant.ReadWrite.All and AppRoleAssignment.ReadWrite.All are the permissions that a set-up needs.",
            ],
            Who::EntraAdmin,
            &[],
        ),
    ),
    (
        &["InvalidAuthenticationToken", "Authentication_ExpiredToken", "AuthenticationError", "UnknownError"],
        "expired|lifetime validation",
        text(
            "graph-token-expired",
            "the token for Graph is over",
            "it lasts about an hour",
            &["Sign in again: `az login`, or start over."],
            Who::You,
            &[Check::Clock],
        ),
    ),
    (
        &["InvalidAuthenticationToken", "Authentication_MissingOrMalformed"],
        "audience",
        text(
            "graph-token-audience",
            "the token was made for another API",
            "a token for Azure's management or for an app of one's own was sent to Graph",
            &["Fetch one for Graph: `az account get-access-token --resource-type ms-graph`."],
            Who::You,
            &[],
        ),
    ),
    (
        &["InvalidAuthenticationToken", "Authentication_MissingOrMalformed", "Authentication_Unauthorized"],
        "",
        text(
            "graph-token-invalid",
            "Graph does not take the token",
            "it is missing, cut off, revoked, or of another cloud",
            &[
                "Sign in again: `az login`, or start over.",
                "In a national cloud, Graph has a host of its own.",
            ],
            Who::You,
            &[],
        ),
    ),
    (
        &["Request_ResourceNotFound", "ResourceNotFound", "itemNotFound", "NotFound"],
        "",
        text(
            "graph-not-found",
            "the tenant has no such object",
            "the ID is an app's where that of its enterprise app is wanted (or the other way round), it is another tenant, or the object was made seconds ago",
            &[
                "Compare tenant and ID: an app registration and its enterprise app have different object IDs.",
                "If it was made a moment ago, wait a minute and try again.",
            ],
            Who::EntraAdmin,
            &[Check::Client],
        ),
    ),
    (
        &["Request_MultipleObjectsWithSameKeyValue", "ObjectConflict", "Request_BadRequest"],
        "already exists|same value|already in use|conflicting object",
        text(
            "graph-exists",
            "the tenant has this already",
            "it was made before, perhaps by a run that was interrupted; a deleted app keeps its names for 30 days",
            &["Use the one that is there, or look among \"Deleted applications\"."],
            Who::EntraAdmin,
            &[Check::Client],
        ),
    ),
    (
        &["Request_BadRequest"],
        "redirect|replyurl|reply url",
        text(
            "graph-redirect",
            "Entra does not take one of the redirect addresses",
            "it has characters that are not allowed, stands under two platforms, or is of a kind that the platform refuses (IPv6, http outside of this machine)",
            &[
                "Register http://localhost under \"Mobile and desktop applications\", and each address under one platform only.",
            ],
            Who::EntraAdmin,
            &[Check::Redirect],
        ),
    ),
    (
        &["Request_BadRequest"],
        "verified domain|identifieruri",
        text(
            "graph-identifier-uri",
            "Entra does not take the app's identifier address",
            "it has to hold the app's ID or a domain of the tenant; none is needed here",
            &["Leave the identifier address out: signing in to AWS needs none."],
            Who::EntraAdmin,
            &[],
        ),
    ),
    (
        &["Request_BadRequest", "BadRequest", "invalidRequest", "Request_UnsupportedQuery"],
        "",
        text(
            "graph-bad-request",
            "Graph does not take the request as it is",
            "a value that the message names",
            &[
                "Correct the value that the message names; if it was made by Pintail, report it with the request ID.",
            ],
            Who::Makers,
            &[],
        ),
    ),
    (
        &[
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "Authentication_RequestFromUnsupportedUserRole",
        ],
        "",
        text(
            "graph-licence",
            "the tenant's licence does not include this",
            "groups can be assigned to apps, and sign-in logs read, from Entra ID P1 on",
            &["Assign people one by one in place of groups, or have the tenant licensed with Entra ID P1."],
            Who::EntraAdmin,
            &[],
        ),
    ),
    (
        &["Directory_QuotaExceeded", "Directory_ResourceSizeExceeded"],
        "",
        text(
            "graph-quota",
            "a quota of the directory is reached",
            "an ordinary user can own 250 objects, deleted ones included for 30 days; an app takes 256 redirect addresses",
            &["Have it done by an admin, or delete what is not needed for good."],
            Who::EntraAdmin,
            &[],
        ),
    ),
    (
        &["TooManyRequests", "Request_ThrottledTemporarily", "activityLimitReached", "tooManyRequests"],
        "",
        text(
            "graph-throttled",
            "Graph asks for fewer requests",
            "many programs of the tenant ask at the same time",
            &["Wait as long as Retry-After says, then try again."],
            Who::Nobody,
            &[],
        ),
    ),
    (
        &[
            "Directory_ConcurrencyViolation",
            "Directory_BindingRedirection",
            "ServiceNotAvailable",
            "generalException",
            "serviceNotAvailable",
            "Service_InternalServerError",
            "Request_InvalidReplicaSessionKey",
            "Directory_ReplicaUnavailable",
        ],
        "",
        text(
            "graph-passing-fault",
            "Graph has a passing fault",
            "its side, or two changes at the same time",
            &["Try again in a moment."],
            Who::Nobody,
            &[],
        ),
    ),
    (
        &["Authorization_IdentityNotFound", "Authorization_IdentityDisabled"],
        "",
        text(
            "graph-identity",
            "whoever asked is not in this tenant, or is disabled",
            "the token is of another tenant than the one that is to be changed",
            &["Sign in to the right tenant: `az login --tenant TENANT`."],
            Who::You,
            &[Check::Issuer],
        ),
    ),
    (
        &["insufficient_claims"],
        "",
        text(
            "graph-claims-challenge",
            "Graph wants a stronger sign-in than the token has",
            "a policy asks for a second factor or a compliant device (a claims challenge)",
            &["Sign in again with the browser and answer what it asks: `az login`."],
            Who::You,
            &[],
        ),
    ),
];

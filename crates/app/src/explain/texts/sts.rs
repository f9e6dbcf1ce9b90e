//! What STS's refusals mean: the link between the sign-in and the role.

use pintail_identity::sts::{StsCall, StsErrorKind};

use super::{Check, Text, Who, denial, text};

/// Returns the text of a refusal. The message tells apart what is one kind and several causes.
pub(crate) fn of(kind: StsErrorKind, call: StsCall, message: &str) -> &'static Text {
    use StsErrorKind as K;
    let says = |words: &[&str]| {
        let message = message.to_ascii_lowercase();
        words.iter().any(|word| message.contains(word))
    };
    match kind {
        K::AccessDenied if says(&["sts:tagsession"]) => &NO_TAG_SESSION,
        K::AccessDenied if says(&["sts:setsourceidentity"]) => &NO_SOURCE_IDENTITY,
        K::AccessDenied if says(&["with session credentials"]) => &SESSION_OF_SESSION,
        K::AccessDenied => match (call, denial::of(message)) {
            // A policy is named: nothing has to be guessed.
            (_, Some(denied)) if denied.id != denial::NO_IDENTITY.id => denied,
            (StsCall::AssumeRole, _) => &ACCESS_DENIED_CHAIN,
            (StsCall::GetSessionToken, _) => &ACCESS_DENIED_SESSION,
            _ => &ACCESS_DENIED,
        },
        K::UnknownProvider => &NO_PROVIDER,
        K::WrongAudience => &WRONG_AUDIENCE,
        K::InvalidToken
            if says(&["not a valid jwt", "access token", "token format", "malformed", "not a jwt"]) =>
        {
            &NOT_A_JWT
        }
        K::InvalidToken if says(&["claim"]) => &MISSING_CLAIM,
        K::InvalidToken if says(&["signature"]) => &BAD_SIGNATURE,
        K::InvalidToken if message.is_empty() => &INVALID_IDENTITY_TOKEN,
        K::InvalidToken => &INVALID_TOKEN,
        K::RoleNotInToken => &ROLE_NOT_IN_TOKEN,
        K::KeysUnreachable => &KEYS_UNREACHABLE,
        K::ProviderUnreachable => &PROVIDER_UNREACHABLE,
        K::ProviderCertificate => &PROVIDER_CERTIFICATE,
        K::TokenExpired => &TOKEN_EXPIRED,
        K::SignInRejected => &SIGN_IN_REJECTED,
        K::RoleArnInvalid => &ROLE_ARN_INVALID,
        K::DurationTooLong if says(&["chaining"]) => &CHAIN_TOO_LONG,
        K::DurationTooLong => &DURATION_TOO_LONG,
        K::SessionNameInvalid => &SESSION_NAME,
        K::TokenTooLong => &TOKEN_TOO_LONG,
        K::MalformedPolicy => &MALFORMED_POLICY,
        K::PolicyTooLarge => &POLICY_TOO_LARGE,
        K::RegionDisabled => &REGION_DISABLED,
        K::Throttled => &THROTTLED,
        K::ServerFailure => &SERVER_FAILURE,
        K::ClockSkew => &CLOCK,
        K::SignatureMismatch => &SIGNATURE,
        K::CredentialExpired => &CREDENTIAL_EXPIRED,
        K::UnknownKey => &UNKNOWN_KEY,
        K::RequestInvalid => &REQUEST_INVALID,
        K::Unknown => &UNKNOWN,
    }
}

/// Every text.
#[cfg(test)]
pub(super) const ALL: [&Text; 35] = [
    &ACCESS_DENIED,
    &ACCESS_DENIED_CHAIN,
    &ACCESS_DENIED_SESSION,
    &NO_TAG_SESSION,
    &NO_SOURCE_IDENTITY,
    &SESSION_OF_SESSION,
    &NO_PROVIDER,
    &WRONG_AUDIENCE,
    &NOT_A_JWT,
    &MISSING_CLAIM,
    &BAD_SIGNATURE,
    &INVALID_TOKEN,
    &ROLE_NOT_IN_TOKEN,
    &KEYS_UNREACHABLE,
    &PROVIDER_UNREACHABLE,
    &PROVIDER_CERTIFICATE,
    &TOKEN_EXPIRED,
    &SIGN_IN_REJECTED,
    &ROLE_ARN_INVALID,
    &CHAIN_TOO_LONG,
    &DURATION_TOO_LONG,
    &SESSION_NAME,
    &TOKEN_TOO_LONG,
    &MALFORMED_POLICY,
    &POLICY_TOO_LARGE,
    &REGION_DISABLED,
    &THROTTLED,
    &CLOCK,
    &SIGNATURE,
    &CREDENTIAL_EXPIRED,
    &UNKNOWN_KEY,
    &REQUEST_INVALID,
    &INVALID_IDENTITY_TOKEN,
    &SERVER_FAILURE,
    &UNKNOWN,
];

const ACCESS_DENIED: Text = text(
    "sts-access-denied",
    "the role does not let this sign-in in, or there is no such role; AWS does not tell which",
    "the role ARN is misspelt, or the role's trust policy names another provider, tests `aud` or `sub` against another value, or lacks an action",
    &[
        "Compare the role ARN letter by letter{: role}. AWS does not tell a missing role from a forbidden one.",
        "In the role's trust policy: Principal.Federated names the provider {provider} of {account}, and Action is sts:AssumeRoleWithWebIdentity.",
        "Its condition `{provider}:aud` equals {client}; a condition on `:sub` equals the token's whole `sub`; conditions on groups, roles, tid or oid never match.",
        "If the token carries AWS tags, the trust policy needs sts:TagSession as well. A role made seconds ago needs a moment.",
    ],
    Who::AwsAdmin,
    &[Check::Trust, Check::Role, Check::Claims],
);

const ACCESS_DENIED_CHAIN: Text = text(
    "sts-access-denied-assume-role",
    "whoever asked may not assume this role",
    "the role's trust policy does not name the caller, or the caller lacks the permission sts:AssumeRole",
    &[
        "Ask the owner of the second role to let {role} assume it, with the external ID of the bookmark.",
        "The first role needs the permission sts:AssumeRole on the second.",
    ],
    Who::AwsAdmin,
    &[Check::Trust, Check::Role],
);

const ACCESS_DENIED_SESSION: Text = text(
    "sts-access-denied-session-token",
    "the user may not have a session of their own",
    "a policy refuses it, or the one-time code is wrong: AWS says both in this way",
    &[
        "Try again with the next one-time code, and compare the device's ARN with the user's in IAM.",
        "Set the clock of the device that makes the codes.",
    ],
    Who::You,
    &[Check::Identity, Check::Clock],
);

const NO_TAG_SESSION: Text = text(
    "sts-no-tag-session",
    "the session brings tags, and the role's trust policy does not allow that",
    "the token carries AWS tags (or the call does), and Action lacks sts:TagSession; then the whole call is refused",
    &["Add sts:TagSession to the actions of the role's trust policy."],
    Who::AwsAdmin,
    &[Check::Trust, Check::Claims],
);

const NO_SOURCE_IDENTITY: Text = text(
    "sts-no-source-identity",
    "the session brings a source identity, and the role's trust policy does not allow that",
    "the token carries https://aws.amazon.com/source_identity, and Action lacks sts:SetSourceIdentity",
    &["Add sts:SetSourceIdentity to the actions of the role's trust policy."],
    Who::AwsAdmin,
    &[Check::Trust, Check::Claims],
);

const SESSION_OF_SESSION: Text = text(
    "sts-session-of-session",
    "a temporary credential cannot make a session of its own",
    "GetSessionToken was called with the credential of a role, not with a user's key",
    &["Use the long-term key of the user, or assume a role in place of GetSessionToken."],
    Who::You,
    &[Check::Identity],
);

const NO_PROVIDER: Text = text(
    "sts-no-provider",
    "the account has no OpenID Connect provider for the token's issuer",
    "the provider is missing in that account, or its URL differs: the v1 issuer, a slash at the end, another case, another tenant",
    &[
        "In IAM of {account}, add an OpenID Connect provider with exactly this URL: {issuer}.",
        "Near misses: the v1 issuer (sts.windows.net), a slash at the end, another case, another account.",
    ],
    Who::AwsAdmin,
    &[Check::Provider, Check::Issuer],
);

const WRONG_AUDIENCE: Text = text(
    "sts-wrong-audience",
    "the provider in IAM does not list the client that the token was made for",
    "the client ID is not among the provider's audiences; the bookmark has another app's client ID; or an access token was sent in place of the ID token",
    &["In IAM of {account}, add the client ID {client} to the audiences of the provider {provider}."],
    Who::AwsAdmin,
    &[Check::Provider, Check::Claims],
);

const INVALID_TOKEN: Text = text(
    "sts-invalid-token",
    "STS cannot use the token",
    "it is damaged, or signed with a key that the issuer does not publish where STS looks",
    &[
        "Sign in again: `pintail login`.",
        "If it stays, compare issuer and client ID with the provider in IAM of {account}: some services name a wrong audience or a bad signature no better.",
    ],
    Who::You,
    &[Check::Token, Check::Claims],
);

const INVALID_IDENTITY_TOKEN: Text = text(
    "sts-invalid-identity-token",
    "STS did not take the ID token; the words beside the code tell why",
    "the account has no provider for the issuer, the client ID is not among its audiences, the issuer's keys could not be fetched, or the token itself is not valid",
    &[
        "Paste the whole message with `pintail explain`: its words tell these causes apart.",
        "Compare issuer and client ID of the token with the provider in IAM of {account}.",
    ],
    Who::AwsAdmin,
    &[Check::Provider, Check::Claims, Check::Token],
);

const NOT_A_JWT: Text = text(
    "sts-not-a-jwt",
    "what was sent is not an ID token",
    "an access token for another API was sent, or a token that was cut off or encrypted",
    &[
        "Send the ID token, not the access token; `pintail login` does.",
        "If it was an ID token, sign in again: it was damaged on its way.",
    ],
    Who::You,
    &[Check::Token],
);

const MISSING_CLAIM: Text = text(
    "sts-missing-claim",
    "the token lacks a claim that STS needs, or one is not valid",
    "STS needs iss, sub, aud, iat and exp, and azp where aud names several; a custom claim of AWS has the wrong form",
    &[
        "Ask the issuer's admin to send the claim: iss, sub, aud, iat and exp are needed, and AWS's own claims in the form that AWS documents.",
    ],
    Who::IssuerAdmin,
    &[Check::Claims, Check::Token],
);

const BAD_SIGNATURE: Text = text(
    "sts-bad-signature",
    "STS does not believe the token's signature",
    "the app has a signing key of its own (mapped claims), which STS does not find; or the token was changed or made by somebody else",
    &[
        "Set api.acceptMappedClaims in the app's manifest in place of a signing key of its own, then sign in again.",
        "At another issuer: see that it signs with RS256 or ES256 and publishes its keys.",
    ],
    Who::IssuerAdmin,
    &[Check::Token, Check::Claims],
);

const ROLE_NOT_IN_TOKEN: Text = text(
    "sts-role-not-in-token",
    "the token lists the roles it is good for, and this one is not among them",
    "the issuer sends the claim https://aws.amazon.com/roles without this role",
    &[
        "The token lists the roles it is good for (https://aws.amazon.com/roles); ask your admin to add {role} for you.",
    ],
    Who::IssuerAdmin,
    &[Check::Claims],
);

const KEYS_UNREACHABLE: Text = text(
    "sts-keys-unreachable",
    "STS could not fetch the issuer's keys",
    "passing trouble between AWS and the issuer, an issuer that AWS cannot reach or that answers too slowly, or a signing key of the app's own",
    &[
        "Try again in a minute: STS could not fetch the issuer's keys.",
        "If it stays: an app with its own signing key (mapped claims) publishes it where STS does not look; use acceptMappedClaims instead.",
    ],
    Who::IssuerAdmin,
    &[Check::Discovery, Check::Token],
);

const PROVIDER_UNREACHABLE: Text = text(
    "sts-issuer-unreachable",
    "STS could not reach the issuer",
    "passing trouble between AWS and the issuer, or an issuer that AWS cannot reach",
    &[
        "Try again in a minute: STS could not fetch the issuer's keys.",
        "If it stays: the issuer has to be reachable from AWS, not only from inside the company.",
    ],
    Who::IssuerAdmin,
    &[Check::Discovery],
);

const PROVIDER_CERTIFICATE: Text = text(
    "sts-provider-certificate",
    "the certificate of the issuer does not match the thumbprint of the provider in IAM",
    "the issuer has a certificate of a private authority; at Entra this does not happen",
    &["Put the thumbprint of the issuer's certificate authority into the IAM provider."],
    Who::AwsAdmin,
    &[Check::Provider, Check::Proxy],
);

const TOKEN_EXPIRED: Text = text(
    "sts-token-expired",
    "the ID token is over",
    "it was kept for too long (an hour, and five minutes of slack), or this machine's clock is off",
    &["Sign in again: `pintail login`.", "Set this machine's clock if it is more than five minutes off."],
    Who::You,
    &[Check::Token, Check::Clock],
);

const SIGN_IN_REJECTED: Text = text(
    "sts-sign-in-rejected",
    "the issuer says that the sign-in is not valid any more",
    "it was revoked or is over",
    &["The issuer took the sign-in back. Sign in again: `pintail login`."],
    Who::You,
    &[Check::Token],
);

const ROLE_ARN_INVALID: Text = text(
    "sts-role-arn-invalid",
    "the role ARN is not the ARN of a role",
    "it is a user's, a session's (assumed-role) or a policy's, has blanks in it, is cut off, or is of another partition",
    &[
        "Correct the role ARN{: role}. It has to be a role's, not a user's or a session's, and of the same partition.",
        "It looks like arn:aws:iam::123456789012:role/NAME: `pintail bookmark edit NAME --role-arn ARN`.",
    ],
    Who::You,
    &[Check::Role],
);

const DURATION_TOO_LONG: Text = text(
    "sts-duration-too-long",
    "the session that was asked for is longer than the role allows",
    "the role's maximum session duration is an hour unless somebody raised it",
    &["Leave --duration out of the bookmark, or ask for the role's maximum to be raised."],
    Who::You,
    &[Check::Role, Check::Exchange],
);

const CHAIN_TOO_LONG: Text = text(
    "sts-chain-too-long",
    "a role that is assumed from another role's session lasts an hour at most",
    "a longer session was asked for; the role's own maximum does not count here",
    &["Ask for an hour or less: leave --duration out of the bookmark."],
    Who::You,
    &[Check::Role],
);

const SESSION_NAME: Text = text(
    "sts-session-name",
    "the session's name has characters or a length that STS does not take",
    "a client took the person's name or `sub` as it is: blanks, `#EXT#`, apostrophes, slashes or more than 64 characters",
    &["Give the bookmark a --session-name of 2 to 64 letters, digits and _ + = , . @ -."],
    Who::You,
    &[Check::Exchange],
);

const TOKEN_TOO_LONG: Text = text(
    "sts-token-too-long",
    "the ID token is longer than the 20,000 characters that STS takes",
    "the groups of the person are all in it",
    &["Ask your admin to send fewer claims: groups make tokens long."],
    Who::IssuerAdmin,
    &[Check::Claims, Check::Token],
);

const MALFORMED_POLICY: Text = text(
    "sts-malformed-policy",
    "the session policy is not valid",
    "a fault in its JSON or its grammar",
    &["Correct the session policy of the bookmark (--policy)."],
    Who::You,
    &[Check::Exchange],
);

const POLICY_TOO_LARGE: Text = text(
    "sts-policy-too-large",
    "session policy and tags together are too large",
    "a long policy, or many tags in the token",
    &["Shorten the session policy, or ask for fewer tags in the token."],
    Who::You,
    &[Check::Exchange, Check::Claims],
);

const REGION_DISABLED: Text = text(
    "sts-region-disabled",
    "STS is not active in this region for the account",
    "the region was not enabled, or STS was switched off there",
    &["Give the bookmark a region whose STS is active in the account, or `--sts-endpoint global`."],
    Who::You,
    &[Check::Region, Check::Exchange],
);

pub(crate) const THROTTLED: Text = text(
    "aws-throttled",
    "there were too many requests",
    "many processes ask at the same time",
    &["Try again in a minute."],
    Who::Nobody,
    &[],
);

const SERVER_FAILURE: Text = text(
    "aws-passing-fault",
    "the service has a passing fault",
    "its side",
    &["Try again in a minute."],
    Who::Nobody,
    &[],
);

const CLOCK: Text = text(
    "sts-clock",
    "the time in the request's signature is too far from the service's",
    "this machine's clock is off, or the request waited for long",
    &["Set this machine's clock, then try again."],
    Who::You,
    &[Check::Clock],
);

const SIGNATURE: Text = text(
    "sts-signature",
    "the request's signature does not fit its key",
    "the secret is not that of the key ID, or this machine's clock is off",
    &[
        "Set this machine's clock, then try again.",
        "Give ID and secret of one access key, and no other in AWS_* variables.",
    ],
    Who::You,
    &[Check::Clock, Check::Environment],
);

const CREDENTIAL_EXPIRED: Text = text(
    "sts-credential-expired",
    "the credential that signed the request is over",
    "sessions end, after an hour unless more was asked for",
    &[
        "Sign in again: `pintail login`.",
        "Look whether the region of the bookmark belongs to the role's partition.",
    ],
    Who::You,
    &[Check::Identity, Check::Environment],
);

const UNKNOWN_KEY: Text = text(
    "sts-unknown-key",
    "AWS does not know the key that signed the request; the client ID of the app has no part in this",
    "old keys in AWS_* variables or ~/.aws, a key of another partition, a token of the global STS in a region that takes regional ones only, or a deleted session",
    &[
        "Sign in again: `pintail login`.",
        "Look whether the region of the bookmark belongs to the role's partition.",
        "Clear AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN where they are set, and use the STS of the region, not the global one.",
    ],
    Who::You,
    &[Check::Environment, Check::Identity, Check::Region],
);

const REQUEST_INVALID: Text = text(
    "sts-request-invalid",
    "STS does not take one of the values of the request",
    "the message names the value",
    &["Correct the value that the message names; `pintail bookmark show` shows what the bookmark sends."],
    Who::You,
    &[Check::Exchange],
);

pub(crate) const UNKNOWN: Text = text(
    "sts-unknown",
    "STS refused for a reason that is not known here",
    "the code is new, or a service other than AWS answered",
    &["Look the code up in the documentation of the service."],
    Who::You,
    &[Check::Exchange],
);

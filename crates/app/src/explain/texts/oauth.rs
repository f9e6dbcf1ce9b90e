//! What the `error` codes of OAuth mean (RFC 6749, RFC 8628, OpenID Connect Core), at any issuer.

use super::{Check, Text, Who, text};

/// Returns the text of an OAuth `error` code, if there is one.
pub(crate) fn of(error: &str) -> Option<&'static Text> {
    ALL.iter().find(|(codes, _)| codes.contains(&error)).map(|(_, text)| text)
}

pub(crate) const ALL: &[(&[&str], Text)] = &[
    (
        &["authorization_pending"],
        text(
            "oauth-pending",
            "nobody has finished the sign-in yet",
            "the device code is not entered, or the page still asks something",
            &["Finish the sign-in at the address that is shown with the code."],
            Who::You,
            &[],
        ),
    ),
    (
        &["slow_down"],
        text(
            "oauth-slow-down",
            "the issuer wants to be asked less often",
            "it is asked more often than it likes",
            &["Wait; the next question comes later."],
            Who::Nobody,
            &[],
        ),
    ),
    (
        &["authorization_declined", "access_denied"],
        text(
            "oauth-declined",
            "the sign-in was refused",
            "the person said no, or a policy did",
            &["Sign in again; if a policy refuses, an admin finds it in the sign-in log."],
            Who::You,
            &[Check::Client],
        ),
    ),
    (
        &["bad_verification_code"],
        text(
            "oauth-unknown-device-code",
            "the device code is not known",
            "the code was mistyped or belongs to another sign-in",
            &["Enter the code that is shown, or start the sign-in again."],
            Who::You,
            &[],
        ),
    ),
    (
        &["expired_token", "code_expired"],
        text(
            "oauth-device-code-expired",
            "the device code has expired",
            "the sign-in was not finished in time",
            &["Start the sign-in again."],
            Who::You,
            &[],
        ),
    ),
    (
        &["invalid_client"],
        text(
            "oauth-invalid-client",
            "the issuer does not know the client or wants it to prove itself",
            "the client ID is wrong; at Entra, public client flows are off or the redirect address is under \"Web\"",
            &[
                "Compare the client ID with the app registration; at Entra set \"Allow public client flows\" to yes for device codes.",
            ],
            Who::IssuerAdmin,
            &[Check::Client, Check::ClientKind],
        ),
    ),
    (
        &["invalid_grant"],
        text(
            "oauth-invalid-grant",
            "the code or the refresh token is not valid any more",
            "it expired, was used before, or was revoked",
            &["Sign in again."],
            Who::You,
            &[Check::Token],
        ),
    ),
    (
        &["invalid_request"],
        text(
            "oauth-invalid-request",
            "the request is malformed or lacks something",
            "a setting of the profile that the issuer does not take, or a fault of this program",
            &["Check the profile's redirect address and scopes; if they are right, report it."],
            Who::You,
            &[Check::Redirect, Check::Client],
        ),
    ),
    (
        &["invalid_scope"],
        text(
            "oauth-invalid-scope",
            "the issuer does not give one of the scopes",
            "a scope is misspelt or not allowed for this client",
            &["Correct the scopes in the profile."],
            Who::You,
            &[Check::Client],
        ),
    ),
    (
        &["unauthorized_client"],
        text(
            "oauth-unauthorized-client",
            "the client may not sign people in this way",
            "the grant is not switched on for the client, or the app is not in this tenant",
            &["Switch on the authorization code grant (and device codes, where wanted) for the client."],
            Who::IssuerAdmin,
            &[Check::Client, Check::ClientKind],
        ),
    ),
    (
        &["unsupported_grant_type"],
        text(
            "oauth-unsupported-grant",
            "the issuer does not have this way of getting tokens",
            "device codes or refresh tokens are not supported there",
            &["Sign in with the browser."],
            Who::You,
            &[Check::Discovery],
        ),
    ),
    (
        &["unsupported_response_type"],
        text(
            "oauth-unsupported-response",
            "the issuer does not give codes in this way",
            "the code flow is switched off for the client",
            &["Switch on the authorization code flow for the client."],
            Who::IssuerAdmin,
            &[Check::Client],
        ),
    ),
    (
        &["server_error", "temporarily_unavailable"],
        text(
            "oauth-passing-fault",
            "the issuer has a passing fault",
            "its side",
            &["Try again in a while."],
            Who::Nobody,
            &[Check::Discovery],
        ),
    ),
    (
        &["interaction_required", "login_required", "account_selection_required"],
        text(
            "oauth-interaction-required",
            "the issuer wants to see the person",
            "a policy, a second factor, or the age of the last sign-in",
            &["Sign in again with the browser."],
            Who::You,
            &[Check::Browser],
        ),
    ),
    (
        &["consent_required"],
        text(
            "oauth-consent-required",
            "nobody has consented to this app",
            "people may not consent for themselves, or a scope is new",
            &["Sign in with the browser and consent, or have an admin consent."],
            Who::IssuerAdmin,
            &[Check::Client],
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_specifications_is_explained() {
        for code in [
            "invalid_request",
            "invalid_client",
            "invalid_grant",
            "unauthorized_client",
            "unsupported_grant_type",
            "invalid_scope",
            "access_denied",
            "unsupported_response_type",
            "server_error",
            "temporarily_unavailable",
            "authorization_pending",
            "slow_down",
            "expired_token",
            "authorization_declined",
            "bad_verification_code",
            "interaction_required",
            "login_required",
            "account_selection_required",
            "consent_required",
        ] {
            assert!(of(code).is_some(), "{code}");
        }
        assert_eq!(of(""), None);
    }
}

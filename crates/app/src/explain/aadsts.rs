//! What the issuer's error codes mean, what usually causes them here, and what mends them.
//!
//! Data only. The numbers are Microsoft's and may change: they pick a text and decide nothing, and an unknown number is an
//! ordinary case.

/// An error in plain words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Explanation {
    /// What happened.
    pub(super) meaning: &'static str,
    /// What usually causes it in a set-up like ours.
    pub(super) cause: &'static str,
    /// What mends it.
    pub(super) fix: &'static str,
}

const fn says(meaning: &'static str, cause: &'static str, fix: &'static str) -> Explanation {
    Explanation { meaning, cause, fix }
}

/// Returns the explanation of an AADSTS number, if there is one.
pub(super) fn explain_aadsts(number: u32) -> Option<&'static Explanation> {
    AADSTS.iter().find(|(numbers, _)| numbers.contains(&number)).map(|(_, explanation)| explanation)
}

/// Returns the explanation of an OAuth `error` code (RFC 6749, RFC 8628, OpenID Connect Core), if there is one.
pub(super) fn explain_oauth(error: &str) -> Option<&'static Explanation> {
    OAUTH.iter().find(|(codes, _)| codes.contains(&error)).map(|(_, explanation)| explanation)
}

const AADSTS: &[(&[u32], Explanation)] = &[
    (
        &[16000],
        says(
            "an account has to be chosen, or the chosen one does not belong to this tenant",
            "the browser is signed in with a personal account or one of another company",
            "Choose another account in the browser, or have this one invited to the tenant as a guest.",
        ),
    ),
    (
        &[500011],
        says(
            "the API named by a scope does not exist in this tenant",
            "a scope names an API that is not needed here",
            "Remove that scope from the profile; openid, profile and offline_access are enough.",
        ),
    ),
    (
        &[50011],
        says(
            "the redirect address is not one of the app registration's",
            "the address is missing there, differs in case or path, or says 127.0.0.1 where localhost is registered",
            "Add the exact address to the app registration under \"Mobile and desktop applications\"; http://localhost covers every port.",
        ),
    ),
    (
        &[500113, 900971],
        says(
            "the app registration has no redirect address",
            "the registration was made without a platform",
            "Add http://localhost to the app registration under \"Mobile and desktop applications\".",
        ),
    ),
    (
        &[50012, 700027],
        says(
            "the signature that stands for the app's certificate was not accepted",
            "the certificate in use is not the one uploaded to the app registration, or it has expired",
            "Upload the certificate in use to the app registration, or use the one that is there.",
        ),
    ),
    (
        &[50014, 50034, 51004],
        says(
            "the account does not exist in this tenant",
            "the tenant is the wrong one, or the person was never invited",
            "Compare the tenant with the one that the company uses, or have the account invited.",
        ),
    ),
    (
        &[50020],
        says(
            "the account comes from elsewhere and is not a guest of this tenant",
            "a guest was not invited, or the sign-in went to the guest's home tenant",
            "Have the account invited as a guest and use the GUID of the inviting tenant.",
        ),
    ),
    (
        &[500208],
        says(
            "this kind of account may not sign in here",
            "a personal account was used where work accounts are wanted",
            "Sign in with the work or school account.",
        ),
    ),
    (
        &[500212, 500213],
        says(
            "a cross-tenant policy keeps this account out",
            "the guest's home tenant does not let its people out (500212), or the inviting one does not let them in (500213)",
            "Ask the admins of both tenants to change their cross-tenant access settings.",
        ),
    ),
    (
        &[500021, 50002],
        says(
            "the company network does not let people sign in to this tenant",
            "a proxy adds tenant restrictions, and this tenant is not on its list",
            "Ask the network's admin to add the tenant to the list.",
        ),
    ),
    (
        &[50053],
        says(
            "the account is locked, or the sign-in came from an address with a bad name",
            "too many wrong passwords, or a network that attackers use as well",
            "Wait a while, try from another network, or have an admin unblock the account.",
        ),
    ),
    (
        &[50055, 50126, 50056, 50057],
        says(
            "the password has expired, is wrong or missing, or the account is disabled",
            "the account itself, not the app",
            "Have the password reset or the account enabled, then sign in again.",
        ),
    ),
    (
        &[50058],
        says(
            "there is no session in the browser that could be used without asking",
            "a sign-in without interaction was asked for",
            "Sign in with the browser.",
        ),
    ),
    (
        &[50059],
        says(
            "the tenant could not be told from the request",
            "the authority names no tenant",
            "Name your tenant by its ID or domain: `pintail bookmark edit NAME --tenant TENANT`.",
        ),
    ),
    (
        &[50072, 50079],
        says(
            "a second factor has to be registered first",
            "the account is new, or a policy has begun to demand one",
            "Sign in with the browser and follow the registration there.",
        ),
    ),
    (
        &[50074, 50076, 50078],
        says(
            "a second factor is needed, now needed, or too long ago",
            "a policy, a change of network, or the age of the last sign-in",
            "Sign in again with the browser.",
        ),
    ),
    (
        &[50089],
        says(
            "the sign-in page was open for too long",
            "the page was left and taken up again later",
            "Start the sign-in again.",
        ),
    ),
    (
        &[50097, 50187, 50155],
        says(
            "the device has to prove who it is, and did not",
            "the browser does not pass on the device's identity, or a device code was used",
            "Sign in with the browser that the company manages (Edge, or Chrome with its Microsoft extension).",
        ),
    ),
    (
        &[50105],
        says(
            "the person is not assigned to the app, and the app demands it",
            "\"Assignment required\" is on in the enterprise app",
            "Have an admin assign the person or their group under \"Enterprise applications\".",
        ),
    ),
    (
        &[50129],
        says(
            "the device is not joined to the company",
            "a policy demands a joined device",
            "Sign in from a device that is joined.",
        ),
    ),
    (
        &[50131, 53000, 53001, 53002, 53003, 53004, 53011, 530032, 530034, 530035],
        says(
            "a Conditional Access policy or the tenant's security defaults refuse the sign-in",
            "the device is not compliant, the place or risk is not accepted, or the device code flow is blocked",
            "Sign in with the browser on a compliant device; an admin finds the policy in the sign-in log by the correlation ID.",
        ),
    ),
    (
        &[50132, 50133, 50173],
        says(
            "the session or the permission was revoked",
            "the password changed, or an admin ended all sessions",
            "Sign in again.",
        ),
    ),
    (
        &[50140, 50199, 50125, 65004],
        says(
            "the sign-in was interrupted, or the person declined",
            "a question in the browser (stay signed in, this app, permissions) was left open or answered with no",
            "Sign in again and answer the question in the browser.",
        ),
    ),
    (
        &[50146, 501461],
        says(
            "custom claims are set up, and the app may not receive them",
            "the app registration does not accept mapped claims, or is open to other tenants",
            "Set api.acceptMappedClaims in the manifest of a single-tenant app; a signing key of the app's own would make AWS refuse its tokens.",
        ),
    ),
    (
        &[50147, 501481, 501491],
        says(
            "the proof that code and request belong together (PKCE) was missing, wrong or of the wrong size",
            "two sign-ins crossed in two browser tabs, or a fault of this program",
            "Start the sign-in again with one tab; if it stays, report it with the correlation ID.",
        ),
    ),
    (
        &[50194],
        says(
            "the app is open to one tenant only and the request named none",
            "the tenant is set to common or organizations",
            "Name your tenant by its ID or domain: `pintail bookmark edit NAME --tenant TENANT`.",
        ),
    ),
    (
        &[50196],
        says(
            "the same request was made over and over",
            "a program asks for tokens in a loop instead of keeping them",
            "Wait some minutes; if it comes back, report it with the correlation ID.",
        ),
    ),
    (
        &[54005],
        says(
            "the code was used before",
            "the redirect arrived twice, as when the page is reloaded",
            "Start the sign-in again.",
        ),
    ),
    (
        &[65001],
        says(
            "nobody has consented to this app",
            "people may not consent for themselves in this tenant, or a scope is new",
            "Have an admin open the admin consent address of the app.",
        ),
    ),
    (
        &[65002],
        says(
            "the app belongs to Microsoft and may not ask for this",
            "the client ID of one of Microsoft's own apps is in use",
            "Register an app of your own and use its client ID.",
        ),
    ),
    (
        &[650052, 650054, 650056, 650057],
        says(
            "the permissions of the app registration do not fit the request",
            "a scope is not among the required permissions, or its API is not in the tenant",
            "Correct the API permissions of the app registration, or the scopes in the profile.",
        ),
    ),
    (
        &[70000, 70008],
        says(
            "the code or the refresh token is not valid any more",
            "it expired, was revoked, or was changed on its way by a browser extension",
            "Sign in again.",
        ),
    ),
    (
        &[700005],
        says(
            "the code belongs to another tenant",
            "the authority changed between the browser and the exchange",
            "Set one tenant in the bookmark and sign in again.",
        ),
    ),
    (
        &[70001, 7000112, 1000031],
        says(
            "the app is disabled",
            "an admin or Microsoft switched it off",
            "Have an admin enable the app under \"Enterprise applications\".",
        ),
    ),
    (
        &[700011, 700016],
        says(
            "the app does not exist in this tenant",
            "the client ID or the tenant is wrong",
            "Compare both with the app registration's overview page, then: `pintail bookmark edit NAME --tenant TENANT --client-id ID`.",
        ),
    ),
    (
        &[70002, 7000215, 7000222],
        says(
            "the client secret is wrong or has expired",
            "a confidential client is set up, often with the secret's ID in place of its value",
            "Make a new secret and use its value, or use a public client without a secret.",
        ),
    ),
    (
        &[700025],
        says(
            "the app is a public client and a secret was sent",
            "the profile holds a client secret",
            "Remove the client secret from the profile.",
        ),
    ),
    (
        &[7000218],
        says(
            "the issuer wants a client secret or a certificate",
            "the redirect address is registered under \"Web\", or a device code is used and public client flows are off",
            "Move the redirect address to \"Mobile and desktop applications\"; for device codes set \"Allow public client flows\" to yes.",
        ),
    ),
    (
        &[70003],
        says(
            "this way of getting tokens is not supported",
            "the authority or the app does not allow the grant type",
            "Sign in with the browser.",
        ),
    ),
    (
        &[700054, 70005],
        says(
            "the kind of answer that was asked for is switched off",
            "a token was asked for in the redirect itself",
            "Use the code flow, which needs nothing switched on.",
        ),
    ),
    (
        &[70007, 70011, 28002, 28003, 700022, 700023],
        says(
            "a scope or the way of answering is not valid",
            "a scope is misspelt, or scopes of two APIs are mixed",
            "Correct the scopes in the profile; openid, profile and offline_access are enough.",
        ),
    ),
    (
        &[70012, 90006, 90024, 90033, 90090, 50033, 50087],
        says("Microsoft's service has a passing fault", "their side", "Try again in a while."),
    ),
    (
        &[70016],
        says(
            "nobody has entered the device code yet",
            "the sign-in is not finished in the browser",
            "Finish the sign-in at the address that is shown with the code.",
        ),
    ),
    (
        &[70018, 90119],
        says(
            "the device code is not known",
            "the code was mistyped or belongs to another sign-in",
            "Enter the code that is shown, or start the sign-in again.",
        ),
    ),
    (
        &[70019, 70020],
        says(
            "the device code has expired",
            "the sign-in was not finished within a quarter of an hour",
            "Start the sign-in again.",
        ),
    ),
    (
        &[70043],
        says(
            "the last sign-in is too long ago",
            "a policy sets how often people have to sign in",
            "Sign in again; the tenant's sign-in frequency says when the next time will be.",
        ),
    ),
    (
        &[700082],
        says(
            "the refresh token was not used for too long",
            "nothing was done for more than 90 days",
            "Sign in again.",
        ),
    ),
    (
        &[700084],
        says(
            "the refresh token reached the 24 hours of a single-page app",
            "the redirect address is registered under \"Single-page application\"",
            "Move the redirect address to \"Mobile and desktop applications\" and sign in again.",
        ),
    ),
    (
        &[90002],
        says(
            "the tenant does not exist in this cloud",
            "the GUID or domain is misspelt, or the tenant is in a national cloud",
            "Compare the tenant with the portal's overview page, and the authority's host with its cloud, then: `pintail bookmark edit NAME --tenant TENANT`.",
        ),
    ),
    (
        &[90013, 90014, 900144, 90100, 90102, 9002313, 90023],
        says(
            "the request is malformed",
            "a fault of this program, or a redirect address of a kind that Entra does not take",
            "Report it with the correlation ID.",
        ),
    ),
    (
        &[9002326, 9002327],
        says(
            "only a page in a browser may redeem this code",
            "the redirect address is registered under \"Single-page application\"",
            "Move the redirect address to \"Mobile and desktop applications\".",
        ),
    ),
    (
        &[90019, 90072],
        says(
            "the account belongs to another tenant and is not a guest here",
            "an external account that was never invited",
            "Have the account invited as a guest, or sign in with another account.",
        ),
    ),
    (
        &[90038, 90043, 1000104],
        says(
            "the tenant is in another national cloud",
            "the authority's host belongs to the wrong cloud",
            "Set the host of the tenant's cloud, such as login.microsoftonline.us.",
        ),
    ),
    (
        &[90055],
        says(
            "too many requests came from this tenant",
            "many programs of the company ask at the same time",
            "Try again in a while.",
        ),
    ),
    (
        &[90094, 90095],
        says(
            "an admin has to consent to this app",
            "people may not consent for themselves in this tenant, or a request to the admin is open",
            "Have an admin open the admin consent address of the app.",
        ),
    ),
    (
        &[900561],
        says(
            "the address was opened in a way it does not take",
            "the Back button of the browser",
            "Start the sign-in again.",
        ),
    ),
    (
        &[9001023, 90124, 90130],
        says(
            "this way of signing in does not work at common or consumers",
            "the tenant is set to common or consumers",
            "Name your tenant by its ID or domain: `pintail bookmark edit NAME --tenant TENANT`.",
        ),
    ),
];

const OAUTH: &[(&[&str], Explanation)] = &[
    (
        &["authorization_pending"],
        says(
            "nobody has finished the sign-in yet",
            "the device code is not entered, or the page still asks something",
            "Finish the sign-in at the address that is shown with the code.",
        ),
    ),
    (
        &["slow_down"],
        says(
            "the issuer wants to be asked less often",
            "it is asked more often than it likes",
            "Wait; the next question comes later.",
        ),
    ),
    (
        &["authorization_declined", "access_denied"],
        says(
            "the sign-in was refused",
            "the person said no, or a policy did",
            "Sign in again; if a policy refuses, an admin finds it in the sign-in log.",
        ),
    ),
    (
        &["bad_verification_code"],
        says(
            "the device code is not known",
            "the code was mistyped or belongs to another sign-in",
            "Enter the code that is shown, or start the sign-in again.",
        ),
    ),
    (
        &["expired_token", "code_expired"],
        says(
            "the device code has expired",
            "the sign-in was not finished in time",
            "Start the sign-in again.",
        ),
    ),
    (
        &["invalid_client"],
        says(
            "the issuer does not know the client or wants it to prove itself",
            "the client ID is wrong; at Entra, public client flows are off or the redirect address is under \"Web\"",
            "Compare the client ID with the app registration; at Entra set \"Allow public client flows\" to yes for device codes.",
        ),
    ),
    (
        &["invalid_grant"],
        says(
            "the code or the refresh token is not valid any more",
            "it expired, was used before, or was revoked",
            "Sign in again.",
        ),
    ),
    (
        &["invalid_request"],
        says(
            "the request is malformed or lacks something",
            "a setting of the profile that the issuer does not take, or a fault of this program",
            "Check the profile's redirect address and scopes; if they are right, report it.",
        ),
    ),
    (
        &["invalid_scope"],
        says(
            "the issuer does not give one of the scopes",
            "a scope is misspelt or not allowed for this client",
            "Correct the scopes in the profile.",
        ),
    ),
    (
        &["unauthorized_client"],
        says(
            "the client may not sign people in this way",
            "the grant is not switched on for the client, or the app is not in this tenant",
            "Switch on the authorization code grant (and device codes, where wanted) for the client.",
        ),
    ),
    (
        &["unsupported_grant_type"],
        says(
            "the issuer does not have this way of getting tokens",
            "device codes or refresh tokens are not supported there",
            "Sign in with the browser.",
        ),
    ),
    (
        &["unsupported_response_type"],
        says(
            "the issuer does not give codes in this way",
            "the code flow is switched off for the client",
            "Switch on the authorization code flow for the client.",
        ),
    ),
    (
        &["server_error", "temporarily_unavailable"],
        says("the issuer has a passing fault", "its side", "Try again in a while."),
    ),
    (
        &["interaction_required", "login_required", "account_selection_required"],
        says(
            "the issuer wants to see the person",
            "a policy, a second factor, or the age of the last sign-in",
            "Sign in again with the browser.",
        ),
    ),
    (
        &["consent_required"],
        says(
            "nobody has consented to this app",
            "people may not consent for themselves, or a scope is new",
            "Sign in with the browser and consent, or have an admin consent.",
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number that the facts about Entra list, row by row.
    const KNOWN: &[u32] = &[
        16000, 500011, 50011, 500113, 900971, 50012, 700027, 50014, 50034, 51004, 50020, 500208, 500212,
        500213, 500021, 50002, 50053, 50055, 50126, 50056, 50057, 50058, 50059, 50072, 50079, 50074, 50076,
        50078, 50089, 50097, 50187, 50155, 50105, 50129, 50131, 53000, 53001, 53002, 53003, 53004, 53011,
        530032, 530034, 530035, 50132, 50133, 50173, 50140, 50199, 50125, 65004, 50146, 501461, 50147,
        501481, 501491, 50194, 50196, 54005, 65001, 65002, 650052, 650054, 650056, 650057, 70000, 70008,
        700005, 70001, 7000112, 1000031, 700011, 700016, 70002, 7000215, 7000222, 700025, 7000218, 70003,
        700054, 70005, 70007, 70011, 28002, 28003, 700022, 700023, 70012, 90006, 90024, 90033, 90090, 50033,
        50087, 70016, 70018, 70019, 70020, 70043, 700082, 700084, 90002, 90013, 90014, 900144, 90100, 90102,
        9002313, 90023, 9002326, 9002327, 90019, 90072, 90038, 90043, 1000104, 90055, 90094, 90095, 900561,
        9001023, 90124, 90130, 90119,
    ];

    #[test]
    fn every_known_number_is_explained_once_and_whole() {
        for number in KNOWN {
            assert!(explain_aadsts(*number).is_some(), "{number}");
            assert_eq!(AADSTS.iter().filter(|(numbers, _)| numbers.contains(number)).count(), 1, "{number}");
        }
        let listed: usize = AADSTS.iter().map(|(numbers, _)| numbers.len()).sum();
        assert_eq!(listed, KNOWN.len());
        assert_eq!(explain_aadsts(1), None);
    }

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
            assert!(explain_oauth(code).is_some(), "{code}");
        }
        assert_eq!(explain_oauth(""), None);
    }

    #[test]
    fn texts_are_sentences_a_person_can_act_on() {
        let all = AADSTS.iter().map(|(_, explanation)| explanation).chain(OAUTH.iter().map(|(_, e)| e));
        for Explanation { meaning, cause, fix } in all {
            assert!(
                !meaning.is_empty() && !meaning.ends_with('.') && !cause.is_empty() && !cause.ends_with('.')
            );
            assert!(fix.ends_with('.') && fix.starts_with(char::is_uppercase), "{fix}");
        }
        for number in pintail_identity::oidc::PAGE_ONLY {
            assert!(explain_aadsts(*number).is_some(), "{number}");
        }
    }
}

//! Entra's numbers about accounts, sessions, second factors, devices and policies: the person's side of a sign-in.

use super::entra::Row;
use super::{Check, Who};

pub(super) const ROWS: &[Row] = &[
    Row {
        numbers: &[(16000, "an account has to be chosen, or the chosen one does not belong to this tenant")],
        cause: "the browser is signed in with a personal account or one of another company",
        next: &["Choose another account in the browser, or have this one invited to the tenant as a guest."],
        who: Who::You,
        checks: &[Check::Issuer],
    },
    Row {
        numbers: &[
            (50014, "the account does not exist in this tenant's directory"),
            (50034, "the user name is not one of this tenant"),
            (51004, "the account was not found in this tenant"),
        ],
        cause: "the tenant is the wrong one, or the person was never invited",
        next: &["Compare the tenant with the one that the company uses, or have the account invited."],
        who: Who::EntraAdmin,
        checks: &[Check::Issuer, Check::Discovery],
    },
    Row {
        numbers: &[(50020, "the account comes from elsewhere and is not a guest of this tenant")],
        cause: "a guest was not invited, or the sign-in went to the guest's home tenant",
        next: &["Have the account invited as a guest and use the GUID of the inviting tenant."],
        who: Who::EntraAdmin,
        checks: &[Check::Issuer],
    },
    Row {
        numbers: &[(500208, "this kind of account may not sign in here")],
        cause: "a personal account was used where work accounts are wanted",
        next: &["Sign in with the work or school account."],
        who: Who::You,
        checks: &[Check::Issuer],
    },
    Row {
        numbers: &[
            (
                500212,
                "the account's home tenant does not let its people sign in to other tenants (outbound policy)",
            ),
            (500213, "this tenant does not let people of that other tenant in (inbound policy)"),
        ],
        cause: "a cross-tenant access policy keeps partners out",
        next: &["Ask the admins of both tenants to change their cross-tenant access settings."],
        who: Who::EntraAdmin,
        checks: &[Check::Issuer],
    },
    Row {
        numbers: &[
            (500021, "the company network does not let people sign in to this tenant"),
            (50002, "the tenant is not on the list that the company's proxy restricts sign-ins to"),
        ],
        cause: "a proxy adds tenant restrictions, and this tenant is not on its list",
        next: &["Ask the network's admin to add the tenant to the list."],
        who: Who::NetworkAdmin,
        checks: &[Check::Proxy],
    },
    Row {
        numbers: &[(50053, "the account is locked, or the sign-in came from an address with a bad name")],
        cause: "too many wrong passwords, or a network that attackers use as well",
        next: &["Wait a while, try from another network, or have an admin unblock the account."],
        who: Who::EntraAdmin,
        checks: &[],
    },
    Row {
        numbers: &[
            (50055, "the password has expired"),
            (50126, "user name or password is wrong"),
            (50056, "the account has no password, or it is missing in this tenant's directory"),
            (50057, "the account is disabled"),
        ],
        cause: "the account itself, not the app",
        next: &["Have the password reset or the account enabled, then sign in again."],
        who: Who::EntraAdmin,
        checks: &[],
    },
    Row {
        numbers: &[(50058, "there is no session in the browser that could be used without asking")],
        cause: "a sign-in without interaction was asked for",
        next: &["Sign in with the browser."],
        who: Who::You,
        checks: &[Check::Browser],
    },
    Row {
        numbers: &[
            (50072, "a second factor has to be registered first"),
            (50079, "a policy has begun to demand a second factor, and none is registered"),
        ],
        cause: "the account is new, or a policy has begun to demand one",
        next: &["Sign in with the browser and follow the registration there."],
        who: Who::You,
        checks: &[Check::Browser],
    },
    Row {
        numbers: &[
            (50074, "a second factor is needed"),
            (50076, "a second factor is needed now, because a policy or the place changed"),
            (50078, "the second factor was shown too long ago"),
        ],
        cause: "a policy, a change of network, or the age of the last sign-in",
        next: &["Sign in again with the browser."],
        who: Who::You,
        checks: &[Check::Browser],
    },
    Row {
        numbers: &[(50089, "the sign-in page was open for too long")],
        cause: "the page was left and taken up again later",
        next: &["Start the sign-in again."],
        who: Who::You,
        checks: &[],
    },
    Row {
        numbers: &[
            (50097, "the device has to prove who it is, and did not"),
            (50187, "the proof of the device was tried, and failed"),
            (50155, "the device's proof was not accepted for this person"),
        ],
        cause: "the browser does not pass on the device's identity, or a device code was used",
        next: &[
            "Sign in with the browser that the company manages (Edge, or Chrome with its Microsoft extension).",
        ],
        who: Who::You,
        checks: &[Check::Browser],
    },
    Row {
        numbers: &[(50105, "the person is not assigned to the app, and the app demands it")],
        cause: "\"Assignment required\" is on in the enterprise app",
        next: &["Have an admin assign the person or their group under \"Enterprise applications\"."],
        who: Who::EntraAdmin,
        checks: &[Check::Client],
    },
    Row {
        numbers: &[(50129, "the device is not joined to the company")],
        cause: "a policy demands a joined device",
        next: &["Sign in from a device that is joined."],
        who: Who::You,
        checks: &[],
    },
    Row {
        numbers: &[
            (50131, "a policy refuses the device's state, or the sign-in is too risky"),
            (53000, "a Conditional Access policy demands a device that complies with the company's rules"),
            (53001, "a Conditional Access policy demands a device that is joined to the domain"),
            (53002, "a Conditional Access policy demands an app that is approved, and this one is not"),
            (53003, "a Conditional Access policy refuses the sign-in"),
            (53004, "a second factor has to be set up first, and the sign-in is too risky to do it now"),
            (53011, "the account is blocked because its home tenant finds it too risky"),
            (530032, "the tenant's security policy refuses the sign-in"),
            (530034, "the delegated admin's sign-in is blocked because the account is found too risky"),
            (530035, "the tenant's security defaults refuse the sign-in"),
        ],
        cause: "the device is not compliant, the place or risk is not accepted, or the device code flow is blocked",
        next: &[
            "Sign in with the browser on a compliant device; an admin finds the policy in the sign-in log by the correlation ID.",
        ],
        who: Who::EntraAdmin,
        checks: &[Check::Browser],
    },
    Row {
        numbers: &[
            (50132, "the session is not valid any more"),
            (50133, "the session ended because the password changed or expired"),
            (50173, "the permission to stay signed in was revoked"),
        ],
        cause: "the password changed, or an admin ended all sessions",
        next: &["Sign in again."],
        who: Who::You,
        checks: &[Check::Token],
    },
    Row {
        numbers: &[
            (50140, "the page asked whether to stay signed in, and was left"),
            (50199, "the page asked whether this app is really meant, and was left or answered with no"),
            (50125, "the sign-in was interrupted to reset or register a password"),
            (65004, "the person declined what the app asked for"),
        ],
        cause: "a question in the browser (stay signed in, this app, permissions) was left open or answered with no",
        next: &["Sign in again and answer the question in the browser."],
        who: Who::You,
        checks: &[],
    },
    Row {
        numbers: &[(70043, "the last sign-in is too long ago")],
        cause: "a policy sets how often people have to sign in",
        next: &["Sign in again; the tenant's sign-in frequency says when the next time will be."],
        who: Who::You,
        checks: &[Check::Token],
    },
    Row {
        numbers: &[(700082, "the refresh token was not used for too long")],
        cause: "nothing was done for more than 90 days",
        next: &["Sign in again."],
        who: Who::You,
        checks: &[Check::Token],
    },
    Row {
        numbers: &[
            (90019, "the tenant could not be told from the account"),
            (90072, "the account belongs to another tenant and is not a guest here"),
        ],
        cause: "an external account that was never invited",
        next: &["Have the account invited as a guest, or sign in with another account."],
        who: Who::EntraAdmin,
        checks: &[Check::Issuer],
    },
];

//! Entra's numbers about app registrations: redirect addresses, kinds of client, consent, claims, secrets.

use super::entra::Row;
use super::{Check, Who};

pub(super) const ROWS: &[Row] = &[
    Row {
        numbers: &[(500011, "the API named by a scope does not exist in this tenant")],
        cause: "a scope names an API that is not needed here",
        next: &["Remove that scope from the profile; openid, profile and offline_access are enough."],
        who: Who::You,
        checks: &[Check::Client],
    },
    Row {
        numbers: &[(50011, "the redirect address is not one of the app registration's")],
        cause: "the address is missing there, differs in case or path, or says 127.0.0.1 where localhost is registered",
        next: &[
            "Add the exact address to the app registration under \"Mobile and desktop applications\"; http://localhost covers every port.",
        ],
        who: Who::EntraAdmin,
        checks: &[Check::Redirect],
    },
    Row {
        numbers: &[
            (500113, "the app registration has no redirect address"),
            (900971, "the request names no redirect address, and the app registration has none either"),
        ],
        cause: "the registration was made without a platform",
        next: &["Add http://localhost to the app registration under \"Mobile and desktop applications\"."],
        who: Who::EntraAdmin,
        checks: &[Check::Redirect],
    },
    Row {
        numbers: &[
            (50012, "the signature that stands for the app's certificate was not accepted"),
            (700027, "the signature that stands for the app was made with a key that is not registered"),
        ],
        cause: "the certificate in use is not the one uploaded to the app registration, or it has expired",
        next: &["Upload the certificate in use to the app registration, or use the one that is there."],
        who: Who::EntraAdmin,
        checks: &[Check::ClientKind],
    },
    Row {
        numbers: &[
            (50146, "custom claims are set up, and the app has no signing key of its own for them"),
            (501461, "custom claims are set up, and the app may not receive them"),
        ],
        cause: "the app registration does not accept mapped claims, or is open to other tenants",
        next: &[
            "Set api.acceptMappedClaims in the manifest of a single-tenant app; a signing key of the app's own would make AWS refuse its tokens.",
        ],
        who: Who::EntraAdmin,
        checks: &[Check::Claims, Check::Token],
    },
    Row {
        numbers: &[(50194, "the app is open to one tenant only and the request named none")],
        cause: "the tenant is set to common or organizations",
        next: &["Name your tenant by its ID or domain: `pintail bookmark edit NAME --tenant TENANT`."],
        who: Who::You,
        checks: &[Check::Issuer],
    },
    Row {
        numbers: &[(65001, "nobody has consented to this app")],
        cause: "people may not consent for themselves in this tenant, or a scope is new",
        next: &["Have an admin open the admin consent address of the app: {consent}."],
        who: Who::EntraAdmin,
        checks: &[Check::Client],
    },
    Row {
        numbers: &[(65002, "the app belongs to Microsoft and may not ask for this")],
        cause: "the client ID of one of Microsoft's own apps is in use",
        next: &["Register an app of your own and use its client ID."],
        who: Who::EntraAdmin,
        checks: &[Check::Client],
    },
    Row {
        numbers: &[
            (650052, "the app needs an API that the tenant has not subscribed to or enabled"),
            (650054, "the app asks for permissions on an API that was removed or is not there"),
            (650056, "the app registration is not set up right: its permissions do not fit the request"),
            (650057, "the API that is asked for is not among the permissions of the app registration"),
        ],
        cause: "a scope is not among the required permissions, or its API is not in the tenant",
        next: &["Correct the API permissions of the app registration, or the scopes in the profile."],
        who: Who::EntraAdmin,
        checks: &[Check::Client],
    },
    Row {
        numbers: &[
            (70001, "the app is not there or is disabled"),
            (7000112, "the app is disabled"),
            (1000031, "the app cannot be used now: it was switched off"),
        ],
        cause: "an admin or Microsoft switched it off",
        next: &["Have an admin enable the app under \"Enterprise applications\"."],
        who: Who::EntraAdmin,
        checks: &[Check::Client],
    },
    Row {
        numbers: &[
            (700011, "the app was not found in this tenant's directory"),
            (700016, "the app does not exist in this tenant"),
        ],
        cause: "the client ID or the tenant is wrong",
        next: &[
            "Compare both with the app registration's overview page, then: `pintail bookmark edit NAME --tenant TENANT --client-id ID`.",
        ],
        who: Who::You,
        checks: &[Check::Client, Check::Issuer],
    },
    Row {
        numbers: &[
            (70002, "the app's own proof (secret or certificate) was not accepted"),
            (7000215, "the client secret is wrong"),
            (7000222, "the client secret has expired"),
        ],
        cause: "a confidential client is set up, often with the secret's ID in place of its value",
        next: &["Make a new secret and use its value, or use a public client without a secret."],
        who: Who::EntraAdmin,
        checks: &[Check::ClientKind],
    },
    Row {
        numbers: &[(700025, "the app is a public client and a secret was sent")],
        cause: "the profile holds a client secret",
        next: &["Remove the client secret from the profile."],
        who: Who::You,
        checks: &[Check::ClientKind],
    },
    Row {
        numbers: &[(7000218, "the issuer wants a client secret or a certificate")],
        cause: "the redirect address is registered under \"Web\", or a device code is used and public client flows are off",
        next: &[
            "Move the redirect address to \"Mobile and desktop applications\"; for device codes set \"Allow public client flows\" to yes.",
        ],
        who: Who::EntraAdmin,
        checks: &[Check::ClientKind, Check::Redirect],
    },
    Row {
        numbers: &[(700084, "the refresh token reached the 24 hours of a single-page app")],
        cause: "the redirect address is registered under \"Single-page application\"",
        next: &["Move the redirect address to \"Mobile and desktop applications\" and sign in again."],
        who: Who::EntraAdmin,
        checks: &[Check::ClientKind],
    },
    Row {
        numbers: &[
            (9002326, "a code of a single-page app was redeemed from somewhere that is no page"),
            (9002327, "only a page in a browser may redeem this code"),
        ],
        cause: "the redirect address is registered under \"Single-page application\"",
        next: &["Move the redirect address to \"Mobile and desktop applications\"."],
        who: Who::EntraAdmin,
        checks: &[Check::ClientKind],
    },
    Row {
        numbers: &[
            (90094, "an admin has to consent to this app"),
            (90095, "an admin has to consent to this app, and a request to the admin can be made or is open"),
        ],
        cause: "people may not consent for themselves in this tenant, or a request to the admin is open",
        next: &["Have an admin open the admin consent address of the app: {consent}."],
        who: Who::EntraAdmin,
        checks: &[Check::Client],
    },
];

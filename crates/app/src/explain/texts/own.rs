//! What this program's own errors mean, where no service has a code for them.

use pintail_core::pasted::own as said;

use super::{Check, Text, Who, text};

/// Returns the text of one of [`pintail_core::pasted::own`].
pub(crate) fn of(code: &str) -> Option<&'static Text> {
    ALL.iter().find(|(listed, _)| *listed == code).map(|(_, text)| text)
}

pub(crate) const TOKEN_TIME: Text = text(
    "own-token-time",
    "the ID token's times do not fit this machine's clock",
    "the clock is off by more than five minutes",
    &["Set this machine's clock: it differs from the issuer's by more than five minutes."],
    Who::You,
    &[Check::Clock],
);

pub(crate) const TOKEN_AUDIENCE: Text = text(
    "own-token-audience",
    "the ID token was made for another client",
    "the client ID of the bookmark is not that of the app that signs in",
    &["Compare the bookmark's client ID with the app registration."],
    Who::You,
    &[Check::Claims, Check::Client],
);

pub(crate) const TOKEN_ISSUER: Text = text(
    "own-token-issuer",
    "the ID token is of another issuer or tenant",
    "the bookmark's tenant is not the one that signed the person in",
    &["Compare the bookmark's tenant with the one that signs you in: `pintail bookmark show`."],
    Who::You,
    &[Check::Issuer, Check::Claims],
);

pub(crate) const TOKEN_NONCE: Text = text(
    "own-token-nonce",
    "the ID token is not the answer to this sign-in",
    "an old answer came again",
    &["Sign in again. If it happens again, somebody plays back old answers: tell your admin."],
    Who::You,
    &[Check::Token],
);

pub(crate) const TOKEN_SIGNATURE: Text = text(
    "own-token-signature",
    "the ID token cannot be believed",
    "its signature is wrong, or of a key that the issuer does not publish (an app with a signing key of its own)",
    &[
        "The token was not believed and nothing was done with it. If the issuer is the right one, tell its admin.",
    ],
    Who::IssuerAdmin,
    &[Check::Token],
);

pub(crate) const READ_ONLY: Text = text(
    "own-read-only",
    "the bookmark is read-only",
    "it was made so, here or by whoever shared it",
    &["Use another bookmark, or take the mark off: `pintail bookmark edit NAME --read-only=false`."],
    Who::You,
    &[],
);

pub(crate) const LED_ELSEWHERE: Text = text(
    "own-led-elsewhere",
    "the bookmark leads elsewhere than when it was taken",
    "somebody changed its file: issuer, client, role or endpoint",
    &[
        "If you do not know why, do not go on: your sign-in and your data would go there. Ask whoever gave you the bookmark.",
    ],
    Who::You,
    &[],
);

pub(crate) const ALL: &[(&str, Text)] = &[
    (said::TOKEN_TIME, TOKEN_TIME),
    (said::TOKEN_AUDIENCE, TOKEN_AUDIENCE),
    (said::TOKEN_ISSUER, TOKEN_ISSUER),
    (said::TOKEN_NONCE, TOKEN_NONCE),
    (said::TOKEN_SIGNATURE, TOKEN_SIGNATURE),
    (said::READ_ONLY, READ_ONLY),
    (said::LED_ELSEWHERE, LED_ELSEWHERE),
    (
        said::TIMED_OUT,
        text(
            "own-timed-out",
            "nothing came back from the browser",
            "the page showed an error, which never comes back here (50011, 700016, 90002, 50194, 50105, 50020); or the browser does not reach this machine",
            &[
                "If the page showed a number that begins with AADSTS: `pintail explain NUMBER`.",
                "If the page ended on an address that did not load, the browser does not reach this machine: use --paste.",
            ],
            Who::You,
            &[Check::Redirect, Check::Client, Check::Loopback],
        ),
    ),
    (
        said::NOT_SIGNED_IN,
        text(
            "own-not-signed-in",
            "nobody is signed in",
            "there was no sign-in yet, or `pintail logout` ended it",
            &["Sign in: `pintail login`."],
            Who::You,
            &[Check::Keychain],
        ),
    ),
    (
        said::KEYCHAIN,
        text(
            "own-keychain",
            "the stored sign-in could not be read or written",
            "the keychain is locked or away, or an entry is damaged",
            &[
                "Choose another place with PINTAIL_KEYCHAIN: secret-service, keyutils or file.",
                "If a stored entry is damaged, `pintail logout` removes it; then sign in again.",
            ],
            Who::You,
            &[Check::Keychain],
        ),
    ),
    (
        said::LISTEN,
        text(
            "own-listen",
            "this machine does not let Pintail wait for the browser's answer",
            "the port of the redirect address is in use, or loopback is closed",
            &["Try another way back: --paste takes the address that the browser ends on."],
            Who::You,
            &[Check::Loopback],
        ),
    ),
    (
        said::BROWSER,
        text(
            "own-no-browser",
            "there is no browser that could be opened",
            "a machine without a screen, or no program for addresses",
            &[
                "Use --no-browser, and open the address wherever you have a browser: `pintail login --no-browser`.",
            ],
            Who::You,
            &[Check::Browser],
        ),
    ),
];

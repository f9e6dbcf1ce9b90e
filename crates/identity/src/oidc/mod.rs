//! Sign-in: OpenID Connect as steps without a network, and the drivers that perform them.
//!
//! ```text
//!   Client, SignInOptions ──► flow::SignIn ──► Step ──► Driver ──► HttpClient, Browser, RedirectReceiver
//!    (authority, client ID)   authorize · token · device · token_check              loopback · scheme · paste
//! ```
//!
//! Pure files hold the protocol: what is sent ([`authorize`](self), `token`, `device`, `client_auth`), what comes back
//! (`discovery`, `jwks`, `claims`, `oauth_error`, `redirect/answer`), what is believed (`authority`, `token_check`) and
//! in which order (`flow`). Four files touch the system: `drive` (time and the network, over seams), `browser`
//! (starts the opener), `redirect/` (sockets) and `handler` (the desktop's files).
//!
//! What the app calls: a [`Driver`] with [`Driver::sign_in`], [`Driver::sign_in_by_device_code`] and
//! [`Driver::renew`]; one of [`Loopback`], [`scheme::Scheme`], [`Pasted`] or [`Either`] to receive the answer; a
//! [`SystemBrowser`] or [`NoBrowser`]; [`sign_out_url`] to end the browser's session; [`handler`] to become the
//! handler of a scheme. Storing tokens, exchanging them at AWS, and saying what an issuer's error means to a person are
//! others' work.

mod authority;
mod authorize;
mod browser;
mod claims;
mod client_auth;
mod device;
mod discovery;
mod drive;
mod end_session;
mod flow;
#[doc(hidden)]
pub mod fuzzing;
#[cfg(unix)]
pub mod handler;
mod jwks;
mod oauth_error;
mod pkce;
mod redirect;
#[cfg(test)]
mod testing;
mod token;
mod token_check;
pub(crate) mod untrusted;

pub use authority::{
    Authority, AuthorityError, ENTRA_CHINA, ENTRA_GLOBAL, ENTRA_US_GOVERNMENT, IssuerMismatch, IssuerRule,
};
pub use authorize::{Prompt, ScopeError, Scopes, SignInOptions};
pub use browser::{Browser, BrowserError, NoBrowser, SystemBrowser};
pub use claims::{AWS_ROLES, ClaimError, Claims};
pub use client_auth::{ClientAuthentication, ClientCertificate, ClientCertificateError};
pub use device::{DeviceError, DevicePrompt, WARNING as DEVICE_WARNING};
pub use discovery::{DiscoveryError, Endpoint, Metadata};
pub use drive::{Awaited, DriveError, Driver, Event, PAGE_ONLY, TIME_MAX};
pub use end_session::{SignOutOptions, sign_out_url};
pub use flow::{Fetch, Input, KnownIssuer, Now, Renewal, Replay, SignIn, SignInError, Step, Tokens};
pub use jwks::{Algorithm, Key, KeyCache, KeyNeed, KeyNotFound, KeySet, KeySetError};
pub use oauth_error::IssuerError;
pub use pkce::RequestId;
#[cfg(unix)]
pub use redirect::scheme;
pub use redirect::{
    AnswerRefusal, Arrival, Either, Expected, FOREIGN_ANSWERS_MAX, Loopback, LoopbackHost, LoopbackOptions,
    Notice, Outcome, Pasted, RedirectError, RedirectReceiver, Whose,
};
pub use token::{Client, passing_fault};
pub use token_check::{CLOCK_SLACK, Expectation, Identity, Nonce, TokenRefusal, check_id_token};
pub use untrusted::Personal;

// What IAM Identity Center's sign-in, a dialect of the same flows, is built from as well.
pub(crate) use authority::secure_url;
pub(crate) use device::{Polled, Polling};
pub(crate) use pkce::{Verifier, random_text};
pub(crate) use redirect::Answer;
pub(crate) use token::seconds;
pub(crate) use untrusted::{WORD_CHARS_MAX, printable};

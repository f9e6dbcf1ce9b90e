//! Sign-in: OpenID Connect as steps without a network, and the drivers that perform them.

mod aadsts;
mod authority;
mod authorize;
mod browser;
mod claims;
mod client_auth;
mod device;
mod discovery;
mod end_session;
mod flow;
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
mod untrusted;

pub use aadsts::*;
pub use authority::*;
pub use authorize::*;
pub use browser::*;
pub use claims::*;
pub use client_auth::*;
pub use device::*;
pub use discovery::*;
pub use end_session::*;
pub use flow::*;
pub use jwks::*;
pub use oauth_error::*;
pub use pkce::*;
pub use redirect::*;
pub use token::*;
pub use token_check::*;
pub use untrusted::Personal;

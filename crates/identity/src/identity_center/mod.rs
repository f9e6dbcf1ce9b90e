//! AWS IAM Identity Center: one sign-in at AWS, any number of accounts and roles.
//!
//! ```text
//!   IdentityCenterConfig ──► IdentityCenter ──► RoleCredentials (a source::Provider)
//!    (start URL, region)      sign_in · center       GetRoleCredentials
//!                             record · cli_cache
//! ```
//!
//! Two services stand behind it, neither asked with signed requests. The sign-in service (`sso-oidc`, [`sign_in_api`](self))
//! registers this program as a client and gives an access token, by authorization code with PKCE or by device code; it
//! speaks OAuth in JSON with its own names, so drivers, prompts and checks are those of [`oidc`](crate::oidc) where
//! the flows are the same. The portal ([`portal`](self)) lists accounts and roles and turns the token into credentials.
//! Registration and token are kept in the keychain ([`record`](self)), the token is renewed before its end by one process for all,
//! and a token that the AWS CLI got may stand in for ours ([`cli_cache`](self)); it is never written back.
//!
//! Pure: `answer`, `cli_cache`, `config`, `portal`, `sign_in_api`. The others work over the seams.

mod answer;
mod center;
mod cli_cache;
mod config;
mod error;
mod portal;
mod record;
mod role_credentials;
mod sign_in;
mod sign_in_api;
#[cfg(test)]
mod tests;

pub use answer::AnswerError;
pub use center::{CenterContext, CenterOptions, CenterSignedOut, CenterStatus, IdentityCenter, TokenOrigin};
pub use cli_cache::{CliCache, CliToken, CliTokenProblem, cli_cache_file, read_cli_token};
pub use config::{ACCOUNT_ACCESS, ConfigError, IdentityCenterConfig, StartUrl};
pub use error::{CenterError, SignInEnd};
pub use portal::{Account, PortalCall, PortalError, PortalErrorKind};
pub use role_credentials::RoleCredentials;
pub use sign_in::{EventSink, loopback_options};

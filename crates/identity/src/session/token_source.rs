//! Where ID tokens come from: the one thing a session needs of sign-in.

use std::sync::Arc;

use jiff::Timestamp;
use pintail_core::retry::Retry;
use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;

use crate::sts::TokenFacts;

/// Tokens just received and checked.
#[derive(Clone, Debug)]
pub struct FreshTokens {
    /// The ID token. Never the access token.
    pub id_token: Secret,
    /// What it says.
    pub facts: TokenFacts,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The person's name as the issuer tells it (`preferred_username`), for the session's name and for `whoami`.
    pub session_name_hint: Option<String>,
    /// The roles that the issuer lets the person take, as its signed claim lists them. Empty where it does not say.
    pub offered_roles: Vec<String>,
    /// The refresh token, when the issuer gave a new one. `None` keeps the old one.
    pub refresh_token: Option<Secret>,
}

/// Why there is no new ID token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenSourceError {
    /// The issuer could not be asked, or failed.
    #[error("the ID token could not be renewed")]
    Failed {
        /// What would have to change.
        retry: Retry,
        /// What the issuer or the network said.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The issuer wants to see the person: the refresh token is over, revoked, missing, or a policy asks for more.
    #[error("the issuer asks for a new sign-in")]
    SignInAgain {
        /// What the issuer said, if it was asked.
        #[source]
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
}

/// Gives new ID tokens without the person.
///
/// Contract: the ID token is checked (signature as the issuer requires, issuer, audience, expiry, same subject as
/// `previous`) before it is returned; apart from repeating a request whose answer was lost or was a passing fault, the issuer is
/// asked once per call; no window is opened. Such a repetition sends the same refresh token again, and an issuer that had
/// replaced it already may refuse it: there is no other token to send, and issuers that rotate forgive a second use soon
/// after the first.
pub trait TokenSource: Send + Sync + std::fmt::Debug {
    /// Gets a new ID token for the refresh token of an earlier sign-in.
    fn fresh_id_token(
        &self,
        refresh_token: Option<Secret>,
        previous: Option<TokenFacts>,
    ) -> BoxFuture<'_, Result<FreshTokens, TokenSourceError>>;
}

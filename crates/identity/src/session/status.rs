//! What can be told about a session without asking anyone.

use std::sync::Arc;

use jiff::Timestamp;
use pintail_core::name::RoleArn;

use super::SignInIdentity;
use super::error::SessionError;
use super::record::{RecordStore, SignInRecord};
use crate::keychain::{Keychain, KeychainKind};

/// How a session goes on when its credential ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenewalMeans {
    /// Not at all: the issuer gave no refresh token.
    None,
    /// By the refresh token, without the person.
    RefreshToken,
}

/// A session, for `whoami`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionStatus {
    /// The person's name as the issuer tells it.
    pub person: Option<String>,
    /// The issuer.
    pub issuer: String,
    /// The last four characters of the subject.
    pub subject: String,
    /// When the person signed in.
    pub signed_in_at: Timestamp,
    /// The role whose session is handed out.
    pub role: RoleArn,
    /// The session as AWS names it, when there is a credential and the server told.
    pub assumed_role_arn: Option<String>,
    /// When the present credential was issued, when there is one.
    pub issued_at: Option<Timestamp>,
    /// When the present credential ends.
    pub expires_at: Option<Timestamp>,
    /// How the session goes on.
    pub renewal: RenewalMeans,
    /// The kind of keychain the sign-in is kept in.
    pub kept_in: KeychainKind,
}

/// What a sign-out removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedOut {
    /// Whether there was a sign-in.
    pub was_signed_in: bool,
    /// How many credentials were removed with it. AWS honours a copy of one until its end.
    pub credentials_removed: usize,
}

/// Returns the roles that the issuer offers a signed-in person by its signed claim: none where it does not say, `None` where
/// nobody is signed in.
///
/// # Errors
/// When the keychain cannot be read.
pub async fn offered_roles(
    keychain: Arc<dyn Keychain>,
    identity: &SignInIdentity,
) -> Result<Option<Vec<String>>, SessionError> {
    let record = RecordStore(keychain).read::<SignInRecord>(&identity.sign_in_entry()).await;
    Ok(record.map_err(super::renewal::session_error)?.map(|record| record.offered_roles))
}

//! The credentials of one role in one account, fetched with a sign-in at IAM Identity Center.

use std::sync::Arc;

use pintail_core::credential::Credential;
use pintail_core::name::AccountId;
use pintail_core::retry::Retry;
use pintail_core::seam::BoxFuture;

use super::center::IdentityCenter;
use super::error::CenterError;
use super::portal::PortalErrorKind;
use crate::oidc::{WORD_CHARS_MAX, printable};
use crate::source::{Provider, ProviderError};

/// Fetches credentials of a role (permission set) in an account.
#[derive(Clone, Debug)]
pub struct RoleCredentials {
    center: Arc<IdentityCenter>,
    account: AccountId,
    role: String,
}

impl RoleCredentials {
    /// Names the role, as [`IdentityCenter::list_roles`] gives it.
    pub fn new(center: Arc<IdentityCenter>, account: AccountId, role: impl Into<String>) -> Self {
        Self { center, account, role: role.into() }
    }

    fn error(&self, error: CenterError) -> ProviderError {
        const SIGN_IN: &str = "Sign in to IAM Identity Center again.";
        const CHOOSE: &str = "Choose an account and a role that are assigned to you, or ask your administrator to assign this one.";
        let Self { account, .. } = self;
        let role = printable(&self.role, WORD_CHARS_MAX);
        let start_url = &self.center.config().start_url;
        let refusal = match &error {
            CenterError::Portal(error) => Some(error.kind),
            _ => None,
        };
        let retry = error.retry();
        let (what, next) = match (refusal, retry) {
            (Some(PortalErrorKind::NoAccess), _) => (
                format!("the role \"{role}\" in account {account} is not assigned to you at {start_url}"),
                Some(CHOOSE),
            ),
            (Some(PortalErrorKind::NotFound), _) => {
                (format!("{start_url} knows no role \"{role}\" in account {account}"), Some(CHOOSE))
            }
            (Some(PortalErrorKind::RequestInvalid), _) => (
                format!("{start_url} does not take \"{role}\" in account {account} for a role"),
                Some("Check the account's number and the role's name."),
            ),
            (Some(PortalErrorKind::Throttled), _) => {
                (format!("{start_url} is asked too often"), Some("Wait a minute, then try again."))
            }
            (_, Retry::AfterSignIn) if matches!(error, CenterError::NotSignedIn) => {
                (format!("nobody is signed in at {start_url}"), Some("Sign in to IAM Identity Center."))
            }
            (_, Retry::AfterSignIn) => (format!("the sign-in at {start_url} is over"), Some(SIGN_IN)),
            _ => {
                (format!("{start_url} gave no credential of the role \"{role}\" in account {account}"), None)
            }
        };
        ProviderError { what, next: next.map(str::to_owned), retry, source: Some(Arc::new(error)) }
    }
}

impl Provider for RoleCredentials {
    fn fetch(&self) -> BoxFuture<'_, Result<Credential, ProviderError>> {
        Box::pin(async {
            let fetched = self.center.role_credential(&self.account, &self.role).await;
            fetched.map_err(|error| self.error(error))
        })
    }
}

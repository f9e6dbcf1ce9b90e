//! `GetSessionToken`: a session of the user that owns a pair of keys, mostly to show a second factor once and work for hours.

use std::sync::Arc;
use std::time::Duration;

use pintail_core::credential::{Credential, CredentialSource};
use pintail_core::retry::Retry;
use pintail_core::seam::BoxFuture;

use super::assume_role::{base_credential, say_refused, within};
use super::mfa::{Mfa, after};
use super::{Provider, ProviderContext, ProviderError};
use crate::sts::{SessionTokenRequest, session_token};

/// Where and for how long.
pub type SessionTokenConfig = SessionTokenRequest;

/// Fetches a session of the keys' own user.
#[derive(Clone, Debug)]
pub struct SessionToken {
    context: ProviderContext,
    base: Arc<dyn CredentialSource>,
    request: SessionTokenRequest,
    mfa: Option<Mfa>,
}

impl SessionToken {
    /// The shortest session (STS API reference, `GetSessionToken`).
    pub const SHORTEST: Duration = Duration::from_secs(900);
    /// The longest one.
    pub const LONGEST: Duration = Duration::from_secs(36 * 3600);

    /// Buys a session with the keys of `base`, with a code of the device where one is given.
    ///
    /// # Errors
    /// When the duration is not one that STS takes.
    pub fn new(
        context: ProviderContext,
        base: Arc<dyn CredentialSource>,
        request: SessionTokenConfig,
        mfa: Option<Mfa>,
    ) -> Result<Self, ProviderError> {
        if let Some(duration) =
            request.duration.filter(|asked| !(Self::SHORTEST..=Self::LONGEST).contains(asked))
        {
            let what = format!("a session of {} s is not one of 900 s to 36 h", duration.as_secs());
            return Err(ProviderError::new(what, Retry::Never));
        }
        Ok(Self { context, base, request, mfa })
    }

    async fn fetch_now(&self) -> Result<Credential, ProviderError> {
        let what = "STS gave no session for the keys";
        let base = base_credential(&*self.base, what).await?;
        // STS would say AccessDenied, which helps nobody; and the code would be spent.
        if base.session_token.is_some() {
            let what =
                format!("{what}: they are temporary themselves, and a session is bought with lasting keys");
            return Err(ProviderError::new(what, Retry::Never));
        }
        let proof = match &self.mfa {
            Some(mfa) => Some(mfa.proof().await?),
            None => None,
        };
        let asked = session_token(self.context.sts(), &base, &self.request, proof.as_ref());
        let exchanged = within(&self.request.endpoint, asked).await.map_err(|error| {
            say_refused(&*self.base, &base, &error);
            match &self.mfa {
                Some(mfa) => mfa.failed(what, error),
                None => ProviderError::new(what, after(&error)).because(error),
            }
        })?;
        Ok(exchanged.credential)
    }
}

impl Provider for SessionToken {
    fn fetch(&self) -> BoxFuture<'_, Result<Credential, ProviderError>> {
        Box::pin(self.fetch_now())
    }

    fn needs_person(&self) -> bool {
        self.mfa.is_some()
    }
}

//! The issuer as a source of ID tokens: renews sign-ins without the person.

use std::sync::{Arc, Mutex};

use pintail_core::retry::Retry;
use pintail_core::seam::{BoxFuture, Clock, HttpClient, Random};
use pintail_core::secret::Secret;
use pintail_identity::oidc::{
    self, Client, Driver, Identity as Subject, KnownIssuer, Renewal, Scopes, Tokens,
};
use pintail_identity::session::{FreshTokens, TokenSource, TokenSourceError};
use pintail_identity::sts::TokenFacts;

/// Puts checked tokens into the form that a session takes.
#[must_use]
pub fn fresh(tokens: Tokens) -> FreshTokens {
    let claims = &tokens.claims;
    let person = claims.preferred_username.as_ref().or(claims.email.as_ref()).or(claims.name.as_ref());
    FreshTokens {
        facts: TokenFacts {
            issuer: claims.issuer.clone(),
            audience: claims.audiences.clone(),
            authorized_party: claims.authorized_party.clone(),
            subject: claims.subject.expose().to_owned(),
            expires_at: claims.expires_at,
        },
        expires_at: claims.expires_at,
        offered_roles: claims.aws_roles(),
        session_name_hint: person.map(|person| person.expose().to_owned()),
        id_token: tokens.id_token,
        refresh_token: tokens.refresh_token,
    }
}

/// The issuer as a source of ID tokens: renews sign-ins without the person.
#[derive(Debug)]
pub(crate) struct IssuerTokens {
    client: Client,
    scopes: Scopes,
    http: Arc<dyn HttpClient>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    known: Mutex<KnownIssuer>,
}

impl IssuerTokens {
    pub(crate) fn new(
        client: Client,
        scopes: Scopes,
        http: Arc<dyn HttpClient>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { client, scopes, http, clock, random, known: Mutex::default() }
    }

    async fn renew(
        &self,
        refresh_token: Secret,
        previous: &TokenFacts,
    ) -> Result<FreshTokens, TokenSourceError> {
        let renewal = Renewal {
            refresh_token,
            scopes: self.scopes.clone(),
            identity: Subject { issuer: previous.issuer.clone(), subject: previous.subject.clone() },
            nonce: None,
        };
        let silent = |_: oidc::Event<'_>| {};
        let driver = Driver::new(self.http.as_ref(), self.clock.as_ref(), self.random.as_ref(), &silent);
        let mut known = self.known.lock().expect("no holder of this lock panics").clone();
        let renewed = driver.renew(&self.client, &renewal, &mut known).await;
        *self.known.lock().expect("no holder of this lock panics") = known;
        renewed.map(fresh).map_err(|error| {
            let retry = error.retry();
            let source: Arc<dyn std::error::Error + Send + Sync> = Arc::new(error);
            match retry {
                Retry::AfterSignIn => TokenSourceError::SignInAgain { source: Some(source) },
                retry => TokenSourceError::Failed { retry, source },
            }
        })
    }
}

impl TokenSource for IssuerTokens {
    fn fresh_id_token(
        &self,
        refresh_token: Option<Secret>,
        previous: Option<TokenFacts>,
    ) -> BoxFuture<'_, Result<FreshTokens, TokenSourceError>> {
        Box::pin(async move {
            match (refresh_token, previous) {
                (Some(token), Some(previous)) => self.renew(token, &previous).await,
                _ => Err(TokenSourceError::SignInAgain { source: None }),
            }
        })
    }
}

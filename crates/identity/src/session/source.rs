//! The session itself: a fresh credential from memory, and one renewal at a time in this process.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use pintail_core::credential::{Credential, CredentialError, CredentialSource, Freshness, RenewalRule};
use pintail_core::retry::Retry;
use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;

use super::config::{RoleConfig, SessionContext, SessionOptions, SignInIdentity};
use super::error::{SessionError, credential_error};
use super::flight::{Flight, Flights, PAUSE_WHEN_OVER, PAUSE_WHILE_VALID};
use super::record::{RecordStore, SignInMark};
use super::renewal::HeldToken;
use super::status::{RenewalMeans, SessionStatus, SignedOut};
use super::token_source::FreshTokens;
use crate::sts::AssumedRole;
use crate::sts::facts::{TokenFacts, masked};

/// A person's session of a role: a source of credentials that renews itself.
///
/// Clones are the same session. Tasks that run for long ask again for each request and are handed the newest credential.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

/// An ID token of the sign-in, for those who look into it.
#[derive(Clone, Debug)]
pub struct IdToken {
    /// The token.
    pub token: Secret,
    /// What it says.
    pub facts: TokenFacts,
    /// The person's name as the issuer tells it.
    pub person: Option<String>,
    /// The roles that the issuer's claim lists. Empty where it does not say.
    pub offered_roles: Vec<String>,
}

pub(super) struct Inner {
    pub(super) identity: SignInIdentity,
    pub(super) role: RoleConfig,
    pub(super) policy: Option<String>,
    pub(super) options: SessionOptions,
    pub(super) context: SessionContext,
    pub(super) records: RecordStore,
    pub(super) rule: RenewalRule,
    current: RwLock<Option<Arc<Current>>>,
    memory: Mutex<Memory>,
    flights: Flights<Current, SessionError>,
}

/// The credential of the moment.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) credential: Arc<Credential>,
    pub(super) issued_at: Timestamp,
    pub(super) assumed_role: Option<AssumedRole>,
    /// The sign-in it was bought with.
    pub(super) sign_in: SignInMark,
}

#[derive(Default)]
struct Memory {
    /// Which sign-in the memory is of: one more with each sign-in and sign-out in this process.
    epoch: u64,
    held: Option<HeldToken>,
    refused_key: Option<String>,
}

impl Session {
    /// Joins a sign-in and a role. Nothing is read or asked before the first use.
    ///
    /// # Errors
    /// When STS would not take the role's scope.
    pub fn new(
        identity: SignInIdentity,
        role: RoleConfig,
        options: SessionOptions,
        context: SessionContext,
    ) -> Result<Self, SessionError> {
        let partition = role.final_role().partition();
        let policy = role.scope.inline_policy(partition).map_err(SessionError::Policy)?;
        Ok(Self(Arc::new(Inner {
            identity,
            role,
            policy,
            options,
            records: RecordStore(Arc::clone(&context.keychain)),
            rule: RenewalRule::new(context.random.fraction()),
            context,
            current: RwLock::default(),
            memory: Mutex::default(),
            flights: Flights::default(),
        })))
    }

    /// Begins a sign-in with tokens just received: stores it and removes what the one before had bought. What cannot be
    /// removed is handed out to nobody.
    ///
    /// # Errors
    /// When it could not be stored: the sign-in would not outlive this process.
    pub async fn sign_in(&self, tokens: FreshTokens) -> Result<(), SessionError> {
        let now = self.0.context.clock.now();
        self.0.sign_in(tokens, now).await?;
        self.0.flights.forget_failure();
        self.0.memory().refused_key = None;
        Ok(())
    }

    /// Signs out: removes the sign-in and every credential bought with it, for all roles.
    ///
    /// Other processes stop renewing; a credential that one of them holds works until its end.
    ///
    /// # Errors
    /// When something could not be removed. This process has forgotten the sign-in all the same.
    pub async fn logout(&self) -> Result<SignedOut, SessionError> {
        self.0.sign_out().await
    }

    /// Tells what is known of the session without asking anyone. `None` when nobody is signed in.
    ///
    /// # Errors
    /// When the keychain cannot be read.
    pub async fn status(&self) -> Result<Option<SessionStatus>, SessionError> {
        let Some((sign_in, stored)) = self.0.stored().await? else { return Ok(None) };
        let current = self.0.current().filter(|current| current.sign_in == sign_in.mark());
        let (arn, issued_at, expires_at) = match (&current, &stored) {
            (Some(current), _) => (
                current.assumed_role.as_ref().map(|role| role.arn.clone()),
                Some(current.issued_at),
                current.credential.expires_at,
            ),
            (None, Some(record)) => (
                record.assumed_role.as_ref().map(|role| role.arn.clone()),
                Some(record.issued_at),
                record.credential.expires_at,
            ),
            (None, None) => (None, None, None),
        };
        Ok(Some(SessionStatus {
            person: sign_in.person,
            subject: masked(&sign_in.facts.subject),
            issuer: sign_in.facts.issuer,
            signed_in_at: sign_in.signed_in_at,
            role: self.0.role.final_role().clone(),
            assumed_role_arn: arn,
            issued_at,
            expires_at,
            renewal: if sign_in.refresh_token.is_some() {
                RenewalMeans::RefreshToken
            } else {
                RenewalMeans::None
            },
            kept_in: self.0.context.keychain.holder(),
        }))
    }

    /// Gives the credential of the moment, with the session's own error.
    ///
    /// # Errors
    /// When there is none and none can be had.
    pub async fn current_credential(&self) -> Result<Arc<Credential>, Arc<SessionError>> {
        let inner = &self.0;
        let current = inner.current();
        let now = inner.context.clock.now();
        let judge =
            |current: &Arc<Current>| inner.rule.judge(&current.credential, Some(current.issued_at), now);
        match current.as_ref().map(judge) {
            Some(Freshness::Fresh) => {}
            Some(Freshness::RenewSoon) => {
                if inner.flights.recent_failure(PAUSE_WHILE_VALID).is_none() {
                    let _ = self.flight(Duration::ZERO);
                }
            }
            Some(Freshness::Expired) | None => {
                if let Some(failure) = inner.flights.recent_failure(PAUSE_WHEN_OVER) {
                    return Err(failure);
                }
                let landed = self.flight(Duration::ZERO).landed().await;
                let landed = landed.unwrap_or_else(|| Err(Arc::new(SessionError::Interrupted)));
                return landed.map(|current| Arc::clone(&current.credential));
            }
        }
        let current = current.expect("judged above");
        Ok(Arc::clone(&current.credential))
    }

    /// Gives a credential that works for at least `min_life`, to be lent to somebody who cannot come back for a renewal.
    ///
    /// One that has less is renewed first, once for all tasks and processes; one whose whole life is hardly longer than
    /// `min_life` is renewed when less than a third is left. Where renewal is not possible, what still works is given.
    ///
    /// # Errors
    /// When there is none and none can be had, or nobody is signed in any more.
    pub async fn current_credential_for(
        &self,
        min_life: Duration,
    ) -> Result<Arc<Credential>, Arc<SessionError>> {
        let inner = &self.0;
        loop {
            let now = inner.context.clock.now();
            let judge = |current: &Current| {
                inner.rule.judge(&current.credential, Some(current.issued_at), now) != Freshness::Expired
            };
            let current = inner.current().filter(|current| judge(current));
            if let Some(current) = &current
                && current.credential.lasts(current.issued_at, min_life, now)
            {
                return Ok(Arc::clone(&current.credential));
            }
            let pause = if current.is_some() { PAUSE_WHILE_VALID } else { PAUSE_WHEN_OVER };
            if let Some(failure) = inner.flights.recent_failure(pause) {
                return current.map_or(Err(failure), |current| Ok(Arc::clone(&current.credential)));
            }
            let flight = self.flight(min_life);
            let content_with = flight.min_life;
            return match flight.landed().await {
                // It was asked for less, by somebody else: what it brought is judged anew.
                Some(Ok(_)) if content_with < min_life => continue,
                Some(Ok(landed)) => Ok(Arc::clone(&landed.credential)),
                Some(Err(error)) => match current {
                    Some(current) if !matches!(*error, SessionError::NotSignedIn) => {
                        Ok(Arc::clone(&current.credential))
                    }
                    _ => Err(error),
                },
                None => Err(Arc::new(SessionError::Interrupted)),
            };
        }
    }

    /// Gives an ID token, for a diagnosis: nothing is asked of STS, and no credential is bought. The issuer is asked for a new one
    /// where none is in memory.
    ///
    /// # Errors
    /// When nobody is signed in, or the issuer gives none.
    pub async fn id_token(&self) -> Result<IdToken, SessionError> {
        self.0.id_token().await
    }

    /// Joins the renewal under way, or starts one.
    fn flight(&self, min_life: Duration) -> Flight<Current, SessionError> {
        let inner = Arc::clone(&self.0);
        self.0.flights.join(min_life, || async move {
            let result = inner.renew(min_life).await.map_err(Arc::new);
            if let Err(error) = &result {
                let retry = error.retry();
                tracing::warn!(%error, ?retry, "the credential could not be renewed");
                // A sign-in by another process must be seen at once.
                if !matches!(retry, Retry::AfterSignIn) || inner.current().is_some() {
                    inner.remember_failure(Arc::clone(error));
                }
            }
            result
        })
    }
}

impl Inner {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn current(&self) -> Option<Arc<Current>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hands `current` out from now on, unless somebody signed in or out since `epoch`.
    pub(super) fn set_current(&self, current: Arc<Current>, epoch: u64) {
        let memory = self.memory();
        if memory.epoch == epoch {
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(current);
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.memory().epoch
    }

    /// Forgets the sign-in of before, and what a renewal of it may still bring.
    pub(super) fn forget(&self) {
        let mut memory = self.memory();
        memory.epoch += 1;
        memory.held = None;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn held(&self) -> Option<HeldToken> {
        self.memory().held.clone()
    }

    pub(super) fn set_held(&self, held: Option<HeldToken>) {
        self.memory().held = held;
    }

    pub(super) fn refused_key(&self) -> Option<String> {
        self.memory().refused_key.clone()
    }

    pub(super) fn remember_failure(&self, failure: Arc<SessionError>) {
        self.flights.remember_failure(failure);
    }
}

impl CredentialSource for Session {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        Box::pin(async { self.current_credential().await.map(Some).map_err(credential_error) })
    }

    fn refused(&self, credential: &Credential) {
        let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
        if current
            .as_ref()
            .is_some_and(|current| current.credential.access_key_id == credential.access_key_id)
        {
            *current = None;
            drop(current);
            self.0.memory().refused_key = Some(credential.access_key_id.clone());
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("issuer", &self.0.identity.issuer)
            .field("role", &self.0.role.final_role())
            .finish_non_exhaustive()
    }
}

//! One renewal for all processes: take the lock, look whether somebody was faster, refresh, store, exchange, store.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pintail_core::credential::{Credential, Freshness};
use pintail_core::retry::Retry;
use pintail_core::seam::{HttpError, HttpErrorKind};
use pintail_core::secret::Secret;
use tokio::time::Instant;

use super::config::SERVICE;
use super::error::SessionError;
use super::lock::{Lease, LockFolder};
use super::record::{CredentialRecord, RecordError, SignInMark, SignInRecord, StoreError, VERSION};
use super::source::{Current, IdToken, Inner};
use super::status::SignedOut;
use super::token_source::{FreshTokens, TokenSourceError};
use crate::keychain::KeychainProblem;
use crate::sts::session_name::session_name;
use crate::sts::{
    ChainRequest, DurationPlan, ExchangeError, ExchangeRequest, ExchangeSeams, Exchanged, chain, exchange,
};

/// An ID token with less life than this may be over when it reaches STS.
const ID_TOKEN_RESERVE: SignedDuration = SignedDuration::from_secs(60);

/// How long a renewal may ask issuer and STS in all. Other processes wait for the lock for half a minute more
/// ([`LockOptions`](super::LockOptions)), which is left to the keychain; with all retries one question alone could take
/// five times as long as one request.
const NETWORK_MAX: Duration = Duration::from_secs(60);

/// A renewal that asked for too long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the renewal had no answer within {} s", NETWORK_MAX.as_secs())]
struct Overdue;

/// What a renewal holds while it is under way.
struct Turn<'a> {
    lease: &'a Lease,
    /// When it gives up asking.
    until: Instant,
}

/// An ID token in this process's memory. It is never stored: a refresh token gets another one.
#[derive(Clone, Debug)]
pub(super) struct HeldToken {
    token: Secret,
    /// Its generation is that of the stored record, or the one it has still to be stored under.
    record: SignInRecord,
}

impl Inner {
    /// Gives a credential that is fresh and lasts for `min_life`: the keychain's if another process renewed it, else a new one.
    pub(super) async fn renew(&self, min_life: Duration) -> Result<Arc<Current>, SessionError> {
        loop {
            let epoch = self.epoch();
            let renewed = self.renew_in(epoch, min_life).await?;
            if self.epoch() == epoch {
                return Ok(renewed);
            }
            // Somebody signed in or out here meanwhile: what was renewed is of the sign-in before.
        }
    }

    async fn renew_in(&self, epoch: u64, min_life: Duration) -> Result<Arc<Current>, SessionError> {
        // The common start of a process: a fresh credential is waiting, and no lock is needed to take it.
        let Some(sign_in) = self.sign_in_record().await? else { return Err(self.nobody()) };
        let stored = self.stored_credential(&sign_in.mark()).await?;
        if let Some(record) = self.serving(stored.as_ref(), min_life) {
            return Ok(self.adopt(record, epoch));
        }
        let renewed = match self.lock().acquire(&*self.context.random).await {
            Ok(lease) => {
                let renewed = self.renew_locked(&lease, epoch, min_life).await;
                lease.release().await;
                renewed
            }
            Err(error) => Err(SessionError::Lock(error)),
        };
        match (renewed, stored) {
            // Better a credential near its end than none: the issuer may be back before it is over.
            (Err(error), Some(record))
                if !matches!(error, SessionError::NotSignedIn)
                    // A fresh one comes here too, where it was asked to last longer.
                    && self.judge(&record).is_some_and(|judged| judged != Freshness::Expired) =>
            {
                tracing::warn!(%error, "the credential could not be renewed and is used until its end");
                self.remember_failure(Arc::new(error));
                Ok(self.adopt(&record, epoch))
            }
            (renewed, _) => renewed,
        }
    }

    pub(super) fn lock(&self) -> LockFolder {
        let name = format!("{}.lock", self.identity.key());
        LockFolder::new(self.context.lock_folder.join(name), self.options.lock)
    }

    /// Forgets the sign-in that is not stored any more.
    fn nobody(&self) -> SessionError {
        self.set_held(None);
        SessionError::NotSignedIn
    }

    /// Reads the stored credential of this sign-in.
    async fn stored_credential(
        &self,
        sign_in: &SignInMark,
    ) -> Result<Option<CredentialRecord>, SessionError> {
        let record = match self.records.read::<CredentialRecord>(&self.role.entry(&self.identity)).await {
            Ok(record) => record,
            // A credential can be bought anew; only the sign-in is worth an error.
            Err(StoreError::Record(error)) => {
                tracing::warn!(%error, "the stored credential is left aside");
                None
            }
            Err(StoreError::Keychain(error))
                if error.retry() == Retry::AfterSignIn
                    || matches!(error.problem, KeychainProblem::Locked | KeychainProblem::TimedOut) =>
            {
                tracing::warn!(%error, "the stored credential is left aside");
                None
            }
            Err(StoreError::Keychain(error)) => return Err(SessionError::Keychain(error)),
        };
        // Whatever else was removed or not: what another sign-in bought is another person's, or none of this one's business.
        Ok(record.filter(|record| record.sign_in == *sign_in))
    }

    fn serving<'r>(
        &self,
        stored: Option<&'r CredentialRecord>,
        min_life: Duration,
    ) -> Option<&'r CredentialRecord> {
        let now = self.context.clock.now();
        stored.filter(|record| {
            self.judge(record) == Some(Freshness::Fresh)
                && record.credential.lasts(record.issued_at, min_life, now)
        })
    }

    /// Judges a stored credential; `None` for one that the service refused.
    fn judge(&self, record: &CredentialRecord) -> Option<Freshness> {
        let now = self.context.clock.now();
        let judged = self.rule.judge(&record.credential, Some(record.issued_at), now);
        (!self.is_refused(&record.credential)).then_some(judged)
    }

    fn adopt(&self, record: &CredentialRecord, epoch: u64) -> Arc<Current> {
        let current = Arc::new(Current {
            credential: Arc::new(record.credential.clone()),
            issued_at: record.issued_at,
            assumed_role: record.assumed_role.clone(),
            sign_in: record.sign_in.clone(),
        });
        self.set_current(Arc::clone(&current), epoch);
        current
    }

    async fn renew_locked(
        &self,
        lease: &Lease,
        epoch: u64,
        min_life: Duration,
    ) -> Result<Arc<Current>, SessionError> {
        let Some(sign_in) = self.sign_in_record().await? else { return Err(self.nobody()) };
        let old = self.stored_credential(&sign_in.mark()).await?;
        if let Some(record) = self.serving(old.as_ref(), min_life) {
            return Ok(self.adopt(record, epoch));
        }
        let turn = Turn { lease, until: Instant::now() + NETWORK_MAX };
        let (bought_with, exchanged) = self.exchange_or_refresh(&turn, sign_in, old.as_ref()).await?;
        let record = CredentialRecord {
            version: VERSION,
            generation: old.as_ref().map_or(0, |old| old.generation),
            sign_in: bought_with,
            credential: exchanged.credential,
            issued_at: exchanged.issued_at,
            assumed_role: exchanged.assumed_role,
            learned_duration: exchanged.learned_duration.or_else(|| old.and_then(|old| old.learned_duration)),
        };
        self.keep(lease, &self.role.entry(&self.identity), &record).await;
        Ok(self.adopt(&record, epoch))
    }

    async fn sign_in_record(&self) -> Result<Option<SignInRecord>, SessionError> {
        self.records.read(&self.identity.sign_in_entry()).await.map_err(session_error)
    }

    /// Gives an ID token that lasts for a minute at least: the one in memory, else a new one, kept as a renewal keeps it.
    pub(super) async fn id_token(&self) -> Result<IdToken, SessionError> {
        let lease = self.lock().acquire(&*self.context.random).await.map_err(SessionError::Lock)?;
        let given = self.id_token_locked(&lease).await;
        lease.release().await;
        let HeldToken { token, record } = given?;
        Ok(IdToken { token, facts: record.facts, person: record.person, offered_roles: record.offered_roles })
    }

    async fn id_token_locked(&self, lease: &Lease) -> Result<HeldToken, SessionError> {
        let Some(sign_in) = self.sign_in_record().await? else { return Err(self.nobody()) };
        let now = self.context.clock.now();
        let held = self.held().filter(|held| held.record.mark() == sign_in.mark());
        match held {
            Some(held) if held.record.facts.expires_at.duration_since(now) > ID_TOKEN_RESERVE => Ok(held),
            _ => self.refresh(&Turn { lease, until: Instant::now() + NETWORK_MAX }, sign_in).await,
        }
    }

    /// Exchanges the ID token at hand, or a new one; and a new one if STS finds the one at hand too old.
    async fn exchange_or_refresh(
        &self,
        turn: &Turn<'_>,
        sign_in: SignInRecord,
        old: Option<&CredentialRecord>,
    ) -> Result<(SignInMark, Exchanged), SessionError> {
        let now = self.context.clock.now();
        // Somebody else may have signed in meanwhile.
        let held = self.held().filter(|held| held.record.mark() == sign_in.mark());
        let sign_in = match &held {
            // It could not be stored: the refresh token in the keychain is spent, and ours is the newest.
            Some(HeldToken { record, .. }) if record.generation > sign_in.generation => {
                let again = SignInRecord { generation: record.generation - 1, ..record.clone() };
                self.keep(turn.lease, &self.identity.sign_in_entry(), &again).await;
                record.clone()
            }
            _ => sign_in,
        };
        let at_hand = held.filter(|held| held.record.facts.expires_at.duration_since(now) > ID_TOKEN_RESERVE);
        if let Some(held) = at_hand {
            match self.exchange_until(turn.until, &held, old).await {
                Err(error) if error.retry() == Retry::AfterRenewal => {
                    tracing::debug!("STS finds the ID token too old; getting a new one");
                }
                Ok(exchanged) => return Ok((held.record.mark(), exchanged)),
                Err(error) => return Err(SessionError::of_exchange(error)),
            }
        }
        let held = self.refresh(turn, sign_in).await?;
        let exchanged =
            self.exchange_until(turn.until, &held, old).await.map_err(SessionError::of_exchange)?;
        Ok((held.record.mark(), exchanged))
    }

    /// Gets a new ID token, and stores the new refresh token before anything is done with it.
    async fn refresh(&self, turn: &Turn<'_>, mut sign_in: SignInRecord) -> Result<HeldToken, SessionError> {
        let mut asked_again = false;
        let fresh = loop {
            let refresh_token = sign_in.refresh_token.clone();
            let asked = self.context.tokens.fresh_id_token(refresh_token, Some(sign_in.facts.clone()));
            let overdue =
                |_| Err(TokenSourceError::Failed { retry: Retry::Backoff, source: Arc::new(Overdue) });
            match tokio::time::timeout_at(turn.until, asked).await.unwrap_or_else(overdue) {
                Ok(fresh) => break fresh,
                Err(error @ TokenSourceError::SignInAgain { .. }) if !asked_again => {
                    // Another process may have spent the token before us, after the lock was taken over.
                    match self.sign_in_record().await? {
                        Some(newer)
                            if newer.refresh_token != sign_in.refresh_token
                                // One that is known to be spent is not worth a question.
                                && (newer.generation >= sign_in.generation
                                    || newer.mark() != sign_in.mark()) =>
                        {
                            sign_in = newer;
                        }
                        _ => return Err(SessionError::of_tokens(error)),
                    }
                    asked_again = true;
                }
                Err(error) => return Err(SessionError::of_tokens(error)),
            }
        };
        let record = SignInRecord {
            version: VERSION,
            generation: sign_in.generation,
            facts: fresh.facts,
            person: fresh.session_name_hint.or(sign_in.person),
            offered_roles: fresh.offered_roles,
            refresh_token: fresh.refresh_token.or(sign_in.refresh_token),
            signed_in_at: sign_in.signed_in_at,
        };
        self.keep(turn.lease, &self.identity.sign_in_entry(), &record).await;
        let generation = record.generation + 1;
        let held = HeldToken { token: fresh.id_token, record: SignInRecord { generation, ..record } };
        self.set_held(Some(held.clone()));
        Ok(held)
    }

    /// Stores a record if the lock is still ours. What cannot be stored still serves this process.
    async fn keep<R: super::record::Record>(
        &self,
        lease: &Lease,
        name: &crate::keychain::EntryName,
        record: &R,
    ) {
        if !lease.still_held().await {
            tracing::warn!("another process took the renewal over; its result stands");
            return;
        }
        match self.records.write(name, record).await {
            Ok(()) => {}
            Err(StoreError::Record(error)) => tracing::warn!(%error, "working from memory"),
            Err(StoreError::Keychain(error)) => {
                tracing::warn!(%error, "could not be stored; working from memory");
            }
        }
    }

    async fn exchange_until(
        &self,
        until: Instant,
        held: &HeldToken,
        old: Option<&CredentialRecord>,
    ) -> Result<Exchanged, ExchangeError> {
        tokio::time::timeout_at(until, self.exchange(held, old)).await.unwrap_or_else(|_| {
            let host = self.role.endpoint.url().host_str().unwrap_or_default().to_owned();
            let source = Some(Overdue.into());
            Err(ExchangeError::Http(HttpError { kind: HttpErrorKind::Timeout, host, source }))
        })
    }

    async fn exchange(
        &self,
        held: &HeldToken,
        old: Option<&CredentialRecord>,
    ) -> Result<Exchanged, ExchangeError> {
        let seams = ExchangeSeams {
            http: &*self.context.http,
            clock: &*self.context.clock,
            random: &*self.context.random,
        };
        let record = &held.record;
        let person = record.person.as_deref().filter(|_| !self.role.named_by_subject);
        let name = session_name(self.role.session_name.as_ref(), person, &record.facts.subject);
        let learned = old.and_then(|old| old.learned_duration);
        // The first hop must be allowed to go on: narrowing belongs to the last one.
        let (first_policy, first_arns, last_policy, last_arns) = match &self.role.next {
            None => (self.policy.clone(), self.role.scope.policy_arns.clone(), None, vec![]),
            Some(_) => (None, vec![], self.policy.clone(), self.role.scope.policy_arns.clone()),
        };
        let request = ExchangeRequest {
            endpoint: self.role.endpoint.clone(),
            role: self.role.role.clone(),
            session_name: name.clone(),
            token: held.token.clone(),
            facts: record.facts.clone(),
            duration: DurationPlan::new(self.role.duration, learned, self.context.clock.now()),
            policy: first_policy,
            policy_arns: first_arns,
            schedule: self.options.schedule,
        };
        let first = exchange(seams, &request).await?;
        let Some(next) = &self.role.next else { return Ok(first) };
        let request = ChainRequest {
            endpoint: self.role.endpoint.clone(),
            role: next.role.clone(),
            session_name: name,
            external_id: next.external_id.clone(),
            duration: self.role.duration,
            policy: last_policy,
            policy_arns: last_arns,
            schedule: self.options.schedule,
        };
        let last = chain(seams, &first.credential, &request).await?;
        Ok(Exchanged { learned_duration: first.learned_duration, ..last })
    }

    /// Begins a sign-in: stores it, and removes the credentials of the one before, who may have been another person.
    pub(super) async fn sign_in(&self, tokens: FreshTokens, now: Timestamp) -> Result<(), SessionError> {
        let lease = self.lock().acquire(&*self.context.random).await.map_err(SessionError::Lock)?;
        // However this ends, what the one before had is not handed out any more.
        self.forget();
        let record = SignInRecord {
            version: VERSION,
            generation: 0,
            facts: tokens.facts,
            person: tokens.session_name_hint,
            offered_roles: tokens.offered_roles,
            refresh_token: tokens.refresh_token,
            signed_in_at: now,
        };
        let name = self.identity.sign_in_entry();
        // First: a sign-in that is cut short here leaves the old one without credentials, not the new one with old ones.
        if let Err(error) = self.remove_credentials().await {
            // They are known by the sign-in that bought them, and are left aside.
            tracing::warn!(%error, "credentials of the sign-in before could not be removed");
        }
        let stored = self.records.write(&name, &record).await.map_err(session_error);
        // Again: until now the keychain told everyone who asked of the sign-in before.
        self.forget();
        lease.release().await;
        stored?;
        self.set_held(Some(HeldToken { token: tokens.id_token, record }));
        Ok(())
    }

    /// Removes the sign-in and everything bought with it.
    pub(super) async fn sign_out(&self) -> Result<SignedOut, SessionError> {
        self.forget();
        let lease = self.lock().acquire(&*self.context.random).await.map_err(SessionError::Lock)?;
        let removed = self.remove_all().await;
        // Again: a renewal that held the lock before us has brought a credential.
        self.forget();
        lease.release().await;
        removed
    }

    async fn remove_all(&self) -> Result<SignedOut, SessionError> {
        let name = self.identity.sign_in_entry();
        // The sign-in first: without it nobody renews, even if the rest fails.
        let was_signed_in = match self.records.0.get(&name).await {
            Ok(found) => found.is_some(),
            // What is out of reach is not removed, and nothing is claimed about it.
            Err(error) => !matches!(error.problem, KeychainProblem::Locked | KeychainProblem::TimedOut),
        };
        self.records.0.delete(&name).await.map_err(SessionError::Keychain)?;
        let credentials_removed = self.remove_credentials().await?;
        Ok(SignedOut { was_signed_in, credentials_removed })
    }

    async fn remove_credentials(&self) -> Result<usize, SessionError> {
        let beginning = self.identity.credential_accounts();
        let mut removed = 0;
        for account in self.records.0.list(SERVICE).await.map_err(SessionError::Keychain)? {
            if account.starts_with(&beginning) {
                let name = crate::keychain::EntryName::new(SERVICE, account);
                self.records.0.delete(&name).await.map_err(SessionError::Keychain)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    pub(super) async fn stored(
        &self,
    ) -> Result<Option<(SignInRecord, Option<CredentialRecord>)>, SessionError> {
        let Some(sign_in) = self.sign_in_record().await? else { return Ok(None) };
        let credential = self.stored_credential(&sign_in.mark()).await?;
        Ok(Some((sign_in, credential)))
    }

    fn is_refused(&self, credential: &Credential) -> bool {
        self.refused_key().is_some_and(|refused| refused == credential.access_key_id)
    }
}

pub(super) fn session_error(error: StoreError) -> SessionError {
    match error {
        StoreError::Keychain(error) => SessionError::Keychain(error),
        StoreError::Record(error @ (RecordError::Newer { .. } | RecordError::Unreadable)) => {
            SessionError::Record(error)
        }
    }
}

//! A provider made a source: a fresh credential from memory, one renewal for all tasks, and with a keychain for all processes.
//!
//! The rules are those of a [`Session`](crate::session::Session), whose flights, lock and records are used here. What is
//! kept in the keychain is what a person or a portal had to be asked for; what a machine gives at once stays in memory.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use pintail_core::credential::{Credential, CredentialError, CredentialSource, Freshness, RenewalRule};
use pintail_core::retry::Retry;
use pintail_core::seam::BoxFuture;
use tokio::time::Instant;

use super::{Provider, ProviderContext, ProviderError, credential_error};
use crate::keychain::{EntryName, Keychain};
use crate::session::config::{SERVICE, hash_of};
use crate::session::flight::{Flight, Flights, PAUSE_WHEN_OVER, PAUSE_WHILE_VALID};
use crate::session::record::{CredentialRecord, RecordError, RecordStore, SignInMark, StoreError, VERSION};
use crate::session::{Lease, LockFolder, LockOptions};

/// Names the keychain entry of a source by everything that makes its credential another one: whose keys, which device,
/// which role, and for how long.
///
/// `kind` is a short word such as `mfa` or `sso`. The parts are hashed, so the name tells nothing about them.
pub fn entry_name(kind: &str, parts: &[&str]) -> EntryName {
    EntryName::new(SERVICE, format!("source/{kind}/{}", hash_of(parts)))
}

/// A source of credentials that fetches a new one from its provider when the old one nears its end.
///
/// Clones are the same source.
#[derive(Clone)]
pub struct RenewingSource(Arc<Inner>);

struct Inner {
    provider: Arc<dyn Provider>,
    context: ProviderContext,
    rule: RenewalRule,
    kept: Option<Kept>,
    memory: Mutex<Memory>,
    flights: Flights<Current, ProviderError>,
}

/// Where the credential outlives the process.
struct Kept {
    records: RecordStore,
    entry: EntryName,
    lock: LockFolder,
}

#[derive(Debug)]
struct Current {
    credential: Arc<Credential>,
    /// When it came. Metadata services hand out one credential for hours, so its life is counted from here.
    issued_at: Timestamp,
}

#[derive(Default)]
struct Memory {
    /// One more each time the credential is forgotten: what a renewal brings from before is not handed out.
    epoch: u64,
    current: Option<Arc<Current>>,
    /// The key the service refused, and when it said so.
    refused: Option<(String, Instant)>,
}

impl RenewingSource {
    /// Makes a source of a provider. Nothing is asked before the first use.
    pub fn new(provider: Arc<dyn Provider>, context: ProviderContext) -> Self {
        Self(Arc::new(Inner::new(provider, context, None)))
    }

    /// Makes a source whose credential is kept under `entry` ([`entry_name`]), and is fetched by one of the processes that
    /// share `lock_folder`.
    pub fn with_keychain(
        provider: Arc<dyn Provider>,
        context: ProviderContext,
        keychain: Arc<dyn Keychain>,
        entry: EntryName,
        lock_folder: PathBuf,
    ) -> Self {
        let name = format!("{}.lock", hash_of(&[entry.service(), entry.account()]));
        let lock = LockFolder::new(lock_folder.join(name), LockOptions::default());
        let kept = Kept { records: RecordStore(keychain), entry, lock };
        Self(Arc::new(Inner::new(provider, context, Some(kept))))
    }

    /// Gives a credential that works for at least `min_life`, to be lent to somebody who cannot come back for a renewal.
    ///
    /// One that has less is renewed first; one whose whole life is hardly longer than `min_life` is renewed when less
    /// than a third is left. Where renewal is not possible, what still works is given.
    ///
    /// # Errors
    /// When there is none and none can be had.
    pub async fn current(&self, min_life: Duration) -> Result<Arc<Credential>, Arc<ProviderError>> {
        let inner = &self.0;
        loop {
            let now = inner.context.clock.now();
            let current = inner.current().filter(|current| inner.judge(current) != Freshness::Expired);
            if let Some(current) = &current
                && current.credential.lasts(current.issued_at, min_life, now)
            {
                let soon = inner.judge(current) == Freshness::RenewSoon;
                if soon
                    && !inner.provider.needs_person()
                    && inner.flights.recent_failure(PAUSE_WHILE_VALID).is_none()
                {
                    let _ = self.flight(Duration::ZERO);
                }
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
                Some(Err(error)) => current.map_or(Err(error), |current| Ok(Arc::clone(&current.credential))),
                None => Err(Arc::new(ProviderError::new("the renewal was cut short", Retry::Backoff))),
            };
        }
    }

    /// Fetches a credential whatever there is, and keeps it in the place of the old one: for a person who signs in anew.
    ///
    /// # Errors
    /// When none can be had. The old one stays then.
    pub async fn anew(&self) -> Result<Arc<Credential>, Arc<ProviderError>> {
        let inner = &self.0;
        let fetched = match &inner.kept {
            None => Arc::new(inner.fetch().await.map_err(Arc::new)?),
            Some(kept) => {
                let lease = inner.acquire(kept).await.map_err(Arc::new)?;
                let stored = inner.stored(kept).await;
                let fetched = inner.fetch_and_keep(kept, &lease, stored.as_ref()).await;
                lease.release().await;
                fetched.map_err(Arc::new)?
            }
        };
        // What a renewal under way brings is older.
        inner.forget();
        inner.memory().current = Some(Arc::clone(&fetched));
        Ok(Arc::clone(&fetched.credential))
    }

    /// Forgets the credential here and in the keychain, and tells whether one was kept there.
    ///
    /// A credential that another process holds works until its end.
    ///
    /// # Errors
    /// When it could not be removed. This process has forgotten it all the same.
    pub async fn forget(&self) -> Result<bool, ProviderError> {
        let inner = &self.0;
        inner.forget();
        let Some(kept) = &inner.kept else { return Ok(false) };
        let lease = inner.acquire(kept).await?;
        let name = &kept.entry;
        let was_kept = kept.records.0.get(name).await.is_ok_and(|found| found.is_some());
        let removed = kept.records.0.delete(name).await;
        // Again: a renewal that held the lock before us has brought one.
        inner.forget();
        lease.release().await;
        removed.map(|()| was_kept).map_err(|error| {
            let retry = error.retry();
            ProviderError::new("the stored credential could not be removed", retry).because(error)
        })
    }

    /// Joins the renewal under way, or starts one.
    fn flight(&self, min_life: Duration) -> Flight<Current, ProviderError> {
        let inner = Arc::clone(&self.0);
        self.0.flights.join(min_life, || async move {
            let result = inner.renew(min_life).await.map_err(Arc::new);
            if let Err(error) = &result {
                tracing::warn!(%error, retry = ?error.retry, "the credential could not be renewed");
                // What a person does in another process must be seen at once.
                let works = |current: &Arc<Current>| inner.judge(current) != Freshness::Expired;
                if error.retry != Retry::AfterSignIn || inner.current().as_ref().is_some_and(works) {
                    inner.flights.remember_failure(Arc::clone(error));
                }
            }
            result
        })
    }
}

impl Inner {
    fn new(provider: Arc<dyn Provider>, context: ProviderContext, kept: Option<Kept>) -> Self {
        let rule = RenewalRule::new(context.random.fraction());
        let (memory, flights) = (Mutex::default(), Flights::default());
        Self { provider, context, rule, kept, memory, flights }
    }

    async fn renew(&self, min_life: Duration) -> Result<Arc<Current>, ProviderError> {
        loop {
            let epoch = self.memory().epoch;
            let renewed = match &self.kept {
                None => Arc::new(self.fetch().await?),
                Some(kept) => self.renew_kept(kept, min_life).await?,
            };
            let mut memory = self.memory();
            if memory.epoch == epoch {
                memory.current = Some(Arc::clone(&renewed));
                return Ok(renewed);
            }
            // It was forgotten meanwhile, and what was renewed with it.
        }
    }

    /// Gives the keychain's credential if another process renewed it, else a new one.
    async fn renew_kept(&self, kept: &Kept, min_life: Duration) -> Result<Arc<Current>, ProviderError> {
        let stored = self.stored(kept).await;
        if let Some(record) = self.serving(stored.as_ref(), min_life) {
            return Ok(adopted(record));
        }
        let renewed = match self.acquire(kept).await {
            Ok(lease) => {
                let renewed = self.renew_locked(kept, &lease, min_life).await;
                lease.release().await;
                renewed
            }
            Err(error) => Err(error),
        };
        match (renewed, stored) {
            // Better a credential near its end than none.
            (Err(error), Some(record)) if self.usable(&record).is_some() => {
                tracing::warn!(%error, "the credential could not be renewed and is used until its end");
                self.flights.remember_failure(Arc::new(error));
                Ok(adopted(&record))
            }
            (renewed, _) => renewed,
        }
    }

    async fn renew_locked(
        &self,
        kept: &Kept,
        lease: &Lease,
        min_life: Duration,
    ) -> Result<Arc<Current>, ProviderError> {
        let stored = self.stored(kept).await;
        if let Some(record) = self.serving(stored.as_ref(), min_life) {
            return Ok(adopted(record));
        }
        self.fetch_and_keep(kept, lease, stored.as_ref()).await
    }

    async fn fetch_and_keep(
        &self,
        kept: &Kept,
        lease: &Lease,
        stored: Option<&CredentialRecord>,
    ) -> Result<Arc<Current>, ProviderError> {
        let current = self.fetch().await?;
        if !lease.still_held().await {
            tracing::warn!("another process took the renewal over; its result stands");
        } else if current.credential.expires_at.is_some() {
            let record = CredentialRecord {
                version: VERSION,
                generation: stored.map_or(0, |stored| stored.generation),
                sign_in: SignInMark::none(),
                credential: (*current.credential).clone(),
                issued_at: current.issued_at,
                assumed_role: None,
                learned_duration: None,
            };
            match kept.records.write(&kept.entry, &record).await {
                Ok(()) => {}
                Err(StoreError::Keychain(error)) => tracing::warn!(%error, "working from memory"),
                Err(StoreError::Record(error)) => tracing::warn!(%error, "working from memory"),
            }
        }
        Ok(Arc::new(current))
    }

    async fn fetch(&self) -> Result<Current, ProviderError> {
        let credential = self.provider.fetch().await?;
        let issued_at = self.context.clock.now();
        // It would be fetched again with every request.
        if let Some(end) = credential.expires_at.filter(|end| *end <= issued_at) {
            let what = format!("the credential ended at {end}, before it came");
            return Err(ProviderError::new(what, Retry::Backoff));
        }
        Ok(Current { credential: Arc::new(credential), issued_at })
    }

    async fn acquire(&self, kept: &Kept) -> Result<Lease, ProviderError> {
        kept.lock.acquire(&*self.context.random).await.map_err(|error| {
            let what = "could not agree with other processes on who renews the credential";
            ProviderError::new(what, error.retry()).because(error)
        })
    }

    /// Reads the stored credential. One that cannot be read can be had anew.
    async fn stored(&self, kept: &Kept) -> Option<CredentialRecord> {
        match kept.records.read(&kept.entry).await {
            Ok(record) => record,
            Err(StoreError::Keychain(error)) => {
                tracing::warn!(%error, "the stored credential is left aside");
                None
            }
            Err(StoreError::Record(error @ (RecordError::Newer { .. } | RecordError::Unreadable))) => {
                tracing::warn!(%error, "the stored credential is left aside");
                None
            }
        }
    }

    fn serving<'r>(
        &self,
        stored: Option<&'r CredentialRecord>,
        min_life: Duration,
    ) -> Option<&'r CredentialRecord> {
        let now = self.context.clock.now();
        stored.filter(|record| {
            // A person is not asked before the end, unless more life is wanted than there is.
            let good = match self.usable(record) {
                Some(Freshness::RenewSoon) => self.provider.needs_person(),
                usable => usable.is_some(),
            };
            good && record.credential.lasts(record.issued_at, min_life, now)
        })
    }

    /// Judges a stored credential; `None` for one that is over or refused.
    fn usable(&self, record: &CredentialRecord) -> Option<Freshness> {
        let now = self.context.clock.now();
        let judged = self.rule.judge(&record.credential, Some(record.issued_at), now);
        let key = &record.credential.access_key_id;
        let refused = self.memory().refused.as_ref().is_some_and(|(refused, _)| refused == key);
        (!refused && judged != Freshness::Expired).then_some(judged)
    }

    fn judge(&self, current: &Current) -> Freshness {
        self.rule.judge(&current.credential, Some(current.issued_at), self.context.clock.now())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Option<Arc<Current>> {
        self.memory().current.clone()
    }

    fn forget(&self) {
        let mut memory = self.memory();
        memory.epoch += 1;
        memory.current = None;
        drop(memory);
        self.flights.forget_failure();
    }
}

fn adopted(record: &CredentialRecord) -> Arc<Current> {
    Arc::new(Current { credential: Arc::new(record.credential.clone()), issued_at: record.issued_at })
}

impl CredentialSource for RenewingSource {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        Box::pin(async { self.current(Duration::ZERO).await.map(Some).map_err(credential_error) })
    }

    fn refused(&self, credential: &Credential) {
        let mut memory = self.0.memory();
        let key = &credential.access_key_id;
        if memory.current.as_ref().is_none_or(|current| current.credential.access_key_id != *key) {
            return;
        }
        // The provider has nothing else to give: asking it with every request would not change that.
        let again = memory
            .refused
            .as_ref()
            .is_some_and(|(refused, when)| refused == key && when.elapsed() < PAUSE_WHILE_VALID);
        if !again {
            memory.current = None;
            memory.refused = Some((key.clone(), Instant::now()));
        }
    }
}

impl fmt::Debug for RenewingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenewingSource").field("provider", &self.0.provider).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

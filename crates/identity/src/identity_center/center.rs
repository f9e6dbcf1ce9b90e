//! A sign-in at IAM Identity Center, as it lives on: found in the keychain, renewed once for all processes, asked with, ended.
//!
//! Tokens are handed out from the keychain while they are fresh. One that nears its end is renewed under the lock that sessions
//! use too ([`session::lock`](crate::session::lock)): whoever waited finds the new one stored. If nobody signed in here, or the
//! sign-in is over, the AWS CLI's token serves as long as it lasts.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use pintail_core::credential::Credential;
use pintail_core::name::AccountId;
use pintail_core::retry::{Retry, Schedule};
use pintail_core::seam::{Clock, HttpClient, HttpRequest, HttpResponse, Random};
use pintail_core::secret::Secret;

use super::answer::AnswerError;
use super::cli_cache::{CliCache, CliToken, read_cli_token};
use super::config::{ConfigError, Endpoints, Entries, IdentityCenterConfig};
use super::error::{CenterError, SignInEnd};
use super::portal::{
    self, Account, LOGOUT_TIME_MAX, PAGES_MAX, Page, PageToken, PortalCall, PortalErrorKind,
};
use super::record::TokenRecord;
use super::sign_in_api::{self, Grant, Granted};
use crate::keychain::{Keychain, KeychainKind, KeychainProblem};
use crate::oidc::{Driver, Endpoint, Event, Fetch, Replay, TIME_MAX};
use crate::session::record::{Record, RecordStore, VERSION};
use crate::session::{Lease, LockFolder, LockOptions, RenewalMeans};

/// How long a renewal may take in all. Other processes wait for the lock for half a minute more.
const RENEWAL_MAX: Duration = Duration::from_secs(60);

/// What a sign-in works with.
#[derive(Clone, Debug)]
pub struct CenterContext {
    /// The network.
    pub http: Arc<dyn HttpClient>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for PKCE, `state` and jitter.
    pub random: Arc<dyn Random>,
    /// Where registrations and tokens are kept.
    pub keychain: Arc<dyn Keychain>,
    /// The folder of the locks, shared by all processes of this user that share the keychain.
    pub lock_folder: PathBuf,
}

/// How patiently a sign-in works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CenterOptions {
    /// For questions to both services.
    pub schedule: Schedule,
    /// For the lock shared with other processes.
    pub lock: LockOptions,
    /// How long a person has in the browser. A device code sets its own time.
    pub time_max: Duration,
}

impl Default for CenterOptions {
    fn default() -> Self {
        Self { schedule: Schedule::INTERACTIVE, lock: LockOptions::default(), time_max: TIME_MAX }
    }
}

/// Whose sign-in a token is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenOrigin {
    /// The AWS CLI's.
    AwsCli,
    /// Ours.
    Ours,
}

/// A sign-in, for `whoami`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CenterStatus {
    /// Whose it is.
    pub origin: TokenOrigin,
    /// When the person signed in, if it was here.
    pub signed_in_at: Option<Timestamp>,
    /// When the present access token ends.
    pub expires_at: Timestamp,
    /// How it goes on after that.
    pub renewal: RenewalMeans,
    /// The kind of keychain it is kept in, if it is ours.
    pub kept_in: Option<KeychainKind>,
}

/// What a sign-out did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CenterSignedOut {
    /// Whether there was a sign-in of ours.
    pub was_signed_in: bool,
    /// Whether the portal has ended it as well. If not, it goes on there until its end, but nothing here knows it any more.
    pub ended_at_portal: bool,
}

/// One person's sign-in at one instance.
#[derive(Debug)]
pub struct IdentityCenter {
    pub(super) config: IdentityCenterConfig,
    pub(super) endpoints: Endpoints,
    pub(super) entries: Entries,
    pub(super) options: CenterOptions,
    pub(super) context: CenterContext,
    pub(super) records: RecordStore,
    cli_cache: Option<Arc<dyn CliCache>>,
    /// A renewed sign-in that could not be stored: the refresh token in the keychain may be spent, and this is the newest.
    held: Mutex<Option<TokenRecord>>,
}

impl IdentityCenter {
    /// Makes the sign-in that `label` tells apart from others at the same instance; empty for the only one.
    ///
    /// # Errors
    /// When an endpoint or a scope cannot be used.
    pub fn new(
        config: IdentityCenterConfig,
        label: &str,
        options: CenterOptions,
        context: CenterContext,
    ) -> Result<Self, ConfigError> {
        let (endpoints, key) = (config.endpoints()?, config.key(label));
        let records = RecordStore(Arc::clone(&context.keychain));
        let entries = Entries { key };
        let held = Mutex::default();
        Ok(Self { config, endpoints, entries, options, context, records, cli_cache: None, held })
    }

    /// Lets the AWS CLI's token stand in while there is none of ours.
    ///
    /// It goes to the portal that the configuration names. Do not hand it in together with a portal endpoint that a
    /// stranger's profile brought.
    #[must_use]
    pub fn with_cli_cache(mut self, cache: Arc<dyn CliCache>) -> Self {
        self.cli_cache = Some(cache);
        self
    }

    /// Returns which instance it is of.
    pub fn config(&self) -> &IdentityCenterConfig {
        &self.config
    }

    /// Tells about the sign-in without asking anyone; `None` when there is none.
    pub async fn status(&self) -> Result<Option<CenterStatus>, CenterError> {
        let now = self.context.clock.now();
        let ours = self.record().await?;
        let ours = ours.map(|record| {
            let renewal =
                if record.is_renewable(now) { RenewalMeans::RefreshToken } else { RenewalMeans::None };
            CenterStatus {
                origin: TokenOrigin::Ours,
                signed_in_at: Some(record.signed_in_at),
                expires_at: record.expires_at,
                renewal,
                kept_in: Some(self.context.keychain.kind()),
            }
        });
        let lives =
            |status: &CenterStatus| status.expires_at > now || status.renewal == RenewalMeans::RefreshToken;
        let borrowed = || {
            self.cli_token(now).map(|token| CenterStatus {
                origin: TokenOrigin::AwsCli,
                signed_in_at: None,
                expires_at: token.expires_at,
                renewal: RenewalMeans::None,
                kept_in: None,
            })
        };
        Ok(match ours {
            Some(status) if lives(&status) => Some(status),
            over => borrowed().or(over),
        })
    }

    /// Returns the accounts that the person may use, in the portal's order.
    pub async fn list_accounts(&self) -> Result<Vec<Account>, CenterError> {
        self.list(
            "accounts",
            PortalCall::ListAccounts,
            |token, page| portal::accounts(&self.endpoints, token, page),
            portal::read_accounts,
        )
        .await
    }

    /// Returns the names of the roles (permission sets) that the person has in an account, in the portal's order.
    pub async fn list_roles(&self, account: &AccountId) -> Result<Vec<String>, CenterError> {
        self.list(
            "roles",
            PortalCall::ListAccountRoles,
            |token, page| portal::roles(&self.endpoints, token, account, page),
            portal::read_roles,
        )
        .await
    }

    /// Gets a credential of a role in an account.
    pub(super) async fn role_credential(
        &self,
        account: &AccountId,
        role: &str,
    ) -> Result<Credential, CenterError> {
        let request = |token: &Secret| portal::role_credentials(&self.endpoints, token, account, role);
        self.ask(PortalCall::GetRoleCredentials, &request, &portal::read_credential).await
    }

    /// Ends the sign-in at the portal and removes all that is stored of it.
    ///
    /// A portal that cannot be asked keeps nothing here. Credentials that were fetched before work on until their end, and
    /// the AWS CLI's own sign-in is left alone.
    pub async fn sign_out(&self) -> Result<CenterSignedOut, CenterError> {
        let lease = self.lock().acquire(&*self.context.random).await.map_err(CenterError::Lock)?;
        let ended_at_portal = self.end_at_portal(&lease).await;
        let removed = self.remove_all().await;
        lease.release().await;
        Ok(CenterSignedOut { was_signed_in: removed?, ended_at_portal })
    }

    async fn end_at_portal(&self, lease: &Lease) -> bool {
        let now = self.context.clock.now();
        let end = async {
            // What cannot be read cannot be ended; it is removed all the same.
            let Ok(found) = self.record().await else { return false };
            let token = match found {
                Some(record) if record.works(now) => Some(record.access_token),
                // The portal's session outlives an access token.
                Some(record) if record.is_renewable(now) => match self.renew_locked(lease, None).await {
                    Ok(token) => Some(token),
                    Err(error) => return error.retry() == Retry::AfterSignIn,
                },
                _ => None,
            };
            let Some(token) = token else { return true };
            let request = portal::logout(&self.endpoints, &token);
            let read = |response: &HttpResponse, now| portal::read_done(PortalCall::Logout, response, now);
            match self.ask_portal(request, &read).await {
                Ok(()) => true,
                // It does not know the token: then it is over already.
                Err(CenterError::Portal(error)) => error.kind == PortalErrorKind::Unauthorized,
                Err(_) => false,
            }
        };
        tokio::time::timeout(LOGOUT_TIME_MAX, end).await.unwrap_or(false)
    }

    async fn remove_all(&self) -> Result<bool, CenterError> {
        self.hold(None);
        let keychain = &self.context.keychain;
        let was_signed_in = match keychain.get(&self.entries.token()).await {
            Ok(found) => found.is_some(),
            // What is out of reach is not removed, and nothing is claimed about it.
            Err(error) => !matches!(error.problem, KeychainProblem::Locked | KeychainProblem::TimedOut),
        };
        for name in [self.entries.token(), self.entries.client(false), self.entries.client(true)] {
            keychain.delete(&name).await.map_err(CenterError::Keychain)?;
        }
        Ok(was_signed_in)
    }

    /// Stores a sign-in that has just been made.
    pub(super) async fn store(&self, record: &TokenRecord) -> Result<(), CenterError> {
        let lease = self.lock().acquire(&*self.context.random).await.map_err(CenterError::Lock)?;
        self.hold(None);
        let stored = self.records.write(&self.entries.token(), record).await.map_err(CenterError::of_store);
        lease.release().await;
        stored
    }

    /// Gives an access token that works now, and is another than `refused`, which the portal did not accept.
    async fn access_token(&self, refused: Option<&Secret>) -> Result<Secret, CenterError> {
        let now = self.context.clock.now();
        let accepted = |token: &Secret| refused != Some(token);
        let (stored, error) = match self.record().await {
            Ok(None) => (None, CenterError::NotSignedIn),
            Ok(Some(record)) => {
                let serves = accepted(&record.access_token);
                if serves && (record.is_fresh(now) || (record.works(now) && !record.is_renewable(now))) {
                    return Ok(record.access_token);
                }
                match self.renew(refused).await {
                    Ok(token) => return Ok(token),
                    Err(error) => (Some(record), error),
                }
            }
            Err(error) => (None, error),
        };
        if let Some(record) = stored.filter(|record| record.works(now) && accepted(&record.access_token)) {
            // Better a token near its end than none: the service may be back before it is over.
            tracing::warn!(%error, "the sign-in could not be renewed and is used until its end");
            return Ok(record.access_token);
        }
        let borrowed = self.cli_token(now).map(|token| token.access_token).filter(accepted);
        match borrowed {
            Some(token) if error.retry() == Retry::AfterSignIn => Ok(token),
            _ => Err(error),
        }
    }

    fn cli_token(&self, now: Timestamp) -> Option<CliToken> {
        let bytes = self.cli_cache.as_ref()?.read()?;
        let token = read_cli_token(bytes.expose(), &self.config, now);
        token.inspect_err(|problem| tracing::debug!(%problem, "the AWS CLI's token is left aside")).ok()
    }

    fn lock(&self) -> LockFolder {
        let name = format!("identity-center-{}.lock", self.entries.key);
        LockFolder::new(self.context.lock_folder.join(name), self.options.lock)
    }

    async fn renew(&self, refused: Option<&Secret>) -> Result<Secret, CenterError> {
        let lease = self.lock().acquire(&*self.context.random).await.map_err(CenterError::Lock)?;
        let renewal = tokio::time::timeout(RENEWAL_MAX, self.renew_locked(&lease, refused)).await;
        lease.release().await;
        renewal.unwrap_or(Err(CenterError::Overdue { time_max: RENEWAL_MAX }))
    }

    async fn renew_locked(&self, lease: &Lease, refused: Option<&Secret>) -> Result<Secret, CenterError> {
        let now = self.context.clock.now();
        let mut record = self.record().await?.ok_or(CenterError::NotSignedIn)?;
        if record.is_fresh(now) && refused != Some(&record.access_token) {
            // Another process was faster.
            return Ok(record.access_token);
        }
        let mut asked_again = false;
        let granted = loop {
            let Some(refresh_token) = &record.refresh_token else {
                return Err(CenterError::SignInAgain { why: SignInEnd::NoRefreshToken });
            };
            if !record.client.works(now) {
                return Err(CenterError::SignInAgain { why: SignInEnd::Client });
            }
            let grant = Grant::RefreshToken(refresh_token);
            let request = sign_in_api::token(&self.endpoints, &record.client, &grant);
            // An answer that was lost may have replaced the token; asking again soon is the best chance there is.
            match self.grant(request, Replay::Always, &|_| {}).await {
                Ok(granted) => break granted,
                Err(CenterError::Issuer { source, .. }) if sign_in_api::is_over(&source) => {
                    // Somebody may have renewed it or signed in, after the lock was taken over.
                    let newer =
                        self.record().await?.filter(|newer| newer.refresh_token != record.refresh_token);
                    match newer {
                        Some(newer) if !asked_again => record = newer,
                        _ => return Err(CenterError::SignInAgain { why: SignInEnd::Issuer(source) }),
                    }
                    asked_again = true;
                }
                Err(error) => return Err(error),
            }
        };
        let renewed = TokenRecord {
            version: VERSION,
            generation: record.generation,
            access_token: granted.access_token,
            issued_at: self.context.clock.now(),
            expires_at: granted.expires_at,
            refresh_token: granted.refresh_token.or(record.refresh_token),
            client: record.client,
            signed_in_at: record.signed_in_at,
        };
        self.keep(lease, &renewed).await;
        Ok(renewed.access_token)
    }

    /// Stores a renewed sign-in if the lock is still ours. What cannot be stored still serves this process.
    async fn keep(&self, lease: &Lease, record: &TokenRecord) {
        if !lease.still_held().await {
            tracing::warn!("another process took the renewal over; its result stands");
            return;
        }
        match self.records.write(&self.entries.token(), record).await {
            Ok(()) => self.hold(None),
            Err(error) => {
                tracing::warn!(error = %CenterError::of_store(error), "working from memory");
                self.hold(Some(TokenRecord { generation: record.generation + 1, ..record.clone() }));
            }
        }
    }

    fn hold(&self, record: Option<TokenRecord>) {
        *self.held.lock().expect("no holder of this lock panics") = record;
    }

    /// Reads the sign-in: the stored one, or the one in memory if it is a later state of the same.
    async fn record(&self) -> Result<Option<TokenRecord>, CenterError> {
        let stored = self.records.read::<TokenRecord>(&self.entries.token()).await;
        let Some(stored) = stored.map_err(CenterError::of_store)? else { return Ok(None) };
        let held = self.held.lock().expect("no holder of this lock panics").clone();
        let later = held
            .filter(|held| held.signed_in_at == stored.signed_in_at && held.generation() > stored.generation);
        Ok(Some(later.unwrap_or(stored)))
    }

    /// Exchanges a grant for tokens.
    pub(super) async fn grant(
        &self,
        request: HttpRequest,
        replay: Replay,
        events: &(dyn Fn(Event<'_>) + Send + Sync),
    ) -> Result<Granted, CenterError> {
        let response = self.fetch(request, Endpoint::Token, replay, events).await?;
        sign_in_api::read_token(&response, self.context.clock.now())
            .map_err(|refused| CenterError::of_sign_in(Endpoint::Token, refused))
    }

    /// Makes the driver that sends, repeats, waits and tells.
    pub(super) fn driver<'a>(&'a self, events: &'a (dyn Fn(Event<'_>) + Send + Sync)) -> Driver<'a> {
        let CenterContext { http, clock, random, .. } = &self.context;
        let driver = Driver::new(&**http, &**clock, &**random, events);
        Driver { schedule: self.options.schedule, time_max: self.options.time_max, ..driver }
    }

    pub(super) async fn fetch(
        &self,
        request: HttpRequest,
        endpoint: Endpoint,
        replay: Replay,
        events: &(dyn Fn(Event<'_>) + Send + Sync),
    ) -> Result<HttpResponse, CenterError> {
        let fetched = self.driver(events).fetch(Fetch { request, endpoint, replay }).await;
        fetched.map_err(|error| CenterError::of_drive(error, endpoint))
    }

    async fn list<T>(
        &self,
        what: &'static str,
        call: PortalCall,
        request: impl Fn(&Secret, Option<&PageToken>) -> HttpRequest + Sync,
        read: fn(&HttpResponse, Timestamp) -> Result<Page<T>, portal::Refused>,
    ) -> Result<Vec<T>, CenterError> {
        let (mut items, mut next) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = self.ask(call, &|token: &Secret| request(token, next.as_ref()), &read).await?;
            items.extend(page.items);
            match page.next {
                None => return Ok(items),
                // The same page again would come for ever.
                again if again == next => break,
                further => next = further,
            }
        }
        Err(CenterError::Answer { endpoint: Endpoint::AccessPortal, source: AnswerError::Endless { what } })
    }

    /// Asks the portal; once more with another token if it does not accept the one at hand.
    async fn ask<T>(
        &self,
        call: PortalCall,
        request: &(dyn Fn(&Secret) -> HttpRequest + Sync),
        read: &(dyn Fn(&HttpResponse, Timestamp) -> Result<T, portal::Refused> + Sync),
    ) -> Result<T, CenterError> {
        let token = self.access_token(None).await?;
        let refusal = match self.ask_portal(request(&token), read).await {
            Err(CenterError::Portal(error)) if error.kind == PortalErrorKind::Unauthorized => error,
            answer => return answer,
        };
        tracing::debug!(call = call.name(), "the portal did not accept the token; looking for another one");
        let over = |error| CenterError::SignInAgain { why: SignInEnd::Portal(error) };
        let token = match self.access_token(Some(&token)).await {
            Ok(token) => token,
            Err(error) if error.retry() == Retry::AfterSignIn => return Err(over(refusal)),
            Err(error) => return Err(error),
        };
        match self.ask_portal(request(&token), read).await {
            Err(CenterError::Portal(error)) if error.kind == PortalErrorKind::Unauthorized => {
                Err(over(error))
            }
            answer => answer,
        }
    }

    async fn ask_portal<T>(
        &self,
        request: HttpRequest,
        read: &(dyn Fn(&HttpResponse, Timestamp) -> Result<T, portal::Refused> + Sync),
    ) -> Result<T, CenterError> {
        let response = self.fetch(request, Endpoint::AccessPortal, Replay::Always, &|_| {}).await?;
        read(&response, self.context.clock.now()).map_err(CenterError::of_portal)
    }
}

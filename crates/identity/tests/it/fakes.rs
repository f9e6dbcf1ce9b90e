//! An STS and an issuer that count what they are asked, and break when told to.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use pintail_core::retry::Retry;
use pintail_core::seam::{
    BoxFuture, Clock, HttpClient, HttpError, HttpRequest, HttpResponse, ManualClock, SeededRandom,
};
use pintail_core::secret::Secret;
use pintail_identity::keychain::{
    EntryName, Keychain, KeychainError, KeychainKind, KeychainProblem, MemoryKeychain, SecretBytes,
};
use pintail_identity::session::{
    FreshTokens, RoleConfig, Session, SessionContext, SessionOptions, SignInIdentity, TokenSource,
    TokenSourceError,
};
use pintail_identity::sts::{EndpointChoice, StsEndpoint, TokenFacts};

pub(crate) const START: &str = "2026-11-23T12:00:00Z";
/// Parts of every secret the fakes make: none may be found where it does not belong.
pub(crate) const SECRET_MARKS: [&str; 4] =
    ["IdToken-hunter2", "Refresh-hunter2", "SecretKey-hunter2", "Session-hunter2"];

pub(crate) fn credential_xml(number: u32, expires_at: Timestamp) -> String {
    format!(
        "<R><Credentials><AccessKeyId>ASIA{number:04}</AccessKeyId><SecretAccessKey>SecretKey-hunter2-{number}</SecretAccessKey>\
         <SessionToken>Session-hunter2-{number}</SessionToken><Expiration>{expires_at}</Expiration></Credentials>\
         <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/R/alice</Arn></AssumedRoleUser></R>"
    )
}

pub(crate) fn error_xml(code: &str, message: &str) -> String {
    format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>")
}

#[derive(Debug)]
pub(crate) struct FakeSts {
    clock: Arc<ManualClock>,
    pub(crate) calls: AtomicU32,
    pub(crate) forms: Mutex<Vec<BTreeMap<String, String>>>,
    pub(crate) errors: Mutex<VecDeque<(u16, String)>>,
    pub(crate) delay: Mutex<Duration>,
    /// The longest session the role allows, in seconds.
    pub(crate) longest: Mutex<i64>,
}

impl HttpClient for FakeSts {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            let form: BTreeMap<_, _> = url::form_urlencoded::parse(&request.body).into_owned().collect();
            let wanted: i64 = form["DurationSeconds"].parse().unwrap();
            self.forms.lock().unwrap().push(form);
            let delay = *self.delay.lock().unwrap();
            tokio::time::sleep(delay).await;
            let answer = |status, body: String| {
                let status = StatusCode::from_u16(status).unwrap();
                Ok(HttpResponse { status, headers: HeaderMap::new(), body: body.into() })
            };
            if let Some((status, body)) = self.errors.lock().unwrap().pop_front() {
                return answer(status, body);
            }
            let longest = *self.longest.lock().unwrap();
            if wanted > longest {
                let message =
                    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
                return answer(400, error_xml("ValidationError", message));
            }
            answer(200, credential_xml(number, self.clock.now() + SignedDuration::from_secs(wanted)))
        })
    }
}

/// What the issuer does with the next refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issuer {
    Unreachable,
    Revoked,
    /// Gives a new refresh token each time and refuses old ones.
    Works,
}

#[derive(Debug)]
pub(crate) struct FakeTokens {
    clock: Arc<ManualClock>,
    pub(crate) calls: AtomicU32,
    pub(crate) issuer: Mutex<Issuer>,
    pub(crate) valid: Mutex<String>,
    pub(crate) delay: Mutex<Duration>,
}

pub(crate) fn facts(expires_at: Timestamp) -> TokenFacts {
    TokenFacts {
        issuer: "https://issuer.example/v2.0".into(),
        audience: vec!["client".into()],
        authorized_party: None,
        subject: "pairwise-subject-of-alice".into(),
        expires_at,
    }
}

pub(crate) fn tokens(clock: &dyn Clock, number: u32) -> FreshTokens {
    let expires_at = clock.now() + SignedDuration::from_hours(1);
    FreshTokens {
        id_token: Secret::new(format!("IdToken-hunter2-{number}")),
        facts: facts(expires_at),
        expires_at,
        offered_roles: Vec::new(),
        session_name_hint: Some("alice@contoso.com".into()),
        refresh_token: Some(Secret::new(format!("Refresh-hunter2-{number}"))),
    }
}

/// Tokens of another person at the same issuer and client.
pub(crate) fn tokens_of_bob(clock: &dyn Clock, number: u32) -> FreshTokens {
    let tokens = tokens(clock, number);
    let facts = TokenFacts { subject: "pairwise-subject-of-bob".into(), ..tokens.facts };
    FreshTokens { facts, session_name_hint: Some("bob@contoso.com".into()), ..tokens }
}

impl TokenSource for FakeTokens {
    fn fresh_id_token(
        &self,
        refresh_token: Option<Secret>,
        _previous: Option<TokenFacts>,
    ) -> BoxFuture<'_, Result<FreshTokens, TokenSourceError>> {
        Box::pin(async move {
            let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            let delay = *self.delay.lock().unwrap();
            tokio::time::sleep(delay).await;
            let refused = Err(TokenSourceError::SignInAgain { source: None });
            match *self.issuer.lock().unwrap() {
                Issuer::Unreachable => Err(TokenSourceError::Failed {
                    retry: Retry::Backoff,
                    source: Arc::new(std::io::Error::other("no network")),
                }),
                Issuer::Revoked => refused,
                Issuer::Works => {
                    let mut valid = self.valid.lock().unwrap();
                    if refresh_token.as_ref().map(Secret::expose) != Some(valid.as_str()) {
                        return refused;
                    }
                    let fresh = tokens(&*self.clock, 100 + number);
                    *valid = fresh.refresh_token.as_ref().unwrap().expose().to_owned();
                    Ok(fresh)
                }
            }
        })
    }
}

/// A keychain in memory that breaks in the ways keychains do.
#[derive(Debug, Default)]
pub(crate) struct BreakingKeychain {
    pub(crate) inner: MemoryKeychain,
    /// Deletes nothing: `Some(true)` says so, `Some(false)` keeps it to itself, as a chain with a locked store does.
    pub(crate) keeps: Mutex<Option<bool>>,
    /// How long the answer about a credential is on its way.
    pub(crate) slow: Mutex<Duration>,
    /// Takes no more entries.
    pub(crate) full: AtomicBool,
}

impl BreakingKeychain {
    fn failed() -> KeychainError {
        KeychainError {
            kind: KeychainKind::Memory,
            problem: KeychainProblem::Failed,
            path: None,
            source: None,
        }
    }
}

impl Keychain for BreakingKeychain {
    fn kind(&self) -> KeychainKind {
        self.inner.kind()
    }

    fn get<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<Option<SecretBytes>, KeychainError>> {
        Box::pin(async {
            let found = self.inner.get(name).await;
            let slow = *self.slow.lock().unwrap();
            if name.account().starts_with("credential/") && !slow.is_zero() {
                tokio::time::sleep(slow).await;
            }
            found
        })
    }

    fn set<'a>(
        &'a self,
        name: &'a EntryName,
        secret: &'a SecretBytes,
    ) -> BoxFuture<'a, Result<(), KeychainError>> {
        if self.full.load(Ordering::SeqCst) {
            return Box::pin(async { Err(Self::failed()) });
        }
        self.inner.set(name, secret)
    }

    fn delete<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<(), KeychainError>> {
        match *self.keeps.lock().unwrap() {
            None => self.inner.delete(name),
            Some(told) => Box::pin(async move { if told { Err(Self::failed()) } else { Ok(()) } }),
        }
    }

    fn list<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeychainError>> {
        self.inner.list(service)
    }
}

/// A person's machine: one keychain, one state folder, one STS, one issuer, any number of sessions.
pub(crate) struct Machine {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sts: Arc<FakeSts>,
    pub(crate) issuer: Arc<FakeTokens>,
    pub(crate) keychain: Arc<dyn Keychain>,
    pub(crate) folder: tempfile::TempDir,
    sessions: AtomicU32,
}

pub(crate) fn identity() -> SignInIdentity {
    SignInIdentity {
        issuer: "https://issuer.example/v2.0".into(),
        client_id: "client".into(),
        label: String::new(),
    }
}

pub(crate) fn role() -> RoleConfig {
    let endpoint = StsEndpoint::new(&EndpointChoice::Regional, &"eu-central-1".parse().unwrap()).unwrap();
    let role = "arn:aws:iam::123456789012:role/R".parse().unwrap();
    RoleConfig { duration: Some(Duration::from_secs(3600)), ..RoleConfig::new(endpoint, role) }
}

impl Machine {
    pub(crate) fn new(keychain: impl FnOnce(&Path) -> Arc<dyn Keychain>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(START.parse().unwrap()));
        let sts = FakeSts {
            clock: Arc::clone(&clock),
            calls: AtomicU32::new(0),
            forms: Mutex::default(),
            errors: Mutex::default(),
            delay: Mutex::default(),
            longest: Mutex::new(43_200),
        };
        let issuer = FakeTokens {
            clock: Arc::clone(&clock),
            calls: AtomicU32::new(0),
            issuer: Mutex::new(Issuer::Works),
            valid: Mutex::new("Refresh-hunter2-1".into()),
            delay: Mutex::default(),
        };
        let keychain = keychain(folder.path());
        Self {
            clock,
            sts: Arc::new(sts),
            issuer: Arc::new(issuer),
            keychain,
            folder,
            sessions: AtomicU32::new(1),
        }
    }

    /// A session as another process would make it: nothing in memory.
    pub(crate) fn session(&self, role: RoleConfig) -> Session {
        let context = SessionContext {
            http: Arc::<FakeSts>::clone(&self.sts),
            clock: Arc::<ManualClock>::clone(&self.clock),
            random: Arc::new(SeededRandom::new(self.sessions.fetch_add(1, Ordering::SeqCst).into())),
            keychain: Arc::clone(&self.keychain),
            tokens: Arc::<FakeTokens>::clone(&self.issuer),
            lock_folder: self.folder.path().join("locks"),
        };
        Session::new(identity(), role, SessionOptions::default(), context).unwrap()
    }

    pub(crate) async fn signed_in(&self) -> Session {
        let session = self.session(role());
        session.sign_in(tokens(&*self.clock, 1)).await.unwrap();
        session
    }

    pub(crate) fn minutes_pass(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
    }

    /// How often STS and the issuer were asked.
    pub(crate) fn asked(&self) -> (u32, u32) {
        (self.sts.calls.load(Ordering::SeqCst), self.issuer.calls.load(Ordering::SeqCst))
    }
}

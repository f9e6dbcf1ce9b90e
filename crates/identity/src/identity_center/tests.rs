//! Whole sign-ins against scripted services: both flows to their end, and every way they fail.

mod signed_in;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use pintail_core::retry::{Retry, Schedule};
use pintail_core::seam::{
    BoxFuture, Clock, HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, ManualClock,
    ScriptedHttp, SeededRandom,
};
use pintail_core::secret::Secret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::config::Entries;
use super::record::{Client, ClientRecord, TokenRecord};
use super::*;
use crate::keychain::{
    EntryName, Keychain, KeychainError, KeychainKind, KeychainProblem, MemoryKeychain, SecretBytes,
};
use crate::oidc::{
    Arrival, Browser, BrowserError, DeviceError, Endpoint, Event, Expected, Loopback, NoBrowser, Notice,
    RedirectError, RedirectReceiver,
};
use crate::session::record::{Record, VERSION};
use crate::session::{LockFolder, LockOptions, RenewalMeans};
use crate::source::{Provider, ProviderError};

const START: &str = "2026-11-23T12:00:00Z";
const ACCOUNT: &str = "123456789012";
/// Part of every secret in these tests: it may be found in requests and in the keychain only.
const MARK: &str = "hunter2";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Fails at once instead of trying again.
fn impatient() -> CenterOptions {
    let schedule = Schedule { attempts_max: 1, ..Schedule::INTERACTIVE };
    CenterOptions { schedule, ..CenterOptions::default() }
}

/// A keychain that can be made to take nothing more.
#[derive(Debug, Default)]
struct FullKeychain {
    inner: MemoryKeychain,
    is_full: AtomicBool,
}

impl Keychain for FullKeychain {
    fn kind(&self) -> KeychainKind {
        self.inner.kind()
    }

    fn get<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<Option<SecretBytes>, KeychainError>> {
        self.inner.get(name)
    }

    fn set<'a>(
        &'a self,
        name: &'a EntryName,
        secret: &'a SecretBytes,
    ) -> BoxFuture<'a, Result<(), KeychainError>> {
        if self.is_full.load(Ordering::SeqCst) {
            let (kind, problem) = (KeychainKind::Memory, KeychainProblem::Failed);
            return Box::pin(async move { Err(KeychainError { kind, problem, path: None, source: None }) });
        }
        self.inner.set(name, secret)
    }

    fn delete<'a>(&'a self, name: &'a EntryName) -> BoxFuture<'a, Result<(), KeychainError>> {
        self.inner.delete(name)
    }

    fn list<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, KeychainError>> {
        self.inner.list(service)
    }
}

/// A person's machine and the two services, whose answers are written beforehand.
struct Machine {
    http: Arc<ScriptedHttp>,
    clock: Arc<ManualClock>,
    keychain: Arc<FullKeychain>,
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self {
            http: Arc::default(),
            clock: Arc::new(ManualClock::new(at(START))),
            keychain: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A sign-in as another process would make it: nothing in memory.
    fn center(&self) -> IdentityCenter {
        let http = Arc::<ScriptedHttp>::clone(&self.http);
        self.center_over(http)
    }

    fn center_over(&self, http: Arc<dyn HttpClient>) -> IdentityCenter {
        let context = CenterContext {
            http,
            clock: Arc::<ManualClock>::clone(&self.clock),
            random: Arc::new(SeededRandom::new(1)),
            keychain: Arc::<FullKeychain>::clone(&self.keychain),
            lock_folder: self.folder.path().join("locks"),
        };
        IdentityCenter::new(config(), "", impatient(), context).unwrap()
    }

    fn role(&self, center: IdentityCenter) -> RoleCredentials {
        RoleCredentials::new(Arc::new(center), ACCOUNT.parse().unwrap(), "Reader")
    }

    /// A machine where somebody signed in at the start, for an hour.
    async fn signed_in() -> Self {
        let machine = Self::new();
        machine.keep(&token_record()).await;
        machine
    }

    async fn keep(&self, record: &impl Record) {
        let text = record.text(1);
        let entries = entries();
        let name =
            if ClientRecord::parse(text.expose()).is_some() { entries.client(true) } else { entries.token() };
        self.keychain.set(&name, &text).await.unwrap();
    }

    async fn stored(&self) -> Option<TokenRecord> {
        let text = self.keychain.get(&entries().token()).await.unwrap()?;
        TokenRecord::parse(text.expose())
    }

    fn minutes_pass(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
    }

    fn answer(&self, status: u16, body: &Value) {
        self.http.answer(status, body.to_string());
    }

    fn answer_credential(&self) {
        let expires_at = self.clock.now() + SignedDuration::from_hours(1);
        self.answer(200, &credential(expires_at));
    }

    /// What was sent, as `POST /token {…}`.
    fn sent(&self) -> Vec<(String, Value)> {
        let shown = |request: &HttpRequest| {
            let target = &request.url[url::Position::BeforePath..];
            let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            (format!("{} {target}", request.method), body)
        };
        self.http.requests().iter().map(shown).collect()
    }

    fn paths(&self) -> Vec<String> {
        let path = |request: &HttpRequest| request.url.path().to_owned();
        self.http.requests().iter().map(path).collect()
    }

    /// The access tokens that went to the portal.
    fn bearers(&self) -> Vec<String> {
        let header = |request: &HttpRequest| {
            Some(request.headers.get("x-amz-sso_bearer_token")?.to_str().unwrap().to_owned())
        };
        self.http.requests().iter().filter_map(header).collect()
    }
}

fn config() -> IdentityCenterConfig {
    let start_url = "https://d-1234567890.awsapps.com/start".parse().unwrap();
    IdentityCenterConfig::new(start_url, "eu-central-1".parse().unwrap())
}

fn entries() -> Entries {
    Entries { key: config().key("") }
}

fn client() -> Client {
    Client {
        id: "client-0".into(),
        secret: Secret::new("hunter2-client-0"),
        expires_at: at("2027-02-21T12:00:00Z"),
    }
}

fn token_record() -> TokenRecord {
    TokenRecord {
        version: VERSION,
        generation: 1,
        access_token: Secret::new("hunter2-access-0"),
        issued_at: at(START),
        expires_at: at("2026-11-23T13:00:00Z"),
        refresh_token: Some(Secret::new("hunter2-refresh-0")),
        client: client(),
        signed_in_at: at(START),
    }
}

fn registration(number: u32) -> Value {
    json!({ "clientId": format!("client-{number}"), "clientSecret": format!("hunter2-client-{number}"),
        "clientIdIssuedAt": 1_795_435_200, "clientSecretExpiresAt": 1_803_211_200 })
}

fn tokens(number: u32) -> Value {
    json!({ "accessToken": format!("hunter2-access-{number}"), "tokenType": "Bearer", "expiresIn": 3600,
        "refreshToken": format!("hunter2-refresh-{number}") })
}

fn device_code() -> Value {
    json!({ "deviceCode": "hunter2-device", "userCode": "ABCD-EFGH", "expiresIn": 600, "interval": 1,
        "verificationUri": "https://device.sso.eu-central-1.amazonaws.com/",
        "verificationUriComplete": "https://device.sso.eu-central-1.amazonaws.com/?user_code=ABCD-EFGH" })
}

fn credential(expires_at: Timestamp) -> Value {
    json!({ "roleCredentials": { "accessKeyId": "ASIAEXAMPLE", "secretAccessKey": "hunter2-secret",
        "sessionToken": "hunter2-session", "expiration": expires_at.as_millisecond() } })
}

fn oauth(code: &str) -> Value {
    json!({ "error": code, "error_description": "why" })
}

fn refusal(name: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.switchboard.portal#{name}Exception"), "message": "why" })
}

fn cli_file() -> Arc<SecretBytes> {
    let file = json!({ "startUrl": "https://d-1234567890.awsapps.com/start", "region": "eu-central-1",
        "accessToken": "hunter2-cli", "expiresAt": "2026-11-23T18:00:00Z" });
    Arc::new(SecretBytes::new(file.to_string()))
}

/// Looks for secrets in what people and logs may see.
fn assert_tells_nothing(shown: &str) {
    assert!(!shown.contains(MARK), "{shown}");
}

/// A receiver whose answers come from the browser of the same test.
#[derive(Debug)]
struct Tab {
    arrivals: UnboundedReceiver<String>,
}

impl RedirectReceiver for Tab {
    fn redirect_uri(&self) -> &str {
        "http://127.0.0.1:4711/oauth/callback"
    }

    fn listen(&mut self, _expected: &Expected) -> Result<(), RedirectError> {
        Ok(())
    }

    fn receive<'a>(
        &'a mut self,
        _notice: &'a (dyn Fn(Notice) + Send + Sync),
    ) -> BoxFuture<'a, Result<Arrival, RedirectError>> {
        Box::pin(async {
            let address = self.arrivals.recv().await.expect("the browser of the test lives");
            Ok(Arrival::unanswered(Secret::new(address)))
        })
    }
}

type Answers = fn(&HashMap<String, String>) -> Vec<String>;

/// A person at a browser, who goes where the answers say.
#[derive(Debug)]
struct Person {
    answers: Answers,
    tab: UnboundedSender<String>,
    opened: Mutex<Vec<String>>,
}

impl Person {
    fn new(answers: Answers) -> (Self, Tab) {
        let (tab, arrivals) = unbounded_channel();
        (Self { answers, tab, opened: Mutex::default() }, Tab { arrivals })
    }

    fn parameters(&self, number: usize) -> HashMap<String, String> {
        let url: url::Url = self.opened.lock().unwrap()[number].parse().unwrap();
        url.query_pairs().into_owned().collect()
    }
}

impl Browser for Person {
    fn open<'a>(&'a self, url: &'a Secret) -> BoxFuture<'a, Result<(), BrowserError>> {
        self.opened.lock().unwrap().push(url.expose().to_owned());
        let number = self.opened.lock().unwrap().len() - 1;
        for address in (self.answers)(&self.parameters(number)) {
            self.tab.send(address).unwrap();
        }
        Box::pin(async { Ok(()) })
    }
}

fn says_yes(parameters: &HashMap<String, String>) -> Vec<String> {
    vec![
        "/oauth/callback?code=stolen&state=guessed".into(),
        "/oauth/callback".into(),
        format!("/oauth/callback?code=hunter2-code&state={}", parameters["state"]),
    ]
}

fn says_nothing(_: &HashMap<String, String>) -> Vec<String> {
    Vec::new()
}

fn silent(_: Event<'_>) {}

// behaviour: identity-center
#[tokio::test]
async fn a_sign_in_with_a_browser_goes_to_its_end_and_the_next_one_uses_the_same_registration() {
    let machine = Machine::new();
    let (person, mut tab) = Person::new(says_yes);
    machine.answer(200, &registration(1));
    machine.answer(200, &tokens(1));
    machine.center().sign_in(&mut tab, &person, &silent).await.unwrap();

    let sent = machine.sent();
    assert_eq!(sent[0].0, "POST /client/register");
    assert_eq!(sent[0].1["redirectUris"], json!(["http://127.0.0.1/oauth/callback"]));
    let asked = person.parameters(0);
    assert_eq!((asked["client_id"].as_str(), asked["code_challenge_method"].as_str()), ("client-1", "S256"));
    assert_eq!(asked["redirect_uri"], "http://127.0.0.1:4711/oauth/callback");
    let (target, body) = &sent[1];
    assert_eq!(target, "POST /token");
    assert_eq!(body["code"], "hunter2-code");
    assert_eq!(body["redirectUri"], "http://127.0.0.1:4711/oauth/callback");
    let challenge = digest::digest(&digest::SHA256, body["codeVerifier"].as_str().unwrap().as_bytes());
    assert_eq!(asked["code_challenge"], URL_SAFE_NO_PAD.encode(challenge));
    let stored = machine.stored().await.unwrap();
    assert!(stored.access_token.matches("hunter2-access-1") && stored.client.id == "client-1");

    machine.minutes_pass(120);
    machine.answer(200, &tokens(2));
    let center = machine.center();
    center.sign_in(&mut tab, &person, &silent).await.unwrap();
    assert_eq!(machine.paths(), ["/client/register", "/token", "/token"]);
    assert_ne!(person.parameters(0)["state"], "");
    let status = center.status().await.unwrap().unwrap();
    assert_eq!(status.signed_in_at, Some(at("2026-11-23T14:00:00Z")));
    assert_eq!((status.origin, status.renewal), (TokenOrigin::Ours, RenewalMeans::RefreshToken));
}

#[tokio::test]
async fn the_answer_comes_over_a_real_loopback_server_with_the_address_that_is_registered() {
    #[derive(Debug)]
    struct Real;
    impl Browser for Real {
        fn open<'a>(&'a self, url: &'a Secret) -> BoxFuture<'a, Result<(), BrowserError>> {
            let url: url::Url = url.expose().parse().unwrap();
            let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
            tokio::spawn(async move {
                let redirect: url::Url = asked["redirect_uri"].parse().unwrap();
                let port = redirect.port().unwrap();
                let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let state = &asked["state"];
                let request = format!(
                    "GET {}?code=hunter2-code&state={state} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
                    redirect.path()
                );
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut page = String::new();
                stream.read_to_string(&mut page).await.unwrap();
                assert!(page.starts_with("HTTP/1.1 200"), "{page}");
            });
            Box::pin(async { Ok(()) })
        }
    }
    let machine = Machine::new();
    machine.answer(200, &registration(1));
    machine.answer(200, &tokens(1));
    let mut loopback = Loopback::bind(&loopback_options()).unwrap();
    machine.center().sign_in(&mut loopback, &Real, &silent).await.unwrap();
    let sent = machine.sent();
    assert_eq!(sent[0].1["redirectUris"], json!(["http://127.0.0.1/oauth/callback"]));
    let expected = format!("http://127.0.0.1:{}/oauth/callback", loopback.port());
    assert_eq!(sent[1].1["redirectUri"], json!(expected));
}

#[tokio::test]
async fn a_no_in_the_browser_or_at_the_token_endpoint_ends_the_sign_in() {
    let machine = Machine::new();
    let (person, mut tab) = Person::new(|asked| {
        vec![format!("/oauth/callback?error=access_denied&error_description=no&state={}", asked["state"])]
    });
    machine.answer(200, &registration(1));
    let error = machine.center().sign_in(&mut tab, &person, &silent).await.unwrap_err();
    assert!(
        matches!(&error, CenterError::Issuer { endpoint: Endpoint::Authorization, source } if source.error == "access_denied")
    );
    assert!(machine.stored().await.is_none());

    let machine = Machine::new();
    let (person, mut tab) = Person::new(says_yes);
    machine.answer(200, &registration(1));
    machine.answer(400, &oauth("invalid_grant"));
    let error = machine.center().sign_in(&mut tab, &person, &silent).await.unwrap_err();
    assert!(matches!(&error, CenterError::Issuer { endpoint: Endpoint::Token, .. }));
    assert_eq!(error.retry(), Retry::AfterSignIn);
    assert_tells_nothing(&format!("{error:?} {error}"));

    let machine = Machine::new();
    let (person, mut tab) = Person::new(says_yes);
    machine.answer(200, &registration(1));
    machine.answer(200, &json!({ "accessToken": "hunter2\n", "expiresIn": 3600 }));
    let error = machine.center().sign_in(&mut tab, &person, &silent).await.unwrap_err();
    assert!(matches!(&error, CenterError::Answer { endpoint: Endpoint::Token, .. }));
    assert_tells_nothing(&format!("{error:?} {error}"));
}

#[tokio::test(start_paused = true)]
async fn a_person_who_does_not_come_back_ends_the_wait_and_the_registration_that_may_be_to_blame() {
    let machine = Machine::new();
    for (register, number) in [(true, 1), (false, 1), (true, 2)] {
        if register {
            machine.answer(200, &registration(number));
        }
        let (person, mut tab) = Person::new(says_nothing);
        let error = machine.center().sign_in(&mut tab, &person, &silent).await.unwrap_err();
        assert!(matches!(error, CenterError::TimedOut { .. }), "{error:?}");
        // The second finds the first one's registration; the third does not any more.
        assert_eq!(person.parameters(0)["client_id"], format!("client-{number}"));
    }
    assert_eq!(machine.paths(), ["/client/register", "/client/register"]);
}

// behaviour: identity-center
#[tokio::test(start_paused = true)]
async fn a_sign_in_by_device_code_goes_to_its_end_at_the_pace_the_service_asks_for() {
    let machine = Machine::new();
    machine.answer(200, &registration(1));
    machine.answer(200, &device_code());
    machine.answer(400, &oauth("authorization_pending"));
    machine.answer(400, &oauth("slow_down"));
    machine.answer(200, &tokens(1));
    let shown = Mutex::new(Vec::new());
    let note = |event: Event<'_>| {
        if let Event::DeviceCode(prompt) = &event {
            shown.lock().unwrap().push(prompt.user_code.clone());
        }
        assert_tells_nothing(&format!("{event:?}"));
    };
    let (person, _tab) = Person::new(says_nothing);
    let started = tokio::time::Instant::now();
    machine.center().sign_in_by_device_code(Some(&person), &note).await.unwrap();
    // One second, one second, and five more after "slow down".
    assert_eq!(started.elapsed().as_secs(), 8);
    assert_eq!(*shown.lock().unwrap(), ["ABCD-EFGH"]);
    assert_eq!(person.parameters(0)["user_code"], "ABCD-EFGH");
    let sent = machine.sent();
    assert_eq!(sent[0].1.get("redirectUris"), None);
    assert_eq!(sent[1].0, "POST /device_authorization");
    assert_eq!(sent[1].1["startUrl"], "https://d-1234567890.awsapps.com/start");
    assert_eq!(sent[4].1["deviceCode"], "hunter2-device");
    assert!(machine.stored().await.unwrap().access_token.matches("hunter2-access-1"));
}

#[tokio::test(start_paused = true)]
async fn every_end_of_a_device_code_has_its_error() {
    for (status, code, expected) in [
        (400, "expired_token", Ok(DeviceError::Expired)),
        (400, "access_denied", Ok(DeviceError::Declined)),
        (400, "invalid_grant", Err("invalid_grant")),
        (401, "invalid_client", Err("invalid_client")),
        (500, "server_error", Err("server_error")),
    ] {
        let machine = Machine::new();
        machine.answer(200, &registration(1));
        machine.answer(200, &device_code());
        machine.answer(status, &oauth(code));
        let error = machine.center().sign_in_by_device_code(None, &silent).await.unwrap_err();
        match (&error, expected) {
            (CenterError::Device(device), Ok(expected)) => assert_eq!(*device, expected),
            (CenterError::Issuer { source, .. }, Err(expected)) => assert_eq!(source.error, expected),
            _ => panic!("{code}: {error:?}"),
        }
        assert!(machine.stored().await.is_none());
    }
    // Its time runs out while nobody says so.
    #[derive(Debug)]
    struct Ticking(tokio::time::Instant);
    impl Clock for Ticking {
        fn now(&self) -> Timestamp {
            at(START) + SignedDuration::try_from(self.0.elapsed()).unwrap()
        }
    }
    let machine = Machine::new();
    machine.answer(200, &registration(1));
    machine.answer(
        200,
        &json!({ "deviceCode": "d", "userCode": "U", "expiresIn": 3, "interval": 1,
        "verificationUri": "https://device.example/" }),
    );
    for _ in 0..3 {
        machine.answer(400, &oauth("authorization_pending"));
    }
    let mut center = machine.center();
    center.context.clock = Arc::new(Ticking(tokio::time::Instant::now()));
    let error = center.sign_in_by_device_code(Some(&NoBrowser), &silent).await.unwrap_err();
    assert!(matches!(error, CenterError::Device(DeviceError::Expired)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_is_over_or_unknown_is_made_anew() {
    let stored = ClientRecord {
        version: VERSION,
        generation: 1,
        client: client(),
        scopes: config().scopes,
        redirect_uri: None,
    };
    // Over, of other scopes, and known here only.
    for (record, days, refused) in [
        (stored.clone(), 100, false),
        (ClientRecord { scopes: vec!["other".into()], ..stored.clone() }, 0, false),
        (stored, 0, true),
    ] {
        let machine = Machine::new();
        machine.keep(&record).await;
        machine.minutes_pass(days * 24 * 60);
        if refused {
            machine.answer(401, &oauth("invalid_client"));
        }
        let mut fresh = registration(1);
        fresh["clientSecretExpiresAt"] = json!(1_903_211_200);
        machine.answer(200, &fresh);
        machine.answer(200, &device_code());
        machine.answer(200, &tokens(1));
        machine.center().sign_in_by_device_code(None, &silent).await.unwrap();
        let register = usize::from(refused);
        assert_eq!(machine.paths()[register], "/client/register");
        assert_eq!(machine.sent()[register + 1].1["clientId"], "client-1");
        let text = machine.keychain.get(&entries().client(true)).await.unwrap().unwrap();
        assert_eq!(ClientRecord::parse(text.expose()).unwrap().client.id, "client-1");
    }
}

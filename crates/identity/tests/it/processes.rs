//! Real processes: twenty at once make one refresh and one exchange, and one that is killed is taken over from.
//!
//! The parent is issuer and STS on loopback and counts; each child is the first of these tests run again, in a folder where a
//! file tells it that it is a child. The children share nothing but a folder: encrypted keychain files and locks.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use pintail_core::credential::CredentialSource;
use pintail_core::seam::{
    BoxFuture, Clock, HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, ManualClock, Random,
};
use pintail_core::secret::Secret;
use pintail_identity::keychain::FileKeychain;
use pintail_identity::session::{
    FreshTokens, RoleConfig, Session, SessionContext, SessionOptions, TokenSource, TokenSourceError,
};
use pintail_identity::sts::{EndpointChoice, StsEndpoint, TokenFacts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::fakes::{START, credential_xml, facts, identity, role};

/// In the folder of a child: the parent's port.
pub(super) const PORT_FILE: &str = "parent-port";

/// Issuer and STS in one, which count.
#[derive(Debug, Default)]
pub(super) struct Counts {
    refreshes: AtomicU32,
    pub(super) exchanges: AtomicU32,
    /// When not zero, the answer to an exchange is held back, and the test is told.
    holding: AtomicU32,
    held: Notify,
    refresh_tokens_seen: std::sync::Mutex<Vec<String>>,
}

pub(super) async fn serve(listener: TcpListener, counts: Arc<Counts>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let counts = Arc::clone(&counts);
        tokio::spawn(async move {
            // A child that is killed breaks its connection: that is no failure of the server.
            let _ = answer(stream, &counts).await;
        });
    }
}

async fn answer(mut stream: TcpStream, counts: &Counts) -> std::io::Result<()> {
    let (path, body) = read_request(&mut stream).await?;
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let text = if path == "/token" {
        let number = counts.refreshes.fetch_add(1, Ordering::SeqCst) + 1;
        counts.refresh_tokens_seen.lock().unwrap().push(form["refresh_token"].clone());
        format!("{number}")
    } else {
        let number = counts.exchanges.fetch_add(1, Ordering::SeqCst) + 1;
        if counts.holding.load(Ordering::SeqCst) > 0 {
            counts.held.notify_one();
            std::future::pending::<()>().await;
        }
        let now: Timestamp = START.parse().unwrap();
        credential_xml(number, now + SignedDuration::from_hours(100))
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await
}

async fn read_request(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        let body = &bytes[end + 4..];
        if body.len() >= length.parse::<usize>().unwrap() {
            return Ok((head.split(' ').nth(1).unwrap().to_owned(), body.to_vec()));
        }
    }
}

/// The plainest client there is.
#[derive(Debug)]
pub(super) struct Loopback;

impl HttpClient for Loopback {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            let fail = |error| HttpError {
                kind: HttpErrorKind::Interrupted,
                host: "loopback".into(),
                source: Some(Box::new(error)),
            };
            let port = request.url.port().unwrap();
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(fail)?;
            let head = format!(
                "POST {} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {}\r\n\r\n",
                request.url.path(),
                request.body.len()
            );
            let mut whole = head.into_bytes();
            whole.extend_from_slice(&request.body);
            stream.write_all(&whole).await.map_err(fail)?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.map_err(fail)?;
            let end = answer.windows(4).position(|part| part == b"\r\n\r\n").map(|at| at + 4);
            let body = end.map(|end| answer.split_off(end)).unwrap_or_default();
            Ok(HttpResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() })
        })
    }
}

/// Refreshes at the parent.
#[derive(Debug)]
struct ParentTokens {
    port: u16,
    now: Timestamp,
}

impl TokenSource for ParentTokens {
    fn fresh_id_token(
        &self,
        refresh_token: Option<Secret>,
        _previous: Option<TokenFacts>,
    ) -> BoxFuture<'_, Result<FreshTokens, TokenSourceError>> {
        Box::pin(async move {
            let url = format!("http://127.0.0.1:{}/token", self.port).parse().unwrap();
            let refresh_token = refresh_token.unwrap();
            let request = HttpRequest::post_form(url, [("refresh_token", refresh_token.expose())]);
            let answer = Loopback.send(request).await.unwrap();
            let number = String::from_utf8_lossy(&answer.body).into_owned();
            let expires_at = self.now + SignedDuration::from_hours(1);
            Ok(FreshTokens {
                id_token: Secret::new(format!("id-{number}")),
                facts: facts(expires_at),
                expires_at,
                offered_roles: Vec::new(),
                session_name_hint: None,
                refresh_token: Some(Secret::new(format!("refresh-{number}"))),
            })
        })
    }
}

/// The system's randomness: processes must not share a seed.
#[derive(Debug)]
pub(super) struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).unwrap();
    }
}

pub(super) fn session(folder: &Path, port: u16, now: Timestamp) -> Session {
    let url = format!("http://127.0.0.1:{port}/sts").parse().unwrap();
    let endpoint = StsEndpoint::new(&EndpointChoice::Custom(url), &"eu-central-1".parse().unwrap()).unwrap();
    let context = SessionContext {
        http: Arc::new(Loopback),
        clock: Arc::new(ManualClock::new(now)),
        random: Arc::new(SystemRandom),
        keychain: Arc::new(FileKeychain::new(folder.join("data"), folder.join("state"))),
        tokens: Arc::new(ParentTokens { port, now }),
        lock_folder: folder.join("locks"),
    };
    let role = RoleConfig { endpoint, ..role() };
    Session::new(identity(), role, SessionOptions::default(), context).unwrap()
}

/// A folder with a sign-in whose ID token is over, and a server.
pub(super) struct Home {
    pub(super) folder: tempfile::TempDir,
    pub(super) counts: Arc<Counts>,
}

impl Home {
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let counts = Arc::new(Counts::default());
        tokio::spawn(serve(listener, Arc::clone(&counts)));
        let folder = tempfile::tempdir().unwrap();
        let past: Timestamp = START.parse::<Timestamp>().unwrap() - SignedDuration::from_hours(5);
        let clock = ManualClock::new(past);
        let first = FreshTokens {
            id_token: Secret::new("id-0"),
            facts: facts(clock.now()),
            expires_at: clock.now(),
            offered_roles: Vec::new(),
            session_name_hint: None,
            refresh_token: Some(Secret::new("refresh-0")),
        };
        session(folder.path(), port, past).sign_in(first).await.unwrap();
        std::fs::write(folder.path().join(PORT_FILE), port.to_string()).unwrap();
        Self { folder, counts }
    }

    /// Starts a child that gets a credential and says which.
    fn child(&self) -> Child {
        self.child_of("processes::twenty_processes_make_one_refresh_and_one_exchange")
    }

    /// Runs a test again as a child in the folder.
    pub(super) fn child_of(&self, test: &str) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub(super) fn asked(&self) -> (u32, u32) {
        (self.counts.refreshes.load(Ordering::SeqCst), self.counts.exchanges.load(Ordering::SeqCst))
    }
}

pub(super) async fn said(child: Child) -> String {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = stdout.lines().find_map(|line| line.split("child got ").nth(1)).map(ToOwned::to_owned);
    found.unwrap_or_else(|| panic!("{stdout}{}", String::from_utf8_lossy(&output.stderr)))
}

/// What a child does, if this process is one.
async fn was_child() -> bool {
    let Ok(port) = std::fs::read_to_string(PORT_FILE) else { return false };
    let session = session(Path::new("."), port.parse().unwrap(), START.parse().unwrap());
    let credential = session.credential().await.unwrap().unwrap();
    println!("child got {}", credential.access_key_id);
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_processes_make_one_refresh_and_one_exchange() {
    if was_child().await {
        return;
    }
    let home = Home::new().await;
    let children: Vec<Child> = (0..20).map(|_| home.child()).collect();
    for child in children {
        assert_eq!(said(child).await, "ASIA0001");
    }
    assert_eq!(home.asked(), (1, 1));
    assert_eq!(*home.counts.refresh_tokens_seen.lock().unwrap(), ["refresh-0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_in_the_middle_is_taken_over_from() {
    let home = Home::new().await;
    home.counts.holding.store(1, Ordering::SeqCst);
    let mut victim = home.child();
    home.counts.held.notified().await;
    let waiting: Vec<Child> = (0..5).map(|_| home.child()).collect();
    // It holds the lock, has spent the first refresh token, and dies before STS answers.
    home.counts.holding.store(0, Ordering::SeqCst);
    victim.kill().unwrap();
    victim.wait().unwrap();
    for child in waiting {
        assert_eq!(said(child).await, "ASIA0002");
    }
    assert_eq!(home.asked(), (2, 2), "one renewal died, one took over");
    // The token that the victim got was stored before it was used: the chain goes on from there.
    assert_eq!(*home.counts.refresh_tokens_seen.lock().unwrap(), ["refresh-0", "refresh-1"]);
}

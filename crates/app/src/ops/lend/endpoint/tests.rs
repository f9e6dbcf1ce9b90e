//! The endpoint over a plain socket: who is answered, with what, and what a bad neighbour can do.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pintail_core::credential::{Credential, CredentialError, StaticCredential};
use pintail_core::retry::Retry;
use pintail_core::seam::{BoxFuture, ManualClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::*;

const TOKEN: &str = "the-token-of-this-endpoint-0123456789abcdefg";

/// A source that gives a new credential each time, or fails as told.
#[derive(Debug, Default)]
struct Source {
    given: AtomicUsize,
    fail: Mutex<Option<Retry>>,
}

impl CredentialSource for Source {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        let failure = *self.fail.lock().unwrap();
        Box::pin(async move {
            if let Some(retry) = failure {
                let source: Arc<dyn std::error::Error + Send + Sync> =
                    Arc::new(std::io::Error::other("no sign-in"));
                return Err(CredentialError { retry, source });
            }
            let number = self.given.fetch_add(1, Ordering::SeqCst);
            Ok(Some(Arc::new(Credential {
                access_key_id: format!("ASIA{number}"),
                secret_access_key: Secret::new("key"),
                session_token: Some(Secret::new("session")),
                expires_at: Some("2026-11-23T13:00:00Z".parse().unwrap()),
            })))
        })
    }

    fn refused(&self, _credential: &Credential) {}
}

struct Stage {
    endpoint: Endpoint,
    source: Arc<Source>,
}

async fn stage() -> Stage {
    let source = Arc::new(Source::default());
    let counter = |name: &str, source: Arc<dyn CredentialSource>| Counter {
        name: name.parse().unwrap(),
        source,
        role: Some("arn:aws:iam::123456789012:role/Data".parse().unwrap()),
    };
    let counters = vec![
        counter("lab", Arc::clone(&source) as Arc<dyn CredentialSource>),
        counter("büro", Arc::new(StaticCredential::anonymous())),
    ];
    let words = Words(Arc::new(|error| Refusal { code: "Said", message: format!("said: {error}") }));
    let clock = Arc::new(ManualClock::new("2026-11-23T12:00:00Z".parse().unwrap()));
    let endpoint =
        Endpoint::bind(Door::Loopback(0), Secret::new(TOKEN), counters, words, clock).await.unwrap();
    Stage { endpoint, source }
}

impl Stage {
    /// Does something while the endpoint serves.
    async fn with<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            never = self.endpoint.serve() => match never {},
            done = work => done,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.endpoint.port())).await.unwrap()
    }

    /// Sends a text as it is and reads the answer to its end.
    async fn send(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A server that closes on unread bytes resets the connection; what it said before counts.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    async fn ask(&self, line: &str, headers: &[(&str, &str)]) -> String {
        let mut request = format!("{line} HTTP/1.1\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(&(request + "\r\n")).await
    }

    fn own(&self) -> String {
        format!("127.0.0.1:{}", self.endpoint.port())
    }
}

#[tokio::test]
async fn who_has_the_token_is_given_the_credential_of_the_moment() {
    let stage = stage().await;
    let own = stage.own();
    let headers = [("Host", own.as_str()), ("Authorization", TOKEN)];
    let (first, second) = stage
        .with(async { (stage.ask("GET /lab", &headers).await, stage.ask("GET /lab", &headers).await) })
        .await;
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{first}");
    assert!(first.contains("cache-control: no-store\r\n"), "{first}");
    assert!(first.contains("content-type: application/json\r\n"), "{first}");
    let body = first.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(
        body,
        r#"{"AccessKeyId":"ASIA0","SecretAccessKey":"key","Token":"session","Expiration":"2026-11-23T13:00:00Z","AccountId":"123456789012","RoleArn":"arn:aws:iam::123456789012:role/Data"}"#
    );
    assert!(second.contains("ASIA1"), "asked again for each request: {second}");
}

#[tokio::test]
async fn nobody_else_is_answered() {
    let stage = stage().await;
    let own = stage.own();
    let other_port = format!("127.0.0.1:{}", stage.endpoint.port() ^ 1);
    let host = ("Host", own.as_str());
    let token = ("Authorization", TOKEN);
    let bearer = format!("Bearer {TOKEN}");
    let longer = format!("{TOKEN}x");
    let cases = [
        ("GET /lab", vec![host], 401, "WrongToken"),
        ("GET /lab", vec![host, ("Authorization", "")], 401, "WrongToken"),
        ("GET /lab", vec![host, ("Authorization", longer.as_str())], 401, "WrongToken"),
        ("GET /lab", vec![host, ("Authorization", &TOKEN[1..])], 401, "WrongToken"),
        ("GET /lab", vec![host, ("Authorization", bearer.as_str())], 401, "WrongToken"),
        ("GET /lab", vec![host, token, token], 401, "WrongToken"),
        ("GET /lab", vec![token, ("Host", "rebound.example")], 421, "WrongHost"),
        ("GET /lab", vec![token, ("Host", "127.0.0.1")], 421, "WrongHost"),
        ("GET /lab", vec![token, ("Host", other_port.as_str())], 421, "WrongHost"),
        ("GET /lab", vec![token, host, ("Host", "rebound.example")], 421, "WrongHost"),
        ("GET /lab", vec![token], 421, "WrongHost"),
        ("GET /lab", vec![host, token, ("Origin", "https://page.example")], 403, "Browser"),
        ("GET /lab", vec![host, token, ("Origin", "null")], 403, "Browser"),
        ("GET /lab", vec![host, token, ("Sec-Fetch-Mode", "navigate")], 403, "Browser"),
        ("POST /lab", vec![host, token], 405, "WrongMethod"),
        ("HEAD /lab", vec![host, token], 405, ""),
        ("OPTIONS /lab", vec![host, token], 405, "WrongMethod"),
        ("PUT /lab", vec![host, token, ("Content-Length", "3")], 405, "WrongMethod"),
        ("GET /", vec![host, token], 404, "/lab, /b%C3%BCro"),
        ("GET /lab/", vec![host, token], 404, "NotFound"),
        ("GET /LAB", vec![host, token], 404, "NotFound"),
        ("GET /other", vec![host, token], 404, "NotFound"),
        ("GET /b%C3%BCro", vec![host, token], 403, "has no credential to lend"),
    ];
    for (line, headers, status, word) in cases {
        let answer = stage.with(stage.ask(line, &headers)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line} {headers:?}: {answer}");
        assert!(answer.contains(word), "{line}: {answer}");
        assert!(!answer.contains("access-control") && !answer.contains(TOKEN), "{answer}");
    }
    assert_eq!(stage.source.given.load(Ordering::SeqCst), 0, "nothing was even fetched");
}

#[tokio::test]
async fn localhost_and_a_question_mark_are_no_harm() {
    let stage = stage().await;
    let host = format!("LocalHost:{}", stage.endpoint.port());
    let headers = [("Host", host.as_str()), ("authorization", TOKEN), ("Connection", "keep-alive")];
    let answer = stage.with(stage.ask("GET /lab?", &headers)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_refusal_is_put_into_words_and_tells_whether_to_try_again() {
    let stage = stage().await;
    let own = stage.own();
    let headers = [("Host", own.as_str()), ("Authorization", TOKEN)];
    for (retry, status, again) in [(Retry::AfterSignIn, 403, false), (Retry::Backoff, 503, true)] {
        *stage.source.fail.lock().unwrap() = Some(retry);
        let answer = stage.with(stage.ask("GET /lab", &headers)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(
            answer.contains(r#"{"code":"Said","message":"said: could not get a credential"}"#),
            "{answer}"
        );
        assert_eq!(answer.contains("retry-after: 1"), again, "{answer}");
    }
    *stage.source.fail.lock().unwrap() = None;
    let answer = stage.with(stage.ask("GET /lab", &headers)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "it goes on by itself: {answer}");
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let stage = stage().await;
    let own = stage.own();
    let long = "x".repeat(HEAD_BYTES_MAX);
    let many: Vec<(String, &str)> = (0..=HEADERS_MAX).map(|n| (format!("X-{n}"), "1")).collect();
    let mut many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    many.extend([("Host", own.as_str()), ("Authorization", TOKEN)]);
    for headers in [
        vec![("Host", own.as_str()), ("Authorization", TOKEN), ("X-Long", &long)],
        vec![("Host", own.as_str()), ("Authorization", &long)],
        many,
    ] {
        let answer = stage.with(stage.ask("GET /lab", &headers)).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    let answer = stage.with(stage.send("no HTTP at all\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(stage.source.given.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn slow_clients_keep_nobody_waiting() {
    let stage = stage().await;
    let own = stage.own();
    let headers = [("Host", own.as_str()), ("Authorization", TOKEN)];
    let mut slow = Vec::new();
    for _ in 0..CONNECTIONS_MAX / 2 {
        let mut stream = stage.connect().await;
        stream.write_all(b"GET /lab HTT").await.unwrap();
        slow.push(stream);
    }
    let asking = futures_util::future::join_all((0..20).map(|_| stage.ask("GET /lab", &headers)));
    let answers = stage.with(asking).await;
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200 ")), "{answers:?}");
    let mut keys: Vec<_> = answers.iter().map(|answer| answer.split("ASIA").nth(1).unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 20, "each was answered for itself");
}

/// Time that passes by itself: the runtime moves its clock when nothing else can happen.
#[tokio::test(start_paused = true)]
async fn a_client_that_never_asks_is_sent_away() {
    let stage = stage().await;
    let started = tokio::time::Instant::now();
    let ended = stage
        .with(async {
            let mut stream = stage.connect().await;
            stream.write_all(b"GET /lab HTTP/1.1\r\nHost:").await.unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            started.elapsed()
        })
        .await;
    assert!(ended >= REQUEST_MAX && ended <= CONNECTION_MAX, "{ended:?}");
}

/// A source that takes its time does not keep others waiting.
#[tokio::test]
async fn a_slow_renewal_does_not_stop_the_door() {
    #[derive(Debug, Default)]
    struct Slow(Notify);
    impl CredentialSource for Slow {
        fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
            Box::pin(async {
                self.0.notified().await;
                Ok(None)
            })
        }
        fn refused(&self, _credential: &Credential) {}
    }
    let slow = Arc::new(Slow::default());
    let counter = |name: &str, source: Arc<dyn CredentialSource>| Counter {
        name: name.parse().unwrap(),
        source,
        role: Some("arn:aws:iam::123456789012:role/Data".parse().unwrap()),
    };
    let counters = vec![
        counter("slow", Arc::clone(&slow) as Arc<dyn CredentialSource>),
        counter("quick", Arc::new(Source::default())),
    ];
    let words = Words(Arc::new(|error| Refusal { code: "Said", message: error.to_string() }));
    let clock = Arc::new(ManualClock::new("2026-11-23T12:00:00Z".parse().unwrap()));
    let endpoint =
        Endpoint::bind(Door::Loopback(0), Secret::new(TOKEN), counters, words, clock).await.unwrap();
    let stage = Stage { endpoint, source: Arc::default() };
    let own = stage.own();
    let headers = [("Host", own.as_str()), ("Authorization", TOKEN)];
    let (slow_answer, quick_answer) = stage
        .with(async {
            tokio::join!(stage.ask("GET /slow", &headers), async {
                let answer = stage.ask("GET /quick", &headers).await;
                slow.0.notify_one();
                answer
            })
        })
        .await;
    assert!(quick_answer.starts_with("HTTP/1.1 200 "), "{quick_answer}");
    assert!(slow_answer.starts_with("HTTP/1.1 403 "), "{slow_answer}");
}

#[tokio::test]
async fn at_the_link_local_address_the_token_is_in_the_path() {
    let Stage { endpoint, source } = stage().await;
    let Endpoint { listener, port, desk } = endpoint;
    let desk = Arc::into_inner(desk).unwrap();
    let endpoint = Endpoint { listener, port, desk: Arc::new(Desk { in_path: true, ..desk }) };
    let name = "lab".parse().unwrap();
    let path = endpoint.relative(&name).expose().to_owned();
    let stage = Stage { endpoint, source };
    let own = ("Host", "169.254.170.2");
    let loopback = stage.own();
    let right = format!("GET {path}");
    let cases = [
        (right.clone(), vec![("Host", loopback.as_str())], 421),
        (right.clone(), vec![("Host", "rebound.example")], 421),
        (right.clone(), vec![own, own], 421),
        (right.clone(), vec![own, ("Origin", "null")], 403),
        (right.replace("GET", "POST"), vec![own], 405),
        ("GET /lab".to_owned(), vec![own, ("Authorization", TOKEN)], 401),
        (format!("GET /{}/lab", &TOKEN[1..]), vec![own], 401),
        (format!("GET /{TOKEN}"), vec![own], 401),
        (format!("GET //{TOKEN}/lab"), vec![own], 401),
        (format!("GET /{TOKEN}/other"), vec![own], 404),
    ];
    for (line, headers, status) in cases {
        let answer = stage.with(stage.ask(&line, &headers)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line} {headers:?}: {answer}");
        assert!(!answer.contains(TOKEN), "{answer}");
    }
    assert_eq!(stage.source.given.load(Ordering::SeqCst), 0);
    let answer = stage.with(stage.ask(&right, &[own])).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("ASIA0"), "{answer}");
}

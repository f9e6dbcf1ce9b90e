//! The drivers against an issuer in memory, real loopback sockets and paused time.

use super::*;
use crate::oidc::browser::NoBrowser;
use crate::oidc::end_session::{SignOutOptions, sign_out_url};
use crate::oidc::redirect::{Loopback, LoopbackOptions, Pasted};
use crate::oidc::testing::{
    CLIENT, ISSUER, NOON, TestKey, discovery_document, entra_claims, key_set, metadata,
};
use crate::oidc::token_check::Identity;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use pintail_core::seam::{BoxFuture, CorrectedClock, HttpRequest, ManualClock, ScriptedHttp, SeededRandom};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use url::Url;

fn client() -> Client {
    Client::public(ISSUER.parse().unwrap(), CLIENT.parse().unwrap())
}

fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

fn renewal() -> Renewal {
    Renewal {
        refresh_token: Secret::new("refresh-1"),
        scopes: Scopes::default(),
        identity: Identity { issuer: ISSUER.into(), subject: "pairwise-subject".into() },
        nonce: None,
    }
}

fn token_answer(key: &TestKey, nonce: Option<&str>) -> String {
    let mut claims = entra_claims();
    match nonce {
        Some(nonce) => claims["nonce"] = json!(nonce),
        None => drop(claims.as_object_mut().unwrap().remove("nonce")),
    }
    json!({ "id_token": key.token(&claims), "refresh_token": "refresh-2", "expires_in": 3600 }).to_string()
}

/// An issuer in memory that answers by address. It learns the nonce from the browser.
#[derive(Debug, Default)]
struct Issuer {
    nonce: Arc<Mutex<String>>,
    refuses: bool,
}

impl HttpClient for Issuer {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        let key = TestKey::rsa("k1");
        let metadata = metadata();
        let (status, body) = if request.url == metadata.token_endpoint {
            if self.refuses {
                (400, r#"{"error":"invalid_grant","error_codes":[54005]}"#.to_owned())
            } else {
                (200, token_answer(&key, Some(&self.nonce.lock().unwrap())))
            }
        } else if request.url == metadata.jwks_uri {
            (200, key_set(&[&key]))
        } else {
            (200, discovery_document())
        };
        let status = StatusCode::from_u16(status).unwrap();
        Box::pin(async move { Ok(HttpResponse { status, headers: HeaderMap::new(), body: body.into() }) })
    }
}

/// A person at a browser: reads the address, tells the issuer the nonce, and sends the answer on.
struct Person<F> {
    nonce: Arc<Mutex<String>>,
    answer: F,
}

impl<F> fmt::Debug for Person<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person")
    }
}

impl<F: Fn(String, String) + Send + Sync> Browser for Person<F> {
    fn open<'a>(&'a self, url: &'a Secret) -> BoxFuture<'a, Result<(), BrowserError>> {
        let parameters: HashMap<String, String> =
            url.expose().parse::<Url>().unwrap().query_pairs().into_owned().collect();
        self.nonce.lock().unwrap().clone_from(&parameters["nonce"]);
        (self.answer)(parameters["redirect_uri"].clone(), parameters["state"].clone());
        Box::pin(async { Ok(()) })
    }
}

/// Loads a page as a browser does and returns what it shows.
async fn load(address: Url) -> String {
    let port = address.port().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let target = &address[url::Position::BeforePath..];
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}

/// Signs in over a real loopback server; returns the end, the page and the events.
async fn over_loopback(refuses: bool) -> (Result<Tokens, DriveError>, String, Vec<String>) {
    let issuer = Issuer { refuses, ..Issuer::default() };
    let (page_tx, mut page_rx) = tokio::sync::mpsc::unbounded_channel();
    let person = Person {
        nonce: Arc::clone(&issuer.nonce),
        answer: move |redirect_uri, state| {
            let page_tx = page_tx.clone();
            tokio::spawn(async move {
                let foreign = format!("{redirect_uri}?code=stolen&state=guess").parse().unwrap();
                assert!(load(foreign).await.contains("Not this sign-in"));
                let ours = format!("{redirect_uri}?code=the-code&state={state}").parse().unwrap();
                page_tx.send(load(ours).await).unwrap();
            });
        },
    };
    let (clock, random) = (ManualClock::new(noon()), SeededRandom::new(1));
    let events = Mutex::new(Vec::new());
    let note = |event: Event<'_>| events.lock().unwrap().push(format!("{event:?}"));
    let driver = Driver::new(&issuer, &clock, &random, &note);
    let mut loopback = Loopback::bind(&LoopbackOptions::default()).unwrap();
    let mut known = KnownIssuer::default();
    let ended =
        driver.sign_in(&client(), &SignInOptions::default(), &mut loopback, &person, &mut known).await;
    assert!(known.metadata().is_some());
    let page = page_rx.recv().await.unwrap();
    (ended, page, events.into_inner().unwrap())
}

#[tokio::test]
async fn a_sign_in_by_loopback_ends_with_tokens_and_a_page_that_says_so() {
    let (ended, page, events) = over_loopback(false).await;
    let tokens = ended.unwrap();
    assert!(tokens.refresh_token.is_some_and(|token| token.matches("refresh-2")));
    assert!(page.contains("<h1>Signed in</h1>"), "{page}");
    let names: Vec<&str> = events.iter().map(|event| event.split([' ', '(', '{']).next().unwrap()).collect();
    assert_eq!(names, ["Started", "OpeningBrowser", "AwaitingAnswer", "Ignored", "Answered"]);
    let all = events.join(" ");
    assert!(!all.contains("login.microsoftonline.com") && !all.contains("the-code"), "{all}");
}

#[tokio::test]
async fn a_failed_exchange_is_not_shown_as_a_sign_in() {
    let (ended, page, _) = over_loopback(true).await;
    let error = ended.unwrap_err();
    assert!(
        matches!(&error, DriveError::SignIn(SignInError::Issuer { source, .. }) if source.aadsts == Some(54005))
    );
    assert_eq!(error.retry(), Retry::AfterSignIn);
    assert!(page.contains("<h1>Not signed in</h1>"), "{page}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_sign_in_by_custom_scheme_is_finished_by_another_process() {
    use crate::oidc::redirect::scheme::{Scheme, deliver};
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let issuer = Issuer::default();
    let path = folder.path().to_owned();
    let person = Person {
        nonce: Arc::clone(&issuer.nonce),
        answer: move |redirect_uri, state| {
            let path = path.clone();
            let address = Secret::new(format!("{redirect_uri}?code=the-code&state={state}"));
            tokio::spawn(async move { deliver(&address, &path).await.unwrap() });
        },
    };
    let (clock, random) = (ManualClock::new(noon()), SeededRandom::new(1));
    let driver = Driver::new(&issuer, &clock, &random, &|_| {});
    let mut scheme = Scheme::new("x-cyberduck-action://oauth", folder.path());
    let mut known = KnownIssuer::default();
    let ended = driver.sign_in(&client(), &SignInOptions::default(), &mut scheme, &person, &mut known).await;
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test]
async fn a_person_without_a_browser_here_pastes_the_address() {
    let issuer = Issuer::default();
    let (mut keyboard, input) = tokio::io::duplex(4096);
    let (clock, random) = (ManualClock::new(noon()), SeededRandom::new(1));
    let (shown_tx, mut shown_rx) = tokio::sync::mpsc::unbounded_channel();
    let events = move |event: Event<'_>| match event {
        Event::OpeningBrowser { url } => shown_tx.send(url.clone()).unwrap(),
        Event::BrowserFailed(error) => assert!(matches!(error, BrowserError::NoBrowser)),
        _ => {}
    };
    let nonce = Arc::clone(&issuer.nonce);
    let person = async move {
        let url: Url = shown_rx.recv().await.unwrap().expose().parse().unwrap();
        let sent: HashMap<String, String> = url.query_pairs().into_owned().collect();
        nonce.lock().unwrap().clone_from(&sent["nonce"]);
        let line = format!("{}/?code=c&state={}\n", sent["redirect_uri"], sent["state"]);
        keyboard.write_all(line.as_bytes()).await.unwrap();
        keyboard
    };
    let driver = Driver::new(&issuer, &clock, &random, &events);
    let mut pasted = Pasted::new("http://localhost", BufReader::new(input));
    let mut known = KnownIssuer::default();
    let (who, options) = (client(), SignInOptions::default());
    let (ended, _keyboard) =
        tokio::join!(driver.sign_in(&who, &options, &mut pasted, &NoBrowser, &mut known), person);
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_nobody_finishes_times_out_and_says_what_to_look_for() {
    let issuer = Issuer::default();
    let (clock, random) = (ManualClock::new(noon()), SeededRandom::new(1));
    let driver = Driver::new(&issuer, &clock, &random, &|_| {});
    let (_keyboard, input) = tokio::io::duplex(64);
    let mut pasted = Pasted::new("http://localhost", BufReader::new(input));
    let mut known = KnownIssuer::default();
    let begun = tokio::time::Instant::now();
    let ended =
        driver.sign_in(&client(), &SignInOptions::default(), &mut pasted, &NoBrowser, &mut known).await;
    assert_eq!(begun.elapsed().as_secs(), 300);
    let Err(error) = ended else { panic!("nobody answered") };
    assert!(matches!(
        error,
        DriveError::TimedOut { awaited: Awaited::Answer, page_only, .. } if page_only == [50011, 700016, 90002, 50194, 50105, 50020]
    ));
    assert_eq!(error.to_string(), "the sign-in was not finished within 300 s");
}

#[tokio::test]
async fn a_sign_in_that_is_dropped_lets_go_of_its_port_and_changes_nothing() {
    let issuer = Issuer::default();
    let (clock, random) = (ManualClock::new(noon()), SeededRandom::new(1));
    let (waiting_tx, mut waiting_rx) = tokio::sync::mpsc::unbounded_channel();
    let events = move |event: Event<'_>| {
        if matches!(event, Event::AwaitingAnswer { .. }) {
            waiting_tx.send(()).unwrap();
        }
    };
    let driver = Driver::new(&issuer, &clock, &random, &events);
    let mut known = KnownIssuer::default();
    let port = {
        let mut loopback = Loopback::bind(&LoopbackOptions::default()).unwrap();
        let port = loopback.port();
        let (who, options) = (client(), SignInOptions::default());
        let sign_in = driver.sign_in(&who, &options, &mut loopback, &NoBrowser, &mut known);
        tokio::select! {
            _ = sign_in => panic!("nobody answered"),
            _ = waiting_rx.recv() => {}
        }
        port
    };
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    assert!(known.metadata().is_none());
}

#[tokio::test(start_paused = true)]
async fn faults_that_pass_are_tried_again_with_patience() {
    let key = TestKey::rsa("k1");
    let http = ScriptedHttp::default();
    http.fail(HttpErrorKind::Connect);
    http.answer(503, "");
    http.answer(200, discovery_document());
    http.fail(HttpErrorKind::Interrupted);
    let mut wait = HeaderMap::new();
    wait.insert("retry-after", HeaderValue::from_static("2"));
    http.answer_with(429, wait, "{}");
    http.answer(400, r#"{"error":"invalid_request","error_codes":[90033]}"#);
    http.answer(200, token_answer(&key, None));
    http.answer(200, key_set(&[&key]));
    let (clock, random) = (ManualClock::new(noon()), SeededRandom::new(1));
    let waits = Mutex::new(Vec::new());
    let events = |event: Event<'_>| {
        if let Event::Retrying { endpoint, wait, .. } = event {
            waits.lock().unwrap().push((endpoint, wait));
        }
    };
    let driver = Driver::new(&http, &clock, &random, &events);
    let begun = tokio::time::Instant::now();
    driver.renew(&client(), &renewal(), &mut KnownIssuer::default()).await.unwrap();
    let waits = waits.into_inner().unwrap();
    use Endpoint::{Discovery, Token};
    let endpoints: Vec<Endpoint> = waits.iter().map(|(endpoint, _)| *endpoint).collect();
    assert_eq!(endpoints, [Discovery, Discovery, Token, Token, Token]);
    assert!(waits[3].1 >= Duration::from_secs(2), "the issuer's own wish is kept");
    assert!(begun.elapsed() >= waits.iter().map(|(_, wait)| *wait).sum::<Duration>());
}

#[tokio::test(start_paused = true)]
async fn patience_ends_with_the_last_error() {
    let http = ScriptedHttp::default();
    for _ in 0..5 {
        http.fail(HttpErrorKind::Timeout);
    }
    let (clock, random) = (ManualClock::new(noon()), SeededRandom::new(1));
    let driver = Driver::new(&http, &clock, &random, &|_| {});
    let error = driver.renew(&client(), &renewal(), &mut KnownIssuer::default()).await.unwrap_err();
    assert!(
        matches!(&error, DriveError::Http { endpoint: Endpoint::Discovery, source } if source.kind == HttpErrorKind::Timeout)
    );
    assert_eq!(error.retry(), Retry::Backoff);

    http.fail(HttpErrorKind::Tls);
    let error = driver.renew(&client(), &renewal(), &mut KnownIssuer::default()).await.unwrap_err();
    assert_eq!((error.retry(), http.requests().len()), (Retry::Never, 6), "trust does not come by waiting");
}

#[tokio::test(start_paused = true)]
async fn a_code_is_not_sent_twice_unless_it_was_surely_not_sent() {
    for (kind, again) in
        [(HttpErrorKind::Connect, true), (HttpErrorKind::Interrupted, false), (HttpErrorKind::Timeout, false)]
    {
        let http = ScriptedHttp::default();
        http.answer(200, discovery_document());
        http.fail(kind);
        http.answer(400, r#"{"error":"invalid_grant"}"#);
        let (clock, random) = (ManualClock::new(noon()), SeededRandom::new(1));
        let (mut keyboard, input) = tokio::io::duplex(4096);
        let (state_tx, mut state_rx) = tokio::sync::mpsc::unbounded_channel();
        let events = move |event: Event<'_>| {
            if let Event::OpeningBrowser { url } = event {
                let url: Url = url.expose().parse().unwrap();
                let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
                state_tx.send(state).unwrap();
            }
        };
        let driver = Driver::new(&http, &clock, &random, &events);
        let mut pasted = Pasted::new("http://localhost", BufReader::new(input));
        let mut known = KnownIssuer::default();
        let (who, options) = (client(), SignInOptions::default());
        let person = async {
            let line = format!("?code=c&state={}\n", state_rx.recv().await.unwrap());
            keyboard.write_all(line.as_bytes()).await.unwrap();
        };
        let (ended, ()) =
            tokio::join!(driver.sign_in(&who, &options, &mut pasted, &NoBrowser, &mut known), person);
        let error = ended.unwrap_err();
        assert_eq!(matches!(error, DriveError::SignIn(_)), again, "{kind:?}: {error:?}");
        assert_eq!(http.requests().len(), if again { 3 } else { 2 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_code_is_shown_and_asked_about_at_its_pace() {
    let key = TestKey::rsa("k1");
    let http = ScriptedHttp::default();
    http.answer(200, discovery_document());
    http.answer(200, r#"{"device_code":"dc","user_code":"ABCD-1234","verification_uri":"https://microsoft.com/devicelogin","expires_in":900,"interval":5}"#);
    http.answer(400, r#"{"error":"authorization_pending"}"#);
    http.answer(400, r#"{"error":"slow_down"}"#);
    http.answer(200, token_answer(&key, None));
    http.answer(200, key_set(&[&key]));
    let (clock, random) = (ManualClock::new(noon()), SeededRandom::new(1));
    let shown = Mutex::new(Vec::new());
    let events = |event: Event<'_>| {
        if let Event::DeviceCode(prompt) = event {
            shown.lock().unwrap().push(prompt.user_code.clone());
        }
    };
    let driver = Driver::new(&http, &clock, &random, &events);
    let begun = tokio::time::Instant::now();
    let mut known = KnownIssuer::default();
    driver.sign_in_by_device_code(&client(), &Scopes::default(), &mut known).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 5 + 5 + 10);
    assert_eq!(shown.into_inner().unwrap(), ["ABCD-1234"]);
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_the_issuers_before_a_token_is_judged() {
    let key = TestKey::rsa("k1");
    let http = ScriptedHttp::default();
    let mut date = HeaderMap::new();
    date.insert("date", HeaderValue::from_static("Mon, 23 Nov 2026 12:00:05 GMT"));
    http.answer_with(200, date, discovery_document());
    http.answer(200, token_answer(&key, None));
    http.answer(200, key_set(&[&key]));
    let clock = CorrectedClock::new(ManualClock::new("2026-11-23T09:00:00Z".parse().unwrap()));
    let random = SeededRandom::new(1);
    let driver = Driver::new(&http, &clock, &random, &|_| {});
    let tokens = driver.renew(&client(), &renewal(), &mut KnownIssuer::default()).await;
    assert!(tokens.is_ok(), "{tokens:?}");
}

#[tokio::test]
async fn a_cached_answer_tells_no_time() {
    let key = TestKey::rsa("k1");
    let dated = |age: bool| {
        let mut headers = HeaderMap::new();
        headers.insert("date", HeaderValue::from_static("Mon, 23 Nov 2026 09:00:00 GMT"));
        if age {
            headers.insert("age", HeaderValue::from_static("0"));
        }
        headers
    };
    let http = ScriptedHttp::default();
    http.answer_with(200, dated(true), discovery_document());
    http.answer_with(200, dated(true), token_answer(&key, None));
    // A key set is cached on its way, whether the cache says so or not.
    http.answer_with(200, dated(false), key_set(&[&key]));
    let clock = CorrectedClock::new(ManualClock::new(noon()));
    let random = SeededRandom::new(1);
    let driver = Driver::new(&http, &clock, &random, &|_| {});
    let tokens = driver.renew(&client(), &renewal(), &mut KnownIssuer::default()).await;
    assert!(tokens.is_ok(), "{tokens:?}");
    assert_eq!(clock.now(), noon());
}

#[tokio::test]
async fn an_issuer_is_asked_about_itself_once() {
    let http = ScriptedHttp::default();
    http.answer(200, discovery_document());
    http.answer(404, "<html>");
    let (clock, random) = (ManualClock::new(noon()), SeededRandom::new(1));
    let driver = Driver::new(&http, &clock, &random, &|_| {});
    let (mut known, client) = (KnownIssuer::default(), client());
    for _ in 0..2 {
        let metadata = driver.discover(&client.authority, &mut known).await.unwrap();
        let url = sign_out_url(metadata, &client.client_id, &SignOutOptions::default()).unwrap();
        assert!(url.path().ends_with("/logout"));
    }
    assert_eq!(http.requests().len(), 1);
    let other = "https://idp.example".parse().unwrap();
    let error = driver.discover(&other, &mut known).await.unwrap_err();
    assert!(matches!(error, DriveError::SignIn(SignInError::Status { endpoint: Endpoint::Discovery, .. })));
    assert!(known.metadata().is_some(), "a failure takes nothing away");
}

#[test]
fn sign_ins_may_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    let issuer = Issuer::default();
    let (clock, random) = (ManualClock::new(noon()), SeededRandom::new(1));
    let driver = Driver::new(&issuer, &clock, &random, &|_| {});
    let (who, options, scopes, renewal) = (client(), SignInOptions::default(), Scopes::default(), renewal());
    let mut known = KnownIssuer::default();
    let input: &[u8] = b"";
    let mut pasted = Pasted::new("http://localhost", input);
    assert_send(&driver.sign_in(&who, &options, &mut pasted, &NoBrowser, &mut known));
    assert_send(&driver.sign_in_by_device_code(&who, &scopes, &mut known));
    assert_send(&driver.renew(&who, &renewal, &mut known));
}

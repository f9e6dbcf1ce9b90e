//! The loopback server: the browser's last stop on this machine (RFC 8252 section 7.3).
//!
//! It holds its port from before the browser opens until the answer is there, on 127.0.0.1 and, where the machine has
//! it, on ::1, because a browser may take `localhost` for either. It answers GET on one path under its own name and
//! nothing else. Whoever guesses the port can knock, so a wrong `state` is ignored and counted, never an end; other
//! users of the machine are kept out by `state` and PKCE, not by the socket.
//!
//! Every connection has its own task with limits on time and size, so that a slow one keeps nobody waiting; the tasks
//! end with the [`Loopback`].

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::HOST;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use url::{Host, Url};

use super::page::Page;
use super::{Arrival, Expected, Ignored, Notice, Outcome, RedirectError, RedirectReceiver, Reply, Whose};

/// What the redirect address calls this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoopbackHost {
    /// `127.0.0.1`, as RFC 8252 prefers. Entra compares its port.
    Ipv4,
    /// `[::1]`, which not every machine has.
    Ipv6,
    /// `localhost`, the one name for which Entra takes any port.
    #[default]
    Localhost,
}

/// How to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopbackOptions {
    /// What the redirect address calls this machine.
    pub host: LoopbackHost,
    /// The port; `None` takes any free one.
    pub port: Option<u16>,
    /// The path, with the slash it starts with.
    pub path: String,
}

impl Default for LoopbackOptions {
    /// `http://localhost:PORT/`, which fits a registered `http://localhost`.
    fn default() -> Self {
        Self { host: LoopbackHost::default(), port: None, path: "/".to_owned() }
    }
}

impl LoopbackOptions {
    /// Reads a redirect address such as `http://localhost`, `http://localhost:8765/callback` or `http://127.0.0.1:0/`.
    /// Without a port, or with port 0, any free one is taken.
    pub fn from_redirect_uri(text: &str) -> Result<Self, RedirectError> {
        let refused = |problem| RedirectError::Address {
            address: super::super::untrusted::printable(text, 200),
            problem,
        };
        let url = Url::parse(text.trim()).map_err(|_| refused("is not an address"))?;
        if url.scheme() != "http" {
            return Err(refused("is not http, which a loopback server speaks"));
        }
        let host = match url.host() {
            Some(Host::Domain("localhost")) => LoopbackHost::Localhost,
            Some(Host::Ipv4(Ipv4Addr::LOCALHOST)) => LoopbackHost::Ipv4,
            Some(Host::Ipv6(Ipv6Addr::LOCALHOST)) => LoopbackHost::Ipv6,
            _ => return Err(refused("is not at localhost, 127.0.0.1 or [::1]")),
        };
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(refused("holds more than a host, a port and a path"));
        }
        // `Url` hides port 80, the scheme's own; someone who wrote it meant it.
        let says_80 =
            text.trim()["http://".len()..].split('/').next().is_some_and(|host| host.ends_with(":80"));
        let port = if says_80 { Some(80) } else { url.port().filter(|port| *port != 0) };
        Ok(Self { host, port, path: url.path().to_owned() })
    }
}

/// A loopback server that waits for one answer.
#[derive(Debug)]
pub struct Loopback {
    redirect_uri: String,
    port: u16,
    path: String,
    v4: TcpListener,
    v6: Option<TcpListener>,
    expected: Option<Expected>,
    ignored: Ignored,
    connections: JoinSet<()>,
}

impl Loopback {
    /// Connections beyond this are not taken until others end. A browser opens a handful.
    const CONNECTIONS_MAX: usize = 32;
    /// A port that is free on 127.0.0.1 may be taken on ::1; another one will not be.
    const PORT_TRIES_MAX: u32 = 10;

    /// Takes the port. Must be called inside a Tokio runtime.
    pub fn bind(options: &LoopbackOptions) -> Result<Self, RedirectError> {
        let (v4, v6) = match options.port {
            Some(port) => Self::bind_both(port)?,
            None => Self::bind_ephemeral()?,
        };
        let port = v4.local_addr().map_err(RedirectError::Io)?.port();
        let host = match options.host {
            LoopbackHost::Ipv4 => "127.0.0.1",
            LoopbackHost::Ipv6 if v6.is_none() => {
                let source = io::Error::from(io::ErrorKind::AddrNotAvailable);
                let address = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port);
                return Err(RedirectError::Bind { address: address.to_string(), source });
            }
            LoopbackHost::Ipv6 => "[::1]",
            LoopbackHost::Localhost => "localhost",
        };
        Ok(Self {
            redirect_uri: format!("http://{host}:{port}{}", options.path),
            port,
            path: options.path.clone(),
            v4,
            v6,
            expected: None,
            ignored: Ignored::default(),
            connections: JoinSet::new(),
        })
    }

    fn bind_ephemeral() -> Result<(TcpListener, Option<TcpListener>), RedirectError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::bind_both(0) {
                Err(RedirectError::Bind { source, .. })
                    if source.kind() == io::ErrorKind::AddrInUse && tries < Self::PORT_TRIES_MAX => {}
                bound => return bound,
            }
        }
    }

    fn bind_both(port: u16) -> Result<(TcpListener, Option<TcpListener>), RedirectError> {
        let v4 = bind_one(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))?;
        let port = v4.local_addr().map_err(RedirectError::Io)?.port();
        match bind_one(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)) {
            Ok(v6) => Ok((v4, Some(v6))),
            // In use is a danger: the browser may bring the code to whoever holds the port there.
            Err(RedirectError::Bind { address, source }) if source.kind() == io::ErrorKind::AddrInUse => {
                Err(RedirectError::Bind { address, source })
            }
            // Anything else means that this machine has no IPv6, and a browser will not try it.
            Err(_) => Ok((v4, None)),
        }
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    async fn wait(&mut self, notice: &(dyn Fn(Notice) + Send + Sync)) -> Result<Arrival, RedirectError> {
        let expected = self.expected.clone().expect("listen is called before receive");
        let (found, mut finds) = mpsc::channel(Self::CONNECTIONS_MAX);
        let door = Arc::new(Door { expected, port: self.port, path: self.path.clone(), found });
        loop {
            let full = self.connections.len() >= Self::CONNECTIONS_MAX;
            tokio::select! {
                find = finds.recv() => match find.expect("the door holds a sender") {
                    Find::Answer(arrival) => return Ok(arrival),
                    Find::Ignored(what) => self.ignored.note(what, notice)?,
                },
                Some(_) = self.connections.join_next() => {}
                accepted = accept(&self.v4, self.v6.as_ref()), if !full => match accepted {
                    Ok(stream) => drop(self.connections.spawn(serve(stream, Arc::clone(&door)))),
                    // A connection that broke is the other side's affair; a machine out of file handles needs a rest.
                    Err(_) => tokio::time::sleep(REST).await,
                },
            }
        }
    }
}

impl RedirectReceiver for Loopback {
    fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    fn listen(&mut self, expected: &Expected) -> Result<(), RedirectError> {
        self.expected = Some(expected.clone());
        Ok(())
    }

    fn receive<'a>(
        &'a mut self,
        notice: &'a (dyn Fn(Notice) + Send + Sync),
    ) -> BoxFuture<'a, Result<Arrival, RedirectError>> {
        Box::pin(self.wait(notice))
    }
}

async fn accept(v4: &TcpListener, v6: Option<&TcpListener>) -> io::Result<TcpStream> {
    let accepted = match v6 {
        Some(v6) => tokio::select! {
            accepted = v4.accept() => accepted,
            accepted = v6.accept() => accepted,
        },
        None => v4.accept().await,
    };
    accepted.map(|(stream, _)| stream)
}

fn bind_one(address: SocketAddr) -> Result<TcpListener, RedirectError> {
    let bind = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    bind().map_err(|source| RedirectError::Bind { address: address.to_string(), source })
}

/// What all connections share.
struct Door {
    expected: Expected,
    port: u16,
    path: String,
    found: mpsc::Sender<Find>,
}

enum Find {
    Answer(Arrival),
    Ignored(Notice),
}

/// How long to leave the door alone after it jammed.
const REST: Duration = Duration::from_millis(100);
/// How long a connection may take to say what it wants.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// How long a browser waits to learn how the sign-in ended before it is sent back to the terminal.
const OUTCOME_MAX: Duration = Duration::from_secs(20);
/// A request's head above this is refused: the address may have 16 KiB, the rest are a browser's headers.
const HEAD_BYTES_MAX: usize = 32 * 1024;

async fn serve(stream: TcpStream, door: Arc<Door>) {
    let (written_tx, written_rx) = oneshot::channel();
    let written_rx = Mutex::new(Some(written_rx));
    let service = service_fn(|request: Request<Incoming>| {
        let written = written_rx.lock().expect("no holder of this lock panics").take();
        door.answer(request, written)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(100)
        .keep_alive(false)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    // The connection is bounded as a whole too: a body, say, is never read.
    let _ = tokio::time::timeout(REQUEST_MAX + OUTCOME_MAX + REQUEST_MAX, connection).await;
    let _ = written_tx.send(());
}

impl Door {
    async fn answer(
        &self,
        request: Request<Incoming>,
        written: Option<oneshot::Receiver<()>>,
    ) -> Result<Response<String>, Infallible> {
        Ok(self.page(&request, written).await.response())
    }

    async fn page(&self, request: &Request<Incoming>, written: Option<oneshot::Receiver<()>>) -> Page {
        if !self.is_own_name(request) {
            return Page::WrongHost;
        }
        if request.uri().path() != self.path {
            return Page::NothingHere;
        }
        if request.method() != Method::GET {
            return Page::WrongMethod;
        }
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        let whose = self.expected.judge(target);
        match whose {
            Whose::Ours | Whose::OursRefused => {}
            Whose::Foreign => {
                let _ = self.found.send(Find::Ignored(Notice::Foreign)).await;
                return Page::Foreign;
            }
            Whose::Nobodys => {
                let _ = self.found.send(Find::Ignored(Notice::NoAnswer)).await;
                return Page::NothingHere;
            }
        }
        let (outcome_tx, outcome_rx) = oneshot::channel();
        let reply = written.map(|written| Reply { outcome: outcome_tx, written });
        let arrival = Arrival { address: Secret::new(target), reply };
        // Nobody listens any more once an answer was taken: this is a reload of the page.
        if self.found.send(Find::Answer(arrival)).await.is_err() {
            return Page::Arrived;
        }
        match tokio::time::timeout(OUTCOME_MAX, outcome_rx).await {
            Ok(Ok(Outcome::SignedIn)) => Page::SignedIn,
            Ok(Ok(Outcome::Failed)) => Page::Failed,
            _ if whose == Whose::OursRefused => Page::Failed,
            _ => Page::Arrived,
        }
    }

    /// Tells whether the request was made under one of this server's names. A page elsewhere whose name was made to
    /// point here (DNS rebinding) has its own.
    fn is_own_name(&self, request: &Request<Incoming>) -> bool {
        let mut hosts = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let Ok(host) = host.to_str() else { return false };
        let bare = match host.strip_suffix(&format!(":{}", self.port)) {
            Some(bare) => bare,
            None if self.port == 80 => host,
            None => return false,
        };
        bare.eq_ignore_ascii_case("localhost") || bare == "127.0.0.1" || bare == "[::1]"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    struct Waiting {
        port: u16,
        arrival: tokio::task::JoinHandle<(Result<Arrival, RedirectError>, Loopback)>,
        notices: mpsc::UnboundedReceiver<Notice>,
    }

    /// Starts a server that waits for "the-state".
    fn wait(options: &LoopbackOptions) -> Waiting {
        let mut loopback = Loopback::bind(options).unwrap();
        loopback.listen(&Expected::new(Secret::new("the-state"))).unwrap();
        let port = loopback.port();
        let (tell, notices) = mpsc::unbounded_channel();
        let arrival = tokio::spawn(async move {
            let notice = move |notice| tell.send(notice).unwrap();
            let arrival = loopback.receive(&notice).await;
            (arrival, loopback)
        });
        Waiting { port, arrival, notices }
    }

    async fn send(port: u16, request: String) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn get(port: u16, target: &str) -> String {
        send(port, format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")).await
    }

    const OURS: &str = "/?code=c-1&state=the-state";

    #[tokio::test]
    async fn the_browser_sees_how_the_sign_in_ended() {
        for (outcome, status, words) in [
            (Outcome::SignedIn, "HTTP/1.1 200", "Signed in"),
            (Outcome::Failed, "HTTP/1.1 400", "Not signed in"),
        ] {
            let waiting = wait(&LoopbackOptions::default());
            let browser = tokio::spawn(async move { get(waiting.port, OURS).await });
            let (arrival, _loopback) = waiting.arrival.await.unwrap();
            let arrival = arrival.unwrap();
            assert!(arrival.address.matches(OURS));
            assert!(!format!("{arrival:?}").contains("c-1"));
            arrival.conclude(outcome).await;
            let answer = browser.await.unwrap();
            assert!(answer.starts_with(status) && answer.contains(words), "{answer}");
            assert!(!answer.contains("c-1") && !answer.contains("the-state"), "nothing is reflected");
            assert!(answer.contains("cache-control: no-store"));
        }
    }

    #[tokio::test]
    async fn both_addresses_of_this_machine_answer_where_there_are_two() {
        let waiting = wait(&LoopbackOptions::default());
        let port = waiting.port;
        let Ok(mut stream) = TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await else {
            // No IPv6 on this machine: then nothing may listen there either.
            assert!(std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err());
            return;
        };
        stream
            .write_all(format!("GET {OURS} HTTP/1.1\r\nHost: [::1]:{port}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let (arrival, _loopback) = waiting.arrival.await.unwrap();
        assert!(arrival.is_ok());
    }

    #[tokio::test]
    async fn whatever_is_not_the_answer_is_turned_away_and_the_wait_goes_on() {
        let mut waiting = wait(&LoopbackOptions::default());
        let port = waiting.port;
        for (target, status) in [
            ("/favicon.ico", "404"),
            ("/", "404"),
            ("/callback?code=c&state=the-state", "404"),
            ("/?code=c&state=wrong", "400"),
            ("/?state=the-state", "404"),
            ("/?code=a&code=b&state=the-state", "404"),
        ] {
            let answer = get(port, target).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{target}: {answer}");
        }
        for method in ["POST", "HEAD", "OPTIONS", "PUT"] {
            let request =
                format!("{method} {OURS} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 0\r\n\r\n");
            let answer = send(port, request).await;
            assert!(
                answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET"),
                "{method}: {answer}"
            );
        }
        for host in [
            "evil.example",
            "evil.example:{port}",
            "localhost",
            "localhost:1",
            "localhost.evil.example:{port}",
            "127.0.0.2:{port}",
        ] {
            let host = host.replace("{port}", &port.to_string());
            let answer = send(port, format!("GET {OURS} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{host}: {answer}");
        }
        let twice = format!("GET {OURS} HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil.example\r\n\r\n");
        let answer = send(port, twice).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        let long = format!("GET /?x={} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n", "x".repeat(64 * 1024));
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let _ = stream.write_all(long.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(!waiting.arrival.is_finished());

        let browser = tokio::spawn(async move { get(port, OURS).await });
        let (arrival, _loopback) = waiting.arrival.await.unwrap();
        arrival.unwrap().conclude(Outcome::SignedIn).await;
        assert!(browser.await.unwrap().starts_with("HTTP/1.1 200"));
        let mut noted = Vec::new();
        while let Some(notice) = waiting.notices.recv().await {
            noted.push(notice);
        }
        assert_eq!(noted, [Notice::NoAnswer, Notice::Foreign, Notice::NoAnswer, Notice::NoAnswer]);
    }

    #[tokio::test]
    async fn a_slow_connection_keeps_nobody_waiting() {
        let waiting = wait(&LoopbackOptions::default());
        let port = waiting.port;
        let mut slow = Vec::new();
        for _ in 0..8 {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            stream.write_all(b"GET /?co").await.unwrap();
            slow.push(stream);
        }
        let browser = tokio::spawn(async move { get(port, OURS).await });
        let (arrival, _loopback) = waiting.arrival.await.unwrap();
        arrival.unwrap().conclude(Outcome::SignedIn).await;
        assert!(browser.await.unwrap().contains("Signed in"));
    }

    #[tokio::test]
    async fn made_up_answers_end_the_wait_only_when_there_are_very_many() {
        let waiting = wait(&LoopbackOptions::default());
        for _ in 0..super::super::FOREIGN_ANSWERS_MAX {
            get(waiting.port, "/?code=c&state=guess").await;
        }
        let (arrival, _loopback) = waiting.arrival.await.unwrap();
        assert!(matches!(arrival, Err(RedirectError::TooManyForeign { .. })));
    }

    #[tokio::test]
    async fn an_answer_is_taken_once() {
        let waiting = wait(&LoopbackOptions::default());
        let port = waiting.port;
        let first = tokio::spawn(async move { get(port, OURS).await });
        let (arrival, loopback) = waiting.arrival.await.unwrap();
        // A second answer finds the port held and nobody behind it.
        let mut second = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        second
            .write_all(format!("GET {OURS} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        arrival.unwrap().conclude(Outcome::SignedIn).await;
        assert!(first.await.unwrap().contains("Signed in"));
        drop(loopback);
        let mut answer = Vec::new();
        let _ = second.read_to_end(&mut answer).await;
        assert!(answer.is_empty());
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    }

    #[tokio::test]
    async fn a_fixed_port_that_is_taken_is_an_error_with_its_address() {
        let holder = Loopback::bind(&LoopbackOptions::default()).unwrap();
        let options = LoopbackOptions { port: Some(holder.port()), ..LoopbackOptions::default() };
        let Err(RedirectError::Bind { address, source }) = Loopback::bind(&options) else {
            panic!("taken twice")
        };
        assert_eq!(address, format!("127.0.0.1:{}", holder.port()));
        assert_eq!(source.kind(), io::ErrorKind::AddrInUse);
        let port = holder.port();
        drop(holder);
        let fixed = Loopback::bind(&LoopbackOptions {
            host: LoopbackHost::Ipv4,
            port: Some(port),
            path: "/callback".into(),
        });
        assert_eq!(fixed.unwrap().redirect_uri(), format!("http://127.0.0.1:{port}/callback"));
    }

    #[test]
    fn redirect_addresses_say_how_to_listen() {
        let read = |text: &str| {
            LoopbackOptions::from_redirect_uri(text)
                .ok()
                .map(|options| (options.host, options.port, options.path))
        };
        use LoopbackHost::{Ipv4, Ipv6, Localhost};
        assert_eq!(read("http://localhost"), Some((Localhost, None, "/".into())));
        assert_eq!(read("http://localhost:8765/Cb"), Some((Localhost, Some(8765), "/Cb".into())));
        assert_eq!(read("http://127.0.0.1:0/"), Some((Ipv4, None, "/".into())));
        assert_eq!(read("http://[::1]:1/"), Some((Ipv6, Some(1), "/".into())));
        assert_eq!(read("http://localhost:80/"), Some((Localhost, Some(80), "/".into())));
        for bad in [
            "https://localhost",
            "http://evil.example",
            "pintail://oauth",
            "",
            "http://localhost/?x=1",
            "http://127.0.0.2/",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}

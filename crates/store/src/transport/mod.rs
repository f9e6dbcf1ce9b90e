//! The HTTP/1.1 transport: connections, their pool, TLS, proxies and time limits. It knows nothing of S3.
//!
//! A [`Transport`] belongs to the runtime it is used on: its connections are driven by tasks of that runtime, and
//! nothing is shared between processes or threads behind the caller's back. It is cheap to clone within the runtime;
//! [`Transport::sibling`] gives another runtime its own pool over the same settings.
//!
//! ```text
//! send ─► pool.take ─► (none idle) connect ─► resolve ─► happy eyeballs ─► proxy ─► TLS ─► HTTP/1.1 handshake
//!           ▲                                                                                    │
//!           └───────────── body read to its end ◄── IncomingBody ◄── answer ◄────────────────────┘
//! ```
//!
//! Nothing is logged but hosts and kinds of failure: heads, queries and bodies carry secrets.

mod body;
mod connect;
mod pool;
mod presented;
mod proxy;
mod resolve;
mod seam;
mod tls;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::client::conn::http1::SendRequest;
use pintail_core::seam::{HttpError, HttpErrorKind};
use tokio::time::{Instant, timeout};

pub use body::ByteStream;
pub(crate) use body::{IncomingBody, OutgoingBody};
use pool::{Lease, Pool};
pub use presented::Presented;
pub use proxy::{ProxyConfig, ProxyError};
use resolve::Lookups;
pub use resolve::{Resolve, SystemResolver};
pub use tls::{TlsError, TlsTrust};

/// How long each stage of an exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Resolving the name and opening the TCP connection, through a proxy where there is one.
    pub connect: Duration,
    /// The TLS handshake.
    pub handshake: Duration,
    /// From the last progress of the request to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two pieces of the answer's body. A stall is noticed after one to two times this long.
    pub idle_body: Duration,
}

impl Default for Timeouts {
    /// Gives limits that a slow office line passes: 10 s to connect, 10 s for TLS, two minutes for the first byte
    /// (S3 may copy gigabytes before it answers), half a minute between pieces.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            first_byte: Duration::from_secs(120),
            idle_body: Duration::from_secs(30),
        }
    }
}

/// How a [`Transport`] behaves.
#[derive(Clone, Debug)]
pub struct TransportOptions {
    /// Whom TLS trusts.
    pub trust: TlsTrust,
    /// Which proxies stand in between.
    pub proxy: ProxyConfig,
    /// How names become addresses.
    pub resolver: Arc<dyn Resolve>,
    /// The time limits.
    pub timeouts: Timeouts,
    /// How many unused connections are kept for each host: as many as transfers ever use at once, since a burst that pauses
    /// for a moment would have to open the others anew.
    pub idle_per_host_max: usize,
    /// How long an unused connection is kept. S3 itself closes them after some 20 s.
    pub idle_max: Duration,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            trust: TlsTrust::System,
            proxy: ProxyConfig::default(),
            resolver: Arc::new(SystemResolver),
            timeouts: Timeouts::default(),
            idle_per_host_max: 1024,
            idle_max: Duration::from_secs(15),
        }
    }
}

/// Where a request goes: scheme, host and port. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) https: bool,
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

impl Origin {
    pub(crate) fn new(https: bool, host: &str, port: Option<u16>) -> Self {
        Self { https, host: host.into(), port: port.unwrap_or(if https { 443 } else { 80 }) }
    }

    /// Returns `host` or `host:port`, as the `Host` header and error messages show it.
    pub(crate) fn authority(&self) -> String {
        match (self.https, self.port) {
            (true, 443) | (false, 80) => self.host.to_string(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    pub(crate) fn error(
        &self,
        kind: HttpErrorKind,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> HttpError {
        HttpError { kind, host: self.authority(), source: Some(source.into()) }
    }

    pub(crate) fn timeout(&self) -> HttpError {
        HttpError { kind: HttpErrorKind::Timeout, host: self.authority(), source: None }
    }
}

/// Tells whether a host is this machine: a loopback address, or a name that is reserved for it (RFC 6761, section 6.3).
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => is_localhost(bare),
    }
}

/// Tells whether a name is `localhost` or one below it.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let above = name.len().saturating_sub("localhost".len());
    match (name.get(..above), name.get(above..)) {
        (Some(below), Some(last)) => {
            last.eq_ignore_ascii_case("localhost") && (below.is_empty() || below.ends_with('.'))
        }
        _ => false,
    }
}

/// Whether a request may travel on a connection that was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    Allowed,
    /// Only on a new connection: the last used one turned out to be dead, or the request must not be repeated.
    Fresh,
}

/// No answer came.
#[derive(Debug)]
pub(crate) struct SendFailure {
    pub(crate) error: HttpError,
    /// The connection had been used before and broke before the first byte of the answer: most likely the server
    /// had closed it in the meantime. A request that can be repeated goes again at once, [`Reuse::Fresh`].
    pub(crate) stale: bool,
}

impl From<HttpError> for SendFailure {
    fn from(error: HttpError) -> Self {
        Self { error, stale: false }
    }
}

/// An HTTP/1.1 client with its own connection pool. See the [module](self).
#[derive(Clone, Debug)]
pub struct Transport {
    settings: Arc<Settings>,
    pool: Arc<Pool>,
}

#[derive(Debug)]
struct Settings {
    tls: tls::Tls,
    proxy: ProxyConfig,
    lookups: Lookups,
    timeouts: Timeouts,
    idle_per_host_max: usize,
    idle_max: Duration,
}

impl Settings {
    fn pool(&self) -> Arc<Pool> {
        Arc::new(Pool::new(self.idle_per_host_max, self.idle_max))
    }
}

impl Transport {
    /// Makes a transport with an empty pool.
    ///
    /// # Errors
    /// When the CA bundle given holds no certificate that can be read.
    pub fn new(options: TransportOptions) -> Result<Self, TlsError> {
        let settings = Settings {
            tls: tls::Tls::new(options.trust)?,
            proxy: options.proxy,
            lookups: Lookups::new(options.resolver),
            timeouts: options.timeouts,
            idle_per_host_max: options.idle_per_host_max,
            idle_max: options.idle_max,
        };
        Ok(Self { pool: settings.pool(), settings: Arc::new(settings) })
    }

    /// Returns a transport with the same settings and a pool of its own, for use on another runtime.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self { settings: Arc::clone(&self.settings), pool: self.settings.pool() }
    }

    /// Returns how many connections were opened so far.
    pub fn connections_opened(&self) -> u64 {
        self.pool.opened()
    }

    /// Sends a request whose target is in origin form and which has its `Host` header, and waits for the head of
    /// the answer. Whatever its status, an answer is `Ok`.
    pub(crate) async fn send(
        &self,
        origin: &Origin,
        mut request: Request<OutgoingBody>,
        reuse: Reuse,
    ) -> Result<Response<IncomingBody>, SendFailure> {
        if let Some(proxy) = self.settings.proxy.forwarding(origin) {
            proxy.to_absolute_form(origin, &mut request)?;
        }
        let host = self.pool.host(origin);
        loop {
            let idle = if reuse == Reuse::Allowed { host.take() } else { None };
            let (mut sender, reused) = match idle {
                Some(mut sender) => match sender.ready().await {
                    Ok(()) => (sender, true),
                    Err(_closed_meanwhile) => continue,
                },
                None => (connect::connect(&self.settings, &self.pool, origin).await?, false),
            };
            match self.exchange(origin, &mut sender, request).await {
                Ok(response) => {
                    let lease = Lease::new(sender, host);
                    let idle_max = self.settings.timeouts.idle_body;
                    return Ok(response.map(|body| IncomingBody::new(body, lease, origin.clone(), idle_max)));
                }
                Err(Unanswered { unsent: Some(unsent), .. }) if reused => request = unsent,
                Err(Unanswered { error, .. }) => {
                    // A timeout is no sign of a dead connection: the server was given its time.
                    return Err(SendFailure {
                        stale: reused && error.kind == HttpErrorKind::Interrupted,
                        error,
                    });
                }
            }
        }
    }

    async fn exchange(
        &self,
        origin: &Origin,
        sender: &mut SendRequest<OutgoingBody>,
        request: Request<OutgoingBody>,
    ) -> Result<Response<Answered>, Unanswered> {
        let progress = request.body().progress();
        let started = Instant::now();
        let answer = sender.try_send_request(request);
        tokio::pin!(answer);
        let mut sent = progress.sent();
        let outcome = loop {
            match timeout(self.settings.timeouts.first_byte, &mut answer).await {
                Ok(outcome) => break outcome,
                Err(_) if progress.sent() != sent => sent = progress.sent(),
                Err(_) => return Err(Unanswered { error: origin.timeout(), unsent: None }),
            }
        };
        match outcome {
            Ok(response) => {
                // An answer that came before the whole body was taken leaves the connection in the middle of it.
                let whole = progress.is_whole();
                // How long a large body took is no measure of how long the answer did.
                let waited = (!progress.is_watched()).then(|| started.elapsed());
                Ok(response.map(|incoming| Answered { incoming, whole, waited }))
            }
            Err(mut failure) => {
                let unsent = failure.take_message();
                let failure = failure.into_error();
                let kind = match failure.is_parse() {
                    true => HttpErrorKind::BadResponse,
                    false => HttpErrorKind::Interrupted,
                };
                Err(Unanswered { error: origin.error(kind, failure), unsent })
            }
        }
    }
}

/// The body of an answer, and whether the request had been taken whole when the answer came.
struct Answered {
    incoming: hyper::body::Incoming,
    whole: bool,
    /// From the request to the first byte of the answer, where the request was small.
    waited: Option<Duration>,
}

struct Unanswered {
    error: HttpError,
    /// The request, when not a byte of it was sent.
    unsent: Option<Request<OutgoingBody>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (host, here) in [
            ("localhost", true),
            ("LocalHost.", true),
            ("bucket.localhost", true),
            ("notlocalhost", false),
            ("localhost.example", false),
            ("127.0.0.1", true),
            ("127.8.9.1", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("10.0.0.1", false),
            ("", false),
            ("é", false),
        ] {
            assert_eq!(is_loopback(host), here, "{host}");
        }
    }
}

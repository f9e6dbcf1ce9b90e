//! The credential endpoint: credentials over HTTP on loopback, for tools that ask again before the last one ends.
//!
//! Whoever guesses the port can knock, so the token decides. Browsers are kept out on top of that: a request must be made
//! under the machine's own name (a page elsewhere whose name was made to point here has its own), and must not say that it
//! comes from a page. Every connection has its own task with limits on time and size, so that a slow one keeps nobody
//! waiting; the tasks end with the [`Endpoint`].

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue, ORIGIN, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use pintail_core::credential::CredentialSource;
use pintail_core::name::{BookmarkName, RoleArn};
use pintail_core::seam::Clock;
use pintail_core::secret::Secret;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use super::{LendError, Refusal, Words, answer, failure, lendable};
use crate::ops::Error;

/// Connections beyond this are not taken until others end.
const CONNECTIONS_MAX: usize = 64;
/// How long to leave the door alone after it jammed.
const REST: Duration = Duration::from_millis(100);
/// How long a client may take to say what it wants.
const REQUEST_MAX: Duration = Duration::from_secs(5);
/// How long a connection may live: a renewal behind a slow proxy takes a while, and no client waits longer.
const CONNECTION_MAX: Duration = Duration::from_secs(60);
/// A request's head above this is refused. Those of SDKs have a few hundred bytes.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// More header fields than this are refused.
const HEADERS_MAX: usize = 40;

/// Where containers at Amazon look for their credential, and tools that know no other endpoint.
pub(super) const LINK_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);

/// Where an endpoint listens, which decides how one proves that one may ask.
#[derive(Clone, Copy, Debug)]
pub(super) enum Door {
    /// A port of 127.0.0.1, 0 for a free one. The token is in a header.
    Loopback(u16),
    /// Port 80 of [`LINK_LOCAL`], for tools that send no token: it is the first part of the path.
    LinkLocal,
}

/// One bookmark at the endpoint.
#[derive(Debug)]
pub(super) struct Counter {
    /// Its name, which is its path.
    pub(super) name: BookmarkName,
    /// Who gives its credential.
    pub(super) source: Arc<dyn CredentialSource>,
    /// The role that the credential is of, where the bookmark tells.
    pub(super) role: Option<RoleArn>,
}

/// A credential endpoint that listens.
#[derive(Debug)]
pub(super) struct Endpoint {
    listener: TcpListener,
    port: u16,
    desk: Arc<Desk>,
}

/// What all connections share.
#[derive(Debug)]
struct Desk {
    port: u16,
    /// Whether the token is in the path.
    in_path: bool,
    token: Secret,
    counters: Vec<(String, Counter)>,
    words: Words,
    clock: Arc<dyn Clock>,
}

impl Endpoint {
    /// Listens. Nobody is answered before [`Endpoint::serve`].
    pub(super) async fn bind(
        door: Door,
        token: Secret,
        counters: Vec<Counter>,
        words: Words,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LendError> {
        let failed = |source| match door {
            Door::Loopback(port) => LendError::Bind { port, source },
            Door::LinkLocal => LendError::BindLinkLocal(source),
        };
        let (place, in_path) = match door {
            Door::Loopback(port) => ((Ipv4Addr::LOCALHOST, port), false),
            Door::LinkLocal => ((LINK_LOCAL, 80), true),
        };
        let listener = TcpListener::bind(place).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self::on(listener, port, in_path, token, counters, words, clock))
    }

    fn on(
        listener: TcpListener,
        port: u16,
        in_path: bool,
        token: Secret,
        counters: Vec<Counter>,
        words: Words,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let counters = counters.into_iter().map(|counter| (path(&counter.name), counter)).collect();
        let desk = Desk { port, in_path, token, counters, words, clock };
        Self { listener, port, desk: Arc::new(desk) }
    }

    /// Returns the port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the address that gives the credential of a bookmark.
    pub(super) fn url(&self, name: &BookmarkName) -> Url {
        let text = format!("http://{}:{}{}", Ipv4Addr::LOCALHOST, self.port, path(name));
        Url::parse(&text).expect("an address of a number, a port and a path")
    }

    /// Returns the path that gives the credential of a bookmark at [`Door::LinkLocal`]. It holds the token.
    pub(super) fn relative(&self, name: &BookmarkName) -> Secret {
        Secret::new(format!("/{}{}", self.desk.token.expose(), path(name)))
    }

    /// Answers until the future is dropped.
    pub(super) async fn serve(&self) -> Infallible {
        let desk = &self.desk;
        accept(&self.listener, |stream| {
            let desk = Arc::clone(desk);
            converse(stream, move |request| {
                let desk = Arc::clone(&desk);
                async move { desk.answer(&request).await }
            })
        })
        .await
    }
}

/// Takes connections for as long as it is polled, and gives each one a task. The tasks end with it.
pub(super) async fn accept<T>(listener: &TcpListener, mut task: impl FnMut(TcpStream) -> T) -> Infallible
where
    T: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let full = connections.len() >= CONNECTIONS_MAX;
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if !full => match accepted {
                Ok((stream, _)) => drop(connections.spawn(task(stream))),
                // A connection that broke is the other side's affair; a machine out of file handles needs a rest.
                Err(_) => tokio::time::sleep(REST).await,
            },
        }
    }
}

/// Answers the one request of a connection.
pub(super) async fn converse<F>(stream: TcpStream, answer: impl Fn(Request<Incoming>) -> F)
where
    F: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(|request| {
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .keep_alive(false)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    // Bounded as a whole too: a client may read its answer as slowly as it asked.
    let _ = tokio::time::timeout(CONNECTION_MAX, connection).await;
}

/// Tells whether a request was made under one of this server's own names.
pub(super) fn is_own_name(headers: &HeaderMap, port: u16) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let bare = match host.strip_suffix(&format!(":{port}")) {
        Some(bare) => bare,
        None if port == 80 => host,
        None => return false,
    };
    bare == "127.0.0.1" || bare.eq_ignore_ascii_case("localhost")
}

impl Desk {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (given, wanted) = if self.in_path {
            apart(request.uri().path())
        } else {
            (bearer(request.headers()), request.uri().path())
        };
        if let Err((status, refusal)) = self.admit(request.method(), request.headers(), given) {
            return response(status, answer::refusal(&refusal));
        }
        let asked = self.counters.iter().find(|(path, _)| path == wanted);
        let Some((_, counter)) = asked else {
            let paths: Vec<&str> = self.counters.iter().map(|(path, _)| path.as_str()).collect();
            let message = format!("nothing is lent at this path; ask for {}", paths.join(", "));
            let refusal = Refusal { code: "NotFound", message };
            return response(StatusCode::NOT_FOUND, answer::refusal(&refusal));
        };
        match lendable(counter.source.as_ref()).await {
            Ok(Some(credential)) => {
                let body = answer::credential(&credential, counter.role.as_ref(), self.clock.now());
                response(StatusCode::OK, body)
            }
            Ok(None) => {
                self.refuse(StatusCode::FORBIDDEN, &LendError::Anonymous(counter.name.clone()).into())
            }
            Err(error) => {
                let status = answer::status(error.retry);
                self.refuse(status, &failure(error))
            }
        }
    }

    /// Puts an error into words for the tool.
    fn refuse(&self, status: StatusCode, error: &Error) -> Response<Full<Bytes>> {
        let refusal = (self.words.0)(error);
        tracing::warn!(status = status.as_u16(), code = refusal.code, "a tool was given no credential");
        response(status, answer::refusal(&refusal))
    }

    /// Says whether whoever asks may be answered. The token comes last: it is compared only for those who could know it.
    fn admit(
        &self,
        method: &Method,
        headers: &HeaderMap,
        given: Option<&str>,
    ) -> Result<(), (StatusCode, Refusal)> {
        let refuse =
            |status, code, message: &str| Err((status, Refusal { code, message: message.to_owned() }));
        let own = if self.in_path { is_link_local(headers) } else { is_own_name(headers, self.port) };
        if !own {
            let message = if self.in_path {
                "this endpoint answers as 169.254.170.2 only"
            } else {
                "this endpoint answers as 127.0.0.1 with its port only"
            };
            return refuse(StatusCode::MISDIRECTED_REQUEST, "WrongHost", message);
        }
        if headers.contains_key(ORIGIN) || headers.keys().any(|name| name.as_str().starts_with("sec-fetch-"))
        {
            return refuse(StatusCode::FORBIDDEN, "Browser", "this endpoint does not answer browsers");
        }
        if method != Method::GET {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "WrongMethod", "this endpoint answers GET only");
        }
        if !given.is_some_and(|given| self.token.matches(given)) {
            let message = if self.in_path {
                "the path does not begin with this endpoint's token; take it from AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
            } else {
                "the Authorization header is not this endpoint's token; \
                 AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names the file it is in"
            };
            return refuse(StatusCode::UNAUTHORIZED, "WrongToken", message);
        }
        Ok(())
    }
}

/// Returns the one token that a request brings in its header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (Some(given), None) => given.to_str().ok(),
        _ => None,
    }
}

/// Takes `/TOKEN/NAME` apart into the token and `/NAME`.
fn apart(path: &str) -> (Option<&str>, &str) {
    let rest = path.strip_prefix('/').unwrap_or(path);
    match rest.find('/') {
        Some(at) => (Some(&rest[..at]), &rest[at..]),
        None => (None, path),
    }
}

/// Tells whether a request was made under the one name of [`Door::LinkLocal`].
fn is_link_local(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host == "169.254.170.2" || host == "169.254.170.2:80",
        _ => false,
    }
}

/// Returns the path of a bookmark: its name, encoded where it is not plain ASCII.
fn path(name: &BookmarkName) -> String {
    let mut url = Url::parse("http://localhost/").expect("an address");
    url.set_path(name.as_str());
    url.path().to_owned()
}

fn response(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    match status {
        StatusCode::METHOD_NOT_ALLOWED => drop(headers.insert(ALLOW, HeaderValue::from_static("GET"))),
        StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))),
        _ => {}
    }
    response
}

#[cfg(test)]
mod tests;

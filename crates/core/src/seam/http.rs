//! The HTTP seam: one small request, one small answer, both whole in memory.
//!
//! It serves sign-in and exchange, whose bodies are a few kilobytes. The S3 data path streams and has its own
//! transport; the same transport implements this seam.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::BoxFuture;
use crate::retry::Retry;

/// A request of a few kilobytes.
///
/// Its `Debug` leaves out the body, the query and the headers, where secrets travel.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The absolute address.
    pub url: Url,
    /// The headers, `Host` and `Content-Length` left to the client.
    pub headers: HeaderMap,
    /// The body, empty for none.
    pub body: Bytes,
    /// How long the whole exchange may take.
    pub timeout: Duration,
    /// The largest answer body that is accepted, in bytes.
    pub response_limit_bytes: usize,
}

impl HttpRequest {
    /// How long an exchange may take unless said otherwise: an issuer behind a slow proxy answers within this.
    pub const TIMEOUT: Duration = Duration::from_secs(30);
    /// The largest answer accepted unless said otherwise. A key set of 200 keys or an ID token with 200 groups is a tenth of it.
    pub const RESPONSE_LIMIT_BYTES: usize = 1 << 20;

    /// Makes a GET request.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: Self::TIMEOUT,
            response_limit_bytes: Self::RESPONSE_LIMIT_BYTES,
        }
    }

    /// Makes a POST request with a form body (`application/x-www-form-urlencoded`).
    pub fn post_form<'a>(url: Url, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Self::get(url);
        request.method = Method::POST;
        request.headers.insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        request.body = Bytes::from(body);
        request
    }
}

impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}{}", self.method, self.url.origin().ascii_serialization(), self.url.path())
    }
}

/// The answer to an [`HttpRequest`], whatever its status.
///
/// Its `Debug` leaves out body and headers, where secrets travel.
#[derive(Clone)]
pub struct HttpResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl std::fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {} bytes", self.status, self.body.len())
    }
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpErrorKind {
    /// The name was not resolved. Tried again: resolvers fail in passing.
    Resolve,
    /// No connection was made. Tried again.
    Connect,
    /// The other side's certificate was not accepted. Not tried again: trust does not come by waiting.
    Tls,
    /// The proxy refused or broke the connection. Not tried again.
    Proxy,
    /// The connection broke before the answer was whole. Tried again.
    Interrupted,
    /// The time allowed was over. Tried again.
    Timeout,
    /// The answer was not HTTP or larger than allowed. Not tried again.
    BadResponse,
}

/// No answer came: the request may or may not have been carried out.
#[derive(Debug, thiserror::Error)]
#[error("{} {host}", match kind {
    HttpErrorKind::Resolve => "could not find the address of",
    HttpErrorKind::Connect => "could not connect to",
    HttpErrorKind::Tls => "did not accept the certificate of",
    HttpErrorKind::Proxy => "the proxy did not let the connection through to",
    HttpErrorKind::Interrupted => "the connection broke to",
    HttpErrorKind::Timeout => "no answer in time from",
    HttpErrorKind::BadResponse => "could not read the answer of",
})]
pub struct HttpError {
    /// What went wrong.
    pub kind: HttpErrorKind,
    /// The host (and port, if not the scheme's own) that was asked.
    pub host: String,
    /// What the layer below said.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl HttpError {
    /// Tells whether the same request may succeed later.
    pub fn retry(&self) -> Retry {
        match self.kind {
            HttpErrorKind::Resolve
            | HttpErrorKind::Connect
            | HttpErrorKind::Interrupted
            | HttpErrorKind::Timeout => Retry::Backoff,
            HttpErrorKind::Tls | HttpErrorKind::Proxy | HttpErrorKind::BadResponse => Retry::Never,
        }
    }
}

/// Sends small requests.
///
/// Contract: redirects are not followed; every status is an `Ok` answer; the time and size limits of the request
/// hold; TLS is verified; nothing is retried; dropping the future ends the exchange.
pub trait HttpClient: Send + Sync + std::fmt::Debug {
    /// Sends a request and reads the whole answer.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>>;
}

/// A client that plays back scripted answers in order and keeps the requests, for tests.
#[derive(Debug, Default)]
pub struct ScriptedHttp {
    answers: Mutex<VecDeque<Result<HttpResponse, HttpError>>>,
    requests: Mutex<Vec<HttpRequest>>,
}

impl ScriptedHttp {
    /// Adds an answer to the end of the script.
    pub fn answer(&self, status: u16, body: impl Into<Bytes>) {
        self.answer_with(status, HeaderMap::new(), body);
    }

    /// Adds an answer with headers to the end of the script.
    ///
    /// # Panics
    /// When `status` is no HTTP status.
    pub fn answer_with(&self, status: u16, headers: HeaderMap, body: impl Into<Bytes>) {
        let status = StatusCode::from_u16(status).expect("a status from 100 to 999");
        self.push(Ok(HttpResponse { status, headers, body: body.into() }));
    }

    /// Adds a failure to the end of the script.
    pub fn fail(&self, kind: HttpErrorKind) {
        self.push(Err(HttpError { kind, host: "scripted".into(), source: None }));
    }

    /// Returns the requests sent so far.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.requests.lock().expect("no holder of this lock panics").clone()
    }

    fn push(&self, answer: Result<HttpResponse, HttpError>) {
        self.answers.lock().expect("no holder of this lock panics").push_back(answer);
    }
}

impl HttpClient for ScriptedHttp {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        self.requests.lock().expect("no holder of this lock panics").push(request);
        let answer = self.answers.lock().expect("no holder of this lock panics").pop_front();
        Box::pin(async move { answer.expect("the script has an answer for every request") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_query_nor_body() {
        let url = Url::parse("https://issuer.example/token?code=hidden").unwrap();
        let request = HttpRequest::post_form(url, [("refresh_token", "hidden"), ("scope", "openid profile")]);
        assert_eq!(format!("{request:?}"), "POST https://issuer.example/token");
        assert_eq!(request.body, "refresh_token=hidden&scope=openid+profile");
        let response = HttpResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: request.body };
        assert_eq!(format!("{response:?}"), "200 OK with 41 bytes");
    }
}

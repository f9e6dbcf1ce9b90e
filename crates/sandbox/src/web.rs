//! A loopback HTTP client of one request per connection: for reading issuers' keys, and for the visitor.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::{Host, Url};

/// STS gives an issuer this long; nothing on loopback needs more.
const PATIENCE: Duration = Duration::from_secs(5);
const BODY_LIMIT_BYTES: usize = 4 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    #[error("not a plain http address on loopback: {0}")]
    NotLoopback(String),
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    #[error("the exchange broke off")]
    Exchange(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer in time")]
    TimedOut,
}

/// Sends one request and reads the whole answer.
pub(crate) async fn send(
    method: Method,
    url: &Url,
    headers: &[(header::HeaderName, String)],
    body: Bytes,
) -> Result<Response<Bytes>, WebError> {
    tokio::time::timeout(PATIENCE, exchange(method, url, headers, body))
        .await
        .map_err(|_| WebError::TimedOut)?
}

async fn exchange(
    method: Method,
    url: &Url,
    headers: &[(header::HeaderName, String)],
    body: Bytes,
) -> Result<Response<Bytes>, WebError> {
    let broke = |source: Box<dyn std::error::Error + Send + Sync>| WebError::Exchange(source);
    let stream = connect(url).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| broke(error.into()))?;
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let mut request = Request::builder().method(method).uri(target).header(header::HOST, host_header(url));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body)).map_err(|error| broke(error.into()))?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| broke(error.into()))?;
        let (parts, body) = response.into_parts();
        let bytes = Limited::new(body, BODY_LIMIT_BYTES).collect().await.map_err(broke)?.to_bytes();
        Ok(Response::from_parts(parts, bytes))
    };
    tokio::pin!(answer);
    // The connection is driven here, so that nothing outlives the exchange.
    tokio::select! {
        answered = &mut answer => answered,
        ended = connection => {
            if let Err(error) = ended {
                return Err(broke(error.into()));
            }
            answer.await
        }
    }
}

async fn connect(url: &Url) -> Result<TcpStream, WebError> {
    let refused =
        || WebError::NotLoopback(format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()));
    if url.scheme() != "http" {
        return Err(refused());
    }
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses: &[IpAddr] = match url.host() {
        Some(Host::Domain("localhost")) => {
            &[IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)]
        }
        Some(Host::Ipv4(address)) if address.is_loopback() => &[IpAddr::V4(address)],
        Some(Host::Ipv6(address)) if address.is_loopback() => &[IpAddr::V6(address)],
        _ => return Err(refused()),
    };
    let mut failure = None;
    for address in addresses {
        match TcpStream::connect((*address, port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.map_or_else(refused, WebError::Connect))
}

fn host_header(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

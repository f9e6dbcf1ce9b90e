//! From an origin to a connection that speaks HTTP: resolve, race the addresses, pass the proxy, greet with TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use pintail_core::seam::{HttpError, HttpErrorKind};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::pool::Pool;
use super::{Origin, OutgoingBody, Settings};

/// How long one address is tried alone before the next one joins in (RFC 8305 proposes 250 ms).
const STAGGER: Duration = Duration::from_millis(250);

/// The largest buffer that a connection reads into, which it keeps while it is idle. A large read saves system calls, a
/// thousand connections with hyper's 400 KiB would hold 400 MB. Nor is a head ever larger.
const BUFFER_BYTES_MAX: usize = 128 * 1024;

/// Opens a connection to `origin` and starts the task that drives it.
pub(super) async fn connect(
    settings: &Settings,
    pool: &Arc<Pool>,
    origin: &Origin,
) -> Result<SendRequest<OutgoingBody>, HttpError> {
    let stream = timeout(settings.timeouts.connect, reach(settings, origin))
        .await
        .unwrap_or_else(|_| Err(origin.timeout()))?;
    let stream = if origin.https {
        timeout(settings.timeouts.handshake, greet(settings, origin, stream))
            .await
            .unwrap_or_else(|_| Err(origin.timeout()))?
    } else {
        Stream::Plain(stream)
    };
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(BUFFER_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| origin.error(HttpErrorKind::Connect, error))?;
    pool.count_opened();
    // Ends with the connection, which ends when its sender is dropped: the pool and the leases own it.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

/// Opens the TCP connection, to the proxy where one stands in between.
pub(super) async fn reach(settings: &Settings, origin: &Origin) -> Result<TcpStream, HttpError> {
    let Some(proxy) = settings.proxy.of(origin) else {
        return race(settings, origin, &origin.host, origin.port).await;
    };
    let stream = race(settings, origin, proxy.host(), proxy.port())
        .await
        .map_err(|error| origin.error(HttpErrorKind::Connect, proxy.unreached(error.source)))?;
    if origin.https { proxy.tunnel(stream, origin).await } else { Ok(stream) }
}

/// Tries the addresses one after another, each joining in when the ones before are slow; the first that answers wins.
async fn race(settings: &Settings, origin: &Origin, host: &str, port: u16) -> Result<TcpStream, HttpError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = match bare.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => settings
            .lookups
            .addresses(host, port)
            .await
            .map_err(|error| origin.error(HttpErrorKind::Resolve, error))?,
    };
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut last_error = None;
    loop {
        match waiting.next() {
            Some(address) => attempts.push(TcpStream::connect(address)),
            None if attempts.is_empty() => break,
            None => {}
        }
        let stagger = if waiting.len() == 0 { Duration::MAX } else { STAGGER };
        match timeout(stagger, attempts.next()).await {
            Ok(Some(Ok(stream))) => {
                // Heads and last pieces must not wait for an acknowledgement. A stream that refuses the option works.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Some(Err(error))) => last_error = Some(error),
            Ok(None) | Err(_) => {}
        }
    }
    // Where the addresses known lead nowhere, the next call asks for them anew.
    settings.lookups.forget(host, port);
    Err(match last_error {
        Some(error) => origin.error(HttpErrorKind::Connect, error),
        None => origin.error(HttpErrorKind::Resolve, "the name has no address"),
    })
}

async fn greet(settings: &Settings, origin: &Origin, stream: TcpStream) -> Result<Stream, HttpError> {
    let tls_error = |error: Box<dyn std::error::Error + Send + Sync>| origin.error(HttpErrorKind::Tls, error);
    let config = settings.tls.config().map_err(|error| tls_error(error.into()))?;
    let bare = origin.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare).map_err(|error| tls_error(error.into()))?;
    match TlsConnector::from(config).connect(name, stream).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        // rustls reports its verdicts as invalid data; anything else is the network.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(tls_error(error.into())),
        Err(error) => Err(origin.error(HttpErrorKind::Connect, error)),
    }
}

/// A connection with or without TLS.
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Forwards a call to whichever stream it is.
macro_rules! forward {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Stream::Tls($stream) => {
                let $stream = Pin::new($stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        forward!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, stream => stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        forward!(self, stream => stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

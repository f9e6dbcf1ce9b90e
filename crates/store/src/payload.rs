//! Bytes on their way into a store and out of it.
//!
//! A [`Payload`] can be read again from its beginning, since a request that failed half-way is sent again. An
//! [`ObjectBody`] is read once; it ends with an error unless every byte was right.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;
use pintail_core::checksum::{Algorithm, Checksum, Hasher};

use crate::error::{ErrorKind, Result, StoreError};
pub use crate::transport::ByteStream;

/// Opens the same bytes as often as they are needed.
pub trait PayloadSource: Send + Sync + fmt::Debug {
    /// Returns the bytes from the beginning, best in pieces of 256 KiB. It is called once for every attempt.
    fn open(&self) -> ByteStream;
}

/// Bytes to be sent: their number is known and they can be read again.
#[derive(Clone)]
pub struct Payload(Source);

#[derive(Clone)]
enum Source {
    Bytes(Bytes),
    Reopened { source: Arc<dyn PayloadSource>, length_bytes: u64 },
}

impl Payload {
    /// Takes bytes at hand.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self(Source::Bytes(bytes.into()))
    }

    /// Takes bytes that `source` opens, exactly `length_bytes` of them.
    ///
    /// A source that gives fewer or more ends the call with [`ErrorKind::SourceFailed`]: a file that changes while it
    /// is read is noticed here.
    pub fn from_source(length_bytes: u64, source: Arc<dyn PayloadSource>) -> Self {
        Self(Source::Reopened { source, length_bytes })
    }

    /// Takes bytes that a closure opens. See [`Payload::from_source`].
    pub fn from_fn(length_bytes: u64, open: impl Fn() -> ByteStream + Send + Sync + 'static) -> Self {
        Self::from_source(length_bytes, Arc::new(Opener(open)))
    }

    /// Returns the number of bytes.
    pub fn length_bytes(&self) -> u64 {
        match &self.0 {
            Source::Bytes(bytes) => bytes.len() as u64,
            Source::Reopened { length_bytes, .. } => *length_bytes,
        }
    }

    /// Returns the bytes if they are at hand.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Source::Bytes(bytes) => Some(bytes),
            Source::Reopened { .. } => None,
        }
    }

    /// Opens the bytes from the beginning.
    pub fn open(&self) -> ByteStream {
        match &self.0 {
            Source::Bytes(bytes) => Box::pin(futures_util::stream::iter([Ok(bytes.clone())])),
            Source::Reopened { source, .. } => source.open(),
        }
    }

    /// Reads the bytes once for a checksum.
    ///
    /// # Errors
    /// When the source fails or gives another number of bytes.
    pub async fn checksum(&self, algorithm: Algorithm) -> std::io::Result<Checksum> {
        if let Source::Bytes(bytes) = &self.0 {
            return Ok(Checksum::of(algorithm, bytes));
        }
        let mut hasher = Hasher::new(algorithm);
        let mut length_bytes = 0;
        let mut stream = self.open();
        while let Some(piece) = stream.next().await.transpose()? {
            length_bytes += piece.len() as u64;
            hasher.update(&piece);
        }
        if length_bytes != self.length_bytes() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                "the source changed its length",
            ));
        }
        Ok(hasher.finish())
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::from_bytes(bytes)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.length_bytes())
    }
}

struct Opener<F>(F);

impl<F: Fn() -> ByteStream + Send + Sync> PayloadSource for Opener<F> {
    fn open(&self) -> ByteStream {
        (self.0)()
    }
}

impl<F> fmt::Debug for Opener<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}

/// The bytes of an object as they arrive.
///
/// The stream ends without an error only when all bytes came and, where the store told a checksum for exactly these
/// bytes, when they have that checksum. Bytes handed out before are provisional until then.
pub struct ObjectBody(Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>);

impl ObjectBody {
    /// Wraps a stream that keeps the contract.
    pub fn new(stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Self(Box::pin(stream))
    }

    /// Reads everything into memory. What comes in one piece, as small objects do, is not copied.
    ///
    /// # Errors
    /// When the body fails, or with [`ErrorKind::InvalidArgument`] when there are more than `limit_bytes`.
    pub async fn collect(mut self, limit_bytes: usize) -> Result<Bytes> {
        let mut first = Bytes::new();
        let mut more: Option<Vec<u8>> = None;
        while let Some(piece) = self.next().await.transpose()? {
            let length = more.as_ref().map_or(first.len(), Vec::len);
            if length + piece.len() > limit_bytes {
                let kind = ErrorKind::InvalidArgument("the object is larger than the limit given");
                return Err(StoreError::new(kind, crate::Operation::Get));
            }
            match &mut more {
                None if first.is_empty() => first = piece,
                None => more = Some([first.as_ref(), piece.as_ref()].concat()),
                Some(whole) => whole.extend_from_slice(&piece),
            }
        }
        Ok(more.map_or(first, Bytes::from))
    }
}

impl Stream for ObjectBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for ObjectBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectBody")
    }
}

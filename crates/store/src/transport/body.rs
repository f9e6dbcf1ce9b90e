//! Bodies on their way: what a request sends and what an answer brings.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use pintail_core::seam::{HttpError, HttpErrorKind};
use tokio::time::{Instant, Sleep};

use super::pool::Lease;
use super::{Answered, Origin};

/// A stream of bytes that may fail on this side, such as a file being read.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The most that is handed to a connection at once: what a cached read of a file returns cheaply and what keeps the
/// memory of one upload small.
pub(crate) const PIECE_BYTES_MAX: usize = 256 * 1024;

/// The most that is allocated for an answer before its bytes are there: a page of a thousand keys fits.
const COLLECTED_AT_ONCE_MAX: usize = 1024 * 1024;

/// The body of a request, of a length known beforehand.
pub(crate) struct OutgoingBody {
    source: Source,
    remaining: u64,
    progress: Progress,
}

enum Source {
    Whole(Bytes),
    Stream(ByteStream),
}

/// Shared with the one who waits for the answer: how far the body is, and whether its source failed.
#[derive(Clone, Default)]
pub(crate) struct Progress(Option<Arc<Shared>>);

#[derive(Default)]
struct Shared {
    sent: AtomicU64,
    whole: AtomicBool,
    failed: std::sync::Mutex<Option<io::Error>>,
}

impl Progress {
    /// Returns how many bytes the connection has taken of a body that was answered and is this long.
    pub(crate) fn sent_of(&self, length_bytes: u64) -> u64 {
        self.0.as_ref().map_or(length_bytes, |shared| shared.sent.load(Ordering::Relaxed))
    }

    /// Returns how many bytes the connection has taken, always 0 for a body that fits one write.
    pub(crate) fn sent(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.sent.load(Ordering::Relaxed))
    }

    /// Tells whether the body goes out in more than one write.
    pub(super) fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn is_whole(&self) -> bool {
        self.0.as_ref().is_none_or(|shared| shared.whole.load(Ordering::Relaxed))
    }

    /// Returns the error with which the source ended, if it did: then the failure is on this side of the wire.
    pub(crate) fn take_failure(&self) -> Option<io::Error> {
        self.0.as_ref()?.failed.lock().expect("no holder of this lock panics").take()
    }
}

impl OutgoingBody {
    pub(crate) fn empty() -> Self {
        Self::whole(Bytes::new())
    }

    pub(crate) fn whole(bytes: Bytes) -> Self {
        // Small bodies go out in one write: there is no progress to watch.
        let watched = bytes.len() > PIECE_BYTES_MAX;
        Self {
            remaining: bytes.len() as u64,
            source: Source::Whole(bytes),
            progress: Progress(watched.then(Arc::default)),
        }
    }

    pub(crate) fn stream(stream: ByteStream, length_bytes: u64) -> Self {
        Self {
            source: Source::Stream(stream),
            remaining: length_bytes,
            progress: Progress(Some(Arc::default())),
        }
    }

    pub(crate) fn length_bytes(&self) -> u64 {
        self.remaining
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    fn fail(&mut self, error: io::Error) -> io::Error {
        let told = io::Error::new(error.kind(), "the source of the body failed");
        // Nothing comes after a failure.
        self.source = Source::Whole(Bytes::new());
        self.remaining = 0;
        if let Some(shared) = &self.progress.0 {
            *shared.failed.lock().expect("no holder of this lock panics") = Some(error);
        }
        told
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.source {
            Source::Whole(rest) if rest.is_empty() => Poll::Ready(None),
            Source::Whole(rest) => {
                let piece = rest.split_to(rest.len().min(PIECE_BYTES_MAX));
                Poll::Ready(Some(Ok(piece)))
            }
            Source::Stream(stream) => stream.as_mut().poll_next(cx),
        }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        loop {
            let piece = match ready!(this.poll_piece(cx)) {
                None if this.remaining == 0 => return Poll::Ready(None),
                None => {
                    let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the source became shorter");
                    return Poll::Ready(Some(Err(this.fail(error))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(this.fail(error)))),
                Some(Ok(piece)) if piece.is_empty() => continue,
                Some(Ok(piece)) => piece,
            };
            let Some(remaining) = this.remaining.checked_sub(piece.len() as u64) else {
                let error = io::Error::new(io::ErrorKind::InvalidData, "the source became longer");
                return Poll::Ready(Some(Err(this.fail(error))));
            };
            this.remaining = remaining;
            if let Some(shared) = &this.progress.0 {
                shared.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
                shared.whole.store(remaining == 0, Ordering::Relaxed);
            }
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// The body of an answer. Read to its end, its connection goes back to the pool; dropped before, it is closed.
pub(crate) struct IncomingBody {
    incoming: hyper::body::Incoming,
    lease: Option<Lease>,
    origin: Origin,
    waited: Option<Duration>,
    idle_max: Duration,
    /// Armed by the first wait and left running: it costs one timer per body, not one per piece.
    timer: Option<Pin<Box<Sleep>>>,
    progressed: bool,
}

impl IncomingBody {
    pub(super) fn new(answered: Answered, lease: Lease, origin: Origin, idle_max: Duration) -> Self {
        let Answered { incoming, whole, waited } = answered;
        let lease = whole.then_some(lease);
        let mut body = Self { incoming, lease, origin, waited, idle_max, timer: None, progressed: false };
        body.settle();
        body
    }

    /// Returns how long the first byte of the answer took, for a request that went out in one write.
    pub(crate) fn waited(&self) -> Option<Duration> {
        self.waited
    }

    /// Gives the connection back when nothing more comes.
    fn settle(&mut self) {
        if self.incoming.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
    }

    /// Returns the length that the answer stated, if it did.
    pub(crate) fn length_bytes(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// Reads the whole body into one buffer, up to a limit. A body that comes in one piece is not copied.
    pub(crate) async fn collect(mut self, limit_bytes: usize) -> Result<Bytes, HttpError> {
        let announced = self.length_bytes().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let mut first = Bytes::new();
        let mut more: Option<Vec<u8>> = None;
        while let Some(piece) = std::future::poll_fn(|cx| Pin::new(&mut self).poll_next(cx)).await {
            let piece = piece?;
            let length = more.as_ref().map_or(first.len(), Vec::len);
            if length + piece.len() > limit_bytes {
                let source = format!("the answer is longer than {limit_bytes} bytes");
                return Err(self.origin.error(HttpErrorKind::BadResponse, source));
            }
            match &mut more {
                None if first.is_empty() => first = piece,
                None => {
                    // What was announced may be a lie; the buffer grows where it is more than this.
                    let room =
                        announced.min(limit_bytes).min(COLLECTED_AT_ONCE_MAX).max(first.len() + piece.len());
                    let mut buffer = Vec::with_capacity(room);
                    buffer.extend_from_slice(&first);
                    buffer.extend_from_slice(&piece);
                    more = Some(buffer);
                }
                Some(buffer) => buffer.extend_from_slice(&piece),
            }
        }
        Ok(more.map_or(first, Bytes::from))
    }
}

impl Stream for IncomingBody {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match Pin::new(&mut this.incoming).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.progressed = true;
                    this.settle();
                    match frame.into_data() {
                        Ok(data) => return Poll::Ready(Some(Ok(data))),
                        Err(_trailers) => continue,
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    this.lease = None;
                    return Poll::Ready(Some(Err(this.origin.error(HttpErrorKind::Interrupted, error))));
                }
                Poll::Ready(None) => {
                    this.settle();
                    return Poll::Ready(None);
                }
                Poll::Pending => {
                    let idle_max = this.idle_max;
                    let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle_max)));
                    ready!(timer.as_mut().poll(cx));
                    if !std::mem::take(&mut this.progressed) {
                        this.lease = None;
                        return Poll::Ready(Some(Err(this.origin.timeout())));
                    }
                    timer.as_mut().reset(Instant::now() + idle_max);
                }
            }
        }
    }
}

//! How a body is sent: with which checksum, framed or not, signed or not.
//!
//! Over TLS, and to this machine, a body is not signed: TLS protects it on the way and the checksum proves it at its
//! end. Elsewhere every byte is signed. Bytes at hand are summed up beforehand and the checksum stands in a header; a
//! stream is read once, its checksum follows it in a trailer (`aws-chunked`).
//!
//! Not every service knows all that. [`Rung`] is the ladder down which a store steps when it is refused.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use pintail_core::checksum::{Algorithm, Checksum, Hasher};
use pintail_core::sign::{ChunkedBody, Payload as SignedAs, Seed, Trailer};

use super::header;
use crate::object_store::ChecksumChoice;
use crate::payload::Payload;
use crate::transport::{ByteStream, OutgoingBody};

/// The size of a chunk: what sources give at once, so that nothing is copied together.
const CHUNK_BYTES: u64 = 256 * 1024;

/// What a service has been found to take, from the best down. A store remembers the rung it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rung(u8);

impl Rung {
    /// CRC64NVME, in a trailer where the body is a stream.
    pub(super) const TOP: Self = Self(0);
    /// The best one without frames around the body.
    pub(super) const UNFRAMED: Self = Self(1);
    /// The last one: no checksum.
    pub(super) const NONE: Self = Self(4);

    pub(super) fn new(value: u8) -> Self {
        Self(value.min(Self::NONE.0))
    }

    pub(super) fn value(self) -> u8 {
        self.0
    }

    pub(super) fn takes_trailers(self) -> bool {
        self == Self::TOP
    }

    /// The algorithm of this rung.
    pub(super) fn algorithm(self) -> Option<Algorithm> {
        match self.0 {
            0 | 1 => Some(Algorithm::Crc64Nvme),
            2 => Some(Algorithm::Crc32c),
            3 => Some(Algorithm::Crc32),
            _ => None,
        }
    }

    /// The next rung down after a body was refused, `None` when the refusal was not about anything that changes.
    pub(super) fn below(self, plan: &Plan) -> Option<Self> {
        match (plan.framed, plan.fixed, plan.algorithm) {
            (true, ..) => Some(Self::UNFRAMED),
            (false, false, Some(_)) => Some(Self((self.0 + 1).max(2))).filter(|rung| *rung <= Self::NONE),
            _ => None,
        }
    }
}

/// How one body goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The algorithm of the checksum.
    pub(super) algorithm: Option<Algorithm>,
    /// The caller wants this algorithm and no other.
    pub(super) fixed: bool,
    /// In chunks, the checksum after them.
    pub(super) framed: bool,
    /// The bytes are signed.
    pub(super) signed: bool,
}

impl Plan {
    /// Decides for a body. `private`: nobody on the way can change it. `anonymous`: nothing is signed.
    pub(super) fn new(
        payload: &Payload,
        choice: ChecksumChoice,
        rung: Rung,
        private: bool,
        anonymous: bool,
    ) -> Self {
        let (algorithm, fixed) = match choice {
            ChecksumChoice::Default => (rung.algorithm(), false),
            ChecksumChoice::Algorithm(algorithm) => (Some(algorithm), true),
            ChecksumChoice::Known(checksum) => (Some(checksum.algorithm()), true),
        };
        let known = payload.as_bytes().is_some() || matches!(choice, ChecksumChoice::Known(_));
        let signed = !private && !anonymous;
        // An empty stream has no chunk to frame. A signed stream is framed even when its checksum is known: its
        // SHA-256 is not.
        let streams = payload.as_bytes().is_none() && payload.length_bytes() > 0;
        let framed =
            streams && algorithm.is_some() && rung.takes_trailers() && !anonymous && (!known || signed);
        Self { algorithm, fixed, framed, signed }
    }

    /// What the signature says of the body. The SHA-256 of a body that is signed whole is for the caller to give.
    pub(super) fn signed_as(&self, sha256: Option<[u8; 32]>) -> SignedAs {
        match (self.framed, self.signed, sha256) {
            (true, true, _) => SignedAs::ChunksWithTrailer,
            (true, false, _) => SignedAs::UnsignedChunksWithTrailer,
            (false, true, Some(sha256)) => SignedAs::Sha256(sha256),
            (false, _, _) => SignedAs::Unsigned,
        }
    }

    /// The body's length on the wire.
    pub(super) fn length_on_wire(&self, length_bytes: u64) -> u64 {
        let Some(algorithm) = self.algorithm.filter(|_| self.framed) else { return length_bytes };
        // All values of an algorithm are of one length.
        let value = Checksum::of(algorithm, b"").to_string();
        let trailer = Trailer { name: header::checksum_text(algorithm), value: &value };
        ChunkedBody::encoded_length(length_bytes, CHUNK_BYTES, self.signed, Some(trailer))
    }
}

/// A checksum that is known once the body has been sent.
pub(super) type SentChecksum = Arc<OnceLock<Checksum>>;

/// Opens a body in chunks. `seed` is the signature they continue from, where they are signed.
pub(super) fn framed_body(
    payload: &Payload,
    plan: &Plan,
    algorithm: Algorithm,
    seed: Option<Seed>,
) -> (OutgoingBody, SentChecksum) {
    let sum = SentChecksum::default();
    let stream = Framed {
        source: payload.open(),
        framing: Some(seed.map_or_else(ChunkedBody::unsigned, ChunkedBody::signed)),
        hasher: Some(Hasher::new(algorithm)),
        remaining: payload.length_bytes(),
        rest: Bytes::new(),
        gathered: BytesMut::new(),
        ready: [const { None }; 3],
        sum: Arc::clone(&sum),
        trailer_name: header::checksum_text(algorithm),
    };
    (OutgoingBody::stream(Box::pin(stream), plan.length_on_wire(payload.length_bytes())), sum)
}

/// A source cut into chunks with their frames, followed by the trailer.
struct Framed {
    source: ByteStream,
    /// Taken by the end of the body.
    framing: Option<ChunkedBody>,
    hasher: Option<Hasher>,
    remaining: u64,
    /// What the source gave and no chunk has taken.
    rest: Bytes,
    /// The beginning of a chunk, where pieces of the source are smaller than it.
    gathered: BytesMut,
    /// Head, data and end of the chunk that is being sent.
    ready: [Option<Bytes>; 3],
    sum: SentChecksum,
    trailer_name: &'static str,
}

impl Framed {
    /// Returns the next chunk's data, exactly as long as announced.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let wanted = self.remaining.min(CHUNK_BYTES) as usize;
        loop {
            if self.gathered.is_empty() && self.rest.len() >= wanted {
                return Poll::Ready(Ok(self.rest.split_to(wanted)));
            }
            if !self.rest.is_empty() {
                let part = self.rest.split_to(self.rest.len().min(wanted - self.gathered.len()));
                self.gathered.reserve(wanted - self.gathered.len());
                self.gathered.extend_from_slice(&part);
                if self.gathered.len() == wanted {
                    return Poll::Ready(Ok(self.gathered.split().freeze()));
                }
            }
            match ready!(self.source.as_mut().poll_next(cx)) {
                Some(piece) => self.rest = piece?,
                None => {
                    let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the source became shorter");
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    /// Tells whether the source ends where it should.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(self.source.as_mut().poll_next(cx)) {
                Some(piece) => self.rest = piece?,
                None => return Poll::Ready(Ok(())),
            }
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the source became longer")))
    }
}

impl Stream for Framed {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(ready) = this.ready.iter_mut().find_map(Option::take) {
            return Poll::Ready(Some(Ok(ready)));
        }
        if this.framing.is_none() {
            return Poll::Ready(None);
        }
        if this.remaining == 0 {
            let ended = ready!(this.poll_end(cx));
            let (Some(framing), Some(hasher)) = (this.framing.take(), this.hasher.take()) else {
                return Poll::Ready(None);
            };
            ended?;
            let checksum = hasher.finish();
            let _ = this.sum.set(checksum);
            let trailer = Trailer { name: this.trailer_name, value: &checksum.to_string() };
            return Poll::Ready(Some(Ok(framing.end(Some(trailer)).into())));
        }
        let chunk = ready!(this.poll_chunk(cx));
        let (Some(framing), Some(hasher), Ok(chunk)) = (&mut this.framing, &mut this.hasher, &chunk) else {
            this.framing = None;
            return Poll::Ready(Some(chunk));
        };
        this.remaining -= chunk.len() as u64;
        hasher.update(chunk);
        let head = Bytes::from(framing.chunk_head(chunk));
        let chunk = chunk.clone();
        this.ready = [None, Some(chunk), Some(Bytes::from_static(b"\r\n"))];
        Poll::Ready(Some(Ok(head)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use proptest::prelude::*;

    use super::*;

    fn stream_of(data: Vec<u8>, piece: usize) -> Payload {
        Payload::from_fn(data.len() as u64, move || {
            let pieces: Vec<_> =
                data.chunks(piece.max(1)).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            Box::pin(futures_util::stream::iter(pieces))
        })
    }

    #[test]
    fn bodies_go_out_as_the_service_and_the_way_allow() {
        let whole = Payload::from_bytes("bytes");
        let stream = stream_of(vec![1; 10], 3);
        let crc = Some(Algorithm::Crc64Nvme);
        let plan = |payload: &Payload, rung: u8, private: bool, anonymous: bool| {
            let plan = Plan::new(payload, ChecksumChoice::Default, Rung::new(rung), private, anonymous);
            (plan.algorithm, plan.framed, plan.signed)
        };
        assert_eq!(plan(&whole, 0, true, false), (crc, false, false));
        assert_eq!(plan(&whole, 0, false, false), (crc, false, true));
        assert_eq!(plan(&stream, 0, true, false), (crc, true, false));
        assert_eq!(plan(&stream, 0, false, false), (crc, true, true));
        assert_eq!(plan(&stream, 0, true, true), (crc, false, false));
        assert_eq!(plan(&stream, 1, true, false), (crc, false, false));
        assert_eq!(plan(&stream, 2, true, false), (Some(Algorithm::Crc32c), false, false));
        assert_eq!(plan(&stream, 4, false, false), (None, false, true));
        let known = ChecksumChoice::Known(Checksum::of(Algorithm::Crc32, b""));
        assert!(!Plan::new(&stream, known, Rung::TOP, true, false).framed);
    }

    #[test]
    fn the_ladder_ends() {
        let stream = stream_of(vec![1; 10], 3);
        let mut rung = Rung::TOP;
        let mut seen = vec![rung.value()];
        loop {
            let plan = Plan::new(&stream, ChecksumChoice::Default, rung, true, false);
            let Some(below) = rung.below(&plan) else { break };
            rung = below;
            seen.push(rung.value());
        }
        assert_eq!(seen, [0, 1, 2, 3, 4]);
        let fixed = ChecksumChoice::Algorithm(Algorithm::Sha256);
        let plan = Plan::new(&stream, fixed, Rung::new(1), true, false);
        assert_eq!(Rung::new(1).below(&plan), None);
    }

    proptest! {
        #[test]
        fn framed_bodies_have_the_length_that_was_announced(length in 0_usize..700_000, piece in 1_usize..400_000) {
            let payload = stream_of((0..length).map(|at| at as u8).collect(), piece);
            let plan = Plan { algorithm: Some(Algorithm::Crc32), fixed: false, framed: true, signed: false };
            let (body, sum) = framed_body(&payload, &plan, Algorithm::Crc32, None);
            let announced = body.length_bytes();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let wire = runtime.block_on(async {
                http_body_util::BodyExt::collect(body).await.unwrap().to_bytes()
            });
            prop_assert_eq!(announced, wire.len() as u64);
            let expected = runtime.block_on(payload.checksum(Algorithm::Crc32)).unwrap();
            prop_assert_eq!(sum.get(), Some(&expected));
            let end = format!("0\r\nx-amz-checksum-crc32:{expected}\r\n\r\n");
            prop_assert!(wire.ends_with(end.as_bytes()));
        }
    }

    #[tokio::test]
    async fn a_source_that_changed_its_length_is_noticed() {
        for (told, has) in [(10, 9), (10, 11)] {
            let payload = Payload::from_fn(told, move || {
                Box::pin(futures_util::stream::iter([Ok(Bytes::from(vec![1; has]))]))
            });
            let plan = Plan { algorithm: Some(Algorithm::Crc32), fixed: false, framed: true, signed: false };
            let (body, _) = framed_body(&payload, &plan, Algorithm::Crc32, None);
            let progress = body.progress();
            let mut frames = http_body_util::BodyStream::new(body);
            let mut failed = false;
            while let Some(frame) = frames.next().await {
                failed |= frame.is_err();
            }
            assert!(failed && progress.take_failure().is_some(), "{told} {has}");
        }
    }
}

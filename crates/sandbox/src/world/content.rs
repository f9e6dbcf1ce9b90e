//! An object's bytes: pieces that arrived, joined without being copied, or a pattern that is computed when it is read.
//!
//! A completed upload shares the bytes of its parts, and a range of an object those of the object, so that neither the completion of 4 GiB nor
//! a read of their middle moves anything. A million objects of a [pattern](Content::pattern) have no bytes at all.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use s3s::stream::{ByteStream, RemainingLength};

use crate::server::BoxError;

/// How much of a pattern is computed at once.
const PATTERN_CHUNK_BYTES: u64 = 64 << 10;

/// A sequence of bytes. Clones share it.
#[derive(Clone)]
pub(crate) struct Content {
    pieces: Arc<[Piece]>,
    length: u64,
}

#[derive(Clone)]
struct Piece {
    /// Where it begins in the whole.
    start: u64,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Bytes(Bytes),
    Pattern { seed: u64, from: u64, length: u64 },
}

impl Source {
    fn length(&self) -> u64 {
        match self {
            Source::Bytes(bytes) => bytes.len() as u64,
            Source::Pattern { length, .. } => *length,
        }
    }

    /// The part of it between two places within it.
    fn slice(&self, start: u64, end: u64) -> Source {
        match self {
            Source::Bytes(bytes) => Source::Bytes(bytes.slice(size(start)..size(end))),
            Source::Pattern { seed, from, .. } => {
                Source::Pattern { seed: *seed, from: from + start, length: end - start }
            }
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes in {} pieces", self.length, self.pieces.len())
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Content {
        Content::of([Source::Bytes(bytes)])
    }
}

impl Content {
    fn of(sources: impl IntoIterator<Item = Source>) -> Content {
        let mut length = 0;
        let pieces = sources.into_iter().filter(|source| source.length() > 0).map(|source| {
            let start = length;
            length += source.length();
            Piece { start, source }
        });
        let pieces: Arc<[Piece]> = pieces.collect::<Vec<_>>().into();
        Content { pieces, length }
    }

    /// Chunks that arrived one after the other.
    pub(crate) fn chunks(chunks: Vec<Bytes>) -> Content {
        Content::of(chunks.into_iter().map(Source::Bytes))
    }

    /// `length` bytes that belong to `seed`, always the same ones; a shorter pattern is the beginning of a longer one.
    pub(crate) fn pattern(seed: u64, length: u64) -> Content {
        Content::of([Source::Pattern { seed, from: 0, length }])
    }

    /// One after the other.
    pub(crate) fn join<'a>(contents: impl IntoIterator<Item = &'a Content>) -> Content {
        let pieces = contents.into_iter().flat_map(|content| content.pieces.iter());
        Content::of(pieces.map(|piece| piece.source.clone()))
    }

    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// The bytes from `start` to before `end`, held to the length.
    pub(crate) fn slice(&self, start: u64, end: u64) -> Content {
        let end = end.min(self.length);
        let from = self.piece_at(start);
        let pieces = self.pieces[from..].iter().take_while(|piece| piece.start < end);
        Content::of(pieces.map(|piece| {
            let within =
                |place: u64| place.clamp(piece.start, piece.start + piece.source.length()) - piece.start;
            piece.source.slice(within(start), within(end))
        }))
    }

    /// The piece that holds this place, or the number of pieces behind the end.
    fn piece_at(&self, place: u64) -> usize {
        self.pieces.partition_point(|piece| piece.start + piece.source.length() <= place)
    }

    /// Reads it from the beginning, piece by piece.
    pub(crate) fn read(&self) -> Reader {
        Reader { content: self.clone(), piece: 0, within: 0, left: self.length }
    }

    /// All of it in one. Copies unless it is one piece.
    pub(crate) fn to_bytes(&self) -> Bytes {
        match &*self.pieces {
            [] => Bytes::new(),
            [Piece { source: Source::Bytes(bytes), .. }] => bytes.clone(),
            _ => {
                let mut all = BytesMut::with_capacity(size(self.length));
                self.read().for_each(|bytes| all.extend_from_slice(&bytes));
                all.freeze()
            }
        }
    }
}

/// Lengths in memory fit.
fn size(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// Reads a [`Content`]: an iterator over its bytes, and a body for `s3s`.
#[derive(Debug)]
pub(crate) struct Reader {
    content: Content,
    piece: usize,
    within: u64,
    left: u64,
}

impl Iterator for Reader {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let piece = self.content.pieces.get(self.piece)?;
        let bytes = match &piece.source {
            Source::Bytes(bytes) => {
                self.piece += 1;
                bytes.clone()
            }
            Source::Pattern { seed, from, length } => {
                let count = (length - self.within).min(PATTERN_CHUNK_BYTES);
                let bytes = pattern_bytes(*seed, from + self.within, count);
                self.within += count;
                if self.within == *length {
                    (self.piece, self.within) = (self.piece + 1, 0);
                }
                bytes
            }
        };
        self.left -= bytes.len() as u64;
        Some(bytes)
    }
}

impl Stream for Reader {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.next().map(Ok))
    }
}

impl ByteStream for Reader {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(size(self.left))
    }
}

/// The bytes of a pattern from a place on: eight at a time out of seed and place.
fn pattern_bytes(seed: u64, from: u64, count: u64) -> Bytes {
    let skipped = size(from % 8);
    let mut bytes = BytesMut::with_capacity(size(count) + 16);
    let mut word = from / 8;
    while bytes.len() < size(count) + skipped {
        bytes.extend_from_slice(&scrambled(seed ^ word.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes());
        word += 1;
    }
    bytes.freeze().slice(skipped..skipped + size(count))
}

/// Spreads a number over all 64 bits (the finaliser of SplitMix64).
pub(crate) fn scrambled(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arbitrary() -> impl Strategy<Value = Content> {
        let chunk = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Content::from(Bytes::from(bytes))),
            (any::<u64>(), 0_u64..200_000).prop_map(|(seed, length)| Content::pattern(seed, length)),
        ];
        proptest::collection::vec(chunk, 0..6).prop_map(|parts| Content::join(&parts))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_slice_is_the_same_bytes(content in arbitrary(), one in 0_u64..400_000, other in 0_u64..400_000) {
            let whole = content.to_bytes();
            prop_assert_eq!(whole.len() as u64, content.len());
            let (start, end) = (one.min(other).min(content.len()), one.max(other).min(content.len()));
            let slice = content.slice(start, end);
            prop_assert_eq!(slice.len(), end - start);
            prop_assert_eq!(slice.to_bytes(), whole.slice(size(start)..size(end)));
            let read: Vec<u8> = slice.read().flatten().collect();
            prop_assert_eq!(read, &whole[size(start)..size(end)]);
        }
    }

    #[test]
    fn joining_and_slicing_copy_nothing() {
        let bytes = Bytes::from(vec![7; 100]);
        let twice = Content::join([&Content::from(bytes.clone()), &Content::from(bytes.clone())]);
        let middle = twice.slice(50, 150).read().collect::<Vec<_>>();
        assert_eq!(middle[0].as_ptr(), bytes[50..].as_ptr());
        assert_eq!(middle[1].as_ptr(), bytes.as_ptr());
    }
}

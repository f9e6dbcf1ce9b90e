//! What the files and objects of the bench hold: bytes that are cheap to make, told apart by file and by place.
//!
//! Pure: one block of noise, repeated, that each file begins to read at a place of its own. The block's length shares no
//! factor with sizes of parts, so bytes that end up in a wrong place or a wrong file do not look right.

use std::sync::LazyLock;

use crc_fast::{CrcAlgorithm, Digest};

/// Length of the block: a prime just above 1 MiB.
const PERIOD: usize = 1_048_583;

static BLOCK: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x7069_6E74_6169_6C21_u64;
    let mut block = Vec::with_capacity(PERIOD + 8);
    while block.len() < PERIOD {
        // SplitMix64.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        block.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    block.truncate(PERIOD);
    block
});

/// The content of one file or object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pattern {
    start: usize,
    size_bytes: u64,
}

impl Pattern {
    /// The content that belongs to a path, whose last component decides: trees that are copied keep theirs.
    pub(crate) fn of(path: &str, size_bytes: u64) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { start: usize::try_from(hash % PERIOD as u64).unwrap_or(0), size_bytes }
    }

    /// Gives the bytes of a range to `sink`, in pieces, until it returns false.
    pub(crate) fn range(self, from: u64, to: u64, sink: &mut dyn FnMut(&[u8]) -> bool) {
        let (mut at, end) = (from, to.min(self.size_bytes));
        while at < end {
            let place = usize::try_from((self.start as u64 + at) % PERIOD as u64).unwrap_or(0);
            let length = (PERIOD - place).min(usize::try_from(end - at).unwrap_or(usize::MAX));
            if !sink(&BLOCK[place..place + length]) {
                return;
            }
            at += length as u64;
        }
    }

    /// Its CRC-64/NVME.
    pub(crate) fn sum(self) -> u64 {
        let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
        self.range(0, self.size_bytes, &mut |bytes| {
            digest.update(bytes);
            true
        });
        digest.finalize()
    }

    /// Whether `bytes` are what stands at `offset`.
    pub(crate) fn holds(self, offset: u64, bytes: &[u8]) -> bool {
        let (mut left, mut same) = (bytes, offset + bytes.len() as u64 <= self.size_bytes);
        self.range(offset, offset + bytes.len() as u64, &mut |piece| {
            let (head, rest) = left.split_at(piece.len().min(left.len()));
            same &= head == piece;
            left = rest;
            same
        });
        same && left.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_parts_of_the_whole() {
        let size = 2 * PERIOD as u64 + 12_345;
        let pattern = Pattern::of("a/b/file-1", size);
        let mut whole = Vec::new();
        pattern.range(0, size, &mut |bytes| {
            whole.extend_from_slice(bytes);
            true
        });
        assert_eq!(whole.len() as u64, size);
        for (from, to) in [(0, 10), (PERIOD as u64 - 3, PERIOD as u64 + 3), (size - 5, size + 100)] {
            let mut part = Vec::new();
            pattern.range(from, to, &mut |bytes| {
                part.extend_from_slice(bytes);
                true
            });
            let end = usize::try_from(to.min(size)).expect("small");
            let start = usize::try_from(from).expect("small");
            assert_eq!(part, &whole[start..end]);
            assert!(pattern.holds(from, &part) && !pattern.holds(from + 1, &part));
        }
        assert_eq!(pattern.sum(), crc_fast::checksum(CrcAlgorithm::Crc64Nvme, &whole));
        assert_ne!(Pattern::of("x/file-2", size), pattern);
        assert_eq!(Pattern::of("x/file-1", size), pattern, "the folder does not matter");
    }
}

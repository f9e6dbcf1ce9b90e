//! Randomness, and the shapes of identifier made from it: GUIDs, AWS key names, opaque tokens.
//!
//! The source is injected so that a test can have the same identifiers on every run. Signing keys do not
//! come from here: the crypto library draws those itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// A source of random bytes.
pub trait Random: fmt::Debug + Send + Sync {
    /// Overwrites all of `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The machine's own randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// The same bytes on every run for one seed. Not for secrets that must hold against anyone.
#[derive(Debug)]
pub struct SeededRandom {
    seed: u64,
    block: AtomicU64,
}

impl SeededRandom {
    /// Returns the sequence that belongs to `seed`.
    pub fn new(seed: u64) -> SeededRandom {
        SeededRandom { seed, block: AtomicU64::new(0) }
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(digest::SHA256_OUTPUT_LEN) {
            let mut input = self.seed.to_le_bytes().to_vec();
            input.extend(self.block.fetch_add(1, Ordering::Relaxed).to_le_bytes());
            let block = digest::digest(&digest::SHA256, &input);
            chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        }
    }
}

/// Makes identifiers out of a [`Random`].
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    source: Arc<dyn Random>,
}

impl Ids {
    pub(crate) fn new(source: Arc<dyn Random>) -> Ids {
        Ids { source }
    }

    pub(crate) fn bytes(&self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.source.fill(&mut bytes);
        bytes
    }

    /// A version 4 GUID.
    pub(crate) fn guid(&self) -> String {
        let mut bytes = self.bytes(16);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        dashed(&hex(&bytes))
    }

    /// `byte_count` random bytes in the URL-safe alphabet.
    pub(crate) fn token(&self, byte_count: usize) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes(byte_count))
    }

    /// `byte_count` random bytes in the standard alphabet, as AWS writes secrets and session tokens.
    pub(crate) fn secret(&self, byte_count: usize) -> String {
        STANDARD.encode(self.bytes(byte_count))
    }

    /// An AWS identifier: a four-letter prefix and `length` characters of A–Z and 2–7.
    pub(crate) fn aws_id(&self, prefix: &str, length: usize) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let tail = self.bytes(length).into_iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
        prefix.chars().chain(tail).collect()
    }

    /// `length` upper-case letters and digits without the ones that are misread.
    pub(crate) fn user_code(&self, length: usize) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        self.bytes(length).into_iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
    }

    pub(crate) fn hex(&self, byte_count: usize) -> String {
        hex(&self.bytes(byte_count))
    }
}

/// A GUID that always belongs to the same text: for what needs one and has no randomness at hand.
pub(crate) fn guid_of(text: &str) -> String {
    let digest = hex(&sha256(text.as_bytes()));
    dashed(&format!("{}4{}a{}", &digest[..12], &digest[13..16], &digest[17..32]))
}

fn dashed(digits: &str) -> String {
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32])
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_shapes_hold() {
        let first = Ids::new(Arc::new(SeededRandom::new(7)));
        let again = Ids::new(Arc::new(SeededRandom::new(7)));
        let guid = first.guid();
        assert_eq!(guid, again.guid());
        assert_eq!(guid.len(), 36);
        assert_eq!(&guid[14..15], "4");
        assert_ne!(first.guid(), guid);
        let key = first.aws_id("ASIA", 16);
        assert_eq!(key.len(), 20);
        assert!(key.starts_with("ASIA"));
        assert_eq!(hex(&[0, 255]), "00ff");
    }
}

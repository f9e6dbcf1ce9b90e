//! Checksums of objects and parts, and how parts add up to a whole.
//!
//! The CRCs are linear: the checksum of a whole follows from those of its parts and their lengths, so a multipart
//! upload or a segmented download can be proved without a second read. SHA-256 has no such property; S3 keeps a
//! checksum of the parts' checksums for it ("composite", S3 User Guide, "Checking object integrity").

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::{CrcAlgorithm, checksum_combine};

/// A checksum algorithm that S3 knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// CRC-64/NVME: S3's own default, always of the full object.
    Crc64Nvme,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-32 as in zip and PNG.
    Crc32,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// Every algorithm, the one to prefer first.
    pub const ALL: [Self; 4] = [Self::Crc64Nvme, Self::Crc32c, Self::Crc32, Self::Sha256];

    /// Returns the name in the API, such as `CRC64NVME`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc64Nvme => "CRC64NVME",
            Self::Crc32c => "CRC32C",
            Self::Crc32 => "CRC32",
            Self::Sha256 => "SHA256",
        }
    }

    /// Returns the length of a value in bytes.
    pub fn length_bytes(self) -> usize {
        match self {
            Self::Crc64Nvme => 8,
            Self::Crc32c | Self::Crc32 => 4,
            Self::Sha256 => 32,
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Sha256 => None,
        }
    }
}

impl FromStr for Algorithm {
    type Err = ChecksumError;

    fn from_str(text: &str) -> Result<Self, ChecksumError> {
        Self::ALL
            .into_iter()
            .find(|a| a.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| ChecksumError::UnknownAlgorithm(text.to_owned()))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is no checksum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    /// No algorithm of this name is known.
    #[error("unknown checksum algorithm {0:?}")]
    UnknownAlgorithm(String),
    /// The value is not base64 of the algorithm's length, with `-COUNT` after it for a composite.
    #[error("not a {algorithm} checksum: {text:?}")]
    Value {
        /// The algorithm that was expected.
        algorithm: Algorithm,
        /// The text as given.
        text: String,
    },
}

/// A checksum value: of a full object, or composed of the checksums of its parts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum {
    algorithm: Algorithm,
    bytes: [u8; 32],
    parts: Option<u32>,
}

impl Checksum {
    /// Returns the checksum of `data`.
    pub fn of(algorithm: Algorithm, data: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(data);
        hasher.finish()
    }

    /// Reads the form that S3 writes: base64, with `-COUNT` after it when it is composed of parts.
    ///
    /// # Errors
    /// When the text is not such a value of this algorithm.
    pub fn parse(algorithm: Algorithm, text: &str) -> Result<Self, ChecksumError> {
        let error = || ChecksumError::Value { algorithm, text: text.to_owned() };
        let (value, parts) = match text.split_once('-') {
            None => (text, None),
            Some((value, count)) => (value, Some(count.parse().map_err(|_| error())?)),
        };
        let decoded = BASE64.decode(value).map_err(|_| error())?;
        if decoded.len() != algorithm.length_bytes() {
            return Err(error());
        }
        Ok(Self::new(algorithm, &decoded, parts))
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the number of parts it is composed of, `None` for the checksum of a full object.
    pub fn parts(&self) -> Option<u32> {
        self.parts
    }

    /// Returns the value, most significant byte first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.length_bytes()]
    }

    /// Returns the checksum of this object's data followed by `next`'s, of which there are `next_length_bytes`.
    ///
    /// `None` where that does not follow: different algorithms, SHA-256, or composites.
    pub fn followed_by(&self, next: &Self, next_length_bytes: u64) -> Option<Self> {
        if self.algorithm != next.algorithm || self.parts.is_some() || next.parts.is_some() {
            return None;
        }
        let crc = self.algorithm.crc()?;
        Some(Self::from_crc(
            self.algorithm,
            checksum_combine(crc, self.crc_value(), next.crc_value(), next_length_bytes),
        ))
    }

    /// Composes the checksums of parts as S3 does for multipart uploads of type COMPOSITE: the checksum of the
    /// concatenated values, with their count.
    ///
    /// `None` without parts, with mixed algorithms, or for CRC64NVME, which S3 never composes.
    pub fn composed_of(parts: &[Self]) -> Option<Self> {
        let algorithm = parts.first()?.algorithm;
        if algorithm == Algorithm::Crc64Nvme
            || parts.iter().any(|p| p.algorithm != algorithm || p.parts.is_some())
        {
            return None;
        }
        let mut hasher = Hasher::new(algorithm);
        for part in parts {
            hasher.update(part.as_bytes());
        }
        Some(Self { parts: u32::try_from(parts.len()).ok(), ..hasher.finish() })
    }

    fn new(algorithm: Algorithm, value: &[u8], parts: Option<u32>) -> Self {
        let mut bytes = [0; 32];
        bytes[..value.len()].copy_from_slice(value);
        Self { algorithm, bytes, parts }
    }

    fn from_crc(algorithm: Algorithm, value: u64) -> Self {
        let bytes = value.to_be_bytes();
        Self::new(algorithm, &bytes[8 - algorithm.length_bytes()..], None)
    }

    fn crc_value(&self) -> u64 {
        self.as_bytes().iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.as_bytes()))?;
        match self.parts {
            Some(parts) => write!(f, "-{parts}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {self}", self.algorithm)
    }
}

/// Takes in data piece by piece and gives its checksum.
#[derive(Clone)]
pub struct Hasher {
    algorithm: Algorithm,
    state: State,
}

#[derive(Clone)]
enum State {
    // Boxed: crc-fast keeps a table of 200 bytes in it.
    Crc(Box<crc_fast::Digest>),
    Sha256(digest::Context),
}

impl Hasher {
    /// Starts with no data.
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm.crc() {
            Some(crc) => State::Crc(Box::new(crc_fast::Digest::new(crc))),
            None => State::Sha256(digest::Context::new(&digest::SHA256)),
        };
        Self { algorithm, state }
    }

    /// Adds data.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.state {
            State::Crc(crc) => crc.update(data),
            State::Sha256(context) => context.update(data),
        }
    }

    /// Returns the checksum of all data added.
    pub fn finish(self) -> Checksum {
        match self.state {
            State::Crc(crc) => Checksum::from_crc(self.algorithm, crc.finalize()),
            State::Sha256(context) => Checksum::new(self.algorithm, context.finish().as_ref(), None),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_those_of_the_published_check_strings() {
        // "123456789" is the check input of the CRC catalogue (reveng); SHA-256 from FIPS 180 tools.
        for (algorithm, hex) in [
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            let checksum = Checksum::of(algorithm, b"123456789");
            let shown: String = checksum.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(shown, hex, "{algorithm}");
        }
    }

    #[test]
    fn s3_texts_are_read_and_written() {
        let whole = Checksum::parse(Algorithm::Crc32, "y/Q5Jg==").unwrap();
        assert_eq!(whole, Checksum::of(Algorithm::Crc32, b"123456789"));
        let composite = Checksum::parse(Algorithm::Crc32, "y/Q5Jg==-3").unwrap();
        assert_eq!(composite.parts(), Some(3));
        assert_eq!(composite.to_string(), "y/Q5Jg==-3");
        for bad in ["", "y/Q5", "y/Q5Jg==-", "y/Q5Jg==-x", "AAAAAAAAAAA="] {
            assert!(Checksum::parse(Algorithm::Crc32, bad).is_err(), "{bad}");
        }
        assert_eq!("crc64nvme".parse(), Ok(Algorithm::Crc64Nvme));
    }

    #[test]
    fn composites_follow_the_rule_of_s3() {
        let parts = [Checksum::of(Algorithm::Sha256, b"one"), Checksum::of(Algorithm::Sha256, b"two")];
        let composite = Checksum::composed_of(&parts).unwrap();
        let joined = [parts[0].as_bytes(), parts[1].as_bytes()].concat();
        assert_eq!(composite.as_bytes(), Checksum::of(Algorithm::Sha256, &joined).as_bytes());
        assert!(composite.to_string().ends_with("-2"));
        assert_eq!(Checksum::composed_of(&[]), None);
        assert_eq!(Checksum::composed_of(&[Checksum::of(Algorithm::Crc64Nvme, b"")]), None);
        assert_eq!(parts[0].followed_by(&parts[1], 3), None);
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(
            data in proptest::collection::vec(any::<u8>(), 0..2000),
            cuts in proptest::collection::vec(0.0..1.0, 0..5),
        ) {
            let mut ends: Vec<usize> = cuts.iter().map(|c: &f64| (c * data.len() as f64) as usize).collect();
            ends.extend([0, data.len()]);
            ends.sort_unstable();
            for algorithm in [Algorithm::Crc64Nvme, Algorithm::Crc32c, Algorithm::Crc32] {
                let mut sum = Checksum::of(algorithm, b"");
                for pair in ends.windows(2) {
                    let part = &data[pair[0]..pair[1]];
                    sum = sum.followed_by(&Checksum::of(algorithm, part), part.len() as u64).unwrap();
                }
                prop_assert_eq!(sum, Checksum::of(algorithm, &data));
            }
        }
    }
}

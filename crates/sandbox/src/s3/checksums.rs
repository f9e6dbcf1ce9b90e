//! The five checksums of S3: computed, compared, and carried between the typed inputs and outputs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use s3s::crypto::{Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{ChecksumAlgorithm, ChecksumType};
use s3s::{S3Error, S3Result, s3_error};

use crate::random::hex;
use crate::world::content::Content;

/// A checksum algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// Whether a checksum speaks of the bytes or of the parts' checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Composite,
    FullObject,
}

/// A checksum of an object or a part, in base64 as S3 writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) kind: Kind,
    pub(crate) value: String,
}

impl Algorithm {
    pub(super) const ALL: [Algorithm; 5] =
        [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme, Algorithm::Sha1, Algorithm::Sha256];

    fn header(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "x-amz-checksum-crc32",
            Algorithm::Crc32c => "x-amz-checksum-crc32c",
            Algorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Algorithm::Sha1 => "x-amz-checksum-sha1",
            Algorithm::Sha256 => "x-amz-checksum-sha256",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Algorithm::Crc32 => ChecksumAlgorithm::CRC32,
            Algorithm::Crc32c => ChecksumAlgorithm::CRC32C,
            Algorithm::Crc64Nvme => ChecksumAlgorithm::CRC64NVME,
            Algorithm::Sha1 => ChecksumAlgorithm::SHA1,
            Algorithm::Sha256 => ChecksumAlgorithm::SHA256,
        }
    }

    pub(super) fn parse(name: &str) -> S3Result<Algorithm> {
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| s3_error!(InvalidRequest, "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"))
    }

    /// What a multipart upload gets when only the algorithm was chosen.
    pub(super) fn default_kind(self) -> Kind {
        if self == Algorithm::Crc64Nvme { Kind::FullObject } else { Kind::Composite }
    }

    fn digest(self, data: &Content) -> Vec<u8> {
        match self {
            Algorithm::Crc32 => digest_with::<Crc32>(data),
            Algorithm::Crc32c => digest_with::<Crc32c>(data),
            Algorithm::Crc64Nvme => digest_with::<Crc64Nvme>(data),
            Algorithm::Sha1 => digest_with::<Sha1>(data),
            Algorithm::Sha256 => digest_with::<Sha256>(data),
        }
    }
}

fn digest_with<H: s3s::crypto::Checksum>(data: &Content) -> Vec<u8> {
    let mut hasher = H::new();
    data.read().for_each(|bytes| hasher.update(&bytes));
    hasher.finalize().as_ref().to_vec()
}

impl Kind {
    pub(super) fn dto(self) -> ChecksumType {
        ChecksumType::from_static(match self {
            Kind::Composite => ChecksumType::COMPOSITE,
            Kind::FullObject => ChecksumType::FULL_OBJECT,
        })
    }
}

impl Checksum {
    pub(crate) fn of(algorithm: Algorithm, data: &Content) -> Checksum {
        Checksum { algorithm, kind: Kind::FullObject, value: STANDARD.encode(algorithm.digest(data)) }
    }

    /// The checksum over the parts' checksums.
    pub(super) fn composite<'a>(algorithm: Algorithm, parts: impl Iterator<Item = &'a Checksum>) -> Checksum {
        let digests: Vec<Vec<u8>> = parts.filter_map(|part| STANDARD.decode(&part.value).ok()).collect();
        let value = format!(
            "{}-{}",
            STANDARD.encode(algorithm.digest(&Content::from(Bytes::from(digests.concat())))),
            digests.len()
        );
        Checksum { algorithm, kind: Kind::Composite, value }
    }
}

/// The MD5 in hexadecimal: the ETag of a single upload.
pub(crate) fn md5(data: &Content) -> String {
    hex(&digest_with::<Md5>(data))
}

/// What a client said about the bytes it sends.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    pub(super) content_md5: Option<String>,
    /// An algorithm chosen without a value: the server computes it.
    pub(super) chosen: Option<Algorithm>,
    pub(super) values: Vec<(Algorithm, String)>,
}

impl Claims {
    /// Adds what came in trailers after the body.
    pub(super) fn with_trailers(mut self, trailers: Option<&HeaderMap>) -> Claims {
        for (algorithm, value) in Algorithm::ALL.into_iter().filter_map(|algorithm| {
            Some((algorithm, trailers?.get(algorithm.header())?.to_str().ok()?.to_owned()))
        }) {
            self.values.push((algorithm, value));
        }
        self
    }

    /// Holds the claims against the bytes and their MD5; gives the checksum to keep, if the client named one.
    pub(super) fn verify(&self, data: &Content, md5: &[u8]) -> S3Result<Option<Checksum>> {
        if let Some(claimed) = &self.content_md5 {
            let digest = STANDARD
                .decode(claimed)
                .map_err(|_| s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid."))?;
            if digest.len() != 16 {
                return Err(s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid."));
            }
            if digest != md5 {
                return Err(s3_error!(
                    BadDigest,
                    "The Content-MD5 you specified did not match what we received."
                ));
            }
        }
        if self.values.len() > 1 {
            return Err(s3_error!(
                InvalidRequest,
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
            ));
        }
        match (self.values.first(), self.chosen) {
            (Some((algorithm, claimed)), _) => {
                let computed = Checksum::of(*algorithm, data);
                if computed.value == *claimed {
                    Ok(Some(computed))
                } else {
                    Err(bad_digest(*algorithm, claimed))
                }
            }
            (None, Some(chosen)) => Ok(Some(Checksum::of(chosen, data))),
            (None, None) => Ok(None),
        }
    }
}

fn bad_digest(algorithm: Algorithm, claimed: &str) -> S3Error {
    if STANDARD.decode(claimed).is_err() {
        return s3_error!(InvalidRequest, "Value for {} header is invalid.", algorithm.header());
    }
    s3_error!(BadDigest, "The {} you specified did not match the calculated checksum.", algorithm.name())
}

/// Reads the checksum fields of a typed input.
macro_rules! claims {
    ($input:expr, md5: $md5:expr, chosen: $chosen:expr) => {{
        let input = &$input;
        let values = [
            (Algorithm::Crc32, &input.checksum_crc32),
            (Algorithm::Crc32c, &input.checksum_crc32c),
            (Algorithm::Crc64Nvme, &input.checksum_crc64nvme),
            (Algorithm::Sha1, &input.checksum_sha1),
            (Algorithm::Sha256, &input.checksum_sha256),
        ];
        Claims {
            content_md5: $md5,
            chosen: $chosen,
            values: values
                .into_iter()
                .filter_map(|(algorithm, value)| Some((algorithm, value.clone()?)))
                .collect(),
        }
    }};
}

/// Writes a checksum into the matching field of a typed output.
macro_rules! tell_checksum {
    ($output:expr, $checksum:expr) => {{
        let value = Some($checksum.value.clone());
        match $checksum.algorithm {
            Algorithm::Crc32 => $output.checksum_crc32 = value,
            Algorithm::Crc32c => $output.checksum_crc32c = value,
            Algorithm::Crc64Nvme => $output.checksum_crc64nvme = value,
            Algorithm::Sha1 => $output.checksum_sha1 = value,
            Algorithm::Sha256 => $output.checksum_sha256 = value,
        }
    }};
}

pub(super) use {claims, tell_checksum};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // The check values of the catalogue of CRCs and of the hash standards, over "123456789".
        let data = b"123456789";
        let data = Content::from(Bytes::from_static(data));
        let of = |algorithm| Checksum::of(algorithm, &data).value;
        assert_eq!(of(Algorithm::Crc32), STANDARD.encode(0xcbf4_3926_u32.to_be_bytes()));
        assert_eq!(of(Algorithm::Crc32c), STANDARD.encode(0xe306_9283_u32.to_be_bytes()));
        assert_eq!(of(Algorithm::Crc64Nvme), STANDARD.encode(0xae8b_1486_0a79_9888_u64.to_be_bytes()));
        assert_eq!(md5(&data), "25f9e794323b453885f5181f1b624d0b");
    }

    #[test]
    fn claims_are_held_against_the_bytes() {
        let data = Content::from(Bytes::from_static(b"123456789"));
        let digest = digest_with::<Md5>(&data);
        let claim = |algorithm, value: &str| Claims {
            values: vec![(algorithm, value.to_owned())],
            ..Claims::default()
        };
        let code =
            |claims: Claims| claims.verify(&data, &digest).map_err(|error| error.code().as_str().to_owned());
        assert_eq!(code(Claims::default()), Ok(None));
        assert!(code(claim(Algorithm::Crc32, "y/Q5Jg==")).unwrap().is_some());
        assert_eq!(code(claim(Algorithm::Crc32, "AAAAAA==")), Err("BadDigest".into()));
        assert_eq!(code(claim(Algorithm::Crc32, "?")), Err("InvalidRequest".into()));
        let md5 = |value: &str| Claims { content_md5: Some(value.to_owned()), ..Claims::default() };
        assert_eq!(code(md5("JfnnlDI7RTiF9RgfG2JNCw==")), Ok(None));
        assert_eq!(code(md5("AAAAAAAAAAAAAAAAAAAAAA==")), Err("BadDigest".into()));
        assert_eq!(code(md5("short")), Err("InvalidDigest".into()));
    }
}

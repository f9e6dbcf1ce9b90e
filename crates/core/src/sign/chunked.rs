//! A body in chunks (`aws-chunked`), signed or not, with a trailer or not.
//!
//! The trailer carries a checksum that is known only after the last byte, so that an upload reads its source once.
//! (S3 API Reference, "Signature calculations for the authorization header: transferring payload in multiple chunks" and
//! "… including trailing headers".)

use super::{EMPTY_SHA256_HEX, Hex, Seed};

const CHUNK_SIGNATURE: &str = ";chunk-signature=";
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature:";
const SIGNATURE_LENGTH: u64 = 64;

/// A header that follows the body.
#[derive(Clone, Copy, Debug)]
pub struct Trailer<'a> {
    /// Its name, in lower case, as announced in `x-amz-trailer`.
    pub name: &'a str,
    /// Its value.
    pub value: &'a str,
}

/// Frames the chunks of a body, in order.
///
/// On the wire a chunk is [`ChunkedBody::chunk_head`], the data, and CR LF; the body ends with [`ChunkedBody::end`].
/// S3 asks for signed chunks of at least 8 KiB, the last one excepted.
#[derive(Debug)]
pub struct ChunkedBody {
    signing: Option<Seed>,
}

impl ChunkedBody {
    /// Frames without signatures, for a request signed with [`super::Payload::UnsignedChunksWithTrailer`].
    pub fn unsigned() -> Self {
        Self { signing: None }
    }

    /// Frames with signatures that continue from the request's own.
    pub fn signed(seed: Seed) -> Self {
        Self { signing: Some(seed) }
    }

    /// Returns what stands before the next chunk's data. The data is not empty.
    pub fn chunk_head(&mut self, data: &[u8]) -> String {
        debug_assert!(!data.is_empty(), "an empty chunk is the end of the body");
        let size = format!("{:x}", data.len());
        match &mut self.signing {
            None => size + "\r\n",
            Some(seed) => format!("{size}{CHUNK_SIGNATURE}{}\r\n", sign_chunk(seed, data)),
        }
    }

    /// Returns the end of the body: the empty chunk and the trailer.
    pub fn end(mut self, trailer: Option<Trailer<'_>>) -> String {
        let mut end = match &mut self.signing {
            None => "0\r\n".to_owned(),
            Some(seed) => format!("0{CHUNK_SIGNATURE}{}\r\n", sign_chunk(seed, b"")),
        };
        if let Some(Trailer { name, value }) = trailer {
            end.push_str(&format!("{name}:{value}\r\n"));
            if let Some(seed) = &self.signing {
                let hash = Hex::sha256(format!("{name}:{value}\n").as_bytes());
                let text = text_to_sign("AWS4-HMAC-SHA256-TRAILER", seed, &[hash.as_str()]);
                end.push_str(&format!("{TRAILER_SIGNATURE}{}\r\n", seed.day.mac(&text).as_str()));
            }
        }
        end.push_str("\r\n");
        end
    }

    /// Returns the length of the whole body on the wire, in bytes, when `length_bytes` are sent in chunks of
    /// `chunk_bytes` (the last one shorter).
    pub fn encoded_length(
        length_bytes: u64,
        chunk_bytes: u64,
        signed: bool,
        trailer: Option<Trailer<'_>>,
    ) -> u64 {
        let signature = if signed { CHUNK_SIGNATURE.len() as u64 + SIGNATURE_LENGTH } else { 0 };
        let framed = |size: u64| hex_digits(size) + signature + 2 + size + 2;
        let whole = length_bytes / chunk_bytes;
        let rest = length_bytes % chunk_bytes;
        let mut total = whole * framed(chunk_bytes);
        if rest > 0 {
            total += framed(rest);
        }
        total += 1 + signature + 2;
        if let Some(trailer) = trailer {
            total += trailer.name.len() as u64 + 1 + trailer.value.len() as u64 + 2;
            if signed {
                total += TRAILER_SIGNATURE.len() as u64 + SIGNATURE_LENGTH + 2;
            }
        }
        total + 2
    }
}

fn sign_chunk(seed: &mut Seed, data: &[u8]) -> String {
    let hash = Hex::sha256(data);
    let text = text_to_sign("AWS4-HMAC-SHA256-PAYLOAD", seed, &[EMPTY_SHA256_HEX, hash.as_str()]);
    seed.signature = seed.day.mac(&text);
    seed.signature.as_str().to_owned()
}

/// The text whose HMAC follows the signature before it.
fn text_to_sign(algorithm: &str, seed: &Seed, hashes: &[&str]) -> String {
    let head = [algorithm, seed.time.full(), &seed.day.scope, seed.signature.as_str()];
    [&head, hashes].concat().join("\n")
}

fn hex_digits(value: u64) -> u64 {
    u64::from((64 - value.max(1).leading_zeros()).div_ceil(4))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::{DayKey, Moment, Scope};
    use super::*;
    use crate::credential::Credential;
    use crate::secret::Secret;

    /// The request of the examples in the S3 API Reference, from its signature on.
    fn published(seed_signature: &str) -> ChunkedBody {
        let credential = Credential {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: None,
            expires_at: None,
        };
        let scope = Scope { region: "us-east-1", service: "s3" };
        ChunkedBody::signed(Seed {
            day: Arc::new(DayKey::derive(&credential, scope, "20130524")),
            time: Moment(*b"20130524T000000Z"),
            signature: Hex(seed_signature.as_bytes().try_into().unwrap()),
        })
    }

    #[test]
    fn signed_chunks_are_those_of_the_api_reference() {
        let mut body = published("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
        assert_eq!(
            body.chunk_head(&[b'a'; 65536]),
            "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
        );
        assert_eq!(
            body.chunk_head(&[b'a'; 1024]),
            "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n"
        );
        assert_eq!(
            body.end(None),
            "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
        );
        // The example states this Content-Length.
        assert_eq!(ChunkedBody::encoded_length(66560, 65536, true, None), 66824);
    }

    #[test]
    fn the_signed_trailer_is_that_of_the_api_reference() {
        let mut body = published("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
        assert_eq!(
            body.chunk_head(&[b'a'; 65536]),
            "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n"
        );
        assert_eq!(
            body.chunk_head(&[b'a'; 1024]),
            "400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n"
        );
        assert_eq!(
            body.end(Some(Trailer { name: "x-amz-checksum-crc32c", value: "sOO8/Q==" })),
            "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n\
             x-amz-checksum-crc32c:sOO8/Q==\r\n\
             x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
        );
    }

    proptest! {
        #[test]
        fn the_length_is_that_of_the_frames(length in 0_usize..5000, chunk in 1_usize..2000) {
            let data = vec![7; length];
            let trailer = Trailer { name: "x-amz-checksum-crc32", value: "y/Q5Jg==" };
            let mut body = ChunkedBody::unsigned();
            let mut sent = 0;
            for piece in data.chunks(chunk) {
                sent += body.chunk_head(piece).len() + piece.len() + 2;
            }
            sent += body.end(Some(trailer)).len();
            let told = ChunkedBody::encoded_length(length as u64, chunk as u64, false, Some(trailer));
            prop_assert_eq!(told, sent as u64);
        }
    }
}

//! Bytes on their way in: read to the end, with `s3s`'s stream errors put into S3's words; and the headers
//! that stay with them.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, TrailingHeaders, s3_error};

use super::checksums::{Checksum, Claims};
use crate::random::hex;
use crate::world::content::Content;

/// Smaller pieces are put together, so that none of them keeps a whole buffer of its connection.
const PIECE_BYTES: usize = 16 << 10;

/// A body that was read to its end and is what was claimed.
pub(super) struct Arrived {
    pub(super) data: Content,
    /// The MD5 in hexadecimal.
    pub(super) etag: String,
    /// The checksum that the client named.
    pub(super) checksum: Option<Checksum>,
}

/// Reads a body and holds what was claimed about it, in headers and trailers, against it.
pub(super) async fn read(
    body: Option<StreamingBlob>,
    claims: Claims,
    trailers: Option<&TrailingHeaders>,
) -> S3Result<Arrived> {
    let mut md5 = Md5::new();
    let data = collect(body, &mut md5).await?;
    let md5 = md5.finalize();
    let trailers = trailers.and_then(TrailingHeaders::take);
    let checksum = claims.with_trailers(trailers.as_ref()).verify(&data, md5.as_ref())?;
    Ok(Arrived { data, etag: hex(md5.as_ref()), checksum })
}

/// Keeps large pieces as they came and sums them up while they are fresh.
async fn collect(body: Option<StreamingBlob>, md5: &mut Md5) -> S3Result<Content> {
    let Some(mut body) = body else { return Ok(Content::chunks(Vec::new())) };
    let mut pieces = Vec::new();
    let mut small = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| stream_fault(error.as_ref()))?;
        md5.update(&chunk);
        if chunk.len() >= PIECE_BYTES {
            if !small.is_empty() {
                pieces.push(small.split().freeze());
            }
            pieces.push(chunk);
        } else {
            small.extend_from_slice(&chunk);
            if small.len() >= PIECE_BYTES {
                pieces.push(small.split().freeze());
            }
        }
    }
    if !small.is_empty() {
        pieces.push(Bytes::copy_from_slice(&small));
    }
    Ok(Content::chunks(pieces))
}

/// `s3s` keeps its stream errors private; their texts tell them apart.
fn stream_fault(error: &(dyn std::error::Error + Send + Sync + 'static)) -> S3Error {
    let text = format!("{error} {error:?}");
    if text.contains("Sha256Mismatch") {
        custom(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )
    } else if text.contains("SignatureMismatch") {
        s3_error!(
            SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        )
    } else {
        s3_error!(
            IncompleteBody,
            "You did not provide the number of bytes specified by the Content-Length HTTP header"
        )
    }
}

/// A refusal with a code that `s3s` has no name for.
fn custom(code: &'static str, message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(http::StatusCode::BAD_REQUEST);
    error
}

/// Parses the `x-amz-tagging` header.
pub(super) fn tags(header: Option<&str>) -> S3Result<Vec<(String, String)>> {
    let tags = url::form_urlencoded::parse(header.unwrap_or_default().as_bytes()).into_owned().collect();
    check_tags(tags)
}

/// Checks S3's limits on tags.
pub(super) fn check_tags(tags: Vec<(String, String)>) -> S3Result<Vec<(String, String)>> {
    if tags.len() > 10 {
        return Err(custom("BadRequest", "Object tags cannot be greater than 10"));
    }
    for (position, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > 128 {
            return Err(s3_error!(InvalidTag, "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > 256 {
            return Err(s3_error!(InvalidTag, "The TagValue you have provided is invalid"));
        }
        if tags[..position].iter().any(|(other, _)| other == key) {
            return Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(tags)
}

/// Reads the headers that stay with an object from a typed input.
macro_rules! headers {
    ($input:expr) => {{
        let input = &$input;
        crate::world::storage::Headers {
            content_type: input.content_type.clone(),
            content_encoding: crate::s3::upload::without_framing(input.content_encoding.as_deref()),
            content_language: input.content_language.clone(),
            content_disposition: input.content_disposition.clone(),
            cache_control: input.cache_control.clone(),
            expires: input.expires.clone(),
            storage_class: input.storage_class.as_ref().map(|class| class.as_str().to_owned()),
            website_redirect: input.website_redirect_location.clone(),
            metadata: input.metadata.clone().unwrap_or_default().into_iter().collect(),
            restored_until: None,
        }
    }};
}
pub(super) use headers;

/// `aws-chunked` is a framing of the upload, not an encoding of the object.
pub(super) fn without_framing(encoding: Option<&str>) -> Option<String> {
    let rest: Vec<&str> = encoding?
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty() && *part != "aws-chunked")
        .collect();
    (!rest.is_empty()).then(|| rest.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_is_not_an_encoding() {
        assert_eq!(without_framing(Some("aws-chunked")), None);
        assert_eq!(without_framing(Some("aws-chunked, gzip")), Some("gzip".into()));
        assert_eq!(without_framing(Some("gzip,aws-chunked")), Some("gzip".into()));
        assert_eq!(without_framing(None), None);
    }

    #[test]
    fn tags_have_limits() {
        assert_eq!(
            tags(Some("a=1&b=x%20y")).unwrap(),
            [("a".into(), "1".into()), ("b".into(), "x y".into())]
        );
        assert_eq!(tags(Some("a=1&a=2")).unwrap_err().code().as_str(), "InvalidTag");
        let many: Vec<String> = (0..11).map(|n| format!("k{n}=v")).collect();
        assert_eq!(tags(Some(&many.join("&"))).unwrap_err().code().as_str(), "BadRequest");
    }
}

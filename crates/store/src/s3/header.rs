//! The headers of the S3 wire: their names, and what they say of an object.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderName,
    HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, Method};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use pintail_core::checksum::{Algorithm, Checksum};

use super::time;
use crate::object_store::{ByteRange, ETag, ObjectInfo, ReadCondition, Traits, WriteCondition};

pub(super) const BUCKET_REGION: HeaderName = HeaderName::from_static("x-amz-bucket-region");
pub(super) const CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("x-amz-checksum-algorithm");
pub(super) const CHECKSUM_MODE: HeaderName = HeaderName::from_static("x-amz-checksum-mode");
pub(super) const CHECKSUM_TYPE: HeaderName = HeaderName::from_static("x-amz-checksum-type");
pub(super) const COPY_SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");
pub(super) const COPY_SOURCE_IF_MATCH: HeaderName = HeaderName::from_static("x-amz-copy-source-if-match");
pub(super) const COPY_SOURCE_RANGE: HeaderName = HeaderName::from_static("x-amz-copy-source-range");
pub(super) const DECODED_CONTENT_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");
pub(super) const DELETE_MARKER: HeaderName = HeaderName::from_static("x-amz-delete-marker");
pub(super) const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");
pub(super) const METADATA_DIRECTIVE: HeaderName = HeaderName::from_static("x-amz-metadata-directive");
pub(super) const OBJECT_SIZE: HeaderName = HeaderName::from_static("x-amz-mp-object-size");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
pub(super) const REQUEST_PAYER: HeaderName = HeaderName::from_static("x-amz-request-payer");
pub(super) const SDK_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("x-amz-sdk-checksum-algorithm");
pub(super) const STORAGE_CLASS: HeaderName = HeaderName::from_static("x-amz-storage-class");
pub(super) const TRAILER: HeaderName = HeaderName::from_static("x-amz-trailer");
pub(super) const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");
/// In which MinIO tells what the answer to a HEAD cannot tell in a body.
pub(super) const MINIO_CODE: HeaderName = HeaderName::from_static("x-minio-error-code");
pub(super) const MINIO_MESSAGE: HeaderName = HeaderName::from_static("x-minio-error-desc");
const METADATA_PREFIX: &str = "x-amz-meta-";

/// A value that cannot stand in a header.
#[derive(Debug)]
pub(super) struct Unsendable(pub(super) &'static str);

/// Returns the name of the header that carries a checksum.
pub(super) fn checksum_name(algorithm: Algorithm) -> HeaderName {
    const CRC64_NVME: HeaderName = HeaderName::from_static(checksum_text(Algorithm::Crc64Nvme));
    const CRC32_C: HeaderName = HeaderName::from_static(checksum_text(Algorithm::Crc32c));
    const CRC32: HeaderName = HeaderName::from_static(checksum_text(Algorithm::Crc32));
    const SHA256: HeaderName = HeaderName::from_static(checksum_text(Algorithm::Sha256));
    match algorithm {
        Algorithm::Crc64Nvme => CRC64_NVME,
        Algorithm::Crc32c => CRC32_C,
        Algorithm::Crc32 => CRC32,
        Algorithm::Sha256 => SHA256,
    }
}

/// As [`checksum_name`], for a trailer.
pub(super) const fn checksum_text(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
        Algorithm::Crc32c => "x-amz-checksum-crc32c",
        Algorithm::Crc32 => "x-amz-checksum-crc32",
        Algorithm::Sha256 => "x-amz-checksum-sha256",
    }
}

// Names are made at compile time: a name that is made of its text at run time is parsed and hashed each time.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

pub(super) fn insert(
    headers: &mut HeaderMap,
    name: HeaderName,
    value: impl AsRef<str>,
) -> Result<(), Unsendable> {
    let value = HeaderValue::from_str(value.as_ref())
        .map_err(|_| Unsendable("a value has characters that no header can carry"))?;
    headers.insert(name, value);
    Ok(())
}

fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads what an answer says of the object it is about. `size_bytes` is the size of the whole.
///
/// It goes once through the headers that are there: to look for each that might be would take twice as long.
pub(super) fn object_info(headers: &HeaderMap, size_bytes: u64) -> ObjectInfo {
    let mut traits = Traits::default();
    let (mut etag, mut last_modified, mut version, mut storage_class) = (None, None, None, None);
    let (mut has_checksum, mut last) = (false, None);
    for (name, value) in headers {
        if let Some(name) = name.as_str().strip_prefix(METADATA_PREFIX) {
            traits.metadata.insert(name.to_owned(), decoded_words(value.as_bytes()));
            continue;
        }
        // Of several values of one name the first counts.
        if last.replace(name) == Some(name) {
            continue;
        }
        let name = name.as_str();
        let slot = match name {
            "content-type" => &mut traits.content_type,
            "cache-control" => &mut traits.cache_control,
            "content-disposition" => &mut traits.content_disposition,
            "content-encoding" => &mut traits.content_encoding,
            "content-language" => &mut traits.content_language,
            "x-amz-version-id" => &mut version,
            "x-amz-storage-class" => &mut storage_class,
            "etag" => {
                etag = value.to_str().ok().map(ETag::new);
                continue;
            }
            "last-modified" => {
                last_modified = value.to_str().ok().and_then(time::of_header);
                continue;
            }
            _ => {
                has_checksum |= name.starts_with("x-amz-checksum-");
                continue;
            }
        };
        *slot = value.to_str().ok().map(str::to_owned);
    }
    traits.content_encoding = traits.content_encoding.and_then(without_framing);
    let checksum = if has_checksum { checksum(headers) } else { None };
    ObjectInfo { size_bytes, etag, last_modified, version, checksum, storage_class, traits }
}

/// Returns the version that an answer names. A bucket whose versions are suspended says `null`.
pub(super) fn version(headers: &HeaderMap) -> Option<String> {
    text(headers, VERSION_ID).map(str::to_owned)
}

/// Returns the checksum that an answer carries, the strongest if there are several.
pub(super) fn checksum(headers: &HeaderMap) -> Option<Checksum> {
    Algorithm::ALL.into_iter().find_map(|algorithm| {
        let checksum = Checksum::parse(algorithm, text(headers, checksum_name(algorithm))?).ok()?;
        let composite = text(headers, CHECKSUM_TYPE) == Some("COMPOSITE");
        // Some services leave out the count: such a value says nothing of the bytes as a whole.
        (checksum.parts().is_some() == composite || !composite).then_some(checksum)
    })
}

/// Services that store the framing of the upload with the object tell of it ever after.
fn without_framing(encoding: String) -> Option<String> {
    if !encoding.contains("aws-chunked") {
        return Some(encoding);
    }
    let rest: Vec<&str> = encoding
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty() && *part != "aws-chunked")
        .collect();
    (!rest.is_empty()).then(|| rest.join(","))
}

/// Writes what is said of an object.
pub(super) fn insert_traits(headers: &mut HeaderMap, traits: &Traits) -> Result<(), Unsendable> {
    for (name, value) in [
        (CONTENT_TYPE, &traits.content_type),
        (CACHE_CONTROL, &traits.cache_control),
        (CONTENT_DISPOSITION, &traits.content_disposition),
        (CONTENT_ENCODING, &traits.content_encoding),
        (CONTENT_LANGUAGE, &traits.content_language),
    ] {
        if let Some(value) = value {
            let value = HeaderValue::from_str(value)
                .map_err(|_| Unsendable("a trait has characters that no header can carry"))?;
            headers.insert(name, value);
        }
    }
    for (name, value) in &traits.metadata {
        let name = HeaderName::from_bytes(format!("{METADATA_PREFIX}{name}").as_bytes())
            .map_err(|_| Unsendable("a metadata name has characters that no header can carry"))?;
        let value = HeaderValue::from_str(&encoded_words(value))
            .map_err(|_| Unsendable("a metadata value has characters that no header can carry"))?;
        headers.insert(name, value);
    }
    Ok(())
}

pub(super) fn insert_read_condition(
    headers: &mut HeaderMap,
    condition: &ReadCondition,
) -> Result<(), Unsendable> {
    let ReadCondition { if_match, if_none_match, if_modified_since, if_unmodified_since } = condition;
    for (name, tag) in [(IF_MATCH, if_match), (IF_NONE_MATCH, if_none_match)] {
        if let Some(tag) = tag {
            headers.insert(name, quoted(tag)?);
        }
    }
    for (name, time) in [(IF_MODIFIED_SINCE, if_modified_since), (IF_UNMODIFIED_SINCE, if_unmodified_since)] {
        if let Some(time) = time {
            let value = HeaderValue::from_str(&http_date(*time)).expect("a date is ASCII");
            headers.insert(name, value);
        }
    }
    Ok(())
}

pub(super) fn insert_write_condition(
    headers: &mut HeaderMap,
    condition: &WriteCondition,
) -> Result<(), Unsendable> {
    match condition {
        WriteCondition::None => {}
        WriteCondition::IfAbsent => {
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        WriteCondition::IfMatch(tag) => {
            headers.insert(IF_MATCH, quoted(tag)?);
        }
    }
    Ok(())
}

pub(super) fn quoted(tag: &ETag) -> Result<HeaderValue, Unsendable> {
    HeaderValue::from_str(&format!("\"{tag}\""))
        .map_err(|_| Unsendable("an entity tag has characters that no header can carry"))
}

pub(super) fn insert_range(headers: &mut HeaderMap, range: ByteRange) {
    let text = match range {
        ByteRange::From(offset) => format!("bytes={offset}-"),
        ByteRange::Slice { offset, length_bytes } => {
            format!("bytes={offset}-{}", offset.saturating_add(length_bytes.saturating_sub(1)))
        }
        ByteRange::Last(length_bytes) => format!("bytes=-{length_bytes}"),
    };
    headers.insert(RANGE, HeaderValue::from_str(&text).expect("a range is ASCII"));
}

/// Reads `bytes 0-9/100` into offset, length and size of the whole.
pub(super) fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then(|| (first, last - first + 1, size))
}

/// Tells whether a method's answers come without a body.
pub(super) fn has_no_body(method: &Method) -> bool {
    *method == Method::HEAD
}

/// Encodes a metadata value that is not plain ASCII as S3 itself does when it reads one out (RFC 2047).
fn encoded_words(value: &str) -> String {
    let plain = value.bytes().all(|b| (b' '..=b'~').contains(&b)) && value.trim() == value;
    if plain && !value.contains("=?") {
        value.to_owned()
    } else {
        format!("=?UTF-8?B?{}?=", BASE64.encode(value))
    }
}

/// Decodes the encoded words in a metadata value; everything else stays as it is.
fn decoded_words(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let mut decoded = String::new();
    let mut rest = text.as_ref();
    while let Some(start) = rest.find("=?") {
        let Some((word, after)) = encoded_word(&rest[start..]) else { break };
        let before = &rest[..start];
        // Space between two encoded words belongs to neither.
        if decoded.is_empty() || !before.trim().is_empty() {
            decoded.push_str(before);
        }
        decoded.push_str(&word);
        rest = after;
    }
    decoded.push_str(rest);
    decoded
}

fn encoded_word(text: &str) -> Option<(String, &str)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (data, after) = rest.split_once("?=")?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => BASE64.decode(data).ok()?,
        "Q" | "q" => {
            percent_decode_str(&data.replace('%', "%25").replace('=', "%").replace('_', " ")).collect()
        }
        _ => return None,
    };
    Some((String::from_utf8(bytes).ok()?, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_read_and_written() {
        let text = "Mon, 23 Nov 2026 12:00:00 GMT";
        let time = time::of_header(text).unwrap();
        assert_eq!(time.to_string(), "2026-11-23T12:00:00Z");
        assert_eq!(http_date(time), text);
        assert!(time::of_header("yesterday").is_none());
    }

    #[test]
    fn content_ranges_are_read() {
        assert_eq!(content_range("bytes 5-9/100"), Some((5, 5, 100)));
        for bad in ["bytes 9-5/100", "bytes 5-100/100", "bytes */100", "5-9/100", "bytes 5-9/*"] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn metadata_of_s3_is_decoded() {
        for (wire, value) in [
            ("plain", "plain"),
            ("=?UTF-8?B?w6nDqQ==?=", "éé"),
            ("=?UTF-8?Q?caf=C3=A9_%?=", "café %"),
            ("=?UTF-8?Q?a?= =?UTF-8?Q?b?=", "ab"),
            ("=?latin1?Q?a?=", "=?latin1?Q?a?="),
        ] {
            assert_eq!(decoded_words(wire.as_bytes()), value);
        }
    }

    #[test]
    fn a_composed_checksum_is_not_taken_for_that_of_the_whole() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-checksum-crc32", HeaderValue::from_static("y/Q5Jg=="));
        assert_eq!(checksum(&headers).unwrap().parts(), None);
        headers.insert("x-amz-checksum-type", HeaderValue::from_static("COMPOSITE"));
        assert_eq!(checksum(&headers), None);
        headers.insert("x-amz-checksum-crc32", HeaderValue::from_static("y/Q5Jg==-2"));
        assert_eq!(checksum(&headers).unwrap().parts(), Some(2));
    }

    #[test]
    fn the_framing_of_an_upload_is_no_encoding_of_the_object() {
        for (wire, encoding) in
            [("aws-chunked", None), ("aws-chunked,gzip", Some("gzip")), ("gzip, br", Some("gzip, br"))]
        {
            assert_eq!(without_framing(wire.into()).as_deref(), encoding);
        }
    }

    proptest! {
        #[test]
        fn metadata_survives_the_wire(value in "\\PC*") {
            let wire = encoded_words(&value);
            prop_assert!(HeaderValue::from_str(&wire).is_ok());
            prop_assert_eq!(decoded_words(wire.as_bytes()), value);
        }
    }
}

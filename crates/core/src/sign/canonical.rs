//! The canonical form of a request: the text that both sides hash.

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Target;

/// Everything but the unreserved characters of RFC 3986 is encoded.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// Headers that hops change or that are set after signing.
const UNSIGNED: [&str; 11] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "expect",
    "proxy-authorization",
    "te",
    "traceparent",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// Encodes a path for the wire as S3 signs it: once, slashes kept, nothing normalised (`a/../b` and `a//b` are keys).
pub fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

/// Encodes name-value pairs for the wire, in the order given. A pair with an empty value is written `name=`.
pub fn encode_query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = String::new();
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(utf8_percent_encode(name, QUERY));
        query.push('=');
        query.extend(utf8_percent_encode(value, QUERY));
    }
    query
}

/// The headers that are signed, in the two texts that the signature needs.
pub(super) struct SignedHeaders {
    /// Names, sorted, joined by `;`.
    pub(super) names: String,
    /// Lines `name:value`, sorted by name.
    pub(super) lines: String,
}

pub(super) fn signed_headers(headers: &HeaderMap, host: &str) -> SignedHeaders {
    let mut sorted: Vec<(&str, String)> = headers
        .keys()
        .filter(|name| !UNSIGNED.contains(&name.as_str()) && name.as_str() != "host")
        .map(|name| {
            let values: Vec<String> = headers.get_all(name).iter().map(|v| folded(v.as_bytes())).collect();
            (name.as_str(), values.join(","))
        })
        .collect();
    sorted.push(("host", host.to_owned()));
    sorted.sort_unstable_by_key(|(name, _)| *name);
    let mut signed = SignedHeaders { names: String::new(), lines: String::new() };
    for (name, value) in sorted {
        if !signed.names.is_empty() {
            signed.names.push(';');
        }
        signed.names.push_str(name);
        for piece in [name, ":", &value, "\n"] {
            signed.lines.push_str(piece);
        }
    }
    signed
}

/// Trims a header value and folds each run of spaces into one.
fn folded(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn request(
    target: Target<'_>,
    service: &str,
    query: &str,
    signed: &SignedHeaders,
    payload: &str,
) -> String {
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let query = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    // S3 signs the path as sent; every other service signs it encoded once more.
    let path = if service == "s3" { target.path.to_owned() } else { encode_path(target.path) };
    let path = if path.is_empty() { "/" } else { &path };
    format!("{}\n{path}\n{query}\n{}\n{}\n{payload}", target.method, signed.lines, signed.names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_leaves_only_unreserved_characters() {
        assert_eq!(encode_path("/b/a b+c/é//../~x"), "/b/a%20b%2Bc/%C3%A9//../~x");
        assert_eq!(encode_query([("prefix", "a/b c"), ("acl", "")]), "prefix=a%2Fb%20c&acl=");
    }

    #[test]
    fn header_values_are_folded_and_joined() {
        let mut headers = HeaderMap::new();
        headers.append("x-amz-meta-b", "  two   words ".parse().unwrap());
        headers.append("x-amz-meta-a", "1".parse().unwrap());
        headers.append("x-amz-meta-a", "2".parse().unwrap());
        headers.append("user-agent", "changes".parse().unwrap());
        let signed = signed_headers(&headers, "h:1");
        assert_eq!(signed.names, "host;x-amz-meta-a;x-amz-meta-b");
        assert_eq!(signed.lines, "host:h:1\nx-amz-meta-a:1,2\nx-amz-meta-b:two words\n");
    }
}

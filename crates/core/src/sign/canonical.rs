//! The canonical form of a request: the text that both sides hash.

use std::ops::Range;

use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Target;

/// Everything but the unreserved characters of RFC 3986 is encoded.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// Tells whether hops change a header, or whether it is set after signing. The host is signed as the target states it.
fn is_left_out(name: &str) -> bool {
    matches!(
        name,
        "accept-encoding"
            | "authorization"
            | "connection"
            | "content-length"
            | "expect"
            | "host"
            | "proxy-authorization"
            | "te"
            | "traceparent"
            | "transfer-encoding"
            | "user-agent"
            | "x-amzn-trace-id"
    )
}

/// Encodes a path for the wire as S3 signs it: once, slashes kept, nothing normalised (`a/../b` and `a//b` are keys).
pub fn encode_path(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    append_path(&mut encoded, path);
    encoded
}

/// Appends a path to `target` as [`encode_path`] encodes it.
pub fn append_path(target: &mut String, path: &str) {
    target.extend(utf8_percent_encode(path, PATH));
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

/// How many headers are sorted without an allocation. A usual request has a dozen; metadata may bring more.
const SORTED_IN_PLACE: usize = 32;

/// Lends the headers that are signed to `take`, sorted by name; values of one name stay in their order.
///
/// `take` gets pairs of name and value; the host's value is `None`.
pub(super) fn signed_headers<T>(
    headers: &HeaderMap,
    take: impl FnOnce(&[(&str, Option<&HeaderValue>)]) -> T,
) -> T {
    let signed = headers.iter().map(|(name, value)| (name.as_str(), Some(value)));
    let signed = signed.filter(|(name, _)| !is_left_out(name)).chain([("host", None)]);
    if headers.len() < SORTED_IN_PLACE {
        let mut sorted = [("", None); SORTED_IN_PLACE];
        let mut count = 0;
        for (slot, header) in sorted.iter_mut().zip(signed) {
            *slot = header;
            count += 1;
        }
        sorted[..count].sort_by_key(|(name, _)| *name);
        take(&sorted[..count])
    } else {
        let mut sorted: Vec<_> = signed.collect();
        sorted.sort_by_key(|(name, _)| *name);
        take(&sorted)
    }
}

/// Appends the names of signed headers, joined by `;`.
pub(super) fn append_names(text: &mut String, sorted: &[(&str, Option<&HeaderValue>)]) {
    let mut last = "";
    for (name, _) in sorted {
        if *name != last {
            if !last.is_empty() {
                text.push(';');
            }
            text.push_str(name);
            last = name;
        }
    }
}

/// Appends lines `name:value`; several values of one name stand in one line.
fn append_lines(text: &mut String, host: &str, sorted: &[(&str, Option<&HeaderValue>)]) {
    let mut last = "";
    for (name, value) in sorted {
        if *name == last {
            text.push(',');
        } else {
            if !last.is_empty() {
                text.push('\n');
            }
            text.push_str(name);
            text.push(':');
            last = name;
        }
        match value {
            Some(value) => append_folded(text, value.as_bytes()),
            None => text.push_str(host),
        }
    }
    text.push('\n');
}

/// Appends a header value, trimmed, each run of spaces in it folded into one.
fn append_folded(text: &mut String, value: &[u8]) {
    let lossy;
    let value = match std::str::from_utf8(value) {
        Ok(value) => value,
        Err(_) => {
            lossy = String::from_utf8_lossy(value);
            &lossy
        }
    };
    // Without a way out in the middle the compiler looks at sixteen bytes at once, and nearly no value has a space.
    if !value.bytes().fold(false, |found, byte| found | (byte <= b' ')) {
        text.push_str(value);
        return;
    }
    for (at, word) in value.split_ascii_whitespace().enumerate() {
        if at > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
}

/// Appends a query with its pairs sorted, each with its `=`.
fn append_query(text: &mut String, query: &str) {
    let pairs = || query.split('&').map(|pair| pair.split_once('='));
    if query.is_empty() || (pairs().all(|pair| pair.is_some()) && pairs().is_sorted()) {
        text.push_str(query);
        return;
    }
    let mut sorted: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    sorted.sort_unstable();
    for (at, (name, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            text.push('&');
        }
        for piece in [name, "=", value] {
            text.push_str(piece);
        }
    }
}

/// Writes the request as both sides hash it, and says where in it the names of the signed headers stand.
///
/// It is written whole and hashed at once: a digest that is fed in pieces costs more than the buffer.
pub(super) fn request(
    target: Target<'_>,
    service: &str,
    query: &str,
    sorted: &[(&str, Option<&HeaderValue>)],
    payload: &str,
) -> (String, Range<usize>) {
    let headers: usize = sorted.iter().map(|(name, value)| 2 * name.len() + 3 + value_length(*value)).sum();
    let fixed = target.method.len() + target.path.len() + query.len() + target.host.len() + payload.len() + 8;
    let mut text = String::with_capacity(fixed + headers);
    text.push_str(target.method);
    text.push('\n');
    match (target.path, service) {
        ("", _) => text.push('/'),
        // S3 signs the path as sent; every other service signs it encoded once more.
        (path, "s3") => text.push_str(path),
        (path, _) => append_path(&mut text, path),
    }
    text.push('\n');
    append_query(&mut text, query);
    text.push('\n');
    append_lines(&mut text, target.host, sorted);
    text.push('\n');
    let start = text.len();
    append_names(&mut text, sorted);
    let names = start..text.len();
    text.push('\n');
    text.push_str(payload);
    (text, names)
}

fn value_length(value: Option<&HeaderValue>) -> usize {
    value.map_or(0, HeaderValue::len)
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
        let (mut names, mut lines) = (String::new(), String::new());
        signed_headers(&headers, |sorted| {
            append_names(&mut names, sorted);
            append_lines(&mut lines, "h:1", sorted);
        });
        assert_eq!(names, "host;x-amz-meta-a;x-amz-meta-b");
        assert_eq!(lines, "host:h:1\nx-amz-meta-a:1,2\nx-amz-meta-b:two words\n");
    }

    #[test]
    fn queries_are_sorted_by_name_and_value() {
        for (query, canonical) in [
            ("", ""),
            ("a=1&b=2", "a=1&b=2"),
            ("b=2&a=1&a=0", "a=0&a=1&b=2"),
            ("uploads", "uploads="),
            ("list-type=2&&acl", "acl=&list-type=2"),
        ] {
            let mut text = String::new();
            append_query(&mut text, query);
            assert_eq!(text, canonical);
        }
    }

    #[test]
    fn many_headers_are_signed_like_few() {
        let mut headers = HeaderMap::new();
        for number in (0..50).rev() {
            let name = http::HeaderName::from_bytes(format!("x-amz-meta-{number:02}").as_bytes()).unwrap();
            headers.insert(name, "value".parse().unwrap());
        }
        let names = signed_headers(&headers, |sorted| {
            let mut names = String::new();
            append_names(&mut names, sorted);
            names
        });
        let expected: Vec<String> = (0..50).map(|number| format!("x-amz-meta-{number:02}")).collect();
        assert_eq!(names, format!("host;{}", expected.join(";")));
    }
}

//! Errors in documents: the XML of STS, IAM and S3, the JSON of token endpoints, Graph and AWS, and what Python prints of them.
//!
//! No parser of the whole language: pasted documents are cut off, indented by quotation marks, or inside other text. What is
//! looked for are names and the values behind them.

use std::ops::Range;

use super::{Form, Found, PastedError, Service};

/// The longest document that is looked at as one, in bytes.
const DOCUMENT_MAX: usize = 64 << 10;

/// How many braces that nothing closes are tried.
const UNCLOSED_MAX: usize = 20;

/// From this size on a document without an error costs something, and so many of them are looked into.
const LARGE_MIN: usize = 4 << 10;
const LARGE_MAX: usize = 100;

/// Finds the documents of a text that are errors.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut found = xml(text);
    found.extend(json(text));
    found
}

fn xml(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(code_at) = text[from..].find("<Code>").map(|at| from + at) {
        // The element that the code is in: nothing else begins between.
        let before = &text[from..code_at];
        let start = before.rfind("<Error").map_or(code_at, |at| from + at);
        let start =
            before.rfind("<ErrorResponse").filter(|at| from + at < start).map_or(start, |at| from + at);
        let limit = text.floor_char_boundary((code_at + DOCUMENT_MAX).min(text.len()));
        let limit = text[code_at + 1..limit].find("<Code>").map_or(limit, |next| code_at + 1 + next);
        let body = &text[code_at..limit];
        let end = ["</ErrorResponse>", "</Error>"].iter().find_map(|tag| Some(body.find(tag)? + tag.len()));
        let end = code_at + end.unwrap_or(body.len());
        let document = &text[start..end];
        from = end;
        let tag = |name: &str| element(document, name).filter(|text| !text.is_empty());
        let service = if document.contains("sts.amazonaws.com") {
            Some(Service::Sts)
        } else if document.contains("iam.amazonaws.com") {
            Some(Service::Iam)
        } else if ["<HostId>", "<BucketName>", "<Resource>"].iter().any(|name| document.contains(name)) {
            Some(Service::S3)
        } else {
            None
        };
        let mut error =
            PastedError { service, code: tag("Code"), message: tag("Message"), ..PastedError::default() };
        error.ids.request_id = tag("RequestId").or_else(|| tag("RequestID"));
        error.ids.host_id = tag("HostId");
        error.named.bucket = tag("BucketName");
        error.named.region = tag("Region").or_else(|| region_of_host(&tag("Endpoint")?));
        if error.code.is_some() {
            found.push(Found { range: start..end, form: Form::Document, error });
        }
    }
    found
}

/// Returns the region that the name of an S3 endpoint holds.
fn region_of_host(host: &str) -> Option<String> {
    let is_region = |label: &str| {
        let parts: Vec<&str> = label.split('-').collect();
        parts.len() >= 3
            && parts.last().is_some_and(|last| last.len() == 1 && last.as_bytes()[0].is_ascii_digit())
    };
    let label = host
        .split('.')
        .map(|label| label.strip_prefix("s3-").unwrap_or(label))
        .rev()
        .find(|l| is_region(l))?;
    Some(label.to_owned())
}

fn element(document: &str, name: &str) -> Option<String> {
    let open = format!("<{name}>");
    let start = document.find(&open)? + open.len();
    let end = document[start..].find('<').map_or(document.len(), |end| start + end);
    Some(unescaped_xml(document[start..end].trim()))
}

fn unescaped_xml(text: &str) -> String {
    let mut text = text.to_owned();
    for (escape, plain) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")]
    {
        text = text.replace(escape, plain);
    }
    text
}

fn json(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut unclosed = 0;
    let mut large = 0;
    let mut from = 0;
    while let Some(start) = text[from..].find('{').map(|at| from + at) {
        let limit = text.floor_char_boundary((start + DOCUMENT_MAX).min(text.len()));
        let end = match closing(&text[start..limit]) {
            Some(length) => start + length,
            None if unclosed < UNCLOSED_MAX => {
                unclosed += 1;
                limit
            }
            None => break,
        };
        match error_of(&text[start..end]) {
            Some(error) => {
                found.push(Found { range: start..end, form: Form::Document, error });
                from = end;
            }
            // Perhaps inside of it.
            None => {
                large += usize::from(end - start > LARGE_MIN);
                if large > LARGE_MAX {
                    break;
                }
                from = start + 1;
            }
        }
    }
    found
}

/// Returns the length of a text between braces, quotation marks heeded.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match (byte, quote) {
            (b'\\', Some(_)) => {
                bytes.next();
            }
            (b'"', None) => quote = Some(byte),
            (_, Some(open)) if byte == open => quote = None,
            (b'{', None) => depth += 1,
            (b'}', None) => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Reads an error out of a document in braces.
fn error_of(document: &str) -> Option<PastedError> {
    let text = |name: &str| field(document, name).map(|(value, _)| value);
    let mut error = PastedError::default();
    let (own, inner) = match field_at(document, "error") {
        Some(range) if document[range.clone()].starts_with('{') => (None, Some(&document[range])),
        Some(_) => (text("error"), None),
        None => (None, None),
    };
    if text("event").as_deref() == Some("error") {
        // A line of ours: what is in it is found by its words.
        return None;
    }
    if let Some(code) = own {
        // Something else than OAuth has an `error` as well: a sentence is none of its codes.
        let is_code = code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let description = text("error_description");
        if !is_code && description.is_none() {
            return None;
        }
        error.code = is_code.then_some(code);
        error.message = description;
        error.suberror = text("suberror");
        error.aadsts = number_of(document);
        let is_entra = error.aadsts.is_some()
            || text("correlation_id").is_some()
            || error.message.as_ref().is_some_and(|text| text.contains("AADSTS"));
        error.service = Some(if is_entra { Service::Entra } else { Service::Issuer });
    } else if let Some(inner) = inner.or_else(|| document.contains("odata.error").then_some(document)) {
        error.code = field(inner, "code").map(|(value, _)| value);
        error.message = field(inner, "message").or_else(|| field(inner, "value")).map(|(value, _)| value);
        error.service = Some(Service::Graph);
    } else if let Some(kind) = text("__type").or_else(|| text("errorCode")) {
        error.code = Some(kind.rsplit(['#', '.']).next().unwrap_or(&kind).to_owned());
        error.message = text("message").or_else(|| text("Message")).or_else(|| text("errorMessage"));
    } else if let Some(code) = text("Code").filter(|code| is_code(code)) {
        error.code = Some(code);
        error.message = text("Message").or_else(|| text("message"));
        error.status =
            text("httpStatusCode").or_else(|| text("HTTPStatusCode")).and_then(|text| text.parse().ok());
    } else {
        return None;
    }
    error.code.as_ref().or(error.message.as_ref())?;
    error.ids.trace_id = text("trace_id");
    error.ids.correlation_id = text("correlation_id");
    error.ids.timestamp = text("timestamp").or_else(|| text("date"));
    error.ids.request_id = text("request-id").or_else(|| text("requestId")).or_else(|| text("RequestId"));
    error.ids.client_request_id = text("client-request-id");
    Some(error)
}

fn is_code(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

/// The first of `error_codes`.
fn number_of(document: &str) -> Option<u32> {
    let rest = &document[field_at(document, "error_codes")?.start..];
    let digits = rest.trim_start_matches(['[', ' ', '\n', '\r', '\t']);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// Returns where the value of a name stands, unquoted names excluded.
fn field_at(document: &str, name: &str) -> Option<Range<usize>> {
    for mark in ['"', '\''] {
        for (at, _) in document.match_indices(&format!("{mark}{name}")) {
            // `"error` of `"error_codes"` is another name; a backslash may stand before the mark, in JSON in a string.
            let rest = document[at + 1 + name.len()..].trim_start_matches('\\');
            let Some(rest) = rest.strip_prefix(mark) else { continue };
            let Some(rest) = rest.trim_start().strip_prefix(':') else { continue };
            let rest = rest.trim_start();
            let start = document.len() - rest.len();
            let end = if rest.starts_with('{') {
                start + closing(rest).unwrap_or(rest.len())
            } else {
                document.len()
            };
            return Some(start..end);
        }
    }
    None
}

/// Returns a text or number by its name, and where it begins.
fn field(document: &str, name: &str) -> Option<(String, usize)> {
    let range = field_at(document, name)?;
    let rest = &document[range.clone()];
    let slashes = rest.bytes().take_while(|&byte| byte == b'\\').count();
    let body = &rest[slashes..];
    if let Some(mark) = body.chars().next().filter(|c| ['"', '\''].contains(c)) {
        let body = &body[1..];
        let mut value = String::new();
        let mut chars = body.chars();
        while let Some(c) = chars.next() {
            match c {
                _ if c == mark => break,
                '\\' => match chars.next() {
                    Some('n' | 'r' | 't') => value.push('\n'),
                    Some('u') => {
                        let code: String = chars.by_ref().take(4).collect();
                        value.push(
                            u32::from_str_radix(&code, 16)
                                .ok()
                                .and_then(char::from_u32)
                                .unwrap_or('\u{fffd}'),
                        );
                    }
                    // The end of a string in a string.
                    Some(other) if slashes > 0 && other == mark => break,
                    Some(other) => value.push(other),
                    None => break,
                },
                c => value.push(c),
            }
        }
        return (!value.is_empty()).then_some((value, range.start));
    }
    let end = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(body.len());
    let word = &body[..end];
    (!word.is_empty() && !["null", "None", "true", "false"].contains(&word))
        .then(|| (word.to_owned(), range.start))
}

//! Secrets known by the name before them: `name=value`, `"name": "value"`, `Name: value`, `<Name>value</Name>`, `--name value`.
//!
//! Names are compared by their letters and digits only, in lower case, so that `access_token`, `accessToken`, `Access-Token` and
//! `access%5Ftoken` in a query are one.

use super::{SECRET, Span, key_id};

/// Names whose value is a secret, whatever it looks like.
const SECRETS: &[&str] = &[
    "apikey",
    "assertion",
    "authorization",
    "awscontainerauthorizationtoken",
    "bearertoken",
    "codeverifier",
    "cookie",
    "devicecode",
    "flowtoken",
    "mfacode",
    "mfaseed",
    "passphrase",
    "passwd",
    "password",
    "proxyauthorization",
    "pwd",
    "samlassertion",
    "samlresponse",
    "secret",
    "setcookie",
    "signature",
    "signintoken",
    "subjecttoken",
    "tokencode",
    "usercode",
    "webidentitytoken",
    "xamzsignature",
    "xapikey",
    "xawsec2metadatatoken",
];

/// Ends of names that say the same of longer ones.
const SECRET_ENDS: &[&str] = &[
    "accesstoken",
    "bearertoken",
    "clientassertion",
    "clientsecret",
    "encryptioncustomerkey",
    "encryptioncustomerkeymd5",
    "idtoken",
    "password",
    "privatekey",
    "refreshtoken",
    "secretaccesskey",
    "secretkey",
    "securitytoken",
    "sessiontoken",
    "ssecustomerkey",
];

/// Names that hold a secret in an address, and elsewhere only if the value looks like one: an error has a `code` as well.
const PERHAPS: &[&str] = &["code", "ctx", "nonce", "session", "sig", "state", "token"];

/// Names whose value is an access key ID, followed in a signature by the scope.
const KEY_IDS: &[&str] = &["accesskeyid", "awsaccesskeyid", "credential", "xamzcredential"];

/// Headers whose value is the rest of the line.
const HEADERS: &[&str] = &["authorization", "cookie", "proxyauthorization", "setcookie"];

/// How the codes of errors begin that end like a secret.
const ERROR_BEGINNINGS: &[&str] = &["expired", "incorrect", "invalid", "malformed", "missing", "unknown"];

/// Codes of errors that have a digit in them, and are no secrets.
const ERROR_CODES: &[&str] =
    &["Authentication_RequestFromNonPremiumTenantOrB2CTenant", "XAmzContentSHA256Mismatch"];

/// The longest name that is looked at, in bytes.
const NAME_MAX: usize = 80;

/// A name and where its value stands.
pub(super) struct Named<'a> {
    /// Its letters and digits, in lower case.
    pub(super) name: String,
    /// The values: one, or those of a list.
    pub(super) values: Vec<Value<'a>>,
    /// It stands in the query of an address, or in a form.
    pub(super) in_query: bool,
}

/// A value of a text.
pub(super) struct Value<'a> {
    pub(super) text: &'a str,
    /// Where it begins.
    pub(super) at: usize,
    /// It stands between quotation marks or tags.
    pub(super) quoted: bool,
    /// It is a bare word of JSON, and something in its place needs quotation marks.
    pub(super) bare_json: bool,
}

/// Finds the secrets that have a name.
pub(super) fn secrets(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    each(text, &mut |named| {
        let Named { name, values, in_query } = named;
        for value in values {
            let shown = value.text;
            if shown.is_empty() || shown.starts_with(SECRET) {
                continue;
            }
            let perhaps = PERHAPS.contains(&name.as_str()) && may_be_secret(shown, *in_query);
            let with = if perhaps || is_secret(name) {
                SECRET.to_owned()
            } else if KEY_IDS.contains(&name.as_str())
                && (*in_query || name != "credential" || shown.contains('/'))
            {
                let end = shown.find('/').or_else(|| shown.find("%2F")).or_else(|| shown.find("%2f"));
                format!(
                    "{}{}",
                    key_id(&shown[..end.unwrap_or(shown.len())]),
                    &shown[end.unwrap_or(shown.len())..]
                )
            } else {
                continue;
            };
            if with == shown {
                continue;
            }
            let with = if value.bare_json { format!("\"{with}\"") } else { with };
            spans.push(Span { range: value.at..value.at + shown.len(), with });
        }
    });
    spans
}

fn is_secret(name: &str) -> bool {
    // `InvalidAccessToken: …` is the code of an error.
    if ERROR_BEGINNINGS.iter().any(|begin| name.starts_with(begin)) {
        return false;
    }
    SECRETS.contains(&name) || SECRET_ENDS.iter().any(|end| name.ends_with(end))
}

fn may_be_secret(value: &str, in_query: bool) -> bool {
    let is_number = value.len() <= 8 && value.bytes().all(|byte| byte.is_ascii_digit());
    if in_query || is_number {
        // The number of an error is looked up by `?code=50011`.
        return !is_number;
    }
    let is_aadsts =
        value.strip_prefix("AADSTS").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let has = |class: fn(&u8) -> bool| value.as_bytes().iter().any(class);
    value.len() >= 8
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && !is_aadsts
        && !ERROR_CODES.contains(&value)
        && !value.contains(char::is_whitespace)
}

/// Calls back for each name that has a value, from the beginning to the end. A value is not looked into again, unless it belongs to
/// a name that says nothing.
pub(super) fn each(text: &str, found: &mut dyn FnMut(&Named<'_>)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let (key_end, after, encoded) = match bytes[at] {
            b'=' | b':' | b'>' => (at, at + 1, false),
            b'%' if bytes[at + 1..].len() >= 2 && bytes[at + 1..at + 3].eq_ignore_ascii_case(b"3d") => {
                (at, at + 3, true)
            }
            b' ' => (at, at + 1, false),
            _ => {
                at += 1;
                continue;
            }
        };
        at = after;
        let Some(key) = key_before(text, key_end, bytes[key_end]) else { continue };
        let values = values(text, after, &key, encoded);
        let Some(last) = values.last() else { continue };
        at = at.max(last.at + last.text.len());
        found(&Named { name: key.name, values, in_query: key.in_query });
    }
}

fn is_interesting(name: &str) -> bool {
    is_secret(name) || PERHAPS.contains(&name) || KEY_IDS.contains(&name) || super::people::is_name(name)
}

struct Key {
    name: String,
    in_query: bool,
    quoted: bool,
    tag: bool,
    at_line_start: bool,
    separator: u8,
}

/// Reads the name that ends where a separator begins.
fn key_before(text: &str, separator_at: usize, separator: u8) -> Option<Key> {
    let bytes = text.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let mut end = separator_at;
    if separator == b'=' || separator == b':' {
        while end > 0 && (bytes[end - 1] == b' ' || bytes[end - 1] == b'\t') && separator_at - end < 20 {
            end -= 1;
        }
    }
    let before_quotes = end;
    if text.is_char_boundary(end) && text[..end].ends_with("&quot;") {
        end -= "&quot;".len();
    }
    while end > 0 && b"\"'\\`".contains(&bytes[end - 1]) {
        end -= 1;
    }
    let quoted = end < before_quotes;
    let mut start = end;
    while start > 0 && is_word(bytes[start - 1]) && end - start < NAME_MAX {
        start -= 1;
    }
    if separator == b'>' {
        // `<string>` of a property list: its name is the key before.
        if text[start..end] == *"string" && start > 0 && bytes[start - 1] == b'<' {
            let before = text[..start - 1].trim_end().strip_suffix("</key>")?;
            let name = before[before.rfind('<')?..].strip_prefix("<key>")?;
            let key = Key {
                name: letters(name),
                in_query: false,
                quoted: false,
                tag: true,
                at_line_start: false,
                separator,
            };
            return Some(key).filter(|key| is_interesting(&key.name));
        }
        // A tag, with a prefix of its namespace or without.
        let before = start.checked_sub(1).map(|at| bytes[at])?;
        if before != b'<' && before != b':' {
            return None;
        }
    }
    if separator == b' ' && !text[start..end].starts_with("--") {
        return None;
    }
    let mut in_query = start > 0 && b"?&#".contains(&bytes[start - 1]);
    if start > 0 && bytes[start - 1] == b'%' && end - start > 2 {
        // What follows `%3F` or `%26` in an address inside an address. Names begin with hexadecimal digits too: `%access_token`.
        in_query = matches!(text[start..start + 2].to_ascii_lowercase().as_str(), "3f" | "26" | "23");
        let whole = text[start..end].rsplit('.').next().unwrap_or_default();
        if in_query || !is_interesting(&letters(whole)) {
            start += 2;
        }
    }
    let word = &text[start..end];
    let word = word.rsplit('.').next().unwrap_or(word);
    let name = letters(word);
    if !is_interesting(&name) {
        return None;
    }
    let indent =
        text[..start].bytes().rev().take(NAME_MAX).take_while(|&byte| byte == b' ' || byte == b'\t').count();
    let at_line_start = !quoted && (start == indent || bytes[start - indent - 1] == b'\n');
    // A form that begins with it: `code=…&state=…`.
    if at_line_start && separator == b'=' {
        let line_end = text[separator_at..].find(['\n', ' ']).map_or(text.len(), |end| separator_at + end);
        in_query = in_query || text[separator_at..line_end].contains('&');
    }
    Some(Key { name, in_query, quoted, tag: separator == b'>', at_line_start, separator })
}

fn letters(word: &str) -> String {
    word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Finds the value, or the values of a list, that begin at a place.
fn values<'a>(text: &'a str, after: usize, key: &Key, encoded: bool) -> Vec<Value<'a>> {
    let mut at = after;
    let skip = |at: &mut usize| {
        while text[*at..].starts_with([' ', '\t']) {
            *at += 1;
        }
    };
    if !key.tag {
        skip(&mut at);
    }
    if text[at..].starts_with('[') && !text[at..].starts_with(SECRET) && !key.tag && key.quoted {
        let mut values = Vec::new();
        at += 1;
        while at < text.len() && !text[at..].starts_with(']') {
            match quoted(text, at) {
                Some(value) => {
                    // Behind the mark, which may be a backslash and a mark.
                    at = value.at + value.text.len();
                    at += text[at..].bytes().take_while(|&byte| byte == b'\\').count();
                    at += usize::from(text[at..].starts_with(['"', '\'']));
                    values.push(value);
                }
                None => at += text[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        return values;
    }
    if key.tag {
        let end = text[at..].find('<').map_or(text.len(), |end| at + end);
        return vec![Value { text: text[at..end].trim_end(), at, quoted: true, bare_json: false }];
    }
    if let Some(value) = quoted(text, at) {
        return vec![value];
    }
    if text[at..].starts_with(SECRET) {
        return vec![Value { text: &text[at..at + SECRET.len()], at, quoted: false, bare_json: false }];
    }
    let rest = &text[at..];
    let is_header = HEADERS.contains(&key.name.as_str());
    let ends: &[char] = if is_header && key.quoted {
        // As some programs print their maps: `"authorization": Bearer …, "next": …`.
        &['\n', '\r', '"', '\'', '\\', '<', ',', '}']
    } else if is_header || is_whole_line(key, rest) {
        &['\n', '\r', '"', '\'', '\\', '<']
    } else {
        &[' ', '\t', '\n', '\r', '&', ',', ';', '"', '\'', '<', '>', ')', ']', '}', '`', '\\', '|']
    };
    let end = rest.find(ends).unwrap_or(rest.len());
    let value = rest[..end].trim_end();
    let value = match value.find("%26").filter(|_| encoded) {
        Some(end) => &value[..end],
        None => value,
    };
    let bare_json = key.quoted && key.separator == b':' && !rest.starts_with(['{', '[']);
    if value == "null" || rest.starts_with(['{', '[']) {
        return Vec::new();
    }
    vec![Value { text: value, at, quoted: false, bare_json }]
}

/// Tells whether the value is the rest of the line, as in a file of settings.
fn is_whole_line(key: &Key, rest: &str) -> bool {
    let is_setting = key.at_line_start && key.separator == b'=' && is_secret(&key.name);
    is_setting && !rest.lines().next().unwrap_or_default().contains('&')
}

/// Reads a value between quotation marks of any kind.
fn quoted(text: &str, at: usize) -> Option<Value<'_>> {
    let rest = &text[at..];
    // `u'…'` and `b'…'` of Python.
    let prefix = usize::from(rest.starts_with("u'") || rest.starts_with("b'"));
    let rest = &rest[prefix..];
    let (opening, closing) = if rest.starts_with("&quot;") {
        ("&quot;", "&quot;")
    } else {
        let slashes = rest.bytes().take_while(|&byte| byte == b'\\').count();
        let mark = rest.as_bytes().get(slashes).filter(|byte| b"\"'".contains(byte))?;
        let opening = &rest[..=slashes];
        // A mark without a backslash is closed by one without.
        (
            opening,
            if slashes > 0 {
                opening
            } else if *mark == b'"' {
                "\""
            } else {
                "'"
            },
        )
    };
    let start = at + prefix + opening.len();
    let body = &text[start..];
    let line_end = body.find('\n').unwrap_or(body.len());
    let mut from = 0;
    let end = loop {
        match body[from..line_end].find(closing) {
            None => break line_end,
            Some(found) => {
                let end = from + found;
                let slashes = body[..end].bytes().rev().take_while(|&byte| byte == b'\\').count();
                if closing.starts_with('\\') || slashes.is_multiple_of(2) {
                    break end;
                }
                from = end + 1;
            }
        }
    };
    Some(Value { text: &body[..end], at: start, quoted: true, bare_json: false })
}

//! Secrets known by their shape, whatever stands before them: tokens, access keys, private keys, passwords in addresses.

use super::{SECRET, Span, key_id};

/// How the session tokens of STS begin: the first bytes are the same for all.
const SESSION_TOKENS: [&str; 4] = ["IQoJ", "FwoG", "FQoG", "AQoD"];

/// From how many characters on a piece of base64 without a slash is taken for a secret. The longest harmless one is S3's second
/// request ID, with about eighty.
const BLOB_MIN: usize = 100;

/// How long the secret of an access key is.
const SECRET_KEY: usize = 40;

/// Finds everything that looks like a secret.
pub(super) fn secrets(text: &str) -> Vec<Span> {
    let mut spans = private_keys(text);
    spans.extend(passwords(text));
    spans.extend(bearers(text));
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !is_token(bytes[at]) {
            at += 1;
            continue;
        }
        let length = bytes[at..].iter().take_while(|byte| is_token(**byte)).count();
        word(&text[at..at + length], at, &mut spans);
        at += length;
    }
    spans
}

/// The characters of tokens, percent-encoded or not.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_-.~!*$%".contains(&byte)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+_=-".contains(&byte)
}

/// Looks at a run of characters that tokens have; what is found in it is hidden to the end of its own characters.
fn word(word: &str, offset: usize, spans: &mut Vec<Span>) {
    let bytes = word.as_bytes();
    let run = |from: usize, fits: &dyn Fn(u8) -> bool| bytes[from..].iter().take_while(|b| fits(**b)).count();
    // As far as is needed to judge, so that a long word costs no more than its length.
    let looked = |from: usize, max: usize, fits: &dyn Fn(u8) -> bool| {
        bytes[from..].iter().take(max).take_while(|b| fits(**b)).count()
    };
    let mut hide = |from: usize, length: usize| {
        spans.push(Span { range: offset + from..offset + from + length, with: SECRET.to_owned() });
    };
    let mut at = 0;
    while at < bytes.len() {
        let begins = at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || b"_-".contains(&bytes[at - 1]));
        // What follows a percent sign and two digits begins as well.
        let begins = begins || (at >= 3 && bytes[at - 3] == b'%');
        let rest = &word[at..];
        if !begins {
            at += 1;
            continue;
        }
        let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let dotted = |byte: u8| url_safe(byte) || byte == b'.';
        let length = if rest.starts_with("eyJ") && looked(at, 12, &url_safe) >= 12 {
            run(at, &|byte| dotted(byte) || b"=+".contains(&byte))
        } else if (rest.starts_with("0.A") || rest.starts_with("1.A")) && looked(at + 2, 20, &url_safe) >= 20
        {
            run(at, &dotted)
        } else if rest.starts_with("M.")
            && bytes.get(at + 2).is_some_and(u8::is_ascii_uppercase)
            && rest.len() >= 25
        {
            run(at, &|byte| dotted(byte) || b"!*$%".contains(&byte))
        } else if SESSION_TOKENS.iter().any(|begin| rest.starts_with(begin)) && rest.len() >= 44 {
            run(at, &|byte| is_base64(byte) || b"/%".contains(&byte))
        } else {
            0
        };
        if length >= 12 {
            hide(at, length);
            at += length;
            continue;
        }
        if is_key_id(&rest[..rest.len().min(20)]) {
            let length = run(at, &|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            if !bytes.get(at + length).is_some_and(u8::is_ascii_lowercase) {
                spans.push(Span {
                    range: offset + at..offset + at + length,
                    with: key_id(&word[at..at + length]),
                });
                return self::word(&word[at + length..], offset + at + length, spans);
            }
        }
        let judged = looked(at, 2 * BLOB_MIN, &is_base64);
        if judged >= BLOB_MIN && is_mixed(&bytes[at..at + judged]) {
            let blob = run(at, &is_base64);
            hide(at, blob);
            at += blob;
            continue;
        }
        let key = looked(at, SECRET_KEY + 1, &|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte));
        let ends =
            !bytes.get(at + key).is_some_and(|byte| b"=_-.~%".contains(byte) && at + key + 1 < bytes.len());
        if key == SECRET_KEY && ends && is_mixed(&bytes[at..at + key]) {
            hide(at, key);
            at += key;
            continue;
        }
        at += 1;
    }
}

/// Tells whether a text is an access key ID of AWS, long-term or temporary, or begins with one.
pub(super) fn is_key_id(text: &str) -> bool {
    let begins = text.starts_with("AKIA") || text.starts_with("ASIA");
    begins && text.len() >= 20 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Tells whether capitals, small letters and digits change so often that nobody wrote this.
fn is_mixed(bytes: &[u8]) -> bool {
    let class = |byte: &u8| match byte {
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        b'0'..=b'9' => 3,
        _ => 4,
    };
    let count = |wanted: u8| bytes.iter().filter(|byte| class(byte) == wanted).count();
    let changes = bytes.windows(2).filter(|pair| class(&pair[0]) != class(&pair[1])).count();
    count(1) >= 4 && count(2) >= 4 && count(3) >= 1 && changes * 10 >= bytes.len() * 3
}

/// Private keys in PEM, to their end or the end of the text.
fn private_keys(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(begin) = text[from..].find("PRIVATE KEY-----").map(|found| from + found) {
        let body = begin + "PRIVATE KEY-----".len();
        // A quotation mark ends the text that holds the key.
        let end = text[body..].find("-----END").unwrap_or(text.len() - body);
        let end = body + text[body..body + end].find('"').unwrap_or(end);
        let next = text[end..]
            .find("PRIVATE KEY-----")
            .map_or(text.len(), |found| end + found + "PRIVATE KEY-----".len());
        if !text[body..end].trim().is_empty() && text[body..end].trim() != SECRET {
            spans.push(Span { range: body..end, with: SECRET.to_owned() });
        }
        from = next;
    }
    spans
}

/// Passwords in the addresses of proxies: `http://user:password@host`.
fn passwords(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for (found, _) in text.match_indices("://") {
        let start = found + "://".len();
        let rest = &text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c)).unwrap_or(rest.len());
        let Some(at) = rest[..end].rfind('@') else { continue };
        let Some(colon) = rest[..at].find(':') else { continue };
        let password = &rest[colon + 1..at];
        if !password.is_empty() && password != SECRET {
            spans.push(Span { range: start + colon + 1..start + at, with: SECRET.to_owned() });
        }
    }
    spans
}

/// What stands behind `Bearer` or `Basic`.
fn bearers(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for kind in ["Bearer ", "bearer ", "Basic ", "AWS "] {
        for (found, _) in text.match_indices(kind) {
            let start = found + kind.len();
            let length =
                text.as_bytes()[start..].iter().take_while(|byte| is_token(**byte) || **byte == b':').count();
            let value = &text[start..start + length];
            let is_secret = match kind {
                // The old signature: `AWS key:signature`.
                "AWS " => value.contains(':') && length >= 30,
                _ => length >= 16 && value.bytes().any(|byte| byte.is_ascii_digit()),
            };
            if is_secret {
                spans.push(Span { range: start..start + length, with: SECRET.to_owned() });
            }
        }
    }
    spans
}

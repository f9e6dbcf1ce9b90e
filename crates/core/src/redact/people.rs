//! What names a person: addresses, subjects, session names, folders of homes. Masked, equal values alike.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{People, Span, names};

/// Names whose value is a person. The end of a longer one counts too (`…/v2.0:sub` in a trust policy).
const NAMES: &[&str] = &[
    "email",
    "familyname",
    "givenname",
    "loginhint",
    "mail",
    "oid",
    "person",
    "preferredusername",
    "puid",
    "sub",
    "subject",
    "subjectfromwebidentitytoken",
    "uniquename",
    "upn",
    "userprincipalname",
];

/// From this length on a value that was met by its name is masked wherever it stands.
const TELLING_MIN: usize = 12;

/// How many such values of one text are looked for.
const TELLING_MAX: usize = 200;

/// Tells whether a name, in small letters, is followed by a person.
pub(super) fn is_name(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Finds people and their folders, outside of what is hidden already.
pub(super) fn people(text: &str, known: &mut People, hidden: &[Span]) -> Vec<Span> {
    let mut found: Vec<(Range<usize>, String)> = Vec::new();
    let mut bare = BTreeSet::new();
    let mut telling = BTreeSet::new();
    names::each(text, &mut |named| {
        if !is_name(&named.name) {
            return;
        }
        for value in &named.values {
            let shown = value.text;
            let looks = shown.contains('@') || shown.bytes().any(|byte| byte.is_ascii_digit());
            // "sub: the token's …" is prose.
            let is_value = value.quoted || named.in_query || (looks && shown.len() >= 8);
            if !is_value
                || shown.is_empty()
                || shown.starts_with('[')
                || shown.starts_with('…')
                || shown == "true"
            {
                continue;
            }
            let has_letters = shown.bytes().any(|byte| byte.is_ascii_alphabetic());
            if shown.len() >= TELLING_MIN
                && has_letters
                && !shown.contains(char::is_whitespace)
                && telling.len() < TELLING_MAX
            {
                telling.insert(shown.to_owned());
            }
            if value.bare_json {
                bare.insert(value.at);
            }
            found.push((value.at..value.at + shown.len(), shown.to_owned()));
        }
    });
    found.extend(sessions(text));
    found.extend(addresses(text));
    for value in telling {
        for (at, _) in text.match_indices(&value) {
            found.push((at..at + value.len(), value.clone()));
        }
    }
    found.retain(|(range, _)| {
        let after = hidden.partition_point(|span| span.range.end <= range.start);
        hidden.get(after).is_none_or(|span| span.range.start >= range.end)
    });
    found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut spans: Vec<Span> = Vec::new();
    for (range, value) in found {
        if spans.last().is_none_or(|last| last.range.end <= range.start) {
            let mask = known.mask(&value.replace("%40", "@"));
            let with = if bare.contains(&range.start) { format!("\"{mask}\"") } else { mask };
            spans.push(Span { range, with });
        }
    }
    spans.extend(homes(text, known.home.as_deref()));
    spans
}

/// E-mail addresses and user names of Entra, guests (`…#EXT#@…`) included.
fn addresses(text: &str) -> Vec<(Range<usize>, String)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let marks = text
        .match_indices('@')
        .map(|(at, _)| (at, 1))
        .chain(text.match_indices("%40").map(|(at, _)| (at, 3)));
    for (at, length) in marks {
        let mut start = at;
        while start > 0 {
            let byte = bytes[start - 1];
            if start >= 3 && (bytes[start - 3..start] == *b"%23" || bytes[start - 3..start] == *b"%2B") {
                start -= 3;
            } else if start >= 3 && bytes[start - 3] == b'%' {
                break;
            } else if byte.is_ascii_alphanumeric() || b"._+#-".contains(&byte) {
                start -= 1;
            } else {
                break;
            }
        }
        let domain_at = at + length;
        let run = bytes[domain_at..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte))
            .count();
        let domain = text[domain_at..domain_at + run].trim_end_matches(['.', '-']);
        let top = domain.rsplit('.').next().unwrap_or_default();
        let is_domain =
            domain.contains('.') && top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic());
        if start < at && is_domain {
            let range = start..domain_at + domain.len();
            found.push((range.clone(), text[range].to_owned()));
        }
    }
    found
}

/// The names of sessions, which clients take from the person: `…:assumed-role/ROLE/NAME`, `AROA…:NAME`.
fn sessions(text: &str) -> Vec<(Range<usize>, String)> {
    let bytes = text.as_bytes();
    let name = |start: usize| {
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(byte);
        let length = bytes[start..].iter().take_while(|byte| is_name(byte)).count();
        // A comma or a full stop at the end belongs to the sentence.
        start..start + text[start..start + length].trim_end_matches([',', '.']).len()
    };
    let mut found = Vec::new();
    for (at, mark) in text.match_indices(":assumed-role/") {
        let role = at + mark.len();
        let length = text[role..].find(|c: char| c == '/' || c.is_whitespace() || "\"'<>".contains(c));
        if let Some(slash) = length.map(|length| role + length).filter(|at| bytes[*at] == b'/') {
            found.push(name(slash + 1));
        }
    }
    for (at, _) in text.match_indices("AROA") {
        let length =
            bytes[at..].iter().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count();
        if length >= 16 && bytes.get(at + length) == Some(&b':') {
            found.push(name(at + length + 1));
        }
    }
    found.retain(|range| !range.is_empty());
    found.into_iter().map(|range| (range.clone(), text[range].to_owned())).collect()
}

/// Home folders: the given one, and those where systems put them.
fn homes(text: &str, own: Option<&str>) -> Vec<Span> {
    let bytes = text.as_bytes();
    let mut spans = Vec::new();
    let tilde = |range: Range<usize>| Span { range, with: "~".to_owned() };
    let begins = |at: usize| {
        at == 0
            || text[..at].ends_with("://")
            || !(bytes[at - 1].is_ascii_alphanumeric()
                || b"._-/~*}]".contains(&bytes[at - 1])
                || bytes[at - 1] >= 0x80)
    };
    let name_length = |at: usize| {
        let ends = |c: char| c.is_whitespace() || c.is_control() || "/\\\"'<>:;,|?*()[]{}&".contains(c);
        text[at..].find(ends).unwrap_or(text.len() - at)
    };
    if let Some(home) = own {
        for (at, _) in text.match_indices(home) {
            if begins(at) && name_length(at + home.len()) == 0 {
                spans.push(tilde(at..at + home.len()));
            }
        }
    }
    for parent in ["/home/", concat!("/Us", "ers/")] {
        for (at, _) in text.match_indices(parent).filter(|(at, _)| begins(*at)) {
            let name = at + parent.len();
            let length = name_length(name);
            if length > 0 {
                spans.push(tilde(at..name + length));
            }
        }
    }
    let root = concat!("/ro", "ot");
    for (at, _) in text.match_indices(root).filter(|(at, _)| begins(*at)) {
        if name_length(at + root.len()) == 0 {
            spans.push(tilde(at..at + root.len()));
        }
    }
    for parent in [":\\Users\\", ":\\\\Users\\\\", ":/Users/"] {
        for (at, _) in
            text.match_indices(parent).filter(|(at, _)| *at > 0 && bytes[at - 1].is_ascii_alphabetic())
        {
            let name = at + parent.len();
            let length = name_length(name);
            if length > 0 && begins(at - 1) {
                spans.push(tilde(at - 1..name + length));
            }
        }
    }
    spans
}

//! Errors in addresses: what a browser ends on when the issuer sends it back with `error=…&error_description=…`.

use super::{Form, Found, PastedError, Service};

/// How far an address reaches around its error, in bytes.
const ADDRESS_MAX: usize = 8 << 10;

/// Finds the addresses of a text that carry an error.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (at, _) in text.match_indices("error") {
        if found.last().is_some_and(|last| at < last.range.end) {
            continue;
        }
        let Some(rest) = text[at..].strip_prefix("error=") else { continue };
        let before = text[..at].chars().next_back();
        let in_query = before.is_none_or(|c| "?&#".contains(c) || c.is_whitespace());
        if !in_query || rest.starts_with(['"', '\'']) {
            continue;
        }
        let is_end = |c: char| c.is_whitespace() || "\"'<>`".contains(c);
        let reached = text.ceil_char_boundary(at.saturating_sub(ADDRESS_MAX));
        let after =
            |end: usize| reached + end + text[reached + end..].chars().next().map_or(1, char::len_utf8);
        let start = text[reached..at].rfind(is_end).map_or(reached, after);
        let limit = text.floor_char_boundary((at + ADDRESS_MAX).min(text.len()));
        let end = text[at..limit].find(is_end).map_or(limit, |end| at + end);
        let query = text[start..end]
            .rfind(['?', '#'])
            .filter(|mark| start + mark < at)
            .map_or(start, |mark| start + mark + 1);
        let mut error = PastedError { service: Some(Service::Issuer), ..PastedError::default() };
        let mut error_uri = None;
        for pair in text[query..end].split(['&', '#']) {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let value = decoded(value);
            if value.is_empty() {
                continue;
            }
            match name {
                "error" => error.code = Some(value),
                "error_description" => error.message = Some(value),
                "error_subcode" | "suberror" => error.suberror = Some(value),
                "error_uri" => error_uri = Some(value),
                "client_id" => error.named.client_id = Some(value),
                _ => {}
            }
        }
        let words = error.message.clone().unwrap_or_default();
        error.aadsts = aadsts(&words).or_else(|| {
            let (_, code) = error_uri.as_deref()?.split_once("error?code=")?;
            code.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        let of_microsoft =
            words.contains("AADSTS") || error_uri.is_some_and(|uri| uri.contains("login.microsoftonline"));
        if error.aadsts.is_some() || of_microsoft {
            error.service = Some(Service::Entra);
        }
        error.ids = super::named::ids(&words);
        error.named.complete(super::named::named(&words));
        let plausible = error.code.as_ref().is_some_and(|code| {
            code.len() <= 60 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        });
        if plausible {
            found.push(Found { range: start..end, form: Form::Address, error });
        }
    }
    found
}

/// The first number of Entra in a text.
fn aadsts(text: &str) -> Option<u32> {
    let rest = &text[text.find("AADSTS")? + "AADSTS".len()..];
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Decodes a value of a query: percent signs and plus signs.
fn decoded(value: &str) -> String {
    let plus = value.replace('+', " ");
    percent_encoding::percent_decode_str(&plus).decode_utf8_lossy().into_owned()
}

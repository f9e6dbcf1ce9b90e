//! Errors that a text only names: a number of Entra, a code as a word.

use super::{Form, Found, PastedError, Service, line_from};

/// Up to this many words, a text is a code that somebody typed, not running text.
const TYPED_WORDS_MAX: usize = 6;

/// Finds `AADSTS` and a number, and the numbers that Entra's sign-in log calls error codes.
pub(super) fn numbers(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let lower = text.to_ascii_lowercase();
    for label in ["aadsts", "error code", "errorcode", "error?code"] {
        for (at, _) in lower.match_indices(label) {
            let rest = &text[at + label.len()..];
            let skipped = rest.bytes().take(4).take_while(|byte| b" :=-_\"".contains(byte)).count();
            let digits = rest[skipped..].bytes().take_while(u8::is_ascii_digit).count();
            let number = &rest[skipped..skipped + digits];
            let plausible =
                if label == "aadsts" { (4..=9).contains(&digits) } else { (5..=7).contains(&digits) };
            let Some(number) = number.parse::<u32>().ok().filter(|_| plausible) else { continue };
            let end = at + label.len() + skipped + digits;
            let line_end = end + line_from(text, end).len();
            // The next number on the line is an error of its own.
            let line_end = lower[end..line_end].find("aadsts").map_or(line_end, |length| end + length);
            let words = text[end..line_end].trim_start_matches([':', ' ']);
            let stop = ["Trace ID", "Correlation ID", "Request Id", "\\r\\n", "\", \"", "\",\"", "', '"]
                .iter()
                .filter_map(|mark| words.find(mark))
                .min();
            let words = words[..stop.unwrap_or(words.len())].trim();
            let error = PastedError {
                service: Some(Service::Entra),
                aadsts: Some(number),
                message: Some(words.to_owned()).filter(|words| words.contains(' ')),
                ..PastedError::default()
            };
            found.push(Found { range: at..line_end.max(end), form: Form::Number, error });
        }
    }
    found
}

/// Finds words that are codes of errors. `known` gives the code as it is written.
pub(super) fn codes(text: &str, known: &dyn Fn(&str) -> Option<&'static str>) -> Vec<Found> {
    let typed = text.split_whitespace().nth(TYPED_WORDS_MAX).is_none();
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find(is_word).map(|at| from + at) {
        let end = text[start..].find(|c| !is_word(c)).map_or(text.len(), |length| start + length);
        from = end;
        let word = text[start..end].trim_matches('.');
        let end = start + text[start..end].trim_end_matches('.').len();
        let before = text[..start].chars().next_back();
        if word.len() > 100
            || word.to_ascii_uppercase().starts_with("AADSTS")
            || before.is_some_and(|c| "@/-".contains(c))
        {
            continue;
        }
        let number = format!("AADSTS{word}");
        let is_number = (5..=7).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
        if typed && is_number && known(&number).is_some() {
            let error = PastedError {
                service: Some(Service::Entra),
                aadsts: word.parse().ok(),
                ..PastedError::default()
            };
            found.push(Found { range: start..end, form: Form::Word, error });
            continue;
        }
        // `com.amazonaws…model.CODE` and `errors.CODE` as well.
        let last = word.rsplit('.').next().unwrap_or(word);
        let Some((code, written)) =
            known(word).map(|code| (code, word)).or_else(|| Some((known(last)?, last)))
        else {
            continue;
        };
        let rest = &text[end..];
        let introduces = rest.starts_with(": ") || rest.starts_with(":\n");
        let enclosed = before.is_some_and(|c| "(\"'`[<".contains(c))
            && rest.starts_with([')', '"', '\'', '`', ']', '>']);
        if !(typed || code == written && (is_telling(code) || introduces || enclosed)) {
            continue;
        }
        let line_end = end + line_from(text, end).len();
        let (range_end, message) = if introduces {
            (
                line_end,
                Some(text[end + 1..line_end.max(end + 1)].trim().to_owned())
                    .filter(|words| !words.is_empty()),
            )
        } else {
            (end, None)
        };
        let error = PastedError { code: Some(code.to_owned()), message, ..PastedError::default() };
        found.push(Found { range: start..range_end, form: Form::Word, error });
    }
    found
}

/// Tells whether nobody writes such a word unless it is a code: capitals inside, an underscore, a dot.
fn is_telling(code: &str) -> bool {
    let capitals = code.bytes().filter(u8::is_ascii_uppercase).count();
    capitals >= 2 || code.contains(['_', '.'])
}

//! Text that others wrote, made fit to be kept and shown.
//!
//! Issuers, tokens and pasted addresses are hostile until proven otherwise: their text may hold terminal escapes,
//! right-to-left tricks or megabytes. [`printable`] takes the teeth out of a text; [`Personal`] keeps what names a
//! person out of `Debug`. Secrets are another matter and live in [`Secret`](pintail_core::secret::Secret).

use std::fmt;

/// The longest name, number or code that is kept.
pub(crate) const WORD_CHARS_MAX: usize = 200;

/// Returns `text` with every control and direction character escaped, cut after `chars_max` characters.
pub(crate) fn printable(text: &str, chars_max: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(chars_max));
    for c in text.chars().take(chars_max) {
        if harmful(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    if text.chars().nth(chars_max).is_some() {
        shown.push('…');
    }
    shown
}

/// Tells whether a character may move the cursor, change the direction of writing or stay invisible.
fn harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// A text that names or describes a person: may be shown to that person, stays out of logs.
///
/// It is printable: control characters were escaped when it was taken in.
#[derive(Clone, PartialEq, Eq)]
pub struct Personal(String);

impl Personal {
    /// Takes in a name, address or hint, escaped and cut to 2000 characters: Entra's opaque hints have hundreds.
    pub fn new(text: &str) -> Self {
        Self::cut(text, 2000)
    }

    /// Takes in a text of others, escaped and cut to `chars_max` characters.
    pub(super) fn cut(text: &str, chars_max: usize) -> Self {
        Self(printable(text, chars_max))
    }

    /// Returns the text, to be shown to the person it is about.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_direction_marks_and_length_lose_their_teeth() {
        for (text, shown) in [
            ("plain text, häßlich 日本", "plain text, häßlich 日本"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("a\r\nb\0", "a\\u{d}\\u{a}b\\u{0}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("txt.\u{202e}exe", "txt.\\u{202e}exe"),
        ] {
            assert_eq!(printable(text, 100), shown);
        }
        assert_eq!(printable("abcdef", 3), "abc…");
        assert_eq!(printable("abc", 3), "abc");
    }

    #[test]
    fn what_names_a_person_is_not_in_debug() {
        let name = Personal::new("Ada\u{1b} Lovelace");
        assert_eq!(format!("{name:?}"), "Personal(…)");
        assert_eq!(name.expose(), "Ada\\u{1b} Lovelace");
    }
}

//! JSON that can be looked at on a terminal: what would act on it is written as `\uXXXX`, which every reader of JSON takes for the same.
//!
//! JSON itself asks for this below U+0020 only. The C1 controls (U+009B begins a control sequence), DEL and the characters that turn the direction of text
//! around or are not seen would come through as they are (CWE-150).

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::text::acts_on_a_terminal;

/// Returns a value as JSON in one line.
pub(super) fn json_text(value: &impl Serialize) -> io::Result<String> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, Visible)).map_err(io::Error::other)?;
    String::from_utf8(text).map_err(io::Error::other)
}

/// Writes as tightly as serde_json's own, and escapes more.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        // Nearly every text is plain.
        if fragment.bytes().all(|byte| byte.is_ascii() && byte != 0x7f) {
            return to.write_all(fragment.as_bytes());
        }
        let mut written = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| acts_on_a_terminal(*c)) {
            to.write_all(&fragment.as_bytes()[written..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(to, "\\u{unit:04x}")?;
            }
            written = at + c.len_utf8();
        }
        to.write_all(&fragment.as_bytes()[written..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_reads_the_same() {
        for (text, json) in [
            ("plain \"quoted\"\\", r#""plain \"quoted\"\\""#),
            ("\u{e9}\u{1f600}", "\"\u{e9}\u{1f600}\""),
            ("\u{1b}[2J\n", r#""\u001b[2J\n""#),
            ("a\u{9b}31m\u{85}", r#""a\u009b31m\u0085""#),
            ("\u{7f}", r#""\u007f""#),
            ("\u{202e}gpj.exe\u{2066}", r#""\u202egpj.exe\u2066""#),
            ("\u{e9}\u{200b}\u{feff}x", "\"\u{e9}\\u200b\\ufeffx\""),
        ] {
            let written = json_text(&text).unwrap();
            assert_eq!(written, json);
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
        for c in ('\0'..=char::MAX).filter(|c| acts_on_a_terminal(*c)) {
            let written = json_text(&serde_json::json!({ c.to_string(): [c] })).unwrap();
            assert!(!written.chars().any(acts_on_a_terminal), "{c:?}");
            let back: serde_json::Value = serde_json::from_str(&written).unwrap();
            assert_eq!(back[c.to_string()][0], c.to_string());
        }
    }
}

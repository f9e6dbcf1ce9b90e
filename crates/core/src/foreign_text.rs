//! Text files of other programs: turned from bytes into text, and shown in errors without telling their secrets.
//!
//! Knows no format. What the formats have in common is here: a limit on size, the byte order mark that editors on Windows
//! put first, the line endings of three systems, and the rule that an error may show the beginning of a line but no key.

/// The largest configuration file that is read, in bytes. Real ones have a few kilobytes.
pub const FILE_SIZE_MAX: usize = 1 << 20;

/// Why bytes are no text that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Larger than any file of its kind.
    #[error("the file has {size_bytes} bytes; at most {FILE_SIZE_MAX} are read")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// Saved as UTF-16, as some editors and shells on Windows do.
    #[error("the file is in UTF-16; it has to be in UTF-8")]
    Utf16,
    /// Not UTF-8.
    #[error("line {line} is not UTF-8")]
    NotUtf8 {
        /// The first line that is not, from 1.
        line: usize,
    },
}

/// Returns the bytes as text, without the byte order mark.
///
/// # Errors
/// When they are too many, or no UTF-8.
pub fn decode(file: &[u8]) -> Result<&str, TextError> {
    if file.len() > FILE_SIZE_MAX {
        return Err(TextError::TooLarge { size_bytes: file.len() });
    }
    if file.starts_with(&[0xff, 0xfe]) || file.starts_with(&[0xfe, 0xff]) {
        return Err(TextError::Utf16);
    }
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    std::str::from_utf8(file).map_err(|error| {
        let before = file.get(..error.valid_up_to()).unwrap_or_default();
        TextError::NotUtf8 { line: before.iter().filter(|b| **b == b'\n').count() + 1 }
    })
}

/// Returns the lines of a text without their ends, which are LF, CR LF or CR.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.filter(|text| !text.is_empty())?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let (line, after) = text.split_at(end);
        rest = Some(after.strip_prefix("\r\n").unwrap_or_else(|| &after[1..]));
        Some(line)
    })
}

/// Returns so much of a line as an error may show: its first word, printable, and no more than four characters of a word
/// as long as a key. An access key ID has twenty characters, a secret access key forty.
pub(crate) fn shown(line: &str) -> String {
    const WORD_CHARS_MAX: usize = 19;
    const KEPT_CHARS: usize = 4;
    let line = line.trim();
    let word: &str = line.split(|c: char| c.is_whitespace() || c == '=').next().unwrap_or_default();
    let long = word.chars().nth(WORD_CHARS_MAX).is_some() && !word.starts_with('[');
    let kept: String = match (long, word.starts_with('[')) {
        (true, _) => word.chars().take(KEPT_CHARS).collect(),
        (false, true) => line.chars().take(60).collect(),
        (false, false) => word.to_owned(),
    };
    let more = if kept.len() < line.len() { "…" } else { "" };
    format!("\"{}{more}\"", kept.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text_or_an_error_says_why_not() {
        assert_eq!(decode(b"\xef\xbb\xbf[a]"), Ok("[a]"));
        assert_eq!(decode(b"\xff\xfe[\0a\0]\0"), Err(TextError::Utf16));
        assert_eq!(decode(b"[a]\r\nb = \xe9\n"), Err(TextError::NotUtf8 { line: 2 }));
        assert!(decode(&vec![b'a'; FILE_SIZE_MAX]).is_ok());
        let size_bytes = FILE_SIZE_MAX + 1;
        assert_eq!(decode(&vec![b'a'; size_bytes]), Err(TextError::TooLarge { size_bytes }));
    }

    #[test]
    fn lines_end_in_three_ways() {
        assert_eq!(lines("a\nb\r\nc\rd").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(lines("\n\r\n\n\ra\n").collect::<Vec<_>>(), ["", "", "", "", "a"]);
        assert_eq!(lines("").count(), 0);
    }

    #[test]
    fn a_line_is_shown_without_its_secret() {
        for (line, text) in [
            ("  region", "\"region\""),
            ("region eu", "\"region…\""),
            ("[profile a", "\"[profile a\""),
            ("aws_secret_access_key", "\"aws_…\""),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "\"wJal…\""),
            ("AKIAIOSFODNN7EXAMPLE", "\"AKIA…\""),
            ("key=secret", "\"key…\""),
            ("a\u{1b}[31m\u{202e}", "\"a\\u{1b}[31m\\u{202e}\""),
            ("", "\"\""),
        ] {
            assert_eq!(shown(line), text, "{line}");
        }
    }
}

//! Java's `.properties` format, in which Cyberduck and Mountain Duck keep `default.properties`.
//!
//! [`Properties`] reads a file and edits single keys in it: comments, order, blank lines, line ends and the way everything
//! else is written stay as they are. The grammar is that of `java.util.Properties`: `key=value`, `key: value` or
//! `key value`; `#` and `!` begin comments at the start of a line; a backslash at the end of a line continues it; `\t`, `\n`,
//! `\r`, `\f` and `\uXXXX` stand for characters, and any other escaped character for itself. The last of equal keys
//! counts. Java's own encoding is Latin-1 and many files are UTF-8: what is no UTF-8 is read as Latin-1, and what is
//! written here is ASCII, which is both.

use crate::foreign_text::{self, FILE_SIZE_MAX, TextError, shown};
use crate::retry::Retry;

/// A file of properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    text: String,
    is_latin1: bool,
    entries: Vec<Entry>,
    /// The text ends inside a continued line: what is appended would belong to it.
    open_end: OpenEnd,
}

/// One `key=value`, with its places in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    key: String,
    value: String,
    /// The beginning of its line.
    start: usize,
    /// Behind the separator, and whether there is one.
    value_start: usize,
    has_separator: bool,
    /// Behind the last character of the value, before the end of the line.
    end: usize,
    /// The beginning of the next line.
    next: usize,
}

/// How the text ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum OpenEnd {
    #[default]
    No,
    /// Behind the line end that a backslash escaped.
    Continued,
    /// With a lone backslash.
    Backslash,
}

/// Why a file of properties cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertiesError {
    /// It is no text of moderate size.
    #[error("the file of properties cannot be read")]
    Text(#[from] TextError),
    /// `\u` without four hexadecimal digits behind it.
    #[error("line {line}: \\u needs four hexadecimal digits: {text}")]
    Escape {
        /// The line, from 1.
        line: usize,
        /// Its beginning, in quotes and printable.
        text: String,
    },
    /// A key to set is empty.
    #[error("the name of a property is empty")]
    NoKey,
}

impl PropertiesError {
    /// Says what would have to change: the file.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

impl Properties {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is larger than [`FILE_SIZE_MAX`], is UTF-16, or has a broken `\u`.
    pub fn read(file: &[u8]) -> Result<Self, PropertiesError> {
        let (text, is_latin1) = match foreign_text::decode(file) {
            Ok(text) => (text.to_owned(), false),
            Err(TextError::NotUtf8 { .. }) => (file.iter().map(|byte| char::from(*byte)).collect(), true),
            Err(error) => return Err(error.into()),
        };
        Self::of(text, is_latin1)
    }

    fn of(text: String, is_latin1: bool) -> Result<Self, PropertiesError> {
        let (entries, open_end) = entries(&text)?;
        Ok(Self { text, is_latin1, entries, open_end })
    }

    /// Returns the file as it is to be written. A byte order mark is not written again.
    pub fn write(&self) -> Vec<u8> {
        if self.is_latin1 {
            // Every character was a byte, and edits are ASCII.
            let bytes: Vec<u8> =
                self.text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
            // An edit may have taken out the last byte that told the encoding: what is left would be read as another one.
            if std::str::from_utf8(&bytes).is_ok() { escaped_text(&self.text).into_bytes() } else { bytes }
        } else {
            self.text.clone().into_bytes()
        }
    }

    /// Returns the value of a key, in the same case.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().rev().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// Returns keys and values in the order of the file. A key may come twice; the last one counts.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| (entry.key.as_str(), entry.value.as_str()))
    }

    /// Sets a key: in the place where it counts, or at the end of the file.
    ///
    /// # Errors
    /// When the key is empty or the file would become too large; nothing is changed then.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), PropertiesError> {
        if key.is_empty() {
            return Err(PropertiesError::NoKey);
        }
        let mut text = self.text.clone();
        let value = escaped(value, false);
        match self.entries.iter().rev().find(|entry| entry.key == key) {
            Some(entry) => {
                let separator = if entry.has_separator { "" } else { "=" };
                text.replace_range(entry.value_start..entry.end, &format!("{separator}{value}"));
            }
            None => {
                let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
                match self.open_end {
                    OpenEnd::No if text.is_empty() || text.ends_with(['\n', '\r']) => {}
                    // A line feed behind a carriage return belongs to the line that is there, and ends no other.
                    OpenEnd::Continued if text.ends_with('\r') => text.push_str("\n\n"),
                    OpenEnd::No | OpenEnd::Continued => text.push_str(line_end),
                    OpenEnd::Backslash => text.extend([line_end, line_end]),
                }
                text.push_str(&format!("{}={value}{line_end}", escaped(key, true)));
            }
        }
        if text.len() > FILE_SIZE_MAX {
            return Err(TextError::TooLarge { size_bytes: text.len() }.into());
        }
        *self = Self::of(text, self.is_latin1)?;
        Ok(())
    }

    /// Removes a key wherever it stands, and tells whether it was there.
    pub fn unset(&mut self, key: &str) -> bool {
        let Self { text, entries, .. } = self;
        let mut kept = String::with_capacity(text.len());
        let mut from = 0;
        for entry in entries.iter().filter(|entry| entry.key == key) {
            kept.push_str(&text[from..entry.start]);
            from = entry.next;
        }
        if from == 0 && kept.is_empty() && !entries.iter().any(|entry| entry.key == key) {
            return false;
        }
        kept.push_str(&text[from..]);
        // What is left was read before, line by line.
        if let Ok(rest) = Self::of(kept, self.is_latin1) {
            *self = rest;
        }
        true
    }
}

/// A logical line: its characters with their places, continuation and leading white space taken out.
struct LogicalLine {
    letters: Vec<(usize, char)>,
    start: usize,
    end: usize,
    next: usize,
    open_end: OpenEnd,
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// Reads the logical line that begins at `start`. A comment is a line of its own, and comes out without letters.
fn logical_line(text: &str, start: usize) -> LogicalLine {
    let mut line = LogicalLine { letters: Vec::new(), start, end: start, next: start, open_end: OpenEnd::No };
    let mut is_escaped = false;
    let mut at_line_start = true;
    let mut is_comment = false;
    let mut letters = text[start..].char_indices().map(|(at, c)| (start + at, c)).peekable();
    while let Some((at, c)) = letters.next() {
        line.next = at + c.len_utf8();
        if matches!(c, '\n' | '\r') {
            if c == '\r'
                && let Some((_, '\n')) = letters.peek()
            {
                line.next += 1;
                letters.next();
            }
            if !is_escaped {
                return line;
            }
            // The backslash is no part of the line.
            line.letters.pop();
            (is_escaped, at_line_start) = (false, true);
            line.open_end = OpenEnd::Continued;
            line.end = line.next;
            continue;
        }
        line.end = line.next;
        if at_line_start && is_blank(c) {
            continue;
        }
        if at_line_start && line.open_end == OpenEnd::No && matches!(c, '#' | '!') {
            is_comment = true;
        }
        at_line_start = false;
        if is_comment {
            continue;
        }
        is_escaped = c == '\\' && !is_escaped;
        line.letters.push((at, c));
    }
    if is_escaped {
        line.letters.pop();
        line.open_end = OpenEnd::Backslash;
    } else if !at_line_start {
        line.open_end = OpenEnd::No;
    }
    line
}

fn entries(text: &str) -> Result<(Vec<Entry>, OpenEnd), PropertiesError> {
    let mut entries = Vec::new();
    let mut open_end = OpenEnd::No;
    let mut start = 0;
    while start < text.len() {
        let line = logical_line(text, start);
        let reached_end = line.next == text.len();
        if reached_end && !text.ends_with(['\n', '\r']) || line.end == line.next {
            open_end = line.open_end;
        }
        start = line.next;
        if let Some(entry) = entry(text, &line)? {
            entries.push(entry);
        }
    }
    Ok((entries, open_end))
}

fn entry(text: &str, line: &LogicalLine) -> Result<Option<Entry>, PropertiesError> {
    let letters = &line.letters;
    if letters.is_empty() {
        return Ok(None);
    }
    let mut key_end = 0;
    while let Some((_, c)) = letters.get(key_end) {
        match c {
            '=' | ':' => break,
            c if is_blank(*c) => break,
            '\\' => key_end += 2,
            _ => key_end += 1,
        }
    }
    let key_end = key_end.min(letters.len());
    let blank_from = |from: usize| from + letters[from..].iter().take_while(|(_, c)| is_blank(*c)).count();
    let mut value_at = blank_from(key_end);
    if let Some((_, '=' | ':')) = letters.get(value_at) {
        value_at = blank_from(value_at + 1);
    }
    // A replaced value begins right behind the separator, before any continuation.
    let value_start = match value_at.checked_sub(1).and_then(|before| letters.get(before)) {
        Some((at, c)) => at + c.len_utf8(),
        None => line.start,
    };
    let fault = || PropertiesError::Escape {
        line: foreign_text::lines(&text[..line.start]).count() + 1,
        text: shown(&text[line.start..line.end]),
    };
    Ok(Some(Entry {
        key: unescaped(&letters[..key_end]).ok_or_else(fault)?,
        value: unescaped(&letters[value_at..]).ok_or_else(fault)?,
        start: line.start,
        value_start,
        has_separator: value_at > key_end,
        end: line.end,
        next: line.next,
    }))
}

/// Resolves escapes. `None` for a `\u` without four digits. A lone half of a surrogate pair becomes U+FFFD.
fn unescaped(letters: &[(usize, char)]) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(letters.len());
    let mut buffer = [0; 2];
    let mut rest = letters.iter().map(|(_, c)| *c);
    while let Some(c) = rest.next() {
        let c = match c {
            '\\' => match rest.next() {
                None => break,
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    let mut unit = 0;
                    for _ in 0..4 {
                        unit = unit * 16 + rest.next()?.to_digit(16)?;
                    }
                    units.push(u16::try_from(unit).ok()?);
                    continue;
                }
                Some(c) => c,
            },
            c => c,
        };
        units.extend_from_slice(c.encode_utf16(&mut buffer));
    }
    Some(String::from_utf16_lossy(&units))
}

/// Writes a key or value so that it is read as it is, in ASCII.
fn escaped(text: &str, is_key: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{c}' => out.push_str("\\f"),
            '\\' => out.push_str("\\\\"),
            ' ' | '=' | ':' | '#' | '!' if is_key || at == 0 => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c => {
                let mut buffer = [0; 2];
                for unit in c.encode_utf16(&mut buffer) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out
}

/// Writes what is not ASCII as escapes, which mean the same in every encoding.
fn escaped_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii() => escaped.push(c),
            c => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Properties {
        Properties::read(text.as_bytes()).unwrap()
    }

    fn pairs(text: &str) -> Vec<(String, String)> {
        read(text).iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn odd_lines_are_read_as_java_reads_them() {
        for (text, expected) in [
            ("a=b", &[("a", "b")][..]),
            ("a = b \r\nc:d\re f", &[("a", "b "), ("c", "d"), ("e", "f")]),
            ("  a\t=\t b", &[("a", "b")]),
            ("a", &[("a", "")]),
            ("a=\nb =", &[("a", ""), ("b", "")]),
            ("=b", &[("", "b")]),
            ("a==b", &[("a", "=b")]),
            ("a b = c", &[("a", "b = c")]),
            ("a  :  b", &[("a", "b")]),
            ("# a=b\n  ! c=d\n\n \t\ne=f # g", &[("e", "f # g")]),
            ("# a \\\nb=c", &[("b", "c")]),
            ("a=b\\\n   c\\\r\n\td", &[("a", "bcd")]),
            ("a=b\\\n# c", &[("a", "b# c")]),
            ("a=b\\\n\nc=d", &[("a", "b"), ("c", "d")]),
            ("a=b\\\\\nc=d", &[("a", "b\\"), ("c", "d")]),
            ("a=b\\", &[("a", "b")]),
            ("a\\\n b \\\n = \\\n c", &[("ab", "c")]),
            ("a\\ b\\=c\\:d=e", &[("a b=c:d", "e")]),
            ("a=\\ b\\t\\n\\q\\\\", &[("a", " b\t\nq\\")]),
            ("a=\\u00e9\\uD83D\\uDE00\\ud83dx", &[("a", "é😀\u{fffd}x")]),
            ("a=é", &[("a", "é")]),
            ("\u{feff}a=b", &[("a", "b")]),
            ("a=1\na=2", &[("a", "1"), ("a", "2")]),
            ("\\\n\\\na=b", &[("a", "b")]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(pairs(text), expected, "{text:?}");
        }
        assert_eq!(read("a=1\na=2").get("a"), Some("2"));
        assert_eq!(Properties::read(b"a=\xe9").unwrap().get("a"), Some("é"));
        let error = Properties::read(b"# x\na=b\nkey=\\u00g0").unwrap_err();
        assert_eq!(error.to_string(), "line 3: \\u needs four hexadecimal digits: \"key…\"");
        assert!(matches!(Properties::read(b"\xff\xfea\0"), Err(PropertiesError::Text(TextError::Utf16))));
        assert!(Properties::read(&vec![b'a'; FILE_SIZE_MAX + 1]).is_err());
    }

    #[test]
    fn one_key_is_edited_and_all_else_stays() {
        for (text, key, value, expected) in [
            ("# mine\na = 1\n\nb=2\n", "a", "3", "# mine\na = 3\n\nb=2\n"),
            ("a=1\r\nb=2\r\n", "c", "x", "a=1\r\nb=2\r\nc=x\r\n"),
            ("a=1", "b", "2", "a=1\nb=2\n"),
            ("", "b", "", "b=\n"),
            ("a\nb", "a", "1", "a=1\nb"),
            ("a 1\nb", "a", "= x", "a \\= x\nb"),
            ("a=1\\\n  2\\\n  3\nb=4", "a", "5", "a=5\nb=4"),
            ("a=1\na=2\n", "a", "3", "a=1\na=3\n"),
            ("a=1\\", "b", "2", "a=1\\\n\nb=2\n"),
            ("a=1\\\n", "b", "2", "a=1\\\n\nb=2\n"),
            ("a=1", "a", " é\\\n", "a=\\ \\u00e9\\\\\\n"),
            ("a=1\n", "b c", "#", "a=1\nb\\ c=\\#\n"),
        ] {
            let mut properties = read(text);
            properties.set(key, value).unwrap();
            assert_eq!(String::from_utf8(properties.write()).unwrap(), expected, "{text:?}");
            assert_eq!(properties.get(key), Some(value), "{text:?}");
        }
        let mut properties = Properties::read(b"# caf\xe9\na=\xe9\n").unwrap();
        properties.set("b", "ü").unwrap();
        assert_eq!(properties.write(), b"# caf\xe9\na=\xe9\nb=\\u00fc\n");
        assert_eq!(properties.set("", "x"), Err(PropertiesError::NoKey));
        assert!(properties.set("x", &"y".repeat(FILE_SIZE_MAX)).is_err());
        assert_eq!(properties.get("x"), None);
    }

    #[test]
    fn a_key_is_removed_wherever_it_stands() {
        for (text, expected) in [
            ("a=1\n# c\nb=2\na=3\n", "# c\nb=2\n"),
            ("a=1\\\n 2\nb=2", "b=2"),
            ("b=2\na=1", "b=2\n"),
            ("a", ""),
        ] {
            let mut properties = read(text);
            assert!(properties.unset("a"));
            assert_eq!(String::from_utf8(properties.write()).unwrap(), expected);
        }
        assert!(!read("b=1").unset("a"));
    }

    /// Texts of the letters that the grammar cares about.
    fn odd_text() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop::sample::select(vec![
                "a", "b", "=", ":", " ", "\t", "\\", "\n", "\r", "#", "!", "\\u00e9", "é", "u",
            ]),
            0..40,
        )
        .prop_map(|parts| parts.concat())
    }

    #[test]
    fn a_key_after_an_open_end_is_a_key() {
        for text in ["a\\", "a\\\r", "a\\\n", "a\\\r\n", "a", "a\r"] {
            let mut properties = Properties::read(text.as_bytes()).unwrap();
            properties.set("b", "1").unwrap();
            assert_eq!((properties.get("a"), properties.get("b")), (Some(""), Some("1")), "{text:?}");
        }
    }

    #[test]
    fn an_edit_that_takes_the_last_foreign_byte_changes_no_other_key() {
        // ISO 8859-1: the value of `b` alone is no UTF-8; the key before it would be.
        let mut properties = Properties::read(b"\xc3\xa9=1\nb=\xe1\xe1\n").unwrap();
        let key = properties.iter().next().map(|(key, _)| key.to_owned()).unwrap();
        properties.set("b", "x").unwrap();
        let again = Properties::read(&properties.write()).unwrap();
        assert_eq!((again.get(&key), again.get("b")), (Some("1"), Some("x")));
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_and_nothing_else_changes(
            text in odd_text(),
            key in prop_oneof![prop::sample::select(vec!["a".to_owned(), "b".into(), "ab".into()]), "\\PC{1,8}", odd_text()],
            value in prop_oneof![any::<String>(), odd_text()],
        ) {
            let Ok(mut properties) = Properties::read(text.as_bytes()) else { return Ok(()) };
            prop_assert_eq!(properties.write(), text.as_bytes());
            let others = |p: &Properties| -> Vec<(String, String)> {
                p.iter().filter(|(k, _)| *k != key).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
            };
            let before = others(&properties);
            if properties.set(&key, &value).is_err() {
                prop_assert!(key.is_empty());
                return Ok(());
            }
            let mut again = Properties::read(&properties.write()).unwrap();
            prop_assert_eq!(&again, &properties);
            prop_assert_eq!(again.get(&key), Some(value.as_str()));
            prop_assert_eq!(others(&again), before.clone());
            prop_assert!(again.unset(&key));
            prop_assert_eq!(again.get(&key), None);
            prop_assert_eq!(others(&again), before);
            prop_assert_eq!(&Properties::read(&again.write()).unwrap(), &again);
        }

        #[test]
        fn no_file_is_too_odd(file in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(properties) = Properties::read(&file) {
                prop_assert!(Properties::read(&properties.write()).is_ok());
            }
        }
    }
}

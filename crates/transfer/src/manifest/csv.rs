//! Rows of comma-separated values (RFC 4180), read piece by piece as their bytes come.
//!
//! Pure: holds one row at a time, whatever the length of the list.

use std::borrow::Cow;

/// A longer row is none of a list of objects: two keys, encoded, and a message fit in many times.
const ROW_MAX_BYTES: usize = 1 << 20;

/// Why bytes are no rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// A row is longer than any is.
    #[error("row {0} is longer than 1 MiB")]
    TooLong(u64),
    /// A row is not UTF-8.
    #[error("row {0} is not UTF-8")]
    NotUtf8(u64),
    /// The text ends inside a quoted field.
    #[error("row {0} ends inside quotes")]
    Open(u64),
}

/// Reads rows.
#[derive(Debug)]
pub struct Reader {
    /// The row so far: fields, one after another.
    bytes: Vec<u8>,
    /// Where each field but the last ends.
    ends: Vec<usize>,
    state: State,
    rows: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing of the row is there yet.
    Fresh,
    Plain,
    Quoted,
    /// A quote inside quotes: the end of the field, or half of a quote.
    MaybeEnd,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// Begins.
    pub fn new() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new(), state: State::Fresh, rows: 0 }
    }

    /// Takes more bytes and gives every row that is whole by now to `each`. Empty lines are passed over.
    ///
    /// # Errors
    /// When a row is too long or not UTF-8, and whatever `each` says.
    pub fn push<E: From<CsvError>>(
        &mut self,
        bytes: &[u8],
        each: &mut impl FnMut(&[&str]) -> Result<(), E>,
    ) -> Result<(), E> {
        for &byte in bytes {
            match (self.state, byte) {
                (State::Fresh, b'\n' | b'\r') => {}
                (State::Plain | State::MaybeEnd, b'\n') => self.close(each)?,
                (State::Plain | State::MaybeEnd, b'\r') => {}
                (State::Fresh | State::Plain | State::MaybeEnd, b',') => {
                    self.ends.push(self.bytes.len());
                    self.state = State::Plain;
                }
                (State::Fresh | State::Plain, b'"') if self.at_begin() => self.state = State::Quoted,
                (State::Quoted, b'"') => self.state = State::MaybeEnd,
                (State::MaybeEnd, b'"') => {
                    self.bytes.push(b'"');
                    self.state = State::Quoted;
                }
                (State::Quoted, _) => self.bytes.push(byte),
                (State::Fresh | State::Plain | State::MaybeEnd, _) => {
                    self.bytes.push(byte);
                    self.state = State::Plain;
                }
            }
            if self.bytes.len() > ROW_MAX_BYTES {
                return Err(CsvError::TooLong(self.rows + 1).into());
            }
        }
        Ok(())
    }

    /// Ends: gives a last row that no line break ended.
    ///
    /// # Errors
    /// As [`Reader::push`], and when the text ends inside quotes.
    pub fn finish<E: From<CsvError>>(
        mut self,
        each: &mut impl FnMut(&[&str]) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.state {
            State::Fresh => Ok(()),
            State::Quoted => Err(CsvError::Open(self.rows + 1).into()),
            State::Plain | State::MaybeEnd => self.close(each),
        }
    }

    fn at_begin(&self) -> bool {
        self.bytes.len() == self.ends.last().copied().unwrap_or(0)
    }

    fn close<E: From<CsvError>>(&mut self, each: &mut impl FnMut(&[&str]) -> Result<(), E>) -> Result<(), E> {
        self.rows += 1;
        let text = std::str::from_utf8(&self.bytes).map_err(|_| CsvError::NotUtf8(self.rows))?;
        let mut fields = Vec::with_capacity(self.ends.len() + 1);
        let mut begin = 0;
        for &end in self.ends.iter().chain([&text.len()]) {
            // A field's end lies between whole characters: the comma before it is ASCII.
            fields.push(text.get(begin..end).ok_or(CsvError::NotUtf8(self.rows))?);
            begin = end;
        }
        let outcome = each(&fields);
        self.bytes.clear();
        self.ends.clear();
        self.state = State::Fresh;
        outcome
    }
}

/// Writes a field: in quotes where it needs them.
pub fn field(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(pieces: &[&[u8]]) -> Result<Vec<Vec<String>>, CsvError> {
        let mut rows = Vec::new();
        let mut take = |row: &[&str]| {
            rows.push(row.iter().map(|field| (*field).to_owned()).collect());
            Ok(())
        };
        let mut reader = Reader::new();
        pieces.iter().try_for_each(|piece| reader.push(piece, &mut take))?;
        reader.finish(&mut take)?;
        Ok(rows)
    }

    #[test]
    fn rows_of_all_kinds_are_read() {
        for (text, expected) in [
            ("a,b\nc,d", vec![vec!["a", "b"], vec!["c", "d"]]),
            ("a,b\r\n\r\n\n", vec![vec!["a", "b"]]),
            (",\n", vec![vec!["", ""]]),
            ("\"a,\"\"b\"\"\nc\",d", vec![vec!["a,\"b\"\nc", "d"]]),
            ("\"\",x\n", vec![vec!["", "x"]]),
            ("a\"b,c\n", vec![vec!["a\"b", "c"]]),
            ("", vec![]),
        ] {
            assert_eq!(rows(&[text.as_bytes()]).unwrap(), expected, "{text:?}");
        }
        assert_eq!(rows(&[b"a,\"b\n"]), Err(CsvError::Open(1)));
        assert_eq!(rows(&[b"a\n\xff\n"]), Err(CsvError::NotUtf8(2)));
        assert_eq!(rows(&[&vec![b'a'; ROW_MAX_BYTES + 1]]), Err(CsvError::TooLong(1)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_however_it_is_cut(
            table in prop::collection::vec(prop::collection::vec("[a\",\n\r é]{0,6}", 2..4), 0..5), cut in 0_usize..60,
        ) {
            let mut text = String::new();
            for row in &table {
                let fields: Vec<_> = row.iter().map(|text| field(text)).collect();
                text.push_str(&fields.join(","));
                text.push('\n');
            }
            let cut = cut.min(text.len());
            prop_assert_eq!(rows(&[&text.as_bytes()[..cut], &text.as_bytes()[cut..]]).unwrap(), table);
        }
    }
}

//! Many lines, written together: a system call for each would cost more than what the lines tell of.
//!
//! Whoever writes here calls [`Lines::flush`] now and then, so that a reader who follows sees them in time.

use std::io::{self, Write};
use std::sync::Mutex;

use serde::Serialize;

use super::JSON_VERSION;

/// So much is held back at the most.
const HELD_BYTES: usize = 32 << 10;

/// Lines that wait to be written to standard output and standard error.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    out: Mutex<Vec<u8>>,
    err: Mutex<Vec<u8>>,
}

impl Lines {
    /// Adds a JSON line with the version in front. `value` is an object.
    pub(crate) fn json(&self, value: &impl Serialize) -> io::Result<()> {
        let text = super::json::json_text(value)?;
        let fields = text.strip_prefix('{').ok_or_else(|| io::Error::other("a line is an object"))?;
        let comma = if fields.starts_with('}') { "" } else { "," };
        let mut out = self.out.lock().expect("no holder of this lock panics");
        writeln!(out, "{{\"version\":{JSON_VERSION}{comma}{fields}")?;
        if out.len() >= HELD_BYTES { write(&mut out, &mut io::stdout().lock()) } else { Ok(()) }
    }

    /// Adds a line of data.
    pub(crate) fn data(&self, text: &str) -> io::Result<()> {
        let mut out = self.out.lock().expect("no holder of this lock panics");
        writeln!(out, "{text}")?;
        if out.len() >= HELD_BYTES { write(&mut out, &mut io::stdout().lock()) } else { Ok(()) }
    }

    /// Adds a line of talk. Lost if nobody listens.
    pub(crate) fn talk(&self, text: &str) {
        let mut err = self.err.lock().expect("no holder of this lock panics");
        let _ = writeln!(err, "{text}");
        if err.len() >= HELD_BYTES {
            let _ = write(&mut err, &mut io::stderr().lock());
        }
    }

    /// Tells whether talk waits to be written.
    pub(crate) fn has_talk(&self) -> bool {
        !self.err.lock().expect("no holder of this lock panics").is_empty()
    }

    /// Writes what waits.
    pub(crate) fn flush(&self) -> io::Result<()> {
        let _ = write(&mut self.err.lock().expect("no holder of this lock panics"), &mut io::stderr().lock());
        write(&mut self.out.lock().expect("no holder of this lock panics"), &mut io::stdout().lock())
    }
}

/// Writes a buffer and empties it, also where that failed: what could not be written is not written twice.
fn write(held: &mut Vec<u8>, to: &mut impl Write) -> io::Result<()> {
    if held.is_empty() {
        return Ok(());
    }
    let written = to.write_all(held).and_then(|()| to.flush());
    held.clear();
    written
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_with_its_version() {
        #[derive(Serialize)]
        struct Line {
            event: &'static str,
        }
        #[derive(Serialize)]
        struct Nothing {}
        let lines = Lines::default();
        lines.json(&Line { event: "copied" }).unwrap();
        lines.json(&Nothing {}).unwrap();
        assert!(lines.json(&5).is_err());
        let held = std::mem::take(&mut *lines.out.lock().unwrap());
        assert_eq!(
            String::from_utf8(held).unwrap(),
            "{\"version\":1,\"event\":\"copied\"}\n{\"version\":1}\n"
        );
    }
}

//! Texts for a terminal: hostile characters made harmless, sizes and times made readable.

use std::fmt::{self, Write as _};

use jiff::Timestamp;

/// Shows a text of strangers (a key, a bucket, a message of a server) with everything that could act on a terminal
/// escaped: control characters, bidirectional overrides, and invisible separators (CWE-150).
pub(crate) fn harmless(text: &str) -> Harmless<'_> {
    Harmless(text)
}

/// As [`harmless`], for texts in which others' words are escaped already: a backslash stays what it is.
pub(crate) fn harmless_words(text: &str) -> String {
    text.chars()
        .map(|c| if acts_on_a_terminal(c) { c.escape_unicode().to_string() } else { c.to_string() })
        .collect()
}

/// See [`harmless`].
pub(crate) struct Harmless<'a>(&'a str);

impl fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                c if acts_on_a_terminal(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Tells whether a character could act on a terminal, or would not be seen there.
pub(super) fn acts_on_a_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}' | '\u{fff9}'..='\u{fffb}')
}

/// Shows a number of bytes with three digits and a binary unit: `999 B`, `1.50 KiB`, `100 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 999.5 would be shown with four digits.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// Shows a number with a comma after every three digits: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Shows how many there are of something: `1 file`, `1,234 files`.
pub(crate) fn many(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {one}s", count(number)) }
}

/// Writes a text as one word of a command for a shell: quoted where it needs to be.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-+=:,./@%".contains(letter);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Shows how long something took: `30 ms`, `1.2 s`, `59 s`, then as [`span`]; never as nothing.
pub(crate) fn took(time: std::time::Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        0.0..1.0 => format!("{} ms", time.as_millis().max(1)),
        1.0..10.0 => format!("{seconds:.1} s"),
        _ => span(time.as_secs()),
    }
}

/// Shows a point in time to the second, in UTC.
pub(crate) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Shows a span of time by its two largest units: `59 s`, `1 min 30 s`, `11 h 59 min`, `3 d 4 h`.
pub(crate) fn span(seconds: u64) -> String {
    let (large, large_unit, small, small_unit) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3600 => (seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => (seconds / 3600, "h", seconds / 60 % 60, "min"),
        _ => (seconds / 86_400, "d", seconds / 3600 % 24, "h"),
    };
    if small == 0 {
        format!("{large} {large_unit}")
    } else {
        format!("{large} {large_unit} {small} {small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_acts_on_it() {
        assert_eq!(harmless("plain é 漢字").to_string(), "plain é 漢字");
        assert_eq!(
            harmless("\u{1b}[2J\u{7}a\nb\\\u{202e}gpj.exe\u{9b}").to_string(),
            "\\u{1b}[2J\\u{7}a\\nb\\\\\\u{202e}gpj.exe\\u{9b}"
        );
    }

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1536, "1.50 KiB"),
            (10_240, "10.0 KiB"),
            (1_023_488, "0.98 MiB"),
            (104_857_600, "100 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), shown, "{bytes}");
        }
    }

    #[test]
    fn numbers_have_commas_and_times_two_digits() {
        for (number, shown) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (100_000, "100,000")]
        {
            assert_eq!(count(number), shown);
        }
        assert_eq!((many(1, "file"), many(2000, "file")), ("1 file".into(), "2,000 files".into()));
        assert_eq!(shell_word("lab:bucket/a-b/c.txt"), "lab:bucket/a-b/c.txt");
        assert_eq!(shell_word("lab:bucket/it's $HOME"), r"'lab:bucket/it'\''s $HOME'");
        for (ms, shown) in
            [(0, "1 ms"), (3, "3 ms"), (1234, "1.2 s"), (59_900, "59 s"), (90_000, "1 min 30 s")]
        {
            assert_eq!(took(std::time::Duration::from_millis(ms)), shown);
        }
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, shown) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (90, "1 min 30 s"),
            (43_199, "11 h 59 min"),
            (273_600, "3 d 4 h"),
        ] {
            assert_eq!(span(seconds), shown);
        }
    }
}

//! Command lines in configuration files (`credential_process`), split into arguments without a shell.
//!
//! Nothing is expanded: no variables, no `~`, no wildcards, no pipes. On Unix the quoting is that of a POSIX shell, as
//! Python's `shlex` reads it; on Windows that of the C runtime. botocore has the same two forms.

/// Why a command line cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandLineError {
    /// A quote is opened and never closed.
    #[error("a quotation mark is not closed")]
    OpenQuote,
    /// The last character is a backslash that escapes nothing.
    #[error("a backslash at the end escapes nothing")]
    OpenEscape,
    /// There is no command.
    #[error("the command is empty")]
    Empty,
}

/// Splits as the system does that the program was built for.
///
/// # Errors
/// When quoting is not closed, or there is nothing to run.
pub fn split(text: &str) -> Result<Vec<String>, CommandLineError> {
    let argv = if cfg!(windows) { split_windows(text)? } else { split_posix(text)? };
    if argv.first().is_none_or(String::is_empty) { Err(CommandLineError::Empty) } else { Ok(argv) }
}

/// Splits with the quoting of a POSIX shell: single quotes keep everything, double quotes keep everything but a backslash
/// before `"` or `\`, a backslash outside of quotes keeps the character after it. A `#` begins no comment.
///
/// # Errors
/// When quoting is not closed.
pub fn split_posix(text: &str) -> Result<Vec<String>, CommandLineError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => {
                let kept = letters.next().ok_or(CommandLineError::OpenEscape)?;
                word.get_or_insert_default().push(kept);
            }
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next().ok_or(CommandLineError::OpenQuote)? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => quoted(word.get_or_insert_default(), &mut letters)?,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Reads up to the closing double quote.
fn quoted(word: &mut String, letters: &mut std::str::Chars<'_>) -> Result<(), CommandLineError> {
    loop {
        match letters.next().ok_or(CommandLineError::OpenQuote)? {
            '"' => return Ok(()),
            '\\' => match letters.next().ok_or(CommandLineError::OpenEscape)? {
                c @ ('"' | '\\') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

/// Splits with the quoting of the C runtime of Windows: only spaces and tabs separate, only double quotes quote, and
/// backslashes are themselves unless a double quote follows them, where each two mean one and an odd one keeps the quote.
///
/// # Errors
/// When a quote is not closed.
pub fn split_windows(text: &str) -> Result<Vec<String>, CommandLineError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    let mut backslashes = 0;
    for c in text.chars() {
        if c == '\\' {
            backslashes += 1;
            continue;
        }
        let waiting = std::mem::take(&mut backslashes);
        if c == '"' {
            let word = word.get_or_insert_default();
            word.extend(std::iter::repeat_n('\\', waiting / 2));
            if waiting % 2 == 1 {
                word.push('"');
            } else {
                is_quoted = !is_quoted;
            }
            continue;
        }
        if waiting > 0 {
            word.get_or_insert_default().extend(std::iter::repeat_n('\\', waiting));
        }
        if matches!(c, ' ' | '\t') && !is_quoted {
            words.extend(word.take());
        } else {
            word.get_or_insert_default().push(c);
        }
    }
    if is_quoted {
        return Err(CommandLineError::OpenQuote);
    }
    if backslashes > 0 {
        word.get_or_insert_default().extend(std::iter::repeat_n('\\', backslashes));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn posix_quoting() {
        for (text, words) in [
            ("pintail credentials work", &["pintail", "credentials", "work"][..]),
            ("  a\t b\n", &["a", "b"]),
            ("'/opt/my tool' \"two words\"", &["/opt/my tool", "two words"]),
            (r#"a "say \"hi\" \n \\""#, &["a", r#"say "hi" \n \"#]),
            (r"a\ b c\'d", &["a b", "c'd"]),
            (r"'a\b'", &[r"a\b"]),
            ("a '' \"\"", &["a", "", ""]),
            ("a'b'\"c\"d", &["abcd"]),
            ("a # b $HOME ~ | * ; c", &["a", "#", "b", "$HOME", "~", "|", "*", ";", "c"]),
            ("", &[]),
        ] {
            assert_eq!(split_posix(text).unwrap(), words, "{text}");
        }
        assert_eq!(split_posix("a 'b"), Err(CommandLineError::OpenQuote));
        assert_eq!(split_posix("a \"b"), Err(CommandLineError::OpenQuote));
        assert_eq!(split_posix("a \\"), Err(CommandLineError::OpenEscape));
        assert_eq!(split("  "), Err(CommandLineError::Empty));
        assert_eq!(split("\"\" a"), Err(CommandLineError::Empty));
    }

    #[test]
    fn windows_quoting() {
        for (text, words) in [
            (r"C:\tools\pintail.exe credentials work", &[r"C:\tools\pintail.exe", "credentials", "work"][..]),
            (r#""C:\Program Files\x\" y""#, &["C:\\Program Files\\x\" y"]),
            (r#""C:\Program Files\x\\" y"#, &[r"C:\Program Files\x\", "y"]),
            (r#"a\\\"b c"#, &[r#"a\"b"#, "c"]),
            (r#"a "" 'b c'"#, &["a", "", "'b", "c'"]),
            (r"a\ b\", &[r"a\", r"b\"]),
            ("", &[]),
        ] {
            assert_eq!(split_windows(text).unwrap(), words, "{text}");
        }
        assert_eq!(split_windows("a \"b"), Err(CommandLineError::OpenQuote));
    }

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(words in prop::collection::vec(any::<String>(), 1..6)) {
            let posix: Vec<String> =
                words.iter().map(|w| format!("'{}'", w.replace('\'', "'\\''"))).collect();
            prop_assert_eq!(split_posix(&posix.join(" ")).unwrap(), words.clone());
        }

        #[test]
        fn no_text_is_too_odd(text in any::<String>()) {
            let _ = split_posix(&text);
            let _ = split_windows(&text);
        }
    }
}

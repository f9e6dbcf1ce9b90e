//! Texts of strangers in a POSIX shell script.
//!
//! Pure: texts in, texts out.

/// Quotes a text so that a shell takes it as one word, whatever is in it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Quotes a text in which some parts stand for variables of the script.
pub(super) fn spliced(text: &str, variables: &[(&str, &str)]) -> String {
    for (part, variable) in variables {
        if let Some((before, after)) = text.split_once(part) {
            return format!("{}\"${variable}\"{}", spliced(before, variables), spliced(after, variables));
        }
    }
    if text.is_empty() { String::new() } else { quoted(text) }
}

/// Makes a text safe for a line of comment.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn said(word: &str) -> String {
        let script = format!("A='x y'; printf %s {word}");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_reads_what_was_meant(text in "[ -~\u{e9}\n]{1,30}") {
            prop_assert_eq!(said(&quoted(&text)), text);
        }
    }

    #[test]
    fn variables_are_put_into_place() {
        assert_eq!(
            said(&spliced(r#"{"a":"<1>","b":"it's $HOME"}"#, &[("<1>", "A")])),
            r#"{"a":"x y","b":"it's $HOME"}"#
        );
        assert_eq!(said(&spliced("<1>", &[("<1>", "A")])), "x y");
    }
}

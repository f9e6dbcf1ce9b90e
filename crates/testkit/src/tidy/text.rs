//! Takes Rust text apart as far as rules need: comments and strings away, tests away, lines kept.

/// What is left standing by [`strip`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Code without comments and without what strings say.
    Code,
    /// Code with strings, without comments.
    CodeAndStrings,
}

/// Replaces comments, and strings if asked, by blanks; every line keeps its number.
pub(super) fn strip(text: &str, keep: Keep) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (length, shown) = match rest {
            ['/', '/', ..] => (rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()), false),
            ['/', '*', ..] => (block_comment(rest), false),
            ['"', ..] => (1 + string(&rest[1..]), keep == Keep::CodeAndStrings),
            ['r', '"' | '#', ..] if !continues_word(&bytes, at) => match raw_string(rest) {
                Some(length) => (length, keep == Keep::CodeAndStrings),
                None => (1, true),
            },
            ['\'', '\\', ..] => {
                (2 + rest[2..].iter().skip(1).position(|&c| c == '\'').map_or(1, |end| end + 2), false)
            }
            ['\'', _, '\'', ..] => (3, false),
            _ => (1, true),
        };
        for &letter in &rest[..length.clamp(1, rest.len())] {
            out.push(if shown || letter == '\n' { letter } else { ' ' });
        }
        at += length.max(1);
    }
    out
}

fn continues_word(letters: &[char], at: usize) -> bool {
    at > 0 && (letters[at - 1].is_alphanumeric() || letters[at - 1] == '_')
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => {
                depth += 1;
                at += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of a string after its first quote, its last quote included.
fn string(rest: &[char]) -> usize {
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let start = 2 + hashes;
    let inner = rest[start..].windows(end.len()).position(|window| window == end);
    Some(inner.map_or(rest.len(), |inner| start + inner + end.len()))
}

/// The text before the tests at its end.
pub(super) fn without_tests(text: &str) -> &str {
    let mut offset = 0;
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let opens_tests = lines.peek().is_some_and(|next| next.trim_start().starts_with("mod "));
        if line.trim() == "#[cfg(test)]" && opens_tests {
            return &text[..offset];
        }
        offset += line.len();
    }
    text
}

/// Lines, from 1, that contain a word: the same letters with no letter, digit or `_` on either side.
pub(super) fn lines_with<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.lines().enumerate().filter(|(_, line)| contains_word(line, word)).map(|(index, _)| index + 1)
}

fn contains_word(line: &str, word: &str) -> bool {
    let part = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    let edge = |letter: Option<char>| part(letter);
    line.match_indices(word).any(|(at, _)| {
        let before = edge(word.chars().next()) && part(line[..at].chars().next_back());
        let after = edge(word.chars().next_back()) && part(line[at + word.len()..].chars().next());
        !before && !after
    })
}

#[cfg(test)]
mod tests {
    use super::{Keep, lines_with, strip, without_tests};

    #[test]
    fn comments_and_strings_go_and_lines_stay() {
        let text = "let a = \"x // y\"; // tokio\n/* /* hyper */ */ let b = 'c'; let d: &'static str = r#\"e\"f\"#;\n";
        let code = strip(text, Keep::Code);
        assert_eq!(code.lines().count(), 2);
        for gone in ["tokio", "hyper", "x", "e\"f"] {
            assert!(!code.contains(gone), "{gone} in {code:?}");
        }
        assert!(code.contains("let b") && code.contains("&'static str"), "{code:?}");
        assert!(strip(text, Keep::CodeAndStrings).contains("x // y"));
        assert!(strip("match c { '\"' => 1, '\\'' => 2, _ => println!() }", Keep::Code).contains("println!"));
    }

    #[test]
    fn tests_at_the_end_are_left_out_and_words_are_whole() {
        assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests {\nb\n}\n"), "a\n");
        assert_eq!(without_tests("#[cfg(test)]\nuse x;\n"), "#[cfg(test)]\nuse x;\n");
        assert_eq!(lines_with("tokio_thing\nuse tokio::net;\nautokio", "tokio").collect::<Vec<_>>(), [2]);
        assert_eq!(lines_with("dbg!(1)\nmydbg!(1)", "dbg!").collect::<Vec<_>>(), [1]);
    }
}

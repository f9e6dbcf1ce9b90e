//! Patterns with `*` and `?`, and policy variables in them.
//!
//! Pure: texts in, a verdict out. `*` is any number of characters, `?` is exactly one. From version 2012-10-17 on, `${key}` is
//! the value of a key of the request, `${key, 'default'}` has a value for where it is absent, and `${*}`, `${?}`, `${$}` are
//! those characters themselves. What a variable brings in is text: a `*` in somebody's name is no wildcard.

use super::document::Version;
use super::request::Context;

/// One piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// `*`; whether it may stand for a colon as well.
    Any { colons: bool },
    /// `?`; whether it may stand for a colon as well.
    One { colons: bool },
    /// This character.
    Exactly(char),
}

/// A pattern, ready to be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
}

/// Whether upper and lower case are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Matters,
    Ignored,
}

/// A value of a policy after its variables were put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// What to compare with.
    pub(super) pattern: Pattern,
    /// The same as a text, with the variables' values in it.
    pub(super) text: String,
}

impl Pattern {
    /// Reads a pattern in which nothing but `*` and `?` is special.
    pub(super) fn wild(text: &str) -> Self {
        let pieces = text.chars().map(|c| piece(c, true)).collect();
        Self { pieces }
    }

    /// Reads the pattern of a resource: between the first five colons of an ARN, a wildcard stays in its part, unless it is
    /// a `*` that ends the part.
    ///
    /// Source: IAM User Guide, "Resource" element: a `*` at the end of a part of the ARN can reach beyond the colon.
    pub(super) fn bound_to_parts(mut self) -> Self {
        let mut colons = 0;
        for at in 0..self.pieces.len() {
            let ends_part = matches!(self.pieces.get(at + 1), None | Some(Piece::Exactly(':')));
            match &mut self.pieces[at] {
                Piece::Exactly(':') => colons += 1,
                Piece::Any { colons: crosses } if colons < 5 => *crosses = ends_part,
                Piece::One { colons: crosses } if colons < 5 => *crosses = false,
                _ => {}
            }
        }
        self
    }

    /// Whether it has a wildcard.
    pub(super) fn is_wild(&self) -> bool {
        self.pieces.iter().any(|piece| !matches!(piece, Piece::Exactly(_)))
    }

    /// Whether the whole text fits.
    ///
    /// Costs the product of the lengths in time, and the length of the text in memory, whatever the pattern.
    pub(super) fn matches(&self, text: &str, case: Case) -> bool {
        let text: Vec<char> = text.chars().map(|c| folded(c, case)).collect();
        // Which lengths of the text the pieces so far can stand for.
        let mut reached = vec![false; text.len() + 1];
        reached[0] = true;
        for piece in &self.pieces {
            match *piece {
                Piece::Any { colons } => {
                    for at in 0..text.len() {
                        if reached[at] && (colons || text[at] != ':') {
                            reached[at + 1] = true;
                        }
                    }
                }
                Piece::One { colons } => advance(&mut reached, &text, |c| colons || c != ':'),
                Piece::Exactly(wanted) => {
                    let wanted = folded(wanted, case);
                    advance(&mut reached, &text, |c| c == wanted);
                }
            }
            if !reached.contains(&true) {
                return false;
            }
        }
        reached[text.len()]
    }

    /// Takes it apart at its first five colons, as an ARN is; `None` where there are fewer.
    pub(super) fn arn_parts(&self) -> Option<Vec<Self>> {
        let mut parts: Vec<Vec<Piece>> = vec![Vec::new()];
        for piece in &self.pieces {
            if *piece == Piece::Exactly(':') && parts.len() < 6 {
                parts.push(Vec::new());
            } else if let Some(part) = parts.last_mut() {
                part.push(*piece);
            }
        }
        (parts.len() == 6).then(|| parts.into_iter().map(|pieces| Self { pieces }).collect())
    }
}

fn folded(c: char, case: Case) -> char {
    match case {
        Case::Matters => c,
        // One character for one character: IAM's names are ASCII, and so are the letters that have two cases in them.
        Case::Ignored => {
            let mut lower = c.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(lower), None) => lower,
                _ => c,
            }
        }
    }
}

fn advance(reached: &mut [bool], text: &[char], fits: impl Fn(char) -> bool) {
    for at in (0..text.len()).rev() {
        reached[at + 1] = reached[at] && fits(text[at]);
    }
    reached[0] = false;
}

fn piece(c: char, wild: bool) -> Piece {
    match c {
        '*' if wild => Piece::Any { colons: true },
        '?' if wild => Piece::One { colons: true },
        c => Piece::Exactly(c),
    }
}

/// A part of a value: text, or a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part<'a> {
    /// Text; wildcards in it count.
    Text(&'a str),
    /// `${*}`, `${?}` or `${$}`.
    Character(char),
    /// `${key}`, with the default where it has one.
    Variable { key: &'a str, default: Option<&'a str> },
}

/// Takes a value apart. In version 2008-10-17, and where a brace stays open, `${` is text.
fn parts(text: &str, version: Version) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${").filter(|_| version == Version::V2012) {
        let after = &rest[at + 2..];
        let Some(end) = after.find('}') else { break };
        if at > 0 {
            found.push(Part::Text(&rest[..at]));
        }
        found.push(variable(&after[..end]));
        rest = &after[end + 1..];
    }
    if !rest.is_empty() {
        found.push(Part::Text(rest));
    }
    found
}

fn variable(inside: &str) -> Part<'_> {
    match inside {
        "*" => return Part::Character('*'),
        "?" => return Part::Character('?'),
        "$" => return Part::Character('$'),
        _ => {}
    }
    if let Some((key, default)) = inside.split_once(',') {
        let default = default.trim();
        if let Some(default) = default.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            return Part::Variable { key: key.trim(), default: Some(default) };
        }
    }
    Part::Variable { key: inside.trim(), default: None }
}

/// Puts the variables of a value in.
///
/// # Errors
/// Returns the key of the first variable that has no value: the request has none, or several, and there is no default. Such
/// a value fits nothing.
pub(super) fn resolve(
    text: &str,
    version: Version,
    context: &Context,
    wild: bool,
) -> Result<Resolved, String> {
    let mut pieces = Vec::new();
    let mut shown = String::with_capacity(text.len());
    for part in parts(text, version) {
        match part {
            Part::Text(text) => {
                pieces.extend(text.chars().map(|c| piece(c, wild)));
                shown.push_str(text);
            }
            Part::Character(c) => {
                pieces.push(Piece::Exactly(c));
                shown.push(c);
            }
            Part::Variable { key, default } => {
                let Some(value) = context.single(key).or(default) else { return Err(key.to_owned()) };
                pieces.extend(value.chars().map(Piece::Exactly));
                shown.push_str(value);
            }
        }
    }
    Ok(Resolved { pattern: Pattern { pieces }, text: shown })
}

/// Returns the keys of the variables in a value.
pub(super) fn variables(text: &str, version: Version) -> Vec<&str> {
    let keys = parts(text, version).into_iter().filter_map(|part| match part {
        Part::Variable { key, .. } => Some(key),
        _ => None,
    });
    keys.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(pattern: &str, text: &str) -> bool {
        Pattern::wild(pattern).matches(text, Case::Matters)
    }

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything/at:all", true),
            ("?", "", false),
            ("?", "é", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*.txt", "x.txt.txt", true),
            ("a**b?", "axxbc", true),
            ("a?b", "ab", false),
            ("A", "a", false),
            ("[a]", "[a]", true),
            ("\\*", "\\x", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
        assert!(Pattern::wild("s3:get*").matches("S3:GetObject", Case::Ignored));
    }

    #[test]
    fn many_stars_cost_no_more_than_they_are_long() {
        assert!(!fits(&"a*".repeat(2000), &"a".repeat(1500)));
    }

    #[test]
    fn a_wildcard_in_a_part_of_an_arn_stays_there_unless_it_ends_the_part() {
        let fits = |pattern: &str, text| Pattern::wild(pattern).bound_to_parts().matches(text, Case::Matters);
        assert!(fits("*", "arn:aws:s3:::b/k"));
        assert!(fits("arn:*", "arn:aws:s3:::b/k"));
        assert!(fits("arn:aws:s3:::b*t/*/x", "arn:aws:s3:::bucket/a:b/c/x"));
        assert!(fits("arn:a*s:s3:::b", "arn:aws:s3:::b"));
        assert!(!fits("arn:a*b", "arn:aws:s3:::b"), "not across colons");
        assert!(!fits("arn:aws?s3:::b", "arn:aws:s3:::b"));
    }

    #[test]
    fn variables_bring_text_and_no_wildcards() {
        let mut context = Context::new();
        context.set("aws:username", "ann*").set_all("aws:TagKeys", ["a", "b"]).set("empty", "");
        let shown = |text: &str, version| resolve(text, version, &context, true).map(|r| r.text);
        assert_eq!(shown("x/${aws:UserName}/*", Version::V2012), Ok("x/ann*/*".into()));
        assert_eq!(shown("x/${aws:username}", Version::V2008), Ok("x/${aws:username}".into()));
        assert_eq!(shown("${no:key}", Version::V2012), Err("no:key".into()));
        assert_eq!(shown("${no:key, 'nobody'}", Version::V2012), Ok("nobody".into()));
        assert_eq!(shown("${ no:key , ''}", Version::V2012), Ok(String::new()));
        assert_eq!(shown("${aws:TagKeys}", Version::V2012), Err("aws:TagKeys".into()), "several values");
        assert_eq!(shown("${aws:TagKeys, 'none'}", Version::V2012), Ok("none".into()));
        assert_eq!(shown("${*}${?}${$}{x} ${open", Version::V2012), Ok("*?${x} ${open".into()));
        assert_eq!(shown("<${empty}>", Version::V2012), Ok("<>".into()));
        let resolved = resolve("${aws:username}/${*}*", Version::V2012, &context, true).unwrap();
        assert!(resolved.pattern.matches("ann*/*anything", Case::Matters));
        assert!(!resolved.pattern.matches("anna/*", Case::Matters));
        assert!(!resolved.pattern.matches("ann*/x", Case::Matters));
    }

    /// The rules of wildcards, as plainly as they can be said.
    fn reference(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| reference(rest, &text[skip..])),
            Some((first, rest)) => text
                .split_first()
                .is_some_and(|(c, after)| (*first == '?' || first == c) && reference(rest, after)),
        }
    }

    proptest! {
        #[test]
        fn the_matcher_says_what_the_rules_say(pattern in "[ab*?]{0,7}", text in "[ab]{0,9}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(fits(&pattern, &text), reference(&p, &t));
        }

        #[test]
        fn a_text_without_wildcards_fits_itself_only(text in "[^*?$]{0,12}", other in ".{0,12}") {
            prop_assert!(fits(&text, &text));
            prop_assert_eq!(fits(&text, &other), text == other);
        }
    }
}

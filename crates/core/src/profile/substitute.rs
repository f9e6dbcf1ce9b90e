//! Variables in the texts of a profile: `${name}`, `${name:-default}`, and `$${name}` for the text `${name}` itself.

use std::borrow::Cow;

/// How deeply values and defaults may hold variables themselves. A circle ends here.
const DEPTH_MAX: usize = 8;

/// How long a text may grow, in bytes, before its variables are left as they are.
const LENGTH_MAX: usize = 64 << 10;

/// Replaces the variables of a text. One that is not known and has no default stays as it stands, as does one whose
/// value leads back to itself.
pub(super) fn substitute(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    if !text.contains("${") {
        return text.to_owned();
    }
    let mut budget = LENGTH_MAX;
    expand(text, variable, None, &mut budget)
}

/// A variable whose value is being expanded, and those around it.
struct Inside<'a> {
    name: &'a str,
    depth: usize,
    around: Option<&'a Inside<'a>>,
}

impl Inside<'_> {
    fn has(&self, name: &str) -> bool {
        self.name == name || self.around.is_some_and(|around| around.has(name))
    }
}

fn expand(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    inside: Option<&Inside<'_>>,
    budget: &mut usize,
) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let Some(length) = length_of_variable(&rest[at..]) else { break };
        let whole = &rest[at..at + length];
        if rest[..at].ends_with('$') {
            result.push_str(&rest[..at - 1]);
            result.push_str(whole);
        } else {
            result.push_str(&rest[..at]);
            match value(&whole[2..whole.len() - 1], variable, inside, budget) {
                Some(value) => result.push_str(&value),
                None => result.push_str(whole),
            }
        }
        rest = &rest[at + length..];
    }
    result.push_str(rest);
    result
}

/// Returns what a variable stands for: its value or its default, with the variables in it replaced.
fn value(
    body: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    inside: Option<&Inside<'_>>,
    budget: &mut usize,
) -> Option<String> {
    let (name, default) = match body.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (body, None),
    };
    let depth = inside.map_or(0, |inside| inside.depth);
    if depth == DEPTH_MAX || inside.is_some_and(|inside| inside.has(name)) {
        return None;
    }
    let found = variable(name).map(Cow::Owned).or_else(|| default.map(Cow::Borrowed))?;
    *budget = budget.checked_sub(found.len() + 1)?;
    Some(expand(&found, variable, Some(&Inside { name, depth: depth + 1, around: inside }), budget))
}

/// Returns the length of the variable that a text begins with, to the brace that closes it.
fn length_of_variable(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'$' if bytes.get(at + 1) == Some(&b'{') => {
                open += 1;
                at += 1;
            }
            b'}' if open == 1 => return Some(at + 1),
            b'}' => open -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn variable(name: &str) -> Option<String> {
        match name {
            "scheme" => Some("x-app".to_owned()),
            "empty" => Some(String::new()),
            "outer" => Some("<${scheme}>".to_owned()),
            "self" => Some("a${self}".to_owned()),
            "left" => Some("${right}".to_owned()),
            "right" => Some("${left}".to_owned()),
            "bomb" => Some("x".repeat(1000)),
            "bombs" => Some("${bomb}".repeat(1000)),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced() {
        for (text, expected) in [
            ("", ""),
            ("plain $ { } text", "plain $ { } text"),
            ("${scheme}://oauth", "x-app://oauth"),
            ("a${scheme}b${scheme}", "ax-appbx-app"),
            ("[${empty}]", "[]"),
            ("[${empty:-x}]", "[]"),
            ("${unknown}", "${unknown}"),
            ("${unknown} ${scheme}", "${unknown} x-app"),
            ("${unknown:-d}", "d"),
            ("${unknown:-}", ""),
            ("${unknown:-a:-b}", "a:-b"),
            ("${unknown:-${scheme}}", "x-app"),
            ("$${scheme}", "${scheme}"),
            ("$${scheme}${scheme}", "${scheme}x-app"),
            ("${outer}", "<x-app>"),
            ("${self}", "a${self}"),
            ("${left}", "${left}"),
            ("${scheme", "${scheme"),
            ("${${scheme}", "${${scheme}"),
            ("${}", "${}"),
            ("ä${scheme}ö", "äx-appö"),
        ] {
            assert_eq!(substitute(text, &variable), expected, "{text}");
        }
    }

    #[test]
    fn a_text_does_not_grow_without_end() {
        let length = substitute(&"${bombs}".repeat(100), &variable).len();
        assert!(length < 1 << 20, "{length}");
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[${}:a-]{0,40}") {
            let _ = substitute(&text, &|_| Some("${a:-${b}}".to_owned()));
            prop_assert_eq!(substitute(&text.replace('$', ""), &variable), text.replace('$', ""));
        }
    }
}

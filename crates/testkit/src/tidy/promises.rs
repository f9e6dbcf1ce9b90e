//! The rule that every promise to users has a test that names it.
//!
//! A section of `docs/behaviour.md` has a name in braces, `## Exit codes {#exit-codes}`; a test names it in a comment,
//! `behaviour: exit-codes`, several with commas between them. A name that no section has is a slip and reported too.

use std::collections::BTreeSet;

use super::{House, Violation};

const DOCUMENT: &str = "docs/behaviour.md";
const MARK: &str = "behaviour: ";

/// Every section is named by a test, every name is one section.
///
/// Judged once the app has integration tests: before that there is nothing that could keep a promise.
#[must_use]
pub fn promises(house: &House) -> Vec<Violation> {
    let Some(document) = house.files.iter().find(|file| file.path == DOCUMENT) else { return Vec::new() };
    if !house.rust().any(|file| file.path.starts_with("crates/app/tests/")) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut sections = BTreeSet::new();
    for (index, line) in document.text.lines().enumerate().filter(|(_, line)| line.starts_with("## ")) {
        match line.split_once("{#").and_then(|(_, rest)| rest.split_once('}')) {
            Some((name, _)) if sections.iter().any(|(known, _): &(String, usize)| known == name) => {
                found.push(document.violation(index + 1, format!("a second section {{#{name}}}")));
            }
            Some((name, _)) => {
                sections.insert((name.to_owned(), index + 1));
            }
            None => found.push(document.violation(index + 1, "a section without a name: `{#name}`")),
        }
    }
    let mut tested = BTreeSet::new();
    // The test kit speaks about the convention and keeps no promise.
    for file in house.rust().filter(|file| !file.path.starts_with("crates/testkit/src/")) {
        for (index, line) in file.text.lines().enumerate() {
            let comment = line.trim_start().starts_with("//");
            let Some((_, names)) = line.split_once(MARK).filter(|_| comment) else { continue };
            for name in names.split(',').map(|name| name.trim().trim_end_matches('.')) {
                if !sections.iter().any(|(known, _)| known == name) {
                    found.push(file.violation(index + 1, format!("no section {{#{name}}} in {DOCUMENT}")));
                }
                tested.insert(name.to_owned());
            }
        }
    }
    for (name, line) in sections.into_iter().filter(|(name, _)| !tested.contains(name)) {
        found.push(document.violation(line, format!("no test says `{MARK}{name}`")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_without_a_test_and_a_test_without_a_promise_are_seen() {
        let document = "# Promises\n## Codes {#codes}\n## Output {#output}\n## Listing {#ls}\n## Nameless\n";
        let test = "// behaviour: codes, output\n#[test]\nfn a() {}\n/// behaviour: lss\nfn b() {}\n";
        let house = House::of(&[("docs/behaviour.md", document), ("crates/app/tests/it/main.rs", test)]);
        let found: Vec<_> = promises(&house).iter().map(|found| (found.path.clone(), found.line)).collect();
        let test = "crates/app/tests/it/main.rs".to_owned();
        let document = "docs/behaviour.md".to_owned();
        assert_eq!(found, [(document.clone(), 5), (test, 4), (document, 4)]);
    }

    #[test]
    fn a_section_that_stands_twice_is_seen() {
        let document = "## Secrets {#secrets}\n\n## Others {#others}\n\n## Secrets {#secrets}\n";
        let test = "// behaviour: secrets, others\n";
        let house = House::of(&[("docs/behaviour.md", document), ("crates/app/tests/it/main.rs", test)]);
        let found: Vec<_> = promises(&house).iter().map(|found| (found.path.clone(), found.line)).collect();
        assert_eq!(found, [("docs/behaviour.md".to_owned(), 5)]);
    }

    #[test]
    fn nothing_is_judged_before_the_app_has_tests() {
        assert!(promises(&House::of(&[("docs/behaviour.md", "## Codes {#codes}\n")])).is_empty());
    }
}

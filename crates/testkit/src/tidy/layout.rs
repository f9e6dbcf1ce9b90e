//! Rules about files as a reader meets them: their first line, their length, their name, what is left in them.

use super::text::{Keep, lines_with, strip, without_tests};
use super::{House, Violation};

/// Longest file, without its tests.
const LONGEST: usize = 800;

/// Names that say nothing about what is inside.
const DRAWERS: [&str; 8] = ["common", "helper", "helpers", "manager", "misc", "shared", "util", "utils"];

/// Every Rust file opens with a `//!` paragraph that says what it is for.
#[must_use]
pub fn heads(house: &House) -> Vec<Violation> {
    let sources = house.rust().filter(|file| file.path.contains("/src/"));
    let headless = sources.filter(|file| !file.text.starts_with("//! "));
    headless.map(|file| file.violation(1, "does not open with a `//!` paragraph")).collect()
}

/// No file is longer than 800 lines without its tests.
#[must_use]
pub fn lengths(house: &House) -> Vec<Violation> {
    let lines = |text: &str| without_tests(text).lines().count();
    let long = house.rust().filter(|file| lines(&file.text) > LONGEST);
    long.map(|file| file.violation(LONGEST, format!("{} lines without its tests", lines(&file.text))))
        .collect()
}

/// No module is called `util`, `common` or the like.
#[must_use]
pub fn names(house: &House) -> Vec<Violation> {
    let drawer = |path: &str| {
        let parts = path.trim_end_matches(".rs").split('/');
        parts.into_iter().find(|part| DRAWERS.contains(part)).map(str::to_owned)
    };
    let found = house.rust().filter_map(|file| Some((file, drawer(&file.path)?)));
    found.map(|(file, name)| file.violation(1, format!("`{name}` does not say what is inside"))).collect()
}

/// No placeholder, no debugging print, no ignored test.
#[must_use]
pub fn unfinished(house: &House) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in house.rust() {
        let code = strip(&file.text, Keep::Code);
        for word in ["todo!", "unimplemented!", "dbg!", "#[ignore"] {
            found.extend(lines_with(&code, word).map(|line| file.violation(line, format!("`{word}`"))));
        }
    }
    found
}

/// No text names a folder of somebody's machine, and no lock file a host that only some machines reach.
#[must_use]
pub fn machine_paths(house: &House) -> Vec<Violation> {
    // Put together here, because this file is looked at too.
    let places = ["root", "work", "Users", "opt/wheels"].map(|place| format!("/{place}/"));
    let mut found = Vec::new();
    for file in &house.files {
        for (index, line) in file.text.lines().enumerate() {
            for place in &places {
                let starts = line.match_indices(place.as_str()).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    before.is_none_or(|letter| !letter.is_alphanumeric() && !"._-/])}:>*".contains(letter))
                });
                if starts {
                    found.push(file.violation(index + 1, format!("names `{place}` of some machine")));
                }
            }
            // The package client asks the host it is set up for; a name in the lock would override that.
            if line.trim_start().starts_with("\"resolved\": \"") {
                found.push(file.violation(index + 1, "a package is bound to one host"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_head_is_seen() {
        let house = House::of(&[
            ("crates/core/src/a.rs", "//! Says what it is for.\n"),
            ("crates/core/src/b.rs", "use std::fmt;\n"),
        ]);
        assert_eq!(heads(&house), [house.files[1].violation(1, "does not open with a `//!` paragraph")]);
    }

    #[test]
    fn a_file_that_is_too_long_is_seen_and_its_tests_do_not_count() {
        let long = "//! x\n".repeat(801);
        let tested =
            format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "//! x\n".repeat(799), "// y\n".repeat(99));
        let house = House::of(&[("crates/core/src/a.rs", &long), ("crates/core/src/b.rs", &tested)]);
        assert_eq!(lengths(&house).len(), 1);
    }

    #[test]
    fn a_drawer_is_seen() {
        let house = House::of(&[
            ("crates/core/src/util.rs", ""),
            ("crates/core/src/helpers/mod.rs", ""),
            ("crates/core/src/utility_bill.rs", ""),
        ]);
        assert_eq!(names(&house).len(), 2);
    }

    #[test]
    fn what_is_unfinished_is_seen_and_what_only_speaks_of_it_is_not() {
        let text = format!("// todo! later\nfn a() {{ {}!() }}\n#[{}]\nfn b() {{}}\n", "todo", "ignore");
        let house =
            House::of(&[("crates/core/src/a.rs", &text), ("xtask/src/b.rs", "const A: &str = \"todo!\";")]);
        assert_eq!(unfinished(&house).iter().map(|found| found.line).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn a_machine_is_seen() {
        let bad = format!("see {}ot/notes\n", "/ro");
        let lock = "  \"resolved\": \"https://packages.example/x.tgz\",\n";
        let fine = "https://example.com/Users/items\n";
        let house = House::of(&[("docs/a.md", &bad), ("x/package-lock.json", lock), ("docs/b.md", fine)]);
        assert_eq!(machine_paths(&house).len(), 2, "{:?}", machine_paths(&house));
    }
}

//! Names that break programs: keys of a stranger who means harm, with what Linux must do with each, and odd names of somebody
//! who means none, which must make the round trip or be refused by name.
//!
//! The words for refusals are those of the name rules (`docs/behaviour.md`, section hostile-keys). The keys behind links meet a [`Trap`](crate::trap::Trap).

/// What becomes of a key that is downloaded on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is written where it says.
    Written,
    /// The name is refused, by this rule.
    Refused(&'static str),
    /// The name would do, but something planted in the target is in the way.
    Barred,
}

use Fate::{Barred, Refused, Written};

/// Keys of a stranger that fit into the text. None of those that are written is a folder of another.
pub const HOSTILE: &[(&str, Fate)] = &[
    // Upwards.
    ("..", Refused("dots")),
    ("../x", Refused("dots")),
    ("../../x", Refused("dots")),
    ("../outside/file", Refused("dots")),
    ("../../../../../../../../../../tmp/pintail-escaped", Refused("dots")),
    ("a/..", Refused("dots")),
    ("a/../x", Refused("dots")),
    ("a/../../outside/file", Refused("dots")),
    ("a/b/../../../outside/x", Refused("dots")),
    ("./x", Refused("dots")),
    (".", Refused("dots")),
    ("a/./b", Refused("dots")),
    ("a/.", Refused("dots")),
    ("../", Refused("dots")),
    ("./../x", Refused("dots")),
    ("out/../../outside/x", Refused("dots")),
    // From the top.
    ("/", Refused("empty-part")),
    ("//", Refused("empty-part")),
    ("/x", Refused("empty-part")),
    ("/etc/passwd", Refused("empty-part")),
    ("//server/share", Refused("empty-part")),
    ("/../x", Refused("empty-part")),
    ("a//b", Refused("empty-part")),
    ("a//../../x", Refused("empty-part")),
    ("a///", Refused("empty-part")),
    ("....//x", Refused("empty-part")),
    // What ends names, breaks lines or speaks to terminals.
    ("a\0b", Refused("control")),
    ("../x\0.txt", Refused("dots")),
    ("x\0/../../y", Refused("control")),
    ("a\nb", Refused("control")),
    ("a\r", Refused("control")),
    ("\t", Refused("control")),
    ("a\u{8}b", Refused("control")),
    ("\u{1b}[2J", Refused("control")),
    ("\u{1b}]0;title\u{7}", Refused("control")),
    ("\u{1b}]8;;http://evil.example\u{1b}\\x", Refused("control")),
    ("\u{7f}", Refused("control")),
    ("\u{85}", Refused("control")),
    ("\u{9b}31m", Refused("control")),
    ("file\nerror: all is lost", Refused("control")),
    // Our own.
    (".pintail-0123456789abcdef.part", Refused("unfinished")),
    ("a/.pintail-0123456789ABCDEF.part", Refused("unfinished")),
    // Odd, and harmless here.
    ("...", Written),
    ("..x", Written),
    ("x..", Written),
    ("a/...", Written),
    (".. /x", Written),
    (" ../x", Written),
    ("..\u{a0}/x", Written),
    ("..\\x", Written),
    ("..\\..\\x", Written),
    ("\\x", Written),
    ("C:\\x", Written),
    ("C:x", Written),
    ("C:", Written),
    ("\\\\server\\share\\x", Written),
    ("\\\\?\\C:\\x", Written),
    ("\\\\.\\pipe\\x", Written),
    ("~/x", Written),
    ("~root/.ssh/authorized_keys", Written),
    ("$HOME/x", Written),
    ("${HOME}/x", Written),
    ("$(touch x)", Written),
    ("`touch x`", Written),
    ("; rm -rf x", Written),
    ("| tee x", Written),
    ("&& x", Written),
    ("-rf", Written),
    ("--help", Written),
    ("--", Written),
    ("-", Written),
    ("@x", Written),
    ("%2e%2e/x", Written),
    ("%2e%2e%2fx", Written),
    ("..%2fx", Written),
    ("..%5cx", Written),
    ("%252e%252e%252fx", Written),
    ("%00", Written),
    ("%c0%ae%c0%ae%c0%afx", Written),
    ("\u{2024}\u{2024}/x", Written),
    ("\u{ff0e}\u{ff0e}\u{ff0f}x", Written),
    ("a\u{2215}b", Written),
    ("\u{202e}gpj.exe", Written),
    ("\u{2066}x\u{2069}.txt", Written),
    ("\u{200b}", Written),
    ("\u{feff}x", Written),
    ("\u{fffe}", Written),
    ("\u{ffff}", Written),
    ("\u{10ffff}", Written),
    ("nul", Written),
    ("NUL.txt", Written),
    ("aux.txt", Written),
    ("COM1", Written),
    ("com\u{b9}", Written),
    ("CONIN$", Written),
    ("x:stream", Written),
    ("x::$DATA", Written),
    ("x ", Written),
    ("x.", Written),
    (" ", Written),
    ("file*?<>|\"", Written),
    ("[a-z]", Written),
    ("{a,b}", Written),
    ("'", Written),
    ("<Key>&amp;</Key>", Written),
    ("]]>", Written),
    ("<!--", Written),
    ("Case", Written),
    ("case", Written),
    ("\u{e9}", Written),
    ("e\u{301}", Written),
    (".git/hooks/post-checkout", Written),
    (".bashrc", Written),
    ("dev/null", Written),
    ("proc/self/mem", Written),
    // Through what was planted.
    ("out/x", Barred),
    ("out/file", Barred),
    ("out/new/x", Barred),
    ("deep/er/out/x", Barred),
    ("deep/er/out/new/x", Barred),
    ("here/x", Barred),
    ("here/out/x", Barred),
    ("file-out/x", Barred),
    ("plain/x", Barred),
    ("plain/deep/er/x", Barred),
    ("dangling/x", Barred),
    ("folder", Barred),
];

/// Over what was planted: the link goes, and what it leads to stays.
pub const OVER_LINKS: &[&str] = &["out", "file-out", "dangling", "here", "deep/er/out", "plain"];

/// Keys of which one is a file and a folder of the other's: the file is written, what lies below it refused.
pub const FILE_AND_FOLDER: &[(&str, &str)] =
    &[("a", "a/b"), ("a/b", "a/b/c/d"), ("..x", "..x/..y"), ("a ", "a /b")];

/// Hostile keys that are made of many letters.
#[must_use]
pub fn long() -> Vec<(String, Fate)> {
    vec![
        ("x".repeat(255), Written),
        ("x".repeat(256), Refused("part-too-long")),
        ("\u{e9}".repeat(127), Written),
        ("\u{e9}".repeat(128), Refused("part-too-long")),
        ("x".repeat(1024), Refused("part-too-long")),
        (format!("a/{}/b", "x".repeat(300)), Refused("part-too-long")),
        ("../".repeat(341), Refused("dots")),
        (format!("{}x", "deep/".repeat(200)), Written),
    ]
}

/// All keys of a stranger: [`HOSTILE`], [`OVER_LINKS`] and [`long`].
pub fn hostile() -> impl Iterator<Item = (String, Fate)> {
    let fitting = HOSTILE.iter().map(|(key, fate)| ((*key).to_owned(), *fate));
    let over = OVER_LINKS.iter().map(|key| ((*key).to_owned(), Written));
    fitting.chain(over).chain(long())
}

/// What becomes of the path of a file that goes up and comes down again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trip {
    /// It comes back as it was.
    Round,
    /// It is refused by this rule, on its way up already.
    Refused(&'static str),
}

/// Paths of files as Linux has them, each with other bytes ([`odd_content`]).
#[must_use]
pub fn odd() -> Vec<(String, Trip)> {
    let round = [
        "plain",
        "with space",
        " leading",
        "trailing ",
        "  ",
        ".hidden",
        "..two",
        "...",
        "trailing.",
        "a.b.c.",
        "no extension/.x",
        "UPPER",
        "upper",
        "\u{e9}-composed",
        "e\u{301}-decomposed",
        "\u{1e9b}\u{323}",
        "\u{6f22}\u{5b57}/\u{304b}\u{306a}",
        "\u{5e2}\u{5d1}\u{5e8}\u{5d9}\u{5ea}",
        "\u{627}\u{644}\u{639}\u{631}\u{628}\u{64a}\u{629}",
        "\u{1f600}",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "\u{202e}right to left",
        "\u{a0}",
        "\u{2028}",
        "\u{fffd}",
        "\u{10ffff}",
        "100%",
        "%20",
        "%2F",
        "%",
        "a+b",
        "a b+c%20d",
        "what?",
        "what?x=1&y=2",
        "#hash",
        "a&b",
        "a=b",
        "a;b",
        "a:b",
        "a,b",
        "a@b",
        "a!b",
        "a$b",
        "a^b",
        "a*b",
        "a|b",
        "<a>",
        "(a)",
        "[a]",
        "{a}",
        "a~b",
        "~a",
        "'single'",
        "\"double\"",
        "`back`",
        "back\\slash",
        "\\",
        "C:\\Windows",
        "nul",
        "con.txt",
        "-dash",
        "--double-dash",
        "_",
        "tags<b>&amp;",
        "x.part",
        ".pintail-0123.part",
        "index.html/in/a/folder/of/that/name",
        "versionId=x",
        "?list-type=2",
        "uploads",
        "acl",
    ];
    let deep = |bytes: usize| {
        let mut path = "folder/".repeat(bytes / 7 + 1);
        path.truncate(bytes - 1);
        path.push('x');
        path
    };
    let mut all: Vec<(String, Trip)> = round.iter().map(|path| ((*path).to_owned(), Trip::Round)).collect();
    all.push(("l".repeat(255), Trip::Round));
    all.push(("\u{1f600}".repeat(63), Trip::Round));
    all.push((deep(900), Trip::Round));
    for (path, rule) in [
        ("new\nline", "control"),
        ("tab\there", "control"),
        ("return\r", "control"),
        ("escape\u{1b}[2J", "control"),
        ("delete\u{7f}", "control"),
        ("next\u{85}line", "control"),
        (".pintail-0123456789abcdef.part", "unfinished"),
    ] {
        all.push((path.to_owned(), Trip::Refused(rule)));
    }
    all
}

/// Folders with nothing in them.
pub const EMPTY_FOLDERS: &[&str] = &["empty", "empty too/in/another", "empty\u{e9}", "...empty"];

/// The bytes of an odd file: its own name, and nothing for every fifth.
#[must_use]
pub fn odd_content(number: usize, path: &str) -> String {
    if number % 5 == 4 { String::new() } else { format!("{number}: {path}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_tables_hold_what_they_promise() {
        let all: Vec<(String, Fate)> = hostile().collect();
        assert!(all.len() >= 130, "{}", all.len());
        let keys: BTreeSet<&str> = all.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys.len(), all.len(), "none stands twice");
        assert!(keys.iter().all(|key| (1..=1024).contains(&key.len())));
        let written: Vec<&str> =
            HOSTILE.iter().filter(|(_, fate)| *fate == Written).map(|(key, _)| *key).collect();
        for key in &written {
            let below = format!("{key}/");
            assert!(!written.iter().any(|other| other.starts_with(&below)), "{key:?} is a folder as well");
        }
        let refused: BTreeSet<&str> = all
            .iter()
            .filter_map(|(_, fate)| if let Refused(rule) = fate { Some(*rule) } else { None })
            .collect();
        assert_eq!(refused, BTreeSet::from(["control", "dots", "empty-part", "part-too-long", "unfinished"]));
    }

    #[test]
    fn odd_paths_are_paths() {
        let all = odd();
        let paths: BTreeSet<&str> = all.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths.len(), all.len(), "none stands twice");
        for (path, _) in &all {
            assert!(
                path.len() <= 900 && path.split('/').all(|part| (1..=255).contains(&part.len())),
                "{path:?}"
            );
            let below = format!("{path}/");
            assert!(!paths.iter().any(|other| other.starts_with(&below)), "{path:?} is a folder as well");
        }
        assert_eq!(all.iter().map(|(path, _)| path.len()).max(), Some(900));
    }
}

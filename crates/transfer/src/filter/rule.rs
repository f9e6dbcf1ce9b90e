//! Ordered rules over names: globs in and out, and the lines of ignore files.
//!
//! Pure: patterns and names in, verdicts out.
//!
//! **Globs.** `*` and `?` stop at a slash, `**` does not, `[a-z]`, `[!a-z]` and `{a,b}` are as in shells, `\` takes the next character as
//! it is. A pattern with a slash before its end means a path from the top, any other a name in any folder. A slash at the end means
//! folders only. A pattern that matches a folder matches everything below it.
//!
//! **Ignore files** have gitignore's rules, which are older and different in one thing: below a folder that is ignored, no line of the
//! same file takes anything in again.

use globset::{Candidate, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::name::Name;

/// Why a pattern is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It means nothing.
    #[error("the pattern {0:?} is empty")]
    Empty(String),
    /// It is not closed, or a range in it is upside down.
    #[error("the pattern {pattern:?} cannot be read: {reason}")]
    Glob {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A line of an ignore file cannot be read.
    #[error("line {line} of the ignore file of {folder:?}: {reason}")]
    IgnoreFile {
        /// Which folder's, empty for the top.
        folder: String,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// A pattern for names.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    /// The pattern from the top, without a slash at either end.
    rooted: String,
    folders_only: bool,
    /// Matchers for each part, for as long as parts can be told apart. `None` stands for `**` and everything after.
    parts: Vec<Option<GlobMatcher>>,
    ignore_case: bool,
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is empty or cannot be read.
    pub fn new(pattern: &str, ignore_case: bool) -> Result<Self, RuleError> {
        let folders_only = pattern.ends_with('/');
        let bare = pattern.trim_end_matches('/');
        let rooted = match bare.strip_prefix('/') {
            Some(rooted) => rooted.to_owned(),
            None if bare.contains('/') => bare.to_owned(),
            None => format!("**/{bare}"),
        };
        if bare.trim_start_matches('/').is_empty() {
            return Err(RuleError::Empty(pattern.to_owned()));
        }
        let mut parts = Vec::new();
        // An alternative may hold slashes, so that its parts cannot be told apart.
        for part in rooted.split('/') {
            if part == "**" || part.contains(['{', '}', '[', ']', '\\']) {
                parts.push(None);
                break;
            }
            parts.push(Some(compile(part, pattern, ignore_case)?.compile_matcher()));
        }
        let glob = Self { text: pattern.to_owned(), rooted, folders_only, parts, ignore_case };
        glob.compiled().map(|_| glob)
    }

    /// Returns the pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Tells whether it could match anything below a folder, given as parts.
    fn may_match_below<'a>(&self, folder: impl Iterator<Item = &'a str>) -> bool {
        for (part, expected) in folder.zip(&self.parts) {
            match expected {
                None => return true,
                Some(matcher) if !matcher.is_match(part) => return false,
                Some(_) => {}
            }
        }
        true
    }

    /// The globs that together match what the rule means: what it names, and everything below.
    fn compiled(&self) -> Result<[globset::Glob; 2], RuleError> {
        let below = format!("{}/**", self.rooted);
        // Candidates of folders keep their slash.
        let named = if self.folders_only { format!("{}/", self.rooted) } else { self.rooted.clone() };
        Ok([compile(&named, &self.text, self.ignore_case)?, compile(&below, &self.text, self.ignore_case)?])
    }
}

fn compile(glob: &str, pattern: &str, ignore_case: bool) -> Result<globset::Glob, RuleError> {
    GlobBuilder::new(glob)
        .literal_separator(true)
        .backslash_escape(true)
        .case_insensitive(ignore_case)
        .build()
        .map_err(|error| RuleError::Glob { pattern: pattern.to_owned(), reason: error.kind().to_string() })
}

/// One rule.
#[derive(Clone, Debug)]
enum Rule {
    Include(Glob),
    Exclude(Glob),
    Ignore(IgnoreFile),
}

/// The lines of one ignore file.
#[derive(Clone, Debug)]
struct IgnoreFile {
    /// The folder it lies in, with its slash; empty for the top.
    folder: String,
    lines: Gitignore,
    /// A line may take something in again.
    takes_in: bool,
}

impl IgnoreFile {
    /// Tells what the file says of a name: left out, taken in, or nothing.
    fn verdict(&self, name: &Name) -> Option<Verdict> {
        let below = name.as_str().strip_prefix(&self.folder)?;
        let bare = below.strip_suffix('/').unwrap_or(below);
        if bare.is_empty() {
            return None;
        }
        let folders = bare.match_indices('/').map(|(at, _)| (&bare[..at], true));
        for (path, is_folder) in folders.filter(|(path, _)| !path.is_empty()) {
            if let Match::Ignore(_) = self.lines.matched(path, is_folder) {
                return Some(Verdict::Out);
            }
        }
        match self.lines.matched(bare, name.is_folder()) {
            Match::Ignore(_) => Some(Verdict::Out),
            Match::Whitelist(_) => Some(Verdict::In),
            Match::None => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    In,
    Out,
}

/// What a pattern does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// It takes in.
    Include,
    /// It leaves out.
    Exclude,
}

/// Ordered rules; the last that matches wins.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    globs: GlobSet,
    /// Which rule each two globs of the set belong to.
    owners: Vec<usize>,
    ignore_case: bool,
}

impl Rules {
    /// Begins without rules: everything takes part.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins without rules; the globs to come match letters in any case. Ignore files keep to the case.
    pub fn ignoring_case() -> Self {
        Self { ignore_case: true, ..Self::default() }
    }

    /// Takes in what matches, as far as no later rule leaves it out.
    ///
    /// # Errors
    /// When the pattern cannot be read.
    pub fn include(&mut self, pattern: &str) -> Result<(), RuleError> {
        self.add([(Sense::Include, pattern)])
    }

    /// Leaves out what matches, as far as no later rule takes it in.
    ///
    /// # Errors
    /// When the pattern cannot be read.
    pub fn exclude(&mut self, pattern: &str) -> Result<(), RuleError> {
        self.add([(Sense::Exclude, pattern)])
    }

    /// Adds patterns in their order. Many are best added at once: all rules are compiled anew.
    ///
    /// # Errors
    /// At the first pattern that cannot be read, or when all together are too large; then none of them was added.
    pub fn add<'a>(&mut self, patterns: impl IntoIterator<Item = (Sense, &'a str)>) -> Result<(), RuleError> {
        let before = self.rules.len();
        let added = patterns.into_iter().try_for_each(|(sense, pattern)| {
            let glob = Glob::new(pattern, self.ignore_case)?;
            self.rules.push(match sense {
                Sense::Include => Rule::Include(glob),
                Sense::Exclude => Rule::Exclude(glob),
            });
            Ok(())
        });
        let compiled = added.and_then(|()| self.compile());
        if compiled.is_err() {
            self.rules.truncate(before);
        }
        compiled
    }

    /// Adds the lines of an ignore file that lies in a folder (with its slash; empty for the top).
    ///
    /// # Errors
    /// At the first line that cannot be read.
    pub fn ignore_file(&mut self, folder: &str, text: &str) -> Result<(), RuleError> {
        let mut builder = GitignoreBuilder::new("");
        let mut takes_in = false;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            takes_in |= line.starts_with('!');
            builder.add_line(None, line).map_err(|error| RuleError::IgnoreFile {
                folder: folder.to_owned(),
                line: index + 1,
                reason: error.to_string(),
            })?;
        }
        let lines = builder.build().map_err(|error| RuleError::IgnoreFile {
            folder: folder.to_owned(),
            line: text.lines().count(),
            reason: error.to_string(),
        })?;
        self.rules.push(Rule::Ignore(IgnoreFile { folder: folder.to_owned(), lines, takes_in }));
        Ok(())
    }

    /// Forgets the ignore files of folders that a walk has left: all but those of a folder and the ones above it.
    pub fn forget_ignore_files_outside(&mut self, folder: &str) {
        self.rules.retain(|rule| !matches!(rule, Rule::Ignore(file) if !folder.starts_with(&file.folder)));
        self.owners = self.glob_rules();
    }

    /// Tells whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns the rule that leaves a name out, `None` when it takes part.
    pub fn excluded_by(&self, name: &Name) -> Option<usize> {
        let (rule, verdict) = self.last_match(name)?;
        (verdict == Verdict::Out).then_some(rule)
    }

    /// Tells whether anything below a folder could take part. False is certain, true is not.
    pub fn may_include_below(&self, folder: &Name) -> bool {
        let Some(excluded_by) = self.excluded_by(folder) else { return true };
        self.rules[excluded_by + 1..].iter().any(|rule| match rule {
            Rule::Include(glob) => glob.may_match_below(folder.parts()),
            Rule::Exclude(_) => false,
            // A file of a folder below could only be met by entering it.
            Rule::Ignore(file) => file.takes_in && folder.as_str().starts_with(&file.folder),
        })
    }

    fn last_match(&self, name: &Name) -> Option<(usize, Verdict)> {
        let globbed = if self.owners.is_empty() {
            None
        } else {
            let candidate = Candidate::new(name.as_str());
            let bare = name.as_str().strip_suffix('/').map(Candidate::new);
            let with_slash = self.globs.matches_candidate(&candidate);
            // A folder is named with its slash by patterns for folders, and without by others.
            let without = bare.map(|bare| self.globs.matches_candidate(&bare)).unwrap_or_default();
            with_slash.into_iter().chain(without).map(|index| self.owners[index / 2]).max()
        };
        let globbed = globbed.map(|rule| match &self.rules[rule] {
            Rule::Include(_) => (rule, Verdict::In),
            Rule::Exclude(_) | Rule::Ignore(_) => (rule, Verdict::Out),
        });
        let after = globbed.map_or(0, |(rule, _)| rule + 1);
        for (index, rule) in self.rules.iter().enumerate().skip(after).rev() {
            if let Rule::Ignore(file) = rule
                && let Some(verdict) = file.verdict(name)
            {
                return Some((index, verdict));
            }
        }
        globbed
    }

    fn compile(&mut self) -> Result<(), RuleError> {
        let mut set = GlobSetBuilder::new();
        for rule in &self.rules {
            let (Rule::Include(glob) | Rule::Exclude(glob)) = rule else { continue };
            for compiled in glob.compiled()? {
                set.add(compiled);
            }
        }
        self.globs = set.build().map_err(|error| RuleError::Glob {
            pattern: error.glob().unwrap_or_default().to_owned(),
            reason: error.kind().to_string(),
        })?;
        self.owners = self.glob_rules();
        Ok(())
    }

    /// The numbers of the rules that are globs, in their order.
    fn glob_rules(&self) -> Vec<usize> {
        let globs = self.rules.iter().enumerate().filter(|(_, rule)| !matches!(rule, Rule::Ignore(_)));
        globs.map(|(index, _)| index).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    /// Rules as a line: `+` takes in, `-` leaves out.
    fn rules(line: &str) -> Rules {
        let mut rules = Rules::new();
        for rule in line.split(' ').filter(|rule| !rule.is_empty()) {
            let (sign, pattern) = rule.split_at(1);
            if sign == "+" {
                rules.include(pattern).unwrap();
            } else {
                rules.exclude(pattern).unwrap();
            };
        }
        rules
    }

    #[test]
    fn the_last_rule_that_matches_wins() {
        for (line, taken, left) in [
            ("", "a b/c", ""),
            ("-*.tmp", "a tmp a.tmpx", "a.tmp b/c.tmp .tmp"),
            ("-* +*.jpg", "a.jpg b/c.jpg", "a b/c a.JPG"),
            ("+*.jpg -*", "", "a.jpg b"),
            ("-/a", "b/a", "a a/b a/b/c a/"),
            ("-a", "ab", "a a/b b/a b/a/c"),
            ("-a/", "a b/a", "a/ a/b b/a/c"),
            ("-a/b", "b x/a/b a", "a/b a/b/c"),
            ("-a/*/c", "a/c a/b/x/c", "a/b/c a/b/c/d"),
            ("-a/**/c", "b/c", "a/c a/b/c a/b/x/c"),
            (
                "-**/node_modules +node_modules/keep",
                "node_modules/keep node_modules/keep/x",
                "node_modules/x a/node_modules/keep",
            ),
            ("-[a-c]?", "a d1", "a1 x/c2"),
            ("-{a,b}.txt", "c.txt", "a.txt x/b.txt"),
            ("-\\*", "a", "* x/*"),
            ("-.*", "a a.b", ".git .git/x a/.b"),
            ("-* +a/** -a/b/", "a/x a/c/d", "a/b/ a/b/x c"),
        ] {
            let rules = rules(line);
            for taken in taken.split(' ').filter(|name| !name.is_empty()) {
                assert_eq!(rules.excluded_by(&name(taken)), None, "{line:?} takes {taken}");
            }
            for left in left.split(' ').filter(|name| !name.is_empty()) {
                assert!(rules.excluded_by(&name(left)).is_some(), "{line:?} leaves out {left}");
            }
        }
    }

    #[test]
    fn case_counts_unless_it_is_said_not_to() {
        let mut rules = Rules::ignoring_case();
        rules.exclude("*.JPG").unwrap();
        assert_eq!(rules.excluded_by(&name("a/b.jpg")), Some(0));
        assert!(rules.excluded_by(&name("a/b.png")).is_none());
    }

    #[test]
    fn folders_are_not_entered_when_nothing_below_can_be_taken() {
        for (line, entered, passed) in [
            ("-*.tmp", "a/ b/c/", "x.tmp/"),
            ("-*", "", "a/ b/c/"),
            ("-* +*.jpg", "a/ b/c/", ""),
            ("-* +/a/b/**", "a/ a/b/ a/b/c/", "b/ a/c/ a/c/b/"),
            ("-* +/photos/*/raw/**", "photos/ photos/x/ photos/x/raw/", "music/ photos/x/jpg/"),
            ("-* +/{a,b/c}/d", "a/ b/ x/", ""),
            ("-a/ +/a/b", "a/ b/", "a/c/"),
        ] {
            let rules = rules(line);
            for folder in entered.split(' ').filter(|name| !name.is_empty()) {
                assert!(rules.may_include_below(&name(folder)), "{line:?} enters {folder}");
            }
            for folder in passed.split(' ').filter(|name| !name.is_empty()) {
                assert!(!rules.may_include_below(&name(folder)), "{line:?} passes {folder}");
            }
        }
    }

    #[test]
    fn ignore_files_have_gitignores_rules() {
        let mut rules = Rules::new();
        rules.ignore_file("", "# build\n*.o\n!keep.o\n/target\nlogs/\n\\#x\ndoc/*.txt\n").unwrap();
        rules.ignore_file("sub/", "*.c\n!x.o\n").unwrap();
        for left in [
            "a.o",
            "sub/a.o",
            "target",
            "target/x",
            "target/keep.o",
            "logs/",
            "a/logs/x",
            "#x",
            "doc/a.txt",
            "sub/a.c",
            "sub/d/a.c",
        ] {
            assert!(rules.excluded_by(&name(left)).is_some(), "{left}");
        }
        for taken in [
            "keep.o",
            "a/target",
            "logs",
            "doc/x/a.txt",
            "a.c",
            "sub/x.o",
            "sub/d/x.o",
            "/",
            "/x",
            "a//b",
            "sub/",
        ] {
            assert!(rules.excluded_by(&name(taken)).is_none(), "{taken}");
        }
        assert!(!rules.may_include_below(&name("target/")));
        rules.forget_ignore_files_outside("other/");
        assert!(rules.excluded_by(&name("sub/a.c")).is_none() && rules.excluded_by(&name("a.o")).is_some());
    }

    #[test]
    fn many_patterns_are_added_at_once_or_not_at_all() {
        let names: Vec<String> = (0..2_000).map(|number| format!("build-{number}/")).collect();
        let mut rules = Rules::new();
        rules.add(names.iter().map(|name| (Sense::Exclude, name.as_str()))).unwrap();
        assert_eq!(rules.excluded_by(&name("a/build-1999/x")), Some(1999));
        assert!(rules.add([(Sense::Include, "a"), (Sense::Exclude, "[z-a]")]).is_err());
        assert_eq!(rules.excluded_by(&name("a/build-7/x")), Some(7));
        rules.ignore_file("sub/", "x\n").unwrap();
        rules.include("build-7/keep").unwrap();
        assert_eq!(rules.excluded_by(&name("build-7/keep")), None);
        rules.forget_ignore_files_outside("");
        assert_eq!(rules.excluded_by(&name("build-7/keep")), None);
        assert_eq!(rules.excluded_by(&name("build-8/keep")), Some(8));
    }

    #[test]
    fn rules_after_an_ignore_file_are_stronger() {
        let mut rules = Rules::new();
        rules.ignore_file("", "*.o\n").unwrap();
        rules.include("important.o").unwrap();
        assert_eq!(rules.excluded_by(&name("a/important.o")), None);
        assert_eq!(rules.excluded_by(&name("a.o")), Some(0));
        rules.ignore_file("", "important.*\n").unwrap();
        assert_eq!(rules.excluded_by(&name("a/important.o")), Some(2));
    }

    #[test]
    fn patterns_that_cannot_be_read_say_why() {
        for bad in ["", "/", "a[", "{a", "[z-a]"] {
            assert!(Rules::new().exclude(bad).is_err(), "{bad:?}");
        }
        assert!(matches!(
            Rules::new().ignore_file("a/", "ok\n[z-a]\n"),
            Err(RuleError::IgnoreFile { line: 2, .. })
        ));
    }

    proptest! {
        /// No panic over any pattern and name, and a folder that is not entered holds nothing that would be taken.
        #[test]
        fn nothing_that_is_taken_lies_in_a_folder_that_is_passed(
            patterns in proptest::collection::vec(("[+-]", "/?([ab*]|\\*\\*|\\?)(/([ab*]|\\*\\*)){0,2}/?"), 0..5),
            path in "[ab](/[ab]){0,3}",
        ) {
            let mut rules = Rules::new();
            for (sign, pattern) in &patterns {
                let added = if sign == "+" { rules.include(pattern) } else { rules.exclude(pattern) };
                prop_assume!(added.is_ok());
            }
            if rules.excluded_by(&name(&path)).is_none() {
                for (at, _) in path.match_indices('/') {
                    prop_assert!(rules.may_include_below(&name(&path[..=at])), "{:?} {}", patterns, path);
                }
            }
        }

        #[test]
        fn no_pattern_and_no_name_makes_it_panic(pattern in "\\PC{1,12}", text in "[a/.\\\\!\\PC]{1,12}") {
            let mut rules = Rules::new();
            let _ = rules.exclude(&pattern);
            let _ = rules.ignore_file("", &pattern);
            let _ = rules.excluded_by(&name(&text));
            let _ = rules.may_include_below(&name(&format!("{text}/")));
        }
    }
}

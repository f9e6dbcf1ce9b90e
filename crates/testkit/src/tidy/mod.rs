//! The rules of the house as functions: each takes the sources and returns what breaks it.
//!
//! They hold what the compiler cannot: which file reads the environment, which folder prints, which crate may know
//! which. `tests/tidy.rs` applies them to the checkout; the tests beside each rule apply it to a bad sample, so that
//! a rule that has gone blind is seen. A rule looks at text, not at meaning: it stops slips, not intent.

mod layout;
mod promises;
mod text;
mod walls;

use std::fmt;
use std::fs;
use std::path::Path;

pub use layout::{heads, lengths, machine_paths, names, unfinished};
pub use promises::promises;
pub use walls::{arrows, cli_layers, environment, printing, purity, wire};

/// A rule: takes the house, returns what breaks it.
pub type Rule = fn(&House) -> Vec<Violation>;

/// Every rule by name.
pub const RULES: [(&str, Rule); 12] = [
    ("every file opens with what it is for", heads),
    ("no file is too long", lengths),
    ("no module is a drawer", names),
    ("nothing is left unfinished", unfinished),
    ("no machine is named", machine_paths),
    ("lower never depends on higher", arrows),
    ("pure files do nothing", purity),
    ("one file reads the environment", environment),
    ("one folder prints", printing),
    ("one crate names the S3 wire", wire),
    ("the command line knows operations only", cli_layers),
    ("every promise has a test", promises),
];

/// What breaks a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path from the root of the checkout.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.problem)
    }
}

/// One file of the checkout.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path from the root, with `/` between its parts.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The files that rules look at.
#[derive(Debug, Clone, Default)]
pub struct House {
    /// In order of their paths.
    pub files: Vec<Source>,
}

impl House {
    /// Reads the text files of a checkout, leaving out what is built or hidden.
    ///
    /// # Errors
    /// Where a folder cannot be read.
    pub fn read(root: &Path) -> Result<Self, String> {
        let mut house = Self::default();
        house.read_folder(root, "")?;
        house.files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(house)
    }

    /// Builds a house of literal files, for the samples of a rule.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let source =
            |(path, text): &(&str, &str)| Source { path: (*path).to_owned(), text: (*text).to_owned() };
        Self { files: files.iter().map(source).collect() }
    }

    /// Rust files of products, test kit and tools.
    pub fn rust(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// Rust files below `src` of one of these crates.
    pub fn sources_of<'a>(&'a self, crates: &'a [&str]) -> impl Iterator<Item = &'a Source> {
        self.rust().filter(move |file| {
            crates.iter().any(|name| file.path.starts_with(&format!("crates/{name}/src/")))
        })
    }

    fn read_folder(&mut self, root: &Path, below: &str) -> Result<(), String> {
        let folder = root.join(below);
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let entry = entry.map_err(|error| error.to_string())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            let kind = entry.file_type().map_err(|error| error.to_string())?;
            if ["target", ".git", "node_modules"].contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() {
                self.read_folder(root, &path)?;
            } else if kind.is_file()
                && let Ok(text) = fs::read_to_string(entry.path())
            {
                self.files.push(Source { path, text });
            }
        }
        Ok(())
    }
}

impl Source {
    /// A violation in this file.
    #[must_use]
    pub fn violation(&self, line: usize, problem: impl Into<String>) -> Violation {
        Violation { path: self.path.clone(), line, problem: problem.into() }
    }
}

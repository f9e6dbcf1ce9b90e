//! The configuration of the AWS command line and SDKs: the files `config` and `credentials`, and what a profile in them means.
//!
//! [`SharedConfig::parse`] takes the two texts, [`SharedConfig::resolve`] says where a profile's credentials come from and
//! which endpoints it wants. Which files are read, environment variables, and every exchange with a server are the
//! caller's. The model is botocore: what the AWS command line makes of a file, this module makes of it, with the
//! tolerance that `grammar` lists. Nothing here prints a value of a file, except those that an error is about.

pub mod edit;
mod error;
mod grammar;
mod resolve;

use std::collections::BTreeMap;
use std::fmt;

pub use error::ResolveError;
use grammar::{Entries, Value};
pub use resolve::{Resolved, Source, StsEndpoints};

use crate::command_line;
use crate::foreign_text::{self, TextError};
use crate::retry::Retry;

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `~/.aws/config`.
    Config,
    /// `~/.aws/credentials`.
    Credentials,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "AWS config file",
            Self::Credentials => "AWS credentials file",
        })
    }
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is no text of moderate size.
    #[error("the {file} cannot be read")]
    Text {
        /// Which file.
        file: FileKind,
        /// What is wrong with it.
        #[source]
        source: TextError,
    },
    /// A line of it breaks the grammar.
    #[error("{file}, line {line}: {problem}: {text}")]
    Line {
        /// Which file.
        file: FileKind,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
        /// Its beginning, in quotes, printable, and without what may be a key.
        text: String,
    },
    /// The section `[DEFAULT]` would be copied into more sections than real files have.
    #[error("{file}: the section [DEFAULT] is too large for so many sections")]
    TooManyDefaults {
        /// Which file.
        file: FileKind,
    },
}

impl ConfigError {
    /// Says what would have to change: the file.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// The two files, read together.
#[derive(Clone, Debug, Default)]
pub struct SharedConfig {
    names: Vec<String>,
    profiles: BTreeMap<String, Profile>,
    sso_sessions: BTreeMap<String, Entries>,
    services: BTreeMap<String, Entries>,
}

/// One profile: what both files say under its name.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    config: Entries,
    credentials: Entries,
}

impl SharedConfig {
    /// Reads the files; `None` stands for one that does not exist.
    ///
    /// In `config` the sections `[default]` and `[profile NAME]` are profiles, `[sso-session NAME]` and `[services NAME]`
    /// are what profiles refer to (names may be quoted), and all others are skipped. In `credentials` every section is a
    /// profile.
    ///
    /// # Errors
    /// When a file is larger than [`foreign_text::FILE_SIZE_MAX`], is not UTF-8, or breaks the grammar.
    pub fn parse(config: Option<&[u8]>, credentials: Option<&[u8]>) -> Result<Self, ConfigError> {
        let mut shared = Self::default();
        for (name, entries) in read(FileKind::Config, config)? {
            if name == "default" {
                shared.place(name).config = entries;
            } else if let Some(name) = referred(&name, "profile") {
                shared.place(name).config = entries;
            } else if let Some(name) = referred(&name, "sso-session") {
                shared.sso_sessions.insert(name, entries);
            } else if let Some(name) = referred(&name, "services") {
                shared.services.insert(name, entries);
            }
        }
        for (name, entries) in read(FileKind::Credentials, credentials)? {
            shared.place(name).credentials = entries;
        }
        Ok(shared)
    }

    /// Returns the names of all profiles, in the order of the files, those of `config` first.
    pub fn profiles(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Returns a profile. Names are compared as they stand.
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    fn place(&mut self, name: String) -> &mut Profile {
        if !self.profiles.contains_key(&name) {
            self.names.push(name.clone());
        }
        self.profiles.entry(name).or_default()
    }
}

impl Profile {
    /// Returns the value of a key, whose name is in lower case. A key of both files has the value of `credentials`.
    ///
    /// The value may be a secret. `None` also for a key with a nested block.
    pub fn get(&self, key: &str) -> Option<&str> {
        match self.entry(key)? {
            Value::Text(text) => Some(text.expose()),
            Value::Nested(_) => None,
        }
    }

    /// Returns a value of a nested block, such as `addressing_style` of `s3`. Keys inside a block keep their case.
    pub fn get_nested(&self, key: &str, inner: &str) -> Option<&str> {
        nested(self.entry(key)?, inner)
    }

    /// Returns the names of all keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let more = self.credentials.keys().filter(|key| !self.config.contains_key(*key));
        let mut keys: Vec<&str> = self.config.keys().chain(more).map(String::as_str).collect();
        keys.sort_unstable();
        keys.into_iter()
    }

    fn entry(&self, key: &str) -> Option<&Value> {
        self.credentials.get(key).or_else(|| self.config.get(key))
    }
}

fn read(file: FileKind, bytes: Option<&[u8]>) -> Result<Vec<(String, Entries)>, ConfigError> {
    let Some(bytes) = bytes else { return Ok(Vec::new()) };
    let text = foreign_text::decode(bytes).map_err(|source| ConfigError::Text { file, source })?;
    grammar::sections(file, text)
}

/// Returns `NAME` of a section `[KIND NAME]`, where the name may be quoted. Like botocore, this looks at the beginning
/// and the number of words only.
fn referred(section: &str, kind: &str) -> Option<String> {
    if !section.starts_with(kind) {
        return None;
    }
    let words = command_line::split_posix(section).ok()?;
    <[String; 2]>::try_from(words).ok().map(|[_, name]| name)
}

fn text<'a>(entries: &'a Entries, key: &str) -> Option<&'a str> {
    match entries.get(key)? {
        Value::Text(text) => Some(text.expose()),
        Value::Nested(_) => None,
    }
}

fn nested<'a>(value: &'a Value, inner: &str) -> Option<&'a str> {
    match value {
        Value::Text(_) => None,
        Value::Nested(block) => block.get(inner).map(crate::secret::Secret::expose),
    }
}

#[cfg(test)]
mod tests;

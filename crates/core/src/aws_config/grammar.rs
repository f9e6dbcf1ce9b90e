//! The grammar of the AWS configuration files, as botocore reads it (Python's `configparser` in its raw form).
//!
//! - A line whose first visible character is `#` or `;` is a comment, also inside a block. There are no inline comments:
//!   `region = eu-west-1 # Ireland` has the value `eu-west-1 # Ireland`.
//! - `[name]` opens a section; what follows the last `]` of the line is skipped. Keys end at the first `=` or `:` and are
//!   put into lower case; values lose the white space around them.
//! - A line that is indented deeper than its key continues the value. Where nothing follows the `=` itself, the lines
//!   below are a nested block of `key = value` (only `=` here, and keys keep their case).
//! - Keys of a section `[DEFAULT]` count in every section of the file.
//!
//! In two places this reader takes what botocore refuses, as other SDKs do: a section that comes twice is merged, and of
//! a key that comes twice the last one counts.

use std::collections::BTreeMap;

use super::{ConfigError, FileKind};
use crate::foreign_text::{lines, shown};
use crate::secret::Secret;

/// What stands behind a key. Any of it may be secret, so none of it is printed.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(Secret),
    Nested(BTreeMap<String, Secret>),
}

impl Value {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.expose().len(),
            Self::Nested(inner) => {
                inner.iter().map(|(key, text)| key.len() + text.expose().len() + 100).sum()
            }
        }
    }
}

/// The keys of one section.
pub(super) type Entries = BTreeMap<String, Value>;

/// The name of the section whose keys count in all others.
const INHERITED: &str = "DEFAULT";

/// The lines of a value while they are collected, each with its number.
struct Lines<'a>(Vec<(usize, &'a str)>);

/// Reads the sections of one file, in the order in which they first appear.
pub(super) fn sections(file: FileKind, text: &str) -> Result<Vec<(String, Entries)>, ConfigError> {
    let mut collected: Vec<(&str, BTreeMap<String, Lines<'_>>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut section: Option<usize> = None;
    let mut key: Option<String> = None;
    let mut key_indent = 0;
    for (number, line) in (1..).zip(lines(text)) {
        let fault = |problem| ConfigError::Line { file, line: number, problem, text: shown(line) };
        let content = line.trim();
        if content.starts_with(['#', ';']) {
            continue;
        }
        let open = match (section, &key) {
            (Some(at), Some(key)) => collected[at].1.get_mut(key),
            _ => None,
        };
        if content.is_empty() {
            if let Some(value) = open {
                value.0.push((number, ""));
            }
            continue;
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        if let Some(value) = open.filter(|_| indent > key_indent) {
            value.0.push((number, content));
            continue;
        }
        key_indent = indent;
        if let Some(name) = section_name(content) {
            let at = *places.entry(name).or_insert_with(|| {
                collected.push((name, BTreeMap::new()));
                collected.len() - 1
            });
            (section, key) = (Some(at), None);
            continue;
        }
        let at = section.ok_or_else(|| fault("a line stands before the first [section]"))?;
        let end = content
            .find(['=', ':'])
            .ok_or_else(|| fault("a line is neither [section] nor key = value nor a continuation"))?;
        let name = content[..end].trim().to_lowercase();
        if name.is_empty() {
            return Err(fault("the name of the key is missing"));
        }
        let value = Lines(vec![(number, content[end + 1..].trim())]);
        collected[at].1.insert(name.clone(), value);
        key = Some(name);
    }
    finished(file, collected)
}

fn section_name(content: &str) -> Option<&str> {
    let inside = content.strip_prefix('[')?;
    let end = inside.rfind(']')?;
    Some(&inside[..end]).filter(|name| !name.is_empty())
}

fn finished(
    file: FileKind,
    collected: Vec<(&str, BTreeMap<String, Lines<'_>>)>,
) -> Result<Vec<(String, Entries)>, ConfigError> {
    let mut inherited = Entries::new();
    let mut sections = Vec::with_capacity(collected.len());
    for (name, values) in collected {
        let mut entries = Entries::new();
        for (key, value) in values {
            entries.insert(key, value.finished(file)?);
        }
        if name == INHERITED {
            inherited = entries;
        } else {
            sections.push((name.to_owned(), entries));
        }
    }
    // Copied into a hundred thousand sections, half a megabyte would become fifty gigabytes.
    const COPIED_BYTES_MAX: usize = 16 << 20;
    let one_copy: usize = inherited.iter().map(|(key, value)| key.len() + value.size_bytes() + 100).sum();
    if one_copy.saturating_mul(sections.len()) > COPIED_BYTES_MAX {
        return Err(ConfigError::TooManyDefaults { file });
    }
    for (_, entries) in &mut sections {
        for (key, value) in &inherited {
            if !entries.contains_key(key) {
                entries.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(sections)
}

impl Lines<'_> {
    fn finished(self, file: FileKind) -> Result<Value, ConfigError> {
        let joined = Secret::new(self.0.iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n"));
        let text = Secret::new(joined.expose().trim_end());
        if !text.expose().starts_with('\n') {
            return Ok(Value::Text(text));
        }
        let mut nested = BTreeMap::new();
        for (number, line) in self.0.into_iter().filter(|(_, line)| !line.is_empty()) {
            let (key, value) = line.split_once('=').ok_or_else(|| ConfigError::Line {
                file,
                line: number,
                problem: "a line of a nested block is not key = value",
                text: shown(line),
            })?;
            nested.insert(key.trim().to_owned(), Secret::new(value.trim()));
        }
        Ok(Value::Nested(nested))
    }
}

//! Edits the configuration file of AWS's tools: one profile of ours goes in, is brought up to date, or comes out, and every
//! other byte stays.
//!
//! Lines are told apart as botocore's reader does it (Python's `configparser`): a header or a key begins at the margin, an
//! indented line goes on with the key above it, `#` and `;` at the beginning of a line make a comment. A comment in the section
//! says that it is ours. Keys that the person adds to our section are theirs: they survive an update, and a removal too.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// How the comment begins that makes a section ours.
const MARK: &str = "# Written by `pintail aws-config`";
/// The rest of that comment.
const MARK_REST: &str = "; `--remove` takes it out.";
/// The keys that may be ours in such a section, but for `s3`, which others may have things in.
const OUR_KEYS: [&str; 6] = [
    "credential_process",
    "region",
    "endpoint_url",
    "ca_bundle",
    "use_dualstack_endpoint",
    "use_fips_endpoint",
];
/// What is ours below `s3`.
const ADDRESSING_STYLE: &str = "addressing_style";

/// The name of a profile: letters, digits and `-_.@+/:%`, so that no tool needs it quoted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(String);

impl ProfileName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the header of the profile's section. The default profile has one of its own kind.
    fn header(&self) -> String {
        if self.0 == "default" { "[default]".to_owned() } else { format!("[profile {}]", self.0) }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ProfileName {
    type Err = EditError;

    fn from_str(text: &str) -> Result<Self, EditError> {
        let fits = |c: char| c.is_alphanumeric() || "-_.@+/:%".contains(c);
        if (1..=128).contains(&text.chars().count()) && text.chars().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(EditError::Name(text.escape_debug().to_string()))
        }
    }
}

/// A profile that gets its credential from us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LentProfile {
    /// Its name.
    pub name: ProfileName,
    /// The command that prints the credential, as [`command_line`] writes it.
    pub credential_process: String,
    /// The region.
    pub region: String,
    /// The address of the service, where it is not Amazon's own.
    pub endpoint_url: Option<String>,
    /// Whether buckets go into the path (`true`) or into the host; `None` leaves it to the tool.
    pub path_style: Option<bool>,
    /// A PEM file of certificates to trust.
    pub ca_bundle: Option<String>,
    /// Use the host names that also have IPv6 addresses.
    pub dual_stack: bool,
    /// Use the hosts with validated cryptography.
    pub fips: bool,
}

/// Whether a profile of the same name that is not ours may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// It stays, and the edit fails.
    Keep,
    /// Its keys make place for ours.
    Replace,
}

/// The file cannot be edited as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// No tool takes this name, or not without quotes.
    #[error("{0:?} cannot name a profile")]
    Name(String),
    /// Somebody else wrote a profile of this name.
    #[error("the profile {0} is there already and was written by somebody else")]
    NotOurs(ProfileName),
    /// The profile is there more than once, which no tool reads.
    #[error("the profile {0} is there more than once")]
    Repeated(ProfileName),
    /// A value would not survive: it holds a line end or another control character.
    #[error("the value of {key} cannot be written: {value:?}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
    },
}

/// Returns the text with the profile in it, up to date. A text that has it already comes back as it is.
///
/// # Errors
/// When somebody else's profile is in the way, or a value cannot be written.
pub fn add(text: &str, profile: &LentProfile, others: Others) -> Result<String, EditError> {
    let settings = settings(profile)?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let Some(section) = find(&lines, &profile.name)? else {
        let end = line_end(text);
        let mut out = text.to_owned();
        // A blank line between, or the end that the last line lacks: a removal takes one line end in either case.
        if !text.is_empty() {
            out.push_str(end);
        }
        out.push_str(&profile.name.header());
        out.push_str(end);
        out.push_str(&block(&settings, profile.path_style, &[], end));
        return Ok(out);
    };
    let end = ending(lines[section.start]).unwrap_or_else(|| line_end(text));
    let body = &lines[section.start + 1..section.end];
    let (before, after) = match Parts::of(body) {
        Some(parts) => {
            let ours = block(&settings, profile.path_style, &parts.beside_ours, end);
            (parts.before.concat(), ours + &parts.after.concat())
        }
        None if others == Others::Keep => return Err(EditError::NotOurs(profile.name.clone())),
        None => {
            // What stands behind the last key belongs to what follows.
            let last = body.iter().rposition(|line| !is_blank_or_comment(line)).map_or(0, |last| last + 1);
            (String::new(), block(&settings, profile.path_style, &[], end) + &body[last..].concat())
        }
    };
    let mut out = lines[..=section.start].concat();
    if ending(lines[section.start]).is_none() {
        out.push_str(end);
    }
    out.push_str(&before);
    if ending(&before).is_none() && !before.is_empty() {
        out.push_str(end);
    }
    out.push_str(&after);
    out.push_str(&lines[section.end..].concat());
    Ok(out)
}

/// Returns the text without what [`add`] put there. Keys that were added to the section since stay, under its header. A text
/// without such a profile comes back as it is.
///
/// # Errors
/// When the profile of this name is somebody else's.
pub fn remove(text: &str, name: &ProfileName) -> Result<String, EditError> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let Some(section) = find(&lines, name)? else { return Ok(text.to_owned()) };
    let Some(parts) = Parts::of(&lines[section.start + 1..section.end]) else {
        return Err(EditError::NotOurs(name.clone()));
    };
    let (head, tail) = (&lines[..section.start], lines[section.end..].concat());
    let header = lines[section.start];
    let mut kept = parts.before.concat();
    if !parts.beside_ours.is_empty() {
        kept.push_str(&format!("s3 ={}{}", ending(header).unwrap_or("\n"), parts.beside_ours.concat()));
    }
    kept.push_str(&parts.after.concat());
    if kept.lines().any(|line| !is_blank_or_comment(line)) {
        return Ok(head.concat() + header + &kept + &tail);
    }
    let rest = kept + &tail;
    let end = ending(header).unwrap_or("\n");
    let mut out = head.concat();
    match head.last() {
        // The blank line that came with the section.
        Some(last) if *last == end => out.truncate(out.len() - end.len()),
        // The line end that the last line had not had.
        Some(_) if rest.is_empty() && out.ends_with(end) => out.truncate(out.len() - end.len()),
        _ => {}
    }
    Ok(out + &rest)
}

/// How the tools of a system take a command line apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// As a POSIX shell does it: some tools use one, others imitate it.
    Posix,
    /// As Windows programs do it.
    Windows,
}

/// Writes a command as `credential_process` takes it: each word is quoted where it needs it.
pub fn command_line(words: &[&str], kind: CommandLine) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word, kind)).collect();
    quoted.join(" ")
}

fn quoted(word: &str, kind: CommandLine) -> String {
    let safe = |c: char| {
        c.is_ascii_alphanumeric() || "-_./:=@+,".contains(c) || (c == '\\' && kind == CommandLine::Windows)
    };
    if !word.is_empty() && word.chars().all(safe) {
        return word.to_owned();
    }
    match kind {
        CommandLine::Posix => format!("'{}'", word.replace('\'', r"'\''")),
        CommandLine::Windows => {
            // A backslash before a quote would be taken for its escape. No file name holds a quote.
            let trailing = word.len() - word.trim_end_matches('\\').len();
            format!("\"{}{}\"", word.replace('"', ""), "\\".repeat(trailing))
        }
    }
}

fn settings(profile: &LentProfile) -> Result<Vec<(&'static str, String)>, EditError> {
    let flag = |set: bool| set.then(|| "true".to_owned());
    let all = [
        ("credential_process", Some(profile.credential_process.clone())),
        ("region", Some(profile.region.clone())),
        ("endpoint_url", profile.endpoint_url.clone()),
        ("ca_bundle", profile.ca_bundle.clone()),
        ("use_dualstack_endpoint", flag(profile.dual_stack)),
        ("use_fips_endpoint", flag(profile.fips)),
    ];
    let settings: Vec<_> = all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    for (key, value) in &settings {
        if value.is_empty() || value.trim() != value || value.contains(char::is_control) {
            return Err(EditError::Value { key, value: value.clone() });
        }
    }
    Ok(settings)
}

/// Writes our lines of a section. `beside` are lines that others have below `s3`.
fn block(
    settings: &[(&'static str, String)],
    path_style: Option<bool>,
    beside: &[&str],
    end: &str,
) -> String {
    let mut out = format!("{MARK}{MARK_REST}{end}");
    for (key, value) in settings {
        out.push_str(&format!("{key} = {value}{end}"));
    }
    if path_style.is_some() || !beside.is_empty() {
        out.push_str(&format!("s3 ={end}"));
    }
    if let Some(path_style) = path_style {
        let style = if path_style { "path" } else { "virtual" };
        out.push_str(&format!("    {ADDRESSING_STYLE} = {style}{end}"));
    }
    for line in beside {
        out.push_str(line);
        if ending(line).is_none() {
            out.push_str(end);
        }
    }
    out
}

/// The lines of a section of ours.
struct Parts<'a> {
    /// What others wrote before the first of our lines.
    before: Vec<&'a str>,
    /// What others wrote below `s3`.
    beside_ours: Vec<&'a str>,
    /// What others wrote after the first of our lines.
    after: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    /// Takes the body of a section apart; `None` where it is not ours.
    fn of(body: &[&'a str]) -> Option<Self> {
        body.iter().find(|line| line.starts_with(MARK))?;
        let mut parts = Self { before: Vec::new(), beside_ours: Vec::new(), after: Vec::new() };
        let mut key = "";
        let mut seen = false;
        for line in body {
            let indented = line.starts_with([' ', '\t']);
            if line.starts_with(MARK) {
                seen = true;
                continue;
            }
            if !is_blank_or_comment(line) {
                if !indented {
                    key = key_of(line);
                }
                let ours = OUR_KEYS.contains(&key) || (key == "s3" && !indented);
                if ours || (key == "s3" && key_of(line) == ADDRESSING_STYLE) {
                    seen = true;
                    continue;
                }
                if key == "s3" {
                    parts.beside_ours.push(line);
                    continue;
                }
            }
            if seen { parts.after.push(line) } else { parts.before.push(line) }
        }
        Some(parts)
    }
}

fn key_of(line: &str) -> &str {
    line.split(['=', ':']).next().unwrap_or_default().trim()
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with(['#', ';'])
}

/// Finds the lines of a profile's section, the header first.
fn find(lines: &[&str], name: &ProfileName) -> Result<Option<Range<usize>>, EditError> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut open = false;
    // Before the first key of a section, an indented line is no continuation.
    let mut has_key = false;
    for (number, line) in lines.iter().enumerate() {
        let line = if number == 0 { line.trim_start_matches('\u{feff}') } else { line };
        if has_key && line.starts_with([' ', '\t']) || is_blank_or_comment(line) {
            continue;
        }
        let Some(profile) = header(line) else {
            has_key = true;
            continue;
        };
        if let (true, Some(last)) = (open, found.last_mut()) {
            last.end = number;
        }
        has_key = false;
        open = profile == Some(name.as_str());
        if open {
            found.push(number..lines.len());
        }
    }
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => Err(EditError::Repeated(name.clone())),
    }
}

/// Reads a header: the profile it opens, or that it opens something else.
fn header(line: &str) -> Option<Option<&str>> {
    let inside = line.trim().strip_prefix('[')?.split(']').next()?.trim();
    if inside == "default" {
        return Some(Some(inside));
    }
    let name = inside.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t']));
    Some(name.map(|name| name.trim().trim_matches(['"', '\''])))
}

/// Returns the line end that the text uses.
fn line_end(text: &str) -> &'static str {
    text.split_inclusive('\n').next().and_then(ending).unwrap_or("\n")
}

/// Returns the line end that a line has.
fn ending(line: &str) -> Option<&'static str> {
    if line.ends_with("\r\n") { Some("\r\n") } else { line.ends_with('\n').then_some("\n") }
}

#[cfg(test)]
mod tests;

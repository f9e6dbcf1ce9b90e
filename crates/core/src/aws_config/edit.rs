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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile(name: &str) -> LentProfile {
        LentProfile {
            name: name.parse().unwrap(),
            credential_process: format!("/usr/bin/pintail credentials {name}"),
            region: "eu-west-1".into(),
            endpoint_url: None,
            path_style: None,
            ca_bundle: None,
            dual_stack: false,
            fips: false,
        }
    }

    fn own_endpoint(name: &str) -> LentProfile {
        let endpoint_url = Some("http://127.0.0.1:8333".into());
        LentProfile { endpoint_url, path_style: Some(true), ..profile(name) }
    }

    const FOREIGN: &str = "; mine\r\n[default]\r\nregion=us-east-1\r\n\r\n[profile other] # theirs\r\ns3 =\r\n  [profile work]\r\n";

    #[test]
    fn a_profile_is_put_behind_everything_else() {
        assert_eq!(
            add("", &own_endpoint("work"), Others::Keep).unwrap(),
            "[profile work]\n\
             # Written by `pintail aws-config`; `--remove` takes it out.\n\
             credential_process = /usr/bin/pintail credentials work\n\
             region = eu-west-1\n\
             endpoint_url = http://127.0.0.1:8333\n\
             s3 =\n    addressing_style = path\n"
        );
        let added = add(FOREIGN, &profile("work"), Others::Keep).unwrap();
        assert!(added.starts_with(&format!("{FOREIGN}\r\n[profile work]\r\n# Written")), "{added:?}");
        assert!(!added.replace("\r\n", "").contains('\n'), "line ends are the file's own");
        assert!(add("", &profile("default"), Others::Keep).unwrap().starts_with("[default]\n"));
    }

    #[test]
    fn an_update_changes_our_keys_and_keeps_those_of_others() {
        let added = add("", &own_endpoint("work"), Others::Keep).unwrap();
        let theirs = "output = json\n\n# next\n[profile next]\nregion = x\n";
        let mixed = added.replace("region = eu-west-1\n", "region = eu-west-1\ncli_pager =\n")
            + "    max_concurrent_requests = 1\n"
            + theirs;
        let again = add(&mixed, &own_endpoint("work"), Others::Keep).unwrap();
        assert_eq!(add(&again, &own_endpoint("work"), Others::Keep).unwrap(), again);
        for kept in ["cli_pager =\n", "    max_concurrent_requests = 1\n", theirs] {
            assert!(again.contains(kept), "{again}");
        }
        let moved = LentProfile { region: "eu-north-1".into(), ..profile("work") };
        let updated = add(&again, &moved, Others::Keep).unwrap();
        assert!(updated.contains("region = eu-north-1\n") && !updated.contains("127.0.0.1"), "{updated}");
        assert!(!updated.contains(ADDRESSING_STYLE) && updated.contains("s3 =\n    max_concurrent_requests"));
        let removed = remove(&updated, &moved.name).unwrap();
        assert_eq!(
            removed,
            format!("[profile work]\ns3 =\n    max_concurrent_requests = 1\ncli_pager =\n{theirs}")
        );
    }

    #[test]
    fn what_others_wrote_stays_unless_it_may_go() {
        let text = "[profile \"work\"]\nrole_arn = x\n  y\n\n# about next\n[next]\n";
        let (work, name) = (profile("work"), "work".parse().unwrap());
        assert_eq!(add(text, &work, Others::Keep), Err(EditError::NotOurs("work".parse().unwrap())));
        assert_eq!(remove(text, &name), Err(EditError::NotOurs("work".parse().unwrap())));
        let replaced = add(text, &work, Others::Replace).unwrap();
        assert!(replaced.starts_with("[profile \"work\"]\n# Written") && !replaced.contains("role_arn"));
        assert!(replaced.ends_with("\n\n# about next\n[next]\n"), "{replaced}");
        assert_eq!(add(&replaced, &work, Others::Keep).unwrap(), replaced);
        let twice = "[profile work]\n[profile work]\n";
        assert!(matches!(add(twice, &work, Others::Replace), Err(EditError::Repeated(_))));
        assert_eq!(remove(FOREIGN, &name).unwrap(), FOREIGN, "an indented line is no header");
    }

    #[test]
    fn what_would_break_the_file_is_not_written() {
        for name in ["", "two words", "a]", "\"", "a\nb", "#"] {
            assert!(name.parse::<ProfileName>().is_err(), "{name:?}");
        }
        let broken = LentProfile { region: "x\nrole_arn = y".into(), ..profile("work") };
        assert!(matches!(add("", &broken, Others::Keep), Err(EditError::Value { key: "region", .. })));
    }

    #[test]
    fn words_are_quoted_where_they_need_it() {
        let words = ["/opt/my tools/pintail", "credentials", "it's", "données", ""];
        assert_eq!(
            command_line(&words, CommandLine::Posix),
            r"'/opt/my tools/pintail' credentials 'it'\''s' 'données' ''"
        );
        let words = [r"C:\Program Files\pintail.exe", "--home", r"D:\my home\", r"E:\x"];
        assert_eq!(
            command_line(&words, CommandLine::Windows),
            r#""C:\Program Files\pintail.exe" --home "D:\my home\\" E:\x"#
        );
    }

    /// Files as people write them, and some that nobody should.
    fn files() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            Just(String::new()),
            Just("[default]".to_owned()),
            Just("[profile other]".to_owned()),
            Just("[sso-session work]".to_owned()),
            Just("  [profile work]".to_owned()),
            Just("s3 =".to_owned()),
            Just("    addressing_style = virtual".to_owned()),
            Just("region = eu-west-1".to_owned()),
            Just("# Written by hand".to_owned()),
            Just("\r".to_owned()),
            "[ \\ta-z#;=\\[\\]é]{0,12}",
        ];
        let end = prop_oneof![Just("\n"), Just("\r\n")];
        (prop::collection::vec((line, end), 0..12), any::<bool>()).prop_map(|(lines, ended)| {
            let mut text: String = lines.iter().flat_map(|(line, end)| [line.as_str(), end]).collect();
            if !ended {
                text.truncate(text.trim_end_matches(['\n']).len());
            }
            text
        })
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out_and_nothing_else_is_touched(text in files(), own in any::<bool>()) {
            let work = if own { own_endpoint("w-1") } else { profile("w-1") };
            let added = add(&text, &work, Others::Keep).unwrap();
            prop_assert!(added.starts_with(&text));
            prop_assert_eq!(add(&added, &work, Others::Keep).unwrap(), added.clone(), "a second time changes nothing");
            prop_assert_eq!(remove(&added, &work.name).unwrap(), text.clone());
            // With another one behind it.
            let both = add(&added, &profile("w-2"), Others::Keep).unwrap();
            let changed = add(&both, &own_endpoint("w-1"), Others::Keep).unwrap();
            prop_assert!(changed.starts_with(&text));
            prop_assert_eq!(remove(&both, &"w-2".parse().unwrap()).unwrap(), added);
        }

        #[test]
        fn any_text_survives(text in any::<String>()) {
            let work = own_endpoint("w-1");
            if let Ok(added) = add(&text, &work, Others::Keep) {
                prop_assert_eq!(remove(&added, &work.name).unwrap(), text);
            }
        }
    }
}

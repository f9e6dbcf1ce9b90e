//! The leak scan: no secret of a run may occur in anything the run printed.
//!
//! Reads a record folder ([`crate::record`]) and looks for every secret as it is, percent-encoded, in base64 (at any
//! offset) and as a JSON string. A scan without secrets or without outputs is an error: a scan of nothing proves nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Shorter values occur by chance; they are counted and left out.
pub const SHORTEST: usize = 8;

/// What a scan saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// How many different secrets were looked for.
    pub secrets: usize,
    /// How many were too short to look for.
    pub too_short: usize,
    /// How many outputs were read.
    pub outputs: usize,
    /// Every place where a secret was found.
    pub leaks: Vec<Leak>,
}

/// A secret in an output. Says which and where, never its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// Name under which the secret was registered.
    pub secret: String,
    /// How it was written: `as it is`, `percent-encoded` …
    pub form: &'static str,
    /// The output.
    pub output: PathBuf,
    /// Line of the output, from 1.
    pub line: usize,
}

impl fmt::Display for Leak {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {} ({})", self.output.display(), self.line, self.secret, self.form)
    }
}

/// Scans a record folder.
///
/// # Errors
/// Where the folder cannot be read, or holds no secrets or no outputs.
pub fn scan(record: &Path) -> Result<Scan, String> {
    let mut scan = Scan::default();
    let secrets = read_secrets(&record.join("secrets"), &mut scan)?;
    scan.secrets = secrets.len();
    if secrets.is_empty() {
        return Err("no secrets were recorded: a scan of nothing proves nothing".to_owned());
    }
    let needles = Needles::new(&secrets);
    for path in files(&record.join("outputs"))? {
        let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        scan.outputs += 1;
        scan.leaks.extend(needles.find(&text, &path));
    }
    if scan.outputs == 0 {
        return Err("no outputs were recorded: a scan of nothing proves nothing".to_owned());
    }
    Ok(scan)
}

fn read_secrets(folder: &Path, scan: &mut Scan) -> Result<BTreeMap<String, String>, String> {
    #[derive(serde::Deserialize)]
    struct Line {
        name: String,
        value: String,
    }
    let mut secrets = BTreeMap::new();
    let mut short = BTreeSet::new();
    for path in files(folder)? {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for line in text.lines() {
            let line: Line =
                serde_json::from_str(line).map_err(|error| format!("{}: {error}", path.display()))?;
            if line.value.len() < SHORTEST {
                short.insert(line.value);
            } else {
                secrets.entry(line.value).or_insert(line.name);
            }
        }
    }
    scan.too_short = short.len();
    Ok(secrets)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{}: {error}", folder.display())),
    };
    let mut files: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// The bytes to look for, how they write the secret, and its name.
type Needle<'a> = (Vec<u8>, &'static str, &'a str);

/// Every form of every secret, by its first eight bytes, so that one pass over a text finds them all.
struct Needles<'a> {
    by_start: HashMap<[u8; SHORTEST], Vec<Needle<'a>>>,
}

impl<'a> Needles<'a> {
    fn new(secrets: &'a BTreeMap<String, String>) -> Self {
        let mut by_start: HashMap<_, Vec<_>> = HashMap::new();
        for (value, name) in secrets {
            for (needle, form) in forms(value) {
                if let Some(start) = needle.first_chunk::<SHORTEST>() {
                    by_start.entry(*start).or_default().push((needle, form, name.as_str()));
                }
            }
        }
        Self { by_start }
    }

    fn find(&self, text: &[u8], path: &Path) -> BTreeSet<Leak> {
        let mut leaks = BTreeSet::new();
        for (at, window) in text.windows(SHORTEST).enumerate() {
            let Some(start) = window.first_chunk::<SHORTEST>() else { continue };
            for (needle, form, name) in self.by_start.get(start).into_iter().flatten() {
                if text[at..].starts_with(needle) {
                    let line = 1 + text[..at].iter().filter(|&&byte| byte == b'\n').count();
                    leaks.insert(Leak { secret: (*name).to_owned(), form, output: path.to_owned(), line });
                }
            }
        }
        leaks
    }
}

fn forms(value: &str) -> Vec<(Vec<u8>, &'static str)> {
    let mut forms = vec![(value.as_bytes().to_vec(), "as it is")];
    let mut add = |text: String, form| {
        if text.len() >= SHORTEST && !forms.iter().any(|(known, _)| known == text.as_bytes()) {
            forms.push((text.into_bytes(), form));
        }
    };
    add(percent_encoded(value, |byte| format!("%{byte:02X}")), "percent-encoded");
    add(percent_encoded(value, |byte| format!("%{byte:02x}")), "percent-encoded");
    add(url::form_urlencoded::byte_serialize(value.as_bytes()).collect(), "percent-encoded");
    let json = serde_json::Value::from(value).to_string();
    add(json.trim_matches('"').to_owned(), "as a JSON string");
    add(json.trim_matches('"').replace('/', "\\/"), "as a JSON string");
    for offset in 0..3 {
        for engine in [&STANDARD, &URL_SAFE] {
            let bytes: Vec<u8> = std::iter::repeat_n(0, offset).chain(value.bytes()).collect();
            // The first characters depend on what stands before the value, the last on what follows it.
            let whole = bytes.len() / 3 * 4;
            let text = engine.encode(&bytes);
            let first = if offset == 0 { 0 } else { 4 };
            if let Some(inner) = text.get(first..whole) {
                add(inner.to_owned(), "in base64");
            }
        }
    }
    forms
}

fn percent_encoded(value: &str, encode: fn(u8) -> String) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&encode(byte));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::scan;

    const SECRET: &str = "a/secret+\"token\"=with-everything";

    fn scanned(outputs: &[&str]) -> Result<super::Scan, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for kind in ["secrets", "outputs"] {
            fs::create_dir(folder.path().join(kind)).expect("a folder");
        }
        let lines = [("token", SECRET), ("pin", "1234")]
            .map(|(name, value)| format!("{}\n", serde_json::json!({ "name": name, "value": value })));
        fs::write(folder.path().join("secrets/1.jsonl"), lines.concat()).expect("a file");
        for (number, output) in outputs.iter().enumerate() {
            fs::write(folder.path().join(format!("outputs/{number}.txt")), output).expect("a file");
        }
        scan(folder.path())
    }

    #[test]
    fn every_form_of_a_secret_is_found_and_the_value_is_not_shown() {
        use base64::Engine as _;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("client:{SECRET}!"));
        let leaks = [
            format!("ok\nvalue {SECRET}"),
            super::percent_encoded(SECRET, |byte| format!("%{byte:02X}")),
            super::percent_encoded(SECRET, |byte| format!("%{byte:02x}")),
            url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect(),
            serde_json::json!({ "token": SECRET }).to_string(),
            format!("Authorization: Basic {basic}"),
        ];
        for leak in &leaks {
            let scan = scanned(&["harmless 1234", leak]).expect("a scan");
            assert_eq!(scan.leaks.len(), 1, "{leak}: {:?}", scan.leaks);
            assert!(!scan.leaks[0].to_string().contains(SECRET));
        }
    }

    #[test]
    fn a_clean_run_is_clean_and_short_values_are_counted() {
        let scan = scanned(&["harmless 1234", "also harmless"]).expect("a scan");
        assert_eq!((scan.secrets, scan.too_short, scan.outputs, scan.leaks.len()), (1, 1, 2, 0));
    }

    #[test]
    fn a_scan_of_nothing_is_no_proof() {
        assert!(scanned(&[]).expect_err("no outputs").contains("no outputs"));
        let empty = tempfile::tempdir().expect("a folder");
        assert!(scan(empty.path()).expect_err("no secrets").contains("no secrets"));
    }
}

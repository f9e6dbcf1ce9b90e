//! Writes down what was printed and what was secret, for the leak scan at the end of a run.
//!
//! `PINTAIL_TEST_RECORD` names a folder; without it nothing is kept. Secrets go to `secrets/PROCESS.jsonl` as
//! `{"name","value"}`, outputs to `outputs/PROCESS-N.txt`. Recording never fails a test by itself: a folder that
//! cannot be written leaves the scan without material, and a scan without material fails.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

/// Environment variable that names the folder.
pub const RECORD_VARIABLE: &str = "PINTAIL_TEST_RECORD";

/// Names of members and variables whose value is a secret wherever it turns up.
const SECRET_NAMES: &[&str] = &[
    "accesstoken",
    "authorizationtoken",
    "clientassertion",
    "clientsecret",
    "codeverifier",
    "containerauthorizationtoken",
    "devicecode",
    "idtoken",
    "refreshtoken",
    "secretaccesskey",
    "securitytoken",
    "sessiontoken",
    "signintoken",
    "token",
    "webidentitytoken",
];

fn folder(kind: &str) -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the run hands its record folder to tests by this variable"
    )]
    let folder = std::env::var_os(RECORD_VARIABLE)?;
    let folder = PathBuf::from(folder).join(kind);
    fs::create_dir_all(&folder).ok()?;
    Some(folder)
}

/// Remembers a secret of this run.
pub fn secret(name: &str, value: &str) {
    let Some(folder) = folder("secrets") else { return };
    let line = format!("{}\n", serde_json::json!({ "name": name, "value": value }));
    let path = folder.join(format!("{}.jsonl", std::process::id()));
    if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
        let _ = file.write_all(line.as_bytes());
    }
}

/// Remembers a text that a person or another program could read.
pub fn output(text: &[u8]) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let Some(folder) = folder("outputs") else { return };
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let _ = fs::write(folder.join(format!("{}-{number}.txt", std::process::id())), text);
}

/// Finds the secrets inside a JSON text or `NAME=value` lines, by the names that AWS and OpenID give them.
#[must_use]
pub fn secrets_within(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    for document in documents.map_while(Result::ok) {
        collect(&document, &mut found);
    }
    for line in text.lines() {
        let line = line.trim().trim_start_matches("export ");
        let Some((name, value)) = line.split_once('=') else { continue };
        if is_secret_name(name) {
            found.push((name.to_owned(), value.trim_matches(['"', '\'']).to_owned()));
        }
    }
    found
}

fn collect(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if is_secret_name(name) => found.push((name.clone(), text.clone())),
                    _ => collect(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

fn is_secret_name(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    let plain = plain.strip_prefix("aws").unwrap_or(&plain);
    SECRET_NAMES.contains(&plain)
}

#[cfg(test)]
mod tests {
    use super::secrets_within;

    #[test]
    fn secrets_are_found_in_json_and_in_variables() {
        let json =
            r#"{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"s1","nested":[{"id_token":"t1"}]}"#;
        assert_eq!(
            secrets_within(json),
            [("SecretAccessKey".to_owned(), "s1".to_owned()), ("id_token".to_owned(), "t1".to_owned())]
        );
        let lines = "export AWS_SESSION_TOKEN='t2'\nAWS_REGION=eu-west-1\n";
        assert_eq!(secrets_within(lines), [("AWS_SESSION_TOKEN".to_owned(), "t2".to_owned())]);
    }
}

//! From keys to file names: what a hostile key may not do.
//!
//! Pure: texts in, texts out. The rules are those of `docs/behaviour.md`, "Hostile keys"; the file system is held to them a second
//! time by opening everything below the target folder's own handle (`download`).

use std::path::PathBuf;

/// Why a key makes no file name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key {key:?} makes no file name: {rule}")]
pub(crate) struct KeyRefusal {
    /// The key, or the part of it that counts.
    pub(crate) key: String,
    /// The rule it breaks.
    pub(crate) rule: &'static str,
}

/// The longest name of one file or folder on the file systems in use, in bytes.
const NAME_MAX_BYTES: usize = 255;

/// Names that Windows keeps for devices, with or without an extension.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
    "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Makes a relative path of a key, segment by segment.
pub(crate) fn file_path(key: &str) -> Result<PathBuf, KeyRefusal> {
    let mut path = PathBuf::new();
    for segment in key.split('/') {
        if let Some(rule) = refusal(segment, cfg!(windows)) {
            return Err(KeyRefusal { key: key.to_owned(), rule });
        }
        path.push(segment);
    }
    Ok(path)
}

/// Returns the rule that a segment breaks.
fn refusal(segment: &str, windows: bool) -> Option<&'static str> {
    match segment {
        "" => return Some("a part between slashes is empty"),
        "." | ".." => return Some("a part is . or .."),
        _ => {}
    }
    if segment.len() > NAME_MAX_BYTES {
        return Some("a part is longer than 255 bytes");
    }
    if segment.chars().any(char::is_control) {
        return Some("it holds a control character");
    }
    if !windows {
        return None;
    }
    let stem = segment.split('.').next().unwrap_or_default().to_ascii_lowercase();
    if segment.contains(['\\', ':', '<', '>', '"', '|', '?', '*']) {
        Some("it holds a character that Windows does not allow")
    } else if segment.ends_with(['.', ' ']) {
        Some("a part ends with a dot or a space, which Windows drops")
    } else if DEVICES.contains(&stem.as_str()) {
        Some("a part is the name of a device on Windows")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// behaviour: hostile-keys
    #[test]
    fn hostile_keys_make_no_file_names() {
        for key in [
            "..",
            "../x",
            "a/../b",
            "a/..",
            ".",
            "a/./b",
            "",
            "/etc/passwd",
            "a//b",
            "a/",
            "a\nb",
            "a\0b",
            "\u{1b}[2J",
            "\u{9b}x",
        ] {
            assert!(file_path(key).is_err(), "{key:?}");
        }
        assert!(file_path(&"x".repeat(256)).is_err());
        for key in ["a", "a/b", "..a", "a..", "...", "é/漢字", "a\\b", "C:x", "-rf", " "] {
            assert!(file_path(key).is_ok(), "{key:?}");
        }
    }

    #[test]
    fn windows_has_rules_of_its_own() {
        for segment in ["a\\b", "C:", "nul", "COM1.txt", "a.", "a ", "what?"] {
            assert!(refusal(segment, true).is_some(), "{segment:?}");
            assert!(refusal(segment, false).is_none(), "{segment:?}");
        }
        assert!(refusal("console", true).is_none());
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_below(key in ".{0,40}") {
            if let Ok(path) = file_path(&key) {
                prop_assert!(path.is_relative());
                prop_assert!(path.components().all(|part| matches!(part, std::path::Component::Normal(_))));
            }
        }
    }
}

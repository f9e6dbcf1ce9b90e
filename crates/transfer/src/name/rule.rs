//! What a part of a name may be on each platform, and why one is refused.
//!
//! Pure: a table of rules. They are those of `docs/behaviour.md`, "Hostile keys". The file system is held to them a second time by
//! opening everything below the target folder's own handle.

use super::{KEY_MAX_BYTES, Name};

/// The rules of whose file system a name has to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Bytes, of which only `/` and NUL mean something; names that differ in anything are different.
    Linux,
    /// Unicode; names are the same in any letter case and Unicode form, as APFS has it by default.
    MacOs,
    /// UTF-16 without a dozen characters and some two dozen names; the same in any letter case.
    Windows,
}

impl Platform {
    /// The platform that this program was built for. Other Unixes keep Linux's rules.
    pub const HERE: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(target_os = "macos") {
        Self::MacOs
    } else {
        Self::Linux
    };

    /// Tells whether two names that differ in letter case alone are one file.
    pub fn folds_case(self) -> bool {
        matches!(self, Self::MacOs | Self::Windows)
    }

    /// Tells whether two names that differ in Unicode normalisation alone are one file.
    pub fn folds_forms(self) -> bool {
        self == Self::MacOs
    }
}

/// Why a name cannot be on the other side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameRefusal {
    /// There is no name.
    #[error("the name is empty")]
    Empty,
    /// Two slashes follow one another, or one begins the name.
    #[error("a part between slashes is empty")]
    EmptyPart,
    /// It leads to the folder itself or out of it.
    #[error("a part is . or ..")]
    Dots,
    /// It would move a terminal's cursor, break a line, or end a name.
    #[error("it holds the control character U+{:04X}", u32::from(*.0))]
    Control(char),
    /// Longer than a file name can be: 255 bytes, on Windows 255 units of UTF-16.
    #[error("a part has {length} units; at most {} fit", PART_MAX)]
    PartTooLong {
        /// Its length in the platform's units.
        length: usize,
    },
    /// Longer than a key can be.
    #[error("the key has {length_bytes} bytes; at most {} fit", KEY_MAX_BYTES)]
    KeyTooLong {
        /// Its length.
        length_bytes: usize,
    },
    /// The path is absolute, or leads upwards.
    #[error("the path does not lie below the folder")]
    NotBelow,
    /// A file's name is not Unicode, and keys are.
    #[error("the name is not Unicode")]
    NotUnicode,
    /// A character with a meaning of its own on Windows: separators, drives, streams, wildcards, redirections.
    #[error("it holds {0:?}, which Windows does not allow")]
    Forbidden(char),
    /// Windows opens a name without its last dots and spaces.
    #[error("a part ends with a dot or a space, which Windows drops")]
    TrailingDotOrSpace,
    /// Opening it would open a device.
    #[error("{0:?} is the name of a device on Windows")]
    Device(Box<str>),
    /// It has the form of our own unfinished downloads, which are passed over.
    #[error("the name is kept for unfinished downloads")]
    Unfinished,
    /// A file stands where a folder is needed.
    #[error("{file} is a file and a folder at once")]
    FileAndFolder {
        /// The name of both, without a slash.
        file: Name,
    },
    /// The file system would take it for another one in the same folder.
    #[error("another name in its folder differs in letter case, Unicode form or last dots alone")]
    Twin,
}

impl NameRefusal {
    /// Returns a word for the reason, which stays the same in every version.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::EmptyPart => "empty-part",
            Self::Dots => "dots",
            Self::Control(_) => "control",
            Self::PartTooLong { .. } => "part-too-long",
            Self::KeyTooLong { .. } => "key-too-long",
            Self::NotBelow => "not-below",
            Self::NotUnicode => "not-unicode",
            Self::Forbidden(_) => "forbidden",
            Self::TrailingDotOrSpace => "trailing-dot-or-space",
            Self::Device(_) => "device",
            Self::Unfinished => "unfinished",
            Self::FileAndFolder { .. } => "file-and-folder",
            Self::Twin => "twin",
        }
    }
}

/// The longest part, in bytes or, on Windows, in units of UTF-16.
pub const PART_MAX: usize = 255;

/// Names that Windows keeps for devices, with or without an extension ("Naming Files, Paths, and Namespaces"). The digits one
/// to three count as superscripts too.
const DEVICES: [&str; 31] = [
    "aux", "clock$", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "com¹", "com²",
    "com³", "con", "conin$", "conout$", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8",
    "lpt9", "lpt¹", "lpt²", "lpt³", "nul", "prn",
];

/// Checks one part of a name.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_part(part: &str, platform: Platform) -> Result<(), NameRefusal> {
    match part {
        "" => return Err(NameRefusal::EmptyPart),
        "." | ".." => return Err(NameRefusal::Dots),
        _ => {}
    }
    let length = if platform == Platform::Windows { part.encode_utf16().count() } else { part.len() };
    if length > PART_MAX {
        return Err(NameRefusal::PartTooLong { length });
    }
    if let Some(control) = part.chars().find(|c| c.is_control()) {
        return Err(NameRefusal::Control(control));
    }
    if is_unfinished(part) {
        return Err(NameRefusal::Unfinished);
    }
    if platform == Platform::Windows { check_windows(part) } else { Ok(()) }
}

fn check_windows(part: &str) -> Result<(), NameRefusal> {
    if let Some(forbidden) = part.chars().find(|c| r#"\/:<>"|?*"#.contains(*c)) {
        return Err(NameRefusal::Forbidden(forbidden));
    }
    if part.ends_with(['.', ' ']) {
        return Err(NameRefusal::TrailingDotOrSpace);
    }
    // `nul .txt` is the device as well.
    let stem = part.split('.').next().unwrap_or_default().trim_end_matches(' ').to_lowercase();
    if DEVICES.contains(&stem.as_str()) {
        return Err(NameRefusal::Device(stem.into()));
    }
    Ok(())
}

const UNFINISHED_START: &str = ".pintail-";
const UNFINISHED_END: &str = ".part";

/// Returns the name that an unfinished download has until it is proved.
pub fn unfinished(number: u64) -> String {
    format!("{UNFINISHED_START}{number:016x}{UNFINISHED_END}")
}

/// Tells whether a name is one of [`unfinished`], in any letter case.
pub fn is_unfinished(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    lower
        .strip_prefix(UNFINISHED_START)
        .and_then(|rest| rest.strip_suffix(UNFINISHED_END))
        .is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text, and the codes it is refused with on Linux, macOS and Windows; empty where it is taken.
    #[test]
    fn odd_names_are_taken_or_refused_by_the_rule_they_break() {
        let long = "x".repeat(256);
        let wide = "é".repeat(128);
        for (text, linux, macos, windows) in [
            ("a", "", "", ""),
            ("a/b", "", "", ""),
            ("...", "", "", "trailing-dot-or-space"),
            ("..a", "", "", ""),
            ("é/漢字/😀", "", "", ""),
            ("e\u{301}", "", "", ""),
            ("-rf", "", "", ""),
            (" ", "", "", "trailing-dot-or-space"),
            (" a", "", "", ""),
            ("a ", "", "", "trailing-dot-or-space"),
            ("a.", "", "", "trailing-dot-or-space"),
            ("a./b", "", "", "trailing-dot-or-space"),
            ("", "empty-part", "empty-part", "empty-part"),
            ("/", "empty-part", "empty-part", "empty-part"),
            ("//", "empty-part", "empty-part", "empty-part"),
            ("/etc/passwd", "empty-part", "empty-part", "empty-part"),
            ("a//b", "empty-part", "empty-part", "empty-part"),
            ("a//", "empty-part", "empty-part", "empty-part"),
            (".", "dots", "dots", "dots"),
            ("..", "dots", "dots", "dots"),
            ("../x", "dots", "dots", "dots"),
            ("a/../b", "dots", "dots", "dots"),
            ("a/..", "dots", "dots", "dots"),
            ("a/./b", "dots", "dots", "dots"),
            ("../", "dots", "dots", "dots"),
            ("a\0b", "control", "control", "control"),
            ("a\nb", "control", "control", "control"),
            ("Icon\r", "control", "control", "control"),
            ("\u{1b}[2J", "control", "control", "control"),
            ("\u{7f}", "control", "control", "control"),
            ("\u{9b}x", "control", "control", "control"),
            ("a\\b", "", "", "forbidden"),
            ("..\\x", "", "", "forbidden"),
            ("\\\\server\\share", "", "", "forbidden"),
            ("C:x", "", "", "forbidden"),
            ("C:", "", "", "forbidden"),
            ("a:stream", "", "", "forbidden"),
            ("what?", "", "", "forbidden"),
            ("a*", "", "", "forbidden"),
            ("a|b", "", "", "forbidden"),
            ("a<b", "", "", "forbidden"),
            ("a\"b", "", "", "forbidden"),
            ("nul", "", "", "device"),
            ("NUL.txt", "", "", "device"),
            ("nul .txt", "", "", "device"),
            ("COM1.tar.gz", "", "", "device"),
            ("com\u{b9}", "", "", "device"),
            ("x/LPT9/y", "", "", "device"),
            ("CONIN$", "", "", "device"),
            ("prn", "", "", "device"),
            ("console", "", "", ""),
            ("com10", "", "", ""),
            ("null", "", "", ""),
            (long.as_str(), "part-too-long", "part-too-long", "part-too-long"),
            (wide.as_str(), "part-too-long", "part-too-long", ""),
            (&long[1..], "", "", ""),
            (".pintail-0123456789abcdef.part", "unfinished", "unfinished", "unfinished"),
            ("a/.PINTAIL-0123456789ABCDEF.PART", "unfinished", "unfinished", "unfinished"),
            (".pintail-0123.part", "", "", ""),
            (".pintail-0123456789abcdeg.part", "", "", ""),
        ] {
            for (platform, code) in
                [(Platform::Linux, linux), (Platform::MacOs, macos), (Platform::Windows, windows)]
            {
                let checked = text
                    .strip_suffix('/')
                    .unwrap_or(text)
                    .split('/')
                    .try_for_each(|part| check_part(part, platform));
                assert_eq!(checked.err().map_or("", |refusal| refusal.code()), code, "{text:?} {platform:?}");
            }
        }
    }

    #[test]
    fn our_own_unfinished_names_are_known_again() {
        assert_eq!(unfinished(0x2a), ".pintail-000000000000002a.part");
        assert!(is_unfinished(&unfinished(u64::MAX)));
    }

    #[test]
    fn refusals_say_what_is_wrong_without_repeating_control_characters() {
        assert_eq!(NameRefusal::Control('\u{1b}').to_string(), "it holds the control character U+001B");
        let both = NameRefusal::FileAndFolder { file: Name::new("a").unwrap() };
        assert_eq!(both.to_string(), "a is a file and a folder at once");
    }
}

//! The short name of a bookmark.

use std::str::FromStr;

use super::{NameError, name_type};

name_type! {
    /// The name under which a bookmark is typed: `work` in `work:bucket/key`.
    ///
    /// 2 to 64 letters, digits, `.`, `_`, `-`, beginning with a letter or digit. One letter would be a Windows drive;
    /// `s3`, `http`, `https` and `file` are schemes. Names differ by more than case, since file systems may not.
    BookmarkName
}

impl FromStr for BookmarkName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fail = |rule| Err(NameError::new("bookmark name", text, rule));
        let length = text.chars().count();
        if !(2..=64).contains(&length) {
            return fail("a bookmark's name has 2 to 64 characters");
        }
        if !text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-')) {
            return fail("a bookmark's name has only letters, digits, dots, underscores and hyphens");
        }
        if !text.starts_with(char::is_alphanumeric) {
            return fail("a bookmark's name begins with a letter or digit");
        }
        if ["s3", "http", "https", "file"].contains(&text.to_ascii_lowercase().as_str()) {
            return fail("this word is the beginning of an address and cannot name a bookmark");
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_be_confused_with_drives_schemes_or_paths() {
        for good in ["work", "Sandbox-2", "ops.eu", "données"] {
            assert!(good.parse::<BookmarkName>().is_ok(), "{good}");
        }
        for bad in ["", "c", "s3", "HTTPS", "a/b", "..", ".hidden", "two words", "a:b"] {
            assert!(bad.parse::<BookmarkName>().is_err(), "{bad}");
        }
    }
}

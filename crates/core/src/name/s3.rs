//! Names of the S3 side: buckets, keys, prefixes.

use std::str::FromStr;

use super::{NameError, name_type};

name_type! {
    /// The name of a bucket.
    ///
    /// Reading is as tolerant as the buckets that exist: those made before 2018 in us-east-1 may have capital letters,
    /// underscores and up to 255 characters. [`BucketName::check_new`] holds the rules for new ones.
    BucketName
}

impl BucketName {
    /// Tells whether the name can stand as a host label under a wildcard certificate (`bucket.s3.…`): lower case and
    /// free of dots. Others are reached by path style.
    pub fn fits_virtual_host(&self) -> bool {
        self.check_new().is_ok() && !self.0.contains('.')
    }

    /// Checks the rules for a bucket that is to be created (Amazon S3 User Guide, "Bucket naming rules").
    ///
    /// # Errors
    /// Names the first rule that is broken.
    pub fn check_new(&self) -> Result<(), NameError> {
        let fail = |rule| Err(NameError::new("bucket name", &self.0, rule));
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        if self.0.len() > 63 {
            fail("a new bucket's name has at most 63 characters")
        } else if !self.0.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-')) {
            fail("a new bucket's name has only lower-case letters, digits, dots and hyphens")
        } else if !edge(self.0.chars().next()) || !edge(self.0.chars().next_back()) {
            fail("a bucket's name begins and ends with a letter or digit")
        } else if self.0.contains("..") {
            fail("a bucket's name has no two dots in a row")
        } else if self.0.parse::<std::net::Ipv4Addr>().is_ok() {
            fail("a bucket's name does not look like an IP address")
        } else if ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|p| self.0.starts_with(p)) {
            fail("this beginning is reserved by Amazon S3")
        } else if ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|s| self.0.ends_with(s))
        {
            fail("this ending is reserved by Amazon S3")
        } else {
            Ok(())
        }
    }
}

impl FromStr for BucketName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fail = |rule| Err(NameError::new("bucket name", text, rule));
        if !(3..=255).contains(&text.len()) {
            return fail("a bucket's name has 3 to 63 characters");
        }
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
            return fail("a bucket's name has only letters, digits, dots, hyphens and underscores");
        }
        // A name of dots alone would climb out of a path.
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return fail("a bucket's name begins and ends with a letter or digit");
        }
        Ok(Self(text.to_owned()))
    }
}

name_type! {
    /// The key of an object: any text of 1 to 1024 bytes in UTF-8. Keys are data of strangers: escape them before a
    /// terminal, and never use one as a path unchecked.
    ObjectKey
}

impl ObjectKey {
    fn check(text: &str) -> Result<(), NameError> {
        if text.is_empty() {
            return Err(NameError::new("key", text, "a key is not empty"));
        }
        if text.len() > 1024 {
            return Err(NameError::new("key", text, "a key has at most 1024 bytes"));
        }
        Ok(())
    }
}

impl FromStr for ObjectKey {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::check(text)?;
        Ok(Self(text.to_owned()))
    }
}

/// As by [`FromStr`], without a copy.
impl TryFrom<String> for ObjectKey {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::check(&text)?;
        Ok(Self(text))
    }
}

name_type! {
    /// The beginning of keys: any text of up to 1024 bytes, empty for all keys.
    KeyPrefix
}

impl KeyPrefix {
    /// The empty prefix, which every key has.
    pub fn all() -> Self {
        Self(String::new())
    }
}

impl FromStr for KeyPrefix {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.to_owned().try_into()
    }
}

/// As by [`FromStr`], without a copy.
impl TryFrom<String> for KeyPrefix {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        if text.len() > 1024 {
            return Err(NameError::new("prefix", &text, "a prefix has at most 1024 bytes"));
        }
        Ok(Self(text))
    }
}

impl From<&ObjectKey> for KeyPrefix {
    fn from(key: &ObjectKey) -> Self {
        Self(key.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_read_tolerantly_and_made_strictly() {
        // (text, readable, creatable, virtual host)
        for (text, read, new, host) in [
            ("my-bucket", true, true, true),
            ("my.bucket", true, true, false),
            ("abc", true, true, true),
            ("ab", false, false, false),
            ("My_Old_Bucket", true, false, false),
            ("192.168.1.1", true, false, false),
            ("a..b", true, false, false),
            ("..", false, false, false),
            ("...", false, false, false),
            ("-abc", false, false, false),
            ("abc-", true, false, false),
            ("with/slash", false, false, false),
            ("café-bucket", false, false, false),
            ("xn--bucket", true, false, false),
            ("my-bucket-s3alias", true, false, false),
        ] {
            let bucket = text.parse::<BucketName>();
            assert_eq!(bucket.is_ok(), read, "read {text}");
            if let Ok(bucket) = bucket {
                assert_eq!(bucket.check_new().is_ok(), new, "new {text}");
                assert_eq!(bucket.fits_virtual_host(), host, "host {text}");
            }
        }
        assert!("a".repeat(64).parse::<BucketName>().unwrap().check_new().is_err());
    }

    #[test]
    fn keys_are_counted_in_bytes() {
        assert!("é".repeat(512).parse::<ObjectKey>().is_ok());
        assert!("é".repeat(513).parse::<ObjectKey>().is_err());
        assert!("".parse::<ObjectKey>().is_err());
        assert!("".parse::<KeyPrefix>().is_ok());
    }

    #[test]
    fn errors_repeat_the_text_safely() {
        let error = "bad\u{1b}[31m".parse::<BucketName>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "bucket name \"bad\\u{1b}[31m\": a bucket's name has only letters, digits, dots, hyphens and underscores"
        );
    }
}

//! Addresses: where something is, as people type it.
//!
//! | typed | meaning |
//! |---|---|
//! | `s3://bucket/key` | reached by the default bookmark |
//! | `s3:/bucket/key` | the same |
//! | `work:bucket/key` | reached by the bookmark `work` |
//! | `work:` | where `work` starts: the buckets that it shows, unless it says otherwise |
//! | `work:/` | the buckets that `work` shows |
//! | `-` | standard input or output |
//! | anything else | a local path; `./a:b` names a file with a colon |
//!
//! Keys are taken literally: nothing is decoded, and everything after the slash that ends the bucket is the key, further
//! slashes included.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::name::{BookmarkName, BucketName, KeyPrefix, NameError, ObjectKey};

/// Something in S3, or the beginning of many things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The bookmark that reaches it, `None` for the default one.
    pub bookmark: Option<BookmarkName>,
    /// The bucket, `None` for the list of buckets.
    pub bucket: Option<BucketName>,
    /// The key or prefix, empty for the whole bucket. Always empty without a bucket.
    pub key: KeyPrefix,
    /// A slash follows the bucket: `work:bucket/` is what is in it, `work:bucket` the bucket itself. Without a bucket, a slash
    /// follows the bookmark: `work:/` is the list of buckets, `work:` wherever the bookmark starts.
    pub inside: bool,
}

impl Address {
    /// Returns bucket and key when the address names one object. A key that ends in a slash is one too: it stands for a
    /// folder.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn object(&self) -> Result<(BucketName, ObjectKey), AddressError> {
        let error = |reason| AddressError { text: self.to_string(), reason };
        let bucket = self.bucket.clone().ok_or_else(|| error(Reason::NoBucket))?;
        if self.key.as_str().is_empty() {
            return Err(error(Reason::NoKey));
        }
        let key = self.key.as_str().parse().map_err(|e| error(Reason::Name(e)))?;
        Ok((bucket, key))
    }

    /// Returns the bucket.
    ///
    /// # Errors
    /// When the address names none.
    pub fn bucket(&self) -> Result<BucketName, AddressError> {
        self.bucket.clone().ok_or_else(|| AddressError { text: self.to_string(), reason: Reason::NoBucket })
    }

    /// Tells whether the address reads as a folder: no key, or one that ends in a slash.
    pub fn is_folder(&self) -> bool {
        self.key.as_str().is_empty() || self.key.as_str().ends_with('/')
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bookmark {
            Some(bookmark) if self.bucket.is_none() && self.inside => return write!(f, "{bookmark}:/"),
            Some(bookmark) => write!(f, "{bookmark}:")?,
            None => f.write_str("s3://")?,
        }
        match &self.bucket {
            Some(bucket) if self.inside => write!(f, "{bucket}/{}", self.key),
            Some(bucket) => bucket.fmt(f),
            None => Ok(()),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = |reason| AddressError { text: text.to_owned(), reason };
        let (scheme, rest) = text.split_once(':').ok_or_else(|| error(Reason::NotAnAddress))?;
        let bookmark = if scheme.eq_ignore_ascii_case("s3") {
            if !rest.starts_with('/') {
                return Err(error(Reason::NotAnAddress));
            }
            None
        } else {
            Some(scheme.parse().map_err(|e| error(Reason::Name(e)))?)
        };
        let path = match &bookmark {
            None => rest.strip_prefix("//").or_else(|| rest.strip_prefix('/')).unwrap_or(rest),
            Some(_) => rest.strip_prefix('/').unwrap_or(rest),
        };
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let inside = path.contains('/');
        if bucket.is_empty() {
            return if key.is_empty() {
                // `s3://` has its slashes by its form: it names no bookmark, and means the list of buckets.
                let inside = bookmark.is_none() || rest == "/";
                Ok(Self { bookmark, bucket: None, key: KeyPrefix::all(), inside })
            } else {
                Err(error(Reason::NoBucket))
            };
        }
        Ok(Self {
            bookmark,
            bucket: Some(bucket.parse().map_err(|e| error(Reason::Name(e)))?),
            key: key.parse().map_err(|e| error(Reason::Name(e)))?,
            inside,
        })
    }
}

/// One end of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In S3.
    Remote(Address),
    /// A file or folder of this machine.
    Local(PathBuf),
    /// Standard input or output.
    Stdio,
}

impl FromStr for Place {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text == "-" {
            return Ok(Self::Stdio);
        }
        // What stands before the first colon decides: a path has a slash there, a Windows drive is one letter.
        match text.split_once(':') {
            Some((scheme, _))
                if scheme.chars().count() > 1
                    && !scheme.contains(['/', '\\'])
                    && !scheme.starts_with('.') =>
            {
                text.parse().map(Self::Remote)
            }
            _ => Ok(Self::Local(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(address) => address.fmt(f),
            Self::Local(path) => path.display().fmt(f),
            Self::Stdio => f.write_str("-"),
        }
    }
}

/// A text that is no address, or an address that lacks what is needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address {text:?}: {reason}")]
pub struct AddressError {
    /// The address as typed.
    pub text: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It is of none of the known forms.
    #[error("not of the form s3://bucket/key or BOOKMARK:bucket/key")]
    NotAnAddress,
    /// A bucket is needed.
    #[error("it names no bucket")]
    NoBucket,
    /// A key is needed.
    #[error("it names a bucket but no key")]
    NoKey,
    /// A part of it breaks a rule.
    #[error("{0}")]
    Name(NameError),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read_in_every_form() {
        for (text, bookmark, bucket, key, shown) in [
            ("s3://bucket/a/b", None, Some("bucket"), "a/b", "s3://bucket/a/b"),
            ("s3:/bucket/a/b", None, Some("bucket"), "a/b", "s3://bucket/a/b"),
            ("S3://bucket", None, Some("bucket"), "", "s3://bucket"),
            ("S3://bucket/", None, Some("bucket"), "", "s3://bucket/"),
            ("s3://", None, None, "", "s3://"),
            ("s3:/", None, None, "", "s3://"),
            ("work:bucket/a/b", Some("work"), Some("bucket"), "a/b", "work:bucket/a/b"),
            ("work:/bucket//a", Some("work"), Some("bucket"), "/a", "work:bucket//a"),
            ("work:", Some("work"), None, "", "work:"),
            ("work:/", Some("work"), None, "", "work:/"),
            ("work:bucket/100%25 é:x", Some("work"), Some("bucket"), "100%25 é:x", "work:bucket/100%25 é:x"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.bookmark.as_ref().map(BookmarkName::as_str), bookmark, "{text}");
            assert_eq!(address.bucket.as_ref().map(BucketName::as_str), bucket, "{text}");
            assert_eq!(address.key.as_str(), key, "{text}");
            assert_eq!(address.to_string(), shown);
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused_with_the_reason() {
        for (text, message) in [
            ("bucket/key", "not of the form"),
            ("s3:bucket/key", "not of the form"),
            ("s3:///key", "names no bucket"),
            ("work://key", "names no bucket"),
            ("s3://b/key", "3 to 63 characters"),
            ("w:bucket/key", "2 to 64 characters"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn places_tell_local_from_remote() {
        let local = |path: &str| Place::Local(PathBuf::from(path));
        assert_eq!("-".parse(), Ok(Place::Stdio));
        for path in ["a", "./a:b", "/x/a:b", "C:\\data", "c:/data", "../a:b", "dir/a:b"] {
            assert_eq!(path.parse(), Ok(local(path)), "{path}");
        }
        assert!(matches!("work:bucket/k".parse(), Ok(Place::Remote(_))));
        assert!("two words:bucket/k".parse::<Place>().is_err());
    }

    #[test]
    fn an_object_needs_bucket_and_key() {
        let object = |text: &str| text.parse::<Address>().unwrap().object();
        assert!(object("work:bucket/k").is_ok());
        assert_eq!(object("work:bucket/").unwrap_err().reason, Reason::NoKey);
        assert_eq!(object("work:").unwrap_err().reason, Reason::NoBucket);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(text in "(s3:/{1,2}|[a-z]{2,5}:/?)([a-z]{3,8}(/.{0,20})?)?") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
            }
        }
    }
}

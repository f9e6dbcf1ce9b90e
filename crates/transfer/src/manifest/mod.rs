//! Lists of objects for S3 Batch Operations: the manifests that jobs are given, inventories of buckets, and the reports of jobs.
//!
//! Pure: bytes and facts in, rows and texts out. The formats are those of the S3 User Guide ("Specifying a manifest", "Amazon S3 Inventory",
//! "Completion reports"), and written down in `docs/formats.md`. Keys are percent-encoded in all three, so that no key has a comma, a quote or a
//! line break in it.

pub mod csv;
#[doc(hidden)]
pub mod fuzzing;
mod inventory;
mod report;

use std::borrow::Cow;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use pintail_core::name::{BucketName, NameError, ObjectKey};
use pintail_core::sign::encode_path;

pub use inventory::{Inventory, InventoryError, InventoryFile};
pub use report::{Report, ReportError, ReportFile, Task, TaskRows};

/// One object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// The version meant, the newest without.
    pub version: Option<String>,
    /// Its size, where the list tells it.
    pub size_bytes: Option<u64>,
    /// When it was last written, where the list tells it.
    pub modified: Option<Timestamp>,
    /// Its storage class, where the list tells it and it is not the standard one.
    pub storage_class: Option<String>,
}

/// Which columns a manifest has beside bucket and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// None: each job takes the newest version of the moment.
    Newest,
    /// A third column names the version.
    Named,
}

impl Versions {
    /// Returns the columns as a job is told them.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Newest => &["Bucket", "Key"],
            Self::Named => &["Bucket", "Key", "VersionId"],
        }
    }
}

/// Adds the line of an object to a manifest in the format `S3BatchOperations_CSV_20180820`.
pub fn push_line(item: &Item, versions: Versions, into: &mut String) {
    into.push_str(item.bucket.as_str());
    into.push(',');
    into.push_str(&encode_path(item.key.as_str()));
    if versions == Versions::Named {
        into.push(',');
        // What has no version, in a bucket that had none when it was written, is the version `null` (User Guide, "Converting empty version ID
        // strings").
        into.push_str(&csv::field(item.version.as_deref().unwrap_or("null")));
    }
    into.push('\n');
}

/// Decodes a key of an inventory or a report: percent signs, and `+` for a space.
fn decoded_key(text: &str) -> Result<ObjectKey, NameError> {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    // What is no UTF-8 is no key; it is named as it stands.
    let decoded = percent_decode_str(&spaced).decode_utf8().unwrap_or(Cow::Borrowed(text));
    decoded.parse()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(key: &str, version: Option<&str>) -> Item {
        Item {
            bucket: "photos".parse().unwrap(),
            key: key.parse().unwrap(),
            version: version.map(str::to_owned),
            size_bytes: None,
            modified: None,
            storage_class: None,
        }
    }

    #[test]
    fn lines_are_what_the_user_guide_shows() {
        for (key, version, versions, expected) in [
            ("a/b.txt", None, Versions::Newest, "photos,a/b.txt\n"),
            ("a b+c,\"d\"\n%", None, Versions::Newest, "photos,a%20b%2Bc%2C%22d%22%0A%25\n"),
            ("ä", Some("3HL4kqtJ"), Versions::Named, "photos,%C3%A4,3HL4kqtJ\n"),
            // An empty field would fail the task ("Converting empty version ID strings").
            ("a", None, Versions::Named, "photos,a,null\n"),
            ("a", Some("x"), Versions::Newest, "photos,a\n"),
        ] {
            let mut line = String::new();
            push_line(&item(key, version), versions, &mut line);
            assert_eq!(line, expected);
        }
    }

    proptest! {
        #[test]
        fn every_key_comes_back(key in "\\PC{1,60}|[ -~\\x00-\\x1f]{1,60}") {
            let mut line = String::new();
            push_line(&item(&key, None), Versions::Newest, &mut line);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let mut rows = Vec::new();
            let mut reader = csv::Reader::new();
            reader.push(line.as_bytes(), &mut |row| { rows.push(row.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>()); Ok::<(), csv::CsvError>(()) }).unwrap();
            prop_assert_eq!(rows.len(), 1);
            let decoded = decoded_key(&rows[0][1]).unwrap();
            prop_assert_eq!(decoded.as_str(), key.as_str());
        }
    }
}

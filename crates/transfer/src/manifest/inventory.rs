//! S3 Inventory: its `manifest.json`, and the rows of its files.
//!
//! Pure. The files are gzip of CSV; ORC and Parquet are named, not read.

use pintail_core::name::{BucketName, NameError, ObjectKey};
use serde_json::Value;

use super::csv::CsvError;
use super::{Item, decoded_key};

/// What an inventory's `manifest.json` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The bucket whose objects it lists.
    pub source: BucketName,
    /// The bucket that its files are in.
    pub destination: BucketName,
    /// What its rows have, in this order.
    columns: Vec<String>,
    /// Its files.
    pub files: Vec<InventoryFile>,
}

/// One file of an inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryFile {
    /// Its key in the destination's bucket.
    pub key: ObjectKey,
    /// Its size as it lies there, compressed.
    pub size_bytes: u64,
    /// The MD5 of its bytes in small hexadecimal digits.
    pub md5: Option<String>,
}

/// Why an inventory cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// The text is no `manifest.json` of an inventory.
    #[error("it is no manifest.json of S3 Inventory: {0}")]
    Manifest(&'static str),
    /// Its files are in a format that is not read.
    #[error("the inventory is in the format {0}")]
    Format(String),
    /// A column is missing.
    #[error("the inventory has no column {0}")]
    Column(&'static str),
    /// A row has another number of fields than the schema.
    #[error("a row has {found} fields, and the schema {expected}")]
    Fields {
        /// How many it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A field is not what its column has.
    #[error("a row has {1:?} in the column {0}")]
    Value(&'static str, String),
    /// A row cannot be read.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// A bucket or key breaks its rule.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Inventory {
    /// Reads a `manifest.json`.
    ///
    /// # Errors
    /// When it is none, or its files are not CSV: S3 Batch Operations takes no other, and neither does this.
    pub fn parse(text: &[u8]) -> Result<Self, InventoryError> {
        let malformed = InventoryError::Manifest;
        let document: Value = serde_json::from_slice(text).map_err(|_| malformed("it is no JSON"))?;
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let format = text(&document, "fileFormat").ok_or_else(|| malformed("it names no fileFormat"))?;
        if format != "CSV" {
            return Err(InventoryError::Format(format));
        }
        let source = text(&document, "sourceBucket").ok_or_else(|| malformed("it names no sourceBucket"))?;
        let arn =
            text(&document, "destinationBucket").ok_or_else(|| malformed("it names no destinationBucket"))?;
        let destination = arn.rsplit(':').next().unwrap_or_default();
        let schema = text(&document, "fileSchema").ok_or_else(|| malformed("it names no fileSchema"))?;
        let files =
            document.get("files").and_then(Value::as_array).ok_or_else(|| malformed("it lists no files"))?;
        let files = files.iter().map(|file| {
            let key = text(file, "key").ok_or_else(|| malformed("a file has no key"))?;
            Ok(InventoryFile {
                key: key.parse()?,
                size_bytes: file.get("size").and_then(Value::as_u64).unwrap_or(0),
                md5: text(file, "MD5checksum"),
            })
        });
        let inventory = Self {
            source: source.parse()?,
            destination: destination.parse()?,
            columns: schema.split(',').map(|column| column.trim().to_owned()).collect(),
            files: files.collect::<Result<_, InventoryError>>()?,
        };
        for column in ["Bucket", "Key"] {
            inventory.column(column).ok_or(InventoryError::Column(column))?;
        }
        Ok(inventory)
    }

    /// Tells whether its rows name versions.
    pub fn has_versions(&self) -> bool {
        self.column("VersionId").is_some()
    }

    /// Tells whether its rows say how large objects are.
    pub fn has_sizes(&self) -> bool {
        self.column("Size").is_some()
    }

    /// Tells whether its rows say when objects were last written.
    pub fn has_times(&self) -> bool {
        self.column("LastModifiedDate").is_some()
    }

    /// Reads a row. `None` for the mark of a deletion, which is no object.
    ///
    /// # Errors
    /// When it does not fit the schema.
    pub fn item(&self, row: &[&str]) -> Result<Option<Item>, InventoryError> {
        if row.len() != self.columns.len() {
            return Err(InventoryError::Fields { found: row.len(), expected: self.columns.len() });
        }
        let filled = |name| self.column(name).map(|at| row[at]).filter(|text| !text.is_empty());
        let wrong = |column, text: &str| InventoryError::Value(column, text.to_owned());
        if filled("IsDeleteMarker") == Some("true") {
            return Ok(None);
        }
        Ok(Some(Item {
            bucket: filled("Bucket").unwrap_or_default().parse()?,
            key: decoded_key(filled("Key").unwrap_or_default())?,
            version: filled("VersionId").map(str::to_owned),
            size_bytes: filled("Size")
                .map(|text| text.parse().map_err(|_| wrong("Size", text)))
                .transpose()?,
            modified: filled("LastModifiedDate")
                .map(|text| text.parse().map_err(|_| wrong("LastModifiedDate", text)))
                .transpose()?,
            storage_class: filled("StorageClass").filter(|class| *class != "STANDARD").map(str::to_owned),
        }))
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(format: &str, schema: &str) -> String {
        format!(
            r#"{{"sourceBucket":"photos","destinationBucket":"arn:aws:s3:::stock","version":"2016-11-30","creationTimestamp":"1514944800000",
            "fileFormat":"{format}","fileSchema":"{schema}","files":[{{"key":"stock/photos/data/1.csv.gz","size":2147,"MD5checksum":"f11166069f1990abeb9c97ace9cdfabc"}}]}}"#
        )
    }

    #[test]
    fn a_manifest_says_where_its_files_are() {
        let text = manifest(
            "CSV",
            "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, StorageClass",
        );
        let inventory = Inventory::parse(text.as_bytes()).unwrap();
        assert_eq!((inventory.source.as_str(), inventory.destination.as_str()), ("photos", "stock"));
        assert_eq!(inventory.files[0].key.as_str(), "stock/photos/data/1.csv.gz");
        assert!(inventory.has_versions() && inventory.has_sizes() && inventory.has_times());
        let fresh =
            ["photos", "a+b%2Bc/%C3%A4", "v1", "true", "false", "7", "2026-01-02T03:04:05.000Z", "GLACIER"];
        let item = inventory.item(&fresh).unwrap().unwrap();
        assert_eq!((item.key.as_str(), item.size_bytes), ("a b+c/ä", Some(7)));
        assert_eq!((item.version.as_deref(), item.storage_class.as_deref()), (Some("v1"), Some("GLACIER")));
        assert_eq!(item.modified.unwrap().to_string(), "2026-01-02T03:04:05Z");
        let gone = ["photos", "a", "v1", "true", "true", "", "", ""];
        assert_eq!(inventory.item(&gone).unwrap(), None);
        for (field, text, column) in [(5, "seven", "Size"), (6, "yesterday", "LastModifiedDate")] {
            let mut unclear = fresh;
            unclear[field] = text;
            assert_eq!(inventory.item(&unclear), Err(InventoryError::Value(column, text.to_owned())));
        }
        assert_eq!(inventory.item(&gone[..3]), Err(InventoryError::Fields { found: 3, expected: 8 }));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (text, expected) in [
            ("{".to_owned(), InventoryError::Manifest("it is no JSON")),
            ("{}".to_owned(), InventoryError::Manifest("it names no fileFormat")),
            (manifest("ORC", "struct<bucket:string>"), InventoryError::Format("ORC".into())),
            (manifest("Parquet", "message s3.inventory {}"), InventoryError::Format("Parquet".into())),
            (manifest("CSV", "Bucket, Size"), InventoryError::Column("Key")),
        ] {
            assert_eq!(Inventory::parse(text.as_bytes()), Err(expected), "{text}");
        }
    }
}

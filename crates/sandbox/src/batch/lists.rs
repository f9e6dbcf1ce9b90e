//! The lists that jobs go through, read from the buckets they lie in: CSV of Batch Operations, and inventories.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::job::{Format, Job};
use super::rights::Runner;

/// One object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) version: Option<String>,
}

/// Why a job cannot go on: a code and words, which are this sandbox's own where S3's are not documented.
pub(super) type Trouble = (&'static str, String);

/// Reads the list of a job as the role that it runs as.
pub(super) fn read(job: &Job, runner: &Runner<'_>) -> Result<Vec<Item>, Trouble> {
    let (data, etag) = runner.object(&job.manifest.bucket, &job.manifest.key)?;
    if etag != job.manifest.etag.trim_matches('"') {
        return Err((
            "ManifestETagMismatch",
            "The manifest has been changed since the job was created".into(),
        ));
    }
    match &job.manifest.format {
        Format::Csv(fields) => rows(&data).iter().map(|row| item(row, fields)).collect(),
        Format::Inventory => inventory(&data, runner),
    }
}

fn inventory(manifest: &[u8], runner: &Runner<'_>) -> Result<Vec<Item>, Trouble> {
    let wrong = |text: &str| ("InvalidManifest", format!("The inventory manifest {text}"));
    let manifest: Value = serde_json::from_slice(manifest).map_err(|_| wrong("is no JSON"))?;
    if manifest["fileFormat"] != "CSV" {
        return Err(wrong("is not in CSV format"));
    }
    let fields: Vec<String> = manifest["fileSchema"]
        .as_str()
        .ok_or_else(|| wrong("has no schema"))?
        .split(',')
        .map(|field| field.trim().to_owned())
        .collect();
    let bucket = manifest["destinationBucket"].as_str().and_then(|arn| arn.rsplit(':').next());
    let bucket = bucket.ok_or_else(|| wrong("names no bucket"))?;
    let mut items = Vec::new();
    for file in manifest["files"].as_array().ok_or_else(|| wrong("lists no files"))? {
        let (packed, _) = runner.object(bucket, file["key"].as_str().unwrap_or_default())?;
        let mut data = Vec::new();
        MultiGzDecoder::new(&packed[..])
            .read_to_end(&mut data)
            .map_err(|_| wrong("names a file that is no gzip"))?;
        for row in rows(&data) {
            items.push(item(&row, &fields)?);
        }
    }
    Ok(items)
}

fn item(row: &[String], fields: &[String]) -> Result<Item, Trouble> {
    let wrong =
        || ("InvalidManifest", "The manifest's rows do not have the fields that were named".to_owned());
    if row.len() != fields.len() {
        return Err(wrong());
    }
    let value = |name: &str| fields.iter().position(|field| field == name).map(|at| row[at].clone());
    let key = value("Key").ok_or_else(wrong)?.replace('+', " ");
    Ok(Item {
        bucket: value("Bucket").ok_or_else(wrong)?,
        key: percent_decode_str(&key).decode_utf8().map_err(|_| wrong())?.into_owned(),
        version: value("VersionId").filter(|version| !version.is_empty()),
    })
}

/// Splits comma-separated values into rows; quotes may hold commas and line breaks.
fn rows(data: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(data);
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            other => field.push(other),
        }
    }
    if !row.is_empty() || !field.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows.retain(|row: &Vec<String>| row.len() > 1 || !row[0].is_empty());
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_split_where_no_quote_holds_them_together() {
        assert_eq!(rows(b"a,b\n\r\n\"c,\"\"d\"\"\",e"), [["a", "b"], ["c,\"d\"", "e"]]);
        let fields = ["Ignore", "Key", "Bucket"].map(str::to_owned);
        let row = ["x", "a%2Bb+c", "photos"].map(str::to_owned);
        let expected = Item { bucket: "photos".into(), key: "a+b c".into(), version: None };
        assert_eq!(item(&row, &fields), Ok(expected));
        assert!(item(&row[..2], &fields).is_err());
    }
}

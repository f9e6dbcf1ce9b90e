//! Completion reports of S3 Batch Operations: their `manifest.json`, and the rows about tasks.
//!
//! Pure. The documented schema names the error's code before the HTTP status, and the documented rows have them the other way round: the one that
//! is a number of three digits is the status, wherever it stands.

use pintail_core::name::{BucketName, NameError, ObjectKey};
use serde_json::Value;

use super::csv::{CsvError, Reader};
use super::decoded_key;

/// What a report's `manifest.json` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// When it was written, as it says.
    pub created: Option<String>,
    /// Its files.
    pub files: Vec<ReportFile>,
}

/// One file of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFile {
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// The MD5 of its bytes in small hexadecimal digits.
    pub md5: Option<String>,
    /// `succeeded` or `failed`.
    pub status: String,
}

/// What became of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The object's bucket.
    pub bucket: String,
    /// The object's key.
    pub key: ObjectKey,
    /// Its version, where the manifest named one.
    pub version: Option<String>,
    /// Whether it went well.
    pub succeeded: bool,
    /// The HTTP status of the request.
    pub http_status: Option<u16>,
    /// The error's code.
    pub code: Option<String>,
    /// What was said about it.
    pub message: Option<String>,
}

/// Why a report cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The text is no `manifest.json` of a report.
    #[error("it is no manifest.json of a completion report: {0}")]
    Manifest(&'static str),
    /// A row has too few fields.
    #[error("a row of the report has {0} fields")]
    Fields(usize),
    /// A row cannot be read.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// A bucket or key breaks its rule.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Report {
    /// Reads a `manifest.json`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &[u8]) -> Result<Self, ReportError> {
        let malformed = ReportError::Manifest;
        let document: Value = serde_json::from_slice(text).map_err(|_| malformed("it is no JSON"))?;
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        if text(&document, "Format").as_deref() != Some("Report_CSV_20180820") {
            return Err(malformed("its format is not Report_CSV_20180820"));
        }
        let results = document
            .get("Results")
            .and_then(Value::as_array)
            .ok_or_else(|| malformed("it lists no results"))?;
        let files = results.iter().map(|file| {
            let bucket = text(file, "Bucket").ok_or_else(|| malformed("a result has no bucket"))?;
            let key = text(file, "Key").ok_or_else(|| malformed("a result has no key"))?;
            Ok(ReportFile {
                // Some regions name the bucket by its ARN.
                bucket: bucket.rsplit(':').next().unwrap_or_default().parse()?,
                key: key.parse()?,
                md5: text(file, "MD5Checksum"),
                status: text(file, "TaskExecutionStatus").unwrap_or_default(),
            })
        });
        Ok(Self {
            created: text(&document, "ReportCreationDate"),
            files: files.collect::<Result<_, ReportError>>()?,
        })
    }
}

/// Reads the rows of a report's files as their bytes come.
#[derive(Debug, Default)]
pub struct TaskRows(Reader);

impl TaskRows {
    /// Takes more bytes of a file and gives every task that is whole by now.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Task>, ReportError> {
        let mut tasks = Vec::new();
        self.0.push(bytes, &mut |row| {
            tasks.push(task(row)?);
            Ok::<_, ReportError>(())
        })?;
        Ok(tasks)
    }

    /// Ends a file.
    ///
    /// # Errors
    /// As [`TaskRows::push`].
    pub fn finish(self) -> Result<Vec<Task>, ReportError> {
        let mut tasks = Vec::new();
        self.0.finish(&mut |row| {
            tasks.push(task(row)?);
            Ok::<_, ReportError>(())
        })?;
        Ok(tasks)
    }
}

fn task(row: &[&str]) -> Result<Task, ReportError> {
    let [bucket, key, version, status, one, other, message @ ..] = row else {
        return Err(ReportError::Fields(row.len()));
    };
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let is_status = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let (http, code) = if is_status(one) || other.is_empty() { (one, other) } else { (other, one) };
    Ok(Task {
        bucket: (*bucket).to_owned(),
        key: decoded_key(key)?,
        version: filled(version),
        succeeded: status.eq_ignore_ascii_case("succeeded"),
        http_status: http.parse().ok(),
        code: filled(code),
        message: message.first().and_then(|text| filled(text)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_in_either_order() {
        let text = "photos,a%20b,,succeeded,200,,Successful\n\
                    photos,c,v1,failed,403,AccessDenied,\"no, \"\"never\"\"\"\n\
                    photos,d,,failed,NoSuchKey,404,gone\n\
                    photos,e,,succeeded,,200,";
        let mut rows = TaskRows::default();
        let mut tasks = rows.push(text.as_bytes()).unwrap();
        tasks.extend(rows.finish().unwrap());
        let told: Vec<_> = tasks
            .iter()
            .map(|task| {
                (
                    task.key.as_str(),
                    task.succeeded,
                    task.http_status,
                    task.code.as_deref(),
                    task.message.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("a b", true, Some(200), None, Some("Successful")),
                ("c", false, Some(403), Some("AccessDenied"), Some("no, \"never\"")),
                ("d", false, Some(404), Some("NoSuchKey"), Some("gone")),
                ("e", true, Some(200), None, None),
            ]
        );
        assert_eq!(tasks[1].version.as_deref(), Some("v1"));
        assert_eq!(TaskRows::default().push(b"a,b\n"), Err(ReportError::Fields(2)));
    }

    #[test]
    fn a_manifest_names_its_files() {
        let text = r#"{"Format":"Report_CSV_20180820","ReportCreationDate":"2019-04-05T17:48:39.725Z","Results":[
            {"TaskExecutionStatus":"succeeded","Bucket":"reports","MD5Checksum":"83b1","Key":"job-1/results/6217.csv"},
            {"TaskExecutionStatus":"failed","Bucket":"arn:aws:s3:::reports","Key":"job-1/results/b2dd.csv"}],
            "ReportSchema":"Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"}"#;
        let report = Report::parse(text.as_bytes()).unwrap();
        assert_eq!(report.files.len(), 2);
        assert_eq!((report.files[1].bucket.as_str(), report.files[1].md5.as_deref()), ("reports", None));
        assert!(Report::parse(b"{}").is_err() && Report::parse(b"[").is_err());
    }
}

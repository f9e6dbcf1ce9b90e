//! The completion report of a job, by the layout that the User Guide shows: `PREFIX/job-ID/manifest.json` and files of rows below `results/`.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::job::Job;
use super::lists::Trouble;
use super::rights::Runner;
use crate::locked;
use crate::random::{hex, sha256};
use crate::s3::checksums::md5;
use crate::world::content::Content;
use crate::world::storage::Blob;

const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Writes the report that a job wishes for, as its role.
pub(super) fn write(job: &Job, runner: &Runner<'_>) -> Result<(), Trouble> {
    let Some(wish) = &job.report else { return Ok(()) };
    let base = match &wish.prefix {
        Some(prefix) => format!("{prefix}/job-{}", job.id),
        None => format!("job-{}", job.id),
    };
    let mut files = Vec::new();
    for (good, status) in [(true, "succeeded"), (false, "failed")] {
        if good && wish.failed_only {
            continue;
        }
        let rows: String = job
            .done()
            .filter(|(_, outcome)| outcome.is_good() == good)
            .map(|(item, outcome)| {
                // As in the User Guide's examples, which name the status before the code.
                format!(
                    "{},{},{},{status},{},{},\"{}\"\n",
                    item.bucket,
                    utf8_percent_encode(&item.key, KEPT),
                    item.version.as_deref().unwrap_or_default(),
                    outcome.status,
                    outcome.code,
                    outcome.message.replace('"', "\"\"")
                )
            })
            .collect();
        if !rows.is_empty() {
            let name = &hex(&sha256(format!("{}{status}", job.id).as_bytes()))[..40];
            files.push((format!("{base}/results/{name}.csv"), status, rows));
        }
    }
    let results: Vec<_> = files
        .iter()
        .map(|(key, status, rows)| {
            json!({ "TaskExecutionStatus": status, "Bucket": wish.bucket, "MD5Checksum": md5(&Content::from(Bytes::copy_from_slice(rows.as_bytes()))), "Key": key })
        })
        .collect();
    let manifest = json!({
        "Format": "Report_CSV_20180820",
        "ReportCreationDate": runner.now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        "Results": results,
        "ReportSchema": "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage",
    });
    let manifest = (format!("{base}/manifest.json"), "", manifest.to_string());
    for (key, _, text) in files.into_iter().chain([manifest]) {
        if !runner.may("s3:PutObject", &wish.bucket, &key) {
            let text = format!("The role is not allowed to write s3://{}/{key} (s3:PutObject)", wish.bucket);
            return Err(("ReportAccessDenied", text));
        }
        let mut storage = locked(&runner.core.storage);
        let Some(bucket) = storage.buckets.get_mut(&wish.bucket) else {
            return Err(("ReportBucketNotFound", format!("There is no bucket {}", wish.bucket)));
        };
        bucket.put(&key, Blob::plain(text.into()), runner.now, runner.core.ids.token(24));
    }
    Ok(())
}

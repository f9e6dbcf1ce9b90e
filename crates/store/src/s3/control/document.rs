//! The documents of S3 Control: what is asked for a job, and what is told of jobs.

use super::{
    Job, JobId, JobManifestFormat, JobMetadata, JobOperation, JobPage, JobProgress, JobReport,
    JobReportScope, JobStatus, NewJob, RestoreTier,
};
use crate::s3::xml::{Malformed, Writer, walk};

const NAMESPACE: &str = "http://awss3control.amazonaws.com/doc/2018-08-20/";

/// The body of CreateJob. The order is that of the API Reference.
pub(super) fn create_request(job: &NewJob, partition: &str, token: &str) -> String {
    let arn = |resource: &str| format!("arn:{partition}:s3:::{resource}");
    let mut document = Writer::in_namespace("CreateJobRequest", NAMESPACE);
    document.text("ConfirmationRequired", if job.waits { "true" } else { "false" });
    document.within("Operation", |inner| {
        inner.within(job.operation.name(), |inner| operation(&job.operation, &arn, inner));
    });
    document.within("Report", |inner| match &job.report {
        None => inner.text("Enabled", "false"),
        Some(report) => {
            inner.text("Bucket", &arn(report.bucket.as_str()));
            inner.text("Format", "Report_CSV_20180820");
            inner.text("Enabled", "true");
            if let Some(prefix) = &report.prefix {
                inner.text("Prefix", prefix);
            }
            let scope = match report.scope {
                JobReportScope::All => "AllTasks",
                JobReportScope::Failed => "FailedTasksOnly",
            };
            inner.text("ReportScope", scope);
        }
    });
    document.text("ClientRequestToken", token);
    document.within("Manifest", |inner| {
        inner.within("Spec", |inner| match job.manifest.format {
            JobManifestFormat::Inventory => inner.text("Format", "S3InventoryReport_CSV_20161130"),
            JobManifestFormat::Csv(fields) => {
                inner.text("Format", "S3BatchOperations_CSV_20180820");
                inner.within("Fields", |inner| fields.iter().for_each(|field| inner.text("member", field)));
            }
        });
        inner.within("Location", |inner| {
            inner.text("ObjectArn", &arn(&format!("{}/{}", job.manifest.bucket, job.manifest.key.as_str())));
            inner.text("ETag", job.manifest.etag.as_str());
        });
    });
    if let Some(description) = &job.description {
        document.text("Description", description);
    }
    document.text("Priority", &job.priority.to_string());
    document.text("RoleArn", job.role.as_str());
    document.finish()
}

fn operation(operation: &JobOperation, arn: &impl Fn(&str) -> String, into: &mut Writer) {
    match operation {
        JobOperation::Copy { bucket, prefix, storage_class, metadata } => {
            into.text("TargetResource", &arn(bucket.as_str()));
            if *metadata == JobMetadata::Dropped {
                into.text("MetadataDirective", "REPLACE");
                into.within("NewObjectMetadata", |_| {});
            } else {
                into.text("MetadataDirective", "COPY");
            }
            if let Some(class) = storage_class {
                into.text("StorageClass", class);
            }
            if let Some(prefix) = prefix {
                into.text("TargetKeyPrefix", prefix);
            }
        }
        JobOperation::Tag(tags) => into.within("TagSet", |inner| {
            for (key, value) in tags {
                inner.within("member", |inner| {
                    inner.text("Key", key);
                    inner.text("Value", value);
                });
            }
        }),
        JobOperation::DeleteTags => {}
        JobOperation::Restore { days, tier } => {
            into.text("ExpirationInDays", &days.to_string());
            into.text(
                "GlacierJobTier",
                match tier {
                    RestoreTier::Standard => "STANDARD",
                    RestoreTier::Bulk => "BULK",
                },
            );
        }
    }
}

/// An answer to CreateJob.
pub(super) fn job_id(document: &[u8]) -> Result<JobId, Malformed> {
    let mut id = None;
    walk(document, |path, text| {
        if path == "JobId" {
            id = Some(text.to_owned());
        }
        Ok(())
    })?;
    let id = id.ok_or_else(|| Malformed::new("it names no job"))?;
    id.parse().map_err(|_| Malformed::value("JobId", &id))
}

/// An answer to DescribeJob.
pub(super) fn job(document: &[u8]) -> Result<Job, Malformed> {
    let mut draft = Draft::default();
    walk(document, |path, text| path.strip_prefix("Job/").map_or(Ok(()), |path| draft.take(path, text)))?;
    draft.finish()
}

/// An answer to ListJobs.
pub(super) fn job_page(document: &[u8]) -> Result<JobPage, Malformed> {
    let mut page = JobPage::default();
    let mut draft = Draft::default();
    walk(document, |path, text| {
        if path == "NextToken" {
            page.next = (!text.is_empty()).then(|| text.to_owned());
            return Ok(());
        }
        let Some(rest) = path.strip_prefix("Jobs/") else { return Ok(()) };
        // The element is called `member` on the wire and `JobListDescriptor` in the documentation.
        match rest.split_once('/') {
            Some((_, path)) => draft.take(path, text),
            None => {
                page.jobs.push(std::mem::take(&mut draft).finish()?);
                Ok(())
            }
        }
    })?;
    Ok(page)
}

/// A job as its elements come.
#[derive(Default)]
struct Draft {
    id: String,
    status: String,
    operation: String,
    description: Option<String>,
    priority: u32,
    created: Option<jiff::Timestamp>,
    ended: Option<jiff::Timestamp>,
    progress: JobProgress,
    failures: Vec<(String, String)>,
    failure: (String, String),
    reason: Option<String>,
    role: Option<String>,
    manifest: Option<String>,
    report: ReportDraft,
}

#[derive(Default)]
struct ReportDraft {
    enabled: bool,
    bucket: String,
    prefix: Option<String>,
    failed_only: bool,
}

impl Draft {
    fn take(&mut self, path: &str, text: &str) -> Result<(), Malformed> {
        let filled = || (!text.is_empty()).then(|| text.to_owned());
        let number = |what: &str| text.trim().parse().map_err(|_| Malformed::value(what, text));
        match path {
            "JobId" => text.clone_into(&mut self.id),
            "Status" => text.clone_into(&mut self.status),
            "Operation" if !text.trim().is_empty() => text.trim().clone_into(&mut self.operation),
            "Description" => self.description = filled(),
            "Priority" => self.priority = u32::try_from(number("Priority")?).unwrap_or(u32::MAX),
            "CreationTime" => self.created = text.trim().parse().ok(),
            "TerminationDate" => self.ended = text.trim().parse().ok(),
            "ProgressSummary/TotalNumberOfTasks" => self.progress.total = number(path)?,
            "ProgressSummary/NumberOfTasksSucceeded" => self.progress.succeeded = number(path)?,
            "ProgressSummary/NumberOfTasksFailed" => self.progress.failed = number(path)?,
            "ProgressSummary/Timers/ElapsedTimeInActiveSeconds" => self.progress.active_s = number(path)?,
            "StatusUpdateReason" => self.reason = filled(),
            "RoleArn" => self.role = filled(),
            "Manifest/Location/ObjectArn" => self.manifest = filled(),
            "Report/Enabled" => self.report.enabled = text == "true",
            "Report/Bucket" => {
                text.rsplit(':').next().unwrap_or_default().clone_into(&mut self.report.bucket);
            }
            "Report/Prefix" => self.report.prefix = filled(),
            "Report/ReportScope" => self.report.failed_only = text == "FailedTasksOnly",
            _ => match path.split_once('/') {
                // What it does is told by the name of the element that says how.
                Some(("Operation", rest)) => {
                    rest.split('/').next().unwrap_or_default().clone_into(&mut self.operation);
                }
                Some(("FailureReasons", rest)) => match rest.split_once('/') {
                    Some((_, "FailureCode")) => text.clone_into(&mut self.failure.0),
                    Some((_, "FailureReason")) => text.clone_into(&mut self.failure.1),
                    Some(_) => {}
                    None => self.failures.push(std::mem::take(&mut self.failure)),
                },
                _ => {}
            },
        }
        Ok(())
    }

    fn finish(self) -> Result<Job, Malformed> {
        let report = match self.report.bucket.parse() {
            Ok(bucket) if self.report.enabled => Some(JobReport {
                bucket,
                prefix: self.report.prefix,
                scope: if self.report.failed_only { JobReportScope::Failed } else { JobReportScope::All },
            }),
            _ => None,
        };
        Ok(Job {
            id: self.id.parse().map_err(|_| Malformed::value("JobId", &self.id))?,
            status: JobStatus::from(self.status.as_str()),
            operation: self.operation,
            description: self.description,
            priority: self.priority,
            created: self.created,
            ended: self.ended,
            progress: self.progress,
            failures: self.failures,
            reason: self.reason,
            role: self.role,
            manifest: self.manifest,
            report,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object_store::ETag;
    use crate::s3::control::JobManifest;

    fn new_job(operation: JobOperation) -> NewJob {
        NewJob {
            operation,
            manifest: JobManifest {
                format: JobManifestFormat::Csv(&["Bucket", "Key"]),
                bucket: "lists".parse().unwrap(),
                key: "a&b.csv".parse().unwrap(),
                etag: ETag::new("\"tag\""),
            },
            report: Some(JobReport {
                bucket: "reports".parse().unwrap(),
                prefix: Some("p".to_owned()),
                scope: JobReportScope::Failed,
            }),
            role: "arn:aws:iam::123456789012:role/batch".parse().unwrap(),
            priority: 7,
            description: Some("<all>".to_owned()),
            waits: true,
        }
    }

    #[test]
    fn a_job_is_asked_for_in_the_words_of_the_service() {
        let copy = JobOperation::Copy {
            bucket: "target".parse().unwrap(),
            prefix: Some("2026".to_owned()),
            storage_class: Some("GLACIER_IR".to_owned()),
            metadata: JobMetadata::Copied,
        };
        let expected = "<CreateJobRequest xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\"><ConfirmationRequired>true</ConfirmationRequired>\
            <Operation><S3PutObjectCopy><TargetResource>arn:aws-cn:s3:::target</TargetResource><MetadataDirective>COPY</MetadataDirective>\
            <StorageClass>GLACIER_IR</StorageClass><TargetKeyPrefix>2026</TargetKeyPrefix></S3PutObjectCopy></Operation>\
            <Report><Bucket>arn:aws-cn:s3:::reports</Bucket><Format>Report_CSV_20180820</Format><Enabled>true</Enabled><Prefix>p</Prefix>\
            <ReportScope>FailedTasksOnly</ReportScope></Report><ClientRequestToken>once</ClientRequestToken>\
            <Manifest><Spec><Format>S3BatchOperations_CSV_20180820</Format><Fields><member>Bucket</member><member>Key</member></Fields></Spec>\
            <Location><ObjectArn>arn:aws-cn:s3:::lists/a&amp;b.csv</ObjectArn><ETag>tag</ETag></Location></Manifest>\
            <Description>&lt;all&gt;</Description><Priority>7</Priority><RoleArn>arn:aws:iam::123456789012:role/batch</RoleArn></CreateJobRequest>";
        assert_eq!(create_request(&new_job(copy), "aws-cn", "once"), expected);
        for (operation, expected) in [
            (
                JobOperation::Tag(vec![("k".into(), "v".into())]),
                "<S3PutObjectTagging><TagSet><member><Key>k</Key><Value>v</Value></member></TagSet></S3PutObjectTagging>",
            ),
            (JobOperation::DeleteTags, "<S3DeleteObjectTagging></S3DeleteObjectTagging>"),
            (
                JobOperation::Restore { days: 3, tier: RestoreTier::Bulk },
                "<S3InitiateRestoreObject><ExpirationInDays>3</ExpirationInDays><GlacierJobTier>BULK</GlacierJobTier></S3InitiateRestoreObject>",
            ),
        ] {
            let written = create_request(&new_job(operation), "aws", "once");
            assert!(written.contains(&format!("<Operation>{expected}</Operation>")), "{written}");
        }
    }

    #[test]
    fn a_job_is_read_as_far_as_it_is_told() {
        let text = "<DescribeJobResult><Job><JobId>00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c</JobId><ConfirmationRequired>false</ConfirmationRequired>\
            <Status>Failed</Status><Operation><S3DeleteObjectTagging/></Operation><Priority>10</Priority>\
            <ProgressSummary><TotalNumberOfTasks>8</TotalNumberOfTasks><NumberOfTasksSucceeded>5</NumberOfTasksSucceeded><NumberOfTasksFailed>3</NumberOfTasksFailed>\
            <Timers><ElapsedTimeInActiveSeconds>12</ElapsedTimeInActiveSeconds></Timers></ProgressSummary>\
            <FailureReasons><member><FailureCode>X</FailureCode><FailureReason>words</FailureReason></member></FailureReasons>\
            <Report><Bucket>arn:aws:s3:::reports</Bucket><Format>Report_CSV_20180820</Format><Enabled>true</Enabled><ReportScope>AllTasks</ReportScope></Report>\
            <CreationTime>2026-11-27T10:00:00.000Z</CreationTime><RoleArn>arn:aws:iam::123456789012:role/batch</RoleArn></Job></DescribeJobResult>";
        let job = job(text.as_bytes()).unwrap();
        assert_eq!(
            (&job.status, job.operation.as_str(), job.priority),
            (&JobStatus::Failed, "S3DeleteObjectTagging", 10)
        );
        assert_eq!(job.progress, JobProgress { total: 8, succeeded: 5, failed: 3, active_s: 12 });
        assert_eq!(job.failures, [("X".to_owned(), "words".to_owned())]);
        assert_eq!(job.report.unwrap().bucket.as_str(), "reports");
        assert!(job_id(b"<CreateJobResult/>").is_err());
    }

    #[test]
    fn a_list_is_read_in_either_spelling() {
        for element in ["member", "JobListDescriptor"] {
            let text = format!(
                "<ListJobsResult><Jobs><{element}><JobId>job-1</JobId><Operation>S3PutObjectCopy</Operation><Status>Pausing</Status></{element}>\
                <{element}><JobId>job-2</JobId><Operation>LambdaInvoke</Operation><Status>Novel</Status></{element}></Jobs><NextToken>t</NextToken></ListJobsResult>"
            );
            let page = job_page(text.as_bytes()).unwrap();
            let told: Vec<_> = page
                .jobs
                .iter()
                .map(|job| (job.id.as_str(), job.operation.as_str(), job.status.as_str()))
                .collect();
            assert_eq!(told, [("job-1", "S3PutObjectCopy", "Pausing"), ("job-2", "LambdaInvoke", "Novel")]);
            assert_eq!(page.next.as_deref(), Some("t"));
        }
    }
}

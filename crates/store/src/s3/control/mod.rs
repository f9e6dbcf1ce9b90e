//! S3 Control, as far as S3 Batch Operations goes: jobs over many objects that run in the service itself.
//!
//! The calls are those of the API Reference ("Amazon S3 Control", version 2018-08-20). Jobs belong to an account and a region: a job is created where its
//! objects are, and asked about there. What a job does is a closed set here ([`JobOperation`]); what jobs of others do is shown by its name.

mod document;

use std::fmt;
use std::str::FromStr;

use http::{HeaderName, Method};
use jiff::Timestamp;
use pintail_core::name::{AccountId, BucketName, ObjectKey, Region, RoleArn};

use super::S3Store;
use super::call::{Call, Wanted};
use super::header;
use crate::error::{ErrorKind, Operation, Result};
use crate::object_store::ETag;

const JOBS: &str = "/v20180820/jobs";
const ACCOUNT_ID: HeaderName = HeaderName::from_static("x-amz-account-id");

/// Where jobs are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPlace {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

/// What a job does with each object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOperation {
    /// Copies it, under its whole key below a prefix.
    Copy {
        /// The target's bucket, in the region of the job.
        bucket: BucketName,
        /// What is put before the key, with `/` between them; the key alone without.
        prefix: Option<String>,
        /// The storage class of the copy.
        storage_class: Option<String>,
        /// Whether the copy has the metadata of the original, or none.
        metadata: JobMetadata,
    },
    /// Replaces all its tags.
    Tag(Vec<(String, String)>),
    /// Removes all its tags.
    DeleteTags,
    /// Has an archived object restored.
    Restore {
        /// How many days the restored copy stays.
        days: u32,
        /// How fast it comes.
        tier: RestoreTier,
    },
}

/// Whose metadata a copy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobMetadata {
    /// That of the original.
    Copied,
    /// None.
    Dropped,
}

/// How fast an archived object comes back. S3 Batch Operations has no third, faster one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreTier {
    /// Within hours.
    Standard,
    /// Within a day or two, at the lowest price.
    Bulk,
}

impl JobOperation {
    /// Returns the service's name for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Copy { .. } => "S3PutObjectCopy",
            Self::Tag(_) => "S3PutObjectTagging",
            Self::DeleteTags => "S3DeleteObjectTagging",
            Self::Restore { .. } => "S3InitiateRestoreObject",
        }
    }
}

/// Which objects a job goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobManifest {
    /// How the list is written.
    pub format: JobManifestFormat,
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// Its entity tag: a job does not run over a list that changed.
    pub etag: ETag,
}

/// How a list of objects is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobManifestFormat {
    /// `S3BatchOperations_CSV_20180820` with these columns.
    Csv(&'static [&'static str]),
    /// `S3InventoryReport_CSV_20161130`: the `manifest.json` of an inventory.
    Inventory,
}

/// Where a job's completion report goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobReport {
    /// The bucket.
    pub bucket: BucketName,
    /// What its keys begin with, without a slash at the end.
    pub prefix: Option<String>,
    /// Whether tasks that went well are in it.
    pub scope: JobReportScope,
}

/// Which tasks a report tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobReportScope {
    /// All.
    All,
    /// Those that failed.
    Failed,
}

/// A job to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// What it does.
    pub operation: JobOperation,
    /// With which objects.
    pub manifest: JobManifest,
    /// Where it reports, if at all.
    pub report: Option<JobReport>,
    /// The role that it runs as.
    pub role: RoleArn,
    /// The higher, the earlier among the jobs of the account.
    pub priority: u32,
    /// What people are told about it, 256 letters at the most.
    pub description: Option<String>,
    /// Whether it waits to be confirmed before it touches an object.
    pub waits: bool,
}

/// Where a job is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// Just created.
    New,
    /// Its list is being read.
    Preparing,
    /// It waits to be confirmed.
    Suspended,
    /// It waits for its turn.
    Ready,
    /// It runs.
    Active,
    /// A job of higher priority will soon run in its place.
    Pausing,
    /// A job of higher priority runs in its place.
    Paused,
    /// It writes its report.
    Completing,
    /// It went through all objects. Tasks may have failed.
    Complete,
    /// It is being cancelled.
    Cancelling,
    /// It was cancelled.
    Cancelled,
    /// It is about to fail.
    Failing,
    /// It could not run, or too much failed.
    Failed,
    /// Something that this program does not know.
    Other(String),
}

impl JobStatus {
    /// Tells whether nothing more happens with it.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Complete | Self::Cancelled | Self::Failed)
    }

    /// Returns the service's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::New => "New",
            Self::Preparing => "Preparing",
            Self::Suspended => "Suspended",
            Self::Ready => "Ready",
            Self::Active => "Active",
            Self::Pausing => "Pausing",
            Self::Paused => "Paused",
            Self::Completing => "Completing",
            Self::Complete => "Complete",
            Self::Cancelling => "Cancelling",
            Self::Cancelled => "Cancelled",
            Self::Failing => "Failing",
            Self::Failed => "Failed",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&str> for JobStatus {
    fn from(text: &str) -> Self {
        match text {
            "New" => Self::New,
            "Preparing" => Self::Preparing,
            "Suspended" => Self::Suspended,
            "Ready" => Self::Ready,
            "Active" => Self::Active,
            "Pausing" => Self::Pausing,
            "Paused" => Self::Paused,
            "Completing" => Self::Completing,
            "Complete" => Self::Complete,
            "Cancelling" => Self::Cancelling,
            "Cancelled" => Self::Cancelled,
            "Failing" => Self::Failing,
            "Failed" => Self::Failed,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// The name of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobId(String);

/// A text that names no job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no job ID: it has 5 to 36 letters, digits, - and _")]
pub struct JobIdError(String);

impl JobId {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for JobId {
    type Err = JobIdError;

    fn from_str(text: &str) -> std::result::Result<Self, JobIdError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (5..=36).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(JobIdError(text.to_owned()))
        }
    }
}

/// What is known of a job. A list tells less than a look at one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// Where it is in its life.
    pub status: JobStatus,
    /// The service's name of what it does.
    pub operation: String,
    /// What people are told about it.
    pub description: Option<String>,
    /// Its priority.
    pub priority: u32,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How far it is.
    pub progress: JobProgress,
    /// Why it failed, code and reason.
    pub failures: Vec<(String, String)>,
    /// Why it is in its state, as whoever brought it there said.
    pub reason: Option<String>,
    /// The role that it runs as.
    pub role: Option<String>,
    /// The ARN of its list.
    pub manifest: Option<String>,
    /// Where it reports.
    pub report: Option<JobReport>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// How many tasks there are, known once its list has been read.
    pub total: u64,
    /// How many went well.
    pub succeeded: u64,
    /// How many failed.
    pub failed: u64,
    /// How long it has been running, in seconds.
    pub active_s: u64,
}

/// A page of jobs, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// Which state a job may be brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedStatus {
    /// One that waits is confirmed.
    Ready,
    /// It is cancelled.
    Cancelled,
}

/// Tells whether bytes could be a document about jobs.
pub(super) fn is_document(bytes: &[u8]) -> bool {
    let page = document::job_page(bytes).is_ok_and(|page| !page.jobs.is_empty());
    page | document::job(bytes).is_ok() | document::job_id(bytes).is_ok()
}

impl S3Store {
    /// Creates a job. Attempts that have to be repeated create one job together.
    ///
    /// # Errors
    /// As for every call; what is wrong with a list or a role shows only when the job prepares.
    pub async fn create_job(&self, place: &JobPlace, job: &NewJob) -> Result<JobId> {
        let mut token = [0; 16];
        self.random.fill(&mut token);
        let token: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
        let partition = place.region.partition().name();
        let document = document::create_request(job, partition, &token);
        let call = self
            .control_call(Operation::CreateJob, Method::POST, place, JOBS)?
            .document(document)
            .wants(Wanted::Document);
        let reply = self.perform(&call).await?;
        document::job_id(reply.document()).map_err(|error| call.error(ErrorKind::BadAnswer).because(error))
    }

    /// Looks a job up.
    ///
    /// # Errors
    /// As for every call.
    pub async fn describe_job(&self, place: &JobPlace, id: &JobId) -> Result<Job> {
        let path = format!("{JOBS}/{id}");
        let call =
            self.control_call(Operation::DescribeJob, Method::GET, place, &path)?.wants(Wanted::Document);
        let reply = self.perform(&call).await?;
        document::job(reply.document()).map_err(|error| call.error(ErrorKind::BadAnswer).because(error))
    }

    /// Lists a page of the jobs of the last 90 days, those in one of these states, or all.
    ///
    /// # Errors
    /// As for every call.
    pub async fn list_jobs(
        &self,
        place: &JobPlace,
        statuses: &[JobStatus],
        continuation: Option<&str>,
    ) -> Result<JobPage> {
        let statuses = statuses.iter().map(|status| ("jobStatuses", status.as_str()));
        let call = self
            .control_call(Operation::ListJobs, Method::GET, place, JOBS)?
            .query(statuses.chain(continuation.map(|token| ("nextToken", token))))
            .wants(Wanted::Document);
        let reply = self.perform(&call).await?;
        let page = document::job_page(reply.document())
            .map_err(|error| call.error(ErrorKind::BadAnswer).because(error))?;
        if page.next.is_some() && page.next.as_deref() == continuation {
            return Err(call
                .error(ErrorKind::BadAnswer)
                .because("the next page begins where this one began"));
        }
        Ok(page)
    }

    /// Changes a job's priority.
    ///
    /// # Errors
    /// As for every call.
    pub async fn set_job_priority(&self, place: &JobPlace, id: &JobId, priority: u32) -> Result<()> {
        let path = format!("{JOBS}/{id}/priority");
        let priority = priority.to_string();
        let call = self
            .control_call(Operation::UpdateJob, Method::POST, place, &path)?
            .query([("priority", priority.as_str())]);
        self.perform(&call).await?;
        Ok(())
    }

    /// Confirms or cancels a job.
    ///
    /// # Errors
    /// As for every call; a job that is in no state to be confirmed or cancelled is an
    /// [`InvalidRequest`](ErrorKind::InvalidRequest).
    pub async fn set_job_status(
        &self,
        place: &JobPlace,
        id: &JobId,
        wanted: WantedStatus,
        reason: Option<&str>,
    ) -> Result<()> {
        let path = format!("{JOBS}/{id}/status");
        let wanted = match wanted {
            WantedStatus::Ready => "Ready",
            WantedStatus::Cancelled => "Cancelled",
        };
        let reason = reason.map(|text| ("statusUpdateReason", text));
        let call = self
            .control_call(Operation::UpdateJob, Method::POST, place, &path)?
            .query([("requestedJobStatus", wanted)].into_iter().chain(reason));
        self.perform(&call).await?;
        Ok(())
    }

    fn control_call(
        &self,
        operation: Operation,
        method: Method,
        place: &JobPlace,
        path: &str,
    ) -> Result<Call<'static>> {
        let there = self.endpoint().control(&place.account, &place.region, path);
        Call::new(operation, method)
            .elsewhere(there)
            .headers(|headers| header::insert(headers, ACCOUNT_ID, &place.account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A job is asked for by the very word that was named (S3 API Reference, `JobListDescriptor`, "Status").
    #[test]
    fn every_state_of_the_service_keeps_its_word() {
        for word in [
            "Active",
            "Cancelled",
            "Cancelling",
            "Complete",
            "Completing",
            "Failed",
            "Failing",
            "New",
            "Paused",
            "Pausing",
            "Preparing",
            "Ready",
            "Suspended",
            "Novel",
        ] {
            let status = JobStatus::from(word);
            assert_eq!((status.as_str(), matches!(status, JobStatus::Other(_))), (word, word == "Novel"));
        }
    }
}

//! What can go wrong, by meaning.
//!
//! [`ErrorKind`] has two halves. A *service* kind is something every honest store could say about the same call, the
//! in-memory one included; a *client* kind belongs to this side or the way between. Facts only: what to do about
//! them is written where a person reads it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use pintail_core::name::{BucketName, ObjectKey, Region};
use pintail_core::retry::Retry;
use pintail_core::seam::HttpErrorKind;

/// The outcome of a call to a store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The calls of an [`ObjectStore`](crate::ObjectStore).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`abort_upload`](crate::ObjectStore::abort_upload)
    AbortUpload,
    /// [`complete_upload`](crate::ObjectStore::complete_upload)
    CompleteUpload,
    /// [`copy`](crate::ObjectStore::copy)
    Copy,
    /// [`create_bucket`](crate::ObjectStore::create_bucket)
    CreateBucket,
    /// [`create_job`](crate::S3Store::create_job)
    CreateJob,
    /// [`create_upload`](crate::ObjectStore::create_upload)
    CreateUpload,
    /// [`delete`](crate::ObjectStore::delete)
    Delete,
    /// [`delete_bucket`](crate::ObjectStore::delete_bucket)
    DeleteBucket,
    /// [`delete_many`](crate::ObjectStore::delete_many)
    DeleteMany,
    /// [`describe_job`](crate::S3Store::describe_job)
    DescribeJob,
    /// [`get`](crate::ObjectStore::get)
    Get,
    /// [`lifecycle`](crate::S3Store::lifecycle)
    GetLifecycle,
    /// [`head`](crate::ObjectStore::head)
    Head,
    /// [`head_bucket`](crate::ObjectStore::head_bucket)
    HeadBucket,
    /// [`list`](crate::ObjectStore::list)
    List,
    /// [`list_buckets`](crate::ObjectStore::list_buckets)
    ListBuckets,
    /// [`list_jobs`](crate::S3Store::list_jobs)
    ListJobs,
    /// [`list_parts`](crate::ObjectStore::list_parts)
    ListParts,
    /// [`list_uploads`](crate::ObjectStore::list_uploads)
    ListUploads,
    /// Presigning an address.
    Presign,
    /// [`put`](crate::ObjectStore::put)
    Put,
    /// [`set_lifecycle`](crate::S3Store::set_lifecycle)
    PutLifecycle,
    /// [`set_job_priority`](crate::S3Store::set_job_priority) and [`set_job_status`](crate::S3Store::set_job_status)
    UpdateJob,
    /// [`upload_part`](crate::ObjectStore::upload_part)
    UploadPart,
    /// [`upload_part_copy`](crate::ObjectStore::upload_part_copy)
    UploadPartCopy,
}

impl Operation {
    /// Every call of an [`ObjectStore`](crate::ObjectStore).
    pub const ALL: [Self; 18] = [
        Self::AbortUpload,
        Self::CompleteUpload,
        Self::Copy,
        Self::CreateBucket,
        Self::CreateUpload,
        Self::Delete,
        Self::DeleteBucket,
        Self::DeleteMany,
        Self::Get,
        Self::Head,
        Self::HeadBucket,
        Self::List,
        Self::ListBuckets,
        Self::ListParts,
        Self::ListUploads,
        Self::Put,
        Self::UploadPart,
        Self::UploadPartCopy,
    ];

    /// Returns where the call stands in [`Operation::ALL`]; what only S3 has does not stand there.
    pub(crate) fn place(self) -> Option<usize> {
        /// The last of them all.
        const COUNT: usize = Operation::UploadPartCopy as usize + 1;
        const PLACES: [Option<usize>; COUNT] = {
            let mut places = [None; COUNT];
            let mut at = 0;
            while at < Operation::ALL.len() {
                places[Operation::ALL[at] as usize] = Some(at);
                at += 1;
            }
            places
        };
        PLACES[self as usize]
    }

    /// Tells whether the call changes something.
    pub fn writes(self) -> bool {
        match self {
            Self::AbortUpload
            | Self::CompleteUpload
            | Self::Copy
            | Self::CreateBucket
            | Self::CreateJob
            | Self::CreateUpload
            | Self::Delete
            | Self::DeleteBucket
            | Self::DeleteMany
            | Self::Put
            | Self::PutLifecycle
            | Self::UpdateJob
            | Self::UploadPart
            | Self::UploadPartCopy => true,
            Self::DescribeJob
            | Self::Get
            | Self::GetLifecycle
            | Self::Head
            | Self::HeadBucket
            | Self::List
            | Self::ListBuckets
            | Self::ListJobs
            | Self::ListParts
            | Self::ListUploads
            | Self::Presign => false,
        }
    }

    /// Returns the words that stand for the call in a message: "could not …" reads on from here.
    pub fn words(self) -> &'static str {
        match self {
            Self::AbortUpload => "abort the upload to",
            Self::CompleteUpload => "complete the upload to",
            Self::Copy => "copy to",
            Self::CreateBucket => "create",
            Self::CreateJob => "create a batch job",
            Self::CreateUpload => "begin an upload to",
            Self::Delete => "delete",
            Self::DeleteBucket => "delete",
            Self::DeleteMany => "delete objects in",
            Self::DescribeJob => "look up the batch job",
            Self::Get => "read",
            Self::GetLifecycle => "read the lifecycle rules of",
            Self::Head | Self::HeadBucket => "look up",
            Self::List => "list",
            Self::ListBuckets => "list buckets",
            Self::ListJobs => "list batch jobs",
            Self::ListParts => "list the parts of the upload to",
            Self::ListUploads => "list the uploads in",
            Self::Presign => "presign an address of",
            Self::Put => "write",
            Self::PutLifecycle => "write the lifecycle rules of",
            Self::UpdateJob => "change the batch job",
            Self::UploadPart => "upload a part of",
            Self::UploadPartCopy => "copy a part of",
        }
    }
}

/// What was not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The bucket.
    Bucket,
    /// The batch job.
    Job,
    /// The object, or the version asked for.
    Object,
    /// The multipart upload: completed, aborted, or never begun.
    Upload,
}

/// What went wrong, by meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    // -- what an honest store says --
    /// Something of that name is already there.
    AlreadyExists,
    /// The object is archived and has to be restored before it can be read.
    Archived,
    /// The bytes that arrived are not those that were sent, on either side.
    ChecksumMismatch,
    /// Somebody else is changing the same thing right now.
    Conflict,
    /// The credential was refused as expired or unknown.
    CredentialRefused,
    /// The store could not do it at the moment.
    Unavailable,
    /// The range lies outside the object.
    InvalidRange,
    /// The request itself is refused. Which rule it breaks, the [code](StoreError::code) says.
    InvalidRequest,
    /// It is not there.
    NotFound(Missing),
    /// The bucket still holds objects.
    NotEmpty,
    /// The object has not changed since the state named in the condition.
    NotModified,
    /// The one who signed may not do this.
    PermissionDenied,
    /// The condition does not hold.
    PreconditionFailed,
    /// Too many requests.
    Throttled {
        /// How long the store asks to wait, if it says so.
        after: Option<Duration>,
    },
    /// The request was not signed, or its signature is wrong.
    Unauthenticated,
    /// The store does not offer this.
    Unsupported,
    /// The bucket lives elsewhere, and the request could not be led there.
    WrongRegion {
        /// Where it lives, if the store says so.
        region: Option<Region>,
    },

    // -- what breaks on this side or on the way --
    /// The answer is not what the protocol says.
    BadAnswer,
    /// The clock is too far off to sign requests, and the server's time did not mend it.
    ClockSkew,
    /// No credential could be had.
    CredentialUnavailable {
        /// What its source says about trying again.
        retry: Retry,
    },
    /// Nothing may be written here: the bookmark is read-only.
    ReadOnly,
    /// The arguments cannot be put into a request.
    InvalidArgument(&'static str),
    /// The bytes to be sent could not be read, or their number changed meanwhile.
    SourceFailed,
    /// No answer came.
    Transport(HttpErrorKind),
}

impl ErrorKind {
    /// Tells whether a store said this, as opposed to something that broke on this side or on the way.
    pub fn is_service(&self) -> bool {
        !matches!(
            self,
            Self::BadAnswer
                | Self::ClockSkew
                | Self::CredentialUnavailable { .. }
                | Self::InvalidArgument(_)
                | Self::ReadOnly
                | Self::SourceFailed
                | Self::Transport(_)
        )
    }

    /// Tells what would have to change before the same call can succeed.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Throttled { after: Some(after) } => Retry::After(*after),
            Self::Throttled { after: None } | Self::Unavailable | Self::Conflict | Self::ChecksumMismatch => {
                Retry::Backoff
            }
            Self::CredentialRefused => Retry::AfterRenewal,
            Self::CredentialUnavailable { retry } => *retry,
            Self::Transport(
                HttpErrorKind::Resolve
                | HttpErrorKind::Connect
                | HttpErrorKind::Interrupted
                | HttpErrorKind::Timeout,
            ) => Retry::Backoff,
            Self::Transport(HttpErrorKind::Tls | HttpErrorKind::Proxy | HttpErrorKind::BadResponse)
            | Self::AlreadyExists
            | Self::Archived
            | Self::BadAnswer
            | Self::ClockSkew
            | Self::InvalidArgument(_)
            | Self::InvalidRange
            | Self::InvalidRequest
            | Self::NotEmpty
            | Self::NotFound(_)
            | Self::NotModified
            | Self::PermissionDenied
            | Self::PreconditionFailed
            | Self::ReadOnly
            | Self::SourceFailed
            | Self::Unauthenticated
            | Self::Unsupported
            | Self::WrongRegion { .. } => Retry::Never,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyExists => "it already exists",
            Self::Archived => "the object is archived",
            Self::BadAnswer => "the answer is not understood",
            Self::ChecksumMismatch => "the checksum does not match",
            Self::ClockSkew => "the clock is too far off",
            Self::Conflict => "somebody else is changing it",
            Self::CredentialRefused => "the credential is refused",
            Self::CredentialUnavailable { .. } => "there is no credential",
            Self::InvalidArgument(rule) => rule,
            Self::InvalidRange => "the range lies outside the object",
            Self::InvalidRequest => "the request is refused",
            Self::NotEmpty => "the bucket is not empty",
            Self::NotFound(Missing::Bucket) => "the bucket does not exist",
            Self::NotFound(Missing::Job) => "the job does not exist",
            Self::NotFound(Missing::Object) => "the object does not exist",
            Self::NotFound(Missing::Upload) => "the upload does not exist",
            Self::NotModified => "it has not changed",
            Self::PermissionDenied => "permission is denied",
            Self::ReadOnly => "the bookmark is read-only",
            Self::PreconditionFailed => "the condition does not hold",
            Self::SourceFailed => "the bytes to be sent could not be read",
            Self::Throttled { .. } => "there are too many requests",
            Self::Transport(_) => "no answer came",
            Self::Unauthenticated => "the signature is missing or wrong",
            Self::Unavailable => "the store is not available",
            Self::Unsupported => "the store does not offer this",
            Self::WrongRegion { region: Some(region) } => return write!(f, "the bucket is in {region}"),
            Self::WrongRegion { region: None } => "the bucket is in another region",
        })
    }
}

/// A call that failed: what was asked, what it means, and what the service said word for word.
///
/// `Display` gives a fragment without advice and without its cause: `read s3://bucket/key: permission is denied (AccessDenied)`.
pub struct StoreError(Box<Facts>);

struct Facts {
    kind: ErrorKind,
    operation: Operation,
    bucket: Option<BucketName>,
    key: Option<ObjectKey>,
    answer: Answer,
    attempts: u32,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What the service said, as far as it said anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: Option<StatusCode>,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) host_id: Option<String>,
}

impl StoreError {
    /// Makes an error of a kind, for stores outside this crate.
    pub fn new(kind: ErrorKind, operation: Operation) -> Self {
        Self(Box::new(Facts {
            kind,
            operation,
            bucket: None,
            key: None,
            answer: Answer::default(),
            attempts: 1,
            source: None,
        }))
    }

    /// Names the bucket, and the key if there is one.
    #[must_use]
    pub fn at(mut self, bucket: &BucketName, key: Option<&ObjectKey>) -> Self {
        self.0.bucket = Some(bucket.clone());
        self.0.key = key.cloned();
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds a code, as a service gives one.
    #[must_use]
    pub fn with_code(mut self, code: &str) -> Self {
        self.0.answer.code = Some(code.to_owned());
        self
    }

    pub(crate) fn answered(mut self, answer: Answer) -> Self {
        self.0.answer = answer;
        self
    }

    pub(crate) fn after_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Returns what went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Returns the call that failed.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// Returns the bucket, for calls that have one.
    pub fn bucket(&self) -> Option<&BucketName> {
        self.0.bucket.as_ref()
    }

    /// Returns the key, for calls that have one.
    pub fn key(&self) -> Option<&ObjectKey> {
        self.0.key.as_ref()
    }

    /// Returns the service's own code, such as `AccessDenied`. The set of codes is open.
    pub fn code(&self) -> Option<&str> {
        self.0.answer.code.as_deref()
    }

    /// Returns the service's own words with control and direction characters escaped.
    pub fn message(&self) -> Option<String> {
        self.0.answer.message.as_deref().map(escaped)
    }

    /// Returns the status of the answer, if one came.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.answer.status
    }

    /// Returns the ID under which the service knows the request.
    pub fn request_id(&self) -> Option<&str> {
        self.0.answer.request_id.as_deref()
    }

    /// Returns the service's second ID, which its support asks for (`x-amz-id-2`).
    pub fn host_id(&self) -> Option<&str> {
        self.0.answer.host_id.as_deref()
    }

    /// Returns how many requests were made for the call.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Tells what would have to change before the same call can succeed. Retries of this crate are used up by then.
    pub fn retry(&self) -> Retry {
        self.0.kind.retry()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { kind, operation, bucket, key, answer, .. } = &*self.0;
        f.write_str(operation.words())?;
        if let Some(bucket) = bucket {
            write!(f, " s3://{bucket}")?;
            if let Some(key) = key {
                write!(f, "/{}", escaped(key.as_str()))?;
            }
        }
        write!(f, ": {kind}")?;
        match &answer.code {
            Some(code) => write!(f, " ({})", escaped(code)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { kind, operation, bucket, key, answer, attempts, source } = &*self.0;
        f.debug_struct("StoreError")
            .field("kind", kind)
            .field("operation", operation)
            .field("bucket", bucket)
            .field("key", key)
            .field("answer", answer)
            .field("attempts", attempts)
            .field("source", source)
            .finish()
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Escapes what could steer a terminal or turn a line around: control, format and direction characters.
fn escaped(text: &str) -> String {
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if hostile(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
        shown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_a_fragment_and_hides_nothing_in_it() {
        let bucket: BucketName = "photos".parse().unwrap();
        let key: ObjectKey = "a\u{1b}[31m\u{202e}b".parse().unwrap();
        let error = StoreError::new(ErrorKind::PermissionDenied, Operation::Get)
            .at(&bucket, Some(&key))
            .with_code("AccessDenied")
            .because("inner cause");
        assert_eq!(
            error.to_string(),
            "read s3://photos/a\\u{1b}[31m\\u{202e}b: permission is denied (AccessDenied)"
        );
        assert_eq!(error.source().unwrap().to_string(), "inner cause");
        assert_eq!(error.retry(), Retry::Never);
        assert!(error.kind().is_service());
    }

    #[test]
    fn messages_of_strangers_are_escaped() {
        let error = StoreError::new(ErrorKind::InvalidRequest, Operation::Put)
            .answered(Answer { message: Some("no\u{7}\u{9b}2J".into()), ..Answer::default() });
        assert_eq!(error.message().unwrap(), "no\\u{7}\\u{9b}2J");
    }

    #[test]
    fn waiting_helps_only_where_time_changes_something() {
        let asked = Duration::from_secs(3);
        for (kind, retry) in [
            (ErrorKind::Throttled { after: Some(asked) }, Retry::After(asked)),
            (ErrorKind::Throttled { after: None }, Retry::Backoff),
            (ErrorKind::Transport(HttpErrorKind::Interrupted), Retry::Backoff),
            (ErrorKind::Transport(HttpErrorKind::Tls), Retry::Never),
            (ErrorKind::CredentialRefused, Retry::AfterRenewal),
            (ErrorKind::CredentialUnavailable { retry: Retry::AfterSignIn }, Retry::AfterSignIn),
            (ErrorKind::NotFound(Missing::Object), Retry::Never),
        ] {
            assert_eq!(kind.retry(), retry, "{kind:?}");
        }
    }
}

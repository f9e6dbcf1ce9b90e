//! A call to S3 that failed, explained.

use pintail_core::seam::HttpErrorKind;
use pintail_store::{ErrorKind, Missing, Operation, StoreError};

use super::texts::{self, Known};
use super::{Exit, Explanation};
use crate::ops::Error;

/// Explains a call to S3 that failed.
pub(super) fn explain(error: &Error, store: &StoreError) -> Explanation {
    let message = store.message().filter(|text| !text.is_empty());
    let next = advice(store, message.as_deref().unwrap_or_default());
    let mut explanation = Explanation::new(error, exit(store), next);
    explanation.causes.extend(message.map(|text| format!("S3 says: {text}")));
    explanation.causes.extend(store.request_id().map(|id| format!("request {id}")));
    explanation
}

/// How a run ends whose call to S3 failed.
fn exit(store: &StoreError) -> Exit {
    match store.kind() {
        ErrorKind::NotFound(Missing::Bucket | Missing::Job | Missing::Object) => Exit::NotFound,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnly => Exit::Refused,
        ErrorKind::CredentialRefused
        | ErrorKind::Unauthenticated
        | ErrorKind::CredentialUnavailable { .. } => Exit::SignInNeeded,
        ErrorKind::NotModified => Exit::Done,
        ErrorKind::InvalidArgument(_) => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// What to do: by the code where it has a text, else by the kind.
fn advice(store: &StoreError, message: &str) -> Vec<String> {
    let known = Known {
        action: Some(permission(store.operation()).to_owned()),
        bucket: store.bucket().map(ToString::to_string),
        region: match store.kind() {
            ErrorKind::WrongRegion { region } => region.as_ref().map(ToString::to_string),
            _ => None,
        },
        ..Known::default()
    };
    match store.kind() {
        // Said on this side, or by a status: no code stands for these.
        ErrorKind::ReadOnly => return known.next(&texts::own::READ_ONLY),
        ErrorKind::Transport(kind) => return network(*kind, "the S3 endpoint"),
        ErrorKind::SourceFailed => return vec!["Copy it again when nothing writes to the source.".into()],
        ErrorKind::CredentialUnavailable { .. } => return vec!["Sign in: `pintail login`.".into()],
        ErrorKind::BadAnswer => {
            return vec![
                "Look at the endpoint of the bookmark: what answers there does not speak S3.".into(),
            ];
        }
        ErrorKind::AlreadyExists if store.operation() != Operation::CreateBucket => return Vec::new(),
        ErrorKind::NotModified | ErrorKind::InvalidArgument(_) => return Vec::new(),
        _ => {}
    }
    let by_code = store.code().and_then(|code| texts::s3::of_code(code, message));
    let text = by_code.or_else(|| texts::s3::of_kind(store.kind(), store.operation()));
    text.map(|text| known.next(text)).unwrap_or_default()
}

/// Advice for a connection that failed.
pub(super) fn network(kind: HttpErrorKind, whom: &str) -> Vec<String> {
    Known { whom: Some(whom.to_owned()), ..Known::default() }.next(texts::client::network(kind))
}

/// The permission that an operation needs, as policies name it.
fn permission(operation: Operation) -> &'static str {
    match operation {
        Operation::ListBuckets => "s3:ListAllMyBuckets",
        Operation::CreateBucket => "s3:CreateBucket",
        Operation::DeleteBucket => "s3:DeleteBucket",
        Operation::List | Operation::HeadBucket => "s3:ListBucket",
        Operation::Head | Operation::Get => {
            "s3:GetObject (and s3:ListBucket, to tell a missing object from a forbidden one)"
        }
        Operation::Put | Operation::CreateUpload | Operation::UploadPart | Operation::CompleteUpload => {
            "s3:PutObject"
        }
        Operation::Copy | Operation::UploadPartCopy => {
            "s3:GetObject on the source and s3:PutObject on the target"
        }
        Operation::Delete | Operation::DeleteMany => "s3:DeleteObject",
        Operation::ListParts => "s3:ListMultipartUploadParts",
        Operation::ListUploads => "s3:ListBucketMultipartUploads",
        Operation::AbortUpload => "s3:AbortMultipartUpload",
        Operation::CreateJob => "s3:CreateJob (and iam:PassRole on the job's role)",
        Operation::DescribeJob => "s3:DescribeJob",
        Operation::ListJobs => "s3:ListJobs",
        Operation::UpdateJob => "s3:UpdateJobStatus and s3:UpdateJobPriority",
        Operation::GetLifecycle => "s3:GetLifecycleConfiguration",
        Operation::PutLifecycle => "s3:PutLifecycleConfiguration",
        _ => "it needs",
    }
}

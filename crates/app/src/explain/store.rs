//! What S3's refusals mean.

use pintail_core::seam::HttpErrorKind;
use pintail_store::{ErrorKind, Missing, Operation, StoreError};

use super::{Exit, Explanation};
use crate::ops::Error;

/// Explains a call to S3 that failed.
pub(super) fn explain(error: &Error, store: &StoreError) -> Explanation {
    let bucket = store.bucket().map(ToString::to_string).unwrap_or_else(|| "the bucket".into());
    let (exit, next): (Exit, Vec<String>) = match store.kind() {
        ErrorKind::NotFound(Missing::Bucket) => (
            Exit::NotFound,
            vec![format!("Look at the spelling of {bucket}; `pintail ls BOOKMARK:` lists the buckets your role may see.")],
        ),
        ErrorKind::NotFound(Missing::Object) => {
            (Exit::NotFound, vec![format!("List what is there: `pintail ls BOOKMARK:{bucket}/`.")])
        }
        ErrorKind::NotFound(Missing::Upload) => (Exit::Failed, vec!["Copy it again from the beginning.".into()]),
        ErrorKind::PermissionDenied => (
            Exit::Refused,
            vec![
                format!(
                    "Ask for the permission {} on {bucket}; `pintail whoami` shows the role that was refused.",
                    permission(store.operation())
                ),
                "A bookmark with --read-only or --only is narrower than its role.".into(),
            ],
        ),
        ErrorKind::CredentialRefused | ErrorKind::Unauthenticated => (
            Exit::SignInNeeded,
            vec!["Sign in again: `pintail login`.".into(), "If that does not help, compare the region and the endpoints of the bookmark with your service's.".into()],
        ),
        ErrorKind::ClockSkew => {
            (Exit::Failed, vec!["Set this machine's clock: it is more than fifteen minutes off.".into()])
        }
        ErrorKind::WrongRegion { region: Some(region) } => {
            (Exit::Failed, vec![format!("Give the bookmark the region {region}, or an endpoint there.")])
        }
        ErrorKind::WrongRegion { region: None } => {
            (Exit::Failed, vec![format!("Find the region of {bucket} and give it to the bookmark: --region.")])
        }
        ErrorKind::AlreadyExists if store.operation() == Operation::CreateBucket => (
            Exit::Failed,
            vec!["Choose another name: bucket names are shared by all accounts of a partition.".into()],
        ),
        ErrorKind::AlreadyExists => (Exit::Failed, Vec::new()),
        ErrorKind::ReadOnly => (
            Exit::Refused,
            vec!["Use another bookmark, or take the mark off: `pintail bookmark edit NAME --read-only=false`.".into()],
        ),
        ErrorKind::NotEmpty => (
            Exit::Failed,
            vec![format!("Delete what is in it first: `pintail rm --recursive BOOKMARK:{bucket}/`.")],
        ),
        ErrorKind::PreconditionFailed => {
            (Exit::Failed, vec!["Somebody changed the object meanwhile: look at it, then try again.".into()])
        }
        ErrorKind::NotModified => (Exit::Done, Vec::new()),
        ErrorKind::ChecksumMismatch => (
            Exit::Failed,
            vec!["Copy it again. If it happens again, something between here and S3 changes bytes.".into()],
        ),
        ErrorKind::Throttled { .. } => {
            (Exit::Failed, vec!["Wait a little, then try again: S3 asks for fewer requests.".into()])
        }
        ErrorKind::Unavailable | ErrorKind::Conflict => (Exit::Failed, vec!["Try again in a moment.".into()]),
        ErrorKind::Archived => (Exit::Failed, vec!["Restore the object from its archive first.".into()]),
        ErrorKind::InvalidRange | ErrorKind::InvalidRequest => (Exit::Failed, Vec::new()),
        ErrorKind::InvalidArgument(_) => (Exit::Usage, Vec::new()),
        ErrorKind::Unsupported => (Exit::Failed, vec!["This service does not offer it.".into()]),
        ErrorKind::SourceFailed => (Exit::Failed, vec!["Copy it again when nothing writes to the source.".into()]),
        ErrorKind::CredentialUnavailable { .. } => (Exit::SignInNeeded, vec!["Sign in: `pintail login`.".into()]),
        ErrorKind::BadAnswer => (
            Exit::Failed,
            vec!["Look at the endpoint of the bookmark: what answers there does not speak S3.".into()],
        ),
        ErrorKind::Transport(kind) => (Exit::Failed, network(*kind, "the S3 endpoint")),
        _ => (Exit::Failed, Vec::new()),
    };
    let mut explanation = Explanation::new(error, exit, next);
    explanation
        .causes
        .extend(store.message().filter(|text| !text.is_empty()).map(|text| format!("S3 says: {text}")));
    explanation.causes.extend(store.request_id().map(|id| format!("request {id}")));
    explanation
}

/// Advice for a connection that failed.
pub(super) fn network(kind: HttpErrorKind, whom: &str) -> Vec<String> {
    match kind {
        HttpErrorKind::Resolve => {
            vec![format!("Look at the spelling of {whom}, and at your connection to the network.")]
        }
        HttpErrorKind::Connect => vec![format!(
            "Look at your connection to the network, and whether {whom} can be reached from here (VPN, firewall; or HTTPS_PROXY names a proxy that is away)."
        )],
        HttpErrorKind::Tls => vec![
            "If your company's proxy opens TLS, give its certificate: PINTAIL_CA_BUNDLE=FILE.".into(),
            "Look at this machine's clock: certificates have times.".into(),
        ],
        HttpErrorKind::Proxy => {
            vec!["Look at HTTPS_PROXY, http_proxy and NO_PROXY, and at the proxy's user and password.".into()]
        }
        HttpErrorKind::Interrupted | HttpErrorKind::Timeout => {
            vec!["Try again; the connection broke or was too slow.".into()]
        }
        HttpErrorKind::BadResponse => vec![format!("Look at the address: what answers there is not {whom}.")],
    }
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
        _ => "it needs",
    }
}

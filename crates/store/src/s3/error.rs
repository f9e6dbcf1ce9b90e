//! From a refusal on the wire to its meaning.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use pintail_core::name::Region;

use super::{endpoint, header, xml};
use crate::error::{Answer, ErrorKind, Missing, Operation};

/// What a service said when it refused, as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub(super) answer: Answer,
    /// Where the bucket lives, if the refusal tells.
    pub(super) region: Option<Region>,
    /// How long to wait.
    pub(super) retry_after: Option<Duration>,
    /// The version asked for is a marker of a deletion.
    pub(super) delete_marker: bool,
}

/// What was asked when the refusal came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) operation: Operation,
    pub(super) method: &'a Method,
    /// The region in the signature, as far as there is one.
    pub(super) region: Option<&'a Region>,
    /// The credential is one that ends.
    pub(super) temporary: bool,
}

impl Refusal {
    /// Reads status, headers and, where there is one, the document.
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let mut refusal = Self::of_headers(status, headers);
        let answer = &mut refusal.answer;
        let mut region = None;
        let read = xml::walk(body, |path, text| {
            let slot = match path {
                // S3 Control wraps what S3 says bare.
                "Code" | "Error/Code" => &mut answer.code,
                "Message" | "Error/Message" => &mut answer.message,
                "RequestId" => &mut answer.request_id,
                "HostId" => &mut answer.host_id,
                "Region" => &mut region,
                "Endpoint" => {
                    region = endpoint::region_of_host(text)
                        .map(|region| region.to_string())
                        .or_else(|| region.take());
                    return Ok(());
                }
                _ => return Ok(()),
            };
            if !text.is_empty() {
                *slot = Some(text.to_owned());
            }
            Ok(())
        });
        // A proxy's page instead of XML, or nothing: the status has to do.
        drop(read);
        refusal.region = refusal.region.or_else(|| region?.parse().ok());
        refusal
    }

    /// Makes the refusal of one object among many, which has no status of its own.
    pub(super) fn of_code(code: String, message: String) -> Self {
        let answer = Answer { code: Some(code), message: Some(message), ..Answer::default() };
        Self { answer, ..Self::default() }
    }

    fn of_headers(status: StatusCode, headers: &HeaderMap) -> Self {
        let text = |name| header::text(headers, name).map(str::to_owned);
        let location = header::text(headers, http::header::LOCATION);
        Self {
            answer: Answer {
                status: Some(status),
                // MinIO tells in headers what a HEAD cannot tell in a body.
                code: text(header::MINIO_CODE),
                message: text(header::MINIO_MESSAGE),
                request_id: text(header::REQUEST_ID),
                host_id: text(header::HOST_ID),
            },
            region: header::text(headers, header::BUCKET_REGION)
                .and_then(|region| region.parse().ok())
                .or_else(|| endpoint::region_of_host(url::Url::parse(location?).ok()?.host_str()?)),
            retry_after: header::text(headers, http::header::RETRY_AFTER)
                .and_then(|seconds| seconds.trim().parse().ok())
                .map(Duration::from_secs),
            delete_marker: header::text(headers, header::DELETE_MARKER) == Some("true"),
        }
    }

    /// Says what the refusal means for a call.
    pub(super) fn kind(&self, asked: &Asked<'_>) -> ErrorKind {
        // One object among many has no status of its own.
        let status = self.answer.status.unwrap_or(StatusCode::BAD_REQUEST);
        if status == StatusCode::METHOD_NOT_ALLOWED && self.delete_marker {
            return ErrorKind::NotFound(Missing::Object);
        }
        match self.answer.code.as_deref().and_then(|code| self.kind_of_code(code, asked.temporary)) {
            Some(kind) => kind,
            None => self.kind_of_status(status, asked),
        }
    }

    /// The codes of the S3 API Reference ("Error responses") and of the services that speak like it. The set is
    /// open: for the others the status decides, and the code stays visible.
    fn kind_of_code(&self, code: &str, temporary: bool) -> Option<ErrorKind> {
        Some(match code {
            "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "NotSignedUp" => {
                ErrorKind::PermissionDenied
            }
            "AuthorizationHeaderMalformed" if self.region.is_some() => self.wrong_region(),
            "AuthorizationHeaderMalformed"
            | "AuthorizationQueryParametersError"
            | "InvalidSecurity"
            | "MissingAuthenticationToken"
            | "MissingSecurityHeader"
            | "SignatureDoesNotMatch" => ErrorKind::Unauthenticated,
            "BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch" | "XAmzContentSHA256Mismatch" => {
                ErrorKind::ChecksumMismatch
            }
            "BandwidthLimitExceeded"
            | "RequestLimitExceeded"
            | "SlowDown"
            | "SlowDownRead"
            | "SlowDownWrite"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequests"
            | "TooManyRequestsException" => ErrorKind::Throttled { after: self.retry_after },
            "BucketAlreadyExists" | "BucketAlreadyOwnedByYou" => ErrorKind::AlreadyExists,
            "BucketNotEmpty" => ErrorKind::NotEmpty,
            "ConditionalRequestConflict" | "OperationAborted" => ErrorKind::Conflict,
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => ErrorKind::CredentialRefused,
            // A key that ends is forgotten by its service; one that does not end is simply wrong.
            "InvalidAccessKeyId" | "InvalidClientTokenId" | "InvalidToken" if temporary => {
                ErrorKind::CredentialRefused
            }
            "InvalidAccessKeyId" | "InvalidClientTokenId" | "InvalidToken" => ErrorKind::Unauthenticated,
            "IllegalLocationConstraintException"
            | "IncorrectEndpoint"
            | "PermanentRedirect"
            | "Redirect"
            | "TemporaryRedirect" => self.wrong_region(),
            "InternalError"
            | "InternalServerError"
            | "InternalServiceException"
            | "RequestTimeout"
            | "ServiceUnavailable" => ErrorKind::Unavailable,
            "InvalidObjectState" => ErrorKind::Archived,
            "InvalidRange" => ErrorKind::InvalidRange,
            "MethodNotAllowed" | "NotImplemented" => ErrorKind::Unsupported,
            "NoSuchBucket" => ErrorKind::NotFound(Missing::Bucket),
            "NoSuchJob" => ErrorKind::NotFound(Missing::Job),
            "NoSuchKey" | "NoSuchVersion" => ErrorKind::NotFound(Missing::Object),
            "NoSuchUpload" => ErrorKind::NotFound(Missing::Upload),
            "PreconditionFailed" => ErrorKind::PreconditionFailed,
            "RequestTimeTooSkewed" => ErrorKind::ClockSkew,
            _ => return None,
        })
    }

    fn kind_of_status(&self, status: StatusCode, asked: &Asked<'_>) -> ErrorKind {
        let Asked { operation, method, region, temporary } = *asked;
        match status.as_u16() {
            301 | 302 | 307 | 308 => self.wrong_region(),
            304 => ErrorKind::NotModified,
            // A HEAD has no body to say more. Its header names the bucket's region whatever the reason, so only another
            // region than the one that was asked is the reason.
            400 if *method == Method::HEAD && self.region.is_some() && self.region.as_ref() != region => {
                self.wrong_region()
            }
            // What S3 answers to a HEAD with an expired token.
            400 if *method == Method::HEAD && temporary => ErrorKind::CredentialRefused,
            401 => ErrorKind::Unauthenticated,
            403 => ErrorKind::PermissionDenied,
            // S3 answers 204 to the deletion of nothing, others name what is not there. A page that says neither comes
            // from somebody else on the way, and the object may well be there.
            404 if operation == Operation::Delete => ErrorKind::BadAnswer,
            404 => ErrorKind::NotFound(missing_in(operation)),
            405 | 501 => ErrorKind::Unsupported,
            409 => ErrorKind::Conflict,
            412 => ErrorKind::PreconditionFailed,
            416 => ErrorKind::InvalidRange,
            429 => ErrorKind::Throttled { after: self.retry_after },
            503 if self.retry_after.is_some() => ErrorKind::Throttled { after: self.retry_after },
            400..=499 => ErrorKind::InvalidRequest,
            500..=599 => ErrorKind::Unavailable,
            _ => ErrorKind::BadAnswer,
        }
    }

    fn wrong_region(&self) -> ErrorKind {
        ErrorKind::WrongRegion { region: self.region.clone() }
    }

    /// Tells whether the service stumbled over the checksum or the framing of a body, not over the request as such.
    pub(super) fn is_about_checksums(&self) -> bool {
        let Answer { status: Some(status), code, message, .. } = &self.answer else { return false };
        let about = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or_default().to_ascii_lowercase();
            ["checksum", "trailer", "sha256", "crc", "aws-chunked", "x-amz-sdk", "content-encoding"]
                .iter()
                .any(|word| text.contains(word))
        };
        match (status.as_u16(), code.as_deref()) {
            (501, _) | (400, Some("XAmzContentSHA256Mismatch" | "MalformedTrailerError")) => true,
            (400 | 403 | 405 | 411, Some("BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch")) => {
                false
            }
            (400 | 405 | 411, _) => about(code) || about(message),
            _ => false,
        }
    }
}

fn missing_in(operation: Operation) -> Missing {
    match operation {
        Operation::AbortUpload
        | Operation::CompleteUpload
        | Operation::ListParts
        | Operation::UploadPart
        | Operation::UploadPartCopy => Missing::Upload,
        Operation::Copy | Operation::Delete | Operation::Get | Operation::Head | Operation::Presign => {
            Missing::Object
        }
        Operation::CreateBucket
        | Operation::CreateJob
        | Operation::CreateUpload
        | Operation::DeleteBucket
        | Operation::DeleteMany
        | Operation::GetLifecycle
        | Operation::HeadBucket
        | Operation::List
        | Operation::ListBuckets
        | Operation::ListJobs
        | Operation::ListUploads
        | Operation::Put
        | Operation::PutLifecycle => Missing::Bucket,
        Operation::DescribeJob | Operation::UpdateJob => Missing::Job,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, code: &str, method: Method, temporary: bool) -> ErrorKind {
        let body = match code {
            "" => String::new(),
            code => format!("<Error><Code>{code}</Code><Message>m</Message></Error>"),
        };
        let status = StatusCode::from_u16(status).unwrap();
        let asked = Asked { operation: Operation::Get, method: &method, region: None, temporary };
        Refusal::read(status, &HeaderMap::new(), body.as_bytes()).kind(&asked)
    }

    #[test]
    fn codes_and_statuses_have_their_meaning() {
        use ErrorKind as K;
        for (status, code, expected) in [
            (403, "AccessDenied", K::PermissionDenied),
            (400, "ExpiredToken", K::CredentialRefused),
            (403, "InvalidAccessKeyId", K::CredentialRefused),
            (403, "SignatureDoesNotMatch", K::Unauthenticated),
            (403, "RequestTimeTooSkewed", K::ClockSkew),
            (404, "NoSuchKey", K::NotFound(Missing::Object)),
            (404, "NoSuchBucket", K::NotFound(Missing::Bucket)),
            (404, "NoSuchUpload", K::NotFound(Missing::Upload)),
            (404, "", K::NotFound(Missing::Object)),
            (409, "BucketNotEmpty", K::NotEmpty),
            (409, "ConditionalRequestConflict", K::Conflict),
            (412, "", K::PreconditionFailed),
            (416, "InvalidRange", K::InvalidRange),
            (503, "SlowDown", K::Throttled { after: None }),
            (429, "", K::Throttled { after: None }),
            (500, "InternalError", K::Unavailable),
            (502, "", K::Unavailable),
            (200, "InternalError", K::Unavailable),
            (200, "SomethingElse", K::BadAnswer),
            (501, "NotImplemented", K::Unsupported),
            (403, "InvalidObjectState", K::Archived),
            (400, "EntityTooSmall", K::InvalidRequest),
            (400, "BadDigest", K::ChecksumMismatch),
            (301, "PermanentRedirect", K::WrongRegion { region: None }),
            (304, "", K::NotModified),
        ] {
            assert_eq!(kind(status, code, Method::GET, true), expected, "{status} {code}");
        }
        assert_eq!(kind(403, "InvalidAccessKeyId", Method::GET, false), K::Unauthenticated);
        assert_eq!(kind(400, "", Method::HEAD, true), K::CredentialRefused);
        assert_eq!(kind(400, "", Method::HEAD, false), K::InvalidRequest);
    }

    #[test]
    fn the_region_is_found_wherever_it_stands() {
        let status = StatusCode::BAD_REQUEST;
        let region = |headers: &HeaderMap, body: &str| {
            Refusal::read(status, headers, body.as_bytes()).region.map(|region| region.to_string())
        };
        let mut headers = HeaderMap::new();
        let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
        assert_eq!(region(&headers, body).as_deref(), Some("eu-west-1"));
        let body =
            "<Error><Code>PermanentRedirect</Code><Endpoint>b.s3-us-west-2.amazonaws.com</Endpoint></Error>";
        assert_eq!(region(&headers, body).as_deref(), Some("us-west-2"));
        headers.insert("location", "https://b.s3.sa-east-1.amazonaws.com/k".parse().unwrap());
        assert_eq!(region(&headers, "").as_deref(), Some("sa-east-1"));
        headers.insert("x-amz-bucket-region", "eu-north-1".parse().unwrap());
        assert_eq!(region(&headers, body).as_deref(), Some("eu-north-1"));
    }

    #[test]
    fn a_service_that_knows_no_checksums_is_recognised() {
        let about = |status: u16, code: &str, message: &str| {
            let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            let status = StatusCode::from_u16(status).unwrap();
            Refusal::read(status, &HeaderMap::new(), body.as_bytes()).is_about_checksums()
        };
        assert!(about(501, "NotImplemented", "A header you provided implies functionality"));
        assert!(about(400, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a SHA256"));
        assert!(about(
            400,
            "InvalidRequest",
            "The algorithm type you specified in x-amz-checksum- is invalid"
        ));
        assert!(about(400, "XAmzContentSHA256Mismatch", ""));
        assert!(!about(400, "InvalidRequest", "The metadata is too large"));
        assert!(!about(
            400,
            "BadDigest",
            "The CRC64NVME you specified did not match the calculated checksum"
        ));
        assert!(!about(403, "AccessDenied", "checksum"));
    }

    #[test]
    fn a_page_of_a_proxy_is_no_reason_to_stumble() {
        let refusal = Refusal::read(StatusCode::BAD_GATEWAY, &HeaderMap::new(), b"<html><p>Bad gateway<br>");
        let asked = Asked { operation: Operation::Put, method: &Method::PUT, region: None, temporary: false };
        assert_eq!(refusal.kind(&asked), ErrorKind::Unavailable);
        assert_eq!(refusal.answer.code, None);
    }
}

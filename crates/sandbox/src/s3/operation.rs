//! Names the S3 operation behind a request before anything else looks at it, for faults and the record.

use http::{HeaderMap, Method};

use crate::params::Params;

/// Returns AWS's name for what this request asks.
pub(super) fn name(
    method: &Method,
    bucket: Option<&str>,
    key: Option<&str>,
    query: &Params,
    headers: &HeaderMap,
) -> &'static str {
    let has = |name: &str| query.raw(name).is_some();
    let copies = headers.contains_key("x-amz-copy-source");
    match (bucket, key) {
        (None, _) => "ListBuckets",
        (Some(_), None) => match method.as_str() {
            "GET" if has("location") => "GetBucketLocation",
            "GET" if has("encryption") => "GetBucketEncryption",
            "PUT" if has("encryption") => "PutBucketEncryption",
            "DELETE" if has("encryption") => "DeleteBucketEncryption",
            "GET" if has("lifecycle") => "GetBucketLifecycleConfiguration",
            "PUT" if has("lifecycle") => "PutBucketLifecycleConfiguration",
            "DELETE" if has("lifecycle") => "DeleteBucketLifecycle",
            "GET" if has("policy") => "GetBucketPolicy",
            "PUT" if has("policy") => "PutBucketPolicy",
            "DELETE" if has("policy") => "DeleteBucketPolicy",
            "GET" if has("versioning") => "GetBucketVersioning",
            "GET" if has("versions") => "ListObjectVersions",
            "GET" if has("uploads") => "ListMultipartUploads",
            "GET" if query.raw("list-type") == Some("2") => "ListObjectsV2",
            "GET" => "ListObjects",
            "HEAD" => "HeadBucket",
            "PUT" if has("versioning") => "PutBucketVersioning",
            "PUT" => "CreateBucket",
            "DELETE" => "DeleteBucket",
            "POST" if has("delete") => "DeleteObjects",
            _ => "unknown",
        },
        (Some(_), Some(_)) => match method.as_str() {
            "GET" if has("tagging") => "GetObjectTagging",
            "GET" if has("attributes") => "GetObjectAttributes",
            "GET" if has("uploadId") => "ListParts",
            "GET" => "GetObject",
            "HEAD" => "HeadObject",
            "PUT" if has("tagging") => "PutObjectTagging",
            "PUT" if has("partNumber") && copies => "UploadPartCopy",
            "PUT" if has("partNumber") => "UploadPart",
            "PUT" if copies => "CopyObject",
            "PUT" => "PutObject",
            "DELETE" if has("tagging") => "DeleteObjectTagging",
            "DELETE" if has("uploadId") => "AbortMultipartUpload",
            "DELETE" => "DeleteObject",
            "POST" if has("restore") => "RestoreObject",
            "POST" if has("uploads") => "CreateMultipartUpload",
            "POST" if has("uploadId") => "CompleteMultipartUpload",
            _ => "unknown",
        },
    }
}

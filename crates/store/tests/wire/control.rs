//! S3 Control on the wire: where jobs are asked for, as whom, and what refusals mean.

use pintail_store::s3::control::{
    JobManifest, JobManifestFormat, JobOperation, JobPlace, JobStatus, NewJob, WantedStatus,
};
use pintail_store::s3::lifecycle::Rule;
use pintail_store::{ErrorKind, Missing};

use super::{Act, answer, bucket, play, play_at, refusal_with};

fn place() -> JobPlace {
    JobPlace { account: "123456789012".parse().unwrap(), region: "eu-west-1".parse().unwrap() }
}

fn new_job() -> NewJob {
    NewJob {
        operation: JobOperation::DeleteTags,
        manifest: JobManifest {
            format: JobManifestFormat::Inventory,
            bucket: bucket(),
            key: "stock/manifest.json".parse().unwrap(),
            etag: pintail_store::object_store::ETag::new("\"e\""),
        },
        report: None,
        role: "arn:aws:iam::123456789012:role/batch".parse().unwrap(),
        priority: 1,
        description: None,
        waits: false,
    }
}

fn refused(status: &str, code: &str) -> Act {
    let body = format!(
        "<ErrorResponse><Error><Code>{code}</Code><Message>words</Message></Error><RequestId>R</RequestId></ErrorResponse>"
    );
    answer(status, &[], &body)
}

#[tokio::test]
async fn a_job_is_created_once_however_often_it_is_asked_for() {
    let created = answer("200 OK", &[], "<CreateJobResult><JobId>job-12345</JobId></CreateJobResult>");
    let play = play([refused("500 Internal Server Error", "InternalServiceException"), created]).await;
    let id = play.store.create_job(&place(), &new_job()).await.unwrap();
    assert_eq!(id.as_str(), "job-12345");
    let seen = play.server.seen();
    assert_eq!(seen.len(), 2);
    // The token tells the service that both are one.
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!(seen[1].line, "POST /v20180820/jobs HTTP/1.1");
    assert_eq!(seen[1].header("x-amz-account-id"), Some("123456789012"));
    let authorization = seen[1].header("authorization").unwrap();
    assert!(authorization.contains("/eu-west-1/s3/aws4_request"), "{authorization}");
    assert!(authorization.contains("x-amz-account-id"), "{authorization}");
}

#[tokio::test]
async fn jobs_are_asked_about_and_changed() {
    let told =
        "<DescribeJobResult><Job><JobId>job-1</JobId><Status>Suspended</Status></Job></DescribeJobResult>";
    let page = "<ListJobsResult><Jobs></Jobs><NextToken>n/1</NextToken></ListJobsResult>";
    let play = play([
        answer("200 OK", &[], told),
        answer("200 OK", &[], page),
        answer("200 OK", &[], page),
        answer("200 OK", &[], "<UpdateJobPriorityResult/>"),
        answer("200 OK", &[], "<UpdateJobStatusResult/>"),
    ])
    .await;
    let (store, place, id) = (&play.store, place(), "job-1".parse().unwrap());
    assert_eq!(store.describe_job(&place, &id).await.unwrap().status, JobStatus::Suspended);
    let statuses = [JobStatus::Active, JobStatus::Complete];
    let first = store.list_jobs(&place, &statuses, None).await.unwrap();
    let next = store.list_jobs(&place, &statuses, first.next.as_deref()).await;
    assert_eq!(next.unwrap_err().kind(), &ErrorKind::BadAnswer, "the second page leads to itself");
    store.set_job_priority(&place, &id, 42).await.unwrap();
    store.set_job_status(&place, &id, WantedStatus::Cancelled, Some("too slow")).await.unwrap();
    let lines: Vec<String> = play.server.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(
        lines,
        [
            "GET /v20180820/jobs/job-1 HTTP/1.1",
            "GET /v20180820/jobs?jobStatuses=Active&jobStatuses=Complete HTTP/1.1",
            "GET /v20180820/jobs?jobStatuses=Active&jobStatuses=Complete&nextToken=n%2F1 HTTP/1.1",
            "POST /v20180820/jobs/job-1/priority?priority=42 HTTP/1.1",
            "POST /v20180820/jobs/job-1/status?requestedJobStatus=Cancelled&statusUpdateReason=too%20slow HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn a_host_of_its_own_has_the_account_before_it_at_private_links() {
    let url = "http://bucket.vpce-0a-1b.s3.eu-west-1.vpce.amazonaws.com:PORT";
    let play = play_at(url, [refused("404 Not Found", "NoSuchJob")]).await;
    let error = play.store.describe_job(&place(), &"job-1".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::NotFound(Missing::Job));
    assert_eq!((error.code(), error.message().as_deref()), (Some("NoSuchJob"), Some("words")));
    assert_eq!(error.to_string(), "look up the batch job: the job does not exist (NoSuchJob)");
    let host = play.server.seen()[0].header("host").unwrap().to_owned();
    let expected =
        format!("123456789012.control.vpce-0a-1b.s3.eu-west-1.vpce.amazonaws.com:{}", play.server.port);
    assert_eq!(host, expected);
}

#[tokio::test]
async fn lifecycle_rules_are_written_with_those_that_are_there() {
    let theirs = "<Rule><ID>theirs</ID><Status>Disabled</Status><Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration></Rule>";
    let document = format!("<LifecycleConfiguration>{theirs}</LifecycleConfiguration>");
    let kept = "x-amz-transition-default-minimum-object-size: varies_by_storage_class";
    let play = play([
        refusal_with("404 Not Found", "NoSuchLifecycleConfiguration", &[], ""),
        answer("200 OK", &[kept], &document),
        answer("200 OK", &[], ""),
    ])
    .await;
    assert!(play.store.lifecycle(&bucket()).await.unwrap().rules.is_empty());
    let read = play.store.lifecycle(&bucket()).await.unwrap();
    let ours = Rule::expiring("ours", ("k", "v"), 1);
    play.store.set_lifecycle(&bucket(), &read.with(ours).unwrap()).await.unwrap();
    let seen = &play.server.seen()[2];
    assert_eq!(seen.line, "PUT /photos?lifecycle= HTTP/1.1");
    assert_eq!(seen.header("x-amz-transition-default-minimum-object-size"), Some("varies_by_storage_class"));
    assert!(seen.header("x-amz-checksum-crc32").is_some());
    let body = String::from_utf8_lossy(&seen.body);
    assert!(body.contains(theirs) && body.contains("<Days>1</Days>"), "{body}");
}

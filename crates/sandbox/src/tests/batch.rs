//! Batch jobs, lifecycle rules and archives: the jobs' life and rights, and what they leave behind.

use serde_json::json;

use super::bench::{Answer, Bench, Key};
use crate::Options;

const ACCOUNT: &str = "123456789012";
const BUCKET: &str = "pintail-demo";
const ROLE: &str = "arn:aws:iam::123456789012:role/Batch";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"batchoperations.s3.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

async fn bench() -> Bench {
    let bench = Bench::with(Options { account_id: Some(ACCOUNT.into()), ..Options::default() }).await;
    let world = bench.sandbox.world();
    let mut role = world.role("PintailSandbox").unwrap();
    role.name = "Batch".into();
    role.arn = ROLE.into();
    role.trust_policy = TRUST.into();
    world.put_role(role);
    bench
}

async fn control(bench: &Bench, key: &Key, method: &str, rest: &str, body: &str) -> Answer {
    let headers = [("x-amz-account-id", ACCOUNT)];
    bench.s3(key, method, &format!("/v20180820/jobs{rest}"), &headers, body.as_bytes()).await
}

fn asked(token: &str, operation: &str, manifest: (&str, &str), more: &str) -> String {
    let (key, etag) = manifest;
    format!(
        "<CreateJobRequest xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\">{more}<Operation>{operation}</Operation>\
         <Report><Bucket>arn:aws:s3:::{BUCKET}</Bucket><Format>Report_CSV_20180820</Format><Enabled>true</Enabled><Prefix>reports</Prefix>\
         <ReportScope>AllTasks</ReportScope></Report><ClientRequestToken>{token}</ClientRequestToken><Manifest><Spec>\
         <Format>S3BatchOperations_CSV_20180820</Format><Fields><member>Bucket</member><member>Key</member></Fields></Spec><Location>\
         <ObjectArn>arn:aws:s3:::{BUCKET}/{key}</ObjectArn><ETag>{etag}</ETag></Location></Manifest><Priority>5</Priority>\
         <RoleArn>{ROLE}</RoleArn></CreateJobRequest>"
    )
}

/// Writes a list of keys and returns its entity tag.
async fn list(bench: &Bench, key: &Key, name: &str, keys: &[&str]) -> String {
    let rows: String = keys.iter().map(|key| format!("{BUCKET},{key}\n")).collect();
    let put = bench.s3(key, "PUT", &format!("/{BUCKET}/{name}"), &[], rows.as_bytes()).await;
    put.header("etag").unwrap().trim_matches('"').to_owned()
}

/// Looks at a job until it ends; returns the states that it was seen in.
async fn follow(bench: &Bench, key: &Key, id: &str) -> (Vec<String>, Answer) {
    let mut states = Vec::new();
    loop {
        let told = control(bench, key, "GET", &format!("/{id}"), "").await;
        states.push(told.element("Status"));
        if ["Complete", "Failed", "Cancelled", "Suspended"].contains(&states.last().unwrap().as_str()) {
            return (states, told);
        }
        assert!(states.len() < 50, "{states:?}");
    }
}

#[tokio::test]
async fn a_job_goes_through_its_objects_and_reports() {
    let bench = bench().await;
    let (admin, world) = (bench.admin_key(), bench.sandbox.world());
    world.put_object(BUCKET, "a b", "1");
    world.put_object(BUCKET, "c", "2");
    let etag = list(&bench, &admin, "list.csv", &["a%20b", "c", "missing"]).await;
    let operation = "<S3PutObjectTagging><TagSet><member><Key>k</Key><Value>v &amp; w</Value></member></TagSet></S3PutObjectTagging>";
    let request = asked("once", operation, ("list.csv", &etag), "<Description>try</Description>");
    let id = control(&bench, &admin, "POST", "", &request).await.element("JobId");
    // The same request again is the same job; another one by the same name is refused.
    assert_eq!(control(&bench, &admin, "POST", "", &request).await.element("JobId"), id);
    let other = request.replace(">5<", ">6<");
    assert_eq!(
        control(&bench, &admin, "POST", "", &other).await.refusal(),
        (400, "IdempotencyException".into())
    );
    let (states, told) = follow(&bench, &admin, &id).await;
    assert_eq!(states, ["New", "Preparing", "Ready", "Active", "Completing", "Complete"]);
    assert_eq!(
        (told.element("TotalNumberOfTasks"), told.element("NumberOfTasksFailed")),
        ("3".into(), "1".into())
    );
    assert!(told.text.contains(operation), "{}", told.text);
    assert_eq!(world.object_tags(BUCKET, "a b"), Some(vec![("k".into(), "v & w".into())]));
    let manifest = world.object(BUCKET, &format!("reports/job-{id}/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let results = manifest["Results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    let failed = world.object(BUCKET, results[1]["Key"].as_str().unwrap()).unwrap();
    let expected = format!("{BUCKET},missing,,failed,404,NoSuchKey,\"The specified key does not exist.\"\n");
    assert_eq!(String::from_utf8_lossy(&failed), expected);
    let listed = control(&bench, &admin, "GET", "?jobStatuses=Complete&maxResults=1", "").await;
    assert_eq!(
        (listed.element("JobId"), listed.element("Operation")),
        (id.clone(), "S3PutObjectTagging".into())
    );
    let ended =
        control(&bench, &admin, "POST", &format!("/{id}/status?requestedJobStatus=Cancelled"), "").await;
    assert_eq!(ended.refusal(), (400, "JobStatusException".into()));
    assert_eq!(control(&bench, &admin, "GET", "/none-such", "").await.refusal(), (404, "NoSuchJob".into()));
}

#[tokio::test]
async fn a_job_waits_to_be_confirmed_and_can_be_cancelled() {
    let bench = bench().await;
    let (admin, world) = (bench.admin_key(), bench.sandbox.world());
    world.put_object(BUCKET, "a", "1");
    let etag = list(&bench, &admin, "list.csv", &["a"]).await;
    let waits = "<ConfirmationRequired>true</ConfirmationRequired>";
    let copy = format!(
        "<S3PutObjectCopy><TargetResource>arn:aws:s3:::{BUCKET}</TargetResource><StorageClass>GLACIER</StorageClass><TargetKeyPrefix>cold</TargetKeyPrefix></S3PutObjectCopy>"
    );
    for (token, wanted, last) in [("one", "Cancelled", "Cancelled"), ("two", "Ready", "Complete")] {
        let request = asked(token, &copy, ("list.csv", &etag), waits);
        let id = control(&bench, &admin, "POST", "", &request).await.element("JobId");
        let (states, _) = follow(&bench, &admin, &id).await;
        assert_eq!(states, ["New", "Preparing", "Suspended"]);
        assert!(world.object(BUCKET, "cold/a").is_none(), "nothing happens before");
        let path = format!("/{id}/status?requestedJobStatus={wanted}&statusUpdateReason=because");
        assert_eq!(control(&bench, &admin, "POST", &path, "").await.element("Status"), wanted);
        let priority = control(&bench, &admin, "POST", &format!("/{id}/priority?priority=9"), "").await;
        assert_eq!(priority.element("Priority"), "9");
        let (states, told) = follow(&bench, &admin, &id).await;
        assert_eq!(
            (states.last().unwrap().as_str(), told.element("StatusUpdateReason")),
            (last, "because".into())
        );
    }
    assert_eq!(world.storage_class(BUCKET, "cold/a").as_deref(), Some("GLACIER"));
    // What lies in an archive is read once it is restored.
    let path = format!("/{BUCKET}/cold/a");
    assert_eq!(bench.s3(&admin, "GET", &path, &[], b"").await.refusal(), (403, "InvalidObjectState".into()));
    let etag = list(&bench, &admin, "cold.csv", &["cold/a", "a"]).await;
    let restore = "<S3InitiateRestoreObject><ExpirationInDays>2</ExpirationInDays><GlacierJobTier>BULK</GlacierJobTier></S3InitiateRestoreObject>";
    let id = control(&bench, &admin, "POST", "", &asked("three", restore, ("cold.csv", &etag), ""))
        .await
        .element("JobId");
    let (_, told) = follow(&bench, &admin, &id).await;
    assert_eq!(told.element("NumberOfTasksFailed"), "1", "one of them lies in no archive");
    assert_eq!(bench.s3(&admin, "GET", &path, &[], b"").await.text, "1");
    let head = bench.s3(&admin, "HEAD", &path, &[], b"").await;
    assert!(head.header("x-amz-restore").unwrap().starts_with("ongoing-request=\"false\""));
    bench.advance(3 * 24 * 3600);
    assert_eq!(bench.s3(&admin, "GET", &path, &[], b"").await.status, 403, "not for ever");
    let again =
        b"<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>1</Days></RestoreRequest>";
    let restored = bench.s3(&admin, "POST", &format!("{path}?restore"), &[], again).await;
    assert_eq!(restored.status, 202, "{}", restored.text);
    assert_eq!(bench.s3(&admin, "GET", &path, &[], b"").await.text, "1");
}

#[tokio::test]
async fn a_job_may_what_its_role_may_and_whoever_creates_it_hands_the_role_on() {
    let bench = bench().await;
    let (admin, world) = (bench.admin_key(), bench.sandbox.world());
    world.put_object(BUCKET, "a", "1");
    let etag = list(&bench, &admin, "list.csv", &["a"]).await;
    let operation = "<S3DeleteObjectTagging/>";
    let alice = bench.session("alice", &[]).await;
    let request = |token: &str| asked(token, operation, ("list.csv", &etag), "");
    let refused = control(&bench, &alice, "POST", "", &request("alice")).await;
    assert_eq!(refused.refusal(), (403, "AccessDenied".into()));
    assert!(refused.element("Message").contains("iam:PassRole"), "{}", refused.text);
    let pass = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE}]});
    assert!(world.put_role_policy("PintailSandbox", "pass", &pass.to_string()));
    let id = control(&bench, &alice, "POST", "", &request("alice")).await.element("JobId");
    assert_eq!(follow(&bench, &alice, &id).await.0.last().unwrap(), "Complete");

    let only = |actions: serde_json::Value| {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}).to_string()
    };
    for (token, policy, code) in [
        ("a", only(json!("s3:PutObject")), "ManifestAccessDenied"),
        ("b", only(json!(["s3:GetObject", "s3:DeleteObjectTagging"])), "ReportAccessDenied"),
    ] {
        assert!(world.put_role_policy("Batch", "s3", &policy));
        let id = control(&bench, &alice, "POST", "", &request(token)).await.element("JobId");
        let (states, told) = follow(&bench, &alice, &id).await;
        assert_eq!((states.last().unwrap().as_str(), told.element("FailureCode")), ("Failed", code.into()));
    }
    assert!(world.put_role_policy("Batch", "s3", &only(json!(["s3:GetObject", "s3:PutObject"]))));
    let id = control(&bench, &alice, "POST", "", &request("c")).await.element("JobId");
    let (states, told) = follow(&bench, &alice, &id).await;
    assert_eq!(
        (states.last().unwrap().as_str(), told.element("NumberOfTasksFailed")),
        ("Complete", "1".into())
    );
    // The list is not what it was, and then the role is nobody's.
    list(&bench, &admin, "list.csv", &["a", "b"]).await;
    let id = control(&bench, &alice, "POST", "", &request("d")).await.element("JobId");
    assert_eq!(follow(&bench, &alice, &id).await.1.element("FailureCode"), "ManifestETagMismatch");
    world.set_trust_policy("Batch", &TRUST.replace("batchoperations.s3", "ec2"));
    let id = control(&bench, &alice, "POST", "", &request("e")).await.element("JobId");
    assert_eq!(follow(&bench, &alice, &id).await.1.element("FailureCode"), "RoleNotAssumable");
    let foreign =
        bench.s3(&alice, "GET", "/v20180820/jobs", &[("x-amz-account-id", "210987654321")], b"").await;
    assert_eq!(foreign.refusal(), (403, "AccessDenied".into()));
    assert_eq!(world.jobs().len(), 6);
}

#[tokio::test]
async fn lifecycle_rules_are_kept_and_what_they_let_expire_goes() {
    let bench = bench().await;
    let (admin, world) = (bench.admin_key(), bench.sandbox.world());
    let path = format!("/{BUCKET}?lifecycle");
    assert_eq!(
        bench.s3(&admin, "GET", &path, &[], b"").await.refusal(),
        (404, "NoSuchLifecycleConfiguration".into())
    );
    let rule = |id: &str, days: &str| {
        format!(
            "<Rule><Expiration><Days>{days}</Days></Expiration><ID>{id}</ID><Filter><Tag><Key>go</Key><Value>yes</Value></Tag></Filter><Status>Enabled</Status></Rule>"
        )
    };
    let whole = |rules: &str| {
        format!(
            "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{rules}</LifecycleConfiguration>"
        )
    };
    let put = async |rules: String| bench.s3(&admin, "PUT", &path, &[], whole(&rules).as_bytes()).await;
    assert_eq!(put(rule("one", "0")).await.refusal().1, "InvalidArgument");
    assert_eq!(put(rule("one", "1") + &rule("one", "2")).await.refusal().1, "InvalidArgument");
    assert_eq!(put(rule("one", "1")).await.status, 200);
    let told = bench.s3(&admin, "GET", &path, &[], b"").await;
    assert_eq!((told.element("ID"), told.element("Key")), ("one".into(), "go".into()));
    for key in ["gone", "stays"] {
        world.put_object(BUCKET, key, "x");
    }
    let tags = b"<Tagging><TagSet><Tag><Key>go</Key><Value>yes</Value></Tag></TagSet></Tagging>";
    assert_eq!(bench.s3(&admin, "PUT", &format!("/{BUCKET}/gone?tagging"), &[], tags).await.status, 200);
    assert_eq!((world.run_lifecycle(BUCKET, 0), world.run_lifecycle(BUCKET, 1)), (0, 1));
    assert!(world.object(BUCKET, "gone").is_none() && world.object(BUCKET, "stays").is_some());
    assert_eq!(bench.s3(&admin, "DELETE", &path, &[], b"").await.status, 204);
    assert_eq!(bench.s3(&admin, "GET", &path, &[], b"").await.status, 404);
}

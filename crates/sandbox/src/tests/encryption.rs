//! Encryption by a key of KMS: what a bucket does by default, and who may write, read and upload in parts.

use serde_json::{Value, json};

use super::bench::{Bench, Key};
use crate::Options;

const KMS_KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-4333-8444-555555555555";
const OBJECT: &str = "/pintail-demo/secret.txt";

fn allow(statements: &[(Value, &str)]) -> String {
    let statements: Vec<Value> = statements
        .iter()
        .map(|(action, resource)| json!({"Effect": "Allow", "Action": action, "Resource": resource}))
        .collect();
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

#[tokio::test]
async fn a_buckets_key_asks_for_permissions_of_its_own() {
    let bench = Bench::with(Options { account_id: Some("123456789012".into()), ..Options::default() }).await;
    let world = bench.sandbox.world();
    let key = bench.session("alice", &[]).await;
    let put = async || bench.s3(&key, "PUT", OBJECT, &[], b"hidden").await;
    let get = async || bench.s3(&key, "GET", OBJECT, &[], b"").await;
    assert!(world.set_bucket_kms_key("pintail-demo", Some(KMS_KEY)));
    let refused = put().await;
    assert_eq!(refused.refusal(), (403, "AccessDenied".into()));
    let expected = format!(
        "is not authorized to perform: kms:GenerateDataKey on resource: {KMS_KEY} because no identity-based policy \
         allows the kms:GenerateDataKey action"
    );
    assert!(refused.element("Message").contains(&expected), "{}", refused.text);

    let everything = (json!("s3:*"), "*");
    let grant = |actions: Value| allow(&[everything.clone(), (actions, KMS_KEY)]);
    assert!(world.put_role_policy("PintailSandbox", "s3", &grant(json!("kms:GenerateDataKey"))));
    let written = put().await;
    assert_eq!(written.status, 200, "{}", written.text);
    assert_eq!(written.header("x-amz-server-side-encryption"), Some("aws:kms"));
    assert_eq!(written.header("x-amz-server-side-encryption-aws-kms-key-id"), Some(KMS_KEY));
    let unread = get().await;
    assert_eq!(unread.refusal(), (403, "AccessDenied".into()));
    assert!(unread.element("Message").contains("kms:Decrypt"), "{}", unread.text);
    let described = bench.s3(&key, "HEAD", OBJECT, &[], b"").await;
    assert_eq!(described.header("x-amz-server-side-encryption"), Some("aws:kms"));
    // Parts are decrypted on the way.
    let started = bench.s3(&key, "POST", "/pintail-demo/parts?uploads", &[], b"").await;
    let upload = started.element("UploadId");
    let part = format!("/pintail-demo/parts?partNumber=1&uploadId={upload}");
    assert_eq!(bench.s3(&key, "PUT", &part, &[], b"x").await.refusal(), (403, "AccessDenied".into()));

    assert!(world.put_role_policy(
        "PintailSandbox",
        "s3",
        &grant(json!(["kms:GenerateDataKey", "kms:Decrypt"]))
    ));
    assert_eq!(get().await.text, "hidden");
    assert_eq!(bench.s3(&key, "PUT", &part, &[], b"x").await.status, 200);
    // An object keeps its key when the bucket's changes, and S3's own key asks for nothing.
    assert!(world.set_bucket_kms_key("pintail-demo", None));
    assert!(world.put_role_policy("PintailSandbox", "s3", &allow(&[everything])));
    assert_eq!(get().await.refusal().0, 403);
    assert_eq!(bench.s3(&key, "PUT", "/pintail-demo/plain", &[], b"x").await.status, 200);
    let managed = bench
        .s3(&key, "PUT", "/pintail-demo/managed", &[("x-amz-server-side-encryption", "aws:kms")], b"x")
        .await;
    assert_eq!(managed.status, 200, "{}", managed.text);
    let own = [
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", KMS_KEY),
    ];
    assert_eq!(bench.s3(&key, "PUT", "/pintail-demo/own", &own, b"x").await.refusal().0, 403);
}

#[tokio::test]
async fn a_buckets_configuration_is_read_and_written() {
    let bench = Bench::start().await;
    let key: Key = bench.admin_key();
    let path = "/pintail-demo?encryption";
    let usual = bench.s3(&key, "GET", path, &[], b"").await;
    assert_eq!(usual.element("SSEAlgorithm"), "AES256");
    let body = format!(
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>\
         <KMSMasterKeyID>{KMS_KEY}</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
    );
    let written = bench.s3(&key, "PUT", path, &[], body.as_bytes()).await;
    assert_eq!(written.status, 200, "{}", written.text);
    assert_eq!(bench.s3(&key, "GET", path, &[], b"").await.element("KMSMasterKeyID"), KMS_KEY);
    let reader = bench.session("bob", &[("RoleArn", &bench.sandbox.summary().read_only_role_arn)]).await;
    assert_eq!(bench.s3(&reader, "DELETE", path, &[], b"").await.refusal().0, 403);
    assert_eq!(bench.s3(&key, "DELETE", path, &[], b"").await.status, 204);
    assert_eq!(bench.s3(&key, "GET", path, &[], b"").await.element("SSEAlgorithm"), "AES256");
}

#[tokio::test]
async fn an_enforced_owner_takes_no_lists() {
    let bench = Bench::start().await;
    let key = bench.admin_key();
    let put = async |acl: &str| bench.s3(&key, "PUT", "/pintail-demo/x", &[("x-amz-acl", acl)], b"x").await;
    assert_eq!(put("public-read").await.status, 200);
    assert!(bench.sandbox.world().enforce_bucket_owner("pintail-demo", true));
    assert_eq!(put("public-read").await.refusal(), (400, "AccessControlListNotSupported".into()));
    assert_eq!(put("bucket-owner-full-control").await.status, 200);
}

#[tokio::test]
async fn a_buckets_policy_may_deny_and_its_region_is_told() {
    let regions = vec!["eu-central-1".into(), "us-east-1".into()];
    let bench = Bench::with(Options { regions, ..Options::default() }).await;
    let key = bench.session("alice", &[]).await;
    let deny = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::pintail-demo/*"}]});
    assert!(bench.sandbox.world().set_bucket_policy("pintail-demo", Some(&deny.to_string())));
    let refused = bench.s3(&key, "GET", "/pintail-demo/readme.txt", &[], b"").await;
    assert!(refused.text.contains("with an explicit deny in a resource-based policy"), "{}", refused.text);
    let elsewhere = bench.s3(&key, "HEAD", "/pintail-archive", &[], b"").await;
    assert_eq!((elsewhere.status, elsewhere.header("x-amz-bucket-region")), (301, Some("us-east-1")));
    let located = bench.s3_in("us-east-1", &key, "GET", "/pintail-demo?location", &[], b"").await;
    assert!(located.text.contains("eu-central-1"), "{}", located.text);
    let address = format!("{}/pintail-archive", bench.sandbox.summary().s3_endpoint);
    let nobody = super::bench::send("HEAD", &address, &[], "").await;
    assert_eq!(nobody.header("x-amz-bucket-region"), Some("us-east-1"));
}

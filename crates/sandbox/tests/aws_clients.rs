//! The sandbox seen by clients that others wrote: boto3 and the aws CLI, run as Python scripts.
//!
//! The interpreter comes from `PINTAIL_BENCH_PYTHON`, which `cargo xtask test` sets. Each script gets what it
//! needs to know as JSON on its standard input and an environment without anything of AWS in it.

#![expect(clippy::unwrap_used, reason = "a test fails where its ground gives way")]

use std::path::Path;
use std::process::Stdio;

use pintail_sandbox::visitor::Visitor;
use pintail_sandbox::{Options, Sandbox, Service};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

#[expect(clippy::disallowed_methods, reason = "the bench tells its interpreter by an environment variable")]
fn python() -> String {
    std::env::var("PINTAIL_BENCH_PYTHON")
        .expect("PINTAIL_BENCH_PYTHON is not set: run through `cargo xtask test`")
}

/// Signs somebody in the way a client would and returns the ID token.
async fn id_token(sandbox: &Sandbox, username: &str) -> String {
    let summary = sandbox.summary();
    let person = summary.users.iter().find(|person| person.username == username).unwrap();
    let visitor = Visitor::new(&person.username, &person.password);
    let authority = summary.issuer.trim_end_matches("/v2.0");
    let verifier = "a-verifier-of-sufficient-length-for-the-test-0123456789";
    let mut url = url::Url::parse(&format!("{authority}/oauth2/v2.0/authorize")).unwrap();
    url.query_pairs_mut().extend_pairs([
        ("client_id", summary.client_id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", "pintail://oauth"),
        ("scope", "openid profile offline_access"),
        ("code_challenge", verifier),
        ("code_challenge_method", "plain"),
    ]);
    let arrival = visitor.sign_in(url.as_str()).await.unwrap();
    let code = url::Url::parse(&arrival.url)
        .unwrap()
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "authorization_code"),
            ("client_id", summary.client_id.as_str()),
            ("redirect_uri", "pintail://oauth"),
            ("code_verifier", verifier),
            ("code", code.as_str()),
        ])
        .finish();
    let answer = post(&format!("{authority}/oauth2/v2.0/token"), form).await;
    answer["id_token"].as_str().unwrap().to_owned()
}

async fn post(address: &str, form: String) -> Value {
    use http_body_util::{BodyExt as _, Full};
    let url = url::Url::parse(address).unwrap();
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", url.port().unwrap())).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = http::Request::post(url.path())
        .header("host", format!("127.0.0.1:{}", url.port().unwrap()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(bytes::Bytes::from(form)))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    driver.abort();
    serde_json::from_slice(&body).unwrap()
}

/// Runs a script of `tests/clients`; its output is shown when it fails.
async fn run(script: &str, sandbox: &Sandbox, more: Value) {
    let python = python();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let summary = sandbox.summary();
    let mut told = serde_json::to_value(summary).unwrap();
    told["aws_cli"] = json!(Path::new(&python).parent().unwrap().join("aws"));
    told["admin"] = json!({
        "access_key_id": summary.admin.access_key_id,
        "secret_access_key": summary.admin.secret_access_key,
    });
    told["read_only_role_arn"] = json!(summary.read_only_role_arn);
    told["chained_role_arn"] = json!(summary.chained_role_arn);
    told["alice_token"] = json!(id_token(sandbox, "alice@sandbox.example").await);
    told["bob_token"] = json!(id_token(sandbox, "bob@sandbox.example").await);
    for (name, value) in more.as_object().into_iter().flatten() {
        told[name] = value.clone();
    }
    let scratch = tempfile::tempdir().unwrap();
    let mut child = Command::new(&python)
        .arg(folder.join(script))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", scratch.path())
        .env("TMPDIR", scratch.path())
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("NO_PROXY", "*")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(told.to_string().as_bytes()).await.unwrap();
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    assert!(
        output.status.success(),
        "{script} failed\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administration_through_boto3_and_the_cli() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    run("administer.py", &sandbox, json!({})).await;
    assert!(sandbox.recorder().count(Service::AccessAnalyzer, "ValidatePolicy") > 3);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_jobs_through_boto3() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    run("batch.py", &sandbox, json!({"account_id": sandbox.summary().account_id})).await;
    assert!(sandbox.recorder().count(Service::S3Control, "CreateJob") > 5);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identity_through_boto3_and_the_cli() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    run("identity.py", &sandbox, json!({})).await;
    assert!(sandbox.recorder().count(Service::Sts, "AssumeRoleWithWebIdentity") > 3);
    assert!(sandbox.recorder().count(Service::Iam, "CreateOpenIDConnectProvider") > 0);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_in_through_boto3_and_the_cli() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let summary = sandbox.summary();
    let more = json!({"user_role_arn": summary.user_role_arn, "mfa_role_arn": summary.mfa_role_arn});
    run("ways_in.py", &sandbox, more).await;
    let recorder = sandbox.recorder();
    // The profile's token was renewed once, in the portal's name, before it was used.
    assert_eq!(recorder.count(Service::Sso, "GetRoleCredentials"), 2);
    assert!(recorder.count(Service::Metadata, "token") > 0);
    assert!(recorder.count(Service::Container, "credentials") > 0);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_through_boto3() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    run("objects.py", &sandbox, json!({})).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_through_the_cli() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    run("files.py", &sandbox, json!({})).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regions_through_boto3() {
    let regions = vec!["us-east-1".to_owned(), "eu-west-1".to_owned()];
    let sandbox = Sandbox::start(Options { regions, ..Options::default() }).await.unwrap();
    run("regions.py", &sandbox, json!({})).await;
    sandbox.stop().await;
}

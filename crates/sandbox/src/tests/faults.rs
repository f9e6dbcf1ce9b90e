//! Scripted trouble as a client meets it, the record, and the refusal to be reached from outside.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, header};
use url::Url;

use super::bench::Bench;
use crate::web::{self, WebError};
use crate::{Effect, Fault, Options, Sandbox, Service, StartError};

const PATH: &str = "/pintail-demo/readme.txt";

#[tokio::test]
async fn answers_are_broken_as_told() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let faults = bench.sandbox.faults();
    let get = async || bench.s3(&key, "GET", PATH, &[("x-amz-checksum-mode", "ENABLED")], b"").await;

    faults.add(Fault::new(Service::S3, "GetObject", Effect::slow_down()).times(2));
    for _ in 0..2 {
        assert_eq!(get().await.refusal(), (503, "SlowDown".into()));
    }
    let retry = Effect::Status {
        status: 429,
        code: "TooMany".into(),
        message: "later".into(),
        retry_after_s: Some(7),
    };
    faults.add(Fault::new(Service::S3, "*", retry));
    assert_eq!(get().await.header("retry-after"), Some("7"));
    let right = get().await;
    faults.add(Fault::new(Service::S3, "GetObject", Effect::FlipByte(3)).path_containing("readme"));
    let flipped = get().await;
    assert_ne!(flipped.text, right.text);
    assert_eq!(flipped.header("x-amz-checksum-crc64nvme"), right.header("x-amz-checksum-crc64nvme"));
    faults.add(Fault::new(Service::S3, "GetObject", Effect::ReplaceBody(Bytes::from_static(b"<not"))));
    assert_eq!(get().await.text, "<not");
    faults.add(Fault::new(Service::S3, "PutObject", Effect::FlipRequestByte(0)));
    let put = bench.s3(&key, "PUT", "/pintail-demo/x", &[], b"bytes").await;
    assert_eq!(put.refusal(), (400, "XAmzContentSHA256Mismatch".into()));
    faults.add(Fault::new(Service::S3, "GetObject", Effect::ExpireSessions));
    assert_eq!(get().await.refusal(), (400, "ExpiredToken".into()));
    faults.add(Fault::new(Service::S3, "GetObject", Effect::ForgetSessions));
    assert_eq!(get().await.refusal(), (403, "InvalidAccessKeyId".into()));
    assert_eq!(faults.fired(), 8);
}

/// Asks the issuer's key endpoint, where nothing needs a signature.
async fn ask(bench: &Bench) -> Result<usize, WebError> {
    let url = Url::parse(&format!("{}/discovery/v2.0/keys", bench.tenant_base())).unwrap();
    web::send(Method::GET, &url, &[], Bytes::new()).await.map(|response| response.body().len())
}

#[tokio::test]
async fn connections_break_where_told() {
    let bench = Bench::start().await;
    for effect in [Effect::DropRequest, Effect::DropAnswer, Effect::CutBody(0), Effect::CutBody(10)] {
        bench.sandbox.faults().add(Fault::new(Service::Issuer, "keys", effect.clone()));
        assert!(matches!(ask(&bench).await, Err(WebError::Exchange(_))), "{effect:?}");
    }
    assert!(ask(&bench).await.unwrap() > 100);
    let statuses: Vec<Option<u16>> =
        bench.sandbox.recorder().calls().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [None, None, Some(200), Some(200), Some(200)]);
}

#[tokio::test]
async fn a_delay_ends_with_the_sandbox() {
    let bench = Bench::start().await;
    bench.sandbox.faults().add(Fault::new(Service::Issuer, "keys", Effect::Delay(Duration::from_secs(3600))));
    let url = Url::parse(&format!("{}/discovery/v2.0/keys", bench.tenant_base())).unwrap();
    let asking = tokio::spawn(async move { web::send(Method::GET, &url, &[], Bytes::new()).await });
    while bench.sandbox.faults().fired() == 0 {
        tokio::task::yield_now().await;
    }
    bench.sandbox.stop().await;
    assert!(matches!(asking.await.unwrap(), Err(WebError::Exchange(_))));
}

#[tokio::test]
async fn the_record_tells_who_did_what_and_no_secret() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    bench.s3(&key, "GET", PATH, &[], b"").await;
    let calls = bench.sandbox.recorder().calls();
    let last = calls.last().unwrap();
    assert_eq!((last.service, last.operation.as_str(), last.status), (Service::S3, "GetObject", Some(200)));
    assert_eq!(last.region.as_deref(), Some("eu-central-1"));
    assert!(last.caller.as_deref().unwrap().ends_with(":assumed-role/PintailSandbox/test"));
    let login = calls.iter().find(|call| call.operation == "login").unwrap();
    assert_eq!(login.caller.as_deref(), Some("alice@sandbox.example"));

    let written = serde_json::to_string(&calls).unwrap();
    let shown = format!("{:?} {:?} {:?}", bench.sandbox, calls, bench.visitor("alice"));
    let secrets = bench.sandbox.recorder().secrets();
    assert!(secrets.len() > 8 && secrets.contains(&key.secret));
    for secret in secrets {
        assert!(!written.contains(&secret) && !shown.contains(&secret));
    }
}

#[tokio::test]
async fn the_summary_has_exactly_its_names() {
    let bench = Bench::start().await;
    let summary = serde_json::to_value(bench.sandbox.summary()).unwrap();
    let names: Vec<&str> = summary.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "issuer",
            "tenant",
            "client_id",
            "role_arn",
            "region",
            "s3_endpoint",
            "sts_endpoint",
            "iam_endpoint",
            "graph_endpoint",
            "sso_oidc_endpoint",
            "sso_portal_endpoint",
            "sso_start_url",
            "metadata_endpoint",
            "container",
            "federation_endpoint",
            "public_bucket",
            "key_user",
            "users"
        ]
    );
    assert!(!summary.to_string().contains(&bench.sandbox.summary().admin.secret_access_key));
}

#[tokio::test]
async fn only_loopback_is_served() {
    let address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let refused = Sandbox::start(Options { address, ..Options::default() }).await.unwrap_err();
    assert!(matches!(refused, StartError::NotLoopback(_)));
    let bench = Bench::start().await;
    let url = Url::parse(&bench.sandbox.summary().issuer).unwrap();
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", url.port().unwrap())).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    let request = http::Request::get("/").header(header::HOST, "evil.example");
    let request = request.body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let driver = tokio::spawn(connection);
    assert_eq!(sender.send_request(request).await.unwrap().status(), 403);
    driver.abort();
}

//! S3 over the wire: sessions, regions, time, conditions and the odd corners that clients do not show.

use super::bench::{Bench, Key, get};
use crate::Options;
use crate::random::{hex, sha256};

#[tokio::test]
async fn no_way_in_without_a_live_session() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let path = "/pintail-demo/readme.txt";
    assert_eq!(bench.s3(&key, "GET", path, &[], b"").await.text, "Welcome to the Pintail sandbox.\n");
    let endpoint = &bench.sandbox.summary().s3_endpoint;
    assert_eq!(get(&format!("{endpoint}{path}")).await.refusal(), (403, "AccessDenied".into()));
    let cases = [
        (Key { token: None, ..key.clone() }, 403, "InvalidAccessKeyId"),
        (Key { token: Some("other".into()), ..key.clone() }, 400, "InvalidToken"),
        (Key { id: "ASIAAAAAAAAAAAAAAAAA".into(), ..key.clone() }, 403, "InvalidAccessKeyId"),
        (Key { secret: "other".into(), ..key.clone() }, 403, "SignatureDoesNotMatch"),
    ];
    for (wrong, status, code) in cases {
        assert_eq!(bench.s3(&wrong, "GET", path, &[], b"").await.refusal(), (status, code.to_owned()));
    }
    // Another session's token does not fit this key.
    let other = bench.session("gina", &[]).await;
    let mixed = Key { token: other.token.clone(), ..key.clone() };
    assert_eq!(bench.s3(&mixed, "GET", path, &[], b"").await.refusal(), (400, "InvalidToken".into()));
    bench.advance(3600);
    assert_eq!(bench.s3(&key, "GET", path, &[], b"").await.refusal(), (400, "ExpiredToken".into()));
    assert!(bench.sandbox.recorder().secrets().contains(&key.secret));
}

#[tokio::test]
async fn the_sandboxs_clock_judges_signatures_and_addresses() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let path = "/pintail-demo/readme.txt";
    for (skew, ahead) in [(890, 200), (910, 403), (-910, 403)] {
        let fault = crate::Fault::new(crate::Service::S3, "GetObject", crate::Effect::SkewClock(skew));
        bench.sandbox.faults().add(fault);
        let answer = bench.s3(&key, "GET", path, &[], b"").await;
        assert_eq!(answer.status, ahead, "{skew} {}", answer.text);
    }
    assert_eq!(
        bench.s3(&key, "GET", path, &[], b"").await.header("date"),
        Some("Tue, 01 Sep 2026 12:00:00 GMT")
    );
}

#[tokio::test]
async fn buckets_answer_in_their_region_only() {
    let regions = vec!["eu-central-1".to_owned(), "us-east-1".to_owned()];
    let bench = Bench::with(Options { regions, ..Options::default() }).await;
    let key = bench.session("alice", &[]).await;
    let answer = bench.s3_in("us-east-1", &key, "GET", "/pintail-demo?list-type=2", &[], b"").await;
    assert_eq!(answer.refusal(), (301, "PermanentRedirect".into()));
    assert_eq!(answer.header("x-amz-bucket-region"), Some("eu-central-1"));
    let answer = bench.s3_in("ap-south-1", &key, "GET", "/pintail-demo?list-type=2", &[], b"").await;
    assert_eq!(answer.refusal(), (400, "AuthorizationHeaderMalformed".into()));
    assert_eq!(answer.element("Region"), "eu-central-1");
    let head = bench.s3_in("us-east-1", &key, "HEAD", "/pintail-demo", &[], b"").await;
    assert_eq!((head.status, head.header("x-amz-bucket-region")), (301, Some("eu-central-1")));
    let head = bench.s3(&key, "HEAD", "/pintail-demo", &[], b"").await;
    assert_eq!((head.status, head.header("x-amz-bucket-region")), (200, Some("eu-central-1")));
    assert_eq!(bench.s3(&key, "HEAD", "/nothing-here", &[], b"").await.status, 404);
}

#[tokio::test]
async fn a_body_must_be_what_was_signed() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let lie = hex(&sha256(b"other"));
    let answer = bench.s3(&key, "PUT", "/pintail-demo/x", &[("x-amz-content-sha256", &lie)], b"bytes").await;
    assert_eq!(answer.refusal(), (400, "XAmzContentSHA256Mismatch".into()));
    assert!(bench.sandbox.world().object("pintail-demo", "x").is_none());
    let answer =
        bench.s3(&key, "PUT", "/pintail-demo/x", &[("x-amz-checksum-crc32", "AAAAAA==")], b"bytes").await;
    assert_eq!(answer.refusal(), (400, "BadDigest".into()));
    let unsigned = bench
        .s3(&key, "PUT", "/pintail-demo/x", &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")], b"bytes")
        .await;
    assert_eq!(unsigned.status, 200, "{}", unsigned.text);
    assert_eq!(bench.sandbox.world().object("pintail-demo", "x").unwrap(), "bytes");
}

#[tokio::test]
async fn conditions_and_not_modified() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let path = "/pintail-demo/readme.txt";
    let first = bench.s3(&key, "GET", path, &[], b"").await;
    let etag = first.header("etag").unwrap().to_owned();
    let modified = first.header("last-modified").unwrap().to_owned();
    let same = bench.s3(&key, "GET", path, &[("if-none-match", &etag)], b"").await;
    assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", Some(etag.as_str())));
    assert_eq!(bench.s3(&key, "GET", path, &[("if-modified-since", &modified)], b"").await.status, 304);
    assert_eq!(bench.s3(&key, "GET", path, &[("if-match", "\"other\"")], b"").await.refusal().0, 412);
    let piece = bench.s3(&key, "GET", path, &[("range", "bytes=0-6")], b"").await;
    assert_eq!(
        (piece.status, piece.text.as_str(), piece.header("content-range")),
        (206, "Welcome", Some("bytes 0-6/32"))
    );
    let beyond = bench.s3(&key, "GET", path, &[("range", "bytes=99-")], b"").await;
    assert_eq!(beyond.refusal(), (416, "InvalidRange".into()));
    assert_eq!(beyond.header("content-range"), Some("bytes */32"));
}

#[tokio::test]
async fn odd_names_survive() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    for (path, name) in [
        ("/pintail-demo//leading", "/leading"),
        ("/pintail-demo/a//b", "a//b"),
        ("/pintail-demo/tail/", "tail/"),
        ("/pintail-demo/%2E%2E/up", "../up"),
        ("/pintail-demo/%C3%A4%20%2B%25%26", "\u{e4} +%&"),
        ("/pintail-demo/%01", "\u{1}"),
    ] {
        // The address parser of the test folds dots; a name with them is put in directly.
        if name.starts_with("..") {
            bench.sandbox.world().put_object("pintail-demo", name, name.to_owned());
        } else {
            let put = bench.s3(&key, "PUT", path, &[], name.as_bytes()).await;
            assert_eq!(put.status, 200, "{name}: {}", put.text);
        }
        assert_eq!(
            bench.sandbox.world().object("pintail-demo", name).as_deref(),
            Some(name.as_bytes()),
            "{name:?}"
        );
    }
    let listed =
        bench.s3(&key, "GET", "/pintail-demo?encoding-type=url&list-type=2&prefix=..", &[], b"").await;
    assert!(listed.text.contains("<Key>../up</Key>"), "{}", listed.text);
}

#[tokio::test]
async fn a_reader_reads() {
    let bench = Bench::start().await;
    let read_only = bench.sandbox.summary().read_only_role_arn.clone();
    let key = bench.session("bob", &[("RoleArn", &read_only)]).await;
    assert_eq!(bench.s3(&key, "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 200);
    let put = bench.s3(&key, "PUT", "/pintail-demo/x", &[], b"x").await;
    assert_eq!(put.refusal(), (403, "AccessDenied".into()));
    assert!(put.element("Message").contains("is not authorized to perform: s3:PutObject"), "{}", put.text);
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::pintail-demo","Condition":{"StringLike":{"s3:prefix":"reports/*"}}}]}"#;
    let narrow = bench.session("alice", &[("Policy", policy)]).await;
    assert_eq!(
        bench.s3(&narrow, "GET", "/pintail-demo?list-type=2&prefix=reports%2F", &[], b"").await.status,
        200
    );
    assert_eq!(bench.s3(&narrow, "GET", "/pintail-demo?list-type=2", &[], b"").await.status, 403);
    // A missing key is told only to whoever may list.
    let blind =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
    let blind = bench.session("alice", &[("Policy", blind)]).await;
    let missing = "/pintail-demo/missing";
    assert_eq!(bench.s3(&blind, "GET", missing, &[], b"").await.refusal(), (403, "AccessDenied".into()));
    assert_eq!(bench.s3(&key, "GET", missing, &[], b"").await.refusal(), (404, "NoSuchKey".into()));
}

#[tokio::test]
async fn presigned_addresses_end_with_the_sandboxs_clock() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let address = bench.presigned(&key, "/pintail-demo/readme.txt", 600);
    assert_eq!(get(&address).await.text, "Welcome to the Pintail sandbox.\n");
    bench.advance(599);
    assert_eq!(get(&address).await.status, 200);
    bench.advance(1);
    let late = get(&address).await;
    assert_eq!(
        (late.refusal(), late.element("Message")),
        ((403, "AccessDenied".into()), "Request has expired".into())
    );
    assert_eq!(get(&bench.presigned(&key, "/pintail-demo/readme.txt", 604_801)).await.status, 400);
    let tampered = bench.presigned(&key, "/pintail-demo/readme.txt", 600).replace("readme", "Readme");
    assert_eq!(get(&tampered).await.refusal(), (403, "SignatureDoesNotMatch".into()));
    // An address lives no longer than the session that signed it.
    let twice = bench.presigned(&key, "/pintail-demo/readme.txt", 600);
    let twice = twice.trim_start_matches(&bench.sandbox.summary().s3_endpoint);
    assert_eq!(bench.s3(&key, "GET", twice, &[], b"").await.refusal(), (400, "InvalidArgument".into()));
    let outlives = bench.presigned(&key, "/pintail-demo/readme.txt", 604_800);
    bench.advance(3600);
    assert_eq!(get(&outlives).await.refusal(), (400, "ExpiredToken".into()));
}

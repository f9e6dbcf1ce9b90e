//! Writers that meet, copies, deletions by the thousand, keys of every length, and what the ledger says of all that.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::bench::{Bench, Key};
use super::wire::Wire;
use crate::World;
use crate::random::{hex, sha256};

const BUCKET: &str = "pintail-demo";

fn path(key: &str) -> String {
    format!("/{BUCKET}/{key}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_writers_who_want_to_be_first_one_is() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    for round in 0..5 {
        let path = path(&format!("race/{round}"));
        let bodies: Vec<Vec<u8>> = (0..8).map(|writer| vec![b'0' + writer; 40_000]).collect();
        let writers = bodies.iter().map(|body| bench.s3(&key, "PUT", &path, &[("if-none-match", "*")], body));
        let answers = join_all(writers).await;
        let first: Vec<usize> = (0..8).filter(|writer| answers[*writer].status == 200).collect();
        assert_eq!(first.len(), 1, "{round}");
        for (writer, answer) in answers.iter().enumerate().filter(|(writer, _)| *writer != first[0]) {
            assert_eq!(answer.refusal(), (412, "PreconditionFailed".into()), "{round} {writer}");
        }
        let held = bench.sandbox.world().object(BUCKET, &format!("race/{round}")).unwrap();
        assert_eq!(held, bodies[first[0]], "{round}");
    }
}

#[tokio::test]
async fn of_two_writers_who_replace_the_same_one_does() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let path = path("replaced");
    let etag = bench.s3(&key, "PUT", &path, &[], b"old").await.header("etag").unwrap().to_owned();
    // Both saw the same; the slow one began first and comes second.
    let mut slow = Wire::open(&bench, &key, "PUT", &path, &[("if-match", &etag)], b"slow").await;
    slow.send(b"sl").await;
    let fast = bench.s3(&key, "PUT", &path, &[("if-match", &etag)], b"fast").await;
    assert_eq!(fast.status, 200);
    slow.send(b"ow").await;
    assert_eq!(slow.head().await.unwrap().0, 412);
    assert_eq!(bench.sandbox.world().object(BUCKET, "replaced").unwrap(), "fast");
}

#[tokio::test]
async fn a_conditional_write_conflicts_with_a_deletion_meanwhile() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let path = path("conflict");
    for condition in [("if-none-match", "*"), ("if-match", "")] {
        let etag = bench.s3(&key, "PUT", &path, &[], b"old").await.header("etag").unwrap().to_owned();
        let condition = (condition.0, if condition.1.is_empty() { etag.as_str() } else { condition.1 });
        let mut slow = Wire::open(&bench, &key, "PUT", &path, &[condition], b"slow").await;
        slow.send(b"sl").await;
        // It has begun when its receipt is open, and that shows in nothing; the second request on the same
        // thread of the sandbox comes after the first one's head.
        while bench.sandbox.moments().begun() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(bench.s3(&key, "DELETE", &path, &[], b"").await.status, 204);
        slow.send(b"ow").await;
        let (status, length) = slow.head().await.unwrap();
        let text = String::from_utf8(slow.take(length).await).unwrap();
        assert_eq!(status, 409, "{condition:?} {text}");
        assert!(text.contains("<Code>ConditionalRequestConflict</Code>"), "{text}");
        assert!(bench.sandbox.world().object(BUCKET, "conflict").is_none());
        assert_eq!(bench.s3(&key, "PUT", &path, &[("if-none-match", "*")], b"again").await.status, 200);
    }
}

#[tokio::test]
async fn a_deletion_may_have_a_condition() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let path = path("deleted");
    let etag = bench.s3(&key, "PUT", &path, &[], b"old").await.header("etag").unwrap().to_owned();
    let delete =
        async |condition: &str| bench.s3(&key, "DELETE", &path, &[("if-match", condition)], b"").await;
    assert_eq!(delete("\"other\"").await.refusal(), (412, "PreconditionFailed".into()));
    assert_eq!(delete(&etag).await.status, 204);
    assert_eq!(delete(&etag).await.refusal(), (404, "NoSuchKey".into()));
    assert_eq!(bench.s3(&key, "DELETE", &path, &[], b"").await.status, 204);
}

async fn delete_many(bench: &Bench, key: &Key, document: &str) -> super::bench::Answer {
    let md5 = {
        use base64::Engine as _;
        use s3s::crypto::{Checksum as _, Md5};
        base64::engine::general_purpose::STANDARD.encode(Md5::checksum(document.as_bytes()))
    };
    bench.s3(key, "POST", &format!("/{BUCKET}?delete="), &[("content-md5", &md5)], document.as_bytes()).await
}

#[tokio::test]
async fn a_thousand_keys_are_deleted_at_once_and_one_more_is_too_many() {
    let bench = Bench::start().await;
    let (key, world) = (bench.session("alice", &[]).await, bench.sandbox.world());
    world.put_many(BUCKET, (0..1001).map(|number| (format!("many/{number:04}"), 10)));
    let listed = |count: usize| {
        let objects: String =
            (0..count).map(|n| format!("<Object><Key>many/{n:04}</Key></Object>")).collect();
        format!("<Delete><Quiet>true</Quiet>{objects}</Delete>")
    };
    assert_eq!(delete_many(&bench, &key, &listed(1001)).await.refusal(), (400, "MalformedXML".into()));
    let deleted = delete_many(&bench, &key, &listed(1000)).await;
    assert_eq!(deleted.status, 200, "{}", deleted.text);
    assert!(!deleted.text.contains("<Deleted>") && !deleted.text.contains("<Error>"), "{}", deleted.text);
    let left: Vec<String> = world.keys(BUCKET).into_iter().filter(|key| key.starts_with("many/")).collect();
    assert_eq!(left, ["many/1000"]);
    // Each may have its condition, and fails alone.
    let one = bench.s3(&key, "PUT", &path("many/one"), &[], b"1").await.header("etag").unwrap().to_owned();
    bench.s3(&key, "PUT", &path("many/two"), &[], b"2").await;
    let document = format!(
        "<Delete><Object><Key>many/one</Key><ETag>{one}</ETag></Object><Object><Key>many/two</Key><ETag>{one}</ETag></Object></Delete>"
    );
    let answer = delete_many(&bench, &key, &document).await;
    assert_eq!(answer.element("Code"), "PreconditionFailed", "{}", answer.text);
    assert_eq!(world.object(BUCKET, "many/one"), None);
    assert!(world.object(BUCKET, "many/two").is_some());
}

#[tokio::test]
async fn a_copy_may_have_a_condition_on_its_target_and_is_no_larger_than_five_gib() {
    let bench = Bench::start().await;
    let (key, world) = (bench.session("alice", &[]).await, bench.sandbox.world());
    let copy = async |from: &str, to: &str, more: &[(&str, &str)]| {
        let source = path(from);
        let headers: Vec<_> =
            [("x-amz-copy-source", source.as_str())].into_iter().chain(more.to_vec()).collect();
        bench.s3(&key, "PUT", &path(to), &headers, b"").await
    };
    assert_eq!(copy("readme.txt", "copied", &[("if-none-match", "*")]).await.status, 200);
    let again = copy("readme.txt", "copied", &[("if-none-match", "*")]).await;
    assert_eq!(again.refusal(), (412, "PreconditionFailed".into()));
    let held = world.ledger(BUCKET).objects["copied"].clone();
    let stale = copy("readme.txt", "copied", &[("if-match", "\"other\"")]).await;
    assert_eq!(stale.refusal(), (412, "PreconditionFailed".into()));
    let right = copy("readme.txt", "copied", &[("if-match", &format!("\"{}\"", held.etag))]).await;
    assert_eq!(right.status, 200, "{}", right.text);
    assert_eq!(held.sha256, world.ledger(BUCKET).objects["readme.txt"].sha256);
    let typed = [("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-mine", "yes")];
    assert_eq!(copy("readme.txt", "copied", &typed).await.status, 200);
    assert_eq!(
        world.ledger(BUCKET).objects["copied"].metadata,
        BTreeMap::from([("mine".into(), "yes".into())])
    );

    world.put_many(BUCKET, [("huge".to_owned(), 6 << 30), ("large".to_owned(), 1 << 20)]);
    let refused = copy("huge", "copied", &[]).await;
    assert_eq!(refused.refusal(), (400, "InvalidRequest".into()));
    assert!(refused.element("Message").contains("5368709120"), "{}", refused.text);
    assert_eq!(copy("large", "copied", &[]).await.status, 200);
    assert_eq!(world.object(BUCKET, "copied").unwrap(), World::pattern("large", 1 << 20));
}

#[tokio::test]
async fn keys_have_1024_bytes_at_most() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let (longest, too_long) = ("k".repeat(1024), "k".repeat(1025));
    assert_eq!(bench.s3(&key, "PUT", &path(&longest), &[], b"x").await.status, 200);
    let refused = bench.s3(&key, "PUT", &path(&too_long), &[], b"x").await;
    assert_eq!(refused.refusal(), (400, "KeyTooLongError".into()));
    let listed = bench.s3(&key, "GET", &format!("/{BUCKET}?list-type=2&prefix=kk"), &[], b"").await;
    assert_eq!(listed.element("Key"), longest);
}

#[tokio::test]
async fn a_hundred_thousand_patterns_are_listed_read_and_told() {
    let bench = Bench::start().await;
    let (key, world) = (bench.session("alice", &[]).await, bench.sandbox.world());
    world.create_bucket("many", "eu-central-1");
    let name = |number: u32| format!("folder-{:02}/object-{number:06}", number % 37);
    assert!(world.put_many("many", (0..100_000).map(|number| (name(number), 4096))));
    assert!(!world.put_many("nowhere", [("x".to_owned(), 1)]));
    let (mut query, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let path = format!("/many?{query}list-type=2&prefix=folder-0");
        let page = bench.s3(&key, "GET", &path, &[], b"").await;
        pages += 1;
        seen.extend(page.text.split("<Key>").skip(1).map(|rest| rest.split_once('<').unwrap().0.to_owned()));
        if page.element("IsTruncated") == "false" {
            break;
        }
        query = format!("continuation-token={}&", page.element("NextContinuationToken"));
    }
    let mut expected: Vec<String> = (0..100_000).filter(|number| number % 37 < 10).map(name).collect();
    expected.sort_unstable();
    assert!(seen == expected);
    assert_eq!(pages, expected.len().div_ceil(1000));
    let one = path("x").replace("pintail-demo/x", &format!("many/{}", name(5)));
    let got = bench.s3(&key, "GET", &one, &[("range", "bytes=100-199")], b"").await;
    assert_eq!(got.response.body()[..], World::pattern(&name(5), 4096)[100..200]);
    let whole = bench.s3(&key, "GET", &one, &[("x-amz-checksum-mode", "ENABLED")], b"").await;
    assert_eq!(whole.response.body(), &World::pattern(&name(5), 4096));
    assert_ne!(World::pattern(&name(5), 4096), World::pattern(&name(6), 4096), "each has its own");
    assert!(whole.header("x-amz-checksum-crc64nvme").is_some());
    let held = &world.ledger_below("many", &name(5)).objects[&name(5)];
    assert_eq!(
        (held.size_bytes, held.sha256.as_str()),
        (4096, hex(&sha256(&World::pattern(&name(5), 4096))).as_str())
    );
}

#[tokio::test]
async fn the_ledger_tells_what_is_held_and_what_was_sent() {
    let bench = Bench::start().await;
    let (key, world) = (bench.session("alice", &[]).await, bench.sandbox.world());
    world.create_bucket("ledger", "eu-central-1");
    assert_eq!(world.ledger("nowhere"), crate::Ledger::default());
    let started = bench.s3(&key, "POST", "/ledger/parts?uploads", &[], b"").await;
    let upload = started.element("UploadId");
    let part = format!("/ledger/parts?partNumber=2&uploadId={upload}");
    for _ in 0..2 {
        assert_eq!(bench.s3(&key, "PUT", &part, &[], b"part two").await.status, 200);
    }
    let lie = hex(&sha256(b"other"));
    let refused =
        bench.s3(&key, "PUT", "/ledger/one", &[("x-amz-content-sha256", &lie)], b"0123456789").await;
    assert_eq!(refused.status, 400);
    assert_eq!(bench.s3(&key, "PUT", "/ledger/one", &[("x-amz-meta-a", "b")], b"one").await.status, 200);
    let ledger = world.ledger("ledger");
    assert_eq!(ledger.objects.len(), 1);
    let one = &ledger.objects["one"];
    assert_eq!((one.size_bytes, one.sha256.as_str(), one.parts), (3, hex(&sha256(b"one")).as_str(), 0));
    assert_eq!(one.metadata["a"], "b");
    assert_eq!(ledger.uploads.len(), 1);
    let held = &ledger.uploads[0];
    assert_eq!((held.key.as_str(), held.id.as_str(), held.parts.len()), ("parts", upload.as_str(), 1));
    assert_eq!(held.parts[&2].sha256, hex(&sha256(b"part two")));
    let sent: Vec<(&str, Option<u32>, u64, bool, bool)> = Vec::new();
    let receipts = world.receipts();
    let told = receipts.iter().map(|r| (r.key.as_str(), r.part, r.bytes, r.is_kept, r.was_held));
    let told: Vec<_> = sent.into_iter().chain(told).collect();
    assert_eq!(
        told,
        [
            ("parts", Some(2), 8, true, false),
            ("parts", Some(2), 8, true, true),
            ("one", None, 10, false, false),
            ("one", None, 3, true, false),
        ]
    );
}

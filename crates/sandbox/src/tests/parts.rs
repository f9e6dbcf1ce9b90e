//! Multipart uploads: checksums of the whole, parts that are copied, who is first, and what is left open.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::crypto::{Checksum, Crc32, Crc32c, Crc64Nvme};

use super::bench::{Answer, Bench, Key};

const PATH: &str = "/pintail-demo/whole";
const FIRST_BYTES: usize = 5 << 20;

fn content() -> Vec<u8> {
    (0..FIRST_BYTES + 1234).map(|place| (place % 251) as u8).collect()
}

async fn begin(bench: &Bench, key: &Key, path: &str, headers: &[(&str, &str)]) -> String {
    let answer = bench.s3(key, "POST", &format!("{path}?uploads"), headers, b"").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.element("UploadId")
}

/// Uploads both parts and returns the list that completes them.
async fn upload(bench: &Bench, key: &Key, path: &str, id: &str, content: &[u8]) -> String {
    let mut list = String::from("<CompleteMultipartUpload>");
    for (number, part) in [(1, &content[..FIRST_BYTES]), (2, &content[FIRST_BYTES..])] {
        let answer =
            bench.s3(key, "PUT", &format!("{path}?partNumber={number}&uploadId={id}"), &[], part).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let etag = answer.header("etag").unwrap();
        list.push_str(&format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"));
    }
    list + "</CompleteMultipartUpload>"
}

async fn complete(
    bench: &Bench,
    key: &Key,
    path: &str,
    id: &str,
    list: &str,
    headers: &[(&str, &str)],
) -> Answer {
    bench.s3(key, "POST", &format!("{path}?uploadId={id}"), headers, list.as_bytes()).await
}

fn sum<H: Checksum>(content: &[u8]) -> String {
    STANDARD.encode(H::checksum(content))
}

#[tokio::test]
async fn every_crc_can_be_one_of_the_whole_object() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let content = content();
    for (algorithm, value) in [
        ("CRC32", sum::<Crc32>(&content)),
        ("CRC32C", sum::<Crc32c>(&content)),
        ("CRC64NVME", sum::<Crc64Nvme>(&content)),
    ] {
        let name = format!("x-amz-checksum-{}", algorithm.to_lowercase());
        let chosen = [("x-amz-checksum-algorithm", algorithm), ("x-amz-checksum-type", "FULL_OBJECT")];
        let id = begin(&bench, &key, PATH, &chosen).await;
        let list = upload(&bench, &key, PATH, &id, &content).await;
        let wrong = STANDARD.encode(vec![0; STANDARD.decode(&value).unwrap().len()]);
        let kind = ("x-amz-checksum-type", "FULL_OBJECT");
        let refused = complete(&bench, &key, PATH, &id, &list, &[(&name, &wrong), kind]).await;
        assert_eq!(refused.refusal(), (400, "BadDigest".into()), "{algorithm}");
        let short = complete(&bench, &key, PATH, &id, &list, &[("x-amz-mp-object-size", "7")]).await;
        assert_eq!(short.refusal(), (400, "InvalidRequest".into()), "{algorithm}");
        let done = complete(&bench, &key, PATH, &id, &list, &[(&name, &value), kind]).await;
        assert_eq!(done.element("ChecksumType"), "FULL_OBJECT", "{algorithm} {}", done.text);
        let told = bench.s3(&key, "HEAD", PATH, &[("x-amz-checksum-mode", "ENABLED")], b"").await;
        assert_eq!(
            (told.header(&name), told.header("x-amz-checksum-type")),
            (Some(value.as_str()), Some("FULL_OBJECT"))
        );
        // A range across the border of the parts.
        let range = format!("bytes={}-{}", FIRST_BYTES - 10, FIRST_BYTES + 9);
        let piece = bench.s3(&key, "GET", PATH, &[("range", &range)], b"").await;
        assert_eq!(piece.response.body()[..], content[FIRST_BYTES - 10..FIRST_BYTES + 10]);
    }
    let begin = format!("{PATH}?uploads");
    let refused = bench.s3(
        &key,
        "POST",
        &begin,
        &[("x-amz-checksum-algorithm", "SHA256"), ("x-amz-checksum-type", "FULL_OBJECT")],
        b"",
    );
    assert_eq!(refused.await.refusal(), (400, "InvalidRequest".into()));
}

#[tokio::test]
async fn a_part_that_arrives_wrong_is_not_kept() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let chosen = [("x-amz-checksum-algorithm", "CRC64NVME"), ("x-amz-checksum-type", "FULL_OBJECT")];
    let id = begin(&bench, &key, PATH, &chosen).await;
    let part = format!("{PATH}?partNumber=1&uploadId={id}");
    let wrong = bench.s3(&key, "PUT", &part, &[("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")], b"bytes").await;
    assert_eq!(wrong.refusal(), (400, "BadDigest".into()));
    let other =
        bench.s3(&key, "PUT", &part, &[("x-amz-checksum-crc32", &sum::<Crc32>(b"bytes"))], b"bytes").await;
    assert_eq!(other.refusal(), (400, "InvalidRequest".into()));
    assert!(bench.sandbox.world().ledger("pintail-demo").uploads[0].parts.is_empty());
    let right = [("x-amz-checksum-crc64nvme", &*sum::<Crc64Nvme>(b"bytes"))];
    assert_eq!(bench.s3(&key, "PUT", &part, &right, b"bytes").await.status, 200);
    let listed = bench.s3(&key, "GET", &format!("{PATH}?uploadId={id}"), &[], b"").await;
    assert_eq!(listed.element("ChecksumCRC64NVME"), sum::<Crc64Nvme>(b"bytes"), "{}", listed.text);
    assert_eq!(listed.element("Size"), "5");
}

#[tokio::test]
async fn of_two_uploads_that_want_to_be_first_one_is() {
    let bench = Bench::start().await;
    let (key, world) = (bench.session("alice", &[]).await, bench.sandbox.world());
    let content = content();
    let mut uploads = Vec::new();
    for _ in 0..2 {
        let id = begin(&bench, &key, PATH, &[]).await;
        let list = upload(&bench, &key, PATH, &id, &content).await;
        uploads.push((id, list));
    }
    let first = [("if-none-match", "*")];
    let (one, other) = tokio::join!(
        complete(&bench, &key, PATH, &uploads[0].0, &uploads[0].1, &first),
        complete(&bench, &key, PATH, &uploads[1].0, &uploads[1].1, &first)
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let held = world.ledger("pintail-demo");
    assert_eq!(
        (held.objects["whole"].parts, held.uploads.len()),
        (2, 1),
        "the loser's parts stay until it aborts"
    );
    let left = held.uploads[0].id.clone();
    let abort = format!("{PATH}?uploadId={left}");
    assert_eq!(bench.s3(&key, "DELETE", &abort, &[], b"").await.status, 204);
    assert_eq!(bench.s3(&key, "DELETE", &abort, &[], b"").await.refusal(), (404, "NoSuchUpload".into()));
    assert_eq!(world.ledger("pintail-demo").uploads, []);
    let etag = format!("\"{}\"", held.objects["whole"].etag);
    let id = begin(&bench, &key, PATH, &[]).await;
    let list = upload(&bench, &key, PATH, &id, &content).await;
    let stale = complete(&bench, &key, PATH, &id, &list, &[("if-match", "\"other\"")]).await;
    assert_eq!(stale.refusal(), (412, "PreconditionFailed".into()));
    assert_eq!(complete(&bench, &key, PATH, &id, &list, &[("if-match", &etag)]).await.status, 200);
}

#[tokio::test]
async fn parts_are_copied_out_of_what_is_too_large_to_copy() {
    let bench = Bench::start().await;
    let (key, world) = (bench.session("alice", &[]).await, bench.sandbox.world());
    world.put_many("pintail-demo", [("huge".to_owned(), 6 << 30)]);
    let id = begin(&bench, &key, PATH, &[]).await;
    let copy = async |number: u32, range: Option<&str>| {
        let mut headers = vec![("x-amz-copy-source", "/pintail-demo/huge")];
        headers.extend(range.map(|range| ("x-amz-copy-source-range", range)));
        bench.s3(&key, "PUT", &format!("{PATH}?partNumber={number}&uploadId={id}"), &headers, b"").await
    };
    assert_eq!(copy(1, None).await.refusal(), (400, "InvalidRequest".into()));
    assert_eq!(copy(1, Some("bytes=0-99999999999")).await.refusal(), (400, "InvalidArgument".into()));
    let start = (6_u64 << 30) - 1000;
    let copied = copy(1, Some(&format!("bytes={start}-{}", start + 999))).await;
    assert_eq!(copied.status, 200, "{}", copied.text);
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        copied.element("ETag")
    );
    assert_eq!(complete(&bench, &key, PATH, &id, &list, &[]).await.status, 200);
    let range = format!("bytes={start}-");
    let end = bench.s3(&key, "GET", "/pintail-demo/huge", &[("range", &range)], b"").await;
    assert_eq!(world.object("pintail-demo", "whole").unwrap(), end.response.body());
    assert_eq!(end.response.body().len(), 1000);
}

#[tokio::test]
async fn open_uploads_are_listed_by_pages_and_prefix() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let mut expected = Vec::new();
    for name in ["a", "a", "b/one", "b/two", "c"] {
        let id = begin(&bench, &key, &format!("/pintail-demo/{name}"), &[]).await;
        expected.push((name.to_owned(), id));
    }
    expected.sort();
    let (mut key_marker, mut id_marker, mut seen) = (String::new(), String::new(), Vec::new());
    loop {
        let path = format!("/pintail-demo?{key_marker}max-uploads=2&{id_marker}uploads=");
        let page = bench.s3(&key, "GET", &path, &[], b"").await;
        assert_eq!(page.status, 200, "{}", page.text);
        for upload in page.text.split("<Upload>").skip(1) {
            let text = |name: &str| {
                let (_, rest) = upload.split_once(&format!("<{name}>")).unwrap();
                rest.split_once('<').unwrap().0.to_owned()
            };
            seen.push((text("Key"), text("UploadId")));
        }
        if page.element("IsTruncated") == "false" {
            break;
        }
        key_marker = format!("key-marker={}&", page.element("NextKeyMarker").replace('/', "%2F"));
        id_marker = format!("upload-id-marker={}&", page.element("NextUploadIdMarker"));
    }
    assert_eq!(seen, expected);
    let below = bench.s3(&key, "GET", "/pintail-demo?prefix=b%2F&uploads=", &[], b"").await;
    assert_eq!(below.text.matches("<Upload>").count(), 2, "{}", below.text);
    let groups = bench.s3(&key, "GET", "/pintail-demo?delimiter=%2F&uploads=", &[], b"").await;
    assert_eq!(
        (groups.text.matches("<Upload>").count(), groups.text.matches("<CommonPrefixes>").count()),
        (3, 1)
    );
}

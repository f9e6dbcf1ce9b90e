//! What a call does when it is refused, or when its answer is lost.

use futures_util::{FutureExt, StreamExt};
use pintail_store::object_store::{
    Copy, CopySource, Delete, Deleted, ListParts, ListUploads, UploadMarker, pages,
};
use tokio::sync::Barrier;

use super::*;

fn regions(play: &Play) -> Vec<String> {
    let region =
        |seen: &scripted::Seen| seen.header("authorization").unwrap().split('/').nth(2).unwrap().to_owned();
    play.server.seen().iter().map(region).collect()
}

#[tokio::test]
async fn calls_that_are_led_elsewhere_at_once_all_arrive() {
    let all = Arc::new(Barrier::new(3));
    let moved = || {
        let text = text("301 Moved", &["x-amz-bucket-region: eu-west-1"], "");
        Act::AnswerTogether(Arc::clone(&all), text)
    };
    let play = play([moved(), moved(), moved(), ok(), ok(), ok()]).await;
    let one = || put(&play, Payload::from_bytes("x"));
    let (first, second, third) = tokio::join!(one(), one(), one());
    first.and(second).and(third).unwrap();
    assert_eq!(regions(&play)[3..], ["eu-west-1"; 3]);
}

#[tokio::test]
async fn a_head_with_an_expired_credential_is_not_taken_for_a_wrong_region() {
    // S3 names the bucket's region in every answer about it.
    let here = "x-amz-bucket-region: us-east-1";
    let expired = Act::Answer(text("400 Bad Request", &[here], ""));
    let found = Act::AnswerThenClose("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".into());
    let play = play([expired, refusal_with("400 Bad Request", "ExpiredToken", &[here], ""), found]).await;
    let info = play.store.head(&bucket(), &key(), &Head::default()).await.unwrap();
    assert_eq!(info.size_bytes, 5);
    assert_eq!(play.server.seen()[2].header("x-amz-security-token"), Some("token-1"));

    // Another region is the reason all the same.
    let there = Act::Answer(text("400 Bad Request", &["x-amz-bucket-region: eu-west-1"], ""));
    let found = Act::AnswerThenClose("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".into());
    let play = self::play([there, found]).await;
    play.store.head(&bucket(), &key(), &Head::default()).await.unwrap();
    assert_eq!(regions(&play), ["us-east-1", "eu-west-1"]);
}

/// Writes what S3 answers to the HEAD of an object with these bytes.
fn object(data: &str) -> Act {
    let sum = Checksum::of(Algorithm::Crc64Nvme, data.as_bytes());
    Act::AnswerThenClose(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\netag: \"{data}\"\r\nx-amz-checksum-crc64nvme: {sum}\r\n\r\n",
        data.len()
    ))
}

fn if_absent() -> Put {
    Put { condition: WriteCondition::IfAbsent, ..Put::default() }
}

fn in_the_way() -> String {
    text("412 Precondition Failed", &[], "<Error><Code>PreconditionFailed</Code></Error>")
}

#[tokio::test]
async fn a_conditional_stream_is_not_framed_before_the_service_is_known_to_take_frames() {
    let play = play([ok()]).await;
    play.store.put(&bucket(), &key(), streamed(b"0123456789"), &if_absent()).await.unwrap();
    let seen = &play.server.seen()[0];
    assert_eq!(seen.body, b"0123456789");
    assert!(seen.header("x-amz-trailer").is_none());
    let sum = Checksum::of(Algorithm::Crc64Nvme, b"0123456789").to_string();
    assert_eq!(seen.header("x-amz-checksum-crc64nvme"), Some(sum.as_str()));
    assert_eq!(play.server.unplayed(), 0);
}

#[tokio::test]
async fn a_conditional_stream_knows_its_own_hand_though_both_answers_came_early_or_never() {
    let sum = Checksum::of(Algorithm::Crc64Nvme, b"0123456789").to_string();
    let echo = format!("x-amz-checksum-crc64nvme: {sum}");
    // The first one proves that frames are taken; the second has its answer lost.
    let proof = answer("200 OK", &["etag: \"tag\"", &echo], "");
    let play =
        play([proof, Act::Close, Act::Close, Act::AnswerHead(in_the_way()), object("0123456789")]).await;
    put(&play, streamed(b"0123456789")).await.unwrap();
    // The last attempt is refused before it has read its source, so only the one before knows the checksum.
    let opened = Arc::new(Mutex::new(0));
    let payload = Payload::from_fn(10, move || {
        let mut opened = opened.lock().unwrap();
        *opened += 1;
        match *opened {
            3 => Box::pin(futures_util::stream::pending()),
            _ => Box::pin(futures_util::stream::iter([Ok(Bytes::from_static(b"0123456789"))])),
        }
    });
    let stored = play.store.put(&bucket(), &key(), payload, &if_absent()).await.unwrap();
    assert_eq!(stored.etag.unwrap().as_str(), "0123456789");
    assert!(play.server.seen()[1].header("x-amz-trailer").is_some());
}

fn expired() -> Act {
    refusal("400 Bad Request", "ExpiredToken")
}

#[tokio::test]
async fn a_credential_that_is_refused_again_and_again_is_given_up() {
    let play = play((0..3).map(|_| expired())).await;
    let error = put(&play, Payload::from_bytes("x")).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::CredentialRefused);
    let keys = play
        .server
        .seen()
        .iter()
        .map(|seen| seen.header("x-amz-security-token").unwrap().to_owned())
        .collect::<Vec<_>>();
    assert_eq!(keys, ["token-0", "token-1", "token-2"]);
}

/// Has one temporary credential and no other.
#[derive(Debug)]
struct Stuck;

impl CredentialSource for Stuck {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        let given = Renewing::default().credential().now_or_never().unwrap();
        Box::pin(async { given })
    }

    fn refused(&self, _credential: &Credential) {}
}

#[tokio::test]
async fn the_same_credential_is_not_tried_a_third_time() {
    let server = Scripted::start([expired(), expired()]).await;
    let endpoint = Endpoint::at(&format!("http://127.0.0.1:{}", server.port).parse().unwrap(), None).unwrap();
    let store = S3Store::new(
        S3Context {
            transport: Transport::new(TransportOptions::default()).unwrap(),
            endpoint,
            credentials: Arc::new(Stuck),
            clock: Arc::new(ManualClock::new(NOW.parse().unwrap())),
            random: Arc::new(SeededRandom::new(1)),
        },
        S3Options::default(),
    );
    let error = store.list(&bucket(), &List::default()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::CredentialRefused);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_trickles_ends() {
    let refused = Act::Trickle("HTTP/1.1 403 Forbidden\r\ncontent-length: 60000\r\n\r\n".into());
    let page = || Act::Trickle("HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n".into());
    let play = play([refused, page(), answer("200 OK", &[], "<ListBucketResult/>")]).await;
    let started = tokio::time::Instant::now();
    let error = play.store.list(&bucket(), &List::default()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::PermissionDenied);
    assert!(started.elapsed() < Duration::from_secs(90), "{:?}", started.elapsed());
    // A page is asked for again.
    play.store.list(&bucket(), &List::default()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(15 * 60), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_conditional_copy_knows_its_own_hand() {
    let source = CopySource::new(bucket(), "source".parse().unwrap());
    let options = Copy { condition: WriteCondition::IfAbsent, ..Copy::default() };
    for (target, ours) in [("right", true), ("other", false), ("longer", false)] {
        let play = play([Act::Close, Act::Answer(in_the_way()), object(target), object("right")]).await;
        let outcome = play.store.copy(&source, &bucket(), &key(), &options).await;
        match outcome {
            Ok(copied) => assert!(ours && copied.etag.unwrap().as_str() == "right"),
            Err(error) => {
                assert!(!ours, "{error:?}");
                assert_eq!(*error.kind(), ErrorKind::PreconditionFailed);
            }
        }
        let lines: Vec<_> = play.server.seen().into_iter().map(|seen| seen.line).collect();
        assert_eq!(lines[2], "HEAD /photos/a%20b/c HTTP/1.1");
        assert_eq!(lines[3], "HEAD /photos/source HTTP/1.1");
    }
    // Without a lost answer there is nothing to recognise.
    let play = play([Act::Answer(in_the_way())]).await;
    let error = play.store.copy(&source, &bucket(), &key(), &options).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::PreconditionFailed);
}

#[tokio::test]
async fn an_old_object_is_not_taken_for_a_completion_whose_answer_was_lost() {
    let (upload, parts) = parts();
    for (written, ours) in [("12:00:00", true), ("12:00:07", true), ("11:59:59", false)] {
        let head = Act::AnswerThenClose(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\netag: \"w-1\"\r\nlast-modified: Mon, 23 Nov 2026 {written} GMT\r\n\r\n"
        ));
        let play = play([Act::Close, refusal("404 Not Found", "NoSuchUpload"), head]).await;
        let outcome = play.store.complete_upload(&upload, &parts, &CompleteUpload::default()).await;
        assert_eq!(outcome.is_ok(), ours, "{written}");
    }
}

#[tokio::test]
async fn a_page_from_somebody_else_does_not_delete_an_object() {
    let page = answer("404 Not Found", &["content-type: text/html"], "<html>No such site</html>");
    let empty = Act::Answer(text("404 Not Found", &[], ""));
    let play =
        play([page, empty, refusal("404 Not Found", "NoSuchKey"), refusal("404 Not Found", "NoSuchBucket")])
            .await;
    let delete = async || {
        play.store.delete(&bucket(), &key(), &Delete::default()).await.map_err(|error| error.kind().clone())
    };
    assert_eq!(delete().await, Err(ErrorKind::BadAnswer));
    assert_eq!(delete().await, Err(ErrorKind::BadAnswer));
    assert_eq!(delete().await, Ok(Deleted::default()));
    assert_eq!(delete().await, Err(ErrorKind::NotFound(Missing::Bucket)));
}

#[tokio::test]
async fn pages_that_lead_to_themselves_are_no_answer() {
    let page = |root: &str, next: &str| {
        answer("200 OK", &[], &format!("<{root}><IsTruncated>true</IsTruncated>{next}</{root}>"))
    };
    let objects = || page("ListBucketResult", "<NextContinuationToken>t</NextContinuationToken>");
    let play = play([
        objects(),
        objects(),
        answer(
            "200 OK",
            &[],
            "<ListAllMyBucketsResult><ContinuationToken>t</ContinuationToken></ListAllMyBucketsResult>",
        ),
        page("ListPartsResult", "<NextPartNumberMarker>7</NextPartNumberMarker>"),
        page(
            "ListMultipartUploadsResult",
            "<NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>i</NextUploadIdMarker>",
        ),
    ])
    .await;
    let (store, bucket) = (Arc::new(play.store.clone()), bucket());
    let mut pages = Box::pin(pages(store, bucket.clone(), List::default()));
    assert!(pages.next().await.unwrap().is_ok());
    assert_eq!(*pages.next().await.unwrap().unwrap_err().kind(), ErrorKind::BadAnswer);
    assert!(pages.next().await.is_none());

    let options = ListBuckets { continuation: Some("t".into()), ..ListBuckets::default() };
    let error = play.store.list_buckets(&options).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::BadAnswer);
    let options = ListParts { after: PartNumber::new(7), max: None };
    let error = play.store.list_parts(&parts().0, &options).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::BadAnswer);
    let after = Some(UploadMarker { key: "k".into(), id: Some("i".into()) });
    let error =
        play.store.list_uploads(&bucket, &ListUploads { after, ..ListUploads::default() }).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::BadAnswer);
}

#[tokio::test]
async fn an_address_is_signed_for_the_region_of_its_bucket() {
    let sign = async |play: &Play| {
        let life = Duration::from_secs(600);
        let options = Presign::default();
        let signed =
            play.store.presign(PresignedMethod::Get, &bucket(), &key(), life, &options).await.unwrap();
        let scope =
            signed.expose().split("X-Amz-Credential=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        scope.split("%2F").nth(2).unwrap().to_owned()
    };
    let moved = || Act::Answer(text("301 Moved", &["x-amz-bucket-region: eu-west-1"], ""));
    let found = play([moved(), answer("200 OK", &[], "")]).await;
    assert_eq!(sign(&found).await, "eu-west-1");
    assert_eq!(sign(&found).await, "eu-west-1");
    assert_eq!(found.server.seen().len(), 2);

    // A refusal and a broken line are no reason to sign nothing.
    let denied = Act::Answer(text("403 Forbidden", &[], ""));
    let refused = play([moved(), denied, refusal("403 Forbidden", "AccessDenied")]).await;
    assert_eq!(sign(&refused).await, "eu-west-1");
    assert_eq!(sign(&refused).await, "eu-west-1");
    let broken = play([Act::Close]).await;
    assert_eq!(sign(&broken).await, "us-east-1");
    assert_eq!(broken.server.seen().len(), 1);

    // What was asked before is not asked again.
    let known = play([ok()]).await;
    put(&known, Payload::from_bytes("x")).await.unwrap();
    assert_eq!(sign(&known).await, "us-east-1");
    assert_eq!(known.server.seen().len(), 1);
}

#[tokio::test]
async fn a_clock_that_others_correct_is_not_corrected_twice() {
    let date = "date: Mon, 23 Nov 2026 12:20:00 GMT";
    let dated = || answer("200 OK", &["etag: \"tag\"", date], "");
    let play = play([dated(), dated(), dated()]).await;
    put(&play, Payload::from_bytes("x")).await.unwrap();
    play.clock.observe("2026-11-23T12:20:00Z".parse().unwrap());
    put(&play, Payload::from_bytes("x")).await.unwrap();
    put(&play, Payload::from_bytes("x")).await.unwrap();
    assert_eq!(play.server.seen()[2].header("x-amz-date"), Some("20261123T122000Z"));
}

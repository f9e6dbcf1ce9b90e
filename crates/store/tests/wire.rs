//! What goes over the wire, and what is done about what comes back: against a server that plays a script.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

#[path = "wire/control.rs"]
mod control;
#[path = "wire/pressure.rs"]
mod pressure;
#[path = "wire/recovery.rs"]
mod recovery;
#[path = "support/scripted.rs"]
mod scripted;
mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::credential::{Credential, CredentialError, CredentialSource};
use pintail_core::name::{BucketName, ObjectKey};
use pintail_core::retry::Schedule;
use pintail_core::seam::{
    BoxFuture, Clock, CorrectedClock, HttpClient, HttpError, HttpErrorKind, HttpRequest, ManualClock,
    SeededRandom,
};
use pintail_core::secret::Secret;
use pintail_store::object_store::{
    CompleteUpload, DeleteItem, Get, Head, List, ListBuckets, PartInfo, PartList, PartNumber, Put, Upload,
    WriteCondition,
};
use pintail_store::s3::{AddressingStyle, Endpoint, Presign, PresignedMethod, S3Context, S3Options};
use pintail_store::transport::{ProxyConfig, Resolve, Timeouts, Transport, TransportOptions};
use pintail_store::{ErrorKind, Missing, ObjectStore, Payload, S3Store, StoreError};
use scripted::{Act, Scripted, answer, refusal, refusal_with, text};

/// Sends every name to this machine: what is tested is the name in the request.
#[derive(Debug)]
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, _host: &'a str, port: u16) -> BoxFuture<'a, std::io::Result<Vec<SocketAddr>>> {
        // The first address refuses: the next one has to do.
        Box::pin(async move { Ok(vec![([127, 0, 0, 2], port).into(), ([127, 0, 0, 1], port).into()]) })
    }
}

/// Gives a temporary credential and another one each time it is refused.
#[derive(Debug, Default)]
struct Renewing(Mutex<u32>);

impl CredentialSource for Renewing {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        let number = *self.0.lock().unwrap();
        let credential = Credential {
            access_key_id: format!("ASIA{number}"),
            secret_access_key: Secret::new("secret"),
            session_token: Some(Secret::new(format!("token-{number}"))),
            expires_at: Some("2026-11-23T12:30:00Z".parse().unwrap()),
        };
        Box::pin(async move { Ok(Some(Arc::new(credential))) })
    }

    fn refused(&self, credential: &Credential) {
        let mut number = self.0.lock().unwrap();
        if credential.access_key_id == format!("ASIA{number}") {
            *number += 1;
        }
    }
}

struct Play {
    server: Scripted,
    store: S3Store,
    transport: Transport,
    clock: Arc<CorrectedClock<ManualClock>>,
}

const NOW: &str = "2026-11-23T12:00:00Z";

async fn play(acts: impl IntoIterator<Item = Act>) -> Play {
    play_at("http://127.0.0.1:PORT", acts).await
}

async fn play_at(url: &str, acts: impl IntoIterator<Item = Act>) -> Play {
    let server = Scripted::start(acts).await;
    let options = TransportOptions {
        resolver: Arc::new(Here),
        timeouts: Timeouts { first_byte: Duration::from_secs(60), ..Timeouts::default() },
        ..TransportOptions::default()
    };
    let transport = Transport::new(options).unwrap();
    let url = url.replace("PORT", &server.port.to_string());
    let endpoint = Endpoint::at(&url.parse().unwrap(), None).unwrap();
    let clock = Arc::new(CorrectedClock::new(ManualClock::new(NOW.parse().unwrap())));
    let store = S3Store::new(
        S3Context {
            transport: transport.clone(),
            endpoint,
            credentials: Arc::new(Renewing::default()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            random: Arc::new(SeededRandom::new(1)),
        },
        S3Options {
            schedule: Schedule { attempts_max: 4, base: Duration::ZERO, cap: Duration::from_secs(5) },
            ..S3Options::default()
        },
    );
    Play { server, store, transport, clock }
}

fn bucket() -> BucketName {
    "photos".parse().unwrap()
}

fn key() -> ObjectKey {
    "a b/c".parse().unwrap()
}

fn streamed(data: &'static [u8]) -> Payload {
    Payload::from_fn(data.len() as u64, move || {
        Box::pin(futures_util::stream::iter(data.chunks(3).map(|piece| Ok(Bytes::from_static(piece)))))
    })
}

fn ok() -> Act {
    answer("200 OK", &["etag: \"tag\""], "")
}

async fn put(play: &Play, payload: Payload) -> Result<(), StoreError> {
    play.store.put(&bucket(), &key(), payload, &Put::default()).await.map(|_| ())
}

async fn read(play: &Play, options: &Get) -> Result<Bytes, StoreError> {
    play.store.get(&bucket(), &key(), options).await?.body.collect(1 << 20).await
}

#[tokio::test]
async fn a_put_says_who_and_what() {
    let play = play([ok()]).await;
    put(&play, Payload::from_bytes("bytes")).await.unwrap();
    let seen = &play.server.seen()[0];
    assert_eq!(seen.line, "PUT /photos/a%20b/c HTTP/1.1");
    assert_eq!(seen.body, b"bytes");
    assert_eq!(seen.header("x-amz-content-sha256"), Some("UNSIGNED-PAYLOAD"));
    let sum = Checksum::of(Algorithm::Crc64Nvme, b"bytes").to_string();
    assert_eq!(seen.header("x-amz-checksum-crc64nvme"), Some(sum.as_str()));
    assert_eq!(seen.header("x-amz-security-token"), Some("token-0"));
    assert_eq!(seen.header("x-amz-date"), Some("20261123T120000Z"));
    assert_eq!(seen.header("user-agent"), Some(concat!("pintail/", env!("CARGO_PKG_VERSION"))));
    let authorization = seen.header("authorization").unwrap();
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=ASIA0/20261123/us-east-1/s3/aws4_request")
    );
}

#[tokio::test]
async fn a_stream_is_framed_with_its_checksum_after_it() {
    let sum = Checksum::of(Algorithm::Crc64Nvme, b"0123456789").to_string();
    let echo = format!("x-amz-checksum-crc64nvme: {sum}");
    let play = play([answer("200 OK", &["etag: \"tag\"", &echo], "")]).await;
    put(&play, streamed(b"0123456789")).await.unwrap();
    let seen = &play.server.seen()[0];
    assert_eq!(seen.header("x-amz-content-sha256"), Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER"));
    assert_eq!(seen.header("x-amz-trailer"), Some("x-amz-checksum-crc64nvme"));
    assert_eq!(seen.header("x-amz-decoded-content-length"), Some("10"));
    assert_eq!(seen.header("content-encoding"), Some("aws-chunked"));
    let expected = format!("a\r\n0123456789\r\n0\r\nx-amz-checksum-crc64nvme:{sum}\r\n\r\n");
    assert_eq!(String::from_utf8_lossy(&seen.body), expected);
}

#[tokio::test]
async fn every_byte_is_signed_where_others_could_change_it() {
    let play =
        play_at("http://far.example:PORT", [ok(), ok(), answer("200 OK", &["content-length: 10"], "")]).await;
    put(&play, Payload::from_bytes("bytes")).await.unwrap();
    let seen = &play.server.seen()[0];
    assert_eq!(seen.header("host").unwrap(), format!("photos.far.example:{}", play.server.port));
    assert_eq!(seen.line, "PUT /a%20b/c HTTP/1.1");
    let sha256 = "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9";
    assert_eq!(seen.header("x-amz-content-sha256"), Some(sha256));
    // A stream is signed chunk by chunk; the service says nothing of checksums, so its length is looked up.
    let _ = put(&play, streamed(b"0123456789")).await;
    let seen = &play.server.seen()[1];
    assert_eq!(seen.header("x-amz-content-sha256"), Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"));
    assert!(String::from_utf8_lossy(&seen.body).starts_with("a;chunk-signature="));
}

#[tokio::test]
async fn connections_are_used_again_and_each_attempt_is_signed_anew() {
    let slow = || refusal("503 Slow Down", "SlowDown");
    let play = play([slow(), slow(), ok(), ok()]).await;
    put(&play, Payload::from_bytes("x")).await.unwrap();
    put(&play, Payload::from_bytes("y")).await.unwrap();
    let seen = play.server.seen();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|request| request.connection == 0));
    assert_eq!(play.transport.connections_opened(), 1);
}

#[tokio::test]
async fn patience_ends_and_tells_how_often_it_tried() {
    let play = play((0..4).map(|_| refusal("500 Internal Server Error", "InternalError"))).await;
    let error = put(&play, Payload::from_bytes("x")).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.attempts(), 4);
    assert_eq!(error.code(), Some("InternalError"));
    assert_eq!(error.request_id(), Some("RID"));
    assert_eq!(error.to_string(), "write s3://photos/a b/c: the store is not available (InternalError)");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_asked_for_is_kept() {
    let wait = refusal_with("503 Slow Down", "SlowDown", &["retry-after: 3"], "");
    let play = play([wait, ok()]).await;
    let started = tokio::time::Instant::now();
    put(&play, Payload::from_bytes("x")).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(3));
}

#[tokio::test]
async fn refusals_that_nothing_mends_are_final() {
    let play = play([refusal("403 Forbidden", "AccessDenied")]).await;
    let error = put(&play, Payload::from_bytes("x")).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(play.server.seen().len(), 1);
}

#[tokio::test]
async fn a_connection_that_died_unused_costs_no_attempt() {
    let last = || Act::AnswerThenClose(text("200 OK", &["etag: \"tag\""], ""));
    let play = play([last(), ok(), Act::Close, ok()]).await;
    put(&play, Payload::from_bytes("x")).await.unwrap();
    put(&play, streamed_whole()).await.unwrap();
    // The third request meets a used connection that breaks: it goes again at once.
    put(&play, Payload::from_bytes("y")).await.unwrap();
    assert_eq!(play.server.unplayed(), 0);
}

fn streamed_whole() -> Payload {
    Payload::from_bytes("whole")
}

#[tokio::test]
async fn a_stream_is_read_again_for_another_attempt() {
    let sum = Checksum::of(Algorithm::Crc64Nvme, b"0123456789").to_string();
    let echo = format!("x-amz-checksum-crc64nvme: {sum}");
    let good = answer("200 OK", &["etag: \"tag\"", &echo], "");
    let play = play([Act::Close, refusal("500 Oops", "InternalError"), good]).await;
    put(&play, streamed(b"0123456789")).await.unwrap();
    let seen = play.server.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|request| request.body == seen[0].body));
}

#[tokio::test]
async fn a_credential_at_its_end_is_renewed() {
    for code in ["ExpiredToken", "InvalidToken", "InvalidAccessKeyId"] {
        let play = play([refusal("400 Bad Request", code), ok()]).await;
        put(&play, Payload::from_bytes("x")).await.unwrap();
        let seen = play.server.seen();
        assert_eq!(seen[0].header("x-amz-security-token"), Some("token-0"));
        assert_eq!(seen[1].header("x-amz-security-token"), Some("token-1"));
    }
}

#[tokio::test]
async fn a_head_without_words_is_explained_by_a_get() {
    let forbidden = text("403 Forbidden", &[], "");
    let found = Act::AnswerThenClose("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".into());
    let play =
        play([Act::Answer(forbidden.clone()), refusal("403 Forbidden", "InvalidAccessKeyId"), found]).await;
    let info = play.store.head(&bucket(), &key(), &Head::default()).await.unwrap();
    assert_eq!(info.size_bytes, 5);
    let seen = play.server.seen();
    assert_eq!(seen[1].line, "GET /photos/a%20b/c HTTP/1.1");
    assert_eq!(seen[1].header("range"), Some("bytes=0-0"));
    assert_eq!(seen[2].header("x-amz-security-token"), Some("token-1"));

    let play = self::play([Act::Answer(forbidden), refusal("403 Forbidden", "AccessDenied")]).await;
    let error = play.store.head(&bucket(), &key(), &Head::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (&ErrorKind::PermissionDenied, Some("AccessDenied")));
}

#[tokio::test]
async fn a_clock_that_is_off_is_mended_by_the_services_for_its_store_alone() {
    let date = "date: Mon, 23 Nov 2026 12:20:00 GMT";
    let play = play([refusal_with("403 Forbidden", "RequestTimeTooSkewed", &[date], ""), ok()]).await;
    put(&play, Payload::from_bytes("x")).await.unwrap();
    assert_eq!(play.server.seen()[1].header("x-amz-date"), Some("20261123T122000Z"));
    // What judges sign-ins is not moved by what a store says.
    assert_eq!(play.clock.correction(), SignedDuration::ZERO);

    // An answer out of a cache tells the time of long ago.
    let aged = answer("200 OK", &["etag: \"tag\"", date, "age: 600"], "");
    let play = self::play([aged, ok()]).await;
    put(&play, Payload::from_bytes("x")).await.unwrap();
    put(&play, Payload::from_bytes("x")).await.unwrap();
    assert_eq!(play.server.seen()[1].header("x-amz-date"), Some("20261123T120000Z"));
}

#[tokio::test]
async fn a_bucket_elsewhere_is_found_once_and_remembered() {
    let moved = || refusal_with("301 Moved", "PermanentRedirect", &["x-amz-bucket-region: eu-west-1"], "");
    let malformed =
        refusal_with("400 Bad Request", "AuthorizationHeaderMalformed", &[], "<Region>eu-west-3</Region>");
    let play = play([moved(), ok(), ok(), malformed, ok()]).await;
    for _ in 0..3 {
        put(&play, Payload::from_bytes("x")).await.unwrap();
    }
    let regions: Vec<_> = play
        .server
        .seen()
        .iter()
        .map(|seen| seen.header("authorization").unwrap().split('/').nth(2).unwrap().to_owned())
        .collect();
    assert_eq!(regions, ["us-east-1", "eu-west-1", "eu-west-1", "eu-west-1", "eu-west-3"]);

    // A HEAD has only the header to tell.
    let head = Act::Answer(text("301 Moved", &["x-amz-bucket-region: eu-west-1"], ""));
    let play = self::play([head, ok()]).await;
    let info = play.store.head_bucket(&bucket()).await.unwrap();
    assert_eq!(info.region.unwrap().as_str(), "eu-west-1");

    // Where following leads nowhere, it ends.
    let play = self::play([moved(), moved()]).await;
    let error = put(&play, Payload::from_bytes("x")).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::WrongRegion { region: Some("eu-west-1".parse().unwrap()) });
}

#[tokio::test]
async fn checksums_step_down_to_what_the_service_takes_and_stay_there() {
    let no = || refusal("501 Not Implemented", "NotImplemented");
    let play = play([no(), no(), ok(), ok()]).await;
    put(&play, streamed(b"0123456789")).await.unwrap();
    put(&play, streamed(b"0123456789")).await.unwrap();
    let seen = play.server.seen();
    assert!(seen[0].header("x-amz-trailer").is_some());
    assert!(seen[1].header("x-amz-checksum-crc64nvme").is_some());
    for later in &seen[2..] {
        let sum = Checksum::of(Algorithm::Crc32c, b"0123456789").to_string();
        assert_eq!(later.header("x-amz-checksum-crc32c"), Some(sum.as_str()));
        assert_eq!(later.body, b"0123456789");
    }
}

#[tokio::test]
async fn a_service_that_stores_the_frames_is_found_out() {
    let silent = || answer("200 OK", &["etag: \"tag\""], "");
    let head =
        |length: usize| Act::AnswerThenClose(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"));
    let play = play([silent(), head(85), silent(), silent()]).await;
    put(&play, streamed(b"0123456789")).await.unwrap();
    put(&play, streamed(b"0123456789")).await.unwrap();
    let seen = play.server.seen();
    assert!(seen[1].line.starts_with("HEAD "));
    assert_eq!(seen[2].body, b"0123456789");
    assert_eq!(seen[3].body, b"0123456789");

    let play = self::play([silent(), head(10), silent()]).await;
    put(&play, streamed(b"0123456789")).await.unwrap();
    put(&play, streamed(b"0123456789")).await.unwrap();
    assert!(play.server.seen()[2].header("x-amz-trailer").is_some());
}

#[tokio::test]
async fn wrong_bytes_are_never_right() {
    let sum = Checksum::of(Algorithm::Crc32, b"right").to_string();
    let header = format!("x-amz-checksum-crc32: {sum}");
    let play = play([
        answer("200 OK", &[&header], "right"),
        answer("200 OK", &[&header], "wrong"),
        answer("206 Partial Content", &[&header, "content-range: bytes 1-2/5"], "ig"),
        answer("200 OK", &[&header, "x-amz-checksum-type: COMPOSITE"], "any"),
    ])
    .await;
    assert_eq!(read(&play, &Get::default()).await.unwrap(), "right");
    assert_eq!(*read(&play, &Get::default()).await.unwrap_err().kind(), ErrorKind::ChecksumMismatch);
    let slice = pintail_store::object_store::ByteRange::Slice { offset: 1, length_bytes: 2 };
    assert_eq!(read(&play, &Get { range: Some(slice), ..Get::default() }).await.unwrap(), "ig");
    assert_eq!(read(&play, &Get::default()).await.unwrap(), "any");
    assert_eq!(play.server.seen()[0].header("x-amz-checksum-mode"), Some("ENABLED"));
}

#[tokio::test]
async fn a_body_that_is_cut_is_told() {
    let cut = Act::AnswerThenClose("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this".into());
    let other = answer("206 Partial Content", &["content-range: bytes 5-6/100"], "xx");
    let play = play([cut, other]).await;
    let error = read(&play, &Get::default()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Transport(HttpErrorKind::Interrupted));
    // Another part than the one asked for is no answer.
    let range = Some(pintail_store::object_store::ByteRange::Last(2));
    let error = read(&play, &Get { range, ..Get::default() }).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::BadAnswer);
}

#[tokio::test(start_paused = true)]
async fn silence_ends() {
    let head = Act::Answer("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this".into());
    let play = play([Act::Silence, Act::Silence, Act::Silence, Act::Silence, head]).await;
    let error = put(&play, Payload::from_bytes("x")).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Transport(HttpErrorKind::Timeout));
    let error = read(&play, &Get::default()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Transport(HttpErrorKind::Timeout));
}

#[tokio::test]
async fn an_error_may_hide_in_a_success() {
    let source = pintail_store::object_store::CopySource::new(bucket(), key());
    let late = |code: &str| {
        answer("200 OK", &[], &format!("  <?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>"))
    };
    let good = answer("200 OK", &[], "<CopyObjectResult><ETag>\"e\"</ETag></CopyObjectResult>");
    let play = play([late("InternalError"), late("SlowDown"), good, late("AccessDenied")]).await;
    let options = pintail_store::object_store::Copy::default();
    let copied = play.store.copy(&source, &bucket(), &key(), &options).await.unwrap();
    assert_eq!(copied.etag.unwrap().as_str(), "e");
    let error = play.store.copy(&source, &bucket(), &key(), &options).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(play.server.seen()[0].header("x-amz-copy-source"), Some("photos/a%20b/c"));
}

fn parts() -> (Upload, PartList) {
    let upload =
        Upload { bucket: bucket(), key: key(), id: "u/1".into(), checksum: Some(Algorithm::Crc64Nvme) };
    let part = PartInfo {
        number: PartNumber::new(1).unwrap(),
        etag: pintail_store::object_store::ETag::new("p1"),
        size_bytes: Some(5),
        checksum: Some(Checksum::of(Algorithm::Crc64Nvme, b"right")),
        last_modified: None,
    };
    (upload, PartList::new(vec![part]).unwrap())
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_recognised() {
    let sum = format!("x-amz-checksum-crc64nvme: {}", Checksum::of(Algorithm::Crc64Nvme, b"right"));
    let other = format!("x-amz-checksum-crc64nvme: {}", Checksum::of(Algorithm::Crc64Nvme, b"other"));
    let head = |sum: &str| {
        Act::AnswerThenClose(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\netag: \"w-1\"\r\n{sum}\r\n\r\n"
        ))
    };
    let (upload, parts) = parts();
    let gone = || refusal("404 Not Found", "NoSuchUpload");
    let ours = play([Act::Close, gone(), head(&sum)]).await;
    let stored = ours.store.complete_upload(&upload, &parts, &CompleteUpload::default()).await.unwrap();
    assert_eq!(stored.etag.unwrap().as_str(), "w-1");
    let seen = &ours.server.seen()[0];
    assert_eq!(seen.line, "POST /photos/a%20b/c?uploadId=u%2F1 HTTP/1.1");
    assert_eq!(seen.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
    assert_eq!(seen.header("x-amz-mp-object-size"), Some("5"));

    let theirs = play([Act::Close, gone(), head(&other)]).await;
    let error = theirs.store.complete_upload(&upload, &parts, &CompleteUpload::default()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::NotFound(Missing::Upload));

    // Without a lost answer there is nothing to recognise.
    let plain = play([gone()]).await;
    let error = plain.store.complete_upload(&upload, &parts, &CompleteUpload::default()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::NotFound(Missing::Upload));
}

#[tokio::test]
async fn a_conditional_write_knows_its_own_hand() {
    let sum = |text: &str| {
        format!("x-amz-checksum-crc64nvme: {}", Checksum::of(Algorithm::Crc64Nvme, text.as_bytes()))
    };
    let head = |sum: String| {
        Act::AnswerThenClose(format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\netag: \"e\"\r\n{sum}\r\n\r\n"))
    };
    let options = Put { condition: WriteCondition::IfAbsent, ..Put::default() };
    let there = || refusal("412 Precondition Failed", "PreconditionFailed");
    for (content, ours) in [("right", true), ("other", false)] {
        let play = play([Act::Close, there(), head(sum(content))]).await;
        let outcome = play.store.put(&bucket(), &key(), Payload::from_bytes("right"), &options).await;
        assert_eq!(outcome.is_ok(), ours, "{outcome:?}");
        assert_eq!(play.server.seen()[0].header("if-none-match"), Some("*"));
    }
}

#[tokio::test]
async fn deletions_report_each_object() {
    let body = "<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error>\
        <Deleted><Key>a</Key></Deleted></DeleteResult>";
    let play = play([answer("200 OK", &[], body)]).await;
    let items: Vec<DeleteItem> = ["a", "b", "c"].map(|key| key.parse::<ObjectKey>().unwrap().into()).into();
    let outcomes = play.store.delete_many(&bucket(), &items).await.unwrap();
    assert!(outcomes[0].is_ok());
    assert_eq!(*outcomes[1].as_ref().unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(*outcomes[2].as_ref().unwrap_err().kind(), ErrorKind::BadAnswer);
    let seen = &play.server.seen()[0];
    assert_eq!(seen.line, "POST /photos?delete= HTTP/1.1");
    assert!(seen.header("x-amz-checksum-crc32").is_some());
}

#[tokio::test]
async fn listings_ask_for_encoded_keys() {
    let play = play([
        answer("200 OK", &[], "<ListBucketResult/>"),
        answer("200 OK", &[], "<ListAllMyBucketsResult/>"),
    ])
    .await;
    let options = List { prefix: "a b".parse().unwrap(), delimiter: Some("/".into()), ..List::default() };
    play.store.list(&bucket(), &options).await.unwrap();
    play.store.list_buckets(&ListBuckets::default()).await.unwrap();
    let seen = play.server.seen();
    assert_eq!(seen[0].line, "GET /photos?delimiter=%2F&encoding-type=url&list-type=2&prefix=a%20b HTTP/1.1");
    assert_eq!(seen[1].line, "GET / HTTP/1.1");
}

#[tokio::test]
async fn an_address_lives_no_longer_than_its_credential() {
    let play = play([ok()]).await;
    let store = &play.store;
    let sign = async |life: u64| {
        let options = Presign { response_content_type: Some("text/plain".into()), ..Presign::default() };
        store
            .presign(PresignedMethod::Get, &bucket(), &key(), Duration::from_secs(life), &options)
            .await
            .unwrap()
    };
    let end = |text: &str| text.parse::<Timestamp>().unwrap();
    let short = sign(600).await;
    assert_eq!(short.expires_at, end("2026-11-23T12:10:00Z"));
    assert!(short.expose().contains("X-Amz-Expires=600"));
    assert!(short.expose().contains("response-content-type=text%2Fplain"));
    let long = sign(86_400).await;
    assert_eq!(long.expires_at, end("2026-11-23T12:30:00Z"));
    assert!(long.expose().contains("X-Amz-Expires=1800"));
    assert!(!format!("{long:?}").contains("X-Amz"));
    assert_eq!(play.server.seen().len(), 1);
}

#[tokio::test]
async fn buckets_stand_in_the_host_where_asked() {
    let server = play([ok()]).await;
    let url = format!("http://localhost:{}", server.server.port);
    let endpoint =
        Endpoint::at(&url.parse().unwrap(), None).unwrap().with_style(AddressingStyle::VirtualHost);
    let store = S3Store::new(
        S3Context {
            transport: server.transport.clone(),
            endpoint,
            credentials: Arc::new(pintail_core::credential::StaticCredential::anonymous()),
            clock: Arc::clone(&server.clock) as Arc<dyn Clock>,
            random: Arc::new(SeededRandom::new(1)),
        },
        S3Options::default(),
    );
    store.put(&bucket(), &key(), Payload::from_bytes("x"), &Put::default()).await.unwrap();
    let seen = &server.server.seen()[0];
    assert_eq!(seen.header("host").unwrap(), format!("photos.localhost:{}", server.server.port));
    assert_eq!(seen.line, "PUT /a%20b/c HTTP/1.1");
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn plain_requests_go_through_a_forwarding_proxy_in_absolute_form() {
    let server = Scripted::start([answer("200 OK", &[], "hello")]).await;
    let proxy = format!("http://user:pass@127.0.0.1:{}", server.port);
    let options = TransportOptions {
        proxy: ProxyConfig::parse(Some(&proxy), Some(&proxy), None).unwrap(),
        ..TransportOptions::default()
    };
    let transport = Transport::new(options).unwrap();
    let request = HttpRequest::get("http://issuer.example/keys?x=y".parse().unwrap());
    let response = HttpClient::send(&transport, request).await.unwrap();
    assert_eq!(response.body, "hello");
    let seen = &server.seen()[0];
    assert_eq!(seen.line, "GET http://issuer.example/keys?x=y HTTP/1.1");
    assert_eq!(seen.header("host"), Some("issuer.example"));
    assert_eq!(seen.header("proxy-authorization"), Some("Basic dXNlcjpwYXNz"));
}

#[tokio::test]
async fn a_tunnel_that_is_refused_is_the_proxys_fault_and_one_that_is_not_there_may_come_back() {
    for (act, kind) in [
        (answer("407 Proxy Authentication Required", &[], ""), HttpErrorKind::Proxy),
        (answer("403 Forbidden", &[], ""), HttpErrorKind::Proxy),
        (answer("502 Bad Gateway", &[], ""), HttpErrorKind::Connect),
        (answer("503 Service Unavailable", &[], ""), HttpErrorKind::Connect),
        (answer("504 Gateway Timeout", &[], ""), HttpErrorKind::Connect),
        (Act::Close, HttpErrorKind::Connect),
    ] {
        let server = Scripted::start([act]).await;
        let error = through_tunnel(server.port).await;
        assert_eq!(error.kind, kind, "{error:?}");
        assert_eq!(server.seen()[0].line, "CONNECT issuer.example:443 HTTP/1.1");
    }
    let closed = Scripted::start([]).await.port;
    let error = through_tunnel(closed).await;
    assert_eq!(error.kind, HttpErrorKind::Connect);
    assert_eq!(error.source.unwrap().to_string(), format!("the proxy 127.0.0.1:{closed} was not reached"));
}

async fn through_tunnel(port: u16) -> HttpError {
    let options = TransportOptions {
        proxy: ProxyConfig::parse(None, Some(&format!("127.0.0.1:{port}")), None).unwrap(),
        ..TransportOptions::default()
    };
    let transport = Transport::new(options).unwrap();
    let request = HttpRequest::get("https://issuer.example/keys".parse().unwrap());
    HttpClient::send(&transport, request).await.unwrap_err()
}

#[tokio::test]
async fn the_seam_keeps_its_limits_and_repeats_no_code() {
    let last = Act::AnswerThenClose(text("200 OK", &[], "first"));
    let server = Scripted::start([
        last,
        answer("302 Found", &["location: /x"], ""),
        answer("200 OK", &[], "12345"),
        Act::Close,
    ])
    .await;
    let transport = Transport::new(TransportOptions::default()).unwrap();
    let url: url::Url = format!("http://127.0.0.1:{}/token", server.port).parse().unwrap();
    let send = |request: HttpRequest| HttpClient::send(&transport, request);
    assert_eq!(send(HttpRequest::get(url.clone())).await.unwrap().body, "first");
    // Redirects are answers.
    assert_eq!(send(HttpRequest::get(url.clone())).await.unwrap().status, 302);
    let mut limited = HttpRequest::get(url.clone());
    limited.response_limit_bytes = 4;
    assert_eq!(send(limited).await.unwrap_err().kind, HttpErrorKind::BadResponse);
    // A code works once: a form that broke is not sent again.
    let form = HttpRequest::post_form(url, [("code", "once")]);
    assert_eq!(send(form).await.unwrap_err().kind, HttpErrorKind::Interrupted);
    assert_eq!(server.seen().len(), 4);
}

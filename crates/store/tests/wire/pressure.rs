//! What a store tells of its wire, and how many connections it takes.

use pintail_store::Operation;
use pintail_store::wrap::Trace;
use tokio::sync::Barrier;

use super::*;

#[tokio::test]
async fn what_the_store_hides_is_heard_of() {
    let slow = refusal("503 Slow Down", "SlowDown");
    let down = refusal("503 Service Unavailable", "ServiceUnavailable");
    let play = play([Act::Close, slow, down, ok()]).await;
    let pressure = play.store.pressure();
    assert_eq!((pressure.counts().requests, pressure.first_byte()), (0, None));
    put(&play, Payload::from_bytes("bytes")).await.unwrap();
    let counts = pressure.counts();
    assert_eq!((counts.requests, counts.retries), (4, 3));
    assert_eq!((counts.throttled, counts.failures), (2, 1));
    // The attempt whose answer never came is not known to have been sent.
    assert_eq!(counts.sent_bytes, 15);
    assert!(counts.read_bytes > 0);
    assert!(pressure.first_byte().is_some());
    assert_eq!(pressure.requests_of(Operation::Put), 4);
    assert_eq!(pressure.requests_of(Operation::Get), 0);
    // The same for the store on another runtime.
    assert_eq!(play.store.on(play.transport.sibling()).pressure().counts(), counts);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_no_failure() {
    let play = play([Act::AnswerThenClose(text("200 OK", &["etag: \"tag\""], "")), ok()]).await;
    put(&play, Payload::from_bytes("one")).await.unwrap();
    put(&play, Payload::from_bytes("two")).await.unwrap();
    let counts = play.store.pressure().counts();
    assert_eq!((counts.throttled, counts.failures), (0, 0));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_failure() {
    let cut = Act::AnswerThenClose("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this".into());
    let play = play([cut]).await;
    read(&play, &Get::default()).await.unwrap_err();
    let counts = play.store.pressure().counts();
    assert_eq!((counts.requests, counts.failures, counts.read_bytes), (1, 1, 9));
}

#[tokio::test]
async fn a_trace_over_a_wire_tells_of_requests_too() {
    let play = play([refusal("503 Slow Down", "SlowDown"), ok(), ok()]).await;
    let trace = Trace::over(Arc::new(play.store.clone()), play.store.pressure());
    for _ in 0..2 {
        trace.put(&bucket(), &key(), Payload::from_bytes("x"), &Put::default()).await.unwrap();
    }
    let counts = trace.counts();
    assert_eq!((counts.calls, counts.requests, counts.retries, counts.throttled), (2, 3, 1, 1));
    assert_eq!(trace.counts_of(Operation::Put).requests, 3);
    assert_eq!(trace.counts_of(Operation::Get), pintail_store::wrap::Counts::default());
}

#[tokio::test]
async fn all_pages_of_a_listing_travel_on_one_connection() {
    let page = |next: &str| {
        let keys: String =
            (0..500).map(|number| format!("<Contents><Key>{number}</Key></Contents>")).collect();
        let next = match next {
            "" => "<IsTruncated>false</IsTruncated>".to_owned(),
            next => format!(
                "<IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>"
            ),
        };
        answer("200 OK", &[], &format!("<ListBucketResult>{next}{keys}</ListBucketResult>"))
    };
    let play = play([page("a"), page("b"), page("")]).await;
    let mut options = List::default();
    for _ in 0..3 {
        let listed = play.store.list(&bucket(), &options).await.unwrap();
        assert_eq!(listed.objects.len(), 500);
        options.continuation = listed.next;
    }
    assert_eq!(options.continuation, None);
    assert_eq!(play.transport.connections_opened(), 1);
}

/// As many as the file descriptors of a small machine allow for both ends.
const MANY: usize = 200;

#[tokio::test]
async fn connections_of_a_burst_are_kept_for_the_next() {
    let bursts = [Arc::new(Barrier::new(MANY)), Arc::new(Barrier::new(MANY))];
    let acts = bursts.iter().flat_map(|all| {
        (0..MANY).map(|_| Act::AnswerTogether(Arc::clone(all), text("200 OK", &["etag: \"tag\""], "")))
    });
    let play = play(acts).await;
    for _ in 0..2 {
        let puts = (0..MANY).map(|_| put(&play, Payload::from_bytes("x")));
        assert!(futures_util::future::join_all(puts).await.iter().all(Result::is_ok));
        assert_eq!(play.transport.connections_opened(), MANY as u64);
    }
}

//! Moments: the n-th request, before it is performed, in the middle of a body, performed and not answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::bench::Bench;
use super::wire::Wire;
use crate::{Moment, Phase, World};

const PATH: &str = "/pintail-demo/moment";
const MIDDLE: Phase = Phase::InBody { per_mille: 500 };

fn set(bench: &Bench, request: u64, phase: Phase) -> Arc<AtomicUsize> {
    let times = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&times);
    bench.sandbox.moments().at(Moment { request, phase }, move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    times
}

fn is_there(world: &World) -> bool {
    world.object("pintail-demo", "moment").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_struck_before_within_and_after() {
    let bench = Bench::start().await;
    let (world, moments) = (bench.sandbox.world(), bench.sandbox.moments());
    let key = bench.session("alice", &[]).await;
    let body = vec![b'z'; 1000];
    for (phase, arrived, kept) in
        [(Phase::Begun, None, false), (MIDDLE, Some(500), false), (Phase::Performed, Some(1000), true)]
    {
        world.clear_receipts();
        let times = set(&bench, 1, phase);
        let mut wire = Wire::open(&bench, &key, "PUT", PATH, &[], &body).await;
        // What is needed for the moment, and no byte more: it does not wait for the rest.
        wire.send(&body[..arrived.unwrap_or_default()]).await;
        assert_eq!(wire.head().await, None, "{phase:?}: nobody is answered");
        assert_eq!((times.load(Ordering::SeqCst), moments.is_reached()), (1, true), "{phase:?}");
        drop(wire);
        assert!(moments.wait_until_unconnected(Duration::from_secs(30)), "{phase:?}");
        assert_eq!(is_there(&world), kept, "{phase:?}");
        let receipts: Vec<(u64, bool)> = world.receipts().iter().map(|r| (r.bytes, r.is_kept)).collect();
        let expected: Vec<(u64, bool)> = arrived.map(|arrived| (arrived as u64, kept)).into_iter().collect();
        assert_eq!(receipts, expected, "{phase:?}");
        // Once only.
        assert_eq!(bench.s3(&key, "PUT", PATH, &[], &body).await.status, 200);
        assert_eq!(times.load(Ordering::SeqCst), 1);
        assert_eq!(bench.s3(&key, "DELETE", PATH, &[], b"").await.status, 204);
    }
}

#[tokio::test]
async fn a_download_is_struck_in_the_middle_of_its_answer() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    bench.sandbox.world().put_many("pintail-demo", [("moment".to_owned(), 1 << 20)]);
    let times = set(&bench, 2, MIDDLE);
    let get = async || {
        let mut wire = Wire::send_all(&bench, &key, "GET", PATH, b"").await;
        assert_eq!(wire.head().await, Some((200, 1 << 20)));
        wire
    };
    assert_eq!(get().await.take(1 << 20).await, World::pattern("moment", 1 << 20));
    assert_eq!(times.load(Ordering::SeqCst), 0);
    assert_eq!(get().await.rest().await.len(), 1 << 19);
    assert_eq!(times.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_request_without_bodies_is_performed_first() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    bench.s3(&key, "PUT", PATH, &[], b"x").await;
    let times = set(&bench, 1, MIDDLE);
    let mut wire = Wire::send_all(&bench, &key, "DELETE", PATH, b"").await;
    assert_eq!(wire.head().await, None);
    assert_eq!(times.load(Ordering::SeqCst), 1);
    assert!(!is_there(&bench.sandbox.world()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_refused_or_given_up_has_its_moment_as_well() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let times = set(&bench, 1, Phase::Performed);
    let mut wire = Wire::send_all(&bench, &key, "GET", "/pintail-demo/missing", b"").await;
    assert_eq!(wire.head().await, None);
    assert_eq!(times.load(Ordering::SeqCst), 1);
    let times = set(&bench, 1, MIDDLE);
    let mut wire = Wire::open(&bench, &key, "PUT", PATH, &[], &[b'x'; 1000]).await;
    wire.send(b"some").await;
    while bench.sandbox.moments().begun() == 0 {
        tokio::task::yield_now().await;
    }
    drop(wire);
    assert!(bench.sandbox.moments().wait_until_unconnected(Duration::from_secs(30)));
    assert_eq!(times.load(Ordering::SeqCst), 1);
    let receipts = bench.sandbox.world().receipts();
    assert_eq!(receipts.last().map(|receipt| (receipt.bytes, receipt.is_kept)), Some((4, false)));
}

#[tokio::test]
async fn a_moment_that_never_comes_strikes_nobody() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let times = set(&bench, 9, Phase::Begun);
    for _ in 0..3 {
        assert_eq!(bench.s3(&key, "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 200);
    }
    let moments = bench.sandbox.moments();
    assert_eq!((moments.begun(), moments.is_reached()), (3, false));
    moments.clear();
    for _ in 0..9 {
        assert_eq!(bench.s3(&key, "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 200);
    }
    assert_eq!((times.load(Ordering::SeqCst), moments.begun()), (0, 9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_once_are_counted_and_the_record_tells_what_part_was_asked_for() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let moments = bench.sandbox.moments();
    moments.clear();
    for _ in 0..3 {
        let asked = [("range", "bytes=1-3")];
        assert_eq!(bench.s3(&key, "GET", "/pintail-demo/readme.txt", &asked, b"").await.status, 206);
    }
    assert_eq!(moments.most_at_once(), 1);
    let calls = bench.sandbox.recorder().calls();
    assert_eq!(calls.last().and_then(|call| call.range.as_deref()), Some("bytes=1-3"));
    // Two that have not sent their bodies yet, and one more.
    let mut open = Vec::new();
    for begun in 4..=5 {
        open.push(Wire::open(&bench, &key, "PUT", PATH, &[], &[b'x'; 1000]).await);
        while moments.begun() < begun {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(bench.s3(&key, "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 200);
    assert_eq!(moments.most_at_once(), 3);
    drop(open);
    assert!(moments.wait_until_unconnected(Duration::from_secs(30)));
    moments.clear();
    assert_eq!(moments.most_at_once(), 0, "nothing of before is under way");
}

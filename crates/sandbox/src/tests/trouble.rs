//! A share of all requests that fails, each effect as a client meets it on the wire, and sessions that end early.

use std::collections::BTreeMap;

use super::bench::Bench;
use super::wire::Wire;
use crate::{Effect, Fault, FaultRate, Service};

const PATH: &str = "/pintail-demo/trouble";

fn fault(operation: &str, effect: Effect) -> Fault {
    Fault::new(Service::S3, operation, effect)
}

#[tokio::test]
async fn answers_stall_and_break_off_in_their_middle() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    bench.sandbox.world().put_object("pintail-demo", "trouble", vec![b'x'; 1000]);
    for (effect, came, ends) in [
        (Effect::CutBodyMidway, 500, true),
        (Effect::CutBody(7), 7, true),
        (Effect::StallBodyMidway, 500, false),
        (Effect::StallBody(7), 7, false),
        (Effect::StallBody(0), 0, false),
    ] {
        bench.sandbox.faults().add(fault("GetObject", effect.clone()));
        let mut wire = Wire::send_all(&bench, &key, "GET", PATH, b"").await;
        assert_eq!(wire.head().await, Some((200, 1000)), "{effect:?}: the promise stays");
        assert_eq!(wire.take(came).await.len(), came, "{effect:?}");
        if ends {
            assert_eq!(wire.rest().await.len(), 0, "{effect:?}");
        } else {
            // It still stalls when the sandbox does another's work; and hanging up is all that ends it.
            assert_eq!(bench.s3(&key, "GET", PATH, &[], b"").await.text.len(), 1000);
            drop(wire);
        }
    }
    // Where there is no body, there is no answer.
    bench.sandbox.faults().add(fault("HeadObject", Effect::CutBodyMidway));
    let mut wire = Wire::send_all(&bench, &key, "HEAD", PATH, b"").await;
    assert_eq!(wire.head().await, None);
    bench.sandbox.faults().add(fault("DeleteObject", Effect::StallBodyMidway));
    let stalled = Wire::send_all(&bench, &key, "DELETE", PATH, b"").await;
    while bench.sandbox.world().object("pintail-demo", "trouble").is_some() {
        tokio::task::yield_now().await;
    }
    drop(stalled);
    assert_eq!(
        bench.sandbox.faults().struck(),
        BTreeMap::from([("CutBody".into(), 3), ("StallBody".into(), 4)])
    );
}

#[tokio::test]
async fn a_stalled_answer_ends_with_the_sandbox() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    bench.sandbox.faults().add(fault("GetObject", Effect::StallBody(3)));
    let mut wire = Wire::send_all(&bench, &key, "GET", "/pintail-demo/readme.txt", b"").await;
    wire.head().await.unwrap();
    assert_eq!(wire.take(3).await, b"Wel");
    bench.sandbox.stop().await;
    assert_eq!(wire.rest().await, b"");
}

#[tokio::test]
async fn a_request_that_is_cut_is_not_performed() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let body = vec![b'y'; 1000];
    for effect in [Effect::CutRequestMidway, Effect::CutRequest(10), Effect::CutRequest(5000)] {
        bench.sandbox.faults().add(fault("PutObject", effect.clone()));
        let mut wire = Wire::send_all(&bench, &key, "PUT", PATH, &body).await;
        assert_eq!(wire.head().await, None, "{effect:?}");
        assert!(bench.sandbox.world().object("pintail-demo", "trouble").is_none(), "{effect:?}");
    }
    bench.sandbox.faults().add(fault("GetObject", Effect::CutRequestMidway));
    let mut wire = Wire::send_all(&bench, &key, "GET", PATH, b"").await;
    assert_eq!(wire.head().await, None);
    let receipts = bench.sandbox.world().receipts();
    assert!(receipts.iter().all(|receipt| !receipt.is_kept && receipt.bytes <= 1000), "{receipts:?}");
    assert_eq!(bench.s3(&key, "PUT", PATH, &[], &body).await.status, 200);
}

#[tokio::test]
async fn connections_are_reset_before_and_after() {
    let bench = Bench::start().await;
    let (key, world) = (bench.session("alice", &[]).await, bench.sandbox.world());
    for (effect, is_reset, is_there) in [
        (Effect::DropRequest, false, true),
        (Effect::ResetRequest, true, true),
        (Effect::DropAnswer, false, false),
        (Effect::ResetAnswer, true, false),
    ] {
        world.put_object("pintail-demo", "trouble", "x");
        bench.sandbox.faults().add(fault("DeleteObject", effect.clone()));
        let mut wire = Wire::send_all(&bench, &key, "DELETE", PATH, b"").await;
        assert_eq!(wire.is_reset().await, is_reset, "{effect:?}");
        assert_eq!(world.object("pintail-demo", "trouble").is_some(), is_there, "{effect:?}");
    }
}

#[tokio::test]
async fn an_error_is_heard_by_whoever_is_still_sending() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    bench.sandbox.faults().add(fault("PutObject", Effect::internal_error()));
    let answer = bench.s3(&key, "PUT", PATH, &[], &vec![0; 8 << 20]).await;
    assert_eq!(answer.refusal(), (500, "InternalError".into()));
    assert!(bench.sandbox.world().object("pintail-demo", "trouble").is_none());
}

#[tokio::test]
async fn one_request_in_ten_fails_in_one_way_after_the_other() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    bench.sandbox.world().put_object("pintail-demo", "trouble", vec![b'x'; 1000]);
    bench.sandbox.faults().add_rate(FaultRate::new(Service::S3, 100, 7).of(&["GetObject"]));
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..140 {
        let struck = bench.sandbox.faults().struck();
        let mut wire = Wire::send_all(&bench, &key, "GET", PATH, b"").await;
        let head = wire.head().await;
        let stalls = bench.sandbox.faults().struck().get("StallBody") != struck.get("StallBody");
        let outcome = match head {
            None => "no answer".to_owned(),
            Some((200, 1000)) if stalls => format!("{} and no more", wire.take(500).await.len()),
            Some((200, 1000)) => {
                // Whole answers leave the connection open.
                let first = wire.take(500).await.len();
                let cut = bench.sandbox.faults().struck().get("CutBody") != struck.get("CutBody");
                let rest = if cut { wire.rest().await } else { wire.take(500).await };
                (first + rest.len()).to_string()
            }
            Some((status, _)) => format!("status {status}"),
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    let expected = [
        ("1000", 126),
        ("500", 2),
        ("500 and no more", 2),
        ("no answer", 6),
        ("status 500", 2),
        ("status 503", 2),
    ];
    assert_eq!(outcomes, expected.map(|(outcome, count)| (outcome.to_owned(), count)).into());
    bench.sandbox.faults().clear();
    assert_eq!(bench.sandbox.faults().fired(), 14);
}

#[tokio::test]
async fn a_session_ends_after_so_many_calls() {
    let bench = Bench::start().await;
    let key = bench.session("alice", &[]).await;
    let get = async |key| bench.s3(key, "GET", "/pintail-demo/readme.txt", &[], b"").await;
    assert_eq!(get(&key).await.status, 200);
    bench.sandbox.world().limit_session_calls(Some(3));
    for _ in 0..3 {
        assert_eq!(get(&key).await.status, 200);
    }
    assert_eq!(get(&key).await.refusal(), (400, "ExpiredToken".into()));
    assert_eq!(get(&key).await.refusal(), (400, "ExpiredToken".into()));
    let renewed = bench.session("alice", &[]).await;
    assert_eq!(get(&renewed).await.status, 200);
    // Long-term keys have no end.
    let long_term = bench.user_key();
    for _ in 0..5 {
        assert_eq!(get(&long_term).await.status, 200);
    }
    bench.sandbox.world().limit_session_calls(None);
    assert_eq!(get(&key).await.status, 200);
}

#[tokio::test]
async fn a_session_lives_no_longer_than_the_sandbox_lets_it() {
    let mut options = crate::Options::default();
    options.lifetimes.role_session_max_s = 10;
    let bench = Bench::with(options).await;
    let answer = bench.exchange(&bench.id_token("alice").await, &[("DurationSeconds", "3600")]).await;
    assert_eq!(answer.element("Expiration"), "2026-09-01T12:00:10Z");
    let key = answer.key();
    bench.advance(9);
    assert_eq!(bench.s3(&key, "GET", "/pintail-demo/readme.txt", &[], b"").await.status, 200);
    bench.advance(1);
    let late = bench.s3(&key, "GET", "/pintail-demo/readme.txt", &[], b"").await;
    assert_eq!(late.refusal(), (400, "ExpiredToken".into()));
}

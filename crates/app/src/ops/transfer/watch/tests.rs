//! When the rounds of a watch come. Time is the tests' own.

use super::super::options::Options;
use super::super::request::Verb;
use super::*;

fn watching() -> Watching {
    let request = Request {
        verb: Verb::Sync,
        sources: vec!["tree".parse().unwrap()],
        target: Some("lab:bucket/".parse().unwrap()),
        recursive: true,
        options: Options::default(),
    };
    let labels = Labels { from: "tree/".into(), to: "lab:bucket/".into() };
    Watching::of(request, Vec::new(), labels, None)
}

fn names(names: &[&str]) -> Changes {
    Changes::Names(names.iter().map(|name| (*name).to_owned()).collect())
}

/// What the next round is about, and how long it took to come.
async fn round(watching: &mut Watching) -> (Changes, Duration) {
    let began = Instant::now();
    match watching.next().await.unwrap() {
        Turn::Round(changes) => (changes, began.elapsed()),
        Turn::Says(notice) => panic!("{notice:?}"),
    }
}

/// As near as a timer of milliseconds can come.
#[track_caller]
fn took(waited: Duration, seconds: u64) {
    let late = waited.checked_sub(Duration::from_secs(seconds)).expect("not before");
    assert!(late < Duration::from_millis(10), "{waited:?}");
}

const EVERYTHING: Changes = Changes::Everything(Why::Gap);

/// behaviour: watch
#[tokio::test(start_paused = true)]
async fn everything_is_compared_at_the_beginning_and_once_an_hour() {
    let mut watching = watching();
    let (first, waited) = round(&mut watching).await;
    assert_eq!(first, EVERYTHING);
    took(waited, 0);
    watching.saw(&first, Seen::default());
    for _ in 0..3 {
        let (again, waited) = round(&mut watching).await;
        assert_eq!(again, EVERYTHING);
        took(waited, 3600);
        watching.saw(&again, Seen::default());
    }
    // Names that change in between come at once, and put nothing off.
    tokio::time::advance(Duration::from_secs(1800)).await;
    watching.add(names(&["a"]));
    let (between, waited) = round(&mut watching).await;
    assert_eq!(between, names(&["a"]));
    took(waited, 0);
    watching.saw(&between, Seen::default());
    let (again, waited) = round(&mut watching).await;
    assert_eq!(again, EVERYTHING);
    took(waited, 1800);
    // A comparison for another reason does: the hour begins with it.
    tokio::time::advance(Duration::from_secs(1800)).await;
    watching.add(Changes::Everything(Why::Missed));
    let (missed, _) = round(&mut watching).await;
    assert_eq!(missed, Changes::Everything(Why::Missed));
    watching.saw(&missed, Seen::default());
    took(round(&mut watching).await.1, 3600);
}

/// behaviour: watch
#[tokio::test(start_paused = true)]
async fn what_failed_is_tried_again_ever_later_and_takes_the_hour_along() {
    let mut watching = watching();
    let (mut changes, _) = round(&mut watching).await;
    let mut all = Duration::ZERO;
    for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
        assert_eq!(watching.failed(changes), Duration::from_secs(seconds));
        let waited;
        (changes, waited) = round(&mut watching).await;
        assert_eq!(changes, EVERYTHING, "nothing of it is forgotten");
        took(waited, seconds);
        all += waited;
    }
    // When the hour comes while something waits to be tried again, it waits with it and wakes nobody before.
    let to_the_hour = Duration::from_secs(3600) - all;
    tokio::time::advance(to_the_hour).await;
    let (due, waited) = round(&mut watching).await;
    took(waited, 0);
    assert_eq!(watching.failed(due), Duration::from_secs(300));
    let wakes = watching.full_at.saturating_duration_since(Instant::now());
    assert!(wakes > Duration::from_secs(3590), "it would be looked at {wakes:?} from now");
    took(round(&mut watching).await.1, 300);
    // Whoever has to sign in is waited for a minute at the longest.
    watching.failures = 0;
    let waits: Vec<u64> = (0..6).map(|_| watching.waits_for_sign_in(names(&["a"])).as_secs()).collect();
    assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
}

/// behaviour: watch
#[tokio::test(start_paused = true)]
async fn the_target_s_size_is_known_for_the_limit_on_deletions() {
    let mut watching = watching();
    let (all, _) = round(&mut watching).await;
    watching.saw(&all, Seen { left: 90, right: 100, ..Seen::default() });
    watching.deleted = 7;
    watching.saw(&names(&["new", "gone"]), Seen { left: 1, ..Seen::default() });
    assert_eq!((watching.target_entries, watching.deleted), (101, 7));
    watching.saw(&EVERYTHING, Seen { left: 90, right: 95, ..Seen::default() });
    assert_eq!((watching.target_entries, watching.deleted), (95, 0));
}

/// behaviour: watch
#[tokio::test(start_paused = true)]
async fn a_round_that_is_held_back_is_waited_for_in_one_piece() {
    let mut watching = watching();
    let (changes, _) = round(&mut watching).await;
    watching.full_at = Instant::now();
    let wait = watching.waits_for_sign_in(changes);
    let (mut polls, begun) = (0, Instant::now());
    let turn = {
        let mut next = std::pin::pin!(watching.next());
        std::future::poll_fn(|context| {
            polls += 1;
            next.as_mut().poll(context)
        })
        .await
    };
    assert!(matches!(turn, Ok(Turn::Round(Changes::Everything(_)))), "{turn:?}");
    assert!(
        begun.elapsed() >= wait && begun.elapsed() < wait + Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert!(polls < 10, "{polls}");
}

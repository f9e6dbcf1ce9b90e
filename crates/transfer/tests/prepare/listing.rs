//! Listings in parallel: no key lost, none twice, few requests in vain, few round trips.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt;
use pintail_transfer::listing::{self, Options};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::generated::{Generated, Key};

/// Time moves when everybody waits, and no other way.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// A store of a list of keys.
fn of(mut keys: Vec<String>, delay_ms: u64, page: usize) -> Arc<Generated> {
    keys.sort_unstable();
    keys.dedup();
    let store = Generated::new(keys.len(), delay_ms, move |index| keys[index].clone());
    Arc::new(Generated { page, ..Arc::into_inner(store).unwrap() })
}

struct Listed {
    keys: Vec<String>,
    lists: u64,
    /// In tenths of the delay that one answer takes.
    round_trips: f64,
}

fn list(store: &Arc<Generated>, prefix: &str, connections_max: usize, delay_ms: u64) -> Listed {
    runtime().block_on(async {
        let started = Instant::now();
        let pages = listing::objects(&store.remote(prefix), &Options { connections_max, page: None });
        let counters = pages.counters();
        let keys: Vec<String> = pages.map(|object| object.unwrap().key.to_string()).collect().await;
        let round_trips = started.elapsed().as_secs_f64() * 1000.0 / delay_ms.max(1) as f64;
        let lists = store.lists.swap(0, Ordering::SeqCst);
        assert_eq!(counters.pages(), lists);
        assert!(store.at_once.swap(0, Ordering::SeqCst) <= connections_max);
        Listed { keys, lists, round_trips }
    })
}

/// Names as people and programs make them.
fn shapes() -> Vec<(&'static str, Key)> {
    let mix = |number: usize| (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let words =
        ["amber", "birch", "cedar", "delta", "ember", "flint", "grove", "hazel", "iris", "juniper", "kelp"];
    vec![
        ("numbers", Box::new(|n| format!("p/f{n:05}"))),
        ("photos", Box::new(|n| format!("archive/2026/{:04}/IMG_{n:09}.jpg", n / 1000))),
        (
            "dates",
            Box::new(|n| {
                format!("{}/{:02}/{:02}/log-{n:08}.gz", 2015 + n / 9000, 1 + n / 750 % 12, 1 + n / 25 % 28)
            }),
        ),
        ("hashes", Box::new(move |n| format!("{:016x}{:016x}", mix(n), mix(n + 7)))),
        (
            "uuids",
            Box::new(move |n| {
                let (a, b) = (mix(n), mix(n * 3 + 1));
                format!(
                    "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                    a >> 32,
                    a >> 16 & 0xFFFF,
                    a & 0xFFF,
                    b >> 48 & 0xFFF,
                    b & 0xFFFF_FFFF_FFFF
                )
            }),
        ),
        (
            "words",
            Box::new(move |n| {
                let (a, b) = (mix(n) as usize, mix(n + 99) as usize);
                format!("{}-{}/{}-{n}", words[a % 11], words[a / 11 % 11], words[b % 11])
            }),
        ),
        ("folders", Box::new(move |n| format!("{}/{}/{n}", words[n % 5], words[n % 11]))),
    ]
}

// behaviour: listing-parallel
#[test]
fn every_shape_of_names_is_split() {
    for (shape, key) in shapes() {
        let keys: Vec<String> = (0..50_000).map(key).collect();
        let store = of(keys, 100, 1000);
        let listed = list(&store, "", 16, 100);
        assert!(listed.keys == list(&store, "", 1, 100).keys, "{shape}");
        // Fifty pages. Gaps that nobody can know of cost more: months end with 12, and words at any letter.
        let (lists, round_trips) = match shape {
            "hashes" | "uuids" => (62, 7.0),
            "numbers" | "photos" => (70, 9.0),
            _ => (115, 22.0),
        };
        assert!(listed.lists <= lists, "{shape}: {} requests", listed.lists);
        assert!(listed.round_trips <= round_trips, "{shape}: {} round trips", listed.round_trips);
    }
}

/// Two folders make a page, and a range that ends in the middle of one must not teach that pages are as short.
#[test]
fn a_long_listing_asks_for_little_more_than_there_is_wherever_the_service_is() {
    for (delay_ms, connections_max, lists, round_trips) in [
        (1, 16, 204, 105.0),
        (1, 128, 204, 105.0),
        (11, 16, 208, 40.0),
        (11, 128, 212, 40.0),
        (20, 16, 212, 24.0),
        (100, 16, 240, 24.0),
        (100, 128, 300, 16.0),
    ] {
        let store = Generated::new(200_000, delay_ms, |n| format!("p/folder-{:04}/file-{n:07}.bin", n / 500));
        let Listed { keys, lists: asked, round_trips: waited } =
            list(&store, "p/", connections_max, delay_ms);
        assert_eq!(keys.len(), 200_000);
        assert!(asked <= lists, "{delay_ms} ms, {connections_max}: {asked} requests");
        assert!(waited <= round_trips, "{delay_ms} ms, {connections_max}: {waited} round trips");
    }
}

#[test]
fn of_a_large_listing_less_than_a_quarter_is_asked_for_in_vain() {
    let store = Generated::new(200_000, 100, |n| format!("p/f{n:06}"));
    let listed = list(&store, "p/", 16, 100);
    assert_eq!(listed.keys.len(), 200_000);
    assert!(listed.lists <= 250 && listed.round_trips <= 20.0, "{} {}", listed.lists, listed.round_trips);
}

#[test]
fn ten_thousand_numbered_names_take_four_round_trips_and_a_thousand_take_one_request() {
    let store = Generated::new(10_000, 100, |n| format!("p/f{n:05}"));
    let listed = list(&store, "p/", 16, 100);
    assert_eq!(listed.keys.len(), 10_000);
    assert!(listed.round_trips <= 4.1, "{}", listed.round_trips);
    let many = list(&store, "p/", 128, 100);
    assert!(many.keys == listed.keys && many.round_trips <= 4.1, "{}", many.round_trips);
    for count in [0, 1, 999, 1000] {
        let store = Generated::new(count, 100, |n| format!("p/f{n:05}"));
        let listed = list(&store, "p/", 16, 100);
        assert_eq!((listed.keys.len(), listed.lists), (count, 1));
    }
    let alone = list(&store, "p/", 1, 100);
    assert_eq!((alone.keys.len(), alone.lists), (10_000, 10));
}

#[test]
fn a_service_nearby_is_asked_at_two_places_at_most() {
    let store = Generated::new(50_000, 1, |n| format!("p/f{n:05}"));
    runtime().block_on(async {
        let pages = listing::objects(&store.remote("p/"), &Options::default());
        assert_eq!(pages.count().await, 50_000);
    });
    assert!(store.at_once.load(Ordering::SeqCst) <= 2);
    let lists = store.lists.load(Ordering::SeqCst);
    assert!(lists <= 54, "{lists}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Random keys, pages of any size, any width: each key once and in order.
    #[test]
    fn no_key_is_lost_and_none_comes_twice(
        keys in prop::collection::btree_set("[a-c0-2/é.-]{1,6}", 0..400),
        page in 1..9_usize,
        width in 1..20_usize,
        prefix in prop::sample::select(vec!["", "a", "b/", "0"]),
    ) {
        let expected: Vec<String> = keys.iter().filter(|key| key.starts_with(prefix)).cloned().collect();
        let store = of(keys.into_iter().collect(), 100, page);
        let listed = list(&store, prefix, width, 100);
        prop_assert_eq!(listed.keys, expected);
    }

    /// Clustered numbers, with holes.
    #[test]
    fn numbers_with_holes_come_whole(
        clusters in prop::collection::vec((0..100_000_usize, 1..300_usize, 1..50_usize), 0..6),
        page in 3..40_usize,
    ) {
        let numbers = clusters.iter().flat_map(|(start, count, step)| (0..*count).map(move |n| start + n * step));
        let keys: Vec<String> = numbers.map(|n| format!("x/{n:07}")).collect();
        let store = of(keys.clone(), 100, page);
        let mut expected = keys;
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(list(&store, "x/", 16, 100).keys, expected);
    }
}

//! The sizes by tables, the controller against a model of a line and a service.

use std::time::Duration;

use proptest::prelude::*;

use super::control::{Bounds, Controller, Sample};
use super::share::{Shares, next_large, share};
use super::*;

const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

#[test]
fn parts_keep_the_limits_of_s3_for_every_size() {
    for size in [
        0,
        1,
        16 * MIB,
        16 * MIB + 1,
        100 * MIB,
        4 * GIB,
        5 * GIB,
        5 * GIB + 1,
        80_000 * MIB,
        80_001 * MIB,
        TIB,
        5 * TIB,
        48 * TIB,
        OBJECT_MAX_BYTES - 1,
        OBJECT_MAX_BYTES,
    ] {
        let cut = cut(size, &Conditions::default()).unwrap();
        assert!(cut.parts >= 1 && cut.parts <= PARTS_MAX, "{size} {cut:?}");
        assert!(
            cut.part_bytes * cut.parts >= size && cut.part_bytes * (cut.parts - 1) <= size,
            "{size} {cut:?}"
        );
        assert!(cut.parts == 1 || cut.part_bytes >= PART_MIN_BYTES && cut.part_bytes <= PART_MAX_BYTES);
        assert!(cut.streams >= 1 && cut.streams as u64 <= cut.parts, "{size} {cut:?}");
    }
}

#[test]
fn what_s3_does_not_take_is_refused_before_the_first_byte() {
    let with = |wished_part_bytes| Conditions { wished_part_bytes, ..Conditions::default() };
    assert_eq!(
        cut(OBJECT_MAX_BYTES + 1, &with(None)),
        Err(PartsError::ObjectTooLarge { size_bytes: OBJECT_MAX_BYTES + 1 })
    );
    for part_bytes in [0, PART_MIN_BYTES - 1, PART_MAX_BYTES + 1] {
        assert_eq!(cut(GIB, &with(Some(part_bytes))), Err(PartsError::PartSize { part_bytes }));
    }
    let poor = Conditions { memory_bytes: 1000, ..Conditions::default() };
    assert!(matches!(cut(GIB, &poor), Err(PartsError::Memory { .. })));
    // One request needs none of it.
    assert!(cut(1000, &poor).is_ok());
    // More than one request can carry is cut, whatever the wish for one request is.
    let whole = Conditions { one_request_max_bytes: u64::MAX, ..Conditions::default() };
    assert_eq!(cut(5 * GIB, &whole).unwrap().parts, 1);
    assert!(cut(5 * GIB + 1, &whole).unwrap().parts > 1);
}

#[test]
fn a_wish_is_kept_as_long_as_ten_thousand_parts_are_enough() {
    let wish = |part: u64| Conditions { wished_part_bytes: Some(part), ..Conditions::default() };
    assert_eq!(cut(GIB, &wish(5 * MIB)).unwrap().part_bytes, 5 * MIB);
    assert_eq!(
        cut(50_000 * MIB, &wish(5 * MIB)).unwrap(),
        Cut { part_bytes: 5 * MIB, parts: 10_000, streams: 64 }
    );
    assert_eq!(cut(50_001 * MIB, &wish(5 * MIB)).unwrap().part_bytes, 6 * MIB);
}

#[test]
fn streams_and_parts_follow_the_line_and_the_memory() {
    let line = |megabits: u64, milliseconds| Conditions {
        bandwidth_bytes_per_s: Some(megabits * 125_000),
        round_trip: Some(Duration::from_millis(milliseconds)),
        ..Conditions::default()
    };
    // A short line needs few streams, a long one more, and never more than the memory holds.
    assert_eq!(cut(4 * GIB, &line(1_000, 1)).unwrap().streams, 4);
    assert_eq!(cut(4 * GIB, &line(1_000, 100)).unwrap().streams, 6);
    assert_eq!(cut(4 * GIB, &line(10_000, 100)).unwrap().streams, 60);
    assert_eq!(cut(4 * GIB, &line(100_000, 100)).unwrap().streams, 64);
    let small = Conditions { memory_bytes: 8 * MIB, ..line(10_000, 100) };
    assert_eq!(cut(4 * GIB, &small).unwrap().streams, 8);
    // A part lasts sixteen round trips.
    let far = cut(100 * GIB, &line(1_000, 100)).unwrap();
    assert!(far.part_bytes >= 32 * MIB, "{far:?}");
    // But every stream has something to do.
    let one = cut(100 * MIB, &line(1_000, 100)).unwrap();
    assert!(one.parts >= 2 * one.streams as u64, "{one:?}");
}

#[test]
fn parts_of_unknown_number_grow_as_far_as_memory_lets() {
    let growing = Growing::new(8 * MIB, 128 * MIB).unwrap();
    for (number, size) in
        [(1, 8), (1_000, 8), (1_001, 16), (2_001, 32), (3_001, 64), (4_001, 64), (10_000, 64)]
    {
        assert_eq!(growing.part_bytes(number), size * MIB, "{number}");
    }
    assert_eq!(growing.object_max_bytes(), (8 + 16 + 32 + 7 * 64) * 1_000 * MIB);
    assert!(Growing::new(8 * MIB, 10 * MIB).is_ok());
    assert!(Growing::new(8 * MIB, 10 * MIB - 1).is_err());
    let endless = Growing::new(PART_MAX_BYTES, u64::MAX).unwrap();
    assert_eq!(endless.object_max_bytes(), OBJECT_MAX_BYTES);
}

proptest! {
    #[test]
    fn every_size_is_cut_within_every_limit(
        size in 0..=OBJECT_MAX_BYTES,
        wish in prop::option::of(PART_MIN_BYTES..=PART_MAX_BYTES),
        memory in MIB..GIB,
        bandwidth in prop::option::of(0..20_000_000_000_u64),
        round_trip in prop::option::of(0..2_000_u64),
    ) {
        let conditions = Conditions {
            wished_part_bytes: wish,
            memory_bytes: memory,
            bandwidth_bytes_per_s: bandwidth,
            round_trip: round_trip.map(Duration::from_millis),
            ..Conditions::default()
        };
        let cut = cut(size, &conditions).unwrap();
        prop_assert!(cut.parts <= PARTS_MAX && cut.part_bytes <= PART_MAX_BYTES);
        prop_assert!(cut.parts == 1 || cut.part_bytes >= PART_MIN_BYTES);
        prop_assert_eq!(cut.parts, if size <= 16 * MIB { 1 } else { size.div_ceil(cut.part_bytes) });
        prop_assert!(cut.streams as u64 * MIB <= memory.max(MIB));
    }

    #[test]
    fn places_are_shared_and_none_is_left_idle(places in 1..200_usize, small in 0..300_usize, large in 0..300_usize) {
        let Shares { small: got_small, large: got_large } = share(places, small, large);
        prop_assert!(got_small <= small && got_large <= large);
        prop_assert_eq!(got_small + got_large, places.min(small + large));
        if places > 1 {
            prop_assert!(got_small >= small.min(places / 2) && got_large >= large.min(places / 2));
        }
    }
}

#[test]
fn large_objects_take_turns() {
    assert_eq!(next_large(&[(3, 5), (1, 5), (1, 9)]), Some(1));
    assert_eq!(next_large(&[(0, 0), (4, 1)]), Some(1));
    assert_eq!(next_large(&[(0, 0)]), None);
    assert_eq!(next_large(&[]), None);
}

/// A line and a service: each request waits, then its bytes share the line; beyond a rate the service refuses.
#[derive(Clone, Copy)]
struct Model {
    latency_s: f64,
    /// The work that all requests together can do in a second.
    capacity: f64,
    /// The work of one request.
    request_work: f64,
    /// Requests a second that the service takes.
    cap: f64,
    /// The rate falls by this much for each request beyond what fills the line.
    crowding: f64,
}

impl Model {
    /// The work a second with so many requests under way, without a service that refuses.
    fn rate(&self, limit: usize) -> f64 {
        let free = limit as f64 * self.request_work / (self.latency_s + self.request_work / self.capacity);
        let over = (limit as f64 - self.filling()).max(0.0);
        free.min(self.capacity) * (1.0 - self.crowding * over / self.filling().max(1.0)).max(0.3)
    }

    /// So many requests fill the line.
    fn filling(&self) -> f64 {
        self.capacity * (self.latency_s + self.request_work / self.capacity) / self.request_work
    }

    fn sample(&self, limit: usize, noise: f64) -> Sample {
        let rate = self.rate(limit) * noise;
        let requests = rate / self.request_work;
        let refused = (requests - self.cap).max(0.0);
        Sample {
            took: Duration::from_secs(1),
            work: ((requests - refused) * self.request_work) as u64,
            slow_downs: refused.ceil() as u64,
            failures: 0,
            requests: requests as u64,
            saturated: true,
        }
    }

    /// The best rate of any limit that is not refused.
    fn optimum(&self, max: usize) -> f64 {
        (1..=max)
            .map(|limit| self.rate(limit))
            .filter(|rate| rate / self.request_work <= self.cap)
            .fold(0.0, f64::max)
    }

    /// Lets the controller run, and returns its limits and the work of each second.
    fn run(&self, controller: &mut Controller, seconds: usize, seed: u64) -> Vec<(usize, f64)> {
        let mut noise = seed;
        (0..seconds)
            .map(|_| {
                // Three percent up and down, always the same for a seed.
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let factor = 0.97 + 0.06 * (noise >> 40) as f64 / (1_u64 << 24) as f64;
                let limit = controller.limit();
                let sample = self.sample(limit, factor);
                controller.observe(&sample);
                (limit, sample.work as f64)
            })
            .collect()
    }
}

const NO_CAP: f64 = f64::INFINITY;

#[test]
fn it_reaches_nine_tenths_of_the_best_within_bounded_steps() {
    let mib = MIB as f64;
    for (what, model) in [
        (
            "small objects at 20 ms",
            Model { latency_s: 0.02, capacity: 5_000.0, request_work: 1.0, cap: NO_CAP, crowding: 0.0 },
        ),
        (
            "small objects at 100 ms",
            Model { latency_s: 0.1, capacity: 2_000.0, request_work: 1.0, cap: NO_CAP, crowding: 0.0 },
        ),
        (
            "small objects on loopback",
            Model { latency_s: 0.0005, capacity: 8_000.0, request_work: 1.0, cap: NO_CAP, crowding: 0.02 },
        ),
        (
            "parts at 1 Gbit/s and 100 ms",
            Model {
                latency_s: 0.4,
                capacity: 119.0 * mib,
                request_work: 8.0 * mib,
                cap: NO_CAP,
                crowding: 0.05,
            },
        ),
        (
            "parts at 10 Gbit/s and 20 ms",
            Model {
                latency_s: 0.1,
                capacity: 1_190.0 * mib,
                request_work: 8.0 * mib,
                cap: NO_CAP,
                crowding: 0.05,
            },
        ),
        (
            "a line that one stream fills",
            Model {
                latency_s: 0.001,
                capacity: 10.0 * mib,
                request_work: 8.0 * mib,
                cap: NO_CAP,
                crowding: 0.1,
            },
        ),
    ] {
        for seed in 0..100 {
            let mut controller = Controller::new(Bounds { first: 4, max: 256 });
            let run = model.run(&mut controller, 60, seed);
            let best = model.optimum(256);
            let late: f64 = run[30..].iter().map(|(_, work)| work).sum::<f64>() / 30.0;
            assert!(
                late >= 0.9 * best,
                "{what}, seed {seed}: {late:.0} of {best:.0}, limits {:?}",
                run.iter().map(|(limit, _)| *limit).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn it_does_not_go_far_beyond_what_the_line_takes() {
    let model = Model { latency_s: 0.02, capacity: 1_000.0, request_work: 1.0, cap: NO_CAP, crowding: 0.0 };
    for seed in 0..100 {
        let mut controller = Controller::new(Bounds { first: 4, max: 1_000 });
        let run = model.run(&mut controller, 200, seed);
        let most = run[20..].iter().map(|(limit, _)| *limit).max().unwrap();
        assert!((most as f64) < 2.0 * model.filling(), "{most} for {}, seed {seed}", model.filling());
    }
}

#[test]
fn under_a_cap_it_settles_without_swinging() {
    for (cap, seed) in
        [100.0, 500.0, 3_500.0].into_iter().flat_map(|cap| (0..50).map(move |seed| (cap, seed)))
    {
        let model = Model { latency_s: 0.05, capacity: 20_000.0, request_work: 1.0, cap, crowding: 0.0 };
        let mut controller = Controller::new(Bounds { first: 4, max: 512 });
        let run = model.run(&mut controller, 400, seed);
        let late = &run[100..];
        let work: f64 = late.iter().map(|(_, work)| work).sum::<f64>() / late.len() as f64;
        assert!(work >= 0.7 * cap, "{work:.0} of {cap}, seed {seed}");
        let (least, most) = (
            late.iter().map(|(limit, _)| *limit).min().unwrap(),
            late.iter().map(|(limit, _)| *limit).max().unwrap(),
        );
        assert!(most as f64 <= 1.9 * least as f64 + 2.0, "between {least} and {most} at {cap}, seed {seed}");
        let refused = late.iter().filter(|(limit, _)| model.sample(*limit, 1.0).slow_downs > 0).count();
        assert!(refused * 20 <= late.len(), "{refused} of {} seconds were refused at {cap}", late.len());
    }
}

#[test]
fn it_comes_back_when_the_service_takes_more() {
    let tight = Model { latency_s: 0.05, capacity: 2_000.0, request_work: 1.0, cap: 200.0, crowding: 0.0 };
    let wide = Model { cap: NO_CAP, ..tight };
    for seed in 0..50 {
        let mut controller = Controller::new(Bounds { first: 4, max: 128 });
        tight.run(&mut controller, 50, seed);
        let low = controller.limit();
        let run = wide.run(&mut controller, 400, seed);
        assert!(low < 15, "{low}");
        let late: f64 = run[350..].iter().map(|(_, work)| work).sum::<f64>() / 50.0;
        assert!(late >= 0.9 * wide.optimum(128), "{late} of {}, seed {seed}", wide.optimum(128));
    }
}

#[test]
fn one_complaint_falls_once_and_idle_times_teach_nothing() {
    let mut controller = Controller::new(Bounds { first: 64, max: 128 });
    let refused = Sample {
        took: Duration::from_secs(1),
        work: 10,
        slow_downs: 5,
        failures: 0,
        requests: 20,
        saturated: true,
    };
    assert_eq!(controller.observe(&refused), 44);
    assert_eq!(controller.observe(&refused), 44);
    let idle = Sample { slow_downs: 0, saturated: false, ..refused };
    for _ in 0..30 {
        assert_eq!(controller.observe(&idle), 44);
    }
    let failing = Sample { failures: 2, ..idle };
    assert_eq!(controller.observe(&failing), 30);
    // One in a hundred is chance.
    for _ in 0..10 {
        assert_eq!(controller.observe(&Sample { failures: 1, requests: 100, ..idle }), 30);
    }
    assert_eq!(controller.observe(&Sample { took: Duration::ZERO, ..idle }), 30);
}

#[test]
fn the_limit_never_leaves_its_bounds() {
    let mut controller = Controller::new(Bounds { first: 500, max: 10 });
    assert_eq!(controller.limit(), 10);
    let refused = Sample {
        took: Duration::from_secs(1),
        work: 0,
        slow_downs: 1,
        failures: 0,
        requests: 1,
        saturated: true,
    };
    for _ in 0..100 {
        assert!((1..=10).contains(&controller.observe(&refused)));
    }
    for second in 1..100 {
        let better = Sample { work: second * 1_000, slow_downs: 0, ..refused };
        assert!((1..=10).contains(&controller.observe(&better)));
    }
    assert_eq!(Controller::new(Bounds { first: 0, max: 0 }).limit(), 1);
}

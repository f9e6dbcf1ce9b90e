//! A million names: comparing, planning and keeping a journal take no more memory than for a thousand.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails where its ground gives way")]

use std::convert::Infallible;

use jiff::Timestamp;
use pintail_core::seam::{ManualClock, SeededRandom};
use pintail_transfer::diff::pairs;
use pintail_transfer::entry::{Entry, Meaning, Modified};
use pintail_transfer::journal::{Event, Outcome, Proof, Runs, Status};
use pintail_transfer::name::{Name, Platform, Twins};
use pintail_transfer::plan::{Cutting, MEMORY_MAX_BYTES, Place, PlanBuilder, Route, Skip, Step, Task, spool};
use pintail_transfer::policy::mirror::{Action, Mirror};

const NAMES: u64 = 1_000_000;

/// The product is held to 128 MiB for a million keys, listings and connections included; what is here leaves room for them.
const PEAK_MAX_KIB: u64 = 48 << 10;

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A side: a million names of some forty bytes, some of which the other one does not have.
fn side(hole: u64, meaning: Meaning) -> impl Iterator<Item = Result<Entry, Infallible>> {
    (1..=NAMES).filter(move |number| number % hole != 0).map(move |number| {
        let name = format!("archive/2026/{:04}/IMG_{number:09}.jpg", number / 1000);
        let modified = Modified::from_ns(1_790_000_000_000_000_000 + number as i64, meaning);
        Ok(Entry::file(Name::new(&name).unwrap(), number % 5_000_000, modified))
    })
}

#[test]
fn a_million_names_are_compared_planned_and_kept_within_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let remote = Place::Remote { bookmark: "work".into(), bucket: "bucket".into(), prefix: String::new() };
    let routes = vec![Route { from: Place::Local("/data".into()), to: remote }];
    let cutting = Cutting { one_request_max_bytes: 16 << 20, part_bytes: 8 << 20, copy_max_bytes: 5 << 30 };
    let place = folder.path().join("spool");
    let mut plan = PlanBuilder::spooling(routes, cutting, MEMORY_MAX_BYTES, move || {
        spool(&place, &SeededRandom::new(1))
    });
    let mirror = Mirror::default();
    let mut twins = Twins::new(Platform::MacOs);
    for pair in pairs(side(1_000_003, Meaning::Content), side(3, Meaning::Written)) {
        let pair = pair.unwrap();
        let name = pair.name().clone();
        twins.check(&name).unwrap();
        let task = match mirror.decide(&pair) {
            Action::Copy(_) => Task::Upload,
            Action::Keep(_) | Action::Extra => Task::Skip(Skip::Same),
            other => panic!("{other:?}"),
        };
        let (left, _) = pair.sides();
        plan.push(&Step::new(task, name, left.map_or(0, |entry| entry.size_bytes))).unwrap();
    }
    let plan = plan.finish().unwrap();
    assert_eq!((plan.len(), plan.totals().copies), (NAMES, NAMES / 3));

    let runs = Runs::new(folder.path().join("runs"));
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let mut run = runs.create(&plan, "sync", "0.1.0", &clock, &SeededRandom::new(2)).unwrap();
    drop(plan);
    for step in run.plan.steps() {
        let (step, Step { size_bytes, task, .. }) = step.unwrap();
        if !task.acts() {
            continue;
        }
        run.journal.append(&Event::Done { step, size_bytes, proof: Some(Proof::Checksum) }).unwrap();
    }
    let id = run.id.clone();
    drop(run);
    let mut run = runs.resume(&id, "0.1.0", &clock).unwrap();
    assert_eq!(run.state.remaining().count(), 0);
    assert_eq!(run.state.count(Status::Done), NAMES / 3);
    run.journal.append(&Event::Ended { at_ns: 0, outcome: Outcome::Complete }).unwrap();

    let peak = peak_kib();
    assert!(peak <= PEAK_MAX_KIB, "{peak} KiB at the peak");
}

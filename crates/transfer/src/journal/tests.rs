//! Journals on a disk: cut at every byte, damaged at every byte, written by one version and read by another, and their registry.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::seam::{Clock, ManualClock, SeededRandom};
use pintail_store::object_store::ETag;
use proptest::prelude::*;

use super::event::tests::events;
use super::*;
use crate::entry::Tag;
use crate::name::Name;
use crate::plan::{Cutting, Place, Plan, PlanBuilder, Route, Skip, Step, Task};

const CUTTING: Cutting =
    Cutting { one_request_max_bytes: 16 << 20, part_bytes: 8 << 20, copy_max_bytes: 5 << 30 };

fn plan(steps: u64) -> Plan {
    let remote = Place::Remote { bookmark: "work".into(), bucket: "bucket".into(), prefix: "p/".into() };
    let routes = vec![Route { from: Place::Local("/a".into()), to: remote }];
    let mut builder = PlanBuilder::in_memory(routes, CUTTING);
    for number in 0..steps {
        let task = if number % 4 == 3 { Task::Skip(Skip::Same) } else { Task::Upload };
        let name = Name::new(&format!("file-{number:06}")).unwrap();
        builder.push(&Step::new(task, name, 100 * number)).unwrap();
    }
    builder.finish().unwrap()
}

fn header(plan: &Plan) -> Header {
    Header {
        run: "20261127-111440-3f9a1c07".into(),
        tool: "0.1.0".into(),
        created_ns: 1_790_000_000_000_000_000,
        request: "cp a work:bucket/p/".into(),
        routes: plan.routes().to_vec(),
    }
}

/// A run as it could be: an upload in parts that is cut and goes on, a download, a failure, an end.
fn story() -> Vec<Event> {
    let sum = |text: &str| Checksum::of(Algorithm::Crc64Nvme, text.as_bytes());
    let tag = |text: &str| Tag::of(&ETag::new(text));
    let part = |number| Event::PartDone {
        step: 1,
        number,
        size_bytes: 5 << 20,
        tag: tag("900150983cd24fb0d6963f7d28e17f72"),
        checksum: Some(sum("part")),
    };
    let segment =
        |offset| Event::SegmentDone { step: 2, offset, length_bytes: 100, checksum: sum("segment") };
    vec![
        Event::UploadBegun {
            step: 1,
            upload: "u1".into(),
            part_bytes: 5 << 20,
            algorithm: Some(Algorithm::Crc64Nvme),
            source: None,
        },
        Event::Done { step: 0, size_bytes: 0, proof: Some(Proof::Checksum) },
        part(1),
        Event::DownloadBegun {
            step: 2,
            partial: ".pintail-1.part".into(),
            size_bytes: 300,
            tag: Some(tag("x")),
            version: None,
        },
        segment(100),
        part(3),
        Event::Failed { step: 4, reason: "access denied".into() },
        segment(0),
        Event::Ended { at_ns: 5, outcome: Outcome::Interrupted },
        Event::Resumed { at_ns: 6, tool: "0.2.0".into() },
        part(2),
        Event::Done { step: 1, size_bytes: 100, proof: Some(Proof::Length) },
        Event::Dropped { step: 2 },
        Event::Skipped { step: 2 },
        Event::Ended { at_ns: 7, outcome: Outcome::Failed },
    ]
}

/// Writes a journal; returns its bytes, where its plan ends, and where each event does.
fn written(path: &Path, plan: &Plan, events: &[Event]) -> (Vec<u8>, usize, Vec<usize>) {
    let (mut journal, _) = Journal::create(path, &header(plan), plan).unwrap();
    let plan_end = fs::metadata(path).unwrap().len() as usize;
    let mut ends = Vec::new();
    for (index, event) in events.iter().enumerate() {
        journal.append(event).unwrap();
        if index % 3 == 2 {
            journal.sync().unwrap();
        } else {
            journal.flush().unwrap();
        }
        ends.push(fs::metadata(path).unwrap().len() as usize);
    }
    drop(journal);
    (fs::read(path).unwrap(), plan_end, ends)
}

fn folded(plan: &Plan, events: &[Event]) -> State {
    let mut state = State::new(plan.steps().map(|step| step.unwrap().1.task.acts()));
    events.iter().for_each(|event| state.apply(event).unwrap());
    state
}

#[test]
fn a_journal_that_is_cut_at_any_byte_tells_what_was_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, events) = (plan(6), story());
    let (bytes, plan_end, ends) = written(&folder.path().join("whole"), &plan, &events);
    let path = folder.path().join("cut");
    for length in 0..=bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let recorded = match read(&path) {
            Ok(recorded) => recorded,
            Err(JournalError::NoPlan) if length < plan_end => continue,
            Err(error) => panic!("{length} bytes: {error:?}"),
        };
        assert!(length >= plan_end);
        let whole = ends.iter().filter(|end| **end <= length).count();
        assert_eq!(recorded.state, folded(&plan, &events[..whole]), "{length} bytes");
        assert_eq!(recorded.header, header(&plan));
        assert!(recorded.plan.steps().map(Result::unwrap).eq(plan.steps().map(Result::unwrap)));
        // Going on takes the rest off and writes after it.
        let (mut journal, resumed) = Journal::resume(&path).unwrap();
        assert_eq!(resumed.state, recorded.state);
        for event in &events[whole..] {
            journal.append(event).unwrap();
        }
        journal.sync().unwrap();
        let again = read(&path).unwrap();
        assert_eq!((again.state, again.cut_at), (folded(&plan, &events), None), "{length} bytes");
    }
}

#[test]
fn a_journal_that_is_damaged_at_any_byte_never_tells_what_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, events) = (plan(6), story());
    let (bytes, plan_end, ends) = written(&folder.path().join("whole"), &plan, &events);
    let states: Vec<State> = (0..=events.len()).map(|count| folded(&plan, &events[..count])).collect();
    let path = folder.path().join("damaged");
    let mut told = 0;
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        match read(&path) {
            // Taken for a newer version, which can be read.
            Ok(_) if at == HEAD_BYTES - 1 => {}
            // Not made safe before the end: as good as cut off.
            Ok(recorded) => {
                assert!(at >= plan_end, "byte {at} is of the plan");
                let whole = ends.iter().filter(|end| **end <= at).count();
                assert_eq!(recorded.state, states[whole], "byte {at}");
                assert!(recorded.cut_at.is_some_and(|cut| cut <= at as u64));
            }
            Err(JournalError::Damaged { from, to }) => {
                assert!(from <= at as u64 && (at as u64) < to, "byte {at} is not between {from} and {to}");
                assert!(Journal::resume(&path).is_err());
                told += 1;
            }
            Err(JournalError::NotAJournal | JournalError::Version(..)) if at < HEAD_BYTES - 1 => {}
            Err(error) => assert!(at < HEAD_BYTES, "byte {at}: {error:?}"),
        }
    }
    // All but the last few events had been made safe.
    assert!(told > bytes.len() / 2, "{told} of {}", bytes.len());
}

#[test]
fn a_hole_in_what_was_never_made_safe_is_a_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let plan = plan(4);
    let (mut journal, _) = Journal::create(&path, &header(&plan), &plan).unwrap();
    let done = |step| Event::Done { step, size_bytes: 1, proof: None };
    journal.append(&done(0)).unwrap();
    journal.sync().unwrap();
    let safe = fs::metadata(&path).unwrap().len() as usize;
    journal.append(&done(1)).unwrap();
    journal.append(&done(2)).unwrap();
    drop(journal);
    let mut bytes = fs::read(&path).unwrap();
    bytes[safe + 2..safe + 20].fill(0);
    fs::write(&path, &bytes).unwrap();
    let recorded = read(&path).unwrap();
    assert_eq!(recorded.cut_at, Some(safe as u64));
    assert_eq!(recorded.state, folded(&plan, &[done(0)]));
}

#[test]
fn a_newer_version_is_read_and_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let plan = plan(4);
    written(&path, &plan, &story()[1..2]);
    let mut bytes = fs::read(&path).unwrap();
    // A kind nobody knows yet, and an event that says more than we know.
    record::frame(bytes.len() as u64, &[200, 1, 2, 3], &mut bytes);
    record::frame(bytes.len() as u64, &[22, 2, 77, 77], &mut bytes);
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(read(&path), Err(JournalError::Record { .. })), "not in a journal of our own version");
    bytes[7] = VERSION.1 + 1;
    fs::write(&path, &bytes).unwrap();
    let recorded = read(&path).unwrap();
    assert_eq!(recorded.unknown, 1);
    assert_eq!(recorded.state.status(2), Some(Status::Skipped));
    assert!(matches!(Journal::resume(&path), Err(JournalError::ReadOnly(1, 1))));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    bytes[6] = VERSION.0 + 1;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(read(&path), Err(JournalError::Version(2, 1))));
}

#[test]
fn records_out_of_place_are_refused() {
    let plan = plan(2);
    let mut body = crate::codec::Encoder::new();
    header(&plan).encode(&mut body);
    let done = [21, 0, 0, 0];
    let end = [&[3, 0][..], &[0; 11]].concat();
    let of = |bodies: &[&[u8]]| {
        let mut bytes = [&MAGIC[..], &[1, 0]].concat();
        bodies.iter().for_each(|body| record::frame(bytes.len() as u64, body, &mut bytes));
        read_events(&bytes)
    };
    let head = body.bytes();
    assert!(of(&[head, &end]).is_ok());
    let wrongs: [&[&[u8]]; 6] =
        [&[&end], &[head, head], &[head, &done], &[head, &end, &end], &[head, &end, &done], &[&[4, 1]]];
    for wrong in wrongs {
        assert!(matches!(of(wrong), Err(JournalError::OutOfPlace { .. })), "{wrong:?}");
    }
    // A block whose number of steps is not true.
    let block = [2, 0, 200, 1];
    assert!(matches!(of(&[head, &block]), Err(JournalError::Record { .. })));
}

#[test]
fn a_large_plan_is_read_back_from_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let large = plan(20_000);
    let (journal, moved) = Journal::create(&path, &header(&large), &large).unwrap();
    drop(journal);
    for read in [moved, read(&path).unwrap().plan] {
        assert_eq!(read.totals(), large.totals());
        assert!(read.steps().map(Result::unwrap).eq(large.steps().map(Result::unwrap)));
        assert_eq!(read.step(12_345).unwrap(), large.step(12_345).unwrap());
    }
    assert!(
        matches!(Journal::create(&path, &header(&large), &large), Err(JournalError::Io { .. })),
        "it exists"
    );
    let long = Header { request: "x".repeat(record::BODY_MAX_BYTES), ..header(&large) };
    let other = folder.path().join("other");
    assert!(matches!(Journal::create(&other, &long, &large), Err(JournalError::RequestTooLong { .. })));
}

#[test]
fn it_is_made_safe_once_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(4);
    let (mut journal, _) = Journal::create(&folder.path().join("journal"), &header(&plan), &plan).unwrap();
    let mut at: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
    let mut synced = Vec::new();
    for (milliseconds, event) in
        [(0, true), (400, true), (400, true), (400, true), (2_000, false), (500, true), (-9_000, true)]
    {
        at += SignedDuration::from_millis(milliseconds);
        if event {
            journal.append(&Event::Skipped { step: 0 }).unwrap();
        }
        synced.push(journal.sync_if_due(at).unwrap());
    }
    assert_eq!(synced, [true, false, false, true, false, true, true]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn events_are_read_as_they_were_written(events in prop::collection::vec(events(8), 0..30)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let plan = plan(8);
        let (bytes, ..) = written(&path, &plan, &events);
        prop_assert_eq!(read_events(&bytes).unwrap(), (Some(header(&plan)), events.clone()));
        prop_assert_eq!(read(&path).unwrap().state, folded(&plan, &events));
    }

    #[test]
    fn any_bytes_are_a_journal_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_events(&bytes);
        let _ = read_events(&[&MAGIC[..], &[1, 0], &bytes].concat());
    }

    /// A process that is killed at every moment and taken up again does everything once, and sends no part twice that it had told of.
    #[test]
    fn a_run_that_is_killed_again_and_again_comes_to_its_end(kills in prop::collection::vec(1..7_usize, 0..40)) {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path().join("runs"));
        let clock = ManualClock::new("2026-11-27T12:00:00Z".parse().unwrap());
        let plan = plan(7);
        let id = runs.create(&plan, "cp", "0.1.0", &clock, &SeededRandom::new(3)).unwrap().id;
        let mut sent: Vec<(u64, u32)> = Vec::new();
        let mut kills = kills.into_iter();
        loop {
            let mut left = kills.next().unwrap_or(usize::MAX);
            let mut run = runs.resume(&id, "0.1.0", &clock).unwrap();
            let remaining: Vec<Remaining> = run.state.remaining().collect();
            let mut killed = false;
            'run: for Remaining { step, begun, .. } in remaining {
                let parts = match begun {
                    Some(Begun::Upload { parts, .. }) => parts.into_keys().collect(),
                    _ => Vec::new(),
                };
                let mut todo = Vec::new();
                if parts.is_empty() {
                    todo.push(Event::UploadBegun { step, upload: "u".into(), part_bytes: 5, algorithm: None, source: None });
                }
                todo.extend((1..=3).filter(|number| !parts.contains(number)).map(|number| Event::PartDone {
                    step, number, size_bytes: 5, tag: Tag::of(&ETag::new("t")), checksum: None,
                }));
                todo.push(Event::Done { step, size_bytes: 15, proof: Some(Proof::Checksum) });
                for event in todo {
                    if left == 0 {
                        killed = true;
                        break 'run;
                    }
                    left -= 1;
                    if let Event::PartDone { step, number, .. } = event {
                        sent.push((step, number));
                    }
                    run.journal.append(&event).unwrap();
                }
            }
            if !killed {
                run.journal.append(&Event::Ended { at_ns: 1, outcome: Outcome::Complete }).unwrap();
                break;
            }
        }
        let recorded = runs.show(&id).unwrap();
        prop_assert_eq!(recorded.state.remaining().count(), 0);
        prop_assert_eq!(recorded.state.count(Status::Done), 6);
        let mut once = sent.clone();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), sent.len(), "a part was sent twice: {:?}", sent);
        prop_assert_eq!(sent.len(), 18);
    }
}

#[test]
fn a_run_is_listed_with_how_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let runs = Runs::new(folder.path().join("state/transfers"));
    let clock = ManualClock::new("2026-11-27T12:00:00Z".parse().unwrap());
    let random = SeededRandom::new(1);
    assert!(runs.list().unwrap().is_empty());
    let create = || runs.create(&plan(4), "sync", "0.1.0", &clock, &random).unwrap();
    let (running, mut stopped, mut ended, mut unreadable) = (create(), create(), create(), create());
    let ids = [running.id.clone(), stopped.id.clone(), ended.id.clone(), unreadable.id.clone()];
    let upload = Event::UploadBegun {
        step: 1,
        upload: "theirs".into(),
        part_bytes: 5 << 20,
        algorithm: None,
        source: None,
    };
    stopped.journal.append(&upload).unwrap();
    stopped.journal.sync().unwrap();
    drop(stopped);
    ended.journal.append(&Event::Ended { at_ns: 5, outcome: Outcome::Complete }).unwrap();
    ended.journal.sync().unwrap();
    drop(ended);
    let path = folder.path().join("state/transfers").join(unreadable.id.as_str()).join("journal");
    unreadable.journal.append(&Event::Skipped { step: 0 }).unwrap();
    drop(unreadable);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let not_begun: RunId = "20200101-000000-00000000".parse().unwrap();
    fs::create_dir(folder.path().join("state/transfers").join(not_begun.as_str())).unwrap();
    fs::create_dir(folder.path().join("state/transfers/something else")).unwrap();

    let listed = runs.list().unwrap();
    let how = |id: &RunId| &listed.iter().find(|listed| listed.id == *id).unwrap().condition;
    assert_eq!(listed.len(), 5);
    assert!(matches!(how(&ids[0]), Condition::Running));
    assert!(matches!(how(&ids[1]), Condition::Stopped));
    assert!(matches!(how(&ids[2]), Condition::Ended(5, Outcome::Complete)));
    assert!(
        matches!(how(&ids[3]), Condition::Unreadable(JournalError::Damaged { .. })),
        "{:?}",
        how(&ids[3])
    );
    assert!(matches!(how(&not_begun), Condition::NotBegun));
    assert_eq!(listed[1].header.as_ref().unwrap().request, "sync");
    // One that cannot be read does not make those of others anybody's.
    let elsewhere = registry::uploads_elsewhere(running.journal.origin()).unwrap();
    assert!(elsewhere.iter().eq(["theirs"]), "{elsewhere:?}");
    // One of a program that is yet to come may go on with whatever it has begun.
    let damaged = fs::read(&path).unwrap();
    let mut newer = damaged.clone();
    newer[MAGIC.len()] = 99;
    fs::write(&path, newer).unwrap();
    assert_eq!(registry::uploads_elsewhere(running.journal.origin()), None);
    fs::write(&path, damaged).unwrap();

    assert!(matches!(runs.resume(&ids[0], "0.1.0", &clock), Err(RegistryError::Running(_))));
    assert!(matches!(runs.remove(&ids[0]), Err(RegistryError::Running(_))));
    assert_eq!(runs.show(&ids[0]).unwrap().state.remaining().count(), 3);
    drop(running);
    let again = runs.resume(&ids[0], "0.2.0", &clock).unwrap();
    assert_eq!(again.state.ended(), None);
    drop(again);

    let week = SignedDuration::from_hours(24 * 7);
    let sweep = Sweep { ended_before: week, stopped_before: None };
    assert_eq!(runs.sweep(sweep, clock.now()).unwrap(), [not_begun, ids[2].clone()]);
    clock.advance(week);
    let all = Sweep { ended_before: week, stopped_before: Some(week) };
    let mut swept = runs.sweep(all, clock.now()).unwrap();
    swept.sort();
    let mut expected = vec![ids[0].clone(), ids[1].clone()];
    expected.sort();
    // A damaged one tells in its head how old it is, and its name does where that cannot be read.
    expected.push(ids[3].clone());
    expected.sort();
    assert_eq!(swept, expected);
    assert!(matches!(runs.show(&ids[1]), Err(RegistryError::NoSuchRun(_))));
}

#[test]
fn a_run_whose_head_cannot_be_read_is_as_old_as_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let runs = Runs::new(folder.path());
    let clock = ManualClock::new("2026-11-27T12:00:00Z".parse().unwrap());
    let mut run = runs.create(&plan(4), "sync", "0.1.0", &clock, &SeededRandom::new(1)).unwrap();
    run.journal.append(&Event::Skipped { step: 0 }).unwrap();
    let id = run.id.clone();
    drop(run);
    let path = folder.path().join(id.as_str()).join("journal");
    let mut bytes = fs::read(&path).unwrap();
    // Blocks that were never made safe may come back as zeros: nothing had begun.
    fs::write(&path, vec![0; bytes.len()]).unwrap();
    assert!(matches!(runs.list().unwrap()[0].condition, Condition::NotBegun));
    // A byte that the disk lost: whatever it was, it had begun.
    bytes[0] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(runs.list().unwrap()[0].condition, Condition::Unreadable(JournalError::NotAJournal)));
    bytes[0] ^= 1;
    // Behind the magic stands the version: this one is of a program that is yet to come.
    bytes[MAGIC.len()] = 99;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(runs.list().unwrap()[0].condition, Condition::Unreadable(JournalError::Version(99, _))));
    let week = SignedDuration::from_hours(24 * 7);
    let sweep = Sweep { ended_before: week, stopped_before: Some(week) };
    assert_eq!(runs.sweep(sweep, clock.now()).unwrap(), []);
    clock.advance(week);
    assert_eq!(runs.sweep(sweep, clock.now()).unwrap(), [id]);
}

#[test]
fn the_name_of_a_run_leads_nowhere_else() {
    for bad in [
        "",
        "..",
        "20261127-111440-3f9a1c0",
        "20261127-111440-3f9a1c07/..",
        "20261127-111440-3F9A1C07",
        "a-b-c",
    ] {
        assert!(bad.parse::<RunId>().is_err(), "{bad:?}");
    }
    let run: RunId = "20261127-111440-3f9a1c07".parse().unwrap();
    assert_eq!(run.created().unwrap().to_string(), "2026-11-27T11:14:40Z");
    let never: RunId = "20261399-111440-3f9a1c07".parse().unwrap();
    assert_eq!(never.created(), None);
}

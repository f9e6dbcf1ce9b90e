//! What a life finds that goes on: copies that are not at their place any more, and uploads that the journal does not know.

use std::sync::Arc;

use pintail_store::object_store::{ObjectStore, PartNumber, UploadPart};
use pintail_store::wrap::{Fault, FaultKind, Faults, Trace};
use pintail_store::{ErrorKind, Operation, Payload};
use pintail_transfer::entry::Tag;
use pintail_transfer::execute::{Report, StepError};
use pintail_transfer::journal::{Event, Outcome, Proof};
use pintail_transfer::local::Source;
use pintail_transfer::plan::{Step, Task};

use crate::world::*;

/// Large enough that a copy goes in parts, and small.
const SIZES: [u64; 2] = [1000, TWO_PARTS_BYTES];

/// A move by one of the three ways.
#[derive(Clone, Copy, Debug)]
enum Way {
    Up,
    Down,
    Within,
}

const WAYS: [Way; 3] = [Way::Up, Way::Down, Way::Within];

impl Way {
    /// Puts a source in its place.
    async fn prepare(self, world: &World, size_bytes: u64) -> Step {
        let source = content(size_bytes, 1);
        let step = match self {
            Self::Up => {
                world.write("from", &source);
                upload("from", size_bytes)
            }
            Self::Down => download("from", size_bytes, &world.put("from", &source).await),
            Self::Within => {
                let tag = world.put("from", &source).await;
                Step { route: 2, tag: Some(tag), ..Step::new(Task::CopyWithin, name("from"), size_bytes) }
            }
        };
        Step { to: Some(name("to")), takes: true, ..step }
    }

    async fn put_target(self, world: &World, bytes: &[u8]) {
        match self {
            Self::Down => world.write("to", bytes),
            Self::Up | Self::Within => drop(world.put("to", bytes).await),
        }
    }

    async fn target(self, world: &World) -> Option<Vec<u8>> {
        if matches!(self, Self::Down) { world.read("to") } else { world.got("to").await }
    }

    async fn source(self, world: &World) -> Option<Vec<u8>> {
        if matches!(self, Self::Up) { world.read("from") } else { world.got("from").await }
    }

    /// Says that the copy was at its place when the former life ended, and goes on.
    async fn goes_on(self, world: &World, step: Step, store: &Arc<dyn ObjectStore>) -> Report {
        let tag: Option<Tag> = step.tag.clone();
        let size_bytes = step.size_bytes;
        let mut run = world.begin([step]);
        let id = run.id.clone();
        let file = Source::open(&world.local().join("from")).ok();
        let source = file.map(|source| *source.fingerprint());
        let placed = Event::Placed { step: 0, size_bytes, proof: Some(Proof::Checksum), source, tag };
        run.journal.append(&placed).unwrap();
        run.journal.sync().unwrap();
        drop(run);
        let mut run = world.resume(&id);
        world.live(&mut run, store).await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_copy_is_gone_is_copied_again_before_it_goes() {
    // behaviour: mv
    for way in WAYS {
        for size in SIZES {
            let world = World::new().await;
            let step = way.prepare(&world, size).await;
            let report = way.goes_on(&world, step, &world.memory).await;
            assert_eq!((report.outcome, report.done), (Outcome::Complete, 1), "{way:?}: {report:?}");
            assert!(way.target(&world).await.as_ref() == Some(&content(size, 1)), "{way:?}: both are gone");
            assert_eq!(way.source(&world).await, None, "{way:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_copy_was_replaced_stays() {
    // behaviour: mv
    for way in WAYS {
        for size in SIZES {
            for theirs in [content(size, 2), b"short".to_vec()] {
                let world = World::new().await;
                let step = way.prepare(&world, size).await;
                way.put_target(&world, &theirs).await;
                let report = way.goes_on(&world, step, &world.memory).await;
                assert_eq!((report.failed, report.done), (1, 0), "{way:?}: {report:?}");
                assert!(way.source(&world).await.unwrap() == content(size, 1), "{way:?}");
                assert!(way.target(&world).await.unwrap() == theirs, "{way:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_copy_is_there_goes_and_nothing_is_written_again() {
    // behaviour: mv
    for way in WAYS {
        for size in SIZES {
            let world = World::new().await;
            let step = way.prepare(&world, size).await;
            way.put_target(&world, &content(size, 1)).await;
            let trace = Arc::new(Trace::new(Arc::clone(&world.memory)));
            let store: Arc<dyn ObjectStore> = Arc::clone(&trace) as _;
            let report = way.goes_on(&world, step, &store).await;
            assert_eq!((report.outcome, report.moved_bytes), (Outcome::Complete, 0), "{way:?}: {report:?}");
            assert_eq!(way.source(&world).await, None, "{way:?}");
            for operation in [Operation::Put, Operation::Copy, Operation::CreateUpload, Operation::Get] {
                assert_eq!(trace.counts_of(operation).calls, 0, "{way:?} {operation:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_whose_answer_was_lost_has_not_failed() {
    // behaviour: mv
    for way in [Way::Down, Way::Within] {
        for times in [1, 2] {
            let world = World::new().await;
            let step = way.prepare(&world, 1000).await;
            let lost = FaultKind::FailAfterwards(ErrorKind::Unavailable);
            let fault = |(nth, kind)| Fault { operation: Some(Operation::Delete), nth, kind };
            let lost_again = FaultKind::Fail(ErrorKind::Unavailable);
            let faults = [(1, lost), (2, lost_again)].map(fault).into_iter().take(times);
            let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.memory), faults));
            let mut run = world.begin([step]);
            let report = world.live(&mut run, &store).await.unwrap();
            assert_eq!((report.outcome, report.failed), (Outcome::Complete, 0), "{way:?}: {report:?}");
            assert!(way.target(&world).await.unwrap() == content(1000, 1));
            assert_eq!(way.source(&world).await, None, "{way:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_came_in_a_deleted_ones_place_stays() {
    // The service says of a condition on what is gone what it says of one that does not hold.
    let world = World::new().await;
    let step = Way::Down.prepare(&world, 1000).await;
    let lost = FaultKind::FailAfterwards(ErrorKind::Unavailable);
    let refused = FaultKind::Fail(ErrorKind::PreconditionFailed);
    let fault = |(nth, kind)| Fault { operation: Some(Operation::Delete), nth, kind };
    let faults = [(1, lost), (2, refused.clone())].map(fault);
    let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.memory), faults));
    let mut run = world.begin([step]);
    let report = world.live(&mut run, &store).await.unwrap();
    assert_eq!((report.outcome, report.failed), (Outcome::Complete, 0), "{report:?}");

    let world = World::new().await;
    let step = Way::Down.prepare(&world, 1000).await;
    let faults = [fault((1, refused))];
    let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.memory), faults));
    let mut run = world.begin([step]);
    let report = world.live(&mut run, &store).await.unwrap();
    assert!(matches!(report.first_failure.as_deref(), Some(StepError::SourceChanged(_))), "{report:?}");
    assert!(world.got("from").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_upload_that_has_a_part_is_somebody_elses() {
    // behaviour: resume
    let world = World::new().await;
    world.write("large", &content(LARGE_BYTES, 1));
    let hang = Fault { operation: Some(Operation::CreateUpload), nth: 1, kind: FaultKind::Hang };
    let faults: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.memory), [hang]));
    let mut run = world.begin([upload("large", LARGE_BYTES)]);
    let id = run.id.clone();
    let life = world.live(&mut run, &faults);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(120), life).await.is_err());
    drop(run);
    // Another machine sends the same file in between.
    let key = "large".parse().unwrap();
    let theirs = world.memory.create_upload(&world.bucket, &key, &Default::default()).await.unwrap();
    let (number, part) = (PartNumber::new(1).unwrap(), Payload::from_bytes(content(1000, 3)));
    world.memory.upload_part(&theirs, number, part, &UploadPart::default()).await.unwrap();
    let mut run = world.resume(&id);
    assert_eq!(world.live(&mut run, &world.memory).await.unwrap().outcome, Outcome::Complete);
    assert!(world.got("large").await.unwrap() == content(LARGE_BYTES, 1));
    assert_eq!(world.uploads().await, 1, "what they had sent is gone");
}

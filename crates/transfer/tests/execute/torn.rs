//! What a power cut leaves of files that had their names already, and how the next life mends it.

use std::fs::{File, FileTimes};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use pintail_store::Operation;
use pintail_store::object_store::{Head, ObjectStore};
use pintail_store::wrap::{Fault, FaultKind, Faults};
use pintail_transfer::execute::Durability;
use pintail_transfer::journal::Outcome;

use crate::world::*;

/// A life that ends before it reads the object, another hand at the target, and the next life: what is there afterwards, and how that ended.
async fn found_there(left: &[u8], later_s: u64) -> (Vec<u8>, Outcome) {
    let mut world = World::new().await;
    world.options.sync = Durability::Batch;
    let tag = world.put("file", &content(1000, 1)).await;
    let hang = Fault { operation: Some(Operation::Get), nth: 1, kind: FaultKind::Hang };
    let faults: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.memory), [hang]));
    let mut run = world.begin([download("file", 1000, &tag)]);
    let id = run.id.clone();
    tokio::select! {
        biased;
        ended = world.live(&mut run, &faults) => panic!("it ended: {ended:?}"),
        () = tokio::time::sleep(Duration::from_secs(1)) => {}
    }
    drop(run);
    let key = "file".parse().unwrap();
    let info = world.memory.head(&world.bucket, &key, &Head::default()).await.unwrap();
    world.write("file", left);
    let written = UNIX_EPOCH + Duration::from_secs(info.last_modified.unwrap().as_second() as u64 + later_s);
    let file = File::options().write(true).open(world.local().join("file")).unwrap();
    file.set_times(FileTimes::new().set_modified(written)).unwrap();
    let mut run = world.resume(&id);
    let report = world.live(&mut run, &world.memory).await.unwrap();
    (world.read("file").unwrap(), report.outcome)
}

#[tokio::test(start_paused = true)]
async fn a_file_that_lost_its_end_is_mended_and_nobody_elses_is_touched() {
    // behaviour: resume
    let whole = content(1000, 1);
    for torn in [&whole[..0], &whole[..600], &[0; 512][..]] {
        let (there, outcome) = found_there(torn, 0).await;
        assert!(there == whole, "{} bytes were left", torn.len());
        assert_eq!(outcome, Outcome::Complete);
    }
    // Another time, another size, another content: somebody else's.
    for (theirs, later_s) in [(&whole[..600], 1), (&[7; 1000][..], 0), (&[7; 2000][..], 0)] {
        let (there, outcome) = found_there(theirs, later_s).await;
        assert!(there == theirs);
        assert_ne!(outcome, Outcome::Complete);
    }
    let (there, outcome) = found_there(&whole, 1).await;
    assert!(there == whole);
    assert_eq!(outcome, Outcome::Complete);
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_of_a_state_that_is_gone_is_removed() {
    // behaviour: resume
    let world = World::new().await;
    let tag = world.put("file", &content(LARGE_BYTES, 1)).await;
    let hang = Fault { operation: Some(Operation::Get), nth: 2, kind: FaultKind::Hang };
    let faults: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.memory), [hang]));
    let mut run = world.begin([download("file", LARGE_BYTES, &tag)]);
    let id = run.id.clone();
    tokio::select! {
        biased;
        ended = world.live(&mut run, &faults) => panic!("it ended: {ended:?}"),
        () = tokio::time::sleep(Duration::from_secs(1)) => {}
    }
    drop(run);
    assert!(world.files().keys().any(|file| file.contains(".pintail-")), "it was begun");
    world.put("file", &content(LARGE_BYTES, 2)).await;
    let mut run = world.resume(&id);
    let report = world.live(&mut run, &world.memory).await.unwrap();
    assert_eq!((report.outcome, report.failed), (Outcome::Failed, 1), "{report:?}");
    assert_eq!(world.files().len(), 0, "{:?}", world.files());
}

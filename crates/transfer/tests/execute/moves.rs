//! Steps that take their source.

use std::sync::Arc;

use pintail_store::Operation;
use pintail_store::object_store::ObjectStore;
use pintail_store::wrap::{Fault, FaultKind, Faults};
use pintail_transfer::diff::Side;
use pintail_transfer::execute::StepError;
use pintail_transfer::journal::{Begun, Outcome};
use pintail_transfer::plan::{Step, Task};

use crate::world::*;

fn takes(step: Step) -> Step {
    Step { takes: true, ..step }
}

#[tokio::test(start_paused = true)]
async fn a_source_goes_when_its_copy_is_proved() {
    let world = World::new().await;
    let mut steps = Vec::new();
    for number in 0..30 {
        let file = format!("up {number:02}");
        world.write(&file, &content(number, number));
        steps.push(takes(upload(&file, number)));
        let tag = world.put(&format!("down {number:02}"), &content(number, number)).await;
        steps.push(takes(download(&format!("down {number:02}"), number, &tag)));
    }
    let report = world.carry_out(steps).await;
    assert_eq!((report.outcome, report.done, report.proved), (Outcome::Complete, 60, 60), "{report:?}");
    assert!(world.keys().await.iter().all(|key| key.starts_with("up ")));
    assert!(world.files().keys().all(|file| file.starts_with("down ")));
    assert_eq!((world.keys().await.len(), world.files().len()), (30, 30));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_changed_since_it_was_copied_stays() {
    // The object is written again while its copy is made safe: the deletion finds another one.
    let world = World::new().await;
    let tag = world.put("down", b"copied").await;
    let slow = Fault {
        operation: Some(Operation::Head),
        nth: 1,
        kind: FaultKind::Slow(std::time::Duration::from_secs(5)),
    };
    let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.memory), [slow]));
    let mut run = world.begin([takes(download("down", 6, &tag))]);
    let change = async {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        world.put("down", b"newer").await;
    };
    let (report, ()) = futures_util::future::join(world.live(&mut run, &store), change).await;
    let report = report.unwrap();
    assert!(matches!(report.first_failure.as_deref(), Some(StepError::SourceChanged(_))), "{report:?}");
    assert_eq!(world.read("down").unwrap(), b"copied");
    assert_eq!(world.got("down").await.unwrap(), b"newer");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changed_between_two_lives_stays() {
    let world = World::new().await;
    world.write("up", b"copied");
    let mut run = world.begin([takes(upload("up", 6))]);
    let id = run.id.clone();
    // The copy is at its place, and the life ends before the source goes.
    let source = pintail_transfer::local::Source::open(&world.local().join("up")).unwrap();
    let placed = pintail_transfer::journal::Event::Placed {
        step: 0,
        size_bytes: 6,
        proof: None,
        source: Some(*source.fingerprint()),
        tag: None,
    };
    run.journal.append(&placed).unwrap();
    run.journal.sync().unwrap();
    drop(run);
    world.write("up", b"newer one");
    let mut run = world.resume(&id);
    assert!(matches!(run.state.begun(0), Some(Begun::Placed { .. })));
    let report = world.live(&mut run, &world.memory).await.unwrap();
    assert!(matches!(report.first_failure.as_deref(), Some(StepError::SourceChanged(_))), "{report:?}");
    assert_eq!(world.read("up").unwrap(), b"newer one");
    assert!(world.keys().await.is_empty(), "nothing was copied again");
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_fails_takes_nothing() {
    let world = World::new().await;
    world.write("up", b"mine");
    world.put("up", b"theirs").await;
    let report = world.carry_out([takes(upload("up", 4))]).await;
    assert_eq!(report.failed, 1);
    assert_eq!(world.read("up").unwrap(), b"mine");
}

#[tokio::test(start_paused = true)]
async fn what_stands_after_a_change_of_name_waits_for_it() {
    let world = World::new().await;
    world.write("b", b"old b");
    world.write("c", b"c");
    let renamed = Step { to: Some(name("moved")), ..Step::new(Task::Move(Side::Left), name("b"), 0) };
    let tag = world.put("b", b"new b").await;
    let steps = [upload("c", 1), renamed, download("b", 5, &tag)];
    let report = world.carry_out(steps).await;
    assert_eq!(report.outcome, Outcome::Complete, "{report:?}");
    assert_eq!(
        (world.read("moved").unwrap(), world.read("b").unwrap()),
        (b"old b".to_vec(), b"new b".to_vec())
    );
}

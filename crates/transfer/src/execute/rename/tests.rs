//! New names on either side, and lives that end in the middle.

use std::sync::Arc;
use std::time::Duration;

use pintail_core::seam::HttpErrorKind;
use pintail_store::object_store::{ObjectStore, Traits};
use pintail_store::wrap::{Fault, FaultKind, Faults};
use pintail_store::{ErrorKind, Operation};

use super::super::running::End;
use super::super::testing::{Life, Odd, Stage, name, sweep};
use super::*;
use crate::diff::Side;
use crate::fingerprint::Fingerprint;
use crate::plan::Task;
use crate::site::{Ends, Site};

/// Renames at the right side, which is `b/`.
struct Renaming;

impl Life for Renaming {
    async fn live(
        &self,
        shared: &Shared<'_>,
        ends: &Ends,
        step: &Step,
        begun: Option<Begun>,
    ) -> Result<Done, StepFailure> {
        let Site::Remote(at) = &ends.to else { panic!() };
        remote(shared, at, 0, step, begun.as_ref()).await
    }
}

fn step(tag: Option<Tag>) -> Step {
    Step { to: Some(name("new")), tag, ..Step::new(Task::Move(Side::Right), name("old"), 5) }
}

async fn renamed(stage: &Stage, store: &Arc<dyn ObjectStore>, step: &Step) -> Result<Done, StepFailure> {
    let ends = stage.ends(store);
    stage.once(&ends, async |shared| Renaming.live(shared, &ends, step, None).await).await
}

fn said() -> Traits {
    let metadata = [("mtime".to_owned(), "1700000000.5".to_owned())].into();
    Traits { content_type: Some("text/x-duck".into()), metadata, ..Traits::default() }
}

#[tokio::test(start_paused = true)]
async fn an_object_gets_its_new_name_and_keeps_what_is_said_of_it() {
    for lacks in [vec![], vec![Operation::Delete]] {
        let stage = Stage::new().await;
        let tag = stage.put_as("b/old", &b"quack"[..], said()).await;
        let store: Arc<dyn ObjectStore> = Arc::new(Odd { lacks, ..Odd::new(&stage.store) });
        assert_eq!(renamed(&stage, &store, &step(Some(tag))).await.unwrap(), Done::Changed);
        assert!(stage.get("b/old").await.is_none());
        let (info, bytes) = stage.get("b/new").await.unwrap();
        assert_eq!((info.traits, &bytes[..]), (said(), &b"quack"[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_and_an_object_that_changed_stay_as_they_are() {
    let stage = Stage::new().await;
    let tag = stage.put("b/old", &b"quack"[..]).await;
    stage.put("b/new", &b"other"[..]).await;
    let failure = renamed(&stage, &stage.store, &step(Some(tag.clone()))).await.unwrap_err();
    assert!(matches!(failure, StepFailure::Failed(StepError::Taken(_))), "{failure:?}");
    assert_eq!(&stage.get("b/new").await.unwrap().1[..], b"other");
    assert_eq!(&stage.get("b/old").await.unwrap().1[..], b"quack");
    stage.put("b/old", &b"newer"[..]).await;
    let failure = renamed(&stage, &stage.store, &step(Some(tag.clone()))).await.unwrap_err();
    assert!(matches!(failure, StepFailure::Failed(StepError::SourceChanged(_))), "{failure:?}");
    assert_eq!(&stage.get("b/old").await.unwrap().1[..], b"newer");
    let gone = Step { name: name("gone"), to: Some(name("nowhere")), ..step(Some(tag)) };
    let failure = renamed(&stage, &stage.store, &gone).await.unwrap_err();
    assert!(matches!(failure, StepFailure::Failed(StepError::SourceChanged(_))), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_written_while_it_is_renamed_is_not_deleted() {
    let stage = Stage::new().await;
    let tag = stage.put("b/old", &b"quack"[..]).await;
    let slow =
        Fault { operation: Some(Operation::Delete), nth: 1, kind: FaultKind::Slow(Duration::from_secs(9)) };
    let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&stage.store), [slow]));
    let change = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stage.put("b/old", &b"newer"[..]).await
    };
    let planned = step(Some(tag));
    let (outcome, _) = tokio::join!(renamed(&stage, &store, &planned), change);
    let failure = outcome.unwrap_err();
    assert!(matches!(failure, StepFailure::Failed(StepError::SourceChanged(_))), "{failure:?}");
    assert_eq!(&stage.get("b/old").await.unwrap().1[..], b"newer");
    assert_eq!(&stage.get("b/new").await.unwrap().1[..], b"quack");
}

#[tokio::test(start_paused = true)]
async fn it_dies_at_every_call_and_comes_to_the_same_end() {
    let tag = Stage::new().await.put("b/old", &b"quack"[..]).await;
    let step = step(Some(tag));
    let prepare = async |stage: &Stage| drop(stage.put("b/old", &b"quack"[..]).await);
    for (kind, first) in [
        (FaultKind::Hang, 1),
        (FaultKind::FailAfterwards(ErrorKind::Transport(HttpErrorKind::Interrupted)), 2),
        (FaultKind::Fail(ErrorKind::Throttled { after: None }), 2),
    ] {
        let calls = sweep(&Renaming, &kind, &step, prepare, async |stage, nth, outcome, _| {
            if nth >= first {
                assert!(matches!(outcome, Ok(Done::Changed)), "{kind:?} {nth} {outcome:?}");
                assert!(stage.get("b/old").await.is_none(), "{kind:?} {nth}");
                assert_eq!(&stage.get("b/new").await.unwrap().1[..], b"quack", "{kind:?} {nth}");
            }
        });
        assert_eq!(calls.await, 3);
    }
    // It had come to the end, and could not tell; and the old name has gone to what came after it.
    for later in [false, true] {
        let stage = Stage::new().await;
        stage.put("b/new", &b"quack"[..]).await;
        if later {
            stage.put("b/old", &b"a later version"[..]).await;
        }
        assert_eq!(renamed(&stage, &stage.store, &step).await.unwrap(), Done::Changed);
        assert_eq!(stage.get("b/old").await.is_some(), later);
        assert_eq!(&stage.get("b/new").await.unwrap().1[..], b"quack");
    }
    let stage = Stage::new().await;
    stage.put("b/new", &b"other, longer"[..]).await;
    assert!(renamed(&stage, &stage.store, &step).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_file_gets_a_name_that_nobody_has() {
    let stage = Stage::new().await;
    let root = stage.local();
    std::fs::write(root.join("old"), b"quack").unwrap();
    let modified = Fingerprint::of(&std::fs::metadata(root.join("old")).unwrap()).modified();
    let planned = Step { to: Some(name("deep/new")), modified, ..step(None) };
    let side = || Site::Local(root.clone());
    let ends = Ends { from: side(), to: side() };
    let carry_out = async |step: &Step| {
        stage
            .once(&ends, async |shared| {
                let End::Local(folder) = &shared.routes[0].1 else { panic!() };
                local(folder, step)
            })
            .await
    };
    std::fs::create_dir(root.join("deep")).unwrap();
    std::fs::write(root.join("deep/new"), b"other").unwrap();
    let failure = carry_out(&planned).await.unwrap_err();
    assert!(matches!(failure, StepFailure::Failed(StepError::Target(TargetError::Taken(_)))), "{failure:?}");
    assert_eq!(std::fs::read(root.join("old")).unwrap(), b"quack");
    std::fs::remove_file(root.join("deep/new")).unwrap();
    // The second time is that of a life which does not know of the first.
    for _ in 0..2 {
        assert_eq!(carry_out(&planned).await.unwrap(), Done::Changed);
        assert_eq!(std::fs::read(root.join("deep/new")).unwrap(), b"quack");
        assert!(!root.join("old").exists());
    }
    // What a later step of that life brought has the old name by now, and keeps it.
    std::fs::write(root.join("old"), b"a later version").unwrap();
    assert_eq!(carry_out(&planned).await.unwrap(), Done::Changed);
    assert_eq!(std::fs::read(root.join("old")).unwrap(), b"a later version");
    assert_eq!(std::fs::read(root.join("deep/new")).unwrap(), b"quack");
    std::fs::write(root.join("deep/new"), b"another").unwrap();
    assert!(carry_out(&planned).await.is_err());
}

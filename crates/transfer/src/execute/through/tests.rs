//! Copies through this machine: broken reads, other writers, and lives that end in the middle.

use std::sync::Arc;
use std::time::Duration;

use pintail_core::seam::HttpErrorKind;
use pintail_store::object_store::{ObjectStore, Traits};
use pintail_store::wrap::{Fault, FaultKind, Faults, Trace};

use super::super::running::Shared;
use super::super::testing::{Life, Odd, Stage, content, key, name, sweep};
use super::*;
use crate::plan::{Step, Task};
use crate::policy::Guard;
use crate::site::{Ends, Site};

/// Three parts, the last one short.
const SIZE_BYTES: u64 = (10 << 20) + 1000;
const SMALL_BYTES: u64 = 200_000;

struct Copying;

impl Life for Copying {
    async fn live(
        &self,
        shared: &Shared<'_>,
        ends: &Ends,
        step: &Step,
        begun: Option<Begun>,
    ) -> Result<Done, StepFailure> {
        let (Site::Remote(from), Site::Remote(to)) = (&ends.from, &ends.to) else { panic!() };
        ObjectCopy::of(shared, from, to, 0, step)?.through(begun.as_ref()).await
    }
}

fn step(tag: &Tag, size_bytes: u64) -> Step {
    Step { tag: Some(tag.clone()), ..Step::new(Task::CopyThrough, name("file"), size_bytes) }
}

async fn copied(stage: &Stage, store: &Arc<dyn ObjectStore>, step: &Step) -> Result<Done, StepFailure> {
    let ends = stage.ends(store);
    stage.once(&ends, async |shared| Copying.live(shared, &ends, step, None).await).await
}

fn said() -> Traits {
    let metadata = [("mtime".to_owned(), "1700000000.5".to_owned())].into();
    Traits { content_type: Some("text/x-duck".into()), metadata, ..Traits::default() }
}

#[tokio::test(start_paused = true)]
async fn a_small_object_takes_a_read_and_a_write() {
    let stage = Stage::new().await;
    for size_bytes in [0, SMALL_BYTES] {
        let tag = stage.put_as("a/file", content(size_bytes), said()).await;
        let trace = Arc::new(Trace::new(Arc::clone(&stage.store)));
        let store: Arc<dyn ObjectStore> = Arc::<Trace>::clone(&trace);
        let planned = Step { guard: Guard::None, ..step(&tag, size_bytes) };
        let done = copied(&stage, &store, &planned).await.unwrap();
        assert_eq!(done, Done::Moved { size_bytes, proof: Proof::Checksum });
        assert_eq!(trace.counts().calls, 2);
        let (info, bytes) = stage.get("b/file").await.unwrap();
        assert!(info.traits == said() && bytes == content(size_bytes));
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_breaks_or_comes_out_wrong_is_made_again() {
    for size_bytes in [SMALL_BYTES, SIZE_BYTES] {
        for kind in [
            FaultKind::CutBody(100_000),
            FaultKind::FlipByte(150_000),
            FaultKind::Fail(ErrorKind::Throttled { after: None }),
        ] {
            let stage = Stage::new().await;
            let tag = stage.put("a/file", content(size_bytes)).await;
            let fault = Fault { operation: Some(Operation::Get), nth: 1, kind: kind.clone() };
            let faults = Arc::new(Faults::new(Arc::clone(&stage.store), [fault]));
            let store: Arc<dyn ObjectStore> = Arc::<Faults>::clone(&faults);
            let done = copied(&stage, &store, &step(&tag, size_bytes)).await.unwrap();
            assert_eq!(done, Done::Moved { size_bytes, proof: Proof::Checksum }, "{kind:?}");
            assert!(stage.get("b/file").await.unwrap().1 == content(size_bytes), "{kind:?}");
            assert!(faults.outstanding().is_empty() && stage.uploads().await.is_empty(), "{kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_wrote_meanwhile_loses_nothing() {
    for size_bytes in [SMALL_BYTES, SIZE_BYTES] {
        let stage = Stage::new().await;
        let store = Arc::clone(&stage.store);
        let old = stage.put("a/file", content(size_bytes + 1)).await;
        let tag = stage.put("a/file", content(size_bytes)).await;
        let failure = copied(&stage, &store, &step(&old, size_bytes)).await.unwrap_err();
        assert!(matches!(failure, StepFailure::Failed(StepError::SourceChanged(_))), "{failure:?}");
        let gone = Step { name: name("gone"), ..step(&tag, size_bytes) };
        let failure = copied(&stage, &store, &gone).await.unwrap_err();
        assert!(matches!(failure, StepFailure::Failed(StepError::SourceChanged(_))), "{failure:?}");
        assert!(stage.get("b/file").await.is_none());
        stage.put("b/file", &b"other"[..]).await;
        let failure = copied(&stage, &store, &step(&tag, size_bytes)).await.unwrap_err();
        assert!(matches!(failure, StepFailure::Failed(StepError::Taken(_))), "{failure:?}");
        assert_eq!(&stage.get("b/file").await.unwrap().1[..], b"other");
        stage.put("b/file", content(size_bytes)).await;
        assert!(copied(&stage, &store, &step(&tag, size_bytes)).await.is_ok());
        let over = Step { guard: Guard::Match(old), ..step(&tag, size_bytes) };
        stage.put("b/file", &b"second"[..]).await;
        let failure = copied(&stage, &store, &over).await.unwrap_err();
        assert!(matches!(failure, StepFailure::Failed(StepError::Changed(_))), "{failure:?}");
        assert_eq!(stage.uploads().await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_keeps_no_checksum_is_believed_for_the_length_or_read_back() {
    for size_bytes in [SMALL_BYTES, SIZE_BYTES] {
        let mut stage = Stage::new().await;
        stage.put("a/file", content(size_bytes)).await;
        let store: Arc<dyn ObjectStore> = Arc::new(Odd { is_silent: true, ..Odd::new(&stage.store) });
        let planned = Step { tag: None, guard: Guard::None, ..step(&Tag::of(&ETag::new("x")), size_bytes) };
        let done = copied(&stage, &store, &planned).await.unwrap();
        assert_eq!(done, Done::Moved { size_bytes, proof: Proof::Length });
        stage.options.verify = true;
        let done = copied(&stage, &stage.store, &planned).await.unwrap();
        assert_eq!(done, Done::Moved { size_bytes, proof: Proof::Checksum });
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_in_parts_dies_at_every_call_and_goes_on_without_sending_a_part_twice_that_it_told_of() {
    let whole = content(SIZE_BYTES);
    let tag = Stage::new().await.put("a/file", whole.clone()).await;
    let step = step(&tag, SIZE_BYTES);
    let prepare = async |stage: &Stage| drop(stage.put_as("a/file", whole.clone(), said()).await);
    let check = async |stage: &Stage, nth: u64, outcome: &Result<Done, StepFailure>, trace: &Trace| {
        let proof = Proof::Checksum;
        assert!(
            matches!(outcome, Ok(done) if *done == Done::Moved { size_bytes: SIZE_BYTES, proof }),
            "{nth} {outcome:?}"
        );
        let (info, bytes) = stage.get("b/file").await.unwrap();
        assert!(bytes == whole && info.traits == said(), "{nth}");
        assert_eq!(stage.uploads().await, [], "{nth}");
        if nth >= 9 {
            assert_eq!(trace.counts_of(Operation::UploadPart).calls, 0, "{nth}");
        }
    };
    let calls = sweep(&Copying, &FaultKind::Hang, &step, prepare, check).await;
    // A look, the beginning, three reads and writes, the end.
    assert_eq!(calls, 9);
    for kind in [
        FaultKind::Fail(ErrorKind::Transport(HttpErrorKind::Interrupted)),
        FaultKind::FailAfterwards(ErrorKind::Unavailable),
    ] {
        let check = async |stage: &Stage, nth: u64, outcome: &Result<Done, StepFailure>, _: &Trace| {
            assert!(outcome.is_ok(), "{kind:?} {nth} {outcome:?}");
            assert!(stage.get("b/file").await.unwrap().1 == whole, "{kind:?} {nth}");
        };
        sweep(&Copying, &kind, &step, prepare, check).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_changes_between_two_parts_makes_no_object() {
    let stage = Stage::new().await;
    let tag = stage.put("a/file", content(SIZE_BYTES)).await;
    let slow =
        Fault { operation: Some(Operation::Get), nth: 2, kind: FaultKind::Slow(Duration::from_secs(10)) };
    let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&stage.store), [slow]));
    let change = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stage.put("a/file", content(SIZE_BYTES - 1)).await
    };
    let planned = step(&tag, SIZE_BYTES);
    let (outcome, _) = tokio::join!(copied(&stage, &store, &planned), change);
    let failure = outcome.unwrap_err();
    assert!(matches!(failure, StepFailure::Failed(StepError::SourceChanged(_))), "{failure:?}");
    assert!(stage.store.head(&stage.bucket, &key("b/file"), &Default::default()).await.is_err());
    assert_eq!(stage.uploads().await, []);
}

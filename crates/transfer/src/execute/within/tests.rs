//! Copies within a service: other writers, sources that change, and lives that end in the middle.

use std::sync::Arc;
use std::time::Duration;

use pintail_core::seam::HttpErrorKind;
use pintail_store::object_store::{ObjectStore, Traits};
use pintail_store::wrap::{Fault, FaultKind, Faults, Trace};
use pintail_store::{ErrorKind, Operation};

use super::super::testing::{Life, Odd, Stage, content, key, name, sweep};
use super::*;
use crate::plan::{Step, Task};
use crate::site::{Ends, Site};

/// Three parts, the last one short.
const SIZE_BYTES: u64 = (10 << 20) + 1000;

/// Copies in parts above a size.
struct Copying(u64);

impl Life for Copying {
    async fn live(
        &self,
        shared: &Shared<'_>,
        ends: &Ends,
        step: &Step,
        begun: Option<Begun>,
    ) -> Result<Done, StepFailure> {
        let (Site::Remote(from), Site::Remote(to)) = (&ends.from, &ends.to) else { panic!() };
        ObjectCopy::of(shared, from, to, 0, step)?.within(self.0, begun.as_ref()).await
    }
}

fn step(tag: &Tag, size_bytes: u64) -> Step {
    Step { tag: Some(tag.clone()), ..Step::new(Task::CopyWithin, name("file"), size_bytes) }
}

async fn copied(
    stage: &Stage,
    store: &Arc<dyn ObjectStore>,
    step: &Step,
    above: u64,
) -> Result<Done, StepFailure> {
    let ends = stage.ends(store);
    stage.once(&ends, async |shared| Copying(above).live(shared, &ends, step, None).await).await
}

fn said() -> Traits {
    let metadata = [("mtime".to_owned(), "1700000000.5".to_owned())].into();
    Traits { content_type: Some("text/x-duck".into()), metadata, ..Traits::default() }
}

#[tokio::test(start_paused = true)]
async fn one_request_copies_an_object_with_all_that_is_said_of_it() {
    let stage = Stage::new().await;
    let tag = stage.put_as("a/file", &b"quack"[..], said()).await;
    let trace = Arc::new(Trace::new(Arc::clone(&stage.store)));
    let store: Arc<dyn ObjectStore> = Arc::<Trace>::clone(&trace);
    let done = copied(&stage, &store, &step(&tag, 5), ONE_REQUEST_MAX_BYTES).await.unwrap();
    assert_eq!(done, Done::Moved { size_bytes: 5, proof: Proof::Checksum });
    assert_eq!(trace.counts().calls, 1);
    let (info, bytes) = stage.get("b/file").await.unwrap();
    assert_eq!((info.traits, &bytes[..]), (said(), &b"quack"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_read_back_where_that_was_asked_for() {
    let mut stage = Stage::new().await;
    stage.options.verify = true;
    let parts = [&content(5 << 20)[..], b"end"];
    let tag = stage.put_in_parts("a/file", &parts).await;
    let size_bytes = (5 << 20) + 3;
    let done = copied(&stage, &stage.store, &step(&tag, size_bytes), ONE_REQUEST_MAX_BYTES).await;
    assert_eq!(done.unwrap(), Done::Moved { size_bytes, proof: Proof::Checksum });
    // Without, the tag of a copy says nothing of the tag of parts.
    stage.options.verify = false;
    let again = Step { guard: Guard::None, ..step(&tag, size_bytes) };
    let done = copied(&stage, &stage.store, &again, ONE_REQUEST_MAX_BYTES).await;
    assert_eq!(done.unwrap(), Done::Moved { size_bytes, proof: Proof::Length });
}

#[tokio::test(start_paused = true)]
async fn whoever_wrote_meanwhile_loses_nothing() {
    for above in [ONE_REQUEST_MAX_BYTES, 0] {
        let stage = Stage::new().await;
        let store = Arc::clone(&stage.store);
        let old = stage.put("a/file", &b"quack"[..]).await;
        // A source that changed.
        stage.put("a/file", &b"moo"[..]).await;
        let failure = copied(&stage, &store, &step(&old, 5), above).await.unwrap_err();
        assert!(matches!(failure, StepFailure::Failed(StepError::SourceChanged(_))), "{failure:?}");
        assert!(stage.get("b/file").await.is_none());
        // A source that is gone.
        let gone = Step { name: name("gone"), ..step(&old, 5) };
        let failure = copied(&stage, &store, &gone, above).await.unwrap_err();
        assert!(matches!(failure, StepFailure::Failed(StepError::SourceChanged(_))), "{failure:?}");
        // A name that is taken, by something else and by the same.
        let tag = stage.put("a/file", &b"quack"[..]).await;
        stage.put("b/file", &b"other"[..]).await;
        let failure = copied(&stage, &store, &step(&tag, 5), above).await.unwrap_err();
        assert!(matches!(failure, StepFailure::Failed(StepError::Taken(_))), "{failure:?}");
        assert_eq!(&stage.get("b/file").await.unwrap().1[..], b"other");
        stage.put("b/file", &b"quack"[..]).await;
        assert!(copied(&stage, &store, &step(&tag, 5), above).await.is_ok());
        // A target that is not what was looked at, and one that is.
        let seen = stage.put("b/file", &b"first"[..]).await;
        stage.put("b/file", &b"second"[..]).await;
        let over = Step { guard: Guard::Match(seen), ..step(&tag, 5) };
        let failure = copied(&stage, &store, &over, above).await.unwrap_err();
        assert!(matches!(failure, StepFailure::Failed(StepError::Changed(_))), "{failure:?}");
        let seen = stage.put("b/file", &b"third"[..]).await;
        let over = Step { guard: Guard::Match(seen), ..step(&tag, 5) };
        assert!(copied(&stage, &store, &over, above).await.is_ok());
        assert_eq!(&stage.get("b/file").await.unwrap().1[..], b"quack");
        // A target that is gone.
        let over = Step { guard: Guard::Match(old), to: Some(name("nowhere")), ..step(&tag, 5) };
        let failure = copied(&stage, &store, &over, above).await.unwrap_err();
        assert!(matches!(failure, StepFailure::Failed(StepError::Changed(_))), "{failure:?}");
        assert_eq!(stage.uploads().await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_service_cannot_copy_goes_through() {
    for (lacks, above) in [(Operation::Copy, ONE_REQUEST_MAX_BYTES), (Operation::UploadPartCopy, 0)] {
        let stage = Stage::new().await;
        let tag = stage.put_as("a/file", content(SIZE_BYTES), said()).await;
        let store: Arc<dyn ObjectStore> = Arc::new(Odd { lacks: vec![lacks], ..Odd::new(&stage.store) });
        let done = copied(&stage, &store, &step(&tag, SIZE_BYTES), above).await.unwrap();
        assert_eq!(done, Done::Moved { size_bytes: SIZE_BYTES, proof: Proof::Checksum });
        let (info, bytes) = stage.get("b/file").await.unwrap();
        assert!(info.traits == said() && bytes == content(SIZE_BYTES), "{lacks:?}");
        assert_eq!(stage.uploads().await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_in_parts_dies_at_every_call_and_goes_on_without_copying_a_part_twice_that_it_told_of() {
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
        // An upload of which the journal could not tell is only told.
        let lost = stage.uploads().await;
        assert!(lost.len() <= 1, "{nth} {lost:?}");
        for upload in lost {
            let parts = stage.store.list_parts(&upload, &Default::default()).await.unwrap().parts;
            assert_eq!(parts, [], "{nth}");
        }
        assert!(trace.counts_of(Operation::UploadPartCopy).calls <= 3, "{nth}");
    };
    let calls = sweep(&Copying(0), &FaultKind::Hang, &step, prepare, check).await;
    // A look, the beginning, three parts, the end.
    assert_eq!(calls, 6);
    for kind in [
        FaultKind::Fail(ErrorKind::Throttled { after: None }),
        FaultKind::Fail(ErrorKind::Transport(HttpErrorKind::Interrupted)),
        FaultKind::FailAfterwards(ErrorKind::Unavailable),
    ] {
        let check = async |stage: &Stage, nth: u64, outcome: &Result<Done, StepFailure>, _: &Trace| {
            assert!(outcome.is_ok(), "{kind:?} {nth} {outcome:?}");
            assert!(stage.get("b/file").await.unwrap().1 == whole, "{kind:?} {nth}");
        };
        sweep(&Copying(0), &kind, &step, prepare, check).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_changes_between_two_parts_makes_no_object() {
    let stage = Stage::new().await;
    let tag = stage.put("a/file", content(SIZE_BYTES)).await;
    let slow = Fault {
        operation: Some(Operation::UploadPartCopy),
        nth: 2,
        kind: FaultKind::Slow(Duration::from_secs(10)),
    };
    let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&stage.store), [slow]));
    let change = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stage.put("a/file", content(SIZE_BYTES - 1)).await
    };
    let planned = step(&tag, SIZE_BYTES);
    let (outcome, _) = tokio::join!(copied(&stage, &store, &planned, 0), change);
    let failure = outcome.unwrap_err();
    assert!(matches!(failure, StepFailure::Failed(StepError::SourceChanged(_))), "{failure:?}");
    assert!(stage.store.head(&stage.bucket, &key("b/file"), &Default::default()).await.is_err());
    assert_eq!(stage.uploads().await, []);
}

#[tokio::test(start_paused = true)]
async fn parts_of_a_source_that_changed_between_two_lives_are_of_no_use() {
    let stage = Stage::new().await;
    let tag = stage.put("a/file", content(SIZE_BYTES)).await;
    let planned = step(&tag, SIZE_BYTES);
    let mut run = stage.run(&planned);
    let hang = Fault { operation: Some(Operation::UploadPartCopy), nth: 3, kind: FaultKind::Hang };
    let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&stage.store), [hang]));
    let ends = stage.ends(&store);
    let mut unused = crate::journal::State::default();
    {
        let shared = stage.shared(Some(&mut run), &mut unused, &ends);
        let life = Copying(0);
        let life = life.live(&shared, &ends, &planned, None);
        assert!(tokio::time::timeout(Duration::from_secs(9), life).await.is_err());
    }
    assert_eq!(stage.uploads().await.len(), 1);
    stage.put("a/file", content(SIZE_BYTES + 1)).await;
    let begun = run.state.begun(0).cloned();
    assert!(matches!(&begun, Some(Begun::Upload { parts, .. }) if parts.len() == 2), "{begun:?}");
    let shared = stage.shared(Some(&mut run), &mut unused, &ends);
    let failure = Copying(0).live(&shared, &ends, &planned, begun).await.unwrap_err();
    assert!(matches!(failure, StepFailure::Failed(StepError::SourceChanged(_))), "{failure:?}");
    assert!(stage.get("b/file").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn work_without_a_journal_takes_back_what_it_began_when_it_is_stopped() {
    let mut stage = Stage::new().await;
    stage.options.connections_max = 1;
    let tag = stage.put("a/file", content(SIZE_BYTES)).await;
    let slow = Fault {
        operation: Some(Operation::UploadPartCopy),
        nth: 1,
        kind: FaultKind::Slow(Duration::from_secs(10)),
    };
    let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&stage.store), [slow]));
    let ends = stage.ends(&store);
    let planned = step(&tag, SIZE_BYTES);
    let outcome = stage
        .once(&ends, async |shared| {
            let stop = async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                shared.halt.ask();
            };
            tokio::join!(Copying(0).live(shared, &ends, &planned, None), stop).0
        })
        .await;
    assert!(matches!(outcome, Err(StepFailure::Stopped)), "{outcome:?}");
    assert!(stage.get("b/file").await.is_none());
    assert_eq!(stage.uploads().await, []);
}

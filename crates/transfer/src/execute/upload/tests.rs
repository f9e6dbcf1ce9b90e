//! Answers that were lost at services which keep no checksums, and targets that are known by size and time alone.

use std::sync::Arc;

use pintail_store::wrap::{Fault, FaultKind, Faults, Trace};
use pintail_store::{ObjectStore, Operation};

use super::super::dispatch::carry_out;
use super::super::testing::{Odd, Stage, content, name};
use super::*;
use crate::entry::Modified;
use crate::plan::Task;
use crate::site::{Ends, Site};

/// Three parts, the last one short.
const LARGE_BYTES: u64 = (10 << 20) + 1000;

fn step(size_bytes: u64) -> Step {
    Step::new(Task::Upload, name("file"), size_bytes)
}

async fn sent(stage: &Stage, store: &Arc<dyn ObjectStore>, step: &Step) -> Result<Done, StepFailure> {
    let ends = Ends { from: Site::Local(stage.local()), to: Site::Remote(stage.remote(store, "b/")) };
    stage.once(&ends, async |shared| carry_out(shared, 0, step, None).await).await
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_made_up_for_where_the_service_keeps_no_checksum() {
    // behaviour: existing
    for (size, operation) in
        [(0, Operation::Put), (1000, Operation::Put), (LARGE_BYTES, Operation::CompleteUpload)]
    {
        let stage = Stage::new().await;
        std::fs::write(stage.local().join("file"), content(size)).unwrap();
        let kind = FaultKind::FailAfterwards(ErrorKind::Unavailable);
        let fault = Fault { operation: Some(operation), nth: 1, kind };
        let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&stage.store), [fault]));
        let store: Arc<dyn ObjectStore> = Arc::new(Odd { is_silent: true, ..Odd::new(&store) });
        let done = sent(&stage, &store, &step(size)).await;
        assert_eq!(done.unwrap(), Done::Moved { size_bytes: size, proof: Proof::Checksum });
        assert!(stage.get("b/file").await.unwrap().1 == content(size));
        assert!(stage.uploads().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_object_of_the_same_size_stays() {
    // behaviour: existing
    for size in [1000, LARGE_BYTES] {
        for is_silent in [false, true] {
            let stage = Stage::new().await;
            std::fs::write(stage.local().join("file"), content(size)).unwrap();
            let theirs = vec![7; usize::try_from(size).unwrap()];
            stage.put("b/file", theirs.clone()).await;
            let store: Arc<dyn ObjectStore> = Arc::new(Odd { is_silent, ..Odd::new(&stage.store) });
            let failed = sent(&stage, &store, &step(size)).await;
            assert!(matches!(failed, Err(StepFailure::Failed(StepError::Taken(_)))), "{failed:?}");
            assert!(stage.get("b/file").await.unwrap().1 == theirs);
            // One that may not be read is not ours either.
            let refused = FaultKind::Fail(ErrorKind::PermissionDenied);
            let fault = Fault { operation: Some(Operation::Get), nth: 1, kind: refused };
            let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(store, [fault]));
            let failed = sent(&stage, &store, &step(size)).await;
            assert!(matches!(failed, Err(StepFailure::Failed(StepError::Taken(_)))), "{failed:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_known_by_size_and_time_is_looked_at_before_it_is_replaced() {
    // behaviour: existing
    for size in [1000, LARGE_BYTES] {
        let stage = Stage::new().await;
        std::fs::write(stage.local().join("file"), content(size)).unwrap();
        stage.put("b/file", "theirs").await;
        let written = stage.get("b/file").await.unwrap().0.last_modified.unwrap();
        let seen = |size_bytes, seconds| {
            let modified = Modified::written(written + jiff::SignedDuration::from_secs(seconds));
            Step { guard: Guard::Unchanged { size_bytes, modified }, ..step(size) }
        };
        for other in [seen(5, 0), seen(6, -7)] {
            let failed = sent(&stage, &stage.store, &other).await;
            assert!(matches!(failed, Err(StepFailure::Failed(StepError::Changed(_)))), "{failed:?}");
            assert_eq!(stage.get("b/file").await.unwrap().1, "theirs");
            assert!(stage.uploads().await.is_empty());
        }
        assert!(sent(&stage, &stage.store, &seen(6, 0)).await.is_ok());
        assert!(stage.get("b/file").await.unwrap().1 == content(size));
        // A former life wrote it, and could not say so.
        assert!(sent(&stage, &stage.store, &seen(6, -7)).await.is_ok());
        // Whoever knows the state by its tag asks for nothing more.
        let trace = Arc::new(Trace::new(Arc::clone(&stage.store)));
        let store: Arc<dyn ObjectStore> = Arc::clone(&trace) as _;
        assert!(sent(&stage, &store, &Step { guard: Guard::None, ..step(size) }).await.is_ok());
        assert_eq!(trace.counts_of(Operation::Head).calls, 0);
    }
}

//! Sources that are replaced between two lives by something of the same size.

use std::sync::Arc;
use std::time::Duration;

use pintail_store::wrap::{Fault, FaultKind, Faults};
use pintail_store::{ObjectStore, Operation};

use super::super::object::ObjectCopy;
use super::super::step::Done;
use super::super::testing::{Odd, Stage, content, name};
use super::*;
use crate::journal::State;
use crate::plan::{Step, Task};
use crate::site::Site;

/// Three parts, the last one short.
const SIZE_BYTES: u64 = (10 << 20) + 1000;

/// Lives a while; whatever hangs then hangs for ever.
async fn live(
    stage: &Stage,
    run: &mut crate::journal::Run,
    store: &Arc<dyn ObjectStore>,
    step: &Step,
) -> Option<Result<Done, StepFailure>> {
    let ends = stage.ends(store);
    let (Site::Remote(from), Site::Remote(to)) = (&ends.from, &ends.to) else { panic!() };
    let begun = run.state.begun(0).cloned();
    let mut unused = State::default();
    let shared = stage.shared(Some(run), &mut unused, &ends);
    let living = async {
        let copy = ObjectCopy::of(&shared, from, to, 0, step)?;
        match step.task {
            Task::CopyThrough => copy.through(begun.as_ref()).await,
            _ => copy.within(0, begun.as_ref()).await,
        }
    };
    tokio::time::timeout(Duration::from_secs(1000), living).await.ok()
}

#[tokio::test(start_paused = true)]
async fn parts_of_two_states_of_a_source_never_make_one_object() {
    // behaviour: resume
    for (task, operation) in
        [(Task::CopyThrough, Operation::UploadPart), (Task::CopyWithin, Operation::UploadPartCopy)]
    {
        for is_told in [false, true] {
            let stage = Stage::new().await;
            let first = content(SIZE_BYTES);
            let tag = stage.put("a/file", first.clone()).await;
            let silent = |store: Arc<dyn ObjectStore>| -> Arc<dyn ObjectStore> {
                Arc::new(Odd { is_silent: true, ..Odd::new(&store) })
            };
            let tag = is_told.then(|| Tag::of(&ETag::new(&format!("v-{}", tag.etag()))));
            let step = Step { tag, ..Step::new(task.clone(), name("file"), SIZE_BYTES) };
            let mut run = stage.run(&step);
            let id = run.id.clone();
            let hang = Fault { operation: Some(operation), nth: 3, kind: FaultKind::Hang };
            let faults = silent(Arc::new(Faults::new(Arc::clone(&stage.store), [hang])));
            assert!(live(&stage, &mut run, &faults, &step).await.is_none());
            drop(run);
            let second: Vec<u8> = first.iter().map(|byte| byte ^ 1).collect();
            stage.put("a/file", second.clone()).await;
            let mut run = stage.runs.resume(&id, "0", &*stage.clock).unwrap();
            assert!(matches!(run.state.begun(0), Some(Begun::Upload { parts, .. }) if parts.len() == 2));
            let ended = live(&stage, &mut run, &silent(Arc::clone(&stage.store)), &step).await.unwrap();
            let copy = stage.get("b/file").await.map(|(_, bytes)| bytes);
            if is_told {
                assert!(matches!(ended, Err(StepFailure::Failed(StepError::SourceChanged(_)))), "{ended:?}");
                assert!(copy.is_none());
            } else {
                assert!(ended.is_ok(), "{ended:?}");
                assert!(copy.unwrap() == second, "{task:?}: it is of two states");
                assert_eq!(stage.uploads().await, []);
            }
        }
    }
}

//! Lives that end at any moment: before and after every call to the service, and at every event of the journal.
//!
//! A death is a future that is dropped where it is; a process that is killed takes nothing away either. What the journal had not written to its file is
//! lost with it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use pintail_store::object_store::{ObjectStore, Upload};
use pintail_store::wrap::{Fault, FaultKind, Faults, Trace};
use pintail_store::{ErrorKind, Operation};
use pintail_transfer::execute::Durability;
use pintail_transfer::journal::Outcome;
use pintail_transfer::plan::Step;

use crate::world::*;

/// Lives until a call hangs, which is where it dies. Returns whether it came to its end.
async fn dies(world: &World, run: &mut pintail_transfer::journal::Run, store: &Arc<dyn ObjectStore>) -> bool {
    tokio::select! {
        biased;
        ended = world.live(run, store) => {
            assert_eq!(ended.unwrap().outcome, Outcome::Complete);
            true
        }
        // Longer than any wait between tries: everything else has happened by then.
        () = tokio::time::sleep(Duration::from_secs(120)) => false,
    }
}

/// Lets a plan die at each of its calls, before or after what the call does, and goes on with it.
async fn dies_everywhere(prepare: impl AsyncFn(&mut World) -> Vec<Step>, check: impl AsyncFn(&World, &str)) {
    for happens in [false, true] {
        let mut nth = 1;
        loop {
            let mut world = World::new().await;
            world.options.connections_max = 2;
            let steps = prepare(&mut world).await;
            let death = format!("call {nth}, which {}", if happens { "happens" } else { "does not happen" });
            let faults: Arc<Faults> = Arc::new(Faults::new(Arc::clone(&world.memory), []));
            let kind =
                if happens { FaultKind::FailAfterwards(ErrorKind::InvalidRequest) } else { FaultKind::Hang };
            faults.order(Fault { operation: None, nth, kind });
            let store: Arc<dyn ObjectStore> =
                if happens { Arc::new(HangsAfterwards::new(&faults)) } else { Arc::clone(&faults) as _ };
            let mut run = world.begin(steps);
            let id = run.id.clone();
            let ended = dies(&world, &mut run, &store).await;
            drop(run);
            let mut strays = Vec::new();
            if !ended {
                let mut run = world.resume(&id);
                let report = world.live(&mut run, &world.memory).await.unwrap();
                assert_eq!(report.outcome, Outcome::Complete, "{death}: {report:?}");
                strays = report.strays;
            }
            check(&world, &death).await;
            assert_eq!((world.uploads().await, strays.len()), (0, 0), "{death}: {strays:?}");
            assert!(
                world.files().keys().all(|file| !file.contains(".pintail-")),
                "{death}: {:?}",
                world.files()
            );
            let recorded = world.runs.show(&id).unwrap();
            assert_eq!(
                (recorded.state.remaining().count(), recorded.state.leftovers().count()),
                (0, 0),
                "{death}"
            );
            if ended {
                break;
            }
            nth += 1;
            assert!(nth < 60, "it never comes to its end");
        }
        assert!(nth > 2, "it died at {} calls only", nth - 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_at_any_call_goes_on_to_equal_bytes_and_leaves_nothing() {
    // behaviour: resume
    let prepare = async |world: &mut World| {
        world.write("up small", &content(1000, 1));
        world.write("up large", &content(TWO_PARTS_BYTES, 2));
        let small = world.put("down small", &content(1000, 3)).await;
        let middle = world.put("down middle", &content(290_000, 4)).await;
        let large = world.put("down large", &content(TWO_PARTS_BYTES, 5)).await;
        vec![
            upload("up small", 1000),
            upload("up large", TWO_PARTS_BYTES),
            download("down small", 1000, &small),
            download("down middle", 290_000, &middle),
            download("down large", TWO_PARTS_BYTES, &large),
        ]
    };
    dies_everywhere(prepare, async |world, death| {
        for (key, size, seed) in [("up small", 1000, 1), ("up large", TWO_PARTS_BYTES, 2)] {
            assert!(world.got(key).await.unwrap() == content(size, seed), "{key}: {death}");
        }
        for (file, size, seed) in
            [("down small", 1000, 3), ("down middle", 290_000, 4), ("down large", TWO_PARTS_BYTES, 5)]
        {
            assert!(world.read(file).unwrap() == content(size, seed), "{file}: {death}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_move_that_dies_at_any_call_loses_nothing_and_ends_on_one_side() {
    // behaviour: mv
    let prepare = async |world: &mut World| {
        world.options.sync = Durability::Batch;
        world.write("up small", &content(1000, 1));
        world.write("up large", &content(TWO_PARTS_BYTES, 2));
        let small = world.put("down small", &content(1000, 3)).await;
        let large = world.put("down large", &content(TWO_PARTS_BYTES, 5)).await;
        let steps = [
            upload("up small", 1000),
            upload("up large", TWO_PARTS_BYTES),
            download("down small", 1000, &small),
            download("down large", TWO_PARTS_BYTES, &large),
        ];
        steps.into_iter().map(|step| Step { takes: true, ..step }).collect()
    };
    dies_everywhere(prepare, async |world, death| {
        assert_eq!(world.keys().await, ["up large", "up small"], "{death}");
        assert!(world.got("up small").await.unwrap() == content(1000, 1), "{death}");
        assert!(world.got("up large").await.unwrap() == content(TWO_PARTS_BYTES, 2), "{death}");
        let there: BTreeMap<String, u64> =
            [("down large".to_owned(), TWO_PARTS_BYTES), ("down small".to_owned(), 1000)].into();
        assert_eq!(world.files(), there, "{death}");
        assert!(world.read("down small").unwrap() == content(1000, 3), "{death}");
        assert!(world.read("down large").unwrap() == content(TWO_PARTS_BYTES, 5), "{death}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_life_that_ends_at_any_poll_is_gone_on_with() {
    for polls in 1..60 {
        let mut world = World::new().await;
        world.options.sync = Durability::Batch;
        let mut steps = Vec::new();
        for number in 0..6 {
            let file = format!("up {number}");
            world.write(&file, &content(100 + number, number));
            steps.push(upload(&file, 100 + number));
            let tag = world.put(&format!("down {number}"), &content(50 + number, number)).await;
            steps.push(download(&format!("down {number}"), 50 + number, &tag));
        }
        let mut run = world.begin(steps);
        let id = run.id.clone();
        let mut left = polls;
        let ended = {
            let mut life = Box::pin(world.live(&mut run, &world.memory));
            std::future::poll_fn(|cx| {
                if left == 0 {
                    return Poll::Ready(false);
                }
                left -= 1;
                life.as_mut().poll(cx).map(|ended| {
                    ended.unwrap();
                    true
                })
            })
            .await
        };
        drop(run);
        if !ended {
            let mut run = world.resume(&id);
            let report = world.live(&mut run, &world.memory).await.unwrap();
            assert_eq!(report.outcome, Outcome::Complete, "poll {polls}");
        }
        for number in 0..6 {
            assert!(world.got(&format!("up {number}")).await.unwrap() == content(100 + number, number));
            assert!(world.read(&format!("down {number}")).unwrap() == content(50 + number, number));
        }
        assert!(world.files().keys().all(|file| !file.contains(".pintail-")));
    }
}

#[tokio::test(start_paused = true)]
async fn parts_that_were_sent_are_not_sent_again() {
    // The third part hangs; two are in the journal, or at the service alone.
    for lost in [false, true] {
        let world = World::new().await;
        world.write("large", &content(LARGE_BYTES, 1));
        let hang = Fault { operation: Some(Operation::UploadPart), nth: 3, kind: FaultKind::Hang };
        let faults: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.memory), [hang]));
        let mut run = world.begin([upload("large", LARGE_BYTES)]);
        let id = run.id.clone();
        assert!(!dies(&world, &mut run, &faults).await);
        let journal = run.journal.origin().path.clone();
        drop(run);
        if lost {
            // The journal had not told of the parts when the power went: what is left is what was made safe with the beginning of the upload.
            let events = pintail_transfer::journal::read(&journal).unwrap();
            let parts = |state: &pintail_transfer::journal::State| match state.begun(0) {
                Some(pintail_transfer::journal::Begun::Upload { parts, .. }) => parts.len(),
                _ => 0,
            };
            assert_eq!(parts(&events.state), 2);
            let whole = std::fs::read(&journal).unwrap();
            let cut = (0..whole.len()).rev().find(|length| {
                std::fs::write(&journal, &whole[..*length]).unwrap();
                pintail_transfer::journal::read(&journal).is_ok_and(|read| parts(&read.state) == 0)
            });
            assert!(cut.is_some());
        }
        let trace = Arc::new(Trace::new(Arc::clone(&world.memory)));
        let store: Arc<dyn ObjectStore> = Arc::clone(&trace) as _;
        let mut run = world.resume(&id);
        let report = world.live(&mut run, &store).await.unwrap();
        assert_eq!(report.outcome, Outcome::Complete);
        assert_eq!(report.moved_bytes, 1000, "only the last part was missing");
        assert!(world.got("large").await.unwrap() == content(LARGE_BYTES, 1));
        assert_eq!(trace.counts_of(Operation::UploadPart).calls, 1);
        assert_eq!(world.uploads().await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn uploads_of_others_to_the_same_key_are_left_alone() {
    let world = World::new().await;
    world.write("large", &content(LARGE_BYTES, 1));
    let key = "large".parse().unwrap();
    let begin = async || world.memory.create_upload(&world.bucket, &key, &Default::default()).await.unwrap();
    // Before the run, by another run that may go on, and unknown between the run's lives.
    begin().await;
    world.clock.advance(jiff::SignedDuration::from_secs(10));
    let hang = Fault { operation: Some(Operation::CreateUpload), nth: 1, kind: FaultKind::Hang };
    let faults: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.memory), [hang]));
    let mut run = world.begin([upload("large", LARGE_BYTES)]);
    let id = run.id.clone();
    assert!(!dies(&world, &mut run, &faults).await);
    drop(run);
    let hang = Fault { operation: Some(Operation::UploadPart), nth: 1, kind: FaultKind::Hang };
    let faults: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.memory), [hang]));
    let mut other = world.begin([upload("large", LARGE_BYTES)]);
    assert!(!dies(&world, &mut other, &faults).await);
    drop(other);
    begin().await;
    assert_eq!(world.uploads().await, 3);
    let mut run = world.resume(&id);
    let report = world.live(&mut run, &world.memory).await.unwrap();
    assert_eq!(report.outcome, Outcome::Complete);
    // What is left is the one before the run, and the one of the other run.
    assert_eq!(world.uploads().await, 2);
    assert_eq!(report.strays, []);
}

/// A journal of a newer program cannot be read: whatever is unknown may be its run's, which goes on under that program.
#[tokio::test(start_paused = true)]
async fn what_a_newer_programs_run_may_have_begun_is_named_and_left_alone() {
    let world = World::new().await;
    world.write("large", &content(LARGE_BYTES, 1));
    let key = "large".parse().unwrap();
    let newer = world.begin([upload("large", LARGE_BYTES)]);
    let journal = newer.journal.origin().path.clone();
    drop(newer);
    let bytes = std::fs::read(&journal).unwrap();
    for (version, left) in [(bytes[6], 0), (99, 1)] {
        let mut bytes = bytes.clone();
        // Behind the six bytes that journals begin with.
        bytes[6] = version;
        std::fs::write(&journal, bytes).unwrap();
        let hang = Fault { operation: Some(Operation::CreateUpload), nth: 1, kind: FaultKind::Hang };
        let faults: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&world.memory), [hang]));
        let mut run = world.begin([upload("large", LARGE_BYTES)]);
        let id = run.id.clone();
        assert!(!dies(&world, &mut run, &faults).await);
        drop(run);
        world.memory.create_upload(&world.bucket, &key, &Default::default()).await.unwrap();
        let report = world.live(&mut world.resume(&id), &world.memory).await.unwrap();
        assert_eq!(report.outcome, Outcome::Complete);
        assert_eq!((report.strays.len(), world.uploads().await), (left, left), "version {version}");
    }
}

/// Hangs where the faults within would have failed after the call happened.
#[derive(Debug)]
struct HangsAfterwards {
    faults: Arc<Faults>,
}

impl HangsAfterwards {
    fn new(faults: &Arc<Faults>) -> Self {
        Self { faults: Arc::clone(faults) }
    }

    async fn hangs<T>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let had = self.faults.outstanding().len();
        let answer = call.await;
        if had > self.faults.outstanding().len() && answer.is_err() {
            return std::future::pending().await;
        }
        answer
    }
}

macro_rules! passed_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        use pintail_core::name::{BucketName, ObjectKey};
        use pintail_store::Payload;
        use pintail_store::error::Result;
        use pintail_store::object_store::*;

        #[async_trait::async_trait]
        impl ObjectStore for HangsAfterwards {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                self.hangs(self.faults.$name($($argument),*)).await
            })*
        }
    };
}

passed_on! {
    list_buckets(options: &ListBuckets) -> BucketPage;
    create_bucket(bucket: &BucketName) -> ();
    delete_bucket(bucket: &BucketName) -> ();
    head_bucket(bucket: &BucketName) -> BucketInfo;
    list(bucket: &BucketName, options: &List) -> ListPage;
    head(bucket: &BucketName, key: &ObjectKey, options: &Head) -> ObjectInfo;
    get(bucket: &BucketName, key: &ObjectKey, options: &Get) -> Got;
    put(bucket: &BucketName, key: &ObjectKey, payload: Payload, options: &Put) -> Stored;
    delete(bucket: &BucketName, key: &ObjectKey, options: &Delete) -> Deleted;
    delete_many(bucket: &BucketName, items: &[DeleteItem]) -> Vec<DeleteOutcome>;
    copy(source: &CopySource, bucket: &BucketName, key: &ObjectKey, options: &Copy) -> Copied;
    create_upload(bucket: &BucketName, key: &ObjectKey, options: &CreateUpload) -> Upload;
    upload_part(upload: &Upload, number: PartNumber, payload: Payload, options: &UploadPart) -> PartInfo;
    upload_part_copy(upload: &Upload, number: PartNumber, source: &CopySource, range: Option<ByteRange>) -> PartInfo;
    list_parts(upload: &Upload, options: &ListParts) -> PartPage;
    list_uploads(bucket: &BucketName, options: &ListUploads) -> UploadPage;
    complete_upload(upload: &Upload, parts: &PartList, options: &CompleteUpload) -> Stored;
    abort_upload(upload: &Upload) -> ();
}

//! How the upload of a pipe ends: with its input, with a stop, or with an answer that was lost.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pintail_store::ObjectStore;
use pintail_store::wrap::{Fault, FaultKind, Faults};
use tokio::io::ReadBuf;

use super::super::testing::{Odd, Stage, content, name};
use super::super::{Listener, StepEnd, Stop};
use super::*;
use crate::plan::Task;

const KEY: &str = "b/from a pipe";

/// A program that writes into the pipe and ends. Ctrl-C ends it, and asks for the end here as well.
struct Producer {
    content: Vec<u8>,
    at: usize,
    stop: Option<Stop>,
}

impl AsyncRead for Producer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = buffer.remaining().min(self.content.len() - self.at);
        buffer.put_slice(&self.content[self.at..self.at + length]);
        self.at += length;
        if length == 0
            && let Some(stop) = &self.stop
        {
            stop.ask();
        }
        Poll::Ready(Ok(()))
    }
}

fn step(guard: Guard) -> Step {
    Step { guard, ..Step::new(Task::Upload, name("from a pipe"), 0) }
}

/// Sends a pipe while something else happens.
async fn sent(
    stage: &Stage,
    store: &Arc<dyn ObjectStore>,
    step: &Step,
    mut input: Producer,
    meanwhile: impl AsyncFnOnce(&Shared<'_>),
) -> Result<Done, StepFailure> {
    let (ends, remote) = (stage.ends(store), stage.remote(store, "b/"));
    let sending = stage.once(&ends, async |shared| {
        let sent = from_reader(shared, &mut input, &remote, 0, step, None);
        futures_util::future::join(sent, meanwhile(shared)).await.0
    });
    tokio::time::timeout(Duration::from_secs(1000), sending).await.expect("it does not hang")
}

fn faults(stage: &Stage, operation: Operation, nth: u64, kind: FaultKind) -> Arc<dyn ObjectStore> {
    let fault = Fault { operation: Some(operation), nth, kind };
    Arc::new(Faults::new(Arc::clone(&stage.store), [fault]))
}

#[tokio::test(start_paused = true)]
async fn what_a_stopped_program_had_written_so_far_makes_no_object() {
    // behaviour: resume
    for size in [100_000, 9 << 20, 40 << 20] {
        for at_once in [true, false] {
            let stage = Stage::new().await;
            stage.put(KEY, "before").await;
            let stop = at_once.then(|| stage.stop.clone());
            let input = Producer { content: content(size), at: 0, stop };
            let meanwhile = async |_: &Shared<'_>| {
                // The signal comes a little later than the end of the pipe.
                sleep(Duration::from_millis(20)).await;
                stage.stop.ask();
            };
            let ended = sent(&stage, &stage.store, &step(Guard::None), input, meanwhile).await;
            assert!(matches!(ended, Err(StepFailure::Stopped)), "{size} {at_once}: {ended:?}");
            assert_eq!(stage.get(KEY).await.unwrap().1, "before", "{size} {at_once}");
            assert!(stage.uploads().await.is_empty(), "{size} {at_once}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pipe_that_is_stopped_while_its_parts_are_sent_leaves_no_upload() {
    // behaviour: resume
    for (size, operation, nth) in [
        // Memory is full; everything was read; everything was sent.
        (40 << 20, Operation::UploadPart, 2),
        (12 << 20, Operation::UploadPart, 3),
        (12 << 20, Operation::CompleteUpload, 1),
    ] {
        let mut stage = Stage::new().await;
        stage.options.memory_bytes = 15 << 20;
        let store = faults(&stage, operation, nth, FaultKind::Hang);
        let input = Producer { content: content(size), at: 0, stop: None };
        let meanwhile = async |shared: &Shared<'_>| {
            sleep(Duration::from_secs(1)).await;
            shared.halt.ask();
            let asked = tokio::time::Instant::now();
            while !stage.uploads().await.is_empty() {
                sleep(Duration::from_millis(50)).await;
                // What is under way is given two seconds.
                assert!(asked.elapsed() < Duration::from_secs(2), "{size} {operation:?}");
            }
        };
        let ended = sent(&stage, &store, &step(Guard::Absent), input, meanwhile).await;
        assert!(matches!(ended, Err(StepFailure::Stopped)), "{size} {operation:?}: {ended:?}");
        assert!(stage.get(KEY).await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_pipe_whose_last_answer_was_lost_is_done() {
    // behaviour: existing
    for (size, operation) in [(100_000, Operation::Put), (12 << 20, Operation::CompleteUpload)] {
        for is_silent in [false, true] {
            let stage = Stage::new().await;
            let store = faults(&stage, operation, 1, FaultKind::FailAfterwards(ErrorKind::Unavailable));
            let store: Arc<dyn ObjectStore> = Arc::new(Odd { is_silent, ..Odd::new(&store) });
            let input = Producer { content: content(size), at: 0, stop: None };
            let done = sent(&stage, &store, &step(Guard::Absent), input, async |_: &Shared<'_>| {}).await;
            let proved = Done::Moved { size_bytes: size, proof: Proof::Checksum };
            assert_eq!(done.unwrap(), proved, "{operation:?} {is_silent}");
            assert!(stage.get(KEY).await.unwrap().1 == content(size));
            assert!(stage.uploads().await.is_empty());
        }
    }
    // Of somebody else's object with as many bytes it is not believed.
    for is_silent in [false, true] {
        let stage = Stage::new().await;
        stage.put(KEY, vec![1; 12 << 20]).await;
        let store: Arc<dyn ObjectStore> = Arc::new(Odd { is_silent, ..Odd::new(&stage.store) });
        let input = Producer { content: content(12 << 20), at: 0, stop: None };
        let failed = sent(&stage, &store, &step(Guard::Absent), input, async |_: &Shared<'_>| {}).await;
        assert!(matches!(failed, Err(StepFailure::Failed(StepError::Taken(_)))), "{failed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_known_by_size_and_time_is_looked_at_before_a_pipe_replaces_it() {
    // behaviour: existing
    for size in [100, 12 << 20] {
        let stage = Stage::new().await;
        stage.put(KEY, "theirs").await;
        let written = stage.get(KEY).await.unwrap().0.last_modified.unwrap();
        let modified = crate::entry::Modified::written(written);
        for (size_bytes, is_same) in [(7, false), (6, true)] {
            let step = step(Guard::Unchanged { size_bytes, modified });
            let input = Producer { content: content(size), at: 0, stop: None };
            let ended = sent(&stage, &stage.store, &step, input, async |_: &Shared<'_>| {}).await;
            assert_eq!(ended.is_ok(), is_same, "{ended:?}");
            let changed = matches!(ended, Err(StepFailure::Failed(StepError::Changed(_))));
            assert_eq!(changed, !is_same, "{ended:?}");
            assert_eq!(stage.get(KEY).await.unwrap().1 == content(size), is_same);
            assert!(stage.uploads().await.is_empty());
        }
    }
}

/// Keeps what goes to standard output.
#[derive(Default)]
struct Kept(std::sync::Mutex<Vec<u8>>);

impl Listener for Kept {
    fn ended(&self, _: &Step, _: &StepEnd) {}

    fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_object_is_read_without_the_permission_for_its_versions() {
    let stage = Stage::new().await;
    let tag = stage.put("a/large", content(12 << 20)).await;
    let store: Arc<dyn ObjectStore> = Arc::new(Odd { has_versions: true, ..Odd::new(&stage.store) });
    let step = Step { tag: Some(tag), ..Step::new(Task::Download, name("large"), 12 << 20) };
    let (ends, kept) = (stage.ends(&store), Kept::default());
    let mut state = crate::journal::State::new([true]);
    let shared = stage.shared(None, &mut state, &ends);
    let context = super::super::Context { listener: &kept, ..shared.context };
    let shared = Shared { context, ..shared };
    let done = download(&shared, &stage.remote(&store, "a/"), &step).await.unwrap();
    assert_eq!(done, Done::Moved { size_bytes: 12 << 20, proof: Proof::Checksum });
    assert!(*kept.0.lock().unwrap() == content(12 << 20));
}

//! Runs that are killed at every call and cancelled, uploads nobody knows, and orphans.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use pintail_store::Operation;
use pintail_store::object_store::{CreateUpload, ObjectStore};
use pintail_store::wrap::{Fault, FaultKind, Faults};

use super::super::object::ObjectCopy;
use super::super::orphans::{Orphan, abort as abort_chosen, orphans};
use super::super::strays::Stray;
use super::super::testing::{Stage, content, key, name};
use super::*;
use crate::entry::Tag;
use crate::journal::{Condition, Run, State};
use crate::name::rule::unfinished;

/// Three parts, the last one short.
const SIZE_BYTES: u64 = (10 << 20) + 1000;

fn step(tag: &Tag) -> Step {
    Step { tag: Some(tag.clone()), ..Step::new(Task::CopyThrough, name("file"), SIZE_BYTES) }
}

/// Begins a copy, and kills it at a call.
async fn killed(stage: &Stage, step: &Step, nth: u64) -> (Run, bool) {
    let mut run = stage.run(step);
    let hang = Fault { operation: None, nth, kind: FaultKind::Hang };
    let faults = Arc::new(Faults::new(Arc::clone(&stage.store), [hang]));
    let store: Arc<dyn ObjectStore> = Arc::<Faults>::clone(&faults);
    let ends = stage.ends(&store);
    {
        let mut unused = State::default();
        let shared = stage.shared(Some(&mut run), &mut unused, &ends);
        let (Site::Remote(from), Site::Remote(to)) = (&ends.from, &ends.to) else { panic!() };
        let copy = ObjectCopy::of(&shared, from, to, 0, step).unwrap();
        let life = copy.through(None);
        let _ = tokio::time::timeout(Duration::from_secs(100_000), life).await;
    }
    let id = run.id.clone();
    drop(run);
    (stage.runs.resume(&id, "0", &*stage.clock).unwrap(), faults.outstanding().is_empty())
}

fn work<'a>(run: &'a mut Run, ends: &'a [Ends]) -> Work<'a> {
    Work { plan: &run.plan, state: &mut run.state, journal: Some(&mut run.journal), ends }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_killed_anywhere_leaves_nothing_when_it_is_cancelled() {
    for nth in 1.. {
        let stage = Stage::new().await;
        let tag = stage.put("a/file", content(SIZE_BYTES)).await;
        let (mut run, hit) = killed(&stage, &step(&tag), nth).await;
        if !hit {
            assert_eq!(nth, 10);
            break;
        }
        let begun = stage.uploads().await.len() as u64;
        let ends = [stage.ends(&stage.store)];
        let cancelled = cancel(work(&mut run, &ends), stage.context()).await.unwrap();
        assert_eq!(cancelled, Cancelled { taken_back: begun, strays: vec![] }, "{nth}");
        assert!(stage.uploads().await.is_empty() && stage.get("b/file").await.is_none(), "{nth}");
        let recorded = stage.runs.show(&run.id).unwrap();
        assert_eq!(recorded.state.ended().map(|(_, outcome)| outcome), Some(Outcome::Cancelled));
        assert_eq!(recorded.state.leftovers().count(), 0, "{nth}");
        // A second time there is nothing, and no harm.
        assert_eq!(cancel(work(&mut run, &ends), stage.context()).await.unwrap().taken_back, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_back_stays_in_the_journal() {
    let stage = Stage::new().await;
    let tag = stage.put("a/file", content(SIZE_BYTES)).await;
    let (mut run, _) = killed(&stage, &step(&tag), 5).await;
    let refuse = Fault { operation: None, nth: 1, kind: FaultKind::Fail(ErrorKind::PermissionDenied) };
    let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&stage.store), [refuse]));
    let error = cancel(work(&mut run, &[stage.ends(&store)]), stage.context()).await.unwrap_err();
    assert!(matches!(&error, ExecuteError::Step(_)), "{error:?}");
    assert_eq!(stage.runs.show(&run.id).unwrap().state.leftovers().count(), 1);
    let cancelled = cancel(work(&mut run, &[stage.ends(&stage.store)]), stage.context()).await.unwrap();
    assert_eq!(cancelled, Cancelled { taken_back: 1, strays: vec![] });
    assert_eq!(stage.uploads().await, []);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_the_journal_does_not_know_is_taken_back_if_it_is_the_only_one() {
    // behaviour: unknown-uploads
    for others in [0, 1, 2] {
        let stage = Stage::new().await;
        let tag = stage.put("a/file", content(SIZE_BYTES)).await;
        let mut run = stage.run(&step(&tag));
        stage.clock.advance(SignedDuration::from_millis(10));
        for _ in 0..=others {
            stage.store.create_upload(&stage.bucket, &key("b/file"), &CreateUpload::default()).await.unwrap();
        }
        let ends = [stage.ends(&stage.store)];
        let cancelled = cancel(work(&mut run, &ends), stage.context()).await.unwrap();
        let left = if others == 0 { 0 } else { others + 1 };
        assert_eq!(cancelled.strays.len(), left);
        assert_eq!(stage.uploads().await.len(), left);
    }
}

#[tokio::test(start_paused = true)]
async fn uploads_that_the_journal_does_not_know_are_told_where_some_are_not_of_the_run() {
    let stage = Stage::new().await;
    let begin = async |at: &str| {
        stage.store.create_upload(&stage.bucket, &key(at), &CreateUpload::default()).await.unwrap()
    };
    let before = begin("b/file").await;
    stage.clock.advance(SignedDuration::from_secs(60));
    let tag = stage.put("a/file", content(SIZE_BYTES)).await;
    let mut run = stage.run(&step(&tag));
    stage.clock.advance(SignedDuration::from_millis(10));
    // One of the run, whose process died before it could write this down, and one of another program.
    let strays = [begin("b/file").await, begin("b/file").await];
    let elsewhere = begin("b/other").await;
    let with_parts = begin("b/file").await;
    stage.put_part(&with_parts, 1, b"of somebody else").await;
    let ends = [stage.ends(&stage.store)];
    let cancelled = cancel(work(&mut run, &ends), stage.context()).await.unwrap();
    let told =
        strays.iter().map(|upload| Stray { bookmark: "work".into(), upload: upload.clone() }).collect();
    assert_eq!(cancelled, Cancelled { taken_back: 0, strays: told });
    let [one, other] = strays;
    let mut left = stage.uploads().await;
    left.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(left, [before, one, other, elsewhere, with_parts]);
}

#[tokio::test(start_paused = true)]
async fn unfinished_files_of_downloads_go_and_others_stay() {
    let stage = Stage::new().await;
    let root = stage.local();
    let download = |of: &str| Step::new(Task::Download, name(of), 5);
    let mut run = stage.run_of(&[download("deep/one"), download("two"), download("gone/three")]);
    let ends = [Ends { from: Site::Remote(stage.remote(&stage.store, "a/")), to: Site::Local(root.clone()) }];
    std::fs::create_dir(root.join("deep")).unwrap();
    let known = unfinished(1);
    let event =
        Event::DownloadBegun { step: 0, partial: known.clone(), size_bytes: 5, tag: None, version: None };
    run.journal.append(&event).unwrap();
    run.state.apply(&event).unwrap();
    let unknown = {
        let mut unused = State::default();
        let shared = stage.shared(Some(&mut run), &mut unused, &ends[0]);
        unfinished(shared.record.partial_number(1).unwrap())
    };
    let other = unfinished(2);
    for path in [root.join("deep").join(&known), root.join(&unknown), root.join(&other), root.join("file")] {
        std::fs::write(path, b"12").unwrap();
    }
    assert_eq!(cancel(work(&mut run, &ends), stage.context()).await.unwrap().taken_back, 2);
    let mut left: Vec<String> = std::fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let mut expected = vec!["deep".to_owned(), "file".into(), other];
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!(std::fs::read_dir(root.join("deep")).unwrap().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn orphans_are_told_with_their_runs_and_only_chosen_ones_are_aborted() {
    let stage = Stage::new().await;
    let tag = stage.put("a/file", content(SIZE_BYTES)).await;
    // One that can go on, one that was cancelled while the service was away, and one of somebody else.
    let (going_on, _) = killed(&stage, &step(&tag), 8).await;
    let kept = stage.uploads().await;
    let (mut given_up, _) = killed(&stage, &step(&tag), 8).await;
    let lost: Vec<Upload> =
        stage.uploads().await.into_iter().filter(|upload| !kept.contains(upload)).collect();
    let ended = Event::Ended { at_ns: 5, outcome: Outcome::Cancelled };
    given_up.journal.append(&ended).unwrap();
    given_up.journal.sync().unwrap();
    let (of, id) = (given_up.id.clone(), going_on.id.clone());
    drop((given_up, going_on));
    let foreign =
        stage.store.create_upload(&stage.bucket, &key("b/zoo"), &CreateUpload::default()).await.unwrap();
    stage.put_part(&foreign, 1, b"12345").await;
    let remote = stage.remote(&stage.store, "b/");
    let found = orphans(&remote, &stage.runs).await.unwrap();
    let [ours, theirs] = &found[..] else { panic!("{found:?}") };
    assert_eq!((&ours.upload, &ours.run, ours.parts > 0), (&lost[0], &Some(of), true));
    let initiated = theirs.initiated;
    let expected = Orphan { upload: foreign.clone(), initiated, parts: 1, size_bytes: 5, run: None };
    assert_eq!(*theirs, expected);
    let aborted = abort_chosen(&remote, &[lost[0].clone(), lost[0].clone()]).await;
    assert!(matches!(&aborted[..], [Ok(true), Ok(false)]), "{aborted:?}");
    assert_eq!(stage.uploads().await, [kept[0].clone(), foreign]);
    let listed = stage.runs.list().unwrap();
    let condition = &listed.iter().find(|listed| listed.id == id).unwrap().condition;
    assert!(matches!(condition, Condition::Stopped), "{condition:?}");
}

fn report(outcome: &Result<crate::execute::Report, ExecuteError>) -> (Outcome, u64, u64) {
    let report = outcome.as_ref().unwrap();
    (report.outcome, report.done, report.failed)
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_carried_out_tells_which_uploads_may_be_left_of_lost_answers() {
    // The beginning of the upload happens, and its answer is lost: by the line in this life, with the process in a former one.
    for in_former_life in [false, true] {
        let stage = Stage::new().await;
        let tag = stage.put("a/file", content(SIZE_BYTES)).await;
        let foreign =
            stage.store.create_upload(&stage.bucket, &key("b/other"), &CreateUpload::default()).await;
        let mut run = stage.run(&step(&tag));
        let lost = Fault {
            operation: Some(Operation::CreateUpload),
            nth: 1,
            kind: FaultKind::FailAfterwards(ErrorKind::Unavailable),
        };
        let mut store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&stage.store), [lost]));
        if in_former_life {
            stage.store.create_upload(&stage.bucket, &key("b/file"), &CreateUpload::default()).await.unwrap();
            let id = run.id.clone();
            drop(run);
            stage.clock.advance(SignedDuration::from_secs(5));
            run = stage.runs.resume(&id, "0", &*stage.clock).unwrap();
            store = Arc::clone(&stage.store);
        }
        let ends = [stage.ends(&store)];
        let outcome = crate::execute::execute(work(&mut run, &ends), &stage.options, stage.context()).await;
        assert_eq!(report(&outcome), (Outcome::Complete, 1, 0));
        assert!(stage.get("b/file").await.unwrap().1 == content(SIZE_BYTES));
        assert_eq!(outcome.unwrap().strays, []);
        assert_eq!(stage.uploads().await, [foreign.unwrap()], "in a former life: {in_former_life}");
    }
}

#[tokio::test(start_paused = true)]
async fn moves_delete_what_was_copied_and_nothing_that_changed_since() {
    for (task, size_bytes) in
        [(Task::CopyWithin, 5_000), (Task::CopyThrough, 5_000), (Task::CopyThrough, SIZE_BYTES)]
    {
        let stage = Stage::new().await;
        let tag = stage.put("a/file", content(size_bytes)).await;
        let planned = Step { tag: Some(tag), takes: true, ..Step::new(task, name("file"), size_bytes) };
        let mut run = stage.run(&planned);
        let ends = [stage.ends(&stage.store)];
        let outcome = crate::execute::execute(work(&mut run, &ends), &stage.options, stage.context()).await;
        assert_eq!(report(&outcome), (Outcome::Complete, 1, 0));
        assert!(stage.get("a/file").await.is_none());
        assert!(stage.get("b/file").await.unwrap().1 == content(size_bytes));
    }
}

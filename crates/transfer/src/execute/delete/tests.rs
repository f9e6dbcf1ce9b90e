//! Deletions: one outcome for each key, whatever the service answers.

use std::sync::Arc;

use pintail_store::object_store::{Head, ObjectStore};
use pintail_store::wrap::{Fault, FaultKind, Faults, Trace};

use super::super::testing::{Conditions, Odd, Stage, key, name};
use super::*;
use crate::diff::Side;
use crate::local::TargetError;
use crate::plan::Task;
use crate::policy::Guard;
use crate::site::{Ends, Site};

fn step(of: &str) -> Step {
    Step { guard: Guard::None, ..Step::new(Task::Delete(Side::Right), name(of), 0) }
}

async fn deleted(
    stage: &Stage,
    store: &Arc<dyn ObjectStore>,
    names: &[String],
) -> Vec<Result<Done, StepFailure>> {
    let batch: Vec<(u64, Step)> = (0..).zip(names.iter().map(|name| step(name))).collect();
    let ends = stage.ends(store);
    let at = stage.remote(store, "b/");
    stage.once(&ends, async |shared| remote(shared, &at, &batch).await).await
}

async fn exists(stage: &Stage, at: &str) -> bool {
    stage.store.head(&stage.bucket, &key(at), &Head::default()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_objects_take_one_request_and_what_is_gone_is_no_failure() {
    let stage = Stage::new().await;
    let names: Vec<String> = (0..1000).map(|number| format!("{number:04}")).collect();
    for name in &names[1..] {
        stage.put(&format!("b/{name}"), &b""[..]).await;
    }
    stage.put("b/other", &b""[..]).await;
    let trace = Arc::new(Trace::new(Arc::clone(&stage.store)));
    let store: Arc<dyn ObjectStore> = Arc::<Trace>::clone(&trace);
    let outcomes = deleted(&stage, &store, &names).await;
    assert!(outcomes.len() == 1000 && outcomes.iter().all(|outcome| matches!(outcome, Ok(Done::Changed))));
    assert_eq!(trace.counts().calls, 1);
    let left = stage.store.list(&stage.bucket, &Default::default()).await.unwrap();
    assert_eq!(left.objects.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), ["b/other"]);
}

#[tokio::test(start_paused = true)]
async fn each_key_has_its_own_outcome_and_what_may_pass_is_tried_again() {
    let stage = Stage::new().await;
    let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).into();
    for name in &names {
        stage.put(&format!("b/{name}"), &b""[..]).await;
    }
    let odd = Odd::new(&stage.store);
    *odd.refused.lock().unwrap() = vec![
        (key("b/b"), ErrorKind::PermissionDenied, 9),
        (key("b/c"), ErrorKind::Unavailable, 2),
        (key("b/d"), ErrorKind::Throttled { after: None }, 99),
    ];
    let store: Arc<dyn ObjectStore> = Arc::new(odd);
    let outcomes = deleted(&stage, &store, &names).await;
    assert!(matches!(&outcomes[0], Ok(Done::Changed)));
    assert_eq!(outcomes[1].as_ref().unwrap_err().kind(), Some(&ErrorKind::PermissionDenied));
    assert!(matches!(&outcomes[2], Ok(Done::Changed)), "{:?}", outcomes[2]);
    assert_eq!(outcomes[3].as_ref().unwrap_err().kind(), Some(&ErrorKind::Throttled { after: None }));
    for (name, left) in [("b/a", false), ("b/b", true), ("b/c", false), ("b/d", true)] {
        assert_eq!(exists(&stage, name).await, left, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_fails_is_made_again_or_told_of_every_key() {
    for (kind, works) in [
        (FaultKind::Fail(ErrorKind::Throttled { after: None }), true),
        (FaultKind::FailAfterwards(ErrorKind::Unavailable), true),
        (FaultKind::Fail(ErrorKind::PermissionDenied), false),
    ] {
        let stage = Stage::new().await;
        stage.put("b/a", &b""[..]).await;
        stage.put("b/b", &b""[..]).await;
        let fault = Fault { operation: Some(Operation::DeleteMany), nth: 1, kind: kind.clone() };
        let store: Arc<dyn ObjectStore> = Arc::new(Faults::new(Arc::clone(&stage.store), [fault]));
        let outcomes = deleted(&stage, &store, &["a".into(), "b".into()]).await;
        for (outcome, at) in outcomes.iter().zip(["b/a", "b/b"]) {
            assert_eq!(outcome.is_ok(), works, "{kind:?} {outcome:?}");
            assert_eq!(exists(&stage, at).await, !works, "{kind:?}");
            if let Err(StepFailure::Failed(StepError::Store(error))) = outcome {
                assert_eq!(error.key().map(ObjectKey::as_str), Some(at));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_without_deletions_of_many_is_asked_one_by_one() {
    let stage = Stage::new().await;
    let names: Vec<String> = (0..9).map(|number| format!("{number}")).collect();
    for name in &names {
        stage.put(&format!("b/{name}"), &b""[..]).await;
    }
    let store: Arc<dyn ObjectStore> =
        Arc::new(Odd { lacks: vec![Operation::DeleteMany], ..Odd::new(&stage.store) });
    let outcomes = deleted(&stage, &store, &names).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(Done::Changed))));
    assert_eq!(stage.store.list(&stage.bucket, &Default::default()).await.unwrap().objects, []);
}

/// Deletes `same`, `changed`, `gone` and `unseen`, of which the first was not touched since it was seen.
async fn guarded(stage: &Stage, store: &Arc<dyn ObjectStore>, life: u32) -> [String; 4] {
    let mut batch: Vec<(u64, Step)> = Vec::new();
    for of in ["same", "changed", "gone", "unseen"] {
        let tag = stage.put(&format!("b/{of}"), &b"seen"[..]).await;
        let guard = if of == "unseen" { Guard::None } else { Guard::Match(tag) };
        batch.push((batch.len() as u64, Step { guard, ..step(of) }));
    }
    let mut run = stage.run_of(&batch.iter().map(|(_, step)| step.clone()).collect::<Vec<_>>());
    stage.put("b/changed", &b"other"[..]).await;
    stage.put("b/unseen", &b"other"[..]).await;
    stage.store.delete(&stage.bucket, &key("b/gone"), &Delete::default()).await.unwrap();
    if life == 1 {
        stage.clock.advance(SignedDuration::from_secs(61));
    } else if life == 2 {
        let id = run.id.clone();
        drop(run);
        run = stage.runs.resume(&id, "0", &*stage.clock).unwrap();
    }
    let (ends, at) = (stage.ends(store), stage.remote(store, "b/"));
    let mut unused = crate::journal::State::default();
    let shared = stage.shared(Some(&mut run), &mut unused, &ends);
    let outcomes = remote(&shared, &at, &batch).await;
    let word = |outcome: &Result<Done, StepFailure>| match outcome {
        Ok(Done::Changed) => "done".to_owned(),
        Err(StepFailure::Failed(StepError::Changed(what))) => format!("changed {what}"),
        other => format!("{other:?}"),
    };
    let words: Vec<String> = outcomes.iter().map(word).collect();
    words.try_into().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_what_was_seen_stays_whatever_the_service_makes_of_conditions() {
    let refusals = [ErrorKind::InvalidRequest, ErrorKind::Unsupported, ErrorKind::PermissionDenied];
    let all = refusals[..2].iter().cloned().map(Conditions::RefusesAll);
    let each = refusals.iter().cloned().map(Conditions::RefusesEach);
    let kinds: Vec<Conditions> =
        [Conditions::Checks, Conditions::Ignores].into_iter().chain(all).chain(each).collect();
    for conditions in kinds {
        for life in 0..3 {
            let stage = Stage::new().await;
            let odd = Odd { conditions: conditions.clone(), ..Odd::new(&stage.store) };
            let trace = Arc::new(Trace::new(Arc::new(odd)));
            let store: Arc<dyn ObjectStore> = Arc::<Trace>::clone(&trace);
            let outcomes = guarded(&stage, &store, life).await;
            // A plan of this minute trusts the service to look at what it is told.
            let trusted = conditions == Conditions::Ignores && life == 0;
            let changed = if trusted { "done" } else { "changed s3://bucket/b/changed" };
            assert_eq!(outcomes, ["done", changed, "done", "done"], "{conditions:?} {life}");
            for (of, left) in [("same", false), ("changed", !trusted), ("gone", false), ("unseen", false)] {
                assert_eq!(exists(&stage, &format!("b/{of}")).await, left, "{conditions:?} {life} {of}");
            }
            if life == 0 && matches!(conditions, Conditions::Checks | Conditions::Ignores) {
                assert_eq!(trace.counts().calls, 1, "{conditions:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_without_deletions_of_many_is_told_of_no_state_that_was_not_looked_at() {
    let stage = Stage::new().await;
    let store: Arc<dyn ObjectStore> =
        Arc::new(Odd { lacks: vec![Operation::DeleteMany], ..Odd::new(&stage.store) });
    let outcomes = guarded(&stage, &store, 0).await;
    assert_eq!(outcomes, ["done", "changed s3://bucket/b/changed", "done", "done"]);
    assert!(exists(&stage, "b/changed").await && !exists(&stage, "b/same").await);
}

#[tokio::test(start_paused = true)]
async fn a_key_too_long_is_refused_and_the_others_go() {
    let stage = Stage::new().await;
    stage.put("b/a", &b""[..]).await;
    let outcomes = deleted(&stage, &stage.store, &["x".repeat(1023), "a".into()]).await;
    assert!(matches!(&outcomes[0], Err(StepFailure::Failed(StepError::Name(_)))), "{:?}", outcomes[0]);
    assert!(matches!(&outcomes[1], Ok(Done::Changed)));
}

#[tokio::test(start_paused = true)]
async fn an_object_is_deleted_in_its_state_whatever_the_service_offers() {
    for lacks in [vec![], vec![Operation::Delete]] {
        let stage = Stage::new().await;
        let old = stage.put("a/file", &b"old"[..]).await;
        let tag = stage.put("a/file", &b"new"[..]).await;
        let store: Arc<dyn ObjectStore> = Arc::new(Odd { lacks, ..Odd::new(&stage.store) });
        let object = Located::at(&stage.remote(&store, "a/"), &name("file")).unwrap();
        let ends = stage.ends(&store);
        let delete = async |tag: &Tag| {
            stage.once(&ends, async |shared| delete_object(shared, &object, Some(tag)).await).await
        };
        let failure = delete(&old).await.unwrap_err();
        assert!(matches!(failure, StepFailure::Failed(StepError::SourceChanged(_))), "{failure:?}");
        assert!(exists(&stage, "a/file").await);
        delete(&tag).await.unwrap();
        assert!(!exists(&stage, "a/file").await);
        delete(&tag).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn files_go_if_they_are_what_was_seen_and_folders_if_nothing_is_in_them() {
    let stage = Stage::new().await;
    let root = stage.local();
    std::fs::create_dir(root.join("folder")).unwrap();
    std::fs::write(root.join("folder/file"), b"12345").unwrap();
    let seen = crate::fingerprint::Fingerprint::of(&std::fs::metadata(root.join("folder/file")).unwrap());
    let side = || Site::Local(root.clone());
    let ends = Ends { from: side(), to: side() };
    let carry_out = async |step: Step| {
        stage
            .once(&ends, async |shared| {
                let super::super::running::End::Local(folder) = &shared.routes[0].1 else { panic!() };
                local(folder, &step)
            })
            .await
    };
    let guarded = |size_bytes| Guard::Unchanged { size_bytes, modified: seen.modified() };
    let changed = carry_out(Step { guard: guarded(4), ..step("folder/file") }).await.unwrap_err();
    assert!(
        matches!(changed, StepFailure::Failed(StepError::Target(TargetError::Changed(_)))),
        "{changed:?}"
    );
    assert_eq!(carry_out(step("folder/")).await.unwrap(), Done::Skipped);
    assert_eq!(carry_out(Step { guard: guarded(5), ..step("folder/file") }).await.unwrap(), Done::Changed);
    assert_eq!(carry_out(step("folder/file")).await.unwrap(), Done::Changed);
    assert_eq!(carry_out(step("folder/")).await.unwrap(), Done::Changed);
    assert!(root.exists() && !root.join("folder").exists());
}

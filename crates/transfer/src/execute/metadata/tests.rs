//! Times, permissions and folders on either side, and lives that end in the middle.

use std::sync::Arc;

use pintail_core::seam::HttpErrorKind;
use pintail_store::object_store::{ObjectStore, Traits};
use pintail_store::wrap::FaultKind;
use pintail_store::{ErrorKind, Payload};

use super::super::folder::{make_local, make_remote};
use super::super::testing::{Life, Stage, key, name, sweep};
use super::*;
use crate::entry::{Meaning, Modified};
use crate::plan::Task;
use crate::site::{Ends, Site};

/// Sets what is said of the right side.
struct Setting;

impl Life for Setting {
    async fn live(
        &self,
        shared: &Shared<'_>,
        ends: &Ends,
        step: &Step,
        begun: Option<Begun>,
    ) -> Result<Done, StepFailure> {
        let Site::Remote(at) = &ends.to else { panic!() };
        remote(shared, at, &shared.routes[0].0, Side::Right, 0, step, begun.as_ref()).await
    }
}

const TIME_NS: i64 = 1_700_000_000_500_000_000;

fn step(guard: Guard) -> Step {
    let modified = Modified::from_ns(TIME_NS, Meaning::Content);
    Step { modified, guard, ..Step::new(Task::SetMetadata(Side::Right), name("file"), 5) }
}

fn said(metadata: &[(&str, &str)]) -> Traits {
    let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Traits {
        content_type: Some("text/x-duck".into()),
        cache_control: Some("no-store".into()),
        metadata,
        ..Traits::default()
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_says_the_new_time_and_everything_else_as_before() {
    let stage = Stage::new().await;
    stage.put_as("a/file", &b"12345"[..], said(&[("mode", "33188")])).await;
    let before = said(&[("color", "green"), ("mtime", "1.0")]);
    let put = pintail_store::object_store::Put {
        traits: before.clone(),
        storage_class: Some("STANDARD_IA".into()),
        ..Default::default()
    };
    let stored = stage
        .store
        .put(&stage.bucket, &key("b/file"), Payload::from_bytes(&b"12345"[..]), &put)
        .await
        .unwrap();
    let tag = Tag::of(&stored.etag.unwrap());
    let ends = stage.ends(&stage.store);
    let set = async |step: &Step| {
        stage.once(&ends, async |shared| Setting.live(shared, &ends, step, None).await).await
    };
    assert_eq!(set(&step(Guard::Match(tag.clone()))).await.unwrap(), Done::Changed);
    let (info, bytes) = stage.get("b/file").await.unwrap();
    let expected = said(&[("color", "green"), ("mode", "33188"), ("mtime", "1700000000.500000000")]);
    assert_eq!(
        (info.traits, info.storage_class.as_deref(), &bytes[..]),
        (expected, Some("STANDARD_IA"), &b"12345"[..])
    );
    // There is nothing to do a second time.
    assert_eq!(set(&step(Guard::Match(tag.clone()))).await.unwrap(), Done::Skipped);
    stage.put_as("b/file", &b"other"[..], before.clone()).await;
    let failure = set(&step(Guard::Match(tag))).await.unwrap_err();
    assert!(matches!(failure, StepFailure::Failed(StepError::Changed(_))), "{failure:?}");
    assert_eq!(stage.get("b/file").await.unwrap().0.traits, before);
    let gone = Step { to: Some(name("gone")), ..step(Guard::None) };
    let failure = set(&gone).await.unwrap_err();
    assert!(matches!(failure, StepFailure::Failed(StepError::Changed(_))), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn it_dies_at_every_call_and_comes_to_the_same_end() {
    let prepare = async |stage: &Stage| {
        stage.put_as("a/file", &b"12345"[..], said(&[("mode", "33188")])).await;
        stage.put_as("b/file", &b"12345"[..], said(&[])).await;
    };
    let expected = said(&[("mode", "33188"), ("mtime", "1700000000.500000000")]);
    let planned = step(Guard::None);
    for (kind, first) in [
        (FaultKind::Hang, 1),
        (FaultKind::FailAfterwards(ErrorKind::Transport(HttpErrorKind::Interrupted)), 3),
    ] {
        let calls = sweep(&Setting, &kind, &planned, prepare, async |stage, nth, outcome, _| {
            if nth >= first {
                assert!(outcome.is_ok(), "{kind:?} {nth} {outcome:?}");
                assert_eq!(stage.get("b/file").await.unwrap().0.traits, expected, "{kind:?} {nth}");
            }
        });
        assert_eq!(calls.await, 3);
    }
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_file_gets_time_and_permissions_if_it_is_what_was_seen() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new().await;
    stage.put_as("a/file", &b"12345"[..], said(&[("mode", "33184")])).await;
    let path = stage.local().join("file");
    std::fs::write(&path, b"12345").unwrap();
    let seen = crate::fingerprint::Fingerprint::of(&std::fs::metadata(&path).unwrap()).modified();
    let ends = Ends { from: Site::Remote(stage.remote(&stage.store, "a/")), to: Site::Local(stage.local()) };
    let set = async |size_bytes: u64| {
        let step = step(Guard::Unchanged { size_bytes, modified: seen });
        stage
            .once(&ends, async |shared| {
                let End::Local(folder) = &shared.routes[0].1 else { panic!() };
                local(shared, folder, &shared.routes[0].0, Side::Right, &step).await
            })
            .await
    };
    assert!(matches!(set(4).await, Err(StepFailure::Failed(StepError::Target(TargetError::Changed(_))))));
    // The second time is that of a life which does not know of the first.
    for _ in 0..2 {
        assert_eq!(set(5).await.unwrap(), Done::Changed);
        let is = std::fs::metadata(&path).unwrap();
        assert_eq!(crate::fingerprint::Fingerprint::of(&is).modified().ns(), Some(TIME_NS));
        assert_eq!(is.permissions().mode() & 0o777, 0o640);
    }
}

#[tokio::test(start_paused = true)]
async fn folders_are_made_on_either_side_and_write_over_nothing() {
    let stage = Stage::new().await;
    let ends = Ends { from: Site::Local(stage.local()), to: Site::Remote(stage.remote(&stage.store, "b/")) };
    let store: &Arc<dyn ObjectStore> = &stage.store;
    for (of, at) in [("empty/", "b/empty/"), ("other", "b/other/")] {
        let step = Step::new(Task::MakeFolder(Side::Right), name(of), 0);
        for expected in [Done::Changed, Done::Skipped] {
            let done = stage
                .once(&ends, async |shared| {
                    let End::Local(folder) = &shared.routes[0].0 else { panic!() };
                    assert_eq!(make_local(folder, &step).unwrap(), Done::Changed);
                    make_remote(shared, &stage.remote(store, "b/"), &step).await
                })
                .await;
            assert_eq!(done.unwrap(), expected);
        }
        let (info, bytes) = stage.get(at).await.unwrap();
        assert_eq!((info.traits.content_type.as_deref(), bytes.len()), (Some("application/x-directory"), 0));
        assert!(stage.local().join(of).is_dir());
    }
    stage.put("b/full/", &b"bytes"[..]).await;
    let step = Step::new(Task::MakeFolder(Side::Right), name("full/"), 0);
    let made = async |shared: &Shared<'_>| make_remote(shared, &stage.remote(store, "b/"), &step).await;
    assert_eq!(stage.once(&ends, made).await.unwrap(), Done::Skipped);
    assert_eq!(&stage.get("b/full/").await.unwrap().1[..], b"bytes");
}

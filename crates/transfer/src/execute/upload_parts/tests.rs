//! Files that are not what they were when their upload was planned or begun, and files that are read for long.

use std::collections::BTreeMap;

use super::super::running::End;
use super::super::testing::{Stage, content, key, name};
use super::*;
use crate::plan::Task;
use crate::site::{Ends, Site};

/// Three parts, the last one short.
const SIZE_BYTES: u64 = (10 << 20) + 1000;

async fn sent(stage: &Stage, begun: Option<Begun>) -> Result<Done, StepFailure> {
    let remote = stage.remote(&stage.store, "b/");
    let ends = Ends { from: Site::Local(stage.local()), to: Site::Remote(remote.clone()) };
    let step = Step { guard: Guard::None, ..Step::new(Task::Upload, name("file"), SIZE_BYTES) };
    let key = key("b/file");
    let sending = async |shared: &Shared<'_>| {
        let End::Local(from) = shared.ends(&step).0 else { panic!() };
        file(shared, &Origin::of(from, &step)?, &remote, &key, 0, &step, begun).await
    };
    stage.once(&ends, sending).await
}

#[tokio::test(start_paused = true)]
async fn a_file_that_became_short_since_it_was_planned_goes_by_one_request() {
    for size in [0, 1, 1 << 20, (1 << 20) + 1] {
        let stage = Stage::new().await;
        std::fs::write(stage.local().join("file"), content(size)).unwrap();
        let done = sent(&stage, None).await.unwrap();
        assert_eq!(done, Done::Moved { size_bytes: size, proof: Proof::Checksum });
        assert!(stage.get("b/file").await.unwrap().1 == content(size));
        assert!(stage.uploads().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_whose_parts_make_no_object_is_begun_anew() {
    // Nothing of a file that was empty then, and too many parts.
    for (size, part_bytes) in [(0, 0), (SIZE_BYTES, 0), (SIZE_BYTES, 1), (SIZE_BYTES, 6 << 30)] {
        let stage = Stage::new().await;
        let path = stage.local().join("file");
        std::fs::write(&path, content(size)).unwrap();
        let upload =
            stage.store.create_upload(&stage.bucket, &key("b/file"), &Default::default()).await.unwrap();
        let begun = Begun::Upload {
            upload: upload.id.clone(),
            part_bytes,
            algorithm: upload.checksum,
            source: Some(*Source::open(&path).unwrap().fingerprint()),
            parts: BTreeMap::new(),
        };
        let done = sent(&stage, Some(begun)).await.unwrap();
        assert_eq!(done, Done::Moved { size_bytes: size, proof: Proof::Checksum }, "{part_bytes}");
        assert!(stage.get("b/file").await.unwrap().1 == content(size), "{part_bytes}");
        assert!(stage.uploads().await.is_empty(), "{part_bytes}");
    }
}

#[test]
fn a_file_that_is_read_for_its_checksum_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, content(1 << 20)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let source = Source::open(&path).unwrap();
        for algorithm in Algorithm::ALL {
            // The only thread that may take its time is taken: nothing is read until it is free.
            let (free, is_free) = std::sync::mpsc::channel::<()>();
            let other = tokio::task::spawn_blocking(move || is_free.recv().is_err());
            let mut reading = std::pin::pin!(whole_checksum(&source, algorithm));
            let first = futures_util::future::poll_immediate(reading.as_mut()).await;
            assert!(first.is_none(), "{algorithm:?}: it was read while everybody waited");
            drop(free);
            assert!(other.await.unwrap());
            assert_eq!(reading.await.unwrap(), Checksum::of(algorithm, &content(1 << 20)));
        }
    });
}

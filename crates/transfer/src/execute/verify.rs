//! What was copied is read back and compared, where that was asked for ([`Options::verify`](super::Options::verify)).

use std::path::Path;

use futures_util::StreamExt;
use pintail_core::checksum::{Algorithm, Checksum, Hasher};
use pintail_core::name::ObjectKey;
use pintail_store::object_store::{ETag, Get, Head, ReadCondition};

use super::StepError;
use super::failure::again;
use super::running::{Folder, Shared};
use super::step::StepFailure;
use crate::local::Source;
use crate::site::Remote;

/// Compares what a service holds with what was sent: by the checksum that it keeps of the whole if that is of the same kind, else by reading the object.
/// It waits for no place: whoever calls has one.
///
/// # Errors
/// [`StepError::Different`] when it is not the same.
pub(super) async fn object(
    shared: &Shared<'_>,
    at: &Remote,
    key: &ObjectKey,
    size_bytes: u64,
    checksum: Checksum,
) -> Result<(), StepFailure> {
    let different = || StepError::Different(format!("s3://{}/{key}", at.bucket));
    let look = again(shared, || async { Ok(at.store.head(&at.bucket, key, &Head::default()).await?) });
    let info = look.await?;
    if info.size_bytes != size_bytes {
        return Err(different().into());
    }
    if let Some(kept) = info.checksum
        && kept.algorithm() == checksum.algorithm()
        && kept.parts() == checksum.parts()
    {
        return if kept == checksum { Ok(()) } else { Err(different().into()) };
    }
    let read = read(shared, at, key, info.etag, checksum.algorithm()).await?;
    if read == checksum { Ok(()) } else { Err(different().into()) }
}

/// Reads an object in one of its states for its checksum. It waits for no place: whoever calls has one.
pub(super) async fn read(
    shared: &Shared<'_>,
    at: &Remote,
    key: &ObjectKey,
    tag: Option<ETag>,
    algorithm: Algorithm,
) -> Result<Checksum, StepFailure> {
    let condition = ReadCondition { if_match: tag, ..ReadCondition::default() };
    let get = Get { condition, ..Get::default() };
    let read = again(shared, || async {
        let mut body = at.store.get(&at.bucket, key, &get).await?.body;
        let mut hasher = Hasher::new(algorithm);
        while let Some(piece) = body.next().await {
            hasher.update(&piece?);
        }
        Ok(hasher.finish())
    });
    read.await
}

/// Compares a file with what was received, by reading it.
///
/// # Errors
/// [`StepError::Different`] when it is not the same.
pub(super) async fn file(
    at: &Folder,
    path: &Path,
    size_bytes: u64,
    checksum: Checksum,
) -> Result<(), StepFailure> {
    let shown = at.path().join(path);
    let whole = shown.clone();
    let read = tokio::task::spawn_blocking(move || {
        let source = Source::open(&whole)?;
        if source.size_bytes() != size_bytes {
            return Ok(false);
        }
        Ok(source.checksum(0, size_bytes, checksum.algorithm())? == checksum)
    });
    let same: Result<bool, StepError> = read.await.expect("reading a file does not panic");
    if same? { Ok(()) } else { Err(StepError::Different(shown.display().to_string()).into()) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pintail_core::checksum::Algorithm;
    use pintail_store::object_store::ObjectStore;
    use pintail_store::wrap::Trace;

    use super::super::testing::{Odd, Stage, key};
    use super::*;
    use crate::site::{Ends, Site};

    const BYTES: &[u8] = b"what was sent";
    const ALGORITHMS: [Algorithm; 2] = [Algorithm::Crc64Nvme, Algorithm::Sha256];

    async fn looked(stage: &Stage, store: &Arc<dyn ObjectStore>, bytes: &[u8], by: Algorithm) -> bool {
        let at = stage.remote(store, "b/");
        let checksum = Checksum::of(by, bytes);
        let size = bytes.len() as u64;
        let looked = stage
            .once(&stage.ends(store), async |shared| object(shared, &at, &key("b/x"), size, checksum).await)
            .await;
        match looked {
            Ok(()) => true,
            Err(StepFailure::Failed(StepError::Different(what))) => {
                assert_eq!(what, "s3://bucket/b/x");
                false
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    /// behaviour: transfer-proof
    #[tokio::test(start_paused = true)]
    async fn an_object_that_is_not_what_was_sent_is_noticed() {
        let stage = Stage::new().await;
        // By the checksum that the service keeps, or by reading where it keeps none or another one.
        let trace = Arc::new(Trace::new(Arc::clone(&stage.store)));
        let mut odd = Odd::new(&stage.store);
        odd.is_silent = true;
        let stores: [Arc<dyn ObjectStore>; 2] = [Arc::clone(&trace) as _, Arc::new(odd)];
        for store in &stores {
            for by in ALGORITHMS {
                stage.put("b/x", BYTES).await;
                assert!(looked(&stage, store, BYTES, by).await);
                stage.put("b/x", &b"what was kept"[..]).await;
                assert!(!looked(&stage, store, BYTES, by).await, "as long, and otherwise");
                stage.put("b/x", &b"what"[..]).await;
                assert!(!looked(&stage, store, BYTES, by).await, "shorter");
            }
        }
        assert!(trace.counts_of(pintail_store::Operation::Get).calls <= 2, "its own checksum is believed");
    }

    /// behaviour: transfer-proof
    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_not_what_was_received_is_noticed() {
        let stage = Stage::new().await;
        let local = Site::Local(stage.local());
        let ends = Ends { from: stage.ends(&stage.store).from, to: local };
        for by in ALGORITHMS {
            for (on_disk, is_same) in
                [(BYTES, true), (&b"what was kept"[..], false), (b"what", false), (b"", false)]
            {
                std::fs::write(stage.local().join("x"), on_disk).unwrap();
                let checksum = Checksum::of(by, BYTES);
                let looked = stage
                    .once(&ends, async |shared| {
                        let super::super::running::End::Local(folder) = &shared.routes[0].1 else {
                            unreachable!()
                        };
                        file(folder, Path::new("x"), BYTES.len() as u64, checksum).await
                    })
                    .await;
                match looked {
                    Ok(()) => assert!(is_same, "{on_disk:?}"),
                    Err(StepFailure::Failed(StepError::Different(_))) => assert!(!is_same, "{on_disk:?}"),
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
        std::fs::remove_file(stage.local().join("x")).unwrap();
        let checksum = Checksum::of(Algorithm::Crc64Nvme, BYTES);
        let gone = stage
            .once(&ends, async |shared| {
                let super::super::running::End::Local(folder) = &shared.routes[0].1 else { unreachable!() };
                file(folder, Path::new("x"), BYTES.len() as u64, checksum).await
            })
            .await;
        assert!(gone.is_err(), "what is gone is not the same");
    }
}

//! What was copied is read back and compared, where that was asked for ([`Options::verify`](super::Options::verify)).

use std::path::Path;

use futures_util::StreamExt;
use pintail_core::checksum::{Checksum, Hasher};
use pintail_core::name::ObjectKey;
use pintail_store::object_store::{Get, Head, ReadCondition};

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
    let condition = ReadCondition { if_match: info.etag, ..ReadCondition::default() };
    let get = Get { condition, ..Get::default() };
    let read = again(shared, || async {
        let mut body = at.store.get(&at.bucket, key, &get).await?.body;
        let mut hasher = Hasher::new(checksum.algorithm());
        while let Some(piece) = body.next().await {
            hasher.update(&piece?);
        }
        Ok(hasher.finish())
    });
    if read.await? == checksum { Ok(()) } else { Err(different().into()) }
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

//! Whether a target already has the bytes of its source: a former life of the run may have written it, and so may have an attempt whose answer was lost.

use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::ObjectKey;
use pintail_store::object_store::{Head, ObjectInfo};
use pintail_store::{ErrorKind, StoreError};

use super::running::Shared;
use super::step::{StepFailure, Tries};
use super::verify;
use crate::site::Remote;

/// Looks an object up, `None` where there is none. It waits for no place: whoever calls has one.
pub(super) async fn look(
    shared: &Shared<'_>,
    at: &Remote,
    key: &ObjectKey,
    head: &Head,
) -> Result<Option<ObjectInfo>, StoreError> {
    let mut tries = Tries::new(shared);
    loop {
        match at.store.head(&at.bucket, key, head).await {
            Ok(info) => return Ok(Some(info)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound(_)) => return Ok(None),
            Err(error) if tries.again(&error).await => {}
            Err(error) => return Err(error),
        }
    }
}

/// Tells whether an object has certain bytes: by its size, and by the checksum that the service keeps of all of them. Where it keeps none, or one of another
/// kind than can be told, the object is read; one that may not be read is not known to have them.
///
/// `checksum` is asked once, and may answer with one of another kind.
pub(super) async fn object<E>(
    shared: &Shared<'_>,
    at: &Remote,
    key: &ObjectKey,
    size_bytes: u64,
    checksum: impl AsyncFnOnce(Algorithm) -> Result<Checksum, E>,
) -> Result<bool, StepFailure>
where
    StepFailure: From<E>,
{
    let Some(info) = look(shared, at, key, &Head::default()).await? else { return Ok(false) };
    if info.size_bytes != size_bytes {
        return Ok(false);
    }
    let kept = info.checksum.filter(|checksum| checksum.parts().is_none());
    let ours = checksum(kept.map_or(Algorithm::Crc64Nvme, |kept| kept.algorithm())).await?;
    if let Some(kept) = kept
        && kept.algorithm() == ours.algorithm()
    {
        return Ok(kept == ours);
    }
    match verify::read(shared, at, key, info.etag, ours.algorithm()).await {
        Ok(there) => Ok(there == ours),
        Err(failure) => match failure.kind() {
            Some(ErrorKind::PermissionDenied | ErrorKind::PreconditionFailed | ErrorKind::NotFound(_)) => {
                Ok(false)
            }
            _ => Err(failure),
        },
    }
}

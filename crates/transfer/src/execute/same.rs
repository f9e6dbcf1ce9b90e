//! Whether a target already has the bytes of its source: a former life of the run may have written it, and so may have an attempt whose answer was lost.

use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::ObjectKey;
use pintail_store::object_store::{Head, ObjectInfo};
use pintail_store::{ErrorKind, StoreError};

use super::running::Shared;
use super::step::{StepFailure, Tries};
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

/// Tells whether an object has certain bytes: by its size, and by the checksum that the service keeps of all of them. Where it keeps none, nobody can say.
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
    match info.checksum.filter(|checksum| checksum.parts().is_none()) {
        Some(there) if info.size_bytes == size_bytes => Ok(checksum(there.algorithm()).await? == there),
        _ => Ok(false),
    }
}

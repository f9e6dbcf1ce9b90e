//! A store that nothing is written to, whatever the credential allows.

use std::sync::Arc;

use super::{Around, Passing, Promised};
use crate::error::{ErrorKind, Result, StoreError};
use crate::object_store::ObjectStore;
use crate::payload::ObjectBody;

/// Refuses every call that would change something, before it is made.
///
/// The second lock of a read-only bookmark: the first is the session's policy, which not every credential can have.
#[derive(Debug)]
pub struct ReadOnly {
    inner: Arc<dyn ObjectStore>,
}

impl ReadOnly {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner }
    }
}

impl Around for ReadOnly {
    type Guard = ();

    fn inner(&self) -> &Arc<dyn ObjectStore> {
        &self.inner
    }

    async fn around<T: Send>(
        &self,
        passing: Passing<'_>,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<(T, ())> {
        if !passing.operation.writes() {
            return Ok((call.await?, ()));
        }
        let error = StoreError::new(ErrorKind::ReadOnly, passing.operation);
        Err(match passing.bucket {
            Some(bucket) => error.at(bucket, passing.key),
            None => error,
        })
    }

    fn around_body(&self, (): (), _: Option<Promised>, body: ObjectBody) -> ObjectBody {
        body
    }
}

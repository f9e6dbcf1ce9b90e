//! A bound on how many calls are under way at once.

use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Around, Passing, Promised};
use crate::error::Result;
use crate::object_store::ObjectStore;
use crate::payload::ObjectBody;

/// Lets at most a number of calls through at once; the others wait in the order they came.
///
/// A read counts until its body is read to the end or dropped: its connection is in use until then.
#[derive(Debug)]
pub struct Limit {
    inner: Arc<dyn ObjectStore>,
    permits: Arc<Semaphore>,
}

impl Limit {
    /// Wraps a store. A `max` of 0 counts as 1.
    pub fn new(inner: Arc<dyn ObjectStore>, max: usize) -> Self {
        Self::sharing(inner, Arc::new(Semaphore::new(max.max(1))))
    }

    /// Wraps a store whose calls count together with others.
    pub fn sharing(inner: Arc<dyn ObjectStore>, permits: Arc<Semaphore>) -> Self {
        Self { inner, permits }
    }
}

impl Around for Limit {
    type Guard = OwnedSemaphorePermit;

    fn inner(&self) -> &Arc<dyn ObjectStore> {
        &self.inner
    }

    async fn around<T: Send>(
        &self,
        _passing: Passing<'_>,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<(T, Self::Guard)> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        Ok((call.await?, permit))
    }

    fn around_body(&self, permit: Self::Guard, _: Option<Promised>, body: ObjectBody) -> ObjectBody {
        let mut held = Some((body, permit));
        ObjectBody::new(futures_util::stream::poll_fn(move |cx| {
            let Some((body, _)) = &mut held else { return std::task::Poll::Ready(None) };
            let piece = body.poll_next_unpin(cx);
            if matches!(piece, std::task::Poll::Ready(None | Some(Err(_)))) {
                held = None;
            }
            piece
        }))
    }
}

//! Faults on order, for every call: what breaks, at which call, and how.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use pintail_core::checksum::Hasher;
use pintail_core::seam::HttpErrorKind;

use super::{Around, Passing, Promised};
use crate::error::{ErrorKind, Operation, Result, StoreError};
use crate::object_store::ObjectStore;
use crate::payload::ObjectBody;

/// How a call breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It fails, and nothing has happened.
    Fail(ErrorKind),
    /// It happens, and its answer is lost: it fails all the same.
    FailAfterwards(ErrorKind),
    /// It never ends. Only dropping it helps.
    Hang,
    /// It waits before it begins.
    Slow(Duration),
    /// The bytes of a read end after this many with a broken connection; another call fails so before it begins.
    CutBody(u64),
    /// The byte of a read at this offset is changed on the way. A read that has a checksum fails with the piece that
    /// completes it; a slice or an unchecked read hands the wrong byte out. Another call is refused for its checksum.
    FlipByte(u64),
}

/// One fault, to happen once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// At which kind of call, `None` for all kinds counted together.
    pub operation: Option<Operation>,
    /// At which of them, from 1.
    pub nth: u64,
    /// How.
    pub kind: FaultKind,
}

/// Breaks the calls it was told to break and passes on all others.
#[derive(Debug)]
pub struct Faults {
    inner: Arc<dyn ObjectStore>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ordered: Vec<Fault>,
    seen: HashMap<Operation, u64>,
    seen_all: u64,
}

impl Faults {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn ObjectStore>, faults: impl IntoIterator<Item = Fault>) -> Self {
        let ordered = faults.into_iter().collect();
        Self { inner, state: Mutex::new(State { ordered, ..State::default() }) }
    }

    /// Orders another fault; calls are counted from the beginning of the wrapper's life.
    pub fn order(&self, fault: Fault) {
        self.state.lock().expect("no holder of this lock panics").ordered.push(fault);
    }

    /// Returns how many calls were made, broken or not: the number of places a sweep has to break.
    pub fn calls(&self) -> u64 {
        self.state.lock().expect("no holder of this lock panics").seen_all
    }

    /// Returns the faults that have not happened yet.
    pub fn outstanding(&self) -> Vec<Fault> {
        self.state.lock().expect("no holder of this lock panics").ordered.clone()
    }

    /// Counts a call and takes the fault that was ordered for it.
    fn due(&self, operation: Operation) -> Option<FaultKind> {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.seen_all += 1;
        let count = state.seen.entry(operation).or_default();
        *count += 1;
        let (count, all) = (*count, state.seen_all);
        let due = |fault: &Fault| match fault.operation {
            Some(only) => only == operation && fault.nth == count,
            None => fault.nth == all,
        };
        let at = state.ordered.iter().position(due)?;
        Some(state.ordered.remove(at).kind)
    }
}

/// What happens to the bytes of a read.
pub(super) enum BodyFault {
    Cut(u64),
    Flip(u64),
}

impl Around for Faults {
    type Guard = Option<(BodyFault, StoreError)>;

    fn inner(&self) -> &Arc<dyn ObjectStore> {
        &self.inner
    }

    async fn around<T: Send>(
        &self,
        passing: Passing<'_>,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<(T, Self::Guard)> {
        let operation = passing.operation;
        let error = |kind| {
            let error = StoreError::new(kind, operation).because("a fault on order");
            match passing.bucket {
                Some(bucket) => error.at(bucket, passing.key),
                None => error,
            }
        };
        let cut = ErrorKind::Transport(HttpErrorKind::Interrupted);
        let guard = match self.due(operation) {
            None => None,
            Some(FaultKind::Fail(kind)) => return Err(error(kind)),
            Some(FaultKind::FailAfterwards(kind)) => {
                call.await?;
                return Err(error(kind));
            }
            Some(FaultKind::Hang) => std::future::pending().await,
            Some(FaultKind::Slow(delay)) => {
                tokio::time::sleep(delay).await;
                None
            }
            Some(FaultKind::CutBody(after)) if operation == Operation::Get => {
                Some((BodyFault::Cut(after), error(cut)))
            }
            Some(FaultKind::CutBody(_)) => return Err(error(cut)),
            Some(FaultKind::FlipByte(at)) if operation == Operation::Get => {
                Some((BodyFault::Flip(at), error(ErrorKind::ChecksumMismatch)))
            }
            Some(FaultKind::FlipByte(_)) => return Err(error(ErrorKind::ChecksumMismatch)),
        };
        Ok((call.await?, guard))
    }

    fn around_body(
        &self,
        guard: Self::Guard,
        promised: Option<Promised>,
        mut body: ObjectBody,
    ) -> ObjectBody {
        let Some((fault, error)) = guard else { return body };
        let mut check = promised.map(|promised| (Hasher::new(promised.checksum.algorithm()), promised));
        let mut error = Some(error);
        let mut offset = 0;
        ObjectBody::new(futures_util::stream::poll_fn(move |cx| {
            if error.is_none() {
                return Poll::Ready(None);
            }
            match body.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(piece))) => {
                    let start = offset;
                    offset += piece.len() as u64;
                    match fault {
                        BodyFault::Cut(after) if after <= start => Poll::Ready(error.take().map(Err)),
                        BodyFault::Cut(after) => {
                            let kept = piece.len().min((after - start) as usize);
                            Poll::Ready(Some(Ok(piece.slice(..kept))))
                        }
                        BodyFault::Flip(at) => {
                            let piece = flipped(piece, at.checked_sub(start));
                            let Some((hasher, promised)) = &mut check else {
                                return Poll::Ready(Some(Ok(piece)));
                            };
                            hasher.update(&piece);
                            if offset == promised.length_bytes && hasher.clone().finish() != promised.checksum
                            {
                                return Poll::Ready(error.take().map(Err));
                            }
                            Poll::Ready(Some(Ok(piece)))
                        }
                    }
                }
                // A cut past the end comes out at the end.
                Poll::Ready(None) => match fault {
                    BodyFault::Cut(_) => Poll::Ready(error.take().map(Err)),
                    BodyFault::Flip(_) => Poll::Ready(None),
                },
                other => other,
            }
        }))
    }
}

fn flipped(piece: Bytes, at: Option<u64>) -> Bytes {
    match at.and_then(|at| usize::try_from(at).ok()).filter(|at| *at < piece.len()) {
        None => piece,
        Some(at) => {
            let mut changed = BytesMut::from(&piece[..]);
            changed[at] ^= 1;
            changed.freeze()
        }
    }
}

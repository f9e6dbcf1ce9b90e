//! What calls were made, how they went and how long they took: as `tracing` events and as counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use tokio::time::Instant;

use super::{Around, Passing, Promised};
use crate::error::{Operation, Result};
use crate::object_store::ObjectStore;
use crate::payload::ObjectBody;
use crate::s3::Pressure;

/// How many calls and bytes went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that were made.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Bytes sent by calls that succeeded.
    pub sent_bytes: u64,
    /// Bytes of objects that were read.
    pub read_bytes: u64,
    /// Requests that the calls became, 0 where the store is not known to send any ([`Trace::over`]).
    pub requests: u64,
    /// Those among them that repeated an earlier one.
    pub retries: u64,
    /// Answers that asked for less.
    pub throttled: u64,
}

/// Traces every call at level `debug`, failures with their kind. Bucket names are shown, keys are not: they are data of
/// strangers.
#[derive(Debug)]
pub struct Trace {
    inner: Arc<dyn ObjectStore>,
    counters: Arc<Counters>,
    pressure: Option<Pressure>,
}

#[derive(Debug, Default)]
struct Counters {
    by_operation: [PerOperation; Operation::ALL.len()],
    sent_bytes: AtomicU64,
    read_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct PerOperation {
    calls: AtomicU64,
    failed: AtomicU64,
}

impl Trace {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, counters: Arc::default(), pressure: None }
    }

    /// Wraps a store whose wire is known: its counts tell of requests too.
    pub fn over(inner: Arc<dyn ObjectStore>, pressure: Pressure) -> Self {
        Self { pressure: Some(pressure), ..Self::new(inner) }
    }

    /// Returns the counts of one operation; bytes, retries and what was throttled are not told apart by operation and stay 0.
    pub fn counts_of(&self, operation: Operation) -> Counts {
        let counter = self.counters.of(operation);
        Counts {
            calls: counter.calls.load(Ordering::Relaxed),
            failed: counter.failed.load(Ordering::Relaxed),
            requests: self.pressure.as_ref().map_or(0, |pressure| pressure.requests_of(operation)),
            ..Counts::default()
        }
    }

    /// Returns the counts of all operations together.
    pub fn counts(&self) -> Counts {
        let wire = self.pressure.as_ref().map(Pressure::counts).unwrap_or_default();
        let mut sum = Counts {
            requests: wire.requests,
            retries: wire.retries,
            throttled: wire.throttled,
            sent_bytes: self.counters.sent_bytes.load(Ordering::Relaxed),
            read_bytes: self.counters.read_bytes.load(Ordering::Relaxed),
            ..Counts::default()
        };
        for operation in Operation::ALL {
            let one = self.counts_of(operation);
            sum.calls += one.calls;
            sum.failed += one.failed;
        }
        sum
    }
}

impl Counters {
    fn of(&self, operation: Operation) -> &PerOperation {
        &self.by_operation[operation.place().expect("no other call goes through a wrapper")]
    }
}

impl Around for Trace {
    type Guard = ();

    fn inner(&self) -> &Arc<dyn ObjectStore> {
        &self.inner
    }

    async fn around<T: Send>(
        &self,
        passing: Passing<'_>,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<(T, ())> {
        let Passing { operation, bucket, sends_bytes, .. } = passing;
        let bucket = bucket.map(tracing::field::display);
        let started = Instant::now();
        let counter = self.counters.of(operation);
        counter.calls.fetch_add(1, Ordering::Relaxed);
        let outcome = call.await;
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &outcome {
            Ok(_) => {
                self.counters.sent_bytes.fetch_add(sends_bytes, Ordering::Relaxed);
                tracing::debug!(?operation, bucket, sends_bytes, elapsed_ms, "store call");
            }
            Err(error) => {
                counter.failed.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(
                    ?operation, bucket, elapsed_ms, kind = %error.kind(), code = error.code(),
                    attempts = error.attempts(), request_id = error.request_id(), "store call failed"
                );
            }
        }
        outcome.map(|answer| (answer, ()))
    }

    fn around_body(&self, (): (), _: Option<Promised>, body: ObjectBody) -> ObjectBody {
        let counters = Arc::clone(&self.counters);
        ObjectBody::new(body.inspect(move |piece| {
            if let Ok(piece) = piece {
                counters.read_bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
        }))
    }
}

//! Bytes on their way: counted once each, and held to the limit on bandwidth.
//!
//! It is shared with the streams that a store reads, which outlive no request but know no lifetime either.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use pintail_store::Payload;
use tokio::time::Instant;

use super::pace::Bucket;
use super::places::{Kind, Places};

/// Pieces under a limit: small enough that no connection stands still for long.
const LIMITED_BYTES: usize = 16 << 10;
/// Whoever waits for the limit looks again after so long whether it is another one.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// No wait is longer, whatever the limit.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// What flows.
pub(super) struct Flow {
    places: Places,
    began: Instant,
    bucket: Mutex<Bucket>,
    /// Bytes a second, 0 for no limit.
    limit: AtomicU64,
    /// Bytes that are at their place, those of former lives included.
    done: AtomicU64,
    /// Bytes that this life moved.
    moved: AtomicU64,
    /// Pieces that wait for the limit.
    held_back: AtomicU64,
}

impl Flow {
    pub(super) fn new(places: Places, done: u64) -> Arc<Self> {
        Arc::new(Self {
            places,
            began: Instant::now(),
            bucket: Mutex::default(),
            limit: AtomicU64::new(0),
            done: AtomicU64::new(done),
            moved: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
        })
    }

    /// Sets the limit in bytes a second.
    pub(super) fn set_limit(&self, limit: Option<u64>) {
        let limit = limit.map_or(0, |limit| limit.max(1));
        if self.limit.swap(limit, Ordering::Relaxed) != limit {
            self.bucket.lock().expect("no holder of this lock panics").clear();
        }
    }

    /// Waits until some bytes may move. A limit that changes meanwhile goes for those who wait as well.
    pub(super) async fn pass(&self, bytes: u64) {
        let mut limit = self.limit.load(Ordering::Relaxed);
        if limit == 0 || bytes == 0 {
            return;
        }
        let take = |limit| {
            let mut bucket = self.bucket.lock().expect("no holder of this lock panics");
            bucket.take(self.began.elapsed(), bytes, limit)
        };
        let mut until = Instant::now() + take(limit).min(WAIT_MAX);
        let held = Held::new(&self.held_back);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(left.min(LOOK_AGAIN)).await;
            let now = self.limit.load(Ordering::Relaxed);
            if now == 0 {
                break;
            }
            if now != limit {
                limit = now;
                until = Instant::now() + take(limit).min(WAIT_MAX);
            }
        }
        drop(held);
    }

    fn is_limited(&self) -> bool {
        self.limit.load(Ordering::Relaxed) > 0
    }

    /// Tells whether anything waits for the limit.
    pub(super) fn is_held_back(&self) -> bool {
        self.held_back.load(Ordering::Relaxed) > 0
    }

    /// Returns the bytes that are at their place, and those that this life moved.
    pub(super) fn numbers(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.moved.load(Ordering::Relaxed))
    }

    /// Counts bytes that a former life moved and that turned out to be right.
    pub(super) fn kept(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Begins to count the bytes of one request, or of several that move the same bytes.
    pub(super) fn meter(self: &Arc<Self>, kind: Kind) -> Meter {
        Meter(Arc::new(Reading { flow: Arc::clone(self), kind, reached: AtomicU64::new(0) }))
    }

    /// Counts the bytes of a payload as it is read, and holds them to the limit.
    pub(super) fn metered(self: &Arc<Self>, payload: Payload, meter: &Meter) -> Payload {
        let (length_bytes, meter) = (payload.length_bytes(), meter.clone());
        Payload::from_fn(length_bytes, move || {
            let start = (payload.open(), Bytes::new(), 0_u64, meter.clone());
            Box::pin(futures_util::stream::unfold(start, |(mut pieces, mut rest, at, meter)| async move {
                if rest.is_empty() {
                    match pieces.next().await? {
                        Ok(piece) => rest = piece,
                        failed => return Some((failed, (pieces, rest, at, meter))),
                    }
                }
                let most = if meter.0.flow.is_limited() { LIMITED_BYTES } else { rest.len() };
                let piece = rest.split_to(rest.len().min(most));
                let length = piece.len() as u64;
                meter.pass(length).await;
                meter.reached(at + length);
                Some((Ok(piece), (pieces, rest, at + length, meter)))
            }))
        })
    }
}

struct Held<'a>(&'a AtomicU64);

impl<'a> Held<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts bytes by how far a request came: what is sent again does not count twice.
#[derive(Clone)]
pub(super) struct Meter(Arc<Reading>);

struct Reading {
    flow: Arc<Flow>,
    kind: Kind,
    reached: AtomicU64,
}

impl Meter {
    /// So many bytes are there.
    pub(super) fn reached(&self, bytes: u64) {
        let before = self.0.reached.fetch_max(bytes, Ordering::Relaxed);
        let more = bytes.saturating_sub(before);
        if more > 0 {
            self.0.flow.done.fetch_add(more, Ordering::Relaxed);
            self.0.flow.moved.fetch_add(more, Ordering::Relaxed);
            self.0.flow.places.moved(self.0.kind, more);
        }
    }

    /// Waits until some bytes may move.
    pub(super) async fn pass(&self, bytes: u64) {
        self.0.flow.pass(bytes).await;
    }
}

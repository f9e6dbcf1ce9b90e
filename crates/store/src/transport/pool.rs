//! Idle connections, newest first.
//!
//! Last in, first out: a burst that is over leaves the older connections untouched until they are dropped, instead
//! of keeping all of them half alive.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

use super::{Origin, OutgoingBody};

type Sender = SendRequest<OutgoingBody>;

pub(super) struct Pool {
    idle: Mutex<HashMap<Origin, VecDeque<Idle>>>,
    per_host_max: usize,
    idle_max: Duration,
    opened: AtomicU64,
}

struct Idle {
    sender: Sender,
    since: Instant,
}

impl Pool {
    pub(super) fn new(per_host_max: usize, idle_max: Duration) -> Self {
        Self { idle: Mutex::default(), per_host_max, idle_max, opened: AtomicU64::new(0) }
    }

    /// Takes the connection that was used last. It may have been closed since: the taker waits until it is ready.
    pub(super) fn take(&self, origin: &Origin) -> Option<Sender> {
        let mut idle = self.idle.lock().expect("no holder of this lock panics");
        let waiting = idle.get_mut(origin)?;
        loop {
            let Idle { sender, since } = waiting.pop_back()?;
            if since.elapsed() > self.idle_max {
                // The others wait even longer.
                waiting.clear();
                return None;
            }
            if !sender.is_closed() {
                return Some(sender);
            }
        }
    }

    fn put(&self, origin: Origin, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let now = Instant::now();
        let mut idle = self.idle.lock().expect("no holder of this lock panics");
        let waiting = idle.entry(origin).or_default();
        while waiting.front().is_some_and(|oldest| now - oldest.since > self.idle_max)
            || waiting.len() >= self.per_host_max.max(1)
        {
            waiting.pop_front();
        }
        if self.per_host_max > 0 {
            waiting.push_back(Idle { sender, since: now });
        }
    }

    pub(super) fn count_opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("opened", &self.opened()).finish_non_exhaustive()
    }
}

/// A connection in use, and the pool it came from.
pub(super) struct Lease {
    sender: Sender,
    origin: Origin,
    pool: Arc<Pool>,
}

impl Lease {
    pub(super) fn new(sender: Sender, origin: Origin, pool: Arc<Pool>) -> Self {
        Self { sender, origin, pool }
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(super) fn give_back(self) {
        self.pool.put(self.origin, self.sender);
    }
}

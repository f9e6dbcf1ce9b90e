//! Idle connections, newest first.
//!
//! Last in, first out: a burst that is over leaves the older connections untouched until they are dropped, instead
//! of keeping all of them half alive. Each host has its own stack and its own lock, held for one push or pop; a connection that
//! is dropped for its age is dropped after it.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

use super::{Origin, OutgoingBody};

type Sender = SendRequest<OutgoingBody>;

pub(super) struct Pool {
    hosts: RwLock<HashMap<Origin, Arc<Host>>>,
    per_host_max: usize,
    idle_max: Duration,
    opened: AtomicU64,
}

/// The idle connections of one host.
pub(super) struct Host {
    idle: Mutex<VecDeque<Idle>>,
    per_host_max: usize,
    idle_max: Duration,
}

struct Idle {
    sender: Sender,
    since: Instant,
}

impl Pool {
    pub(super) fn new(per_host_max: usize, idle_max: Duration) -> Self {
        Self { hosts: RwLock::default(), per_host_max, idle_max, opened: AtomicU64::new(0) }
    }

    /// Returns the stack of a host.
    pub(super) fn host(&self, origin: &Origin) -> Arc<Host> {
        if let Some(host) = self.hosts.read().expect("no holder of this lock panics").get(origin) {
            return Arc::clone(host);
        }
        let mut hosts = self.hosts.write().expect("no holder of this lock panics");
        let host = hosts.entry(origin.clone()).or_insert_with(|| {
            let (per_host_max, idle_max) = (self.per_host_max, self.idle_max);
            Arc::new(Host { idle: Mutex::default(), per_host_max, idle_max })
        });
        Arc::clone(host)
    }

    pub(super) fn count_opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }
}

impl Host {
    /// Takes the connection that was used last. It may have been closed since: the taker waits until it is ready.
    pub(super) fn take(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().expect("no holder of this lock panics");
        loop {
            let Idle { sender, since } = idle.pop_back()?;
            if since.elapsed() > self.idle_max {
                // The others wait even longer.
                let outlived = std::mem::take(&mut *idle);
                drop(idle);
                drop(outlived);
                return None;
            }
            if !sender.is_closed() {
                return Some(sender);
            }
        }
    }

    fn put(&self, sender: Sender) {
        if sender.is_closed() || self.per_host_max == 0 {
            return;
        }
        let since = Instant::now();
        let mut outlived = Vec::new();
        let mut idle = self.idle.lock().expect("no holder of this lock panics");
        while idle.front().is_some_and(|oldest| since - oldest.since > self.idle_max)
            || idle.len() >= self.per_host_max
        {
            outlived.extend(idle.pop_front());
        }
        idle.push_back(Idle { sender, since });
        drop(idle);
        drop(outlived);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("opened", &self.opened()).finish_non_exhaustive()
    }
}

/// A connection in use, and the stack it goes back to.
pub(super) struct Lease {
    sender: Sender,
    host: Arc<Host>,
}

impl Lease {
    pub(super) fn new(sender: Sender, host: Arc<Host>) -> Self {
        Self { sender, host }
    }

    pub(super) fn give_back(self) {
        self.host.put(self.sender);
    }
}

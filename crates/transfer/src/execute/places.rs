//! Places: how many requests may be under way, for objects of one request and for parts.
//!
//! Each kind has a [`Controller`], which learns its limit from samples; [`share`] divides what all of them may have. Whoever
//! waits is served in order. A place is given back when it is dropped, so that a request that is given up frees its place too.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::parts::control::{Bounds, Controller, Sample};
use crate::parts::share::share;

/// Where the limit for small objects begins for a near service.
const SMALL_FIRST: usize = 32;
/// For a far one it begins with as many as make so many requests a second: less than the 3,500 writes that S3 takes for one prefix at once.
const SMALL_FIRST_A_SECOND: f64 = 2500.0;
/// And with no more than so many: the first answers are few to judge a service by.
const SMALL_FIRST_MAX: usize = 512;
/// Where the limit for parts begins: enough to fill most lines.
const LARGE_FIRST: usize = 8;
/// And where it begins for a far service, where each connection takes round trips to come to its speed (TCP's slow start).
const LARGE_FIRST_FAR: usize = 16;
/// So far is far.
const FAR: Duration = Duration::from_millis(10);
/// A request of a small object counts as so many bytes besides its own, so that a mix of sizes does not look like a change of speed.
const REQUEST_BYTES: u64 = 64 << 10;
/// The shortest while that is measured.
const SAMPLE_MIN: Duration = Duration::from_millis(50);
/// The longest, however slow the answers are.
const SAMPLE_MAX: Duration = Duration::from_secs(2);

/// Which requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Objects of one request, copies, deletions, looks.
    Small,
    /// Parts and segments.
    Large,
}

/// How many requests may be under way.
#[derive(Clone)]
pub(super) struct Places(Arc<Mutex<Inner>>);

struct Inner {
    max: usize,
    small: Pool,
    large: Pool,
    next_waiter: u64,
    /// How far the service is was heard, and the limit for small objects follows it.
    distance_known: bool,
    began: Instant,
}

struct Pool {
    controller: Controller,
    /// What it has of all places at this moment.
    limit: usize,
    held: usize,
    waiting: VecDeque<(u64, Waker)>,
    granted: HashSet<u64>,
    /// Of this sample.
    requests: u64,
    bytes: u64,
    failures: u64,
    /// The fewest that there were to do at once.
    least: usize,
    /// How long a place is held, averaged.
    held_for: Option<Duration>,
}

/// A place for one request, given back when it is dropped.
pub(super) struct Place {
    places: Places,
    kind: Kind,
    since: Instant,
}

/// What the service said of its load since the last sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    pub(super) throttled: u64,
    pub(super) failures: u64,
}

impl Places {
    /// Begins with the most requests at once, and the most parts that memory lets.
    pub(super) fn new(connections_max: usize, parts_max: usize) -> Self {
        let max = connections_max.max(1);
        let pool = |first, max: usize| Pool {
            controller: Controller::new(Bounds { first, max: max.max(1) }),
            limit: 0,
            held: 0,
            waiting: VecDeque::new(),
            granted: HashSet::new(),
            requests: 0,
            bytes: 0,
            failures: 0,
            least: usize::MAX,
            held_for: None,
        };
        Self(Arc::new(Mutex::new(Inner {
            max,
            small: pool(SMALL_FIRST, max),
            large: pool(LARGE_FIRST, max.min(parts_max)),
            next_waiter: 0,
            distance_known: false,
            began: Instant::now(),
        })))
    }

    /// Waits for a place for a request of a small object (an upload or download by one request, a copy, a deletion batch, a look).
    pub(super) fn small(&self) -> impl Future<Output = Place> + Send + use<> {
        Waiting { places: self.clone(), kind: Kind::Small, waiter: None }
    }

    /// Waits for a place for a part of a large object.
    pub(super) fn large(&self) -> impl Future<Output = Place> + Send + use<> {
        Waiting { places: self.clone(), kind: Kind::Large, waiter: None }
    }

    /// Counts bytes that moved.
    pub(super) fn moved(&self, kind: Kind, bytes: u64) {
        self.inner().pool(kind).bytes += bytes;
    }

    /// Says how many small objects are begun after as many were begun as may be: whether there was enough to do is known to whoever begins them.
    pub(super) fn begun(&self, count: usize) {
        let mut inner = self.inner();
        inner.small.least = inner.small.least.min(count);
    }

    /// Counts a request that failed in a way that fewer could mend, for stores that do not count themselves.
    pub(super) fn failed(&self, kind: Kind) {
        self.inner().pool(kind).failures += 1;
    }

    /// Returns how many requests are under way, and the most that may be.
    pub(super) fn numbers(&self) -> (usize, usize) {
        let inner = self.inner();
        let Inner { small, large, max, .. } = &*inner;
        let limit = |pool: &Pool| if pool.wanted() > 0 { pool.controller.limit() } else { 0 };
        (small.held + large.held, (limit(small) + limit(large)).min(*max))
    }

    /// Returns how many small objects should be begun at once: as many as have places, and a few that wait.
    pub(super) fn small_ahead(&self) -> usize {
        let inner = self.inner();
        let limit = inner.small.controller.limit();
        limit + limit / 4 + 4
    }

    /// Returns how many large objects should be begun at once.
    pub(super) fn large_ahead(&self) -> usize {
        self.inner().large.controller.limit()
    }

    /// Ends the sample if it lasted long enough, and learns from it; tells whether it did. `round_trip` is what the stores know of the way; `load` is asked
    /// only at the end of a sample.
    pub(super) fn measure(
        &self,
        now: Instant,
        round_trip: Option<Duration>,
        load: impl FnOnce() -> Load,
    ) -> bool {
        let mut inner = self.inner();
        if let Some(round_trip) = round_trip
            && !std::mem::replace(&mut inner.distance_known, true)
        {
            inner.starts_at(round_trip);
        }
        let took = now.saturating_duration_since(inner.began);
        let answer = round_trip.or(inner.small.held_for).unwrap_or_default();
        if took < (answer * 3 / 2).clamp(SAMPLE_MIN, SAMPLE_MAX) {
            return false;
        }
        let load = load();
        inner.began = now;
        let both = inner.small.requests > 0 && inner.large.requests > 0;
        for kind in [Kind::Small, Kind::Large] {
            let pool = inner.pool(kind);
            let (requests, bytes) = (pool.requests, pool.bytes);
            let work = if kind == Kind::Small { requests * REQUEST_BYTES + bytes } else { bytes };
            let active = requests > 0 || pool.held > 0;
            let limit = pool.controller.limit();
            let sample = Sample {
                took,
                work,
                slow_downs: if active { load.throttled } else { 0 },
                failures: pool.failures + if active && !both { load.failures } else { 0 },
                requests,
                saturated: pool.least.saturating_add(pool.least / 8) >= limit,
            };
            if active {
                pool.controller.observe(&sample);
            }
            (pool.requests, pool.bytes, pool.failures) = (0, 0, 0);
            pool.least = usize::MAX;
        }
        inner.divide();
        true
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl Inner {
    fn pool(&mut self, kind: Kind) -> &mut Pool {
        match kind {
            Kind::Small => &mut self.small,
            Kind::Large => &mut self.large,
        }
    }

    /// Begins with as many small objects as the distance asks for.
    fn starts_at(&mut self, round_trip: Duration) {
        let first = (round_trip.as_secs_f64() * SMALL_FIRST_A_SECOND) as usize;
        if round_trip >= FAR {
            self.small.controller.is_far(first.min(SMALL_FIRST_MAX));
            self.large.controller.is_far(LARGE_FIRST_FAR);
        }
        self.divide();
    }

    /// Divides the places anew and serves whoever waits.
    fn divide(&mut self) {
        let wanted = |pool: &Pool| pool.wanted().min(pool.controller.limit());
        let shares = share(self.max, wanted(&self.small), wanted(&self.large));
        self.small.limit = shares.small;
        self.large.limit = shares.large;
        // Whoever has more than his share gives back first.
        let mut free = self.max.saturating_sub(self.small.held + self.large.held);
        self.large.serve(&mut free);
        self.small.serve(&mut free);
    }
}

impl Pool {
    fn wanted(&self) -> usize {
        self.held + self.waiting.len()
    }

    fn serve(&mut self, free: &mut usize) {
        while *free > 0
            && self.held < self.limit
            && let Some((waiter, waker)) = self.waiting.pop_front()
        {
            self.held += 1;
            *free -= 1;
            self.granted.insert(waiter);
            waker.wake();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let held_for = self.since.elapsed();
        let mut inner = self.places.inner();
        let pool = inner.pool(self.kind);
        pool.held -= 1;
        pool.requests += 1;
        if self.kind == Kind::Large {
            // An object that has parts left waits for its next place at any time.
            pool.least = pool.least.min(pool.wanted());
        }
        pool.held_for = Some(pool.held_for.map_or(held_for, |before| (before * 7 + held_for) / 8));
        inner.divide();
    }
}

/// Waits in line.
struct Waiting {
    places: Places,
    kind: Kind,
    waiter: Option<u64>,
}

impl Future for Waiting {
    type Output = Place;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Place> {
        let kind = self.kind;
        let places = self.places.clone();
        let mut inner = places.inner();
        let waiter = if let Some(waiter) = self.waiter {
            waiter
        } else {
            let waiter = inner.next_waiter;
            inner.next_waiter += 1;
            inner.pool(kind).waiting.push_back((waiter, cx.waker().clone()));
            self.waiter = Some(waiter);
            inner.divide();
            waiter
        };
        let pool = inner.pool(kind);
        if pool.granted.remove(&waiter) {
            self.waiter = None;
            return Poll::Ready(Place { places: self.places.clone(), kind, since: Instant::now() });
        }
        if let Some((_, waker)) = pool.waiting.iter_mut().find(|(id, _)| *id == waiter)
            && !waker.will_wake(cx.waker())
        {
            waker.clone_from(cx.waker());
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter else { return };
        let mut inner = self.places.inner();
        let pool = inner.pool(self.kind);
        if pool.granted.remove(&waiter) {
            pool.held -= 1;
        } else {
            pool.waiting.retain(|(id, _)| *id != waiter);
        }
        inner.divide();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn places_are_given_in_order_and_back_when_they_are_dropped() {
        let places = Places::new(2, 2);
        let first = places.small().now_or_never().unwrap();
        let second = places.small().now_or_never().unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let (mut third, mut fourth) = (Box::pin(places.small()), Box::pin(places.small()));
        assert!(third.as_mut().poll(&mut cx).is_pending());
        assert!(fourth.as_mut().poll(&mut cx).is_pending());
        assert_eq!(places.numbers().0, 2);
        drop(first);
        assert!(fourth.as_mut().poll(&mut cx).is_pending(), "the third was first");
        // One that was granted and never taken is no loss.
        drop(third);
        assert!(fourth.as_mut().poll(&mut cx).is_ready());
        drop(second);
        assert_eq!(places.numbers().0, 0);
    }

    #[test]
    fn both_kinds_have_places_when_both_want_some() {
        let places = Places::new(4, 4);
        let mut held: Vec<_> = (0..4).map(|_| places.small().now_or_never().unwrap()).collect();
        let mut cx = Context::from_waker(Waker::noop());
        let mut large = Box::pin(places.large());
        let mut small = Box::pin(places.small());
        assert!(large.as_mut().poll(&mut cx).is_pending());
        assert!(small.as_mut().poll(&mut cx).is_pending());
        // What is given back goes to the kind that has less than its half.
        held.truncate(2);
        let part = large.as_mut().poll(&mut cx);
        assert!(part.is_ready());
        assert!(places.numbers().0 <= 4);
    }

    /// Returns the limits of two seconds at a far service, where every new connection takes so many round trips before its first request.
    async fn limits(places: &Places, round_trip: Duration, handshake: u32) -> Vec<usize> {
        let open = std::cell::Cell::new(0);
        let idle = std::cell::Cell::new(0);
        let mut jobs = futures_util::stream::FuturesUnordered::new();
        let job = async |places: Places| {
            let place = places.small().await;
            if idle.get() > 0 {
                idle.set(idle.get() - 1);
            } else {
                open.set(open.get() + 1);
                tokio::time::sleep(round_trip * handshake).await;
            }
            tokio::time::sleep(round_trip).await;
            idle.set(idle.get() + 1);
            drop(place);
        };
        let began = Instant::now();
        let mut limits = vec![places.inner().small.controller.limit()];
        while began.elapsed() < Duration::from_secs(2) {
            while jobs.len() < places.small_ahead() {
                jobs.push(job(places.clone()));
            }
            places.begun(jobs.len());
            let tick = std::pin::pin!(tokio::time::sleep(Duration::from_millis(10)));
            futures_util::future::select(futures_util::StreamExt::next(&mut jobs), tick).await;
            places.measure(Instant::now(), Some(round_trip), Load::default);
            let limit = places.inner().small.controller.limit();
            if limits.last() != Some(&limit) {
                limits.push(limit);
            }
        }
        limits
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_doubles_as_long_as_the_work_grows() {
        let round_trip = Duration::from_millis(100);
        for handshake in [0, 1, 2] {
            let places = Places::new(1024, 64);
            let limits = limits(&places, round_trip, handshake).await;
            assert_eq!(limits[..4], [32, 250, 500, 1000], "{limits:?} with {handshake} before the first");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_far_service_gets_more_as_soon_as_it_is_known_to_be_far() {
        for (round_trip_ms, first) in [(0, 32), (10, 32), (20, 50), (100, 250), (1000, 512)] {
            let places = Places::new(1024, 64);
            let round_trip = Duration::from_millis(round_trip_ms);
            assert!(!places.measure(Instant::now(), None, Load::default));
            assert_eq!(places.inner().small.controller.limit(), 32);
            assert!(!places.measure(Instant::now(), Some(round_trip), Load::default));
            assert_eq!(places.inner().small.controller.limit(), first, "{round_trip_ms} ms");
        }
        let few = Places::new(8, 64);
        few.measure(Instant::now(), Some(Duration::from_millis(100)), Load::default);
        assert_eq!(few.inner().small.controller.limit(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_complains_gets_fewer() {
        let places = Places::new(512, 64);
        assert!(!places.measure(Instant::now(), Some(Duration::from_millis(100)), Load::default));
        let held: Vec<_> = (0..32).map(|_| places.small().now_or_never().unwrap()).collect();
        let before = places.numbers().1;
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(held);
        let complains = Load { throttled: 3, ..Load::default() };
        assert!(places.measure(Instant::now(), Some(Duration::from_millis(100)), || complains));
        let _one = places.small().now_or_never().unwrap();
        assert!(places.numbers().1 < before, "{:?}", places.numbers());
    }
}

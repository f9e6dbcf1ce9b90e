//! Listing a prefix: its objects in the order of their keys, fast and within bounds.
//!
//! ```text
//! first page ─► how names are built ─► cuts ─► ranges, listed side by side ─► pages in order
//! ```
//!
//! A service gives a thousand keys an answer, and the next answer needs the last one's end. So the key space is cut where the keys seen say
//! that pages end (`keys`), and the ranges are listed at once (`ranges`). What comes is in ascending order, each key once; what comes early waits, a bounded number of pages.

mod keys;
mod ranges;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use pintail_store::object_store::{List, ListPage, ListedObject};
use pintail_store::{ErrorKind, Operation, StoreError};
use tokio::time::{Duration, Instant};

use crate::entry::Entry;
use crate::name::Name;
use crate::site::Remote;
use ranges::{Ranges, Request};

/// How a listing goes.
#[derive(Clone, Debug)]
pub struct Options {
    /// The most requests under way at once.
    pub connections_max: usize,
    /// How many keys a page may have; `None` for what the service gives.
    pub page: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections_max: 16, page: None }
    }
}

/// Counts of one listing, which go on while it does.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<AtomicU64>);

impl Counters {
    /// Returns how many pages were asked for.
    pub fn pages(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The objects of a prefix in ascending order of their keys, in pages of some hundreds. After an error nothing more comes.
///
/// Requests are made and go on while it is polled, and are given up when it is dropped.
pub struct Pages {
    remote: Remote,
    page: Option<u32>,
    ranges: Option<Ranges>,
    under_way: FuturesUnordered<BoxFuture<'static, Answer>>,
    counters: Counters,
}

/// An answer, for which range, and how long it took.
type Answer = (u64, Option<String>, Result<ListPage, StoreError>, Duration);

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl Pages {
    /// Returns the counts, which go on.
    pub fn counters(&self) -> Counters {
        self.counters.clone()
    }

    /// Waits for requests whose answers nobody needs any more: their connections stay open for others.
    pub async fn settle(mut self) {
        while self.under_way.next().await.is_some() {}
    }

    fn ask(&self, request: Request) -> BoxFuture<'static, Answer> {
        let counters = self.counters.clone();
        let Request { id, start_after, continuation } = request;
        let list = List {
            prefix: self.remote.prefix.clone(),
            delimiter: None,
            start_after: start_after.filter(|_| continuation.is_none()),
            continuation,
            max: self.page,
        };
        let (store, bucket) = (Arc::clone(&self.remote.store), self.remote.bucket.clone());
        Box::pin(async move {
            counters.add();
            let started = Instant::now();
            let page = store.list(&bucket, &list).await;
            (id, list.continuation, page, started.elapsed())
        })
    }

    fn bad(&self, why: &'static str) -> StoreError {
        StoreError::new(ErrorKind::BadAnswer, Operation::List).at(&self.remote.bucket, None).because(why)
    }

    /// Takes an answer in.
    fn take_in(&mut self, answer: Answer) -> Result<(), StoreError> {
        let (id, continuation, page, took) = answer;
        let ListPage { objects, next, .. } = page?;
        if next.is_some() && next == continuation {
            return Err(self.bad("the next page begins where this one began"));
        }
        let Some(ranges) = &mut self.ranges else { return Ok(()) };
        let taken = ranges.answer(id, objects, next, took);
        taken.map_err(|_| self.bad("keys are not listed in order"))
    }
}

impl Stream for Pages {
    type Item = Result<Vec<ListedObject>, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(ranges) = &mut self.ranges else { return Poll::Ready(None) };
            let page = ranges.pop();
            while let Some(request) = self.ranges.as_mut().and_then(Ranges::next_request) {
                let answer = self.ask(request);
                self.under_way.push(answer);
            }
            if let Some(page) = page {
                return Poll::Ready(Some(Ok(page)));
            }
            if self.ranges.as_ref().is_none_or(Ranges::is_done) {
                self.ranges = None;
                return Poll::Ready(None);
            }
            let answer = std::task::ready!(self.under_way.poll_next_unpin(cx))
                .expect("a listing that is not done has a request under way");
            if let Err(error) = self.take_in(answer) {
                self.ranges = None;
                self.under_way.clear();
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

/// Lists what is below a place, page by page.
pub fn object_pages(remote: &Remote, options: &Options) -> Pages {
    Pages {
        remote: remote.clone(),
        page: options.page,
        ranges: Some(Ranges::new(remote.prefix.as_str(), options.connections_max)),
        under_way: FuturesUnordered::new(),
        counters: Counters::default(),
    }
}

/// The objects of a prefix, one by one.
#[derive(Debug)]
pub struct Objects {
    pages: Pages,
    open: VecDeque<ListedObject>,
}

impl Objects {
    /// Returns the counts, which go on.
    pub fn counters(&self) -> Counters {
        self.pages.counters()
    }
}

impl Stream for Objects {
    type Item = Result<ListedObject, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(object) = self.open.pop_front() {
                return Poll::Ready(Some(Ok(object)));
            }
            match std::task::ready!(self.pages.poll_next_unpin(cx)) {
                Some(Ok(page)) => self.open = page.into(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

/// Lists what is below a place, object by object. The object whose key is the prefix itself is among them.
pub fn objects(remote: &Remote, options: &Options) -> Objects {
    Objects { pages: object_pages(remote, options), open: VecDeque::new() }
}

/// Lists what is below a place, as entries named below it. The object whose key is the prefix itself has no name there, and is passed over.
pub fn entries(
    remote: &Remote,
    options: &Options,
) -> impl Stream<Item = Result<Entry, StoreError>> + Send + use<> {
    let prefix = remote.prefix.clone();
    objects(remote, options).filter_map(move |object| {
        let entry = match object {
            Ok(object) => Name::below(&prefix, &object.key).map(|name| Ok(Entry::listed(name, &object))),
            Err(error) => Some(Err(error)),
        };
        std::future::ready(entry)
    })
}

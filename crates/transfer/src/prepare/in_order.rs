//! Decisions in the order of their names, though some of them wait for a look and others do not.

use futures_util::StreamExt;
use futures_util::future::{self, BoxFuture, Either, FutureExt};
use futures_util::stream::FuturesOrdered;

use super::PrepareError;
use super::pairing::Pairing;
use crate::diff::Pair;

/// So many decisions wait in order behind one that is looked at.
const WAITING_MAX: usize = 1024;

/// Decisions that wait for the one before them.
pub(super) struct InOrder<'a, T> {
    waiting: FuturesOrdered<BoxFuture<'a, Result<T, PrepareError>>>,
    /// The first of them, if it came while a pair was waited for.
    arrived: Option<Result<T, PrepareError>>,
}

/// What is next.
pub(super) enum Turn<T> {
    /// A pair is to be decided; `None` after the last.
    Pair(Option<Pair>),
    /// A decision is to be taken.
    Decided(T),
}

impl<'a, T: Send + 'a> InOrder<'a, T> {
    pub(super) fn new() -> Self {
        Self { waiting: FuturesOrdered::new(), arrived: None }
    }

    /// Waits for what is next: decisions go on while the sides are waited for.
    pub(super) async fn turn(&mut self, pairing: &mut Pairing) -> Result<Turn<T>, PrepareError> {
        if self.waiting.is_empty() {
            return pairing.next().await.map(Turn::Pair);
        }
        if self.waiting.len() < WAITING_MAX {
            let pair = std::pin::pin!(pairing.next());
            match future::select(pair, self.waiting.next()).await {
                Either::Left((pair, _)) => return pair.map(Turn::Pair),
                Either::Right((decided, _)) => self.arrived = decided,
            }
        }
        let decided = self.settled().await.expect("something waits");
        decided.map(Turn::Decided)
    }

    /// Takes a decision behind those that wait. Returns it where none does and it is made at once.
    pub(super) fn put(
        &mut self,
        mut decision: BoxFuture<'a, Result<T, PrepareError>>,
    ) -> Option<Result<T, PrepareError>> {
        if self.waiting.is_empty()
            && let Some(decided) = (&mut decision).now_or_never()
        {
            return Some(decided);
        }
        self.waiting.push_back(decision);
        None
    }

    /// The same for one that is made. Costs nothing where none waits.
    pub(super) fn put_made(&mut self, decided: T) -> Option<T> {
        if self.waiting.is_empty() {
            return Some(decided);
        }
        self.waiting.push_back(future::ready(Ok(decided)).boxed());
        None
    }

    /// Waits for the first decision; `None` where none is left.
    pub(super) async fn settled(&mut self) -> Option<Result<T, PrepareError>> {
        match self.arrived.take() {
            Some(decided) => Some(decided),
            None => self.waiting.next().await,
        }
    }
}

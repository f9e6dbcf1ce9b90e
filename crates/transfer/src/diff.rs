//! Two sides, entry by entry: a merge of two sorted streams.
//!
//! Pure: holds one entry of each side and nothing else, whatever the number of names. Each side must come in strictly ascending
//! order; one that does not ends the comparison, since a name that is missed on one side would look deleted.

use futures_core::Stream;
use futures_util::StreamExt;

use crate::entry::Entry;
use crate::name::Name;

/// One of the two sides that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The source, or the first of two.
    Left,
    /// The target, or the second.
    Right,
}

impl Side {
    /// Returns the other side.
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// What the sides have under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pair {
    /// Only the left side has it.
    Left(Entry),
    /// Only the right side has it.
    Right(Entry),
    /// Both have it.
    Both(Entry, Entry),
}

impl Pair {
    /// Returns the name.
    pub fn name(&self) -> &Name {
        match self {
            Self::Left(entry) | Self::Right(entry) | Self::Both(entry, _) => &entry.name,
        }
    }

    /// Returns what each side has.
    pub fn sides(self) -> (Option<Entry>, Option<Entry>) {
        match self {
            Self::Left(entry) => (Some(entry), None),
            Self::Right(entry) => (None, Some(entry)),
            Self::Both(left, right) => (Some(left), Some(right)),
        }
    }
}

/// A side that does not come in order, or has a name twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} comes after {before:?}")]
pub struct Unsorted {
    /// Which side.
    pub side: Side,
    /// The name before.
    pub before: Name,
    /// The name that should not have come after it.
    pub name: Name,
}

/// Why a comparison ended early.
#[derive(Debug, thiserror::Error)]
pub enum DiffError<E> {
    /// A side does not come in order.
    #[error("a side is out of order")]
    Unsorted(#[source] Unsorted),
    /// A side failed.
    #[error("a side could not be read")]
    Side(Side, #[source] E),
}

/// The merge itself, for those who bring entries when they are wanted.
#[derive(Debug, Default)]
pub struct Join {
    left: Front,
    right: Front,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next entry of a side has to be brought with [`Join::bring`], or its end.
    Need(Side),
    /// A pair.
    Pair(Pair),
    /// Both sides have ended.
    End,
}

#[derive(Debug, Default)]
struct Front {
    waiting: Option<Entry>,
    last: Option<Name>,
    ended: bool,
}

impl Join {
    /// Begins with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the next pair, or says what it needs for it.
    pub fn next_pair(&mut self) -> Next {
        if !self.left.is_ready() {
            return Next::Need(Side::Left);
        }
        if !self.right.is_ready() {
            return Next::Need(Side::Right);
        }
        let order = match (&self.left.waiting, &self.right.waiting) {
            (None, None) => return Next::End,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(left), Some(right)) => left.name.cmp(&right.name),
        };
        let left = if order.is_le() { self.left.waiting.take() } else { None };
        let right = if order.is_ge() { self.right.waiting.take() } else { None };
        match (left, right) {
            (Some(left), Some(right)) => Next::Pair(Pair::Both(left, right)),
            (Some(left), None) => Next::Pair(Pair::Left(left)),
            (None, Some(right)) => Next::Pair(Pair::Right(right)),
            (None, None) => Next::End,
        }
    }

    /// Takes the next entry of a side, or its end. Only what was asked for.
    ///
    /// # Errors
    /// When the entry's name does not come after the one before.
    pub fn bring(&mut self, side: Side, entry: Option<Entry>) -> Result<(), Unsorted> {
        let front = match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        };
        let Some(entry) = entry else {
            front.ended = true;
            return Ok(());
        };
        if let Some(before) = front.last.take().filter(|before| *before >= entry.name) {
            return Err(Unsorted { side, before, name: entry.name });
        }
        front.last = Some(entry.name.clone());
        front.waiting = Some(entry);
        Ok(())
    }
}

impl Front {
    fn is_ready(&self) -> bool {
        self.waiting.is_some() || self.ended
    }
}

/// Compares two sides that come without waiting. After an error nothing more comes.
pub fn pairs<E>(
    left: impl IntoIterator<Item = Result<Entry, E>>,
    right: impl IntoIterator<Item = Result<Entry, E>>,
) -> impl Iterator<Item = Result<Pair, DiffError<E>>> {
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let mut join = Some(Join::new());
    std::iter::from_fn(move || {
        loop {
            let step = match join.as_mut()?.next_pair() {
                Next::End => {
                    join = None;
                    return None;
                }
                Next::Pair(pair) => return Some(Ok(pair)),
                Next::Need(side) => {
                    let entry = if side == Side::Left { left.next() } else { right.next() };
                    brought(join.as_mut()?, side, entry)
                }
            };
            if let Err(error) = step {
                join = None;
                return Some(Err(error));
            }
        }
    })
}

/// Compares two sides that come as they can. After an error nothing more comes.
pub fn pair_stream<E: Send>(
    left: impl Stream<Item = Result<Entry, E>> + Send,
    right: impl Stream<Item = Result<Entry, E>> + Send,
) -> impl Stream<Item = Result<Pair, DiffError<E>>> + Send {
    futures_util::stream::try_unfold(
        (Join::new(), Box::pin(left), Box::pin(right)),
        |(mut join, mut left, mut right)| async move {
            loop {
                match join.next_pair() {
                    Next::End => return Ok(None),
                    Next::Pair(pair) => return Ok(Some((pair, (join, left, right)))),
                    // Both at once where both are wanted: two listings over a slow line wait for each other otherwise.
                    Next::Need(Side::Left) if !join.right.is_ready() => {
                        let (one, other) = futures_util::future::join(left.next(), right.next()).await;
                        brought(&mut join, Side::Left, one)?;
                        brought(&mut join, Side::Right, other)?;
                    }
                    Next::Need(side) => {
                        let entry = match side {
                            Side::Left => left.next().await,
                            Side::Right => right.next().await,
                        };
                        brought(&mut join, side, entry)?;
                    }
                }
            }
        },
    )
}

fn brought<E>(join: &mut Join, side: Side, entry: Option<Result<Entry, E>>) -> Result<(), DiffError<E>> {
    let entry = entry.transpose().map_err(|error| DiffError::Side(side, error))?;
    join.bring(side, entry).map_err(DiffError::Unsorted)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;
    use crate::entry::Modified;

    fn entry(name: &str, size_bytes: u64) -> Entry {
        Entry::file(Name::new(name).unwrap(), size_bytes, Modified::UNKNOWN)
    }

    fn side(names: &BTreeMap<String, u64>) -> Vec<Result<Entry, Infallible>> {
        names.iter().map(|(name, size)| Ok(entry(name, *size))).collect()
    }

    #[test]
    fn a_side_out_of_order_ends_the_comparison() {
        let right = [entry("a", 0), entry("c", 0), entry("b", 0), entry("d", 0)].map(Ok::<_, Infallible>);
        let found: Vec<_> = pairs([Ok(entry("x", 0))], right).collect();
        assert_eq!(found.len(), 3);
        let Some(Err(DiffError::Unsorted(unsorted))) = found.last() else { panic!("{found:?}") };
        assert_eq!((unsorted.side, unsorted.name.as_str()), (Side::Right, "b"));
        let twice = [entry("a", 0), entry("a", 0)].map(Ok::<_, Infallible>);
        assert!(pairs(twice, []).any(|pair| pair.is_err()));
    }

    #[test]
    fn a_side_that_fails_ends_the_comparison() {
        let left = [Ok(entry("a", 0)), Err("cut")];
        let found: Vec<_> = pairs(left, [Ok(entry("b", 0)), Ok(entry("c", 0))]).collect();
        assert!(
            matches!(found[..], [Ok(Pair::Left(_)), Err(DiffError::Side(Side::Left, "cut"))]),
            "{found:?}"
        );
        let left = futures_util::stream::iter([Err("cut"), Ok(entry("a", 0))]);
        let right = futures_util::stream::iter([Ok(entry("b", 0))]);
        let found: Vec<_> = pair_stream(left, right).collect::<Vec<_>>().now_or_never().unwrap();
        assert!(matches!(found[..], [Err(DiffError::Side(Side::Left, "cut"))]), "{found:?}");
    }

    proptest! {
        #[test]
        fn it_is_the_union_of_two_maps(
            left in proptest::collection::btree_map("[ab./]{1,3}", 0..9_u64, 0..12),
            right in proptest::collection::btree_map("[ab./]{1,3}", 0..9_u64, 0..12),
        ) {
            let mut expected: BTreeMap<&str, (Option<u64>, Option<u64>)> = BTreeMap::new();
            for (name, size) in &left {
                expected.entry(name).or_default().0 = Some(*size);
            }
            for (name, size) in &right {
                expected.entry(name).or_default().1 = Some(*size);
            }
            let plain: Vec<Pair> = pairs(side(&left), side(&right)).collect::<Result<_, _>>().unwrap();
            let streamed: Vec<Pair> = pair_stream(
                futures_util::stream::iter(side(&left)),
                futures_util::stream::iter(side(&right)),
            )
            .map(Result::unwrap)
            .collect::<Vec<_>>()
            .now_or_never()
            .unwrap();
            prop_assert_eq!(&plain, &streamed);
            let found: Vec<_> = plain
                .into_iter()
                .map(|pair| {
                    let name = pair.name().to_string();
                    let (left, right) = pair.sides();
                    (name, (left.map(|entry| entry.size_bytes), right.map(|entry| entry.size_bytes)))
                })
                .collect();
            let expected: Vec<_> =
                expected.into_iter().map(|(name, sides)| (name.to_owned(), sides)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}

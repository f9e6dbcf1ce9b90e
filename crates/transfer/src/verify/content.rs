//! Reading two things side by side until they differ.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_core::Stream;
use futures_util::StreamExt;
use pintail_core::name::{BucketName, ObjectKey};
use pintail_store::object_store::{ETag, Get, ObjectStore, ReadCondition};
use pintail_store::{ObjectBody, StoreError};

/// Where an object is, and in which state.
pub(crate) type At = (Arc<dyn ObjectStore>, BucketName, ObjectKey, Option<ETag>);

/// Tells whether two objects have the same bytes, by reading both.
pub(crate) async fn same_objects(one: At, other: At) -> Result<bool, StoreError> {
    let (one, other) = futures_util::future::try_join(open(&one), open(&other)).await?;
    Ok(first_difference(one, other).await?.1.is_none())
}

/// Begins to read an object.
pub(crate) async fn open((store, bucket, key, tag): &At) -> Result<ObjectBody, StoreError> {
    let condition = ReadCondition { if_match: tag.clone(), ..ReadCondition::default() };
    Ok(store.get(bucket, key, &Get { condition, ..Get::default() }).await?.body)
}

/// Reads two streams of bytes in step. Returns how many bytes of each were compared, and where the first is that differs, which is the end of the shorter one
/// where that is all of the difference.
pub(crate) async fn first_difference<E>(
    one: impl Stream<Item = Result<Bytes, E>>,
    other: impl Stream<Item = Result<Bytes, E>>,
) -> Result<(u64, Option<u64>), E> {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    let (mut left, mut right) = (Bytes::new(), Bytes::new());
    let mut at = 0;
    loop {
        while left.is_empty() {
            match one.next().await.transpose()? {
                Some(piece) => left = piece,
                None => break,
            }
        }
        while right.is_empty() {
            match other.next().await.transpose()? {
                Some(piece) => right = piece,
                None => break,
            }
        }
        if left.is_empty() || right.is_empty() {
            return Ok((at, (left.len() != right.len()).then_some(at)));
        }
        let length = left.len().min(right.len());
        if left[..length] != right[..length] {
            let same = left.iter().zip(&right).take_while(|(one, other)| one == other).count();
            let first = at + same as u64;
            return Ok((at + length as u64, Some(first)));
        }
        left.advance(length);
        right.advance(length);
        at += length as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    fn stream(data: &[u8], piece: usize) -> impl Stream<Item = Result<Bytes, Infallible>> {
        let pieces: Vec<_> = data.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        futures_util::stream::iter(pieces)
    }

    proptest! {
        #[test]
        fn the_first_difference_is_found_however_the_pieces_are_cut(
            data in prop::collection::vec(0_u8..3, 0..40),
            other in prop::collection::vec(0_u8..3, 0..40),
            cut in 1_usize..7,
            other_cut in 1_usize..7,
        ) {
            let expected = if data == other {
                None
            } else {
                Some(data.iter().zip(&other).take_while(|(one, other)| one == other).count() as u64)
            };
            let found = first_difference(stream(&data, cut), stream(&other, other_cut)).now_or_never();
            prop_assert_eq!(found.unwrap().unwrap().1, expected);
            let same = first_difference(stream(&data, cut), stream(&data, other_cut)).now_or_never();
            prop_assert_eq!(same.unwrap().unwrap(), (data.len() as u64, None));
        }
    }
}

//! An object's bytes as they arrive, counted and summed up.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use pintail_core::checksum::{Checksum, Hasher};
use pintail_core::name::{BucketName, ObjectKey};
use pintail_core::seam::HttpErrorKind;

use super::pressure::Pressure;
use crate::error::{ErrorKind, Operation, Result, StoreError};
use crate::transport::IncomingBody;

/// The body of an answer that ends well only when it is whole and right.
pub(super) struct Checked {
    body: IncomingBody,
    remaining: u64,
    expected: Option<(Hasher, Checksum)>,
    bucket: BucketName,
    key: ObjectKey,
    pressure: Pressure,
    over: bool,
}

impl Checked {
    /// `checksum` is that of exactly these bytes.
    pub(super) fn new(
        body: IncomingBody,
        length_bytes: u64,
        checksum: Option<Checksum>,
        bucket: &BucketName,
        key: &ObjectKey,
        pressure: Pressure,
    ) -> Self {
        Self {
            body,
            remaining: length_bytes,
            expected: checksum.map(|checksum| (Hasher::new(checksum.algorithm()), checksum)),
            bucket: bucket.clone(),
            key: key.clone(),
            pressure,
            over: false,
        }
    }

    fn fail(&mut self, kind: ErrorKind) -> StoreError {
        self.over = true;
        self.pressure.count_failure(&kind, None);
        StoreError::new(kind, Operation::Get).at(&self.bucket, Some(&self.key))
    }

    /// Takes in a piece. The piece that completes the body is judged before it is handed out, so that a reader who
    /// stops at the last byte is told too.
    fn take(&mut self, piece: Bytes) -> Result<Bytes> {
        let Some(remaining) = self.remaining.checked_sub(piece.len() as u64) else {
            return Err(self.fail(ErrorKind::BadAnswer).because("there are more bytes than announced"));
        };
        self.remaining = remaining;
        self.pressure.count_read(piece.len() as u64);
        if let Some((hasher, _)) = &mut self.expected {
            hasher.update(&piece);
        }
        if remaining == 0 {
            self.judge()?;
        }
        Ok(piece)
    }

    fn judge(&mut self) -> Result<()> {
        let Some((hasher, expected)) = self.expected.take() else { return Ok(()) };
        let seen = hasher.finish();
        if seen == expected {
            return Ok(());
        }
        Err(self.fail(ErrorKind::ChecksumMismatch).because(format!("{seen:?} instead of {expected:?}")))
    }
}

impl Stream for Checked {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(Pin::new(&mut this.body).poll_next(cx)) {
            Some(Ok(piece)) => Some(this.take(piece)),
            Some(Err(error)) => Some(Err(this.fail(ErrorKind::Transport(error.kind)).because(error))),
            None if this.remaining > 0 => {
                let kind = ErrorKind::Transport(HttpErrorKind::Interrupted);
                Some(Err(this.fail(kind).because("there are fewer bytes than announced")))
            }
            // Only a body without a byte comes here unjudged.
            None => match this.judge() {
                Ok(()) => {
                    this.over = true;
                    None
                }
                Err(error) => Some(Err(error)),
            },
        })
    }
}

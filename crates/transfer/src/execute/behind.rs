//! Writes what arrives on another thread than the one that receives: a large object comes as fast as the slower of the two goes, not as slowly as both.
//!
//! Bytes are handed over in batches; while one is written and hashed the next one arrives, so that a stream holds two at the most. The batches of a file are
//! written one after the other by one thread, for as long as there are some: the system lets one write at a time anyway, and whoever waits for it inside the system
//! burns a core meanwhile.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use pintail_core::checksum::{Algorithm, Checksum, Hasher};
use tokio::sync::oneshot;

use crate::local::{LocalError, PartialWriter};

/// So many bytes are handed over at once: enough for the change of threads not to count (about ten microseconds), few enough for many streams.
const BATCH_BYTES: usize = 512 << 10;

/// What is to be written to a file, in the order in which it came.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    /// A thread is at work and looks here when it has written.
    is_served: bool,
}

struct Batch {
    written: Arc<Mutex<Written>>,
    bytes: Vec<Bytes>,
    done: oneshot::Sender<Result<(), LocalError>>,
}

impl Queue {
    fn push(&self, batch: Batch) {
        let mut waiting = lock(&self.0);
        waiting.batches.push_back(batch);
        if !std::mem::replace(&mut waiting.is_served, true) {
            let queue = self.clone();
            tokio::task::spawn_blocking(move || queue.serve());
        }
    }

    /// Writes until nothing waits.
    fn serve(&self) {
        loop {
            let next = {
                let mut waiting = lock(&self.0);
                let next = waiting.batches.pop_front();
                waiting.is_served = next.is_some();
                next
            };
            let Some(Batch { written, bytes, done }) = next else { return };
            let result = lock(&written).write(&bytes);
            // Nobody hears of it where the segment was given up.
            let _ = done.send(result);
        }
    }
}

/// Writes one segment, from its first byte to its last.
pub(super) struct Behind {
    written: Arc<Mutex<Written>>,
    queue: Queue,
    batch: Vec<Bytes>,
    batch_bytes: usize,
    writing: Option<oneshot::Receiver<Result<(), LocalError>>>,
}

struct Written {
    writer: PartialWriter,
    hasher: Hasher,
    /// Where the next byte goes.
    at: u64,
    /// Whoever wanted it is gone: nothing more is written.
    is_given_up: bool,
}

impl Behind {
    pub(super) fn new(writer: PartialWriter, queue: &Queue, offset: u64, algorithm: Algorithm) -> Self {
        let written = Written { writer, hasher: Hasher::new(algorithm), at: offset, is_given_up: false };
        let written = Arc::new(Mutex::new(written));
        Self { written, queue: queue.clone(), batch: Vec::new(), batch_bytes: 0, writing: None }
    }

    /// Takes the next bytes.
    pub(super) async fn push(&mut self, bytes: Bytes) -> Result<(), LocalError> {
        self.batch_bytes += bytes.len();
        self.batch.push(bytes);
        if self.batch_bytes >= BATCH_BYTES { self.hand_over().await } else { Ok(()) }
    }

    /// Waits until everything is written, and returns the checksum of it.
    pub(super) async fn finish(mut self) -> Result<Checksum, LocalError> {
        self.hand_over().await?;
        self.settle().await?;
        let hasher = lock(&self.written).hasher.clone();
        Ok(hasher.finish())
    }

    async fn hand_over(&mut self) -> Result<(), LocalError> {
        self.settle().await?;
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let (done, writing) = oneshot::channel();
        self.writing = Some(writing);
        self.queue.push(Batch { written: Arc::clone(&self.written), bytes: batch, done });
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), LocalError> {
        let Some(writing) = &mut self.writing else { return Ok(()) };
        let ended = writing.await;
        self.writing = None;
        ended.expect("whoever serves the queue writes every batch")
    }
}

impl Drop for Behind {
    /// What is being written now is waited for, less than a batch; the file is nobody's afterwards.
    fn drop(&mut self) {
        lock(&self.written).is_given_up = true;
    }
}

impl Written {
    fn write(&mut self, batch: &[Bytes]) -> Result<(), LocalError> {
        if self.is_given_up {
            return Ok(());
        }
        for bytes in batch {
            self.writer.write_at(bytes, self.at)?;
            self.hasher.update(bytes);
            self.at += bytes.len() as u64;
        }
        Ok(())
    }
}

/// A writer that panicked ends the segment by its handle.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use futures_util::FutureExt;
    use pintail_core::seam::SeededRandom;

    use super::*;
    use crate::local::{Partial, Target};

    fn partial(folder: &Path) -> Partial {
        let target = Target::open(folder).unwrap();
        Partial::create(&target, Path::new("file"), &SeededRandom::new(1)).unwrap()
    }

    fn bytes_of(folder: &Path, partial: &Partial) -> Vec<u8> {
        std::fs::read(folder.join(partial.temporary_name())).unwrap()
    }

    #[tokio::test]
    async fn bytes_come_to_their_place_in_order_with_their_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let partial = partial(folder.path());
        let whole: Vec<u8> = (0..3 * BATCH_BYTES + 77).map(|at| (at % 251) as u8).collect();
        let mut behind = Behind::new(partial.writer(), &Queue::default(), 10, Algorithm::Crc64Nvme);
        for piece in whole.chunks(100_003) {
            behind.push(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        assert_eq!(behind.finish().await.unwrap(), Checksum::of(Algorithm::Crc64Nvme, &whole));
        let there = bytes_of(folder.path(), &partial);
        assert_eq!(there[..10], [0; 10]);
        assert!(there[10..] == whole);
    }

    #[tokio::test]
    async fn nothing_is_written_after_it_was_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let partial = partial(folder.path());
        let mut behind = Behind::new(partial.writer(), &Queue::default(), 0, Algorithm::Crc64Nvme);
        // Whoever writes cannot begin before the hand-over ends, since this holds what he needs.
        let written = Arc::clone(&behind.written);
        let held = lock(&written);
        behind.push(Bytes::from(vec![1; BATCH_BYTES])).now_or_never().unwrap().unwrap();
        let writing = behind.writing.take().unwrap();
        drop(held);
        drop(behind);
        let _ = writing.await;
        let length = bytes_of(folder.path(), &partial).len();
        assert!(length == 0 || length == BATCH_BYTES, "a batch is written whole or not at all: {length}");
        let after = lock(&written).write(&[Bytes::from_static(b"late")]);
        after.unwrap();
        assert_eq!(bytes_of(folder.path(), &partial).len(), length);
    }
}

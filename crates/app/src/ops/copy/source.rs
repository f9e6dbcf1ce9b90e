//! A file as the source of a copy: read in pieces, again for each attempt, and watched for changes.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use pintail_store::Payload;

use super::PlanError;
use crate::ops::Error;

/// Read at once. Large enough to make system calls cheap, small enough to stay in the cache.
const PIECE_BYTES: usize = 256 << 10;

/// An open file, as it was when the copy began.
#[derive(Debug)]
pub(super) struct Source {
    file: Arc<File>,
    path: PathBuf,
    seen: Seen,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    size_bytes: u64,
    modified: Option<SystemTime>,
    /// On Unix: device, inode, and the time of the last change of anything, in seconds and nanoseconds.
    identity: Option<(u64, u64, i64, i64)>,
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        Self { size_bytes: metadata.len(), modified: metadata.modified().ok(), identity: identity(metadata) }
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<(u64, u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> Option<(u64, u64, i64, i64)> {
    None
}

impl Source {
    /// Opens a regular file.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let error = |source| Error::local("read", path, source);
        let file = open_without_waiting(path).map_err(error)?;
        let metadata = file.metadata().map_err(error)?;
        // Files of `/proc` say that they are empty and are not.
        let hides_its_size = metadata.len() == 0 && read_at(&file, &mut [0], 0).is_ok_and(|count| count > 0);
        if !metadata.is_file() || hides_its_size {
            return Err(PlanError::NotAFile(path.display().to_string()).into());
        }
        Ok(Self { file: Arc::new(file), path: path.to_owned(), seen: Seen::of(&metadata) })
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.seen.size_bytes
    }

    /// Makes a payload of some bytes of the file, which can be read as often as needed.
    pub(super) fn slice(&self, offset: u64, length_bytes: u64) -> Payload {
        let (file, seen) = (Arc::clone(&self.file), self.seen);
        Payload::from_fn(length_bytes, move || {
            let file = Arc::clone(&file);
            let pieces = futures_util::stream::unfold((offset, length_bytes), move |(at, left)| {
                let piece = next_piece(&file, seen, at, left);
                async move { piece }
            });
            Box::pin(pieces)
        })
    }

    /// Fails if the file is not what it was when it was opened.
    pub(super) fn check_unchanged(&self) -> Result<(), Error> {
        let error = |source| Error::local("read", &self.path, source);
        // By path, not by handle: a file that was replaced meanwhile is a change as well.
        let now = Seen::of(&std::fs::metadata(&self.path).map_err(error)?);
        if now == self.seen { Ok(()) } else { Err(Error::SourceChanged(self.path.clone())) }
    }
}

/// Reads a piece at a position. `None` at the end of the slice; a file that ended early gives an error once.
///
/// Before the last piece of a slice the file must be what it was: bytes of two states never make one object.
fn next_piece(file: &File, seen: Seen, at: u64, left: u64) -> Option<(io::Result<Bytes>, (u64, u64))> {
    if left == 0 {
        return None;
    }
    let want = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
    let mut piece = vec![0; want];
    match read_at(file, &mut piece, at) {
        Ok(0) => {
            Some((Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter")), (at, 0)))
        }
        Ok(count) if count as u64 == left && file.metadata().map(|now| Seen::of(&now)).ok() != Some(seen) => {
            Some((Err(io::Error::other("the file changed while it was read")), (at, 0)))
        }
        Ok(count) => {
            piece.truncate(count);
            Some((Ok(Bytes::from(piece)), (at + count as u64, left - count as u64)))
        }
        Err(error) => Some((Err(error), (at, 0))),
    }
}

/// Opens a file; a pipe without a writer must not keep the whole program waiting.
#[cfg(unix)]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    std::os::unix::fs::OpenOptionsExt::custom_flags(File::options().read(true), flags.cast_signed())
        .open(path)
}

#[cfg(not(unix))]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
fn read_at(file: &File, piece: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, piece, at)
}

#[cfg(windows)]
fn read_at(file: &File, piece: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, piece, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_read_again_and_changes_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..600_000_u32).map(|n| n as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let source = Source::open(&path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for _ in 0..2 {
            let payload = source.slice(10, 500_000);
            let read: Vec<Bytes> = runtime.block_on(async {
                use futures_util::TryStreamExt;
                payload.open().try_collect().await.unwrap()
            });
            assert_eq!(read.concat(), &content[10..500_010]);
        }
        source.check_unchanged().unwrap();
        std::fs::write(&path, b"other").unwrap();
        assert!(matches!(source.check_unchanged(), Err(Error::SourceChanged(_))));
    }
}

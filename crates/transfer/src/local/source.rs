//! A file as a source: read in pieces, again for each attempt, hashed while it is sent, and watched for changes.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use pintail_core::checksum::{Algorithm, Checksum, Hasher};
use pintail_core::retry::Retry;
use pintail_store::Payload;

use super::{LocalError, Target};
use crate::fingerprint::Fingerprint;
use crate::positioned::read_at;

/// Read at once. Large enough to make system calls cheap, small enough to stay in the cache.
const PIECE_BYTES: usize = 256 << 10;

/// Why a file cannot be a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The system refused.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// A folder, a pipe, a socket, a device, or a file whose size the system does not tell.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// It is not what it was when it was opened, or when an upload of it was begun.
    #[error("{} changed while it was read", .0.display())]
    Changed(PathBuf),
    /// A symbolic link stands in its place or on the way to it, and none was to be followed.
    #[error("a symbolic link leads to {}", .0.display())]
    Link(PathBuf),
}

impl SourceError {
    /// Tells whether the same could succeed later. A file that changed may be still by then; the caller decides.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// An open file, as it was when the copy began.
#[derive(Clone, Debug)]
pub struct Source {
    file: Arc<File>,
    path: PathBuf,
    seen: Fingerprint,
    mode: Option<u32>,
}

/// What was read of a slice, for whoever sent it.
///
/// An attempt that fails half-way begins anew, and so does this.
#[derive(Clone, Debug)]
pub struct Tally(Arc<Mutex<Option<Checksum>>>);

impl Tally {
    /// Returns the checksum of the slice, `None` before it was read to its end.
    ///
    /// It is of the bytes that were handed to the connection: the one that the service has to come to.
    pub fn checksum(&self) -> Option<Checksum> {
        *self.0.lock().expect("no holder of this lock panics")
    }

    fn set(&self, checksum: Option<Checksum>) {
        *self.0.lock().expect("no holder of this lock panics") = checksum;
    }
}

impl Source {
    /// Opens a regular file.
    ///
    /// # Errors
    /// When it is none or cannot be read.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let error = |source| LocalError::new("read", path, source);
        Self::of(open_without_waiting(path).map_err(error)?, path)
    }

    /// Opens a regular file below a folder. No link is followed, neither in its place nor on the way.
    ///
    /// # Errors
    /// [`SourceError::Link`] where there is one; when it is no file or cannot be read.
    pub fn below(folder: &Target, path: &Path) -> Result<Self, SourceError> {
        Self::of(folder.open_below(path)?, &folder.path().join(path))
    }

    fn of(file: File, path: &Path) -> Result<Self, SourceError> {
        let error = |source| LocalError::new("read", path, source);
        let metadata = file.metadata().map_err(error)?;
        // Files of `/proc` say that they are empty and are not.
        let hides_its_size = metadata.len() == 0 && read_at(&file, &mut [0], 0).is_ok_and(|count| count > 0);
        if !metadata.is_file() || hides_its_size {
            return Err(SourceError::NotAFile(path.to_owned()));
        }
        let (seen, mode) = (Fingerprint::of(&metadata), mode(&metadata));
        Ok(Self { file: Arc::new(file), path: path.to_owned(), seen, mode })
    }

    /// Opens a file that was begun with before, if it is still what it was then.
    ///
    /// # Errors
    /// [`SourceError::Changed`] when it is not.
    pub fn reopen(path: &Path, before: &Fingerprint) -> Result<Self, SourceError> {
        Self::open(path)?.still(before)
    }

    /// Returns it if it is what it was before.
    ///
    /// # Errors
    /// [`SourceError::Changed`] when it is not.
    pub fn still(self, before: &Fingerprint) -> Result<Self, SourceError> {
        if self.seen.is_same_content(before) { Ok(self) } else { Err(SourceError::Changed(self.path)) }
    }

    /// Returns the state of the file when it was opened.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.seen
    }

    /// Returns kind and permissions of the file as Unix numbers them, when it was opened.
    pub fn mode(&self) -> Option<u32> {
        self.mode
    }

    /// Reads the whole file into memory: for small ones.
    ///
    /// # Errors
    /// When it cannot be read, or changed.
    pub fn read_whole(&self) -> Result<Bytes, SourceError> {
        let (mut at, mut left) = (0, self.seen.size_bytes);
        let mut whole = Vec::new();
        while let Some((piece, next)) = next_piece(&self.file, self.seen, at, left) {
            let piece = piece.map_err(|error| self.unreadable(error))?;
            if piece.len() as u64 == self.seen.size_bytes {
                return Ok(piece);
            }
            whole.extend_from_slice(&piece);
            (at, left) = next;
        }
        Ok(whole.into())
    }

    /// Returns the size of the file when it was opened.
    pub fn size_bytes(&self) -> u64 {
        self.seen.size_bytes
    }

    /// Makes a payload of some bytes of the file, which can be read as often as needed. Reading ends with an error if the file changed.
    pub fn slice(&self, offset: u64, length_bytes: u64) -> Payload {
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

    /// The same, hashed on the way: the file is read once for both.
    pub fn tallied_slice(&self, offset: u64, length_bytes: u64, algorithm: Algorithm) -> (Payload, Tally) {
        let tally = Tally(Arc::new(Mutex::new(None)));
        let (file, seen, result) = (Arc::clone(&self.file), self.seen, tally.clone());
        if length_bytes == 0 {
            // Nobody reads a stream of no bytes to its end.
            tally.set(Some(Checksum::of(algorithm, b"")));
            return (Payload::from_bytes(Bytes::new()), tally);
        }
        let payload = Payload::from_fn(length_bytes, move || {
            result.set(None);
            let (file, result) = (Arc::clone(&file), result.clone());
            let start = (offset, length_bytes, Some(Hasher::new(algorithm)));
            let pieces = futures_util::stream::unfold(start, move |(at, left, mut hasher)| {
                let piece = next_piece(&file, seen, at, left).map(|(piece, (at, left))| {
                    match (&piece, &mut hasher) {
                        (Ok(bytes), Some(hasher)) => hasher.update(bytes),
                        _ => hasher = None,
                    }
                    if left == 0 {
                        result.set(hasher.take().map(Hasher::finish));
                    }
                    (piece, (at, left, hasher))
                });
                async move { piece }
            });
            Box::pin(pieces)
        });
        (payload, tally)
    }

    /// Computes the checksum of some bytes of the file by reading them: to prove a part that a former run sent.
    ///
    /// # Errors
    /// When they cannot be read, or the file changed.
    pub fn checksum(
        &self,
        offset: u64,
        length_bytes: u64,
        algorithm: Algorithm,
    ) -> Result<Checksum, SourceError> {
        let mut hasher = Hasher::new(algorithm);
        self.hash(&mut hasher, offset, length_bytes)?;
        Ok(hasher.finish())
    }

    /// Reads some bytes of the file into a checksum that is computed piece by piece.
    ///
    /// # Errors
    /// When they cannot be read, or the file changed.
    pub fn hash(&self, hasher: &mut Hasher, offset: u64, length_bytes: u64) -> Result<(), SourceError> {
        let (mut at, mut left) = (offset, length_bytes);
        while let Some((piece, next)) = next_piece(&self.file, self.seen, at, left) {
            let piece = piece.map_err(|error| self.unreadable(error))?;
            hasher.update(&piece);
            (at, left) = next;
        }
        Ok(())
    }

    fn unreadable(&self, error: io::Error) -> SourceError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::Other => SourceError::Changed(self.path.clone()),
            _ => SourceError::Local(LocalError::new("read", &self.path, error)),
        }
    }

    /// Fails if the file is not what it was when it was opened.
    ///
    /// # Errors
    /// [`SourceError::Changed`], also when another file has its name.
    pub fn check_unchanged(&self) -> Result<(), SourceError> {
        // By path, not by handle: a file that was replaced meanwhile is a change as well.
        let now =
            std::fs::metadata(&self.path).map_err(|error| LocalError::new("read", &self.path, error))?;
        if is_unchanged(&now, &self.seen) { Ok(()) } else { Err(SourceError::Changed(self.path.clone())) }
    }
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> Option<u32> {
    Some(std::os::unix::fs::MetadataExt::mode(metadata))
}

#[cfg(not(unix))]
fn mode(_metadata: &Metadata) -> Option<u32> {
    None
}

fn is_unchanged(now: &Metadata, seen: &Fingerprint) -> bool {
    Fingerprint::of(now) == *seen
}

/// Reads a piece at a position. `None` at the end of the slice; a file that ended early gives an error once.
///
/// Before the last piece of a slice the file must be what it was: bytes of two states never make one object.
fn next_piece(file: &File, seen: Fingerprint, at: u64, left: u64) -> Option<(io::Result<Bytes>, (u64, u64))> {
    if left == 0 {
        return None;
    }
    let want = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
    let mut piece = vec![0; want];
    match read_at(file, &mut piece, at) {
        Ok(0) => {
            Some((Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter")), (at, 0)))
        }
        Ok(count) if count as u64 == left && !file.metadata().is_ok_and(|now| is_unchanged(&now, &seen)) => {
            Some((Err(io::Error::other("the file changed while it was read")), (at, 0)))
        }
        Ok(count) => {
            piece.truncate(count);
            Some((Ok(Bytes::from(piece)), (at + count as u64, left - count as u64)))
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => next_piece(file, seen, at, left),
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

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt, TryStreamExt};

    use super::*;

    fn read(payload: &Payload) -> io::Result<Vec<u8>> {
        let pieces: Vec<Bytes> = payload.open().try_collect().now_or_never().unwrap()?;
        Ok(pieces.concat())
    }

    fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    #[test]
    fn slices_are_read_again_and_hashed_on_the_way() {
        let content: Vec<u8> = (0..600_000_u32).map(|n| n as u8).collect();
        let (_folder, path) = file(&content);
        let source = Source::open(&path).unwrap();
        assert_eq!(source.size_bytes(), 600_000);
        let (payload, tally) = source.tallied_slice(10, 500_000, Algorithm::Crc64Nvme);
        let expected = Checksum::of(Algorithm::Crc64Nvme, &content[10..500_010]);
        for _ in 0..2 {
            assert_eq!(read(&source.slice(10, 500_000)).unwrap(), &content[10..500_010]);
            assert_eq!(read(&payload).unwrap(), &content[10..500_010]);
            assert_eq!(tally.checksum(), Some(expected));
        }
        // An attempt that is given up leaves nothing.
        let first = payload.open().next().now_or_never().unwrap();
        assert!(first.unwrap().is_ok());
        assert_eq!(tally.checksum(), None);
        assert_eq!(source.checksum(10, 500_000, Algorithm::Crc64Nvme).unwrap(), expected);
        let (empty, tally) = source.tallied_slice(0, 0, Algorithm::Sha256);
        assert_eq!(read(&empty).unwrap(), b"");
        assert_eq!(tally.checksum(), Some(Checksum::of(Algorithm::Sha256, b"")));
        source.check_unchanged().unwrap();
    }

    #[test]
    fn a_change_is_noticed_while_it_is_read_and_afterwards() {
        let (folder, path) = file(&[1; 100_000]);
        let source = Source::open(&path).unwrap();
        let (payload, tally) = source.tallied_slice(0, 100_000, Algorithm::Crc32c);
        std::fs::write(&path, [2; 50_000]).unwrap();
        assert_eq!(read(&payload).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(tally.checksum(), None);
        // Rewritten in place with as many bytes: the times tell.
        std::fs::write(&path, [3; 100_000]).unwrap();
        assert!(read(&source.slice(0, 100_000)).is_err());
        assert!(matches!(source.checksum(0, 100_000, Algorithm::Crc32c), Err(SourceError::Changed(_))));
        assert!(matches!(source.check_unchanged(), Err(SourceError::Changed(_))));
        // Replaced by another file.
        let source = Source::open(&path).unwrap();
        let other = folder.path().join("other");
        std::fs::write(&other, [3; 100_000]).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(matches!(source.check_unchanged(), Err(SourceError::Changed(_))));
    }

    #[test]
    fn a_file_is_taken_up_only_if_it_is_what_it_was() {
        let (_folder, path) = file(b"content");
        let before = *Source::open(&path).unwrap().fingerprint();
        assert!(Source::reopen(&path, &before).is_ok());
        let changed = Fingerprint { modified_ns: before.modified_ns.map(|ns| ns - 1), ..before };
        assert!(matches!(Source::reopen(&path, &changed), Err(SourceError::Changed(_))));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Source::open(folder.path()), Err(SourceError::NotAFile(_))));
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(Source::open(&socket).is_err());
        assert!(matches!(Source::open(Path::new("/dev/zero")), Err(SourceError::NotAFile(_))));
        assert!(matches!(Source::open(&folder.path().join("none")), Err(SourceError::Local(_))));
    }
}

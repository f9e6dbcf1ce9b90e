//! An object becomes a file: written beside its target, proved, flushed, then renamed.

use std::io;
use std::path::{Component, Path};
use std::sync::Arc;
use std::time::SystemTime;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};
use futures_util::{StreamExt, TryStreamExt};
use pintail_core::checksum::{Algorithm, Checksum, Hasher};
use pintail_core::seam::Random;
use pintail_store::object_store::{ByteRange, ETag, Get, Head, ObjectInfo, ObjectStore, ReadCondition};

use super::upload::ranges;
use super::{Copied, ONE_REQUEST_MAX_BYTES, Object, PART_BYTES, PARTS_AT_ONCE, Proof, Talk};
use crate::ops::Error;

/// Downloads an object to `path` below `root`.
pub(super) async fn file(
    store: &Arc<dyn ObjectStore>,
    from: &Object,
    root: &Path,
    path: &Path,
    keep_existing: bool,
    random: &dyn Random,
    talk: &dyn Talk,
) -> Result<Copied, Error> {
    let partial = Partial::create(root, path, random)?;
    let info =
        store.head(&from.bucket, &from.key, &Head { condition: same(from), ..Head::default() }).await?;
    let proof = if info.size_bytes <= ONE_REQUEST_MAX_BYTES {
        in_one(store, from, &partial, talk).await?
    } else {
        in_ranges(store, from, &info, &partial, talk).await?
    };
    partial.publish(info.last_modified.and_then(|at| SystemTime::try_from(at).ok()), keep_existing)?;
    Ok(Copied { size_bytes: info.size_bytes, proof })
}

/// Reads the object while it is in the state it was planned in.
fn same(from: &Object) -> ReadCondition {
    ReadCondition { if_match: from.etag.as_deref().map(ETag::new), ..ReadCondition::default() }
}

/// Fetches all bytes by one request; the store compares them with the checksum it was told.
async fn in_one(
    store: &Arc<dyn ObjectStore>,
    from: &Object,
    partial: &Partial,
    talk: &dyn Talk,
) -> Result<Proof, Error> {
    let get = Get { condition: same(from), ..Get::default() };
    let mut got = store.get(&from.bucket, &from.key, &get).await?;
    let mut at = 0;
    while let Some(bytes) = got.body.next().await.transpose()? {
        partial.write(&bytes, at)?;
        at += bytes.len() as u64;
        talk.advance(bytes.len() as u64);
    }
    Ok(if got.info.checksum.is_some_and(|sum| sum.parts().is_none()) {
        Proof::Checksum
    } else {
        Proof::Length
    })
}

/// Fetches ranges side by side into their places, and adds their checksums up to the object's.
async fn in_ranges(
    store: &Arc<dyn ObjectStore>,
    from: &Object,
    info: &ObjectInfo,
    partial: &Partial,
    talk: &dyn Talk,
) -> Result<Proof, Error> {
    partial.reserve(info.size_bytes)?;
    let whole = info.checksum.filter(|sum| sum.parts().is_none());
    // A digest that does not add up is computed from the finished file; the ranges still get a CRC, which costs nothing.
    let algorithm = whole.map_or(Algorithm::Crc64Nvme, |sum| sum.algorithm());
    let ranged = if algorithm == Algorithm::Sha256 { Algorithm::Crc64Nvme } else { algorithm };
    let mut sums: Vec<(u64, u64, Checksum)> =
        futures_util::stream::iter(ranges(info.size_bytes, PART_BYTES).map(Ok::<_, Error>))
            .map_ok(|(_, offset, length_bytes)| async move {
                let sum = range(store, from, info, (offset, length_bytes), ranged, partial, talk).await?;
                Ok((offset, length_bytes, sum))
            })
            .try_buffer_unordered(PARTS_AT_ONCE)
            .try_collect()
            .await?;
    let Some(whole) = whole else { return Ok(Proof::Length) };
    sums.sort_unstable_by_key(|(offset, ..)| *offset);
    let computed = if algorithm == ranged {
        sums.iter()
            .try_fold(Checksum::of(ranged, b""), |sum, (_, length, part)| sum.followed_by(part, *length))
    } else {
        Some(partial.checksum(algorithm)?)
    };
    if computed == Some(whole) {
        Ok(Proof::Checksum)
    } else {
        Err(Error::Different { what: from.key.to_string() })
    }
}

async fn range(
    store: &Arc<dyn ObjectStore>,
    from: &Object,
    info: &ObjectInfo,
    (offset, length_bytes): (u64, u64),
    algorithm: Algorithm,
    partial: &Partial,
    talk: &dyn Talk,
) -> Result<Checksum, Error> {
    // All ranges must be of one state of the object, and of the one that was looked at.
    let condition = ReadCondition { if_match: info.etag.clone(), ..ReadCondition::default() };
    let get = Get {
        condition,
        version: info.version.clone(),
        range: Some(ByteRange::Slice { offset, length_bytes }),
        unchecked: true,
    };
    let mut got = store.get(&from.bucket, &from.key, &get).await?;
    let mut hasher = Hasher::new(algorithm);
    let mut at = offset;
    while let Some(bytes) = got.body.next().await.transpose()? {
        partial.write(&bytes, at)?;
        hasher.update(&bytes);
        at += bytes.len() as u64;
        talk.advance(bytes.len() as u64);
    }
    if at != offset + length_bytes {
        return Err(Error::Different { what: from.key.to_string() });
    }
    Ok(hasher.finish())
}

/// A file on its way to its place. It is removed again unless it is published.
struct Partial {
    folder: Dir,
    shown: std::path::PathBuf,
    target: std::ffi::OsString,
    temporary: String,
    file: File,
    published: std::cell::Cell<bool>,
}

// The cell is touched by the owner alone, never while ranges are written.
impl Partial {
    /// Makes the file in the folder of its target. Every step goes through the handle of `root`, so that no symbolic link below
    /// it leads out of it.
    fn create(root: &Path, path: &Path, random: &dyn Random) -> Result<Self, Error> {
        let shown = root.join(path);
        let error = |action| move |source: io::Error| (action, source);
        let make = || -> Result<Self, (&'static str, io::Error)> {
            let mut folder =
                Dir::open_ambient_dir(root, ambient_authority()).map_err(error("open the folder of"))?;
            let parent =
                path.parent().filter(|parent| parent.components().any(|part| part != Component::CurDir));
            if let Some(parent) = parent {
                folder.create_dir_all(parent).map_err(error("make the folder of"))?;
                folder = folder.open_dir(parent).map_err(error("open the folder of"))?;
            }
            let target = path.file_name().unwrap_or_default().to_owned();
            let mut bytes = [0; 8];
            random.fill(&mut bytes);
            let temporary = format!(".pintail-{:016x}.part", u64::from_le_bytes(bytes));
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            let file = folder.open_with(&temporary, &options).map_err(error("write beside"))?;
            Ok(Self { folder, shown: shown.clone(), target, temporary, file, published: false.into() })
        };
        make().map_err(|(action, source)| Error::local(action, &root.join(path), source))
    }

    fn write(&self, bytes: &[u8], at: u64) -> Result<(), Error> {
        write_all_at(&self.file, bytes, at).map_err(|source| Error::local("write", &self.shown, source))
    }

    /// Takes the space at once: a full disk is known before the first byte, and the file is not scattered.
    fn reserve(&self, size_bytes: u64) -> Result<(), Error> {
        self.file.set_len(size_bytes).map_err(|source| Error::local("reserve space for", &self.shown, source))
    }

    fn checksum(&self, algorithm: Algorithm) -> Result<Checksum, Error> {
        use std::io::{Read, Seek};
        let error = |source| Error::local("read back", &self.shown, source);
        let mut file = self.file.try_clone().map_err(error)?;
        file.rewind().map_err(error)?;
        let mut hasher = Hasher::new(algorithm);
        let mut piece = vec![0; 256 << 10];
        loop {
            match file.read(&mut piece).map_err(error)? {
                0 => return Ok(hasher.finish()),
                count => hasher.update(&piece[..count]),
            }
        }
    }

    /// Puts the file in its place.
    fn publish(&self, modified: Option<SystemTime>, keep_existing: bool) -> Result<(), Error> {
        let error = |source| Error::local("put in place", &self.shown, source);
        if let Some(modified) = modified {
            // A file system that keeps no times is no reason to fail.
            let time = cap_std::time::SystemTime::from_std(modified);
            let _ = self.file.try_clone().map(|file| file.into_std().set_modified(time.into_std()));
        }
        self.file.sync_all().map_err(error)?;
        if keep_existing {
            // A hard link fails if the name is taken, even by somebody a moment ago.
            self.folder.hard_link(&self.temporary, &self.folder, &self.target).map_err(error)?;
            self.folder.remove_file(&self.temporary).map_err(error)?;
        } else {
            self.folder.rename(&self.temporary, &self.folder, &self.target).map_err(error)?;
        }
        self.published.set(true);
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.published.get() {
            let _ = self.folder.remove_file(&self.temporary);
        }
    }
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    cap_std::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = cap_std::fs::FileExt::seek_write(file, bytes, at)?;
        bytes = &bytes[count..];
        at += count as u64;
    }
    Ok(())
}

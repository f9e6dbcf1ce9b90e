//! An object becomes a file: written beside its target, proved, flushed, then renamed.

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Seek};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions, Permissions};
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
    let info =
        store.head(&from.bucket, &from.key, &Head { condition: same(from), ..Head::default() }).await?;
    // After the look: an object that is not there or not for us leaves no folders behind.
    let partial = Partial::create(root, path, random)?;
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
    shown: PathBuf,
    target: OsString,
    temporary: String,
    file: File,
    /// The permissions of the file that is replaced.
    permissions: Option<Permissions>,
    published: Cell<bool>,
}

impl Partial {
    /// Makes the file in the folder of its target.
    ///
    /// Every step goes through the handle of `root`, which nothing below it leads out of, and no symbolic link below it is
    /// followed: two keys would meet in one file. What is at the target may be replaced if it is a file or a link to one.
    fn create(root: &Path, path: &Path, random: &dyn Random) -> Result<Self, Error> {
        let shown = root.join(path);
        let local = |action: &'static str| {
            let shown = shown.clone();
            move |source: io::Error| Error::local(action, &shown, source)
        };
        std::fs::create_dir_all(root).map_err(local("make the folder of"))?;
        let mut folder =
            Dir::open_ambient_dir(root, ambient_authority()).map_err(local("open the folder of"))?;
        let target = path.file_name().unwrap_or_default().to_owned();
        for part in path.parent().into_iter().flat_map(Path::components) {
            let Component::Normal(name) = part else { continue };
            folder = subfolder(&folder, name).map_err(local("make the folder of"))?;
        }
        let permissions = match folder.symlink_metadata(&target) {
            Ok(there) if there.is_file() => Some(there.permissions()),
            Ok(there) if there.is_symlink() => None,
            Ok(_) => return Err(Error::TargetNotAFile(shown)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(local("look at")(error)),
        };
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        let temporary = format!(".pintail-{:016x}.part", u64::from_le_bytes(bytes));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        if permissions.is_some() {
            // Not wider than the file it replaces, not even for the time of the copy.
            cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let file = folder.open_with(&temporary, &options).map_err(local("write beside"))?;
        Ok(Self { folder, shown, target, temporary, file, permissions, published: Cell::new(false) })
    }

    fn write(&self, bytes: &[u8], at: u64) -> Result<(), Error> {
        write_all_at(&self.file, bytes, at).map_err(|source| Error::local("write", &self.shown, source))
    }

    /// Takes the space at once: a full disk is known before the first byte, and the file is not scattered.
    fn reserve(&self, size_bytes: u64) -> Result<(), Error> {
        reserve(&self.file, size_bytes)
            .map_err(|source| Error::local("reserve space for", &self.shown, source))
    }

    fn checksum(&self, algorithm: Algorithm) -> Result<Checksum, Error> {
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
        if let Some(permissions) = &self.permissions {
            self.file.set_permissions(permissions.clone()).map_err(error)?;
        }
        if let (Some(modified), Ok(file)) = (modified, self.file.try_clone()) {
            // A file system that keeps no times is no reason to fail.
            let _ = file.into_std().set_modified(modified);
        }
        self.file.sync_all().map_err(error)?;
        if keep_existing {
            match self.rename_unless_taken() {
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(Error::TargetTaken(self.shown.display().to_string()));
                }
                renamed => renamed.map_err(error)?,
            }
        } else {
            self.folder.rename(&self.temporary, &self.folder, &self.target).map_err(error)?;
        }
        self.published.set(true);
        Ok(())
    }

    /// Gives the file its name unless somebody has it, even if since a moment ago.
    fn rename_unless_taken(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{RenameFlags, renameat_with};
            let folder = &self.folder;
            match renameat_with(folder, &self.temporary, folder, &self.target, RenameFlags::NOREPLACE) {
                // The file system does not know the flag.
                Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
                renamed => return Ok(renamed?),
            }
        }
        // A hard link fails if the name is taken.
        self.folder.hard_link(&self.temporary, &self.folder, &self.target)?;
        self.folder.remove_file(&self.temporary)
    }
}

/// Opens a folder below another one, and makes it if it is not there. A symbolic link is not followed.
fn subfolder(folder: &Dir, name: &OsStr) -> io::Result<Dir> {
    match folder.create_dir(name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    if !folder.symlink_metadata(name)?.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::NotADirectory,
            "something else than a folder is in the way",
        ));
    }
    folder.open_dir(name)
}

#[cfg(target_os = "linux")]
fn reserve(file: &File, size_bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    match fallocate(file, FallocateFlags::empty(), 0, size_bytes) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(size_bytes),
        reserved => Ok(reserved?),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(file: &File, size_bytes: u64) -> io::Result<()> {
    file.set_len(size_bytes)
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

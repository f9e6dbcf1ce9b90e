//! Looks at single files and objects, for what listings do not tell: metadata and contents.

use std::fs;
use std::path::Path;

use futures_util::StreamExt;
use pintail_core::checksum::{Algorithm, Checksum, Hasher};
use pintail_store::object_store::{Get, Head, ObjectInfo, ReadCondition};
use pintail_store::{ErrorKind, Missing, StoreError};

use super::PrepareError;
use crate::entry::{Entry, Kind, Modified};
use crate::fingerprint::Fingerprint;
use crate::local::{LocalError, Source};
use crate::name::{Name, Platform};
use crate::site::{Remote, Site};

/// The metadata that rclone and others keep a file's time in.
const MTIME: &str = "mtime";

/// Looks at an object; `None` where there is none. Its time is that of its content, if it is kept.
pub(super) async fn object(remote: &Remote, name: &Name) -> Result<Option<Entry>, StoreError> {
    let found = object_and_time(remote, name).await?;
    Ok(found.map(|(entry, kept)| Entry { modified: kept.unwrap_or(entry.modified), ..entry }))
}

/// Looks at an object: as it would be listed, with its checksum, and the time of its content, if it is kept.
pub(super) async fn object_and_time(
    remote: &Remote,
    name: &Name,
) -> Result<Option<(Entry, Option<Modified>)>, StoreError> {
    let Ok(key) = remote.key(name) else { return Ok(None) };
    match remote.store.head(&remote.bucket, &key, &Head::default()).await {
        Ok(info) => Ok(Some((entry_of(name.clone(), &info), kept_time(&info)))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound(Missing::Object)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn entry_of(name: Name, info: &ObjectInfo) -> Entry {
    Entry {
        kind: if name.is_folder() && info.size_bytes == 0 { Kind::Folder } else { Kind::File },
        size_bytes: info.size_bytes,
        modified: info.last_modified.map_or(Modified::UNKNOWN, Modified::written),
        tag: info.etag.as_ref().map(crate::entry::Tag::of),
        checksum: info.checksum.map(Box::new),
        name,
    }
}

fn kept_time(info: &ObjectInfo) -> Option<Modified> {
    Modified::parse_metadata(info.traits.metadata.get(MTIME)?)
}

/// Looks at a file; `None` where there is nothing. A folder is an entry with the name that was asked for.
pub(super) fn file(
    root: &Path,
    name: &Name,
    platform: Platform,
    follow: bool,
) -> Result<Option<Entry>, PrepareError> {
    let Ok(below) = name.path(platform) else { return Ok(None) };
    let path = root.join(below);
    let looked = if follow { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
    let metadata = match looked {
        Ok(metadata) => metadata,
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(source) => return Err(LocalError::new("read", &path, source).into()),
    };
    let seen = Fingerprint::of(&metadata);
    let entry = Entry::file(name.clone(), seen.size_bytes, seen.modified());
    Ok(Some(if metadata.is_dir() {
        Entry { kind: Kind::Folder, size_bytes: 0, ..entry }
    } else if metadata.is_symlink() {
        Entry { kind: Kind::Link, ..entry }
    } else if metadata.is_file() {
        entry
    } else {
        return Err(PrepareError::NotAFile(path.display().to_string()));
    }))
}

/// Tells whether a name of a site is taken.
pub(super) async fn is_taken(site: &Site, name: &Name, platform: Platform) -> Result<bool, PrepareError> {
    match site {
        Site::Stdio => Ok(false),
        Site::Local(root) => match file(root, name, platform, false) {
            Ok(entry) => Ok(entry.is_some()),
            Err(PrepareError::NotAFile(_)) => Ok(true),
            Err(error) => Err(error),
        },
        Site::Remote(remote) => Ok(object(remote, name).await?.is_some()),
    }
}

/// An entry and where it lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Where.
    pub(super) site: Site,
    /// What.
    pub(super) entry: Entry,
}

/// Learns what an object's metadata tell. `source` makes the time that it was written that of its content where no other is kept: that is
/// the time its copy has.
pub(super) async fn learn(place: &mut Place, source: bool) -> Result<u64, PrepareError> {
    let Site::Remote(remote) = &place.site else { return Ok(0) };
    let Some(looked) = object(remote, &place.entry.name).await? else { return Ok(1) };
    let kept = looked.modified;
    place.entry = match (source, kept.timestamp()) {
        (true, Some(at)) => Entry { modified: Modified::content(at), ..looked },
        _ => looked,
    };
    Ok(1)
}

/// How far contents are read to compare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// Files are read; objects tell their checksum or nothing.
    Checksums,
    /// Objects are read as well where their checksum tells nothing.
    Reading,
}

/// Tells whether two have the same bytes; `None` where that cannot be told. Adds the requests to `looks`.
pub(super) async fn same_bytes(
    one: &mut Place,
    other: &mut Place,
    platform: Platform,
    effort: Effort,
    looks: &mut u64,
) -> Result<Option<bool>, PrepareError> {
    if one.entry.size_bytes != other.entry.size_bytes {
        return Ok(Some(false));
    }
    for place in [&mut *one, &mut *other] {
        if place.entry.checksum.is_none() && matches!(place.site, Site::Remote(_)) {
            *looks += learn(place, false).await?;
        }
    }
    // Learning is newer than the listing.
    if one.entry.size_bytes != other.entry.size_bytes {
        return Ok(Some(false));
    }
    let whole = |place: &Place| place.entry.checksum.as_deref().copied().filter(|sum| sum.parts().is_none());
    let (first, second) = (whole(one), whole(other));
    if let (Some(first), Some(second)) = (first, second)
        && first.algorithm() == second.algorithm()
    {
        return Ok(Some(first == second));
    }
    let composed = |place: &Place| place.entry.checksum.as_deref().copied();
    if composed(one).is_some() && composed(one) == composed(other) {
        return Ok(Some(true));
    }
    if one.entry.tag.as_ref().is_some_and(|tag| tag.md5().is_some() && Some(tag) == other.entry.tag.as_ref())
    {
        return Ok(Some(true));
    }
    let algorithm = first.or(second).map(|sum| sum.algorithm());
    let algorithm = match (algorithm, effort) {
        (Some(algorithm), _) => algorithm,
        (None, Effort::Reading) => Algorithm::Crc64Nvme,
        (None, Effort::Checksums) => return Ok(None),
    };
    let (first, second) = (
        sum(one, first, algorithm, platform, effort).await?,
        sum(other, second, algorithm, platform, effort).await?,
    );
    Ok(first.zip(second).map(|(first, second)| first == second))
}

/// The checksum of a whole content: known, or read.
async fn sum(
    place: &Place,
    known: Option<Checksum>,
    algorithm: Algorithm,
    platform: Platform,
    effort: Effort,
) -> Result<Option<Checksum>, PrepareError> {
    if let Some(known) = known.filter(|known| known.algorithm() == algorithm) {
        return Ok(Some(known));
    }
    match &place.site {
        Site::Stdio => Ok(None),
        Site::Local(root) => {
            let Ok(below) = place.entry.name.path(platform) else { return Ok(None) };
            let path = root.join(below);
            if place.entry.kind == Kind::Link {
                // One that is none any more is not known to be the same.
                let text = fs::read_link(&path).ok();
                return Ok(text.map(|text| Checksum::of(algorithm, text.as_os_str().as_encoded_bytes())));
            }
            let read = tokio::task::spawn_blocking(move || {
                let source = Source::open(&path)?;
                source.checksum(0, source.size_bytes(), algorithm)
            });
            // A file that changes while it is read is not known to be the same.
            Ok(read.await.expect("reading a file does not panic").ok())
        }
        Site::Remote(remote) if effort == Effort::Reading => {
            let Ok(key) = remote.key(&place.entry.name) else { return Ok(None) };
            let if_match = place.entry.tag.as_ref().map(crate::entry::Tag::etag);
            let condition = ReadCondition { if_match, ..ReadCondition::default() };
            let get = Get { condition, ..Get::default() };
            let mut got = remote.store.get(&remote.bucket, &key, &get).await?;
            let mut hasher = Hasher::new(algorithm);
            while let Some(bytes) = got.body.next().await {
                hasher.update(&bytes?);
            }
            Ok(Some(hasher.finish()))
        }
        Site::Remote(_) => Ok(None),
    }
}

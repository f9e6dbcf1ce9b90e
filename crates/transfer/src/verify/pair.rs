//! One pair: as far down as it takes to be sure.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use pintail_core::retry::Schedule;
use pintail_store::ErrorKind;
use pintail_store::object_store::{ETag, Head, ObjectInfo, ReadCondition};
use pintail_store::payload::ByteStream;

use super::content::{At, first_difference, open};
use super::parts::{Kept, Trial};
use super::{Comparing, Level, Means, Unclear, What};
use crate::diff::Side;
use crate::entry::{Entry, Kind, Tag};
use crate::execute::{is_of_content, same_bytes};
use crate::local::{LocalError, Source, SourceError};
use crate::name::{Name, NameRefusal, Platform};
use crate::site::Site;

/// One side of a pair.
pub(super) struct Thing<'a> {
    pub(super) site: &'a Site,
    pub(super) name: &'a Name,
    pub(super) size_bytes: u64,
    /// The state in which it was listed.
    pub(super) tag: Option<ETag>,
    pub(super) kind: Kind,
}

impl<'a> Thing<'a> {
    pub(super) fn of(site: &'a Site, entry: &'a Entry) -> Self {
        let tag = entry.tag.as_ref().map(Tag::etag);
        Self { site, name: &entry.name, size_bytes: entry.size_bytes, tag, kind: entry.kind }
    }
}

/// What was found, and what it took.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) downloaded_bytes: u64,
    pub(super) read_bytes: u64,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Same(Means),
    Differs(What),
}

impl Verdict {
    pub(super) fn differs(what: What) -> Self {
        Self { outcome: Outcome::Differs(what), downloaded_bytes: 0, read_bytes: 0 }
    }

    pub(super) fn unclear(why: impl Into<Unclear>) -> Self {
        Self::differs(What::Unclear(why.into()))
    }

    pub(super) fn same(by: Means) -> Self {
        Self { outcome: Outcome::Same(by), downloaded_bytes: 0, read_bytes: 0 }
    }
}

/// Where the bytes of a side are.
enum Place {
    File(PathBuf),
    /// A symbolic link that is taken as what it is: its text.
    Link(PathBuf),
    Object(At),
}

/// A pair that is tried again after a failure that may pass.
const SCHEDULE: Schedule = Schedule { attempts_max: 3, ..Schedule::INTERACTIVE };

impl Comparing<'_> {
    /// Compares two things that have the same name.
    pub(super) async fn compare(&self, left: &Thing<'_>, right: &Thing<'_>) -> Verdict {
        match (left.kind, right.kind) {
            (Kind::Folder, Kind::Folder) => return Verdict::same(Means::Size),
            // An object says in its metadata that it is a link; a listing does not.
            (Kind::Folder, _) | (_, Kind::Folder) => {
                return Verdict::differs(What::Kind { left: left.kind, right: right.kind });
            }
            _ => {}
        }
        if left.size_bytes != right.size_bytes {
            return Verdict::differs(What::Size {
                left_bytes: left.size_bytes,
                right_bytes: right.size_bytes,
            });
        }
        if self.options.level == Level::Size {
            return Verdict::same(Means::Size);
        }
        let mut failed = 0;
        loop {
            let why = match self.look_closer(left, right).await {
                Ok(verdict) => return verdict,
                Err(why) => why,
            };
            failed += 1;
            match SCHEDULE.delay(why.retry(), failed, self.context.random) {
                Some(delay) if !self.context.stop.is_asked() => tokio::time::sleep(delay).await,
                _ => return Verdict::unclear(why),
            }
        }
    }

    async fn look_closer(&self, left: &Thing<'_>, right: &Thing<'_>) -> Result<Verdict, Unclear> {
        let (one, other) = (place(left)?, place(right)?);
        if self.options.level == Level::Checksum {
            let verdict = match (&one, &other) {
                (Place::Object(one), Place::Object(other)) => self.by_what_is_kept(one, other).await?,
                (Place::File(path), Place::Object(at)) => {
                    self.by_hash(path, Side::Left, at, Side::Right, left).await?
                }
                (Place::Object(at), Place::File(path)) => {
                    self.by_hash(path, Side::Right, at, Side::Left, left).await?
                }
                _ => None,
            };
            if let Some(verdict) = verdict {
                return Ok(verdict);
            }
        }
        self.by_reading(one, other, left.size_bytes).await
    }

    /// Compares two objects without reading either, `None` where that does not tell.
    async fn by_what_is_kept(&self, one: &At, other: &At) -> Result<Option<Verdict>, Unclear> {
        // The listings may tell all that is needed.
        if let (Some(tag), Some(other)) = (&one.3, &other.3)
            && tag == other
            && is_of_content(tag)
        {
            return Ok(Some(Verdict::same(Means::Checksum)));
        }
        let (is, other) = futures_util::future::join(look(one, Side::Left), look(other, Side::Right)).await;
        Ok(match same_bytes(&is?, &other?) {
            Some(true) => Some(Verdict::same(Means::Checksum)),
            Some(false) => Some(Verdict::differs(What::Content { at: None })),
            None => None,
        })
    }

    /// Compares a file with what the service keeps of an object, `None` where that does not tell.
    async fn by_hash(
        &self,
        path: &Path,
        file_side: Side,
        at: &At,
        object_side: Side,
        listed: &Thing<'_>,
    ) -> Result<Option<Verdict>, Unclear> {
        let info = look(at, object_side).await?;
        let size_bytes = listed.size_bytes;
        if info.size_bytes != size_bytes {
            return Err(Unclear::Changed(object_side));
        }
        // One of them: parts that were cut in a way nobody guesses make neither.
        let kept = info.checksum.map(Kept::Checksum);
        let Some(kept) = kept.or_else(|| info.etag.filter(is_of_content).map(Kept::Tag)) else {
            return Ok(None);
        };
        let disproves = kept.disproves();
        let Some(trial) = Trial::new(kept, size_bytes) else { return Ok(None) };
        let _turn = self.hashing.acquire().await.expect("it is never closed");
        let path = path.to_owned();
        let hashed = tokio::task::spawn_blocking(move || hash(&path, size_bytes, trial));
        let proved = match hashed.await.expect("hashing does not panic") {
            Err(SourceError::Changed(_)) => return Err(Unclear::Changed(file_side)),
            hashed => hashed?,
        };
        let outcome = match proved {
            true => Outcome::Same(Means::Checksum),
            false if disproves => Outcome::Differs(What::Content { at: None }),
            false => return Ok(None),
        };
        Ok(Some(Verdict { outcome, downloaded_bytes: 0, read_bytes: size_bytes }))
    }

    async fn by_reading(&self, one: Place, other: Place, size_bytes: u64) -> Result<Verdict, Unclear> {
        let of = |place: &Place| matches!(place, Place::Object(_));
        let objects = u64::from(of(&one)) + u64::from(of(&other));
        let both_local = objects == 0;
        let compared = if both_local {
            let _turn = self.hashing.acquire().await.expect("it is never closed");
            let compared = tokio::task::spawn_blocking(move || {
                let (one, other) = (local_bytes(&one, size_bytes)?, local_bytes(&other, size_bytes)?);
                let compared = first_difference(told(one, Side::Left), told(other, Side::Right));
                compared.now_or_never().expect("a file does not let wait")
            });
            compared.await.expect("reading does not panic")?
        } else {
            let (one, other) = futures_util::future::try_join(
                bytes_of(&one, size_bytes, Side::Left),
                bytes_of(&other, size_bytes, Side::Right),
            )
            .await?;
            first_difference(one, other).await?
        };
        let (bytes, at) = compared;
        let outcome = match at {
            None => Outcome::Same(Means::Reading),
            Some(at) => Outcome::Differs(What::Content { at: Some(at) }),
        };
        Ok(Verdict { outcome, downloaded_bytes: bytes * objects, read_bytes: bytes * (2 - objects) })
    }
}

type Bytewise = futures_util::stream::BoxStream<'static, Result<Bytes, Unclear>>;

async fn bytes_of(place: &Place, size_bytes: u64, side: Side) -> Result<Bytewise, Unclear> {
    match place {
        Place::Object(at) => match open(at).await {
            Err(error) if is_gone_or_changed(error.kind()) => Err(Unclear::Changed(side)),
            opened => Ok(opened?.map(|piece| piece.map_err(Unclear::from)).boxed()),
        },
        local => Ok(told(local_bytes(local, size_bytes)?, side)),
    }
}

fn told(bytes: (PathBuf, ByteStream), side: Side) -> Bytewise {
    let (path, bytes) = bytes;
    let told = bytes.map(move |piece| {
        piece.map_err(|error| match error.kind() {
            // What a source says of a file that is not what it was.
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::Other => Unclear::Changed(side),
            _ => Unclear::Local(LocalError::new("read", &path, error)),
        })
    });
    told.boxed()
}

fn local_bytes(place: &Place, size_bytes: u64) -> Result<(PathBuf, ByteStream), Unclear> {
    match place {
        Place::File(path) => {
            let source = Source::open(path)?;
            if source.size_bytes() != size_bytes {
                return Err(SourceError::Changed(path.clone()).into());
            }
            Ok((path.clone(), source.slice(0, size_bytes).open()))
        }
        Place::Link(path) => {
            let text =
                std::fs::read_link(path).map_err(|error| LocalError::new("read the link", path, error))?;
            let text = Bytes::from(text.into_os_string().into_encoded_bytes());
            Ok((path.clone(), Box::pin(futures_util::stream::iter([Ok(text)]))))
        }
        Place::Object(_) => Err(Unclear::Stdio),
    }
}

fn hash(path: &Path, size_bytes: u64, mut trial: Trial) -> Result<bool, SourceError> {
    let source = Source::open(path)?;
    if source.size_bytes() != size_bytes {
        return Err(SourceError::Changed(path.to_owned()));
    }
    let mut bytes = source.slice(0, size_bytes).open();
    while let Some(piece) = bytes.next().now_or_never().expect("a file does not let wait") {
        let piece = piece.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::Other => {
                SourceError::Changed(path.to_owned())
            }
            _ => SourceError::Local(LocalError::new("read", path, error)),
        })?;
        trial.update(&piece);
    }
    Ok(trial.proves())
}

async fn look((store, bucket, key, tag): &At, side: Side) -> Result<ObjectInfo, Unclear> {
    let condition = ReadCondition { if_match: tag.clone(), ..ReadCondition::default() };
    match store.head(bucket, key, &Head { condition, version: None }).await {
        Err(error) if is_gone_or_changed(error.kind()) => Err(Unclear::Changed(side)),
        looked => Ok(looked?),
    }
}

fn is_gone_or_changed(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound(_) | ErrorKind::PreconditionFailed)
}

fn place(thing: &Thing<'_>) -> Result<Place, Unclear> {
    match thing.site {
        Site::Stdio => Err(Unclear::Stdio),
        Site::Remote(remote) => {
            let key = thing.name.key(&remote.prefix)?;
            Ok(Place::Object((Arc::clone(&remote.store), remote.bucket.clone(), key, thing.tag.clone())))
        }
        Site::Local(folder) => {
            if thing.name.is_folder() {
                return Err(NameRefusal::EmptyPart.into());
            }
            let path = folder.join(thing.name.path(Platform::HERE)?);
            Ok(if thing.kind == Kind::Link { Place::Link(path) } else { Place::File(path) })
        }
    }
}

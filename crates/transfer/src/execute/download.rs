//! An object becomes a file: by one request here, in segments in [`super::download_parts`].
//!
//! The bytes go into a file beside the target, which gets its name when they are proved. An object that is not in the state that was listed makes no file.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use pintail_core::checksum::{Algorithm, Checksum, Hasher};
use pintail_core::name::ObjectKey;
use pintail_store::object_store::{Get, Got, ObjectInfo, ReadCondition};
use pintail_store::{ErrorKind, StoreError};

use super::flow::Meter;
use super::running::{Folder, Kind, Shared};
use super::step::{Done, StepFailure, Tries};
use super::{Durability, StepError, download_parts, traits, verify};
use crate::entry::{Modified, Tag};
use crate::journal::{Begun, Proof};
use crate::local::{LocalError, Partial, PartialError, Publish, SyncPolicy, Target, TargetError};
use crate::name::Platform;
use crate::plan::Step;
use crate::policy::Guard;
use crate::positioned::read_exact_at;
use crate::site::Remote;

/// Objects up to this size are collected before their file is made.
const AT_ONCE_BYTES: u64 = 256 << 10;

/// Downloads one object.
pub(super) async fn file(
    shared: &Shared<'_>,
    from: &Remote,
    to: &Folder,
    number: u64,
    step: &Step,
    begun: Option<Begun>,
) -> Result<Done, StepFailure> {
    let path = step.target().path(Platform::HERE)?;
    let key = step.name.key(&from.prefix)?;
    let begun = begun.filter(|begun| matches!(begun, Begun::Download { .. }));
    if begun.is_some() || step.size_bytes > shared.options.one_request_max_bytes {
        return Box::pin(download_parts::file(shared, from, to, &path, &key, number, step, begun)).await;
    }
    let _place = shared.places.small().await;
    if shared.halt.is_asked() {
        return Err(StepFailure::Stopped);
    }
    let target = to.target()?;
    let file = Small { shared, folder: to, target, path, number, step };
    let meter = shared.flow.meter(Kind::Small);
    let condition = ReadCondition { if_match: step.tag.as_ref().map(Tag::etag), ..ReadCondition::default() };
    let get = Get { condition, ..Get::default() };
    let mut tries = Tries::new(shared);
    loop {
        let failed = match from.store.get(&from.bucket, &key, &get).await {
            Ok(got) => match file.write(got, &meter).await {
                Ok(done) => return Ok(done),
                Err(Broken::Body(error)) => error,
                Err(Broken::Step(failure)) => return Err(failure),
            },
            Err(error) => error,
        };
        if !tries.again(&failed).await {
            return Err(unreadable(failed, from, &key));
        }
    }
}

/// A read that failed: for an object that is not what was listed, that is what is said.
pub(super) fn unreadable(error: StoreError, from: &Remote, key: &ObjectKey) -> StepFailure {
    if *error.kind() == ErrorKind::PreconditionFailed {
        return StepError::SourceChanged(format!("s3://{}/{key}", from.bucket)).into();
    }
    error.into()
}

/// Why an object that is being read makes no file.
enum Broken {
    /// Its bytes ended early or were wrong: it may be read again.
    Body(StoreError),
    /// Anything else.
    Step(StepFailure),
}

impl<E: Into<StepFailure>> From<E> for Broken {
    fn from(error: E) -> Self {
        Self::Step(error.into())
    }
}

struct Small<'a, 'b> {
    shared: &'a Shared<'b>,
    folder: &'a Folder,
    target: &'a Target,
    path: PathBuf,
    number: u64,
    step: &'a Step,
}

impl Small<'_, '_> {
    /// Writes the file of an object that is being read.
    async fn write(&self, mut got: Got, meter: &Meter) -> Result<Done, Broken> {
        let shared = self.shared;
        let size_bytes = got.info.size_bytes;
        // The checksum that the store compares with, for whoever reads the file back.
        let told = got.info.checksum.filter(|checksum| checksum.parts().is_none());
        let mut hasher = (shared.options.verify && told.is_none()).then(|| Hasher::new(Algorithm::Crc64Nvme));
        if size_bytes <= AT_ONCE_BYTES {
            let mut pieces = Pieces::default();
            while let Some(piece) = got.body.next().await {
                let piece = piece.map_err(Broken::Body)?;
                meter.pass(piece.len() as u64).await;
                pieces.push(piece, size_bytes);
            }
            let whole = pieces.whole();
            if let Some(hasher) = &mut hasher {
                hasher.update(&whole);
            }
            meter.reached(size_bytes);
            if self.step.link && traits::is_link(&got.info) && cfg!(unix) {
                return Ok(self.link(&whole, &got.info)?);
            }
            let partial = self.begin()?;
            if !whole.is_empty() {
                partial.write_at(&whole, 0)?;
            }
            return self.publish(partial, &got.info, told.or_else(|| hasher.map(Hasher::finish))).await;
        }
        let partial = self.begin()?;
        let mut at = 0;
        while let Some(piece) = got.body.next().await {
            let piece = piece.map_err(Broken::Body)?;
            meter.pass(piece.len() as u64).await;
            partial.write_at(&piece, at)?;
            if let Some(hasher) = &mut hasher {
                hasher.update(&piece);
            }
            at += piece.len() as u64;
            meter.reached(at);
        }
        self.publish(partial, &got.info, told.or_else(|| hasher.map(Hasher::finish))).await
    }

    fn begin(&self) -> Result<Partial, StepFailure> {
        let number = self.shared.record.partial_number(self.number);
        let random = self.shared.context.random;
        Ok(Partial::begin(self.target, &self.path, &self.step.guard, number, random)?)
    }

    async fn publish(
        &self,
        partial: Partial,
        info: &ObjectInfo,
        checksum: Option<Checksum>,
    ) -> Result<Done, Broken> {
        let proof = if info.checksum.is_some_and(|told| told.parts().is_none()) {
            Proof::Checksum
        } else {
            Proof::Length
        };
        let place = Place {
            shared: self.shared,
            folder: self.folder,
            target: self.target,
            path: &self.path,
            number: self.number,
            step: self.step,
        };
        Ok(place.publish(partial, info, checksum, proof).await?)
    }

    /// Makes a symbolic link of an object that says that it is one.
    fn link(&self, text: &Bytes, info: &ObjectInfo) -> Result<Done, StepFailure> {
        let text = os_string(text.to_vec());
        let number = self.shared.record.partial_number(self.number).unwrap_or_else(|| {
            let mut number = [0; 8];
            self.shared.context.random.fill(&mut number);
            u64::from_le_bytes(number)
        });
        let size_bytes = info.size_bytes;
        let modified = traits::modified(info, self.shared.options);
        match self.target.make_link(&self.path, &text, modified, &self.step.guard, number) {
            Ok(()) => {}
            // A former life made it.
            Err(TargetError::Taken(_) | TargetError::Changed(_))
                if self.target.link_text(&self.path)?.is_some_and(|there| there == text) => {}
            Err(error) => return Err(error.into()),
        }
        self.shared.copied_from_object(self.number, self.step, info);
        Ok(Done::Moved { size_bytes, proof: Proof::Checksum })
    }
}

/// Where a file is put that is whole.
pub(super) struct Place<'a, 'b> {
    pub(super) shared: &'a Shared<'b>,
    pub(super) folder: &'a Folder,
    pub(super) target: &'a Target,
    pub(super) path: &'a Path,
    pub(super) number: u64,
    pub(super) step: &'a Step,
}

impl Place<'_, '_> {
    /// Puts a file in its place. Where somebody was faster, it is done if he put the same bytes there.
    pub(super) async fn publish(
        &self,
        partial: Partial,
        info: &ObjectInfo,
        checksum: Option<Checksum>,
        proof: Proof,
    ) -> Result<Done, StepFailure> {
        let Self { shared, folder, target, path, number, step } = self;
        let size_bytes = info.size_bytes;
        let sync = match shared.options.sync {
            Durability::Each => SyncPolicy::Full,
            // All at once, before the journal says that it is done.
            Durability::Batch if cfg!(target_os = "linux") => SyncPolicy::None,
            Durability::Batch => SyncPolicy::Content,
            Durability::None => SyncPolicy::None,
        };
        let mode = traits::permissions(info, shared.options);
        let publish = Publish { modified: Some(traits::modified(info, shared.options)), mode, sync };
        if shared.options.verify
            && let Some(checksum) = checksum
        {
            // While it has no name yet: what is wrong replaces nothing.
            let beside = path.with_file_name(partial.temporary_name());
            match verify::file(folder, &beside, size_bytes, checksum).await {
                Err(StepFailure::Failed(StepError::Different(_))) => {
                    partial.discard();
                    return Err(StepError::Different(folder.path().join(path).display().to_string()).into());
                }
                read_back => read_back?,
            }
        }
        match partial.publish(target, path, &step.guard, &publish) {
            Ok(()) => {}
            Err(PartialError::Target(error @ (TargetError::Taken(_) | TargetError::Changed(_)))) => {
                if is_same_file(target, path, &partial, size_bytes).await? {
                    partial.discard();
                } else if let Some(torn) = self.torn(&publish, size_bytes)? {
                    partial.publish(target, path, &torn, &publish)?;
                } else {
                    partial.discard();
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        shared.copied_from_object(*number, step, info);
        Ok(Done::Moved { size_bytes, proof })
    }

    /// Returns the guard of a file that a former life put in place and a power cut took the end of: it has the very time that this one gets, and is shorter.
    /// Only in a life that goes on.
    fn torn(&self, publish: &Publish, size_bytes: u64) -> Result<Option<Guard>, StepFailure> {
        let ours_ns = publish.modified.and_then(Modified::ns);
        if self.shared.record.life().is_none() || ours_ns.is_none() {
            return Ok(None);
        }
        let there = self.target.look(self.path)?;
        let torn =
            there.filter(|(there_bytes, modified)| *there_bytes < size_bytes && modified.ns() == ours_ns);
        Ok(torn.map(|(size_bytes, modified)| Guard::Unchanged { size_bytes, modified }))
    }
}

/// Compares a file that is there with one that was to be put in its place.
async fn is_same_file(
    target: &Target,
    path: &Path,
    partial: &Partial,
    size_bytes: u64,
) -> Result<bool, StepFailure> {
    let Some(there) = target.open_file(path)? else { return Ok(false) };
    let error = |source| LocalError::new("read", &target.path().join(path), source);
    if there.metadata().map_err(error)?.len() != size_bytes {
        return Ok(false);
    }
    let ours = partial.checksum(Algorithm::Crc64Nvme)?;
    Ok(file_checksum(&there, size_bytes, Algorithm::Crc64Nvme).await.map_err(error)? == ours)
}

/// Reads a file for its checksum, and lets others have their turn meanwhile.
pub(super) async fn file_checksum(
    file: &File,
    size_bytes: u64,
    algorithm: Algorithm,
) -> std::io::Result<Checksum> {
    const PIECE_BYTES: u64 = 256 << 10;
    const TURN_PIECES: u64 = 16;
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; usize::try_from(size_bytes.min(PIECE_BYTES)).unwrap_or(0)];
    let (mut at, mut pieces) = (0, 0_u64);
    while at < size_bytes {
        let length = usize::try_from((size_bytes - at).min(PIECE_BYTES)).unwrap_or(0);
        read_exact_at(file, &mut buffer[..length], at)?;
        hasher.update(&buffer[..length]);
        at += length as u64;
        pieces += 1;
        if pieces.is_multiple_of(TURN_PIECES) {
            tokio::task::yield_now().await;
        }
    }
    Ok(hasher.finish())
}

/// The pieces of a small object: mostly one, which is not copied.
#[derive(Default)]
struct Pieces {
    first: Bytes,
    all: Option<BytesMut>,
}

impl Pieces {
    fn push(&mut self, piece: Bytes, size_bytes: u64) {
        if self.first.is_empty() && self.all.is_none() {
            self.first = piece;
            return;
        }
        let first = &self.first;
        let all = self.all.get_or_insert_with(|| {
            let mut all = BytesMut::with_capacity(usize::try_from(size_bytes).unwrap_or(0));
            all.extend_from_slice(first);
            all
        });
        all.extend_from_slice(&piece);
    }

    fn whole(self) -> Bytes {
        self.all.map_or(self.first, BytesMut::freeze)
    }
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

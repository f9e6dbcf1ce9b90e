//! An object that is put together at the service from pieces of another one: begun, gone on with, completed or taken back.
//!
//! ```text
//! begun before? ─yes─► its parts, as the service lists them and the journal proves them ─┐
//!       └─no─► create, journal, sync ────────────────────────────────────────────────────┴─► pieces ─► complete
//! ```
//!
//! A part is relied on in a later life if the journal tells of it, the service has it under the same tag and size, and the plan names the state of the
//! source. Where the pieces come from is the caller's ([`Pieces`]).

use std::collections::BTreeMap;
use std::future::Future;

use futures_util::StreamExt;
use pintail_core::checksum::Checksum;
use pintail_store::object_store::{
    CompleteUpload, CreateUpload, ETag, ListParts, ObjectInfo, PartInfo, PartList, PartNumber, Stored,
    Upload, WriteCondition,
};
use pintail_store::{ErrorKind, Missing, StoreError};

use super::StepError;
use super::failure::again;
use super::flow::Meter;
use super::object::{Located, is_gone_or_changed, same_bytes};
use super::places::Kind;
use super::running::Shared;
use super::step::StepFailure;
use crate::entry::Tag;
use crate::journal::{Begun, Event};
use crate::parts::{PART_MAX_BYTES, PARTS_MAX};
use crate::policy::Guard;

/// What is put together.
pub(super) struct Assembly<'a, 's> {
    pub(super) shared: &'a Shared<'s>,
    /// The step.
    pub(super) number: u64,
    pub(super) source: &'a Located,
    /// What the source is; its tag is the state that every piece must be of.
    pub(super) info: &'a ObjectInfo,
    /// The plan names that state: parts of a former life are of it as well.
    pub(super) is_told: bool,
    pub(super) target: &'a Located,
    pub(super) guard: &'a Guard,
    pub(super) condition: WriteCondition,
    pub(super) create: CreateUpload,
    /// The size of the parts, if it is begun anew.
    pub(super) part_bytes: u64,
}

/// One piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) number: PartNumber,
    pub(super) offset: u64,
    pub(super) length_bytes: u64,
}

/// Where pieces come from.
pub(super) trait Pieces: Sync {
    /// Brings one piece into the upload. Bytes that pass here are counted.
    fn bring(
        &self,
        upload: &Upload,
        piece: Piece,
        meter: &Meter,
    ) -> impl Future<Output = Result<PartInfo, StepFailure>> + Send;
}

/// What came of it.
pub(super) struct Assembled {
    /// The object, `None` where a former life had completed it, or somebody else wrote the same.
    pub(super) stored: Option<Stored>,
    /// The checksum of the whole, as far as it follows from its pieces.
    pub(super) checksum: Option<Checksum>,
}

/// An upload with the parts that it has.
struct Open {
    upload: Upload,
    part_bytes: u64,
    done: BTreeMap<PartNumber, PartInfo>,
}

impl Assembly<'_, '_> {
    /// Puts the object together, from where a former life left it.
    ///
    /// What was begun stays for a later life, unless nothing can come of it or there is no journal.
    pub(super) async fn carry_out(
        &self,
        begun: Option<&Begun>,
        pieces: &impl Pieces,
    ) -> Result<Assembled, StepFailure> {
        let former = match begun {
            Some(Begun::Upload { upload, part_bytes, algorithm, parts, .. }) => {
                let id = upload.clone();
                let (bucket, key) = (self.target.bucket.clone(), self.target.key.clone());
                let upload = Upload { bucket, key, id, checksum: *algorithm };
                match self.go_on(upload, *part_bytes, parts).await? {
                    GoesOn::With(open) => Some(open),
                    GoesOn::Done => return Ok(Assembled { stored: None, checksum: None }),
                    GoesOn::Anew => None,
                }
            }
            _ => None,
        };
        let mut open = match former {
            Some(open) => open,
            None => self.begin().await?,
        };
        let outcome = match self.fill(&mut open, pieces).await {
            Ok(()) => self.complete(&open).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &outcome
            && (failure.ends_what_was_begun() || !self.shared.record.is_kept())
        {
            self.drop_upload(&open.upload).await?;
        }
        outcome
    }

    async fn begin(&self) -> Result<Open, StepFailure> {
        let Located { store, bucket, key } = self.target;
        let place = self.shared.places.large().await;
        let upload =
            again(self.shared, || async { Ok(store.create_upload(bucket, key, &self.create).await?) })
                .await?;
        drop(place);
        self.shared.record.append(&Event::UploadBegun {
            step: self.number,
            upload: upload.id.clone(),
            part_bytes: self.part_bytes,
            algorithm: upload.checksum,
            source: None,
        })?;
        // An upload of ours that has a part is one that the journal knows: what looks for strays relies on it.
        self.shared.record.sync()?;
        Ok(Open { upload, part_bytes: self.part_bytes, done: BTreeMap::new() })
    }

    async fn go_on(
        &self,
        upload: Upload,
        part_bytes: u64,
        known: &BTreeMap<u32, crate::journal::PartDone>,
    ) -> Result<GoesOn, StepFailure> {
        // Which state of the source the parts are of is told by the plan alone: the one that it has now may be another one.
        let fits = (1..=PART_MAX_BYTES).contains(&part_bytes)
            && self.info.size_bytes.div_ceil(part_bytes) <= PARTS_MAX;
        if !self.is_told || !fits {
            self.drop_upload(&upload).await?;
            return Ok(GoesOn::Anew);
        }
        let listed = match self.list_parts(&upload).await {
            Err(error) if *error.kind() == ErrorKind::NotFound(Missing::Upload) => {
                // It was completed, and the process died before it could tell; or somebody took it away.
                if self.target_is_source().await? {
                    return Ok(GoesOn::Done);
                }
                self.shared.record.append(&Event::Dropped { step: self.number })?;
                return Ok(GoesOn::Anew);
            }
            listed => listed?,
        };
        let mut done = BTreeMap::new();
        for part in listed {
            let Some(piece) = self.piece(part.number, part_bytes) else { continue };
            let Some(told) = known.get(&part.number.value()) else { continue };
            let is_same = Tag::of(&part.etag) == told.tag
                && told.size_bytes == piece.length_bytes
                && part.size_bytes.is_none_or(|size| size == piece.length_bytes);
            if is_same {
                self.shared.flow.kept(piece.length_bytes);
                let part = PartInfo { size_bytes: Some(piece.length_bytes), checksum: told.checksum, ..part };
                done.insert(part.number, part);
            }
        }
        Ok(GoesOn::With(Open { upload, part_bytes, done }))
    }

    async fn list_parts(&self, upload: &Upload) -> Result<Vec<PartInfo>, StoreError> {
        let (mut parts, mut options) = (Vec::new(), ListParts::default());
        loop {
            let page = self.target.store.list_parts(upload, &options).await?;
            parts.extend(page.parts);
            match page.next {
                Some(next) if Some(next) > options.after => options.after = Some(next),
                _ => return Ok(parts),
            }
        }
    }

    fn piece(&self, number: PartNumber, part_bytes: u64) -> Option<Piece> {
        let offset = u64::from(number.value() - 1).checked_mul(part_bytes)?;
        let left = self.info.size_bytes.checked_sub(offset).filter(|left| *left > 0)?;
        Some(Piece { number, offset, length_bytes: left.min(part_bytes) })
    }

    async fn fill(&self, open: &mut Open, pieces: &impl Pieces) -> Result<(), StepFailure> {
        let count = u32::try_from(self.info.size_bytes.div_ceil(open.part_bytes)).unwrap_or(u32::MAX);
        let missing: Vec<Piece> = (1..=count)
            .filter_map(PartNumber::new)
            .filter(|number| !open.done.contains_key(number))
            .filter_map(|number| self.piece(number, open.part_bytes))
            .collect();
        let (upload, shared) = (&open.upload, self.shared);
        let mut under_way = futures_util::stream::iter(missing)
            .map(async |piece| {
                if shared.halt.is_asked() {
                    return Err(StepFailure::Stopped);
                }
                let _place = shared.places.large().await;
                let meter = shared.flow.meter(Kind::Large);
                let part = again(shared, || pieces.bring(upload, piece, &meter)).await?;
                meter.reached(piece.length_bytes);
                Ok((piece, PartInfo { size_bytes: Some(piece.length_bytes), ..part }))
            })
            .buffer_unordered(shared.options.connections_max.max(1));
        let mut first_failure = None;
        while let Some(brought) = under_way.next().await {
            match brought {
                Ok((piece, part)) => {
                    shared.record.append(&Event::PartDone {
                        step: self.number,
                        number: piece.number.value(),
                        size_bytes: piece.length_bytes,
                        tag: Tag::of(&part.etag),
                        checksum: part.checksum,
                    })?;
                    open.done.insert(piece.number, part);
                }
                // What is under way is given up with the stream: parts that came home are told of, the others are sent again.
                Err(failure) => {
                    first_failure = Some(failure);
                    break;
                }
            }
        }
        first_failure.map_or(Ok(()), Err)
    }

    async fn complete(&self, open: &Open) -> Result<Assembled, StepFailure> {
        let parts = open.done.values().cloned().collect();
        // A size that fits no part would have been refused before: an object in parts has one.
        let Some(parts) = PartList::new(parts) else {
            return Err(StepError::Different(self.target.words()).into());
        };
        let checksum = parts.checksum();
        // What came by is not what the source keeps: such an object is not made.
        if let (Some(kept), Some(sum)) = (&self.info.checksum, &checksum)
            && kept.algorithm() == sum.algorithm()
            && kept.parts().is_none()
            && kept != sum
        {
            return Err(StepError::Different(self.target.words()).into());
        }
        let options = CompleteUpload { condition: self.condition.clone(), checksum: None };
        let _place = self.shared.places.large().await;
        let completed = again(self.shared, || async {
            Ok(self.target.store.complete_upload(&open.upload, &parts, &options).await?)
        });
        let failure = match completed.await {
            Ok(stored) => return Ok(Assembled { stored: Some(stored), checksum }),
            Err(failure) => failure,
        };
        match failure.kind() {
            Some(ErrorKind::ChecksumMismatch) => Err(StepError::Different(self.target.words()).into()),
            // It was completed, and the answer was lost.
            Some(ErrorKind::NotFound(Missing::Upload)) if self.target_is_source().await? => {
                Ok(Assembled { stored: None, checksum })
            }
            Some(ErrorKind::PreconditionFailed | ErrorKind::NotFound(Missing::Object)) => {
                let tag = self.info.etag.as_ref();
                self.target.settle(self.source, tag, self.guard).await?;
                self.drop_upload(&open.upload).await?;
                Ok(Assembled { stored: None, checksum })
            }
            _ => Err(failure),
        }
    }

    async fn target_is_source(&self) -> Result<bool, StepFailure> {
        match self.target.look(None).await {
            Err(error) if is_gone_or_changed(&error) => Ok(false),
            Err(error) => Err(error.into()),
            Ok(info) if same_bytes(&info, self.info) == Some(false) => Ok(false),
            Ok(info) => self.target.has_bytes_of(&info, self.source, self.info).await,
        }
    }

    /// Takes the upload back. One that cannot be taken back at the moment stays in the journal, and so for a later life.
    async fn drop_upload(&self, upload: &Upload) -> Result<(), StepFailure> {
        match self.target.store.abort_upload(upload).await {
            Err(error) if !matches!(error.kind(), ErrorKind::NotFound(_)) => Ok(()),
            _ => Ok(self.shared.record.append(&Event::Dropped { step: self.number })?),
        }
    }
}

enum GoesOn {
    With(Open),
    Done,
    Anew,
}

/// Tells whether an upload was begun for a step.
pub(super) fn is_upload(begun: Option<&Begun>) -> bool {
    matches!(begun, Some(Begun::Upload { .. }))
}

/// Returns the tag that a source must have: the one of the plan, or the one that it was just seen with.
pub(super) fn tag_of(step: Option<&Tag>, info: &ObjectInfo) -> Option<ETag> {
    step.map(Tag::etag).or_else(|| info.etag.clone())
}

#[cfg(test)]
mod tests;

//! Copies within a service: the bytes never come here.
//!
//! An object of up to 5 GiB goes by one request and no other: the plan has its size and tag, the request says that it must still have that tag and
//! what must hold of the target. A larger one goes in parts, each with the same condition ([`assembly`](super::assembly)). What a service cannot copy goes
//! through this machine ([`super::through`]).
//!
//! **What comes along.** What is said of the object (its type, its metadata) does, either way. The storage class is the one that was asked for, else the standard one; for a larger
//! object the one it has, which is looked up anyway. Its tags come along with one request, since the service copies them, and not in parts.

use pintail_core::checksum::Checksum;
use pintail_store::ErrorKind;
use pintail_store::object_store::{
    ByteRange, Copied, Copy, CreateUpload, MetadataDirective, ObjectInfo, PartInfo, Upload, WriteCondition,
};

use super::StepError;
use super::assembly::{Assembly, Piece, Pieces, is_upload, tag_of};
use super::failure::again;
use super::flow::Meter;
use super::object::{Located, ObjectCopy, same_bytes};
use super::places::Kind;
use super::running::Shared;
use super::step::{Done, StepFailure};
use crate::entry::Tag;
use crate::journal::{Begun, Proof};
use crate::parts::{OBJECT_MAX_BYTES, PART_MAX_BYTES, PartsError, part_bytes};
use crate::policy::Guard;

/// Objects up to this size are copied by one request (S3 API Reference, `CopyObject`).
pub(super) const ONE_REQUEST_MAX_BYTES: u64 = PART_MAX_BYTES;

/// The wished size of a part. They take no memory here; the service copies several of a few seconds each at once.
const PART_BYTES: u64 = 128 << 20;

/// One copy within a service.
pub(super) struct Within<'a, 's> {
    pub(super) shared: &'a Shared<'s>,
    /// The step.
    pub(super) number: u64,
    pub(super) source: &'a Located,
    pub(super) target: &'a Located,
    /// As the plan has it.
    pub(super) size_bytes: u64,
    /// The state that the source must have, if the plan knows.
    pub(super) tag: Option<&'a Tag>,
    /// It is the plan that knows it, and not a look at what is there in this life.
    pub(super) is_told: bool,
    pub(super) guard: &'a Guard,
    /// What is said of the copy.
    pub(super) metadata: MetadataDirective,
    /// The storage class that the copy gets.
    pub(super) storage_class: Option<String>,
    /// Above this it goes in parts.
    pub(super) one_request_max_bytes: u64,
}

impl ObjectCopy<'_, '_> {
    /// Copies within the service, in parts above a size; through this machine where the service cannot.
    pub(super) async fn within(
        &self,
        one_request_max_bytes: u64,
        begun: Option<&Begun>,
    ) -> Result<Done, StepFailure> {
        let (shared, step) = (self.shared, self.step);
        let within = Within {
            shared,
            number: self.number,
            source: &self.source,
            target: &self.target,
            size_bytes: step.size_bytes,
            tag: step.tag.as_ref(),
            is_told: step.tag.is_some(),
            guard: &step.guard,
            metadata: MetadataDirective::Copy,
            storage_class: shared.options.storage_class.clone(),
            one_request_max_bytes,
        };
        match within.carry_out(begun).await {
            Err(failure) if failure.is_not_offered() => self.through(None).await,
            Ok(proof) => Ok(Done::Moved { size_bytes: step.size_bytes, proof }),
            Err(failure) => Err(failure),
        }
    }
}

impl Within<'_, '_> {
    /// Copies, and tells how the copy was proved.
    pub(super) async fn carry_out(&self, begun: Option<&Begun>) -> Result<Proof, StepFailure> {
        let condition = self.target.condition(self.guard).await?;
        if self.size_bytes <= self.one_request_max_bytes && !is_upload(begun) {
            self.by_one_request(condition).await
        } else {
            self.in_parts(condition, begun).await
        }
    }

    async fn by_one_request(&self, condition: WriteCondition) -> Result<Proof, StepFailure> {
        let tag = self.tag.map(Tag::etag);
        let source = self.source.as_source(tag.as_ref());
        let options =
            Copy { condition, metadata: self.metadata.clone(), storage_class: self.storage_class.clone() };
        let Located { store, bucket, key } = self.target;
        let place = self.shared.places.small().await;
        let copied =
            again(self.shared, || async { Ok(store.copy(&source, bucket, key, &options).await?) }).await;
        drop(place);
        match copied {
            Ok(copied) => {
                self.shared.flow.meter(Kind::Small).reached(self.size_bytes);
                self.prove(&copied).await
            }
            Err(failure) => match failure.kind() {
                Some(ErrorKind::PreconditionFailed) => {
                    self.target.settle(self.source, tag.as_ref(), self.guard).await?;
                    Ok(Proof::Checksum)
                }
                // The source, or a target that had to be there: S3 says the same of both.
                Some(ErrorKind::NotFound(pintail_store::Missing::Object)) => {
                    self.source.look_as_source(tag.as_ref()).await?;
                    Err(StepError::Changed(self.target.words()).into())
                }
                _ => Err(failure),
            },
        }
    }

    /// Proves a copy by what the service said of it, and where that was asked for by what it keeps.
    async fn prove(&self, copied: &Copied) -> Result<Proof, StepFailure> {
        if self.shared.options.verify {
            let source = self.source.look_as_source(self.tag.map(Tag::etag).as_ref()).await?;
            let is = self.target.look(copied.etag.as_ref()).await?;
            let same = self.target.has_bytes_of(&is, self.source, &source).await?;
            return if same {
                Ok(Proof::Checksum)
            } else {
                Err(StepError::Different(self.target.words()).into())
            };
        }
        let is_same_md5 = match (self.tag, &copied.etag) {
            (Some(tag), Some(copied)) => tag.md5().is_some() && Tag::of(copied) == *tag,
            _ => false,
        };
        Ok(if is_same_md5 { Proof::Checksum } else { Proof::Length })
    }

    async fn in_parts(&self, condition: WriteCondition, begun: Option<&Begun>) -> Result<Proof, StepFailure> {
        if self.size_bytes > OBJECT_MAX_BYTES {
            return Err(PartsError::ObjectTooLarge { size_bytes: self.size_bytes }.into());
        }
        let tag = self.tag.map(Tag::etag);
        let place = self.shared.places.small().await;
        let info = again(self.shared, || self.source.look_as_source(tag.as_ref())).await?;
        drop(place);
        let traits = match &self.metadata {
            MetadataDirective::Copy => info.traits.clone(),
            MetadataDirective::Replace(traits) => traits.clone(),
        };
        // A checksum that the whole keeps is proved against it: the parts have to come to the same.
        let whole =
            info.checksum.filter(|checksum| checksum.parts().is_none()).map(|checksum| checksum.algorithm());
        let create = CreateUpload {
            traits,
            checksum: whole.filter(|algorithm| *algorithm != pintail_core::checksum::Algorithm::Sha256),
            storage_class: self.storage_class.clone().or_else(|| info.storage_class.clone()),
        };
        let wished = self.shared.options.part_bytes.unwrap_or(PART_BYTES);
        let assembly = Assembly {
            shared: self.shared,
            number: self.number,
            source: self.source,
            info: &info,
            is_told: self.is_told,
            target: self.target,
            guard: self.guard,
            condition,
            create,
            part_bytes: part_bytes(info.size_bytes, wished),
        };
        let assembled = assembly.carry_out(begun, &Copies { within: self, info: &info }).await?;
        let Some(stored) = assembled.stored else { return Ok(Proof::Checksum) };
        let kept = stored.checksum.or(assembled.checksum);
        match proved(&info, kept) {
            Some(true) => Ok(Proof::Checksum),
            Some(false) => Err(StepError::Different(self.target.words()).into()),
            None => {
                let copied = Copied { etag: stored.etag, ..Copied::default() };
                self.prove(&copied).await
            }
        }
    }
}

/// Compares the checksum of a copy with the one that its source keeps, `None` where they are of different kinds.
fn proved(source: &ObjectInfo, copy: Option<Checksum>) -> Option<bool> {
    let copy = ObjectInfo { size_bytes: source.size_bytes, checksum: copy, ..ObjectInfo::default() };
    same_bytes(source, &copy)
}

/// Pieces that the service copies.
struct Copies<'a, 's> {
    within: &'a Within<'a, 's>,
    info: &'a ObjectInfo,
}

impl Pieces for Copies<'_, '_> {
    async fn bring(&self, upload: &Upload, piece: Piece, _: &Meter) -> Result<PartInfo, StepFailure> {
        let Within { source, target, tag, .. } = self.within;
        let tag = tag_of(*tag, self.info);
        let range = ByteRange::Slice { offset: piece.offset, length_bytes: piece.length_bytes };
        let from = source.as_source(tag.as_ref());
        match target.store.upload_part_copy(upload, piece.number, &from, Some(range)).await {
            Err(error) if *error.kind() == ErrorKind::PreconditionFailed => {
                Err(StepError::SourceChanged(source.words()).into())
            }
            Err(error) if *error.kind() == ErrorKind::NotFound(pintail_store::Missing::Object) => {
                Err(StepError::SourceChanged(source.words()).into())
            }
            copied => Ok(copied?),
        }
    }
}

#[cfg(test)]
mod tests;

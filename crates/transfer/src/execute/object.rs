//! One object that a step reads or writes: where it is, what must hold of it, and whether it has the bytes of another one.

use std::sync::Arc;

use jiff::Timestamp;
use pintail_core::name::{BucketName, ObjectKey};
use pintail_store::object_store::{
    CopySource, ETag, Head, ObjectInfo, ObjectStore, ReadCondition, WriteCondition,
};
use pintail_store::{ErrorKind, StoreError};

use super::StepError;
use super::running::Shared;
use super::step::StepFailure;
use crate::entry::{Modified, Tag};
use crate::name::{Name, NameRefusal};
use crate::plan::Step;
use crate::policy::Guard;
use crate::site::Remote;
use crate::verify::content::same_objects;

/// An object, or where one is to be.
#[derive(Clone, Debug)]
pub(super) struct Located {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) bucket: BucketName,
    pub(super) key: ObjectKey,
}

/// One copy from an object to another one, as a plan has it.
pub(super) struct ObjectCopy<'a, 's> {
    pub(super) shared: &'a Shared<'s>,
    /// The step's number.
    pub(super) number: u64,
    pub(super) step: &'a Step,
    pub(super) source: Located,
    pub(super) target: Located,
}

impl<'a, 's> ObjectCopy<'a, 's> {
    pub(super) fn of(
        shared: &'a Shared<'s>,
        from: &Remote,
        to: &Remote,
        number: u64,
        step: &'a Step,
    ) -> Result<Self, StepError> {
        let (source, target) = (Located::at(from, &step.name)?, Located::at(to, step.target())?);
        Ok(Self { shared, number, step, source, target })
    }
}

impl Located {
    /// Finds the object of a name below a prefix.
    pub(super) fn at(remote: &Remote, name: &Name) -> Result<Self, NameRefusal> {
        let key = name.key(&remote.prefix)?;
        Ok(Self { store: Arc::clone(&remote.store), bucket: remote.bucket.clone(), key })
    }

    /// Returns what stands in messages.
    pub(super) fn words(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// Looks it up, in one state if one is named.
    pub(super) async fn look(&self, tag: Option<&ETag>) -> Result<ObjectInfo, StoreError> {
        let condition = ReadCondition { if_match: tag.cloned(), ..ReadCondition::default() };
        self.store.head(&self.bucket, &self.key, &Head { condition, ..Head::default() }).await
    }

    /// Looks it up as a source that was looked at before.
    pub(super) async fn look_as_source(&self, tag: Option<&ETag>) -> Result<ObjectInfo, StepFailure> {
        match self.look(tag).await {
            Err(error) if is_gone_or_changed(&error) => Err(StepError::SourceChanged(self.words()).into()),
            looked => Ok(looked?),
        }
    }

    /// Names it as the source of a copy.
    pub(super) fn as_source(&self, tag: Option<&ETag>) -> CopySource {
        CopySource { if_match: tag.cloned(), ..CopySource::new(self.bucket.clone(), self.key.clone()) }
    }

    /// Returns the condition that a guard is for a write. What was known by size and time alone is looked at for it.
    pub(super) async fn condition(&self, guard: &Guard) -> Result<WriteCondition, StepFailure> {
        Ok(match guard {
            Guard::None => WriteCondition::None,
            Guard::Absent => WriteCondition::IfAbsent,
            Guard::Match(tag) => WriteCondition::IfMatch(tag.etag()),
            Guard::Unchanged { size_bytes, modified } => {
                let changed = || StepError::Changed(self.words());
                let info = match self.look(None).await {
                    Err(error) if is_gone_or_changed(&error) => return Err(changed().into()),
                    looked => looked?,
                };
                let second = |time: Modified| time.timestamp().map(Timestamp::as_second);
                let written = info.last_modified.map(Timestamp::as_second);
                if info.size_bytes != *size_bytes || written != second(*modified) {
                    return Err(changed().into());
                }
                info.etag.map_or(WriteCondition::None, WriteCondition::IfMatch)
            }
        })
    }

    /// Decides about a write whose condition did not hold. The target has the bytes of the source: then a former life of the run wrote it, or
    /// somebody did the same, and the step is done.
    ///
    /// # Errors
    /// That the source, or the target, is not what it was.
    pub(super) async fn settle(
        &self,
        source: &Self,
        tag: Option<&ETag>,
        guard: &Guard,
    ) -> Result<(), StepFailure> {
        let of = source.look_as_source(tag).await?;
        let refused = || match guard {
            Guard::Absent => StepError::Taken(self.words()),
            _ => StepError::Changed(self.words()),
        };
        let is = match self.look(None).await {
            Err(error) if is_gone_or_changed(&error) => return Err(refused().into()),
            looked => looked?,
        };
        if self.has_bytes_of(&is, source, &of).await? { Ok(()) } else { Err(refused().into()) }
    }

    /// Tells whether it has the bytes of another object. Where what the service keeps does not tell, both are read.
    pub(super) async fn has_bytes_of(
        &self,
        info: &ObjectInfo,
        other: &Self,
        other_info: &ObjectInfo,
    ) -> Result<bool, StepFailure> {
        match same_bytes(info, other_info) {
            Some(same) => Ok(same),
            None => {
                let (one, two) = ((self, info.etag.clone()), (other, other_info.etag.clone()));
                let place = |(object, tag): (&Self, Option<ETag>)| {
                    (Arc::clone(&object.store), object.bucket.clone(), object.key.clone(), tag)
                };
                Ok(same_objects(place(one), place(two)).await?)
            }
        }
    }
}

/// Tells whether an object is not there, or not in the state that was named.
pub(super) fn is_gone_or_changed(error: &StoreError) -> bool {
    matches!(error.kind(), ErrorKind::NotFound(_) | ErrorKind::PreconditionFailed)
}

/// Tells whether two objects have the same bytes by what is kept of them, `None` where that does not tell.
pub(crate) fn same_bytes(one: &ObjectInfo, other: &ObjectInfo) -> Option<bool> {
    if one.size_bytes != other.size_bytes {
        return Some(false);
    }
    if one.size_bytes == 0 {
        return Some(true);
    }
    if let (Some(one), Some(other)) = (&one.checksum, &other.checksum)
        && one.algorithm() == other.algorithm()
        && one.parts() == other.parts()
    {
        // Two composites may differ by where their parts were cut.
        return if one == other { Some(true) } else { one.parts().is_none().then_some(false) };
    }
    match (&one.etag, &other.etag) {
        (Some(one), Some(other)) if one == other && is_of_content(one) => Some(true),
        _ => None,
    }
}

/// Tells whether a tag is made of MD5s, as far as it looks so. Two that are equal tell of equal bytes; two that differ tell nothing, since a
/// service that encrypts with keys of KMS puts chance there.
pub(crate) fn is_of_content(tag: &ETag) -> bool {
    let small = Tag::of(tag);
    small.md5().is_some()
        || tag.parts().is_some()
            && tag
                .as_str()
                .split_once('-')
                .is_some_and(|(digits, _)| Tag::of(&ETag::new(digits)).md5().is_some())
}

#[cfg(test)]
mod tests {
    use pintail_core::checksum::{Algorithm, Checksum};

    use super::*;

    #[test]
    fn bytes_are_told_apart_by_what_is_kept_of_them_and_no_further() {
        let info = |tag: &str, checksum: Option<Checksum>| ObjectInfo {
            size_bytes: 3,
            etag: Some(ETag::new(tag)),
            checksum,
            ..ObjectInfo::default()
        };
        let sum = |data: &[u8]| Some(Checksum::of(Algorithm::Crc64Nvme, data));
        let composite = |data: &[u8]| Checksum::composed_of(&[Checksum::of(Algorithm::Crc32c, data)]);
        let (md5, other) = ("0cc175b9c0f1b6a831c399e269772661", "92eb5ffee6ae2fec3ad71c777531578f");
        let parts = "0cc175b9c0f1b6a831c399e269772661-2";
        for (one, two, same) in [
            (info(md5, sum(b"a")), info(other, sum(b"a")), Some(true)),
            (info(md5, sum(b"a")), info(md5, sum(b"b")), Some(false)),
            (info(md5, None), info(md5, sum(b"b")), Some(true)),
            (info(md5, None), info(other, None), None),
            (info(parts, None), info(parts, None), Some(true)),
            (info("v1", None), info("v1", None), None),
            (info("v1", composite(b"a")), info("v2", composite(b"a")), Some(true)),
            (info("v1", composite(b"a")), info("v2", composite(b"b")), None),
            (info("v1", composite(b"a")), info("v2", sum(b"a")), None),
            (info(md5, sum(b"a")), ObjectInfo { size_bytes: 4, ..info(md5, sum(b"a")) }, Some(false)),
            (
                ObjectInfo { size_bytes: 0, ..info("v1", None) },
                ObjectInfo { size_bytes: 0, ..info("v2", None) },
                Some(true),
            ),
        ] {
            assert_eq!(same_bytes(&one, &two), same, "{one:?} {two:?}");
            assert_eq!(same_bytes(&two, &one), same, "{two:?} {one:?}");
        }
    }
}

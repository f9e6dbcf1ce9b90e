//! Parameters and answers of the calls about uploads in parts.

use std::fmt;

use jiff::Timestamp;
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::{BucketName, KeyPrefix, ObjectKey};

use super::{ChecksumChoice, ETag, Traits, WriteCondition};

/// A multipart upload that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The bucket of the object to be.
    pub bucket: BucketName,
    /// The key of the object to be.
    pub key: ObjectKey,
    /// The name the store gave it.
    pub id: String,
    /// The algorithm that the parts' checksums must have, `None` where the store took none.
    pub checksum: Option<Algorithm>,
}

/// The number of a part: 1 to 10,000.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartNumber(u16);

impl PartNumber {
    /// The greatest number.
    pub const MAX: Self = Self(10_000);

    /// Takes a number, `None` outside 1 to 10,000.
    pub fn new(number: u32) -> Option<Self> {
        let number = u16::try_from(number).ok()?;
        (1..=Self::MAX.0).contains(&number).then_some(Self(number))
    }

    /// Returns the number.
    pub fn value(self) -> u32 {
        u32::from(self.0)
    }
}

impl fmt::Display for PartNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PartNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How [`create_upload`](crate::ObjectStore::create_upload) goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateUpload {
    /// What is said of the object.
    pub traits: Traits,
    /// Which checksum the parts carry, the best that the store takes without. A CRC is kept for the whole object.
    pub checksum: Option<Algorithm>,
    /// The storage class, the standard one without.
    pub storage_class: Option<String>,
}

/// How [`upload_part`](crate::ObjectStore::upload_part) goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadPart {
    /// Which checksum is sent along. The default is the upload's own.
    pub checksum: ChecksumChoice,
}

/// A part that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartInfo {
    /// Its number.
    pub number: PartNumber,
    /// Its entity tag.
    pub etag: ETag,
    /// Its size, as far as the call tells.
    pub size_bytes: Option<u64>,
    /// Its checksum, as far as one was sent or computed.
    pub checksum: Option<Checksum>,
    /// When it was written, as far as the call tells.
    pub last_modified: Option<Timestamp>,
}

/// How [`list_parts`](crate::ObjectStore::list_parts) goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListParts {
    /// Only parts after this one: where the last page ended.
    pub after: Option<PartNumber>,
    /// The most to return, 1,000 at the most and by default.
    pub max: Option<u32>,
}

/// A page of parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartPage {
    /// The parts, by number.
    pub parts: Vec<PartInfo>,
    /// After which part the next page begins, `None` after the last.
    pub next: Option<PartNumber>,
}

/// How [`list_uploads`](crate::ObjectStore::list_uploads) goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListUploads {
    /// Only keys that begin with this.
    pub prefix: KeyPrefix,
    /// Where the last page ended.
    pub after: Option<UploadMarker>,
    /// The most to return, 1,000 at the most and by default.
    pub max: Option<u32>,
}

impl Default for ListUploads {
    fn default() -> Self {
        Self { prefix: KeyPrefix::all(), after: None, max: None }
    }
}

/// A place in the list of uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadMarker {
    /// The key.
    pub key: String,
    /// The upload's name, where several have the key.
    pub id: Option<String>,
}

/// A page of uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadPage {
    /// The uploads, by key.
    pub uploads: Vec<PendingUpload>,
    /// Where the next page begins, `None` after the last.
    pub next: Option<UploadMarker>,
}

/// An upload that is neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingUpload {
    /// The upload itself.
    pub upload: Upload,
    /// When it was begun, as far as the store says.
    pub initiated: Option<Timestamp>,
}

/// The parts that make the object, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartList(Vec<PartInfo>);

impl PartList {
    /// Takes the parts, `None` when they are not in ascending order of their numbers or when there is none.
    pub fn new(parts: Vec<PartInfo>) -> Option<Self> {
        let ascending = parts.windows(2).all(|pair| pair[0].number < pair[1].number);
        (ascending && !parts.is_empty()).then_some(Self(parts))
    }

    /// Returns the parts.
    pub fn as_slice(&self) -> &[PartInfo] {
        &self.0
    }

    /// Returns the checksum of the whole, as far as it follows from the parts' checksums and sizes.
    pub fn checksum(&self) -> Option<Checksum> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().try_fold(first.checksum?, |sum, part| sum.followed_by(&part.checksum?, part.size_bytes?))
    }

    /// Returns the size of the whole, as far as all parts tell theirs.
    pub fn size_bytes(&self) -> Option<u64> {
        self.0.iter().map(|part| part.size_bytes).sum()
    }
}

/// How [`complete_upload`](crate::ObjectStore::complete_upload) goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompleteUpload {
    /// What must hold.
    pub condition: WriteCondition,
    /// The checksum of the whole object, else it is taken from the parts where it follows from them.
    pub checksum: Option<Checksum>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, data: &[u8]) -> PartInfo {
        PartInfo {
            number: PartNumber::new(number).unwrap(),
            etag: ETag::new("x"),
            size_bytes: Some(data.len() as u64),
            checksum: Some(Checksum::of(Algorithm::Crc64Nvme, data)),
            last_modified: None,
        }
    }

    #[test]
    fn part_numbers_are_those_of_s3() {
        assert!(PartNumber::new(0).is_none());
        assert!(PartNumber::new(10_001).is_none());
        assert!(PartNumber::new(65_537).is_none());
        assert_eq!(PartNumber::new(10_000), Some(PartNumber::MAX));
    }

    #[test]
    fn the_whole_follows_from_its_parts() {
        let parts = PartList::new(vec![part(1, b"pin"), part(3, b"tail")]).unwrap();
        assert_eq!(parts.checksum(), Some(Checksum::of(Algorithm::Crc64Nvme, b"pintail")));
        assert_eq!(parts.size_bytes(), Some(7));
        assert!(PartList::new(vec![part(3, b""), part(1, b"")]).is_none());
        assert!(PartList::new(Vec::new()).is_none());
        let unknown = PartInfo { checksum: None, ..part(2, b"x") };
        assert_eq!(PartList::new(vec![part(1, b"y"), unknown]).unwrap().checksum(), None);
    }
}

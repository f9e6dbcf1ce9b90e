//! Whether two entries are the same, as far as can be told without reading them.
//!
//! Pure. A comparison never guesses: what cannot be told is [`Sameness::Unclear`], with what would tell it.
//!
//! **Times.** A file's time tells when its content was changed, and so does the metadata `mtime`, to the nanosecond; a listing tells when an
//! object was *written*, to the second (S3 API Reference, `ListObjectsV2`). The first is compared with the first. A content that was
//! changed before the target was written is what was written there, if the size agrees: that is how a second sync of an unchanged
//! tree needs nothing but the listing. The other way round, an object that was written after its copy's content was changed may be
//! older in truth, which only its metadata tells.

use std::time::Duration;

use crate::entry::{Entry, Kind, Meaning};

/// How entries are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// By what.
    pub means: Means,
    /// Times that are this close are the same: FAT keeps two seconds, some servers one.
    pub tolerance: Duration,
    /// Links are kept as links: the object of one, which is listed as any other, has the link's text as its content.
    pub keeps_links: bool,
}

impl Default for Comparison {
    fn default() -> Self {
        Self { means: Means::SizeAndTime, tolerance: Self::TOLERANCE, keeps_links: false }
    }
}

/// What tells two entries apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// Size alone.
    Size,
    /// Size, then time.
    SizeAndTime,
    /// Size, then checksums.
    Checksum,
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// They are the same, as far as the means go.
    Same,
    /// They differ.
    Different(Difference),
    /// More has to be known.
    Unclear(Need),
}

/// In what two entries differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// One is a file, the other is none.
    Kind,
    /// Size.
    Size,
    /// Time.
    Time,
    /// Content.
    Checksum,
}

/// What would tell more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The object's metadata: one `HEAD`.
    Metadata,
    /// The content: reading the file, or asking for the object's checksum and reading the file with it.
    Content,
}

impl Comparison {
    /// What is called the same time without another wish: less than S3's seconds, more than file systems round.
    pub const TOLERANCE: Duration = Duration::from_secs(1);

    /// Compares a source with its target.
    pub fn same(&self, source: &Entry, target: &Entry) -> Sameness {
        if source.kind != target.kind && !(self.keeps_links && is_link_and_file(source, target)) {
            return Sameness::Different(Difference::Kind);
        }
        if source.kind == Kind::Folder {
            return Sameness::Same;
        }
        if source.size_bytes != target.size_bytes {
            return Sameness::Different(Difference::Size);
        }
        match self.means {
            Means::Size => Sameness::Same,
            Means::SizeAndTime => self.same_time(source, target),
            Means::Checksum => same_content(source, target),
        }
    }

    /// Tells whether the first's content is newer than the other's, beyond the tolerance. `None` where more has to be known: when an object
    /// was written is only the latest that its content can be of, and its metadata may tell the true time.
    pub fn is_newer(&self, one: &Entry, other: &Entry) -> Option<bool> {
        let newer = self.is_newer_as_far_as_known(one, other)?;
        let certain = match (one.modified.meaning(), other.modified.meaning()) {
            (Meaning::Written, Meaning::Content) => !newer,
            (Meaning::Content, Meaning::Written) => newer,
            _ => true,
        };
        certain.then_some(newer)
    }

    /// The same after the metadata were asked: where no other time is kept, that of the writing counts. `None` where none is known.
    pub fn is_newer_as_far_as_known(&self, one: &Entry, other: &Entry) -> Option<bool> {
        let (one, other) = (one.modified.ns()?, other.modified.ns()?);
        Some(one > other.saturating_add(self.tolerance_ns()))
    }

    fn same_time(&self, source: &Entry, target: &Entry) -> Sameness {
        let (Some(from), Some(to)) = (source.modified.ns(), target.modified.ns()) else {
            return Sameness::Unclear(Need::Metadata);
        };
        let tolerance = self.tolerance_ns();
        let later = from.saturating_sub(to) > tolerance;
        let earlier = to.saturating_sub(from) > tolerance;
        match (source.modified.meaning(), target.modified.meaning()) {
            (Meaning::Content, Meaning::Content) if later || earlier => Sameness::Different(Difference::Time),
            // Two objects: a copy is written after what it was copied from.
            (Meaning::Content | Meaning::Written, Meaning::Written) if later => {
                Sameness::Different(Difference::Time)
            }
            // The object was written after the file's content was changed, or before a change of the file.
            (Meaning::Written, Meaning::Content) if later || earlier => Sameness::Unclear(Need::Metadata),
            _ => Sameness::Same,
        }
    }

    fn tolerance_ns(&self) -> i64 {
        i64::try_from(self.tolerance.as_nanos()).unwrap_or(i64::MAX)
    }
}

/// Tells whether one is a link, and the other what only its metadata could tell from the object of a link.
fn is_link_and_file(one: &Entry, other: &Entry) -> bool {
    matches!((one.kind, other.kind), (Kind::Link, Kind::File) | (Kind::File, Kind::Link))
}

/// Compares checksums of one algorithm, or the MD5 in a tag. Tags of different uploads of the same bytes may differ, so that
/// different ones prove nothing.
fn same_content(source: &Entry, target: &Entry) -> Sameness {
    if let (Some(from), Some(to)) = (&source.checksum, &target.checksum)
        && from.algorithm() == to.algorithm()
        && from.parts().is_none() == to.parts().is_none()
    {
        if from == to {
            return Sameness::Same;
        }
        // Composed of parts of unlike sizes the same bytes have other values.
        if from.parts().is_none() {
            return Sameness::Different(Difference::Checksum);
        }
    }
    match (&source.tag, &target.tag) {
        (Some(from), Some(to)) if from == to && from.md5().is_some() => Sameness::Same,
        _ => Sameness::Unclear(Need::Content),
    }
}

#[cfg(test)]
mod tests {
    use pintail_core::checksum::{Algorithm, Checksum};
    use pintail_store::object_store::ETag;

    use super::*;
    use crate::entry::{Modified, Tag};
    use crate::name::Name;

    const SECOND: i64 = 1_000_000_000;

    fn file(size_bytes: u64, meaning: Meaning, ns: i64) -> Entry {
        Entry::file(Name::new("a").unwrap(), size_bytes, Modified::from_ns(ns, meaning))
    }

    #[test]
    fn times_are_compared_by_what_they_mean() {
        use Meaning::{Content, Unknown, Written};
        let different = Sameness::Different(Difference::Time);
        let ask = Sameness::Unclear(Need::Metadata);
        let at = 1_000 * SECOND;
        for (source, target, expected) in [
            // An upload: the file against what a listing tells.
            ((Content, at), (Written, at + 500 * SECOND), Sameness::Same),
            ((Content, at), (Written, at), Sameness::Same),
            ((Content, at + SECOND / 2), (Written, at), Sameness::Same),
            ((Content, at + 2 * SECOND), (Written, at), different),
            // True times on both sides.
            ((Content, at), (Content, at), Sameness::Same),
            ((Content, at), (Content, at + SECOND), Sameness::Same),
            ((Content, at), (Content, at + SECOND + 1), different),
            ((Content, at + 2 * SECOND), (Content, at), different),
            // A copy within S3.
            ((Written, at), (Written, at + 9 * SECOND), Sameness::Same),
            ((Written, at + 9 * SECOND), (Written, at), different),
            // A download: the file may have the object's true time, or was changed since.
            ((Written, at), (Content, at), Sameness::Same),
            ((Written, at), (Content, at - 500 * SECOND), ask),
            ((Written, at), (Content, at + 500 * SECOND), ask),
            ((Unknown, 0), (Content, at), ask),
            ((Content, at), (Unknown, 0), ask),
        ] {
            let (one, other) = (file(5, source.0, source.1), file(5, target.0, target.1));
            assert_eq!(Comparison::default().same(&one, &other), expected, "{one:?} {other:?}");
        }
        let sizes = Comparison::default().same(&file(5, Content, at), &file(6, Content, at));
        assert_eq!(sizes, Sameness::Different(Difference::Size));
    }

    #[test]
    fn when_an_object_was_written_is_the_latest_that_its_content_can_be_of() {
        use Meaning::{Content, Written};
        let at = 1_000 * SECOND;
        for (one, other, expected) in [
            ((Content, at + 9 * SECOND), (Content, at), Some(true)),
            ((Content, at), (Content, at + 9 * SECOND), Some(false)),
            ((Content, at + 9 * SECOND), (Written, at), Some(true)),
            ((Content, at), (Written, at + 9 * SECOND), None),
            ((Written, at), (Content, at + 9 * SECOND), Some(false)),
            ((Written, at + 9 * SECOND), (Content, at), None),
            ((Written, at + 9 * SECOND), (Written, at), Some(true)),
            ((Written, at), (Written, at + 9 * SECOND), Some(false)),
            ((Meaning::Unknown, at), (Content, at), None),
        ] {
            let (first, second) = (file(5, one.0, one.1), file(5, other.0, other.1));
            let by = Comparison::default();
            assert_eq!(by.is_newer(&first, &second), expected, "{first:?} {second:?}");
            let known = by.is_newer_as_far_as_known(&first, &second);
            assert_eq!(known, (one.0 != Meaning::Unknown).then_some(one.1 > other.1));
        }
    }

    #[test]
    fn the_tolerance_can_be_chosen_and_times_at_the_edge_do_not_overflow() {
        let exact = Comparison { tolerance: Duration::ZERO, ..Comparison::default() };
        let (one, other) = (file(1, Meaning::Content, i64::MIN), file(1, Meaning::Content, i64::MAX));
        assert_eq!(exact.same(&one, &one), Sameness::Same);
        assert_eq!(exact.same(&one, &other), Sameness::Different(Difference::Time));
        assert_eq!(exact.is_newer(&other, &one), Some(true));
        let all = Comparison { tolerance: Duration::MAX, ..Comparison::default() };
        assert_eq!(all.same(&file(1, Meaning::Content, 0), &other), Sameness::Same);
    }

    #[test]
    fn content_is_told_by_checksums_and_never_guessed() {
        let by = Comparison { means: Means::Checksum, ..Comparison::default() };
        let base = file(3, Meaning::Content, 0);
        let sum = |algorithm, data: &[u8]| Entry {
            checksum: Some(Box::new(Checksum::of(algorithm, data))),
            ..base.clone()
        };
        let tagged = |tag: &str| Entry { tag: Some(Tag::of(&ETag::new(tag))), ..base.clone() };
        let composed = |data: &[u8]| {
            let part = Checksum::of(Algorithm::Crc32c, data);
            Entry { checksum: Checksum::composed_of(&[part]).map(Box::new), ..base.clone() }
        };
        let unclear = Sameness::Unclear(Need::Content);
        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        for (one, other, expected) in [
            (sum(Algorithm::Crc64Nvme, b"abc"), sum(Algorithm::Crc64Nvme, b"abc"), Sameness::Same),
            (
                sum(Algorithm::Crc64Nvme, b"abc"),
                sum(Algorithm::Crc64Nvme, b"abd"),
                Sameness::Different(Difference::Checksum),
            ),
            (sum(Algorithm::Crc64Nvme, b"abc"), sum(Algorithm::Crc32c, b"abc"), unclear),
            (composed(b"abc"), composed(b"abc"), Sameness::Same),
            (composed(b"abc"), composed(b"abd"), unclear),
            (composed(b"abc"), sum(Algorithm::Crc32c, b"abc"), unclear),
            (tagged(md5), tagged(md5), Sameness::Same),
            (tagged(md5), tagged("a00150983cd24fb0d6963f7d28e17f72"), unclear),
            (
                tagged("900150983cd24fb0d6963f7d28e17f72-2"),
                tagged("900150983cd24fb0d6963f7d28e17f72-2"),
                unclear,
            ),
            (base.clone(), base.clone(), unclear),
        ] {
            assert_eq!(by.same(&one, &other), expected, "{one:?} {other:?}");
        }
        let size = Comparison { means: Means::Size, ..Comparison::default() };
        assert_eq!(size.same(&tagged("a"), &tagged("b")), Sameness::Same);
    }

    #[test]
    fn a_link_is_compared_with_its_object_where_links_are_kept() {
        let object = file(7, Meaning::Written, 9 * SECOND);
        let link = |size_bytes, ns| Entry { kind: Kind::Link, ..file(size_bytes, Meaning::Content, ns) };
        let keeps = Comparison { keeps_links: true, ..Comparison::default() };
        let by_content = Comparison { means: Means::Checksum, ..keeps };
        let kind = Sameness::Different(Difference::Kind);
        for (comparison, link, up, down) in [
            (Comparison::default(), link(7, 5 * SECOND), kind, kind),
            (keeps, link(7, 5 * SECOND), Sameness::Same, Sameness::Unclear(Need::Metadata)),
            (keeps, link(7, 9 * SECOND), Sameness::Same, Sameness::Same),
            (
                keeps,
                link(7, 20 * SECOND),
                Sameness::Different(Difference::Time),
                Sameness::Unclear(Need::Metadata),
            ),
            (
                keeps,
                link(6, 9 * SECOND),
                Sameness::Different(Difference::Size),
                Sameness::Different(Difference::Size),
            ),
            (
                by_content,
                link(7, 5 * SECOND),
                Sameness::Unclear(Need::Content),
                Sameness::Unclear(Need::Content),
            ),
        ] {
            assert_eq!(comparison.same(&link, &object), up, "{link:?}");
            assert_eq!(comparison.same(&object, &link), down, "{link:?}");
        }
        let folder = Entry::folder(Name::new("a/").unwrap());
        assert_eq!(keeps.same(&link(0, 0), &folder), kind);
    }

    #[test]
    fn folders_are_the_same_and_never_files() {
        let folder = Entry::folder(Name::new("a/").unwrap());
        assert_eq!(Comparison::default().same(&folder, &folder), Sameness::Same);
        let object = Entry { name: folder.name.clone(), ..file(3, Meaning::Content, 0) };
        assert_eq!(Comparison::default().same(&object, &folder), Sameness::Different(Difference::Kind));
    }
}

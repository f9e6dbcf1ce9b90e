//! Pages of a listing (ListObjectsV2): the document that comes a million keys long.
//!
//! Pure: what a page is made of is collected here, whichever of two readers finds it. [`scan`] goes through the
//! bytes of a page as services write it and gives up at the first thing it does not know; [`walk`] reads everything that is
//! XML, and alone says what is wrong with a document.

use jiff::Timestamp;
use pintail_core::name::{KeyPrefix, ObjectKey};

use super::xml::{Malformed, walk};
use super::{scan, time};
use crate::object_store::{ETag, ListPage, ListedObject};

/// The roots by which services name a page.
pub(super) const ROOTS: [&str; 3] = ["ListBucketResult", "ListBucketV2Result", "ListObjectsV2Result"];

/// An answer to ListObjectsV2.
pub(super) fn list_page(document: &[u8]) -> Result<ListPage, Malformed> {
    match scan::list_page(document) {
        Some(page) => Ok(page),
        None => list_page_of_any_xml(document),
    }
}

/// Reads a page with the general reader: once for the encoding, which may be told behind the keys that it is about, and
/// once for everything.
pub(super) fn list_page_of_any_xml(document: &[u8]) -> Result<ListPage, Malformed> {
    let mut encoded = false;
    walk(document, |path, text| {
        if path == "EncodingType" {
            encoded = is_url(text);
        }
        Ok(())
    })?;
    let mut parts = Parts::new(encoded);
    let root = walk(document, |path, text| {
        match path {
            "Contents/Key" => parts.key(text),
            "Contents/Size" => parts.size(text)?,
            "Contents/LastModified" => parts.last_modified(text)?,
            "Contents/ETag" => parts.etag(text),
            "Contents/StorageClass" => parts.storage_class(text),
            "Contents" => parts.object()?,
            "CommonPrefixes/Prefix" => parts.prefix(text)?,
            other => parts.of_page(other, text),
        }
        Ok(())
    })?;
    if !ROOTS.contains(&root.as_str()) {
        return Err(Malformed::new(format!("it is a {root:?}")));
    }
    parts.finish()
}

/// Tells whether keys are encoded, from what the element `EncodingType` says.
pub(super) fn is_url(encoding: &str) -> bool {
    encoding.eq_ignore_ascii_case("url")
}

/// What has been found of a page so far.
pub(super) struct Parts {
    /// Keys and prefixes are encoded.
    encoded: bool,
    page: ListPage,
    entry: Entry,
    cut: Cut,
}

/// Whether a page is cut, as its element `IsTruncated` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Cut {
    /// It does not say so, or in words that are not known.
    #[default]
    Untold,
    /// There is more.
    Yes,
    /// It is the last page.
    No,
}

impl Cut {
    /// Reads the element. Services write more than the two words of the specification.
    pub(super) fn read(text: &str) -> Self {
        match text.trim() {
            "1" => Self::Yes,
            "0" => Self::No,
            word if word.eq_ignore_ascii_case("true") => Self::Yes,
            word if word.eq_ignore_ascii_case("false") => Self::No,
            _ => Self::Untold,
        }
    }

    /// Tells whether there is more. A page that says where to go on is taken at its word unless it is the last one by its own: a
    /// list that ends too early looks like a whole one, and what it lacks like deleted.
    pub(super) fn goes_on(self, says_where: bool) -> bool {
        match self {
            Self::Untold => says_where,
            Self::Yes => true,
            Self::No => false,
        }
    }
}

#[derive(Default)]
struct Entry {
    key: String,
    size_bytes: u64,
    last_modified: Option<Timestamp>,
    etag: Option<ETag>,
    storage_class: Option<Box<str>>,
}

impl Parts {
    pub(super) fn new(encoded: bool) -> Self {
        Self { encoded, page: ListPage::default(), entry: Entry::default(), cut: Cut::default() }
    }

    /// Makes room for this many objects.
    pub(super) fn expect(&mut self, objects: usize) {
        self.page.objects.reserve(objects);
    }

    pub(super) fn key(&mut self, text: &str) {
        self.entry.key = text.to_owned();
    }

    pub(super) fn size(&mut self, text: &str) -> Result<(), Malformed> {
        self.entry.size_bytes = text.trim().parse().map_err(|_| Malformed::value("Size", text))?;
        Ok(())
    }

    pub(super) fn size_bytes(&mut self, size_bytes: u64) {
        self.entry.size_bytes = size_bytes;
    }

    pub(super) fn last_modified(&mut self, text: &str) -> Result<(), Malformed> {
        self.entry.last_modified =
            Some(time::of_document(text).ok_or_else(|| Malformed::value("a time", text))?);
        Ok(())
    }

    pub(super) fn last_modified_at(&mut self, time: Timestamp) {
        self.entry.last_modified = Some(time);
    }

    pub(super) fn etag(&mut self, text: &str) {
        if !text.is_empty() {
            self.entry.etag = Some(ETag::new(text));
        }
    }

    /// Takes a tag whose quotes have been taken off.
    pub(super) fn bare_etag(&mut self, tag: ETag) {
        self.entry.etag = Some(tag);
    }

    pub(super) fn storage_class(&mut self, text: &str) {
        if !text.is_empty() && text != "STANDARD" {
            self.entry.storage_class = Some(text.into());
        }
    }

    /// Ends an object.
    pub(super) fn object(&mut self) -> Result<(), Malformed> {
        let Entry { key, size_bytes, last_modified, etag, storage_class } = std::mem::take(&mut self.entry);
        let key = ObjectKey::try_from(decoded(key, self.encoded)?)
            .map_err(|error| Malformed::value("Key", &error.text))?;
        self.page.objects.push(ListedObject {
            key,
            size_bytes,
            last_modified: last_modified.unwrap_or(Timestamp::UNIX_EPOCH),
            etag,
            storage_class,
        });
        Ok(())
    }

    pub(super) fn prefix(&mut self, text: &str) -> Result<(), Malformed> {
        let prefix = KeyPrefix::try_from(decoded(text.to_owned(), self.encoded)?)
            .map_err(|error| Malformed::value("Prefix", &error.text))?;
        self.page.prefixes.push(prefix);
        Ok(())
    }

    /// Takes an element that stands beside the objects; others than those known mean nothing.
    pub(super) fn of_page(&mut self, name: &str, text: &str) {
        match name {
            "IsTruncated" => self.cut = Cut::read(text),
            "NextContinuationToken" => self.page.next = (!text.is_empty()).then(|| text.to_owned()),
            _ => {}
        }
    }

    pub(super) fn finish(self) -> Result<ListPage, Malformed> {
        let Self { mut page, cut, .. } = self;
        let goes_on = cut.goes_on(page.next.is_some());
        if goes_on && page.next.is_none() {
            return Err(Malformed::new("it is cut without saying where to go on"));
        }
        page.next = page.next.filter(|_| goes_on);
        Ok(page)
    }
}

/// Decodes a text as `encoding-type=url` has it: percent signs, and `+` for a space. It only becomes shorter, so it stays
/// where it is.
pub(super) fn decoded(text: String, encoded: bool) -> Result<String, Malformed> {
    if !encoded {
        return Ok(text);
    }
    let Some(first) = memchr::memchr2(b'%', b'+', text.as_bytes()) else { return Ok(text) };
    let mut bytes = text.into_bytes();
    let (mut from, mut to) = (first, first);
    while from < bytes.len() {
        let (byte, taken) = match bytes[from..] {
            [b'+', ..] => (b' ', 1),
            [b'%', high, low, ..] => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                // What is no code stands for itself.
                _ => (b'%', 1),
            },
            [byte, ..] => (byte, 1),
            [] => break,
        };
        bytes[to] = byte;
        from += taken;
        to += 1;
    }
    bytes.truncate(to);
    String::from_utf8(bytes)
        .map_err(|error| Malformed::value("a key", &String::from_utf8_lossy(error.as_bytes())))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn listings_of_several_services_are_read() {
        let aws = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Name>b</Name><Contents><Key>a%2Bb+c%2F%C3%A9</Key><LastModified>2026-11-23T12:00:00.000Z</LastModified>\
            <ETag>&quot;abc&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><Size>5</Size>\
            <StorageClass>STANDARD</StorageClass></Contents>\
            <CommonPrefixes><Prefix>x+y/</Prefix></CommonPrefixes><EncodingType>url</EncodingType>\
            <IsTruncated>true</IsTruncated><NextContinuationToken>t+k%</NextContinuationToken></ListBucketResult>";
        let page = list_page(aws.as_bytes()).unwrap();
        assert_eq!(page.objects[0].key.as_str(), "a+b c/é");
        assert_eq!(page.objects[0].etag, Some(ETag::new("abc")));
        assert_eq!(page.objects[0].storage_class, None);
        assert_eq!(page.prefixes[0].as_str(), "x y/");
        // The token is never encoded.
        assert_eq!(page.next.as_deref(), Some("t+k%"));

        let plain = "<ListBucketResult><IsTruncated>false</IsTruncated><NextContinuationToken>x</NextContinuationToken>\
            <Contents><StorageClass>GLACIER</StorageClass><Size>0</Size><Key>50% + more</Key>\
            <LastModified>2026-11-23T12:00:00Z</LastModified></Contents></ListBucketResult>";
        let page = list_page(plain.as_bytes()).unwrap();
        assert_eq!(page.objects[0].key.as_str(), "50% + more");
        assert_eq!(page.objects[0].etag, None);
        assert_eq!(page.objects[0].storage_class.as_deref(), Some("GLACIER"));
        assert_eq!(page.next, None);
        assert_eq!(list_page(b"<ListBucketResult/>").unwrap(), ListPage::default());
    }

    #[test]
    fn a_listing_that_cannot_go_on_is_no_whole_listing() {
        assert!(list_page(b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>").is_err());
        assert!(list_page(b"<html></html>").is_err());
        assert!(list_page(b"<ListBucketResult><Contents><Key></Key></Contents></ListBucketResult>").is_err());
    }

    #[test]
    fn a_page_that_says_where_to_go_on_goes_on_unless_it_is_told_to_be_the_last() {
        for (told, expected) in [
            ("", Some("t")),
            ("<IsTruncated/>", Some("t")),
            ("<IsTruncated>true</IsTruncated>", Some("t")),
            ("<IsTruncated> True </IsTruncated>", Some("t")),
            ("<IsTruncated>1</IsTruncated>", Some("t")),
            ("<IsTruncated>false</IsTruncated>", None),
            ("<IsTruncated>False</IsTruncated>", None),
            ("<IsTruncated>0</IsTruncated>", None),
        ] {
            let page = format!(
                "<ListBucketResult>{told}<NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
            );
            assert_eq!(list_page(page.as_bytes()).unwrap().next.as_deref(), expected, "{told}");
            assert_eq!(list_page_of_any_xml(page.as_bytes()).unwrap().next.as_deref(), expected, "{told}");
        }
        for told in ["True", "1"] {
            let page = format!("<ListBucketResult><IsTruncated>{told}</IsTruncated></ListBucketResult>");
            assert!(list_page(page.as_bytes()).is_err(), "{told}");
        }
    }

    proptest! {
        #[test]
        fn keys_are_decoded_as_addresses_are(text in "([a-z%+é]|%[0-9a-fA-F]{2}|%C3%A9){0,20}") {
            let spaced = text.replace('+', " ");
            let expected = percent_decode_str(&spaced).decode_utf8().ok();
            prop_assert_eq!(decoded(text.clone(), true).ok(), expected.map(std::borrow::Cow::into_owned));
            prop_assert_eq!(decoded(text.clone(), false).unwrap(), text);
        }
    }
}

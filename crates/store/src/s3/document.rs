//! The documents of answers, read into the words of the store, and those of requests.

use jiff::Timestamp;
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::{BucketName, ObjectKey, Region};

use super::listing::{Cut, decoded};
use super::time;
use super::xml::{Malformed, Writer, walk};
use crate::object_store::{
    Bucket, BucketPage, Copied, DeleteItem, Deleted, ETag, PartInfo, PartList, PartNumber, PartPage,
    PendingUpload, Stored, Upload, UploadMarker, UploadPage,
};

fn key(text: String, encoded: bool) -> Result<ObjectKey, Malformed> {
    ObjectKey::try_from(decoded(text, encoded)?).map_err(|error| Malformed::value("Key", &error.text))
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Malformed> {
    text.trim().parse().map_err(|_| Malformed::value(name, text))
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Reads the root of a document and refuses another one.
fn rooted(root: &str, expected: &[&str]) -> Result<(), Malformed> {
    if expected.contains(&root) { Ok(()) } else { Err(Malformed::new(format!("it is a {root:?}"))) }
}

/// An answer to ListBuckets.
pub(super) fn bucket_page(document: &[u8]) -> Result<BucketPage, Malformed> {
    let mut page = BucketPage::default();
    let (mut name, mut created, mut region) = (String::new(), None, None::<Region>);
    let root = walk(document, |path, text| {
        match path {
            "Buckets/Bucket/Name" => text.clone_into(&mut name),
            "Buckets/Bucket/CreationDate" => created = time::of_document(text),
            "Buckets/Bucket/BucketRegion" => region = text.parse().ok(),
            "Buckets/Bucket" => {
                // Taken whatever the name is: none of it belongs to the next bucket.
                let (name, created, region) = (std::mem::take(&mut name), created.take(), region.take());
                // Other services have names that S3 does not allow; they cannot be addressed here.
                if let Ok(name) = name.parse::<BucketName>() {
                    page.buckets.push(Bucket { name, created, region });
                }
            }
            "ContinuationToken" => page.next = filled(text),
            _ => {}
        }
        Ok(())
    })?;
    rooted(&root, &["ListAllMyBucketsResult", "ListBucketsResult"])?;
    Ok(page)
}

/// An answer to CreateMultipartUpload: the upload's name.
pub(super) fn upload_id(document: &[u8]) -> Result<String, Malformed> {
    let mut id = None;
    let root = walk(document, |path, text| {
        if path == "UploadId" {
            id = filled(text);
        }
        Ok(())
    })?;
    rooted(&root, &["InitiateMultipartUploadResult"])?;
    id.ok_or_else(|| Malformed::new("it has no UploadId"))
}

/// Reads `ChecksumCRC64NVME` and its like.
fn checksum_element(name: &str, text: &str, composite: bool) -> Option<Checksum> {
    let algorithm: Algorithm = name.strip_prefix("Checksum")?.parse().ok()?;
    let checksum = Checksum::parse(algorithm, text).ok()?;
    (checksum.parts().is_some() || !composite).then_some(checksum)
}

/// An answer to CompleteMultipartUpload.
pub(super) fn stored(document: &[u8]) -> Result<Stored, Malformed> {
    let mut stored = Stored::default();
    let mut composite = false;
    let mut checksums = Vec::new();
    let root = walk(document, |path, text| {
        match path {
            "ETag" => stored.etag = Some(ETag::new(text)),
            "ChecksumType" => composite = text == "COMPOSITE",
            name => checksums.extend(filled(text).map(|text| (name.to_owned(), text))),
        }
        Ok(())
    })?;
    rooted(&root, &["CompleteMultipartUploadResult"])?;
    stored.checksum = checksums.iter().find_map(|(name, text)| checksum_element(name, text, composite));
    Ok(stored)
}

/// An answer to CopyObject or UploadPartCopy.
pub(super) fn copied(document: &[u8]) -> Result<Copied, Malformed> {
    let mut copied = Copied::default();
    let mut composite = false;
    let mut checksums = Vec::new();
    let root = walk(document, |path, text| {
        match path {
            "ETag" => copied.etag = Some(ETag::new(text)),
            "LastModified" => copied.last_modified = time::of_document(text),
            "ChecksumType" => composite = text == "COMPOSITE",
            name => checksums.extend(filled(text).map(|text| (name.to_owned(), text))),
        }
        Ok(())
    })?;
    rooted(&root, &["CopyObjectResult", "CopyPartResult"])?;
    copied.checksum = checksums.iter().find_map(|(name, text)| checksum_element(name, text, composite));
    Ok(copied)
}

/// An answer to ListParts.
pub(super) fn part_page(document: &[u8]) -> Result<PartPage, Malformed> {
    let mut page = PartPage::default();
    let (mut part, mut etag) = (None, None);
    let (mut size_bytes, mut checksum, mut last_modified) = (None, None, None);
    let (mut cut, mut next) = (Cut::default(), None);
    let root = walk(document, |path, text| {
        match path {
            "Part/PartNumber" => part = PartNumber::new(number("PartNumber", text)?),
            "Part/ETag" => etag = Some(ETag::new(text)),
            "Part/Size" => size_bytes = Some(number("Size", text)?),
            "Part/LastModified" => last_modified = time::of_document(text),
            "Part" => {
                let (Some(number), Some(etag)) = (part.take(), etag.take()) else {
                    return Err(Malformed::new("a part has no number or tag"));
                };
                page.parts.push(PartInfo {
                    number,
                    etag,
                    size_bytes: size_bytes.take(),
                    checksum: checksum.take(),
                    last_modified: last_modified.take(),
                });
            }
            "IsTruncated" => cut = Cut::read(text),
            "NextPartNumberMarker" if !text.is_empty() => {
                next = PartNumber::new(number("NextPartNumberMarker", text)?);
            }
            other => {
                if let Some(name) = other.strip_prefix("Part/") {
                    checksum = checksum.or_else(|| checksum_element(name, text, false));
                }
            }
        }
        Ok(())
    })?;
    rooted(&root, &["ListPartsResult"])?;
    if cut.goes_on(next.is_some()) {
        page.next = next.or_else(|| page.parts.last().map(|part| part.number));
        if page.next.is_none() {
            return Err(Malformed::new("it is cut without saying where to go on"));
        }
    }
    Ok(page)
}

/// An answer to ListMultipartUploads.
pub(super) fn upload_page(document: &[u8], bucket: &BucketName) -> Result<UploadPage, Malformed> {
    let mut found: Vec<(String, String, Option<Timestamp>, Option<Algorithm>)> = Vec::new();
    let (mut name, mut id, mut initiated, mut algorithm) = (String::new(), String::new(), None, None);
    let (mut cut, mut encoded) = (Cut::default(), false);
    let (mut next_key, mut next_id) = (None, None);
    let root = walk(document, |path, text| {
        match path {
            "Upload/Key" => text.clone_into(&mut name),
            "Upload/UploadId" => text.clone_into(&mut id),
            "Upload/Initiated" => initiated = time::of_document(text),
            "Upload/ChecksumAlgorithm" => algorithm = text.parse().ok(),
            "Upload" => found.push((
                std::mem::take(&mut name),
                std::mem::take(&mut id),
                initiated.take(),
                algorithm.take(),
            )),
            "EncodingType" => encoded = text.eq_ignore_ascii_case("url"),
            "IsTruncated" => cut = Cut::read(text),
            "NextKeyMarker" => next_key = filled(text),
            "NextUploadIdMarker" => next_id = filled(text),
            _ => {}
        }
        Ok(())
    })?;
    rooted(&root, &["ListMultipartUploadsResult"])?;
    let mut page = UploadPage::default();
    for (name, id, initiated, checksum) in found {
        let upload = Upload { bucket: bucket.clone(), key: key(name, encoded)?, id, checksum };
        page.uploads.push(PendingUpload { upload, initiated });
    }
    if cut.goes_on(next_key.is_some()) {
        page.next = match (next_key, page.uploads.last()) {
            (Some(marker), _) => Some(UploadMarker { key: decoded(marker, encoded)?, id: next_id }),
            // Where the service forgets to say it, the last upload does.
            (None, Some(PendingUpload { upload, .. })) => {
                Some(UploadMarker { key: upload.key.to_string(), id: Some(upload.id.clone()) })
            }
            (None, None) => return Err(Malformed::new("it is cut without saying where to go on")),
        };
    }
    Ok(page)
}

/// What DeleteObjects says of one object.
pub(super) struct DeleteReport {
    pub(super) key: String,
    pub(super) version: Option<String>,
    pub(super) outcome: Result<Deleted, (String, String)>,
}

/// An answer to DeleteObjects.
pub(super) fn delete_reports(document: &[u8]) -> Result<Vec<DeleteReport>, Malformed> {
    let mut reports = Vec::new();
    let (mut key, mut version, mut code, mut message) = (String::new(), None, String::new(), String::new());
    let mut deleted = Deleted::default();
    let root = walk(document, |path, text| {
        match path {
            "Deleted/Key" | "Error/Key" => text.clone_into(&mut key),
            "Deleted/VersionId" | "Error/VersionId" => version = filled(text),
            "Deleted/DeleteMarker" => deleted.marker = text == "true",
            "Deleted/DeleteMarkerVersionId" => deleted.version = filled(text),
            "Error/Code" => text.clone_into(&mut code),
            "Error/Message" => text.clone_into(&mut message),
            "Deleted" | "Error" => {
                let mut deleted = std::mem::take(&mut deleted);
                deleted.version = deleted.version.or_else(|| version.clone());
                let said = (std::mem::take(&mut code), std::mem::take(&mut message));
                reports.push(DeleteReport {
                    key: std::mem::take(&mut key),
                    version: version.take(),
                    outcome: if path == "Deleted" { Ok(deleted) } else { Err(said) },
                });
            }
            _ => {}
        }
        Ok(())
    })?;
    rooted(&root, &["DeleteResult", "DeleteObjectsOutput"])?;
    Ok(reports)
}

/// Writes the request of DeleteObjects. The tag is the condition of a deletion, in general purpose buckets since September 2025 (S3 User Guide,
/// "How to perform conditional deletes").
pub(super) fn delete_request(items: &[DeleteItem]) -> String {
    let mut writer = Writer::new("Delete");
    writer.text("Quiet", "false");
    for item in items {
        writer.within("Object", |object| {
            object.text("Key", item.key.as_str());
            if let Some(version) = &item.version {
                object.text("VersionId", version);
            }
            if let Some(tag) = &item.if_match {
                object.text("ETag", &format!("\"{tag}\""));
            }
        });
    }
    writer.finish()
}

/// Writes the request of CompleteMultipartUpload. Checksums are named only where the upload was begun with them.
pub(super) fn complete_request(parts: &PartList, checksum: Option<Algorithm>) -> String {
    let mut writer = Writer::new("CompleteMultipartUpload");
    for part in parts.as_slice() {
        writer.within("Part", |element| {
            element.text("PartNumber", &part.number.to_string());
            element.text("ETag", &format!("\"{}\"", part.etag));
            if let Some(sum) = part.checksum.filter(|sum| Some(sum.algorithm()) == checksum) {
                element.text(&format!("Checksum{}", sum.algorithm()), &sum.to_string());
            }
        });
    }
    writer.finish()
}

/// Writes the request of CreateBucket. The first region of all is named by saying nothing.
pub(super) fn create_bucket_request(region: &Region) -> Option<String> {
    if region.as_str() == "us-east-1" {
        return None;
    }
    let mut writer = Writer::new("CreateBucketConfiguration");
    writer.text("LocationConstraint", region.as_str());
    Some(writer.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_read_with_region_or_without() {
        let page = bucket_page(
            b"<ListAllMyBucketsResult><Owner><ID>x</ID></Owner><Buckets><Bucket><Name>one</Name>\
              <CreationDate>2026-11-23T12:00:00.000Z</CreationDate><BucketRegion>eu-west-1</BucketRegion></Bucket>\
              <Bucket><CreationDate/><Name>two</Name></Bucket><Bucket><Name>..</Name></Bucket></Buckets>\
              <ContinuationToken>t</ContinuationToken></ListAllMyBucketsResult>",
        )
        .unwrap();
        assert_eq!(page.buckets.len(), 2);
        assert_eq!(page.buckets[0].region.as_ref().unwrap().as_str(), "eu-west-1");
        assert_eq!(page.buckets[1].created, None);
        assert_eq!(page.next.as_deref(), Some("t"));
    }

    #[test]
    fn a_bucket_that_is_left_out_leaves_nothing_to_the_next() {
        let page = bucket_page(
            b"<ListAllMyBucketsResult><Buckets><Bucket><Name>one</Name></Bucket>\
              <Bucket><Name>..</Name><CreationDate>2026-11-23T12:00:00.000Z</CreationDate>\
              <BucketRegion>eu-west-1</BucketRegion></Bucket><Bucket></Bucket>\
              <Bucket><Name>two</Name></Bucket></Buckets></ListAllMyBucketsResult>",
        )
        .unwrap();
        assert_eq!(page.buckets.len(), 2);
        assert_eq!((page.buckets[1].created, &page.buckets[1].region), (None, &None));
    }

    #[test]
    fn parts_and_uploads_are_read() {
        let page = part_page(
            b"<ListPartsResult><ChecksumType>FULL_OBJECT</ChecksumType><Part><ETag>\"e\"</ETag><Size>5</Size>\
              <ChecksumCRC32>y/Q5Jg==</ChecksumCRC32><PartNumber>2</PartNumber></Part>\
              <IsTruncated>true</IsTruncated></ListPartsResult>",
        )
        .unwrap();
        assert_eq!(page.parts[0].checksum, Some(Checksum::of(Algorithm::Crc32, b"123456789")));
        assert_eq!(page.next, PartNumber::new(2));

        let bucket: BucketName = "bucket".parse().unwrap();
        let page = upload_page(
            b"<ListMultipartUploadsResult><EncodingType>url</EncodingType><Upload><Key>a+b</Key><UploadId>u</UploadId>\
              <Initiated>2026-11-23T12:00:00Z</Initiated></Upload><IsTruncated>true</IsTruncated>\
              <NextKeyMarker>a+b</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker></ListMultipartUploadsResult>",
            &bucket,
        )
        .unwrap();
        assert_eq!(page.uploads[0].upload.key.as_str(), "a b");
        assert_eq!(page.next, Some(UploadMarker { key: "a b".into(), id: Some("u".into()) }));
    }

    #[test]
    fn deletions_are_reported_one_by_one() {
        let reports = delete_reports(
            b"<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code>\
              <Message>no</Message></Error><Deleted><Key>c</Key><DeleteMarker>true</DeleteMarker>\
              <DeleteMarkerVersionId>v</DeleteMarkerVersionId></Deleted></DeleteResult>",
        )
        .unwrap();
        assert_eq!(reports.len(), 3);
        assert_eq!(reports[0].outcome, Ok(Deleted::default()));
        assert_eq!(reports[1].outcome, Err(("AccessDenied".into(), "no".into())));
        assert_eq!(reports[2].outcome, Ok(Deleted { version: Some("v".into()), marker: true }));
    }

    #[test]
    fn requests_are_written() {
        let if_match = Some(ETag::new("e"));
        let items = [
            DeleteItem {
                version: Some("v".into()),
                ..DeleteItem::from("a<&>\r".parse::<ObjectKey>().unwrap())
            },
            DeleteItem { if_match, ..DeleteItem::from("b".parse::<ObjectKey>().unwrap()) },
        ];
        assert_eq!(
            delete_request(&items),
            "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>false</Quiet>\
             <Object><Key>a&lt;&amp;&gt;&#13;</Key><VersionId>v</VersionId></Object>\
             <Object><Key>b</Key><ETag>&quot;e&quot;</ETag></Object></Delete>"
        );
        assert!(create_bucket_request(&"us-east-1".parse().unwrap()).is_none());
        let part = PartInfo {
            number: PartNumber::new(1).unwrap(),
            etag: ETag::new("e"),
            size_bytes: None,
            checksum: Some(Checksum::of(Algorithm::Crc32, b"123456789")),
            last_modified: None,
        };
        let parts = PartList::new(vec![part]).unwrap();
        let with = complete_request(&parts, Some(Algorithm::Crc32));
        assert!(with.contains("<ETag>&quot;e&quot;</ETag><ChecksumCRC32>y/Q5Jg==</ChecksumCRC32>"));
        assert!(!complete_request(&parts, None).contains("Checksum"));
    }
}

//! The calls of the store, each told in S3's requests: what goes out, what comes back, what a failure leaves open.

use async_trait::async_trait;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, IF_MATCH};
use http::{Method, StatusCode};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::{BucketName, ObjectKey};

use super::S3Store;
use super::call::{Call, Wanted};
use super::document;
use super::download::Checked;
use super::header::{self, Unsendable};
use super::listing;
use super::perform::{Failure, Reply, ReplyBody};
use super::pressure::Pressure;
use super::upload::Plan;
use super::xml::{self, Malformed};
use crate::error::{ErrorKind, Missing, Operation, Result, StoreError};
use crate::object_store::{
    BucketInfo, BucketPage, ByteRange, ChecksumChoice, CompleteUpload, Copied, Copy, CopySource,
    CreateUpload, Delete, DeleteItem, DeleteOutcome, Deleted, ETag, Get, Got, Head, List, ListBuckets,
    ListPage, ListParts, ListUploads, MetadataDirective, ObjectInfo, ObjectStore, PartInfo, PartList,
    PartNumber, PartPage, Put, ReadCondition, Stored, Upload, UploadPage, UploadPart, WriteCondition,
};
use crate::payload::{ObjectBody, Payload};

/// The most that DeleteObjects takes.
const DELETE_MANY_MAX: usize = 1000;

#[async_trait]
impl ObjectStore for S3Store {
    fn service(&self) -> Option<String> {
        Some(self.endpoint().service())
    }

    async fn list_buckets(&self, options: &ListBuckets) -> Result<BucketPage> {
        let max = options.max.map(|max| max.to_string());
        let call = Call::new(Operation::ListBuckets, Method::GET)
            .query(present([
                ("continuation-token", options.continuation.as_deref()),
                ("max-buckets", max.as_deref()),
                ("prefix", options.prefix.as_deref()),
            ]))
            .wants(Wanted::Document);
        let page = self.read_document(&call, document::bucket_page).await?;
        goes_on(&call, page.next.is_some() && page.next == options.continuation)?;
        Ok(page)
    }

    async fn create_bucket(&self, bucket: &BucketName) -> Result<()> {
        let call = Call::new(Operation::CreateBucket, Method::PUT).bucket(bucket);
        let call = match document::create_bucket_request(self.endpoint().region()) {
            Some(document) => call.document(document),
            None => call,
        };
        match self.perform(&call).await {
            Ok(_) => Ok(()),
            // The attempt whose answer was lost had made it.
            Err(Failure { error, ambiguous: true, .. })
                if error.code() == Some("BucketAlreadyOwnedByYou") =>
            {
                Ok(())
            }
            Err(failure) => Err(failure.error),
        }
    }

    async fn delete_bucket(&self, bucket: &BucketName) -> Result<()> {
        let call = Call::new(Operation::DeleteBucket, Method::DELETE).bucket(bucket);
        let outcome = self.perform(&call).await;
        self.learned.forget(bucket);
        match outcome {
            Ok(_) => Ok(()),
            Err(Failure { error, ambiguous: true, .. })
                if *error.kind() == ErrorKind::NotFound(Missing::Bucket) =>
            {
                Ok(())
            }
            Err(failure) => Err(failure.error),
        }
    }

    async fn head_bucket(&self, bucket: &BucketName) -> Result<BucketInfo> {
        let call = Call::new(Operation::HeadBucket, Method::HEAD).bucket(bucket);
        let reply = self.perform(&call).await?;
        let told =
            header::text(&reply.head.headers, header::BUCKET_REGION).and_then(|text| text.parse().ok());
        Ok(BucketInfo { region: told.or_else(|| Some(self.place(Some(bucket)).region.clone())) })
    }

    async fn list(&self, bucket: &BucketName, options: &List) -> Result<ListPage> {
        let max = options.max.map(|max| max.to_string());
        let start_after = options.start_after.as_deref().filter(|_| options.continuation.is_none());
        let call = Call::new(Operation::List, Method::GET)
            .bucket(bucket)
            .query(present([
                ("continuation-token", options.continuation.as_deref()),
                ("delimiter", options.delimiter.as_deref()),
                // Keys may hold what XML 1.0 cannot.
                ("encoding-type", Some("url")),
                ("list-type", Some("2")),
                ("max-keys", max.as_deref()),
                ("prefix", filled(options.prefix.as_str())),
                ("start-after", start_after),
            ]))
            .wants(Wanted::Document);
        let page = self.read_document(&call, listing::list_page).await?;
        goes_on(&call, page.next.is_some() && page.next == options.continuation)?;
        Ok(page)
    }

    async fn head(&self, bucket: &BucketName, key: &ObjectKey, options: &Head) -> Result<ObjectInfo> {
        let call = Call::new(Operation::Head, Method::HEAD)
            .object(bucket, key)
            .query(present([("versionId", options.version.as_deref())]))
            .headers(|headers| {
                header::insert(headers, header::CHECKSUM_MODE, "ENABLED")?;
                header::insert_read_condition(headers, &options.condition)
            })?;
        let reply = self.perform(&call).await?;
        let size_bytes = header::text(&reply.head.headers, CONTENT_LENGTH)
            .and_then(|length| length.parse().ok())
            .ok_or_else(|| call.error(ErrorKind::BadAnswer).because("the answer states no size"))?;
        Ok(header::object_info(&reply.head.headers, size_bytes))
    }

    async fn get(&self, bucket: &BucketName, key: &ObjectKey, options: &Get) -> Result<Got> {
        let call = Call::new(Operation::Get, Method::GET)
            .object(bucket, key)
            .query(present([("versionId", options.version.as_deref())]))
            .headers(|headers| {
                if !options.unchecked {
                    header::insert(headers, header::CHECKSUM_MODE, "ENABLED")?;
                }
                if let Some(range) = options.range {
                    header::insert_range(headers, range);
                }
                header::insert_read_condition(headers, &options.condition)
            })?
            .wants(Wanted::Stream);
        let reply = self.perform(&call).await?;
        got(&call, reply, options, self.pressure())
    }

    async fn put(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        payload: Payload,
        options: &Put,
    ) -> Result<Stored> {
        let call = Call::new(Operation::Put, Method::PUT)
            .object(bucket, key)
            .headers(|headers| {
                header::insert_traits(headers, &options.traits)?;
                insert_storage_class(headers, options.storage_class.as_deref())?;
                header::insert_write_condition(headers, &options.condition)
            })?
            .payload(&payload, options.checksum);
        match self.perform(&call).await {
            Ok(reply) => Ok(stored_by(&reply)),
            Err(Failure { error, ambiguous: true, sent: Some(sent), .. })
                if *error.kind() == ErrorKind::PreconditionFailed =>
            {
                self.own_write(bucket, key, payload.length_bytes(), sent).await.ok_or(error)
            }
            Err(failure) => Err(failure.error),
        }
    }

    async fn delete(&self, bucket: &BucketName, key: &ObjectKey, options: &Delete) -> Result<Deleted> {
        let call = Call::new(Operation::Delete, Method::DELETE)
            .object(bucket, key)
            .query(present([("versionId", options.version.as_deref())]))
            .headers(|headers| {
                if let Some(tag) = &options.if_match {
                    headers.insert(IF_MATCH, header::quoted(tag)?);
                }
                Ok(())
            })?;
        match self.perform(&call).await {
            Ok(reply) => {
                let headers = &reply.head.headers;
                let marker = header::text(headers, header::DELETE_MARKER) == Some("true");
                Ok(Deleted { version: header::version(headers), marker })
            }
            // What is not there is deleted; only under a condition is it worth a word, unless it was us.
            Err(Failure { error, ambiguous, .. })
                if *error.kind() == ErrorKind::NotFound(Missing::Object)
                    && (ambiguous || options.if_match.is_none()) =>
            {
                Ok(Deleted::default())
            }
            Err(failure) => Err(failure.error),
        }
    }

    async fn delete_many(&self, bucket: &BucketName, items: &[DeleteItem]) -> Result<Vec<DeleteOutcome>> {
        if items.len() > DELETE_MANY_MAX {
            let kind = ErrorKind::InvalidArgument("more than 1,000 objects in one deletion");
            return Err(StoreError::new(kind, Operation::DeleteMany).at(bucket, None));
        }
        let told = |item: &&DeleteItem| xml::can_carry(item.key.as_str());
        let listed: Vec<DeleteItem> = items.iter().filter(told).cloned().collect();
        let mut outcomes = self.delete_listed(bucket, &listed).await?.into_iter();
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            all.push(match if told(&item) { outcomes.next() } else { None } {
                Some(outcome) => outcome,
                // No document can name this key; a request for it alone can.
                None => {
                    let options = Delete { version: item.version.clone(), if_match: item.if_match.clone() };
                    self.delete(bucket, &item.key, &options).await
                }
            });
        }
        Ok(all)
    }

    async fn copy(
        &self,
        source: &CopySource,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &Copy,
    ) -> Result<Copied> {
        let call = Call::new(Operation::Copy, Method::PUT)
            .object(bucket, key)
            .headers(|headers| {
                insert_copy_source(headers, source)?;
                if let MetadataDirective::Replace(traits) = &options.metadata {
                    header::insert(headers, header::METADATA_DIRECTIVE, "REPLACE")?;
                    header::insert_traits(headers, traits)?;
                }
                insert_storage_class(headers, options.storage_class.as_deref())?;
                header::insert_write_condition(headers, &options.condition)
            })?
            .wants(Wanted::Document);
        match self.perform(&call).await {
            Ok(reply) => {
                let copied = parse(&call, &reply, document::copied)?;
                Ok(Copied { version: header::version(&reply.head.headers), ..copied })
            }
            Err(Failure { error, ambiguous: true, .. })
                if *error.kind() == ErrorKind::PreconditionFailed
                    && options.condition != WriteCondition::None =>
            {
                self.own_copy(source, bucket, key, options).await.ok_or(error)
            }
            Err(failure) => Err(failure.error),
        }
    }

    async fn create_upload(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &CreateUpload,
    ) -> Result<Upload> {
        let mut rung = self.learned.rung();
        loop {
            let algorithm = options.checksum.or_else(|| rung.algorithm());
            let call = Call::new(Operation::CreateUpload, Method::POST)
                .object(bucket, key)
                .query([("uploads", "")])
                .headers(|headers| {
                    header::insert_traits(headers, &options.traits)?;
                    insert_storage_class(headers, options.storage_class.as_deref())?;
                    insert_upload_checksum(headers, algorithm)
                })?
                .wants(Wanted::Document);
            match self.perform(&call).await {
                Ok(reply) => {
                    self.learned.stand_on(rung);
                    let id = parse(&call, &reply, document::upload_id)?;
                    // A service that does not repeat the algorithm has not understood it.
                    let kept = header::text(&reply.head.headers, header::CHECKSUM_ALGORITHM)
                        .and_then(|name| name.parse().ok());
                    return Ok(Upload { bucket: bucket.clone(), key: key.clone(), id, checksum: kept });
                }
                Err(failure) if failure.about_checksums && options.checksum.is_none() => {
                    let unframed = Plan { algorithm, fixed: false, framed: false, signed: false };
                    rung = rung.below(&unframed).ok_or(failure.error)?;
                }
                Err(failure) => return Err(failure.error),
            }
        }
    }

    async fn upload_part(
        &self,
        upload: &Upload,
        number: PartNumber,
        payload: Payload,
        options: &UploadPart,
    ) -> Result<PartInfo> {
        let number_text = number.to_string();
        let checksum = match (options.checksum, upload.checksum) {
            (ChecksumChoice::Default, Some(algorithm)) => ChecksumChoice::Algorithm(algorithm),
            (choice, _) => choice,
        };
        let call = Call::new(Operation::UploadPart, Method::PUT)
            .object(&upload.bucket, &upload.key)
            .query([("partNumber", number_text.as_str()), ("uploadId", &upload.id)])
            .payload(&payload, checksum);
        let reply = self.perform(&call).await?;
        let Stored { etag, checksum, .. } = stored_by(&reply);
        let etag =
            etag.ok_or_else(|| call.error(ErrorKind::BadAnswer).because("the part has no entity tag"))?;
        Ok(PartInfo { number, etag, size_bytes: Some(payload.length_bytes()), checksum, last_modified: None })
    }

    async fn upload_part_copy(
        &self,
        upload: &Upload,
        number: PartNumber,
        source: &CopySource,
        range: Option<ByteRange>,
    ) -> Result<PartInfo> {
        let number_text = number.to_string();
        let call = Call::new(Operation::UploadPartCopy, Method::PUT)
            .object(&upload.bucket, &upload.key)
            .query([("partNumber", number_text.as_str()), ("uploadId", &upload.id)]);
        let (range_text, size_bytes) = match range {
            None => (None, None),
            Some(ByteRange::Slice { offset, length_bytes }) if length_bytes > 0 => {
                let last = offset.saturating_add(length_bytes - 1);
                (Some(format!("bytes={offset}-{last}")), Some(length_bytes))
            }
            Some(_) => {
                let rule = "a part is copied from a slice with both ends";
                return Err(call.error(ErrorKind::InvalidArgument(rule)));
            }
        };
        let call = call
            .headers(|headers| {
                insert_copy_source(headers, source)?;
                match range_text {
                    Some(range) => header::insert(headers, header::COPY_SOURCE_RANGE, range),
                    None => Ok(()),
                }
            })?
            .wants(Wanted::Document);
        let reply = self.perform(&call).await?;
        let Copied { etag, last_modified, checksum, .. } = parse(&call, &reply, document::copied)?;
        let etag =
            etag.ok_or_else(|| call.error(ErrorKind::BadAnswer).because("the part has no entity tag"))?;
        Ok(PartInfo { number, etag, size_bytes, checksum, last_modified })
    }

    async fn list_parts(&self, upload: &Upload, options: &ListParts) -> Result<PartPage> {
        let max = options.max.map(|max| max.to_string());
        let after = options.after.map(|after| after.to_string());
        let call = Call::new(Operation::ListParts, Method::GET)
            .object(&upload.bucket, &upload.key)
            .query(present([
                ("max-parts", max.as_deref()),
                ("part-number-marker", after.as_deref()),
                ("uploadId", Some(&upload.id)),
            ]))
            .wants(Wanted::Document);
        let page = self.read_document(&call, document::part_page).await?;
        goes_on(&call, page.next.is_some_and(|next| options.after.is_some_and(|after| next <= after)))?;
        Ok(page)
    }

    async fn list_uploads(&self, bucket: &BucketName, options: &ListUploads) -> Result<UploadPage> {
        let max = options.max.map(|max| max.to_string());
        let after = options.after.as_ref();
        let call = Call::new(Operation::ListUploads, Method::GET)
            .bucket(bucket)
            .query(present([
                ("encoding-type", Some("url")),
                ("key-marker", after.map(|after| after.key.as_str())),
                ("max-uploads", max.as_deref()),
                ("prefix", filled(options.prefix.as_str())),
                ("upload-id-marker", after.and_then(|after| after.id.as_deref())),
                ("uploads", Some("")),
            ]))
            .wants(Wanted::Document);
        let page = self.read_document(&call, |document| document::upload_page(document, bucket)).await?;
        goes_on(&call, page.next.is_some() && page.next == options.after)?;
        Ok(page)
    }

    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &PartList,
        options: &CompleteUpload,
    ) -> Result<Stored> {
        // SHA-256 is composed of the parts' values; a CRC is kept of the whole.
        let whole = options.checksum.or_else(|| parts.checksum());
        let told = whole.filter(|whole| Some(whole.algorithm()) == upload.checksum);
        let call = Call::new(Operation::CompleteUpload, Method::POST)
            .object(&upload.bucket, &upload.key)
            .query([("uploadId", upload.id.as_str())])
            .headers(|headers| {
                if let Some(whole) = told {
                    header::insert(headers, header::checksum_name(whole.algorithm()), whole.to_string())?;
                    header::insert(headers, header::CHECKSUM_TYPE, type_of(whole.algorithm()))?;
                }
                if let (Some(_), Some(size)) = (upload.checksum, parts.size_bytes()) {
                    header::insert(headers, header::OBJECT_SIZE, size.to_string())?;
                }
                header::insert(headers, CONTENT_TYPE, "application/xml")?;
                header::insert_write_condition(headers, &options.condition)
            })?
            .document(document::complete_request(parts, upload.checksum))
            .wants(Wanted::Document);
        let started = self.service_now();
        match self.perform(&call).await {
            Ok(reply) => {
                let stored = parse(&call, &reply, document::stored)?;
                if let (Some(whole), Some(kept)) = (told, stored.checksum)
                    && kept.algorithm() == whole.algorithm()
                    && kept.parts() == whole.parts()
                    && kept != whole
                {
                    let source = format!("{whole:?} was expected, {kept:?} was kept");
                    return Err(call.error(ErrorKind::ChecksumMismatch).because(source));
                }
                let version = header::version(&reply.head.headers);
                Ok(Stored { version, checksum: stored.checksum.or(told), ..stored })
            }
            // The attempt whose answer was lost may have completed it: then the upload is gone, and under a condition
            // the object that is in the way is ours.
            Err(Failure { error, ambiguous: true, .. })
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound(Missing::Upload) | ErrorKind::PreconditionFailed
                ) =>
            {
                self.own_completion(upload, parts, whole, started).await.ok_or(error)
            }
            Err(failure) => Err(failure.error),
        }
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<()> {
        let call = Call::new(Operation::AbortUpload, Method::DELETE)
            .object(&upload.bucket, &upload.key)
            .query([("uploadId", upload.id.as_str())]);
        match self.perform(&call).await {
            Ok(_) => Ok(()),
            Err(Failure { error, ambiguous: true, .. })
                if *error.kind() == ErrorKind::NotFound(Missing::Upload) =>
            {
                Ok(())
            }
            Err(failure) => Err(failure.error),
        }
    }
}

impl S3Store {
    /// Deletes the objects whose keys a document can name.
    async fn delete_listed(&self, bucket: &BucketName, items: &[DeleteItem]) -> Result<Vec<DeleteOutcome>> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let request = document::delete_request(items);
        // This one call needs a checksum, and CRC32 is the one that every service takes.
        let checksum = Checksum::of(Algorithm::Crc32, request.as_bytes());
        let call = Call::new(Operation::DeleteMany, Method::POST)
            .bucket(bucket)
            .query([("delete", "")])
            .headers(|headers| {
                header::insert(headers, header::SDK_CHECKSUM_ALGORITHM, checksum.algorithm().name())?;
                header::insert(headers, header::checksum_name(checksum.algorithm()), checksum.to_string())?;
                header::insert(headers, CONTENT_TYPE, "application/xml")
            })?
            .document(request)
            .wants(Wanted::Document);
        let reports = self.read_document(&call, document::delete_reports).await?;
        Ok(outcomes(bucket, items, reports))
    }

    /// Performs a call and reads its document.
    async fn read_document<T>(
        &self,
        call: &Call<'_>,
        read: impl FnOnce(&[u8]) -> std::result::Result<T, Malformed> + Send,
    ) -> Result<T> {
        let reply = self.perform(call).await?;
        parse(call, &reply, read)
    }

    /// Looks whether an object is the one that an attempt without an answer has written.
    async fn own_write(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        size_bytes: u64,
        sent: Checksum,
    ) -> Option<Stored> {
        let info = self.head(bucket, key, &Head::default()).await.ok()?;
        let same = info.size_bytes == size_bytes && info.checksum == Some(sent);
        same.then_some(Stored { etag: info.etag, version: info.version, checksum: info.checksum })
    }

    /// Looks whether an object is the copy that an attempt without an answer has made.
    async fn own_copy(
        &self,
        source: &CopySource,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &Copy,
    ) -> Option<Copied> {
        let target = self.head(bucket, key, &Head::default()).await.ok()?;
        let condition = ReadCondition { if_match: source.if_match.clone(), ..ReadCondition::default() };
        let look = Head { condition, version: source.version.clone() };
        let source = self.head(&source.bucket, &source.key, &look).await.ok()?;
        let same_bytes = match (target.checksum, source.checksum) {
            (Some(one), Some(other)) if one.algorithm() == other.algorithm() => one == other,
            _ => target.etag.is_some() && target.etag == source.etag,
        };
        let said = match &options.metadata {
            MetadataDirective::Copy => &source.traits.metadata,
            MetadataDirective::Replace(traits) => &traits.metadata,
        };
        let same = target.size_bytes == source.size_bytes && same_bytes && target.traits.metadata == *said;
        same.then_some(Copied {
            etag: target.etag,
            last_modified: target.last_modified,
            version: target.version,
            checksum: target.checksum,
        })
    }

    /// Looks whether an object is the one that an attempt without an answer has completed.
    async fn own_completion(
        &self,
        upload: &Upload,
        parts: &PartList,
        whole: Option<Checksum>,
        started: Timestamp,
    ) -> Option<Stored> {
        let info = self.head(&upload.bucket, &upload.key, &Head::default()).await.ok()?;
        let same_size = parts.size_bytes().is_none_or(|size| size == info.size_bytes);
        let same_bytes = match (whole, info.checksum) {
            (Some(whole), Some(kept)) if whole.algorithm() == kept.algorithm() => whole == kept,
            // Without checksums there are the number of parts in the tag, the size, and that it was not there before. Where
            // the time is that of the upload's beginning (as on S3, which keeps checksums), nothing is claimed.
            _ => {
                parts.size_bytes().is_some()
                    && info.last_modified.is_some_and(|time| time.as_second() >= started.as_second())
                    && info.etag.as_ref().and_then(ETag::parts) == u32::try_from(parts.as_slice().len()).ok()
            }
        };
        (same_size && same_bytes).then_some(Stored {
            etag: info.etag,
            version: info.version,
            checksum: info.checksum,
        })
    }

    /// Returns how many bytes the service keeps of what a call has just written.
    pub(super) async fn length_kept(&self, call: &Call<'_>) -> Option<u64> {
        let (bucket, key) = (call.bucket?, call.key?);
        let part = |name: &str| {
            call.query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
                .map(|value| percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
        };
        let Some(number) = part("partNumber") else {
            return Some(self.head(bucket, key, &Head::default()).await.ok()?.size_bytes);
        };
        let number: u32 = number.parse().ok()?;
        let upload =
            Upload { bucket: bucket.clone(), key: key.clone(), id: part("uploadId")?, checksum: None };
        let page = ListParts { after: PartNumber::new(number - 1), max: Some(1) };
        let parts = self.list_parts(&upload, &page).await.ok()?.parts;
        parts.iter().find(|part| part.number.value() == number)?.size_bytes
    }
}

fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Leaves out the parameters that are not there.
fn present<'a, const N: usize>(
    pairs: [(&'a str, Option<&'a str>); N],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    pairs.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

fn parse<T>(
    call: &Call<'_>,
    reply: &Reply,
    read: impl FnOnce(&[u8]) -> std::result::Result<T, Malformed>,
) -> Result<T> {
    read(reply.document()).map_err(|error| call.error(ErrorKind::BadAnswer).because(error))
}

/// Refuses a page whose next one begins where it began itself: the walk through the pages would have no end.
fn goes_on(call: &Call<'_>, stands_still: bool) -> Result<()> {
    if stands_still {
        return Err(call.error(ErrorKind::BadAnswer).because("the next page begins where this one began"));
    }
    Ok(())
}

fn stored_by(reply: &Reply) -> Stored {
    let headers = &reply.head.headers;
    Stored {
        etag: header::text(headers, ETAG).map(ETag::new),
        version: header::version(headers),
        checksum: reply.sent.or_else(|| header::checksum(headers)),
    }
}

/// Reads the head of an object's bytes and sets up their check.
fn got(call: &Call<'_>, reply: Reply, options: &Get, pressure: Pressure) -> Result<Got> {
    let bad = |why: &'static str| call.error(ErrorKind::BadAnswer).because(why);
    let (Some(bucket), Some(key), ReplyBody::Stream(body)) = (call.bucket, call.key, reply.body) else {
        return Err(bad("the answer has no body"));
    };
    let headers = &reply.head.headers;
    let (offset, length_bytes, size_bytes) = match reply.head.status {
        StatusCode::PARTIAL_CONTENT => header::text(headers, CONTENT_RANGE)
            .and_then(header::content_range)
            .ok_or_else(|| bad("the answer does not say which part it is"))?,
        _ => {
            let length = body.length_bytes().ok_or_else(|| bad("the answer states no length"))?;
            (0, length, length)
        }
    };
    let meant = options.range.map_or(Some((0, size_bytes)), |range| range.within(size_bytes));
    // The empty object has no byte to be asked for; services answer 416 or the whole of nothing.
    if meant.unwrap_or((0, 0)) != (offset, length_bytes) {
        return Err(bad("the answer is another part than the one asked for"));
    }
    let info = header::object_info(headers, size_bytes);
    let checksum = info
        .checksum
        .filter(|checksum| length_bytes == size_bytes && checksum.parts().is_none() && !options.unchecked);
    let body = ObjectBody::new(Checked::new(body, length_bytes, checksum, bucket, key, pressure));
    Ok(Got { info, range: (offset, length_bytes), body })
}

fn insert_storage_class(headers: &mut HeaderMap, class: Option<&str>) -> std::result::Result<(), Unsendable> {
    class.map_or(Ok(()), |class| header::insert(headers, header::STORAGE_CLASS, class))
}

fn insert_upload_checksum(
    headers: &mut HeaderMap,
    algorithm: Option<Algorithm>,
) -> std::result::Result<(), Unsendable> {
    let Some(algorithm) = algorithm else { return Ok(()) };
    header::insert(headers, header::CHECKSUM_ALGORITHM, algorithm.name())?;
    header::insert(headers, header::CHECKSUM_TYPE, type_of(algorithm))
}

/// What S3 keeps of an upload in parts: a CRC adds up to that of the whole, SHA-256 does not.
fn type_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Crc64Nvme | Algorithm::Crc32c | Algorithm::Crc32 => "FULL_OBJECT",
        Algorithm::Sha256 => "COMPOSITE",
    }
}

fn insert_copy_source(headers: &mut HeaderMap, source: &CopySource) -> std::result::Result<(), Unsendable> {
    let mut text = format!("{}/{}", source.bucket, pintail_core::sign::encode_path(source.key.as_str()));
    if let Some(version) = &source.version {
        text.push_str("?versionId=");
        text.extend(utf8_percent_encode(version, NON_ALPHANUMERIC));
    }
    header::insert(headers, header::COPY_SOURCE, text)?;
    if let Some(tag) = &source.if_match {
        headers.insert(header::COPY_SOURCE_IF_MATCH, header::quoted(tag)?);
    }
    Ok(())
}

/// Brings the reports of a deletion into the order of its items. What the service says nothing about is an error.
fn outcomes(
    bucket: &BucketName,
    items: &[DeleteItem],
    mut reports: Vec<document::DeleteReport>,
) -> Vec<DeleteOutcome> {
    let mut find = |item: &DeleteItem| {
        let same = |report: &document::DeleteReport| {
            report.key == item.key.as_str() && (item.version.is_none() || report.version == item.version)
        };
        // Services answer in the order of the request, so the first one it is, nearly always.
        reports.iter().position(same).map(|at| reports.remove(at))
    };
    items
        .iter()
        .map(|item| {
            let error = |kind| StoreError::new(kind, Operation::Delete).at(bucket, Some(&item.key));
            match find(item).map(|report| report.outcome) {
                Some(Ok(deleted)) => Ok(deleted),
                Some(Err((code, _))) if matches!(code.as_str(), "NoSuchKey" | "NoSuchVersion") => {
                    Ok(Deleted::default())
                }
                Some(Err((code, message))) => {
                    let refusal = super::error::Refusal::of_code(code, message);
                    let asked = super::error::Asked {
                        operation: Operation::Delete,
                        method: &Method::POST,
                        region: None,
                        temporary: false,
                    };
                    let kind = refusal.kind(&asked);
                    Err(error(kind).answered(refusal.answer))
                }
                None => Err(error(ErrorKind::BadAnswer).because("the answer does not mention this object")),
            }
        })
        .collect()
}

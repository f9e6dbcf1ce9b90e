//! What the answering peer remembers: keys, lengths, sums, uploads that are not finished, and how lists of them read.
//!
//! No bytes are kept. An object that was put is its length and its CRC-64/NVME; one that was made for downloads is a
//! [`Pattern`], which can be read. No sockets and no clock either: the time comes in with each call.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::{CrcAlgorithm, checksum_combine};

use super::pattern::Pattern;

/// Objects by bucket and key, as `bucket/key`.
#[derive(Debug, Default)]
pub(crate) struct World {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, Upload>,
    next_upload: u64,
}

/// An object, without its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) sum: Sum,
    /// What it holds, where it was made for downloads.
    pub(crate) pattern: Option<Pattern>,
    /// Seconds since 1970.
    pub(crate) modified_s: u64,
    /// Headers of the client's own, with their prefix.
    pub(crate) metadata: Box<[(String, String)]>,
}

/// Length and CRC-64/NVME of some bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) size_bytes: u64,
    pub(crate) crc: u64,
}

impl Sum {
    /// The sum of these bytes and those that follow them.
    pub(crate) fn then(self, next: Self) -> Self {
        if self.size_bytes == 0 {
            return next;
        }
        let crc = checksum_combine(CrcAlgorithm::Crc64Nvme, self.crc, next.crc, next.size_bytes);
        Self { size_bytes: self.size_bytes + next.size_bytes, crc }
    }

    /// As S3 writes it.
    pub(crate) fn text(self) -> String {
        BASE64.encode(self.crc.to_be_bytes())
    }

    /// A tag that nobody takes for an MD5.
    pub(crate) fn tag(self) -> String {
        format!("\"{:016x}-{}\"", self.crc, self.size_bytes)
    }
}

#[derive(Debug)]
struct Upload {
    target: String,
    metadata: Box<[(String, String)]>,
    parts: BTreeMap<u32, Sum>,
}

/// What a list is asked for.
#[derive(Debug, Default)]
pub(crate) struct ListRequest {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    /// List after this key: a continuation token is the last key of the page before.
    pub(crate) after: String,
    pub(crate) max: usize,
    /// The second version of the call, or the first.
    pub(crate) version_2: bool,
    /// Keys are to be percent-encoded.
    pub(crate) encoded: bool,
}

impl World {
    /// Keeps an object.
    pub(crate) fn put(&mut self, target: &str, object: Object) {
        self.objects.insert(target.to_owned(), object);
    }

    /// Looks an object up.
    pub(crate) fn object(&self, target: &str) -> Option<&Object> {
        self.objects.get(target)
    }

    /// Copies an object; false where there is none. Metadata stays the source's, as S3 has it unless told otherwise.
    pub(crate) fn copy(&mut self, source: &str, target: &str, now_s: u64) -> Option<Object> {
        let copied = Object { modified_s: now_s, ..self.objects.get(source)?.clone() };
        self.put(target, copied.clone());
        Some(copied)
    }

    /// Deletes an object, if there is one.
    pub(crate) fn delete(&mut self, target: &str) {
        self.objects.remove(target);
    }

    /// Deletes everything that begins with `prefix`, and the uploads of it.
    pub(crate) fn drop_below(&mut self, prefix: &str) {
        let mut rest = self.objects.split_off(prefix);
        if let Some(first_after) = rest.keys().find(|key| !key.starts_with(prefix)).cloned() {
            self.objects.append(&mut rest.split_off(&first_after));
        }
        self.uploads.retain(|_, upload| !upload.target.starts_with(prefix));
    }

    /// Every object that begins with `prefix`.
    pub(crate) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Object)> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let found = self.objects.range::<str, _>(from).map(|(key, object)| (key.as_str(), object));
        found.take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// How many uploads were begun and neither finished nor taken back.
    pub(crate) fn unfinished(&self) -> usize {
        self.uploads.len()
    }

    /// Begins an upload and returns its ID.
    pub(crate) fn begin(&mut self, target: &str, metadata: Box<[(String, String)]>) -> String {
        self.next_upload += 1;
        let id = format!("upload-{}", self.next_upload);
        self.uploads
            .insert(id.clone(), Upload { target: target.to_owned(), metadata, parts: BTreeMap::new() });
        id
    }

    /// Keeps a part; false where there is no such upload.
    pub(crate) fn part(&mut self, id: &str, number: u32, sum: Sum) -> bool {
        self.uploads.get_mut(id).is_some_and(|upload| {
            upload.parts.insert(number, sum);
            true
        })
    }

    /// Makes the object of these parts; `None` where the upload or one of the parts is not there.
    pub(crate) fn complete(&mut self, id: &str, numbers: &[u32], now_s: u64) -> Option<Object> {
        let upload = self.uploads.get(id)?;
        let parts: Option<Vec<Sum>> =
            numbers.iter().map(|number| upload.parts.get(number).copied()).collect();
        let sum = parts?.into_iter().fold(Sum::default(), Sum::then);
        let upload = self.uploads.remove(id)?;
        let object = Object { sum, pattern: None, modified_s: now_s, metadata: upload.metadata };
        self.put(&upload.target, object.clone());
        Some(object)
    }

    /// Takes an upload back.
    pub(crate) fn abort(&mut self, id: &str) {
        self.uploads.remove(id);
    }

    /// Writes a page of a list, as XML.
    pub(crate) fn list(&self, request: &ListRequest) -> String {
        let base = format!("{}/", request.bucket);
        let prefix = format!("{base}{}", request.prefix);
        let mut xml = String::with_capacity(request.max.min(1000) * 256 + 1024);
        xml.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        let name = |key: &str| if request.encoded { percent(key) } else { escape(key) };
        let _ = write!(xml, "<Name>{}</Name><Prefix>{}</Prefix>", request.bucket, name(&request.prefix));
        if request.encoded {
            xml.push_str("<EncodingType>url</EncodingType>");
        }
        let mut from = if request.after.is_empty() {
            Bound::Included(prefix.clone())
        } else {
            Bound::Excluded(format!("{base}{}", request.after).max(prefix.clone()))
        };
        if request.after.as_str() < request.prefix.as_str() {
            from = Bound::Included(prefix.clone());
        }
        let (mut count, mut last, mut more) = (0, String::new(), false);
        let mut folders = String::new();
        'pages: loop {
            let range = (from.clone(), Bound::<String>::Unbounded);
            for (key, object) in self.objects.range(range).take_while(|(key, _)| key.starts_with(&prefix)) {
                let key = &key[base.len()..];
                if count == request.max {
                    more = true;
                    break 'pages;
                }
                let folder = request.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()).and_then(
                    |delimiter| {
                        let rest = &key[request.prefix.len()..];
                        rest.find(delimiter).map(|at| &key[..request.prefix.len() + at + delimiter.len()])
                    },
                );
                count += 1;
                if let Some(folder) = folder {
                    if request.after.as_str() >= folder && request.after.starts_with(folder) {
                        count -= 1;
                    } else {
                        let _ = write!(
                            folders,
                            "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>",
                            name(folder)
                        );
                    }
                    // No key of ours begins with this character: what follows is the first key after the folder.
                    last = format!("{folder}\u{10ffff}");
                    from = Bound::Excluded(format!("{base}{last}"));
                    continue 'pages;
                }
                last = key.to_owned();
                let _ = write!(
                    xml,
                    "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>&quot;{:016x}-{}&quot;</ETag>\
                     <Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
                    name(key),
                    iso_time(object.modified_s),
                    object.sum.crc,
                    object.sum.size_bytes,
                    object.sum.size_bytes,
                );
            }
            break;
        }
        xml.push_str(&folders);
        let _ = write!(xml, "<MaxKeys>{}</MaxKeys><IsTruncated>{more}</IsTruncated>", request.max);
        if request.version_2 {
            let _ = write!(xml, "<KeyCount>{count}</KeyCount>");
        }
        if more {
            let tag = if request.version_2 { "NextContinuationToken" } else { "NextMarker" };
            let _ = write!(xml, "<{tag}>{}</{tag}>", name(&last));
        }
        xml.push_str("</ListBucketResult>");
        xml
    }
}

/// Escapes text for XML.
pub(crate) fn escape(text: &str) -> String {
    if !text.contains(['&', '<', '>', '"']) {
        return text.to_owned();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Takes the escapes out of XML text.
pub(crate) fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&#34;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Writes seconds since 1970 as lists have them.
pub(crate) fn iso_time(seconds: u64) -> String {
    let (year, month, day) = date(seconds / 86_400);
    let time = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.000Z", time / 3600, time / 60 % 60, time % 60)
}

/// Writes seconds since 1970 as headers have them.
pub(crate) fn http_time(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = seconds / 86_400;
    let (year, month, day) = date(days);
    let time = seconds % 86_400;
    let (weekday, month) =
        (DAYS[usize::try_from(days % 7).unwrap_or(0)], MONTHS[usize::try_from(month - 1).unwrap_or(0)]);
    format!(
        "{weekday}, {day:02} {month} {year:04} {:02}:{:02}:{:02} GMT",
        time / 3600,
        time / 60 % 60,
        time % 60
    )
}

/// Year, month and day of a day since 1970, counted from the first of March of year 0 so that leap days come last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(keys: &[&str]) -> World {
        let mut world = World::default();
        for key in keys {
            let pattern = Pattern::of(key, 3);
            let sum = Sum { size_bytes: 3, crc: pattern.sum() };
            world.put(
                key,
                Object { sum, pattern: Some(pattern), modified_s: 1_795_780_800, metadata: Box::default() },
            );
        }
        world
    }

    fn all(world: &World, mut request: ListRequest) -> (Vec<String>, usize) {
        let (mut names, mut pages) = (Vec::new(), 0);
        loop {
            let xml = world.list(&request);
            pages += 1;
            for tag in ["<Key>", "<CommonPrefixes><Prefix>"] {
                let found = xml.split(tag).skip(1).map(|rest| rest.split('<').next().unwrap_or_default());
                names.extend(found.map(str::to_owned));
            }
            let Some(next) = xml.split("<NextContinuationToken>").nth(1) else { return (names, pages) };
            request.after = next.split('<').next().unwrap_or_default().to_owned();
        }
    }

    #[test]
    fn lists_are_whole_in_pages_of_any_size() {
        let world = world(&["b/a/1", "b/a/2", "b/c", "b/d/e/1", "b/f", "c/z"]);
        for max in 1..7 {
            let request = |delimiter: Option<&str>| ListRequest {
                bucket: "b".to_owned(),
                delimiter: delimiter.map(str::to_owned),
                max,
                version_2: true,
                ..ListRequest::default()
            };
            let (names, pages) = all(&world, request(None));
            assert_eq!(names, ["a/1", "a/2", "c", "d/e/1", "f"]);
            assert_eq!(pages, 5_usize.div_ceil(max));
            let (mut names, _) = all(&world, request(Some("/")));
            names.sort();
            assert_eq!(names, ["a/", "c", "d/", "f"], "pages of {max}");
            let below = ListRequest { prefix: "a/".to_owned(), ..request(Some("/")) };
            assert_eq!(all(&world, below).0, ["a/1", "a/2"]);
        }
    }

    #[test]
    fn parts_make_the_sum_of_the_whole() {
        let (mut world, pattern) = (World::default(), Pattern::of("big", 5_000_000));
        let id = world.begin("b/big", Box::default());
        let mut parts = Vec::new();
        for (number, from) in [(1, 0), (2, 2_000_000), (3, 4_000_000)] {
            let mut bytes = Vec::new();
            pattern.range(from, from + 2_000_000, &mut |piece| {
                bytes.extend_from_slice(piece);
                true
            });
            let crc = crc_fast::checksum(CrcAlgorithm::Crc64Nvme, &bytes);
            parts.push(number);
            assert!(world.part(&id, number, Sum { size_bytes: bytes.len() as u64, crc }));
        }
        assert!(world.complete(&id, &[1, 2, 4], 0).is_none(), "a part that was never sent");
        let object = world.complete(&id, &parts, 0).expect("an object");
        assert_eq!(object.sum, Sum { size_bytes: 5_000_000, crc: pattern.sum() });
        assert_eq!(world.unfinished(), 0);
    }

    #[test]
    fn what_is_dropped_is_gone_and_the_rest_is_not() {
        let mut world = world(&["b/a/1", "b/b/1", "b/b/2", "b/c"]);
        world.drop_below("b/b/");
        assert_eq!(world.below("b/").map(|(key, _)| key).collect::<Vec<_>>(), ["b/a/1", "b/c"]);
    }

    #[test]
    fn times_are_written_as_s3_does() {
        assert_eq!(iso_time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso_time(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(http_time(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}

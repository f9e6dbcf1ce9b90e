//! Listing keys in order, page by page, with groups for a delimiter.
//!
//! A page starts where the last one ended and jumps over each group as a whole, so its cost follows what it
//! shows, not what the bucket holds.

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::buckets::owner;
use super::{Asked, done, no_such_bucket, timestamp};
use crate::locked;
use crate::world::storage::{Blob, Bucket as Stored, Versions};

pub(super) const MOST_KEYS: i32 = 1000;
const IN_URL_ENCODING: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b'~');

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Beginning,
    /// After this key.
    After(String),
    /// After every key of this group.
    Beyond(String),
}

/// One line of a page: a key, or a group of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Key(String),
    Group(String),
}

/// Walks the keys of a map that `shown` lets through.
pub(super) fn page<V>(
    keys: &BTreeMap<String, V>,
    prefix: &str,
    delimiter: Option<&str>,
    start: &Start,
    limit: usize,
    shown: impl Fn(&V) -> bool,
) -> (Vec<Line>, bool) {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty());
    let mut lines: Vec<Line> = Vec::new();
    let mut bound = match start {
        Start::Beginning => Bound::Included(prefix.to_owned()),
        Start::After(key) if key.as_str() < prefix => Bound::Included(prefix.to_owned()),
        Start::After(key) => Bound::Excluded(key.clone()),
        Start::Beyond(group) => beyond(group),
    };
    'jump: loop {
        for (key, value) in keys.range((bound.clone(), Bound::Unbounded)) {
            if !key.starts_with(prefix) {
                return (lines, false);
            }
            let group = delimiter.and_then(|delimiter| {
                let end = key[prefix.len()..].find(delimiter)? + prefix.len() + delimiter.len();
                Some(&key[..end])
            });
            if let (Some(group), Start::Beyond(left)) = (group, start)
                && group == left
            {
                continue;
            }
            if !shown(value) {
                continue;
            }
            let again = group.is_some_and(|group| lines.last() == Some(&Line::Group(group.to_owned())));
            if again {
                // Behind the jump come only keys that go on with the last character there is.
                continue;
            }
            if lines.len() == limit {
                return (lines, true);
            }
            match group {
                None => lines.push(Line::Key(key.clone())),
                Some(group) => {
                    bound = beyond(group);
                    lines.push(Line::Group(group.to_owned()));
                    continue 'jump;
                }
            }
        }
        return (lines, false);
    }
}

/// The first place behind all keys that begin with `group`, but for keys that go on with the last character
/// there is; those are recognised as the same group when met.
fn beyond(group: &str) -> Bound<String> {
    Bound::Excluded(format!("{group}{}", char::MAX))
}

/// A page of current objects, in the terms of both editions of the operation.
struct Listed {
    contents: Vec<Object>,
    groups: Vec<CommonPrefix>,
    last: Option<Line>,
    truncated: bool,
}

/// What a page is asked for.
struct Wanted<'a> {
    bucket: &'a str,
    prefix: &'a str,
    delimiter: Option<&'a str>,
    start: &'a Start,
    limit: i32,
    encode: bool,
    with_owner: bool,
}

fn list(asked: &Asked<'_>, wanted: &Wanted<'_>) -> S3Result<Listed> {
    let owner = wanted.with_owner.then(|| owner(asked));
    let storage = locked(&asked.core.storage);
    let bucket = storage.buckets.get(wanted.bucket).ok_or_else(no_such_bucket)?;
    let is_current = |versions: &Versions| versions.last().is_some_and(|version| version.object.is_some());
    let limit = usize::try_from(wanted.limit).unwrap_or(0);
    let (lines, truncated) =
        page(&bucket.keys, wanted.prefix, wanted.delimiter, wanted.start, limit, is_current);
    let last = lines.last().cloned();
    let mut listed =
        Listed { contents: Vec::new(), groups: Vec::new(), last, truncated: truncated && limit > 0 };
    for line in lines {
        match line {
            Line::Group(group) => {
                listed.groups.push(CommonPrefix { prefix: Some(encoded(&group, wanted.encode)) });
            }
            Line::Key(key) => listed.contents.extend(object(bucket, &key, wanted.encode, owner.clone())),
        }
    }
    Ok(listed)
}

fn object(bucket: &Stored, key: &str, encode: bool, owner: Option<Owner>) -> Option<Object> {
    let (version, blob) = bucket.current(key)?;
    Some(Object {
        checksum_algorithm: Some(vec![checksum_algorithm(&blob)]),
        checksum_type: Some(blob.checksum_kind().dto()),
        e_tag: Some(ETag::Strong(blob.etag.clone())),
        key: Some(encoded(key, encode)),
        last_modified: Some(timestamp(version.modified)),
        owner,
        restore_status: None,
        size: Some(blob.data.len() as i64),
        storage_class: Some(ObjectStorageClass::from(storage_class(&blob))),
    })
}

pub(super) fn checksum_algorithm(blob: &Blob) -> ChecksumAlgorithm {
    ChecksumAlgorithm::from_static(blob.checksum_algorithm().name())
}

pub(super) fn storage_class(blob: &Blob) -> String {
    blob.headers.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned())
}

/// What `encoding-type=url` does to keys.
pub(super) fn encoded(text: &str, encode: bool) -> String {
    if encode { utf8_percent_encode(text, IN_URL_ENCODING).to_string() } else { text.to_owned() }
}

pub(super) fn wants_encoding(encoding: Option<&EncodingType>) -> S3Result<bool> {
    match encoding.map(EncodingType::as_str) {
        None => Ok(false),
        Some("url") => Ok(true),
        Some(_) => Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request")),
    }
}

pub(super) fn page_size(asked: Option<i32>) -> S3Result<i32> {
    match asked {
        None => Ok(MOST_KEYS),
        Some(negative) if negative < 0 => {
            Err(s3_error!(InvalidArgument, "Argument maxKeys must be an integer between 0 and 2147483647"))
        }
        Some(size) => Ok(size.min(MOST_KEYS)),
    }
}

pub(super) async fn second_edition(
    asked: &Asked<'_>,
    request: &mut S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = &request.input;
    let encode = wants_encoding(input.encoding_type.as_ref())?;
    let max_keys = page_size(input.max_keys)?;
    let start = match (&input.continuation_token, &input.start_after) {
        (Some(token), _) => read_token(token)
            .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))?,
        (None, Some(key)) if !key.is_empty() => Start::After(key.clone()),
        _ => Start::Beginning,
    };
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = input.delimiter.as_deref();
    let listed = list(
        asked,
        &Wanted {
            bucket: &input.bucket,
            prefix: &prefix,
            delimiter,
            start: &start,
            limit: max_keys,
            encode,
            with_owner: input.fetch_owner == Some(true),
        },
    )?;
    done(ListObjectsV2Output {
        name: Some(input.bucket.clone()),
        prefix: Some(encoded(&prefix, encode)),
        max_keys: Some(max_keys),
        key_count: Some((listed.contents.len() + listed.groups.len()) as i32),
        continuation_token: input.continuation_token.clone(),
        is_truncated: Some(listed.truncated),
        next_continuation_token: listed.last.as_ref().filter(|_| listed.truncated).map(write_token),
        contents: Some(listed.contents),
        common_prefixes: Some(listed.groups),
        delimiter: input.delimiter.as_ref().map(|delimiter| encoded(delimiter, encode)),
        encoding_type: input.encoding_type.clone(),
        start_after: input.start_after.as_ref().map(|key| encoded(key, encode)),
        request_charged: None,
    })
}

pub(super) async fn first_edition(
    asked: &Asked<'_>,
    request: &mut S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let input = &request.input;
    let encode = wants_encoding(input.encoding_type.as_ref())?;
    let max_keys = page_size(input.max_keys)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = input.delimiter.as_deref();
    let start = marker(input.marker.as_deref(), &prefix, delimiter);
    let listed = list(
        asked,
        &Wanted {
            bucket: &input.bucket,
            prefix: &prefix,
            delimiter,
            start: &start,
            limit: max_keys,
            encode,
            with_owner: true,
        },
    )?;
    // Without a delimiter the last key is the next marker, and S3 leaves it to the client to see that.
    let next_marker = listed.last.as_ref().filter(|_| listed.truncated && delimiter.is_some()).map(|line| {
        let (Line::Key(text) | Line::Group(text)) = line;
        encoded(text, encode)
    });
    done(ListObjectsOutput {
        name: Some(input.bucket.clone()),
        prefix: Some(encoded(&prefix, encode)),
        marker: Some(encoded(input.marker.as_deref().unwrap_or_default(), encode)),
        max_keys: Some(max_keys),
        is_truncated: Some(listed.truncated),
        contents: Some(listed.contents),
        common_prefixes: Some(listed.groups),
        delimiter: input.delimiter.as_ref().map(|delimiter| encoded(delimiter, encode)),
        next_marker,
        encoding_type: input.encoding_type.clone(),
        request_charged: None,
    })
}

/// A marker that is itself a group stands for all its keys.
pub(super) fn marker(marker: Option<&str>, prefix: &str, delimiter: Option<&str>) -> Start {
    match (marker.filter(|marker| !marker.is_empty()), delimiter.filter(|delimiter| !delimiter.is_empty())) {
        (None, _) => Start::Beginning,
        (Some(marker), Some(delimiter))
            if marker
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.find(delimiter) == rest.len().checked_sub(delimiter.len())) =>
        {
            Start::Beyond(marker.to_owned())
        }
        (Some(marker), _) => Start::After(marker.to_owned()),
    }
}

fn write_token(line: &Line) -> String {
    URL_SAFE_NO_PAD.encode(match line {
        Line::Key(key) => format!("k{key}"),
        Line::Group(group) => format!("g{group}"),
    })
}

fn read_token(token: &str) -> Option<Start> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    match text.split_at_checked(1)? {
        ("k", key) => Some(Start::After(key.to_owned())),
        ("g", group) => Some(Start::Beyond(group.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The same listing, slowly: all lines at once, from first principles.
    fn all_lines(keys: &BTreeMap<String, ()>, prefix: &str, delimiter: Option<&str>) -> Vec<Line> {
        let mut seen = BTreeSet::new();
        keys.keys()
            .filter_map(|key| {
                let rest = key.strip_prefix(prefix)?;
                match delimiter
                    .and_then(|delimiter| rest.split_once(delimiter).map(|(head, _)| (head, delimiter)))
                {
                    None => Some(Line::Key(key.clone())),
                    Some((head, delimiter)) => {
                        let group = format!("{prefix}{head}{delimiter}");
                        seen.insert(group.clone()).then_some(Line::Group(group))
                    }
                }
            })
            .collect()
    }

    proptest! {
        #[test]
        fn pages_join_to_the_whole(
            names in proptest::collection::btree_set("[ab/\u{10ffff}]{1,5}", 0..40),
            prefix in "[ab/]{0,2}",
            delimiter in proptest::option::of("[/b]"),
            limit in 1_usize..5,
        ) {
            let keys: BTreeMap<String, ()> = names.into_iter().map(|name| (name, ())).collect();
            let mut joined = Vec::new();
            let mut start = Start::Beginning;
            loop {
                let (lines, truncated) = page(&keys, &prefix, delimiter.as_deref(), &start, limit, |()| true);
                prop_assert!(lines.len() <= limit);
                if let Some(last) = lines.last() {
                    start = read_token(&write_token(last)).unwrap();
                }
                joined.extend(lines);
                if !truncated {
                    break;
                }
            }
            prop_assert_eq!(joined, all_lines(&keys, &prefix, delimiter.as_deref()));
        }
    }

    #[test]
    fn url_encoding_of_keys() {
        assert_eq!(encoded("a b+c/\u{e4}%", true), "a%20b%2Bc/%C3%A4%25");
        assert_eq!(encoded("a b", false), "a b");
    }
}

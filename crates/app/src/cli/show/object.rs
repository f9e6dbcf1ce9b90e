//! Objects and buckets, one at a time.

use std::io;

use pintail_core::address::Address;
use serde::Serialize;

use super::facts;
use crate::cli::render::Output;
use crate::cli::render::text::{size, time};
use crate::ops::object::Stat;
use crate::ops::presign::Presigned;

#[derive(Serialize)]
struct StatLine<'a> {
    r#type: &'static str,
    bucket: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum_algorithm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a std::collections::BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
}

/// Shows what is known of an object or a bucket.
pub(in crate::cli) fn stat(output: &Output, stat: &Stat) -> io::Result<()> {
    let mut line = StatLine {
        r#type: "bucket",
        bucket: "",
        key: None,
        size: None,
        modified: None,
        etag: None,
        version: None,
        checksum_algorithm: None,
        checksum: None,
        storage_class: None,
        content_type: None,
        metadata: None,
        region: None,
    };
    let mut pairs: Vec<(&str, String)> = Vec::new();
    match stat {
        Stat::Bucket(bucket, info) => {
            line.bucket = bucket.as_str();
            line.region = info.region.as_ref().map(AsRef::as_ref);
            pairs.push(("bucket", bucket.to_string()));
            pairs.extend(info.region.as_ref().map(|region| ("region", region.to_string())));
        }
        Stat::Object(bucket, key, info) => {
            line.r#type = "object";
            line.bucket = bucket.as_str();
            line.key = Some(key.as_str());
            line.size = Some(info.size_bytes);
            line.modified = info.last_modified.map(|time| time.to_string());
            line.etag = info.etag.as_ref().map(ToString::to_string);
            line.version = info.version.as_deref();
            line.checksum_algorithm = info.checksum.map(|sum| sum.algorithm().name());
            line.checksum = info.checksum.map(|sum| sum.to_string());
            line.storage_class = info.storage_class.as_deref();
            line.content_type = info.traits.content_type.as_deref();
            line.metadata = Some(&info.traits.metadata).filter(|metadata| !metadata.is_empty());
            pairs.push(("bucket", bucket.to_string()));
            pairs.push(("key", key.to_string()));
            let exact =
                if info.size_bytes < 1024 { String::new() } else { format!(" ({} bytes)", info.size_bytes) };
            pairs.push(("size", size(info.size_bytes) + &exact));
            pairs.extend(info.last_modified.map(|at| ("modified", time(at) + " UTC")));
            pairs.extend(info.traits.content_type.clone().map(|text| ("type", text)));
            pairs.extend(info.storage_class.clone().map(|text| ("class", text)));
            pairs.extend(info.etag.as_ref().map(|etag| ("etag", etag.to_string())));
            pairs.extend(info.version.clone().map(|text| ("version", text)));
            pairs.extend(info.checksum.map(|sum| ("checksum", format!("{sum:?}"))));
            pairs.extend(
                info.traits.metadata.iter().map(|(name, value)| ("metadata", format!("{name}: {value}"))),
            );
        }
    }
    output.data(&line, || facts(output, &pairs))
}

#[derive(Serialize)]
struct BucketLine<'a> {
    event: &'static str,
    bucket: &'a str,
}

/// Says that a bucket was made.
pub(in crate::cli) fn bucket_made(output: &Output, address: &Address) -> io::Result<()> {
    bucket_event(output, "bucket_made", "made", address)
}

/// Says that a bucket was removed.
pub(in crate::cli) fn bucket_removed(output: &Output, address: &Address) -> io::Result<()> {
    bucket_event(output, "bucket_removed", "removed", address)
}

fn bucket_event(output: &Output, event: &'static str, word: &str, address: &Address) -> io::Result<()> {
    if output.is_json() {
        let bucket = address.bucket.as_ref().map(AsRef::as_ref).unwrap_or_default();
        return output.json_line(&BucketLine { event, bucket });
    }
    output.say(&format!("{word} {address}"));
    Ok(())
}

#[derive(Serialize)]
struct PresignedLine<'a> {
    url: &'a str,
    until: String,
}

/// Shows a presigned address: the one thing we print that grants access.
pub(in crate::cli) fn presigned(output: &Output, presigned: &Presigned) -> io::Result<()> {
    let line = PresignedLine { url: presigned.url.expose(), until: presigned.ends_at.to_string() };
    output.data(&line, || presigned.url.expose().to_owned())?;
    let why = if presigned.cut { ", when your session ends" } else { "" };
    output.say(&format!("works until {} UTC{why}; whoever has it can use it", time(presigned.ends_at)));
    Ok(())
}

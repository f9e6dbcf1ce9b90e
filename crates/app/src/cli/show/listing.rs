//! Entries of a listing.

use std::io;

use serde::Serialize;

use crate::cli::render::table::{Align, table};
use crate::cli::render::text::{harmless, size, time};
use crate::cli::render::{Output, Style};
use crate::ops::list::Entry;

/// Shows entries as they come: at once as JSON lines or names, in blocks that line up with `--long`.
pub(in crate::cli) struct Listing<'a> {
    output: &'a Output,
    long: bool,
    waiting: Vec<Vec<String>>,
    objects: u64,
    size_bytes: u64,
}

/// How many lines of a long listing are lined up together: more would let the first one wait too long.
const BLOCK: usize = 200;

#[derive(Serialize)]
struct Line<'a> {
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
    storage_class: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
}

impl<'a> Listing<'a> {
    pub(in crate::cli) fn new(output: &'a Output, long: bool) -> Self {
        Self { output, long, waiting: Vec::new(), objects: 0, size_bytes: 0 }
    }

    pub(in crate::cli) fn entry(&mut self, entry: Entry) -> io::Result<()> {
        if self.output.is_json() {
            return self.output.json_line(&line(&entry));
        }
        let (size_text, time_text, name) = match &entry {
            Entry::Bucket(bucket) => {
                (String::new(), bucket.created.map(time).unwrap_or_default(), format!("{}/", bucket.name))
            }
            Entry::Prefix(_, prefix) => (String::new(), String::new(), harmless(prefix.as_str()).to_string()),
            Entry::Object(_, object) => {
                self.objects += 1;
                self.size_bytes += object.size_bytes;
                (
                    size(object.size_bytes),
                    time(object.last_modified),
                    harmless(object.key.as_str()).to_string(),
                )
            }
        };
        let name = match &entry {
            Entry::Object(..) => name,
            Entry::Bucket(_) | Entry::Prefix(..) => self.output.data_style(Style::Code, &name),
        };
        if !self.long {
            return self.output.text_line(&name);
        }
        self.waiting.push(vec![size_text, time_text, name]);
        if self.waiting.len() == BLOCK { self.flush() } else { Ok(()) }
    }

    pub(in crate::cli) fn end(mut self) -> io::Result<()> {
        self.flush()?;
        if self.long && self.objects > 1 {
            self.output.say(&format!("{} objects, {}", self.objects, size(self.size_bytes)));
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.waiting);
        self.output.text_line(&table(&[Align::Right, Align::Left, Align::Left], &rows))
    }
}

fn line(entry: &Entry) -> Line<'_> {
    let empty = Line {
        r#type: "object",
        bucket: "",
        key: None,
        size: None,
        modified: None,
        etag: None,
        storage_class: None,
        region: None,
    };
    match entry {
        Entry::Bucket(bucket) => Line {
            r#type: "bucket",
            bucket: bucket.name.as_str(),
            modified: bucket.created.map(|time| time.to_string()),
            region: bucket.region.as_ref().map(AsRef::as_ref),
            ..empty
        },
        Entry::Prefix(bucket, prefix) => {
            Line { r#type: "prefix", bucket: bucket.as_str(), key: Some(prefix.as_str()), ..empty }
        }
        Entry::Object(bucket, object) => Line {
            bucket: bucket.as_str(),
            key: Some(object.key.as_str()),
            size: Some(object.size_bytes),
            modified: Some(object.last_modified.to_string()),
            etag: object.etag.as_ref().map(ToString::to_string),
            storage_class: object.storage_class.as_deref(),
            ..empty
        },
    }
}

//! What a comparison found: a line for everything that differs, and what it came to.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use serde::Serialize;

use super::counted;
use crate::cli::Outcome;
use crate::cli::render::text::{harmless, harmless_words, many};
use crate::cli::render::{Lines, Output, tolerate_closed_pipe};
use crate::explain::Exit;
use crate::ops::transfer::engine::diff::Side;
use crate::ops::transfer::engine::local::Unfit;
use crate::ops::transfer::engine::name::Name;
use crate::ops::transfer::engine::verify::{Difference, Listener, Means, Summary, What};

/// Hears of a comparison. Differences are what was asked for: they are data.
pub(in crate::cli) struct VerifyFace<'a> {
    output: &'a Output,
    lines: Lines,
    broken: Mutex<Option<io::Error>>,
}

#[derive(Serialize)]
struct DifferenceLine<'a> {
    event: &'static str,
    name: &'a str,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    right_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
}

#[derive(Serialize)]
struct VerifiedLine {
    event: &'static str,
    equal: bool,
    same_by_size: u64,
    same_by_checksum: u64,
    same_by_reading: u64,
    missing_left: u64,
    missing_right: u64,
    size: u64,
    content: u64,
    kind: u64,
    unclear: u64,
    nowhere: u64,
    downloaded_bytes: u64,
    read_bytes: u64,
}

impl<'a> VerifyFace<'a> {
    pub(in crate::cli) fn new(output: &'a Output) -> Self {
        Self { output, lines: Lines::default(), broken: Mutex::new(None) }
    }

    fn tell(&self, line: &DifferenceLine<'_>, words: &str) {
        let written = if self.output.is_json() {
            self.lines.json(line)
        } else {
            self.lines.data(&format!("{}: {words}", harmless(line.name)))
        };
        if let Err(error) = written {
            self.broken.lock().expect("no holder of this lock panics").get_or_insert(error);
        }
    }
}

impl Listener for VerifyFace<'_> {
    fn same(&self, name: &Name, by: Means) {
        if self.output.is_verbose() && !self.output.is_json() {
            let by = match by {
                Means::Size => "size alone",
                Means::Checksum => "checksum",
                Means::Reading => "reading both",
            };
            self.lines.talk(&format!("same: {} (by {by})", harmless(name.as_str())));
        }
    }

    fn differs(&self, difference: &Difference) {
        let mut line = DifferenceLine {
            event: "differs",
            name: difference.name.as_str(),
            what: "",
            why: None,
            left_size: None,
            right_size: None,
            at: None,
        };
        let words = match &difference.what {
            What::Missing(Side::Left) => {
                line.what = "missing_left";
                "only the second has it".to_owned()
            }
            What::Missing(Side::Right) => {
                line.what = "missing_right";
                "only the first has it".to_owned()
            }
            What::Kind { .. } => {
                line.what = "kind";
                "one is a file and the other is none".to_owned()
            }
            What::Size { left_bytes, right_bytes } => {
                line.what = "size";
                (line.left_size, line.right_size) = (Some(*left_bytes), Some(*right_bytes));
                format!("{left_bytes} bytes in the first, {right_bytes} in the second")
            }
            What::Content { at } => {
                line.what = "content";
                line.at = *at;
                match at {
                    Some(at) => format!("other bytes from byte {at} on"),
                    None => "other bytes of the same size".to_owned(),
                }
            }
            What::Unclear(why) => {
                line.event = "unclear";
                line.what = "unclear";
                let why = why.to_string();
                line.why = Some(why.clone());
                format!("cannot be compared: {}", harmless_words(&why))
            }
        };
        self.tell(&line, &words);
    }

    fn nowhere(&self, name: &str) {
        let line = DifferenceLine {
            event: "differs",
            name,
            what: "nowhere",
            why: None,
            left_size: None,
            right_size: None,
            at: None,
        };
        self.tell(&line, "neither side has it");
    }

    fn unfit(&self, path: &Path, why: &Unfit) {
        let (name, why) = (path.display().to_string(), why.to_string());
        let event = "unclear";
        let line = DifferenceLine {
            event,
            name: &name,
            what: "unfit",
            why: Some(why.clone()),
            left_size: None,
            right_size: None,
            at: None,
        };
        self.tell(&line, &format!("not looked at: {}", harmless_words(&why)));
    }
}

/// Shows what a comparison came to.
pub(in crate::cli) fn verified(output: &Output, face: VerifyFace<'_>, summary: &Summary) -> Outcome {
    let flushed = face.lines.flush();
    let broken = face.broken.lock().expect("no holder of this lock panics").take();
    tolerate_closed_pipe(broken.map_or(flushed, Err))?;
    let (unclear, equal) = (summary.unclear, summary.is_equal());
    if output.is_json() {
        tolerate_closed_pipe(output.json_line(&VerifiedLine {
            event: "done",
            equal,
            same_by_size: summary.same_by_size,
            same_by_checksum: summary.same_by_checksum,
            same_by_reading: summary.same_by_reading,
            missing_left: summary.missing_left,
            missing_right: summary.missing_right,
            size: summary.size,
            content: summary.content,
            kind: summary.kind,
            unclear,
            nowhere: summary.nowhere,
            downloaded_bytes: summary.downloaded_bytes,
            read_bytes: summary.read_bytes,
        }))?;
    } else {
        let mut text = if equal {
            format!("equal: {}", many(summary.same(), "file"))
        } else {
            format!("not equal: {} the same", many(summary.same(), "file"))
        };
        counted(&mut text, summary.same_by_checksum, "by checksum");
        counted(&mut text, summary.same_by_reading, "by reading both");
        counted(&mut text, summary.same_by_size, "by size alone");
        counted(&mut text, summary.differences(), "different");
        counted(&mut text, unclear, "not compared");
        counted(&mut text, summary.nowhere, "on neither side");
        output.say(&text);
    }
    Ok(match (equal, summary.stopped) {
        (_, true) => Exit::Interrupted,
        (true, false) => Exit::Done,
        (false, false) => Exit::Failed,
    })
}

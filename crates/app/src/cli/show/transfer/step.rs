//! One step of a transfer in words, and as a program sees it.

use serde::Serialize;

use super::object_of;
use crate::explain::Explanation;
use crate::ops::transfer::Told;
use crate::ops::transfer::engine::diff::Side;
use crate::ops::transfer::engine::journal::Proof;
use crate::ops::transfer::engine::plan::{Place, Refusal, Skip, Step, Task};

/// One step as a program sees it.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    causes: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    next: &'a [String],
}

impl<'a> Line<'a> {
    /// A step with where it is, and no more.
    pub(super) fn new(event: &'static str, told: &Told<'_>) -> Self {
        let mut line = Self {
            event,
            from: None,
            to: None,
            what: None,
            bucket: None,
            key: None,
            size: None,
            proof: None,
            why: None,
            message: None,
            code: None,
            causes: &[],
            next: &[],
        };
        match &told.step.task {
            Task::Delete(side) => {
                let place = if *side == Side::Left { &told.route.from } else { &told.route.to };
                (line.bucket, line.key) = object_of(place, told.step.name.as_str()).unzip();
                line.what = Some(what(told));
            }
            Task::MakeFolder(_) | Task::SetMetadata(_) | Task::Skip(_) | Task::Refuse(_) => {
                line.what = Some(what(told));
            }
            _ => (line.from, line.to) = (Some(told.from()), Some(told.to())),
        }
        line
    }

    /// A step that is done.
    pub(super) fn done(told: &Told<'_>, size_bytes: u64, proof: Option<Proof>) -> Self {
        let moves = told.step.task.moves_bytes();
        let proof = proof.map(|proof| match proof {
            Proof::Checksum => "checksum",
            Proof::Length => "length",
        });
        Self { size: moves.then_some(size_bytes), proof, ..Self::new(step_event(told.step).0, told) }
    }

    /// A step that would be done.
    pub(super) fn would(told: &Told<'_>) -> Self {
        // Nobody knows how much comes from standard input.
        let known = told.step.task.moves_bytes() && told.route.from != Place::Stdio;
        Self { size: known.then_some(told.step.size_bytes), ..Self::new(step_event(told.step).1, told) }
    }

    /// A step that failed.
    pub(super) fn failed(told: &Told<'_>, explanation: &'a Explanation) -> Self {
        Self {
            message: Some(&explanation.message),
            code: Some(explanation.exit.number()),
            causes: &explanation.causes,
            next: &explanation.next,
            ..Self::new(step_event(told.step).2, told)
        }
    }

    /// Something that is left out.
    pub(super) fn left_out(event: &'static str, told: &Told<'_>, why: String) -> Self {
        Self { what: Some(what(told)), why: Some(why), ..Self::new(event, told) }
    }
}

/// Names what a step does: done, to be done, and failed.
pub(super) fn step_event(step: &Step) -> (&'static str, &'static str, &'static str) {
    match &step.task {
        Task::Upload | Task::Download | Task::CopyWithin | Task::CopyThrough if step.takes => {
            ("moved", "would_move", "move_failed")
        }
        Task::Upload | Task::Download | Task::CopyWithin | Task::CopyThrough => {
            ("copied", "would_copy", "copy_failed")
        }
        Task::Delete(_) => ("deleted", "would_delete", "delete_failed"),
        Task::MakeFolder(_) => ("folder_made", "would_make_folder", "folder_failed"),
        Task::Move(_) => ("renamed", "would_rename", "rename_failed"),
        Task::SetMetadata(_) => ("metadata_set", "would_set_metadata", "metadata_failed"),
        Task::Skip(_) => ("skipped", "skipped", "skipped"),
        Task::Refuse(_) => ("refused", "refused", "refused"),
    }
}

/// Names what a step is about, in one place.
pub(super) fn what(told: &Told<'_>) -> String {
    match &told.step.task {
        Task::Delete(Side::Right) | Task::MakeFolder(Side::Right) | Task::SetMetadata(Side::Right) => {
            told.to()
        }
        Task::Skip(Skip::Exists | Skip::Extra) => told.to(),
        _ => told.from(),
    }
}

/// Names what is deleted: objects by bucket and key alone.
pub(super) fn deleted(told: &Told<'_>) -> String {
    let place = match &told.step.task {
        Task::Delete(Side::Right) => &told.route.to,
        _ => &told.route.from,
    };
    match object_of(place, told.step.name.as_str()) {
        Some((bucket, key)) => format!("s3://{bucket}/{key}"),
        None => what(told),
    }
}

/// Says why nothing had to be done.
pub(super) fn skipped_words(skip: Skip) -> &'static str {
    match skip {
        Skip::Exists => "it exists already",
        Skip::Same => "both are the same",
        Skip::NotNewer => "the target is as new or newer",
        Skip::Extra => "only the target has it",
        Skip::Link => "it is a symbolic link",
        Skip::Special => "it is no regular file",
        Skip::Placeholder => "it only stands for a folder",
        Skip::Unfinished => "it is named like an unfinished download",
    }
}

/// Tells whether somebody may wonder why it was not copied. That most of a tree is as it was is no news.
pub(super) fn is_news(skip: Skip) -> bool {
    match skip {
        Skip::Exists | Skip::NotNewer | Skip::Link | Skip::Special | Skip::Placeholder | Skip::Unfinished => {
            true
        }
        Skip::Same | Skip::Extra => false,
    }
}

/// Says why something is not done that was asked for.
pub(super) fn refused_words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Name(why) => why.to_string(),
        Refusal::Unreadable(why) => why.to_string(),
        Refusal::TooLarge => "it is larger than the largest object".to_owned(),
    }
}

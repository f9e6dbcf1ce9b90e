//! What is seen of a sync that goes on: that it watches, its rounds, and what is in its way.

use std::io;
use std::time::Duration;

use serde::Serialize;

use super::list::strays;
use super::report::summary;
use super::{TransferFace, nothing_to_do};
use crate::cli::Failure;
use crate::cli::render::text::{harmless, harmless_words, many};
use crate::cli::render::{Output, Style, tolerate_closed_pipe};
use crate::explain::{Explanation, explain};
use crate::ops::Error;
use crate::ops::transfer::engine::execute::Report;
use crate::ops::transfer::engine::policy::mirror::DeleteRefusal;
use crate::ops::transfer::engine::prepare::PrepareError;
use crate::ops::transfer::engine::watch::{Changes, NoEvents, Why};
use crate::ops::transfer::watch::{Notice, Round};
use crate::ops::transfer::{DoneKinds, Labels};

#[derive(Serialize)]
struct WatchingLine<'a> {
    event: &'static str,
    source: &'a str,
    target: &'a str,
    poll_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_events: Option<String>,
}

#[derive(Serialize)]
struct RoundLine {
    event: &'static str,
    everything: bool,
    names: usize,
    copied: u64,
    deleted: u64,
    others: u64,
    unchanged: u64,
    moved_bytes: u64,
    verified: u64,
    skipped: u64,
    refused: u64,
    failed: u64,
    not_tried: u64,
    retries: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    again_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
}

#[derive(Serialize)]
struct TroubleLine<'a> {
    event: &'static str,
    message: &'a str,
    causes: &'a [String],
    next: &'a [String],
    code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    again_seconds: Option<u64>,
}

#[derive(Serialize)]
struct NoticeLine {
    event: &'static str,
    why: String,
}

/// Says that it watches.
pub(in crate::cli) fn watching(
    output: &Output,
    labels: &Labels,
    no_events: Option<&NoEvents>,
    poll: Duration,
) -> io::Result<()> {
    let poll_seconds = poll.as_secs();
    if output.is_json() {
        let no_events = no_events.map(ToString::to_string);
        let (source, target) = (labels.from.as_str(), labels.to.as_str());
        return output.json_line(&WatchingLine {
            event: "watching",
            source,
            target,
            poll_seconds,
            no_events,
        });
    }
    if let Some(why) = no_events {
        walks(output, why);
    }
    let from = if labels.from.is_empty() { "this folder" } else { &labels.from };
    output.say(&format!("watching {}; Ctrl-C ends it", harmless(from)));
    Ok(())
}

fn walks(output: &Output, why: &NoEvents) {
    output.insist(&format!(
        "{} {why}: the folder is walked every so often",
        output.talk_style(Style::Bad, "warning:")
    ));
    if matches!(why, NoEvents::Limit { .. }) {
        let next = output.talk_style(Style::Strong, "next:");
        output.insist(&format!(
            "{next} Raise the limit with `sudo sysctl fs.inotify.max_user_watches=1048576` and start again, or go on like this."
        ));
    }
}

/// Says what is to be said between rounds.
pub(in crate::cli) fn watch_notice(output: &Output, notice: &Notice) -> io::Result<()> {
    let (event, why) = match notice {
        Notice::LookFailed(error) => {
            return trouble(output, "look_failed", &explain(error), None);
        }
        Notice::Walks(why) => {
            if !output.is_json() {
                walks(output, why);
                return Ok(());
            }
            ("walks", why.to_string())
        }
        Notice::Everything(why) => {
            let why = match why {
                Why::Many => "very much changed at once",
                Why::Missed => "the system dropped some of what it had to tell",
                Why::Gap => "nothing was watched for a moment",
            };
            ("compares", why.to_owned())
        }
    };
    if output.is_json() {
        return output.json_line(&NoticeLine { event, why });
    }
    output.say(&format!("{why}: everything is compared"));
    Ok(())
}

/// Says that somebody has to sign in, and that it waits for that.
pub(in crate::cli) fn waits_for_sign_in(output: &Output, error: &Error) -> io::Result<()> {
    trouble(output, "waits_for_sign_in", &explain(error), None)?;
    output.say("it goes on by itself after that");
    Ok(())
}

/// Says that a round failed as a whole.
pub(in crate::cli) fn round_failed(output: &Output, error: &Error, wait: Duration) -> io::Result<()> {
    trouble(output, "round_failed", &explain(error), Some(wait))
}

/// Says that nothing is deleted in a round.
pub(in crate::cli) fn deletions_refused(output: &Output, refusal: DeleteRefusal) -> io::Result<()> {
    let explanation = explain(&Error::Prepare(PrepareError::Deletions(refusal)));
    if !output.is_json() {
        output.insist(&format!(
            "{} nothing is deleted in this round",
            output.talk_style(Style::Bad, "warning:")
        ));
    }
    trouble(output, "deletions_refused", &explanation, None)
}

fn trouble(
    output: &Output,
    event: &'static str,
    explanation: &Explanation,
    wait: Option<Duration>,
) -> io::Result<()> {
    let again_seconds = wait.map(|wait| wait.as_secs());
    if output.is_json() {
        output.json_line(&TroubleLine {
            event,
            message: &explanation.message,
            causes: &explanation.causes,
            next: &explanation.next,
            code: explanation.exit.number(),
            again_seconds,
        })?;
    }
    let all: Vec<&str> =
        std::iter::once(&explanation.message).chain(&explanation.causes).map(String::as_str).collect();
    output.insist(&format!(
        "{} {}",
        output.talk_style(Style::Bad, "failed:"),
        harmless_words(&all.join(": "))
    ));
    for next in &explanation.next {
        output.insist(&format!("{} {}", output.talk_style(Style::Strong, "next:"), harmless_words(next)));
    }
    again(output, again_seconds);
    Ok(())
}

fn again(output: &Output, seconds: Option<u64>) {
    if let Some(seconds) = seconds {
        output.say(&format!("it is tried again in {}", many(seconds, "second")));
    }
}

/// Takes a face away that shows nothing more.
pub(in crate::cli) fn quiet(face: TransferFace<'_>) -> Result<(), Failure> {
    face.flush();
    face.progress.clear();
    let broken = face.broken.lock().expect("no holder of this lock panics").take();
    drop(face);
    Ok(tolerate_closed_pipe(broken.map_or(Ok(()), Err))?)
}

/// Shows what came of a round. One that had nothing to do is told to people only if it is the first.
pub(in crate::cli) fn round(
    output: &Output,
    face: TransferFace<'_>,
    changes: &Changes,
    round: Round,
    is_first: bool,
    wait: Option<Duration>,
) -> Result<(), Failure> {
    let (verb, seen) =
        (face.verb, face.seen.lock().expect("no holder of this lock panics").unwrap_or_default());
    quiet(face)?;
    let again_seconds = wait.map(|wait| wait.as_secs());
    let (everything, names) = match changes {
        Changes::Everything(_) => (true, 0),
        Changes::Names(names) => (false, names.len()),
    };
    let (run, done, report) = match round.ended {
        None => (None, DoneKinds::default(), None),
        Some(ended) => match ended.report {
            Err(error) => {
                trouble(output, "round_failed", &explain(&Error::Execute(error)), wait)?;
                return Ok(());
            }
            Ok(report) => (ended.run.map(|run| run.to_string()), ended.done, Some(report)),
        },
    };
    if output.is_json() {
        let count = |of: fn(&Report) -> u64| report.as_ref().map_or(0, of);
        let line = RoundLine {
            event: "round",
            everything,
            names,
            copied: done.copies,
            deleted: done.deletes,
            others: done.others,
            unchanged: seen.same,
            moved_bytes: count(|report| report.moved_bytes),
            verified: count(|report| report.proved),
            skipped: count(|report| report.skipped),
            refused: count(|report| report.refused),
            failed: count(|report| report.failed),
            not_tried: count(|report| report.not_tried),
            retries: count(|report| report.retries),
            again_seconds,
            run,
        };
        tolerate_closed_pipe(output.json_line(&line))?;
    } else if let Some(report) = &report {
        output.say(&summary(verb, report, done, seen.same));
        strays(output, &report.strays);
    } else if is_first {
        output.say(&nothing_to_do(seen.same, 0));
    }
    again(output, again_seconds);
    Ok(())
}

//! What came of a transfer: one line, the exit code, and the command that goes on with it.

use std::time::Duration;

use serde::Serialize;

use super::{TransferFace, counted, files};
use crate::cli::render::text::{count, harmless, harmless_words, many, size, took};
use crate::cli::render::{Output, Style, tolerate_closed_pipe};
use crate::cli::{Failure, Outcome};
use crate::explain::{Exit, explain};
use crate::ops::Error;
use crate::ops::transfer::engine::execute::{ExecuteError, Report, StepError};
use crate::ops::transfer::engine::journal::Outcome as RunOutcome;
use crate::ops::transfer::engine::prepare::Seen;
use crate::ops::transfer::{DoneKinds, Ended, Verb};

#[derive(Serialize)]
struct SummaryLine {
    event: &'static str,
    outcome: &'static str,
    copied: u64,
    deleted: u64,
    others: u64,
    unchanged: u64,
    size: u64,
    moved_bytes: u64,
    verified: u64,
    skipped: u64,
    refused: u64,
    failed: u64,
    not_tried: u64,
    retries: u64,
    seconds: f64,
    bytes_per_second: u64,
    /// After a sync both ways: how many copies each side got.
    #[serde(skip_serializing_if = "Option::is_none")]
    ways: Option<[WayLine; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
}

#[derive(Serialize)]
struct WayLine {
    to: String,
    copied: u64,
}

/// What one or several executions came to.
#[derive(Debug, Default)]
pub(in crate::cli) struct Tally {
    /// Steps that are done.
    pub(in crate::cli) done: u64,
    /// Steps that failed, and addresses that could not be listed.
    pub(in crate::cli) failed: u64,
    refused: u64,
    not_tried: u64,
    /// The first failure.
    pub(in crate::cli) first: Option<Error>,
    took: Duration,
    retries: u64,
    run: Option<String>,
    interrupted: bool,
}

impl Tally {
    /// Adds what came of one execution.
    pub(in crate::cli) fn add(&mut self, ended: Ended) -> Result<(), Failure> {
        let run = ended.run.as_ref().map(ToString::to_string);
        let report = ended.report.map_err(failed)?;
        self.done += report.done;
        self.failed += report.failed;
        self.refused += report.refused;
        self.not_tried += report.not_tried;
        self.took += report.took;
        self.retries += report.retries;
        self.interrupted |= report.outcome == RunOutcome::Interrupted;
        self.run = self.run.take().or(run);
        if let Some(error) = report.first_failure {
            self.first.get_or_insert(Error::Step(error));
        }
        Ok(())
    }

    /// Adds something that could not be tried at all.
    pub(in crate::cli) fn add_failure(&mut self, error: Error) {
        self.failed += 1;
        self.first.get_or_insert(error);
    }
}

/// Turns what ended everything into a failure of the command. Standard output that nobody reads any more is judged by the caller.
fn failed(error: ExecuteError) -> Error {
    match error {
        ExecuteError::Step(step) => match std::sync::Arc::try_unwrap(step) {
            Ok(StepError::Stdio(error)) => Error::Stdio(error),
            Ok(step) => Error::Step(step.into()),
            Err(step) => match &*step {
                StepError::Stdio(error) => Error::Stdio(std::io::Error::new(error.kind(), error.to_string())),
                _ => Error::Step(step),
            },
        },
        error => Error::Execute(error),
    }
}

/// Shows what came of a copy, a move or a sync.
pub(in crate::cli) fn report(
    output: &Output,
    face: TransferFace<'_>,
    ended: Ended,
    seen: Option<Seen>,
) -> Outcome {
    face.flush();
    face.progress.clear();
    let verb = face.verb;
    let broken = face.broken.lock().expect("no holder of this lock panics").take();
    drop(face);
    tolerate_closed_pipe(broken.map_or(Ok(()), Err))?;
    let run = ended.run.map(|run| run.to_string());
    let (done, unchanged) = (ended.done, seen.map_or(0, |seen| seen.same));
    let report = match ended.report {
        Ok(report) => report,
        Err(error) => {
            hint(output, run.as_deref());
            return Err(failed(error).into());
        }
    };
    if output.is_json() {
        let mut line = summary_line(&report, run.clone(), done, unchanged);
        line.ways = ended.ways.map(|ways| ways.map(|(to, copied)| WayLine { to, copied }));
        tolerate_closed_pipe(output.json_line(&line))?;
    } else if report.done + report.failed + report.refused + report.not_tried > 1 || verb == Verb::Sync {
        output.say(&summary(verb, &report, done, unchanged));
        for (to, copied) in ended.ways.into_iter().flatten().filter(|(_, copied)| *copied > 0) {
            let to = if to.is_empty() { "." } else { &to };
            output.say(&format!("  {} to {}", count(copied), harmless(to)));
        }
    }
    if let Some(error) = &ended.unremembered {
        let explanation = explain(error);
        output.insist(&format!(
            "what both sides have in common could not be kept, so that the next sync compares contents: {}",
            harmless_words(&explanation.message)
        ));
    }
    if report.outcome == RunOutcome::Interrupted {
        return Ok(Exit::Interrupted);
    }
    if report.failed + report.not_tried > 0 {
        hint(output, run.as_deref());
    }
    let failed = report.failed + report.refused + report.not_tried;
    let first = report.first_failure.map(Error::Step);
    Ok(ending(output, report.done, failed, first.as_ref()))
}

/// Says how to go on with a run.
fn hint(output: &Output, run: Option<&str>) {
    if let Some(run) = run {
        let next = output.talk_style(Style::Strong, "next:");
        output.say(&format!("{next} What failed is tried again by `pintail transfers resume {run}`."));
    }
}

fn rate(report: &Report) -> u64 {
    let seconds = report.took.as_secs_f64();
    if seconds > 0.0 { (report.moved_bytes as f64 / seconds).round() as u64 } else { 0 }
}

fn summary_line(report: &Report, run: Option<String>, done: DoneKinds, unchanged: u64) -> SummaryLine {
    SummaryLine {
        event: "done",
        outcome: match report.outcome {
            RunOutcome::Complete => "complete",
            RunOutcome::Failed => "failed",
            RunOutcome::Interrupted => "interrupted",
            RunOutcome::Cancelled => "cancelled",
        },
        copied: done.copies,
        deleted: done.deletes,
        others: done.others,
        unchanged,
        size: report.done_bytes,
        moved_bytes: report.moved_bytes,
        verified: report.proved,
        skipped: report.skipped,
        refused: report.refused,
        failed: report.failed,
        not_tried: report.not_tried,
        retries: report.retries,
        seconds: (report.took.as_secs_f64() * 1000.0).round() / 1000.0,
        bytes_per_second: rate(report),
        ways: None,
        run,
    }
}

/// Says it in one line: `copied 10,000 files (39.1 MiB) in 1.2 s, 32.6 MiB/s, 10,000 verified, 3 retries`.
pub(super) fn summary(verb: Verb, report: &Report, done: DoneKinds, unchanged: u64) -> String {
    let bad = report.failed + report.refused + report.not_tried;
    if verb == Verb::Sync && report.done + bad == 0 {
        let mut text = "nothing to do".to_owned();
        counted(&mut text, unchanged, "unchanged");
        counted(&mut text, report.skipped, "skipped");
        return text;
    }
    let copied = files(done.copies, report.done_bytes);
    let mut text = format!("{} {copied} in {}", verb.done(), took(report.took));
    if report.moved_bytes > 0 {
        text.push_str(&format!(", {}/s", size(rate(report))));
    }
    counted(&mut text, report.proved, "verified");
    counted(&mut text, done.deletes, "deleted");
    counted(&mut text, done.others, "other changes");
    counted(&mut text, unchanged, "unchanged");
    if report.retries > 0 {
        let retries = if report.retries == 1 { "retry" } else { "retries" };
        text.push_str(&format!(", {} {retries}", count(report.retries)));
    }
    for (number, word) in [
        (report.skipped, "skipped"),
        (report.refused, "refused"),
        (report.failed, "failed"),
        (report.not_tried, "not tried"),
    ] {
        counted(&mut text, number, word);
    }
    text
}

/// Decides the exit code of many, and shows the advice that belongs to the first failure.
fn ending(output: &Output, done: u64, failed: u64, first: Option<&Error>) -> Exit {
    if failed == 0 {
        return Exit::Done;
    }
    let exit = match first {
        Some(error) => {
            let explanation = explain(error);
            for next in &explanation.next {
                output.say(&format!(
                    "{} {}",
                    output.talk_style(Style::Strong, "next:"),
                    harmless_words(next)
                ));
            }
            explanation.exit
        }
        None => Exit::Failed,
    };
    if done > 0 { Exit::Partly } else { exit }
}

#[derive(Serialize)]
struct RemovedLine {
    event: &'static str,
    deleted: u64,
    failed: u64,
    #[serde(skip_serializing_if = "is_zero")]
    not_tried: u64,
    retries: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Shows what came of deletions.
pub(in crate::cli) fn removal_report(output: &Output, face: TransferFace<'_>, tally: Tally) -> Outcome {
    face.flush();
    face.progress.clear();
    let broken = face.broken.lock().expect("no holder of this lock panics").take();
    drop(face);
    tolerate_closed_pipe(broken.map_or(Ok(()), Err))?;
    if output.is_json() {
        let line = RemovedLine {
            event: "done",
            deleted: tally.done,
            failed: tally.failed + tally.refused,
            not_tried: tally.not_tried,
            retries: tally.retries,
            run: tally.run.clone(),
        };
        tolerate_closed_pipe(output.json_line(&line))?;
    } else if tally.done + tally.failed > 1 {
        let mut text = format!("deleted {} in {}", many(tally.done, "object"), took(tally.took));
        counted(&mut text, tally.failed, "failed");
        counted(&mut text, tally.not_tried, "not tried");
        output.say(&text);
    }
    if tally.interrupted {
        return Ok(Exit::Interrupted);
    }
    let failed = tally.failed + tally.refused + tally.not_tried;
    Ok(ending(output, tally.done, failed, tally.first.as_ref()))
}

#[derive(Serialize)]
struct DeleteFailedLine<'a> {
    event: &'static str,
    bucket: &'a str,
    key: &'a str,
    message: &'a str,
    code: u8,
}

/// Says that nothing could be deleted at an address.
pub(in crate::cli) fn delete_failed(
    output: &Output,
    face: &TransferFace<'_>,
    what: &[pintail_core::address::Place],
    error: &Error,
) {
    let explanation = explain(error);
    for place in what {
        let pintail_core::address::Place::Remote(address) = place else { continue };
        let (bucket, key) =
            (address.bucket.as_ref().map(AsRef::as_ref).unwrap_or_default(), address.key.as_str());
        if output.is_json() {
            let code = explanation.exit.number();
            let message = explanation.message.as_str();
            let event = "delete_failed";
            face.note(face.lines.json(&DeleteFailedLine { event, bucket, key, message, code }));
        }
        face.insist(&format!(
            "failed: s3://{bucket}/{}: {}",
            harmless(key),
            harmless_words(&explanation.message)
        ));
    }
}

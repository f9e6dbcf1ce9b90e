//! What came of a transfer: one line, the exit code, and the command that goes on with it.

use std::time::Duration;

use serde::Serialize;

use super::list::{StrayLine, strays};
use super::{TransferFace, counted, deeds, nothing_to_do, other_deeds};
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
    /// Names of the list of names that are nowhere.
    #[serde(skip_serializing_if = "is_zero")]
    missing: u64,
    retries: u64,
    seconds: f64,
    bytes_per_second: u64,
    /// After a sync both ways: how many copies each side got.
    #[serde(skip_serializing_if = "Option::is_none")]
    ways: Option<[WayLine; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown_uploads: Vec<StrayLine>,
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

    /// Adds something that was not tried any more.
    pub(in crate::cli) fn leave_out(&mut self) {
        self.not_tried += 1;
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
    let missing = seen.map_or(0, |seen| seen.missing);
    let report = match ended.report {
        Ok(report) => report,
        Err(error) => {
            hint(output, run.as_deref());
            return Err(failed(error).into());
        }
    };
    if output.is_json() {
        let mut line = summary_line(&report, run.clone(), done, unchanged);
        line.missing = missing;
        line.ways = ended.ways.map(|ways| ways.map(|(to, copied)| WayLine { to, copied }));
        tolerate_closed_pipe(output.json_line(&line))?;
    } else if report.done + report.failed + report.refused + report.not_tried + missing != 1
        || verb == Verb::Sync
    {
        let mut text = summary(verb, &report, done, unchanged);
        counted(&mut text, missing, "missing");
        output.say(&text);
        for (to, copied) in ended.ways.into_iter().flatten().filter(|(_, copied)| *copied > 0) {
            let to = if to.is_empty() { "." } else { &to };
            output.say(&format!("  {} to {}", count(copied), harmless(to)));
        }
    }
    if !output.is_json() {
        strays(output, &report.strays);
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
    // What is as it should be already counts as what was done: the second time ends as the first did.
    let fine = report.done + unchanged + report.skipped;
    if failed == 0 && missing > 0 && fine == 0 {
        return Ok(Exit::NotFound);
    }
    Ok(ending(output, fine, failed + missing, first.as_ref()))
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
        missing: 0,
        retries: report.retries,
        seconds: (report.took.as_secs_f64() * 1000.0).round() / 1000.0,
        bytes_per_second: rate(report),
        ways: None,
        run,
        unknown_uploads: StrayLine::all(&report.strays),
    }
}

/// Says what was done in one line: `copied 10,000 files (39.1 MiB) in 1.2 s, 32.6 MiB/s, 10,000 verified, 3 retries`, `deleted 3 files in 40 ms`,
/// `nothing to do: 50 files are the same`.
pub(super) fn summary(verb: Verb, report: &Report, done: DoneKinds, unchanged: u64) -> String {
    let bad = report.failed + report.refused + report.not_tried;
    let what = match deeds([verb.done(), "deleted"], done, report.done_bytes) {
        Some(what) => what,
        None if bad == 0 => return nothing_to_do(unchanged, report.skipped),
        None => format!("{} nothing", verb.done()),
    };
    let mut text = format!("{what} in {}", took(report.took));
    if report.moved_bytes > 0 {
        text.push_str(&format!(", {}/s", size(rate(report))));
    }
    counted(&mut text, report.proved, "verified");
    other_deeds(&mut text, done, "deleted");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_and_nothing_else() {
        let nothing = Report {
            outcome: RunOutcome::Complete,
            done: 0,
            done_bytes: 0,
            moved_bytes: 0,
            proved: 0,
            skipped: 0,
            refused: 0,
            failed: 0,
            not_tried: 0,
            retries: 0,
            took: Duration::from_millis(40),
            first_failure: None,
            strays: Vec::new(),
        };
        let copied = Report { done_bytes: 40_000, moved_bytes: 40_000, proved: 2, ..nothing.clone() };
        let failed = Report { failed: 3, ..nothing.clone() };
        let skipped = Report { skipped: 5, ..nothing.clone() };
        let kinds = |copies, deletes, others| DoneKinds { copies, copies_back: None, deletes, others };
        for (verb, report, done, unchanged, expected) in [
            (Verb::Sync, &nothing, kinds(0, 3, 0), 50, "deleted 3 files in 40 ms, 50 unchanged"),
            (Verb::Sync, &nothing, kinds(0, 1, 2), 0, "deleted 1 file in 40 ms, 2 other changes"),
            (Verb::Sync, &nothing, kinds(0, 0, 2), 0, "2 other changes in 40 ms"),
            (Verb::Sync, &nothing, kinds(0, 0, 0), 50, "nothing to do: 50 files are the same"),
            (Verb::Cp, &nothing, kinds(0, 0, 0), 1, "nothing to do: 1 file is the same"),
            (Verb::Cp, &skipped, kinds(0, 0, 0), 0, "nothing to do, 5 skipped"),
            (Verb::Mv, &failed, kinds(0, 0, 0), 0, "moved nothing in 40 ms, 3 failed"),
            (
                Verb::Cp,
                &copied,
                kinds(2, 1, 0),
                0,
                "copied 2 files (39.1 KiB) in 40 ms, 977 KiB/s, 2 verified, 1 deleted",
            ),
        ] {
            assert_eq!(summary(verb, report, done, unchanged), expected);
        }
    }
}

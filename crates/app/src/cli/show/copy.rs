//! Copies and deletions.

use std::io;
use std::sync::Mutex;

use pintail_core::name::BucketName;
use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::render::text::{harmless, harmless_words, size};
use crate::cli::render::{Output, Progress, Style, tolerate_closed_pipe};
use crate::explain::{Exit, explain};
use crate::ops::Error;
use crate::ops::copy::{Copied, Plan, Proof, Report, SkipReason, Skipped, Step, Talk};
use crate::ops::remove;

#[derive(Serialize)]
struct StepLine<'a> {
    event: &'static str,
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<Proof>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    causes: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    next: &'a [String],
}

#[derive(Serialize)]
struct SkippedLine<'a> {
    event: &'static str,
    what: &'a str,
    why: String,
}

#[derive(Serialize)]
struct SummaryLine {
    event: &'static str,
    copied: u64,
    size: u64,
    skipped: u64,
    refused: u64,
    failed: u64,
    not_tried: u64,
}

fn step_line(event: &'static str, step: &Step) -> StepLine<'static> {
    StepLine {
        event,
        from: step.from.to_string(),
        to: step.to.to_string(),
        size: step.size_bytes,
        proof: None,
        message: None,
        code: None,
        causes: &[],
        next: &[],
    }
}

fn reason(why: &SkipReason) -> String {
    match why {
        SkipReason::Exists => "it exists already".into(),
        SkipReason::Key(refusal) => refusal.rule.into(),
        SkipReason::NotAFile => "it is no regular file".into(),
        SkipReason::NotUnicode => "its name is not Unicode, and keys are".into(),
        SkipReason::TooLong => "its key would have more than 1024 bytes".into(),
        SkipReason::Unreadable(why) => why.clone(),
        SkipReason::Placeholder => "it only stands for a folder".into(),
    }
}

fn skipped_line(skipped: &Skipped) -> SkippedLine<'_> {
    let event = if skipped.why.is_refusal() { "refused" } else { "skipped" };
    SkippedLine { event, what: &skipped.what, why: reason(&skipped.why) }
}

/// Shows a plan that is not carried out.
pub(in crate::cli) fn copy_plan(output: &Output, plan: &Plan) -> Outcome {
    for step in &plan.steps {
        output.data(&step_line("would_copy", step), || {
            let how_much = step.size_bytes.map(size).unwrap_or_default();
            format!(
                "{how_much:>10}  {} -> {}",
                harmless(&step.from.to_string()),
                harmless(&step.to.to_string())
            )
        })?;
    }
    for skipped in &plan.skipped {
        output.data(&skipped_line(skipped), || {
            format!("{:>10}  {} ({})", "skip", harmless(&skipped.what), reason(&skipped.why))
        })?;
    }
    output.say(&format!("would copy {} ({})", count(plan.steps.len() as u64), size(plan.size_bytes())));
    Ok(Exit::Done)
}

/// Shows copies while they happen.
pub(in crate::cli) struct CopyTalk<'a> {
    output: &'a Output,
    progress: Progress,
    /// The first failure of standard output, which ends the run afterwards.
    broken: Mutex<Option<io::Error>>,
}

impl<'a> CopyTalk<'a> {
    pub(in crate::cli) fn new(output: &'a Output) -> Self {
        Self { output, progress: output.progress(), broken: Mutex::new(None) }
    }

    fn note(&self, written: io::Result<()>) {
        if let Err(error) = written {
            self.broken.lock().expect("no holder of this lock panics").get_or_insert(error);
        }
    }
}

impl Talk for CopyTalk<'_> {
    fn expect(&self, copies: usize, size_bytes: u64) {
        self.progress.expect(size_bytes, &count(copies as u64));
    }

    fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.output.bytes(bytes)
    }

    fn advance(&self, size_bytes: u64) {
        self.progress.advance(size_bytes);
    }

    fn copied(&self, step: &Step, copied: &Copied) {
        if self.output.is_json() {
            let line = StepLine {
                size: Some(copied.size_bytes),
                proof: Some(copied.proof),
                ..step_line("copied", step)
            };
            self.note(self.output.json_line(&line));
        } else {
            let (from, to) = (step.from.to_string(), step.to.to_string());
            let note = match copied.proof {
                Proof::Checksum => "",
                Proof::Length => ", no checksum to compare",
            };
            self.progress.suspend(|| {
                self.output.say(&format!(
                    "{} -> {} ({}{note})",
                    harmless(&from),
                    harmless(&to),
                    size(copied.size_bytes)
                ));
            });
        }
    }

    fn failed(&self, step: &Step, error: &Error) {
        let explanation = explain(error);
        if self.output.is_json() {
            let line = StepLine {
                message: Some(&explanation.message),
                code: Some(explanation.exit.number()),
                causes: &explanation.causes,
                next: &explanation.next,
                ..step_line("copy_failed", step)
            };
            self.note(self.output.json_line(&line));
        }
        self.progress.suspend(|| {
            let word = self.output.talk_style(Style::Bad, "failed:");
            let why: Vec<String> =
                std::iter::once(&explanation.message).chain(&explanation.causes).cloned().collect();
            let from = step.from.to_string();
            self.output.insist(&format!("{word} {}: {}", harmless(&from), harmless_words(&why.join(": "))));
        });
    }

    fn skipped(&self, skipped: &Skipped) {
        if self.output.is_json() {
            self.note(self.output.json_line(&skipped_line(skipped)));
        } else {
            let text = format!(
                "{}: {} ({})",
                skipped_line(skipped).event,
                harmless(&skipped.what),
                reason(&skipped.why)
            );
            self.progress.suspend(|| {
                if skipped.why.is_refusal() { self.output.insist(&text) } else { self.output.say(&text) }
            });
        }
    }
}

/// Shows what came of all copies.
pub(in crate::cli) fn copy_report(output: &Output, talk: CopyTalk<'_>, report: &Report) -> Outcome {
    talk.progress.finish();
    let broken = talk.broken.into_inner().expect("no holder of this lock panics");
    tolerate_closed_pipe(broken.map_or(Ok(()), Err))?;
    if output.is_json() {
        tolerate_closed_pipe(output.json_line(&SummaryLine {
            event: "done",
            copied: report.copied,
            size: report.size_bytes,
            skipped: report.skipped,
            refused: report.refused,
            failed: report.failed,
            not_tried: report.not_tried,
        }))?;
    } else if report.copied + report.failed + report.refused + report.not_tried > 1 {
        let mut text = format!("copied {} ({})", count(report.copied), size(report.size_bytes));
        let others = [
            (report.skipped, "skipped"),
            (report.refused, "refused"),
            (report.failed, "failed"),
            (report.not_tried, "not tried"),
        ];
        for (number, word) in others {
            if number > 0 {
                text.push_str(&format!(", {number} {word}"));
            }
        }
        output.say(&text);
    }
    let failed = report.failed + report.refused + report.not_tried;
    Ok(ending(output, report.copied, failed, report.first_failure.as_ref()))
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
struct DeletedLine<'a> {
    event: &'static str,
    bucket: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Shows deletions while they happen.
pub(in crate::cli) struct RemoveTalk<'a> {
    output: &'a Output,
    dry_run: bool,
    /// The first failure of standard output. Deleting goes on: half of it would be worse.
    broken: Option<io::Error>,
}

impl<'a> RemoveTalk<'a> {
    pub(in crate::cli) fn new(output: &'a Output, dry_run: bool) -> Self {
        Self { output, dry_run, broken: None }
    }

    pub(in crate::cli) fn event(&mut self, event: remove::Event<'_>) {
        let (bucket, key, error) = match event {
            remove::Event::Deleted(bucket, key) => (bucket, key, None),
            remove::Event::Failed(bucket, key, error) => (bucket, key, Some(error)),
        };
        let word = match (error, self.dry_run) {
            (Some(_), _) => "delete_failed",
            (None, true) => "would_delete",
            (None, false) => "deleted",
        };
        if let Err(error) = self.show(word, bucket, key, error) {
            self.broken.get_or_insert(error);
        }
    }

    fn show(
        &self,
        event: &'static str,
        bucket: &BucketName,
        key: &str,
        error: Option<&Error>,
    ) -> io::Result<()> {
        let message = error.map(|error| explain(error).message);
        if self.output.is_json() {
            return self.output.json_line(&DeletedLine { event, bucket: bucket.as_str(), key, message });
        }
        let place = format!("s3://{bucket}/{}", harmless(key));
        match message {
            Some(message) => self.output.insist(&format!("failed: {place}: {}", harmless_words(&message))),
            None if self.dry_run => self.output.text_line(&place)?,
            None => self.output.say(&format!("deleted {place}")),
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct RemovedLine {
    event: &'static str,
    deleted: u64,
    failed: u64,
}

/// Shows what came of all deletions.
pub(in crate::cli) fn remove_report(
    output: &Output,
    talk: RemoveTalk<'_>,
    report: &remove::Report,
    dry_run: bool,
) -> Outcome {
    tolerate_closed_pipe(talk.broken.map_or(Ok(()), Err))?;
    if output.is_json() {
        let line = RemovedLine { event: "done", deleted: report.deleted, failed: report.failed };
        tolerate_closed_pipe(output.json_line(&line))?;
    } else if dry_run || report.deleted + report.failed > 1 {
        let word = if dry_run { "would delete" } else { "deleted" };
        output.say(&format!("{word} {}", count(report.deleted)));
    }
    Ok(ending(output, report.deleted, report.failed, report.first_failure.as_ref()))
}

fn count(number: u64) -> String {
    if number == 1 { "1 object".into() } else { format!("{number} objects") }
}

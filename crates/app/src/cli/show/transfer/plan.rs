//! A plan before it is carried out: as a dry run, and the deletions that a person is asked about.

use std::io;

use serde::Serialize;

use super::step::{Line, deleted, refused_words, skipped_words, step_event, what};
use super::{TransferFace, counted, deeds, nothing_to_do, other_deeds};
use crate::cli::render::text::{count, harmless, harmless_words, many, size};
use crate::cli::render::{Output, Style};
use crate::cli::{Failure, Outcome};
use crate::explain::Exit;
use crate::ops::Error;
use crate::ops::prices::{Estimate, EstimateLine};
use crate::ops::transfer::engine::plan::Task;
use crate::ops::transfer::engine::prepare::PrepareError;
use crate::ops::transfer::{DoneKinds, Planned, Verb};

/// So many deletions are named before a person is asked.
const NAMED_MAX: usize = 20;

/// What a plan comes to.
#[derive(Serialize)]
pub(super) struct PlannedEvent {
    event: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    copies: u64,
    deletes: u64,
    others: u64,
    skipped: u64,
    refused: u64,
    size: u64,
    requests: RequestCounts,
    seen: SeenCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<EstimateLine>,
}

#[derive(Serialize)]
struct RequestCounts {
    writes: u64,
    reads: u64,
    deletes: u64,
}

#[derive(Serialize)]
struct SeenCounts {
    source: u64,
    target: u64,
    same: u64,
    left_out: u64,
    pages: u64,
}

pub(super) fn planned_event(planned: &Planned, dry_run: bool) -> PlannedEvent {
    let (totals, seen) = (planned.plan.totals(), &planned.seen);
    PlannedEvent {
        event: "planned",
        dry_run,
        copies: totals.copies,
        deletes: totals.deletes,
        others: totals.others,
        skipped: totals.skipped,
        refused: totals.refused,
        size: totals.moved_bytes(),
        requests: RequestCounts {
            writes: totals.requests.writes,
            reads: totals.requests.reads,
            deletes: totals.requests.deletes,
        },
        seen: SeenCounts {
            source: seen.left,
            target: seen.right,
            same: seen.same,
            left_out: seen.left_out,
            pages: seen.pages,
        },
        cost: planned.estimate.as_ref().map(Estimate::line),
    }
}

/// Shows a plan that is not carried out.
pub(in crate::cli) fn dry_run(output: &Output, face: &TransferFace<'_>, planned: &Planned) -> Outcome {
    face.progress.clear();
    let lines = &face.lines;
    for step in planned.plan.steps() {
        let (_, step) = step.map_err(|error| Error::Prepare(PrepareError::Plan(error)))?;
        let told = planned.told(&step);
        if output.is_json() {
            match &step.task {
                Task::Skip(skip) => {
                    lines.json(&Line::left_out("skipped", &told, skipped_words(*skip).into()))?;
                }
                Task::Refuse(refusal) => {
                    lines.json(&Line::left_out("refused", &told, refused_words(refusal)))?;
                }
                _ => lines.json(&Line::would(&told))?,
            }
            continue;
        }
        let text = match &step.task {
            Task::Skip(skip) => {
                format!("{:>10}  {} ({})", "skip", harmless(&what(&told)), skipped_words(*skip))
            }
            Task::Refuse(refusal) => format!(
                "{:>10}  {} ({})",
                "refuse",
                harmless(&what(&told)),
                harmless_words(&refused_words(refusal))
            ),
            Task::Delete(_) if planned.request.verb == Verb::Rm => harmless(&deleted(&told)).to_string(),
            Task::Delete(_) => format!("{:>10}  {}", "delete", harmless(&what(&told))),
            Task::MakeFolder(_) => format!("{:>10}  {}", "folder", harmless(&what(&told))),
            Task::SetMetadata(_) => format!("{:>10}  {}", "set time", harmless(&what(&told))),
            Task::Move(_) => {
                format!("{:>10}  {} -> {}", "rename", harmless(&told.from()), harmless(&told.to()))
            }
            _ => format!(
                "{:>10}  {} -> {}",
                size(step.size_bytes),
                harmless(&told.from()),
                harmless(&told.to())
            ),
        };
        lines.data(&text)?;
    }
    if output.is_json() {
        lines.json(&planned_event(planned, true))?;
    }
    lines.flush()?;
    output.say(&would(planned));
    if let Some(estimate) = &planned.estimate {
        output.say(&estimate.text());
    }
    refused(planned)?;
    Ok(Exit::Done)
}

/// Says what would be done, in one line.
fn would(planned: &Planned) -> String {
    let totals = planned.plan.totals();
    let (copies, deletes, others) = (totals.copies, totals.deletes, totals.others);
    let kinds = DoneKinds { copies, copies_back: None, deletes, others };
    let copy = format!("would {}", planned.request.verb.deed());
    let what = match planned.request.verb {
        Verb::Rm => Some(format!("would delete {}", many(deletes, "object"))),
        _ => deeds([&copy, "would delete"], kinds, totals.moved_bytes()),
    };
    let mut text = match what {
        None => nothing_to_do(planned.seen.same, totals.skipped),
        Some(mut text) => {
            other_deeds(&mut text, kinds, "to delete");
            counted(&mut text, planned.seen.same, "unchanged");
            counted(&mut text, totals.skipped, "to skip");
            text
        }
    };
    counted(&mut text, totals.refused, "refused");
    counted(&mut text, planned.seen.missing, "missing");
    let requests = totals.requests;
    let all = requests.writes + requests.reads + requests.deletes;
    text.push_str(&format!(
        "; about {}: {} writing, {} reading, {} deleting",
        many(all, "request"),
        count(requests.writes),
        count(requests.reads),
        count(requests.deletes)
    ));
    text
}

/// Shows the deletions of a plan first, and asks where there is somebody to ask. Fails where more would be deleted than may be.
pub(in crate::cli) async fn confirm_deletions(
    output: &Output,
    face: &TransferFace<'_>,
    planned: &Planned,
    yes: bool,
) -> Result<bool, Failure> {
    let deletes = planned.plan.totals().deletes;
    if planned.request.verb != Verb::Sync || deletes == 0 {
        return Ok(true);
    }
    face.progress.clear();
    let asks = output.can_ask() && !yes;
    if asks || planned.refusal.is_some() {
        list_deletions(output, planned)?;
    }
    refused(planned)?;
    if !asks {
        return Ok(true);
    }
    let question = format!("Delete these {}?", count(deletes));
    Ok(output.confirm(&question).await?.unwrap_or(false))
}

/// Fails with the reason why nothing of a plan may be done.
fn refused(planned: &Planned) -> Result<(), Error> {
    match planned.refusal {
        Some(refusal) => Err(Error::Prepare(PrepareError::Deletions(refusal))),
        None => Ok(()),
    }
}

fn list_deletions(output: &Output, planned: &Planned) -> io::Result<()> {
    let mut named = 0;
    let mut text = output.talk_style(Style::Strong, "would be deleted:");
    for step in planned.plan.steps() {
        let (_, step) = step.map_err(io::Error::other)?;
        if !matches!(step.task, Task::Delete(_)) {
            continue;
        }
        let told = planned.told(&step);
        if output.is_json() {
            output.json_line(&Line::new(step_event(&step).1, &told))?;
            continue;
        }
        named += 1;
        if named > NAMED_MAX {
            break;
        }
        text.push_str(&format!("\n  {}", harmless(&what(&told))));
    }
    if output.is_json() {
        return Ok(());
    }
    let more = planned.plan.totals().deletes.saturating_sub(NAMED_MAX as u64);
    if more > 0 {
        text.push_str(&format!("\n  and {} more; --dry-run lists all of them", count(more)));
    }
    output.insist(&text);
    Ok(())
}

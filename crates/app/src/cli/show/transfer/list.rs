//! The runs of this machine, and what was cleared away.

use std::io;

use serde::Serialize;

use super::super::facts;
use crate::cli::render::text::{count, harmless, many, shell_word, size, time};
use crate::cli::render::{Output, Style};
use crate::explain::{Exit, explain};
use crate::ops::transfer::engine::execute::{Cancelled, Stray};
use crate::ops::transfer::engine::journal::{Begun, RunId, Status};
use crate::ops::transfer::engine::plan::Place;
use crate::ops::transfer::{Cleaned, Line, Orphans, Shown, place_words, routes_asked_for};

#[derive(Serialize)]
struct RunLine<'a> {
    r#type: &'static str,
    run: &'a str,
    state: &'static str,
    resumable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
}

fn run_line(line: &Line) -> RunLine<'_> {
    RunLine {
        r#type: "run",
        run: line.id.as_str(),
        state: line.word.as_str(),
        resumable: line.word.goes_on(),
        created: line.created.map(|at| at.to_string()),
        ended: line.ended.map(|at| at.to_string()),
        request: line.request.as_deref(),
    }
}

/// Shows the runs, the oldest first.
pub(in crate::cli) fn runs(output: &Output, runs: &[Line]) -> io::Result<()> {
    if runs.is_empty() {
        output.say("no transfers are kept");
    }
    let width = runs.iter().map(|line| line.word.as_str().len()).max().unwrap_or(0);
    for line in runs {
        output.data(&run_line(line), || {
            let request = line.request.as_deref().unwrap_or_default();
            format!("{}  {:width$}  {}", line.id, line.word.as_str().replace('_', " "), harmless(request))
        })?;
    }
    Ok(())
}

#[derive(Serialize)]
struct ShownLine<'a> {
    #[serde(flatten)]
    line: RunLine<'a>,
    tool: &'a str,
    places: Vec<Places>,
    steps: u64,
    done: u64,
    failed: u64,
    left: u64,
    skipped: u64,
    refused: u64,
    size: u64,
    moved: u64,
    verified: u64,
    begun: u64,
    begun_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Places {
    from: String,
    to: String,
}

/// Shows one run closely.
pub(in crate::cli) fn shown_run(output: &Output, shown: &Shown) -> io::Result<()> {
    let recorded = &shown.recorded;
    let (totals, state) = (recorded.plan.totals(), &recorded.state);
    let routes = routes_asked_for(&recorded.header.routes);
    let (done, failed) = (shown.count(Status::Done), shown.count(Status::Failed));
    let left = failed + shown.count(Status::Pending);
    let options = shown.request.as_ref().and_then(|request| serde_json::to_value(&request.options).ok());
    let line = ShownLine {
        line: run_line(&shown.line),
        tool: &recorded.header.tool,
        places: routes
            .iter()
            .map(|route| Places { from: place_words(&route.from), to: place_words(&route.to) })
            .collect(),
        steps: totals.steps,
        done,
        failed,
        left,
        skipped: totals.skipped + shown.count(Status::Skipped),
        refused: totals.refused,
        size: totals.moved_bytes(),
        moved: state.done_bytes(),
        verified: state.proved(),
        begun: state.leftovers().count() as u64,
        begun_bytes: state.leftovers().map(|(_, begun)| proved_bytes(begun)).sum(),
        last_failure: state.last_failure(),
        options,
    };
    output.data(&line, || {
        let mut pairs = vec![
            ("run", shown.line.id.to_string()),
            ("state", shown.line.word.as_str().replace('_', " ")),
            ("request", shown.line.request.clone().unwrap_or_default()),
        ];
        pairs.extend(shown.line.created.map(|at| ("began", time(at) + " UTC")));
        pairs.extend(shown.line.ended.map(|at| ("ended", time(at) + " UTC")));
        // One pair of places is said; of many the request says enough.
        if let [route] = routes {
            pairs.push(("from", place_words(&route.from)));
            if route.to != route.from && route.to != Place::Stdio {
                pairs.push(("to", place_words(&route.to)));
            }
        }
        pairs.push(("done", format!("{} of {}", count(done), count(done + left))));
        pairs.push(("bytes", format!("{} of {}", size(state.done_bytes()), size(totals.moved_bytes()))));
        pairs.push(("verified", count(state.proved())));
        if failed > 0 {
            pairs.push(("failed", count(failed)));
        }
        if line.begun > 0 {
            let there = size(line.begun_bytes);
            pairs.push(("begun", format!("{}, with {there} at their place", count(line.begun))));
        }
        pairs.extend(state.last_failure().map(|why| ("last failure", why.to_owned())));
        facts(output, &pairs)
    })?;
    if shown.line.word.goes_on() {
        output.say(&format!("next: Go on with `pintail transfers resume {}`.", shown.line.id));
    }
    Ok(())
}

/// Counts the bytes of what was begun that are at their place already.
fn proved_bytes(begun: &Begun) -> u64 {
    match begun {
        Begun::Upload { parts, .. } => parts.values().map(|part| part.size_bytes).sum(),
        Begun::Download { segments, .. } => segments.values().map(|segment| segment.length_bytes).sum(),
        Begun::Placed { size_bytes, .. } => *size_bytes,
    }
}

#[derive(Serialize)]
struct CleanedLine<'a> {
    event: &'static str,
    run: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Serialize)]
struct CleanSummary {
    event: &'static str,
    removed: usize,
    taken_back: u64,
    failed: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown_uploads: Vec<StrayLine>,
}

/// Shows which runs were forgotten.
pub(in crate::cli) fn clean_report(output: &Output, cleaned: &Cleaned) -> io::Result<Exit> {
    if output.is_json() {
        for run in &cleaned.removed {
            output.json_line(&CleanedLine { event: "removed", run: run.as_str(), message: None })?;
        }
        for (run, error) in &cleaned.failed {
            let message = Some(explain(error).message);
            output.json_line(&CleanedLine { event: "remove_failed", run: run.as_str(), message })?;
        }
        output.json_line(&CleanSummary {
            event: "done",
            removed: cleaned.removed.len(),
            taken_back: cleaned.taken_back,
            failed: cleaned.failed.len(),
            unknown_uploads: StrayLine::all(&cleaned.strays),
        })?;
    } else {
        for (run, error) in &cleaned.failed {
            output.insist(&format!("failed: {run}: {}", harmless(&explain(error).message)));
        }
        let mut text = format!("forgot {}", many(cleaned.removed.len() as u64, "transfer"));
        super::counted(&mut text, cleaned.taken_back, "uploads or files taken back");
        output.say(&text);
        strays(output, &cleaned.strays);
    }
    Ok(match (cleaned.removed.len(), cleaned.failed.first()) {
        (_, None) => Exit::Done,
        (0, Some((_, error))) => explain(error).exit,
        (_, Some(_)) => Exit::Partly,
    })
}

#[derive(Serialize)]
struct OrphanLine<'a> {
    event: &'static str,
    bucket: &'a str,
    key: &'a str,
    upload: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    initiated: Option<String>,
    parts: u64,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
}

/// Shows uploads that no transfer of this machine is going to finish.
pub(in crate::cli) fn orphan_list(output: &Output, event: &'static str, orphans: &Orphans) -> io::Result<()> {
    for orphan in &orphans.found {
        let upload = &orphan.upload;
        let line = OrphanLine {
            event,
            bucket: upload.bucket.as_str(),
            key: upload.key.as_str(),
            upload: &upload.id,
            initiated: orphan.initiated.map(|at| at.to_string()),
            parts: orphan.parts,
            size: orphan.size_bytes,
            run: orphan.run.as_ref().map(RunId::as_str),
        };
        output.data(&line, || {
            let since = orphan.initiated.map(|at| format!(", since {} UTC", time(at))).unwrap_or_default();
            let whose = match &orphan.run {
                Some(run) => format!(", of the transfer {run}"),
                None => String::new(),
            };
            format!(
                "s3://{}/{} ({}, {}{since}{whose})",
                upload.bucket,
                harmless(upload.key.as_str()),
                many(orphan.parts, "part"),
                size(orphan.size_bytes)
            )
        })?;
    }
    Ok(())
}

/// Says how many uploads there were.
pub(in crate::cli) fn orphan_count(output: &Output, word: &str, number: u64) {
    if !output.is_json() {
        output.say(&format!("{word} {}", many(number, "upload")));
    }
}

#[derive(Serialize)]
struct CancelledLine<'a> {
    event: &'static str,
    run: &'a str,
    taken_back: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown_uploads: Vec<StrayLine>,
}

/// Says that a run was given up.
pub(in crate::cli) fn cancelled(output: &Output, run: &RunId, cancelled: &Cancelled) -> io::Result<()> {
    let taken_back = cancelled.taken_back;
    if output.is_json() {
        return output.json_line(&CancelledLine {
            event: "cancelled",
            run: run.as_str(),
            taken_back,
            unknown_uploads: StrayLine::all(&cancelled.strays),
        });
    }
    let mut text = format!("gave up {run}");
    super::counted(&mut text, taken_back, "uploads or files taken back");
    output.say(&text);
    strays(output, &cancelled.strays);
    Ok(())
}

/// So many strays are told one by one.
const STRAYS_MAX: usize = 5;

/// A stray as a program sees it.
#[derive(Debug, Serialize)]
pub(super) struct StrayLine {
    address: String,
    upload: String,
}

impl StrayLine {
    pub(super) fn all(strays: &[Stray]) -> Vec<Self> {
        let line = |stray: &Stray| Self { address: address_of(stray), upload: stray.upload.id.clone() };
        strays.iter().map(line).collect()
    }
}

fn address_of(stray: &Stray) -> String {
    format!("{}:{}/{}", stray.bookmark, stray.upload.bucket, stray.upload.key)
}

/// Tells of uploads that are left alone because nobody can know whose they are, each with the command that shows it and asks.
pub(super) fn strays(output: &Output, strays: &[Stray]) {
    let mut addresses: Vec<String> = strays.iter().map(address_of).collect();
    addresses.dedup();
    for address in addresses.iter().take(STRAYS_MAX) {
        output.say(&format!(
            "left alone: an unfinished upload to {}, which holds nothing; whether this transfer began it or another program cannot be told",
            harmless(address)
        ));
        output.say(&format!(
            "{} `pintail transfers clean --orphans {} --older-than 0s` shows it, and asks before it is aborted.",
            output.talk_style(Style::Strong, "next:"),
            harmless(&shell_word(address))
        ));
    }
    if let Some(more @ 1..) = addresses.len().checked_sub(STRAYS_MAX) {
        output.say(&format!("and {} like it", many(more as u64, "upload")));
    }
}

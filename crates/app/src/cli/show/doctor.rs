//! What the doctor found.

use std::io;
use std::path::Path;

use serde::Serialize;

use crate::cli::render::text::harmless_words;
use crate::cli::render::{Output, Style};
use crate::doctor::checks::CHECKS;
use crate::doctor::finding::Rung;
use crate::doctor::{Finding, Level, Report};
use crate::ops::Error;

#[derive(Serialize)]
struct FindingLine<'a> {
    event: &'static str,
    #[serde(flatten)]
    finding: &'a Finding,
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    event: &'static str,
    broken_link: Option<&'a str>,
    ok: usize,
    info: usize,
    warning: usize,
    broken: usize,
    not_run: usize,
    bundle: Option<String>,
    exit: u8,
}

#[derive(Serialize)]
struct CheckLine<'a> {
    event: &'static str,
    check: &'a str,
    rung: Rung,
    title: &'a str,
    needs: &'a [&'a str],
}

/// Lists the checks.
pub(in crate::cli) fn checks(output: &Output) -> io::Result<()> {
    let width = CHECKS.iter().map(|check| check.id.len()).max().unwrap_or(0);
    let mut rung = None;
    for check in CHECKS {
        if output.is_json() {
            let line = CheckLine {
                event: "check",
                check: check.id,
                rung: check.rung,
                title: check.title,
                needs: check.needs,
            };
            output.json_line(&line)?;
            continue;
        }
        if rung != Some(check.rung) {
            output.text_line(&output.data_style(Style::Strong, check.rung.title()))?;
            rung = Some(check.rung);
        }
        let needs = if check.needs.is_empty() {
            String::new()
        } else {
            format!(" (needs {})", check.needs.join(", "))
        };
        output.text_line(&format!(
            "  {:width$}  {}{}",
            check.id,
            check.title,
            output.data_style(Style::Faint, &needs)
        ))?;
    }
    Ok(())
}

/// Says that the sign-in before the checks failed: they find out why.
pub(in crate::cli) fn sign_in_failed(output: &Output, error: &Error) {
    output.say(&format!("the sign-in failed: {}", harmless_words(&error.to_string())));
}

/// Shows what was found: what to mend first, then all checks up the ladder.
pub(in crate::cli) fn diagnosis(output: &Output, report: &Report, bundle: Option<&Path>) -> io::Result<()> {
    if output.is_json() {
        for finding in &report.findings {
            output.json_line(&FindingLine { event: "finding", finding })?;
        }
        return output.json_line(&SummaryLine {
            event: "summary",
            broken_link: report.first().map(|finding| finding.check),
            ok: report.count(Level::Ok),
            info: report.count(Level::Info),
            warning: report.count(Level::Warning),
            broken: report.count(Level::Broken),
            not_run: report.count(Level::NotRun),
            bundle: bundle.map(|path| path.display().to_string()),
            exit: report.exit().number(),
        });
    }
    output.text_line(&first(output, report))?;
    let width = report.findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let mut rung = None;
    for finding in &report.findings {
        if rung != Some(finding.rung) {
            output.text_line("")?;
            output.text_line(&output.data_style(Style::Strong, finding.rung.title()))?;
            rung = Some(finding.rung);
        }
        line(output, finding, width)?;
    }
    if let Some(path) = bundle {
        output.say(&format!("\nwrote {}; it holds no secret, and people are masked", path.display()));
    }
    Ok(())
}

/// Names what to mend first.
fn first(output: &Output, report: &Report) -> String {
    match report.first() {
        Some(finding) => {
            let (words, style) = match finding.level {
                Level::Broken => ("the broken link:", Style::Bad),
                _ => ("works, but:", Style::Strong),
            };
            let mut text = format!(
                "{} {}: {}",
                output.data_style(style, words),
                finding.check,
                harmless_words(&finding.seen)
            );
            for (name, value) in [("means:", &finding.means), ("next:", &finding.next)] {
                if !value.is_empty() {
                    text.push_str(&format!(
                        "\n  {} {}",
                        output.data_style(Style::Strong, name),
                        harmless_words(value)
                    ));
                }
            }
            text
        }
        None if report.count(Level::NotRun) > 0 => {
            format!("nothing is broken, as far as could be looked ({} not run)", report.count(Level::NotRun))
        }
        None => output.data_style(Style::Good, "nothing is broken"),
    }
}

fn line(output: &Output, finding: &Finding, width: usize) -> io::Result<()> {
    let (word, style) = match finding.level {
        Level::Ok => ("ok      ", Style::Good),
        Level::Info => ("info    ", Style::Code),
        Level::Warning => ("warning ", Style::Strong),
        Level::Broken => ("broken  ", Style::Bad),
        Level::NotRun => ("not run ", Style::Faint),
    };
    output.text_line(&format!(
        "  {}  {:width$}  {}",
        output.data_style(style, word),
        finding.check,
        harmless_words(&finding.seen)
    ))?;
    // What waits for another check to be mended has no advice of its own.
    let waits = finding.level == Level::NotRun && finding.because.is_some();
    if (finding.level == Level::Ok || waits) && !output.is_verbose() {
        return Ok(());
    }
    let indent = " ".repeat(14 + width);
    for (name, value) in [("means:", &finding.means), ("next:", &finding.next)] {
        if !value.is_empty() {
            output.text_line(&format!(
                "{indent}{} {}",
                output.data_style(Style::Strong, name),
                harmless_words(value)
            ))?;
        }
    }
    let shown = matches!(finding.level, Level::Broken | Level::Warning) || output.is_verbose();
    for evidence in finding.evidence.iter().filter(|_| shown) {
        let (sign, style) = if evidence.holds { ("+", Style::Good) } else { ("-", Style::Bad) };
        let actual = harmless_words(&evidence.actual);
        // What was merely seen is compared with nothing.
        let compared = match evidence.expected.as_str() {
            "" => actual.clone(),
            expected => format!("expected {}, is {actual}", harmless_words(expected)),
        };
        output.text_line(&format!(
            "{indent}{} {}: {compared}",
            output.data_style(style, sign),
            harmless_words(&evidence.what)
        ))?;
    }
    Ok(())
}

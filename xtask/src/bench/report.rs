//! How the transfer bench is told: a table on the terminal, JSON, and `docs/benchmarks.md`.
//!
//! Pure: rows, bars and facts about the machine in, text out. Every figure comes from the run.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::bars::Bar;
use super::result::{Row, find};

/// The peer that ratios are given to.
const NAMED_PEER: &str = "s5cmd";

/// What was measured on, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) memory: String,
    pub(crate) kernel: String,
    /// Programs and what they say of their version.
    pub(crate) versions: Vec<(String, String)>,
    pub(crate) command: String,
    pub(crate) rounds: usize,
    pub(crate) scale: f64,
    /// What kind of file system held the files.
    pub(crate) folder: String,
}

/// The table for a terminal.
pub(crate) fn table(rows: &[Row], bars: &[Bar]) -> String {
    let mut out = String::new();
    let mut place = None;
    for row in rows {
        if place != Some((&row.server, row.rtt_ms)) {
            place = Some((&row.server, row.rtt_ms));
            let _ = writeln!(
                out,
                "\n{}, {} ms\n{:<22} {:<8} {:>9} {:>9} {:>9} {:>7} {:>7}  requests",
                row.server, row.rtt_ms, "", "", "wall s", "CPU s", "peak MiB", "÷wall", "÷CPU"
            );
        }
        let _ = write!(out, "{:<22} {:<8} ", row.item, row.program);
        if row.counts() {
            let (wall, cpu) = ratios(rows, row);
            let _ = writeln!(
                out,
                "{:>9.2} {:>9.2} {:>9.1} {wall:>7} {cpu:>7}  {}{}",
                row.wall_s(),
                row.cpu_s(),
                row.peak_mib(),
                row.requests_text(),
                if row.setting.is_empty() { String::new() } else { format!(" ({})", row.setting) },
            );
        } else {
            let _ = writeln!(out, "{}", problem(row));
        }
    }
    let _ = writeln!(out, "\n÷wall, ÷CPU: divided by {NAMED_PEER}'s\n\nbars");
    for bar in bars.iter().filter(|bar| bar.held.is_some()) {
        let verdict = if bar.held == Some(true) { "held" } else { "NOT HELD" };
        let _ = writeln!(out, "{verdict:<9} {}, {}: {} – {}", bar.work, bar.against, bar.bar, bar.measured);
    }
    let open = bars.iter().filter(|bar| bar.held.is_none()).count();
    if open > 0 {
        let _ = writeln!(out, "{open} bars were not measured");
    }
    out
}

fn problem(row: &Row) -> String {
    let reason = row.problem.as_deref().unwrap_or("not run");
    reason.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

fn ratios(rows: &[Row], row: &Row) -> (String, String) {
    let Some(peer) = find(rows, &row.server, row.rtt_ms, &row.item, NAMED_PEER) else {
        return ("–".to_owned(), "–".to_owned());
    };
    (format!("{:.2}", row.wall_s() / peer.wall_s()), format!("{:.2}", row.cpu_s() / peer.cpu_s()))
}

/// Everything, for programs.
pub(crate) fn as_json(facts: &Facts, rows: &[Row], bars: &[Bar]) -> Value {
    let bars: Vec<Value> = bars
        .iter()
        .map(|bar| {
            json!({
                "work": bar.work, "against": bar.against, "bar": bar.bar, "measured": bar.measured, "held": bar.held,
            })
        })
        .collect();
    let medians: Vec<Value> = rows
        .iter()
        .map(|row| {
            let mut value = serde_json::to_value(row).unwrap_or_default();
            if row.counts() {
                value["median"] =
                    json!({ "wall_s": row.wall_s(), "cpu_s": row.cpu_s(), "peak_mib": row.peak_mib() });
            }
            value
        })
        .collect();
    json!({
        "scale": facts.scale,
        "machine": {
            "cores": facts.cores, "processor": facts.processor, "memory": facts.memory, "kernel": facts.kernel,
        },
        "versions": facts.versions.iter().map(|(name, said)| json!({ "name": name, "version": said })).collect::<Vec<_>>(),
        "rows": medians,
        "bars": bars,
    })
}

/// `docs/benchmarks.md`.
pub(crate) fn markdown(facts: &Facts, rows: &[Row], bars: &[Bar]) -> String {
    let mut out = String::from("# Benchmarks\n\n");
    let _ = writeln!(
        out,
        "Written by `{}`; every figure is of that run. How it measures, and what its servers are: `docs/testing.md`, \
         \"Benchmarks\".\n",
        facts.command
    );
    if (facts.scale - 1.0).abs() > f64::EPSILON {
        let _ =
            writeln!(out, "**A trial at scale {}:** sizes are smaller than the bars mean.\n", facts.scale);
    }
    let _ = writeln!(
        out,
        "Machine: {} cores of {}, {} of memory, Linux {}; files in {}. Medians of {} rounds, in which contestants take turns.\n",
        facts.cores, facts.processor, facts.memory, facts.kernel, facts.folder, facts.rounds
    );
    out.push_str("| program | version |\n|---|---|\n");
    for (name, version) in &facts.versions {
        let _ = writeln!(out, "| {name} | {} |", cell(version));
    }
    out.push_str("\n## Bars\n\n| work | against | bar | measured | |\n|---|---|---|---|---|\n");
    for bar in bars {
        let verdict = match bar.held {
            Some(true) => "held",
            Some(false) => "**not held**",
            None => "open",
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {verdict} |",
            bar.work,
            bar.against,
            bar.bar,
            cell(&bar.measured)
        );
    }
    let mut place = None;
    for row in rows {
        if place != Some((&row.server, row.rtt_ms)) {
            place = Some((&row.server, row.rtt_ms));
            let distance = if row.rtt_ms == 0 {
                "on loopback".to_owned()
            } else {
                format!("behind a line of {} ms and 1 Gbit/s", row.rtt_ms)
            };
            let _ = writeln!(
                out,
                "\n## {}, {distance}\n\nThe last two columns are divided by {NAMED_PEER}'s.\n\n\
                 | work | program | wall s | CPU s | peak MiB | requests | ÷ wall | ÷ CPU |\n\
                 |---|---|---|---|---|---|---|---|",
                row.server
            );
        }
        let setting = if row.setting.is_empty() { String::new() } else { format!(" ({})", row.setting) };
        let _ = write!(out, "| {} | {}{setting} | ", row.words, row.program);
        if row.counts() {
            let (wall, cpu) = ratios(rows, row);
            let _ = writeln!(
                out,
                "{:.2} | {:.2} | {:.1} | {} | {wall} | {cpu} |",
                row.wall_s(),
                row.cpu_s(),
                row.peak_mib(),
                row.requests_text()
            );
        } else {
            let _ = writeln!(out, "{} | | | | | |", cell(&problem(row)));
        }
    }
    out
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::bars::judge;
    use crate::bench::measure::Account;
    use crate::bench::work::items;

    fn rows() -> Vec<Row> {
        let work = &items("small-up", 1.0)[0];
        let mut rows = Vec::new();
        for (program, wall_ms) in [("pintail", 500.0), ("s5cmd", 2000.0)] {
            let mut row = Row::new("answerer", 0, work, program);
            let account = Account { wall_ms, cpu_ms: wall_ms, peak_mib: 20.0, code: 0 };
            row.take(account, Some([("put".to_owned(), 10_000)].into()));
            rows.push(row);
        }
        let mut absent = Row::new("answerer", 0, &items("sync-nothing", 1.0)[0], "pintail");
        absent.problem = Some("not there yet".to_owned());
        rows.push(absent);
        rows
    }

    #[test]
    fn what_is_missing_is_named_in_every_form() {
        let (rows, facts) = (rows(), Facts { scale: 1.0, rounds: 3, ..Facts::default() });
        let bars = judge(&rows);
        for text in [table(&rows, &bars), markdown(&facts, &rows, &bars)] {
            assert!(text.contains("not there yet"), "{text}");
            assert!(text.contains("0.25") && text.contains("10000 put"), "{text}");
        }
        assert!(table(&rows, &bars).contains("held      small-up, s5cmd, answerer: wall ≤ 0.50 – 0.25"));
        let value = as_json(&facts, &rows, &bars);
        assert_eq!(value["rows"][2]["problem"], "not there yet");
        assert_eq!(value["rows"][0]["median"]["wall_s"], 0.5);
        assert!(value["rows"][2].get("median").is_none());
    }

    #[test]
    fn a_trial_says_that_it_is_one_and_tables_are_whole() {
        let facts = Facts { scale: 0.1, rounds: 1, processor: "a | b".to_owned(), ..Facts::default() };
        let text = markdown(&facts, &rows(), &judge(&rows()));
        assert!(text.contains("A trial at scale 0.1"));
        let widths = |beginning: &str| {
            let table = text.lines().skip_while(|line| !line.starts_with(beginning));
            table
                .take_while(|line| line.starts_with('|'))
                .map(|line| line.matches(" |").count())
                .collect::<Vec<_>>()
        };
        for beginning in ["| work | against", "| work | program"] {
            let widths = widths(beginning);
            assert!(
                widths.len() > 2 && widths[2..].iter().all(|width| *width == widths[0]),
                "{widths:?}\n{text}"
            );
        }
    }
}

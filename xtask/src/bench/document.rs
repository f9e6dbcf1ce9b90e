//! `docs/benchmarks.md`: what was measured, how, which bars hold, and what people noted beside it.
//!
//! Pure: a record, its bars and the document before in, the document out; the same record gives the same text. The section
//! between [`NOTES_BEGIN`] and [`NOTES_END`] is kept by hand and comes through unchanged.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::bars::{ANSWERER, Bar, SEAWEEDFS};
use super::plan;
use super::record::{Facts, Record};
use super::report::{figure, problem, ratios};
use super::result::Row;
use super::stage::LINE_MBIT_PER_S;

const NOTES_BEGIN: &str = "<!-- notes: kept by hand, and kept when this file is written again -->";
const NOTES_END: &str = "<!-- end of notes -->";

const SANDBOX: &str = "sandbox";

/// What stands between the markers before anybody wrote something.
const NO_NOTES: &str = "Nothing was noted yet.";

/// A section: its title, and which work at which places belongs to it.
struct Section {
    title: &'static str,
    words: &'static str,
    holds: fn(&Row) -> bool,
}

const SECTIONS: [Section; 9] = [
    Section {
        title: "Small files",
        words: "",
        holds: |row| row.name.starts_with("small") && row.rtt_ms == 0 && row.server != SANDBOX,
    },
    Section {
        title: "Small files at a distance",
        words: "",
        holds: |row| row.name.starts_with("small") && row.rtt_ms > 0,
    },
    Section {
        title: "One large object",
        words: "",
        holds: |row| row.name.starts_with("huge") && row.rtt_ms == 0 && row.server == ANSWERER,
    },
    Section {
        title: "One large object at a distance",
        words: "One peer stands beside, once, to show that the line can be filled.",
        holds: |row| row.name.starts_with("huge") && row.rtt_ms > 0,
    },
    Section { title: "Listing", words: "", holds: |row| row.name == "list" && row.server != SANDBOX },
    Section {
        title: "Synchronising what has not changed",
        words: "`sync-listing` is what the synchronisation is held against: the list of the same keys, by pintail.",
        holds: |row| row.name == "sync-nothing",
    },
    Section {
        title: "Deleting and copying on the server",
        words: "",
        holds: |row| ["delete", "copy"].contains(&row.name.as_str()),
    },
    Section {
        title: "A million keys",
        words: "Only pintail is asked. The files of the plan are all new, those of the synchronisation all unchanged; all are empty.",
        holds: |row| row.name.starts_with("million"),
    },
    Section {
        title: "Without a bar",
        words: "",
        holds: |row| {
            row.server != SANDBOX
                && (row.name.starts_with("medium")
                    || row.name.starts_with("mixed")
                    || (row.name.starts_with("huge") && row.rtt_ms == 0 && row.server == SEAWEEDFS))
        },
    },
];

/// Writes the document. `before` is the one that stands there, if any.
pub(crate) fn markdown(record: &Record, bars: &[Bar], before: &str) -> String {
    let mut out = String::from("# Benchmarks\n\n");
    out.push_str(
        "Written by `cargo xtask bench`, which every figure comes from; only the notes at the end are written by hand. \"holds\" and\n\
         \"does not\" are what the figures say, and a bar that could not be judged here is NOT RUN, with the reason.\n",
    );
    for run in record.runs.iter().filter(|run| (run.scale - 1.0).abs() > f64::EPSILON) {
        let _ = writeln!(
            out,
            "\n**A trial:** `{}` was run at scale {}, so that sizes are smaller than the bars mean.",
            run.command, run.scale
        );
    }
    machine(&mut out, record);
    method(&mut out, record);
    overview(&mut out, bars);
    for section in &SECTIONS {
        let rows: Vec<&Row> = record.rows.iter().filter(|row| (section.holds)(row)).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n## {}", section.title);
        if !section.words.is_empty() {
            let _ = writeln!(out, "\n{}", section.words);
        }
        tables(&mut out, record, bars, &rows);
    }
    servers(&mut out, record);
    again(&mut out, record);
    let _ = write!(out, "\n## Notes\n\n{NOTES_BEGIN}\n\n{}\n\n{NOTES_END}\n", notes(before));
    out
}

/// What was noted by hand, without the markers.
fn notes(before: &str) -> &str {
    let after = before.split_once(NOTES_BEGIN).map_or("", |(_, after)| after);
    match after.split_once(NOTES_END).map_or("", |(notes, _)| notes).trim() {
        "" => NO_NOTES,
        notes => notes,
    }
}

fn machine(out: &mut String, record: &Record) {
    out.push_str("\n## Machine\n\n");
    let mut told: Vec<String> = Vec::new();
    for run in &record.runs {
        let line = format!(
            "{} cores of {}, {} of memory, Linux {}; files and servers' data in {}.",
            run.cores, run.processor, run.memory, run.kernel, run.folder
        );
        if !told.contains(&line) {
            told.push(line);
        }
    }
    let _ = writeln!(out, "{}\n\n| program | version |\n|---|---|", told.join("\n"));
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut names: Vec<&str> = Vec::new();
    for (name, version) in record.runs.iter().flat_map(|run| &run.versions) {
        let known = versions.entry(name).or_default();
        if !known.contains(&version.as_str()) {
            known.push(version);
        }
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    for name in names {
        let _ = writeln!(out, "| {name} | {} |", cell(&versions[name].join("; then ")));
    }
}

fn method(out: &mut String, record: &Record) {
    out.push_str("\n## What was done, and how\n\n");
    out.push_str(
        "- Contestants take turns within a round, all on one server, so that a busy machine hurts all of them alike, and\n  \
         each round another one begins: who is first takes memory that the machine has given away meanwhile. Shown are\n  \
         medians, with the least and the most behind them.\n\
         - A run counts after it is proved: objects by length and CRC-64/NVME (on SeaweedFS by number, bytes and the content of a\n  \
         sample), files byte by byte and no file too many, lists name by name.\n\
         - CPU is the client's, user and system, with all processes that it started. Peak memory is the kernel's account of the\n  \
         largest process, or the sum of several where a client has several. \"server CPU\" is what server and line took meanwhile:\n  \
         together with the client's it shows who waited for whom on these cores.\n",
    );
    let _ = writeln!(
        out,
        "- Where a peer can be told how much it does at once, its settings are tried before on a part of the work, and the fastest is kept;\n  \
         its name stands beside the peer's. Pintail is told nothing. A peer that takes more than {} times as long as the fastest\n  \
         peer takes no further turns; at a distance the trial is enough for that.",
        plan::HOPELESS
    );
    out.push_str(
        "- Nobody is kept from checking, and over plain HTTP libraries do it twice: s5cmd sends MD5 and signs with SHA-256, rclone sends\n  \
         MD5 and signs parts with SHA-256, the aws command line sends CRC-32 and signs with SHA-256, the Common Runtime sends a CRC;\n  \
         pintail sends CRC-64/NVME with every object and part and compares what the server answers. Off is what only costs requests or\n  \
         a second reading and proves nothing here: rclone looks for no bucket (`--s3-no-check-bucket`), asks for no object\n  \
         again that it just sent (`--s3-no-head`), asks for no times (`--use-server-modtime`) and keeps no digest as metadata\n  \
         (`--s3-disable-checksum`).\n\
         - `aws` is version 1 of the command line. `crt` is AWS's transfer client of the Common Runtime, driven by boto3's library:\n  \
         the part of version 2 of the command line that moves the bytes. Version 2 itself is NOT RUN: it is in no package\n  \
         registry, and Debian's (2.9.19) speaks without TLS to port 80 only when it uses the Common Runtime.\n\
         - The answering peer is an S3 in a process of its own that only answers: it keeps sums and no bytes, so that the client is what\n  \
         is measured. SeaweedFS is the real server; on loopback its own counters tell the requests, which take HEAD for GET.\n",
    );
    for rtt_ms in [20, 100] {
        let Some(line) = record.line(rtt_ms) else { continue };
        let _ = writeln!(
            out,
            "- A line of {rtt_ms} ms and {LINE_MBIT_PER_S} Mbit/s: a byte there and back takes {:.1} ms. Checked before it was used: one\n  \
             connection with an open window fills {:.1} % up and {:.1} % down, at {:.2} s of CPU a second; sixteen connections with\n  \
             TCP's windows carry 1 GiB at {:.1} % from their first packet.",
            line.round_trip_ms,
            line.up * 100.0,
            line.down * 100.0,
            line.cpu_share,
            line.down_from_start * 100.0
        );
    }
    out.push_str(
        "- A line carries all connections together at its rate, in each direction; a connection costs a round trip before its first\n  \
         byte, and its window grows as TCP's does after a start, from ten packets to 4 MiB. No packet is lost, nothing slows down again.\n",
    );
}

fn overview(out: &mut String, bars: &[Bar]) {
    out.push_str("\n## Bars\n\n| work | against | bar | measured | |\n|---|---|---|---|---|\n");
    for bar in bars {
        let verdict = match bar.held {
            Some(true) => "holds",
            Some(false) => "**does not**",
            None => "NOT RUN",
        };
        let measured = bar.measured.strip_prefix("NOT RUN: ").unwrap_or(&bar.measured);
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {verdict} |",
            bar.work,
            bar.against,
            bar.bar,
            cell(measured)
        );
    }
    let count = |held| bars.iter().filter(|bar| bar.held == held).count();
    let _ = writeln!(
        out,
        "\n{} hold, {} do not, {} were not run.",
        count(Some(true)),
        count(Some(false)),
        count(None)
    );
}

/// One table for each piece of work at each place, with what its bars say.
fn tables(out: &mut String, record: &Record, bars: &[Bar], rows: &[&Row]) {
    let mut at = 0;
    while let Some(first) = rows.get(at) {
        let same =
            |row: &&&Row| (&row.server, row.rtt_ms, &row.name) == (&first.server, first.rtt_ms, &first.name);
        let group: Vec<&Row> = rows[at..].iter().take_while(same).copied().collect();
        at += group.len();
        let _ = writeln!(
            out,
            "\n**{}**, {}\n\n\
             | program | wall s | CPU s | peak MiB | requests | server CPU s | pintail ÷ it: wall | CPU |\n\
             |---|---|---|---|---|---|---|---|",
            first.name,
            place(first)
        );
        let mut item = "";
        for row in group {
            if row.item != item {
                item = &row.item;
                let _ = writeln!(out, "| *{}* | | | | | | | |", row.words);
            }
            line(out, record, row);
        }
        let matching = bars
            .iter()
            .filter(|bar| (&bar.server, bar.rtt_ms, &bar.work) == (&first.server, first.rtt_ms, &first.name));
        let verdicts: Vec<String> = matching
            .map(|bar| {
                let whom = if bar.whom.is_empty() { String::new() } else { format!(" against {}", bar.whom) };
                let verdict = match bar.held {
                    Some(true) => "holds",
                    Some(false) => "**does not**",
                    None => "NOT RUN",
                };
                let measured = bar.measured.strip_prefix("NOT RUN: ").unwrap_or(&bar.measured);
                format!("- {}{whom}: {measured} – {verdict}", bar.bar)
            })
            .collect();
        if !verdicts.is_empty() {
            let _ = writeln!(out, "\n{}", verdicts.join("\n"));
        }
    }
}

fn place(row: &Row) -> String {
    match row.rtt_ms {
        0 => format!("{} on loopback", row.server),
        rtt_ms => format!("{} behind a line of {rtt_ms} ms", row.server),
    }
}

fn line(out: &mut String, record: &Record, row: &Row) {
    let setting = if row.setting.is_empty() { String::new() } else { format!(" ({})", row.setting) };
    let _ = write!(out, "| {}{setting} | ", row.program);
    if !row.counts() {
        let _ = writeln!(out, "{} | | | | | | |", cell(&problem(row)));
        return;
    }
    let (wall, cpu) = ratios(record, row);
    let (least, most) = row.wall_range_s();
    let spread = match row.accounts.len() {
        1 => " (once)".to_owned(),
        _ => format!(" ({}–{})", figure(least), figure(most)),
    };
    let _ = writeln!(
        out,
        "{}{spread} | {} | {:.1} | {} | {} | {wall} | {cpu} |",
        figure(row.wall_s()),
        figure(row.cpu_s()),
        row.peak_mib(),
        row.requests_text(),
        figure(row.server_cpu_s())
    );
}

/// What the servers cost: whether the answering peer bounds anybody, and why it stands in for the sandbox.
fn servers(out: &mut String, record: &Record) {
    let sandbox: Vec<&Row> =
        record.rows.iter().filter(|row| row.server == SANDBOX && row.rtt_ms == 0 && row.counts()).collect();
    if sandbox.is_empty() {
        return;
    }
    out.push_str(
        "\n## The answering peer and the sandbox\n\n\
         The same work at both, on loopback. The server that takes less CPU leaves more of the machine to the client, and waits less often for\n\
         itself; what the sandbox checks and keeps is right for tests and not for this.\n\n\
         | work | program | answering peer: wall s | server CPU s | sandbox: wall s | server CPU s |\n|---|---|---|---|---|---|\n",
    );
    for row in sandbox {
        let Some(other) = record.row(ANSWERER, 0, &row.item, &row.program).filter(|other| other.counts())
        else {
            continue;
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            row.item,
            row.program,
            figure(other.wall_s()),
            figure(other.server_cpu_s()),
            figure(row.wall_s()),
            figure(row.server_cpu_s())
        );
    }
}

fn again(out: &mut String, record: &Record) {
    out.push_str("\n## How this is written again\n\nThese figures are of:\n\n```\n");
    for Facts { command, .. } in &record.runs {
        let _ = writeln!(out, "{command}");
    }
    out.push_str(
        "```\n\n\
         `--json FILE` keeps every run as it goes, and `--from FILE` takes it in again: `cargo xtask bench --from FILE --write` writes this file\n\
         without measuring. With several `--from`, and with what is measured in the same command, the later counts for each piece of\n\
         work at each server and distance, with all its contestants. `docs/testing.md`, \"Benchmarks\", has the switches.\n",
    );
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::bars::judge;

    /// A record as `--json` writes it: small, with something of every kind.
    fn record() -> Record {
        let value: serde_json::Value =
            serde_json::from_str(include_str!("../../bench/trial.json")).expect("a document");
        let record: Record = serde_json::from_value(value["transfers"].clone()).expect("a record");
        Record::default().then(record)
    }

    #[test]
    fn the_document_is_this() {
        let record = record();
        insta::assert_snapshot!(markdown(&record, &judge(&record), ""));
    }

    #[test]
    fn notes_come_through_and_nothing_else_does() {
        let record = record();
        let bars = judge(&record);
        let first = markdown(&record, &bars, "something of before");
        assert!(first.contains(NO_NOTES) && !first.contains("something of before"));
        let noted = first.replace(NO_NOTES, "The profile shows this.\n\n- and that");
        let second = markdown(&record, &bars, &noted);
        assert_eq!(second, noted);
    }

    #[test]
    fn tables_are_whole() {
        let record = record();
        let text = markdown(&record, &judge(&record), "");
        let mut width = 0;
        for line in text.lines() {
            let here = line.matches('|').count() - line.matches("\\|").count();
            if !line.starts_with('|') {
                width = 0;
            } else if width == 0 {
                width = here;
            } else {
                assert_eq!(here, width, "{line}");
            }
        }
        assert!(text.contains("A trial"), "a scale is told");
    }
}

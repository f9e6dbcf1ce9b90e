//! How the transfer bench is told on a terminal.
//!
//! Pure: a record and bars in, text out. `docs/benchmarks.md` is [`super::document`]'s.

use std::fmt::Write as _;

use super::bars::Bar;
use super::record::Record;
use super::result::Row;
use super::transfer::OURS;

/// The tables.
pub(crate) fn table(record: &Record, bars: &[Bar]) -> String {
    let mut out = String::new();
    let mut place = None;
    for row in &record.rows {
        if place != Some((&row.server, row.rtt_ms)) {
            place = Some((&row.server, row.rtt_ms));
            let _ = writeln!(
                out,
                "\n{}, {} ms\n{:<22} {:<8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6}  requests",
                row.server, row.rtt_ms, "", "", "wall s", "CPU s", "MiB", "server s", "÷wall", "÷CPU"
            );
        }
        let _ = write!(out, "{:<22} {:<8} ", row.item, row.program);
        if row.counts() {
            let (wall, cpu) = ratios(record, row);
            let _ = writeln!(
                out,
                "{:>8.2} {:>8.2} {:>8.1} {:>8.2} {wall:>6} {cpu:>6}  {}{}",
                row.wall_s(),
                row.cpu_s(),
                row.peak_mib(),
                row.server_cpu_s(),
                row.requests_text(),
                if row.setting.is_empty() { String::new() } else { format!(" ({})", row.setting) },
            );
        } else {
            let _ = writeln!(out, "{}", problem(row));
        }
    }
    let _ = writeln!(out, "\n÷wall, ÷CPU: pintail's, divided by this program's\n\nbars");
    for bar in bars.iter().filter(|bar| bar.held.is_some()) {
        let verdict = if bar.held == Some(true) { "holds" } else { "DOES NOT" };
        let _ = writeln!(out, "{verdict:<9} {}, {}: {} – {}", bar.work, bar.against, bar.bar, bar.measured);
    }
    let open = bars.iter().filter(|bar| bar.held.is_none()).count();
    if open > 0 {
        let _ = writeln!(out, "{open} bars were NOT RUN");
    }
    out
}

/// Why a row has no figures, in one line.
pub(crate) fn problem(row: &Row) -> String {
    let reason = row.problem.as_deref().unwrap_or("not run");
    reason.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// What pintail took, divided by what a row took: wall and CPU. A dash where one of them has no figures.
pub(crate) fn ratios(record: &Record, row: &Row) -> (String, String) {
    let ours = record.row(&row.server, row.rtt_ms, &row.item, OURS).filter(|ours| ours.counts());
    match ours {
        Some(ours) if row.program != OURS => {
            (figure(ours.wall_s() / row.wall_s()), figure(ours.cpu_s() / row.cpu_s()))
        }
        _ => ("–".to_owned(), "–".to_owned()),
    }
}

/// Writes a figure with two digits that say something.
pub(crate) fn figure(value: f64) -> String {
    match value {
        _ if value < 0.1 => format!("{value:.3}"),
        _ if value < 100.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::bars::judge;
    use crate::bench::measure::Account;
    use crate::bench::record::Facts;
    use crate::bench::work::items;

    #[test]
    fn a_table_has_ratios_verdicts_and_what_is_missing() {
        let work = &items("small-up", 1.0)[0];
        let mut rows = Vec::new();
        for (program, wall_ms) in [("pintail", 500.0), ("s5cmd", 2000.0)] {
            let mut row = Row::new("answerer", 0, work, program);
            let account = Account { wall_ms, cpu_ms: wall_ms, peak_mib: 20.0, ..Account::default() };
            row.take(account, Some([("put".to_owned(), 10_000)].into()));
            rows.push(row);
        }
        let mut absent = Row::new("answerer", 0, &items("sync-nothing", 1.0)[0], "pintail");
        absent.problem = Some("this build\n  has no `sync`".to_owned());
        rows.push(absent);
        let record = Record::of(Facts::default(), rows);
        let text = table(&record, &judge(&record));
        for expected in [
            "0.25   0.25  10000 put",
            "this build; has no `sync`",
            "holds     small-up, s5cmd, answerer: wall ≤ 0.50 – 0.25",
            "bars were NOT RUN",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert_eq!([0.0123, 0.5, 12.345, 1234.5].map(figure), ["0.012", "0.50", "12.35", "1234"]);
    }
}

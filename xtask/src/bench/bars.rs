//! The bars: what pintail has to reach, against whom, and whether it did.
//!
//! Pure: a record in, verdicts out. A bar for which something was not measured says why and counts as open, never as held.

use serde::Serialize;

use super::record::Record;
use super::report::figure;
use super::result::Row;
use super::stage::LINE_MBIT_PER_S;
use super::transfer::{LEFT_OUT, OURS};

pub(crate) const ANSWERER: &str = "answerer";
pub(crate) const SEAWEEDFS: &str = "seaweedfs";
const PEERS: [&str; 4] = ["s5cmd", "rclone", "aws", "crt"];

/// A bar and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Bar {
    pub(crate) work: String,
    pub(crate) server: String,
    pub(crate) rtt_ms: u64,
    /// Whom or what it is held against; nothing where it stands for itself.
    pub(crate) whom: String,
    /// The same, with the place.
    pub(crate) against: String,
    /// The bar itself, in words.
    pub(crate) bar: String,
    /// What was measured, in words, or why nothing was.
    pub(crate) measured: String,
    /// Whether it holds; nothing where it could not be judged.
    pub(crate) held: Option<bool>,
}

/// Judges every bar.
pub(crate) fn judge(record: &Record) -> Vec<Bar> {
    let judge = Judge { record };
    let mut bars = Vec::new();
    for item in ["small-up", "small-down"] {
        bars.push(judge.ratio(item, ANSWERER, 0, &["s5cmd"], Figure::Cpu, 1.0 / 6.0));
        bars.push(judge.ratio(item, ANSWERER, 0, &["s5cmd"], Figure::Wall, 0.5));
        bars.push(judge.peak(item, 32.0));
        bars.push(judge.ratio(item, SEAWEEDFS, 0, &["s5cmd", "rclone"], Figure::Wall, 0.7));
        for server in [ANSWERER, SEAWEEDFS] {
            for rtt_ms in [20, 100] {
                bars.push(judge.ratio(item, server, rtt_ms, &PEERS, Figure::Wall, 0.8));
            }
        }
    }
    for (item, cpu) in [("huge-up", 0.25), ("huge-down", 0.9)] {
        bars.push(judge.ratio(item, ANSWERER, 0, &["s5cmd"], Figure::Cpu, cpu));
        bars.push(judge.ratio(item, ANSWERER, 0, &PEERS, Figure::Wall, 1.0));
        bars.push(judge.peak(item, 64.0));
        bars.push(judge.line(item, ANSWERER));
    }
    bars.push(judge.ratio("list", ANSWERER, 0, &["s5cmd"], Figure::Cpu, 0.1));
    bars.push(judge.ratio("list", SEAWEEDFS, 0, &["s5cmd"], Figure::Wall, 0.5));
    for server in [ANSWERER, SEAWEEDFS] {
        bars.push(judge.sync(server));
        for item in ["delete", "copy"] {
            bars.push(judge.ratio(item, server, 0, &PEERS, Figure::Wall, 1.0));
        }
    }
    for item in ["million-list", "million-plan", "million-sync"] {
        bars.push(judge.million_peak(item));
        bars.push(judge.flat(item));
    }
    bars
}

#[derive(Clone, Copy)]
enum Figure {
    Wall,
    Cpu,
}

struct Judge<'a> {
    record: &'a Record,
}

/// A row with figures, or why there is none.
type Found<'a> = Result<&'a Row, String>;

impl Judge<'_> {
    fn find(&self, server: &str, rtt_ms: u64, item: &str, program: &str) -> Found<'_> {
        match self.record.row(server, rtt_ms, item, program) {
            Some(row) if row.counts() => Ok(row),
            Some(row) => Err(format!("{program}: {}", super::report::problem(row))),
            None => Err(format!("{program} was not measured at this")),
        }
    }

    fn ours(&self, server: &str, rtt_ms: u64, item: &str) -> Found<'_> {
        self.find(server, rtt_ms, item, OURS)
    }

    /// Ours, divided by the best of these peers. A peer that could not run is named beside the figure.
    fn ratio(&self, item: &str, server: &str, rtt_ms: u64, peers: &[&str], of: Figure, most: f64) -> Bar {
        let value = |row: &Row| match of {
            Figure::Wall => row.wall_s(),
            Figure::Cpu => row.cpu_s(),
        };
        let name = match of {
            Figure::Wall => "wall",
            Figure::Cpu => "client CPU",
        };
        let theirs: Vec<Found<'_>> = peers.iter().map(|peer| self.find(server, rtt_ms, item, peer)).collect();
        let best = theirs.iter().flatten().min_by(|one, other| value(one).total_cmp(&value(other)));
        let judged = self.ours(server, rtt_ms, item).and_then(|ours| match best {
            Some(best) => Ok((ours, *best)),
            None => Err(theirs.iter().find_map(|peer| peer.clone().err()).unwrap_or_default()),
        });
        // Whoever was far behind is the best of nobody; whoever could not run might have been.
        let failed = peers.iter().filter(|peer| {
            let row = self.record.row(server, rtt_ms, item, peer);
            row.is_some_and(|row| row.problem.as_deref().is_some_and(|reason| !reason.starts_with(LEFT_OUT)))
        });
        let absent: String = failed.map(|peer| format!("; {peer} could not run")).collect();
        let judged = judged.map(|(ours, best)| {
            let ratio = value(ours) / value(best);
            let words = format!(
                "{} ({} s, {} {} s{absent})",
                figure(ratio),
                figure(value(ours)),
                best.program,
                figure(value(best))
            );
            (ratio, words)
        });
        let whom = match peers {
            [one] => (*one).to_owned(),
            [one, other] => format!("best of {one}, {other}"),
            _ => "best peer".to_owned(),
        };
        Bar {
            held: judged.as_ref().ok().map(|(ratio, _)| *ratio <= most),
            measured: said(judged.map(|(_, words)| words)),
            ..bar(item, server, rtt_ms, &whom, format!("{name} ≤ {}", limit(most)))
        }
    }

    fn peak(&self, item: &str, most_mib: f64) -> Bar {
        let peak = self.ours(ANSWERER, 0, item).map(Row::peak_mib);
        Bar {
            held: peak.as_ref().ok().map(|peak| *peak <= most_mib),
            measured: said(peak.map(|peak| format!("{peak:.1} MiB"))),
            ..bar(item, ANSWERER, 0, "", format!("peak memory ≤ {most_mib:.0} MiB"))
        }
    }

    /// The share of a line that is known to be one.
    fn line(&self, item: &str, server: &str) -> Bar {
        const RTT_MS: u64 = 100;
        let line = self.record.line(RTT_MS).ok_or_else(|| "the line was not checked".to_owned());
        let share = self.ours(server, RTT_MS, item).and_then(|row| {
            let line = line?;
            if !line.is_true() {
                let filled = line.up.min(line.down) * 100.0;
                return Err(format!("the line itself was filled to {filled:.1} % only"));
            }
            Ok(row.bytes as f64 * 8.0 / (LINE_MBIT_PER_S as f64 * 1e6) / row.wall_s())
        });
        Bar {
            held: share.as_ref().ok().map(|share| *share >= 0.95),
            measured: said(share.map(|share| format!("{:.1} %", share * 100.0))),
            ..bar(item, server, RTT_MS, "the line", "≥ 95 % of it".to_owned())
        }
    }

    fn sync(&self, server: &str) -> Bar {
        let judged = self.ours(server, 0, "sync-nothing").and_then(|sync| {
            let listing = self.ours(server, 0, "sync-listing")?;
            let ratio = sync.wall_s() / listing.wall_s();
            let (Some(requests), Some(lists)) = (&sync.requests, &listing.requests) else {
                return Err(format!("{ratio:.2}, but nobody counted the requests"));
            };
            // Where ranges are cut follows when answers come: of pages there may be one in ten more.
            let of = |kind: &str| lists.get(kind).map_or(0, |count| count + count / 10);
            let beyond: u64 = requests.iter().map(|(kind, count)| count.saturating_sub(of(kind))).sum();
            Ok((ratio, beyond))
        });
        Bar {
            held: judged.as_ref().ok().map(|(ratio, beyond)| *ratio <= 1.3 && *beyond == 0),
            measured: said(judged.map(|(ratio, beyond)| format!("{ratio:.2}, {beyond} requests beyond"))),
            ..bar(
                "sync-nothing",
                server,
                0,
                "own listing of the same",
                "wall ≤ 1.30, no request beyond the listing (a tenth more pages at most)".to_owned(),
            )
        }
    }

    /// The rows of an item by how many keys there were; or why there are none.
    fn millions(&self, item: &str) -> Result<Vec<&Row>, String> {
        let all = self.record.rows.iter();
        let mut rows: Vec<&Row> =
            all.filter(|row| row.name == item && row.server == ANSWERER && row.program == OURS).collect();
        rows.sort_by_key(|row| row.files);
        match rows.iter().find(|row| !row.counts()) {
            Some(row) => Err(format!("{OURS}: {}", super::report::problem(row))),
            None if rows.is_empty() => Err(format!("{OURS} was not measured at this")),
            None => Ok(rows),
        }
    }

    fn million_peak(&self, item: &str) -> Bar {
        let peak = self.millions(item).map(|rows| rows.iter().map(|row| row.peak_mib()).fold(0.0, f64::max));
        Bar {
            held: peak.as_ref().ok().map(|peak| *peak <= 128.0),
            measured: said(peak.map(|peak| format!("{peak:.1} MiB"))),
            ..bar(item, ANSWERER, 0, "", "peak memory ≤ 128 MiB".to_owned())
        }
    }

    fn flat(&self, item: &str) -> Bar {
        let judged = self.millions(item).and_then(|rows| {
            // Starting the program and signing in take as long for ten keys as for a million.
            let (start, rows) = rows.split_first().ok_or("nothing was measured")?;
            let per_key = |row: &&Row| {
                (row.wall_s() - start.wall_s()) * 1e6 / row.files.saturating_sub(start.files).max(1) as f64
            };
            let per_key: Vec<f64> = rows.iter().map(per_key).collect();
            let least = per_key.iter().copied().fold(f64::INFINITY, f64::min);
            let most = per_key.iter().copied().fold(0.0, f64::max);
            let words: Vec<String> = per_key.iter().map(|us| format!("{us:.2}")).collect();
            // Within 20 % of the middle between the extremes, whichever way it goes.
            Ok((
                most / least <= 1.5,
                format!(
                    "{} µs beside the {:.0} ms of a run with {} keys",
                    words.join(", "),
                    start.wall_s() * 1e3,
                    start.files
                ),
            ))
        });
        Bar {
            held: judged.as_ref().ok().map(|(flat, _)| *flat),
            measured: said(judged.map(|(_, words)| words)),
            ..bar(item, ANSWERER, 0, "", "time per key flat from 10⁴ to 10⁶ (±20 %)".to_owned())
        }
    }
}

/// A limit as it was set: 0.5, 1, or a fraction.
fn limit(most: f64) -> String {
    let whole = 1.0 / most;
    if (most * 100.0 - (most * 100.0).round()).abs() > 1e-9 && (whole - whole.round()).abs() < 1e-9 {
        return format!("1/{whole:.0}");
    }
    format!("{most:.2}")
}

fn said(measured: Result<String, String>) -> String {
    measured.unwrap_or_else(|reason| format!("NOT RUN: {reason}"))
}

/// A bar that nothing is known of yet.
fn bar(work: &str, server: &str, rtt_ms: u64, whom: &str, bar: String) -> Bar {
    let place = if rtt_ms == 0 { server.to_owned() } else { format!("{server} at {rtt_ms} ms") };
    Bar {
        work: work.to_owned(),
        server: server.to_owned(),
        rtt_ms,
        whom: whom.to_owned(),
        against: if whom.is_empty() { place } else { format!("{whom}, {place}") },
        bar,
        measured: String::new(),
        held: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::line::check::Checked;
    use crate::bench::measure::Account;
    use crate::bench::record::Facts;

    fn row(server: &str, rtt_ms: u64, item: &str, program: &str, wall_s: f64, cpu_s: f64) -> Row {
        let account = Account {
            wall_ms: wall_s * 1000.0,
            cpu_ms: cpu_s * 1000.0,
            peak_mib: 30.0,
            ..Account::default()
        };
        Row {
            server: server.to_owned(),
            rtt_ms,
            item: item.to_owned(),
            name: item.split(' ').next().unwrap_or_default().to_owned(),
            program: program.to_owned(),
            files: item.rsplit(' ').next().and_then(|n| n.replace(',', "").parse().ok()).unwrap_or(1),
            bytes: 4 << 30,
            accounts: vec![account],
            ..Row::default()
        }
    }

    fn record(rows: &[Row]) -> Record {
        let line = Checked { rtt_ms: 100, up: 0.99, down: 0.99, ..Checked::default() };
        Record::of(Facts { lines: vec![line], ..Facts::default() }, rows.to_vec())
    }

    fn held(bars: &[Bar], work: &str, against: &str, bar: &str) -> Option<bool> {
        let found = bars
            .iter()
            .find(|it| it.work == work && it.against.starts_with(against) && it.bar.starts_with(bar));
        found.unwrap_or_else(|| panic!("{work} {against} {bar}")).held
    }

    #[test]
    fn what_was_not_measured_is_not_held() {
        let nothing = judge(&Record::default());
        assert!(nothing.iter().all(|bar| bar.held.is_none() && bar.measured.starts_with("NOT RUN: ")));
        let mut ours = row("answerer", 0, "small-up", "pintail", 1.0, 0.1);
        ours.problem = Some("failed".to_owned());
        let theirs = row("answerer", 0, "small-up", "s5cmd", 4.0, 4.0);
        let bars = judge(&record(&[ours, theirs]));
        assert_eq!(held(&bars, "small-up", "s5cmd", "client CPU"), None);
        assert_eq!(bars[0].measured, "NOT RUN: pintail: failed");
    }

    #[test]
    fn ratios_are_taken_against_the_best() {
        let rows = [
            row("answerer", 0, "small-up", "pintail", 1.0, 0.3),
            row("answerer", 0, "small-up", "s5cmd", 1.9, 2.0),
            row("seaweedfs", 0, "small-up", "pintail", 1.0, 0.3),
            row("seaweedfs", 0, "small-up", "s5cmd", 3.0, 2.0),
            row("seaweedfs", 0, "small-up", "rclone", 1.2, 9.0),
            row("seaweedfs", 0, "small-up", "aws", 1.0, 9.0),
        ];
        let bars = judge(&record(&rows));
        assert_eq!(held(&bars, "small-up", "s5cmd, answerer", "client CPU"), Some(true));
        assert_eq!(held(&bars, "small-up", "s5cmd, answerer", "wall"), Some(false));
        assert_eq!(held(&bars, "small-up", "answerer", "peak"), Some(true));
        assert_eq!(held(&bars, "small-up", "best of s5cmd, rclone", "wall"), Some(false));
        assert_eq!(bars[0].bar, "client CPU ≤ 1/6");
        let mut rows = rows.to_vec();
        rows[4].problem = Some("code 1".to_owned());
        let bars = judge(&record(&rows));
        let bar = bars.iter().find(|bar| bar.whom == "best of s5cmd, rclone").expect("a bar");
        assert_eq!(
            (bar.held, bar.measured.as_str()),
            (Some(true), "0.33 (1.00 s, s5cmd 3.00 s; rclone could not run)")
        );
    }

    #[test]
    fn the_line_the_listing_and_the_million_are_judged() {
        let mut sync = row("answerer", 0, "sync-nothing", "pintail", 1.2, 0.1);
        let mut listing = row("answerer", 0, "sync-listing", "pintail", 1.0, 0.1);
        listing.requests = Some([("list".to_owned(), 50)].into());
        sync.requests = Some([("list".to_owned(), 50)].into());
        let mut rows = vec![row("answerer", 100, "huge-up", "pintail", 36.0, 1.0), sync, listing];
        for (keys, wall) in [("10", 0.05), ("10,000", 0.15), ("100,000", 1.15), ("1,000,000", 9.5)] {
            rows.push(row("answerer", 0, &format!("million-list {keys}"), "pintail", wall, 1.0));
        }
        let bars = judge(&record(&rows));
        assert_eq!(held(&bars, "huge-up", "the line, answerer", "≥"), Some(true));
        assert_eq!(held(&bars, "sync-nothing", "own listing", "wall"), Some(true));
        assert_eq!(held(&bars, "million-list", "answerer", "peak"), Some(true));
        assert_eq!(held(&bars, "million-list", "answerer", "time"), Some(true));
        let mut false_line = record(&rows);
        false_line.runs[0].lines[0].down = 0.97;
        assert_eq!(held(&judge(&false_line), "huge-up", "the line, answerer", "≥"), None);
        rows[1].requests = Some([("list".to_owned(), 55)].into());
        assert_eq!(held(&judge(&record(&rows)), "sync-nothing", "own listing", "wall"), Some(true));
        rows[1].requests = Some([("list".to_owned(), 56)].into());
        assert_eq!(held(&judge(&record(&rows)), "sync-nothing", "own listing", "wall"), Some(false));
        rows[1].requests = Some([("list".to_owned(), 50), ("head".to_owned(), 1)].into());
        rows[0].accounts[0].wall_ms = 37_000.0;
        rows[6].accounts[0].wall_ms = 20_000.0;
        let bars = judge(&record(&rows));
        assert_eq!(held(&bars, "huge-up", "the line, answerer", "≥"), Some(false));
        assert_eq!(held(&bars, "sync-nothing", "own listing", "wall"), Some(false));
        assert_eq!(held(&bars, "million-list", "answerer", "time"), Some(false));
    }
}

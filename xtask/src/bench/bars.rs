//! The bars: what pintail has to reach, against whom, and whether it did.
//!
//! Pure: rows in, verdicts out. A bar for which something was not measured says so and counts as open, never as held.

use super::result::{Row, find};
use super::stage::LINE_MBIT_PER_S;

const ANSWERER: &str = "answerer";
const SEAWEEDFS: &str = "seaweedfs";
const PEERS: [&str; 4] = ["s5cmd", "rclone", "aws", "crt"];

/// A bar and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    pub(crate) work: String,
    pub(crate) against: String,
    /// The bar itself, in words.
    pub(crate) bar: String,
    /// What was measured, in words.
    pub(crate) measured: String,
    /// Whether it holds; nothing where it could not be judged.
    pub(crate) held: Option<bool>,
}

/// Judges every bar.
pub(crate) fn judge(rows: &[Row]) -> Vec<Bar> {
    let judge = Judge { rows };
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
        for server in [ANSWERER, SEAWEEDFS] {
            bars.push(judge.line(item, server));
        }
    }
    bars.push(judge.ratio("list", ANSWERER, 0, &["s5cmd"], Figure::Cpu, 0.1));
    bars.push(judge.ratio("list", SEAWEEDFS, 0, &["s5cmd"], Figure::Wall, 0.5));
    for server in [ANSWERER, SEAWEEDFS] {
        bars.push(judge.sync(server));
        for item in ["delete", "copy"] {
            bars.push(judge.ratio(item, server, 0, &PEERS, Figure::Wall, 1.0));
        }
    }
    for item in ["million-list", "million-sync"] {
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
    rows: &'a [Row],
}

impl Judge<'_> {
    fn ours(&self, server: &str, rtt_ms: u64, item: &str) -> Option<&Row> {
        find(self.rows, server, rtt_ms, item, "pintail")
    }

    /// Ours, divided by the best of these peers.
    fn ratio(&self, item: &str, server: &str, rtt_ms: u64, peers: &[&str], figure: Figure, most: f64) -> Bar {
        let value = |row: &Row| match figure {
            Figure::Wall => row.wall_s(),
            Figure::Cpu => row.cpu_s(),
        };
        let name = match figure {
            Figure::Wall => "wall",
            Figure::Cpu => "client CPU",
        };
        let theirs = peers.iter().filter_map(|peer| find(self.rows, server, rtt_ms, item, peer));
        let best = theirs.min_by(|one, other| value(one).total_cmp(&value(other)));
        let ratio = self.ours(server, rtt_ms, item).zip(best).map(|(ours, best)| {
            (
                value(ours) / value(best),
                format!("{:.2} s, {} {:.2} s", value(ours), best.program, value(best)),
            )
        });
        let whom = match peers {
            [one] => (*one).to_owned(),
            [one, other] => format!("best of {one}, {other}"),
            _ => "best peer".to_owned(),
        };
        let place = if rtt_ms == 0 { server.to_owned() } else { format!("{server} at {rtt_ms} ms") };
        Bar {
            work: item.to_owned(),
            against: format!("{whom}, {place}"),
            bar: format!("{name} ≤ {most:.2}"),
            measured: ratio
                .as_ref()
                .map_or_else(not_measured, |(ratio, words)| format!("{ratio:.2} ({words})")),
            held: ratio.map(|(ratio, _)| ratio <= most),
        }
    }

    fn peak(&self, item: &str, most_mib: f64) -> Bar {
        let peak = self.ours(ANSWERER, 0, item).map(Row::peak_mib);
        Bar {
            work: item.to_owned(),
            against: ANSWERER.to_owned(),
            bar: format!("peak memory ≤ {most_mib:.0} MiB"),
            measured: peak.map_or_else(not_measured, |peak| format!("{peak:.1} MiB")),
            held: peak.map(|peak| peak <= most_mib),
        }
    }

    fn line(&self, item: &str, server: &str) -> Bar {
        let share = self
            .ours(server, 100, item)
            .map(|row| row.bytes as f64 * 8.0 / (LINE_MBIT_PER_S as f64 * 1e6) / row.wall_s());
        Bar {
            work: item.to_owned(),
            against: format!("the line, {server} at 100 ms"),
            bar: "≥ 95 % of it".to_owned(),
            measured: share.map_or_else(not_measured, |share| format!("{:.0} %", share * 100.0)),
            held: share.map(|share| share >= 0.95),
        }
    }

    fn sync(&self, server: &str) -> Bar {
        let listing = self.ours(server, 0, "sync-listing");
        let measured = self.ours(server, 0, "sync-nothing").zip(listing).map(|(sync, listing)| {
            let ratio = sync.wall_s() / listing.wall_s();
            let lists =
                |row: &Row| row.requests.as_ref().map(|kinds| kinds.get("list").copied().unwrap_or(0));
            let beyond = sync.requests.as_ref().map(|kinds| {
                kinds.iter().filter(|(kind, _)| *kind != "list").map(|(_, count)| count).sum::<u64>()
                    + lists(sync).unwrap_or(0).saturating_sub(lists(listing).unwrap_or(0))
            });
            (ratio, beyond)
        });
        Bar {
            work: "sync-nothing".to_owned(),
            against: format!("own listing of the same, {server}"),
            bar: "wall ≤ 1.30, no request beyond the listing".to_owned(),
            measured: measured.map_or_else(not_measured, |(ratio, beyond)| {
                let beyond =
                    beyond.map_or_else(|| "requests not counted".to_owned(), |it| format!("{it} beyond"));
                format!("{ratio:.2}, {beyond}")
            }),
            held: measured.map(|(ratio, beyond)| ratio <= 1.3 && beyond.unwrap_or(0) == 0),
        }
    }

    /// The rows of an item by how many keys there were.
    fn millions(&self, item: &str) -> Vec<&Row> {
        let beginning = format!("{item} ");
        let found = self.rows.iter().filter(|row| row.counts() && row.item.starts_with(&beginning));
        let mut rows: Vec<&Row> = found.filter(|row| row.program == "pintail").collect();
        rows.sort_by_key(|row| row.files);
        rows
    }

    fn million_peak(&self, item: &str) -> Bar {
        let peak = self.millions(item).last().map(|row| row.peak_mib());
        Bar {
            work: item.to_owned(),
            against: "–".to_owned(),
            bar: "peak memory ≤ 128 MiB".to_owned(),
            measured: peak.map_or_else(not_measured, |peak| format!("{peak:.1} MiB")),
            held: peak.map(|peak| peak <= 128.0),
        }
    }

    fn flat(&self, item: &str) -> Bar {
        let rows = self.millions(item);
        let per_key: Vec<f64> = rows.iter().map(|row| row.wall_s() * 1e6 / row.files as f64).collect();
        let least = per_key.iter().copied().fold(f64::INFINITY, f64::min);
        let most = per_key.iter().copied().fold(0.0, f64::max);
        let judged = per_key.len() >= 3;
        let words: Vec<String> = per_key.iter().map(|us| format!("{us:.2}")).collect();
        Bar {
            work: item.to_owned(),
            against: "–".to_owned(),
            bar: "time per key flat from 10⁴ to 10⁶ (±20 %)".to_owned(),
            measured: if judged { format!("{} µs", words.join(", ")) } else { not_measured() },
            // Within 20 % of the middle between the extremes, whichever way it goes.
            held: judged.then_some(most / least <= 1.5),
        }
    }
}

fn not_measured() -> String {
    "not measured".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::Account;

    fn row(server: &str, rtt_ms: u64, item: &str, program: &str, wall_s: f64, cpu_s: f64) -> Row {
        let account = Account { wall_ms: wall_s * 1000.0, cpu_ms: cpu_s * 1000.0, peak_mib: 30.0, code: 0 };
        Row {
            server: server.to_owned(),
            rtt_ms,
            item: item.to_owned(),
            program: program.to_owned(),
            files: item.rsplit(' ').next().and_then(|n| n.replace(',', "").parse().ok()).unwrap_or(1),
            bytes: 4 << 30,
            accounts: vec![account],
            ..Row::default()
        }
    }

    fn held(bars: &[Bar], work: &str, against: &str, bar: &str) -> Option<bool> {
        let found = bars
            .iter()
            .find(|it| it.work == work && it.against.starts_with(against) && it.bar.starts_with(bar));
        found.unwrap_or_else(|| panic!("{work} {against} {bar}")).held
    }

    #[test]
    fn what_was_not_measured_is_not_held() {
        assert!(judge(&[]).iter().all(|bar| bar.held.is_none() && bar.measured == "not measured"));
        let mut ours = row("answerer", 0, "small-up", "pintail", 1.0, 0.1);
        ours.problem = Some("failed".to_owned());
        let theirs = row("answerer", 0, "small-up", "s5cmd", 4.0, 4.0);
        assert_eq!(held(&judge(&[ours, theirs]), "small-up", "s5cmd", "client CPU"), None);
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
        let bars = judge(&rows);
        assert_eq!(held(&bars, "small-up", "s5cmd, answerer", "client CPU"), Some(true));
        assert_eq!(held(&bars, "small-up", "s5cmd, answerer", "wall"), Some(false));
        assert_eq!(held(&bars, "small-up", "answerer", "peak"), Some(true));
        assert_eq!(held(&bars, "small-up", "best of s5cmd, rclone", "wall"), Some(false));
    }

    #[test]
    fn the_line_the_listing_and_the_million_are_judged() {
        let mut sync = row("answerer", 0, "sync-nothing", "pintail", 1.2, 0.1);
        let mut listing = row("answerer", 0, "sync-listing", "pintail", 1.0, 0.1);
        listing.requests = Some([("list".to_owned(), 50)].into());
        sync.requests = Some([("list".to_owned(), 50)].into());
        let mut rows = vec![row("answerer", 100, "huge-up", "pintail", 36.0, 1.0), sync, listing];
        for (keys, wall) in [("10,000", 0.1), ("100,000", 1.1), ("1,000,000", 9.5)] {
            rows.push(row("answerer", 0, &format!("million-list {keys}"), "pintail", wall, 1.0));
        }
        let bars = judge(&rows);
        assert_eq!(held(&bars, "huge-up", "the line, answerer", "≥"), Some(true));
        assert_eq!(held(&bars, "sync-nothing", "own listing", "wall"), Some(true));
        assert_eq!(held(&bars, "million-list", "–", "peak"), Some(true));
        assert_eq!(held(&bars, "million-list", "–", "time"), Some(true));
        rows[1].requests = Some([("list".to_owned(), 50), ("head".to_owned(), 1)].into());
        rows[0].accounts[0].wall_ms = 37_000.0;
        rows[5].accounts[0].wall_ms = 20_000.0;
        let bars = judge(&rows);
        assert_eq!(held(&bars, "huge-up", "the line, answerer", "≥"), Some(false));
        assert_eq!(held(&bars, "sync-nothing", "own listing", "wall"), Some(false));
        assert_eq!(held(&bars, "million-list", "–", "time"), Some(false));
    }
}

//! What runs of the transfer bench found, as it is kept: to be written down again, and put together from several runs.
//!
//! A [`Record`] holds runs and rows. Of two runs that measured the same work at the same place the later one counts, with all
//! its contestants: they took turns with each other, and with nobody else.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bars::Bar;
use super::contestants::PEERS;
use super::line::check::Checked;
use super::result::Row;
use super::stage::Peer;
use super::transfer::OURS;
use super::work;

/// What was measured on, and how.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// What the lines came to.
    #[serde(default)]
    pub(crate) lines: Vec<Checked>,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) runs: Vec<Facts>,
    pub(crate) rows: Vec<Row>,
}

impl Record {
    /// What one run found.
    pub(crate) fn of(facts: Facts, rows: Vec<Row>) -> Self {
        Self { runs: vec![facts], rows }
    }

    /// Reads what `--json` has written.
    ///
    /// # Errors
    /// When it cannot be read, or holds no transfers.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let failed = |reason: String| format!("{}: {reason}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        serde_json::from_value(value["transfers"].clone())
            .map_err(|error| failed(format!("no transfers: {error}")))
    }

    /// This, and what was measured after it.
    pub(crate) fn then(self, later: Self) -> Self {
        let key = |row: &Row| (row.server.clone(), row.rtt_ms, row.name.clone());
        let anew: std::collections::BTreeSet<_> = later.rows.iter().map(key).collect();
        let kept = self.rows.into_iter().filter(|row| !anew.contains(&key(row)));
        let before = self.runs.len();
        let added = later.rows.into_iter().map(|row| Row { run: row.run + before, ..row });
        let rows: Vec<Row> = kept.chain(added).collect();
        let (mut runs, mut places) = (Vec::new(), Vec::new());
        for (index, run) in self.runs.into_iter().chain(later.runs).enumerate() {
            let counts = rows.iter().any(|row| row.run == index);
            places.push(runs.len());
            if counts {
                runs.push(run);
            }
        }
        let rows = rows.into_iter().map(|row| Row { run: places.get(row.run).copied().unwrap_or(0), ..row });
        let mut record = Self { runs, rows: rows.collect() };
        record.rows.sort_by_key(order);
        record
    }

    /// What the line of a round trip came to, when it was checked last.
    pub(crate) fn line(&self, rtt_ms: u64) -> Option<&Checked> {
        self.runs.iter().rev().flat_map(|run| &run.lines).find(|line| line.rtt_ms == rtt_ms)
    }

    /// The row of a contestant, with figures or without.
    pub(crate) fn row(&self, server: &str, rtt_ms: u64, item: &str, program: &str) -> Option<&Row> {
        self.rows.iter().find(|row| {
            (row.server.as_str(), row.rtt_ms, row.item.as_str(), row.program.as_str())
                == (server, rtt_ms, item, program)
        })
    }

    /// Everything, for programs.
    pub(crate) fn as_json(&self, bars: &[Bar]) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        for (row, shown) in self.rows.iter().zip(value["rows"].as_array_mut().into_iter().flatten()) {
            if row.counts() {
                shown["median"] = json!({
                    "wall_s": row.wall_s(), "cpu_s": row.cpu_s(), "peak_mib": row.peak_mib(),
                    "server_cpu_s": row.server_cpu_s(),
                });
            }
        }
        value["bars"] = serde_json::to_value(bars).unwrap_or_default();
        value
    }
}

/// Where a row stands: places first, then works as they run, then contestants.
fn order(row: &Row) -> (usize, u64, usize, u64, bool, usize) {
    let at = |found: Option<usize>| found.unwrap_or(usize::MAX);
    (
        at(Peer::ALL.iter().position(|(name, _)| *name == row.server)),
        row.rtt_ms,
        at(work::NAMES.iter().position(|name| *name == row.name)),
        row.files,
        row.item != row.name,
        if row.program == OURS {
            0
        } else {
            at(PEERS.iter().position(|peer| *peer == row.program).map(|place| place + 1))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::work::items;

    fn run(command: &str, names: &[&str], programs: &[&str]) -> Record {
        let works = names.iter().flat_map(|name| items(name, 1.0));
        let rows = works.flat_map(|work| {
            programs.iter().map(move |program| Row::new("answerer", 0, &work, program)).collect::<Vec<_>>()
        });
        Record::of(Facts { command: command.to_owned(), ..Facts::default() }, rows.collect())
    }

    #[test]
    fn what_is_measured_again_replaces_all_of_that_work() {
        let first = run("first", &["small-up", "list"], &["pintail", "s5cmd", "rclone"]);
        let second = run("second", &["list"], &["pintail", "s5cmd"]);
        let both = first.clone().then(second.clone());
        let of = |name: &str| -> Vec<&str> {
            let rows = both.rows.iter().filter(|row| row.name == name);
            rows.map(|row| both.runs[row.run].command.as_str()).collect()
        };
        assert_eq!(of("small-up"), ["first"; 3]);
        assert_eq!(of("list"), ["second"; 2]);
        let again = both.then(run("third", &["small-up"], &["pintail"]));
        assert_eq!(
            again.runs.iter().map(|run| run.command.as_str()).collect::<Vec<_>>(),
            ["second", "third"]
        );
        assert_eq!(again.rows.iter().map(|row| row.run).collect::<Vec<_>>(), [1, 0, 0]);
    }

    #[test]
    fn rows_are_in_one_order_and_read_as_they_were_written() {
        let later = run("a", &["sync-nothing"], &["s5cmd", "pintail"]);
        let record = Record::default().then(later).then(run("b", &["small-up"], &["pintail"]));
        let names: Vec<_> = record.rows.iter().map(|row| (row.item.as_str(), row.program.as_str())).collect();
        assert_eq!(
            names,
            [
                ("small-up", "pintail"),
                ("sync-nothing", "pintail"),
                ("sync-nothing", "s5cmd"),
                ("sync-listing", "pintail"),
                ("sync-listing", "s5cmd"),
            ]
        );
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), json!({ "transfers": record.as_json(&[]) }).to_string()).expect("a file");
        assert_eq!(Record::read(file.path()), Ok(record));
        std::fs::write(file.path(), "{}").expect("a file");
        assert!(Record::read(file.path()).is_err());
    }
}

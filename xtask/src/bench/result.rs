//! What was measured: one row for each contestant at each piece of work at each place.
//!
//! Pure: figures and their medians.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::measure::{Account, median};
use super::work::Work;

/// A contestant at a piece of work at a place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) server: String,
    pub(crate) rtt_ms: u64,
    pub(crate) item: String,
    pub(crate) words: String,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) program: String,
    /// The setting that was the fastest of those tried, in words.
    pub(crate) setting: String,
    /// What each setting came to.
    pub(crate) tried: BTreeMap<String, String>,
    pub(crate) accounts: Vec<Account>,
    /// Requests of the last run, where somebody counted.
    pub(crate) requests: Option<BTreeMap<String, u64>>,
    /// Why there are no figures.
    pub(crate) problem: Option<String>,
    /// The round after which it took no further turns, because it was far behind.
    #[serde(default)]
    pub(crate) left_after: Option<usize>,
    /// The name that the work has on the command line: what is measured again replaces all rows of it at a place.
    #[serde(default)]
    pub(crate) name: String,
    /// Which of several runs it is of.
    #[serde(default)]
    pub(crate) run: usize,
}

impl Row {
    pub(crate) fn new(server: &str, rtt_ms: u64, work: &Work, program: &str) -> Self {
        Self {
            server: server.to_owned(),
            rtt_ms,
            item: work.label(),
            words: work.words(),
            files: work.files,
            bytes: work.bytes(),
            program: program.to_owned(),
            // The listing that a synchronisation is held against belongs to it.
            name: if work.name == "sync-listing" { "sync-nothing" } else { work.name }.to_owned(),
            ..Self::default()
        }
    }

    /// Takes a run in.
    pub(crate) fn take(&mut self, account: Account, requests: Option<BTreeMap<String, u64>>) {
        self.accounts.push(account);
        self.requests = requests;
    }

    /// Whether it takes further turns.
    pub(crate) fn goes_on(&self) -> bool {
        self.problem.is_none() && self.left_after.is_none()
    }

    /// Median of what the servers took meanwhile, in seconds of CPU.
    pub(crate) fn server_cpu_s(&self) -> f64 {
        self.median(|account| account.server_cpu_ms) / 1000.0
    }

    /// Least and most of the wall time, in seconds.
    pub(crate) fn wall_range_s(&self) -> (f64, f64) {
        let wall_s = || self.accounts.iter().map(|account| account.wall_ms / 1000.0);
        (wall_s().fold(f64::INFINITY, f64::min), wall_s().fold(0.0, f64::max))
    }

    /// Whether it has figures.
    pub(crate) fn counts(&self) -> bool {
        self.problem.is_none() && !self.accounts.is_empty()
    }

    /// Median of the wall time, in seconds.
    pub(crate) fn wall_s(&self) -> f64 {
        self.median(|account| account.wall_ms) / 1000.0
    }

    /// Median of the client's CPU time, in seconds.
    pub(crate) fn cpu_s(&self) -> f64 {
        self.median(|account| account.cpu_ms) / 1000.0
    }

    /// Median of the peak memory, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.median(|account| account.peak_mib)
    }

    fn median(&self, figure: impl Fn(&Account) -> f64) -> f64 {
        median(self.accounts.iter().map(figure).collect())
    }

    /// The requests in words, the most frequent kind first.
    pub(crate) fn requests_text(&self) -> String {
        let Some(requests) = &self.requests else { return "–".to_owned() };
        let mut kinds: Vec<(&String, &u64)> = requests.iter().collect();
        kinds.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
        let words = kinds.into_iter().map(|(kind, count)| format!("{count} {kind}"));
        words.collect::<Vec<_>>().join(", ")
    }

    /// The last run in a line.
    pub(crate) fn last_line(&self) -> String {
        match (&self.problem, self.accounts.last()) {
            (Some(reason), _) => format!("{:<8} {}", self.program, reason.lines().last().unwrap_or_default()),
            (None, Some(account)) => format!(
                "{:<8} {:>8.2} s wall {:>8.2} s CPU {:>7.1} MiB",
                self.program,
                account.wall_ms / 1000.0,
                account.cpu_ms / 1000.0,
                account.peak_mib
            ),
            (None, None) => self.program.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::work::items;

    #[test]
    fn a_row_has_medians_and_a_problem_none() {
        let mut row = Row::new("answerer", 0, &items("small-up", 1.0)[0], "pintail");
        assert!(!row.counts());
        for wall_ms in [3000.0, 1000.0, 2000.0] {
            let requests = BTreeMap::from([("put".to_owned(), 10_000), ("list".to_owned(), 1)]);
            row.take(
                Account { wall_ms, cpu_ms: 500.0, peak_mib: 12.0, ..Account::default() },
                Some(requests),
            );
        }
        assert!((row.wall_s() - 2.0).abs() < 1e-9 && (row.cpu_s() - 0.5).abs() < 1e-9);
        assert_eq!(row.requests_text(), "10000 put, 1 list");
        assert_eq!(row.wall_range_s(), (1.0, 3.0));
        assert!(row.counts() && row.goes_on());
        row.left_after = Some(3);
        assert!(row.counts() && !row.goes_on());
        row.problem = Some("it broke".to_owned());
        assert!(!row.counts());
    }
}

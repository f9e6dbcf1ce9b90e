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
            ..Self::default()
        }
    }

    /// Takes a run in.
    pub(crate) fn take(&mut self, account: Account, requests: Option<BTreeMap<String, u64>>) {
        self.accounts.push(account);
        self.requests = requests;
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

/// Finds the row of a contestant that has figures.
pub(crate) fn find<'a>(
    rows: &'a [Row],
    server: &str,
    rtt_ms: u64,
    item: &str,
    program: &str,
) -> Option<&'a Row> {
    rows.iter().find(|row| {
        row.counts()
            && (row.server.as_str(), row.rtt_ms, row.item.as_str(), row.program.as_str())
                == (server, rtt_ms, item, program)
    })
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
            row.take(Account { wall_ms, cpu_ms: 500.0, peak_mib: 12.0, code: 0 }, Some(requests));
        }
        assert!((row.wall_s() - 2.0).abs() < 1e-9 && (row.cpu_s() - 0.5).abs() < 1e-9);
        assert_eq!(row.requests_text(), "10000 put, 1 list");
        let rows = [row.clone()];
        assert!(find(&rows, "answerer", 0, "small-up", "pintail").is_some());
        row.problem = Some("it broke".to_owned());
        assert!(find(&[row], "answerer", 0, "small-up", "pintail").is_none());
    }
}

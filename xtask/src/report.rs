//! What a run says at its end: a table of suites and one line of numbers.
//!
//! A suite that was wanted and did not run counts as a failure, so that neither the numbers nor the exit status can
//! be mistaken for a pass.

use std::time::Duration;

/// How a suite ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed,
    NotRun(String),
    /// Left out on request; the text says by which.
    Skipped(&'static str),
}

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) suite: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) time: Duration,
}

/// The whole table.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut text = format!("{:<12} {:<8} {:>6} {:>6} {:>8}\n", "suite", "result", "passed", "failed", "time");
    for line in lines {
        let (word, reason) = match &line.verdict {
            Verdict::Passed => ("PASSED", ""),
            Verdict::Failed => ("FAILED", ""),
            Verdict::NotRun(reason) => ("NOT RUN", reason.as_str()),
            Verdict::Skipped(by) => ("SKIPPED", *by),
        };
        let numbers = match line.verdict {
            Verdict::Passed | Verdict::Failed => {
                format!("{:>6} {:>6} {:>7.1}s", line.passed, line.failed, line.time.as_secs_f64())
            }
            _ => format!("{:>6} {:>6} {:>8}", "-", "-", "-"),
        };
        let reason = reason.lines().next().unwrap_or_default();
        text.push_str(format!("{:<12} {word:<8} {numbers}  {reason}", line.suite).trim_end());
        text.push('\n');
    }
    text
}

/// The last line: `N passed, N failed`, with `, N skipped` where suites were left out on request.
pub(crate) fn summary(lines: &[Line]) -> String {
    let passed: usize = lines.iter().map(|line| line.passed).sum();
    let failed: usize = lines
        .iter()
        .map(|line| match line.verdict {
            Verdict::NotRun(_) => 1,
            // A suite that failed without a test that did, as where it does not build.
            Verdict::Failed => line.failed.max(1),
            Verdict::Passed | Verdict::Skipped(_) => 0,
        })
        .sum();
    match lines.iter().filter(|line| matches!(line.verdict, Verdict::Skipped(_))).count() {
        0 => format!("{passed} passed, {failed} failed"),
        skipped => format!("{passed} passed, {failed} failed, {skipped} skipped"),
    }
}

/// Whether everything that was wanted passed.
pub(crate) fn success(lines: &[Line]) -> bool {
    lines.iter().all(|line| matches!(line.verdict, Verdict::Passed | Verdict::Skipped(_)))
}

#[cfg(test)]
mod tests {
    use super::{Line, Verdict, success, summary};
    use std::time::Duration;

    fn line(verdict: Verdict, passed: usize, failed: usize) -> Line {
        Line { suite: "unit", verdict, passed, failed, time: Duration::ZERO }
    }

    #[test]
    fn what_did_not_run_is_a_failure() {
        let lines = [line(Verdict::Passed, 7, 0), line(Verdict::NotRun("no browser".into()), 0, 0)];
        assert_eq!((summary(&lines).as_str(), success(&lines)), ("7 passed, 1 failed", false));
    }

    #[test]
    fn what_was_left_out_on_request_is_not() {
        let lines = [line(Verdict::Passed, 7, 0), line(Verdict::Skipped("--skip"), 0, 0)];
        assert_eq!((summary(&lines).as_str(), success(&lines)), ("7 passed, 0 failed, 1 skipped", true));
        assert_eq!(
            summary(&[line(Verdict::Failed, 0, 0)]),
            "0 passed, 1 failed",
            "a build that fails has no tests"
        );
    }
}

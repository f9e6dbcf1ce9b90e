//! Runs the suites that were asked for, in order, on one bench.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Instant;

use pintail_testkit::bench::BENCH_VARIABLE;
use pintail_testkit::record::RECORD_VARIABLE;
use pintail_testkit::secrets;

use crate::arguments::TestOptions;
use crate::cache::Cache;
use crate::interrupt;
use crate::policy::HandOver;
use crate::process;
use crate::report::{self, Line, Verdict};
use crate::servers::{FOREIGN_VARIABLES, Servers};
use crate::suites::{FEATURES, Kind, SUITES, Selection, Suite, programs_behind};
use crate::tools::Tools;

/// Exit code by which nextest says that an expression matched no test.
const NO_TESTS: i32 = 4;

/// What a suite came to.
struct Outcome {
    verdict: Verdict,
    passed: usize,
    failed: usize,
}

impl Outcome {
    fn not_run(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotRun(reason.into()), passed: 0, failed: 0 }
    }

    fn counted(success: bool, passed: usize, failed: usize) -> Self {
        let verdict = if success && failed == 0 { Verdict::Passed } else { Verdict::Failed };
        Self { verdict, passed, failed }
    }
}

/// Runs everything that was asked for; true where all of it passed.
pub(crate) fn run(options: &TestOptions) -> Result<bool, String> {
    enter_workspace()?;
    let begun = Instant::now();
    let wanted: Vec<&Suite> = SUITES.iter().filter(|suite| left_out(options, suite).is_none()).collect();
    let mut needs: BTreeSet<&str> = wanted.iter().flat_map(|suite| suite.needs).copied().collect();
    let behind: Vec<&str> = needs.iter().flat_map(|need| programs_behind(need)).copied().collect();
    needs.extend(behind);
    let tools = Tools::prepare(&Cache::open()?, &needs);
    let servers = Servers::start(&tools, &needs)?;
    let mut bench = Runner { tools: &tools, servers: &servers, built: None };
    let mut lines: Vec<Line> = Vec::new();
    for suite in SUITES {
        let start = Instant::now();
        let stop = options.fail_fast && !report::success(&lines);
        let outcome = if let Some(by) = left_out(options, suite) {
            Outcome { verdict: Verdict::Skipped(by), passed: 0, failed: 0 }
        } else if interrupt::asked() {
            Outcome::not_run("interrupted")
        } else if stop {
            Outcome::not_run("--fail-fast: an earlier suite failed")
        } else {
            println!("\n── {}: {}", suite.name, suite.proves);
            bench.suite(suite)
        };
        let Outcome { verdict, passed, failed } = outcome;
        if let Verdict::NotRun(reason) = &verdict {
            println!("{} NOT RUN: {reason}", suite.name);
        }
        lines.push(Line { suite: suite.name, verdict, passed, failed, time: start.elapsed() });
    }
    drop(servers);
    println!("\n{}\n{:.0} seconds in all", report::table(&lines), begun.elapsed().as_secs_f64());
    println!("{}", report::summary(&lines));
    Ok(report::success(&lines))
}

/// By which option a suite was left out.
fn left_out(options: &TestOptions, suite: &Suite) -> Option<&'static str> {
    if options.skip.iter().any(|name| name == suite.name) {
        Some("asked for: --skip")
    } else if !options.only.is_empty() && !options.only.iter().any(|name| name == suite.name) {
        Some("asked for: --only names others")
    } else {
        None
    }
}

/// Goes to the root of the workspace, wherever the command was typed.
pub(crate) fn enter_workspace() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."));
    std::env::set_current_dir(root).map_err(|error| format!("{}: {error}", root.display()))
}

struct Runner<'a> {
    tools: &'a Tools,
    servers: &'a Servers,
    built: Option<bool>,
}

impl Runner<'_> {
    fn suite(&mut self, suite: &Suite) -> Outcome {
        for need in suite.needs.iter().flat_map(|need| std::iter::once(need).chain(programs_behind(need))) {
            let server = ["issuer", "hostile", "seaweedfs", "seaweedfs_short"].contains(need);
            let missing = if server {
                self.servers.missing(need).map(str::to_owned)
            } else {
                self.tools.get(need).err()
            };
            if let Some(reason) = missing {
                return Outcome::not_run(format!("{need}: {reason}"));
            }
        }
        let _hand_over = match (suite.name == "scheme").then(HandOver::allow).transpose() {
            Ok(guard) => guard,
            Err(reason) => return Outcome::not_run(reason),
        };
        let result = match suite.kind {
            Kind::Commands(commands) => self.commands(commands),
            Kind::Tests(selection) => self.tests(suite, selection),
            Kind::Docs => self.docs(),
            Kind::Secrets => Ok(self.secrets()),
        };
        result.unwrap_or_else(|problem| {
            println!("{problem}");
            Outcome::counted(false, 0, 1)
        })
    }

    fn commands(&self, commands: &[&[&str]]) -> Result<Outcome, String> {
        let mut passed = 0;
        for command in commands {
            let [program, arguments @ ..] = command else { continue };
            let path = self.tools.get(program).map_or_else(|_| PathBuf::from(program), Path::to_owned);
            let status = process::run(Command::new(path).args(arguments))?;
            if status.success() {
                passed += 1;
            }
        }
        Ok(Outcome::counted(passed == commands.len(), passed, commands.len() - passed))
    }

    /// Builds every test once, then lets nextest pick this suite's.
    fn tests(&mut self, suite: &Suite, selection: Selection) -> Result<Outcome, String> {
        if self.built.is_none() {
            let status = process::run(self.nextest()?.args(["--no-run", "--locked"]))?;
            self.built = Some(status.success());
        }
        if self.built == Some(false) {
            println!("the tests do not build");
            return Ok(Outcome::counted(false, 0, 1));
        }
        let junit = Path::new("target/nextest/suite/junit.xml");
        let _ = std::fs::remove_file(junit);
        let mut nextest = self.nextest()?;
        nextest.args(["--profile", "suite", "--offline", "-E", &suite.expression(selection)]);
        for variable in FOREIGN_VARIABLES {
            nextest.env_remove(variable);
        }
        nextest.env("AWS_EC2_METADATA_DISABLED", "true");
        nextest.env(RECORD_VARIABLE, self.servers.record());
        // Unit tests need nothing outside the checkout, and must not find it either.
        if selection != Selection::Unit {
            nextest.env(BENCH_VARIABLE, self.servers.bench_file());
            if let Ok(python) = self.tools.get("python") {
                nextest.env("PINTAIL_BENCH_PYTHON", python);
            }
        }
        let status = process::run(&mut nextest)?;
        if status.code() == Some(NO_TESTS) {
            return Ok(Outcome::not_run("no test belongs to it yet"));
        }
        let (passed, failed) = counts(junit)?;
        Ok(Outcome::counted(status.success(), passed, failed))
    }

    fn nextest(&self) -> Result<Command, String> {
        let mut nextest = Command::new(self.tools.get("cargo-nextest")?);
        nextest.args(["nextest", "run", "--workspace", "--cargo-quiet", "--features", FEATURES]);
        Ok(nextest)
    }

    fn docs(&self) -> Result<Outcome, String> {
        let mut test = Command::new("cargo");
        let (status, text) = process::capture(
            test.args(["test", "--doc", "--quiet", "--workspace", "--locked", "--features", FEATURES]),
            true,
        )?;
        let (mut passed, mut failed) = doc_counts(&text, status);
        let mut doc = Command::new("cargo");
        doc.args(["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items", "--locked"]);
        doc.args(["--features", FEATURES]);
        if process::run(doc.env("RUSTDOCFLAGS", "-D warnings"))?.success() {
            passed += 1;
        } else {
            failed += 1;
        }
        Ok(Outcome::counted(status.success(), passed, failed))
    }

    fn secrets(&self) -> Outcome {
        match secrets::scan(&self.servers.record()) {
            Ok(scan) => {
                println!(
                    "{} secrets looked for in {} outputs ({} values too short to look for)",
                    scan.secrets, scan.outputs, scan.too_short
                );
                for leak in &scan.leaks {
                    println!("leak: {leak}");
                }
                if let (false, Ok(kept)) = (scan.leaks.is_empty(), self.keep_record()) {
                    println!("the outputs are kept in {}", kept.display());
                }
                Outcome::counted(scan.leaks.is_empty(), usize::from(scan.leaks.is_empty()), scan.leaks.len())
            }
            Err(reason) => Outcome::not_run(reason),
        }
    }

    /// Keeps the outputs of a run with leaks, without the list of secrets.
    fn keep_record(&self) -> std::io::Result<PathBuf> {
        let kept = Path::new("target/leaks");
        let _ = std::fs::remove_dir_all(kept);
        std::fs::create_dir_all(kept)?;
        for entry in std::fs::read_dir(self.servers.record().join("outputs"))? {
            let entry = entry?;
            std::fs::copy(entry.path(), kept.join(entry.file_name()))?;
        }
        Ok(kept.to_owned())
    }
}

/// Numbers of the first element of a JUnit file: `<testsuites tests="3" failures="1" errors="0" …>`.
fn counts(junit: &Path) -> Result<(usize, usize), String> {
    let text = std::fs::read_to_string(junit).map_err(|error| format!("{}: {error}", junit.display()))?;
    let element =
        text.split("<testsuites ").nth(1).and_then(|rest| rest.split('>').next()).unwrap_or_default();
    let number = |name: &str| -> Option<usize> {
        element.split(&format!("{name}=\"")).nth(1)?.split('"').next()?.parse().ok()
    };
    let (tests, failures, errors) = (number("tests"), number("failures"), number("errors"));
    let (Some(tests), Some(failures), Some(errors)) = (tests, failures, errors) else {
        return Err(format!("{}: no numbers in {element:?}", junit.display()));
    };
    let failed = failures + errors;
    Ok((tests.saturating_sub(failed), failed))
}

/// Sums the lines `test result: ok. 3 passed; 0 failed; …` that rustdoc prints for each crate.
fn doc_counts(text: &str, status: ExitStatus) -> (usize, usize) {
    let (mut passed, mut failed) = (0, 0);
    for line in text.lines().filter(|line| line.starts_with("test result:")) {
        let before = |word: &str| -> usize {
            let number = line.split(word).next().and_then(|start| start.split_whitespace().last());
            number.and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        passed += before(" passed");
        failed += before(" failed");
    }
    if failed == 0 && !status.success() {
        failed = 1;
    }
    (passed, failed)
}

#[cfg(test)]
mod tests {
    use super::{counts, doc_counts};

    #[test]
    fn numbers_are_read_from_junit_and_from_rustdoc() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let text =
            r#"<?xml version="1.0"?><testsuites name="suite" tests="5" failures="1" errors="1" uuid="x">"#;
        std::fs::write(file.path(), text).expect("a file");
        assert_eq!(counts(file.path()), Ok((3, 2)));
        let text = "test result: ok. 3 passed; 0 failed; 1 ignored\ntest result: FAILED. 1 passed; 2 failed; 0 ignored";
        assert_eq!(doc_counts(text, std::process::ExitStatus::default()), (4, 2));
    }
}

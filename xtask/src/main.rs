//! Runs the tests and the benchmarks of this workspace: `cargo xtask test`, `cargo xtask bench`.
//!
//! `test` prepares other people's servers and clients once per machine ([`cache`], [`tools`]), starts the servers
//! ([`servers`]), runs the suites in order ([`suites`], [`runner`]) and says at the end what passed, what failed and
//! what was not run ([`report`]). Suites that could not run fail the command: "not run" never looks like "passed".

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for developers talks on both streams"
)]

mod arguments;
mod bench;
mod cache;
mod interrupt;
mod policy;
mod process;
mod report;
mod runner;
mod seaweedfs;
mod servers;
mod suites;
mod tools;

use std::process::ExitCode;

use arguments::{Command, USAGE};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = match Command::parse(&arguments) {
        Ok(command) => command,
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // These are ended by whoever started them, and wait for nobody.
    if !matches!(command, Command::Answer | Command::Line { .. } | Command::Measure { .. }) {
        interrupt::install();
    }
    let result = match command {
        Command::Help => {
            println!("{USAGE}");
            Ok(true)
        }
        Command::List => {
            suites::list();
            Ok(true)
        }
        Command::Test(options) => runner::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Answer => bench::answerer::serve(),
        Command::Line { upstream, measures } => bench::line::serve(upstream, measures),
        Command::Measure { account, program, arguments } => {
            bench::measure::measure(&account, &program, &arguments)
        }
        Command::Advisories { database } => suites::advisories(database.as_deref()),
        Command::Guard { program, arguments } => Err(process::become_guarded(&program, &arguments)),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

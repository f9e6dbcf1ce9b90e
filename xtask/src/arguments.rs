//! The command line, as typed and as meant.

use std::path::PathBuf;

use crate::suites;

/// What `cargo xtask help` prints.
pub(crate) const USAGE: &str = "\
Usage:
  cargo xtask test [--only SUITE]… [--skip SUITE]… [--fail-fast]
      Prepares the test bench and runs every suite. A suite that cannot run fails the command, unless --skip names it.
  cargo xtask test --list
      Lists the suites.
  cargo xtask advisories [--db FOLDER]
      Compares the dependencies with the advisory database; needs the network, or a copy of the database.
  cargo xtask bench NAME… [--rounds N] [--json FILE]
      Measures a release build beside other programs. Names: startup, credentials.

The bench is kept in PINTAIL_CACHE, else XDG_CACHE_HOME/pintail, else ~/.cache/pintail.";

/// A command as meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    List,
    Test(TestOptions),
    Bench(BenchOptions),
    Advisories { database: Option<PathBuf> },
    Guard { program: String, arguments: Vec<String> },
}

/// Which suites to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestOptions {
    pub(crate) only: Vec<String>,
    pub(crate) skip: Vec<String>,
    pub(crate) fail_fast: bool,
}

/// Which benchmarks to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BenchOptions {
    pub(crate) names: Vec<String>,
    pub(crate) rounds: usize,
    pub(crate) json: Option<PathBuf>,
}

impl Command {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let Some((command, rest)) = arguments.split_first() else { return Ok(Self::Help) };
        match command.as_str() {
            "help" | "--help" | "-h" => Ok(Self::Help),
            "test" => parse_test(rest),
            "bench" => parse_bench(rest),
            "advisories" => match rest {
                [] => Ok(Self::Advisories { database: None }),
                [flag, folder] if flag == "--db" => Ok(Self::Advisories { database: Some(folder.into()) }),
                _ => Err("advisories takes --db FOLDER only".to_owned()),
            },
            "guard" => match rest {
                [program, arguments @ ..] => {
                    Ok(Self::Guard { program: program.clone(), arguments: arguments.to_vec() })
                }
                [] => Err("guard needs a program".to_owned()),
            },
            other => Err(format!("no command {other:?}")),
        }
    }
}

fn parse_test(arguments: &[String]) -> Result<Command, String> {
    let mut options = TestOptions::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (flag, value) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        match flag {
            "--list" => return Ok(Command::List),
            "--help" | "-h" => return Ok(Command::Help),
            "--fail-fast" => options.fail_fast = true,
            "--only" | "--skip" => {
                let name =
                    value.or_else(|| rest.next().cloned()).ok_or_else(|| format!("{flag} needs a suite"))?;
                if !suites::SUITES.iter().any(|suite| suite.name == name) {
                    return Err(format!("no suite {name:?}; `cargo xtask test --list` lists them"));
                }
                if flag == "--only" { options.only.push(name) } else { options.skip.push(name) }
            }
            _ => return Err(format!("test does not take {argument:?}")),
        }
    }
    Ok(Command::Test(options))
}

fn parse_bench(arguments: &[String]) -> Result<Command, String> {
    let mut options = BenchOptions { names: Vec::new(), rounds: 20, json: None };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--rounds" => {
                let value = rest.next().ok_or("--rounds needs a number")?;
                options.rounds = value.parse().map_err(|_| format!("{value:?} is not a number"))?;
            }
            "--json" => options.json = Some(rest.next().ok_or("--json needs a file")?.into()),
            name if !name.starts_with('-') => options.names.push(name.to_owned()),
            other => return Err(format!("bench does not take {other:?}")),
        }
    }
    if options.names.is_empty() { Err("bench needs a name".to_owned()) } else { Ok(Command::Bench(options)) }
}

#[cfg(test)]
mod tests {
    use super::{Command, TestOptions};

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn suites_are_picked_and_left_out_by_name() {
        let options =
            TestOptions { only: vec!["unit".into()], skip: vec!["browser".into()], fail_fast: true };
        assert_eq!(parse("test --only unit --skip=browser --fail-fast"), Ok(Command::Test(options)));
        assert!(parse("test --skip nothing").is_err(), "a misspelt name must not skip silently");
        assert!(parse("tset").is_err());
    }
}

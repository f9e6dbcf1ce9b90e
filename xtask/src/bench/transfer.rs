//! The rounds of the transfer bench: every contestant does every piece of work at every place, in turns, and is checked.
//!
//! Contestants take turns within a round, so that a busy machine hurts all of them alike. Where one has several settings, each
//! is tried once before on a part of the work, and the fastest is kept. A contestant that fails, or does not do its work, has
//! a reason in place of figures and takes no further turns at that piece of work; so does one that is far behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::contestants::{self, Ends, PEERS, Setting};
use super::estimate;
use super::line::check::Checked;
use super::measure::{self, Account, Outputs};
use super::plan;
use super::proof;
use super::result::Row;
use super::stage::{Measured, Peer, Stage};
use super::work::{Verb, Work, items};
use crate::arguments::BenchOptions;
use crate::interrupt;
use crate::tools::Tools;

pub(crate) const OURS: &str = "pintail";

/// How the reason begins of whoever was far behind in a trial.
pub(crate) const LEFT_OUT: &str = "left out";

/// How many times what is expected a run may take before it is ended.
const PATIENCE: u32 = 10;

/// How often a line is measured that does not come to what it should.
const CHECKS: usize = 3;

/// The least that a run is expected to take, for that purpose.
const EXPECTED_LEAST_S: f64 = 10.0;

/// What came of it, in the order it was measured.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) rows: Vec<Row>,
    /// What the lines came to, each checked before it was used.
    pub(crate) lines: Vec<Checked>,
}

/// Measures. What has come of it so far is given to `keep` after each piece of work.
pub(crate) fn run(
    options: &BenchOptions,
    names: &[&str],
    tools: &Tools,
    pintail: &Path,
    xtask: &Path,
    below: &Path,
    keep: &dyn Fn(&Outcome) -> Result<(), String>,
) -> Result<Outcome, String> {
    let all = Peer::ALL.into_iter();
    let peers: Vec<Peer> = match options.only_server.as_deref() {
        Some(only) => all.filter(|(name, _)| only == *name).map(|(_, peer)| peer).collect(),
        None => all.map(|(_, peer)| peer).collect(),
    };
    let works: Vec<Work> = names.iter().flat_map(|name| items(name, options.scale)).collect();
    let programs = programs(options);
    announce(options, &works, &peers, &programs);
    let mut stage = Stage::set(tools, pintail, xtask, below, &peers)?;
    let driver = stage.path("crt.py");
    fs::write(&driver, include_str!("../../bench/crt.py")).map_err(|error| error.to_string())?;
    let mut bench = Bench {
        tools,
        pintail: pintail.to_owned(),
        can_sync: knows(pintail, "sync"),
        driver,
        programs,
        outcome: Outcome::default(),
    };
    let places: Vec<(Peer, u64)> = options
        .latencies_ms
        .iter()
        .flat_map(|&rtt_ms| peers.iter().map(move |&peer| (peer, rtt_ms)))
        .collect();
    for (peer, rtt_ms) in places {
        let here = |work: &Work| plan::rounds(work, peer, rtt_ms, options.rounds);
        let works: Vec<(Work, usize)> = works
            .iter()
            .map(|work| (plan::sized(work, peer), here(work)))
            .filter(|(_, rounds)| *rounds > 0)
            .collect();
        if works.is_empty() {
            continue;
        }
        bench.check_line(&stage, rtt_ms)?;
        let measured = stage.measured(peer, rtt_ms)?;
        for (index, (work, rounds)) in works.iter().enumerate() {
            bench.work(&mut stage, &measured, work, *rounds)?;
            keep(&bench.outcome)?;
            let next = works.get(index + 1).map(|(next, _)| next);
            if next.is_none_or(|next| next.tree_name() != work.tree_name() || !needs_tree(next, peer)) {
                stage.fell(work);
            }
        }
        stage.end_lines();
    }
    Ok(bench.outcome)
}

/// What the bench needs at most at full scale: 4 GiB to send, or to be received beside what is compared, and what SeaweedFS keeps.
const ROOM_BYTES: u64 = 10 << 30;

/// Whether files are needed for a piece of work: to be sent, or to fill a server that makes no objects by itself.
fn needs_tree(work: &Work, peer: Peer) -> bool {
    peer != Peer::Answerer || matches!(work.verb, Verb::Up | Verb::Sync | Verb::Plan)
}

/// Memory where there is a file system in it with enough room, so that no disk is measured; else the usual place for what is
/// temporary.
pub(crate) fn usual_folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(memory).map_or(0, |it| it.f_bavail.saturating_mul(it.f_frsize));
    if room >= ROOM_BYTES { memory.to_owned() } else { std::env::temp_dir() }
}

fn programs(options: &BenchOptions) -> Vec<&'static str> {
    let asked = |peer: &str| options.peers.as_ref().is_none_or(|peers| peers.iter().any(|name| name == peer));
    [OURS].into_iter().chain(PEERS.into_iter().filter(|peer| asked(peer))).collect()
}

fn announce(options: &BenchOptions, works: &[Work], peers: &[Peer], programs: &[&str]) {
    let mut seconds = 0.0;
    for &peer in peers {
        for &rtt_ms in &options.latencies_ms {
            for work in works {
                let rounds = plan::rounds(work, peer, rtt_ms, options.rounds);
                let work = plan::sized(work, peer);
                for program in
                    programs.iter().filter(|it| rounds > 0 && plan::takes_part(it, &work, peer, rtt_ms))
                {
                    let tries = contestants::settings(program, &work, rtt_ms).len();
                    let tries = if plan::tries(&work, peer) { tries } else { 1 };
                    let rounds = plan::turns(program, &work, rtt_ms, rounds);
                    let trial = estimate::seconds(program, &plan::trial(program, &work), peer, rtt_ms);
                    let whole = estimate::seconds(program, &work, peer, rtt_ms);
                    // Whoever is slow at small files is soon out of it.
                    let rounds = if *program == "aws" { 1 } else { rounds };
                    seconds += whole * rounds as f64 + if tries > 1 { trial * tries as f64 } else { 0.0 };
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
    tools: &'a Tools,
    pintail: PathBuf,
    can_sync: bool,
    driver: PathBuf,
    programs: Vec<&'static str>,
    outcome: Outcome,
}

/// A contestant at a piece of work, with what it needs for its turns.
struct Entry {
    row: Row,
    setting: Option<Setting>,
    /// Where pintail keeps what it compares with: what it has sent itself.
    own_prefix: Option<String>,
}

impl Bench<'_> {
    /// Measures a line before anybody is judged by it, once for each round trip.
    fn check_line(&mut self, stage: &Stage<'_>, rtt_ms: u64) -> Result<(), String> {
        if rtt_ms == 0 || self.outcome.lines.iter().any(|line| line.rtt_ms == rtt_ms) {
            return Ok(());
        }
        let mut checked = stage.check(rtt_ms)?;
        // Whoever else uses this machine may be done in a moment.
        for _ in 1..CHECKS {
            if !checked.is_true() {
                checked = stage.check(rtt_ms)?;
            }
        }
        println!(
            "\nline of {rtt_ms} ms: a round trip takes {:.1} ms, one open window fills {:.1} % up and {:.1} % down, \
             16 connections of TCP {:.1} %, {:.2} s CPU a second",
            checked.round_trip_ms,
            checked.up * 100.0,
            checked.down * 100.0,
            checked.down_from_start * 100.0,
            checked.cpu_share
        );
        self.outcome.lines.push(checked);
        Ok(())
    }

    fn work(
        &mut self,
        stage: &mut Stage<'_>,
        measured: &Measured,
        work: &Work,
        rounds: usize,
    ) -> Result<(), String> {
        let (peer, rtt_ms) = (measured.peer, measured.place.rtt_ms);
        println!("\n{} at {}, {rtt_ms} ms: {}", work.label(), peer.name(), work.words());
        let mut entries = self.entries(stage, measured, work)?;
        let source = format!("source-{}/", stage.next_run());
        if matches!(work.verb, Verb::Up | Verb::Sync | Verb::Plan) {
            stage.tree(work)?;
        }
        // Pintail compares with what it has sent itself.
        let own_only = work.verb == Verb::Sync && !work.peers;
        if !matches!(work.verb, Verb::Up | Verb::Delete | Verb::Plan) && !own_only {
            stage.fill(peer, &source, work)?;
        }
        self.prepare(stage, measured, work, &mut entries)?;
        for round in 0..rounds {
            let has_turn = |entry: &Entry| {
                let turns = plan::turns(&entry.row.program, work, rtt_ms, rounds);
                entry.setting.is_some() && round < turns && entry.row.goes_on()
            };
            let mut order: Vec<usize> =
                (0..entries.len()).filter(|index| has_turn(&entries[*index])).collect();
            // Whoever is first takes memory that the machine has given away meanwhile: each round another one.
            let first = round % order.len().max(1);
            order.rotate_left(first);
            for index in order {
                let entry = &mut entries[index];
                let Some(setting) = &entry.setting else { continue };
                let source = entry.own_prefix.as_deref().unwrap_or(&source);
                let turn = Turn { measured, work, program: &entry.row.program, setting, source };
                match self.turn(stage, &turn)? {
                    Ok((account, requests)) => entry.row.take(account, requests),
                    Err(reason) => entry.row.problem = Some(reason),
                }
                println!("  {:>2} {}", round + 1, entry.row.last_line());
            }
            let best = best_peer(&entries);
            for Entry { row, .. } in entries.iter_mut().filter(|entry| entry.row.program != OURS) {
                // Once shown, it is known to be the best at nothing.
                if row.goes_on() && best.is_some_and(|best| plan::hopeless(row.wall_s(), best)) {
                    row.left_after = Some(round + 1);
                }
            }
        }
        for Entry { row, own_prefix, .. } in entries {
            if let Some(prefix) = own_prefix {
                stage.empty(peer, &prefix)?;
            }
            self.outcome.rows.push(row);
        }
        stage.empty(peer, &source)?;
        stage.sent(peer, if work.verb == Verb::Up { 0 } else { work.bytes() })
    }

    /// Who takes part, each with the setting that was the fastest at a part of the work.
    fn entries(&self, stage: &mut Stage<'_>, measured: &Measured, work: &Work) -> Result<Vec<Entry>, String> {
        let rtt_ms = measured.place.rtt_ms;
        let (mut entries, mut best) = (Vec::new(), None::<f64>);
        for &program in self.programs.iter().filter(|it| plan::takes_part(it, work, measured.peer, rtt_ms)) {
            let mut row = Row::new(measured.peer.name(), rtt_ms, work, program);
            let mut setting = None;
            let missing = if program == OURS { None } else { self.tools.get(program).err() };
            if missing.is_some() {
                row.problem = missing;
            } else if program == OURS && matches!(work.verb, Verb::Sync | Verb::Plan) && !self.can_sync {
                row.problem = Some("this build has no `sync`".to_owned());
            } else {
                setting = self.best(stage, measured, work, program, &mut row, &mut best)?;
            }
            entries.push(Entry { row, setting, own_prefix: None });
        }
        Ok(entries)
    }

    /// Tries the settings of a program and returns the fastest. `best_s` is what the whole work would take the fastest peer so far.
    fn best(
        &self,
        stage: &mut Stage<'_>,
        measured: &Measured,
        work: &Work,
        program: &str,
        row: &mut Row,
        best_s: &mut Option<f64>,
    ) -> Result<Option<Setting>, String> {
        let mut settings = contestants::settings(program, work, measured.place.rtt_ms);
        for setting in settings.iter().filter(|_| program == "aws") {
            let path = measured.place.home.join(contestants::aws_configuration_name(setting));
            fs::write(path, contestants::aws_configuration(setting)).map_err(|error| error.to_string())?;
        }
        if !plan::tries(work, measured.peer) {
            let known = self.outcome.rows.iter().find(|known| {
                (known.server.as_str(), known.rtt_ms, known.name.as_str(), known.program.as_str())
                    == (Peer::Answerer.name(), row.rtt_ms, work.name, program)
            });
            let words = known.map(|known| known.setting.clone()).unwrap_or_default();
            // The first is the most promising where the answering peer was not asked.
            settings.sort_by_key(|setting| setting.words != words);
            settings.truncate(1);
        }
        if let [only] = settings.as_slice() {
            row.setting.clone_from(&only.words);
            return Ok(settings.pop());
        }
        let part = plan::trial(program, work);
        let share = if work.bytes() > 0 && work.files == 1 {
            part.bytes() as f64 / work.bytes() as f64
        } else {
            part.files as f64 / work.files as f64
        };
        let source = format!("source-{}/", stage.next_run());
        if matches!(part.verb, Verb::Down | Verb::Copy) {
            stage.fill(measured.peer, &source, &part)?;
        }
        let mut found: Option<(f64, Setting)> = None;
        for setting in settings {
            let turn = Turn { measured, work: &part, program, setting: &setting, source: &source };
            let tried = self.turn(stage, &turn)?;
            let words = match &tried {
                Ok((account, _)) => format!("{:.2} s", account.wall_ms / 1000.0),
                Err(reason) => reason.clone(),
            };
            println!("   try {program}, {}: {words}", setting.words);
            row.tried.insert(setting.words.clone(), words);
            match tried {
                Ok((account, _)) => {
                    let whole_s = account.wall_ms / 1000.0 / share;
                    if found.as_ref().is_none_or(|(least_s, _)| whole_s < *least_s) {
                        found = Some((whole_s, setting));
                    }
                    if best_s.is_some_and(|best_s| plan::hopeless(whole_s, best_s)) {
                        break;
                    }
                }
                Err(reason) => row.problem = Some(reason),
            }
        }
        stage.empty(measured.peer, &source)?;
        stage.fell(&part);
        let Some((whole_s, setting)) = found else { return Ok(None) };
        row.problem = None;
        row.setting.clone_from(&setting.words);
        let far_behind = best_s.is_some_and(|best_s| plan::hopeless(whole_s, best_s));
        *best_s = Some(best_s.map_or(whole_s, |best_s| best_s.min(whole_s)));
        // At no distance everybody is shown once at the whole work.
        if far_behind && measured.place.rtt_ms > 0 {
            row.problem =
                Some(format!("{LEFT_OUT}: about {whole_s:.0} s, by {:.0} % of the work", share * 100.0));
        }
        Ok(Some(setting))
    }

    /// Has pintail send once what it is to find unchanged.
    fn prepare(
        &self,
        stage: &mut Stage<'_>,
        measured: &Measured,
        work: &Work,
        entries: &mut [Entry],
    ) -> Result<(), String> {
        for entry in entries.iter_mut().filter(|entry| work.verb == Verb::Sync && entry.row.program == OURS) {
            let Some(setting) = entry.setting.as_ref().filter(|_| entry.row.problem.is_none()) else {
                continue;
            };
            let prefix = format!("own-{}/", stage.next_run());
            // A million uploads would be another bench.
            if work.only_answerer {
                stage.fill(measured.peer, &prefix, work)?;
            }
            let local = stage.tree(work)?;
            let ends = Ends { local: &local, prefix: &prefix, second_prefix: "" };
            let (tool, place) = (&self.pintail, &measured.place);
            let command = contestants::command(OURS, tool, &self.driver, setting, work, &ends, place);
            let patience = patience(&work.sent(), OURS, measured);
            if let Err(reason) = measure::run(&stage.xtask, &command, &outputs(stage), patience) {
                entry.row.problem = Some(reason);
            }
            entry.own_prefix = Some(prefix);
        }
        Ok(())
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
            Verb::Up | Verb::Sync | Verb::Plan => stage.tree(work)?,
            _ => stage.path(&run),
        };
        let (prefix, second_prefix) = match work.verb {
            Verb::Up | Verb::Delete | Verb::Plan => (target.as_str(), ""),
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
        let command = contestants::command(program, tool, &self.driver, setting, work, &ends, place);
        let outputs = outputs(stage);
        stage.counts(measured)?;
        let before_ms = Stage::server_cpu_ms(measured);
        let result = measure::run(&stage.xtask, &command, &outputs, patience(work, program, measured));
        if interrupt::asked() {
            return Err("interrupted".to_owned());
        }
        let server_cpu_ms = Stage::server_cpu_ms(measured) - before_ms;
        let requests = stage.counts(measured)?;
        let proved = match work.verb {
            _ if result.is_err() => Ok(()),
            Verb::Up | Verb::Sync => proof::objects(stage, peer, prefix, work),
            Verb::Copy => proof::objects(stage, peer, second_prefix, work),
            Verb::Down => proof::files(&local, work),
            Verb::Delete => proof::nothing(stage, peer, prefix),
            Verb::List => proof::listed(&outputs.stdout, work),
            Verb::Plan => {
                proof::planned(&outputs.stdout, work).and_then(|()| proof::nothing(stage, peer, prefix))
            }
        };
        stage.empty(peer, &target)?;
        if work.verb == Verb::Up {
            stage.sent(peer, work.bytes())?;
        }
        if work.verb == Verb::Down {
            fs::remove_dir_all(&local).map_err(|error| error.to_string())?;
        }
        Ok(result.and_then(|account| {
            proved.map_err(|reason| format!("the work is not done: {reason}"))?;
            Ok((Account { server_cpu_ms, ..account }, requests))
        }))
    }
}

/// The least that a whole round has taken a peer.
fn best_peer(entries: &[Entry]) -> Option<f64> {
    let peers = entries.iter().filter(|entry| entry.row.program != OURS && entry.row.counts());
    peers.map(|entry| entry.row.wall_s()).min_by(f64::total_cmp)
}

fn outputs(stage: &Stage<'_>) -> Outputs {
    Outputs { stdout: stage.path("stdout"), stderr: stage.path("stderr") }
}

fn patience(work: &Work, program: &str, measured: &Measured) -> Duration {
    let expected_s = estimate::seconds(program, work, measured.peer, measured.place.rtt_ms);
    Duration::from_secs_f64(expected_s.max(EXPECTED_LEAST_S)) * PATIENCE
}

/// One run to come.
struct Turn<'a> {
    measured: &'a Measured,
    work: &'a Work,
    program: &'a str,
    setting: &'a Setting,
    /// What is read, copied or compared with.
    source: &'a str,
}

//! Measures a release build of `pintail` beside other programs: `cargo xtask bench startup transfers`.
//!
//! Contestants take turns within a round, so that a busy machine hurts all of them alike. Shown are medians of wall
//! time, CPU time and peak memory, read from the kernel's account of each child. `startup` and `credentials` throw a first
//! round away, which warms caches; the transfers are told in [`mod@transfer`], and what is counted in place of time in [`instructions`].

pub(crate) mod answerer;
mod bars;
pub(crate) mod contestants;
mod credentials;
mod document;
mod estimate;
mod instructions;
pub(crate) mod line;
mod machine;
pub(crate) mod measure;
mod pattern;
mod plan;
mod proof;
mod record;
mod report;
mod result;
pub(crate) mod stage;
mod transfer;
mod wire;
pub(crate) mod work;
mod world;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use self::measure::{Account, median, timed};
use self::record::Record;
use crate::arguments::BenchOptions;
use crate::cache::Cache;
use crate::interrupt;
use crate::process;
use crate::tools::Tools;

/// The benchmarks beside the transfers, whose names are in [`work::NAMES`].
pub(crate) const NAMES: [&str; 3] = ["startup", "credentials", "instructions"];

/// Where the transfers are written down.
const DOCUMENT: &str = "docs/benchmarks.md";

/// Other people's programs that start-up is measured beside.
pub(crate) const OTHERS: [&str; 3] = ["s5cmd", "rclone", "aws"];

/// A command to measure, made anew for each run.
pub(crate) struct Contestant {
    pub(crate) name: String,
    pub(crate) command: Box<dyn Fn() -> Command>,
}

/// Runs the named benchmarks; false where a count of instructions has left its tolerance.
pub(crate) fn run(options: &BenchOptions) -> Result<bool, String> {
    crate::runner::enter_workspace()?;
    let named = |name: &str| options.names.iter().any(|it| it == name);
    let transfers: Vec<&str> = work::NAMES.into_iter().filter(|name| named(name)).collect();
    // What was found before is read first, so that a name that is none costs no measuring.
    let mut before = Record::default();
    for path in &options.from {
        before = before.then(Record::read(path)?);
    }
    let tools = if options.names.is_empty() {
        Tools::default()
    } else {
        Tools::prepare(&Cache::open()?, &needs(options, !transfers.is_empty()))
    };
    let mut report = json!({ "version": 2, "rounds": options.rounds });
    report["cores"] = std::thread::available_parallelism().map_or(1, usize::from).into();
    let mut fine = true;
    if named("instructions") {
        fine = instructions::run(&tools, options.write, &mut report)?;
    }
    if options.names.is_empty() {
        tell(options, &before, &mut report)?;
    }
    if options.names.iter().any(|name| name != "instructions") {
        let pintail = release_build("pintail", &[])?;
        let mut results = Vec::new();
        if named("startup") {
            results.push(measure("startup", &startup(&tools, &pintail)?, options.rounds)?);
        }
        if named("credentials") {
            let home = credentials::Home::prepare(&pintail)?;
            results.push(measure("credentials", &home.contestants(&tools, &pintail)?, options.rounds)?);
        }
        report["benchmarks"] = results.into();
        if !transfers.is_empty() {
            transfer(options, &transfers, &tools, &pintail, &before, &mut report)?;
        }
    }
    save(options, &report)?;
    Ok(fine)
}

fn save(options: &BenchOptions, report: &Value) -> Result<(), String> {
    let Some(path) = &options.json else { return Ok(()) };
    let text = serde_json::to_string_pretty(report).map_err(|error| error.to_string())?;
    std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
}

fn needs(options: &BenchOptions, transfers: bool) -> BTreeSet<&'static str> {
    let mut needs = BTreeSet::new();
    if options.names.iter().any(|name| name != "instructions") {
        needs.extend(OTHERS.into_iter().chain(["python"]));
    }
    if options.names.iter().any(|name| name == "instructions") {
        needs.insert("valgrind");
    }
    if transfers {
        needs.extend(["weed", "openssl"]);
        if options.peers.as_ref().is_none_or(|peers| peers.iter().any(|name| name == "crt")) {
            needs.insert("crt");
        }
    }
    needs
}

fn transfer(
    options: &BenchOptions,
    names: &[&str],
    tools: &Tools,
    pintail: &Path,
    before: &Record,
    report: &mut Value,
) -> Result<(), String> {
    let xtask = release_build("xtask", &[])?;
    let folder = options.folder.clone().unwrap_or_else(transfer::usual_folder);
    let facts = machine::facts(options, tools, pintail, &folder);
    let so_far = |outcome: &transfer::Outcome| {
        let facts = record::Facts { lines: outcome.lines.clone(), ..facts.clone() };
        before.clone().then(Record::of(facts, outcome.rows.clone()))
    };
    // An hour of measuring is not lost with its last minute.
    let keep = |outcome: &transfer::Outcome| {
        let record = so_far(outcome);
        let mut report = report.clone();
        report["transfers"] = record.as_json(&bars::judge(&record));
        save(options, &report)
    };
    let outcome = transfer::run(options, names, tools, pintail, &xtask, &folder, &keep)?;
    tell(options, &so_far(&outcome), report)
}

/// Shows what was found, puts it into the report, and writes the document where that was asked for.
fn tell(options: &BenchOptions, record: &Record, report: &mut Value) -> Result<(), String> {
    let bars = bars::judge(record);
    println!("{}", report::table(record, &bars));
    report["transfers"] = record.as_json(&bars);
    if options.write {
        let before = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
        let text = document::markdown(record, &bars, &before);
        std::fs::write(DOCUMENT, text).map_err(|error| format!("{DOCUMENT}: {error}"))?;
        println!("written: {DOCUMENT}");
    }
    Ok(())
}

/// Builds a program of this checkout as it is released; `arguments` say which, where the package has several.
pub(crate) fn release_build(package: &str, arguments: &[&str]) -> Result<PathBuf, String> {
    println!("build: {package}, release");
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--locked", "--package", package]).args(arguments);
    let (status, output) =
        process::capture(build.args(["--message-format", "json-render-diagnostics"]), false)?;
    if !status.success() {
        return Err(format!("{package} does not build:\n{}", process::tail(&output)));
    }
    let messages = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.next().ok_or_else(|| "cargo named no executable".to_owned())
}

/// How long each program takes to say its version: what a script pays for every call.
fn startup(tools: &Tools, pintail: &Path) -> Result<Vec<Contestant>, String> {
    let mut contestants = vec![contestant("pintail", pintail, "--version")];
    for (name, argument) in OTHERS.into_iter().zip(["version", "version", "--version"]) {
        contestants.push(contestant(name, tools.get(name)?, argument));
    }
    Ok(contestants)
}

fn contestant(name: &str, program: &Path, argument: &'static str) -> Contestant {
    let program = program.to_owned();
    let command = move || {
        let mut command = Command::new(&program);
        command
            .arg(argument)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", "/nonexistent");
        command
    };
    Contestant { name: name.to_owned(), command: Box::new(command) }
}

fn measure(benchmark: &str, contestants: &[Contestant], rounds: usize) -> Result<Value, String> {
    let mut accounts: Vec<Vec<Account>> = contestants.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds.max(1) {
        for (contestant, accounts) in contestants.iter().zip(&mut accounts) {
            if interrupt::asked() {
                return Err("interrupted".to_owned());
            }
            let mut command = (contestant.command)();
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let account = timed(&mut command, &contestant.name)?;
            if account.code != 0 {
                return Err(format!("{} failed (code {})", contestant.name, account.code));
            }
            if round > 0 {
                accounts.push(account);
            }
        }
    }
    println!("\n{benchmark}, medians of {} rounds", rounds.max(1));
    println!("{:<14} {:>10} {:>10} {:>10} {:>10}", "", "wall ms", "best ms", "CPU ms", "peak MiB");
    let mut results = Vec::new();
    for (contestant, accounts) in contestants.iter().zip(&accounts) {
        let wall: Vec<f64> = accounts.iter().map(|account| account.wall_ms).collect();
        let best = wall.iter().copied().fold(f64::INFINITY, f64::min);
        let wall = median(wall);
        let cpu = median(accounts.iter().map(|account| account.cpu_ms).collect());
        let peak = median(accounts.iter().map(|account| account.peak_mib).collect());
        println!("{:<14} {wall:>10.1} {best:>10.1} {cpu:>10.1} {peak:>10.1}", contestant.name);
        results.push(json!({
            "name": contestant.name, "wall_ms": wall, "best_wall_ms": best, "cpu_ms": cpu, "peak_mib": peak,
        }));
    }
    Ok(json!({ "name": benchmark, "contestants": results }))
}

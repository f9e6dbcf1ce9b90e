//! Measures a release build of `pintail` beside other programs: `cargo xtask bench startup credentials`.
//!
//! Contestants take turns within a round, so that a busy machine hurts all of them alike. Shown are medians of wall
//! time, CPU time and peak memory, read from the kernel's account of each child. The first round warms caches and is
//! thrown away.

mod credentials;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::arguments::BenchOptions;
use crate::cache::Cache;
use crate::interrupt;
use crate::process;
use crate::tools::Tools;

/// The benchmarks.
const NAMES: [&str; 2] = ["startup", "credentials"];

/// Other people's programs that every benchmark is measured beside.
pub(crate) const OTHERS: [&str; 3] = ["s5cmd", "rclone", "aws"];

/// A command to measure, made anew for each run.
pub(crate) struct Contestant {
    pub(crate) name: String,
    pub(crate) command: Box<dyn Fn() -> Command>,
}

/// What one run took.
#[derive(Debug, Clone, Copy)]
struct Account {
    wall_ms: f64,
    cpu_ms: f64,
    peak_mib: f64,
}

/// Runs the named benchmarks.
pub(crate) fn run(options: &BenchOptions) -> Result<bool, String> {
    for name in &options.names {
        if !NAMES.contains(&name.as_str()) {
            return Err(format!("no benchmark {name:?}; there are: {}", NAMES.join(", ")));
        }
    }
    let needs: BTreeSet<&str> = OTHERS.into_iter().chain(["python"]).collect();
    let tools = Tools::prepare(&Cache::open()?, &needs);
    let pintail = release_build()?;
    let mut results = Vec::new();
    for name in &options.names {
        if name == "startup" {
            results.push(measure(name, &startup(&tools, &pintail)?, options.rounds)?);
        } else {
            let home = credentials::Home::prepare(&pintail)?;
            results.push(measure(name, &home.contestants(&tools, &pintail)?, options.rounds)?);
        }
    }
    if let Some(path) = &options.json {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let report = json!({ "version": 1, "cores": cores, "rounds": options.rounds, "benchmarks": results });
        let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(true)
}

fn release_build() -> Result<PathBuf, String> {
    println!("build: pintail, release");
    let mut build = Command::new("cargo");
    build.args([
        "build",
        "--release",
        "--locked",
        "--package",
        "pintail",
        "--message-format",
        "json-render-diagnostics",
    ]);
    let (status, output) = process::capture(&mut build, false)?;
    if !status.success() {
        return Err(format!("pintail does not build:\n{}", process::tail(&output)));
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
            let account = timed((contestant.command)(), &contestant.name)?;
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle)) {
        (1, Some(&value)) => value,
        (_, Some(&value)) => f64::midpoint(values[middle - 1], value),
        (_, None) => f64::NAN,
    }
}

/// Runs a command and reads what the kernel says it took.
fn timed(mut command: Command, name: &str) -> Result<Account, String> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
    let id = libc::pid_t::try_from(child.id()).map_err(|error| error.to_string())?;
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to live values of the right type, and the child has not been waited for. A `rusage`
    // is numbers only, so zeroes are a valid value where the call fails.
    #[expect(unsafe_code, reason = "the standard library does not hand out the kernel's account of a child")]
    let (waited, usage) =
        unsafe { (libc::wait4(id, &raw mut status, 0, usage.as_mut_ptr()), usage.assume_init()) };
    let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
    if waited != id || status != 0 {
        return Err(format!("{name} failed (wait status {status})"));
    }
    let milliseconds = |time: libc::timeval| time.tv_sec as f64 * 1000.0 + time.tv_usec as f64 / 1000.0;
    let cpu_ms = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1.0 } else { 1024.0 };
    Ok(Account { wall_ms, cpu_ms, peak_mib: usage.ru_maxrss as f64 * unit / (1024.0 * 1024.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_accounted_for_and_a_failure_is_no_result() {
        let account = timed(Command::new("true"), "true").expect("an account");
        assert!(account.wall_ms > 0.0 && account.peak_mib > 0.0, "{account:?}");
        assert!(timed(Command::new("false"), "false").is_err());
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        assert!((median(vec![4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < f64::EPSILON);
        assert!((median(vec![5.0, 1.0, 3.0]) - 3.0).abs() < f64::EPSILON);
    }
}

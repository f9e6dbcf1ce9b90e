//! What a run took: wall time, CPU time and peak memory of a program and everything that it starts.
//!
//! The program is started by a small process of its own (`xtask measure`). Linux counts what a process held before it became
//! another program to the other's peak: started from a bench that holds a million names, every client would seem to need
//! as much. For clients of several processes the sum of what they hold at one time is sampled as well.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::interrupt;
use crate::process;

/// How often the processes of a client are looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// What one run took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) wall_ms: f64,
    pub(crate) cpu_ms: f64,
    pub(crate) peak_mib: f64,
    /// The exit code, or 128 and the number of the signal.
    pub(crate) code: i32,
    /// What the servers took meanwhile, lines included; whoever measures them fills it in.
    #[serde(default)]
    pub(crate) server_cpu_ms: f64,
}

/// Where a run leaves what it says.
#[derive(Debug, Clone)]
pub(crate) struct Outputs {
    pub(crate) stdout: PathBuf,
    pub(crate) stderr: PathBuf,
}

/// Runs a command in a process that measures it, and ends both where the bench is interrupted.
///
/// # Errors
/// When it cannot be run, when it fails (with the end of what it said), and when it takes longer than `patience`.
pub(crate) fn run(
    measurer: &Path,
    command: &Command,
    outputs: &Outputs,
    patience: Duration,
) -> Result<Account, String> {
    let account = outputs.stdout.with_extension("account");
    let mut measured = Command::new(measurer);
    measured.arg("measure").arg(&account).arg(command.get_program()).args(command.get_args()).env_clear();
    measured.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let file = |path: &Path| File::create(path).map_err(|error| format!("{}: {error}", path.display()));
    measured.stdin(Stdio::null()).stdout(file(&outputs.stdout)?).stderr(file(&outputs.stderr)?);
    let mut child = measured.process_group(0).spawn().map_err(|error| error.to_string())?;
    let end = Instant::now() + patience;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        if interrupt::asked() || Instant::now() > end {
            process::end_group(&mut child);
            let why = if interrupt::asked() { "interrupted" } else { "it takes too long" };
            return Err(why.to_owned());
        }
        process::pause(Duration::from_millis(5));
    };
    let said = || process::tail(&std::fs::read_to_string(&outputs.stderr).unwrap_or_default());
    if !status.success() {
        return Err(format!("it could not be measured ({status}): {}", said()));
    }
    let text = std::fs::read_to_string(&account).map_err(|error| error.to_string())?;
    let account: Account = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if account.code == 0 { Ok(account) } else { Err(format!("code {}: {}", account.code, said())) }
}

/// The measuring process: runs a program and writes its account.
pub(crate) fn measure(account: &Path, program: &str, arguments: &[String]) -> Result<bool, String> {
    let account_of = timed(Command::new(program).args(arguments), program)?;
    let text = serde_json::to_string(&account_of).map_err(|error| error.to_string())?;
    std::fs::write(account, text).map_err(|error| format!("{}: {error}", account.display()))?;
    Ok(true)
}

/// Runs a command and reads what the kernel says it took.
pub(crate) fn timed(command: &mut Command, name: &str) -> Result<Account, String> {
    let start = Instant::now();
    let child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
    let ended = Arc::new(AtomicBool::new(false));
    let sampler = sample(child.id(), Arc::clone(&ended));
    let waited = wait(&child, name);
    let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
    ended.store(true, Ordering::SeqCst);
    let together_mib = sampler.join().unwrap_or(0.0);
    let (status, usage) = waited?;
    let milliseconds = |time: libc::timeval| time.tv_sec as f64 * 1000.0 + time.tv_usec as f64 / 1000.0;
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1.0 } else { 1024.0 };
    let code =
        if libc::WIFSIGNALED(status) { 128 + libc::WTERMSIG(status) } else { libc::WEXITSTATUS(status) };
    Ok(Account {
        wall_ms,
        cpu_ms: milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime),
        peak_mib: (usage.ru_maxrss as f64 * unit / (1024.0 * 1024.0)).max(together_mib),
        code,
        server_cpu_ms: 0.0,
    })
}

fn wait(child: &Child, name: &str) -> Result<(i32, libc::rusage), String> {
    let id = libc::pid_t::try_from(child.id()).map_err(|error| error.to_string())?;
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to live values of the right type, and the child has not been waited for. A `rusage`
    // is numbers only, so zeroes are a valid value where the call fails.
    #[expect(unsafe_code, reason = "the standard library does not hand out the kernel's account of a child")]
    let (waited, usage) =
        unsafe { (libc::wait4(id, &raw mut status, 0, usage.as_mut_ptr()), usage.assume_init()) };
    if waited == id { Ok((status, usage)) } else { Err(format!("{name}: nothing to wait for")) }
}

/// Looks at a process and its descendants now and then, and returns the most that several of them held at one time. One
/// process alone is left to the kernel's account, which misses no peak.
fn sample(root: u32, ended: Arc<AtomicBool>) -> std::thread::JoinHandle<f64> {
    std::thread::spawn(move || {
        let mut most = 0.0_f64;
        while !ended.load(Ordering::SeqCst) {
            let family = descendants(root);
            if family.len() > 1 {
                most = most.max(family.iter().map(|&id| resident_mib(id)).sum());
            }
            process::pause(GLANCE);
        }
        most
    })
}

fn descendants(root: u32) -> Vec<u32> {
    let (mut found, mut at) = (vec![root], 0);
    while let Some(&id) = found.get(at) {
        at += 1;
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    found
}

fn resident_mib(id: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: f64 = line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0.0);
    kib / 1024.0
}

/// The median; not a number where there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle)) {
        (1, Some(&value)) => value,
        (_, Some(&value)) => f64::midpoint(values[middle - 1], value),
        (_, None) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_accounted_for_and_its_code_is_kept() {
        let account = timed(&mut Command::new("true"), "true").expect("an account");
        assert!(account.wall_ms > 0.0 && account.peak_mib > 0.0 && account.code == 0, "{account:?}");
        let failed = timed(&mut Command::new("false"), "false").expect("an account");
        assert_eq!(failed.code, 1);
        assert!(timed(&mut Command::new("/nonexistent"), "nothing").is_err());
    }

    #[test]
    fn what_children_took_is_counted() {
        let script = "sh -c 'i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done'; exit 3";
        let account = timed(Command::new("sh").args(["-c", script]), "sh").expect("an account");
        assert_eq!(account.code, 3);
        assert!(account.cpu_ms > 5.0, "{account:?}");
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        assert!((median(vec![4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < f64::EPSILON);
        assert!((median(vec![5.0, 1.0, 3.0]) - 3.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }
}

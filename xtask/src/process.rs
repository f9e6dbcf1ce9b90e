//! Starts other programs in process groups of their own and ends exactly those.
//!
//! A [`Server`] lives until it is dropped. A program that [`run`] starts is ended when the run is interrupted.
//! Everything is ended by the handle held here, never by name.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::interrupt;

/// How often a foreign process is asked whether it has ended.
const GLANCE: Duration = Duration::from_millis(25);

/// How long a process may take to end before it is killed. SeaweedFS takes four seconds.
const ENDING: Duration = Duration::from_secs(20);

/// Waits a moment for a foreign process.
pub(crate) fn pause(duration: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a foreign process offers no event to wait for")]
    std::thread::sleep(duration);
}

/// Runs a program to its end with this run's output streams.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus, String> {
    let name = shown(command);
    let child = command.stdin(Stdio::null()).process_group(0).spawn();
    wait(child.map_err(|error| format!("{name}: {error}"))?, &name)
}

/// Runs a program to its end and keeps what it prints; with `show`, prints it too.
pub(crate) fn capture(command: &mut Command, show: bool) -> Result<(ExitStatus, String), String> {
    let name = shown(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
    let stdout = child.stdout.take().map(|stream| collect(stream, show));
    let stderr = child.stderr.take().map(|stream| collect(stream, show));
    let status = wait(child, &name)?;
    let texts = [stdout, stderr].into_iter().flatten().filter_map(|thread| thread.join().ok());
    Ok((status, texts.collect::<String>()))
}

/// Runs a program that only prepares something; its output is shown where it fails.
pub(crate) fn quietly(command: &mut Command) -> Result<(), String> {
    let name = shown(command);
    let (status, output) = capture(command, false)?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed ({status}):\n{}", tail(&output))) }
}

fn collect(stream: impl Read + Send + 'static, show: bool) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while let Ok(1..) = reader.read_until(b'\n', &mut line) {
            let piece = String::from_utf8_lossy(&line).into_owned();
            if show {
                print!("{piece}");
            }
            text.push_str(&piece);
            line.clear();
        }
        text
    })
}

fn wait(mut child: Child, name: &str) -> Result<ExitStatus, String> {
    loop {
        if let Some(status) = child.try_wait().map_err(|error| format!("{name}: {error}"))? {
            return Ok(status);
        }
        if interrupt::asked() {
            end(&mut child, Signal::TERM);
            return Err(format!("{name}: interrupted"));
        }
        pause(GLANCE);
    }
}

/// Ends a process that leads a group, and the group with it.
pub(crate) fn end_group(child: &mut Child) {
    end(child, Signal::TERM);
}

fn end(child: &mut Child, signal: Signal) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let Some(group) = group else { return };
    let mut signal = signal;
    let mut patience = Instant::now() + ENDING;
    // The handle has not been waited for yet, so its ID cannot belong to anybody else.
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    let _ = kill_process_group(group, signal);
    while let Ok(None) = child.try_wait() {
        if Instant::now() > patience && signal != Signal::KILL {
            signal = Signal::KILL;
            patience += ENDING;
            let _ = kill_process_group(group, signal);
        }
        pause(GLANCE);
    }
}

/// A server of this run; ended, and waited for, when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server that logs into `folder/NAME.log`. Where the system can, it also ends if this process dies.
    pub(crate) fn start(
        name: &str,
        program: &Path,
        arguments: &[String],
        folder: &Path,
    ) -> Result<Self, String> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let this = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(this);
        command.arg("guard").arg(program).args(arguments).current_dir(folder).process_group(0);
        for variable in crate::servers::FOREIGN_VARIABLES {
            command.env_remove(variable);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file).spawn();
        let child = child.map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Waits for the first line on standard output.
    pub(crate) fn first_line(&mut self, patience: Duration) -> Result<String, String> {
        let Some(stdout) = self.child.stdout.take() else { return Err(format!("{}: no output", self.name)) };
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        lines.recv_timeout(patience).map_err(|_| format!("{} did not start:\n{}", self.name, self.log_tail()))
    }

    /// Its process, also of what it became.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The end of its log.
    pub(crate) fn log_tail(&self) -> String {
        tail(&std::fs::read_to_string(&self.log).unwrap_or_default())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.stdin = None;
        end(&mut self.child, Signal::TERM);
    }
}

/// Turns this process into another program that ends when the one that started it does. Returns only on failure.
pub(crate) fn become_guarded(program: &str, arguments: &[String]) -> String {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::TERM)) {
        return format!("{program}: {error}");
    }
    format!("{program}: {}", Command::new(program).args(arguments).exec())
}

/// The last lines of a text.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let first = command.get_args().next().map(|argument| argument.to_string_lossy().into_owned());
    format!("{name} {}", first.unwrap_or_default())
}

//! A child process with a deadline: its streams are read while it runs, and it never outlives the test.
//!
//! The child leads a process group of its own, and that group is what is ended, by the handle this module holds.
//! A process that misses its deadline is ended and the test fails with everything it had printed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process_group};
use serde_json::Value;

use crate::output::Output;

/// Deadline of a process that does not name one. Debug builds on a busy machine stay far below it.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How often a process that has closed its streams is asked whether it has ended.
const GLANCE: Duration = Duration::from_millis(5);

enum Piece {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

/// What is done once with the output of a finished process.
type AtEnd = Box<dyn FnOnce(&Output) + Send>;

/// A running process.
pub struct Running {
    command: String,
    child: Child,
    stdin: Option<Box<dyn Write + Send>>,
    pieces: Receiver<Piece>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    lines_taken: usize,
    /// How much of standard error a test has gone past.
    questions_taken: usize,
    deadline: Instant,
    at_end: Option<AtEnd>,
    ended: bool,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Running").field("command", &self.command).field("pid", &self.child.id()).finish()
    }
}

impl Running {
    /// Starts a command with all three streams piped. `shown` is how messages and snapshots name it.
    ///
    /// # Panics
    /// Where the program cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start(mut command: Command, shown: &str, deadline: Duration) -> Self {
        use std::os::unix::process::CommandExt as _;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
        let (sender, pieces) = channel();
        let stdin = child.stdin.take().map(|stdin| Box::new(stdin) as Box<dyn Write + Send>);
        if let Some(stream) = child.stdout.take() {
            read_into(stream, sender.clone(), Piece::Stdout);
        }
        if let Some(stream) = child.stderr.take() {
            read_into(stream, sender, Piece::Stderr);
        }
        Self::with(child, stdin, pieces, shown, deadline)
    }

    /// Starts a command in front of a terminal: all three streams are one, typed letters are echoed where the program lets
    /// them, and what the screen shows counts as standard error.
    ///
    /// The terminal controls nobody, so it sends no signals.
    ///
    /// # Panics
    /// Where there is no terminal, or the program cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start_on_terminal(mut command: Command, shown: &str, deadline: Duration) -> Self {
        use std::os::unix::process::CommandExt as _;
        let (master, screen) = terminal().unwrap_or_else(|error| panic!("no terminal: {error}"));
        let side = || screen.try_clone().unwrap_or_else(|error| panic!("no terminal: {error}"));
        command.stdin(side()).stdout(side()).stderr(side()).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
        // The screen ends when nobody has it open any more.
        drop((command, screen));
        let keyboard = master.try_clone().unwrap_or_else(|error| panic!("no terminal: {error}"));
        let (sender, pieces) = channel();
        read_into(master, sender, Piece::Stderr);
        Self::with(child, Some(Box::new(keyboard)), pieces, shown, deadline)
    }

    fn with(
        child: Child,
        stdin: Option<Box<dyn Write + Send>>,
        pieces: Receiver<Piece>,
        shown: &str,
        deadline: Duration,
    ) -> Self {
        Self {
            command: shown.to_owned(),
            stdin,
            child,
            pieces,
            stdout: Vec::new(),
            stderr: Vec::new(),
            lines_taken: 0,
            questions_taken: 0,
            deadline: Instant::now() + deadline,
            at_end: None,
            ended: false,
        }
    }

    /// Does this once with the output when the process has ended.
    #[must_use]
    pub fn at_end(mut self, action: impl FnOnce(&Output) + Send + 'static) -> Self {
        self.at_end = Some(Box::new(action));
        self
    }

    /// Process ID.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Types something.
    ///
    /// # Panics
    /// Where standard input is closed already.
    pub fn type_in(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().unwrap_or_else(|| panic!("standard input is closed"));
        // A process that has ended or closes its input early is the test's business, seen in its output.
        let _ = stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush());
    }

    /// Closes standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for the next line of standard output; `None` once it is closed.
    ///
    /// # Panics
    /// At the deadline, with everything printed so far.
    #[track_caller]
    pub fn next_line(&mut self) -> Option<String> {
        loop {
            let open = &self.stdout[self.lines_taken..];
            if let Some(end) = open.iter().position(|&byte| byte == b'\n') {
                let line = String::from_utf8_lossy(&open[..end]).into_owned();
                self.lines_taken += end + 1;
                return Some(line);
            }
            if !self.receive() {
                let rest = String::from_utf8_lossy(&self.stdout[self.lines_taken..]).into_owned();
                self.lines_taken = self.stdout.len();
                return (!rest.is_empty()).then_some(rest);
            }
        }
    }

    /// Waits for the next line of standard output, as JSON.
    ///
    /// # Panics
    /// At the deadline, at the end of the output, or where the line is not JSON.
    #[track_caller]
    pub fn next_json(&mut self) -> Value {
        let Some(line) = self.next_line() else { panic!("no further line\n{}", self.so_far()) };
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("not JSON: {error}: {line}\n{}", self.so_far()))
    }

    /// Waits for a JSON line whose member `event` has this value; others before it are passed over.
    ///
    /// # Panics
    /// At the deadline or at the end of the output.
    #[track_caller]
    pub fn next_event(&mut self, event: &str) -> Value {
        loop {
            let value = self.next_json();
            if value["event"] == event {
                return value;
            }
        }
    }

    /// Waits until standard error contains this text.
    ///
    /// # Panics
    /// At the deadline or at the end of both streams.
    #[track_caller]
    pub fn wait_for_stderr(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.stderr).contains(text) {
            assert!(self.receive(), "standard error never said {text:?}\n{}", self.so_far());
        }
    }

    /// Waits until standard error contains this text after what was waited for before, goes past it, and returns what was
    /// passed.
    ///
    /// # Panics
    /// At the deadline or at the end of both streams.
    #[track_caller]
    pub fn wait_for_question(&mut self, text: &str) -> String {
        loop {
            let new = &self.stderr[self.questions_taken..];
            if let Some(at) = new.windows(text.len()).position(|part| part == text.as_bytes()) {
                let passed = String::from_utf8_lossy(&new[..at + text.len()]).into_owned();
                self.questions_taken += at + text.len();
                return passed;
            }
            assert!(self.receive(), "standard error never said {text:?}\n{}", self.so_far());
        }
    }

    /// Waits for a whole line with an `http` address on standard error, and returns the address.
    ///
    /// # Panics
    /// At the deadline or at the end of both streams.
    #[track_caller]
    pub fn wait_for_address(&mut self) -> String {
        self.wait_for_question("http://");
        let rest = self.wait_for_question("\n");
        format!("http://{}", rest.trim())
    }

    /// Sends a signal to the process group.
    pub fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, signal);
        }
    }

    /// Closes standard input, waits for the end and returns what was printed.
    ///
    /// # Panics
    /// At the deadline, with everything printed so far.
    #[must_use]
    #[track_caller]
    pub fn finish(mut self) -> Output {
        self.stdin = None;
        while self.receive() {}
        let (_never, silence) = channel::<()>();
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < self.deadline => {
                    let _ = silence.recv_timeout(GLANCE);
                    std::thread::yield_now();
                }
                Ok(None) => self.miss_deadline(),
                Err(error) => panic!("{}: {error}", self.command),
            }
        };
        self.ended = true;
        let output = self.output(status);
        if let Some(action) = self.at_end.take() {
            action(&output);
        }
        output
    }

    /// Ends the process group at once and returns what was printed.
    #[must_use]
    #[track_caller]
    pub fn end_now(self) -> Output {
        self.signal(Signal::KILL);
        self.finish()
    }

    fn output(&self, status: std::process::ExitStatus) -> Output {
        Output {
            command: self.command.clone(),
            status,
            stdout: String::from_utf8_lossy(&self.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&self.stderr).into_owned(),
        }
    }

    /// Takes one piece of output; false once both streams are closed.
    #[track_caller]
    fn receive(&mut self) -> bool {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.pieces.recv_timeout(left) {
            Ok(Piece::Stdout(bytes)) => self.stdout.extend_from_slice(&bytes),
            Ok(Piece::Stderr(bytes)) => self.stderr.extend_from_slice(&bytes),
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => self.miss_deadline(),
        }
        true
    }

    #[track_caller]
    fn miss_deadline(&mut self) -> ! {
        self.signal(Signal::KILL);
        panic!("{} missed its deadline\n{}", self.command, self.so_far());
    }

    fn so_far(&self) -> String {
        let (stdout, stderr) = (String::from_utf8_lossy(&self.stdout), String::from_utf8_lossy(&self.stderr));
        format!("--- stdout so far ---\n{stdout}\n--- stderr so far ---\n{stderr}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.signal(Signal::KILL);
        if let Ok(status) = self.child.wait()
            && let Some(action) = self.at_end.take()
        {
            while let Ok(piece) = self.pieces.try_recv() {
                match piece {
                    Piece::Stdout(bytes) => self.stdout.extend_from_slice(&bytes),
                    Piece::Stderr(bytes) => self.stderr.extend_from_slice(&bytes),
                }
            }
            action(&self.output(status));
        }
    }
}

/// Opens a terminal: the side of a person, and the side of a program.
fn terminal() -> io::Result<(File, File)> {
    use rustix::fs::{Mode, OFlags};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    // It must not become the terminal of the tests themselves.
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let screen = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    Ok((master.into(), screen.into()))
}

fn read_into(mut stream: impl Read + Send + 'static, sender: Sender<Piece>, wrap: fn(Vec<u8>) -> Piece) {
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if sender.send(wrap(buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, deadline: Duration) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Running::start(command, "sh", deadline)
    }

    #[test]
    fn lines_are_read_while_it_runs_and_input_is_typed() {
        let mut running =
            shell("echo '{\"event\":\"open\"}'; read answer; echo got $answer >&2; exit 3", DEADLINE);
        assert_eq!(running.next_event("open")["event"], "open");
        running.type_in("yes\n");
        let output = running.finish();
        assert_eq!((output.code(), output.stderr.as_str()), (Some(3), "got yes\n"));
    }

    #[test]
    fn at_a_terminal_questions_are_answered_one_after_the_other() {
        let mut command = Command::new("sh");
        command.args(["-c", "test -t 0 && test -t 1 && test -t 2 || exit 9; for n in 1 2; do printf 'name? '; read a; echo got $a; done"]);
        let mut running = Running::start_on_terminal(command, "sh", DEADLINE);
        for name in ["one", "two"] {
            running.wait_for_question("name? ");
            running.type_in(&format!("{name}\n"));
            let passed = running.wait_for_question(&format!("got {name}"));
            assert!(passed.starts_with(name), "what is typed is shown: {passed:?}");
        }
        assert_eq!(running.finish().code(), Some(0));
    }

    #[test]
    #[should_panic(expected = "sh missed its deadline\n--- stdout so far ---\nstarted")]
    fn a_missed_deadline_shows_the_output() {
        let _ = shell("echo started; sleep 600", Duration::from_millis(300)).finish();
    }
}

//! The binary `pintail` in a home of its own, with an environment of its own, and every run on record.
//!
//! Nothing is inherited: home, configuration and temporary folders lie in one temporary folder, the time zone is UTC,
//! there is no session bus. Each run logs at the highest verbosity into a file (`PINTAIL_LOG=trace`,
//! `PINTAIL_LOG_FILE`), so that the leak scan sees what the most curious user could see, while standard error stays
//! what a person sees.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use crate::output::{Output, without_ports};
use crate::process::{DEADLINE, Running};
use crate::record;

/// Longest file of the home that is searched for secrets.
const STATE_FILE_LIMIT_BYTES: u64 = 4 << 20;

/// A home, an environment and the binary.
#[derive(Debug)]
pub struct TestEnv {
    binary: PathBuf,
    folder: TempDir,
    variables: BTreeMap<String, OsString>,
    redactions: Mutex<Vec<(String, String)>>,
}

impl TestEnv {
    /// Prepares an empty home for this binary, usually `env!("CARGO_BIN_EXE_pintail")`.
    ///
    /// # Panics
    /// Where no temporary folder can be made.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let folder = tempfile::Builder::new().prefix("pintail-test-").tempdir();
        let folder = folder.unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let mut env =
            Self { binary: binary.into(), folder, variables: BTreeMap::new(), redactions: Mutex::default() };
        for (name, place) in [
            ("HOME", "home"),
            ("PINTAIL_HOME", "pintail"),
            ("TMPDIR", "tmp"),
            ("XDG_CACHE_HOME", "home/.cache"),
            ("XDG_CONFIG_HOME", "home/.config"),
            ("XDG_DATA_HOME", "home/.local/share"),
            ("XDG_RUNTIME_DIR", "runtime"),
            ("XDG_STATE_HOME", "home/.local/state"),
        ] {
            let path = env.folder.path().join(place);
            fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            env.variables.insert(name.to_owned(), path.into());
        }
        for place in ["work", "log"] {
            let path = env.folder.path().join(place);
            fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        restrict(&env.folder.path().join("runtime"));
        env.set("PATH", "/usr/local/bin:/usr/bin:/bin").set("LANG", "C.UTF-8").set("TZ", "UTC");
        let log_file = env.log_file();
        env.set("PINTAIL_LOG", "trace").set("PINTAIL_LOG_FILE", log_file);
        env
    }

    /// Sets a variable for every later run.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Takes a variable away from every later run.
    pub fn unset(&mut self, name: &str) -> &mut Self {
        self.variables.remove(name);
        self
    }

    /// The temporary folder that holds everything.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where all state of `pintail` lives (`PINTAIL_HOME`).
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("pintail")
    }

    /// The folder that runs start in; for the files of a test.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Where runs write their log.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("log/pintail.log")
    }

    /// Value of a variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&OsString> {
        self.variables.get(name)
    }

    /// Registers a secret: the leak scan looks for it, snapshots show its name.
    pub fn secret(&self, name: &str, value: &str) {
        record::secret(name, value);
        self.redact(value, &format!("[{name}]"));
    }

    /// Shows `placeholder` for `text` in snapshots.
    pub fn redact(&self, text: &str, placeholder: &str) {
        if let (Ok(mut redactions), false) = (self.redactions.lock(), text.is_empty()) {
            redactions.push((text.to_owned(), placeholder.to_owned()));
        }
    }

    /// Runs `pintail` with these arguments to its end, without input.
    ///
    /// # Panics
    /// Where it cannot be started or misses its deadline.
    #[must_use]
    #[track_caller]
    pub fn run<A: AsRef<str>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.pintail(arguments).output()
    }

    /// Prepares a run of `pintail`.
    #[must_use]
    pub fn pintail<A: AsRef<str>>(&self, arguments: impl IntoIterator<Item = A>) -> Run<'_> {
        let binary = self.binary.clone();
        let run = self.program(&binary, arguments);
        Run { shown: "pintail".to_owned(), ..run }
    }

    /// Prepares a run of another program in the same home and environment.
    #[must_use]
    pub fn program<A: AsRef<str>>(&self, program: &Path, arguments: impl IntoIterator<Item = A>) -> Run<'_> {
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned());
        Run {
            env: self,
            program: program.to_owned(),
            shown: name.unwrap_or_default(),
            arguments: arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect(),
            variables: self.variables.clone(),
            stdin: None,
            deadline: DEADLINE,
            stdout_is_secret: false,
            folder: self.work(),
        }
    }

    /// Command, exit and both streams in one text, with folders, ports and registered secrets replaced.
    #[must_use]
    pub fn snapshot(&self, output: &Output) -> String {
        self.redacted(&output.block())
    }

    /// A text with folders, ports and registered secrets replaced.
    #[must_use]
    pub fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Ok(redactions) = self.redactions.lock() {
            // Longest first, so that a token is not cut up by a shorter one inside it.
            let mut redactions = redactions.clone();
            redactions.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
            for (secret, placeholder) in redactions {
                text = text.replace(&secret, &placeholder);
            }
        }
        for (folder, name) in
            [(self.home(), "[PINTAIL_HOME]"), (self.work(), "[WORK]"), (self.folder().to_owned(), "[FOLDER]")]
        {
            text = text.replace(&*folder.to_string_lossy(), name);
        }
        without_ports(&text)
    }
}

/// A run that has not started.
#[derive(Debug)]
pub struct Run<'env> {
    env: &'env TestEnv,
    program: PathBuf,
    shown: String,
    arguments: Vec<String>,
    variables: BTreeMap<String, OsString>,
    stdin: Option<String>,
    deadline: Duration,
    stdout_is_secret: bool,
    folder: PathBuf,
}

impl Run<'_> {
    /// Sets a variable for this run.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Takes a variable away from this run.
    #[must_use]
    pub fn unset(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// Types this text, then closes standard input.
    #[must_use]
    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    /// Gives it another deadline.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Starts it in another folder.
    #[must_use]
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Says that this command is asked for secrets (`credential-process`, `export`): its standard output is not
    /// recorded as an output, and what it holds is recorded as secret.
    #[must_use]
    pub fn stdout_is_secret(mut self) -> Self {
        self.stdout_is_secret = true;
        self
    }

    /// Starts it and returns while it runs.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Running {
        self.start_by(Running::start)
    }

    /// Starts it in front of a terminal ([`Running::start_on_terminal`]) and returns while it runs.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start_on_terminal(self) -> Running {
        self.start_by(Running::start_on_terminal)
    }

    #[track_caller]
    fn start_by(self, start: fn(Command, &str, Duration) -> Running) -> Running {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(&self.variables).current_dir(&self.folder);
        let mut shown = self.shown;
        for argument in &self.arguments {
            shown.push(' ');
            shown.push_str(&quoted(argument));
        }
        let (home, log) = (self.env.home(), self.env.log_file());
        let already_logged = fs::metadata(&log).map_or(0, |data| data.len());
        let mut running = start(command, &shown, self.deadline).at_end(move |output| {
            keep(output, self.stdout_is_secret, &home, &log, already_logged);
        });
        if let Some(text) = self.stdin {
            running.type_in(&text);
            running.close_stdin();
        }
        running
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// Where it cannot be started or misses its deadline.
    #[must_use]
    #[track_caller]
    pub fn output(self) -> Output {
        self.start().finish()
    }
}

/// Puts a finished run on record: its streams and its log as outputs, what its state holds as secrets.
fn keep(output: &Output, stdout_is_secret: bool, home: &Path, log: &Path, already_logged: u64) {
    let mut text = without_what_is_shown(&output.block());
    if stdout_is_secret {
        for (name, value) in record::secrets_within(&output.stdout) {
            record::secret(&name, &value);
        }
        let stderr = without_what_is_shown(&output.stderr);
        text = format!("$ {}\n--- stderr ---\n{stderr}", output.command);
    }
    if let Ok(logged) = fs::read(log) {
        let from = usize::try_from(already_logged).unwrap_or(0).min(logged.len());
        text.push_str("--- log ---\n");
        text.push_str(&String::from_utf8_lossy(&logged[from..]));
    }
    record::output(text.as_bytes());
    for (name, value) in secrets_under(home) {
        record::secret(&format!("state {name}"), &value);
    }
}

/// Leaves out what a person has to be shown on the streams, and only there: `state` and `nonce` in the address they open,
/// and the code they type on another device. In a log each of them is a leak.
fn without_what_is_shown(text: &str) -> String {
    let mut shown = text.to_owned();
    for (start, ends) in [("&state=", "&\" \n"), ("&nonce=", "&\" \n"), ("\"user_code\":\"", "\"")] {
        let mut rest = std::mem::take(&mut shown);
        while let Some(at) = rest.find(start) {
            let value = at + start.len();
            shown.push_str(&rest[..value]);
            let length = rest[value..].find(|c| ends.contains(c)).unwrap_or(rest.len() - value);
            rest = rest[value + length..].to_owned();
        }
        shown.push_str(&rest);
    }
    shown
}

fn secrets_under(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            found.extend(secrets_under(&entry.path()));
        } else if kind.is_file() && entry.metadata().is_ok_and(|data| data.len() <= STATE_FILE_LIMIT_BYTES) {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            found.extend(record::secrets_within(&text));
        }
    }
    found
}

fn quoted(argument: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

fn restrict(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_what_has_to_be_shown_is_left_out_of_the_record() {
        let text = "{\"url\":\"http://i/authorize?client_id=c&state=abc&nonce=def\"}\n{\"user_code\":\"XY-Z\",\"code\":\"kept\"}\n";
        let want = "{\"url\":\"http://i/authorize?client_id=c&state=&nonce=\"}\n{\"user_code\":\"\",\"code\":\"kept\"}\n";
        assert_eq!(super::without_what_is_shown(text), want);
    }

    use std::path::Path;

    use super::TestEnv;

    #[test]
    fn a_run_inherits_nothing_and_its_snapshot_is_redacted() {
        let env = TestEnv::new("/bin/sh");
        env.redact("s3cr3t-value", "[token]");
        let script =
            "echo $HOME $CARGO_MANIFEST_DIR $TZ s3cr3t-value http://127.0.0.1:4711/; echo oops >&2; exit 4";
        let output = env.pintail(["-c", script]).output();
        let snapshot = env.snapshot(&output);
        let streams = snapshot.split_once("exit: ").expect("an exit").1;
        assert_eq!(
            streams,
            "4\n--- stdout ---\n[FOLDER]/home UTC [token] http://127.0.0.1:[PORT]/\n--- stderr ---\noops\n"
        );
    }

    #[test]
    fn another_program_runs_in_the_same_home() {
        let env = TestEnv::new("/bin/sh");
        let output = env.program(Path::new("/bin/pwd"), [""; 0]).output().succeeded();
        assert_eq!(env.redacted(&output.stdout), "[WORK]\n");
    }
}

//! A command with the sign-in of a bookmark: started, accompanied by the endpoint, and its end passed on.
//!
//! The command shares this process's group, terminal and streams, so that Ctrl-C, Ctrl-Z and the shell's job control reach it as
//! they reach any command. What is sent to this process alone (`kill`, a service manager) is passed on. Who sent a signal is not
//! told, so SIGINT and SIGQUIT are taken as a terminal's, which reach the whole group by themselves, exactly while this group is
//! the foreground of its terminal.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::task::Poll;

use jiff::Timestamp;
use pintail_core::name::BookmarkName;
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};

use super::endpoint::{Counter, Door, Endpoint};
use super::token::TokenFile;
use super::variables::EndpointAt;
use super::{LendError, Variables, Words, failure, lendable};
use crate::ops::{App, Error};

/// What to run, and how it is lent the sign-in.
#[derive(Clone, Debug)]
pub(crate) struct Exec {
    /// The bookmark.
    pub(crate) name: BookmarkName,
    /// The command.
    pub(crate) program: OsString,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// Give it plain keys in variables, which are not renewed, instead of the endpoint.
    pub(crate) plain: bool,
    /// Let it read the person's own AWS files.
    pub(crate) keep_files: bool,
}

/// Runs a command, and returns the code it ended with: its own, or 128 and the number of the signal that ended it.
///
/// A credential is fetched first, so that a sign-in that is needed is said before anything runs. `plain_until` is told when plain keys
/// end.
pub(crate) async fn exec(
    app: &App,
    request: Exec,
    words: Words,
    plain_until: impl FnOnce(Option<Timestamp>),
) -> Result<u8, Error> {
    let mut signals = Signals::take().map_err(LendError::Signals)?;
    let ready = async {
        let lent = app.credential_source(&request.name).await?;
        let credential = lendable(lent.source.as_ref()).await.map_err(failure)?;
        let credential = credential.ok_or_else(|| LendError::Anonymous(request.name.clone()))?;
        Ok::<_, Error>((lent, credential))
    };
    let (lent, credential) = signals.unless_ended(ready).await??;
    let ca_bundle = app.environment().ca_bundle.as_deref();
    if request.plain {
        let variables = Variables::keys(&lent.connection, &credential, ca_bundle)?;
        plain_until(credential.expires_at);
        let child = start(&request, &variables)?;
        return accompany(child, &mut signals).await;
    }
    let file = TokenFile::in_folder(&app.environment().folders.runtime.join("lend"), app.random())?;
    let role = lent.connection.role().cloned();
    let counter = Counter { name: request.name.clone(), source: lent.source, role };
    let clock = app.shared_clock();
    let bound = Endpoint::bind(Door::Loopback(0), file.token().clone(), vec![counter], words, clock);
    let endpoint = signals.unless_ended(bound).await??;
    let at = EndpointAt {
        url: &endpoint.url(&request.name),
        token_file: file.path(),
        // Some tools (s5cmd, older SDKs) know the variable only. It opens no more than the file beside it does, and ends
        // with the command.
        token: Some(file.token()),
    };
    let mut variables = Variables::endpoint(&lent.connection, &at, ca_bundle)?;
    if !request.keep_files {
        variables = variables.without_files();
    }
    let child = start(&request, &variables)?;
    tokio::select! {
        never = endpoint.serve() => match never {},
        code = accompany(child, &mut signals) => code,
    }
}

fn start(request: &Exec, variables: &Variables) -> Result<Child, LendError> {
    let mut command = Command::new(&request.program);
    command.args(&request.arguments);
    for name in variables.conflicting() {
        command.env_remove(name);
    }
    command.envs(variables.set.iter().map(|(name, value)| (name, value.expose())));
    command.spawn().map_err(|source| LendError::Start { program: request.program.clone(), source })
}

/// Waits for the end of a command, and passes on what this process is sent meanwhile.
async fn accompany(mut child: Child, signals: &mut Signals) -> Result<u8, Error> {
    loop {
        tokio::select! {
            ended = child.wait() => return ended.map(code).map_err(|e| LendError::Signals(e).into()),
            signal = signals.next() => {
                let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
                if let Some(id) = id.filter(|_| !reached_the_group(signal)) {
                    // It may have ended by itself in this moment.
                    let _ = rustix::process::kill_process(id, signal);
                }
            }
        }
    }
}

/// Tells whether the command has this signal as well, as far as that can be known.
fn reached_the_group(signal: Signal) -> bool {
    (signal == Signal::INT || signal == Signal::QUIT) && is_foreground()
}

/// Tells whether what is typed on the terminal goes to this process group. False where there is no terminal.
fn is_foreground() -> bool {
    let terminal = fs::File::open("/dev/tty");
    let foreground = terminal.ok().and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok());
    foreground == Some(rustix::process::getpgrp())
}

/// Returns the code of an end as shells do.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// The signals that a command may have to know of. From the moment this exists they do not end this process.
#[derive(Debug)]
struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    /// Takes the signals over that this process does not ignore already: a command under `nohup` goes on ignoring SIGHUP.
    fn take() -> io::Result<Self> {
        let ignored = ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        let all = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::USR1, Signal::USR2, Signal::TERM];
        let taken = all.into_iter().filter(|signal| ignored & (1 << (signal.as_raw() - 1)) == 0);
        taken
            .map(|signal| Ok((signal, unix::signal(SignalKind::from_raw(signal.as_raw()))?)))
            .collect::<io::Result<_>>()
            .map(Self)
    }

    async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            for (number, signal) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*number);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Does some work unless a signal asks this process to end meanwhile.
    async fn unless_ended<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Error> {
        tokio::select! {
            biased;
            _ = self.next_ending() => Err(Error::Interrupted),
            done = work => Ok(done),
        }
    }

    /// Waits for a signal that asks this process to end.
    async fn next_ending(&mut self) -> Signal {
        loop {
            let signal = self.next().await;
            if signal != Signal::USR1 && signal != Signal::USR2 {
                return signal;
            }
        }
    }
}

/// Reads the set of ignored signals, bit 0 for signal 1, from what Linux tells of a process. Empty where it is not told.
fn ignored(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_have_the_codes_that_shells_give_them() {
        for (raw, expected) in [(0, 0), (7 << 8, 7), (255 << 8, 255), (15, 143), (9, 137), (0x80 | 11, 139)] {
            assert_eq!(code(ExitStatus::from_raw(raw)), expected, "{raw:#x}");
        }
    }

    #[test]
    fn ignored_signals_are_read_as_linux_tells_them() {
        let status = "Name:\tpintail\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        assert_eq!(ignored(status), 1 << 12 | 1, "SIGPIPE and SIGHUP");
        assert_eq!(ignored(""), 0);
    }
}

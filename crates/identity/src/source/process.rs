//! `credential_process`: a program that prints a credential as JSON.
//!
//! The command is a list of words and no shell sees it. The program may take its time (it may open a browser), but not
//! for ever, and it is ended by its own process number. The last line it wrote to standard error is told, since every
//! AWS tool shows it too and the contract says that it holds no secret.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use pintail_core::credential::Credential;
use pintail_core::retry::Retry;
use pintail_core::seam::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use zeroize::Zeroizing;

use super::{Provider, ProviderError, credential_json};
use crate::oidc::untrusted::printable;
use crate::session::config::hash_of;

/// The most that is kept of what the program says about its trouble.
const TALK_MAX_BYTES: usize = 4 << 10;
/// How long its last words are waited for: something it left running may hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// How many programs may stand one inside the other.
const DEPTH_MAX: usize = 8;

/// What a program may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessLimits {
    /// How long it may run.
    pub time: Duration,
    /// How much it may write, in bytes.
    pub output_bytes: usize,
}

impl Default for ProcessLimits {
    /// A minute, which a person may need for a second factor, and 64 KiB, some twenty times a credential.
    fn default() -> Self {
        Self { time: Duration::from_secs(60), output_bytes: 64 << 10 }
    }
}

/// Fetches a credential from a program.
#[derive(Clone)]
pub struct CredentialProcess {
    argv: Vec<String>,
    /// What its environment says about the programs it stands in.
    inside: String,
    limits: ProcessLimits,
}

impl CredentialProcess {
    /// The variable that tells a program which credential programs it runs inside of.
    pub const MARKER: &str = "PINTAIL_CREDENTIAL_PROCESS";

    /// Runs the words of `argv`. `already_inside` is what [`CredentialProcess::MARKER`] says in the environment of this
    /// process.
    ///
    /// # Errors
    /// When there is no program's name, or this process runs inside the same command, so that it would wait for itself.
    pub fn new(
        argv: Vec<String>,
        already_inside: Option<&str>,
        limits: ProcessLimits,
    ) -> Result<Self, ProviderError> {
        let program = argv.first().filter(|program| !program.is_empty());
        let Some(program) = program else {
            return Err(ProviderError::new("the credential program has no name", Retry::Never));
        };
        if argv.iter().any(|word| word.contains('\0')) {
            return Err(ProviderError::new("the credential program's words hold a NUL", Retry::Never));
        }
        // Words may be secret: only their fingerprint is passed on.
        let mark = hash_of(&argv.iter().map(String::as_str).collect::<Vec<_>>());
        let outer: Vec<&str> =
            already_inside.unwrap_or_default().split(',').filter(|mark| !mark.is_empty()).collect();
        if outer.contains(&mark.as_str()) || outer.len() >= DEPTH_MAX {
            let what = format!("credential program {} asks for its own credential", shown(program));
            return Err(ProviderError::new(what, Retry::Never)
                .with_next("Give the program a source of its own: it must not use the profile it serves."));
        }
        let inside = outer.iter().copied().chain([mark.as_str()]).collect::<Vec<_>>().join(",");
        Ok(Self { argv, inside, limits })
    }

    async fn fetch_now(&self) -> Result<Credential, ProviderError> {
        let name = format!("credential program {}", shown(&self.argv[0]));
        let failed = |what: &str, error: std::io::Error| {
            ProviderError::new(format!("{name} {what}"), Retry::Never).because(error)
        };
        let mut child = Command::new(&self.argv[0])
            .args(&self.argv[1..])
            .env(Self::MARKER, &self.inside)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed("could not be started", error))?;
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let stderr = child.stderr.take().expect("standard error is a pipe");
        let mut talk = tokio::spawn(tail(stderr));
        let work = async {
            let output = head(stdout, self.limits.output_bytes).await?;
            match output {
                None => Ok(None),
                Some(output) => child.wait().await.map(|status| Some((status, output))),
            }
        };
        let ended = tokio::time::timeout(self.limits.time, work).await;
        let answer = match ended {
            Ok(Ok(Some((status, output)))) => Ok((status, output)),
            Ok(Ok(None)) => Err(ProviderError::new(
                format!("{name} wrote more than {} bytes", self.limits.output_bytes),
                Retry::Never,
            )),
            Ok(Err(error)) => Err(failed("could not be read", error)),
            Err(_) => Err(ProviderError::new(
                format!("{name} gave no credential within {} s", self.limits.time.as_secs_f64()),
                Retry::Never,
            )),
        };
        if answer.is_err() {
            // It may be gone already.
            let _ = child.kill().await;
        }
        let words = match tokio::time::timeout(LAST_WORDS, &mut talk).await {
            Ok(words) => words.unwrap_or_default(),
            Err(_) => {
                talk.abort();
                String::new()
            }
        };
        let (status, output) = answer?;
        if !status.success() {
            let words = if words.is_empty() { String::new() } else { format!(": {words}") };
            return Err(ProviderError::new(format!("{name} {}{words}", ending(status)), Retry::Never));
        }
        credential_json::of_process(&output).map_err(|error| {
            ProviderError::new(format!("{name} printed no credential"), Retry::Never).because(error)
        })
    }
}

impl Provider for CredentialProcess {
    fn fetch(&self) -> BoxFuture<'_, Result<Credential, ProviderError>> {
        Box::pin(self.fetch_now())
    }
}

impl std::fmt::Debug for CredentialProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The words after the program's name may be passwords.
        f.debug_struct("CredentialProcess").field("program", &self.argv[0]).finish_non_exhaustive()
    }
}

fn shown(program: &str) -> String {
    format!("{:?}", printable(program, 200))
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "did not end well".to_owned(),
    }
}

/// Reads to the end; `None` when there is more than `bytes_max`.
async fn head(from: impl AsyncRead + Unpin, bytes_max: usize) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut output = Zeroizing::new(Vec::new());
    from.take(bytes_max as u64 + 1).read_to_end(&mut output).await?;
    Ok((output.len() <= bytes_max).then_some(output))
}

/// Reads to the end, keeps the last of it, and returns its last line that says something, printable.
async fn tail(mut from: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..length]);
        let surplus = kept.len().saturating_sub(TALK_MAX_BYTES);
        kept.drain(..surplus);
    }
    let text = String::from_utf8_lossy(&kept);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    printable(line.unwrap_or_default(), 300)
}

#[cfg(test)]
mod tests;

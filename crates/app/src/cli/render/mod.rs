//! What a person or a program sees: the only place that prints.
//!
//! Standard output is data, standard error is talk. With `--json`, every line of standard output is one JSON object with
//! a `version`; without it, data is text that reads well with and without colours.

mod echo;
mod json;
mod lines;
pub(super) mod log;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod text;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use echo::NoEcho;
pub(crate) use lines::Lines;
use pintail_core::secret::Secret;
pub(crate) use progress::ProgressLine;
use zeroize::Zeroizing;

use pintail_connect::Terminal;

/// The version of the JSON lines. It rises when a field changes its meaning or goes; new fields do not raise it.
pub(crate) const JSON_VERSION: u64 = 1;

/// Whether to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where output goes and how it looks.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    verbose: bool,
    terminal: Terminal,
    colour: ColourChoice,
}

/// A style of a piece of text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    /// What matters most.
    Strong,
    /// What matters less.
    Faint,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// Something to type.
    Code,
}

impl Style {
    fn codes(self) -> &'static str {
        match self {
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Code => "36",
        }
    }
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool, colour: ColourChoice, terminal: Terminal) -> Self {
        Self { json, quiet, verbose: false, terminal, colour }
    }

    /// Returns the same output, with more told if `verbose` says so.
    #[must_use]
    pub(crate) fn telling_more(self, verbose: bool) -> Self {
        Self { verbose, ..self }
    }

    /// Tells whether the person wants to know more.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Tells whether data is written as JSON lines.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Returns the same output with talk for people, for a command whose standard output is not lines of ours.
    pub(crate) fn as_text(&self) -> Self {
        Self { json: false, ..self.clone() }
    }

    /// Makes an output for when the environment could not be read.
    pub(crate) fn without_terminal(json: bool) -> Self {
        let terminal =
            Terminal { stdin: false, stdout: false, stderr: false, colour: false, colour_forced: false };
        Self::new(json, false, ColourChoice::Never, terminal)
    }

    /// Writes one piece of data: a JSON line, or the text that `human` makes.
    pub(crate) fn data(&self, value: &impl Serialize, human: impl FnOnce() -> String) -> io::Result<()> {
        if self.json { self.json_line(value) } else { self.text_line(&human()) }
    }

    /// Writes one JSON line: the object that `value` is, with the version in front.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::Map::new();
        line.insert("version".into(), JSON_VERSION.into());
        match serde_json::to_value(value).map_err(io::Error::other)? {
            Value::Object(fields) => line.extend(fields),
            other => {
                line.insert("value".into(), other);
            }
        }
        let mut text = json::json_text(&line)?;
        text.push('\n');
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Writes a line of text data.
    pub(crate) fn text_line(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")
    }

    /// Writes bytes of an object to standard output as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        // What waits in a buffer when the program ends would be lost without a word.
        out.flush()
    }

    /// Says something to the person, on standard error. Lost if nobody listens.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            self.insist(text);
        }
    }

    /// Says something to the person even when told to be quiet.
    pub(crate) fn insist(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Asks on standard error and reads a line from standard input, without an echo where that is a terminal.
    pub(crate) async fn ask_hidden(&self, question: &str) -> io::Result<Secret> {
        // Before the question, so that not even who answers at once sees what is typed. Held here and not where the line is
        // read: an interruption drops it, and the terminal echoes again.
        let quiet = self.terminal.stdin.then(NoEcho::start).transpose()?;
        if quiet.is_some() {
            write!(io::stderr().lock(), "{question} ")?;
        }
        let reading = tokio::task::spawn_blocking(|| {
            let mut line = Zeroizing::new(String::new());
            io::stdin().read_line(&mut line).map(|_| Secret::new(line.trim()))
        });
        let secret = reading.await.map_err(io::Error::other)??;
        if quiet.is_some() {
            self.insist("");
        }
        Ok(secret)
    }

    /// Asks a question that `y` or `yes` affirms. `None` where nobody could answer.
    pub(crate) async fn confirm(&self, question: &str) -> io::Result<Option<bool>> {
        if !self.terminal.stdin || !self.terminal.stderr {
            return Ok(None);
        }
        let line = self.ask_line(&format!("{question} [y/N]")).await?.unwrap_or_default();
        Ok(Some(["y", "yes"].contains(&line.to_ascii_lowercase().as_str())))
    }

    /// Tells whether there is somebody to ask: a terminal to read from and one to ask on.
    pub(crate) fn can_ask(&self) -> bool {
        self.terminal.stdin && self.terminal.stderr && !self.json
    }

    /// Asks on standard error and reads a line from standard input. `None` at its end.
    pub(crate) async fn ask_line(&self, question: &str) -> io::Result<Option<String>> {
        write!(io::stderr().lock(), "{question} ")?;
        let reading = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map(|size| (size > 0).then(|| line.trim().to_owned()))
        });
        reading.await.map_err(io::Error::other)?
    }

    /// Styles a text that goes to standard error.
    pub(crate) fn talk_style(&self, style: Style, text: &str) -> String {
        styled(self.colours(self.terminal.stderr), style, text)
    }

    /// Styles a text that goes to standard output.
    pub(crate) fn data_style(&self, style: Style, text: &str) -> String {
        styled(self.colours(self.terminal.stdout), style, text)
    }

    /// Starts to show how far something is, on a terminal and once it has taken a moment.
    pub(crate) fn progress(&self) -> ProgressLine {
        ProgressLine::new(self.terminal.stderr && !self.quiet && !self.json)
    }

    /// Tells whether talk is wanted that is no error.
    pub(crate) fn talks(&self) -> bool {
        !self.quiet
    }

    /// Asks on standard error and reads a line from standard input, where nothing else can go on meanwhile. `None` at the end of the input and when
    /// a signal ends the run.
    pub(crate) fn ask_now(&self, question: &str) -> io::Result<Option<String>> {
        write!(io::stderr().lock(), "{question} ")?;
        // A runtime of its own, since the caller's stands still: a signal is heard here as well.
        let asking = std::thread::spawn(|| -> io::Result<Option<String>> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let answer = runtime.block_on(async {
                let mut signals = crate::ops::signal::Signals::take()?;
                let reading = tokio::task::spawn_blocking(|| {
                    let mut line = String::new();
                    io::stdin().read_line(&mut line).map(|size| (size > 0).then(|| line.trim().to_owned()))
                });
                tokio::select! {
                    biased;
                    () = signals.wait() => Ok(None),
                    line = reading => line.map_err(io::Error::other)?,
                }
            });
            // Whoever still reads is not waited for.
            runtime.shutdown_background();
            answer
        });
        asking.join().map_err(|_| io::Error::other("the question could not be asked"))?
    }

    fn colours(&self, is_terminal: bool) -> bool {
        match self.colour {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto => self.terminal.colour_forced || (is_terminal && self.terminal.colour),
        }
    }
}

fn styled(colours: bool, style: Style, text: &str) -> String {
    if colours { format!("\u{1b}[{}m{text}\u{1b}[0m", style.codes()) } else { text.to_owned() }
}

/// Lets pass that nobody reads any more: the work itself goes on.
pub(crate) fn tolerate_closed_pipe(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|error| if is_closed_pipe(&error) { Ok(()) } else { Err(error) })
}

/// Tells whether an error only means that nobody reads our output any more (`pintail ls | head`).
pub(crate) fn is_closed_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

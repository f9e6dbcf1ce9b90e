//! The command line: parses what is typed, runs one operation, shows what came of it.

mod commands;
pub(crate) mod render;
mod show;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;

use self::commands::Command;
use self::render::{ColourChoice, Output};
use crate::explain::{self, Exit};
use crate::ops::signal::Signals;
use crate::ops::{App, Error};
use pintail_connect::Environment;

/// S3 with the sign-in you already have: Microsoft Entra ID or any OpenID Connect issuer, and no AWS key anywhere
///
/// New here? `pintail demo` shows the whole chain on a small cloud inside this program.
#[derive(Debug, Parser)]
#[command(name = "pintail", version, max_term_width = 110, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What goes with every command.
#[derive(Debug, clap::Args)]
struct Global {
    /// The role to use, where a bookmark has several: its ARN, name, account, or ACCOUNT/NAME. `login`, `roles` and `whoami`
    /// remember the choice.
    #[arg(long, global = true, value_name = "ROLE", help_heading = "Role")]
    role: Option<String>,
    /// Write JSON lines to standard output.
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
    /// Say nothing but data and errors.
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    quiet: bool,
    /// Tell more of what happens; twice, thrice for more yet. Secrets are never told.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    verbose: u8,
    /// Whether to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value_t, value_enum, help_heading = "Output")]
    color: ColourChoice,
}

/// How a command ends.
pub(crate) type Outcome = Result<Exit, Failure>;

/// Why a command did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The operation failed.
    Operation(Box<Error>),
    /// What was found could not be written to standard output.
    Output(io::Error),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Operation(Box::new(error.into()))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// How long an interrupted command may take to clean up behind itself.
const CLEAN_UP_MAX: Duration = Duration::from_secs(5);

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` are answers, not errors.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            if exit == Exit::Usage && std::env::args_os().any(|argument| argument == "--json") {
                show::usage_line(&Output::without_terminal(true), &error.kind().to_string());
            }
            return exit.into();
        }
    };
    run(cli).into()
}

fn run(cli: Cli) -> Exit {
    let environment = match Environment::read_with(cli.command.overrides()) {
        Ok(environment) => environment,
        Err(error) => {
            let output = Output::without_terminal(cli.global.json);
            return show::failure(&output, &explain::plain(&error));
        }
    };
    let output = Output::new(cli.global.json, cli.global.quiet, cli.global.color, environment.terminal)
        .telling_more(cli.global.verbose > 0);
    render::log::start(cli.global.verbose, environment.log.as_deref(), environment.log_file.as_deref());
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return show::failure(&output, &explain::plain(&error)),
    };
    let app =
        App::with_role(environment, cli.global.role).with_watch(Arc::new(show::PinWarning::new(&output)));
    let ended = runtime.block_on(until_interrupted(cli.command, &app, &output));
    // Nothing that still waits (a name look-up, a keychain) is worth waiting for.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit,
        Err(Failure::Output(error)) if render::is_closed_pipe(&error) => Exit::Done,
        Err(Failure::Operation(error)) if is_closed_pipe(&error) => Exit::Done,
        Err(Failure::Output(error)) => show::failure(&output, &explain::explain(&Error::Stdio(error))),
        Err(Failure::Operation(error)) => show::failure(&output, &explain::explain(&error)),
    }
}

fn is_closed_pipe(error: &Error) -> bool {
    matches!(error, Error::Stdio(error) if render::is_closed_pipe(error))
}

/// Runs the command, or ends it when a signal comes: at once where nothing has to be taken back.
async fn until_interrupted(command: Command, app: &App, output: &Output) -> Outcome {
    if matches!(command, Command::Sandbox(_) | Command::Exec(_) | Command::ServeCredentials(_)) {
        // A signal is how it ends, or is for the command it runs.
        return command.run(app, output).await;
    }
    let mut signals = Signals::take()?;
    let run = command.run(app, output);
    let mut run = std::pin::pin!(run);
    tokio::select! {
        biased;
        () = signals.wait() => {}
        outcome = &mut run => return outcome,
    }
    app.interrupt().set();
    if app.interrupt().is_guarded() {
        let _ = tokio::time::timeout(CLEAN_UP_MAX, run).await;
    }
    output.say("interrupted");
    if let Some(word) = app.interrupt().word() {
        output.say(&format!("{} {word}", output.talk_style(render::Style::Strong, "next:")));
    }
    Ok(Exit::Interrupted)
}

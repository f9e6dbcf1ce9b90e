//! `pintail transfers …`

use clap::Subcommand;
use jiff::SignedDuration;

use super::address;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::transfer::engine::journal::RunId;
use crate::ops::transfer::{self, Verb, words};
use crate::ops::{App, Error};

/// Unfinished uploads are taken for left behind after this long, where nobody says otherwise.
const ORPHAN_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// See transfers that were begun, and go on with them
///
/// Every transfer of more than one request keeps a journal: after an interruption, a crash or a power cut it goes on where it was left, and
/// parts that were proved are not sent again.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the transfers of this machine, the oldest first
    Ls,
    /// Show one closely: what is done, what is left, what was begun
    Show {
        /// The transfer, as `transfers ls` names it.
        run: String,
    },
    /// Go on with one where it was left; without a name with the newest that can go on
    Resume {
        /// The transfer.
        run: Option<String>,
    },
    /// Give one up: take back what it had begun, uploads and unfinished files
    Cancel {
        /// The transfer.
        run: String,
    },
    /// Forget transfers that ended
    ///
    /// Those that ended well are forgotten by themselves after 14 days.
    Clean(Clean),
}

/// Forget transfers that ended.
#[derive(Debug, clap::Args)]
pub(crate) struct Clean {
    /// Only those that ended so long ago: 12h, 30d. Those as old that failed or were interrupted are given up as well.
    #[arg(long, value_name = "AGE", value_parser = words::age)]
    older_than: Option<SignedDuration>,
    /// Abort unfinished uploads below an address instead: those begun a week ago or --older-than, that no transfer of this machine could go on with.
    /// Whoever else uploads there may have begun them: they are listed and asked for first.
    #[arg(long, value_name = "ADDRESS")]
    orphans: Option<String>,
    /// Only list the uploads.
    #[arg(long, requires = "orphans")]
    dry_run: bool,
    /// Do not ask.
    #[arg(short, long, requires = "orphans")]
    yes: bool,
}

impl Command {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        match self {
            Self::Ls => show::runs(output, &transfer::runs(app)?)?,
            Self::Show { run } => show::shown_run(output, &transfer::show(app, &id(&run)?)?)?,
            Self::Resume { run } => return resume(app, output, run).await,
            Self::Cancel { run } => {
                let run = id(&run)?;
                show::cancelled(output, &run, &transfer::cancel(app, &run).await?)?;
            }
            Self::Clean(clean) => return clean.run(app, output).await,
        }
        Ok(Exit::Done)
    }
}

async fn resume(app: &App, output: &Output, run: Option<String>) -> Outcome {
    let run = match run {
        Some(run) => id(&run)?,
        None => match transfer::newest_stopped(app)? {
            Some(run) => run,
            None => {
                output.say("no transfer is left to go on with");
                return Ok(Exit::Done);
            }
        },
    };
    let shown = transfer::show(app, &run)?;
    let verb = shown.request.as_ref().map_or(Verb::Cp, |request| request.verb);
    let face = show::TransferFace::new(output, verb);
    face.resumed(&shown);
    drop(shown);
    let (_, ended) = transfer::resume(app, &run, &face).await?;
    show::report(output, face, ended, None)
}

impl Clean {
    async fn run(self, app: &App, output: &Output) -> Outcome {
        let Some(text) = self.orphans else {
            return Ok(show::clean_report(output, &transfer::clean(app, self.older_than).await?)?);
        };
        let address = address(app, Some(text))?;
        let orphans = transfer::orphans(app, &address, self.older_than.unwrap_or(ORPHAN_AGE)).await?;
        let count = orphans.found.len() as u64;
        if self.dry_run || count == 0 {
            show::orphan_list(output, "would_abort", &orphans)?;
            show::orphan_count(output, "would abort", count);
            return Ok(Exit::Done);
        }
        if !self.yes {
            if !output.can_ask() {
                let why = "uploads are aborted after a question only; say --yes where there is no terminal";
                return Err(Error::Usage(why.into()).into());
            }
            show::orphan_list(output, "would_abort", &orphans)?;
            if output.confirm(&format!("Abort {count} unfinished uploads?")).await? != Some(true) {
                output.say("nothing was changed");
                return Ok(Exit::Interrupted);
            }
        }
        let (aborted, failure) = transfer::abort(&orphans).await;
        show::orphan_list(output, "aborted", &orphans)?;
        show::orphan_count(output, "aborted", aborted);
        match failure {
            None => Ok(Exit::Done),
            Some(error) => Err(error.into()),
        }
    }
}

fn id(text: &str) -> Result<RunId, Error> {
    text.parse().map_err(Error::Registry)
}

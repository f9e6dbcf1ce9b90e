//! `pintail env`

use super::bookmark_name;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::lend::Shell;
use crate::ops::{App, Error, lend};

/// Print your credential as variables for a shell
///
/// For sh: `eval "$(pintail env work)"`; for fish: `pintail env work | source`; for PowerShell: `pintail env work | Out-String |
/// Invoke-Expression`. The keys are temporary and are not renewed; `pintail exec` and `pintail serve-credentials` renew.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bookmark.
    bookmark: Option<String>,
    /// How to write the variables. Without it: for the shell that $SHELL names.
    #[arg(long, value_enum)]
    shell: Option<ShellName>,
    /// Print what takes the variables away again.
    #[arg(long, conflicts_with = "bookmark")]
    unset: bool,
}

/// The shells to write for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ShellName {
    /// sh, bash, zsh, dash, ksh.
    Sh,
    /// fish.
    Fish,
    /// PowerShell.
    #[value(alias = "pwsh")]
    Powershell,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let shell = shell(app, output, self.shell)?;
        if self.unset {
            show::env_unset(output, shell)?;
            return Ok(Exit::Done);
        }
        let name = bookmark_name(app, self.bookmark)?;
        let (variables, until) = lend::keys(app, &name).await?;
        show::env(output, &name, &variables, until, shell)?;
        Ok(Exit::Done)
    }
}

/// Returns the shell that is meant: the one named, else the person's own. JSON is for none of them.
pub(super) fn shell(app: &App, output: &Output, named: Option<ShellName>) -> Result<Shell, Error> {
    match named {
        None if output.is_json() => Ok(Shell::Sh),
        Some(ShellName::Sh) => Ok(Shell::Sh),
        Some(ShellName::Fish) => Ok(Shell::Fish),
        Some(ShellName::Powershell) => Ok(Shell::PowerShell),
        None => app.shell(),
    }
}

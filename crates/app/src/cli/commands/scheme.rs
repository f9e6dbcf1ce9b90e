//! `pintail scheme install|uninstall`

use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, scheme};

/// Register Pintail as the program that receives sign-in answers by address scheme (Linux)
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Register for `pintail:` addresses, and for those of Cyberduck and Mountain Duck if asked
    Install {
        /// Also receive `x-cyberduck-action:` and `x-mountainduck-action:` addresses, for app registrations made for those programs.
        #[arg(long)]
        ducks: bool,
    },
    /// Undo the registration; what was registered before is put back
    Uninstall,
}

impl Command {
    pub(crate) fn run(self, app: &App, output: &Output) -> Outcome {
        match self {
            Self::Install { ducks } => show::scheme_installed(output, &scheme::install(app, ducks)?)?,
            Self::Uninstall => show::scheme_removed(output, &scheme::uninstall(app)?)?,
        }
        Ok(Exit::Done)
    }
}

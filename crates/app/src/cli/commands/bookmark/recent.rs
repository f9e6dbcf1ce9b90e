//! `pintail recent`

use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::App;

/// List the places visited last
///
/// The last 20 folders that `ls`, `cat`, `stat` and `cp` went to, newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Recent {
    /// Forget them.
    #[arg(long)]
    clear: bool,
}

impl Recent {
    pub(in crate::cli::commands) fn run(self, app: &App, output: &Output) -> Outcome {
        if self.clear {
            app.forget_places()?;
        } else {
            show::recent_places(output, &app.recent_places())?;
        }
        Ok(Exit::Done)
    }
}

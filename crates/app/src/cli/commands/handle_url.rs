//! `pintail handle-url`

use crate::cli::{Outcome, render::Output};
use crate::explain::Exit;
use crate::ops::{App, scheme};

/// Hand a sign-in answer to the process that waits for it
///
/// The desktop calls this when a browser opens an address with a scheme that `pintail scheme install` registered.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(crate) struct Args {
    /// The address.
    url: String,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        scheme::deliver(app, self.url).await?;
        output.say("handed the answer to the waiting sign-in");
        Ok(Exit::Done)
    }
}

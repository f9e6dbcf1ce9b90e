//! `pintail demo`

use crate::cli::{Outcome, render::Output, show};
use crate::ops::{App, demo};

/// Show the whole chain on a small cloud inside this program
///
/// Starts the sandbox, signs in as one of its people, exchanges the ID token for a credential, lists, uploads, downloads and
/// compares, and says at each step what it proves. Nothing outside this machine is asked, and nothing is left behind.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let mut number = 0;
        demo::run(app, &mut |step| {
            number += 1;
            show::demo_step(output, number, &step)
        })
        .await?;
        show::demo_end(output)
    }
}

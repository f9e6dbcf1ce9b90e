//! `pintail mv`

use super::cp::Copies;
use crate::cli::{Outcome, render::Output};
use crate::ops::App;
use crate::ops::transfer::Verb;

/// Move files to S3, from S3, and within S3
///
/// Each source is deleted once its copy is proved, and only if it still is what was copied. Within S3 no byte comes here.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    copies: Copies,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        self.copies.run(app, output, Verb::Mv).await
    }
}

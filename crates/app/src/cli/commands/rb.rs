//! `pintail rb`

use super::address;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, bucket};

/// Remove an empty bucket
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `BOOKMARK:bucket`.
    address: String,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let address = address(app, Some(self.address))?;
        bucket::remove(app, &address).await?;
        show::bucket_removed(output, &address)?;
        Ok(Exit::Done)
    }
}

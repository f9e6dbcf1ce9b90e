//! `pintail stat`

use super::address;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, object};

/// Show everything S3 tells about an object or a bucket
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `BOOKMARK:bucket/key` or `BOOKMARK:bucket`.
    address: String,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let address = address(app, Some(self.address))?;
        show::stat(output, &object::stat(app, &address).await?)?;
        app.remember_place(&address);
        Ok(Exit::Done)
    }
}

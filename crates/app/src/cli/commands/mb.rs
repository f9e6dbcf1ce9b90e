//! `pintail mb`

use super::address;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, bucket};

/// Make a bucket
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `BOOKMARK:bucket`.
    address: String,
    /// The region to make it in, where it is not the bookmark's.
    #[arg(long)]
    region: Option<String>,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let address = address(app, Some(self.address))?;
        let region = self.region.map(|text| text.parse()).transpose()?;
        bucket::make(app, &address, region).await?;
        show::bucket_made(output, &address)?;
        Ok(Exit::Done)
    }
}

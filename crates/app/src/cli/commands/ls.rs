//! `pintail ls`

use super::address;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, list};

/// List buckets, or what is in one
///
/// Without an address: the buckets of the only bookmark. An address ending in a slash lists that folder; any other address lists
/// what begins with it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `BOOKMARK:`, `BOOKMARK:bucket/folder/` or `s3://bucket/folder/`.
    address: Option<String>,
    /// List everything below, not one folder.
    #[arg(short, long)]
    recursive: bool,
    /// Show sizes and times.
    #[arg(short, long)]
    long: bool,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let address = address(app, self.address)?;
        let mut listing = show::Listing::new(output, self.long);
        list::list(app, &address, self.recursive, &mut |entry| listing.entry(entry)).await?;
        listing.end()?;
        Ok(Exit::Done)
    }
}

//! `pintail ls`

use super::start;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, list};

/// List buckets, or what is in one
///
/// Without an address, or with `BOOKMARK:`: where the bookmark starts, which is the list of buckets unless it says otherwise;
/// `BOOKMARK:/` always lists the buckets. An address ending in a slash lists that folder; any other address lists
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
        let address = start(app, self.address)?;
        let mut listing = show::Listing::new(output, self.long);
        list::list(app, &address, self.recursive, &mut |entry| listing.entry(entry)).await?;
        listing.end()?;
        app.remember_place(&address);
        Ok(Exit::Done)
    }
}

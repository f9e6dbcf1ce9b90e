//! `pintail rm`

use super::address;
use crate::cli::{Outcome, render::Output, show};
use crate::ops::{App, remove};

/// Delete objects
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `BOOKMARK:bucket/key`, or with --recursive `BOOKMARK:bucket/folder/`.
    #[arg(required = true)]
    addresses: Vec<String>,
    /// Delete everything that begins with the address: `bucket/a` takes `a`, `a/b` and `ab`; `bucket/a/` only what is in the folder.
    #[arg(short, long)]
    recursive: bool,
    /// Show what would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let mut addresses = Vec::new();
        for text in self.addresses {
            addresses.push(address(app, Some(text))?);
        }
        let options = remove::Options { recursive: self.recursive, dry_run: self.dry_run };
        let mut talk = show::RemoveTalk::new(output, self.dry_run);
        let report = remove::remove(app, &addresses, options, &mut |event| talk.event(event)).await?;
        show::remove_report(output, talk, &report, self.dry_run)
    }
}

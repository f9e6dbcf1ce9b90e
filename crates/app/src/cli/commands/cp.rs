//! `pintail cp`

use super::transfer::{self, Manner, Run, Selection};
use crate::cli::{Outcome, render::Output};
use crate::ops::transfer::options::OnExisting;
use crate::ops::transfer::{Request, Verb};
use crate::ops::{App, Error};

/// Copy files to S3, from S3, and within S3
///
/// What is copied is proved: an upload carries a checksum that S3 checks; a download is written beside its target, compared
/// with S3's checksum, and renamed into place at the end. What is interrupted goes on with `pintail transfers resume`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    copies: Copies,
}

/// What `cp` and `mv` have in common.
#[derive(Debug, clap::Args)]
pub(super) struct Copies {
    /// What to copy: paths, `BOOKMARK:bucket/key`, or `-` for standard input; the last one is where to.
    #[arg(required = true, num_args = 2.., value_name = "SOURCE… TARGET")]
    places: Vec<String>,
    /// Take folders with everything below them.
    #[arg(short, long)]
    recursive: bool,
    /// What happens where a target exists.
    #[arg(long, value_name = "WHAT", default_value_t, value_enum)]
    existing: OnExisting,
    /// Leave existing targets as they are: short for --existing skip.
    #[arg(short, long, conflicts_with = "existing")]
    no_clobber: bool,
    /// Show what would be done and about how many requests it takes, and do nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    manner: Manner,
}

impl Copies {
    pub(super) async fn run(self, app: &App, output: &Output, verb: Verb) -> Outcome {
        let mut sources = transfer::places(&self.places)?;
        let Some(target) = sources.pop() else {
            return Err(Error::Usage("a target is missing".into()).into());
        };
        let mut options = transfer::options(app, &self.selection, &self.manner)?;
        options.existing = if self.no_clobber { OnExisting::Skip } else { self.existing };
        let only = self.selection.names(&sources).await?;
        let request = Request { verb, sources, target: Some(target), recursive: self.recursive, options };
        let run = Run { dry_run: self.dry_run, yes: false, only, prices: self.manner.prices()? };
        transfer::transfer(app, output, request, run).await
    }
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        self.copies.run(app, output, Verb::Cp).await
    }
}

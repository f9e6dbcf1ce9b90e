//! `pintail rm`

use std::path::PathBuf;

use pintail_core::address::Place;

use super::address;
use super::transfer::Selection;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::transfer::options::Options;
use crate::ops::transfer::{Request, Verb, carry_out, check_removals, plan, prices};
use crate::ops::{App, Error};

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
    /// Begin nothing more after so many failures.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_errors: Option<u64>,
    /// Prices to estimate the cost with, in place of the list prices that come with the program.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    #[command(flatten)]
    selection: Selection,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let mut sources = Vec::new();
        for text in &self.addresses {
            sources.push(Place::Remote(address(app, Some(text.clone()))?));
        }
        let mut options = Options { errors_max: self.max_errors, ..Options::default() };
        self.selection.apply(&mut options, app.now())?;
        let only = self.selection.names(&sources).await?;
        let request = Request { verb: Verb::Rm, sources, target: None, recursive: self.recursive, options };
        check_removals(&request)?;
        let prices = prices(self.prices.as_deref())?;
        let face = show::TransferFace::new(output, Verb::Rm);
        let mut tally = show::Tally::default();
        let mut exit = Exit::Done;
        for mut part in request.removals() {
            // While work is left in order the command goes on for a moment, and begins nothing more.
            if app.interrupt().is_set() {
                break;
            }
            if let Some(max) = self.max_errors {
                // What failed at one address counts for those after it.
                let left = max.saturating_sub(tally.failed);
                if left == 0 {
                    tally.leave_out();
                    continue;
                }
                part.options.errors_max = Some(left);
            }
            let what = part.sources.clone();
            let mut planned = match plan(app, part, only.clone(), &face).await {
                Ok(planned) => planned,
                // Without a sign-in nothing else can be deleted either; any other trouble is of this address alone.
                Err(error) if error.no_credential().is_some() || is_wrong(&error) => return Err(error.into()),
                Err(error) => {
                    show::delete_failed(output, &face, &what, &error);
                    tally.add_failure(error);
                    continue;
                }
            };
            planned.price(app, &prices).await?;
            if self.dry_run {
                exit = show::dry_run(output, &face, &planned)?;
                continue;
            }
            face.planned(&planned);
            tally.add(carry_out(app, planned, &face).await?)?;
        }
        if self.dry_run && tally.failed == 0 {
            return Ok(exit);
        }
        show::removal_report(output, face, tally)
    }
}

/// Tells whether the command line is what is wrong.
fn is_wrong(error: &Error) -> bool {
    matches!(error, Error::Usage(_) | Error::Address(_) | Error::Place(_) | Error::Rule(_) | Error::Word(_))
}

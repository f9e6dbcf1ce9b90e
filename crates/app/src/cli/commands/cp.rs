//! `pintail cp`

use pintail_core::address::Place;

use crate::cli::{Outcome, render::Output, show};
use crate::ops::copy;
use crate::ops::{App, Error};

/// Copy files to S3, from S3, and within S3
///
/// What is copied is proved: an upload carries a checksum that S3 checks; a download is written beside its target, compared
/// with S3's checksum, and renamed into place at the end.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to copy: paths, `BOOKMARK:bucket/key`, or `-` for standard input; the last one is where to.
    #[arg(required = true, num_args = 2.., value_name = "SOURCE… TARGET")]
    places: Vec<String>,
    /// Copy folders with everything below them.
    #[arg(short, long)]
    recursive: bool,
    /// Leave existing targets as they are, and say so.
    #[arg(short, long)]
    no_clobber: bool,
    /// Show what would be copied, and copy nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let mut places = Vec::new();
        for text in &self.places {
            places.push(text.parse::<Place>().map_err(Error::Address)?);
        }
        let Some(target) = places.pop() else {
            return Err(Error::Usage("a target is missing".into()).into());
        };
        if target == Place::Stdio && output.is_json() {
            return Err(
                Error::Usage("an object and JSON lines cannot both go to standard output".into()).into()
            );
        }
        let mut ends = places.clone();
        ends.push(target.clone());
        let request = copy::Request {
            sources: places,
            target,
            recursive: self.recursive,
            keep_existing: self.no_clobber,
        };
        let plan = copy::plan(app, &request).await?;
        if self.dry_run {
            return show::copy_plan(output, &plan);
        }
        let talk = show::CopyTalk::new(output);
        let report = copy::execute(app, plan, &talk).await?;
        for end in &ends {
            if let Place::Remote(address) = end {
                app.remember_place(address);
            }
        }
        show::copy_report(output, talk, &report)
    }
}

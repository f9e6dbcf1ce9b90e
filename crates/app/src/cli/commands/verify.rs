//! `pintail verify`

use super::transfer::{self, Selection};
use crate::cli::{Outcome, render::Output, show};
use crate::ops::transfer::engine::verify::Level;
use crate::ops::transfer::options::Options;
use crate::ops::transfer::{verify_places, verify_run};
use crate::ops::{App, Error};

/// Prove that two folders hold the same, here or in S3
///
/// Names, sizes and checksums: what S3 keeps of an object is compared with the local bytes, hashed in the same way, and an object is read only where
/// that cannot tell. Nothing is changed. The code is 0 where everything is the same, and 1 where anything differs.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder, or `BOOKMARK:bucket/folder/`, and the other one to compare it with.
    #[arg(num_args = 2, value_names = ["LEFT", "RIGHT"], required_unless_present = "run")]
    places: Vec<String>,
    /// Look again at what a transfer copied, as `pintail transfers ls` names it.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["places", "size_only", "include", "exclude"])]
    run: Option<String>,
    /// Compare names and sizes only. Proves nothing about bytes.
    #[arg(long, conflicts_with = "download")]
    size_only: bool,
    /// Read all bytes of both sides.
    #[arg(long)]
    download: bool,
    /// Folders are always compared with everything below them.
    #[arg(short, long, hide = true)]
    recursive: bool,
    #[command(flatten)]
    selection: Selection,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let level = match (self.size_only, self.download) {
            (true, _) => Level::Size,
            (_, true) => Level::Download,
            _ => Level::Checksum,
        };
        let face = show::VerifyFace::new(output);
        if let Some(run) = &self.run {
            let compared = verify_run(app, &run.parse()?, level, &face).await?;
            return show::verified(output, face, &compared);
        }
        let places = transfer::places(&self.places)?;
        let [left, right] = &places[..] else {
            return Err(Error::Usage("two places are needed".into()).into());
        };
        let mut options = Options::default();
        self.selection.apply(&mut options, app.now())?;
        let only = self.selection.names(&places).await?;
        let compared = verify_places(app, [left, right], level, &options, only, &face).await?;
        show::verified(output, face, &compared)
    }
}

//! `pintail bookmark import`

use std::path::PathBuf;

use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, share};

/// Take over the bookmarks of Cyberduck, Mountain Duck, the AWS command line, rclone and s3cmd
///
/// Without a file or folder, the places where these programs keep theirs are looked through. The plan is shown first. Keys that stand
/// in such files are left there unless --with-keys takes them into the keychain. What is here already stays as it is unless --force says otherwise.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// Files and folders to read.
    #[arg(value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,
    /// Whose they are.
    #[arg(long, value_enum, default_value_t)]
    from: From,
    /// Put what is imported in the place of what was imported before.
    #[arg(long)]
    force: bool,
    /// Take secret access keys that stand in the files of rclone and s3cmd into the keychain.
    #[arg(long)]
    with_keys: bool,
    /// Show the plan, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Whose files.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum From {
    /// Told by name and content.
    #[default]
    Auto,
    /// Cyberduck, Mountain Duck and duck.
    Cyberduck,
    /// The AWS command line and SDKs.
    Aws,
    /// rclone.
    Rclone,
    /// s3cmd.
    S3cmd,
}

impl Import {
    pub(super) async fn run(self, app: &App, output: &Output) -> Outcome {
        let program = match self.from {
            From::Auto => None,
            From::Cyberduck => Some(share::Program::Cyberduck),
            From::Aws => Some(share::Program::Aws),
            From::Rclone => Some(share::Program::Rclone),
            From::S3cmd => Some(share::Program::S3cmd),
        };
        let mut plan = app.plan_import(&self.paths, program, self.force)?;
        show::import_plan(output, &plan, self.with_keys)?;
        if self.dry_run {
            return Ok(Exit::Done);
        }
        let done = share::import(app, &mut plan, self.with_keys).await?;
        show::imported(output, &done)?;
        Ok(Exit::Done)
    }
}

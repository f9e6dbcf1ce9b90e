//! `pintail bookmark export`

use std::path::PathBuf;

use crate::cli::commands::bookmark_name;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, Error, share};

/// Write a file for colleagues, with no secret, no personal name and no local path in it
///
/// One bookmark becomes a `.duck`, which Cyberduck opens as well; several, or one with its profile, become a `.pintail`. They type
/// `pintail add FILE`. What is left out is named on standard error.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The bookmarks.
    #[arg(required = true, value_name = "BOOKMARK")]
    bookmarks: Vec<String>,
    /// The file to write; left out or `-`, standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Add the installed profile that a bookmark needs.
    #[arg(long)]
    with_profile: bool,
    /// Keep the account that the sign-in page offers. An access key never goes with a bookmark.
    #[arg(long)]
    keep_username: bool,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

impl Export {
    pub(super) fn run(self, app: &App, output: &Output) -> Outcome {
        let mut names = Vec::new();
        for text in self.bookmarks {
            let name = bookmark_name(app, Some(text))?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let target = self.output.filter(|path| path.as_os_str() != "-");
        if target.is_none() && output.is_json() {
            return Err(Error::Usage("a file and JSON lines cannot both go to standard output".into()).into());
        }
        let options = share::Export { with_profile: self.with_profile, keep_username: self.keep_username };
        let exported = share::export(app, &names, &options)?;
        match &target {
            Some(path) => share::write(path, &exported.file, self.force)?,
            None => output.bytes(&exported.file)?,
        }
        show::exported(output, &exported, target.as_deref())?;
        Ok(Exit::Done)
    }
}

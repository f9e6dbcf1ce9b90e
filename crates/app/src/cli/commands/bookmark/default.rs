//! `pintail bookmark default`

use pintail_core::name::BookmarkName;

use crate::cli::commands::bookmark_name;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::App;

/// Choose or show the bookmark that is meant when none is named
///
/// `PINTAIL_BOOKMARK` wins over it; without both, the only bookmark there is is meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Default {
    /// The bookmark; left out, the default one is shown.
    bookmark: Option<String>,
    /// Have none.
    #[arg(long, conflicts_with = "bookmark")]
    none: bool,
}

impl Default {
    pub(super) fn run(self, app: &App, output: &Output) -> Outcome {
        let chosen: Option<BookmarkName> = match self.bookmark {
            Some(text) => {
                let name = bookmark_name(app, Some(text))?;
                app.bookmarks().load(&name)?;
                app.prefer_bookmark(Some(&name))?;
                Some(name)
            }
            None if self.none => {
                app.prefer_bookmark(None)?;
                None
            }
            None => Some(app.default_bookmark()?),
        };
        show::default_bookmark(output, chosen.as_ref())?;
        Ok(Exit::Done)
    }
}

//! `pintail bookmark add`

use pintail_core::name::BookmarkName;

use super::ask;
use super::options::Options;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::App;

/// The settings of a new bookmark.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// The name to type: letters, digits, `.`, `_`, `-`.
    name: String,
    #[command(flatten)]
    options: Options,
    /// A label to find it by. May be given several times.
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// Make it the default bookmark.
    #[arg(long)]
    default: bool,
    /// Replace a bookmark of the same name.
    #[arg(long)]
    force: bool,
    /// Show the file, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Add {
    pub(super) async fn run(self, app: &App, output: &Output) -> Outcome {
        let name: BookmarkName = self.name.parse()?;
        let secret = if self.options.wants_client_secret() && !self.dry_run {
            Some(show::ask_secret(output, "The application's secret:").await?)
        } else {
            None
        };
        let mut bookmark =
            app.bookmarks().draft(&name, &self.options.settings(), self.force, app.random())?;
        if !self.label.is_empty() {
            bookmark.set_labels(&self.label);
        }
        ask::complete(app, output, &name, &mut bookmark).await?;
        if self.dry_run {
            app.finish_draft(&name, &mut bookmark)?;
            show::bookmark_file(output, &bookmark)?;
            return Ok(Exit::Done);
        }
        let connection = app.add_drafted(&name, &mut bookmark)?;
        if let (Some(secret), Some(web)) = (secret, connection.web_identity()) {
            app.keep_client_secret(web, secret).await?;
        }
        if self.default {
            app.prefer_bookmark(Some(&name))?;
        }
        show::bookmark_added(output, &name, &connection)?;
        Ok(Exit::Done)
    }
}

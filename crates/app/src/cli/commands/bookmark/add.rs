//! `pintail bookmark add`

use pintail_core::name::BookmarkName;

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
    /// Replace a bookmark of the same name.
    #[arg(long)]
    force: bool,
}

impl Add {
    pub(super) async fn run(self, app: &App, output: &Output) -> Outcome {
        let name: BookmarkName = self.name.parse()?;
        let secret = if self.options.wants_client_secret() {
            Some(show::ask_secret(output, "The application's secret:").await?)
        } else {
            None
        };
        let connection = app.add_bookmark(&name, &self.options.settings(), self.force)?;
        if let (Some(secret), Some(web)) = (secret, connection.web_identity()) {
            app.keep_client_secret(web, secret).await?;
        }
        show::bookmark_added(output, &name, &connection)?;
        Ok(Exit::Done)
    }
}

//! `pintail bookmark edit`

use pintail_connect::Edit as Changes;
use pintail_core::name::BookmarkName;

use super::options::Options;
use crate::cli::commands::bookmark_name;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, Error};

/// What to change.
#[derive(Debug, clap::Args)]
pub(crate) struct Edit {
    /// The bookmark.
    bookmark: String,
    /// Its new name. The choice of a role, the default and what was pinned go with it.
    #[arg(long, value_name = "NEW")]
    name: Option<String>,
    #[command(flatten)]
    options: Options,
    /// Set a key of the bookmark or a property of its `Custom`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Remove a key or a property.
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// Add a label. May be given several times.
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// Take a label away. May be given several times.
    #[arg(long, value_name = "LABEL")]
    no_label: Vec<String>,
    /// Make it the default bookmark.
    #[arg(long)]
    default: bool,
}

impl Edit {
    pub(super) async fn run(self, app: &App, output: &Output) -> Outcome {
        let name = bookmark_name(app, Some(self.bookmark))?;
        let new_name: Option<BookmarkName> = self.name.map(|name| name.parse()).transpose()?;
        let mut set = Vec::new();
        for text in self.set {
            let Some((key, value)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) else {
                return Err(Error::Usage(format!("{text:?} is not of the form KEY=VALUE")).into());
            };
            set.push((key.to_owned(), value.to_owned()));
        }
        let changes = Changes {
            settings: self.options.settings(),
            read_only: self.options.read_only(),
            unset: self.unset,
            set,
            labels: self.label,
            without_labels: self.no_label,
        };
        let secret = if self.options.wants_client_secret() {
            Some(show::ask_secret(output, "The application's secret:").await?)
        } else {
            None
        };
        let connection = app.edit_bookmark(&name, &changes, new_name.as_ref())?;
        let name = new_name.unwrap_or(name);
        if let (Some(secret), Some(web)) = (secret, connection.web_identity()) {
            app.keep_client_secret(web, secret).await?;
        }
        if self.default {
            app.prefer_bookmark(Some(&name))?;
        }
        show::bookmark_changed(output, &name, &connection)?;
        Ok(Exit::Done)
    }
}

//! `pintail bookmark add|ls|show|rm`

mod add;
mod options;

use pintail_core::name::BookmarkName;

use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, Error, sign_in};

/// Manage bookmarks: which tenant, which role, which S3
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Add a bookmark
    ///
    /// With Microsoft Entra ID: --tenant, --client-id and --role-arn. With any other OpenID Connect issuer: --issuer instead of --tenant.
    Add(Box<add::Add>),
    /// List the bookmarks
    Ls,
    /// Show one bookmark
    Show {
        /// Its name.
        name: String,
    },
    /// Remove a bookmark, and its sign-in unless another bookmark uses the same
    Rm {
        /// Its name.
        name: String,
    },
}

impl Command {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        match self {
            Self::Add(add) => return add.run(app, output).await,
            Self::Ls => {
                let names = app.bookmarks().names()?;
                let listed: Vec<_> = names
                    .into_iter()
                    .map(|name| (app.connection(&name).map_err(Error::from), name))
                    .collect();
                show::bookmarks(output, &listed)?;
            }
            Self::Show { name } => {
                let name: BookmarkName = name.parse()?;
                show::bookmark(output, &name, &app.connection(&name)?)?;
            }
            Self::Rm { name } => {
                let name: BookmarkName = name.parse()?;
                sign_in::forget(app, &name).await?;
                app.bookmarks().remove(&name)?;
                show::bookmark_removed(output, &name)?;
            }
        }
        Ok(Exit::Done)
    }
}

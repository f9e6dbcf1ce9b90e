//! `pintail bookmark …`

mod add;
mod ask;
mod default;
mod edit;
mod export;
mod import;
mod options;
mod recent;

pub(super) use ask::complete as ask_for_the_rest;
pub(super) use recent::Recent;

use pintail_connect::Search;
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
    /// Change a bookmark: only what is given changes
    Edit(Box<edit::Edit>),
    /// List the bookmarks
    Ls {
        /// Those with this label only.
        #[arg(long)]
        label: Option<String>,
        /// Those with all of these words in their name, host, labels, comment, path or properties.
        #[arg(value_name = "WORD")]
        words: Vec<String>,
    },
    /// Find bookmarks by words
    Find {
        /// Words that all stand somewhere in the bookmark, in any case.
        #[arg(value_name = "WORD", required = true)]
        words: Vec<String>,
    },
    Default(default::Default),
    Import(import::Import),
    Export(export::Export),
    Recent(Recent),
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
            Self::Edit(edit) => return edit.run(app, output).await,
            Self::Default(default) => return default.run(app, output),
            Self::Import(import) => return import.run(app, output).await,
            Self::Export(export) => return export.run(app, output),
            Self::Recent(recent) => return recent.run(app, output),
            Self::Ls { label, words } => return list(app, output, &Search { label, words }),
            Self::Find { words } => return list(app, output, &Search { label: None, words }),
            Self::Show { name } => {
                let name: BookmarkName = name.parse()?;
                show::bookmark(output, &name, &app.connection(&name)?)?;
            }
            Self::Rm { name } => {
                let name: BookmarkName = name.parse()?;
                sign_in::forget(app, &name).await?;
                app.forget_bookmark(&name)?;
                show::bookmark_removed(output, &name)?;
            }
        }
        Ok(Exit::Done)
    }
}

fn list(app: &App, output: &Output, search: &Search) -> Outcome {
    let names = app.bookmarks().find(search)?;
    if names.is_empty() && !search.is_empty() {
        show::nothing_found(output);
        return Ok(Exit::Done);
    }
    let listed: Vec<_> =
        names.into_iter().map(|name| (app.connection(&name).map_err(Error::from), name)).collect();
    show::bookmarks(output, &listed)?;
    Ok(Exit::Done)
}

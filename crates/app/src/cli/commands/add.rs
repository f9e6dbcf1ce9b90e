//! `pintail add`

use pintail_core::name::BookmarkName;

use super::bookmark::ask_for_the_rest;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, Error, share};

/// Add a bookmark or a connection profile that somebody shared
///
/// Reads a `.duck`, a `.pintail` or a `.cyberduckprofile` from a file or an https address, shows where it would sign you in and where
/// your data would go, and asks on a terminal. After it, `pintail login` and `pintail ls` are enough.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file or address.
    #[arg(value_name = "FILE|URL")]
    source: String,
    /// The name to give a single bookmark.
    #[arg(long)]
    name: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Put it in the place of the same bookmark, whatever that one says.
    #[arg(long)]
    force: bool,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let name: Option<BookmarkName> = self.name.map(|name| name.parse()).transpose()?;
        let shared = app.read_shared(&self.source).await?;
        if name.is_some() && shared.bookmarks.len() != 1 {
            return Err(Error::Usage("--name goes with a file of one bookmark".into()).into());
        }
        let mut taking = share::plan(app, shared, name.as_ref(), self.force)?;
        show::shared(output, &taking)?;
        let is_something_new = taking.is_something_new();
        if is_something_new
            && !self.yes
            && output.confirm("Add it?").await.map_err(Error::Stdio)? == Some(false)
        {
            return Ok(Exit::Interrupted);
        }
        share::install_profiles(app, &taking)?;
        for incoming in &mut taking.bookmarks {
            if output.can_ask() && incoming.meaning.is_err() && !self.yes {
                let answered = ask_for_the_rest(app, output, &incoming.name, &mut incoming.bookmark).await;
                answered.map(drop).or_else(super::only_what_is_missing)?;
            }
            incoming.meaning = app.meaning(&incoming.name, &incoming.bookmark);
            app.take_in(incoming)?;
        }
        show::taken(output, &taking)?;
        Ok(Exit::Done)
    }
}

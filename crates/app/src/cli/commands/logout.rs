//! `pintail logout`

use super::bookmark_name;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, sign_in};

/// Remove a sign-in and its credentials from this machine
///
/// Removes the tokens and credentials that Pintail keeps and offers the issuer's own sign-out page. Credentials that were
/// handed to running programs stay valid until they end.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bookmark whose sign-in is removed.
    bookmark: Option<String>,
    /// Also open the issuer's sign-out page in the browser.
    #[arg(long)]
    browser: bool,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let name = bookmark_name(app, self.bookmark)?;
        let done = if app.connection(&name)?.web_identity().is_some() {
            sign_in::sign_out(app, &name, self.browser).await?
        } else {
            sign_in::ways::sign_out(app, &name).await?
        };
        show::signed_out(output, &name, &done)?;
        Ok(Exit::Done)
    }
}

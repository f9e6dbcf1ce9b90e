//! `pintail whoami`

use super::bookmark_name;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, sign_in};

/// Tell who is signed in, as which role, and until when
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bookmark to tell about.
    bookmark: Option<String>,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let name = bookmark_name(app, self.bookmark)?;
        if app.connection(&name)?.web_identity().is_some() {
            let who = sign_in::who_am_i(app, &name).await?;
            show::who(output, &name, &who)?;
        } else {
            let holder = sign_in::ways::who_am_i(app, &name).await?;
            show::holder(output, &name, &holder)?;
        }
        Ok(Exit::Done)
    }
}

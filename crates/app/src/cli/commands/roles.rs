//! `pintail roles`

use pintail_core::connection::Way;

use super::bookmark_name;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::App;

/// List the roles of a bookmark, and which one is used
///
/// A bookmark names its roles, or leaves it to the sign-in: an issuer can list a person's roles in a signed claim, and the portal of
/// IAM Identity Center lists accounts and roles. Choose one with --role at any command; `login`, `roles` and `whoami` remember
/// the choice. By other ways in there is the one role that the bookmark names, or none.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bookmark.
    bookmark: Option<String>,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let name = bookmark_name(app, self.bookmark)?;
        let connection = app.connection(&name)?;
        match &connection.way {
            Way::WebIdentity(_) => {}
            Way::IdentityCenter(_) => {
                show::center_roles(output, &app.center_roles(&name).await?)?;
                return Ok(Exit::Done);
            }
            _ => {
                show::fixed_role(output, &name, &connection)?;
                return Ok(Exit::Done);
            }
        }
        let offered = app.roles(&name).await?;
        if let Some(chosen) = offered.iter().find(|offered| offered.chosen) {
            app.remember_role(&name, &chosen.role)?;
        }
        show::roles(output, &offered)?;
        Ok(Exit::Done)
    }
}

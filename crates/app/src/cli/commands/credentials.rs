//! `pintail credentials`

use std::path::PathBuf;
use std::time::Duration;

use super::bookmark_name;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::{Exit, explain};
use crate::ops::credentials::{Lent, lend};
use crate::ops::{App, Error, sign_in};
use pintail_connect::Overrides;

/// Print the credential for another program, as `credential_process` of AWS's tools asks for it
///
/// Standard output is one JSON object with the secret in it. The credential is the stored one, renewed first where it ends
/// within a quarter of an hour. Nobody is asked anything: where a sign-in is needed, one line says so and the code is 4.
/// `pintail aws-config` writes the profile that calls this.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bookmark to lend.
    bookmark: Option<String>,
    /// Open the browser where a sign-in is needed, and wait for it.
    #[arg(long)]
    interactive: bool,
    /// The folder of all state, in place of PINTAIL_HOME: other programs may not pass that on.
    #[arg(long, value_name = "DIR", help_heading = "In place of variables")]
    home: Option<PathBuf>,
    /// The keychain, in place of PINTAIL_KEYCHAIN.
    #[arg(long, value_name = "KIND", help_heading = "In place of variables")]
    keychain: Option<String>,
    /// A PEM file of certificates to trust, in place of PINTAIL_CA_BUNDLE.
    #[arg(long, value_name = "FILE", help_heading = "In place of variables")]
    ca_bundle: Option<PathBuf>,
}

impl Args {
    /// Returns what the command line says in place of variables.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            home: self.home.clone(),
            keychain: self.keychain.clone(),
            ca_bundle: self.ca_bundle.clone(),
        }
    }

    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        match self.lent(app, output).await {
            Ok(lent) => {
                show::credential(output, &lent)?;
                Ok(Exit::Done)
            }
            // The caller shows or logs what stands on standard error: one line, and nothing else anywhere.
            Err(error) => Ok(show::one_line(output, &explain(&error))),
        }
    }

    async fn lent(&self, app: &App, output: &Output) -> Result<Lent, Error> {
        let name = bookmark_name(app, self.bookmark.clone())?;
        let lent = lend(app, &name).await;
        let needs_person = |error: &Error| explain(error).exit == Exit::SignInNeeded;
        if !self.interactive || !lent.as_ref().is_err_and(needs_person) {
            return lent;
        }
        let options = sign_in::Options {
            method: sign_in::Method::Redirect,
            open_browser: true,
            account: None,
            fresh: false,
            trust: false,
            timeout: Duration::from_secs(300),
        };
        // Standard output belongs to the credential, whatever else was asked for.
        let talk = output.as_text();
        sign_in::sign_in(app, &name, options, &show::SignInTalk::new(&talk)).await?;
        lend(app, &name).await
    }
}

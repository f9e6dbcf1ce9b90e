//! `pintail login`

use std::sync::Arc;
use std::time::Duration;

use pintail_core::name::BookmarkName;

use super::bookmark_name;
use crate::cli::{Failure, Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, Error, sign_in};

/// Sign in, so that everything else works without asking
///
/// Opens the sign-in page in your browser and waits for it to come back. The sign-in is kept in the system's keychain and renews
/// itself for as long as the issuer allows (90 days without use at Microsoft Entra ID).
///
/// By other ways in it asks for what they need: the secret access key, the code of an MFA device, a sign-in at the portal of IAM
/// Identity Center. Where nobody types, each is one line of standard input.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bookmark to sign in for.
    bookmark: Option<String>,
    /// Print the address instead of opening a browser.
    #[arg(long)]
    no_browser: bool,
    /// Sign in on another device by typing a code there. Many companies block this way; the browser is safer.
    #[arg(long, conflicts_with_all = ["no_browser", "paste"])]
    device: bool,
    /// Paste the address the browser ends on, where it cannot reach this machine (SSH, WSL, containers).
    #[arg(long)]
    paste: bool,
    /// The account to offer on the sign-in page.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Ask for the password again even if the browser is signed in; for the secret access key even if it is kept.
    #[arg(long)]
    fresh: bool,
    /// Take it as meant that the bookmark or the sign-in leads elsewhere than before.
    #[arg(long)]
    trust: bool,
    /// How long to wait for the sign-in, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(5..=3600))]
    timeout: u64,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let name = bookmark_name(app, self.bookmark)?;
        accept(app, output, &name, self.trust).await?;
        let method = if self.device {
            sign_in::Method::Device
        } else if self.paste {
            sign_in::Method::Paste
        } else {
            sign_in::Method::Redirect
        };
        let options = sign_in::Options {
            method,
            open_browser: !self.no_browser,
            account: self.account,
            fresh: self.fresh,
            trust: self.trust,
            timeout: Duration::from_secs(self.timeout),
        };
        let talk = show::SignInTalk::new(output);
        if app.connection(&name)?.web_identity().is_some() {
            let who = sign_in::sign_in(app, &name, options, &talk).await?;
            show::signed_in(output, &name, &who)?;
        } else {
            let asks = Arc::new(show::Asking(output.clone()));
            let holder = sign_in::ways::sign_in(app, &name, &options, &talk, asks).await?;
            show::holder_signed_in(output, &name, &holder)?;
        }
        Ok(Exit::Done)
    }
}

/// Shows at its first use where a bookmark leads, and refuses one that leads elsewhere than it did, unless that is meant.
pub(super) async fn accept(
    app: &App,
    output: &Output,
    name: &BookmarkName,
    trust: bool,
) -> Result<(), Failure> {
    match app.pin_changes(name)? {
        None => {
            show::first_use(output, name, &app.connection(name)?);
            Ok(app.pin_bookmark(name)?)
        }
        Some(changes) if changes.is_empty() => Ok(()),
        Some(changes) => {
            let question = "The bookmark leads elsewhere than when it was taken. Is that meant?";
            if !trust {
                show::led_elsewhere(output, name, &changes);
            }
            if trust || output.confirm(question).await.map_err(Error::Stdio)? == Some(true) {
                return Ok(app.pin_bookmark(name)?);
            }
            Err(pintail_connect::Error::Elsewhere { name: name.clone(), changes }.into())
        }
    }
}

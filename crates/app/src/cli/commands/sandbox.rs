//! `pintail sandbox`

use crate::cli::{Outcome, render::Output, show};
use crate::ops::{App, sandbox};

/// Run the small cloud, to play with: an Entra-like issuer, IAM, STS and S3 on this machine
///
/// Stays until it is interrupted. Listens on loopback only. Everything in it is gone when it ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The issuer's port; AWS answers on the next two. 0 takes free ones.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Do not install the bookmark `sandbox`.
    #[arg(long)]
    no_bookmark: bool,
    /// Start with nothing set up: people and groups, an AWS account with its administrator's key and buckets, and neither
    /// app, provider nor role. Installs no bookmark.
    #[arg(long)]
    empty: bool,
    /// End every session of a role after so many seconds, sooner than AWS ever does, to watch renewals.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=43_200))]
    session_seconds: Option<u32>,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let options = sandbox::Options {
            port: self.port,
            bookmark: !self.no_bookmark,
            empty: self.empty,
            session_seconds: self.session_seconds,
        };
        sandbox::run(app, options, |ready| show::sandbox_ready(output, ready)).await?;
        Ok(crate::explain::Exit::Done)
    }
}

//! `pintail exec`

use std::ffi::OsString;

use super::bookmark_name;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, lend};

/// Run a command of another AWS tool with your sign-in
///
/// The command finds its credential at an endpoint of this machine that lives as long as it does, so that it can run for days: `pintail
/// exec work -- aws s3 ls`. It has the terminal, the signals and the exit code to itself. Keys, profiles and endpoints of AWS
/// that the environment holds already are hidden from it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bookmark whose sign-in is lent.
    bookmark: String,
    /// Put plain keys into variables instead, for tools that do not know the endpoint. They are not renewed.
    #[arg(long)]
    env: bool,
    /// Let the command read your AWS configuration files too. A default profile with keys wins over the sign-in then.
    #[arg(long, conflicts_with = "env")]
    keep_aws_config: bool,
    /// The command and its arguments, after `--`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let mut words = self.command.into_iter();
        let request = lend::Exec {
            name: bookmark_name(app, Some(self.bookmark))?,
            program: words.next().unwrap_or_default(),
            arguments: words.collect(),
            plain: self.env,
            keep_files: self.keep_aws_config,
        };
        let code = lend::exec(app, request, super::lending_words(), |until| {
            show::keys_until(output, until);
        })
        .await?;
        Ok(Exit::Child(code))
    }
}

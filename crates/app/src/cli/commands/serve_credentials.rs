//! `pintail serve-credentials`

use std::path::PathBuf;

use super::bookmark_name;
use super::env::ShellName;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, lend};

/// Lend your sign-in to mounts and long jobs of other AWS tools until this is interrupted
///
/// Listens on loopback only and answers as the metadata service of a container does, so that every AWS SDK renews by itself. Prints
/// the variables to start the tools with. Several bookmarks have one path each. Whoever may read the token file has your rights.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bookmarks to lend.
    bookmarks: Vec<String>,
    /// The port. 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Listen on 169.254.170.2, where s3fs and other tools look that know no other endpoint.
    ///
    /// The address must be on the loopback interface (`sudo ip addr add 169.254.170.2/32 dev lo`), and port 80 allowed. The token is in
    /// the path then: whoever may read the variables has your rights.
    #[arg(long, conflicts_with = "port")]
    link_local: bool,
    /// The file with the token. One that is there is used and stays, so that tools go on after a restart; else it is made, and removed
    /// at the end.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How to write the variables. Without it: for the shell that $SHELL names.
    #[arg(long, value_enum)]
    shell: Option<ShellName>,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let shell = super::env::shell(app, output, self.shell)?;
        let mut names = Vec::new();
        let texts = if self.bookmarks.is_empty() {
            vec![None]
        } else {
            self.bookmarks.into_iter().map(Some).collect()
        };
        for text in texts {
            let name = bookmark_name(app, text)?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let request =
            lend::Serve { names, port: self.port, link_local: self.link_local, token_file: self.token_file };
        lend::serve(app, request, super::lending_words(), |serving| show::serving(output, serving, shell))
            .await?;
        Ok(Exit::Done)
    }
}

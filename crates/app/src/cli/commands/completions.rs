//! `pintail completions` and `pintail man`

use std::path::PathBuf;

use clap::CommandFactory;

use crate::cli::{Cli, Outcome, render::Output};
use crate::explain::Exit;
use crate::ops::Error;

/// Print a completion script for a shell
///
/// For bash: `pintail completions bash > ~/.local/share/bash-completion/completions/pintail`
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

impl Completions {
    pub(crate) fn run(self, output: &Output) -> Outcome {
        if output.is_json() {
            return Err(Error::Usage("a completion script is no JSON; leave --json out".into()).into());
        }
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "pintail", &mut script);
        output.bytes(&script)?;
        Ok(Exit::Done)
    }
}

/// Write the manual pages into a folder
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The folder, such as `~/.local/share/man/man1`.
    folder: PathBuf,
}

impl Man {
    pub(crate) fn run(self, output: &Output) -> Outcome {
        std::fs::create_dir_all(&self.folder)
            .map_err(|e| Error::local("make the folder", &self.folder, e))?;
        clap_mangen::generate_to(Cli::command(), &self.folder)
            .map_err(|e| Error::local("write the pages into", &self.folder, e))?;
        output.say(&format!("the pages are in {}", self.folder.display()));
        Ok(Exit::Done)
    }
}

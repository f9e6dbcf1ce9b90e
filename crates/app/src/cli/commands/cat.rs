//! `pintail cat`

use super::address;
use crate::cli::{Outcome, render::Output};
use crate::explain::Exit;
use crate::ops::{App, object};

/// Write objects to standard output
///
/// The bytes are checked while they pass; if the checksum is wrong at the end, the command fails.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `BOOKMARK:bucket/key`.
    #[arg(required = true)]
    addresses: Vec<String>,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        for text in self.addresses {
            let address = address(app, Some(text))?;
            object::read(app, &address, &mut |bytes| output.bytes(bytes)).await?;
        }
        Ok(Exit::Done)
    }
}

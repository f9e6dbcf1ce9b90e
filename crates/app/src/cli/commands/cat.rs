//! `pintail cat`

use super::address;
use crate::cli::{Outcome, render::Output};
use crate::explain::Exit;
use crate::ops::{App, Error, object};

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
        if output.is_json() {
            return Err(Error::Usage(
                "cat writes the bytes of objects, not JSON lines; leave --json out".into(),
            )
            .into());
        }
        for text in self.addresses {
            let address = address(app, Some(text))?;
            object::read(app, &address, &mut |bytes| output.bytes(bytes)).await?;
            app.remember_place(&address);
        }
        Ok(Exit::Done)
    }
}

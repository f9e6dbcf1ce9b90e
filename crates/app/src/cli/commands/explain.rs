//! `pintail explain`

use std::io::{self, Read};

use pintail_core::pasted::TEXT_SIZE_MAX;
use zeroize::Zeroizing;

use crate::cli::{Outcome, render::Output, show};
use crate::explain::{Exit, pasted};

/// Explain an error of Entra, OAuth, Microsoft Graph, STS, IAM or S3 that any program showed you
///
/// A number (AADSTS50011, 50011), a code (AccessDenied, invalid_grant), or the whole text: the sign-in page, the address that the
/// browser ended on, JSON, XML, the line of the aws command, of rclone, s5cmd, Terraform or Cyberduck, or a log with several. The whole
/// text is best: its words tell causes apart that share a code. Nothing is sent anywhere, and secrets in it are not shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The code or the text; `-` reads it from standard input, and without any you are asked to paste it.
    #[arg(value_name = "CODE-OR-TEXT")]
    words: Vec<String>,
}

impl Args {
    pub(crate) async fn run(self, output: &Output) -> Outcome {
        let text = match self.words.as_slice() {
            [] => {
                if output.can_ask() {
                    output.say("Paste the error, then end the input (Ctrl-D on a line of its own):");
                }
                from_stdin().await?
            }
            [only] if only == "-" => from_stdin().await?,
            words => Zeroizing::new(words.join(" ")),
        };
        let answers = pasted::answers(&text);
        if answers.is_empty() {
            return Ok(show::nothing_recognised(output));
        }
        show::answers(output, &answers)?;
        Ok(Exit::Done)
    }
}

/// Reads what is pasted, to its end. What is too long is cut off: the errors that matter come first.
async fn from_stdin() -> io::Result<Zeroizing<String>> {
    let reading = tokio::task::spawn_blocking(|| {
        let mut bytes = Zeroizing::new(Vec::new());
        let most = u64::try_from(TEXT_SIZE_MAX).unwrap_or(u64::MAX);
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
        Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
    });
    reading.await.map_err(io::Error::other)?
}

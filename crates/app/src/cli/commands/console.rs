//! `pintail console`

use std::time::Duration;

use super::{bookmark_name, presign};
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, lend};

/// Open the AWS web console, signed in as the bookmark's role
///
/// What the console shows is what the role allows. A browser that is signed in to another account may ask you to sign out there first.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bookmark.
    bookmark: Option<String>,
    /// The service whose page to open, as in the console's addresses.
    #[arg(long, value_name = "NAME", default_value = "s3")]
    service: String,
    /// How long the console session lasts, from `15m` to `12h`. Without it: as AWS sets it. Not with a second role.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Print the address instead of opening it. Whoever has it within a quarter of an hour is in: treat it like a password.
    #[arg(long)]
    print: bool,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let request = lend::Console {
            name: bookmark_name(app, self.bookmark)?,
            service: self.service,
            duration: self.duration,
            print: self.print,
        };
        show::console(output, &lend::console(app, request).await?)?;
        Ok(Exit::Done)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    const RULE: &str = "a console session lasts from 15m to 12h";
    let span = presign::span(text).map_err(|_| RULE.to_owned())?;
    if (900..=43_200).contains(&span.as_secs()) { Ok(span) } else { Err(RULE.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_session_has_the_length_that_aws_allows() {
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("12h"), Ok(Duration::from_secs(43_200)));
        for bad in ["14m", "13h", "", "x"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}

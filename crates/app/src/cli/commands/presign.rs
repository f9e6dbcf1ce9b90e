//! `pintail presign`

use std::time::Duration;

use super::address;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, presign};

/// Make an address that lets whoever has it fetch (or replace) one object for a while
///
/// The address carries your rights and cannot be taken back; it ends with your session at the latest. Treat it like a password.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `BOOKMARK:bucket/key`.
    address: String,
    /// How long it works: `15m`, `1h`, `7d`; without it as s3.url.expire.seconds says, which is an hour where nobody set it.
    #[arg(long, value_name = "TIME", value_parser = span)]
    expires: Option<Duration>,
    /// An address to upload to, instead of to download from.
    #[arg(long)]
    put: bool,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let address = address(app, Some(self.address))?;
        let method = if self.put { presign::Method::Put } else { presign::Method::Get };
        show::presigned(output, &presign::presign(app, &address, method, self.expires).await?)?;
        Ok(Exit::Done)
    }
}

pub(super) fn span(text: &str) -> Result<Duration, String> {
    const RULE: &str = "a time is a number with s, m, h or d, such as 15m; at most 7d";
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..at].parse().map_err(|_| RULE.to_owned())?;
    let unit = match &text[at..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(RULE.to_owned()),
    };
    match number.checked_mul(unit) {
        Some(seconds @ 1..=604_800) => Ok(Duration::from_secs(seconds)),
        _ => Err(RULE.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        assert_eq!(span("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(span("7d"), Ok(Duration::from_secs(604_800)));
        for bad in ["", "0s", "8d", "1w", "m", "99999999999999999999d"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}

//! `pintail aws-config`

use pintail_core::aws_config::edit::{Others, ProfileName};
use pintail_core::name::BookmarkName;

use super::bookmark_name;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::aws_config::{Wish, carry_out, plan};
use crate::ops::{App, Error};

/// Write a profile for AWS's tools that gets its credential from here
///
/// The profile goes into `~/.aws/config` (or AWS_CONFIG_FILE), which the aws CLI, boto3, Terraform, rclone and everything else
/// that is built with an AWS SDK reads. What will change is shown first. A second time brings the profile up to date; what
/// others wrote stays as it is. PINTAIL_HOME, PINTAIL_KEYCHAIN and PINTAIL_CA_BUNDLE are kept in the profile where they are set.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bookmarks to make profiles of.
    #[arg(required = true)]
    bookmarks: Vec<String>,
    /// The name of the profile, if not the bookmark's. `default` is what tools take when none is named.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Take the profile out again, and nothing else.
    #[arg(long, conflicts_with = "force")]
    remove: bool,
    /// Show what would change, and end.
    #[arg(short = 'n', long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Replace a profile of the same name that was written by somebody else.
    #[arg(long)]
    force: bool,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let wanted = self.wanted(app)?;
        let wish = match (self.remove, self.force) {
            (true, _) => Wish::Remove,
            (false, true) => Wish::Write(Others::Replace),
            (false, false) => Wish::Write(Others::Keep),
        };
        let plan = plan(app, &wanted, wish)?;
        if self.dry_run || !plan.changes() {
            show::aws_config(output, &plan, false)?;
            return Ok(Exit::Done);
        }
        if !self.yes && !show::confirm_aws_config(output, &plan).await? {
            return Ok(Exit::Done);
        }
        carry_out(&plan)?;
        show::aws_config(output, &plan, true)?;
        Ok(Exit::Done)
    }

    fn wanted(&self, app: &App) -> Result<Vec<(BookmarkName, ProfileName)>, Error> {
        if self.profile.is_some() && self.bookmarks.len() > 1 {
            return Err(Error::Usage("--profile names one profile, and there are several bookmarks".into()));
        }
        let pair = |text: &String| {
            let bookmark = bookmark_name(app, Some(text.clone()))?;
            let profile = self.profile.as_deref().unwrap_or(bookmark.as_str()).parse()?;
            Ok((bookmark, profile))
        };
        self.bookmarks.iter().map(pair).collect()
    }
}

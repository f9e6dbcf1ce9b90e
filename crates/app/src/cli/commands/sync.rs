//! `pintail sync`

use std::time::Duration;

use super::transfer::{self, Manner, Run, Selection};
use crate::cli::{Outcome, render::Output};
use crate::ops::App;
use crate::ops::transfer::options::CompareBy;
use crate::ops::transfer::{Request, Verb, words};

/// Make a target what a source is: copy what is new or changed, and with --delete delete what the source does not have; or sync --two-way
///
/// Both are folders, however their names end: what is in the one comes into the other. What is the same by size and time is left as it is, so that
/// a second sync of an unchanged tree lists both sides and does nothing else.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where from: a folder, or `BOOKMARK:bucket/folder/`.
    source: String,
    /// Where to.
    target: String,
    /// Delete what only the target has. The deletions are listed and asked for first where there is a terminal.
    #[arg(long, group = "deletes")]
    delete: bool,
    /// Sync both ways: what either side changed or deleted since the last time reaches the other, and what both changed is kept twice. Nothing is deleted the first time.
    #[arg(long, group = "deletes", conflicts_with_all = ["size_only", "checksum", "update", "shard"])]
    two_way: bool,
    /// Delete nothing at all if it would be more than this: a number, or a part of the target. [default: 50%]
    #[arg(long, value_name = "N|P%", value_parser = delete_limit, requires = "deletes")]
    max_delete: Option<String>,
    /// Compare by size alone.
    #[arg(long, conflicts_with = "checksum")]
    size_only: bool,
    /// Compare by checksums, whatever times say: local files are read for it.
    #[arg(long)]
    checksum: bool,
    /// Leave targets as they are that are newer than their source.
    #[arg(short, long)]
    update: bool,
    /// Do not ask before deleting.
    #[arg(short, long)]
    yes: bool,
    /// Show what would be done and about how many requests it takes, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Go on: sync again whenever something changed at the source, until Ctrl-C. Nobody is asked before deletions.
    #[arg(long, conflicts_with_all = ["dry_run", "files_from", "shard"])]
    watch: bool,
    /// List a source in S3 every so many seconds to see what changed, with --watch.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, requires = "watch", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    poll: u64,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    manner: Manner,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let sources = transfer::places(&[self.source])?;
        let target = transfer::places(&[self.target])?.pop();
        let mut options = transfer::options(app, &self.selection, &self.manner)?;
        options.delete = self.delete;
        options.two_way = self.two_way;
        options.delete_max = self.max_delete;
        options.newer_stays = self.update;
        options.compare = match (self.size_only, self.checksum) {
            (true, _) => CompareBy::Size,
            (_, true) => CompareBy::Checksum,
            _ => CompareBy::SizeAndTime,
        };
        let only = self.selection.names(&sources).await?;
        let request = Request { verb: Verb::Sync, sources, target, recursive: true, options };
        if self.watch {
            return transfer::watch(app, output, request, Duration::from_secs(self.poll)).await;
        }
        let run = Run { dry_run: self.dry_run, yes: self.yes, only, prices: self.manner.prices()? };
        transfer::transfer(app, output, request, run).await
    }
}

/// Checks a limit, which is kept as it was typed.
fn delete_limit(text: &str) -> Result<String, words::WordError> {
    words::delete_limit(text).map(|_| text.to_owned())
}

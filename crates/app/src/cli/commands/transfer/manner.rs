//! How things are transferred: options that `cp`, `mv` and `sync` share.

use std::path::PathBuf;

use crate::ops::batch::{self, ShardChoice, ShardError};
use crate::ops::prices::PriceList;
use crate::ops::transfer::options::{OnLinks, Options, SyncDisk};
use crate::ops::transfer::prices;
use crate::ops::transfer::words::{self, Schedule};
use crate::ops::{App, Error};

/// The smallest part of an upload that S3 takes, but for the last one.
const PART_MIN_BYTES: u64 = 5 << 20;

/// The largest.
const PART_MAX_BYTES: u64 = 5 << 30;

/// How things are transferred.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How")]
pub(in crate::cli::commands) struct Manner {
    /// What to do about symbolic links.
    #[arg(long, value_name = "WHAT", default_value_t, value_enum, hide_possible_values = false)]
    links: OnLinks,
    /// Copy empty folders as well.
    #[arg(long)]
    empty_folders: bool,
    /// Neither keep nor set the times of files. They are kept as the metadata `mtime`, as rclone does.
    #[arg(long)]
    no_times: bool,
    /// Keep the permissions of files, as the metadata `mode`.
    #[arg(long)]
    permissions: bool,
    /// The storage class of new objects, such as STANDARD_IA.
    #[arg(long, value_name = "CLASS")]
    storage_class: Option<String>,
    /// Move at most so many bytes a second: 10M, or by the time of day "08:00,512k 18:00,off".
    #[arg(long, value_name = "RATE|SCHEDULE", value_parser = bandwidth)]
    bandwidth: Option<String>,
    /// Have at most so many requests under way at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: Option<u16>,
    /// The size of parts, 5M to 5G; chosen by what is measured otherwise.
    #[arg(long, value_name = "SIZE", value_parser = part_size)]
    part_size: Option<u64>,
    /// Begin nothing more after so many failures.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_errors: Option<u64>,
    /// Read back what was copied and compare it once more.
    #[arg(long)]
    verify: bool,
    /// What of a download is made safe on the disk before it counts as done.
    #[arg(long, value_name = "WHEN", default_value_t, value_enum)]
    sync_disk: SyncDisk,
    /// Only one of so many equal parts: `3/8`; `auto` or `auto/8` for the part of this machine in an array of Kubernetes, AWS Batch or Slurm.
    #[arg(long, value_name = "K/N", value_parser = shard)]
    shard: Option<ShardChoice>,
    /// Prices to estimate the cost with, in place of the list prices that come with the program.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
}

impl Manner {
    /// Reads the prices to estimate with.
    pub(in crate::cli::commands) fn prices(&self) -> Result<PriceList, Error> {
        prices(self.prices.as_deref())
    }

    pub(super) fn apply(&self, app: &App, options: &mut Options) -> Result<(), Error> {
        options.links = self.links;
        options.empty_folders = self.empty_folders;
        options.no_times = self.no_times;
        options.permissions = self.permissions;
        options.storage_class.clone_from(&self.storage_class);
        options.bandwidth.clone_from(&self.bandwidth);
        options.connections = self.connections.map(usize::from);
        options.part_bytes = self.part_size;
        options.errors_max = self.max_errors;
        options.verify = self.verify;
        options.sync_disk = self.sync_disk;
        let part = self.shard.map(|choice| batch::shard(app, Some(choice))).transpose()?;
        options.shard = part.map(|part| part.to_string());
        Ok(())
    }
}

/// Checks a rate or a schedule, which is kept as it was typed.
fn bandwidth(text: &str) -> Result<String, words::WordError> {
    text.parse::<Schedule>().map(|schedule| schedule.to_string())
}

fn shard(text: &str) -> Result<ShardChoice, String> {
    text.parse().map_err(|error: ShardError| error.to_string())
}

fn part_size(text: &str) -> Result<u64, String> {
    let size = words::size(text).map_err(|error| error.to_string())?;
    if (PART_MIN_BYTES..=PART_MAX_BYTES).contains(&size) {
        Ok(size)
    } else {
        Err("a part has 5M to 5G".to_owned())
    }
}

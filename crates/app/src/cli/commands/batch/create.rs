//! `pintail batch copy`, `tag`, `delete-tags`, `restore` and `delete`: jobs that are made.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pintail_core::address::Address;
use pintail_core::name::{AccountId, RoleArn};

use crate::cli::commands::address;
use crate::cli::{Failure, Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::batch::{
    self, BatchError, Deed, Filter, JobMetadata, RestoreTier, ShardChoice, Source, Wish,
};
use crate::ops::transfer::prices;
use crate::ops::{App, Error};

/// Copy objects within S3, by a batch job
///
/// Each copy has the whole key of its original: below `--to work:archive/2026/`, `in/a.txt` becomes `2026/in/a.txt`. A job copies objects of up to 5 GiB, from
/// one bucket to one bucket, and runs in the region of the target.
#[derive(Debug, clap::Args)]
pub(crate) struct Copy {
    #[command(flatten)]
    which: Which,
    /// Below which place the copies go: `BOOKMARK:bucket/` or `BOOKMARK:bucket/folder/`.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// The storage class of the copies, such as STANDARD_IA or GLACIER_IR.
    #[arg(long, value_name = "CLASS")]
    storage_class: Option<String>,
    /// Give the copies no metadata, instead of that of the originals.
    #[arg(long)]
    drop_metadata: bool,
    #[command(flatten)]
    how: How,
}

/// Replace the tags of objects, by a batch job
///
/// S3 has no job that adds a tag: all tags that an object has are replaced by these.
#[derive(Debug, clap::Args)]
pub(crate) struct Tag {
    #[command(flatten)]
    which: Which,
    /// A tag, up to ten of them.
    #[arg(long = "tag", value_name = "KEY=VALUE", required = true, value_parser = tag)]
    tags: Vec<(String, String)>,
    #[command(flatten)]
    how: How,
}

/// Remove all tags of objects, by a batch job
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteTags {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    how: How,
}

/// Bring archived objects back for a while, by a batch job
///
/// For objects in S3 Glacier Flexible Retrieval and Deep Archive. The job only asks for it: objects can be read hours later. `standard` takes 3 to 12 hours,
/// `bulk` 5 to 48 and costs less; faster than that a job cannot do.
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    which: Which,
    /// For how many days the restored copies stay.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// How fast.
    #[arg(long, value_name = "TIER", value_enum, default_value_t)]
    tier: Tier,
    #[command(flatten)]
    how: How,
}

/// Have objects deleted: mark them by a batch job, and let a lifecycle rule of the bucket delete what is marked
///
/// S3 Batch Operations has no job that deletes. What there is: the job replaces the tags of each object by `pintail-expire=yes`, and a lifecycle rule by
/// that name, which is put beside the rules that the bucket has, lets marked objects expire a day after they were written. S3 deletes what has expired within a day or two, at no
/// cost. In a bucket with versions the newest version gets a delete marker. Until then `batch delete-tags` takes the marks back.
#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    how: How,
}

/// How fast archived objects come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Tier {
    /// Within hours.
    Standard,
    /// Within two days, for less.
    #[default]
    Bulk,
}

/// Which objects.
#[derive(Debug, clap::Args)]
struct Which {
    /// Everything in `BOOKMARK:bucket/` or `BOOKMARK:bucket/folder/`.
    #[arg(required_unless_present = "inventory", conflicts_with = "inventory")]
    source: Option<String>,
    /// What an S3 Inventory lists: the address of its manifest.json. Only CSV; without a filter the job takes it as it is.
    #[arg(long, value_name = "ADDRESS", help_heading = "Which objects")]
    inventory: Option<String>,
    /// Only the names in this file, relative to SOURCE, a name a line (or ended by NUL). Nothing is listed.
    #[arg(long, value_name = "FILE", requires = "source", help_heading = "Which objects")]
    files_from: Option<PathBuf>,
    /// Only names that match one of these patterns.
    #[arg(long, value_name = "GLOB", help_heading = "Which objects")]
    include: Vec<String>,
    /// No names that match one of these patterns, whatever --include says.
    #[arg(long, value_name = "GLOB", help_heading = "Which objects")]
    exclude: Vec<String>,
    /// No smaller objects: bytes, or with K, M, G, T.
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Which objects")]
    min_size: Option<u64>,
    /// No larger objects.
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Which objects")]
    max_size: Option<u64>,
    /// Only objects written longer ago than this: `30d`, `12h`.
    #[arg(long, value_name = "TIME", value_parser = age, help_heading = "Which objects")]
    older_than: Option<SignedDuration>,
    /// Only objects written more recently than this.
    #[arg(long, value_name = "TIME", value_parser = age, help_heading = "Which objects")]
    newer_than: Option<SignedDuration>,
    /// Only one of so many equal parts: `3/8`; `auto` or `auto/8` for the part of this machine in an array of Kubernetes, AWS Batch or Slurm.
    #[arg(long, value_name = "K/N", value_parser = shard, help_heading = "Which objects")]
    shard: Option<ShardChoice>,
    /// Do not read an inventory to count what is in it.
    #[arg(long, requires = "inventory", help_heading = "Which objects")]
    no_count: bool,
}

/// How the job runs.
#[derive(Debug, clap::Args)]
struct How {
    /// The role that the job runs as. It has to let batchoperations.s3.amazonaws.com in, and you need iam:PassRole for it.
    #[arg(long, value_name = "ARN", help_heading = "Job")]
    job_role: Option<RoleArn>,
    /// Print the trust policy and the permissions that the role of exactly this job needs, and do nothing.
    #[arg(long, help_heading = "Job")]
    print_role: bool,
    /// Where the list of objects is written: `BOOKMARK:bucket/folder/`.
    #[arg(long, value_name = "ADDRESS", help_heading = "Job")]
    manifest: Option<String>,
    /// Where the job writes what became of each object: `BOOKMARK:bucket/folder/`. Without it there is no report.
    #[arg(long, value_name = "ADDRESS", help_heading = "Job")]
    report: Option<String>,
    /// Report failures only.
    #[arg(long, requires = "report", help_heading = "Job")]
    failures_only: bool,
    /// Jobs of higher priority go first.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=2_147_483_647), help_heading = "Job")]
    priority: u32,
    /// What is told about the job, up to 256 letters.
    #[arg(long, value_name = "TEXT", value_parser = description, help_heading = "Job")]
    description: Option<String>,
    /// The account of the jobs, where it is not that of the role.
    #[arg(long, value_name = "ID", help_heading = "Job")]
    account: Option<AccountId>,
    /// Create the job, and let it wait for `batch confirm`.
    #[arg(long, conflicts_with = "wait", help_heading = "Job")]
    hold: bool,
    /// Show what it comes to and what it would cost, and do nothing.
    #[arg(long, help_heading = "Running")]
    dry_run: bool,
    /// Do it without asking.
    #[arg(long, short = 'y', help_heading = "Running")]
    yes: bool,
    /// Follow the job to its end.
    #[arg(long, help_heading = "Running")]
    wait: bool,
    /// How many seconds lie between two looks at it.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=3600), help_heading = "Running")]
    every: u64,
    /// Prices to estimate with, in place of the list prices that come with the program.
    #[arg(long, value_name = "FILE", help_heading = "Running")]
    prices: Option<PathBuf>,
}

impl Copy {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let to = place(app, self.to)?;
        let metadata = if self.drop_metadata { JobMetadata::Dropped } else { JobMetadata::Copied };
        make(
            app,
            output,
            Deed::Copy { to, storage_class: self.storage_class, metadata },
            self.which,
            self.how,
        )
        .await
    }
}

impl Tag {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        if self.tags.len() > 10 {
            return Err(Error::Usage("an object has at most ten tags".to_owned()).into());
        }
        make(app, output, Deed::Tag(self.tags), self.which, self.how).await
    }
}

impl DeleteTags {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        make(app, output, Deed::DeleteTags, self.which, self.how).await
    }
}

impl Restore {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let tier = match self.tier {
            Tier::Standard => RestoreTier::Standard,
            Tier::Bulk => RestoreTier::Bulk,
        };
        make(app, output, Deed::Restore { days: self.days, tier }, self.which, self.how).await
    }
}

impl Delete {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        make(app, output, Deed::Delete, self.which, self.how).await
    }
}

/// Plans a job, shows it, and makes it once somebody agrees.
async fn make(app: &App, output: &Output, deed: Deed, which: Which, how: How) -> Outcome {
    let filter = which.filter(app.now())?;
    let (shard, counts) = (batch::shard(app, which.shard)?, !which.no_count);
    let wish = Wish {
        deed,
        source: which.source(app)?,
        filter,
        shard,
        manifest: how.manifest.map(|text| place(app, text)).transpose()?,
        report: how.report.map(|text| place(app, text)).transpose()?,
        failures_only: how.failures_only,
        role: how.job_role,
        account: how.account,
        priority: how.priority,
        description: how.description,
        waits: how.hold,
        counts,
        prices: prices(how.prices.as_deref())?,
    };
    if how.print_role {
        show::batch_role(output, &batch::role_policies(app, &wish).await?)?;
        return Ok(Exit::Done);
    }
    let plan = batch::plan(app, &wish).await?;
    show::batch_plan(output, &wish, &plan)?;
    if how.dry_run {
        return Ok(Exit::Done);
    }
    if plan.load.is_counted && plan.load.objects == 0 {
        output.say("no object takes part, so there is nothing to do");
        return Ok(Exit::Done);
    }
    if wish.role.is_none() {
        return Err(Error::from(BatchError::NoRole).into());
    }
    if !how.yes {
        match output.confirm("Create this job?").await.map_err(Error::Stdio)? {
            Some(true) => {}
            Some(false) => return Err(Error::Interrupted.into()),
            None => return Err(Error::from(BatchError::NotConfirmed).into()),
        }
    }
    let (at, job) = batch::create(app, &wish, &plan).await?;
    show::batch_created(output, &at, &job)?;
    if !how.wait {
        return Ok(Exit::Done);
    }
    super::follow::to_the_end(app, output, &at, &job.id, Duration::from_secs(how.every)).await
}

/// Reads an address below which something is written. A bucket alone is meant with everything in it.
fn place(app: &App, text: String) -> Result<Address, Failure> {
    let address = address(app, Some(text))?;
    address.bucket().map_err(Error::from)?;
    let is_folder = address.is_folder();
    if is_folder { Ok(address) } else { Err(Error::from(BatchError::NotAFolder(address)).into()) }
}

impl Which {
    fn source(self, app: &App) -> Result<Source, Error> {
        match (self.source, self.files_from, self.inventory) {
            (source, Some(file), _) => Ok(Source::Names(address(app, source)?, file)),
            (Some(source), None, _) => Ok(Source::Below(address(app, Some(source))?)),
            (None, None, inventory) => Ok(Source::Inventory(address(app, inventory)?)),
        }
    }

    fn filter(&self, now: Timestamp) -> Result<Filter, BatchError> {
        let mut filter = Filter {
            size_min_bytes: self.min_size,
            size_max_bytes: self.max_size,
            modified_since: self.newer_than.map(|age| now - age),
            modified_before: self.older_than.map(|age| now - age),
            ..Filter::default()
        };
        // The last rule that matches wins: exclusions stand at the end.
        if !self.include.is_empty() {
            filter.rules.exclude("*")?;
        }
        self.include.iter().try_for_each(|pattern| filter.rules.include(pattern))?;
        self.exclude.iter().try_for_each(|pattern| filter.rules.exclude(pattern))?;
        Ok(filter)
    }
}

fn tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a tag is KEY=VALUE")?;
    let legal = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c));
    if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
        return Err("a tag's key has 1 to 128 letters, its value up to 256".to_owned());
    }
    if !legal(key) || !legal(value) {
        return Err("a tag has letters, digits, spaces and _.:/=+-@ only".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

fn description(text: &str) -> Result<String, String> {
    match text.chars().count() {
        1..=256 => Ok(text.to_owned()),
        _ => Err("a description has 1 to 256 letters".to_owned()),
    }
}

fn shard(text: &str) -> Result<ShardChoice, String> {
    text.parse().map_err(|error: batch::ShardError| error.to_string())
}

/// Reads `1500`, `10K`, `2.5G`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err("a size is a number with K, M, G or T, such as 10M".to_owned()),
    };
    match digits.parse::<f64>() {
        Ok(number) if number >= 0.0 && number.is_finite() => Ok((number * (1_u64 << shift) as f64) as u64),
        _ => Err("a size is a number with K, M, G or T, such as 10M".to_owned()),
    }
}

/// Reads `30d`, `12h`, `90m`, `10s`, `2w`.
fn age(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "a time is a number with s, m, h, d or w, such as 30d".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    // A century is older than every object.
    Ok(SignedDuration::from_secs(i64::from(number).saturating_mul(seconds).min(100 * 365 * 86_400)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_ages_and_tags_are_read() {
        for (text, expected) in
            [("0", 0), ("1500", 1500), ("10K", 10 << 10), ("2.5GiB", 5 << 29), ("1tb", 1 << 40)]
        {
            assert_eq!(size(text), Ok(expected), "{text}");
        }
        for bad in ["", "x", "-1", "1x", "1e999", "K"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert_eq!(age("30d"), Ok(SignedDuration::from_hours(720)));
        assert!(age("30").is_err() && age("d").is_err() && age("").is_err());
        assert_eq!(tag("a b=c=d"), Ok(("a b".to_owned(), "c=d".to_owned())));
        assert!(tag("a").is_err() && tag("=b").is_err() && tag("a=<").is_err());
    }
}

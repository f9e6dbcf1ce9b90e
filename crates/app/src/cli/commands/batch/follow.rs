//! `pintail batch ls`, `show`, `watch`, `confirm`, `cancel`, `priority` and `report`: jobs that exist.

use std::path::PathBuf;
use std::time::Duration;

use pintail_core::name::{AccountId, Region};

use crate::cli::commands::bookmark_name;
use crate::cli::{Failure, Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::batch::{self, At, BatchError, Job, JobId, JobStatus};
use crate::ops::{App, Error};

/// List batch jobs of the last 90 days, the newest first
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    at: Where,
    /// Only jobs in this state, such as Active or Failed; several times for several states.
    #[arg(long, value_name = "STATE", value_parser = ["New", "Preparing", "Suspended", "Ready", "Active", "Pausing", "Paused", "Completing", "Complete", "Cancelling", "Cancelled", "Failing", "Failed"])]
    status: Vec<String>,
}

/// Show a batch job
///
/// Ends with code 3 when tasks of it failed, with code 1 when the job failed or was cancelled.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The job's ID.
    id: String,
    #[command(flatten)]
    at: Where,
}

/// Follow a batch job until it ends, or waits to be confirmed
///
/// Ends as `batch show` does. The job goes on when this command is interrupted.
#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// The job's ID.
    id: String,
    #[command(flatten)]
    at: Where,
    /// How many seconds lie between two looks at it.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=3600))]
    every: u64,
}

/// Let a batch job run that was created with --hold
#[derive(Debug, clap::Args)]
pub(crate) struct Confirm {
    /// The job's ID.
    id: String,
    #[command(flatten)]
    at: Where,
}

/// Cancel a batch job; what it has done stays done
#[derive(Debug, clap::Args)]
pub(crate) struct Cancel {
    /// The job's ID.
    id: String,
    /// Why, for others to read.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    at: Where,
}

/// Change the priority of a batch job
#[derive(Debug, clap::Args)]
pub(crate) struct Priority {
    /// The job's ID.
    id: String,
    /// The higher, the earlier.
    #[arg(value_parser = clap::value_parser!(u32).range(0..=2_147_483_647))]
    priority: u32,
    #[command(flatten)]
    at: Where,
}

/// Fetch the report of a batch job: what became of each object
#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    /// The job's ID.
    id: String,
    /// Only what failed.
    #[arg(long)]
    failed: bool,
    /// Write the rows to this file as the service wrote them (CSV: bucket, key, version, state, HTTP status, code, message).
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    at: Where,
}

/// Where the jobs are.
#[derive(Debug, clap::Args)]
struct Where {
    /// The bookmark that leads to the jobs, the default one without.
    #[arg(long, value_name = "NAME", help_heading = "Where")]
    bookmark: Option<String>,
    /// The region of the jobs, where it is not the bookmark's.
    #[arg(long, value_name = "REGION", help_heading = "Where")]
    region: Option<Region>,
    /// The account of the jobs, where it is not that of the bookmark's role.
    #[arg(long, value_name = "ID", help_heading = "Where")]
    account: Option<AccountId>,
}

impl Where {
    async fn find(self, app: &App) -> Result<At, Failure> {
        let name = bookmark_name(app, self.bookmark)?;
        Ok(At::of(app, name, self.account, self.region).await?)
    }
}

fn id(text: &str) -> Result<JobId, Error> {
    Ok(text.parse().map_err(BatchError::from)?)
}

impl Ls {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let statuses: Vec<JobStatus> =
            self.status.iter().map(|text| JobStatus::from(text.as_str())).collect();
        let at = self.at.find(app).await?;
        let mut jobs = show::Jobs::new(output);
        batch::list_jobs(app, &at, &statuses, &mut |job| jobs.job(job)).await?;
        jobs.finish(&at)?;
        Ok(Exit::Done)
    }
}

impl Show {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let (id, at) = (id(&self.id)?, self.at.find(app).await?);
        shown(output, &batch::look(app, &at, &id).await?)
    }
}

impl Watch {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let (id, at) = (id(&self.id)?, self.at.find(app).await?);
        to_the_end(app, output, &at, &id, Duration::from_secs(self.every)).await
    }
}

impl Confirm {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let (id, at) = (id(&self.id)?, self.at.find(app).await?);
        shown(output, &batch::confirm(app, &at, &id).await?)
    }
}

impl Cancel {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let (id, at) = (id(&self.id)?, self.at.find(app).await?);
        show::batch_job(output, &batch::cancel(app, &at, &id, self.reason.as_deref()).await?)?;
        Ok(Exit::Done)
    }
}

impl Priority {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let (id, at) = (id(&self.id)?, self.at.find(app).await?);
        show::batch_job(output, &batch::set_priority(app, &at, &id, self.priority).await?)?;
        Ok(Exit::Done)
    }
}

impl Report {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        let (id, at) = (id(&self.id)?, self.at.find(app).await?);
        let job = batch::look(app, &at, &id).await?;
        match &self.output {
            Some(path) => {
                let bytes = batch::save_report(app, &at, &job, self.failed, path).await?;
                show::batch_report_saved(output, path, bytes)?;
            }
            None => {
                let mut sink = |task: &batch::Task| show::batch_task(output, task);
                batch::fetch_report(app, &at, &job, self.failed, &mut sink).await?;
            }
        }
        Ok(exit(&job))
    }
}

/// Follows a job and ends as the job does.
pub(super) async fn to_the_end(app: &App, output: &Output, at: &At, id: &JobId, every: Duration) -> Outcome {
    let mut sink = |job: &Job| show::batch_progress(output, job);
    let job = batch::follow(app, at, id, every, &mut sink).await?;
    shown(output, &job)
}

fn shown(output: &Output, job: &Job) -> Outcome {
    show::batch_job(output, job)?;
    Ok(exit(job))
}

/// Says how a command ends that is about a job.
fn exit(job: &Job) -> Exit {
    match job.status {
        JobStatus::Failed | JobStatus::Failing | JobStatus::Cancelled | JobStatus::Cancelling => Exit::Failed,
        _ if job.progress.failed > 0 => Exit::Partly,
        _ => Exit::Done,
    }
}

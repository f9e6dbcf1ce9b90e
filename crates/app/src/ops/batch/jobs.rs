//! Jobs that exist: listed, looked at, followed, changed.

use std::time::Duration;

use pintail_core::name::{AccountId, BookmarkName, Region};
use pintail_store::s3::control::{JobPlace, WantedStatus};
use pintail_store::{ErrorKind, Operation, StoreError};

use super::{BatchError, Job, JobId, JobStatus};
use crate::ops::{App, Error};

/// Where jobs are: through which bookmark, in which account and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At {
    /// The bookmark.
    pub(crate) bookmark: BookmarkName,
    /// The account and the region.
    pub(super) place: JobPlace,
}

impl At {
    /// Finds out where the jobs of a bookmark are: in the account of its role or whoever it is, and in its region.
    pub(crate) async fn of(
        app: &App,
        bookmark: BookmarkName,
        account: Option<AccountId>,
        region: Option<Region>,
    ) -> Result<Self, Error> {
        let access = app.access(&bookmark).await?;
        let connection = &access.connection;
        let account = match account.or_else(|| connection.role().map(|role| role.account().clone())) {
            Some(account) => account,
            None => {
                let credential = access.ready().await?;
                let caller = match &credential {
                    Some(credential) => app.caller(&bookmark, connection, credential).await?,
                    None => None,
                };
                caller.and_then(|caller| caller.account.parse().ok()).ok_or(BatchError::Account)?
            }
        };
        let region = region.unwrap_or_else(|| connection.region.clone());
        Ok(place_for(&bookmark, account, region))
    }

    /// Returns the region.
    pub(crate) fn region(&self) -> &Region {
        &self.place.region
    }
}

pub(super) fn place_for(bookmark: &BookmarkName, account: AccountId, region: Region) -> At {
    At { bookmark: bookmark.clone(), place: JobPlace { account, region } }
}

/// Gives the jobs of the last 90 days to `sink`, the newest first.
pub(crate) async fn list(
    app: &App,
    at: &At,
    statuses: &[JobStatus],
    sink: &mut (dyn FnMut(&Job) -> std::io::Result<()> + Send),
) -> Result<(), Error> {
    let connected = app.connect_to(&at.bookmark).await?;
    let mut continuation = None;
    loop {
        let page = connected.s3.list_jobs(&at.place, statuses, continuation.as_deref()).await?;
        for job in &page.jobs {
            sink(job).map_err(Error::Stdio)?;
        }
        match page.next {
            Some(next) => continuation = Some(next),
            None => return Ok(()),
        }
    }
}

/// Looks at a job.
pub(crate) async fn look(app: &App, at: &At, id: &JobId) -> Result<Job, Error> {
    let connected = app.connect_to(&at.bookmark).await?;
    Ok(connected.s3.describe_job(&at.place, id).await?)
}

/// Looks at a job again and again until it ends or waits to be confirmed; gives it to `sink` whenever something changed.
pub(crate) async fn follow(
    app: &App,
    at: &At,
    id: &JobId,
    every: Duration,
    sink: &mut (dyn FnMut(&Job) -> std::io::Result<()> + Send),
) -> Result<Job, Error> {
    let mut seen: Option<Job> = None;
    loop {
        let job = look(app, at, id).await?;
        let is_news =
            seen.as_ref().is_none_or(|seen| (&seen.status, seen.progress) != (&job.status, job.progress));
        if is_news {
            sink(&job).map_err(Error::Stdio)?;
        }
        if job.status.is_end() || job.status == JobStatus::Suspended {
            return Ok(job);
        }
        seen = Some(job);
        tokio::time::sleep(every).await;
    }
}

/// Lets a job run that waits for it.
pub(crate) async fn confirm(app: &App, at: &At, id: &JobId) -> Result<Job, Error> {
    bring_to(app, at, id, WantedStatus::Ready, None).await
}

/// Cancels a job. What it has done stays done.
pub(crate) async fn cancel(app: &App, at: &At, id: &JobId, reason: Option<&str>) -> Result<Job, Error> {
    bring_to(app, at, id, WantedStatus::Cancelled, reason).await
}

async fn bring_to(
    app: &App,
    at: &At,
    id: &JobId,
    wanted: WantedStatus,
    reason: Option<&str>,
) -> Result<Job, Error> {
    let connected = app.connect_to(&at.bookmark).await?;
    writable(connected.read_only)?;
    connected.s3.set_job_status(&at.place, id, wanted, reason).await?;
    look(app, at, id).await
}

/// Changes a job's priority.
pub(crate) async fn set_priority(app: &App, at: &At, id: &JobId, priority: u32) -> Result<Job, Error> {
    let connected = app.connect_to(&at.bookmark).await?;
    writable(connected.read_only)?;
    connected.s3.set_job_priority(&at.place, id, priority).await?;
    look(app, at, id).await
}

fn writable(read_only: bool) -> Result<(), Error> {
    match read_only {
        true => Err(StoreError::new(ErrorKind::ReadOnly, Operation::UpdateJob).into()),
        false => Ok(()),
    }
}

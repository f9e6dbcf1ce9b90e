//! The completion report of a job, fetched from where the job wrote it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use futures_util::TryStreamExt;
use pintail_core::name::{BucketName, ObjectKey};
use pintail_store::ObjectStore;
use pintail_store::object_store::Get;
use pintail_transfer::manifest::{Report, ReportFile, Task, TaskRows};

use super::{At, BatchError, Job};
use crate::ops::{App, Error};

/// No report's `manifest.json` is larger: it names a few files.
const MANIFEST_MAX_BYTES: usize = 4 << 20;

/// Reads where the files of a job's report are: `PREFIX/job-ID/manifest.json`, as the User Guide has it.
async fn files(app: &App, at: &At, job: &Job) -> Result<(Arc<dyn ObjectStore>, Vec<ReportFile>), Error> {
    let wish = job.report.as_ref().ok_or(BatchError::NoReport)?;
    let below = wish.prefix.as_ref().map(|prefix| format!("{prefix}/")).unwrap_or_default();
    let key: ObjectKey = format!("{below}job-{}/manifest.json", job.id).parse()?;
    let connected = app.connect_to(&at.bookmark).await?;
    let got = connected.store.get(&wish.bucket, &key, &Get::default()).await?;
    let text = got.body.collect(MANIFEST_MAX_BYTES).await?;
    let report = Report::parse(&text).map_err(BatchError::from)?;
    Ok((Arc::clone(&connected.store), report.files))
}

/// Gives every task of a job's report to `sink`; with `failures_only`, those that failed.
pub(crate) async fn fetch(
    app: &App,
    at: &At,
    job: &Job,
    failures_only: bool,
    sink: &mut (dyn FnMut(&Task) -> std::io::Result<()> + Send),
) -> Result<(), Error> {
    let (store, files) = files(app, at, job).await?;
    for file in files.iter().filter(|file| !failures_only || file.status != "succeeded") {
        let mut rows = TaskRows::default();
        let mut give = |tasks: Vec<Task>| {
            let meant = tasks.iter().filter(|task| !failures_only || !task.succeeded);
            meant.into_iter().try_for_each(&mut *sink).map_err(Error::Stdio)
        };
        let mut body = store.get(&file.bucket, &file.key, &Get::default()).await?.body;
        while let Some(piece) = body.try_next().await? {
            give(rows.push(&piece).map_err(BatchError::from)?)?;
        }
        give(rows.finish().map_err(BatchError::from)?)?;
    }
    Ok(())
}

/// Writes the rows of a job's report into a file, as the service wrote them. Returns how many bytes that were.
pub(crate) async fn save(
    app: &App,
    at: &At,
    job: &Job,
    failures_only: bool,
    path: &Path,
) -> Result<u64, Error> {
    let (store, files) = files(app, at, job).await?;
    let failed = |error| Error::local("write", path, error);
    // Beside the target, so that half a report is never taken for a whole one.
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let kept = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut out = BufWriter::new(kept.as_file().try_clone().map_err(failed)?);
    let mut bytes = 0;
    for file in files.iter().filter(|file| !failures_only || file.status != "succeeded") {
        bytes += append(&*store, &file.bucket, &file.key, &mut out).await?.map_err(failed)?;
    }
    out.flush().and_then(|()| kept.as_file().sync_all()).map_err(failed)?;
    kept.persist(path).map_err(|error| failed(error.error))?;
    Ok(bytes)
}

async fn append(
    store: &dyn ObjectStore,
    bucket: &BucketName,
    key: &ObjectKey,
    out: &mut BufWriter<File>,
) -> Result<std::io::Result<u64>, Error> {
    let mut body = store.get(bucket, key, &Get::default()).await?.body;
    let mut bytes = 0;
    while let Some(piece) = body.try_next().await? {
        if let Err(error) = out.write_all(&piece) {
            return Ok(Err(error));
        }
        bytes += piece.len() as u64;
    }
    Ok(Ok(bytes))
}

//! From a plan to a job: the rule for deletions, the list of objects, and the job itself.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use pintail_connect::SystemRandom;
use pintail_core::name::{BucketName, ObjectKey};
use pintail_core::seam::Random;
use pintail_store::object_store::{ETag, Head, Put, WriteCondition};
use pintail_store::s3::control::{JobManifest, JobManifestFormat, JobReport, JobReportScope, NewJob};
use pintail_store::{ErrorKind, Operation, Payload, StoreError};

use super::jobs::{At, place_for};
use super::{BatchError, Job, List, Plan, Wish, expiry_rule, look};
use crate::ops::{App, Error};

/// The most that one upload takes; a list that is longer is cut into shards.
const UPLOAD_MAX_BYTES: u64 = 5 << 30;
const PIECE_BYTES: usize = 256 << 10;

/// Does what was planned, and returns the job as the service has it.
pub(crate) async fn create(app: &App, wish: &Wish, plan: &Plan) -> Result<(At, Job), Error> {
    let connected = app.connect_to(&plan.bookmark).await?;
    let role = wish.role.clone().ok_or(BatchError::NoRole)?;
    if connected.read_only {
        return Err(StoreError::new(ErrorKind::ReadOnly, Operation::CreateJob).into());
    }
    let account = wish.account.clone().unwrap_or_else(|| role.account().clone());
    if account != *role.account() {
        let (role, account) = (role.account().to_string(), account.to_string());
        return Err(BatchError::OtherAccount { role, account }.into());
    }
    let at = place_for(&plan.bookmark, account, plan.region.clone());
    // First, so that nothing is marked that no rule deletes.
    if let Some(expiry) = &plan.expiry {
        let rules = connected.s3.lifecycle(&expiry.bucket).await?;
        if let Some(merged) = rules.with(expiry_rule()) {
            connected.s3.set_lifecycle(&expiry.bucket, &merged).await?;
        }
    }
    let manifest = match &plan.list {
        List::Inventory { bucket, key } => {
            let info = connected.store.head(bucket, key, &Head::default()).await?;
            manifest(JobManifestFormat::Inventory, bucket, key, info.etag, Operation::Head)?
        }
        List::Made { file, size_bytes, versions } => {
            let size_bytes = *size_bytes;
            if size_bytes > UPLOAD_MAX_BYTES {
                return Err(BatchError::ManifestTooLarge { size_bytes }.into());
            }
            let address = wish.manifest.as_ref().ok_or(BatchError::NoManifestPlace)?;
            let (bucket, key) = (address.bucket()?, list_key(app, wish, address.key.as_str())?);
            let file =
                file.try_clone().map_err(|error| Error::local("read", &std::env::temp_dir(), error))?;
            let options = Put { condition: WriteCondition::IfAbsent, ..Put::default() };
            let stored = connected.store.put(&bucket, &key, payload(file, size_bytes), &options).await?;
            manifest(JobManifestFormat::Csv(versions.fields()), &bucket, &key, stored.etag, Operation::Put)?
        }
    };
    let report = wish.report.as_ref().map(|address| {
        let prefix = address.key.as_str().trim_end_matches('/');
        Ok::<_, Error>(JobReport {
            bucket: address.bucket()?,
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
            scope: if wish.failures_only { JobReportScope::Failed } else { JobReportScope::All },
        })
    });
    let job = NewJob {
        operation: wish.deed.operation()?,
        manifest,
        report: report.transpose()?,
        role,
        priority: wish.priority,
        description: wish.description.clone(),
        waits: wish.waits,
    };
    let id = connected.s3.create_job(&at.place, &job).await?;
    let job = look(app, &at, &id).await?;
    Ok((at, job))
}

fn manifest(
    format: JobManifestFormat,
    bucket: &BucketName,
    key: &ObjectKey,
    etag: Option<ETag>,
    operation: Operation,
) -> Result<JobManifest, Error> {
    let etag = etag.ok_or_else(|| {
        let error = StoreError::new(ErrorKind::BadAnswer, operation).at(bucket, Some(key));
        error.because("the answer names no entity tag")
    })?;
    Ok(JobManifest { format, bucket: bucket.clone(), key: key.clone(), etag })
}

/// Returns the key of a list: below the place for it, by time and shard, and by chance where that is not enough.
fn list_key(app: &App, wish: &Wish, prefix: &str) -> Result<ObjectKey, Error> {
    let time = app.now().strftime("%Y%m%dT%H%M%SZ");
    let shard = match wish.shard.count() {
        1 => String::new(),
        count => format!("-{}-of-{count}", u64::from(wish.shard.index()) + 1),
    };
    let mut chance = [0; 4];
    SystemRandom.fill(&mut chance);
    let chance: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{prefix}pintail-{}-{time}{shard}-{chance}.csv", wish.deed.word()).parse()?)
}

/// Makes a payload of a whole file, which can be read as often as needed.
fn payload(file: File, length_bytes: u64) -> Payload {
    let file = Arc::new(file);
    Payload::from_fn(length_bytes, move || {
        let file = Arc::clone(&file);
        let pieces = futures_util::stream::unfold(0, move |at| {
            let piece = next_piece(&file, at, length_bytes);
            async move { piece }
        });
        Box::pin(pieces)
    })
}

fn next_piece(file: &File, at: u64, length_bytes: u64) -> Option<(io::Result<Bytes>, u64)> {
    let want = usize::try_from(length_bytes.checked_sub(at)?).unwrap_or(usize::MAX).min(PIECE_BYTES);
    let mut piece = vec![0; want];
    match read_at(file, &mut piece, at) {
        _ if want == 0 => None,
        Ok(0) => Some((Err(io::ErrorKind::UnexpectedEof.into()), u64::MAX)),
        Ok(count) => {
            piece.truncate(count);
            Some((Ok(Bytes::from(piece)), at + count as u64))
        }
        Err(error) => Some((Err(error), u64::MAX)),
    }
}

#[cfg(unix)]
fn read_at(file: &File, piece: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, piece, at)
}

#[cfg(windows)]
fn read_at(file: &File, piece: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, piece, at)
}

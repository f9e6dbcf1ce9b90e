//! Deleting objects, one by one or by what their keys begin with.

use std::sync::Arc;

use futures_util::TryStreamExt;
use pintail_core::address::Address;
use pintail_core::name::{BucketName, ObjectKey};
use pintail_store::object_store::{Delete, DeleteItem, List, pages};

use super::{App, Error};

/// How to delete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Everything that begins with the address.
    pub(crate) recursive: bool,
    /// Only tell what would be deleted.
    pub(crate) dry_run: bool,
}

/// What happened to one object.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// It is deleted, or would be.
    Deleted(&'a BucketName, &'a str),
    /// It is not, or nothing that begins with this.
    Failed(&'a BucketName, &'a str, &'a Error),
}

/// What happened in all.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// How many were deleted, or would be.
    pub(crate) deleted: u64,
    /// How many were not, and the first reason.
    pub(crate) failed: u64,
    /// The first reason.
    pub(crate) first_failure: Option<Error>,
}

/// Deletes what the addresses name. Addresses are checked before the first deletion.
pub(crate) async fn remove(
    app: &App,
    addresses: &[Address],
    options: Options,
    sink: &mut (dyn FnMut(Event<'_>) + Send),
) -> Result<Report, Error> {
    for address in addresses {
        address.bucket()?;
        if options.recursive {
            if address.key.as_str().is_empty() && !address.inside {
                return Err(Error::Usage(format!(
                    "{address} is a whole bucket; {address}/ means everything in it"
                )));
            }
            continue;
        }
        if address.is_folder() {
            return Err(Error::Usage(format!("{address} is a folder; --recursive deletes everything in it")));
        }
        address.object()?;
    }
    let mut report = Report::default();
    for address in addresses {
        let result = if options.recursive {
            remove_below(app, address, options.dry_run, sink, &mut report).await
        } else {
            remove_one(app, address, options.dry_run, sink, &mut report).await
        };
        if let Err(error) = result {
            // Without a sign-in nothing else can be deleted either; any other trouble is of this address alone.
            if error.no_credential().is_some() {
                return Err(error);
            }
            let (bucket, key) = (address.bucket()?, address.key.clone());
            report.fail(&bucket, key.as_str(), error, sink);
        }
    }
    Ok(report)
}

async fn remove_one(
    app: &App,
    address: &Address,
    dry_run: bool,
    sink: &mut (dyn FnMut(Event<'_>) + Send),
    report: &mut Report,
) -> Result<(), Error> {
    let (bucket, key) = address.object()?;
    let connected = app.connect(address).await?;
    if !dry_run {
        connected.store.delete(&bucket, &key, &Delete::default()).await?;
    }
    report.take(&bucket, &key, Ok(()), sink);
    Ok(())
}

async fn remove_below(
    app: &App,
    address: &Address,
    dry_run: bool,
    sink: &mut (dyn FnMut(Event<'_>) + Send),
    report: &mut Report,
) -> Result<(), Error> {
    let bucket = address.bucket()?;
    let connected = app.connect(address).await?;
    let tuning = &connected.tuning;
    let options = List { prefix: address.key.clone(), max: tuning.list_page, ..List::default() };
    let mut pages = std::pin::pin!(pages(Arc::clone(&connected.store), bucket.clone(), options));
    while let Some(page) = pages.try_next().await? {
        let keys: Vec<ObjectKey> = page.objects.into_iter().map(|object| object.key).collect();
        if dry_run {
            for key in &keys {
                report.take(&bucket, key, Ok(()), sink);
            }
            continue;
        }
        for keys in keys.chunks(tuning.delete_batch) {
            let items: Vec<DeleteItem> = keys.iter().cloned().map(DeleteItem::from).collect();
            let outcomes = connected.store.delete_many(&bucket, &items).await?;
            for (key, outcome) in keys.iter().zip(outcomes) {
                report.take(&bucket, key, outcome.map(drop).map_err(Error::from), sink);
            }
        }
    }
    Ok(())
}

impl Report {
    fn take(
        &mut self,
        bucket: &BucketName,
        key: &ObjectKey,
        result: Result<(), Error>,
        sink: &mut (dyn FnMut(Event<'_>) + Send),
    ) {
        match result {
            Ok(()) => {
                self.deleted += 1;
                sink(Event::Deleted(bucket, key.as_str()));
            }
            Err(error) => self.fail(bucket, key.as_str(), error, sink),
        }
    }

    fn fail(
        &mut self,
        bucket: &BucketName,
        key: &str,
        error: Error,
        sink: &mut (dyn FnMut(Event<'_>) + Send),
    ) {
        self.failed += 1;
        sink(Event::Failed(bucket, key, &error));
        self.first_failure.get_or_insert(error);
    }
}

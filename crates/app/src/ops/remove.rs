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
    Deleted(&'a BucketName, &'a ObjectKey),
    /// It is not.
    Failed(&'a BucketName, &'a ObjectKey, &'a Error),
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
    sink: &mut (dyn FnMut(Event<'_>) -> std::io::Result<()> + Send),
) -> Result<Report, Error> {
    for address in addresses {
        address.bucket()?;
        if options.recursive {
            continue;
        }
        if address.is_folder() {
            return Err(Error::Usage(format!("{address} is a folder; --recursive deletes everything in it")));
        }
        address.object()?;
    }
    let mut report = Report::default();
    for address in addresses {
        if options.recursive {
            remove_below(app, address, options.dry_run, sink, &mut report).await?;
        } else {
            let (bucket, key) = address.object()?;
            let connected = app.connect(address).await?;
            let result = if options.dry_run {
                Ok(())
            } else {
                connected.store.delete(&bucket, &key, &Delete::default()).await.map(drop).map_err(Error::from)
            };
            report.take(&bucket, &key, result, sink)?;
        }
    }
    Ok(report)
}

async fn remove_below(
    app: &App,
    address: &Address,
    dry_run: bool,
    sink: &mut (dyn FnMut(Event<'_>) -> std::io::Result<()> + Send),
    report: &mut Report,
) -> Result<(), Error> {
    let bucket = address.bucket()?;
    let connected = app.connect(address).await?;
    let options = List { prefix: address.key.clone(), ..List::default() };
    let mut pages = std::pin::pin!(pages(Arc::clone(&connected.store), bucket.clone(), options));
    while let Some(page) = pages.try_next().await? {
        let keys: Vec<ObjectKey> = page.objects.into_iter().map(|object| object.key).collect();
        if dry_run {
            for key in &keys {
                report.take(&bucket, key, Ok(()), sink)?;
            }
            continue;
        }
        if keys.is_empty() {
            continue;
        }
        let items: Vec<DeleteItem> = keys.iter().cloned().map(DeleteItem::from).collect();
        let outcomes = connected.store.delete_many(&bucket, &items).await?;
        for (key, outcome) in keys.iter().zip(outcomes) {
            report.take(&bucket, key, outcome.map(drop).map_err(Error::from), sink)?;
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
        sink: &mut (dyn FnMut(Event<'_>) -> std::io::Result<()> + Send),
    ) -> Result<(), Error> {
        match result {
            Ok(()) => {
                self.deleted += 1;
                sink(Event::Deleted(bucket, key)).map_err(Error::Stdio)
            }
            Err(error) => {
                self.failed += 1;
                let said = sink(Event::Failed(bucket, key, &error)).map_err(Error::Stdio);
                self.first_failure.get_or_insert(error);
                said
            }
        }
    }
}

//! From a wish to a plan: which objects a job goes through, counted and written into a list.
//!
//! The list is written to a file without a name as the objects come, so that a million of them need no memory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::write::MultiGzDecoder;
use futures_util::TryStreamExt;
use pintail_connect::Connected;
use pintail_core::address::Address;
use pintail_core::name::{BucketName, KeyPrefix, ObjectKey, Region};
use pintail_store::object_store::{Get, List as Listing, pages};
use pintail_transfer::entry::{Entry, Modified};
use pintail_transfer::filter::{NameList, Separator};
use pintail_transfer::manifest::csv::{CsvError, Reader};
use pintail_transfer::manifest::{Inventory, InventoryError, Item, Versions, push_line};
use pintail_transfer::name::Name;

use super::{BatchError, COPY_MAX_BYTES, Deed, Expiry, List, Load, Plan, RestoreTier, Source, Wish};
use crate::ops::prices::BatchLoad;
use crate::ops::{App, Error};

/// No inventory's `manifest.json` is larger: it names a file for every million objects or so.
const MANIFEST_MAX_BYTES: usize = 16 << 20;

/// Lists and counts what a wish is about. Nothing is written but a temporary file.
pub(crate) async fn plan(app: &App, wish: &Wish) -> Result<Plan, Error> {
    let address = wish.source.address();
    let bookmark = app.bookmark_of(address)?;
    let others = [wish.manifest.as_ref(), wish.report.as_ref()];
    for other in others.into_iter().flatten().chain(match &wish.deed {
        Deed::Copy { to, .. } => Some(to),
        _ => None,
    }) {
        super::same_bookmark(app, &bookmark, other)?;
    }
    let is_whole = wish.takes_inventory_as_it_is();
    if !is_whole && wish.manifest.is_none() {
        return Err(BatchError::NoManifestPlace.into());
    }
    let connected = app.connect(address).await?;
    let mut gathering = Gathering::begin(wish)?;
    let (bucket, list) = match &wish.source {
        Source::Below(address) => {
            let bucket = folder(address)?;
            gathering.below(&connected, &bucket, &address.key).await?;
            (bucket, None)
        }
        Source::Names(address, file) => {
            let bucket = folder(address)?;
            gathering.names(&bucket, &address.key, file)?;
            (bucket, None)
        }
        Source::Inventory(address) => {
            let (bucket, key) = address.object()?;
            let inventory = inventory(app, address).await?;
            if wish.counts || !is_whole {
                gathering.inventory(&connected, &inventory).await?;
            } else {
                gathering.load = Load::default();
            }
            let as_it_is = is_whole.then(|| List::Inventory { bucket, key });
            (inventory.source, as_it_is)
        }
    };
    let (load, made) = gathering.finish()?;
    let list = list.unwrap_or(made);
    let region = region(&connected, &bucket, &wish.deed).await?;
    let estimate = wish.prices.batch(&batch_load(&wish.deed, &load), &region);
    let expiry = match wish.deed {
        Deed::Delete => Some(expiry(&connected, &bucket).await?),
        _ => None,
    };
    Ok(Plan { bookmark, region, load, list, estimate, expiry })
}

/// Copies run where their targets are, everything else where its objects are (User Guide, "Copy objects").
async fn region(connected: &Connected, source: &BucketName, deed: &Deed) -> Result<Region, Error> {
    let bucket = match deed {
        Deed::Copy { to, .. } => to.bucket()?,
        _ => source.clone(),
    };
    let told = connected.store.head_bucket(&bucket).await?.region;
    Ok(told.unwrap_or_else(|| connected.s3.endpoint().region().clone()))
}

async fn expiry(connected: &Connected, bucket: &BucketName) -> Result<Expiry, Error> {
    let rules = connected.s3.lifecycle(bucket).await?;
    let rule = super::expiry_rule();
    let others = rules.rules.iter().filter(|other| other.id != rule.id).count();
    Ok(Expiry {
        bucket: bucket.clone(),
        rule: rule.xml().to_owned(),
        present: rules.with(rule).is_none(),
        others,
    })
}

fn batch_load(deed: &Deed, load: &Load) -> BatchLoad {
    BatchLoad {
        objects: load.objects,
        writes: matches!(deed, Deed::Copy { .. } | Deed::Tag(_) | Deed::Delete),
        restored: match deed {
            Deed::Restore { tier, .. } => {
                let tier = match tier {
                    RestoreTier::Standard => "standard",
                    RestoreTier::Bulk => "bulk",
                };
                Some((tier, load.classes.clone()))
            }
            _ => None,
        },
    }
}

/// Returns the bucket of an address that names what is in a bucket or in a folder. The beginning of a key is neither: it may be that of other keys
/// as well.
pub(super) fn folder(address: &Address) -> Result<BucketName, Error> {
    let bucket = address.bucket()?;
    // As with deletions, a bucket alone is the bucket; what is in it ends with a slash.
    let ends_with_slash = address.is_folder() && (address.inside || !address.key.as_str().is_empty());
    if ends_with_slash { Ok(bucket) } else { Err(BatchError::NotAFolder(address.clone()).into()) }
}

/// Reads the `manifest.json` of an inventory.
pub(super) async fn inventory(app: &App, address: &Address) -> Result<Inventory, Error> {
    let (bucket, key) = address.object()?;
    let connected = app.connect(address).await?;
    let got = connected.store.get(&bucket, &key, &Get::default()).await?;
    let text = got.body.collect(MANIFEST_MAX_BYTES).await?;
    Ok(Inventory::parse(&text).map_err(BatchError::from)?)
}

/// A list as it grows.
struct Gathering<'a> {
    wish: &'a Wish,
    /// The beginning of every key, which names are relative to.
    base: KeyPrefix,
    file: BufWriter<File>,
    size_bytes: u64,
    versions: Versions,
    load: Load,
    line: String,
}

impl<'a> Gathering<'a> {
    fn begin(wish: &'a Wish) -> Result<Self, Error> {
        let folder = std::env::temp_dir();
        let file = tempfile::tempfile_in(&folder).map_err(|error| Error::local("write", &folder, error))?;
        Ok(Self {
            wish,
            base: KeyPrefix::all(),
            file: BufWriter::new(file),
            size_bytes: 0,
            versions: Versions::Newest,
            load: Load { is_counted: true, bytes: Some(0), ..Load::default() },
            line: String::new(),
        })
    }

    fn needs_sizes(&self) -> bool {
        self.wish.filter.size_min_bytes.is_some() || self.wish.filter.size_max_bytes.is_some()
    }

    fn needs_times(&self) -> bool {
        self.wish.filter.modified_since.is_some() || self.wish.filter.modified_before.is_some()
    }

    async fn below(
        &mut self,
        connected: &Connected,
        bucket: &BucketName,
        prefix: &KeyPrefix,
    ) -> Result<(), Error> {
        self.base = prefix.clone();
        let options =
            Listing { prefix: prefix.clone(), max: connected.tuning.list_page, ..Listing::default() };
        let mut pages = std::pin::pin!(pages(Arc::clone(&connected.store), bucket.clone(), options));
        while let Some(page) = pages.try_next().await? {
            for object in page.objects {
                self.take(&Item {
                    bucket: bucket.clone(),
                    key: object.key,
                    version: None,
                    size_bytes: Some(object.size_bytes),
                    modified: Some(object.last_modified),
                    storage_class: object.storage_class.map(String::from),
                })?;
            }
        }
        Ok(())
    }

    fn names(&mut self, bucket: &BucketName, prefix: &KeyPrefix, file: &Path) -> Result<(), Error> {
        self.base = prefix.clone();
        if self.needs_sizes() || self.needs_times() {
            return Err(BatchError::ListWithLimits.into());
        }
        let bytes = std::fs::read(file).map_err(|error| Error::local("read", file, error))?;
        // A NUL is in no name that lines could hold.
        let separator = if bytes.contains(&0) { Separator::Nul } else { Separator::Line };
        let names = NameList::parse(&bytes, separator).map_err(BatchError::from)?;
        for name in names.iter() {
            if name.ends_with('/') {
                return Err(BatchError::FolderInList(name.to_owned()).into());
            }
            self.take(&Item {
                bucket: bucket.clone(),
                key: format!("{prefix}{name}").parse()?,
                version: None,
                size_bytes: None,
                modified: None,
                storage_class: None,
            })?;
        }
        Ok(())
    }

    async fn inventory(&mut self, connected: &Connected, inventory: &Inventory) -> Result<(), Error> {
        if self.needs_sizes() && !inventory.has_sizes() {
            return Err(BatchError::InventoryLacks("how large objects are").into());
        }
        if self.needs_times() && !inventory.has_times() {
            return Err(BatchError::InventoryLacks("when objects were written").into());
        }
        if inventory.has_versions() {
            self.versions = Versions::Named;
        }
        for file in &inventory.files {
            self.inventory_file(connected, inventory, &file.key).await?;
        }
        Ok(())
    }

    async fn inventory_file(
        &mut self,
        connected: &Connected,
        inventory: &Inventory,
        key: &ObjectKey,
    ) -> Result<(), Error> {
        let got = connected.store.get(&inventory.destination, key, &Get::default()).await?;
        let mut unpacked = MultiGzDecoder::new(Vec::new());
        let mut rows = Reader::new();
        let mut body = got.body;
        while let Some(piece) = body.try_next().await? {
            unpacked.write_all(&piece).map_err(BatchError::Unpack)?;
            self.rows(inventory, &mut rows, &std::mem::take(unpacked.get_mut()))?;
        }
        let rest = unpacked.finish().map_err(BatchError::Unpack)?;
        self.rows(inventory, &mut rows, &rest)?;
        rows.finish(&mut |row| self.row(inventory, row)).map_err(Flow::into_error)
    }

    fn rows(&mut self, inventory: &Inventory, rows: &mut Reader, bytes: &[u8]) -> Result<(), Error> {
        rows.push(bytes, &mut |row| self.row(inventory, row)).map_err(Flow::into_error)
    }

    fn row(&mut self, inventory: &Inventory, row: &[&str]) -> Result<(), Flow> {
        match inventory.item(row).map_err(|error| Flow(Box::new(BatchError::from(error).into())))? {
            Some(item) => self.take(&item).map_err(|error| Flow(Box::new(error))),
            None => Ok(()),
        }
    }

    /// Takes an object in, if it takes part.
    fn take(&mut self, item: &Item) -> Result<(), Error> {
        let Some(name) = Name::below(&self.base, &item.key) else { return Ok(()) };
        // What nobody knows would pass every limit.
        if self.needs_sizes() && item.size_bytes.is_none() {
            return Err(BatchError::InventoryLacks("how large every object is").into());
        }
        if self.needs_times() && item.modified.is_none() {
            return Err(BatchError::InventoryLacks("when every object was written").into());
        }
        let modified = item.modified.map_or(Modified::UNKNOWN, Modified::written);
        let entry = Entry::file(name, item.size_bytes.unwrap_or(0), modified);
        if self.wish.filter.leaves_out(&entry).is_some() || !self.wish.shard.holds(&entry.name) {
            self.load.left_out += 1;
            return Ok(());
        }
        let size = item.size_bytes;
        self.load.objects += 1;
        self.load.bytes = self.load.bytes.zip(size).map(|(all, one)| all.saturating_add(one));
        self.load.too_large += u64::from(size.is_some_and(|size| size > COPY_MAX_BYTES));
        if let Some(class) = &item.storage_class {
            let (objects, bytes) = self.load.classes.entry(class.clone()).or_default();
            *objects += 1;
            *bytes = bytes.saturating_add(size.unwrap_or(0));
        }
        self.line.clear();
        push_line(item, self.versions, &mut self.line);
        self.size_bytes += self.line.len() as u64;
        let failed = |error| Error::local("write", &std::env::temp_dir(), error);
        self.file.write_all(self.line.as_bytes()).map_err(failed)
    }

    fn finish(self) -> Result<(Load, List), Error> {
        let failed = |error| Error::local("write", &std::env::temp_dir(), error);
        let file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        let list = List::Made { file, size_bytes: self.size_bytes, versions: self.versions };
        Ok((self.load, list))
    }
}

/// An error on its way through the reader of rows.
struct Flow(Box<Error>);

impl Flow {
    fn into_error(self) -> Error {
        *self.0
    }
}

impl From<CsvError> for Flow {
    fn from(error: CsvError) -> Self {
        Self(Box::new(BatchError::from(error).into()))
    }
}

impl From<InventoryError> for Error {
    fn from(error: InventoryError) -> Self {
        BatchError::from(error).into()
    }
}

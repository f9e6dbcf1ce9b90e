//! Jobs of S3 Batch Operations: many objects at once, by the service itself.
//!
//! A wish becomes a [`Plan`], which lists the objects (or leaves that to an inventory), counts them and says what the job would cost; nothing is
//! written by that. [`create()`] uploads the list and creates the job. What S3 has no job for is said so: deletion marks objects with a tag and lets a
//! lifecycle rule expire them.

mod create;
mod error;
mod jobs;
pub(crate) mod kubernetes;
mod list;
mod report;
pub(crate) mod role;

use std::fs::File;
use std::path::PathBuf;

use pintail_core::address::Address;
use pintail_core::name::{AccountId, BookmarkName, BucketName, KeyPrefix, ObjectKey, Region, RoleArn};
use pintail_store::s3::control::JobOperation;
pub(crate) use pintail_store::s3::control::{Job, JobId, JobMetadata, JobStatus, RestoreTier};
use pintail_store::s3::lifecycle::Rule;
pub(crate) use pintail_transfer::filter::Filter;
pub(crate) use pintail_transfer::manifest::Task;
use pintail_transfer::manifest::Versions;
pub(crate) use pintail_transfer::plan::{Shard, ShardChoice, ShardError, Worker};

pub(crate) use create::create;
pub(crate) use error::BatchError;
pub(crate) use jobs::{At, cancel, confirm, follow, list as list_jobs, look, set_priority};
pub(crate) use list::plan;
pub(crate) use report::{fetch as fetch_report, save as save_report};

use super::prices::{ByClass, Estimate, PriceList};
use super::{App, Error};

/// The tag by which objects are marked to be deleted, and the name of the rule that deletes them.
pub(crate) const EXPIRY_TAG: (&str, &str) = ("pintail-expire", "yes");
/// How many days after it was written a marked object may expire. One is the least that S3 takes, and every object marked is older or soon will be.
const EXPIRY_DAYS: u32 = 1;
/// What one copy request takes, and so a job's task.
pub(crate) const COPY_MAX_BYTES: u64 = 5 << 30;

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It copies objects, each under its whole key, below a place.
    Copy {
        /// The place: a bucket, or a folder in it.
        to: Address,
        /// The storage class of the copies.
        storage_class: Option<String>,
        /// Whose metadata they have.
        metadata: JobMetadata,
    },
    /// It replaces all tags.
    Tag(Vec<(String, String)>),
    /// It removes all tags.
    DeleteTags,
    /// It has archived objects restored.
    Restore {
        /// For how many days.
        days: u32,
        /// How fast.
        tier: RestoreTier,
    },
    /// It marks objects for a lifecycle rule that deletes them.
    Delete,
}

impl Deed {
    /// Returns the word for it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Copy { .. } => "copy",
            Self::Tag(_) => "tag",
            Self::DeleteTags => "delete-tags",
            Self::Restore { .. } => "restore",
            Self::Delete => "delete",
        }
    }

    fn operation(&self) -> Result<JobOperation, Error> {
        Ok(match self {
            Self::Copy { to, storage_class, metadata } => JobOperation::Copy {
                bucket: to.bucket()?,
                // The service puts the slash between prefix and key itself.
                prefix: Some(to.key.as_str().trim_end_matches('/').to_owned()).filter(|it| !it.is_empty()),
                storage_class: storage_class.clone(),
                metadata: *metadata,
            },
            Self::Tag(tags) => JobOperation::Tag(tags.clone()),
            Self::DeleteTags => JobOperation::DeleteTags,
            Self::Restore { days, tier } => JobOperation::Restore { days: *days, tier: *tier },
            Self::Delete => JobOperation::Tag(vec![(EXPIRY_TAG.0.to_owned(), EXPIRY_TAG.1.to_owned())]),
        })
    }
}

/// Which objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Everything below a place.
    Below(Address),
    /// The names in a file, below a place.
    Names(Address, PathBuf),
    /// What an inventory lists.
    Inventory(Address),
}

impl Source {
    /// Returns the address that leads to the service.
    pub(crate) fn address(&self) -> &Address {
        match self {
            Self::Below(address) | Self::Names(address, _) | Self::Inventory(address) => address,
        }
    }
}

/// A job that somebody wishes for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// What it does.
    pub(crate) deed: Deed,
    /// With which objects.
    pub(crate) source: Source,
    /// Which of them take part.
    pub(crate) filter: Filter,
    /// Which part of them.
    pub(crate) shard: Shard,
    /// Where the list of objects is kept; not needed for an inventory that is taken as it is.
    pub(crate) manifest: Option<Address>,
    /// Where the report goes.
    pub(crate) report: Option<Address>,
    /// Only failures are reported.
    pub(crate) failures_only: bool,
    /// The role that it runs as.
    pub(crate) role: Option<RoleArn>,
    /// The account, where the role does not tell it.
    pub(crate) account: Option<AccountId>,
    /// The higher, the earlier.
    pub(crate) priority: u32,
    /// What people are told about it.
    pub(crate) description: Option<String>,
    /// It waits to be confirmed.
    pub(crate) waits: bool,
    /// An inventory that is taken as it is is read here too, to count what is in it.
    pub(crate) counts: bool,
    /// What things cost.
    pub(crate) prices: PriceList,
}

impl Wish {
    /// Tells whether the job gets an inventory as it lies there, and no list of its own.
    fn takes_inventory_as_it_is(&self) -> bool {
        matches!(self.source, Source::Inventory(_)) && self.filter.is_open() && self.shard.count() == 1
    }
}

/// A job that could be created.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The bookmark that leads there.
    pub(crate) bookmark: BookmarkName,
    /// Where the job will run.
    pub(crate) region: Region,
    /// What it goes through.
    pub(crate) load: Load,
    /// The list that it is given.
    list: List,
    /// What it would cost; `None` where nobody knows the prices.
    pub(crate) estimate: Option<Estimate>,
    /// For deletions, the rule.
    pub(crate) expiry: Option<Expiry>,
}

/// What a job goes through, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// It was counted; else nothing below is known.
    pub(crate) is_counted: bool,
    /// How many objects.
    pub(crate) objects: u64,
    /// How many bytes they have, where that is known of all of them.
    pub(crate) bytes: Option<u64>,
    /// How many of them are larger than a copy of a job may be.
    pub(crate) too_large: u64,
    /// How many were left out by filters and shards.
    pub(crate) left_out: u64,
    /// How many lie in which storage class, with how many bytes.
    classes: ByClass,
}

/// The list that a job is given.
#[derive(Debug)]
enum List {
    /// One that has been made and waits in a file.
    Made { file: File, size_bytes: u64, versions: Versions },
    /// An inventory as it is.
    Inventory { bucket: BucketName, key: ObjectKey },
}

impl Plan {
    /// Tells whether the list is one that will be uploaded, and how large it is.
    pub(crate) fn upload_bytes(&self) -> Option<u64> {
        match &self.list {
            List::Made { size_bytes, .. } => Some(*size_bytes),
            List::Inventory { .. } => None,
        }
    }
}

/// The lifecycle rule that makes a deletion of a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expiry {
    /// The bucket whose rules these are.
    pub(crate) bucket: BucketName,
    /// The rule, as S3 writes it.
    pub(crate) rule: String,
    /// It is there already.
    pub(crate) present: bool,
    /// How many rules the bucket has besides.
    pub(crate) others: usize,
}

fn expiry_rule() -> Rule {
    Rule::expiring(EXPIRY_TAG.0, EXPIRY_TAG, EXPIRY_DAYS)
}

/// Makes the documents of the role that a wish needs. Reads an inventory's `manifest.json`, and nothing else.
pub(crate) async fn role_policies(app: &App, wish: &Wish) -> Result<role::RolePolicies, Error> {
    let name = app.bookmark_of(wish.source.address())?;
    let partition = app.connection(&name)?.region.partition();
    let place = |address: &Address| Ok::<_, Error>((address.bucket()?, address.key.clone()));
    let objects = match &wish.source {
        Source::Below(address) | Source::Names(address, _) => (list::folder(address)?, address.key.clone()),
        Source::Inventory(address) => (list::inventory(app, address).await?.source, KeyPrefix::all()),
    };
    let list = match (&wish.manifest, &wish.source) {
        (_, Source::Inventory(address)) if wish.takes_inventory_as_it_is() => {
            // The files lie beside the manifest's own folder.
            let (bucket, key) = place(address)?;
            let key = key.as_str();
            let base = key.rsplitn(3, '/').nth(2).map(|base| format!("{base}/")).unwrap_or_default();
            (bucket, base.parse()?)
        }
        (Some(address), _) => place(address)?,
        (None, _) => return Err(BatchError::NoManifestPlace.into()),
    };
    let needs = match &wish.deed {
        Deed::Copy { to, .. } => {
            let (bucket, prefix) = place(to)?;
            role::Needs::Copy(bucket, prefix)
        }
        Deed::Tag(_) | Deed::Delete => role::Needs::Tag,
        Deed::DeleteTags => role::Needs::DeleteTags,
        Deed::Restore { .. } => role::Needs::Restore,
    };
    let report = wish.report.as_ref().map(place).transpose()?;
    Ok(role::policies(&role::Places { objects, list, report, needs }, partition))
}

/// Makes sure that an address leads through the same bookmark as the objects.
fn same_bookmark(app: &App, name: &BookmarkName, address: &Address) -> Result<(), Error> {
    if app.bookmark_of(address)? == *name {
        Ok(())
    } else {
        Err(BatchError::OtherBookmark(address.clone()).into())
    }
}

/// Returns what a shard's choice means here.
pub(crate) fn shard(app: &App, choice: Option<ShardChoice>) -> Result<Shard, Error> {
    let worker = app.environment().worker.map(|place| Worker { index: place.index, count: place.count });
    Ok(choice.map_or(Ok(Shard::WHOLE), |choice| choice.resolve(worker)).map_err(BatchError::from)?)
}

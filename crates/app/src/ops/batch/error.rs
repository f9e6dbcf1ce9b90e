//! What can go wrong with batch jobs: facts, without advice.

use pintail_core::address::Address;
use pintail_store::s3::control::JobIdError;
use pintail_transfer::filter::{ListError, RuleError};
use pintail_transfer::manifest::csv::CsvError;
use pintail_transfer::manifest::{InventoryError, ReportError};
use pintail_transfer::plan::ShardError;

use super::kubernetes::KubernetesError;
use crate::ops::prices::PricesError;

/// A batch job could not be made or followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BatchError {
    /// Nothing says in which account the jobs are.
    #[error("nothing says which account the jobs belong to")]
    Account,
    /// The role belongs to another account.
    #[error("the role is in account {role}, and the jobs are in account {account}")]
    OtherAccount {
        /// The role's.
        role: String,
        /// The jobs'.
        account: String,
    },
    /// Addresses of one job lead through two bookmarks.
    #[error("{0} is of another bookmark than the objects")]
    OtherBookmark(Address),
    /// The source is neither a bucket nor a folder.
    #[error("{0} is neither a bucket nor a folder")]
    NotAFolder(Address),
    /// No list of objects can be kept.
    #[error("nothing says where the list of objects is kept")]
    NoManifestPlace,
    /// No role was named.
    #[error("nothing says which role the job runs as")]
    NoRole,
    /// Nobody was asked, and nobody said yes.
    #[error("nobody confirmed that the job is meant")]
    NotConfirmed,
    /// The list of objects is longer than one request takes.
    #[error("the list of objects has {size_bytes} bytes, and one upload takes 5 GiB")]
    ManifestTooLarge {
        /// How long it is.
        size_bytes: u64,
    },
    /// Names of a list cannot be compared with size or age.
    #[error("sizes and ages are not known of names in a list")]
    ListWithLimits,
    /// A name of a list stands for a folder.
    #[error("{0:?} stands for a folder, and a job goes through objects")]
    FolderInList(String),
    /// The inventory has no column that a limit asks for.
    #[error("the inventory does not say {0}")]
    InventoryLacks(&'static str),
    /// An inventory cannot be used.
    #[error("the inventory cannot be used")]
    Inventory(#[from] InventoryError),
    /// Rows cannot be read.
    #[error("the list cannot be read")]
    Csv(#[from] CsvError),
    /// A file of an inventory is no gzip.
    #[error("a file of the inventory cannot be unpacked")]
    Unpack(#[source] std::io::Error),
    /// The job writes no report.
    #[error("the job writes no report")]
    NoReport,
    /// A report cannot be read.
    #[error("the report cannot be read")]
    Report(#[from] ReportError),
    /// A pattern cannot be read.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A list of names cannot be read.
    #[error(transparent)]
    List(#[from] ListError),
    /// A shard cannot be read, or told from the surroundings.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// A file of prices cannot be used.
    #[error("the file of prices cannot be used")]
    Prices(#[from] PricesError),
    /// A text names no job.
    #[error(transparent)]
    JobId(#[from] JobIdError),
    /// A manifest for Kubernetes cannot be written.
    #[error(transparent)]
    Kubernetes(#[from] KubernetesError),
}

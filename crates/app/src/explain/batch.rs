//! What to do about batch jobs that cannot be made or followed.

use super::{Exit, Explanation};
use crate::ops::Error;
use crate::ops::batch::BatchError;
use crate::ops::batch::kubernetes::KubernetesError;
use crate::ops::prices::PricesError;

/// Explains why a batch job could not be made or followed.
pub(super) fn explain(whole: &Error, error: &BatchError) -> Explanation {
    let (exit, next) = match error {
        BatchError::Account => (Exit::Usage, "Say which: --account 123456789012.".to_owned()),
        BatchError::OtherAccount { .. } => {
            (Exit::Usage, "Name a role of the account that the jobs are in: a role is not handed on to another.".to_owned())
        }
        BatchError::OtherBookmark(_) => (
            Exit::Usage,
            "Name all places through one bookmark: a job runs inside the service, as one account.".to_owned(),
        ),
        BatchError::NotAFolder(_) => (
            Exit::Usage,
            "End the address with a slash: BOOKMARK:bucket/ is everything in the bucket, BOOKMARK:bucket/folder/ what is in the folder."
                .to_owned(),
        ),
        BatchError::NoManifestPlace => {
            (Exit::Usage, "Say where the list may be written: --manifest BOOKMARK:bucket/folder/.".to_owned())
        }
        BatchError::NoRole => (
            Exit::Usage,
            "Name the role: --job-role arn:aws:iam::ACCOUNT:role/NAME; --print-role shows what it needs, for an admin to make it.".to_owned(),
        ),
        BatchError::NotConfirmed => {
            (Exit::Usage, "Look at the plan with --dry-run, then run it with --yes.".to_owned())
        }
        BatchError::ManifestTooLarge { .. } => {
            (Exit::Usage, "Make several jobs: --shard 1/8, --shard 2/8 and so on.".to_owned())
        }
        BatchError::ListWithLimits => (
            Exit::Usage,
            "Leave out the limits, or leave out --files-from so that the place is listed.".to_owned(),
        ),
        BatchError::FolderInList(_) => {
            (Exit::Usage, "Name objects only; a folder is a SOURCE, and --include picks several.".to_owned())
        }
        BatchError::InventoryLacks(_) => {
            (Exit::Usage, "Leave out the limit, or have the inventory made with that column.".to_owned())
        }
        BatchError::Inventory(_) | BatchError::Csv(_) | BatchError::Unpack(_) => (
            Exit::Failed,
            "Name the manifest.json of an S3 Inventory in CSV format, such as BOOKMARK:bucket/inventory/NAME/2026-11-27T01-00Z/manifest.json. S3 Batch Operations takes no ORC and no Parquet."
                .to_owned(),
        ),
        BatchError::NoReport => {
            (Exit::Failed, "Create jobs with --report BOOKMARK:bucket/folder/ to have one.".to_owned())
        }
        BatchError::Report(_) => {
            (Exit::Failed, "Look at the report's files in its bucket: `pintail ls BOOKMARK:bucket/`.".to_owned())
        }
        BatchError::Rule(_) => (Exit::Usage, "Correct the pattern; * and ? and [a-z] stand for letters, ** for folders.".to_owned()),
        BatchError::List(_) => (Exit::Failed, "Save the list as UTF-8, a name a line.".to_owned()),
        BatchError::Shard(_) => (
            Exit::Usage,
            "Write --shard 3/8, or --shard auto/8 in an array of Kubernetes; AWS Batch and Slurm say themselves of how many: --shard auto.".to_owned(),
        ),
        BatchError::Prices(PricesError::Unknown { near, .. }) if !near.is_empty() => {
            (Exit::Failed, format!("Did you mean {}?", near.join(" or ")))
        }
        BatchError::Prices(_) => (Exit::Failed, "Correct the file; docs/formats.md describes files of prices.".to_owned()),
        BatchError::JobId(_) => (Exit::Usage, "`pintail batch ls` lists the IDs of jobs.".to_owned()),
        BatchError::Kubernetes(error) => (Exit::Usage, kubernetes(error).to_owned()),
    };
    Explanation::new(whole, exit, [next])
}

fn kubernetes(error: &KubernetesError) -> &'static str {
    match error {
        KubernetesError::NoCommand => {
            "Write it after two hyphens: `pintail batch k8s … -- cp -r BOOKMARK:bucket/in/ BOOKMARK:bucket/out/`."
        }
        KubernetesError::Command(_) => "Give a `cp`, a `mv` or a `sync`, whose work can be cut by names.",
        KubernetesError::Shard => "Leave --shard out of the command: each pod gets its own.",
        KubernetesError::Name(_) => "Give another name with --name, --namespace or --service-account.",
        KubernetesError::TooMany(_) => "Cut it into fewer shards: a pod can do more than one file.",
    }
}

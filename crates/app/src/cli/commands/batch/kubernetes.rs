//! `pintail batch k8s`: an indexed Job of Kubernetes for a command that can be cut into shards.

use std::num::NonZeroU32;

use pintail_core::name::{Region, RoleArn};

use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::batch::BatchError;
use crate::ops::batch::kubernetes::{JobWish, Resources, job};
use crate::ops::{App, Error};

/// Print a Job for Kubernetes that does a `cp`, `mv` or `sync` in many pods at once
///
/// Each pod runs the command with `--shard auto/N` and does its own part. It signs in as its service account: the cluster is an OpenID Connect provider in IAM, and
/// the role trusts the service account. Nothing is sent anywhere: give what is printed to `kubectl apply -f -`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Into how many parts the work is cut.
    #[arg(long, value_name = "N")]
    shards: NonZeroU32,
    /// How many pods run at once, all of them without.
    #[arg(long, value_name = "N")]
    parallelism: Option<NonZeroU32>,
    /// The image to run, with `pintail` in its path.
    #[arg(long, value_name = "IMAGE")]
    image: String,
    /// The role that the service account may take.
    #[arg(long, value_name = "ARN")]
    job_role: RoleArn,
    /// The region.
    #[arg(long, value_name = "REGION")]
    region: Region,
    /// The name of the Job.
    #[arg(long, value_name = "NAME", default_value = "pintail")]
    name: String,
    /// The namespace.
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The service account.
    #[arg(long, value_name = "NAME", default_value = "pintail")]
    service_account: String,
    /// Processors for each pod.
    #[arg(long, value_name = "CPU", default_value = "1")]
    cpu: String,
    /// Memory for each pod.
    #[arg(long, value_name = "MEMORY", default_value = "512Mi")]
    memory: String,
    /// How often one part is tried again.
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,
    /// The command, without `pintail`: `-- cp -r work:bucket/in/ work:bucket/out/`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Args {
    pub(crate) fn run(self, _: &App, output: &Output) -> Outcome {
        let printed = job(&JobWish {
            command: &self.command,
            shards: self.shards,
            parallelism: self.parallelism,
            image: &self.image,
            name: &self.name,
            namespace: self.namespace.as_deref(),
            service_account: &self.service_account,
            role: &self.job_role,
            region: &self.region,
            resources: Resources { cpu: &self.cpu, memory: &self.memory },
            retries: self.retries,
        });
        let yaml = printed.map_err(|error| Error::from(BatchError::from(error)))?;
        show::batch_kubernetes(output, &self.name, &yaml)?;
        Ok(Exit::Done)
    }
}

//! `pintail batch` and its subcommands.

mod create;
mod follow;
mod kubernetes;

use clap::Subcommand;

use super::super::{Outcome, render::Output};
use crate::ops::App;

/// Have S3 itself go through many objects: jobs of S3 Batch Operations
///
/// A job copies, tags or restores any number of objects inside the service, while this machine is off. It runs as a role of its own (--job-role), goes
/// through a list (--manifest says where it is kept), and writes a report (--report). Every command shows what it comes to before it does it.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Copy(Box<create::Copy>),
    Tag(Box<create::Tag>),
    DeleteTags(Box<create::DeleteTags>),
    Restore(Box<create::Restore>),
    Delete(Box<create::Delete>),
    Ls(follow::Ls),
    Show(follow::Show),
    Watch(follow::Watch),
    Confirm(follow::Confirm),
    Cancel(follow::Cancel),
    Priority(follow::Priority),
    Report(follow::Report),
    K8s(Box<kubernetes::Args>),
}

impl Command {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        match self {
            Self::Copy(args) => args.run(app, output).await,
            Self::Tag(args) => args.run(app, output).await,
            Self::DeleteTags(args) => args.run(app, output).await,
            Self::Restore(args) => args.run(app, output).await,
            Self::Delete(args) => args.run(app, output).await,
            Self::Ls(args) => args.run(app, output).await,
            Self::Show(args) => args.run(app, output).await,
            Self::Watch(args) => args.run(app, output).await,
            Self::Confirm(args) => args.run(app, output).await,
            Self::Cancel(args) => args.run(app, output).await,
            Self::Priority(args) => args.run(app, output).await,
            Self::Report(args) => args.run(app, output).await,
            Self::K8s(args) => args.run(app, output),
        }
    }
}

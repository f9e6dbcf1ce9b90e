//! `pintail setup show`, `grant`, `revoke` and `remove`: what comes after a setup.

use std::path::PathBuf;

use pintail_core::name::BookmarkName;

use super::{RunOptions, bookmark_name};
use crate::cli::{Failure, Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::App;
use crate::setup::desired::Desired;
use crate::setup::journal::{self, Journal};
use crate::setup::plan::Plan;
use crate::setup::sides::Sides;
use crate::setup::{apply, people, rollback, saved};

/// Which setup is meant.
#[derive(Debug, clap::Args)]
struct Which {
    /// The bookmark of the setup; needed where there are several.
    #[arg(long, value_name = "NAME")]
    bookmark: Option<String>,
    /// The TOML file that says what is wanted, where no setup was run from here.
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Which {
    fn load(&self, app: &App) -> Result<Desired, Failure> {
        let name = bookmark_name(self.bookmark.as_deref())?;
        let mut desired = saved::load(app, self.file.as_deref(), name.as_ref())?;
        if let (Some(name), Some(_)) = (name, &self.file) {
            desired.bookmark.name = name;
        }
        Ok(desired)
    }
}

/// Show what exists of a setup on both sides
#[derive(Debug, clap::Args)]
pub(super) struct Show {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    run: RunOptions,
}

impl Show {
    pub(super) async fn run(self, app: &App, output: &Output) -> Outcome {
        let desired = self.which.load(app)?;
        let talk = show::SetupProgress::new(output);
        let sides = Sides::read(app, &desired, &self.run.admin(), &talk).await?;
        show::setup_state(output, &sides, &desired, &sides.plan(&desired))?;
        Ok(Exit::Done)
    }
}

/// Let groups or users in
///
/// At Entra they are assigned to the application. At other issuers the subjects (`sub`) are added to the role's trust policy.
#[derive(Debug, clap::Args)]
pub(super) struct Grant {
    /// Names of groups, NAME@DOMAIN of users, object IDs, or subjects.
    #[arg(required = true, value_name = "GROUP-or-USER")]
    who: Vec<String>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    run: RunOptions,
}

impl Grant {
    pub(super) async fn run(self, app: &App, output: &Output) -> Outcome {
        let mut desired = self.which.load(app)?;
        let talk = show::SetupProgress::new(output);
        let sides = Sides::read(app, &desired, &self.run.admin(), &talk).await?;
        let plan = people::grant(&sides, &mut desired, &self.who).await?;
        edit(app, output, &self.run, sides, &desired, &plan).await
    }
}

/// No longer let groups or users in
///
/// Sessions at AWS that run go on to their end, 12 hours at most.
#[derive(Debug, clap::Args)]
pub(super) struct Revoke {
    /// Names of groups, NAME@DOMAIN of users, object IDs, or subjects.
    #[arg(required = true, value_name = "GROUP-or-USER")]
    who: Vec<String>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    run: RunOptions,
}

impl Revoke {
    pub(super) async fn run(self, app: &App, output: &Output) -> Outcome {
        let mut desired = self.which.load(app)?;
        let talk = show::SetupProgress::new(output);
        let sides = Sides::read(app, &desired, &self.run.admin(), &talk).await?;
        let plan = people::revoke(&sides, &mut desired, &self.who)?;
        edit(app, output, &self.run, sides, &desired, &plan).await
    }
}

/// Shows and does a change of who may sign in.
async fn edit(
    app: &App,
    output: &Output,
    run: &RunOptions,
    sides: Sides,
    desired: &Desired,
    plan: &Plan,
) -> Outcome {
    show::setup_plan(output, &sides, plan)?;
    if run.dry_run {
        return Ok(Exit::Done);
    }
    if !plan.steps.is_empty() {
        run.confirm(output, "Change this?").await?;
        let (admin, talk) = (run.admin(), show::SetupProgress::new(output));
        let mut sides = sides.permit(app, &plan.steps, &admin, &talk).await?;
        let path = journal::path(app, &desired.bookmark.name);
        let mut journal = Journal::open(&path, &desired.bookmark.name)?;
        apply::apply(app, &mut sides, desired, &plan.steps, &mut journal, &talk).await?;
        journal.finished(false)?;
    }
    saved::keep(app, desired)?;
    show::setup_edited(output, plan.steps.len())?;
    Ok(Exit::Done)
}

/// Take away everything that a setup made
///
/// What bears its mark goes, on both sides; what was there before stays. The plan is shown first.
#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    run: RunOptions,
}

impl Remove {
    pub(super) async fn run(self, app: &App, output: &Output) -> Outcome {
        let desired = self.which.load(app)?;
        let (admin, talk) = (self.run.admin(), show::SetupProgress::new(output));
        let sides = Sides::read(app, &desired, &admin, &talk).await?;
        let (reversals, kept) = sides.removal(&desired);
        show::removal_plan(output, &sides, &reversals, &kept)?;
        if self.run.dry_run {
            return Ok(Exit::Done);
        }
        if !reversals.is_empty() {
            self.run.confirm(output, "Take this away?").await?;
            let sides = sides.permit_reversals(app, &reversals, &admin, &talk).await?;
            rollback::remove(&sides, &reversals, &talk).await?;
        }
        let name: &BookmarkName = &desired.bookmark.name;
        let gone = rollback::forget(app, name).await?;
        show::rolled_back(output, name, &gone)?;
        Ok(Exit::Done)
    }
}

//! `pintail setup` and its subcommands.

mod after;
mod ask;
mod options;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use pintail_core::name::BookmarkName;

use self::options::WishOptions;
use crate::admin::graph_token::AdminSignIn;
use crate::cli::{Failure, Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, Error, sign_in};
use crate::setup::desired::{Desired, Draft};
use crate::setup::hand_out::{self, HandOut};
use crate::setup::journal::{self, Journal, Record};
use crate::setup::plan::Plan;
use crate::setup::print::{self, Known, PrintKind};
use crate::setup::sides::{self, Admin, Sides};
use crate::setup::{SetupError, apply, rollback, saved, verify};

/// Set up Microsoft Entra ID and AWS for this sign-in, in one go
///
/// Reads what is there on both sides, shows what would change with the reason and the way back of each change, does it once you
/// agree, tries it, and writes the bookmark and the connection profile to hand out. Run again it changes nothing; cut off, it goes
/// on where it was. Everything can be taken back with --rollback.
///
/// You need an Entra role such as Cloud Application Administrator, and an AWS credential that may change IAM. Nothing is pasted: the
/// token for Entra comes from the Azure CLI (`az`) or from your own sign-in.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    wish: WishOptions,
    #[command(flatten)]
    run: RunOptions,
    /// Write the setup as files for others to carry out, and change nothing.
    #[arg(long, value_name = "KIND", value_enum, conflicts_with_all = ["save", "rollback"])]
    print: Option<PrintKind>,
    /// Write what is wanted to this file, and do nothing else.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "rollback"])]
    save: Option<PathBuf>,
    /// Take back what setups did, last thing first; without a file, for the bookmark.
    #[arg(long, value_name = "FILE")]
    rollback: Option<Option<PathBuf>>,
    /// Hand out bookmark and profile without trying them.
    #[arg(long)]
    no_verify: bool,
    /// The folder for the bookmark and the profile to hand out.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// What comes after a setup.
#[derive(Debug, Subcommand)]
enum Command {
    Show(after::Show),
    Grant(after::Grant),
    Revoke(after::Revoke),
    Remove(after::Remove),
}

/// How a command runs.
#[derive(Debug, clap::Args)]
pub(super) struct RunOptions {
    /// Show what would be done, and do nothing.
    #[arg(long, help_heading = "Running")]
    dry_run: bool,
    /// Do it without asking.
    #[arg(long, short = 'y', help_heading = "Running")]
    yes: bool,
    /// How you prove to Entra who you are.
    #[arg(long, value_name = "HOW", default_value_t, value_enum, help_heading = "Running")]
    admin_sign_in: AdminSignIn,
    /// Print sign-in addresses instead of opening a browser.
    #[arg(long, help_heading = "Running")]
    no_browser: bool,
    /// Sign in on another device by typing a code there.
    #[arg(long, conflicts_with = "no_browser", help_heading = "Running")]
    device: bool,
    /// How long to wait for each sign-in, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(5..=3600), help_heading = "Running")]
    timeout: u64,
}

impl RunOptions {
    fn admin(&self) -> Admin {
        let method = if self.device { sign_in::Method::Device } else { sign_in::Method::Redirect };
        let options = sign_in::Options {
            method,
            open_browser: !self.no_browser,
            account: None,
            fresh: false,
            trust: true,
            timeout: Duration::from_secs(self.timeout),
        };
        let by = if self.device && self.admin_sign_in == AdminSignIn::Browser {
            AdminSignIn::Device
        } else {
            self.admin_sign_in
        };
        Admin { by, options }
    }

    /// Asks whether the plan is meant. Without somebody to ask, only `--yes` says so.
    async fn confirm(&self, output: &Output, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        match output.confirm(question).await.map_err(Error::Stdio)? {
            Some(true) => Ok(()),
            Some(false) => Err(Error::Interrupted.into()),
            None => Err(SetupError::NotConfirmed.into()),
        }
    }
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        match self.command {
            Some(Command::Show(args)) => return args.run(app, output).await,
            Some(Command::Grant(args)) => return args.run(app, output).await,
            Some(Command::Revoke(args)) => return args.run(app, output).await,
            Some(Command::Remove(args)) => return args.run(app, output).await,
            None => {}
        }
        if let Some(file) = &self.rollback {
            return self.roll_back(app, output, file.as_deref()).await;
        }
        let desired = self.desired(app, output).await?;
        if let Some(file) = &self.save {
            std::fs::write(file, desired.to_toml()).map_err(|error| Error::local("write", file, error))?;
            show::setup_saved(output, file)?;
            return Ok(Exit::Done);
        }
        if let Some(kind) = self.print {
            return self.print(app, output, kind, &desired).await;
        }
        self.set_up(app, output, &desired).await
    }

    /// Writes the setup for others to carry out. Issuer and account are asked who they are only where the wish does not say it.
    async fn print(&self, app: &App, output: &Output, kind: PrintKind, desired: &Desired) -> Outcome {
        let facts = match print::facts_offline(desired) {
            Some(facts) => facts,
            None => sides::discover(app, &desired.issuer).await?.facts,
        };
        let mut known = Vec::new();
        for wish in &desired.accounts {
            let is_asked = kind == PrintKind::Portal && wish.account.is_none();
            known.push(if is_asked { sides::look_at(app, wish, &facts).await } else { Known::default() });
        }
        let files = print::render(kind, desired, &facts, &known).map_err(SetupError::Print)?;
        for file in &files {
            let written = self.output.as_ref().map(|folder| folder.join(&file.name));
            if let Some(path) = &written {
                write_file(path, file.text.as_bytes(), file.executable)?;
            }
            show::setup_printed(output, file, written.as_deref())?;
        }
        Ok(Exit::Done)
    }

    /// Puts together what is wanted: a file or what was wanted last time, the command line, answers.
    async fn desired(&self, app: &App, output: &Output) -> Result<Desired, Failure> {
        let mut draft = match (&self.wish.file, self.wish.continues(app)) {
            (Some(file), _) => saved::draft_of(file)?,
            (None, Some(name)) => saved::draft_of(&saved::path(app, &name))?,
            (None, None) => Draft::default(),
        };
        self.wish.apply(&mut draft)?;
        if output.can_ask() && self.wish.file.is_none() {
            ask::complete(app, output, &mut draft).await?;
        }
        let file = self.wish.file.clone();
        Ok(draft.read().map_err(|faults| SetupError::Faults { file, faults })?)
    }

    async fn set_up(&self, app: &App, output: &Output, desired: &Desired) -> Outcome {
        let talk = show::SetupProgress::new(output);
        let admin = self.run.admin();
        let sides = Sides::read(app, desired, &admin, &talk).await?;
        let mut plan = sides.plan(desired);
        plan.near_misses.extend(sides.looked_at(&plan).await);
        show::setup_plan(output, &sides, &plan)?;
        sides.check_people()?;
        hand_out::check_names(app, desired, &sides)?;
        if self.run.dry_run {
            return Ok(Exit::Done);
        }
        let path = journal::path(app, &desired.bookmark.name);
        let cut_off = Record::read(&path)?.is_some_and(|record| !record.is_finished);
        if plan.steps.is_empty() && !cut_off {
            let mut hand_outs = hand_out::prepare(app, desired, &sides)?;
            if hand_outs.iter().all(|hand_out| hand_out.is_here(app)) {
                return self.hand_out(output, &mut hand_outs, &path, true);
            }
        }
        let is_fresh = !plan.steps.is_empty() || cut_off;
        let sides = match plan.steps.is_empty() {
            true => sides,
            false => self.change(app, output, sides, desired, &plan).await?,
        };
        let mut hand_outs = hand_out::prepare(app, desired, &sides)?;
        for hand_out in &mut hand_outs {
            hand_out.take_in(app)?;
        }
        if self.no_verify {
            show::setup_not_tried(output)?;
        } else {
            verify::verify(app, &sides, &hand_outs, &admin, is_fresh, &talk).await?;
        }
        if is_fresh {
            Journal::open(&path, &desired.bookmark.name)?.finished(!self.no_verify)?;
        }
        saved::keep(app, desired)?;
        self.hand_out(output, &mut hand_outs, &path, false)
    }

    /// Does what was planned, once somebody agrees.
    async fn change(
        &self,
        app: &App,
        output: &Output,
        sides: Sides,
        desired: &Desired,
        plan: &Plan,
    ) -> Result<Sides, Failure> {
        self.run.confirm(output, "Change this?").await?;
        let (admin, talk) = (self.run.admin(), show::SetupProgress::new(output));
        let mut sides = sides.permit(app, &plan.steps, &admin, &talk).await?;
        // Kept before the first change: whoever answered questions does not answer them again after an interruption.
        saved::keep(app, desired)?;
        let path = journal::path(app, &desired.bookmark.name);
        let mut journal = Journal::open(&path, &desired.bookmark.name)?;
        apply::apply(app, &mut sides, desired, &plan.steps, &mut journal, &talk).await?;
        Ok(sides)
    }

    fn hand_out(
        &self,
        output: &Output,
        hand_outs: &mut [HandOut],
        rollback: &Path,
        nothing_else: bool,
    ) -> Outcome {
        let mut files = Vec::new();
        let mut news = false;
        for hand_out in hand_outs.iter() {
            let here = PathBuf::from(".");
            let (written, new) = hand_out.write(self.output.as_ref().unwrap_or(&here))?;
            news |= new;
            files.push((hand_out, written));
        }
        show::setup_done(output, &files, rollback, nothing_else && !news)?;
        Ok(Exit::Done)
    }

    async fn roll_back(&self, app: &App, output: &Output, file: Option<&Path>) -> Outcome {
        let path = match (file, self.wish.bookmark()?) {
            (Some(file), _) => file.to_owned(),
            (None, Some(name)) => journal::path(app, &name),
            (None, None) => journal::path(app, &saved::load(app, None, None)?.bookmark.name),
        };
        let Some(record) = Record::read(&path)? else {
            let why = "there is no such file".to_owned();
            return Err(SetupError::Journal { path, why }.into());
        };
        show::rollback_plan(output, &record)?;
        if self.run.dry_run {
            return Ok(Exit::Done);
        }
        if !record.open.is_empty() {
            self.run.confirm(output, "Take this back?").await?;
            let (admin, talk) = (self.run.admin(), show::SetupProgress::new(output));
            let reached = rollback::Reached::of(app, &record, &path, &admin, &talk).await?;
            let mut journal = Journal::open(&path, &record.bookmark)?;
            rollback::roll_back(&record, &reached, &mut journal, &talk).await?;
        }
        let gone = rollback::forget(app, &record.bookmark).await?;
        show::rolled_back(output, &record.bookmark, &gone)?;
        Ok(Exit::Done)
    }
}

/// Writes a file that was asked for, and makes its folder.
fn write_file(path: &Path, bytes: &[u8], executable: bool) -> Result<(), Error> {
    let failed = |error| Error::local("write", path, error);
    std::fs::create_dir_all(path.parent().unwrap_or_else(|| Path::new("."))).map_err(failed)?;
    std::fs::write(path, bytes).map_err(failed)?;
    #[cfg(unix)]
    if executable {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).map_err(failed)?;
    }
    Ok(())
}

/// Reads the name of a bookmark.
fn bookmark_name(text: Option<&str>) -> Result<Option<BookmarkName>, Failure> {
    text.map(|text| text.strip_suffix(':').unwrap_or(text).parse().map_err(Failure::from)).transpose()
}

//! `pintail profile ls|show|install|rm|enable|disable|check|export`

use std::path::PathBuf;

use pintail_core::connection::profile_check::{Finding, Severity};

use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::profiles::{self, Candidate};
use crate::ops::{App, Error};

/// Manage connection profiles: what kinds of service there are, and how one signs in there
///
/// The format is Cyberduck's: a `.cyberduckprofile` that serves there serves here.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the profiles
    Ls {
        /// Only those with this in their name or vendor.
        word: Option<String>,
        /// Also those that are deprecated.
        #[arg(long)]
        all: bool,
    },
    /// Show one profile: every value, and whether the profile says it or the protocol
    Show {
        /// Its vendor, or a file.
        profile: String,
    },
    /// Install profiles from files or addresses
    ///
    /// What a profile names is shown: its protocol, its hosts, who signs people in. One of the same vendor is replaced.
    Install {
        /// Files, or addresses with https.
        #[arg(required = true, value_name = "FILE|URL")]
        sources: Vec<String>,
        /// Show what would be installed, and install nothing.
        #[arg(short = 'n', long)]
        dry_run: bool,
        /// Also keep profiles of other protocols, which cannot be used here.
        #[arg(long)]
        force: bool,
    },
    /// Remove an installed profile
    Rm {
        /// Its vendor.
        vendor: String,
    },
    /// Offer a profile again
    Enable {
        /// Its vendor.
        vendor: String,
    },
    /// Stop to offer a profile; bookmarks that use it go on
    Disable {
        /// Its vendor.
        vendor: String,
    },
    /// Say what in profile files will not work as meant
    ///
    /// Ends with 1 when no file is in order, with 3 when some are not. Warnings and notes are no faults.
    Check {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Write a profile's file as it stands
    Export {
        /// Its vendor.
        vendor: String,
        /// The file to write, which must not exist; without it standard output.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

impl Command {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        match self {
            Self::Ls { word, all } => {
                let profiles = app.profiles()?;
                show::profiles(output, &profiles, &profiles.all()?, word.as_deref(), all)?;
            }
            Self::Show { profile } => show::profile(output, &profiles::named(app, &profile)?)?,
            Self::Install { sources, dry_run, force } => {
                return install(app, output, &sources, dry_run, force).await;
            }
            Self::Rm { vendor } => {
                let id = profiles::remove(app, &vendor)?;
                show::profile_changed(output, "profile_removed", "removed", &id)?;
            }
            Self::Enable { vendor } => {
                show::profile_changed(
                    output,
                    "profile_enabled",
                    "enabled",
                    &profiles::enable(app, &vendor, true)?,
                )?;
            }
            Self::Disable { vendor } => {
                show::profile_changed(
                    output,
                    "profile_disabled",
                    "disabled",
                    &profiles::enable(app, &vendor, false)?,
                )?;
            }
            Self::Check { files } => return check(app, output, &files),
            Self::Export { vendor, output: file } => export(app, output, &vendor, file)?,
        }
        Ok(Exit::Done)
    }
}

async fn install(app: &App, output: &Output, sources: &[String], dry_run: bool, force: bool) -> Outcome {
    let mut candidates = Vec::new();
    // All are looked at before the first is written.
    for source in sources {
        candidates.push(Candidate::take(app, source, force).await?);
    }
    let profiles = app.profiles()?;
    for candidate in &candidates {
        show::profile_candidate(output, candidate);
        let installed = if dry_run { None } else { Some(candidate.install(&profiles)?) };
        show::profile_installed(output, candidate, installed.as_ref())?;
    }
    Ok(Exit::Done)
}

fn check(app: &App, output: &Output, files: &[PathBuf]) -> Outcome {
    let mut faulty = 0;
    for path in files {
        let judged = profiles::judge(app, path);
        let is_error = |finding: &Finding| finding.severity() == Severity::Error;
        if !judged.as_ref().is_ok_and(|(_, findings)| !findings.iter().any(is_error)) {
            faulty += 1;
        }
        show::profile_checked(output, path, &judged)?;
    }
    Ok(match faulty {
        0 => Exit::Done,
        all if all == files.len() => Exit::Failed,
        _ => Exit::Partly,
    })
}

fn export(
    app: &App,
    output: &Output,
    vendor: &str,
    file: Option<PathBuf>,
) -> Result<(), crate::cli::Failure> {
    let bytes = profiles::file(app, vendor)?;
    match file {
        Some(path) => {
            profiles::write_new(&path, &bytes)?;
            show::profile_exported(output, vendor, &path)?;
        }
        None if output.is_json() => {
            return Err(Error::Usage(
                "a profile and JSON lines cannot both go to standard output; use --output".into(),
            )
            .into());
        }
        None => output.bytes(&bytes)?,
    }
    Ok(())
}

//! The commands, one file each: what can be typed, and which operation it starts.

pub(crate) mod add;
pub(crate) mod aws_config;
pub(crate) mod batch;
pub(crate) mod bookmark;
pub(crate) mod cat;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod console;
pub(crate) mod cp;
pub(crate) mod credentials;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod exec;
pub(crate) mod explain;
pub(crate) mod handle_url;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod ls;
pub(crate) mod mb;
pub(crate) mod mv;
pub(crate) mod policy;
pub(crate) mod presign;
pub(crate) mod profile;
pub(crate) mod rb;
pub(crate) mod rm;
pub(crate) mod roles;
pub(crate) mod sandbox;
pub(crate) mod scheme;
pub(crate) mod serve_credentials;
pub(crate) mod setup;
pub(crate) mod stat;
pub(crate) mod sync;
mod transfer;
pub(crate) mod transfers;
pub(crate) mod verify;
pub(crate) mod whoami;

use std::sync::Arc;

use clap::Subcommand;
use pintail_core::address::Address;
use pintail_core::name::{BookmarkName, KeyPrefix};

use super::{Failure, Outcome, render::Output};
use crate::ops::lend::Words;
use crate::ops::{App, Error};
use pintail_connect::Overrides;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Args),
    Sandbox(sandbox::Args),
    Login(login::Args),
    Logout(logout::Args),
    Whoami(whoami::Args),
    Roles(roles::Args),
    Add(add::Args),
    #[command(subcommand)]
    Bookmark(bookmark::Command),
    Recent(bookmark::Recent),
    #[command(subcommand)]
    Profile(profile::Command),
    #[command(subcommand)]
    Config(config::Command),
    Credentials(credentials::Args),
    AwsConfig(aws_config::Args),
    Ls(ls::Args),
    Stat(stat::Args),
    Cat(cat::Args),
    Cp(Box<cp::Args>),
    Mv(Box<mv::Args>),
    Sync(Box<sync::Args>),
    Rm(Box<rm::Args>),
    #[command(subcommand)]
    Transfers(transfers::Command),
    Verify(Box<verify::Args>),
    Mb(mb::Args),
    Rb(rb::Args),
    Presign(presign::Args),
    #[command(subcommand)]
    Batch(batch::Command),
    Exec(exec::Args),
    ServeCredentials(serve_credentials::Args),
    Env(env::Args),
    Console(console::Args),
    Setup(Box<setup::Args>),
    Doctor(Box<doctor::Args>),
    Explain(explain::Args),
    #[command(subcommand)]
    Policy(Box<policy::Command>),
    #[command(subcommand)]
    Scheme(scheme::Command),
    HandleUrl(handle_url::Args),
    Completions(completions::Completions),
    Man(completions::Man),
}

impl Command {
    /// Returns what the command line says in place of variables of the environment.
    pub(crate) fn overrides(&self) -> Overrides {
        match self {
            Self::Credentials(args) => args.overrides(),
            _ => Overrides::default(),
        }
    }

    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        match self {
            Self::Demo(args) => args.run(app, output).await,
            Self::Doctor(args) => args.run(app, output).await,
            Self::Sandbox(args) => args.run(app, output).await,
            Self::Login(args) => args.run(app, output).await,
            Self::Logout(args) => args.run(app, output).await,
            Self::Whoami(args) => args.run(app, output).await,
            Self::Roles(args) => args.run(app, output).await,
            Self::Add(args) => args.run(app, output).await,
            Self::Recent(args) => args.run(app, output),
            Self::Bookmark(command) => command.run(app, output).await,
            Self::Profile(command) => command.run(app, output).await,
            Self::Config(command) => command.run(app, output),
            Self::Credentials(args) => args.run(app, output).await,
            Self::AwsConfig(args) => args.run(app, output).await,
            Self::Ls(args) => args.run(app, output).await,
            Self::Stat(args) => args.run(app, output).await,
            Self::Cat(args) => args.run(app, output).await,
            Self::Cp(args) => args.run(app, output).await,
            Self::Mv(args) => args.run(app, output).await,
            Self::Sync(args) => args.run(app, output).await,
            Self::Rm(args) => args.run(app, output).await,
            Self::Transfers(command) => command.run(app, output).await,
            Self::Verify(args) => args.run(app, output).await,
            Self::Mb(args) => args.run(app, output).await,
            Self::Rb(args) => args.run(app, output).await,
            Self::Presign(args) => args.run(app, output).await,
            Self::Batch(command) => command.run(app, output).await,
            Self::Exec(args) => args.run(app, output).await,
            Self::ServeCredentials(args) => args.run(app, output).await,
            Self::Env(args) => args.run(app, output).await,
            Self::Console(args) => args.run(app, output).await,
            Self::Policy(command) => command.run(app, output).await,
            Self::Explain(args) => args.run(output).await,
            Self::Setup(args) => args.run(app, output).await,
            Self::Scheme(command) => command.run(app, output),
            Self::HandleUrl(args) => args.run(app, output).await,
            Self::Completions(args) => args.run(output),
            Self::Man(args) => args.run(output),
        }
    }
}

/// Returns what puts an error into words for the user of a tool that a sign-in is lent to.
fn lending_words() -> Words {
    Words(Arc::new(crate::explain::refusal))
}

/// Reads the name of a bookmark, or takes the default one.
fn bookmark_name(app: &App, text: Option<String>) -> Result<BookmarkName, Error> {
    match text {
        // `work:` is what one types everywhere else.
        Some(text) => text.strip_suffix(':').unwrap_or(&text).parse().map_err(Error::from),
        None => Ok(app.default_bookmark()?),
    }
}

/// Reads an address; without one, the list of buckets of the default bookmark is meant.
fn address(app: &App, text: Option<String>) -> Result<Address, Error> {
    match text {
        Some(text) => text.parse().map_err(Error::Address),
        None => Ok(Address {
            bookmark: Some(app.default_bookmark()?),
            bucket: None,
            key: KeyPrefix::all(),
            inside: false,
        }),
    }
}

/// Reads the address of a folder to look into: `work:` begins at the bookmark's own path, `work:/` at the list of buckets. Without
/// one, the default bookmark's path is meant.
fn start(app: &App, text: Option<String>) -> Result<Address, Error> {
    let address: Address = match text {
        Some(text) => text.parse().map_err(Error::Address)?,
        None => Address { bookmark: None, bucket: None, key: KeyPrefix::all(), inside: false },
    };
    if address.bucket.is_some() || address.inside {
        return Ok(address);
    }
    let name = app.bookmark_of(&address)?;
    let whole = Address { bookmark: Some(name.clone()), ..address };
    let Some(path) = app.connection(&name)?.default_path else { return Ok(whole) };
    let path = path.trim_matches('/');
    if path.is_empty() {
        return Ok(whole);
    }
    format!("{name}:{path}/").parse().map_err(Error::Address)
}

/// Lets pass that a bookmark is not complete yet: it is kept, and says what it lacks when it is used.
fn only_what_is_missing(failure: Failure) -> Result<(), Failure> {
    match failure {
        Failure::Operation(error)
            if matches!(*error, Error::Connect(pintail_connect::Error::Connection { .. })) =>
        {
            Ok(())
        }
        other => Err(other),
    }
}

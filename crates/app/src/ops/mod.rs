//! What can be done: the operations that the command line, and later the web page, start.
//!
//! Here, and only here, sign-in (`identity`) and S3 (`store`) are joined. An operation takes values and gives values; what is
//! shown and how is not its business.

pub(crate) mod aws_config;
pub(crate) mod batch;
pub(crate) mod bucket;
pub(crate) mod config;
pub(crate) mod credentials;
pub(crate) mod demo;
mod error;
pub(crate) mod lend;
pub(crate) mod list;
pub(crate) mod nearest;
pub(crate) mod object;
pub(crate) mod policy;
pub(crate) mod presign;
pub(crate) mod prices;
pub(crate) mod profiles;
pub(crate) mod sandbox;
pub(crate) mod scheme;
pub(crate) mod share;
pub(crate) mod sign_in;
pub(crate) mod signal;
pub(crate) mod transfer;

use std::ops::Deref;
use std::sync::Arc;

use pintail_connect::{Connector, Environment, PinWatch};
use pintail_core::name::BookmarkName;

pub(crate) use self::error::Error;
use self::signal::Interrupt;

/// One run of the program: its connections, and what ends it early.
#[derive(Debug)]
pub(crate) struct App {
    connector: Connector,
    interrupt: Interrupt,
}

impl App {
    /// Starts a run. Nothing is read or connected yet.
    pub(crate) fn new(environment: Environment) -> Self {
        Self { connector: Connector::new(environment), interrupt: Interrupt::default() }
    }

    /// As [`App::new`], with a role that is asked for.
    pub(crate) fn with_role(environment: Environment, role: Option<String>) -> Self {
        Self { connector: Connector::new(environment).with_role(role), interrupt: Interrupt::default() }
    }

    /// Returns the shell to write lines for: the person's own.
    pub(crate) fn shell(&self) -> Result<lend::Shell, Error> {
        match &self.environment().shell {
            Some(program) => lend::Shell::of(program).ok_or_else(|| {
                Error::Usage(format!(
                    "the shell {program:?} sets variables in a way of its own; choose with --shell"
                ))
            }),
            None if cfg!(windows) => Ok(lend::Shell::PowerShell),
            None => Ok(lend::Shell::Sh),
        }
    }

    /// Returns what a bookmark has to lend to other tools. Nobody is asked for anything yet.
    pub(crate) async fn credential_source(&self, name: &BookmarkName) -> Result<lend::Lent, Error> {
        let access = self.connector.access(name).await?;
        access.may_be_lent()?;
        let http = self.connector.http(&access.connection)?;
        Ok(lend::Lent::new(access, http, self.environment()))
    }

    /// Has somebody told of bookmarks that lead elsewhere than they did.
    #[must_use]
    pub(crate) fn with_watch(self, watch: Arc<dyn PinWatch>) -> Self {
        Self { connector: self.connector.with_watch(watch), ..self }
    }

    /// Returns what ends the run early.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

impl Deref for App {
    type Target = Connector;

    fn deref(&self) -> &Connector {
        &self.connector
    }
}

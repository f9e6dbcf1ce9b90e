//! What can be done: the operations that the command line, and later the web page, start.
//!
//! Here, and only here, sign-in (`identity`) and S3 (`store`) are joined. An operation takes values and gives values; what is
//! shown and how is not its business.

pub(crate) mod bucket;
pub(crate) mod copy;
pub(crate) mod demo;
mod error;
pub(crate) mod list;
pub(crate) mod object;
pub(crate) mod presign;
pub(crate) mod remove;
pub(crate) mod sandbox;
pub(crate) mod scheme;
pub(crate) mod sign_in;
pub(crate) mod signal;

use std::ops::Deref;

use pintail_connect::{Connector, Environment};

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
